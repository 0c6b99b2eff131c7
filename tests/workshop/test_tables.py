"""What a workshop leaves in the engagement: the next audit reads it, and nobody can be found again in it."""

import csv
import io
import random
import re
import shutil
from collections.abc import Callable, Iterable
from datetime import date
from pathlib import Path
from typing import Any
from zipfile import ZipFile

import pytest
from python_calamine import CalamineWorkbook

from alignlib.diagnostics import content, funnel, survey
from alignlib.engagement import SETTINGS_FILE, Settings, read_engagement
from alignlib.errors import AlignError
from alignlib.instrument import read_instrument
from alignlib.intake.snapshot import open_run, prepare
from alignlib.intake.tables import Tables
from alignlib.result import Result
from alignlib.workshop.pages import CANNOT_SAY, Page, Question, number_of, pages, refusals
from alignlib.workshop.tables import as_files, as_workbook, keep_earlier, proposal, table_rows, take_in

TODAY = "2026-04-29"
HOSTILE = ["=1+1", "+49", "-x", "@sum", "\uff1d1", "<img src=x onerror=1>", 'a "b", c', "שלום", "a;b|c", "'quoted",
           "Total: all", "MÜLLER #1: yes"]  # fmt: skip
MINIMAL = """# a client without any file yet
version: 1
client: Client
period: {start: 2024-04-01, end: 2026-03-31}
as_of: 2026-04-30
currency: EUR
timezone: UTC
teams: {sales: {invited: 8, labels: [Sales]}, marketing: {invited: 8, labels: [Marketing]}}
stages: {Lead: inquiry, MQL: mql}
survey: {segments: [Retail, Health care, Energy]}
inputs: []
"""


@pytest.fixture
def bare(tmp_path: Path) -> Path:
    folder = tmp_path / "client"
    (folder / "data").mkdir(parents=True)
    (folder / SETTINGS_FILE).write_text(MINIMAL, encoding="utf-8")
    return folder


@pytest.fixture
def company(written: Callable[[bool], Path]) -> Path:
    return written(True)


def block_of(text: str, file: str) -> str:
    """The input of this file, as it stands in the sample's engagement.yml."""
    found = re.search(
        rf"  - table: \w+\n    file: {re.escape(file)}\n(    .*\n)*|  - {{[^}}]*{re.escape(file)}}}\n", text
    )
    assert found
    return found[0]


def without(folder: Path, *files: str) -> Path:
    """The engagement without the inputs of these files, as somebody deletes them by hand."""
    path = folder / SETTINGS_FILE
    text = path.read_text(encoding="utf-8")
    for file in files:
        text = text.replace(block_of(text, file), "")
    path.write_text(text, encoding="utf-8")
    return folder


def delivered(folder: Path, company: Path, *files: str) -> Path:
    """The bare engagement with some of the sample company's files."""
    text = (company / SETTINGS_FILE).read_text(encoding="utf-8")
    blocks = "".join(block_of(text, file) for file in files)
    (folder / SETTINGS_FILE).write_text(MINIMAL.replace("inputs: []\n", f"inputs:\n{blocks}"), encoding="utf-8")
    for file in files:
        shutil.copy(company / "data" / file, folder / "data" / file)
    return folder


def opened(folder: Path) -> tuple[Settings, Tables]:
    """What an audit of this engagement reads."""
    run = folder.parent / f"run-{random.randrange(10**9)}"
    prepare(folder, run)
    return open_run(run)


# --- a room -----------------------------------------------------------------------------------------------------------


def chosen(question: Question, rng: random.Random) -> str:
    if question.kind == "choice":
        return rng.choice(question.options)[0]
    if question.kind == "words":
        return "2026-06-30" if question.unit == "day" else rng.choice(HOSTILE)
    return str(rng.randint(max(int(question.low), 1), min(int(question.high), 100)))


def filled(page: Page, rng: random.Random) -> dict[str, str]:
    """One valid answer to every question of a page."""
    given = {item: chosen(question, rng) for item, question in page.questions.items()}
    points = [item for item, question in page.questions.items() if question.kind == "points"]
    given |= {item: "100" if at == 0 else "0" for at, item in enumerate(points)}
    assert refusals(page, given) == {}
    return given


