"""What a training step costs: ours, the reference code's, and the floor.

Every variant is a process of its own, so that its peak memory is its own; the
processes take turns, step by step, on the same batch. Compared are

- ``ours``: the classifier, optimizer and hooks of the shipped configs
- ``reference``: what the LatteCLIP reference code does per step
- ``floor``: forward and backward of the two towers on the same distinct texts
  and images, and nothing else (not even an optimizer)
- and ours with an option: ``checkpointing``, ``frozen_text``, ``norms``,
  ``last_block``, ``lora``, ``bf16``, ``compile``, ``channels_last``

Loading of images is left out. The weights are random: nothing is downloaded.

    python benchmarks/train_step.py --batch 32 --classes 10 397
"""

import argparse
import multiprocessing
import platform
import statistics
import subprocess
import sys
from datetime import date
from pathlib import Path

import torch

sys.path.insert(0, str(Path(__file__).parent))
from train_step_worker import VARIANTS, Batch, serve

#: Variants that live at the same time; each holds a model.
TOGETHER = 3


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument(
        '--model',
        default='ViT-B-32',
        help='open_clip name or local-dir:FOLDER (default: %(default)s)',
    )
    parser.add_argument('--batch', type=int, nargs='+', default=[32])
    parser.add_argument('--classes', type=int, nargs='+', default=[10])
    parser.add_argument(
        '--tokens',
        type=int,
        default=20,
        help='tokens of an image or group text (default: %(default)s)',
    )
    parser.add_argument(
        '--spread',
        type=float,
        default=0.0,
        help='standard deviation of the logarithm of the number of tokens; 0 '
        'makes all texts equally long, LMM texts have about 0.35',
    )
    parser.add_argument(
        '--variants', nargs='+', choices=VARIANTS, default=list(VARIANTS)[:3]
    )
    parser.add_argument(
        '--repeats', type=int, default=3, help='timed steps per variant'
    )
    parser.add_argument(
        '--device', default='cuda' if torch.cuda.is_available() else 'cpu'
    )
    parser.add_argument(
        '--dtype',
        choices=['float32', 'bfloat16', 'float16'],
        default='float32',
    )
    parser.add_argument('--threads', type=int, help='CPU threads per process')
    parser.add_argument(
        '--clock',
        choices=['wall', 'cpu'],
        default='wall',
        help="'cpu' counts processor seconds of the process, for a machine "
        'that others use too; best with --threads 1',
    )
    parser.add_argument('--out', help='Markdown file to write the tables to')
    return parser.parse_args()


class Worker:
    """A variant in a process of its own.

    Args:
        variant (str): Its name.
        args (argparse.Namespace): Model, device and so on.
        batch (Batch): What it trains on.
    """

    def __init__(self, variant: str, args, batch: Batch) -> None:
        self.variant = variant
        context = multiprocessing.get_context('spawn')
        self._pipe, other = context.Pipe()
        options = dict(
            model_name=args.model,
            device=args.device,
            dtype=args.dtype,
            threads=args.threads,
            clock=args.clock,
        )
        self._process = context.Process(
            target=serve, args=(other, variant, batch, options), daemon=True
        )
        self._process.start()
        other.close()

    def ask(self, what: str):
        """Return the answer to 'step', 'phases' or 'facts'."""
        try:
            self._pipe.send(what)
            return self._pipe.recv()
        except (EOFError, BrokenPipeError) as error:
            self._process.join()
            raise SystemExit(
                f'variant {self.variant} died (exit code '
                f'{self._process.exitcode}), see above'
            ) from error

    def close(self) -> None:
        """End the process."""
        self._pipe.send('stop')
        self._process.join()


