"""Figures of accuracy."""

from .class_accuracy import ClassAccuracy

__all__ = ['ClassAccuracy']
