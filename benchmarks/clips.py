"""What works with which CLIP: every open_clip architecture, random weights.

    python benchmarks/clips.py --rows clips.jsonl --out docs/clips.md

What works depends on the kinds of layers, not on number and size: every tower
is cut to two blocks or, of a CNN, to one per stage, where its library can
build it so, and of architectures whose modules and parameters have the same
kinds and names then, the smallest is tried for all. Each runs in a process of
its own and is written to --rows at once; the same command goes on after an
interruption.
"""

import argparse
import functools
import json
import resource
import signal
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import open_clip
import timm
import torch
from open_clip import factory
from open_clip.tokenizer import SimpleTokenizer
from PIL import Image

from mmlatte.models.clip import find_weights

TUNINGS = {
    'all weights': None,
    'Norm': dict(type='mmlatte.NormTuning', tower='both'),
    'Block': dict(type='mmlatte.BlockTuning', visual=1, text=1),
    'LoRA': dict(type='mmlatte.LoRATuning', tower='both'),
    'Adapter': dict(type='mmlatte.AdapterTuning', tower='both'),
    'Prompt': dict(type='mmlatte.PromptTuning'),
    'SVD': dict(type='mmlatte.SingularValueTuning'),
}
EXPORTS = ('open_clip', 'hf', 'onnx', 'torchscript')
COLUMNS = ('features', *TUNINGS, 'microCLIP', *EXPORTS)
#: Parameters of the cut model; an export holds it four times in 10 GB.
MOST = 600e6
CLASSES = ['river', 'forest', 'a highway']
SENTENCES = {name: [f'{name} from above', name] for name in CLASSES}


@contextmanager
def two_blocks(name: str) -> Iterator[None]:
    """Let open_clip build an architecture with few layers."""
    config = open_clip.get_model_config(name)
    vision, text = config['vision_cfg'], config['text_cfg']
    if isinstance(vision.get('layers'), list):
        vision['layers'] = [1, 1, 1, 1]
    elif 'timm_model_name' not in vision:
        vision['layers'] = 2
    if 'hf_model_name' not in text:
        text['layers'] = 2
        # A tokenizer of a hub is replaced by open_clip's own.
        text.pop('hf_tokenizer_name', None)
        text.pop('tokenizer_kwargs', None)
        text['vocab_size'] = 49408
    if 'multimodal_cfg' in config:
        config['multimodal_cfg']['layers'] = 1
    make = timm.create_model

    @functools.wraps(make)
    def short(*args, **kwargs):
        with torch.device('meta'):
            whole = make(*args, **kwargs)
        stages = getattr(whole, 'stages', ())
        # How timm's models can be asked for fewer layers: what fits.
        for fewer in (
            dict(depth=2),
            dict(depths=(1,) * len(stages)),
            dict(layers=(1,) * len(stages)),
        ):
            try:
                return make(*args, **kwargs, **fewer)
            except Exception:
                continue
        return make(*args, **kwargs)

    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / f'{name}.json').write_text(json.dumps(config))
        open_clip.add_model_config(folder)
        timm.create_model = short
        factory.SigLipTokenizer = _own_tokenizer
        try:
            yield
        finally:
            timm.create_model = make


def _own_tokenizer(name: str, context_length: int) -> SimpleTokenizer:
    """Open_clip's own in the place of one that a hub has."""
    return SimpleTokenizer(context_length=context_length)


def kind_of(name: str) -> tuple[str, int]:
    """Return what a cut model consists of, without sizes, and its size."""
    if _hub_tower(name):
        return 'hub', 0
    with two_blocks(name), torch.device('meta'):
        model = open_clip.create_model(
            name, device='meta', load_weights=False, force_custom_text=True
        )
    modules = [f'{k} {type(m).__name__}' for k, m in model.named_modules()]
    parameters = [k for k, _ in model.named_parameters()]
    mode = find_weights(name).preprocess['resize_mode']
    size = sum(p.numel() for p in model.parameters())
    return '\n'.join([mode, *modules, *parameters]), size


def _hub_tower(name: str) -> str | None:
    return open_clip.get_model_config(name)['text_cfg'].get('hf_model_name')


class TooLarge(Exception):
    """A cut model that is still too large to be tried."""


def check(
    name: str,
    columns: tuple[str, ...] = COLUMNS,
    tell: Callable[[dict[str, str]], None] | None = None,
) -> dict[str, str]:
    """Try one architecture.

    Args:
        name (str): Of open_clip.
        columns (tuple[str, ...]): What is tried.
        tell (Callable, optional): Called with what is known after each.

    Returns:
        dict[str, str]: ``'works'`` or the message, for each.
    """
    if _hub_tower(name):
        return dict.fromkeys(columns, 'not tried: its text tower is of a hub')
    row: dict[str, str] = {}
    with two_blocks(name):
        for column in columns:
            torch.manual_seed(0)
            try:
                _trial(column)(name)
                row[column] = 'works'
            except TooLarge as error:
                row[column] = str(error)
            except Exception as error:
                words = str(error).strip() or type(error).__name__
                row[column] = f'{type(error).__name__}: {words}'
            if tell is not None:
                tell(row)
    return row


