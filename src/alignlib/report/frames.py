"""How do words, tables and charts come onto a slide, each with a name, a description and its language?"""

from functools import cache
from typing import Any

from alignlib.charts.canvas import ACT, HAIR, INK, MUTED, RULE, STAGE, span
from alignlib.report.brand import Brand
from alignlib.report.listings import SCALE, Listing, Strip
from alignlib.report.plots import Plot
from alignlib.words import TEAM_NAMES, legible

_POINT = 12_700
_NO_STYLE = "{2D5ABB26-0587-4C30-8999-92F81FD0307C}"  # a table without the theme's stripes and lines
_LEVELS = {"Act": ACT, "Watch": INK, "Good": INK, "Unclear": MUTED}
_TINTS = {"full": "#DDE0E4"}
_SIGNS = {"sales": "● ", "marketing": "◆ "}  # before the names of both teams: shape, not colour alone

Box = tuple[float, float, float, float]
Styled = tuple[str, dict[str, Any]]


def add_words(slide: Any, name: str, box: Box, paragraphs: list[Styled]) -> Any:
    """Which box of words stands on a slide (in points)? It has no insets, so that its edge is the grid's."""
    shape = slide.shapes.add_textbox(*(int(each * _POINT) for each in box))
    shape.name = name
    frame = shape.text_frame
    frame.word_wrap = True
    frame.margin_left = frame.margin_right = frame.margin_top = frame.margin_bottom = 0
    set_words(shape, paragraphs)
    return shape


def set_words(shape: Any, paragraphs: list[Styled]) -> None:
    """Which words does a shape hold? Each paragraph with its ``size``, ``colour``, ``bold``, ``serif``, ``side``."""
    body = shape.text_frame._txBody
    for old in body.p_lst:
        body.remove(old)
    for text, style in paragraphs:
        _add_paragraph(body, text, style)


def add_chart(slide: Any, plot: Plot, box: Box, name: str, alt: str) -> None:
    """Which native chart stands on a slide, with its workbook, and which words describe it?"""
    describe(slide.shapes.add_chart(None, *(int(each * _POINT) for each in box), plot), name, alt)


def add_key(slide: Any, at: tuple[float, float], brand: Brand) -> float:
    """How wide, in points, is the line that names the marks of both teams?"""
    taken = 0.0
    for team, name in TEAM_NAMES.items():
        width = span(f"{_SIGNS[team]}{name}", 10, True) * 1.2 + 12
        style = {"size": 10.0, "colour": getattr(brand, team), "bold": True, "sign": _SIGNS[team]}
        add_words(slide, f"Key, {name}", (at[0] + taken, at[1], width, 16), [(name, style)])
        taken += width
    return taken


def describe(shape: Any, name: str, alt: str) -> None:
    """What does a screen reader say of a chart, a table or a picture?"""
    shape.name = name
    shape._element.xpath("./*/p:cNvPr")[0].set("descr", legible(alt))


def add_table(slide: Any, listing: Listing, box: Box, alt: str, brand: Brand) -> None:
    """Which native table stands on a slide? A head, hairlines between the rows, nothing else drawn."""
    left, top, width, _ = box
    n, heights = len(listing.rows) + 1, listing.heights
    frame = slide.shapes.add_table(n, len(listing.head), *(int(v * _POINT) for v in (left, top, width, sum(heights))))
    table = frame.table
    table._tbl.tblPr.xpath("./a:tableStyleId")[0].text = _NO_STYLE
    table.horz_banding = False
    for column, share in zip(table._tbl.tblGrid.gridCol_lst, listing.widths, strict=True):
        column.set("w", str(int(share * width * _POINT)))
    for r, (row, element) in enumerate(zip((listing.head, *listing.rows), table._tbl.tr_lst, strict=True)):
        element.set("h", str(int(heights[r] * _POINT)))
        for c, (text, cell) in enumerate(zip(row, element.tc_lst, strict=True)):
            tint = listing.tints[r - 1][c] if r and listing.tints else ""
            _fill_cell(cell, text, _cell_style(listing, brand, r, c, text), tint, is_head=not r)
    describe(frame, "Table", alt)
    for r, strip in enumerate(listing.strips, start=1):
        if strip:
            at = left + sum(listing.widths[: listing.kinds.index("rule")]) * width
            add_strip(slide, strip, (at, top + sum(heights[:r]) + 4), f"Measured {r}")
    if listing.more:
        add_words(slide, "More", (left, top + sum(heights) + 2, width, 14), [(listing.more, {"size": 10.0})])


