"""The answer store: what it acknowledged is there once, and what it cannot trust it refuses in a sentence."""

import os
import signal
import sqlite3
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import date
from pathlib import Path

import pytest

from alignlib.errors import AlignError
from alignlib.workshop.store import Answer, Store, open_store, responses, save_answers, tables_of

ANNA = Answer("p1", "sales", "goal_1", 4)

# Saves one answer after another and prints each id only once the store has acknowledged it.
WRITER = """
import sys
from pathlib import Path
from alignlib.workshop.store import Answer, open_store, save_answers
store = open_store(Path(sys.argv[1]))
for i in range(int(sys.argv[3])):
    answer = Answer(sys.argv[2], "sales", f"item_{i}", 1 + i % 5)
    save_answers(store, [answer])
    print(answer.answer_id, answer.item, answer.answer, flush=True)
"""


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "private" / "answers.sqlite")


def start_writer(file: Path, person: str, n: int) -> "subprocess.Popen[str]":
    return subprocess.Popen([sys.executable, "-c", WRITER, file, person, str(n)], stdout=subprocess.PIPE, text=True)


def test_an_answer_is_found_again_with_the_day_and_nothing_finer(store: Store) -> None:
    assert save_answers(store, [ANNA]) == 1
    assert responses(open_store(store.path)) == [ANNA]
    assert type(responses(store)[0].day) is date
    with sqlite3.connect(store.path) as connection:
        assert connection.execute("select day from responses").fetchall() == [(ANNA.day.isoformat(),)]


def test_a_later_answer_to_the_same_item_replaces_the_earlier_one(store: Store) -> None:
    later = Answer("p1", "sales", "goal_1", 2)
    save_answers(store, [ANNA])
    save_answers(store, [later])
    assert responses(store) == [later]


def test_another_wave_another_item_and_another_person_replace_nothing(store: Store) -> None:
    save_answers(store, [ANNA, Answer("p1", "sales", "goal_1", 1, wave="2"), Answer("p1", "sales", "goal_2", 1)])
    save_answers(store, [Answer("p2", "sales", "goal_1", 1)])
    assert len(responses(store)) == 4


def test_a_repeated_save_counts_once(store: Store) -> None:
    for _ in range(3):
        save_answers(store, [ANNA])
    save_answers(store, [replace(ANNA, day=date(2026, 1, 1))])  # retried after midnight
    assert responses(store) == [ANNA]


def test_a_late_retry_does_not_undo_a_correction(store: Store) -> None:
    later = Answer("p1", "sales", "goal_1", 2)
    for answer in (ANNA, later, ANNA):
        save_answers(store, [answer])
    assert responses(store) == [later]


def test_one_id_with_two_different_answers_is_refused(store: Store) -> None:
    save_answers(store, [ANNA])
    with pytest.raises(AlignError, match="two different answers"):
        save_answers(store, [replace(ANNA, answer=5)])
    assert responses(store) == [ANNA]


@pytest.mark.parametrize(
    ("bad", "code"),
    [
        (replace(ANNA, answer=6), "E-SCALE"),
        (replace(ANNA, answer=None), "E-SCALE"),
        (replace(ANNA, cannot_say=True), "E-SCALE"),
        (replace(ANNA, team="finance"), "E-TEAM"),
        (replace(ANNA, role="boss"), "E-VALUE"),
        (replace(ANNA, respondent_id=""), "E-VALUE"),
    ],
)
def test_of_a_batch_with_one_bad_answer_nothing_is_saved(store: Store, bad: Answer, code: str) -> None:
    with pytest.raises(AlignError) as refused:
        save_answers(store, [Answer("p2", "sales", "goal_1", 1), bad])
    assert [problem.code for problem in refused.value.problems] == [code]
    assert responses(store) == []


def test_text_that_looks_like_sql_is_only_text(store: Store) -> None:
    nasty = Answer("p1'); drop table responses; --", "sales", "goal_1' or '1'='1", 4)
    save_answers(store, [nasty])
    assert responses(store) == [nasty]


def test_the_file_and_a_folder_made_for_it_are_their_owners_alone(store: Store) -> None:
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600
    assert stat.S_IMODE(store.path.parent.stat().st_mode) == 0o700


def test_a_folder_that_was_there_keeps_its_mode(tmp_path: Path) -> None:
    tmp_path.chmod(0o755)
    store = open_store(tmp_path / "answers.sqlite")
    assert stat.S_IMODE(tmp_path.stat().st_mode) == 0o755
    assert stat.S_IMODE(store.path.stat().st_mode) == 0o600


def test_without_a_path_each_store_is_a_fresh_one() -> None:
    one, two = open_store(), open_store()
    save_answers(one, [ANNA])
    assert responses(two) == []
    assert stat.S_IMODE(one.path.parent.stat().st_mode) == 0o700


def test_answers_are_flushed_to_disk_and_writers_wait_for_their_turn(store: Store) -> None:
    with store.engine.connect() as connection:
        settings = {
            name: connection.exec_driver_sql(f"pragma {name}").scalar_one()
            for name in ("journal_mode", "synchronous", "busy_timeout", "foreign_keys")
        }
    assert settings == {"journal_mode": "wal", "synchronous": 2, "busy_timeout": 30_000, "foreign_keys": 1}


def test_the_order_of_rows_tells_nothing_about_time(store: Store) -> None:
    for i in range(30):
        save_answers(store, [Answer(f"p{i:02d}", "sales", "goal_1", 3)])
    people = [answer.respondent_id for answer in responses(store)]
    assert people != sorted(people)
    with sqlite3.connect(store.path) as connection, pytest.raises(sqlite3.OperationalError, match="rowid"):
        connection.execute("select rowid from responses")


