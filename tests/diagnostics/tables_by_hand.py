"""Tables written by hand: rows a reader can count, without files and without intake."""

import weakref
from functools import cache
from itertools import count
from typing import Any

import duckdb
import pyarrow as pa

from alignlib.intake.tables import SQL_TYPES, TABLES, Tables
from alignlib.result import RowCount, Source

_names = count(1)
EMPTY = "; ".join(
    f'create table "{name}" ({", ".join(f"{column.name} {SQL_TYPES[column.kind]}" for column in rule.columns)}, '
    "file varchar, record bigint)"
    for name, rule in TABLES.items()
)


@cache
def _database() -> duckdb.DuckDBPyConnection:
    return duckdb.connect()


def connect() -> duckdb.DuckDBPyConnection:
    """A database of its own in memory, beside others: to start DuckDB anew takes longer than to fill a few tables."""
    connection, name = _database().cursor(), f"by_hand_{next(_names)}"
    connection.execute(f"attach ':memory:' as {name}; use {name}")
    weakref.finalize(connection, _database().execute, f"detach {name}")
    return connection


def make_tables(rows: dict[str, list[dict[str, Any]]], day_only: frozenset[str] = frozenset()) -> Tables:
    """Which tables hold exactly these rows? The others are there, as after intake, and empty.

    Columns not given are NULL; a column no table knows is an error.
    Dates and times may be written as text: "2026-03-31", "2026-03-31 09:30".
    """
    connection = connect()
    connection.execute(EMPTY)
    for name, records in rows.items():
        given = {key for record in records for key in record}
        if unknown := given - {column.name for column in TABLES[name].columns} - {"file", "record"}:
            raise KeyError(f"{name} has no column {sorted(unknown)}")
        if records:
            numbered = enumerate(records, start=1)
            filled = [{"file": f"{name}.csv", "record": i, **record} for i, record in numbered]
            names = ["file", "record", *sorted(given - {"file", "record"})]
            delivered = pa.table({column: pa.array([row.get(column) for row in filled]) for column in names})
            connection.register("delivered", delivered)
            connection.execute(f'insert into "{name}" by name select * from delivered')
            connection.unregister("delivered")
    return Tables(
        connection,
        present=frozenset(name for name, records in rows.items() if records),
        row_counts=[
            RowCount(file=f"{name}.csv", table=name, read=len(records), used=len(records), rejected=0, excluded=0)
            for name, records in rows.items()
        ],
        sources=[Source(file=f"{n}.csv", table=n, rows=len(r), sha256="0" * 64) for n, r in rows.items()],
        day_only=day_only,
    )
