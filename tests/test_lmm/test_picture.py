"""Which picture an LMM gets; processors from their settings, no weights."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mmlatte.lmm import (
    ClosedQuestion,
    LMMRequest,
    PictureOptions,
    TransformersLMM,
    fit_picture,
)
from mmlatte.lmm.picture_processor import PictureProcessor

path = Path(__file__).parents[2] / 'benchmarks' / 'lmm_families.py'
spec = importlib.util.spec_from_file_location('lmm_families', path)
families = importlib.util.module_from_spec(spec)
spec.loader.exec_module(families)

AS_IT_IS = PictureOptions(min_pixels=1, split='always')
#: Tokens of a 64 x 64 tile, by the processors themselves.
BY_ITSELF = {
    'LLaVA-1.5': 576,
    'LLaVA-NeXT': 1176,
    'LLaVA-OneVision': 1485,
    'Qwen2-VL': 4,
    'Qwen2.5-VL': 4,
    'Qwen3-VL': 64,
    'SmolVLM-500M': 1088,
    'SmolVLM2-500M': 1088,
    'Idefics3-8B': 2873,
    'InternVL3': 256,
    'Gemma3': 256,
    'Pixtral': 16,
    'Mistral-Small-3.1': 9,
    'GLM-4V': 9,
    'Perception-LM': 9472,
}
sides = st.integers(8, 2048)


@pytest.fixture(scope='module')
def build():
    built = {}

    def get(family):
        if family not in built:
            built[family] = families.build(family)
        return built[family]

    return get


def tokens(built, size, options=None, given=None):
    processor, config = built
    pictures = PictureProcessor(processor, options or PictureOptions(), given)
    image = Image.new('RGB', size, 'green')
    found = pictures.count(image, 'hi', config)
    assert found.total > found.visual
    return found.visual


@pytest.mark.parametrize('family', families.FAMILIES)
def test_a_small_tile_is_64_to_600_tokens(family, build):
    assert 64 <= tokens(build(family), (64, 64)) <= 600
    assert 64 <= tokens(build(family), (60, 30)) <= 600
    # Unless the user says otherwise.
    assert tokens(build(family), (64, 64), AS_IT_IS) == BY_ITSELF[family]


@pytest.mark.parametrize('family', families.FAMILIES)
def test_large_images_are_shown_as_the_family_does(family, build):
    size = (2048, 2048)
    shown = tokens(build(family), size)
    by_itself = tokens(build(family), size, AS_IT_IS)
    # 25 crops in place of 36 still hold every pixel.
    assert shown == {'Perception-LM': 26 * 256}.get(family, by_itself)


@settings(deadline=None, max_examples=60)
@given(sides, sides)
def test_crops_hold_every_pixel_or_are_the_familys_own(width, height):
    for family, side in [('SmolVLM-500M', 512), ('Perception-LM', 448)]:
        processor, _ = BUILT[family]
        pictures = PictureProcessor(processor, PictureOptions())
        shown = dict(pictures.view((width, height)).settings)
        if 'size' in shown:
            assert dict(shown['size'])['longest_edge'] >= max(width, height)
        elif 'max_num_tiles' in shown:
            canvas = (math.ceil(width / side), math.ceil(height / side))
            assert shown['max_num_tiles'] in (math.prod(canvas), 36)
        elif shown:
            assert max(width, height) <= side


BUILT = {
    name: families.build(name) for name in ('SmolVLM-500M', 'Perception-LM')
}


@given(sides, sides, st.integers(4096, 300_000), st.integers(0, 300_000))
def test_the_size_of_a_picture(width, height, least, more):
    image = Image.new('L', (width, height))
    options = PictureOptions(min_pixels=least, max_pixels=least + more)
    picture = fit_picture(image, options)
    rounding = (picture.width + picture.height) / 2 + 1
    pixels = picture.width * picture.height
    assert least - rounding <= pixels <= least + more + rounding
    if least <= width * height <= least + more:
        assert picture is image
    else:
        exact = math.sqrt(pixels * width / height)
        assert abs(picture.width - exact) <= 1 + exact / picture.height


def test_small_images_are_enlarged_with_lanczos():
    noise = np.random.default_rng(0).integers(0, 256, (64, 64, 3))
    image = Image.fromarray(noise.astype(np.uint8))
    expected = image.resize((336, 336), Image.Resampling.LANCZOS)
    assert fit_picture(image, PictureOptions()) == expected


def test_the_user_decides(build):
    smolvlm, qwen = build('SmolVLM-500M'), build('Qwen2.5-VL')
    never = PictureOptions(split='never')
    assert tokens(smolvlm, (1400, 1000), never) == 64
    assert tokens(smolvlm, (64, 64), given={'size': {}}) == 1088
    assert tokens(smolvlm, (64, 64), given={'do_pad': True}) == 64
    large = PictureOptions(min_pixels=448 * 448)
    assert tokens(qwen, (64, 64), large) == 256
    few = PictureOptions(max_pixels=448 * 448)
    assert tokens(qwen, (2000, 2000), few) == 256


def test_wrong_options():
    with pytest.raises(ValueError, match=r"picture: split='no'"):
        PictureOptions(split='no')
    with pytest.raises(ValueError, match='max_pixels=9 is less'):
        PictureOptions(max_pixels=9)
    with pytest.raises(ValueError, match='min_pixels=0'):
        PictureOptions(min_pixels=0)


@pytest.mark.parametrize(
    'family', ['LLaVA-NeXT', 'LLaVA-OneVision', 'SmolVLM-500M']
)
def test_a_batch_of_small_and_large_images_is_answered_as_one_by_one(
    family, build, tmp_path
):
    processor, _ = build(family)
    torch.manual_seed(0)
    families.save_tiny(family, processor, tmp_path)
    draw = np.random.default_rng(0)
    requests = [
        LMMRequest(
            str(number),
            'image',
            'hi',
            lambda side=side: Image.fromarray(
                draw.integers(0, 256, (side, side, 3)).astype(np.uint8)
            ),
            number,
        )
        for number, side in enumerate([64, 600, 64, 600])
    ]
    options = dict(dtype='float32', max_new_tokens=3, device='cpu')
    answers = {}
    for batch_size in (1, 4):
        draw = np.random.default_rng(0)
        lmm = TransformersLMM(
            str(tmp_path), batch_size=batch_size, num_workers=1, **options
        )
        seen = shapes(lmm)
        found = [a for batch in lmm.generate(requests) for a in batch]
        assert not any(answer.error for answer in found)
        answers[batch_size] = {a.request.tag: a.text for a in found}
    assert answers[1] == answers[4] and len(set(answers[1].values())) == 4
    # Two small images alone, then two large ones.
    small, large = seen
    assert small[0] == large[0] == 2 and small[1] < large[1]
    count = lmm.question_tokens(Image.new('RGB', (64, 64)), 'hi')
    assert count.total == small[1]


def test_a_reduced_picture_is_shown_as_a_small_one(build, tmp_path):
    processor, _ = build('SmolVLM-500M')
    torch.manual_seed(0)
    families.save_tiny('SmolVLM-500M', processor, tmp_path)
    lmm = TransformersLMM(
        str(tmp_path),
        dtype='float32',
        device='cpu',
        max_new_tokens=1,
        picture=dict(max_pixels=336 * 336),
    )
    lengths = []
    for side in (336, 2000):
        image = Image.new('RGB', (side, side), 'green')
        asked = ('1.jpg', 'choice', 'hi', lambda image=image: image)
        seen = shapes(lmm)
        list(lmm.generate([LMMRequest(*asked)]))
        list(lmm.choose([ClosedQuestion(*asked, names=('cat', 'dog'))]))
        lengths.append({length for _, length in seen})
        lengths[-1].add(lmm.question_tokens(image, 'hi').total)
    assert lengths[0] == lengths[1] and len(lengths[0]) == 1


def shapes(lmm):
    """Shapes of the token ids of every batch, as they come."""
    lmm._load()
    seen, generate = [], lmm._model.generate

    def watched(**inputs):
        seen.append(tuple(inputs['input_ids'].shape))
        return generate(**inputs)

    lmm._model.generate = watched
    return seen
