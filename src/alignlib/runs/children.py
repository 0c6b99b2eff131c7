"""Steps of a job, each in a forked child of its own: ended when its time or memory is up, with all it started."""

import errno
import json
import os
import select
import signal
import sys
import time
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from alignlib.errors import AlignError, Problem
from alignlib.runs.processes import children, end, end_all, end_with_parent, memory, tree
from alignlib.runs.warm import seed_anew

Step = Callable[[], None]
Apart = Callable[[Mapping[str, Step]], None]
GRACE = 2.0  # seconds in which a child that is given up may write down how far it came
LOOK = 0.25  # seconds between two looks at the memory of what runs
END = b"\n"  # of what a child says
_HEADROOM = 2  # addresses are reserved in advance: what a process may reserve, by what it may hold


@dataclass
class Children:
    """How are steps run in children of this process, so many side by side, each and all together within limits?

    ``seconds`` for one step, ``until`` (of time.monotonic) for all, ``bytes_`` for a step with all it started. Call it
    with named steps. Raises AlignError with the problems of the first that failed; E-TIME when time is up, E-MEMORY
    when it took too much, E-KERNEL when its process died, E-FAULT when the kit is at fault. Whatever the outcome, no
    process of theirs is left.
    """

    seconds: float = 600
    until: float = float("inf")
    bytes_: int = 4 << 30
    width: int = 1
    peak: int = field(default=0, init=False)

    def __call__(self, steps: Mapping[str, Step]) -> None:
        waiting, running = list(steps.items()), dict[int, _Child]()  # by process id
        try:
            while waiting or running:
                while waiting and len(running) < self.width:
                    child = _start(*waiting.pop(0), min(time.monotonic() + self.seconds, self.until), self.bytes_)
                    running[child.pid] = child
                ended = [running.pop(child.pid) for child in self._ended(running)]
                if problems := next((child.problems for child in ended if child.problems), None):
                    raise AlignError(problems)
        finally:
            for child in running.values():
                end(child.pid)
                os.close(child.pipe)
            end_all()

    def _ended(self, running: "dict[int, _Child]") -> "list[_Child]":
        """Which of the children have ended, or are ended now because a limit was reached?"""
        poll = select.poll()  # not select(): a runner may hold more than a thousand files
        for child in running.values():
            poll.register(child.pipe, select.POLLIN)
        first = min(child.deadline for child in running.values()) - time.monotonic()
        heard = {pipe for pipe, _ in poll.poll(max(0.0, min(first, LOOK)) * 1000)}
        left = [pid for each in children(os.getpid()) if each not in running for pid in tree(each)]  # by their parents
        for child in running.values():
            if child.pipe in heard:
                child.hear()
            elif child.has_died():
                child.is_open = False
            held = memory([*tree(child.pid), *left]) if child.is_open else 0
            self.peak = max(self.peak, held)
            if child.is_open and held > self.bytes_:
                what = f"took more than {self.bytes_ / 1e9:.1f} GB of memory and was ended"
                child.give_up("E-MEMORY", what, "raise --memory, if there is more")
            elif child.is_open and time.monotonic() >= child.deadline:
                own = f"took longer than {self.seconds:g} seconds and was ended"
                child.give_up("E-TIME", own if child.deadline < self.until else "was ended: the audit took too long")
        ended = [child for child in running.values() if not child.is_open]
        for child in ended:
            child.collect()
        return ended


