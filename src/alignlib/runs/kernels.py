"""How is a fresh process had in milliseconds? By asking a warm one for a fork of itself (``alignlib.runs.warm``)."""

import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import IO, Any

from alignlib.errors import AlignError, Problem
from alignlib.runs.processes import unfit
from alignlib.runs.warm import MOST

# One thread a process: no pool of theirs may exist when a process is forked, and many run beside one another.
ALONE = {
    "OPENBLAS_NUM_THREADS": "1", "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "NUMEXPR_NUM_THREADS": "1",
    "JE_ARROW_MALLOC_CONF": "background_thread:false", "PYDEVD_DISABLE_FILE_VALIDATION": "1",
}  # fmt: skip
# Nothing is imported from the folder the client works in. Not by -P, under which notebooks could not either.
BEGIN = "import sys; sys.path[:] = filter(None, sys.path); from alignlib.runs.warm import main; main()"
SECONDS_TO_START, SECONDS_TO_FORK, SECONDS_TO_END = 120, 30, 15
GONE = {"ended": -9}  # when the warm process is, its forks went with it


class Child:
    """One fork of a warm process: who is it, has it ended and how, and what may be sent to it?

    ``leash`` turns readable when there is something to ask ``poll`` for; closing it ends the fork. The standard streams
    are None, or the ends of pipes that whoever asked for it put there: as those of a process of subprocess. Raises
    AlignError (E-KERNEL) where no process could be forked.
    """

    stdin: IO[bytes] | None = None
    stdout: IO[bytes] | None = None
    stderr: IO[bytes] | None = None

    def __init__(self, leash: socket.socket) -> None:
        self.leash, self._lock = leash, threading.Lock()
        self.returncode: int | None = None
        told = self._next() if self._is_told(SECONDS_TO_FORK) else {"failed": "the warm process does not answer"}
        self.pid = int(told.get("pid", 0))
        if not self.pid:
            leash.close()
            raise AlignError(Problem("E-KERNEL", told.get("failed", "the warm process is gone")))

    def _is_told(self, seconds: float | None) -> bool:
        """Is there something to hear, at the latest after so many seconds?"""
        poll = select.poll()
        poll.register(self.leash, select.POLLIN)
        return bool(poll.poll(None if seconds is None else max(0.0, seconds) * 1000))

    def _next(self) -> dict[str, Any]:
        """What is said next? Nothing while the other end is silent."""
        for _ in range(2):  # a reset comes first, when the other end left something of ours unread; then what it said
            try:
                message = self.leash.recv(MOST, socket.MSG_DONTWAIT)
            except BlockingIOError:
                return {}
            except OSError:
                continue
            return dict(json.loads(message)) if message else GONE
        return GONE

    def poll(self) -> int | None:
        """How did it end: exit code, or minus the signal's number? None while it runs."""
        with self._lock:
            while self.returncode is None and (told := self._next()):
                self.returncode = told.get("ended")
            return self.returncode

    def wait(self, seconds: float | None = None) -> int:
        """How did it end, at the latest after so many seconds? Raises TimeoutError."""
        until = None if seconds is None else time.monotonic() + seconds
        while (code := self.poll()) is None:
            if not self._is_told(None if until is None else until - time.monotonic()):
                raise TimeoutError(f"process {self.pid} still runs after {seconds:g} seconds")
        return code

    def send_signal(self, number: int) -> None:
        """Sends a signal to it, and to the group it leads. Nothing happens once it has ended."""
        if self.poll() is None:
            with suppress(OSError):
                self.leash.send(json.dumps({"signal": number}).encode(), socket.MSG_DONTWAIT)


class Warm:
    """A process that has these modules imported and forks a fresh one in milliseconds. Close it, or use ``with``.

    What cannot be imported is left out: once it is ready, ``missing`` names it and why. Raises AlignError (E-KERNEL)
    where none can be had: ``unfit`` says so beforehand, apart from threads that a module started on import.
    """

    def __init__(self, preload: Sequence[str]) -> None:
        if why := unfit():
            raise AlignError(Problem("E-KERNEL", why))
        self._channel, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs:
            call, alone = [sys.executable, "-c", BEGIN, str(theirs.fileno()), *preload], os.environ | ALONE
            self._process = subprocess.Popen(
                call, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL, env=alone, start_new_session=True
            )
        self.pid, self._is_ready = self._process.pid, False
        self.missing: list[str] = []

    def __enter__(self) -> "Warm":
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def ready(self) -> None:
        """Is it warm? Waits until it is. Raises AlignError (E-KERNEL) when it cannot be."""
        if self._is_ready:
            return
        try:
            self._channel.settimeout(SECONDS_TO_START)
            told = self._channel.recv(MOST)
        except OSError:
            told = b""
        there: dict[str, Any] = json.loads(told) if told else {"threads": 0, "missing": []}
        threads_there, self.missing = there["threads"], there["missing"]
        if threads_there != 1:
            what = f"{threads_there} threads run in it" if threads_there else "it ended, or took too long"
            self.close()
            raise AlignError(Problem("E-KERNEL", f"no warm process could be had: {what}"))
        self._channel.settimeout(SECONDS_TO_FORK)
        self._is_ready = True

    def is_alive(self) -> bool:
        """Does it still run?"""
        return self._process.poll() is None

    def fork(
        self, target: str, given: Mapping[str, Any], cwd: Path, environment: Mapping[str, str] | None = None,
        streams: tuple[IO[Any] | int, ...] = (), more: Sequence[int] = (),
    ) -> Child:  # fmt: skip
        """Which process carries this out: the function ``target`` (module:function) called with ``given`` and ``more``?

        ``environment`` comes on top of that of the warm process; ``streams``: standard input, output and error;
        ``more``: descriptors it gets besides. Raises AlignError (E-KERNEL) when the warm process is gone, cannot fork,
        or the request is too long for one message.
        """
        self.ready()
        request = {"target": target, "given": given, "cwd": str(cwd), "environment": dict(environment or {})}
        message = json.dumps(request).encode()
        if len(message) > MOST:
            what = f"a request of {len(message)} bytes is too long for a fork"
            raise AlignError(Problem("E-KERNEL", what, allowed=f"{MOST} bytes"))
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        with theirs, Path(os.devnull).open("rb") as nothing:
            standard = [each if isinstance(each, int) else each.fileno() for each in streams or (nothing, 1, 2)]
            try:
                socket.send_fds(self._channel, [message], [theirs.fileno(), *standard, *more])
            except OSError as error:
                ours.close()
                raise AlignError(Problem("E-KERNEL", "the warm process is gone")) from error
        return Child(ours)

    def retire(self) -> None:
        """Lets it end with the last of its forks; it makes no more."""
        with suppress(OSError):
            self._channel.send(b'{"last": true}')

    def close(self) -> None:
        """Ends it, with all it forked and all that those left behind."""
        self._channel.close()
        try:
            self._process.wait(SECONDS_TO_END)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
