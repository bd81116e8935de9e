"""Adapt CLIP to a folder: ``python tools/adapt.py IMAGES --classes FILE``."""

import argparse
import os
import shlex
import sys

from mmlatte.command_line import (
    ADAPT_METHODS,
    ANSWERS_METHOD,
    DEFAULT_METHOD,
    EXPORT_FORMATS,
)
from mmlatte.user_errors import user_errors


def parse_args() -> argparse.Namespace:
    parser = argparse.ArgumentParser(
        description='Adapt CLIP to your own unlabelled images: texts, '
        'training, report, predictions and an exported model. Run the same '
        'command again to go on after an interruption.'
    )
    parser.add_argument(
        'images',
        help='folder of the images; or a CSV, Parquet or text file that '
        'lists them; or archives with images: tar (WebDataset), Parquet or '
        "Arrow files, a folder of them, or a pattern ('shards/*.tar')",
    )
    parser.add_argument(
        '--classes',
        required=True,
        help='text file with one class name a line, or names with commas '
        'between them',
    )
    parser.add_argument(
        '--describe',
        default='photo',
        help="what an image is, e.g. 'satellite image' (default: %(default)s)",
    )
    parser.add_argument(
        '--template', help="class text, e.g. 'a leaf with {}.'"
    )
    parser.add_argument(
        '--clip',
        default='ViT-B-32/laion2b_s34b_b79k',
        help='NAME/TAG of open_clip, NAME/FILE with weights, local-dir:FOLDER '
        'or hf-hub:OWNER/REPO (default: %(default)s)',
    )
    parser.add_argument(
        '--preprocess',
        nargs='+',
        metavar='TAG|KEY=VALUE',
        help='how images are prepared for a FILE with weights, where that is '
        'not known: mean=R,G,B std=R,G,B interpolation=bicubic '
        'resize_mode=shortest, or a tag that has them',
    )
    parser.add_argument(
        '--quick-gelu',
        action=argparse.BooleanOptionalAction,
        help='whether a FILE with weights needs QuickGELU, where that is not '
        'known',
    )
    parser.add_argument(
        '--encoder',
        metavar='KIND:NAME',
        help='a second frozen encoder beside CLIP, which helps to label the '
        'images: timm:NAME, timm:NAME/FILE with weights, transformers:FOLDER '
        'or open_clip:NAME/TAG (default: none)',
    )
    parser.add_argument(
        '--method',
        choices=[*ADAPT_METHODS],
        help='; '.join(
            f'{name} {what}' for name, what in ADAPT_METHODS.items()
        )
        + f' (default: {DEFAULT_METHOD}; {ANSWERS_METHOD} where there are '
        'questions or answers)',
    )
    parser.add_argument(
        '--lmm',
        help='model of transformers (folder or hub name), server '
        '(http://HOST:PORT/v1#MODEL), file of texts (.jsonl), or none; by '
        'default LLaVA-1.6-mistral-7b on a GPU, SmolVLM-500M on a CPU',
    )
    parser.add_argument(
        '--api-key-env',
        metavar='NAME',
        help='environment variable with the API key of the server (default: '
        'MMLATTE_API_KEY)',
    )
    parser.add_argument('--out', default='work_dirs/adapted')
    parser.add_argument(
        '--test',
        help='folder with one sub-folder of images per class, outside the '
        'images folder, to measure accuracy on; training does not see it',
    )
    parser.add_argument(
        '--also-check',
        metavar='FOLDER',
        help='one sub-folder per class of images that have nothing to do with '
        'yours: the report tells how well CLIP knows them by their names '
        'before and after',
    )
    parser.add_argument(
        '--export',
        nargs='*',
        choices=[*EXPORT_FORMATS],
        help='default: open_clip; nothing after it: none. With --encoder both '
        'predict and nothing is exported, unless this is given: then CLIP '
        'alone predicts, by the labels that both find',
    )
    parser.add_argument(
        '--lr',
        type=float,
        help='default: found without labels (latteclip), or by the steps '
        '(latteplus_tuned)',
    )
    parser.add_argument(
        '--ask',
        type=int,
        metavar='N',
        help='write a page of questions about N well-chosen images',
    )
    parser.add_argument(
        '--answers',
        nargs='+',
        default=[],
        metavar='FILE',
        help='answers.csv of that page, or labels that you have: CSV, JSONL, '
        'a folder per class, Label Studio, CVAT or FiftyOne exports',
    )
    parser.add_argument(
        '--serve',
        action='store_true',
        help='serve the page on this machine, and go on with its answers',
    )
    parser.add_argument(
        '--new-classes',
        action='store_true',
        help='take names in --answers that are no class for new classes',
    )
    parser.add_argument(
        '--range',
        nargs=2,
        type=float,
        metavar=('LO', 'HI'),
        help='values that become black and white, for images of more than 8 '
        'bits (default: what the files declare, or measured on a sample)',
    )
    parser.add_argument(
        '--bands',
        nargs='+',
        type=int,
        metavar='N',
        help='numbers, from 1, of the bands that are red, green and blue, or '
        'of one that is grey, e.g. 4 3 2 for Sentinel-2',
    )
    parser.add_argument(
        '--skip-unreadable',
        action='store_true',
        help='leave out images that cannot be read, and list them in '
        'unreadable.csv',
    )
    parser.add_argument(
        '--annotator',
        choices=['lmm'],
        help='have the LMM of --lmm answer which class a few images show',
    )
    parser.add_argument(
        '--questions',
        type=int,
        metavar='N',
        help='how many questions it gets (default: 10 for each class)',
    )
    parser.add_argument(
        '--none-below',
        type=float,
        metavar='P',
        help='images that show one of the classes with a smaller probability '
        'are predicted to show none of them; needs answers that say so',
    )
    parser.add_argument('--epochs', type=int)
    parser.add_argument('--batch-size', type=int)
    parser.add_argument('--seed', type=int, default=0)
    parser.add_argument('--device', help='cuda, cuda:N or cpu')
    parser.add_argument(
        '--workers', type=int, default=min(8, (os.cpu_count() or 1) // 2)
    )
    parser.add_argument(
        '--dry-run',
        action='store_true',
        help='print the plan only (a few images are timed, a few texts made)',
    )
    parser.add_argument(
        '--launcher',
        choices=['none', 'pytorch', 'slurm'],
        help='who started several of this process, which share the work '
        '(default: pytorch under torchrun)',
    )
    if os.environ.get('RANK', '0') != '0':
        # The first process says what is wrong.
        parser.error = lambda message: parser.exit(2)
    return parser.parse_args()


def main() -> None:
    args = vars(parse_args())
    from mmlatte.apis import adapt
    from mmlatte.apis.adapt.settings import preprocess_option
    from mmlatte.apis.ranks import default_launcher

    if args['preprocess']:
        args['preprocess'] = preprocess_option(args['preprocess'])
    args['launcher'] = args['launcher'] or default_launcher()
    adapt(show=print, command=_next_command(), **args)


def _next_command() -> str:
    """This command without its questions, with the answers to them."""
    words, skip = [], False
    for word in sys.argv[1:]:
        if skip:
            skip = False
        elif word == '--ask':
            skip = True
        elif not word.startswith('--ask=') and word != '--serve':
            words.append(word)
    # Served answers are in the folder of results already.
    more = [] if '--serve' in sys.argv else ['--answers', 'answers.csv']
    return shlex.join(['python', 'tools/adapt.py', *words, *more])


if __name__ == '__main__':
    with user_errors():
        main()
