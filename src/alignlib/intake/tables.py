"""Which tables does an audit read, what does each column mean, and how does a diagnostic ask them?"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from pydantic import TypeAdapter

from alignlib.plain_yaml import strict_yaml
from alignlib.resources import read_resource
from alignlib.result import RowCount, Source

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

Kind = Literal["text", "number", "integer", "money", "duration", "date", "timestamp", "flag", "labels"]
# What each kind is called by DuckDB, pandas and Arrow (labels are a list of text there).
TYPES: dict[str, tuple[str, str, str]] = {
    "text": ("VARCHAR", "str", "string"), "number": ("DOUBLE", "float64", "float64"),
    "integer": ("BIGINT", "Int64", "int64"), "money": ("BIGINT", "Int64", "int64"),
    "duration": ("DOUBLE", "float64", "float64"), "date": ("DATE", "datetime64[us]", "date32"),
    "timestamp": ("TIMESTAMP", "datetime64[us]", "timestamp[us]"),
    "flag": ("BOOLEAN", "boolean", "bool"), "labels": ("VARCHAR[]", "object", ""),
}  # fmt: skip
ANSWERS = ("responses", "respondents")  # tables in which people answer a survey, and an anonymous one hides who did
SQL_TYPES = {kind: sql for kind, (sql, _, _) in TYPES.items()}


@dataclass(frozen=True)
class ColumnRule:
    """What does one column mean? ``labels`` hold several values; ``money`` is stored in minor units, times in UTC.

    A ``duration`` is stored in seconds.
    """

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    unit: str = ""
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TableRule:
    """What is one row of a table, and which columns make it the same row twice?"""

    row: str
    key: tuple[str, ...]
    columns: tuple[ColumnRule, ...]


# Each table and column is described once, in templates/tables.yml.
TABLES: dict[str, TableRule] = TypeAdapter(dict[str, TableRule]).validate_python(
    strict_yaml(read_resource("templates", "tables.yml"))[0]
)


@dataclass
class Tables:
    """Which checked tables are at hand, and what does SQL say about them?

    Built by intake (``open_tables``) over one locked in-memory DuckDB connection: it can read nothing but these tables.
    Each table has every column of its rule (absent ones are NULL) and ``file`` and ``record`` (where a row came from).
    ``notes`` are sentences a reader of the report must know; ``day_only`` lists timestamp columns recorded without a
    time of day, as ``table.column``.
    """

    connection: "duckdb.DuckDBPyConnection"
    present: frozenset[str]
    row_counts: list[RowCount] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    day_only: frozenset[str] = frozenset()
    _kept: set[str] = field(default_factory=set, repr=False, compare=False)

    def has(self, *names: str) -> bool:
        """Were all these tables delivered, with at least one row?"""
        return all(name in self.present for name in names)

    def filled(self, table: str, column: str) -> bool:
        """Was this column delivered: is it filled in at least one row?"""
        sql = f'select count("{column}") from "{table}"'
        return self.has(table) and bool(self.connection.execute(sql).fetchall()[0][0])

    def query(self, sql: str, values: dict[str, Any] | None = None) -> "pd.DataFrame":
        """What does this query say, as a small pandas frame? Values are bound by name (``$name``), never pasted."""
        return self.connection.execute(sql, values or {}).df()

    def rows(self, sql: str, values: dict[str, Any] | None = None) -> list[dict[str, Any]]:
        """What does this query say, as plain Python values with None for what is missing? For few rows."""
        asked = self.connection.execute(sql, values or {})
        names = [column[0] for column in asked.description]
        found = (dict(zip(names, row, strict=True)) for row in asked.fetchall())
        return [{name: None if value != value else value for name, value in row.items()} for row in found]

    def keep(self, name: str, sql: str, values: dict[str, Any]) -> str:
        """Which table holds what this query says? It is asked once; ``name`` has to tell it from any other."""
        if name not in self._kept:
            self.connection.execute(f"create temp table {name} as {sql}", values)
            self._kept.add(name)
        return name

    def records_of(self, *names: str) -> tuple[list[Source], list[RowCount]]:
        """From which files do these tables come, and how do they balance?"""
        sources = [source for source in self.sources if source.table in names]
        return sources, [count for count in self.row_counts if count.table in names]

    def notes_on(self, *names: str) -> list[str]:
        """What must a reader know about these tables?"""
        return [note for name in names for note in self.notes.get(name, [])]
