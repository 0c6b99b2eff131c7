"""A small workshop for tests: four forms of the four kinds of question, on boards and by person."""

import itertools
from collections.abc import Mapping, Sequence
from typing import Any

from alignlib.workshop.pages import CANNOT_SAY, Page, Question, Section
from alignlib.workshop.room import Room
from alignlib.workshop.store import Store

CODE, KEY = "ROOM-4711", "the-key-of-the-facilitator"
SCALE = (*((str(at), f"label {at}") for at in range(1, 6)), (CANNOT_SAY, "Cannot say"))
STAGES = (("mql", "Marketing qualified"), ("sql", "Sales qualified"))


def page(form: str, scope: Any, *questions: Question) -> Page:
    return Page(form, f"The form {form}", "An introduction", scope, (Section("A part", "How", questions),))


ITEMS = [f"goal_{at}" for at in range(1, 31)]
PAGES: dict[str, Page] = {
    "survey": page("survey", "person", *(Question(item, f"About {item}", "choice", SCALE) for item in ITEMS),
                   Question("estimate", "How many?", "number", high=200)),
    "focus": page("focus", "person", *(Question(f"points_{each}", each, "points", high=100, is_whole=True)
                                       for each in ("North", "South"))),
    "stages": page("stages", "team", Question("label_1", "New", "choice", STAGES)),
    "sorting": page("sorting", "room", Question("asset_1", "Deck", "words"), Question("asset_2", "Case", "words")),
}  # fmt: skip
_numbers = itertools.count(1)


def given(item: str, value: str, form: str = "survey", answer_id: str = "") -> dict[str, str]:
    """One answer as a page sends it, under an id of its own."""
    return {"id": answer_id or f"answer-{next(_numbers):08d}", "form": form, "item": item, "value": value}


def opened(store: Store, seats: int = 100, pages: Mapping[str, Page] = PAGES) -> Room:
    room = Room(store)
    room.open(pages, seats, CODE, KEY)
    return room


def saved(room: Room, token: str, *answers: dict[str, str]) -> None:
    """Saves these, all of which must be taken."""
    said = room.save(token, answers)
    assert said == {"saved": [answer["id"] for answer in answers], "refused": []}


def values(rows: Sequence[Mapping[str, Any]]) -> list[tuple[str, float | None]]:
    return sorted((row["item"], row["answer"]) for row in rows)
