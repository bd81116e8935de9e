"""A growing file: nothing acknowledged is lost, whatever is killed."""

import contextlib
import multiprocessing
import threading

import pytest

from mmlatte.datasets.answers import (
    SKIP,
    Answer,
    AnswersError,
    AnswersFile,
    read_answers,
)
from mmlatte.datasets.answers.answers_file import os as os_of_the_file

IDS = [f'{i}.jpg' for i in range(1000)] + ['a "b",\nc.jpg']
CLASSES = ['cat', 'dog']

#: A fork has everything imported.
FORK = multiprocessing.get_context('fork')


@pytest.fixture
def path(tmp_path):
    return tmp_path / 'out' / 'answers.csv'


def classes_of(path) -> dict[str, str]:
    return {a.image: a.class_name for a in read_answers(path, IDS, CLASSES)}


def test_put_and_continue(path):
    with AnswersFile(path) as file:
        assert classes_of(path) == {}
        file.put('1.jpg', 'cat')
        file.put(IDS[-1], SKIP, 0.5)
        assert classes_of(path) == {'1.jpg': 'cat', IDS[-1]: SKIP}
    before = path.read_bytes()
    with AnswersFile(path, 'lmm:x') as file:
        file.put('1.jpg', 'dog')
    assert path.read_bytes().startswith(before)
    answers = read_answers(path, IDS, CLASSES)
    said = [(a.image, a.class_name, a.confidence, a.source) for a in answers]
    assert said == [
        ('1.jpg', 'cat', 1, 'person'),
        (IDS[-1], SKIP, 0.5, 'person'),
        ('1.jpg', 'dog', 1, 'lmm:x'),
    ]
    assert all(a.when.endswith('Z') for a in answers)


def test_a_later_line_replaces_the_same_annotators(path):
    with AnswersFile(path, 'ann') as file:
        file.put('1.jpg', 'cat')
        file.put('2.jpg', 'cat')
        file.put('3.jpg', 'cat')
        file.put('1.jpg', 'dog')
        file.withdraw('2.jpg')
        file.withdraw('3.jpg')
        file.put('3.jpg', 'dog')
    assert classes_of(path) == {'1.jpg': 'dog', '3.jpg': 'dog'}
    assert path.read_text().count('cat') == 3  # and none is gone


def test_a_file_from_elsewhere_is_continued(path):
    path.parent.mkdir()
    path.write_text('class,image,note\ncat,1.jpg,"x, y"\ndog,2.jpg,')
    with AnswersFile(path) as file:
        file.put('2.jpg', 'cat')
        file.put('3.jpg', 'dog')
    lines = path.read_text().splitlines()
    assert lines[:3] == [
        'class,image,note,confidence,annotator,when',
        'cat,1.jpg,"x, y",,person,',
        'dog,2.jpg,,,person,',
    ]
    assert classes_of(path) == {'1.jpg': 'cat', '2.jpg': 'cat', '3.jpg': 'dog'}


@pytest.mark.parametrize(
    'text',
    ['1.jpg,cat\n', 'image\tclass\n1.jpg\tcat\n', 'image,class\n1.jpg\n'],
)
def test_another_file_stays_as_it_is(path, text):
    path.parent.mkdir()
    path.write_text(text)
    with pytest.raises(AnswersError, match=r'answers\.csv:[12]: has'):
        AnswersFile(path)
    assert path.read_text() == text
    path.write_text('image,class\n')
    AnswersFile(path).close()  # the lock is free again


def test_a_second_writer_is_refused(path):
    with AnswersFile(path):
        with pytest.raises(BlockingIOError, match='being written by another'):
            AnswersFile(path)
        mine, its = FORK.Pipe()
        other = FORK.Process(target=_open, args=[path, its])
        other.start()
        assert 'being written by another process' in mine.recv()
        other.join()
    AnswersFile(path).close()


def _open(path, pipe) -> None:
    try:
        AnswersFile(path)
    except BlockingIOError as error:
        pipe.send(str(error))
    else:
        pipe.send('opened')


