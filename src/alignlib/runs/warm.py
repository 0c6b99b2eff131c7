"""The warm process: everything imported, no thread, and a fresh fork of itself for each request.

A client starts it (``alignlib.runs.kernels``) with the number of its end of a socket and the names of modules. A
request is one JSON message with the descriptors it needs: first the *leash*, over which the fork's process id and end
are told and signals are asked for; then its standard streams; then what its target expects. When a leash is let go,
its process is asked to end, and killed a little later; when the socket is, all are, and this process ends with them.
Whatever a process leaves behind is adopted here, and ended. A request without descriptors is the last: this process
then ends with the last of its forks.
"""

import gc
import importlib
import json
import os
import random
import selectors
import signal
import socket
import sys
import time
import traceback
from contextlib import suppress
from pathlib import Path
from typing import Any

from alignlib.runs.processes import adopt_orphans, end, end_strangers, end_with_parent

# It compiles grammars for a second when jsonschema imports it, for a format (iri) that no schema of a notebook has.
NEEDLESS = "rfc3987_syntax"
MOST, MOST_DESCRIPTORS = 1 << 17, 16  # bytes of a request, and what may come with it
SECONDS_TO_LEAVE, SECONDS_TO_END, LOOK = 2, 10, 0.01


def serve(channel: socket.socket, missing: list[str]) -> None:
    """Which requests come over this socket? Each gets its fork, until the other end is closed."""
    woken, wake = socket.socketpair()
    for end_of_pair in (woken, wake):
        end_of_pair.setblocking(False)
    signal.set_wakeup_fd(wake.fileno(), warn_on_full_buffer=False)
    signal.signal(signal.SIGCHLD, lambda *_: None)
    signal.signal(signal.SIGTERM, lambda *_: channel.shutdown(socket.SHUT_RD))
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    adopt_orphans()
    leashes: dict[int, socket.socket] = {}  # by process id
    leaving: dict[int, float] = {}  # until when those may end by themselves whose leash was let go
    waiting = selectors.DefaultSelector()
    waiting.register(channel, selectors.EVENT_READ)
    waiting.register(woken, selectors.EVENT_READ)
    threads = len(list(Path("/proc/self/task").iterdir()))
    with suppress(OSError):  # nobody waits any more
        channel.send(json.dumps({"threads": threads, "missing": missing}).encode())
    ours, is_last = (channel, woken, wake, waiting), False
    while leashes or not is_last:
        for key, _ in waiting.select(LOOK if leaving else None):
            if key.fileobj is channel:
                message, descriptors = _request(channel)
                if not message:
                    _end_all(leashes)
                    return
                if not descriptors:
                    is_last = True
                    continue
                leash = socket.socket(fileno=descriptors[0])
                if pid := _fork(message, leash, descriptors[1:], [*ours, *leashes.values()]):
                    leashes[pid] = leash
                    waiting.register(leash, selectors.EVENT_READ, pid)
            elif key.fileobj is woken:
                with suppress(BlockingIOError):
                    woken.recv(MOST)
            elif not _asked(key.data, leashes[key.data]):
                waiting.unregister(leashes[key.data])
                leaving[key.data] = _ask_to_leave(key.data)
        for pid in _collect(leashes):
            leaving.pop(pid, None)
            with suppress(KeyError):  # let go before
                waiting.unregister(leashes[pid])
            leashes.pop(pid).close()
        _end_late(leaving)
        end_strangers(set(leashes))
    _end_all(leashes)


def _request(channel: socket.socket) -> tuple[dict[str, Any], list[int]]:
    """What is asked for next, with which descriptors? Nothing once the other end is closed."""
    try:
        message, descriptors, *_ = socket.recv_fds(channel, MOST, MOST_DESCRIPTORS, socket.MSG_CMSG_CLOEXEC)
    except ConnectionError:
        return {}, []
    return json.loads(message or b"{}"), descriptors


