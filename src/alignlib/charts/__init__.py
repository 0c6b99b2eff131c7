"""How is an exhibit drawn? Exhibit in, Altair chart out, laid out for a page (720 pixels) or a phone (342)."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from alignlib import words
from alignlib.charts import drawing
from alignlib.charts.canvas import FONT, INK, INTERVAL, MUTED, TRACK, ZONE, Canvas, axis, span
from alignlib.charts.flows import curve, grid, stack, waterfall
from alignlib.charts.relay import relay
from alignlib.charts.rows import LISTS, MOST_ROWS, lanes
from alignlib.result import Exhibit, Finding

if TYPE_CHECKING:
    import altair as alt

WIDE, NARROW = 720, 342
_SHAPES = dict.fromkeys(LISTS, lanes) | {
    "grid": grid, "waterfall": waterfall, "stack": stack, "curve": curve, "relay": relay,
}  # fmt: skip


def drawable(exhibit: Exhibit) -> bool:
    """Can this exhibit be drawn, or is it a table (or empty)?"""
    return exhibit.shape in _SHAPES and bool(exhibit.rows)


def chart(exhibit: Exhibit, width: int = WIDE, currency: str = "") -> "alt.LayerChart":
    """Which chart shows this exhibit? ``width`` in pixels; below 500 the layout is the one for a phone.

    ``currency`` is the code that amounts are written with. Long lists show their first rows: see ``left_out``.
    Raises ValueError for a table and for an exhibit without rows: see ``drawable``.
    """
    if not drawable(exhibit):
        raise ValueError(f"{exhibit.key} is a table or has no rows; it cannot be drawn")
    shown = exhibit.model_copy(update={"rows": exhibit.rows[: len(exhibit.rows) - left_out(exhibit)]})
    return _SHAPES[exhibit.shape](shown, width, currency).chart()


def left_out(exhibit: Exhibit) -> int:
    """How many rows of the exhibit does its chart not show? The table behind it has them all."""
    return max(len(exhibit.rows) - MOST_ROWS, 0) if exhibit.shape in LISTS else 0


def svg(charts: Sequence[Any], labels: Sequence[str]) -> list[str]:
    """Which SVG shows each chart? ``labels`` are their text alternatives, one each.

    The SVG holds shapes and words alone: no script, link, id, class or style. Raises AlignError (E-DRAW).
    """
    drawn = drawing.draw([each.to_dict(validate=False) for each in charts])
    return [drawing.clean_svg(text, label) for text, label in zip(drawn, labels, strict=True)]


def standalone(svg: str) -> str:
    """How is an SVG written that stands alone, in a file or an ``img``, and inherits nothing from a page?"""
    return svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONT}" ', 1)


def interval_strip(finding: Finding, width: int = 212, currency: str = "") -> "alt.LayerChart | None":
    """Which small picture sets a finding's estimate against what was agreed? None when nothing was measured.

    A tick through the grey interval bar; the dashed line is the agreed limit; the tint lies on its bad side.
    """
    m, limit = finding.measure, finding.limit
    if m.value is None or m.unit in ("text", "date"):
        return None
    values = [v for v in (m.value, m.low, m.high, limit) if v is not None]
    is_large = m.unit == "share" and max(values) > 0.4 and min(values) >= 0
    marks = [0.0, 1.0] if is_large else axis(min(values), max(values) * 1.15, m.unit, 2)
    c, y = Canvas(width, 3, width - 3, marks[0], marks[-1], row=40, rows=1), 11.0
    c.rule(c.low, y, c.high, y, TRACK, z=1)
    c.tick(m.value, y, 7)
    if m.low is not None and m.high is not None:
        c.rule(c.inside(m.low), y, c.inside(m.high), y, INTERVAL, 6)
    note = "" if m.low is not None else "counted" if m.method == "counted" else "no interval"
    if limit is not None:
        c.rule(limit, 0, limit, 22, INK, 1.2, dash=(3, 2))
        if finding.direction in ("at_least", "at_most"):
            c.rule(*((c.low, y, limit, y) if finding.direction == "at_least" else (limit, y, c.high, y)), ZONE, 14, z=0)
        note = "no change" if limit == 0 > c.low else f"agreed {words.value(limit, m.unit, currency)}"
    middle = c.centred(c.px(limit if limit is not None else m.value), note)
    c.text(middle, 32, note, INK, 12, align="center")
    for value, x, room, side in ((c.low, 1.0, middle, "left"), (c.high, width - 1.0, width - middle, "right")):
        text = words.figure(value, m.unit, currency)
        if not note or span(text, 12) < room - span(note, 12) / 2 - 10:
            c.text(x, 32, text, MUTED, 12, align=side)
    return c.chart()
