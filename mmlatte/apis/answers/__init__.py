"""Asking a person what a few images show."""

from .answer_server import AnswerServer

__all__ = ['AnswerServer']
