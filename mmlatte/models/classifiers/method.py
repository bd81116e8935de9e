from mmengine.optim import OptimWrapper
from mmpretrain.models.classifiers import BaseClassifier
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import NoneOfThese
from mmlatte.models.given_labels import GivenLabels


class Method(BaseClassifier):
    """All that hooks and loops may ask of a method, in one place.

    Everything has a default; a method overrides what it needs. In the order
    of a run:

    ===================== ====================================================
    ``forget_images``     First, unless the run resumes: a checkpoint that was
                          loaded as a start (``load_from``) holds other
                          images.
    ``set_frozen``        Before training, once the checkpoint of a resumed
                          run is loaded. Must not change what the method
                          predicts, for zero-shot CLIP is evaluated after it.
    ``kept_zero_shot``,   If either is true after ``set_frozen``, nothing is
    ``is_fitted``         trained. Of a fit, the first is true after ``fit``.
    ``adopt_fit``         In place of training, once zero-shot CLIP has been
                          evaluated.
    ``fit``               `FitLoop`: in place of training, for ``fits``.
    ``start_epoch``       Before the first batch of an epoch, not when a run
                          resumes inside it: what it sets must be a buffer.
    ``loss``              Every batch.
    ``end_step``          After every step of the optimizer, taken or skipped
                          for an overflow; with gradient accumulation, after
                          the last of the accumulated batches.
    ``end_epoch``         After the last batch of an epoch.
    ``fitted_parameters`` At the end, for the summary.
    ===================== ====================================================

    `FrozenFeaturesHook` calls the first three, ``start_epoch`` and
    ``end_epoch``; `ResumableTrainLoop` calls ``adopt_fit``.

    Attributes:
        transductive (bool): Whether the images to predict are fitted.
        teacher (bool): Whether it needs a stronger CLIP.
        uses_lmm (bool): Whether texts of a language model help.
        open_vocabulary (bool): Whether the text feature of a new class can
            stand beside the prototypes.
        needs_frozen (bool): Whether ``loss`` needs ``set_frozen``.
        takes_answers (bool): Whether it learns from answers about a few
            images, ``frozen.answers``.
        reads_second (bool): Whether it trains with the features of a second
            encoder, ``frozen.second``.
        given (GivenLabels): What answers about a few images say, from
            ``set_frozen`` on; empty without answers.
        fits (bool): Whether ``fit`` takes the place of training.
        kept_zero_shot (bool): Whether there was nothing to learn, and the
            method stayed zero-shot CLIP.
        is_fitted (bool): Whether a fit of ``set_frozen`` takes the place of
            training.
        fitted_parameters (int): How many numbers were fitted; None: those
            that the optimizer moves.
        estimated_top1 (tuple[float, float, float]): Accuracy in percent as
            estimated from answers, lower and upper end; None without.
        none_of_these (NoneOfThese): What gives predictions their
            ``none_probability``; None where nothing does.
    """

    transductive: bool = False
    teacher: bool = False
    uses_lmm: bool = False
    open_vocabulary: bool = True
    needs_frozen: bool = False
    takes_answers: bool = False
    reads_second: bool = False
    given: GivenLabels = GivenLabels()
    fits: bool = False
    kept_zero_shot: bool = False
    is_fitted: bool = False
    fitted_parameters: int | None = None
    estimated_top1: tuple[float, float, float] | None = None
    none_of_these: NoneOfThese | None = None

    def forget_images(self) -> None:
        """Drop what was kept of the images of another run."""

    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Take the frozen features of the training images."""

    def adopt_fit(self) -> None:
        """Predict by the fit that ``set_frozen`` found."""

    def fit(self, frozen: FrozenFeatures) -> None:
        """Fit the buffers to frozen features."""
        raise NotImplementedError(
            f'{type(self).__name__} does not fit frozen features; a method '
            'that does sets `fits` and defines `fit`'
        )

    def start_epoch(self, epoch: int, max_epochs: int) -> None:
        """Prepare for an epoch.

        Args:
            epoch (int): Epochs that are done.
            max_epochs (int): Of the run.
        """

    def end_step(self) -> None:
        """Do what follows a step of the optimizer."""

    def end_epoch(self) -> None:
        """Do what follows the last batch of an epoch."""

    def train_step(
        self, data: dict | tuple | list, optim_wrapper: OptimWrapper
    ) -> dict[str, Tensor]:
        """Train a batch, and end the step of the optimizer if it is one.

        With several ranks, `mmlatte.engine.DistributedMethod` does.

        Args:
            data (dict | tuple | list): A batch of the data loader.
            optim_wrapper (OptimWrapper): Takes a step, or accumulates.

        Returns:
            dict[str, Tensor]: For the log.
        """
        logged = super().train_step(data, optim_wrapper)
        # The batch is counted by now.
        if optim_wrapper.should_update():
            self.end_step()
        return logged
