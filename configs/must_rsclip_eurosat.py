# MUST without masking (arXiv 2206.02967) on EuroSAT with the small CLIP of the
# test assets.
_base_ = [
    './_base_/methods/must_rsclip.py',
    './_base_/datasets/eurosat_rsclip_views.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
