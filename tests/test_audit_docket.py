"""The docket by hand: which verdict a grievance gets, on which evidence, by whose word, and what else is said."""

import random
from itertools import permutations, product
from typing import Any

import pytest

from alignlib.audit.docket import Case, Count, docket, judged, verdict_of
from alignlib.grievances import TEAMS, Team, read_docket
from alignlib.judging import finding as judge_finding
from alignlib.result import Exhibit, Finding, Level, Measure, Result, Row, columns
from alignlib.words import TEAM_NAMES

TRIALS = {trial.finding: trial for grievance in read_docket() for trial in grievance.tests}
IDS = [grievance.id for grievance in read_docket()]
AT_LEAST = {"funnel.quality", "funnel.sal_to_sql", "funnel.first_touch", "content.shown", "content.teaching_gain",
            "content.specific", "funnel.revenue_linked", "funnel.long_view", "funnel.credit_claim"}  # fmt: skip


def finding(key: str, level: Level, **more: Any) -> Finding:
    """A finding of the docket at this level: on the far side of its limit of 50 %, short of it, or across it."""
    direction = "at_least" if key in AT_LEAST else "at_most"
    at = {"act": 0.2, "watch": 0.2, "good": 0.8, "unclear": 0.5}[level]
    at = 1 - at if direction == "at_most" else at
    measure = Measure(value=at, unit="share", n=100, low=at - 0.1, high=at + 0.1, method="Wilson")
    given: dict[str, Any] = {
        "key": key, "theme": "handoff", "title": f"{key} is {level}", "detail": "", "measure": measure, "level": level,
        "rule": "", "limit": 0.5, "direction": direction, "play": "P4",
        "settle": f"more of {key}" if level == "unclear" else "",
    }  # fmt: skip
    return Finding(**given | more)


Said = tuple[int, int, int] | str | None  # low, high, n; or why it is missing; None is withheld, and does not say why
FEW: Said = (0, 1, 9)  # as published of a team in which at most one person makes a complaint


def survey(**said: tuple[Said, Said]) -> Result:
    """What the survey published of who complains: (Sales, Marketing) by grievance, all others made by some of each."""
    rows: list[Row] = []
    for id in IDS:
        row: Row = {"label": f"{id} as it is put"}
        for team, at in zip(TEAMS, said.get(id, ((6, 6, 12), (4, 4, 9))), strict=True):
            low, high, n = at if isinstance(at, tuple) else (None, None, None)
            row |= {f"{team}_low": low, f"{team}_high": high, f"{team}_n": n}
            row |= {} if at is None else {f"{team}_why": at if isinstance(at, str) else ""}
        rows.append(row)
    shown = Exhibit(
        key="survey.claims", title="", shape="table", rows=rows, read="", alt="", source="",
        columns=columns(label=("Complaint", "text"), sales_low=("", "count"), sales_high=("", "count"),
                        sales_n=("", "count"), marketing_low=("", "count"), marketing_high=("", "count"),
                        marketing_n=("", "count"), sales_why=("", "text"), marketing_why=("", "text")),
    )  # fmt: skip
    return Result(diagnostic="survey", question="", headline="", summary="", exhibits=[shown])


def results(*findings: Finding, asked: Result | None = None) -> dict[str, Result]:
    made: dict[str, Result] = {"survey": asked} if asked is not None else {}
    for name in ("content", "funnel"):
        own = [f for f in findings if f.key.startswith(f"{name}.")]
        made[name] = Result(diagnostic=name, question="", headline="", summary="", findings=own)
    if own := [f for f in findings if f.key.startswith("survey.")]:
        base = made.get("survey", Result(diagnostic="survey", question="", headline="", summary=""))
        made["survey"] = base.model_copy(update={"findings": own})
    return made


def row(id: str, *findings: Finding, asked: Result | None = None) -> Row:
    shown = docket(results(*findings, asked=survey() if asked is None else asked))
    return next(row for row in shown.rows if row["label"] == id)


def case(id: str, *findings: Finding, asked: Result | None = None) -> Case:
    found = judged(results(*findings, asked=survey() if asked is None else asked))
    return next(case for case in found if case.grievance.id == id)


# --- the rule ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("outcomes", "any_verdict", "all_verdict"),
    [
        ([True], "borne out", "borne out"),
        ([False], "not borne out", "not borne out"),
        ([None], "cannot tell", "cannot tell"),
        ([], "cannot tell", "cannot tell"),
        ([True, True], "borne out", "borne out"),
        ([True, False], "borne out", "not borne out"),
        ([True, None], "borne out", "cannot tell"),
        ([False, False], "not borne out", "not borne out"),
        ([False, None], "cannot tell", "not borne out"),
        ([None, None], "cannot tell", "cannot tell"),
    ],
)
def test_the_verdict_of_tests_of_which_any_or_all_must_hold(
    outcomes: list[bool | None], any_verdict: str, all_verdict: str
) -> None:
    for order in permutations(outcomes):
        assert (verdict_of(order, "any"), verdict_of(order, "all")) == (any_verdict, all_verdict)


def test_any_and_all_are_mirror_images() -> None:
    turned = {"borne out": "not borne out", "not borne out": "borne out", "cannot tell": "cannot tell"}
    for outcomes in product((True, False, None), repeat=3):
        other = [None if outcome is None else not outcome for outcome in outcomes]
        assert verdict_of(outcomes, "any") == turned[verdict_of(other, "all")]


