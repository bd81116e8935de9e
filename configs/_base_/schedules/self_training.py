# The optimisation that DPA, microCLIP and MUST share: AdamW, cosine without
# warm-up. The config of a method gives lr and epochs (twice).
optim_wrapper = dict(
    type='mmlatte.AutocastOptimWrapper',
    optimizer=dict(type='AdamW', lr=3e-5, weight_decay=0.1, fused=True),
    # Weight decay acts on weights of two or more dimensions only.
    constructor='mmlatte.CLIPOptimWrapperConstructor',
)
param_scheduler = dict(
    type='mmlatte.WarmupCosineLR',
    warmup=0,
    end=10,
    by_epoch=True,
    convert_to_iter_based=True,
)
train_cfg = dict(
    type='mmlatte.ResumableTrainLoop', max_epochs=10, val_interval=1
)
val_cfg = dict()
test_cfg = dict()
