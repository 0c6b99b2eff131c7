"""Where a workshop's answers are kept: one SQLite file, or PostgreSQL; what was acknowledged survives a kill."""

import json
import os
import secrets
import shutil
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlalchemy.exc import DisconnectionError, SQLAlchemyError
from sqlalchemy.pool import QueuePool

from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, writing

if TYPE_CHECKING:
    from alignlib.intake.tables import Tables

APPLICATION = 0x414C474E  # "ALGN" in the file's header: an answer store, and not some other SQLite file
SCHEMA_VERSION = 3
SCHEMA = "alignlib_workshop"  # in PostgreSQL: a database holds one workshop, beside whatever else is in it
_WAIT_SECONDS = 30  # without a wait most of sixty writers are told "database is locked"
META = sa.MetaData()


def _table(name: str, *parts: Any) -> sa.Table:
    """A table without rowid: rows lie in the order of their random keys, so nothing tells who came first."""
    return sa.Table(name, META, *parts, sqlite_with_rowid=False)


def _text(name: str, *checks: Any, **more: Any) -> "sa.Column[str]":
    return sa.Column(name, sa.Text, *(sa.CheckConstraint(check) for check in checks), **{"nullable": False} | more)


# No time finer than the day anywhere.
RESPONSES = _table(
    "responses", _text("answer_id", primary_key=True), _text("respondent_id", "respondent_id <> ''"),
    _text("team", "team in ('sales', 'marketing')"), _text("role", "role in ('leader', 'staff')", nullable=True),
    _text("item", "item <> ''"), sa.Column("answer", sa.Float, sa.CheckConstraint("answer >= 0")),
    sa.Column("cannot_say", sa.Boolean, nullable=False), sa.Column("day", sa.Date, nullable=False),
    sa.UniqueConstraint("respondent_id", "item"), sa.CheckConstraint("(answer is null) = cannot_say"),
)  # fmt: skip
# Boards: what a team, or the whole room, has agreed to write down. No person.
ENTRIES = _table(
    "entries", _text("answer_id", primary_key=True), _text("team", "team in ('sales', 'marketing', 'room')"),
    _text("form", "form <> ''"), _text("item", "item <> ''"), _text("value", "value <> ''"),
    sa.Column("day", sa.Date, nullable=False), sa.UniqueConstraint("team", "form", "item"),
)  # fmt: skip
# Every id ever taken in: a late retry of an answer that was corrected since must not undo the correction.
TAKEN = _table("taken", _text("answer_id", primary_key=True))
# Who may answer, by the hash of a random token: neither a respondent's code nor a time ties a seat to answers.
SEATS = _table(
    "seats", _text("seat_hash", primary_key=True), _text("team", "team in ('sales', 'marketing')"),
    _text("role", "role in ('leader', 'staff')", nullable=True), sa.Column("has_left", sa.Boolean, nullable=False),
)  # fmt: skip
KEPT = _table("kept", _text("name", primary_key=True), _text("value"))
# What resets took away, for undo.
CLEARED = _table(
    "cleared", _text("id", primary_key=True), sa.Column("batch", sa.Integer, nullable=False),
    _text("held_in", "held_in in ('responses', 'entries')"), _text("row"),
)  # fmt: skip
_SECRET = ("link_key", "code", "facilitator")  # of what is kept


