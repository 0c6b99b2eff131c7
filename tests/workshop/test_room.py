"""The room: who may do what, what is acknowledged, what a correction, a reset and the end leave behind."""

import random
import sqlite3
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from datetime import date
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given as over
from hypothesis import settings
from hypothesis import strategies as st
from scipy import stats

sys.path.insert(0, str(Path(__file__).parent))
from rooms import CODE, ITEMS, KEY, PAGES, given, opened, saved, values

from alignlib.errors import AlignError
from alignlib.workshop import room as room_module
from alignlib.workshop import store as store_module
from alignlib.workshop.room import Room
from alignlib.workshop.store import answers, open_store


@pytest.fixture
def room(tmp_path: Path) -> Room:
    return opened(open_store(tmp_path / "private" / "workshop.sqlite"))


def code_of(act: Callable[[], Any]) -> str:
    with pytest.raises(AlignError) as refused:
        act()
    return refused.value.problems[0].code


def why(room: Room, token: str, *answers: Any) -> str:
    said = room.save(token, answers)
    assert said["saved"] == []
    return str(said["refused"][0]["why"])


# --- joining ----------------------------------------------------------------------------------------------------------


def test_the_right_code_gives_a_seat_and_the_wrong_one_none(room: Room) -> None:
    anna = room.who(room.join("room 4711", "sales", "leader"))  # as it is read aloud
    assert anna and (anna.team, anna.role, anna.is_facilitator) == ("sales", "leader", False)
    assert code_of(lambda: room.join("room4712", "sales")) == "E-SEAT"
    assert code_of(lambda: room.join(CODE, "finance")) == "E-VALUE"
    assert room.counts(KEY, "survey")["joined"] == {"sales": 1}


def test_two_who_join_are_two_respondents_and_the_store_knows_neither_token(room: Room) -> None:
    tokens = [room.join(CODE, "sales") for _ in range(2)]
    assert len({room.who(token).respondent for token in tokens}) == 2  # type: ignore[union-attr]
    held = Path(str(room.store.path)).read_bytes() + Path(f"{room.store.path}-wal").read_bytes()
    assert not any(secret.encode() in held for secret in (*tokens, KEY, "ROOM4711"))


def test_all_seats_are_taken_once_and_a_seat_that_was_left_is_free_again(tmp_path: Path) -> None:
    room = opened(open_store(tmp_path / "a.sqlite"), seats=2)
    first, _ = room.join(CODE, "sales"), room.join(CODE, "sales")
    saved(room, first, given("goal_1", "4"))
    assert code_of(lambda: room.join(CODE, "sales")) == "E-FULL"
    room.leave(first)
    assert room.who(first) is None and code_of(lambda: room.mine(first, "survey")) == "E-SEAT"
    assert room.join(CODE, "marketing") and values(answers(room.store)["responses"]) == [("goal_1", 4.0)]
    assert code_of(lambda: room.join(CODE, "sales")) == "E-FULL"


def test_nobody_else_s_token_opens_anything(room: Room) -> None:
    token = room.join(CODE, "sales")
    for wrong in ("", "x", token[:-1], room.who(token).respondent):  # type: ignore[union-attr]
        assert room.who(wrong) is None
        assert code_of(lambda wrong=wrong: room.save(wrong, [given("goal_1", "4")])) == "E-SEAT"  # type: ignore[misc]


def test_a_workshop_goes_on_with_its_seats_answers_and_form_after_it_was_opened_again(room: Room) -> None:
    token = room.join(CODE, "sales")
    saved(room, token, given("goal_1", "4"))
    room.show_form(KEY, "stages")
    again = Room(open_store(Path(str(room.store.path))))
    again.open(PAGES, 1, "another", "other-key")
    assert again.mine(token, "survey") == {"goal_1": "4"} and again.state()["form"] == "stages"
    assert again.join("ANOTHER", "sales")  # who came before takes no seat away
    assert code_of(lambda: again.counts(KEY, "survey")) == "E-SEAT"
    saved(again, token, given("goal_1", "2"))
    assert len(answers(again.store)["responses"]) == 1


