"""Which inputs does a file give that is no vendor's export: a survey, a list of content, a table named by a person?"""

import re
from collections import Counter
from typing import Any, Literal

from alignlib.engagement import Input, Settings
from alignlib.errors import AlignError, Problem
from alignlib.imports.delivered import Delivered
from alignlib.imports.drafting import Draft, Drafts
from alignlib.imports.meanings import meanings, words_of
from alignlib.imports.questions import FIELDS, NONE, SURVEY, Answers, Question, placed
from alignlib.imports.vendors import InputRule
from alignlib.intake.exports import item_codes, recognise
from alignlib.intake.headers import addresses
from alignlib.intake.mappings import map_input
from alignlib.intake.read import LISTS, plain_name
from alignlib.intake.synonyms import map_by_headers, synonyms, worded
from alignlib.intake.tables import TABLES, ColumnRule
from alignlib.words import count

MOST_NAMED = 12
LEAST, PART = 3, 1 / 3  # of a file's columns, so many and such a part must be known before it may be a table
# Headers that only lists of content and of its use have; ID, Name and Created At stand in lists of people as well.
SIGNS = 2
_SIGN = re.compile(
    r"\b(assets?|content|documents?|files?|pages?|path|mime|slug|views?|pageviews|downloads?|conversations?"
    r"|personas?|pains?|customi[sz]able|publish\w*|expir\w+|search\w*|quer(y|ies))\b"
)
_WHOSE: dict[str, Literal["lead", "deal"]] = {"stage": "lead", "outcome": "deal"}  # our columns of labels
_ABOUT = ("respondent_id", "team", "role", "wave")  # told beside the answers of a survey, and by other files too


def draft_other(file: Delivered, answers: Answers, settings: Settings) -> tuple[str, Drafts]:
    """What is this file, in words, and which inputs does it give? A question when nothing tells."""
    said = answers["files"].get(file.name, {})
    kind = said.get("kind", "") or (SURVEY if said.get("items") else "")
    if file.name.endswith(LISTS):
        kind = "facts"
    rows = [*file.raw.headers, *file.raw.rows[:2]]
    export = recognise(rows, len(file.raw.headers))
    if kind == SURVEY or (not kind and export.items([]).keys() - {*_ABOUT}):
        told = f"answers to a survey{f', from {export.tool.name}' if export.tool.name else ''}"
        return told, _survey(file, said, settings)
    if kind in TABLES or not kind:
        tables = [kind] if kind else list(synonyms().names)
        if found := _by_headers(file, tables, said, answers, settings, is_said=bool(kind)):
            return f"read as {found.inputs[0].entry['table'].replace('_', ' ') if found.inputs else kind}", found
    text = f"What is it? A table of the kit, {SURVEY}, or {NONE} to leave it aside. {_columns(file)}"
    return "", Drafts(questions=[Question(("files", file.name, "kind"), text, (*TABLES, SURVEY, NONE))])


def _columns(file: Delivered) -> str:
    return f"Its columns: {_listed(file.titles)}."


def _entry(file: Delivered, said: dict[str, Any], **fields: Any) -> dict[str, Any]:
    return {"file": file.name, **fields, **file.reading, **{key: said[key] for key in FIELDS if key in said}}


def _survey(file: Delivered, said: dict[str, Any], settings: Settings) -> Drafts:
    """A survey's items are found by their words; which column asks which item is asked where none is."""
    entry = _entry(file, said, table="responses", shape="survey")
    entry |= {"items": said["items"]} if said.get("items") else {}
    entry.setdefault("columns", {})
    draft = Draft({key: value for key, value in entry.items() if value}, "answers to a survey, one row a person")
    try:
        part, _ = map_input(file.raw, Input.model_validate(draft.entry), settings, [])
    except AlignError as error:
        if any(problem.code != "E-MAP" for problem in error.problems) or said.get("items"):
            raise
        items = ", ".join(item_codes())
        text = ("None of its questions asks an item of the kit in the kit's words. Which column asks which item, as in"
                f" {{goal_1: their header}}? Or leave it aside with kind: {NONE}. {_columns(file)} The items, worded in"
                f" templates/survey/instrument.yml: {items}.")  # fmt: skip
        return Drafts(questions=[Question(("files", file.name, "items"), text)])
    knows_team = "team" in {*part.source, *part.entry.constants}
    if not knows_team and "team" not in said:
        text = f"Which column says who is in which team, or in which team is everybody? {NONE} when nothing does."
        return Drafts(questions=[Question(("files", file.name, "team"), text)])
    if said.get("team") not in (None, NONE):
        place, team = placed("team", said["team"], [*file.titles, *addresses(file.raw.headers)], file.name)
        draft.entry.setdefault(place, {})["team"] = team
    return Drafts(inputs=[draft])


