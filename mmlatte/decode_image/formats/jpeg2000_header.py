from dataclasses import dataclass

__all__ = ['Jpeg2000Header', 'read_header']

SIZE_MARKER = b'\xff\x4f\xff\x51'
#: Enumerated colour spaces of the box 'colr': sRGB and sYCC.
COLOUR = (16, 18)


@dataclass(frozen=True)
class Jpeg2000Header:
    """What a JPEG 2000 declares (ISO/IEC 15444-1, A.5.1 and I.5.3.3)."""

    width: int
    height: int
    bands: int
    bits: int
    signed: bool
    colour: bool


def read_header(data: bytes) -> Jpeg2000Header | None:
    """Read the header of a file or a bare code stream.

    Args:
        data (bytes): The content.

    Returns:
        Jpeg2000Header | None: None if this is no JPEG 2000.
    """
    is_file = data[4:8] == b'jP  '
    start = data.find(SIZE_MARKER) if is_file else 0
    if data[start : start + 4] != SIZE_MARKER or start < 0:
        return None

    def number(offset: int, size: int = 4) -> int:
        at = start + offset
        return int.from_bytes(data[at : at + size], 'big')

    bands = number(40, 2)
    depths = [number(42 + 3 * band, 1) for band in range(bands)]
    box = data.find(b'colr', 0, start)
    method = data[box + 4] if box >= 0 else 0
    space = int.from_bytes(data[box + 7 : box + 11], 'big')
    return Jpeg2000Header(
        width=number(8) - number(16),
        height=number(12) - number(20),
        bands=bands,
        bits=max((depth & 0x7F) + 1 for depth in depths),
        signed=any(depth & 0x80 for depth in depths),
        colour=method == 1 and space in COLOUR,
    )
