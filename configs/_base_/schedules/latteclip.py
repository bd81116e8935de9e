# The published optimisation; the config of a data set gives epochs (twice)
# and warm-up steps.
optim_wrapper = dict(
    type='mmlatte.AutocastOptimWrapper',
    optimizer=dict(
        type='AdamW',
        lr=1e-7,
        betas=(0.9, 0.98),
        eps=1e-6,
        weight_decay=0.2,
        fused=True,  # one pass over the weights, and no copy of them
    ),
    # Weight decay acts on weights of two or more dimensions only.
    constructor='mmlatte.CLIPOptimWrapperConstructor',
)
param_scheduler = dict(
    type='mmlatte.WarmupCosineLR',
    warmup=40,
    end=15,
    by_epoch=True,
    convert_to_iter_based=True,
)
train_cfg = dict(
    type='mmlatte.ResumableTrainLoop', max_epochs=15, val_interval=1
)
val_cfg = dict()
test_cfg = dict()
