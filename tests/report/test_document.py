"""Does the document say what the record says, in order, and never more?"""

import pytest
from sample_record import DOCKET, FINDINGS, NOT_JUDGED, SCORECARD, nothing_judged, sample_record

from alignlib.charts.tables import table
from alignlib.report.document import OPEN, TOP, build
from alignlib.result import Finding, Measure, Result


def with_result(name: str, **changes: object) -> object:
    record = sample_record()
    return build(
        record.model_copy(update={"results": record.results | {name: record.results[name].model_copy(update=changes)}})
    )


def test_the_first_page_holds_the_five_findings_that_the_audit_ranked_first() -> None:
    document = build(sample_record())
    assert [item.finding.key for item in document.top] == [finding.key for finding in FINDINGS[:TOP]]
    assert [item.finding.key for item in document.others] == [finding.key for finding in FINDINGS[TOP:]]
    assert document.top[0].play is not None and document.top[0].play.title == "Handoff pact"
    assert document.top_title == (
        "Three findings call for action, two are to watch, one is as agreed and three stay unclear"
    )


def test_a_finding_points_to_the_exhibit_that_proves_it() -> None:
    found = {item.finding.key: item.section for item in (*build(sample_record()).top, *build(sample_record()).others)}
    assert found["funnel.first_touch"] == "funnel-touch" and found["funnel.leaked"] == "funnel-leaks"
    assert found["content.unused"] == "content-unused" and found["survey.gap.credit"] == "survey-blocks"
    assert found["funnel.sal_to_sql"] == "funnel-waterfall" and found["funnel.cohorts"] == ""


def test_findings_point_to_the_picture_that_shows_their_figure() -> None:
    record = sample_record()
    funnel = record.results["funnel"]
    pairs = {
        "funnel.decided": "funnel.follow_up",
        "funnel.ownerless": "funnel.relay",
        "funnel.score_order": "funnel.calibration", "funnel.marketing_started": "funnel.credit",
        "funnel.revenue_linked": "funnel.clocks", "funnel.long_view": "funnel.clocks",
        "funnel.credit_claim": "funnel.credit",
        "content.recommended": "content.uptake", "content.taught": "content.first_use",
        "content.teaching_gain": "content.first_use", "content.specific": "content.ladder",
    }  # fmt: skip
    shown = [funnel.exhibits[0].model_copy(update={"key": key}) for key in sorted(set(pairs.values()))]
    findings = [FINDINGS[0].model_copy(update={"key": key}) for key in pairs]
    results = {"funnel": funnel.model_copy(update={"exhibits": shown, "findings": findings}),
               "audit": record.results["audit"].model_copy(update={"exhibits": [], "findings": findings})}  # fmt: skip
    document = build(sample_record(results=nothing_judged() | results))
    found = {item.finding.key: item.section for item in (*document.top, *document.others)}
    assert found == {key: exhibit.replace(".", "-") for key, exhibit in pairs.items()}


def test_exhibits_for_those_who_ask_come_last_in_their_topic_and_keep_their_numbers() -> None:
    funnel = sample_record().results["funnel"]
    drawn = [
        funnel.exhibits[0].model_copy(update={"key": key, "is_detail": d}) for key, d in (("a.b", True), ("a.c", False))
    ]
    tables = [e.model_copy(update={"key": f"{e.key}.table", "shape": "table"}) for e in drawn]
    figures = [f for f in with_result("funnel", exhibits=[*tables, *drawn]).figures if f.exhibit.key.startswith("a.")]  # type: ignore[attr-defined]
    assert [f.exhibit.key for f in figures] == ["a.c", "a.c.table", "a.b", "a.b.table"]
    assert [f.number.split(".")[1] for f in figures] == ["1", "2", "3", "4"]


