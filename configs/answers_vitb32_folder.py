# Answers about a few images of a folder of your own; no LMM, no training.
# `tools/adapt.py --answers FILE` writes such a config.
_base_ = './latteplus_vitb32_folder.py'
method = ['answers']
model = dict(type='mmlatte.AnswersClassifier')
