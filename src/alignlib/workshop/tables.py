"""What becomes of a workshop's answers: the tables an audit reads, and boards that stand for themselves."""

import hmac
import io
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import date
from pathlib import Path
from typing import Any

from alignlib.engagement import Input, Settings, read_engagement
from alignlib.errors import AlignError
from alignlib.files import write_file
from alignlib.forms import as_csv, text_book
from alignlib.imports.drafting import Draft
from alignlib.imports.written import written
from alignlib.instrument import read_instrument
from alignlib.intake.columns import tidy
from alignlib.intake.snapshot import engagement_secret
from alignlib.intake.snapshot import take_in as read_inputs
from alignlib.plain_yaml import SETTINGS_FILE
from alignlib.resources import strict_templates
from alignlib.words import TEAM_NAMES, count, legible, listed
from alignlib.workshop.pages import NONE, OURS, Page, number_of
from alignlib.workshop.turn import dated

Answers = Mapping[str, Sequence[Mapping[str, Any]]]  # responses and entries, as the room gives them
Row = dict[str, str]
Boards = dict[str, dict[str, Row]]  # {form: {team, or room: {item: value}}}
COLUMNS = {
    "responses": ("respondent_id", "team", "role", "item", "answer", "cannot_say"),
    "asset_decisions": ("asset_id", "decision", "decided_on", "conversations", "personas"),
    "stage_readings": ("team", "label", "stage"),
    "scorecards": ("team", "metric", "review_days", "lag_days", "is_outcome", "is_revenue_linked"),
    "relay": ("step", "owner", "stands_ready", "takes_over_when"),
    "promises": ("team", "promise", "figure"),
    "commitments": ("what", "who", "due_on", "figure"),
}
# What one earlier row settles for a table: a team that delivered its card or its readings, an asset decided on.
_SETTLES = {"asset_decisions": "asset_id", "stage_readings": "team", "scorecards": "team"}
_TITLES = {  # of the tables that an audit reads; the other boards stand for themselves
    "responses": "what people answered in the workshop", "asset_decisions": "what the room decided about content",
    "stage_readings": "what each team says the stage labels mean", "scorecards": "the figures each team is judged on",
}  # fmt: skip


def as_files(made: Mapping[str, Sequence[Row]]) -> dict[str, str]:
    """Which CSV files hold these tables and boards, one for each that anybody filled in? {name: text}."""
    return {_file(name): _csv(name, rows) for name, rows in made.items() if rows}


def as_workbook(made: Mapping[str, Sequence[Row]], as_of: date) -> bytes:
    """Which XLSX file holds the same, a sheet a table? Every cell is text: nothing in it is ever a formula."""
    out = io.BytesIO()
    book = text_book(out, "Workshop", as_of)
    cell = book.add_format({"num_format": "@", "quote_prefix": True, "valign": "top"})
    head = book.add_format({"bold": True, "bg_color": "#EFEDE8", "bottom": 1})
    for name, rows in made.items():
        if rows or not any(made.values()):
            sheet = book.add_worksheet(name)
            sheet.set_column(0, len(COLUMNS[name]) - 1, 24)
            sheet.freeze_panes(1, 0)
            for at, column in enumerate(COLUMNS[name]):
                sheet.write_string(0, at, column, head)
                for line, row in enumerate(rows, 1):
                    sheet.write_string(line, at, row[column], cell)
    book.close()
    return out.getvalue()


# --- the rows ---------------------------------------------------------------------------------------------------------


def in_files(key: bytes, respondent: str) -> str:
    """Under which code does this person stand in the files made with this key?"""
    return "w-" + hmac.digest(key, respondent.encode(), "sha256").hex()[:12]


def table_rows(answers: Answers, pages: Mapping[str, Page], settings: Settings, key: bytes) -> dict[str, list[Row]]:
    """Which rows do the answers to these pages make, as text, in each table and board of ``COLUMNS``?

    Nobody can be found again in them: each person gets a code made from ``key``, rows stand by item and then by code,
    and there is no time; a decision carries its day.
    """
    boards: Boards = {}
    days: dict[str, str] = {}
    for entry in answers["entries"]:
        if entry["value"]:
            boards.setdefault(entry["form"], {}).setdefault(entry["team"], {})[entry["item"]] = entry["value"]
            days[entry["item"]] = str(entry.get("day") or "")
    found = {
        "responses": _responses(answers["responses"], key),
        "asset_decisions": _decisions(boards.get("sorting", {}), days, settings),
        "stage_readings": _stage_readings(boards.get("stages", {})),
        "scorecards": _scorecards(pages.get("metrics"), boards.get("metrics", {})),
        "relay": _lines("relay", pages.get("relay-board"), boards.get("relay-board", {})),
        "promises": _promises(boards.get("promises", {})),
        "commitments": _lines("commitments", pages.get("commitments"), boards.get("commitments", {})),
    }
    return {name: [{column: row[column] for column in COLUMNS[name]} for row in rows] for name, rows in found.items()}


