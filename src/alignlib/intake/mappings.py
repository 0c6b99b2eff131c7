"""How do a client's columns and labels become ours? Only what engagement.yml maps is ever loaded."""

import difflib
import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator
from functools import partial
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alignlib.engagement import Input, Lookup, Settings
from alignlib.errors import AlignError, Problem
from alignlib.intake.answers import is_hasty, keep_last, labels_of, read_answers
from alignlib.intake.columns import by_value, is_total, may_be_total, tidy, tidy_column
from alignlib.intake.currencies import currency_columns, refuse_other_currencies
from alignlib.intake.exports import PEOPLE, TOOLS, Export, name_asked, recognise
from alignlib.intake.headers import addresses, names_of
from alignlib.intake.merged import note_merges, other_forms
from alignlib.intake.read import LISTS, Raw, plain_name
from alignlib.intake.repeats import LATEST
from alignlib.intake.rows import Part
from alignlib.intake.synonyms import is_mapped_by_headers, map_by_headers, without_labels
from alignlib.intake.tables import ANSWERS, TABLES
from alignlib.result import RowCount
from alignlib.words import count, listed

CHECKLIST = ("topic", "question", "helps")  # what the facts checklist says for its reader, and no table holds
MOST_NAMED = 10  # columns that a note names one by one
# Columns that stand for people: their values are never printed in a note.
PERSONAL = frozenset({"respondent_id", "owner_id", "user_id", "lead_id", "owner"})
_RESPONSES = frozenset(column.name for column in TABLES["responses"].columns)


def map_input(raw: Raw, entry: Input, settings: Settings, lookups: list[Raw]) -> tuple[Part, list[RowCount]]:
    """Which rows of our table does this file give, still as text?

    Their columns are found by name without case, invisible signs and doubled spaces; with two header rows a column is
    "row 1 | row 2", row 2 alone when that is unique, or row 1 alone when row 2 is empty or "Response". One column of
    theirs may feed several of ours (a date is both creation and first stage); one of ours has one origin. A survey
    without ``items`` is mapped by the words of its questions; other rows by their headers (``is_mapped_by_headers``).
    Raises AlignError with every fault: E-MAP, E-NOCOL, E-DUPCOL, E-DUPID (a lookup's key stands twice),
    E-NUM (amounts in several currencies).
    """
    problems: list[Problem] = []
    known: dict[str, int] = {}
    notes: list[str] = []
    if entry.table == "facts" and Path(entry.file).suffix.lower() in LISTS and not entry.columns:
        own = {key: key for key in raw.headers[0] if key not in CHECKLIST}
        entry = entry.model_copy(update={"columns": own})
    export = recognise([*raw.headers, *raw.rows[:2]], len(raw.headers)) if entry.shape == "survey" else None
    if export and not entry.items:
        entry, known = _by_words(raw, entry, export, settings, problems)
    if entry.table not in ANSWERS and is_mapped_by_headers(entry):
        entry, notes, problems = map_by_headers(raw, entry, settings)
    entry = entry.model_copy(update={"values": without_labels(entry)})
    asked = {problem.code for problem in problems}
    problems += [problem for problem in _unknown_names(entry) if problem.code not in asked & {"E-NOCOL"}]
    mapped = [*entry.columns.values(), *entry.stages.values(), *entry.items.values()]
    mapped += [theirs for lookup in entry.lookups for theirs in lookup.match]
    mapped += [theirs for theirs in (entry.merged_ids, entry.merged_into, entry.keep_latest) if theirs]
    places = known | _places(raw, [theirs for theirs in mapped if theirs not in known], problems)
    looked_up = {name for lookup in entry.lookups for name in lookup.columns}
    ruled = [entry.columns.get(name, name) for name in (*entry.exclude, *entry.only) if name not in looked_up]
    ruled_places = places | _places(raw, [theirs for theirs in ruled if theirs not in places], problems)
    rule = export.at(export.tool.leave_out[0]) if export else None
    if export and rule is not None:
        ruled_places |= {raw.headers[0][rule]: rule}
        left_out = {raw.headers[0][rule]: [*export.tool.leave_out[1]]}
        entry = entry.model_copy(update={"exclude": left_out | entry.exclude})
    partners = [
        (lookup, other, _places(other, [*lookup.match.values(), *lookup.columns.values()], problems))
        for lookup, other in zip(entry.lookups, lookups, strict=True)
    ]
    if problems:
        raise AlignError(problems)
    money = currency_columns(entry, addresses(raw.headers))
    part = _frame(raw, entry, places | money)
    part.file_notes += notes
    if entry.table in ANSWERS and settings.survey.mode == "anonymous":
        hidden = {entry.columns.get("respondent_id"), *(theirs for lookup in entry.lookups for theirs in lookup.match)}
        part.raw_columns = {theirs: at for theirs, at in places.items() if theirs not in hidden}
    if export:
        _add_respondents(part, export)
    counts = [_look_up(part, *partner) for partner in partners]
    used = {*ruled_places.values(), *money.values()}
    if export:
        part.unread = _note_export(part, export, used)
    else:
        aside = CHECKLIST if entry.table == "facts" else ()
        part.unread = [title for at, title in enumerate(raw.titles) if title and at not in used and title not in aside]
    note_merges(part)  # before rows are left out: what was merged away is deleted as well
    _leave_out(part, ruled_places)
    refuse_other_currencies(part, money, settings)
    keep_last(part)
    _reshape(part)
    _rename_values(part, settings)
    part.data = part.data.drop(columns=[name for name in part.data if str(name).startswith("\0")])
    return part, counts