def test_a_room_that_was_not_opened_says_so(tmp_path: Path) -> None:
    room = Room(open_store(tmp_path / "a.sqlite"))
    for act in (room.state, lambda: room.join(CODE, "sales"), lambda: room.save("x", []), lambda: room.undo("x")):
        assert code_of(act) == "E-CLOSED"
    assert room.who("x") is None


# --- answering --------------------------------------------------------------------------------------------------------


def test_an_answer_is_found_again_with_the_day_and_nothing_finer(room: Room) -> None:
    token = room.join(CODE, "sales", "staff")
    saved(room, token, given("goal_1", "4"), given("goal_2", "cannot_say"), given("estimate", "12,5"))
    assert room.mine(token, "survey") == {"goal_1": "4", "goal_2": "cannot_say", "estimate": "12.5"}
    kept = {row.pop("item"): row for row in answers(room.store)["responses"]}
    person = room.who(token).respondent  # type: ignore[union-attr]
    same = {"respondent_id": person, "team": "sales", "role": "staff", "day": date.today().isoformat()}
    assert kept["goal_1"] == {**same, "answer": 4.0, "cannot_say": False}
    assert kept["goal_2"] == {**same, "answer": None, "cannot_say": True}


def test_the_last_answer_to_an_item_stands_and_an_empty_one_takes_it_back(room: Room) -> None:
    token = room.join(CODE, "sales")
    saved(room, token, given("goal_1", "4"), given("goal_1", "2"))
    saved(room, token, given("goal_1", "5"), given("goal_2", "1"))
    assert room.mine(token, "survey") == {"goal_1": "5", "goal_2": "1"}
    saved(room, token, given("goal_1", ""))
    assert room.mine(token, "survey") == {"goal_2": "1"}


def test_a_repeated_save_counts_once_and_a_late_retry_does_not_undo_a_correction(room: Room) -> None:
    token, first, later = room.join(CODE, "sales"), given("goal_1", "4"), given("goal_1", "2")
    for answer in (first, first, later, first, later, first):
        saved(room, token, answer)
    saved(room, token, given("goal_1", ""))
    saved(room, token, first, later)  # also once it was taken back
    assert room.mine(token, "survey") == {}


def test_another_item_and_another_person_replace_nothing(room: Room) -> None:
    for team in ("sales", "sales", "marketing"):
        saved(room, room.join(CODE, team), given("goal_1", "4"), given("goal_2", "4"))
    assert len(answers(room.store)["responses"]) == 6


@pytest.mark.parametrize(
    "bad",
    [
        given("goal_1", "6"), given("goal_1", "no"), given("estimate", "201"), given("estimate", "nan"),
        given("estimate", "-1"), given("goal_99", "4"), given("goal_1", "4", form="nothing"),
        given("goal_1", "4", answer_id="short"), given("goal_1", "4", answer_id="with space"),
        given("asset_1", "x" * 201, form="sorting"), given("asset_1", "a\0b", form="sorting"),
        given("asset_1", "\ud800", form="sorting"), {"id": "answer-1"}, given("goal_1", "4") | {"value": 4}, 7, None,
    ],
)  # fmt: skip
def test_one_bad_answer_is_refused_in_a_sentence_and_the_others_are_saved(room: Room, bad: Any) -> None:
    token, good = room.join(CODE, "sales"), given("goal_2", "3")
    said = room.save(token, [bad, good])
    assert said["saved"] == [good["id"]]
    (refused,) = said["refused"]
    assert refused["why"].endswith(".") and len(refused["id"]) <= 64
    assert room.mine(token, "survey") == {"goal_2": "3"} and answers(room.store)["entries"] == []


def test_an_answer_that_was_refused_can_be_sent_again_once_it_is_right(room: Room) -> None:
    token, answer = room.join(CODE, "sales"), given("goal_1", "6")
    assert why(room, token, answer)
    saved(room, token, answer | {"value": "5"})


