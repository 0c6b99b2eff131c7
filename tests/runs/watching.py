"""What tests of processes look for, and how long they wait for it."""

import time
from collections.abc import Callable
from pathlib import Path

SECONDS = 60  # until a wait is given up


def is_there(pid: int) -> bool:
    """Does this process still run?"""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] not in "ZX"
    except OSError:
        return False


def holds(condition: Callable[[], bool]) -> bool:
    """Does it come true before patience ends?"""
    until = time.monotonic() + SECONDS
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.01)
    return False
