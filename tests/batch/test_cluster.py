"""Many audits on a Dask cluster: a scheduler and workers of our own, on loopback, ended by their ids."""

import importlib
import json
import os
import queue
import re
import signal
import socket
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, TypeVar

import pytest
import yaml
from typer.main import get_command

from alignlib.batch import cluster, local
from alignlib.batch.fingerprint import kit_fingerprint
from alignlib.batch.job import CLIENTS, LOGS, STAGE, Order
from alignlib.batch.plan import read_plan, refuse_addresses
from alignlib.batch.runner import Choice, Limits, run_batch
from alignlib.batch.state import JobRecord, read_records
from alignlib.cli import app
from alignlib.editions import DONE, RESULTS, recorded
from alignlib.errors import AlignError
from alignlib.files import sha256
from alignlib.resources import read_resource
from alignlib.runs.processes import unfit
from alignlib.samples import write_sample

Wanted = TypeVar("Wanted")
Event = dict[str, Any]
TABLES = ("facts", "scorecards", "plan")  # an audit of these alone is a small one
needs_dask = pytest.mark.skipif(importlib.util.find_spec("distributed") is None, reason="needs alignlib[cluster]")
needs_fork = pytest.mark.skipif(bool(unfit()), reason=unfit())


def within(seconds: float, what: Callable[[], Wanted]) -> Wanted:
    """What comes of this, at the latest after so many seconds?"""
    answers: queue.SimpleQueue[tuple[Any, BaseException | None]] = queue.SimpleQueue()

    def answer() -> None:
        try:
            answers.put((what(), None))
        except BaseException as error:  # noqa: BLE001
            answers.put((None, error))

    threading.Thread(target=answer, daemon=True).start()
    came, error = answers.get(timeout=seconds)
    if error:
        raise error
    return came  # type: ignore[no-any-return]


def until(seconds: float, holds: Callable[[], Any]) -> Any:
    """What does this say once it says something? Fails when it does not in so many seconds."""
    end = time.monotonic() + seconds
    while not (said := holds()):
        assert time.monotonic() < end, "waited for in vain"
        time.sleep(0.1)
    return said


@dataclass
class Cluster:
    """A scheduler and its workers. Whatever any of them starts carries the same mark in its environment."""

    folder: Path
    mark: str = field(default_factory=lambda: f"ALIGNLIB_TEST={uuid.uuid4().hex}")
    started: list[subprocess.Popen[bytes]] = field(default_factory=list)

    def start(self, *call: str) -> subprocess.Popen[bytes]:
        name, value = self.mark.split("=")
        with (self.folder / f"{len(self.started)}.log").open("wb") as log:
            process = subprocess.Popen([sys.executable, "-m", f"distributed.cli.dask_{call[0]}", *call[1:]], stdout=log,
                                       stderr=log, env=os.environ | {name: value}, cwd=self.folder)  # fmt: skip
        self.started.append(process)
        return process

    @property
    def address(self) -> str:
        file = self.folder / "scheduler.json"
        if not self.started:
            self.start("scheduler", "--host", "127.0.0.1", "--port", "0", "--dashboard-address", "127.0.0.1:0",
                       "--scheduler-file", str(file))  # fmt: skip
            until(60, lambda: file.exists() and file.stat().st_size)
        return str(json.loads(file.read_text(encoding="utf-8"))["address"])

    def add_workers(self, number: int) -> dict[str, int]:
        """The process ids of all workers by address, once so many more have come."""
        from distributed import Client

        for _ in range(number):
            self.start("worker", self.address, "--no-nanny", "--nthreads", "1", "--no-dashboard", "--host",
                       "127.0.0.1", "--local-directory", str(self.folder))  # fmt: skip
        new = {process.pid for process in self.started[-number:]}
        with Client(self.address, set_as_default=False) as client:

            def pids() -> dict[str, int]:  # one that was killed a moment ago may still be known, and does not answer
                return dict(client.run(os.getpid, on_error="ignore"))

            return dict(until(90, lambda: new <= set((known := pids()).values()) and known))

    def marked(self) -> list[int]:
        """Which processes are of this cluster, at any depth?"""
        found = []
        for path in Path("/proc").glob("[0-9]*/environ"):
            try:
                if self.mark.encode() in path.read_bytes().split(b"\0"):
                    found.append(int(path.parent.name))
            except OSError:
                continue
        return found

    def end(self) -> None:
        for process in self.started:
            process.kill()
            process.wait(30)


@pytest.fixture
def dask(tmp_path: Path) -> Iterator[Cluster]:
    (tmp_path / "cluster").mkdir()
    made = Cluster(tmp_path / "cluster")
    yield made
    made.end()
    until(30, lambda: not made.marked())  # whatever a test did, nothing of it is left


