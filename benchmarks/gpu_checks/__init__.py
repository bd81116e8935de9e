"""What `gpu_check.py` checks: name -> function that yields rows."""

from .compiled import channels_last, compiled
from .determinism import determinism
from .feature_pass import feature_pass
from .language_model import language_model
from .process_group import process_group
from .sizes import SIZES
from .steps import precision, step

__all__ = ['CHECKS', 'SIZES']

CHECKS = {
    check.__name__: check
    for check in (
        precision,
        language_model,
        process_group,
        compiled,
        channels_last,
        determinism,
        step,
        feature_pass,
    )
}
