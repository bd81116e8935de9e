from .openclip import OpenCLIP


def untuned(clip: OpenCLIP) -> OpenCLIP:
    """Return a CLIP with the same features and without additions.

    For exports; itself if it was not tuned.

    Args:
        clip (OpenCLIP): With or without a tuning.

    Raises:
        ValueError: If the tuning's additions are not part of any plain CLIP
            and change its features.
    """
    if clip.tuning is None:
        return clip
    plain = OpenCLIP(
        **clip._source,
        norm_eval=clip.norm_eval,
        logit_scale_max=clip.logit_scale_max,
        load_weights=False,
    )
    state = clip.plain_state_dict()
    added = sorted(state.keys() - plain.state_dict().keys())
    if added:
        raise ValueError(
            f'{type(clip.tuning).__name__} trains what a plain CLIP does '
            f'not have ({added[0]} ...): no open_clip or Hugging Face '
            'model can be made of this one; export to onnx or torchscript'
        )
    plain.load_state_dict(state)
    return plain.to(clip.logit_scale.device).train(clip.training)
