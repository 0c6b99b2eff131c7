"""The survey's own words: blocks, items, and which items are turned round."""

from dataclasses import dataclass
from functools import cache

import yaml

from alignlib.resources import read_resource


@dataclass(frozen=True)
class Item:
    """What does one item say, and is agreeing with it the bad answer (``reverse``)?"""

    item: str
    text: str
    reverse: bool = False


@dataclass(frozen=True)
class Block:
    """Which items measure one thing, and which play helps when the teams part on it?"""

    block: str
    title: str
    theme: str
    play: str
    items: tuple[Item, ...]


@dataclass(frozen=True)
class Instrument:
    """What does the survey ask, on which scale (labels from 1 to 5)?"""

    version: str
    scale: tuple[str, ...]
    blocks: tuple[Block, ...]

    @property
    def items(self) -> dict[str, Item]:
        """Which item stands behind each code, in the order asked?"""
        return {item.item: item for block in self.blocks for item in block.items}


@cache
def read_instrument() -> Instrument:
    """What does the survey of this kit ask? Source: ``templates/survey/instrument.yml``.

    >>> read_instrument().items["goal_1"].text
    'Sales and Marketing work towards the same goal for revenue.'
    """
    data = yaml.safe_load(read_resource("templates", "survey", "instrument.yml"))
    blocks = []
    for block in data["blocks"]:
        items = tuple(Item(i["item"], i["text"], i.get("reverse") == "true") for i in block.pop("items"))
        blocks.append(Block(**block, items=items))
    return Instrument(version=str(data["version"]), scale=tuple(data["scale"]), blocks=tuple(blocks))
