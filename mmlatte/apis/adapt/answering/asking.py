"""Questions to a person about a few of the images."""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from mmengine.config import Config
from mmengine.device import get_device
from mmengine.logging import print_log
from PIL import Image

from mmlatte.apis.answers import AnswerServer
from mmlatte.apis.answers.questions import (
    make_questions,
    read_round,
    write_questions,
    write_round,
)
from mmlatte.apis.inference.load_classifier import frozen_config
from mmlatte.datasets.answers import (
    LMM_SOURCE,
    NONE,
    NONE_LABEL,
    SKIP,
    AnswersFile,
)
from mmlatte.datasets.decode_options_of import pipeline_options
from mmlatte.engine.frozen import FrozenPass
from mmlatte.engine.frozen.encode_both import encode_both
from mmlatte.engine.frozen.second_features import second_features
from mmlatte.fits import FrozenFeatures, join_encoders
from mmlatte.fits.answers import SKIP as SKIP_LABEL
from mmlatte.fits.answers import (
    AnsweredFit,
    GivenAnswers,
    ImageStructure,
    choose,
    fit_answered,
    fit_answers,
)
from mmlatte.fits.answers.fit_answers import PER_CLASS
from mmlatte.lmm import load_image
from mmlatte.registry import MODELS
from mmlatte.visualization import Question

from ..config import adapt_config
from ..options import AdaptOptions
from ..prepare import OpenedFolder, build_clip
from .answers_record import AnswersRecord

__all__ = ['Asking', 'look_at_images']

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
        self.decode = pipeline_options(cfg.test_pipeline)
        self.record = record
        self.classes = [*cfg.model.class_names]
        self.images, frozen = look_at_images(cfg, dataset, device)
        both = frozen.second is not None
        self.frozen = join_encoders(frozen).frozen if both else frozen
        self.structure = ImageStructure.of(self.frozen)
        self.refit()

    @classmethod
    def about(cls, opened: OpenedFolder, options: AdaptOptions) -> 'Asking':
        """Look at the images of a folder as a run with these choices does."""
        clip, found = build_clip(options), opened.found
        cfg = adapt_config(options, clip, len(found.dataset), found.leave_out)
        return cls(cfg, found.dataset, opened.record, options.device)

    def refit(self) -> None:
        """Fit the answers that the record holds now."""
        arrays = self.record.answers.arrays(self.record.ids, self.classes)
        self.frozen.answers = arrays.given()
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
        questions = self.questions(count)
        if not questions:
            return None
        _, page = write_questions(
            folder, questions, self.classes, self.load, command
        )
        return page

    def serve(self, count: int, command: str) -> None:
        """Serve the page until Ctrl-C; every answer is on disk at once.

        A round with open questions goes on; ``count`` is that of the next.
        Where nothing is left to ask, nothing is served.
        """
        questions = self._open_round() or self.questions(count)
        if not questions:
            return
        write_round(self.record.folder, questions, self.classes)
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
                wanted = PER_CLASS * max(2, len(self.classes))
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
                self.load,
                given=self._said(),
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

    def _said(self) -> dict[str, str]:
        """Return image -> a person's answer, with those that were skipped."""
        skipped = {
            a.image: SKIP
            for a in self.record.answers
            if not a.source.startswith(LMM_SOURCE)
        }
        given = self.record.given().items()
        return skipped | {image: name for image, (name, _) in given}

    def questions(self, count: int) -> list[Question]:
        """Choose images to ask about; fewer, or none, where few are left."""
        rows = self._doubtful(count)
        if len(rows) < count:
            more = choose(
                self.frozen,
                count - len(rows),
                self.frozen.answers,
                self.structure,
            )
            rows = np.concatenate([rows, more.rows])
        if not len(rows):
            print_log(
                'Nothing is left to ask: all images are answered, or nearly '
                'the same as others that are',
                'current',
            )
            return []
        return self._shown(rows, self.structure.shares(self.frozen, rows))

    def _doubtful(self, count: int) -> np.ndarray:
        """Images with an LMM's answer that is rather wrong than right."""
        answers, found = self.frozen.answers, self.fit.found
        if answers is None or found is None:
            return np.zeros(0, np.int64)
        people = self.record.given()
        mine = np.array(
            [self.record.ids[r] not in people for r in answers.rows]
        )
        answers = answers.part(mine & (answers.labels != SKIP_LABEL))
        posteriors = found.posteriors(self.frozen, answers.rows)
        # None of these is the last column; where no answer says so, there is
        # no such column, and no such label.
        labels = answers.labels % posteriors.shape[1]
        sure = posteriors[np.arange(len(labels)), labels]
        sure = sure * answers.confidence
        order = np.argsort(sure, kind='stable')
        # Two annotators may have answered about one image.
        rows = dict.fromkeys(answers.rows[order[sure[order] < 0.5]].tolist())
        return np.array([*rows][:count], np.int64)

    def _open_round(self) -> list[Question]:
        """Return the last round of questions if some of them are open."""
        number = {name: i for i, name in enumerate(self.record.ids)}
        last = read_round(self.record.folder)
        shares = {name: last[name] for name in last if name in number}
        left = {*shares} - {*self._said()}
        if not left:
            return []
        print_log(
            f'{len(left)} of the last {len(shares)} questions are open: the '
            'page goes on with them',
            'current',
        )
        return self._shown([number[n] for n in shares], [*shares.values()])

    def _shown(
        self, rows: Sequence[int], shares: Sequence[float]
    ) -> list[Question]:
        return make_questions(
            self.frozen,
            rows,
            shares,
            self.posteriors(rows),
            [self.record.ids[row] for row in rows],
        )

    def load(self, index: int) -> Image.Image:
        """Return an image by its number."""
        path = self.dataset.get_data_info(index)['img_path']
        return load_image(path, options=self.decode)


def look_at_images(
    cfg: Config, dataset, device: str = ''
) -> tuple[np.ndarray, FrozenFeatures]:
    """Look at the images as frozen encoders do, or read what they saw.

    All ranks do so together.

    Args:
        cfg (Config): The run, see `adapt_config`.
        dataset (Dataset): Its images.
        device (str): Defaults to the GPU of this process, if there is one.

    Returns:
        tuple: What the images are known by, (N,), and their features; those
        of a second encoder are ``second``.
    """
    model = MODELS.build(frozen_config(cfg).model)
    model.to(device or get_device())
    model.init_weights()
    settings = cfg.default_hooks.zero_shot_label
    frozen_pass = FrozenPass(
        settings.cache_dir,
        [dict(step) for step in cfg.test_pipeline],
        num_workers=settings.num_workers,
    )
    settings = cfg.model.get('second_encoder')
    settings = settings or cfg.default_hooks.frozen_features.get(
        'second_encoder'
    )
    encoder = None
    if settings:
        encoder = MODELS.build(settings).to(device or get_device())
    encode_both(frozen_pass, model, encoder, dataset)
    found = frozen_pass(model, dataset)
    if encoder is None:
        return found.images, found.frozen()
    second = second_features(encoder, frozen_pass, dataset)
    return found.images, found.frozen().seen_by(second)
