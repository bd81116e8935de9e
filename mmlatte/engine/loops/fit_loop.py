from dataclasses import replace

import torch
from mmengine.dist import broadcast, get_world_size
from mmengine.runner import EpochBasedTrainLoop, set_random_seed

from mmlatte.engine.checkpoints.random_state import preserved_random_state
from mmlatte.fits import FrozenFeatures
from mmlatte.models import PrototypeClassifier
from mmlatte.registry import LOOPS

from ..find_hook import require_hook
from ..hooks.frozen_features_hook import FrozenFeaturesHook
from ..method_of import method_of
from .plain_dataloader import plain_dataloader


@LOOPS.register_module()
class FitLoop(EpochBasedTrainLoop):
    """Train a method that fits frozen features and needs no image again.

    One "epoch" of one step calls ``model.fit(frozen)``. Hooks, checkpoint,
    evaluation and summary are those of any other run; a run that resumes from
    the checkpoint does not fit again, and remembers whether the fit left the
    model as it was (``model.kept_zero_shot``).

    Several ranks share the passes over all images; each one does the rest,
    and the buffers of rank 0 win, since other hardware may round another way.

    Args:
        runner (Runner): The runner.
        dataloader (dict): That of the training images; its dataset is used by
            the hooks, no batch is drawn from it.
    """

    def __init__(self, runner, dataloader) -> None:
        super().__init__(runner, plain_dataloader(dataloader), max_epochs=1)
        self._max_iters = 1

    def run(self) -> torch.nn.Module:
        """Fit, save, evaluate.

        Raises:
            ValueError: If the model does not fit frozen features.
        """
        runner, hub = self.runner, self.runner.message_hub
        model = method_of(runner, 'FitLoop')
        hook = require_hook(runner, FrozenFeaturesHook, 'FitLoop')
        if not model.fits:
            raise ValueError(
                f'FitLoop: {type(model).__name__} does not fit frozen '
                'features (fits=False); use mmlatte.ResumableTrainLoop'
            )
        runner.call_hook('before_train')
        if self._epoch == 0:
            runner.call_hook('before_train_epoch')
            set_random_seed(runner.seed)
            self._fit(model, hook.frozen)
            hub.update_info('kept_zero_shot', model.kept_zero_shot)
            self._iter = 1
            runner.call_hook('after_train_epoch')
            self._epoch = 1
        else:
            model.kept_zero_shot = hub.get_info('kept_zero_shot', False)
        if runner.val_loop is not None:
            with preserved_random_state():
                runner.val_loop.run()
        runner.call_hook('after_train')
        return runner.model

    @staticmethod
    def _fit(model: PrototypeClassifier, frozen: FrozenFeatures) -> None:
        model.eval()
        device = next(model.parameters()).device
        frozen = replace(frozen, shared=get_world_size() > 1)
        with torch.no_grad(), torch.autocast(device.type, enabled=False):
            model.fit(frozen)
        if frozen.shared:
            for buffer in model.buffers():
                broadcast(buffer)
