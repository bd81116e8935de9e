# LaFTer on EuroSAT with the published hyper-parameters (arXiv 2305.18287), on
# open_clip's ViT-B/32 (LAION-2B) with norm tuning; the paper has OpenAI's, 50
# prompts besides and a constant lr. `descriptions`: a JSON of {class name:
# [sentence, ...]} that a language model wrote.
_base_ = [
    './_base_/models/zeroshot_vitb32.py',
    './_base_/datasets/eurosat_views.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.LaFTerClassifier',
    clip=dict(tuning=dict(type='mmlatte.NormTuning', logit_scale=False)),
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    descriptions='data/class_descriptions/lafter_eurosat.json',
    text_epochs=400,
    text_noise=2.26,  # 0.1 in each of 512 dimensions
)
train_dataloader = dict(
    batch_size=50,
    dataset=dict(
        pipeline=[
            *_base_.train_dataloader.dataset.pipeline[:3],
            *_base_.strong,
            _base_.test_pipeline[-1],
        ]
    ),
)
optim_wrapper = dict(optimizer=dict(lr=5e-4, weight_decay=0.01))
param_scheduler = dict(end=50)
train_cfg = dict(max_epochs=50)
