"""The facilitator's wall: leads the room from form to form, and shows what a form says once it is revealed."""

import os
import secrets
import time
from collections import deque
from collections.abc import Callable, Mapping
from functools import cached_property, partial
from pathlib import Path
from threading import Thread
from typing import Any

import anywidget
import traitlets

from alignlib.disclosure import ReleaseLog, count_text
from alignlib.engagement import Settings
from alignlib.errors import AlignError, Problem
from alignlib.release import published, shown_on_wall
from alignlib.resources import plays
from alignlib.result import Result
from alignlib.words import TEAM_NAMES, capital, listed, number, of, spelled
from alignlib.workshop import reveal as reveals
from alignlib.workshop.form import page_words
from alignlib.workshop.pages import Page, page_of, settings_of
from alignlib.workshop.seat import CODE, ENGAGEMENT, seat

# Whose exercise a form is: its minutes are offered on the timer.
PLAYS = {"sorting": "P13", "stages": "P3", "relay-board": "P5", "promises": "P4", "metrics": "P11", "focus": "P1"}
SURVEY_MINUTES, SHORT_MINUTES = 10, 5
_BESIDE = Path(__file__).parent


class WallWidget(anywidget.AnyWidget):
    """What stands on the wall, and what does the facilitator do there? Nobody sees answers before they are revealed.

    From the page: ``{"ping": n}``, ``{"at": its own address}`` once, ``{"do": name, **given}``. To the page:
    ``{"pong": n, "now": seconds}`` with ``away`` or ``gone``, and ``{"said": sentence, "is_fault": bool}``. What takes
    long runs beside; its word comes with a later ping.
    """

    _esm = "\n".join((_BESIDE / name).read_text(encoding="utf-8") for name in ("link.js", "wall.js"))
    _css = "\n".join((_BESIDE / name).read_text(encoding="utf-8") for name in ("form.css", "wall.css"))
    view = traitlets.Dict().tag(sync=True)  # the form before the room, who is how far, what can be done
    shown = traitlets.Dict().tag(sync=True)  # what was revealed of it: {form, title, views, complaints}
    words = traitlets.Dict().tag(sync=True)
    picture = traitlets.Unicode().tag(sync=True)  # by which a phone's camera finds the room

    def __init__(self, held: Any, words: dict[str, Any], settings: Settings, engagement: Path | None) -> None:
        super().__init__(words=words)
        self._held, self._settings, self._engagement = held, settings, engagement
        self._key = held.facilitator or held.token
        self._frozen: dict[str, reveals.Frozen] = {}  # what was revealed, by form
        self._pages: dict[str, Page] = {}
        self._busy, self._said = "", deque[dict[str, Any]]()  # also filled by what runs beside
        self._drawn: tuple[Any, ...] = ()
        self.on_msg(lambda _, heard, __: [self.send(said) for said in self.hear(heard)])
        self.hear({"ping": 0})

    def hear(self, heard: Mapping[str, Any]) -> list[dict[str, Any]]:
        """What is said to one message of the page? A request that is refused gets its sentence, and changes nothing."""
        pong: dict[str, Any] = {"pong": heard["ping"], "now": time.time()} if "ping" in heard else {}
        if "do" in heard:
            self._do(heard)
        if "at" in heard:
            self.picture = _picture(f"{heard['at']}/?code={os.environ.get(CODE, '')}")
        try:
            self._look()
        except AlignError as error:
            pong |= {"gone" if error.problems[0].code == "E-SEAT" else "away": True} if pong else {}
        said = [pong] if pong else []
        while self._said:
            said.append(self._said.popleft())
        return said

    # --- what is asked of it

    def _do(self, heard: Mapping[str, Any]) -> None:
        given = {name: value for name, value in heard.items() if name != "do"}
        asked: dict[str, Callable[..., str]] = {
            "show_form": partial(self._tell, "show_form", "said_shown"), "timer": self._timer,
            "reopen": partial(self._tell, "reopen", "said_reopened"), "undo": self._undo, "close": self._close,
            "reset": partial(self._tell, "reset", "said_cleared"), "what_if": self._what_if,
        }  # fmt: skip
        beside: dict[str, Callable[..., str]] = {
            "reveal": self._reveal, "docket": self._docket, "snapshot": self._snapshot,
        }  # fmt: skip
        name = str(heard["do"])
        if self._busy:
            self._say(self.words["busy"], is_fault=True)
        elif name in asked:
            self._try(partial(asked[name], **given))
        elif name in beside:
            self._busy = name
            Thread(target=self._try, args=(partial(beside[name], **given),), daemon=True).start()

    def _try(self, act: Callable[[], str]) -> None:
        try:
            self._say(act(), is_fault=False)
        except AlignError as error:
            problem = error.problems[0]
            said = (" ".join(filter(None, [problem.where, problem.what])), problem.fix)
            self._say(" ".join(f"{capital(each).rstrip('.')}." for each in said if each), is_fault=True)
        except Exception as error:  # noqa: BLE001  a thread that dies in silence would leave the wall waiting
            self._say(self.words["fault"].format(what=type(error).__name__), is_fault=True)
        finally:
            self._busy = ""

    def _say(self, said: str, is_fault: bool) -> None:
        self._said.append({"said": said, "is_fault": is_fault})

    def _ask(self, do: str, **given: Any) -> Any:
        return self._held.ask(do, token=self._key, **given)

    def _tell(self, do: str, said: str, form: str) -> str:
        self._ask(do, form=form)  # how many answers it touched could tell of a small group
        return str(self.words[said])

    def _timer(self, seconds: float) -> str:
        self._ask("timer", seconds=seconds)
        return str(self.words["said_timer" if seconds else "said_no_timer"])

    def _undo(self) -> str:
        return str(self.words["said_undone" if self._ask("undo") else "said_nothing"])

    def _close(self) -> str:
        proof = self._ask("close")
        destroyed = self.words["destroyed"].format(what=listed(proof["destroyed"]))
        return "\n".join([self.words["said_closed"], destroyed, *proof["proved"], *proof["left"]])

    def _what_if(self, form: str, rates: dict[str, float], days: dict[str, float]) -> str:
        result = Result.model_validate(self._release(form)["docket"])
        told = reveals.brings(result, rates, days, self._settings.currency)
        return str(self.words["said_what_if"].format(months=reveals.MONTHS, **told))

    # --- what takes longer, beside

    def _reveal(self, form: str) -> str:
        """Ends answering first, so that what is shown is what is kept. When it cannot be shown, what was shown of the
        form before stays; without that it is opened again.
        """
        page, before = self._page(form), self._release(form)
        self._ask("reveal", form=form, result_json=before)
        try:
            frozen = reveals.reveal(
                page, self._ask("answers"), self._settings, self._secret, self._revealed(but=form), self._earlier()
            )
            if self._engagement:
                for log in reveals.logs([frozen]):
                    shown_on_wall(self._engagement, log)
        except BaseException:
            if not before:
                self._ask("reopen", form=form)
            raise
        self._ask("reveal", form=form, result_json=frozen)
        self._frozen[form] = frozen
        return str(self.words["said_revealed"])

    def _docket(self) -> str:
        if not self._engagement or not self.view["can_docket"]:
            raise AlignError(Problem("E-USE", self.words["no_docket"]))
        form = self.view["form"]
        result = reveals.docket(
            self._engagement, self._ask("answers"), [self._page(form)], self._secret, self._earlier()
        )
        frozen = {**self._release(form), "docket": result.model_dump(mode="json")}
        self._ask("reveal", form=form, result_json=frozen)
        self._frozen[form] = frozen
        return str(self.words["said_docket"])

    def _snapshot(self) -> str:
        from alignlib.workshop.tables import take_in

        if not self._engagement:
            raise AlignError(Problem("E-USE", self.words["no_engagement"]))
        pages = {form: self._page(form) for form in self.view["titles"]}
        told = take_in(self._engagement, self._ask("answers"), pages)
        return "\n".join([*told, self.words["said_snapshot"].format(folder=self._engagement.name)])

    @cached_property
    def _secret(self) -> bytes:
        """Under which secret are people told apart in what is kept of a reveal? The engagement's, outside the store."""
        from alignlib.intake.snapshot import engagement_secret

        return engagement_secret(self._engagement) if self._engagement else secrets.token_bytes(32)

    def _page(self, form: str) -> Page:
        if form not in self._pages:
            self._pages[form] = page_of(self._ask("page", form=form))
        return self._pages[form]

    def _release(self, form: str) -> reveals.Frozen:
        if form not in self._frozen and (found := self._ask("release", form=form)):
            self._frozen[form] = found
        return self._frozen.get(form, {})

    def _earlier(self) -> list[ReleaseLog]:
        """What has the room seen of people, and what did audits of this engagement publish?"""
        seen = reveals.logs(found for form in self.view["titles"] if (found := self._release(form)))
        return [*seen, *(published(self._engagement) if self._engagement else [])]

    def _revealed(self, but: str) -> list[Page]:
        known = [form for form in self.view["titles"] if form != but and self._release(form)]
        return [page for form in known if (page := self._page(form)).scope == "person"]

    # --- what stands there

    def _look(self) -> None:
        """Bring over what the room is doing. After it was closed only what was shown stays."""
        state = self._ask("state")
        form, phase = state["form"], state["phase"]
        if phase == "closed":
            folder = self._engagement.name if self._engagement else ""
            self.view = {**self.view, "phase": phase, "until": None, "busy": "", "people": [], "can_docket": False,
                         "folder": folder, "is_local": self._held.is_local}  # fmt: skip
            return
        page, counts = self._page(form), self._ask("counts", form=form)
        least = reveals.anonymous(self._settings).survey.least
        # while a picture is being made the room has none to see
        is_shown = phase == "revealed" and self._busy != "reveal" and bool(self._release(form))
        self.view = {
            "form": form, "phase": phase, "until": state["until"], "titles": state["titles"],
            "scope": page.scope, "title": page.title, "code": os.environ.get(CODE, ""), "busy": self._busy,
            "people": people(page, counts, least),
            "minutes": minutes(form), "is_shown": is_shown,
            "can_docket": is_shown and form in reveals.OPINIONS and self._engagement is not None,
            "can_snapshot": self._engagement is not None, "is_local": self._held.is_local,
        }  # fmt: skip
        self._show(form if is_shown else "")

    def _show(self, form: str) -> None:
        frozen = self._frozen.get(form, {})
        key = (form, "docket" in frozen, frozen.get("result", {}).get("headline", ""))
        if key == self._drawn:
            return
        self._drawn = key
        if not frozen:
            self.shown = {}
            return
        result, currency = Result.model_validate(frozen["result"]), self._settings.currency
        shown = {"form": form, "views": reveals.views(result, currency), "complaints": [], "audit": [], "steps": []}
        if "docket" in frozen:
            found = Result.model_validate(frozen["docket"])
            shown |= {"complaints": reveals.complaints(found), "audit": reveals.views(found, currency)[1:]}
            shown["steps"] = reveals.steps(found)
        self.shown = shown


