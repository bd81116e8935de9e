from mmengine.logging import print_log
from mmengine.optim import DefaultOptimWrapperConstructor
from torch import nn

from mmlatte.registry import OPTIM_WRAPPER_CONSTRUCTORS


@OPTIM_WRAPPER_CONSTRUCTORS.register_module()
class CLIPOptimWrapperConstructor(DefaultOptimWrapperConstructor):
    """Weight decay on matrices only, and a learning rate per tower.

    Biases, norms and the logit scale, everything of fewer than two
    dimensions, are not decayed (open_clip's rule, LatteCLIP's settings).
    Parameters of equal settings form one group, so that the optimizer steps
    through a few large groups instead of one per parameter. Frozen
    parameters are left out.

    ``paramwise_cfg`` takes ``image_lr_mult`` and ``text_lr_mult``: factors of
    the learning rate of parameters under ``clip.visual`` and ``clip.text``.

    Examples:
        In a config::

            optim_wrapper = dict(
                constructor='mmlatte.CLIPOptimWrapperConstructor',
                paramwise_cfg=dict(text_lr_mult=0.1),
                optimizer=dict(type='AdamW', lr=1e-5, weight_decay=0.2))
    """

    TOWERS = {'image_lr_mult': 'clip.visual.', 'text_lr_mult': 'clip.text.'}

    def __init__(
        self, optim_wrapper_cfg: dict, paramwise_cfg: dict | None = None
    ) -> None:
        unknown = sorted(set(paramwise_cfg or {}) - set(self.TOWERS))
        if unknown:
            raise ValueError(
                f'CLIPOptimWrapperConstructor: paramwise_cfg has {unknown}; '
                f'it takes {sorted(self.TOWERS)}. For other rules leave '
                '`constructor` out (mmengine has its own).'
            )
        super().__init__(optim_wrapper_cfg, paramwise_cfg)
        # mmengine asks `add_params` only if this is not empty.
        self.paramwise_cfg = {
            **dict.fromkeys(self.TOWERS, 1.0),
            **(paramwise_cfg or {}),
        }

    def add_params(self, params: list[dict], module: nn.Module) -> None:
        """Append the groups of the model's parameters to ``params``."""
        groups: dict[tuple[float, bool], list[nn.Parameter]] = {}
        for name, parameter in module.named_parameters():
            if not parameter.requires_grad:
                continue
            factor = 1.0
            for key, prefix in self.TOWERS.items():
                if name.startswith(prefix):
                    factor = self.paramwise_cfg[key]
            key = (factor, parameter.ndim >= 2)
            groups.setdefault(key, []).append(parameter)
        if not groups:
            raise ValueError('no parameter is trainable: everything is frozen')
        for (factor, decayed), members in groups.items():
            group: dict = {'params': members}
            if self.base_lr is not None:
                group['lr'] = self.base_lr * factor
            if self.base_wd is not None:
                group['weight_decay'] = self.base_wd if decayed else 0.0
            params.append(group)
            print_log(
                f'{len(members)} parameters, '
                f'{sum(p.numel() for p in members):,} values: '
                f'lr {group.get("lr")}, '
                f'weight decay {group.get("weight_decay")}',
                logger='current',
            )