def _by_headers(
    file: Delivered, tables: list[str], said: dict[str, Any], answers: Answers, settings: Settings, is_said: bool
) -> Drafts | None:
    """The table that the headers fit best, its columns written out; None when none fits well."""
    best: tuple[int, Drafts] | None = None
    for table in tables:
        entry = Input.model_validate(_entry(file, said, table=table))
        entry = _with_answers(file, entry, said, is_said)
        mapped, _, problems = map_by_headers(file.raw, entry, settings)
        given = {*mapped.columns, *mapped.constants}
        lacking = [column for column in TABLES[table].columns if column.required and column.name not in given]
        is_weak = lacking or len(mapped.columns) < max(LEAST, PART * len(file.titles))
        if not is_said and (is_weak or _signs(mapped) < SIGNS):
            continue
        if best is None or len(mapped.columns) > best[0]:
            asked = [_lacks(file, table, column) for column in lacking]
            asked = asked or [Question(("files", file.name, "separators"), f"{p.what}. {p.fix}") for p in problems]
            best = len(mapped.columns), Drafts(questions=asked) if asked else _made(file, mapped, answers, settings)
    return best[1] if best else None


def _with_answers(file: Delivered, entry: Input, said: dict[str, Any], is_said: bool) -> Input:
    """The input with what was answered for single columns. Raises AlignError (E-CONFIG) where the table has no such."""
    names = [column.name for column in TABLES[entry.table].columns]
    if is_said and (strange := [key for key in said if key not in ("kind", *FIELDS, *names)]):
        allowed, fix = ", ".join(names), "take it out, or say another kind"
        raise AlignError(
            Problem("E-CONFIG", f"{entry.table} has no such column", f"files: {file.name}: {key}", allowed, fix)
            for key in strange
        )
    parts: dict[str, dict[str, str]] = {"columns": {**entry.columns}, "constants": {**entry.constants}}
    for ours in names:
        if ours in said and ours != "kind":
            part, theirs = placed(ours, said[ours], file.titles, file.name)
            parts[part][ours] = theirs
    return entry.model_copy(update=parts)


def _signs(entry: Input) -> int:
    """How many headers say that this is a list of content, or are our own names of two words?"""
    pairs = ((ours.replace("_", " "), worded(theirs)) for ours, theirs in entry.columns.items())
    return sum(bool(_SIGN.search(words) or (words == ours and " " in ours)) for ours, words in pairs)


def _made(file: Delivered, entry: Input, answers: Answers, settings: Settings) -> Drafts:
    """The input as it is written down, what its labels of stages mean or must be asked, and which columns it leaves."""
    found, table, ours_of = Drafts(), entry.table, {column.name: column for column in TABLES[entry.table].columns}
    values, exclude = {**entry.values}, {**entry.exclude}
    for ours, whose in _WHOSE.items():
        theirs = entry.columns.get(ours, "")
        if theirs not in file.titles or table not in ("leads", "stage_events", "opportunities"):
            continue
        rule = InputRule(table, whose=whose)
        agreed = {plain_name(label) for label in (*values.get(ours, {}), *ours_of[ours].allowed)}
        there = file.labels(theirs, entry.only, exclude).items()
        labels = Counter({label: n for label, n in there if plain_name(label) not in agreed})
        meant, left_out, asked = meanings(labels, rule, words_of(rule, file, [], answers, settings), file.name)
        values |= {ours: values.get(ours, {}) | meant} if meant else {}
        exclude |= {theirs: [*exclude.get(theirs, ()), *left_out]} if left_out else {}
        found.questions += asked
    made = entry.model_copy(update={"values": values, "exclude": exclude})
    read = {plain_name(theirs) for theirs in made.columns.values()}
    if rest := [title for title in file.titles if title and plain_name(title) not in read]:
        more = [name for name in ours_of if name not in made.columns]
        text = f"{file.name}: {count(len(rest), 'column')} not read: {_listed(rest)}."
        how = f"to have one read, answer under the file {more[0]}: THEIR HEADER." if more else ""
        found.aside.append(f"{text} {table} also has {_listed(more)}; {how}" if more else text)
    title = f"read as {table} by its headers, each row {TABLES[table].row}"
    found.inputs = [Draft(made.model_dump(exclude_defaults=True), title)]
    return found


def _listed(names: list[str]) -> str:
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    return f"{', '.join(name[:40] for name in names[:MOST_NAMED])}{more}"


def _lacks(file: Delivered, table: str, column: ColumnRule) -> Question:
    text = f"{table} needs {column.name} ({column.meaning}). Answer with one of its columns, or the value that all its"
    return Question(("files", file.name, column.name), f"{text} rows share.")
