"""What does the room see of a form once it is revealed? The audit's own diagnostics, on the room's own answers."""

import json
from base64 import b64decode, b64encode
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NoReturn
from zlib import compress, decompress

from alignlib.disclosure import ReleaseLog, audit_release
from alignlib.engagement import Settings
from alignlib.errors import AlignError, Problem
from alignlib.files import scratch_folder
from alignlib.release import as_coded
from alignlib.result import Exhibit, Measure, Part, Result, Row, columns
from alignlib.show import show
from alignlib.words import TEAM_NAMES, capital, count, count_spelled, interval, legible, listed, money, of, spelled
from alignlib.workshop.pages import Page
from alignlib.workshop.store import tables_of
from alignlib.workshop.tables import Answers, in_files, table_rows

Frozen = dict[str, Any]  # what stays of a reveal, as JSON: form, result, and the log of what was shown of people
OPINIONS = ("survey-short", "survey")  # forms whose answers the docket reads
MIRROR, MODEL = "mirror", "funnel.model"
MONTHS = 12
_OWN = {"relay": "survey.relay", "focus": "survey.segments", MIRROR: "survey.mirror"}  # what such a form is for
_FLAGS = {"yes": True, "no": False}


def reveal(
    page: Page,
    answers: Answers,
    settings: Settings,
    secret: bytes,
    others: Sequence[Page],
    earlier: Sequence[ReleaseLog],
) -> Frozen:
    """What is shown of this form from now on, whatever is answered later?

    ``others``: the pages revealed before, beside whose answers guesses are read; ``earlier``: what was shown of all
    forms so far (``logs``), and what audits published. Raises AlignError: E-SMALL while a team is below the smallest
    group, and when this picture beside an earlier one would tell what a few people answered; E-USE when there is
    nothing to show.
    """
    settings = anonymous(settings)
    if page.scope != "person":
        return {"form": page.form, "result": _of_board(page, answers, settings).model_dump(mode="json"), "log": ""}
    _enough(page, answers["responses"], settings.survey.least)
    tables = tables_of(_rows_of(answers, [page, *others] if page.form == MIRROR else [page], secret))
    said = json.dumps(_safe(tables, settings, secret, earlier).as_data(secret))
    log = b64encode(compress(said.encode())).decode()
    result = _of_people(page, tables, settings)
    return {"form": page.form, "result": result.model_dump(mode="json"), "log": log}


def logs(shown: Iterable[Frozen]) -> list[ReleaseLog]:
    """On whom do the figures rest that were shown? Of each picture of people, in tokens."""
    return [ReleaseLog.from_data(json.loads(decompress(b64decode(each["log"])))) for each in shown if each.get("log")]


def anonymous(settings: Settings) -> Settings:
    """Under which settings are answers of a room read? Those of the client, and nobody by name: so it was promised."""
    return settings.model_copy(update={"survey": settings.survey.model_copy(update={"mode": "anonymous"})})


def views(result: Result, currency: str = "") -> list[dict[str, str]]:
    """Which views show a result, one after another: its findings, then each exhibit? Title and HTML of each."""
    first = [{"title": "In short", "html": show(result).html}] if result.findings or result.not_judged else []
    return first + [{"title": each.title, "html": show(each, currency=currency).html} for each in result.exhibits]


# --- what people answered -------------------------------------------------------------------------------------------


def _rows_of(answers: Answers, pages: Sequence[Page], secret: bytes) -> list[dict[str, Any]]:
    """Answers to these pages alone, under the codes of an audit's files: what is not revealed is read by nobody."""
    asked = {item for page in pages for item in page.questions}
    return [{**row, "respondent_id": in_files(secret, row["respondent_id"])}
            for row in answers["responses"] if row["item"] in asked]  # fmt: skip


def _safe(tables: Any, settings: Settings, secret: bytes, earlier: Sequence[ReleaseLog]) -> ReleaseLog:
    """On whom does each figure rest, in the tokens of an audit's log? Raises AlignError (E-SMALL).

    Both teams are shown and everybody is in one, so figures of all together tell no more than those of the teams.
    """
    from alignlib.diagnostics import survey

    k = settings.survey.least
    found = survey.release_log(tables, settings).releases
    every = log = as_coded(ReleaseLog([each for each in found if each.group != "total"], promised=k), secret)
    for before in (each for each in earlier if each.seal):
        every = every.merged(before.of(log.people()))
    if audit_release(every, k):
        what = f"beside what was shown before, this would tell what fewer than {spelled(k)} people answered"
        _refuse("E-SMALL", what, "keep the picture that the room has seen")
    return log


