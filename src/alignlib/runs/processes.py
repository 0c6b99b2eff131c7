"""What may a process be told of itself and of those it started: whose orphans it takes, what it may use, how it ends?

Linux alone has all of it; elsewhere ``unfit`` says why notebooks get ordinary kernels.
"""

import ctypes
import os
import select
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path

_PDEATHSIG, _SUBREAPER = 1, 36  # of prctl(2)
SECONDS_TO_GO = 10  # after the kernel was asked to end a process
PAGE = os.sysconf("SC_PAGE_SIZE") if hasattr(os, "sysconf") else 4096


def unfit() -> str:
    """Why can no process be forked from a warm one here? Empty where it can."""
    if sys.platform != "linux":
        return f"processes cannot be forked safely on {sys.platform}"
    if not Path("/proc/self/task").is_dir():
        return "/proc is not mounted"
    listed = Path(f"/proc/self/task/{os.getpid()}/children").exists()
    return "" if listed else "this Linux does not list the children of a process"


def adopt_orphans() -> None:
    """From now on, whose children are they whose parent ended, anywhere below this process? Its own."""
    ctypes.CDLL(None, use_errno=True).prctl(_SUBREAPER, 1, 0, 0, 0)


def end_with_parent(parent: int, number: int = signal.SIGKILL) -> None:
    """When does this process get this signal at the latest? With the end of ``parent``, the process that forked it."""
    ctypes.CDLL(None, use_errno=True).prctl(_PDEATHSIG, number, 0, 0, 0)
    if os.getppid() != parent:  # it ended before we could say so
        os._exit(1)


def children(pid: int) -> list[int]:
    """Which processes has this one started or adopted that are not yet collected? None where it is gone."""
    found: list[int] = []
    with suppress(OSError):
        for task in Path(f"/proc/{pid}/task").iterdir():
            found += map(int, (task / "children").read_text().split())
    return found


def tree(pid: int) -> list[int]:
    """Which processes stand below this one, at any depth, itself first?"""
    found = [pid]
    for each in found:  # grows while it is read: children of children come last
        found += (child for child in children(each) if child not in found)
    return found


def memory(pids: list[int]) -> int:
    """How many bytes do these processes hold that they share with no file?"""
    total = 0
    for pid in pids:
        with suppress(OSError, ValueError, IndexError):
            pages = Path(f"/proc/{pid}/statm").read_text().split()
            total += (int(pages[1]) - int(pages[2])) * PAGE
    return total


def end_strangers(known: set[int]) -> int:
    """How many processes stand below this one that it did not start? They are ended; call until none is."""
    strangers = [pid for pid in children(os.getpid()) if pid not in known]
    for pid in strangers:
        end(pid)
    return len(strangers)


def end_all() -> None:
    """Does anything stand below this process, its own or adopted? It is ended, and collected."""
    while True:
        end_strangers(set())
        try:
            os.waitpid(-1, 0)
        except ChildProcessError:
            return


def end(pid: int) -> None:
    """Does a process run that this one has not collected yet? It is ended, with the group it leads."""
    for kill in (os.killpg, os.kill):
        with suppress(ProcessLookupError, PermissionError):
            kill(pid, signal.SIGKILL)


def end_marked(name: str, value: str, seconds: float = 2) -> int:
    """How many processes still carry this mark in their environment, with nobody left to end them? All are gone then.

    For so many seconds it is waited for those that end by themselves: they end what they started better than we can.
    """
    mark, ended = f"{name}={value}".encode(), 0
    if unfit():
        return 0
    until = time.monotonic() + seconds
    while _marked(mark) and time.monotonic() < until:
        time.sleep(0.02)
    for pid in _marked(mark):
        with suppress(OSError):
            handle = os.pidfd_open(pid)  # so that no other process of that number is meant a moment later
            try:
                if pid in _marked(mark, pid):
                    signal.pidfd_send_signal(handle, signal.SIGKILL)
                    select.select([handle], [], [], SECONDS_TO_GO)  # what it was about to write, it has written
                    ended += 1
            finally:
                os.close(handle)
    return ended


def _marked(mark: bytes, pid: int | None = None) -> list[int]:
    """Which processes, or whether this one, were started with this in their environment, apart from our own?"""
    found = []
    for path in Path("/proc").glob(f"{pid or '[0-9]*'}/environ"):
        with suppress(OSError):
            if mark in path.read_bytes().split(b"\0") and path.parent.name != str(os.getpid()):
                found.append(int(path.parent.name))
    return found
