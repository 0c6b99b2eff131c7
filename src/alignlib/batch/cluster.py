"""Jobs on a Dask cluster: one task a job, each in a fork of a warm process that a keeper beside the worker looks after.

The processes are: the runner, which holds the client; a Dask worker, which has threads and so must not fork; its keeper
(``python -m alignlib.batch.cluster FD``), which has none; the keeper's warm process, and the forks of that. Each ends
with the one before it. The folder of the batch is shared: every worker sees it, and the engagements, under one path.
"""

import asyncio
import json
import os
import queue
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
import uuid
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from importlib import import_module
from pathlib import Path
from typing import Any

from alignlib.batch import local
from alignlib.batch.fingerprint import kit_fingerprint
from alignlib.batch.job import LOGS, STAGE, Order, Tell
from alignlib.batch.plan import refuse_addresses
from alignlib.batch.state import Failure, JobRecord, Kind
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, write_file
from alignlib.preload import PRELOAD
from alignlib.runs.processes import unfit
from alignlib.runs.warm import MOST

SECONDS_TO_CONNECT, PATIENCE = 20, 300  # until a scheduler answers; while it has no worker
LOOK = 1.0  # seconds between two looks: of the runner at the cluster, of a task at whether it is still wanted
INSTALL = 'pip install "alignlib[cluster]"'


def carry_out(orders: Sequence[Order], scheduler: str, tell: Tell) -> Iterator[JobRecord]:
    """What became of each of these jobs on the cluster of this scheduler, as they end?

    A job whose worker was ended goes to another one, three times at most; ``tell`` hears what happens meanwhile. When
    the caller goes away, jobs still running on workers are ended.
    Raises AlignError (E-USE): the package distributed is not installed, nothing answers there, or no worker is left.
    """
    refuse_addresses(*(Path(path) for order in orders for path in (order.engagement, order.out)))
    client = _connected(scheduler)
    run = str(client.id)  # what is told under this name the scheduler forgets some time after the client has left
    stages = {Path(order.out) / STAGE for order in orders}
    batch = _Batch(client, scheduler, run, tell)
    try:
        for stage in stages:
            make_folder(stage / run, private=True)
        client.subscribe_topic(run, lambda event: batch.inbox.put(event[1]))
        yield from batch.carry_out(orders)
    finally:
        with suppress(Exception):  # the scheduler may be gone; then nothing of ours is wanted any more
            client.cancel([future for _, future in batch.running.values()])
        with suppress(Exception):
            client.close(timeout=SECONDS_TO_CONNECT)
        for left in (left for stage in stages for left in stage.glob("*")):  # also what a killed worker left
            shutil.rmtree(left, ignore_errors=True)


def _distributed() -> Any:
    try:
        return import_module("distributed")
    except ImportError as error:
        what = "a cluster needs the package distributed, which is not installed"
        raise AlignError(Problem("E-USE", what, fix=INSTALL)) from error


def _connected(scheduler: str) -> Any:
    """A client of the scheduler at this address. Raises AlignError (E-USE) when none answers in time."""
    distributed = _distributed()

    async def knock() -> None:  # a client that finds nobody would try to say goodbye, for a minute and loudly
        given = distributed.Security().get_connection_args("client")
        asked = distributed.connect(scheduler, timeout=SECONDS_TO_CONNECT, **given)
        # waited for here too: for the answer of what is no scheduler it would wait without end
        await (await asyncio.wait_for(asked, SECONDS_TO_CONNECT + 1)).close()

    try:
        asyncio.run(knock())
        return distributed.Client(scheduler, timeout=SECONDS_TO_CONNECT, set_as_default=False, name="alignlib")
    except (OSError, ValueError, TypeError, RuntimeError) as error:  # what a wrong address, port or certificate gives
        why = str(error).splitlines()[0] if str(error) else type(error).__name__
        fix = "start one there (dask scheduler), or name its address as in tcp://host:8786"
        raise AlignError(Problem("E-USE", f"no Dask scheduler answers there: {why}", scheduler, fix=fix)) from error


