"""A fork of a warm process is as good as a new process, and leaves nothing behind."""

import errno
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from watching import SECONDS, holds, is_there

from alignlib.errors import AlignError
from alignlib.runs import warm as server
from alignlib.runs.kernels import Child, Warm
from alignlib.runs.processes import children, unfit

pytestmark = pytest.mark.skipif(bool(unfit()), reason=unfit())

DEEDS = str(Path(__file__).parent)
Pipe = tuple[int, int]


@pytest.fixture(autouse=True)
def found_by_forks(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([DEEDS, *filter(None, [os.environ.get("PYTHONPATH")])]))


@pytest.fixture
def warm() -> Iterator[Warm]:
    with Warm(["numpy.random"]) as process:
        yield process


@pytest.fixture
def pipe() -> Iterator[Pipe]:
    both = os.pipe()
    yield both
    for each in both:
        with suppress(OSError):
            os.close(each)


def do(warm: Warm, deed: str, given: dict[str, Any] | None = None, **more: Any) -> Child:
    return warm.fork(f"deeds:{deed}", given or {}, more.pop("cwd", Path.cwd()), **more)


def left(pids: list[int]) -> list[int]:
    """Which of these are still there when patience ends? They are ended here, so that no test leaves them."""
    holds(lambda: not any(map(is_there, pids)))
    found = [pid for pid in pids if is_there(pid)]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


def files(pid: int | str) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def test_a_fork_is_given_what_it_was_to_be_given(warm: Warm, pipe: Pipe, tmp_path: Path) -> None:
    paths = [tmp_path / name for name in ("asked", "said", "complained")]
    paths[0].write_text("a question")
    with paths[0].open() as asked, paths[1].open("wb") as said, paths[2].open("wb") as complained:
        child = do(warm, "report", {"text": 'quote " and \u2028 and 日本'}, cwd=tmp_path, environment={"COLOUR": "red"},
                   streams=(asked, said, complained), more=[pipe[1]])  # fmt: skip
    found = json.loads(os.read(pipe[0], 1 << 16))
    assert child.wait(SECONDS) == 0
    assert found["given"] == {"text": 'quote " and \u2028 and 日本'}
    assert (found["cwd"], found["environment"]["COLOUR"], found["asked"]) == (str(tmp_path), "red", "a question")
    assert found["environment"]["PATH"] == os.environ["PATH"]
    assert (paths[1].read_text(), paths[2].read_text()) == ("said\n", "complained\n")
    assert found["pid"] == found["group"] == found["session"] == child.pid != warm.pid


def test_two_forks_draw_other_numbers(warm: Warm, pipe: Pipe) -> None:
    drawn = []
    for _ in range(2):
        assert do(warm, "report", more=[pipe[1]]).wait(SECONDS) == 0
        drawn.append(json.loads(os.read(pipe[0], 1 << 16))["chance"])
    assert drawn[0][0] != drawn[1][0] and drawn[0][1] != drawn[1][1]


@pytest.mark.parametrize(("how", "what", "code", "told"), [
    ("return", 0, 0, ""), ("return", 3, 3, ""), ("exit", 4, 4, ""), ("exit", None, 0, ""),
    ("exit", "no more", 1, "no more"), ("raise", "of no use", 1, "ValueError: of no use"),
    ("signal", signal.SIGTERM, -15, ""), ("signal", signal.SIGKILL, -9, ""), ("signal", signal.SIGSEGV, -11, ""),
])  # fmt: skip
def test_it_is_told_how_a_fork_ended(warm: Warm, tmp_path: Path, how: str, what: Any, code: int, told: str) -> None:
    with (tmp_path / "said").open("wb") as said:
        child = do(warm, "leave", {"how": how, "what": what}, streams=(said, said, said))
    assert child.wait(SECONDS) == code == child.poll()
    assert told in (tmp_path / "said").read_text()