@dataclass(frozen=True, repr=False)  # the address of a database names a user and a server
class Store:
    """Which file, or which database of PostgreSQL, holds the answers?"""

    place: Path | sa.URL

    @property
    def name(self) -> str:
        """How is it called in a sentence, without user, server or password?"""
        return self.place.name if isinstance(self.place, Path) else "the database"

    @property
    def path(self) -> Path | None:
        """Which file is it? None where a server keeps it."""
        return self.place if isinstance(self.place, Path) else None

    @cached_property
    def engine(self) -> sa.Engine:
        """How is it opened? Over one connection that stays, and is opened again when its file or server changed."""
        pool: dict[str, Any] = {"poolclass": QueuePool, "pool_size": 1, "max_overflow": -1, "hide_parameters": True}
        place = self.place
        if isinstance(place, Path):
            engine = sa.create_engine("sqlite://", creator=lambda: _connect(place), **pool)
            _never_trust_a_file_that_moved(engine, place)
            return engine
        # A server that asks for the password itself, unhashed, is not told over an unchecked line.
        is_checked = str(place.query.get("sslmode", "")).startswith("verify-")
        options = f"-c search_path={SCHEMA} -c synchronous_commit=on -c statement_timeout=20s -c lock_timeout=10s"
        connect = {"connect_timeout": 3, "options": options} | ({} if is_checked else {"require_auth": "!password"})
        return sa.create_engine(place, pool_pre_ping=True, connect_args=connect, **pool)

    @contextmanager
    def reading(self) -> Iterator[sa.Connection]:
        """Over which connection is read, all of it as of one moment? Raises AlignError (E-STORE)."""
        with _told(self, "read"), self.engine.connect() as connection:
            connection.exec_driver_sql("begin" if self.path else "set transaction isolation level repeatable read")
            yield connection

    @contextmanager
    def writing(self) -> Iterator[sa.Connection]:
        """Over which connection is written, alone, all or nothing? On disk once this has ended without AlignError."""
        # Asking for the lock first makes each writer wait for its turn; a read that turns into a write fails at once.
        lock = "begin immediate" if self.path else f"select pg_advisory_xact_lock({APPLICATION})"
        with _told(self, "saved"), self.engine.connect() as connection:
            connection.exec_driver_sql(lock)
            yield connection
            connection.commit()


def open_store(place: str | Path = "") -> Store:
    """Which store keeps the answers? Makes it, private to its owner, when there is none; without a place a fresh one.

    ``place``: a file, or the address of a PostgreSQL database as engagement.yml writes them (postgresql://host/name,
    user and password from the environment, or env:NAME).
    A folder made here is its owner's alone (0700); one that exists keeps its mode; the file is 0600 in any case.
    Raises AlignError (E-STORE) for what is damaged, of another kit or no answer store, and leaves it as it was.
    """
    if isinstance(place, str) and ("://" in place or place.startswith("env:")):
        return _open_database(place)
    file = Path(place).expanduser().absolute() if place else Path(tempfile.mkdtemp(prefix="alignlib-")) / "room.sqlite"
    if not file.parent.is_dir():
        make_folder(file.parent, private=True)
    store = Store(file)
    with _told(store, "opened"):
        if not file.exists():
            _make(file)
        with store.engine.connect() as connection:
            asked = ("application_id", "user_version", "quick_check(1)")
            application, version, check = (connection.exec_driver_sql(f"pragma {name}").scalar_one() for name in asked)
    if application != APPLICATION:
        raise refused(store, "this is no answer store of the kit", "name another file, or none for a fresh one")
    _same_version(store, version)
    if check != "ok":
        raise refused(store, "the file is damaged", "restore it from a copy, or name another file")
    return store


def kept(connection: sa.Connection, name: str) -> Any:
    """Which value is kept under this name? None when there is none."""
    value = connection.execute(sa.select(KEPT.c.value).where(KEPT.c.name == name)).scalar()
    return None if value is None else json.loads(value)


def keep(connection: sa.Connection, name: str, value: Any) -> None:
    """Which value is kept under this name from now on? This one, as JSON."""
    connection.execute(sa.delete(KEPT).where(KEPT.c.name == name))
    connection.execute(sa.insert(KEPT).values(name=name, value=json.dumps(value, ensure_ascii=False)))


def answers(store: Store) -> dict[str, list[dict[str, Any]]]:
    """What was answered: ``responses`` by code of a person and item, ``entries`` of the boards?

    For the one who owns the store: also after it was closed. In an order that says nothing about time.
    """
    with store.reading() as connection:
        found = {}
        for table in (RESPONSES, ENTRIES):
            columns = [column for column in table.columns if column.name != "answer_id"]
            rows = connection.execute(sa.select(*columns).order_by(table.c.answer_id)).mappings()
            found[table.name] = [{**row, "day": row["day"].isoformat()} for row in rows]
    return found


def tables_of(responses: Sequence[Mapping[str, Any]]) -> "Tables":
    """Which canonical tables do these answers make, for the same ``diagnose`` that reads a client's files?

    One locked connection that can read nothing but these answers; ``record`` is empty, for it would number people.
    """
    from alignlib.intake.snapshot import arrow_rows, open_tables
    from alignlib.intake.tables import TABLES

    names = [column.name for column in TABLES["responses"].columns]
    rows = [{name: row.get(name) for name in names} | {"file": "workshop", "record": None} for row in responses]
    return open_tables({"responses": arrow_rows("responses", rows)})


