"""A folder of images and class names in; a better classifier out."""

import dataclasses
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis.export import check_export_formats, export_model
from mmlatte.apis.images import open_folder, skip_unreadable
from mmlatte.apis.launch import build_runner
from mmlatte.apis.pages.run_report import make_run_report
from mmlatte.apis.preflight import PreflightError, preflight
from mmlatte.datasets.class_names import read_class_list
from mmlatte.datasets.image_list import image_root
from mmlatte.datasets.sample_index import samples_of
from mmlatte.datasets.unlabeled_folder import left_out_line
from mmlatte.decode_image import DecodeOptions
from mmlatte.engine import find_resumable_checkpoint
from mmlatte.models.clip import OpenCLIP
from mmlatte.registry import DATASETS, MODELS

from .answers_record import AnswersRecord
from .asking import Asking
from .config import adapt_config
from .make_plan import make_plan
from .methods import ANSWERS_METHOD, DEFAULT_METHOD, METHODS
from .options import AdaptOptions
from .plan import AdaptPlan
from .predictions import is_about, write_all_predictions
from .review import write_review
from .same_run import (
    ENDS,
    SeenImages,
    check_same_run,
    is_begun,
    refuse_other_images,
    results,
    set_aside,
)

__all__ = ['AdaptResult', 'adapt']

#: Asked where the number is left open.
QUESTIONS = 24


@dataclass
class AdaptResult:
    """Where everything is.

    Args:
        run (Path): Work folder of the run: log, checkpoints, summary.json.
        plan (AdaptPlan | None): What was planned; None if the run had been
            finished before.
        report (Path | None): The HTML page.
        predictions (Path | None): A class for every image, CSV.
        questions (Path | None): The page of questions, if it was asked for.
        review (Path | None): Images to look at again, CSV.
        exports (dict[str, Path]): Format -> folder.
    """

    run: Path
    plan: AdaptPlan | None = None
    report: Path | None = None
    predictions: Path | None = None
    questions: Path | None = None
    review: Path | None = None
    exports: dict[str, Path] | None = None


