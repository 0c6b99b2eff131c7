"""How is a table written on a sheet: title and notes, units, a head that stays in sight, typed cells?"""

import re
from collections.abc import Callable, Mapping
from functools import partial
from textwrap import wrap
from typing import Any, NamedTuple

from alignlib import words
from alignlib.report import cells
from alignlib.result import Scalar

CONTENTS = "Contents"
_ACT, _MUTED, _SECOND, _HAIR, _BAND, _RULE = "#B0123B", "#636A73", "#454B54", "#E7E3DB", "#F1EEE7", "#CFCBC2"
_NARROWEST, _PLAIN, _LONG = 7.0, 8.43, 30  # characters: of a column, of one that holds nothing, of a long text
_WIDEST = (90.0, 90.0, 64.0, 44.0, 36.0, 36.0, 30.0)  # characters of a column, by how many columns hold long texts
_ACROSS = 140  # characters that a note above a table runs over
_TITLE, _LINE = 17.5, 13.4  # points a line takes
_TALLEST = 400.0  # points of a row; no spreadsheet takes much more
_BUTTON, _BOLD = 2.5, 0.86  # characters that a filter's button takes in a head; how much less bold letters fit
_LONGEST_FORMAT = 255  # letters of a number format
_LETTERS, _MOST = 1.06, 4000  # letters to a character of width; letters of a text that are looked at
_PAPERS = {"a4": 9, "letter": 1}
_IN_HEAD = (60, 12)  # letters of the client's name in a page's head, which holds 255 with all that marks an ampersand

_HEAD = {"bold": True, "text_wrap": True, "valign": "bottom", "bg_color": _BAND, "bottom": 1, "bottom_color": _RULE}

Style = Callable[..., Any]


class Cell(NamedTuple):
    """What does a cell hold, in which unit (or ``level``)? ``link`` is the name of a sheet that it leads to."""

    value: Scalar
    unit: str = "text"
    link: str = ""


class Sheet(NamedTuple):
    """A table: its sheet's name, what stands above it, head and unit of each column, and its rows.

    ``printed``: how many of its columns go to paper, from the left; 0 for all.
    """

    name: str
    title: str
    notes: tuple[str, ...]
    columns: tuple[tuple[str, str], ...]
    rows: tuple[tuple[Cell, ...], ...]
    topic: str = ""
    printed: int = 0


class Page(NamedTuple):
    """What stands on every printed page: top left and right, below at the left; on which paper."""

    client: str
    when: str
    maker: str
    paper: str


def write(out: Any, sheet: Sheet, units: Mapping[str, str], currency: str, page: Page, style: Style) -> None:
    """How does a sheet hold this table? Title and notes, the units, the head, the rows; ``units`` are called so there.

    ``style`` makes a format of what it is given, once for equal ones.
    """
    said = [[_said(cell, currency) for cell in row] for row in sheet.rows]
    widths = _widths(sheet, said)
    for at, width in enumerate(widths):
        out.set_column(at, at, width)
    head = _write_notes(out, sheet, widths, style) + 1
    for at, (label, unit) in enumerate(sheet.columns):
        side = _side(unit, at)
        out.write_string(head - 1, at, cells.text(units[unit]), style(font_color=_MUTED, **side))
        name = cells.text(label)
        out.write_string(head, at, name, style(**_HEAD, **side, **cells.look(name)))
    _fit(out, head, [label for label, _ in sheet.columns], [(width - _BUTTON) * _BOLD for width in widths])
    lined = partial(style, bottom=1, bottom_color=_HAIR)
    for line, (row, texts) in enumerate(zip(sheet.rows, said, strict=True), start=head + 1):
        _fit(out, line, texts, widths)
        for at, cell in enumerate(row):
            _write_cell(out, line, at, cell, texts[at], currency, lined)
    out.freeze_panes(head + 1, 0)
    out.autofilter(head, 0, head + len(sheet.rows), len(sheet.columns) - 1)
    if sheet.printed:
        out.print_area(0, 0, head + len(sheet.rows), sheet.printed - 1)
    _set_page(out, page, head)


def _write_notes(out: Any, sheet: Sheet, widths: list[float], style: Style) -> int:
    """Title and notes in the first rows, over as many columns as make a line, and a way back; which row is next?"""
    across, last = widths[0], 0
    while across < _ACROSS or last < 1:
        last += 1
        across += widths[last] if last < len(widths) else _PLAIN
    for row, note in enumerate(told := [sheet.title, *filter(None, sheet.notes)]):
        said, height = cells.text(note), _LINE if row else _TITLE
        looks = {"font_color": _SECOND} if row else {"bold": True, "font_size": 13}
        out.merge_range(row, 0, row, last, "", how := style(text_wrap=True, **looks, **cells.look(said)))
        out.write_string(row, 0, said, how)
        out.set_row(row, height * min(_lines(said, across * (1 if row else 0.72)), 8) + 3)
    if sheet.name != CONTENTS:
        link = style(font_color=_MUTED, underline=1)
        out.write_url(len(told), 0, f"internal:'{CONTENTS}'!A1", link, f"To the {CONTENTS.lower()}")
    return len(told) + 1


