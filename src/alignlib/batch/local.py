"""Jobs on this machine: each in a fork of one warm process, or, where none can be forked, in a process of its own."""

import json
import os
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, BinaryIO

from alignlib.batch.job import LOGS, NO_ROOM, STAGE, Order, failure
from alignlib.batch.progress import Tell
from alignlib.batch.state import Failure, JobRecord
from alignlib.errors import AlignError, Problem
from alignlib.runs.kernels import Child, Warm
from alignlib.runs.processes import adopt_orphans, end_all, unfit

ATTEMPTS = 3  # of a job whose process was ended from outside
TRIES = 4  # to begin one
LONGEST_LOG, KEPT_OF_LOG = 10_000_000, 100_000  # bytes of what a job prints; of them, once it is more
GRACE, LOOK = 30.0, 0.1  # seconds beyond a job's own limit; between two looks at what runs
TARGET = "alignlib.batch.job:in_fork"


class Place:
    """Where do jobs run here? In forks of a warm process while one can be had; ``tell`` hears when none can.

    ``adopts``: what jobs leave behind comes to this process and is ended by it, with any other child that it has.
    """

    def __init__(self, preload: Sequence[str], tell: Tell, adopts: bool = True) -> None:
        why = unfit()
        self._preload, self._adopts, self._one_at_a_time = preload, adopts and not why, threading.Lock()
        self._warm: Warm | None = None
        if self._adopts:
            adopt_orphans()
        if not why:
            try:
                self._warm = Warm(preload)
                self._warm.ready()
                for left_out in self._warm.missing:
                    tell({"event": "note", "note": f"left out of the warm process: {left_out}"})
            except AlignError as error:
                why, self._warm = error.problems[0].what, None
        if why:
            what = "ordinary kernels are used, which takes several times longer and bounds no memory"
            tell({"event": "note", "note": f"{what}: {why}"})

    def close(self) -> None:
        """Ends what runs here."""
        if self._warm:
            self._warm.close()
        if self._adopts:
            end_all()

    def begin(self, order: Order) -> "_Running":
        """Which process carries out this order?"""
        logs = Path(order.out) / LOGS
        log, events = logs / f"{order.job}-{order.attempt}.log", logs / f"{order.job}-{uuid.uuid4().hex}.events"
        try:
            with log.open("ab") as said, events.open("wb") as told, self._one_at_a_time:
                said.truncate(0)
                process = self._forked(self._warm, order, told, said) if self._warm else _own_process(order, told, said)
            return _Running(order, process, events.open("rb"), log)
        except OSError as error:
            what, fix = f"a job cannot be begun ({error.strerror})", "make room, or check the folder's permissions"
            raise AlignError(Problem("E-WRITE", what, str(logs), fix=fix)) from error

    def _forked(self, warm: Warm, order: Order, told: BinaryIO, said: BinaryIO) -> Child:
        here = {"TMPDIR": str(Path(order.out) / STAGE)}  # what a killed process leaves there is cleared with the rest
        with Path(os.devnull).open("rb") as nothing:
            streams, more = (nothing, said, said), [told.fileno()]
            for tried in range(1, TRIES):
                with suppress(AlignError):
                    return warm.fork(TARGET, order.as_data(), Path(order.out), here, streams, more)
                if warm.is_alive():  # this machine has no process or memory to spare just now
                    time.sleep(tried)
                    continue
                warm.close()  # it was ended from outside; what it had forked went with it
                if self._adopts:
                    end_all()
                self._warm = warm = Warm(self._preload)
            return warm.fork(TARGET, order.as_data(), Path(order.out), here, streams, more)


@dataclass
class _Running:
    """One order in its process, and what it has told so far."""

    order: Order
    process: "Child | subprocess.Popen[bytes]"
    events: BinaryIO
    log: Path
    begun: float = field(default_factory=time.monotonic)
    record: JobRecord | None = None
    is_late: bool = False
    _rest: bytes = b""

    def look(self, tell: Tell) -> JobRecord | None:
        """What became of it? None while it runs; its events are passed on."""
        ended = self.process.poll()
        if ended is None and time.monotonic() - self.begun > self.order.job_seconds + GRACE:
            self.is_late = True
            self._kill()
        _shorten(self.log)
        *lines, self._rest = (self._rest + self.events.read()).split(b"\n")
        for event in filter(None, map(_event, lines)):
            if event["event"] == "end":
                self.record = JobRecord.model_validate(event["record"])
            else:
                tell(event)
        if ended is None:
            return None
        self.events.close()
        Path(self.events.name).unlink(missing_ok=True)
        return self.record or _ended_early(self.order, ended, time.monotonic() - self.begun, self.is_late)

    def stop(self) -> None:
        """Ends it: nobody waits for it any more."""
        self._kill()
        if isinstance(self.process, subprocess.Popen):
            self.process.wait()
        self.events.close()
        Path(self.events.name).unlink(missing_ok=True)

    def _kill(self) -> None:
        if isinstance(self.process, subprocess.Popen) and hasattr(os, "killpg"):
            with suppress(ProcessLookupError):
                os.killpg(self.process.pid, signal.SIGKILL)
        else:
            self.process.send_signal(getattr(signal, "SIGKILL", signal.SIGTERM))


