from types import SimpleNamespace

import numpy as np
from PIL import Image

from mmlatte.apis.adapt.planning.speed import question_tokens, seconds_per_text
from mmlatte.datasets import UnlabeledFolder
from mmlatte.lmm import Answer


class Watcher:
    """An LMM that keeps the pictures it is shown."""

    batch_size = 1

    def __init__(self):
        self.pictures = []

    def question_tokens(self, image, prompt):
        self.pictures.append(image)
        return len(self.pictures)

    def generate(self, requests):
        for request in requests:
            self.pictures.append(request.load())
            yield [Answer(request, 'a river')]

    def close(self):
        pass


def test_measured_questions_show_images_as_the_run_does(tmp_path):
    for name in 'abc':
        pixels = np.full((32, 32), 300, np.uint16)
        Image.fromarray(pixels).save(tmp_path / f'{name}.png')
    dataset = UnlabeledFolder(
        str(tmp_path),
        ['a'],
        pipeline=[dict(type='mmlatte.LoadImage', range=(0, 600))],
    )
    lmm = Watcher()
    hook = SimpleNamespace(lmm=lmm, image_prompts=['p'], group_prompt=None)
    assert question_tokens(hook, dataset) == {'an image': 1}
    assert seconds_per_text(hook, dataset) >= 0
    assert [p.getpixel((9, 9)) for p in lmm.pictures] == 3 * [(128,) * 3]
