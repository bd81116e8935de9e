"""The same pictures as files of other kinds: the same predictions?

    python benchmarks/image_kinds.py UCMerced_LandUse/Images \
        --clip local-dir:models/rs-clip --out benchmarks/image_kinds.md

Writes the images anew as TIFF, JPEG 2000, JPEG XL, PNG and DICOM of more than
8 bits or more than 3 bands, reads them as `adapt` does (no option is given),
and compares zero-shot predictions with those from the pixels of the JPEGs.
Then puts the JPEGs as they are into archives, and does the same. Last it
measures the CPU seconds of plain files against Pillow alone.
"""

import argparse
import io
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import imagecodecs
import numpy as np
import pydicom
import tifffile
from image_archives import archived
from mmengine.config import Config
from PIL import Image, ImageOps
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    SecondaryCaptureImageStorage,
    generate_uid,
)

from mmlatte.apis import Inferencer, find_images, suit_images
from mmlatte.apis.adapt.settings import clip_settings
from mmlatte.datasets.clip_pipeline import (
    clip_data_preprocessor,
    clip_eval_pipeline,
)
from mmlatte.decode_image import DecodeOptions, decode_image
from mmlatte.registry import MODELS

#: Repetitions of the measurement of time; the fastest counts.
REPEATS = 15


def scaled(rgb: np.ndarray, top: int) -> np.ndarray:
    return np.round(rgb * (top / 255)).astype(np.uint16)


def tiff(values: np.ndarray, **more) -> bytes:
    file = io.BytesIO()
    tifffile.imwrite(file, values, **more)
    return file.getvalue()


def infrared(rgb: np.ndarray) -> np.ndarray:
    """Red, green, blue, and a band as plants reflect; tagged as opacity."""
    red, green = rgb[..., 0].astype(int), rgb[..., 1].astype(int)
    band = np.clip(3 * green - 2 * red, 0, 255).astype(np.uint8)
    return np.dstack([rgb, band])


def thirteen(rgb: np.ndarray) -> np.ndarray:
    bands = np.zeros((*rgb.shape[:2], 13), np.uint16)
    bands[..., 1:4] = scaled(rgb, 4000)[..., ::-1]
    return bands


def jpeg2000(values: np.ndarray, bits: int) -> bytes:
    return imagecodecs.jpeg2k_encode(values, level=0, bitspersample=bits)


def dicom(values: np.ndarray, kind: str, bits: int, **more) -> bytes:
    data = Dataset()
    data.file_meta = FileMetaDataset()
    data.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    data.SOPClassUID = SecondaryCaptureImageStorage
    data.SOPInstanceUID = generate_uid()
    data.set_pixel_data(values, kind, bits)
    for name, value in more.items():
        setattr(data, name, value)
    file = io.BytesIO()
    pydicom.dcmwrite(file, data, enforce_file_format=True)
    return file.getvalue()


def grey(rgb: np.ndarray) -> np.ndarray:
    return np.asarray(Image.fromarray(rgb).convert('L'))


#: What it is, its file ending, how it is made, options, compared with grey.
KINDS: list[tuple[str, str, Callable, dict, bool]] = [
    (
        'TIFF, 12 bits in 16',
        'tif',
        lambda x: tiff(scaled(x, 4095), photometric='rgb'),
        {},
        False,
    ),
    (
        'TIFF, reflectance 0 to 4000 in 16 bits, planar',
        'tif',
        lambda x: tiff(
            np.moveaxis(scaled(x, 4000), -1, 0),
            photometric='rgb',
            planarconfig='separate',
        ),
        {},
        False,
    ),
    (
        'TIFF, 8 bits, 4 bands with near infrared',
        'tif',
        lambda x: tiff(infrared(x), photometric='rgb'),
        {},
        False,
    ),
    (
        'TIFF, 13 bands of 16 bits, `--bands 4 3 2`',
        'tif',
        lambda x: tiff(
            thirteen(x), photometric='minisblack', planarconfig='contig'
        ),
        dict(bands=(4, 3, 2)),
        False,
    ),
    (
        'TIFF, fractions 0 to 1, float32',
        'tif',
        lambda x: tiff((x / 255).astype(np.float32), photometric='rgb'),
        {},
        False,
    ),
    (
        'JPEG 2000, 15 bits',
        'jp2',
        lambda x: jpeg2000(scaled(x, 32767), 15),
        {},
        False,
    ),
    (
        'JPEG 2000, reflectance 0 to 10000 in 15 bits',
        'jp2',
        lambda x: jpeg2000(scaled(x, 10000), 15),
        {},
        False,
    ),
    (
        'PNG, 12 bits in 48',
        'png',
        lambda x: imagecodecs.png_encode(scaled(x, 4095)),
        {},
        False,
    ),
    (
        'JPEG XL, 12 bits',
        'jxl',
        lambda x: imagecodecs.jpegxl_encode(
            scaled(x, 4095), lossless=True, bitspersample=12
        ),
        {},
        False,
    ),
    ('DICOM, RGB', 'dcm', lambda x: dicom(x, 'RGB', 8), {}, False),
    (
        'DICOM, 12 bits, MONOCHROME1, rescaled, window',
        'dcm',
        lambda x: dicom(
            4095 - scaled(grey(x), 4095),
            'MONOCHROME1',
            12,
            RescaleSlope=1,
            RescaleIntercept=-1024,
            WindowCenter=1024,
            WindowWidth=4096,
        ),
        {},
        True,
    ),
]


