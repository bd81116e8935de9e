from pathlib import Path

import pytest

from mmlatte.datasets.answers import AnswersError, read_answers

IDS = ['cat/1.jpg', 'cat/2.jpg', 'dog/1.jpg', 'dog/my dog.png', 'é,"x".jpg']
CLASSES = ['cat', 'dog', 'annual crop', 'none']


@pytest.fixture
def ids() -> list[str]:
    return IDS


@pytest.fixture
def classes() -> list[str]:
    return CLASSES


@pytest.fixture
def write(tmp_path):
    """Write a file; returns its path."""

    def written(text: str | bytes, name: str = 'labels.csv') -> Path:
        path = tmp_path / name
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return path

    return written


@pytest.fixture
def read():
    """Read a file; returns the class of each image."""

    def classes_of(path: Path, **kwargs) -> dict[str, str]:
        answers = read_answers(path, IDS, CLASSES, **kwargs)
        assert len({a.image for a in answers}) == len(answers)
        return {answer.image: answer.class_name for answer in answers}

    return classes_of


@pytest.fixture
def problems_of():
    """Read a file; returns its problems, without the file's folder."""

    def problems(path: Path, **kwargs) -> list[str]:
        with pytest.raises(AnswersError) as error:
            read_answers(path, IDS, CLASSES, **kwargs)
        folder = f'{path.parent}/'
        return [line.replace(folder, '') for line in error.value.problems]

    return problems
