"""The survey as people answer it: a Google Form, for Microsoft Forms, as tables, on paper; and the notice with it."""

import csv
import io
import json
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from itertools import groupby
from pathlib import Path
from typing import Any, BinaryIO

import yaml

from alignlib.engagement import Settings, SurveySettings
from alignlib.errors import AlignError, Problem
from alignlib.files import write_file
from alignlib.instrument import Instrument, Item, languages, read_instrument
from alignlib.resources import read_resource, strict_templates
from alignlib.words import legible

Content = dict[str, bytes | str]  # name of a file -> what it holds
NAME, TEAM, ROLE = "respondent_id", "team", "role"
CHOSEN, OPEN = ("agree", "conversation", "mirror"), ("comment", "name")  # kinds answered on the scale, in own words
_ROWS = 300  # rows of the workbook that offer lists and refuse impossible numbers
_RISKY = re.compile(r"[=+\-@\t\r\n\uff1d\uff0b\uff0d\uff20]")  # a spreadsheet takes a cell that begins so for a formula


@dataclass(frozen=True)
class Question:
    """What is asked, as a form puts it (``prompt``) and as a row of a table does (``text``), with which answers?

    ``kind`` is the item's, or ``choice`` and ``name`` for what is asked about the person. ``answers``: the labels to
    choose from; without any a number from ``low`` to ``high``, or own words. ``allowed`` says so in words.
    """

    code: str
    kind: str
    prompt: str
    text: str
    answers: tuple[str, ...]
    allowed: str
    block: str = ""
    low: float = 0.0
    high: float = 0.0
    unit: str = ""


@dataclass(frozen=True)
class Part:
    """Which questions of one kind follow one another, under which heading, and in which blocks?"""

    kind: str
    title: str
    how: str
    stem: str
    blocks: list[tuple[str, list[Question]]]


@dataclass(frozen=True)
class Form:
    """What does one engagement ask, and what are people told, in a survey tool (``notice``) or on paper?

    ``missing``: what engagement.yml does not say yet.
    """

    settings: Settings
    title: str
    intro: str
    version: str
    words: dict[str, Any]
    about: list[Question]
    parts: list[Part]
    notice: list[tuple[str, str]]
    paper_notice: list[tuple[str, str]]
    missing: list[str]

    @property
    def questions(self) -> list[Question]:
        """What is asked, in order, from the person's team to the last comment?"""
        return [*self.about, *(q for part in self.parts for _, block in part.blocks for q in block)]


def read_form(settings: Settings) -> Form:
    """Which form do these settings ask for? Raises AlignError (E-CONFIG) for a language without a translation."""
    survey = settings.survey
    if survey.language not in languages():
        what, fix = f"survey.language: no translation into {survey.language!r}", f"choose of {', '.join(languages())}"
        raise AlignError(Problem("E-CONFIG", what, where="engagement.yml", fix=fix))
    said = yaml.safe_load(read_resource("templates", "survey", "forms.yml"))
    instrument = read_instrument(survey.language)
    words = said.get(survey.language, said["en"])
    items = instrument.form(survey.form, [legible(segment) for segment in dict.fromkeys(survey.segments)])
    told = {field: words["missing"].format(what=what) for field, what in words["fields"].items()} | {"consent_on": ""}
    for field, value in {**dict(survey.notice), "consent_on": survey.consent_on}.items():
        if isinstance(value, date):
            value = words["day"].format(day=value.day, month=words["months"][value.month - 1], year=value.year)
        told[field] = legible(value) if value else told[field]
    told |= {"client": legible(settings.client), "minutes": str(max(round(instrument.minutes(items)), 1)),
             "smallest_group": str(survey.smallest_group)}  # fmt: skip
    sections = [*words["notice"]["every"], *words["notice"][survey.mode]]
    notice, paper_notice = (
        [(section["title"], section["text"].format(**told)) for section in sections if section.get("only", on) == on]
        for on in ("tool", "paper")
    )
    return Form(
        settings=settings, title=words["title"].format(**told), intro=words["intro"].format(**told),
        version=instrument.version, words=words, about=list(_about(instrument, words, survey.mode)),
        parts=list(_parts(instrument, items, words)), missing=list(_missing(survey, said)),
        notice=notice, paper_notice=paper_notice,
    )  # fmt: skip


def _missing(survey: SurveySettings, said: dict[str, Any]) -> Iterator[str]:
    if survey.language not in said:
        yield f"headings and notice in {survey.language!r} (templates/survey/forms.yml): they are in English"
    if survey.form == "full" and not survey.segments:
        yield "survey.segments: nobody is asked where revenue should come from"
    given = dict(survey.notice)
    yield from (f"survey.notice.{field}: {what}" for field, what in said["en"]["fields"].items() if not given[field])


