"""One object for all labels that a fit may see."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mmlatte.datasets.answers import (
    NONE,
    NONE_LABEL,
    SKIP,
    Answer,
    AnswerArrays,
    Answers,
    AnswersError,
)

ANSWERS = Answers(
    [
        Answer('b.jpg', 'dog', 0.5),
        Answer('a.jpg', 'cat', source='lmm:x'),
        Answer('b.jpg', 'cat', source='lmm:x'),
        Answer('c.jpg', NONE),
        Answer('d.jpg', SKIP),
    ]
)


def test_arrays():
    arrays = ANSWERS.arrays(
        ['a.jpg', 'd.jpg', 'b.jpg', 'c.jpg'], ['dog', 'cat']
    )
    assert arrays.rows.tolist() == [2, 0, 2, 3]
    assert arrays.labels.tolist() == [0, 1, 1, NONE_LABEL]
    assert arrays.confidences.tolist() == [0.5, 1, 1, 1]
    assert [arrays.sources[i] for i in arrays.annotators] == [
        'person',
        'lmm:x',
        'lmm:x',
        'person',
    ]
    assert arrays.skipped.tolist() == [1]
    assert arrays.rows.dtype == arrays.labels.dtype == np.int64


def test_arrays_of_nothing():
    arrays = Answers().arrays(['a.jpg'], ['cat'])
    assert arrays.rows.shape == arrays.skipped.shape == (0,)


def test_counts():
    assert ANSWERS.count_sources() == {'person': 2, 'lmm:x': 2}
    assert ANSWERS.count_classes() == {'cat': 2, 'dog': 1, NONE: 1, SKIP: 1}


def test_new_classes():
    assert ANSWERS.new_classes(['cat']) == ['dog']


def test_arrays_name_what_is_unknown():
    with pytest.raises(AnswersError) as error:
        ANSWERS.arrays(['a.jpg', 'b.jpg', 'c.jpg'], ['cat'])
    first, second = error.value.problems
    assert "class 'dog' is not among the classes" in first
    assert "image 'd.jpg' is not among the samples" in second


def test_merge_keeps_what_several_annotators_said():
    other = Answers([Answer('a.jpg', 'dog'), Answer('b.jpg', 'dog')])
    merged = ANSWERS.merge(other)
    assert len(merged) == len(ANSWERS) + 1
    said = {a.source: a.class_name for a in merged if a.image == 'a.jpg'}
    assert said == {'lmm:x': 'cat', 'person': 'dog'}


def test_merge_names_both_lines():
    one = Answers([Answer('a.jpg', 'cat', where='x.csv:3')])
    two = Answers([Answer('a.jpg', 'dog', where='y.csv:7')])
    with pytest.raises(AnswersError) as error:
        one.merge(two)
    assert error.value.problems == [
        "x.csv:3 and y.csv:7: image 'a.jpg' is 'cat' and 'dog', both from "
        "'person'; keep one of them"
    ]


@pytest.mark.parametrize(
    'wrong',
    [
        dict(image=''),
        dict(class_name=''),
        dict(confidence=1.1),
        dict(confidence=float('nan')),
        dict(class_name='(withdrawn)'),
    ],
)
def test_an_answer_is_checked(wrong):
    with pytest.raises(ValueError, match=r'answer|confidence'):
        Answer(**{**dict(image='a.jpg', class_name='cat'), **wrong})


def test_the_message_shows_a_hundred_problems_and_all_are_kept():
    error = AnswersError([f'line {i}' for i in range(250)])
    assert len(error.problems) == 250
    assert str(error).splitlines()[0] == 'answers: 250 problems'
    assert str(error).splitlines()[-1] == 'and 150 more'


def test_a_person_wins_over_lmms():
    answers = Answers(
        [
            Answer('1.jpg', 'cat', source='lmm:a'),
            Answer('1.jpg', 'cat', source='lmm:b'),
            Answer('1.jpg', 'dog', 0.6),
            Answer('2.jpg', 'cat', 0.5, source='lmm:a'),
        ]
    )
    arrays = answers.arrays(['1.jpg', '2.jpg'], ['cat', 'dog'])
    given = arrays.one_each()
    assert given.labels.tolist() == [1, 0]
    assert given.confidence.tolist() == pytest.approx([0.6, 0.5])


def naive_one_each(rows, labels, confidences):
    """Add up the confidences of every image, one answer after the other."""
    found = {}
    for row in sorted({*rows}):
        own = [
            (label, c)
            for r, label, c in zip(rows, labels, confidences, strict=True)
            if r == row
        ]
        sums = {}
        for label, c in own:
            sums[label] = sums.get(label, 0) + c
        best = min(sums, key=lambda label: (-sums[label], label))
        top = max(c for label, c in own if label == best)
        total = sum(sums.values())
        share = top * sums[best] / total if total else 0
        found[row] = (best, share)
    return found


@given(
    st.lists(
        st.tuples(
            st.integers(0, 5),
            st.integers(-1, 3),
            st.sampled_from([0, 0.25, 0.5, 1]),
        ),
        max_size=30,
    )
)
def test_one_answer_each_equals_a_loop(answers):
    rows, labels, confidences = (
        zip(*answers, strict=True) if answers else 3 * [()]
    )
    arrays = AnswerArrays(
        np.array(rows, np.int64),
        np.array(labels, np.int64),
        np.array(confidences, np.float32),
        np.zeros(len(rows), np.int64),
        ('a',),
        np.array([2, 9], np.int64),
    )
    given_ = arrays.one_each()
    expected = naive_one_each(rows, labels, confidences)
    named = given_.labels != NONE_LABEL - 1  # those that nobody skipped
    assert given_.rows[named].tolist() == [*expected]
    assert given_.labels[named].tolist() == [b for b, _ in expected.values()]
    assert given_.confidence[named] == pytest.approx(
        [c for _, c in expected.values()]
    )
    skipped = given_.rows[~named].tolist()
    assert skipped == [row for row in (2, 9) if row not in expected]
