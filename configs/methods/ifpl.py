# IFPL: FPL that labels anew, with the model of now, in every round.
_base_ = './fpl.py'
method = [*_base_.method, 'ifpl']
model = dict(rounds=10)
