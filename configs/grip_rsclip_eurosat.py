# GRIP: every round labels anew, learns from more images, in the last one from
# all, and starts from the pretrained weights and the full learning rate.
_base_ = ['./ifpl_rsclip_eurosat.py']
model = dict(
    selection=dict(_delete_=True, type='mmlatte.GrowingSelection'),
    restart=True,
)
# As many as model.rounds: who overrides one overrides both.
param_scheduler = dict(cycles={{_base_.model.rounds}})
