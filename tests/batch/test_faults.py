"""Each fault that can befall a batch, by its number in the table of faults: tests/reference/batch.md."""

import errno
import hashlib
import json
import os
import re
import select
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import CLIENTS, Batch, Start
from running import (
    Run,
    adds_up,
    alive,
    audits,
    come_true,
    command,
    command_of,
    litter,
    records,
    report,
    sleeping,
    standing,
    states,
    torn,
    unlike,
    write_engagement,
    write_kit,
)  # fmt: skip

from alignlib.batch.job import Order
from alignlib.batch.runner import MARK
from alignlib.files import sha256
from alignlib.preload import PRELOAD
from alignlib.runs.kernels import Warm
from alignlib.runs.processes import unfit

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(unfit()), reason=unfit())]
Kit = Callable[..., dict[str, str]]
TYPESETTER_MISSING = """
import importlib.abc
class Missing(importlib.abc.MetaPathFinder):
    def find_spec(self, name, path=None, target=None):
        if name == "typst":
            raise ImportError("no typst here")
sys.meta_path.insert(0, Missing())
"""
CLOCK_JUMPS = """
import time
clock, asked = time.time, 0
def jumping():
    global asked
    asked += 1
    return clock() - 86_400 * (asked % 2)
time.time = jumping
"""
FLUSHED_LAST = 2  # folders, once an audit was renamed
NO_FORKS = """
import alignlib.runs.processes
alignlib.runs.processes.unfit = lambda: "a test asks for it"
"""


@pytest.fixture
def kit(tmp_path: Path) -> Kit:
    """Which environment makes a run use notebooks of ours? ``cells`` are added to the funnel's, for one client each."""

    def kit(cells: Mapping[str, Sequence[str]] | None = None, code: str = "") -> dict[str, str]:
        added = ""
        for name, lines in (cells or {}).items():
            body = textwrap.indent("\n".join(lines), "    ")
            added += f"if run.settings.client == {CLIENTS[name]!r}:\n{body}\n"
        folder = tmp_path / f"kit-{len(list(tmp_path.glob('kit-*')))}"
        return write_kit(folder, {"funnel": added} if added else {}, code)

    return kit


def problems(out: Path) -> dict[str, tuple[str, str]]:
    """Of which class is the problem of each job that failed, and what does it say?"""
    failed = {name: record["problem"] for name, record in records(out).items() if record["state"] == "failed"}
    return {name: (problem["class"], problem["sentence"]) for name, problem in failed.items()}


def is_sound(out: Path) -> bool:
    """Whatever happened: the sums add up, what stands is whole, each failed job says why and has published nothing."""
    assert adds_up(out) and torn(out) == [] and litter(out) == []
    for record in records(out).values():
        assert record["state"] in ("done", "failed", "interrupted", "skipped")
        assert (record["folder"] is not None) == (record["state"] in ("done", "skipped"))
    return True


def started(run: Run) -> bool:
    """Until it has begun a job and is in one of its steps."""
    return come_true(lambda: run.steps() or run.process.poll() is not None) and run.process.poll() is None


def only(*names: str) -> list[str]:
    return [part for name in names for part in ("--only", name)]


def same(out: Path, undisturbed: Path, *names: str) -> bool:
    """Did these clients get, byte for byte, what they got from a run that nothing disturbed?"""
    told, expected = audits(out), audits(undisturbed)
    for name in names:
        mine = [files for folder, files in told.items() if f"/{name}-" in folder]
        assert mine and mine == [files for folder, files in expected.items() if f"/{name}-" in folder]
    return True


def test_F02_a_job_whose_process_is_killed_is_done_again_and_no_other_is_disturbed(
    portfolio: Path, tmp_path: Path, start: Start, undisturbed: Path
) -> None:
    out = tmp_path / "out"
    run = start(portfolio, "--out", out, *only("acme", "bolt"), "--workers", "2")
    assert come_true(lambda: len(run.jobs()) == 2 and run.steps())
    os.kill(run.jobs()[0], signal.SIGKILL)
    ended = run.wait()
    assert ended.code == 0 and run.left() == [] and is_sound(out), ended.said
    assert states(out) == {"acme": "done", "bolt": "done"}
    assert sorted(record["attempt"] for record in records(out).values()) == [1, 2]
    assert same(out, undisturbed, "acme", "bolt")


