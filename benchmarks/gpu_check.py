"""Check on a GPU what a CPU cannot show; write a table.

    python benchmarks/gpu_check.py --out benchmarks/gpu_check.md

Under 8 minutes on one GPU; weights are random, nothing is fetched. Every
check runs in a process of its own: one that fails is a row 'failed: reason',
and the exit code is 1. ``--device cpu`` runs the same checks on a tiny CLIP,
with gloo in the place of NCCL.
"""

import argparse
import multiprocessing
import os
import platform
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))

#: Name -> module of `gpu_checks` with a function ``check(size)`` that yields
#: rows (what, result); a result that begins with 'failed' fails.
CHECKS = (
    'precision',
    'language_model',
    'process_group',
    'compiled',
    'channels_last',
    'determinism',
    'step',
    'feature_pass',
)


def run(name: str, device: str, limit: float) -> list[tuple[str, str]]:
    """Run a check in a process; its rows, or why there are none."""
    # A CUDA context does not survive a fork; on a CPU it saves the imports.
    method = 'spawn' if device == 'cuda' else 'fork'
    context = multiprocessing.get_context(method)
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_child, args=(there, name, device))
    process.start()
    there.close()
    rows: list[tuple[str, str]] = []
    until = time.monotonic() + limit
    try:
        while here.poll(max(0.0, until - time.monotonic())):
            row = here.recv()
            if row is None:
                break
            rows.append(row)
        else:
            rows.append((name, f'failed: not done after {limit:g} s'))
    except EOFError:
        process.join()
        code = process.exitcode
        rows.append((name, f'failed: the process ended with code {code}'))
    if process.is_alive():
        process.join(5)
    if process.is_alive():
        process.kill()
    return rows


def _child(pipe, name: str, device: str) -> None:
    try:
        import gpu_checks

        for row in gpu_checks.CHECKS[name](gpu_checks.SIZES[device]):
            pipe.send(row)
    except Exception as error:
        reason = ' '.join(f'{type(error).__name__}: {error}'.split())
        pipe.send((name, f'failed: {reason[:300]}'.replace('|', '/')))
    pipe.send(None)


def _machine(pipe, device: str) -> None:
    import torch

    name = platform.processor() or platform.machine()
    if device == 'cuda':
        name = torch.cuda.get_device_name()
    pipe.send(f'{name}, torch {torch.__version__}')


def machine(device: str) -> str:
    """Name the hardware, asked in a process of its own."""
    context = multiprocessing.get_context('spawn')
    here, there = context.Pipe(duplex=False)
    process = context.Process(target=_machine, args=(there, device))
    process.start()
    there.close()
    try:
        return here.recv()
    except EOFError:
        return f'unknown: torch finds no {device}'
    finally:
        process.join()


def main() -> int:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument('--device', choices=['cuda', 'cpu'], default='cuda')
    parser.add_argument('--only', nargs='+', choices=CHECKS, default=CHECKS)
    parser.add_argument(
        '--limit', type=float, default=150, help='seconds for each check'
    )
    parser.add_argument('--out', type=Path, help='file for the table')
    args = parser.parse_args()
    os.environ.setdefault('CUBLAS_WORKSPACE_CONFIG', ':4096:8')
    if args.device == 'cpu':
        import gpu_checks  # noqa: F401  (before the forks)

        import mmlatte.engine  # noqa: F401
    start = time.monotonic()
    lines = ['| check | result | s |', '|---|---|---|']
    failed = False
    for name in args.only:
        begun = time.monotonic()
        rows = run(name, args.device, args.limit)
        spent = f'{time.monotonic() - begun:.0f}'
        for what, result in rows:
            failed |= result.startswith('failed')
            lines.append(f'| {what} | {result} | {spent} |')
            print(lines[-1], flush=True)
            spent = ''
    where = f'{machine(args.device)}, {time.monotonic() - start:.0f} s in all'
    title = '# GPU check' if args.device == 'cuda' else '# GPU check, on a CPU'
    table = '\n'.join([title, '', f'`gpu_check.py` on {where}.', '', *lines])
    print(f'\n{table}')
    if args.out is not None:
        args.out.write_text(f'{table}\n', encoding='utf-8')
    return int(failed)


if __name__ == '__main__':
    sys.exit(main())
