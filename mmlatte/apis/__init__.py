from .launch import add_common_options, build_runner, load_config

__all__ = ['add_common_options', 'build_runner', 'load_config']
