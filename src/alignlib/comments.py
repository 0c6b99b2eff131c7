"""Which comments may leave the house? What people wrote is flagged by rules and approved by a person."""

import json
import re
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from pathlib import Path

from alignlib.errors import AlignError, Problem
from alignlib.files import write_file
from alignlib.words import EMAIL

APPROVED_FILE = "comments_approved.json"
_WEB = re.compile(r"(?i)\bhttps?:|\bwww\.|\b[\w-]+\.(?:com|org|net|io|de|eu|uk|fr|ch|at|nl|info|biz)\b")
_PHONE = re.compile(r"\+?\(?\d(?:[\s()/.-]{0,2}\d){6,}")
_DATE = re.compile(r"\b\d{4}-\d{2}-\d{2}\b|\b\d{1,2}[./]\d{1,2}[./]\d{4}\b")
_HANDLE = re.compile(r"(?<![\w.@])@\w{2,}")
_WORD = re.compile(r"[^\W\d_][\w'\u2019-]*")
# Parts of a known name that name nobody: a file's owner may be called "Sales Team".
_NOBODY = {"Sales", "Marketing", "Team", "Seller", "User", "Owner", "Admin"}


@dataclass(frozen=True)
class Comment:
    """What did one person write, in which team, to which question, and what in it may name somebody (``flags``)?

    ``person`` is there to count people by, and never to be shown.
    """

    text: str
    team: str | None
    flags: tuple[str, ...]
    item: str = ""
    person: str = field(default="", repr=False, compare=False)


def flags_of(text: str, names: Iterable[str] = ()) -> tuple[str, ...]:
    """What in this comment may tell who wrote it, or whom it is about? ``names`` are people known from other files.

    Rules, so they see too much rather than too little, and a lone first name only when it is known: read every comment.

    >>> flags_of("Ask Kim Weber, kim@acme.example, or ring +49 30 1234567"), flags_of("Sales and Marketing never talk.")
    (('e-mail address', 'phone number', 'a name?'), ())
    """
    rest = EMAIL.sub(" ", text := _plain(text))
    found = {
        "e-mail address": rest != text,
        "phone number": bool(_PHONE.search(_DATE.sub(" ", text))),
        "web address": bool(_WEB.search(rest)),
        "a name?": bool(_HANDLE.search(rest)) or _two_capitals(rest) or _names_one(text, names),
    }
    return tuple(flag for flag, there in found.items() if there)


def _two_capitals(text: str) -> bool:
    """Do two words with a capital follow one another, as a first name (or its letter) and a family name do?"""
    words = [word for word in _WORD.finditer(text) if word[0][0].isupper() and word[0] not in _NOBODY]
    gaps = [(a[0], text[a.end() : b.start()], b[0]) for a, b in pairwise(words)]
    return any(
        not last.isupper() and (gap == ". " if len(first) == 1 else gap == " " and not first.isupper())
        for first, gap, last in gaps
    )


def _names_one(text: str, names: Iterable[str]) -> bool:
    """Is one of these names in the text, whole in any capitals, or one word of it with a capital?"""
    said, folded = set(_WORD.findall(text)), text.casefold()
    for name in filter(None, map(_plain, names)):
        words = {word for word in _WORD.findall(name) if len(word) > 2 and word[0].isupper()} & said
        key = name.casefold()
        if words - _NOBODY or (key in folded and re.search(rf"(?<!\w){re.escape(key)}(?!\w)", folded)):
            return True
    return False


def fingerprint(text: str) -> str:
    """What is the fingerprint of a comment, however its accents are written and whatever blanks surround it?"""
    return sha256(_plain(text).encode()).hexdigest()


def _plain(text: str) -> str:
    return unicodedata.normalize("NFC", text).strip()


def approve(folder: Path, texts: Iterable[str], by: str, at: str) -> Path:
    """Which file records that these comments and no others may be shown, by whose word and when? Never the texts."""
    prints = sorted({fingerprint(text) for text in texts})
    record = {"approved": prints, "all": _whole(prints), "by": by, "at": at}
    return write_file(folder / APPROVED_FILE, json.dumps(record, indent=1, ensure_ascii=False) + "\n")


def approved(folder: Path, texts: Iterable[str]) -> frozenset[str]:
    """Which of these comments are approved, as fingerprints? One that changed after the approval is not among them.

    Raises AlignError (E-CORRUPT) when the record is damaged or was changed by hand.
    """
    path = folder / APPROVED_FILE
    if not path.exists():
        return frozenset()
    try:
        record = json.loads(path.read_text(encoding="utf-8"))
        known = frozenset(map(str, record["approved"]))
        if record["all"] != _whole(sorted(known)) or not record["by"] or not record["at"]:
            raise ValueError("the fingerprints do not agree")
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "delete it, read the comments again and run: alignlib comments approve"
        raise AlignError(Problem("E-CORRUPT", "the approval is damaged", APPROVED_FILE, fix=fix)) from error
    return known & {fingerprint(text) for text in texts}


def _whole(prints: list[str]) -> str:
    return sha256("\n".join(prints).encode()).hexdigest()
