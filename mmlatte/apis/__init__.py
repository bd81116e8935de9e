from .launch import add_common_options, build_runner, load_config
from .preflight import preflight

__all__ = ['add_common_options', 'build_runner', 'load_config', 'preflight']