@pytest.mark.parametrize(
    ("level", "verdict"),
    [("act", "Borne out"), ("watch", "Borne out"), ("good", "Not borne out"), ("unclear", "Cannot tell")],
)
def test_one_test_decides_by_the_level_of_its_finding(level: Level, verdict: str) -> None:
    for id, key in (("G2", "funnel.first_touch"), ("G5", "content.focus"), ("G11", "funnel.work_order")):
        shown = row(id, finding(key, level))
        assert (shown["verdict"], shown["finding"], shown["level"]) == (verdict, key, level)
        assert shown["evidence"] == f"{key} is {level}"


def test_a_complaint_that_holds_where_showing_helps_is_borne_out_on_the_good_side_of_that_finding() -> None:
    few, helps, useless = (finding("content.shown", "act"), finding("content.teaching_gain", "good"),
                           finding("content.teaching_gain", "act"))  # fmt: skip
    assert row("G4", few, helps)["verdict"] == "Borne out"
    assert row("G4", few, useless)["verdict"] == "Not borne out"  # showing would not have helped
    assert row("G4", finding("content.shown", "good"), helps)["verdict"] == "Not borne out"
    assert row("G4", few, finding("content.teaching_gain", "unclear"))["verdict"] == "Cannot tell"
    assert row("G4", few)["verdict"] == "Cannot tell"


# --- which finding is drawn, and what is said beside it ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("first", "second", "drawn"),
    [
        ("good", "act", "content.stale"),  # the one that holds
        ("act", "act", "content.unused"),
        ("act", "good", "content.unused"),
        ("good", "good", "content.unused"),
        ("good", "unclear", "content.stale"),  # the one that is open
        ("unclear", "good", "content.unused"),
        (None, "act", "content.stale"),
        ("unclear", None, "content.unused"),
    ],
)
def test_the_finding_that_decides_is_drawn(first: Level | None, second: Level | None, drawn: str) -> None:
    given = {"content.unused": first, "content.stale": second}
    shown = row("G3", *(finding(key, level) for key, level in given.items() if level))
    assert shown["finding"] == drawn and shown["evidence"] == f"{drawn} is {given[drawn]}"


ENOUGH, BOTH = "One of the two is enough for the complaint.", "The complaint needs both."


@pytest.mark.parametrize(
    ("id", "made", "level", "lacking", "must"),
    [
        ("G1", "funnel.quality", "good", "funnel.sal_to_sql", ENOUGH),
        ("G3", "content.unused", "good", "content.stale", ENOUGH),
        ("G3", "content.stale", "good", "content.unused", ENOUGH),
        ("G4", "content.shown", "act", "content.teaching_gain", BOTH),
        ("G4", "content.teaching_gain", "good", "content.shown", BOTH),
        ("G10", "funnel.leaked", "good", "funnel.ownerless", ENOUGH),
    ],
)
def test_nothing_is_drawn_where_the_verdict_hangs_on_a_test_that_could_not_be_made(
    id: str, made: str, level: Level, lacking: str, must: str
) -> None:
    shown = row(id, finding(made, level))
    assert (shown["verdict"], shown["finding"], shown["level"]) == ("Cannot tell", "", "")
    assert shown["evidence"] == f"Only partly tested; not known: {TRIALS[lacking].estimand}"
    assert shown["ends"] == f"Tested: {made} is {level}. {must}"
    wanted = next(grievance for grievance in read_docket() if grievance.id == id)
    assert (shown["note"], shown["play"]) == (f"Would settle it: {wanted.needs}.", "")  # no play brings these records


def test_the_interval_and_the_count_stand_behind_the_evidence() -> None:
    estimated = row("G2", finding("funnel.first_touch", "act"))
    assert estimated["ends"] == "(10 to 30; n\u00a0=\u00a0100)"
    measure = Measure(value=0.2, unit="share", k=20, n=100, low=0.13, high=0.29, method="Wilson")
    assert row("G2", finding("funnel.first_touch", "act", measure=measure))["ends"] == "(13 to 29; 20 of 100)"
    counted = Measure(value=0.25, unit="share", k=1, n=4)
    shown = row("G7", finding("funnel.revenue_linked", "act", measure=counted))
    assert shown["ends"] == "(1 of 4, counted, not estimated)"
    bare = Measure(value=0.25, unit="share", n=4)
    assert row("G5", finding("content.focus", "act", measure=bare))["ends"] == "(counted, not estimated)"
    gain = Measure(value=0.12, unit="pp", n=84, low=0.04, high=0.2, method="Wilson")
    shown = row("G11", finding("funnel.work_order", "act", measure=gain))
    assert shown["ends"] == "(12 percentage points, 4 to 20; n\u00a0=\u00a084)"
    bounds = Measure(value=0.5, unit="share", n=84, low=0.3, high=0.7, method="bounds: assets not recorded")
    assert row("G6", finding("content.specific", "unclear", measure=bounds))["ends"] == (
        "(bounds 30 to 70; n\u00a0=\u00a084)"
    )
    few = Measure(value=0.25, unit="share", k=1, n=4, method="Welch 1947")
    assert row("G5", finding("content.focus", "unclear", measure=few))["ends"] == "(1 of 4, no interval)"


