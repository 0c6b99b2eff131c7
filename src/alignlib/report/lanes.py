"""How do rows compare on one axis of a native chart: both teams, what the data say, what was agreed?"""

import re
from collections.abc import Sequence
from typing import NamedTuple

from alignlib import words
from alignlib.charts import canvas
from alignlib.charts.canvas import INK, TEXT, fitted, span, wrapped
from alignlib.charts.rows import marks_of
from alignlib.charts.tables import Table, counted, headed, number
from alignlib.report.plots import Axis, Label, Line, Plot, Series
from alignlib.result import Column, Exhibit, Row, Unit

SCALES = {"money": 0.01, "pp": 100.0}  # of what a figure is stored in, to what a workbook shows
_FORMATS = {"share": "0%", "points": "0.0", "delta": "0.0", "p": "0.0"}
_LANES = {"sales": -0.17, "marketing": 0.17}  # of a row, above or below its middle
_WIDE_LANES = {"sales": -0.22, "marketing": 0.22}  # where a third lies between them
_MARKS = {"sales": ("circle", 9), "marketing": ("diamond", 11)}
_EXPECTED = f"{words.NBSP * 2}expected: withheld{words.NBSP * 2}"  # by the other team, beside the team's own answer
Sheet = dict[str, Sequence[str | float | None]]
Spot = tuple[float, float]


class Look(NamedTuple):
    """The colours of both teams, the currency, the room in points, and the day that workbooks carry."""

    sales: str
    marketing: str
    currency: str
    width: float
    height: float
    made: str


def lanes(e: Exhibit, table: Table, look: Look) -> Plot:
    """How do rows compare on one axis: both teams' figures, what the data say, what was agreed?"""
    n, has_data = len(e.rows), has(e, "value")
    lanes = {} if e.shape == "intervals" else _WIDE_LANES if has_data else _LANES
    drawn = (*lanes, *(("value",) if has_data else ()))
    unit: Unit = next(c.unit for c in e.columns if c.name == drawn[0])
    scale, height = SCALES.get(unit, 1.0), (look.height - 40) / n
    marks = [mark * scale for mark in marks_of(e, drawn)]
    size = 11.0 if height >= 26 else 10.0 if height >= 19 else 9.0
    sheet: Sheet = {
        "Name": [str(row.get("label") or "") for row in e.rows],
        "Place": [i + 0.5 for i in range(n)], "Left": [marks[0]] * n, "Right": [marks[-1]] * n,
    }  # fmt: skip
    unders = [counted(row) or (_both(row, unit, look.currency) if lanes and height >= 40 else "") for row in e.rows]
    named = [_named(row, under, look.width * 0.34, height, size) for row, under in zip(e.rows, unders, strict=True)]
    told = _told(e, table, look.currency)
    series = [
        Series("Names", "Place", "Left", labels=tuple((i, Label(text, "l")) for i, text in enumerate(named))),
        Series("Figures", "Place", "Right", labels=tuple((i, Label(t, "r", INK, True)) for i, t in enumerate(told))),
    ]
    scaled = e.model_copy(update={"rows": [_scaled(row, scale) for row in e.rows]})
    for team, lane in lanes.items():
        series += _team(scaled, sheet, team, lane, marks, look)
    series += _measured(scaled, sheet, marks) if has_data else []
    series += _silent(scaled, sheet, drawn, lanes, marks)
    if e.limit is not None and e.shape == "intervals":  # one line through all rows, in words at its foot
        label = Label(f"agreed {words.value(e.limit, unit, look.currency)}", "b")
        sheet |= {"Agreed": [e.limit * scale] * 2, "From row to row": [0.0, float(n)]}
        line = Line(INK, 1.25, True)
        series.append(Series("Agreed", "From row to row", "Agreed", line=line, labels=((1, label),)))
    left = max(span(line, 11) for text in named for line in text.split("\n")) * size / 11 + 14
    right = max(max(span(line, 11, True) for text in told for line in text.split("\n")) + 14, 30)
    across = Axis(marks[0], marks[-1], marks[1] - marks[0], _format(e, unit, marks, look.currency), has_grid=True)
    margins = (left / look.width, 20 / look.height, right / look.width, (20 if "Agreed" in sheet else 6) / look.height)
    return Plot(sheet, tuple(series), across, Axis(0, n, 1, has_grid=True, is_turned=True), margins=margins, size=size)


