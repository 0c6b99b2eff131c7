"""What became of every row: read = used + rejected + excluded, for each file and table, with the reasons."""

import json
import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from decimal import Decimal
from itertools import repeat
from typing import Any, cast

import numpy as np
import pandas as pd

from alignlib.engagement import Input, Settings
from alignlib.errors import AlignError, Problem
from alignlib.instrument import read_instrument
from alignlib.intake.columns import distinct, is_among, join, spread
from alignlib.intake.dates import day_end
from alignlib.intake.labels import read_labels
from alignlib.intake.merged import follow_merges
from alignlib.intake.numbers import read_durations, read_numbers
from alignlib.intake.plain_dates import read_times
from alignlib.intake.read import Raw, Reject
from alignlib.intake.repeats import drop_repeats
from alignlib.intake.tables import TABLES, TYPES, ColumnRule, TableRule
from alignlib.result import RowCount
from alignlib.words import count

FLAGS = dict.fromkeys(("true", "yes", "y", "1"), True) | dict.fromkeys(("false", "no", "n", "0"), False)
CODE_OF = {"stage": "E-STAGE", "team": "E-TEAM", "owner_team": "E-TEAM", "answer": "E-SCALE"}
# Dates that may lie after the as-of date: until when an asset may be sent is a plan.
MAY_BE_LATER = {("assets", "expires_on"), ("asset_decisions", "expires_on")}
# Of these tables a date that is wrong and not needed is left out, and the rest of its row is used.
SPARED = ("assets", "asset_decisions", "asset_totals")
# A row that names a lead or an asset which no other file knows is an orphan: {table: (its column, whose rows)}.
PARENTS = {
    "stage_events": ("lead_id", "leads"), "sales_touches": ("lead_id", "leads"),
    "campaign_touches": ("lead_id", "leads"), "asset_usage": ("asset_id", "assets"),
    "training": ("asset_id", "assets"), "recommendations": ("asset_id", "assets"),
    "asset_totals": ("asset_id", "assets"), "asset_decisions": ("asset_id", "assets"),
}  # fmt: skip
XLSX_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!)$")
_ISO = r"\d{4}-\d{2}-\d{2}"
Values = tuple[list[Any], list[str]]  # what each distinct text means, and why it means nothing
AS_DAY = "\0day "  # beside a column of times: this value is a day as written, not a moment in UTC