def _about(instrument: Instrument, words: dict[str, Any], mode: str) -> Iterator[Question]:
    if mode == "named":
        yield Question(NAME, "name", words["name"], words["name"], (), words["own_words"])
    for code, said in ((TEAM, instrument.team), (ROLE, instrument.role)):
        answers = tuple(label for key, label in said.items() if key != "text")
        yield Question(code, "choice", said["text"], said["text"], answers, " | ".join(answers))


def _parts(instrument: Instrument, items: list[Item], words: dict[str, Any]) -> Iterator[Part]:
    titles = {item.item: words.get("blocks", {}).get(b.block, b.title) for b in instrument.blocks for item in b.items}
    labels = dict.fromkeys(CHOSEN, (*instrument.scale, instrument.cannot_say))
    labels["rank"] = tuple(str(rank + 1) for rank in range(len(instrument.of("rank"))))
    asked = []
    for i in items:
        number = words["number"].format(low=f"{i.low:g}", high=f"{i.high:g}")
        allowed = " | ".join(labels.get(i.kind, ())) or (words["own_words"] if i.kind in OPEN else number)
        known = (i.item, i.kind, i.prompt, i.text, labels.get(i.kind, ()), allowed, titles.get(i.item, ""))
        asked.append(Question(*known, i.low, i.high, i.unit))
    for kind, group in groupby(asked, lambda q: q.kind):
        blocks = [(title, list(block)) for title, block in groupby(group, lambda q: q.block)]
        yield Part(kind, **words["kinds"][kind], stem=instrument.stems[kind], blocks=blocks)


NEXT = {  # what to do with the files of each
    "google": "Open https://script.google.com, paste form.gs, run it; the head of the file says how.",
    "microsoft": "In Microsoft Forms choose Quick import and take form.docx. Then go through it once: a question for a "
                 "number becomes a text question with the restriction Number, and Settings > Record name stays off "
                 "unless the survey is named. Paste notice.txt into the description.",
    "csv": "Type in one row for each person below the codes; questions.csv says what each code asks and takes.",
    "xlsx": "Type in one row for each person on the sheet Answers.",
    "print": "Open form.html and notice.html in a browser and print them. To type the answers in: --to xlsx.",
}  # fmt: skip


def export(form: Form, to: str) -> Content:
    """Which files hold this form, for ``google``, ``microsoft``, ``csv``, ``xlsx`` or ``print``, and its notice?"""
    make: dict[str, Callable[[Form], Content]] = {
        "google": _google, "microsoft": _microsoft, "xlsx": _xlsx,
        "csv": lambda f: {"form.csv": as_csv([[q.code for q in f.questions]]), "questions.csv": as_csv(_listed(f))},
        "print": lambda f: {"form.html": _page("print.html.j2", f)},
    }  # fmt: skip
    form = replace(form, notice=form.paper_notice) if to == "print" else form
    return {**make[to](form), "notice.html": _page("notice.html.j2", form), "notice.txt": notice_text(form)}


def write_form(folder: Path, files: Content) -> list[Path]:
    """Where does each of these files lie now? What an earlier export wrote is replaced whole.

    A table that somebody may have typed answers into is never replaced: AlignError (E-USE), and nothing is written.
    """
    for path in (folder / name for name in ("form.csv", "form.xlsx") if name in files):
        if path.exists() and _has_answers(path):
            fix = "move it away, or name another folder with --out"
            raise AlignError(Problem("E-USE", "this table may hold answers already", where=str(path), fix=fix))
    return [write_file(folder / name, content) for name, content in files.items()]


def _has_answers(path: Path) -> bool:
    """Did anybody type below the header? What cannot be read is taken to hold answers."""
    from python_calamine import CalamineError, CalamineWorkbook

    try:
        if path.suffix == ".csv":
            return len(path.read_text(encoding="utf-8-sig").strip().splitlines()) > 1
        rows = CalamineWorkbook.from_path(path).get_sheet_by_name("Answers").to_python()
        return any(str(cell).strip() for row in rows[1:] for cell in row)
    except (CalamineError, OSError, ValueError):
        return True


def notice_text(form: Form) -> str:
    """What are people told, as plain text for a mail or the head of a form?"""
    return "\n\n".join((form.words["notice"]["title"], *(f"{title}\n{text}" for title, text in form.notice))) + "\n"


def _google(form: Form) -> Content:
    """A script that builds the form from one JSON literal. A grid's "…" stands for the words of the row."""
    items: list[dict[str, Any]] = [_google_item(q) for q in form.about]
    for part in form.parts:
        items.append({"type": "page", "title": part.title, "help": part.how})
        for title, block in part.blocks:
            if not block[0].answers:
                items += [_google_item(q) for q in block]
                continue
            stem = re.sub(r"\{\w+\}", "…", part.stem)  # where the stem repeats the row's words, both are the question
            grid = {"title": stem if stem != part.stem else title or part.title, "help": part.how}
            rows = {"rows": [q.text for q in block], "columns": block[0].answers, "once": part.kind == "rank"}
            items.append({"type": "grid", **grid, **rows})
    said = {"title": form.title, "description": f"{form.intro}\n\n{notice_text(form)}", "thanks": form.words["thanks"]}
    literal = json.dumps({**said, "items": items}, ensure_ascii=True).replace("<", "\\u003c")
    return {"form.gs": read_resource("templates", "survey", "form.gs").replace("__FORM__", literal)}


