"""Tables of a client's database, extracted once into Parquet as text: read-only, streamed, without a secret on disk."""

import difflib
import hashlib
import json
import re
import sqlite3
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import date, datetime, time
from decimal import Decimal
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib.addresses import PASSWORD, USER
from alignlib.engagement import Database, Settings
from alignlib.errors import AlignError, Problem
from alignlib.files import inside, writing
from alignlib.intake.tables import TABLES
from alignlib.words import legible

if TYPE_CHECKING:
    import sqlalchemy as sa


BATCH, MAX_BYTES = 10_000, 20_000_000_000  # rows at a time; of text in all: a view may never end
SQLITE_STEPS = 100_000  # of a million instructions each: minutes, after which a query is given up
# Seconds to connect. Where a server asks for the password itself, unhashed, it is not told over an unchecked line.
_POSTGRES = {"connect_timeout": 15, "require_auth": "!password"}
# Nothing here comes from settings: times in UTC and ISO, and an end to waiting for a lock or an answer.
_START = ("SET LOCAL TIME ZONE 'UTC'", "SET LOCAL datestyle = 'ISO'", "SET LOCAL lock_timeout = '30s'",
          "SET LOCAL statement_timeout = '600s'")  # fmt: skip
_AS_TEXT = ("date", "timestamp", "timestamptz", "numeric", "json", "jsonb")  # taken as PostgreSQL writes them
_SQLITE = ("PRAGMA query_only = on", "PRAGMA trusted_schema = off", "PRAGMA cell_size_check = on")
# What a driver's fault means, by its SQLSTATE and words: those are looked at and never shown, for they may hold
# addresses. (pattern, what, what to do); the first that fits.
_FAULTS: tuple[tuple[str, str, str], ...] = (
    (r"42501|.*(permission denied|command denied)", "this user may not read it", "ask for the right to SELECT"),
    (r'3D000|.*(database ".*" does not exist|unknown database)', "there is no such database", "correct the url"),
    (r"28|.*(password|authenticat|access denied|login failed|no pg_hba)",
     "the database refuses this user or password", f"set {USER} and {PASSWORD} in the environment"),
    (r"57014|55P03|.*(interrupted|lock timeout)", "the database took too long to answer",
     "ask for a table or a simpler view with these rows"),
    (r".*could not decode", "a text in it is no UTF-8", "export it again as UTF-8"),
    (r".*(malformed|not a database|disk image)", "the file is damaged", "export it again"),
    (r"08|57P|.*(connection|could not connect|timeout|closed|terminat|name or service|resolve|unable to open)",
     "the database cannot be reached, or the connection was lost", "check the address, and that the server is running"),
)  # fmt: skip


def extract(folder: Path, sources: Iterable[Database], into: Path) -> tuple[dict[Database, Path], list[Problem]]:
    """Which Parquet file of ``into`` holds each of these tables now, every value as text, and what went wrong?

    All tables of one address are read in one read-only transaction (PostgreSQL: REPEATABLE READ), so that they fit each
    other. Blank is NULL, times are UTC with their offset, numbers exact, binary values hexadecimal, lists and JSON as
    JSON. ``folder`` is where an SQLite file lies. Problems: E-DATABASE, E-CONFIG, E-OPEN, E-TYPE, E-CHANGED, E-ROWS;
    none holds an address, a user or a password.
    """
    found: dict[Database, Path] = {}
    problems: list[Problem] = []
    groups: dict[str, list[Database]] = {}
    for source in sources:
        groups.setdefault(source.url, []).append(source)
    for group in groups.values():
        try:
            with _connected(folder, group) as connection:
                for source in group:
                    try:
                        with _told([source]), connection.begin_nested():
                            found[source] = _extract(connection, source, into)
                    except AlignError as error:
                        problems += error.problems
        except AlignError as error:
            problems += error.problems
    return found, list(dict.fromkeys(problems))


