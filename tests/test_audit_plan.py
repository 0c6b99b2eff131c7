"""The ninety-day plan: few plays, each with its owner, its day and the figure from which on a change can be told."""

import re
from datetime import date, timedelta
from typing import Any

import pytest

from alignlib.audit.comparison import moved
from alignlib.audit.plan import AGAIN, plan, told
from alignlib.engagement import Settings, parse_settings
from alignlib.resources import plays
from alignlib.result import Finding, Measure
from alignlib.stats import wilson

# a period of 365 days, as of 2026-01-31
SETTINGS: Settings = parse_settings(
    "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2026-01-31, "
    "currency: EUR, timezone: UTC}"
)


TOO_FEW = "cannot be told by then: today’s figure rests on too few cases"


def finding(key: str, level: str = "act", play: str | None = "P4", direction: str = "at_least", **said: Any) -> Finding:
    given: dict[str, Any] = {"value": 0.44, "unit": "share", "n": 100, "low": 0.38, "high": 0.51, "method": "Wilson"}
    return Finding.model_validate(
        {"key": key, "theme": "handoff", "title": f"{key} says so", "detail": "", "level": level, "rule": "",
         "direction": direction, "play": play, "measure": Measure(**given | said)}
    )  # fmt: skip


def test_each_play_stands_once_with_its_first_finding_and_the_re_audit_comes_last() -> None:
    given = [
        finding("funnel.first_touch"), finding("funnel.decided"), finding("funnel.leaked", play="P9"),
        finding("content.unused", "watch", "P13"), finding("funnel.cohorts", "watch", "P22"),
        finding("survey.gap.focus", "unclear", "P2"), finding("survey.gap.roles", "good", None),
        finding("funnel.strange", play="P99"),
    ]  # fmt: skip
    made = plan(given, SETTINGS)
    assert made is not None
    assert [str(row["label"]).split()[0] for row in made.rows] == ["P4", "P9", "P13", "P22"]
    assert [row["today"] for row in made.rows[:3]] == [f"{given[i].title}" for i in (0, 2, 3)]
    known = plays()
    last = max(SETTINGS.as_of + timedelta(days=known[id].days) for id in ("P4", "P9", "P13"))
    assert made.title.startswith("Run three plays by ") and made.title.endswith("then measure again on 1 May 2026")
    assert f"{last.day} {last:%B %Y}" in made.title
    assert SETTINGS.as_of + timedelta(days=known[AGAIN].days) == date(2026, 5, 1)
    assert [row["owner"] for row in made.rows] == [known[id].owner for id in ("P4", "P9", "P13", "P22")]


def test_a_plan_holds_three_plays_at_most_and_none_when_nothing_is_loud() -> None:
    made = plan([finding(f"funnel.f{i}", play=f"P{i}") for i in range(1, 12)], SETTINGS)
    assert made is not None
    assert [str(row["label"]).split()[0] for row in made.rows] == ["P1", "P2", "P3", "P22"]
    assert plan([finding("funnel.a", "unclear"), finding("funnel.b", "good")], SETTINGS) is None
    assert plan([finding("funnel.cohorts", play="P22")], SETTINGS) is None


@pytest.mark.parametrize(
    ("given", "changed"),
    [
        # 13 points wide at 44 %: as on 221 leads; 59 % of 54 (90 days) is 46 to 71 %, and 15 > sqrt(7² + 13.2²)
        (finding("funnel.a"), "at least 59\u00a0%"),
        # survey and content hold as many cases again: 8 x sqrt(2) = 11.3 less than 58 is 46.7, said as 46
        (finding("content.a", direction="at_most", value=0.58, low=0.5, high=0.65), "46\u00a0% or less"),
        (finding("survey.gap.a", direction="at_most", value=1.8, unit="points", low=1.2, high=2.4),
         "0.9 points or less"),
        (finding("funnel.a", direction="at_most", value=0.2, unit="pp", low=0.1, high=0.3),
         "\u22123 percentage points or less"),
        # 20 points wide at 80 %: as on 60 leads; all of 15 (90 days) is 79 % at least, and 20 < sqrt(10² + 21²)
        (finding("funnel.a", value=0.8, low=0.7, high=0.9), TOO_FEW),
        (finding("survey.gap.a", direction="at_most", value=0.5, unit="points", low=0.1, high=0.9), TOO_FEW),
        (finding("content.a", direction="at_most", value=0.1, low=0.04, high=0.2), "0\u00a0%"),
        (finding("content.a", direction="at_most", value=0.1, low=0.03, high=0.2), "0\u00a0%"),
        (finding("funnel.a", k=1, n=4, value=0.25, low=None, high=None, method="counted"), "2 of 4"),
        (finding("funnel.a", direction="at_most", k=4, n=5, value=0.8, low=None, high=None, method="counted"),
         "3 of 5"),
        (finding("content.a", direction="at_most", value=0.52, low=None, high=None, method="counted")
         .model_copy(update={"limit": 0.2}),
         "20\u00a0% or less, as agreed: it is counted, and may differ every day"),
        (finding("funnel.a", value=None, low=None, high=None), "nothing: there is no figure, or no better side"),
        (finding("funnel.a", direction="equals"), "nothing: there is no figure, or no better side"),
    ],
)  # fmt: skip
def test_what_counts_as_changed_by_hand(given: Finding, changed: str) -> None:
    assert told(given, SETTINGS, 90) == changed


@pytest.mark.parametrize(("k", "n", "direction"), [(8, 100, "at_most"), (12, 60, "at_most"), (90, 100, "at_least"),
                                                   (50, 60, "at_least"), (40, 100, "at_least")])  # fmt: skip
def test_what_counts_as_changed_is_what_the_re_audit_would_call_moved(k: int, n: int, direction: str) -> None:
    def measure(share: float) -> Measure:
        found = wilson(share * n, n)
        return Measure(value=share, unit="share", k=None, n=n, low=found.low, high=found.high, method="Wilson")

    today, up = measure(k / n), direction == "at_least"
    said = told(finding("content.a", direction=direction, **today.model_dump()), SETTINGS, 90)
    figure = int(re.findall(r"\d+", said)[0])
    for percent, is_told in ((figure, True), (figure - 1 if up else figure + 1, False)):
        change = moved(measure(percent / 100), today)
        assert change.low is not None and change.high is not None
        assert (change.low > 0 if up else change.high < 0) is is_told, (said, percent)


def test_a_figure_that_even_none_at_all_would_not_move_from_cannot_be_told() -> None:
    few, none = (wilson(k, 100) for k in (4, 0))
    change = moved(Measure(value=0.0, unit="share", low=none.low, high=none.high),
                   Measure(value=0.04, unit="share", low=few.low, high=few.high))  # fmt: skip
    assert change.high is not None and change.high > 0
    given = finding("content.a", direction="at_most", value=0.04, low=few.low, high=few.high)
    assert told(given, SETTINGS, 90) == TOO_FEW


def test_a_longer_wait_tells_a_smaller_change_of_leads_and_none_of_answers() -> None:
    said = [told(finding(key), SETTINGS, days) for key in ("funnel.a", "survey.gap.a") for days in (90, 365)]
    assert said == ["at least 59\u00a0%", "at least 54\u00a0%", "at least 54\u00a0%", "at least 54\u00a0%"]
