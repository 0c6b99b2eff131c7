"""Which marks is a chart made of? One mark, one meaning; sizes in pixels, values on the chart's own axis."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from math import ceil, floor, log10, pi, sqrt
from typing import Any

from alignlib.words import legible

SALES, MARKETING, ACT = "#14497F", "#9C5A00", "#B0123B"
INK, TEXT, MUTED, STAGE, WHITE = "#1B1F24", "#454B54", "#636A73", "#3F464F", "#FFFFFF"
INTERVAL, TRACK, RULE, HAIR = "#7C848E", "#9AA1AA", "#CFCBC2", "#E7E3DB"
ZONE, BAND, HATCH, DECIDED = "#ECE9E2", "#F1EEE7", "#A9A59B", "#CBC6BB"
FONT = "Inter, Noto Sans, Helvetica Neue, Arial, sans-serif"
_ANCHORS = {"left": "start", "center": "middle", "right": "end"}
PHONE = 500  # pixels: a chart that is narrower is laid out for a phone
_EMS = dict.fromkeys("iljtfrI.,:;'|!()[]/ \u00a0", 0.33) | dict.fromkeys("mwMWOQ@%€&", 0.9)


@dataclass
class Canvas:
    """How large is a chart, where does its axis run, how tall are its rows, and which marks lie on it?

    In pixels but for ``low`` and ``high``, the ends of the axis. Of the marks those with the highest ``z`` lie on top:
    grounds, lines, bars, estimates, words. Rules (a thick one is a bar), ticks and points stand at values of the axis,
    unless ``px`` says that they are pixels; words and hatches always stand at pixels.
    A mark is an element of SVG: its ``z``, its name, its attributes, its words.
    """

    width: int
    left: float
    right: float
    low: float = 0.0
    high: float = 1.0
    head: float = 0.0
    row: float = 0.0
    rows: int = 0
    foot: float = 0.0
    marks: list[tuple[int, str, dict[str, str], str]] = field(default_factory=list)

    @property
    def height(self) -> float:
        return self.head + self.rows * self.row + self.foot

    @property
    def narrow(self) -> bool:
        return self.width < PHONE

    def px(self, value: float) -> float:
        """Where on the page does a value of the axis lie?"""
        return self.left + (value - self.low) / ((self.high - self.low) or 1) * (self.right - self.left)

    def inside(self, value: float) -> float:
        return min(max(value, self.low), self.high)

    def centred(self, x: float, text: str) -> float:
        """The middle of a centred text of 12 pixels, moved inwards when it would leave the chart."""
        half = span(text, 12) / 2
        return min(max(x, half), self.width - half)

    def _add(self, z: int, tag: str, x: float, y: float, words: str = "", **style: str | float) -> None:
        told = {n.replace("_", "-"): v if isinstance(v, str) else _said(v) for n, v in style.items()}
        self.marks.append((z, tag, {"transform": f"translate({_said(x)},{_said(y)})", **told}, words))

    def rule(
        self, x: float, y: float, x2: float, y2: float, color: str, size: float = 1, *,
        dash: Sequence[int] = (), px: bool = False, z: int = 3,
    ) -> None:  # fmt: skip
        start, end = (x, x2) if px else (self.px(x), self.px(x2))
        dashed = {"stroke_dasharray": ",".join(map(str, dash))} if dash else {}
        self._add(z, "line", start, y, x2=end - start, y2=y2 - y, stroke=color, stroke_width=size, **dashed)

    def tick(self, x: float, y: float, half: float = 8) -> None:
        self.rule(x, y - half, x, y + half, INK, 3, z=4)

    def point(self, x: float, y: float, shape: str, color: str, area: float, is_hollow: bool = False) -> None:
        """A team's mark; hollow for what the other team expects of it."""
        fill, stroke, width = (WHITE, color, 1.8) if is_hollow else (color, WHITE, 1)
        r = _said(sqrt(area / pi) if shape == "circle" else sqrt(area) / 2)
        circle = f"M{r},0A{r},{r},0,1,1,-{r},0A{r},{r},0,1,1,{r},0"
        outline = circle if shape == "circle" else f"M-{r},0L0,-{r}L{r},0L0,{r}Z"
        self._add(4, "path", self.px(x), y, d=outline, fill=fill, stroke=stroke, stroke_width=width)

    def text(
        self, x: float, y: float, text: str, color: str = INK, size: int = 13, bold: bool = False, align: str = "left"
    ) -> None:
        """Words at a place on the page, ``y`` in the middle of their height."""
        style = {"fill": color, "font_weight": 600 if bold else 400, "text_anchor": _ANCHORS[align]}
        if text:
            self._add(5, "text", x, y + 0.3 * size, legible(text), font_size=size, **style)

    def lines(self, x: float, y: float, texts: Sequence[str], *style: Any, step: float = 16, **named: Any) -> None:
        """Lines of words one below another, the first at ``y``; styled as by ``text``."""
        for i, text in enumerate(texts):
            self.text(x, y + step * i, text, *style, **named)

    def curve(self, spots: Sequence[tuple[float, float]], color: str, dash: Sequence[int] = ()) -> None:
        dashed = {"stroke_dasharray": ",".join(map(str, dash))} if dash else {}
        line = _path([(self.px(x), y) for x, y in spots])
        self._add(3, "path", 0, 0, d=line, fill="none", stroke=color, stroke_width=2, **dashed)

    def band(self, spots: Sequence[tuple[float, float, float]]) -> None:
        there = [(self.px(x), y) for x, y, _ in spots]
        back = [(self.px(x), y) for x, _, y in reversed(spots)]
        self._add(0, "path", 0, 0, d=_path(there + back) + "Z", fill=BAND)

    def hatch(self, x: float, y: float, width: float, height: float) -> None:
        """What is withheld, not recorded or still open: strokes at 45 degrees in a box on the page."""
        for offset in range(4 - round(height), ceil(width), 6):
            start, end = max(offset, 0), min(offset + height, width)
            if end > start:
                ends = (x + start, y + height - start + offset, x + end, y + height - end + offset)
                self.rule(*ends, HATCH, px=True, z=2)

    def arrow(self, low: float, high: float, y: float) -> None:
        """A range over rules, or bounds, which is no interval: a line with two arrow heads."""
        self.rule(low, y, high, y, INK, 1.4)
        for x, inwards in ((self.px(low), 6), (self.px(high), -6)):
            for side in (-5, 5):
                self.rule(x, y, x + inwards, y + side, INK, 1.4, px=True)


