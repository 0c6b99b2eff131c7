"""Which strings stand in the table behind an exhibit? The same in every format."""

from typing import NamedTuple

from alignlib import words
from alignlib.result import Column, Exhibit, Row

NOTHING = "–"
_CODES = {"stage", "item"}  # for machines: their label stands in the first column


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
    ends = {column.name: _interval_of(column.name, exhibit) for column in exhibit.columns}
    hidden = {name for pair in ends.values() for name in pair} | _CODES
    hidden |= set() if any(row.get("note") for row in exhibit.rows) else {"note"}
    shown = [column for column in exhibit.columns if column.name not in hidden]
    rows = tuple(tuple(_cell(row, column, ends[column.name], currency) for column in shown) for row in exhibit.rows)
    figures = frozenset(i for i, column in enumerate(shown) if column.unit not in ("text", "date"))
    return Table(exhibit.title, tuple(_head(column) for column in shown), rows, figures)


def _interval_of(name: str, exhibit: Exhibit) -> tuple[str, ...]:
    """The names of the columns that hold a column's interval, if there are any."""
    known = {column.name for column in exhibit.columns}
    pairs = [(f"{name}_low", f"{name}_high"), *([("low", "high")] if name in ("value", "share") else [])]
    return next((pair for pair in pairs if set(pair) <= known), ())


def _cell(row: Row, column: Column, ends: tuple[str, ...], currency: str) -> str:
    value, figure = row.get(column.name), number(row, column.name)
    if figure is not None and column.unit not in ("text", "date"):
        text = words.figure(figure, column.unit, currency)
    else:
        text = "" if value is None else "yes" if value is True else "no" if value is False else str(value)
    found = [end for name in ends if (end := number(row, name)) is not None]
    if len(found) == 2:
        between = words.interval(found[0], found[1], column.unit, currency)
        return f"{text} ({between})" if text else between
    return text or ("" if column.unit == "text" else NOTHING)


def _head(column: Column) -> str:
    return f"{column.label}, days" if column.unit == "days" and "day" not in column.label.lower() else column.label


def _turned(exhibit: Exhibit, currency: str) -> Table:
    columns = list(dict.fromkeys(str(row["column"]) for row in exhibit.rows))
    lines: dict[str, dict[str, str]] = {}
    for row in exhibit.rows:
        n, amount = number(row, "n"), number(row, "amount")
        text = words.number(n) if n is not None else str(row.get("note") or "not recorded")
        standing = f" ({words.figure(amount, 'money', currency)})" if n == 0 and amount else ""
        lines.setdefault(str(row["label"]), {})[str(row["column"])] = text + standing
    head = (exhibit.columns[0].label if exhibit.columns else "", *columns)
    rows = tuple((label, *(cells.get(column, NOTHING) for column in columns)) for label, cells in lines.items())
    return Table(exhibit.title, head, rows, frozenset(range(1, len(head))))


def number(row: Row, column: str) -> float | None:
    """Which number does a row hold in a column, if any?"""
    value = row.get(column)
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
