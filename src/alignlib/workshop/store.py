"""Where a workshop's answers are kept: one SQLite file, in which an acknowledged answer survives a killed process."""

import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import date
from functools import cached_property
from hashlib import sha256
from json import dumps
from pathlib import Path

import sqlalchemy as sa
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.pool import NullPool

from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder
from alignlib.intake.tables import TABLES, Tables
from alignlib.result import RowCount, Source

APPLICATION = 0x414C474E  # "ALGN" in the file's header: an answer store, and not some other SQLite file
SCHEMA_VERSION = 1
_WAIT_SECONDS = 30  # without a wait most of sixty writers are told "database is locked"
_RULES = {column.name: column for column in TABLES["responses"].columns}
_META = sa.MetaData()
# No time finer than the day and no rowid: rows lie in the order of their random ids, so nothing tells who came first.
_RESPONSES = sa.Table(
    "responses", _META,
    sa.Column("answer_id", sa.Text, primary_key=True),
    sa.Column("respondent_id", sa.Text, sa.CheckConstraint("respondent_id <> ''"), nullable=False),
    sa.Column("team", sa.Text, sa.CheckConstraint("team in ('sales', 'marketing')"), nullable=False),
    sa.Column("role", sa.Text, sa.CheckConstraint("role in ('leader', 'staff')")),
    sa.Column("item", sa.Text, sa.CheckConstraint("item <> ''"), nullable=False),
    sa.Column("answer", sa.Integer, sa.CheckConstraint("answer between 1 and 5")),
    sa.Column("cannot_say", sa.Boolean, sa.CheckConstraint("cannot_say in (0, 1)"), nullable=False),
    sa.Column("wave", sa.Text, nullable=False),
    sa.Column("day", sa.Date, nullable=False),
    sa.UniqueConstraint("respondent_id", "item", "wave"),
    sa.CheckConstraint("(answer is null) = cannot_say"),
    sqlite_with_rowid=False,
)  # fmt: skip
# Every id ever taken in: a late retry of an answer that was corrected since must not undo the correction.
_TAKEN = sa.Table("taken", _META, sa.Column("answer_id", sa.Text, primary_key=True), sqlite_with_rowid=False)


@dataclass(frozen=True)
class Answer:
    """What did one person answer to one item? ``answer_id`` is made once by the form and kept through every retry."""

    respondent_id: str
    team: str
    item: str
    answer: int | None
    cannot_say: bool = False
    wave: str = ""
    role: str | None = None
    answer_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    day: date = field(default_factory=date.today)


@dataclass(frozen=True)
class Store:
    """Which file holds the answers?"""

    path: Path

    @cached_property
    def engine(self) -> sa.Engine:
        """How is it opened? One connection for each use, to a file that must exist: none is made for one moved away."""

        def connect() -> sqlite3.Connection:
            place = f"{self.path.as_uri()}?mode=rw"
            connection = sqlite3.connect(place, uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
            for setting in ("synchronous=full", "foreign_keys=on", "secure_delete=on"):
                connection.execute(f"pragma {setting}")
            return connection

        return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)

    def __repr__(self) -> str:
        return f"Answers are kept in {self.path}"


def open_store(path: str | Path = "") -> Store:
    """Which store keeps the answers? Makes it, private to its owner, when there is none; without a path a fresh one.

    A folder made here is its owner's alone (0700); one that exists keeps its mode; the file is 0600 in any case.
    Raises AlignError (E-STORE) for a file that is damaged, of another kit or no answer store, and leaves it as it was.
    """
    file = Path(path).expanduser().absolute() if path else Path(tempfile.mkdtemp(prefix="alignlib-")) / "answers.sqlite"
    if not file.parent.is_dir():
        make_folder(file.parent, private=True)
    with _told(file, "opened"):
        if not file.exists():
            _make(file)
        store = Store(file)
        with store.engine.connect() as connection:
            asked = ("application_id", "user_version", "quick_check(1)")
            application, version, check = (connection.exec_driver_sql(f"pragma {name}").scalar_one() for name in asked)
            if application != APPLICATION:
                raise _refused(file, "this is no answer store of the kit", "name another file, or none for a fresh one")
            if version != SCHEMA_VERSION:
                raise _refused(file, f"it was written by another kit (version {version})", "open it with that kit")
            if check != "ok":
                raise _refused(file, "the file is damaged", "restore it from a copy, or name another file")
    return store


