"""How is an exhibit drawn? Exhibit in, chart out, laid out for a page (720 pixels) or a phone (342); then as SVG."""

from alignlib.charts.canvas import Canvas
from alignlib.charts.drawing import standalone, svg
from alignlib.charts.flows import curve, grid, stack, waterfall
from alignlib.charts.guesses import paired
from alignlib.charts.relay import relay
from alignlib.charts.rows import LISTS, MOST_ROWS, lanes
from alignlib.charts.strips import ends_word, happened_strip, interval_strip, limit_word, said_strip
from alignlib.result import Exhibit

__all__ = ["NARROW", "WIDE", "Canvas", "chart", "drawable", "ends_word", "happened_strip", "interval_strip", "left_out",
           "limit_word", "said_strip", "standalone", "svg"]  # fmt: skip
WIDE, NARROW = 720, 342
_SHAPES = dict.fromkeys(LISTS, lanes) | {
    "paired": paired, "grid": grid, "waterfall": waterfall, "stack": stack, "curve": curve, "relay": relay,
}  # fmt: skip


def drawable(exhibit: Exhibit) -> bool:
    """Can this exhibit be drawn as one chart, or is it a table, a docket, a strip (or empty)?"""
    return exhibit.shape in _SHAPES and bool(exhibit.rows)


def chart(exhibit: Exhibit, width: int = WIDE, currency: str = "") -> Canvas:
    """Which chart shows this exhibit? ``width`` in pixels; below 500 the layout is the one for a phone.

    ``currency`` is the code that amounts are written with. Long lists show their first rows: see ``left_out``. Asked
    only of an exhibit that is ``drawable``.
    """
    shown = exhibit.model_copy(update={"rows": exhibit.rows[: len(exhibit.rows) - left_out(exhibit)]})
    return _SHAPES[exhibit.shape](shown, width, currency)


def left_out(exhibit: Exhibit) -> int:
    """How many rows of the exhibit does its chart not show? The table behind it has them all."""
    return max(len(exhibit.rows) - MOST_ROWS, 0) if exhibit.shape in LISTS else 0
