# What of CLIP trains, and in which precision; for
# `tools/compare.py CONFIG --ablation tunings`. The config itself, in which
# everything trains, is the first row. Few or new weights need a larger
# learning rate than all weights do: where a method was published with one,
# it is that one.
TUNING = 'model.clip.tuning'
LR = 'optim_wrapper.optimizer.lr'
ablation = [
    dict(name='bfloat16', options={'optim_wrapper.dtype': 'bfloat16'}),
    dict(name='frozen text tower', options={'model.clip.freeze_text': True}),
    dict(
        name='norms of the image tower',
        options={TUNING: dict(type='mmlatte.NormTuning'), LR: 1e-3},
    ),
    dict(
        name='last block of the image tower',
        options={TUNING: dict(type='mmlatte.BlockTuning')},
    ),
    dict(
        name='LoRA on the image tower',
        options={TUNING: dict(type='mmlatte.LoRATuning'), LR: 1e-3},
    ),
    dict(
        name='singular values (CLIP-SVD)',
        options={TUNING: dict(type='mmlatte.SingularValueTuning'), LR: 5e-4},
    ),
    # For templates that begin with these words; other configs refuse it.
    dict(
        name='learned prompt (CoOp)',
        options={
            TUNING: dict(type='mmlatte.PromptTuning', context='a photo of a'),
            LR: 2e-3,
        },
    ),
    dict(
        name='adapters',
        options={
            TUNING: dict(type='mmlatte.AdapterTuning', width=64),
            LR: 1e-3,
        },
    ),
]
