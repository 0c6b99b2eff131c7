"""Does a logo keep its picture and lose everything else, and is what is no picture refused?"""

import io
import random
import struct
import zlib

import pytest
from PIL import Image
from PIL.PngImagePlugin import PngInfo

from alignlib.report.logo import MOST_BYTES, SIGNATURE, bare_png

CANARY = b"canary@example.com"


def picture(mode: str = "RGBA", wide: int = 37, high: int = 21, **how: object) -> bytes:
    """A PNG of noise, as another program writes it."""
    made, out = Image.effect_noise((wide, high), 90), io.BytesIO()
    made.convert("RGB").convert(mode).save(out, "PNG", **how)
    return out.getvalue()


def part(name: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))


def png(*parts: tuple[bytes, bytes]) -> bytes:
    return SIGNATURE + b"".join(part(*each) for each in (*parts, (b"IEND", b"")))


def header(wide: int = 1, high: int = 1, depth: int = 8, colour: int = 0, interlaced: int = 0) -> tuple[bytes, bytes]:
    return b"IHDR", struct.pack(">IIBBBBB", wide, high, depth, colour, 0, 0, interlaced)


def pixels(raw: bytes) -> tuple[bytes, bytes]:
    return b"IDAT", zlib.compress(raw)


GREY = pixels(b"\0\x80")


def seen(content: bytes) -> tuple[tuple[int, int], bytes]:
    """What another reader makes of it."""
    with Image.open(io.BytesIO(content)) as image:
        return image.size, image.convert("RGBA").tobytes()


@pytest.mark.parametrize("mode", ["1", "L", "LA", "P", "RGB", "RGBA", "I;16"])
def test_the_picture_stays_the_same_to_the_pixel(mode: str) -> None:
    whole = picture(mode) if mode != "I;16" else png(header(3, 2, 16), pixels(bytes(range(14)).replace(b"\7", b"\0")))
    bare = bare_png(whole)
    assert seen(bare) == seen(whole)
    assert bare_png(bare) == bare


def test_a_palette_with_one_transparent_colour_stays() -> None:
    whole = picture("P", transparency=3)
    assert b"tRNS" in bare_png(whole) and seen(bare_png(whole)) == seen(whole)


def test_an_interlaced_picture_stays_as_it_is() -> None:
    """Adam7, by hand: 15 grey pixels in six of the seven passes, each row after its filter byte."""
    rows = [b"\1", b"\2", b"\3", b"\4\5\6", b"\7\10", b"\11\12", b"\13\14\15\16\17"]
    raw = b"".join(b"\0" + row for row in rows)
    content = png(header(5, 3, interlaced=1), pixels(raw))
    assert sorted(seen(content)[1][::4]) == list(range(1, 16))  # the other reader agrees that all are there
    assert seen(bare_png(content)) == seen(content)
    with pytest.raises(ValueError, match="more or fewer pixels"):
        bare_png(png(header(5, 3, interlaced=1), pixels(raw + b"\0")))


def test_everything_but_the_picture_is_gone() -> None:
    told = PngInfo()
    for kind in ("Author", "Software", "Comment", "XML:com.adobe.xmp"):
        told.add_itxt(kind, CANARY.decode())
        told.add_text(kind, CANARY.decode(), zip=kind == "Comment")
    whole = picture(pnginfo=told, exif=b"Exif\0\0" + CANARY, icc_profile=b"profile " + CANARY, dpi=(300, 300))
    hidden = whole + CANARY  # after the end
    bare = bare_png(hidden)
    assert whole.count(b"iTXt") >= 3 and CANARY in hidden and CANARY not in bare and seen(bare) == seen(whole)
    names, at = [], len(SIGNATURE)
    while at < len(bare):
        names.append(bare[at + 4 : at + 8])
        at += 12 + struct.unpack(">I", bare[at : at + 4])[0]
    assert names == [b"IHDR", b"IDAT", b"IEND"]


def test_what_hides_behind_the_packed_pixels_is_gone() -> None:
    content = png(header(), (b"IDAT", zlib.compress(b"\0\x80") + CANARY))
    assert CANARY in content and CANARY not in bare_png(content)


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"", "not a PNG"),
        (b"\xff\xd8\xff\xe0 JFIF", "not a PNG"),
        (b"<svg onload='alert(1)'/>", "not a PNG"),
        (SIGNATURE, "damaged"),
        (png(header(), GREY)[:-6], "damaged"),
        (png(header(), GREY).replace(b"\x08\x00\x00\x00\x00", b"\x08\x00\x00\x00\x01", 1), "does not add up"),
        (png(GREY, header()), "does not begin with its size"),
        (png(header(2_001, 1), GREY), "2001 by 1 pixels"),
        (png(header(1, 65_000), GREY), "1 by 65000 pixels"),
        (png(header(0, 1), GREY), "0 by 1 pixels"),
        (png(header(depth=3), GREY), "no PNG has such a header"),
        (png(header(colour=5), GREY), "no PNG has such a header"),
        (png(header(interlaced=2), GREY), "no PNG has such a header"),
        (png(header(colour=3), GREY), "palette is missing"),
        (png(header(colour=3), (b"PLTE", bytes(771)), GREY), "too long"),
        (png(header(), (b"EVIL", b"x"), GREY), "no reader of PNG knows"),
        (png(header()), "more or fewer pixels"),
        (png(header(), pixels(b"\0")), "more or fewer pixels"),
        (png(header(), pixels(b"\0\x80\x80")), "more or fewer pixels"),
        (png(header(), pixels(b"\5\x80")), "a row of its pixels"),
        (png(header(), (b"IDAT", b"not zlib")), "cannot be unpacked"),
        (png(header(2_000, 2_000, 16, 6), pixels(bytes(60_000_000))), "more or fewer pixels"),
        (SIGNATURE + bytes(MOST_BYTES), "larger than 200 KB"),
    ],
)  # fmt: skip
def test_what_is_no_picture_is_refused_with_the_reason(content: bytes, why: str) -> None:
    with pytest.raises(ValueError, match=why):
        bare_png(content)


def test_a_bomb_is_never_unpacked_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    bomb = png(header(10, 10), pixels(bytes(50_000_000)))
    assert len(bomb) < MOST_BYTES
    most = []

    class Counting:
        def __init__(self) -> None:
            self.real = REAL()

        def decompress(self, data: bytes, length: int) -> bytes:
            most.append(length)
            return self.real.decompress(data, length)

    REAL = zlib.decompressobj
    monkeypatch.setattr(zlib, "decompressobj", Counting)
    with pytest.raises(ValueError, match="more or fewer pixels"):
        bare_png(bomb)
    assert most == [10 * 11 + 1]


def test_any_file_is_a_picture_or_a_reason() -> None:
    rng, whole = random.Random(7), bytearray(picture("P"))
    for _ in range(2_000):
        torn = bytearray(whole)
        for _ in range(rng.randint(1, 4)):
            torn[rng.randrange(len(torn))] = rng.randrange(256)
        try:
            seen(bare_png(bytes(torn[: rng.randint(1, len(torn))])))
        except ValueError as error:
            assert str(error).startswith("it ")
