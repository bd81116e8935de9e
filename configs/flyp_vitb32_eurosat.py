# FLYP (arXiv 2212.00638) on zero-shot labels, the baseline of LatteCLIP, with
# the optimisation that LatteCLIP's authors gave it.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_no_texts.py',
    './_base_/schedules/latteclip.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.FLYPClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
)
