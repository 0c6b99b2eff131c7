"""How much of a table stands on a slide? Sizes, lines and pages, estimated in points before anything is set."""

import re
from functools import lru_cache
from math import ceil
from typing import NamedTuple

from alignlib import words
from alignlib.charts.canvas import Canvas, broken, span, wrapped
from alignlib.report.document import Figure

SIZES = (13.0, 12.0, 11.0, 10.0, 9.0)  # points, of a table: the largest with which it fits
LEADING = 1.22
_LEADING = 1.36  # of a table, in which nothing may touch the rule below it, whatever the typeface
PAD = 10.0  # points that a cell adds to its words, across
_AIR = 0.6  # and down, of the size of its words
BESIDE = 0.3  # of a slide's width, what stands at the right of a figure
GAP = 24.0  # points between two columns
AIR = 12.0  # and between two tables, one below the other
_SNUG = 1.02  # of what a text is estimated to take: there are typefaces that are wider
SCALE = 0.85  # points a pixel, of a small rule
_MOST_LINES = 7  # of one cell, then it is cut visibly

Strip = tuple[Canvas, str]  # a small rule, and the same in words


class Room(NamedTuple):
    """What a slide has below its title, in points."""

    width: float
    height: float

    def below(self, text: str) -> "Room":
        """What is left below a lead of this text?"""
        return Room(self.width, self.height - lead_height(text, self.width)) if text else self

    def left(self) -> "Room":
        """What is left of it when words stand at the right?"""
        return Room(self.width * (1 - BESIDE) - GAP, self.height)


class Listing(NamedTuple):
    """A table as strings, the share of the width that each column takes, and of what kind each is.

    Kinds: ``figure`` aligns right, ``serif`` and ``bold`` are set so, ``level`` holds a level's name, ``sales`` and
    ``marketing`` what a team says, ``rule`` the small rules of ``strips``, a row each; all else is "". ``size`` in
    points is the largest that may be, until ``pages`` sets it with the ``heights`` of the head and of each row;
    ``more`` are the words that say what is left out.
    """

    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    widths: tuple[float, ...]
    kinds: tuple[str, ...]
    tints: tuple[tuple[str, ...], ...] = ()
    size: float = SIZES[0]
    heights: tuple[float, ...] = ()
    more: str = ""
    strips: tuple[Strip | None, ...] = ()

    @classmethod
    def of(cls, figure: Figure, width: float) -> "Listing":
        """Which listing shows the table of a figure? Each column takes what its longest word needs, then what it can.

        The size of the words is at most that in which no word breaks, if there is one.
        """
        table, is_grid = figure.table, figure.exhibit.shape == "grid"
        columns = list(zip(table.head, *table.rows, strict=True))
        joint = " (" if is_grid else " "
        needs = [
            1.06 * max(span(word, 10, True) for cell in cells for word in cell.split(joint)) / 10 for cells in columns
        ]
        full = [min(1.04 * max(span(cell, 10, True) for cell in cells) / 10, 30) for cells in columns]
        if is_grid:
            needs[1:], full[1:] = [max(needs[1:])] * len(needs[1:]), [max(full[1:])] * len(full[1:])
        room = width - PAD * len(columns)
        size = next((size for size in SIZES if sum(needs) * size <= room), SIZES[-1])
        spare = [max(most - least, 0.0) for most, least in zip(full, needs, strict=True)]
        share = min(max(room / size - sum(needs), 0.0) / (sum(spare) or 1.0), 1.0)
        wanted = [(least + share * more) * size + PAD for least, more in zip(needs, spare, strict=True)]
        widths = tuple(each / max(sum(wanted), width) for each in wanted)
        kinds = ("bold", *("figure" if i in table.figures else "" for i in range(1, len(columns))))
        return cls(table.head, table.rows, widths, kinds, _tints(table.rows) if is_grid else (), size)


def pages(listing: Listing, room: Room, most: int) -> tuple[Listing, ...]:
    """On which pages does a table stand: at most so many, in the largest size with which it fits?

    What does not fit even in the smallest size is left out, and the last page says so. Cells that take too many lines
    are cut visibly.
    """
    sized = [(size, _heights(listing, room.width, size)) for size in SIZES if size <= listing.size]
    fits = [(s, h, cuts) for s, h in sized if len(cuts := _cuts(h, room.height)) <= most]
    found = next((each for each in fits if not _breaks(listing, room.width, each[0])), fits[-1] if fits else None)
    if found is None:
        size, heights = sized[-1]
        found = size, heights, _cuts(heights, room.height - 20)[:most]
    size, heights, cuts = found
    if len(cuts) > 1:  # even pages, where all rows fit
        even = _cuts(heights, max(heights[0] + sum(heights[1:]) / len(cuts) + max(heights[1:]) / 2, heights[0]))
        cuts = even if len(even) == len(cuts) and cuts[-1][1] == len(listing.rows) else cuts
    made = []
    for start, end in cuts:
        rows = tuple(_cut(row, listing, room.width, size) for row in listing.rows[start:end])
        made.append(listing._replace(rows=rows, size=size, heights=(heights[0], *heights[1 + start : 1 + end]),
                                     tints=listing.tints[start:end], strips=listing.strips[start:end]))  # fmt: skip
    if made and (left := len(listing.rows) - cuts[-1][1]):
        made[-1] = made[-1]._replace(more=f"{words.count(left, 'more row')} in the report.")
    return tuple(made)


