# NtUA with the small CLIP of the test assets; the teacher is set where the
# texts about the classes are known.
_base_ = [
    '../models/zeroshot_rsclip.py',
    '../schedules/self_training.py',
    '../method_runtime.py',
]
model = dict(
    type='mmlatte.NtUAClassifier',
    shots=16,
    alpha=1.0,
    beta=5.5,
)
# Only the keys train; a run has few steps.
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.01))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
