"""One import: files into the data folder, what each is, what must be asked, and what is written into engagement.yml."""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from alignlib.engagement import Input, Reading, Settings, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import copy_file, open_inside, refuse_another, scratch_folder, write_file
from alignlib.imports.delivered import Delivered
from alignlib.imports.drafting import Draft, draft
from alignlib.imports.others import draft_other
from alignlib.imports.questions import NONE, Answers, Question, checked
from alignlib.imports.span import EVER, SAID, ask_span, ask_whose
from alignlib.imports.vendors import FOLDER, Export, Match, match, read_exports, recognise
from alignlib.imports.written import written
from alignlib.intake.delimited import LINE, decode, delimited
from alignlib.intake.exports import recognise as survey_export
from alignlib.intake.read import READABLE, TEXT_FILES, WORKBOOKS, Raw, read_table
from alignlib.plain_yaml import SETTINGS_FILE
from alignlib.words import capital, count, legible, masked

DEEPEST = 15  # rows above a header, at most
FIRST_LINES, FIRST_BYTES = 60, 400_000  # of a text file: enough to see where its header stands
LEAST = 3  # columns of what may be a table above another
SHOWN, WIDEST = 3, 60  # lines above a header that are told; letters of each
# What a fault of a reading asks for: {code: (setting, question, what may be answered; None: what the fault allows)}.
_Asks = tuple[str, str, tuple[str, ...] | None]
_ASKS: dict[str, _Asks] = {
    "E-DATEFMT": ("date_order", "In which order are its dates written?", ("dmy", "mdy", "ymd")),
    "E-ZONE": ("timezone", "In which time zone are the times that name none, as in Europe/Berlin?", ()),
    "E-SHEET": ("sheet", "Which sheet holds the table? One is read: save each other as its own file.", None),
    "E-ENC": ("encoding", "In which encoding was it saved?", None),
    "E-ORPHAN": ("kind", f"Stop and export both anew, or leave this file aside with {NONE}?", (NONE,)),
}
_CURRENCY: _Asks = ("currency", "In which currency are the amounts, as in EUR?", ())
_DECIMAL: _Asks = ("decimal", "Which sign stands before its decimals?", (".", ","))
_OTHER_CURRENCY = re.compile(r".* is not in [A-Z]{3}|.* not all in [A-Z]{3}: .* says '[^']*' \([^)]*\)")  # of one alone
_AS_ANSWER = re.compile(r"keep_latest|only:|column_\d")  # cures that an answer under the file carries out


@dataclass
class Brought:
    """What did an import find: inputs to write, questions left open, files left aside, and how the rows are read?"""

    drafts: list[Draft] = field(default_factory=list)
    questions: list[Question] = field(default_factory=list)
    aside: list[str] = field(default_factory=list)
    recognised: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    problems: list[Problem] = field(default_factory=list)
    stages: dict[str, str] = field(default_factory=dict)
    changes: dict[str, Any] = field(default_factory=dict)


def bring(folder: Path, names: Sequence[str], answers: Answers) -> Brought:
    """Which inputs do these files of the data folder give, once the answers are heard? Writes nothing.

    Every question that can be asked now is in ``questions``; with none, ``drafts`` are complete and were read whole.
    """
    settings, found = read_engagement(folder), Brought()
    exports = read_exports([folder.parent / FOLDER, folder / FOLDER])
    mapped = {each.file for entry in settings.inputs for each in (entry, *entry.lookups)}
    lying = _lying(folder / "data", {*names, *mapped})
    answers = checked(answers, {*names, *mapped, *lying}, exports)
    said = answers["engagement"]
    agreed = settings.model_copy(update={key: said[key] for key in SAID if key in said})
    found.aside += [
        f"{name} is mapped already. A newer export of it replaces data/{name} and needs no import; to have it mapped"
        f" anew, delete its inputs in {SETTINGS_FILE} and import it again." for name in names if name in mapped
    ]  # fmt: skip
    standing = _all_standing(folder, [*settings.inputs, *(Reading(file=name) for name in lying)], exports)
    new = [name for name in dict.fromkeys(names) if name not in mapped]
    files = [file for name in new if (file := _deliver(folder, name, exports, answers, found))]
    files = _without_copies(files, [each for each in standing if each.name in mapped], found)
    others = [*files, *(each for each in standing if each.name in mapped)]
    _draft_all(files, others, answers, agreed, found)
    found.notes += _waited(standing, files, mapped, answers, agreed)
    found.stages = {label: ours for label, ours in answers["stages"].items() if ours != NONE}
    _try(folder, agreed, answers, found)
    found.questions += ask_whose(settings, said) if found.drafts or found.questions else []
    found.questions = list({question.place: question for question in reversed(found.questions)}.values())[::-1]
    return found


