"""The desk: one process that every kernel asks. What it acknowledged is kept, whatever ends in between."""

import contextlib
import json
import os
import platform
import random
import re
import signal
import socket
import stat
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))
from postgres_server import OWNER, PASSWORD, Server, started
from rooms import CODE, ITEMS, KEY, PAGES, given, opened, saved

from alignlib.errors import AlignError
from alignlib.workshop import seat as seat_module
from alignlib.workshop import turn
from alignlib.workshop.desk import LINE, answer, listen, serve
from alignlib.workshop.room import Room
from alignlib.workshop.seat import ADDRESS, TOKEN, Desk, seat
from alignlib.workshop.store import answers, close_store, open_store
from alignlib.workshop.turn import begin_anew, held

SECRET = "the-secret-of-the-server"
PAGES_JSON = {form: asdict(page) for form, page in PAGES.items()}
linux = pytest.mark.skipif(sys.platform != "linux", reason="sockets and signals of Linux")


class Process:
    """A desk as a process of its own, which can be killed and started again in its place."""

    def __init__(self, folder: Path, store: str = "") -> None:
        self.given = {
            "store": store or str(folder / "workshop.sqlite"),
            "socket": str(folder / "desk"),
            "secret": SECRET,
        }
        self.start()

    def start(self) -> None:
        command = [sys.executable, "-P", "-m", "alignlib.workshop.desk"]
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self.process.stdin and self.process.stdout
        self.process.stdin.write(json.dumps(self.given) + "\n")
        self.process.stdin.flush()
        self.said = json.loads(self.process.stdout.readline())
        self.address = self.said.get("address", "")

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.communicate()

    def end(self) -> None:
        with contextlib.suppress(OSError):
            self.process.communicate(timeout=30)  # closes its input
        if self.process.poll() is None:
            self.kill()

    def ask(self, do: str, **more: Any) -> Any:
        return Desk(self.address).ask(do, secret=SECRET, **more)


@pytest.fixture
def desk(tmp_path: Path) -> Iterator[Process]:
    running = Process(tmp_path)
    running.ask("open", pages=PAGES_JSON, seats=100, code=CODE, facilitator=KEY)
    yield running
    running.end()


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return opened(open_store(tmp_path / "workshop.sqlite"))


def begin(room: Room, listening: socket.socket) -> None:
    threading.Thread(target=serve, args=(room, listening, SECRET, threading.Lock()), daemon=True).start()


@contextlib.contextmanager
def served(room: Room, where: str) -> Iterator[str]:
    """A desk in this process; its address."""
    listening, address = listen(where)
    begin(room, listening)
    yield address


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(AlignError) as refused:
        act()
    return refused.value.problems[0].code


# --- one line in, one line back ---------------------------------------------------------------------------------------


def reply(room: Room, request: Any) -> dict[str, Any]:
    line = request if isinstance(request, bytes) else json.dumps(request).encode()
    said = answer(room, line, SECRET)
    assert said.endswith(b"\n") and said.count(b"\n") == 1
    found: dict[str, Any] = json.loads(said)
    return found


def test_all_that_the_room_can_do_is_asked_by_name_and_answered_in_json(room: Room) -> None:
    token = reply(room, {"do": "join", "code": CODE, "team": "sales", "role": None, "secret": SECRET})["ok"]
    held = reply(room, {"do": "who", "token": token, "secret": SECRET})["ok"]
    assert (held["team"], held["is_facilitator"], len(held["respondent"])) == ("sales", False, 16)
    assert reply(room, {"do": "who", "token": "x", "secret": SECRET}) == {"ok": None}
    one = given("goal_1", "4")
    assert reply(room, {"do": "save", "token": token, "answers": [one]}) == {
        "ok": {"saved": [one["id"]], "refused": []}
    }
    assert reply(room, {"do": "mine", "token": token, "form": "survey"}) == {"ok": {"goal_1": "4"}}
    assert reply(room, {"do": "page", "token": token, "form": "focus"})["ok"]["title"] == "The form focus"
    assert reply(room, {"do": "state"})["ok"] == reply(room, {"do": "state", "token": token})["ok"]
    led = [("show_form", {"form": "focus"}), ("timer", {"seconds": 5}), ("reopen", {"form": "survey"}),
           ("reveal", {"form": "survey", "result_json": {"a": [1]}}), ("release", {"form": "survey"}),
           ("counts", {"form": "survey"}), ("reset", {"form": "survey"}), ("undo", {}), ("answers", {}),
           ("close", {})]  # fmt: skip
    assert all("ok" in reply(room, {"do": do, "token": KEY, **more}) for do, more in led)
    assert reply(room, {"do": "leave", "token": token})["error"]["code"] == "E-CLOSED"


