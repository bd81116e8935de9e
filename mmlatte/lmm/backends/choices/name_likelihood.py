"""How likely a model is to answer with each of several names."""

import copy
import inspect
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor

__all__ = ['continuations', 'name_log_likelihoods', 'name_probabilities']


def continuations(
    tokenizer: Any, chat: str, names: Sequence[str]
) -> list[list[int]]:
    """Tokens of every name as an answer to a prompt.

    Args:
        tokenizer (PreTrainedTokenizerBase): The model's.
        chat (str): The prompt with the marks of the chat template.
        names (Sequence[str]): K names.

    Returns:
        list[list[int]]: As the tokenizer goes on from the prompt; where it
        would join the prompt's end with the name, the name's tokens alone.
    """

    def tokens(text: str) -> list[int]:
        return tokenizer(text, add_special_tokens=False).input_ids

    space = '' if chat[-1:].isspace() else ' '
    before = tokens(chat)
    found = []
    for name in names:
        whole = tokens(chat + space + name)
        goes_on = whole[: len(before)] == before
        own = whole[len(before) :] if goes_on else tokens(space + name)
        found.append(own)
    return found


def name_probabilities(
    model: Any,
    inputs: Mapping[str, Tensor],
    names: Sequence[Sequence[int]],
    normalise: bool,
    at_once: int,
) -> tuple[float, ...]:
    r"""Probabilities of the names of one question.

    .. math:: p_k \propto \exp(s_k(x) - s_k(x_0)),
        \quad s_k(x) = \frac{1}{L_k} \sum_l \log p(t_{kl} \mid x, t_{k,<l})

    with x image and prompt, and x_0 the same prompt with a blank image.

    Args:
        model (PreTrainedModel): Of transformers.
        inputs (Mapping[str, Tensor]): What its processor made of the image,
            and of the blank image where there is a second row.
        names (Sequence[Sequence[int]]): Tokens of the K names.
        normalise (bool): Divide by the number of tokens L_k.
        at_once (int): Names that go through the model together.

    Returns:
        tuple[float, ...]: K probabilities.
    """
    scores = name_log_likelihoods(model, inputs, names, at_once)
    if normalise:
        scores = scores / scores.new_tensor([len(name) for name in names])
    if len(scores) > 1:
        scores = scores[:1] - scores[1:]
    return tuple(scores[0].softmax(dim=0).tolist())


@torch.inference_mode()
def name_log_likelihoods(
    model: Any,
    inputs: Mapping[str, Tensor],
    names: Sequence[Sequence[int]],
    at_once: int = 64,
) -> Tensor:
    """Sum the log-probabilities of the tokens of every name.

    Image and prompt go through the model once; its cache of keys and values
    is repeated for the names, which are padded to one length. Padding comes
    last, so that nothing sees it.

    Args:
        model (PreTrainedModel): Of transformers.
        inputs (Mapping[str, Tensor]): B prompts with images, all of one
            length.
        names (Sequence[Sequence[int]]): Tokens of the K names.
        at_once (int): Names that go through the model together.

    Returns:
        Tensor: float32 (B, K), on the CPU.
    """
    # The model's own first step: it knows positions, masks and caches.
    start = model.generate(
        **inputs,
        max_new_tokens=1,
        do_sample=False,
        num_beams=1,
        use_cache=True,
        return_dict_in_generate=True,
        output_logits=True,
    )
    first = start.logits[0].float().log_softmax(dim=1)
    begins = torch.tensor([name[0] for name in names], device=first.device)
    total = first[:, begins].cpu()
    batch, mask = len(first), inputs['attention_mask']
    longer = [k for k, name in enumerate(names) if len(name) > 1]
    parts = [longer[i : i + at_once] for i in range(0, len(longer), at_once)]
    key = _cache_name(model)
    for part in parts:
        last = part is parts[-1]
        cache = start[key] if last else copy.deepcopy(start[key])
        cache.batch_repeat_interleave(len(part))
        tokens, real = _padded([names[k] for k in part])
        ids = tokens.repeat(batch, 1).to(first.device)
        seen = mask.repeat_interleave(len(part), dim=0)
        logits = model(
            input_ids=ids[:, :-1],
            attention_mask=torch.cat(
                [seen, seen.new_ones(len(ids), ids.shape[1] - 1)], dim=1
            ),
            use_cache=True,
            **{key: cache},
        ).logits
        found = logits.float().log_softmax(dim=2)
        found = found.gather(2, ids[:, 1:, None]).squeeze(2).cpu()
        sums = (found * real[:, 1:].repeat(batch, 1)).sum(dim=1)
        total[:, part] += sums.reshape(batch, len(part))
    return total


def _cache_name(model: Any) -> str:
    """What this version of transformers calls the cache."""
    known = inspect.signature(model.forward).parameters
    return 'cache' if 'cache' in known else 'past_key_values'


def _padded(names: Sequence[Sequence[int]]) -> tuple[Tensor, Tensor]:
    """Pad tokens with zeros: int64 and bool (K, L)."""
    longest = max(map(len, names))
    tokens = torch.zeros(len(names), longest, dtype=torch.long)
    real = torch.zeros(len(names), longest, dtype=torch.bool)
    for row, name in enumerate(names):
        tokens[row, : len(name)] = torch.tensor(name)
        real[row, : len(name)] = True
    return tokens, real