def _unknown_names(entry: Input) -> Iterator[Problem]:
    """Which of our names in this input are no columns, come from two places, or are required and missing?"""
    rule = TABLES[entry.table]
    ours = [column.name for column in rule.columns]
    for name in dict.fromkeys([*entry.given, *entry.values, *entry.separators]):
        if name not in ours:
            near = difflib.get_close_matches(name, ours, n=1, cutoff=0.5)
            what = f"{entry.table} has no column {name!r}" + (f"; did you mean {near[0]!r}?" if near else "")
            yield Problem("E-MAP", what, where=entry.file, allowed=", ".join(ours))
    try:
        ZoneInfo(entry.timezone or "UTC")
    except (ValueError, KeyError, OSError):
        what = f"{entry.timezone!r} is not a time zone such as Europe/Berlin"
        yield Problem("E-CONFIG", what, where=entry.file, fix="correct timezone at this input")
    for name, n in Counter(entry.given).items():
        if n > 1:
            yield Problem("E-MAP", f"{name} is filled from two places", where=entry.file, fix="keep one of them")
    made = {"wide": ("stage", "entered_at"), "survey": ("item", "answer", "respondent_id"), "merges": ours}.get(
        entry.shape, ()
    )
    for column in rule.columns:
        if column.required and column.name not in (*entry.given, *made):
            what = f"{entry.table} needs {column.name} ({column.meaning}), and nothing is mapped to it"
            fix = f"add {column.name} to columns or constants"
            yield Problem("E-NOCOL", what, where=entry.file, fix=fix)


def _places(raw: Raw, wanted: Iterable[str], problems: list[Problem]) -> dict[str, int]:
    """Where does each of these columns stand? What cannot be found, or not told apart, goes to ``problems``."""
    names = names_of(raw.headers)
    places: dict[str, int] = {}
    for theirs in dict.fromkeys(wanted):
        hits = names.get(plain_name(theirs), [])
        _tell_apart(raw, theirs, hits, problems)
        if not hits:
            problems.append(_absent(raw, theirs))
        places |= {theirs: hits[0]} if hits else {}
    return places


def _tell_apart(raw: Raw, name: str, hits: list[int], problems: list[Problem]) -> None:
    columns = [raw.column(hit).astype("str") for hit in hits] if len(hits) > 1 else []
    if columns and all(columns[0].equals(column) for column in columns[1:]):
        times = f"{len(hits)} times with the same content"
        raw.notes.append(f"{raw.file} has the column {name} {times}; one is read.")
    elif columns:
        at = ", ".join(str(hit + 1) for hit in hits)
        what = f"the name {name!r} stands over {len(hits)} columns (number {at}) that differ"
        fix = f"map the one that is meant by its number, as in column_{hits[0] + 1}, or rename it in the file"
        problems.append(Problem("E-DUPCOL", what, where=raw.file, fix=fix))


