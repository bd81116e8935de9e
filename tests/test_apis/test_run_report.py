import json

import numpy as np
import pytest

from mmlatte.apis import LatteCLIPInferencer, make_run_report
from mmlatte.apis.load_classifier import frozen_config
from mmlatte.apis.run_report import read_scalars


def test_accuracies_are_those_of_the_models(tiny_run, tmp_path):
    out = make_run_report(tiny_run, tmp_path / 'a.html', device='cpu')
    text = out.read_text(encoding='utf-8')
    adapted = LatteCLIPInferencer(str(tiny_run), device='cpu')
    frozen = LatteCLIPInferencer(frozen_config(adapted.config), device='cpu')
    dataset = adapted.config.test_dataloader.dataset
    split = json.loads(
        open(f'{dataset.data_root}/{dataset.split_file}').read()
    )['test']
    paths = [f'{dataset.data_root}/2750/{entry[0]}' for entry in split]
    truth = np.array([entry[1] for entry in split])
    for inferencer in (frozen, adapted):
        found = np.array([r['pred_label'] for r in inferencer(paths)])
        assert f'{100 * np.mean(found == truth):.2f} %' in text
    assert '9 of 9 test images' in text


def test_given_images_without_labels(tiny_run, tiny_eurosat, tmp_path):
    folder = tmp_path / 'images'
    folder.mkdir()
    good = tiny_eurosat / '2750/Forest/Forest_1.jpg'
    (folder / 'a.jpg').write_bytes(good.read_bytes())
    (folder / 'b.jpg').write_bytes(b'no image')
    out = make_run_report(
        tiny_run, tmp_path / 'b.html', images=str(folder), device='cpu'
    )
    text = out.read_text(encoding='utf-8')
    assert '1 of them could not be read' in text
    assert 'adapted accuracy' not in text
    (folder / 'a.jpg').unlink()
    with pytest.raises(RuntimeError, match='can be read'):
        make_run_report(tiny_run, images=str(folder), device='cpu')


def test_curves_of_a_resumed_and_killed_run(tmp_path):
    for name, lines in {
        '20260101_000000': ['{"loss": 3.0, "step": 1}', '{"loss": 2.0, "step'],
        '20260102_000000': [
            '{"loss": 2.5, "step": 1}',
            '{"loss": 1.0, "step": 2, "lr": 0.1}',
        ],
    }.items():
        folder = tmp_path / name / 'vis_data'
        folder.mkdir(parents=True)
        (folder / 'scalars.json').write_text('\n'.join(lines))
    curves = read_scalars(tmp_path)
    assert curves['loss'] == ([1, 2], [2.5, 1.0])
    assert curves['lr'] == ([2], [0.1])