def as_kept(people: dict[tuple[str, str, str], dict[str, str]]) -> list[dict[str, Any]]:
    """The rows the store keeps of what people chose: {(respondent, team, role): {item: value}}."""
    return [
        {"respondent_id": who, "team": team, "role": role or None, "item": item, "day": TODAY,
         "answer": None if value == CANNOT_SAY else number_of(value), "cannot_say": value == CANNOT_SAY}
        for (who, team, role), given in people.items() for item, value in given.items()
    ]  # fmt: skip


def entries(page: Page, boards: dict[str, dict[str, str]]) -> list[dict[str, str]]:
    return [{"team": team, "form": page.form, "item": item, "value": value, "day": TODAY}
            for team, board in boards.items() for item, value in board.items()]  # fmt: skip


def session(
    asked: dict[str, Page], forms: Iterable[str], seed: int = 7
) -> tuple[dict[str, list[dict[str, Any]]], dict[tuple[str, str, str], dict[str, str]]]:
    """What eight sellers and eight marketers answered to these forms, as the room gives it; and what each chose."""
    rng = random.Random(seed)
    seats = [(f"{rng.getrandbits(64):016x}", team, "leader" if at < 2 else "staff")
             for team in ("sales", "marketing") for at in range(8)]  # fmt: skip
    people: dict[tuple[str, str, str], dict[str, str]] = {seat: {} for seat in seats}
    kept: list[dict[str, str]] = []
    for page in (asked[form] for form in forms):
        if page.scope == "person":
            for seat in people:
                people[seat] |= filled(page, rng)
        else:
            teams = ("sales", "marketing") if page.scope == "team" else ("room",)
            kept += entries(page, {team: filled(page, rng) for team in teams})
    return {"responses": as_kept(people), "entries": kept}, people


def rows_of(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text.removeprefix("\ufeff"), newline="")))


def figures(result: Result) -> dict[str, Any]:
    """All that a result says, but for where the rows came from and how their columns were named."""
    found = result.model_dump(exclude={"sources", "row_counts"})
    return found | {
        "settings": {key: value for key, value in found["settings"].items() if key not in ("rows", "columns")}
    }


# --- into the next audit ----------------------------------------------------------------------------------------------


def test_an_audit_after_the_workshop_reads_what_the_room_answered(
    company: Path, prepared: Callable[[bool], Path], tmp_path: Path
) -> None:
    company = without(shutil.copytree(company, tmp_path / "company"), "stage_readings.csv", "scorecards.csv")
    asked = pages(read_engagement(company), open_run(prepared(True))[1])
    given, _ = session(asked, asked)
    told = take_in(company, given, asked)
    settings, tables = opened(company)
    results = {each.diagnostic: each for each in (m.diagnose(tables, settings) for m in (survey, content, funnel))}
    counts = {each.file: each for each in tables.row_counts if each.file.startswith("workshop-")}
    n_answers = len(given["responses"])
    read = {file: (each.read, each.used, each.rejected, each.excluded) for file, each in counts.items()}
    assert read == {
        "workshop-responses.csv": (n_answers, n_answers, 0, 0), "workshop-asset_decisions.csv": (40, 40, 0, 0),
        "workshop-stage_readings.csv": (18, 18, 0, 0), "workshop-scorecards.csv": (16, 16, 0, 0),
    }  # fmt: skip
    assert n_answers == 16 * 84
    # each diagnostic works on the room's word: 16 people of the second wave, 18 readings, 16 figures, 40 decisions
    assert survey.last_wave(tables) == "2" and any("wave 2" in sentence for sentence in told)
    assert results["survey"].basis[:2] == ["Sales: 8 of 14", "Marketing: 8 of 9"]
    assert "9 stage labels read by both teams" in results["funnel"].basis
    assert "16 metrics on the scorecards" in results["funnel"].basis
    decided = {row["asset_id"]: row["decision"] for row in tables.rows("select * from asset_decisions")
               if row["file"].startswith("workshop-")}  # fmt: skip
    listed = next(e.rows for e in results["content"].exhibits if e.key == "content.worklist")
    shown = {row["asset_id"]: row["disposition"] for row in listed if row["asset_id"] in decided}
    assert shown and shown.items() <= decided.items()
    # boards that no audit reads lie beside them, and the promises are a proposal alone
    assert {path.name for path in (company / "data").glob("workshop-*")} - set(counts) == {
        "workshop-relay.csv", "workshop-promises.csv", "workshop-commitments.csv",
    }  # fmt: skip
    assert (company / "drafts" / "workshop-promises.md").exists()
    assert settings.promises == read_engagement(company).promises and settings.promises.first_touch_hours == 24


