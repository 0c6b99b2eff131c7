"""Which values and rows of a client's files cannot be used, said so that a person can mend them."""

from collections import Counter

from alignlib.errors import CODES
from alignlib.intake.mappings import ANSWERS, PERSONAL
from alignlib.intake.read import Reject
from alignlib.intake.rows import Part, tidy
from alignlib.intake.synonyms import quoted
from alignlib.words import count, legible, masked, number

MOST_SHOWN = 5  # distinct values of one line
_LONGEST = 60  # letters of a value


def rejected_lines(part: Part) -> list[str]:
    """What was rejected in this file, one line a column and reason: where first, which values, and what mends it?

    Values of columns that stand for people, and of answers, are never among them.
    """
    groups: dict[tuple[str, str, str], list[Reject]] = {}
    for reject in part.rejects:
        groups.setdefault((reject.column, reject.code, reject.reason if reject.column else ""), []).append(reject)
    return [_line(part, group) for group in groups.values()]


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
    fixed = {rule.name: "yes or no" if rule.kind == "flag" else "one of these" for rule in part.rule.columns
             if rule.name in ours and (rule.allowed or rule.kind == "flag")}  # fmt: skip
    if values and fixed:
        name, meant = next(iter(fixed.items()))
        text += f"; to have it read, write values: {{{name}: {{{quoted(next(iter(values)))}: {meant}}}}}"
    return text


def _values(part: Part, group: list[Reject]) -> Counter[str]:
    """How often does each value of this column stand in these records? Blank cells say nothing."""
    if (at := part.raw_columns.get(group[0].column)) is None:
        return Counter()
    wanted = {reject.record for reject in group}
    pairs = zip(part.raw.records, part.raw.rows, strict=True)
    cells = Counter(masked(legible(tidy(row[at])))[:_LONGEST] for record, row in pairs if record in wanted)
    return Counter({cell: n for cell, n in cells.most_common() if cell})
