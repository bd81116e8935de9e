from typing import TypeVar

from mmengine.hooks import Hook
from mmengine.runner import Runner

__all__ = ['find_hook', 'require_hook']

AnyHook = TypeVar('AnyHook', bound=Hook)


def find_hook(runner: Runner, kind: type[AnyHook]) -> AnyHook | None:
    """Return the first hook of a kind, None without one."""
    for hook in runner.hooks:
        if isinstance(hook, kind):
            return hook
    return None


def require_hook(
    runner: Runner, kind: type[AnyHook], needed_by: str
) -> AnyHook:
    """Return the first hook of a kind.

    Args:
        runner (Runner): Has the hooks.
        kind (type): Class of the hook.
        needed_by (str): Who needs it, for the error.

    Raises:
        ValueError: If there is none.
    """
    hook = find_hook(runner, kind)
    if hook is None:
        raise ValueError(
            f'{needed_by} needs mmlatte.{kind.__name__}: add '
            f"dict(type='mmlatte.{kind.__name__}', ...) to the hooks"
        )
    return hook
