import tarfile
from copy import deepcopy

import mmcv
import numpy as np
import pytest
import torch
from PIL import Image

from mmlatte.apis import Inferencer
from mmlatte.registry import DATASETS, MODELS


@pytest.fixture
def inferencer(tiny_run) -> Inferencer:
    return Inferencer(str(tiny_run), device='cpu')


def test_equals_the_test_loop(inferencer, tiny_config):
    dataset = DATASETS.build(tiny_config.test_dataloader.dataset)
    paths = [dataset.get_data_info(i)['img_path'] for i in range(9)]
    found = inferencer(paths, batch_size=4)
    for i, result in enumerate(found):
        sample = dataset[i]
        batch = dict(
            inputs=[sample['inputs']], data_samples=[sample['data_samples']]
        )
        expected = inferencer.model.test_step(batch)[0].pred_score
        # Sums in another order, at a batch size of 1.
        np.testing.assert_allclose(
            result['pred_scores'], expected.numpy(), atol=1e-6
        )
        assert result['img_path'] == paths[i]
        assert result['pred_label'] == int(expected.argmax())
        assert (
            result['pred_class'] == inferencer.classes[int(expected.argmax())]
        )
        assert result['confidence'] == pytest.approx(float(expected.max()))


def test_workers_and_arrays_change_nothing(inferencer, tiny_eurosat):
    folder = str(tiny_eurosat / '2750')
    alone = inferencer(folder, batch_size=5)
    workers = inferencer(folder, batch_size=5, num_workers=2)
    arrays = inferencer([mmcv.imread(r['img_path']) for r in alone])
    assert len(alone) == 24
    for a, b, c in zip(alone, workers, arrays, strict=True):
        assert a['img_path'] == b['img_path']
        np.testing.assert_array_equal(a['pred_scores'], b['pred_scores'])
        np.testing.assert_allclose(
            a['pred_scores'], c['pred_scores'], atol=1e-6
        )
    assert arrays[3]['img_path'] == 3


def test_unreadable_files_are_results(inferencer, tiny_eurosat, tmp_path):
    good = tiny_eurosat / '2750/Forest/Forest_1.jpg'
    (tmp_path / 'a.jpg').write_bytes(good.read_bytes()[:200])
    (tmp_path / 'b.bmp').write_text('no image')
    (tmp_path / 'c.jpg').write_bytes(good.read_bytes())
    (tmp_path / 'd.jpg').touch()
    Image.new('P', (9, 500)).save(tmp_path / 'e.png')
    files = sorted(tmp_path.iterdir())
    found = inferencer(files, batch_size=2)
    assert ['error' in r for r in found] == [True, True, False, True, False]
    assert 'b.bmp' in found[1]['error']
    samples = inferencer(files, batch_size=2, return_datasamples=True)
    assert [s is None for s in samples] == [True, True, False, True, False]
    assert next(iter(inferencer.stream([tmp_path / 'b.bmp'])))['error']


def test_new_classes_get_their_text_as_prototype(inferencer):
    before = inferencer.model.memory.prototypes.clone()
    names = inferencer.classes
    assert inferencer.add_classes(['airport', 'forest']) == ['airport']
    assert inferencer.classes == [*names, 'airport']
    memory = inferencer.model.memory
    assert torch.equal(memory.prototypes[:3], before)
    text = inferencer.model.clip.encode_texts(['a photo of a airport.'])
    torch.testing.assert_close(memory.prototypes[3:], text.detach())

    inferencer.set_classes(['port', 'sea or lake'], 'a port: {}')
    memory = inferencer.model.memory
    assert inferencer.classes == ['port', 'sea or lake']
    assert torch.equal(memory.prototypes[1], before[2])
    text = inferencer.model.clip.encode_texts(['a port: port'])
    torch.testing.assert_close(memory.prototypes[:1], text.detach())


def test_left_out_classes_come_back_with_their_prototypes(inferencer):
    before = inferencer.model.memory.prototypes.clone()
    names = inferencer.classes
    inferencer.set_classes(names[:1])
    assert inferencer.add_classes([names[2], 'port']) == ['port']
    memory = inferencer.model.memory
    assert torch.equal(memory.prototypes[:2], before[[0, 2]])
    port = memory.prototypes[2].clone()
    assert inferencer.set_classes([*names, 'port']) == []
    memory = inferencer.model.memory
    assert torch.equal(memory.prototypes[:3], before)
    assert torch.equal(memory.prototypes[3], port)