def _team(e: Exhibit, sheet: Sheet, team: str, lane: float, marks: list[float], look: Look) -> list[Series]:
    """One team's figures with their intervals, hollow what the other team expects of it."""
    name, (mark, size) = words.TEAM_NAMES[team], _MARKS[team]
    colour = look.sales if team == "sales" else look.marketing
    places = [i + 0.5 + lane for i in range(len(e.rows))]
    series = _interval(e, sheet, name, (f"{team}_low", f"{team}_high"), places, marks, Line(colour, 2.0))
    for column, head in ((f"{team}_guess", f"{name}, as expected by the other team"), (team, name)):
        if has(e, column):
            values = [number(row, column) for row in e.rows]
            sheet |= {head: values, f"{head}, place": _placed(values, places)}
            series.append(Series(head, f"{head}, place", head, mark, size, colour, column != team))
    return series


def _measured(e: Exhibit, sheet: Sheet, marks: list[float]) -> list[Series]:
    """What the data say: an upright tick in the grey bar of its interval; a range over rules has heads and no tick."""
    places = [i + 0.5 for i in range(len(e.rows))]
    head = headed(next(column for column in e.columns if column.name == "value"))
    values = [number(row, "value") for row in e.rows]
    sheet[head] = values
    estimates = e.model_copy(update={"rows": [row if number(row, "value") is not None else {} for row in e.rows]})
    series = _interval(estimates, sheet, head, ("low", "high"), places, marks, Line(canvas.INTERVAL, 6.0))
    sheet[f"{head}, place"] = _placed(values, places)
    series.append(Series(head, f"{head}, place", head))
    ticks = [((v, y - 0.2), (v, y + 0.2)) for v, y in zip(values, places, strict=True) if v is not None]
    series += strokes(sheet, f"{head}, tick", ticks, Line(INK, 2.5))
    for row, y in zip(e.rows, places, strict=True):
        low, high = number(row, "low"), number(row, "high")
        if number(row, "value") is None and low is not None and high is not None:
            is_left = low - marks[0] > marks[-1] - high  # where there is more room
            label = ((0, Label(_kind(row), "l", TEXT)),) if is_left else ((1, Label(_kind(row), "r", TEXT)),)
            line = Line(INK, 1.75, has_heads=True)
            made = strokes(sheet, f"Range in row {y + 0.5:.0f}", [((low, y), (high, y))], line)
            series += [each._replace(labels=label) for each in made]
    return series


def _interval(
    e: Exhibit, sheet: Sheet, name: str, ends: tuple[str, str], places: list[float], marks: list[float], line: Line
) -> list[Series]:
    """The interval of each row as a stroke, within the axis; an upper end alone reaches from the figure."""
    pieces = []
    for row, y in zip(e.rows, places, strict=True):
        low, high = (number(row, end) for end in ends)
        low = number(row, "value") if low is None else low
        if low is not None and high is not None:
            start, stop = (min(max(at, marks[0]), marks[-1]) for at in (low, high))
            pieces.append(((start, y), (stop, y)))
    return strokes(sheet, f"{name}, interval", pieces, line)


def _kind(row: Row) -> str:
    """What is drawn with arrow heads: what the row's note begins with, unless that is its figure once more."""
    said = re.split("[,:]", str(row.get("note") or ""))[0]
    if said and not said[0].isdigit():
        return fitted(said, 160, 11)
    return "range over rules" if "range" in str(row.get("label")).lower() else "bounds"


def _silent(
    e: Exhibit, sheet: Sheet, drawn: Sequence[str], lanes: dict[str, float], marks: list[float]
) -> list[Series]:
    """Words where nothing is drawn, in a row or in a team's lane: withheld, not recorded, not judged."""
    said: list[tuple[float, float, Label]] = []
    for i, row in enumerate(e.rows):
        is_range = None not in (number(row, "low"), number(row, "high"))
        if not is_range and all(number(row, name) is None for name in drawn):
            text = str(row.get("note") or ("not judged" if e.shape == "intervals" else "withheld"))
            said.append(((marks[0] + marks[-1]) / 2, i + 0.5, Label(text, "ctr", TEXT)))
        else:
            said += [(marks[0], i + 0.5 + lane, Label(f"{words.TEAM_NAMES[team]}: withheld", "r", TEXT))
                     for team, lane in lanes.items() if number(row, team) is None]  # fmt: skip
            said += [(v, i + 0.5 + lane, Label(_EXPECTED, "l" if v > 3 else "r", TEXT))
                     for team, lane in lanes.items() if has(e, f"{team}_guess")
                     and number(row, f"{team}_guess") is None and (v := number(row, team)) is not None]  # fmt: skip
    if not said:
        return []
    sheet |= {"Nothing to draw": [x for x, _, _ in said], "Its row": [y for _, y, _ in said]}
    told = tuple((at, label) for at, (_, _, label) in enumerate(said))
    return [Series("Nothing to draw", "Its row", "Nothing to draw", labels=told)]


