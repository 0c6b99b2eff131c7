"""What only a person knows about a client's files: the questions, and where an answer to one stands."""

import difflib
import re
import textwrap
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zoneinfo import available_timezones

import yaml
from pydantic import ValidationError

from alignlib.engagement import EXITS, STAGES, Input, Settings
from alignlib.errors import AlignError, Problem
from alignlib.intake.read import plain_name
from alignlib.intake.synonyms import quoted
from alignlib.intake.tables import TABLES
from alignlib.plain_yaml import nearest, strict_yaml, yaml_text
from alignlib.words import legible

Answers = dict[str, Any]  # files: {file: {what: answer}}, stages: {their label: ours}, engagement: {what: answer}
NONE = "none"  # the answer that leaves a file, a table or a label out
SURVEY = "survey"  # the kind of a file with one row a person and one column an item
SHORT = 12  # answers to choose from that are printed beside each question
_PARTS = ("files", "stages", "engagement")
# What may be answered of a file: these settings of its inputs, what kind it is, and where each of our columns stands.
FIELDS = ("sheet", "encoding", "encoding_errors", "delimiter", "decimal", "date_order", "timezone", "header_rows",
          "skip_rows", "short_rows", "json_columns", "columns", "constants", "values", "separators", "labels", "items",
          "exclude", "only", "keep_latest", "same_address")  # fmt: skip
_MAPS = tuple(key for key in FIELDS if str(Input.model_fields[key].annotation).startswith("dict"))
_OURS = {column.name: column.kind for table in TABLES.values() for column in table.columns}
_AGREED = ("client", "currency", "timezone", "period", "as_of")  # what may be answered of the engagement
# Which model checks an answer, beside values of all that it needs.
_CHECKS: dict[str, tuple[type[Input] | type[Settings], dict[str, Any]]] = {
    "files": (Input, {"table": "leads", "file": "-"}),
    "engagement": (Settings, {"version": 1, "client": "-", "currency": "EUR", "timezone": "UTC",
                              "period": {"start": "1990-01-01", "end": "2099-12-31"}, "as_of": "2100-12-31"}),
}  # fmt: skip
_NEAR = 0.75  # so alike, an answer is a misspelt header
_MEANT = {
    "inquiry": "a first sign of interest", "mql": "Marketing hands over", "sal": "Sales accepts",
    "sql": "Sales finds a real need", "opportunity": "a deal is opened", "recycled": "back to Marketing",
    SURVEY: "answers to a survey, one row a person", NONE: "left aside",
} | {name: table.row for name, table in TABLES.items()}  # fmt: skip


@dataclass(frozen=True)
class Question:
    """What is asked, what may be answered (anything when empty), and where among the answers does it stand?"""

    place: tuple[str, ...]
    text: str
    allowed: tuple[str, ...] = ()
    likely: str = ""

    def __str__(self) -> str:
        allowed = f" ({', '.join(self.allowed)})" if self.allowed else ""
        return f"{': '.join(self.place[1:])}: {self.text}{allowed}"


def read_answers(path: Path) -> Answers:
    """What does a file of answers say? Raises AlignError (E-OPEN, E-CONFIG)."""
    try:
        answers = strict_yaml(yaml_text(path), path.name)[0]
    except (OSError, UnicodeDecodeError) as error:
        fix = "name a YAML file; without it the import lists what it would ask"
        raise AlignError(Problem("E-OPEN", "cannot be read as UTF-8 text", where=str(path), fix=fix)) from error
    given = answers.items() if isinstance(answers, dict) else [("a list", answers)]
    if strange := [name for name, said in given if name not in _PARTS or not isinstance(said or {}, dict)]:
        what = f"answers stand by name under {', '.join(_PARTS)}, not as in {strange[0]!r}"
        fix = "compare it with the list of questions"
        raise AlignError(Problem("E-CONFIG", what, where=path.name, allowed=", ".join(_PARTS), fix=fix))
    return {part: answers.get(part) or {} for part in _PARTS}


