"""The widget of one person, before a room of the test's own: what it shows, what it hands on, when it keeps still."""

import json
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import ipywidgets
import pytest
import yaml

from alignlib.errors import AlignError, Problem
from alignlib.resources import read_resource
from alignlib.workshop.form import FormWidget, open_form
from alignlib.workshop.store import answers, open_store

WORDS = yaml.safe_load(read_resource("templates", "workshop", "words.yml"))["form"]


class Room:
    """Two forms, what was asked for, and a switch that breaks it."""

    public, is_local = "0123456789ab", False

    def __init__(self) -> None:
        self.form, self.phase, self.round, self.fault = "survey", "answering", 0, ""
        self.kept: dict[str, dict[str, str]] = {"survey": {"goal_1": "4"}, "board": {}}
        self.asked: list[str] = []

    def ask(self, do: str, **given: Any) -> Any:
        self.asked.append(do)
        if self.fault:
            raise AlignError(Problem(self.fault, "no"))
        if do == "state":
            return {"form": self.form, "phase": self.phase, "round": self.round, "until": None,
                    "titles": {"survey": "Survey", "board": "Board"}}  # fmt: skip
        if do == "page":
            return {"form": given["form"], "scope": "team" if given["form"] == "board" else "person"}
        if do == "mine":
            return dict(self.kept[given["form"]])
        for each in given["answers"]:
            self.kept[each["form"]][each["item"]] = each["value"]
        return {"saved": [each["id"] for each in given["answers"]], "refused": []}


class Local(Room):
    """Where one person answers after another; each has a room of their own here."""

    is_local, public = True, ""

    def next_person(self, team: str, role: str | None) -> "Local":
        anew = Local()
        anew.public, anew.kept = f"{team}-{role}", {"survey": {}, "board": {}}
        return anew


@pytest.fixture(autouse=True)
def no_widget_is_left_over() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


def answer(value: str, form: str = "survey", item: str = "goal_2") -> dict[str, str]:
    return {"id": f"id-{value}", "form": form, "item": item, "value": value}


def test_it_shows_what_the_room_shows_and_what_this_person_answered() -> None:
    widget = FormWidget(Room(), WORDS)
    assert widget.page == {"form": "survey", "scope": "person"} and widget.mine == {"goal_1": "4"}
    assert widget.room["phase"] == "answering" and widget.seat == "0123456789ab" and widget.local == {}


def test_a_save_is_acknowledged_with_the_room_s_own_words_and_a_failed_one_not_at_all() -> None:
    room = Room()
    widget = FormWidget(room, WORDS)
    assert widget.hear({"save": [answer("5")]}) == {"saved": ["id-5"], "refused": []}
    room.fault = "E-STORE"
    assert widget.hear({"save": [answer("1")]}) is None
    assert room.kept["survey"]["goal_2"] == "5"


def test_a_ping_is_answered_and_says_when_the_room_is_away_or_the_seat_gone() -> None:
    room = Room()
    widget = FormWidget(room, WORDS)
    said = widget.hear({"ping": 7})
    assert said is not None and said["pong"] == 7 and set(said) == {"pong", "now"}
    for room.fault, told in (("E-STORE", "away"), ("E-SEAT", "gone")):
        said = widget.hear({"ping": 8})
        assert said is not None and said["pong"] == 8 and said[told] is True
    assert widget.page["form"] == "survey"  # what was on the screen stays


def test_a_room_that_is_away_at_the_start_is_shown_as_soon_as_it_is_there() -> None:
    room = Room()
    room.fault = "E-STORE"
    widget = FormWidget(room, WORDS)
    assert widget.page == {} and widget.room == {}
    room.fault = ""
    widget.hear({"ping": 1})
    assert widget.page["form"] == "survey" and widget.mine == {"goal_1": "4"}


def test_a_form_follows_the_room_with_its_own_answers_and_a_board_is_read_at_every_ping() -> None:
    room = Room()
    widget = FormWidget(room, WORDS)
    room.asked.clear()
    widget.hear({"ping": 1})
    assert room.asked == ["state"]  # sixty pages ask every two seconds: nothing is read that did not change
    room.form = "board"
    widget.hear({"ping": 2})
    assert widget.page["form"] == "board" and widget.mine == {}
    room.kept["board"]["hours"] = "4"  # by somebody else of the team
    widget.hear({"ping": 3})
    assert widget.mine == {"hours": "4"}
    room.form, room.kept["survey"], room.round = "survey", {}, 1
    widget.hear({"ping": 4})
    assert widget.page["form"] == "survey" and widget.mine == {}
    room.phase = "closed"
    widget.hear({"ping": 5})
    assert widget.page == {} and widget.mine == {}


