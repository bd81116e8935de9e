"""How fast a few images and texts go on this machine."""

import itertools
import time
from functools import partial

import torch
from PIL import Image

from mmlatte.engine.hooks import LMMTextSynthHook
from mmlatte.engine.image_loader import image_loader
from mmlatte.lmm import BaseLMM, LMMRequest, QuestionTokens
from mmlatte.models.clip import OpenCLIP

__all__ = ['question_tokens', 'seconds_per_image', 'seconds_per_text']

#: Images that the speed is measured on.
SAMPLE = 16


def seconds_per_image(
    clip: OpenCLIP, dataset, trains: bool, with_texts: bool
) -> tuple[float, float]:
    """Return the seconds per image to encode it, and to train on it.

    Training is with two texts, or with a view that is only encoded and one
    that trains.
    """
    device = next(clip.parameters()).device
    readable = _readable(dataset)
    count = len(readable)

    def load() -> torch.Tensor:
        images = torch.stack([dataset[i]['inputs'] for i in readable])
        return images.to(device).float() / 128 - 1

    images = load()
    with torch.no_grad():
        clip.encode_image(images)  # the first pass sets things up
    start = time.monotonic()
    with torch.no_grad():
        clip.encode_image(load())
    _wait(device)
    look = time.monotonic() - start
    if not trains:
        return look / count, 0.0
    # Texts of twenty tokens or so.
    texts = ['a photo of an object of this kind, seen from afar, by day']
    tokens = clip.pad([clip.tokenize(text) for text in texts])
    tokens = tokens.to(device).expand(2 * count, -1)
    start = time.monotonic()
    total = clip.encode_image(load()).sum()
    if with_texts:
        total = total + clip.encode_text(tokens.contiguous()).sum()
    total.backward()
    clip.zero_grad(set_to_none=True)
    _wait(device)
    learn = time.monotonic() - start
    if not with_texts:
        learn += look
    return look / count, learn / count


def _readable(dataset, count: int = SAMPLE) -> list[int]:
    """Indices of some images; all broken ones are named before training.

    Raises:
        RuntimeError: If there is no readable one among them.
    """
    found: list[int] = []
    for index in range(min(4 * SAMPLE, len(dataset))):
        try:
            dataset[index]
        except (OSError, RuntimeError, ValueError) as error:
            last = error
            continue
        found.append(index)
        if len(found) == count:
            break
    if not found:
        raise ValueError(f'no image can be read: {last}') from last
    return found


def question_tokens(
    hook: LMMTextSynthHook, dataset
) -> dict[str, QuestionTokens]:
    """Tokens of a question about an image and about a collage.

    The image is the first that can be read.
    """
    [first] = _readable(dataset, 1)
    asked = {}
    if hook.image_prompts:
        image = image_loader(dataset)(first)
        asked['an image'] = image, hook.image_prompts[0]
    if hook.group_prompt is not None:
        canvas = Image.new('RGB', hook.group.canvas_size)
        asked['a collage'] = canvas, hook.group_prompt
    counts = {
        kind: hook.lmm.question_tokens(image, prompt)
        for kind, (image, prompt) in asked.items()
    }
    return {kind: count for kind, count in counts.items() if count}


def seconds_per_text(hook: LMMTextSynthHook, dataset) -> float:
    """Seconds per text, after the first batch (which loads the model)."""
    lmm: BaseLMM = hook.lmm
    load = image_loader(dataset)
    requests = [
        LMMRequest(
            dataset.get_data_info(i)['sample_id'],
            'image',
            hook.image_prompts[0],
            partial(load, i),
        )
        for i in range(min(2 * lmm.batch_size, len(dataset)))
    ]
    times, counts = [time.monotonic()], [0]
    for batch in lmm.generate(requests):
        times.append(time.monotonic())
        counts.append(len(batch))
    lmm.close()
    done = list(itertools.accumulate(counts))
    first = 1 if len(times) > 2 else 0
    return (times[-1] - times[first]) / max(1, done[-1] - done[first])


def _wait(device: torch.device) -> None:
    if device.type == 'cuda':
        torch.cuda.synchronize(device)
