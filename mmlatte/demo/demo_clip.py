from pathlib import Path

import torch
from filelock import FileLock
from mmengine.logging import print_log

from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import MODELS

from .aligned_clip import build_demo_clip, is_stale

PREFIX = 'local-dir:'


@MODELS.register_module()
class DemoCLIP(OpenCLIP):
    """The CLIP of the demo: no download, weights from pip packages.

    An :class:`OpenCLIP` whose folder is written when it is absent, see
    :func:`mmlatte.demo.build_demo_clip`.

    Args:
        model_name (str): ``local-dir:FOLDER``.
        **kwargs: As for :class:`OpenCLIP`.
    """

    def __init__(self, model_name: str, **kwargs) -> None:
        if not model_name.startswith(PREFIX):
            raise ValueError(
                f"DemoCLIP: model_name='{model_name}' must be "
                f"'{PREFIX}FOLDER'; use mmlatte.OpenCLIP for other models."
            )
        folder = Path(model_name.removeprefix(PREFIX)).resolve()
        folder.parent.mkdir(parents=True, exist_ok=True)
        with FileLock(f'{folder}.lock'):
            if not folder.exists() or is_stale(folder):
                print_log(
                    f'Building the CLIP of the demo in {folder}',
                    logger='current',
                )
                build_demo_clip(folder)
        super().__init__(f'{PREFIX}{folder}', **kwargs)
        # Depthwise convolutions on a CPU: a third less time.
        self.visual.to(memory_format=torch.channels_last)
