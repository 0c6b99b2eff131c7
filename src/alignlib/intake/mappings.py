"""How do a client's columns and labels become ours? Only what engagement.yml maps is ever loaded."""

import difflib
import re
import unicodedata
from collections.abc import Callable
from functools import partial
from typing import Any
from zoneinfo import ZoneInfo

import pandas as pd

from alignlib.engagement import Input, Lookup, Settings
from alignlib.errors import AlignError, Problem
from alignlib.intake.read import Raw, plain_name
from alignlib.intake.rows import Part
from alignlib.intake.tables import TABLES
from alignlib.result import RowCount
from alignlib.words import count

_TOTAL = re.compile(r"(grand |sub-?)?(totals?|sum|summe|gesamt|insgesamt|report total)\W*$", re.IGNORECASE)
_EDGE = "[\\s\u00a0\u200b\u200c\u200d\u2060\ufeff]"
_TRIM = re.compile(f"^{_EDGE}+|{_EDGE}+$")
# Columns that stand for people: their values are never printed in a note.
_PEOPLE = frozenset({"respondent_id", "owner_id", "user_id", "lead_id", "owner"})


def map_input(raw: Raw, entry: Input, settings: Settings, lookups: list[Raw]) -> tuple[Part, list[RowCount]]:
    """Which rows of our table does this file give, still as text?

    Their columns are found by name without case, invisible signs and doubled spaces; with two header rows a column is
    "row 1 | row 2", row 2 alone when that is unique, or row 1 alone when row 2 is empty or "Response". One column of
    theirs may feed several of ours (a date is both creation and first stage); one of ours has one origin.
    Raises AlignError with every fault: E-MAP, E-NOCOL, E-DUPCOL, E-DUPID (a lookup's key stands twice).
    """
    problems = _unknown_names(entry)
    places: dict[str, int] = {}
    for theirs in _their_columns(entry):
        _place(raw, theirs, places, problems)
    for lookup, other in zip(entry.lookups, lookups, strict=True):
        for theirs in (*lookup.match.values(), *lookup.columns.values()):
            _place(other, theirs, {}, problems)
    if problems:
        raise AlignError(problems)
    part = _frame(raw, entry, places)
    counts = [_look_up(part, lookup, other, places) for lookup, other in zip(entry.lookups, lookups, strict=True)]
    _leave_out(part, places)
    _reshape(part, places)
    _rename_values(part, settings)
    part.data = part.data.drop(columns=[name for name in part.data if str(name).startswith("\0")])
    return part, counts


def _their_columns(entry: Input) -> list[str]:
    return [*entry.columns.values(), *entry.stages.values(), *entry.items.values(),
            *(theirs for lookup in entry.lookups for theirs in lookup.match)]  # fmt: skip


def _unknown_names(entry: Input) -> list[Problem]:
    """Which of our names in this input are no columns, come from two places, or are required and missing?"""
    rule = TABLES[entry.table]
    ours = [column.name for column in rule.columns]
    given = [*entry.columns, *entry.constants, *(name for lookup in entry.lookups for name in lookup.columns)]
    problems = []
    for name in dict.fromkeys([*given, *entry.values, *entry.separators]):
        if name not in ours:
            near = difflib.get_close_matches(name, ours, n=1, cutoff=0.5)
            what = f"{entry.table} has no column {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            problems.append(Problem("E-MAP", what, where=entry.file, allowed=", ".join(ours)))
    try:
        ZoneInfo(entry.timezone or "UTC")
    except (ValueError, KeyError, OSError):
        what = f"{entry.timezone!r} is not a time zone such as Europe/Berlin"
        problems.append(Problem("E-CONFIG", what, where=entry.file, fix="correct timezone at this input"))
    for name in {name for name in given if given.count(name) > 1}:
        problems.append(Problem("E-MAP", f"{name} is filled from two places", where=entry.file, fix="keep one of them"))
    made = {"wide": {"stage", "entered_at"}, "survey": {"item", "answer", "respondent_id"}}.get(entry.shape, set())
    for column in rule.columns:
        if column.required and column.name not in given and column.name not in made:
            what = f"{entry.table} needs {column.name} ({column.meaning}), and nothing is mapped to it"
            problems.append(
                Problem("E-NOCOL", what, where=entry.file, fix=f"add {column.name} to columns or constants")
            )
    return problems


