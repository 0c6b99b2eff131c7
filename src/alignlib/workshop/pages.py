"""What is asked in the room: nine forms, built from the settings, the instrument and what is known of the client."""

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import yaml
from pydantic import TypeAdapter

from alignlib.engagement import Period, Settings, read_engagement
from alignlib.forms import CHOSEN, Form, Part, read_form
from alignlib.forms import Question as Asked
from alignlib.instrument import read_instrument
from alignlib.resources import read_resource
from alignlib.words import capital, count, legible

if TYPE_CHECKING:
    from alignlib.intake.tables import Tables

Kind = Literal["choice", "points", "number", "words"]
Scope = Literal["person", "team", "room"]
CANNOT_SAY, NONE, DAY = "cannot_say", "none", "day"
OURS = "workshop-"  # so begin the files that a workshop leaves in data/
LONGEST_WORDS = 200
MOST_ASSETS, MOST_PERSONAS = 40, 12
METRICS, COMMITMENTS = 8, 10  # how many a board has room for
_NUMBER = re.compile(r"[0-9]{1,9}([.][0-9]{1,4}|,[0-9]{1,2}|,[0-9]{4})?")  # 1,500 may be either: it is refused


@dataclass(frozen=True)
class Question:
    """What is one thing asked, and which answers are there?

    choice: one of ``options`` (value, label). points: whole numbers that add up to 100 over the section. number: from
    ``low`` to ``high``, both included. words: a short text; of ``unit`` day, a day as 2026-12-31. ``item`` names what
    of the client's own it is about exactly as their system writes it: "decision:A-0124", "label:Closed won".
    """

    item: str
    text: str
    kind: Kind
    options: tuple[tuple[str, str], ...] = ()
    low: float = 0.0
    high: float = 0.0
    unit: str = ""
    hint: str = ""
    is_whole: bool = False


@dataclass(frozen=True)
class Section:
    """Which questions stand under one heading, and how are they answered?"""

    title: str
    how: str
    questions: tuple[Question, ...]


@dataclass(frozen=True)
class Page:
    """What does one form ask, and of whom?

    scope person: answered by each alone, without a name. team: one board a team. room: one board for all.
    """

    form: str
    title: str
    intro: str
    scope: Scope
    sections: tuple[Section, ...]

    @property
    def questions(self) -> dict[str, Question]:
        """What is asked, by item, in order?"""
        return {question.item: question for section in self.sections for question in section.questions}


_PAGE = TypeAdapter(Page)


def page_of(json: Any) -> Page:
    """Which page do these values of JSON (``asdict`` of a page) hold? Raises ValueError when they hold none."""
    return _PAGE.validate_python(json)


def listed_titles(asked: Mapping[str, Page]) -> dict[str, str]:
    """How are these forms listed? By title; those of one title, the short survey and the long one, by what they ask."""
    titles = [page.title for page in asked.values()]
    return {form: f"{count(len(page.questions), 'question')}: {page.title}" if titles.count(page.title) > 1
            else page.title for form, page in asked.items()}  # fmt: skip


# --- which answers can be taken ---------------------------------------------------------------------------------------


def number_of(value: str) -> float | None:
    """Which number does an answer write, with a decimal point or comma? None when it writes none.

    >>> number_of("35"), number_of(" 3,5 "), number_of("cannot_say"), number_of("1,500")
    (35.0, 3.5, None, None)
    """
    text = value.strip()
    return float(text.replace(",", ".")) if _NUMBER.fullmatch(text) else None


def refusal(page: Page, item: str, value: str) -> str:
    """Why can this answer not be taken? Empty when it can. An empty answer takes an earlier one back.

    What only a whole section can tell, that points add up to 100, is asked of ``refusals``.
    """
    question = page.questions.get(item)
    if question is None:
        return "This form does not ask that."
    if value == "":
        return ""
    if question.kind == "choice":
        return "" if value in dict(question.options) else "Choose one of the answers shown."
    return _not_words(question, value) if question.kind == "words" else _not_a_number(question, value)


