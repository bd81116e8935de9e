import dataclasses

import numpy as np
import pytest
import torch

from mmlatte.fits import (
    FrozenFeatures,
    LinearClassifier,
    NeighbourGraph,
    fit_latteplus,
    spread_labels,
)
from mmlatte.fits.answers import (
    NONE,
    SKIP,
    AnswersOptions,
    GivenAnswers,
    ImageStructure,
    choose,
    fit_answered,
    fit_answers,
    name_evidence,
)
from mmlatte.fits.answers.k_means import k_means

PER_CLASS, WIDTH = 40, 12


@pytest.fixture
def images():
    """Return four clusters of images, two classes named, and the truth."""
    random = np.random.default_rng(0)
    centres = np.eye(WIDTH)[:4]
    truth = np.repeat(np.arange(4), PER_CLASS)
    features = centres[truth] + 0.12 * random.normal(size=(len(truth), WIDTH))
    features /= np.linalg.norm(features, axis=1, keepdims=True)
    order = random.permutation(len(truth))
    # The names lie on the wrong clusters.
    texts = np.roll(centres, 1, axis=0).astype(np.float32)
    features = features[order].astype(np.float32)
    labels = (features @ texts.T).argmax(axis=1)
    frozen = FrozenFeatures(
        features, labels, np.ones(len(labels), np.float32), texts
    )
    return frozen, truth[order]


def ask(frozen, truth, count, answered=None, structure=None):
    rows = choose(frozen, count, answered, structure).rows
    return GivenAnswers(rows, truth[rows])


class TestGivenAnswers:
    @pytest.mark.parametrize(
        ('fields', 'message'),
        [
            (
                dict(rows=[1, 1], labels=[0, 0]),
                'image 1 has 2 answers of annotator 0',
            ),
            (dict(rows=[1], labels=[0, 0]), 'labels of shape'),
            (dict(rows=[1], labels=[0], confidence=[2.0]), 'confidence'),
        ],
    )
    def test_refuses(self, fields, message):
        with pytest.raises(ValueError, match=message):
            GivenAnswers(**fields)

    @pytest.mark.parametrize(('row', 'label'), [(-1, 0), (9, 0), (0, 3)])
    def test_check(self, row, label):
        with pytest.raises(ValueError, match='answers: '):
            GivenAnswers([row], [label]).check(images=9, classes=3)

    def test_one_each_of_no_answers(self):
        assert len(GivenAnswers([], []).one_each()) == 0

    def test_one_each(self):
        """Label 2 has 0.9 of 1.4; nobody was sure of image 7."""
        one = GivenAnswers(
            [4, 7, 4, 4, 7],
            [1, 3, 2, 2, NONE],
            [0.5, 0, 0.5, 0.4, 0],
            [0, 0, 1, 2, 1],
        ).one_each()
        assert one.rows.tolist() == [4, 7]
        assert one.labels.tolist()[0] == 2
        assert one.labels[1] in (3, NONE)
        np.testing.assert_allclose(one.confidence, [0.5 * 0.9 / 1.4, 0])

    def test_no_answer(self):
        used = GivenAnswers([0, 1, 2], [SKIP, 0, NONE], [1.0, 0.0, 0.5]).used()
        assert used.rows.tolist() == [2]


class TestKMeans:
    def test_separate_groups(self):
        points = np.float32([[0, 0], [0, 1], [9, 0], [9, 1], [0, 9], [1, 9]])
        clusters, distance = k_means(points, 3, restarts=2)
        assert len({tuple(clusters[i : i + 2]) for i in (0, 2, 4)}) == 3
        np.testing.assert_allclose(distance, 0.25, rtol=1e-5)

    def test_copies(self):
        clusters, distance = k_means(np.ones((5, 2), np.float32), 3, 1)
        assert len(clusters) == 5
        assert not distance.any()


class TestImageStructure:
    def test_spreads_like_the_graph(self, images):
        frozen, _ = images
        options = AnswersOptions(neighbours=3, steps=8, alpha=0.7)
        structure = ImageStructure.of(frozen, options)
        graph = NeighbourGraph(
            torch.from_numpy(structure.unit), 3, options.sharpness
        )
        seeds = torch.eye(len(frozen))[:, :5]
        expected = spread_labels(graph, seeds, alpha=0.7, steps=8)
        np.testing.assert_allclose(
            structure.spread(seeds.numpy()), expected, atol=1e-6
        )

    def test_nearest_node_of_other_images(self, images):
        frozen, truth = images
        structure = ImageStructure.of(frozen, AnswersOptions(nodes=60))
        other = np.setdiff1d(np.arange(len(frozen)), structure.rows)
        nodes = structure.nodes_of(frozen, other)
        assert (truth[structure.rows[nodes]] == truth[other]).all()
        own = structure.nodes_of(frozen, structure.rows)
        assert (own == np.arange(60)).all()

    def test_refuses_one_image(self, images):
        with pytest.raises(ValueError, match='there is 1 image'):
            ImageStructure.of(images[0].part([0]))


