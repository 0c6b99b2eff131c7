"""A step that fails in any way fails alone: it is told how, within its limits, and nothing of it is left."""

import json
import os
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from watching import is_there

from alignlib.errors import AlignError, Problem
from alignlib.runs import processes
from alignlib.runs.children import at_once
from alignlib.runs.kernels import Warm
from alignlib.runs.processes import unfit

pytestmark = pytest.mark.skipif(bool(unfit()), reason=unfit())
PATIENCE = 120  # seconds until a wait is given up; nothing is asserted of them
Steps = dict[str, tuple[str, Any]]
Told = dict[str, Any]
Run = Callable[..., Told]


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path[1:]]))
        with Warm(["alignlib.runs.children"]) as process:
            yield process


@pytest.fixture
def run(warm: Warm, tmp_path: Path) -> Run:
    """What did a job with these steps and limits tell? What they print is in ``said``."""

    def run(steps: Steps, **limits: float) -> Told:
        reading, writing = os.pipe()
        with (tmp_path / "said").open("ab") as said, os.fdopen(reading, "rb") as pipe:
            given = {"steps": steps, "limits": limits}
            child = warm.fork("steps:job", given, tmp_path, streams=(said, said, said), more=[writing])
            os.close(writing)
            ready, _, _ = select.select([pipe], [], [], PATIENCE)
            text = pipe.read() if ready else b""
            child.leash.close()
        assert text, (tmp_path / "said").read_text()
        told = json.loads(text)
        assert told["left"] == [] and told["files"][0] == told["files"][1]
        return dict(told)

    return run


def problems(told: Told) -> list[Problem]:
    return [Problem(**each) for each in told["problems"]]


def codes(told: Told) -> list[str]:
    return [problem.code for problem in problems(told)]


def test_each_step_has_a_process_and_a_group_of_its_own_and_they_follow_one_another(run: Run, tmp_path: Path) -> None:
    names = ["one", "two", "three"]
    assert problems(run({name: ("note", str(tmp_path / name)) for name in names})) == []
    noted = [json.loads((tmp_path / name).read_text()) for name in names]
    assert len({each["pid"] for each in noted}) == 3 and len({each["parent"] for each in noted}) == 1
    assert all(each["group"] == each["pid"] for each in noted)
    times = [(tmp_path / name).stat().st_mtime_ns for name in names]
    assert times == sorted(times)


def test_no_step_at_all_is_no_fault(run: Run) -> None:
    assert problems(run({})) == []


def test_the_problems_that_a_step_finds_arrive_whole_however_many(run: Run) -> None:
    found = problems(run({"reading": ("refuse", 3_000)}))  # more than a pipe holds
    assert found == [Problem("E-VALUE", f"problem {i} «{i}»", where="leads.csv", fix="mend it") for i in range(3_000)]


def test_the_first_step_that_fails_is_told_and_no_later_one_is_begun(run: Run, tmp_path: Path) -> None:
    told = run({"one": ("refuse", 1), "two": ("note", str(tmp_path / "two"))})
    assert codes(told) == ["E-VALUE"] and not (tmp_path / "two").exists()


@pytest.mark.parametrize(
    ("deed", "what", "expected"),
    [
        ("raise", "ValueError", "funnel: ended with ValueError. [E-FAULT]"),
        ("raise", "KeyboardInterrupt", "funnel: ended with KeyboardInterrupt. [E-FAULT]"),
        ("leave python", 0, "funnel: ended with SystemExit. [E-FAULT]"),
        ("leave python", 3, "funnel: ended with SystemExit. [E-FAULT]"),
        ("raise", "MemoryError", "funnel: ran out of memory. [E-MEMORY]"),
        ("leave at once", 0, "funnel: its process ended in the middle (exit code 0). [E-KERNEL]"),
        ("leave at once", 9, "funnel: its process ended in the middle (exit code 9). [E-KERNEL]"),
        ("fault", 0, "funnel: its process ended in the middle (signal 11). [E-KERNEL]"),
        ("signal", signal.SIGKILL, "funnel: its process ended in the middle (signal 9). [E-KERNEL]"),
        ("signal", signal.SIGTERM, "funnel: its process ended in the middle (signal 15). [E-KERNEL]"),
    ],
)
def test_however_a_step_ends_early_it_is_never_taken_for_done(run: Run, deed: str, what: int, expected: str) -> None:
    assert [str(problem) for problem in problems(run({"funnel": (deed, what)}))] == [expected]


def test_what_a_step_raised_can_be_read_in_the_log(run: Run, tmp_path: Path) -> None:
    run({"funnel": ("raise", "ValueError")})
    assert "ValueError: said" in (tmp_path / "said").read_text()


@pytest.mark.parametrize("deed", ["sleep", "spin", "swallow", "ignore"])
def test_a_step_that_does_not_end_is_ended_whatever_it_does_with_signals(run: Run, deed: str) -> None:
    assert [str(problem) for problem in problems(run({"funnel": (deed, 1000)}, seconds=1))] == [
        "funnel: took longer than 1 seconds and was ended. [E-TIME]"
    ]


