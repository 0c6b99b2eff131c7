"""The strip by hand: three kinds of evidence on each conversation, and a reading that claims no more than they do."""

from typing import Any

import pytest

from alignlib.audit.strip import strip
from alignlib.engagement import Settings, parse_settings
from alignlib.instrument import read_instrument
from alignlib.result import Exhibit, Result, Row, columns

TALKS = read_instrument().conversations
SHORT = {"C1": "Tailored point of view", "C2": "Right people", "C3": "Relevant meeting", "C4": "Definition of success",
         "C5": "Value tangible"}  # fmt: skip


def settings(limits: str = "mql_to_opportunity: 0.3", funnel: str = "{}") -> Settings:
    return parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        f"timezone: UTC, thresholds: {{{limits}}}, funnel: {funnel}}}"
    )


def shown(key: str, rows: list[Row]) -> Result:
    names = dict.fromkeys(name for row in rows for name in row)
    made = Exhibit(key=key, title="", shape="table", rows=rows, read="", alt="", source="",
                   columns=columns(**{name: (name, "text") for name in names}))  # fmt: skip
    diagnostic: Any = key.split(".")[0]
    return Result(diagnostic=diagnostic, question="", headline="", summary="", exhibits=[made])


def said(**means: tuple[float | None, float | None]) -> Result:
    """What Sales and Marketing answer on "done well", and the opposite on "helped", which must not be read."""
    rows: list[Row] = []
    for talk in TALKS:
        sales, marketing = means.get(talk.conversation, (None, None))
        for end, up in (("helped by Marketing", 1.0), ("done well", 0.0)):
            row: Row = {"label": f"{talk.conversation} {talk.title}: {end}"}
            for team, at in (("sales", sales), ("marketing", marketing)):
                value = None if at is None else 6 - at if up else at
                row |= {team: value, f"{team}_low": None, f"{team}_high": None, f"{team}_n": value and 12}
            rows.append(row)
    return shown("survey.conversations", rows)


def supplied(key: str, *usable: int | None, amount: int | None = 500) -> Result:
    """A grid whose cells of one conversation hold so many usable assets; None: the segments left out of the grid."""
    rows = [{"label": f"S{i}", "column": key, "n": n, "amount": amount} for i, n in enumerate(usable)]
    other = "C1" if key != "C1" else "C5"
    rows += [{"label": f"S{i}", "column": other, "n": 1, "amount": amount} for i, _ in enumerate(usable)]
    return shown("content.coverage", rows)


def happened(key: str, value: float, low: float, high: float, note: str = "") -> Result:
    row = {"label": f"{key} Handed over to opportunity", "name": f"{key} {SHORT[key]}", "value": value, "low": low,
           "high": high, "n": 400, "note": note}  # fmt: skip
    return shown("funnel.conversations", [row])


def row_of(key: str, *found: Result, agreed: Settings | None = None) -> Row:
    made = strip({result.diagnostic: result for result in found}, agreed or settings())
    assert made is not None
    return next(row for row in made.rows if row["label"] == key)


def title(*found: Result) -> str:
    made = strip({result.diagnostic: result for result in found}, settings())
    assert made is not None
    return made.title


POOR, FINE, OPEN = (0.2, 0.15, 0.25), (0.5, 0.45, 0.55), (0.3, 0.25, 0.35)
SURE, UNSURE = (3.6, 4.0), (2.1, 2.4)


def test_the_strip_has_five_rows_in_order_of_the_conversations() -> None:
    made = strip({"survey": said(C1=SURE)}, settings())
    assert made is not None and made.shape == "strip"
    assert [row["label"] for row in made.rows] == ["C1", "C2", "C3", "C4", "C5"]
    assert [row["when"] for row in made.rows] == [
        "before contact", "first contact", "discovery", "consensus", "decision"]  # fmt: skip
    described = {column.name for column in made.columns}
    assert all(set(row) == described for row in made.rows)


def test_without_any_strand_there_is_no_strip() -> None:
    assert strip({}, settings()) is None
    empty: dict[str, Result] = {
        name: Result(diagnostic=name, question="", headline="", summary="") for name in ("survey", "content", "funnel")
    }
    assert strip(empty, settings()) is None


