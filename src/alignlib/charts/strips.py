"""How does a small picture set one estimate against what was agreed, or two answers against each other?"""

from alignlib import words
from alignlib.charts.canvas import HAIR, INK, INTERVAL, MUTED, RULE, TRACK, ZONE, Canvas, axis, span
from alignlib.charts.rows import TEAMS
from alignlib.charts.tables import number
from alignlib.result import Direction, Finding, Measure, Row

_CELL = 156  # pixels: the width of a picture in a cell of the strip of conversations


def interval_strip(finding: Finding, width: int = 212, currency: str = "") -> Canvas | None:
    """Which small picture sets a finding's estimate against what was agreed? None when nothing was measured.

    A tick through the grey interval bar; the dashed line is the agreed limit; the tint lies on its bad side. Bounds and
    a range over rules are a line with two arrow heads and the word; what a range is held against is a claim.
    """
    return _strip(finding.measure, finding.limit, finding.direction, width, currency)


def ends_word(measure: Measure) -> str:
    """What are the two ends of a measure: an interval, bounds, a range over rules? Or has it none, or is it counted?"""
    if measure.low is None or measure.high is None:
        return "counted" if measure.method == "counted" else "no interval"
    kinds = {"bounds": "bounds", "range": "range over rules"}
    return next((word for start, word in kinds.items() if measure.method.startswith(start)), "interval")


def limit_word(measure: Measure) -> str:
    """What is the limit of a measure: agreed by both teams, or what one claims, where only rules differ?"""
    return "claim" if measure.value is None and ends_word(measure) == "range over rules" else "agreed"


def happened_strip(row: Row) -> Canvas | None:
    """Which small picture shows what happened to leads in a conversation? None when that was not recorded.

    ``row`` is one of the strip's: ``value``, ``low``, ``high`` and ``limit`` are shares (0-1); the limit is a floor.
    """
    value, low, high, limit = (number(row, name) for name in ("value", "low", "high", "limit"))
    method = "counted" if low is None or high is None else "interval"
    measure = Measure(value=value, unit="share", low=low, high=high, method=method)
    return _strip(measure, limit, "at_least", _CELL, "")


def said_strip(row: Row) -> Canvas | None:
    """Which small picture shows what both teams said of a conversation? None when neither mean may be shown.

    Mean answers on 1 to 5 with their intervals, Sales on the upper lane.
    """
    if all(number(row, team) is None for team in TEAMS):
        return None
    c = Canvas(_CELL, 8, _CELL - 8, 1.0, 5.0, row=52, rows=1)
    c.rule(3, 2, 3, 36, RULE, z=1)
    for at in (1.0, 5.0):
        c.text(c.px(at), 46, words.number(at), MUTED, 12, align="center")
    for team, (color, shape, area, offset) in TEAMS.items():
        y = 19.0 + offset
        c.rule(1, y, 5, y, HAIR, z=1)
        if (mean := number(row, team)) is None:
            c.hatch(c.left, y - 5, c.right - c.left, 10)
            continue
        low, high = number(row, f"{team}_low"), number(row, f"{team}_high")
        if low is not None and high is not None:
            c.rule(c.inside(low), y, c.inside(high), y, color, 2.4)
        c.point(c.inside(mean), y, shape, color, area * 0.8)
    return c


def _strip(m: Measure, limit: float | None, direction: Direction | None, width: int, currency: str) -> Canvas | None:
    ends, kind = [end for end in (m.low, m.high) if end is not None], ends_word(m)
    is_range = kind in ("bounds", "range over rules")
    if m.unit in ("text", "date") or (m.value is None and not is_range):
        return None
    values = [v for v in (m.value, *ends, limit) if v is not None]
    is_large = m.unit == "share" and max(values) > 0.4 and min(values) >= 0
    marks = [0.0, 1.0] if is_large else axis(min(values), max(values) * 1.15, m.unit, 2)
    c, y = Canvas(width, 3, width - 3, marks[0], marks[-1], row=39 + 16 * is_range, rows=1), 11.0
    c.rule(c.low, y, c.high, y, TRACK, z=1)
    if m.value is not None:
        c.tick(m.value, y, 7)
    if is_range:
        c.arrow(ends[0], ends[1], y)
        c.text(c.centred(c.px(sum(ends) / 2), kind), 47, kind, INK, 12, align="center")
    elif len(ends) == 2:
        c.rule(c.inside(ends[0]), y, c.inside(ends[1]), y, INTERVAL, 6)
    note = "" if ends else kind
    if limit is not None:
        c.rule(limit, 0, limit, 22, INK, 1.2, dash=(3, 2))
        if direction in ("at_least", "at_most"):
            c.rule(*((c.low, y, limit, y) if direction == "at_least" else (limit, y, c.high, y)), ZONE, 14, z=0)
        note = "no change" if limit == 0 > c.low else f"{limit_word(m)} {words.value(limit, m.unit, currency)}"
    _below(c, note, limit if limit is not None else m.value or 0.0, m, currency)
    return c


def _below(c: Canvas, note: str, at: float, m: Measure, currency: str) -> None:
    """The words below the track: the ends of the axis, the note as near its place as they let it stand.

    Where all three find no room the ends give way.
    """
    low, high = (words.figure(end, m.unit, currency) for end in (c.low, c.high))
    half, middle = span(note, 12) / 2, c.centred(c.px(at), note)
    first, last = (span(low, 12) + half + 8, c.width - span(high, 12) - half - 8) if note else (middle, middle)
    is_shown = first <= last
    c.text(min(max(middle, first), last) if is_shown else middle, 32, note, INK, 12, align="center")
    c.text(1, 32, low if is_shown else "", MUTED, 12)
    c.text(c.width - 1, 32, high if is_shown else "", MUTED, 12, align="right")
