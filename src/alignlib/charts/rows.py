"""How are exhibits drawn that are read row by row: a label, marks on a common axis, a figure at the right?"""

from collections.abc import Sequence

from alignlib import words
from alignlib.charts import canvas
from alignlib.charts.canvas import INK, MUTED, TEXT, Canvas, fitted, span, wrapped
from alignlib.charts.tables import alone, between, counted, headed, number
from alignlib.result import Exhibit, Row, Unit

MOST_ROWS = 24  # more than a reader compares by eye
LISTS = {  # shape: the height of a row and of the head, what is drawn, what is written at the right
    "dumbbell": (46, 46, ("sales", "marketing"), "gap"),
    "paired": (46, 44, ("sales", "marketing"), "gap"),
    "intervals": (44, 30, ("value",), "value"),
    "bars": (34, 46, ("value",), "value"),
}
TEAMS = {  # colour, mark, its area, and its lane above or below the middle of the row
    "sales": (canvas.SALES, "circle", 110, -8),
    "marketing": (canvas.MARKETING, "diamond", 150, 8),
}
ABOVE = 18  # pixels that a row gains on a phone, where its label stands above its marks
UNDER = 16  # and where the counts stand on a line of their own, for one finds no room beside its name
_HOLLOW = "Hollow: what the other team expects it to answer"