def test_what_else_was_tested_and_what_was_not_is_said() -> None:
    both = row("G3", finding("content.unused", "act"), finding("content.stale", "good"))
    assert "Also tested: content.stale is good." in both["ends"] and both["ends"].endswith(ENOUGH)
    one = row("G3", finding("content.unused", "act"))
    assert f"Not known: {TRIALS['content.stale'].estimand}." in one["ends"]
    every = row("G4", finding("content.shown", "act"), finding("content.teaching_gain", "good"))
    assert "Also tested: content.teaching_gain is good." in every["ends"] and every["ends"].endswith(BOTH)
    alone = row("G2", finding("funnel.first_touch", "act"))
    assert "complaint" not in alone["ends"] and "tested" not in alone["ends"]


def test_a_complaint_that_nothing_speaks_of_is_not_tested_and_says_what_would_settle_it() -> None:
    for grievance in read_docket():
        shown = row(grievance.id)
        if grievance.kind == "perception":
            continue
        assert (shown["verdict"], shown["finding"], shown["level"]) == ("Cannot tell", "", "")
        assert shown["evidence"] == f"Not tested; not known: {grievance.tests[0].estimand}"
        assert shown["ends"] in ("", ENOUGH, BOTH)  # no figure, and nothing tested
        brought = {"G7": "P11", "G8": "P11"}  # both teams bring their scorecards to it
        assert (shown["note"], shown["play"]) == (f"Would settle it: {grievance.needs}.", brought.get(grievance.id, ""))


@pytest.mark.parametrize("level", ["act", "good"])
@pytest.mark.parametrize(("id", "key"), [("G6", "content.specific"), ("G7", "funnel.revenue_linked"),
                                         ("G8", "funnel.long_view")])  # fmt: skip
def test_a_counted_figure_of_fewer_than_three_is_open_whatever_its_level(id: str, key: str, level: Level) -> None:
    for n in (1, 2):
        shown = row(id, finding(key, level, measure=Measure(value=0.0, unit="share", k=0, n=n)))
        assert (shown["verdict"], shown["finding"]) == ("Cannot tell", key)
        assert shown["ends"] == f"(0 of {n}, counted, not estimated)"
        assert shown["note"] == "Would settle it: at least three of them to count."
    three = row(id, finding(key, level, measure=Measure(value=0.0, unit="share", k=0, n=3)))
    assert three["verdict"] == {"act": "Borne out", "good": "Not borne out"}[level] and three["note"] == ""


def test_an_open_finding_says_what_would_settle_it_before_what_was_not_delivered_does() -> None:
    shown = row("G3", finding("content.stale", "unclear"))
    assert shown["note"] == "Would settle it: more of content.stale." and shown["verdict"] == "Cannot tell"
    good = row("G3", finding("content.stale", "good"))  # nothing open: what is lacking
    assert good["note"].startswith("Would settle it: the content library and the log")


def test_where_no_limit_was_agreed_nothing_can_be_told_and_the_limit_is_what_would_settle_it() -> None:
    from alignlib.engagement import parse_settings

    nothing_agreed = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC}"
    )
    titles = dict.fromkeys(("beyond", "good", "unclear", "none"), "44\u00a0% of leads get a first touch in time")
    measure = Measure(value=0.44, unit="share", k=44, n=100, low=0.35, high=0.54, method="Wilson 95 %")
    made = judge_finding("funnel.first_touch", "first_touch_in_time", measure, nothing_agreed, titles,
                         theme="handoff", play="P4", counted="44 of 100", settle="more leads")  # fmt: skip
    shown = row("G2", made)
    assert shown["verdict"] == "Cannot tell" and shown["finding"] == "funnel.first_touch"
    assert shown["note"] == ("Would settle it: an agreed limit (leads first touched within the promised hours).")
    assert shown["play"] == ""


# --- pairs ------------------------------------------------------------------------------------------------------------

QUALITY, TOUCH = "funnel.quality", "funnel.first_touch"


def test_complaint_and_counter_complaint_both_borne_out_have_both_a_point_and_are_read_together() -> None:
    given = finding(QUALITY, "act"), finding(TOUCH, "act")
    one, other = row("G1", *given), row("G2", *given)
    assert one["verdict"] == other["verdict"] == "Both have a point"
    assert one["note"] == "Paired with G2: read together." and other["note"] == "Paired with G1: read together."
    assert (one["finding"], other["finding"]) == (QUALITY, TOUCH)
    assert (one["play"], other["play"]) == ("P6", "P4")


@pytest.mark.parametrize("level", ["good", "unclear"])
def test_one_of_a_pair_borne_out_alone_stays_borne_out(level: Level) -> None:
    given = finding(QUALITY, "act"), finding(TOUCH, level)
    assert row("G1", *given)["verdict"] == "Borne out"
    assert row("G2", *given)["verdict"] == {"good": "Not borne out", "unclear": "Cannot tell"}[level]
    assert row("G1", *given)["note"] == ""


def test_a_counter_complaint_that_nobody_made_makes_no_pair() -> None:
    asked = survey(G2=((0, 1, 12), FEW))
    given = finding(QUALITY, "act"), finding(TOUCH, "act")
    assert row("G1", *given, asked=asked)["verdict"] == "Borne out"
    assert row("G2", *given, asked=asked)["verdict"] == "Not raised"


