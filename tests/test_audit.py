"""What the audit makes of findings: an order, a verdict that claims no more than they do, and gaps that are named."""

from typing import Any

import pytest

from alignlib.audit import audit, headline, ranked, scorecard, summary
from alignlib.engagement import Settings, parse_settings
from alignlib.result import Finding, Level, Measure, NotJudged, Result

SETTINGS: Settings = parse_settings(
    "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, "
    "currency: EUR, timezone: UTC}"
)


def finding(key: str, level: Level, theme: str = "handoff", value: float = 0.5, limit: float | None = 0.7) -> Finding:
    unit: Any = "points" if key.startswith("survey.") else "share"
    return Finding(key=key, theme=theme, title=f"{key} is {level}", detail="", level=level, rule="", limit=limit,
                   measure=Measure(value=value, unit=unit, n=10), play="P4")  # fmt: skip


def result(*findings: Finding, gaps: tuple[NotJudged, ...] = ()) -> dict[str, Result]:
    return {"funnel": Result(diagnostic="funnel", question="", headline="", summary="", findings=list(findings),
                             not_judged=list(gaps))}  # fmt: skip


def test_findings_are_ranked_by_level_then_evidence_then_distance() -> None:
    given = [
        finding("funnel.unsure", "unclear"), finding("survey.gap.a", "act", value=4, limit=1),
        finding("funnel.near", "act", value=0.65), finding("funnel.far", "act", value=0.2),
        finding("funnel.fine", "good"), finding("content.look", "watch"),
    ]  # fmt: skip
    keys = [f.key for f in ranked(given)]
    assert keys == ["funnel.far", "funnel.near", "survey.gap.a", "content.look", "funnel.fine", "funnel.unsure"]
    assert keys == [f.key for f in ranked(given[::-1])]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([("act", "handoff"), ("good", "shared_goal")], "see the same goal; the handover is what fails"),
        ([("act", "handoff"), ("unclear", "shared_goal")], "The handover is what fails"),
        ([("watch", "content"), ("good", "focus")], "funnel.f0 is watch"),
        ([("good", "content")], "as agreed"),
        ([("unclear", "content")], "cannot judge"),
        ([], "cannot judge"),
    ],
)
def test_the_headline_claims_no_more_than_the_findings(levels: list[tuple[Level, str]], words: str) -> None:
    assert words in headline([finding(f"funnel.f{i}", level, theme) for i, (level, theme) in enumerate(levels)])


def test_the_summary_names_what_calls_for_action_and_says_what_is_open() -> None:
    findings = ranked([finding("funnel.a", "act"), finding("funnel.b", "good"), finding("funnel.c", "unclear")])
    gap = NotJudged(what="w", why="y", settle="s", theme="credit")
    text = summary(findings, [gap])
    assert "One question could not be judged" in text
    assert "funnel.a is act." in text and "not “no problem”" in text


def test_the_summary_begins_with_the_theme_of_the_headline() -> None:
    findings = ranked([
        finding("content.a", "act", "content", value=0.0), finding("funnel.b", "act", value=0.5),
        finding("funnel.c", "act", value=0.4), finding("content.d", "watch", "focus"),
    ])  # fmt: skip
    assert findings[0].key == "content.a" and headline(findings) == "The handover is what fails"
    assert summary(findings, []).startswith("funnel.c is act. content.a is act. content.d is watch.")


def test_a_theme_without_any_finding_is_not_judged_and_never_good() -> None:
    gap = NotJudged(what="w", why="no file", settle="the file", theme="focus")
    gaps = audit(result(finding("funnel.a", "good"), gaps=(gap,)), SETTINGS).not_judged
    assert gaps == [gap]
    rows = {row["label"]: row for row in scorecard([finding("funnel.a", "good")], gaps).rows}
    assert rows["Focus"]["good"] == 0 and rows["Focus"]["parts"] == "not judged: no file"
    assert rows["Regard"]["good"] == 0 and rows["Regard"]["parts"].startswith("not judged: nothing was delivered")
    assert rows["Handoff"]["good"] == 1


def test_the_scorecard_shows_parts_and_no_total() -> None:
    findings = [finding("funnel.a", "act"), finding("funnel.b", "good"), finding("content.c", "watch", "content")]
    card = scorecard(findings, [])
    assert {column.name for column in card.columns} == {
        "label",
        "act",
        "watch",
        "good",
        "unclear",
        "not_judged",
        "parts",
    }
    assert sum(row["act"] + row["watch"] + row["good"] + row["unclear"] for row in card.rows) == len(findings)


def test_the_audit_keeps_every_finding_with_its_play() -> None:
    given = result(finding("funnel.a", "act"), finding("funnel.b", "good"))
    made = audit(given, SETTINGS)
    assert {f.key for f in made.findings} == {"funnel.a", "funnel.b"} and all(f.play for f in made.findings)


def test_comparing_with_an_earlier_audit_is_refused_rather_than_ignored() -> None:
    with pytest.raises(ValueError, match="earlier audit"):
        audit({}, SETTINGS, previous={})
