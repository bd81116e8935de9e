"""Every shipped config: builds its model, its data and its hooks."""

import copy
import json
from pathlib import Path

import pytest
from mmengine.config import Config
from mmengine.registry import (
    HOOKS,
    LOOPS,
    PARAM_SCHEDULERS,
    DefaultScope,
)
from mmengine.runner import Runner
from torch import nn

import mmlatte.registry as registry
from mmlatte.apis import compose_config
from mmlatte.datasets import CoOpBenchmark
from mmlatte.datasets.prepare.sources import SOURCES
from mmlatte.datasets.transforms import SeedPerSample
from mmlatte.registry import DATASETS, MODELS

REPO = Path(__file__).resolve().parents[1]
ROOT = REPO / 'configs'
SMALL = REPO / 'benchmarks' / 'configs'


def stems(folder: Path) -> list[str]:
    return sorted(path.stem for path in folder.glob('*.py'))


METHODS, DATA, CLIPS = (stems(ROOT / d) for d in ('methods', 'data', 'clips'))
WHOLE = [
    *(f'{name}.py' for name in stems(ROOT)),
    *('demo/latteclip_demo.py', 'demo/zeroshot_demo.py'),
]
#: Every whole config; every method, data set and CLIP once at least.
CONFIGS = [
    *WHOLE,
    *((method, 'eurosat', 'vitb32') for method in METHODS),
    *(('latteclip', data, 'vitb32') for data in DATA if data != 'eurosat'),
    *(('dpa', 'dtd', clip) for clip in CLIPS if clip != 'vitb32'),
    *((method, 'eurosat', 'rsclip') for method in METHODS),
    *((method, 'ucmerced', 'rsclip') for method in METHODS),
]


def read(config) -> Config:
    """Read a whole config, or compose (method, data, clip)."""
    if isinstance(config, str):
        return Config.fromfile(str(ROOT / config))
    method, data, clip = config
    if clip == 'rsclip':
        data = str(SMALL / 'data' / f'{data}.py')
        clip = str(SMALL / 'clips' / 'rsclip.py')
    cfg = compose_config(str(ROOT / 'methods' / f'{method}.py'), data, clip)
    if method in ('lafter', 'microclip') and cfg.model.descriptions is None:
        cfg.model.descriptions = 'sentences.json'
    return cfg


#: Registered by mmengine and torch, hence named without a scope.
ROOT_TYPES = {
    'AdamW',
    'CheckpointHook',
    'ConstantLR',
    'DefaultSampler',
    'DistSamplerSeedHook',
    'IterTimerHook',
    'LocalVisBackend',
    'LoggerHook',
    'OptimWrapper',
    'ParamSchedulerHook',
    'SGD',
    'RandomApply',  # mmcv registers it at mmengine's root
    'TensorboardVisBackend',
}


def types_of(node) -> list[str]:
    """All ``type`` values of a config."""
    if isinstance(node, dict):
        found = [node['type']] if isinstance(node.get('type'), str) else []
        return found + [t for value in node.values() for t in types_of(value)]
    if isinstance(node, list | tuple):
        return [t for value in node for t in types_of(value)]
    return []


@pytest.mark.parametrize('name', CONFIGS, ids=str)
def test_every_type_is_qualified(name):
    cfg = read(name)
    for kind in types_of(cfg._cfg_dict.to_dict()):
        assert kind in ROOT_TYPES or kind.split('.')[0] in (
            'mmlatte',
            'mmpretrain',
        ), kind


@pytest.mark.stack
@pytest.mark.parametrize('name', CONFIGS, ids=str)
def test_config_builds(name, tiny_clip_dir, tiny_eurosat, tmp_path):
    cfg = read(name)
    cfg.model.clip.update(
        model_name=f'local-dir:{tiny_clip_dir}', pretrained=None
    )
    if cfg.model.get('as_prototypes'):
        # The tiny CLIP has 16 dimensions, too few for more classes.
        cfg.model.as_prototypes = len(cfg.model.class_names) <= 16
    # The scope that the Runner sets: names within names resolve from it.
    with DefaultScope.overwrite_default_scope(cfg.default_scope):
        build_parts(cfg, tmp_path if 'demo' in str(name) else tiny_eurosat)


def build_parts(cfg, data_root) -> None:
    """Build the model, the data sets, the hooks and the schedules."""
    model = MODELS.build(cfg.model)
    assert len(model.class_names) == len(cfg.model.class_names)
    assert model.data_preprocessor is not None

    for part in ('train', 'val', 'test'):
        loader = copy.deepcopy(cfg.get(f'{part}_dataloader'))
        if loader is None:
            continue
        dataset = loader.dataset
        # The demo draws its images where there are none.
        dataset.data_root = str(data_root)
        for key in ('split_file', 'archive'):
            dataset.pop(key, None)
        dataset.metainfo = None
        stand_in(dataset)
        built = DATASETS.build(dataset)
        if part != 'train':
            sample = built[0]
            size = tuple(sample['inputs'].shape[1:])
            height, width = image_size(cfg)
            assert size == (height, width)
            assert 'gt_label' in sample['data_samples']
        loader.dataset = built
        loader.num_workers, loader.persistent_workers = 0, False
        loader.batch_size = 2
        loader = Runner.build_dataloader(loader, seed=0)
        assert len(loader) > 0
        # Texts are drawn from a store, which the other tests have.
        if 'LoadTexts' not in str(built.pipeline):
            for step in loader.dataset.pipeline.transforms:
                if isinstance(step, SeedPerSample):
                    step.seed = 0
            assert len(next(iter(loader))['data_samples']) == 2

    for hook in (cfg.get('default_hooks') or {}).values():
        HOOKS.build(hook)
    for hook in cfg.get('custom_hooks') or []:
        HOOKS.build(hook)
    if cfg.get('train_cfg'):
        assert LOOPS.get(cfg.train_cfg.type) is not None
        if cfg.get('param_scheduler'):
            assert PARAM_SCHEDULERS.get(cfg.param_scheduler.type) is not None