def adapt(
    images: str,
    classes: str | Sequence[str],
    out: str = 'work_dirs/adapted',
    export: Sequence[str] = ('open_clip',),
    dry_run: bool = False,
    show: Callable[[AdaptPlan], None] | None = None,
    ask: int | None = None,
    answers: Sequence[str] = (),
    serve: bool = False,
    new_classes: bool = False,
    command: str | None = None,
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

    With ``ask`` it writes ``questions.html`` and ``questions.csv``, or serves
    the page. Answers are kept in ``all_answers.csv``; with other answers than
    before, earlier results are set aside and the fit is made anew.

    Args:
        images (str): Folder of the images, or a list of them, see
            `read_image_list`.
        classes (str | Sequence[str]): Class names, or a file of them, see
            `read_class_list`.
        out (str): Folder of the results.
        export (Sequence[str]): Formats of `export_model`; empty for none.
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
    targets = {kind: folder / 'exported' / kind for kind in export}
    wanted = _missing(targets)
    _check_export(wanted, None)
    if ask is not None and ask < 1:
        raise ValueError(f'ask={ask}: ask one question or more')
    method = choices.get('method')
    asked = bool(ask or serve or answers)
    taking = [name for name, m in METHODS.items() if m.takes_answers]
    if asked and method in METHODS and method not in taking:
        raise ValueError(
            f'method={method!r} takes no answers: leave the method out, or '
            f'name one of {taking}'
        )
    listed = read_class_list(classes)
    names = listed.names
    found = open_folder(
        images,
        names,
        DecodeOptions(choices.get('range'), choices.get('bands')),
        choices.get('skip_unreadable', False),
        None if dry_run else folder,
        choices.get('workers', 0),
    )
    dataset, choices['range'] = found.dataset, found.look.options.range
    if found.look.mostly_dark:
        logger.warning(f'{found.look}')
    record = AnswersRecord(folder, image_root(images), dataset, names)
    record.take(answers, new_classes, keep=not dry_run)
    if method is None:
        choices['method'] = (
            ANSWERS_METHOD if asked or record.used else DEFAULT_METHOD
        )
    options = AdaptOptions(
        images=images,
        classes=record.classes,
        synonyms=listed.synonyms,
        descriptions=listed.descriptions,
        out=str(folder),
        **choices,
    )
    chosen = METHODS[options.method]
    options.answered = chosen.takes_answers and bool(record.used)
    clip = _build_clip(options)
    _check_export(wanted, clip)
    cfg = adapt_config(options, clip, len(dataset), found.leave_out)
    if options.skip_unreadable and options.test and not dry_run:
        skip_unreadable(cfg, ('val', 'test'))
    asking: Asking | None = None
    page: Path | None = None
    if (ask or serve) and not dry_run:
        asking = Asking(cfg, dataset, record, options.device)
        if serve:
            asking.serve(ask or QUESTIONS, command or '')
            asking = None  # there are more answers now, maybe classes
            options = dataclasses.replace(
                options, classes=record.classes, answered=bool(record.used)
            )
            cfg = adapt_config(options, clip, len(dataset), found.leave_out)
        else:
            page = asking.write(ask or QUESTIONS, folder, command or '')
            if page is not None:
                logger.info(f'questions: {page}')
                if not record.used:
                    return AdaptResult(folder / 'run', questions=page)
    if wanted and cfg.model.get('as_prototypes') is False:
        raise ValueError(
            f'export={wanted}: method={options.method!r} can be exported with '
            f'at most {clip.embed_dim} classes (the width of its features), '
            f'there are {len(options.classes)}; leave the export out '
            '(--export with nothing after it)'
        )
    seen = SeenImages(folder, _parts(cfg, dataset))
    anew = options.answered and record.changed
    if chosen.needs_answers and not options.answered and not dry_run:
        raise ValueError(
            'there are no answers yet: ask some questions (--ask 24)'
        )
    if options.answered and not dry_run:
        before = record.set_results_aside()
        if before is not None:
            logger.info(f'results with other answers are now in {before}')
            wanted = _missing(targets)
    if not anew and is_begun(folder):
        changes = seen.changes()
        anew = bool(changes)
        if not anew:
            check_same_run(cfg, folder)
        elif METHODS[options.method].lr_default is not None:
            refuse_other_images(folder, changes)
        elif dry_run:
            logger.info(f'{changes}: the fit will be made anew')
        else:
            before = set_aside(folder, 'earlier_images')
            logger.info(f'{changes}: earlier results are now in {before}')
            wanted = _missing(targets)
    result = AdaptResult(folder / 'run', questions=page)
    if anew or not (result.run / 'summary.json').exists():
        result.plan = make_plan(
            cfg,
            clip,
            folder,
            str(found.look),
            left_out_line(found.left_out),
        )
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
            wanted = _missing(targets)
        seen.note()
        (folder / 'config.py').write_text(cfg.pretty_text, encoding='utf-8')
        _train(cfg)
    result.report = folder / 'report.html'
    # A crash may have left an empty one.
    if not result.report.exists() or not result.report.stat().st_size:
        make_run_report(
            result.run,
            result.report,
            num_workers=options.workers,
            device=options.device,
        )
    logger.info(f'report: {result.report}')
    samples = samples_of(dataset)
    path_of = dict(zip(samples.names(), samples.paths(), strict=True))
    paths = sorted(path_of.values())
    result.predictions = folder / 'predictions.csv'
    if not is_about(result.predictions, paths):
        answered = record.given() if options.answered else {}
        given = {path_of[image]: said for image, said in answered.items()}
        write_all_predictions(
            result.run, paths, result.predictions, options, given
        )
    logger.info(f'predictions: {result.predictions}')
    if options.answered:
        result.review = folder / 'review.csv'
        if not result.review.exists():
            asking = asking or Asking(cfg, dataset, record, options.device)
            write_review(result.review, asking)
        logger.info(f'images to look at again: {result.review}')
    for kind in wanted:
        export_model(str(result.run), kind, targets[kind], images=paths[:100])
    result.exports = targets
    return result


def _parts(cfg: Config, dataset) -> dict:
    """Return the images of a run, and those that it is tested on."""
    if cfg.val_dataloader is None:
        return {'images': dataset}
    test = DATASETS.build({**cfg.val_dataloader.dataset, 'pipeline': []})
    return {'images': dataset, 'test images': test}


def _missing(targets: dict[str, Path]) -> list[str]:
    return [kind for kind, target in targets.items() if not target.exists()]


def _build_clip(options: AdaptOptions) -> OpenCLIP:
    try:
        return MODELS.build(options.clip_settings()).to(options.device)
    except RuntimeError as error:
        raise PreflightError(f'CLIP weights: {error}') from error


def _check_export(formats: Sequence[str], clip: OpenCLIP | None) -> None:
    try:
        check_export_formats(formats, clip)
    except RuntimeError as error:
        raise PreflightError(f'export: {error}') from error


def _train(cfg: Config) -> None:
    checkpoint = find_resumable_checkpoint(cfg.work_dir)
    cfg.resume, cfg.load_from = checkpoint is not None, checkpoint
    build_runner(cfg).train()
