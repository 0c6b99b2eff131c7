"""Guess and fact by hand: each team's guesses beside what the data say, and how far outside they lie."""

from typing import Any

import pytest

from alignlib.audit.guesses import guesses
from alignlib.instrument import read_instrument
from alignlib.result import Exhibit, Finding, Measure, Result, Row, columns

ABOUT = {item.title: item.about for item in read_instrument().of("estimate")}
TOUCHED, UNUSED, STARTED = "Leads touched in time", "Material no seller uses", "Won deals Marketing started"


def survey(**said: tuple[float | None, float | None]) -> Result:
    """What Sales and Marketing guess, by title."""
    rows: list[Row] = []
    for title, means in said.items():
        row: Row = {"label": title, "gap": None, "note": ""}
        for team, at in zip(("sales", "marketing"), means, strict=True):
            row |= {team: at, f"{team}_low": at and at - 0.05, f"{team}_high": at and at + 0.05,
                    f"{team}_n": None if at is None else 12}  # fmt: skip
        rows.append(row)
    names = dict.fromkeys(name for row in rows for name in row)
    shown = Exhibit(key="survey.estimates", title="", shape="paired", rows=rows, read="", alt="", source="",
                    columns=columns(**{name: (name, "text") for name in names}))  # fmt: skip
    return Result(diagnostic="survey", question="", headline="", summary="", exhibits=[shown])


def measured(title: str, value: float | None, low: float | None, high: float | None, unit: Any = "share") -> Result:
    measure = Measure(value=value, unit=unit, n=100, low=low, high=high, method="Wilson")
    made = Finding(key=ABOUT[title], theme="handoff", title=f"{title} was measured", detail="", measure=measure,
                   level="act", rule="")  # fmt: skip
    name: Any = made.key.split(".")[0]
    return Result(diagnostic=name, question="", headline="", summary="", findings=[made])


def told(*found: Result) -> Exhibit | None:
    made: dict[str, Result] = {}
    for result in found:
        before = made.get(result.diagnostic, result.model_copy(update={"findings": []}))
        made[result.diagnostic] = before.model_copy(update={"findings": before.findings + result.findings})
    return guesses(made)


def one(*found: Result) -> tuple[Exhibit, Row]:
    made = told(*found)
    assert made is not None and len(made.rows) == 1
    return made, made.rows[0]


def test_a_guess_stands_beside_the_figure_of_the_finding_it_guesses_at() -> None:
    shown, row = one(survey(**{TOUCHED: (0.77, 0.3)}), measured(TOUCHED, 0.44, 0.38, 0.51))
    assert (row["sales"], row["marketing"], row["sales_n"]) == (0.77, 0.3, 12)
    assert (row["value"], row["low"], row["high"]) == (0.44, 0.38, 0.51)
    assert row["note"] == "Leads touched in time was measured" and shown.shape == "paired"
    assert shown.title == (
        "Leads touched in time: Sales guesses 77\u00a0% and Marketing guesses 30\u00a0%, the data say 44\u00a0%"
    )
    assert shown.lead == "2 of 2 mean guesses miss the interval of what was measured."
    assert set(row) == {column.name for column in shown.columns}


def test_each_estimate_guesses_at_a_finding_of_its_own() -> None:
    assert len(set(ABOUT.values())) == len(ABOUT) and ABOUT[TOUCHED] == "funnel.first_touch"


@pytest.mark.parametrize(
    ("guess", "outside"),
    [(0.38, False), (0.51, False), (0.44, False), (0.33, False), (0.56, False), (0.32, True), (0.57, True)],
)
def test_a_guess_whose_own_interval_meets_that_of_the_figure_is_no_miss(guess: float, outside: bool) -> None:
    shown, _ = one(survey(**{TOUCHED: (guess, None)}), measured(TOUCHED, 0.44, 0.38, 0.51))
    assert shown.lead.startswith("1 of 1" if outside else "0 of 1")
    assert shown.title.startswith("No guess misses what was measured; leads touched in time: Sales") != outside


def test_a_team_without_limits_counts_with_its_mean_alone() -> None:
    asked = survey(**{TOUCHED: (0.33, None)})
    row = {**asked.exhibits[0].rows[0], "sales_low": None, "sales_high": None}
    bare = asked.model_copy(update={"exhibits": [asked.exhibits[0].model_copy(update={"rows": [row]})]})
    assert one(bare, measured(TOUCHED, 0.44, 0.38, 0.51))[0].lead.startswith("1 of 1")


def test_what_is_counted_has_no_interval_and_is_met_by_its_own_value_alone() -> None:
    shown, row = one(survey(**{STARTED: (0.25, 0.75)}), measured(STARTED, 0.25, None, None))
    assert (row["low"], row["high"]) == (None, None) and shown.lead.startswith("1 of 2")


def test_the_title_names_the_question_on_which_the_guesses_miss_most() -> None:
    asked = survey(**{TOUCHED: (0.5, 0.3), UNUSED: (0.9, 0.1)})
    shown = told(asked, measured(TOUCHED, 0.44, 0.38, 0.51), measured(UNUSED, 0.58, 0.5, 0.65))
    assert shown is not None and shown.title.startswith("Material no seller uses: ")
    assert [row["label"] for row in shown.rows] == [TOUCHED, UNUSED]
    assert shown.lead.startswith("3 of 4 mean guesses")


def test_a_withheld_team_has_no_guess_and_no_miss() -> None:
    shown, row = one(survey(**{TOUCHED: (0.77, None)}), measured(TOUCHED, 0.44, 0.38, 0.51))
    assert row["marketing"] is None and row["marketing_n"] is None
    assert shown.title == "Leads touched in time: Sales guesses 77\u00a0%, the data say 44\u00a0%"


@pytest.mark.parametrize(
    "found",
    [
        [],
        [survey(**{TOUCHED: (0.77, 0.3)})],
        [measured(TOUCHED, 0.44, 0.38, 0.51)],
        [survey(**{TOUCHED: (None, None)}), measured(TOUCHED, 0.44, 0.38, 0.51)],
        [survey(**{TOUCHED: (0.77, 0.3)}), measured(TOUCHED, None, None, None)],
        [survey(**{TOUCHED: (0.77, 0.3)}), measured(UNUSED, 0.58, 0.5, 0.65)],
        [survey(**{TOUCHED: (0.77, 0.3)}), measured(TOUCHED, 44, 38, 51, "days")],  # another unit: never mixed
        [Result(diagnostic="survey", question="", headline="", summary=""), measured(TOUCHED, 0.44, 0.38, 0.51)],
    ],
)
def test_where_no_guess_meets_a_figure_there_is_no_exhibit(found: list[Result]) -> None:
    assert told(*found) is None


def test_a_question_without_its_figure_is_left_out_and_the_others_stand() -> None:
    asked = survey(**{TOUCHED: (0.5, 0.3), UNUSED: (0.9, 0.1), "Days to the first touch": (0.1, 0.2)})
    _, row = one(asked, measured(UNUSED, 0.58, 0.5, 0.65))
    assert row["label"] == UNUSED


def test_the_order_of_findings_and_results_does_not_matter() -> None:
    asked = survey(**{TOUCHED: (0.5, 0.3), UNUSED: (0.9, 0.1), STARTED: (0.2, 0.8)})
    found = [asked, measured(TOUCHED, 0.44, 0.38, 0.51), measured(STARTED, 0.6, 0.5, 0.7),
             measured(UNUSED, 0.58, 0.5, 0.65)]  # fmt: skip
    assert told(*found) == told(*found[::-1])