def stand_in(dataset) -> None:
    """Let the config of any data set read tiny EuroSAT.

    tests/test_datasets/test_prepare.py has a tree for each in its own layout.
    """
    if dataset.type == 'mmlatte.ClassFolder':
        dataset.image_folder = '2750'
    elif dataset.type == 'mmlatte.CoOpSplitDataset' or issubclass(
        DATASETS.get(dataset.type), CoOpBenchmark
    ):
        dataset.type = 'mmlatte.CoOpSplitDataset'
        dataset.image_folder = '2750'
        dataset.split_file = 'split_zhou_EuroSAT.json'


def image_size(cfg) -> tuple[int, int]:
    """The crop of the test pipeline, which the tower must expect."""
    crops = [
        step.crop_size
        for step in cfg.test_pipeline
        if step.type == 'mmpretrain.CenterCrop'
    ]
    return crops[0], crops[0]


@pytest.mark.parametrize('name', CONFIGS, ids=str)
def test_preprocessing_is_that_of_the_tower(name):
    """Mean, std and size of a config against open_clip's own facts."""
    import os

    import open_clip

    cfg = read(name)
    clip = cfg.model.clip
    if clip.model_name.startswith('local-dir:'):
        folder = Path(clip.model_name.removeprefix('local-dir:'))
        if not folder.is_dir():
            assert not os.environ.get('MMLATTE_TEST_ASSETS') or (
                'demo' in name
            ), folder
            pytest.skip(f'{folder} is not here')
        facts = json.loads((folder / 'open_clip_config.json').read_text())
        mean, std = (facts['preprocess_cfg'][k] for k in ('mean', 'std'))
        size = facts['model_cfg']['vision_cfg']['image_size']
    else:
        tag = open_clip.get_pretrained_cfg(clip.model_name, clip.pretrained)
        mean, std = tag['mean'], tag['std']
        config = open_clip.get_model_config(clip.model_name)
        size = config['vision_cfg']['image_size']
    preprocessor = cfg.model.data_preprocessor
    assert preprocessor.mean == pytest.approx([255 * m for m in mean])
    assert preprocessor.std == pytest.approx([255 * s for s in std])
    assert image_size(cfg) == (size, size)


@pytest.mark.parametrize('method', METHODS)
def test_every_combination_composes(method):
    for data in DATA:
        for clip in CLIPS:
            cfg = read((method, data, clip))
            part = Config.fromfile(str(ROOT / 'data' / f'{data}.py'))
            assert cfg.model.class_names == part.class_names
            assert len(set(part.class_names)) == SOURCES[data].classes
            assert cfg.composed_name == f'{method}_{clip}_{data}'
            own = Config.fromfile(str(ROOT / 'clips' / f'{clip}.py')).model
            assert cfg.model.clip.model_name == own.clip.model_name
            assert cfg.model.data_preprocessor.mean == (
                own.data_preprocessor.mean
            )
            for part in ('train', 'test'):
                loader = cfg[f'{part}_dataloader']
                assert loader is None or loader.dataset.data_root == (
                    f'data/{data}'
                )


@pytest.mark.parametrize('name', [n for n in stems(ROOT) if 'folder' not in n])
def test_front_doors_equal_what_is_composed(name):
    method, clip, data = name.split('_', 2)
    composed = read((method, data, clip))
    front = read(f'{name}.py')
    composed.pop('composed_name')
    if method == 'zeroshot':
        composed.pop('train_pipeline')
    for key, value in composed.items():
        assert front[key] == value, key


def test_a_composed_config_can_be_inherited(tmp_path):
    cfg = read(('dpa', 'dtd', 'vitb16'))
    cfg.dump(str(tmp_path / 'dumped.py'))
    child = tmp_path / 'child.py'
    child.write_text(
        "_base_ = './dumped.py'\ntrain_cfg = dict(max_epochs=3)\n"
    )
    again = compose_config(str(child))
    assert again.train_cfg.max_epochs == 3
    assert again.model == cfg.model


def test_transductive_methods_fit_the_test_images():
    cfg = read(('transclip', 'cifar10', 'vitb32'))
    assert cfg.train_dataloader.dataset.image_folder == 'test'
    assert 'DropLabels' in cfg.train_dataloader.dataset.pipeline[0].type


def test_a_part_that_is_not_there_is_named():
    with pytest.raises(FileNotFoundError, match=r'--data dt: .* caltech101'):
        compose_config(str(ROOT / 'methods' / 'dpa.py'), 'dt')
    with pytest.raises(ValueError, match='is a whole config'):
        compose_config(str(ROOT / 'latteclip_vitb32_dtd.py'), 'dtd')


def test_registries_are_children_of_mmengines():
    for name in registry.__all__:
        child = getattr(registry, name)
        assert child.scope == 'mmlatte'
        if name != 'LMMS':
            assert child.parent.scope == 'mmengine'
    assert issubclass(MODELS.get('mmlatte.OpenCLIP'), nn.Module)