@pytest.mark.parametrize(("target", "folder", "told"), [
    ("deeds:leave", "nowhere", "FileNotFoundError"), ("deeds:nothing", "", "AttributeError"),
    ("no_such_module:leave", "", "ModuleNotFoundError"),
])  # fmt: skip
def test_a_fork_that_cannot_begin_says_why(warm: Warm, tmp_path: Path, target: str, folder: str, told: str) -> None:
    with (tmp_path / "said").open("wb") as said:
        child = warm.fork(target, {}, tmp_path / folder, streams=(said, said, said))
    assert child.wait(SECONDS) == 1
    assert told in (tmp_path / "said").read_text()


def test_a_fork_can_be_interrupted(warm: Warm, pipe: Pipe) -> None:
    child = do(warm, "wait", more=[pipe[1]])
    assert os.read(pipe[0], 10) == b"waits" and child.poll() is None
    child.send_signal(signal.SIGINT)
    assert child.wait(SECONDS) == 7


def test_a_signal_goes_to_the_group(warm: Warm, pipe: Pipe) -> None:
    child = do(warm, "wait_for_another", more=[pipe[1]])
    assert os.read(pipe[0], 10) == b"waits"
    with pytest.raises(TimeoutError):
        child.wait(0.2)
    child.send_signal(signal.SIGUSR1)
    assert child.wait(SECONDS) == signal.SIGUSR1


def test_a_signal_right_after_the_fork_reaches_the_fork_alone(warm: Warm) -> None:
    for _ in range(20):
        child = do(warm, "wait")
        child.send_signal(signal.SIGTERM)
        assert child.wait(SECONDS) == -signal.SIGTERM
    assert warm.is_alive() and do(warm, "leave", {"how": "return", "what": 0}).wait(SECONDS) == 0


def test_a_signal_that_comes_too_late_changes_nothing(warm: Warm, pipe: Pipe) -> None:
    child = do(warm, "wait", more=[pipe[1]])
    assert os.read(pipe[0], 10) == b"waits"
    os.kill(warm.pid, signal.SIGSTOP)
    for _ in range(3):  # unread until the fork has ended: the warm process lets go of the leash with something on it
        child.send_signal(signal.SIGUSR2)
    os.kill(child.pid, signal.SIGINT)
    assert holds(lambda: not is_there(child.pid))
    os.kill(warm.pid, signal.SIGCONT)
    assert child.wait(SECONDS) == 7


@pytest.mark.parametrize("end", ["leaves", "is killed", "is let go"])
def test_what_a_fork_started_ends_with_it(warm: Warm, pipe: Pipe, end: str) -> None:
    child = do(warm, "start", {"waits": end != "leaves"}, more=[pipe[1]])
    started = json.loads(os.read(pipe[0], 1000))
    if end == "is killed":
        os.kill(child.pid, signal.SIGKILL)
    elif end == "is let go":
        child.leash.close()
    assert left([child.pid, *started]) == []
    assert holds(lambda: not children(warm.pid))  # and all were collected
    assert child.poll() == {"leaves": 0}.get(end, -9)


def test_what_a_fork_started_lives_as_long_as_the_fork(warm: Warm, pipe: Pipe) -> None:
    child = do(warm, "start", {"waits": True}, more=[pipe[1]])
    started = json.loads(os.read(pipe[0], 1000))
    for _ in range(3):  # at each end of a fork the warm process looks for what was left behind
        assert do(warm, "leave", {"how": "return", "what": 0}).wait(SECONDS) == 0
    assert child.poll() is None and all(map(is_there, started))


@pytest.mark.parametrize("how", ["close", "SIGTERM"])
def test_all_forks_end_with_the_warm_process(warm: Warm, pipe: Pipe, how: str) -> None:
    child = do(warm, "start", {"waits": True}, more=[pipe[1]])
    started = json.loads(os.read(pipe[0], 1000))
    if how == "close":
        warm.close()
    else:
        os.kill(warm.pid, signal.SIGTERM)
    assert left([warm.pid, child.pid, *started]) == []
    assert child.poll() == -9


