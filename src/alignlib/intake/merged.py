"""Which ids are one: those of records that a system merged into others, and Salesforce's of 15 and of 18 letters?"""

import re
import string
from collections.abc import Iterable
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alignlib.words import count

if TYPE_CHECKING:
    from alignlib.intake.rows import Part

MERGED = "merged into another record"
OWNERS = {"lead_id": "leads", "opportunity_id": "opportunities", "asset_id": "assets"}
_DIGITS = string.ascii_uppercase + "012345"  # of an id's last three letters
SHORT, FULL = 15, 18  # letters of an id in Salesforce's reports, and in its exports
_ID = re.compile(r"(?<![^\s;,\[\]])[^\s;,:\[\]]+")  # of 12;34, of [12, 34] and of 12:1617298367000, id and time
_TAG = re.compile(r"utm_|gclid=|fbclid=|msclkid=|mc_|_hs", re.IGNORECASE)  # where a visitor came from, not which page


def note_merges(part: "Part") -> None:
    """Which old id became which, as a file says? Kept in ``part.merged``: {old id: the id that is left}.

    ``merged_ids`` is a column of the surviving row, with the old ids in it; ``merged_into`` a column of the old row,
    with the id that is left.
    """
    entry, key = part.entry, part.rule.key
    if not key or key[0] not in entry.columns:
        return
    own = part.data["\0" + entry.columns[key[0]]]
    if entry.merged_ids:
        pairs = zip(part.data["\0" + entry.merged_ids], own, strict=True)
        part.merged |= {old: new for cell, new in pairs for old in _ID.findall(cell) if old not in (new, "null")}
    if entry.merged_into:
        into = part.data["\0" + entry.merged_into]
        filled = ~into.isin(["", "null"])
        part.merged |= dict(zip(own[filled], into[filled], strict=True))
    part.merged.pop("", None)


def follow_merges(parts: "list[Part]") -> None:
    """What do rows say once each names the id that is left? Rows of the merged records themselves go."""
    for column, owner in OWNERS.items():
        known = _same_addresses(parts) if column == "asset_id" else {}
        for part in parts:
            known |= part.merged if part.entry.table == owner else {}
        final = {old: new for old in known if (new := _last(old, known)) != old}
        for part in (part for part in parts if known and column in part.data):
            old = part.data[column].isin(list(final))
            if part.entry.table == owner:
                part.exclude(old, MERGED)
            elif old.any():
                rows = _rename(part, column, final)
                part.notes.append(f"{rows} named a merged {column}; the id that is left was read.")
        _join_forms(parts, column, owner)


def _join_forms(parts: "list[Part]", column: str, owner: str) -> None:
    """Ids of 15 letters and of 18 become those of the file whose rows they are."""
    known = {name for part in parts if part.entry.table == owner for name in part.data[column].dropna().unique()}
    for part in (part for part in parts if known and part.entry.table != owner and column in part.data):
        if forms := other_forms(part.data[column].dropna().unique(), known):
            rows = _rename(part, column, forms)
            part.notes.append(f"{rows} wrote {column} in Salesforce's other form (15 or 18 letters); both are one.")


def _rename(part: "Part", column: str, ids: dict[str, str]) -> str:
    """Gives each of these ids its other name, and says how many rows of which file that touches."""
    old = part.data[column].isin(list(ids))
    renamed = part.data[column].astype("str").mask(old, part.data[column].map(ids).astype("str"))
    part.data = part.data.assign(**{column: renamed})
    return f"{count(int(old.sum()), 'row')} of {part.entry.file}"


def _same_addresses(parts: "list[Part]") -> dict[str, str]:
    """Which address of an asset, in whatever file, stands for one listed before? None unless an input declares it."""
    listed = [part for part in parts if part.entry.table == "assets" and part.entry.same_address]
    first: dict[str, str] = {}
    for name in (name for part in listed for name in part.data["asset_id"].dropna()):
        first.setdefault(plain_address(name), name)
    named = [part.data["asset_id"].dropna().unique() for part in parts if first and "asset_id" in part.data]
    return {name: first[plain] for names in named for name in names if (plain := plain_address(name)) in first
            and first[plain] != name}  # fmt: skip


def plain_address(text: str) -> str:
    """How are two addresses compared: without http(s), a slash at the end, a fragment, and tags of where one came from?

    >>> plain_address("https://Example.com/Guide/?utm_source=mail&v=2#top"), plain_address("A-17")
    ('example.com/Guide?v=2', 'A-17')
    """
    try:
        parts = urlsplit(text)
    except ValueError:
        return text
    if parts.scheme not in ("", "http", "https") or "/" not in text:
        return text
    query = "&".join(each for each in parts.query.split("&") if each and not _TAG.match(each))
    return f"{parts.netloc.casefold()}{parts.path.rstrip('/')}{'?' if query else ''}{query}"


def _last(old: str, known: dict[str, str]) -> str:
    """At which id do merges of merges end? A circle ends at its first member by name, wherever it is entered."""
    seen = [old]
    while (new := known.get(seen[-1])) is not None and new not in seen:
        seen.append(new)
    return seen[-1] if new is None else min(seen[seen.index(new) :])


def full_id(short: str) -> str:
    """How does the 18-letter form of a 15-letter id read? Its last three letters say which others are capitals.

    Source: Salesforce's own rule: each letter stands for five of the fifteen, the first of them counting least.

    >>> full_id("00Q5g00000AbCdE"), full_id("0061")
    ('00Q5g00000AbCdEEAV', '0061')
    """
    if len(short) != SHORT or not (short.isascii() and short.isalnum()):
        return short
    fives = (short[at : at + 5] for at in range(0, SHORT, 5))
    return short + "".join(_DIGITS[sum(sign.isupper() << at for at, sign in enumerate(five))] for five in fives)


def other_forms(named: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Which of the ids that are named stand among the known ones in their other form? {as named: as known}.

    >>> other_forms(["00Q5g00000AbCdE", "x"], ["00Q5g00000AbCdEEAV"])
    {'00Q5g00000AbCdE': '00Q5g00000AbCdEEAV'}
    """
    there = {*known}
    lone = [each for each in dict.fromkeys(named) if each not in there and len(each) in (SHORT, FULL)]
    found = {each: full_id(each) if len(each) == SHORT else each[:SHORT] for each in lone}
    return {each: form for each, form in found.items() if form in there and full_id(form[:SHORT]) in (each, form)}