def small(folder: Path, number: int, *more: str) -> Path:
    """An engagement of few and short files."""
    write_sample(folder, planted=number % 2 == 0)
    given, wanted = yaml.safe_load((folder / "engagement.yml").read_text(encoding="utf-8")), (*TABLES, *more)
    for entry in given["inputs"]:
        if entry["table"] not in wanted:
            (folder / "data" / entry["file"]).unlink(missing_ok=True)
    given |= {"client": f"Client {number}", "inputs": [each for each in given["inputs"] if each["table"] in wanted]}
    (folder / "engagement.yml").write_text(yaml.safe_dump(given, sort_keys=False), encoding="utf-8")
    return folder


@pytest.fixture(scope="module")
def portfolio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("portfolio")
    for number in range(4):  # answers to a survey are what must not be published twice in two ways
        small(folder / f"client-{number}", number, *(["responses"] if number < 2 else []))
    return folder


def order_of(engagement: Path, out: Path) -> Order:
    (out / STAGE).mkdir(parents=True, exist_ok=True)
    (out / LOGS).mkdir(parents=True, exist_ok=True)
    (job,) = read_plan(engagement)
    return Order(job.name, str(engagement), str(out), kit_fingerprint(), seconds=120, job_seconds=300)


def nothing(event: Any) -> None:
    """Hears what happens, and says nothing."""


def whole(out: Path, record: JobRecord) -> bool:
    """Is every file of this audit there as it was recorded?"""
    folder = out / str(record.folder)
    files = recorded(folder)["files"]
    return RESULTS in files and all(sha256(folder / name) == digest for name, digest in files.items())


def said(out: Path, record: JobRecord) -> tuple[Any, ...]:
    """What a record says that hangs on the client alone, and the figures."""
    figures = (out / str(record.folder) / RESULTS).read_bytes()
    told = record.model_dump(exclude={"seconds", "cpu_seconds", "peak_mb", "attempt", "state"})
    return told, figures


# --- with nobody there ------------------------------------------------------------------------------------------------


@needs_dask
@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nowhere", "tls://127.0.0.1:1", "http://127.0.0.1:1"])
def test_where_no_scheduler_answers_it_is_said_at_which_address(
    address: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    order = Order("a-1", str(tmp_path), str(tmp_path), "kit")
    with pytest.raises(AlignError, match="no Dask scheduler answers") as caught:
        within(60, lambda: list(cluster.carry_out([order], address, nothing)))
    (problem,) = caught.value.problems
    assert (problem.code, problem.where) == ("E-USE", address) and "dask scheduler" in problem.fix


@needs_dask
def test_a_server_of_another_kind_is_not_waited_for_without_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "SECONDS_TO_CONNECT", 1)
    with socket.create_server(("127.0.0.1", 0)) as mute:
        address = f"tcp://127.0.0.1:{mute.getsockname()[1]}"
        with pytest.raises(AlignError, match="no Dask scheduler answers"):
            within(60, lambda: list(cluster.carry_out([Order("a-1", "a", str(tmp_path), "kit")], address, nothing)))


def test_without_the_package_it_is_said_how_to_install_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(AlignError, match=r"alignlib\[cluster\]"):
        next(cluster.carry_out([Order("a-1", "a", str(tmp_path), "kit")], "tcp://127.0.0.1:8786", nothing))


@pytest.mark.parametrize("address", ["s3://bucket/clients", "memory://x", "file:///clients", "/here/s3:/bucket"])
def test_an_address_where_a_folder_is_wanted_is_refused_before_anything_is_asked(address: str, tmp_path: Path) -> None:
    for portfolio, out in ((Path(address), tmp_path), (tmp_path, Path(address))):
        with pytest.raises(AlignError, match="not on addresses"):
            run_batch(portfolio, out, nothing, Limits(), Choice(), "tcp://127.0.0.1:1")
    refuse_addresses(tmp_path, Path("C:/clients"), Path("a:b/c"))


@needs_dask
def test_a_scheduler_without_workers_is_given_up_after_a_while(
    dask: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cluster, "PATIENCE", 1)
    order = order_of(small(tmp_path / "client", 1), tmp_path / "out")
    with pytest.raises(AlignError, match="had no worker") as caught:
        within(60, lambda: list(cluster.carry_out([order], dask.address, nothing)))
    assert "dask worker" in caught.value.problems[0].fix
    assert list((tmp_path / "out" / STAGE).iterdir()) == []


# --- one worker -------------------------------------------------------------------------------------------------------


