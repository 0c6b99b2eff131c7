"""Many audits: which engagements, one runner at a time, what became of each, and what is said of them all."""

import json
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, NamedTuple

from alignlib import __version__
from alignlib.batch.fingerprint import CLIENTS, kit_fingerprint, verify
from alignlib.batch.job import LOGS, STAGE, Order
from alignlib.batch.local import Place, carry_out
from alignlib.batch.plan import Job, read_plan, refuse_addresses, select
from alignlib.batch.progress import Tell
from alignlib.batch.state import PLAN, JobRecord, damaged_records, read_records, what_became, write_record
from alignlib.errors import AlignError, Problem
from alignlib.files import locked, make_folder, write_file
from alignlib.preload import PRELOAD
from alignlib.runs.processes import end_marked

LOCK = "private/lock"  # in a batch's folder
MARK = "ALIGNLIB_BATCH"  # in the environment of every process of a batch: its folder
OWN = ("alignlib.batch.job", "alignlib.batch.fingerprint:kit_fingerprint")  # what each job needs besides
SPARE = 500_000_000  # bytes that must be free beside three times the inputs


@dataclass(frozen=True)
class Limits:
    """How much may a batch take: jobs at a time, seconds a notebook and a job, bytes of memory a step?"""

    workers: int = 2
    seconds: float = 600
    job_seconds: float = 3600
    memory: int = 4 << 30


class Choice(NamedTuple):
    """Which engagements of the portfolio are meant, and are they audited even when nothing changed?"""

    only: Sequence[str] = ()
    since: date | None = None
    force: bool = False