def _said(value: float) -> str:
    """A number as SVG writes it: hundredths of a pixel, as a screen can show, and no more digits than that needs."""
    return str(value) if isinstance(value, int) else f"{round(value, 2) + 0.0}".removesuffix(".0")


def _path(spots: Sequence[tuple[float, float]]) -> str:
    return "M" + "L".join(f"{_said(x)},{_said(y)}" for x, y in spots)


def span(text: str, size: int = 13, bold: bool = False) -> float:
    """How many pixels does a text take, about? Estimated on the wide side, so that what fits here fits on the page."""
    return sum(map(_ems, text)) * size * (1.05 if bold else 1)


@cache
def _ems(each: str) -> float:
    return _EMS.get(each) or (1.0 if ord(each) > 0x2E7F else 0.7 if each.isupper() else 0.58)


def fitted(text: str, room: float, size: int = 13, bold: bool = False) -> str:
    """How much of a text fits into ``room`` pixels? All of it, or its beginning with an ellipsis.

    >>> fitted("Public sector", 200), fitted("Public sector", 60)
    ('Public sector', 'Public s…')
    """
    if span(text, size, bold) <= room:
        return text
    text = text[: int(max(room, 0) / (min(_EMS.values()) * size)) + 1]  # no more can fit, and labels may be very long
    while text and span(text + "…", size, bold) > room:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, room: float, size: int = 13, bold: bool = False, most: int = 2) -> list[str]:
    """How does a text stand on at most ``most`` lines, the last one cut visibly when it does not fit?

    >>> wrapped("Focus on the same customers", 110)
    ['Focus on the', 'same customers']
    """
    lines = broken(text, room, size, bold)
    if len(lines) > most:
        lines[most - 1 :] = [" ".join(lines[most - 1 :])]
    return [fitted(line, room, size, bold) for line in lines]


def broken(text: str, room: float, size: int = 13, bold: bool = False) -> list[str]:
    """On which lines does a text stand when it breaks between words alone? A longer word has a line to itself."""
    lines = [""]
    for word in text.split(" "):
        longer = f"{lines[-1]} {word}".strip()
        if not lines[-1] or span(longer, size, bold) <= room:
            lines[-1] = longer
        else:
            lines.append(word)
    return lines


def axis(low: float, high: float, unit: str, steps: int = 4) -> list[float]:
    """Which round values mark an axis from ``low`` (or zero) to ``high``?

    >>> axis(0, 0.93, "share"), axis(0, 37, "count"), axis(-0.4, 1.2, "points")
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0, 10, 20, 30, 40], [-0.5, 0.0, 0.5, 1.0, 1.5])
    """
    low, high = min(low, 0.0), max(high, 0.0)
    rough = (high - low or 1.0) / steps
    size = 10 ** floor(log10(rough))
    whole = {"share": 0.1, "pp": 0.1, "points": 1.0, "delta": 0.1}.get(unit, 10.0)  # below it a 2.5 would read as 2
    nice = (1, 2, 2.5, 5, 10) if size >= whole else (1, 2, 5, 10)
    step = next(size * each for each in nice if size * each >= rough * 0.999)
    step = max(step, {"count": 1.0, "days": 1.0, "money": 1.0, "pp": 0.01}.get(unit, 0.0))
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(i * step, 9) for i in range(first, max(last, first + 1) + 1)]
