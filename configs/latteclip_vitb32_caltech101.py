# LatteCLIP on Caltech101 with the published settings (arXiv 2410.08211).
_base_ = ['./methods/latteclip.py', './data/caltech101.py']
locals().update({**_base_.data, **_base_.methods.latteclip})
