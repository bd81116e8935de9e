# FLYP: contrastive fine-tuning on zero-shot labels (arXiv 2212.00638). With
# the optimisation that LatteCLIP's authors gave it.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/latteclip.py',
    '../_base_/method_runtime.py',
]
method = ['flyp']
model = dict(
    type='mmlatte.FLYPClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
)
