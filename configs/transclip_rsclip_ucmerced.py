# TransCLIP-ZS with the small CLIP, UC Merced of the test assets; transductive.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/ucmerced_rsclip.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.TransCLIPClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
)
train_dataloader = dict(dataset=dict(split='test'))