def people(page: Page, counts: Mapping[str, Any], least: int) -> list[dict[str, str]]:
    """Who has joined and how far are they, by team? Of a team below the smallest group nothing but that it is; no total
    is told, from which it could be worked out.
    """
    found = []
    for team, name in TEAM_NAMES.items():
        joined = counts["joined"].get(team, 0)
        row = {"team": name, "joined": count_text(joined, least), "answered": "", "finished": ""}
        if page.scope == "person" and joined >= least:
            row["answered"] = _far(answered := counts["answered"].get(team, 0), joined, least)
            row["finished"] = _far(counts["finished"].get(team, 0), answered, least)
        elif page.scope == "team":
            row["answered"] = of(counts["filled"].get(team, 0), counts["asked"])
        found.append(row)
    if page.scope == "room":
        found.append({"team": "Room", "joined": "", "answered": of(counts["filled"].get("room", 0), counts["asked"]),
                      "finished": ""})  # fmt: skip
    return found


def _far(n: int, whole: int, least: int) -> str:
    """So many of these, where neither they nor the rest are few.

    >>> [_far(n, 12, 5) for n in (0, 3, 6, 11, 12)]
    ['none', 'fewer than five', '6', 'all but fewer than five', 'all']
    """
    if n == 0 or n < least:
        return count_text(n, least)
    return "all" if n == whole else f"all but fewer than {spelled(least)}" if whole - n < least else number(n)


def _picture(address: str) -> str:
    import segno

    drawn: str = segno.make(address, error="m").svg_data_uri(scale=8, border=2)
    return drawn


def minutes(form: str) -> int:
    """How many minutes are offered for this form? Those of the play whose exercise it is."""
    if form in PLAYS:
        return plays()[PLAYS[form]].minutes
    return SHORT_MINUTES if form == reveals.OPINIONS[0] else SURVEY_MINUTES


def open_wall(engagement: str = "", store: str = "") -> WallWidget:
    """Where does the facilitator lead from? In a workshop its wall; in JupyterLab a wall before a room of its own.

    ``engagement`` and ``store`` count in JupyterLab only, as in ``open_form``.
    """
    held = seat(engagement, store)
    folder = os.environ.get(ENGAGEMENT, "") if not held.is_local else engagement
    return WallWidget(held, page_words()["wall"], settings_of(folder), Path(folder) if folder else None)
