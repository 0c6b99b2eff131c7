"""What is asked in the room, and which answers can be taken: counted by hand, and shaken with hostile words."""

import json
from collections.abc import Callable
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from alignlib.engagement import Period, Settings, read_engagement
from alignlib.instrument import read_instrument
from alignlib.intake.snapshot import arrow_rows, open_run, open_tables
from alignlib.resources import read_resource
from alignlib.result import Result
from alignlib.workshop.pages import CANNOT_SAY, Page, Question, missing, number_of, page_of, pages, refusal, refusals

HOSTILE = ["=1+1", "+49", "-x", "@sum", "<img src=x onerror=1>", 'a "b", c', "x\u202egnp", "שלום", "a;b|c", "'quoted"]


def settings(**changes: object) -> Settings:
    base = Settings(
        version=1, client="Client", period=Period(start=date(2024, 4, 1), end=date(2026, 3, 31)),
        as_of=date(2026, 4, 30), currency="EUR", timezone="UTC",
    )  # fmt: skip
    return Settings.model_validate({**base.model_dump(), **changes})


ASKED = settings(stages={"Lead": "inquiry", "MQL": "mql"}, survey={"segments": ["Retail", "Health care"]})


@pytest.fixture(scope="module")
def company(written: Callable[[bool], Path], prepared: Callable[[bool], Path]) -> dict[str, Page]:
    return pages(read_engagement(written(True)), open_run(prepared(True))[1])


def test_all_nine_forms_of_the_sample_company_are_asked(company: dict[str, Page]) -> None:
    asked = {form: (page.scope, len(page.questions)) for form, page in company.items()}
    assert asked == {
        "survey-short": ("person", 27), "survey": ("person", 84), "sorting": ("room", 3 * 40), "stages": ("team", 9),
        "relay": ("person", 7), "relay-board": ("room", 3 * 7), "promises": ("team", 5), "metrics": ("team", 5 * 8),
        "focus": ("person", 6), "mirror": ("person", 13), "commitments": ("room", 4 * 10),
    }  # fmt: skip
    # one form may ask an item once, and every page is the same after a trip through JSON
    for page in company.values():
        assert len(page.questions) == sum(len(section.questions) for section in page.sections)
        assert page_of(json.loads(json.dumps(asdict(page)))) == page


def test_the_survey_in_the_room_asks_the_items_of_the_instrument_but_for_own_words(company: dict[str, Page]) -> None:
    instrument, segments = read_instrument(), ["Manufacturing", "Health care", "Logistics", "Public sector"]
    form = [item for item in instrument.form("full", [*segments, "Retail", "Energy"]) if item.kind != "comment"]
    assert list(company["survey"].questions) == [item.item for item in form]
    agree = company["survey"].questions["goal_1"]
    assert [value for value, _ in agree.options] == ["1", "2", "3", "4", "5", CANNOT_SAY]
    assert [label for _, label in agree.options] == [*instrument.scale, instrument.cannot_say]
    rank, owner = company["survey"].questions["goal_new"], company["relay"].questions["own_find"]
    assert rank.options == tuple((str(n), str(n)) for n in range(1, 7))
    assert (owner.kind, owner.low, owner.high) == ("number", 0, 100)


def test_what_one_person_writes_in_words_is_never_asked(company: dict[str, Page]) -> None:
    """Of one person only numbers and "cannot say" are kept: words tell who wrote them."""
    german = pages(settings(survey={"language": "de", "segments": ["A", "B"]}))
    alone = [page for page in (*company.values(), *german.values()) if page.scope == "person"]
    asked = [question for page in alone for question in page.questions.values()]
    assert len(alone) == 10 and {question.kind for question in asked} == {"choice", "number", "points"}
    values = {value for question in asked for value, _ in question.options}
    assert {value for value in values if number_of(value) is None} == {CANNOT_SAY}


