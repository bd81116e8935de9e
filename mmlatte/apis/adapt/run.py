"""A folder of images and class names in; a better classifier out."""

import dataclasses
import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis.export import check_export_formats, export_model
from mmlatte.apis.launch import build_runner
from mmlatte.apis.pages.run_report import make_run_report
from mmlatte.apis.preflight import PreflightError, preflight
from mmlatte.atomic_file import atomic_file
from mmlatte.engine import find_resumable_checkpoint
from mmlatte.models.clip import OpenCLIP

from .asking import Asking
from .config import adapt_config
from .make_plan import make_plan
from .methods import ANSWERS_METHOD, DEFAULT_METHOD, METHODS
from .options import AdaptOptions
from .plan import AdaptPlan
from .predictions import write_all_predictions
from .prepare import build_clip, open_record
from .review import find_review, review_sections, write_review
from .same_run import IMAGES, check_same_run, fingerprint

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
    none_below: float | None = None,
    **choices,
) -> AdaptResult:
    """Adapt CLIP to a folder of unlabelled images.

    Writes into ``out``: ``config.py`` (the whole run as a config, for
    ``tools/train.py`` or ``tools/dist_train.sh``), ``images.json`` (which
    images it saw), ``run/`` (log, checkpoints, ``summary.json``), ``cache/``
    (texts and frozen features), ``report.html``, ``predictions.csv`` and
    ``exported/``. Called again with the same choices it goes on where it
    stopped, and repeats nothing.

    With ``ask`` it writes ``questions.html`` and ``questions.csv``, or serves
    the page. Answers are kept in ``all_answers.csv``; with other answers than
    before, earlier results are set aside and the fit is made anew.

    Args:
        images (str): Folder of the images.
        classes (str | Sequence[str]): Class names, or a text file with one a
            line.
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
        none_below (float, optional): Images that show one of the classes
            with a smaller probability are predicted to show none of them.
            Needs answers that say so.
        **choices: See `AdaptOptions`. The default method is ``'answers'``
            where there are questions or answers.

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
    if asked and method in METHODS and not METHODS[method].takes_answers:
        raise ValueError(
            f'method={method!r} takes no answers: leave the method out, or '
            f'name {ANSWERS_METHOD!r}'
        )
    record = open_record(images, classes, folder)
    dataset = record.dataset
    record.take(answers, new_classes, keep=not dry_run)
    if method is None:
        choices['method'] = (
            ANSWERS_METHOD if asked or record.used else DEFAULT_METHOD
        )
    options = AdaptOptions(
        images=images,
        classes=record.classes,
        added=record.added,
        out=str(folder),
        **choices,
    )
    takes_answers = METHODS[options.method].takes_answers
    clip = build_clip(options)
    _check_export(wanted, clip)
    cfg = adapt_config(options, clip, len(dataset))
    asking: Asking | None = None
    page: Path | None = None
    if (ask or serve) and not dry_run:
        asking = Asking(cfg, dataset, record, options.device)
        if serve:
            asking.serve(ask or QUESTIONS, command or '')
            asking = None  # there are more answers now, maybe classes
            options = dataclasses.replace(
                options, classes=record.classes, added=record.added
            )
            cfg = adapt_config(options, clip, len(dataset))
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
    seen = fingerprint(dataset)
    anew = takes_answers and record.changed
    if none_below is not None:
        record.check_none(none_below)
    if takes_answers and not dry_run:
        record.check_used()
        before = record.set_results_aside()
        if before is not None:
            logger.info(f'results with other answers are now in {before}')
            wanted = _missing(targets)
    if not anew:
        check_same_run(cfg, seen, folder)
    result = AdaptResult(folder / 'run', questions=page)
    if anew or not (result.run / 'summary.json').exists():
        result.plan = make_plan(cfg, clip, folder)
        if show is None:
            logger.info(f'The plan:\n{result.plan}')
        else:
            show(result.plan)
    if dry_run:
        return result
    if result.plan is not None:
        result.plan.check()
        preflight(cfg)
        folder.mkdir(parents=True, exist_ok=True)
        with atomic_file(folder / IMAGES) as file:
            file.write(json.dumps(seen).encode())
        (folder / 'config.py').write_text(cfg.pretty_text, encoding='utf-8')
        _train(cfg)
    result.report = folder / 'report.html'
    review = folder / 'review.csv'
    # A crash may have left an empty one.
    if (
        not result.report.exists()
        or not result.report.stat().st_size
        or (takes_answers and not review.exists())
    ):
        more: dict = {}
        if takes_answers:
            asking = asking or Asking(cfg, dataset, record, options.device)
            more = _review(review, asking)
        make_run_report(
            result.run,
            result.report,
            num_workers=options.workers,
            device=options.device,
            **more,
        )
    logger.info(f'report: {result.report}')
    paths = sorted(
        dataset.get_data_info(i)['img_path'] for i in range(len(dataset))
    )
    result.predictions = folder / 'predictions.csv'
    if none_below is not None or not result.predictions.exists():
        answered = record.given() if takes_answers else {}
        given = {
            str(Path(options.images) / image): said
            for image, said in answered.items()
        }
        write_all_predictions(
            result.run,
            paths,
            result.predictions,
            options,
            given,
            none_below,
        )
    logger.info(f'predictions: {result.predictions}')
    if takes_answers:
        result.review = review
        logger.info(f'images to look at again: {result.review}')
    for kind in wanted:
        export_model(str(result.run), kind, targets[kind], images=paths[:100])
    result.exports = targets
    return result


def _missing(targets: dict[str, Path]) -> list[str]:
    return [kind for kind, target in targets.items() if not target.exists()]


def _check_export(formats: Sequence[str], clip: OpenCLIP | None) -> None:
    try:
        check_export_formats(formats, clip)
    except RuntimeError as error:
        raise PreflightError(f'export: {error}') from error


def _review(path: Path, asking: Asking) -> dict:
    """Write ``review.csv``; return what the report shows of it."""
    found = find_review(asking)
    write_review(path, asking, found)
    fit = asking.fit.found
    estimate = None if fit is None else fit.estimate
    return dict(
        review=review_sections(asking, found),
        learning=() if estimate is None else estimate.curve,
    )


def _train(cfg: Config) -> None:
    checkpoint = find_resumable_checkpoint(cfg.work_dir)
    cfg.resume, cfg.load_from = checkpoint is not None, checkpoint
    build_runner(cfg).train()
