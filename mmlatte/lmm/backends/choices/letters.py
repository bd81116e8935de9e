"""Letters that stand for names."""

__all__ = ['LETTERS']

#: As many as servers report the log-probabilities of.
LETTERS = 'ABCDEFGHIJKLMNOPQRST'
