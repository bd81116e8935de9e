from types import SimpleNamespace

import numpy as np
import tifffile
from mmengine.config import Config

from mmlatte.datasets.decode_options_of import (
    decode_options_of,
    loads_images,
    pipeline_options,
    set_decode_options,
)
from mmlatte.datasets.transforms import LoadImage
from mmlatte.decode_image import DecodeOptions
from mmlatte.engine.hooks import LMMTextSynthHook
from mmlatte.registry import DATASETS

CHOSEN = DecodeOptions(range=(0, 4095), bands=(3, 2, 1))


def test_every_load_of_a_config_is_set():
    load = dict(type='mmlatte.LoadImage', draft_size=224)
    other = dict(type='mmlatte.LoadTexts')
    cfg = Config(
        dict(
            train_dataloader=dict(dataset=dict(pipeline=[other, load])),
            views=[dict(transforms=[[load], [other]])],
        )
    )
    set_decode_options(cfg, CHOSEN)
    expected = {**load, 'range': (0, 4095), 'bands': (3, 2, 1)}
    pipeline = cfg.train_dataloader.dataset.pipeline
    assert pipeline == [other, expected]
    assert cfg.views[0].transforms == [[expected], [other]]
    assert pipeline_options(pipeline) == CHOSEN
    assert pipeline_options([other]) == DecodeOptions()
    set_decode_options(cfg, DecodeOptions())  # changes nothing
    assert pipeline_options(pipeline) == CHOSEN


def test_a_load_that_is_named_by_its_class():
    pipeline = [dict(type=LoadImage)]
    assert loads_images(pipeline)
    set_decode_options(pipeline, CHOSEN)
    assert pipeline_options(pipeline) == CHOSEN


def test_the_lmm_sees_what_training_sees(tmp_path):
    rgb = np.random.default_rng(0).integers(0, 256, (40, 50, 3))
    deep = np.round(rgb[..., ::-1] * (4095 / 255)).astype(np.uint16)
    (tmp_path / 'images').mkdir()
    tifffile.imwrite(tmp_path / 'images/x.tif', deep, photometric='rgb')
    dataset = DATASETS.build(
        dict(
            type='mmlatte.UnlabeledFolder',
            data_root=str(tmp_path / 'images'),
            classes=('a', 'b'),
            pipeline=[dict(type='mmlatte.LoadImage', **CHOSEN.as_config())],
        )
    )
    assert decode_options_of(dataset) == CHOSEN
    hook = LMMTextSynthHook(
        SimpleNamespace(slug='lmm', fingerprint='0'),
        str(tmp_path),
        'What is it?',
    )
    labels = SimpleNamespace(
        labels=np.zeros(1, int),
        labels_from='',
        features=None,
        images=np.array([7], np.uint64),
    )
    clip = SimpleNamespace(tokenizer=None, context_length=77)
    job = hook.text_job(dataset, ('a', 'b'), clip, labels)
    np.testing.assert_array_equal(np.asarray(job.wanted.load(0)), rgb)
    np.testing.assert_array_equal(dataset[0]['img'][..., ::-1], rgb)
    # Texts about other pixels are other texts.
    chosen = job.wanted.keys()
    load = dataset.pipeline.transforms[0]
    load.options = DecodeOptions(range=(0, 255), bands=(3, 2, 1))
    other = hook.text_job(dataset, ('a', 'b'), clip, labels).wanted.keys()
    load.options = DecodeOptions()
    plain = hook.text_job(dataset, ('a', 'b'), clip, labels).wanted
    assert len({*chosen.flat, *other.flat, *plain.keys().flat}) == 3
    assert plain.images is labels.images
