"""Which audits make up a batch: a portfolio, a folder of engagements or one of them, checked whole before any runs."""

import os
import re
import unicodedata
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date
from fnmatch import fnmatchcase
from hashlib import sha256
from pathlib import Path
from typing import Any, NamedTuple

from alignlib.editions import RESULTS
from alignlib.errors import AlignError, Problem
from alignlib.plain_yaml import SETTINGS_FILE, nearest, strict_yaml, yaml_text
from alignlib.words import legible

LONGEST_SLUG = 40
_TOP, _KEYS = ["engagements"], ["path", "since"]


@dataclass(frozen=True)
class Job:
    """Which engagement is audited under which name, and compared with which earlier ``results.json``?"""

    name: str
    engagement: Path
    since: Path | None = None


class _Entry(NamedTuple):
    """One engagement as it was written down: where that stands, and the paths as given."""

    where: str
    path: str
    since: str | None = None


def read_plan(portfolio: Path) -> list[Job]:
    """Which audits does this portfolio ask for: a YAML file, a folder of engagements (by name), or one engagement?

    In the file ``engagements:`` lists folders, or ``path:`` with ``since:``, the ``results.json`` of an earlier audit
    or the folder it is in; paths are relative to the file, and none leads through a link. A job is named after its
    folder and the path as given, so that it keeps its name wherever the portfolio is moved to.
    Raises AlignError with every problem: E-CONFIG (what the file says), E-OPEN (a folder or file that is not there),
    E-USE (nothing to audit).
    """
    if portfolio.is_file():
        base, entries = portfolio.resolve().parent, _listed(portfolio)
    elif portfolio.is_dir():
        base, entries = _found(portfolio.resolve())
    else:
        fix = "name a portfolio file, a folder of engagements, or one engagement"
        raise AlignError(Problem("E-OPEN", "there is no such file or folder", where=str(portfolio), fix=fix))
    return _jobs(base, entries)


def select(jobs: Sequence[Job], only: Sequence[str] = (), since: date | None = None) -> list[Job]:
    """Which of these jobs are meant: those that one of ``only`` names, and of which a file changed ``since`` that day?

    ``only`` holds names of engagements' folders or of jobs, or patterns (``acme-*``). A file is any that the audit
    reads, by the time of its last change. A database, or settings that cannot be read, may have changed.
    Raises AlignError (E-USE) for names that no job bears.
    """
    meant, problems = set[str](), []
    named = {job.name: (job.engagement.name, job.name) for job in jobs}
    for pattern in only:
        hits = {job for job, names in named.items() if pattern in names or any(fnmatchcase(n, pattern) for n in names)}
        meant |= hits
        if not hits:
            near = nearest(pattern, sorted({job.engagement.name for job in jobs}))
            problems.append(Problem("E-USE", f"no engagement is called {pattern!r}{near}", fix="correct its name"))
    if problems:
        raise AlignError(problems)
    chosen = [job for job in jobs if not only or job.name in meant]
    return [job for job in chosen if _changed(job.engagement, since)] if since else chosen


def _changed(engagement: Path, since: date) -> bool:
    from alignlib.batch.fingerprint import files_read

    try:
        paths, is_whole = files_read(engagement)
        days = [date.fromtimestamp(path.lstat().st_mtime) for path in paths]
    except (AlignError, OSError, ValueError, OverflowError):
        return True
    return not is_whole or any(day >= since for day in days)


def _found(folder: Path) -> tuple[Path, list[_Entry]]:
    """The engagements of a folder, which may be one itself."""
    from alignlib.imports.triage import engagements

    if (folder / SETTINGS_FILE).exists():
        return folder.parent, [_Entry(folder.name, folder.name)]
    if names := [path.name for path in engagements(folder)]:
        return folder, [_Entry(legible(name), name) for name in names]
    fix = "make one with: alignlib new NAME"
    raise AlignError(Problem("E-USE", "no engagement lies in this folder", where=str(folder), fix=fix))


def _listed(file: Path) -> list[_Entry]:
    """The engagements that a portfolio file lists."""
    if file.name == SETTINGS_FILE:
        what, fix = "these are the settings of one engagement, and no portfolio", "name its folder"
        raise AlignError(Problem("E-USE", what, where=str(file), fix=fix))
    data, lines = _read(file)
    fix = f"write {_TOP[0]}: and below it a line for each folder, as in: - acme-2026"
    if not isinstance(data, dict):
        raise AlignError(Problem("E-CONFIG", "this is no portfolio", where=file.name, allowed=_TOP[0], fix=fix))
    problems = [_unknown(f"{file.name}, line {lines[key,] + 1}", key, _TOP) for key in data if key not in _TOP]
    listed = data.get(_TOP[0])
    if listed and not isinstance(listed, list):
        problems.append(Problem("E-CONFIG", "engagements is no list", where=file.name, fix=fix))
    elif not listed and not problems:
        problems.append(Problem("E-USE", "it lists no engagement", where=file.name, fix=fix))
    entries = []
    for number, each in enumerate(listed if isinstance(listed, list) else [], start=1):
        where = f"{file.name}, entry {number} (line {lines[_TOP[0], str(number - 1)] + 1})"
        given = each if isinstance(each, dict) else {"path": each}
        faults = list(_faults(where, given))
        problems += faults
        entries += [] if faults else [_Entry(where, given["path"], given.get("since"))]
    if problems:
        raise AlignError(problems)
    return entries


def _read(file: Path) -> tuple[Any, dict[tuple[str, ...], int]]:
    try:
        return strict_yaml(yaml_text(file), file.name)
    except (OSError, UnicodeDecodeError) as error:
        fix = "name a portfolio in YAML, or a folder of engagements"
        raise AlignError(Problem("E-OPEN", "cannot be read as UTF-8 text", where=str(file), fix=fix)) from error


