"""Which places may a word hide in? Files made for the purpose, each with one seed in one place."""

import gzip
import io
import json
import struct
import zipfile
import zlib
from base64 import b64encode
from collections.abc import Callable
from typing import Any

SEED = "qzkanariseed"


def png(*chunks: tuple[bytes, bytes]) -> bytes:
    """A picture of one pixel, with these chunks before its data."""

    def chunk(kind: bytes, body: bytes) -> bytes:
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    head = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    parts = [(b"IHDR", head), *chunks, (b"IDAT", zlib.compress(b"\0\1\2\3")), (b"IEND", b"")]
    return b"\x89PNG\r\n\x1a\n" + b"".join(chunk(kind, body) for kind, body in parts)


def archive(*members: tuple[str, bytes], comment: bytes = b"", noted: bytes = b"") -> bytes:
    with zipfile.ZipFile(out := io.BytesIO(), "w", zipfile.ZIP_DEFLATED) as made:
        for name, content in members:
            made.writestr(entry := zipfile.ZipInfo(name), content)
            entry.comment = noted
        made.comment = comment
    return out.getvalue()


def in_workbook(change: Callable[[Any, Any], object]) -> Callable[[], bytes]:
    def seeded() -> bytes:
        from openpyxl import Workbook

        book = Workbook()
        change(book, book.active)
        book.save(out := io.BytesIO())
        return out.getvalue()

    return seeded


def in_deck(change: Callable[[Any, Any], object]) -> Callable[[], bytes]:
    def seeded() -> bytes:
        from pptx import Presentation

        deck = Presentation()
        slide = deck.slides.add_slide(deck.slide_layouts[5])
        change(deck, slide)
        deck.save(out := io.BytesIO())
        return out.getvalue()

    return seeded


def in_pdf(change: Callable[[Any], object]) -> Callable[[], bytes]:
    def seeded() -> bytes:
        from pypdf import PdfWriter

        writer = PdfWriter()
        writer.add_blank_page(200, 200)
        change(writer)
        writer.write(out := io.BytesIO())
        return out.getvalue()

    return seeded


def charted(deck: Any, slide: Any) -> None:
    from pptx.chart.data import CategoryChartData
    from pptx.enum.chart import XL_CHART_TYPE

    data = CategoryChartData()
    data.categories = [SEED]
    data.add_series("n", [1])
    slide.shapes.add_chart(XL_CHART_TYPE.BAR_CLUSTERED, 0, 0, 999_999, 999_999, data)
    chart = slide.shapes[-1].chart
    for each in chart._chartSpace.iter():  # only the embedded workbook keeps it
        if each.tag.endswith("}v"):
            each.text = str(each.text).replace(SEED, "A")


def kerned(writer: Any) -> None:
    """Page text as a PDF has it: letters apart, in a compressed stream."""
    from pypdf.generic import DecodedStreamObject, DictionaryObject, NameObject

    stream = DecodedStreamObject()
    letters = " -20 ".join(f"({each})" for each in SEED)
    stream.set_data(f"BT /F1 12 Tf 20 100 Td [{letters}] TJ ET".encode())
    font = {"/Type": "/Font", "/Subtype": "/Type1", "/BaseFont": "/Helvetica"}
    named = DictionaryObject({NameObject(key): NameObject(value) for key, value in font.items()})
    fonts = DictionaryObject({NameObject("/F1"): writer._add_object(named)})
    page = writer.pages[0]
    page[NameObject("/Resources")] = DictionaryObject({NameObject("/Font"): fonts})
    page[NameObject("/Contents")] = writer._add_object(stream.flate_encode())


def labelled_page(writer: Any) -> None:
    from pypdf.generic import NameObject, TextStringObject

    writer.pages[0][NameObject("/Alt")] = TextStringObject(f"\u2212 {SEED}")  # in UTF-16


def described(writer: Any) -> None:
    writer.xmp_metadata = f'<x:xmpmeta xmlns:x="adobe:ns:meta/"><!-- {SEED} --></x:xmpmeta>'.encode()


def commented(book: Any, sheet: Any) -> None:
    from openpyxl.comments import Comment

    sheet["A1"].comment = Comment("x", SEED)


def renamed_sheet(book: Any, sheet: Any) -> None:
    book.create_sheet(SEED).sheet_state = "veryHidden"


def pictured(deck: Any, slide: Any) -> None:
    slide.shapes.add_picture(io.BytesIO(noted()), 0, 0)


