"""The facilitator's kernel before a real room: what it counts, what it refuses, and that a picture stays as it was."""

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import ipywidgets
import pytest
import segno
import yaml

sys.path.insert(0, str(Path(__file__).parent))
from rooms import KEY
from walls import WORDS, Full, answer, does

from alignlib.diagnostics import funnel
from alignlib.intake.snapshot import open_run, prepare
from alignlib.words import money
from alignlib.workshop.seat import CODE
from alignlib.workshop.store import kept
from alignlib.workshop.wall import PLAYS, WallWidget, minutes, open_wall, people

SHORT = "survey-short"


@pytest.fixture(autouse=True)
def no_widget_is_left_over() -> Iterator[None]:
    yield
    ipywidgets.Widget.close_all()


@pytest.fixture
def full(tmp_path: Path) -> Full:
    return Full(tmp_path, (SHORT, "survey", "promises", "commitments"))


def test_nothing_of_an_answer_reaches_the_page_before_it_is_revealed(full: Full) -> None:
    wall = full.wall(full.engagement)
    before = json.dumps([wall.view, wall.shown])
    full.fill(SHORT, 8, 7)
    seen = wall.hear({"ping": 1})
    for token in full.seats["sales"]:
        full.answer(SHORT, token, "5")  # all of them change their minds
    said = json.dumps([seen[1:], wall.view, wall.shown])
    wall.hear({"ping": 2})
    assert json.dumps([seen[1:], wall.view, wall.shown]) == said and wall.shown == {}
    assert "survey.block" not in before + said and "r-" not in said


def test_a_picture_stays_as_it_was_whatever_is_answered_later_and_for_a_new_kernel(full: Full) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 8, 7)
    assert does(wall, "reveal", form=SHORT) == WORDS["said_revealed"]
    shown = wall.shown
    assert [each["title"] for each in shown["views"]][:2] == [
        "In short",
        "Who answered: Sales 8 of 14 and Marketing 7 of 9",
    ]
    late = full.room.save(full.seats["sales"][0], [answer(SHORT, next(iter(full.pages[SHORT].questions)), "1")])
    assert late["saved"] == []
    for token in full.seats["marketing"]:
        full.answer("survey", token, "5")  # the long survey is open still, and asks the same
    again = full.wall(full.engagement)
    assert again.shown == shown and again.view["is_shown"]


def test_few_people_are_never_shown_and_the_form_stays_open(full: Full) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 8, 4)
    assert (
        does(wall, "reveal", form=SHORT) == "Fewer than five people have answered in Marketing. Wait for more answers."
    )
    assert wall.shown == {} and wall.view["phase"] == "answering"
    full.fill(SHORT, 0, 1)
    assert does(wall, "reveal", form=SHORT) == WORDS["said_revealed"]


@pytest.mark.parametrize("changed", [1, 4, 8])
def test_a_second_picture_that_would_tell_of_few_is_refused_and_the_first_stays(full: Full, changed: int) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 8, 7)
    does(wall, "reveal", form=SHORT)
    first = full.room.release(KEY, SHORT)
    does(wall, "reopen", form=SHORT)
    assert wall.shown == {} and wall.view["phase"] == "answering"
    for token in full.seats["sales"][:changed]:
        for item, asked in full.pages[SHORT].questions.items():
            if "5" in dict(asked.options):
                now = full.room.mine(token, SHORT)[item]
                full.room.save(token, [answer(SHORT, item, str(6 - int(now)))])
    said = does(full.wall(full.engagement), "reveal", form=SHORT)
    assert ("fewer than five people" in said) == (changed < 5)
    assert (full.room.release(KEY, SHORT) == first) == (changed < 5)
    assert full.room.state()["phase"] == "revealed"


def test_nothing_kept_of_a_picture_names_a_person(full: Full) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 8, 7)
    does(wall, "reveal", form=SHORT)
    with full.room.store.reading() as connection:
        text = json.dumps(kept(connection, f"release:{SHORT}"))
    people_there = {row["respondent_id"] for row in full.room.answers(KEY)["responses"]}
    assert len(people_there) == 15 and not any(code in text for code in people_there)
    assert '"sources": []' in text and '"row_counts": []' in text


