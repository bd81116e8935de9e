"""How a CLIP and an LMM that a user names are written in a config."""

from pathlib import Path

__all__ = [
    'clip_settings',
    'encoder_settings',
    'lmm_settings',
    'preprocess_option',
]

#: The LMM of the paper on a GPU, and one small enough for a CPU.
DEFAULT_LMM = {
    'cuda': 'llava-hf/llava-v1.6-mistral-7b-hf',
    'cpu': 'HuggingFaceTB/SmolVLM-500M-Instruct',
}


def clip_settings(
    clip: str,
    preprocess: dict | str | None = None,
    quick_gelu: bool | None = None,
) -> dict:
    """Split ``NAME/TAG`` into the settings of ``mmlatte.OpenCLIP``.

    Args:
        clip (str): See `AdaptOptions`.
        preprocess (dict | str, optional): See `AdaptOptions`.
        quick_gelu (bool, optional): See `AdaptOptions`.

    Examples:
        >>> clip_settings('ViT-B-32/openai')['pretrained']
        'openai'
        >>> clip_settings('local-dir:my/clip')['model_name']
        'local-dir:my/clip'
    """
    facts = dict(preprocess=preprocess, quick_gelu=quick_gelu)
    facts = {key: value for key, value in facts.items() if value is not None}
    kind = 'mmlatte.OpenCLIP'
    if clip.startswith(('local-dir:', 'hf-hub:')):
        return dict(type=kind, model_name=clip, pretrained=None, **facts)
    name, _, tag = clip.partition('/')
    if not tag:
        raise ValueError(
            f'clip={clip!r}: give NAME/TAG of open_clip (such as '
            'ViT-B-32/laion2b_s34b_b79k), NAME/FILE with weights, '
            'local-dir:FOLDER or hf-hub:OWNER/REPO'
        )
    return dict(type=kind, model_name=name, pretrained=tag, **facts)


def encoder_settings(encoder: str) -> dict:
    """Return the config of a second encoder.

    Args:
        encoder (str): See `AdaptOptions`.

    Raises:
        ValueError: If it is of no known kind.

    Examples:
        >>> encoder_settings('timm:vit_small_dinov2')
        {'type': 'mmlatte.TimmEncoder', 'model_name': 'vit_small_dinov2'}
        >>> encoder_settings('timm:resnet18/my.pth')['checkpoint_path']
        'my.pth'
        >>> encoder_settings('transformers:my/dinov2')['model']
        'my/dinov2'
    """
    kind, _, name = encoder.partition(':')
    if kind == 'timm' and name:
        name, _, file = name.partition('/')
        settings = dict(type='mmlatte.TimmEncoder', model_name=name)
        return {**settings, 'checkpoint_path': file} if file else settings
    if kind == 'transformers' and name:
        return dict(type='mmlatte.TransformersEncoder', model=name)
    if kind == 'open_clip' and name:
        return clip_settings(name)
    raise ValueError(
        f'encoder={encoder!r}: give timm:NAME, timm:NAME/FILE with weights, '
        'transformers:FOLDER, or another CLIP as open_clip:NAME/TAG'
    )


def preprocess_option(words: list[str]) -> dict | str:
    """Read ``--preprocess``: one tag, or ``KEY=VALUE`` words.

    Args:
        words (list[str]): Of the command line.

    Raises:
        ValueError: If they are neither.

    Examples:
        >>> preprocess_option(['dfn2b'])
        'dfn2b'
        >>> preprocess_option(['mean=0.5,0.5,0.5', 'resize_mode=squash'])
        {'mean': [0.5, 0.5, 0.5], 'resize_mode': 'squash'}
    """
    if len(words) == 1 and '=' not in words[0]:
        return words[0]
    facts: dict = {}
    for word in words:
        key, found, value = word.partition('=')
        try:
            numbers = [float(v) for v in value.strip('()[]').split(',')]
            facts[key] = numbers
        except ValueError:
            facts[key] = value
        if not found:
            raise ValueError(
                f'preprocess: {word!r} is not KEY=VALUE; give mean=R,G,B '
                'std=R,G,B interpolation=bicubic resize_mode=shortest, or '
                'one tag'
            )
    return facts


def lmm_settings(
    lmm: str | None, device: str, api_key_env: str | None = None
) -> dict | None:
    """Return the backend's config, None for no LMM.

    Args:
        lmm (str | None): See `AdaptOptions`.
        device (str): ``'cuda'`` or ``'cpu'``.
        api_key_env (str | None): See `AdaptOptions`.

    Raises:
        ValueError: If a server's model is not named, or a key is given where
            there is no server.

    Examples:
        >>> lmm_settings('http://localhost:8000/v1#llava', 'cpu')['model']
        'llava'
        >>> lmm_settings('none', 'cpu') is None
        True
    """
    server = lmm is not None and lmm.startswith(('http://', 'https://'))
    if api_key_env is not None and not server:
        raise ValueError(
            f'api_key_env={api_key_env!r}: lmm={lmm!r} is no server '
            '(http://HOST:PORT/v1#MODEL); leave it out'
        )
    if lmm == 'none':
        return None
    if lmm is not None and server:
        url, _, model = lmm.partition('#')
        if not model:
            raise ValueError(
                f'lmm={lmm!r}: name the model of the server behind a #, '
                f'{url}#MODEL'
            )
        settings = dict(
            type='mmlatte.OpenAICompatibleLMM', model=model, base_url=url
        )
        if api_key_env is not None:
            settings['api_key_env'] = api_key_env
        return settings
    if lmm is not None and (lmm.endswith('.jsonl') or _is_text_folder(lmm)):
        return dict(type='mmlatte.TextFile', path=lmm)
    kind = device.split(':')[0]
    name = lmm or DEFAULT_LMM[kind]
    on_gpu = kind == 'cuda'
    return dict(
        type='mmlatte.TransformersLMM',
        model=name,
        # The small models of a CPU need no quantisation.
        load_in_4bit=on_gpu and lmm is None,
        batch_size=8 if on_gpu else 16,
        device=device,
    )


def _is_text_folder(path: str) -> bool:
    folder = Path(path)
    return folder.is_dir() and not (folder / 'config.json').exists()
