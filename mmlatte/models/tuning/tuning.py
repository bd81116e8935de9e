from abc import ABC, abstractmethod

from mmengine.logging import print_log
from torch import Tensor, nn


class Tuning(ABC):
    """Which parameters of a CLIP train, and what is added to it for that.

    The CLIP applies its tuning once, when it holds its pretrained weights and
    before an optimizer sees it. Some methods need a frozen text tower. To
    write one, implement `prepare`; parameters that it adds to the towers are
    trained, saved and loaded like any other.

    Args:
        logit_scale (bool): Train the logit scale too. Defaults to True.
    """

    def __init__(self, logit_scale: bool = True) -> None:
        self.logit_scale = logit_scale

    @abstractmethod
    def prepare(self, clip: nn.Module) -> None:
        """Choose or add parameters that train.

        Args:
            clip (nn.Module): With ``visual`` and ``text``, the towers; none
                of its parameters trains yet.
        """

    def apply(self, clip: nn.Module) -> None:
        """Freeze a CLIP but for what this tuning trains.

        Args:
            clip (nn.Module): With ``visual``, ``text`` and ``logit_scale``.

        Raises:
            ValueError: If nothing is left to train.
        """
        clip.requires_grad_(False)
        self.prepare(clip)
        trained = sum(p.numel() for p in clip.parameters() if p.requires_grad)
        if trained == 0:
            raise ValueError(
                f'{type(self).__name__} finds nothing to train in '
                f'{clip.model_name}; use another tuning or other options'
            )
        clip.logit_scale.requires_grad_(self.logit_scale)
        total = sum(p.numel() for p in clip.parameters())
        print_log(
            f'{type(self).__name__}: {trained:,} of {total:,} parameters '
            'train.',
            logger='current',
        )

    def check_template(self, clip: nn.Module, template: str) -> None:
        """Refuse a prompt template with which nothing would train.

        Args:
            clip (nn.Module): The CLIP that was tuned.
            template (str): Class texts are made with it.

        Raises:
            ValueError: If it does not fit this tuning.
        """
        return  # any does

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Return the state dict of a CLIP without additions, same features.

        Used for exports and to recognise a CLIP by its weights. What cannot
        be folded into the weights and changes features stays in.

        Args:
            state (dict[str, Tensor]): State dict of the tuned CLIP.
        """
        return state
