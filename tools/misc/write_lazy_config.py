"""Write the front-door config in MMEngine's new style.

A config in the new style inherits with ``with read_base(): from
mmlatte.configs.latteclip_vitb32_eurosat import *``, which a text config
cannot serve. The file is the text config, flattened. Run this after changing
what it is made of; a test compares.
"""

from pathlib import Path

from mmlatte.apis import compose_config

ROOT = Path(__file__).resolve().parents[2]
NAME = 'latteclip_vitb32_eurosat.py'
TARGET = ROOT / 'mmlatte' / 'configs' / NAME


def flatten() -> str:
    """Return the text of the flat config."""
    header = (
        f'# Written by tools/misc/write_lazy_config.py from configs/{NAME}'
    )
    config = compose_config(str(ROOT / 'configs' / NAME))
    return f'{header}\n{config.pretty_text}'


if __name__ == '__main__':
    TARGET.write_text(flatten())
