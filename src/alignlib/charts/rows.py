"""How are exhibits drawn that are read row by row: a label, marks on a common axis, a figure at the right?"""

from alignlib import words
from alignlib.canvas import (
    BAND,
    INK,
    INTERVAL,
    MARKETING,
    MUTED,
    SALES,
    STAGE,
    TEXT,
    Frame,
    Line,
    Marks,
    axis,
    fitted,
    ground,
    hairs,
    hatch,
    points,
    rules,
    span,
    texts,
    ticks,
    wrapped,
)
from alignlib.result import Exhibit, Row, Scalar

MOST_ROWS = 24  # more than a reader compares by eye
_TEAMS = {"sales": (SALES, "circle", 110, -8), "marketing": (MARKETING, "diamond", 150, 8)}
_PHONE_LABEL = 18  # pixels that a row gains on a phone, where its label stands above its marks

Drawn = tuple[Frame, list[Marks]]


def teams(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """How far apart are two teams? Sales on the upper lane, Marketing on the lower, the gap between them tinted.

    Shape dumbbell: mean answers on 1 to 5 with intervals. Shape paired: counted shares.
    """
    survey = e.shape == "dumbbell"
    unit, gap_unit = unit_of(e, "sales"), unit_of(e, "gap")
    found = [v for row in e.rows for team in _TEAMS if (v := number(row.get(team))) is not None]
    marks = [1.0, 2.0, 3.0, 4.0, 5.0] if survey else axis(0, max(found, default=1), unit)
    f = _frame(e, width, marks, 46, 46 if survey else 30)
    figures = [words.figure(number(row.get("gap")), gap_unit, currency) or "withheld" for row in e.rows]
    drawn = _table(f, e, marks, "count" if survey else unit, currency, figures, _heading(e, "gap"))
    if survey:
        sides = ("left", "right") if f.narrow else ("center", "center")
        drawn += [texts([(f.px(at), 14, word)], MUTED, 12, align=side)
                  for at, word, side in zip((1, 5), ("disagree", "agree"), sides, strict=True)]  # fmt: skip
    named = False
    for i, row in enumerate(e.rows):
        y, sales, marketing = _middle(f, i), number(row.get("sales")), number(row.get("marketing"))
        if sales is None and marketing is None:
            drawn += _withheld(f, y, row, "withheld")
            continue
        drawn += [mark for team in _TEAMS for mark in _lane(f, row, team, y)]
        if sales is not None and marketing is not None:
            drawn.append(ground([(min(sales, marketing), y, max(sales, marketing), y)], BAND, 30))
            drawn += [] if named else _names(f, row, y)
            named = True
    return f, drawn


def intervals(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """How large is each estimate, how sure is it, and how does it stand to what was agreed?"""
    unit = unit_of(e, "value")
    found = [v for row in e.rows for c in ("value", "low", "high") if (v := number(row.get(c))) is not None]
    found += [e.limit] if e.limit is not None else []
    marks = axis(min(found, default=0), max(found, default=1), unit)
    long_labels = width >= 500 and any(span(str(row.get("label") or ""), 13, True) > 176 for row in e.rows)
    f = _frame(e, width, marks, 58 if long_labels else 44, 30, 24 if e.limit is not None else 4)
    figures, sides = [], []
    drawn: list[Marks] = []
    for i, row in enumerate(e.rows):
        y = _middle(f, i)
        value, low, high = (number(row.get(c)) for c in ("value", "low", "high"))
        figures.append(words.figure(value, unit, currency))
        sides.append("" if value is None else "counted" if low is None else f"({words.interval(low, high, unit)})")
        if value is None:
            drawn += _withheld(f, y, row, "not judged")
            continue
        drawn.append(ticks([(value, y)]))
        if low is not None and high is not None:
            drawn.append(rules([(low, y, high, y)], INTERVAL, 7))
    return f, [*_table(f, e, marks, unit, currency, figures, "", sides), *drawn, *_agreed(f, e.limit, unit, currency)]


def bars(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """How many are there of each? Counted, from zero."""
    unit = unit_of(e, "value")
    marks = axis(0, max((number(row.get("value")) or 0 for row in e.rows), default=1), unit)
    f = _frame(e, width, marks, 34, 30)
    figures = [words.figure(number(row.get("value")), unit, currency) for row in e.rows]
    plain = e.model_copy(update={"rows": [{**row, "n": None} for row in e.rows]})
    drawn = _table(f, plain, marks, unit, currency, figures, _heading(e, "value"))
    for i, row in enumerate(e.rows):
        value, y = number(row.get("value")), _middle(f, i)
        drawn += _withheld(f, y, row, "withheld") if value is None else [rules([(0, y, value, y)], STAGE, 16)]
    return f, drawn


def _frame(e: Exhibit, width: int, marks: list[float], row: float, head: float, foot: float = 4) -> Frame:
    if width < 500:
        return Frame(width, 8, width - 8, marks[0], marks[-1], head, row + _PHONE_LABEL, len(e.rows), foot)
    return Frame(width, 196, width - 112, marks[0], marks[-1], head, row, len(e.rows), foot)


def _middle(f: Frame, i: int) -> float:
    """Where the marks of row ``i`` lie: beside its label, or on a phone below it."""
    return f.head + i * f.row + (f.row + (_PHONE_LABEL if f.narrow else 0)) / 2


def _table(
    f: Frame, e: Exhibit, marks: list[float], unit: str, currency: str, figures: list[str], head: str,
    sides: list[str] | None = None,
) -> list[Marks]:  # fmt: skip
    """Grid lines with their figures, hairlines, labels at the left, figures (with ``sides`` below) at the right."""
    bottom = f.height - f.foot
    names = [words.figure(mark, unit, currency) for mark in marks]
    every = 1 if sum(span(name, 12) + 12 for name in names) < f.right - f.left else 2
    spots = [
        (_within(f, f.px(m), name), f.head - 11, name) for m, name in zip(marks[::every], names[::every], strict=True)
    ]
    drawn = [
        hairs([(mark, f.head, mark, bottom) for mark in marks]),
        hairs([(0, f.head + i * f.row, f.width, f.head + i * f.row) for i in range(f.rows)], px=True),
        texts(spots, MUTED, 12, align="center"),
    ]
    if not f.narrow and head:
        lines = wrapped(head, 96, 12)
        drawn.append(texts([(f.width, f.head - 11 - 15 * (len(lines) - 1 - n), line) for n, line in enumerate(lines)],
                           MUTED, 12, align="right"))  # fmt: skip
    for i, row in enumerate(e.rows):
        side = sides[i] if sides else ""
        drawn += label(f, f.head + i * f.row, str(row.get("label") or ""), _count(row), figures[i], side)
    return drawn


def label(f: Frame, top: float, name: str, under: str, figure: str, side: str = "") -> list[Marks]:
    """How is a row labelled: name and count at the left, figure and interval at the right, in one line on a phone?"""
    if f.narrow:
        right = f"{figure} {side}".strip()
        cut = fitted(name, f.width - span(right, 13, True) - 14, 13, True)
        x = span(cut, 13, True) + 8
        room = f.width - x - span(right, 13, True) - 12
        return [
            texts([(0, top + 15, cut)], bold=True),
            texts([(x, top + 15, under if span(under, 12) <= room else "")], MUTED, 12),
            texts([(f.width, top + 15, right)], bold=True, align="right"),
        ]
    lines = wrapped(name, f.left - 20, 13, True, 1 if under and f.row < 50 else 2)
    middle = top + f.row / 2
    first = middle - 8 * (len(lines) + bool(under) - 1)
    return [
        texts([(0, first + 16 * n, line) for n, line in enumerate(lines)], bold=True),
        texts([(0, first + 16 * len(lines), fitted(under, f.left - 16, 12))], MUTED, 12),
        texts([(f.width, middle - (8 if side else 0), figure)], bold=True, align="right"),
        texts([(f.width, middle + 8, side)], MUTED, 12, align="right"),
    ]


def _count(row: Row) -> str:
    """The count behind a rate."""
    k, n = number(row.get("k")), number(row.get("n"))
    if n is None:
        return ""
    return words.of(int(k), int(n)) if k is not None else f"n{words.NBSP}={words.NBSP}{words.number(n)}"


def _withheld(f: Frame, y: float, row: Row, otherwise: str, color: str = TEXT) -> list[Marks]:
    """A hatch over the track, and the words that say why nothing is drawn."""
    text = fitted(str(row.get("note") or otherwise), f.right - f.left - 60, 12)
    middle, half, width = (f.left + f.right) / 2, span(text, 12) / 2 + 6, f.right - f.left
    gap = (width - 2 * half) / 2
    return [
        hatch((f.left, y - 7, gap, 14)),
        hatch((f.right - gap, y - 7, gap, 14)),
        rules([(middle - half, y, middle + half, y)], "#FFFFFF", 16, px=True, z=2),
        texts([(middle, y, text)], color, 12, align="center"),
    ]


def _agreed(f: Frame, limit: float | None, unit: str, currency: str) -> list[Marks]:
    """The agreed line, in each row, and its label below the rows."""
    if limit is None or not f.low <= limit <= f.high:
        return []
    text, bottom = f"agreed {words.value(limit, unit, currency)}", f.height - f.foot
    skip = _PHONE_LABEL + 6 if f.narrow else 0
    lines = [(limit, f.head + i * f.row + skip, limit, f.head + (i + 1) * f.row) for i in range(f.rows)]
    return [
        rules(lines, INK, 1.2, (3, 2), z=1),
        texts([(_within(f, f.px(limit), text), bottom + 13, text)], INK, 12, align="center"),
    ]


def _lane(f: Frame, row: Row, team: str, middle: float) -> list[Marks]:
    color, shape, area, offset = _TEAMS[team]
    y, value = middle + offset, number(row.get(team))
    low, high = number(row.get(f"{team}_low")), number(row.get(f"{team}_high"))
    if value is None:
        return _withheld(f, y, row, f"{words.TEAM_NAMES[team]}: withheld", color)
    line: list[Line] = [(f.inside(low), y, f.inside(high), y)] if low is not None and high is not None else []
    return [rules(line, color, 2.4), points([(f.inside(value), y)], shape, color, area)]


def _names(f: Frame, row: Row, middle: float) -> list[Marks]:
    """The teams' names beside their marks, outwards, in the first row that shows both: no legend."""
    means = {team: number(row.get(team)) or 0 for team in _TEAMS}
    drawn = []
    for team, (color, _, _, offset) in _TEAMS.items():
        low, high = number(row.get(f"{team}_low")), number(row.get(f"{team}_high"))
        start, end = f.px(f.inside(low if low is not None else means[team])), f.px(f.inside(high or means[team]))
        name = words.TEAM_NAMES[team]
        room = span(name, 12, True) + 12
        outward = means[team] < max(means.values())
        to_left = (outward and start - room > (0 if f.narrow else f.left - 40)) or end + room > (
            f.width if f.narrow else f.width - 60
        )
        spot = (start - 10, middle + offset, name) if to_left else (end + 10, middle + offset, name)
        drawn.append(texts([spot], color, 12, True, "right" if to_left else "left"))
    return drawn


def _within(f: Frame, x: float, text: str) -> float:
    """The middle of a centred text, moved inwards when it would leave the chart."""
    half = span(text, 12) / 2
    return min(max(x, half), f.width - half)


def unit_of(e: Exhibit, column: str) -> str:
    """In which unit is a column?"""
    return next((c.unit for c in e.columns if c.name == column), "count")


def _heading(e: Exhibit, column: str) -> str:
    return next((c.label for c in e.columns if c.name == column), "")


def number(value: Scalar) -> float | None:
    """Which number does a cell hold, if any?"""
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
