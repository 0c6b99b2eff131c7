"""Which inputs of engagement.yml does a recognised file give, and what must be asked before they can be written?"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import takewhile
from typing import Any, Literal

from alignlib.engagement import Settings
from alignlib.imports.delivered import Delivered
from alignlib.imports.meanings import meanings, stage_columns, words_of
from alignlib.imports.questions import FIELDS, NONE, Answers, Question, placed
from alignlib.imports.vendors import PROPERTY, InputRule, Partner
from alignlib.intake.synonyms import worded
from alignlib.intake.tables import TABLES
from alignlib.words import count

_MADE = {"wide": ("stage", "entered_at")}  # what a shape fills without a column
MOST_HELP = 0.5  # of a file's values that a look-up must hold


@dataclass
class Draft:
    """One input as it will stand in engagement.yml: ``entry`` as engagement.Input takes it, and why it is so."""

    entry: dict[str, Any]
    title: str = ""
    comments: dict[str, str] = field(default_factory=dict)


@dataclass
class Drafts:
    """Which inputs does a file give, what must be asked, and what was left aside?"""

    inputs: list[Draft] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    helpers: dict[str, str] = field(default_factory=dict)  # files that only add columns, and to which


def draft(file: Delivered, others: Sequence[Delivered], answers: Answers, settings: Settings) -> Drafts:
    """Which inputs does this recognised file give? ``others``: all files, for look-ups and what labels mean."""
    found = Drafts()
    if asked := _ask_repeats(file, others, answers, settings):
        return Drafts(questions=[asked])
    for rule in file.match.export.inputs if file.match else ():
        _draft_one(file, rule, others, answers, settings, found)
    found.questions, found.aside = list(dict.fromkeys(found.questions)), list(dict.fromkeys(found.aside))
    if not (found.inputs or found.questions or found.aside):
        rows = f"none of its rows ({len(file.raw.records)}) is one" if file.raw.rows else "it has no row"
        found.aside.append(f"{file.name} gives nothing: {rows} that an audit reads beside the other files.")
    return found


def _ask_repeats(file: Delivered, others: Sequence[Delivered], answers: Answers, settings: Settings) -> Question | None:
    """Asks what to do with a file some of whose rows stand in another one too, for they would count twice."""
    export, title = file.known.export, file.known.headers.get(file.known.export.row_id, "")
    if not title or "kind" in answers["files"].get(file.name, {}):
        return None
    mapped, ids = {entry.file for entry in settings.inputs}, {cell for cell in file.cells(title) if cell}
    before = [*takewhile(lambda each: each is not file, others), *(each for each in others if each.name in mapped)]
    same = [each for each in before if each.match and each.match.export.key == export.key and title in each.titles]
    for other in same:
        if twice := len(ids & {*other.cells(title)}):
            text = (f"By {title}, it shares {count(twice, 'row')} with {other.name}, which would count twice. Leave"
                    f" it aside with {NONE}, and export it anew, or take it as it is with {export.key}?")  # fmt: skip
            return Question(("files", file.name, "kind"), text, (NONE, export.key))
    return None


def _draft_one(
    file: Delivered, rule: InputRule, others: Sequence[Delivered], answers: Answers, settings: Settings, found: Drafts
) -> None:
    words, export = file.known.headers, file.known.export
    if not words.keys() >= {*rule.needs} or words.keys() & {*rule.unless}:
        return
    if better := next((each for each in others if each.match and _says_better(each, rule)), None):
        found.aside.append(f"{file.name} gives no {_plain(rule)}: {better.name} says the same better.")
        return
    entry: dict[str, Any] = {"table": rule.table, "file": file.name, "shape": rule.shape, **file.reading}
    entry |= {"columns": {ours: words[word] for ours, word in rule.columns.items() if word in words}}
    entry |= {"constants": {**rule.constants}, "timezone": _zone(file)}
    entry |= {"separators": {ours: mark for ours, mark in rule.separators.items() if ours in entry["columns"]}}
    entry |= {key: words.get(getattr(rule, key)) for key in ("merged_ids", "merged_into", "keep_latest")}
    entry["only"], entry["exclude"] = (_rules(file, rule, key) for key in ("only", "exclude"))
    said = answers["files"].get(file.name, {})
    _take_answers(file, rule, said, entry)
    if not any(file.left(entry["only"], entry["exclude"])):
        return
    entry["lookups"], missing = _look_ups(rule, words, others)
    entry["lookups"] += _helping_files(file, rule, entry, others, found)
    given = {*entry["columns"], *(ours for lookup in entry["lookups"] for ours in lookup["columns"])}
    for key in ("only", "exclude"):  # rules on what only a look-up fills
        entry[key] = {name: labels for name, labels in entry[key].items() if name in (*file.titles, *given)}
    made = {*given, *entry["constants"], *_MADE.get(rule.shape, ())}
    lacking = [each.name for each in TABLES[rule.table].columns if each.required and each.name not in made]
    lacking = [] if rule.shape == "merges" else lacking
    if waits := [ours for ours in lacking if ours in missing]:
        more = "further " if any(each.entry["table"] == rule.table for each in found.inputs) else ""
        what = f"{file.name} gives no {more}{_plain(rule)} without {missing[waits[0]]}"
        found.aside.append(f"{what}, which says what its {waits[0]} is.")
        return
    if _ask_lacking(file, rule, lacking, entry, answers, found):
        return
    values = {ours: {**labels} for ours, labels in rule.values.items() if ours in given}
    told = said.get("values", {})
    values |= {ours: values.get(ours, {}) | told[ours] for ours in told if ours in given}
    means = words_of(rule, file, others, answers, settings)
    for ours in ("stage", "outcome"):
        if ours in given and rule.whose and ours in {column.name for column in TABLES[rule.table].columns}:
            there = _labels(file, entry, ours, others)
            labels = Counter({label: n for label, n in there.items() if label not in told.get(ours, {})})
            meant, left_out, asked = meanings(labels, rule, means, file.name)
            values |= {ours: values.get(ours, {}) | meant} if meant else {}
            theirs = entry["columns"].get(ours, ours)
            entry["exclude"] |= {theirs: [*entry["exclude"].get(theirs, ()), *left_out]} if left_out else {}
            found.questions += asked
    entry["values"] = values
    comments = {"timezone": "this copy keeps times in UTC"} | rule.why
    title = f"{export.name}, each row {export.row}"
    wide, asked = stage_columns(rule, file, means) if rule.shape == "wide" else ([{}], [])
    found.questions += asked
    for stages in wide:
        whole = {key: value for key, value in (entry | {"stages": stages}).items() if value}
        found.inputs.append(Draft(whole, title, comments))


def _take_answers(file: Delivered, rule: InputRule, said: dict[str, Any], entry: dict[str, Any]) -> None:
    """Puts what was answered under the file into this input, as far as its table has a place for it."""
    ours = {column.name for column in TABLES[rule.table].columns} - {*_MADE.get(rule.shape, ()), "kind"}
    for key, value in (said | said.get("columns", {})).items():
        if key in ("constants", "separators"):
            entry[key] |= {name: each for name, each in value.items() if name in ours}
        elif key in ("only", "exclude"):
            entry[key] |= value
        elif key in FIELDS and key not in ("columns", "values") and (key != "keep_latest" or TABLES[rule.table].key):
            entry[key] = value
        elif key in ours and value != NONE:
            part, theirs = placed(key, value, file.titles, file.name)
            entry[part][key] = theirs


def _plain(rule: InputRule) -> str:
    return rule.table.replace("_", " ")


def _rules(file: Delivered, rule: InputRule, key: Literal["only", "exclude"]) -> dict[str, list[str]]:
    """Which rows does this rule leave out, or keep alone, by the file's own headers and labels?"""
    words, known = file.known.headers, file.known.export.headers.keys()
    rules = getattr(rule, key).items()
    return {words.get(word, word): [*labels] for word, labels in rules if word in words or word not in known}


