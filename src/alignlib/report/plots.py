"""How does a plot become a chart that a consultant can edit: its XML (``chart.xml.j2``), and the workbook behind it?"""

import io
from collections.abc import Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, NamedTuple

from alignlib import words
from alignlib.charts.canvas import HAIR, HATCH, INK, MUTED, RULE
from alignlib.report.cells import AS_TEXT
from alignlib.resources import strict_templates

if TYPE_CHECKING:
    from jinja2 import Template


class Line(NamedTuple):
    """A stroke: its colour, its width in points, whether it is dashed, whether arrow heads stand at its ends."""

    colour: str
    width: float = 1.0
    is_dashed: bool = False
    has_heads: bool = False


class Label(NamedTuple):
    """Words beside one point: where they stand (``l``, ``r``, ``t``, ``b``, ``ctr``, ``inEnd``, ``outEnd``)."""

    text: str
    at: str = "r"
    colour: str = INK
    is_bold: bool = False


class Series(NamedTuple):
    """One series: the columns of the sheet that hold its places, its mark, its line and its words.

    ``x`` and ``y`` name columns (bars have ``y`` alone); a line breaks where ``y`` is empty. ``fills`` are the fills of
    single bars; the fill ``""`` is a hatch. ``labels`` are by the place of their point.
    """

    name: str
    y: str
    x: str = ""
    mark: str = "none"
    size: int = 9
    colour: str = INK
    is_hollow: bool = False
    line: Line | None = None
    fills: tuple[str, ...] = ()
    labels: tuple[tuple[int, Label], ...] = ()


class Axis(NamedTuple):
    """One axis: its ends, the step between its figures, how they are written; not shown when ``format`` is empty."""

    low: float
    high: float
    step: float
    format: str = ""
    title: str = ""
    has_grid: bool = False
    is_turned: bool = False


class Plot(NamedTuple):
    """A chart as plain data: the sheet behind it (each column's values by its name), its series and its axes.

    ``names`` is the column that names the bars; a chart without it sets points on two axes. ``margins`` are the shares
    of the chart's room left of, above, right of and below what is plotted.
    """

    sheet: dict[str, Sequence[str | float | None]]
    series: tuple[Series, ...]
    across: Axis
    down: Axis
    names: str = ""
    is_stacked: bool = False
    margins: tuple[float, float, float, float] = (0.0, 0.0, 0.0, 0.0)
    size: float = 11.0  # points, of what is written
    made: str = ""  # the day that the workbook carries

    def xml_bytes(self, _: object) -> bytes:
        """Which XML describes the chart? The presentation library asks for it when the chart is put on a slide."""
        return chart_xml(self).encode()

    @property
    def xlsx_blob(self) -> bytes:
        """Which workbook opens when somebody edits the chart's data? Texts stay texts, however they begin."""
        from datetime import datetime

        import xlsxwriter

        file = io.BytesIO()
        book = xlsxwriter.Workbook(file, {"in_memory": True, **AS_TEXT})
        book.set_properties({"created": datetime.fromisoformat(self.made)})
        sheet = book.add_worksheet("Data")
        for at, (name, values) in enumerate(self.sheet.items()):
            sheet.write_string(0, at, words.legible(name))
            for row, value in enumerate(values, start=1):
                if isinstance(value, str):
                    sheet.write_string(row, at, words.legible(value))
                elif value is not None:
                    sheet.write_number(row, at, value)
        book.close()
        return file.getvalue()


def chart_xml(plot: Plot) -> str:
    """Which XML is this chart? Words are escaped, series refer to the cells of the workbook."""
    from xlsxwriter.utility import xl_range_formula

    def cells(name: str, first: int, last: int) -> str:
        at = list(plot.sheet).index(name)
        return str(xl_range_formula("Data", first, at, last, at))

    return chart_template().render(plot=plot, cells=cells, size=f"{plot.size * 100:.0f}").strip()


@cache
def chart_template() -> "Template":
    """Which template writes a chart? Compiled once, not for each."""
    known: dict[str, Any] = {"pale": _pale, "hair": HAIR, "hatch": HATCH, "ink": INK, "muted": MUTED, "rule": RULE}
    return strict_templates("report", **known).get_template("chart.xml.j2")


def _pale(colour: str) -> str:
    """Not white: LibreOffice draws no edge round a mark, so that a white one could not be seen."""
    return "#" + "".join(f"{int(0.3 * int(colour[i : i + 2], 16) + 0.7 * 255):02X}" for i in (1, 3, 5))
