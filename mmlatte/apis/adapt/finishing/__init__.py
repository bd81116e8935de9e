"""What is made of a finished run: report, predictions, review, exports."""

from .finish import AdaptResult, check_export, finish, missing

__all__ = ['AdaptResult', 'check_export', 'finish', 'missing']
