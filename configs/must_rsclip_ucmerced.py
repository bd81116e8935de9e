# MUST without masking on UC Merced with the small CLIP of the test assets; see
# must_rsclip_eurosat.py.
_base_ = [
    './_base_/methods/must_rsclip.py',
    './_base_/datasets/ucmerced_rsclip_views.py',
]
model = dict(
    class_names={{_base_.class_names}}, templates={{_base_.templates}}
)
