# microCLIP: self-training on weak, strong and cropped views, with an LLM's
# sentences (arXiv 2510.02270). With the published hyper-parameters; the paper
# has OpenAI's ViT-B/32. `descriptions`: CuPL's sentences, a JSON of {class
# name: [sentence, ...]}.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['microclip']
views = 'weak_strong_crops'
model = dict(
    type='mmlatte.MicroCLIPClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    descriptions=None,  # given by the data set
    fixed_share=0.5,
    fairness_weight=1.0,
    crops=8,
)
train_dataloader = dict(
    batch_size=64,
    dataset=dict(pipeline={{_base_.pipelines.weak_strong_crops}}),
)
optim_wrapper = dict(optimizer=dict(lr=1e-4))
param_scheduler = dict(end=15)
train_cfg = dict(max_epochs=15)
