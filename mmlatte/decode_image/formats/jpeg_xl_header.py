from dataclasses import dataclass

__all__ = ['JpegXlHeader', 'is_jpeg_xl', 'read_jpeg_xl_header']

CONTAINER = b'\x00\x00\x00\x0cJXL \r\n\x87\n'
STREAM = b'\xff\x0a'
#: Bytes of a stream that hold all that is read here.
HEAD = 80
#: Width to height, of seven common sizes.
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))

#: Alternatives of a number: (what is added, bits that are read).
Choices = tuple[tuple[int, int], ...]
SIDE: Choices = ((1, 9), (1, 13), (1, 18), (1, 30))
PREVIEW: Choices = ((1, 6), (65, 8), (321, 10), (1345, 12))
PREVIEW_OF_8: Choices = ((16, 0), (32, 0), (1, 5), (33, 9))
TICKS: Choices = ((100, 0), (1000, 0), (1, 10), (1, 30))
TICKS_PER: Choices = ((1, 0), (1001, 0), (1, 8), (1, 10))
LOOPS: Choices = ((0, 0), (0, 3), (0, 16), (0, 32))
SAMPLE_BITS: Choices = ((8, 0), (10, 0), (12, 0), (1, 6))


@dataclass(frozen=True)
class JpegXlHeader:
    """What a JPEG XL declares (ISO/IEC 18181-1, annex D).

    Args:
        width (int): In pixels, before it is turned upright.
        height (int): The same.
        bits (int | None): Of a value; None for fractions.
    """

    width: int
    height: int
    bits: int | None


def is_jpeg_xl(head: bytes) -> bool:
    """Tell by the first 12 bytes."""
    return head.startswith((CONTAINER, STREAM))


def read_jpeg_xl_header(data: bytes) -> JpegXlHeader:
    """Read the header of a file or a bare code stream.

    Raises:
        ValueError: If there is no code stream.
    """
    start = _stream(data) if data.startswith(CONTAINER) else 0
    if data[start : start + 2] != STREAM:
        raise ValueError('this JPEG XL holds no image')
    read = _Bits(data[start + 2 : start + HEAD])
    width, height = _size(read)
    if read.take(1):  # all is default
        return JpegXlHeader(width, height, 8)
    if read.take(1):
        read.take(3)  # orientation
        if read.take(1):
            _size(read)  # another size, to be shown at
        if read.take(1):
            _skip_preview(read)
        if read.take(1):
            for choices in (TICKS, TICKS_PER, LOOPS):
                read.number(choices)
            read.take(1)  # time codes
    fractions = read.take(1)
    bits = None if fractions else read.number(SAMPLE_BITS)
    return JpegXlHeader(width, height, bits)


class _Bits:
    """Reads numbers from the lowest bit on."""

    def __init__(self, data: bytes) -> None:
        self._left = int.from_bytes(data, 'little')

    def take(self, count: int) -> int:
        value = self._left & (1 << count) - 1
        self._left >>= count
        return value

    def number(self, choices: Choices) -> int:
        """Return a number of one of four forms."""
        start, count = choices[self.take(2)]
        return start + self.take(count)


def _size(read: _Bits) -> tuple[int, int]:
    small = read.take(1)

    def side() -> int:
        return 8 * (read.take(5) + 1) if small else read.number(SIDE)

    height = side()
    ratio = read.take(3)
    if not ratio:
        return side(), height
    wide, high = RATIOS[ratio - 1]
    return height * wide // high, height


def _skip_preview(read: _Bits) -> None:
    choices = PREVIEW_OF_8 if read.take(1) else PREVIEW
    read.number(choices)
    if not read.take(3):
        read.number(choices)


def _stream(data: bytes) -> int:
    """Return where the code stream begins in a container's boxes."""
    at = 0
    while at + 8 <= len(data):
        size = int.from_bytes(data[at : at + 4], 'big')
        kind, body = data[at + 4 : at + 8], at + 8
        if size == 1:
            size = int.from_bytes(data[body : body + 8], 'big')
            body += 8
        if kind == b'jxlc':
            return body
        if kind == b'jxlp':
            return body + 4
        if size < 8:
            break
        at += size
    return len(data)
