"""Which marks is a chart made of? One mark, one meaning; sizes in pixels, values on the chart's own axis."""

from collections.abc import Sequence
from dataclasses import dataclass
from math import ceil, floor, log10
from typing import TYPE_CHECKING, Any

from alignlib.words import legible

if TYPE_CHECKING:
    import altair as alt

SALES, MARKETING, ACT = "#14497F", "#9C5A00", "#B0123B"
INK, TEXT, MUTED, STAGE = "#1B1F24", "#454B54", "#636A73", "#3F464F"
INTERVAL, TRACK, RULE, HAIR = "#7C848E", "#9AA1AA", "#CFCBC2", "#E7E3DB"
ZONE, BAND, HATCH, DECIDED = "#ECE9E2", "#F1EEE7", "#A9A59B", "#CBC6BB"
FONT = "Inter, Noto Sans, Helvetica Neue, Arial, sans-serif"
_NARROW_LETTERS, _WIDE_LETTERS = "iljtfrI.,:;'|!()[]/ \u00a0", "mwMWOQ@%€&"

Line = tuple[float, float, float, float]
Spot = tuple[float, float]
Words = tuple[float, float, str]


@dataclass(frozen=True)
class Frame:
    """How large is a chart, where does its axis run, and how tall are its rows? All in pixels but the axis itself."""

    width: int
    left: float
    right: float
    low: float = 0.0
    high: float = 1.0
    head: float = 0.0
    row: float = 0.0
    rows: int = 0
    foot: float = 0.0

    @property
    def height(self) -> float:
        return self.head + self.rows * self.row + self.foot

    @property
    def narrow(self) -> bool:
        return self.width < 500

    def px(self, value: float) -> float:
        """Where on the page does a value of the axis lie?"""
        return self.left + (value - self.low) / ((self.high - self.low) or 1) * (self.right - self.left)

    def inside(self, value: float) -> float:
        """The value, or the end of the axis that it lies beyond."""
        return min(max(value, self.low), self.high)


@dataclass(frozen=True)
class Marks:
    """Marks of one kind, drawn together. The highest ``z`` lies on top: grounds, lines, bars, estimates, words."""

    z: int
    kind: str
    rows: tuple[dict[str, Any], ...]
    px: bool
    options: tuple[tuple[str, Any], ...]


def rules(
    lines: Sequence[Line], color: str, size: float = 1, dash: tuple[int, ...] = (), px: bool = False, z: int = 3
) -> Marks:
    """Where do straight lines from (x, y) to (x2, y2) run? Thick ones are bars; x in the axis' unit unless ``px``."""
    rows = tuple({"x": x, "y": y, "x2": x2, "y2": y2} for x, y, x2, y2 in lines)
    return Marks(z, "rule", rows, px, _options(color=color, strokeWidth=size, strokeDash=dash))


def ground(lines: Sequence[Line], color: str, size: float, px: bool = False) -> Marks:
    """Which tint lies behind everything: the gap between two means, the side on which a complaint holds?"""
    return rules(lines, color, size, px=px, z=0)


def hairs(lines: Sequence[Line], px: bool = False) -> Marks:
    """Where do grid lines and row lines run?"""
    return rules(lines, HAIR, px=px, z=1)


def ticks(spots: Sequence[Spot], half: float = 8) -> Marks:
    """Where do the estimates stand: a thick upright stroke at each value?"""
    return rules([(x, y - half, x, y + half) for x, y in spots], INK, 3, z=4)


def points(spots: Sequence[Spot], shape: str, color: str, area: float) -> Marks:
    """Where do one team's means stand: circle or diamond with a white edge?"""
    rows = tuple({"x": x, "y": y} for x, y in spots)
    return Marks(
        4,
        "point",
        rows,
        False,
        _options(shape=shape, fill=color, stroke="#FFFFFF", strokeWidth=1, size=area, opacity=1),
    )


def texts(
    words: Sequence[Words], color: str = INK, size: int = 13, bold: bool = False, align: str = "left", px: bool = True
) -> Marks:
    """Which words stand at (x, y)? They are data values: nothing in them is ever read as an expression."""
    rows = tuple({"x": x, "y": y, "text": legible(text)} for x, y, text in words if text)
    return Marks(
        5, "text", rows, px, _options(color=color, fontSize=size, fontWeight=600 if bold else 400, align=align)
    )


def path(spots: Sequence[Spot], color: str, dash: tuple[int, ...] = ()) -> Marks:
    """Which line joins these values?"""
    rows = tuple({"x": x, "y": y} for x, y in spots)
    return Marks(3, "line", rows, False, _options(color=color, strokeDash=dash))


def band(spots: Sequence[tuple[float, float, float]], color: str = BAND) -> Marks:
    """Which band lies behind a line, from y to y2?"""
    rows = tuple({"x": x, "y": y, "y2": y2} for x, y, y2 in spots)
    return Marks(0, "area", rows, False, _options(color=color, opacity=1))