@needs_dask
@needs_fork
def test_a_job_is_carried_out_on_a_worker_and_one_that_cannot_be_done_right_is_not_begun(
    dask: Cluster, tmp_path: Path
) -> None:
    dask.add_workers(1)
    out, heard = tmp_path / "out", list[Event]()
    order = order_of(small(tmp_path / "client", 1), out)
    orders = [
        replace(order, job="other-kit", kit="0" * 64),
        replace(order, job="unseen", engagement=str(tmp_path / "elsewhere")),
        order,
    ]
    records = within(240, lambda: {r.job: r for r in cluster.carry_out(orders, dask.address, heard.append)})

    problem = records["other-kit"].problem
    assert problem and problem.kind == "settings"
    assert "0" * 12 in problem.sentence and kit_fingerprint()[:12] in problem.sentence
    problem = records["unseen"].problem
    assert problem and problem.kind == "settings" and str(tmp_path / "elsewhere") in problem.sentence

    done = records[order.job]
    assert done.state == "done" and done.attempt == 1 and whole(out, done) and done.cpu_seconds > 0
    assert {event["job"] for event in heard} == {order.job}
    assert [event["event"] for event in heard] == ["begin", *["step"] * 6]
    assert list((out / STAGE).iterdir()) == []

    (again,) = within(60, lambda: list(cluster.carry_out([order], dask.address, nothing)))
    assert again.state == "skipped" and said(out, again) == said(out, done)


def test_a_kit_that_is_missing_on_a_worker_is_a_matter_of_settings() -> None:
    assert cluster._why(ModuleNotFoundError("No module named 'alignlib'")).kind == "settings"
    why = cluster._why(ValueError("x"))
    assert (why.kind, why.sentence) == ("process", "its worker ended it with ValueError: x")


