"""Which texts a dataset needs, and how each is asked for."""

import functools
from collections.abc import Callable, Iterator, Sequence

import numpy as np
from PIL import Image

from mmlatte.image_table import key_name
from mmlatte.lmm.backends.base_lmm import LMMRequest
from mmlatte.lmm.store.text_record import RecordKeys, TextRecord
from mmlatte.sample_key import Samples

from .budget import Described
from .collage import make_collage
from .groups import ClassIndex, draw_members, nearest
from .prompts import CLASS, GroupOptions, group_key, image_key, render

__all__ = ['WantedTexts']

#: Samples whose keys are made at a time.
BLOCK = 65536


class WantedTexts:
    """All texts of a dataset, as numbers.

    The first N numbers answer the first image prompt, the next N the second,
    and so on; the last N are the group texts. With a budget, some numbers are
    not wanted.

    Args:
        samples (Samples): Ids and keys of the samples; see
            :func:`mmlatte.datasets.sample_index.samples_of`.
        images (np.ndarray): uint64 (N,), what the images are known by; see
            :func:`~mmlatte.lmm.picture_keys`. Copies of an image share its
            texts.
        load (Callable[[int], Image.Image]): Image of a sample.
        labels (np.ndarray): int (N,), zero-shot labels.
        class_names (Sequence[str]): Names of the classes.
        image_prompts (Sequence[str]): Questions about one image; may be
            empty.
        group_prompt (str | None): Question about a collage.
        group (GroupOptions | None): Collages.
        seed (int): Seed of the groups.
        labels_from (str): Fingerprint of what made the labels.
        features (np.ndarray | None): float (N, D), unit norm; needed for
            groups of nearest neighbours.
        described (Described | None): Which samples have texts; None for all.

    Raises:
        ValueError: If nothing is wanted, or labels and options do not fit.
    """

    def __init__(
        self,
        samples: Samples,
        images: np.ndarray,
        load: Callable[[int], Image.Image],
        labels: np.ndarray,
        class_names: Sequence[str],
        image_prompts: Sequence[str] = (),
        group_prompt: str | None = None,
        group: GroupOptions | None = None,
        seed: int = 0,
        labels_from: str = '',
        features: np.ndarray | None = None,
        described: Described | None = None,
    ) -> None:
        self.samples = samples
        self.images = images
        self.load = load
        self.labels = np.asarray(labels)
        self.class_names = list(class_names)
        self.image_prompts = list(image_prompts)
        self.group_prompt = group_prompt
        self.group = group or GroupOptions()
        self.seed = seed
        self.labels_from = labels_from
        self.features = features
        self.described = described
        self.num_samples = len(self.labels)
        self._check()

    def _check(self) -> None:
        if not self.image_prompts and self.group_prompt is None:
            raise ValueError('no text is wanted: give a prompt')
        if len(set(self.image_prompts)) < len(self.image_prompts):
            raise ValueError('two image prompts are the same')
        if self.num_samples == 0:
            raise ValueError('the dataset has no images')
        low, high = self.labels.min(), self.labels.max()
        if low < 0 or high >= len(self.class_names):
            raise ValueError(
                f'labels from {low} to {high} for '
                f'{len(self.class_names)} class names'
            )
        for prompt in (*self.image_prompts, self.group_prompt or ''):
            render(prompt, '')
        neighbours = self.group.draw == 'neighbours'
        if neighbours and self.group_prompt and self.features is None:
            raise ValueError("draw='neighbours' needs the images' features")

    def __len__(self) -> int:
        return self.num_described * self.num_kinds

    @property
    def num_described(self) -> int:
        """Number of samples that have texts of their own."""
        if self.described is None:
            return self.num_samples
        return len(self.described.rows)

    def keep_wanted(self, flags: np.ndarray) -> np.ndarray:
        """Clear the flags of texts that are not wanted, in place.

        Args:
            flags (np.ndarray): bool (``num_kinds`` * N,).

        Returns:
            np.ndarray: The same.
        """
        if self.described is not None:
            others = np.ones(self.num_samples, bool)
            others[self.described.rows] = False
            flags.reshape(self.num_kinds, -1)[:, others] = False
        return flags

    def read_by_all(self, rows: np.ndarray) -> np.ndarray:
        """Give every sample the texts that it reads.

        Args:
            rows (np.ndarray): int64 (``num_kinds``, N), of each sample's own
                texts.

        Returns:
            np.ndarray: Likewise; of a sample without texts, those of its
            nearest neighbour that has some. A group text comes from the same
            zero-shot class.
        """
        if self.described is None:
            return rows
        last = len(self.image_prompts)
        rows[:last] = rows[:last, self.described.nearest]
        rows[last:] = rows[last:, self.described.nearest_of_class]
        return rows

    @functools.cached_property
    def _classes(self) -> ClassIndex:
        # Only a run that still has to draw groups pays for it.
        return ClassIndex(self.labels, len(self.class_names))

    @property
    def num_kinds(self) -> int:
        """Number of texts per sample."""
        return len(self.image_prompts) + (self.group_prompt is not None)

    def keys(self) -> np.ndarray:
        """Keys of all texts, made once.

        Returns:
            np.ndarray: int64 (``num_kinds``, N), the group texts last.
        """
        return self._keys

    def take_keys(self) -> np.ndarray:
        """The same, for the caller to change; forgotten here."""
        keys = self._keys
        del self._keys
        return keys

    @functools.cached_property
    def _keys(self) -> np.ndarray:
        makers = [
            RecordKeys(kind, prompts) for kind, prompts in self._stored_as
        ]
        keys = np.empty((self.num_kinds, self.num_samples), np.int64)
        for start in range(0, self.num_samples, BLOCK):
            stop = min(start + BLOCK, self.num_samples)
            images = self.images[start:stop]
            classes = self.labels[start:stop]
            for row, maker in zip(keys, makers, strict=True):
                row[start:stop] = maker(images, classes)
        return keys

    def sample_id(self, index: int) -> str:
        """Id of a sample."""
        return self.samples.names(index, index + 1)[0]

    def sample_ids(self) -> Iterator[str]:
        """Ids of all samples."""
        for start in range(0, self.num_samples, BLOCK):
            stop = min(start + BLOCK, self.num_samples)
            yield from self.samples.names(start, stop)

    def request(self, number: int) -> LMMRequest:
        """The question behind a text."""
        position, index = divmod(int(number), self.num_samples)
        name = self.class_names[self.labels[index]]
        group = position == len(self.image_prompts)
        prompt = self.group_prompt if group else self.image_prompts[position]
        return LMMRequest(
            sample_id=self.sample_id(index),
            kind='group' if group else 'image',
            prompt=render(prompt or '', name),
            load=_Load(self, index, group),
            tag=int(number),
        )

    def requests(self, numbers: Sequence[int]) -> Iterator[LMMRequest]:
        """Questions, made when they are needed."""
        return (self.request(number) for number in numbers)

    def record(self, number: int, **content) -> TextRecord:
        """The store's record for a text."""
        position, index = divmod(int(number), self.num_samples)
        kind, prompts = self._stored_as[position]
        prompt = prompts[self.labels[index] if len(prompts) > 1 else 0]
        members: tuple[str, ...] = ()
        if kind == 'group':
            members = tuple(map(self.sample_id, self.members(index)))
        return TextRecord(
            self.sample_id(index),
            kind,
            prompt,
            members=members,
            image=key_name(self.images[index]),
            **content,
        )

    def members(self, index: int) -> list[int]:
        """Samples in the collage of an anchor."""
        candidates = self._classes.members(self.labels[index])
        if self.group.draw == 'neighbours':
            assert self.features is not None
            candidates = nearest(
                index, candidates, self.features, self.group.neighbours
            )
        drawn = draw_members(
            self.sample_id(index), candidates, self.group, self.seed
        )
        return [int(member) for member in drawn]

    @functools.cached_property
    def _stored_as(self) -> list[tuple[str, list[str]]]:
        """Kind and stored prompts, one or one per class, of each kind."""
        names = self.class_names
        stored = []
        for prompt in self.image_prompts:
            asked = names if CLASS in prompt else ['']
            prompts = [image_key(render(prompt, name)) for name in asked]
            stored.append(('image', prompts))
        if self.group_prompt is not None:
            prompts = [
                group_key(
                    render(self.group_prompt, name),
                    name,
                    self.group,
                    self.seed,
                    self.labels_from,
                )
                for name in names
            ]
            stored.append(('group', prompts))
        return stored


class _Load:
    """Loads the image, or the collage, of one text."""

    def __init__(self, wanted: WantedTexts, index: int, group: bool) -> None:
        self.wanted, self.index, self.group = wanted, index, group

    def __call__(self) -> Image.Image:
        wanted = self.wanted
        if not self.group:
            return wanted.load(self.index)
        images = [wanted.load(i) for i in wanted.members(self.index)]
        return make_collage(images, wanted.group)
