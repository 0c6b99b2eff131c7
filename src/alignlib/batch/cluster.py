"""Jobs on a Dask cluster: one task a job, each in a fork of the worker's own warm process.

The processes are: the runner, which holds the client; a Dask worker, which has threads and so must not fork; its warm
process, which has none, and the forks of that. Each ends with the one before it. The folder of the batch is shared:
every worker sees it, and the engagements, under one path.
"""

import asyncio
import queue
import shutil
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
from alignlib.batch.job import STAGE, Order
from alignlib.batch.progress import Tell
from alignlib.batch.state import Failure, JobRecord
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, write_file
from alignlib.preload import PRELOAD

SECONDS_TO_CONNECT, PATIENCE = 20, 300  # until a scheduler answers; while it has no worker
LOOK = 1.0  # seconds between two looks at the cluster
INSTALL = 'pip install "alignlib[cluster]"'


def carry_out(orders: Sequence[Order], scheduler: str, tell: Tell) -> Iterator[JobRecord]:
    """What became of each of these jobs of one batch on the cluster of this scheduler, as they end?

    A job whose worker was ended goes to another one, three times at most; ``tell`` hears what happens meanwhile. When
    the caller goes away, jobs still running on workers are ended.
    Raises AlignError (E-USE): the package distributed is not installed, nothing answers there, or no worker is left.
    """
    client, stage = _connected(scheduler), Path(orders[0].out) / STAGE
    run = str(client.id)  # what is told under this name the scheduler forgets some time after the client has left
    batch = _Batch(client, scheduler, run, tell)
    try:
        make_folder(stage / run, private=True)
        client.subscribe_topic(run, lambda event: batch.inbox.put(event[1]))
        yield from batch.carry_out(orders)
    finally:
        with suppress(Exception):  # the scheduler may be gone; then nothing of ours is wanted any more
            client.cancel([future for _, future in batch.running.values()])
        with suppress(Exception):
            client.close(timeout=SECONDS_TO_CONNECT)
        for left in stage.glob("*"):  # also what a killed worker left
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
            return order.failed(_why(error))
        # Dask may blame a job for what another did to its worker
        if max(len(_marks(order, self.run)), order.attempt) < local.ATTEMPTS:
            self._hand_over(replace(order, attempt=order.attempt + 1))
            return None
        return _killer(order)

    def _gone(self) -> AlignError:
        fix = "start it, then run the same command again: it goes on from there"
        return AlignError(Problem("E-USE", "this Dask scheduler went away", where=self.scheduler, fix=fix))


def _why(error: BaseException) -> Failure:
    """Of which class is it, and in which words, when a task itself failed?"""
    if isinstance(error, ImportError | AttributeError):  # the function could not even be found
        what = f"the kit is not installed on the worker, or is another version ({error})"
        return Failure(kind="settings", sentence=what)
    return Failure(kind="process", sentence=f"its worker ended it with {type(error).__name__}: {error}")


def _killer(order: Order) -> JobRecord:
    sentence = f"the worker that carried it out was ended, {local.ATTEMPTS} of {local.ATTEMPTS} times: "
    sentence += "give workers more memory, or --memory less, and run the batch again"
    return replace(order, attempt=local.ATTEMPTS).failed(Failure(kind="interrupted", sentence=sentence))


def _marks(order: Order, run: str) -> list[Path]:
    """One file for each time that a worker began this job."""
    return list((Path(order.out) / STAGE / run).glob(f"{order.job}.*"))


# --- in a Dask worker -------------------------------------------------------------------------------------------------


def on_worker(given: dict[str, Any], run: str) -> dict[str, Any]:
    """What became of this order? The task, in a thread of a Dask worker: begins it only where it can be done right."""
    order, worker = Order(**given), _distributed().get_worker()
    key = worker.get_current_task()
    if (ours := kit_fingerprint()) != order.kit:
        what = f"the worker {worker.address} has kit {ours[:12]}, the batch was given out by kit {order.kit[:12]}: "
        return order.failed(Failure(kind="settings", sentence=what + "install the same release on all")).as_data()
    shared = Path(order.out) / STAGE / run
    for path in (shared, Path(order.engagement)):
        if not path.is_dir():
            what = f"the worker {worker.address} does not see {path}: "
            what += "mount the shared folder there, under the same path"
            return order.failed(Failure(kind="settings", sentence=what)).as_data()
    attempt = max(order.attempt, len(_marks(order, run)) + 1)
    if attempt > local.ATTEMPTS:
        return _killer(order).as_data()
    order = replace(order, attempt=attempt)
    write_file(shared / f"{order.job}.{uuid.uuid4().hex}", b"", private=True)

    def wanted() -> bool:
        return (task := worker.state.tasks.get(key)) is not None and task.state == "executing"

    def tell(event: Any) -> None:
        worker.log_event(run, event)

    return carried_out(order, tell, wanted).as_data()


def carried_out(order: Order, tell: Tell, wanted: Callable[[], bool]) -> JobRecord:
    """What became of this order in this process, which may have threads and children of its own?"""
    with _ONE_AT_A_TIME:
        if not _PLACES:
            _PLACES.append(local.Place(PRELOAD, lambda event: tell({"job": order.job, **event}), adopts=False))
    what = Failure(kind="interrupted", sentence="nobody waits for it any more: run the batch again")
    return next(local.carry_out([order], 1, tell, _PLACES[0], wanted), order.failed(what))


_ONE_AT_A_TIME = threading.Lock()
_PLACES: list[local.Place] = []  # of this process: one, begun with its first job, and ending with the process
