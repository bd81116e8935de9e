# What every run shares. Types without a prefix are mmengine's own.
default_scope = 'mmlatte'

default_hooks = dict(
    # The log costs a GPU no waiting.
    runtime_info=dict(type='mmlatte.DeferredRuntimeInfoHook'),
    timer=dict(type='IterTimerHook'),
    logger=dict(type='LoggerHook', interval=20),
    param_scheduler=dict(type='ParamSchedulerHook'),
    checkpoint=dict(
        type='mmlatte.SafeCheckpointHook',
        interval=1,
        max_keep_ckpts=2,
    ),
    sampler_seed=dict(type='DistSamplerSeedHook'),
)

# Ends the step of a method on every rank; without a launcher not used.
model_wrapper_cfg = dict(type='mmlatte.DistributedMethod')

env_cfg = dict(
    cudnn_benchmark=False,
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0),
    dist_cfg=dict(backend='nccl'),  # gloo where there is no GPU
)

# TensorBoard where it is installed; W&B or MLflow: add their backends here.
vis_backends = [
    dict(type='LocalVisBackend'),
    dict(type='mmlatte.OptionalTensorboardVisBackend'),
]
visualizer = dict(
    type='mmpretrain.UniversalVisualizer', vis_backends=vis_backends
)

log_level = 'INFO'
load_from = None
resume = False
# Every random draw follows from this seed.
randomness = dict(seed=0, deterministic=False)
