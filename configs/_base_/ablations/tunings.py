# What of CLIP trains; for `tools/compare.py CONFIG --ablation tunings`. The
# config itself, in which everything trains, is the first row.
TUNING = 'model.clip.tuning'
ablation = [
    dict(name='frozen text tower', options={'model.clip.freeze_text': True}),
    dict(
        name='norms of the image tower',
        options={TUNING: dict(type='mmlatte.NormTuning')},
    ),
    dict(
        name='last block of the image tower',
        options={TUNING: dict(type='mmlatte.BlockTuning')},
    ),
    dict(
        name='LoRA on the image tower',
        options={TUNING: dict(type='mmlatte.LoRATuning')},
    ),
    dict(name='bfloat16', options={'optim_wrapper.dtype': 'bfloat16'}),
]
