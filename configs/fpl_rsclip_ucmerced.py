# FPL, few pseudo-labels, on UC Merced with the small CLIP of the test assets;
# see fpl_rsclip_eurosat.py.
_base_ = [
    './_base_/methods/fpl_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
