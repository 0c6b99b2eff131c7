"""What may be done in the room, and by whom: join, answer, correct; with the facilitator's key, lead through it."""

import hashlib
import hmac
import json
import re
import secrets
import time
import uuid
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from datetime import date
from functools import lru_cache
from math import isfinite
from typing import Any, NoReturn

import sqlalchemy as sa

from alignlib.errors import AlignError, Problem
from alignlib.words import TEAM_NAMES
from alignlib.workshop.answering import ROOM, Answer, Seat, is_answer, mine, rows_of, write
from alignlib.workshop.pages import Page, listed_titles, page_of, refusals
from alignlib.workshop.store import CLEARED, ENTRIES, KEPT, RESPONSES, SEATS, TAKEN, Store, close_store, keep, kept
from alignlib.workshop.store import answers as all_answers

ROLES = ("leader", "staff")
MOST = 500  # answers in one save
_ANSWERING, _REVEALED = "answering", "revealed"


def kept_pages(store: Store) -> dict[str, Page]:
    """What was asked in this store's workshop, by form? For the one who owns the store: also after it was closed."""
    with store.reading() as connection:
        titles = (kept(connection, "state") or {"titles": {}})["titles"]
        return {form: page_of(kept(connection, f"page:{form}")) for form in titles}


@dataclass(frozen=True)
class Room:
    """What is kept in this store, and what may be done with it?

    Every method that changes something has it on disk when it returns, and raises AlignError otherwise: E-SEAT (a code,
    token or key that is none of this workshop), E-FULL, E-VALUE, E-CLOSED (not open yet, or closed for good), E-STORE.
    """

    store: Store

    def open(self, pages: Mapping[str, Page], seats: int, code: str, facilitator: str) -> None:
        """Who may come in from now on, and what are they asked? Begins a workshop or goes on with it: answers, seats
        and the form shown stay. Codes and keys are kept as hashes alone.
        """
        with self.store.writing() as connection:
            state = kept(connection, "state") or {"form": "", "until": None, "forms": {}, "is_closed": False}
            _still_open(state)
            connection.execute(sa.delete(KEPT).where(KEPT.c.name.like("page:%")))
            for form, page in pages.items():
                keep(connection, f"page:{form}", asdict(page))
            begun = {"phase": _ANSWERING, "round": 1}
            keep(connection, "state", {
                **state, "form": state["form"] if state["form"] in pages else next(iter(pages)),
                "forms": {form: state["forms"].get(form, begun) for form in pages},
                "titles": listed_titles(pages),
            })  # fmt: skip
            keep(connection, "seats_limit", seats + _taken_seats(connection))  # who came before takes none away
            keep(connection, "code", _hash(_plain(code)))
            keep(connection, "facilitator", _hash(facilitator))
            if not kept(connection, "link_key"):
                keep(connection, "link_key", secrets.token_hex(32))

    def join(self, code: str, team: str, role: str | None = None) -> str:
        """Which token is the new seat's? Only its holder has it: the store keeps a hash, without a time."""
        with self.store.writing() as connection:
            _still_open(kept(connection, "state"))
            if not hmac.compare_digest(_hash(_plain(code)), kept(connection, "code")):
                _refuse("E-SEAT", "this is not the code of the room", "read it again from the wall")
            if team not in TEAM_NAMES or role not in (None, *ROLES):
                _refuse("E-VALUE", "a seat needs a team", "choose Sales or Marketing")
            if _taken_seats(connection) >= kept(connection, "seats_limit"):
                _refuse("E-FULL", "all seats are taken", "ask the facilitator for a seat")
            token = secrets.token_urlsafe(24)
            connection.execute(sa.insert(SEATS).values(seat_hash=_hash(token), team=team, role=role, has_left=False))
        return token

    def leave(self, token: str) -> None:
        """Is this seat free for the next person? From now on; what was answered stays, and the token opens nothing."""
        with self.store.writing() as connection:
            _known(connection, token)
            connection.execute(sa.update(SEATS).where(SEATS.c.seat_hash == _hash(token)).values(has_left=True))

    def who(self, token: str) -> Seat | None:
        """Whose token is this? None: nobody's, or the workshop is closed."""
        with self.store.reading() as connection:
            return _seat(connection, token)

    def state(self) -> dict[str, Any]:
        """What does the room show now, is it answered or read, and until when (seconds since 1970)?

        ``round`` grows whenever answers to the form were taken away or brought back, or it was opened again.
        """
        with self.store.reading() as connection:
            state = kept(connection, "state")
        if not state:
            _still_open(state)
        now = state["forms"].get(state["form"], {"phase": _ANSWERING, "round": 1})
        phase = "closed" if state.get("is_closed") else now["phase"]
        said = {"form": state["form"], "phase": phase, "round": now["round"]}
        return {**said, "until": state.get("until"), "titles": state["titles"]}

    def page(self, token: str, form: str) -> dict[str, Any]:
        """What does this form ask? As plain values: ``pages.page_of`` reads them."""
        with self.store.reading() as connection:
            _known(connection, token)
            return asdict(_page(connection, form))

    def mine(self, token: str, form: str) -> dict[str, str]:
        """What has this person answered to the form, or what stands on their board? {item: value}"""
        with self.store.reading() as connection:
            return mine(connection, _known(connection, token), _page(connection, form))

    def save(self, token: str, answers: Sequence[Answer]) -> dict[str, list[Any]]:
        """Which of these answers are on disk now, and which cannot be taken, and why? All that can be, in one step.

        An id counts once: the same call may be repeated until it is acknowledged, also after a correction, which it
        does not undo. The last of several answers to one thing stands; an empty value takes an answer back.
        """
        if len(answers) > MOST:
            _refuse("E-VALUE", f"at most {MOST} answers can be saved at once", "save them in parts")
        given = {answer["id"]: answer for answer in answers if is_answer(answer)}
        with self.store.writing() as connection:
            seat, state = _known(connection, token), kept(connection, "state")
            known = sa.select(TAKEN.c.answer_id).where(TAKEN.c.answer_id.in_(list(given)))
            late = set(connection.execute(known).scalars())
            whys: dict[str, str] = {}
            for form in dict.fromkeys(answer["form"] for answer in given.values()):
                fresh = [each for each in given.values() if each["form"] == form and each["id"] not in late]
                page, why = _open_page(connection, seat, state, form)
                refused = dict.fromkeys((each["item"] for each in fresh), why)
                if page:
                    refused = refusals(page, {each["item"]: each["value"] for each in fresh})
                    write(connection, seat, page, [each for each in fresh if each["item"] not in refused])
                whys |= {each["id"]: refused[each["item"]] for each in fresh if each["item"] in refused}
        whys |= {_id_of(answer): "This is no answer." for answer in answers if not is_answer(answer)}
        saved = [answer_id for answer_id in given if answer_id not in whys]
        return {"saved": saved, "refused": [{"id": answer_id, "why": why} for answer_id, why in whys.items()]}

    # --- the facilitator ----------------------------------------------------------------------------------------------

    def show_form(self, token: str, form: str) -> None:
        """Which form is before the room? This one, without a timer."""
        with self._leading(token) as (connection, state):
            _page(connection, form)
            keep(connection, "state", state | {"form": form, "until": None})

    def timer(self, token: str, seconds: float) -> None:
        """Until when is there time? For so many seconds from now; with 0 there is no timer."""
        if not (isfinite(seconds) and 0 <= seconds <= 86_400):
            _refuse("E-VALUE", "a timer runs for a day at most", "give seconds")
        with self._leading(token) as (connection, state):
            keep(connection, "state", state | {"until": time.time() + seconds if seconds else None})

    def reveal(self, token: str, form: str, result_json: Any) -> None:
        """What does the room see of this form? This result (JSON); its answers stay as they are until reopened."""
        with self._leading(token) as (connection, state):
            _page(connection, form)
            keep(connection, f"release:{form}", result_json)
            _turn(connection, state, form, _REVEALED, 0)

    def release(self, token: str, form: str) -> Any:
        """Which result was revealed last for this form? None when none was."""
        with self.store.reading() as connection:
            _facilitator(connection, token)
            return kept(connection, f"release:{form}")

    def reopen(self, token: str, form: str) -> None:
        """May this form be answered again? From now on."""
        with self._leading(token) as (connection, state):
            _page(connection, form)
            _turn(connection, state, form, _ANSWERING, 1)

    def reset(self, token: str, form: str) -> int:
        """How many answers to this form were taken away? ``undo`` brings back those of the last reset.

        An answer of a person is to an item: one that another form asks as well is taken away there, too.
        """
        with self._leading(token) as (connection, state):
            page = _page(connection, form)
            table, which = rows_of(page)
            rows = list(connection.execute(sa.select(table).where(which)).mappings())
            batch = (connection.execute(sa.select(sa.func.max(CLEARED.c.batch))).scalar() or 0) + 1
            away = [{"id": str(uuid.uuid4()), "batch": batch, "held_in": table.name, "row": json.dumps(
                {**row, "form": form, "day": row["day"].isoformat()})} for row in rows]  # fmt: skip
            if away:
                connection.execute(sa.insert(CLEARED), away)
            connection.execute(sa.delete(table).where(which))
            _turn(connection, state, form, _ANSWERING, 1)
        return len(rows)

    def undo(self, token: str) -> int:
        """How many answers did the last reset take away that stand again now? Whatever was answered since stays."""
        with self._leading(token) as (connection, state):
            last = sa.select(sa.func.max(CLEARED.c.batch)).scalar_subquery()
            away = list(connection.execute(sa.select(CLEARED).where(CLEARED.c.batch == last)).mappings())
            connection.execute(sa.delete(CLEARED).where(CLEARED.c.batch == last))
            back = sum(_bring_back(connection, each["held_in"], json.loads(each["row"])) for each in away)
            for form in {json.loads(each["row"])["form"] for each in away} & set(state["forms"]):
                _turn(connection, state, form, state["forms"][form]["phase"], 1)
        return back

    def counts(self, token: str, form: str) -> dict[str, Any]:
        """How many have joined, answered, finished, by team? Raw: whoever shows them withholds small ones.

        Of a board: how many entries stand on it (``filled``). A team is absent where nobody did.
        """
        with self.store.reading() as connection:
            _facilitator(connection, token)
            page = _page(connection, form)
            joined = connection.execute(sa.select(SEATS.c.team, sa.func.count()).group_by(SEATS.c.team)).all()
            table, which = rows_of(page)
            by = (table.c.team, table.c.respondent_id) if page.scope == "person" else (table.c.team,)
            given = connection.execute(sa.select(table.c.team, sa.func.count()).where(which).group_by(*by)).all()
        counted: dict[str, Any] = {"joined": dict(joined), "asked": len(page.questions)}
        if page.scope != "person":
            return counted | {"filled": dict(given)}
        finished = Counter(team for team, n in given if n == counted["asked"])
        return counted | {"answered": Counter(team for team, _ in given), "finished": finished}

    def answers(self, token: str) -> dict[str, list[dict[str, Any]]]:
        """What was answered? For the facilitator's own kernel, which shows groups alone; see ``store.answers``."""
        with self.store.reading() as connection:
            _facilitator(connection, token)
        return all_answers(self.store)

    def close(self, token: str) -> dict[str, list[str]]:
        """What was destroyed, and how was that proved? Then nobody can join, answer or lead any more."""
        with self.store.reading() as connection:
            _facilitator(connection, token)
        return close_store(self.store)

    @contextmanager
    def _leading(self, token: str) -> Iterator[tuple[sa.Connection, dict[str, Any]]]:
        with self.store.writing() as connection:
            _facilitator(connection, token)
            yield connection, kept(connection, "state")