def test_the_audit_speaks_where_its_exhibits_belong_whatever_their_order_in_the_record() -> None:
    made = [SCORECARD.model_copy(update={"key": f"audit.{name}"}) for name in ("plan", "stake", "change")]
    document = with_result("audit", exhibits=[*sample_record().results["audit"].exhibits, *made])
    assert [name for _, name in document.contents.values()] == [  # type: ignore[attr-defined]
        "Findings", "Docket", "What teams say", "Conversations", "Content", "Leads", "Guess and fact", "Money",
        "Since last time", "Ninety days", "Themes", "Others", "Method",
    ]  # fmt: skip
    numbers = {figure.exhibit.key: figure.number for figure in document.figures}  # type: ignore[attr-defined]
    assert numbers["audit.docket"] == "2" and numbers["survey.blocks"] == "3.1" and numbers["audit.scorecard"] == "11"


def test_without_an_earlier_audit_there_is_no_section_on_it() -> None:
    assert "Since last time" not in [name for _, name in build(sample_record()).contents.values()]


def test_a_row_of_the_docket_holds_who_agrees_the_evidence_and_the_play() -> None:
    figure = next(figure for figure in build(sample_record()).figures if figure.exhibit.key == DOCKET.key)
    assert figure.tally == (
        (4, "Borne out"), (2, "Both have a point"), (2, "Not borne out"), (2, "Cannot tell"),
        (1, "No rule settles it"), (1, "No outside evidence possible"), (1, "Not raised"),
    )  # fmt: skip
    entries = {entry.label: entry for entry in figure.docket}
    quality, credit, regard = entries["G1"], entries["G9"], entries["G13"]
    assert [(lane.text, lane.at) for lane in quality.lanes] == [("10 of 12", 10 / 12), ("0–1 of 8", 0.5 / 8)]
    assert quality.ends == "(39 to 51; n = 318)" and quality.also.startswith("Also tested: ")
    assert quality.section == "funnel-waterfall" and quality.claimants == ("sales",)
    assert credit.claimants == ("sales", "marketing") and credit.play is not None
    assert [(lane.text, lane.at) for lane in regard.lanes] == [("withheld", None), ("4 of 8", 0.5)]
    assert entries["G8"].play is None


def test_the_accent_of_a_play_needs_a_complaint_that_holds_and_a_finding_to_act_on() -> None:
    docket = next(figure.docket for figure in build(sample_record()).figures if figure.exhibit.key == DOCKET.key)
    assert [entry.label for entry in docket if entry.is_act] == ["G2", "G3", "G6", "G10"]  # G4, G5 are to watch


def test_a_conversation_says_its_three_strands_in_words_and_a_missing_one_too() -> None:
    figures = build(sample_record()).figures
    first, _, third, fourth, fifth = next(f.conversations for f in figures if f.conversations)
    assert [lane.text for lane in third.said] == ["3.0", "withheld"] and first.happened == ""
    assert first.said_alt == "Sales 2.4, interval 1.9 to 2.9; Marketing 3.6, interval 3.1 to 4.1; from 1 to 5"
    assert (fourth.supplied, fourth.standing) == ("1 of 6", "€870k open without one")
    assert fourth.happened_alt == "86\u00a0%, interval 78 to 91, agreed at least 70\u00a0%"
    assert fourth.basis == "n\u00a0=\u00a0131, within 60 days" and (fifth.supplied, fifth.segments) == ("", 0)


def test_strands_count_people_and_rows_and_a_missing_one_is_called_not_judged() -> None:
    said, supplied, happened = build(sample_record()).strands
    assert [(team.team, team.text) for team in said.answered] == [("sales", "12 of 14"), ("marketing", "8 of 9")]
    assert "589 rows read: 564 used, 10 rejected, 15 excluded" in happened.lines and supplied.is_judged
    record = sample_record()
    empty = Result(diagnostic="content", question="q", headline="h", summary="s")
    document = build(record.model_copy(update={"results": record.results | {"content": empty}}))
    assert not document.strands[1].is_judged and document.strands[1].lines == ("Not judged: nothing was supplied",)
    assert not [figure for figure in document.figures if figure.exhibit.key.startswith("content")]


