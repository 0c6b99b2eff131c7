"""How are exhibits drawn that have a form of their own: stages, parts of a whole, a grid, a curve?"""

from collections.abc import Callable
from math import inf

from alignlib import words
from alignlib.charts import canvas
from alignlib.charts.canvas import ACT, DECIDED, INK, MUTED, RULE, STAGE, TEXT, Canvas, axis, fitted, span, wrapped
from alignlib.charts.rows import MOST_ROWS, label
from alignlib.charts.tables import number, part_figure
from alignlib.result import Exhibit, Row

_CONVERSATIONS = {
    "C1": ("Tailored", "point of view"), "C2": ("Right", "people"), "C3": ("Relevant", "meeting"),
    "C4": ("Definition", "of success"), "C5": ("Value", "tangible"),
}  # fmt: skip
TINTS = {  # a further part of the same kind is lighter; what is still open is hatched
    "done": (STAGE,),
    "decided": (DECIDED, "#DAD6CD", "#BDB8AC"),
    "leaked": (ACT, "#C4476A", "#D88AA0"),
    "open": ("",),
}
_GREYS = {0.6: "#C8CCD3", 0.3: "#DDE0E4", 0: "#EEEFF0"}  # by the share of the fullest cell
_GRID_KEY = "Grey: usable assets. Outlined: none; dashed: only unusable ones. "
_SERIES = ((INK, ()), (TEXT, (6, 3)))  # colour and dashes of each curve: one, or two that are compared