def test_a_kernel_asks_for_no_seat_and_not_whose_a_token_is(room: Room) -> None:
    token = room.join(CODE, "sales")
    asked = [{"do": "who", "token": token}, {"do": "join", "code": CODE, "team": "sales", "role": None},
             {"do": "open", "pages": PAGES_JSON, "seats": 9, "code": "x", "facilitator": token}]  # fmt: skip
    for request in asked:
        for wrong in ({}, {"secret": ""}, {"secret": token}, {"secret": None}, {"secret": SECRET + "x"}):
            assert reply(room, request | wrong)["error"]["code"] == "E-SEAT"
        assert "error" not in reply(room, request | {"secret": SECRET})


def test_a_seat_reaches_nothing_that_others_answered(room: Room) -> None:
    """S30: whatever a participant's kernel asks with its own token, another's answers are in no reply."""
    anna, ben = room.join(CODE, "sales"), room.join(CODE, "marketing")
    saved(room, anna, given("estimate", "173"), given("label_1", "mql", "stages"))
    kept = [answers(room.store)["responses"][0]["respondent_id"], anna, "173", '"mql"']
    for do, more in {
        **{key: {"form": "survey"} for key in ("mine", "counts", "release", "reset", "show_form", "reopen")},
        **{key: {} for key in ("answers", "undo", "close", "state")},
        "timer": {"seconds": 1},
        "reveal": {"form": "survey", "result_json": {}},
    }.items():
        said = reply(room, {"do": do, "token": ben, **more})
        assert ("ok" in said) == (do in ("mine", "state")) and not any(text in json.dumps(said) for text in kept)
    assert reply(room, {"do": "mine", "token": ben, "form": "stages"}) == {"ok": {}}
    assert room.mine(anna, "survey") == {"estimate": "173"}


@pytest.mark.parametrize(
    "request_",
    [
        b"", b"{", b"\xff\xfe", b"[]", b"null", b"7", b'"save"', b"[" * 100_000, b'{"do": "save"}', b"NaN",
        {"do": "store"}, {"do": "__class__"}, {"do": "_leading", "token": KEY}, {"do": ["save"]}, {"do": None},
        {"do": "save", "token": KEY}, {"do": "save", "token": KEY, "answers": {}},
        {"do": "save", "token": 7, "answers": []},
        {"do": "mine", "token": KEY, "form": "survey", "store": "x"}, {"do": "timer", "token": KEY, "seconds": "5"},
        {"do": "timer", "token": KEY, "seconds": 1e400}, {"do": "mine", "token": "\ud800", "form": "survey"},
        {"do": "mine", "token": KEY, "form": "\ud800"}, {"do": "mine", "token": KEY, "form": "a\0b"},
        {"do": "open", "secret": SECRET, "pages": {"a": {}}, "seats": 1, "code": "", "facilitator": ""},
        {"do": "open", "secret": SECRET, "pages": {}, "seats": 1, "code": "", "facilitator": ""},
        {"do": "join", "secret": SECRET, "code": CODE, "team": "sales", "role": 7},
    ],
)  # fmt: skip
def test_a_line_that_cannot_be_done_gets_a_sentence_and_changes_nothing(room: Room, request_: Any) -> None:
    before = (room.state(), room.counts(KEY, "survey"))
    error = reply(room, request_)["error"]
    assert error["code"] in ("E-VALUE", "E-SEAT", "E-FAULT", "E-STORE") and error["what"]
    assert KEY not in json.dumps(error) and SECRET not in json.dumps(error)
    assert (room.state(), room.counts(KEY, "survey")) == before


