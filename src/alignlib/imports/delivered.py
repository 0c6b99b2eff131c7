"""One delivered file on its way into an engagement: what it holds, and which rows some rules leave of it."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

from alignlib.imports.vendors import Match
from alignlib.intake.columns import tidy_column
from alignlib.intake.mappings import is_one_of
from alignlib.intake.read import Raw


@dataclass
class Delivered:
    """One file of the data folder: what it holds, which export it is, and how it had to be read (sheet, skip_rows)."""

    name: str
    raw: Raw
    match: Match | None = None
    reading: dict[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> Match:
        """As which export was it recognised? Raises ValueError when as none."""
        if self.match is None:
            raise ValueError(f"{self.name} was not recognised")
        return self.match

    @cached_property
    def titles(self) -> list[str]:
        """Which headers has it, as they stand?"""
        return self.raw.titles

    def cells(self, title: str) -> list[str]:
        """What stands in the column of this header?"""
        at = self.titles.index(title)
        return tidy_column(self.raw.column(at).astype("str"))[0].tolist()

    def labels(self, title: str, only: Mapping[str, list[str]], exclude: Mapping[str, list[str]]) -> Counter[str]:
        """Which labels stand in the column of this header, in the rows that these rules leave, and how often?"""
        cells = zip(self.cells(title), self.left(only, exclude), strict=True)
        return Counter(cell for cell, is_left in cells if cell and is_left)

    def left(self, only: Mapping[str, list[str]], exclude: Mapping[str, list[str]]) -> list[bool]:
        """Which rows do these rules leave? Rules on what is no header here (a look-up fills it) leave all."""
        kept = [True] * len(self.raw.records)
        for rules, wanted in ((only, True), (exclude, False)):
            for title, labels in rules.items():
                if title in self.titles:
                    cells = zip(kept, self.cells(title), strict=True)
                    kept = [was and is_one_of(cell, labels) == wanted for was, cell in cells]
        return kept
