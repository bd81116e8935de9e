import math
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.modules.batchnorm import _BatchNorm

from mmlatte.registry import MODELS

from .building import (
    build_open_clip,
    checkpoint_towers,
    compile_towers,
    preprocessing,
    to_channels_last,
)
from .fingerprint import fingerprint
from .text_encoding import encode_tokens, to_device
from .text_feature_cache import TextFeatureCache
from .unit import unit


@MODELS.register_module()
class OpenCLIP(nn.Module):
    """Both towers of any open_clip model, its tokenizer and its facts.

    The state dict has the keys of open_clip's ``CustomTextCLIP``, unless a
    tuning adds some. This is a plain module, not a ``BaseModule``: mmengine
    re-initialises children that know how.

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
        freeze_text (bool): Do not train the text tower; features of texts
            are kept and cost nothing the next time. Defaults to False.
        tuning (dict, optional): What to train instead of everything, e.g.
            ``dict(type='mmlatte.NormTuning')``; see `mmlatte.models.tuning`.
        grad_checkpointing (bool): Recompute activations in the backward pass
            of both towers. Defaults to False.
        channels_last (bool): Keep images and convolutions of the image tower
            channels-last, which is faster for CNNs. Defaults to False.
        compile (bool): Compile both towers with ``torch.compile``. Defaults
            to False.
        text_cache_size (int): Texts whose features are kept while no
            parameter of the text tower trains. Defaults to 65,536 (134 MB at
            a width of 512).
        logit_scale_max (float): Upper bound of the scale. Defaults to 100.
        load_weights (bool): False builds the very same model with random
            weights and fetches none, for a checkpoint that brings its own.
            Defaults to True.
        preprocess (Mapping | str, optional): For a weights file: ``mean``,
            ``std``, ``interpolation`` and ``resize_mode``, or a tag that has
            them. Defaults to what is known of the file (`weight_facts`).
        quick_gelu (bool, optional): For a weights file: whether it needs
            QuickGELU. Defaults likewise.

    Attributes:
        embed_dim (int): D, the width of the features.
        context_length (int): Width of a padded text.
        image_size (tuple[int, int]): (height, width) of the input.
        preprocess (dict): ``mean`` and ``std`` of pixels in 0..1,
            ``interpolation`` and ``resize_mode``.
        tokenizer (ClipTokenizer): ``tokenizer(text) -> (l,) token ids``.
        logit_scale (nn.Parameter): Logarithm of the scale.
        prefix (FrozenPrefix | None): Where a training takes activations.
    """

    def __init__(
        self,
        model_name: str,
        pretrained: str | None = None,
        cache_dir: str | None = None,
        norm_eval: bool = True,
        freeze_image: bool = False,
        freeze_text: bool = False,
        tuning: dict | None = None,
        grad_checkpointing: bool = False,
        channels_last: bool = False,
        compile: bool = False,
        text_cache_size: int = 65_536,
        logit_scale_max: float = 100.0,
        load_weights: bool = True,
        preprocess: Mapping | str | None = None,
        quick_gelu: bool | None = None,
    ) -> None:
        super().__init__()
        if logit_scale_max <= 0:
            raise ValueError(f'logit_scale_max={logit_scale_max}: must be > 0')
        self.model_name = model_name
        self._source = dict(
            model_name=model_name,
            pretrained=pretrained,
            cache_dir=cache_dir,
            preprocess=preprocess,
            quick_gelu=quick_gelu,
        )
        self.norm_eval = norm_eval
        self.freeze_image = freeze_image
        self.logit_scale_max = logit_scale_max
        self._log_max = math.log(logit_scale_max)

        model, self.tokenizer, self._config = build_open_clip(
            load_weights=load_weights, **self._source
        )
        self.visual = model.visual
        self.text = model.text
        self.logit_scale = model.logit_scale
        if model.logit_bias is not None:
            # Part of SigLIP's sigmoid loss. Kept for exports; a parameter
            # that never gets a gradient would stop DDP.
            self.logit_bias = model.logit_bias.requires_grad_(False)

        self.image_size, self.preprocess = preprocessing(self.visual)
        self.embed_dim: int = self._config['embed_dim']
        self.context_length: int = self.tokenizer.context_length

        self.tuning = MODELS.build(tuning) if tuning else None
        if self.tuning is not None:
            self.tuning.apply(self)
        if freeze_image:
            self.visual.requires_grad_(False)
        if freeze_text:
            self.text.requires_grad_(False)
        self.prefix: Any = None
        self._text_cache = TextFeatureCache(text_cache_size)
        if grad_checkpointing:
            checkpoint_towers(self.visual, self.text)
        self.channels_last = channels_last and to_channels_last(
            self.visual, self._config
        )
        if compile:
            compile_towers(self.visual, self.text)
        self.train()

    def encode_image(self, images: Tensor) -> Tensor:
        """Encode images.

        Args:
            images (Tensor): (B, 3, H, W) normalised images, or what `prefix`
                made of them.

        Returns:
            Tensor: (B, D) features of unit length.
        """
        if self.prefix is not None and self.prefix.made(images):
            return unit(self.prefix.rest(images))
        if self.channels_last:
            images = images.contiguous(memory_format=torch.channels_last)
        features = self.visual(images)
        if isinstance(features, tuple):  # CoCa's tower returns tokens too.
            features = features[0]
        return unit(features)

    def encode_text(self, tokens: Tensor) -> Tensor:
        """Encode token ids of any width up to the context length.

        Tokens on the host (as :meth:`pad` makes them) cost their own length
        only, and nothing if the text tower is frozen and has seen the text.

        Args:
            tokens (Tensor): (U, L) token ids, padded on the right.

        Returns:
            Tensor: (U, D) unit features on the tower's device, those of the
            tokens padded to the context length.
        """
        most = self.context_length
        if tokens.ndim != 2 or tokens.shape[1] > most:
            shape = tuple(tokens.shape)
            raise ValueError(f'tokens {shape}: expected (U, L), L <= {most}.')
        if len(tokens) == 0:
            return self.logit_scale.new_zeros(0, self.embed_dim)
        if self.text_is_frozen and tokens.device.type == 'cpu':
            return self._frozen_features(tokens)
        return self._encode_text(tokens)

    @property
    def text_is_frozen(self) -> bool:
        """bool: Whether no parameter of the text tower trains."""
        return not any(p.requires_grad for p in self.text.parameters())

    def _encode_text(self, tokens: Tensor) -> Tensor:
        return unit(
            encode_tokens(
                self.text, tokens, self.context_length, self.tokenizer.pad_id
            )
        )

    def _frozen_features(self, tokens: Tensor) -> Tensor:
        """Look features up, computed in full precision.

        One by one on the CPU: bits must not depend on a text's neighbours.
        """
        lengths = self.tokenizer.lengths(tokens).tolist()
        texts = [row[:n] for row, n in zip(tokens, lengths, strict=True)]
        device = self.logit_scale.device
        size = 1 if device.type == 'cpu' else 256

        def encode(texts: list[Tensor]) -> Tensor:
            parts = [texts[i : i + size] for i in range(0, len(texts), size)]
            with torch.autocast(device.type, enabled=False):
                return torch.cat(
                    [self._encode_text(self.pad(part)) for part in parts]
                )

        version = sum(p._version for p in self.text.parameters())
        return self._text_cache.lookup(texts, encode, version)

    def encode_texts(
        self, texts: Sequence[str], batch_size: int = 256
    ) -> Tensor:
        """Tokenize and encode texts.

        Args:
            texts (Sequence[str]): U texts.
            batch_size (int): Texts per forward. Defaults to 256.

        Returns:
            Tensor: (U, D) unit features in the order of `texts`.
        """
        tokens = [self.tokenizer(text) for text in texts]
        # Short texts go together, so that none pays for a long one.
        order = sorted(range(len(tokens)), key=lambda i: len(tokens[i]))
        features = [self.encode_text(self.pad([]))]
        for start in range(0, len(order), batch_size):
            batch = [tokens[i] for i in order[start : start + batch_size]]
            features.append(self.encode_text(self.pad(batch)))
        back = torch.tensor(order, dtype=torch.long).argsort()
        back = to_device(back, self.logit_scale.device)
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
        bound = log.new_full((), self._log_max)
        return torch.where(log > bound, bound, log).exp()

    @torch.no_grad()
    def clamp_logit_scale_(self) -> None:
        """Clamp the parameter itself; to be called after every step."""
        self.logit_scale.clamp_(max=self._log_max)

    def plain_state_dict(self) -> dict[str, Tensor]:
        """Return the state dict of an untuned CLIP with the same features."""
        state = self.state_dict()
        return self.tuning.plain_state(state) if self.tuning else state

    def fingerprint(self) -> str:
        """Return a hash of architecture, preprocessing and weights.

        With equal ones features are equal; paths do not count.
        """
        facts = [self._config, self.image_size, self.preprocess]
        return fingerprint(facts, self.plain_state_dict())

    def train(self, mode: bool = True) -> 'OpenCLIP':
        """Set the mode; frozen towers and frozen statistics stay in eval."""
        super().train(mode)
        if self.freeze_image:
            self.visual.eval()
        if self.text_is_frozen:
            self.text.eval()
        if self.norm_eval:
            for module in self.modules():
                if isinstance(module, _BatchNorm):
                    module.eval()
        return self

    def _apply(self, *args, **kwargs) -> 'OpenCLIP':
        self._text_cache.clear()  # on another device, or in another precision
        return super()._apply(*args, **kwargs)