def _write_cell(out: Any, row: int, at: int, cell: Cell, said: str, currency: str, style: Style) -> None:
    is_text = isinstance(cell.value, str) or cell.unit in ("text", "date")
    number, shown = cells.figure(float(cell.value or 0), cell.unit, currency) if said and not is_text else (0.0, "")
    if not said:
        out.write_blank(row, at, None, style())
    elif cell.link:
        out.write_url(row, at, f"internal:'{cell.link}'!A1", style(underline=1, **_side("text", at)), cell.link)
    elif cell.unit == "date" and (when := cells.day(said)):
        out.write_datetime(row, at, when[0], style(num_format=when[1], **_side("date", at)))
    elif shown and len(shown) <= _LONGEST_FORMAT:
        out.write_number(row, at, number, style(num_format=shown, **_side(cell.unit, at)))
    else:
        accent = {"font_color": _ACT, "bold": True} if cell.unit == "level" and said == "Act" else {}
        said = cells.text(said)
        out.write_string(row, at, said, style(text_wrap=True, **_side("text", at), **cells.look(said), **accent))


def _said(cell: Cell, currency: str) -> str:
    """The cell as it is printed."""
    value = cell.value
    is_text = value is None or isinstance(value, str) or cell.unit in ("text", "date")
    return str("" if value is None else value) if is_text else words.figure(float(value or 0), cell.unit, currency)


def _side(unit: str, at: int) -> dict[str, Any]:
    """Figures stand at the right; a text keeps clear of the figures at its left."""
    is_text = unit in ("text", "date")
    return {"align": "left", "indent": 1 if at else 0} if is_text else {"align": "right"}


def _fit(out: Any, row: int, said: list[str], widths: list[float]) -> None:
    """As tall as its longest text needs; not every spreadsheet works that out when it opens a file."""
    lines = max((_lines(each, width) for each, width in zip(said, widths, strict=True)), default=1)
    if lines > 1:
        out.set_row(row, min(_LINE * lines + 3, _TALLEST))


def _lines(said: str, width: float) -> int:
    """How many lines does a text take? A letter is mostly narrower than the figure that widths count in."""
    if len(said) <= width and "\n" not in said:
        return 1
    return sum(max(len(wrap(line[:_MOST], int(width * _LETTERS))), 1) for line in said.splitlines())


def _widths(sheet: Sheet, said: list[list[str]]) -> list[float]:
    """As wide as what they hold, within bounds; the longest word of a head fits beside the filter's button."""
    longest = [max(len(line) for each in column for line in each.splitlines() or [""])
               for column in zip(*said, strict=True)]  # fmt: skip
    n_long = sum(length > _LONG for length in longest)
    most = _WIDEST[min(n_long, len(_WIDEST) - 1)]
    least = [max(max(map(len, label.split()), default=0) + 2 + _BUTTON, len(label) / 3 + 3, _NARROWEST)
             for label, _ in sheet.columns]  # fmt: skip
    return [min(max(length * 1.05 + 1.5, low), most) for length, low in zip(longest, least, strict=True)]


def _set_page(out: Any, page: Page, head: int) -> None:
    """Landscape, as wide as a page, the head on each, and whose table it is."""
    out.set_landscape()
    out.set_paper(_PAPERS[page.paper])
    out.set_margins(left=0.5, right=0.5, top=0.8, bottom=0.7)
    out.fit_to_pages(1, 0)
    out.repeat_rows(head - 1, head)
    out.hide_gridlines(2)
    client = next(said for most in _IN_HEAD if len(said := _in_head(page.client, most)) < 200)
    out.set_header(f"&L&9 {client}&C&9 &A&R&9 {page.when}")
    out.set_footer(f"&L&9 {_in_head(page.maker, _IN_HEAD[1] * 2)}&R&9 &P of &N")


def _in_head(said: str, most: int) -> str:
    """A text as a page's head can hold it: an ampersand begins an order there, and two are one that is printed.

    The writer of the file takes the second one and a G for the place of a picture, so a change of font parts the two.
    """
    line = " ".join(words.legible(said).split())
    line = line if len(line) <= most else line[: most - 1] + "…"
    return re.sub(r"&&(?=[G[])", '&&&"-,Regular"', line.replace("&", "&&"))