def _google_item(q: Question) -> dict[str, Any]:
    if q.answers:
        return {"type": "choice", "title": q.prompt, "columns": q.answers, "required": q.code == TEAM}
    limits = {} if q.kind in OPEN else {"help": q.allowed, "low": q.low, "high": q.high}
    return {"type": q.kind if q.kind in OPEN else "number", "title": q.prompt, **limits}


def _microsoft(form: Form) -> Content:
    """A document for Quick import: numbered questions, lettered answers, and nothing that could pass for either."""
    import docx
    from docx.shared import Pt

    document, out = docx.Document(), io.BytesIO()
    document.core_properties.title, document.core_properties.author = form.title[:255], ""
    document.add_heading(" ".join(form.title.split()), level=0)
    for number, q in enumerate(form.questions, 1):
        asked = document.add_paragraph(f"{number}. {' '.join(q.prompt.split())}").paragraph_format
        asked.space_before, asked.space_after, asked.keep_with_next = Pt(10), Pt(2), bool(q.answers)
        for at, answer in enumerate(q.answers):
            document.add_paragraph(f"{chr(ord('A') + at)}. {answer}").paragraph_format.space_after = Pt(0)
    document.save(out)
    return {"form.docx": out.getvalue()}


def _listed(form: Form) -> list[list[str]]:
    return [["code", "question", "answers"], *([q.code, q.prompt, q.allowed] for q in form.questions)]


def as_csv(rows: Iterable[Sequence[str]]) -> str:
    """Which CSV holds these rows, so that a spreadsheet shows each cell as it is?

    A mark in front says that it is UTF-8; before what could pass for a formula stands one that nobody sees, and that
    intake takes off again, as it does all spaces at an end.
    """
    out = io.StringIO()
    csv.writer(out).writerows([f"\u2060{cell}" if _RISKY.match(cell) else cell for cell in row] for row in rows)
    return "\ufeff" + out.getvalue()


def text_book(out: BinaryIO, title: str, as_of: date) -> Any:
    """Which empty workbook takes every text as text, never as a formula, and names neither maker nor time?"""
    from xlsxwriter import Workbook

    as_text = {f"strings_to_{what}": False for what in ("formulas", "urls", "numbers")}
    book = Workbook(out, {"in_memory": True, **as_text})
    book.set_properties({"title": title[:255], "created": datetime.combine(as_of, time())})
    return book


def _xlsx(form: Form) -> Content:
    """A workbook to type answers into, a row a person."""
    out = io.BytesIO()
    book = text_book(out, form.title, form.settings.as_of)
    wrap = book.add_format(look := {"text_wrap": True, "valign": "top"})
    head = book.add_format({**look, "bold": True, "bg_color": "#EFEDE8", "bottom": 1})
    answers, questions, notice, lists = (book.add_worksheet(n) for n in ("Answers", "Questions", "Notice", "Lists"))
    offered = dict.fromkeys(q.answers for q in form.questions if q.answers and q.kind != "rank")
    places = {labels: f"=Lists!${at}$1:${at}${len(labels)}" for at, labels in zip("ABC", offered, strict=False)}
    for at, labels in enumerate(places):
        lists.write_column(0, at, labels)
    for column, q in enumerate(form.questions):
        answers.write_string(0, column, q.prompt, head)
        answers.set_column(column, column, 44 if q.kind in OPEN else 24, wrap)
        number = {"validate": "integer" if q.kind == "rank" else "decimal", "criteria": "between",
                  "minimum": q.low, "maximum": q.high}  # fmt: skip
        rule = {"validate": "list", "source": places[q.answers]} if q.answers in places else number
        if q.kind not in OPEN:
            answers.data_validation(1, column, _ROWS, column, {**rule, "error_message": q.allowed[:255]})
    answers.freeze_panes(1, len(form.about))
    for sheet, rows, widths in ((questions, _listed(form), (22, 80, 60)), (notice, form.notice, (32, 100))):
        for row, cells in enumerate(rows):
            for column, cell in enumerate(cells):
                sheet.write_string(row, column, cell, wrap if column else head)
                sheet.set_column(column, column, widths[column])
    lists.hide()
    book.close()
    return {"form.xlsx": out.getvalue()}


def _page(template: str, form: Form) -> str:
    numbers = {q.code: number for number, q in enumerate(form.questions, 1)}
    known = {"form": form, "words": form.words, "numbers": numbers, "chosen": CHOSEN, "own": OPEN}
    return strict_templates("survey").get_template(template).render(known) + "\n"
