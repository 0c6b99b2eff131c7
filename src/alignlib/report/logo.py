"""Which picture does a logo hold, and nothing else? A PNG file taken apart, checked and put together again."""

import struct
import zlib
from collections.abc import Iterator

SIGNATURE = b"\x89PNG\r\n\x1a\n"
MOST_BYTES, LONGEST_SIDE = 200_000, 2_000
_CHANNELS = {0: 1, 2: 3, 3: 1, 4: 2, 6: 4}  # by colour type: grey, red-green-blue, palette, grey and RGB with opacity
_DEPTHS = {0: (1, 2, 4, 8, 16), 2: (8, 16), 3: (1, 2, 4, 8), 4: (8, 16), 6: (8, 16)}
_PASSES = ((0, 0, 8, 8), (4, 0, 8, 8), (0, 4, 4, 8), (2, 0, 4, 4), (0, 2, 2, 4), (1, 0, 2, 2), (0, 1, 1, 2))  # Adam7
_KEPT = (b"PLTE", b"tRNS")
_PALETTE = 768


def bare_png(content: bytes) -> bytes:
    """Which PNG shows the same picture and holds nothing else: no text, camera data, profile, date or hidden bytes?

    Keeps size, palette, opacity and pixels; the pixels are unpacked to exactly the length that the size calls for, and
    packed anew. Raises ValueError with what is wrong: no PNG, more than 200 KB or 2,000 pixels a side, damaged.
    Source: Portable Network Graphics Specification, W3C (second edition, 2003), sections 5, 7 and 11.
    """
    if len(content) > MOST_BYTES:
        raise ValueError("it is larger than 200 KB")
    if not content.startswith(SIGNATURE):
        raise ValueError("it is not a PNG file, whatever its name says")
    chunks = list(_chunks(content))
    header, kept = chunks[0][1], [(name, data) for name, data in chunks if name in _KEPT]
    if chunks[0][0] != b"IHDR" or len(header) != 13:
        raise ValueError("it is damaged: it does not begin with its size")
    wide, high, depth, colour, packing, filtering, interlaced = struct.unpack(">IIBBBBB", header)
    if not (0 < wide <= LONGEST_SIDE and 0 < high <= LONGEST_SIDE):
        raise ValueError(f"it is {wide} by {high} pixels; more than {LONGEST_SIDE:,} a side is refused")
    if depth not in _DEPTHS.get(colour, ()) or packing or filtering or interlaced > 1:
        raise ValueError("it is damaged: no PNG has such a header")
    names = [name for name, _ in kept]
    if (
        len(set(names)) < len(names)
        or (colour == 3 and b"PLTE" not in names)
        or any(len(d) > _PALETTE for _, d in kept)
    ):
        raise ValueError("it is damaged: its palette is missing, given twice or too long")
    rows = list(_rows(wide, high, depth * _CHANNELS[colour], bool(interlaced)))
    pixels = _unpacked(b"".join(data for name, data in chunks if name == b"IDAT"), sum(rows))
    at = 0
    for length in rows:
        if pixels[at] > 4:
            raise ValueError("it is damaged: a row of its pixels cannot be read")
        at += length
    parts = [(b"IHDR", header), *sorted(kept), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b"")]
    return SIGNATURE + b"".join(_packed(name, data) for name, data in parts)


def _chunks(content: bytes) -> Iterator[tuple[bytes, bytes]]:
    """Each part up to the end mark, its sum checked; what a reader must know and we do not is refused."""
    at = len(SIGNATURE)
    while at + 12 <= len(content):
        length, name = struct.unpack(">I4s", content[at : at + 8])
        data = content[at + 8 : at + 8 + length]
        if len(content) < at + 12 + length or _packed(name, data) != content[at : at + 12 + length]:
            break
        if name == b"IEND":
            return
        if not name[0] & 32 and name not in (b"IHDR", b"PLTE", b"IDAT"):
            raise ValueError("it holds a part that no reader of PNG knows")
        yield name, data
        at += 12 + length
    raise ValueError("it is damaged: it breaks off, or a part does not add up")


def _rows(wide: int, high: int, bits: int, interlaced: bool) -> Iterator[int]:
    """How many bytes does each row of pixels take, its filter byte with it?"""
    for left, top, right, down in _PASSES if interlaced else ((0, 0, 1, 1),):
        columns, rows = -(-(wide - left) // right), -(-(high - top) // down)
        if columns > 0:
            yield from (1 + -(-columns * bits // 8) for _ in range(rows))


def _unpacked(data: bytes, length: int) -> bytes:
    """Never more than one byte too many is unpacked, however far the data would swell."""
    try:
        pixels = zlib.decompressobj().decompress(data, length + 1)
    except zlib.error as error:
        raise ValueError("it is damaged: its pixels cannot be unpacked") from error
    if len(pixels) != length:
        raise ValueError("it is damaged: it holds more or fewer pixels than its size calls for")
    return pixels


def _packed(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
