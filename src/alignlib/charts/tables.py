"""Which strings stand in the table behind an exhibit? The same in every format."""

from dataclasses import dataclass

from alignlib import words
from alignlib.result import Column, Exhibit, Row, Scalar

NOTHING = "–"
_CODES = {"stage", "item"}  # for machines: their label stands in the first column


@dataclass(frozen=True)
class Table:
    """A table of strings: its caption, head and rows, and which columns (from 0) are figures that align right."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    figures: frozenset[int]


def table(exhibit: Exhibit, currency: str = "") -> Table:
    """Which table stands behind this exhibit? An estimate and its interval share a cell: ``45 % (41 to 50)``.

    A grid is turned so that its columns stand side by side; codes and an empty column of notes are left out.
    """
    if exhibit.shape == "grid":
        return _turned(exhibit, currency)
    ends = {name for column in exhibit.columns for name in _interval_of(column, exhibit)}
    hidden = ends | _CODES | (set() if any(row.get("note") for row in exhibit.rows) else {"note"})
    shown = [column for column in exhibit.columns if column.name not in hidden]
    rows = tuple(tuple(_cell(row, column, exhibit, currency) for column in shown) for row in exhibit.rows)
    figures = frozenset(i for i, column in enumerate(shown) if column.unit not in ("text", "date"))
    return Table(exhibit.title, tuple(_head(column) for column in shown), rows, figures)


def _interval_of(column: Column, exhibit: Exhibit) -> tuple[str, ...]:
    """The names of the columns that hold this column's interval, if there are any."""
    names = {c.name for c in exhibit.columns}
    pairs = [(f"{column.name}_low", f"{column.name}_high")]
    pairs += [("low", "high")] if column.name in ("value", "share") else []
    return next((pair for pair in pairs if set(pair) <= names), ())


def _cell(row: Row, column: Column, exhibit: Exhibit, currency: str) -> str:
    text = _text(row.get(column.name), column.unit, currency)
    pair = _interval_of(column, exhibit)
    low, high = (_number(row.get(name)) for name in pair) if pair else (None, None)
    if low is None or high is None:
        return text or ("" if column.unit == "text" else NOTHING)
    return f"{text} ({words.interval(low, high, column.unit, currency)})"


def _text(value: Scalar, unit: str, currency: str) -> str:
    number = _number(value)
    if number is not None and unit not in ("text", "date"):
        return words.figure(number, unit, currency)
    return "" if value is None else "yes" if value is True else "no" if value is False else str(value)


def _head(column: Column) -> str:
    return f"{column.label}, days" if column.unit == "days" and "day" not in column.label.lower() else column.label


def _turned(exhibit: Exhibit, currency: str) -> Table:
    columns = list(dict.fromkeys(str(row["column"]) for row in exhibit.rows))
    lines: dict[str, dict[str, str]] = {}
    for row in exhibit.rows:
        n, amount = _number(row.get("n")), _number(row.get("amount"))
        text = words.number(n) if n is not None else str(row.get("note") or "not recorded")
        standing = f" ({words.figure(amount, 'money', currency)})" if n == 0 and amount else ""
        lines.setdefault(str(row["label"]), {})[str(row["column"])] = text + standing
    head = exhibit.columns[0].label if exhibit.columns else ""
    rows = tuple((label, *(cells.get(column, NOTHING) for column in columns)) for label, cells in lines.items())
    return Table(exhibit.title, (head, *columns), rows, frozenset(range(1, len(columns) + 1)))


def _number(value: Scalar) -> float | None:
    return value if isinstance(value, int | float) and not isinstance(value, bool) else None
