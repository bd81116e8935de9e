"""Answers of an LMM about the images of a folder."""

from pathlib import Path

from mmengine.logging import print_log

from mmlatte.apis.pages.answer_gallery import write_answer_gallery
from mmlatte.datasets.sample_index import samples_of
from mmlatte.engine.lmm_annotator import LMMAnnotator
from mmlatte.lmm import (
    ClosedOptions,
    ClosedTask,
    TextStore,
    picture_keys,
    store_folder,
)
from mmlatte.registry import LMMS

from ..options import AdaptOptions
from ..settings import lmm_settings
from .asking import Asking

__all__ = ['annotate']

#: The page of what the LMM answered, in the folder of results.
PAGE = 'lmm_answers.html'


def annotate(asking: Asking, options: AdaptOptions) -> None:
    """Have an LMM answer, and add its answers to the record.

    Args:
        asking (Asking): What is known of the images.
        options (AdaptOptions): Names the LMM and the number of questions.

    Raises:
        LMMUnavailableError: If something is to be asked, and the LMM cannot
            be had.
    """
    lmm = LMMS.build(
        lmm_settings(options.lmm, options.device, options.api_key_env)
    )
    out = Path(options.out)
    closed = ClosedOptions(describe=options.describe)
    described = options.descriptions
    sentences = [described[n][0] for n in asking.classes] if described else []
    annotator = LMMAnnotator(
        asking.frozen,
        samples_of(asking.dataset),
        picture_keys(asking.images, asking.decode),
        asking.load,
        lmm,
        TextStore(store_folder(out / 'cache', lmm)),
        ClosedTask(asking.classes, closed, lmm.letters, sentences),
        asking.structure,
    )
    answers = annotator.annotate(options.questions, asking.record.answers)
    asking.record.add(answers)
    count = write_answer_gallery(annotator, out / PAGE)
    print_log(f'what {count} images were said to be: {out / PAGE}', 'current')