# --- over a socket ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("where", ["127.0.0.1:0", "socket"])
def test_a_connection_survives_bad_lines_and_is_answered_in_order(room: Room, tmp_path: Path, where: str) -> None:
    with served(room, where if ":" in where else str(tmp_path / where)) as address:
        desk = Desk(address)
        with desk._connect() as connection:
            connection.sendall(b"{\n" + b'{"do": "state"}\n' + b"7\n" + b'{"do": "st')
            connection.sendall(b'ate"}\n')
            lines = connection.makefile()
            said = [json.loads(lines.readline()) for _ in range(4)]
        assert ["ok" in each for each in said] == [False, True, False, True]
        assert desk.ask("state")["form"] == "survey"


def test_a_line_without_an_end_is_refused_and_others_are_served_meanwhile(room: Room, tmp_path: Path) -> None:
    with served(room, str(tmp_path / "desk")) as address:
        with Desk(address)._connect() as connection:
            sender = threading.Thread(target=lambda: _pour(connection, LINE + (1 << 17)))
            sender.start()
            assert Desk(address).ask("state")["form"] == "survey"
            assert b"too long" in connection.makefile("rb").readline()
            sender.join(10)
        assert Desk(address).ask("state")["form"] == "survey"


def _pour(connection: socket.socket, size: int) -> None:
    with contextlib.suppress(OSError):
        connection.sendall(b"x" * size)


def test_who_never_reads_its_answers_holds_nobody_up(room: Room, tmp_path: Path) -> None:
    big = {"text": "x" * 300_000}
    room.reveal(KEY, "survey", big)
    request = json.dumps({"do": "release", "token": KEY, "form": "survey"}).encode() + b"\n"
    with served(room, str(tmp_path / "desk")) as address:
        deaf = [Desk(address)._connect() for _ in range(3)]
        for each in deaf:
            each.sendall(request * 5)
        assert Desk(address).ask("release", token=KEY, form="survey") == big
        lines = deaf[0].makefile()
        assert [json.loads(lines.readline())["ok"] for _ in range(5)] == [big] * 5
        for each in deaf:
            each.close()


def test_what_a_kernel_gave_up_is_not_done_after_its_correction(room: Room, tmp_path: Path) -> None:
    """The desk stands still; a page gives up, corrects, and asks anew: what it gave up is never done."""
    token, old, new = room.join(CODE, "sales"), given("goal_1", "1"), given("goal_1", "5")
    listening, address = listen(str(tmp_path / "desk"))
    impatient = Desk(address, seconds=0.2)
    assert code_of(lambda: impatient.ask("save", token=token, answers=[old])) == "E-STORE"
    begin(room, listening)
    impatient.seconds = 10
    assert impatient.ask("save", token=token, answers=[new])["saved"] == [new["id"]]
    assert room.mine(token, "survey") == {"goal_1": "5"}
    with room.store.reading() as connection:
        assert connection.exec_driver_sql("select answer_id from taken").scalars().all() == [new["id"]]


def test_a_desk_that_is_away_is_told_in_time_and_without_what_was_asked(tmp_path: Path) -> None:
    began = time.monotonic()
    with pytest.raises(AlignError) as refused:
        Desk(str(tmp_path / "nobody")).ask("save", token="a-token", answers=[given("goal_1", "4")])
    assert refused.value.problems[0].code == "E-STORE" and time.monotonic() - began < 5
    assert "a-token" not in str(refused.value) and "goal_1" not in str(refused.value)


# --- a kernel's seat --------------------------------------------------------------------------------------------------


