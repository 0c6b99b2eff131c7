"""Exports of our own survey in the shape of every tool, made by hand: what people said once, written in many ways."""

import csv
import io
import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from alignlib.instrument import Instrument, Item, read_instrument

SEGMENTS = ["Retail", "Public sector"]
EMAIL, ADDRESS, NAME, PLACE = "zoe.canary@example.org", "203.0.113.77", "Zoe Canary-Doe", "52.5200066"
CANARIES = (EMAIL, ADDRESS, NAME, PLACE)
Person = dict[str, Any]
Table = list[list[str]]


def people(instrument: Instrument) -> list[Person]:
    """Four who sell and three in marketing; what they say differs by person and item, and nobody says all."""
    found = []
    for nr in range(7):
        person: Person = {"team": "sales" if nr < 4 else "marketing", "role": "leader" if nr in (0, 4) else "staff"}
        for at, item in enumerate(instrument.form("full", SEGMENTS)):
            spread = (nr * 7 + at * 3) % 11
            if item.kind == "comment":
                person[item.item] = f"They listen, {nr}" if nr % 2 else ""
            elif item.high == 5:
                person[item.item] = "cannot_say" if spread == 10 else "" if spread == 9 else spread % 5 + 1
            else:
                person[item.item] = "cannot_say" if spread == 10 else int(spread * item.high / 11) or 1
        found.append(person)
    return found


def say(instrument: Instrument, item: Item, value: Any) -> str:
    """How does a form in this language write an answer?"""
    if value == "cannot_say":
        return instrument.cannot_say
    return instrument.scale[value - 1] if value and item.kind in ("agree", "conversation", "mirror") else str(value)


@dataclass
class Export:
    """One file: its questions (a header for each item, by kind), columns before and after, further header rows."""

    instrument: Instrument
    header: Callable[[Instrument, Item], str]
    before: dict[str, list[str]]
    after: dict[str, list[str]]

    def table(self) -> Table:
        said, everyone = self.instrument, people(self.instrument)
        items = said.form("full", SEGMENTS)
        head = [*self.before, said.team["text"], said.role["text"], *(self.header(said, i) for i in items), *self.after]
        rows = [
            [*(cells[nr % len(cells)] for cells in self.before.values()), said.team[who["team"]],
             said.role[who["role"]], *(say(said, i, who[i.item]) for i in items),
             *(cells[nr % len(cells)] for cells in self.after.values())]
            for nr, who in enumerate(everyone)
        ]  # fmt: skip
        return [head, *rows]


def stem(said: Instrument, item: Item) -> str:
    """The question above a grid whose row names this item."""
    return said.stems[item.kind].partition("{")[0].rstrip(' :"„')


def grid(mark: str, end: str = "") -> Callable[[Instrument, Item], str]:
    def header(said: Instrument, item: Item) -> str:
        alone = item.kind in ("mirror", "estimate", "comment")
        return item.prompt if alone else f"{stem(said, item)}{mark}{item.text}{end}"

    return header


def whole(said: Instrument, item: Item) -> str:
    return item.prompt


def bold(said: Instrument, item: Item) -> str:
    first, _, rest = item.prompt.replace("'", "’").partition(" ")
    return f"<strong>{first}</strong>  {rest}"


def code(said: Instrument, item: Item) -> str:
    if item.kind == "points":
        return f"points[{item.text}]"
    return f"agree[{item.item.replace('_', '')}]" if item.kind == "agree" else item.item.replace("_", "")


def coded(said: Instrument, item: Item) -> str:
    if item.kind in ("agree", "rank", "owner", "points"):
        return f"Q{item.kind}[SQ001]. {stem(said, item)} [{item.text}]"
    return f"{item.item.replace('_', '')}. {item.prompt}"


NUMBERS = [str(nr) for nr in range(1, 8)]
QUICK = ["2026-04-13 09:00:00"], ["2026-04-13 09:12:00", "2026-04-13 09:00:40"]  # every second person is hasty


def google(said: Instrument) -> Table:
    before = {"Timestamp": ["2026/04/13 9:07:00 AM GMT+2"], "Email Address": [EMAIL], "Name": [NAME]}
    return Export(said, grid(" [", "]"), before, {"IP Address": [ADDRESS], "Latitude": [PLACE]}).table()


def google_script(said: Instrument) -> Table:
    """As the form of ``alignlib survey export --to google`` answers: grids over all that is chosen from a list."""

    def header(said: Instrument, item: Item) -> str:
        if item.kind in ("agree", "conversation"):
            return f"Shared goal and revenue [{item.text}]"
        title = re.sub(r"\{\w+\}", "…", said.stems[item.kind])
        return f"{title} [{item.text}]" if item.kind in ("mirror", "rank") else item.prompt

    return Export(said, header, {"Timestamp": ["2026/04/13 9:07:00 AM GMT+2"]}, {"Email Address": [EMAIL]}).table()


def microsoft(said: Instrument) -> Table:
    before = {
        "ID": NUMBERS, "Start time": ["4/13/26 9:00:00"], "Completion time": ["4/13/26 9:12:00", "4/13/26 9:00:40"],
        "Email": ["anonymous", EMAIL], "Name": ["anonymous", NAME], "Last modified time": [""],
    }  # fmt: skip
    points = {"Points - " + said.items["goal_1"].text: ["1"], "Feedback - " + said.items["goal_1"].text: [ADDRESS]}
    return Export(said, whole, before, points).table()


