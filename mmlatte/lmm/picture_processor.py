"""A processor of transformers that shows pictures as `picture` decides."""

import copy
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import torch
from PIL import Image

from .backends.base_lmm import LMMRequest, QuestionTokens
from .picture import PictureOptions, View, choose_view, fit_picture

__all__ = ['PictureProcessor']

#: Settings of image processors that decide on crops.
CROPS = {
    'crop_to_patches',
    'do_image_splitting',
    'image_grid_pinpoints',
    'max_image_size',
    'max_num_tiles',
    'size',
    'vision_input_type',
}


class PictureProcessor:
    """Makes the inputs of a model from pictures and questions.

    Args:
        processor (Any): A processor of transformers, with a chat template.
        options (PictureOptions): How images are shown.
        given (Mapping[str, Any]): Settings of the processor that the user
            gave: crops among them are left alone.

    Attributes:
        processor (Any): As given.
    """

    def __init__(
        self,
        processor: Any,
        options: PictureOptions,
        given: Mapping[str, Any] | None = None,
    ) -> None:
        self.processor = processor
        self.options = options
        self._name = type(processor).__name__
        self._facts = processor.image_processor.to_dict()
        self._split = 'always' if CROPS & set(given or {}) else options.split
        self._as_set: dict[View, Any] = {View(): processor}
        # Kept, since a model that is shown whole pictures forgets it.
        self._grid = self._facts.get('image_grid_pinpoints')

    def view(self, size: tuple[int, int]) -> View:
        """How an image of a width and height, not enlarged, is shown."""
        return choose_view(self._name, self._facts, size, self._split)

    def shown(self, image: Image.Image) -> tuple[View, Image.Image]:
        """Return how an image is shown, and as which picture.

        Crops are chosen for the pixels that there are: an enlarged image has
        no more than before, and a reduced one has lost some.
        """
        picture = fit_picture(image, self.options)
        return self.view(min(image.size, picture.size)), picture

    def inputs(
        self,
        pictures: Sequence[Image.Image],
        prompts: Sequence[str],
        view: View,
        config: Any,
    ) -> Any:
        """Make the inputs of a model, left-padded.

        Args:
            pictures (Sequence[Image.Image]): One per question.
            prompts (Sequence[str]): The questions.
            view (View): How all of them are shown, see :meth:`view`.
            config (PretrainedConfig): Of the model that gets these inputs
                next; told whether they hold whole pictures.

        Returns:
            BatchFeature: Tensors.
        """
        texts = [self.chat(prompt, view) for prompt in prompts]
        if view.whole == 'whole':
            config.image_grid_pinpoints = [[0, 0]]
            return self._whole(pictures, texts)
        if self._grid is not None:
            config.image_grid_pinpoints = self._grid
        shown: dict = {'images': [[picture] for picture in pictures]}
        if view.whole == 'frame':
            frames = [np.array(picture)[None] for picture in pictures]
            shown = {'videos': frames, 'do_sample_frames': False}
        settings = {k: _plain(v) for k, v in view.settings}
        return self._with(view)(
            text=texts, padding=True, return_tensors='pt', **shown, **settings
        )

    def inputs_for(
        self,
        model: Any,
        pictures: Sequence[Image.Image],
        prompts: Sequence[str],
        view: View,
    ) -> Any:
        """Make the inputs of a model on its device, of its precision.

        Args:
            model (PreTrainedModel): Of transformers.
            pictures (Sequence[Image.Image]): One per question.
            prompts (Sequence[str]): The questions.
            view (View): See :meth:`inputs`.

        Returns:
            BatchFeature: Tensors.
        """
        inputs = self.inputs(pictures, prompts, view, model.config)
        inputs = inputs.to(model.device)
        for key, value in inputs.items():
            if torch.is_floating_point(value):
                inputs[key] = value.to(model.dtype)
        return inputs

    def chat(self, prompt: str, view: View) -> str:
        """Put a question and the picture's place into the chat template."""
        kind = 'video' if view.whole == 'frame' else 'image'
        content = [{'type': kind}, {'type': 'text', 'text': prompt}]
        return self.processor.apply_chat_template(
            [{'role': 'user', 'content': content}],
            add_generation_prompt=True,
        )

    def by_view(
        self, asked: Sequence[tuple[LMMRequest, Image.Image]]
    ) -> dict[View, list[tuple[LMMRequest, Image.Image]]]:
        """Group questions by how their images are shown.

        Args:
            asked (Sequence[tuple]): Questions, and images as they are.

        Returns:
            dict: Questions and pictures of each view.
        """
        groups: dict[View, list] = {}
        for request, image in asked:
            view, picture = self.shown(image)
            groups.setdefault(view, []).append((request, picture))
        return groups

    def count(
        self, image: Image.Image, prompt: str, config: Any
    ) -> QuestionTokens:
        """Count the tokens of a question.

        Args:
            image (Image.Image): The image, as it is.
            prompt (str): The question.
            config (PretrainedConfig): Of the model.
        """
        view, picture = self.shown(image)
        ids = self.inputs([picture], [prompt], view, config)['input_ids'][0]
        facts = config.to_dict()
        names = ('image_token_id', 'image_token_index')
        if view.whole == 'frame':
            names = ('video_token_id', 'video_token_index')
        visual = {facts[name] for name in names if facts.get(name) is not None}
        return QuestionTokens(sum(int(i) in visual for i in ids), len(ids))

    def _with(self, view: View) -> Any:
        """The processor with a view's settings; made once."""
        if view not in self._as_set:
            processor = copy.copy(self.processor)
            # Perception-LM reads this, InternVL what the call says.
            processor.image_processor = copy.copy(processor.image_processor)
            for name, value in view.settings:
                setattr(processor.image_processor, name, _plain(value))
            self._as_set[view] = processor
        return self._as_set[view]

    def _whole(
        self, pictures: Sequence[Image.Image], texts: Sequence[str]
    ) -> Any:
        """LLaVA-NeXT's first crop, the whole picture, and a line's end."""
        processor = self.processor
        inputs = processor.image_processor(
            images=list(pictures), return_tensors='pt'
        )
        pixels = inputs['pixel_values'][:, :1]
        count = (pixels.shape[-1] // processor.patch_size) ** 2
        count += processor.num_additional_image_tokens + 1
        count -= processor.vision_feature_select_strategy == 'default'
        token = processor.image_token
        inputs['pixel_values'] = pixels.contiguous()
        inputs.update(
            processor.tokenizer(
                [text.replace(token, token * count, 1) for text in texts],
                padding=True,
                return_tensors='pt',
            )
        )
        return inputs


def _plain(value: Any) -> Any:
    """A setting of a `View`, where a dict is a tuple of pairs."""
    return dict(value) if isinstance(value, tuple) else value