def test_a_withheld_count_of_people_is_said_in_words_and_never_drawn() -> None:
    record = sample_record()
    survey = record.results["survey"]
    response = survey.exhibits[0].model_copy(
        update={"rows": [{"label": "Sales", "invited": 6, "answered": None, "note": "fewer than five"}]}
    )
    changed = survey.model_copy(update={"exhibits": [response]})
    document = build(record.model_copy(update={"results": record.results | {"survey": changed}}))
    assert [(team.answered, team.text) for team in document.strands[0].answered] == [(None, "fewer than five")]


def test_what_could_not_be_judged_is_all_there_with_what_would_settle_it() -> None:
    many = [gap.model_copy(update={"what": f"Question {i}"}) for i, gap in enumerate(NOT_JUDGED * 3)]
    document = with_result("audit", not_judged=many)
    assert len(document.limits) == OPEN + 1 and document.limits[-1].what == "What caused any of it"  # type: ignore[attr-defined]
    shown = [limit.what for limit in (*document.limits[:-1], *document.more_limits)]  # type: ignore[attr-defined]
    assert shown == [gap.what for gap in many]
    assert document.limits[0].settle.startswith("Would settle it: the score at handover")  # type: ignore[attr-defined]
    assert document.contents["open"] == (10, "Not judged")  # type: ignore[attr-defined]


def test_a_record_of_nothing_judged_still_makes_a_document() -> None:
    bare = build(sample_record(results=nothing_judged()))
    assert bare.top == () and bare.top_title == "Nothing could be judged"
    assert all(not strand.is_judged for strand in bare.strands)


def test_a_play_that_the_kit_does_not_hold_is_left_out() -> None:
    unknown = FINDINGS[0].model_copy(update={"play": "P99"})
    assert with_result("audit", findings=[unknown]).top[0].play is None  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("levels", "title"),
    [
        (["act"], "One finding calls for action"),
        (["watch", "good"], "One finding is to watch and one is as agreed"),
        (["unclear", "unclear"], "Two findings stay unclear"),
        ([], "Nothing could be judged"),
    ],
)
def test_the_tally_reads_as_a_sentence_and_unclear_is_never_counted_as_good(levels: list[str], title: str) -> None:
    findings: list[Finding] = [FINDINGS[0].model_copy(update={"level": level}) for level in levels]
    assert with_result("audit", findings=findings).top_title == title  # type: ignore[attr-defined]


def test_an_estimate_and_its_interval_share_a_cell() -> None:
    exhibits = {figure.exhibit.key: figure.table for figure in build(sample_record()).figures}
    blocks, unused, coverage = exhibits["survey.blocks"], exhibits["content.unused"], exhibits["content.coverage"]
    assert blocks.head == (
        "Block",
        "Sales",
        "Sales, answers",
        "Marketing",
        "Marketing, answers",
        "Gap in points",
        "Note",
    )
    assert blocks.rows[0][:4] == ("Follow-up", "4.0 (3.6 to 4.4)", "12", "2.2 (1.7 to 2.7)")
    assert blocks.rows[-2][3:] == ("–", "–", "–", "Marketing withheld: fewer than five answers")
    assert unused.rows[1][1] == "58\u00a0% (48 to 68)" and unused.rows[2][1] == "42\u00a0%"
    assert coverage.head == ("Segment", "C1", "C2", "C3", "C4", "C5")
    assert coverage.rows[1] == ("Health care", "0 (€40k)", "4 (€4,000)", "3 (€3,000)", "0 (€160k)", "0 (€110k)")
    assert coverage.rows[4][5] == "not recorded"


def test_codes_for_machines_are_not_in_the_tables_of_a_report() -> None:
    waterfall = sample_record().results["funnel"].exhibit("funnel.waterfall")
    assert "Stage" not in table(waterfall).head and table(waterfall).rows[0][0] == "Handed over"