@dataclass
class _Batch:
    """Which jobs are on the cluster now, and what has been heard of them?

    No more are handed over than there are threads of workers: what waits with a worker that dies is blamed by Dask.
    """

    client: Any
    scheduler: str
    run: str
    tell: Tell
    inbox: "queue.SimpleQueue[Any]" = field(default_factory=queue.SimpleQueue)
    running: dict[str, tuple[Order, Any]] = field(default_factory=dict)  # by job: as handed over, and its future
    _manned: float = field(default_factory=time.monotonic)  # when a worker was last seen

    def carry_out(self, orders: Sequence[Order]) -> Iterator[JobRecord]:
        waiting = deque(orders)
        while waiting or self.running:
            width = self._width()
            while waiting and len(self.running) < width:
                self._hand_over(waiting.popleft())
            with suppress(queue.Empty):
                heard = self.inbox.get(timeout=LOOK)
                if isinstance(heard, dict):
                    if heard.get("job") in self.running:  # not of one that has ended by now
                        self.tell(heard)
                    continue
                if (record := self._ended(heard)) is not None:
                    yield record

    def _width(self) -> int:
        """How many threads have the workers now? Raises AlignError (E-USE) when there was none for too long."""
        try:
            threads = int(sum(self.client.nthreads().values()))
        except (OSError, TimeoutError) as error:
            raise self._gone() from error
        now = time.monotonic()
        if threads:
            self._manned = now
        elif now - self._manned > PATIENCE:
            what = f"for {PATIENCE} seconds this scheduler had no worker"
            fix = "start some (dask worker ADDRESS --nthreads 1), then run the same command again"
            raise AlignError(Problem("E-USE", what, where=self.scheduler, fix=fix))
        return threads

    def _hand_over(self, order: Order) -> None:
        key = f"{order.job}-{order.attempt}-{self.run}"
        future = self.client.submit(on_worker, order.as_data(), self.run, key=key, pure=False, retries=0)
        self.running[order.job] = (order, future)
        future.add_done_callback(self.inbox.put)

    def _ended(self, future: Any) -> JobRecord | None:
        """What became of the job of this future? None when it is handed over again."""
        order = next(order for order, each in self.running.values() if each.key == future.key)
        if future.status not in ("finished", "error"):
            raise self._gone()
        del self.running[order.job]
        if future.status == "finished":
            return JobRecord.model_validate(future.result())
        if type(error := future.exception()).__name__ != "KilledWorker":
            return _failed(order, *_why(error))
        # Dask may blame a job for what another did to its worker
        if max(len(_marks(order, self.run)), order.attempt) < local.ATTEMPTS:
            self._hand_over(replace(order, attempt=order.attempt + 1))
            return None
        return _killer(order)

    def _gone(self) -> AlignError:
        fix = "start it, then run the same command again: it goes on from there"
        return AlignError(Problem("E-USE", "this Dask scheduler went away", where=self.scheduler, fix=fix))


def _why(error: BaseException) -> tuple[Kind, str]:
    """Of which class is it, and in which words, when a task itself failed?"""
    if isinstance(error, ImportError | AttributeError):  # the function could not even be found
        return "settings", f"the kit is not installed on the worker, or is another version ({error})"
    return "process", f"its worker ended it with {type(error).__name__}: {error}"


def _failed(order: Order, kind: Kind, sentence: str) -> JobRecord:
    problem, name = Failure(kind=kind, sentence=sentence), Path(order.engagement).name
    return JobRecord(job=order.job, engagement=name, state="failed", attempt=order.attempt, problem=problem)


def _killer(order: Order) -> JobRecord:
    sentence = f"the worker that carried it out was ended, {local.ATTEMPTS} of {local.ATTEMPTS} times: "
    sentence += "give workers more memory, or --memory less, and run the batch again"
    return _failed(replace(order, attempt=local.ATTEMPTS), "interrupted", sentence)


