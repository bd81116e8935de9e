# GDA by EM with the small CLIP of the test assets on UC Merced.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.GDAClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
)
