"""A folder of images and class names in; a better classifier out."""

from collections.abc import Callable, Sequence
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis.images import skip_unreadable
from mmlatte.apis.launch import build_runner
from mmlatte.apis.preflight import preflight
from mmlatte.command_line import ANSWERS_METHOD, DEFAULT_METHOD
from mmlatte.datasets.unlabeled_folder import left_out_line
from mmlatte.engine import find_resumable_checkpoint
from mmlatte.registry import DATASETS

from .answering.annotate import annotate
from .answering.asking import Asking
from .answering.check_answers import check_none, check_used
from .config import adapt_config
from .finish import AdaptResult, check_export, finish, missing
from .make_plan import make_plan
from .methods import METHODS
from .plan import AdaptPlan
from .prepare import build_clip, build_encoder, open_images
from .same_run import (
    ENDS,
    SeenImages,
    check_same_run,
    is_begun,
    refuse_other_images,
    results,
    set_aside,
)

__all__ = ['adapt']

NOT_EXPORTED = (
    'both encoders predict, and nothing is exported. Name an export '
    '(--export open_clip) to have CLIP alone predict, by the labels that both '
    'find'
)
#: Asked where the number is left open.
QUESTIONS = 24


def adapt(
    images: str,
    classes: str | Sequence[str],
    out: str = 'work_dirs/adapted',
    export: Sequence[str] | None = None,
    dry_run: bool = False,
    show: Callable[[AdaptPlan], None] | None = None,
    ask: int | None = None,
    answers: Sequence[str] = (),
    serve: bool = False,
    new_classes: bool = False,
    command: str | None = None,
    none_below: float | None = None,
    **choices,
) -> AdaptResult:
    """Adapt CLIP to a folder of unlabelled images.

    Writes into ``out``: ``config.py`` (the whole run as a config, for
    ``tools/train.py`` or ``tools/dist_train.sh``), ``images.npz`` (which
    images it saw), ``run/`` (log, checkpoints, ``summary.json``), ``cache/``
    (texts and frozen features), ``report.html``, ``predictions.csv`` and
    ``exported/``. Called again with the same choices it goes on where it
    stopped, and repeats nothing. Where images have changed since, results of
    a fit are set aside and made anew; a trained run is refused. Features and
    texts of images that are the same are taken over.

    With ``annotator='lmm'`` an LMM answers questions about a few images
    first; ``lmm_answers.html`` shows what it said.

    With ``ask`` it writes ``questions.html`` and ``questions.csv``, or serves
    the page. Answers are kept in ``all_answers.csv``; with other answers than
    before, earlier results are set aside and the fit is made anew.

    Args:
        images (str): Folder of the images, or a list of them, see
            `read_image_list`.
        classes (str | Sequence[str]): Class names, or a file of them, see
            `read_class_list`.
        out (str): Folder of the results.
        export (Sequence[str], optional): Formats of `export_model`; empty for
            none. Defaults to open_clip's. With a second encoder both predict
            and nothing is exported, unless this names a format: then CLIP
            alone predicts, by the labels that both find.
        dry_run (bool): Stop after the plan.
        show (Callable, optional): Gets the plan before the work starts.
            Defaults to writing it to the log.
        ask (int, optional): Questions to a person, about so many images.
        answers (Sequence[str]): Files of answers, see `read_answers`; they
            are added to those of before.
        serve (bool): Serve the page of questions on this machine until
            Ctrl-C, and go on with its answers.
        new_classes (bool): Whether names in ``answers`` that are no class
            are new classes.
        command (str, optional): How to go on after the questions, for the
            page.
        none_below (float, optional): Images that show one of the classes
            with a smaller probability are predicted to show none of them.
            Needs answers that say so.
        **choices: See `AdaptOptions`. The default method is ``'answers'``
            where there are questions or answers; those that train take
            answers, too.

    Returns:
        AdaptResult: Where everything is.

    Raises:
        ValueError: If a choice makes no sense, or an answer.
        FileExistsError: If ``out`` holds a run with other choices or images.
        OSError: If the disk is too small for the plan.
        RuntimeError: If weights or the LMM cannot be had.
    """
    logger = MMLogger.get_instance('mmlatte', log_level='INFO')
    folder = Path(out).expanduser()
    result = AdaptResult(folder / 'run')
    formats = ('open_clip',) if export is None else export
    targets = {kind: folder / 'exported' / kind for kind in formats}
    check_export(missing(targets), None)
    if ask is not None and ask < 1:
        raise ValueError(f'ask={ask}: ask one question or more')
    method, annotator = choices.get('method'), choices.get('annotator')
    asked = bool(ask or serve or answers or annotator)
    taking = [name for name, m in METHODS.items() if m.takes_answers]
    if asked and method in METHODS and method not in taking:
        raise ValueError(
            f'method={method!r} takes no answers: leave the method out, or '
            f'name one of {taking}'
        )
    opened = open_images(images, classes, folder, choices, keep=not dry_run)
    record, found = opened.record, opened.found
    record.take(answers, new_classes, keep=not dry_run)
    if method is None:
        choices['method'] = (
            ANSWERS_METHOD if asked or record.used else DEFAULT_METHOD
        )
    options = opened.options(choices)
    chosen = METHODS[options.method]
    if options.encoder is not None and chosen.predicts_with_both:
        options.one_clip = bool(export)
        if not export:
            logger.info(NOT_EXPORTED)
            targets = {}
    clip, encoder = build_clip(options), build_encoder(options)
    check_export(missing(targets), clip)

    def configure() -> Config:
        options.answered = chosen.takes_answers and bool(record.used)
        cfg = adapt_config(options, clip, len(found.dataset), found.leave_out)
        if options.skip_unreadable and options.test and not dry_run:
            skip_unreadable(cfg, ('val', 'test'))
        return cfg

    cfg = configure()
    asking: Asking | None = None
    if (annotator or ask or serve) and not dry_run:
        asking = Asking(cfg, found.dataset, record, options.device)
        if annotator:
            annotate(asking, options)
            asking.refit()
            cfg = configure()
        if serve:
            asking.serve(ask or QUESTIONS, command or '')
            asking = None  # there are more answers now, maybe classes
            options = opened.options(choices)
            options.one_clip = bool(export)
            cfg = configure()
        elif ask:
            result.questions = asking.write(ask, folder, command or '')
            if result.questions is not None:
                logger.info(f'questions: {result.questions}')
                if not record.used:
                    return result
    wanted = missing(targets)
    if wanted and cfg.model.get('as_prototypes') is False:
        raise ValueError(
            f'export={wanted}: method={options.method!r} can be exported with '
            f'at most {clip.embed_dim} classes (the width of its features), '
            f'there are {len(options.classes)}; leave the export out '
            '(--export with nothing after it)'
        )
    seen = SeenImages(folder, _parts(cfg, found.dataset))
    anew = options.answered and record.changed
    if none_below is not None:
        check_none(record, none_below)
    if chosen.needs_answers and not dry_run:
        check_used(record)
    if options.answered and not dry_run:
        before = record.set_results_aside()
        if before is not None:
            logger.info(f'results with other answers are now in {before}')
    if not anew and is_begun(folder):
        changes = seen.changes()
        anew = bool(changes)
        if not anew:
            check_same_run(cfg, folder)
        elif chosen.lr_default is not None:
            refuse_other_images(folder, changes)
        elif dry_run:
            logger.info(f'{changes}: the fit will be made anew')
        else:
            before = set_aside(folder, 'earlier_images')
            logger.info(f'{changes}: earlier results are now in {before}')
    if anew or not (result.run / 'summary.json').exists():
        left_out = left_out_line(found.left_out)
        result.plan = make_plan(
            cfg, clip, folder, str(found.look), left_out, encoder
        )
        result.plan.questions = options.questions or 0
        if show is None:
            logger.info(f'The plan:\n{result.plan}')
        else:
            show(result.plan)
    if dry_run:
        return result
    if result.plan is not None:
        result.plan.check()
        preflight(cfg)
        if results(folder, ENDS):
            # Of a run that is no longer there.
            before = set_aside(folder, 'earlier_results', ENDS)
            logger.info(f'results without their run are now in {before}')
        seen.note()
        (folder / 'config.py').write_text(cfg.pretty_text, encoding='utf-8')
        _train(cfg)

    def look() -> Asking:
        return asking or Asking(cfg, found.dataset, record, options.device)

    finish(result, found.dataset, record, options, look, targets, none_below)
    return result


def _parts(cfg: Config, dataset) -> dict:
    """Return the images of a run, and those that it is tested on."""
    if cfg.val_dataloader is None:
        return {'images': dataset}
    test = DATASETS.build({**cfg.val_dataloader.dataset, 'pipeline': []})
    return {'images': dataset, 'test images': test}


def _train(cfg: Config) -> None:
    checkpoint = find_resumable_checkpoint(cfg.work_dir)
    cfg.resume, cfg.load_from = checkpoint is not None, checkpoint
    build_runner(cfg).train()