def _trial(column: str) -> Callable[[str], None]:
    if column in TUNINGS:
        return lambda name: _train(name, TUNINGS[column])
    if column in EXPORTS:
        return lambda name: _export(name, column)
    return {'features': _features, 'microCLIP': _micro_clip}[column]


def _clip(name: str, **options):
    from mmlatte.models.clip import OpenCLIP

    clip = OpenCLIP(name, **options)
    count = sum(p.numel() for p in clip.parameters())
    if count > MOST:
        raise TooLarge(f'not tried: size ({count / 1e6:.0f} M parameters)')
    return clip


def _images(clip) -> torch.Tensor:
    return torch.randn(3, 3, *clip.image_size)


@torch.no_grad()
def _features(name: str) -> None:
    """Compare both towers with open_clip's own calls."""
    clip = _clip(name).eval()
    theirs = open_clip.create_model(name, force_custom_text=True).eval()
    theirs.load_state_dict(clip.state_dict(), strict='coca' not in name)
    images = _images(clip)
    expected = theirs.encode_image(images, normalize=True)
    torch.testing.assert_close(
        clip.encode_image(images), expected, rtol=0, atol=2e-5
    )
    tokens = open_clip.get_tokenizer(name)(CLASSES)
    expected = theirs.encode_text(tokens, normalize=True)
    torch.testing.assert_close(
        clip.encode_texts(CLASSES), expected, rtol=0, atol=2e-5
    )


def _train(name: str, tuning: dict | None) -> None:
    """Take two steps: all that trains has a gradient; it can be exported."""
    from mmlatte.models.clip import untuned

    clip = _clip(name, tuning=tuning)
    images = _images(clip)
    texts = [f'a photo of a {label}.' for label in CLASSES]
    for _ in range(2):
        image, text = clip.encode_image(images), clip.encode_texts(texts)
        (clip.scale * image @ text.T).square().mean().backward()
        idle = []
        with torch.no_grad():
            for key, parameter in clip.named_parameters():
                if parameter.requires_grad and parameter.grad is None:
                    idle.append(key)
                elif parameter.requires_grad:
                    norm = parameter.grad.norm().clamp(min=1e-12)
                    parameter -= 1e-3 * parameter.grad / norm
                    parameter.grad = None
        if idle:
            raise RuntimeError(f'no gradient reaches {", ".join(idle[:3])}')
    clip.eval()
    try:
        plain = untuned(clip)
    except ValueError:
        return  # said by the tuning's docs: graphs hold it
    with torch.no_grad():
        torch.testing.assert_close(
            plain.encode_image(images),
            clip.encode_image(images),
            rtol=0,
            atol=1e-4,
        )


def _micro_clip(name: str) -> None:
    """Predict and take a gradient."""
    from mmlatte.models.classifiers import MicroCLIPClassifier

    model = MicroCLIPClassifier(
        clip=_clip(name, freeze_text=True),
        class_names=CLASSES,
        descriptions=SENTENCES,
    )
    model.init_weights()
    logits = model.logits(_images(model.clip))
    if logits.shape != (3, 3) or not logits.isfinite().all():
        raise RuntimeError(f'logits {logits}')
    logits.square().mean().backward()


def _export(name: str, to: str) -> None:
    """Export, reload, compare on an image."""
    from mmengine.config import Config

    from mmlatte.apis.export import check_export_formats, export_model
    from mmlatte.datasets.clip_pipeline import (
        clip_data_preprocessor,
        clip_eval_pipeline,
    )

    clip = _clip(name)
    check_export_formats([to], clip)
    model = dict(
        type='mmlatte.ZeroShotCLIP',
        clip=dict(type='mmlatte.OpenCLIP', model_name=name),
        class_names=CLASSES,
        data_preprocessor=clip_data_preprocessor(clip.preprocess),
    )
    pipeline = clip_eval_pipeline(clip.image_size, clip.preprocess)
    del clip
    with tempfile.TemporaryDirectory() as folder:
        pixels = np.random.default_rng(0).integers(0, 256, (300, 260, 3))
        image = f'{folder}/image.png'
        Image.fromarray(pixels.astype(np.uint8)).save(image)
        config = Config(dict(model=model, test_pipeline=pipeline))
        export_model(config, to, f'{folder}/{to}', images=[image])