def _says_better(other: Delivered, rule: InputRule) -> bool:
    """Is this one of the exports beside which the rule makes no input, and does it hold rows for that table?"""
    same = next((each for each in other.known.export.inputs if each.table == rule.table), None)
    kept = other.left(_rules(other, same, "only"), _rules(other, same, "exclude")) if same else [True]
    return other.known.export.key in rule.unless and any(kept)


def _zone(file: Delivered) -> str | None:
    """In which zone are times that name none, where the way the file was copied says so? Fivetran keeps UTC."""
    return "UTC" if any(title.startswith(("_fivetran_", PROPERTY)) for title in file.titles) else None


def _look_ups(
    rule: InputRule, words: dict[str, str], others: Sequence[Delivered]
) -> tuple[list[dict[str, Any]], dict[str, str]]:
    """The look-ups whose partner is there, and for what of which export our other columns wait."""
    made: list[dict[str, Any]] = []
    missing: dict[str, str] = {}
    for partner in rule.lookups:
        if all(words.get(rule.columns.get(ours, "")) for ours in partner.columns):
            continue  # the file says it itself
        other = next((each for each in others if _serves(each, partner)), None)
        if other is None or not words.keys() >= partner.match.keys():
            missing |= dict.fromkeys(partner.columns, partner.called)
            continue
        theirs = other.known.headers
        columns = {ours: theirs[word] for ours, word in partner.columns.items() if word in theirs}
        match = {words[here]: theirs[there] for here, there in partner.match.items()}
        made.append({"file": other.name, **other.reading, "match": match, "columns": columns, "several": "first"})
    filled = {ours for lookup in made for ours in lookup["columns"]}
    return made, {ours: called for ours, called in missing.items() if ours not in filled}


