"""What frozen features hold: arrays in, a linear classifier out."""

from .add_rows import add_rows
from .fit import Fit
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
from .gda import GDAOptions, fit_gda
from .label_propagation import (
    LabelPropagationOptions,
    conjugate_gradients,
    fit_label_propagation,
)
from .latteplus import LattePlusFit, fit_latteplus
from .latteplus_options import LattePlusOptions
from .linear_classifier import LinearClassifier
from .linear_discriminants import linear_discriminants
from .neighbour_graph import NeighbourGraph, spread_labels, sum_along_edges
from .prototype_form import PrototypeForm, prototype_form
from .transclip import TransCLIPOptions, fit_transclip
from .transport import TransportOptions, fit_transport
from .two_encoders import JoinedEncoders, join_encoders, label_with_both

__all__ = [
    'Fit',
    'FrozenFeatures',
    'GDAOptions',
    'GaussianFit',
    'JoinedEncoders',
    'LabelPropagationOptions',
    'LattePlusFit',
    'LattePlusOptions',
    'LinearClassifier',
    'NeighbourGraph',
    'Posterior',
    'PrototypeForm',
    'TransCLIPOptions',
    'TransportOptions',
    'add_rows',
    'conjugate_gradients',
    'double_precision',
    'e_step',
    'fit_gaussians',
    'fit_gda',
    'fit_label_propagation',
    'fit_latteplus',
    'fit_transclip',
    'fit_transport',
    'gaussian_parameters',
    'join_encoders',
    'label_with_both',
    'linear_discriminants',
    'm_step',
    'one_hot_posterior',
    'prototype_form',
    'spread_labels',
    'sum_along_edges',
]
