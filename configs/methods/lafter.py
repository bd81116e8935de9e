# LaFTer: a classifier learned from an LLM's sentences labels the images (arXiv
# 2305.18287). With the published hyper-parameters but norm tuning; the paper
# has OpenAI's CLIP, 50 prompts besides and a constant lr. `descriptions`: a
# JSON of {class name: [sentence, ...]} that a language model wrote.
_base_ = [
    '../clips/vitb32.py',
    '../_base_/schedules/self_training.py',
    '../_base_/method_runtime.py',
]
method = ['lafter']
views = 'strong'
model = dict(
    type='mmlatte.LaFTerClassifier',
    class_names=None,  # given by the data set
    templates='a photo of a {}.',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    descriptions=None,  # given by the data set
    text_epochs=400,
    text_noise=2.26,  # 0.1 in each of 512 dimensions
)
train_dataloader = dict(
    batch_size=50, dataset=dict(pipeline={{_base_.pipelines.strong}})
)
optim_wrapper = dict(optimizer=dict(lr=5e-4, weight_decay=0.01))
param_scheduler = dict(end=50)
train_cfg = dict(max_epochs=50)
