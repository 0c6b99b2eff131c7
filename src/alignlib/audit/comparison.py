"""What changed since the last audit, by how much more than chance, and what could not have been seen?"""

import re
from collections.abc import Iterator, Mapping
from datetime import date
from fnmatch import fnmatchcase
from math import sqrt
from typing import NamedTuple

from alignlib.audit.comparable import in_words, incomparable, read_otherwise, unrecorded
from alignlib.audit.exhibits import rows_of
from alignlib.engagement import Settings
from alignlib.grievances import read_docket
from alignlib.resources import plays
from alignlib.result import Column, Exhibit, Finding, Measure, Record, Result, Row, Unit, columns
from alignlib.stats import NOTHING, Interval
from alignlib.words import capital, count, day, interval, listed, number, of, share, tally, value

KEY = "audit.change"
RULES = {"stages", "promises", "grading", "funnel", "content", "timezone", "currency"}  # settings that define figures
BETTER, WORSE, MOVED, DIFFERS = "moved (better)", "moved (worse)", "moved", "differs"
SAME, NOT = "no change can be told", "not comparable"
_ORDER = (WORSE, BETTER, MOVED, DIFFERS, SAME, NOT)
_SHOWS = {  # what the title says of the figures that have an interval, of one and of several
    BETTER: ("moved for the better", "moved for the better"), WORSE: ("moved for the worse", "moved for the worse"),
    MOVED: ("moved without a better side", "moved without a better side"),
    SAME: ("shows no change that can be told", "show no change that can be told"),
}  # fmt: skip
_CHANCE = 0.05


class Compared(NamedTuple):
    """What became of one finding: both measures, the change with its interval, the verdict and what explains it."""

    now: Finding
    before: Finding
    change: Interval
    verdict: str
    note: str


class Ran(NamedTuple):
    """A play that was run: how that is said, and which findings lead to it."""

    text: str
    findings: tuple[str, ...]


def change(now: Mapping[str, Result], before: Record, settings: Settings, docket: Exhibit | None = None) -> Exhibit:
    """Which figures moved since an earlier audit by more than chance, and which cannot be compared?

    ``now`` are the results of the diagnostics by name, ``before`` the record of the earlier audit; findings that both
    have are compared, one row each. For the interval of a change see ``moved``; the smallest change that could have
    been seen is half of it. Counted figures are compared as they are shown, and only differ or do not. Not compared:
    what was defined, read or worked out otherwise, bounds and ranges, the same files or answers. ``docket``: this
    audit's, beside the earlier one; a verdict that differs gets a row with the figures that turned. A play of
    ``settings.done`` run between the two as-of days stands beside what leads to it.
    What it does not say: what caused a change.

    Source: Zou & Donner 2008. The two audits are taken as independent: where the same leads, people or assets stand in
    both and resemble themselves, the interval is too wide, never too narrow.
    """
    found = sorted(compared(now, before, settings), key=_rank)
    done = _done(before, settings)
    rows = [_row(each, done, settings) for each in found] + list(_verdicts(docket, before, found))
    return Exhibit(
        key=KEY, shape="table", rows=rows, play="P22", columns=_COLUMNS,
        title=_title(found, before), lead=_lead(found, now, before, settings, done),
        read="Each figure as it stood then and stands now, with the 95 % interval of the change: the squares of both "
        "intervals’ halves added (Zou & Donner 2008). It moved when that interval leaves out 0; half the "
        "interval is the smallest change that could have been seen. A counted figure has no interval: it differs or "
        "not, and some differ every day. A verdict of the docket that differs stands with those of its figures that "
        "lie otherwise to their limits.",
        says_not="What caused a change. A figure that moved beside a play need not have moved by it: seasons, people "
        "and customers changed too, and there is no other company to compare with.",
        alt=f"Table of {count(len(rows), 'row')}: each figure before and now, its change with an interval, and whether "
        "it moved.",
        source=f"this audit and the earlier one as of {day(date.fromisoformat(before.as_of))}",
    )  # fmt: skip


def compared(now: Mapping[str, Result], before: Record, settings: Settings) -> Iterator[Compared]:
    """What became of each finding that both audits have, in the order of this one?"""
    for name, result in now.items():
        earlier = before.results.get(name)
        known = {finding.key: finding for finding in earlier.findings} if earlier else {}
        for finding in result.findings:
            if earlier and (old := known.get(finding.key)):
                why = incomparable(finding, old, result, earlier, (settings.currency, before.currency))
                yield _judged(finding, old, why)