class TestChoose:
    def test_nothing_is_left_to_ask(self, images):
        frozen, truth = images
        few = frozen.part(np.arange(3))
        assert len(choose(few, 5, GivenAnswers(np.arange(3), truth[:3]))) == 0

    def test_one_image_of_every_cluster(self, images):
        frozen, truth = images
        questions = choose(frozen, 4)
        assert sorted(truth[questions.rows]) == [0, 1, 2, 3]
        np.testing.assert_allclose(questions.shares, 0.25)

    def test_typical_images(self, images):
        frozen, truth = images
        structure = ImageStructure.of(frozen)
        for row in choose(frozen, 4, structure=structure).rows:
            own = truth == truth[row]
            unit = structure.unit
            distance = np.linalg.norm(
                unit[own] - unit[own].mean(axis=0), axis=1
            )
            mine = np.linalg.norm(unit[row] - unit[own].mean(axis=0))
            assert mine == pytest.approx(distance.min(), abs=1e-5)

    def test_deterministic(self, images):
        frozen, _ = images
        again = [choose(frozen, 7).rows.tolist() for _ in range(2)]
        assert again[0] == again[1]

    def test_uncovered_clusters_first(self, images):
        frozen, truth = images
        rows = [np.flatnonzero(truth == c)[0] for c in (0, 1)]
        new = ask(frozen, truth, 2, GivenAnswers(rows, [0, 1]))
        assert sorted(new.labels) == [2, 3]

    def test_skipped_images_make_way_for_neighbours(self, images):
        frozen, truth = images
        first = choose(frozen, 4).rows
        second = choose(frozen, 4, GivenAnswers(first, [SKIP] * 4)).rows
        assert not set(first) & set(second)
        assert sorted(truth[second]) == [0, 1, 2, 3]

    def test_never_two_near_duplicates(self, images):
        frozen, _ = images
        copies = np.concatenate([np.arange(len(frozen))] * 3)
        frozen = frozen.part(copies)
        structure = ImageStructure.of(frozen)
        answered = GivenAnswers(choose(frozen, 6).rows, np.zeros(6))
        rows = choose(frozen, 12, answered, structure).rows
        asked = structure.unit[np.concatenate([answered.rows, rows])]
        cosines = asked @ asked.T - 2 * np.eye(len(asked))
        assert cosines.max() < structure.options.duplicate

    def test_fewer_images_than_questions(self, images):
        frozen, _ = images
        rows = choose(frozen.part(np.arange(5)), 9).rows
        assert 1 <= len(rows) <= 5

    def test_refuses_no_questions(self, images):
        with pytest.raises(ValueError, match='must be positive'):
            choose(images[0], 0)


class TestNameEvidence:
    def test_only_agreement_gives_weight(self):
        labels = np.arange(12) % 4
        logits = 5.0 * np.eye(4)[labels]
        good = name_evidence(logits, labels, np.ones(12))
        bad = name_evidence(logits, (labels + 1) % 4, np.ones(12))
        assert good.weight > 0
        assert good.agreement > 0.7
        assert bad.weight == 0
        assert bad.agreement == 0

    def test_confidence_counts(self):
        labels = np.array([0, 0, 1])
        logits = 5.0 * np.eye(2)
        logits = logits[[0, 0, 0]]
        part = name_evidence(logits, labels, np.array([1.0, 1.0, 0.0]))
        both = name_evidence(logits[:2], labels[:2], np.ones(2))
        assert part == both


