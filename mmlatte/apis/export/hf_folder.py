"""Export to a folder that plain transformers loads as ``CLIPModel``."""

import json
from collections.abc import Sequence
from pathlib import Path

import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import (
    QuickGELU,
    ResidualAttentionBlock,
    TextTransformer,
    VisionTransformer,
)
from PIL import Image
from torch import Tensor, nn

from mmlatte.models.clip import OpenCLIP

from .bundle import Bundle, classify

__all__ = ['CARD', 'check', 'predict', 'save']

CARD = """\
```python
import json, torch
from PIL import Image, ImageOps
from safetensors.torch import load_file
from transformers import AutoImageProcessor, CLIPModel

model = CLIPModel.from_pretrained('.').eval()
processor = AutoImageProcessor.from_pretrained('.')
about = json.load(open('classifier.json'))
prototypes = load_file('prototypes.safetensors')['prototypes']

with torch.no_grad():
    image = ImageOps.exif_transpose(Image.open('image.jpg'))
    inputs = processor(images=image, return_tensors='pt')
    pooled = model.vision_model(**inputs).pooler_output
    features = torch.nn.functional.normalize(model.visual_projection(pooled))
    confidence = (about['scale'] * features @ prototypes.T).softmax(dim=1)
print(about['classes'][confidence.argmax()])
```

`CLIPTokenizer.from_pretrained('.')` belongs to the fine-tuned text tower, for
retrieval and for new classes. transformers 5 resizes with torchvision by
default; its PIL image processor gives the pixels the model was trained on
(the difference is about 1e-3 in a feature).
"""

#: open_clip's names in a transformer block -> those of transformers.
BLOCK = {
    'ln_1': 'layer_norm1',
    'ln_2': 'layer_norm2',
    'attn.out_proj': 'self_attn.out_proj',
    'mlp.c_fc': 'mlp.fc1',
    'mlp.c_proj': 'mlp.fc2',
}


def check(clip: OpenCLIP | None) -> None:
    """Find out before any work whether a CLIP can be saved.

    Args:
        clip (OpenCLIP | None): Without additions of a tuning; None checks
            the packages only.

    Raises:
        ValueError: If ``CLIPModel`` cannot hold the architecture.
        RuntimeError: If transformers is not installed.
    """
    try:
        from transformers import CLIPModel  # noqa: F401
    except ImportError as error:
        raise RuntimeError(
            "HF export needs transformers: pip install 'mmlatte[lmm]'"
        ) from error
    if clip is not None:
        _check_architecture(clip)


def save(bundle: Bundle, folder: Path) -> None:
    """Write model, tokenizer, image processor and the classifier.

    Raises:
        ValueError: See `check`.
        RuntimeError: See `check`.
    """
    clip = bundle.model.clip
    check(clip)
    from transformers import CLIPModel

    model = CLIPModel(_config(clip, bundle.preprocessing.size))
    model.load_state_dict(_weights(clip))
    model.save_pretrained(folder)
    _save_tokenizer(clip, folder)
    _save_processor(bundle, folder)
    bundle.save_classifier(folder)


def predict(
    folder: Path, images: Sequence[Image.Image]
) -> tuple[Tensor, Tensor]:
    """Classify images with plain transformers.

    Args:
        folder (Path): Folder of the export.
        images (Sequence[Image.Image]): N upright RGB images.

    Returns:
        tuple[Tensor, Tensor]: Unit features (N, D), probabilities (N, C).
    """
    import transformers

    model = transformers.CLIPModel.from_pretrained(folder).eval()
    # The PIL one; until transformers 5 it had the plain name.
    kind = getattr(transformers, 'CLIPImageProcessorPil', None)
    kind = kind or transformers.CLIPImageProcessor
    processor = kind.from_pretrained(folder)
    rows = []
    with torch.no_grad():
        for image in images:
            inputs = processor(images=image, return_tensors='pt')
            pooled = model.vision_model(**inputs).pooler_output
            rows.append(F.normalize(model.visual_projection(pooled), dim=-1))
        features = torch.cat(rows)
        return features, classify(features, folder)


def _check_architecture(clip: OpenCLIP) -> None:
    visual, text = clip.visual, clip.text
    problem = None
    if not isinstance(visual, VisionTransformer):
        problem = f'its image tower is a {type(visual).__name__}, no plain ViT'
    elif visual.attn_pool is not None or visual.pool_type != 'tok':
        problem = 'its image tower does not pool at the class token'
    elif not isinstance(visual.ln_pre, nn.LayerNorm):
        problem = 'its image tower has no first LayerNorm'
    elif not isinstance(text, TextTransformer):
        problem = f'its text tower is a {type(text).__name__}'
    elif text.attn_mask is None or text.pool_type != 'argmax':
        problem = 'its text tower is not causal with the end token as feature'
    elif text.cls_emb is not None:
        problem = 'its text tower has a class token, as CoCa has'
    elif not isinstance(text.text_projection, nn.Parameter):
        problem = 'its text projection is not one matrix'
    elif not isinstance(clip.tokenizer.inner, SimpleTokenizer):
        problem = "its tokenizer is not CLIP's"
    else:
        blocks = [*visual.transformer.resblocks, *text.transformer.resblocks]
        if not all(type(b) is ResidualAttentionBlock for b in blocks):
            problem = 'its transformer blocks are not the usual ones'
        elif not all(isinstance(b.ls_1, nn.Identity) for b in blocks):
            problem = 'it has LayerScale'
    if problem:
        raise ValueError(
            f'{clip.model_name} cannot become a CLIPModel of transformers: '
            f'{problem}. Export to open_clip, onnx or torchscript.'
        )


