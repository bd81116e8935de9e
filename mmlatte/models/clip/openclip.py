import hashlib
import json
import logging
import math
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, nullcontext
from copy import deepcopy

import open_clip
import torch
import torch.nn.functional as F
from mmengine.logging import print_log
from open_clip.modified_resnet import ModifiedResNet
from open_clip.timm_model import TimmModel
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmlatte.models.clip.clip_tokenizer import ClipTokenizer
from mmlatte.models.clip.text_encoding import encode_tokens
from mmlatte.models.clip.weights import (
    check_hub_text_tower,
    find_weights,
    read_config,
)
from mmlatte.registry import MODELS


@MODELS.register_module()
class OpenCLIP(nn.Module):
    """Both towers of any open_clip model, its tokenizer and its facts.

    The state dict has the keys of open_clip's ``CustomTextCLIP``
    (``visual.*``, ``text.*``, ``logit_scale``). This is a plain module, not
    a ``BaseModule``: mmengine re-initialises children that know how.

    Args:
        model_name (str): Name of an open_clip model, ``local-dir:FOLDER`` or
            ``hf-hub:OWNER/REPO``.
        pretrained (str, optional): A tag of open_clip or a weights file;
            None with a model name means random weights.
        cache_dir (str, optional): Where downloads are kept. Defaults to the
            cache of the hub (``HF_HOME``).
        norm_eval (bool): Keep BatchNorm in eval mode while training: with
            batch statistics, several ranks would differ from one. Defaults
            to True.
        freeze_image (bool): Do not train the image tower. Defaults to False.
        freeze_text (bool): Do not train the text tower. Defaults to False.
        grad_checkpointing (bool): Recompute activations in the backward pass
            of both towers. Defaults to False.
        logit_scale_max (float): Upper bound of the scale. Defaults to 100.
        load_weights (bool): False builds the very same model with random
            weights and fetches none, for a checkpoint that brings its own.
            Defaults to True.

    Attributes:
        embed_dim (int): D, the width of the features.
        context_length (int): Width of a padded text.
        image_size (tuple[int, int]): (height, width) of the input.
        preprocess (dict): ``mean`` and ``std`` of pixels in 0..1,
            ``interpolation`` and ``resize_mode``.
        tokenizer (ClipTokenizer): ``tokenizer(text) -> (l,) token ids``.
        logit_scale (nn.Parameter): Logarithm of the scale.
    """

    def __init__(
        self,
        model_name: str,
        pretrained: str | None = None,
        cache_dir: str | None = None,
        norm_eval: bool = True,
        freeze_image: bool = False,
        freeze_text: bool = False,
        grad_checkpointing: bool = False,
        logit_scale_max: float = 100.0,
        load_weights: bool = True,
    ) -> None:
        super().__init__()
        if logit_scale_max <= 0:
            raise ValueError(
                f'logit_scale_max={logit_scale_max} must be positive.'
            )
        self.model_name = model_name
        self.norm_eval = norm_eval
        self.freeze_image = freeze_image
        self.freeze_text = freeze_text
        self.logit_scale_max = logit_scale_max
        self._log_max = math.log(logit_scale_max)

        model, self.tokenizer, self._config = _build(
            model_name, pretrained, cache_dir, load_weights
        )
        self.visual = model.visual
        self.text = model.text
        self.logit_scale = model.logit_scale
        if model.logit_bias is not None:
            # Part of SigLIP's sigmoid loss. Kept for exports; a parameter
            # that never gets a gradient would stop DDP.
            self.logit_bias = model.logit_bias.requires_grad_(False)

        facts = model.visual.preprocess_cfg
        height, width = _pair(facts['size'])
        self.image_size = (height, width)
        self.preprocess = {
            'mean': tuple(facts['mean']),
            'std': tuple(facts['std']),
            'interpolation': facts['interpolation'],
            'resize_mode': facts['resize_mode'],
        }
        self.embed_dim: int = self._config['embed_dim']
        self.context_length: int = self.tokenizer.context_length

        if freeze_image:
            self.visual.requires_grad_(False)
        if freeze_text:
            self.text.requires_grad_(False)
        if grad_checkpointing:
            self._checkpoint_towers()
        self.train()

    def encode_image(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images (Tensor): (B, 3, H, W) normalised images.

        Returns:
            Tensor: (B, D) features of unit length.
        """
        features = self.visual(images)
        if isinstance(features, tuple):  # CoCa's tower returns tokens too.
            features = features[0]
        return _unit(features)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Encode token ids of any width up to the context length.

        Args:
            tokens (Tensor): (U, L) token ids, padded on the right (see
                :meth:`pad`).

        Returns:
            Tensor: (U, D) features of unit length, those of the tokens
            padded to the context length.
        """
        if tokens.ndim != 2 or tokens.shape[1] > self.context_length:
            raise ValueError(
                f'tokens of shape {tuple(tokens.shape)}: expected (U, L) '
                f'with L <= {self.context_length}.'
            )
        if len(tokens) == 0:
            return self.logit_scale.new_zeros(0, self.embed_dim)
        return _unit(
            encode_tokens(
                self.text, tokens, self.context_length, self.tokenizer.pad_id
            )
        )

    def encode_texts(
        self, texts: Sequence[str], batch_size: int = 256
    ) -> Tensor:
        """Tokenize and encode texts; gradients as the caller has set them.

        Args:
            texts (Sequence[str]): U texts.
            batch_size (int): Texts per forward. Defaults to 256.

        Returns:
            Tensor: (U, D) features of unit length, in the order of `texts`.
        """
        tokens = [self.tokenizer(text) for text in texts]
        # Short texts go together, so that none pays for a long one.
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        device = self.logit_scale.device
        features = [self.encode_text(self.pad([]).to(device))]
        for start in range(0, len(order), batch_size):
            batch = [tokens[i] for i in order[start : start + batch_size]]
            features.append(self.encode_text(self.pad(batch).to(device)))
        back = torch.tensor(order, dtype=torch.long).argsort().to(device)
        return torch.cat(features)[back]

    @property
    def config(self) -> dict:
        """dict: open_clip's ``model_cfg`` of this model, a copy."""
        return deepcopy(self._config)

    def tokenize(self, text: str) -> Tensor:
        """Return the (l,) token ids of one text, without padding."""
        return self.tokenizer(text)

    def pad(self, tokens: list[Tensor]) -> Tensor:
        """Stack U vectors of token ids to (U, longest), padded right."""
        return self.tokenizer.pad(tokens)

    @property
    def scale(self) -> Tensor:
        """``exp(logit_scale)``, at most `logit_scale_max`; a scalar.

        At the bound, where most pretrained weights are, the gradient flows
        whole (``clamp`` passes none or half of it there).
        """
        log = self.logit_scale.reshape(())
        bound = torch.tensor(self._log_max, dtype=log.dtype).item()
        return torch.where(log > bound, bound, log).exp()

    @torch.no_grad()
    def clamp_logit_scale_(self) -> None:
        """Clamp the parameter itself; to be called after every step."""
        self.logit_scale.clamp_(max=self._log_max)

    def fingerprint(self) -> str:
        """Return a hash of architecture, preprocessing and weights.

        Features computed with equal fingerprints are equal. The path of the
        weights does not count.
        """
        digest = hashlib.blake2b(digest_size=16)
        facts = [self._config, self.image_size, self.preprocess]
        digest.update(json.dumps(facts, sort_keys=True).encode())
        for name, tensor in sorted(self.state_dict().items()):
            digest.update(f'{name}{tensor.dtype}{[*tensor.shape]}'.encode())
            flat = tensor.detach().cpu().contiguous().reshape(-1)
            digest.update(flat.view(torch.uint8).numpy())
        return digest.hexdigest()

    def train(self, mode: bool = True) -> 'OpenCLIP':
        """Set the mode; frozen towers and frozen statistics stay in eval."""
        super().train(mode)
        if self.freeze_image:
            self.visual.eval()
        if self.freeze_text:
            self.text.eval()
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _checkpoint_towers(self) -> None:
        visual = self.visual
        if isinstance(visual, ModifiedResNet):
            raise ValueError(
                f'grad_checkpointing=True: the image tower of '
                f"'{self.model_name}', open_clip's ModifiedResNet, does not "
                'support it. Set grad_checkpointing=False.'
            )
        # TimmModel's own method turns an error into a log line.
        trunk = visual.trunk if isinstance(visual, TimmModel) else visual
        trunk.set_grad_checkpointing(True)
        self.text.set_grad_checkpointing(True)


def _build(
    model_name: str,
    pretrained: str | None,
    cache_dir: str | None,
    load_weights: bool,
) -> tuple[nn.Module, ClipTokenizer, dict]:
    """Return the model with its weights, its tokenizer and its config."""
    weights = find_weights(model_name, pretrained, cache_dir, load_weights)
    own_weights = model_name.startswith(('local-dir:', 'hf-hub:'))
    if load_weights and not own_weights and weights.path is None:
        print_log(
            f'{model_name}: pretrained=None, the weights are random.',
            logger='current',
        )
    try:
        config = read_config(model_name, cache_dir)
        check_hub_text_tower(model_name, config['text_cfg'], cache_dir)
        with nullcontext() if load_weights else _no_warnings():
            model = open_clip.create_model(
                model_name,
                pretrained=weights.path,
                load_weights=load_weights,
                force_quick_gelu=weights.quick_gelu,
                force_preprocess_cfg=weights.preprocess,
                force_custom_text=True,
                pretrained_text=False,
                require_pretrained=load_weights
                and (own_weights or weights.path is not None),
                cache_dir=cache_dir,
            )
        tokenizer = ClipTokenizer(model_name, cache_dir)
    except Exception as error:
        source = weights.path or pretrained or model_name
        reason = '\n'.join(str(error).splitlines()[:8])
        raise RuntimeError(
            f"Cannot load '{source}' as the CLIP '{model_name}': {reason}"
        ) from error
    config['quick_gelu'] = weights.quick_gelu or bool(config.get('quick_gelu'))
    return model, tokenizer, config


@contextmanager
def _no_warnings() -> Iterator[None]:
    """Silence open_clip's warning that random weights are random."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        yield
    finally:
        logging.disable(before)


def _unit(features: Tensor) -> Tensor:
    """Scale rows to unit length, in float32 at least."""
    if features.dtype in (torch.float16, torch.bfloat16):
        features = features.float()
    return F.normalize(features, dim=-1)


def _pair(size: int | Sequence[int]) -> tuple[int, int]:
    return (size, size) if isinstance(size, int) else tuple(size)
