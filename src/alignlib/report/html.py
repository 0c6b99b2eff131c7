"""How does the document become one HTML file that holds no script, loads nothing and escapes every word?"""

import re
from dataclasses import dataclass
from typing import Any

from alignlib import charts, words
from alignlib.charts.tables import alone
from alignlib.report.document import Document, Figure
from alignlib.resources import resource
from alignlib.result import Finding

_CELL = 240  # pixels: the width of the evidence in a docket, on a page and on a phone
_JOINER = "\u2060"
_ROWS = 8  # of a table that is not drawn; the rest opens on demand


@dataclass(frozen=True)
class Picture:
    """SVG that the template may inline as it is.

    The one thing in a report that is not escaped, and why it need not be: ``charts.svg`` parses what was drawn and
    writes it anew from a short list of elements and attributes, with every word escaped. Pictures are made in
    ``_pictures`` and nowhere else.
    """

    svg: str

    def __html__(self) -> str:
        return self.svg


def render(document: Document) -> str:
    """Which HTML shows this document? One file: styles and charts inline, a strict Content-Security-Policy.

    Raises AlignError (E-DRAW) when a chart cannot be drawn.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, finalize=_written, trim_blocks=True, lstrip_blocks=True,
        loader=FileSystemLoader(resource("templates", "report")),
    )  # fmt: skip
    environment.globals.update(
        count=words.count, spelled=words.spelled, minutes=_minutes, left_out=charts.left_out, most=_ROWS
    )
    return environment.get_template("report.html.j2").render(doc=document, pictures=_pictures(document)) + "\n"


def _written(value: Any) -> Any:
    """A text as the page can hold it: per cent signs, millions and minus signs tied to their figures; others as is."""
    if type(value) is not str:
        return value
    tied = re.sub(r"(?<=\d) (?=%|million\b)", words.NBSP, words.legible(value))
    return re.sub(rf"{words.MINUS}(?=\S)", words.MINUS + _JOINER, tied)  # a line may break before a currency sign


def _pictures(document: Document) -> dict[str, Picture]:
    """Every chart by the exhibit's or finding's key: wide and narrow for an exhibit, a strip for a finding."""
    currency, drawn = document.record.currency, dict[str, tuple[Any, str]]()
    for exhibit in (figure.exhibit for figure in document.figures if charts.drawable(figure.exhibit)):
        for size, width in (("wide", charts.WIDE), ("narrow", charts.NARROW)):
            drawn[f"{exhibit.key} {size}"] = (charts.chart(exhibit, width, currency), exhibit.alt)
    for figure in document.figures:
        drawn |= _in_cells(figure, {f.key: f for r in document.record.results.values() for f in r.findings}, currency)
    for finding in (item.finding for item in (*document.top, *document.others)):
        if (strip := charts.interval_strip(finding, currency=currency)) is not None:
            drawn[finding.key] = (strip, _strip_alt(finding, currency))
    made = charts.svg([chart for chart, _ in drawn.values()], [label for _, label in drawn.values()])
    return {key: Picture(svg) for key, svg in zip(drawn, made, strict=True)}


def _in_cells(figure: Figure, findings: dict[str, Finding], currency: str) -> dict[str, tuple[Any, str]]:
    """The small pictures in the cells of a docket (by its finding's key) and of a strip (by its row, from 0)."""
    key, drawn = figure.exhibit.key, dict[str, tuple[Any, str]]()
    for entry in (e for e in (figure.docket.entries if figure.docket else ()) if e.finding in findings):
        finding = findings[entry.finding]
        # the tint marks the side on which the complaint holds, which is not always the bad side of the finding
        side = {"below": "at_least", "above": "at_most"}.get(entry.holds_where, finding.direction)
        strip = charts.interval_strip(finding.model_copy(update={"direction": side}), _CELL, currency)
        drawn[f"{key} {finding.key}"] = (strip, _strip_alt(finding, currency))
    for i, told in enumerate(figure.conversations):
        row = figure.exhibit.rows[i]
        drawn[f"{key} {i} said"] = (charts.said_strip(row), told.said_alt)
        drawn[f"{key} {i} happened"] = (charts.happened_strip(row), told.happened_alt)
    return {name: (chart, alt) for name, (chart, alt) in drawn.items() if chart is not None}


def _strip_alt(finding: Finding, currency: str) -> str:
    """The strip in words: estimate, interval, what was agreed."""
    m = finding.measure
    ends, bare = words.interval(m.low, m.high, m.unit, currency), "counted" if m.method == "counted" else "no interval"
    if m.value is None:
        said = [f"range over rules {alone(ends, m.unit)}"]
    else:
        said = [words.value(m.value, m.unit, currency), f"interval {ends}" if m.low is not None else bare]
    if finding.limit is not None:
        word, side = (
            charts.limit_word(m),
            {"at_least": "at least ", "at_most": "at most "}.get(finding.direction or "", ""),
        )
        said.append(f"{word} {'' if word == 'claim' else side}{words.value(finding.limit, m.unit, currency)}")
    return ", ".join(said)


def _minutes(n: int) -> str:
    return f"{words.number(n)}{words.NBSP}min"
