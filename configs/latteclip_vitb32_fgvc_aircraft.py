# LatteCLIP on FGVC-Aircraft with the published settings (arXiv 2410.08211).
_base_ = ['./methods/latteclip.py', './data/fgvc_aircraft.py']
locals().update({**_base_.data, **_base_.methods.latteclip})
