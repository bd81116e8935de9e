import threading

import numpy as np
import pytest

from mmlatte.lmm import Counts, SharedWork


def test_workers_divide_what_the_first_one_found_missing(tmp_path):
    missing = np.arange(0, 1000, 2)
    found = []
    for worker in (2, 0, 1):
        work = SharedWork(tmp_path, 'job', worker, 3)
        # Later workers see less missing: the list does not change.
        left = missing[len(np.concatenate([[], *found])) :]
        found.append(work.share(left))
    assert sorted(np.concatenate(found)) == missing.tolist()
    sizes = [len(share) for share in found]
    assert max(sizes) - min(sizes) <= 1


def test_another_job_has_another_list(tmp_path):
    work = SharedWork(tmp_path, '2-a', 0, 2)
    work.share(np.arange(10))
    for job, workers in (('2-b', 2), ('3-a', 3)):
        other = SharedWork(tmp_path, job, 0, workers)
        assert other.share(np.array([5])).tolist() == [5]
    work.remove()
    second = SharedWork(tmp_path, '2-a', 1, 2)
    assert second.share(np.array([7, 8])).tolist() == [8]
    work.remove()
    work.remove()
    assert len(list(tmp_path.iterdir())) == 2


def test_a_dry_run_leaves_no_list(tmp_path):
    work = SharedWork(tmp_path, 'job', 1, 2)
    assert work.expected_share(np.arange(4)).tolist() == [1, 3]
    assert not list(tmp_path.iterdir())
    work.share(np.array([5, 6]))
    assert work.expected_share(np.arange(4)).tolist() == [6]


def test_workers_that_do_not_exist(tmp_path):
    for worker in (-1, 2):
        with pytest.raises(ValueError, match='from 0 to 1'):
            SharedWork(tmp_path, 'job', worker, 2)


def in_threads(workers):
    """Let functions run side by side; their results or errors."""
    results = [None] * len(workers)

    def run(number):
        try:
            results[number] = workers[number]()
        except RuntimeError as error:
            results[number] = error

    threads = [
        threading.Thread(target=run, args=(n,)) for n in range(len(workers))
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def test_all_workers_wait_for_the_last_and_for_the_merge(
    tmp_path, monkeypatch
):
    monkeypatch.setattr('mmlatte.lmm.asking.shared_work.POLL', 0.01)
    merged = []

    def work(rank):
        work = SharedWork(tmp_path, 'job', rank, 3)
        share = work.share(np.arange(8) if rank == 0 else None)
        work.finish(Counts(made=len(share)))
        total = work.wait_for_all(lambda: merged.append(rank))
        assert merged
        return total.made

    assert in_threads([lambda r=r: work(r) for r in range(3)]) == [8, 8, 8]
    assert merged == [0]
    assert not list(tmp_path.iterdir())


def test_all_workers_hear_of_a_failure(tmp_path, monkeypatch):
    monkeypatch.setattr('mmlatte.lmm.asking.shared_work.POLL', 0.01)

    def work(rank):
        work = SharedWork(tmp_path, 'job', rank, 3)
        if rank == 1:
            work.fail(ValueError('no memory'))
        else:
            work.finish(Counts())
        work.wait_for_all(lambda: None)

    for error in in_threads([lambda r=r: work(r) for r in range(3)]):
        assert str(error) == 'worker 1 stopped making texts: no memory'


def test_a_worker_that_died_is_noticed(tmp_path):
    work = SharedWork(tmp_path, 'job', 0, 2, patience=0.1)
    work.finish(Counts())
    with pytest.raises(RuntimeError, match='sign of life'):
        work.wait_for_all(lambda: None)
