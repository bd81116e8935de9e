"""Images in archives, for `image_kinds.py`."""

import io
import json
import tarfile
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow
import pyarrow.parquet

from mmlatte.apis import find_images
from mmlatte.archives import open_image

__all__ = ['archived']


def webdataset(folder: Path, files: dict[str, bytes]) -> None:
    """Shards of 100 samples, each an image, a class and a mask."""
    for number, (key, data) in enumerate(files.items()):
        path = folder / f'shard-{number // 100:04d}.tar'
        with tarfile.open(path, 'a') as shard:
            for ending, content in (
                ('cls', b'0'),
                ('jpg', data),
                ('mask.png', b'no image'),
            ):
                member = tarfile.TarInfo(f'{key}.{ending}')
                member.size = len(content)
                shard.addfile(member, io.BytesIO(content))


def hub_table(files: dict[str, bytes]) -> pyarrow.Table:
    """What `datasets` has of images in memory."""
    rows = [{'bytes': d, 'path': f'{k}.jpg'} for k, d in files.items()]
    features = {'image': {'_type': 'Image'}}
    note = json.dumps({'info': {'features': features}})
    table = pyarrow.table({'image': rows, 'label': [0] * len(rows)})
    return table.replace_schema_metadata({'huggingface': note})


def parquet(folder: Path, files: dict[str, bytes]) -> None:
    pyarrow.parquet.write_table(
        hub_table(files), folder / 'train.parquet', row_group_size=100
    )


def saved_to_disk(folder: Path, files: dict[str, bytes]) -> None:
    table = hub_table(files)
    names = ['data-00000-of-00002.arrow', 'data-00001-of-00002.arrow']
    half = len(files) // 2
    for name, part in zip(names, (table[:half], table[half:]), strict=True):
        with (
            pyarrow.OSFile(str(folder / name), 'wb') as sink,
            pyarrow.ipc.new_stream(sink, table.schema) as writer,
        ):
            writer.write_table(part, max_chunksize=1000)
    state = {'_data_files': [{'filename': name} for name in names]}
    (folder / 'state.json').write_text(json.dumps(state))


ARCHIVES: dict[str, Callable[[Path, dict[str, bytes]], None]] = {
    'WebDataset, 5 shards with classes and masks': webdataset,
    'Parquet of the Hugging Face hub, groups of 100 rows': parquet,
    'Hugging Face `save_to_disk`, 2 Arrow files': saved_to_disk,
}


def archived(
    paths: list[str], labels: Callable[[list[str]], np.ndarray]
) -> list[str]:
    """The table of files that were put into archives, unchanged."""
    expected = labels(paths)
    files = {
        f'{number:05d}': Path(path).read_bytes()
        for number, path in enumerate(paths)
    }
    lines = [
        '',
        '| the JPEGs in an archive | images found | same bytes | '
        'same class as from the JPEG |',
        '|---|---|---|---|',
    ]
    for name, write in ARCHIVES.items():
        with tempfile.TemporaryDirectory() as folder:
            write(Path(folder), files)
            found = find_images(folder)
            same = [
                open_image(path).read() == data
                for path, data in zip(found, files.values(), strict=True)
            ]
            equal = labels(found) == expected
        lines.append(
            f'| {name} | {len(found)} | {100 * np.mean(same):.1f} % | '
            f'{100 * np.mean(equal):.1f} % |'
        )
        print(lines[-1], flush=True)
    return lines
