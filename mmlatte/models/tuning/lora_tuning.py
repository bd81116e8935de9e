import warnings
from collections.abc import Sequence

from torch import Tensor, nn

from mmlatte.registry import MODELS

from .blank_input import encode_blank
from .matrices import TOWERS, check_tower, find_matrices, wanted
from .tuning import Tuning


@MODELS.register_module()
class LoRATuning(Tuning):
    """Train low-rank updates of the weight matrices (LoRA, through `peft`).

    By default every matrix gets one: linear layers, 1x1 convolutions and the
    joint input projection of attention. Left out are its output projection
    (peft adapts it by rewriting the frozen weights at every step, which
    changes their last bits), layers whose weight a tower uses without calling
    them, such as those of a ModifiedResNet's attention pool (an update would
    change nothing), and a ``text_projection`` that open_clip must find to be
    an ``nn.Linear`` (SigLIP).

    Args:
        rank (int): Rank of the updates. Defaults to 8.
        alpha (float, optional): The updates are scaled by ``alpha / rank``.
            Defaults to ``2 * rank``.
        tower (str): ``'visual'``, ``'text'`` or ``'both'``. Defaults to
            ``'visual'``.
        targets (Sequence[str], optional): Adapt only matrices whose name
            ends like one of these, e.g. ``('mlp.c_fc', 'in_proj_weight')``.
        **kwargs: See `Tuning`.
    """

    def __init__(
        self,
        rank: int = 8,
        alpha: float | None = None,
        tower: str = 'visual',
        targets: Sequence[str] | None = None,
        **kwargs,
    ) -> None:
        check_tower('LoRATuning', tower)
        if rank < 1:
            raise ValueError(f'LoRATuning: rank must be positive, got {rank}')
        super().__init__(**kwargs)
        self.rank = rank
        self.alpha = 2 * rank if alpha is None else alpha
        self.tower = tower
        self.targets = None if targets is None else tuple(targets)

    def prepare(self, clip: nn.Module) -> None:
        """Add the updates, which start at zero."""
        try:
            from peft import LoraConfig, inject_adapter_in_model
        except ImportError as error:
            raise ImportError(
                f"LoRATuning needs peft: pip install 'mmlatte[lora]' ({error})"
            ) from error
        for name in TOWERS[self.tower]:
            tower = getattr(clip, name)
            modules, parameters = self._find_targets(clip, name)
            if not modules and not parameters:
                raise ValueError(
                    f'LoRATuning: no matrix of the {name} tower of '
                    f'{clip.model_name} matches targets={self.targets}'
                )
            config = LoraConfig(
                r=self.rank,
                lora_alpha=self.alpha,
                target_modules=modules,
                target_parameters=parameters,
            )
            with warnings.catch_warnings():
                # It wonders about models that are not transformers'.
                warnings.simplefilter('ignore')
                inject_adapter_in_model(config, tower)

    def _find_targets(
        self, clip: nn.Module, name: str
    ) -> tuple[list[str], list[str]]:
        """Return names of modules and of single parameters to adapt."""
        tower, called = getattr(clip, name), _called_layers(clip, name)
        modules, parameters = [], []
        for matrix in find_matrices(tower):
            layer = matrix.removesuffix('.weight')
            if layer == matrix:
                parameters.append(matrix)
            elif layer in called and layer != 'text_projection':
                modules.append(layer)
        return wanted(modules, self.targets), wanted(parameters, self.targets)

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Fold the updates into the matrices, see `Tuning.plain_state`."""
        plain = {}
        for name, value in state.items():
            if '.lora_' in name:
                continue
            layer, _, weight = name.rpartition('.base_layer.')
            if layer and weight in ('weight', 'in_proj_weight'):
                up = state[f'{layer}.lora_B.default.weight'].flatten(1)
                down = state[f'{layer}.lora_A.default.weight'].flatten(1)
                if up.any():
                    update = self.alpha / self.rank * up @ down
                    value = value + update.view_as(value)
            plain[name.replace('.base_layer', '')] = value
        return plain


def _called_layers(clip: nn.Module, name: str) -> set[str]:
    """Names of the modules that a tower calls, seen on one blank input.

    Attention of torch, some of timm's and the pool of a ModifiedResNet take
    the weights of their layers and call a function instead.
    """
    called: set[str] = set()
    hooks = [
        module.register_forward_pre_hook(
            lambda module, inputs, layer=layer: called.add(layer)
        )
        for layer, module in getattr(clip, name).named_modules()
    ]
    encode_blank(clip, name)
    for hook in hooks:
        hook.remove()
    return called
