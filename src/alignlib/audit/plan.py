"""Who does what by when, and from which figure on does a later audit call it changed?"""

from bisect import bisect_left
from collections.abc import Iterable
from datetime import date, timedelta
from math import ceil, floor, inf, sqrt

from alignlib.audit.comparison import moved
from alignlib.engagement import Settings
from alignlib.resources import Play, plays
from alignlib.result import Exhibit, Finding, Measure, Row, columns
from alignlib.stats import Interval, wilson
from alignlib.words import capital, count, count_spelled, day, of, value

MOST = 3  # more at once is no plan
AGAIN = "P22"  # the re-audit, always the last row
_LOUD = ("act", "watch")
ENDS = {"share": (0.0, 1.0), "pp": (-1.0, 1.0), "points": (0.0, 4.0)}  # of a gap on a scale from 1 to 5: 0 to 4
_STEPS = {"share": 0.01, "pp": 0.01, "points": 0.1, "delta": 0.01}  # as exactly as words says a figure
_MOST = 10**9  # steps, or cases, looked through
_SAID = {"at_least": "at least {}", "at_most": "{} or less"}


def plan(findings: Iterable[Finding], settings: Settings) -> Exhibit | None:
    """Which plays are run by when, by whom, and how far must a figure move before the re-audit could tell?

    ``findings`` in their ranked order: the plays of the first that call for action or are to watch, each once with its
    first finding as the measure, three at most, then the re-audit. None when nothing calls for a play. Dates count from
    ``as_of``. For ``changed`` see ``told``. What it does not say: that a play moves its figure, or by how much.

    >>> from alignlib.engagement import parse_settings
    >>> period = "period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31"
    >>> plan([], parse_settings("{version: 1, client: X, currency: EUR, timezone: UTC, %s}" % period)) is None
    True
    """
    known = plays()
    again = known[AGAIN]
    first: dict[str, Finding] = {}
    for finding in findings:
        if finding.level in _LOUD and finding.play in known and finding.play != AGAIN:
            first.setdefault(str(finding.play), finding)
    chosen = [(known[id], finding) for id, finding in list(first.items())[:MOST]]
    if not chosen:
        return None
    rows = [_row(play, settings, finding.title, told(finding, settings, again.days)) for play, finding in chosen]
    beyond = "what lies beyond the interval of its change"
    rows.append(_row(again, settings, "Every figure of this report", beyond))
    last, audited = (_by(settings, days) for days in (max(play.days for play, _ in chosen), again.days))
    return Exhibit(
        key="audit.plan", shape="table", rows=rows, play=AGAIN,
        title=f"Run {count_spelled(len(chosen), 'play')} by {day(last)}, then measure again on {day(audited)}",
        columns=columns(label=("Play", "text"), owner=("Owner", "text"), by=("By", "text"),
                        today=("Today", "text"), changed=("Counts as changed", "text")),
        read=f"A figure counts as changed once the re-audit after {count(again.days, 'day')} could tell it from "
        "today’s: with the interval of today and the one to expect then (Zou & Donner 2008). What "
        "happens to leads is then read from the new leads of that time, survey and content from as many as today. "
        "Dates count from the as-of day; after a later workshop, the same number of days from it.",
        says_not="That a play moves its figure, or by how much. Leads of the last days before the re-audit have had "
        "less time, so what takes weeks to happen can be told less well than is written here.",
        alt=f"Table of {count(len(rows), 'row')}: each play with its owner, by when, the figure today and the "
        "figure that counts as changed.",
        source="Findings of this audit, plays of the playbook",
    )  # fmt: skip


def told(finding: Finding, settings: Settings, days: int) -> str:
    """Which is the smallest change for the better that an audit after ``days`` could tell from today's figure?

    The first figure, in the steps in which it is said, of which ``moved`` says that it is another than today's, with
    the interval to expect there and then. What happens to leads is measured on new ones, ``days`` / period as many as
    today; elsewhere as many answer. Where even the end of the scale could not be told, today's rests on too few cases.
    A counted figure has changed with the next count; one that counts no cases (open pipeline) may differ every day, so
    what counts is the limit agreed for it. ``finding`` calls for action or is to watch, so it lies beyond a limit.
    Source: Zou & Donner 2008 (as the re-audit does).
    """
    m, up = finding.measure, finding.direction == "at_least"
    if m.value is None or finding.direction not in _SAID:
        return "nothing: there is no figure, or no better side"
    if m.low is None and m.k is not None and m.n is not None:
        return of(m.k + (1 if up else -1), m.n)
    if m.low is None:
        limit = _SAID[finding.direction].format(value(finding.limit, m.unit))
        return f"{limit}, as agreed: it is counted, and may differ every day"
    period = (settings.period.end - settings.period.start).days + 1
    times = days / period if finding.key.startswith("funnel.") else 1
    steps = _steps(m, up)
    first = bisect_left(steps, True, key=lambda at: _is_told(m, _amount(m, at), times, up))
    if first == len(steps):
        return "cannot be told by then: today’s figure rests on too few cases"
    said = "{}" if first == len(steps) - 1 else _SAID[finding.direction]
    return said.format(value(_amount(m, steps[first]), m.unit, settings.currency))


def _is_told(today: Measure, figure: float, times: float, up: bool) -> bool:
    """Would ``moved`` call this figure, from ``times`` as many cases as today's, better than today's?"""
    change = moved(_expected(today, figure, times), today)
    return change.low is not None and change.high is not None and (change.low > 0 if up else change.high < 0)


def _expected(today: Measure, figure: float, times: float) -> Measure:
    """Which interval is to be expected around a figure? A share's by Wilson, narrower near 0 and 1; else today's."""
    middle, low, high = today.value or 0.0, today.low or 0.0, today.high or 0.0
    if today.unit == "share":
        n = _cases(middle, high - low) * times
        found = wilson(figure * n, n)
        return today.model_copy(update={"value": figure, "low": found.low, "high": found.high})
    least, most = ENDS.get(today.unit, (-inf, inf))
    limits = {"low": max(figure - (middle - low) / sqrt(times), least),
              "high": min(figure + (high - middle) / sqrt(times), most)}  # fmt: skip
    return today.model_copy(update={"value": figure, **limits})


def _cases(figure: float, width: float) -> int:
    """On how many independent cases would a share have an interval as wide as this?"""
    return bisect_left(range(1, _MOST), True, key=lambda n: _width(wilson(figure * n, n)) <= width) + 1


def _width(found: Interval) -> float:
    return (found.high or 0.0) - (found.low or 0.0)


def _steps(m: Measure, up: bool) -> range:
    """Which figures lie on the better side of today's, in whole steps as they are said, nearest first?"""
    size, (low, high) = _STEPS.get(m.unit, 1.0), ENDS.get(m.unit, (0.0, _MOST))
    today = round((m.value or 0.0) / size, 9)
    return range(floor(today) + 1, round(high / size) + 1) if up else range(ceil(today) - 1, round(low / size) - 1, -1)


def _amount(m: Measure, steps: int) -> float:
    return round(steps * _STEPS.get(m.unit, 1.0), 9)


def _row(play: Play, settings: Settings, today: str, changed: str) -> Row:
    by = day(_by(settings, play.days))
    return {"label": f"{play.id} {play.title}", "owner": play.owner, "by": by, "today": today,
            "changed": capital(changed)}  # fmt: skip


def _by(settings: Settings, days: int) -> date:
    return settings.as_of + timedelta(days=days)
