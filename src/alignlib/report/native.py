"""How is an exhibit drawn as a chart that a consultant can edit? Points with their intervals, bars from zero.

What stands on a chart are the strings of the report, set as texts: after editing a chart's data, reset its labels.
Tables, grids, the relay, the docket and the strip are native tables instead: see ``slides``.
"""

from collections.abc import Callable

from alignlib import words
from alignlib.charts import canvas
from alignlib.charts.canvas import ACT, INK, STAGE, TEXT, axis, span, wrapped
from alignlib.charts.flows import TINTS
from alignlib.charts.tables import Table, headed, number, part_figure
from alignlib.report.lanes import SCALES, Look, Sheet, has, lanes, strokes, told_column
from alignlib.report.plots import Axis, Label, Line, Plot, Series
from alignlib.result import Exhibit, Row

MOST = 18  # rows that can be told apart on a slide
_STROKES = (Line(INK, 2.25), Line(TEXT, 2.25, True))  # of one curve, or of two that are compared


def is_charted(exhibit: Exhibit) -> bool:
    """Is this exhibit drawn as a native chart, or is it a native table?"""
    return exhibit.shape in _SHAPES


def plot(exhibit: Exhibit, table: Table, look: Look) -> Plot:
    """Which native chart shows this exhibit? Its first rows where it has more than ``MOST``.

    Raises KeyError when the exhibit is a table: see ``is_charted``.
    """
    shown = exhibit if exhibit.shape == "curve" else exhibit.model_copy(update={"rows": exhibit.rows[:MOST]})
    made = _SHAPES[exhibit.shape](shown, table, look)
    most = max(map(len, made.sheet.values()))  # columns of one length: LibreOffice forgets those before a longer one
    sheet: Sheet = {name: [*values, *[None] * (most - len(values))] for name, values in made.sheet.items()}
    return made._replace(sheet=sheet, made=look.made)


def told_below(exhibit: Exhibit) -> str:
    """Which words below a chart say what its figures or its fills mean, and what is left out?"""
    said: list[str] = []
    if exhibit.shape == "waterfall":
        kinds = (("leaked", "Red: leaked."), ("decided", "Grey: decided."), ("open", "Hatched: still open."))
        said = ["Dark: went on, or there now."]
        said += [text for kind, text in kinds if any(number(row, kind) for row in exhibit.rows)]
    said += [f"At the right: {headed(told_column(exhibit))}."] if _SHAPES[exhibit.shape] is lanes else []
    said += ["Hollow or pale: what the other team expects it to answer."] if has(exhibit, "sales_guess") else []
    n = 0 if exhibit.shape == "curve" else len(exhibit.rows) - MOST
    return " ".join([*said, *([f"{words.count(n, 'more row')} in the report."] if n > 0 else [])])


def _bars(e: Exhibit, table: Table, look: Look) -> Plot:
    """Counts from zero, each with its figure."""
    column = next(c for c in e.columns if c.name == "value")
    values = [number(row, "value") for row in e.rows]
    told = [words.figure(value, column.unit, look.currency) for value in values]
    silent = [f" ({row.get('note') or 'withheld'})" if v is None else "" for row, v in zip(e.rows, values, strict=True)]
    names = [f"{row['label']}{said}" for row, said in zip(e.rows, silent, strict=True)]
    return _drawn_bars(look, headed(column), names, values, told, scale=SCALES.get(column.unit, 1.0))


def _parts(e: Exhibit, table: Table, look: Look) -> Plot:
    """The parts of a whole one below another, what leaked in the accent and in words."""
    head, names = next(headed(c) for c in e.columns if c.name == "n"), [str(row["label"]) for row in e.rows]
    told = [part_figure(row) + (", leaked" if row["kind"] == "leaked" else "") for row in e.rows]
    fills = tuple(TINTS[str(row["kind"])][0] for row in e.rows)
    return _drawn_bars(look, head, names, [number(row, "n") for row in e.rows], told, fills)


def _drawn_bars(
    look: Look, head: str, names: list[str], values: list[float | None], told: list[str], fills: tuple[str, ...] = (),
    scale: float = 1.0,
) -> Plot:  # fmt: skip
    values = [None if v is None else v * scale for v in values]
    shown = [v or 0.0 for v in values]
    left = min(max(span(line, 11) for name in names for line in name.split("\n")) + 12, look.width * 0.4)
    room = max(span(text, 11, True) for text in told) + 10
    low, high = min(*shown, 0.0), max(*shown, 0.0) or 1.0
    labels = tuple(
        (i, Label(text, "outEnd", ACT if fills and fills[i] == ACT else INK, True)) for i, text in enumerate(told)
    )
    series = Series(head, head, colour=STAGE, fills=fills, labels=labels)
    margins = (left / look.width, 0.01, room / look.width, 0.01)
    size = 11.0 if look.height / len(values) >= 22 else 10.0
    return Plot({"Name": names, head: values}, (series,),
                Axis(low, high, high - low), Axis(0, 1, 1), "Name", margins=margins, size=size)  # fmt: skip