@pytest.mark.parametrize("lets_go_of", ["leash", "all"])
@pytest.mark.parametrize("heeds", [True, False])
def test_F08_a_fork_is_asked_to_end_before_it_is_killed(warm: Warm, pipe: Pipe, heeds: bool, lets_go_of: str) -> None:
    """It ends what it started: were it killed, and the warm process an instant later, nobody would be left to do so."""
    child = do(warm, "heed", {"heeds": heeds}, more=[pipe[1]])
    assert os.read(pipe[0], 10) == b"waits"
    if lets_go_of == "leash":
        child.leash.close()
    else:
        warm.close()
    assert left([child.pid]) == []
    os.set_blocking(pipe[0], False)
    assert os.read(pipe[0], 10) == b"asked"


WITHOUT_STREAMS = """
import os
from pathlib import Path
from alignlib.runs.kernels import Warm
for each in (0, 1, 2):
    os.close(each)
with Warm([]) as warm, open("said", "wb") as said, open(os.devnull) as none:
    given = {"how": "exit", "what": "heard"}
    os._exit(10 + warm.fork("deeds:leave", given, Path.cwd(), streams=(none, said, said)).wait(60))
"""


def test_a_client_without_standard_streams_has_forks_with_theirs(tmp_path: Path) -> None:
    assert subprocess.run([sys.executable, "-c", WITHOUT_STREAMS], cwd=tmp_path).returncode == 11
    assert (tmp_path / "said").read_text() == "heard\n"


CLIENT = """
import json, os, sys, time
from pathlib import Path
from alignlib.runs.kernels import Warm
from alignlib.runs.processes import adopt_orphans, end_strangers
adopt_orphans()
warm = Warm([])
reading, writing = os.pipe()
child = warm.fork("deeds:start", {"waits": True}, Path.cwd(), more=[writing])
print(json.dumps([warm.pid, child.pid, *json.loads(os.read(reading, 1000))]), flush=True)
sys.stdin.readline()
code = child.wait(60)
until = time.monotonic() + 60
seen = 0
warm.close()
while time.monotonic() < until and (found := end_strangers(set())):
    seen = max(seen, found)
    os.waitpid(-1, 0)
print(json.dumps([code, seen, end_strangers(set())]), flush=True)
"""


@pytest.fixture
def client() -> Iterator[tuple["subprocess.Popen[str]", list[int]]]:
    with subprocess.Popen([sys.executable, "-c", CLIENT], stdin=-1, stdout=-1, text=True) as process:
        assert process.stdout
        yield process, json.loads(process.stdout.readline())
        process.kill()


def test_all_end_when_the_client_is_killed(client: tuple["subprocess.Popen[str]", list[int]]) -> None:
    process, pids = client
    assert all(map(is_there, pids))
    process.kill()
    assert left(pids) == []


def test_a_client_can_end_what_a_killed_warm_process_left(client: tuple["subprocess.Popen[str]", list[int]]) -> None:
    process, (warm, *others) = client
    os.kill(warm, signal.SIGKILL)
    code, seen, after = json.loads(process.communicate("\n", timeout=SECONDS)[0])
    assert (code, after) == (-9, 0) and seen > 0
    assert left(others) == []


def test_a_killed_warm_process_is_noticed(warm: Warm, pipe: Pipe) -> None:
    child = do(warm, "wait", more=[pipe[1]])
    assert os.read(pipe[0], 10) == b"waits" and warm.is_alive()
    os.kill(warm.pid, signal.SIGKILL)
    assert child.wait(SECONDS) == -9
    assert left([child.pid]) == []
    with pytest.raises(AlignError, match=r"gone.*E-KERNEL"):
        do(warm, "wait")
    assert holds(lambda: not warm.is_alive())


