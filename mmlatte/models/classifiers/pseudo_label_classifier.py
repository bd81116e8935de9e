import torch
from mmpretrain.structures import DataSample
from torch import Tensor

from mmlatte.fits import FrozenFeatures
from mmlatte.models.global_batch import global_batch
from mmlatte.models.memory import AnyShapeBuffers
from mmlatte.models.precision import full_precision
from mmlatte.models.pseudo_labels import candidate_loss
from mmlatte.registry import MODELS

from .prototype_classifier import PrototypeClassifier


@MODELS.register_module()
class PseudoLabelClassifier(PrototypeClassifier):
    r"""Pseudo-labels in rounds: FPL, IFPL and GRIP (arXiv 2306.01669), CPL.

    CPL, candidate pseudo-labels, is arXiv 2406.10502.

    A round chooses images and their candidate classes from the predictions of
    the round before (frozen CLIP's in the first), and trains on them for some
    epochs what ``clip.tuning`` lets train:

    .. math:: p_i = \mathrm{softmax}(s f(x_i) W^T), \quad
              W_c = g(\mathrm{template}(c))

    with `candidate_loss`. Which images and classes: ``selection``. Predictions
    for the next round are those on the last epoch's augmented images, while
    training; the published code predicts once more after it. Prediction: the
    nearest class text.

    The predictions of all images are kept: N * C * 4 bytes.

    Args:
        *args: See `PrototypeClassifier`.
        selection (dict): Config of the selection: ``mmlatte.TopKSelection``,
            ``mmlatte.GrowingSelection`` or ``mmlatte.CandidateSelection``.
        rounds (int): Rounds, equal parts of the run's epochs. Defaults to 10.
            With `restart`, give ``param_scheduler.cycles`` the same number.
        restart (bool): Start every round from the pretrained weights, as GRIP
            does; the optimizer keeps its moments. Defaults to False.
        **kwargs: See `PrototypeClassifier`.
    """

    needs_frozen = True

    def __init__(
        self,
        *args,
        selection: dict,
        rounds: int = 10,
        restart: bool = False,
        **kwargs,
    ) -> None:
        super().__init__(*args, **kwargs)
        if rounds < 1:
            raise ValueError(
                f'PseudoLabelClassifier: rounds must be positive, got {rounds}'
            )
        self.selection = MODELS.build(selection)
        self.rounds = rounds
        self.clip.logit_scale.requires_grad_(False)
        self.bank = AnyShapeBuffers()
        nothing = torch.zeros(0, len(self.class_names))
        self.bank.register_buffer('probabilities', nothing)
        self.bank.register_buffer('candidates', nothing.bool())
        # Built before a checkpoint is loaded, also in a resumed run.
        self._start = {
            name: parameter.detach().clone()
            for name, parameter in self.clip.named_parameters()
            if parameter.requires_grad and restart
        }

    def forget_images(self) -> None:
        """Drop the predictions of other images."""
        self.bank.probabilities = self.bank.probabilities[:0]
        self.bank.candidates = self.bank.candidates[:0]

    @torch.no_grad()
    def set_frozen(self, frozen: FrozenFeatures) -> None:
        """Predict with frozen CLIP, unless a checkpoint had predictions."""
        if len(self.bank.probabilities):
            return
        like = self.memory.prototypes
        classes = torch.from_numpy(frozen.class_features).to(like)
        self.bank.probabilities = torch.cat(
            [
                (self.clip.scale * features.to(like) @ classes.T).softmax(1)
                for _, features in frozen.chunks()
            ]
        )
        self.bank.candidates = torch.zeros_like(
            self.bank.probabilities, dtype=torch.bool
        )

    @torch.no_grad()
    def start_epoch(self, epoch: int, max_epochs: int) -> None:
        """Choose images and candidates where a round begins.

        Args:
            epoch (int): Epochs that are done.
            max_epochs (int): Of the run.

        Raises:
            ValueError: If the rounds are no equal parts of the epochs.
        """
        length, rest = divmod(max_epochs, self.rounds)
        if rest or length == 0:
            raise ValueError(
                f'PseudoLabelClassifier: {max_epochs} epochs are no '
                f'{self.rounds} rounds of equal length; change '
                'train_cfg.max_epochs or model.rounds'
            )
        round_, inside = divmod(epoch, length)
        if inside:
            return
        self.bank.candidates = self.selection(
            self.bank.probabilities, round_, self.rounds
        )
        parameters = dict(self.clip.named_parameters())
        for name, value in self._start.items():
            parameters[name].copy_(value)

    def loss(
        self, inputs: Tensor, data_samples: list[DataSample]
    ) -> dict[str, Tensor]:
        """Learn the candidates of a batch, and remember its predictions.

        Args:
            inputs (Tensor): Augmented images of this rank, (B, 3, H, W).
            data_samples (list[DataSample]): With ``sample_idx``.

        Returns:
            dict[str, Tensor]: The loss; for the log, the share of images that
            have candidates.
        """
        z = self.extract_feat(inputs)
        w = self.clip.encode_texts(self.class_texts()).to(z)
        batch, ids, valid = global_batch(data_samples, z.device)
        with full_precision(z):
            logits = batch.gather(self.clip.scale * z @ w.T)
            # Before the predictions are renewed: padding repeats a sample.
            candidates = self.bank.candidates[ids]
            self.bank.probabilities[ids] = logits.detach().softmax(dim=1)
            loss = candidate_loss(
                logits, candidates, valid, self.selection.partial
            )
        share = candidates.any(dim=1).to(z.dtype).mean()
        return {'loss': loss, 'labelled': share}

    @torch.no_grad()
    def end_epoch(self) -> None:
        """Predict with the class texts under the text tower of now."""
        self.memory.reset(self.encode_classes())
