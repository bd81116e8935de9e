# IFPL: FPL with new pseudo-labels in every round, from the model so far (arXiv
# 2306.01669).
_base_ = './fpl.py'
method = [*_base_.method, 'ifpl']
model = dict(rounds=10)
