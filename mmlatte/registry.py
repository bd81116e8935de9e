"""Registries of mmlatte.

Every registry is a direct child of mmengine's root registry (scope
``mmlatte``), so that any OpenMMLab project can name our components as
``type='mmlatte.X'`` without a ``custom_imports``: mmengine imports this
module by the scope's name, and ``locations`` imports the components.
``LMMS`` is the one kind that mmengine does not have.
"""

from mmengine.registry import DATA_SAMPLERS as MMENGINE_DATA_SAMPLERS
from mmengine.registry import DATASETS as MMENGINE_DATASETS
from mmengine.registry import FUNCTIONS as MMENGINE_FUNCTIONS
from mmengine.registry import HOOKS as MMENGINE_HOOKS
from mmengine.registry import LOOPS as MMENGINE_LOOPS
from mmengine.registry import METRICS as MMENGINE_METRICS
from mmengine.registry import MODEL_WRAPPERS as MMENGINE_MODEL_WRAPPERS
from mmengine.registry import MODELS as MMENGINE_MODELS
from mmengine.registry import (
    OPTIM_WRAPPER_CONSTRUCTORS as MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
)
from mmengine.registry import OPTIM_WRAPPERS as MMENGINE_OPTIM_WRAPPERS
from mmengine.registry import OPTIMIZERS as MMENGINE_OPTIMIZERS
from mmengine.registry import PARAM_SCHEDULERS as MMENGINE_PARAM_SCHEDULERS
from mmengine.registry import TRANSFORMS as MMENGINE_TRANSFORMS
from mmengine.registry import VISBACKENDS as MMENGINE_VISBACKENDS
from mmengine.registry import VISUALIZERS as MMENGINE_VISUALIZERS
from mmengine.registry import Registry

from . import compat

compat.apply_to_engine()

__all__ = [
    'METRICS',
    'OPTIMIZERS',
    'OPTIM_WRAPPER_CONSTRUCTORS',
    'VISBACKENDS',
    'VISUALIZERS',
    'DATASETS',
    'DATA_SAMPLERS',
    'FUNCTIONS',
    'HOOKS',
    'LMMS',
    'LOOPS',
    'MODELS',
    'MODEL_WRAPPERS',
    'OPTIM_WRAPPERS',
    'PARAM_SCHEDULERS',
    'TRANSFORMS',
]

DATASETS = Registry(
    'dataset',
    parent=MMENGINE_DATASETS,
    locations=['mmlatte.datasets', 'mmlatte.demo'],
)
DATA_SAMPLERS = Registry(
    'data sampler',
    parent=MMENGINE_DATA_SAMPLERS,
    locations=['mmlatte.datasets'],
)
FUNCTIONS = Registry(
    'function',
    parent=MMENGINE_FUNCTIONS,
    locations=['mmlatte.datasets'],
)
TRANSFORMS = Registry(
    'transform',
    parent=MMENGINE_TRANSFORMS,
    locations=['mmlatte.datasets'],
)
MODELS = Registry(
    'model',
    parent=MMENGINE_MODELS,
    locations=['mmlatte.models', 'mmlatte.demo'],
)
HOOKS = Registry(
    'hook',
    parent=MMENGINE_HOOKS,
    locations=['mmlatte.engine'],
)
LOOPS = Registry(
    'loop',
    parent=MMENGINE_LOOPS,
    locations=['mmlatte.engine'],
)
OPTIM_WRAPPERS = Registry(
    'optimizer wrapper',
    parent=MMENGINE_OPTIM_WRAPPERS,
    locations=['mmlatte.engine'],
)
PARAM_SCHEDULERS = Registry(
    'parameter scheduler',
    parent=MMENGINE_PARAM_SCHEDULERS,
    locations=['mmlatte.engine'],
)
# A kind that is not here makes mmengine warn under `default_scope='mmlatte'`.
METRICS = Registry(
    'metric',
    parent=MMENGINE_METRICS,
    locations=['mmlatte.engine'],
)
OPTIMIZERS = Registry(
    'optimizer',
    parent=MMENGINE_OPTIMIZERS,
    locations=['mmlatte.engine'],
)
OPTIM_WRAPPER_CONSTRUCTORS = Registry(
    'optimizer wrapper constructor',
    parent=MMENGINE_OPTIM_WRAPPER_CONSTRUCTORS,
    locations=['mmlatte.engine'],
)
MODEL_WRAPPERS = Registry(
    'model_wrapper',
    parent=MMENGINE_MODEL_WRAPPERS,
    locations=['mmlatte.engine'],
)
VISBACKENDS = Registry(
    'vis_backend',
    parent=MMENGINE_VISBACKENDS,
    locations=['mmlatte.engine'],
)
VISUALIZERS = Registry(
    'visualizer',
    parent=MMENGINE_VISUALIZERS,
    locations=['mmlatte.engine'],
)
#: Large multimodal models: what turns an image and a prompt into a text.
LMMS = Registry('lmm', scope='mmlatte', locations=['mmlatte.lmm'])