def lead_height(text: str, width: float) -> float:
    """How much room does the line below a title take?"""
    size = lead_size(text, width)
    return lines(text, width, size) * size * LEADING + 12


def lead_size(text: str, width: float) -> float:
    """In which size does the line below a title stand: on at most three lines if that can be?"""
    return next((size for size in (14.0, 13.0, 12.0) if lines(text, width, size) <= 2), 12.0)


@lru_cache(4096)  # asked again for each size, and once more to cut
def lines(text: str, width: float, size: float, is_bold: bool = False) -> int:
    """On how many lines does a text stand in so many points?

    >>> lines("Public sector", 200, 12), lines("one\\ntwo", 200, 12)
    (1, 2)
    """
    room = width / size * 10  # ``span`` counts in whole pixels, so it is asked at ten
    found = (line for part in text.split("\n") for line in broken(part, room, 10, is_bold))
    return sum(ceil(max(span(line, 10, is_bold), 1) / room) for line in found)


def cut(text: str, width: float, size: float, most: int, is_bold: bool = False) -> str:
    """How much of a text stands on so many lines? All of it, or its beginning with an ellipsis."""
    if lines(text, width, size, is_bold) <= most:
        return text
    return " ".join(wrapped(text.replace("\n", " "), width / size * 10, 10, is_bold, most))


def sentences(text: str, width: float, size: float, most: int) -> str:
    """Which sentences of a text stand on so many lines, from the first on? One that is longer than that is cut."""
    parts = re.split(r"(?<=[.!?]) (?=[A-Z“])", text)
    while len(parts) > 1 and lines(" ".join(parts), width, size) > most:
        parts.pop()
    return cut(" ".join(parts), width, size, max(most, 1))


def _heights(listing: Listing, width: float, size: float) -> tuple[float, ...]:
    def height(cells: tuple[str, ...], is_head: bool) -> float:
        rooms = _rooms(listing, width)
        taken = [lines(cell, room, size, is_head or kind == "bold")
                 for cell, room, kind in zip(cells, rooms, listing.kinds, strict=True)]  # fmt: skip
        return min(max(taken), _MOST_LINES) * size * _LEADING + size * _AIR

    strips = [strip[0].height * SCALE + 8 if strip else 0.0 for strip in listing.strips] or [0.0] * len(listing.rows)
    tall = (max(height(row, False), strip) for row, strip in zip(listing.rows, strips, strict=True))
    return (height(listing.head, True), *tall)


def _rooms(listing: Listing, width: float) -> list[float]:
    """How wide may a text be in each column, as it is estimated?"""
    return [(width * share - PAD) / _SNUG for share in listing.widths]


def _cut(row: tuple[str, ...], listing: Listing, width: float, size: float) -> tuple[str, ...]:
    rooms = _rooms(listing, width)
    told = zip(row, rooms, listing.kinds, strict=True)
    return tuple(cut(cell, room, size, _MOST_LINES, kind == "bold") for cell, room, kind in told)


def _breaks(listing: Listing, width: float, size: float) -> bool:
    """Would a word of the head, of a level or of what a team says break within its column?"""
    is_team, rooms = [kind in words.TEAM_NAMES for kind in listing.kinds], _rooms(listing, width)
    narrow = {i for i, kind in enumerate(listing.kinds) if kind == "level" or is_team[i]}
    told = [(i, f"◆{cell}" if is_team[i] else cell, min(size, 11.0)) for i, cell in enumerate(listing.head)]
    told += [(i, row[i], size) for row in listing.rows for i in narrow]
    return any(span(word, 10, i in narrow) * at / 10 > rooms[i] for i, cell, at in told for word in cell.split(" "))


def _cuts(heights: tuple[float, ...], room: float) -> list[tuple[int, int]]:
    """Which rows stand on which page: from, to."""
    found, start, taken = [], 0, heights[0]
    for i, height in enumerate(heights[1:]):
        if taken + height > room and i > start:
            found.append((start, i))
            start, taken = i, heights[0]
        taken += height
    return [*found, (start, len(heights) - 1)]


def _tints(rows: tuple[tuple[str, ...], ...]) -> tuple[tuple[str, ...], ...]:
    """How is each cell of a grid set: ``gap`` where there is no usable asset, ``full`` where there is one?"""
    return tuple(
        ("", *("gap" if cell.startswith("0") else "full" if cell[:1].isdigit() else "" for cell in row[1:]))
        for row in rows
    )  # fmt: skip
