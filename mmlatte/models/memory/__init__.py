from .any_shape_buffers import AnyShapeBuffers
from .learned_prototypes import LearnedPrototypes
from .prototype_memory import (
    PrototypeMemory,
    blend_with_prototypes,
    update_prototypes,
)

__all__ = [
    'AnyShapeBuffers',
    'LearnedPrototypes',
    'PrototypeMemory',
    'blend_with_prototypes',
    'update_prototypes',
]
