"""By which names can the columns of a file be called, and which of them does an input name?"""

from collections.abc import Iterator
from typing import Any

from alignlib.engagement import Input, Lookup, Reading
from alignlib.intake.currencies import currency_columns
from alignlib.intake.exports import ONE_ANSWER, columns_of
from alignlib.intake.read import plain_name
from alignlib.intake.synonyms import is_mapped_by_headers


def addresses(headers: list[list[str]]) -> dict[str, list[int]]:
    """By which names can each column be called? {plain name: the places it stands at}."""
    full: dict[str, list[int]] = {}
    short: dict[str, list[int]] = {}
    for at, cells in enumerate(columns_of(headers)):
        parts = [plain_name(cell) for cell in cells]
        filled = [part for part in parts if part]
        full.setdefault(" | ".join(filled) or f"column_{at + 1}", []).append(at)
        if len(parts) == 2 and parts[1] not in ONE_ANSWER:
            filled = [parts[1]]
        for name in filled if len(parts) > 1 else []:
            short.setdefault(name, []).append(at)
    return short | full


def names_of(headers: list[list[str]]) -> dict[str, list[int]]:
    """Where does each column stand, by its number and, which goes first, its names?"""
    return {f"column_{at + 1}": [at] for at in range(len(headers[0]))} | addresses(headers)


def columns_asked(reading: Reading, headers: list[list[str]]) -> list[int]:
    """Which columns of a file can its input ask for? All of them where its headers decide what is read."""
    every, names = list(range(len(headers[0]))), names_of(headers)
    if not isinstance(reading, Input | Lookup):
        return every  # nobody knows yet what will be asked for
    if isinstance(reading, Input) and (
        not reading.columns or reading.shape == "survey" or is_mapped_by_headers(reading) or reading.json_columns
    ):
        return every
    said = {plain_name(text) for text in _texts(reading.model_dump(mode="json"))}
    places = {at for name, hits in names.items() if name in said for at in hits}
    if isinstance(reading, Input):
        places |= {*currency_columns(reading, names).values()}
    return sorted(places) or every[:1]


def _texts(value: Any) -> Iterator[str]:
    """All texts in a setting, names and values."""
    if isinstance(value, dict):
        for name, each in value.items():
            yield name
            yield from _texts(each)
    elif isinstance(value, list):
        for each in value:
            yield from _texts(each)
    elif isinstance(value, str):
        yield value
