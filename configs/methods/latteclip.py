# LatteCLIP: fine-tuning on texts of an LMM about images and groups of images
# (arXiv 2410.08211).
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/latteclip.py',
    '../_base_/latteclip_runtime.py',
]
method = ['latteclip']
views = 'texts'
train_pipeline = _base_.pipelines.texts
model = dict(
    type='mmlatte.LatteCLIPClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    texts=('class', 'image', 'group'),
    neck=dict(type='mmlatte.DynamicFeatureMixer'),
    memory=dict(type='mmlatte.PrototypeMemory', momentum=0.01),
    head=dict(
        type='mmlatte.DualPseudoLabelHead',
        loss=dict(type='mmlatte.ContrastiveLoss', positives='diagonal'),
    ),
)
train_dataloader = dict(dataset=dict(pipeline=train_pipeline))