def lanes(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """How do rows compare on one axis? Two teams and their gap, estimates and what was agreed, or plain counts.

    dumbbell: mean answers on 1 to 5 with intervals, Sales on the upper lane, hollow what the other expects.
    paired: shares, in the same way.
    intervals: a tick in the grey bar of its interval, or a range with arrow heads; the agreed line dashed.
    bars: counted, from zero.
    """
    height, head, drawn, written = LISTS[e.shape]
    units = {c.name: c.unit for c in e.columns}
    unit, limit = units[drawn[0]], e.limit if e.shape == "intervals" else None
    texts, marks = [_texts(e, row, written, units, currency) for row in e.rows], marks_of(e, drawn)
    unit = "count" if e.shape == "dumbbell" else unit
    foot = 4 if limit is None else 24
    left, margin, above = (8, 8, ABOVE) if width < canvas.PHONE else (196, 112, 0)
    above += UNDER if above and not all(_fits(width, *text) for text in texts) else 0
    is_long = not above and any(span(str(r.get("label") or ""), 13, True) > left - 20 for r in e.rows)
    height += {"intervals": 14, "bars": 8}.get(e.shape, 0) if is_long else 0
    told = _heading(e, written, unit, width)
    head = max(head, 4 + 15 * len(told) + (26 if e.shape == "intervals" else 0))
    is_mirror = any(column.name.endswith("_guess") for column in e.columns)
    head += 20 * is_mirror
    c = Canvas(width, left, width - margin, marks[0], marks[-1], head, height + above, len(e.rows), foot)
    scale(c, marks, [words.figure(mark, unit, currency) for mark in marks], e.shape == "dumbbell")
    if e.shape == "intervals":
        c.lines(0 if above else left, 10, told, MUTED, 12, step=15)
    else:
        c.lines(width, 14 if above else head + 4 - 15 * len(told), told, MUTED, 12, align="right", step=15)
    c.text(0 if above else left, 10, _HOLLOW if is_mirror else "", INK, 12)
    named = False
    for i, row in enumerate(e.rows):
        top = c.head + i * c.row
        y = top + (c.row + above) / 2
        value, low, high = (number(row, name) for name in ("value", "low", "high"))
        label(c, top, *texts[i], is_below=above > ABOVE)
        if e.shape == "intervals" and value is None and low is not None and high is not None:
            c.arrow(low, high, y)
        elif all(number(row, name) is None for name in drawn):
            withheld(c, y, str(row.get("note") or ("not judged" if e.shape == "intervals" else "withheld")))
        elif written == "gap":
            named |= _teams(c, row, y, named)
        elif e.shape == "bars":
            c.rule(0, y, value or 0, y, canvas.STAGE, 16)
        else:
            c.tick(value or 0, y)
            if high is not None and (value is not None or low is not None):  # an upper end alone: from the tick on
                c.rule(low if low is not None else value or 0, y, high, y, canvas.INTERVAL, 7)
    if limit is not None:
        _agreed(c, limit, f"agreed {words.value(limit, unit, currency)}", above and above + 6)
    return c


def _texts(e: Exhibit, row: Row, written: str, units: dict[str, Unit], currency: str) -> tuple[str, str, str, str]:
    """A row's words: its name, the count behind it, its figure, and what stands beside the figure."""
    value, low, high = (number(row, name) for name in ("value", "low", "high"))
    figure = words.figure(number(row, written), units[written], currency)
    under = side = ""
    if e.shape == "intervals":
        unit = units["value"]
        under, ends = counted(row), "" if low is None or high is None else between(low, high, unit, currency)
        figure = alone(ends, unit) if value is None and ends else figure
        if high is not None and low is None:
            ends = f"up to {words.figure(high, unit, currency)}"
        side = "" if value is None else f"({ends})" if ends else "counted"
    return str(row.get("label") or ""), under, figure or ("withheld" if written == "gap" else ""), side


def _heading(e: Exhibit, written: str, unit: str, width: int) -> list[str]:
    """Which words say what bare figures are: above the axis of intervals, elsewhere above those at the right?

    On a phone the latter stand only where the unit is not the axis's: a share and a difference of shares look alike.
    """
    column = next(column for column in e.columns if column.name == written)
    if e.shape == "intervals" and unit in ("share", "money"):
        return []
    if e.shape == "intervals":
        return wrapped(headed(column), min(width, 524) - 8, 12)
    if width < canvas.PHONE:
        return wrapped(headed(column), width, 12, most=1) if column.unit not in (unit, "count", "points") else []
    return wrapped(headed(column), 96, 12, most=4)


def marks_of(e: Exhibit, drawn: Sequence[str]) -> list[float]:
    """Which values mark the axis: the scale of answers, all shares where guesses are judged, else round ones?

    Round ones cover what is drawn, both ends of its intervals, and what was agreed.
    """
    if e.shape == "dumbbell":
        return [1.0, 2.0, 3.0, 4.0, 5.0]
    if e.shape == "paired" and "value" in drawn:
        return [0.0, 0.25, 0.5, 0.75, 1.0]
    names = [*drawn, "low", "high", *(f"{name}_{end}" for name in drawn for end in ("low", "high"))]
    found = [v for row in e.rows for name in names if (v := number(row, name)) is not None]
    found += [e.limit] if e.limit is not None and e.shape == "intervals" else []
    unit = next(column.unit for column in e.columns if column.name == drawn[0])
    return canvas.axis(min(found, default=0), max(found, default=1), unit)


def scale(c: Canvas, marks: list[float], names: list[str], is_scale: bool) -> None:
    """Where does the axis run? Grid lines with their figures above them, and hairlines between the rows."""
    every = 1 if sum(span(name, 12) + 12 for name in names) < c.right - c.left else 2
    for mark in marks:
        c.rule(mark, c.head, mark, c.height - c.foot, canvas.HAIR, z=1)
    for mark, name in zip(marks[::every], names[::every], strict=True):
        c.text(c.centred(c.px(mark), name), c.head - 11, name, MUTED, 12, align="center")
    for i in range(c.rows):
        c.rule(0, c.head + i * c.row, c.width, c.head + i * c.row, canvas.HAIR, px=True, z=1)
    if is_scale:
        for at, word, side in ((marks[0], "disagree", "left"), (marks[-1], "agree", "right")):
            c.text(c.px(at), c.head - 32, word, MUTED, 12, align=side if c.narrow else "center")


def _fits(width: float, name: str, under: str, figure: str, side: str) -> bool:
    """Is there room on a phone's line for the count, between name and figure?"""
    right = f"{figure} {side}".strip()
    return not under or span(name, 13, True) + span(under, 12) + span(right, 13, True) + 20 <= width


def label(c: Canvas, top: float, name: str, under: str, figure: str, side: str = "", *, is_below: bool = False) -> None:
    """How is a row labelled: name and count at the left, figure and interval at the right, in one line on a phone?

    ``is_below``: on a phone the count stands on a second line.
    """
    if c.narrow:
        right = f"{figure} {side}".strip()
        taken = span(right, 13, True)
        cut = fitted(name, c.width - taken - 14, 13, True)
        c.text(0, top + 15, cut, bold=True)
        if is_below or _fits(c.width, cut, under, figure, side):
            x, y = (0.0, top + 31) if is_below else (span(cut, 13, True) + 8, top + 15)
            c.text(x, y, under, MUTED, 12)
        c.text(c.width, top + 15, right, bold=True, align="right")
        return
    lines = wrapped(name, c.left - 20, 13, True, 1 if under and c.row < 50 else 2)
    middle = top + c.row / 2
    first = middle - 8 * (len(lines) + bool(under) - 1)
    c.lines(0, first, lines, bold=True)
    c.text(0, first + 16 * len(lines), fitted(under, c.left - 16, 12), MUTED, 12)
    c.text(c.width, middle - (8 if side else 0), figure, bold=True, align="right")
    c.text(c.width, middle + 8, side, MUTED, 12, align="right")


def withheld(c: Canvas, y: float, text: str, color: str = TEXT) -> None:
    """What stands where nothing is drawn? A hatch over the track, and the words that say why."""
    text = fitted(text, c.right - c.left - 60, 12)
    middle, half = (c.left + c.right) / 2, span(text, 12) / 2 + 6
    gap = (c.right - c.left) / 2 - half
    c.hatch(c.left, y - 7, gap, 14)
    c.hatch(c.right - gap, y - 7, gap, 14)
    c.rule(middle - half, y, middle + half, y, canvas.WHITE, 16, px=True, z=2)
    c.text(middle, y, text, color, 12, align="center")


def _agreed(c: Canvas, limit: float, text: str, skip: int) -> None:
    """The agreed line, in each row below ``skip`` pixels of words, and its label below the rows."""
    bottom = c.height - c.foot
    for i in range(c.rows):
        c.rule(limit, c.head + i * c.row + skip, limit, c.head + (i + 1) * c.row, INK, 1.2, dash=(3, 2), z=1)
    c.text(c.centred(c.px(limit), text), bottom + 13, text, INK, 12, align="center")


def _teams(c: Canvas, row: Row, middle: float, named: bool) -> bool:
    """Each team's mean and interval on its own lane, the gap tinted; named at the first row that has both.

    Returns whether it has both. The names stand beside the marks, outwards: no legend.
    """
    means = {team: value for team in TEAMS if (value := number(row, team)) is not None}
    guesses = {team: value for team in TEAMS if (value := number(row, f"{team}_guess")) is not None}
    if (both := len(means) == 2) and not guesses:
        c.rule(min(means.values()), middle, max(means.values()), middle, canvas.BAND, 30, z=0)
    for team, (color, shape, area, offset) in TEAMS.items():
        y, name = middle + offset, words.TEAM_NAMES[team]
        low, high = number(row, f"{team}_low"), number(row, f"{team}_high")
        if team not in means:
            withheld(c, y, str(row.get("note") or f"{name}: withheld"), color)
            continue
        mean = means[team]
        start, end = (c.inside(mean if at is None else at) for at in (low, high))
        if low is not None and high is not None:
            c.rule(start, y, end, y, color, 2.4)
        if team in guesses:
            start, end = sorted((c.inside(mean), c.inside(guesses[team])))
            c.rule(start, y, end, y, color, 1.2, dash=(2, 2))
            c.point(c.inside(guesses[team]), y, shape, color, area, is_hollow=True)
        c.point(c.inside(mean), y, shape, color, area)
        told = [name if both and not named else ""]
        told += ["expected: withheld" if f"{team}_guess" in row and team not in guesses else ""]
        if said := ", ".join(filter(None, told)):
            room, is_lower = span(said, 12, True) + 12, mean < guesses.get(team, max(means.values()))
            least, most = (0.0, float(c.width)) if c.narrow else (c.left - 40, c.width - 60.0)
            to_left = (is_lower and c.px(start) - room > least) or c.px(end) + room > most
            x, align = (c.px(start) - 10, "right") if to_left else (c.px(end) + 10, "left")
            c.text(x, y, said, color, 12, True, align)
    return both
