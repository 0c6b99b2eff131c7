"""One participant's form: shows what the room shows, hands answers on, and says "saved" only after the store did."""

import time
from functools import cache
from pathlib import Path
from typing import Any

import anywidget
import traitlets

from alignlib.errors import AlignError
from alignlib.resources import read_resource
from alignlib.words import TEAM_NAMES
from alignlib.workshop.seat import seat

_BESIDE = Path(__file__).parent


class FormWidget(anywidget.AnyWidget):
    """What does one person see, and what have they answered? It holds no right but its seat's own.

    From the page: ``{"save": [{id, form, item, value}]}``, ``{"ping": n}`` and, where a person answers after another
    on one notebook, ``{"local": {form, team, role}}`` and ``{"next": true}``. To the page: what the room says to a
    save, and ``{"pong": n, "now": seconds}``, with ``away`` or ``gone`` when the room could not be asked.
    """

    _esm = "\n".join((_BESIDE / name).read_text(encoding="utf-8") for name in ("link.js", "form.js"))
    _css = (_BESIDE / "form.css").read_text(encoding="utf-8")
    page = traitlets.Dict().tag(sync=True)
    mine = traitlets.Dict().tag(sync=True)
    room = traitlets.Dict().tag(sync=True)
    words = traitlets.Dict().tag(sync=True)
    seat = traitlets.Unicode().tag(sync=True)
    local = traitlets.Dict().tag(sync=True)

    def __init__(self, held: Any, words: dict[str, str]) -> None:
        local = {"teams": TEAM_NAMES, "team": "", "role": ""} if held.is_local else {}
        super().__init__(words=words, seat=held.public, local=local)
        self._held, self._is_stale = held, True
        self._shown: tuple[Any, ...] = ()  # form, round and seat of what is on the screen
        self.on_msg(lambda _, heard, __: self.send(said) if (said := self.hear(heard)) else None)
        self.hear({"ping": 0})  # a room that cannot be asked now is asked again by the page's next ping

    def hear(self, heard: dict[str, Any]) -> dict[str, Any] | None:
        """What is said to one message of the page? Nothing to a save that failed: the page sends it again."""
        said: dict[str, Any] = {"pong": heard["ping"], "now": time.time()} if "ping" in heard else {}
        try:
            if "save" in heard:
                self._is_stale = True
                saved = dict(self._held.ask("save", answers=heard["save"]))
                if self.local:
                    self._look()  # a notebook that is loaded anew shows what stands here
                return saved
            if self.local and ("local" in heard or "next" in heard):
                self._sit(heard.get("local") or {"team": "", "role": ""})
            self._look()
        except AlignError as error:
            if said:
                said["gone" if error.problems[0].code == "E-SEAT" else "away"] = True
        return said or None

    def _look(self) -> None:
        """Bring over what the room shows now: all of it when that changed, a board at every look."""
        room = self._held.ask("state")
        if self.local:
            self.local = {**self.local, "forms": room["titles"], "form": self.local.get("form") or room["form"]}
        is_seated = room["phase"] != "closed" and not (self.local and not self.local["team"])
        form = (self.local.get("form") or room["form"]) if is_seated else ""
        shown = (form, room["round"], self._held.public)
        page = self.page if shown == self._shown else self._held.ask("page", form=form) if form else {}
        mine = self.mine
        if shown != self._shown or self._is_stale or page.get("scope") != "person":
            mine = self._held.ask("mine", form=form) if form else {}
        with self.hold_sync():  # the page never sees one form with another's answers
            self.seat, self.page, self.mine, self.room = self._held.public, page, mine, room
        self._shown, self._is_stale = shown, False

    def _sit(self, chosen: dict[str, str]) -> None:
        """Where there is no room: the person at this screen says which form, which team; a team begins."""
        self.local = {**self.local, **chosen}
        if chosen.get("team"):
            self._held = self._held.next_person(chosen["team"], self.local["role"] or None)


def open_form(engagement: str = "", store: str = "") -> FormWidget:
    """Where does this person answer? In a workshop the form the room shows; in JupyterLab one person after another.

    ``engagement`` and ``store`` (a file that keeps the answers) count in JupyterLab only: a kernel that was given a
    seat in a room asks and answers there.
    """
    return FormWidget(seat(engagement, store), page_words()["form"])


@cache
def page_words() -> dict[str, dict[str, str]]:
    """What do a form and the wall say of their own? Read before the first of many kernels is forked (kernel.json)."""
    import yaml

    found: dict[str, dict[str, str]] = yaml.safe_load(read_resource("templates", "workshop", "words.yml"))
    return found