def measure(args, size: int, classes: int) -> tuple[dict, dict]:
    """Measure all variants on one batch.

    Args:
        args (argparse.Namespace): The options.
        size (int): Batch size.
        classes (int): Number of classes.

    Returns:
        tuple[dict, dict]: Per variant seconds per step and facts; seconds per
        phase of ours.
    """
    batch = Batch.make(size, classes, args.tokens, args.spread)
    others = [v for v in args.variants if v not in ('ours', 'reference')]
    base = [v for v in ('ours', 'reference') if v in args.variants]
    results: dict = {}
    phases: dict = {}
    step = max(1, TOGETHER - len(base))
    for start in range(0, max(1, len(others)), step):
        group = [*base, *others[start : start + step]]
        if start:
            # What is compared with must run beside what is compared.
            group = [v for v in group if v != 'ours']
        workers = [Worker(variant, args, batch) for variant in group]
        for worker in workers:
            worker.ask('step')  # warm-up
        seconds: dict = {worker.variant: [] for worker in workers}
        for _ in range(args.repeats):
            for worker in workers:
                seconds[worker.variant].append(worker.ask('step'))
        for worker in workers:
            found = worker.ask('facts')
            found['seconds'] = statistics.median(seconds[worker.variant])
            found['reference'] = None
            if 'reference' in seconds:
                # Ratios of neighbours in time: the machine's load cancels.
                found['reference'] = statistics.median(
                    b / a
                    for a, b in zip(
                        seconds[worker.variant],
                        seconds['reference'],
                        strict=True,
                    )
                )
            if 'floor' in seconds:
                found['floor'] = statistics.median(
                    c / a
                    for a, c in zip(
                        seconds[worker.variant],
                        seconds['floor'],
                        strict=True,
                    )
                )
            results.setdefault(worker.variant, found)
            if worker.variant == 'ours' and not start:
                phases = worker.ask('phases')
            worker.close()
    return results, phases


def table(results: dict, size: int) -> str:
    """Return the Markdown table of one batch."""
    lines = [
        '| variant | images/s | s/step | times the reference | share of the '
        'floor | peak memory, MB | of the reference | without libraries | '
        'of the reference | trained parameters |',
        '|---|---|---|---|---|---|---|---|---|---|',
    ]
    reference = results.get('reference')
    for variant in VARIANTS:
        if variant not in results:
            continue
        found = results[variant]
        ratio, floor = found['reference'], found.get('floor')
        cells = [
            variant,
            f'{size / found["seconds"]:.2f}',
            f'{found["seconds"]:.3f}',
            '' if ratio is None else f'{ratio:.2f}',
            '' if floor is None else f'{floor:.2f}',
        ]
        for memory in ('peak', 'own'):
            cells.append(f'{found[memory]:.0f}')
            share = reference and f'{found[memory] / reference[memory]:.2f}'
            cells.append(share or '')
        cells.append(f'{found["trained"]:,}')
        lines.append('| ' + ' | '.join(cells) + ' |')
    return '\n'.join(lines)


def phase_table(phases: dict) -> str:
    """Return the Markdown table of the phases of our step."""
    total = sum(phases.values())
    lines = ['| phase of ours | ms | share |', '|---|---|---|']
    for phase, seconds in phases.items():
        lines.append(
            f'| {phase} | {seconds * 1e3:.1f} | {seconds / total:.1%} |'
        )
    return '\n'.join(lines)


def machine(args) -> str:
    """Describe what this was measured on, in a sentence."""
    if args.device.startswith('cuda'):
        name = torch.cuda.get_device_name()
    else:
        name = platform.processor() or platform.machine()
        info = Path('/proc/cpuinfo')
        if info.exists():
            for line in info.read_text().splitlines():
                if line.startswith('model name'):
                    name = line.split(':')[1].strip()
                    break
        name += f', {args.threads or torch.get_num_threads()} threads'
    return f'{name}; torch {torch.__version__}; {date.today()}'


def main() -> None:
    args = parse_args()
    parts = [
        f'# Cost of a training step: {Path(args.model).name}',
        'Generated by `python benchmarks/train_step.py '
        + subprocess.list2cmdline(_public(sys.argv[1:]))
        + f'` on {machine(args)}; {args.dtype}, {args.repeats} interleaved '
        f'repetitions, medians of {args.clock} seconds.',
        'Peak memory is that of a process; without libraries is what it holds '
        'more than when torch and the others have been imported.',
    ]
    for size in args.batch:
        for classes in args.classes:
            results, phases = measure(args, size, classes)
            texts = f'{args.tokens} tokens'
            if args.spread:
                texts = f'about {texts} (spread {args.spread})'
            parts.append(
                f'## Batch {size}, {classes:,} classes, texts of {texts}'
            )
            parts.append(table(results, size))
            if phases:
                parts.append(phase_table(phases))
            print('\n\n'.join(parts[-3:]), flush=True)
    if args.out:
        out = Path(args.out)
        out.parent.mkdir(parents=True, exist_ok=True)
        out.write_text('\n\n'.join(parts) + '\n', encoding='utf-8')


def _public(arguments: list[str]) -> list[str]:
    """Leave folders of this machine out of what is written."""
    shown = []
    for number, argument in enumerate(arguments):
        if argument.startswith('local-dir:'):
            argument = 'local-dir:' + Path(argument).name
        elif number and arguments[number - 1] == '--out':
            argument = Path(argument).name
        shown.append(argument)
    return shown


if __name__ == '__main__':
    main()
