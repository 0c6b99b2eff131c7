"""What a batch says on the command line, and the code with which it ends."""

import signal
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date
from pathlib import Path
from typing import Any

from alignlib.batch import progress
from alignlib.batch.state import REPORTED, JobRecord, reported, what_became
from alignlib.errors import AlignError, Problem
from alignlib.words import count

DONE, FAILED, DISK, INTERRUPTED, TERMINATED = 0, 1, 4, 130, 143


@contextmanager
def listener(as_json: bool, is_quiet: bool, write: progress.Write) -> Iterator[progress.Tell]:
    """Who hears what happens: a program, a log, or a person before a terminal?"""
    if as_json:
        yield progress.events(write)
    elif is_quiet or not sys.stderr.isatty():
        yield progress.lines(write, is_quiet)
    else:
        with progress.bar() as tell:
            yield tell


def run(portfolio: Path, out: Path, tell: progress.Tell, **chosen: Any) -> tuple[list[JobRecord], int]:
    """What became of each engagement, and with which code does the command end: 0, 1, 4, 130 or 143?

    Only what this run did decides: 1 when an audit failed or lacks a format. An interrupt or a request to end stops all
    that runs at once; what had ended stays, and the same command goes on.
    """
    from alignlib.batch.runner import run_batch

    asked = (signal.SIGINT, signal.SIGTERM)

    def asked_to_end(number: int, _: object) -> None:
        for each in asked:  # being asked again must not stop what ends the jobs and writes down where they stand
            signal.signal(each, lambda *_: None)
        raise KeyboardInterrupt(number)

    before = [signal.signal(each, asked_to_end) for each in asked]
    ended: list[dict[str, Any]] = []

    def hear(event: progress.Event) -> None:
        if event["event"] == "end":
            ended.append(event["record"])
        tell(event)

    try:
        records = run_batch(portfolio, out, hear, **chosen)
    except KeyboardInterrupt as interrupt:
        return what_became(out), TERMINATED if interrupt.args == (signal.SIGTERM,) else INTERRUPTED
    finally:
        for each, handler in zip(asked, before, strict=True):
            signal.signal(each, handler)
    kinds = {record["problem"]["class"] for record in ended if record["state"] == "failed"}
    is_short = any(record["undelivered"] for record in ended)
    return records, DISK if "disk" in kinds else FAILED if kinds or is_short else DONE


def summary(records: list[JobRecord], out: Path) -> str:
    """How did it go, in one line whose numbers add up to the plan, and where is the overview?"""
    states = list(map(reported, records))
    parts = ", ".join(f"{states.count(state)} {state}" for state in REPORTED)
    return f"{count(len(records), 'engagement')}: {parts}. Overview: {out / 'index.html'}"


def day(text: str) -> date | None:
    """Which day is meant? Raises AlignError (E-USE) for anything but YYYY-MM-DD."""
    try:
        return date.fromisoformat(text) if text else None
    except ValueError as error:
        raise AlignError(Problem("E-USE", f"{text!r} is no day", fix="write it as in 2026-11-30")) from error
