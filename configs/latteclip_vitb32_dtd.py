# LatteCLIP on DTD with the published hyper-parameters (arXiv 2410.08211).
_base_ = ['./methods/latteclip.py', './data/dtd.py']
locals().update({**_base_.data, **_base_.methods.latteclip})
