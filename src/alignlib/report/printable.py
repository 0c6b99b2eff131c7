"""Which of the characters of a report can its fonts show, and what stands for the others?"""

import re
import unicodedata
from functools import cache
from pathlib import Path
from typing import Any

from alignlib import words

SQUARE = "\u25a1"
_BREAK = "\u200b"  # where a long word may end a line
_LONG = re.compile(r"[^\s\u200b]{12,}")
_LONGEST, _PIECE = 24, 10
_MARKS = re.compile(
    "[\u0300-\u036f\u0483-\u0489\u0591-\u05c7\u0610-\u06ed\u0900-\u109f\u1ab0-\u1dff\u20d0-\u20ff\u302a-\u309a\ufe20-\ufe2f]"
)


class Printing:
    """Which texts can these fonts print? ``missing`` gathers what they lack, as it is met.

    >>> from alignlib.resources import resource
    >>> printing = Printing((str(resource("templates", "report", "fonts", "Inter-Regular.ttf")),))
    >>> printing.text("Tallinn, Αθήνα, Київ, 東京"), sorted(printing.missing)
    ('Tallinn, Αθήνα, Київ, □□', ['京', '東'])
    """

    def __init__(self, fonts: tuple[str, ...]) -> None:
        self._maps = tuple(found for font in fonts for found in characters(font))
        self._all = frozenset().union(*self._maps)
        self.missing: set[str] = set()

    def printed(self, data: Any) -> Any:
        """The same data with every text as the fonts can print it."""
        if isinstance(data, str):
            return self.text(data)
        if isinstance(data, dict):
            return {
                key: self.text(value, False) if key == "svg" else self.printed(value) for key, value in data.items()
            }
        return [self.printed(each) for each in data] if isinstance(data, list | tuple) else data

    def text(self, text: str, is_prose: bool = True) -> str:
        """How is this text printed? Composed, its figures tied to their units, long words free to break."""
        if not text.isascii():
            text = unicodedata.normalize("NFC", words.legible(text))
            if not self._all.issuperset(map(ord, text)) or _MARKS.search(text):
                text = "".join(self._clusters(text, is_prose))
        elif not text.isprintable():
            text = words.legible(text).replace("\ufffd", SQUARE)
        if not is_prose:
            return text
        return _LONG.sub(_broken, words.tied(text))

    def _clusters(self, text: str, is_prose: bool) -> list[str]:
        """Every character with the marks on it; in a picture without, for there they are set as glyphs of no text."""
        found: list[str] = []
        for each in text:
            kind = unicodedata.category(each)
            if kind.startswith("M") and found and is_prose and self._is_set_on(found[-1], each):
                found[-1] += each
            elif kind == "Cf" or 0xFE00 <= ord(each) <= 0xFE0F or 0xE0100 <= ord(each) <= 0xE01EF:
                continue  # says how its neighbours look or in which direction they run: nothing to see
            elif (ord(each) in self._all and not kind.startswith("M")) or each in "\n\t\r":
                found.append(each)
            else:
                found.append("" if kind.startswith("M") else SQUARE)
                self.missing |= {each} - {"\ufffd"}
        return found

    def _is_set_on(self, cluster: str, mark: str) -> bool:
        """Whichever font prints the character has to print its marks as well: no two fonts share a cluster."""
        fits = [held for held in self._maps if held.issuperset(map(ord, cluster))]
        return bool(fits) and all(ord(mark) in held for held in fits)


@cache
def characters(font: str) -> tuple[frozenset[int], ...]:
    """Which characters has each font of this file or collection? Not private ones, which mean nothing outside it."""
    from fontTools.ttLib import TTFont  # type: ignore[import-untyped]
    from fontTools.ttLib.ttCollection import TTCollection  # type: ignore[import-untyped]

    with Path(font).open("rb") as file:
        is_collection = file.read(4) == b"ttcf"
    fonts = TTCollection(font, lazy=True).fonts if is_collection else [TTFont(font, lazy=True)]
    return tuple(frozenset(at for at in each.getBestCmap() or () if not _is_private(at)) for each in fonts)


def _is_private(at: int) -> bool:
    return 0xE000 <= at <= 0xF8FF or at >= 0xF0000


def _broken(found: re.Match[str]) -> str:
    """A long word with places where a line may end: after an underscore, else after ten characters, before no mark."""
    pieces: list[str] = []
    piece = ""
    for each in found[0]:
        is_end = piece.endswith("_") or (len(found[0]) >= _LONGEST and len(piece) >= _PIECE)
        if is_end and not unicodedata.category(each).startswith("M"):
            pieces, piece = [*pieces, piece], ""
        piece += each
    return _BREAK.join([*pieces, piece])
