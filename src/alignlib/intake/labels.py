"""Which labels stand in the cells of a column that holds several, and which cells say that it is for everyone?"""

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from alignlib.engagement import Settings
from alignlib.intake.read import plain_name
from alignlib.words import count

if TYPE_CHECKING:
    from alignlib.intake.rows import Part
    from alignlib.intake.tables import ColumnRule

EVERYONE = "*"  # what a label means that names everyone; one that means "" names nobody
MOST_SHOWN = 5
MARKS = (";", "|", ",")  # what may part the labels of an open set
_MARKS = re.compile(r"\s*[,;/|&+\n]\s*|\s+and\s+", re.IGNORECASE)
_NO_LABELS = ("", EVERYONE)


def read_labels(
    part: "Part", rule: "ColumnRule", texts: list[str], counts: list[int], settings: Settings
) -> tuple[list[list[str] | None], list[str]]:
    """Which labels does each of these distinct texts hold: None where it is blank, [] where it says none or everyone?

    Labels of a closed set are parted by whatever stands between them; others by the input's ``separators`` alone, and
    one that ``values`` names stays whole though it holds such a mark. A label that means everyone makes the
    whole cell name none, as does one that means nobody and stands alone. What is not in a closed set is left out, its
    row stays. Notes say how often each of these happened.
    """
    mark, renamed = part.entry.separators.get(rule.name), part.entry.values.get(rule.name, {})
    folded = {plain_name(theirs): ours for theirs, ours in ({own: own for own in rule.allowed} | renamed).items()}
    lists: list[list[str] | None] = []
    told, repeats, strange, unknown = Counter[str](), 0, [], 0
    for text, n in zip(texts, counts, strict=True):
        pieces = parted(text, mark, folded, bool(rule.allowed))
        meant = [renamed.get(each) or folded.get(plain_name(each), each) for each in pieces]
        labels = [label for label in meant if label not in _NO_LABELS]
        known = [label for label in labels if not rule.allowed or label in rule.allowed]
        names_none = EVERYONE in meant or bool(meant and not labels)
        lists.append([] if names_none else list(dict.fromkeys(known)) or None)
        told[" ".join(text.split())[:60]] += n * names_none
        repeats += n * (len(set(known)) < len(known))
        unknown += n * (len(labels) - len(known))
        strange += [text] * (len(known) < len(labels))
    where, allowed = part.where(rule.name), ", ".join(rule.allowed)
    part.notes += _none_named(+told, where, part.entry.table, rule.name)
    if not mark and not allowed:
        part.notes += _no_mark(dict(zip(texts, counts, strict=True)), where, rule.name)
    if repeats:
        part.notes.append(f"{count(repeats, 'row')} of {where} repeated a label; each label counts once.")
    if unknown:
        part.notes.append(f"{count(unknown, 'label')} of {where} did not match {allowed}; only they were left out.")
        part.remember(part.data[rule.name].isin(strange), rule.name, "E-VALUE", f"not among {allowed}")
    return lists, []


def _none_named(told: Counter[str], where: str, table: str, name: str) -> list[str]:
    """Says which labels were read as naming none, and how to keep one."""
    if not told:
        return []
    shown = ", ".join(f"{text!r} ({n})" for text, n in told.most_common(MOST_SHOWN))
    clears = ", which takes back what the inventory says" if table == "asset_decisions" else ""
    keep = f"to keep one as a label of its own, write values: {{{name}: {{All: All}}}}"
    rows = count(told.total(), "row")
    return [f"{rows} of {where} named none or all ({shown}): read as naming none{clears}; {keep}."]


def _no_mark(cells: dict[str, int], where: str, name: str) -> list[str]:
    """Says that labels are not parted although most cells hold what may part them."""
    cells = {text: n for text, n in cells.items() if text}
    for mark in MARKS:
        holding = sum(n for text, n in cells.items() if mark in text)
        if cells and 2 * holding >= sum(cells.values()):
            what = f'if it parts labels, write separators: {{{name}: "{mark}"}}'
            return [f"{count(holding, 'row')} of {where} hold a {mark!r}, and each cell was read as one label; {what}."]
    return []


def parted(text: str, mark: str | None, known: dict[str, Any], is_closed: bool) -> list[str]:
    """Into which labels does a cell part? ``known``: labels without case; only they may occur where it is closed.

    >>> parted("C3, c4 and C5", None, {"c3": 0, "c4": 0, "c5": 0}, True), parted("Food, drink; Bank", ";", {}, False)
    (['C3', 'c4', 'C5'], ['Food, drink', 'Bank'])
    >>> parted("Food; drink; Bank", ";", {"food; drink": "Food"}, False)
    ['Food; drink', 'Bank']
    """
    pieces = _kept_whole(text.split(mark), mark, known) if mark else [text.strip()]
    for at, piece in reversed(list(enumerate(pieces)) if is_closed else []):
        smaller = _MARKS.split(piece)
        if plain_name(piece) not in known and any(plain_name(each) in known for each in smaller):
            pieces[at : at + 1] = smaller
    return [piece for piece in pieces if piece]


def _kept_whole(pieces: list[str], mark: str, known: dict[str, Any]) -> list[str]:
    """The pieces between marks, those joined again that are a known label with the mark in it; the longest first."""
    longest = max((label.count(mark) for label in known), default=0) + 1
    found: list[str] = []
    while pieces:
        heads = (pieces[:n] for n in range(min(longest, len(pieces)), 1, -1))
        head = next((head for head in heads if plain_name(mark.join(head)) in known), pieces[:1])
        found.append(mark.join(head).strip())
        pieces = pieces[len(head) :]
    return found
