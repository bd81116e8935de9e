"""TensorBoard where it is installed, silence where it is not."""

import numpy as np
import pytest
from mmengine.config import Config

from mmlatte.engine import OptionalTensorboardVisBackend


def use(folder) -> None:
    backend = OptionalTensorboardVisBackend(str(folder))
    backend.add_config(Config(dict(a=1)))
    backend.add_image('image', np.zeros((4, 4, 3), np.uint8))
    backend.add_scalar('loss', 0.5, step=1)
    backend.add_scalars(dict(loss=0.25), step=2)
    backend.close()


def test_values_are_written(tmp_path):
    pytest.importorskip('tensorboard')
    from tensorboard.backend.event_processing.event_accumulator import (
        EventAccumulator,
    )

    use(tmp_path)
    events = EventAccumulator(str(tmp_path))
    events.Reload()
    values = [(e.step, e.value) for e in events.Scalars('loss')]
    assert values == [(1, 0.5), (2, 0.25)]


def test_nothing_happens_without_it(tmp_path, monkeypatch):
    module = 'mmlatte.engine.optional_tensorboard_backend.find_spec'
    monkeypatch.setattr(module, lambda name: None)
    use(tmp_path)
    assert not list(tmp_path.iterdir())
