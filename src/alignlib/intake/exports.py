"""Which survey tool wrote a file, which of its columns ask our items, and which tell who answered?"""

import html
import re
import string
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import yaml

from alignlib.instrument import POINTS, languages, read_instrument
from alignlib.intake.read import plain_name
from alignlib.resources import read_resource

Rows = list[list[str]]
_NEVER = "(?!)"


@dataclass(frozen=True)
class Tool:
    """How is one tool's export told from others, and what are its own columns called?

    All names are patterns over plain column names. ``signs``: each stands in the first header row (``first``: the first
    sign over the first column). ``below``: what a further header row has under the first sign. ``coded``: questions are
    headed "code. question", which is a sign as well. ``counted``: its ids start from 1 in every file. ``own``: columns
    about the tool, not about the survey. ``leave_out``: rows that are no answers, as (column, labels).
    """

    name: str
    signs: tuple[str, ...] = ()
    first: bool = False
    below: str | None = None
    coded: bool = False
    response_id: str = _NEVER
    counted: bool = False
    started: str = _NEVER
    ended: str = _NEVER
    seconds: str = _NEVER
    own: str = _NEVER
    leave_out: tuple[str, tuple[str, ...]] = (_NEVER, ())


TOOLS = (
    Tool("Qualtrics", (r"start ?date|startdatum", r"recorded ?date|response ?id"),
         below=r"start ?date|startdatum|\{.*importid.*", response_id=r"response ?id", started=r"start ?date",
         ended=r"end ?date", seconds=r"duration \(in seconds\)",
         own=r"status|response type|progress|finished|recorded ?date|distribution ?channel|user ?language|q_\w+"
             r"|(browser meta info|timing) - .*",
         leave_out=(r"status|response type", ("Survey Preview", "Survey Test", "1", "2"))),
    Tool("SurveyMonkey", (r"respondent ?id",), below="", response_id=r"respondent ?id", started="start date",
         ended="end date", own="collector ?id|date (created|modified)"),
    Tool("Typeform", (r"submit date \(utc\)",), response_id="#|token", started=r"start date \(utc\)",
         ended=r"submit date \(utc\)", own=r"response type|stage date \(utc\)|tags|ending|score"),
    Tool("Microsoft Forms", ("id", "start ?time|startzeit", "completion ?time|fertigstellungszeit"), first=True,
         response_id="id", counted=True, started="start ?time|startzeit", ended="completion ?time|fertigstellungszeit",
         own="last modified time|language|(total )?points|(quiz )?feedback|grade posted time|(points|feedback) - .*"),
    Tool("LimeSurvey", ("submitdate|date submitted|datum abgeschickt",
                        "last ?page|letzte seite|start ?language|start-sprache"), coded=True,
         response_id="(response[ _]|antwort[ -])?id", counted=True, started="startdate|date started|datum gestartet",
         ended="submitdate|date submitted|datum abgeschickt", seconds="interviewtime|total time|gesamtzeit",
         own="last ?page|letzte seite|start ?language|start-sprache|seed|zufallsstartwert|datestamp|date last action"
             "|datum letzte aktivität|refurl|referrer url|(group|question) ?time.*"),
    Tool("Google Forms", ("timestamp|zeitstempel|horodateur|marca temporal|tijdstempel|informazioni cronologiche"
                          "|carimbo de data/hora",), first=True, own="score|punktzahl"),
)  # fmt: skip
KIT, UNKNOWN = Tool("the kit's own form"), Tool("")

# Columns that tell who answered: never read unless the mapping names one as respondent_id. {what they hold: names}
PEOPLE = {
    "e-mail addresses": r"(your |work )?e-?mail([ -]?(address|adresse))?|username|(recipient|respondent) ?e-?mail",
    "names": r"((your|full|first|last|recipient ?(first|last)) ?)?name|vorname|nachname",
    "IP addresses": r"ip[ -]?(address|adresse)|ipaddr",
    "places": r"(location ?)?(latitude|longitude)|location \w+tude",
    "network ids": r"network ?id",
    "references": r"external ?(data ?)?reference|custom data \d+|recipient.*|token|access code|zugangscode",
    "phone numbers": r"(tele|mobile |cell)?phone( ?number)?|telefon(nummer)?|mobil(nummer|e)?",
}