def run_all(
    rows: Path, limit: int, names: list[str]
) -> dict[tuple[str, ...], dict[str, str]]:
    """Try the smallest of each kind that has no row yet; kind -> row."""
    kinds: dict[str, list[tuple[int, str]]] = {}
    for name in names:
        kind, size = kind_of(name)
        kinds.setdefault(kind, []).append((size, name))
    done: dict[str, dict] = {}
    if rows.exists():
        lines = rows.read_text(encoding='utf-8').splitlines()
        done = {row['name']: row['row'] for row in map(json.loads, lines)}
    # What most architectures consist of comes first.
    for members in sorted(kinds.values(), key=len, reverse=True):
        name = min(members)[1]
        if name in done:
            continue
        row = _try_apart(name, limit)
        done[name] = row
        with rows.open('a', encoding='utf-8') as file:
            file.write(json.dumps(dict(name=name, row=row)) + '\n')
        failed = [c for c in COLUMNS if row[c] != 'works']
        print(name, 'not:' if failed else '', *failed, flush=True)
    return {
        tuple(name for _, name in sorted(members)): done[min(members)[1]]
        for members in kinds.values()
    }


def _try_apart(name: str, limit: int) -> dict[str, str]:
    """Try one architecture in a process of its own."""
    command = [sys.executable, __file__, '--one', name, '--limit', str(limit)]
    try:
        result = subprocess.run(
            command, capture_output=True, text=True, timeout=3 * limit
        )
        out = result.stdout
        why = f'not tried: {result.stderr.strip()[-300:]}'
        if result.returncode == -signal.SIGXCPU:
            why = f'not tried: size (over {limit} s of CPU time for a row)'
    except subprocess.TimeoutExpired as error:
        out = (error.stdout or b'').decode()
        why = f'not tried: size (over {3 * limit} s for a row)'
    lines = [line for line in out.splitlines() if line.startswith('ROW ')]
    row = json.loads(lines[-1][4:]) if lines else {}
    return {**dict.fromkeys(COLUMNS, why), **row}


def markdown(done: dict[tuple[str, ...], dict[str, str]]) -> str:
    """Write the table: architectures with the same outcome share a line."""
    notes: dict[str, int] = {}
    groups: dict[tuple[str, ...], list[str]] = {}
    for members, row in done.items():
        cells = []
        for column in COLUMNS:
            message = row[column].replace(f'{members[0]} ', 'it ')
            message = ' '.join(message.split())[:400]
            if message == 'works':
                cells.append('works')
            else:
                number = notes.setdefault(message, len(notes) + 1)
                cells.append(f'[{number}](#messages)')
        groups.setdefault(tuple(cells), []).extend(members)
    lines = [
        '# What works with which CLIP',
        '',
        'Every architecture of open_clip '
        f'{open_clip.__version__}, with random weights, every tower cut to '
        'two blocks (CNNs to one per stage where timm can build them so); the '
        'smallest is tried for all that consist of the same layers then. '
        f"Tokenizers of a hub are replaced by open_clip's own. "
        f'Not tried: text towers from a hub, more than {MOST / 1e6:.0f} M '
        'parameters after the cut, and what came after the time of a row or '
        "of the run. `features`: equal to open_clip's own. "
        'A tuning works if two steps give a gradient to all that trains, and '
        'what can be folded into plain weights gives the same features then. '
        'Exports: reloaded in their own library and compared on an image. A '
        'number is the message, below. Made by `benchmarks/clips.py`.',
        '',
        f'| architectures | {" | ".join(COLUMNS)} |',
        '|---' * (len(COLUMNS) + 1) + '|',
    ]
    for cells, names in sorted(groups.items(), key=lambda g: -len(g[1])):
        lines.append(f'| {", ".join(names)} | {" | ".join(cells)} |')
    lines += ['', '## Messages', '']
    lines += [f'{number}. {message}' for message, number in notes.items()]
    return '\n'.join(lines) + '\n'


def _tell(row: dict[str, str]) -> None:
    print('ROW', json.dumps(row), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('--rows', type=Path, default=Path('clips.jsonl'))
    parser.add_argument('--out', type=Path, help='the table')
    parser.add_argument(
        '--limit', type=int, default=600, help='seconds of CPU time for each'
    )
    parser.add_argument('--names', nargs='+', help='default: all')
    parser.add_argument('--one', help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.one:
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (args.limit, args.limit + 9))
        row = check(args.one, tell=_tell)
        _tell(row)
        return
    done = run_all(
        args.rows, args.limit, args.names or open_clip.list_models()
    )
    if args.out:
        args.out.write_text(markdown(done), encoding='utf-8')


if __name__ == '__main__':
    main()