def test_points_are_kept_all_together_or_not_at_all(room: Room) -> None:
    token = room.join(CODE, "sales")
    north, south = given("points_North", "60", "focus"), given("points_South", "30", "focus")
    assert "90" in why(room, token, north, south)
    assert why(room, token, north) and room.mine(token, "focus") == {}
    saved(room, token, given("points_North", "60", "focus"), given("points_South", "40", "focus"))
    assert why(room, token, given("points_North", "70", "focus"))
    assert room.mine(token, "focus") == {"points_North": "60", "points_South": "40"}
    saved(room, token, given("points_North", "", "focus"), given("points_South", "", "focus"))
    assert room.mine(token, "focus") == {}


def test_text_that_looks_like_sql_is_only_text(room: Room) -> None:
    nasty = "x'); drop table responses; --"
    token = room.join(CODE, "sales")
    saved(room, token, given("asset_1", nasty, "sorting"))
    assert why(room, token, given(nasty, "4")) and why(room, token, given("goal_1", nasty))
    assert room.mine(token, "sorting") == {"asset_1": nasty}


def test_a_team_shares_its_board_and_sees_no_other_and_the_room_shares_one(room: Room) -> None:
    sales, colleague, marketing = (room.join(CODE, team) for team in ("sales", "sales", "marketing"))
    saved(room, sales, given("label_1", "mql", "stages"), given("asset_1", "keep", "sorting"))
    assert room.mine(marketing, "stages") == {} and room.mine(marketing, "sorting") == {"asset_1": "keep"}
    saved(room, colleague, given("label_1", "sql", "stages"))
    saved(room, marketing, given("asset_1", "fix", "sorting"), given("label_1", "mql", "stages"))
    assert room.mine(sales, "stages") == {"label_1": "sql"} and room.mine(sales, "sorting") == {"asset_1": "fix"}
    entries = answers(room.store)["entries"]
    assert len(entries) == 3 and all(set(e) == {"team", "form", "item", "value", "day"} for e in entries)


def test_the_facilitator_writes_on_the_board_of_the_room_alone(room: Room) -> None:
    saved(room, KEY, given("asset_1", "keep", "sorting"))
    assert "facilitator" in why(room, KEY, given("goal_1", "4"))
    assert "facilitator" in why(room, KEY, given("label_1", "mql", "stages"))
    assert room.mine(KEY, "survey") == {} and room.mine(KEY, "sorting") == {"asset_1": "keep"}


def test_when_saving_stops_half_way_nothing_of_the_call_is_kept(room: Room) -> None:
    token = room.join(CODE, "sales")
    batch = [given("goal_1", "4"), given("asset_1", "keep", "sorting")]
    stop = "create trigger stop before insert on entries begin select raise(abort, 'stopped'); end"
    with sqlite3.connect(str(room.store.path)) as connection:
        connection.execute(stop)
    assert code_of(lambda: room.save(token, batch)) == "E-STORE"
    assert room.mine(token, "survey") == {}
    with sqlite3.connect(str(room.store.path)) as connection:
        connection.execute("drop trigger stop")
    saved(room, token, *batch)  # and its ids were not taken
    assert room.mine(token, "survey") == {"goal_1": "4"} and room.mine(token, "sorting") == {"asset_1": "keep"}


def test_threads_save_side_by_side(room: Room) -> None:
    tokens = [room.join(CODE, "sales") for _ in range(8)]
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda token: [saved(room, token, given(item, "3")) for item in ITEMS[:5]], tokens))
    assert len(answers(room.store)["responses"]) == 40


def test_too_many_answers_at_once_are_refused(room: Room) -> None:
    token = room.join(CODE, "sales")
    assert code_of(lambda: room.save(token, [given("goal_1", "4")] * 501)) == "E-VALUE"


# --- leading ----------------------------------------------------------------------------------------------------------