def take(folder: Path, files: Sequence[Path]) -> list[str]:
    """Under which names do these files lie in the engagement's data folder now? Copies those that lie elsewhere.

    Raises AlignError: E-OPEN, E-USE (another file of that name is there); then none is copied.
    """
    data, names, problems = folder / "data", list[str](), list[Problem]()
    copies: dict[Path, Path] = {}
    for path in files:
        is_there = path.resolve().is_relative_to(data.resolve())
        names.append(path.resolve().relative_to(data.resolve()).as_posix() if is_there else path.name)
        try:
            target = path if is_there else data / path.name
            refuse_another(path, copies.setdefault(target, path))  # two of one name in the list
            refuse_another(path, target)
        except AlignError as error:
            problems += error.problems
    if problems:
        raise AlignError(problems)
    for target, path in copies.items():
        copy_file(path, target)
    return list(dict.fromkeys(names))


def write(folder: Path, found: Brought) -> None:
    """How does engagement.yml read with what was found? Raises AlignError (E-USE) when its layout leaves no place."""
    path = folder / SETTINGS_FILE
    write_file(path, written(path.read_bytes().decode("utf-8"), found.drafts, found.stages, found.changes))


def _deliver(folder: Path, name: str, exports: dict[str, Export], answers: Answers, found: Brought) -> Delivered | None:
    """Reads a file as it is, or as answered, and tells what it is: a header may stand below some lines."""
    said = answers["files"].get(name, {})
    if said.get("kind") == NONE:
        found.aside.append(f"{name} is left aside, as answered.")
        return None
    reading = {key: said[key] for key in ("sheet", "encoding", "delimiter", "skip_rows", "header_rows") if key in said}
    known = {said["kind"]: exports[said["kind"]]} if said.get("kind") in exports else exports
    text = _first_lines(folder / "data", name, reading)
    try:
        start, above, are_two = _find_header(folder / "data", name, text, reading, known)
        if are_two:
            found.questions.append(_ask_table(name, start, above))
            return None
        reading |= {"skip_rows": start} if start else {}
        file = Delivered(name, read_table(folder / "data", Reading(file=name, **reading)), reading=reading)
    except AlignError as error:
        found.problems += [] if _asked(error.problems, [name], found) else error.problems
        return None
    found.notes += _told_skipped(name, int(reading.get("skip_rows", 0)), above or LINE.split(text))
    if "sheet" in said:
        found.notes.append(f"{name}: only the sheet {said['sheet']} is read; save another as its own file to have it.")
    fits = recognise(known, file.titles)
    if "kind" in said and known is exports:  # a table, or a survey: of an export only what fills it
        fits = [only for each in fits if (only := _only(each, said["kind"]))]
    if len(fits) > 1:
        asked = "It may be " + " or ".join(each.export.name for each in fits) + ". Which is it?"
        found.questions.append(Question(("files", name, "kind"), asked, (*(each.export.key for each in fits), NONE)))
        return None
    return _spread(folder, file, fits[0]) if fits else _as_survey(folder, file)


def _only(known: Match, table: str) -> Match | None:
    """The export as if it filled this table alone; None when it never does."""
    rules = tuple(rule for rule in known.export.inputs if rule.table == table)
    return Match(replace(known.export, inputs=rules), known.headers) if rules else None


def _ask_table(name: str, start: int, above: Sequence[str]) -> Question:
    first = masked(legible(above[0]))[:WIDEST]
    text = f"Two tables stand in it: one begins with {first!r} on line 1, the other on line {start + 1}. One is read:"
    text += " how many lines stand above it? To have both, save one as its own file."
    return Question(("files", name, "skip_rows"), text, ("0", str(start)))


def _told_skipped(name: str, skip: int, lines: Sequence[str]) -> list[str]:
    """Which sentence says that lines above the header are not read, and how the first of them begin?"""
    if not skip:
        return []
    shown = "; ".join(repr(masked(legible(line.strip()))[:WIDEST]) for line in lines[:skip][:SHOWN] if line.strip())
    return [f"{name}: {count(skip, 'line')} above the header not read{': ' if shown else ''}{shown}."]


def _first_lines(folder: Path, name: str, reading: dict[str, Any]) -> str:
    """How does this file of text begin? "" for other files, and where that cannot be told."""
    if Path(name).suffix.lower() not in TEXT_FILES:
        return ""
    try:
        with open_inside(folder, name) as handle:
            start = handle.read(FIRST_BYTES)
        lines = start.split(b"\n")
        if len(lines) > FIRST_LINES or len(start) == FIRST_BYTES:
            start = b"\n".join([*lines[:-1][:FIRST_LINES], b""])
        return decode(start, Reading(file=name, encoding=reading.get("encoding")))[0]
    except AlignError:
        return ""


