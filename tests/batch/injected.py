"""One job in a fork of a warm process, in which the n-th call that changes the disk fails."""

import errno
import fcntl
import json
import mmap
import os
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from alignlib.runs import notebook

CALLS = ("open", "fsync", "replace", "rename", "mkdir")


def once(keep: Callable[[], None]) -> Callable[..., None]:
    """Saves a running notebook before its first cell, and not again each second."""
    saved = iter([keep])
    return lambda **_: next(saved, lambda: None)()


class Disk:
    """Counts the calls that change files below a folder, in this process and its forks, and fails one of them."""

    def __init__(self, folder: Path, at: int, error: int) -> None:
        self.folder, self.at, self.error, self.counted = str(folder), at, error, mmap.mmap(-1, 8)  # shared with forks
        self.turn = tempfile.TemporaryFile()  # noqa: SIM115 (as long as the process)
        notebook._at_times = once  # by the clock, the calls of two runs would not be the same
        for name in CALLS:
            setattr(os, name, self.failing(name, getattr(os, name)))

    def count(self) -> int:
        return int.from_bytes(self.counted[:8], "little")

    def failing(self, name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def called(*given: Any, **named: Any) -> Any:
            if self.concerns(name, given):
                fcntl.lockf(self.turn, fcntl.LOCK_EX)  # of two processes at once, each counts
                number = self.count() + 1
                self.counted[:8] = number.to_bytes(8, "little")
                fcntl.lockf(self.turn, fcntl.LOCK_UN)
                if number == self.at:
                    raise OSError(self.error, os.strerror(self.error))
            return call(*given, **named)

        return called

    def concerns(self, name: str, given: tuple[Any, ...]) -> bool:
        if name == "open" and not given[1] & (os.O_WRONLY | os.O_RDWR | os.O_CREAT):
            return False
        place = Path(f"/proc/self/fd/{given[0]}").readlink() if name == "fsync" else os.fspath(given[0])
        return str(place).startswith(self.folder)


def job(given: dict[str, Any], more: list[int]) -> None:
    """Carries out an order while the n-th call fails, and tells the record and how many such calls there were."""
    from alignlib.batch.job import Order, carry_out
    from alignlib.runs.children import Children

    disk = Disk(Path(given["order"]["out"]), given["at"], getattr(errno, given["error"]))
    try:
        record = carry_out(Order(**given["order"]), lambda _: None, Children()).as_data()
    except BaseException as error:  # noqa: BLE001 - told as it is
        record = {"raised": repr(error)}
    os.write(more[0], json.dumps({"record": record, "calls": disk.count()}).encode())


def runner(given: dict[str, Any], more: list[int]) -> None:
    """Runs a batch while the n-th call of the runner itself fails; its jobs are carried out in the same process."""
    from alignlib.batch import console, job, runner
    from alignlib.batch.overview import write_overview
    from alignlib.batch.state import what_became
    from alignlib.errors import AlignError
    from alignlib.runs.children import Children

    def here(orders: Any, *_: Any) -> Any:
        for order in orders:
            told({"event": "begin", "job": order.job, "attempt": 1})
            yield job.carry_out(order, lambda _: None, Children())

    told: Any = None

    class Heard(runner._Heard):
        def __init__(self, *args: Any) -> None:
            nonlocal told
            super().__init__(*args)
            told = self

    def overview(out: Path, made_at: Any) -> None:
        write_overview(out, what_became(out), made_at)

    runner._Heard, runner._run, runner._overview = Heard, here, overview  # type: ignore[assignment,misc]
    disk = Disk(Path(given["out"]), given["at"], getattr(errno, given["error"]))
    limits, choice = runner.Limits(), runner.Choice()
    code: Any
    try:
        code = console.run(Path(given["portfolio"]), Path(given["out"]), lambda _: None, limits=limits, choice=choice)[
            1
        ]
    except AlignError as error:
        code = [problem.code for problem in error.problems]
    except BaseException as error:  # noqa: BLE001 - told as it is
        code = repr(error)
    os.write(more[0], json.dumps({"code": code, "calls": disk.count()}).encode())
