# ReCLIP: its label propagation over frozen features, without its training
# (arXiv 2308.03793).
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/fit.py',
    '../_base_/method_runtime.py',
]
method = ['reclip']
model = dict(
    type='mmlatte.ReCLIPClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
)