def _text(value: str) -> str:
    """One line without signs that nothing shows, as intake keeps it."""
    return tidy(" ".join(legible(value).split()))


def _responses(given: Sequence[Mapping[str, Any]], key: bytes) -> list[Row]:
    rows = [
        {"respondent_id": in_files(key, each["respondent_id"]),
         "team": each["team"], "role": each["role"] or "", "item": each["item"],
         "answer": "" if each["answer"] is None else f"{each['answer']:.10g}",
         "cannot_say": "true" if each["cannot_say"] else "false"}
        for each in given
    ]  # fmt: skip
    return sorted(rows, key=lambda row: (row["item"], row["respondent_id"]))


def _decisions(boards: Mapping[str, Row], days: Mapping[str, str], settings: Settings) -> Iterator[Row]:
    """One row an asset. A day after the as-of date is left out: no audit of that day would read the decision."""
    said = {item: value for board in boards.values() for item, value in board.items()}
    for asset in sorted({item.partition(":")[2] for item in said}):
        given = {column: said.get(f"{column}:{asset}", "") for column in ("decision", "conversations", "personas")}
        day = days.get(f"decision:{asset}", "")
        yield {"asset_id": asset, "decided_on": day if day <= settings.as_of.isoformat() else "", **given}


def _stage_readings(boards: Mapping[str, Row]) -> Iterator[Row]:
    for team, board in sorted(boards.items()):
        for item, stage in sorted(board.items()):
            yield {"team": team, "label": item.partition(":")[2], "stage": "" if stage == NONE else stage}


def _lines(table: str, page: Page | None, boards: Mapping[str, Row]) -> Iterator[Row]:
    """One row a section of a board in which anything stands: its title, where a column is for it, then its answers."""
    columns = [column for column in COLUMNS[table] if column not in ("team", "step")]
    for team, board in sorted(boards.items()):
        for section in page.sections if page else ():
            said = [_text(board.get(question.item, "")) for question in section.questions]
            if any(said):
                yield {"team": team, "step": section.title} | dict(zip(columns, said, strict=True))


def _scorecards(page: Page | None, boards: Mapping[str, Row]) -> Iterator[Row]:
    """One row a figure that has a name; a name that stands twice on a card is told apart by a number."""
    times = Counter[tuple[str, str]]()
    for row in _lines("scorecards", page, boards):
        if name := row["metric"]:
            times[row["team"], name] += 1
            nth = times[row["team"], name]
            yield row | {"metric": name if nth == 1 else f"{name} ({nth})"}


def _promises(boards: Mapping[str, Row]) -> Iterator[Row]:
    for team, board in sorted(boards.items()):
        yield from ({"team": team, "promise": item, "figure": value} for item, value in sorted(board.items()))


def _file(name: str) -> str:
    return f"{OURS}{name}.csv"


def _csv(name: str, rows: Sequence[Row]) -> str:
    return as_csv([COLUMNS[name], *(list(row.values()) for row in rows)])


# --- into the engagement ----------------------------------------------------------------------------------------------


def take_in(engagement: Path, answers: Answers, pages: Mapping[str, Page]) -> list[str]:
    """What was written into the engagement, so that its next audit reads what the room answered? One sentence each.

    The files of an earlier call are replaced, and inputs are named in engagement.yml once. What the client's own files
    say already stays: a team that delivered its card or its readings, an asset decided on. Beside an earlier survey
    the room's answers are the next wave. People keep their codes from call to call, under the engagement's secret,
    for the release log must know who was published before. Raises AlignError (E-USE, E-CONFIG, E-WRITE, and what
    reading the client's files may raise); then engagement.yml is as it was.
    """
    settings = read_engagement(engagement)
    made = table_rows(answers, pages, settings, engagement_secret(engagement))
    named = {entry.file for entry in settings.inputs}
    ours = {_file(table) for table in COLUMNS}
    others = [entry for entry in settings.inputs if entry.table in _TITLES and entry.file not in ours]
    standing, told = _standing(engagement, settings, others), list[str]()
    for table, column in _SETTLES.items():
        if held := standing[table] & {row[column] for row in made[table]}:
            made[table] = [row for row in made[table] if row[column] not in held]
            told.append(_left_out(table, held, [entry.file for entry in others if entry.table == table]))
    new = [table for table in _TITLES if made[table] and _file(table) not in named]
    if "responses" in new and standing["responses"]:
        if not _is_round(made["responses"]):
            new.remove("responses")
            told.append(_NO_ROUND.format(file=_file("responses")))
        else:
            told.append(_WAVE.format(wave=_next_wave(standing["responses"])))
    drafts = [_draft(table, standing[table]) for table in new]
    path = engagement / SETTINGS_FILE
    text = written(path.read_bytes().decode("utf-8"), drafts, {}, {}) if drafts else ""
    for name, rows in made.items():
        target = engagement / "data" / _file(name)
        if rows or target.exists():
            write_file(target, _csv(name, rows))
            told.append(f"data/{target.name}: {count(len(rows), 'row')}.")
    if text:
        write_file(path, text)
    return told + _propose(engagement, made["promises"])


