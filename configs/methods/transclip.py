# TransCLIP-ZS: transductive, fitted to the test images without their labels
# (arXiv 2406.01837).
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/fit.py',
    '../_base_/method_runtime.py',
]
method = ['transclip']
model = dict(
    type='mmlatte.TransCLIPClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
)
transductive = True  # the training images are the test images