def _told(e: Exhibit, table: Table, currency: str) -> list[str]:
    """What stands at the right of each row: the figure with its interval, as in the table."""
    column = told_column(e)
    name = column.name
    at, said = table.head.index(headed(column)), []
    for row, cells in zip(e.rows, table.rows, strict=False):
        low, high = number(row, "low"), number(row, "high")
        text = cells[at].replace(" (", "\n(") if len(e.rows) <= 8 else cells[at]
        if name == "value" and number(row, name) is not None and low is None and high is not None:
            text += f"\n(up to {words.figure(high, column.unit, currency)})"
        if number(row, name) is None and (low is None or high is None):
            note = str(row.get("note") or "not judged") if name == "value" and e.shape == "paired" else ""
            text = "\n".join(wrapped(note, 110, 11, True, 3))
        said.append(text)
    return said


def _both(row: Row, unit: Unit, currency: str) -> str:
    """What either team said, below the row's name."""
    known = [(name, v) for team, name in words.TEAM_NAMES.items() if (v := number(row, team)) is not None]
    return ", ".join(f"{name} {words.figure(v, unit, currency)}" for name, v in known)


def _named(row: Row, under: str, room: float, height: float, size: float) -> str:
    """A row's name, with the count below it where rows are tall enough, else behind it."""
    name = str(row.get("label") or "")
    most = int(height / (size * 1.3))
    if under and most < 2:
        return f"{fitted(name, room * 11 / size - span(under, 11), 11)}   {under}"
    lines = wrapped(name, room, 11, most=max(min(most, 4) - bool(under), 1))
    return "\n".join([*lines, *([under] if under else [])])


def strokes(sheet: Sheet, name: str, pieces: Sequence[tuple[Spot, Spot]], line: Line) -> list[Series]:
    """Which series draws separate strokes? After both ends of each a row without a place, at which the line breaks.

    Not error bars: these are drawn with caps, or not at all, by other programs than PowerPoint.
    """
    if not pieces:
        return []
    sheet |= {
        name: [x for (x, _), (x2, _) in pieces for x in (x, x2, x2)],
        f"{name}, place": [place for (_, y), (_, y2) in pieces for place in (y, y2, None)],
    }
    return [Series(name, f"{name}, place", name, line=line)]


def told_column(e: Exhibit) -> Column:
    """Which column stands at the right of each row: what the data say, or else the gap of the teams?"""
    return next(column for name in ("value", "gap") for column in e.columns if column.name == name)


def has(e: Exhibit, name: str) -> bool:
    """Does the exhibit have a column of this name?"""
    return any(column.name == name for column in e.columns)


def _scaled(row: Row, scale: float) -> Row:
    """A row with its figures as a workbook shows them."""
    return {name: said if (figure := number(row, name)) is None else figure * scale for name, said in row.items()}


def _placed(values: Sequence[float | None], places: list[float]) -> list[float | None]:
    """A point without a value has no place either: a workbook would take an empty cell for zero."""
    return [None if value is None else place for value, place in zip(values, places, strict=True)]


def _format(e: Exhibit, unit: Unit, marks: list[float], currency: str) -> str:
    """How does a workbook write the figures of an axis, so that they read like the report's?"""
    if e.shape == "dumbbell":
        return "0"
    if unit == "money":
        symbol = words.money(0, currency).removesuffix("0")
        top = max(map(abs, marks))
        how = f'"{symbol}"' + ('0.0,,"m"' if top >= 999_500 else '#,##0,"k"' if top >= 9_950 else "#,##0")
        return f'{how};"{words.MINUS}"{how};"{symbol}"0'
    how = _FORMATS.get(unit, "#,##0")
    return f'{how};"{words.MINUS}"{how}'
