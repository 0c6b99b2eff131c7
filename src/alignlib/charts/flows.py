"""How are exhibits drawn that have a form of their own: stages, parts of a whole, a grid, a curve?"""

from dataclasses import replace

from alignlib import words
from alignlib.canvas import (
    ACT,
    DECIDED,
    HATCH,
    INK,
    MARKETING,
    MUTED,
    RULE,
    SALES,
    STAGE,
    TEXT,
    Frame,
    Line,
    Marks,
    axis,
    band,
    fitted,
    hairs,
    hatch,
    path,
    rules,
    span,
    texts,
    wrapped,
)
from alignlib.charts.rows import MOST_ROWS, Drawn, label, number
from alignlib.result import Exhibit, Row

_CONVERSATIONS = {
    "C1": ("Tailored", "point of view"),
    "C2": ("Right", "people"),
    "C3": ("Relevant", "meeting"),
    "C4": ("Definition", "of success"),
    "C5": ("Value", "tangible"),
}
_TINTS = {  # a further part of the same kind is lighter
    "done": (STAGE, "#6B737C", "#8C939C"),
    "decided": (DECIDED, "#DAD6CD", "#BDB8AC"),
    "leaked": (ACT, "#C4476A", "#D88AA0"),
}
_GRID_KEY = "Grey: usable assets. Outlined: none, and the money standing there."
Box = tuple[float, float, float, float]


