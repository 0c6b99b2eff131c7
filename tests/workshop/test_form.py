"""The form by its widgets, driven in process: what a person chooses is what the store holds, and "Saved" is true."""

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import ipywidgets as widgets
import pytest

from alignlib.instrument import read_instrument
from alignlib.intake.snapshot import arrow_rows, open_tables
from alignlib.workshop import gap_view, open_store, responses, save_answers, settings, survey_form
from alignlib.workshop.store import Answer, Store

ASKED = [item for item in read_instrument().form("short", []) if item.kind in ("agree", "conversation")]
ITEMS = [item.item for item in ASKED]


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return open_store(tmp_path / "private" / "answers.sqlite")


class Person:
    """One person in front of one form."""

    def __init__(self, store: Store) -> None:
        self.form = survey_form(store, settings())
        self.team, *self.items = [w for w in self.form.children if isinstance(w, widgets.RadioButtons)]
        (self.button,) = [w for w in self.form.children if isinstance(w, widgets.Button)]

    def save(self) -> str:
        self.button.click()
        return self.said

    @property
    def said(self) -> str:
        text: str = self.form.children[-1].value
        return text.removeprefix('<p role="alert">').removesuffix("</p>")


def answers_of(team: str, people: int, by: dict[str, list[int]]) -> list[Answer]:
    """The answers of so many people: each item's list gives the first, second, ... person's answer."""
    return [Answer(f"{team}-{i}", team, item, given[i]) for item, given in by.items() for i in range(people)]


def test_every_statement_is_asked_once_with_five_answers_and_cannot_say_and_nothing_preselected(store: Store) -> None:
    person = Person(store)
    assert all(item.text in radio.description for item, radio in zip(ASKED, person.items, strict=True))
    assert {item.kind for item in ASKED} == {"agree", "conversation"} and len(ASKED) < 30
    labels = ["Disagree", "Rather disagree", "Neither", "Rather agree", "Agree", "Cannot say"]
    assert all([label for label, _ in radio.options] == labels for radio in person.items)
    assert all(radio.value is None for radio in (person.team, *person.items))


def test_saved_answers_are_in_the_store_under_one_random_code(store: Store) -> None:
    person = Person(store)
    person.team.value = "marketing"
    person.items[0].value, person.items[1].value, person.items[2].value = 4, 1, "cannot say"
    assert person.save() == "Saved: 3 answers."
    kept = {answer.item: answer for answer in responses(store)}
    assert {item: (a.team, a.answer, a.cannot_say) for item, a in kept.items()} == {
        ITEMS[0]: ("marketing", 4, False),
        ITEMS[1]: ("marketing", 1, False),
        ITEMS[2]: ("marketing", None, True),
    }
    assert len({a.respondent_id for a in kept.values()}) == 1


def test_two_forms_are_two_people(store: Store) -> None:
    for _ in range(2):
        person = Person(store)
        person.team.value, person.items[0].value = "sales", 3
        person.save()
    assert len({answer.respondent_id for answer in responses(store)}) == 2


def test_a_corrected_answer_replaces_the_first(store: Store) -> None:
    person = Person(store)
    person.team.value, person.items[0].value = "sales", 3
    person.save()
    person.items[0].value = 5
    assert person.said.startswith("Not saved yet")
    assert person.save() == "Saved: 1 answer."
    assert [answer.answer for answer in responses(store)] == [5]


def test_a_corrected_team_moves_every_answer_of_the_person(store: Store) -> None:
    person = Person(store)
    person.items[0].value, person.team.value, person.items[1].value = 3, "sales", 4
    person.save()
    person.team.value = "marketing"
    assert person.save() == "Saved: 2 answers."
    assert [answer.team for answer in responses(store)] == ["marketing", "marketing"]


def test_without_a_team_or_an_answer_nothing_is_saved_and_the_form_says_what_is_missing(store: Store) -> None:
    person = Person(store)
    person.items[0].value = 3
    assert person.save() == "Not saved yet: choose your team at the top first."
    other = Person(store)
    other.team.value = "sales"
    assert other.save() == "Not saved yet: answer at least one statement first."
    assert responses(store) == []


