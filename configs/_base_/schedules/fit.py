# A method that fits frozen features at once.
train_cfg = dict(type='mmlatte.FitLoop')
# mmengine asks for an optimizer; it never steps.
optim_wrapper = dict(type='OptimWrapper', optimizer=dict(type='SGD', lr=1e-3))
val_cfg = dict()
test_cfg = dict()
