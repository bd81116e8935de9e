import os
from pathlib import Path

from mmlatte.registry import DATASETS

from .coop_benchmark import CoOpBenchmark


@DATASETS.register_module()
class FGVCAircraft(CoOpBenchmark):
    """FGVC-Aircraft: 10,000 photos of 100 variants, the official split.

    From `Fine-Grained Visual Classification of Aircraft
    <https://arxiv.org/abs/1306.5151>`_. CoOp has no split file for it and
    reads the lists that come with the images::

        data_root/
        ├── images/<n>.jpg
        ├── variants.txt
        └── images_variant_{train,val,test}.txt

    ``python tools/prepare_dataset.py fgvc_aircraft`` makes it. See
    `CoOpBenchmark` for the arguments; `split_file` is the list of variants.
    """

    NAME = 'fgvc_aircraft'
    IMAGE_FOLDER = 'images'
    SPLIT_FILE = 'variants.txt'

    def read_parts(self) -> dict[str, list]:
        """Read the lists: part -> list of ``[path, label, class name]``."""
        names = _lines(self.ann_file)
        label = {name: i for i, name in enumerate(names)}
        parts = {}
        for part in ('train', 'val', 'test'):
            folder = os.path.dirname(self.ann_file)
            path = os.path.join(folder, f'images_variant_{part}.txt')
            parts[part] = []
            for line in _lines(path):
                number, _, name = line.partition(' ')
                if name not in label:
                    raise ValueError(
                        f"'{path}': variant {name!r} is not in "
                        f"'{self.ann_file}'"
                    )
                parts[part].append([f'{number}.jpg', label[name], name])
        return parts


def _lines(path: str) -> list[str]:
    if not os.path.isfile(path):
        raise FileNotFoundError(f"List '{path}' does not exist.")
    text = Path(path).read_text(encoding='utf-8')
    return [line.strip() for line in text.splitlines() if line.strip()]
