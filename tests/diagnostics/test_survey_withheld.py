"""S34: of a team below the smallest group nothing is told at all: whoever is in it, whatever they say, nothing changes.

Every file that leaves the house is made of the record alone, and equal records make equal bytes (tests/report): what
the record does not tell, no cell, tooltip, picture, alternative text or note of any format can tell.
"""

from collections.abc import Callable, Iterator
from random import Random
from typing import Any

import pytest

from alignlib.diagnostics import survey
from alignlib.engagement import Settings
from alignlib.instrument import POINTS, read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import to_json

Make = Callable[..., Tables]
ITEMS = [item for item in read_instrument().items.values() if item.kind not in ("points", "comment")]
SETTINGS = Settings.model_validate({
    "version": 1, "client": "By hand", "period": {"start": "2025-01-01", "end": "2025-12-31"}, "as_of": "2026-01-31",
    "currency": "EUR", "timezone": "UTC", "teams": {"sales": {"invited": 14}, "marketing": {"invited": 9}},
    "thresholds": {"survey_gap": 0.8, "mirror_gap": 0.5, "ownerless_rules": 0.3},
})  # fmt: skip


def person(team: str, number: int, chance: Random) -> Iterator[dict[str, Any]]:
    """What does one person say to nearly everything that is asked: an answer to an item, points over two segments?"""
    who = {"respondent_id": f"{team}{number}", "team": team, "role": "staff" if number % 2 else "leader"}
    for item in ITEMS:
        answer = chance.randint(int(item.low), int(item.high)) if chance.random() < 0.9 else None
        yield who | {"item": item.item, "answer": answer, "cannot_say": answer is None}
    points = chance.randint(0, 100)
    for segment, given in (("Retail", points), ("Energy", 100 - points)):
        yield who | {"item": f"{POINTS}{segment}", "answer": given, "cannot_say": False}


def told(make_tables: Make, few: int, seed: int) -> str:
    """The record of twelve people of Sales, always the same, and so few of Marketing."""
    always, other = Random(1), Random(seed)
    rows = [row for n in range(12) for row in person("sales", n, always)]
    rows += [row for n in range(few) for row in person("marketing", n, other)]
    return to_json(survey.diagnose(make_tables({"responses": rows}), SETTINGS))


def test_S34_one_to_four_people_change_nothing_whatever_they_answer(make_tables: Make) -> None:
    records = {told(make_tables, few, seed) for few in (1, 2, 3, 4) for seed in (2, 3)}
    assert len(records) == 1
    (record,) = records
    assert "Marketing withheld: fewer than five answered" in record and '"marketing_n": null' in record


@pytest.mark.parametrize("few", [5, 9, 12])
def test_five_people_and_more_are_told(few: int, make_tables: Make) -> None:
    assert f'"marketing_n": {few}' in told(make_tables, few, 2)
    assert told(make_tables, few, 2) != told(make_tables, few, 3)