def _enough(page: Page, responses: Sequence[Mapping[str, Any]], k: int) -> None:
    given = [row for row in responses if row["item"] in page.questions and row["answer"] is not None]
    people = {team: {row["respondent_id"] for row in given if row["team"] == team} for team in TEAM_NAMES}
    if short := [TEAM_NAMES[team] for team, who in people.items() if len(who) < k]:
        _refuse("E-SMALL", f"fewer than {spelled(k)} people have answered in {listed(short)}", "wait for more answers")


def _of_people(page: Page, tables: Any, settings: Settings) -> Result:
    """The survey's own ``diagnose``; of a form of one part, what is about that part."""
    from alignlib.diagnostics import survey

    result = survey.diagnose(tables, settings)
    said: dict[str, Any] = {"sources": [], "row_counts": []}  # how many answers there are is nobody's business
    said["not_judged"] = [each for each in result.not_judged if each.theme != "structure"]  # the sponsor is asked that
    if page.form in _OWN:
        own = [each for each in result.exhibits if each.key == _OWN[page.form]]
        if not own:
            _refuse("E-USE", "this form alone gives no picture", "reveal the survey first: it is read beside it")
        findings = [each for each in result.findings if each.key.startswith(own[0].key)]
        said |= {"exhibits": own, "headline": own[0].title, "summary": own[0].lead, "findings": findings,
                 "not_judged": []}  # fmt: skip
    return result.model_copy(update=said)


# --- what stands on boards --------------------------------------------------------------------------------------------


def _of_board(page: Page, answers: Answers, settings: Settings) -> Result:
    entries = [row for row in answers["entries"] if row["form"] == page.form and row["value"]]
    boards: dict[str, dict[str, str]] = {}
    for row in entries:
        boards.setdefault(row["team"], {})[row["item"]] = row["value"]
    if not boards:
        _refuse("E-USE", "nothing stands on this board yet", "let the room fill it in first")
    if page.form in ("stages", "metrics"):
        part = _of_funnel(page, {"responses": [], "entries": entries}, settings)
    else:
        part = Part(exhibits=[_side_by_side(page, boards) if page.scope == "team" else _list(page, boards)])
    title = part.exhibits[0].title if part.exhibits else page.title
    return Result(
        diagnostic="audit", question=page.title, headline=title, summary=part.exhibits[0].lead if part.exhibits else "",
        findings=part.findings, exhibits=part.exhibits, caveats=part.caveats, not_judged=part.not_judged,
        basis=part.basis,
    )  # fmt: skip


def _of_funnel(page: Page, answers: Answers, settings: Settings) -> Part:
    """The audit's own reading of a team's labels, or of its scorecard."""
    from alignlib.diagnostics.funnel import readings, scorecards
    from alignlib.intake.snapshot import arrow_rows, open_tables

    name, read = ("stage_readings", readings.part) if page.form == "stages" else ("scorecards", scorecards.part)
    given = table_rows(answers, {page.form: page}, settings, b"")[name]
    rows = [{column: _typed(column, value) for column, value in row.items()} for row in given]
    return read(open_tables({name: arrow_rows(name, rows)}), settings)


def _typed(column: str, text: str) -> Any:
    if column.endswith("_days"):
        return int(float(text)) if text else None
    return _FLAGS.get(text) if column.startswith("is_") else text or None


def _side_by_side(page: Page, boards: Mapping[str, Mapping[str, str]]) -> Exhibit:
    """What each team wrote alone, beside what the other did."""
    rows: list[Row] = []
    for item in page.questions:
        both = {team: _said(page, item, boards.get(team, {})) for team in TEAM_NAMES}
        alike = "open" if "" in both.values() else "yes" if len({*both.values()}) == 1 else "no"
        rows += [{"label": page.questions[item].text, **both, "alike": alike}] if any(both.values()) else []
    told_both = [row for row in rows if row["alike"] != "open"]
    alike_n = sum(row["alike"] == "yes" for row in told_both)
    said = f"Both sides say the same on {of(alike_n, len(told_both))} lines"
    return _table(page, rows, said if told_both else "Both sides have written nothing to the same line yet", {
        "label": "What", "sales": "Sales says", "marketing": "Marketing says", "alike": "Alike"})  # fmt: skip


def _list(page: Page, boards: Mapping[str, Mapping[str, str]]) -> Exhibit:
    """What the room wrote, one row a section of its board."""
    board = {item: value for each in boards.values() for item, value in each.items()}
    rows: list[Row] = []
    names: dict[str, str] = {"label": "What"}
    for section in page.sections:
        said = {f"q{at}": _said(page, question.item, board) for at, question in enumerate(section.questions)}
        names |= {f"q{at}": question.text for at, question in enumerate(section.questions)}
        rows += [{"label": section.title, **said}] if any(said.values()) else []
    rows = [dict.fromkeys(names, "") | row for row in rows]
    return _table(page, rows, f"{capital(count_spelled(len(rows), 'line'))} on the board", names)


