import random

import numpy as np
import pytest
import torch
from torch.utils.data import DataLoader, Dataset

from mmlatte.datasets.transforms import DropLabels, SeedPerSample


def draw() -> tuple[float, float, float]:
    return random.random(), np.random.rand(), torch.rand(()).item()


def draws(transform, indices) -> list:
    result = []
    for i in indices:
        transform({'sample_idx': i})
        result.append(draw())
    return result


def test_draws_depend_on_seed_epoch_and_sample_only():
    epoch = torch.zeros((), dtype=torch.int64).share_memory_()
    first, second = SeedPerSample(), SeedPerSample()
    first.bind(7, epoch)
    second.bind(8, epoch)
    a = draws(first, range(50))
    assert draws(first, reversed(range(50))) == a[::-1]
    values = [value for triple in a for value in triple]
    assert len(set(values)) == len(values)
    assert not set(a) & set(draws(second, range(50)))
    epoch += 1
    b = draws(first, range(50))
    assert not set(a) & set(b)
    epoch -= 1
    assert draws(first, range(50)) == a
    # Uniform, also across neighbouring indices.
    assert abs(np.mean(values) - 0.5) < 0.1


class _Draws(Dataset):
    def __init__(self, transform):
        self.transform = transform

    def __len__(self):
        return 12

    def __getitem__(self, i):
        self.transform({'sample_idx': i})
        return torch.tensor(draw(), dtype=torch.float64)


def test_persistent_workers_see_the_epoch():
    epoch = torch.zeros((), dtype=torch.int64).share_memory_()
    transform = SeedPerSample()
    transform.bind(3, epoch)
    loader = DataLoader(
        _Draws(transform), num_workers=2, persistent_workers=True
    )
    for wanted in (0, 1, 5):
        epoch.fill_(wanted)
        found = torch.cat(list(loader))
        expected = torch.tensor(
            draws(transform, range(12)), dtype=torch.float64
        )
        torch.testing.assert_close(found, expected, rtol=0, atol=0)


def test_misuse():
    with pytest.raises(RuntimeError, match='seed=0'):
        SeedPerSample()({'sample_idx': 0})
    with pytest.raises(ValueError, match='shared memory'):
        SeedPerSample().bind(0, torch.zeros((), dtype=torch.int64))
    assert draws(SeedPerSample(seed=5), [1]) == draws(SeedPerSample(5), [1])


def test_drop_labels():
    sample = {'gt_label': 3, 'gt_score': [1.0], 'sample_id': 'x'}
    assert DropLabels()(sample) == {'sample_id': 'x'}
