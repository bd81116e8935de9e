import numpy as np

from mmlatte.lmm import SampleFinder, TextRecord

IMAGES = np.array([7, 3, 7, 2**64 - 1], np.uint64)


class Samples:
    def names(self, start, stop):
        return ['a.jpg', 'b.jpg', 'c.jpg', 'd.jpg'][start:stop]


def row(name, image):
    record = TextRecord(name, 'image', 'p', image=f'{image:016x}')
    return SampleFinder(Samples(), IMAGES).row(record)


def test_a_sample_is_found_by_its_image_whatever_its_name():
    assert row('b.jpg', 3) == row('old.jpg', 3) == 1
    assert row('d.jpg', 2**64 - 1) == 3
    assert row('a.jpg', 8) is None and row('a.jpg', 0) is None


def test_of_copies_the_name_decides():
    assert [row(name, 7) for name in ('a.jpg', 'c.jpg', 'x')] == [0, 2, 0]