def test_F02_when_the_warm_process_is_killed_another_takes_its_place(
    portfolio: Path, tmp_path: Path, start: Start, undisturbed: Path
) -> None:
    out = tmp_path / "out"
    run = start(portfolio, "--out", out, *only("acme", "bolt"), "--workers", "2")
    assert started(run)
    os.kill(run.warm()[0], signal.SIGKILL)
    ended = run.wait()
    assert ended.code == 0 and run.left() == [] and is_sound(out), ended.said
    assert states(out) == {"acme": "done", "bolt": "done"} and same(out, undisturbed, "acme", "bolt")


def test_F03_a_notebook_whose_process_is_killed_has_failed_and_nothing_of_it_is_published(
    portfolio: Path, tmp_path: Path, start: Start, kit: Kit
) -> None:
    out = tmp_path / "out"
    cells = {"acme": ["import time", "time.sleep(1000.31)"]}
    run = start(portfolio, "--out", out, *only("acme", "bolt"), "--workers", "1", environment=kit(cells))
    executing = "funnel.failed.ipynb", "content.ipynb"
    assert come_true(lambda: list((out / "private" / "stage").rglob(executing[1])) or run.process.poll() is not None)
    assert come_true(lambda: any(_asleep(pid) for pid in run.steps()))
    for pid in run.steps():
        os.kill(pid, signal.SIGKILL)
    ended = run.wait()
    assert ended.code == 1 and run.left() == [] and is_sound(out), ended.said
    assert states(out) == {"acme": "failed", "bolt": "done"}
    assert problems(out)["acme"] == (
        "process", "funnel.ipynb: its process ended in the middle (signal 9). [E-KERNEL]"
    )  # fmt: skip


def _asleep(pid: int) -> bool:
    """Is it in ``time.sleep``, and not in a wait of ours?"""
    try:
        return (
            "nanosleep" in Path(f"/proc/{pid}/wchan").read_text() or "hrtimer" in Path(f"/proc/{pid}/stack").read_text()
        )
    except OSError:
        return False


def test_F04_a_notebook_that_ends_its_process_has_failed_whatever_its_exit_code(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    cells = {"acme": ["import os", "os._exit(0)"], "bolt": ["import ctypes", "ctypes.string_at(0)"],
             "cobra": ["import sys", "sys.exit(0)"]}  # fmt: skip
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, environment=kit(cells))
    assert ended.code == 1 and is_sound(out)
    assert states(out) == {"acme": "failed", "bolt": "failed", "cobra": "failed", "delta": "done"}
    told = problems(out)
    assert "(exit code 0)" in told["acme"][1] and "(signal 11)" in told["bolt"][1]
    assert {told[name][0] for name in ("acme", "bolt")} == {"process"} and "funnel.ipynb" in told["cobra"][1]


def test_F05_a_notebook_that_takes_too_much_memory_is_ended_and_tried_once_more_alone(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    cells = {"acme": ["held = [bytearray(b'x' * (1 << 20)) for _ in range(4000)]"],
             "bolt": ["import subprocess, sys", "code = 'import time; x = b\"x\" * (1 << 30); time.sleep(1000)'",
                      "subprocess.run([sys.executable, '-c', code], start_new_session=True)"]}  # fmt: skip
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, *only("acme", "bolt", "delta"), "--memory", "0.6", environment=kit(cells))
    assert ended.code == 1 and is_sound(out)
    assert states(out) == {"acme": "failed", "bolt": "failed", "delta": "done"}
    assert {kind for kind, _ in problems(out).values()} == {"memory"}
    assert {records(out)[name]["attempt"] for name in ("acme", "bolt")} == {2}