def _place(raw: Raw, theirs: str, places: dict[str, int], problems: list[Problem]) -> None:
    """Where does this column stand? Adds it to ``places``, or the reason why not to ``problems``."""
    if theirs in places:
        return
    names = addresses(raw)
    hits = names.get(plain_name(theirs), [])
    same = len(hits) > 1 and all(len({row[at] for at in hits}) == 1 for row in raw.rows)
    if len(hits) == 1 or same:
        places[theirs] = hits[0]
        if same:
            raw.notes.append(
                f"{raw.file} has the column {theirs} {len(hits)} times with the same content; one is read."
            )
    elif hits:
        at = ", ".join(str(hit + 1) for hit in hits)
        what = f"the name {theirs!r} stands over {len(hits)} columns (number {at}) that differ"
        problems.append(Problem("E-DUPCOL", what, where=raw.file, fix="rename one of them in the file"))
    else:
        shown = [
            " | ".join(dict.fromkeys(part.strip() for part in parts if part.strip()))
            for parts in zip(*raw.headers, strict=True)
        ]
        near = difflib.get_close_matches(plain_name(theirs), list(names), n=3, cutoff=0.5)
        best = [shown[names[name][0]] for name in near]
        what = f"there is no column {theirs!r}" + (f"; nearest: {', '.join(dict.fromkeys(best))}" if best else "")
        fix = "correct the name in engagement.yml" + _header_further_down(raw, theirs)
        allowed = ", ".join(name for name in shown[:30] if name)
        problems.append(Problem("E-MAP", what, where=raw.file, allowed=allowed, fix=fix))


def addresses(raw: Raw) -> dict[str, list[int]]:
    """By which names can each column be called? {plain name: the places it stands at}."""
    rows = [[plain_name(cell) for cell in row] for row in raw.headers]
    if len(rows) == 2:  # SurveyMonkey: the question stands over the first of its columns only
        last = ""
        rows[0] = [last := cell or last for cell in rows[0]]
    full: dict[str, list[int]] = {}
    short: dict[str, list[int]] = {}
    for at, parts in enumerate(zip(*rows, strict=True)):
        filled = [part for part in parts if part]
        full.setdefault(" | ".join(filled) or f"column_{at + 1}", []).append(at)
        if len(rows) == 2 and parts[1] not in ("", "response"):
            filled = [parts[1]]
        for name in filled if len(rows) > 1 else []:
            short.setdefault(name, []).append(at)
    return full | {name: places for name, places in short.items() if name not in full}


def _header_further_down(raw: Raw, theirs: str) -> str:
    for record, row in zip(raw.records[:30], raw.rows, strict=False):
        if plain_name(theirs) in (plain_name(cell) for cell in row):
            return f"; the header seems to stand lower: skip_rows: {raw.lines[record - 1] - 1}"
    return ""


def _frame(raw: Raw, entry: Input, places: dict[str, int]) -> Part:
    """Their mapped columns as text, each under \\0 and its own name, beside the number of the record."""
    columns: dict[str, list[str] | list[int]] = {"record": raw.records}
    columns |= {"\0" + theirs: [row[at] for row in raw.rows] for theirs, at in places.items()}
    data = pd.DataFrame({"record": pd.Series(raw.records, dtype="int64")})
    part = Part(entry, raw, data, source=dict(entry.columns), rejects=list(raw.rejects), raw_columns=places)
    for name, values in list(columns.items())[1:]:
        part.data[name] = pd.Series(values, dtype="str")
        _tidy(part, name)
    if raw.blank:
        part.excluded["empty row"] = list(raw.blank)
    return part


def _tidy(part: Part, name: str) -> None:
    """Takes spaces from both ends and writes accented letters in one way; says how often."""
    _by_value(part, name, tidy)
    trimmed = part.data[name + "\0changed"].sum() if name + "\0changed" in part.data else 0
    if trimmed:
        where = f"{count(int(trimmed), 'value')} of {part.entry.file}, column {name[1:]}"
        part.file_notes.append(f"{where}, had spaces at an end or accents written in another form.")
        part.data = part.data.drop(columns=name + "\0changed")