def test_a_failed_save_says_so_and_pressing_again_counts_each_answer_once(store: Store) -> None:
    person = Person(store)
    person.team.value, person.items[0].value = "sales", 3
    away = store.path.rename(store.path.with_name("away.sqlite"))
    assert person.save().startswith("Not saved. Your answers are still here: press Save answers again.")
    away.rename(store.path)
    assert person.save() == "Saved: 1 answer."
    assert person.save() == "Saved: 1 answer."
    assert len(responses(store)) == 1


def test_what_the_form_says_is_text_and_never_markup(tmp_path: Path) -> None:
    store = open_store(tmp_path / "<img src=x onerror=alert(1)>.sqlite")
    person = Person(store)
    person.team.value, person.items[0].value = "sales", 3
    store.path.unlink()
    assert "&lt;img src=x onerror=alert(1)&gt;.sqlite" in person.save()
    assert not any(getattr(w, "description_allow_html", False) for w in person.form.children)


def test_the_gap_waits_until_both_teams_have_five_people_and_prints_no_count_before(store: Store) -> None:
    by = {item: [1, 2, 1, 2, 1] for item in ITEMS}
    assert "in Sales and in Marketing" in gap_view(store, settings()).headline
    save_answers(store, answers_of("sales", 5, by))
    save_answers(store, answers_of("marketing", 4, by))
    waits = gap_view(store, settings())
    assert waits.headline == "Waiting: fewer than five people have answered in Marketing."
    assert waits.exhibits == [] and waits.findings == [] and waits.row_counts == [] and waits.sources == []
    save_answers(store, [Answer("marketing-4", "marketing", item, None, cannot_say=True) for item in ITEMS])
    assert gap_view(store, settings()) == waits  # someone who can say nothing is not a fifth answer
    save_answers(store, [Answer("marketing-4", "marketing", item, 3) for item in ITEMS])
    assert gap_view(store, settings()).exhibit("survey.blocks").rows


def test_the_gap_is_the_one_counted_by_hand(store: Store) -> None:
    save_answers(store, answers_of("sales", 5, {"metrics_1": [1, 2, 2, 2, 3]}))
    save_answers(store, answers_of("marketing", 5, {"metrics_1": [4, 4, 4, 4, 5]}))
    (row,) = [
        row
        for row in gap_view(store, settings()).exhibit("survey.blocks").rows
        if row["label"] == "Time horizon and metrics"
    ]
    assert (row["sales"], row["marketing"]) == (2.0, pytest.approx(4.2))
    assert abs(row["gap"]) == pytest.approx(2.2)


def test_the_store_and_the_same_rows_by_hand_give_the_same_result(store: Store) -> None:
    from alignlib.diagnostics import survey

    by = {item: [1 + (i + at) % 5 for at in range(6)] for i, item in enumerate(ITEMS)}
    given = answers_of("sales", 6, by) + answers_of("marketing", 5, by)
    save_answers(store, given)
    kept = ("respondent_id", "team", "item", "answer", "cannot_say")
    rows = [{name: value for name, value in asdict(answer).items() if name in kept} for answer in given]
    by_hand = survey.diagnose(open_tables({"responses": arrow_rows("responses", rows)}), settings())
    apart = {"sources", "row_counts"}
    assert gap_view(store, settings()).model_dump(exclude=apart) == by_hand.model_dump(exclude=apart)


@pytest.fixture(autouse=True)
def no_widget_is_left_over() -> Iterator[None]:
    yield
    widgets.Widget.close_all()


def test_agreed_limits_come_from_the_engagement(tmp_path: Path) -> None:
    text = """\
version: 1
client: A synthetic client
period: {start: 2026-01-01, end: 2026-03-31}
as_of: 2026-03-31
currency: EUR
timezone: UTC
survey: {smallest_group: 6}
"""
    (tmp_path / "engagement.yml").write_text(text, encoding="utf-8")
    agreed: Any = settings(tmp_path)
    assert agreed.survey.smallest_group == 6
    waits = gap_view(open_store(tmp_path / "private" / "answers.sqlite"), agreed)
    assert "fewer than six people" in waits.headline