@pytest.mark.parametrize("unknown", [None, "withheld", "nobody answered", (0, 4, 9)])
def test_a_counter_complaint_of_which_it_is_not_known_whether_anybody_makes_it_makes_no_pair(unknown: Said) -> None:
    given = finding(QUALITY, "act"), finding(TOUCH, "act")
    for asked in (survey(G2=((6, 6, 12), unknown)), survey(G1=(unknown, (4, 4, 9)))):
        for id in ("G1", "G2"):
            shown = row(id, *given, asked=asked)
            assert (shown["verdict"], shown["note"]) == ("Borne out", "")


def test_only_the_team_that_complains_makes_a_pair_and_not_the_other_that_agrees() -> None:
    given = finding(QUALITY, "act"), finding(TOUCH, "act")
    shown = row("G1", *given, asked=survey(G2=((9, 9, 12), FEW)))  # Sales owns up to it; Marketing never said it
    assert (shown["verdict"], shown["says"]) == ("Borne out", "Sales says")


# --- who makes the complaint ------------------------------------------------------------------------------------------


def test_a_complaint_that_hardly_anybody_of_those_who_would_make_it_does_make_is_not_raised_and_not_tested() -> None:
    shown = row("G2", finding(TOUCH, "act"), asked=survey(G2=((9, 9, 12), FEW)))
    assert (shown["verdict"], shown["finding"], shown["level"], shown["play"]) == ("Not raised", "", "", "")
    assert shown["says"] == "Usually Marketing"
    assert shown["evidence"] == "Not tested: at most one of Marketing makes this claim"
    assert shown["ends"] == shown["note"] == ""
    assert (shown["sales"], shown["marketing"]) == ("9 of 12", "0\u20131 of 9")  # who else agrees is said all the same


@pytest.mark.parametrize(
    ("low", "high", "n", "is_raised"),
    [(0, 0, 9, False), (0, 1, 9, False), (0, 2, 9, None), (0, 9, 9, None), (0, 0, None, None), (1, 1, 2, True),
     (1, 2, 9, True), (2, 2, 9, True), (9, 9, 9, True)],
)  # fmt: skip
def test_a_complaint_is_raised_where_somebody_makes_it_for_certain(
    low: int, high: int, n: int | None, is_raised: bool | None
) -> None:
    assert Count(low, high, n).is_raised is is_raised


@pytest.mark.parametrize("made", [(2, 2, 9), (1, 2, 9), (1, 1, 2)])  # the last of named answers: exact, one of two
def test_a_complaint_that_somebody_is_known_to_make_is_said_by_that_team_and_tested(made: Said) -> None:
    shown = row("G2", finding(TOUCH, "act"), asked=survey(G2=((0, 1, 12), made)))
    assert (shown["verdict"], shown["says"], shown["finding"]) == ("Borne out", "Marketing says", TOUCH)


def test_a_complaint_of_which_a_range_from_nobody_is_published_is_tested_and_nobody_is_said_to_make_it() -> None:
    shown = row("G2", finding(TOUCH, "act"), asked=survey(G2=((6, 6, 12), (0, 2, 9))))
    assert (shown["verdict"], shown["says"]) == ("Borne out", "Usually Marketing")
    assert (shown["marketing"], shown["sales"]) == ("0\u20132 of 9", "6 of 12")


@pytest.mark.parametrize(
    ("id", "sales", "marketing", "few"),
    [
        ("G1", (0, 1, 12), (4, 4, 9), "at most one of Sales"),
        ("G1", (0, 0, 12), (4, 4, 9), "at most one of Sales"),
        ("G2", (6, 6, 12), (0, 1, 9), "at most one of Marketing"),
        ("G2", (6, 6, 12), (0, 0, 9), "at most one of Marketing"),
        ("G10", (0, 1, 12), (0, 1, 9), "at most one of each team"),
        ("G10", (0, 0, 12), (0, 1, 9), "at most one of each team"),
        ("G10", (0, 0, 12), (0, 0, 9), "at most one of each team"),
    ],
)
def test_a_complaint_that_is_not_raised_says_how_few_make_it(id: str, sales: Said, marketing: Said, few: str) -> None:
    shown = row(id, finding(TOUCH, "act"), finding("funnel.leaked", "act"), asked=survey(**{id: (sales, marketing)}))
    assert (shown["verdict"], shown["evidence"]) == ("Not raised", f"Not tested: {few} makes this claim")


@pytest.mark.parametrize("id", ["G9", "G10", "G12", "G13"])
def test_a_complaint_of_both_teams_is_not_raised_only_where_neither_team_makes_it(id: str) -> None:
    keys = [trial.finding for g in read_docket() if g.id == id for trial in g.tests]
    given = [finding(key, "act") for key in keys]
    shown = row(id, *given, asked=survey(**{id: (FEW, FEW)}))
    assert shown["verdict"] == "Not raised" and shown["says"] == "Usually both"
    assert shown["evidence"] == "Not tested: at most one of each team makes this claim"
    for one in ((FEW, (3, 3, 9)), ((3, 3, 9), FEW), (FEW, None), (None, FEW)):
        assert row(id, *given, asked=survey(**{id: one}))["verdict"] != "Not raised"