def _seat(connection: sa.Connection, token: str) -> Seat | None:
    state = kept(connection, "state")
    if not state or state.get("is_closed"):
        return None
    seat_hash, link_key = _hash(token), kept(connection, "link_key")
    if hmac.compare_digest(seat_hash, kept(connection, "facilitator")):
        return Seat("", None, "", is_facilitator=True)
    here = sa.select(SEATS.c.team, SEATS.c.role).filter_by(seat_hash=seat_hash, has_left=False)
    found = connection.execute(here).first()
    code = hmac.new(bytes.fromhex(link_key), token.encode(), hashlib.sha256).hexdigest()[:16]
    return Seat(found.team, found.role, code) if found else None


def _taken_seats(connection: sa.Connection) -> int:
    return connection.execute(sa.select(sa.func.count()).select_from(SEATS).filter_by(has_left=False)).scalar_one()


def _known(connection: sa.Connection, token: str) -> Seat:
    if seat := _seat(connection, token):
        return seat
    _still_open(kept(connection, "state"))
    _refuse("E-SEAT", "this seat is not one of this workshop", "join again with the code on the wall")


def _facilitator(connection: sa.Connection, token: str) -> None:
    if not _known(connection, token).is_facilitator:
        _refuse("E-SEAT", "only the facilitator may do this", "open the address that the workshop printed for them")


