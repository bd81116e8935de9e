# What LatteCLIP is made of, one part changed at a time; for
# `tools/compare.py CONFIG --ablation latteclip`. Options are those of
# --cfg-options. The config itself is the first row.
GROUP = 'default_hooks.text_synth.group'
ablation = [
    dict(name='texts: class', options={'model.texts': ['class']}),
    dict(name='texts: image', options={'model.texts': ['image']}),
    dict(name='texts: group', options={'model.texts': ['group']}),
    dict(
        name='texts: class, image',
        options={'model.texts': ['class', 'image']},
    ),
    dict(
        name='texts: class, group',
        options={'model.texts': ['class', 'group']},
    ),
    dict(
        name='texts: image, group',
        options={'model.texts': ['image', 'group']},
    ),
    dict(
        name='labels: zero-shot only',
        options={'model.head.finetuned_weight': 0.0},
    ),
    dict(
        name='labels: fine-tuned only',
        options={'model.head.zero_shot_weight': 0.0},
    ),
    dict(
        name='mixer: plain mean', options={'model.neck.weighting': 'uniform'}
    ),
    dict(
        name='mixer: prototypes of the epoch start',
        options={'model.neck.stale': True},
    ),
    dict(name='momentum 0.001', options={'model.memory.momentum': 0.001}),
    dict(name='momentum 0.1', options={'model.memory.momentum': 0.1}),
    dict(name='momentum 1', options={'model.memory.momentum': 1.0}),
    dict(
        name='groups of 2',
        options={f'{GROUP}.size': 2, f'{GROUP}.grid': [1, 2]},
    ),
    dict(
        name='groups of 9',
        options={f'{GROUP}.size': 9, f'{GROUP}.grid': [3, 3]},
    ),
    dict(
        name='positives: same label',
        options={'model.head.loss.positives': 'class'},
    ),
]
