"""What steps of a job do in tests, good and bad; and the fork of a warm process that runs them as a job does."""

import ctypes
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import Any

from alignlib.errors import AlignError, Problem
from alignlib.runs.children import Children
from alignlib.runs.processes import children

LONG = 1000  # seconds: longer than any test has patience


def job(given: dict[str, Any], more: list[int]) -> None:
    """Runs the given steps apart, then tells what came of it and what is left of them in this process."""
    limits = dict(given.get("limits", {}))
    until = time.monotonic() + limits.pop("together", float("inf"))
    apart = Children(until=until, **limits)
    steps = {name: partial(DEEDS[deed], what) for name, (deed, what) in given["steps"].items()}
    before, problems = _files(), []
    try:
        apart(steps)
    except AlignError as error:
        problems = [vars(problem) for problem in error.problems]
    told = {"problems": problems, "left": children(os.getpid()), "files": [before, _files()], "peak": apart.peak}
    with os.fdopen(os.dup(more[0]), "wb") as pipe:
        pipe.write(json.dumps(told).encode())


def _files() -> int:
    return len(list(Path("/proc/self/fd").iterdir()))


def _note(path: str) -> None:
    Path(path).write_text(json.dumps({"pid": os.getpid(), "group": os.getpgrp(), "parent": os.getppid()}))


def _refuse(what: int) -> None:
    raise AlignError([Problem("E-VALUE", f"problem {i} «{i}»", where="leads.csv", fix="mend it") for i in range(what)])


def _raise(what: str) -> None:
    raise {"ValueError": ValueError, "MemoryError": MemoryError, "KeyboardInterrupt": KeyboardInterrupt}[what]("said")


def _swallow(_: Any) -> None:
    while True:
        with suppress(KeyboardInterrupt):
            time.sleep(LONG)


def _ignore(_: Any) -> None:
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    while True:
        pass


def _take(megabytes: int) -> None:
    held = [bytearray(os.urandom(1 << 20)) for _ in range(megabytes)]
    time.sleep(LONG if held else 0)


def _take_elsewhere(megabytes: int) -> None:
    code = f"import os, time; held = [os.urandom(1 << 20) for _ in range({megabytes})]; time.sleep({LONG})"
    subprocess.Popen([sys.executable, "-c", code], start_new_session=True).wait()


def _take_behind(megabytes: int) -> None:
    """Has memory taken by a process that no longer stands below this one."""
    code = f"import os, time; held = [os.urandom(1 << 20) for _ in range({megabytes})]; time.sleep({LONG})"
    subprocess.run(["sh", "-c", 'setsid "$0" -c "$1" & exit', sys.executable, code], check=True)
    time.sleep(LONG)


def _leave(path: str) -> None:
    """Starts processes in every way that may leave one behind, and writes down their ids."""
    plain = subprocess.Popen(["sleep", str(LONG)])
    apart = subprocess.Popen(["sleep", str(LONG)], start_new_session=True)
    stripped = subprocess.Popen(["sleep", str(LONG)], start_new_session=True, env={"PATH": os.environ["PATH"]})
    reading, writing = os.pipe()
    if not os.fork():
        os.setsid()
        if daemon := os.fork():
            os.write(writing, str(daemon).encode())
            os._exit(0)
        time.sleep(LONG)  # a fork of the step itself, with all that it holds open
    daemon = int(os.read(reading, 100))
    Path(path).write_text(json.dumps([plain.pid, apart.pid, stripped.pid, daemon]))


def _leave_and_wait(path: str) -> None:
    _leave(path)
    time.sleep(LONG)


def _leave_and_die(path: str) -> None:
    _leave(path)
    os.kill(os.getpid(), signal.SIGKILL)


def _meet(folder: str) -> None:
    """Goes on only once another step is here too."""
    (Path(folder) / str(os.getpid())).touch()
    while len(list(Path(folder).iterdir())) < 2:
        time.sleep(0.01)


DEEDS: dict[str, Callable[[Any], None]] = {
    "note": _note,
    "refuse": _refuse,
    "raise": _raise,
    "leave python": lambda code: sys.exit(code),
    "leave at once": lambda code: os._exit(code),
    "fault": lambda _: print(ctypes.string_at(0)),
    "signal": lambda number: os.kill(os.getpid(), number),
    "sleep": time.sleep,
    "spin": lambda _: [None for _ in iter(int, 1)] and None,
    "swallow": _swallow,
    "ignore": _ignore,
    "take": _take,
    "take elsewhere": _take_elsewhere,
    "take behind": _take_behind,
    "leave": _leave,
    "leave and wait": _leave_and_wait,
    "leave and die": _leave_and_die,
    "meet": _meet,
}
