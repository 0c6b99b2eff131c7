"""Where a workshop's answers are kept: one SQLite file, in which an acknowledged answer survives a killed process."""

import os
import sqlite3
import tempfile
import uuid
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from datetime import date
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
STORE_FILE = "answers.sqlite"
_WAIT_SECONDS = 30  # without a wait most of sixty writers are told "database is locked"
_TEAMS, _ROLES = (TABLES["responses"].column(name).allowed for name in ("team", "role"))  # type: ignore[union-attr]

_SHARED = [column.name for column in TABLES["responses"].columns]

_META = sa.MetaData()
# No time finer than the day and no rowid: rows lie in the order of their random ids, so nothing tells who came first.
_RESPONSES = sa.Table(
    "responses",
    _META,
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
)
# The ids of answers that were corrected: a late retry of one of them must not undo the correction.
_REPLACED = sa.Table("replaced", _META, sa.Column("answer_id", sa.Text, primary_key=True), sqlite_with_rowid=False)


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
    engine: sa.Engine

    def __repr__(self) -> str:
        return f"Answers are kept in {self.path}"


def open_store(path: str | Path = "") -> Store:
    """Which store keeps the answers? Makes it, private to its owner, when there is none; without a path a fresh one.

    A folder made here is open to its owner alone (0700); one that exists keeps its mode, and the file is 0600 in any
    case. Raises AlignError (E-STORE) for a file that is damaged, newer than this kit or no answer store, and leaves
    it as it was.
    """
    file = Path(path).expanduser().absolute() if path else Path(tempfile.mkdtemp(prefix="alignlib-")) / STORE_FILE
    if not file.parent.is_dir():
        make_folder(file.parent, private=True)
    with _told(file, "opened"):
        if not file.exists():
            _make(file)
        store = Store(file, _engine(file))
        with _reading(store) as connection:
            application, version = (
                connection.exec_driver_sql(f"pragma {name}").scalar_one() for name in ("application_id", "user_version")
            )
            if application != APPLICATION:
                raise _refused(file, "this is no answer store of the kit", "name another file, or none for a fresh one")
            if version != SCHEMA_VERSION:
                raise _refused(file, f"it was written by another kit (version {version})", "open it with that kit")
            if connection.exec_driver_sql("pragma quick_check(1)").scalar_one() != "ok":
                raise _refused(file, "the file is damaged", "restore it from a copy, or name another file")
    return store


def save_answers(store: Store, answers: Sequence[Answer]) -> int:
    """How many of these answers are on disk now? All of them, or none and AlignError.

    A later answer by the same person to the same item (and wave) replaces the earlier one. An ``answer_id`` counts
    once: the same call may be repeated until it is acknowledged, also after the answer was corrected.
    """
    problems = [problem for answer in answers for problem in _problems(answer)]
    if problems:
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
    with _told(store.path, "read"), _reading(store) as connection:
        rows = connection.execute(sa.select(_RESPONSES).order_by(_RESPONSES.c.answer_id)).mappings()
        return [Answer(**row) for row in rows]


def tables_of(store: Store) -> Tables:
    """Which canonical tables do the answers make, for the same ``diagnose`` that reads a client's files?

    One locked connection that can read nothing but these answers; ``record`` is empty, for it would number people.
    """
    from alignlib.intake.snapshot import arrow_rows, open_tables

    given = [asdict(answer) for answer in responses(store)]
    fingerprint = sha256(dumps(given, default=str, sort_keys=True).encode()).hexdigest()
    name, n = store.path.name, len(given)
    rows = [{column: row[column] or None for column in _SHARED} for row in given]
    rows = [{**row, "cannot_say": bool(row["cannot_say"]), "file": name, "record": None} for row in rows]
    return open_tables(
        {"responses": arrow_rows("responses", rows)},
        [RowCount(file=name, table="responses", read=n, used=n, rejected=0, excluded=0)],
        [Source(file=name, table="responses", rows=n, sha256=fingerprint)],
    )