@contextmanager
def _told(sources: list[Database]) -> Iterator[None]:
    """Turns faults of a driver into ours, without a trace of it: its words may hold an address."""
    from sqlalchemy.exc import SQLAlchemyError

    where = ", ".join(f"{source.table} (database)" for source in sources)
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error) as error:
        driver = getattr(error, "orig", None) or error
        said = f"{getattr(driver, 'sqlstate', None) or ''} {driver}".strip()
        fits = ((what, fix) for pattern, what, fix in _FAULTS if re.match(pattern, said, re.I | re.S))
        what, fix = next(fits, ("the database cannot be read", "check url and table, and that its driver is installed"))
        raise AlignError(Problem("E-DATABASE", what, where=where, fix=fix)) from None
    except ImportError:
        fix = "install the driver that SQLAlchemy names for this kind of database"
        raise AlignError(Problem("E-DATABASE", "the database's driver is missing", where=where, fix=fix)) from None


@contextmanager
def _connected(folder: Path, group: list[Database]) -> Iterator["sa.Connection"]:
    """Over which connection are these tables read, in a transaction that can change nothing?"""
    import sqlalchemy as sa
    from sqlalchemy.pool import NullPool

    source = group[0]
    try:
        url = source.address()
    except ValueError as error:
        where, fix = f"{source.table} (database)", "correct url at this input, or set the environment variable"
        raise AlignError(Problem("E-CONFIG", str(error), where=where, fix=fix)) from None
    if url.drivername == "sqlite":
        with _unchanged(folder, url.database or "") as path, _told(group):
            engine = sa.create_engine("sqlite://", creator=partial(_open_sqlite, path), poolclass=NullPool)
            with engine.connect() as connection:
                yield connection
        return
    with _told(group):
        options: dict[str, Any] = {}
        is_postgres = url.get_backend_name() == "postgresql"
        if is_postgres:
            is_checked = str(url.query.get("sslmode", "")).startswith("verify-")
            drop = {"require_auth"} if is_checked or "require_auth" in url.query else set()
            known = _POSTGRES if url.drivername == "postgresql+psycopg" else {}
            options = {
                "isolation_level": "REPEATABLE READ", "execution_options": {"postgresql_readonly": True},
                "connect_args": {key: value for key, value in known.items() if key not in drop},
            }  # fmt: skip
        engine = sa.create_engine(url, poolclass=NullPool, hide_parameters=True, **options)
        with engine.connect() as connection:
            if is_postgres:
                for statement in _START:
                    connection.exec_driver_sql(statement)
            if url.drivername == "postgresql+psycopg":
                _take_as_written(connection.connection.driver_connection)
            yield connection


def _take_as_written(connection: Any) -> None:
    """Leaves dates, numbers and JSON as PostgreSQL writes them: as Python's, infinity or 44 BC would fail."""
    from psycopg.types.string import TextLoader

    for name in _AS_TEXT:
        connection.adapters.register_loader(name, TextLoader)


@contextmanager
def _unchanged(folder: Path, name: str) -> Iterator[Path]:
    """Which file of the data folder is this SQLite database? Refuses one in use, or changed while it is read."""
    path = inside(folder, name)
    if not path.is_file():
        what, fix = "there is no such file in the data folder", "copy the database there, or correct url"
        raise AlignError(Problem("E-OPEN", what, where=name, fix=fix))
    with path.open("rb") as handle:
        if handle.read(16) != b"SQLite format 3\0":
            raise AlignError(Problem("E-TYPE", "this is no SQLite database", where=name, fix="correct url"))
    beside = (path.with_name(path.name + end) for end in ("-wal", "-journal"))
    if any(each.exists() and each.stat().st_size for each in beside):
        what, fix = "the database is in use: part of it lies in another file", "close the program that writes it"
        raise AlignError(Problem("E-CHANGED", what, where=name, fix=fix))
    before = path.stat()
    yield path
    after = path.stat()
    if (before.st_size, before.st_mtime_ns) != (after.st_size, after.st_mtime_ns):
        raise AlignError(Problem("E-CHANGED", "the file changed while it was read", where=name, fix="close it there"))


def _open_sqlite(path: Path) -> sqlite3.Connection:
    """Opens a client's file so that nothing is written, not even beside it, and no query runs for ever."""
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro&immutable=1", uri=True)
    for statement in _SQLITE:
        connection.execute(statement)
    steps = iter(range(SQLITE_STEPS))
    connection.set_progress_handler(lambda: next(steps, None) is None, 1_000_000)
    return connection


