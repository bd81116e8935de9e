"""Archives of the formats that webdataset and datasets write."""

import io
import json
import tarfile
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import pytest
from PIL import Image


def picture(seed: int) -> bytes:
    """Return a JPEG that no other seed gives."""
    pixels = np.random.default_rng(seed).integers(0, 256, (8, 8, 3), np.uint8)
    file = io.BytesIO()
    Image.fromarray(pixels).save(file, 'JPEG')
    return file.getvalue()


@pytest.fixture(scope='session')
def pictures() -> list[bytes]:
    return [picture(seed) for seed in range(6)]


def write_tar(path: Path, members: Sequence[tuple[str, bytes]], **kwargs):
    with tarfile.open(path, 'w', **kwargs) as tar:
        for name, data in members:
            member = tarfile.TarInfo(name)
            member.size = len(data)
            tar.addfile(member, io.BytesIO(data))
    return path


@pytest.fixture
def tar():
    """``tar(path, [(name, bytes)])`` writes it."""
    return write_tar


def table(columns: dict, paths: Sequence[str | None] | None = None):
    """Columns of bytes as ``datasets`` has them; other columns as given."""
    arrow = pytest.importorskip('pyarrow')
    arrays, features = {}, {}
    for name, values in columns.items():
        if not all(isinstance(v, bytes | None) for v in values):
            arrays[name] = arrow.array(values)
            continue
        names = paths or [f'{n}.jpg' for n in range(len(values))]
        rows = [
            None if v is None and p is None else {'bytes': v, 'path': p}
            for v, p in zip(values, names, strict=True)
        ]
        kind = arrow.struct([('bytes', arrow.binary()), ('path', 'string')])
        arrays[name] = arrow.array(rows, kind)
        features[name] = {'_type': 'Image'}
    note = json.dumps({'info': {'features': features}})
    return arrow.table(arrays).replace_schema_metadata({'huggingface': note})


@pytest.fixture
def hub_table():
    """``hub_table(columns, paths)`` makes it."""
    return table


@pytest.fixture
def parquet():
    """``parquet(path, table, **options)`` writes it."""
    module = pytest.importorskip('pyarrow.parquet')

    def write(path: Path, rows, **kwargs) -> Path:
        module.write_table(rows, path, **kwargs)
        return path

    return write


@pytest.fixture
def arrow_file():
    """``arrow_file(path, table)`` writes it as ``save_to_disk`` does."""
    arrow = pytest.importorskip('pyarrow')

    def write(path: Path, rows, new=arrow.ipc.new_stream, size=2) -> Path:
        path.parent.mkdir(parents=True, exist_ok=True)
        with arrow.OSFile(str(path), 'wb') as sink:
            with new(sink, rows.schema) as writer:
                writer.write_table(rows, max_chunksize=size)
        return path

    return write