def test_sorting_asks_what_the_work_list_puts_first_and_nothing_decided_before(
    company: dict[str, Page], planted: tuple[Settings, dict[str, Result]], prepared: Callable[[bool], Path]
) -> None:
    rows = next(e.rows for e in planted[1]["content"].exhibits if e.key == "content.worklist")
    sent = open_run(prepared(True))[1].rows("select asset_id from asset_decisions")
    decided = {str(row["asset_id"]) for row in sent}
    wanted = [row["asset_id"] for row in rows if row["asset_id"] and row["asset_id"] not in decided][:40]
    asked = [item for item in company["sorting"].questions if item.startswith("decision:")]
    assert asked == [f"decision:{asset}" for asset in wanted] and decided


def test_a_form_with_nothing_to_ask_is_left_out_and_said_so() -> None:
    bare = pages(settings())
    assert not {"sorting", "stages", "focus"} & set(bare) and len(bare) == 8
    why = missing(settings())
    assert len(why) == 3 and all(sentence.endswith(".") for sentence in why)
    assert "points_" not in str([item for page in bare.values() for item in page.questions])
    assert {"stages", "focus"} <= set(pages(ASKED)) and len(missing(ASKED)) == 1


def test_a_library_with_nothing_to_decide_is_left_out_and_said_so() -> None:
    assets = [{"asset_id": "A-1", "created_on": date(2025, 1, 1)}, {"asset_id": "A-2", "created_on": date(2026, 5, 1)}]
    sent = [{"asset_id": "A-1", "decision": "keep"}]
    frames = {"assets": arrow_rows("assets", assets), "asset_decisions": arrow_rows("asset_decisions", sent)}
    tables = open_tables(frames)
    assert "sorting" not in pages(settings(), tables)
    assert missing(settings(), tables)[0] == "Sort the content: no asset is left to decide on."
    asked = pages(settings(), open_tables({"assets": frames["assets"]}))["sorting"].questions
    assert {item.partition(":")[2] for item in asked} == {"A-1"}


def test_segments_and_labels_also_come_from_the_clients_files() -> None:
    plan = [{"segment": name, "planned_revenue": 1} for name in HOSTILE]
    readings = [{"team": "sales", "label": label} for label in (*HOSTILE, " mql")]
    tables = open_tables({"plan": arrow_rows("plan", plan), "stage_readings": arrow_rows("stage_readings", readings)})
    asked = pages(settings(stages={"MQL": "mql"}), tables)
    assert len(asked["focus"].questions) == len(HOSTILE)
    # two spellings of one label are one, in the settings' own
    assert list(asked["stages"].questions) == ["label:MQL", *(f"label:{label}" for label in sorted(HOSTILE))]
    assert all("\u202e" not in question.text for page in asked.values() for question in page.questions.values())


def test_every_language_says_the_same_and_each_word_of_it() -> None:
    said = yaml.safe_load(read_resource("templates", "workshop", "pages.yml"))

    def shape(part: object) -> object:
        return {key: shape(each) for key, each in part.items()} if isinstance(part, dict) else type(part).__name__

    assert shape(said["en"]) == shape(said["de"])
    english, german = (pages(settings(survey={"language": each, "segments": ["A", "B"]})) for each in ("en", "de"))
    assert list(english) == list(german)
    for form in english:
        assert list(english[form].questions) == list(german[form].questions)
        assert english[form].title != german[form].title


# --- which answers can be taken ---------------------------------------------------------------------------------------