def test_taking_in_twice_replaces_the_files_and_names_no_input_twice(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    first, _ = session(asked, ["survey", "stages", "commitments"])
    take_in(bare, first, asked)
    text, before = (bare / SETTINGS_FILE).read_text(), (bare / "data" / "workshop-responses.csv").read_text()
    second = {"responses": [{**row, "answer": None, "cannot_say": True} if row["item"] == "goal_1" else row
                            for row in first["responses"]], "entries": []}  # fmt: skip
    take_in(bare, second, asked)
    after = (bare / "data" / "workshop-responses.csv").read_text()
    assert (bare / SETTINGS_FILE).read_text() == text and text.startswith(MINIMAL.removesuffix("inputs: []\n"))
    assert [entry.file for entry in read_engagement(bare).inputs] == [
        "workshop-responses.csv", "workshop-stage_readings.csv",
    ]  # fmt: skip
    # a person keeps the code under which an audit may have published before
    codes = [{row["respondent_id"] for row in rows_of(each)} for each in (before, after)]
    assert codes[0] == codes[1] and len(codes[0]) == 16 and before != after
    assert rows_of((bare / "data" / "workshop-commitments.csv").read_text()) == []
    _, tables = opened(bare)
    assert tables.rows("select count(*) as n from stage_readings") == [{"n": 0}]
    assert tables.rows("select sum(cannot_say::int) as n from responses where item = 'goal_1'") == [{"n": 16}]


def test_what_the_clients_files_say_already_stays_and_is_said(bare: Path, company: Path) -> None:
    files = ("content_inventory.csv", "work_list.csv", "stage_readings.csv", "scorecards.csv")
    before = opened(delivered(bare, company, *files))[1]
    asked = pages(read_engagement(bare), before)
    given, _ = session(asked, ["stages", "metrics", "sorting"])
    told = take_in(bare, given, asked)
    after = opened(bare)[1]
    for table in ("stage_readings", "scorecards"):
        same = f"select * exclude (record) from {table} order by all"
        assert before.rows(same) == after.rows(same) and before.has(table)
        assert any(f"{table}.csv says it already" in sentence and "Sales" in sentence for sentence in told)
        assert not (bare / "data" / f"workshop-{table}.csv").exists()
    grown = [len(tables.rows("select * from asset_decisions")) for tables in (before, after)]
    assert grown[1] == grown[0] + 40 and grown[0]
    # a later session still asks about what this room decided, and about nothing the client decided before
    again = {item.partition(":")[2] for item in pages(read_engagement(bare), after)["sorting"].questions}
    assert not {row["asset_id"] for row in before.rows("select asset_id from asset_decisions")} & again
    assert {row["asset_id"] for row in after.rows("select asset_id from asset_decisions")} & again
    # somebody prefers the room's readings
    told = take_in(without(bare, "stage_readings.csv"), given, asked)
    readings = opened(bare)[1].rows("select distinct file from stage_readings")
    assert readings == [{"file": "workshop-stage_readings.csv"}]
    assert not any("stage_readings.csv says" in sentence for sentence in told)


def test_guesses_and_points_alone_do_not_stand_in_for_an_earlier_survey(bare: Path, company: Path) -> None:
    asked = pages(read_engagement(delivered(bare, company, "survey.csv")))
    given, _ = session(asked, ["mirror", "focus", "relay"])
    before, text = figures(survey.diagnose(*opened(bare)[::-1])), (bare / SETTINGS_FILE).read_text(encoding="utf-8")
    told = take_in(bare, given, asked)
    assert (bare / SETTINGS_FILE).read_text(encoding="utf-8") == text and "is not read by an audit" in told[0]
    assert (bare / "data" / "workshop-responses.csv").exists()
    assert figures(survey.diagnose(*opened(bare)[::-1])) == before


def test_where_there_is_no_survey_yet_guesses_and_points_are_read(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    given, _ = session(asked, ["mirror", "focus", "relay"])
    take_in(bare, given, asked)
    assert len(opened(bare)[1].rows("select distinct respondent_id, wave from responses where wave is null")) == 16


@pytest.mark.parametrize(("waves", "expected"), [(["1", "3"], "4"), (["spring"], "2"), ([""], "2"), (["2.5"], "3")])
def test_the_room_is_the_last_wave_whatever_the_others_are_called(bare: Path, waves: list[str], expected: str) -> None:
    rows = "".join(f"p{at},sales,{wave},goal_1,3\n" for at, wave in enumerate(waves))
    (bare / "data" / "earlier.csv").write_text("id,team,wave,item,answer\n" + rows)
    columns = "{respondent_id: id, team: team, wave: wave, item: item, answer: answer}"
    text = MINIMAL.replace("inputs: []", f"inputs:\n  - {{table: responses, file: earlier.csv, columns: {columns}}}")
    (bare / SETTINGS_FILE).write_text(text)
    asked = pages(read_engagement(bare))
    take_in(bare, session(asked, ["survey-short"])[0], asked)
    assert read_engagement(bare).inputs[0].constants == {"wave": expected}
    assert survey.last_wave(opened(bare)[1]) == expected


def test_the_next_workshop_is_a_wave_of_its_own_beside_what_the_one_before_left(bare: Path, company: Path) -> None:
    assert keep_earlier(delivered(bare, company, "content_inventory.csv")) == ""
    (bare / "data" / "old-workshop-responses.csv").write_text("of somebody else")
    with (bare / SETTINGS_FILE).open("a") as file:
        file.write("# workshop-responses.csv and old-workshop-responses.csv\n")
    asked = pages(*opened(bare))
    first, second = (session(asked, ["survey-short", *boards], seed) for seed, boards in ((1, ["sorting"]), (2, [])))
    take_in(bare, first[0], asked)
    assert any("wave 2" in each for each in [keep_earlier(bare), *take_in(bare, second[0], asked)])
    settings, tables = opened(bare)
    day = date.today()
    files = {each.file for each in settings.inputs}
    assert files == {"content_inventory.csv", f"workshop-{day}-responses.csv", f"workshop-{day}-asset_decisions.csv",
                     "workshop-responses.csv"}  # fmt: skip
    counts = tables.rows("select wave, file, count(*) as n from responses group by all order by wave nulls first")
    assert [tuple(each.values()) for each in counts] == [
        (None, f"workshop-{day}-responses.csv", len(first[0]["responses"])),
        ("2", "workshop-responses.csv", len(second[0]["responses"])),
    ]
    assert survey.last_wave(tables) == "2" and tables.rows("select 1 from asset_decisions")
    text = (bare / SETTINGS_FILE).read_text(encoding="utf-8")
    assert f"# workshop-{day}-responses.csv and old-workshop-responses.csv" in text
    third, _ = session(asked, ["survey-short", "sorting"], 3)
    told = [keep_earlier(bare), *take_in(bare, third, asked)]
    assert f"data/workshop-{day}-2-*.csv" in told[0] and any("wave 3" in each for each in told)
    assert any(f"workshop-{day}-asset_decisions.csv says it already" in each for each in told)
    assert len(opened(bare)[1].rows("select distinct wave from responses")) == 3


def test_a_survey_in_the_room_says_the_same_as_the_same_answers_from_a_survey_tool(bare: Path, tmp_path: Path) -> None:
    other = shutil.copytree(bare, tmp_path / "other" / "client")
    asked, instrument = pages(read_engagement(bare)), read_instrument()
    given, people = session(asked, ["survey"])
    for person in people.values():  # people leave out and cannot say; whole rankings; points in uneven shares
        for item in random.Random(len(str(person))).sample(sorted(person), 9):
            if not item.startswith("points_"):
                person.pop(item)
        person |= {"goal_1": CANNOT_SAY, "points_Retail": "35", "points_Health care": "60", "points_Energy": "5"}
    given = {"responses": as_kept(people), "entries": []}
    take_in(bare, given, asked)
    labels = {str(at): label for at, label in enumerate(instrument.scale, 1)} | {CANNOT_SAY: instrument.cannot_say}
    items = [item for item in instrument.form("full", ["Retail", "Health care", "Energy"]) if item.kind != "comment"]
    scaled = ("agree", "conversation", "mirror")
    head = [instrument.team["text"], instrument.role["text"], *(item.prompt for item in items)]
    lines = [
        [instrument.team[team], instrument.role[role],
         *(labels[said[i.item]] if i.kind in scaled and i.item in said else said.get(i.item, "") for i in items)]
        for (_, team, role), said in people.items()
    ]  # fmt: skip
    with (other / "data" / "export.csv").open("w", encoding="utf-8", newline="") as file:
        csv.writer(file).writerows([head, *lines])
    text = MINIMAL.replace("inputs: []", "inputs:\n  - {table: responses, shape: survey, file: export.csv}")
    (other / SETTINGS_FILE).write_text(text, encoding="utf-8")
    in_room, by_tool = ((survey.diagnose(tables, s)) for s, tables in map(opened, (bare, other)))
    assert len(in_room.findings) > 10 and len(in_room.exhibits) > 5
    assert figures(in_room) == figures(by_tool)


# --- what the files tell ----------------------------------------------------------------------------------------------


def test_no_file_tells_a_person_or_an_order(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    given, people = session(asked, asked)
    settings = read_engagement(bare)
    files, again = (as_files(table_rows(given, asked, settings, key)) for key in (b"one", b"other"))
    for who, _, _ in people:
        assert not any(who in text for text in files.values())
    # the order in which people came changes nothing, and another key gives other codes
    turned = {"responses": given["responses"][::-1], "entries": given["entries"][::-1]}
    assert as_files(table_rows(turned, asked, settings, b"one")) == files
    codes = [{row["respondent_id"] for row in rows_of(each["workshop-responses.csv"])} for each in (files, again)]
    assert len(codes[0]) == len(codes[1]) == 16 and not codes[0] & codes[1]
    rows = [(row["item"], row["respondent_id"]) for row in rows_of(files["workshop-responses.csv"])]
    assert rows == sorted(rows)
    # no time anywhere; a day stands with decisions of the room alone, and with what it promised
    days = {name for name, text in files.items() if re.search(r"\d{4}-\d\d-\d\d", text)}
    assert days <= {"workshop-asset_decisions.csv", "workshop-commitments.csv"}
    assert not any(re.search(r"\d\d:\d\d", text) for text in files.values())


def test_a_day_after_the_as_of_date_is_left_out_for_no_audit_of_that_day_would_read_it(
    bare: Path, company: Path
) -> None:
    asked = pages(read_engagement(delivered(bare, company, "content_inventory.csv")), opened(bare)[1])
    given, _ = session(asked, ["sorting"])
    for day, kept in (("2026-04-30", {"2026-04-30"}), ("2026-05-01", {""})):
        later = {"responses": [], "entries": [{**entry, "day": day} for entry in given["entries"]]}
        rows = table_rows(later, asked, read_engagement(bare), b"k")["asset_decisions"]
        assert {row["decided_on"] for row in rows} == kept and len(rows) == 40
    take_in(bare, later, asked)
    assert [(each.rejected, each.used) for each in opened(bare)[1].row_counts
            if each.file == "workshop-asset_decisions.csv"] == [(0, 40)]  # fmt: skip


def test_hostile_labels_and_words_are_no_formula_and_are_read_back_as_they_were(bare: Path) -> None:
    names = "".join(f"  {json_quoted(label)}: mql\n" for label in HOSTILE)
    (bare / SETTINGS_FILE).write_text(MINIMAL.replace("stages: {Lead: inquiry, MQL: mql}\n", f"stages:\n{names}"))
    asked = pages(read_engagement(bare))
    board = {f"metric_{at}_metric": word for at, word in enumerate(HOSTILE[:8], 1)}
    readings = dict.fromkeys(asked["stages"].questions, "won") | {f"label:{HOSTILE[0]}": "none"}
    points = {
        f"points_{segment}": value for segment, value in (("Retail", "100"), ("Health care", "0"), ("Energy", "0"))
    }
    given = {
        "responses": as_kept({("p1", "sales", ""): points}),
        "entries": [*entries(asked["metrics"], {"sales": board}), *entries(asked["stages"], {"sales": readings}),
                    *entries(asked["commitments"], {"room": {"commitment_1_what": "=cmd()\n\tx"}})],
    }  # fmt: skip
    files = as_files(table_rows(given, asked, read_engagement(bare), b"k"))
    cells = [cell for text in files.values() for row in csv.reader(io.StringIO(text[1:], newline="")) for cell in row]
    assert not [cell for cell in cells if cell[:1] and cell[0] in "=+-@\t\r\n\uff1d\uff0b\uff0d\uff20"]
    take_in(bare, given, asked)
    _, tables = opened(bare)
    said = {row["label"]: row["stage"] for row in tables.rows("select label, stage from stage_readings")}
    assert said == dict.fromkeys(HOSTILE, "won") | {HOSTILE[0]: None}
    assert {row["metric"] for row in tables.rows("select metric from scorecards")} == set(HOSTILE[:8])
    assert {row["item"] for row in tables.rows("select item from responses")} == set(points)


def json_quoted(text: str) -> str:
    return '"' + text.replace('"', '\\"') + '"'


def test_a_figure_named_twice_on_one_card_stays_two_figures(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    board = {"metric_1_metric": "Win rate", "metric_1_lag_days": "30", "metric_3_metric": "Win  rate",
             "metric_3_lag_days": "90", "metric_4_lag_days": "5"}  # fmt: skip
    given = {"responses": [], "entries": entries(asked["metrics"], {"sales": board})}
    take_in(bare, given, asked)
    rows = opened(bare)[1].rows("select metric, lag_days from scorecards order by metric")
    assert rows == [{"metric": "Win rate", "lag_days": 30}, {"metric": "Win rate (2)", "lag_days": 90}]


def test_the_workbook_holds_the_same_cells_as_text(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    given, _ = session(asked, asked)
    made = table_rows(given, asked, read_engagement(bare), b"k")
    files, book = as_files(made), as_workbook(made, date.today())
    read = CalamineWorkbook.from_filelike(io.BytesIO(book))
    assert read.sheet_names == [name.removeprefix("workshop-").removesuffix(".csv") for name in files]
    for name, text in files.items():
        plain = [[cell.lstrip("\u2060") for cell in row] for row in csv.reader(io.StringIO(text[1:], newline=""))]
        assert read.get_sheet_by_name(name.removeprefix("workshop-").removesuffix(".csv")).to_python() == plain
    inside = ZipFile(io.BytesIO(book))
    assert not any(b"<f>" in inside.read(name) for name in inside.namelist() if "sheet" in name)


def test_an_empty_room_leaves_no_file_and_changes_nothing(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    empty: dict[str, list[dict[str, Any]]] = {"responses": [], "entries": []}
    made = table_rows(empty, asked, read_engagement(bare), b"k")
    assert as_files(made) == {} and as_workbook(made, date.today())
    assert take_in(bare, empty, asked) == []
    assert (bare / SETTINGS_FILE).read_text() == MINIMAL and not list((bare / "data").iterdir())


# --- promises ---------------------------------------------------------------------------------------------------------


def test_promises_both_sides_made_alike_are_proposed_and_never_put_into_force(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    boards = {
        "sales": {"first_touch_hours": "24", "clock": "business", "attempts": "6", "stated": "65"},
        "marketing": {"first_touch_hours": "24.0", "clock": "calendar", "attempts": "6", "decision_days": "5"},
    }
    given = {"responses": [], "entries": entries(asked["promises"], boards)}
    told = take_in(bare, given, asked)
    text = (bare / "drafts" / "workshop-promises.md").read_text()
    assert "promises:\n  attempts: 6\n  first_touch_hours: 24\ngrading:\n  stated: {sales: 65}\n" in text
    assert "- clock: Sales says business, Marketing says calendar.\n- decision_days: Marketing says 5.\n" in text
    assert (bare / SETTINGS_FILE).read_text() == MINIMAL and "nothing of it is in force" in told[-1]
    # what the room wrote into it is not overwritten
    (bare / "drafts" / "workshop-promises.md").write_text(text + "Agreed by both heads.\n")
    assert "may have been written in" in take_in(bare, given, asked)[-1]
    assert (bare / "drafts" / "workshop-promises.md").read_text().endswith("Agreed by both heads.\n")


def test_what_is_proposed_can_be_pasted_as_it_is(bare: Path) -> None:
    both = {"sales": "8.5", "marketing": "8,5"}
    text = proposal({"first_touch_hours": both, "stated": {"marketing": "45", "sales": "65,5"}})
    pasted = re.search(r"```yaml\n(.*)```", text, re.DOTALL)
    assert pasted
    (bare / SETTINGS_FILE).write_text(MINIMAL + pasted[1])
    settings = read_engagement(bare)
    assert settings.promises.first_touch_hours == 8.5
    assert settings.grading.stated == {"sales": 65.5, "marketing": 45}
    assert "yaml" not in proposal({"clock": {"sales": "business"}})


def test_what_cannot_be_read_or_written_stops_before_anything_changes(bare: Path) -> None:
    asked = pages(read_engagement(bare))
    given, _ = session(asked, ["survey"])
    odd = MINIMAL.replace("inputs: []", "inputs:\n  - {table: responses, shape: survey, file: gone.csv}")
    (bare / SETTINGS_FILE).write_text(odd)
    with pytest.raises(AlignError, match=r"gone\.csv"):
        take_in(bare, given, asked)
    assert (bare / SETTINGS_FILE).read_text() == odd and not list((bare / "data").iterdir())