def test_one_strand_alone_makes_a_strip_and_the_others_are_empty() -> None:
    row = row_of("C2", happened("C2", *FINE))
    assert (row["value"], row["low"], row["high"], row["limit"], row["n"]) == (*FINE, 0.3, 400)
    assert [row[name] for name in ("sales", "marketing", "supplied", "segments", "amount")] == [None] * 5
    other = row_of("C3", happened("C2", *FINE))
    assert other["value"] is None and other["note"] == "not recorded" and other["level"] == "unclear"


def test_what_the_teams_say_is_whether_it_is_done_well_and_not_whether_marketing_helps() -> None:
    row = row_of("C2", said(C2=(3.6, 4.2)))
    assert (row["sales"], row["marketing"], row["sales_n"]) == (3.6, 4.2, 12)


def test_segments_are_counted_with_the_money_that_stands_where_nothing_is_usable() -> None:
    row = row_of("C2", supplied("C2", 3, 0, 1, 0))
    assert (row["supplied"], row["segments"], row["amount"]) == (2, 4, 1000)
    assert row_of("C2", supplied("C2", 3, 1))["amount"] is None
    assert row_of("C2", supplied("C2", 0, 1, amount=None))["amount"] is None
    assert row_of("C3", supplied("C2", 3, 1))["segments"] is None


def test_segments_for_which_a_grid_has_no_room_are_not_counted_as_one_without_material() -> None:
    row = row_of("C2", supplied("C2", 3, 2, None))
    assert (row["supplied"], row["segments"], row["amount"]) == (2, 2, None)


# --- the level --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("shares", "usable", "level"),
    [
        (POOR, (1, 1), "act"), (POOR, (0, 0, 1), "act"),  # what happened weighs more than what is lacking
        (FINE, (1, 1), "good"), (FINE, (0, 0, 1), "watch"), (OPEN, (1, 1), "unclear"), (OPEN, (0, 0, 1), "watch"),
        (FINE, (0, 1), "good"),  # half of them: not fewer
    ],
)  # fmt: skip
def test_the_level_is_that_of_what_happened_and_lack_of_material_alone_is_to_watch(
    shares: tuple[float, float, float], usable: tuple[int, ...], level: str
) -> None:
    assert row_of("C2", happened("C2", *shares), supplied("C2", *usable))["level"] == level


def test_a_share_read_before_its_time_is_never_poor_for_it_can_only_rise() -> None:
    early = row_of("C2", happened("C2", *POOR, note="within 60 days"))
    assert early["level"] == "unclear" and early["note"] == "within 60 days"
    assert early["reading"].endswith("; too little time has passed to tell.")
    assert row_of("C2", happened("C2", *FINE, note="within 60 days"))["level"] == "good"


def test_without_an_agreed_limit_for_that_very_step_nothing_is_good_or_poor() -> None:
    row = row_of("C2", happened("C2", *POOR), agreed=settings("mql_to_won: 0.9"))
    assert (row["limit"], row["level"]) == (None, "unclear")
    assert row["reading"].endswith("no limit was agreed for this step.")


def test_the_limit_is_that_of_the_stages_that_were_agreed_to_stand_for_the_conversation() -> None:
    agreed = settings("mql_to_opportunity: 0.3, sal_to_sql: 0.1", "{conversations: {C2: [sal, sql], C3: null}}")
    assert row_of("C2", happened("C2", *POOR), agreed=agreed)["level"] == "good"
    odd = settings("mql_to_opportunity: 0.3", "{conversations: {C2: [inquiry, won]}}")  # no such limit exists
    assert row_of("C2", happened("C2", *POOR), agreed=odd)["limit"] is None


# --- the reading ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("means", "shares", "reading"),
    [
        (SURE, POOR, "Rated well, yet fewer go on than agreed: it may be lists or people that do not match."),
        (UNSURE, POOR, "Said and happened agree: this does not work."),
        ((3.6, 2.4), POOR, "Fewer go on than agreed."),
        (SURE, FINE, "Said and happened agree: this works."),
        (UNSURE, FINE, "It goes better than either team believes."),
        ((3.6, 2.4), FINE, "It goes as agreed; the teams’ means lie far apart."),
        ((3.0, 2.8), FINE, "It goes as agreed."),
        (SURE, OPEN, "Both teams rate it well; the interval crosses what was agreed."),
        ((3.0, 2.8), OPEN, "Both teams see it as middling; the interval crosses what was agreed."),
        ((None, None), OPEN, "What the teams think of it is not known; the interval crosses what was agreed."),
    ],
)
def test_the_reading_says_where_said_and_happened_agree(
    means: tuple[float | None, float | None], shares: tuple[float, float, float], reading: str
) -> None:
    assert row_of("C2", said(C2=means), happened("C2", *shares))["reading"] == reading


