"""The size of a JPEG XL, before it is decoded (ISO/IEC 18181-1, D.2)."""

__all__ = ['is_jpeg_xl', 'jpeg_xl_size']

CONTAINER = b'\x00\x00\x00\x0cJXL \r\n\x87\n'
STREAM = b'\xff\x0a'
#: Width to height, of seven common sizes.
RATIOS = ((1, 1), (12, 10), (4, 3), (3, 2), (16, 9), (5, 4), (2, 1))
BITS = (9, 13, 18, 30)


def is_jpeg_xl(head: bytes) -> bool:
    """Tell by the first 12 bytes."""
    return head.startswith((CONTAINER, STREAM))


def jpeg_xl_size(data: bytes) -> tuple[int, int]:
    """Return width and height of a file or a bare code stream.

    Raises:
        ValueError: If there is no code stream.
    """
    start = _stream(data) if data.startswith(CONTAINER) else 0
    if data[start : start + 2] != STREAM:
        raise ValueError('this JPEG XL holds no image')
    bits = int.from_bytes(data[start + 2 : start + 14], 'little')

    def take(count: int) -> int:
        nonlocal bits
        value = bits & (1 << count) - 1
        bits >>= count
        return value

    small = take(1)

    def side() -> int:
        return 8 * (take(5) + 1) if small else take(BITS[take(2)]) + 1

    height = side()
    ratio = take(3)
    if not ratio:
        return side(), height
    wide, high = RATIOS[ratio - 1]
    return height * wide // high, height


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