def refusals(page: Page, given: Mapping[str, str]) -> dict[str, str]:
    """Which of these answers, given at once, cannot be taken, and why? {item: reason}, empty when all can."""
    found = {item: why for item, value in given.items() if (why := refusal(page, item, value))}
    for section in page.sections:
        points = [question.item for question in section.questions if question.kind == "points"]
        if there := [item for item in points if item in given]:  # a set is kept whole or not at all
            first = next((found[item] for item in there if item in found), "")
            why = first or _not_a_set([given.get(item) for item in points])
            found |= dict.fromkeys(there, why) if why else {}
    return found


def _not_a_set(values: list[str | None]) -> str:
    if all(value == "" for value in values):
        return ""
    if not all(values):
        return "Points are kept all together: fill in every line, with 0 for none."
    total = sum(number_of(value or "") or 0 for value in values)
    return "" if total == 100 else f"The points add up to {total:g}, not to 100."


def _not_words(question: Question, value: str) -> str:
    if question.unit == DAY:
        try:
            is_day = date.fromisoformat(value).isoformat() == value
        except ValueError:
            is_day = False
        return "" if is_day else "Write a day as 2026-12-31."
    if not value.strip():
        return "Write at least one word."
    return "" if len(value) <= LONGEST_WORDS else f"Write at most {LONGEST_WORDS} letters."


def _not_a_number(question: Question, value: str) -> str:
    number = number_of(value)
    if number is not None and question.low <= number <= question.high and not (question.is_whole and number % 1):
        return ""
    return f"Write a {'whole ' if question.is_whole else ''}number from {question.low:g} to {question.high:g}."


# --- the nine forms ---------------------------------------------------------------------------------------------------


def settings_of(engagement: str) -> Settings:
    """What was agreed in this folder? Without one what a workshop begins with. Raises AlignError (E-CONFIG)."""
    today = date.today()
    return read_engagement(Path(engagement)) if engagement else Settings(
        version=1, client="Workshop", period=Period(start=today, end=today), as_of=today, currency="EUR", timezone="UTC"
    )  # fmt: skip


def pages(settings: Settings, tables: "Tables | None" = None) -> dict[str, Page]:
    """Which forms can be put in this room, by name, in the order of a workshop?

    ``tables``: the client's own, prepared; without them asset sorting is left out, and the others ask what settings and
    the instrument know. Raises AlignError (E-CONFIG) for a language without a translation.
    """
    lacking, words, segments = _lacking(settings, tables), _words(settings.survey.language), _segments(settings, tables)
    survey = settings.survey.model_copy(update={"form": "full", "segments": segments})
    full = read_form(settings.model_copy(update={"survey": survey}))
    short = read_form(settings.model_copy(update={"survey": survey.model_copy(update={"form": "short"})}))
    made = (
        Page("survey-short", short.title, short.intro, "person", tuple(_sections(short))),
        Page("survey", full.title, full.intro, "person", tuple(_sections(full))),
        _page("sorting", "room", words,
              _assets(settings, tables, words["sorting"]) if tables and "sorting" not in lacking else ()),
        _page("stages", "team", words, _readings(_labels(settings, tables), words["stages"])),
        _page("relay", "person", words, _sections(full, "owner")),
        _page("relay-board", "room", words, _relay_board(settings, words["relay-board"])),
        _page("promises", "team", words, _promises(words["promises"])),
        _page("metrics", "team", words, _metrics(words["metrics"])),
        _page("focus", "person", words, _sections(full, "points")),
        _page("mirror", "person", words, _sections(full, "mirror")),
        _page("commitments", "room", words, _commitments(words["commitments"])),
    )  # fmt: skip
    return {page.form: page for page in made if page.form not in lacking and page.sections}


