from torch import nn

from mmlatte.registry import MODELS

from .tuning import Tuning


@MODELS.register_module()
class BlockTuning(Tuning):
    """Train the last blocks of the towers and what follows them.

    A block is a transformer layer or a stage of a CNN. The backward pass
    ends at the first block that trains.

    Args:
        visual (int): Blocks of the image tower; 0 trains its projection and
            last norm only, -1 nothing. Defaults to 1.
        text (int): Likewise for the text tower. Defaults to -1.
        **kwargs: See `Tuning`.
    """

    def __init__(self, visual: int = 1, text: int = -1, **kwargs) -> None:
        if visual < -1 or text < -1:
            raise ValueError(
                'BlockTuning: numbers of blocks must be -1 or more, got '
                f'visual={visual}, text={text}'
            )
        super().__init__(**kwargs)
        self.blocks = {'visual': visual, 'text': text}

    def prepare(self, clip: nn.Module) -> None:
        """Let the last blocks train."""
        for name, count in self.blocks.items():
            if count < 0:
                continue
            tower = getattr(clip, name)
            prefix, blocks = find_blocks(tower, 'BlockTuning')
            if count > len(blocks):
                raise ValueError(
                    f'BlockTuning: {name}={count}, but the {name} tower of '
                    f'{clip.model_name} has {len(blocks)} blocks'
                )
            for block in blocks[len(blocks) - count :]:
                block.requires_grad_(True)
            for parameter in parameters_after(tower, prefix):
                parameter.requires_grad_(True)


def find_blocks(tower: nn.Module, tuning: str) -> tuple[str, list[nn.Module]]:
    """Return the name of a tower's longest list of blocks, and the blocks.

    Args:
        tower (nn.Module): A tower of a CLIP.
        tuning (str): Who asks, for the message.

    Raises:
        ValueError: If there is none.
    """
    paths = (
        'transformer.resblocks',  # open_clip's transformers
        'transformer.encoder.layer',  # Hugging Face
        'trunk.blocks',  # timm: ViT, EfficientNet
        'trunk.stages',  # timm: ConvNeXt and others
    )
    for path in paths:
        try:
            blocks = tower.get_submodule(path)
        except AttributeError:
            continue
        return path, list(blocks)
    raise ValueError(
        f'{tuning} finds no blocks in a {type(tower).__name__} (it looks for '
        f'{", ".join(paths)}): choose another tuning, such as '
        'mmlatte.NormTuning or mmlatte.LoRATuning'
    )


def parameters_after(tower: nn.Module, path: str) -> list[nn.Parameter]:
    """Parameters that are used after a list of blocks.

    Modules are registered in the order of their use; the projections of
    open_clip's transformers are parameters of the tower itself.
    """
    found = []
    for depth in range(path.count('.') + 1):
        *parents, child = path.split('.')[: depth + 1]
        parent = tower.get_submodule('.'.join(parents))
        children = list(parent.named_children())
        names = [name for name, _ in children]
        for _, module in children[names.index(child) + 1 :]:
            found.extend(module.parameters())
    for name in ('proj', 'text_projection'):
        projection = getattr(tower, name, None)
        if isinstance(projection, nn.Parameter):
            found.append(projection)
        elif isinstance(projection, nn.Module):
            found.extend(projection.parameters())
    return found