def moved(now: Measure, before: Measure) -> Interval:
    """How much larger is a figure now than before, in its own unit, when each has its own interval?

    The difference, with limits from the two intervals: the squares of the halves that face each other added (MOVER).
    For two shares with Wilson limits this is Newcombe's interval. Survey gaps are sizes (never below 0), as published:
    sizes lie no further apart than the gaps with their signs do, so this claims no more than those would. A value
    without limits gives a change without limits.
    Sources: Zou & Donner 2008; Newcombe 1998, method 10.

    >>> a = Measure(value=0.8, unit="share", n=70, low=0.6918, high=0.8769)
    >>> b = Measure(value=0.6, unit="share", n=80, low=0.4904, high=0.7003)
    >>> [round(limit, 2) for limit in (moved(a, b).low, moved(a, b).high)]
    [0.05, 0.33]
    """
    if now.value is None or before.value is None:
        return NOTHING
    gap = now.value - before.value
    if now.low is None or now.high is None or before.low is None or before.high is None:
        return Interval(gap, None, None)
    below = sqrt((now.value - now.low) ** 2 + (before.high - before.value) ** 2)
    above = sqrt((now.high - now.value) ** 2 + (before.value - before.low) ** 2)
    return Interval(gap, gap - below, gap + above)


def _judged(now: Finding, before: Finding, why: str) -> Compared:
    if why:
        return Compared(now, before, NOTHING, NOT, why)
    gap, limits = moved(now.measure, before.measure), [_limit(finding) for finding in (before, now)]
    note = "" if now.limit == before.limit else f"the agreed limit was {limits[0]}, now {limits[1]}"
    if now.measure.method == "counted":
        return Compared(now, before, gap, DIFFERS if _differs(now.measure, before.measure) else SAME, note or "counted")
    if gap.low is None or gap.high is None:
        return Compared(now, before, gap, SAME, "an estimate without an interval")
    return Compared(now, before, gap, SAME if gap.low <= 0 <= gap.high else _side(gap, now), note)


def _side(gap: Interval, finding: Finding) -> str:
    better = {"at_least": 1, "at_most": -1}.get(finding.direction or "")
    return MOVED if better is None else BETTER if (gap.value or 0) * better > 0 else WORSE


def _differs(now: Measure, before: Measure) -> bool:
    """Do two counted figures differ as a reader sees them? Amounts never stand beside each other in two currencies."""
    return now.value != before.value and _figure(now, "") != _figure(before, "")


def _limit(finding: Finding) -> str:
    return "none" if finding.limit is None else value(finding.limit, finding.measure.unit)


def _rank(each: Compared) -> tuple[int, bool]:
    """What moved first, for the worse before the better; data before survey."""
    return _ORDER.index(each.verdict), each.now.key.startswith("survey.")


def _is_tested(each: Compared) -> bool:
    return each.change.low is not None and each.now.measure.method != "counted"


# --- what is written --------------------------------------------------------------------------------------------------

_EXTRA: dict[str, tuple[str, Unit]] = {
    "finding": ("Finding", "text"), "unit": ("Unit of the change", "text"), "value": ("Change", "delta"),
    "low": ("low", "delta"), "high": ("high", "delta"),
}  # fmt: skip
_COLUMNS = [
    *columns(label=("Figure", "text"), before=("Before", "text"), now=("Now", "text"),
             change=("Change (95 % interval)", "text"), smallest=("Smallest change that could be seen", "text"),
             verdict=("Verdict", "text"), note=("Note", "text")),
    *(Column(name=name, label=label, unit=unit, is_extra=True) for name, (label, unit) in _EXTRA.items()),
]  # fmt: skip


def _row(each: Compared, done: list[Ran], settings: Settings) -> Row:
    unit = each.now.measure.unit
    size, (gap, low, high) = _unit_of_change(unit), (each.change.value, each.change.low, each.change.high)
    said = "" if gap is None else value(gap, size, settings.currency)
    said += "" if low is None else f" ({interval(low, high, size, settings.currency)})"
    half = "" if low is None or high is None else value((high - low) / 2, size, settings.currency)
    run = [ran.text for ran in done if any(fnmatchcase(each.now.key, key) for key in ran.findings)]
    return {"label": _name(each.now), "before": _figure(each.before.measure, settings.currency),
            "now": _figure(each.now.measure, settings.currency), "change": said, "smallest": half,
            "verdict": each.verdict, "note": capital("; ".join(filter(None, [each.note, *run]))),
            "finding": each.now.key, "unit": size, "value": gap, "low": low, "high": high}  # fmt: skip


