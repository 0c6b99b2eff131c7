"""What became of every row: read = used + rejected + excluded, for each file and table, with the reasons."""

import json
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, time, timedelta
from typing import Any, cast

import pandas as pd

from alignlib.engagement import Input, Settings
from alignlib.errors import AlignError, Problem
from alignlib.intake.dates import day_end, read_moments
from alignlib.intake.numbers import read_numbers
from alignlib.intake.read import Raw, Reject
from alignlib.intake.tables import TABLES, ColumnRule, TableRule
from alignlib.result import RowCount
from alignlib.words import count

YES, NO = frozenset({"true", "yes", "y", "1"}), frozenset({"false", "no", "n", "0"})
CODE_OF = {"stage": "E-STAGE", "team": "E-TEAM", "owner_team": "E-TEAM", "answer": "E-SCALE"}
# Dates that may lie after the as-of date: until when an asset may be sent is a plan.
MAY_BE_LATER = {("assets", "expires_on")}
# A row that names a lead or an asset which no other file knows is an orphan: {table: (its column, whose rows)}.
PARENTS = {
    "stage_events": ("lead_id", "leads"), "sales_touches": ("lead_id", "leads"),
    "campaign_touches": ("lead_id", "leads"), "asset_usage": ("asset_id", "assets"),
    "training": ("asset_id", "assets"), "recommendations": ("asset_id", "assets"),
}  # fmt: skip
XLSX_ERROR = re.compile(r"#(N/A|REF!|VALUE!|DIV/0!|NAME\?|NULL!|NUM!|SPILL!|CALC!)$")
AS_DAY = "\0day "  # beside a column of times: this value is a day as written, not a moment in UTC
DTYPES = {
    "text": "str", "number": "float64", "integer": "Int64", "money": "Int64", "flag": "boolean", "labels": "object",
    "date": "datetime64[us]", "timestamp": "datetime64[us]",
}  # fmt: skip


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
    excluded: dict[str, list[int]] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)
    file_notes: list[str] = field(default_factory=list)
    day_only: set[str] = field(default_factory=set)

    @property
    def rule(self) -> TableRule:
        return TABLES[self.entry.table]

    def where(self, column: str) -> str:
        theirs = self.source.get(column)
        return f"{self.entry.file}, column {theirs}" if theirs else f"{self.entry.file}, {column}"

    def reject(self, bad: "pd.Series[bool]", column: str, code: str, reason: "str | pd.Series[str]") -> None:
        """Takes these rows out as rejected, and remembers which value and why."""
        hit = self.data.loc[bad.to_numpy(dtype=bool)]
        reasons = [reason] * len(hit) if isinstance(reason, str) else reason.loc[hit.index].tolist()
        theirs = self.source.get(column, column)
        pairs = zip(hit["record"].tolist(), reasons, strict=True)
        self.rejects += [Reject(int(record), theirs, code, why) for record, why in pairs]
        self.data = self.data.loc[~bad.to_numpy(dtype=bool)]

    def exclude(self, out: "pd.Series[bool]", reason: str) -> None:
        """Takes these rows out by a rule, and remembers the rule."""
        gone = out.to_numpy(dtype=bool)
        if gone.any():
            self.excluded.setdefault(reason, []).extend(int(r) for r in self.data.loc[gone, "record"])
            self.data = self.data.loc[~gone]

    def count(self) -> RowCount:
        """How does this file balance? Raises AlignError (E-ROWS) when the fate of a record is not known."""
        reasons: dict[str, int] = {}
        fate: dict[int, str] = {}
        for record, why in [(reject.record, reject.code) for reject in self.rejects]:
            fate.setdefault(record, why)
        rejected = set(fate) - (used := set(self.data["record"].tolist()))
        excluded: dict[int, str] = {}
        for reason, records in self.excluded.items():
            for record in records:
                if record not in used and record not in rejected:
                    excluded.setdefault(record, reason)
        for record in sorted(rejected):
            reasons[fate[record]] = reasons.get(fate[record], 0) + 1
        for reason in excluded.values():
            reasons[reason] = reasons.get(reason, 0) + 1
        total = RowCount(
            file=self.entry.file, table=self.entry.table, read=self.raw.read, used=len(used), rejected=len(rejected),
            excluded=len(excluded), reasons=reasons,
        )  # fmt: skip
        if not total.balances:
            what = (
                f"{total.read} rows read, but {total.used} used, {total.rejected} rejected, {total.excluded} excluded"
            )
            raise AlignError(Problem("E-ROWS", what, where=total.file, fix="report this: the kit lost count"))
        return total

    def originals(self) -> dict[int, str]:
        """How did the rejected records read in the file? Only its mapped columns, as JSON."""
        wanted = {reject.record for reject in self.rejects}
        texts = dict(self.raw.rejected_text)
        for record, row in zip(self.raw.records, self.raw.rows, strict=True):
            if record in wanted:
                texts[record] = json.dumps({name: row[at] for name, at in self.raw_columns.items()}, ensure_ascii=False)
        return texts

    raw_columns: dict[str, int] = field(default_factory=dict)


