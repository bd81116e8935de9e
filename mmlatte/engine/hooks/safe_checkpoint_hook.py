import logging
from collections import deque
from pathlib import Path

from mmengine.dist import all_gather_object, is_main_process
from mmengine.hooks import CheckpointHook
from mmengine.logging import print_log
from mmengine.runner import Runner

from mmlatte.atomic_file import atomic_file, remove_stale_files
from mmlatte.engine.checkpoints.atomic_backend import ATOMIC_BACKEND
from mmlatte.engine.checkpoints.plain_data import from_plain, to_plain
from mmlatte.engine.checkpoints.random_state import get_random_state
from mmlatte.registry import HOOKS


@HOOKS.register_module()
class SafeCheckpointHook(CheckpointHook):
    """mmengine's ``CheckpointHook`` with checkpoints one can rely on.

    - They hold tensors and plain data only: ``torch.load(weights_only=True)``
      loads them, on any mm stack.
    - They are written atomically, and an old one is deleted after the new one
      is safe: a power cut at any instant leaves a checkpoint to resume from.
    - They hold the random generators of all ranks, which `ResumableTrainLoop`
      sets on resume.
    - Before each, the stage ``before_checkpoint`` of all hooks runs on all
      ranks (`PrototypeEMAHook` compares the ranks there).

    Takes the arguments of ``CheckpointHook``.
    """

    #: Iteration of the newest checkpoint of this process, for the train loop.
    saved_iter: int | None = None

    def before_train(self, runner: Runner) -> None:
        """Choose the atomic file backend for local folders."""
        folder = str(self.out_dir or runner.work_dir)
        if '://' not in folder:
            self.backend_args = self.backend_args or {
                'backend': ATOMIC_BACKEND
            }
        hub = runner.message_hub
        kept = hub.get_info('keep_ckpt_ids')
        if kept:
            # Checkpoints of earlier versions may list a step twice.
            hub.update_info('keep_ckpt_ids', list(dict.fromkeys(kept)))
        super().before_train(runner)
        if is_main_process() and '://' not in folder:
            remove_stale_files(self.out_dir)
        # A kill may have come between saving and deleting.
        self._remove(hub.get_info('expired_ckpts', []))

    def before_save_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Make the checkpoint plain data, in place."""
        hub = checkpoint['message_hub']
        plain = to_plain_message_hub(hub)
        checkpoint.update(
            {
                key: to_plain(value, key)
                for key, value in checkpoint.items()
                if not key.endswith('state_dict') and key != 'message_hub'
            },
            message_hub=plain,
        )

    def after_load_checkpoint(self, runner: Runner, checkpoint: dict) -> None:
        """Turn the message hub and the rest back into objects, in place."""
        for key, value in list(checkpoint.items()):
            if not key.endswith('state_dict'):
                checkpoint[key] = from_plain(value)

    def save_now(self, runner: Runner, meta: dict) -> str:
        """Save outside the regular rhythm, to be replaced by the next one.

        Args:
            runner (Runner): The runner; all ranks must call.
            meta (dict): Position: ``epoch`` and ``iter``.

        Returns:
            str: Path of the checkpoint.
        """
        name = f'iter_{meta["iter"]}.pth'
        path = self.file_backend.join_path(self.out_dir, name)
        hub = runner.message_hub
        # Asked to stop again before a regular checkpoint replaced the last.
        expired = hub.get_info('interim_ckpt')
        hub.update_info('interim_ckpt', path)
        self._replace(runner, path, meta, [expired] if expired else [])
        return path

    def _save_checkpoint_with_step(
        self, runner: Runner, step: int, meta: dict
    ) -> None:
        """Save, then delete what is no longer needed."""
        path = self._path(step)
        expired = []
        hub = runner.message_hub
        if self.max_keep_ckpts > 0:
            kept = list(self.keep_ckpt_ids)
            if step not in kept[-1:]:
                kept.append(step)
            expired = list(map(self._path, kept[: -self.max_keep_ckpts]))
            self.keep_ckpt_ids = deque(kept, self.max_keep_ckpts)
            hub.update_info('keep_ckpt_ids', list(self.keep_ckpt_ids))
        interim = hub.get_info('interim_ckpt')
        if interim:
            hub.update_info('interim_ckpt', '')
            expired.append(interim)
        self._replace(runner, path, meta, expired)

    def _replace(
        self, runner: Runner, path: str, meta: dict, expired: list[str]
    ) -> None:
        """Save, then delete others."""
        # By name: the folder may have moved when the run goes on.
        names = [Path(old).name for old in expired]
        names = [name for name in names if name != Path(path).name]
        runner.message_hub.update_info('expired_ckpts', names)
        self._save(runner, path, meta)
        self._remove(names)

    def _remove(self, names: list[str]) -> None:
        if is_main_process():
            for name in names:
                path = self.file_backend.join_path(self.out_dir, name)
                if self.file_backend.isfile(path):
                    self.file_backend.remove(path)

    def _path(self, step: int) -> str:
        name = self.filename_tmpl.format(step)
        return self.file_backend.join_path(self.out_dir, name)

    def _save(self, runner: Runner, path: str, meta: dict) -> None:
        runner.call_hook('before_checkpoint')
        hub = runner.message_hub
        hub.update_info('random_state', all_gather_object(get_random_state()))
        hub.update_info('last_ckpt', path)
        self.last_ckpt = path
        runner.save_checkpoint(
            self.out_dir,
            Path(path).name,
            self.file_client_args,
            save_optimizer=self.save_optimizer,
            save_param_scheduler=self.save_param_scheduler,
            meta=meta,
            by_epoch=self.by_epoch,
            backend_args=self.backend_args,
            **self.args,
        )
        self.saved_iter = meta['iter']
        if is_main_process():
            last = Path(runner.work_dir) / 'last_checkpoint'
            with atomic_file(last) as file:
                file.write(path.encode())


def to_plain_message_hub(hub: dict) -> dict:
    """Make the state of mmengine's message hub plain data.

    Runtime information without a plain form is left out with a warning: it
    is third-party information about the run, not its state.
    """
    plain = {'log_scalars': {}, 'runtime_info': {}}
    for kind, entries in plain.items():
        for key, value in hub[kind].items():
            try:
                entries[key] = to_plain(value, f'message_hub.{kind}.{key}')
            except TypeError as error:
                print_log(
                    f'Left out of the checkpoint: {error}',
                    'current',
                    logging.WARNING,
                )
    known = {*plain['log_scalars'], *plain['runtime_info']}
    resumed = hub['resumed_keys']
    plain['resumed_keys'] = {k: v for k, v in resumed.items() if k in known}
    return plain
