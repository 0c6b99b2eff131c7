"""Where does an answer go? One person's under their code, one of a board under its team; the last one stands."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

import sqlalchemy as sa

from alignlib.workshop.pages import CANNOT_SAY, Page, number_of
from alignlib.workshop.store import ENTRIES, RESPONSES, TAKEN

ROOM = "room"
LONGEST = 2000  # characters of one answer; a page allows far fewer
_ID = re.compile(r"[A-Za-z0-9-]{8,64}")
_UNKEPT = re.compile("[\0\ud800-\udfff]")  # NUL, and half a character: no database takes them
_FIELDS = ("id", "form", "item", "value")
Answer = Mapping[str, str]  # id (made once by the page, kept through every retry), form, item, value


@dataclass(frozen=True)
class Seat:
    """Whose token is this: a person's, of whom nothing but team, role and a code is known, or the facilitator's?"""

    team: str
    role: str | None
    respondent: str
    is_facilitator: bool = False

    def own(self, page: Page) -> dict[str, str]:
        """Which values mark the rows of a page that they may write and read?"""
        if page.scope == "person":
            return {"respondent_id": self.respondent}
        return {"team": ROOM if page.scope == "room" else self.team, "form": page.form}


def is_answer(given: Any) -> bool:
    """Does this hold an id, a form, an item and a value, of a size that a page makes?"""
    if not isinstance(given, Mapping):
        return False
    texts = [given.get(field) for field in _FIELDS]
    are_kept = all(isinstance(text, str) and len(text) <= LONGEST and not _UNKEPT.search(text) for text in texts)
    return are_kept and bool(_ID.fullmatch(given["id"]))


def rows_of(page: Page) -> tuple[sa.Table, sa.ColumnElement[bool]]:
    """In which table do the answers to a page lie, and which rows are they?"""
    if page.scope == "person":
        return RESPONSES, RESPONSES.c.item.in_(list(page.questions))
    return ENTRIES, sa.and_(ENTRIES.c.form == page.form, ENTRIES.c.item.in_(list(page.questions)))


def mine(connection: sa.Connection, seat: Seat, page: Page) -> dict[str, str]:
    """What has this person answered to the page, or what stands on their board? {item: value}"""
    table, which = rows_of(page)
    rows = connection.execute(sa.select(table).where(which).filter_by(**seat.own(page))).mappings()
    if page.scope != "person":
        return {row["item"]: row["value"] for row in rows}
    return {row["item"]: CANNOT_SAY if row["cannot_say"] else f"{row['answer']:.10g}" for row in rows}


def write(connection: sa.Connection, seat: Seat, page: Page, given: Sequence[Answer]) -> None:
    """Which answer stands now? In place of the earlier one to the same thing; of several the last, no empty one."""
    if not given:
        return
    connection.execute(sa.insert(TAKEN), [{"answer_id": answer["id"]} for answer in given])
    table, own = rows_of(page)[0], seat.own(page)
    last = {answer["item"]: answer for answer in given}
    connection.execute(sa.delete(table).filter_by(**own).where(table.c.item.in_(list(last))))
    rows = []
    for item, answer in last.items():
        row: dict[str, Any] = {"answer_id": answer["id"], "item": item, "day": date.today(), **own}
        if page.scope == "person":
            number = number_of(answer["value"])
            row |= {"team": seat.team, "role": seat.role, "answer": number, "cannot_say": number is None}
        else:
            row["value"] = answer["value"]
        rows += [row] if answer["value"] else []
    if rows:
        connection.execute(sa.insert(table), rows)
