import json
from collections import Counter

import numpy as np
import pytest

from mmlatte.lmm import (
    GroupOptions,
    ImageError,
    TextFile,
    TextJob,
    TextStore,
    missing_texts,
    synthesize,
)
from mmlatte.lmm.asking import text_job
from mmlatte.models.clip.clip_tokenizer import ClipTokenizer


def run(wanted, lmm, store, **options):
    numbers, found = missing_texts(wanted, store)
    counts = synthesize(wanted, numbers, lmm, store, **options)
    counts.add(found.as_dict())
    return counts


def test_every_text_is_made_once_and_the_second_run_makes_none(
    want, rule_lmm, store
):
    lmm = rule_lmm(lambda request, seed: f'{request.kind} {request.prompt}')
    wanted = want(10)
    counts = run(wanted, lmm, store)
    assert (counts.made, counts.reused, counts.failed) == (20, 0, 0)
    assert len(set(lmm.asked)) == len(lmm.asked) == 20
    store.close()
    again = TextStore(store.folder)
    counts = run(want(10), lmm, again)
    assert (counts.made, counts.reused, counts.failed) == (0, 20, 0)
    assert len(lmm.asked) == 20
    rows = again.resolve(wanted.keys())
    assert again.text(rows[0, 3]) == 'image Describe.'
    assert again.text(rows[1, 3]) == 'group Describe all.'


def test_copies_of_an_image_are_asked_about_once(
    want, rule_lmm, store, monkeypatch
):
    monkeypatch.setattr(text_job, 'LATE_SECONDS', 5)
    lmm = rule_lmm(
        lambda request, seed: '' if request.sample_id == '4.jpg' else 'a river'
    )
    copies = np.repeat(np.arange(5, dtype=np.uint64), 2) << np.uint64(8)
    for made in (4, 0):
        job = TextJob(
            want(images=copies, labels=np.zeros(10, int), group_prompt=None),
            store,
            lmm,
        )
        counts = job.make_together()
        assert (counts.made, counts.reused, counts.failed) == (
            made,
            4 - made,
            1,
        )
        texts = job.training_texts(['forest', ''], counts)
        for i in range(10):
            own = 'forest' if i in (4, 5) else 'a river'
            assert texts.image_text(i) == own
    # Once more where there was none.
    assert [name for _, name in lmm.asked] == [
        *(f'{i}.jpg' for i in range(0, 10, 2)),
        '4.jpg',
    ]
    numbers, _ = missing_texts(job.wanted, store, retry_failed=True)
    assert numbers.tolist() == [4]


def test_a_new_prompt_asks_for_its_texts_only(want, rule_lmm, store):
    lmm = rule_lmm(lambda request, seed: request.prompt)
    run(want(), lmm, store)
    prompts = ['Describe.', 'And the {class}?']
    counts = run(want(image_prompts=prompts), lmm, store)
    assert (counts.made, counts.reused) == (10, 20)
    rows = store.resolve(want(image_prompts=prompts).keys())
    texts = [store.text(row) for row in rows[1]]
    assert texts == ['And the forest?', 'And the river?'] * 5


def test_bad_answers_are_asked_for_once_more_then_recorded(
    want, rule_lmm, store
):
    def rule(request, seed):
        number = int(request.sample_id.split('.')[0])
        if number == 3:
            return ' \n'
        if number == 4:
            return 'I am sorry, I cannot.'
        if number == 5 and seed is None:
            return 'go on ' * 30
        return 'ASSISTANT: a\nriver'

    lmm = rule_lmm(rule)
    wanted = want(group_prompt=None)
    counts = run(wanted, lmm, store)
    assert (counts.made, counts.failed, counts.retried) == (8, 2, 3)
    assert counts.reasons == {'empty': 1, 'refusal': 1}
    asked = Counter(sample_id for _, sample_id in lmm.asked)
    assert {k for k, v in asked.items() if v == 2} == {
        '3.jpg',
        '4.jpg',
        '5.jpg',
    }
    records = {r.sample_id: r for r in store.records()}
    assert (records['3.jpg'].status, records['3.jpg'].reason) == (
        'failed',
        'empty',
    )
    assert records['5.jpg'].attempts == 2
    assert records['5.jpg'].text == records['0.jpg'].text == 'a river'
    assert records['0.jpg'].model == 'rule'
    assert records['0.jpg'].params == {'rule': 1}
    # A known failure is not asked for again, unless told to.
    counts = run(wanted, lmm, store)
    assert (counts.made, counts.reused, counts.failed) == (0, 8, 2)
    numbers, found = missing_texts(wanted, store, retry_failed=True)
    assert numbers.tolist() == [3, 4] and found.failed == 0
    better = rule_lmm(lambda request, seed: 'a lake')
    assert synthesize(wanted, numbers, better, store).made == 2
    assert (store.resolve(wanted.keys()) >= 0).all()