def _by_words(
    raw: Raw, entry: Input, export: Export, settings: Settings, problems: list[Problem]
) -> tuple[Input, dict[str, int]]:
    """The input with the items and columns that its questions ask for, and where they stand; a mapping by hand wins."""
    found, places = export.items(settings.survey.segments), dict[str, int]()
    mapped: dict[str, dict[str, str]] = {"columns": {}, "items": {}}
    for code, hits in found.items():
        if code not in {*entry.columns, *entry.constants}:
            _tell_apart(raw, " / ".join(dict.fromkeys(map(export.title, hits))), hits, problems)
            title = export.title(hits[0])
            title += f" (column {hits[0] + 1})" if title in {*places, *entry.columns.values()} else ""
            places[title] = hits[0]
            mapped["columns" if code in _RESPONSES else "items"][code] = title
    asked = export.at(name_asked())
    if settings.survey.mode == "named" and asked is not None and not {"respondent_id"} & {*found, *entry.columns}:
        places[export.title(asked)], mapped["columns"]["respondent_id"] = asked, export.title(asked)
    if not mapped["items"]:
        tool = f"an export of {export.tool.name} it seems" if export.tool.name else "no known survey tool wrote this"
        what = f"{tool}, and none of its {count(len(export.columns), 'column')} asks an item of the survey"
        allowed = "questions in the kit's words, or item codes such as goal_1, from " + listed([t.name for t in TOOLS])
        fix = "map the items by hand, as in items: {goal_1: their header}; if the header stands lower, set skip_rows"
        problems.append(Problem("E-MAP", what, where=entry.file, allowed=allowed, fix=fix))
    given = {"columns": mapped["columns"] | entry.columns, "labels": labels_of("scale") | entry.labels}
    return entry.model_copy(update={**given, "items": mapped["items"]}), places


def _note_export(part: Part, export: Export, used: set[int]) -> list[str]:
    """Says which tool was recognised, what tells who answered, and whether teams are known; gives what nobody reads."""
    file, people, notes = part.entry.file, export.people(), part.file_notes
    if export.tool.name:
        notes.append(f"{file} was read as an export of {export.tool.name}: {count(len(part.entry.items), 'item')}.")
    if kinds := [kind for kind in PEOPLE if any(kind == each for at, each in people.items() if at not in used)]:
        notes.append(f"Columns of {file} with {listed(kinds)} were not read and are stored nowhere.")
    if "team" not in {*part.entry.constants, *part.source}:
        notes.append(f"{file} does not say who is in which team: set team in columns, or in constants.")
    rest = {*range(len(export.columns))} - used - people.keys() - export.own()
    filled = (at for at in sorted(rest) if any(export.columns[at]) or any(map(str.strip, part.raw.column(at).unique())))
    return [export.title(at) for at in filled]


def _absent(raw: Raw, theirs: str) -> Problem:
    wanted, shown, names = plain_name(theirs), raw.titles, addresses(raw.headers)
    near = dict.fromkeys(shown[names[name][0]] for name in difflib.get_close_matches(wanted, names, n=3, cutoff=0.5))
    what = f"there is no column {theirs!r}" + (f"; nearest: {', '.join(near)}" if near else "")
    lower = raw.lower_header(lambda row: wanted in map(plain_name, row))
    fix = "correct the name in engagement.yml" + (f"; {lower}" if lower else "")
    return Problem("E-MAP", what, where=raw.file, allowed=", ".join(filter(None, shown[:30])), fix=fix)


def _frame(raw: Raw, entry: Input, places: dict[str, int]) -> Part:
    """Their mapped columns as tidy text, each under \\0 and its own name, beside the number of the record."""
    columns: dict[str, Any] = {"record": pd.Series(raw.records, dtype="int64")}
    tidied: dict[str, int] = {}
    for theirs, at in places.items():
        column = raw.column(at)
        is_plain = entry.shape == "rows" and entry.table not in ANSWERS  # others put texts of their own into columns
        columns["\0" + theirs], changed = tidy_column(column if is_plain else column.astype("str"))
        tidied |= {theirs: changed} if changed else {}
    where = [f"{count(n, 'value')} of {entry.file}, column {theirs}" for theirs, n in tidied.items()]
    if len(tidied) > MOST_NAMED:
        where = [f"{count(sum(tidied.values()), 'value')} of {entry.file}, in {count(len(tidied), 'column')}"]
    notes = [f"{each}, had spaces at an end or accents written in another form." for each in where]
    return Part(
        entry, raw, pd.DataFrame(columns), source=dict(entry.columns), rejects=list(raw.rejects), file_notes=notes,
        excluded={"empty row": np.array(raw.blank)} if raw.blank else {}, raw_columns=places,
    )  # fmt: skip