def tidy(text: str) -> str:
    """How is a cell kept: without spaces at its ends, accented letters composed, all else as it was?"""
    if text.isascii() and text == text.strip():
        return text
    return _TRIM.sub("", unicodedata.normalize("NFC", text))


def _by_value(part: Part, name: str, change: Callable[[str], str]) -> None:
    codes, uniques = pd.factorize(part.data[name])
    texts: list[str] = pd.Series(uniques).tolist()
    changed = [change(text) for text in texts]
    if changed != texts:
        moved = pd.Series([old != new for old, new in zip(texts, changed, strict=True)]).take(codes)
        part.data[name] = pd.Series(changed, dtype="str").take(codes).set_axis(part.data.index)
        part.data[name + "\0changed"] = moved.set_axis(part.data.index)


def _look_up(part: Part, lookup: Lookup, other: Raw, places: dict[str, int]) -> RowCount:
    """Adds the columns of a second file to each row with the same text; rows without a partner stay and are counted."""
    ((mine, theirs),) = lookup.match.items()
    found: dict[str, int] = {}
    wanted: list[Problem] = []
    _place(other, theirs, found, wanted)
    for name in lookup.columns.values():
        _place(other, name, found, wanted)
    table: dict[str, tuple[str, ...]] = {}
    for row in other.rows:
        key = tidy(row[found[theirs]])
        values = tuple(tidy(row[found[name]]) for name in lookup.columns.values())
        if key and table.setdefault(key, values) != values:
            what = f"the {theirs} {key!r} stands on rows that differ"
            raise AlignError(Problem("E-DUPID", what, where=lookup.file, fix="keep one row for each"))
    keys = part.data["\0" + mine]
    for at, ours in enumerate(lookup.columns):
        partner = {key: values[at] for key, values in table.items()}
        part.data[ours] = keys.map(partner).fillna("").astype("str")
        part.source[ours] = f"{lookup.columns[ours]} of {lookup.file}"
    _note_partners(part, lookup, mine, theirs, keys, list(table))
    asked = set(keys.unique())
    used = sum(tidy(row[found[theirs]]) in asked for row in other.rows)
    reasons = {"no row refers to it": len(other.rows) - used} if used < len(other.rows) else {}
    reasons |= {"empty row": len(other.blank)} if other.blank else {}
    for reject in other.rejects:
        reasons[reject.code] = reasons.get(reject.code, 0) + 1
    return RowCount(
        file=lookup.file, table=part.entry.table, read=other.read, used=used, rejected=len(other.rejects),
        excluded=len(other.rows) - used + len(other.blank), reasons=reasons,
    )  # fmt: skip


def _note_partners(
    part: Part, lookup: Lookup, mine: str, theirs: str, keys: "pd.Series[str]", known: list[str]
) -> None:
    people = any(ours in _PEOPLE for ours, name in part.entry.columns.items() if name == mine)
    lone = keys[(keys != "") & ~keys.isin(known)].value_counts()
    file = part.entry.file
    for value, n in [] if people else lone.head(10).items():
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
        hint = f"; the nearest there is {near[0]!r}" if near else ""
        rows = count(int(n), "row")
        part.notes.append(f"{rows} of {file} had the {mine} {value!r}, which is not in {lookup.file}{hint}.")
    rest = lone if people else lone.iloc[10:]
    if len(rest):
        more = "" if people else " more"
        rows, kinds = count(int(rest.sum()), "row"), count(len(rest), f"{mine} value")
        part.notes.append(f"{rows} of {file} had{more} {kinds} that {lookup.file} does not hold.")
    if blank := int((keys == "").sum()):
        part.notes.append(f"{count(blank, 'row')} of {file} had no {mine}, so {lookup.file} adds nothing to them.")


