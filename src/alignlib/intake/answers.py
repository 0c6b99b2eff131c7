"""What did people answer: which label or number stands for what, and who answered in haste?"""

import re
from functools import cache, partial

import pandas as pd

from alignlib.instrument import Item, languages, read_instrument
from alignlib.intake.columns import by_value
from alignlib.intake.exports import fold
from alignlib.intake.read import plain_name
from alignlib.intake.rows import Part
from alignlib.words import count

SCALED = ("agree", "conversation", "mirror")  # the kinds of item answered from 1 to 5
MAX_ANSWER = 100  # letters; what is longer is no number, and is not searched for one
_NUMBERED = re.compile(r"([0-9])\s*[-–—:.)=(]+\s*([^0-9]*?)\)?|([^0-9]+?)\s*\(([0-9])\)")
_NUMBER = re.compile(r"(-?[0-9]+(?:[.,][0-9]{1,2})?)\s*(%?)")
_SECONDS = re.compile(r"[0-9]+(?:[.,][0-9]+)?")
_CLOCK = re.compile(r"(.*?)([0-9]{1,2}):([0-9]{2}):([0-9]{2})(?:[.,][0-9]+)?\s*([AaPp]?)")
HASTY_SECONDS = 2  # an item, on average


@cache
def labels_of(part: str) -> dict[str, str]:
    """What do the labels of the scale, of "team" or of "role" stand for, in every language? {folded label: ours}."""
    found: dict[str, str] = {}
    for each in map(read_instrument, languages()):
        if part == "scale":
            found |= {fold(each.cannot_say): "cannot_say"} | {fold(s): str(i) for i, s in enumerate(each.scale, 1)}
        else:
            found |= {fold(label): ours for ours, label in getattr(each, part).items() if ours != "text"}
    return found


def keep_last(part: Part) -> None:
    """Which answers of a person who answered a survey again count? Of each round the last with most items; others go.

    People are told apart by the column that the mapping names; where the tool gives each response an id, all count.
    """
    entry = part.entry
    names = ["\0" + entry.columns[name] for name in ("respondent_id", "wave") if name in entry.columns]
    if entry.shape != "survey" or "respondent_id" not in entry.columns:
        return
    items = (part.data[["\0" + theirs for theirs in entry.items.values()]] != "").sum(axis=1)
    by_items = part.data.assign(**{"\0items": items}).sort_values("\0items", kind="stable")
    earlier = by_items.duplicated(names, keep="last").reindex(part.data.index) & (part.data[names[0]] != "")
    if earlier.any():
        rows = f"{count(int(earlier.sum()), 'row')} of {entry.file}"
        part.notes.append(f"{rows} had been answered again by the same person; the last with most answers counts.")
        part.exclude(earlier, "answered again")


def read_answers(part: Part) -> None:
    """Which number does each answer give, as its item is answered? Comments get a column of their own."""
    data, given = part.data, part.entry.labels or labels_of("scale")
    labels = {"cannot_say": "cannot_say"} | {plain_name(label): number for label, number in given.items()}
    items = {code: read_instrument().find(code) for code in data["item"].unique()}
    is_comment = data["item"].isin([code for code, item in items.items() if item and item.kind == "comment"])
    if is_comment.any():
        data["comment"] = data["answer"].where(is_comment, data.get("comment", ""))
    answers = data["answer"].mask(is_comment, "")
    first: dict[tuple[str, float], str] = {}  # items that are answered alike are read at once, as the first of them
    alike = {code: first.setdefault(_way(item), code) for code, item in items.items()}
    read = [by_value(given, partial(read_answer, item=items[code], labels=labels))[0]
            for code, given in answers[~is_comment].groupby(data["item"].map(alike), sort=False)]  # fmt: skip
    answers = pd.concat([answers[is_comment], *read]).reindex(answers.index)
    cannot = answers == "cannot_say"
    data["answer"] = answers.mask(cannot, "")
    if "cannot_say" not in data:
        data["cannot_say"] = cannot.map({True: "true", False: "false"}).astype("str")


def _way(item: Item | None) -> tuple[str, float]:
    return ("scale", 5) if item is None or item.kind in SCALED else (item.kind, item.high)


def read_answer(text: str, item: Item | None, labels: dict[str, str]) -> str:
    """Which number (or cannot_say) does this answer give to this item? "?" when it gives none.

    ``labels``: {label without case: number}. An item the instrument does not know (None) is answered on its scale.

    >>> scale = {"rather agree": "4", "agree": "5"}
    >>> [read_answer(text, None, scale) for text in ("Rather Agree", "5 (Agree)", "1 - Agree", "about 4")]
    ['4', '5', '?', '?']
    """
    on_scale = item is None or item.kind in SCALED
    meant = labels.get(plain_name(text)) or labels.get(fold(text) or text, "")
    if not text or text.startswith("#") or meant == "cannot_say" or (on_scale and meant):
        return meant or text  # errors of a workbook are told as such
    if len(text) > MAX_ANSWER:
        return "?"
    if on_scale and (both := _NUMBERED.fullmatch(text)):
        number, label = both[1] or both[4], both[2] or both[3] or ""
        return number if labels.get(fold(label), number) == number else "?"
    found = _NUMBER.fullmatch(text)
    has_other_unit = found and found[2] and (item is None or item.high != 100)
    return found[1].replace(",", ".") if found and not has_other_unit else "?"


def is_hasty(seconds: str, started: str, ended: str, answers: int) -> str:
    """Did somebody take less than two seconds an answer? "true", "false", or "" when nobody knows.

    Tools write dates in many ways; two moments of one day need no reading of the date.

    >>> is_hasty("", "8/20/25 12:51:45", "8/20/25 12:52:30", 60), is_hasty("465", "", "", 60)
    ('true', 'false')
    """
    least = HASTY_SECONDS * answers
    if _SECONDS.fullmatch(seconds) and (took := float(seconds.replace(",", "."))):
        return str(took < least).lower()
    (day, begun), (last_day, done) = _clock(started), _clock(ended)
    if begun is None or done is None or (day == last_day and done <= begun):
        return ""  # a tool set to keep no times writes the same moment twice
    quick = (done - begun) % 86_400 < least
    return "false" if not quick else "true" if day == last_day else ""


def _clock(text: str) -> tuple[str, int | None]:
    """Which day as written, and which second of it?"""
    if not (found := _CLOCK.match(text)):
        return "", None
    hour, half = int(found[2]), found[5].lower()
    hour = hour % 12 + 12 * (half == "p") if half else hour
    return found[1], hour * 3600 + int(found[3]) * 60 + int(found[4])