def _add_respondents(part: Part, export: Export) -> None:
    """Adds what the mapping does not name: a code for each person, and whether they answered in haste.

    The code is the tool's own id of the response; without one a digest of what the row says, so that a row more above
    renames nobody. Times are looked at and dropped.
    """
    entry, raw, data, tool = part.entry, part.raw, part.data, export.tool
    named = sorted({**entry.columns, **entry.items}.items())
    rows = zip(*(data["\0" + theirs].tolist() for _, theirs in named), strict=True)
    digests = pd.Series([hashlib.sha256("\x1f".join((entry.file, *row)).encode()).hexdigest()[:12] for row in rows])
    nth = digests.groupby(digests).cumcount() + 1

    def cells(pattern: str) -> list[str]:
        at = export.at(pattern)
        return [""] * len(raw.records) if at is None else [*map(tidy, raw.column(at))]

    if "respondent_id" not in {*entry.columns, *entry.constants}:
        behind = f" of {entry.file}" if tool.counted else ""
        three = zip(cells(tool.response_id), digests, nth, strict=True)
        ids = [own + behind if own else f"a-{digest}-{n}" for own, digest, n in three]
        data["respondent_id"] = pd.Series(ids, index=data.index, dtype="str")
    if "is_hasty" not in {*entry.columns, *entry.constants}:
        answered = (data[["\0" + theirs for theirs in entry.items.values()]] != "").sum(axis=1)
        times = zip(cells(tool.seconds), cells(tool.started), cells(tool.ended), answered, strict=True)
        data["is_hasty"] = pd.Series([is_hasty(*each) for each in times], index=data.index, dtype="str")


def _look_up(part: Part, lookup: Lookup, other: Raw, found: dict[str, int]) -> RowCount:
    """Adds the columns of a second file to each row with the same text; rows without a partner stay and are counted."""
    ((mine, theirs),) = lookup.match.items()
    table = pd.DataFrame({name: tidy_column(other.column(at).astype("str"))[0] for name, at in found.items()})
    known = table[table[theirs] != ""].drop_duplicates().set_index(theirs, drop=False)
    twice = known.index[known.index.duplicated()].unique().tolist()
    if twice and lookup.several == "first":
        keys = f"{count(len(twice), 'value')} of {theirs} stood on several rows of {lookup.file}"
        part.notes.append(f"{keys}; the first row of each was taken.")
        known = known[~known.index.duplicated()]
    elif twice:
        what = f"the {theirs} {twice[0]!r} stands on rows that differ"
        raise AlignError(Problem("E-DUPID", what, where=lookup.file, fix="keep one row for each"))
    own = part.data["\0" + mine].astype("str")
    if forms := other_forms(own.unique(), known.index):
        own = own.map(lambda key: forms.get(key, key)).astype("str")
    for ours, name in lookup.columns.items():
        part.data[ours] = own.map(known[name]).fillna("").astype("str")
        part.source[ours] = f"{name} of {lookup.file}"
    _note_partners(part, lookup, mine, own, known.index.tolist())
    used = int(table[theirs].isin(own.unique()).sum())
    lone = {"no row refers to it": len(other.records) - used, "empty row": len(other.blank)}
    reasons = {why: n for why, n in lone.items() if n} | dict(Counter(reject.code for reject in other.rejects))
    return RowCount(
        file=lookup.file, table=part.entry.table, read=other.read, used=used, rejected=len(other.rejects),
        excluded=sum(lone.values()), reasons=reasons,
    )  # fmt: skip


def _note_partners(part: Part, lookup: Lookup, mine: str, keys: "pd.Series[str]", known: list[str]) -> None:
    people = part.entry.table in ANSWERS or any(part.entry.columns.get(ours) == mine for ours in PERSONAL)
    lone = keys[(keys != "") & ~keys.isin(known)].value_counts()
    file, shown = part.entry.file, 0 if people or lookup.several == "first" else 10
    for value, n in lone.head(shown).items():
        near = difflib.get_close_matches(str(value), known, n=1, cutoff=0.6)
        what = f"which is not in {lookup.file}" + (f"; the nearest there is {near[0]!r}" if near else "")
        part.notes.append(f"{count(int(n), 'row')} of {file} had the {mine} {value!r}, {what}.")
    rest = lone.iloc[shown:]
    if len(rest):
        rows, kinds = count(int(rest.sum()), "row"), count(len(rest), f"{mine} value")
        part.notes.append(f"{rows} of {file} had{'' if people else ' more'} {kinds} that {lookup.file} does not hold.")
    if blank := int((keys == "").sum()):
        part.notes.append(f"{count(blank, 'row')} of {file} had no {mine}, so {lookup.file} adds nothing to them.")


