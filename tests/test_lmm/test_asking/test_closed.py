import numpy as np
import pytest
from PIL import Image

from mmlatte.lmm import (
    Answer,
    BaseLMM,
    ClosedOptions,
    ClosedTask,
    TextFile,
    TextStore,
)
from mmlatte.lmm.asking.closed import (
    ClosedQuestions,
    ask_closed,
    given_choices,
)
from mmlatte.lmm.store.text_exchange import export_jsonl, import_jsonl

NAMES = ['forest', 'river', 'beach', 'town']


class Samples:
    def names(self, start, stop):
        return [f'{i}.png' for i in range(start, stop)]


class Guesser(BaseLMM):
    """Always picks the name at the same place."""

    name = 'guesser'
    params = {}

    def __init__(self, place=0):
        self.place = place
        self.pictures = []

    def check(self):
        pass

    def generate(self, requests, seed=None):
        for question in requests:
            self.pictures.append(question.load())
            yield [Answer(question, question.names[self.place])]


def make(task, count=40, shown=1, few=4):
    rows = np.arange(count)
    return ClosedQuestions(
        task,
        Samples(),
        lambda i: Image.new('RGB', (8, 8), (i, 0, 0)),
        rows,
        np.tile(np.arange(few), (count, 1)),
        np.stack([(rows + k) % count for k in range(shown)], axis=1),
    )


def test_the_order_is_shuffled_and_undone(tmp_path):
    task = ClosedTask(NAMES, ClosedOptions())
    with TextStore(tmp_path) as store:
        ask_closed(make(task), Guesser(), store)
        given = list(given_choices(store, task))
        prompts = {r.sample_id: r.prompt for r in store.records('choice')}
    counts = {n: sum(g.class_name == n for g in given) for n in NAMES}
    # One place all the time is no class all the time.
    assert len(given) == 40 and min(counts.values()) >= 3
    for g in given:
        assert prompts[g.sample_id].split('\n')[1] == f'- {g.class_name}'
    again = [task.order(g.sample_id, [3, 2, 1, 0])[0] for g in given]
    assert again == [g.class_name for g in given]
    other = ClosedTask(NAMES, ClosedOptions(seed=1))
    assert [other.order(g.sample_id, range(4))[0] for g in given] != again


def test_nothing_is_asked_twice(tmp_path):
    task, lmm = ClosedTask(NAMES, ClosedOptions()), Guesser()
    with TextStore(tmp_path) as store:
        assert ask_closed(make(task, 5), lmm, store).made == 5
        counts = ask_closed(make(task, 8), lmm, store)
    assert (counts.made, counts.reused, len(lmm.pictures)) == (3, 5, 8)
    # Another question is another answer.
    longer = ClosedTask([*NAMES, 'desert'], ClosedOptions())
    with TextStore(tmp_path) as store:
        assert ask_closed(make(longer, 5), lmm, store).made == 5
        assert len(list(given_choices(store, task))) == 8


def test_answers_travel_as_a_file(tmp_path):
    task = ClosedTask(NAMES, ClosedOptions())
    with TextStore(tmp_path / 'a') as store:
        ask_closed(make(task, 6), Guesser(1), store)
        export_jsonl(store, tmp_path / 'answers.jsonl')
        there = sorted(given_choices(store, task), key=str)
    with TextStore(tmp_path / 'b') as store:
        import_jsonl(store, tmp_path / 'answers.jsonl')
        assert sorted(given_choices(store, task), key=str) == there
    with TextStore(tmp_path / 'c') as store:
        lmm = TextFile(str(tmp_path / 'answers.jsonl'))
        ask_closed(make(task, 7), lmm, store)
        read = sorted(given_choices(store, task), key=str)
    assert [g for g in read if g.class_name] == there
    [failed] = [g for g in read if not g.class_name]
    assert failed.sample_id == '6.png'


def test_a_line_by_hand_answers_too(tmp_path):
    path = tmp_path / 'answers.jsonl'
    path.write_text(
        '{"sample_id": "0.png", "kind": "choice", "text": "river"}\n'
    )
    task = ClosedTask(NAMES, ClosedOptions())
    with TextStore(tmp_path / 'store') as store:
        ask_closed(make(task, 1), TextFile(str(path)), store)
        [given] = given_choices(store, task)
    assert (given.class_name, given.way) == ('river', 'file')
    assert given.confidence is None


def test_a_collage_shows_the_image_first(tmp_path):
    lmm = Guesser()
    task = ClosedTask(NAMES, ClosedOptions(images=4, describe='map'))
    with TextStore(tmp_path) as store:
        ask_closed(make(task, 9, shown=4), lmm, store)
        members = {r.sample_id: r.members for r in store.records('choice')}
    reds = [
        [picture.getpixel(at)[0] for at in ((9, 9), (660, 9), (9, 660))]
        for picture in lmm.pictures
    ]
    assert reds[2] == [2, 3, 4]
    assert members['2.png'] == ('2.png', '3.png', '4.png', '5.png')
    assert 'each of them a map' in task.prompt(NAMES)


def test_descriptions_and_letters_are_listed():
    about = ['trees', 'water', 'sand', 'houses']
    task = ClosedTask(NAMES, ClosedOptions(), True, about)
    assert task.prompt(['beach', 'forest']).split('\n')[1:3] == [
        'A. beach: sand',
        'B. forest: trees',
    ]
    with pytest.raises(ValueError, match='4 classes'):
        ClosedTask(NAMES, ClosedOptions(), True, about[:2])
    own = ClosedOptions(prompt='Land cover? {names} One word.')
    assert ClosedTask(['a', 'b'], own).prompt(['a', 'b']) == (
        'Land cover? - a\n- b One word.'
    )
    with pytest.raises(ValueError, match=r'put \{names\} where'):
        ClosedOptions(prompt='Land cover?')