@dataclass
class Part:
    """One input's rows on their way into one table; ``data`` has our columns, first as text, and ``record``.

    Blank text is "". A record of the file may give several rows (a survey's items, a lead's stages). It is *used* when
    one of its rows is, *rejected* when none is and at least one was rejected, else *excluded*. Values rejected from
    used records are kept beside the rejected rows and counted in a note.
    """

    entry: Input
    raw: Raw
    data: pd.DataFrame
    source: dict[str, str] = field(default_factory=dict)
    rejects: list[Reject] = field(default_factory=list)
    excluded: dict[str, Any] = field(default_factory=dict)  # {reason: an array of records}
    notes: list[str] = field(default_factory=list)
    file_notes: list[str] = field(default_factory=list)
    day_only: set[str] = field(default_factory=set)
    raw_columns: dict[str, int] = field(default_factory=dict)
    unread: list[str] = field(default_factory=list)  # their columns that nothing maps
    merged: dict[str, str] = field(default_factory=dict)  # {id of a merged record: the id that is left}

    @property
    def rule(self) -> TableRule:
        return TABLES[self.entry.table]

    def where(self, column: str) -> str:
        theirs = self.source.get(column)
        return f"{self.entry.file}, column {theirs}" if theirs else f"{self.entry.file}, {column}"

    def remember(self, bad: "pd.Series[bool]", column: str, code: str, reason: "str | pd.Series[str]") -> None:
        """Keeps for each of these rows which value could not be used, and why; whether the row stays is open."""
        rows = self.data[bad.to_numpy(dtype=bool)]
        why: Iterable[str] = repeat(reason) if isinstance(reason, str) else reason.loc[rows.index]
        theirs: Iterable[str] = repeat(self.source.get(column, column))
        if self.entry.shape == "survey" and column == "answer":  # each item has a column of its own
            theirs = rows["item"].map(self.entry.items)
        triples = zip(rows["record"].tolist(), theirs, why, strict=False)
        self.rejects += [Reject(record, name, code, told) for record, name, told in triples]

    def reject(self, bad: "pd.Series[bool]", column: str, code: str, reason: "str | pd.Series[str]") -> None:
        """Takes these rows out as rejected, and remembers which value and why."""
        if bad.any():
            self.remember(bad, column, code, reason)
            self.data = self.data.loc[~bad.to_numpy(dtype=bool)]

    def refuse(self, bad: "pd.Series[bool]", rule: ColumnRule, code: str, reason: "str | pd.Series[str]") -> None:
        """Takes out wrong values of this column alone where their rows can do without, else their rows as rejected."""
        is_spared = self.entry.table in SPARED and rule.kind == "date" and not rule.required
        if not is_spared or (code == "E-FUTURE" and rule.name == "created_on"):  # what is not there yet is no asset
            return self.reject(bad, rule.name, code, reason)
        if bad.any():
            self.remember(bad, rule.name, code, reason)
            column = self.data[rule.name]
            self.data = self.data.assign(**{rule.name: column.mask(bad, "" if code == "E-XLERR" else pd.NaT)})

    def exclude(self, out: "pd.Series[bool]", reason: str) -> None:
        """Takes these rows out by a rule, and remembers the rule."""
        gone = out.to_numpy(dtype=bool)
        if gone.any():
            before, more = self.excluded.get(reason, []), self.data.loc[gone, "record"].to_numpy()
            self.excluded[reason] = np.concatenate([np.asarray(before, dtype=np.int64), more])
            self.data = self.data.loc[~gone]

    def count(self) -> RowCount:
        """How does this file balance? Raises AlignError (E-ROWS) when the fate of a record is not known."""
        codes = [*dict.fromkeys(reject.code for reject in self.rejects)]
        names, used = [*self.excluded, *codes], len(self.excluded) + len(codes)
        fate = np.full(self.raw.read + 1, -1)  # of each record; what is written last counts
        for at, records in reversed([*enumerate(self.excluded.values())]):
            fate[records] = at
        for reject in reversed(self.rejects):
            fate[reject.record] = len(self.excluded) + codes.index(reject.code)
        fate[self.data["record"].to_numpy(dtype=np.int64)] = used
        places, first, n = np.unique(fate[1:], return_index=True, return_counts=True)
        found = {int(places[i]): int(n[i]) for i in np.argsort(first) if places[i] >= 0}
        out = {names[at]: n for at, n in found.items() if at < len(self.excluded)}
        rejected = {names[at]: n for at, n in found.items() if len(self.excluded) <= at < used}
        total = RowCount(
            file=self.entry.file, table=self.entry.table, read=self.raw.read, used=found.get(used, 0),
            rejected=sum(rejected.values()), excluded=sum(out.values()), reasons=rejected | out,
        )  # fmt: skip
        if not total.balances:
            fates = f"{total.used} used, {total.rejected} rejected, {total.excluded} excluded"
            what, fix = f"{total.read} rows read, but {fates}", "report this: the kit lost count"
            raise AlignError(Problem("E-ROWS", what, where=total.file, fix=fix))
        return total

    def originals(self, rejects: list[Reject] | None = None) -> dict[int, str]:
        """How did the rejected records (or these ``rejects``) read in the file? Only its mapped columns, as JSON."""
        among = self.rejects if rejects is None else rejects
        wanted = sorted({reject.record for reject in among} - self.raw.rejected_text.keys())
        columns = [self.raw.cells(at, wanted) for at in self.raw_columns.values()]
        rows = zip(*columns, strict=True) if columns else [()] * len(wanted)
        return self.raw.rejected_text | {
            record: json.dumps(dict(zip(self.raw_columns, row, strict=True)), ensure_ascii=False)
            for record, row in zip(wanted, rows, strict=True)
        }