def run_batch(
    portfolio: Path, out: Path, tell: Tell, limits: Limits, choice: Choice, scheduler: str = ""
) -> list[JobRecord]:
    """What became of each engagement of this portfolio? One record for each that was planned, by name.

    Audits go to ``out/clients``; records are written as jobs end, and the overview at the end, also when the batch is
    interrupted: what was begun then is ``interrupted``, what was not ``not started``, and the same command goes on from
    there. In the end no child of this process is left, whoever started it.
    Raises AlignError: E-LOCKED (another runner works on ``out``), E-WRITE, and what ``read_plan`` raises.
    """
    refuse_addresses(portfolio, out)
    plan = read_plan(portfolio)
    meant = select(plan, choice.only, choice.since)
    make_folder(out / "private", private=True)
    out = out.resolve()
    with locked(out / LOCK):
        _sweep(out)
        _room(out, meant)
        began = datetime.now(UTC)
        kit = kit_fingerprint()
        planned = [{"job": job.name, "engagement": str(job.engagement)} for job in plan]
        write_file(out / PLAN, json.dumps({"kit_version": __version__, "kit": kit, "jobs": planned}, indent=1), True)
        orders = [_order(job, out, kit, limits, choice.force) for job in meant]
        tell({"event": "plan", "jobs": len(orders), "workers": limits.workers})
        hear = _Heard(out, {order.job: Path(order.engagement).name for order in orders}, tell)
        os.environ[MARK] = str(out)  # whoever comes after a runner that was killed finds by it what that had started
        try:
            with closing(_run(orders, hear, limits, scheduler)) as records_as_they_end:
                for record in records_as_they_end:
                    hear.ended(record)
        finally:
            with _undisturbed():
                del os.environ[MARK]
                _clear(out)
                hear.stopped()
                records = what_became(out)
                _overview(out, began)
    return records


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Whoever asks this process to end meanwhile is heard afterwards."""
    if not hasattr(signal, "pthread_sigmask"):  # Windows
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGTERM})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _order(job: Job, out: Path, kit: str, limits: Limits, force: bool) -> Order:
    since = str(job.since.resolve()) if job.since else None
    return Order(job.name, str(job.engagement.resolve()), str(out), kit, since, 1, force,
                 limits.seconds, limits.job_seconds, limits.memory)  # fmt: skip


def _run(orders: list[Order], tell: "_Heard", limits: Limits, scheduler: str) -> Generator[JobRecord]:
    if scheduler and orders:
        from alignlib.batch import cluster

        yield from cluster.carry_out(orders, scheduler, tell)
    elif orders:
        with closing(Place((*PRELOAD, *OWN), tell)) as place:
            yield from carry_out(orders, limits.workers, tell, place)


def _overview(out: Path, made_at: datetime) -> None:
    """Writes it in a process of its own: what hundreds of audits say takes more memory than a runner should hold."""
    call = [sys.executable, "-P", "-m", "alignlib.batch.overview", str(out), made_at.isoformat()]
    environment = os.environ | {MARK: str(out)}  # in a session of its own: no second Ctrl-C is for it
    ended = subprocess.run(
        call, env=environment, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, start_new_session=True, check=False
    )
    if ended.returncode:
        problems = json.loads(ended.stdout or b"[]")
        what, fix = "the overview could not be written", "run the batch again: it goes on from here"
        raise AlignError([Problem(**each) for each in problems] or Problem("E-FAULT", what, str(out), fix=fix))


class _Heard:
    """Writes down what becomes of each job as it is told, and passes it on."""

    def __init__(self, out: Path, names: dict[str, str], tell: Tell) -> None:
        self._out, self._names, self._tell, self._running = out, names, tell, dict[str, JobRecord]()

    def __call__(self, event: Mapping[str, Any]) -> None:
        if event["event"] == "begin":
            name = str(event["job"])
            record = JobRecord(job=name, engagement=self._names[name], state="running", attempt=event["attempt"])
            self._running[name] = record  # first: an interrupt may come while it is written
            write_record(self._out, record)
        self._tell(event)

    def ended(self, record: JobRecord) -> None:
        self._running[record.job] = record
        write_record(self._out, record)
        del self._running[record.job]
        self._tell({"event": "end", "job": record.job, "record": record.as_data()})

    def stopped(self) -> None:
        """What was begun and has not ended was interrupted; what had ended is written down."""
        for record in self._running.values():
            is_open = record.state == "running"
            write_record(self._out, record.model_copy(update={"state": "interrupted"}) if is_open else record)


def verify_batch(out: Path) -> list[Problem]:
    """Which files of the audits that stand in this batch are not what was recorded? Reads every one of them.

    Earlier audits too: they were given to somebody.
    Raises AlignError (E-OPEN) when this is no batch.
    """
    if not (out / PLAN).is_file():
        raise AlignError(Problem("E-OPEN", "this folder holds no batch", str(out), fix="run: alignlib batch"))
    damaged = [
        Problem("E-CORRUPT", "the record of this job cannot be read", name, fix="run the batch again: it is made anew")
        for name in damaged_records(out)
    ]
    told = {out / record.folder for record in read_records(out) if record.folder}
    return damaged + [problem for folder in sorted({*told, *(out / CLIENTS).glob("*/*")}) for problem in verify(folder)]


def _sweep(out: Path) -> None:
    """Ends and removes what a runner left that was ended from outside: its processes, stages and half files."""
    end_marked(MARK, str(out))
    _clear(out)
    make_folder(out / LOGS, private=True)
    for path in (*out.glob(".tmp-*"), *(out / "private").rglob(".tmp-*")):
        path.unlink(missing_ok=True)
    for record in read_records(out):
        if record.state == "running":
            write_record(out, record.model_copy(update={"state": "interrupted"}))


def _clear(out: Path) -> None:
    """Empties the stage: a process that was killed left there what it had of a client; and what nobody reads now."""
    shutil.rmtree(out / STAGE, ignore_errors=True)
    make_folder(out / STAGE, private=True)
    for path in (out / LOGS).glob("*.events"):
        path.unlink(missing_ok=True)


def _room(out: Path, jobs: list[Job]) -> None:
    """Is there room for what these jobs write? Raises AlignError (E-WRITE) before any has begun."""
    wanted = SPARE
    for path in (Path(folder, name) for job in jobs for folder, _, names in os.walk(job.engagement) for name in names):
        with suppress(OSError):  # gone since
            wanted += 3 * path.lstat().st_size
    free = shutil.disk_usage(out).free
    if free < wanted:
        what = f"{free / 1e9:.1f} GB are free, and {wanted / 1e9:.1f} GB may be needed"
        raise AlignError(Problem("E-WRITE", what, where=str(out), fix="make room, or give --out another disk"))