def _put(connection: sa.Connection, answer: Answer) -> None:
    """Write one answer inside the caller's transaction, unless its id was already taken in."""
    of_person = sa.and_(
        _RESPONSES.c.respondent_id == answer.respondent_id,
        _RESPONSES.c.item == answer.item,
        _RESPONSES.c.wave == answer.wave,
    )
    known = (
        connection.execute(sa.select(_RESPONSES).where(_RESPONSES.c.answer_id == answer.answer_id)).mappings().first()
    )
    if known:
        if replace(Answer(**known), day=answer.day) != answer:
            raise AlignError(Problem("E-STORE", "one answer id came with two different answers", fix="save it again"))
        return
    if connection.execute(sa.select(_REPLACED).where(_REPLACED.c.answer_id == answer.answer_id)).first():
        return
    earlier = connection.execute(sa.select(_RESPONSES.c.answer_id).where(of_person)).scalar()
    if earlier:
        connection.execute(sa.delete(_RESPONSES).where(of_person))
        connection.execute(sa.insert(_REPLACED).values(answer_id=earlier))
    connection.execute(sa.insert(_RESPONSES).values(asdict(answer)))


def _problems(answer: Answer) -> list[Problem]:
    where = f"item {answer.item!r}"
    problems = []
    if not (answer.answer_id and answer.respondent_id and answer.item):
        problems.append(Problem("E-VALUE", "an answer needs an id, a respondent's code and an item", where=where))
    if answer.team not in _TEAMS:
        problems.append(Problem("E-TEAM", f"{answer.team!r} is no team", where=where, allowed=", ".join(_TEAMS)))
    if answer.role is not None and answer.role not in _ROLES:
        problems.append(Problem("E-VALUE", f"{answer.role!r} is no role", where=where, allowed=", ".join(_ROLES)))
    if (answer.answer is None) != answer.cannot_say or answer.answer not in (None, 1, 2, 3, 4, 5):
        what = f"{answer.answer!r} with cannot_say={answer.cannot_say}"
        problems.append(Problem("E-SCALE", what, where=where, allowed="1 to 5, or cannot_say and no answer"))
    return problems


def _make(file: Path) -> None:
    """Make an empty store whole beside its place, then name it: processes that start at once never meet half of it.

    SQLite flushes the folder when it first writes its log: the name is on disk before any answer is acknowledged.
    """
    draft = file.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex}")
    os.close(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    try:
        engine = _engine(draft)
        with engine.connect() as connection:
            connection.exec_driver_sql("pragma journal_mode=wal")
            _META.create_all(connection)
            connection.exec_driver_sql(f"pragma application_id={APPLICATION}")
            connection.exec_driver_sql(f"pragma user_version={SCHEMA_VERSION}")
            connection.commit()
        os.link(draft, file)  # unlike a rename it never takes the place of a store another process has just made
    except FileExistsError:
        pass
    finally:
        draft.unlink(missing_ok=True)


def _engine(file: Path) -> sa.Engine:
    """One connection for each use, to a file that must exist: answers never go to a file that was moved away."""

    def connect() -> sqlite3.Connection:
        connection = sqlite3.connect(f"{file.as_uri()}?mode=rw", uri=True, timeout=_WAIT_SECONDS, isolation_level=None)
        for setting in ("synchronous=full", "foreign_keys=on", "secure_delete=on"):
            connection.execute(f"pragma {setting}")
        return connection

    return sa.create_engine("sqlite://", creator=connect, poolclass=NullPool)


@contextmanager
def _reading(store: Store) -> Iterator[sa.Connection]:
    with store.engine.connect() as connection:
        yield connection


@contextmanager
def _told(file: Path, done: str) -> Iterator[None]:
    """Turn what the database says into a sentence; bound values are never part of it."""
    try:
        yield
    except (SQLAlchemyError, sqlite3.Error, OSError) as error:
        reason = str(getattr(error, "orig", None) or getattr(error, "strerror", None) or type(error).__name__)
        raise _refused(
            file, f"the answers could not be {done} ({reason})", "try again; if it stays, name another file"
        ) from error


def _refused(file: Path, what: str, fix: str) -> AlignError:
    return AlignError(Problem("E-STORE", what, where=file.name, fix=fix))
