"""Which strings stand in the table behind an exhibit? The same in every format."""

from typing import NamedTuple

from alignlib import words
from alignlib.result import Column, Exhibit, Row

NOTHING = "–"
CODES = {"stage", "item"}  # for machines: their label stands in the first column


class Table(NamedTuple):
    """A table of strings: its caption, head and rows, and which columns (from 0) are figures that align right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[int] = frozenset()


def table(exhibit: Exhibit, currency: str = "") -> Table:
    """Which table stands behind this exhibit? An estimate and its interval share a cell: ``45 % (41 to 50)``.

    A grid is turned so that its columns stand side by side; codes and an empty column of notes are left out.
    """
    if exhibit.shape == "grid":
        return _turned(exhibit, currency)
    ends = {column.name: interval_of(column.name, exhibit) for column in exhibit.columns}
    hidden = {name for pair in ends.values() for name in pair} | CODES
    hidden |= {column.name for column in exhibit.columns if column.is_extra}
    hidden |= set() if any(row.get("note") for row in exhibit.rows) else {"note"}
    shown = [column for column in exhibit.columns if column.name not in hidden]
    rows = tuple(tuple(_cell(row, column, ends[column.name], currency) for column in shown) for row in exhibit.rows)
    figures = frozenset(i for i, column in enumerate(shown) if column.unit not in ("text", "date"))
    return Table(exhibit.title, tuple(headed(column) for column in shown), rows, figures)


def interval_of(name: str, exhibit: Exhibit) -> tuple[str, ...]:
    """Which two columns hold a column's interval, if there are any?"""
    known = {column.name for column in exhibit.columns}
    stems = [name, name.removesuffix("value").removesuffix("_")]  # equal_value, equal_low, equal_high
    pairs = [(f"{stem}_low", f"{stem}_high") for stem in stems]
    pairs += [("low", "high")] if name in ("value", "share") else []
    return next((pair for pair in pairs if set(pair) <= known), ())


def _cell(row: Row, column: Column, ends: tuple[str, ...], currency: str) -> str:
    value, figure = row.get(column.name), number(row, column.name)
    is_figure = figure is not None and column.unit not in ("text", "date")
    text = words.figure(figure, column.unit, currency) if is_figure else "" if value is None else str(value)
    found = [end for name in ends if (end := number(row, name)) is not None]
    if len(found) == 2:
        ends_said = between(found[0], found[1], column.unit, currency)
        return f"{text} ({ends_said})" if text else alone(ends_said, column.unit)
    return text or ("" if column.unit == "text" else NOTHING)


def between(low: float, high: float, unit: str, currency: str = "") -> str:
    """How do both ends of an interval stand beside a figure: as exactly as it, and short, for there is little room?

    >>> between(0.41, 0.5, "share"), between(6.1, 7.2, "count"), between(100_000_000, 180_000_000, "money", "EUR")
    ('41 to 50', '6.1 to 7.2', '€1.0m to €1.8m')
    """
    if unit in ("share", "pp"):
        return words.interval(low, high, unit)
    return f"{words.figure(low, unit, currency)} to {words.figure(high, unit, currency)}"


def alone(ends: str, unit: str) -> str:
    """How do both ends stand where no figure beside them says their unit?"""
    return f"{ends}{words.NBSP}%" if unit == "share" else ends


def headed(column: Column) -> str:
    """Which words head a column or an axis: its label, and the unit that its bare figures lack?

    >>> headed(Column(name="gap", label="Effort less plan", unit="pp")), headed(Column(name="n", label="Leads"))
    ('Effort less plan, percentage points', 'Leads')
    """
    unit = {"days": "days", "pp": "percentage points"}.get(column.unit, "")
    return column.label if not unit or unit[:-1] in column.label.lower() else f"{column.label}, {unit}"


def _turned(exhibit: Exhibit, currency: str) -> Table:
    columns = list(dict.fromkeys(str(row["column"]) for row in exhibit.rows))
    whole = next((column.label for column in exhibit.columns if column.name == "standing"), "")  # of a row, no cell
    lines: dict[str, dict[str, str]] = {}
    for row in exhibit.rows:
        n, amount = number(row, "n"), number(row, "amount")
        text = words.number(n) if n is not None else str(row.get("note") or "not recorded")
        stale = number(row, "n_stale") if n == 0 else None
        text += f", {words.number(stale)} unusable" if stale else ""
        standing = f" ({words.figure(amount, 'money', currency)})" if amount else ""
        lines.setdefault(str(row["label"]), {})[str(row["column"])] = text + standing
        if whole:
            lines[str(row["label"])][whole] = words.figure(number(row, "standing"), "money", currency)
    columns += [whole] if whole else []
    head = (exhibit.columns[0].label, *columns)
    rows = tuple((label, *(cells.get(column, NOTHING) for column in columns)) for label, cells in lines.items())
    return Table(exhibit.title, head, rows, frozenset(range(1, len(head))))


def counted(row: Row) -> str:
    """Which count stands behind a rate: ``62 of 84``, or on how many it rests?"""
    k, n = number(row, "k"), number(row, "n")
    if n is None:
        return ""
    return words.of(int(k), int(n)) if k is not None else f"n{words.NBSP}={words.NBSP}{words.number(n)}"


def part_figure(row: Row) -> str:
    """How large is a part of a whole: how many, and which share?"""
    return f"{words.number(number(row, 'n') or 0)}, {words.share(number(row, 'share') or 0)}"


def number(row: Row, column: str) -> float | None:
    """Which number does a row hold in a column, if any?"""
    value = row.get(column)
    return value if isinstance(value, (int, float)) and not isinstance(value, bool) else None
