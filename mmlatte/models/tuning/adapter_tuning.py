import torch
import torch.nn.functional as F
from torch import Tensor, nn

from mmlatte.registry import MODELS

from .blank_input import encode_blank
from .block_tuning import find_blocks
from .matrices import TOWERS, check_tower
from .tuning import Tuning


@MODELS.register_module()
class AdapterTuning(Tuning):
    r"""Train a small bottleneck after every block (Houlsby et al., 2019).

    .. math:: x' = x + W_2\,\mathrm{gelu}(W_1 x), \qquad W_2 = 0

    at the start, where the CLIP is therefore the pretrained one. A block is a
    transformer layer or a stage of a CNN, whose channels are adapted at each
    place. A bottleneck cannot be folded into the weights: exports to formats
    of plain CLIPs (open_clip, Hugging Face) are refused.

    Args:
        width (int): Width of the bottleneck. Defaults to 64.
        tower (str): ``'visual'``, ``'text'`` or ``'both'``. Defaults to
            ``'visual'``.
        **kwargs: See `Tuning`.
    """

    def __init__(
        self, width: int = 64, tower: str = 'visual', **kwargs
    ) -> None:
        check_tower(type(self).__name__, tower)
        if width < 1:
            raise ValueError(
                f'AdapterTuning: width must be positive, got {width}'
            )
        super().__init__(**kwargs)
        self.width = width
        self.tower = tower

    def prepare(self, clip: nn.Module) -> None:
        """Add the bottlenecks."""
        for name in TOWERS[self.tower]:
            _, blocks = find_blocks(getattr(clip, name), 'AdapterTuning')
            shapes = _output_shapes(clip, name, blocks)
            for block, shape in zip(blocks, shapes, strict=True):
                channels = shape[1] if len(shape) == 4 else shape[-1]
                block.add_module('adapter', _Adapter(channels, self.width))
                # The last one of a sequence runs by itself.
                if not isinstance(block, nn.Sequential):
                    block.register_forward_hook(_adapt)

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Leave bottlenecks out that change nothing, see `Tuning`."""
        idle = [
            name.removesuffix('up.weight')
            for name, value in state.items()
            if name.endswith('.adapter.up.weight') and not value.any()
        ]
        return {
            name: value
            for name, value in state.items()
            if not name.startswith(tuple(idle))
        }


class _Adapter(nn.Module):
    """A bottleneck beside the identity, over the channels.

    Args:
        channels (int): Last dimension of the input, or the second one of
            feature maps (B, C, H, W).
        width (int): Of the bottleneck.
    """

    def __init__(self, channels: int, width: int) -> None:
        super().__init__()
        self.down = nn.Linear(channels, width)
        self.up = nn.Linear(width, channels, bias=False)
        nn.init.zeros_(self.up.weight)

    def forward(self, x: Tensor) -> Tensor:
        """Return the adapted features, of the same shape."""
        rows = x.movedim(1, -1) if x.ndim == 4 else x
        change = self.up(F.gelu(self.down(rows)))
        return x + (change.movedim(-1, 1) if x.ndim == 4 else change)


def _adapt(block: nn.Module, inputs: tuple, output):
    """Forward hook of a block; Hugging Face's give tuples."""
    if isinstance(output, tuple):
        return (block.adapter(output[0]), *output[1:])
    return block.adapter(output)


def _output_shapes(
    clip: nn.Module, tower: str, blocks: list[nn.Module]
) -> list[torch.Size]:
    """Shapes of what the blocks put out, seen on one blank input."""
    shapes: list[torch.Size] = []

    def look(block: nn.Module, inputs: tuple, output) -> None:
        first = output[0] if isinstance(output, tuple) else output
        shapes.append(first.shape)

    hooks = [block.register_forward_hook(look) for block in blocks]
    encode_blank(clip, tower)
    for hook in hooks:
        hook.remove()
    return shapes
