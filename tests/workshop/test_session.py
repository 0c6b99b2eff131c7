"""Does a workshop start only where it may, survive what dies in it, and leave nothing behind when it ends?"""

import asyncio
import contextlib
import json
import os
import random
import shutil
import signal
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from tornado.httpclient import AsyncHTTPClient
from tornado.simple_httpclient import HTTPStreamClosedError

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
from participants import (
    ALL_AT_ONCE,
    COMMAND,
    Participant,
    Workshop,
    ask,
    join,
    kept,
    open_form,
    take_seat,
    told,
    words_of,
)
from rooms import CODE, ITEMS, KEY, PAGES
from watching import holds, is_there

from alignlib.engagement import read_engagement
from alignlib.errors import AlignError
from alignlib.runs.processes import tree, unfit
from alignlib.workshop import session
from alignlib.workshop.pages import pages
from alignlib.workshop.seat import Desk
from alignlib.workshop.session import Place, check
from alignlib.workshop.store import answers, open_store
from alignlib.workshop.tables import take_in

VALUES = ("1", "2", "3", "4", "5", "cannot_say")


@pytest.fixture
def opened(written: Callable[[bool], Path], tmp_path: Path) -> Iterator[Callable[..., Workshop]]:
    """Opens the sample company's workshop in a folder of its own; whatever is left of it is ended."""
    AsyncHTTPClient.configure(ALL_AT_ONCE[0], **ALL_AT_ONCE[1])
    started: list[Workshop] = []

    def start(*more: str, seats: int = 16, environment: dict[str, str] | None = None) -> Workshop:
        folder = tmp_path / "engagement"
        if not folder.exists():
            shutil.copytree(written(True), folder)
        started.append(Workshop(folder, *more, seats=seats, environment=environment))
        return started[-1]

    yield start
    for each in started:
        each.end(signal.SIGKILL)


def all_gone(pids: set[int]) -> bool:
    return holds(lambda: not any(map(is_there, pids)))


FILES = ("cert.pem", "key.pem")


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1", "0.0.0.0", "192.168.1.7", "::", "workshop.example"])
@pytest.mark.parametrize("guard", ["", "tls", "proxy", "cert alone", "key alone", "no such file"])
def test_S26_what_others_can_reach_starts_behind_tls_alone(tmp_path: Path, host: str, guard: str) -> None:
    cert, key = (str(tmp_path / name) for name in FILES)
    for name in FILES:
        (tmp_path / name).touch()
    place = {
        "tls": Place(host, cert=cert, key=key), "proxy": Place(host, behind_proxy="https://workshop.example"),
        "cert alone": Place(host, cert=cert), "key alone": Place(host, key=key),
        "no such file": Place(host, cert=cert, key=key + "x"), "": Place(host),
    }[guard]  # fmt: skip
    is_own = host in ("127.0.0.1", "localhost", "::1")
    can_be_typed = host not in ("0.0.0.0", "::")
    if guard == "proxy" or (guard == "tls" and can_be_typed) or (is_own and not guard):
        check(place)
        return
    with pytest.raises(AlignError) as refused:
        check(place)
    assert {problem.code for problem in refused.value.problems} == {"E-USE"}


@pytest.mark.parametrize(
    ("given", "says"),
    [(["--host", "0.0.0.0"], "0.0.0.0"), (["--cert", "cert.pem"], "needs its key")],
)  # fmt: skip
def test_S26_the_command_refuses_before_anything_starts(
    written: Callable[[bool], Path], tmp_path: Path, given: list[str], says: str
) -> None:
    (tmp_path / "cert.pem").touch()
    folder = shutil.copytree(written(True), tmp_path / "engagement")
    command = [COMMAND, "workshop", str(folder), "--port", "0", *given]
    ended = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=120)
    assert ended.returncode == 2 and says in ended.stderr and "Traceback" not in ended.stderr
    assert "/wall" not in ended.stdout and not (folder / "private").exists()


