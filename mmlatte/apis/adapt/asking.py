"""Questions to a person about a few of the images."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.logging import print_log

from mmlatte.apis.answers import AnswerServer
from mmlatte.apis.answers.questions import make_questions, write_questions
from mmlatte.datasets.answers import NONE, NONE_LABEL, AnswersFile
from mmlatte.engine.frozen import FrozenPass
from mmlatte.fits import FrozenFeatures
from mmlatte.fits.answers import (
    AnsweredFit,
    GivenAnswers,
    ImageStructure,
    choose,
    fit_answered,
    fit_answers,
)
from mmlatte.lmm import load_image
from mmlatte.registry import MODELS

from .answers_record import AnswersRecord

__all__ = ['Asking']

#: Images up to which the accuracy is estimated anew after every answer.
FEW = 5000


class Asking:
    """What is known of a folder's images, and what to ask about them.

    Args:
        cfg (Config): The run, see `adapt_config`.
        dataset (Dataset): Its images.
        record (AnswersRecord): The answers so far.
        device (str): Of the frozen pass.
    """

    def __init__(
        self, cfg: Config, dataset, record: AnswersRecord, device: str
    ) -> None:
        self.dataset = dataset
        self.record = record
        self.classes = [*cfg.model.class_names]
        self.frozen = _frozen(cfg, dataset, device)
        arrays = record.answers.arrays(record.ids, self.classes)
        self.frozen.answers = arrays.given()
        self.structure = ImageStructure.of(self.frozen)
        self.fit: AnsweredFit = fit_answered(
            self.frozen, structure=self.structure
        )

    def posteriors(self, rows: Sequence[int]) -> np.ndarray:
        """Return the posteriors of the classes, (n, C)."""
        logits = self.fit.classifier.logits(self.frozen.rows(list(rows)))
        return logits.softmax(dim=1).cpu().numpy()

    def write(self, count: int, folder: Path, command: str) -> Path | None:
        """Write ``questions.csv`` and ``questions.html``.

        Returns:
            Path | None: The page; None where nothing is left to ask.
        """
        questions = self._questions(count)
        if not questions:
            return None
        _, page = write_questions(
            folder, questions, self.classes, self._load, command
        )
        return page

    def serve(self, count: int, command: str) -> None:
        """Serve the page until Ctrl-C; every answer is on disk at once.

        Where nothing is left to ask, nothing is served.
        """
        questions = self._questions(count)
        if not questions:
            return
        number = {name: i for i, name in enumerate(self.record.ids)}
        labels = {name: i for i, name in enumerate(self.classes)}
        labels |= {NONE: NONE_LABEL}

        def estimate(answers: dict[str, str]) -> str:
            given = [
                (number[image], labels[name])
                for image, name in answers.items()
                if name in labels
            ]
            if not given or len(self.frozen) > FEW:
                return f'{len(given)} answers'
            fit = fit_answers(
                self.frozen,
                GivenAnswers(*np.array(given).T),
                structure=self.structure,
                label_free=self.fit.label_free,
            ).estimate
            if fit is None:
                wanted = 5 * max(2, len(self.classes))
                return (
                    f'{len(given)} answers; {wanted} make an estimate of '
                    'the accuracy'
                )
            return (
                f'estimated accuracy {fit.mean:.0%} '
                f'({fit.low:.0%} to {fit.high:.0%})'
            )

        with AnswersFile(self.record.path) as file:
            server = AnswerServer(
                questions,
                self.classes,
                file,
                self._load,
                given={
                    image: name
                    for image, (name, _) in self.record.given().items()
                },
                on_answer=estimate,
                command=command,
            )
            print_log(
                f'Answer in a browser on this machine: {server.url}\n'
                'Ctrl-C ends it; every answer is on disk.',
                'current',
                level=logging.INFO,
            )
            server.serve_forever()
            server.close()
        self.record.read()

    def _questions(self, count: int) -> list:
        found = choose(self.frozen, count, self.frozen.answers, self.structure)
        if not len(found):
            print_log(
                'Nothing is left to ask: all images are answered, or nearly '
                'the same as others that are',
                'current',
            )
        ids = [self.record.ids[row] for row in found.rows]
        posteriors = self.posteriors(found.rows)
        return make_questions(
            self.frozen, found.rows, found.shares, posteriors, ids
        )

    def _load(self, index: int):
        return load_image(self.dataset.get_data_info(index)['img_path'])


def _frozen(cfg: Config, dataset, device: str) -> FrozenFeatures:
    """Look at the images as frozen CLIP does, or read what it saw."""
    keys = ('clip', 'class_names', 'templates', 'data_preprocessor')
    model = MODELS.build(
        dict(
            type='mmlatte.ZeroShotCLIP',
            **{key: cfg.model[key] for key in keys},
        )
    )
    model.to(device)
    model.init_weights()
    settings = cfg.default_hooks.zero_shot_label
    frozen_pass = FrozenPass(
        settings.cache_dir,
        [dict(step) for step in cfg.test_pipeline],
        num_workers=settings.num_workers,
    )
    return frozen_pass(model, dataset).frozen()
