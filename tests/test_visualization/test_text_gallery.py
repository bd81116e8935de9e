import html.parser
import json
import os
import shutil
import subprocess

import numpy as np
import pytest
from PIL import Image

from mmlatte.apis import make_text_gallery
from mmlatte.lmm import ImageError
from mmlatte.visualization import (
    GalleryImage,
    GalleryText,
    write_text_gallery,
)

CHROMIUM = next(
    filter(
        None, map(shutil.which, ('chromium', 'chromium-browser', 'chrome'))
    ),
    None,
)
browser = pytest.mark.skipif(CHROMIUM is None, reason='needs chromium')

HOSTILE = [
    '<script>document.title="owned"</script>',
    '<img src=x onerror=document.title="owned">',
    '</script><b>bold</b><!-- ',
    '"><svg onload=alert(1)>',
    'it\'s "quoted" & <b>&amp;</b> \u2028 \u202e rtl שלום 🛰️',
    'x' * 5000,
]


def colour(index):
    if index == 3:
        raise ImageError('unreadable')
    return Image.new('RGB', (64, 48), (index * 7 % 256, 90, 160))


def images(count):
    cosines = np.random.default_rng(0).permutation(count) / count
    return [
        GalleryImage(
            index=i,
            name=f'dir/{i:05d}.jpg',
            label=i % 3,
            score=0.5,
            texts=[
                GalleryText('image', 'Describe.', f't{i}', '', cosines[i]),
                GalleryText(
                    'group',
                    'Describe all.',
                    '' if i % 5 == 0 else f'group {i}',
                    'refusal' if i % 5 == 0 else '',
                    None if i % 5 == 0 else 1 - cosines[i],
                    members=[(i + k) % count for k in range(4)],
                ),
            ],
        )
        for i in range(count)
    ]


@pytest.fixture
def page(tmp_path):
    def write(shown, classes=('forest', 'river', 'sea'), **options):
        path = tmp_path / 'gallery.html'
        write_text_gallery(path, shown, colour, classes, **options)
        return path

    return write


class Cards(html.parser.HTMLParser):
    """What the rendered page shows."""

    def __init__(self, dom):
        super().__init__()
        self.cards, self.facts, self.inside = [], {}, []
        self.tags = []
        self.feed(dom)

    def handle_starttag(self, tag, attributes):
        attributes = dict(attributes)
        self.tags.append((tag, attributes))
        if tag == 'article':
            self.cards.append({'text': [], 'images': 0})
        if tag == 'img':
            self.cards[-1]['images'] += 'src' in attributes
        if tag in ('img', 'input', 'meta', 'br'):
            return
        self.inside.append(attributes.get('class') or attributes.get('id'))

    def handle_endtag(self, tag):
        if self.inside:
            self.inside.pop()

    def handle_data(self, data):
        place = self.inside[-1] if self.inside else None
        if place == 'where' or place == 'title':
            self.facts[place] = data
        elif self.cards and place in ('name', 'said', 'failed', 'class'):
            key = 'text' if place in ('said', 'failed') else place
            if key == 'text':
                self.cards[-1]['text'].append(data)
            else:
                self.cards[-1][key] = data


def run_chromium(*options):
    return subprocess.run(
        [
            CHROMIUM,
            '--headless',
            '--no-sandbox',
            '--disable-gpu',
            '--disable-dev-shm-usage',
            '--enable-logging=stderr',
            *options,
        ],
        capture_output=True,
        text=True,
        timeout=180,
    )


def render(path, view=''):
    done = run_chromium(
        '--virtual-time-budget=4000', '--dump-dom', f'file://{path}#{view}'
    )
    assert 'CONSOLE' not in done.stderr, done.stderr[-2000:]
    return Cards(done.stdout)


def test_the_file_is_self_contained(page):
    content = page(images(10)).read_text()
    for outside in ('http:', 'https:', '//cdn', '@import', 'url('):
        assert outside not in content
    assert "default-src 'none'" in content