def add_strip(slide: Any, strip: Strip, at: tuple[float, float], name: str) -> None:
    """Which small rule stands on a slide? The report's own marks as lines and words of the program, in one group."""
    canvas, alt = strip
    group = slide.shapes.add_group_shape()
    group.shapes.turbo_add_enabled, group.shapes._recalculate_extents = True, lambda: None  # once, when all is in it
    for _, tag, style, text in sorted(canvas.marks, key=lambda mark: mark[0]):
        x, y = (float(each) for each in style["transform"].removeprefix("translate(").removesuffix(")").split(","))
        if tag == "line":
            ends = (x, y, x + float(style["x2"]), y + float(style["y2"]))
            _add_line(group, [at[i % 2] + end * SCALE for i, end in enumerate(ends)], style)
        elif tag == "text":
            size = float(style["font-size"])
            taken = span(text, 10) / 10 * size
            side, shift = {"middle": ("ctr", 0.5), "end": ("r", 1.0)}.get(style["text-anchor"], ("l", 0.0))
            box = (x - taken * shift, y - 0.95 * size, taken, 1.3 * size)
            place = (at[0] + box[0] * SCALE, at[1] + box[1] * SCALE, box[2] * SCALE, box[3] * SCALE)
            look = {"size": size * SCALE, "colour": style["fill"], "side": side}
            shape = add_words(group, "Words", place, [(text, look)])
            shape.text_frame.word_wrap = False
    group._element.recalculate_extents()
    describe(group, name, alt)


def _add_line(group: Any, ends: list[float], style: dict[str, str]) -> None:
    made = group.shapes.add_connector(1, *(int(end * _POINT) for end in ends))
    for each in made._element.xpath("./p:style"):  # the theme's colour and shadow
        made._element.remove(each)
    line = child(made._element.spPr, "a:ln", w=str(int(float(style["stroke-width"]) * SCALE * _POINT)), cap="flat")
    _solid(line, style["stroke"])
    if "stroke-dasharray" in style:
        child(line, "a:prstDash", val="sysDash")


def _cell_style(listing: Listing, brand: Brand, r: int, c: int, text: str) -> dict[str, Any]:
    kind = listing.kinds[c]
    style: dict[str, Any] = {"size": listing.size, "colour": INK, "side": "r" if kind == "figure" else "l"}
    if not r:
        style |= {"size": min(listing.size, 11.0), "colour": MUTED}
        if kind in TEAM_NAMES:
            style |= {"colour": getattr(brand, kind), "bold": True, "sign": _SIGNS[kind]}
    elif kind == "level":
        style |= {"colour": _LEVELS.get(text, INK), "bold": text in ("Act", "Watch")}
    else:
        style |= {"serif": kind == "serif", "bold": kind == "bold"}
    return style


def _fill_cell(cell: Any, text: str, style: dict[str, Any], tint: str, *, is_head: bool) -> None:
    body = cell.get_or_add_txBody()
    for old in body.p_lst:
        body.remove(old)
    for i, line in enumerate(text.split("\n")):
        is_under = i and not is_head  # a note below what a cell says first
        _add_paragraph(body, line, style | ({"bold": False} if is_under else {}))
    edge = tint == "gap"
    properties = cell.get_or_add_tcPr()
    for name, value in (("marL", 0 if not edge else 5), ("marR", 9), ("marT", 3), ("marB", 4)):
        properties.set(name, str(int(value * _POINT)))
    sides = {"lnL": INK, "lnR": INK, "lnT": INK, "lnB": INK} if edge else {"lnB": STAGE if is_head else HAIR}
    for side, colour in sides.items():
        line = child(properties, f"a:{side}", w=str(int((1.25 if edge or is_head else 0.75) * _POINT)))
        _solid(line, colour if side == "lnB" or edge else RULE)
    if tint in _TINTS:
        _solid(properties, _TINTS[tint])
        properties.set("marL", str(5 * _POINT))
    else:
        child(properties, "a:noFill")


def _add_paragraph(body: Any, text: str, style: dict[str, Any]) -> None:
    paragraph = child(body, "a:p")
    properties = child(paragraph, "a:pPr")
    properties.set("algn", {"r": "r", "ctr": "ctr"}.get(str(style.get("side")), "l"))
    if style.get("before"):
        before = child(properties, "a:spcBef")
        child(before, "a:spcPts", val=str(int(style["before"] * 100)))
    if not text and not style.get("field"):  # an empty paragraph is as tall as its words would be
        child(paragraph, "a:endParaRPr", lang="en-GB", sz=str(int(style.get("size", 10) * 100)))
        return
    kind = {"id": "{B6F15528-21DE-4FAA-801E-634DDDAF4B2B}", "type": "slidenum"} if style.get("field") else {}
    run = child(paragraph, "a:fld" if kind else "a:r", **kind)
    look = child(run, "a:rPr", lang="en-GB")
    if style.get("size"):
        look.set("sz", str(int(style["size"] * 100)))
    if style.get("bold"):
        look.set("b", "1")
    if style.get("colour"):
        _solid(look, style["colour"])
    if style.get("serif"):
        child(look, "a:latin", typeface="+mj-lt")
    child(run, "a:t").text = legible(str(style.get("sign", "")) + text)


def _solid(parent: Any, colour: str) -> None:
    fill = child(parent, "a:solidFill")
    child(fill, "a:srgbClr", val=colour.lstrip("#"))


def child(parent: Any, tag: str, **attributes: str) -> Any:
    """Which new element stands last within ``parent`` now?"""
    from lxml.etree import SubElement  # type: ignore[import-untyped]

    return SubElement(parent, _clark(tag), attributes)


@cache
def _clark(tag: str) -> str:
    from pptx.oxml.ns import qn

    return str(qn(tag))