@dataclass(frozen=True)
class Export:
    """Which tool wrote this, and how many header rows has it? ``columns`` holds for each column its header cells."""

    tool: Tool
    header_rows: int
    columns: tuple[tuple[str, ...], ...]

    def all_at(self, pattern: str) -> list[int]:
        """Where do columns of this name stand: of a header cell, or of the code before its question?"""
        is_one = re.compile(pattern).fullmatch
        return [at for at, names in enumerate(self._names) if any(map(is_one, names))]

    @cached_property
    def _names(self) -> list[set[str]]:
        return [{plain_name(name) for cell in c for name in (cell, cell.partition(". ")[0])} for c in self.columns]

    def at(self, pattern: str) -> int | None:
        """Where does the first column of this name stand?"""
        return next(iter(self.all_at(pattern)), None)

    def people(self) -> dict[int, str]:
        """Which columns tell who answered, and how?"""
        people = PEOPLE | {"names": f"{PEOPLE['names']}|{name_asked()}"}
        kinds = {at: kind for kind, names in reversed(people.items()) for at in self.all_at(names)}
        return {at: kind for at, kind in kinds.items() if at not in self.all_at(self.tool.response_id)}

    def own(self) -> set[int]:
        """Which columns are the tool's own, such as when somebody began?"""
        tool = self.tool
        names = "|".join((tool.own, tool.response_id, tool.started, tool.ended, tool.seconds, *tool.signs))
        return set(self.all_at(names))

    def items(self, segments: list[str]) -> dict[str, list[int]]:
        """Which columns ask which of our items, or for the team, the role, the wave or the respondent's code?"""
        skip, found = self.own() | self.people().keys(), dict[str, list[int]]()
        for at, cells in enumerate(self.columns):
            if at not in skip and (code := item_of(cells, segments)):
                found.setdefault(code, []).append(at)
        return found

    def title(self, at: int) -> str:
        """How is a column called in a sentence?"""
        return (_asked(self.columns[at]) or [f"column_{at + 1}"])[0]


def recognise(rows: Rows, header_rows: int = 0) -> Export:
    """Which tool wrote a file that begins with these rows (three are enough)? 0 header rows: count them.

    >>> recognise([["Timestamp", "Which team are you in?"], ["2026-04-13 09:07:00", "Sales"]]).tool.name
    'Google Forms'
    """
    plain = Export(UNKNOWN, 1, columns_of(rows[:1]))
    tool = next((tool for tool in TOOLS if _signed(tool, plain)), KIT if plain.items([]) else UNKNOWN)
    anchor, depth = plain.at(tool.signs[0]) if tool.below is not None else None, 1
    for number, row in enumerate(rows[1:3] if anchor is not None else [], start=2):
        under = plain_name(row[anchor]) if anchor is not None and anchor < len(row) else ""
        depth = number if any(row) and re.fullmatch(str(tool.below), under) else depth
    return Export(tool, header_rows or depth, columns_of(rows[: header_rows or depth]))


def columns_of(headers: Rows) -> tuple[tuple[str, ...], ...]:
    """Which header cells has each column? Of two rows, the upper stands over the first of its columns only."""
    width = max(map(len, headers), default=0)
    rows = [[*row, *[""] * (width - len(row))] for row in headers]
    if len(rows) == 2:
        last = ""
        rows[0] = [last := cell if cell.strip() else last for cell in rows[0]]
    return tuple(zip(*rows, strict=True))


def _signed(tool: Tool, export: Export) -> bool:
    if tool.coded and sum(bool(_CODED.match(cells[0])) for cells in export.columns) > max(3, len(export.columns) / 2):
        return True
    places = [export.at(sign) for sign in tool.signs]
    return None not in places and (not tool.first or not places[0])


# --- which item a header asks -----------------------------------------------------------------------------------------

_QUOTES = str.maketrans(dict.fromkeys("„“”«»‟", '"') | dict.fromkeys("‘’‚‛´`", "'") | dict.fromkeys("‐‑–—", "-"))
_TAG = re.compile(r"</?[A-Za-z][^<>]*>")
_EDGES = string.punctuation + string.whitespace + "…¿¡"
_CODED = re.compile(r"(\w+)((?:\[\w+\])*)\.\s+(.+)", re.DOTALL)
_ARRAY = re.compile(r"(\w+)((?:\[\w+\])+)")
_SPLITS = tuple(re.compile(split, re.DOTALL) for split in (r"(.*)\[(.*)\]\s*", r"(.*?) \| (.*)", r"(.*?) - (.*)"))
_LONGEST = 2_000  # letters; a longer header is none of our questions
_PLACE = re.compile(r"\{\w+\}")
ONE_ANSWER = ("", "response", "open-ended response")  # SurveyMonkey's second row over a single answer
_OURS = ("respondent_id", "team", "role", "wave")


