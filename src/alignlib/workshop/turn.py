"""Whose turn is it at an answer store? One command's at a time, and the next workshop's once one was closed."""

import platform
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from datetime import date
from itertools import count
from typing import Any

import sqlalchemy as sa

from alignlib.errors import AlignError, Problem
from alignlib.files import locked
from alignlib.workshop.store import APPLICATION, ENTRIES, META, RESPONSES, SCHEMA, Store, backup, kept, make_schema

SECONDS = 10.0  # for which it is waited for a desk that is about to end
_HOLDER = """select a.application_name from pg_locks l join pg_stat_activity a using (pid)
join pg_database d on d.oid = l.database and d.datname = current_database()
where l.locktype = 'advisory' and l.granted and l.classid = 1 and l.objid = %s"""


@contextmanager
def held(store: Store) -> Iterator[None]:
    """Which desk takes in this store's answers? This one, until its process ends, however it does.

    Raises AlignError: E-LOCKED (another command's does, for whose end it was waited some seconds), E-STORE, E-WRITE.
    """
    with ExitStack() as stack:
        if store.path:
            try:
                stack.enter_context(locked(store.path.with_name(f"{store.path.name}.lock"), SECONDS))
            except AlignError as error:
                raise (_taken(store) if error.problems[0].code == "E-LOCKED" else error) from None
        else:  # with each connection anew: the server lets go whenever it loses one
            sa.event.listen(store.engine, "connect", lambda connection, _: _take(store, connection))
            store.engine.dispose()
            with store.reading():
                pass
        yield


def _take(store: Store, connection: Any) -> None:
    until = time.monotonic() + SECONDS
    connection.execute("select set_config('application_name', %s, false)", [f"alignlib on {platform.node()}"])
    while not connection.execute("select pg_try_advisory_lock(1, %s)", [APPLICATION]).fetchone()[0]:
        if time.monotonic() > until:
            holder = connection.execute(_HOLDER, [APPLICATION]).fetchone()
            connection.close()
            raise _taken(store, f" ({holder[0]})" if holder and holder[0] else "")
        time.sleep(0.1)
    connection.commit()


def _taken(store: Store, who: str = "") -> AlignError:
    fix = "end that one with Ctrl-C where it was started, or give --db another place"
    return AlignError(Problem("E-LOCKED", f"another command{who} has this workshop open", where=store.name, fix=fix))


def begin_anew(store: Store) -> str:
    """Where are the answers of a workshop that was closed kept from now on? Empty where none was.

    Beside the store, which is empty afterwards, under the day of the last answer: another file, or in PostgreSQL
    another schema. Raises AlignError (E-STORE, E-WRITE); the closed workshop then stays as it was.
    """
    with store.reading() as connection:
        if not (kept(connection, "state") or {}).get("is_closed"):
            return ""
        days = [connection.execute(sa.select(sa.func.max(table.c.day))).scalar() for table in (RESPONSES, ENTRIES)]
    day = max(filter(None, days), default=date.today())
    if path := store.path:
        name = dated(path.stem, day, lambda stem: path.with_stem(stem).exists())
        backup(store, path.with_stem(name))
        with store.writing() as connection:
            for table in META.sorted_tables:
                connection.execute(sa.delete(table))
        return path.with_stem(name).name
    with store.writing() as connection:
        is_there = "select to_regnamespace(quote_ident(%s)) is not null"
        name = dated(SCHEMA, day, lambda name: bool(connection.exec_driver_sql(is_there, (name,)).scalar()))
        connection.exec_driver_sql(f'alter schema {SCHEMA} rename to "{name}"')
        make_schema(connection)
    return f"the schema {name} of the database"


def dated(name: str, day: date, is_taken: Callable[[str], bool]) -> str:
    """Under which name is kept what is of this day? With a number when there was one on that day before."""
    names = (f"{name}-{day}{f'-{n}' * (n > 1)}" for n in count(1))
    return next(each for each in names if not is_taken(each))
