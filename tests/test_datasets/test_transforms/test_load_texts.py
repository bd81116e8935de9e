import pickle
from collections import Counter

import numpy as np
import pytest
from torch.utils.data import DataLoader

from mmlatte.datasets import UnlabeledFolder
from mmlatte.datasets.transforms import LoadTexts
from mmlatte.lmm import TextRecord, TextStore, TrainingTexts, record_key
from mmlatte.models.clip.clip_tokenizer import ClipTokenizer

#: Zero-shot labels of six samples; sample 4 has no group text, 5 no text.
LABELS = np.array([0, 1, 0, 0, 1, 0])
TOKENIZE = ClipTokenizer('ViT-B-32')
CLASS_TEXTS = ['a forest.', 'a river.']


@pytest.fixture
def source(tmp_path):
    return make_source(tmp_path)


def make_source(folder, prompts=('p', 'q')):
    rows = {}
    with TextStore(folder) as store:
        for index in range(6):
            for kind, prompt in [('group', 'g')] + [
                ('image', p) for p in prompts
            ]:
                sample = f'{index}.jpg'
                rows[kind, prompt, index] = record_key(sample, kind, prompt)
                if index < (4 if kind == 'group' else 5):
                    text = f'{kind} {prompt} {index}'
                    store.put([TextRecord(sample, kind, prompt, text)])
        store.merge()

    def row(kind, prompt):
        keys = [rows[kind, prompt, i] for i in range(6)]
        return store.resolve(np.array(keys))

    return TrainingTexts(
        LABELS,
        CLASS_TEXTS,
        store,
        np.stack([row('image', prompt) for prompt in prompts]),
        row('group', 'g'),
    )


def load(source, index, seed=0):
    np.random.seed(seed)
    transform = LoadTexts()
    transform.bind(source, TOKENIZE)
    return transform(dict(sample_idx=index))


def test_label_texts_and_tokens(source):
    for index in range(5):
        sample = load(source, index)
        assert sample['zero_shot_label'] == LABELS[index]
        assert sample['image_text'] in {f'image p {index}', f'image q {index}'}
        for kind in ('image', 'group'):
            expected = TOKENIZE(sample[f'{kind}_text'])
            assert sample[f'{kind}_tokens'].dtype == np.int64
            assert (sample[f'{kind}_tokens'] == expected.numpy()).all()


def test_several_image_texts_are_drawn_evenly(source):
    drawn = Counter(load(source, 0, seed)['image_text'] for seed in range(200))
    assert set(drawn) == {'image p 0', 'image q 0'}
    assert min(drawn.values()) > 60


def test_the_group_text_is_of_a_random_image_of_the_class(source):
    drawn = Counter(load(source, 0, seed)['group_text'] for seed in range(400))
    # Class 0 has samples 0, 2, 3 and 5; sample 5 has no text.
    assert set(drawn) == {
        'group g 0',
        'group g 2',
        'group g 3',
        CLASS_TEXTS[0],
    }
    assert min(drawn.values()) > 60
    one = {load(source, 4, seed)['group_text'] for seed in range(50)}
    assert one == {'group g 1', CLASS_TEXTS[1]}


def test_failed_texts_become_class_texts(source):
    assert load(source, 5)['image_text'] == CLASS_TEXTS[0]


def test_kinds_that_are_off_have_no_keys(source):
    source.image_rows = None
    assert set(load(source, 0)) == {
        'sample_idx',
        'zero_shot_label',
        'group_text',
        'group_tokens',
    }
    source.group_rows = None
    assert set(load(source, 0)) == {'sample_idx', 'zero_shot_label'}


def test_unbound_use_names_the_hook():
    with pytest.raises(RuntimeError, match='add LMMTextSynthHook'):
        LoadTexts()(dict(sample_idx=0))


@pytest.mark.parametrize('context', ['fork', 'spawn'])
def test_draws_do_not_depend_on_workers(source, context, tiny_eurosat):
    pipeline = [
        dict(type='mmlatte.SeedPerSample', seed=3),
        dict(type='mmlatte.LoadTexts'),
    ]
    samples = UnlabeledFolder(
        str(tiny_eurosat), ['a', 'b'], indices=6, pipeline=pipeline
    )
    samples.pipeline.transforms[-1].bind(source, TOKENIZE)
    expected = [samples[index] for index in range(6)]
    loader = DataLoader(
        samples, None, num_workers=2, multiprocessing_context=context
    )
    for sample, found in zip(expected, loader, strict=True):
        assert found['image_text'] == sample['image_text']
        assert found['group_text'] == sample['group_text']
        assert (found['group_tokens'] == sample['group_tokens']).all()


def test_ten_million_samples_are_int_arrays(tmp_path):
    labels = np.lib.format.open_memmap(
        tmp_path / 'labels.npy', 'w+', np.int64, (10**7,)
    )
    labels[1::2] = 1
    rows = np.full(10**7, -1)
    source = TrainingTexts(labels, CLASS_TEXTS, None, rows[None], rows)
    assert len(pickle.dumps(source.class_texts)) < 100
    assert source.group_text(10**7 - 1) == CLASS_TEXTS[1]
    assert source.image_text(10**7 - 2) == CLASS_TEXTS[0]
