from .prototype_memory import (
    PrototypeMemory,
    blend_with_prototypes,
    update_prototypes,
)

__all__ = ['PrototypeMemory', 'blend_with_prototypes', 'update_prototypes']