@pytest.mark.faults
@pytest.mark.skipif(not shutil.which("openssl"), reason="no openssl to make a certificate with")
def test_S26_with_a_certificate_pages_and_websockets_come_over_tls(
    opened: Callable[..., Workshop], tmp_path: Path
) -> None:
    cert, key = (str(tmp_path / name) for name in FILES)
    subprocess.run(["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes",
                    "-days", "2", "-subj", "/CN=127.0.0.1", "-keyout", key, "-out", cert],
                   check=True, capture_output=True)  # fmt: skip
    place = opened("--host", "127.0.0.1", "--cert", cert, "--key", key)
    assert place.address == f"https://127.0.0.1:{place.port}"

    async def visit() -> None:
        address = f"https://127.0.0.1:{place.port}"
        sitting = await join(address, place.code)
        cookies = sitting.headers.get_list("Set-Cookie")
        assert cookies and all("secure" in each.lower() for each in cookies)
        person = Participant(address, await take_seat(address, place.code))
        answer = person.answer("goal_1", "4")
        await person.deliver()
        assert kept(place.store) == {answer: ("goal_1", "4")}
        with pytest.raises((OSError, HTTPStreamClosedError)):  # nothing is said in the clear
            await ask(f"http://127.0.0.1:{place.port}/")
        everything = set(place.processes())
        assert len(everything) >= 5  # command, desk, server, warm process, kernel
        os.killpg(place.process.pid, signal.SIGINT)  # Ctrl-C, as a terminal sends it, while a page is open
        assert place.process.wait(60) == 0 and all_gone(everything)

    asyncio.run(visit())
    assert kept(place.store)


@pytest.mark.faults
def test_F19_a_command_that_was_killed_leaves_nothing_and_goes_on_when_it_is_started_again(
    opened: Callable[..., Workshop],
) -> None:
    place = opened()

    async def visit() -> None:
        people = [Participant(place.address, await take_seat(place.address, place.code)) for _ in range(3)]
        for person in people:
            person.answer("goal_1", "2")
            await person.deliver()
        everything = set(place.processes())
        assert len(everything) >= 5
        place.process.kill()
        assert all_gone(everything)
        with contextlib.closing(sqlite3.connect(place.store)) as connection:
            assert connection.execute("pragma integrity_check").fetchall() == [("ok",)]
        assert kept(place.store) == told(people)
        for person in people:
            person.answer("goal_1", "5")
            person.answer("goal_2", "3")
        again = await asyncio.to_thread(opened, "--port", place.port)
        assert again.address == place.address and again.code != place.code
        await asyncio.gather(*(person.deliver() for person in people))  # the seats of before still sit
        assert kept(place.store) == told(people) and len(told(people)) == 6
        assert (await join(place.address, place.code)).code == 403  # a code is of one evening
        everything = set(again.processes())
        assert await asyncio.to_thread(again.end, signal.SIGTERM) == 0
        assert all_gone(everything)

    asyncio.run(visit())
    assert "workshop" in repr(open_store(place.store))


