"""Loading checkpoints: ours, mmengine's, damaged ones, malicious ones."""

import os
import pickle

import numpy as np
import pytest
import torch
from mmengine.logging import HistoryBuffer
from mmengine.runner import CheckpointLoader

import mmlatte.registry  # noqa: F401  (registers the loader)


class Payload:
    def __init__(self, path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize('legacy', [False, True])
def test_payload_is_refused_and_does_not_run(tmp_path, monkeypatch, legacy):
    monkeypatch.delenv('MMLATTE_TRUST_PICKLE', raising=False)
    checkpoint = tmp_path / 'poisoned.pth'
    proof = tmp_path / 'payload_ran'
    torch.save(
        dict(state_dict={'w': torch.ones(2)}, meta=Payload(proof)),
        checkpoint,
        _use_new_zipfile_serialization=not legacy,
    )

    with pytest.raises(RuntimeError, match='MMLATTE_TRUST_PICKLE'):
        CheckpointLoader.load_checkpoint(str(checkpoint))
    assert not proof.exists()

    # The opt-in is real: the same file then runs its payload.
    monkeypatch.setenv('MMLATTE_TRUST_PICKLE', '1')
    CheckpointLoader.load_checkpoint(str(checkpoint))
    assert proof.exists()


def test_payload_behind_the_allowed_getattr_is_refused(tmp_path):
    class Getattr:
        def __reduce__(self):
            return getattr, (HistoryBuffer, 'register_statistics')

    class Method:
        def __reduce__(self):
            return getattr, (np.ndarray, 'tofile')

    for payload in (Getattr(), Method()):
        path = tmp_path / 'poisoned.pth'
        torch.save(dict(meta=payload), path)
        with pytest.raises(RuntimeError, match='pickled objects'):
            CheckpointLoader.load_checkpoint(str(path))


def test_mmengine_checkpoint_loads_without_opt_in(tmp_path):
    history = HistoryBuffer([1.0, 3.0], [1, 1])
    path = tmp_path / 'epoch_1.pth'
    torch.save(
        dict(
            state_dict={'w': torch.ones(2)},
            meta=dict(palette=np.arange(3), score=np.float64(0.5)),
            message_hub=dict(log_scalars={'train/loss': history}),
        ),
        path,
    )
    loaded = CheckpointLoader.load_checkpoint(str(path), 'cpu')
    buffer = loaded['message_hub']['log_scalars']['train/loss']
    assert buffer.mean() == 2.0
    assert buffer.statistics('max') == 3.0
    assert loaded['meta']['palette'].tolist() == [0, 1, 2]
    assert loaded['meta']['score'] == 0.5


def test_truncated_and_absent_files_say_so(tmp_path):
    path = tmp_path / 'epoch_1.pth'
    torch.save({'w': torch.zeros(1000)}, path)
    data = path.read_bytes()
    for length in (0, 10, len(data) // 2, len(data) - 1):
        path.write_bytes(data[:length])
        with pytest.raises(RuntimeError, match=r'damaged|no checkpoint'):
            CheckpointLoader.load_checkpoint(str(path))
    with pytest.raises(FileNotFoundError, match=r'epoch_2\.pth'):
        CheckpointLoader.load_checkpoint(str(tmp_path / 'epoch_2.pth'))


def test_plain_pickle_file_is_refused(tmp_path):
    path = tmp_path / 'x.pth'
    path.write_bytes(pickle.dumps(Payload(tmp_path / 'ran')))
    with pytest.raises(RuntimeError, match='pickled objects'):
        CheckpointLoader.load_checkpoint(str(path))
    assert not (tmp_path / 'ran').exists()