def test_a_retired_warm_process_ends_with_its_last_fork(warm: Warm, pipe: Pipe) -> None:
    child = do(warm, "wait", more=[pipe[1]])
    assert os.read(pipe[0], 10) == b"waits"
    warm.retire()
    time.sleep(0.2)
    assert child.poll() is None and warm.is_alive()
    child.send_signal(signal.SIGINT)
    assert child.wait(SECONDS) == 7 and holds(lambda: not warm.is_alive())


def test_no_descriptor_is_lost_over_a_hundred_forks(warm: Warm) -> None:
    def some(times: int) -> tuple[int, int]:
        for _ in range(times):
            assert do(warm, "leave", {"how": "return", "what": 0}).wait(SECONDS) == 0
        return files("self"), files(warm.pid)

    few = some(3)
    some(100)
    until = time.monotonic() + SECONDS  # it tells that a fork has ended a moment before it lets go of its leash
    while (files("self"), files(warm.pid)) > few and time.monotonic() < until:
        time.sleep(0.01)
    assert (files("self"), files(warm.pid)) <= few


def test_a_fork_holds_no_descriptor_of_another(warm: Warm, pipe: Pipe) -> None:
    held = []
    for _ in range(3):
        child = do(warm, "wait", more=[pipe[1]])
        assert os.read(pipe[0], 10) == b"waits"
        held.append(files(child.pid))
    assert held == [4, 4, 4]  # the streams, and what it was given


@pytest.mark.parametrize(("text", "told"), [
    ("import threading\nthreading.Thread(target=threading.Event().wait, daemon=True).start()", "2 threads"),
    ("raise ValueError", "it ended"),
])  # fmt: skip
def test_a_process_that_cannot_be_forked_safely_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, told: str
) -> None:
    (tmp_path / "unfit_to_fork.py").write_text(text)
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    with Warm(["unfit_to_fork"]) as warm:
        with pytest.raises(AlignError, match=f"{told}.*E-KERNEL"):
            warm.ready()
        with pytest.raises(AlignError, match="E-KERNEL"):  # the second time as well
            warm.ready()
        assert not warm.is_alive()


def test_what_cannot_be_imported_is_left_out_and_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "half_installed.py").write_text("def ready():\n    import no_such_module")
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join([str(tmp_path), os.environ["PYTHONPATH"]]))
    with Warm(["no_such_module", "half_installed:ready", "deeds"]) as warm:
        assert do(warm, "leave", {"how": "return", "what": 0}).wait(SECONDS) == 0
        why = "No module named 'no_such_module'"
        assert warm.missing == [f"no_such_module ({why})", f"half_installed:ready ({why})"]


def test_a_request_that_is_too_long_is_refused_and_the_next_is_not(warm: Warm) -> None:
    with pytest.raises(AlignError, match=r"too long.*E-KERNEL"):
        do(warm, "leave", {"how": "return", "what": "x" * server.MOST})
    almost = {"how": "return", "what": 0, "more": "x" * (server.MOST - 200)}
    assert do(warm, "leave", almost).wait(SECONDS) == 0


def test_a_terminal_cannot_interrupt_the_warm_process(warm: Warm) -> None:
    warm.ready()
    assert os.getsid(warm.pid) == warm.pid != os.getsid(0)
    os.kill(warm.pid, signal.SIGINT)
    assert do(warm, "leave", {"how": "return", "what": 0}).wait(SECONDS) == 0


def test_a_machine_without_room_for_another_process_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    def fork() -> int:
        raise OSError(errno.EAGAIN, os.strerror(errno.EAGAIN))

    ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    monkeypatch.setattr(os, "fork", fork)
    assert server._fork({}, theirs, [os.open(os.devnull, os.O_RDONLY)], []) == 0
    with pytest.raises(AlignError, match="Resource temporarily unavailable"):
        Child(ours)


def test_modules_in_the_folder_of_the_client_are_not_imported(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "selectors.py").write_text("raise SystemExit('this is not the selectors of Python')")
    monkeypatch.chdir(tmp_path)
    with Warm([]) as warm:
        assert do(warm, "leave", {"how": "return", "what": 0}).wait(SECONDS) == 0
