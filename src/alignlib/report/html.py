"""How does the document become one HTML file that holds no script, loads nothing and escapes every word?"""

import re
from base64 import b64encode
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from hashlib import sha256
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

from alignlib import charts, words
from alignlib.report import phrases
from alignlib.report.brand import PLAIN, Brand
from alignlib.report.document import Document, Figure
from alignlib.report.pictures import draw
from alignlib.resources import strict_templates

if TYPE_CHECKING:
    from jinja2 import Environment

_JOINER = "\u2060"
_AFTER_MINUS = re.compile(rf"(?<={words.MINUS})(?=\S)")  # a line may break there, before a currency sign
_ROWS = 6  # of a table that is not drawn; the rest opens on demand


@dataclass(frozen=True)
class Inlined:
    """SVG or CSS that the template may inline as it is.

    The one thing in a report that is not escaped, and why it need not be: ``charts.svg`` writes a tree of lines, paths
    and words, with every word escaped, and pictures are made in ``pictures.draw`` alone; the stylesheet is the kit's.
    """

    text: str

    def __html__(self) -> str:
        return self.text


class Topic(NamedTuple):
    """Which exhibits of one topic stand open, and which in the list of folded ones below them, under which heading?"""

    open: tuple[Figure, ...]
    folded: tuple[Figure, ...]
    heading: str


def render(document: Document, brand: Brand = PLAIN) -> str:
    """Which HTML shows this document? One file: styles and charts inline, a strict Content-Security-Policy."""
    style = templates().get_template("report.css").render(brand=brand)
    page = templates().get_template("report.html.j2").render(
        doc=document, brand=brand, logo=b64encode(brand.logo).decode(), style=Inlined(style),
        style_hash=policy_hash(style), topics=tuple(_topics(document)),
        pictures={name: Inlined(svg) for name, svg in draw(document, brand).items()},
    )  # fmt: skip
    return page.strip() + "\n"


@cache
def templates() -> "Environment":
    """Which templates are there? Compiled once, for that takes a quarter of a report's time."""
    return strict_templates(
        "report", _written, count=words.count, spelled=words.spelled, minutes=words.minutes, left_out=charts.left_out,
        most=_ROWS, say=phrases,
    )  # fmt: skip


def policy_hash(style: str) -> Inlined:
    """Which source allows this stylesheet and no other, nor any style attribute?"""
    return Inlined(f"'sha256-{b64encode(sha256(style.encode()).digest()).decode()}'")


def _topics(document: Document) -> Iterator[Topic]:
    for name, found in groupby(document.figures, key=lambda figure: figure.topic):
        figures = tuple(found)
        shown, folded = (tuple(f for f in figures if f.is_open == is_open) for is_open in (True, False))
        number = figures[0].number.split(".")[0]
        yield Topic(shown, folded, f"More on {name[:1].lower()}{name[1:]}" if shown else f"{number} · {name}")


def _written(text: str) -> str:
    """A text as the page can hold it: per cent signs, millions and minus signs tied to their figures."""
    return _AFTER_MINUS.sub(_JOINER, words.tied(words.legible(text)))
