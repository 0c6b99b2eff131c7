"""The answer store: what it acknowledged is there once, and what it cannot trust it refuses in a sentence."""

import re
import sqlite3
import stat
import subprocess
import sys
from pathlib import Path

import pytest
import sqlalchemy as sa

sys.path.insert(0, str(Path(__file__).parent))
from rooms import CODE, ITEMS, KEY, given, opened, saved

from alignlib.errors import AlignError
from alignlib.workshop.room import Room
from alignlib.workshop.store import Store, answers, backup, close_store, open_store, tables_of

# Opens the store (perhaps with others at the same moment) and writes so many values under its own name.
WRITER = """
import sys
from alignlib.workshop.store import keep, open_store
store = open_store(sys.argv[1])
for at in range(int(sys.argv[3])):
    with store.writing() as connection:
        keep(connection, f"{sys.argv[2]}-{at}", at)
    print(f"{sys.argv[2]}-{at}", flush=True)
"""


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "private" / "workshop.sqlite"


@pytest.fixture
def room(file: Path) -> Room:
    return opened(open_store(file))


@pytest.fixture
def attended(room: Room) -> tuple[Room, list[str]]:
    """A workshop of two who answered, one of them twice, with a reset of the board; and their tokens."""
    tokens = [room.join(CODE, "sales"), room.join(CODE, "marketing")]
    for token in tokens:
        saved(room, token, *(given(item, "3") for item in ITEMS), given("asset_1", "written by one", "sorting"))
    saved(room, tokens[0], given("goal_1", "5"))
    room.reset(KEY, "sorting")
    saved(room, tokens[1], given("asset_2", "agreed by all", "sorting"))
    return room, tokens


def bytes_of(file: Path) -> bytes:
    """What the file and all that SQLite keeps beside it hold."""
    return b"".join(path.read_bytes() for path in sorted(file.parent.glob(f"{file.name}*")))


# --- opening ----------------------------------------------------------------------------------------------------------


def test_the_file_and_a_folder_made_for_it_are_their_owners_alone(room: Room, file: Path) -> None:
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    open_store(tmp_path / "a.sqlite")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE((tmp_path / "a.sqlite").stat().st_mode) == 0o600


def test_without_a_place_each_store_is_a_fresh_one() -> None:
    one, two = opened(open_store()), opened(open_store())
    saved(one, one.join(CODE, "sales"), given("goal_1", "4"))
    assert answers(two.store)["responses"] == []
    assert stat.S_IMODE(Path(str(one.store.path)).parent.stat().st_mode) == 0o700


def test_answers_are_flushed_to_disk_and_writers_wait_for_their_turn(room: Room) -> None:
    names = ("journal_mode", "synchronous", "busy_timeout", "secure_delete", "temp_store")
    with room.store.engine.connect() as connection:
        said = {name: connection.exec_driver_sql(f"pragma {name}").scalar_one() for name in names}
    assert said == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000,
                    "secure_delete": 1, "temp_store": 2}  # fmt: skip


def test_no_table_numbers_its_rows_or_knows_a_time_finer_than_the_day(room: Room, file: Path) -> None:
    with sqlite3.connect(file) as connection:
        tables = [row[0] for row in connection.execute("select name from sqlite_schema where type = 'table'")]
        assert sorted(tables) == ["cleared", "entries", "kept", "responses", "seats", "taken"]
        for table in tables:
            with pytest.raises(sqlite3.OperationalError, match="rowid"):
                connection.execute(f"select rowid from {table}")
            kinds = {row[1]: row[2] for row in connection.execute(f"pragma table_info({table})")}
            assert not {"TIMESTAMP", "DATETIME", "TIME"} & set(kinds.values())
            assert {name for name, kind in kinds.items() if kind == "DATE"} <= {"day"}
        seats = {row[1] for row in connection.execute("pragma table_info(seats)")}
    assert seats == {"seat_hash", "team", "role", "has_left"}


def test_a_damaged_file_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    file.write_bytes(b"this is no database, " * 400)
    before = file.read_bytes()
    with pytest.raises(AlignError, match=r"answers\.sqlite: .*not a database.*\[E-STORE\]"):
        open_store(file)
    assert file.read_bytes() == before


