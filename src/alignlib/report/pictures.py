"""Which pictures does a document need? Drawn as SVG, for every format that can show it."""

from collections.abc import Iterator

from alignlib import charts, words
from alignlib.charts.canvas import MARKETING, SALES, Canvas
from alignlib.charts.tables import alone
from alignlib.report.brand import PLAIN, Brand
from alignlib.report.document import Document, Figure
from alignlib.result import Finding

_CELL = 240  # pixels: the width of the evidence in a docket, on a page and on a phone


def draw(document: Document, brand: Brand = PLAIN) -> dict[str, str]:
    """Which SVG stands for each exhibit and finding, by name?

    ``KEY wide`` and ``KEY narrow`` for an exhibit that is drawn (720 and 342 pixels), ``KEY`` for a finding's strip,
    ``EXHIBIT FINDING`` for the evidence of a docket, ``EXHIBIT ROW said`` and ``EXHIBIT ROW happened`` for a strip.
    """
    colours = {SALES: brand.sales, MARKETING: brand.marketing}
    return {name: charts.svg(chart, alt, colours) for name, chart, alt in _all(document) if chart is not None}


def _all(document: Document) -> Iterator[tuple[str, Canvas | None, str]]:
    currency, findings = document.record.currency, document.findings
    for exhibit in (figure.exhibit for figure in document.figures if charts.drawable(figure.exhibit)):
        for size, width in (("wide", charts.WIDE), ("narrow", charts.NARROW)):
            yield f"{exhibit.key} {size}", charts.chart(exhibit, width, currency), exhibit.alt
    for figure in document.figures:
        yield from _in_cells(figure, findings, currency)
    for finding in (item.finding for item in (*document.top, *document.others)):
        yield finding.key, charts.interval_strip(finding, currency=currency), strip_alt(finding, currency)


def _in_cells(figure: Figure, findings: dict[str, Finding], currency: str) -> Iterator[tuple[str, Canvas | None, str]]:
    """The small pictures in the cells of a docket (by its finding's key) and of a strip (by its row, from 0)."""
    key = figure.exhibit.key
    for entry in (each for each in figure.docket if each.finding in findings):
        finding = findings[entry.finding]
        # the tint marks the side on which the complaint holds, which is not always the bad side of the finding
        side = {"below": "at_least", "above": "at_most"}.get(entry.holds_where, finding.direction)
        strip = charts.interval_strip(finding.model_copy(update={"direction": side}), _CELL, currency)
        yield f"{key} {finding.key}", strip, strip_alt(finding, currency)
    for i, told in enumerate(figure.conversations):
        row = figure.exhibit.rows[i]
        yield f"{key} {i} said", charts.said_strip(row), told.said_alt
        yield f"{key} {i} happened", charts.happened_strip(row), told.happened_alt


def strip_alt(finding: Finding, currency: str) -> str:
    """How is the strip told in words: estimate, interval (or bounds, or a range over rules), what was agreed?"""
    m, kind = finding.measure, charts.ends_word(finding.measure)
    ends = words.interval(m.low, m.high, m.unit, currency)
    said = [words.value(m.value, m.unit, currency)] if m.value is not None else []
    said += [f"{kind} {ends if said else alone(ends, m.unit)}" if m.low is not None else kind]
    if finding.limit is not None:
        word, side = charts.limit_word(m), {"at_least": "at least ", "at_most": "at most "}
        told = "" if word == "claim" else side.get(finding.direction or "", "")
        said.append(f"{word} {told}{words.value(finding.limit, m.unit, currency)}")
    return ", ".join(said)