def test_F06_F07_a_notebook_that_swallows_interrupts_or_is_slow_cell_by_cell_is_ended_with_all_it_started(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    swallows = ["import subprocess, time", f"subprocess.Popen(['sleep', '{unlike(1006)}'], start_new_session=True)",
                "while True:", "  try:", "    time.sleep(1000)", "  except KeyboardInterrupt:", "    pass"]  # fmt: skip
    ignores = ["import signal", "signal.signal(signal.SIGINT, signal.SIG_IGN)",
               "signal.signal(signal.SIGTERM, signal.SIG_IGN)", "while True:", "    pass"]  # fmt: skip
    slow = ["import time, IPython", "for _ in range(20):", "    time.sleep(5)"]
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, "--seconds", "30", "--workers", "4",
                  environment=kit({"acme": swallows, "bolt": ignores, "cobra": slow}))  # fmt: skip
    assert ended.code == 1 and is_sound(out) and sleeping(unlike(1006)) == []
    assert states(out) == {"acme": "failed", "bolt": "failed", "cobra": "failed", "delta": "done"}
    cell = re.compile(r"funnel\.ipynb: (cell \d+: )?took longer than 30 seconds and was ended\. \[E-TIME\]")
    told = {name: (kind, cell.fullmatch(said)) for name, (kind, said) in problems(out).items()}
    assert set(told) == {"acme", "bolt", "cobra"} and all(kind == "time" and found for kind, found in told.values())
    assert records(out)["acme"]["problem"]["cell"] == records(out)["cobra"]["problem"]["cell"] > 1


def test_F07_the_time_for_a_whole_audit_ends_it_though_no_notebook_took_too_long(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, *only("acme"), "--job-seconds", "15",
                  environment=kit({"acme": ["import time", "time.sleep(1000)"]}))  # fmt: skip
    assert ended.code == 1 and is_sound(out)
    kind, said = problems(out)["acme"]
    assert kind == "time" and re.fullmatch(
        r"funnel\.ipynb: cell \d+: was ended: the audit took too long\. \[E-TIME\]", said
    )


@pytest.mark.parametrize(
    ("number", "is_warm_meant"), [(signal.SIGTERM, False), (signal.SIGKILL, False), (signal.SIGKILL, True)]
)
def test_F08_F14_what_a_notebook_started_does_not_outlive_the_runner_and_its_lock_does_not_either(
    portfolio: Path, tmp_path: Path, start: Start, kit: Kit, number: int, is_warm_meant: bool
) -> None:
    sleep = f"['sleep', '{unlike(1008)}']"
    cells = {"acme": ["import os, subprocess, time", f"subprocess.Popen({sleep})",
                      f"subprocess.Popen({sleep}, start_new_session=True)",
                      f"subprocess.Popen({sleep}, start_new_session=True, env={{'PATH': os.environ['PATH']}})",
                      f"subprocess.Popen(['sh', '-c', 'setsid sleep {unlike(1008)} & exit'])",
                      "time.sleep(1000)"]}  # fmt: skip
    out = tmp_path / "out"
    run = start(portfolio, "--out", out, *only("acme"), environment=kit(cells))
    assert come_true(lambda: len(sleeping(unlike(1008))) == 4 or run.process.poll() is not None)
    mark = f"{MARK}={out.resolve()}".encode()  # by which a later run finds whatever is left of this one
    unmarked = {pid for pid in {*run.warm(), *run.jobs(), *run.steps()} - set(alive(mark)) if command_of(pid)}
    assert len(unmarked) == 1 and unmarked < set(sleeping(unlike(1008)))  # that without our environment
    for pid in [run.process.pid, *(run.warm() if is_warm_meant else [])]:
        os.kill(pid, number)
    code = run.wait().code
    try:
        assert come_true(lambda: not sleeping(unlike(1008)), 30) and run.left() == []
    finally:
        for pid in sleeping(unlike(1008)):
            os.kill(pid, signal.SIGKILL)
    assert code == {signal.SIGTERM: 143, signal.SIGKILL: -9}[signal.Signals(number)]
    again = start(portfolio, "--out", out, *only("acme"))
    assert again.wait().code == 0 and states(out) == {"acme": "done"} and is_sound(out)