def save_answers(store: Store, answers: Sequence[Answer]) -> int:
    """How many of these answers are on disk now? All of them, or none and AlignError.

    A later answer by the same person to the same item (and wave) replaces the earlier one. An ``answer_id`` counts
    once: the same call may be repeated until it is acknowledged, also after the answer was corrected.
    """
    if problems := [problem for answer in answers for problem in _problems(answer)]:
        raise AlignError(problems)
    with _told(store.path, "saved"), store.engine.connect() as connection:
        # Asking for the write lock first makes SQLite wait for its turn; a read that turns into a write fails at once.
        connection.exec_driver_sql("begin immediate")
        for answer in answers:
            _put(connection, answer)
        connection.commit()
    return len(answers)


def responses(store: Store) -> list[Answer]:
    """Which answers are kept, one for each person, item and wave, in an order that says nothing about time?"""
    with _told(store.path, "read"), store.engine.connect() as connection:
        rows = connection.execute(sa.select(_RESPONSES).order_by(_RESPONSES.c.answer_id)).mappings()
        return [Answer(**row) for row in rows]


def tables_of(store: Store) -> Tables:
    """Which canonical tables do the answers make, for the same ``diagnose`` that reads a client's files?

    One locked connection that can read nothing but these answers; ``record`` is empty, for it would number people.
    """
    from alignlib.intake.snapshot import arrow_rows, open_tables

    given = [asdict(answer) for answer in responses(store)]
    fingerprint = sha256(dumps(given, default=str, sort_keys=True).encode()).hexdigest()
    file, n = store.path.name, len(given)
    rows = [{**{name: row.get(name) for name in _RULES}, "wave": row["wave"] or None, "file": file, "record": None}
            for row in given]  # fmt: skip
    return open_tables(
        {"responses": arrow_rows("responses", rows)},
        [RowCount(file=file, table="responses", read=n, used=n, rejected=0, excluded=0)],
        [Source(file=file, table="responses", rows=n, sha256=fingerprint)],
    )


def _put(connection: sa.Connection, answer: Answer) -> None:
    """Write one answer in place of the person's earlier one, unless its id was already taken in."""
    take = sa.insert(_TAKEN).prefix_with("or ignore").values(answer_id=answer.answer_id)
    if connection.execute(take).rowcount:
        connection.execute(sa.insert(_RESPONSES).prefix_with("or replace").values(asdict(answer)))
        return
    known = connection.execute(sa.select(_RESPONSES).filter_by(answer_id=answer.answer_id)).mappings().first()
    if known and replace(Answer(**known), day=answer.day) != answer:
        raise AlignError(Problem("E-STORE", "one answer id came with two different answers", fix="save it again"))


def _problems(answer: Answer) -> list[Problem]:
    teams, roles = _RULES["team"].allowed, _RULES["role"].allowed
    named = bool(answer.answer_id and answer.respondent_id and answer.item)
    on_scale = answer.answer is None if answer.cannot_say else answer.answer in (1, 2, 3, 4, 5)
    checks = [
        (named, "E-VALUE", "an answer needs an id, a respondent's code and an item", ""),
        (answer.team in teams, "E-TEAM", f"{answer.team!r} is no team", ", ".join(teams)),
        (answer.role in (None, *roles), "E-VALUE", f"{answer.role!r} is no role", ", ".join(roles)),
        (on_scale, "E-SCALE", f"{answer.answer!r} with cannot_say={answer.cannot_say}", "1 to 5, or cannot_say alone"),
    ]
    return [Problem(code, what, f"item {answer.item!r}", allowed) for right, code, what, allowed in checks if not right]


def _make(file: Path) -> None:
    """Make an empty store whole beside its place, then name it: processes that start at once never meet half of it.

    SQLite flushes the folder when it first writes its log: the name is on disk before any answer is acknowledged.
    """
    draft = file.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        with Store(draft).engine.connect() as connection:
            for setting in ("journal_mode=wal", f"application_id={APPLICATION}", f"user_version={SCHEMA_VERSION}"):
                connection.exec_driver_sql(f"pragma {setting}")
            _META.create_all(connection)
            connection.commit()
        with suppress(FileExistsError):  # unlike a rename it never takes the place of a store made meanwhile
            os.link(draft, file)
    finally:
        draft.unlink(missing_ok=True)


@contextmanager
def _told(file: Path, done: str) -> Iterator[None]:
    """Turn what the database says into a sentence; bound values are never part of it."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(getattr(error, "orig", None) or getattr(error, "strerror", None) or type(error).__name__)
        what, fix = f"the answers could not be {done} ({reason})", "try again; if it stays, name another file"
        raise _refused(file, what, fix) from error


def _refused(file: Path, what: str, fix: str) -> AlignError:
    return AlignError(Problem("E-STORE", what, where=file.name, fix=fix))