def test_only_the_facilitator_leads(room: Room) -> None:
    token = room.join(CODE, "sales")
    acts: list[Callable[[str], Any]] = [
        lambda t: room.show_form(t, "focus"), lambda t: room.timer(t, 60), lambda t: room.reveal(t, "survey", {}),
        lambda t: room.release(t, "survey"), lambda t: room.reopen(t, "survey"), lambda t: room.reset(t, "survey"),
        lambda t: room.undo(t), lambda t: room.counts(t, "survey"), lambda t: room.answers(t), lambda t: room.close(t),
    ]  # fmt: skip
    before = room.state()
    assert [code_of(lambda act=act, t=t: act(t)) for act in acts for t in (token, "x")] == ["E-SEAT"] * 20  # type: ignore[misc]
    assert room.state() == before


def test_the_room_shows_one_form_until_a_time(room: Room) -> None:
    assert room.state()["form"] == "survey" and room.state()["until"] is None
    room.timer(KEY, 60)
    assert 0 < room.state()["until"] - time.time() <= 60
    room.show_form(KEY, "sorting")
    said = room.state()
    assert (said["form"], said["until"], said["titles"]["sorting"]) == ("sorting", None, "The form sorting")
    assert code_of(lambda: room.show_form(KEY, "nothing")) == "E-VALUE"
    assert code_of(lambda: room.timer(KEY, float("nan"))) == "E-VALUE"
    assert room.page(KEY, "sorting") == asdict(PAGES["sorting"])


def test_answers_that_waited_are_taken_until_the_form_is_revealed_and_again_once_it_is_reopened(room: Room) -> None:
    token, before = room.join(CODE, "sales"), given("goal_1", "4")
    room.show_form(KEY, "sorting")
    saved(room, token, before)
    room.reveal(KEY, "survey", {"headline": "4 of 5"})
    assert "shown already" in why(room, token, given("goal_1", "1"))
    saved(room, token, before)  # a retry of what was taken in is acknowledged
    assert room.state()["phase"] == "answering" and room.release(KEY, "survey") == {"headline": "4 of 5"}
    room.show_form(KEY, "survey")
    assert (room.state()["phase"], room.state()["round"]) == ("revealed", 1)
    room.reopen(KEY, "survey")
    assert (room.state()["phase"], room.state()["round"]) == ("answering", 2)
    saved(room, token, given("goal_1", "1"))


@pytest.mark.parametrize("form, item, value", [("survey", "goal_1", "4"), ("stages", "label_1", "mql")])
def test_a_reset_takes_a_form_s_answers_away_and_undo_brings_them_back(
    room: Room, form: str, item: str, value: str
) -> None:
    token, other = room.join(CODE, "sales"), room.join(CODE, "marketing")
    for each in (token, other):
        saved(room, each, given(item, value, form), given("asset_1", "keep", "sorting"))
    room.show_form(KEY, form)
    assert room.reset(KEY, form) == 2
    assert room.mine(token, form) == {} and room.mine(token, "sorting") == {"asset_1": "keep"}
    assert room.state()["round"] == 2
    assert room.undo(KEY) == 2 and room.mine(token, form) == room.mine(other, form) == {item: value}
    assert room.state()["round"] == 3 and room.undo(KEY) == 0


def test_undo_leaves_what_was_answered_since_the_reset(room: Room) -> None:
    token, other = room.join(CODE, "sales"), room.join(CODE, "sales")
    for each in (token, other):
        saved(room, each, given("goal_1", "4"), given("goal_2", "4"))
    room.reset(KEY, "survey")
    saved(room, token, given("goal_1", "1"))
    assert room.undo(KEY) == 3
    assert room.mine(token, "survey") == {"goal_1": "1", "goal_2": "4"}
    assert room.mine(other, "survey") == {"goal_1": "4", "goal_2": "4"}


def test_of_two_resets_the_last_is_undone_first(room: Room) -> None:
    token = room.join(CODE, "sales")
    saved(room, token, given("goal_1", "4"), given("label_1", "mql", "stages"))
    room.reset(KEY, "survey")
    room.reset(KEY, "stages")
    room.undo(KEY)
    assert room.mine(token, "stages") == {"label_1": "mql"} and room.mine(token, "survey") == {}
    room.undo(KEY)
    assert room.mine(token, "survey") == {"goal_1": "4"}


