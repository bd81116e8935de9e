# LatteCLIP on Oxford Pets with the published settings (arXiv 2410.08211).
_base_ = ['./methods/latteclip.py', './data/oxford_pets.py']
locals().update({**_base_.data, **_base_.methods.latteclip})
