# GRIP: IFPL on more images in every round, in the last on all (arXiv
# 2306.01669). Each round starts from the pretrained weights and the full
# learning rate.
_base_ = './ifpl.py'
method = [*_base_.method, 'grip']
model = dict(
    selection=dict(_delete_=True, type='mmlatte.GrowingSelection'),
    restart=True,
)
# As many as model.rounds: who overrides one overrides both.
param_scheduler = dict(cycles={{_base_.model.rounds}})