def type_columns(part: Part, settings: Settings) -> list[Problem]:
    """Which problems do the columns have, now that each has turned from text into its type, row by row?"""
    problems: list[Problem] = []
    there = [rule for rule in part.rule.columns if rule.name in part.data]
    for rule in there if part.raw.is_workbook else ():
        part.refuse(part.data[rule.name].str.match(XLSX_ERROR), rule, "E-XLERR", "an error value of the workbook")
    for rule in part.rule.columns:
        if rule not in there:
            nothing = pd.Series(None, index=part.data.index, dtype=cast(Any, TYPES[rule.kind][1]))
            part.data = part.data.assign(**{rule.name: nothing})
            continue
        try:
            (_put if rule.kind in READERS else _read_time)(part, rule, settings)
            if (part.entry.table, rule.name) == ("responses", "answer"):
                _reject_beyond_ends(part)
            if rule.required:
                part.reject(part.data[rule.name].isna(), rule.name, "E-VALUE", f"{rule.name} is empty")
        except AlignError as error:
            problems += error.problems
    return problems


def _put(part: Part, rule: ColumnRule, settings: Settings) -> None:
    """Gives a column its values, one for each distinct text, and rejects the rows whose text is wrong."""
    if rule.kind == "text" and not rule.allowed:  # any text will do
        column = part.data[rule.name]
        part.data = part.data.assign(**{rule.name: column.mask(column == "", cast(Any, None))})
        return
    codes, texts, counts = distinct(part.data[rule.name])
    values, wrong = READERS[rule.kind](part, rule, texts, counts, settings)
    column = spread(values, codes, part.data[rule.name], TYPES[rule.kind][1])
    part.data = part.data.assign(**{rule.name: column})
    if any(wrong):
        reasons = pd.Series(wrong, dtype="str").take(codes).set_axis(part.data.index)
        code = "E-NUM" if rule.kind in ("number", "integer", "money", "duration") else "E-VALUE"
        part.reject(reasons != "", rule.name, CODE_OF.get(rule.name, code), reasons)


def _reject_beyond_ends(part: Part) -> None:
    """Rejects answers outside the ends of their item; of an item the instrument does not know, outside 1 to 5."""
    codes, names, _ = distinct(part.data["item"])
    limits = [(1, 5) if item is None else (item.low, item.high) for item in map(read_instrument().find, names)]
    ends = pd.DataFrame(limits, columns=["low", "high"], dtype="float64").take(codes).set_axis(part.data.index)
    answers = part.data["answer"]
    beyond = (answers < ends["low"]) | (answers > ends["high"])
    told = zip(answers[beyond], ends["low"][beyond], ends["high"][beyond], strict=True)
    reasons = [f"below {low:g}" if answer < low else f"above {high:g}" for answer, low, high in told]
    part.reject(beyond, "answer", "E-SCALE", pd.Series(reasons, index=answers.index[beyond], dtype="str"))


def _read_text(part: Part, rule: ColumnRule, texts: list[str], counts: list[int], settings: Settings) -> Values:
    every = dict(zip(texts, counts, strict=True)) if rule.allowed else {}
    unknown = {text: n for text, n in every.items() if text not in ("", *rule.allowed)}
    if unknown and CODE_OF.get(rule.name) in ("E-STAGE", "E-TEAM"):
        listed = ", ".join(f"{text!r} ({n})" for text, n in list(unknown.items())[:10])
        where = part.where(rule.name)
        part.notes.append(f"{where} holds labels that no mapping names: {listed}. Their rows are rejected.")
    why = f"not among {', '.join(rule.allowed)}"
    return [text or None for text in texts], [why if text in unknown else "" for text in texts]