def distinct(column: "pd.Series[str]") -> tuple[Any, list[str], list[int]]:
    """Which distinct texts does a column hold, how often each, and which of them stands in each row?"""
    codes, uniques = pd.factorize(column)
    counts = pd.Series(codes).value_counts().reindex(range(len(uniques)), fill_value=0)
    return codes, pd.Series(uniques).tolist(), counts.tolist()


def type_columns(part: Part, settings: Settings) -> list[Problem]:
    """Which problems do the columns have, now that each has turned from text into its type, row by row?"""
    problems: list[Problem] = []
    _excel_errors(part)
    for rule in part.rule.columns:
        if rule.name not in part.data:
            part.data = part.data.assign(**{rule.name: pd.Series(None, index=part.data.index, dtype=DTYPES[rule.kind])})
            continue
        try:
            READERS[rule.kind](part, rule, settings)
            if rule.required:
                empty = part.data[rule.name].isna()
                part.reject(empty, rule.name, "E-VALUE", f"{rule.name} is empty")
        except AlignError as error:
            problems += error.problems
    return problems


def _excel_errors(part: Part) -> None:
    if not part.raw.is_workbook:
        return
    for column in [c.name for c in part.rule.columns if c.name in part.data]:
        if (bad := part.data[column].str.match(XLSX_ERROR)).any():
            part.reject(bad, column, "E-XLERR", "an error value of the workbook")


def _put(part: Part, rule: ColumnRule, codes: Any, values: list[Any]) -> None:
    table = pd.Series(values, dtype=cast(Any, DTYPES[rule.kind]))
    column = table.take(codes)
    part.data = part.data.assign(**{rule.name: column.set_axis(part.data.index)})


def _check(part: Part, rule: ColumnRule, codes: Any, wrong: list[str], code: str) -> Any:
    """Rejects the rows whose value is wrong; gives the codes of the rows that stay."""
    if not any(wrong):
        return codes
    reasons = pd.Series(wrong, dtype="str").take(codes).set_axis(part.data.index)
    bad = reasons != ""
    part.reject(bad, rule.name, code, reasons)
    return codes[~bad.to_numpy(dtype=bool)]


def _read_text(part: Part, rule: ColumnRule, settings: Settings) -> None:
    codes, texts, counts = distinct(part.data[rule.name])
    code = CODE_OF.get(rule.name, "E-VALUE")
    unknown = [text for text in texts if rule.allowed and text and text not in rule.allowed]
    wrong = [f"not among {', '.join(rule.allowed)}" if text in unknown else "" for text in texts]
    if unknown and code in ("E-STAGE", "E-TEAM"):
        listed = ", ".join(f"{text!r} ({counts[texts.index(text)]})" for text in unknown[:10])
        part.notes.append(
            f"{part.where(rule.name)} holds labels that no mapping names: {listed}. Their rows are rejected."
        )
    codes = _check(part, rule, codes, wrong, code)
    _put(part, rule, codes, [text or None for text in texts])


def _read_labels(part: Part, rule: ColumnRule, settings: Settings) -> None:
    mark = part.entry.separators.get(rule.name)
    renamed = part.entry.values.get(rule.name, {})
    codes, texts, counts = distinct(part.data[rule.name])
    lists: list[list[str] | None] = []
    repeats, unknown = 0, 0
    records = part.data["record"].to_numpy()
    for at, text in enumerate(texts):
        labels = [label.strip() for label in (text.split(mark) if mark else [text])]
        labels = [renamed.get(label, label) for label in labels]
        known = [label for label in labels if label and (not rule.allowed or label in rule.allowed)]
        once = list(dict.fromkeys(known))
        repeats += counts[at] * (len(once) < len(known))
        if strange := [label for label in labels if label and label not in known]:
            unknown += counts[at] * len(strange)
            why = f"not among {', '.join(rule.allowed)}"
            theirs = part.source.get(rule.name, rule.name)
            part.rejects += [Reject(int(r), theirs, "E-VALUE", why) for r in records[codes == at]]
        lists.append(once or None)
    if repeats:
        part.notes.append(
            f"{count(repeats, 'row')} of {part.where(rule.name)} repeated a label; each label counts once."
        )
    if unknown:
        what = f"{count(unknown, 'label')} of {part.where(rule.name)}"
        part.notes.append(f"{what} did not match {', '.join(rule.allowed)}; only they were left out.")
    _put(part, rule, codes, lists)