@pytest.fixture(scope="module")
def warm() -> Iterator[Warm]:
    """A warm process that knows the functions of ``injected``."""
    with pytest.MonkeyPatch.context() as patched:
        patched.setenv("PYTHONPATH", os.pathsep.join([str(Path(__file__).parent), *sys.path[1:]]))
        with Warm((*PRELOAD, "alignlib.batch.job", "injected")) as process:
            yield process


def forked(warm: Warm, target: str, given: dict[str, Any], folder: Path) -> dict[str, Any]:
    """What did this function of ``injected`` tell?"""
    reading, writing = os.pipe()
    with (folder / "log").open("ab") as log, os.fdopen(reading, "rb") as pipe:
        child = warm.fork(f"injected:{target}", given, folder, streams=(log, log, log), more=[writing])
        os.close(writing)
        told = pipe.read() if select.select([pipe], [], [], 300)[0] else b""
        child.leash.close()
    assert told, (folder / "log").read_text()
    return dict(json.loads(told))


def points(last: int, stride: int) -> list[int]:
    """Which calls fail, one at a time: each so many-th, and the last ones, around the rename."""
    return sorted({*range(1, last + 1, stride), *range(last - 3, last + 1)})


@pytest.mark.parametrize("stride", [pytest.param(9, id="some"), pytest.param(1, id="all", marks=pytest.mark.trust)])
@pytest.mark.parametrize("error", ["ENOSPC", "EIO"])
def test_F09_F10_whichever_call_of_a_job_fails_there_is_the_old_audit_or_the_new_one_whole(
    error: str, stride: int, warm: Warm, engagements: Path, tmp_path: Path
) -> None:
    engagement = engagements / "acme"

    def carried_out(out: Path, at: int, since: str | None = None, force: bool = False) -> dict[str, Any]:
        (out / "private" / "stage").mkdir(parents=True, exist_ok=True)
        order = Order("acme-1", str(engagement), str(out), "kit", force=force)
        return forked(warm, "job", {"order": order.as_data(), "at": at, "error": error}, tmp_path)

    before = carried_out(tmp_path / "before", 0)
    assert before["record"]["state"] == "done"
    old, failures = audits(tmp_path / "before"), 0
    calls = carried_out(Path(shutil.copytree(tmp_path / "before", tmp_path / "count")), 0, force=True)["calls"]
    for at in points(calls, stride):
        out = Path(shutil.copytree(tmp_path / "before", tmp_path / f"out-{at}"))
        record = carried_out(out, at, force=True)["record"]
        assert "raised" not in record, (at, record)
        now = {folder: files for folder, files in audits(out).items() if folder not in old}
        assert {folder: files for folder, files in audits(out).items() if folder in old} == old and torn(out) == []
        stands = record["state"] == "done" or at > calls - FLUSHED_LAST  # whole, and perhaps not on the disk
        assert len(now) == stands, (at, record)
        if record["state"] == "failed":
            failures += 1
            assert record["problem"]["class"] == "disk", (at, record)
        again = carried_out(out, 0, force=True)["record"]
        assert again["state"] == "done" and set(map(str, audits(out).values())) == set(map(str, old.values()))
        shutil.rmtree(out)
    assert failures > 10