def _said(page: Page, item: str, board: Mapping[str, str]) -> str:
    """An answer as the room reads it: with its unit, and the label of a choice."""
    question, value = page.questions[item], board.get(item, "")
    named = dict(question.options).get(value, legible(" ".join(value.split())))
    return f"{named} {question.unit}" if value and question.kind == "number" and question.unit else named


def _table(page: Page, rows: list[Row], title: str, names: Mapping[str, str]) -> Exhibit:
    return Exhibit(
        key=f"workshop.{page.form.replace('-', '_')}", shape="table", rows=rows, title=title, lead=page.title,
        columns=columns(**{name: (label, "text") for name, label in names.items()}), source="The room",
        read="As it stood when it was revealed.", alt=f"Table of {count(len(rows), 'line')}.",
    )  # fmt: skip


# --- what the client's files say to it --------------------------------------------------------------------------------


def docket(
    engagement: Path, answers: Answers, pages: Sequence[Page], secret: bytes, earlier: Sequence[ReleaseLog]
) -> Result:
    """What does the audit say to the complaints, with the answers to these (revealed) pages in place of a survey?

    Reads the client's files as an audit does, and writes nothing. Raises AlignError: as ``reveal``, and whatever keeps
    an audit from running.
    """
    from alignlib.audit import audit
    from alignlib.diagnostics import content, funnel, survey
    from alignlib.intake.snapshot import open_run, prepare

    with scratch_folder() as scratch:
        prepare(engagement, scratch / "run")
        settings, tables = open_run(scratch / "run")
        settings = anonymous(settings)
        answered = tables_of(_rows_of(answers, pages, secret))
        _safe(answered, settings, secret, earlier)
        found = {
            "survey": survey.diagnose(answered, settings),
            "content": content.diagnose(tables, settings), "funnel": funnel.diagnose(tables, settings),
        }  # fmt: skip
        result = audit(found, settings, None)
    exhibits = [*result.exhibits, *(each for each in found["funnel"].exhibits if each.key == MODEL)]
    return result.model_copy(update={"sources": [], "row_counts": [], "exhibits": exhibits})


def steps(result: Result) -> list[dict[str, Any]]:
    """Which steps of the client's own funnel can be changed, to see what it would bring? None without a deal value."""
    rows: list[Row] = next((each.rows for each in result.exhibits if each.key == MODEL), [])
    if not any(row["stage"] == "deal_value" and row["amount"] for row in rows):
        return []
    return [{"step": row["stage"], "label": row["label"], "rate": round(100 * float(row["rate"])),
             "days": round(float(row["median_days"] or 0))} for row in rows if "_to_" in str(row["stage"])]  # fmt: skip


def brings(result: Result, rates: Mapping[str, float], days: Mapping[str, float], currency: str) -> dict[str, str]:
    """What would other shares, and so many days more at a step, bring in revenue? In words, with their intervals.

    For a docket with ``steps``. Raises AlignError (E-VALUE) for a step that is none.
    """
    from alignlib.diagnostics.funnel import what_if

    told = what_if(result.exhibit(MODEL), rates=rates, delay_days=days, months=MONTHS)
    return {name: _worth(getattr(told, name), currency) for name in ("base", "changed", "difference")}


def _worth(measure: Measure, currency: str) -> str:
    said = money(measure.value or 0, currency)
    ends = "" if measure.low is None else f" ({interval(measure.low, measure.high, 'money', currency)})"
    return said + ends


def complaints(result: Result) -> list[dict[str, Any]]:
    """What stands behind each complaint of the docket, one to unfold at a time: the verdict, and why?"""
    rows = result.exhibit("audit.docket").rows
    return [{"title": f"{row['label']} {row['complaint']}", "verdict": row["verdict"], "lines": list(_lines(row))}
            for row in rows]  # fmt: skip


def _lines(row: Row) -> Iterator[str]:
    yield f"Who: {row['says']}"
    yield from (f"{name} agrees: {row[team]}" for team, name in TEAM_NAMES.items() if row.get(team))
    yield from (str(row[name]) for name in ("evidence", "ends", "note") if row.get(name))
    if row.get("play"):
        yield f"Play {row['play']}"


def _refuse(code: str, what: str, fix: str) -> NoReturn:
    raise AlignError(Problem(code, what, fix=fix))
