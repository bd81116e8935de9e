"""Running methods on the same data and putting them side by side."""

import sys
import threading
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from mmlatte.visualization.comparison import MethodResult, write_comparison

from .answer_rows import answered_entries, reference_results
from .comparison_entries import Entry, log
from .comparison_runner import ComparisonRunner

__all__ = ['compare']


def compare(
    entries: Sequence[Entry],
    seeds: Sequence[int],
    out: str | Path,
    tools: Path,
    jobs: int = 1,
    answers: Sequence[str] = (),
) -> list[MethodResult]:
    """Run what was not run before, and write the tables.

    A run is a process of ``tools/train.py`` (``tools/test.py`` if there is
    nothing to train), in a folder of its own below ``out/runs``, named by the
    content of its config and its seed. Interrupted runs go on, finished ones
    are reused, and one that fails does not stop the others.

    Args:
        entries (Sequence[Entry]): What to compare; the same config under the
            same name counts once.
        seeds (Sequence[int]): A run each, the same seed once; a mere test
            runs once.
        out (str | Path): Folder of ``comparison.md``, ``.csv`` and ``.html``.
        tools (Path): Folder of the tools.
        jobs (int): Runs at the same time. Defaults to 1.
        answers (Sequence[str]): Numbers of answers, see `answered_entries`;
            rows of logistic regressions and a figure are added.

    Returns:
        list[MethodResult]: In the order of the entries.
    """
    out = Path(out).resolve()
    references: list[MethodResult] = []
    if answers:
        answered = answered_entries(entries, answers, out)
        references = reference_results(entries, answers)
        entries = answered
    # Two runs must not share a folder.
    seeds = [*dict.fromkeys(seeds)]
    once: dict[str, Entry] = {}
    for entry in entries:
        once.setdefault(entry.folder(0), entry)
    entries = [*once.values()]
    runner = ComparisonRunner(out / 'runs', Path(tools))
    todo = [
        (entry, seed)
        for entry in entries
        for seed in (seeds if entry.trains else seeds[:1])
    ]
    runner.total = len(todo)
    reporter = threading.Thread(target=runner.report, daemon=True)
    reporter.start()
    with ThreadPoolExecutor(max_workers=jobs) as pool:
        try:
            runs = list(pool.map(lambda item: runner.run(*item), todo))
        finally:
            runner.stop()  # the pool waits for what runs
    results = [
        MethodResult(
            entry.name,
            [
                run
                for (e, _), run in zip(todo, runs, strict=True)
                if e is entry
            ],
            curve=entry.curve,
        )
        for entry in entries
    ]
    results += references
    table = write_comparison(results, out, 'python ' + ' '.join(sys.argv))
    log(f'{table}\nTables are in {out}/comparison.{{md,csv,html}}')
    return results