def keep_earlier(engagement: Path) -> str:
    """What did an earlier workshop leave in the engagement? One sentence; empty for nothing.

    Its files get their day in their names, in engagement.yml as well, so that the next workshop writes beside them and
    not over them: what it was answered is a wave of its own, and boards stay until their input is deleted there.
    """
    data, path = engagement / "data", engagement / SETTINGS_FILE
    found = [file for table in COLUMNS if (file := data / _file(table)).exists()]
    if not found:
        return ""
    text = path.read_bytes().decode("utf-8")
    day = date.fromtimestamp(max(file.stat().st_mtime for file in found))
    name = dated(OURS.rstrip("-"), day, lambda name: any(data.glob(f"{name}-*.csv")))
    for file in found:
        new = file.name.replace(OURS, f"{name}-", 1)
        write_file(data / new, file.read_bytes())
        text = re.sub(rf"(?<![\w./-]){re.escape(file.name)}", new, text)
    write_file(path, text)
    for file in found:
        file.unlink()
    return f"What the workshop before left in the engagement stays in its audit, as data/{name}-*.csv."


_WAVE = ("An earlier survey stands in the engagement, so the room's answers are its wave {wave}, which is the one that "
         "the next audit reports.")  # fmt: skip
_NO_ROUND = ("data/{file} is not read by an audit: an earlier survey is, and the room answered none of its statements. "
             "To have it read, name it as an input of responses with a wave of its own.")  # fmt: skip


def _standing(engagement: Path, settings: Settings, inputs: list[Input]) -> dict[str, set[str]]:
    """What the client's own files hold of the tables that a workshop fills: what settles, and the waves of a survey."""
    wanted = {**_SETTLES, "responses": "wave"}
    parts, _, _, _, problems = read_inputs(engagement, settings.model_copy(update={"inputs": inputs}))
    if problems:
        raise AlignError(problems)
    found: dict[str, set[str]] = {table: set() for table in wanted}
    for part in parts:
        values = part.data[wanted[part.entry.table]].unique()
        found[part.entry.table] |= {value if isinstance(value, str) else "" for value in values}
    return found


def _is_round(rows: Sequence[Row]) -> bool:
    """Did anybody answer a statement of the survey, rather than guesses and points alone?"""
    items = read_instrument().items
    return any(items[row["item"]].kind in ("agree", "conversation") for row in rows if row["item"] in items)


def _next_wave(waves: set[str]) -> str:
    """The number after the highest, so that it comes last: a survey without a number counts as the first."""
    return f"{int(max(number_of(wave) or 1 for wave in waves)) + 1}"


def _draft(table: str, standing: set[str]) -> Draft:
    """The input as engagement.yml names it."""
    columns = {column: column for column in COLUMNS[table]}
    wave = {"constants": {"wave": _next_wave(standing)}} if table == "responses" and standing else {}
    return Draft({"table": table, "file": _file(table), "columns": columns, **wave}, _TITLES[table])


def _left_out(table: str, held: set[str], files: list[str]) -> str:
    who = listed([TEAM_NAMES[team] for team in sorted(held)]) if held <= {*TEAM_NAMES} else count(len(held), "asset")
    return (f"{who}: {listed(files)} says it already, so {_file(table)} leaves the room's word out. To have the room's "
            f"instead, delete that input in {SETTINGS_FILE} and take the workshop in again.")  # fmt: skip


# --- what the two sides promised --------------------------------------------------------------------------------------


def _propose(engagement: Path, rows: Sequence[Row]) -> list[str]:
    """Writes what both sides said alike as lines to paste: promises are agreed by people and never by this kit."""
    said: dict[str, Row] = {}
    for row in rows:
        said.setdefault(row["promise"], {})[row["team"]] = row["figure"]
    if not said:
        return []
    text, path = proposal(said), engagement / "drafts" / f"{OURS}promises.md"
    where = path.relative_to(engagement).as_posix()
    if path.exists() and path.read_bytes() != text.encode():
        return [f"{where} exists already and may have been written in: move it away and take the workshop in again."]
    write_file(path, text)
    return [f"{where}: the promises of both sides, to be confirmed; nothing of it is in force yet."]


def proposal(said: Mapping[str, Row]) -> str:
    """Which text says what both sides would put into engagement.yml, and where they still differ?

    ``said``: {promise: {team: figure}}, figures as the form took them.
    """
    plain = {name: {team: _plain(both[team]) for team in TEAM_NAMES if team in both} for name, both in said.items()}
    stated = plain.pop("stated", {})
    alike = {name: both["sales"] for name, both in plain.items() if len(both) == 2 and len({*both.values()}) == 1}
    apart = {name: {TEAM_NAMES[team]: figure for team, figure in both.items()} for name, both in plain.items()
             if name not in alike}  # fmt: skip
    return strict_templates("workshop").get_template("promises.md.j2").render(alike=alike, stated=stated, apart=apart)


def _plain(figure: str) -> str:
    number = number_of(figure)
    return figure if number is None else f"{number:g}"