@pytest.mark.parametrize(("why", "said"), [(None, "withheld"), ("", "withheld"), ("withheld", "withheld"),
                                           ("nobody answered", "nobody answered")])  # fmt: skip
def test_why_the_count_of_a_team_is_missing_is_said_and_its_complaint_is_tested(why: Said, said: str) -> None:
    shown = row("G2", finding(TOUCH, "act"), asked=survey(G2=((0, 1, 12), why)))
    assert (shown["verdict"], shown["marketing"], shown["sales"]) == ("Borne out", said, "0\u20131 of 12")
    assert shown["says"] == "Usually Marketing"  # nobody is said to have said it
    assert [shown[f"marketing_{name}"] for name in ("low", "high", "n")] == [None] * 3
    assert [shown[f"sales_{name}"] for name in ("low", "high", "n")] == [0, 1, 12]


@pytest.mark.parametrize("asked", ["no survey", "a survey without these statements", "this statement was not asked"])
def test_where_nobody_was_asked_a_complaint_is_tested_all_the_same(asked: str) -> None:
    given = results(finding(TOUCH, "act"))
    if asked != "no survey":
        given["survey"] = Result(diagnostic="survey", question="", headline="", summary="")
    if asked == "this statement was not asked":
        shown = survey().exhibit("survey.claims")
        rows = [row for row in shown.rows if not str(row["label"]).startswith("G2 ")]
        given["survey"] = given["survey"].model_copy(update={"exhibits": [shown.model_copy(update={"rows": rows})]})
    made = {row["label"]: row for row in docket(given).rows}
    assert (made["G2"]["verdict"], made["G2"]["sales"], made["G2"]["marketing"]) == ("Borne out", *["not asked"] * 2)
    assert made["G2"]["says"] == "Usually Marketing" and made["G2"]["marketing_n"] is None
    if asked != "this statement was not asked":
        said = {row["says"] for row in made.values()}
        assert said == {"Usually Sales", "Usually Marketing", "Usually both"}


def test_a_grievance_is_known_by_its_whole_number() -> None:
    shown = row("G1", finding(QUALITY, "act"), asked=survey(G1=((5, 5, 12), (0, 1, 9)), G10=((0, 1, 12), (0, 1, 9))))
    assert shown["sales"] == "5 of 12" and shown["verdict"] == "Borne out"
    assert (
        row("G10", finding("funnel.leaked", "act"), asked=survey(G1=((0, 1, 9), (0, 1, 9))))["verdict"] == "Borne out"
    )


def test_who_says_it_is_written_by_team() -> None:
    said = {row["label"]: (row["says"], row["claimant"]) for row in docket(results(asked=survey())).rows}
    assert said["G1"] == ("Sales says", "sales") and said["G2"] == ("Marketing says", "marketing")
    assert said["G9"] == ("Both say", "both") and said["G12"] == ("Each says", "both")


@pytest.mark.parametrize("id", ["G9", "G10", "G12", "G13"])
@pytest.mark.parametrize("silent", TEAMS)
def test_a_complaint_of_both_teams_is_said_to_be_of_the_one_that_makes_it(id: str, silent: Team) -> None:
    asked = survey(**{id: (FEW, (4, 4, 9)) if silent == "sales" else ((6, 6, 12), FEW)})
    other = next(team for team in TEAMS if team != silent)
    given = finding("funnel.leaked", "act"), *mirrors("act", "act"), credit(0.46, 0.69)
    shown = row(id, *given, asked=asked)
    assert (shown["says"], shown["claimant"]) == (f"{TEAM_NAMES[other]} says", other)


def test_a_team_most_of_which_agrees_with_a_complaint_against_it_is_said_to_agree() -> None:
    for at, says in (((5, 5, 9), "Sales says, Marketing too"), ((4, 4, 9), "Sales says"), ((4, 6, 9), "Sales says"),
                     (None, "Sales says")):  # fmt: skip
        assert row("G1", finding(QUALITY, "act"), asked=survey(G1=((6, 6, 12), at)))["says"] == says
    assert row("G1", asked=survey(G1=(None, (9, 9, 9))))["says"] == "Usually Sales"


# --- perception and credit --------------------------------------------------------------------------------------------


def test_what_only_people_can_tell_has_no_evidence_from_outside_and_no_finding() -> None:
    shown = row("G13")
    assert shown["verdict"] == "No outside evidence possible" and shown["finding"] == "" and shown["ends"] == ""
    assert shown["evidence"] == "Perception only: nothing outside the survey can test it"
    assert shown["note"] == "Talk about it; do not score it." and shown["play"] == "P17"


def credit(low: float, high: float, claim: float | None = 0.6, level: Level = "unclear") -> Finding:
    measure = Measure(value=None, unit="share", n=85, low=low, high=high, method="range over rules of credit")
    settle = "" if level != "unclear" else "a rule" if claim is not None else "an agreed limit for: Marketing's claim"
    return finding("funnel.credit_claim", level, measure=measure, limit=claim, settle=settle)


BELOW, ABOVE = credit(0.30, 0.40, level="act"), credit(0.65, 0.80, level="good")