def test_a_class_cannot_be_added_to_fitted_prototypes(inferencer, monkeypatch):
    kind = type(inferencer.model)
    monkeypatch.setattr(kind, 'open_vocabulary', False)
    names = inferencer.classes
    assert inferencer.set_classes(names[1:]) == []
    with pytest.raises(ValueError, match=r"\['port'\] cannot be added"):
        inferencer.add_classes(['port'])
    assert inferencer.classes == names[1:]


def test_a_template_without_a_place_is_refused(inferencer):
    names = inferencer.classes
    for template in ('a leaf', ''):
        with pytest.raises(ValueError, match='exactly once'):
            inferencer.add_classes(['port', 'bridge'], template)
    assert inferencer.classes == names


def test_set_classes_equals_a_model_with_these_classes(
    tiny_config, tiny_eurosat
):
    other = ['river', 'forest']
    config = deepcopy(tiny_config)
    config.model.class_names = other
    a = Inferencer(config, device='cpu')
    b = Inferencer(tiny_config, classes=other, device='cpu')
    path = tiny_eurosat / '2750/Forest/Forest_1.jpg'
    np.testing.assert_allclose(
        a(path)[0]['pred_scores'], b(path)[0]['pred_scores'], atol=1e-6
    )


def test_calibrated_confidence_has_the_mean_of_frozen_clip(
    inferencer, tiny_config, tiny_eurosat
):
    folder = tiny_eurosat / '2750'
    frozen = Inferencer(tiny_config, device='cpu')
    target = np.mean([r['confidence'] for r in frozen(folder)])
    raw = np.mean([r['confidence'] for r in inferencer(folder)])
    assert abs(raw - target) > 1e-4
    inferencer.calibrate(folder)
    after = inferencer(folder)
    assert np.mean([r['confidence'] for r in after]) == pytest.approx(
        target, abs=1e-5
    )
    # Neither the scores nor the labels move.
    assert np.mean([r['pred_score'] for r in after]) == pytest.approx(raw)


def test_pictures_are_drawn(inferencer, tiny_eurosat, tmp_path):
    inferencer(
        tiny_eurosat / '2750/Forest/Forest_1.jpg', show_dir=str(tmp_path / 'o')
    )
    assert (tmp_path / 'o' / 'Forest_1.png').is_file()
    with tarfile.open(tmp_path / 'x.tar', 'w') as tar:
        tar.add(tiny_eurosat / '2750/Forest/Forest_1.jpg', '1.jpg')
    # One in an archive, and one in memory (BGR), alike.
    pixels = mmcv.imread(tiny_eurosat / '2750/Forest/Forest_1.jpg')
    for n, image in enumerate([tmp_path / 'x.tar', pixels]):
        inferencer(image, show_dir=str(tmp_path / f'others{n}'))
        [drawn] = (tmp_path / f'others{n}').iterdir()
        np.testing.assert_array_equal(
            Image.open(drawn), Image.open(tmp_path / 'o' / 'Forest_1.png')
        )


def test_reads_the_tag_without_fetching_it():
    """QuickGELU is a fact of the tag, not of the file."""
    from mmlatte.models.clip import find_weights

    facts = find_weights('ViT-B-32', 'openai', fetch=False)
    assert facts.path is None and facts.quick_gelu


def test_random_weights_where_a_checkpoint_follows(tiny_clip_dir):
    clip = dict(
        type='mmlatte.OpenCLIP', model_name=f'local-dir:{tiny_clip_dir}'
    )
    loaded = MODELS.build(clip)
    fresh = MODELS.build({**clip, 'load_weights': False})
    assert loaded.state_dict().keys() == fresh.state_dict().keys()
    name = 'text.token_embedding.weight'
    assert not torch.equal(loaded.state_dict()[name], fresh.state_dict()[name])


def test_fitted_classes_cannot_be_exchanged(tiny_config):
    config = deepcopy(tiny_config)
    config.model.type = 'mmlatte.GDAClassifier'
    with pytest.raises(ValueError, match='does not predict by prototypes'):
        Inferencer(config, classes=['forest', 'port'], device='cpu')
