"""Checkpoints of plain data, written whole, found again."""

from .resume import find_resumable_checkpoint

__all__ = ['find_resumable_checkpoint']