class TestFitAnswers:
    @pytest.mark.parametrize('count', [2, 40, 4 * PER_CLASS])
    def test_none_alone_tells_no_class_from_another(self, images, count):
        frozen = images[0]
        frozen.answers = GivenAnswers(np.arange(count), np.full(count, NONE))
        fit, label_free = fit_answered(frozen), fit_latteplus(frozen)
        assert (fit.labels[:count] == NONE).all()
        assert (fit.labels[count:] == label_free.labels[count:]).all()
        assert torch.equal(fit.classifier.weight, label_free.classifier.weight)
        form = fit.classifier.as_prototypes(frozen, fit.unused)
        assert form.prototypes.isfinite().all()
        for name in ('kept_zero_shot', 'reason', 'train_further'):
            assert getattr(fit, name) == getattr(label_free, name)

    def test_none_alone_does_not_undo_zero_shot(self, images):
        frozen = images[0].part(np.arange(6))
        frozen.answers = GivenAnswers([0], [NONE])
        fit = fit_answered(frozen)
        assert fit.kept_zero_shot and '6 images' in fit.reason
        assert not fit.train_further

    def test_no_answers_is_the_label_free_result(self, images):
        frozen, _ = images
        zero_shot = fit_answers(frozen, GivenAnswers([3], [SKIP]))
        assert (zero_shot.labels == frozen.labels).all()
        free = LinearClassifier(torch.randn(4, WIDTH), torch.zeros(4))
        fit = fit_answers(frozen, GivenAnswers([], []), label_free=free)
        assert fit.classifier is free

    def test_answers_overrule_wrong_names(self, images):
        frozen, truth = images
        assert (frozen.labels == truth).mean() < 0.1
        fit = fit_answers(frozen, ask(frozen, truth, 4))
        assert (fit.labels == truth).mean() > 0.98
        assert fit.name_weight == 0
        assert fit.classifier.weight.shape == (4, WIDTH)
        new = fit.classifier.labels(frozen).numpy()
        assert (new == truth).mean() > 0.98

    def test_deterministic(self, images):
        frozen, truth = images
        answers = ask(frozen, truth, 8)
        fits = [fit_answers(frozen, answers) for _ in range(2)]
        assert torch.equal(
            fits[0].classifier.weight, fits[1].classifier.weight
        )

    def test_answered_images_keep_their_answer(self, images):
        frozen, truth = images
        answers = ask(frozen, truth, 24)
        answers.labels[3] = (answers.labels[3] + 1) % 4
        fit = fit_answers(frozen, answers)
        assert (fit.labels[answers.rows] == answers.labels).all()
        assert fit.contradicted.tolist() == [answers.rows[3]]
        rest = np.setdiff1d(np.arange(len(truth)), answers.rows)
        assert (fit.labels[rest] == truth[rest]).mean() > 0.98

    def test_no_confidence_changes_nothing(self, images):
        frozen, truth = images
        answers = ask(frozen, truth, 4)
        more = GivenAnswers(
            np.append(answers.rows, np.setdiff1d([0, 1, 2], answers.rows)[0]),
            np.append(answers.labels, 3),
            [1, 1, 1, 1, 0],
        )
        one, two = (fit_answers(frozen, a) for a in (answers, more))
        assert (one.labels == two.labels).all()
        assert torch.equal(one.classifier.bias, two.classifier.bias)

    def test_none_of_these_is_a_class_without_a_name(self, images):
        frozen, truth = images
        three = dataclasses.replace(
            frozen, class_features=frozen.class_features[:3]
        )
        answers = ask(frozen, truth, 4)
        answers.labels[answers.labels == 3] = NONE
        fit = fit_answers(three, answers)
        assert (fit.labels == np.where(truth == 3, NONE, truth)).all()
        assert fit.classifier.weight.shape == (3, WIDTH)
        none = fit.none_probability(three)
        assert none[truth == 3].min() > 0.5 > none[truth != 3].max()
        posteriors = fit.posteriors(three, slice(0, 9))
        np.testing.assert_allclose(posteriors[:, 3], none[:9], atol=1e-6)

    def test_names_without_answers(self, images):
        frozen, truth = images
        answers = ask(frozen, truth, 4)
        answers = answers.part(answers.labels != 2)
        wrong = fit_answers(frozen, answers)
        assert wrong.missing.tolist() == [2]
        right = dataclasses.replace(
            frozen, class_features=np.roll(frozen.class_features, -1, axis=0)
        )
        fit = fit_answers(right, answers)
        assert not len(fit.missing)
        assert (fit.labels == truth).mean() > 0.98

    def test_more_images_than_nodes(self, images):
        frozen, truth = images
        structure = ImageStructure.of(frozen, AnswersOptions(nodes=80))
        outside = np.setdiff1d(np.arange(len(frozen)), structure.rows)
        rows = [outside[truth[outside] == c][0] for c in range(4)]
        answers = GivenAnswers(rows, truth[rows])
        fit = fit_answers(frozen, answers, structure=structure)
        assert (fit.labels == truth).mean() > 0.98

    def test_estimate(self, images):
        frozen, truth = images
        fit = fit_answers(frozen, ask(frozen, truth, 20))
        estimate = fit.estimate
        assert estimate.low <= estimate.mean <= estimate.high
        assert estimate.mean > 0.9
        assert [count for count, _ in estimate.curve] == [10, 16, 20, 40]
        few = fit_answers(frozen, ask(frozen, truth, 4))
        assert few.estimate is None
