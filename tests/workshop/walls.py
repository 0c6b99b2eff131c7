"""A room full of people for tests of the wall: real pages, a real store, and a facilitator's kernel before it."""

import itertools
import json
import shutil
import tempfile
import time
from functools import cache
from pathlib import Path
from typing import Any

import yaml
from rooms import CODE, KEY

from alignlib.engagement import Settings, read_engagement
from alignlib.resources import read_resource
from alignlib.samples import write_sample
from alignlib.workshop.desk import perform
from alignlib.workshop.pages import Page, pages
from alignlib.workshop.room import Room
from alignlib.workshop.seat import Held
from alignlib.workshop.store import open_store
from alignlib.workshop.wall import WallWidget

WORDS = yaml.safe_load(read_resource("templates", "workshop", "words.yml"))["wall"]
_ids = itertools.count(1)


@cache
def _sample() -> tempfile.TemporaryDirectory[str]:
    """The sample company, written once; gone when the tests are."""
    made = tempfile.TemporaryDirectory()
    write_sample(Path(made.name) / "client")
    return made


class Full:
    """A workshop of the sample company, in a folder of its own."""

    def __init__(self, folder: Path, forms: tuple[str, ...] = ()) -> None:
        self.engagement = folder / "client"
        shutil.copytree(Path(_sample().name) / "client", self.engagement)
        self.settings: Settings = read_engagement(self.engagement)
        made = pages(self.settings)
        self.pages: dict[str, Page] = {form: made[form] for form in forms or made}
        self.room = Room(open_store(folder / "room.sqlite"))
        self.room.open(self.pages, 200, CODE, KEY)
        self.seats: dict[str, list[str]] = {"sales": [], "marketing": []}

    def wall(self, engagement: Path | None = None) -> WallWidget:
        def ask(do: str, **given: Any) -> Any:
            return json.loads(json.dumps(perform(self.room, {"do": do, **{"token": KEY, **given}}, "secret")))

        return WallWidget(Held(KEY, ask), WORDS, self.settings, engagement)

    def join(self, team: str, many: int) -> list[str]:
        joined = [self.room.join(CODE, team) for _ in range(many)]
        self.seats[team] += joined
        return joined

    def answer(self, form: str, token: str, value: str, only: int = 1000) -> None:
        """One person gives every choice of the form this value."""
        items = [item for item, asked in self.pages[form].questions.items() if value in dict(asked.options)][:only]
        said = self.room.save(token, [answer(form, item, value) for item in items])
        assert said["refused"] == []

    def fill(self, form: str, sales: int, marketing: int) -> None:
        """So many people join and answer, not all alike."""
        for team, many in (("sales", sales), ("marketing", marketing)):
            for at, token in enumerate(self.join(team, many)):
                self.answer(form, token, str(1 + (at + (team == "sales")) % 5))


def answer(form: str, item: str, value: str) -> dict[str, str]:
    return {"id": f"wall-{next(_ids):08d}", "form": form, "item": item, "value": value}


def does(wall: WallWidget, name: str, **given: Any) -> str:
    """What does the wall say once it has done this?"""
    said = wall.hear({"do": name, **given})
    while wall._busy:
        time.sleep(0.01)
    said += wall.hear({"ping": 1})
    return "\n".join(each["said"] for each in said if "said" in each)
