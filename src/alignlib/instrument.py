"""The survey's own words: what is asked in which form, on which scale, and in which language."""

import re
from dataclasses import dataclass, replace
from functools import cache
from typing import Any, Literal

import yaml

from alignlib.resources import read_resource, resource

Kind = Literal["agree", "conversation", "mirror", "estimate", "rank", "owner", "points", "comment"]
Form = Literal["full", "short"]
_ENDS = ("done", "helped")  # of a conversation, each an item: how well it is done, how much the material helps
POINTS = "points_"  # before the name of a segment: points_Retail holds the points a person gave to Retail


@dataclass(frozen=True)
class Item:
    """What does one item ask, of which kind, and between which ends does its answer lie?

    ``reverse``: agreeing is the bad answer. ``about``: the item a mirror mirrors, the finding an estimate guesses at,
    or the conversation. A comment has no ends. ``prompt`` is the whole question as a form puts it, ``title`` a name
    short enough for a chart.
    """

    item: str
    text: str
    kind: Kind = "agree"
    reverse: bool = False
    short: bool = False
    unit: str = ""
    low: float = 1.0
    high: float = 5.0
    about: str = ""
    prompt: str = ""
    title: str = ""


@dataclass(frozen=True)
class Block:
    """Which items measure one thing, and which play helps when the teams part on it?"""

    block: str
    title: str
    theme: str
    play: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Conversation:
    """Which two items ask about one of the five conversations: done well today, helped by Marketing's material?"""

    conversation: str
    title: str
    done: Item
    helped: Item


@dataclass(frozen=True)
class Instrument:
    """What does the survey ask, in one language? ``scale`` holds the labels from 1 to 5, ``items`` all items by code.

    ``team`` and ``role`` hold the question (``text``) and the label of each answer.
    """

    version: str
    scale: tuple[str, ...]
    cannot_say: str
    team: dict[str, str]
    role: dict[str, str]
    stems: dict[str, str]
    blocks: tuple[Block, ...]
    conversations: tuple[Conversation, ...]
    items: dict[str, Item]
    words_a_minute: float
    seconds: dict[str, float]

    def of(self, kind: Kind) -> list[Item]:
        """Which items are of this kind, in the order asked?"""
        return [item for item in self.items.values() if item.kind == kind]

    def find(self, code: str) -> Item | None:
        """Which item has this code? The points of a segment are items as well: ``points_Retail``."""
        if code in self.items or not code.startswith(POINTS):
            return self.items.get(code)
        return self.points([code.removeprefix(POINTS)])[0]

    def points(self, segments: list[str]) -> list[Item]:
        """Which items share out 100 points over these segments?"""
        stem = self.stems["points"]
        return [
            Item(POINTS + s, s, "points", unit="points", low=0, high=100, prompt=stem.replace("{segment}", s))
            for s in segments
        ]

    def form(self, form: Form, segments: list[str]) -> list[Item]:
        """Which items does a form ask, in order? The short one leaves out what is not marked short, and segments."""
        if form == "short":
            return [item for item in self.items.values() if item.short]
        before = [item for item in self.items.values() if item.kind != "comment"]
        return [*before, *self.points(segments), *self.of("comment")]

    def minutes(self, items: list[Item]) -> float:
        """How long does it take to answer these items? Reading the words, then the seconds each kind takes.

        What a mirror item repeats has been read before, and a stem shared by many items is read once.
        """
        words = sum(len(item.text.split()) for item in items) / self.words_a_minute
        return words + sum(self.seconds[item.kind] for item in items) / 60


@cache
def languages() -> tuple[str, ...]:
    """In which languages can the survey be put? The kit's own words first."""
    files = sorted(path.stem for path in resource("templates", "survey").glob("??.yml"))
    return ("en", *files)


@cache
def read_instrument(language: str = "en") -> Instrument:
    """What does the survey of this kit ask? Sources: ``templates/survey/instrument.yml`` and its translations.

    For a language of ``languages``.

    >>> read_instrument().items["goal_1"].text
    'Sales and Marketing work towards the same goal for revenue.'
    """
    data = yaml.safe_load(read_resource("templates", "survey", "instrument.yml"))
    said = data if language == "en" else yaml.safe_load(read_resource("templates", "survey", f"{language}.yml"))
    texts: dict[str, str] = said.get("items", {})
    items = {item.item: replace(item, text=texts.get(item.item, item.text)) for item in _items(data)}
    items = {code: _prompted(item, items, said["stems"]) for code, item in items.items()}
    blocks = [Block(**{**block, "items": tuple(items[i["item"]] for i in block["items"])}) for block in data["blocks"]]
    talks = [
        Conversation(c["conversation"], c["title"], *(items[f"{c['conversation'].lower()}_{end}"] for end in _ENDS))
        for c in data["conversations"]
    ]
    return Instrument(
        version=str(data["version"]), scale=tuple(said["scale"]), cannot_say=said["cannot_say"],
        team=said["team"], role=said["role"], stems=said["stems"], blocks=tuple(blocks), conversations=tuple(talks),
        items=items, words_a_minute=data["words_a_minute"], seconds=data["seconds"],
    )  # fmt: skip


def _items(data: dict[str, Any]) -> list[Item]:
    """All items in the order asked: agreement, conversations, mirrors of each block's first item, and so on."""
    found = [Item(**item) for block in data["blocks"] for item in block["items"]]
    for end in _ENDS:
        found += [
            Item(f"{c['conversation'].lower()}_{end}", c[end], "conversation", about=c["conversation"],
                 short=end == "done")
            for c in data["conversations"]
        ]  # fmt: skip
    firsts = [(block["block"], block["items"][0]) for block in data["blocks"]]
    found += [Item(f"mirror_{block}", first["text"], "mirror", about=first["item"]) for block, first in firsts]
    found += [
        Item(e["item"], e["text"], "estimate", unit=e["unit"], low=0, high=e.get("high", 100), about=e["finding"],
             short=e.get("short", False), title=e["title"])
        for e in data["estimates"]
    ]  # fmt: skip
    found += [Item(**goal, kind="rank", high=len(data["goals"])) for goal in data["goals"]]
    found += [Item(**step, kind="owner", unit="points", low=0, high=100) for step in data["relay"]]
    return found + [Item(**comment, kind="comment") for comment in data["comments"]]


def _prompted(item: Item, items: dict[str, Item], stems: dict[str, str]) -> Item:
    """The item as a form puts it; a mirror repeats, in the form's language, the words it mirrors."""
    text = items[item.about].text if item.kind == "mirror" else item.text
    stem = stems[item.kind]
    asked = re.sub(r"\{(text|goal|step)\}", lambda _: text, stem)
    return replace(item, text=text, prompt=asked if asked != stem else text)