def _read_flag(part: Part, rule: ColumnRule, texts: list[str], counts: list[int], settings: Settings) -> Values:
    flags = {text: FLAGS.get(text.casefold()) for text in texts}
    return list(flags.values()), ["neither yes nor no" if text and flags[text] is None else "" for text in texts]


def _read_number(part: Part, rule: ColumnRule, texts: list[str], counts: list[int], settings: Settings) -> Values:
    # people write answers in several ways; each has been read by itself (read_answer), with a decimal point
    decimal = "." if CODE_OF.get(rule.name) == "E-SCALE" else part.entry.decimal
    found: Sequence[Decimal | float | None]
    if rule.kind == "duration":
        found, wrong = read_durations(texts, part.where(rule.name), decimal)
    else:
        found, wrong = read_numbers(texts, part.where(rule.name), decimal, settings.currency, rule.kind)
    for at, number in enumerate(found):
        if number is not None and rule.low is not None and number < rule.low:
            wrong[at] = f"below {rule.low:g}"
        elif number is not None and rule.high is not None and number > rule.high:
            wrong[at] = f"above {rule.high:g}"
    as_kind = float if rule.kind in ("number", "duration") else int
    return [number if number is None else as_kind(number) for number in found], wrong


READERS: dict[str, Callable[[Part, ColumnRule, list[str], list[int], Settings], Values]] = {
    "text": _read_text, "labels": read_labels, "flag": _read_flag, "number": _read_number, "integer": _read_number,
    "money": _read_number, "duration": _read_number,
}  # fmt: skip


def _read_time(part: Part, rule: ColumnRule, settings: Settings) -> None:
    """Reads a column of dates or times; a wide file's stages are columns of their own, each read by itself."""
    entry, data = part.entry, part.data
    places = {part.source.get(rule.name, rule.name): data.index}
    if entry.shape == "wide" and rule.name == "entered_at" and len(data):
        source = data["stage"].map(lambda stage: entry.stages.get(stage, stage))
        places = {theirs: data.index[source == theirs] for theirs in source.unique()}
    next_day = datetime.combine(settings.as_of, time()) + timedelta(days=1)
    latest = day_end(settings.as_of, settings.timezone)
    pieces, day_only = [], True
    for theirs, here in places.items():
        column, where = data.loc[here, rule.name], f"{entry.file}, column {theirs}"
        zone, as_days = entry.timezone or settings.timezone, rule.kind == "date"
        ask = (where, entry.date_order, zone, bool(entry.timezone), as_days)
        try:
            piece, found = read_times(column, *ask)
        except AlignError as error:
            is_iso = column.str.match(_ISO)
            if entry.table != "asset_decisions" or error.problems[0].code != "E-DATEMIX" or not is_iso.any():
                raise
            # a date typed as text among a work list's own: none of those is worth less for it, and it alone is left out
            odd = ~is_iso & (column != "")
            piece, found = read_times(column.mask(odd, ""), *ask)
            why = "written in another way than the work list's own dates"
            piece["wrong"] = piece["wrong"].astype("str").mask(odd, why)
        piece["late"] = np.where(piece["as_day"], piece["value"] >= next_day, piece["value"] >= latest)
        pieces.append(piece)
        day_only = day_only and found.day_only
        part.notes += found.table_notes
        part.file_notes += found.file_notes
    read = pd.concat(pieces).reindex(data.index) if len(pieces) > 1 else pieces[0]
    values = read["value"].dt.normalize() if rule.kind == "date" else read["value"]
    if rule.kind == "timestamp" and day_only:
        part.day_only.add(f"{entry.table}.{rule.name}")
    part.data = data.assign(**{rule.name: values, AS_DAY + rule.name: read["as_day"]})
    if (entry.table, rule.name) not in MAY_BE_LATER:
        _reject_future(part, rule, read["late"], settings)
    part.refuse(read["wrong"].loc[part.data.index] != "", rule, "E-DATE", read["wrong"].loc[part.data.index])