def _marks(order: Order, run: str) -> list[Path]:
    """One file for each time that a worker began this job."""
    folder = Path(order.out) / STAGE / run
    return [path for path in folder.iterdir() if path.name.rpartition(".")[0] == order.job]


# --- in a Dask worker -------------------------------------------------------------------------------------------------


def on_worker(given: dict[str, Any], run: str) -> dict[str, Any]:
    """What became of this order? The task, in a thread of a Dask worker: begins it only where it can be done right."""
    order, worker = Order(**given), _distributed().get_worker()
    key = worker.get_current_task()
    if (ours := kit_fingerprint()) != order.kit:
        what = f"the worker {worker.address} has kit {ours[:12]}, the batch was given out by kit {order.kit[:12]}: "
        return _failed(order, "settings", what + "install the same release on all").as_data()
    shared = Path(order.out) / STAGE / run
    for path in (shared, Path(order.engagement)):
        if not path.is_dir():
            what = (
                f"the worker {worker.address} does not see {path}: mount the shared folder there, under the same path"
            )
            return _failed(order, "settings", what).as_data()
    attempt = max(order.attempt, len(_marks(order, run)) + 1)
    if attempt > local.ATTEMPTS:
        return _killer(order).as_data()
    order = replace(order, attempt=attempt)
    write_file(shared / f"{order.job}.{uuid.uuid4().hex}", b"", private=True)

    def wanted() -> bool:
        return (task := worker.state.tasks.get(key)) is not None and task.state == "executing"

    def tell(event: Any) -> None:
        worker.log_event(run, event)

    record = _in_own_place(order, tell) if unfit() else _kept(order, tell, wanted)
    return record.as_data()


def _in_own_place(order: Order, tell: Tell) -> JobRecord:
    """Where no process can be forked: in a process of its own, with ordinary kernels."""
    with tempfile.TemporaryDirectory(prefix="alignlib-") as scratch:
        for folder in (LOGS, STAGE):
            make_folder(Path(scratch) / folder)
        with local.Place(Path(scratch), (), tell, is_warm=False) as place:
            record = next(local.carry_out([order], 1, tell, place))
        _bring_logs(Path(scratch), order)
    return record


def _kept(order: Order, tell: Tell, wanted: Callable[[], bool]) -> JobRecord:
    """What does the keeper say became of it? A keeper that was ended itself is replaced."""
    while order.attempt <= local.ATTEMPTS:
        with _keeper().begin(order) as line:
            for event in _lines(line, wanted):
                if event["event"] == "end":
                    return JobRecord.model_validate(event["record"])
                tell(event)
        if not wanted():
            return _failed(order, "interrupted", "nobody waits for it any more: run the batch again")
        order = replace(order, attempt=order.attempt + 1)
    return _failed(order, "interrupted", "no process lasted for it: what the worker printed says why")


def _lines(line: socket.socket, wanted: Callable[[], bool]) -> Iterator[dict[str, Any]]:
    """The events that come over this line, until its other end is closed or nobody wants them any more."""
    line.settimeout(LOOK)
    rest = b""
    while wanted():
        try:
            piece = line.recv(MOST)
        except TimeoutError:
            continue
        except OSError:
            return
        if not piece:
            return
        *whole, rest = (rest + piece).split(b"\n")
        yield from map(json.loads, whole)


class _Keeper:
    """The process beside this Dask worker that has no thread, so that it may look after forks."""

    def __init__(self) -> None:
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            call = [sys.executable, "-P", "-m", "alignlib.batch.cluster", str(theirs.fileno())]
            self.process = subprocess.Popen(call, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
                                            stdout=sys.__stderr__, start_new_session=True)  # fmt: skip

    def begin(self, order: Order) -> socket.socket:
        """Over which line is heard what becomes of this order? Closing it ends the job."""
        ours, theirs = socket.socketpair()
        with theirs, suppress(OSError):  # when the keeper is gone the line is closed, which says so
            socket.send_fds(self._channel, [json.dumps(order.as_data()).encode()], [theirs.fileno()])
        return ours

    def close(self) -> None:
        """Lets go of it, whereupon it ends with all it started."""
        self._channel.close()
        self.process.wait()


