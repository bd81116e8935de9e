"""Odd images and odd CLIPs on their way into an export."""

import json
import shutil
import sys
from copy import deepcopy

import numpy as np
import open_clip
import pytest
import torch
from PIL import Image
from safetensors.torch import save_file

from mmlatte.apis import export_model
from mmlatte.apis.export import check_export_formats
from mmlatte.models.clip import OpenCLIP

ORIENTATION = 0x0112  # the tag of EXIF


def noise(*shape) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, shape, np.uint8)


@pytest.fixture(scope='module')
def odd_images(tmp_path_factory):
    folder = tmp_path_factory.mktemp('odd')
    pixels = noise(8, 12, 3).repeat(6, axis=0).repeat(6, axis=1)
    exif = Image.Exif()
    exif[ORIENTATION] = 6  # turn by 90 degrees
    Image.fromarray(pixels).save(folder / 'sideways.jpg', exif=exif)
    Image.fromarray(noise(40, 48, 4)).save(folder / 'transparent.png')
    deep = noise(48, 40).astype(np.uint16) * 257
    Image.fromarray(deep).save(folder / 'deep.png')
    assert Image.open(folder / 'deep.png').mode.startswith('I')
    return folder


@pytest.fixture(scope='module')
def coca_dir(tmp_path_factory):
    tower = dict(layers=1, width=32)
    config = dict(
        embed_dim=16,
        vision_cfg=dict(
            **tower,
            image_size=32,
            patch_size=8,
            head_width=16,
            attentional_pool=True,
            attn_pooler_heads=2,
            output_tokens=True,
        ),
        text_cfg=dict(**tower, heads=2, embed_cls=True, output_tokens=True),
        multimodal_cfg=dict(**tower, heads=2, context_length=77),
    )
    folder = tmp_path_factory.mktemp('coca')
    torch.manual_seed(0)
    model = open_clip.CoCa(**config)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(state, str(folder / 'open_clip_model.safetensors'))
    half = [0.5, 0.5, 0.5]
    config = dict(model_cfg=config, preprocess_cfg=dict(mean=half, std=half))
    (folder / 'open_clip_config.json').write_text(json.dumps(config))
    return folder


@pytest.fixture
def clip(tiny_clip_dir):
    return OpenCLIP(f'local-dir:{tiny_clip_dir}')


@pytest.mark.parametrize('to', ['open_clip', 'hf', 'torchscript'])
def test_odd_images_are_compared_upright(to, tiny_run, odd_images, tmp_path):
    comparison = export_model(
        str(tiny_run), to, tmp_path / 'out', images=str(odd_images)
    )
    assert comparison.images == 3 == comparison.same_class


def test_card_tells_the_schedule_that_was_found(
    tiny_config, tiny_run, odd_images, tmp_path
):
    run = tmp_path / 'run'
    shutil.copytree(tiny_run, run)
    config = deepcopy(tiny_config)
    config.default_hooks = dict(text_synth=dict(lmm=None))
    config.train_cfg = dict(max_epochs=20)
    config.optim_wrapper = dict(optimizer=dict(type='AdamW', lr=0.125))

    def trained(name):
        export_model(
            config,
            'torchscript',
            tmp_path / name,
            checkpoint=str(run / 'epoch_1.pth'),
            images=str(odd_images),
        )
        card = (tmp_path / name / 'README.md').read_text(encoding='utf-8')
        assert 'texts by' not in card
        return next(x for x in card.splitlines() if x.startswith('| trained'))

    assert ' 20 epochs, ' in trained('as_set')
    assert 'AdamW, lr 0.125, weight' in trained('again')
    config.default_hooks.label_free = dict(
        type='mmlatte.LabelFreeScheduleHook'
    )
    (run / 'label_free_schedule.json').write_text(
        json.dumps(dict(lr=3.21e-5, epochs=[0.9, 0.8, 0.85], kept=1.5))
    )
    line = trained('found')
    assert '3 of 20 epochs' in line
    assert 'weights of epoch 1.5, chosen without labels' in line
    assert 'AdamW, lr 3.2e-05, found without labels' in line
    (run / 'summary.json').write_text(json.dumps(dict(kept_zero_shot=True)))
    assert 'still zero-shot CLIP' in trained('frozen')


def test_coca_is_exported_as_a_graph(tiny_config, coca_dir, tmp_path):
    config = deepcopy(tiny_config)
    config.model.clip.model_name = f'local-dir:{coca_dir}'
    comparison = export_model(config, 'torchscript', tmp_path / 'out')
    assert comparison.features < 1e-5


def test_formats_that_cannot_hold_a_clip_are_known_early(clip, coca_dir):
    check_export_formats(['open_clip', 'hf', 'onnx', 'torchscript'], clip)
    coca = OpenCLIP(f'local-dir:{coca_dir}')
    check_export_formats(['onnx', 'torchscript'], coca)
    with pytest.raises(ValueError, match='is a CoCa'):
        check_export_formats(['onnx', 'open_clip'], coca)
    clip.visual = torch.nn.Identity()
    check_export_formats(['open_clip', 'onnx'], clip)
    with pytest.raises(ValueError, match='Identity, no plain ViT'):
        check_export_formats(['hf'], clip)
    with pytest.raises(ValueError, match="'tflite': choose from"):
        check_export_formats(['tflite'], None)


@pytest.mark.parametrize(
    ('to', 'package', 'extra'),
    [
        ('onnx', 'onnx', 'export'),
        ('onnx', 'onnxscript', 'export'),
        ('onnx', 'onnxruntime', 'export'),
        ('hf', 'transformers', 'lmm'),
    ],
)
def test_missing_packages_are_known_early(to, package, extra, monkeypatch):
    monkeypatch.setitem(sys.modules, package, None)
    check_export_formats(['open_clip', 'torchscript'], None)
    with pytest.raises(RuntimeError, match=package) as error:
        check_export_formats([to], None)
    assert f"pip install 'mmlatte[{extra}]'" in str(error.value)