def test_a_reset_clears_the_screen_and_a_save_is_read_back() -> None:
    room = Room()
    widget = FormWidget(room, WORDS)
    widget.hear({"save": [answer("5")]})
    widget.hear({"ping": 1})
    assert widget.mine == {"goal_1": "4", "goal_2": "5"}
    room.kept["survey"], room.round = {}, 1
    widget.hear({"ping": 2})
    assert widget.mine == {}


def test_in_a_notebook_a_team_begins_and_the_next_person_starts_with_nothing() -> None:
    widget = FormWidget(Local(), WORDS)
    assert widget.page == {} and widget.local["forms"] == {"survey": "Survey", "board": "Board"}
    widget.hear({"local": {"role": "leader"}})
    assert widget.page == {} and widget.local["role"] == "leader"
    widget.hear({"local": {"team": "sales"}})
    assert widget.seat == "sales-leader" and widget.page["form"] == "survey" and widget.mine == {}
    widget.hear({"save": [answer("5")]})
    widget.hear({"local": {"form": "board"}})
    assert widget.page["form"] == "board"
    widget.hear({"next": True})
    assert widget.page == {} and widget.local["team"] == widget.local["role"] == "" and widget.mine == {}
    widget.hear({"local": {"team": "marketing"}})
    widget.hear({"local": {"form": "survey"}})
    assert widget.seat == "marketing-None" and widget.mine == {}


def test_a_notebook_that_is_loaded_anew_shows_the_last_correction() -> None:
    widget = FormWidget(Local(), WORDS)
    widget.hear({"local": {"team": "sales"}})
    for value in ("5", "1"):
        said = widget.hear({"save": [answer(value)]})
        assert said == {"saved": [f"id-{value}"], "refused": []} and widget.mine == {"goal_2": value}


def test_a_notebook_lists_forms_of_one_title_by_what_they_ask(tmp_path: Path) -> None:
    listed = open_form(store=str(tmp_path / "answers.sqlite")).local["forms"]
    assert len(set(listed.values())) == len(listed)
    short, full = (int(listed[form].split(" questions: ")[0]) for form in ("survey-short", "survey"))
    assert 0 < short < full


def test_a_participant_s_page_cannot_begin_another_person() -> None:
    room = Room()
    widget = FormWidget(room, WORDS)
    widget.hear({"local": {"team": "marketing", "form": "board"}})
    widget.hear({"next": True})
    assert widget.local == {} and widget.page["form"] == "survey"


def test_in_a_notebook_the_store_holds_what_each_person_said(tmp_path: Path) -> None:
    widget = open_form(store=str(tmp_path / "answers.sqlite"))
    form = next(form for form in widget.local["forms"] if form.startswith("survey"))
    for team, value in (("sales", "4"), ("marketing", "cannot_say")):
        widget.hear({"local": {"team": team, "form": form}})
        assert widget.mine == {}
        (item, *_) = (each for section in widget.page["sections"] for each in section["questions"])
        said = widget.hear({"save": [{**answer(value, form, item["item"]), "id": f"0123456789-{team}"}]})
        assert said == {"saved": [f"0123456789-{team}"], "refused": []}
        widget.hear({"ping": 1})
        assert widget.mine == {item["item"]: value}
    kept = answers(open_store(tmp_path / "answers.sqlite"))["responses"]
    found = {(each["team"], each["item"], each["answer"], bool(each["cannot_say"])) for each in kept}
    assert found == {("sales", item["item"], 4, False), ("marketing", item["item"], None, True)}


def test_every_word_the_page_says_is_written_down_and_none_is_left_over() -> None:
    keys = set(re.findall(r'say\(\s*"(\w+)"', FormWidget._esm)) | set(re.findall(r'return "(\w+)"', FormWidget._esm))
    begun = [f"{start}_" for start in re.findall(r"say\(`(\w+?)_\$", FormWidget._esm)] + ["scope_"]
    quoted = set(re.findall(r'"([a-z_]+)"', FormWidget._esm))
    assert keys <= set(WORDS)
    assert [word for word in WORDS if word not in quoted and not word.startswith(tuple(begun))] == []


def test_the_form_asks_no_other_address_and_makes_no_markup() -> None:
    assert "http" not in FormWidget._esm.replace("plain http", "") and "url(" not in FormWidget._css
    for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "randomUUID()"):
        assert risky not in FormWidget._esm


def test_sixty_kernels_pay_for_nothing_they_do_not_need() -> None:
    code = "import sys, json; import alignlib.workshop.form; print(json.dumps(sorted(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    loaded = {name.split(".")[0] for name in json.loads(done.stdout)}
    assert loaded.isdisjoint(
        {"pandas", "numpy", "altair", "duckdb", "sqlalchemy", "pydantic", "scipy", "pyarrow", "yaml"}
    )