def backup(store: Store, file: Path) -> Path:
    """Where does a whole, consistent copy of the answers lie now, made while people may be answering?

    Without the link key and the seats: a copy that kept them would outlive the promise that closing makes. A store
    made of it holds all answers and boards; people join it anew. Raises AlignError: E-USE (PostgreSQL), E-STORE.
    """
    if not store.path:
        what, fix = "PostgreSQL makes its own copies", f"use pg_dump --schema={SCHEMA}, after the workshop was closed"
        raise AlignError(Problem("E-USE", what, where=store.name, fix=fix))
    with tempfile.TemporaryDirectory(prefix=".tmp-", dir=store.path.parent) as folder, _told(store, "copied"):
        path = Path(folder) / "copy.sqlite"
        copy = Store(path)
        with store.engine.connect() as connection:
            connection.exec_driver_sql("vacuum into ?", (str(path),))
        with copy.writing() as connection:
            _destroy(connection)
        _rewrite(copy)
        with copy.engine.connect() as connection:
            connection.exec_driver_sql("pragma journal_mode=wal")
        copy.engine.dispose()  # the last connection takes the log with it
        with path.open("rb") as source, writing(file, private=True) as target:
            shutil.copyfileobj(source, target)
    return file


def close_store(store: Store) -> dict[str, list[str]]:
    """What was destroyed for good, and how was that proved? After this nothing ties a seat, a code or a cookie to
    answers.

    Destroys the link key, all secrets, seats, ids of devices and what resets took away; writes every answer anew in
    random order; empties the log; then looks for the bytes of all that was destroyed. Answers, boards and what was
    revealed stay. A second time it does the same and harms nothing. Raises AlignError (E-STORE).
    """
    with store.writing() as connection:
        state = kept(connection, "state") or {"form": "", "forms": {}, "titles": {}}
        keep(connection, "state", state | {"is_closed": True, "until": None})
        destroyed, traces = _destroy(connection)
    _rewrite(store)
    what = [f"{n} {kind}" for kind, n in destroyed.items() if n] or ["nothing: it was closed before"]
    if not store.path:
        said = ["Every table was written anew in random order; no key, seat, id of a device or cleared row is in it."]
        left = ["PostgreSQL's own log and its backups may hold what was destroyed until they are recycled."]
        return {"destroyed": what, "proved": said, "left": left}
    proved: list[str] = []
    for path in (store.path, *(store.path.with_name(store.path.name + end) for end in ("-wal", "-shm"))):
        data = path.read_bytes() if path.exists() else b""
        if any(trace.encode() in data for trace in traces):
            fix = "end every program that has the file open, then close the workshop again"
            raise refused(store, f"a part of what was destroyed can still be read in {path.name}", fix)
        if traces:
            proved.append(f"None of {len(traces)} values is among the {len(data)} bytes of {path.name}.")
    left = ["What a disk or a backup of this computer kept of earlier states is beyond this proof."]
    return {"destroyed": what, "proved": proved, "left": left}


def _destroy(connection: sa.Connection) -> tuple[dict[str, int], list[str]]:
    """Destroy what could tie answers to seats; how much was it, and which texts must be found nowhere afterwards?"""
    secret = {name: value for name in _SECRET if (value := kept(connection, name))}
    hashes = list(connection.execute(sa.select(SEATS.c.seat_hash)).scalars())
    taken = list(connection.execute(sa.select(TAKEN.c.answer_id)).scalars())
    cleared = list(connection.execute(sa.select(CLEARED.c.row)).scalars())
    connection.execute(sa.delete(KEPT).where(KEPT.c.name.in_(_SECRET)))
    for table in (SEATS, TAKEN, CLEARED):
        connection.execute(sa.delete(table))
    for table in (RESPONSES, ENTRIES):  # under new ids, so that none that a device kept leads here
        rows = [{**row, "answer_id": str(uuid.uuid4())} for row in connection.execute(sa.select(table)).mappings()]
        secrets.SystemRandom().shuffle(rows)
        connection.execute(sa.delete(table))
        if rows:
            connection.execute(sa.insert(table), rows)
    counts = {"secrets": len(secret), "seats": len(hashes), "ids of devices": len(taken), "cleared rows": len(cleared)}
    return counts, [*secret.values(), *hashes, *taken, *cleared]