def test_the_time_for_all_steps_together_ends_them_though_each_is_within_its_own(run: Run, tmp_path: Path) -> None:
    steps: Steps = {str(i): ("sleep", 0.5) for i in range(4)}
    told = run(steps | {"late": ("note", str(tmp_path / "late"))}, seconds=1.5, together=1)
    assert codes(told) == ["E-TIME"] and not (tmp_path / "late").exists()


def test_a_step_that_begins_when_the_time_for_all_is_up_says_so(run: Run) -> None:
    assert [str(problem) for problem in problems(run({"late": ("sleep", 1000)}, together=-5))] == [
        "late: was ended: the audit took too long. [E-TIME]"
    ]


@pytest.mark.parametrize("deed", ["take", "take elsewhere", "take behind"])
def test_a_step_that_takes_too_much_memory_is_ended_with_what_it_started(run: Run, deed: str) -> None:
    told = run({"funnel": (deed, 3_000)}, bytes_=300_000_000)
    assert codes(told) == ["E-MEMORY"]
    assert told["problems"][0]["what"] in ("took more than 0.3 GB of memory and was ended", "ran out of memory")


def test_what_a_step_may_take_is_counted(run: Run) -> None:
    told = run({"funnel": ("take", 100)}, seconds=5)
    assert codes(told) == ["E-TIME"] and 100 << 20 < told["peak"] < 400 << 20


def left(pids: list[int]) -> list[int]:
    """Which of these are still there when patience ends? They are ended here, so that no test leaves them."""
    until = time.monotonic() + 20
    while any(map(is_there, pids)) and time.monotonic() < until:
        time.sleep(0.05)
    found = [pid for pid in pids if is_there(pid)]
    for pid in found:
        os.kill(pid, signal.SIGKILL)
    return found


@pytest.mark.parametrize(
    ("deed", "code"), [("leave", []), ("leave and wait", ["E-TIME"]), ("leave and die", ["E-KERNEL"])]
)
def test_whatever_a_step_started_is_gone_when_the_steps_are(
    run: Run, tmp_path: Path, deed: str, code: list[str]
) -> None:
    told = run({"funnel": (deed, str(tmp_path / "pids"))}, seconds=3)
    pids = json.loads((tmp_path / "pids").read_text())
    assert len(pids) == 4 and left(pids) == []
    assert codes(told) == code


def test_a_step_that_dies_is_told_at_once_though_a_fork_of_it_lives(run: Run, tmp_path: Path) -> None:
    told = run({"funnel": ("leave and die", str(tmp_path / "pids"))}, seconds=PATIENCE * 2)  # or patience ends first
    assert [str(problem) for problem in problems(told)] == [
        "funnel: its process ended in the middle (signal 9). [E-KERNEL]"
    ]


def test_steps_run_side_by_side_when_asked_and_only_then(run: Run, tmp_path: Path) -> None:
    for name in ("both", "alone"):
        (tmp_path / name).mkdir()
    steps: Steps = {name: ("meet", str(tmp_path / "both")) for name in ("one", "two")}
    assert problems(run(steps, width=2)) == []
    steps = {name: ("meet", str(tmp_path / "alone")) for name in ("one", "two")}
    assert codes(run(steps, width=1, seconds=2)) == ["E-TIME"]


def test_when_one_of_several_fails_the_others_are_ended_with_all_they_started(run: Run, tmp_path: Path) -> None:
    pids = tmp_path / "pids"
    steps: Steps = {"slow": ("leave and wait", str(pids)), "fails": ("sleep", 1000)}
    assert codes(run(steps, width=2, seconds=3)) == ["E-TIME"]
    assert left(json.loads(pids.read_text())) == []


def test_where_nothing_can_be_forked_steps_run_here_and_raise_as_they_are() -> None:
    done: list[str] = []

    def refuse() -> None:
        raise AlignError(Problem("E-VALUE", "a fault"))

    with pytest.raises(AlignError):
        at_once({"one": lambda: done.append("one"), "two": refuse, "three": lambda: done.append("three")})
    assert done == ["one"]


def test_the_mark_of_a_run_finds_what_nobody_else_can_end(tmp_path: Path) -> None:
    import subprocess

    mark = {"ALIGNLIB_TEST_MARK": str(tmp_path)}
    other = subprocess.Popen(["sleep", "1000"], env=mark | {"ALIGNLIB_TEST_MARK": f"{tmp_path}/other"})
    marked = [subprocess.Popen(["sleep", "1000"], env=mark, start_new_session=True) for _ in range(2)]
    try:
        assert processes.end_marked("ALIGNLIB_TEST_MARK", str(tmp_path)) == 2
        assert [each.wait(PATIENCE) for each in marked] == [-9, -9] and other.poll() is None
    finally:
        for each in (other, *marked):
            each.kill()
            each.wait()
