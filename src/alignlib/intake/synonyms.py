"""Which columns does a file without a mapping hold? Found by its headers (templates/synonyms.yml), or asked."""

import difflib
import json
import re
from collections import Counter
from dataclasses import dataclass, field
from functools import cache

from pydantic import TypeAdapter

from alignlib.engagement import Input, Settings
from alignlib.errors import Problem
from alignlib.intake.columns import distinct, tidy
from alignlib.intake.labels import EVERYONE, MARKS
from alignlib.intake.read import Raw, plain_name
from alignlib.intake.rows import FLAGS
from alignlib.intake.tables import TABLES, ColumnRule
from alignlib.plain_yaml import strict_yaml
from alignlib.resources import read_resource
from alignlib.words import count

ANY = "*"
LONGEST = 100  # letters of a header that may be one of ours
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")
_SIGNS = re.compile(r"[^\w%]+|_+")
_SIMPLE = re.compile(r"[A-Za-z]\w*( \w+)*")
_RESERVED = ("yes", "no", "true", "false", "null", "on", "off", "y", "n")
_NOTHING = ("", "null")
_ROWS_OWN = ("event", "decision", "outcome")  # they say what the row is: a row with another label is no row of ours


@dataclass(frozen=True)
class Synonyms:
    """What other systems call our columns and labels (see templates/synonyms.yml, which explains each part)."""

    names: dict[str, dict[str, list[list[str]]]]
    values: dict[str, dict[str, dict[str, str]]]
    exclude: dict[str, dict[str, list[str]]]
    separators: dict[str, str]
    unread: dict[str, str]
    everyone: list[str]
    nobody: list[str]


@dataclass
class HeaderReading:
    """How is one file read by its headers? ``headers``: {their header as it stands: the place of its first column}."""

    entry: Input
    raw: Raw
    headers: dict[str, int]
    columns: dict[str, str] = field(default_factory=dict)
    rivals: dict[str, list[str]] = field(default_factory=dict)
    repeating: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def cells(self, theirs: str) -> list[str]:
        """What stands in the column of this header?"""
        codes, texts, _ = distinct(self.raw.column(self.headers[theirs]))
        tidied = [*map(tidy, texts)]
        return [tidied[code] for code in codes]


@cache
def synonyms() -> Synonyms:
    """Which names, labels and rules does the kit know?"""
    return TypeAdapter(Synonyms).validate_python(strict_yaml(read_resource("templates", "synonyms.yml"))[0])


def worded(name: str) -> str:
    """Which words is a header made of, without case, signs and the ways programs join words?

    >>> [worded(name) for name in ("assetId", "Asset ID", "asset_id", "Avg. Time on Page", "% Exit")]
    ['asset id', 'asset id', 'asset id', 'avg time on page', '% exit']
    """
    return " ".join(_SIGNS.sub(" ", plain_name(_CAMEL.sub(" ", name))).split()) if len(name) <= LONGEST else ""


def without_labels(entry: Input) -> dict[str, dict[str, str]]:
    """What do the labels of this input mean, with those that name everyone or nobody? What the input says wins."""
    values, known = dict(entry.values), synonyms()
    for rule in TABLES[entry.table].columns:
        if rule.kind == "labels":
            everyone = known.everyone if rule.name in ("segments", "personas") else ()
            words = dict.fromkeys(known.nobody, "") | dict.fromkeys(everyone, EVERYONE)
            own = entry.values.get(rule.name, {})
            said = set(map(plain_name, own))
            values[rule.name] = own | {word: none for word, none in words.items() if plain_name(word) not in said}
    return values


def is_mapped_by_headers(entry: Input) -> bool:
    """Are this input's columns to be found by its headers, all of them or those it does not declare?

    Without ``columns``: yes. With ``columns`` that leave out one the table needs: yes, where the table has synonyms;
    what is declared stands, and the header it names is taken for nothing else. Once all needed columns are declared the
    mapping is by hand, and no further column is read.
    """
    is_open = any(rule.required and rule.name not in entry.given for rule in TABLES[entry.table].columns)
    return entry.shape == "rows" and (not entry.columns or (is_open and entry.table in synonyms().names))


def map_by_headers(raw: Raw, entry: Input, settings: Settings) -> tuple[Input, list[str], list[Problem]]:
    """Which mapping do the headers of this file ask for, what is to be noted, and what must be asked?

    Only a header that our own name or a known synonym fits is mapped; columns of people never are, but as user_id when
    the header says that it is an id. What the input already says (columns, constants, look-ups, values, separators,
    exclude) stands. Problems: E-MAP (two headers fit, or a column's separator cannot be told), E-NOCOL (nothing fits a
    column that the table needs); each names the line to write in engagement.yml.
    """
    titles = raw.titles
    reading = HeaderReading(entry, raw, {title: titles.index(title) for title in titles if title})
    there = {plain_name(title): title for title in reversed(reading.headers)}
    declared = {ours: plain_name(theirs) for ours, theirs in entry.columns.items()}
    reading.columns = {ours: there[theirs] for ours, theirs in declared.items() if theirs in there}
    for rule in TABLES[entry.table].columns:
        if rule.name not in entry.given:
            _fit(reading, rule)
    _ask(reading)
    values = _values(reading, settings)
    separators = _separators(reading)
    exclude = _exclude(reading)
    _note(reading)
    found = {"columns": entry.columns | reading.columns, "values": values, "separators": separators}
    found |= {"exclude": exclude | entry.exclude}
    return entry.model_copy(update=found), reading.notes, reading.problems