def _find_header(
    folder: Path, name: str, text: str, reading: dict[str, Any], exports: dict[str, Export]
) -> tuple[int, list[str], bool]:
    """Below how many lines does the header of a known export stand, which are they, and are they a table themselves?

    Looks at the first lines alone; 0 when no export is known by them, or the first line that can be a header.
    """
    if "skip_rows" in reading or (not text and Path(name).suffix.lower() not in WORKBOOKS):
        return int(reading.get("skip_rows", 0)), [], False
    if Path(name).suffix.lower() in WORKBOOKS:
        return _find_in_sheet(read_table(folder, Reading(file=name, **reading)), exports)
    at: int | None = None
    with scratch_folder() as scratch:
        write_file(scratch / "start.csv", text)
        rest = {key: value for key, value in reading.items() if key != "encoding"}
        for skip in range(DEEPEST):
            try:
                raw = read_table(scratch, Reading(file="start.csv", **rest | {"skip_rows": skip}))
            except AlignError as error:
                if at is None and error.problems[0].code == "E-WIDTH":
                    continue
                break  # the whole file says what is wrong with it
            if recognise(exports, raw.titles):
                lines = LINE.split(text)[:skip]
                rows = delimited("\n".join(lines), Reading(file=name, delimiter=reading.get("delimiter")))[0]
                return skip, lines, _is_table(rows)
            at = skip if at is None else at
    return at or 0, [], False


def _find_in_sheet(raw: Raw, exports: dict[str, Export]) -> tuple[int, list[str], bool]:
    rows = [*raw.headers, *raw.rows[: DEEPEST - 1]]
    lines = [raw.lines[0] - 1 if raw.lines else 1, *(raw.lines[record - 1] for record in raw.records[: DEEPEST - 1])]
    for line, row in zip(lines, rows, strict=True):
        if recognise(exports, [cell.strip() for cell in row]):
            above = [each for at, each in zip(lines, rows, strict=True) if at < line]
            return line - 1, [" ".join(filter(None, each)) for each in above], _is_table(above)
    return 0, [], False


def _is_table(above: Sequence[Sequence[str]]) -> bool:
    """Do these rows look like a table of their own: a header of three columns or more, and below it as wide a row?"""
    filled = [[at for at, cell in enumerate(row) if cell.strip()] for row in above]
    return any(len(one) >= LEAST and one[-1] + 1 == len(one) and one[-1] == two[-1]
               for one, two in pairwise(each for each in filled if each))  # fmt: skip


def _as_survey(folder: Path, file: Delivered) -> Delivered:
    """A file that nobody recognised, read with as many header rows as a survey tool writes, if one wrote it."""
    depth = survey_export([*file.raw.headers, *file.raw.rows[:2]]).header_rows
    if depth == 1 or "header_rows" in file.reading:
        return file
    reading = Reading(file=file.name, **file.reading, header_rows=depth)
    return Delivered(file.name, read_table(folder / "data", reading), reading=file.reading)


def _spread(folder: Path, file: Delivered, known: Match) -> Delivered:
    """A recognised file, read once more where columns of JSON must be spread."""
    if not known.export.json:
        file.match = known
        return file
    titles = [known.headers[word] for word in known.export.json if word in known.headers]
    reading = file.reading | ({"json_columns": titles} if titles else {})
    again = Delivered(file.name, read_table(folder / "data", Reading(file=file.name, **reading)), reading=reading)
    again.match = match(known.export, again.titles) or known
    return again


def _lying(data: Path, known: Collection[str]) -> list[str]:
    """Which files lie in the data folder that no input names and that are not imported now?"""
    paths = (each for each in sorted(data.rglob("*")) if each.suffix.lower() in READABLE and each.is_file())
    names = [each.relative_to(data).as_posix() for each in paths if not each.name.startswith((".", "~$"))]
    return [name for name in names if name not in known]


def _all_standing(folder: Path, readings: Sequence[Reading], exports: dict[str, Export]) -> list[Delivered]:
    """The files that came earlier, each once, for the look-ups of new ones; without those that cannot be read."""
    found: dict[str, Delivered] = {}
    for each in readings:
        if each.source or each.file in found:
            continue
        said = each.model_dump(include=Reading.model_fields.keys() - {"file", "columns"}, exclude_unset=True)
        try:
            raw = read_table(folder / "data", Reading(file=each.file, **said))
        except AlignError:
            continue
        file = Delivered(each.file, raw, reading=said)
        file.match = next(iter(recognise(exports, file.titles)), None)
        found[each.file] = file
    return [*found.values()]


def _without_copies(files: list[Delivered], standing: list[Delivered], found: Brought) -> list[Delivered]:
    """The files without those that hold, byte for byte, what another holds: their rows would count twice."""
    known = {(each.raw.sha256, each.reading.get("sheet")): each.name for each in standing}
    first = [known.setdefault((each.raw.sha256, each.reading.get("sheet")), each.name) for each in files]
    found.aside += [
        f"{each.name} is left aside: it holds the same as {same}, and its rows would count twice."
        for each, same in zip(files, first, strict=True) if same != each.name
    ]  # fmt: skip
    return [each for each, same in zip(files, first, strict=True) if same == each.name]