def test_s37_the_facilitator_is_told_numbers_by_team_and_nothing_of_a_person(room: Room) -> None:
    two, one, whole = room.join(CODE, "sales"), room.join(CODE, "sales"), room.join(CODE, "marketing")
    room.join(CODE, "marketing")
    for token in (two, one):
        saved(room, token, given("goal_1", "4"))
    saved(room, two, given("goal_2", "cannot_say"))
    saved(room, whole, *(given(item, "3") for item in ITEMS), given("estimate", "7"), given("asset_1", "x", "sorting"))
    assert room.counts(KEY, "survey") == {
        "joined": {"sales": 2, "marketing": 2}, "answered": {"sales": 2, "marketing": 1},
        "finished": {"marketing": 1}, "asked": 31,
    }  # fmt: skip
    assert room.counts(KEY, "sorting") == {
        "joined": {"sales": 2, "marketing": 2}, "filled": {"room": 1}, "asked": 2,
    }  # fmt: skip
    assert room.counts(KEY, "stages")["filled"] == {}


# --- the end ----------------------------------------------------------------------------------------------------------


def test_after_the_end_nobody_can_do_anything_and_the_answers_are_still_there(room: Room) -> None:
    token = room.join(CODE, "sales")
    saved(room, token, given("goal_1", "4"), given("asset_1", "keep", "sorting"))
    room.reveal(KEY, "survey", {"headline": "4 of 5"})
    before = answers(room.store)
    room.close(KEY)
    acts: list[Callable[[], Any]] = [
        lambda: room.join(CODE, "sales"), lambda: room.save(token, [given("goal_1", "1")]),
        lambda: room.mine(token, "survey"), lambda: room.answers(KEY), lambda: room.undo(KEY), lambda: room.close(KEY),
        lambda: room.open(PAGES, 9, CODE, KEY), lambda: room.leave(token), lambda: room.release(KEY, "survey"),
    ]  # fmt: skip
    assert [code_of(act) for act in acts] == ["E-CLOSED"] * len(acts)
    assert room.who(token) is None and room.who(KEY) is None
    assert room.state()["phase"] == "closed" and room.state()["until"] is None
    assert answers(open_store(Path(str(room.store.path)))) == before


# --- properties -------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def long_room(tmp_path_factory: pytest.TempPathFactory) -> Room:
    return opened(open_store(tmp_path_factory.mktemp("long") / "workshop.sqlite"), seats=10_000)


@settings(max_examples=40)
@over(data=st.data())
def test_however_saves_retries_and_corrections_follow_one_another_the_last_correction_stands(
    long_room: Room, data: st.DataObject
) -> None:
    """Two people, two items: what was sent first may come again at any time, alone or with others."""
    tokens = [long_room.join(CODE, team) for team in ("sales", "marketing")]
    sent: list[list[dict[str, str]]] = [[], []]
    stands: list[dict[str, str]] = [{}, {}]
    for _ in range(data.draw(st.integers(1, 8))):
        who = data.draw(st.integers(0, 1))
        old = data.draw(st.lists(st.sampled_from(sent[who]), max_size=3)) if sent[who] else []
        if data.draw(st.booleans()) or not old:
            new = given(data.draw(st.sampled_from(ITEMS[:2])), data.draw(st.sampled_from(["1", "5", "cannot_say", ""])))
            sent[who].append(new)
            stands[who][new["item"]] = new["value"]
            old.insert(data.draw(st.integers(0, len(old))), new)
        said = long_room.save(tokens[who], old)
        assert set(said["saved"]) == {each["id"] for each in old} and said["refused"] == []
    for token, expected in zip(tokens, stands, strict=True):
        assert long_room.mine(token, "survey") == {item: value for item, value in expected.items() if value}


