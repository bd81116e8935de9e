# IFPL: FPL that labels anew, with the model of now, in every round.
_base_ = ['./fpl_rsclip_ucmerced.py']
model = dict(rounds=5)