def missing(settings: Settings, tables: "Tables | None" = None) -> list[str]:
    """Which forms are left out, and what would bring each of them?"""
    words = _words(settings.survey.language)
    return [f"{words[form]['title']}: {why}." for form, why in _lacking(settings, tables).items()]


def _lacking(settings: Settings, tables: "Tables | None") -> dict[str, str]:
    found: dict[str, str] = {}
    if tables is None or not tables.has("assets"):
        found["sorting"] = "no list of content was delivered"
    elif not _undecided(tables, settings):
        found["sorting"] = "no asset is left to decide on"
    if not _labels(settings, tables):
        found["stages"] = "engagement.yml names no stage label of the client under stages"
    if len(_segments(settings, tables)) < 2:
        found["focus"] = "it needs two segments at least, in survey.segments or in a plan"
    return found


def _segments(settings: Settings, tables: "Tables | None") -> list[str]:
    rows = tables.rows("select distinct segment from plan order by segment") if tables else []
    return list(dict.fromkeys(settings.survey.segments)) or [row["segment"] for row in rows]


def _labels(settings: Settings, tables: "Tables | None") -> list[str]:
    """The labels of the client's system, in the order of the settings, then those that only a sheet of readings has."""
    rows = tables.rows("select distinct label from stage_readings order by label") if tables else []
    known: dict[str, str] = {}
    for label in [*settings.stages, *(row["label"] for row in rows)]:
        known.setdefault(" ".join(label.split()).casefold(), label)
    return list(known.values())


def _undecided(tables: "Tables", settings: Settings) -> set[str]:
    """Assets on which the client sent no decision back: a second one on the same would contradict their own file."""
    sent = f"select asset_id from asset_decisions where not starts_with(file, '{OURS}')"
    sql = f"select asset_id from assets where coalesce(created_on <= $as_of, true) and asset_id not in ({sent})"
    return {row["asset_id"] for row in tables.rows(sql, {"as_of": settings.as_of})}


@cache
def _words(language: str) -> dict[str, Any]:
    said = yaml.safe_load(read_resource("templates", "workshop", "pages.yml"))
    found: dict[str, Any] = said.get(language, said["en"])
    return found


def _page(form: str, scope: Scope, words: dict[str, Any], sections: Iterable[Section]) -> Page:
    return Page(form, words[form]["title"], words[form]["intro"], scope, tuple(sections))


def _sections(form: Form, only: str = "") -> Iterator[Section]:
    """The survey's own parts and blocks. Comments are not asked: what a person writes is known by its style."""
    for part in form.parts:
        for title, block in part.blocks if part.kind in (only or part.kind) and part.kind != "comment" else ():
            how = part.stem if part.kind in ("agree", "conversation") else part.how
            yield Section(title or part.title, how, tuple(_asked(part, question) for question in block))


def _asked(part: Part, asked: Asked) -> Question:
    """One item of the survey. Where the stem asks the same of every line, it stands once, over the section."""
    if part.kind in (*CHOSEN, "rank"):
        values = [str(at) for at in range(1, len(asked.answers) + 1)]
        values[-1] = CANNOT_SAY if part.kind in CHOSEN else values[-1]
        return Question(asked.code, asked.text, "choice", tuple(zip(values, asked.answers, strict=True)))
    if part.kind == "owner":
        return Question(asked.code, capital(asked.text), "number", (), asked.low, asked.high)
    kind: Kind = "points" if part.kind == "points" else "number"
    return Question(asked.code, asked.text, kind, (), asked.low, asked.high, asked.unit, is_whole=kind == "points")