def test_a_kernel_of_the_server_takes_its_token_out_of_the_environment(
    room: Room, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    token = room.join(CODE, "sales")
    with served(room, str(tmp_path / "desk")) as address:
        monkeypatch.setenv(ADDRESS, address)
        monkeypatch.setenv(TOKEN, token)
        held = seat()
        assert TOKEN not in os.environ and seat() is held and not held.is_local
        assert held.ask("save", answers=[given("goal_1", "4")])["refused"] == []
        assert held.ask("mine", form="survey") == {"goal_1": "4"} and held.ask("state")["form"] == "survey"
        assert token not in repr(held) and len(held.public) == 12
        assert code_of(lambda: held.ask("who")) == code_of(lambda: held.ask("counts", form="survey")) == "E-SEAT"
        assert code_of(held.next_person) == "E-SEAT"
        seat_module._given.cache_clear()
        assert code_of(seat) == "E-SEAT"  # a page without a seat never gets a store of its own
    seat_module._given.cache_clear()


def test_in_a_notebook_one_person_after_another_answers_in_a_store_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv(ADDRESS, raising=False)
    anna = seat(store=str(tmp_path / "local.sqlite"))
    assert anna.is_local and anna.ask("state")["form"] == "survey-short"
    assert anna.ask("page", form="survey-short")["scope"] == "person"
    assert anna.ask("save", answers=[given("goal_1", "4", "survey-short")])["refused"] == []
    ben = anna.next_person("marketing", "staff")
    assert ben.public != anna.public and ben.ask("mine", form="survey-short") == {}
    ben.ask("save", answers=[given("goal_1", "2", "survey-short")])
    assert anna.ask("counts", form="survey-short", token=anna.facilitator)["joined"] == {"sales": 1, "marketing": 1}
    anna.ask("show_form", form="survey", token=ben.facilitator)
    assert ben.ask("state")["form"] == "survey"


# --- as a process -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("module", ["desk", "seat"])
def test_desk_and_seat_start_without_what_draws_and_counts(module: str) -> None:
    heavy = "{'pandas', 'duckdb', 'numpy', 'pyarrow', 'scipy', 'altair', 'ipywidgets', 'tornado'}"
    light = " | {'sqlalchemy', 'pydantic', 'yaml'}" if module == "seat" else ""
    asked = f"import sys, alignlib.workshop.{module}; print(sorted(({heavy}{light}) & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-P", "-c", asked], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


@linux
def test_the_desk_ends_when_its_input_is_closed_and_not_by_an_interrupt(desk: Process) -> None:
    assert stat.S_IMODE(Path(desk.address).stat().st_mode) == 0o600
    desk.process.send_signal(signal.SIGINT)
    assert desk.ask("state")["form"] == "survey"
    out, _ = desk.process.communicate(timeout=30)
    assert (desk.process.returncode, out) == (0, "")


def test_a_desk_that_cannot_begin_says_why_in_one_line(tmp_path: Path) -> None:
    (tmp_path / "workshop.sqlite").write_bytes(b"this is no database")
    desk = Process(tmp_path)
    desk.end()
    assert desk.said["error"]["code"] == "E-STORE" and desk.process.returncode == 1


