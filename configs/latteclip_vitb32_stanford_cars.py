# LatteCLIP on Stanford Cars with the published settings (arXiv 2410.08211).
_base_ = ['./methods/latteclip.py', './data/stanford_cars.py']
locals().update({**_base_.data, **_base_.methods.latteclip})
