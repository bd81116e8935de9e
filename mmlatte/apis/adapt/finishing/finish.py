"""What is made of a finished run: report, predictions, review, exports."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

from mmengine.logging import print_log
from torch.utils.data import Dataset

from mmlatte.apis.export import check_export_formats, export_model
from mmlatte.apis.inference.run_models import RunModels
from mmlatte.apis.pages.run_report import make_run_report
from mmlatte.apis.preflight import PreflightError
from mmlatte.datasets.sample_index import samples_of
from mmlatte.models.clip import OpenCLIP

from ..answering.answers_record import AnswersRecord
from ..answering.asking import Asking
from ..answering.review import find_review, review_sections, write_review
from ..options import AdaptOptions
from ..planning import AdaptPlan
from .also_check import note_also_check
from .predictions import is_about, write_all_predictions

__all__ = ['AdaptResult', 'check_export', 'finish', 'missing']


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
        exports (dict[str, Path] | None): Format -> folder.
    """

    run: Path
    plan: AdaptPlan | None = None
    report: Path | None = None
    predictions: Path | None = None
    questions: Path | None = None
    review: Path | None = None
    exports: dict[str, Path] | None = None


def missing(targets: Mapping[str, Path]) -> list[str]:
    """Return the formats that are not exported yet."""
    return [kind for kind, path in targets.items() if not path.exists()]


def finish(
    result: AdaptResult,
    dataset: Dataset,
    record: AnswersRecord,
    options: AdaptOptions,
    look: Callable[[], Asking],
    targets: Mapping[str, Path],
    none_below: float | None = None,
) -> None:
    """Write what is not there yet, and say so in the result.

    Args:
        result (AdaptResult): Of a run that is finished.
        dataset (Dataset): Its images.
        record (AnswersRecord): The answers about them.
        options (AdaptOptions): The choices.
        look (Callable): Looks at the images as the fit does.
        targets (Mapping[str, Path]): Format -> folder of an export.
        none_below (float, optional): See `adapt`.
    """
    folder = result.run.parent
    models = cache(partial(RunModels.open, result.run, options.device))
    result.report = folder / 'report.html'
    review = folder / 'review.csv'
    # A crash may have left an empty one.
    if (
        (
            options.also_check is not None
            and note_also_check(result.run, models, options.also_check)
        )
        or not result.report.exists()
        or not result.report.stat().st_size
        or (options.answered and not review.exists())
    ):
        make_run_report(
            result.run,
            result.report,
            num_workers=options.workers,
            models=models(),
            **(_review(review, look()) if options.answered else {}),
        )
    print_log(f'report: {result.report}', 'current')
    samples = samples_of(dataset)
    path_of = dict(zip(samples.names(), samples.paths(), strict=True))
    paths = sorted(path_of.values())
    result.predictions = folder / 'predictions.csv'
    if none_below is not None or not is_about(result.predictions, paths):
        answered = record.given() if options.answered else {}
        given = {path_of[image]: said for image, said in answered.items()}
        write_all_predictions(
            models(),
            result.run,
            paths,
            result.predictions,
            options,
            given,
            none_below,
        )
    print_log(f'predictions: {result.predictions}', 'current')
    if options.answered:
        result.review = review
        print_log(f'images to look at again: {result.review}', 'current')
    for kind in missing(targets):
        export_model(str(result.run), kind, targets[kind], images=paths[:100])
    result.exports = dict(targets)


def check_export(formats: Sequence[str], clip: OpenCLIP | None) -> None:
    """Stop before a run whose model could not be exported.

    Raises:
        PreflightError: If a package is missing or the CLIP has no such form.
    """
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
