"""Measure text synthesis: an LMM at several batch sizes, and the text store.

    python benchmarks/text_synthesis.py IMAGES --model MODEL [--serve]
    python benchmarks/text_synthesis.py --store 1000000

Everything is measured in one run and given as ratios to the one-by-one loop.
"""

import argparse
import resource
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np

from mmlatte.apis import find_images
from mmlatte.lmm import (
    BaseLMM,
    LMMRequest,
    OpenAICompatibleLMM,
    TextRecord,
    TextStore,
    TransformersLMM,
    load_image,
    record_key,
)

PROMPT = 'Describe the image concisely, less than 20 words.'


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('images', nargs='?', help='folder of images')
    parser.add_argument('--model', help='folder or hub name of an LMM')
    parser.add_argument('--count', type=int, default=96, help='images')
    parser.add_argument('--serve', action='store_true', help='also over HTTP')
    parser.add_argument('--store', type=int, help='texts to store and read')
    args = parser.parse_args()
    if (args.images is None) != (args.model is None):
        parser.error('IMAGES and --model go together')
    if args.images is None and args.store is None:
        parser.error('give IMAGES and --model, or --store N')
    return args


def seconds_for(lmm: BaseLMM, paths: list) -> tuple[float, list[str]]:
    """Time one pass over the images, after a warm-up of one request."""
    requests = [
        LMMRequest(str(p), 'image', PROMPT, lambda p=p: load_image(p), i)
        for i, p in enumerate(paths)
    ]
    list(lmm.generate(requests[:1]))
    start = time.perf_counter()
    answers = [answer for part in lmm.generate(requests) for answer in part]
    seconds = time.perf_counter() - start
    failed = [answer.error for answer in answers if answer.error]
    if failed:
        raise SystemExit(f'{len(failed)} requests failed: {failed[0]}')
    answers.sort(key=lambda answer: answer.request.tag)
    return seconds, [answer.text for answer in answers]


@contextmanager
def served(model: str) -> Iterator[str]:
    """Run ``transformers serve`` for a while; its base URL."""
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        port = probe.getsockname()[1]
    command = ['-m', 'transformers.cli.transformers', 'serve', model]
    options = ['--host', '127.0.0.1', '--port', str(port)]
    process = subprocess.Popen(
        [sys.executable, *command, *options],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    try:
        for _ in range(120):
            with socket.socket() as probe:
                if probe.connect_ex(('127.0.0.1', port)) == 0:
                    break
            time.sleep(1)
        yield f'http://127.0.0.1:{port}/v1'
    finally:
        process.terminate()
        process.wait()


def measure_lmm(folder: str, model: str, count: int, serve: bool) -> None:
    """Print the table of backends and batch sizes."""
    paths = find_images([folder])[:count]
    rows, reference = [], []
    for size in (1, 8, 32):
        lmm = TransformersLMM(model, batch_size=size)
        seconds, texts = seconds_for(lmm, paths)
        reference = reference or texts
        same = sum(a == b for a, b in zip(texts, reference, strict=True))
        rows.append((f'transformers, batch {size}', seconds, same))
        lmm.close()
    if serve:
        with served(model) as url:
            for concurrency in (1, 8):
                lmm = OpenAICompatibleLMM(
                    model=model, base_url=url, concurrency=concurrency
                )
                seconds, texts = seconds_for(lmm, paths)
                same = sum(
                    a == b for a, b in zip(texts, reference, strict=True)
                )
                name = f'HTTP, {concurrency} at a time'
                rows.append((name, seconds, same))
    print('| backend | texts/s | ratio | same texts |\n|---|---|---|---|')
    for name, seconds, same in rows:
        print(
            f'| {name} | {len(paths) / seconds:.1f} '
            f'| {rows[0][1] / seconds:.2f} | {same} of {len(paths)} |'
        )


def measure_store(count: int, batch: int = 10_000) -> None:
    """Print writes and reads per second, and memory."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    folder = Path(tempfile.mkdtemp(prefix='mmlatte-store-', dir='.'))
    try:
        store = TextStore(folder)
        start = time.perf_counter()
        for first in range(0, count, batch):
            store.put(
                TextRecord(
                    f'2750/Forest/Forest_{number}.jpg',
                    'image',
                    PROMPT,
                    f'many green trees beside river {number} and a road',
                    model='benchmark',
                )
                for number in range(first, min(first + batch, count))
            )
        writes = count / (time.perf_counter() - start)
        store.merge()
        keys = np.fromiter(
            (
                record_key(f'2750/Forest/Forest_{number}.jpg', 'image', PROMPT)
                for number in range(count)
            ),
            np.int64,
            count,
        )
        rows = store.resolve(keys)
        assert (rows >= 0).all()
        order = np.random.default_rng(0).integers(0, count, 200_000)
        start = time.perf_counter()
        for index in order:
            store.text(rows[index])
        reads = len(order) / (time.perf_counter() - start)
        store.close()
    finally:
        shutil.rmtree(folder)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    print('| texts | durable writes/s | reads/s | peak memory added |')
    print('|---|---|---|---|')
    print(
        f'| {count:,} | {writes:,.0f} | {reads:,.0f} | {peak / 1024:.0f} MB |'
    )


def main() -> None:
    args = parse_args()
    if args.images:
        measure_lmm(args.images, args.model, args.count, args.serve)
    if args.store:
        measure_store(args.store)


if __name__ == '__main__':
    main()
