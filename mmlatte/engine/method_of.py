from mmengine.runner import Runner

from mmlatte.models import PrototypeClassifier

from .unwrapped import unwrapped

__all__ = ['method_of']


def method_of(runner: Runner, needed_by: str) -> PrototypeClassifier:
    """Return the method that a runner trains, without any wrapper.

    Args:
        runner (Runner): Has the model.
        needed_by (str): Who asks, for the error.

    Raises:
        ValueError: If the model is no `PrototypeClassifier`.
    """
    model = unwrapped(runner.model)
    if not isinstance(model, PrototypeClassifier):
        raise ValueError(
            f'{needed_by} works with a mmlatte.PrototypeClassifier, and '
            f'model.type is {type(model).__name__}; choose a method of '
            f'mmlatte, or remove {needed_by}'
        )
    return model
