# NtUA on EuroSAT with the small CLIP of the test assets. There is no larger
# one of its kind: the teacher is the same CLIP, with LLM sentences about the
# classes, so that a gain here is owed to the sentences and to the cache.
_base_ = [
    './_base_/models/zeroshot_rsclip.py',
    './_base_/datasets/eurosat_rsclip.py',
    './_base_/schedules/self_training.py',
    './_base_/method_runtime.py',
]
model = dict(
    type='mmlatte.NtUAClassifier',
    class_names={{_base_.class_names}},
    templates={{_base_.templates}},
    shots=16,
    alpha=1.0,
    beta=5.5,
)
default_hooks = dict(
    frozen_features=dict(
        teacher=dict(
            clip={{_base_.model.clip}},
            descriptions='{{$MMLATTE_TEST_ASSETS:assets}}'
            '/data/class_descriptions/gpt4o_eurosat.json',
        )
    )
)
# Only the keys train; a run has few steps.
optim_wrapper = dict(optimizer=dict(lr=1e-3, weight_decay=0.01))
param_scheduler = dict(end=4)
train_cfg = dict(max_epochs=4, val_interval=4)
