"""What frozen features hold: arrays in, a linear classifier out."""

from .add_rows import add_rows
from .conjugate_gradients import conjugate_gradients
from .frozen_features import FrozenFeatures, double_precision
from .gaussians import (
    GaussianFit,
    Posterior,
    e_step,
    fit_gaussians,
    gaussian_parameters,
    m_step,
    one_hot_posterior,
)
from .latteplus import LattePlusFit, fit_latteplus
from .latteplus_options import LattePlusOptions
from .linear_classifier import LinearClassifier
from .linear_discriminants import linear_discriminants
from .neighbour_graph import NeighbourGraph, spread_labels, sum_along_edges
from .prototype_form import PrototypeForm, prototype_form

__all__ = [
    'FrozenFeatures',
    'GaussianFit',
    'LattePlusFit',
    'LattePlusOptions',
    'LinearClassifier',
    'NeighbourGraph',
    'Posterior',
    'PrototypeForm',
    'add_rows',
    'conjugate_gradients',
    'double_precision',
    'e_step',
    'fit_gaussians',
    'fit_latteplus',
    'gaussian_parameters',
    'linear_discriminants',
    'm_step',
    'one_hot_posterior',
    'prototype_form',
    'spread_labels',
    'sum_along_edges',
]
