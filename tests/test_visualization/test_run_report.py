import os

import numpy as np
import pytest

from mmlatte.visualization import (
    ImageSection,
    ReportImage,
    RunReport,
    write_run_report,
)
from mmlatte.visualization.class_counts import (
    accuracy,
    confusion,
    per_class_accuracy,
)

FROZEN = np.array([0, 0, 1, 2, 2])
ADAPTED = np.array([0, 1, 1, 2, 0])
LABELS = np.array([0, 1, 1, 2, 2])


def page(tmp_path, **changes) -> str:
    facts = dict(
        title='Run <x>',
        facts={'epochs': '4'},
        classes=['forest', 'river & lake', '<script>alert(1)</script>'],
        frozen=FROZEN,
        adapted=ADAPTED,
        labels=LABELS,
        about_images='5 images',
        curves={'loss': ([1, 2], [3.0, 2.0]), 'mix_class': ([1], [0.4])},
        drift=np.array([0.1, 0.0, 0.2]),
        changed=[ReportImage('a.jpg', 'data:image/jpeg;base64,x', ['<b>'])],
    )
    path = tmp_path / 'report.html'
    write_run_report(str(path), RunReport(**{**facts, **changes}))
    return path.read_text(encoding='utf-8')


def test_numbers_by_hand():
    assert accuracy(FROZEN, LABELS) == 80
    assert accuracy(ADAPTED, LABELS) == 80
    assert per_class_accuracy(ADAPTED, LABELS, 3).tolist() == [100, 100, 50]
    assert np.isnan(per_class_accuracy(ADAPTED, LABELS, 4)[3])
    assert confusion(FROZEN, ADAPTED, 3).tolist() == [
        [1, 1, 0],
        [0, 1, 0],
        [1, 0, 1],
    ]


def test_page_shows_both_models(tmp_path):
    text = page(tmp_path)
    assert '80.00 %' in text and '+0.00' in text and '40.0 %' in text
    assert 'Flips between classes' in text and 'now right' in text
    # A curve of one point is left out.
    assert text.count('<svg') == 6


@pytest.mark.parametrize(
    'name, unit', [('loss', 'iteration'), ('accuracy/top1', 'epoch')]
)
def test_curves_say_what_they_count(name, unit, tmp_path):
    text = page(tmp_path, curves={name: ([0, 8], [40.0, 60.0])})
    units = [u for u in ('iteration', 'epoch') if f'{u}</text>' in text]
    assert units == [unit]


def test_page_without_labels(tmp_path):
    text = page(tmp_path, labels=None)
    assert 'accuracy' not in text and 'now right' not in text
    assert '40.0 %' in text and text.count('<svg') == 3


def test_nothing_is_markup_and_nothing_is_fetched(tmp_path):
    text = page(tmp_path)
    assert (
        '<script' not in text
        and '<b>'
        not in text.split('<body>')[1][
            text.split('<body>')[1].index('Images that changed') :
        ]
    )
    assert 'Run &lt;x&gt;' in text
    assert 'src="http' not in text and 'url(http' not in text


def test_ink_follows_the_page(tmp_path):
    text = page(tmp_path)
    assert 'currentColor' in text and '#010203' not in text


@pytest.mark.parametrize('count', [1, 3, 120])
def test_any_number_of_classes(tmp_path, count):
    labels = np.arange(count).repeat(2)
    text = page(
        tmp_path,
        classes=[f'class {i} costs $5' for i in range(count)],
        frozen=labels,
        adapted=labels,
        labels=labels,
        drift=np.zeros(count),
    )
    assert 'No image changed class' in text


def test_names_that_are_no_utf8(tmp_path):
    name = os.fsdecode(b'Stra\xdfe.jpg')
    text = page(tmp_path, changed=[ReportImage(name, '')], title=name)
    assert text.count('Stra?e.jpg') == 3
    assert [path.name for path in tmp_path.iterdir()] == ['report.html']


def test_images_to_look_at_are_shown_by_reason(tmp_path):
    image = ReportImage('<i>.jpg', '', ['answer: <b>'])
    sections = [ImageSection('Look & see', 'All <of> them.', [image])]
    text = page(tmp_path, review=sections)
    assert '<h3>Look &amp; see</h3>' in text
    assert 'All &lt;of&gt; them.' in text and 'answer: &lt;b&gt;' in text
    assert 'For you to look at' not in page(tmp_path)


def test_the_learning_curve_tells_what_is_still_to_come(tmp_path):
    curve = [(20, 0.5), (38, 0.6), (40, 0.61), (60, 0.65)]
    text = page(tmp_path, learning=curve)
    assert '61 % with 40, and +4.0 points with 20 more' in text
    assert '<b class="">61 %</b><span>estimated accuracy</span>' in text
    assert 'more answers' not in page(tmp_path)
