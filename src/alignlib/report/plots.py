"""How does a plot become a chart that a consultant can edit: its XML, and the workbook that holds its figures?"""

import io
from collections.abc import Iterable, Sequence
from typing import NamedTuple
from xml.sax.saxutils import escape, quoteattr

from alignlib import words
from alignlib.charts.canvas import HAIR, HATCH, INK, MUTED, RULE
from alignlib.report.cells import AS_TEXT

Values = Sequence[float | None]
_NAMESPACES = (
    'xmlns:c="http://schemas.openxmlformats.org/drawingml/2006/chart" '
    'xmlns:a="http://schemas.openxmlformats.org/drawingml/2006/main" '
    'xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"'
)
_SHOWN = ("LegendKey", "Val", "CatName", "SerName", "Percent", "BubbleSize")


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
    drawn = "".join(_series(plot, each, n) for n, each in enumerate(plot.series))
    if plot.names:
        kind = "stacked" if plot.is_stacked else "clustered"
        overlap = '<c:overlap val="100"/>' if plot.is_stacked else ""
        body = (f'<c:barChart><c:barDir val="bar"/><c:grouping val="{kind}"/><c:varyColors val="0"/>{drawn}'
                f'<c:gapWidth val="55"/>{overlap}<c:axId val="11"/><c:axId val="12"/></c:barChart>')  # fmt: skip
        axes = _names_axis(plot) + _axis(plot.across, 12, 11, "t", plot.size, "between")
    else:
        body = (f'<c:scatterChart><c:scatterStyle val="lineMarker"/><c:varyColors val="0"/>{drawn}'
                '<c:axId val="11"/><c:axId val="12"/></c:scatterChart>')  # fmt: skip
        side = "b" if not plot.down.is_turned else "t"
        axes = _axis(plot.across, 11, 12, side, plot.size) + _axis(plot.down, 12, 11, "l", plot.size)
    left, top, right, bottom = plot.margins
    places = {"x": left, "y": top, "w": 1 - left - right, "h": 1 - top - bottom}
    layout = "".join(f'<c:{name} val="{value:.4f}"/>' for name, value in places.items())
    return (
        f'<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n<c:chartSpace {_NAMESPACES}><c:date1904 val="0"/>'
        f'<c:lang val="en-GB"/><c:roundedCorners val="0"/><c:chart><c:autoTitleDeleted val="1"/><c:plotArea><c:layout>'
        f'<c:manualLayout><c:layoutTarget val="inner"/><c:xMode val="edge"/><c:yMode val="edge"/>{layout}'
        f'</c:manualLayout></c:layout>{body}{axes}<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr></c:plotArea>'
        '<c:plotVisOnly val="1"/><c:dispBlanksAs val="gap"/></c:chart>'
        f'<c:spPr><a:noFill/><a:ln><a:noFill/></a:ln></c:spPr>{_text(plot.size, INK)}</c:chartSpace>'
    )  # fmt: skip


def _series(plot: Plot, each: Series, n: int) -> str:
    head = each.name if each.name in plot.sheet else each.y
    named = f"<c:tx><c:strRef><c:f>{_cells(plot, head, 0, 0)}</c:f>{_strings([head])}</c:strRef></c:tx>"
    begin = f'<c:idx val="{n}"/><c:order val="{n}"/>{named}'
    values = _reference(plot, each.y)
    if plot.names:
        fills = "".join(
            f'<c:dPt><c:idx val="{i}"/><c:invertIfNegative val="0"/><c:bubble3D val="0"/>'
            f'<c:spPr>{_fill(fill)}</c:spPr></c:dPt>' for i, fill in enumerate(each.fills))  # fmt: skip
        return (
            f'<c:ser>{begin}<c:spPr>{_fill(each.colour)}</c:spPr><c:invertIfNegative val="0"/>{fills}'
            f"{_labels(plot, each)}<c:cat>{_reference(plot, plot.names)}</c:cat><c:val>{values}</c:val></c:ser>"
        )
    style = _stroke(each.line) if each.line else "<a:ln><a:noFill/></a:ln>"
    return (
        f'<c:ser>{begin}<c:spPr>{style}</c:spPr>{_mark(each)}{_labels(plot, each)}'
        f'<c:xVal>{_reference(plot, each.x)}</c:xVal><c:yVal>{values}</c:yVal><c:smooth val="0"/></c:ser>'
    )  # fmt: skip


def _mark(each: Series) -> str:
    if each.mark == "none":
        return '<c:marker><c:symbol val="none"/></c:marker>'
    fill, edge = (_pale(each.colour), each.colour) if each.is_hollow else (each.colour, "#FFFFFF")
    return (f'<c:marker><c:symbol val="{each.mark}"/><c:size val="{each.size}"/><c:spPr>{_solid(fill)}'
            f'{_stroke(Line(edge, 1.25 if each.is_hollow else 0.75))}</c:spPr></c:marker>')  # fmt: skip


def _pale(colour: str) -> str:
    """Not white: LibreOffice draws no edge round a mark, so that a white one could not be seen."""
    return "#" + "".join(f"{int(0.3 * int(colour[i : i + 2], 16) + 0.7 * 255):02X}" for i in (1, 3, 5))


def _labels(plot: Plot, each: Series) -> str:
    if not each.labels:
        return ""
    one = "".join(
        f'<c:dLbl><c:idx val="{at}"/><c:tx><c:rich><a:bodyPr wrap="none" lIns="25400" rIns="25400"/>'
        f'{"".join(_paragraph(line, plot.size, label) for line in label.text.split(chr(10)))}'
        f'</c:rich></c:tx><c:dLblPos val="{label.at}"/>{_shown("Val")}</c:dLbl>'
        for at, label in each.labels if label.text)  # fmt: skip
    return f"<c:dLbls>{one}{_shown('')}</c:dLbls>"


