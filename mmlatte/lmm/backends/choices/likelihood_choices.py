"""Closed questions to a model of transformers in this process."""

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from typing import Any

import torch
from PIL import Image

from mmlatte.lmm.picture_processor import PictureProcessor

from ..load_image import ImageError
from ..transformers_model import halved
from .choice import Choice
from .closed_question import ClosedQuestion
from .name_likelihood import continuations, name_probabilities

__all__ = ['LikelihoodChoices']

#: Names of a question that are scored together; the model's cache is held as
#: many times.
NAMES = 64


class LikelihoodChoices:
    """Takes the likeliest name as the answer.

    One pass over image and prompt serves all names, and the blank image of
    the prior goes with it. When the names do not fit into memory together,
    half of them are scored at a time, from then on.
    """

    def __init__(self) -> None:
        self._at_once = NAMES

    def ask(
        self,
        questions: Sequence[tuple[ClosedQuestion, Future[Image.Image]]],
        model: Any,
        pictures: PictureProcessor,
    ) -> Iterator[list[Choice]]:
        """Answer questions, one at a time.

        Args:
            questions (Sequence[tuple]): Questions, and their images.
            model (PreTrainedModel): Of transformers.
            pictures (PictureProcessor): Its processor.
        """
        for question, image in questions:
            try:
                yield [self._choose(question, image.result(), model, pictures)]
            except ImageError as error:
                yield [Choice(question, error=f'image: {error}')]

    def _choose(
        self,
        question: ClosedQuestion,
        image: Image.Image,
        model: Any,
        pictures: PictureProcessor,
    ) -> Choice:
        view, picture = pictures.shown(image)
        shown = [picture]
        if question.prior:
            shown.append(Image.new('RGB', picture.size, 'gray'))
        names = continuations(
            pictures.processor.tokenizer,
            pictures.chat(question.prompt, view),
            question.names,
        )
        prompts = [question.prompt] * len(shown)
        inputs = pictures.inputs_for(model, shown, prompts, view)
        while True:
            try:
                found = name_probabilities(
                    model, inputs, names, question.normalise, self._at_once
                )
            except (torch.OutOfMemoryError, MemoryError) as error:
                at_once = min(self._at_once, len(names))
                device = str(model.device)
                self._at_once = halved(at_once, 'names', device, error)
            else:
                return Choice.likeliest(question, found, 'likelihood')