def test_hostile_texts_are_data(page):
    shown = images(len(HOSTILE))
    for image, text in zip(shown, HOSTILE, strict=True):
        image.name = image.texts[0].text = image.texts[0].prompt = text
    content = page(shown, HOSTILE[:3], title=HOSTILE[0]).read_text()
    blocks = content.split('<script')[1:]
    # The page's own script, and blocks that hold no markup at all.
    assert len(blocks) == 4
    for block in blocks[:-1]:
        data = block.partition('>')[2].rpartition('</script>')[0]
        assert '<' not in data
        json.loads(data)


def test_names_that_are_no_utf8(page):
    shown = images(1)
    shown[0].name = os.fsdecode(b'Stra\xdfe.jpg')
    assert r'Stra\udcdfe.jpg' in page(shown).read_text(encoding='utf-8')


def test_an_interrupted_page_is_none(tmp_path):
    def stop(index):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_text_gallery(tmp_path / 'a.html', images(3), stop, ['sea'])
    assert not list(tmp_path.iterdir())


def test_a_page_that_cannot_be_written_is_known_early(tmp_path):
    with pytest.raises(IsADirectoryError, match='name a file'):
        make_text_gallery(None, tmp_path)
    with pytest.raises(AttributeError):  # there is no runner
        make_text_gallery(None, tmp_path / 'pages' / 'a.html')
    assert (tmp_path / 'pages').is_dir()


@browser
def test_hostile_texts_show_as_they_are(page):
    shown = images(len(HOSTILE))
    for image, text in zip(shown, HOSTILE, strict=True):
        image.texts = [GalleryText('image', 'p', text, '', 0.1)]
        image.name = text
    cards = render(page(shown, HOSTILE[:3], title=HOSTILE[1]), 'order=name')
    assert cards.facts['title'] == HOSTILE[1]
    assert sorted(card['text'][0] for card in cards.cards) == sorted(HOSTILE)
    assert {card['name'] for card in cards.cards} == set(HOSTILE)
    assert {card['class'] for card in cards.cards} == set(HOSTILE[:3])
    tags = [tag for tag, _ in cards.tags]
    assert 'svg' not in tags and tags.count('b') == len(HOSTILE)
    assert not any('onerror' in a or 'onload' in a for _, a in cards.tags)


@browser
def test_worst_agreement_comes_first_and_filters_work(page):
    shown = images(130)
    path = page(shown)
    cosine = {im.name: im.texts[0].agreement for im in shown}

    def names(view):
        found = render(path, view)
        return [card['name'] for card in found.cards], found.facts['where']

    found, where = names('kind=image')
    expected = sorted(cosine, key=cosine.get)
    assert found == expected[:60] and where == '1–60 of 130'
    found, where = names('kind=image&page=3')
    assert found == expected[120:] and where == '121–130 of 130'
    found, where = names('kind=image&order=best')
    assert found == expected[::-1][:60]
    found, where = names('class=1&order=name')
    assert found == [im.name for im in shown if im.label == 1]
    found, where = names('kind=failed')
    assert set(found) == {im.name for im in shown if im.index % 5 == 0}
    found, where = names('words=group+77')
    assert found == ['dir/00077.jpg']
    assert names('words=nothing') == ([], '0 images')


@browser
def test_cards_hold_image_and_collage(page):
    cards = render(page(images(20)), 'order=name').cards
    assert cards[0]['text'] == ['t0', 'failed: refusal']
    # The image and the four of its group; image 3 cannot be read.
    assert [card['images'] for card in cards[:5]] == [4, 4, 4, 3, 5]


def brightness(path):
    return np.asarray(Image.open(path).convert('L')).mean()


@browser
def test_twenty_thousand_images_light_and_dark(page, tmp_path):
    shown = images(20_000)
    path = page(shown)
    cards = render(path)
    assert cards.facts['where'] == '1–60 of 20000'
    assert len(cards.cards) == 60
    assert all(card['images'] for card in cards.cards[:1])
    folder = os.environ.get('MMLATTE_SCREENSHOTS', str(tmp_path))
    pictures = {}
    for mode, options in {
        'light': [],
        'dark': ['--blink-settings=preferredColorScheme=0'],
    }.items():
        pictures[mode] = f'{folder}/gallery-{mode}.png'
        run_chromium(
            *options,
            '--window-size=1280,900',
            f'--screenshot={pictures[mode]}',
            f'file://{path}',
        )
    assert brightness(pictures['light']) > 190
    assert brightness(pictures['dark']) < 90