def _fork(request: dict[str, Any], leash: socket.socket, descriptors: list[int], ours: list[Any]) -> int:
    """The process id of a fork that carries out this request; 0 where none could be made, which the leash is told.

    The fork tells its process id itself, once it leads a group and has handlers of its own: a signal that came before
    would find no group, or ours, which would act on the socket that the fork shares with us.
    """
    parent = os.getpid()
    try:
        pid = os.fork()
    except OSError as error:
        _tell(leash, {"failed": error.strerror})
        for descriptor in (leash.detach(), *descriptors):
            os.close(descriptor)
        return 0
    if pid:
        for descriptor in descriptors:
            os.close(descriptor)
        return pid
    code = 1
    try:
        signal.set_wakeup_fd(-1)
        for number in (signal.SIGCHLD, signal.SIGTERM, signal.SIGINT):
            signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)
        os.setsid()
        end_with_parent(parent)
        adopt_orphans()
        _tell(leash, {"pid": os.getpid()})
        for each in (leash, *ours):
            each.close()
        for standard, descriptor in enumerate(descriptors[:3]):
            os.dup2(descriptor, standard)
            os.close(descriptor)
        code = _carry_out(request, descriptors[3:])
    except BaseException:  # noqa: BLE001 (nothing may lead back into the loop)
        traceback.print_exc()
    finally:  # never back into the loop, and none of what was to be done at the end of the parent
        os._exit(code)


def _carry_out(request: dict[str, Any], descriptors: list[int]) -> int:
    seed_anew()
    try:
        os.environ.update(request["environment"])
        os.chdir(request["cwd"])
        module, name = request["target"].split(":")
        code = getattr(importlib.import_module(module), name)(request["given"], descriptors)
    except SystemExit as left:
        code = left.code if isinstance(left.code, int) else int(left.code is not None)
        if code and code is not left.code:
            print(left.code, file=sys.stderr)
    except BaseException:  # noqa: BLE001 (whatever it was: this process is at its end)
        traceback.print_exc()
        code = 1
    for stream in (sys.stdout, sys.stderr):
        with suppress(AttributeError, OSError, ValueError):  # or there is none
            stream.flush()
    return int(code or 0)


def seed_anew() -> None:
    """Which numbers come next by chance? No longer those of the process this one was forked from."""
    random.seed()
    if chance := sys.modules.get("numpy.random"):  # loaded when it is first used; then it seeds itself
        chance.seed()


def _asked(pid: int, leash: socket.socket) -> bool:
    """Passes on a signal that the leash asks for. No when the leash was let go."""
    try:
        message = leash.recv(MOST)
    except OSError:
        message = b""
    if message:
        with suppress(ProcessLookupError, PermissionError):
            os.killpg(pid, json.loads(message)["signal"])
    return bool(message)


def _ask_to_leave(pid: int) -> float:
    """Until when may this fork end by itself? It is asked to: were it killed and then we, what it left would stay."""
    try:
        os.killpg(pid, signal.SIGTERM)
    except (ProcessLookupError, PermissionError):  # it leads no group yet, and would act on what it shares with us
        end(pid)
    return time.monotonic() + SECONDS_TO_LEAVE


def _end_late(leaving: dict[int, float]) -> None:
    """Ends those that were asked to and did not do so in time."""
    for pid, until in leaving.items():
        if time.monotonic() > until:
            end(pid)


def _collect(leashes: dict[int, socket.socket]) -> list[int]:
    """Which of the forks have ended? Each leash is told how."""
    ended = []
    with suppress(ChildProcessError):
        while (found := os.waitpid(-1, os.WNOHANG))[0]:
            if leash := leashes.get(found[0]):
                ended.append(found[0])
                _tell(leash, {"ended": os.waitstatus_to_exitcode(found[1])})
    return ended


def _tell(leash: socket.socket, what: dict[str, Any]) -> None:
    with suppress(OSError):  # nobody listens any more
        leash.send(json.dumps(what).encode())


def _end_all(leashes: dict[int, socket.socket]) -> None:
    leaving = {pid: _ask_to_leave(pid) for pid in leashes}
    until = time.monotonic() + SECONDS_TO_END
    while time.monotonic() < until:
        end_strangers(set(leaving))
        _end_late(leaving)
        try:
            ended, _ = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:  # nobody is left
            return
        leaving.pop(ended, None)
        if not ended:
            time.sleep(LOOK)


def main() -> None:
    """Which process becomes warm? This one: imports the modules named after the descriptor, then serves."""
    channel = socket.socket(fileno=int(sys.argv[1]))
    sys.modules[NEEDLESS] = None  # type: ignore[assignment]
    missing = []
    for name in sys.argv[2:]:
        module, _, function = name.partition(":")
        try:
            found = importlib.import_module(module)
            if function:
                getattr(found, function)()
        except ImportError as error:  # a fork that needs it fails there, and says so
            missing.append(f"{name} ({error})")
    del sys.modules[NEEDLESS]
    gc.collect()
    gc.freeze()  # so that a fork's collector does not touch, and so copy, every page
    serve(channel, missing)
    os._exit(0)  # nothing here needs tidying up, and some libraries do it loudly