@pytest.mark.parametrize(
    ("means", "reading"),
    [
        (SURE, "Both teams rate it well"), ((3.5, 3.5), "Both teams rate it well"),
        (UNSURE, "Both teams rate it low"), ((2.5, 2.5), "Both teams rate it low"),
        ((1.5, 4.5), "The teams’ means lie far apart"),
        ((3.5, 3.4), "Both teams see it as middling"), ((2.5, 2.6), "Both teams see it as middling"),
    ],
)  # fmt: skip
def test_what_is_not_recorded_says_so_and_asks_for_the_field(means: tuple[float, float], reading: str) -> None:
    row = row_of("C4", said(C4=means))
    assert row["reading"] == f"{reading}, and no field says what happened. Add the field." and row["level"] == "unclear"


@pytest.mark.parametrize("means", [(3.9, None), (None, 3.9), (1.5, None)])
def test_one_team_alone_speaks_for_nobody_else(means: tuple[float | None, float | None]) -> None:
    for shares in (POOR, FINE, OPEN):
        reading = row_of("C2", said(C2=means), happened("C2", *shares))["reading"].lower()
        assert "both" not in reading and "either" not in reading and "the teams" not in reading
    assert row_of("C4", said(C4=means))["reading"].startswith("Only one team\u2019s view is known, and no field")


def test_teams_are_apart_beyond_the_gap_that_was_agreed_and_not_at_it() -> None:
    agreed = settings("survey_gap: 0.8, mql_to_opportunity: 0.3")
    for means, apart in (
        ((3.7, 2.9), False),
        ((2.9, 3.7), False),
        ((3.8, 2.9), True),
    ):  # 3.7 - 2.9 is 0.8000000000000003
        reading = row_of("C2", said(C2=means), happened("C2", *FINE), agreed=agreed)["reading"]
        assert ("far apart" in reading) == apart, means
    assert (
        "far apart" not in row_of("C2", said(C2=(3.8, 2.9)), happened("C2", *FINE))["reading"]
    )  # one point by default


def test_material_is_named_where_it_lacks_or_where_it_cannot_be_the_reason() -> None:
    lacking = row_of("C2", happened("C2", *POOR), supplied("C2", 0, 0, 1))["reading"]
    assert lacking.endswith("The material is missing in two of three segments.")
    at_hand = row_of("C2", happened("C2", *POOR), supplied("C2", 1, 0, 1))["reading"]
    assert at_hand.endswith("Material is at hand: look at how the talk is held.")
    assert "aterial" not in row_of("C2", happened("C2", *FINE), supplied("C2", 1, 0, 1))["reading"]
    assert "aterial" not in row_of("C2", happened("C2", *POOR))["reading"]


# --- the title --------------------------------------------------------------------------------------------------------


def test_the_title_says_what_fails_then_what_lacks_then_what_is_not_recorded() -> None:
    assert title(happened("C2", *POOR), supplied("C4", 0, 0, 1)) == "Fewer go on than agreed in C2 The right people"
    assert title(happened("C2", *FINE), supplied("C4", 0, 0, 1)) == (
        "C4 Definition of success lacks usable material in 2 of 3 segments"
    )
    assert title(happened("C2", *FINE), supplied("C4", 1, 0, 1)).startswith("What became of C1 Tailored point of view")
    rows = [happened(key, *FINE).exhibits[0].rows[0] for key in SHORT]
    assert title(shown("funnel.conversations", rows)) == (
        "No conversation goes worse than agreed, as far as it can be told"
    )


def test_the_order_of_rows_and_results_does_not_matter() -> None:
    found = [said(C2=SURE, C4=UNSURE), supplied("C4", 0, 0, 1), happened("C2", *OPEN)]

    def turned(result: Result) -> Result:
        (made,) = result.exhibits
        return result.model_copy(update={"exhibits": [made.model_copy(update={"rows": made.rows[::-1]})]})

    usual = strip({result.diagnostic: result for result in found}, settings())
    assert usual == strip({result.diagnostic: turned(result) for result in found[::-1]}, settings())
