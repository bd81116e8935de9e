# FPL, few pseudo-labels (arXiv 2306.01669), with norm tuning of the small CLIP
# of the test assets: the 16 images that frozen CLIP is surest of, per class.
_base_ = [
    './_base_/methods/fpl_rsclip.py',
    './_base_/datasets/eurosat_rsclip.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
