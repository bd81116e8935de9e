"""Half precision against full, and the step against its bare towers."""

from collections.abc import Iterator
from statistics import median

import torch
from train_step_worker import _floor, _peak_memory

from .sizes import Size, build_training, seconds

#: Loss of the last steps may differ from float32's by this share of what
#: float32 gained.
MAX_DIFFERENCE = 0.2
#: Steps that a loss is the mean of.
LAST = 5
GOAL = 0.9


def curve(size: Size, dtype: str) -> list[float]:
    """Return the loss of every step from the same start."""
    model, wrapper, data = build_training(size, size.batch, dtype)
    losses = []
    for _ in range(size.steps):
        logged = model.train_step(data, wrapper)
        losses.append(logged['loss'].item())
    return losses


def precision(size: Size) -> Iterator[tuple[str, str]]:
    """Train in float32, bfloat16 and float16."""
    full = curve(size, 'float32')
    start, end = full[0], sum(full[-LAST:]) / LAST
    yield f'float32, {size.steps} steps', f'loss {start:.3f} to {end:.3f}'
    for dtype in ('bfloat16', 'float16'):
        what = f'{dtype} against float32'
        if dtype == 'float16' and size.device == 'cpu':
            yield what, 'skipped: float16 trains on GPUs only'
            continue
        half = curve(size, dtype)
        last = sum(half[-LAST:]) / LAST
        most = max(abs(a - b) for a, b in zip(half, full, strict=True))
        share = abs(last - end) / max(start - end, 1e-6)
        text = (
            f'loss {half[0]:.3f} to {last:.3f}, {share:.0%} of the gain away, '
            f'at most {most:.3f} in a step'
        )
        # Not a number compares as False.
        good = start > end and share <= MAX_DIFFERENCE
        yield what, text if good else f'failed: {text}'


def step(size: Size) -> Iterator[tuple[str, str]]:
    """Compare images a second of a step and of forward and backward alone."""
    dtype = 'bfloat16' if size.device == 'cuda' else 'float32'
    model, wrapper, data = build_training(size, size.large, dtype)
    towers = _floor(model, data)

    def bare() -> None:
        with torch.autocast(
            size.device, torch.bfloat16, enabled=dtype == 'bfloat16'
        ):
            towers()

    def ours() -> None:
        model.train_step(data, wrapper)

    def peak() -> float:
        found = _peak_memory(size.device == 'cuda')
        if size.device == 'cuda':
            torch.cuda.reset_peak_memory_stats()
        return found

    for work in (bare, ours, bare, ours):  # what is set up once
        work()
    peak()
    times: dict[str, list[float]] = {'bare': [], 'ours': []}
    memory = {}
    for _ in range(5):
        for name, work in (('bare', bare), ('ours', ours)):
            times[name].append(seconds(work, size.device))
            memory[name] = peak()
    rates = {name: size.large / median(times[name]) for name in times}
    share = rates['ours'] / rates['bare']
    text = (
        f'{rates["ours"]:.0f} images/s, towers alone {rates["bare"]:.0f}: '
        f'{share:.2f} (goal {GOAL})'
    )
    # A tiny CLIP has hardly any towers.
    slow = size.device == 'cuda' and share < GOAL
    yield f'step at batch {size.large}, {dtype}', ('failed: ' * slow) + text
    text = f'{memory["ours"]:.0f} MB, towers alone {memory["bare"]:.0f} MB'
    if size.device == 'cpu':
        text = 'skipped: known of a GPU only'
    yield 'peak memory of it', text
