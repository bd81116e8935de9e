import shutil
from copy import deepcopy

import pytest
import torch

from mmlatte.apis import load_classifier
from mmlatte.apis.inference.load_classifier import frozen_config


def test_config_is_zero_shot(tiny_config):
    model = load_classifier(tiny_config, device='cpu')
    assert not model.training
    torch.testing.assert_close(model.memory.prototypes, model.encode_classes())


@pytest.mark.parametrize('form', ['folder', 'checkpoint', 'both'])
def test_run_checkpoint_or_both(form, tiny_run, tiny_config):
    path = str(tiny_run / 'epoch_1.pth')
    arguments = {
        'folder': (str(tiny_run),),
        'checkpoint': (path,),
        'both': (tiny_config, path),
    }[form]
    model = load_classifier(*arguments, device='cpu')
    saved = torch.load(path)['state_dict']
    assert saved.keys() == model.state_dict().keys()
    for name, value in model.state_dict().items():
        assert torch.equal(value, saved[name]), name


def test_missing_and_foreign_files(tiny_run, tiny_config, tmp_path):
    with pytest.raises(FileNotFoundError, match='no checkpoint'):
        load_classifier(str(tmp_path))
    with pytest.raises(FileNotFoundError, match='does not exist'):
        load_classifier(str(tmp_path / 'x.pth'))
    saved = torch.load(tiny_run / 'epoch_1.pth')
    del saved['state_dict']['clip.logit_scale']
    torch.save(saved, tmp_path / 'part.pth')
    with pytest.raises(RuntimeError, match=r'logit_scale'):
        load_classifier(str(tmp_path / 'part.pth'))
    saved['meta']['cfg'] = 'import os'
    torch.save(saved, tmp_path / 'code.pth')
    with pytest.raises(RuntimeError, match='more than plain values'):
        load_classifier(str(tmp_path / 'code.pth'))
    with pytest.raises(RuntimeError, match='holds no config'):
        torch.save(dict(state_dict={}), tmp_path / 'bare.pth')
        load_classifier(str(tmp_path / 'bare.pth'))


def test_moved_run_needs_no_pretrained_weights(tiny_run, tmp_path):
    """Only the architecture of the CLIP is read from its source."""
    shutil.copytree(tiny_run, tmp_path / 'moved')
    model = load_classifier(str(tmp_path / 'moved'), device='cpu')
    assert model._config.model.clip.load_weights is False


def test_given_config_is_not_changed(tiny_run, tiny_config):
    before = tiny_config.to_dict()
    load_classifier(tiny_config, str(tiny_run / 'epoch_1.pth'), device='cpu')
    assert tiny_config.to_dict() == before


def test_frozen_clip_is_that_of_the_run_s_start(tiny_config):
    """Also where classes are sentences: reports compare with that."""
    config = deepcopy(tiny_config)
    names = config.model.class_names
    config.model.descriptions = {n: [f'{n} from above', n] for n in names}
    start = load_classifier(config, device='cpu').memory.prototypes
    frozen = load_classifier(frozen_config(config), device='cpu')
    torch.testing.assert_close(frozen.memory.prototypes, start)
    plain = load_classifier(tiny_config, device='cpu').memory.prototypes
    assert not torch.allclose(start, plain, atol=1e-3)

    config.model.descriptions = 'gone.json'  # as after moving a run
    frozen = load_classifier(frozen_config(config), device='cpu')
    torch.testing.assert_close(frozen.memory.prototypes, plain)

    config.model.descriptions = {n: [f'{n} from above', n] for n in names}
    config.model.update(type='mmlatte.ZeroShotCLIP', score_by='scores')
    start = load_classifier(config, device='cpu').memory.prototypes
    frozen = load_classifier(frozen_config(config), device='cpu')
    torch.testing.assert_close(frozen.memory.prototypes, start)
