"""Facts about a training, from the folder of its run."""

import json
import platform
from pathlib import Path

from mmengine.config import Config

from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.datasets.decode_options_of import pipeline_options
from mmlatte.datasets.unreadable_file import read_unreadable

__all__ = [
    'also_check_facts',
    'answer_facts',
    'describe_training',
    'name_facts',
    'pixel_facts',
    'read_scalars',
    'read_summary',
    'run_facts',
]


def read_summary(run: Path | None) -> dict:
    """Return the ``summary.json`` of a run's folder, {} without one."""
    return _read(run, 'summary.json')


def describe_training(config: Config, run: Path | None) -> str:
    """Return epochs, batch size, optimizer and learning rate.

    Args:
        config (Config): Config of the run.
        run (Path | None): Its folder, where ``LabelFreeScheduleHook`` wrote
            down the learning rate that took the place of the config's, and
            the epochs until it stopped.
    """
    summary = read_summary(run)
    if summary.get('kept_zero_shot'):
        return (
            'none: the fit was not reliable, so that the model is still '
            'zero-shot CLIP (the log gives the reason)'
        )
    loop = config.get('train_cfg') or {}
    fits = str(loop.get('type')).rsplit('.', 1)[-1] == 'FitLoop'
    if fits or summary.get('is_fitted'):
        return 'fitted to frozen features at once'
    loader = config.get('train_dataloader') or {}
    optimizer = (config.get('optim_wrapper') or {}).get('optimizer', {})
    found = _schedule(config, run)
    planned = loop.get('max_epochs', '?')
    epochs = len(found.get('epochs', ())) or planned
    rate = f'lr {optimizer.get("lr", "?")}'
    scheduler = config.get('param_scheduler')
    if isinstance(scheduler, dict) and scheduler.get('max_path'):
        rate += f' (less if all steps sum to over {scheduler["max_path"]:g})'
    if found.get('lr') is not None:
        rate = f'lr {found["lr"]:.2g}, found without labels'
    facts = [
        f'{epochs} epochs'
        if epochs == planned
        else f'{epochs} of {planned} epochs',
        f'batch {loader.get("batch_size", "?")} per rank',
        f'{optimizer.get("type", "?")}, {rate}',
        f'weight decay {optimizer.get("weight_decay", 0)}',
    ]
    if found.get('kept') is not None:
        facts.append(
            f'weights of epoch {found["kept"]:g}, chosen without labels'
        )
    return ', '.join(facts)


def _schedule(config: Config, run: Path | None) -> dict:
    hooks = [*(config.get('default_hooks') or {}).values()]
    hooks += config.get('custom_hooks') or []
    kinds = {
        str((hook or {}).get('type')).rsplit('.', 1)[-1] for hook in hooks
    }
    if 'LabelFreeScheduleHook' not in kinds:
        return {}  # the file is of an earlier run
    return _read(run, 'label_free_schedule.json')


def _read(run: Path | None, name: str) -> dict:
    path = run and run / name
    if path is None or not path.is_file():
        return {}
    return json.loads(path.read_text(encoding='utf-8'))


def run_facts(config: Config, run: Path) -> dict[str, str]:
    """Return what a run was and what it cost, for its report."""
    summary = read_summary(run)
    facts = {
        'method': config.model.type.removeprefix('mmlatte.'),
        'CLIP': str(config.model.clip.get('model_name')).split('/')[-1],
        'training': describe_training(config, run),
    }
    if summary.get('second_encoder'):
        facts['second encoder'] = summary['second_encoder']
    if summary.get('texts'):
        facts['LMM texts'] = ', '.join(
            f'{count} {what}'
            for what, count in summary['texts'].items()
            if isinstance(count, int)
        )
    facts |= pixel_facts(config) | answer_facts(summary)
    facts |= name_facts(config) | also_check_facts(summary)
    if summary.get('pseudo_label_top1') is not None:
        value = summary['pseudo_label_top1']
        facts['accuracy of the zero-shot training labels'] = f'{value:.2f} %'
    if summary.get('images_per_second'):
        facts['training speed'] = (
            f'{summary["images_per_second"]:.1f} images/s'
        )
    if summary.get('wall_seconds'):
        facts['time of the run'] = f'{summary["wall_seconds"] / 60:.1f} min'
    if summary.get('trained_parameters'):
        facts['trained parameters'] = f'{summary["trained_parameters"]:,}'
    if summary.get('peak_memory_mb'):
        facts['peak memory'] = f'{summary["peak_memory_mb"]:,.0f} MB'
    facts['report made on'] = f'{platform.system()} {platform.machine()}'
    return facts


def pixel_facts(config: Config) -> dict[str, str]:
    """Return how images were read, and which were not, where it was chosen.

    Args:
        config (Config): Of the run.
    """
    options = pipeline_options(test_pipeline(config))
    facts = {}
    if options.range is not None:
        low, high = options.range
        facts['range'] = (
            f'values {low:g} to {high:g} of more than 8 bits are black to '
            'white'
        )
    if options.bands is not None:
        bands = ' '.join(map(str, options.bands))
        facts['bands'] = f'{bands} are shown (counted from 1)'
    dataset = (config.get('train_dataloader') or {}).get('dataset') or {}
    table = dataset.get('leave_out')
    if isinstance(table, str):
        path = Path(table)
        count = len(read_unreadable(path)) if path.is_file() else 'some'
        facts['left out'] = f'{count} unreadable images, see {path.name}'
    return facts


def answer_facts(summary: dict) -> dict[str, str]:
    """Return how many answers of whom were used, and what they tell."""
    facts = {}
    if summary.get('answers'):
        facts['answers used'] = ', '.join(
            f'{count} of {who}' for who, count in summary['answers'].items()
        )
    if summary.get('estimated_top1'):
        mean, low, high = summary['estimated_top1']
        facts['accuracy estimated from the answers'] = (
            f'{mean:.1f} % (80 % interval {low:.1f} to {high:.1f})'
        )
    return facts


def name_facts(config: Config) -> dict[str, str]:
    """Return what classes are called in texts, where it is not their name."""
    called = config.model.get('prompt_names') or {}
    said = [f'{name}: {", ".join(own)}' for name, own in called.items()]
    return {'names that CLIP reads': '; '.join(said)} if said else {}


def also_check_facts(summary: dict) -> dict[str, str]:
    """Return how well CLIP tells an unrelated set, before and after."""
    found = summary.get('also_check')
    if not found:
        return {}
    name = Path(found['folder']).name
    return {
        f'zero-shot accuracy on {name}': f'{found["after"]:.2f} %, of the '
        f'CLIP it started from {found["before"]:.2f} % ({found["images"]} '
        f'images, {found["classes"]} classes)'
    }


def read_scalars(run: Path) -> dict[str, tuple[list, list]]:
    """Read what mmengine's ``LocalVisBackend`` logged: name -> curve.

    The parts of a resumed run are joined; where they overlap, the later part
    counts.

    Args:
        run (Path): Work folder of the run.
    """
    found: dict[str, dict[float, float]] = {}
    for path in sorted(run.glob('*/vis_data/scalars.json')):
        for line in path.read_text(encoding='utf-8').splitlines():
            try:
                entry = json.loads(line)
            except ValueError:
                continue  # The run was killed while it wrote this line.
            for name, value in entry.items():
                if isinstance(value, (int, float)) and 'step' in entry:
                    found.setdefault(name, {})[entry['step']] = value
    return {
        name: (sorted(curve), [curve[step] for step in sorted(curve)])
        for name, curve in found.items()
        if name not in ('step', 'iter', 'epoch')
    }
