"""How do the marks of a chart become SVG? Written as a tree, so that a chart can hold nothing but shapes and words."""

from collections.abc import Mapping
from math import ceil
from xml.etree import ElementTree

from alignlib.charts.canvas import FONT, Canvas
from alignlib.words import legible


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
    root = ElementTree.Element("svg", size | {"role": "img", "aria-label": legible(label)})
    for _, tag, attributes, words in sorted(chart.marks, key=lambda mark: mark[0]):
        mark = ElementTree.SubElement(root, tag, {name: known.get(text, text) for name, text in attributes.items()})
        mark.text = words or None
    return ElementTree.tostring(root, encoding="unicode")


def standalone(svg: str) -> str:
    """How is an SVG written that stands alone, in a file or an ``img``, and inherits nothing from a page?"""
    return svg.replace("<svg ", f'<svg xmlns="http://www.w3.org/2000/svg" font-family="{FONT}" ', 1)