def encoded(text: bytes) -> str:
    return b64encode(text).decode()


def noted() -> bytes:
    return png((b"tEXt", f"Author\0{SEED}".encode()))


SEEDS: dict[str, Callable[[], bytes]] = {
    "page, in the text": lambda: f"<p>{SEED}</p>".encode(),
    "page, in a comment": lambda: f"<!-- {SEED} -->".encode(),
    "page, in an attribute": lambda: f"<p title='{SEED}'>".encode(),
    "page, over several tags": lambda: f"<p><b>{SEED[:4]}</b><i>{SEED[4:]}</i>".encode(),
    "page, over several lines": lambda: f"<p>{SEED[:4]}\n   {SEED[4:]}".encode(),
    "page, as entities": lambda: ("<p>" + "".join(f"&#{ord(each)};" for each in SEED)).encode(),
    "page, in capitals": lambda: f"<p>{SEED.upper()}".encode(),
    "page, with soft hyphens": lambda: ("<p>" + "\u00ad".join(SEED)).encode(),
    "page, in an address": lambda: ("<a href='?" + "".join(f"%{ord(each):02x}" for each in SEED) + "'>").encode(),
    "page, in a picture": lambda: (
        f"<img src='data:image/png;base64,{encoded(png((b'tEXt', SEED.encode())))}'>".encode()
    ),
    "page, as data": lambda: f"<p data-x='{encoded(SEED.encode() + b' and more')}'>".encode(),
    "page, in hexadecimal": lambda: f"<p>{SEED.encode().hex()}</p>".encode(),
    "page, in UTF-16": lambda: f"<p>{SEED}</p>".encode("utf-16-le"),
    "record, escaped": lambda: ('{"a": "' + "".join(f"\\u{ord(each):04x}" for each in SEED) + '"}').encode(),
    "record, as a key": lambda: json.dumps({SEED: 1}).encode(),
    "picture, as a comment": noted,
    "picture, compressed": lambda: png((b"zTXt", b"Comment\0\0" + zlib.compress(SEED.encode()))),
    "picture, in several languages": lambda: png((b"iTXt", b"A\0\1\0\0\0" + zlib.compress(SEED.encode()))),
    "picture, after its end": lambda: png() + SEED.encode(),
    "workbook, in a cell": in_workbook(lambda book, sheet: sheet.append([f"by {SEED}"])),
    "workbook, in a remark": in_workbook(commented),
    "workbook, as its creator": in_workbook(lambda book, sheet: setattr(book.properties, "creator", SEED)),
    "workbook, in a hidden sheet": in_workbook(renamed_sheet),
    "workbook, in a header": in_workbook(lambda book, sheet: setattr(sheet.oddHeader.left, "text", SEED)),
    "workbook, in a number format": in_workbook(lambda book, sheet: setattr(sheet["A1"], "number_format", f'"{SEED}"')),
    "deck, on a slide": in_deck(lambda deck, slide: setattr(slide.shapes.title, "text", SEED)),
    "deck, in the notes": in_deck(lambda deck, slide: setattr(slide.notes_slide.notes_text_frame, "text", SEED)),
    "deck, as a shape's name": in_deck(lambda deck, slide: setattr(slide.shapes.title, "name", SEED)),
    "deck, as who changed it last": in_deck(lambda deck, _: setattr(deck.core_properties, "last_modified_by", SEED)),
    "deck, in a chart's workbook": in_deck(charted),
    "deck, in a picture": in_deck(pictured),
    "PDF, as its author": in_pdf(lambda writer: writer.add_metadata({"/Author": SEED})),
    "PDF, in its description": in_pdf(described),
    "PDF, in kerned text": in_pdf(kerned),
    "PDF, as another text": in_pdf(labelled_page),
    "PDF, in the contents": in_pdf(lambda writer: writer.add_outline_item(title=SEED, page_number=0)),
    "PDF, as an attachment": in_pdf(lambda writer: writer.add_attachment("a.txt", SEED.encode())),
    "archive, as a name": lambda: archive((f"{SEED}.txt", b"x")),
    "archive, as a comment": lambda: archive(("a.txt", b"x"), comment=SEED.encode()),
    "archive, in an archive": lambda: archive(("a.zip", archive(("b.json", json.dumps([SEED]).encode())))),
    "compressed": lambda: gzip.compress(SEED.encode()),
}
