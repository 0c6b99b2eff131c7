"""How does the document become a deck that a consultant can edit: native text, tables and charts, with notes?"""

import io
import zipfile
from datetime import datetime
from typing import TYPE_CHECKING, Any, NamedTuple

from alignlib import words
from alignlib.charts.canvas import ACT, INK, MUTED, TEXT
from alignlib.errors import AlignError, Problem
from alignlib.report import listings, native, phrases
from alignlib.report.brand import PLAIN, Brand
from alignlib.report.document import Document, Figure
from alignlib.report.firm import LAYOUTS, layout, open_template, plain, title_of
from alignlib.report.frames import Box, Styled, add_chart, add_key, add_strip, add_table, add_words, describe, set_words
from alignlib.report.lanes import Look
from alignlib.report.listings import AIR, BESIDE, GAP, LEADING, SCALE, Room
from alignlib.report.slides import Slide, slides

if TYPE_CHECKING:
    from pptx.presentation import Presentation

_POINT = 12_700
_TITLES = (24.0, 22.0, 20.0, 18.0)  # points: the largest in which a title fits its place
_COVER_TITLES = (40.0, 36.0, 32.0, 28.0)
_SHORT = 28.0  # of a title on one line
_FOOT = 44.0  # points below what a slide shows
_LEAST = (0.55, 0.45)  # of a slide's width and height, what must be left below the title
_LONG = (phrases.READ, phrases.SAYS_NOT)
_EPOCH = (1980, 1, 1, 0, 0, 0)
_RETYPE = ("The words on this chart are the report's own texts: after editing its data, reset the text of the labels "
           "(Format Data Labels).")  # fmt: skip


class Grid(NamedTuple):
    """Where does what stands below a title lie, in points? The same on every slide."""

    left: float
    top: float
    width: float
    height: float


def render(document: Document, brand: Brand = PLAIN, template: bytes | None = None) -> bytes:
    """Which deck shows this document? A .pptx file; equal documents make equal bytes.

    ``template`` is a firm's own presentation: its layouts “Title Slide” and “Title Only”, its typefaces. Raises
    AlignError (E-TEMPLATE) when it cannot be used.
    """
    deck = plain(brand) if template is None else open_template(template)
    grid = _grid(deck, template is None)
    for told in slides(document, Room(grid.width, grid.height)):
        _add(deck, told, document, brand, grid)
    _sign(deck, document)
    file = io.BytesIO()
    deck.save(file)
    return _dated(file)


def _grid(deck: "Presentation", is_plain: bool) -> Grid:
    """The room below the title, and above the footer, of the layout that most slides have.

    Raises AlignError (E-TEMPLATE) when too little is left of the slide, as where a title stands at its right or foot.
    """
    width, height = (deck.slide_width or 0) / _POINT, (deck.slide_height or 0) / _POINT
    title = title_of(layout(deck, LAYOUTS[1]))
    inset, air = (0.0, 4) if is_plain else (7.2, 8)  # PowerPoint leaves an inset between a place's edge and its words
    left, top = title.left / _POINT + inset, (title.top + title.height) / _POINT + air
    grid = Grid(left, top, width - 2 * left, height - top - _FOOT)
    if left < 0 or grid.width < max(_LEAST[0] * width, 400) or grid.height < max(_LEAST[1] * height, 160):
        what = "the layout “Title Only” leaves too little room below its title"
        fix = ("in PowerPoint, View, Slide Master, “Title Only”: move the title to the top left, with more than half "
               "of the slide free below it; the slide must be at least 16 cm wide and 10 cm high")  # fmt: skip
        raise AlignError(Problem("E-TEMPLATE", what, fix=fix))
    return grid


def _add(deck: "Presentation", told: Slide, document: Document, brand: Brand, grid: Grid) -> None:
    name = LAYOUTS[0] if told.kind == "cover" else LAYOUTS[1]
    slide = deck.slides.add_slide(layout(deck, name))
    _title(slide.shapes.title, told.title, _COVER_TITLES if told.kind == "cover" else _TITLES)
    if told.kind == "cover":
        _cover(slide, told, brand, grid)
    else:
        _content(slide, told, document, brand, grid)
        _foot(slide, document, brand, grid)
    _notes(slide, told)


def _title(title: Any, text: str, sizes: tuple[float, ...]) -> None:
    width, height = title.width / _POINT, title.height / _POINT
    size = next((s for s in sizes if listings.lines(text, width, s) * s * LEADING <= height), sizes[-1])
    if sizes is _TITLES and listings.lines(text, width, _SHORT) == 1:
        size = _SHORT
    set_words(title, [(listings.cut(text, width, size, max(int(height / size / LEADING), 1)), {"size": size})])