@pytest.mark.parametrize(
    ("found", "of_sales", "of_marketing"),
    [
        (credit(0.46, 0.69), "No rule settles it", "No rule settles it"),
        (credit(0.46, 0.60), "No rule settles it", "No rule settles it"),  # on an end: some rule still gives it
        (credit(0.60, 0.69), "No rule settles it", "No rule settles it"),
        (ABOVE, "Not borne out", "Borne out"),  # Marketing brings more than it claims
        (BELOW, "Borne out", "Not borne out"),  # Marketing claims more than it brings
        (credit(0.50, 0.59), "Cannot tell", "Cannot tell"),  # less under every rule, and the intervals cross the claim
        (credit(0.61, 0.70), "Cannot tell", "Cannot tell"),
        (credit(0.46, 0.69, claim=None), "Cannot tell", "Cannot tell"),
    ],
)
def test_credit_is_judged_by_where_the_range_lies_and_by_who_complains(
    found: Finding, of_sales: str, of_marketing: str
) -> None:
    asked = {"sales": survey(G9=((6, 6, 12), FEW)), "marketing": survey(G9=(FEW, (4, 4, 9)))}
    for team, verdict in {"sales": of_sales, "marketing": of_marketing}.items():
        shown = row("G9", found, asked=asked[team])
        assert (shown["verdict"], shown["claimant"], shown["finding"]) == (verdict, team, "funnel.credit_claim")
        assert shown["says"] == f"{TEAM_NAMES[team]} says"
        notes = {
            "No rule settles it": "The room chooses a rule; no data can.",
            "Cannot tell": f"Would settle it: {found.settle}.",
        }
        assert shown["note"] == notes.get(verdict, "")


def test_where_both_claim_the_credit_the_row_is_of_the_one_who_is_right_and_the_other_is_told_beside_it() -> None:
    below, above = row("G9", BELOW), row("G9", ABOVE)
    assert (below["verdict"], below["says"], below["claimant"]) == ("Borne out", "Sales says", "sales")
    assert below["note"] == "Marketing says it too: not borne out."
    assert (above["verdict"], above["says"], above["claimant"]) == ("Borne out", "Marketing says", "marketing")
    assert above["note"] == "Sales says it too: not borne out."
    torn = row("G9", credit(0.46, 0.69))
    assert (torn["verdict"], torn["says"], torn["claimant"]) == ("No rule settles it", "Both say", "both")


def test_nothing_is_told_of_a_team_of_which_it_is_not_known_whether_it_complains() -> None:
    shown = row("G9", BELOW, asked=survey(G9=((6, 6, 12), "withheld")))
    assert (shown["verdict"], shown["says"], shown["note"]) == ("Borne out", "Sales says", "")
    both = row("G9", credit(0.46, 0.69), asked=survey(G9=((6, 6, 12), "withheld")))
    assert (both["verdict"], both["says"]) == ("No rule settles it", "Sales says")


@pytest.mark.parametrize(
    ("method", "said"),
    [
        ("range over rules of credit", "range over rules of credit"),
        ("range over rules of credit; with the 95 % interval of each rule 36 to 80",
         "with the 95 % interval of each rule 36 to 80"),
    ],
)  # fmt: skip
def test_a_range_over_rules_says_how_sure_its_rules_are_and_poses_as_no_interval(method: str, said: str) -> None:
    found = credit(0.46, 0.69)
    measure = found.measure.model_copy(update={"method": method})
    assert row("G9", found.model_copy(update={"measure": measure}))["ends"] == f"({said}; n\u00a0=\u00a085)"


def test_without_touches_of_both_teams_credit_is_not_tested() -> None:
    shown = row("G9")
    assert shown["verdict"] == "Cannot tell" and "the share that Marketing claims" in shown["note"]


# --- each knows the other, and whose complaint a verdict is -----------------------------------------------------------


def mirrors(of_marketing: Level | None, of_sales: Level | None) -> list[Finding]:
    """How far Marketing misjudges Sales, and how far Sales misjudges Marketing."""
    given = {"survey.mirror.marketing": of_marketing, "survey.mirror.sales": of_sales}
    return [finding(key, level) for key, level in given.items() if level]


@pytest.mark.parametrize("level", ["act", "good", "unclear"])
@pytest.mark.parametrize("other", ["act", "good", "unclear", None])
def test_that_they_do_not_know_us_is_tested_by_how_far_the_others_misjudge_us(
    level: Level, other: Level | None
) -> None:
    verdict = {"act": "Borne out", "good": "Not borne out", "unclear": "Cannot tell"}[level]
    of_sales = row("G12", *mirrors(level, other), asked=survey(G12=((6, 6, 12), FEW)))
    assert (of_sales["verdict"], of_sales["says"]) == (verdict, "Sales says")
    assert (of_sales["finding"], of_sales["claimant"]) == ("survey.mirror.marketing", "sales")
    of_marketing = row("G12", *mirrors(other, level), asked=survey(G12=(FEW, (4, 4, 9))))
    assert (of_marketing["verdict"], of_marketing["says"]) == (verdict, "Marketing says")
    assert (of_marketing["finding"], of_marketing["claimant"]) == ("survey.mirror.sales", "marketing")