_GUESSES = {
    "survey.mirror.sales": "Error of Sales’ guesses at Marketing’s answers",
    "survey.mirror.marketing": "Error of Marketing’s guesses at Sales’ answers",
}


def _name(finding: Finding) -> str:
    """What is measured, in words that fit then and now: the threshold's meaning, else the key."""
    agreed_for = re.search(r"agreed for: ([^;]+)", finding.rule)
    part = finding.key.split(".")[-1].replace("_", " ")
    if finding.key.startswith("survey.gap."):
        return f"Gap between the teams: {part}"
    if finding.key in _GUESSES:
        return _GUESSES[finding.key]
    return capital(agreed_for[1]) if agreed_for else capital(part)


def _figure(m: Measure, currency: str) -> str:
    if m.method == "counted" and m.k is not None and m.n is not None:
        return of(m.k, m.n)
    return value(m.value, m.unit, currency)


def _unit_of_change(unit: str) -> str:
    return "pp" if unit == "share" else unit


def _title(found: list[Compared], before: Record) -> str:
    """How many of the figures that have an interval moved? What is counted differs every day, and is no news alone."""
    since, told = day(date.fromisoformat(before.as_of)), [each.verdict for each in found if _is_tested(each)]
    if not told:
        return f"No figure with an interval can be compared with the audit as of {since}"
    return f"{tally(told, 'figure', _SHOWS)} since {since}"


def _lead(found: list[Compared], now: Mapping[str, Result], before: Record, settings: Settings, done: list[Ran]) -> str:
    tested, said = [each for each in found if _is_tested(each)], []
    overlap = date.fromisoformat(before.period_end) >= settings.period.start
    if n := len(tested):
        n_moved = sum(each.verdict != SAME for each in tested)
        said.append(f"Compared with an interval: {count(n, 'figure')}, of which {n_moved} moved.")
        if not overlap:
            said.append(f"Had nothing changed, up to {number(n * _CHANCE, 1)} ({share(_CHANCE)}) would be said to have "
                        "moved by chance alone.")  # fmt: skip
    if overlap:
        said.append("The two periods overlap, so some leads stand in both: the intervals are too wide, not too "
                    "narrow, and a change may stay hidden.")  # fmt: skip
    if before.rules_sha256 and before.rules_sha256 != settings.sha256(RULES):
        said.append("Stages, promises or other settings that define figures differ between the two audits.")
    pairs = [(each, before.results[name]) for name, each in now.items() if name in before.results]
    if not before.rules_sha256 or any(unrecorded(*pair) for pair in pairs):
        said.append("The earlier audit does not record all the settings that define figures.")
    if read := sorted({in_words(name) for pair in pairs for name in read_otherwise("columns", *pair)}):
        said.append(f"Other columns were read in {listed(read)}: where more than a name changed, compare with care.")
    if done:
        said.append(f"In between: {listed([ran.text for ran in done])}.")
    return " ".join(said)


def _done(before: Record, settings: Settings) -> list[Ran]:
    """Which plays were run after the earlier audit's as-of day and by this one's?"""
    known, after, found = plays(), date.fromisoformat(before.as_of), list[Ran]()
    for each in sorted(settings.done, key=lambda each: (each.on, each.play)):
        if after < each.on <= settings.as_of:
            play = known.get(each.play)
            name = f"{play.id} {play.title}" if play else each.play
            found.append(Ran(f"{name} run on {day(each.on)}", play.findings if play else ()))
    return found


def _verdicts(docket: Exhibit | None, before: Record, found: list[Compared]) -> Iterator[Row]:
    """A row for each grievance whose verdict differs; one whose words differ is another grievance."""
    old = rows_of(before.results, "audit.docket")
    known = {(row.get("label"), row.get("complaint")): row.get("verdict") for row in old}
    tests = {each.id: {trial.finding for trial in each.tests} for each in read_docket()}
    for row in docket.rows if docket else ():
        then = known.get((row["label"], row["complaint"]), row["verdict"])
        if then != row["verdict"]:
            turned = [each for each in found if each.now.level != each.before.level]
            notes = [": ".join(filter(None, [_name(each.now), each.verdict, each.note])) for each in turned
                     if each.now.key in tests[str(row["label"])]]  # fmt: skip
            blank: Row = dict.fromkeys(("change", "smallest", "finding", "unit"), "")
            yield {"label": f"{row['label']}: {row['complaint']}", "before": then, "now": row["verdict"], **blank,
                   "verdict": "another verdict", "note": "; ".join(notes), "value": None, "low": None,
                   "high": None}  # fmt: skip
