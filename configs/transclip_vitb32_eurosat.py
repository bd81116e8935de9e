# TransCLIP-ZS (arXiv 2406.01837), transductive: fitted on the test images,
# without their labels.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_no_texts.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.TransCLIPClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
)
train_dataloader = dict(dataset=dict(split='test'))
