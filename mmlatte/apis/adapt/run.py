"""A folder of images and class names in; a better classifier out."""

from collections.abc import Callable, Sequence
from pathlib import Path

from .adaptation import Adaptation
from .finishing import AdaptResult
from .on_ranks import adapt_ranks
from .planning import AdaptPlan

__all__ = ['adapt']


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
    launcher: str = 'none',
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

    With a launcher several processes share features, texts and training, and
    end with what one would; ``out`` is shared by all. The first one does all
    else, and the others return when it has ended.

    Args:
        images (str): Folder of the images, a list or archives of them, see
            `UnlabeledFolder`.
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
        launcher (str): Who started the processes: ``'none'``, ``'pytorch'``
            (torchrun) or ``'slurm'``.
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
        SystemExit: On other processes than the first, if that fails.
    """
    with adapt_ranks(launcher) as ranks:
        if not ranks.leads:
            ranks.follow()
            return AdaptResult(Path(out).expanduser() / 'run')
        return Adaptation(
            ranks=ranks,
            images=images,
            classes=classes,
            out=out,
            formats=export,
            dry_run=dry_run,
            show=show,
            ask=ask,
            answers=answers,
            serve=serve,
            new_classes=new_classes,
            command=command or '',
            none_below=none_below,
            choices=choices,
        ).run()