def labels(inferencer: Inferencer, images: list) -> np.ndarray:
    found = inferencer(images, batch_size=64)
    errors = [row['error'] for row in found if 'error' in row]
    if errors:
        raise SystemExit(errors[0])
    return np.array([row['pred_label'] for row in found])


def zero_shot(clip: str, classes: list[str]) -> Inferencer:
    tower = MODELS.build(clip_settings(clip))
    facts = tower.preprocess
    config = Config(
        dict(
            model=dict(
                type='mmlatte.ZeroShotCLIP',
                clip=clip_settings(clip),
                class_names=classes,
                templates='a photo of a {}.',
                data_preprocessor=clip_data_preprocessor(facts),
            ),
            test_pipeline=clip_eval_pipeline(tower.image_size, facts),
        )
    )
    return Inferencer(config, device='cpu')


def seconds(read: Callable[[str], object], paths: list[str]) -> float:
    start = time.process_time()
    for path in paths:
        read(path)
    return time.process_time() - start


def pillow_alone(path: str) -> Image.Image:
    """What one line of Pillow does: upright RGB."""
    with Image.open(path) as image:
        return ImageOps.exif_transpose(image).convert('RGB')


def times(paths: list[str]) -> tuple[float, float]:
    """Fastest CPU seconds of mmlatte and of Pillow alone, in turns."""
    ours, theirs = [], []
    for _ in range(REPEATS):
        ours.append(seconds(lambda p: decode_image(p, 10**8), paths))
        theirs.append(seconds(pillow_alone, paths))
    return min(ours), min(theirs)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('images', help='a folder per class')
    parser.add_argument('--clip', required=True)
    parser.add_argument('--count', type=int, default=500)
    parser.add_argument('--out', help='the table as Markdown')
    args = parser.parse_args()
    paths = find_images(args.images)
    paths = paths[:: max(1, len(paths) // args.count)][: args.count]
    folders = sorted({Path(path).parent.name for path in paths})
    inferencer = zero_shot(args.clip, folders)
    pictures = [np.asarray(Image.open(p).convert('RGB')) for p in paths]
    truth = np.array([folders.index(Path(p).parent.name) for p in paths])
    expected = {
        False: labels(inferencer, [Image.fromarray(x) for x in pictures]),
        True: labels(inferencer, [Image.fromarray(grey(x)) for x in pictures]),
    }
    lines = [
        f'{len(paths)} images, {len(folders)} classes, zero-shot; range and '
        'bands as `adapt` finds them.',
        '',
        '| file | range | same class as from the JPEG | accuracy (JPEG) |',
        '|---|---|---|---|',
    ]
    for name, suffix, write, options, is_grey in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            files = []
            for number, picture in enumerate(pictures):
                files.append(f'{folder}/{number:05d}.{suffix}')
                Path(files[-1]).write_bytes(write(picture))
            suit_images(inferencer, files, **options)
            chosen = inferencer.pipeline[0].options.range
            found = labels(inferencer, files)
            inferencer.set_decoding(DecodeOptions())
        before = expected[is_grey]
        how = (
            'declared' if chosen is None else f'{chosen[0]:g} to {chosen[1]:g}'
        )
        lines.append(
            f'| {name} | {how} | {100 * np.mean(found == before):.1f} % | '
            f'{100 * np.mean(found == truth):.1f} % '
            f'({100 * np.mean(before == truth):.1f} %) |'
        )
        print(lines[-1], flush=True)
    lines += archived(paths, lambda some: labels(inferencer, some))
    with tempfile.TemporaryDirectory() as folder:
        plain = [f'{folder}/{n}.png' for n in range(len(pictures))]
        for path, picture in zip(plain, pictures, strict=True):
            Image.fromarray(picture).save(path)
        lines += [
            '',
            '| plain files | CPU ms an image | Pillow alone | ratio |',
            '|---|---|---|---|',
        ]
        for name, some in (('JPEG', paths), ('PNG', plain)):
            ours, theirs = times(some)
            lines.append(
                f'| {name} | {1e3 * ours / len(some):.3f} | '
                f'{1e3 * theirs / len(some):.3f} | {ours / theirs:.3f} |'
            )
            print(lines[-1], flush=True)
    if args.out:
        Path(args.out).write_text(
            '# Images as files of other kinds\n\n' + '\n'.join(lines) + '\n'
        )


if __name__ == '__main__':
    main()
