"""Write the front-door config in MMEngine's new style.

A config in the new style inherits with ``with read_base(): from
mmlatte.configs.latteclip_vitb32_eurosat import *``, which a text config
cannot serve. The file is the text config, flattened; what stands in it more
than once has a name. Run this after changing what it is made of; a test
compares.
"""

from pathlib import Path

from mmengine.config import Config

from mmlatte.apis import compose_config

ROOT = Path(__file__).resolve().parents[2]
NAME = 'latteclip_vitb32_eurosat.py'
TARGET = ROOT / 'mmlatte' / 'configs' / NAME
#: What other values refer to, by name; `test_dataloader` holds some of it.
SHARED = (
    *('class_names', 'train_pipeline', 'test_pipeline', 'vis_backends'),
    *('test_dataloader', 'test_evaluator'),
)


def flatten() -> str:
    """Return the text of the flat config."""
    config = compose_config(str(ROOT / 'configs' / NAME)).to_dict()
    parts = [
        f'# Written by tools/misc/write_lazy_config.py from configs/{NAME}\n'
    ]
    named: dict = {}
    for key in SHARED:
        value = config.pop(key)
        parts.append(_text({key: _with_names(value, named)}))
        named[key] = value
    parts.append(_text(_with_names(config, named)))
    return ''.join(parts)


def _with_names(value, named: dict):
    """Put ``<name>`` where a value has one."""
    for name, known in named.items():
        if value == known:
            return f'<{name}>'
    if isinstance(value, dict):
        return {key: _with_names(item, named) for key, item in value.items()}
    return value


def _text(part: dict) -> str:
    text = Config(part).pretty_text
    for name in SHARED:
        text = text.replace(f"'<{name}>'", name)
    return text


if __name__ == '__main__':
    TARGET.write_text(flatten())