def waterfall(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """How many get how far? Stages as bars from zero; what did not go on hangs below each, leaks in the accent."""
    narrow, counts = width < canvas.PHONE, [_n(row) for row in e.rows]
    left, right, height, bar, name_at, most = (0, width, 132, 32, 9, 1) if narrow else (132, 452, 84, 13, 13, 2)
    c = Canvas(width, left, right, 0, max(counts) or 1, 0, height, len(e.rows), 48 - height)
    for i, (row, n) in enumerate(zip(e.rows, counts, strict=True)):
        top, count = i * c.row, words.number(n)
        y = top + bar
        c.rule(0, y, n, y, STAGE, 25)
        lines = wrapped(str(row["label"]), width if narrow else left - 12, 13, True, most)
        c.lines(0, top + name_at - 8 * (len(lines) - 1), lines, bold=True)
        if c.px(n) - left < span(count, 13, True) + 16:
            c.text(c.px(n) + 8, y, count, bold=True)
        else:
            c.text(c.px(n) - 9, y, count, canvas.WHITE, bold=True, align="right")
        if i + 1 < len(counts):
            _hanging(c, row, y, counts[i + 1])
            _passage(c, row, *((0, top + 74) if narrow else (474, top + 34)))
    return c


def _hanging(c: Canvas, row: Row, y: float, onward: float) -> None:
    """What did not go on, from the right end of its stage: leaked, decided, still open."""
    end, below = _n(row), y + (24 if c.narrow else 39)
    c.rule(end, y + 12, end, below, RULE)
    if not c.narrow:
        c.rule(onward, below, onward, y + c.row - 12, RULE)
    for kind, tint in (("leaked", ACT), ("decided", DECIDED), ("open", "")):
        start = max(end - (number(row, kind) or 0), 0)
        if start < end and tint:
            c.rule(start, below, end, below, tint, 16)
        elif start < end:
            c.hatch(c.px(start), below - 8, c.px(end) - c.px(start), 16)
            for x in (start, end):
                c.rule(x, below - 8, x, below + 8, canvas.HATCH)
        end = start


def _passage(c: Canvas, row: Row, x: float, y: float) -> None:
    """What the figures say of those who went on and those who did not."""
    go_on, low, high = (number(row, name) for name in ("go_on", "go_on_low", "go_on_high"))
    days, leaked = number(row, "median_days"), number(row, "leaked")
    rate = f"{words.share(go_on)} go on" if go_on is not None else "not judged"
    rate += f", interval {words.interval(low, high, 'share')}" if low is not None else ""
    rest = [f"{words.number(v)} {kind}" for kind in ("decided", "open") if (v := number(row, kind))]
    rest += [f"median {words.value(days, 'days')}"] if days is not None else []
    told = [(rate, INK, 13), (f"Leaked: {words.number(leaked)}" if leaked else "", ACT, 12)]
    told += [(", ".join(rest) or str(row.get("note") or ""), MUTED, 12)]
    for i, (text, color, size) in enumerate(line for line in told if line[0]):
        is_bold = color != MUTED
        c.text(x, y + 17 * i, fitted(text, c.width - x, size, is_bold), color, size, is_bold)


def stack(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """Where did each case end? One bar in parts, what leaked last and in the accent; on a phone one below another."""
    kinds, counts = [str(row["kind"]) for row in e.rows], [_n(row) for row in e.rows]
    tints = [TINTS[kind][kinds[:i].count(kind)] for i, kind in enumerate(kinds)]
    if width < canvas.PHONE:
        c = Canvas(width, 0, width, 0, max(counts), row=46, rows=len(e.rows))
        for i, (row, tint) in enumerate(zip(e.rows, tints, strict=True)):
            _part_row(c, row, i * c.row, tint)
        return c
    total, start = sum(counts), 0.0
    c = Canvas(width, 0, width, 0, total)
    c.text(0, 24, f"All {words.number(total)}", bold=True)
    if leaked := sum(n for kind, n in zip(kinds, counts, strict=True) if kind == "leaked"):
        _leaked(c, leaked)
    taken: list[float] = []
    for row, n, tint in zip(e.rows, counts, tints, strict=True):
        x, x2 = c.px(start), c.px(start + n)
        start += n
        if tint:
            c.rule(x + 0.75, 55, max(x2 - 0.75, x + 1.5), 55, tint, 34, px=True)
        else:
            c.hatch(x + 1, 38, x2 - x - 2, 34)
        _part_label(c, row, x, x2, taken)
    c.foot = 80 + 34 * len(taken)
    return c


def _part_row(c: Canvas, row: Row, top: float, tint: str) -> None:
    figure, y = part_figure(row), top + 31
    name = fitted(str(row["label"]), c.width - span(figure, 12) - 16, 13, True)
    c.text(0, top + 12, name, ACT if row["kind"] == "leaked" else INK, 13, True)
    c.text(c.width, top + 12, figure, MUTED, 12, align="right")
    if tint:
        c.rule(0, y, _n(row), y, tint, 14)
    else:
        c.hatch(0, y - 7, c.px(_n(row)), 14)


def _part_label(c: Canvas, row: Row, x: float, x2: float, taken: list[float]) -> None:
    """A part's name and figures below it, one line lower when its neighbour takes the room."""
    name, figure = fitted(str(row["label"]), 200, 13, True), part_figure(row)
    room = max(span(name, 13, True), span(figure, 12))
    left = min(x + 1, c.width - room)
    level = next((i for i, end in enumerate(taken) if end <= left), len(taken))
    taken[level : level + 1] = [left + room + 8]
    y = 86.0 + 34 * level
    if level:
        c.rule((x + x2) / 2, 72, (x + x2) / 2, y - 9, RULE, px=True)
    c.text(left, y, name, bold=True)
    c.text(left, y + 16, figure, MUTED, 12)


def _leaked(c: Canvas, count: float) -> None:
    """A bracket over the parts that leaked, the last ones of the bar."""
    x, x2 = c.px(c.high - count) + 1, c.right - 1
    text = f"Leaked: {words.of(int(count), int(c.high))}, {words.share(count / c.high)}"
    for line in ((x, 30.0, x2, 30.0), (x, 29.3, x, 36.0), (x2, 29.3, x2, 36.0)):
        c.rule(*line, ACT, 1.4, px=True)
    c.text(max(x2, span(text, 13, True) + 90), 16, text, ACT, 13, True, "right")


def grid(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """Where is there no usable asset, and how much money stands there? Segments by conversations.

    Each cell: how many assets on grey, or outlined the gap; below it a bar as long as its money. ``standing`` in place
    of ``amount`` is the whole segment's money, at the right.
    """
    labels = list(dict.fromkeys(str(row["label"]) for row in e.rows))[:MOST_ROWS]
    columns = list(dict.fromkeys(str(row["column"]) for row in e.rows))
    narrow, gaps = width < canvas.PHONE, [_amount(row) for row in e.rows]
    left, right, head, height, above = (0, width, 26, 80, 24) if narrow else (140, width - 96, 50, 56, 2)
    longest = max(number(row, "amount") or 0 for row in e.rows)
    # the accent is due only where more stands in gaps than was agreed, and there only to the largest sums
    is_beyond = e.limit is not None and sum(gaps) > e.limit * sum(number(row, "amount") or 0 for row in e.rows)
    accent = 0.1 * sum(gaps) if is_beyond else inf
    told, sums = _beside(e, labels, currency)
    key = _GRID_KEY + ("Bars: money standing there. " if longest else "")
    key += "Red: a tenth or more of the money in gaps. " if is_beyond else ""
    lines = wrapped(key + (f"At the right: {told}." if narrow and told else ""), width - left, 12, most=4)
    c = Canvas(width, left, right, 0, 1, head, height, len(labels), 12 + 17 * len(lines))
    step, deepest = (right - left) / len(columns), max(_n(row) for row in e.rows)
    c.lines(left + 1, c.height - c.foot + 16, lines, MUTED, 12, step=17)
    beside = wrapped("" if narrow else told, 90, 12, most=3)
    c.lines(width, 41 - 15 * (len(beside) - 1), beside, MUTED, 12, align="right", step=15)
    for i, column in enumerate(columns):
        x = left + i * step + 2
        c.text(x, 12, fitted(column, step - 6, 13, True), bold=True)
        c.lines(x, 27, _CONVERSATIONS.get(column, ()) if step > 84 else (), MUTED, 12, step=14)
    for r, name in enumerate(labels):
        cells, top = {str(row["column"]): row for row in e.rows if row["label"] == name}, head + r * height
        label(c, top, name, "", sums[name])
        for i, column in enumerate(columns):
            box = (left + i * step + 1, top + above, step - 4, height - above - (4 if narrow else 2))
            _cell(c, cells.get(column, {}), box, deepest, longest, accent, currency)
    return c


def _beside(e: Exhibit, labels: list[str], currency: str) -> tuple[str, dict[str, str]]:
    """What stands at the right of each row, and under which head: its money in gaps, or the money of the segment."""
    whole = next((column.label for column in e.columns if column.name == "standing"), "")
    sums = {name: [row for row in e.rows if row["label"] == name] for name in labels}
    if whole:
        found = {name: max((number(row, "standing") or 0 for row in rows), default=0) for name, rows in sums.items()}
    else:
        found = {name: sum(_amount(row) for row in rows) for name, rows in sums.items()}
    is_known = any(number(row, name) for row in e.rows for name in ("amount", "standing"))
    written = {name: words.figure(found[name], "money", currency) if is_known else "" for name in labels}
    return (whole[:1].lower() + whole[1:] if whole else "money in gaps") if is_known else "", written


def _amount(row: Row) -> float:
    """The money standing in a gap: none where there is a usable asset."""
    return number(row, "amount") or 0 if row.get("n") == 0 else 0


def _cell(
    c: Canvas, row: Row, box: tuple[float, float, float, float], deepest: float, longest: float, accent: float,
    currency: str,
) -> None:  # fmt: skip
    """How many usable assets, or the gap: its money, and whether it is empty or holds stale assets."""
    x, y, width, height = box
    n, stale, right, bottom = number(row, "n"), number(row, "n_stale"), x + width, y + height
    amount, color = number(row, "amount") or 0, "#8C939C"
    if n is None:
        c.hatch(*box)
        return
    if n > 0:
        grey = next(tint for share, tint in _GREYS.items() if n >= share * deepest)
        c.rule(x, y + height / 2, right, y + height / 2, grey, height, px=True, z=2)
        c.text(x + 9, y + 15, words.number(n), TEXT)
    else:
        color = ACT if amount and amount >= accent else INK
        edges = ((x, y, right, y), (x, bottom, right, bottom), (x, y, x, bottom), (right, y, right, bottom))
        for edge in edges:
            c.rule(*edge, color, 2, dash=(5, 4) if stale else (), px=True)
        sum_of = words.figure(amount, "money", currency) if amount else ""
        c.text(x + 8, y + 15, fitted(sum_of, width - 8, 12, True), color, 12, True)
        held = words.number(stale or 0)
        state = "empty" if not stale else f"0 of {held}" if c.narrow else f"{held} unusable"
        c.text(x + 8, y + (30 if amount else 15), fitted(state, width - 8, 12), TEXT, 12)
    if amount:
        c.rule(x + 8, bottom - 8, x + 8 + (width - 16) * amount / longest, bottom - 8, color, 5, px=True)


def curve(e: Exhibit, width: int, currency: str = "") -> Canvas:
    """How does a share grow with days? Each series with its band and its name at the end.

    What was agreed is held against the share of one day, of the row that has a ``promised`` time. There alone stand the
    agreed line and the estimate in its own interval, with the words above the plot.
    """
    series = list(dict.fromkeys(str(row["label"]) for row in e.rows))[: len(_SERIES)]
    last = max(number(row, "day") or 0 for row in e.rows) or 1
    shares = [v for row in e.rows for name in ("share", "high") if (v := number(row, name)) is not None]
    levels = axis(0, min(max([*shares, e.limit or 0.05]), 1), "share")
    narrow = width < canvas.PHONE
    margin, height, top = (16, 300, 16 + 18 * len(series)) if narrow else (150, 320, 16)
    held = next((row for row in e.rows if row.get("promised")), None)
    height, top = (height + 40, top + 40) if e.limit is not None and held else (height, top)
    c = Canvas(width, 48, width - margin, 0, last, height)
    bottom = height - 46

    def y(share: float) -> float:
        return bottom - (bottom - top) * share / levels[-1]

    for level in levels:
        c.rule(0, y(level), last, y(level), canvas.HAIR, z=1)
        c.text(c.left - 8, y(level), words.share(level), MUTED, 12, align="right")
    for day in axis(0, last, "days"):
        c.text(c.px(day), bottom + 16, words.number(day) if day <= last else "", MUTED, 12, align="center")
    c.text((c.left + c.right) / 2, bottom + 35, "days", MUTED, 12, align="center")
    ends: list[float] = []
    for i, name in enumerate(series):
        rows = [[number(row, at) for at in ("day", "share", "low", "high")] for row in e.rows if row["label"] == name]
        spots = [(day or 0.0, y(share or 0.0), low, high) for day, share, low, high in rows]
        color, dash = _SERIES[i]
        c.band([(day, y(low), y(high)) for day, _, low, high in spots if low is not None and high is not None])
        c.curve([(day, at) for day, at, *_ in spots], color, dash)
        at = spots[-1][1]
        while any(abs(at - end) < 16 for end in ends):
            at += 8
        ends.append(at)
        x, beside = (c.left + 34, 8 + 18.0 * i) if narrow else (c.right + 14, at)
        c.text(x, beside, fitted(name, width - x, 13, True), color, 13, True)
        if narrow:  # far from its line, so a piece of the line stands before the name
            c.rule(c.left, beside, c.left + 26, beside, color, 2, dash=dash, px=True)
    if e.limit is not None and held:
        _held(c, held, e.limit, y, top)
    return c


def _held(c: Canvas, row: Row, limit: float, y: Callable[[float], float], top: float) -> None:
    """The share that is judged, upright: a tick through its interval, the agreed line beside it, its day as a line."""
    day, share, low, high = (number(row, name) for name in ("day", "share", "low", "high"))
    x, share = c.px(day or 0), share or 0.0
    ends = "" if low is None or high is None else f" ({words.interval(low, high, 'share')})"
    said = f"{words.share(share)}{ends}, agreed {words.share(limit)}"
    c.rule(x, top - 8, x, y(0), INK, 1, px=True, z=2)
    if low is not None and high is not None:
        c.rule(x, y(low), x, y(high), canvas.INTERVAL, 8, px=True)
    c.rule(x - 9, y(share), x + 9, y(share), INK, 3, px=True, z=4)
    c.rule(max(x - 30, c.left), y(limit), min(x + 30, c.right), y(limit), INK, 1.6, dash=(4, 2), px=True, z=4)
    is_left = x + span(said, 12, True) > c.width
    for i, text in enumerate((f"within {row['promised']}", said)):
        c.text(x + (3 if is_left else -3), top - 34 + 16 * i, text, INK, 12, bool(i), "right" if is_left else "left")


def _n(row: Row) -> float:
    return number(row, "n") or 0.0
