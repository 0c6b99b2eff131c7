"""How do the marks of a chart become SVG? Every name is ours and every value escaped: nothing but shapes and words."""

import re
from collections.abc import Mapping
from html import escape
from math import ceil

from alignlib.charts.canvas import FONT, Canvas
from alignlib.words import legible

_QUOTED = str.maketrans({'"': "&quot;", "\t": "&#09;", "\n": "&#10;", "\r": "&#13;"})
_ESCAPED = re.compile('[&<>"\\t\\n\\r]')


def svg(chart: Canvas, label: str, colours: Mapping[str, str] | None = None) -> str:
    """Which SVG shows this chart, for inlining in HTML? ``label`` is its text alternative.

    Lines, paths and words only, each word escaped: no script, link, id, class or style.
    ``colours``: what takes the place of a colour of ours (a brand's for a team's).

    >>> chart = Canvas(100, 0, 100, rows=1, row=20)
    >>> chart.text(4, 10, "A < B")
    >>> svg(chart, "A chart")[:66]
    '<svg width="100" height="20" viewBox="0 0 100 20" role="img" aria-'
    """
    height, known = str(ceil(chart.height)), colours or {}
    size = {"width": str(chart.width), "height": height, "viewBox": f"0 0 {chart.width} {height}"}
    marks = "".join(
        _element(tag, {name: known.get(text, text) for name, text in attributes.items()}, escape(words, quote=False))
        for _, tag, attributes, words in sorted(chart.marks, key=lambda mark: mark[0])
    )
    return _element("svg", size | {"role": "img", "aria-label": legible(label)}, marks)


def _element(tag: str, attributes: Mapping[str, str], inside: str) -> str:
    said = "".join([f' {name}="{_quoted(text)}"' for name, text in attributes.items()])
    return f"<{tag}{said}>{inside}</{tag}>" if inside else f"<{tag}{said} />"


def _quoted(text: str) -> str:
    return escape(text, quote=False).translate(_QUOTED) if _ESCAPED.search(text) else text  # most are figures


def standalone(svg: str) -> str:
    """How is an SVG written that stands alone, in a file or an ``img``, and inherits nothing from a page?"""
    return svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONT}" ', 1)