def _faults(where: str, given: dict[str, Any]) -> Iterator[Problem]:
    """What is wrong with one entry of the list?"""
    yield from (_unknown(where, key, _KEYS) for key in given if key not in _KEYS)
    if not _is_text(given.get("path")):
        yield Problem("E-CONFIG", "no folder is named", where=where, fix="write path: acme-2026")
    if given.get("since") is not None and not _is_text(given["since"]):
        yield Problem("E-CONFIG", "since names no file", where=where, fix="write since: ../2025/acme/results.json")


def _is_text(said: Any) -> bool:
    return isinstance(said, str) and bool(said.strip())


def _unknown(where: str, key: str, known: list[str]) -> Problem:
    what = f"{legible(key)} is not a known setting{nearest(key, known)}"
    return Problem("E-CONFIG", what, where=where, allowed=", ".join(known), fix="correct or remove it")


def _jobs(base: Path, entries: list[_Entry]) -> list[Job]:
    found, problems, seen = list[tuple[_Entry, Path, Path | None]](), list[Problem](), dict[object, str]()
    for entry in entries:
        try:
            engagement = _no_link(base, entry.path)
            _is_engagement(engagement)
            told = engagement.stat()
            place = seen.setdefault((told.st_dev, told.st_ino) if told.st_ino else engagement, entry.where)
            if place != entry.where:
                raise AlignError(Problem("E-CONFIG", f"this is the engagement of {place}", fix="keep one of them"))
            found.append((entry, engagement, _earlier(base, entry.since)))
        except AlignError as error:
            problems += (replace(problem, where=entry.where) for problem in error.problems)
        except (OSError, ValueError) as error:  # too long, a NUL, no permission
            what = f"{legible(entry.path[:100])!r} cannot be opened ({getattr(error, 'strerror', None) or error})"
            problems.append(Problem("E-OPEN", what, where=entry.where, fix="correct its path"))
    if problems:
        raise AlignError(problems)
    names = _names([(entry.path, engagement.name) for entry, engagement, _ in found])
    return [Job(name, engagement, since) for name, (_, engagement, since) in zip(names, found, strict=True)]


def _no_link(base: Path, given: str) -> Path:
    """Which path is meant, with nothing on the way to it a link? A link could lead to another client's files."""
    path = base
    for part in Path(given).parts:
        path = path / part
        if part != ".." and path.is_symlink():
            what, fix = f"{legible(given)!r} leads through a link ({legible(part)})", "write the path it leads to"
            raise AlignError(Problem("E-OPEN", what, fix=fix))
    return Path(os.path.normpath(path))


def _is_engagement(folder: Path) -> None:
    """Is there an engagement? Raises AlignError (E-OPEN), with the nearest of its neighbours."""
    name = repr(legible(folder.name))
    if folder.is_dir():
        if (folder / SETTINGS_FILE).exists():
            return
        fix = "copy engagement.yml into it, or name another folder"
        raise AlignError(Problem("E-OPEN", f"the folder {name} holds no {SETTINGS_FILE}", fix=fix))
    beside = [path.parent.name for path in folder.parent.glob(f"*/{SETTINGS_FILE}")]
    what = f"there is no folder {name}{nearest(folder.name, sorted(beside))}"
    raise AlignError(Problem("E-OPEN", what, fix="correct the path, which is relative to the portfolio file"))


def _earlier(base: Path, given: str | None) -> Path | None:
    """Which earlier audit is meant? Raises AlignError (E-OPEN) when it is not there."""
    if given is None:
        return None
    path = _no_link(base, given)
    path = _no_link(path, RESULTS) if path.is_dir() else path
    if not path.is_file():
        fix = f"name the {RESULTS} of an earlier audit, or the folder it is in"
        raise AlignError(Problem("E-OPEN", f"since: there is no file {legible(given)!r}", fix=fix))
    return path


def _names(jobs: list[tuple[str, str]]) -> list[str]:
    """How is each job called, given the path as written and the folder's name? No two alike, on any system.

    Eight digits of a path's sha256 follow the name; where those are alike, all of them.
    """
    short = [_name(*job, 8) for job in jobs]
    often = Counter(short)
    return [name if often[name] == 1 else _name(*job, 64) for job, name in zip(jobs, short, strict=True)]


def _name(given: str, folder: str, digits: int) -> str:
    path = Path(os.path.normpath(given)).as_posix()
    return f"{slug(folder)}-{sha256(path.encode(errors='surrogatepass')).hexdigest()[:digits]}"


def slug(name: str) -> str:
    """How is a folder's name written in small letters, digits and hyphens alone? Not every name keeps some of its own.

    >>> [slug(name) for name in ("Acme & Söhne (2026)", "ACME", "CON", "株式会社", "../etc")]
    ['acme-sohne-2026', 'acme', 'con', 'engagement', 'etc']
    """
    plain = unicodedata.normalize("NFKD", name.casefold()).encode("ascii", "ignore").decode()
    return re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:LONGEST_SLUG].strip("-") or "engagement"


def refuse_addresses(*paths: Path) -> None:
    """Are these paths on a folder that all machines mount? Raises AlignError (E-USE) for what is an address (s3://…)."""
    for path in paths:
        if any(re.fullmatch(r"[a-z][a-z0-9+.-]+:", part) for part in path.parts):  # one slash of two is gone by now
            fix = "give a folder that every machine mounts under one path, and copy from and to the store yourself"
            raise AlignError(Problem("E-USE", "audits work on folders, not on addresses", where=str(path), fix=fix))
