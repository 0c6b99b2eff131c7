"""How does a person, a log or a program follow a batch? Each is a listener for its events."""

import json
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from alignlib.words import count, legible

Event = Mapping[str, Any]
Tell = Callable[[Event], None]
Write = Callable[[str], None]
LONG = 100_000  # seconds over which the speed of a batch is taken: its jobs end far apart


def events(write: Write) -> Tell:
    """What does a program hear? A JSON object a line: ``plan``, ``begin``, ``step``, ``note``, ``end``."""
    return lambda event: write(json.dumps(event, ensure_ascii=True))


def lines(write: Write, is_quiet: bool = False) -> Tell:
    """What does a log hear? One plain line for each job that ended, and each note; when quiet, failures and notes."""
    planned = ended = 0

    def tell(event: Event) -> None:
        nonlocal planned, ended
        if event["event"] == "plan":
            planned = event["jobs"]
            if not is_quiet:
                write(f"{count(planned, 'engagement')}, {event['workers']} at a time")
        elif event["event"] == "note":
            write(f"Note: {note(event)}")
        elif event["event"] == "end":
            ended += 1
            if not is_quiet or is_wrong(event["record"]):
                write(f"[{ended}/{planned}] {said(event['record'])}")

    return tell


@contextmanager
def bar() -> Iterator[Tell]:
    """What does a person see? A bar of all jobs with the time left, and a line for each that is in hand."""
    from rich import progress
    from rich.console import Console

    columns = (progress.TextColumn("{task.description}", markup=False), progress.BarColumn(),
               progress.MofNCompleteColumn(), progress.TimeElapsedColumn(), progress.TimeRemainingColumn(),
               progress.TextColumn("{task.fields[step]}", markup=False))  # fmt: skip
    console = Console(stderr=True)
    with progress.Progress(*columns, console=console, transient=True, speed_estimate_period=LONG) as shown:
        overall, in_hand = shown.add_task("all", total=None, step=""), dict[str, Any]()

        def tell(event: Event) -> None:
            kind, job = event["event"], event.get("job", "")
            if kind == "plan":
                shown.update(overall, total=event["jobs"])
            elif kind == "begin" and job not in in_hand:
                in_hand[job] = shown.add_task(legible(job)[:40], total=None, step="")
            elif kind == "step" and job in in_hand:
                shown.update(in_hand[job], completed=event["number"] - 1, total=event["of"], step=event["step"])
            elif kind == "note":
                console.print(f"Note: {note(event)}", markup=False, highlight=False)
            elif kind == "end":
                if job in in_hand:  # or it was refused before it began
                    shown.remove_task(in_hand.pop(job))
                shown.advance(overall)
                if is_wrong(event["record"]):
                    console.print(said(event["record"]), markup=False, highlight=False)

        yield tell


@contextmanager
def steps(write: Write) -> Iterator[Callable[[str, int, int], None]]:
    """How is one audit followed? A bar on a terminal, one plain line a step elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step, number, of: write(f"[{number}/{of}] {step}")
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, transient=True) as shown:
        task = shown.add_task("starting", total=None)
        yield lambda step, number, of: shown.update(task, description=step, completed=number - 1, total=of)


def note(event: Event) -> str:
    """What does a note say, and of which job?"""
    return ": ".join(filter(None, (legible(str(event.get("job", ""))), str(event["note"]))))


def is_wrong(record: Mapping[str, Any]) -> bool:
    """Must somebody look at this job: it failed, or lacks a format?"""
    return record["state"] == "failed" or bool(record["undelivered"])


def said(record: Mapping[str, Any]) -> str:
    """What became of a job, in one line?"""
    problem = record.get("problem") or {}
    why = problem.get("sentence") or "; ".join([*record["undelivered"], *filter(None, [record.get("headline")])])
    more = f" (and {count(record['more'], 'other problem')})" if record.get("more") else ""
    return " ".join(legible(f"{record['state']}: {record['engagement']}{': ' if why else ''}{why}{more}").split())