def _config(clip: OpenCLIP, size: int):
    from transformers import CLIPConfig

    visual, text = clip.visual, clip.text
    tokenizer = clip.tokenizer.inner
    return CLIPConfig(
        projection_dim=clip.embed_dim,
        logit_scale_init_value=float(clip.logit_scale.detach()),
        vision_config=dict(
            **_tower(visual.transformer.resblocks),
            projection_dim=clip.embed_dim,
            image_size=size,
            patch_size=visual.patch_size[0],
        ),
        text_config=dict(
            **_tower(text.transformer.resblocks),
            projection_dim=clip.embed_dim,
            vocab_size=text.vocab_size,
            max_position_embeddings=text.context_length,
            bos_token_id=tokenizer.sot_token_id,
            eos_token_id=tokenizer.eot_token_id,
            pad_token_id=tokenizer.eot_token_id,
        ),
    )


def _tower(blocks: nn.ModuleList) -> dict:
    block = blocks[0]
    quick = isinstance(block.mlp.gelu, QuickGELU)
    return dict(
        hidden_size=block.attn.embed_dim,
        intermediate_size=block.mlp.c_fc.out_features,
        num_hidden_layers=len(blocks),
        num_attention_heads=block.attn.num_heads,
        hidden_act='quick_gelu' if quick else 'gelu',
        layer_norm_eps=block.ln_1.eps,
    )


def _weights(clip: OpenCLIP) -> dict[str, Tensor]:
    """Rename, split the attention's input projection, transpose matrices."""
    visual, text = clip.visual, clip.text
    image, word = 'vision_model.embeddings', 'text_model.embeddings'
    weights = {
        'logit_scale': clip.logit_scale.reshape(()),
        'visual_projection.weight': visual.proj.T,
        'text_projection.weight': text.text_projection.T,
        f'{image}.class_embedding': visual.class_embedding,
        f'{image}.patch_embedding.weight': visual.conv1.weight,
        f'{image}.position_embedding.weight': visual.positional_embedding,
        f'{word}.token_embedding.weight': text.token_embedding.weight,
        f'{word}.position_embedding.weight': text.positional_embedding,
    }
    norms = {
        'vision_model.pre_layrnorm': visual.ln_pre,  # [sic]
        'vision_model.post_layernorm': visual.ln_post,
        'text_model.final_layer_norm': text.ln_final,
    }
    for name, norm in norms.items():
        weights.update(_named(name, norm.state_dict()))
    for tower, module in (('vision', visual), ('text', text)):
        for i, block in enumerate(module.transformer.resblocks):
            prefix = f'{tower}_model.encoder.layers.{i}'
            for ours, theirs in BLOCK.items():
                state = block.get_submodule(ours).state_dict()
                weights.update(_named(f'{prefix}.{theirs}', state))
            for kind in ('weight', 'bias'):
                parts = getattr(block.attn, f'in_proj_{kind}').chunk(3)
                for letter, part in zip('qkv', parts, strict=True):
                    name = f'{prefix}.self_attn.{letter}_proj.{kind}'
                    weights[name] = part
    return {k: v.detach().contiguous() for k, v in weights.items()}


def _named(prefix: str, state: dict[str, Tensor]) -> dict[str, Tensor]:
    return {f'{prefix}.{name}': value for name, value in state.items()}


def _save_tokenizer(clip: OpenCLIP, folder: Path) -> None:
    """Write CLIP's vocabulary under the names transformers knows."""
    inner = clip.tokenizer.inner
    start, end = '<|startoftext|>', '<|endoftext|>'
    names = {inner.sot_token_id: start, inner.eot_token_id: end}
    vocab = {names.get(i, token): i for token, i in inner.encoder.items()}
    (folder / 'vocab.json').write_text(
        json.dumps(vocab, ensure_ascii=False), encoding='utf-8'
    )
    merges = [' '.join(pair) for pair in inner.bpe_ranks]
    (folder / 'merges.txt').write_text(
        '\n'.join(['#version: 0.2', *merges]) + '\n', encoding='utf-8'
    )
    (folder / 'tokenizer_config.json').write_text(
        json.dumps(
            dict(
                tokenizer_class='CLIPTokenizer',
                model_max_length=clip.context_length,
                bos_token=start,
                eos_token=end,
                unk_token=end,
                pad_token=end,
            ),
            indent=2,
        )
    )


def _save_processor(bundle: Bundle, folder: Path) -> None:
    how = bundle.preprocessing
    square = {'height': how.size, 'width': how.size}
    shortest = how.resize_mode == 'shortest'
    about = dict(
        image_processor_type='CLIPImageProcessor',
        do_convert_rgb=True,
        do_resize=True,
        size={'shortest_edge': how.size} if shortest else square,
        resample=int(Image.Resampling[how.interpolation.upper()]),
        do_center_crop=shortest,
        crop_size=square,
        do_rescale=True,
        rescale_factor=1 / 255,
        do_normalize=True,
        image_mean=how.mean,
        image_std=how.std,
    )
    (folder / 'preprocessor_config.json').write_text(
        json.dumps(about, indent=2)
    )