def carry_out(
    orders: Sequence[Order], workers: int, tell: Tell, place: Place, wanted: Callable[[], bool] = lambda: True
) -> Iterator[JobRecord]:
    """What became of each of these jobs, as they end? So many at a time; ``tell`` hears what happens meanwhile.

    A job whose process was ended from outside is tried twice more, one that took too much memory once more and alone;
    a fault of the data is final. Once they are not ``wanted`` any more, what runs is ended and nothing is said of it.
    """
    waiting, alone, running = deque(orders), deque[Order](), list[_Running]()
    try:
        while (waiting or alone or running) and wanted():
            while waiting and len(running) < workers:
                order = waiting.popleft()
                tell({"event": "begin", "job": order.job, "attempt": order.attempt})
                try:
                    running.append(place.begin(order))
                except AlignError as error:
                    if error.problems[0].code != "E-KERNEL":
                        raise
                    yield order.failed(failure(error.problems[0]))
            if alone and not running and not waiting:
                waiting.append(alone.popleft())
                continue
            _wait(running)
            for job in list(running):
                record = job.look(tell)
                if record is None:
                    continue
                running.remove(job)
                kind = record.problem.kind if record.problem else ""
                following = replace(job.order, attempt=job.order.attempt + 1)
                if kind == "interrupted" and job.order.attempt < ATTEMPTS:
                    waiting.append(following)
                elif kind == "memory" and job.order.attempt == 1 and workers > 1:
                    alone.append(following)
                else:
                    yield record
    finally:
        for job in running:
            job.stop()


def _wait(running: list[_Running]) -> None:
    """Until one of the forks has something to tell, or it is time to look."""
    leashes = [job.process.leash for job in running if isinstance(job.process, Child)]
    if not leashes:
        time.sleep(LOOK)
        return
    poll = select.poll()
    for leash in leashes:
        poll.register(leash, select.POLLIN)
    poll.poll(LOOK * 1000)


def _own_process(order: Order, told: BinaryIO, said: BinaryIO) -> "subprocess.Popen[bytes]":
    call = [sys.executable, "-P", "-m", "alignlib.batch.job"]
    process = subprocess.Popen(call, stdin=subprocess.PIPE, stdout=told, stderr=said, start_new_session=True)
    if process.stdin:
        with process.stdin as pipe:
            pipe.write(json.dumps(order.as_data()).encode())
    return process


def _shorten(log: Path) -> None:
    """Keeps only the end, which says most, of what a job printed when it is too much. Jobs write at its end."""
    with suppress(OSError):
        if log.stat().st_size > LONGEST_LOG:
            with log.open("r+b") as said:
                said.seek(-KEPT_OF_LOG, os.SEEK_END)
                last = said.read(KEPT_OF_LOG)
                said.seek(0)
                said.truncate()
                said.write(b"(what was printed until here was dropped: too much)\n" + last)


def _event(line: bytes) -> dict[str, Any]:
    """What is told in this line? Nothing where a full disk cut it short."""
    try:
        return dict(json.loads(line))
    except ValueError:
        return {}


def _ended_early(order: Order, code: int, seconds: float, is_late: bool) -> JobRecord:
    """What is said of a job whose process did not live to say it."""
    how = f"signal {-code}" if code < 0 else f"exit code {code}"
    sentence = f"its process was ended from outside ({how}), {order.attempt} of {ATTEMPTS} times: run the batch again"
    problem = Failure(kind="interrupted", sentence=sentence)
    if code == NO_ROOM:
        problem = failure(Problem("E-WRITE", "what became of it could not be written", order.out))
    if is_late:
        what = f"the audit took longer than {order.job_seconds:g} seconds and was ended"
        problem = failure(Problem("E-TIME", what))
    return order.failed(problem, seconds)