def _cover(slide: Any, told: Slide, brand: Brand, grid: Grid) -> None:
    """The client, the period, whether the data are synthetic, and the firm's logo or its slot."""
    subtitle = next((shape for shape in slide.placeholders if shape.placeholder_format.idx == 1), None)
    size, most = (20.0, 1) if listings.lines(told.about, grid.width * 0.7, 20) == 1 else (13.0, 2)
    left, below, foot = grid.left, grid.top, grid.top + grid.height
    if subtitle is not None:
        set_words(subtitle, [(listings.cut(told.about, grid.width * 0.7, size, most), {"size": size})])
        left = min(subtitle.left / _POINT, grid.left + grid.width * 0.3)
        below = (subtitle.top + subtitle.height) / _POINT
    width = grid.left + grid.width - left
    add_words(slide, "Engagement", (left, 46, width * 0.7, 24), [(told.kicker, {"size": 13.0, "colour": TEXT})])
    (_, period), *strands = told.beside
    size = 14.0 if listings.lines(period, width, 14) <= 2 else 12.0
    taken = listings.lines(period, width, size) * size * LEADING
    below = min(below + 4, foot + _FOOT - taken - 8)  # where a firm's subtitle stands at the foot
    add_words(slide, "Period", (left, below, width, taken),
              [(text, {"size": size, "colour": TEXT}) for text in period.split("\n")])  # fmt: skip
    below += taken + 24
    _strands(slide, strands, (left, below, width, foot - below))
    _logo(slide, brand, (grid.left + grid.width - 150, 40.0, 150.0, 60.0))


def _logo(slide: Any, brand: Brand, box: Box) -> None:
    slot = next((shape for shape in slide.placeholders if shape.placeholder_format.type == 18), None)  # for a picture
    if slot is not None:  # it stays in the layout, “Reset Slide” brings it back: other programs print it when empty
        slot._element.getparent().remove(slot._element)
    if brand.logo:
        picture = slide.shapes.add_picture(io.BytesIO(brand.logo), 0, 0)
        scale = min(box[2] / picture.width, box[3] / picture.height)
        picture.width, picture.height = int(picture.width * scale * _POINT), int(picture.height * scale * _POINT)
        picture.left, picture.top = int((box[0] + box[2]) * _POINT) - picture.width, int(box[1] * _POINT)
        describe(picture, "Logo", f"Logo of {brand.name}" if brand.name else "Logo")
    elif brand.name:
        add_words(slide, "Firm", (box[0] - 150, box[1] + 6, 300, 24), [(brand.name, {"size": 13.0, "side": "r"})])


def _strands(slide: Any, strands: list[tuple[str, str]], box: Box) -> None:
    """What the audit rests on, a column each, below the verdict as on the report's first page."""
    left, top, width, height = box
    each, size = (width - GAP * (len(strands) - 1)) / max(len(strands), 1), 12.0
    if height < 60:
        return
    for i, (title, text) in enumerate(strands):
        said = listings.cut(text, each, size, int(height / size / LEADING) - 2) if "\n" not in text else text
        lines = [(line, {"size": size, "colour": TEXT}) for line in said.split("\n")[: int(height / 15) - 2]]
        head = (title, {"size": 14.0, "colour": INK, "serif": True, "bold": True})
        add_words(slide, title, (left + i * (each + GAP), top, each, height), [head, *lines])


def _content(slide: Any, told: Slide, document: Document, brand: Brand, grid: Grid) -> None:
    left, top, width, height = grid.left, grid.top, grid.width, grid.height
    colour = ACT if told.level == "act" else MUTED
    above = max(slide.shapes.title.top / _POINT - 22, 4)
    add_words(slide, "Topic", (left, above, width, 18), [(told.kicker, {"size": 11.0, "colour": colour})])
    beside = width * BESIDE if told.beside or told.strip else 0.0
    main = width - beside - (GAP if beside else 0)
    across = main if told.strip and not told.beside else width  # of the lead: a small rule may stand at its right
    if told.about:
        size, taken = listings.lead_size(told.about, across), listings.lead_height(told.about, across)
        add_words(slide, "Lead", (left, top, across, taken),
                  [(listings.cut(told.about, across, size, 5), {"size": size, "colour": TEXT})])  # fmt: skip
        taken = max(taken, 48.0) if across < width else taken
        top, height = top + taken, height - taken
    if told.strip:
        x, y = left + width - beside, top if told.beside else grid.top
        add_strip(slide, told.strip, (x, y), "Measured, against agreed")
    main = main if told.beside else width
    if told.chart:
        _chart(slide, told.chart, document, brand, (left, top, main, height))
    else:
        _tables(slide, told, brand, (left, top, main, height))
    if told.beside:
        x = left + (width - beside if told.listings or told.figure else 0)
        taken = told.strip[0].height * SCALE + 8 if told.strip else 0.0
        _beside(slide, told, (x, top + taken, beside if told.listings or told.figure else width, height - taken))


def _tables(slide: Any, told: Slide, brand: Brand, box: Box) -> None:
    """The findings and what stays open one below the other; other tables side by side."""
    left, top, width, height = box
    n = 1 if told.kind == "verdict" else max(len(told.listings), 1)
    each = (width - GAP * (n - 1)) / n
    for i, listing in enumerate(told.listings):
        add_table(slide, listing, (left + i % n * (each + GAP), top, each, height), told.alt, brand)
        top += sum(listing.heights) + AIR if n == 1 else 0