def _reject_future(part: Part, rule: ColumnRule, late: "pd.Series[bool]", settings: Settings) -> None:
    if rule.name == "closed_at" and "outcome" in part.data:
        planned = (part.data["outcome"] == "open") & part.data[rule.name].notna()
        if planned.any():
            deals = count(int(planned.sum()), "open opportunity", "open opportunities")
            part.notes.append(f"{deals} carried a planned close date; it is not used.")
            part.data.loc[planned, rule.name] = pd.NaT
            late = late & ~planned
    part.refuse(late, rule, "E-FUTURE", f"after the as-of date {settings.as_of}")


def join_parts(parts: list[Part], settings: Settings) -> list[Problem]:
    """What do the files say of each other: rows given twice, orphans, and leads outside the period, which all go?"""
    problems: list[Problem] = []
    follow_merges(parts)
    by_table: dict[str, list[Part]] = {}
    for part in parts:
        by_table.setdefault(part.entry.table, []).append(part)
    for group in by_table.values():
        problems += drop_repeats(group, settings)
    for table, (column, parent) in PARENTS.items():
        if parent in by_table and table in by_table:
            known = join([part.data[column] for part in by_table[parent]])
            lost = [problem for part in by_table[parent] for problem in _all_rejected(part, parent)]
            found = [problem for part in by_table[table] for problem in _drop_orphans(part, column, parent, known)]
            problems += [problem for problem in (found if len(known) else lost or found) if problem not in problems]
    _keep_period(by_table, settings)
    return problems


def _all_rejected(part: Part, parent: str) -> list[Problem]:
    """Were all rows of this file rejected? Then those that name them have no fault of their own."""
    if not part.rejects or not part.data.empty:
        return []
    code = Counter(reject.code for reject in part.rejects).most_common(1)[0][0]
    what = f"all its rows for {parent} were rejected, so what names them could not be checked"
    return [Problem(code, what, where=part.entry.file, fix="run alignlib check, which says what was rejected and why")]


def _drop_orphans(part: Part, column: str, parent: str, known: "pd.Series[str]") -> list[Problem]:
    orphan = ~is_among(part.data[column], known)
    n, of, an = int(orphan.sum()), len(part.data), "an" if column[0] in "aeiou" else "a"
    if n > of / 2 and of > 1:
        what = f"{n} of {of} rows name {an} {column} that is not in {parent}"
        fix = "check that both files come from one export and that the ids are written alike"
        return [Problem("E-ORPHAN", what, where=part.where(column), fix=fix)]
    if n:
        rows = f"{count(n, 'row')} of {part.entry.file}"
        part.notes.append(f"{rows} named {an} {column} that is not in {parent} and had to be rejected.")
        part.reject(orphan, column, "E-ORPHAN", f"{column} is not in {parent}")
    return []


def _keep_period(by_table: dict[str, list[Part]], settings: Settings) -> None:
    """Leads created outside the period go, with all that belongs to them."""
    first, last, day = settings.period.start, settings.period.end, timedelta(days=1)
    gone = [pd.Series([], dtype="str")]
    for part in by_table.get("leads", []):
        if part.entry.shape == "merges":
            continue
        created, as_day = part.data["created_at"], part.data[AS_DAY + "created_at"].astype(bool)
        by_time = created.between(day_end(first - day, settings.timezone), day_end(last, settings.timezone), "left")
        by_day = created.between(pd.Timestamp(first), pd.Timestamp(last + day), "left")
        out = ~by_day.where(as_day, by_time)
        gone.append(part.data.loc[out, "lead_id"])
        part.exclude(out, "created outside the period")
    outside = join(gone)
    for table, (_, parent) in PARENTS.items():
        for part in by_table.get(table, []) if parent == "leads" and len(outside) else ():
            part.exclude(is_among(part.data["lead_id"], outside), "its lead was created outside the period")
