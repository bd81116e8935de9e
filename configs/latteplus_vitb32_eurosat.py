# LattePlus: classes found by structure, from their names alone.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_no_texts.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.LattePlusClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    as_prototypes=True,
)