def test_interrupted_runs_keep_what_was_answered(want, rule_lmm, store):
    def rule(request, seed):
        if len(lmm.asked) == 8:
            raise KeyboardInterrupt
        return 'a river'

    lmm = rule_lmm(rule)
    with pytest.raises(KeyboardInterrupt), store:
        run(want(), lmm, store)
    again = TextStore(store.folder)
    assert len(again) == 7
    lmm = rule_lmm(lambda request, seed: 'a river')
    counts = run(want(), lmm, again)
    assert (counts.made, counts.reused) == (13, 7)
    assert len(lmm.asked) == 13


def test_over_long_texts_are_counted_and_kept(want, rule_lmm, store):
    lmm = rule_lmm(
        lambda request, seed: (
            ' '.join(f'house{i}' for i in range(60))
            if request.sample_id == '2.jpg'
            else 'a house'
        )
    )
    counts = run(
        want(group_prompt=None),
        lmm,
        store,
        tokenize=ClipTokenizer('ViT-B-32'),
    )
    assert (counts.made, counts.over_length) == (10, 1)
    [flagged] = [r for r in store.records() if r.reason]
    assert (flagged.sample_id, flagged.reason) == ('2.jpg', 'over length')


def test_groups_show_images_of_the_anchors_class(want, rule_lmm, store):
    seen = {}

    def rule(request, seed):
        if request.kind == 'group':
            pixels = np.asarray(request.load())[:, :, 0]
            seen[request.sample_id] = [
                int(pixels[y, x]) for y in (100, 500) for x in (100, 500)
            ]
        return 'a river'

    run(want(20), rule_lmm(rule), store)
    records = {r.sample_id: r for r in store.records() if r.kind == 'group'}
    assert len(seen) == len(records) == 20
    for index in range(20):
        members = seen[f'{index}.jpg']
        assert {m % 2 for m in members} == {index % 2}
        assert len(set(members)) == 4
        assert records[f'{index}.jpg'].members == tuple(
            f'{m}.jpg' for m in members
        )
    # The same collages on a rerun, others with another seed.
    assert [want(20).members(i) for i in range(20)] == [
        seen[f'{i}.jpg'] for i in range(20)
    ]
    other = [want(20, seed=1).members(i) for i in range(20)]
    assert other != [seen[f'{i}.jpg'] for i in range(20)]


def test_a_small_class_repeats_its_images(want):
    wanted = want(5, labels=np.array([0, 0, 0, 0, 1]))
    assert wanted.members(4) == [4, 4, 4, 4]


def test_groups_of_neighbours_are_neighbours(want):
    features = np.zeros((20, 2), np.float32)
    angle = np.linspace(0, 1, 20)
    features[:, 0], features[:, 1] = np.cos(angle), np.sin(angle)
    group = GroupOptions(draw='neighbours', neighbours=5)
    wanted = want(20, group=group, features=features)
    for index in range(4, 16):
        near = {index + step for step in (-4, -2, 0, 2, 4)}
        assert set(wanted.members(index)) <= near
    with pytest.raises(ValueError, match='features'):
        want(20, group=group)


def test_unreadable_images_are_recorded_and_not_asked_for(
    want, store, tmp_path
):
    lines = [dict(sample_id=f'{i}.jpg', text='t') for i in range(3)]
    path = tmp_path / 'texts.jsonl'
    path.write_text('\n'.join(map(json.dumps, lines)))
    counts = run(want(5, group_prompt=None), TextFile(str(path)), store)
    assert (counts.made, counts.failed, counts.retried) == (3, 2, 0)


@pytest.mark.parametrize(
    'options, message',
    [
        (dict(image_prompts=[], group_prompt=None), 'no text is wanted'),
        (dict(image_prompts=['a', 'a']), 'the same'),
        (dict(image_prompts=['a {b}']), 'placeholder'),
        (dict(labels=np.array([0, 2])), '2 class names'),
        (dict(labels=np.array([], np.int64)), 'no images'),
    ],
)
def test_what_cannot_be_wanted(want, options, message):
    with pytest.raises(ValueError, match=message):
        want(**options)


def test_image_errors_are_values():
    assert issubclass(ImageError, ValueError)