@pytest.mark.parametrize("stride", [pytest.param(9, id="some"), pytest.param(1, id="all", marks=pytest.mark.trust)])
def test_F10_whichever_call_of_the_runner_fails_it_says_so_and_the_next_run_goes_on(
    stride: int, warm: Warm, engagements: Path, undisturbed: Path, tmp_path: Path
) -> None:
    def run(out: Path, at: int) -> dict[str, Any]:
        given = {"portfolio": str(engagements), "out": str(out), "at": at, "error": "ENOSPC"}
        return forked(warm, "runner", given, tmp_path)

    whole = run(Path(shutil.copytree(undisturbed, tmp_path / "out")), 0)
    assert whole["code"] == 0 and states(tmp_path / "out") == dict.fromkeys(CLIENTS, "skipped")
    told, refused = audits(undisturbed), 0
    for at in points(whole["calls"], stride):
        out = Path(shutil.copytree(undisturbed, tmp_path / f"out-{at}"))
        code = run(out, at)["code"]
        assert code in (0, 4, ["E-WRITE"]), (at, code)
        refused += code != 0
        assert audits(out) == told and torn(out) == []
        assert run(out, 0)["code"] == 0 and states(out) == dict.fromkeys(CLIENTS, "skipped") and is_sound(out)
        shutil.rmtree(out)
    assert refused > 3


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Callable[[int], Path]]:
    """A disk of so many MB. Skips where none can be mounted."""
    mounted: list[Path] = []

    def mount(megabytes: int) -> Path:
        disk = tmp_path / f"disk-{len(mounted)}"
        disk.mkdir()
        call = ["mount", "-t", "tmpfs", "-o", f"size={megabytes}m", "none", str(disk)]
        if os.getuid() != 0 or not shutil.which("mount") or subprocess.run(call, capture_output=True).returncode:
            pytest.skip("no file system can be mounted here")
        mounted.append(disk)
        return disk

    yield mount
    for disk in mounted:
        subprocess.run(["umount", "-l", str(disk)], check=False)


def test_F09_a_disk_that_fills_up_fails_what_does_not_fit_and_the_next_run_does_it(
    portfolio: Path, small_disk: Callable[[int], Path], batch: Batch, kit: Kit, undisturbed: Path
) -> None:
    disk = small_disk(24)
    enough = kit(code="import shutil\nshutil.disk_usage = lambda _: shutil._ntuple_diskusage(0, 0, 10 ** 12)\n")
    ended = batch(portfolio, "--out", disk / "out", *only("acme"), environment=enough)
    assert ended.code == 0, ended.said
    told = audits(disk / "out")
    fill, needed = (
        disk / "fill",
        sum(path.stat().st_size for path in standing(disk / "out")[0].rglob("*") if path.is_file()),
    )
    for spare in (needed * 2 // 3, needed // 3, 60_000, 0):
        free = shutil.disk_usage(disk).free
        with fill.open("ab") as handle, suppress(OSError):
            handle.write(b"x" * max(0, free - spare))
        ended = batch(portfolio, "--out", disk / "out", *only("bolt"), environment=enough)
        assert ended.code == 4 and "Traceback" not in ended.said, ended.said
        assert audits(disk / "out") == told and torn(disk / "out") == []
    assert "bolt" not in states(disk / "out") or states(disk / "out")["bolt"] != "done"
    fill.unlink()
    ended = batch(portfolio, "--out", disk / "out", *only("acme", "bolt"), environment=enough)
    assert ended.code == 0 and is_sound(disk / "out") and same(disk / "out", undisturbed, "acme", "bolt")


def test_F09_a_disk_without_room_is_told_before_any_audit_begins(
    portfolio: Path, small_disk: Callable[[int], Path], batch: Batch
) -> None:
    ended = batch(portfolio, "--out", small_disk(20) / "out")
    assert ended.code == 4 and "GB are free" in ended.said and "[E-WRITE]" in ended.said


def test_F11_a_folder_that_cannot_be_written_is_told_with_its_name_and_no_other_client_suffers(
    portfolio: Path, small_disk: Callable[[int], Path], tmp_path: Path, batch: Batch
) -> None:
    out = tmp_path / "out"
    job = "acme-" + hashlib.sha256(b"acme").hexdigest()[:8]
    (out / "clients").mkdir(parents=True)
    (out / "clients" / job).write_text("in the way")
    ended = batch(portfolio, "--out", out, *only("acme", "bolt"))
    assert ended.code == 4 and states(out) == {"acme": "failed", "bolt": "done"} and adds_up(out)
    assert problems(out)["acme"][0] == "disk" and job in problems(out)["acme"][1]
    (tmp_path / "file").write_text("no folder")
    ended = batch(portfolio, "--out", tmp_path / "file")
    assert ended.code == 4 and str(tmp_path / "file") in ended.said
    disk = small_disk(20)
    subprocess.run(["mount", "-o", "remount,ro", str(disk)], check=True)
    ended = batch(portfolio, "--out", disk / "out")
    assert ended.code == 4 and str(disk) in ended.said and "Read-only" in ended.said


def test_F13_of_many_runners_on_one_folder_one_works_and_the_others_say_so(
    portfolio: Path, tmp_path: Path, start: Start, kit: Kit
) -> None:
    out, go = tmp_path / "out", tmp_path / "go"
    wait = ["import time", "from pathlib import Path", f"while not Path({str(go)!r}).exists():", "    time.sleep(0.05)"]
    environment = kit({"acme": wait})
    runs = [start(portfolio, "--out", out, *only("acme"), environment=environment) for _ in range(6)]
    assert come_true(lambda: sum(run.process.poll() is None for run in runs) == 1)
    go.touch()
    ended = [run.wait() for run in runs]
    assert sorted(each.code for each in ended) == [0, 3, 3, 3, 3, 3]
    assert all("[E-LOCKED]" in each.said for each in ended if each.code == 3)
    assert states(out) == {"acme": "done"} and records(out)["acme"]["attempt"] == 1 and is_sound(out)
    assert [run.left() for run in runs] == [[]] * 6


def test_F15_a_clock_that_jumps_changes_nothing(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit, undisturbed: Path
) -> None:
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, *only("acme", "bolt"), environment=kit(code=CLOCK_JUMPS))
    assert ended.code == 0 and is_sound(out), ended.said
    for record in records(out).values():
        assert 0 < record["seconds"] < 3600
    assert same(out, undisturbed, "acme", "bolt")