def hatch(box: tuple[float, float, float, float]) -> Marks:
    """How is withheld, not recorded or still open shown: strokes at 45 degrees in a box (x, y, width, height)?"""
    x, y, width, height = box
    lines, offset = [], 4 - height
    while offset < width:
        start, end = max(offset, 0), min(offset + height, width)
        if end > start:
            lines.append((x + start, y + height - (start - offset), x + end, y + height - (end - offset)))
        offset += 6
    return rules(lines, HATCH, px=True, z=2)


def assemble(f: Frame, marks: Sequence[Marks]) -> "alt.LayerChart":
    """Which chart do these marks make together, those with the lowest ``z`` at the back?"""
    import altair as alt

    groups: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for mark in sorted((m for m in marks if m.rows), key=lambda m: m.z):
        own = len(groups) if mark.kind in ("line", "area") else 0  # two lines must not become one
        groups.setdefault((mark.kind, mark.px, mark.options, own), []).extend(mark.rows)
    across = {
        True: alt.Scale(domain=[0, f.width], range=[0, f.width]),
        False: alt.Scale(domain=[f.low, f.high], range=[f.left, f.right]),
    }
    height = ceil(f.height)
    down = alt.Y("y:Q", scale=alt.Scale(domain=[0, height], range=[0, height]), axis=None)
    layers = []
    for (kind, px, options, _), rows in groups.items():
        encoding: dict[str, Any] = {"x": alt.X("x:Q", scale=across[px], axis=None), "y": down}
        encoding |= {name: f"{name}:Q" for name in ("x2", "y2") if name in rows[0] and kind != "line"}
        encoding |= {"text": alt.Text("text:N")} if kind == "text" else {}
        layers.append(
            getattr(alt.Chart(alt.InlineData(values=rows)), f"mark_{kind}")(**dict(options)).encode(**encoding)
        )
    chart: alt.LayerChart = (
        alt.layer(*layers)
        .resolve_scale(x="independent")
        .properties(width=f.width, height=height, autosize=alt.AutoSizeParams(type="none"))
        .configure(padding=0, aria=False, background="transparent", font=FONT)
        .configure_view(strokeWidth=0)
    )
    return chart


def _options(**options: Any) -> tuple[tuple[str, Any], ...]:
    return tuple((name, value) for name, value in options.items() if value != ())


def span(text: str, size: int = 13, bold: bool = False) -> float:
    """How many pixels does a text take, about? Estimated on the wide side, so that what fits here fits on the page."""
    ems = 0.0
    for letter in text:
        if letter in _NARROW_LETTERS:
            ems += 0.33
        elif letter in _WIDE_LETTERS:
            ems += 0.9
        elif ord(letter) > 0x2E7F:
            ems += 1.0
        else:
            ems += 0.7 if letter.isupper() else 0.58
    return ems * size * (1.05 if bold else 1)


def fitted(text: str, room: float, size: int = 13, bold: bool = False) -> str:
    """How much of a text fits into ``room`` pixels? All of it, or its beginning with an ellipsis.

    >>> fitted("Public sector", 200), fitted("Public sector", 60)
    ('Public sector', 'Public s…')
    """
    text = " ".join(text.split(" "))
    if span(text, size, bold) <= room:
        return text
    while text and span(text + "…", size, bold) > room:
        text = text[:-1]
    return text + "…"


def wrapped(text: str, room: float, size: int = 13, bold: bool = False, most: int = 2) -> list[str]:
    """How does a text stand on at most ``most`` lines, the last one cut visibly when it does not fit?

    >>> wrapped("Focus on the same customers", 110)
    ['Focus on the', 'same customers']
    """
    lines: list[str] = [""]
    for word in text.split():
        longer = f"{lines[-1]} {word}".strip()
        if span(longer, size, bold) <= room or not lines[-1] or len(lines) == most:
            lines[-1] = longer
        else:
            lines.append(word)
    return [fitted(line, room, size, bold) for line in lines]


def axis(low: float, high: float, unit: str, steps: int = 4) -> list[float]:
    """Which round values mark an axis from ``low`` (or zero) to ``high``?

    >>> axis(0, 0.93, "share"), axis(0, 37, "count"), axis(-0.4, 1.2, "points")
    ([0.0, 0.25, 0.5, 0.75, 1.0], [0, 10, 20, 30, 40], [-0.5, 0.0, 0.5, 1.0, 1.5])
    """
    low, high = min(low, 0.0), max(high, 0.0)
    rough = (high - low or 1.0) / steps
    size = 10 ** floor(log10(rough))
    step = next(size * nice for nice in (1, 2, 2.5, 5, 10) if size * nice >= rough * 0.999)
    if unit in ("count", "days", "money"):
        step = max(step, 1.0) if step != 2.5 else 5.0
    first, last = floor(low / step + 1e-9), ceil(high / step - 1e-9)
    return [round(i * step, 9) for i in range(first, max(last, first + 1) + 1)]
