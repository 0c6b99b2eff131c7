"""How are two shares of a row drawn side by side: both teams' figures, and between them what the data say?"""

from alignlib import words
from alignlib.charts import canvas
from alignlib.charts.canvas import INK, MUTED, Canvas, fitted, span, wrapped
from alignlib.charts.rows import ABOVE, TEAMS, label, lanes, marks_of, scale, withheld
from alignlib.charts.tables import alone, between, headed, number
from alignlib.result import Exhibit, Row

_LANE = 18  # pixels from the middle of a row to the lane of each team
_FACT = "measured"


def paired(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """How do two shares compare in each row? With a third lane for what the data say, where the exhibit has it.

    Sales above, Marketing below, each with the interval of its median guess; between them a tick in the grey bar of
    its interval, or a line with two arrow heads for a range over rules. The figures at the right are the data's.
    """
    data = next((column for column in e.columns if column.name == "value"), None)
    if data is None:
        return lanes(e, width, currency)
    marks = marks_of(e, ("value",))
    left, margin, above = (8, 8, ABOVE) if width < canvas.PHONE else (196, 112, 0)
    c = Canvas(width, left, width - margin, marks[0], marks[-1], 44, 62 + above, len(e.rows), 4)
    scale(c, marks, [words.figure(mark, data.unit) for mark in marks], is_scale=False)
    told = wrapped(headed(data), width if above else 100, 12, most=1 if above else 2)
    c.lines(width, 14 if above else c.head + 4 - 15 * len(told), told, MUTED, 12, align="right", step=15)
    named: set[str] = set()
    for i, row in enumerate(e.rows):
        top = c.head + i * c.row
        value, low, high = (number(row, name) for name in ("value", "low", "high"))
        ends = "" if low is None or high is None else between(low, high, data.unit)
        figure = alone(ends, data.unit) if value is None and ends else words.figure(value, data.unit)
        side = f"({ends})" if value is not None and ends else ""
        label(c, top, str(row.get("label") or ""), "", figure or "not judged", side)
        _measured(c, row, top + (c.row + above) / 2, named)
        for team in TEAMS:
            _guess(c, row, team, top + (c.row + above) / 2, named)
    return c


def _measured(c: Canvas, row: Row, y: float, named: set[str]) -> None:
    """What the data say: an estimate in its interval, a range over rules, or why there is neither."""
    value, low, high = (number(row, name) for name in ("value", "low", "high"))
    note, is_range = str(row.get("note") or ""), low is not None and high is not None
    if value is None and low is not None and high is not None:
        c.arrow(c.inside(low), c.inside(high), y)
        _beside(c, (low, high), y, note if note.startswith("range") else "range over rules")
    elif value is None:
        withheld(c, y, note or "not judged")
    else:
        if low is not None and high is not None:
            c.rule(c.inside(low), y, c.inside(high), y, canvas.INTERVAL, 8)
        c.tick(c.inside(value), y, 9)
        said = "" if _FACT in named and is_range else _FACT if is_range else "counted"
        _beside(c, (value if low is None else low, value if high is None else high), y, said, bold=said == _FACT)
        named.add(_FACT)


def _beside(c: Canvas, ends: tuple[float, float], y: float, text: str, color: str = INK, bold: bool = False) -> None:
    """Words beside a mark: at its right, at its left where there is no room, shorter where there is none either."""
    start, end = c.px(ends[0]) - 9, c.px(ends[1]) + 9
    rights = c.width if c.narrow else c.right + 8  # beyond it stand the figures of the data
    for said in (text, text.removeprefix("range ")):
        room = span(said, 12, bold)
        if end + room <= rights or start - room >= (0 if c.narrow else c.left):
            break
    is_right = end + room <= rights or start - room < 0
    said = fitted(said, rights - end if is_right else start, 12, bold)
    c.text(end if is_right else start, y, said, color, 12, bold, "left" if is_right else "right")


def _guess(c: Canvas, row: Row, team: str, middle: float, named: set[str]) -> None:
    """One team's guess and its interval, the figure at its right; at the first row that has it also its name."""
    color, shape, area, offset = TEAMS[team]
    y, guess, name = middle + (_LANE if offset > 0 else -_LANE), number(row, team), words.TEAM_NAMES[team]
    if guess is None:
        withheld(c, y, f"{name}: withheld", color)
        return
    low, high = (number(row, f"{team}_{end}") for end in ("low", "high"))
    start, end = (c.inside(guess if at is None else at) for at in (low, high))
    if low is not None and high is not None:
        c.rule(start, y, end, y, color, 2.4)
    c.point(c.inside(guess), y, shape, color, area)
    _beside(c, (start, end), y, words.number(guess * 100), color)
    if team not in named:
        named.add(team)
        to_left = c.px(start) - 10 - span(name, 12, True) > (0 if c.narrow else c.left - 60)
        x = c.px(start) - 10 if to_left else c.px(end) + 34
        c.text(x, y, name, color, 12, True, "right" if to_left else "left")