def test_a_damaged_file_is_refused_and_left_as_it_was(tmp_path: Path) -> None:
    file = tmp_path / "answers.sqlite"
    file.write_bytes(b"this is no database, " * 400)
    before = file.read_bytes()
    with pytest.raises(AlignError, match=r"answers\.sqlite: .*not a database.*\[E-STORE\]"):
        open_store(file)
    assert file.read_bytes() == before


def test_a_store_with_a_torn_page_is_refused(store: Store) -> None:
    save_answers(store, [Answer(f"p{i}", "sales", "goal_1", 3) for i in range(200)])
    with store.path.open("r+b") as handle:
        handle.seek(2 * 4096)
        handle.write(b"\xff" * 4096)
    with pytest.raises(AlignError, match="E-STORE"):
        open_store(store.path)


@pytest.mark.parametrize(
    ("setting", "says"), [("user_version=2", "another kit"), ("application_id=7", "no answer store")]
)
def test_a_newer_store_and_another_program_s_file_are_refused(store: Store, setting: str, says: str) -> None:
    with sqlite3.connect(store.path) as connection:
        connection.execute(f"pragma {setting}")
    with pytest.raises(AlignError, match=says):
        open_store(store.path)


def test_an_empty_file_is_no_answer_store(tmp_path: Path) -> None:
    (tmp_path / "answers.sqlite").touch()
    with pytest.raises(AlignError, match="no answer store"):
        open_store(tmp_path / "answers.sqlite")


def test_nothing_is_acknowledged_when_the_file_is_gone(store: Store) -> None:
    store.path.unlink()
    with pytest.raises(AlignError, match="could not be saved"):
        save_answers(store, [ANNA])
    assert not store.path.exists()


def test_every_answer_acknowledged_before_a_kill_is_there_once(store: Store) -> None:
    """kill -9 in the middle of a stream of saves, three times at different points."""
    acknowledged: dict[str, tuple[str, int]] = {}
    for n in (1, 7, 23):
        writer = start_writer(store.path, f"p{n}", 10_000)
        assert writer.stdout is not None
        lines = [writer.stdout.readline() for _ in range(n)]
        os.kill(writer.pid, signal.SIGKILL)
        rest = writer.communicate(timeout=30)[0]
        assert writer.returncode == -signal.SIGKILL
        for line in (*lines, *rest.splitlines()):
            answer_id, item, answer = line.split()
            acknowledged[answer_id] = (item, int(answer))
    assert len(acknowledged) >= 31
    kept = {answer.answer_id: (answer.item, answer.answer) for answer in responses(open_store(store.path))}
    assert {i: kept.get(i) for i in acknowledged} == acknowledged
    assert len(kept) - len(acknowledged) <= 3  # on disk but killed before it could say so, once at most each time


def test_processes_that_start_at_once_share_one_store_and_lose_nothing(tmp_path: Path) -> None:
    """Six processes, two of them for each person: every save is acknowledged, and of two answers one stays."""
    file = tmp_path / "private" / "answers.sqlite"
    writers = [start_writer(file, f"p{i % 3}", 10) for i in range(6)]
    said = [writer.communicate(timeout=120)[0].split("\n")[:-1] for writer in writers]
    assert [writer.returncode for writer in writers] == [0] * 6
    acknowledged = {line.split()[0] for lines in said for line in lines}
    kept = responses(open_store(file))
    assert len(acknowledged) == 60
    assert len({(answer.respondent_id, answer.item) for answer in kept}) == len(kept) == 30
    assert {answer.answer_id for answer in kept} <= acknowledged
    assert [path.name for path in file.parent.iterdir() if path.name.startswith(".tmp-")] == []


def test_when_saving_stops_half_way_nothing_of_the_batch_is_kept(store: Store) -> None:
    save_answers(store, [ANNA])
    with pytest.raises(AlignError, match="two different answers"):
        save_answers(store, [Answer("p1", "sales", "goal_2", 1), replace(ANNA, answer=5)])
    assert responses(store) == [ANNA]


def test_threads_of_one_process_save_side_by_side(store: Store) -> None:
    with ThreadPoolExecutor(8) as pool:
        saved = pool.map(lambda i: save_answers(store, [Answer(f"p{i}", "marketing", "goal_1", 3)]), range(40))
        assert sum(saved) == 40
    assert len(responses(store)) == 40


def test_the_table_for_the_diagnostic_holds_the_answers_and_can_read_nothing_else(store: Store) -> None:
    save_answers(store, [ANNA, Answer("p2", "marketing", "goal_1", None, cannot_say=True)])
    tables = tables_of(store)
    rows = tables.connection.execute(
        "select respondent_id, team, role, wave, item, answer, cannot_say, file, record from responses order by 1"
    ).fetchall()
    assert rows == [
        ("p1", "sales", None, None, "goal_1", 4.0, False, "answers.sqlite", None),
        ("p2", "marketing", None, None, "goal_1", None, True, "answers.sqlite", None),
    ]
    assert tables.has("responses") and all(count.balances for count in tables.row_counts)
    with pytest.raises(Exception, match="disabled"):
        tables.query("select * from read_text($file)", {"file": str(store.path)})


def test_an_empty_store_delivers_no_responses(store: Store) -> None:
    assert not tables_of(store).has("responses")