def waterfall(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """How many get how far? Stages as bars from zero; what did not go on hangs below each, leaks in the accent."""
    narrow, most = width < 500, max(_n(row) for row in e.rows) or 1
    row_height = 132 if narrow else 84
    f = Frame(
        width, 0 if narrow else 132, width if narrow else 452, 0, most, 0, row_height, len(e.rows), 48 - row_height
    )
    drawn: list[Marks] = []
    for i, row in enumerate(e.rows):
        n, top = _n(row), i * f.row
        y, count = top + (32 if narrow else 13), words.number(n)
        outside = f.px(n) - f.left < span(count, 13, True) + 16
        drawn += [
            rules([(0, y, n, y)], STAGE, 25),
            _stage(f, str(row["label"]), top + 9 if narrow else y),
            texts([(f.px(n) + 8, y, count)] if outside else [], bold=True),
            texts([] if outside else [(f.px(n) - 9, y, count)], "#FFFFFF", bold=True, align="right"),
        ]
        if i + 1 < len(e.rows):
            drawn += _hanging(f, row, _n(e.rows[i + 1]), y)
            drawn += _passage(f, row, top + (74 if narrow else 34), 0 if narrow else 474)
    return f, drawn


def _stage(f: Frame, name: str, y: float) -> Marks:
    """A stage's name beside its bar, on two lines when it is long; on a phone on one line above it."""
    lines = wrapped(name, f.left - 12 if f.left else f.width, 13, True, 2 if f.left else 1)
    return texts([(0, y + 16 * i - 8 * (len(lines) - 1), line) for i, line in enumerate(lines)], bold=True)


def _hanging(f: Frame, row: Row, onward: float, y: float) -> list[Marks]:
    """What did not go on, from the right end of its stage: leaked, decided, still open."""
    end, below = _n(row), y + (24 if f.narrow else 39)
    drawn = [rules([(end, y + 12, end, below)], RULE)]
    if not f.narrow:
        drawn.append(rules([(onward, below, onward, y + f.row - 12)], RULE))
    for kind, tint in (("leaked", ACT), ("decided", DECIDED), ("open", "")):
        start = max(end - (number(row.get(kind)) or 0), 0)
        if start < end and tint:
            drawn.append(rules([(start, below, end, below)], tint, 16))
        elif start < end:
            drawn.append(hatch((f.px(start), below - 8, f.px(end) - f.px(start), 16)))
            drawn.append(rules([(x, below - 8, x, below + 8) for x in (start, end)], HATCH))
        end = start
    return drawn


def _passage(f: Frame, row: Row, y: float, x: float) -> list[Marks]:
    """What the figures say of those who went on and those who did not."""
    go_on, low, high = (number(row.get(c)) for c in ("go_on", "go_on_low", "go_on_high"))
    days, leaked = number(row.get("median_days")), number(row.get("leaked"))
    rate = f"{words.share(go_on)} go on" if go_on is not None else "not judged"
    rest = [f"{words.number(v)} {kind}" for kind in ("decided", "open") if (v := number(row.get(kind)))]
    rest += [f"median {words.value(days, 'days')}"] if days is not None else []
    told = [
        (rate if low is None else f"{rate}, interval {words.interval(low, high, 'share')}", INK, 13),
        (f"Leaked: {words.number(leaked)}" if leaked else "", ACT, 12),
        (", ".join(rest) or str(row.get("note") or ""), MUTED, 12),
    ]
    lines = [line for line in told if line[0]]
    return [
        texts([(x, y + 17 * i, fitted(text, f.width - x, size, color != MUTED))], color, size, color != MUTED)
        for i, (text, color, size) in enumerate(lines)
    ]


def stack(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """Where did each case end? One bar in parts, what leaked in the accent; on a phone the parts one below another."""
    if width < 500:
        f = Frame(width, 0, width, 0, max(_n(row) for row in e.rows) or 1, row=46, rows=len(e.rows))
        parts = enumerate(zip(e.rows, _tints(e), strict=True))
        return f, [mark for i, (row, tint) in parts for mark in _part_row(f, row, i * f.row, tint)]
    total, start = sum(_n(row) for row in e.rows) or 1, 0.0
    f = Frame(width, 0, width, 0, total)
    drawn = [texts([(0, 24, f"All {words.number(total)}")], bold=True), *_leaked(f, e)]
    taken: list[float] = []
    for row, tint in zip(e.rows, _tints(e), strict=True):
        x, x2 = f.px(start), f.px(start + _n(row))
        start += _n(row)
        if x2 > x and tint:
            drawn.append(rules([(x + 0.75, 55, max(x2 - 0.75, x + 1.5), 55)], tint, 34, px=True))
        elif x2 > x:
            drawn.append(hatch((x + 1, 38, x2 - x - 2, 34)))
        drawn += _part_label(f, row, x, x2, taken) if x2 > x else []
    return replace(f, foot=80 + 34 * len(taken)), drawn


def _tints(e: Exhibit) -> list[str]:
    """The tint of each part, lighter for each further one of its kind; none for what is hatched (still open)."""
    kinds = [str(row.get("kind")) for row in e.rows]
    shades = [_TINTS.get(kind, () if kind == "open" else (DECIDED,)) for kind in kinds]
    return [s[min(kinds[:i].count(kinds[i]), len(s) - 1)] if s else "" for i, s in enumerate(shades)]


def _part_figure(row: Row) -> str:
    share = number(row.get("share"))
    return words.number(_n(row)) if share is None else f"{words.number(_n(row))}, {words.share(share)}"


def _part_row(f: Frame, row: Row, top: float, tint: str) -> list[Marks]:
    figure, y, leaked = _part_figure(row), top + 31, row.get("kind") == "leaked"
    name = fitted(str(row["label"]), f.width - span(figure, 12) - 16, 13, True)
    return [
        texts([(0, top + 12, name)], ACT if leaked else INK, 13, True),
        texts([(f.width, top + 12, figure)], MUTED, 12, align="right"),
        rules([(0, y, _n(row), y)], tint, 14) if tint else hatch((0, y - 7, f.px(_n(row)), 14)),
    ]


def _part_label(f: Frame, row: Row, x: float, x2: float, taken: list[float]) -> list[Marks]:
    """A part's name and figures below it, one line lower when its neighbour takes the room."""
    name, figure = fitted(str(row["label"]), 200, 13, True), _part_figure(row)
    room = max(span(name, 13, True), span(figure, 12))
    left = min(x + 1, f.width - room)
    level = next((i for i, end in enumerate(taken) if end <= left), len(taken))
    taken[level : level + 1] = [left + room + 8]
    y = 86.0 + 34 * level
    return [
        rules([((x + x2) / 2, 72, (x + x2) / 2, y - 9)] if level else [], RULE, px=True),
        texts([(left, y, name)], bold=True),
        texts([(left, y + 16, figure)], MUTED, 12),
    ]


def _leaked(f: Frame, e: Exhibit) -> list[Marks]:
    """A bracket over the parts that leaked, when they lie side by side."""
    at = [i for i, row in enumerate(e.rows) if row.get("kind") == "leaked" and _n(row)]
    if not at or at != list(range(at[0], at[-1] + 1)):
        return []
    total, count = sum(_n(row) for row in e.rows), sum(_n(e.rows[i]) for i in at)
    before = sum(_n(row) for row in e.rows[: at[0]])
    x, x2 = f.px(before) + 1, f.px(before + count) - 1
    text = f"Leaked: {words.of(int(count), int(total))}, {words.share(count / total)}"
    lines: list[Line] = [(x, 30, x2, 30), (x, 29.3, x, 36), (x2, 29.3, x2, 36)]
    return [
        rules(lines, ACT, 1.4, px=True),
        texts([(max(x2, span(text, 13, True) + 90), 16, text)], ACT, 13, True, "right"),
    ]


def grid(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """Where is there no usable asset, and how much money stands there? Segments by conversations."""
    labels = list(dict.fromkeys(str(row["label"]) for row in e.rows))[:MOST_ROWS]
    columns = list(dict.fromkeys(str(row["column"]) for row in e.rows))
    narrow = width < 500
    f = Frame(
        width, 0 if narrow else 140, width - (0 if narrow else 96), 0, 1, 26 if narrow else 50, 66 if narrow else 52
    )
    scale = _scale(e)
    key = wrapped(_GRID_KEY + (" Red: the largest sums." if scale[3] else ""), f.width - f.left, 12)
    f = replace(f, rows=len(labels), foot=12 + 17 * len(key))
    step = (f.right - f.left) / len(columns)
    drawn = [texts([(f.left + 1, f.height - f.foot + 16 + 17 * i, line) for i, line in enumerate(key)], MUTED, 12)]
    drawn += [] if narrow else [texts([(width, 41, "in empty cells")], MUTED, 12, align="right")]
    for c, column in enumerate(columns):
        x, names = f.left + c * step + 2, _CONVERSATIONS.get(column, ("", "")) if step > 84 else ("", "")
        drawn.append(texts([(x, 12, fitted(column, step - 6, 13, True))], bold=True))
        drawn.append(texts([(x, 27, names[0]), (x, 41, names[1])], MUTED, 12))
    for r, name in enumerate(labels):
        cells = {str(row["column"]): row for row in e.rows if row["label"] == name}
        standing = sum(_amount(row) for row in cells.values())
        top = f.head + r * f.row
        drawn += label(f, top, name, "", words.figure(standing, "money", currency) if scale[2] else "")
        for c, column in enumerate(columns):
            box = (f.left + c * step + 1, top + (24 if narrow else 2), step - 4, f.row - (28 if narrow else 4))
            drawn += _cell(cells.get(column, {}), box, scale, currency)
    return f, drawn


def _scale(e: Exhibit) -> tuple[float, float, float, bool]:
    """The most assets in a cell, the most money in an empty cell, the money in all of them, and whether that is more
    than was agreed: only then is the accent due.
    """
    standing, total = [_amount(row) for row in e.rows] or [0], sum(number(row.get("amount")) or 0 for row in e.rows)
    beyond = e.limit is not None and sum(standing) > e.limit * total
    return max([_n(row) for row in e.rows], default=1), max(standing), sum(standing), beyond


def _amount(row: Row) -> float:
    """The money standing in a cell: none where there is an asset."""
    return number(row.get("amount")) or 0 if row.get("n") == 0 else 0


def _cell(row: Row, box: Box, scale: tuple[float, float, float, bool], currency: str) -> list[Marks]:
    (x, y, width, height), (deep, most, total, beyond) = box, scale
    n, amount, middle = number(row.get("n")), _amount(row), y + height / 2
    if n is None:
        return [hatch(box)]
    if n > 0:
        grey = "#C8CCD3" if n >= 0.6 * deep else "#DDE0E4" if n >= 0.3 * deep else "#EEEFF0"
        return [
            rules([(x, middle, x + width, middle)], grey, height, px=True, z=2),
            texts([(x + 9, y + 15, words.number(n))], TEXT),
        ]
    color = ACT if beyond and amount >= 0.1 * total and amount >= 0.5 * most else INK
    right, bottom, length = x + width, y + height, (width - 16) * amount / (most or 1)
    edge: list[Line] = [(x, y, right, y), (x, bottom, right, bottom), (x, y, x, bottom), (right, y, right, bottom)]
    text = words.figure(amount, "money", currency) if amount else "none"
    return [
        rules(edge, color, 1.4, px=True),
        texts([(x + 8, y + 15, fitted(text, width - 8, 12, True))], color, 12, bool(amount)),
        rules([(x + 8, bottom - 11, x + 8 + length, bottom - 11)] if length else [], color, 5, px=True),
    ]


def curve(e: Exhibit, width: int, currency: str = "") -> Drawn:
    """How does a share grow with days? Each series with its band and its name at the end."""
    series = list(dict.fromkeys(str(row["label"]) for row in e.rows))[:4]
    last = max((number(row.get("day")) or 0 for row in e.rows), default=1) or 1
    shares = [v for row in e.rows for c in ("share", "high") if (v := number(row.get(c))) is not None]
    levels = axis(0, min(max([*shares, e.limit or 0.05]), 1), "share")
    narrow = width < 500
    f = Frame(width, 48, width - (16 if narrow else 150), 0, last, 300 if narrow else 320)
    bottom, top = f.height - 46, 16.0 + (18 * len(series) if narrow else 0)
    days = [day for day in axis(0, last, "days") if day <= last]

    def y(share: float | None) -> float:
        return bottom - (bottom - top) * (share or 0) / levels[-1]

    drawn = [
        hairs([(0, y(level), last, y(level)) for level in levels]),
        texts([(f.left - 8, y(level), words.share(level)) for level in levels], MUTED, 12, align="right"),
        texts([(f.px(day), bottom + 16, words.number(day)) for day in days], MUTED, 12, align="center"),
        texts([((f.left + f.right) / 2, bottom + 35, "days")], MUTED, 12, align="center"),
    ]
    ends: list[float] = []
    for i, name in enumerate(series):
        rows = [row for row in e.rows if row["label"] == name and number(row.get("share")) is not None]
        spread = [row for row in rows if number(row.get("low")) is not None and number(row.get("high")) is not None]
        color, dash = _style(name, i)
        drawn.append(band([(_day(row), y(number(row["low"])), y(number(row["high"]))) for row in spread]))
        drawn.append(path([(_day(row), y(number(row["share"]))) for row in rows], color, dash))
        at = y(number(rows[-1]["share"])) if rows else bottom
        while any(abs(at - end) < 16 for end in ends):
            at += 8
        ends.append(at)
        spot = (f.left, 8 + 18.0 * i) if narrow else (f.right + 8, at)
        drawn.append(texts([(*spot, fitted(name, width - spot[0], 13, True))], color, 13, True))
    if e.limit is not None:
        side = -9 if min(ends, default=bottom) > y(e.limit) else 10
        drawn.append(rules([(0, y(e.limit), last, y(e.limit))], INK, 1.2, (3, 2)))
        drawn.append(texts([(f.right, y(e.limit) + side, f"agreed {words.share(e.limit)}")], INK, 12, align="right"))
    return f, drawn


def _style(name: str, i: int) -> tuple[str, tuple[int, ...]]:
    team = {"sales": SALES, "marketing": MARKETING}.get(name.lower())
    return (team, ()) if team else ((INK, TEXT, MUTED, MUTED)[i % 4], ((), (6, 3), (2, 2), (8, 2, 2, 2))[i % 4])


def _day(row: Row) -> float:
    return number(row.get("day")) or 0.0


def _n(row: Row) -> float:
    return number(row.get("n")) or 0.0
