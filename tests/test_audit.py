"""What the audit makes of findings: an order, a verdict that claims no more than they do, and gaps that are named."""

from typing import Any

import pytest

from alignlib.audit import audit
from alignlib.audit.judgement import headline, summary
from alignlib.audit.ranking import ranked
from alignlib.audit.scorecard import scorecard
from alignlib.engagement import Settings, parse_settings
from alignlib.result import Finding, Level, Measure, NotJudged, Record, Result

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
    keys = [f.key for f in ranked(given, {}, {})]
    assert keys == ["funnel.far", "funnel.near", "survey.gap.a", "content.look", "funnel.fine", "funnel.unsure"]
    assert keys == [f.key for f in ranked(given[::-1], {}, {})]


@pytest.mark.parametrize(
    ("levels", "words"),
    [
        ([("act", "handoff"), ("good", "shared_goal")], "The handover is what fails"),
        ([("watch", "content"), ("good", "focus")], "funnel.f0 is watch"),
        ([("good", "content")], "as agreed"),
        ([("unclear", "content")], "cannot judge"),
        ([], "cannot judge"),
    ],
)
def test_the_headline_claims_no_more_than_the_findings(levels: list[tuple[Level, str]], words: str) -> None:
    assert words in headline([finding(f"funnel.f{i}", level, theme) for i, (level, theme) in enumerate(levels)])


def test_what_is_to_watch_is_no_headline_where_more_could_not_be_judged_than_was() -> None:
    gap = NotJudged(what="w", why="y", settle="s", theme="credit")
    found = [finding("funnel.a", "watch"), finding("funnel.b", "unclear")]
    assert headline(found, [gap]) == "funnel.a is watch"
    assert headline(found, [gap, gap]).startswith("The data at hand cannot judge")
    assert summary(found, [gap, gap]).startswith("funnel.a is watch.")  # said all the same, not over everything
    assert headline([finding("funnel.a", "act")], [gap, gap]) == "The handover is what fails"


def test_the_summary_names_what_calls_for_action_and_says_what_is_open() -> None:
    findings = [finding("funnel.a", "act"), finding("funnel.b", "good"), finding("funnel.c", "unclear")]
    gap = NotJudged(what="w", why="y", settle="s", theme="credit")
    text = summary(findings, [gap])
    assert "One question could not be judged" in text
    assert "funnel.a is act." in text and "not “no problem”" in text


def test_the_summary_begins_with_the_theme_of_the_headline() -> None:
    findings = ranked([
        finding("content.a", "act", "content", value=0.0), finding("funnel.b", "act", value=0.5),
        finding("funnel.c", "act", value=0.4), finding("content.d", "watch", "focus"),
    ], {}, {})  # fmt: skip
    assert findings[0].key == "content.a" and headline(findings) == "The content is not where it is needed"
    assert summary(findings, []).startswith("content.a is act. funnel.c is act. content.d is watch.")


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


# --- the whole of it --------------------------------------------------------------------------------------------------


@pytest.fixture
def sample(planted: tuple[Settings, dict[str, Result]]) -> tuple[dict[str, Result], Settings]:
    return planted[1], planted[0]


def record(results: dict[str, Result], settings: Settings) -> Record:
    return Record(kit_version="0", client="X", period_start="2024-04-01", period_end="2025-03-31", as_of="2025-04-30",
                  currency="EUR", settings_sha256="", thresholds_lock="", results=results)  # fmt: skip


def test_the_audit_lays_the_docket_the_strip_the_guesses_the_plan_and_the_themes_side_by_side(
    sample: tuple[dict[str, Result], Settings],
) -> None:
    made = audit(*sample)
    shapes = {exhibit.key: exhibit.shape for exhibit in made.exhibits}
    assert shapes.items() >= {
        "audit.docket": "docket", "audit.conversations": "strip", "audit.guesses": "paired", "audit.plan": "table",
        "audit.scorecard": "table",
    }.items()  # fmt: skip
    assert "audit.change" not in shapes and len(shapes) == len(made.exhibits)


def test_what_is_planted_in_the_sample_is_what_the_docket_says(sample: tuple[dict[str, Result], Settings]) -> None:
    rows = {row["label"]: row for row in audit(*sample).exhibit("audit.docket").rows}
    assert {label: row["verdict"] for label, row in rows.items()} == {
        "G1": "Cannot tell", "G2": "Borne out", "G3": "Both have a point", "G4": "Both have a point",
        "G5": "Borne out", "G6": "Borne out", "G7": "Borne out", "G8": "Not raised", "G9": "No rule settles it",
        "G10": "Borne out", "G11": "Borne out", "G12": "Borne out", "G13": "Not raised",
    }  # fmt: skip


def test_an_earlier_audit_is_laid_beside_this_one_where_there_is_one(
    sample: tuple[dict[str, Result], Settings],
) -> None:
    results, settings = sample
    keys = [exhibit.key for exhibit in audit(results, settings, record(results, settings)).exhibits]
    assert keys.index("audit.change") < keys.index("audit.plan")


def test_without_any_result_there_is_a_docket_of_open_cases_and_no_picture_of_what_is_not_there() -> None:
    made = audit({}, SETTINGS)
    assert made.findings == [] and "cannot judge" in made.headline
    assert {exhibit.key for exhibit in made.exhibits} == {"audit.docket", "audit.scorecard"}
    verdicts = {row["verdict"] for row in made.exhibit("audit.docket").rows}
    assert verdicts == {"Cannot tell", "No outside evidence possible"}


def test_the_order_of_results_and_findings_does_not_matter(sample: tuple[dict[str, Result], Settings]) -> None:
    results, settings = sample
    turned = {
        name: result.model_copy(update={"findings": result.findings[::-1], "exhibits": result.exhibits[::-1]})
        for name, result in results.items()
    }
    one, other = audit(results, settings), audit(turned, settings)
    assert one.findings == other.findings and one.headline == other.headline and one.summary == other.summary
    assert {e.key: e for e in one.exhibits} == {e.key: e for e in other.exhibits}
