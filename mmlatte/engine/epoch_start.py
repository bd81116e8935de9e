from mmengine.runner import Runner

from mmlatte.models import PrototypeClassifier

__all__ = ['mark_epoch_start']


def mark_epoch_start(runner: Runner, model: PrototypeClassifier) -> None:
    """Call ``start_epoch`` of a method, unless a run resumes inside it.

    Args:
        runner (Runner): About to train an epoch.
        model (PrototypeClassifier): Its method.
    """
    batches = len(runner.train_loop.dataloader)
    if runner.iter == runner.epoch * batches:
        model.start_epoch(runner.epoch, runner.max_epochs)