@pytest.mark.parametrize(
    ("of_marketing", "of_sales", "verdict", "says", "drawn", "note"),
    [
        ("act", "act", "Borne out", "Each says", "survey.mirror.marketing", ""),
        ("act", "good", "Borne out", "Sales says", "survey.mirror.marketing", "Marketing says it too: not borne out."),
        ("good", "act", "Borne out", "Marketing says", "survey.mirror.sales", "Sales says it too: not borne out."),
        ("unclear", "act", "Borne out", "Marketing says", "survey.mirror.sales", "Sales says it too: cannot tell."),
        (None, "act", "Borne out", "Marketing says", "survey.mirror.sales", "Sales says it too: cannot tell."),
        ("good", "good", "Not borne out", "Each says", "survey.mirror.marketing", ""),
    ],
)  # fmt: skip
def test_where_each_says_it_each_has_its_own_verdict_and_the_first_of_them_is_shown(
    of_marketing: Level | None, of_sales: Level, verdict: str, says: str, drawn: str, note: str
) -> None:
    shown = row("G12", *mirrors(of_marketing, of_sales))
    assert (shown["verdict"], shown["says"], shown["finding"], shown["note"]) == (verdict, says, drawn, note)
    assert "must hold" not in shown["ends"]  # they are two complaints, and not two tests of one


@pytest.mark.parametrize("of_sales", ["good", "unclear"])
def test_an_open_complaint_of_one_team_goes_before_one_of_the_other_that_is_not_borne_out(of_sales: Level) -> None:
    shown = row("G12", *mirrors("unclear", of_sales))
    assert shown["verdict"] == "Cannot tell" and shown["finding"] == "survey.mirror.marketing"
    assert shown["says"] == {"good": "Sales says", "unclear": "Each says"}[of_sales]


def test_a_complaint_that_only_the_team_makes_whose_test_is_lacking_is_not_judged_by_the_other_test() -> None:
    shown = row("G12", *mirrors(None, "act"), asked=survey(G12=((6, 6, 12), FEW)))
    assert (shown["verdict"], shown["says"], shown["finding"]) == ("Cannot tell", "Sales says", "")
    assert shown["evidence"] == f"Not tested; not known: {TRIALS['survey.mirror.marketing'].estimand}"


SILENT: list[Said] = [(0, 0, 9), FEW]
UNKNOWN: list[Said] = [(0, 2, 9), None, "nobody answered"]
HEARD: list[Said] = [(1, 1, 2), (2, 4, 9), (6, 6, 9)]
ANY = SILENT + UNKNOWN + HEARD
_RIGHT: dict[str, dict[Team, tuple[str, Level]]] = {  # which finding, at which level, bears a team's complaint out
    "G9": {"sales": ("funnel.credit_claim", "act"), "marketing": ("funnel.credit_claim", "good")},
    "G12": {"sales": ("survey.mirror.marketing", "act"), "marketing": ("survey.mirror.sales", "act")},
}


@pytest.mark.parametrize("id", _RIGHT)
def test_no_verdict_is_for_a_team_that_did_not_complain_or_whose_complaint_was_not_tested(id: str) -> None:
    levels: list[Level] = ["act", "good", "unclear"]
    for said, at in product(product(ANY, ANY), product(levels, levels)):
        of = dict(zip(TEAMS, said, strict=True))
        made = {"act": BELOW, "good": ABOVE, "unclear": credit(0.5, 0.59)}[at[0]]
        found = {f.key: f for f in [made, *mirrors(*at)]}
        shown = case(id, *found.values(), asked=survey(**{id: said}))
        heard = any(of[team] in HEARD for team in TEAMS)  # then a team of which nothing is known stands aside
        silent = {team for team in TEAMS if of[team] in SILENT or (heard and of[team] in UNKNOWN)}
        if len(silent) == 2:
            assert shown.verdict == "not raised"
            continue
        assert shown.whose and not silent & set(shown.whose)
        right = {team for team, (key, level) in _RIGHT[id].items() if found[key].level == level} - silent
        assert (shown.verdict == "borne out") == bool(right)
        assert shown.verdict != "borne out" or set(shown.whose) == right
        assert not any(f"{TEAM_NAMES[team]} says" in shown.note for team in TEAMS if of[team] not in HEARD)


def test_in_any_company_a_verdict_is_for_those_who_complain_and_says_names_only_who_was_heard() -> None:
    draw = random.Random(20261122)
    levels: list[Level | None] = ["act", "good", "unclear", None]
    keys = [key for key in TRIALS if key != "funnel.credit_claim"]
    for _ in range(200):
        said = {id: (draw.choice(ANY), draw.choice(ANY)) for id in IDS}
        made = [finding(key, level) for key in keys if (level := draw.choice(levels))]
        made.append(draw.choice([BELOW, ABOVE, credit(0.46, 0.69), credit(0.5, 0.59)]))
        given = results(*made, asked=survey(**said))
        cases, rows = judged(given), docket(given).rows
        holds = {c.grievance.id for c in cases if c.verdict in ("borne out", "both have a point")}
        for each, shown in zip(cases, rows, strict=True):
            of = dict(zip(TEAMS, said[each.grievance.id], strict=True))
            raised = [team for team in each.grievance.claimants if of[team] not in SILENT]
            assert (each.verdict == "not raised") == (not raised)
            assert set(each.whose) <= set(raised or each.grievance.claimants) and each.whose
            heard = [team for team in each.whose if of[team] in HEARD]
            named = [team for team in TEAMS if str(shown["says"]).startswith(f"{TEAM_NAMES[team]} says")]
            assert named == (heard if len(heard) == 1 else [])
            assert (shown["says"] in ("Both say", "Each says")) == (len(heard) == 2)
            assert str(shown["says"]).startswith("Usually ") == (not heard)
            assert each.verdict != "both have a point" or (heard and each.grievance.pair in holds)


