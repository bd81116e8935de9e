import torch
import torch.nn.functional as F
from open_clip.tokenizer import SimpleTokenizer
from open_clip.transformer import TextTransformer
from torch import Tensor, nn

from mmlatte.registry import MODELS

from .tuning import Tuning

#: Where the learned vectors are in a state dict.
CONTEXT = 'text.token_embedding.context'


@MODELS.register_module()
class PromptTuning(Tuning):
    """Train the words before the class name (CoOp), nothing else.

    From `Learning to Prompt for Vision-Language Models
    <https://arxiv.org/abs/2109.01134>`_, with a context that all classes
    share and that starts from words. In every text that begins with
    `context`, the embeddings of these M words are learned vectors; other
    texts, such as most that an LMM writes, stay as they are. Templates must
    begin with the context: ``'a photo of a {}.'``.

    CoOp's random start is not offered: zero-shot labels come from the same
    class texts, and would be random too. Learned vectors are no part of a
    plain text tower: exports that contain one are refused.

    Args:
        context (str): The words. Defaults to ``'a photo of a'``.
        **kwargs: See `Tuning`.
    """

    def __init__(self, context: str = 'a photo of a', **kwargs) -> None:
        if not context.strip():
            raise ValueError('PromptTuning: context holds no word')
        super().__init__(**kwargs)
        self.context = context

    def prepare(self, clip: nn.Module) -> None:
        """Put learned vectors in the place of the words' embeddings."""
        native = isinstance(clip.text, TextTransformer)
        if not native or not isinstance(clip.tokenizer.inner, SimpleTokenizer):
            raise ValueError(
                f'PromptTuning needs a text tower and a tokenizer of '
                f"open_clip's own; {clip.model_name} has "
                f'{type(clip.text).__name__} and '
                f'{type(clip.tokenizer.inner).__name__}'
            )
        # Without the end token.
        self._ids = ids = clip.tokenize(self.context)[:-1]
        embedding = clip.text.token_embedding
        vectors = embedding.weight.detach()[ids[1:]].clone()
        embedding.context = nn.Parameter(vectors)
        # What the text begins with: the start token and the words.
        embedding.register_buffer('context_ids', ids, persistent=False)
        embedding.register_forward_hook(_replace_context)

    def check_template(self, clip: nn.Module, template: str) -> None:
        """Check that a template begins with the learned words."""
        begin = clip.tokenize(template.format('x'))[: len(self._ids)]
        if not torch.equal(begin, self._ids):
            raise ValueError(
                f'PromptTuning trains the words {self.context!r}, but the '
                f'template {template!r} does not begin with them, so that '
                'nothing would train; set model.clip.tuning.context to its '
                'first words, or model.templates'
            )

    def plain_state(self, state: dict[str, Tensor]) -> dict[str, Tensor]:
        """Leave out vectors that are still those of the words.

        See `Tuning.plain_state`.
        """
        words = state['text.token_embedding.weight']
        start = words[self._ids[1:].to(words.device)]
        same = torch.equal(state[CONTEXT], start)
        return {k: v for k, v in state.items() if k != CONTEXT or not same}


def _replace_context(
    embedding: nn.Embedding, inputs: tuple, output: Tensor
) -> Tensor:
    """Forward hook: ids (R, W), texts anywhere in the rows, to (R, W, D)."""
    ids, begin = inputs[0], embedding.context_ids
    places = torch.zeros_like(ids)
    count = len(begin) - 1
    if ids.shape[1] > count:
        found = (ids.unfold(1, count + 1, 1) == begin).all(dim=-1)
        for k in range(1, count + 1):
            stop = k + found.shape[1]
            places[:, k:stop] += k * found
    vectors = F.pad(embedding.context, (0, 0, 1, 0))
    learned = F.embedding(places, vectors).to(output)
    return torch.where((places > 0).unsqueeze(-1), learned, output)
