"""Options of the tools, without the imports that the work itself needs.

``--help`` and wrong arguments are answered at once: a tool imports what it
works with after its arguments are parsed.
"""

import argparse

from mmengine.config import DictAction

from mmlatte.configs_folder import configs_folder

__all__ = [
    'ADAPT_METHODS',
    'ANNOTATION_FORMATS',
    'ANSWERS_METHOD',
    'DEFAULT_METHOD',
    'EXPORT_FORMATS',
    'add_common_options',
    'add_parts',
    'data_sets',
]

#: Methods of ``tools/adapt.py`` (`AdaptMethod`), and what they do.
ADAPT_METHODS = {
    'latteclip': 'fine-tunes with texts of an LMM',
    'latteplus': 'fits the features of frozen CLIP in seconds, without LMM or '
    'training',
    'answers': 'fits the same features and a few answers (--ask, --answers)',
    'latteplus_tuned': 'fine-tunes from there, without LMM',
}
DEFAULT_METHOD = 'latteclip'
#: Where there are questions or answers.
ANSWERS_METHOD = 'answers'
#: What models can be exported as, see `export_model`.
EXPORT_FORMATS = ('open_clip', 'hf', 'onnx', 'torchscript')
#: What predictions can be exported as, see `export_annotations`.
ANNOTATION_FORMATS = ('label-studio', 'fiftyone', 'folders')


def data_sets() -> list[str]:
    """Return the names of the data sets that have a config."""
    return sorted(p.stem for p in (configs_folder() / 'data').glob('*.py'))


def add_common_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that training and testing share, as in MMPretrain."""
    parser.add_argument(
        'config', help='path of a config, or of configs/methods/NAME.py'
    )
    add_parts(parser)
    parser.add_argument('--work-dir', help='where logs and checkpoints go')
    parser.add_argument(
        '--cfg-options',
        nargs='+',
        action=DictAction,
        metavar='KEY=VALUE',
        help='override settings of the config, e.g. '
        'train_dataloader.batch_size=64 model.texts="[\'class\']"',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm', 'mpi'],
        default='none',
        help='job launcher',
    )
    parser.add_argument('--no-pin-memory', action='store_true')
    parser.add_argument('--no-persistent-workers', action='store_true')
    # Passed by torch.distributed.run.
    parser.add_argument('--local_rank', '--local-rank', type=int, default=0)


def add_parts(parser: argparse.ArgumentParser) -> None:
    """Add the options that complete the config of a method."""
    for name, default in (('data', 'eurosat'), ('clip', 'vitb32')):
        parser.add_argument(
            f'--{name}',
            metavar='NAME|FILE',
            help='what completes configs/methods/NAME.py: a name that '
            '`python -m mmlatte list` shows, or the path of a part '
            f'(default: {default})',
        )