def test_a_store_with_a_torn_page_is_refused(room: Room, file: Path) -> None:
    for _ in range(3):
        saved(room, room.join(CODE, "sales"), *(given(item, "3") for item in ITEMS))
    room.store.engine.dispose()
    with file.open("r+b") as handle:
        handle.seek(2 * 4096)
        handle.write(b"\xff" * 4096)
    with pytest.raises(AlignError, match="E-STORE"):
        open_store(file)


@pytest.mark.parametrize(
    ("setting", "says"),
    [("user_version=2", "version 2"), ("user_version=4", "another kit"), ("application_id=7", "no answer store")],
)
def test_an_older_a_newer_store_and_another_program_s_file_are_refused_and_left_as_they_were(
    room: Room, file: Path, setting: str, says: str
) -> None:
    room.store.engine.dispose()
    with sqlite3.connect(file) as connection:
        connection.execute(f"pragma {setting}")
    connection.close()
    before = bytes_of(file)
    with pytest.raises(AlignError, match=says):
        open_store(file)
    assert bytes_of(file)[: len(before)] == before


def test_another_program_s_database_is_not_changed_by_looking_at_it(tmp_path: Path) -> None:
    file = tmp_path / "theirs.sqlite"
    with sqlite3.connect(file) as connection:
        connection.execute("create table theirs (a)")
    connection.close()
    before = file.read_bytes()
    with pytest.raises(AlignError, match="no answer store"):
        open_store(file)
    assert file.read_bytes() == before


def test_an_empty_file_is_no_answer_store(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").touch()
    with pytest.raises(AlignError, match="no answer store"):
        open_store(tmp_path / "answers.sqlite")


@pytest.mark.parametrize("address", ["mysql://host/db", "postgresql://user:secret@host/db", "env:NOT_SET_HERE", "x://"])
def test_an_address_that_is_none_is_refused_without_repeating_it(address: str) -> None:
    with pytest.raises(AlignError) as refused:
        open_store(address)
    assert refused.value.problems[0].code == "E-STORE" and "secret" not in str(refused.value)


def test_processes_that_start_at_once_share_one_store_and_lose_nothing(file: Path) -> None:
    command = [sys.executable, "-P", "-c", WRITER, str(file)]
    writers = [subprocess.Popen([*command, f"w{n}", "10"], stdout=subprocess.PIPE, text=True) for n in range(3)]
    said = {line for writer in writers for line in writer.communicate(timeout=120)[0].split()}
    assert [writer.returncode for writer in writers] == [0] * 3 and len(said) == 30
    with open_store(file).reading() as connection:
        kept = set(connection.execute(sa.text("select name from kept")).scalars())
    assert kept == said
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".tmp-")] == []


# --- a file that is no longer there -----------------------------------------------------------------------------------


def test_nothing_is_acknowledged_when_the_file_is_gone(room: Room, file: Path) -> None:
    token = room.join(CODE, "sales")
    saved(room, token, given("goal_1", "4"))
    file.unlink()
    with pytest.raises(AlignError, match=r"could not be saved.*\[E-STORE\]"):
        room.save(token, [given("goal_2", "4")])
    assert not file.exists()


def test_nothing_is_written_into_a_file_that_was_moved_away_and_answers_go_on_once_it_is_back(
    room: Room, file: Path
) -> None:
    token, answer = room.join(CODE, "sales"), given("goal_1", "4")
    room.store.engine.dispose()
    away = file.rename(file.with_name("away.sqlite"))
    open_store(file)  # another, empty one in its place
    with pytest.raises(AlignError, match="not open yet"):
        room.save(token, [answer])
    room.store.engine.dispose()
    away.replace(file)
    saved(room, token, answer)
    assert room.mine(token, "survey") == {"goal_1": "4"}


# --- what the diagnostics read ----------------------------------------------------------------------------------------


def test_the_table_for_the_diagnostic_holds_the_answers_and_can_read_nothing_else(room: Room, file: Path) -> None:
    token = room.join(CODE, "sales", "leader")
    saved(room, token, given("goal_1", "4"), given("goal_2", "cannot_say"))
    tables = tables_of(room.answers(KEY)["responses"])
    rows = tables.connection.execute(
        "select team, role, wave, item, answer, cannot_say, file, record from responses order by item"
    ).fetchall()
    assert rows == [
        ("sales", "leader", None, "goal_1", 4.0, False, "workshop", None),
        ("sales", "leader", None, "goal_2", None, True, "workshop", None),
    ]
    assert tables.has("responses") and not tables.sources
    with pytest.raises(Exception, match="disabled"):
        tables.query("select * from read_text($file)", {"file": str(file)})
    assert not tables_of([]).has("responses")