def test_the_method_says_what_was_agreed_and_why_rows_were_left_out() -> None:
    record = sample_record()
    limits = {"limits": {"survey_gap": 0.8, "first_touch_in_time": 0.7, "work_order": 0.15}}
    limits["units"] = {"survey_gap": "points", "first_touch_in_time": "share", "work_order": "pp"}
    limits["meanings"] = {"survey_gap": "gap between the two teams", "work_order": "by how much more often"}
    audit = record.results["audit"].model_copy(update={"settings": limits})
    counts = [record.results["funnel"].row_counts[0].model_copy(update={"reasons": {"E-DATE": 2, "test leads": 15}})]
    funnel = record.results["funnel"].model_copy(update={"row_counts": counts})
    changed = record.model_copy(update={"results": record.results | {"audit": audit, "funnel": funnel}})
    document = build(changed)
    notes = dict(document.notes)
    assert notes["Agreed limits"] == (
        "Gap between the two teams: 0.8 points",
        "First touch in time: 70\u00a0%",  # an older record says no meaning
        "By how much more often: 15 percentage points",
    )
    assert notes["Settings of funnel"] == (
        "Horizon of every rate: 90 days",
        "Path rule: any (a stage counts when it is recorded; a later one counts as going on)",
    )
    assert not any("survey gap" in line for lines in notes.values() for line in lines)  # once, where it was agreed
    assert any("a value is no date, or an impossible one: 2; test leads: 15" in row for row in document.counts.rows)
    assert "SHA-256 4f1c09ae4f1c…" in notes["Inputs"][0]
    assert document.record.thresholds_lock.startswith("Thresholds locked")


def test_settings_are_said_as_sentences_without_fingerprints_and_days_as_days() -> None:
    given = {"grading": "97fd485b", "stage_labels": "c28bb4cc", "rows": {"leads": "0b4a3fd2"}, "work_hours": None,
             "clock": "business", "first_touch_hours": 24.0, "decision_days": 1, "agreed_on": "2026-03-31",
             "consent_on": "2026-03-30", "as_of": "2026-04-30", "cut_at": 2.5, "kinds": ["a", "b"]}  # fmt: skip
    notes = dict(with_result("funnel", settings=given).notes)  # type: ignore[attr-defined]
    assert notes["Settings of funnel"] == (
        "Everybody asked had agreed by 30 March 2026", "Promised: a first touch within 24 hours",
        "Promised: accepted or turned down within 1 day", "Hours count within working hours alone",
        "Agreed on: 31 March 2026", "Cut at: 2.50", "Kinds: a, b",  # of another kit: by their names
    )  # fmt: skip


def test_what_the_first_page_has_no_room_for_is_one_sentence_with_its_section() -> None:
    many = [gap.model_copy(update={"what": f"Question {i}"}) for i, gap in enumerate(NOT_JUDGED * 3)]
    said = [with_result("audit", not_judged=many[:n]).more for n in (OPEN, OPEN + 1, OPEN + 5)]  # type: ignore[attr-defined]
    assert said == ["", "Section 10 lists the other one.", "Section 10 lists the other five."]


def test_one_way_to_an_interval_is_named_once() -> None:
    record = sample_record()
    funnel = record.results["funnel"]
    ways = ("Wilson", "Wilson 95 %", "concordance, DeLong, 95 %", "clustered by owner, 95 %", "clustered by owner")
    told = [
        funnel.findings[0].model_copy(update={"measure": Measure(value=0.5, unit="share", method=way)}) for way in ways
    ]
    results = {"funnel": funnel.model_copy(update={"findings": told})}
    notes = dict(build(sample_record(results=nothing_judged() | results)).notes)
    assert notes["Intervals"] == ("Wilson 95 %", "clustered by owner, 95 %", "concordance, DeLong, 95 %")