@linux
@pytest.mark.parametrize("round_", [0, *(pytest.param(at, marks=pytest.mark.faults) for at in (1, 2))])
def test_f19_f20_f21_every_acknowledged_answer_is_there_once_whatever_is_killed(tmp_path: Path, round_: int) -> None:
    """Eight kernels save thirty answers each while the desk is killed and started again, and again.

    Now and then a kernel loses its connection after the desk has been asked and before it has answered. Each asks until
    it is told; nobody is ever told that the database is locked.
    """
    desk, chance, ended = Process(tmp_path), random.Random(round_), threading.Event()
    desk.ask("open", pages=PAGES_JSON, seats=8, code=CODE, facilitator=KEY)
    tokens = [desk.ask("join", code=CODE, team=("sales", "marketing")[at % 2], role=None) for at in range(8)]
    told: list[dict[str, str]] = [{} for _ in tokens]
    met: list[str] = []
    kernels = [threading.Thread(target=_kernel, args=(desk.address, token, at, told[at], met, ended))
               for at, token in enumerate(tokens)]  # fmt: skip
    for kernel in kernels:
        kernel.start()
    for _ in range(2):
        time.sleep(chance.uniform(0.05, 0.6))
        desk.kill()
        desk.start()
    for kernel in kernels:
        kernel.join(120)
    ended.set()
    desk.end()
    rows = answers(open_store(tmp_path / "workshop.sqlite"))["responses"]
    assert len(rows) == len({(row["respondent_id"], row["item"]) for row in rows}) == 240
    room = Room(open_store(tmp_path / "workshop.sqlite"))
    assert [room.mine(token, "survey") for token in tokens] == told
    assert [len(each) for each in told] == [30] * 8
    assert set(met) <= {"E-STORE"}, "the desk was away if anybody noticed, and nothing else was wrong"


def _kernel(address: str, token: str, at: int, told: dict[str, str], met: list[str], ended: threading.Event) -> None:
    """One kernel: every answer under one id until it is acknowledged; every fifth time its connection is lost."""
    desk, chance = Desk(address), random.Random(at)
    for item in ITEMS:
        one = given(
            item, str(chance.randint(1, 5)), answer_id=f"{token[:8].replace('_', '-')}-{item}".replace("_", "-")
        )
        if chance.random() < 0.2:
            with contextlib.suppress(OSError), desk._connect() as lost:
                lost.sendall(json.dumps({"do": "save", "token": token, "answers": [one]}).encode() + b"\n")
                lost.recv(1)  # it was done; the rest of the answer never arrives
        while not ended.is_set():
            try:
                assert desk.ask("save", token=token, answers=[one])["saved"] == [one["id"]]
            except AlignError as error:
                met.append(error.problems[0].code if "lock" not in str(error) else "locked")
                time.sleep(0.05)
                continue
            told[item] = one["value"]
            break


# --- PostgreSQL -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def postgres() -> Iterator[Server]:
    with started() as running:
        yield running


@pytest.fixture
def database(postgres: Server, monkeypatch: pytest.MonkeyPatch) -> str:
    """The address of an empty database, with its user and password in the environment."""
    postgres.admin("drop schema if exists alignlib_workshop cascade")
    monkeypatch.setenv("ALIGNLIB_DB_USER", "postgres")
    monkeypatch.setenv("ALIGNLIB_DB_PASSWORD", PASSWORD)
    return postgres.address


def test_a_workshop_in_postgresql_is_the_same_to_its_end(database: str, postgres: Server) -> None:
    room = opened(open_store(database))
    tokens = [room.join(CODE, team) for team in ("sales", "marketing")]
    for token in tokens:
        first = given("goal_1", "4")
        saved(room, token, first, given("goal_2", "cannot_say"), given("asset_1", "keep", "sorting"))
        saved(room, token, given("goal_1", "2"))
        saved(room, token, first)
    room.reset(KEY, "sorting")
    assert room.undo(KEY) == 1 and room.counts(KEY, "survey")["answered"] == {"sales": 1, "marketing": 1}
    assert Room(open_store(database)).mine(tokens[0], "survey") == {"goal_1": "2", "goal_2": "cannot_say"}
    before = answers(room.store)
    assert "beyond" not in close_store(room.store)["proved"][0]
    after = answers(room.store)
    assert {k: sorted(map(str, v)) for k, v in after.items()} == {k: sorted(map(str, v)) for k, v in before.items()}
    with room.store.reading() as connection:
        for table, n in {"seats": 0, "taken": 0, "cleared": 0, "responses": 4}.items():
            assert connection.exec_driver_sql(f"select count(*) from {table}").scalar() == n
        names = set(connection.exec_driver_sql("select name from kept").scalars())
    assert not {"link_key", "code", "facilitator"} & names
    assert code_of(lambda: room.join(CODE, "sales")) == "E-CLOSED"
    room.store.engine.dispose()


