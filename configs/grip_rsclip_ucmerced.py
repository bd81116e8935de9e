# GRIP: every round labels anew and learns from more images; see
# grip_rsclip_eurosat.py.
_base_ = ['./ifpl_rsclip_ucmerced.py']
model = dict(
    selection=dict(_delete_=True, type='mmlatte.GrowingSelection'),
    restart=True,
)
# As many as model.rounds: who overrides one overrides both.
param_scheduler = dict(cycles={{_base_.model.rounds}})
