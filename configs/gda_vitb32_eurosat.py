# Gaussian discriminant analysis by EM on frozen features (arXiv 2402.04087).
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_no_texts.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.GDAClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
)