def ports(pids: Sequence[int]) -> set[str]:
    """Which addresses of TCP do these processes hold?"""
    held = set()
    for path in (path for pid in pids for path in Path(f"/proc/{pid}/fd").glob("*")):
        with suppress(OSError):  # closed since
            held.add(str(path.readlink()))
    lines = [line.split() for name in ("tcp", "tcp6") for line in Path("/proc/net", name).read_text().splitlines()[1:]]
    return {line[1] for line in lines if f"socket:[{line[9]}]" in held}


@pytest.mark.parametrize(
    ("engagements", "code"),
    [pytest.param(12, "", id="some"), pytest.param(125, "", id="500 notebooks", marks=pytest.mark.trust),
     pytest.param(125, NO_FORKS, id="500 notebooks in ordinary kernels", marks=pytest.mark.trust)],
)  # fmt: skip
def test_F16_many_side_by_side_lose_nothing_to_ports_or_one_another_and_leave_no_connection_file(
    engagements: int, code: str, tmp_path: Path, start: Start, kit: Kit
) -> None:
    portfolio, runtime, out, seen = tmp_path / "many", tmp_path / "runtime", tmp_path / "out", set[str]()
    for i in range(engagements):
        write_engagement(portfolio / f"client-{i}", f"Client {i}")
    call = (portfolio, "--out", out, "--workers", "8")
    run = start(*call, environment={**kit(code=code), "JUPYTER_RUNTIME_DIR": str(runtime)})
    assert come_true(lambda: (out / "private" / "jobs").is_dir() or run.process.poll() is not None)
    assert start(*call).wait().code == 3  # another runner on the same folder
    while not come_true(lambda: run.process.poll() is not None, 0.2):
        seen |= ports(run.processes())
    ended = run.wait()
    assert ended.code == 0 and run.left() == [] and is_sound(out), ended.said
    assert set(states(out).values()) == {"done"} and len(standing(out)) == engagements
    assert {record["attempt"] for record in records(out).values()} == {1}
    for name, record in records(out).items():
        texts = [path.read_text(encoding="utf-8") for path in (out / str(record["folder"])).rglob("*.ipynb")]
        assert set(re.findall(r"client-\d+", "".join(texts))) == {name}
    assert bool(seen) == bool(code)  # ordinary kernels are spoken to over TCP
    assert not runtime.exists() or list(runtime.iterdir()) == []


