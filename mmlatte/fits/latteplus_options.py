from dataclasses import dataclass


@dataclass(frozen=True)
class LattePlusOptions:
    """All constants of `fit_latteplus`; none is set per data set.

    Args:
        alpha (float): In (0, 1), how much of a label comes from neighbours
            (`spread_labels`). Little lost from 0.8 to 0.99; shorter ranges
            spread too little where half of the names have no image.
        steps (int): Of the spreading; 0.9 to the power of 60 is 0.002.
        neighbours (int): Of the graph; 10 and 40 are about a point worse.
        max_nodes (int): Of the graph, which costs their square in time; all
            images are fitted.
        seed_share (float): Seeds of a name, of its fair share of the images;
            0.05 and 0.2 are equal.
        max_seeds (int): Cosines err more the further down one goes; on the
            feature bank 20 and 40 are equal.
        iterations (int): M steps at most; EM nearly always ends before.
        valley (float): In (0, 1]; two clusters between which the density is
            above this share of the lower hill are one (`valleys`). 0.6 joins
            too much, 0.9 is equal; without, folders in which half of the
            names have no image lose three points.
        valley_neighbours (int): Clusters with which each is compared, the
            nearest ones; all would cost the square of their number.
        valley_points (int): Where the density is estimated on the way from
            one median to the other: steps below the width of the kernel.
        valley_kernel (float): Its width, in distances of the medians.
        pseudo_count (float): What a name has without evidence
            (`name_posterior`), so that one source alone cannot rule it out.
            From 0.005 to 0.02 nothing changes.
        reuse_penalty (float): Log prior of a new name over one that another
            cluster bears (`assign_names`): seven times as probable. A folder
            rather shows the names it was given.
        min_agreement (float): Below this kappa of zero-shot labels and
            clusters names are taken to say nothing about the images. Of 90
            draws of the choose half, 0.25 and 0.3 gain the most, and 0.3
            ends half as often below zero-shot CLIP.
        min_images (int): For every name. With fewer, the seeds are so large a
            part of the images that they agree with zero-shot CLIP by
            construction.
    """

    alpha: float = 0.9
    steps: int = 60
    neighbours: int = 20
    max_nodes: int = 20_000
    seed_share: float = 0.1
    max_seeds: int = 20
    iterations: int = 100
    valley: float = 0.75
    valley_neighbours: int = 3
    valley_points: int = 9
    valley_kernel: float = 0.15
    pseudo_count: float = 0.01
    reuse_penalty: float = 2.0
    min_agreement: float = 0.3
    min_images: int = 20

    def __post_init__(self) -> None:
        for name in ('alpha', 'seed_share', 'min_agreement'):
            if not 0 < getattr(self, name) < 1:
                raise ValueError(
                    f'{name} must be in (0, 1), got {getattr(self, name)}'
                )
        if not 0 < self.valley <= 1:
            raise ValueError(f'valley must be in (0, 1], got {self.valley}')
        if self.valley_points < 9 or self.valley_kernel <= 0:
            raise ValueError(
                'valley_points must be at least 9 and valley_kernel positive; '
                f'got {self.valley_points} and {self.valley_kernel}'
            )
        if self.pseudo_count <= 0 or self.reuse_penalty < 0:
            raise ValueError(
                'pseudo_count must be positive and reuse_penalty not '
                f'negative; got {self.pseudo_count} and {self.reuse_penalty}'
            )
        for name in (
            'steps',
            'neighbours',
            'max_nodes',
            'max_seeds',
            'iterations',
            'valley_neighbours',
            'min_images',
        ):
            if getattr(self, name) < 1:
                raise ValueError(
                    f'{name} must be at least 1, got {getattr(self, name)}'
                )