def _leave_out(part: Part, places: dict[str, int]) -> None:
    """Rejects totals and footers, then excludes what the mapping says: {their column (or ours): [values]}.

    A total says so in a column that is read, and is blank or says so in the one that every row must fill.
    """
    needed = [*part.rule.key, *(column.name for column in part.rule.columns if column.required)]
    if anchor := next((part.entry.columns[name] for name in needed if name in part.entry.columns), None):
        suspects = part.data[may_be_total(part.data["\0" + anchor])].filter(like="\0").astype("str")
        totals = [at for at, *cells in suspects.itertuples() if any(map(is_total, cells))]
        part.reject(pd.Series(part.data.index.isin(totals)), anchor, "E-TOTAL", "a total or a footer, not a record")
    rules = [*((name, labels, True) for name, labels in part.entry.only.items()),
             *((name, labels, False) for name, labels in part.entry.exclude.items())]  # fmt: skip
    for name, labels, is_kept in rules:
        theirs = part.entry.columns.get(name, name)
        if theirs in places:
            every = part.raw.column(places[theirs]).set_axis(pd.Index(part.raw.records))
            cells = tidy_column(every.loc[part.data["record"]])[0].set_axis(part.data.index)
        else:
            cells = part.data[name]  # from a look-up
        marked, _ = by_value(cells, partial(lambda of, cell: "x" if is_one_of(cell, of) else "", labels))
        why = f"not {' or '.join(labels)} in {theirs}" if is_kept else f"excluded by rule on {theirs}"
        part.exclude(marked != "x" if is_kept else marked == "x", why)


def is_one_of(cell: str, labels: list[str]) -> bool:
    """Is this cell one of the labels, whatever their case? One that ends with * stands for all that begin so, * alone
    for all but blank.

    >>> [is_one_of(cell, ["00Q*"]) for cell in ("00Q1x", "003A")], is_one_of("", ["*"]), is_one_of("", [""])
    ([True, False], False, True)
    """
    plain, known = cell.casefold(), [label.casefold() for label in labels]
    return plain in known or any(
        label.endswith("*") and plain.startswith(label[:-1]) and plain not in ("", "null") for label in known
    )


def _reshape(part: Part) -> None:
    """Gives the columns our names; one row a stage (wide) or an item (survey) where the file has one column each."""
    for ours, theirs in part.entry.columns.items():
        part.data[ours] = part.data["\0" + theirs]
        if (mark := part.entry.separators.get(ours)) and ours.endswith("_id"):  # a list of ids: the first counts
            several = part.data[ours].str.contains(mark, regex=False)
            part.data[ours] = part.data[ours].str.split(mark, n=1, regex=False).str[0].str.strip()
            rows = f"{count(int(several.sum()), 'row')} of {part.entry.file} held several ids in {theirs}"
            part.notes += [f"{rows}; the first of each was taken."] if several.any() else []
    if part.entry.keep_latest:
        part.data[LATEST] = part.data["\0" + part.entry.keep_latest]
    for ours, constant in part.entry.constants.items():
        part.data[ours] = pd.Series(constant, index=part.data.index, dtype="str")
    if part.entry.shape == "merges":
        part.exclude(pd.Series(True, index=part.data.index), "says which record was merged into which")
    if part.entry.shape in ("rows", "merges"):
        return
    wide = part.entry.shape == "wide"
    named: dict[Any, str] = {**part.entry.stages} if wide else {**part.entry.items}
    name, value = ("stage", "entered_at") if wide else ("item", "answer")
    filled = (part.data[["\0" + theirs for theirs in named.values()]] != "").any(axis=1)
    part.exclude(~filled, "no stage recorded" if wide else "no item answered")
    kept = part.data[[column for column in part.data if not str(column).startswith("\0")]]
    pieces = [kept.assign(**{name: ours, value: part.data["\0" + theirs]}) for ours, theirs in named.items()]
    long = pd.concat(pieces, ignore_index=True)
    part.data = (long[long[value] != ""] if wide else long).sort_values("record", kind="stable", ignore_index=True)


def _rename_values(part: Part, settings: Settings) -> None:
    """Their labels become ours: by the input's values first, then by the engagement's stages and teams."""
    teams = {label: team for team, each in settings.teams.items() for label in (team, *each.labels)}
    agreed: dict[str, dict[str, Any]] = {"team": teams, "owner_team": teams, "stage": {**settings.stages}}
    if part.entry.table == "stage_readings":
        del agreed["stage"]  # each team answered in our words: what was agreed must not change what they said
    if part.entry.table in ANSWERS:
        agreed |= {"team": labels_of("team") | teams, "role": labels_of("role")}
    for column in part.rule.columns:
        if column.name in part.data and column.kind != "labels":
            exact = agreed.get(column.name, {}) | part.entry.values.get(column.name, {})
            own = {label: label for label in column.allowed}
            folded = {plain_name(theirs): ours for theirs, ours in (own | exact).items()}
            change = partial(lambda known, near, text: known.get(text, near.get(plain_name(text), text)), exact, folded)
            if folded:
                part.data[column.name], _ = by_value(part.data[column.name], change)
    if part.entry.table == "responses" and "answer" in part.data and "item" in part.data:
        read_answers(part)