def test_F17_a_notebook_that_names_a_kernel_nobody_has_runs_with_our_interpreter(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    environment = kit()
    for path in (tmp_path / "kit-0" / "kit" / "notebooks").glob("*.ipynb"):
        notebook = json.loads(path.read_text())
        notebook["metadata"]["kernelspec"] = {"name": "conda-env-x", "display_name": "X", "language": "python"}
        path.write_text(json.dumps(notebook))
    out = tmp_path / "out"
    assert batch(portfolio, "--out", out, *only("acme"), environment=environment).code == 0
    assert states(out) == {"acme": "done"} and is_sound(out)


def test_F18_output_without_end_is_cut_and_the_job_fails(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    cells = {"acme": ["while True:", "    print('x' * 1000)"], "bolt": ["print('x' * 100_000_000)"],
             "cobra": ["from IPython.display import HTML", "display(HTML('x' * 100_000_000))"],
             "delta": ["import os", "os.system('yes | head -c 100000000; sleep 1; echo the last')"]}  # fmt: skip
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, environment=kit(cells))
    assert ended.code == 1 and is_sound(out)
    assert states(out) == {"acme": "failed", "bolt": "failed", "cobra": "failed", "delta": "done"}
    assert all(kind == "notebook" and "output too large" in said for kind, said in problems(out).values())
    log = (out / "private" / "logs" / f"{records(out)['delta']['job']}-1.log").read_bytes()
    assert log.startswith(b"(what was printed until here was dropped") and b"the last\n" in log
    assert len(log) < 10_000_000
    assert max(path.stat().st_size for path in out.rglob("*") if path.is_file()) < 30_000_000


def test_F23_without_a_typesetter_the_other_formats_are_delivered_and_the_gap_is_told(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit, undisturbed: Path
) -> None:
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, *only("acme"), environment=kit(code=TYPESETTER_MISSING))
    assert states(out) == {"acme": "done"} and is_sound(out), ended.said
    assert ended.said.count("Note: ") == ended.said.count("left out of the warm process: typst (no typst here)") == 1
    undelivered = records(out)["acme"]["undelivered"]
    assert len(undelivered) == 1 and "pdf" in undelivered[0].lower()
    (mine,), expected = audits(out).values(), audits(undisturbed)
    whole = next(files for folder, files in expected.items() if "/acme-" in folder)
    assert set(whole) - set(mine) == {"report.pdf"}


@pytest.mark.parametrize(
    ("environment", "name"),
    [
        ({"LC_ALL": "C", "LANG": "C", "TZ": "Pacific/Apia"}, "Büro für Prüfung – 監査"),
        ({"LC_ALL": "POSIX", "PYTHONUTF8": "0", "PYTHONCOERCECLOCALE": "0", "TZ": "America/St_Johns"}, "a b  c"),
        ({"LANG": "tr_TR.UTF-8", "COLUMNS": "20"}, "/".join(["long" * 40, "er" * 40, "CON"])),
    ],
)
def test_F24_wherever_it_runs_the_same_bytes_come_out(
    environment: dict[str, str], name: str, engagements: Path, tmp_path: Path, batch: Batch, undisturbed: Path
) -> None:
    portfolio = Path(shutil.copytree(engagements, tmp_path / "in" / name))
    out = tmp_path / "out" / name
    ended = batch(portfolio, "--out", out, *only("delta"), environment=environment)
    assert ended.code == 0 and is_sound(out), ended.said
    assert same(out, undisturbed, "delta")


