# IFPL: FPL that labels anew, with the model of now, in every round.
_base_ = ['./fpl_vitb32_eurosat.py']
model = dict(rounds=10)