class _Child:
    """One step in a child: what it has said so far, and the problems that ended it."""

    def __init__(self, name: str, pid: int, pipe: int, deadline: float) -> None:
        self.name, self.pid, self.pipe, self.deadline = name, pid, pipe, deadline
        self.is_open, self.problems, self._said = True, list[Problem](), b""

    def hear(self) -> None:
        piece = os.read(self.pipe, 1 << 16)
        self._said += piece
        self.is_open = bool(piece) and not self._said.endswith(END)  # a process it forked may hold the pipe open

    def has_died(self) -> bool:
        """Did it end without another word, though a process that it forked holds its pipe open?"""
        if not self._is_dead():
            return False
        poll = select.poll()
        poll.register(self.pipe, select.POLLIN)
        return not poll.poll(0)  # asked once it is dead: what it said last may have come since

    def give_up(self, code: str, what: str, fix: str = "") -> None:
        """Asks it to end, so that it can write down how far it came; ``collect`` ends it in any case."""
        self.problems.append(Problem(code, what, where=self.name, fix=fix))
        self.is_open = False
        with suppress(ProcessLookupError):
            os.kill(self.pid, signal.SIGTERM)
        until = time.monotonic() + GRACE
        while not self._is_dead() and time.monotonic() < until:
            time.sleep(0.01)

    def _is_dead(self) -> bool:
        return os.waitid(os.P_PID, self.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is not None

    def collect(self) -> None:
        """Ends its group, which it may have left processes in, and reads how it ended."""
        end(self.pid)
        code = os.waitstatus_to_exitcode(os.waitpid(self.pid, 0)[1])
        os.close(self.pipe)
        if not self.problems:
            self.problems = _problems(self._said, code, self.name)


def end_all_with_parent() -> None:
    """When do this process and all that stand below it end at the latest? With the process that forked this one.

    It is asked to end, not killed: only it finds what its steps started and left, when everybody above it was killed.
    """

    def leave(*_: object) -> None:
        end_all()
        os._exit(128 + signal.SIGTERM)

    signal.signal(signal.SIGTERM, leave)
    end_with_parent(os.getppid(), signal.SIGTERM)


def write_line(pipe: int, event: Mapping[str, Any]) -> None:
    """Which line tells this event to whoever follows? Written whole, however much the pipe takes at once."""
    line = json.dumps(event, default=str).encode() + END
    while line:
        line = line[os.write(pipe, line) :]


def at_once(steps: Mapping[str, Step]) -> None:
    """How are steps run where no process can be forked? Here, one after the other."""
    for step in steps.values():
        step()


def _start(name: str, step: Step, deadline: float, most: int) -> _Child:
    reading, writing = os.pipe()
    parent = os.getpid()
    pid = os.fork()
    if pid:
        os.close(writing)
        return _Child(name, pid, reading, deadline)
    try:
        os.setsid()
        signal.signal(signal.SIGTERM, signal.SIG_DFL)
        end_with_parent(parent)
        os.close(reading)
        _limit(most)
        seed_anew()
        said = json.dumps(_carry_out(step))
        for stream in (sys.stdout, sys.stderr):
            with suppress(AttributeError, OSError, ValueError):  # or there is none
                stream.flush()
        with os.fdopen(writing, "wb") as pipe:
            pipe.write(said.encode() + END)
    except BaseException:  # noqa: BLE001 - told in the log, for the parent hears nothing
        traceback.print_exc()
    finally:
        os._exit(0)


def _carry_out(step: Step) -> dict[str, object]:
    try:
        step()
    except AlignError as error:
        return {"problems": [vars(problem) for problem in error.problems]}
    except MemoryError:
        return {"problems": [{"code": "E-MEMORY", "what": "ran out of memory"}]}
    except OSError as error:
        traceback.print_exc()
        if error.errno in (errno.ENOSPC, errno.EDQUOT, errno.EFBIG):
            return {"problems": [{"code": "E-WRITE", "what": "the disk is full", "fix": "make room and run again"}]}
        return {"problems": [{"code": "E-FAULT", "what": f"ended with {type(error).__name__}: {error.strerror}"}]}
    except BaseException as error:  # noqa: BLE001 - nothing may lead back into the parent's code
        traceback.print_exc()
        return {"problems": [{"code": "E-FAULT", "what": f"ended with {type(error).__name__}"}]}
    return {"problems": []}


def _problems(said: bytes, code: int, name: str) -> list[Problem]:
    """What a child said went wrong; when it said nothing, it was ended from outside."""
    try:
        return [Problem(**{"where": name} | given) for given in json.loads(said)["problems"]]
    except (ValueError, KeyError, TypeError):
        how = f"signal {-code}" if code < 0 else f"exit code {code}"
        return [Problem("E-KERNEL", f"its process ended in the middle ({how})", where=name)]


def _limit(most: int) -> None:
    import resource

    reserved = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    limit, hard = reserved + _HEADROOM * most, resource.getrlimit(resource.RLIMIT_AS)[1]
    if hard == resource.RLIM_INFINITY or limit < hard:
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
