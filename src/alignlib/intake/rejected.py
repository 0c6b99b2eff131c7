"""Which values and rows of a client's files cannot be used, said so that a person can mend them."""

from collections import Counter

from alignlib.errors import CODES
from alignlib.intake.columns import tidy
from alignlib.intake.mappings import MOST_NAMED, PERSONAL
from alignlib.intake.read import Reject
from alignlib.intake.rows import Part
from alignlib.intake.synonyms import cut, quoted, synonyms, worded
from alignlib.intake.tables import ANSWERS
from alignlib.words import count, legible, masked, number

MOST_SHOWN = 5  # distinct values of one line
_LONGEST = 60  # letters of a value
# What mends it, where the values do not say so themselves.
_CURES = {
    "E-WIDTH": "export it again; short_rows: pad fills up rows that are too short",
    "E-NUL": "export it again, or delete these signs", "E-TOTAL": "nothing needs to be done",
    "E-FUTURE": "correct it, or set as_of to the day of the export", "E-NUM": "correct it where it was entered",
    "E-DATE": "correct it where it was entered", "E-ORPHAN": "export both files on one day",
    "E-XLERR": "correct the formula in the workbook, and save it",
}  # fmt: skip


def rejected_lines(part: Part) -> list[str]:
    """What was rejected in this file, one line a column and reason: where first, which values, and what mends it?

    Values of columns that stand for people, and of answers, are never among them.
    """
    groups: dict[tuple[str, str, str], list[Reject]] = {}
    for reject in part.rejects:
        groups.setdefault((reject.column, reject.code, reject.reason if reject.column else ""), []).append(reject)
    return [_line(part, group) for group in groups.values()]


def unread_columns(parts: list[Part]) -> list[str]:
    """Which sentences name the columns that nothing maps, one a file? They are never read: they may be about people."""
    told, whys = list[str](), synonyms().unread
    for file in dict.fromkeys(part.entry.file for part in parts):
        lists = [part.unread for part in parts if part.entry.file == file]
        names = [name for name in lists[0] if all(name in each for each in lists)]
        named = [(repr(cut(legible(name))), whys.get(worded(name))) for name in names[:MOST_NAMED]]
        shown = "; ".join(f"{name} ({why})" if why else name for name, why in named)
        more = f"; and {count(len(names) - MOST_NAMED, 'other')}" if len(names) > MOST_NAMED else ""
        if names:
            told.append(f"{count(len(names), 'column')} of {file} not mapped, and so not read: {shown}{more}.")
    return told


def _line(part: Part, group: list[Reject]) -> str:
    first = group[0]
    more = f" and {number(len(group) - 1)} more" if len(group) > 1 else ""
    where = f"{part.entry.file}, record {first.record}{more}" + (f", column {first.column!r}" if first.column else "")
    ours = [name for name, theirs in part.source.items() if theirs == first.column] or [first.column]
    values = _values(part, group) if part.entry.table not in ANSWERS and not PERSONAL & {*ours} else Counter[str]()
    shown = ", ".join(f"{value!r} ({number(n)})" for value, n in values.most_common(MOST_SHOWN))
    if len(values) > MOST_SHOWN:
        shown += f" and {count(len(values) - MOST_SHOWN, 'other')}"
    why = f" ({first.reason})" if first.reason not in CODES[first.code] else ""
    text = f"{where}: {shown + ': ' if shown else ''}{CODES[first.code]}{why} [{first.code}]"
    rules = [rule for rule in part.rule.columns if rule.name in ours]
    fixed = [rule for rule in rules if rule.allowed or rule.kind == "flag"]
    blank = [rule.name for rule in rules if first.code == "E-DATE" and not rule.required]
    if values and fixed:
        meant = "yes or no" if fixed[0].kind == "flag" else "one of these"
        text += f"; to have it read, write values: {{{fixed[0].name}: {{{quoted(next(iter(values)))}: {meant}}}}}"
    elif cure := _CURES.get(first.code):
        text += f"; {cure}"
        if values and blank:
            text += f"; if it means none, write values: {{{blank[0]}: {{{quoted(next(iter(values)))}: ''}}}}"
    return text


def _values(part: Part, group: list[Reject]) -> Counter[str]:
    """How often does each value of this column stand in these records? Blank cells say nothing."""
    if (at := part.raw_columns.get(group[0].column)) is None:
        return Counter()
    wanted = sorted({reject.record for reject in group})
    cells = Counter(masked(legible(tidy(cell)))[:_LONGEST] for cell in part.raw.cells(at, wanted))
    return Counter({cell: n for cell, n in cells.most_common() if cell})