# --- nobody is found again --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("rounds", "people"), [(40, 12), pytest.param(200, 60, marks=pytest.mark.trust)])
def test_s35_no_order_in_the_store_tells_who_answered(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, rounds: int, people: int
) -> None:
    """Somebody noted who joined and answered when, and gets the file: matching the orders does no better than chance.

    Each round is a workshop; every attack guesses one seat or answer for each person. On a store whose ids count up,
    the same attacks find everybody.
    """
    chance = _seeded(monkeypatch)
    hits: dict[str, int] = {}
    for at in range(rounds):
        file = tmp_path / f"{at}.sqlite"
        room, order = _attended(file, people, [str(UUID(int=chance.getrandbits(128))) for _ in range(people)])
        for attack, found in {**_attack(file), **_attack_closed(room, file)}.items():
            hits[attack] = hits.get(attack, 0) + sum(
                a == b for a, b in zip(order[attack.split(",")[0]], found, strict=True)
            )
        file.unlink()
    limit = stats.binom.isf(0.001, rounds * people, 1 / people)
    assert len(hits) >= 9 and {attack: n for attack, n in hits.items() if n > limit} == {}
    room, order = _attended(tmp_path / "leaks.sqlite", people, [f"{at:08d}" for at in range(people)])
    leaked = _attack(tmp_path / "leaks.sqlite")
    assert leaked["people, by answer_id"] == leaked["people, as they lie"] == order["people"]


def _seeded(monkeypatch: pytest.MonkeyPatch) -> random.Random:
    """All chance of the store from one seed, and no waiting for a disk: the figures are the same every time."""
    chance = random.Random(35)
    monkeypatch.setattr(room_module.secrets, "token_urlsafe", lambda n: f"{chance.getrandbits(8 * n):x}")
    monkeypatch.setattr(room_module.secrets, "token_hex", lambda n: chance.randbytes(n).hex())
    monkeypatch.setattr(store_module.secrets, "SystemRandom", lambda: chance)
    monkeypatch.setattr(store_module.uuid, "uuid4", lambda: UUID(int=chance.getrandbits(128), version=4))
    connect = store_module._connect

    def quick(path: Path) -> sqlite3.Connection:
        connection = connect(path)
        connection.execute("pragma synchronous=off")
        return connection

    monkeypatch.setattr(store_module, "_connect", quick)
    return chance


def _attended(file: Path, people: int, ids: list[str]) -> tuple[Room, dict[str, list[str]]]:
    """A workshop in which each joins and then each answers; in which order their seats and codes came to be."""
    room = opened(open_store(file))
    tokens = [room.join(CODE, "sales") for _ in range(people)]
    for token, answer_id in zip(tokens, ids, strict=True):
        room.save(token, [given("goal_1", "3", answer_id=answer_id)])
    codes = [room.who(token).respondent for token in tokens]  # type: ignore[union-attr]
    return room, {"people": codes, "seats": [room_module._hash(token) for token in tokens]}


def _attack(file: Path) -> dict[str, list[str]]:
    """In which orders does the open store show seats and people to whoever can ask it?"""
    asked = {
        "people, as they lie": "select respondent_id, day from responses",
        "people, by answer_id": "select respondent_id from responses order by answer_id",
        "people, by code": "select respondent_id from responses order by respondent_id",
        "people, by day": "select respondent_id from responses order by day, item, answer",
        "seats, as they lie": "select seat_hash from seats",
        "seats, by hash": "select seat_hash from seats order by seat_hash desc",
    }
    with sqlite3.connect(file) as connection:
        return {attack: [row[0] for row in connection.execute(query)] for attack, query in asked.items()}


def _attack_closed(room: Room, file: Path) -> dict[str, list[str]]:
    """And once it is closed, to whoever has the bytes?"""
    room.close(KEY)
    room.store.engine.dispose()
    codes = sorted({row["respondent_id"] for row in answers(room.store)["responses"]})
    room.store.engine.dispose()
    data = file.read_bytes()
    by_place = sorted(codes, key=lambda code: data.index(code.encode()))
    closed = {f"{attack}, closed": found for attack, found in _attack(file).items() if attack.startswith("people")}
    return {**closed, "people, by place": by_place, "people, by place from behind": by_place[::-1]}