def _read_flag(part: Part, rule: ColumnRule, settings: Settings) -> None:
    codes, texts, _ = distinct(part.data[rule.name])
    folded = [text.casefold() for text in texts]
    wrong = ["" if not text or text in YES | NO else "neither yes nor no" for text in folded]
    codes = _check(part, rule, codes, wrong, "E-VALUE")
    _put(part, rule, codes, [None if text not in YES | NO else text in YES for text in folded])


def _read_number(part: Part, rule: ColumnRule, settings: Settings) -> None:
    codes, texts, _ = distinct(part.data[rule.name])
    code = CODE_OF.get(rule.name, "E-NUM")
    if code == "E-SCALE":  # a survey's unknown label is one value, not a column written in two ways
        texts = [text if re.fullmatch(r"-?\d+([.,]\d+)?", text) else text and "?" for text in texts]
    found, wrong = read_numbers(texts, part.where(rule.name), part.entry.decimal, settings.currency, rule.kind)
    low, high = rule.low, rule.high
    for at, number in enumerate(found):
        if number is not None and ((low is not None and number < low) or (high is not None and number > high)):
            wrong[at] = f"below {low:g}" if low is not None and number < low else f"above {high:g}"
    codes = _check(part, rule, codes, wrong, code)
    whole = rule.kind != "number"
    _put(part, rule, codes, [None if n is None else int(n) if whole else float(n) for n in found])


def _read_time(part: Part, rule: ColumnRule, settings: Settings) -> None:
    """Reads a column of dates or times; a wide file's stages are columns of their own, each read by itself."""
    if part.entry.shape == "wide" and rule.name == "entered_at":
        stages = part.data["stage"]
        pieces = [
            (part.entry.stages[stage], stages == stage) for stage in stages.unique() if stage in part.entry.stages
        ]
    else:
        pieces = [(part.source.get(rule.name, rule.name), pd.Series(True, index=part.data.index))]
    next_day = datetime.combine(settings.as_of, time()) + timedelta(days=1)
    latest = day_end(settings.as_of, settings.timezone)
    values = pd.Series(pd.NaT, index=part.data.index, dtype="datetime64[us]")
    wrong = pd.Series("", index=part.data.index, dtype="str")
    late, as_day = pd.Series(False, index=part.data.index), pd.Series(False, index=part.data.index)
    day_only = [True]
    for theirs, rows in pieces:
        codes, texts, counts = distinct(part.data.loc[rows, rule.name])
        moments = read_moments(
            texts, counts, f"{part.entry.file}, column {theirs}", part.entry.date_order,
            part.entry.timezone or settings.timezone, bool(part.entry.timezone), rule.kind == "date",
        )  # fmt: skip
        if rule.kind == "date":
            moments.values = [v and v.replace(hour=0, minute=0, second=0, microsecond=0) for v in moments.values]
        values.loc[rows] = pd.Series(moments.values, dtype="datetime64[us]").take(codes).to_numpy()
        wrong.loc[rows] = pd.Series(moments.wrong, dtype="str").take(codes).to_numpy()
        over = [bool(v and v >= (next_day if d else latest)) for v, d in zip(moments.values, moments.days, strict=True)]
        late.loc[rows] = pd.Series(over, dtype="bool").take(codes).to_numpy()
        as_day.loc[rows] = pd.Series(moments.days, dtype="bool").take(codes).to_numpy()
        day_only.append(moments.day_only)
        part.notes += moments.table_notes
        part.file_notes += moments.file_notes
    if rule.kind == "timestamp" and all(day_only):
        part.day_only.add(f"{part.entry.table}.{rule.name}")
    part.data = part.data.assign(**{rule.name: values, AS_DAY + rule.name: as_day})
    _reject_future(part, rule, late, settings)
    part.reject(wrong.loc[part.data.index] != "", rule.name, "E-DATE", wrong)


