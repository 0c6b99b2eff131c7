"""What forks of a warm process are asked to do in tests: functions of what was given and of descriptors."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any


def report(given: dict[str, Any], more: list[int]) -> None:
    """Tells over the first descriptor where and with what it runs, and says something on both streams."""
    import numpy as np

    found = {
        "given": given, "cwd": str(Path.cwd()), "environment": dict(os.environ), "asked": sys.stdin.read(),
        "pid": os.getpid(), "group": os.getpgrp(), "session": os.getsid(0),
        "chance": [random.random(), float(np.random.random())],
    }  # fmt: skip
    os.write(more[0], json.dumps(found).encode())
    print("said")
    print("complained", file=sys.stderr)


def leave(given: dict[str, Any], _: list[int]) -> int:
    """Ends in the way that was given."""
    match given["how"]:
        case "exit":
            sys.exit(given["what"])
        case "raise":
            raise ValueError(given["what"])
        case "signal":
            os.kill(os.getpid(), given["what"])
    return int(given["what"])


def wait(_: dict[str, Any], more: list[int]) -> int:
    """Waits to be interrupted."""
    try:
        for each in more:
            os.write(each, b"waits")
        time.sleep(1000)
    except KeyboardInterrupt:
        return 7
    return 0


def heed(given: dict[str, Any], more: list[int]) -> None:
    """Waits to be asked to end, tells that it was, and ends or does not."""

    def asked(*_: Any) -> None:
        os.write(more[0], b"asked")
        if given["heeds"]:
            os._exit(0)

    signal.signal(signal.SIGTERM, asked)
    os.write(more[0], b"waits")
    while True:
        time.sleep(1000)


def wait_for_another(_: dict[str, Any], more: list[int]) -> int:
    """Waits, deaf to SIGUSR1, for a process of its group, and ends as that did."""
    other = subprocess.Popen(["sleep", "1000"])
    signal.signal(signal.SIGUSR1, signal.SIG_IGN)
    os.write(more[0], b"waits")
    return -other.wait()


def start(given: dict[str, Any], more: list[int]) -> None:
    """Starts processes in every way that may leave one behind, tells their ids, then waits or leaves."""
    plain = subprocess.Popen(["sleep", "1000"])
    apart = subprocess.Popen(["sleep", "1000"], start_new_session=True)
    reading, writing = os.pipe()
    if not os.fork():
        os.setsid()
        if daemon := os.fork():
            os.write(writing, str(daemon).encode())
            os._exit(0)
        os.execvp("sleep", ["sleep", "1000"])
    daemon = int(os.read(reading, 100))
    os.write(more[0], json.dumps([plain.pid, apart.pid, daemon]).encode())
    if given["waits"]:
        time.sleep(1000)