def _chart(slide: Any, figure: Figure, document: Document, brand: Brand, box: Box) -> None:
    left, top, width, height = box
    exhibit, y = figure.exhibit, top + height - 16
    taken = 0.0
    if exhibit.shape in ("dumbbell", "paired"):
        taken = add_key(slide, (left, y), brand)
    if text := native.told_below(exhibit):
        add_words(slide, "How figures are written", (left + taken, y, width - taken, 16),
                  [(text, {"size": 10.0, "colour": MUTED, "side": "r"})])  # fmt: skip
    height -= 18 if text or taken else 0
    look = Look(brand.sales, brand.marketing, document.record.currency, width, height, document.record.as_of)
    add_chart(slide, native.plot(exhibit, figure.table, look), (left, top, width, height), exhibit.key, exhibit.alt)


def _beside(slide: Any, told: Slide, box: Box) -> None:
    """Words at the right, each below its head, in the largest size with which all fit.

    Where that is none, how to read it and what it does not say are cut to whole sentences: the notes have all of it.
    """
    left, top, width, height = box
    size = next((s for s in (13.0, 12.0, 11.0) if _taken(told.beside, width, s) <= height), 10.5)
    beside = told.beside
    for most in (12, 10, 8, 6, 4, 3):
        if _taken(beside, width, size) > height:
            beside = tuple((head, listings.sentences(text, width, size, most) if head in _LONG else text)
                           for head, text in beside)  # fmt: skip
    paragraphs: list[Styled] = []
    for head, text in beside:
        style = {"size": size, "colour": INK if head in ("Finding", phrases.RUN) else TEXT}
        block: list[Styled] = [(head, {"size": size - 1, "colour": MUTED})] if head else []
        block += [(line, style | {"bold": head == phrases.RUN and not i}) for i, line in enumerate(text.split("\n"))]
        block[0][1]["before"] = 8 if paragraphs else 0
        paragraphs += block
    add_words(slide, "Reading", (left, top, width, height), paragraphs)


def _taken(beside: tuple[tuple[str, str], ...], width: float, size: float) -> float:
    return sum((listings.lines(text, width, size) + 1) * size * LEADING + 8 for _, text in beside)


def _foot(slide: Any, document: Document, brand: Brand, grid: Grid) -> None:
    """Client, period and firm at the left, the number of the slide at the right: in the layout's own places if any."""
    from copy import deepcopy

    said = " · ".join(filter(None, [document.record.client, document.period, brand.name]))
    found = {s._element.xpath(".//p:ph/@type")[0]: s for s in slide.slide_layout.placeholders
             if s._element.xpath(".//p:ph/@type")}  # fmt: skip
    bottom = grid.top + grid.height + 18
    boxes = {"ftr": (grid.left, bottom, grid.width * 0.85, 18), "sldNum": (grid.left + grid.width - 60, bottom, 60, 18)}
    for kind, box in boxes.items():
        if kind in found:
            place, element = found[kind], deepcopy(found[kind]._element)
            slide.shapes._spTree.append(element)
            shape = slide.shapes[-1]
            element.nvSpPr.cNvPr.set("id", str(len(slide.shapes) + 100))
            for own in element.xpath("./p:spPr/a:xfrm"):
                own.getparent().remove(own)
        else:
            place = shape = add_words(slide, kind, box, [("", {})])
        style = {"size": 10.0, "colour": MUTED, "side": "l" if kind == "ftr" else "r", "field": kind == "sldNum"}
        most = max(int((place.height or 0) / _POINT / 10 / LEADING), 1)
        text = listings.cut(said, (place.width or 0) / _POINT - 15, 10, most) if kind == "ftr" else "‹#›"
        set_words(shape, [(text, style)])


def _notes(slide: Any, told: Slide) -> None:
    frame = slide.notes_slide.notes_text_frame
    lines = [told.title, *(line for line in told.notes if line), *([_RETYPE] if told.chart else [])]
    if frame is not None:
        frame.text = words.legible("\n".join(dict.fromkeys(lines)))


def _sign(deck: "Presentation", document: Document) -> None:
    """What the file says of itself: the kit and the client, dated from the record. Nobody's name."""
    record, made = document.record, datetime.fromisoformat(document.record.as_of)
    kit = f"alignlib {record.kit_version}"
    said: dict[str, Any] = {
        "title": words.legible(document.title)[:255], "author": kit, "last_modified_by": kit,
        "subject": "", "keywords": "", "comments": "", "category": "", "content_status": "", "identifier": "",
        "language": "en-GB", "version": "", "revision": 1, "created": made, "modified": made, "last_printed": made,
    }  # fmt: skip
    for name, value in said.items():
        setattr(deck.core_properties, name, value)


def _dated(file: io.BytesIO) -> bytes:
    """The same members in the same order, each dated alike: equal documents make equal bytes."""
    made = io.BytesIO()
    with zipfile.ZipFile(file) as old, zipfile.ZipFile(made, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as new:
        for name in old.namelist():
            new.writestr(zipfile.ZipInfo(name, _EPOCH), old.read(name), zipfile.ZIP_DEFLATED)
    return made.getvalue()
