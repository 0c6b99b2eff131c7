"""What of a client's private data is older than it was promised to be kept? It is removed; what was delivered stays."""

import json
import os
import shutil
from collections.abc import Iterator
from contextlib import nullcontext, suppress
from datetime import UTC, date, datetime
from pathlib import Path

from alignlib.batch.fingerprint import CLIENTS
from alignlib.batch.job import FAILED, LOGS, STAGE
from alignlib.batch.runner import LOCK
from alignlib.batch.state import JOBS, PLAN
from alignlib.editions import recorded
from alignlib.engagement import SETTINGS_FILE
from alignlib.errors import AlignError, Problem
from alignlib.files import locked

_RUN = "private/run"  # in an audit's folder
_Aged = Iterator[tuple[Path, date]]  # what is private, and since when it is there


def purge(folder: Path, days: int, today: date, dry: bool = False) -> list[Path]:
    """Which private data of clients in this folder, a batch's or one audit's, is more than so many days old?

    All of it is removed unless ``dry``: of each audit the run (``private/run``: checked tables, rejected rows, extracts
    of databases), of a batch also what unfinished and failed runs left, logs, and the records of jobs that are in no
    plan any more. An audit is as old as its completion record says (``at``); anything else, and an audit whose record
    cannot be read, as its latest change. What the client was given stays: the report, ``results.json`` and the executed
    notebooks, which show what is in it and no more; so ``alignlib report`` works as before, and the audit is whole.

    Nothing in an engagement is touched. Its data/ is what the client sent, to be deleted by whoever promised to. Its
    ``private/release_log.json`` and ``survey.key`` must stay while an audit of it may still be made: without them a
    second report could tell by its difference from the first what single people answered. Links are not followed.
    Raises AlignError: E-USE, E-LOCKED (a batch is running here), E-WRITE (something could not be removed).
    """
    if days < 0:
        raise AlignError(Problem("E-USE", "an age in days cannot be negative", fix="give 0 or more"))
    is_batch = (folder / PLAN).is_file() or (folder / CLIENTS).is_dir()
    if not is_batch and not recorded(folder) and not (folder / _RUN).is_dir():
        raise _refused(folder)
    with locked(folder / LOCK) if is_batch and not dry else nullcontext():
        aged = sorted([*_of_audit(folder), *(_of_batch(folder) if is_batch else [])])
        due = [path for path, since in aged if (today - since).days > days]
        for path in [] if dry else due:
            _remove(path)
    return due


def _refused(folder: Path) -> AlignError:
    if (folder / SETTINGS_FILE).exists():
        what = "this is an engagement: its data/ is what the client sent, and is not removed by this command"
        fix = "delete data/ yourself once that was promised, and keep private/ as long as there may be another audit; "
        fix += "name the folder of its audit (--out) to remove what the audit keeps"
    else:
        what, fix = "this is the folder of no batch and no audit", "name what was given as --out"
    return AlignError(Problem("E-USE", what, where=str(folder), fix=fix))


def _of_batch(out: Path) -> _Aged:
    for job in _in(out, CLIENTS):
        for audit in _in(job):
            yield from _of_audit(audit)
    for place in (STAGE, FAILED, LOGS):
        yield from ((path, _changed(path)) for path in _in(out, place))
    if (planned := _planned(out / PLAN)) is not None:
        yield from ((path, _changed(path)) for path in _in(out, JOBS) if path.stem not in planned)


def _of_audit(folder: Path) -> _Aged:
    if (run := folder / _RUN) in _in(folder, "private"):
        yield run, _made(folder) or _changed(run)


def _made(folder: Path) -> date | None:
    """On which day was this audit finished, by its own record?"""
    try:
        return datetime.fromisoformat(recorded(folder)["at"]).astimezone(UTC).date()
    except (KeyError, TypeError, ValueError, OverflowError):
        return None


def _changed(path: Path) -> date:
    """On which day was this file, or anything in this folder, changed last?"""
    inner, times = (Path(at, name) for at, folders, files in os.walk(path) for name in (*folders, *files)), []
    for each in (path, *inner):
        with suppress(FileNotFoundError):  # a dry run may look on while a batch runs
            times.append(each.lstat().st_mtime)
    return datetime.fromtimestamp(max(times), UTC).date() if times else date.max


def _planned(file: Path) -> set[str] | None:
    """Which jobs does the batch plan? None when that cannot be told: then no record is without its job."""
    try:
        return {str(job["job"]) for job in json.loads(file.read_text(encoding="utf-8"))["jobs"]}
    except (OSError, ValueError, KeyError, TypeError):
        return None


def _in(folder: Path, place: str = "") -> list[Path]:
    """What lies in this place of a folder? Nothing where a link leads there, and no links."""
    for part in Path(place).parts:
        folder = folder / part
        if folder.is_symlink():
            return []
    return [path for path in folder.iterdir() if not path.is_symlink()] if folder.is_dir() else []


def _remove(path: Path) -> None:
    try:
        if path.is_dir():
            shutil.rmtree(path)
        else:
            path.unlink(missing_ok=True)
    except OSError as error:
        fix = "close it where it is open, check the folder's permissions, and purge again"
        raise AlignError(Problem("E-WRITE", f"cannot be removed ({error.strerror})", str(path), fix=fix)) from error