def _fit(reading: HeaderReading, rule: ColumnRule) -> None:
    """Finds the header of one column: our own name first, then list by list; several of one list are rivals."""
    entry = reading.entry
    known = synonyms().names.get(entry.table, {}).get(rule.name, [])
    free = [title for title in reading.headers if plain_name(title) not in map(plain_name, entry.columns.values())]
    for rank, names in enumerate([[rule.name.replace("_", " ")], *known]):
        fits = list({plain_name(title): title for title in free if worded(title) in names}.values())
        if rank > 1 and (entry.table, rule.name) == ("assets", "asset_id"):
            reading.repeating += [title for title in fits if not _names_each_row(reading, title)]
            fits = [title for title in fits if title not in reading.repeating]
        if len(fits) > 1:
            reading.rivals[rule.name] = fits
        if fits:
            reading.columns[rule.name] = fits[0]
            return


def _names_each_row(reading: HeaderReading, title: str) -> bool:
    """Can this column stand for an id? A folder, as the path of SharePoint's lists, stands over many files."""
    filled = [cell for cell in reading.cells(title) if cell]
    return len(filled) == len(set(filled))


def _ask(reading: HeaderReading) -> None:
    """What the headers cannot settle becomes a problem, with the line that would settle it."""
    entry, rule = reading.entry, TABLES[reading.entry.table]
    for ours, fits in reading.rivals.items():
        what = f"{' and '.join(map(repr, fits))} may {'both' if len(fits) == 2 else 'all'} be {ours}"
        one = "; ".join(f"or {ours}: {quoted(title)}" for title in fits[1:])
        fix = f"write at this input  {_line(reading)}  {one}"
        reading.problems.append(Problem("E-MAP", what, where=entry.file, allowed=", ".join(fits), fix=fix))
    for column in rule.columns:
        if column.required and column.name not in {*reading.columns, *entry.given}:
            near = _near(reading, column)
            what = f"{entry.table} needs {column.name} ({column.meaning}), and no header is known to mean it"
            what += f"; nearest: {', '.join(map(repr, near))}" if near else ""
            if column.name == "asset_id" and reading.repeating:
                what += f"; {' and '.join(map(repr, reading.repeating))} may, but some of their values stand twice"
            theirs = near[0] if near else "THEIR HEADER"
            fix = f"write at this input  {_line(reading, {column.name: theirs})}  or, if it is the same for all rows, "
            fix += f"constants: {{{column.name}: ...}}"
            fix = _lower(reading) or fix
            shown = ", ".join(title if len(title) <= 40 else title[:39] + "…" for title in list(reading.headers)[:30])
            reading.problems.append(Problem("E-NOCOL", what, where=entry.file, allowed=shown, fix=fix))


def _near(reading: HeaderReading, column: ColumnRule) -> list[str]:
    """Which headers come near a column that none fits: spelled alike, or sharing its words?"""
    names = [column.name.replace("_", " ")]
    names += [name for each in synonyms().names.get(reading.entry.table, {}).get(column.name, []) for name in each]
    free = {worded(title): title for title in reading.headers if title not in reading.columns.values()}
    scores = {
        title: max(difflib.SequenceMatcher(None, words, name).ratio() for name in names)
        for words, title in free.items()
        if words
    }
    return [title for title in sorted(scores, key=lambda title: (-scores[title], title)) if scores[title] >= 0.6][:3]


def _lower(reading: HeaderReading) -> str:
    """Does the header seem to stand lower: has one of the first rows our names for all that the table needs?"""
    entry = reading.entry
    needed = [rule for rule in TABLES[entry.table].columns if rule.required and rule.name not in entry.constants]

    def has_all(row: list[str]) -> bool:
        there = HeaderReading(entry, reading.raw, {cell.strip(): at for at, cell in enumerate(row) if cell.strip()})
        for rule in needed:
            _fit(there, rule)
        return len(there.columns) == len(needed)

    return reading.raw.lower_header(has_all)


def _line(reading: HeaderReading, more: dict[str, str] | None = None) -> str:
    pairs = ", ".join(f"{ours}: {quoted(theirs)}" for ours, theirs in (reading.columns | (more or {})).items())
    return f"columns: {{{pairs}}}"


