"""One command at a time has a store, and the next workshop begins where one was closed."""

import sys
from dataclasses import asdict
from datetime import date
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rooms import CODE, KEY, PAGES, given, opened, saved

from alignlib.errors import AlignError
from alignlib.workshop import turn
from alignlib.workshop.desk import perform
from alignlib.workshop.room import Room
from alignlib.workshop.store import answers, close_store, open_store
from alignlib.workshop.turn import begin_anew, held

OPEN = {"do": "open", "pages": {form: asdict(page) for form, page in PAGES.items()}, "seats": 9, "code": "NEXT-1234",
        "facilitator": "another key", "secret": KEY}  # fmt: skip


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "workshop.sqlite"


def hold_one(file: Path, value: str) -> str:
    """A workshop at this place, from opening to closing; where is it kept once the next was opened?"""
    room = opened(open_store(file))
    saved(room, room.join(CODE, "sales"), given("goal_1", value), given("asset_1", f"keep {value}", "sorting"))
    room.close(KEY)
    aside = perform(room, OPEN, KEY)
    assert isinstance(aside, str)
    return aside


def test_after_the_end_the_next_workshop_begins_and_what_was_answered_is_kept_under_its_day(file: Path) -> None:
    token_of_before = opened(open_store(file)).join(CODE, "marketing")
    aside = hold_one(file, "4")
    assert aside == f"workshop-{date.today()}.sqlite"
    room, before = Room(open_store(file)), open_store(file.with_name(aside))
    assert answers(room.store) == {"responses": [], "entries": []}
    assert [row["answer"] for row in answers(before)["responses"]] == [4.0]
    assert [row["value"] for row in answers(before)["entries"]] == ["keep 4"]
    assert Room(before).state()["phase"] == "closed" and room.state()["phase"] == "answering"
    assert room.who(token_of_before) is None and room.join("NEXT-1234", "sales")
    assert perform(room, OPEN, KEY) == "" and room.join("NEXT-1234", "sales")  # it goes on with the one that is open


def test_a_second_one_on_the_same_day_takes_the_place_of_none(file: Path) -> None:
    first, second = hold_one(file, "4"), hold_one(file, "2")
    assert (first, second) == (f"workshop-{date.today()}.sqlite", f"workshop-{date.today()}-2.sqlite")
    kept = [answers(open_store(file.with_name(name)))["responses"][0]["answer"] for name in (first, second)]
    assert kept == [4.0, 2.0]


def test_what_is_open_or_empty_is_not_put_aside(file: Path) -> None:
    assert begin_anew(open_store(file)) == ""
    room = opened(open_store(file))
    saved(room, room.join(CODE, "sales"), given("goal_1", "4"))
    assert begin_anew(room.store) == "" and len(answers(room.store)["responses"]) == 1
    assert [path.name for path in file.parent.glob("workshop-*")] == []


def test_a_closed_workshop_that_cannot_be_copied_stays_as_it_was(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    room = opened(open_store(file))
    saved(room, room.join(CODE, "sales"), given("goal_1", "4"))
    close_store(room.store)
    monkeypatch.setattr(turn, "backup", lambda store, path: open_store("mysql://x/y"))
    with pytest.raises(AlignError, match="E-STORE"):
        perform(room, OPEN, KEY)
    assert room.state()["phase"] == "closed" and len(answers(room.store)["responses"]) == 1


def test_one_desk_at_a_time_has_a_store(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(turn, "SECONDS", 0.2)
    with held(open_store(file)):
        with pytest.raises(AlignError, match=r"another command has this workshop open.*Ctrl-C.*\[E-LOCKED\]"):
            held(open_store(file)).__enter__()
        with held(open_store(file.with_name("other.sqlite"))):
            pass
    with held(open_store(file)):
        pass
