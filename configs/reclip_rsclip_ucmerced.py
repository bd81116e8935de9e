# ReCLIP's label propagation with the small CLIP, UC Merced of the test assets.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.ReCLIPClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    # 21 classes would leave 20 of 256 dimensions.
    options=dict(project=False),
)