def checked(answers: Answers, names: Collection[str], exports: Collection[str]) -> Answers:
    """Which answers were given, each as we write it ("MQL" is mql), without those left blank?

    ``names``: files that may be answered for; ``exports``: keys of the exports that a kind may name. Raises AlignError
    (E-CONFIG) with every answer that cannot be one.

    >>> checked({"stages": {"Hot": "MQL", "Cold": None}, "engagement": {"currency": "eur"}}, (), ())
    {'files': {}, 'stages': {'Hot': 'mql'}, 'engagement': {'currency': 'EUR'}}
    """
    problems: list[Problem] = []
    found: Answers = {part: {} for part in _PARTS}
    for place, value in _given(answers):
        try:
            if place[0] == "files" and place[1] not in names:
                what = f"no file of this name is imported{nearest(place[1], [*names])}"
                raise AlignError(_wrong(place[:2], what, ", ".join(names), "correct the name, or leave it out"))
            said = _checked_one(place, value, exports)
        except AlignError as error:
            problems += error.problems
            continue
        part = found
        for key in place[:-1]:
            part = part.setdefault(key, {})
        part[place[-1]] = said
    if problems:
        raise AlignError(dict.fromkeys(problems))
    return found


def _given(answers: Answers) -> Iterator[tuple[tuple[str, ...], Any]]:
    """What was answered, and at which place? A file's answers stand one level deeper."""
    for part in _PARTS:
        for name, said in (answers.get(part) or {}).items():
            if part == "files" and isinstance(said, Mapping):
                yield from (((part, name, key), value) for key, value in said.items() if value not in (None, ""))
            elif said not in (None, ""):
                yield (part, name), said


def _wrong(place: Sequence[str], what: str, allowed: str = "", fix: str = "correct the answer") -> Problem:
    return Problem("E-CONFIG", what, where=legible(": ".join(place)), allowed=allowed, fix=fix)


def _checked_one(place: tuple[str, ...], said: Any, exports: Collection[str]) -> Any:
    """What does this answer say, as we write it? Raises AlignError (E-CONFIG) when it cannot be one."""
    part, key = place[0], place[-1]
    known = {"files": ("kind", *FIELDS, *_OURS), "stages": (key,), "engagement": _AGREED}[part]
    if part == "files" and len(place) == 2:
        fix = f"say what it answers, as in {quoted(key)}: {{kind: {said if said in TABLES else 'leads'}}}"
        raise AlignError(_wrong(place, f"{_cut(said)} stands alone", fix=fix))
    if key not in known:
        names = ", ".join(known[: 1 + len(FIELDS)]) + (", and our columns" if part == "files" else "")
        raise AlignError(_wrong(place, f"nothing of this name is asked{nearest(key, [*known])}", names))
    if key in _OURS and part == "files" and key not in ("kind", *FIELDS):
        if not isinstance(said, str):
            raise AlignError(_wrong(place, f"{_cut(said)} is neither a header nor one value"))
        return said
    if part == "stages" or key == "kind":
        allowed = (*STAGES, *EXITS, NONE) if part == "stages" else (*TABLES, SURVEY, NONE, *exports)
        if str(said).strip().casefold() not in allowed:
            near = nearest(str(said), [*allowed])
            raise AlignError(_wrong(place, f"{_cut(said)} is no answer to this{near}", ", ".join(allowed)))
        return str(said).strip().casefold()
    return _valid("engagement" if key == "timezone" else part, place, _span(said) if key == "period" else said)


def _valid(part: str, place: tuple[str, ...], said: Any) -> Any:
    """The answer in the case of letters that its setting takes."""
    key, (model, rest) = place[-1], _CHECKS[part]
    faults: list[Any] = []
    for each in (said, said.lower(), said.upper(), said.title()) if isinstance(said, str) else (said,):
        try:
            model.model_validate(rest | {key: each})
        except ValidationError as error:
            faults += error.errors()
        else:
            return each
    near = nearest(str(said), sorted(available_timezones())) if key == "timezone" else ""
    why = str(faults[0]["msg"]).removeprefix("Value error, ") + near
    expected = str(faults[0].get("ctx", {}).get("expected", ""))
    raise AlignError(_wrong(place, f"{_cut(said)} cannot be it: {why}", expected))


def _span(said: Any) -> Any:
    """A period as answered, "2024-01-01 to 2025-12-31" or {start, end}, as engagement.yml writes it."""
    days = re.findall(r"\d{4}-\d{2}-\d{2}", said) if isinstance(said, str) else []
    if isinstance(said, str) and len(days) != 2:
        what, fix = f"{_cut(said)} is no period", "answer as in 2024-01-01 to 2025-12-31"
        raise AlignError(_wrong(("engagement", "period"), what, fix=fix))
    return {"start": days[0], "end": days[1]} if days else said


def _cut(said: Any) -> str:
    return repr(legible(str(said))[:60])