@pytest.mark.parametrize(
    ("signals", "codes"),
    [
        ([signal.SIGINT], [130]),
        ([signal.SIGTERM], [143]),
        ([signal.SIGINT] * 3, [130]),
        ([signal.SIGTERM, signal.SIGINT], [130, 143]),  # which of two that come at once is heard first is open
    ],
)
def test_F25_it_can_be_interrupted_at_any_time_and_says_where_it_stands(
    signals: list[signal.Signals], codes: list[int], portfolio: Path, tmp_path: Path, start: Start
) -> None:
    out = tmp_path / "out"
    run = start(portfolio, "--out", out, "--workers", "2")
    assert come_true(lambda: ("done" in states(out).values() and run.steps()) or run.process.poll() is not None)
    for number in signals:
        run.process.send_signal(number)
    ended = run.wait()
    assert ended.code in codes and run.left() == [] and "Traceback" not in ended.said, ended.said
    assert is_sound(out) and set(states(out).values()) <= {"done", "interrupted"}
    counts = report(out)["counts"]
    assert counts["done"] == list(states(out).values()).count("done") and counts["failed"] == 0
    assert f"4 engagements: {counts['done']} done, 0 failed, 0 skipped, {4 - counts['done']} not started" in ended.told


def test_F25_where_nothing_can_be_forked_an_interrupt_ends_the_jobs_too(
    portfolio: Path, tmp_path: Path, start: Start, kit: Kit
) -> None:
    out, begun = tmp_path / "out", [tmp_path / name for name in ("acme", "bolt")]
    cells = {path.name: [f"open({str(path)!r}, 'w').close()", "import time", "time.sleep(1000)"] for path in begun}
    environment = kit(cells, NO_FORKS)
    run = start(portfolio, "--out", out, *only("acme", "bolt"), "--workers", "2", environment=environment)
    assert come_true(lambda: all(path.exists() for path in begun) or run.process.poll() is not None)
    assert len(run.processes()) >= 5  # the runner, two jobs and their kernels
    run.process.send_signal(signal.SIGTERM)
    ended = run.wait()
    assert ended.code == 143 and run.left() == [] and adds_up(out), ended.said
    assert ended.said.count("ordinary kernels are used") == 1


def test_where_nothing_can_be_forked_the_same_audits_come_out(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit, undisturbed: Path
) -> None:
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, *only("acme"), environment=kit(code=NO_FORKS))
    assert ended.code == 0 and is_sound(out) and same(out, undisturbed, "acme"), ended.said


def test_F26_another_kit_makes_another_audit_and_leaves_the_old_one(
    finished: Path, engagements: Path, batch: Batch, kit: Kit
) -> None:
    before = {path: sha256(path) for folder in standing(finished) for path in folder.rglob("*") if path.is_file()}
    fingerprints = {name: record["fingerprint"] for name, record in records(finished).items()}
    ended = batch(engagements, "--out", finished, *only("acme"), environment=kit({"acme": ["pass"]}))
    assert ended.code == 0 and states(finished) == dict.fromkeys(CLIENTS, "done") and is_sound(finished)
    assert len(standing(finished)) == 5 and {path: sha256(path) for path in before} == before
    now = records(finished)["acme"]
    assert now["fingerprint"] != fingerprints["acme"] and now["fingerprint"][:12] == Path(now["folder"]).name


def test_F28_it_needs_no_network(portfolio: Path, tmp_path: Path, undisturbed: Path) -> None:
    apart = ["unshare", "--net", "--"]
    if not shutil.which("unshare") or subprocess.run([*apart, "true"], capture_output=True).returncode:
        pytest.skip("no process can be cut off from the network here")
    out = tmp_path / "out"
    run = Run([*apart, *command(portfolio, "--out", out, *only("acme"))], tmp_path / "run", os.environ)
    ended = run.wait()
    assert run.left() == [] and ended.code == 0 and is_sound(out), ended.said
    assert same(out, undisturbed, "acme")


def test_a_fault_of_the_kit_itself_is_told_once_and_not_tried_again(
    portfolio: Path, tmp_path: Path, batch: Batch, kit: Kit
) -> None:
    code = "import alignlib.batch.fingerprint as f\nf.fingerprint = lambda *_: 1 / 0\n"
    out = tmp_path / "out"
    ended = batch(portfolio, "--out", out, *only("acme", "bolt"), environment=kit(code=code))
    assert ended.code == 1 and adds_up(out)
    assert {record["attempt"] for record in records(out).values()} == {1}
    assert all(kind == "process" and "ZeroDivisionError" in said for kind, said in problems(out).values())
    assert errno.ENOSPC == 28  # the number that the injected faults stand for
