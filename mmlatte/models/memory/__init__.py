from .any_shape_buffers import AnyShapeBuffers
from .prototype_memory import (
    PrototypeMemory,
    blend_with_prototypes,
    update_prototypes,
)

__all__ = [
    'AnyShapeBuffers',
    'PrototypeMemory',
    'blend_with_prototypes',
    'update_prototypes',
]