def _assets(settings: Settings, tables: "Tables", words: dict[str, Any]) -> Iterator[Section]:
    """One section an asset: those that the audit's work list puts first, and not decided on before."""
    from alignlib.diagnostics import content

    exhibits, known = content.diagnose(tables, settings).exhibits, _undecided(tables, settings)
    rows = next((exhibit.rows for exhibit in exhibits if exhibit.key == "content.worklist"), [])
    personas = tables.rows("select distinct unnest(personas) as persona from assets order by persona")
    roles = [row["persona"] for row in personas] if len(personas) <= MOST_PERSONAS else []
    yield from (_asset(row, roles, words) for row in [row for row in rows if row["asset_id"] in known][:MOST_ASSETS])


def _asset(row: Mapping[str, Any], roles: list[str], words: dict[str, Any]) -> Section:
    asset = str(row["asset_id"])
    talks = [(talk, f"{talk} {title}") for talk, title in words["talks"].items()]
    asked = {
        "decision": words["decisions"].items(),
        "conversations": [*talks, (NONE, words["no_talk"])],
        "personas": [(role, legible(role)) for role in roles],
    }
    how = words["data_say"].format(what=f"{row['disposition']}: {row['reason']}")
    questions = [
        Question(f"{column}:{asset}", words[column], "choice", tuple(options))
        for column, options in asked.items() if options
    ]  # fmt: skip
    return Section(legible(str(row.get("title") or asset)), how, tuple(questions))


def _readings(labels: list[str], words: dict[str, Any]) -> Iterator[Section]:
    options = (*words["names"].items(), (NONE, words["none"]))
    asked = (Question(f"label:{label}", legible(label), "choice", options) for label in labels)
    yield Section(words["section"], words["how"], tuple(asked))


def _relay_board(settings: Settings, said: dict[str, Any]) -> Iterator[Section]:
    """For each step of the relay: whose it shall be, who stands ready, and at which mark they take over."""
    instrument = read_instrument(settings.survey.language)
    teams = tuple((team, instrument.team[team]) for team in ("sales", "marketing"))
    for step in instrument.of("owner"):
        ready, mark = (_free(f"{step.item}_{name}", said[name]) for name in ("ready", "mark"))
        owner = Question(f"{step.item}_owner", said["owner"], "choice", teams)
        yield Section(capital(step.text), "", (owner, ready, mark))


def _promises(said: dict[str, Any]) -> Iterator[Section]:
    asked = (
        Question("first_touch_hours", said["first_touch_hours"], "number", low=0.25, high=2000, unit=said["hours"]),
        Question("clock", said["clock"], "choice", tuple(said["clocks"].items())),
        Question("attempts", said["attempts"], "number", low=1, high=100, unit=said["tries"], is_whole=True),
        Question("decision_days", said["decision_days"], "number", low=0.25, high=365, unit=said["days"]),
        Question("stated", said["stated"], "number", low=0, high=100_000, unit=said["score"], hint=said["no_score"]),
    )
    yield Section(said["section"], said["how"], asked)


def _metrics(said: dict[str, Any]) -> Iterator[Section]:
    flags = (("yes", said["yes"]), ("no", said["no"]))
    for at in range(1, METRICS + 1):
        days = (Question(f"metric_{at}_{name}", said[name], "number", low=0, high=3650, unit=said["days"],
                         is_whole=True) for name in ("review_days", "lag_days"))  # fmt: skip
        facts = (Question(f"metric_{at}_{name}", said[name], "choice", flags)
                 for name in ("is_outcome", "is_revenue_linked"))  # fmt: skip
        name = _free(f"metric_{at}_metric", said["metric"])
        yield Section(said["section"].format(at=at), "", (name, *days, *facts))


def _commitments(said: dict[str, Any]) -> Iterator[Section]:
    for at in range(1, COMMITMENTS + 1):
        what, who, due, figure = (
            _free(f"commitment_{at}_{name}", said[name]) for name in ("what", "who", "due_on", "figure")
        )
        asked = (what, replace(who, hint=said["role"]), replace(due, unit=DAY), figure)
        yield Section(said["section"].format(at=at), "", asked)


def _free(item: str, text: str) -> Question:
    return Question(item, text, "words", high=LONGEST_WORDS)