def test_the_docket_reads_these_answers_and_stays_with_the_picture(full: Full) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 8, 7)
    assert does(wall, "docket") == f"{WORDS['no_docket']}"
    does(wall, "reveal", form=SHORT)
    assert does(wall, "docket") == WORDS["said_docket"]
    assert len(wall.shown["complaints"]) == 13 and wall.shown["complaints"][0]["lines"][1] == "Sales agrees: 0–5 of 8"
    assert full.wall(full.engagement).shown == wall.shown


def test_the_client_s_own_funnel_is_changed_by_the_audit_s_own_model(full: Full) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 8, 7)
    does(wall, "reveal", form=SHORT)
    nothing = {"form": SHORT, "rates": {}, "days": {}}
    does(wall, "docket")
    steps = {each["step"]: each for each in wall.shown["steps"]}
    assert steps["mql_to_sal"]["rate"] == 49 and len(steps) == 4
    assert "Difference: €0" in does(wall, "what_if", **nothing)
    prepare(full.engagement, full.engagement.parent / "run")
    settings, tables = open_run(full.engagement.parent / "run")
    own = funnel.what_if(funnel.diagnose(tables, settings).exhibit("funnel.model"), rates={"mql_to_sal": 0.6})
    said = does(wall, "what_if", **{**nothing, "rates": {"mql_to_sal": 0.6}})
    assert money(own.changed.value, "EUR") in said and money(own.difference.value, "EUR") in said
    assert "no step" in does(wall, "what_if", **{**nothing, "rates": {"won": 0.6}})


def test_the_files_of_a_client_without_any_are_told_as_a_sentence(full: Full) -> None:
    wall = full.wall(None)
    assert does(wall, "snapshot") == WORDS["no_engagement"] and not wall.view["can_snapshot"]
    full.engagement.joinpath("engagement.yml").unlink()
    wall = full.wall(full.engagement)
    assert "engagement.yml" in does(wall, "snapshot")


def test_a_snapshot_is_read_by_the_next_audit(full: Full) -> None:
    wall = full.wall(full.engagement)
    full.fill(SHORT, 6, 6)
    said = does(wall, "snapshot")
    assert said.endswith("Now run: `alignlib audit client --out FOLDER`")
    assert (full.engagement / "data" / "workshop-responses.csv").is_file()
    assert "workshop-responses.csv" in (full.engagement / "engagement.yml").read_text(encoding="utf-8")


def test_clearing_can_be_undone_once(full: Full) -> None:
    wall = full.wall()
    full.fill(SHORT, 6, 0)
    assert does(wall, "reset", form=SHORT) == WORDS["said_cleared"]
    assert wall.view["people"][0]["answered"] == "none"
    assert does(wall, "undo") == WORDS["said_undone"] and wall.view["people"][0]["answered"] == "all"
    assert does(wall, "undo") == WORDS["said_nothing"]


def test_a_form_and_a_timer_reach_the_room(full: Full) -> None:
    wall = full.wall()
    does(wall, "show_form", form="promises")
    does(wall, "timer", seconds=120)
    assert full.room.state()["form"] == "promises" and full.room.state()["until"] and wall.view["until"]
    assert wall.view["minutes"] == minutes("promises") == 90
    does(wall, "timer", seconds=0)
    assert full.room.state()["until"] is None
    assert does(wall, "show_form", form="none") == "There is no such form here. Choose one that is listed."
    assert all(minutes(form) > 0 for form in PLAYS)


def test_boards_are_revealed_side_by_side(full: Full) -> None:
    wall = full.wall()
    (sales,), (marketing,) = full.join("sales", 1), full.join("marketing", 1)
    does(wall, "show_form", form="promises")
    assert does(wall, "reveal", form="promises").startswith("Nothing stands on this board yet.")
    for token, hours in ((sales, "4"), (marketing, "8")):
        full.room.save(token, [answer("promises", "first_touch_hours", hours), answer("promises", "attempts", "3")])
    does(wall, "reveal", form="promises")
    (view,) = wall.shown["views"]
    assert view["title"] == "Both sides say the same on 1 of 2 lines"
    assert "4 hours" in view["html"] and "8 hours" in view["html"]


