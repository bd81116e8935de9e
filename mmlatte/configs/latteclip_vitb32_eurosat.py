# Written by tools/misc/write_lazy_config.py from configs/latteclip_vitb32_eurosat.py
class_names = [
    'annual crop land',
    'forest',
    'herbaceous vegetation land',
    'highway or road',
    'industrial buildings',
    'pasture land',
    'permanent crop land',
    'residential buildings',
    'river',
    'sea or lake',
]
train_pipeline = [
    dict(type='mmlatte.DropLabels'),
    dict(type='mmlatte.SeedPerSample'),
    dict(type='mmlatte.LoadImage'),
    dict(
        backend='pillow',
        crop_ratio_range=(
            0.9,
            1.0,
        ),
        interpolation='bicubic',
        scale=224,
        type='mmpretrain.RandomResizedCrop'),
    dict(to_rgb=True, type='mmpretrain.NumpyToPIL'),
    dict(
        prob=0.8,
        transforms=[
            dict(
                brightness=0.5,
                contrast=0.5,
                hue=0.1,
                saturation=0.5,
                type='mmpretrain.torchvision/ColorJitter'),
        ],
        type='RandomApply'),
    dict(p=0.2, type='mmpretrain.torchvision/RandomGrayscale'),
    dict(to_bgr=True, type='mmpretrain.PILToNumpy'),
    dict(type='mmlatte.LoadTexts'),
    dict(
        algorithm_keys=(
            'zero_shot_label',
            'image_text',
            'group_text',
            'image_tokens',
            'group_tokens',
        ),
        meta_keys=(
            'sample_id',
            'sample_idx',
            'img_path',
        ),
        type='mmpretrain.PackInputs'),
]
test_pipeline = [
    dict(type='mmlatte.LoadImage'),
    dict(
        backend='pillow',
        edge='short',
        interpolation='bicubic',
        scale=224,
        type='mmpretrain.ResizeEdge'),
    dict(crop_size=224, type='mmpretrain.CenterCrop'),
    dict(
        meta_keys=(
            'sample_id',
            'sample_idx',
            'img_path',
        ),
        type='mmpretrain.PackInputs'),
]
vis_backends = [
    dict(type='LocalVisBackend'),
    dict(type='mmlatte.OptionalTensorboardVisBackend'),
]
test_dataloader = dict(
    batch_size=256,
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(
        data_root='data/eurosat',
        download=True,
        metainfo=dict(classes=class_names),
        pipeline=test_pipeline,
        split='test',
        type='mmlatte.EuroSAT'),
    num_workers=8,
    persistent_workers=True,
    sampler=dict(shuffle=False, type='DefaultSampler'))
test_evaluator = dict(topk=(1, ), type='mmpretrain.Accuracy')
default_hooks = dict(
    checkpoint=dict(
        interval=1, max_keep_ckpts=2, type='mmlatte.SafeCheckpointHook'),
    frozen_features=dict(type='mmlatte.FrozenFeaturesHook'),
    logger=dict(interval=20, type='LoggerHook'),
    param_scheduler=dict(type='ParamSchedulerHook'),
    prototype_ema=dict(type='mmlatte.PrototypeEMAHook'),
    runtime_info=dict(type='mmlatte.DeferredRuntimeInfoHook'),
    sample_seed=dict(type='mmlatte.SampleSeedHook'),
    sampler_seed=dict(type='DistSamplerSeedHook'),
    summary=dict(type='mmlatte.RunSummaryHook'),
    text_synth=dict(
        group=dict(canvas=672, gap=20, grid=(
            2,
            2,
        ), size=4),
        group_prompt=
        'Describe the common visual attributes of the land use in all the satellite images concisely, less than 20 words.',
        image_prompt=
        'Describe the land use in the satellite image concisely, less than 20 words.',
        lmm=dict(
            load_in_4bit=True,
            model='llava-hf/llava-v1.6-mistral-7b-hf',
            type='mmlatte.TransformersLMM'),
        store_dir='data/mmlatte_cache',
        type='mmlatte.LMMTextSynthHook'),
    timer=dict(type='IterTimerHook'),
    zero_shot_label=dict(
        cache_dir='data/mmlatte_cache', type='mmlatte.ZeroShotLabelHook'))
default_scope = 'mmlatte'
env_cfg = dict(
    cudnn_benchmark=False,
    dist_cfg=dict(backend='nccl'),
    mp_cfg=dict(mp_start_method='fork', opencv_num_threads=0))
load_from = None
log_level = 'INFO'
model = dict(
    class_names=class_names,
    clip=dict(
        model_name='ViT-B-32',
        pretrained='laion2b_s34b_b79k',
        type='mmlatte.OpenCLIP'),
    data_preprocessor=dict(
        mean=[
            122.7709383,
            116.7460125,
            104.09373615,
        ],
        std=[
            68.5005327,
            66.6321579,
            70.32316305,
        ],
        to_rgb=True),
    head=dict(
        loss=dict(positives='diagonal', type='mmlatte.ContrastiveLoss'),
        type='mmlatte.DualPseudoLabelHead'),
    memory=dict(momentum=0.01, type='mmlatte.PrototypeMemory'),
    neck=dict(type='mmlatte.DynamicFeatureMixer'),
    templates='a photo of a {}.',
    texts=(
        'class',
        'image',
        'group',
    ),
    type='mmlatte.LatteCLIPClassifier')
model_wrapper_cfg = dict(type='mmlatte.DistributedMethod')
optim_wrapper = dict(
    constructor='mmlatte.CLIPOptimWrapperConstructor',
    optimizer=dict(
        betas=(
            0.9,
            0.98,
        ),
        eps=1e-06,
        fused=True,
        lr=1e-07,
        type='AdamW',
        weight_decay=0.2),
    type='mmlatte.AutocastOptimWrapper')
param_scheduler = dict(
    by_epoch=True,
    convert_to_iter_based=True,
    end=15,
    type='mmlatte.WarmupCosineLR',
    warmup=40)
randomness = dict(deterministic=False, seed=0)
resume = False
templates = 'a photo of a {}.'
test_cfg = dict()
train_cfg = dict(
    max_epochs=15, type='mmlatte.ResumableTrainLoop', val_interval=1)
train_dataloader = dict(
    batch_sampler=dict(type='mmlatte.GlobalBatchSampler'),
    batch_size=512,
    collate_fn=dict(type='mmlatte.stack_samples'),
    dataset=dict(
        data_root='data/eurosat',
        download=True,
        metainfo=dict(classes=class_names),
        pipeline=train_pipeline,
        split='train',
        type='mmlatte.EuroSAT'),
    num_workers=8,
    persistent_workers=True,
    sampler=dict(shuffle=True, type='DefaultSampler'))
val_cfg = dict()
val_dataloader = test_dataloader
val_evaluator = test_evaluator
visualizer = dict(
    type='mmpretrain.UniversalVisualizer', vis_backends=vis_backends)
