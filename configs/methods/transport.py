# Self-adaptive transport (arXiv 2506.13723), inductive, and with the classes'
# shares of the images estimated.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/fit.py',
    '../_base_/method_runtime.py',
]
method = ['transport']
model = dict(
    type='mmlatte.TransportClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
)