def test_closing_says_what_was_destroyed_and_the_wall_stays_up(full: Full) -> None:
    wall = full.wall()
    full.fill(SHORT, 6, 6)
    does(wall, "reveal", form=SHORT)
    said = does(wall, "close")
    assert "Destroyed: 3 secrets, 12 seats" in said and "None of " in said
    assert wall.view["phase"] == "closed" and wall.shown["views"]
    said = wall.hear({"do": "reset", "form": SHORT})[-1]
    assert said["is_fault"] and "closed" in said["said"]
    anew = full.wall(full.engagement)
    assert anew.view["phase"] == "closed" and anew.view["folder"] == "client" and anew.shown == {}


def test_a_mistake_of_ours_is_told_and_leaves_the_wall_at_work(full: Full, monkeypatch: pytest.MonkeyPatch) -> None:
    wall = full.wall()
    full.fill(SHORT, 6, 6)

    def broken(*_: object) -> None:
        raise ZeroDivisionError

    monkeypatch.setattr("alignlib.workshop.reveal.reveal", broken)
    assert "ZeroDivisionError" in does(wall, "reveal", form=SHORT)
    assert wall.view["phase"] == "answering" and wall.view["busy"] == ""
    monkeypatch.undo()
    assert does(wall, "reveal", form=SHORT) == WORDS["said_revealed"]


def test_counts_of_few_are_never_told_nor_worked_out(full: Full) -> None:
    page = full.pages[SHORT]

    def row(joined: int, answered: int, finished: int) -> list[str]:
        counts = {"joined": {"sales": joined}, "answered": {"sales": answered}, "finished": {"sales": finished}}
        found = people(page, counts, 5)[0]
        return [found["joined"], found["answered"], found["finished"]]

    assert row(4, 4, 4) == ["fewer than five", "", ""]
    assert row(20, 3, 0) == ["20", "fewer than five", "none"]
    assert row(20, 13, 6) == ["20", "13", "6"]
    for joined in range(5, 16):
        for answered in range(joined + 1):
            for finished in range(answered + 1):
                told = [int(each) for each in row(joined, answered, finished) if each.isdigit()]
                apart = {abs(one - other) for one in told for other in told} - {0}
                assert all(each >= 5 for each in told) and all(each >= 5 for each in apart)


def test_in_a_notebook_the_wall_leads_a_room_of_its_own(tmp_path: Path) -> None:
    wall = open_wall(store=str(tmp_path / "room.sqlite"))
    form = list(wall.view["titles"])[-1]
    assert wall.view["is_local"] and does(wall, "show_form", form=form) == WORDS["said_shown"]
    assert wall.view["form"] == form


def test_every_word_the_page_says_is_written_down_and_none_is_left_over() -> None:
    script = WallWidget._esm
    python = Path(sys.modules[WallWidget.__module__].__file__ or "").read_text(encoding="utf-8")
    quoted = set(re.findall(r'"([a-z_]+)"', script + python))
    begun = tuple(f"{start}_" for start in re.findall(r"`(\w+?)_\$", script))
    assert set(re.findall(r'say\(\s*"(\w+)"', script)) - set(WORDS) == set()
    assert set(re.findall(r'words\[\s*"(\w+)"', python)) - set(WORDS) == set()
    assert [word for word in WORDS if word not in quoted and not word.startswith(begun)] == []
    assert isinstance(yaml.safe_dump(WORDS), str) and all(isinstance(word, str) for word in WORDS)


def test_the_wall_asks_no_other_address_and_makes_no_markup_outside_the_shadow() -> None:
    assert "http" not in WallWidget._esm.replace("plain http", "") and "url(" not in WallWidget._css
    for risky in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(", "randomUUID()"):
        assert risky not in WallWidget._esm


def test_the_wall_shows_a_picture_of_the_address_by_which_it_was_reached(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(CODE, "ABCD-2345")
    wall = Full(tmp_path, (SHORT,)).wall()
    assert wall.picture == ""
    wall.hear({"at": "https://workshop.example"})
    assert wall.picture == segno.make("https://workshop.example/?code=ABCD-2345", error="m").svg_data_uri(
        scale=8, border=2
    )