# --- the exhibit ------------------------------------------------------------------------------------------------------


def test_plays_go_by_the_verdict() -> None:
    given = [finding(QUALITY, "act"), finding(TOUCH, "good"), finding("content.focus", "unclear", play="P7")]
    made = {row["label"]: row["play"] for row in docket(results(*given, asked=survey(G8=(FEW, FEW)))).rows}
    assert (made["G1"], made["G2"], made["G8"], made["G6"]) == ("P6", "P18", "", "")
    assert made["G5"] == "P7"  # an open case goes to what brings the record that would settle it


@pytest.mark.parametrize(
    ("given", "nobody", "title"),
    [
        ([], [], "13 complaints stay open"),
        ([], ["G2"], "Twelve complaints stay open and one was hardly raised"),
        ([(TOUCH, "act")], [], "One complaint holds and twelve stay open"),
        ([(TOUCH, "act"), (QUALITY, "act")], [], "Two complaints hold and eleven stay open"),
        ([(TOUCH, "good")], [], "One complaint does not hold and twelve stay open"),
        ([(TOUCH, "good"), ("content.focus", "good")], [], "Two complaints do not hold and eleven stay open"),
        ([(TOUCH, "act"), ("content.focus", "good")], ["G7", "G8"],
         "One complaint holds, one does not hold, nine stay open and two were hardly raised"),
        ([(TOUCH, "act"), ("content.focus", "good"), ("funnel.work_order", "good")], ["G7"],
         "One complaint holds, two do not hold, nine stay open and one was hardly raised"),
    ],
)  # fmt: skip
def test_the_title_counts_the_verdicts(given: list[tuple[str, Level]], nobody: list[str], title: str) -> None:
    asked = survey(**dict.fromkeys(nobody, ((0, 1, 9), (0, 1, 9))))
    shown = docket(results(*(finding(key, level) for key, level in given), asked=asked))
    assert shown.title == title


def test_the_counts_of_the_title_add_up_to_all_grievances() -> None:
    levels: list[Level] = ["act", "good", "unclear"]
    for one, two, three in product(levels, repeat=3):
        given = finding(QUALITY, one), finding(TOUCH, two), finding("funnel.leaked", three)
        verdicts = [row["verdict"] for row in docket(results(*given, asked=survey())).rows]
        hold = sum(verdict in ("Borne out", "Both have a point") for verdict in verdicts)
        assert hold == [one, two, three].count("act")
        assert verdicts.count("Not borne out") == (two == "good")  # the others have a second test, which was not made


def test_the_docket_has_one_row_a_grievance_and_only_columns_it_describes() -> None:
    shown = docket(results(finding(TOUCH, "act"), asked=survey()))
    assert [row["label"] for row in shown.rows] == IDS and shown.shape == "docket"
    described = {column.name for column in shown.columns}
    assert all(set(row) == described for row in shown.rows)
    extra = {column.name for column in shown.columns if column.is_extra}
    assert extra == {"claimant", "finding", "holds_where", "level", *(f"{team}_{end}" for team in ("sales", "marketing")
                                                       for end in ("low", "high", "n"))}  # fmt: skip


def test_a_row_says_on_which_side_of_the_limit_its_complaint_holds() -> None:
    shown = row("G4", finding("content.shown", "act"), finding("content.teaching_gain", "unclear"), asked=survey())
    assert (shown["finding"], shown["holds_where"]) == ("content.teaching_gain", "above")  # good that showing helps
    alone = row("G9", ABOVE, asked=survey(G9=(FEW, (6, 6, 12))))
    assert (alone["says"], alone["verdict"], alone["holds_where"]) == ("Marketing says", "Borne out", "above")


def test_the_order_of_findings_and_of_diagnostics_does_not_matter() -> None:
    levels: list[Level] = ["act", "good", "unclear", "watch"] * 5
    given = [finding(key, at) for key, at in zip(TRIALS, levels, strict=False) if key != "funnel.credit_claim"]
    given.append(credit(0.4, 0.7))
    usual = docket(results(*given, asked=survey()))
    for other in (given[::-1], given[5:] + given[:5]):
        again = results(*other, asked=survey())
        assert docket(again) == docket(dict(reversed(again.items()))) == usual


def test_findings_that_no_grievance_names_change_nothing() -> None:
    given = finding(TOUCH, "act")
    levels: list[Level] = ["act", "good", "unclear"]
    noise = [finding(f"{name}.other", level) for name in ("survey", "content", "funnel") for level in levels]
    assert docket(results(given, *noise, asked=survey())) == docket(results(given, asked=survey()))


def test_a_case_keeps_each_of_its_tests_with_what_was_found() -> None:
    found = case("G1", finding(QUALITY, "act")).found
    assert [(trial.finding, None if f is None else f.level) for trial, f in found] == [
        (QUALITY, "act"), ("funnel.sal_to_sql", None)]  # fmt: skip
