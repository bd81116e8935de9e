"""The part of an image tower that a tuning leaves as it is."""

import torch
from open_clip.timm_model import TimmModel
from open_clip.transformer import VisionTransformer
from timm.models.efficientnet import EfficientNet
from torch import Tensor, nn

from mmlatte.models.clip.fingerprint import fingerprint

from .block_tuning import find_blocks, parameters_after

__all__ = ['FrozenPrefix']


class FrozenPrefix:
    """What comes before the first block of an image tower that trains.

    Its activations of an image are the same throughout training, unless the
    image is augmented. `rest` makes the tower's output of them.

    Args:
        clip (nn.Module): A `mmlatte.OpenCLIP` with a tuning; its image tower
            is a transformer of open_clip or an EfficientNet of timm.

    Attributes:
        depth (int): Blocks in the prefix.
        shape (tuple[int, ...]): Of the activations of an image.

    Raises:
        ValueError: If the tower has another structure, if something trains
            before its first block, or if the prefix acts differently in
            training mode (BatchNorm with ``norm_eval=False``, dropout).
    """

    def __init__(self, clip: nn.Module) -> None:
        self.clip = clip
        self.tower = clip.visual
        self._is_transformer = isinstance(self.tower, VisionTransformer)
        if not self._is_transformer and not (
            isinstance(self.tower, TimmModel)
            and isinstance(self.tower.trunk, EfficientNet)
        ):
            raise ValueError(
                f'the image tower of {clip.model_name} cannot be cut after a '
                'block: that is known of transformers of open_clip and of '
                'EfficientNet alone; train without cached activations'
            )
        path, self.blocks = find_blocks(self.tower, 'FrozenPrefix')
        training = [_trains(block) for block in self.blocks]
        self.depth = (
            training.index(True) if True in training else len(training)
        )
        rest = {
            *parameters_after(self.tower, path),
            *(p for block in self.blocks for p in block.parameters()),
        }
        early = [
            name
            for name, parameter in self.tower.named_parameters()
            if parameter.requires_grad and parameter not in rest
        ]
        if early or self.depth == 0:
            first = early[0] if early else f'{path}.0'
            raise ValueError(
                f'{clip.model_name}: nothing of its image tower is frozen '
                f'before what trains first ({first}): there is nothing to '
                'cache; train the last blocks only, '
                "clip.tuning=dict(type='mmlatte.BlockTuning')"
            )
        self.shape = self._look()

    def __call__(self, images: Tensor) -> Tensor:
        """Return the activations after the prefix.

        Args:
            images (Tensor): (B, 3, H, W), normalised.

        Returns:
            Tensor: (B, L, C) of a transformer, (B, C, H', W') of a CNN.
        """
        tower = self.tower
        if self._is_transformer:
            x = tower._embeds(images)
        else:
            x = tower.trunk.bn1(tower.trunk.conv_stem(images))
        return self._run(self.blocks[: self.depth], x)

    def rest(self, activations: Tensor) -> Tensor:
        """Return the tower's output, (B, D), from the activations."""
        tower = self.tower
        x = self._run(self.blocks[self.depth :], activations)
        if self._is_transformer:
            pooled, _ = tower._pool(x)
            return pooled if tower.proj is None else pooled @ tower.proj
        trunk = tower.trunk
        x = trunk.bn2(trunk.conv_head(x))
        return tower.head(trunk.forward_head(x))

    def made(self, inputs: Tensor) -> bool:
        """Whether inputs are activations, and no images."""
        return tuple(inputs.shape[1:]) == self.shape

    def fingerprint(self) -> str:
        """Return a hash of all that activations depend on but the image."""
        clip = self.clip
        skipped = {id(p) for p in self.tower.parameters() if p.requires_grad}
        state = {
            name: value
            for name, value in self.tower.state_dict(keep_vars=True).items()
            if id(value) not in skipped
        }
        facts = [clip.config, clip.image_size, self.depth]
        return fingerprint(facts, state)

    def _run(self, blocks: list[nn.Module], x: Tensor) -> Tensor:
        turned = (
            self._is_transformer and not self.tower.transformer.batch_first
        )
        x = x.transpose(0, 1) if turned else x
        for block in blocks:
            x = block(x)
        return x.transpose(0, 1) if turned else x

    @torch.no_grad()
    def _look(self) -> tuple[int, ...]:
        """Check both parts on noise; return the shape of activations."""
        like = next(self.tower.parameters())
        size = (2, 3, *self.clip.image_size)
        noise = torch.randn(size, generator=torch.Generator().manual_seed(0))
        noise = noise.to(like)
        training = self.clip.training
        trained = self.clip.train()
        in_training = self(noise)
        trained.eval()
        activations, expected = self(noise), self.tower(noise)
        found = self.rest(activations)
        self.clip.train(training)
        # Attention of torch has another, faster code for evaluation.
        if not torch.allclose(in_training, activations, 1e-4, 1e-4):
            raise ValueError(
                f'{self.clip.model_name}: the frozen part of its image tower '
                'acts differently in training (BatchNorm without '
                'clip.norm_eval=True, or dropout): its activations cannot be '
                'cached'
            )
        if isinstance(expected, tuple):  # CoCa's tower returns tokens too
            expected = expected[0]
        torch.testing.assert_close(found, expected, rtol=1e-4, atol=1e-4)
        return tuple(activations.shape[1:])


def _trains(module: nn.Module) -> bool:
    return any(p.requires_grad for p in module.parameters())