def test_where_nothing_can_be_forked_a_worker_gives_a_job_a_process_of_its_own(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(local, "unfit", lambda: "a test asks for it")
    monkeypatch.setattr(cluster, "_PLACES", [])
    engagement = tmp_path / "client"
    engagement.mkdir()
    (engagement / "engagement.yml").write_text("client: [", encoding="utf-8")
    order, heard = order_of(engagement, tmp_path / "out"), list[Event]()
    record = within(120, lambda: cluster.carried_out(order, heard.append, lambda: True))
    assert record.state == "failed" and record.problem and record.problem.code == "E-CONFIG"
    assert [(event["event"], event["job"]) for event in heard] == [("note", order.job), ("begin", order.job)]
    record = within(60, lambda: cluster.carried_out(order, heard.append, lambda: False))
    assert record.problem and record.problem.kind == "interrupted" and len(heard) == 2


@needs_dask
def test_every_command_of_the_guide_takes_the_options_it_is_given() -> None:
    from distributed.cli import dask_scheduler, dask_worker

    known: Any = {
        "alignlib": get_command(app).commands["batch"],  # type: ignore[attr-defined]
        "scheduler": dask_scheduler.main,
        "worker": dask_worker.main,
    }
    text = read_resource("playbook", "guide-many-clients.md")
    blocks = re.findall(r"```(\w*)\n(.*?)```", text, re.S)
    manifests = [made for kind, block in blocks if kind == "yaml" for made in yaml.safe_load_all(block)]
    assert {manifest["kind"] for manifest in manifests if "kind" in manifest} == {"Deployment", "Service", "CronJob"}
    lines = [re.sub(r"#.*", "", line) for kind, block in blocks if not kind for line in block.splitlines()]
    asked = [list(map(str, command)) for command in commands(manifests)]
    asked += [said[0].split() for line in lines if (said := re.search(r"(alignlib batch|dask) .*", line))]
    assert len(asked) >= 7
    for program, *given in asked:
        if program == "dask":
            program, *given = given
        options = {option for param in known[program].params for option in (*param.opts, *param.secondary_opts)}
        assert {word for word in given if word.startswith("--")} <= options, (program, given)


def commands(part: Any) -> Iterator[list[Any]]:
    """Every command in these manifests, at any depth."""
    if isinstance(part, dict):
        yield from ([part["command"]] if "command" in part else [])
        part = list(part.values())
    for each in part if isinstance(part, list) else []:
        yield from commands(each)


# --- faults -----------------------------------------------------------------------------------------------------------


@needs_dask
@needs_fork
@pytest.mark.faults
def test_a_worker_killed_in_the_middle_changes_no_record_and_no_figure(
    dask: Cluster, portfolio: Path, tmp_path: Path
) -> None:
    here, there = tmp_path / "here", tmp_path / "there"
    alone = run_batch(portfolio, here, nothing, Limits(2), Choice())
    pids = dask.add_workers(2)
    killed: list[str] = []

    def tell(event: Any) -> None:
        if event["event"] == "step" and event["number"] == event["of"] and not killed:  # it is about to be published
            killed.append(event["job"])
            os.kill(pids[event["worker"]], signal.SIGKILL)

    together = within(420, lambda: run_batch(portfolio, there, tell, Limits(2), Choice(), dask.address))
    assert [record.state for record in together] == [record.state for record in alone] == ["done"] * 4
    assert [said(there, record) for record in together] == [said(here, record) for record in alone]
    assert all(whole(there, record) for record in together)
    assert {record.job: record.attempt for record in together if record.attempt > 1} == {killed[0]: 2}
    assert list((there / STAGE).iterdir()) == []
    assert len(list((there / CLIENTS).glob(f"*/*/{DONE}"))) == 4


@needs_dask
@needs_fork
@pytest.mark.trust
def test_a_job_that_ends_its_worker_three_times_has_failed_and_the_others_have_not(
    dask: Cluster, portfolio: Path, tmp_path: Path
) -> None:
    pids, deaths = dask.add_workers(2), list[int]()
    victim = read_plan(portfolio)[0].name

    def tell(event: Any) -> None:
        if event["event"] == "begin" and event["job"] == victim:
            deaths.append(event["attempt"])
            os.kill(pids.pop(event["worker"]), signal.SIGKILL)
            pids.update(dask.add_workers(1))

    records = within(420, lambda: run_batch(portfolio, tmp_path / "out", tell, Limits(2), Choice(), dask.address))
    assert deaths == [1, 2, 3]
    assert [record.state for record in records] == ["failed", "done", "done", "done"]
    problem = records[0].problem
    assert problem and problem.kind == "interrupted" and "3 of 3 times" in problem.sentence
    assert all(record.attempt == 1 for record in records[1:])


@needs_dask
@needs_fork
@pytest.mark.trust
def test_when_the_runner_is_killed_its_jobs_end_on_the_workers_and_the_same_command_goes_on(
    dask: Cluster, portfolio: Path, tmp_path: Path
) -> None:
    dask.add_workers(1)
    call = [sys.executable, "-m", "alignlib.cli", "batch", str(portfolio), "--out", str(tmp_path / "out"), "--json",
            "--scheduler", dask.address, "--only", "client-0"]  # fmt: skip
    runner = subprocess.Popen(call, stdout=subprocess.PIPE, text=True)
    watchdog = threading.Timer(240, runner.kill)
    watchdog.start()
    assert runner.stdout
    next(line for line in runner.stdout if json.loads(line)["event"] == "step")
    busy = len(dask.marked())
    runner.kill()
    runner.wait(30)
    watchdog.cancel()
    until(60, lambda: len(dask.marked()) < busy and not list((tmp_path / "out" / CLIENTS).glob("*/*")))
    records = within(240, lambda: run_batch(portfolio, tmp_path / "out", nothing, Limits(1),
                                            Choice(only=["client-0"]), dask.address))  # fmt: skip
    assert {record.engagement: record.state for record in records}["client-0"] == "done"


@needs_dask
@needs_fork
@pytest.mark.trust
def test_a_scheduler_that_goes_away_ends_the_batch_and_what_ran_is_interrupted(
    dask: Cluster, portfolio: Path, tmp_path: Path
) -> None:
    dask.add_workers(1)
    scheduler = dask.started[0]

    def tell(event: Any) -> None:
        if event["event"] == "step" and event["number"] == 2:
            scheduler.kill()

    with pytest.raises(AlignError, match="went away"):
        within(240, lambda: run_batch(portfolio, tmp_path / "out", tell, Limits(1), Choice(), dask.address))
    report = json.loads((tmp_path / "out" / "batch-report.json").read_text(encoding="utf-8"))
    assert report["counts"]["done"] == report["counts"]["failed"] == 0
    assert [record.state for record in read_records(tmp_path / "out")] == ["interrupted"]


@needs_dask
@needs_fork
@pytest.mark.trust
def test_a_warm_process_that_is_killed_is_replaced(dask: Cluster, portfolio: Path, tmp_path: Path) -> None:
    (pid,) = dask.add_workers(1).values()
    killed: list[str] = []

    def tell(event: Any) -> None:
        if event["event"] == "step" and event["number"] == 2 and not killed:
            killed.append(event["job"])
            os.kill(_child_of(pid), signal.SIGKILL)

    records = within(420, lambda: run_batch(portfolio, tmp_path / "out", tell, Limits(1), Choice(), dask.address))
    assert [record.state for record in records] == ["done"] * 4
    assert {record.job: record.attempt for record in records if record.attempt > 1} == dict.fromkeys(killed, 2)
    assert len(killed) == 1


def _child_of(pid: int) -> int:
    """The one process that this one started."""
    from alignlib.runs.processes import children

    (child,) = children(pid)
    return child
