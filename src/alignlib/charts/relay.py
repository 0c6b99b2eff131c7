"""How is the relay drawn: who runs with the baton, for how long, and where do leads leak?"""

from alignlib import words
from alignlib.charts import canvas
from alignlib.charts.canvas import ACT, INK, MUTED, Canvas, axis, fitted, span, wrapped
from alignlib.charts.tables import number
from alignlib.result import Exhibit, Row

_THICKEST, _THINNEST, _NARROWEST = 30.0, 4.0, 6.0  # pixels: the leg that most leads run, and the least that is seen
_TEAMS = {"sales": (canvas.SALES, "circle", 180), "marketing": (canvas.MARKETING, "diamond", 240)}
_BECAME = (("handed_on", "handed on"), ("left", "left"), ("running", "running"))
_STUB = 44  # pixels: how long a leg is drawn that half of its leads have not left yet; no day of the axis is its


def relay(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """Who holds leads for how long, and where do they leak? Leg after leg, each begins where the last one ends.

    A leg is as long as its median days and as thick as the number of leads that ran it; in the team's colour, with the
    team's mark where it takes over. Day 0 is the handover: Marketing's leg, when it is the first, ends there. Hatched:
    waiting for a touch. Hatched and open at its far end: half not reached, and no length. In the accent: what leaked.
    """
    rows, days = e.rows, [number(row, "median_days") for row in e.rows]
    before = _TEAMS["marketing"] == _team(rows[0])
    starts = [sum(each or 0 for each in days[:i]) - (days[0] or 0) * before for i in range(len(rows))]
    marks = axis(starts[0], starts[-1] + (days[-1] or 0), "days")
    most, narrow = max(number(row, "n") or 0 for row in rows) or 1, width < canvas.PHONE
    left, right, height = (10, width - 10, 132) if narrow else (140, 452, 96)
    left += _STUB * (before and days[0] is None)
    right -= _STUB * (None in days[before:])
    c = Canvas(width, left, right, marks[0], marks[-1], 4, height, len(rows), 40)
    _axis(c, marks)
    for i, (row, start) in enumerate(zip(rows, starts, strict=True)):
        top, end = c.head + i * c.row, start + (days[i] or 0)
        y = top + (70 if narrow else 34)
        _stretch(c, row, (start, end), y, max(_THICKEST * (number(row, "n") or 0) / most, _THINNEST), before and not i)
        if i + 1 < len(rows):
            c.rule(end, y + 4, end, y + 22 if narrow else top + c.row + 30, canvas.RULE, z=2)
        _said(c, row, top, y)
        _leaked(c, row, end, y + (28 if narrow else 32))
    return c


def _team(row: Row) -> tuple[str, str, int] | None:
    return _TEAMS.get(str(row.get("holder")).lower())


def _axis(c: Canvas, marks: list[float]) -> None:
    bottom = c.height - c.foot
    for mark in marks:
        c.rule(mark, c.head, mark, bottom, canvas.HAIR, z=1)
        text = words.number(mark)
        c.text(c.centred(c.px(mark), text), bottom + 12, text, MUTED, 12, align="center")
    said = "days from the handover, one median leg after the other"
    c.text(c.centred((c.left + c.right) / 2, said), bottom + 29, said, MUTED, 12, align="center")


def _stretch(c: Canvas, row: Row, ends: tuple[float, float], y: float, thick: float, before: bool) -> None:
    """One leg: a bar in the colour of the team that runs it, hatched where it waits or where half is not reached."""
    team, is_open = _team(row), number(row, "median_days") is None
    x, x2, top, bottom = c.px(ends[0]), max(c.px(ends[1]), c.px(ends[0]) + _NARROWEST), y - thick / 2, y + thick / 2
    if is_open:
        x, x2 = (x - _STUB, x) if before else (x, x + _STUB)
    if team and not is_open:
        c.rule(x, y, x2, y, team[0], thick, px=True)
    else:
        c.hatch(x, top, x2 - x, thick)
        sides = [(x, top, x2, top), (x, bottom, x2, bottom)] + [(at, top, at, bottom) for at in (x, x2)] * (not is_open)
        for side in sides:
            c.rule(*side, team[0] if team else canvas.HATCH, 1.4, px=True, z=2)
    if team:
        c.point(c.low + (x - c.left) / (c.right - c.left) * (c.high - c.low), y, team[1], team[0], team[2])


def _said(c: Canvas, row: Row, top: float, y: float) -> None:
    """Which leg, run by how many leads in whose hands, how long, and what became of them?"""
    name, holder = str(row["label"]), str(row.get("holder") or "")
    ran = [words.count(int(number(row, "n") or 0), "lead"), "" if holder in name else holder]
    half, most = number(row, "median_days"), number(row, "p75_days")
    pace = f"median {words.value(half, 'days')}" if half is not None else "half not reached"
    rest = f"three in four within {words.value(most, 'days')}" if most is not None else ""
    became = ", ".join(f"{words.number(v)} {said}" for at, said in _BECAME if (v := number(row, at)))
    leaks = f"leaked: {row['note']}" if row.get("note") else ""
    if c.narrow:
        side = ", ".join(filter(None, ran))
        c.text(0, top + 10, fitted(name, c.width - span(side, 12) - 12, 13, True), bold=True)
        c.text(c.width, top + 10, fitted(side, c.width * 0.66, 12), MUTED, 12, align="right")
        pace = ", ".join(filter(None, [pace, rest]))
        c.lines(0, top + 27, [fitted(line, c.width, 12) for line in (pace, became)], INK, 12)
        c.text(0, y + 46, fitted(leaks, c.width, 12), MUTED, 12)
        return
    lines, x = wrapped(name, c.left - 24, 13, True), c.right + 22
    c.lines(0, y - 8 * len(lines), lines, bold=True)
    c.lines(0, y + 8 * len(lines), [line for each in ran for line in wrapped(each, 120, 12)], MUTED, 12)
    c.text(x, y - 17, fitted(pace, c.width - x, 13, True), INK, 13, True)
    told = [line for each in (rest, became, leaks) if each for line in wrapped(each, c.width - x, 12)]
    c.lines(x, y + 1, told, MUTED, 12)


def _leaked(c: Canvas, row: Row, at: float, y: float) -> None:
    """A piece of a bar in the accent, as in the waterfall, where leads leak between two legs; and how many do."""
    if n := number(row, "leaked"):
        text, x = f"{words.number(n)} leaked", c.px(at)
        is_left = (c.width if c.narrow else c.right) - x < span(text, 13, True) + 12
        c.rule(x - 6, y, x + 6, y, ACT, 12, px=True, z=4)
        c.text(x + (-12 if is_left else 12), y, text, ACT, 13, True, "right" if is_left else "left")
