"""What ``adapt`` does, step by step."""

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from mmengine.config import Config
from mmengine.logging import MMLogger

from mmlatte.apis.images import skip_unreadable
from mmlatte.apis.preflight import preflight
from mmlatte.apis.ranks import Ranks
from mmlatte.command_line import ANSWERS_METHOD, DEFAULT_METHOD
from mmlatte.datasets.unlabeled_folder import left_out_line

from .answering.annotate import annotate
from .answering.asking import Asking, look_at_images
from .answering.check_answers import check_none, check_used
from .config import adapt_config
from .finishing import AdaptResult, check_export, finish, missing
from .methods import METHODS
from .on_ranks import check_ranks, look_together, train_together
from .planning import AdaptPlan, make_plan
from .prepare import build_clip, build_encoder, open_images
from .prompt_names import choose_prompt_names
from .same_run import (
    ENDS,
    SeenImages,
    check_same_run,
    is_begun,
    parts_of,
    refuse_other_images,
    results,
    set_aside,
)

__all__ = ['Adaptation']

NOT_EXPORTED = (
    'both encoders predict, and nothing is exported. Name an export '
    '(--export open_clip) to have CLIP alone predict, by the labels that both '
    'find'
)
#: Asked where the number is left open.
QUESTIONS = 24


@dataclass
class Adaptation:
    """One call of `adapt`, on the rank that leads; see there.

    Args:
        ranks (Ranks): This process and the others.
        images (str): See `adapt`, as all that follows.
        classes (str | Sequence[str]): Names, or a file of them.
        out (str): Folder of the results.
        formats (Sequence[str] | None): Of the exports.
        dry_run (bool): Whether the plan is the end.
        show (Callable | None): Gets the plan.
        ask (int | None): Questions to a person.
        answers (Sequence[str]): Files of answers.
        serve (bool): Whether the page is served.
        new_classes (bool): Whether answers may add classes.
        command (str): How to go on after the questions.
        none_below (float | None): For predictions of none of the classes.
        choices (dict[str, Any]): Of `AdaptOptions`.
    """

    ranks: Ranks
    images: str
    classes: str | Sequence[str]
    out: str
    formats: Sequence[str] | None
    dry_run: bool
    show: Callable[[AdaptPlan], None] | None
    ask: int | None
    answers: Sequence[str]
    serve: bool
    new_classes: bool
    command: str
    none_below: float | None
    choices: dict[str, Any]

    def run(self) -> AdaptResult:
        """Take all steps that are not done yet."""
        self.logger = MMLogger.get_instance('mmlatte', log_level='INFO')
        self.folder = Path(self.out).expanduser()
        self.result = AdaptResult(self.folder / 'run')
        self.asking: Asking | None = None
        self._open()
        self._choose_names()
        if self._asks() and not self.dry_run and self._ask():
            return self.result
        self._check_prototypes()
        seen = SeenImages(self.folder, parts_of(self.cfg, self.found.dataset))
        if self._is_new(seen):
            self._plan()
        if self.dry_run:
            return self.result
        if self.result.plan is not None:
            self._train(seen)
        finish(
            self.result,
            self.found.dataset,
            self.record,
            self.options,
            lambda: self.asking or self._look(),
            self.targets,
            self.none_below,
        )
        return self.result

    def _open(self) -> None:
        """Read images, classes and answers; settle the options."""
        kinds = ('open_clip',) if self.formats is None else self.formats
        self.targets = {k: self.folder / 'exported' / k for k in kinds}
        check_export(missing(self.targets), None)
        asked = self._asks() or bool(self.answers)
        self._check_questions(asked)
        opened = open_images(
            self.images,
            self.classes,
            self.folder,
            self.choices,
            keep=not self.dry_run,
        )
        self.opened = opened
        self.record, self.found = opened.record, opened.found
        self.record.take(self.answers, self.new_classes, keep=not self.dry_run)
        if self.choices.get('method') is None:
            self.choices['method'] = (
                ANSWERS_METHOD if asked or self.record.used else DEFAULT_METHOD
            )
        self.options = opened.options(self.choices)
        self.method = METHODS[self.options.method]
        self._settle_exports()
        self.clip = build_clip(self.options)
        self.encoder = build_encoder(self.options)
        check_export(missing(self.targets), self.clip)
        self._configure()
        check_ranks(self.ranks, self.cfg, self.options)

    def _settle_exports(self) -> None:
        """With two encoders there is an export only where it is named."""
        if self.options.encoder is None or not self.method.predicts_with_both:
            return
        self.options.one_clip = bool(self.formats)
        if not self.formats:
            self.logger.info(NOT_EXPORTED)
            self.targets = {}

    def _asks(self) -> bool:
        """Whether somebody is asked in this call."""
        return bool(self.ask or self.serve or self.choices.get('annotator'))

    def _check_questions(self, asked: bool) -> None:
        if self.ask is not None and self.ask < 1:
            raise ValueError(f'ask={self.ask}: ask one question or more')
        method = self.choices.get('method')
        taking = [name for name, m in METHODS.items() if m.takes_answers]
        if asked and method in METHODS and method not in taking:
            raise ValueError(
                f'method={method!r} takes no answers: leave the method out, '
                f'or name one of {taking}'
            )

    def _configure(self) -> None:
        """Write the config of the run, with what is known by now."""
        options, found = self.options, self.found
        options.answered = self.method.takes_answers and bool(self.record.used)
        self.cfg: Config = adapt_config(
            options, self.clip, len(found.dataset), found.leave_out
        )
        if options.skip_unreadable and options.test and not self.dry_run:
            skip_unreadable(self.cfg, ('val', 'test'))

    def _choose_names(self) -> None:
        """Choose what CLIP reads, where classes have several names."""
        if not self.options.chooses_names or self.dry_run:
            return
        look_together(self.ranks, self.cfg, self.folder)
        images, frozen = look_at_images(
            self.cfg, self.found.dataset, self.options.device
        )
        self.options.prompt_names = choose_prompt_names(
            images, frozen, self.clip, self.options
        )
        self._configure()

    def _look(self) -> Asking:
        """Look at the images as the fit does."""
        return Asking(
            self.cfg, self.found.dataset, self.record, self.options.device
        )

    def _ask(self) -> bool:
        """Ask an LMM, a person, or both; say whether to wait for answers."""
        look_together(self.ranks, self.cfg, self.folder)
        self.asking = self._look()
        if self.choices.get('annotator'):
            annotate(self.asking, self.options)
            self.asking.refit()
            self._configure()
        if self.serve:
            self._serve()
        elif self.ask:
            page = self.asking.write(self.ask, self.folder, self.command)
            self.result.questions = page
            if page is not None:
                self.logger.info(f'questions: {page}')
            return page is not None and not self.record.used
        return False

    def _serve(self) -> None:
        if self.ranks.size > 1:
            self.logger.info(
                f'`kill -INT {os.getpid()}` ends the page and goes on; '
                'Ctrl-C ends all processes: call again without serve then'
            )
        self.asking.serve(self.ask or QUESTIONS, self.command)
        self.asking = None  # there are more answers now, maybe classes
        self.options = self.opened.options(self.choices)
        self._settle_exports()
        self._configure()
        self._choose_names()

    def _check_prototypes(self) -> None:
        """Refuse exports of more classes than prototypes can tell."""
        wanted = missing(self.targets)
        if wanted and self.cfg.model.get('as_prototypes') is False:
            raise ValueError(
                f'export={wanted}: method={self.options.method!r} can be '
                f'exported with at most {self.clip.embed_dim} classes (the '
                'width of its features), there are '
                f'{len(self.options.classes)}; leave the export out '
                '(--export with nothing after it)'
            )

    def _is_new(self, seen: SeenImages) -> bool:
        """Whether there is something to do; set aside what does not hold."""
        anew = self.options.answered and self.record.changed
        if self.none_below is not None:
            check_none(self.record, self.none_below)
        if self.method.needs_answers and not self.dry_run:
            check_used(self.record)
        if self.options.answered and not self.dry_run:
            before = self.record.set_results_aside()
            if before is not None:
                self.logger.info(
                    f'results with other answers are now in {before}'
                )
        if not anew and is_begun(self.folder):
            anew = self._has_changed(seen)
        return anew or not (self.result.run / 'summary.json').exists()

    def _has_changed(self, seen: SeenImages) -> bool:
        """Whether a run that is there has seen other images."""
        changes = seen.changes()
        if not changes:
            check_same_run(self.cfg, self.folder)
        elif self.method.lr_default is not None:
            refuse_other_images(self.folder, changes)
        elif self.dry_run:
            self.logger.info(f'{changes}: the fit will be made anew')
        else:
            before = set_aside(self.folder, 'earlier_images')
            self.logger.info(f'{changes}: earlier results are now in {before}')
        return bool(changes)

    def _plan(self) -> None:
        plan = make_plan(
            self.cfg,
            self.clip,
            self.folder,
            str(self.found.look),
            left_out_line(self.found.left_out),
            self.encoder,
        )
        plan.questions = self.options.questions or 0
        plan.processes = self.ranks.size
        self.result.plan = plan
        if self.show is None:
            self.logger.info(f'The plan:\n{plan}')
        else:
            self.show(plan)

    def _train(self, seen: SeenImages) -> None:
        """Train, or fit, what was planned."""
        self.result.plan.check()
        preflight(self.cfg)
        if results(self.folder, ENDS):
            # Of a run that is no longer there.
            before = set_aside(self.folder, 'earlier_results', ENDS)
            self.logger.info(f'results without their run are now in {before}')
        seen.note()
        text = self.cfg.pretty_text
        (self.folder / 'config.py').write_text(text, encoding='utf-8')
        train_together(self.ranks, self.cfg, self.folder)
