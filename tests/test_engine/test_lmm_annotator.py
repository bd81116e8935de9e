import os
import signal
import subprocess
import sys
import textwrap
import time
from collections import Counter

import numpy as np
import pytest
import torch
from PIL import Image

from mmlatte.datasets.answers import Answer, Answers
from mmlatte.engine.lmm_annotator import LMMAnnotator
from mmlatte.fits import FrozenFeatures
from mmlatte.lmm import (
    ClosedOptions,
    ClosedTask,
    LMMUnavailableError,
    OpenAICompatibleLMM,
    TextStore,
)

NAMES = ['forest', 'river', 'beach', 'town']
COUNT = 120


class Samples:
    def names(self, start, stop):
        return [f'{i:03}.png' for i in range(start, stop)]


def features(count=COUNT, width=16):
    """Four clusters; CLIP names them at random."""
    random = np.random.default_rng(0)
    centres = random.normal(size=(4, width))
    truth = np.arange(count) % 4
    points = centres[truth] + 0.5 * random.normal(size=(count, width))
    texts = random.normal(size=(4, width))
    points, texts = (
        (x / np.linalg.norm(x, axis=1, keepdims=True)).astype(np.float32)
        for x in (points, texts)
    )
    cosines = points @ texts.T
    return FrozenFeatures(
        points, cosines.argmax(axis=1), cosines.max(axis=1), texts
    )


def picture(i):
    """Red is the class, green the number, as the stand-in reads them."""
    return Image.new('RGB', (8, 8), (i % 4, i, 0))


def annotator(url, folder, **options):
    lmm = OpenAICompatibleLMM('stand-in', url, concurrency=1, backoff=0.05)
    task = ClosedTask(NAMES, ClosedOptions(**options), lmm.letters)
    return LMMAnnotator(
        features(), Samples(), picture, lmm, TextStore(folder), task
    )


def test_an_lmm_answers_and_is_asked_again(choice_server, tmp_path):
    server = choice_server(NAMES)
    one = annotator(server.url, tmp_path)
    answers = one.annotate(21)
    assert len(answers) == 21 and answers.count_sources() == {
        'lmm:stand-in': 21
    }
    for a in answers:
        assert a.class_name == NAMES[int(a.image[:3]) % 4]
        assert a.confidence == pytest.approx(0.7 / 0.9, abs=1e-4)
    # The check beside them; every image once.
    assert len(server.asked) == 21 == len(set(server.asked))
    assert [*annotator(server.url, tmp_path).annotate(21)] == [*answers]
    assert len(server.asked) == 21
    more = annotator(server.url, tmp_path).annotate(30)
    assert {*answers} < {*more} and len(server.asked) == 30


def test_finished_answers_need_no_server(choice_server, tmp_path):
    server = choice_server(NAMES)
    answers = annotator(server.url, tmp_path).annotate(12)
    server.shutdown()
    server.server_close()
    assert [*annotator(server.url, tmp_path).annotate(12)] == [*answers]
    with pytest.raises(LMMUnavailableError, match='does not answer'):
        annotator(server.url, tmp_path).annotate(13)


def test_images_that_a_person_answered_are_covered(choice_server, tmp_path):
    server = choice_server(NAMES)
    alone = annotator(server.url, tmp_path / 'a').annotate(8)
    people = Answers([Answer(a.image, a.class_name) for a in alone])
    others = annotator(server.url, tmp_path / 'b').annotate(8, people)
    assert not {a.image for a in alone} & {a.image for a in others}


def test_long_lists_are_cut_to_the_likeliest(choice_server, tmp_path):
    server = choice_server(NAMES)
    one = annotator(server.url, tmp_path, names=2)
    one.annotate(8)
    frozen = features()
    likely = np.argsort(-(frozen.features @ frozen.class_features.T), axis=1)
    for record in one.store.records('choice'):
        listed = {line[3:] for line in record.prompt.split('\n')[1:3]}
        row = int(record.sample_id[:3])
        assert listed == {NAMES[label] for label in likely[row, :2]}


SCRIPT = """
import importlib.util, sys
spec = importlib.util.spec_from_file_location('it', {file!r})
it = importlib.util.module_from_spec(spec)
spec.loader.exec_module(it)
answers = it.annotator({url!r}, {folder!r}).annotate(24)
print(len(answers))
"""


def test_a_killed_run_asks_nothing_twice_and_loses_nothing(
    choice_server, tmp_path
):
    server = choice_server(NAMES, seconds=0.05)
    folder = tmp_path / 'killed'
    script = textwrap.dedent(SCRIPT).format(
        file=__file__, url=server.url, folder=str(folder)
    )
    for kill_after in (5, 14, None):
        process = subprocess.Popen(
            [sys.executable, '-c', script],
            env={**os.environ, 'OMP_NUM_THREADS': '1'},
            stdout=subprocess.DEVNULL,
        )
        while kill_after and process.poll() is None:
            if len(server.asked) >= kill_after:
                process.send_signal(signal.SIGKILL)
                break
            time.sleep(0.01)
        assert process.wait(120) == (-signal.SIGKILL if kill_after else 0)
    times = Counter(server.asked)
    # Two kills, one question under way at each.
    assert sum(times.values()) <= 24 + 2
    assert len(times) == 24 and max(times.values()) <= 2
    quiet = choice_server(NAMES)
    alone = annotator(quiet.url, tmp_path / 'alone').annotate(24)
    resumed = annotator(server.url, folder).annotate(24)
    assert {*resumed} == {*alone}
    assert len(server.asked) == sum(times.values())


def be_a_rank(rank, port, url, folder):
    os.environ |= dict(
        RANK=str(rank),
        LOCAL_RANK=str(rank),
        WORLD_SIZE='2',
        MASTER_ADDR='127.0.0.1',
        MASTER_PORT=str(port),
    )
    torch.distributed.init_process_group('gloo')
    answers = annotator(url, folder).annotate(12)
    with open(f'{folder}-{rank}.txt', 'w') as file:
        file.write(f'{sorted(map(str, answers))}')


def test_ranks_share_the_questions(choice_server, tmp_path):
    server = choice_server(NAMES)
    folder = str(tmp_path / 'store')
    port = 29500 + os.getpid() % 400
    torch.multiprocessing.start_processes(
        be_a_rank, (port, server.url, folder), nprocs=2, start_method='fork'
    )
    assert len(server.asked) == 12 == len(set(server.asked))
    texts = [open(f'{folder}-{r}.txt').read() for r in (0, 1)]
    assert texts[0] == texts[1]
    writers = {r.params['round'] for r in TextStore(folder).records('choice')}
    assert writers == {0, 1}
    alone = annotator(server.url, tmp_path / 'alone').annotate(12)
    assert f'{sorted(map(str, alone))}' == texts[0]
