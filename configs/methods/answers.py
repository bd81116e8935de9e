# Answers: LattePlus, and what somebody said that a few of the images show
# (rules chosen on ten other data sets).
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/fit.py',
    '../_base_/method_runtime.py',
]
method = ['answers']
model = dict(
    type='mmlatte.AnswersClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    as_prototypes=True,
)
# default_hooks.frozen_features.answers: the file of the answers.
