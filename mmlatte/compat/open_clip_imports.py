import functools
import sys
from importlib import util
from types import ModuleType

__all__ = ['import_open_clip_without_transformers']

#: Module, and what of it needs transformers.
NEED_IT = (
    ('open_clip.hf_model', 'HFTextEncoder', '__init__'),
    ('open_clip.hf_model', 'HFTextEncoder', 'forward'),  # unpickled ones
    ('open_clip.coca_model', 'CoCa', 'generate'),
)


def import_open_clip_without_transformers() -> None:
    """Import open_clip, and not transformers with it.

    Its modules for Hugging Face text towers and for CoCa's captions import
    transformers, which takes a second, and nearly no CLIP has either. They
    get it when such a tower is built, or a caption written. Removable when
    open_clip does so (3.3.0 does not).
    """
    if 'open_clip' in sys.modules or 'transformers' in sys.modules:
        return
    sys.modules['transformers'] = None  # type: ignore[assignment]
    try:
        import open_clip  # noqa: F401
    finally:
        del sys.modules['transformers']
    if util.find_spec('transformers') is None:
        return
    for name, owner, method in NEED_IT:
        module = sys.modules[name]
        _complete_before(module, vars(module)[owner], method)


def _complete_before(module: ModuleType, owner: type, method: str) -> None:
    """Complete a module when a method of one of its classes is called."""
    original = vars(owner)[method]

    @functools.wraps(original)
    def completed(*args, **kwargs):
        setattr(owner, method, original)
        _complete(module)
        return original(*args, **kwargs)

    setattr(owner, method, completed)


def _complete(module: ModuleType) -> None:
    """Give a module what it has if transformers is there from the start."""
    spec = util.find_spec(module.__name__)
    assert spec is not None and spec.loader is not None
    again = util.module_from_spec(spec)
    spec.loader.exec_module(again)
    for name, value in vars(again).items():
        own = getattr(value, '__module__', None) == module.__name__
        # A filled table holds the classes of this module, by identity.
        own = own or (isinstance(value, dict) and vars(module).get(name))
        if not own and not name.startswith('__'):
            setattr(module, name, value)
