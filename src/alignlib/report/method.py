"""How does a report say how it was made, so that anyone with the same files gets the same figures?"""

import re
from collections.abc import Iterator, Mapping
from datetime import date

from alignlib import words
from alignlib.charts.tables import Table
from alignlib.errors import CODES
from alignlib.result import Record, Result, Scalar

_SETTINGS: dict[str, str | dict[str, str]] = {  # how each setting is said, or each of its values
    "smallest_group": "No figure rests on fewer than {} people",
    "mode": {"anonymous": "Answers carry no names", "named": "Answers carry names"},
    "consent_on": "Everybody asked had agreed by {}",
    "instrument_version": "Version {} of the questionnaire",
    "unused_days": "Unused: by nobody within {} days",
    "stale_days": "Stale: neither made nor reviewed within {} days",
    "uptake_days": "What is shown or recommended is to be used, and a note answered, within {} days",
    "page_match": {"path": "A page of the website is an asset by its whole path",
                   "slug": "A page of the website is an asset by the last part of its path"},
    "first_touch_hours": "Promised: a first touch within {} hours",
    "decision_days": "Promised: accepted or turned down within {} days",
    "clock": {"calendar": "Hours count by day and night", "business": "Hours count within working hours alone"},
    "work_hours": "Working hours: {}",
    "stalled_days": "Left without a next step: for {} days",
    "horizon_days": "Horizon of every rate: {} days",
    "credit_days": "A touch earns credit for {} days",
    "path": {
        "any": "Path rule: any (a stage counts when it is recorded; a later one counts as going on)",
        "strict": "Path rule: strict (a stage counts when every stage before it is recorded, in order)",
        "backfilled": "Path rule: backfilled (a stage counts when it or any later one is recorded)",
    },
    "time_zone": "Times in {}",
}  # fmt: skip
_UNSAID = {"as_of", "period_start", "grading", "stage_labels"}  # said on the first page, or for machines to compare


def as_day(iso: str) -> str:
    """How is a day of the record written?

    >>> as_day("2026-03-31")
    '31 March 2026'
    """
    return words.day(date.fromisoformat(iso))


def notes(record: Record) -> Iterator[tuple[str, tuple[str, ...]]]:
    """Which ways, agreed limits, settings, files and versions made these figures? Heads and their lines.

    What was agreed stands there once, then each diagnostic's own settings as sentences. A head may have no line.
    """
    results = record.results
    methods = {f.measure.method for r in results.values() for f in r.findings} - {"counted", "withheld", ""}
    methods -= {method.removesuffix(" 95 %").removesuffix(",") for method in methods if method.endswith(" 95 %")}
    yield "Intervals", tuple(sorted(methods)) or ("Nothing estimated: every figure is counted.",)
    agreed, units, meanings = (_named(results["audit"], name) for name in ("limits", "units", "meanings"))
    limits = ((meanings.get(key) or _plain(key), float(n or 0), str(units.get(key, ""))) for key, n in agreed.items())
    yield "Agreed limits", tuple(f"{words.capital(str(what))}: {words.value(n, unit)}" for what, n, unit in limits)
    for name, result in results.items():
        yield f"Settings of {name}", tuple(_settings(result.settings, {*_UNSAID, *agreed}))
    sources = {s.file: s for r in results.values() for s in r.sources}.values()
    sizes = (("rows withheld" if s.rows is None else words.count(s.rows, "row"), s) for s in sources)
    yield "Inputs", tuple(f"{s.file}, {size}, SHA-256 {s.sha256[:12]}…" for size, s in sizes)
    made = {
        ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items())): record.versions,
        f"Times in {record.timezone}": record.timezone,
        f"Simulations drawn from seed {record.seed}": record.seed,
        f"Compared with an earlier record, SHA-256 {record.since_sha256[:12]}…": record.since_sha256,
    }
    yield "Worked out with", tuple(line for line, is_known in made.items() if is_known)


def counts(results: list[Result]) -> Table:
    """Which rows of which file were read, used, rejected and left out, and why?"""
    rows = {
        (c.file, c.table): (
            c.file, c.table, *(words.number(n) for n in (c.read, c.used, c.rejected, c.excluded)),
            "; ".join(f"{CODES.get(reason, reason)}: {words.number(n)}" for reason, n in c.reasons.items()))
        for result in results for c in result.row_counts
    }  # fmt: skip
    head = ("File", "Table", "Read", "Used", "Rejected", "Excluded", "Reasons")
    return Table("Rows read, used, rejected and excluded", head, tuple(rows.values()), frozenset({2, 3, 4, 5}))


def _settings(settings: Mapping[str, object], unsaid: set[str]) -> Iterator[str]:
    """Each setting as a sentence; one that an older or later kit recorded, by its name."""
    given = {key: settings[key] for key in sorted(settings, key=[*_SETTINGS, *sorted(settings)].index)}
    for key, value in given.items():
        if key in unsaid or value is None or isinstance(value, dict):
            continue
        text, how, plain = _said(value), _SETTINGS.get(key), f"{words.capital(_plain(key))}: {_said(value)}"
        said = how.get(text, plain) if isinstance(how, dict) else how.replace("{}", text) if how else plain
        yield re.sub(r"(?<![\d.,])1 (day|hour)s\b", r"1 \1", said)


def _named(result: Result, name: str) -> dict[str, Scalar]:
    """What did a result record under this name, if it recorded names and values there?"""
    found = result.settings.get(name)
    return found if isinstance(found, dict) else {}


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _said(value: object) -> str:
    if isinstance(value, list):
        return ", ".join(map(str, value))
    if isinstance(value, bool) or not isinstance(value, int | float):
        try:
            return as_day(str(value))
        except ValueError:
            return str(value)
    return words.number(value, 0 if float(value).is_integer() else 2)