def _reject_future(part: Part, rule: ColumnRule, late: "pd.Series[bool]", settings: Settings) -> None:
    if (part.entry.table, rule.name) in MAY_BE_LATER:
        return
    if rule.name == "closed_at" and "outcome" in part.data:
        planned = (part.data["outcome"] == "open") & part.data[rule.name].notna()
        if planned.any():
            deals = count(int(planned.sum()), "open opportunity", "open opportunities")
            part.notes.append(f"{deals} carried a planned close date; it is not used.")
            part.data.loc[planned, rule.name] = pd.NaT
            late = late & ~planned
    part.reject(late, rule.name, "E-FUTURE", f"after the as-of date {settings.as_of}")


READERS: dict[str, Callable[[Part, ColumnRule, Settings], None]] = {
    "text": _read_text, "labels": _read_labels, "flag": _read_flag, "number": _read_number, "integer": _read_number,
    "money": _read_number, "date": _read_time, "timestamp": _read_time,
}  # fmt: skip


def join_parts(parts: list[Part], settings: Settings) -> list[Problem]:
    """What do the files say of each other: rows given twice, orphans, and leads outside the period, which all go?"""
    problems: list[Problem] = []
    by_table: dict[str, list[Part]] = {}
    for part in parts:
        by_table.setdefault(part.entry.table, []).append(part)
    for table, group in by_table.items():
        problems += _drop_repeats(table, group)
    for table, (column, parent) in PARENTS.items():
        if parent in by_table and table in by_table:
            known = set(_all(by_table[parent], column).dropna())
            problems += [problem for part in by_table[table] for problem in _drop_orphans(part, column, parent, known)]
    _keep_period(by_table, settings)
    return problems


def _all(group: list[Part], column: str) -> "pd.Series[Any]":
    return pd.concat([part.data[column] for part in group], ignore_index=True)


def _drop_repeats(table: str, group: list[Part]) -> list[Problem]:
    key = list(TABLES[table].key)
    if not key:
        return []
    columns = [column.name for column in TABLES[table].columns]
    whole = pd.concat([part.data[columns] for part in group], keys=range(len(group)), names=["part", "row"])
    for column in TABLES[table].columns:
        if column.kind == "labels":
            whole[column.name] = whole[column.name].map(
                lambda labels: "\0".join(labels) if isinstance(labels, list) else ""
            )
    again = whole.duplicated(key)
    if not again.any():
        return []
    same = whole.duplicated(columns)
    differing = whole[again & ~same]
    if len(differing):
        first = next(iter(differing.itertuples(index=False, name=None)))
        shown = ", ".join(key) if "respondent_id" in key else f"{key[0]} {first[columns.index(key[0])]!r}"
        what = f"{count(len(differing), 'row')} repeated a key with different values, the first {shown}"
        where = ", ".join(dict.fromkeys(part.entry.file for part in group))
        return [Problem("E-DUPID", what, where=where, fix="export each only once, or keep the latest")]
    for number, part in enumerate(group):
        part.exclude(again.loc[number].reindex(part.data.index), "identical duplicate")
    return []


def _drop_orphans(part: Part, column: str, parent: str, known: set[str]) -> list[Problem]:
    orphan = ~part.data[column].isin(known)
    if not orphan.any():
        return []
    n, of = int(orphan.sum()), len(part.data)
    if n > of / 2 and of > 1:
        what = f"{n} of {of} rows name a {column} that is not in {parent}"
        fix = "check that both files come from one export and that the ids are written alike"
        return [Problem("E-ORPHAN", what, where=part.where(column), fix=fix)]
    part.notes.append(
        f"{count(n, 'row')} of {part.entry.file} named a {column} that is not in {parent} and had to be rejected."
    )
    part.reject(orphan, column, "E-ORPHAN", f"{column} is not in {parent}")
    return []


def _keep_period(by_table: dict[str, list[Part]], settings: Settings) -> None:
    """Leads created outside the period go, with all that belongs to them."""
    start = day_end(settings.period.start - timedelta(days=1), settings.timezone)
    end = day_end(settings.period.end, settings.timezone)
    outside: set[str] = set()
    for part in by_table.get("leads", []):
        created, as_day = part.data["created_at"], part.data[AS_DAY + "created_at"]
        early = created < as_day.map({True: pd.Timestamp(settings.period.start), False: start})
        late = created >= as_day.map({True: pd.Timestamp(settings.period.end) + pd.Timedelta(days=1), False: end})
        out = early | late
        outside |= set(part.data.loc[out, "lead_id"])
        part.exclude(out, "created outside the period")
    for table in ("stage_events", "sales_touches", "campaign_touches"):
        for part in by_table.get(table, []):
            part.exclude(part.data["lead_id"].isin(outside), "its lead was created outside the period")