def _serves(file: Delivered, partner: Partner) -> bool:
    """Is this the export a look-up asks for, with the headers it needs?"""
    needed = {*partner.match.values(), *partner.columns.values()}
    return file.match is not None and file.match.export.key == partner.export and file.match.headers.keys() >= needed


def _helping_files(
    file: Delivered, rule: InputRule, entry: dict[str, Any], others: Sequence[Delivered], found: Drafts
) -> list[dict[str, Any]]:
    """Look-ups in files nobody recognised: they share a header with this one, hold its values, and add a column."""
    names, made = file.known.export.headers, []
    absent = {ours: word for ours, word in rule.columns.items() if ours not in entry["columns"]}
    for other in others if absent and rule.shape == "rows" else ():
        if other.match is not None or other.name == file.name:
            continue
        theirs = {worded(title): title for title in reversed(other.titles)}
        adds = {ours: theirs[w] for ours, word in absent.items() for w in map(worded, names[word]) if w in theirs}
        shared = {title: theirs[worded(title)] for title in file.titles if worded(title) in theirs}
        match = next(({here: there} for here, there in shared.items() if _holds(file, here, other, there)), None)
        if adds and match:
            made.append({"file": other.name, **other.reading, "match": match, "columns": adds})
            absent = {ours: word for ours, word in absent.items() if ours not in adds}
            found.helpers[other.name] = file.name
    return made


def _holds(file: Delivered, title: str, other: Delivered, theirs: str) -> bool:
    """Has the other file one row for each of most values that stand here?"""
    keys = other.cells(theirs)
    here = {cell for cell in file.cells(title) if cell}
    return "" not in keys and len(keys) == len({*keys}) and len(here & {*keys}) > max(1, MOST_HELP * len(here))


def _ask_lacking(
    file: Delivered, rule: InputRule, lacking: list[str], entry: dict[str, Any], answers: Answers, found: Drafts
) -> bool:
    """Asks for what the table needs and nothing gives; True when the answer was to leave this table out."""
    of = {column.name: column.meaning for column in TABLES[rule.table].columns}
    for ours in lacking:
        said = answers["files"].get(file.name, {}).get(ours)
        if said == NONE:
            found.aside.append(f"{file.name} gives no {_plain(rule)}, as answered: it has no {ours}.")
            return True
        if said is None:
            text = (f"{rule.table} needs {ours} ({of[ours]}), and no column is known to hold it. Answer with one"
                    f" of its columns, with the value that all its rows share, or with {NONE}.")  # fmt: skip
            found.questions.append(Question(("files", file.name, ours), text))
    return False


def _labels(file: Delivered, entry: dict[str, Any], ours: str, others: Sequence[Delivered]) -> Counter[str]:
    """Which labels stand in this column, here or in the file that a look-up names, and how often?"""
    if lookup := next((each for each in entry["lookups"] if ours in each["columns"]), None):
        other = next(each for each in others if each.name == lookup["file"])
        return other.labels(lookup["columns"][ours], {}, {})
    return file.labels(entry["columns"][ours], entry["only"], entry["exclude"])