_ONE_AT_A_TIME = threading.Lock()
_KEEPERS: list[_Keeper] = []  # of this process: one, begun with its first job, and ending with the process


def _keeper() -> _Keeper:
    with _ONE_AT_A_TIME:
        while _KEEPERS and _KEEPERS[0].process.poll() is not None:
            _KEEPERS.pop().close()
        if not _KEEPERS:
            _KEEPERS.append(_Keeper())
        return _KEEPERS[0]


# --- in the keeper ----------------------------------------------------------------------------------------------------


def keep(channel: socket.socket, place: local.Place, notes: Sequence[dict[str, Any]] = ()) -> None:
    """Which orders come over this channel, each with the line to answer on? Until its other end is closed."""
    jobs: list[_Kept] = []
    while True:
        poll = select.poll()
        for each in (channel, *(job.line for job in jobs), *(job.leash for job in jobs if job.leash)):
            poll.register(each, select.POLLIN)
        ready = {descriptor for descriptor, _ in poll.poll(local.LOOK * 1000)}
        if channel.fileno() in ready:
            message, descriptors, *_ = socket.recv_fds(channel, MOST, 1)
            if not message:
                return
            jobs.append(_Kept(Order(**json.loads(message)), socket.socket(fileno=descriptors[0]), place))
            for event in notes:
                jobs[-1].say(event)
        jobs = [job for job in jobs if not job.has_ended(job.line.fileno() in ready)]


class _Kept:
    """One order in the keeper: its process, tried again when that was ended from outside, and the line to answer on."""

    def __init__(self, order: Order, line: socket.socket, place: local.Place) -> None:
        self.line, self._place, self._is_wanted = line, place, True
        self._running = self._begun(order)

    @property
    def leash(self) -> socket.socket | None:
        return getattr(self._running.process, "leash", None)

    def _begun(self, order: Order) -> Any:
        self._order = order
        self.say({"event": "begin", "attempt": order.attempt})
        return self._place.begin(order)

    def say(self, event: Any) -> None:
        with suppress(OSError):  # nobody listens any more: has_ended sees to it
            self.line.sendall(json.dumps({"job": self._order.job, **event}).encode() + b"\n")

    def has_ended(self, is_let_go: bool) -> bool:
        """Has it ended for good? Its process is ended when the line was let go of."""
        if is_let_go:
            self._is_wanted = False
            self._running.process.send_signal(signal.SIGKILL)
        record = self._running.look(self.say)
        if record is None:
            return False
        _bring_logs(self._place.out, self._order)
        again = record.problem and record.problem.kind == "interrupted" and record.attempt < local.ATTEMPTS
        if again and self._is_wanted:
            self._running = self._begun(replace(self._order, attempt=record.attempt + 1))
            return False
        self.say({"event": "end", "record": record.as_data()})
        self.line.close()
        return True


def _bring_logs(scratch: Path, order: Order) -> None:
    """Brings what a job printed to the batch's folder, for the person who looks for a fault."""
    for log in (scratch / LOGS).glob("*.log"):
        if log.stem.rpartition("-")[0] != order.job:
            continue
        if text := log.read_bytes():
            with suppress(AlignError):
                write_file(Path(order.out) / LOGS / log.name, text, private=True)
        log.unlink()


def main() -> None:
    """Which process keeps jobs for a Dask worker? This one, until the worker lets go of the channel."""
    notes: list[dict[str, Any]] = []
    with tempfile.TemporaryDirectory(prefix="alignlib-") as scratch, socket.socket(fileno=int(sys.argv[1])) as channel:
        for folder in (LOGS, STAGE):
            make_folder(Path(scratch) / folder)
        with local.Place(Path(scratch), PRELOAD, lambda event: notes.append(dict(event))) as place:
            keep(channel, place, notes)
    os._exit(0)


if __name__ == "__main__":
    main()
