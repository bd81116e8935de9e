import os
import time
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from mmengine.dist import (
    broadcast,
    broadcast_object_list,
    get_rank,
    get_world_size,
)
from mmengine.hooks import Hook
from mmengine.runner import BaseLoop, IterBasedTrainLoop, Runner

from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.transforms import LoadTexts
from mmlatte.datasets.transforms_of import transforms_of
from mmlatte.engine.frozen import ZeroShotLabels
from mmlatte.lmm import (
    BaseLMM,
    Counts,
    GroupOptions,
    KnownKeys,
    LMMUnavailableError,
    Team,
    TextStore,
    TrainingTexts,
    WantedTexts,
    load_image,
    missing_texts,
    store_folder,
    synthesize,
)
from mmlatte.registry import HOOKS, LMMS

from ..find_hook import require_hook
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
        seed (int | None): Seed of the groups; None means 0, so that the
            run's own seed does not cost new texts.
        retry_failed (bool): Whether texts that failed in an earlier run are
            tried again.
        patience (float): Seconds without a sign of life of the other ranks
            after which a rank gives up.

    Attributes:
        counts (dict): ``made``, ``reused``, ``failed`` and details; see
            :class:`mmlatte.lmm.Counts`.
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
        seed: int | None = None,
        retry_failed: bool = False,
        patience: float = 3600,
    ) -> None:
        self.lmm = LMMS.build(lmm) if isinstance(lmm, dict) else lmm
        self.store_dir = store_dir
        if image_prompt is None:
            image_prompt = []
        elif isinstance(image_prompt, str):
            image_prompt = [image_prompt]
        self.image_prompts = list(image_prompt)
        self.group_prompt = group_prompt
        self.group = GroupOptions(**(group or {}))
        self.seed = seed or 0
        self.retry_failed = retry_failed
        self.patience = patience
        self.counts: dict = {}
        self._unavailable: LMMUnavailableError | None = None
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
                written a text for this data.
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
            self._check_lmm(runner)

    def _check_lmm(self, runner: Runner) -> None:
        """Raise if the LMM is gone; later, if its texts may suffice.

        What is missing is known with the zero-shot labels only. Where there
        are texts, these were made before and cost nothing now.
        """
        self._unavailable = None
        try:
            self.lmm.check()
        except LMMUnavailableError as error:
            folder = self._store_folder(runner.train_loop.dataloader.dataset)
            if not any(p.suffix in ('.db', '.part') for p in folder.iterdir()):
                raise
            self._unavailable = error
            goes_on = f'The run goes on if no text is missing in {folder}'
            runner.logger.warning(f'{error}\n{goes_on}')

    def _store_folder(self, dataset) -> Path:
        data_root = getattr(dataset, 'data_root', '.')
        return store_folder(self.store_dir, data_root, self.lmm)

    def before_train(self, runner: Runner) -> None:
        """Make the missing texts and bind them to the training data.

        Raises:
            LMMUnavailableError: If texts are missing and the LMM is gone.
        """
        dataset = runner.train_loop.dataloader.dataset
        model = unwrapped(runner.model)
        labels = self._labels_hook(runner).found
        store = rows = None
        counts = Counts()
        if self._wants_texts:
            wanted, store = self.wanted_texts(
                dataset, model.class_names, labels
            )
            known = store.known()
            counts = self._synthesize(runner, wanted, store, known, model.clip)
            self._log(runner, counts, store.folder)
            rows = self._resolve(wanted, store, known, counts)
            del wanted, known  # hundreds of megabytes where there are millions
        self.counts = counts.as_dict()
        num_images = len(self.image_prompts)
        source = TrainingTexts(
            labels.labels,
            model.class_texts(),
            store,
            rows[:num_images] if num_images else None,
            rows[-1] if self.group_prompt is not None else None,
        )
        self._bind(dataset, source, model.clip.tokenizer)

    def wanted_texts(
        self, dataset, class_names: Sequence[str], labels: ZeroShotLabels
    ) -> tuple[WantedTexts, TextStore]:
        """Which texts the training images need, and where they are.

        Args:
            dataset (Dataset): The training images.
            class_names (Sequence[str]): The classes.
            labels (ZeroShotLabels): Of the images.
        """
        wanted = WantedTexts(
            samples=samples_of(dataset),
            load=lambda i: load_image(dataset.get_data_info(i)['img_path']),
            labels=labels.labels,
            class_names=class_names,
            image_prompts=self.image_prompts,
            group_prompt=self.group_prompt,
            group=self.group,
            seed=self.seed,
            labels_from=labels.labels_from,
            features=labels.features,
        )
        return wanted, TextStore(self._store_folder(dataset))

    def _synthesize(
        self,
        runner: Runner,
        wanted: WantedTexts,
        store: TextStore,
        known: KnownKeys,
        clip,
    ) -> Counts:
        """Share the work, do this rank's part, wait for the others."""
        numbers, counts, run_id = self._plan(wanted, store, known)
        if not len(numbers):
            return counts
        runner.logger.info(
            f'LMM texts: {counts.reused} are there, {len(numbers)} to make '
            f'with {self.lmm.name}, {counts.failed} failed earlier; they go '
            f'to {store.folder}'
        )
        team = Team(
            store.folder, run_id, get_rank(), get_world_size(), self.patience
        )
        try:
            if self._unavailable is not None:
                raise LMMUnavailableError(
                    f'{len(numbers)} texts are missing in {store.folder}, '
                    f'and their LMM cannot be had: {self._unavailable}'
                ) from self._unavailable
            with store:
                own = synthesize(
                    wanted,
                    numbers[get_rank() :: get_world_size()],
                    self.lmm,
                    store,
                    clip.tokenizer,
                    clip.context_length,
                    team.report,
                )
        except BaseException as error:
            team.fail(error)
            raise
        finally:
            self.lmm.close()
        team.finish(own)
        if get_rank() == 0:
            total = team.gather()
            store.merge()
            team.publish(total)
            team.disband()
        else:
            total = team.published()
        counts.add(total.as_dict())
        return counts

    def _plan(
        self, wanted: WantedTexts, store: TextStore, known: KnownKeys
    ) -> tuple[np.ndarray, Counts, str]:
        """Rank 0 finds what is missing; all ranks get the same list."""
        plan: list = [None, None, None]
        numbers = np.empty(0, np.int64)
        if get_rank() == 0:
            numbers, counts = missing_texts(
                wanted, store, self.retry_failed, known
            )
            plan = [len(numbers), counts.as_dict(), os.urandom(6).hex()]
        broadcast_object_list(plan)
        length, known, run_id = plan
        counts = Counts(**known)
        shared = torch.from_numpy(numbers).clone()
        if get_rank() != 0:
            shared = torch.empty(length, dtype=torch.int64)
        if length:
            broadcast(shared)
        return shared.numpy(), counts, run_id

    def _resolve(
        self,
        wanted: WantedTexts,
        store: TextStore,
        known: KnownKeys,
        counts: Counts,
    ) -> np.ndarray:
        """Find the texts; a network disk may show new files late."""
        keys, deadline = wanted.take_keys(), time.monotonic() + 120
        if counts.reused == keys.size:
            return keys
        there = known.holds(keys)
        while (missing := counts.made + counts.reused - int(there.sum())) > 0:
            if time.monotonic() > deadline:
                raise RuntimeError(
                    f'{missing} texts that were made are not in '
                    f'{store.folder}: is store_dir shared by all ranks?'
                )
            there = store.known().holds(keys)
            if int(there.sum()) < counts.made + counts.reused:
                time.sleep(1)
        keys[~there] = -1
        return keys

    def _log(self, runner: Runner, counts: Counts, folder) -> None:
        runner.logger.info(
            f'LMM texts: {counts.made} made, {counts.reused} reused, '
            f'{counts.failed} failed (replaced by class texts), '
            f'{counts.over_length} longer than CLIP reads; in {folder}'
        )
        if counts.reasons:
            runner.logger.warning(f'texts failed because: {counts.reasons}')
        total = counts.made + counts.reused + counts.failed
        if counts.failed > total / 2:
            runner.logger.warning(
                f'{counts.failed} of {total} texts failed: training goes on '
                'with class texts in their place. Does this LMM fit?'
            )

    def _labels_hook(self, runner: Runner) -> ZeroShotLabelHook:
        return require_hook(runner, ZeroShotLabelHook, 'LMMTextSynthHook')

    def _bind(self, dataset, source: TrainingTexts, tokenizer) -> None:
        found = [
            transform
            for transform in transforms_of(dataset)
            if isinstance(transform, LoadTexts)
        ]
        if not found:
            raise RuntimeError(
                "LMMTextSynthHook: there is no dict(type='mmlatte.LoadTexts') "
                'in the pipeline of train_dataloader.dataset'
            )
        for transform in found:
            transform.bind(source, tokenizer)
