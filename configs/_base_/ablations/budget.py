# LatteCLIP with texts about typical images only; for
# `tools/compare.py CONFIG --ablation budget`. The config itself, which
# describes every image, is the first row.
BUDGET = 'default_hooks.text_synth.budget'
ablation = [
    dict(name='budget 0.2', options={BUDGET: 0.2}),
    dict(name='budget 0.05', options={BUDGET: 0.05}),
]