FORMS = pages(ASKED)
NUMBER = "Write a number from 0 to 100."
TABLE = [
    ("survey", "goal_1", "4", ""), ("survey", "goal_1", CANNOT_SAY, ""), ("survey", "goal_1", "", ""),
    ("survey", "goal_1", "6", "Choose one of the answers shown."),
    ("survey", "goal_1", "4 ", "Choose one of the answers shown."),
    ("survey", "goal_1", "Agree", "Choose one of the answers shown."),
    ("survey", "goal_new", "6", ""), ("survey", "goal_new", CANNOT_SAY, "Choose one of the answers shown."),
    ("survey", "decision:A-1", "keep", "This form does not ask that."),
    ("survey", "comment_well", "words", "This form does not ask that."),
    ("survey", "est_days", "365", ""), ("survey", "est_days", "0", ""), ("survey", "est_days", "2.5", ""),
    ("survey", "est_days", "2,5", ""), ("survey", "est_days", "366", "Write a number from 0 to 365."),
    ("relay", "own_find", "-1", NUMBER), ("relay", "own_find", "1e2", NUMBER), ("relay", "own_find", "nan", NUMBER),
    ("relay", "own_find", "٣", NUMBER), ("relay", "own_find", "100", ""), ("relay", "own_find", "100.01", NUMBER),
    ("focus", "points_Retail", "40", ""), ("focus", "points_Retail", "40.5", "Write a whole number from 0 to 100."),
    ("promises", "first_touch_hours", "0", "Write a number from 0.25 to 2000."),
    ("promises", "attempts", "2.5", "Write a whole number from 1 to 100."), ("promises", "clock", "business", ""),
    ("promises", "clock", "lunar", "Choose one of the answers shown."),
    ("metrics", "metric_1_metric", "=1+1 <b>", ""), ("metrics", "metric_1_metric", "x" * 200, ""),
    ("metrics", "metric_1_metric", "x" * 201, "Write at most 200 letters."),
    ("metrics", "metric_1_metric", " \n", "Write at least one word."),
    ("metrics", "metric_9_metric", "x", "This form does not ask that."),
    ("stages", "label:MQL", "none", ""), ("stages", "label:MQL", "MQL", "Choose one of the answers shown."),
    ("commitments", "commitment_10_due_on", "2026-12-31", ""),
    ("commitments", "commitment_10_due_on", "2026-02-30", "Write a day as 2026-12-31."),
    ("commitments", "commitment_10_due_on", "20261231", "Write a day as 2026-12-31."),
]  # fmt: skip


@pytest.mark.parametrize(("form", "item", "value", "why"), TABLE)
def test_an_answer_is_refused_with_a_sentence_or_taken(form: str, item: str, value: str, why: str) -> None:
    assert refusal(FORMS[form], item, value) == why


SETS = [
    ({"points_Retail": "40", "points_Health care": "60"}, ""),
    ({"points_Retail": "0", "points_Health care": "100"}, ""),
    ({"points_Retail": "", "points_Health care": ""}, ""),
    ({"points_Retail": "40", "points_Health care": "59"}, "The points add up to 99, not to 100."),
    ({"points_Retail": "100"}, "Points are kept all together: fill in every line, with 0 for none."),
    ({"points_Retail": ""}, "Points are kept all together: fill in every line, with 0 for none."),
    ({"points_Retail": "100", "points_Health care": ""},
     "Points are kept all together: fill in every line, with 0 for none."),
    ({"points_Retail": "101", "points_Health care": "0"}, "Write a whole number from 0 to 100."),
]  # fmt: skip


@pytest.mark.parametrize(("points", "why"), SETS)
def test_points_are_taken_whole_or_not_at_all(points: dict[str, str], why: str) -> None:
    assert refusals(FORMS["focus"], points) == (dict.fromkeys(points, why) if why else {})


def test_a_wrong_answer_stops_no_other_of_the_same_save() -> None:
    points = {"points_Retail": "1", "points_Health care": "1"}
    given = {"goal_1": "4", "goal_2": "9", "own_find": "50", **points}
    assert set(refusals(FORMS["survey"], given)) == {"goal_2", *points}


@given(st.sampled_from(sorted(FORMS)), st.text(max_size=250), st.data())
def test_what_is_taken_is_what_the_question_allows_whatever_is_sent(form: str, value: str, data: st.DataObject) -> None:
    page = FORMS[form]
    question: Question = page.questions[data.draw(st.sampled_from(sorted(page.questions)))]
    if refusal(page, question.item, value) or not value:
        return
    number = number_of(value)
    assert {
        "choice": value in dict(question.options), "words": len(value) <= 200 and bool(value.strip()),
        "number": number is not None and question.low <= number <= question.high,
        "points": number in range(101),
    }[question.kind]  # fmt: skip