def _rewrite(store: Store) -> None:
    """Write the whole store anew, so that freed places hold nothing and rows lie in the order of their keys."""
    engine = store.engine if store.path else store.engine.execution_options(isolation_level="AUTOCOMMIT")
    with _told(store, "rewritten"), engine.connect() as connection:
        if store.path:
            connection.exec_driver_sql("vacuum")
            connection.exec_driver_sql("pragma wal_checkpoint(truncate)")
            return
        connection.exec_driver_sql("set statement_timeout = 0")
        for name in META.tables:
            connection.exec_driver_sql(f"vacuum full {name}")
        connection.exec_driver_sql("set statement_timeout = '20s'")


def _connect(path: Path) -> sqlite3.Connection:
    """One connection to a file that must exist: none is made for one moved away."""
    connection = sqlite3.connect(
        f"{path.as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS, isolation_level=None, check_same_thread=False
    )
    # temporary tables in memory: what is deleted must not lie in a file of SQLite's own
    for setting in ("synchronous=full", "secure_delete=on", "temp_store=memory"):
        connection.execute(f"pragma {setting}")
    return connection


def _never_trust_a_file_that_moved(engine: sa.Engine, path: Path) -> None:
    """A connection that stays would write on into a file that was deleted or exchanged, and acknowledge it."""

    def which() -> tuple[int, int] | None:
        with suppress(OSError):
            found = path.stat()
            return found.st_dev, found.st_ino
        return None

    def opened(_: Any, record: Any) -> None:
        record.info["file"] = which()

    def taken_up(_: Any, record: Any, __: Any) -> None:
        if record.info["file"] is None or record.info["file"] != which():
            raise DisconnectionError

    sa.event.listen(engine, "connect", opened)
    sa.event.listen(engine, "checkout", taken_up)


def _make(file: Path) -> None:
    """Make an empty store whole beside its place, then name it: processes that start at once never meet half of it.

    SQLite flushes the folder when it first writes its log: the name is on disk before any answer is acknowledged.
    """
    path = file.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex}")
    draft = Store(path)
    os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with draft.engine.connect() as connection:
            for setting in ("journal_mode=wal", f"application_id={APPLICATION}", f"user_version={SCHEMA_VERSION}"):
                connection.exec_driver_sql(f"pragma {setting}")
            META.create_all(connection)
            connection.commit()
        draft.engine.dispose()
        with suppress(FileExistsError):  # unlike a rename it never takes the place of a store made meanwhile
            os.link(path, file)
    finally:
        path.unlink(missing_ok=True)


def _open_database(address: str) -> Store:
    """The store in a PostgreSQL database, made there in one transaction when the database has none."""
    from alignlib.engagement import Database

    try:
        url = Database(url=address, table="responses").address()
    except ValueError as error:
        what, fix = "this is no address of a database", "write postgresql://host/name, or env:NAME, without a password"
        raise AlignError(Problem("E-STORE", what, fix=fix)) from error
    if url.drivername != "postgresql+psycopg":
        raise AlignError(Problem("E-STORE", "answers are kept in SQLite or PostgreSQL", fix="give a file's path"))
    store = Store(url)
    with store.writing() as connection:
        if not connection.exec_driver_sql(f"select to_regclass('{SCHEMA}.kept')").scalar():
            make_schema(connection)
        version = kept(connection, "schema")
    _same_version(store, version)
    return store


def make_schema(connection: sa.Connection) -> None:
    """What is in PostgreSQL from now on? An empty store, in a schema of its own."""
    connection.exec_driver_sql(f"create schema {SCHEMA}")
    META.create_all(connection)
    keep(connection, "schema", SCHEMA_VERSION)


def _same_version(store: Store, version: Any) -> None:
    if version != SCHEMA_VERSION:
        raise refused(store, f"it was written by another kit (version {version})", "open it with that kit")


@contextmanager
def _told(store: Store, done: str) -> Iterator[None]:
    """Turn what the database says into a sentence; neither bound values nor a server's words are part of it."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        driver = getattr(error, "orig", None) or error
        state = getattr(driver, "sqlstate", None)
        said = str(driver) if store.path else f"state {state}" if state else "it cannot be reached"
        reason = str(getattr(driver, "strerror", None) or said or type(driver).__name__)
        fix = (
            "try again; if it stays, name another file" if store.path else "check that the server runs, then try again"
        )
        raise refused(store, f"the answers could not be {done} ({reason})", fix) from error


def refused(store: Store, what: str, fix: str) -> AlignError:
    """Which error says that the store cannot be used (E-STORE)?"""
    return AlignError(Problem("E-STORE", what, where=store.name, fix=fix))