def _paragraph(line: str, size: float, label: Label) -> str:
    side = {"l": "r", "r": "l"}.get(label.at, "ctr")
    return (f'<a:p><a:pPr algn="{side}"/><a:r><a:rPr lang="en-GB" sz="{size * 100:.0f}" b="{int(label.is_bold)}">'
            f'{_solid(label.colour)}</a:rPr><a:t>{_said(line)}</a:t></a:r></a:p>')  # fmt: skip


def _shown(what: str) -> str:
    return "".join(f'<c:show{name} val="{int(name == what)}"/>' for name in _SHOWN)


def _axis(axis: Axis, own: int, other: int, side: str, size: float, between: str = "midCat") -> str:
    turn = "maxMin" if axis.is_turned else "minMax"
    title = ""
    if axis.title:
        told = _paragraph(axis.title, size, Label("", "ctr", MUTED))
        title = f'<c:title><c:tx><c:rich><a:bodyPr/>{told}</c:rich></c:tx><c:overlay val="0"/></c:title>'
    grid = f"<c:majorGridlines><c:spPr>{_stroke(Line(HAIR, 0.75))}</c:spPr></c:majorGridlines>" if axis.has_grid else ""
    places = "nextTo" if axis.format else "none"
    return (
        f'<c:valAx><c:axId val="{own}"/><c:scaling><c:orientation val="{turn}"/><c:max val="{axis.high}"/>'
        f'<c:min val="{axis.low}"/></c:scaling><c:delete val="0"/><c:axPos val="{side}"/>{grid}{title}'
        f'<c:numFmt formatCode={quoteattr(axis.format or "General")} sourceLinked="0"/><c:majorTickMark val="none"/>'
        f'<c:minorTickMark val="none"/><c:tickLblPos val="{places}"/><c:spPr><a:ln><a:noFill/></a:ln></c:spPr>'
        f'{_text(size, MUTED)}<c:crossAx val="{other}"/><c:crosses val="min"/><c:crossBetween val="{between}"/>'
        f'<c:majorUnit val="{axis.step}"/></c:valAx>'
    )


def _names_axis(plot: Plot) -> str:
    """The axis that names the bars, the first at the top."""
    return (
        '<c:catAx><c:axId val="11"/><c:scaling><c:orientation val="maxMin"/></c:scaling><c:delete val="0"/>'
        '<c:axPos val="l"/><c:numFmt formatCode="General" sourceLinked="0"/><c:majorTickMark val="none"/>'
        f'<c:minorTickMark val="none"/><c:tickLblPos val="low"/><c:spPr>{_stroke(Line(RULE, 0.75))}</c:spPr>'
        f'{_text(plot.size, INK)}<c:crossAx val="12"/><c:crosses val="autoZero"/><c:auto val="0"/>'
        '<c:lblAlgn val="ctr"/><c:lblOffset val="60"/><c:noMultiLvlLbl val="1"/></c:catAx>'
    )


def _reference(plot: Plot, name: str) -> str:
    """The cells that hold a column, and what they held when the chart was made."""
    values = plot.sheet[name]
    cells = f"<c:f>{_cells(plot, name, 1, len(values))}</c:f>"
    if any(isinstance(value, str) for value in values):
        return f"<c:strRef>{cells}{_strings(['' if value is None else str(value) for value in values])}</c:strRef>"
    points = "".join(f'<c:pt idx="{i}"><c:v>{v!r}</c:v></c:pt>' for i, v in enumerate(values) if v is not None)
    cache = f'<c:formatCode>General</c:formatCode><c:ptCount val="{len(values)}"/>{points}'
    return f"<c:numRef>{cells}<c:numCache>{cache}</c:numCache></c:numRef>"


def _cells(plot: Plot, name: str, first: int, last: int) -> str:
    from xlsxwriter.utility import xl_range_formula

    at = list(plot.sheet).index(name)
    return str(xl_range_formula("Data", first, at, last, at))


def _strings(values: Iterable[str]) -> str:
    points = [f'<c:pt idx="{i}"><c:v>{_said(value)}</c:v></c:pt>' for i, value in enumerate(values)]
    return f'<c:strCache><c:ptCount val="{len(points)}"/>{"".join(points)}</c:strCache>'


def _said(text: str) -> str:
    return escape(words.legible(text))


def _solid(colour: str) -> str:
    return f'<a:solidFill><a:srgbClr val="{colour.lstrip("#")}"/></a:solidFill>'


def _fill(colour: str) -> str:
    if colour:
        return _solid(colour)
    return (f'<a:pattFill prst="wdUpDiag"><a:fgClr><a:srgbClr val="{HATCH.lstrip("#")}"/></a:fgClr>'
            '<a:bgClr><a:srgbClr val="FFFFFF"/></a:bgClr></a:pattFill>')  # fmt: skip


def _stroke(line: Line) -> str:
    dash = '<a:prstDash val="dash"/>' if line.is_dashed else ""
    heads = '<a:headEnd type="arrow"/><a:tailEnd type="arrow"/>' if line.has_heads else ""
    return f'<a:ln w="{line.width * 12700:.0f}" cap="flat">{_solid(line.colour)}{dash}<a:round/>{heads}</a:ln>'


def _text(size: float, colour: str) -> str:
    return (f'<c:txPr><a:bodyPr/><a:p><a:pPr><a:defRPr sz="{size * 100:.0f}" b="0">{_solid(colour)}</a:defRPr></a:pPr>'
            '<a:endParaRPr lang="en-GB"/></a:p></c:txPr>')  # fmt: skip