def _waited(
    standing: list[Delivered], files: list[Delivered], mapped: set[str], answers: Answers, settings: Settings
) -> list[str]:  # fmt: skip
    """Which sentences name files that came earlier and would give more, or something else, beside the new ones?"""
    notes = []
    for file in standing if files else ():
        known = [file, *(each for each in standing if each.name in mapped and each.name != file.name)]
        if file.match is None or file.match.export.unread:
            continue
        taken = {**answers["files"].get(file.name, {}), "kind": file.match.export.key}  # it is no copy of itself
        said = {**answers, "files": {file.name: taken}}
        alone, beside = (draft(file, others, said, settings) for others in (known, [*known, *files]))
        if [each.entry for each in alone.inputs] == [each.entry for each in beside.inputs]:
            continue
        new = ", ".join(each.name for each in files)
        first = f"delete its inputs in {SETTINGS_FILE} and " if file.name in mapped else ""
        notes.append(
            f"{file.name} came before {new} and is read without it. To have them together, {first}import it again."
        )
    return notes


def _draft_all(
    files: list[Delivered], others: list[Delivered], answers: Answers, settings: Settings, found: Brought
) -> None:  # fmt: skip
    helpers: dict[str, str] = {}
    unread: dict[str, str] = {}
    unknown: list[Delivered] = []
    for file in files:
        if file.match is None:
            unknown.append(file)
            continue
        export = file.match.export
        found.recognised.append(f"{file.name}: {export.name}, each row {export.row}; {count(file.raw.read, 'row')}")
        if export.unread:
            unread[file.name] = export.unread
            continue
        drafts = draft(file, others, answers, settings)
        found.drafts += drafts.inputs
        found.questions += drafts.questions
        found.aside += drafts.aside
        found.notes += [f"{export.name}: {note.rstrip('.')}." for note in export.notes]
        helpers |= drafts.helpers
        helpers |= {lookup["file"]: file.name for each in drafts.inputs for lookup in each.entry.get("lookups", ())}
    found.aside += [f"{name} is not read: {why}." for name, why in unread.items() if name not in helpers]
    for file in unknown:
        if file.name in helpers:
            found.recognised.append(f"{file.name}: adds columns to {helpers[file.name]}")
            continue
        told, drafts = draft_other(file, answers, settings)
        found.recognised += [f"{file.name}: {told}, {count(file.raw.read, 'row')}"] if told else []
        found.drafts += drafts.inputs
        found.questions += drafts.questions
        found.notes += drafts.aside


def _try(folder: Path, settings: Settings, answers: Answers, found: Brought) -> None:
    """Reads every new input whole, with the answers so far, and asks what its faults ask for."""
    from alignlib.intake.snapshot import take_in

    inputs = [Input.model_validate(each.entry) for each in found.drafts]
    if not inputs or found.problems:
        return
    known = {**settings.stages, **found.stages}
    ever = settings.model_copy(update={"inputs": [*settings.inputs, *inputs], "stages": known, **EVER})
    parts, _, _, _, problems = take_in(folder, ever)
    names = [entry.file for entry in inputs]
    rest = [problem for problem in problems if not _asked([problem], names, found, answers["engagement"])]
    if rest and not found.questions:
        found.problems += [_curable(problem) for problem in rest]
    if not rest and not found.questions:
        found.changes, found.questions = ask_span(parts, settings, answers["engagement"])


def _curable(problem: Problem) -> Problem:
    """The problem of a trial: before anything is written, its cure stands in the answers."""
    where = "; as an answer it stands under files, below the name of the file"
    return replace(problem, fix=problem.fix + where) if _AS_ANSWER.search(problem.fix) else problem


def _asked(problems: Sequence[Problem], names: Sequence[str], found: Brought, said: Collection[str] = ()) -> bool:
    """Does each of these faults ask for something a person can say? Then it becomes a question."""
    for problem in problems:
        name = max((each for each in names if problem.where.startswith(each)), key=len, default="")
        asks = _ASKS.get(problem.code)
        if problem.code == "E-NUM" and "decimal:" in problem.allowed:
            asks = _DECIMAL
        elif problem.code == "E-NUM" and _OTHER_CURRENCY.fullmatch(problem.what):
            asks = _CURRENCY
        if not name or not asks or asks[0] in said:
            return False
        key, text, allowed = asks
        place = ("engagement", key) if key == "currency" else ("files", name, key)
        allowed = tuple(problem.allowed.split(", ")) if allowed is None else allowed
        found.questions.append(Question(place, f"{text} {capital(problem.what)}.", allowed))
    return True
