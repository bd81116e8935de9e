# GDA: Gaussian discriminants fitted to frozen features by EM (arXiv
# 2402.04087).
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/fit.py',
    '../_base_/method_runtime.py',
]
method = ['gda']
model = dict(
    type='mmlatte.GDAClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
)
