"""Which records did a system merge into others, so that what names the old id belongs to the one that is left?"""

import re
from typing import TYPE_CHECKING
from urllib.parse import urlsplit

from alignlib.intake.record_ids import other_forms
from alignlib.words import count

if TYPE_CHECKING:
    from alignlib.intake.rows import Part

MERGED = "merged into another record"
OWNERS = {"lead_id": "leads", "opportunity_id": "opportunities", "asset_id": "assets"}
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
                renamed = part.data[column].astype("str").mask(old, part.data[column].map(final).astype("str"))
                part.data = part.data.assign(**{column: renamed})
                rows = f"{count(int(old.sum()), 'row')} of {part.entry.file}"
                part.notes.append(f"{rows} named a merged {column}; the id that is left was read.")
        _join_forms(parts, column, owner)


def _join_forms(parts: "list[Part]", column: str, owner: str) -> None:
    """Ids of 15 letters and of 18 become those of the file whose rows they are."""
    known = {name for part in parts if part.entry.table == owner for name in part.data[column].dropna().unique()}
    for part in (part for part in parts if known and part.entry.table != owner and column in part.data):
        forms = other_forms(part.data[column].dropna().unique(), known)
        old = part.data[column].isin(list(forms))
        if forms:
            renamed = part.data[column].astype("str").mask(old, part.data[column].map(forms).astype("str"))
            part.data = part.data.assign(**{column: renamed})
            rows = f"{count(int(old.sum()), 'row')} of {part.entry.file}"
            part.notes.append(f"{rows} wrote {column} in Salesforce's other form (15 or 18 letters); both are one.")


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