# --- copies and the end -----------------------------------------------------------------------------------------------


def test_a_copy_holds_all_answers_and_nothing_that_ties_them_to_seats(
    attended: tuple[Room, list[str]], tmp_path: Path
) -> None:
    room, tokens = attended
    file = backup(room.store, tmp_path / "copy" / "backup.sqlite")
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert not any(secret in file.read_bytes() for secret in secrets_of(room))
    copy = open_store(file)
    assert sort(answers(copy)) == sort(answers(room.store))
    again = opened(copy)  # joined anew: the old seats are unknown
    assert again.who(tokens[0]) is None and again.join(CODE, "sales")
    assert room.who(tokens[0]), "the workshop itself goes on"
    assert [path.name for path in Path(str(room.store.path)).parent.glob(".tmp-*")] == []


def test_a_copy_that_cannot_be_written_is_told_and_leaves_nothing(room: Room, tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(AlignError, match="E-WRITE"):
        backup(room.store, tmp_path / "folder")
    assert list((tmp_path / "folder").iterdir()) == []


def sort(found: dict[str, list[dict[str, object]]]) -> dict[str, list[str]]:
    return {table: sorted(map(str, rows)) for table, rows in found.items()}


def secrets_of(room: Room) -> list[bytes]:
    """Everything in the open store that must be found nowhere once it is closed."""
    with room.store.reading() as connection:
        asked = ("select value from kept where name in ('link_key', 'code', 'facilitator')",
                 "select seat_hash from seats", "select answer_id from taken", 'select "row" from cleared')  # fmt: skip
        found = [
            str(text).strip('"').encode() for query in asked for text in connection.execute(sa.text(query)).scalars()
        ]
    assert len(found) > 60
    return [*found, b"written by one"]


def test_s36_after_the_end_no_key_seat_or_withdrawn_answer_is_left_in_any_byte(
    attended: tuple[Room, list[str]], file: Path
) -> None:
    room, _ = attended
    room.save(room.join(CODE, "sales"), [given("asset_1", "a word that was taken back", "sorting")])
    room.save(KEY, [given("asset_1", "", "sorting")])
    gone = [*secrets_of(room), b"a word that was taken back"]
    assert all(secret in bytes_of(file) for secret in gone[:5]), "the test looks where they were"
    before = sort(answers(room.store))
    said = close_store(room.store)
    assert [secret for secret in gone if secret in bytes_of(file)] == []
    assert b"agreed by all" in bytes_of(file) and sort(answers(room.store)) == before
    assert said["destroyed"][:2] == ["3 secrets", "3 seats"] and len(said["proved"]) == 3
    assert all(re.match(r"None of \d+ values is among", line) for line in said["proved"]) and said["left"]
    assert Path(f"{file}-wal").stat().st_size == 0


def test_a_second_end_does_no_harm_and_a_store_that_was_never_opened_can_be_closed(
    attended: tuple[Room, list[str]], tmp_path: Path
) -> None:
    room, _ = attended
    close_store(room.store)
    before = sort(answers(room.store))
    assert close_store(room.store)["destroyed"] == ["nothing: it was closed before"]
    assert sort(answers(room.store)) == before
    empty = open_store(tmp_path / "empty.sqlite")
    close_store(empty)
    assert Room(empty).state()["phase"] == "closed"


@pytest.mark.usefixtures("attended")
def test_an_end_whose_proof_fails_is_told(file: Path) -> None:
    """Another program reads the file all the while: the log cannot be emptied, so nothing is claimed."""
    holder = sqlite3.connect(file)
    holder.execute("begin")
    holder.execute("select count(*) from responses").fetchone()
    fast = Store(file)
    with fast.engine.connect() as connection:
        connection.exec_driver_sql("pragma busy_timeout=50")
    with pytest.raises(AlignError, match="can still be read"):
        close_store(fast)
    holder.close()
    close_store(fast)
    assert Room(fast).state()["phase"] == "closed"
