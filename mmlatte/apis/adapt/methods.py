"""The methods of ``adapt``; a new one is added here alone."""

from pathlib import Path
from typing import TYPE_CHECKING

from mmengine.config import Config

from mmlatte.lmm.asking.prompts import prompts_for
from mmlatte.models.clip import OpenCLIP

from .settings import lmm_settings
from .training import set_training

if TYPE_CHECKING:
    from .options import AdaptOptions

__all__ = ['METHODS', 'AdaptMethod']


class AdaptMethod:
    """A method, and how its config follows from a user's choices.

    Attributes:
        name (str): What users call it, and its config; one of
            `ADAPT_METHODS`.
        lr_default (str | None): How the learning rate is set where the user
            gives none; None for a method that takes no steps.
        asks_lmm (bool): Whether it needs the texts of an LMM.
        takes_answers (bool): Whether answers about a few images help it.
        needs_answers (bool): Whether it does nothing without.
        takes_encoder (bool): Whether a second encoder helps it.
        predicts_with_both (bool): Whether it can predict with a second
            encoder, and not only learn from it.
    """

    name: str
    lr_default: str | None = None
    asks_lmm = False
    takes_answers = False
    needs_answers = False
    takes_encoder = False
    predicts_with_both = False

    def refused(self) -> dict[str, str]:
        """Return the options that it does nothing with, and why."""
        refused = {}
        if not self.asks_lmm:
            refused = dict.fromkeys(('lmm', 'api_key_env'), 'asks no LMM')
        if self.lr_default is None:
            options = ('lr', 'epochs', 'batch_size')
            refused |= dict.fromkeys(options, 'takes no steps')
        if not self.takes_encoder:
            refused['encoder'] = 'reads no second encoder'
        return refused

    def configure(
        self,
        cfg: Config,
        options: 'AdaptOptions',
        clip: OpenCLIP,
        count: int,
    ) -> None:
        """Write what is the method's own into the config of a run.

        Args:
            cfg (Config): Its config with CLIP, classes and folders set;
                changed.
            options (AdaptOptions): The choices.
            clip (OpenCLIP): The CLIP.
            count (int): Number of images.
        """
        raise NotImplementedError


class LatteCLIP(AdaptMethod):
    """Fine-tuning with texts of an LMM."""

    name = 'latteclip'
    lr_default = 'found without labels'
    asks_lmm = True
    takes_answers = True

    #: Steps of the warm-up, of the published ones.
    WARMUP = 10

    def configure(self, cfg, options, clip, count) -> None:
        """Set training, learning rate, LMM and what it is asked."""
        set_training(cfg, options, clip, count)
        cfg.param_scheduler.warmup = self.WARMUP
        if options.lr is None:
            cfg.default_hooks.label_free_schedule = dict(
                type='mmlatte.LabelFreeScheduleHook'
            )
        else:
            cfg.optim_wrapper.optimizer.lr = options.lr
        image_prompt, group_prompt = prompts_for(options.describe)
        lmm = lmm_settings(options.lmm, options.device, options.api_key_env)
        if lmm is None:
            cfg.model.texts = ('class',)
            image_prompt = group_prompt = None
        hook = cfg.default_hooks.text_synth
        hook.update(
            store_dir=str(Path(options.out) / 'cache'),
            image_prompt=image_prompt,
            group_prompt=group_prompt,
        )
        hook.lmm = lmm


class LattePlus(AdaptMethod):
    """Fitting frozen features, in seconds."""

    name = 'latteplus'
    takes_encoder = predicts_with_both = True

    def configure(self, cfg, options, clip, count) -> None:
        """Take the images as frozen CLIP does: no augmentation."""
        # More classes than dimensions cannot be prototypes of one length.
        cfg.model.as_prototypes = len(options.classes) <= clip.embed_dim
        if options.encoder is not None and not options.one_clip:
            cfg.model.second_encoder = options.encoder_settings()
            cfg.model.as_prototypes = False
        elif options.encoder is not None:
            hook = cfg.default_hooks.frozen_features
            hook.second_encoder = options.encoder_settings()
        cfg.train_dataloader.dataset.pipeline = cfg.test_pipeline


class WithAnswers(LattePlus):
    """LattePlus, and answers about a few of the images."""

    name = 'answers'
    takes_answers = needs_answers = True


class LattePlusTuned(AdaptMethod):
    """Fine-tuning from LattePlus."""

    name = 'latteplus_tuned'
    lr_default = 'by the steps'
    takes_answers = True
    takes_encoder = True

    def configure(self, cfg, options, clip, count) -> None:
        """Set training and learning rate."""
        set_training(cfg, options, clip, count)
        if options.encoder is not None:
            cfg.default_hooks.frozen_features.second_encoder = (
                options.encoder_settings()
            )
        if options.lr is not None:
            cfg.optim_wrapper.optimizer.lr = options.lr
            cfg.param_scheduler.max_path = None


#: Name -> method.
METHODS: dict[str, AdaptMethod] = {
    method.name: method
    for method in (
        LatteCLIP(),
        LattePlus(),
        WithAnswers(),
        LattePlusTuned(),
    )
}