def test_threads(path):
    with AnswersFile(path) as file:

        def put(start: int) -> None:
            for i in range(start, 200, 4):
                file.put(f'{i}.jpg', CLASSES[i % 2])

        threads = [threading.Thread(target=put, args=[i]) for i in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    expected = {f'{i}.jpg': CLASSES[i % 2] for i in range(200)}
    assert classes_of(path) == expected


def test_the_lock_can_be_given_up_by_another_thread(path):
    file = AnswersFile(path)
    thread = threading.Thread(target=file.close)
    thread.start()
    thread.join()
    AnswersFile(path).close()


def test_a_killed_writer_loses_nothing_that_it_acknowledged(path):
    for _ in range(2):  # the lock went with its owner
        mine, its = FORK.Pipe(duplex=False)
        writer = FORK.Process(target=_put_all, args=[path, its])
        writer.start()
        its.close()
        last = max(mine.recv() for _ in range(20))
        writer.kill()
        with contextlib.suppress(EOFError):
            while True:  # up to the kill
                last = mine.recv()
        writer.join()
        assert 19 <= last < 999
        assert {*IDS[: last + 1]} <= {*classes_of(path)}


def _put_all(path, pipe) -> None:
    file = AnswersFile(path)
    for i, name in enumerate(IDS[:1000]):
        file.put(name, 'cat')
        pipe.send(i)


def test_a_torn_line_is_left_out_wherever_it_was_torn(path):
    with AnswersFile(path) as file:
        file.put('1.jpg', 'cat')
        whole = path.read_bytes()
        file.put(IDS[-1], 'dog')
    line = path.read_bytes()[len(whole) :]
    for length in range(1, len(line)):
        path.write_bytes(whole + line[:length])
        found = classes_of(path)
        assert found['1.jpg'] == 'cat'
        # Whole without its line end, or nothing: never half an answer.
        assert found.get(IDS[-1], 'dog') == 'dog'
        with AnswersFile(path) as file:
            file.put('2.jpg', 'dog')
        found = classes_of(path)
        assert (found['1.jpg'], found['2.jpg']) == ('cat', 'dog')


def test_a_full_disk_leaves_no_half_line(path, monkeypatch):
    write = os_of_the_file.write
    with AnswersFile(path) as file:
        file.put('1.jpg', 'cat')
        with monkeypatch.context() as patch:
            patch.setattr(
                os_of_the_file, 'write', lambda to, line: write(to, line[:7])
            )
            with pytest.raises(OSError, match='the disk is full'):
                file.put('2.jpg', 'cat')
        file.put('3.jpg', 'dog')
    assert classes_of(path) == {'1.jpg': 'cat', '3.jpg': 'dog'}


@pytest.mark.parametrize('wrong', [dict(confidence=2), dict(class_name='')])
def test_what_is_no_answer_is_not_written(path, wrong):
    with AnswersFile(path) as file:
        before = path.read_bytes()
        with pytest.raises(ValueError):
            file.put(**{**dict(image='1.jpg', class_name='cat'), **wrong})
        assert path.read_bytes() == before


def test_answers_keep_their_time(path):
    answer = Answer('1.jpg', 'cat', when='2026-01-01T00:00:00.000000Z')
    path.parent.mkdir()
    path.write_text(
        f'image,class,confidence,annotator,when\n1.jpg,cat,1,person,{answer.when}\n'
    )
    assert list(read_answers(path, IDS, CLASSES)) == [answer]


def test_a_closed_file_writes_into_no_other(tmp_path):
    file = AnswersFile(tmp_path / 'answers.csv')
    file.close()
    others = [tmp_path / str(n) for n in range(3)]
    with contextlib.ExitStack() as stack:
        # One of them gets the number that the system had given the first.
        for other in others:
            stack.enter_context(other.open('wb'))
        with pytest.raises(OSError, match='is closed'):
            file.put('1.jpg', 'cat')
    assert [other.stat().st_size for other in others] == [0, 0, 0]