def said(text: str) -> str:
    """Which words does this show: without HTML tags, curly quotes and doubled spaces?"""
    return " ".join(_TAG.sub(" ", html.unescape(text)).translate(_QUOTES).split())


def fold(text: str) -> str:
    """How are two wordings compared: without case, HTML tags, kinds of quotes, and punctuation at the ends?

    >>> fold(" <b>The other team\u2019s  job?</b>") == fold("the other team's job")
    True
    """
    return plain_name(said(text)).strip(_EDGES)


def item_of(cells: tuple[str, ...], segments: list[str]) -> str:
    """Which item (or team, role, wave, respondent_id) does a column with these header cells ask? "" for none of ours.

    >>> item_of(("How far do you agree? [Every lead has one owner at any time.]",), [])
    'handoff_3'
    """
    readings = ((stem, text) for header in _asked(cells) if len(header) <= _LONGEST for stem, text in _readings(header))
    return next(filter(None, (_known_as(stem, text, segments) for stem, text in readings)), "")


def _asked(cells: tuple[str, ...]) -> list[str]:
    """The header cells worth reading, the question before its code."""
    if len(cells) == 2:
        return [cells[0] if plain_name(cells[1]) in ONE_ANSWER else f"{cells[0]} | {cells[1]}"]
    return [cell for cell in (*cells[1:], *cells[:1]) if cell.strip() and not cell.lstrip().startswith("{")]


def _readings(header: str) -> Iterator[tuple[str, str]]:
    """As what may a header be read? Pairs of (stem, text), the whole header first, codes last."""
    coded = _CODED.fullmatch(header)
    asked = coded[3] if coded else header
    yield from (("", whole) for whole in dict.fromkeys((header, asked)))
    yield from ((match[1], match[2]) for split in _SPLITS if (match := split.fullmatch(asked)))
    if code := coded or _ARRAY.fullmatch(header):
        yield from (("", part) for part in (*reversed(re.findall(r"\w+", code[2])), code[1]))


def _known_as(stem: str, text: str, segments: list[str]) -> str:
    known, stems = _wordings()
    if not stem and (text in _OURS or text.startswith(POINTS)):
        return text
    asked, wording = fold(stem), fold(text)
    if asked not in stems and wording and ("", wording) in known:
        return known["", wording]
    if not stem:  # the points of a segment have its name behind a colon
        stem, _, text = said(text).rpartition(": ")
        asked, wording = fold(stem), fold(text)
    if stems.get(asked) == "points" and wording:
        return POINTS + {fold(each): each for each in segments}.get(wording, said(text))
    return known.get((asked, wording), "") if asked in stems else ""


@cache
def _wordings() -> tuple[dict[tuple[str, str], str], dict[str, str]]:
    """{(stem, text): item}, and {stem that has a place for the text: kind}, all folded, of every language.

    A mirror quotes the words of another item, so those words alone never stand for it.
    """
    known: dict[tuple[str, str], str] = {}
    stems = {POINTS.strip("_"): "points"}  # points[Retail], as a tool writes its codes
    for each in map(read_instrument, languages()):
        # a grid asks the stem up to the place of the text, or with a mark in that place
        before = {
            kind: {fold(stem.partition("{")[0]), fold(_PLACE.sub("…", stem))} for kind, stem in each.stems.items()
        }
        stems |= {stem: kind for kind, asked in before.items() for stem in asked if _PLACE.search(each.stems[kind])}
        known |= {("", fold(each.team["text"])): "team", ("", fold(each.role["text"])): "role"}
        for code, item in each.items.items():
            alone = [] if item.kind == "mirror" else [item.text]
            known |= {("", fold(wording)): code for wording in (code, code.replace("_", ""), item.prompt, *alone)}
            known |= {(stem, fold(item.text)): code for stem in before[item.kind]}
    return known, stems


def item_codes() -> list[str]:
    """Which items may a survey ask?"""
    return [*read_instrument().items]


@cache
def name_asked() -> str:
    """Under which headers do the kit's own forms ask for a name (only those of a survey with names do)?"""
    said = yaml.safe_load(read_resource("templates", "survey", "forms.yml"))
    return "|".join(re.escape(plain_name(words["name"])) for words in said.values())
