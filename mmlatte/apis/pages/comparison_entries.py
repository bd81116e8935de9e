"""What a comparison compares: configs, or variations of one."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis.compose_config import compose_config
from mmlatte.version import __version__

__all__ = ['Entry', 'log', 'make_entries']


@dataclass
class Entry:
    """A method to run.

    Args:
        name (str): Its row in the table.
        config (Config): The whole config.
        curve (str): Its line in the figure of accuracy against answers.
    """

    name: str
    config: Config
    curve: str = ''

    @property
    def trains(self) -> bool:
        """bool: Whether there is anything to train, or a test is all."""
        return bool(self.config.get('train_dataloader'))

    def key(self, seed: int) -> str:
        """Name the run by all it depends on."""
        content = self.config.to_dict()
        content.pop('work_dir', None)
        text = json.dumps([__version__, seed, content], default=repr)
        return hashlib.sha256(text.encode()).hexdigest()[:12]

    def folder(self, seed: int) -> str:
        """Name the folder of the run."""
        name = ''.join(c if c.isalnum() else '_' for c in self.name)
        return f'{name}-{self.key(seed)}'


def make_entries(
    configs: Sequence[str],
    options: dict | None = None,
    ablation: str | None = None,
    ablations: Path | None = None,
    data: str | None = None,
    clip: str | None = None,
) -> list[Entry]:
    """Read configs, or variations of one.

    Args:
        configs (Sequence[str]): Paths of config files.
        options (dict, optional): Overrides for all, with dotted keys. What
            changes a section that a config has set to None, or that only
            others have, is left out of it, with a line in the log; an absent
            section whose ``type`` is among the options is made.
        ablation (str, optional): Name or path of a config with a list
            ``ablation`` of ``dict(name=..., options={dotted key: value})``.
        ablations (Path, optional): Folder of the named ones.
        data (str, optional): Data set of those that are methods.
        clip (str, optional): CLIP of those that are methods.

    Raises:
        ValueError: If an ablation comes with several configs.
        FileNotFoundError: If there is no such ablation.
    """
    entries = [_read(path, data, clip) for path in configs]
    applicable = _applicable(entries, options or {})
    for entry, chosen in zip(entries, applicable, strict=True):
        entry.config.merge_from_dict(chosen)
    if ablation is None:
        return entries
    if len(entries) != 1:
        raise ValueError(f'--ablation varies one config, got {len(entries)}')
    path = Path(ablation)
    if path.suffix != '.py' and ablations is not None:
        path = ablations / f'{ablation}.py'
    if not path.is_file():
        raise FileNotFoundError(f'there is no ablation {path}')
    for variation in Config.fromfile(path).ablation:
        config = _read(configs[0], data, clip).config
        config.merge_from_dict(applicable[0])
        config.merge_from_dict(dict(variation.options))
        entries.append(Entry(variation.name, config))
    return entries


def _read(path: str, data: str | None, clip: str | None) -> Entry:
    config = compose_config(path, data, clip)
    return Entry(config.pop('composed_name', Path(path).stem), config)


def _applicable(entries: Sequence[Entry], options: dict) -> list[dict]:
    """Choose, for each entry, the options of sections that it has.

    Zero-shot CLIP has no training data to change, and only methods with texts
    have an LMM. A section that no config has is made for all: where that is
    nonsense, all runs fail.
    """
    chosen: list[dict] = [{} for _ in entries]
    for key, value in options.items():
        lacking = [_lacking_section(entry.config, key) for entry in entries]
        nowhere = all(found and not found[1] for found in lacking)
        for entry, mine, found in zip(entries, chosen, lacking, strict=True):
            made = found and not found[1] and f'{found[0]}.type' in options
            if not found or nowhere or made:
                mine[key] = value
            else:
                log(f'{entry.name} has no {found[0]}: {key} is left out')
    return chosen


def _lacking_section(config: Config, key: str) -> tuple[str, bool] | None:
    """Find the outermost section of an option that a config lacks.

    Returns:
        tuple | None: Its dotted name, and whether it is None, not absent.
    """
    parts, node = key.split('.')[:-1], config
    for depth, part in enumerate(parts, 1):
        if not hasattr(node, 'get'):
            return None  # an item of a list: mmengine names a wrong one
        if node.get(part) is None:
            return '.'.join(parts[:depth]), part in node
        node = node[part]
    return None


def log(message: str) -> None:
    """Write a line to the log of the comparison."""
    MMLogger.get_instance('mmlatte', log_level='INFO').info(message)
