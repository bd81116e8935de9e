"""Visual tokens of a picture, by family of LMM.

    python benchmarks/visual_tokens.py

writes ``benchmarks/visual_tokens.md``; no weights, no network.
"""

import argparse
import tempfile
import time
from pathlib import Path

import torch
import transformers
from lmm_families import FAMILIES, build, save_tiny
from PIL import Image

from mmlatte.lmm import (
    GroupOptions,
    LMMRequest,
    PictureOptions,
    TransformersLMM,
)
from mmlatte.lmm.picture_processor import PictureProcessor

AS_IT_IS = PictureOptions(min_pixels=1, split='always')
SIZES = {
    'tile 64 x 64': (64, 64),
    'collage 672 x 672': GroupOptions().canvas_size,
    'photo 1280 x 960': (1280, 960),
}
#: Calls of a EuroSAT run: an image and a collage for each.
IMAGES = 18_900
HEAD = """# Visual tokens by family

Made by `python benchmarks/visual_tokens.py` with transformers {}: tokens
of one picture, as the family's processor has it by itself and as
`mmlatte.lmm.picture` shows it. The run is EuroSAT's {:,} tiles and as many
collages.
"""
SPEED = """## CPU seconds of a batch of 16

A model of SmolVLM's family, its real processor, random weights (2 layers of
32 channels in each tower), 20 tokens written, one core.
"""


def seconds(options: dict, folder: str, size: tuple[int, int]) -> float:
    """Processor seconds of a batch of 16; the least of two."""
    lmm = TransformersLMM(
        folder,
        batch_size=16,
        max_new_tokens=20,
        dtype='float32',
        device='cpu',
        picture=options,
    )
    image = Image.effect_noise(size, 64).convert('RGB')
    requests = [
        LMMRequest(str(number), 'image', 'Describe.', lambda: image)
        for number in range(16)
    ]
    found = []
    for _ in range(3):
        start = time.process_time()
        list(lmm.generate(requests))
        found.append(time.process_time() - start)
    return min(found[1:])


def speed() -> list[str]:
    """Lines of a table of CPU seconds of a small SmolVLM."""
    torch.manual_seed(0)
    torch.set_num_threads(1)
    before = dict(min_pixels=1, split='always')
    lines = ['', SPEED, '| picture | by itself | as shown |', '|---|---|---|']
    with tempfile.TemporaryDirectory() as folder:
        processor, _ = build('SmolVLM-500M')
        save_tiny('SmolVLM-500M', processor, Path(folder), 32, 2)
        for name, size in [*SIZES.items()][:2]:
            cells = [seconds(o, folder, size) for o in (before, {})]
            lines.append(f'| {name} | {cells[0]:.1f} | {cells[1]:.1f} |')
    return lines


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    here = Path(__file__).with_suffix('.md')
    parser.add_argument('--out', type=Path, default=here)
    args = parser.parse_args()
    names = [f'{name} | as shown' for name in SIZES]
    lines = [
        HEAD.format(transformers.__version__, IMAGES),
        f'| family | {" | ".join(names)} | run, millions | as shown |',
        '|---' * (2 * len(SIZES) + 3) + '|',
    ]
    for family in FAMILIES:
        processor, config = build(family)
        counts = []
        for size in SIZES.values():
            for options in (AS_IT_IS, PictureOptions()):
                pictures = PictureProcessor(processor, options)
                image = Image.new('RGB', size)
                found = pictures.count(image, 'Describe.', config)
                counts.append(found.visual)
        for shown in (0, 1):
            both = counts[shown] + counts[shown + 2]
            counts.append(f'{both * IMAGES / 1e6:.1f}')
        cells = [f'{c:,}' if isinstance(c, int) else c for c in counts]
        lines.append(f'| {family} | {" | ".join(cells)} |')
    lines += speed()
    args.out.write_text('\n'.join(lines) + '\n')
    print(args.out.read_text())


if __name__ == '__main__':
    main()
