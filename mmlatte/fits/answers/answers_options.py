from dataclasses import dataclass


@dataclass(frozen=True)
class AnswersOptions:
    """What decides how questions are chosen and answers are used.

    All were chosen on the ten choose sets of the feature bank.

    Args:
        nodes (int): Images that take part in clustering, spreading and EM;
            the classifier labels all. 20,000 make a graph in seconds.
        width (int): Principal components of the features; covariances of
            more are not better there, and slower.
        neighbours (int): Of the graph. With 7, fewer answers cross a valley
            than with the usual 20.
        sharpness (float): Power of an edge's affinity: nearer neighbours
            weigh more.
        alpha (float): How far answers spread. At 0.95, often used, those of
            large clusters flood small ones.
        steps (int): Of spreading; 0.8^30 is 0.001.
        shrinkage (float): Of the covariance towards a sphere.
        answer_weight (float): Of an answered image in the M step, others
            weigh 1. With 1, a hundred answers are lost among the guesses
            about a thousand images.
        iterations (int): EM steps; more let answers lose to large clusters.
        restarts (int): Of k-means.
        duplicate (float): Cosine of centred features above which two images
            are never both asked about.
        folds (int): Of cross-fitting; more cost more.
        distrust (float): Share of the answers that may be wrong although
            nobody said so; an answer that all around it contradicts then
            weighs less, in the fit only.
        distrust_answers (float): Answers of an annotator that weigh as much
            as this assumption when error rates are estimated.
        temperature (float): By which log posteriors must be multiplied to be
            as sure as they are right. Gaussians in 128 dimensions are far
            too sure.
        temperature_spread (float): Standard deviation of its logarithm among
            sets.
    """

    nodes: int = 20_000
    width: int = 128
    neighbours: int = 7
    sharpness: float = 16.0
    alpha: float = 0.8
    steps: int = 30
    shrinkage: float = 0.3
    answer_weight: float = 10.0
    iterations: int = 5
    restarts: int = 4
    duplicate: float = 0.97
    folds: int = 5
    distrust: float = 0.05
    distrust_answers: float = 10.0
    temperature: float = 0.17
    temperature_spread: float = 0.2