def typeform(said: Instrument) -> Table:
    tokens = [f"{nr}f9c{nr}e77b2d{nr}" for nr in NUMBERS]
    after = {"Start Date (UTC)": QUICK[0], "Submit Date (UTC)": QUICK[1], "Network ID": [ADDRESS], "Tags": [""],
             "Email": [EMAIL], "Full name": [NAME]}  # fmt: skip
    return Export(said, bold, {"#": tokens}, after).table()


def qualtrics(said: Instrument) -> Table:
    before = {
        "Start Date": QUICK[0], "End Date": QUICK[1], "Response Type": ["IP Address"], "IP Address": [ADDRESS],
        "Progress": ["100"], "Duration (in seconds)": ["720", "40"], "Finished": ["True"],
        "Recorded Date": QUICK[1], "Response ID": [f"R_{nr}" for nr in NUMBERS], "Recipient Last Name": [NAME],
        "Recipient Email": [EMAIL], "External Data Reference": [EMAIL], "Location Latitude": [PLACE],
        "Location Longitude": [PLACE], "Distribution Channel": ["anonymous"], "User Language": ["EN"],
    }  # fmt: skip
    texts, *rows = Export(said, grid(" - "), before, {}).table()
    own = ["StartDate", "EndDate", "Status", "IPAddress", "Progress", "Duration (in seconds)", "Finished",
           "RecordedDate", "ResponseId", "RecipientLastName", "RecipientEmail", "ExternalReference",
           "LocationLatitude", "LocationLongitude", "DistributionChannel", "UserLanguage"]  # fmt: skip
    ids = own + [f"Q{nr}" for nr in range(1, len(texts) - len(own) + 1)]
    imports = [json.dumps({"ImportId": f"QID{nr}"}) for nr in range(len(ids))]
    preview = ["2026-04-01 08:00:00", "", "Survey Preview", *rows[0][3:]]
    preview[8] = "R_preview"
    return [ids, texts, imports, preview, *rows]


def surveymonkey(said: Instrument) -> Table:
    before = {
        "Respondent ID": [f"1143629877{nr}" for nr in NUMBERS], "Collector ID": ["42"],
        "Start Date": ["04/13/2026 09:00:00 AM"], "End Date": ["04/13/2026 09:12:00 AM", "04/13/2026 09:00:40 AM"],
        "IP Address": [ADDRESS], "Email Address": [EMAIL], "First Name": [NAME], "Last Name": [NAME],
        "Custom Data 1": [EMAIL],
    }  # fmt: skip
    head, *rows = Export(said, grid("|"), before, {}).table()
    upper, lower, last = [], [], ""
    for name in head:
        question, mark, row = name.partition("|")
        upper.append("" if mark and question == last else question)
        lower.append("" if name in before else row if mark else "Open-Ended Response" if "?" in name else "Response")
        last = question
    return [upper, lower, *rows]


def limesurvey(said: Instrument, header: Callable[[Instrument, Item], str] = code) -> Table:
    before = {
        "id": NUMBERS, "submitdate": QUICK[1], "lastpage": ["9"], "startlanguage": ["en"], "seed": ["1931"],
        "token": [EMAIL], "startdate": QUICK[0], "datestamp": QUICK[1], "ipaddr": [ADDRESS], "firstname": [NAME],
        "email": [EMAIL],
    }  # fmt: skip
    head, *rows = Export(said, header, before, {"interviewtime": ["720.12", "40.5"]}).table()
    return [["team" if name == said.team["text"] else "role" if name == said.role["text"] else name for name in head],
            *rows]  # fmt: skip


def limesurvey_texts(said: Instrument) -> Table:
    return limesurvey(said, coded)


def template(said: Instrument) -> Table:
    """The kit's own: codes for headers, our words for teams and roles, numbers for answers."""
    items = said.form("full", SEGMENTS)
    rows = [[f"p{nr}", who["team"], who["role"], *(str(who[i.item]) for i in items), EMAIL]
            for nr, who in enumerate(people(said))]  # fmt: skip
    return [["respondent_id", "team", "role", *(item.item for item in items), "E-mail"], *rows]


def template_in_words(said: Instrument) -> Table:
    return Export(said, whole, {}, {"Phone": [ADDRESS], "e-mail address": [EMAIL]}).table()


MADE: dict[str, tuple[Callable[[Instrument], Table], str]] = {
    "google": (google, "Google Forms"), "google_script": (google_script, "Google Forms"),
     "microsoft": (microsoft, "Microsoft Forms"),
    "typeform": (typeform, "Typeform"), "qualtrics": (qualtrics, "Qualtrics"),
    "surveymonkey": (surveymonkey, "SurveyMonkey"), "limesurvey": (limesurvey, "LimeSurvey"),
    "limesurvey_texts": (limesurvey_texts, "LimeSurvey"), "template": (template, "the kit's own form"),
    "template_in_words": (template_in_words, "the kit's own form"),
}  # fmt: skip


def export(tool: str, language: str = "en") -> Table:
    """What does this tool write of our survey in this language?"""
    return MADE[tool][0](read_instrument(language))


def as_csv(table: Table) -> bytes:
    out = io.StringIO()
    csv.writer(out).writerows(table)
    return out.getvalue().encode()


def as_xlsx(table: Table) -> bytes:
    from openpyxl import Workbook

    book, out = Workbook(), io.BytesIO()
    for row in table:
        book.active.append([int(cell) if cell.isdigit() and len(cell) < 5 else cell or None for cell in row])
    book.save(out)
    return out.getvalue()