def _still_open(state: Mapping[str, Any] | None) -> None:
    if not state:
        _refuse("E-CLOSED", "the workshop is not open yet", "start it first")
    if state.get("is_closed"):
        _refuse("E-CLOSED", "the workshop was closed for good", "another begins when its command is given again")


def _page(connection: sa.Connection, form: str) -> Page:
    text = connection.execute(sa.select(KEPT.c.value).where(KEPT.c.name == f"page:{form}")).scalar()
    if not text:
        _refuse("E-VALUE", "there is no such form here", "choose one that is listed")
    return _read_page(text)


@lru_cache(maxsize=32)
def _read_page(text: str) -> Page:
    return page_of(json.loads(text))


def _open_page(connection: sa.Connection, seat: Seat, state: Mapping[str, Any], form: str) -> tuple[Page | None, str]:
    """To which page can be saved now? None, and why not."""
    if form not in state["forms"]:
        return None, "This form is not part of the workshop."
    if state["forms"][form]["phase"] == _REVEALED:
        return None, "The answers to this form were shown already: it takes no more."
    page = _page(connection, form)
    if seat.is_facilitator and page.scope != ROOM:
        return None, "The facilitator does not answer this form."
    return page, ""


def _id_of(answer: Any) -> str:
    return str(answer.get("id", ""))[:64] if isinstance(answer, Mapping) else ""


def _bring_back(connection: sa.Connection, held_in: str, row: dict[str, Any]) -> bool:
    """Does a row that a reset took away stand again? Not where something newer stands in its place."""
    table = RESPONSES if held_in == RESPONSES.name else ENTRIES
    keys = ("respondent_id", "item") if table is RESPONSES else ("team", "form", "item")
    if connection.execute(sa.select(table.c.item).filter_by(**{key: row[key] for key in keys})).first():
        return False
    values = {column.name: row[column.name] for column in table.columns}
    connection.execute(sa.insert(table).values(values | {"day": date.fromisoformat(row["day"])}))
    return True


def _turn(connection: sa.Connection, state: dict[str, Any], form: str, phase: str, rounds: int) -> None:
    """The form's phase from now on; the timer of the form that is shown ends with it."""
    now = {"phase": phase, "round": state["forms"][form]["round"] + rounds}
    until = None if form == state["form"] else state["until"]
    state |= {"forms": {**state["forms"], form: now}, "until": until}
    keep(connection, "state", state)


def _plain(code: str) -> str:
    return re.sub(r"[\W_]", "", code).upper()


def _hash(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()


def _refuse(code: str, what: str, fix: str) -> NoReturn:
    raise AlignError(Problem(code, what, fix=fix))
