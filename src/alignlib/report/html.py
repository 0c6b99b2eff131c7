"""How does the document become one HTML file that holds no script, loads nothing and escapes every word?"""

import re
from dataclasses import dataclass
from typing import Any

from alignlib import charts, words
from alignlib.report.document import Document
from alignlib.resources import resource
from alignlib.result import Finding

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
    """A text as the page can hold it, its per cent signs and millions tied to their figures; anything else as it is."""
    return re.sub(r"(?<=\d) (?=%|million\b)", words.NBSP, words.legible(value)) if type(value) is str else value


def _pictures(document: Document) -> dict[str, Picture]:
    """Every chart by the exhibit's or finding's key: wide and narrow for an exhibit, a strip for a finding."""
    currency, drawn = document.record.currency, dict[str, tuple[Any, str]]()
    for exhibit in (figure.exhibit for figure in document.figures if charts.drawable(figure.exhibit)):
        for size, width in (("wide", charts.WIDE), ("narrow", charts.NARROW)):
            drawn[f"{exhibit.key} {size}"] = (charts.chart(exhibit, width, currency), exhibit.alt)
    for finding in (item.finding for item in (*document.top, *document.others)):
        if (strip := charts.interval_strip(finding, currency=currency)) is not None:
            drawn[finding.key] = (strip, _strip_alt(finding, currency))
    made = charts.svg([chart for chart, _ in drawn.values()], [label for _, label in drawn.values()])
    return {key: Picture(svg) for key, svg in zip(drawn, made, strict=True)}


def _strip_alt(finding: Finding, currency: str) -> str:
    """The strip in words: estimate, interval, what was agreed."""
    m = finding.measure
    said = [words.value(m.value, m.unit, currency)]
    bare = "counted" if m.method == "counted" else "no interval"
    said.append(f"interval {words.interval(m.low, m.high, m.unit, currency)}" if m.low is not None else bare)
    if finding.limit is not None:
        side = {"at_least": "at least ", "at_most": "at most "}.get(finding.direction or "", "")
        said.append(f"agreed {side}{words.value(finding.limit, m.unit, currency)}")
    return ", ".join(said)


def _minutes(n: int) -> str:
    return f"{words.number(n)}{words.NBSP}min"
