# LatteCLIP on SUN397 with the published hyper-parameters (arXiv 2410.08211).
_base_ = ['./methods/latteclip.py', './data/sun397.py']
locals().update({**_base_.data, **_base_.methods.latteclip})
