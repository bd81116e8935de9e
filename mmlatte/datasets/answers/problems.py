"""What is wrong with a file of answers, all of it at once."""

__all__ = ['AnswersError', 'Problems']

#: A wrong data root makes every line wrong; nobody reads them all.
SHOWN = 100


class AnswersError(ValueError):
    """Answers that cannot be used.

    Args:
        problems (list[str]): All of them, each with file, line, value and
            what to do. The message shows the first hundred.
    """

    def __init__(self, problems: list[str]) -> None:
        self.problems = problems
        lines = problems[:SHOWN]
        if len(problems) > SHOWN:
            lines = [*lines, f'and {len(problems) - SHOWN} more']
        count = 'one problem' if len(problems) == 1 else f'{len(problems)} '
        count += '' if len(problems) == 1 else 'problems'
        super().__init__(f'answers: {count}\n' + '\n'.join(lines))


class Problems:
    """Collects problems, so that a user can mend them in one go."""

    def __init__(self) -> None:
        self._found: list[str] = []

    def add(self, where: str, what: object) -> None:
        """Note a problem: ``where`` is file and line."""
        self._found.append(f'{where}: {what}')

    def extend(self, problems: list[str]) -> None:
        """Note problems that name their place."""
        self._found += problems

    def check(self) -> None:
        """Raise what was found.

        Raises:
            AnswersError: If there is a problem.
        """
        if self._found:
            raise AnswersError(self._found)
