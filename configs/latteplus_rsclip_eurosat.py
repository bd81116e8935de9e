# LattePlus with the small CLIP of the test assets, from class names alone.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/eurosat_rsclip.py',
    './_base_/schedules/fit.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.LattePlusClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    as_prototypes=True,
)
