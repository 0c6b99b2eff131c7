"""How an import speaks to a person: what each file is, what must be answered, how rows are read, what is missing."""

from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib.engagement import read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.imports.bring import bring, take, write
from alignlib.imports.judgeable import judgeable
from alignlib.imports.questions import Answers, Question, answers_text, explained, keep, read_answers, sheet_of
from alignlib.intake.mappings import PERSONAL
from alignlib.intake.rejected import rejected_lines, unread_columns
from alignlib.intake.snapshot import take_in
from alignlib.result import RowCount
from alignlib.words import count, legible, masked, number

if TYPE_CHECKING:
    from alignlib.intake.rows import Part

ROWS, WIDEST = 3, 24  # rows shown of each input; letters of a cell
LONE = "no row refers to it"  # why a row of a look-up is not used; nothing of the other file is lost by it
Ask = Callable[..., str]


def import_files(folder: Path, files: Sequence[Path], answers: Path | None, ask: Ask | None) -> Iterator[str]:
    """What happens, line by line, as these files are imported? Asks by ``ask`` (None: the open questions end it).

    Raises AlignError: E-ASK (questions are open and nobody can be asked), and what is wrong with the files.
    """
    said = read_answers(answers) if answers else {"files": {}, "stages": {}, "engagement": {}}
    names = take(folder, files)
    found = bring(folder, names, said)
    told: list[str] = []
    while found.questions and ask:
        told += (new := [line for line in explained(found.questions) if line not in told])
        yield from new
        try:
            for question in found.questions:
                _ask_one(question, said, ask)
            found = bring(folder, names, said)
        except (KeyboardInterrupt, EOFError, RuntimeError, AlignError):  # RuntimeError: a prompt's word for the first
            yield from _so_far(said)
            raise
    yield from found.recognised
    yield from (f"Not read: {legible(line)}" for line in found.aside)
    yield from (f"Note: {legible(line)}" for line in found.notes)
    if found.problems:
        yield from _so_far(said) if ask and any(said.values()) else ()
        raise AlignError(found.problems)
    if found.questions:
        open_ones = count(len(found.questions), "question")
        yield from ("", f"# {open_ones} that only a person can answer. One answer can raise another question.")
        yield from sheet_of(found.questions).splitlines()
        what = f"{open_ones} must be answered first; nothing was written into engagement.yml"
        fix = "save the lines above as answers.yml, fill them in, and run the import again with --answers answers.yml"
        raise AlignError(Problem("E-ASK", what, where=folder.name, fix=fix))
    if found.drafts:
        write(folder, found)
    yield from _summary(folder, {each.entry["file"] for each in found.drafts})


def _so_far(said: Answers) -> Iterator[str]:
    yield from ("", "# Your answers so far; save them as answers.yml and give them with --answers answers.yml.")
    yield answers_text(said)


def _ask_one(question: Question, said: dict[str, object], ask: Ask) -> None:
    while True:
        answer = ask(str(question), default=question.likely) if question.likely else ask(str(question))
        try:
            return keep(said, question, answer)
        except AlignError as error:
            print(error)


def _shown(part: "Part") -> Iterator[str]:
    """The first rows of an input as they are understood; what stands for a person is not shown."""
    if part.data.empty:
        yield f"{legible(part.entry.file)} as {part.entry.table}: no row is used."
        return
    yield ""
    yield f"{legible(part.entry.file)} as {part.entry.table}, first of {count(len(part.data), 'row')}:"
    columns: list[list[str]] = []
    for rule in part.rule.columns:
        if rule.name in part.data and part.data[rule.name].notna().any():
            first = part.data[rule.name].head(ROWS)
            values = zip(first, first.notna(), strict=True)
            cells = [rule.name, *(_cell(value, rule.name, rule.kind) if is_there else "" for value, is_there in values)]
            columns.append([cell.ljust(max(map(len, cells))) for cell in cells])
    yield from (f"  {'  '.join(row)}".rstrip() for row in zip(*columns, strict=True))


# What is not shown: what somebody answered or wrote, and titles, which may be names where it is no content after all.
HIDDEN = {"title": "a title", "answer": "an answer", "cannot_say": "an answer", "comment": "a text", "reason": "a text"}


def _cell(value: Any, name: str, kind: str) -> str:
    if name in PERSONAL and name != "lead_id":
        return "(a code)"
    if name in HIDDEN:
        return f"({HIDDEN[name]})"
    if kind == "money":
        return number(int(value) / 100, 2 if int(value) % 100 else 0)  # kept in hundredths
    return masked(legible(str(value)))[:WIDEST]


def balance(rows: RowCount) -> list[str]:
    """How do the rows of one file balance, and why were some not used?"""
    fates = f"{number(rows.used)} used + {number(rows.rejected)} rejected + {number(rows.excluded)} excluded"
    reasons = [f"    {number(n)}: {reason}" for reason, n in rows.reasons.items()]
    use = f"looked up for {rows.table}" if LONE in rows.reasons else rows.table
    return [f"{rows.file} ({use}): {count(rows.read, 'row')} read = {fates}", *reasons]


def _summary(folder: Path, new: set[str]) -> Iterator[str]:
    """The rows of the new files as they are understood, how every file balances, and what the audit can judge now."""
    settings = read_engagement(folder)
    parts, counts, _, _, problems = take_in(folder, settings)
    for part in parts:
        yield from _shown(part) if part.entry.file in new else ()
    yield ""
    yield from (line for each in counts for line in balance(each))
    yield from (f"Rejected: {line}" for part in parts for line in rejected_lines(part))
    yield from (f"Note: {line}" for line in unread_columns([part for part in parts if part.entry.file in new]))
    if problems:
        raise AlignError(problems)
    now, missing = judgeable(parts, settings)
    yield ""
    yield "Can be judged now:" if now else "Nothing can be judged yet."
    yield from (f"  {line}" for line in now)
    yield from ["Still missing:", *(f"  {line}" for line in missing)] if missing else []