async def rounds(place: Workshop, people: int, n_rounds: int, n_answers: int, chance: random.Random) -> set[int]:
    """People answer and correct while, once a round, a process is killed; which processes were there at any time?

    When it is killed is told by answers, not by seconds: after so many acknowledged ones, at random.
    """
    cookies = [await take_seat(place.address, place.code, ("sales", "marketing")[n % 2]) for n in range(people)]
    group = [Participant(place.address, cookie) for cookie in cookies]
    settings = read_engagement(place.store.parents[1])
    items = [item for item, question in pages(settings)["survey"].questions.items() if question.kind == "choice"][:12]
    seen, kinds = set(place.processes()), ["desk", "serve", "kernel"]

    async def take_part(person: Participant) -> None:
        left = n_answers
        while left:
            for _ in range(min(left, chance.randint(1, 3))):
                person.answer(chance.choice(items), chance.choice(VALUES))
                left -= 1
            await person.deliver()
            await asyncio.sleep(chance.uniform(0, 0.3))

    async def kill(kind: str, after: int) -> None:
        while sum(person.acknowledged for person in group) < after:
            await asyncio.sleep(0.01)
        seen.update(place.processes())
        pids = place.kernels() if kind == "kernel" else [place.one(kind)]
        os.kill(chance.choice(pids), signal.SIGKILL)

    for number in range(n_rounds):
        if number % len(kinds) == 0:
            chance.shuffle(kinds)
        before = sum(person.acknowledged for person in group)
        when = before + chance.randint(people, people * n_answers // 2)
        killing = asyncio.create_task(kill(kinds[number % len(kinds)], when))
        await asyncio.gather(*map(take_part, group))
        await killing
        await asyncio.to_thread(holds, lambda: place.one("desk") and place.one("serve"))
        assert not any(person.waiting for person in group)
        assert kept(place.store) == told(group), f"round {number}: {kinds[number % len(kinds)]}"
        assert (await ask(f"{place.address}/")).code == 200  # the same port
    for person in group:
        await person.close()
    return seen | set(place.processes())


@pytest.mark.parametrize(
    ("people", "n_rounds"),
    [pytest.param(12, 3, marks=pytest.mark.faults), pytest.param(60, 50, marks=pytest.mark.trust)],
)
def test_F19_what_was_acknowledged_is_kept_once_whatever_is_killed(
    opened: Callable[..., Workshop], people: int, n_rounds: int
) -> None:
    place = opened(seats=people)
    seen = asyncio.run(rounds(place, people, n_rounds, 10, random.Random(people)))
    assert place.end() == 0
    assert all_gone(seen)


@pytest.mark.faults
def test_ctrl_c_while_it_starts_ends_it_too(written: Callable[[bool], Path], tmp_path: Path) -> None:
    folder = shutil.copytree(written(True), tmp_path / "engagement")
    command = [COMMAND, "workshop", str(folder), "--port", "0"]
    process = subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        assert holds(lambda: any("workshop.desk" in words_of(pid) for pid in tree(process.pid)))
        everything = set(tree(process.pid))
        os.killpg(process.pid, signal.SIGINT)
        said, _ = process.communicate(timeout=60)
    finally:
        process.kill()
    assert process.returncode == 0 and "/wall" not in said
    assert all_gone(everything)


def reading_that(how: str) -> Any:
    """How reading the client's files may end when a signal comes: Python's own way, DuckDB's, or not at all."""

    def prepared(*_: Any) -> Any:
        try:
            signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            if how == "raises":
                raise
            if how == "of its own":
                raise RuntimeError("Query interrupted") from None
        return {}, []

    return prepared


@pytest.mark.parametrize("how", ["raises", "of its own", "swallowed"])
def test_ctrl_c_while_the_files_are_read_ends_it_in_a_sentence(
    written: Callable[[bool], Path],
    tmp_path: Path,
    how: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    folder = shutil.copytree(written(True), tmp_path / "engagement")
    monkeypatch.setattr(session, "_prepared", reading_that(how))
    before = {number: signal.getsignal(number) for number in session.ENDING}
    try:
        assert session.run(folder, Place(port=0), 5, "", pytest.fail) == 130
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
    assert capsys.readouterr().err == "Stopped while the client's files were read: nothing was opened.\n"
    assert not (folder / "private").exists()


def test_an_error_of_reading_that_no_signal_caused_is_not_taken_for_one(
    written: Callable[[bool], Path], monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: Any) -> Any:
        raise RuntimeError("of another cause")

    monkeypatch.setattr(session, "_prepared", broken)
    monkeypatch.setattr(session.signal, "signal", lambda *_: None)
    monkeypatch.setattr(session.signal, "getsignal", lambda _: signal.SIG_DFL)
    with pytest.raises(RuntimeError, match="of another cause"):
        session.run(written(True), Place(port=0), 5, "", pytest.fail)


@pytest.mark.faults
def test_ctrl_c_in_the_middle_of_the_files_leaves_nothing_behind(
    written: Callable[[bool], Path], short: Path, tmp_path: Path
) -> None:
    folder = shutil.copytree(written(True), tmp_path / "engagement")
    command, environment = [COMMAND, "workshop", str(folder), "--port", "0"], {**os.environ, "TMPDIR": str(short)}
    with subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert holds(lambda: any(short.glob("alignlib-*/*")))
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=60)
    assert process.returncode == 130 and said.startswith("Reading the client's files") and said.count("\n") == 1
    assert errors.count("\n") == 1 and "while the client's files were read" in errors
    assert list(short.iterdir()) == []


def test_a_machine_that_is_too_busy_is_told_what_to_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    slow = tmp_path / "slow"
    slow.write_text("#!/bin/sh\nexec sleep 600\n")
    slow.chmod(0o700)
    monkeypatch.setattr(session, "READY_SECONDS", 0.3)
    monkeypatch.setattr(session.sys, "executable", str(slow))
    opened = session.Session(Place(), "", "", 5, [])
    with pytest.raises(AlignError, match=r"too busy.*end other programs, then give the same command again"):
        session._start(opened, "serve", {})
    assert opened.running["serve"].wait(10) == -signal.SIGKILL


@pytest.fixture
def short() -> Iterator[Path]:
    """A folder for all that a command keeps for the time being: its name leaves room for a socket's."""
    with tempfile.TemporaryDirectory() as folder:
        yield Path(folder)


@pytest.mark.faults
def test_a_second_command_is_refused_and_a_killed_one_leaves_no_folder(
    opened: Callable[..., Workshop], short: Path
) -> None:
    place = opened(environment={**os.environ, "TMPDIR": str(short)})
    engagement = place.store.parents[1]
    second = subprocess.run([COMMAND, "workshop", str(engagement), "--port", "0"], capture_output=True, text=True)
    assert second.returncode == 3 and "another command has this workshop open" in second.stderr
    assert "/wall" not in second.stdout and "Traceback" not in second.stderr
    assert asyncio.run(take_seat(place.address, place.code))  # the code of the first still holds
    assert [path.name[:3] for path in short.iterdir()] == ["al-"]
    place.process.kill()
    assert holds(lambda: list(short.iterdir()) == [])


@pytest.mark.faults
def test_once_it_was_closed_the_same_command_begins_the_next(opened: Callable[..., Workshop]) -> None:
    first = opened()
    engagement = first.store.parents[1]

    async def visit(place: Workshop, value: str) -> str:
        person = Participant(place.address, await take_seat(place.address, place.code))
        person.answer("goal_1", value)
        await person.deliver()
        await person.close()
        return person.cookie

    cookie = asyncio.run(visit(first, "2"))
    store = open_store(first.store)
    take_in(engagement, answers(store), pages(read_engagement(engagement)))
    store.engine.dispose()
    assert first.end() == 0
    closed = subprocess.run([COMMAND, "workshop", "close", str(engagement)], capture_output=True, text=True)
    assert closed.returncode == 0 and f"To hold another one: alignlib workshop {engagement}" in closed.stdout
    second = opened()
    aside = f"workshop-{date.today()}"
    assert f"Its answers are kept in {aside}.sqlite" in second.said and f"data/{aside}-*.csv" in second.said
    assert asyncio.run(ask(f"{second.address}/form", cookie)).code == 303  # the seats of before are gone
    asyncio.run(visit(second, "5"))
    assert [item[1][1] for item in kept(second.store).items()] == ["5"]
    told = take_in(engagement, answers(open_store(second.store)), pages(read_engagement(engagement)))
    assert any("wave 3" in each for each in told)  # after the sample company's own survey and the first workshop
    out = engagement.parent / "out"
    command = [
        COMMAND,
        "workshop",
        "export",
        str(engagement),
        "--out",
        str(out),
        "--db",
        str(first.store.with_stem(aside)),
    ]
    assert subprocess.run(command, capture_output=True).returncode == 0
    assert "goal_1,2," in (out / "workshop-responses.csv").read_text(encoding="utf-8")


@pytest.mark.faults
def test_a_port_that_is_taken_is_named(written: Callable[[bool], Path], tmp_path: Path) -> None:
    import socket

    folder = shutil.copytree(written(True), tmp_path / "engagement")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = str(taken.getsockname()[1])
        command = [COMMAND, "workshop", str(folder), "--port", port]
        ended = subprocess.run(command, capture_output=True, text=True, timeout=240)
    assert ended.returncode == 2 and port in ended.stderr and "E-USE" in ended.stderr
    assert "Traceback" not in ended.stderr and "/wall" not in ended.stdout


QUICK = """
from alignlib.workshop import serve
configuration = serve.configuration
def quick(*given):
    config = configuration(*given)
    config.Kernels.update(cull_idle_timeout=3, cull_interval=1)
    return config
serve.configuration = quick
serve.main()
"""


@pytest.fixture
def quick(tmp_path: Path) -> Iterator[dict[str, Any]]:
    """A desk and a server that ends kernels after seconds, started as the command starts them."""
    secret, folder = "secret-of-the-server", tmp_path / "the engagement"
    folder.mkdir()
    given = {"store": str(folder / "room.sqlite"), "socket": str(tmp_path / "s"), "secret": secret}
    if len(given["socket"]) > 100:
        given["socket"] = "127.0.0.1:0"
    streams: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with contextlib.ExitStack() as stack:

        def start(command: list[str], config: dict[str, Any]) -> tuple[int, dict[str, Any]]:
            process = stack.enter_context(subprocess.Popen([sys.executable, "-P", *command], **streams))
            stack.callback(process.kill)
            assert process.stdin and process.stdout
            process.stdin.write(json.dumps(config) + "\n")
            process.stdin.flush()
            return process.pid, json.loads(process.stdout.readline())

        address = start(["-m", "alignlib.workshop.desk"], given)[1]["address"]
        asked = {name: asdict(page) for name, page in PAGES.items()}
        Desk(address).ask("open", secret=secret, pages=asked, seats=9, code=CODE, facilitator=KEY)
        about = {"title": "T", "notice": [], "language": "en"}
        server = {**Place(port=0)._asdict(), "desk": address, "secret": secret, "seats": 9, "hosts": [],
                  "about": about, "engagement": str(folder), "folder": str(tmp_path), "code": CODE}  # fmt: skip
        pid, said = start(["-c", QUICK], server)
        yield {"pid": pid, "address": f"http://127.0.0.1:{said['port']}", "never": [secret, str(folder), address]}


@pytest.mark.faults
@pytest.mark.skipif(bool(unfit()), reason=unfit())
def test_a_kernel_that_no_page_is_connected_to_goes_and_the_page_goes_on(quick: dict[str, Any]) -> None:
    def kernels() -> int:
        return len(tree(quick["pid"])) - 2  # beside the server and the warm process

    async def visit() -> None:
        cookie = await take_seat(quick["address"], CODE)
        person = Participant(quick["address"], cookie)
        person.answer(ITEMS[0], "4")
        await person.deliver()
        assert person.line and kernels() == 1
        for _ in range(4):
            await asyncio.sleep(2)  # longer than it takes to go
            await person.line.pong()
        assert kernels() == 1  # while a page is connected it stays
        first = person.line
        await person.close()
        assert await asyncio.to_thread(holds, lambda: kernels() == 0)
        person.line = line = await open_form(quick["address"], cookie)
        (state,) = [each["state"] for each in (await line.states()).values() if "mine" in each["state"]]
        assert state["mine"] == {ITEMS[0]: "4"}
        person.answer(ITEMS[0], "5")
        await person.deliver()
        everything = "".join([*first.heard, first.page, *line.heard, line.page])
        assert not [each for each in (*quick["never"], cookie.partition("=")[2], KEY) if each in everything]

    asyncio.run(visit())
