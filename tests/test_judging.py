"""Which level does a figure get: an estimate by its interval, a count by itself, an estimate without limits none."""

from typing import Any

import pytest

from alignlib.engagement import parse_settings
from alignlib.judging import finding
from alignlib.result import Finding, Measure

SETTINGS = parse_settings(
    "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
    "timezone: UTC, thresholds: {leaked_leads: 0.1}}"
)
TITLES = {"beyond": "too many", "good": "few", "unclear": "cannot be told", "none": "so many"}


def judged(**measure: Any) -> Finding:
    found = Measure(**{"value": 0.33, "unit": "share", "n": 6, **measure})
    return finding("funnel.leaked", "leaked_leads", found, SETTINGS, TITLES, theme="handoff", play="P9",
                   counted="2 of 6", settle="more leads")  # fmt: skip


@pytest.mark.parametrize(
    ("measure", "level", "said"),
    [
        ({"low": 0.2, "high": 0.5, "method": "Wilson 95 %"}, "act", "Interval 20 to 50"),
        ({"low": 0.05, "high": 0.5, "method": "Wilson 95 %"}, "unclear", "Interval 5 to 50"),
        ({"method": "counted"}, "act", "Counted: 33 %; 2 of 6."),  # a share of money: no count of its own
        ({"method": "counted", "k": 2}, "act", "Counted: 2 of 6."),
        ({"method": "counted", "k": 32, "n": 99}, "act", "Counted: 2 of 6."),
        ({"method": "counted", "k": 33, "n": 100}, "act", "Counted: 33 %; 2 of 6."),
        ({"method": "clustered by owner, 95 %"}, "unclear", "Without an interval: 33 %"),
    ],
)
def test_an_estimate_without_limits_is_never_judged_as_a_count(measure: Any, level: str, said: str) -> None:
    found = judged(**measure)
    assert found.level == level and found.detail.replace("\u00a0", " ").startswith(said)
    assert bool(found.settle) == (level == "unclear")


def test_without_an_agreed_limit_a_figure_is_unclear_has_no_play_and_one_thing_would_settle_it() -> None:
    measure = Measure(value=0.63, unit="share", n=6711, k=4238, low=0.62, high=0.64, method="Wilson 95 %")
    found = finding("funnel.win_rate", "win_rate", measure, SETTINGS, TITLES, theme="metrics", play="P6",
                    counted="4,238 of 6,711", settle="more deals")  # fmt: skip
    assert (found.level, found.title, found.play) == ("unclear", "so many", None)
    assert found.settle == "an agreed limit (closed opportunities that are won)"


def test_a_level_that_the_data_cannot_carry_is_unclear_and_the_rule_says_why() -> None:
    told: Any = {"theme": "handoff", "play": "P9", "counted": "2 of 6", "settle": "more leads"}
    for low, high, level in ((0.2, 0.5, "act"), (0.01, 0.05, "good")):
        measure = Measure(value=(low + high) / 2, unit="share", n=6, low=low, high=high, method="Wilson 95 %")
        plain = finding("funnel.leaked", "leaked_leads", measure, SETTINGS, TITLES, **told)
        held = finding("funnel.leaked", "leaked_leads", measure, SETTINGS, TITLES, **told, cannot={level: "too early"})
        assert plain.level == level and "too early" not in plain.rule
        assert (held.level, held.title, held.settle, held.play) == ("unclear", "cannot be told", "more leads", "P9")
        assert held.rule == f"{plain.rule}; too early" and held.detail == plain.detail


def test_what_was_found_is_said_in_any_case_and_good_is_as_agreed() -> None:
    told: Any = {"theme": "handoff", "play": "P9", "counted": "2 of 6", "settle": "more leads"}
    for value, title in ((0.05, "so many, as agreed"), (0.2, "so many")):
        measure = Measure(value=value, unit="share", n=6)
        assert finding("funnel.leaked", "leaked_leads", measure, SETTINGS, {"none": "so many"}, **told).title == title
