import hashlib
from collections.abc import Sequence
from pathlib import Path

from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from mmlatte.datasets.decode_options_of import decode_options_of
from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.transforms.load_texts import bind_texts
from mmlatte.engine.frozen import ZeroShotLabels
from mmlatte.lmm import (
    ALL,
    BaseLMM,
    Counts,
    GroupOptions,
    TextJob,
    TextStore,
    TrainingTexts,
    WantedTexts,
    check_budget,
    check_lmm_early,
    described_count,
    find_typical,
    picture_keys,
    store_folder,
)
from mmlatte.registry import HOOKS, LMMS

from ..find_hook import require_hook
from ..image_loader import image_loader
from ..unwrapped import unwrapped
from .zero_shot_label_hook import ZeroShotLabelHook


@HOOKS.register_module()
class LMMTextSynthHook(Hook):
    """Have an LMM write the texts that the training images still miss.

    Before the run (and before ``ZeroShotLabelHook`` computes anything) it
    sees whether the LMM can be had; before training it makes the missing
    texts and binds them to the ``LoadTexts`` transforms of the training
    data. Ranks share the missing texts evenly and wait for each other
    through files, so that no time-out of the process group ends a long
    synthesis. A second run generates nothing, and needs no LMM.

    Args:
        lmm (dict | BaseLMM | None): The backend (registry ``LMMS``); None
            where both kinds of texts are switched off.
        store_dir (str): Folder of the texts, seen by all ranks; see
            :func:`mmlatte.lmm.store.store_folder`.
        image_prompt (str | Sequence[str] | None): Question about an image,
            or several; ``{class}`` stands for the zero-shot class. None
            switches image texts off.
        group_prompt (str | None): Question about a collage; None switches
            group texts off.
        group (dict | None): See :class:`mmlatte.lmm.GroupOptions`.
        budget (int | float | str): Images that are described: ``'all'``, a
            number, or a share of them as a float. With fewer than all, they
            are typical ones (nearest to the centres of clusters of frozen
            features), and each other image reads the texts of its nearest
            described neighbour.
        seed (int | None): Seed of the groups; None means 0, so that the
            run's own seed does not cost new texts.
        retry_failed (bool): Whether texts that failed in an earlier run are
            tried again.
        patience (float): Seconds without a sign of life of the other ranks
            after which a rank gives up.

    Attributes:
        counts (dict): ``made``, ``reused``, ``failed`` and details; see
            :class:`mmlatte.lmm.Counts`. With a budget, ``described`` too.
    """

    # Before ZeroShotLabelHook: a wrong LMM must not cost the zero-shot pass.
    priority = 'HIGH'

    def __init__(
        self,
        lmm: dict | BaseLMM | None,
        store_dir: str,
        image_prompt: str | Sequence[str] | None = None,
        group_prompt: str | None = None,
        group: dict | None = None,
        budget: int | float | str = ALL,
        seed: int | None = None,
        retry_failed: bool = False,
        patience: float = 3600,
    ) -> None:
        self.lmm = LMMS.build(lmm) if isinstance(lmm, dict) else lmm
        self.store_dir = store_dir
        if isinstance(image_prompt, str):
            image_prompt = [image_prompt]
        self.image_prompts = list(image_prompt or [])
        self.group_prompt = group_prompt
        self.group = GroupOptions(**(group or {}))
        check_budget(budget)
        self.budget = budget
        self.seed = seed or 0
        self.retry_failed = retry_failed
        self.patience = patience
        self.counts: dict = {}
        if self.lmm is None and self._wants_texts:
            raise ValueError(
                'LMMTextSynthHook: lmm=None, but texts are asked for; name a '
                'backend, or set image_prompt=None and group_prompt=None'
            )

    @property
    def _wants_texts(self) -> bool:
        return bool(self.image_prompts) or self.group_prompt is not None

    def before_run(self, runner: Runner) -> None:
        """See whether this can work, if the run trains.

        Raises:
            RuntimeError: If the loop's workers are running already.
            ValueError: If there is no ``ZeroShotLabelHook``.
            LMMUnavailableError: If the LMM cannot be had and has never
                written a text.
        """
        if not isinstance(runner._train_loop, BaseLoop):
            return
        loop = runner.train_loop
        if (
            isinstance(loop, IterBasedTrainLoop)
            and loop.dataloader.num_workers
        ):
            raise RuntimeError(
                'LMMTextSynthHook: IterBasedTrainLoop has started its loading '
                'workers, which would never see the texts. Use '
                'EpochBasedTrainLoop (mmlatte.ResumableTrainLoop), or '
                'train_dataloader.num_workers=0.'
            )
        self._labels_hook(runner)
        if self._wants_texts:
            check_lmm_early(self.lmm, self.store_folder)

    def store_folder(self) -> Path:
        """Return where the texts of this LMM are."""
        return store_folder(self.store_dir, self.lmm)

    def before_train(self, runner: Runner) -> None:
        """Make the missing texts and bind them to the training data.

        Raises:
            LMMUnavailableError: If texts are missing and the LMM is gone.
        """
        dataset = runner.train_loop.dataloader.dataset
        model = unwrapped(runner.model)
        labels = self._labels_hook(runner).found
        described: dict = {}
        if self._wants_texts:
            job = self.text_job(dataset, model.class_names, model.clip, labels)
            counts = job.make_together(self.patience)
            source = job.training_texts(model.class_texts(), counts)
            if job.wanted.described is not None:
                described = {'described': job.wanted.num_described}
        else:
            counts = Counts()
            source = TrainingTexts(labels.labels, model.class_texts())
        self.counts = counts.as_dict() | described
        bind_texts(dataset, source, model.clip.tokenizer)

    def text_job(
        self,
        dataset,
        class_names: Sequence[str],
        clip,
        labels: ZeroShotLabels,
    ) -> TextJob:
        """What the training images need, where it is, and who makes it.

        Args:
            dataset (Dataset): The training images.
            class_names (Sequence[str]): The classes.
            clip (OpenCLIP): Whose tokens count a text's length.
            labels (ZeroShotLabels): Of the images.
        """
        store = TextStore(self.store_folder())
        described = None
        count = described_count(self.budget, len(labels.labels))
        if count < len(labels.labels):
            keys = labels.images.tobytes()
            images = hashlib.blake2b(keys, digest_size=8).hexdigest()
            described = find_typical(
                labels.features,
                labels.labels,
                count,
                store.folder,
                f'{labels.labels_from}\n{images}',
            )
        wanted = WantedTexts(
            samples=samples_of(dataset),
            images=picture_keys(labels.images, decode_options_of(dataset)),
            load=image_loader(dataset),
            labels=labels.labels,
            class_names=class_names,
            image_prompts=self.image_prompts,
            group_prompt=self.group_prompt,
            group=self.group,
            seed=self.seed,
            labels_from=labels.labels_from,
            features=labels.features,
            described=described,
        )
        return TextJob(
            wanted,
            store,
            self.lmm,
            self.retry_failed,
            clip.tokenizer,
            clip.context_length,
        )

    def _labels_hook(self, runner: Runner) -> ZeroShotLabelHook:
        return require_hook(runner, ZeroShotLabelHook, 'LMMTextSynthHook')
