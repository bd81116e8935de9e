"""The model card: where an exported model comes from."""

from datetime import date
from pathlib import Path

from mmengine.config import Config

from mmlatte.apis.inference.image_dataset import test_pipeline
from mmlatte.apis.pages.run_facts import (
    also_check_facts,
    answer_facts,
    describe_training,
    name_facts,
    pixel_facts,
    read_summary,
)
from mmlatte.decode_image import WHITE
from mmlatte.version import __version__

from .bundle import Bundle
from .check import Comparison

__all__ = ['model_card']


def model_card(
    bundle: Bundle,
    config: Config,
    comparison: Comparison,
    usage: str,
    run: Path | None,
    measured: dict[str, str] | None = None,
) -> str:
    """Write the card.

    Args:
        bundle (Bundle): What was exported.
        config (Config): Config of the run.
        comparison (Comparison): Result of the check.
        usage (str): How to use this format.
        run (Path | None): Folder of the exported checkpoint; None for CLIP
            as it is.
        measured (dict[str, str], optional): Further facts, which take the
            place of those of the run.

    Returns:
        str: Markdown.
    """
    summary, trained = read_summary(run), run is not None
    lines = [
        '# Image classifier made with mmlatte',
        '',
        *_table(
            {
                'written': f'{date.today().isoformat()} by mmlatte '
                f'{__version__}',
                'model': config.model.type.removeprefix('mmlatte.'),
                'base CLIP': _clip(config),
                **_second(summary),
                'trained': _training(config, run)
                if trained
                else 'no (zero-shot)',
                'data': _data(config) if trained else 'none',
                **(_texts(config, summary) if trained else {}),
                **name_facts(config),
                **pixel_facts(config),
                **answer_facts(summary),
                **_accuracy(summary),
                **(measured or also_check_facts(summary)),
                'confidence': f'temperature {bundle.temperature:.3g}'
                + (' (not calibrated)' if bundle.temperature == 1 else ''),
                'checked': f'against the checkpoint: {comparison}',
            }
        ),
        '',
        '## Use',
        '',
        usage,
        '## Images',
        '',
        _images(bundle, config),
        '',
        '## Classes',
        '',
        *[f'{i}. {name}' for i, name in enumerate(bundle.classes)],
        '',
        '## Licence and limits',
        '',
        'The licence of the base weights applies, and that of the training '
        'images.',
        'The model gives every image one of the classes above, also an '
        'image that shows none of them.',
        _labels(summary),
    ]
    return '\n'.join(lines) + '\n'


def _table(facts: dict[str, str]) -> list[str]:
    rows = [f'| {key} | {value} |' for key, value in facts.items()]
    return ['| | |', '|---|---|', *rows]


def _clip(config: Config) -> str:
    clip = config.model.clip
    name = clip.get('model_name', clip.type)
    if name.startswith('local-dir:'):
        return f'open_clip folder `{Path(name.split(":", 1)[1]).name}`'
    pretrained = clip.get('pretrained')
    return f'open_clip `{name}`' + (f', `{pretrained}`' if pretrained else '')


def _second(summary: dict) -> dict[str, str]:
    name = summary.get('second_encoder')
    if not name:
        return {}
    return {'second encoder': f'{name} labelled the images; it is not here'}


def _training(config: Config, run: Path) -> str:
    seed = config.get('randomness', {}).get('seed')
    labels = sum((read_summary(run).get('answers') or {}).values())
    used = f'{labels} answers' if labels else 'without labels'
    return f'{describe_training(config, run)}, seed {seed}, {used}'


def _labels(summary: dict) -> str:
    used = sum((summary.get('answers') or {}).values())
    return (
        f'It was trained with answers about {used} images'
        if used
        else 'It was trained without labels'
    ) + '; where no accuracy stands above, none was measured.'


def _data(config: Config) -> str:
    dataset = (config.get('train_dataloader') or {}).get('dataset')
    if dataset is None:
        return 'unknown'
    folder = Path(dataset.get('data_root') or '').name
    text = f'{dataset.type.removeprefix("mmlatte.")}, folder `{folder}`'
    if dataset.get('indices'):
        text += f', {dataset.indices} images'
    return text


def _texts(config: Config, summary: dict) -> dict[str, str]:
    synth = (config.get('default_hooks') or {}).get('text_synth') or {}
    lmm = synth.get('lmm')
    if lmm is None:  # class texts only
        return {}
    model = str(lmm.get('model', ''))
    model = Path(model).name if Path(model).is_absolute() else model
    facts = {
        'texts by': f'{lmm["type"].removeprefix("mmlatte.")} `{model}`',
        'image prompt': _quote(synth.get('image_prompt')),
        'group prompt': _quote(synth.get('group_prompt')),
    }
    if summary.get('texts'):
        counts = summary['texts']
        facts['texts'] = ', '.join(f'{n} {what}' for what, n in counts.items())
    return facts


def _quote(prompt) -> str:
    if not prompt:
        return 'none'
    prompts = [prompt] if isinstance(prompt, str) else prompt
    return '; '.join(f'"{text}"' for text in prompts)


def _accuracy(summary: dict) -> dict[str, str]:
    names = {
        'zero_shot_top1': 'zero-shot accuracy',
        'top1': 'accuracy',
        'pseudo_label_top1': 'accuracy of the zero-shot labels of the '
        'training images',
    }
    known = {
        name: f'{summary[key]:.2f} %'
        for key, name in names.items()
        if summary.get(key) is not None
    }
    return known or {'accuracy': 'not known (no labels, or no summary)'}


def _scaling(loader: dict) -> str:
    if loader.get('range') is None:
        return 'by the range that the file declares'
    low, high = loader['range']
    return f'from {low:g} (black) to {high:g} (white)'


def _images(bundle: Bundle, config: Config) -> str:
    how = bundle.preprocessing
    resize = (
        f'the shorter side is resized to {how.size} pixels and the centre is '
        'cropped'
        if how.resize_mode == 'shortest'
        else f'both sides are resized to {how.size} pixels'
    )
    loader = test_pipeline(config)[0]
    special = (
        ' Before that, transparent pixels are blended with the RGB colour '
        f'{[*loader.get("background", WHITE)]} and values of more than 8 bits '
        f"scaled {_scaling(loader)}; Pillow's `convert` does neither."
        if loader['type'].split('.')[-1] == 'LoadImage'
        else ''
    )
    return (
        f'RGB, turned upright by EXIF orientation; {resize} '
        f'({how.interpolation}, as Pillow does it); mean '
        f'{[round(v, 6) for v in how.mean]} and standard deviation '
        f'{[round(v, 6) for v in how.std]} of pixels in 0..1.' + special
    )