def _extract(connection: "sa.Connection", source: Database, into: Path) -> Path:
    import pyarrow as pa
    import pyarrow.parquet as pq
    import sqlalchemy as sa

    where = f"{source.table} (database)"
    schema, name = _find(connection, source.table, where)
    query: sa.Select[Any] = sa.select(sa.literal_column("*")).select_from(sa.table(name, schema=schema))
    result = connection.execute(query, execution_options={"yield_per": BATCH})
    titles = list(result.keys())
    arrow, rows, size = pa.schema([(title, pa.string()) for title in titles]), 0, 0
    path = into / snapshot_name(source)
    with writing(path, private=True) as handle, pq.ParquetWriter(handle, arrow, compression="zstd") as writer:
        for part in result.partitions():
            columns = [pa.array(map(_text, cells), pa.string()) for cells in zip(*part, strict=True)]
            writer.write_batch(batch := pa.record_batch(columns, schema=arrow))
            rows, size = rows + len(part), size + batch.nbytes
            if size > MAX_BYTES:
                what, fix = f"it holds more than {MAX_BYTES // 10**9} GB of text", "ask for a view of what is needed"
                raise AlignError(Problem("E-TYPE", what, where=where, fix=fix))
    if (written := pq.read_metadata(path).num_rows) != rows:
        raise AlignError(Problem("E-ROWS", f"{rows} rows were read and {written} kept", where=where, fix="run again"))
    return path


def databases(settings: Settings, tables: Sequence[str] = tuple(TABLES)) -> list[Database]:
    """Which tables of databases feed these tables of ours? Each once, in the order of the inputs."""
    of = [each.source for entry in settings.inputs if entry.table in tables for each in (entry, *entry.lookups)]
    return list(dict.fromkeys(source for source in of if source))


def snapshot_name(source: Database) -> str:
    """Under which plain file name is the extract of this table kept?

    >>> snapshot_name(Database(url="env:CRM", table="crm.leads; --"))
    'crm_leads_-22519684.parquet'
    """
    digest = hashlib.sha256(f"{source.url}\n{source.table}".encode()).hexdigest()[:8]
    return f"{re.sub(r'[^A-Za-z0-9]+', '_', source.table)[:60]}-{digest}.parquet"


def _find(connection: "sa.Connection", named: str, where: str) -> tuple[str | None, str]:
    """Which schema and table are meant? Only names that the database itself lists are ever asked for."""
    import sqlalchemy as sa

    inspector = sa.inspect(connection)
    schemas = [name for name in inspector.get_schema_names() if name != "information_schema"]
    splits = [(None, named), *((named[: dot.start()], named[dot.end() :]) for dot in re.finditer(r"\.", named))]
    for schema, table in splits:
        if (schema is None or schema in schemas) and table in _tables(inspector, schema):
            return schema, table
    default = inspector.default_schema_name
    known = [
        f"{schema}.{name}".removeprefix(f"{default}.") for schema in schemas for name in _tables(inspector, schema)
    ]
    near = difflib.get_close_matches(named, known, n=3, cutoff=0.4) or sorted(known)[:10]
    allowed = ", ".join(map(legible, near)) or "this user sees no table"
    what, fix = "there is no such table or view", "correct table at this input: its name, or schema.name"
    raise AlignError(Problem("E-DATABASE", what, where=where, allowed=allowed, fix=fix))


def _tables(inspector: Any, schema: str | None) -> list[str]:
    found = [*inspector.get_table_names(schema=schema), *inspector.get_view_names(schema=schema)]
    is_postgres = inspector.dialect.name == "postgresql"
    return [*found, *inspector.get_materialized_view_names(schema=schema)] if is_postgres else found


def _text(value: Any) -> str | None:
    """How is a value of a database written, exactly?

    >>> [_text(value) for value in (True, 1e16, Decimal("1E+3"), date(2024, 3, 15), b"\\x0f", None, [1, "a"])]
    ['true', '10000000000000000', '1000', '2024-03-15', '0f', None, '[1, "a"]']
    """
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        value = Decimal(repr(value))
        return format(value.to_integral_value() if value == value.to_integral_value() else value, "f")
    if isinstance(value, Decimal):
        return format(value, "f")
    if isinstance(value, datetime):
        return value.isoformat(" ")
    if isinstance(value, date | time):
        return value.isoformat()
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).hex()
    if isinstance(value, list | tuple | dict):
        return json.dumps(value, ensure_ascii=False, default=_text)
    return str(value)