def _leave_out(part: Part, places: dict[str, int]) -> None:
    """Rejects totals and footers, then excludes what the mapping says: {their column (or ours): [values]}."""
    first = next((part.entry.columns[k] for k in part.rule.key if k in part.entry.columns), None)
    needed = [c.name for c in part.rule.columns if c.required]
    anchor = first or next((part.entry.columns[name] for name in needed if name in part.entry.columns), None)
    if anchor:
        keys = part.data["\0" + anchor]
        suspects = part.data.loc[(keys == "") | keys.str.match(_TOTAL), "record"]
        by_record = dict(zip(part.raw.records, part.raw.rows, strict=True)) if len(suspects) else {}
        totals = {r for r in suspects.tolist() if any(_TOTAL.match(cell.strip()) for cell in by_record[r])}
        part.reject(part.data["record"].isin(totals), anchor, "E-TOTAL", "a total or a footer, not a record")
    for name, values in part.entry.exclude.items():
        theirs = part.entry.columns.get(name, name)
        if theirs not in places:
            problems: list[Problem] = []
            _place(part.raw, theirs, places, problems)
            if problems:
                raise AlignError(problems)
            lookup = dict(zip(part.raw.records, part.raw.rows, strict=True))
            part.data["\0" + theirs] = [tidy(lookup[r][places[theirs]]) for r in part.data["record"].tolist()]
        part.exclude(part.data["\0" + theirs].isin(values), f"excluded by rule on {theirs}")


def _reshape(part: Part, places: dict[str, int]) -> None:
    """Gives the columns our names; one row a stage (wide) or an item (survey) where the file has one column each."""
    for ours, theirs in part.entry.columns.items():
        part.data[ours] = part.data["\0" + theirs]
    for ours, constant in part.entry.constants.items():
        part.data[ours] = pd.Series(constant, index=part.data.index, dtype="str")
    if part.entry.shape == "survey" and "respondent_id" not in part.data:
        part.data["respondent_id"] = part.data["record"].astype("str") + f" of {part.entry.file}"
    if part.entry.shape == "rows":
        return
    wide = part.entry.shape == "wide"
    named = part.entry.stages if wide else part.entry.items
    name, value = ("stage", "entered_at") if wide else ("item", "answer")
    columns: Any = {ours: {name: ours, value: part.data["\0" + theirs]} for ours, theirs in named.items()}
    pieces = [part.data.assign(**new) for new in columns.values()]
    filled = pd.concat([piece[value] != "" for piece in pieces], axis=1).any(axis=1)
    part.exclude(~filled, "no stage recorded" if wide else "no item answered")
    long = pd.concat(pieces, ignore_index=True)
    keep = long[value] != "" if wide else long["record"].isin(set(part.data["record"]))
    part.data = long[keep].sort_values("record", kind="stable", ignore_index=True)


def _renamed(exact: dict[str, str], folded: dict[str, str], text: str) -> str:
    return exact.get(text, folded.get(plain_name(text), text))


def _rename_values(part: Part, settings: Settings) -> None:
    """Their labels become ours: by the input's values first, then by the engagement's stages and teams."""
    teams = {label: team for team, each in settings.teams.items() for label in (team, *each.labels)}
    for column in part.rule.columns:
        if column.name not in part.data or column.kind == "labels":
            continue
        renamed = dict(part.entry.values.get(column.name, {}))
        if column.name in ("team", "owner_team"):
            renamed = teams | renamed
        elif column.name == "stage":
            renamed = dict(settings.stages) | renamed
        elif part.entry.table == "responses" and column.name == "answer":
            renamed = dict(part.entry.labels) | renamed
        own = {} if column.name == "item" else {value: value for value in column.allowed}
        if renamed or own:
            folded = {plain_name(theirs): ours for theirs, ours in (own | renamed).items()}
            _by_value(part, column.name, partial(_renamed, renamed, folded))
            part.data = part.data.drop(columns=column.name + "\0changed", errors="ignore")
    if part.entry.table == "responses" and "answer" in part.data:
        cannot = part.data["answer"] == "cannot_say"
        part.data["answer"] = part.data["answer"].mask(cannot, "")
        if "cannot_say" not in part.data:
            part.data["cannot_say"] = cannot.map({True: "true", False: "false"}).astype("str")