def quoted(name: str) -> str:
    """How is a client's name written in engagement.yml so that it is read as it stands?"""
    return (
        name if _SIMPLE.fullmatch(name) and name.casefold() not in _RESERVED else json.dumps(name, ensure_ascii=False)
    )


def _values(reading: HeaderReading, settings: Settings) -> dict[str, dict[str, str]]:
    """Which of their labels are which of ours? An optional column that holds others is left out, not its rows."""
    entry, table = reading.entry, reading.entry.table
    known = synonyms().values.get(table, {})
    values = {ours: {**known.get(ours, {}), **entry.values.get(ours, {})} for ours in {**known, **entry.values}}
    values = {ours: labels for ours, labels in values.items() if ours in reading.columns or ours in entry.values}
    teams = [label for team, each in settings.teams.items() for label in (team, *each.labels)]
    for rule in TABLES[table].columns if table in synonyms().names else ():
        fixed = rule.kind == "flag" or (rule.allowed and rule.kind == "text")
        if not fixed or rule.name in {*_ROWS_OWN, *entry.columns} or rule.name not in reading.columns:
            continue
        ours = {"flag": FLAGS, "text": rule.allowed}[rule.kind]
        theirs = [*ours, *values.get(rule.name, {}), *(teams if "team" in rule.name else ())]
        cells = Counter(cell for cell in reading.cells(reading.columns[rule.name]) if cell)
        fit = set(map(plain_name, theirs))
        if odd := [cell for cell in cells if plain_name(cell) not in fit]:
            title = reading.columns.pop(rule.name)
            shown = ", ".join(f"{cut(cell)!r} ({cells[cell]})" for cell in odd[:5])
            fix = f"to have it read, write values: {{{rule.name}: {{their label: ours}}}}"
            reading.notes.append(f"{title!r} of {entry.file} was not read as {rule.name}: it holds {shown}; {fix}.")
            values.pop(rule.name, None)
    return values


def _separators(reading: HeaderReading) -> dict[str, str]:
    """What parts the labels in a cell: what was said, what is known of the table, or the one mark its cells use?"""
    entry, found = reading.entry, dict(reading.entry.separators)
    for rule in TABLES[entry.table].columns:
        if rule.kind != "labels" or rule.allowed or rule.name in found or rule.name not in reading.columns:
            continue  # the labels of a closed set are told apart by themselves
        mark = synonyms().separators.get(entry.table, "")
        cells = [cell for cell in reading.cells(reading.columns[rule.name]) if cell]
        used = [mark] if mark else [each for each in MARKS if any(each in cell for cell in cells)]
        if len(used) > 1 or (used == [","] and not _is_list(cells)):
            title, marks = reading.columns[rule.name], " and ".join(used)
            why = "one of them may part its labels" if len(used) > 1 else "which may part labels or stand within one"
            what = f"the cells of {title!r} hold {marks}, {why}"
            fix = f'write at this input  separators: {{{rule.name}: "{used[0]}"}}  with what parts them'
            reading.problems.append(Problem("E-MAP", what, where=entry.file, fix=fix))
        elif used:
            found[rule.name] = used[0]
    return found


def _is_list(cells: list[str]) -> bool:
    """Does the comma part labels? Then most of what it parts stands in more than one cell."""
    times = Counter(part for cell in cells for part in {each.strip() for each in cell.split(",")})
    parts = {each.strip() for cell in cells if "," in cell for each in cell.split(",")} - {""}
    return 2 * sum(times[part] > 1 for part in parts) > len(parts)


def _exclude(reading: HeaderReading) -> dict[str, list[str]]:
    """Which rows are none of this table's, by the labels of which column? {their header: [their labels]}."""
    found: dict[str, list[str]] = {}
    for title in reading.headers:
        labels = synonyms().exclude.get(reading.entry.table, {}).get(worded(title), [])
        cells = dict.fromkeys(reading.cells(title)) if labels else {}
        if ANY in labels:  # a column that is filled in every row says nothing about single ones
            out = [cell for cell in cells if cell.casefold() not in _NOTHING]
            out = out if len(out) < len(cells) else []
        else:
            out = [cell for cell in cells if plain_name(cell) in map(plain_name, labels)]
        found |= {title: out} if out else {}
    return found


def _note(reading: HeaderReading) -> None:
    """Says which column was read as what."""
    entry = reading.entry
    found = {ours: theirs for ours, theirs in reading.columns.items() if ours not in entry.columns}
    pairs = ", ".join(f"{theirs!r} as {ours}" for ours, theirs in found.items())
    also = f", beside the {count(len(entry.columns), 'column')} that it declares" if entry.columns else ""
    reading.notes.insert(0, f"{entry.file} was mapped to {entry.table} by its headers: {pairs or 'nothing'}{also}.")


def cut(text: str) -> str:
    """How much of a client's text does a sentence show?"""
    return text if len(text) <= 80 else text[:79] + "…"