def test_in_postgresql_the_next_workshop_begins_in_a_schema_of_its_own(database: str, postgres: Server) -> None:
    names = [f"alignlib_workshop-{date.today()}", f"alignlib_workshop-{date.today()}-2"]
    postgres.admin(*(f'drop schema if exists "{name}" cascade' for name in names))
    room = opened(open_store(database))
    for name, value in zip(names, ("4", "2"), strict=True):
        saved(room, room.join(CODE, "sales"), given("goal_1", value))
        room.close(KEY)
        assert begin_anew(room.store) == f"the schema {name} of the database"
        assert answers(room.store) == {"responses": [], "entries": []}
        room.open(PAGES, 9, CODE, KEY)
    with room.store.reading() as connection:
        asked = [f'select answer from "{name}".responses' for name in names]
        assert [connection.exec_driver_sql(each).scalar() for each in asked] == [4.0, 2.0]
    room.store.engine.dispose()


def test_in_postgresql_a_second_command_is_told_who_has_the_workshop_also_after_the_line_was_cut(
    database: str, postgres: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(turn, "SECONDS", 0.5)
    desk = Process(tmp_path, database)
    desk.ask("open", pages=PAGES_JSON, seats=9, code=CODE, facilitator=KEY)
    who = re.escape(f"(alignlib on {platform.node()}) has this workshop open")
    with pytest.raises(AlignError, match=f"{who}.*E-LOCKED"):
        held(open_store(database)).__enter__()
    postgres.admin(
        "select pg_terminate_backend(pid) from pg_stat_activity where pid <> pg_backend_pid() and usename is not null"
    )
    assert desk.ask("join", code=CODE, team="sales", role=None)
    with pytest.raises(AlignError, match=who):
        held(open_store(database)).__enter__()
    desk.kill()
    with held(store := open_store(database)):
        assert Room(store).state()["phase"] == "answering"
    store.engine.dispose()


def test_a_store_of_another_kit_and_a_wrong_password_are_refused_without_a_secret(
    database: str, postgres: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    open_store(database).engine.dispose()
    postgres.admin("update alignlib_workshop.kept set value = '4' where name = 'schema'")
    with pytest.raises(AlignError, match="another kit"):
        open_store(database)
    monkeypatch.setenv("ALIGNLIB_DB_PASSWORD", "wrong-canary-1")
    with pytest.raises(AlignError) as refused:
        open_store(database)
    assert refused.value.problems[0].code == "E-STORE"
    assert not any(word in str(refused.value) for word in ("canary", "127.0.0.1", str(postgres.port)))


def test_f22_postgresql_may_stop_and_start_and_nothing_acknowledged_is_lost(
    database: str, postgres: Server, tmp_path: Path
) -> None:
    desk = Process(tmp_path, database)
    desk.ask("open", pages=PAGES_JSON, seats=9, code=CODE, facilitator=KEY)
    token, asks = desk.ask("join", code=CODE, team="sales", role=None), Desk(desk.address)
    one, two = given("goal_1", "4"), given("goal_2", "5")
    assert asks.ask("save", token=token, answers=[one])["saved"]
    postgres.process.send_signal(signal.SIGINT)  # at once, whoever is connected
    postgres.process.wait(60)
    assert code_of(lambda: asks.ask("save", token=token, answers=[two])) == "E-STORE"
    assert desk.process.poll() is None
    postgres.process = subprocess.Popen(postgres.process.args, cwd="/", stderr=subprocess.DEVNULL, **OWNER)
    for _ in range(100):
        with contextlib.suppress(AlignError):
            assert asks.ask("save", token=token, answers=[two, one])["saved"] == [two["id"], one["id"]]
            break
        time.sleep(0.2)
    assert asks.ask("mine", token=token, form="survey") == {"goal_1": "4", "goal_2": "5"}
    desk.end()
    assert desk.process.returncode == 0