def placed(ours: str, said: str, titles: Sequence[str], name: str) -> tuple[str, str]:
    """Is this answer a header of the file, or the value of all its rows: ("columns", it) or ("constants", it)?

    Raises AlignError (E-CONFIG) where it seems to be a misspelt header: it comes near one, or no such value can be.

    >>> placed("source", "CHANNEL", ["Id", "Channel"], "l.csv"), placed("source", "Fair", ["Id", "Channel"], "l.csv")
    (('columns', 'Channel'), ('constants', 'Fair'))
    """
    there = {plain_name(title): title for title in reversed(titles)}
    if plain_name(said) in there:
        return "columns", there[plain_name(said)]
    near = difflib.get_close_matches(plain_name(said), [*there], n=1, cutoff=_NEAR)
    is_value = re.search(r"\d", said) or _OURS.get(ours, "text") in ("text", "flag", "labels")
    if near or ours.endswith("_id") or not is_value:
        why = f"; did you mean {there[near[0]]!r}?" if near else ""
        what = f"{_cut(said)} is no header of it{why}"
        shown = legible(", ".join(title[:40] for title in titles[:30]))
        raise AlignError(_wrong(("files", name, ours), what, shown, "answer with a header as it stands in the file"))
    return "constants", said


def keep(answers: Answers, question: Question, answer: str) -> None:
    """Which answers stand once this one is put where it belongs?

    Raises AlignError (E-USE, E-CONFIG) if it cannot be an answer to this.
    """
    fold = {each.casefold(): each for each in question.allowed}
    said: Any = fold.get(answer.strip().casefold(), answer.strip())
    if question.allowed and said not in question.allowed:
        what, fix = f"{answer!r} is no answer to this", "answer one of these"
        where = ": ".join(question.place[1:])
        raise AlignError(Problem("E-USE", what, where=where, allowed=", ".join(question.allowed), fix=fix))
    if not question.allowed and question.place[0] == "files" and question.place[-1] in _MAPS:
        try:
            said = strict_yaml(said if said.startswith("{") else f"{{{said}}}")[0]
        except AlignError as error:
            what = f"{_cut(said)} cannot be read"
            raise AlignError(_wrong(question.place, what, fix="answer as in {one: two, three: four}")) from error
    said = said if question.allowed else _checked_one(question.place, said, ())
    part = answers
    for key in question.place[:-1]:
        part[key] = part = part.get(key) or {}
    part[question.place[-1]] = said


def answers_text(answers: Answers) -> str:
    """How do these answers stand in a file that ``read_answers`` reads?"""
    given = {part: said for part, said in answers.items() if said}
    return yaml.safe_dump(given, allow_unicode=True, sort_keys=False) if given else ""


def explained(questions: list[Question]) -> list[str]:
    """What must be known before these questions are read: what do our stages, and the kinds of files, mean?"""
    lines = []
    if any(question.place[0] == "stages" for question in questions):
        steps = [f"{stage} ({_MEANT[stage]})" if stage in _MEANT else stage for stage in (*STAGES, *EXITS)]
        lines.append(f"Our stages, in order: {', '.join(steps[: len(STAGES)])}; and the ways out of them: "
                     f"{', '.join(steps[len(STAGES) :])}.")  # fmt: skip
    kinds = next((each.allowed for each in questions if each.place[-1] == "kind" and len(each.allowed) > SHORT), ())
    if kinds:
        meant = (f"{kind} ({_MEANT[kind]})" if kind in _MEANT else kind for kind in kinds)
        lines.append(f"A kind is one of: {'; '.join(meant)}.")
    return lines


def sheet_of(questions: list[Question]) -> str:
    """How does a file begin that answers these questions? YAML, each question as a comment above its line."""
    lines = [line for each in explained(questions)
             for line in textwrap.wrap(each, 110, initial_indent="# ", subsequent_indent="# ")]  # fmt: skip
    open_at: tuple[str, ...] = ()
    for question in sorted(questions, key=lambda each: (_PARTS.index(each.place[0]), each.place[1:-1])):
        for depth, key in enumerate(question.place[:-1]):
            if open_at[: depth + 1] != question.place[: depth + 1]:
                lines.append("  " * depth + quoted(key) + ":")
        open_at, indent = question.place[:-1], "  " * (len(question.place) - 1)
        allowed = f" One of: {', '.join(question.allowed)}." if 0 < len(question.allowed) <= SHORT else ""
        lines.append(f"{indent}# {question.text}{allowed}".replace("\n", " "))
        likely = f" {quoted(question.likely)}" if question.likely else ""
        lines.append(f"{indent}{quoted(question.place[-1])}:{likely}")
    return "\n".join(lines) + "\n"