def _stages(e: Exhibit, table: Table, look: Look) -> Plot:
    """How many get how far: each stage as one bar in its parts, what went on, leaked, was decided, is still open."""
    counts = [number(row, "n") or 0.0 for row in e.rows]
    most = max(counts) or 1.0
    kinds = (("leaked", "leaked", ACT), ("decided", "decided", canvas.DECIDED), ("open", "still open", ""))
    rest = [n - sum(number(row, kind) or 0 for kind, *_ in kinds) for row, n in zip(e.rows, counts, strict=True)]
    names = _named(e, table)
    left = max(span(line, 11) for name in names for line in name.split("\n")) + 12
    width = look.width - left - 12
    sheet: Sheet = {"Stage": names, "Went on, or there now": rest}
    series = [Series("Went on", "Went on, or there now", colour=STAGE)]
    for kind, word, tint in kinds:
        values = [number(row, kind) for row in e.rows]
        sheet[word.capitalize()] = values
        told = [_fitting(v, word, (v or 0) / most * width) for v in values]
        colour = canvas.WHITE if tint == ACT else INK
        labels = tuple((i, Label(text, "ctr", colour, True)) for i, text in enumerate(told) if text)
        series.append(Series(word, word.capitalize(), colour=tint, labels=labels))
    return Plot(sheet, tuple(series), Axis(0, most, most), Axis(0, 1, 1), "Stage", True,
                (left / look.width, 0.01, 12 / look.width, 0.01))  # fmt: skip


def _named(e: Exhibit, table: Table) -> list[str]:
    """Each stage with its count, and below it which share goes on."""
    go_on, names = next(headed(c) for c in e.columns if c.name == "go_on"), []
    for row, cells in zip(e.rows, table.rows, strict=False):
        names.append(f"{row['label']}: {words.number(number(row, 'n') or 0)}")
        if number(row, "go_on") is not None:
            names[-1] += f"\n{go_on.lower()}: {cells[table.head.index(go_on)]}"
    return names


def _fitting(n: float | None, said: str, room: float) -> str:
    """How many, and what they are, as far as a segment has room for it."""
    texts = (f"{words.number(n)} {said}", words.number(n)) if n else ()
    return next((text for text in texts if span(text, 11, True) + 6 <= room), "")


def _curve(e: Exhibit, table: Table, look: Look) -> Plot:
    """How a share grows with days: each series with its intervals, its name at the end."""
    names = list(dict.fromkeys(str(row["label"]) for row in e.rows))[: len(_STROKES)]
    last = max(number(row, "day") or 0 for row in e.rows) or 1
    found = [v for row in e.rows for name in ("share", "high") if (v := number(row, name)) is not None]
    held = [row for row in e.rows if row.get("promised")]
    marks, days = axis(0, min(max([*found, (held and e.limit) or 0.05]), 1), "share"), axis(0, last, "days")
    sheet: Sheet = {}
    series, ends = [], list[float]()
    for name, stroke in zip(names, _STROKES, strict=False):
        rows = [row for row in e.rows if row["label"] == name]
        sheet |= {f"{name}, days": [number(row, "day") for row in rows], name: [number(row, "share") for row in rows]}
        spots = [[number(row, at) for at in ("day", "low", "high")] for row in rows]
        uprights = [((day, low), (day, high)) for day, low, high in spots
                    if day is not None and low is not None and high is not None]  # fmt: skip
        series += strokes(sheet, f"{name}, interval", uprights, Line(canvas.DECIDED, 2.5))
        end = number(rows[-1], "share") or 0.0
        near = [other for other in ends if abs(other - end) < 0.05 * marks[-1]]
        ends.append(end)
        place = "r" if not near else "t" if end >= near[0] else "b"
        label = (len(rows) - 1, Label("\n".join(wrapped(name, 120, 12, True)), place, stroke.colour, True))
        series.append(Series(name, name, f"{name}, days", "circle", 4, stroke.colour, line=stroke, labels=(label,)))
    top = marks[-1]
    if e.limit is not None and held:
        top *= 1.14  # the words of what is judged stand above the plot
        series += _judged(sheet, held[0], e.limit, last, marks[-1] * 1.08)
    right = max(span(line, 12, True) for name in names for line in wrapped(name, 120, 12, True)) + 14
    margins = (44 / look.width, 10 / look.height, right / look.width, 46 / look.height)
    return Plot(sheet, tuple(series), Axis(0, max(last, days[-1]), days[1] - days[0], "#,##0", "days"),
                Axis(0, top, marks[1] - marks[0], "0%", has_grid=True), margins=margins)  # fmt: skip


def _judged(sheet: Sheet, row: Row, limit: float, last: float, top: float) -> list[Series]:
    """The promised day as a line up to its words, the estimate in its interval, and what was agreed: there alone."""
    day, share, low, high = (number(row, name) or 0.0 for name in ("day", "share", "low", "high"))
    ends = "" if row.get("low") is None else f" ({words.interval(low, high, 'share')})"
    said = f"within {row['promised']}\n{words.share(share)}{ends}, agreed {words.share(limit)}"
    across = max(day - last * 0.04, 0.0), day + last * 0.04
    line = strokes(sheet, "Day", [((day, 0.0), (day, top))], Line(INK, 0.75))[0]
    bar = strokes(sheet, "Its interval", [((day, low), (day, high))] if ends else [], Line(canvas.INTERVAL, 6.0))
    tick = strokes(sheet, "Judged", [((across[0], share), (across[1], share))], Line(INK, 2.5))
    agreed = strokes(sheet, "Agreed", [((across[0], limit), (across[1], limit))], Line(INK, 1.5, True))
    return [line._replace(labels=((1, Label(said, "l" if day > last / 2 else "r")),)), *bar, *tick, *agreed]


_SHAPES: dict[str, Callable[[Exhibit, Table, Look], Plot]] = {
    "dumbbell": lanes, "paired": lanes, "intervals": lanes, "bars": _bars, "stack": _parts, "waterfall": _stages,
    "curve": _curve,
}  # fmt: skip
