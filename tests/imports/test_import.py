"""The import as a person meets it: what is asked, what is written, what is left as it was, what can be judged."""

import shutil
from collections.abc import Iterator
from pathlib import Path

import openpyxl
import pytest

from alignlib.editions import find_brand
from alignlib.engagement import Reading, parse_settings, read_engagement
from alignlib.errors import AlignError
from alignlib.imports.bring import FIRST_LINES, bring
from alignlib.imports.console import import_files
from alignlib.imports.drafting import Draft
from alignlib.imports.questions import Answers, Question, keep, read_answers, sheet_of
from alignlib.imports.span import NAMELESS
from alignlib.imports.triage import engagements, told, triage
from alignlib.imports.vendors import Export, match, read_exports, recognise
from alignlib.imports.written import written
from alignlib.intake.read import Raw, read_table
from alignlib.resources import read_resource, resource

LEADS = """Id,CreatedDate,Status,LeadSource,OwnerId,Email,IsConverted,ConvertedDate,ConvertedOpportunityId
00Q1a,2025-01-10T09:00:00.000Z,Working,Web,005A,a@example.com,false,,
00Q1A,2025-01-11T09:00:00.000Z,Qualified,Web,005A,b@example.com,true,2025-02-01,0061
00Q2b,2025-01-12T09:00:00.000Z,Working,Fair,005B,c@example.com,false,,
"""
DEALS = """Id,Name,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon
0061,Deal 1,Signed,1000.00,2025-03-01,2025-02-01T10:00:00.000Z,true,true
0062,Deal 2,Scoping,500.00,2026-06-01,2025-02-05T10:00:00.000Z,false,false
"""
ANSWERS = """
stages: {Working: sal, Qualified: sql}
engagement: {as_of: 2025-12-31}
"""


@pytest.fixture
def engagement(tmp_path: Path) -> Path:
    folder = tmp_path / "acme"
    shutil.copytree(resource("templates", "engagement"), folder)
    settings = folder / "engagement.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace(NAMELESS, "Acme"), encoding="utf-8")
    return folder


def exported(tmp_path: Path, **files: str) -> list[Path]:
    folder = tmp_path / "exports"
    folder.mkdir(exist_ok=True)
    paths = []
    for name, text in files.items():
        paths.append(folder / f"{name}.csv")
        paths[-1].write_text(text, encoding="utf-8")
    return paths


def answers_in(tmp_path: Path, text: str) -> Path:
    path = tmp_path / "answers.yml"
    path.write_text(text, encoding="utf-8")
    return path


def refused(lines: Iterator[str]) -> tuple[list[str], AlignError]:
    said: list[str] = []
    with pytest.raises(AlignError) as error:
        for line in lines:
            said.append(line)
    return said, error.value


def test_without_a_terminal_the_questions_are_a_file_to_fill_in_and_nothing_is_written(
    engagement: Path, tmp_path: Path
) -> None:
    before = (engagement / "engagement.yml").read_bytes()
    files = exported(tmp_path, leads=LEADS, deals=DEALS)
    said, error = refused(import_files(engagement, files, None, None))
    assert [problem.code for problem in error.problems] == ["E-ASK"]
    assert (engagement / "engagement.yml").read_bytes() == before
    sheet = (
        "\n".join(said[said.index("") + 1 :])
        .replace("\n  Working:", "\n  Working: sal")
        .replace("Qualified:", "Qualified: sql")
    )
    answers = read_answers(answers_in(tmp_path, sheet + "\nengagement: {as_of: 2025-12-31}\n"))
    assert answers["stages"] == {"Working": "sal", "Qualified": "sql"}


def test_with_answers_the_mapping_is_written_with_comments_and_the_rows_are_shown(
    engagement: Path, tmp_path: Path
) -> None:
    before = (engagement / "engagement.yml").read_text(encoding="utf-8")
    files = exported(tmp_path, leads=LEADS, deals=DEALS)
    said = list(import_files(engagement, files, answers_in(tmp_path, ANSWERS), None))
    after = (engagement / "engagement.yml").read_text(encoding="utf-8")
    settings = read_engagement(engagement)
    assert [(each.table, each.file) for each in settings.inputs] == [
        ("leads", "leads.csv"), ("stage_events", "leads.csv"),
        ("opportunities", "deals.csv"), ("stage_events", "deals.csv"),
    ]  # fmt: skip
    assert settings.stages == {"Working": "sal", "Qualified": "sql"}
    assert settings.inputs[2].values["outcome"] == {"Signed": "won", "Scoping": "open"}
    assert "lead_id: Id  # kept with its case" in after
    standing = {line for line in before.splitlines() if line.startswith("#")}
    assert standing <= set(after.splitlines()), "every comment of the template stays"
    assert "leads.csv (leads): 3 rows read = 3 used + 0 rejected + 0 excluded" in said
    assert "Can be judged now:" in said
    assert any(
        line.startswith("  Sales does not follow up our leads: ") for line in said[said.index("Still missing:") :]
    )
    assert (engagement / "data" / "leads.csv").read_text(encoding="utf-8") == LEADS
    assert not any("example.com" in line or "005A" in line for line in said)


def test_in_a_terminal_questions_are_asked_one_by_one_and_a_wrong_answer_is_asked_again(
    engagement: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    asked: list[str] = []

    def ask(text: str, default: str = "") -> str:
        asked.append(text)
        if text.startswith("Working"):
            return "SAL" if sum(each.startswith("Working") for each in asked) > 1 else "sale"
        return default or {"Qualified": "sql", "as_of": "2025-12-31"}[text.split(":")[0]]

    list(import_files(engagement, exported(tmp_path, leads=LEADS), None, ask))
    assert [text.split(":")[0] for text in asked] == ["Working", "Working", "Qualified", "as_of"]
    assert "'sale' is no answer to this" in capsys.readouterr().out
    assert read_engagement(engagement).stages == {"Working": "sal", "Qualified": "sql"}


def test_a_second_import_leaves_what_is_mapped_and_uses_it_for_look_ups(engagement: Path, tmp_path: Path) -> None:
    list(import_files(engagement, exported(tmp_path, leads=LEADS), answers_in(tmp_path, ANSWERS), None))
    again = exported(tmp_path, leads=LEADS, deals=DEALS)
    said = list(import_files(engagement, again, answers_in(tmp_path, ANSWERS), None))
    assert any(line.startswith("Not read: leads.csv is mapped already. A newer export of it replaces") for line in said)
    (deals,) = [each for each in read_engagement(engagement).inputs if each.table == "opportunities"]
    assert (deals.lookups[0].file, deals.lookups[0].columns["lead_id"]) == ("leads.csv", "Id")


def test_another_file_of_a_name_that_is_there_is_refused_and_both_stay(engagement: Path, tmp_path: Path) -> None:
    (engagement / "data" / "leads.csv").write_text("Id\n1\n", encoding="utf-8")
    _, error = refused(import_files(engagement, exported(tmp_path, leads=LEADS), None, None))
    assert [(p.code, p.where) for p in error.problems] == [("E-USE", "leads.csv")]
    assert (engagement / "data" / "leads.csv").read_text(encoding="utf-8") == "Id\n1\n"


def test_every_file_that_is_missing_is_named(engagement: Path, tmp_path: Path) -> None:
    _, error = refused(import_files(engagement, [tmp_path / "a.csv", tmp_path / "b.csv"], None, None))
    assert [p.code for p in error.problems] == ["E-OPEN", "E-OPEN"]


def test_a_header_below_some_lines_is_found(engagement: Path, tmp_path: Path) -> None:
    report = "Lead report\nFiltered by: all leads\n\n" + LEADS
    list(import_files(engagement, exported(tmp_path, report=report), answers_in(tmp_path, ANSWERS), None))
    assert {each.skip_rows for each in read_engagement(engagement).inputs} == {2}


def test_what_is_no_export_is_asked_about_and_may_be_left_aside(engagement: Path, tmp_path: Path) -> None:
    files = exported(tmp_path, menu="Dish,Price\nSoup,4\n")
    said, _ = refused(import_files(engagement, files, None, None))
    assert any("What is it?" in line and "Dish, Price" in line for line in said)
    none = answers_in(tmp_path, "files: {menu.csv: {kind: none}}")
    assert "Not read: menu.csv is left aside, as answered." in list(import_files(engagement, files, none, None))


def test_a_table_named_by_a_person_is_filled_from_the_columns_they_name(engagement: Path, tmp_path: Path) -> None:
    files = exported(tmp_path, targets="Branche,Ziel,Ausgaben\nHandel,1000,20\n")
    text = "files: {targets.csv: {kind: plan, segment: Branche, planned_revenue: Ziel, effort: Ausgaben}}"
    list(import_files(engagement, files, answers_in(tmp_path, text), None))
    (plan,) = read_engagement(engagement).inputs
    assert plan.columns == {"segment": "Branche", "planned_revenue": "Ziel", "effort": "Ausgaben"}


def test_an_ambiguous_date_order_is_asked_and_the_answer_holds_for_the_file(engagement: Path, tmp_path: Path) -> None:
    text = (
        LEADS.replace("2025-01-1", "01/0")
        .replace("T09:00:00.000Z", "/2025")
        .replace("01/00", "01/02")
        .replace("2025-02-01", "02/03/2025")
    )
    found = bring(
        engagement,
        _lay(engagement, leads=text),
        {"files": {}, "stages": {"Working": "sal", "Qualified": "sql"}, "engagement": {}},
    )
    assert [question.place for question in found.questions] == [("files", "leads.csv", "date_order")]
    answers = {"files": {"leads.csv": {"date_order": "dmy"}}, "stages": {"Working": "sal", "Qualified": "sql"},
               "engagement": {"as_of": "2025-12-31"}}  # fmt: skip
    found = bring(engagement, ["leads.csv"], answers)
    assert not found.questions
    assert {each.entry["date_order"] for each in found.drafts} == {"dmy"}


def _lay(engagement: Path, **files: str) -> list[str]:
    for name, text in files.items():
        (engagement / "data" / f"{name}.csv").write_text(text, encoding="utf-8")
    return [f"{name}.csv" for name in files]


HOSTILE = [
    'Sta"ge: {x}',
    "# no comment",
    "- list",
    "a: b",
    "'",
    "{{7*7}}",
    "yes",
    "null",
    "!!python/object",
    "new\nline",
    "*",
]


@pytest.mark.parametrize("name", HOSTILE)
def test_a_clients_words_stand_in_the_settings_as_text_and_as_nothing_else(name: str) -> None:
    text = read_resource("templates", "engagement", "engagement.yml")
    entry = {"table": "leads", "file": "leads.csv", "columns": {"lead_id": name, "created_at": "Created"},
             "exclude": {name: [name]}}  # fmt: skip
    result = written(text, [Draft(entry, "leads")], {name: "mql"}, {})
    settings = parse_settings(result)
    assert (settings.inputs[0].columns["lead_id"], settings.stages) == (name, {name: "mql"})
    assert settings.inputs[0].exclude == {name: [name]}


STANDING = """version: 1
client: Acme   # as they call themselves
period: {start: 2024-01-01, end: 2025-12-31}
as_of: 2026-01-31
currency: EUR
timezone: UTC
stages:
    Open: inquiry  # agreed in May
inputs:
- {table: plan, file: plan.csv}
# the end
"""


def test_what_stands_in_the_settings_stays_and_new_lines_take_its_indentation() -> None:
    entry = {"table": "leads", "file": "l.csv", "columns": {"lead_id": "Id", "created_at": "Created"}}
    result = written(STANDING, [Draft(entry)], {"New": "mql", "Open": "won"}, {"as_of": "2026-02-01"})
    settings = parse_settings(result)
    assert [each.table for each in settings.inputs] == ["leads", "plan"]
    assert settings.stages == {"New": "mql", "Open": "inquiry"}, "what was agreed is not overwritten"
    assert str(settings.as_of) == "2026-02-01"
    for line in ("client: Acme   # as they call themselves", "    Open: inquiry  # agreed in May", "# the end"):
        assert line in result


def test_a_layout_that_leaves_no_place_is_refused_with_what_to_add_by_hand() -> None:
    flow = (
        "{version: 1, client: Acme, period: {start: 2024-01-01, end: 2025-12-31}, as_of: 2026-01-31, currency: EUR,\n"
    )
    flow += " timezone: UTC, inputs: [], stages: {}}\n"
    entry = {"table": "leads", "file": "l.csv", "columns": {"lead_id": "Id", "created_at": "Created"}}
    with pytest.raises(AlignError) as error:
        written(flow, [Draft(entry)], {"New": "mql"}, {"as_of": "2026-02-01"})
    assert error.value.problems[0].code == "E-USE"
    for line in ("\n  - table: leads\n", "\n  New: mql\n", "\nas_of: 2026-02-01\n"):
        assert line in error.value.problems[0].fix


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_every_ordinary_layout_is_written_on_and_keeps_its_comments_and_line_ends(end: str) -> None:
    flow = STANDING.replace("inputs:\n- {table: plan, file: plan.csv}", "inputs: [{table: plan, file: plan.csv}]  # i")
    flow = flow.replace("stages:\n    Open: inquiry  # agreed in May", "stages: {Open: inquiry}  # s")
    flow = flow.replace(
        "{start: 2024-01-01, end: 2025-12-31}", " # p\n# q\n  start: 2024-01-01  # r\n  end: 2025-12-31"
    )
    entry = {"table": "leads", "file": "l.csv", "columns": {"lead_id": "Id", "created_at": "Created"}}
    changes = {"period": {"start": "2023-01-01", "end": "2024-06-30"}, "client": "Other: Ltd"}
    result = written(flow.replace("\n", end), [Draft(entry), Draft(entry)], {"New": "mql"}, changes)
    settings = parse_settings(result)
    assert [each.table for each in settings.inputs] == ["leads", "leads", "plan"]
    assert (settings.stages, settings.client) == ({"New": "mql", "Open": "inquiry"}, "Other: Ltd")
    assert (str(settings.period.start), str(settings.period.end)) == ("2023-01-01", "2024-06-30")
    for comment in ("   # as they call themselves", "# p", "# q", "  # r", "  # s", "  # i", "# the end"):
        assert comment + end in result
    assert result.count("\n") == result.count(end)


def test_an_empty_key_takes_the_new_lines_in_whatever_way_it_is_empty() -> None:
    entry = {"table": "plan", "file": "l.csv", "columns": {"segment": "Id"}}
    for nothing in ("[]", "[ ]  # c", "[\n  ]", "\n  []"):
        text = STANDING.replace("\n- {table: plan, file: plan.csv}", f" {nothing}")
        assert len(parse_settings(written(text, [Draft(entry)], {}, {})).inputs) == 1, nothing


def test_a_period_that_does_not_go_with_the_rest_is_told_as_such() -> None:
    with pytest.raises(AlignError) as error:
        written(STANDING, [], {}, {"as_of": "2020-01-01"})
    assert (error.value.problems[0].code, "before the period starts" in str(error.value)) == ("E-CONFIG", True)


def test_an_agencys_mapping_comes_before_the_kits_and_a_wrong_one_is_told_by_line(
    engagement: Path, tmp_path: Path
) -> None:
    own = tmp_path / "mappings"
    own.mkdir()
    (own / "house-crm.yml").write_text(
        "name: House CRM leads\nrow: one lead\nheaders: {id: [Nr], at: [Angelegt]}\nneeds: [id, at]\n"
        "inputs: [{table: leads, columns: {lead_id: id, created_at: at}}]\n", encoding="utf-8",
    )  # fmt: skip
    found = bring(
        engagement, _lay(engagement, x="Nr,Angelegt\n1,2025-05-05\n"), {"files": {}, "stages": {}, "engagement": {}}
    )
    assert found.recognised == ["x.csv: House CRM leads, each row one lead; 1 row"]
    (own / "house-crm.yml").write_text(
        "name: House\nrow: one\nheaders: {id: [Nr]}\nneeds: [nr]\ncolour: red\n", encoding="utf-8"
    )
    with pytest.raises(AlignError) as error:
        read_exports([own])
    assert [(p.code, p.where) for p in error.value.problems] == [("E-CONFIG", "mappings/house-crm.yml")]


def test_of_two_exports_that_fit_alike_a_person_is_asked() -> None:
    one = Export("One", "one row", {"id": ["Id"], "at": ["At"]}, ("id", "at"), unread="nothing", key="one")
    two = Export("Two", "one row", {"id": ["Id"], "on": ["At"]}, ("id", "on"), unread="nothing", key="two")
    more = Export(
        "More", "one row", {"id": ["Id"], "at": ["At"], "by": ["By"]}, ("id", "at", "by"), unread="-", key="more"
    )
    every = {each.key: each for each in (one, two, more)}
    assert [each.export.key for each in recognise(every, ["Id", "At"])] == ["one", "two"]
    assert [each.export.key for each in recognise(every, ["Id", "At", "By"])] == ["more"]
    assert recognise(every, ["Id"]) == []
    assert match(one, ["ID", "at"]) is not None


def test_an_answer_that_is_none_of_the_allowed_is_refused() -> None:
    question = Question(("stages", "Open"), "What does it mean?", ("mql", "won"))
    answers: Answers = {"files": {}, "stages": {}, "engagement": {}}
    with pytest.raises(AlignError):
        keep(answers, question, "win")
    keep(answers, question, " MQL ")
    assert answers["stages"] == {"Open": "mql"}


@pytest.mark.parametrize("text", ["- a list", "colours: {}", "files: x", "files: {a: b: c}"])
def test_a_file_of_answers_of_another_form_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    with pytest.raises(AlignError) as error:
        read_answers(answers_in(tmp_path, text))
    assert error.value.problems[0].code == "E-CONFIG"
    assert error.value.problems[0].where.startswith("answers.yml")


def test_the_sheet_of_questions_reads_as_answers_once_filled_in(tmp_path: Path) -> None:
    odd = [
        Question(("files", "a: b.csv", "kind"), "What is it?\nA list?", ("leads", "none"), "leads"),
        Question(("stages", "# odd"), "What does it mean?"),
        Question(("engagement", "as_of"), "When?", likely="2025-01-01"),
    ]
    answers = read_answers(answers_in(tmp_path, sheet_of(odd)))
    assert answers["files"] == {"a: b.csv": {"kind": "leads"}}
    assert answers["stages"] == {"# odd": None}
    assert answers["engagement"] == {"as_of": "2025-01-01"}


def test_a_portfolio_is_triaged_before_anything_runs(engagement: Path, tmp_path: Path) -> None:
    folder = tmp_path / "clients"
    head = STANDING.split("stages:")[0]
    inputs = {
        "ready": ("segment,effort\nRetail,5\n", "{table: plan, file: f.csv}"),
        "maps": ("x,effort\nRetail,5\n", "{table: plan, file: f.csv}"),
        "dates": ("id,at\n1,02/03/2024\n", "{table: leads, file: f.csv, columns: {lead_id: id, created_at: at}}"),
        "empty": ("", "{table: plan, file: f.csv}"),
        "dates2": ("id,at\n1,02/03/2024\n", "{table: leads, file: f.csv, columns: {lead_id: id, created_at: at}}"),
    }  # fmt: skip
    for name, (text, entry) in inputs.items():
        (folder / name / "data").mkdir(parents=True)
        (folder / name / "data" / "f.csv").write_text(text, encoding="utf-8")
        (folder / name / "engagement.yml").write_text(f"{head}inputs:\n- {entry}\n", encoding="utf-8")
    (folder / "notes").mkdir()
    found = engagements(folder)
    assert [path.name for path in found] == ["dates", "dates2", "empty", "maps", "ready"]
    lines = list(told(triage(found)))
    assert lines[0] == "5 engagements: 1 ready, 2 need a date order, 1 needs a new export, 1 needs a mapping."
    assert any(line.startswith("dates2: needs a date order") for line in lines)
    assert engagements(engagement) == [], "an engagement is no portfolio"


def test_an_engagement_whose_brand_sets_nothing_takes_the_one_above(engagement: Path, tmp_path: Path) -> None:
    assert find_brand(engagement) is None
    (tmp_path / "brand.yml").write_text("name: Agency\n", encoding="utf-8")
    assert find_brand(engagement) == (tmp_path / "brand.yml").resolve()
    (engagement / "brand.yml").write_text("name: Own\n", encoding="utf-8")
    assert find_brand(engagement) == (engagement / "brand.yml").resolve()


TWO_TABLES = "Case,Opened,State\nC1,2025-01-01,won\nC2,2025-01-02,won\n" + LEADS
AGREED = {"as_of": "2025-12-31", "period": "2025-01-01 to 2025-12-31"}
STAGES = {"Working": "sal", "Qualified": "sql"}


def said_of(**files: dict[str, str]) -> Answers:
    return {"files": {f"{name}.csv": said for name, said in files.items()}, "stages": STAGES, "engagement": AGREED}


def test_of_two_tables_in_one_file_none_is_skipped_unasked(engagement: Path) -> None:
    names = _lay(engagement, both=TWO_TABLES)
    found = bring(engagement, names, said_of())
    assert [(question.place, question.allowed) for question in found.questions] == [
        (("files", "both.csv", "skip_rows"), ("0", "3"))
    ]
    assert not found.drafts
    found = bring(engagement, names, said_of(both={"skip_rows": "3"}))
    assert not found.questions
    assert {each.entry["table"] for each in found.drafts} == {"leads", "stage_events"}
    assert any("3 lines above the header not read: 'Case,Opened,State'" in note for note in found.notes)


def test_lines_above_a_header_are_told(engagement: Path) -> None:
    found = bring(engagement, _lay(engagement, report="Report of ann@example.com\n\n" + LEADS), said_of())
    (note,) = [note for note in found.notes if "above the header" in note]
    assert note.startswith("report.csv: 1 line above the header not read: 'Report of ")
    assert "ann@" not in note


def test_of_a_workbook_with_two_sheets_the_reader_is_told_that_one_is_read(engagement: Path) -> None:
    book = openpyxl.Workbook()
    for sheet in (book.worksheets[0], book.create_sheet("2025")):
        for line in LEADS.splitlines():
            sheet.append(line.split(","))
    book.save(engagement / "data" / "two.xlsx")
    (question,) = bring(engagement, ["two.xlsx"], said_of()).questions
    assert (question.place, question.allowed) == (("files", "two.xlsx", "sheet"), ("Sheet", "2025"))
    assert "One is read" in question.text
    found = bring(engagement, ["two.xlsx"], said_of() | {"files": {"two.xlsx": {"sheet": "2025"}}})
    assert any("only the sheet 2025 is read" in note for note in found.notes)


def test_a_header_below_the_lines_of_a_report_is_found_in_a_sheet_as_well(engagement: Path) -> None:
    book = openpyxl.Workbook()
    for line in ("Lead report", "", *LEADS.splitlines()):
        book.worksheets[0].append(line.split(","))
    book.save(engagement / "data" / "one.xlsx")
    found = bring(engagement, ["one.xlsx"], said_of())
    assert {each.entry["skip_rows"] for each in found.drafts} == {2}
    assert "one.xlsx: 2 lines above the header not read: 'Lead report'." in found.notes


def test_a_file_that_holds_the_same_as_another_is_left_aside(engagement: Path, tmp_path: Path) -> None:
    found = bring(engagement, _lay(engagement, one=LEADS, two=LEADS), said_of())
    assert {each.entry["file"] for each in found.drafts} == {"one.csv"}
    assert found.aside[0] == "two.csv is left aside: it holds the same as one.csv, and its rows would count twice."
    list(import_files(engagement, [engagement / "data" / "one.csv"], answers_in(tmp_path, ANSWERS), None))
    assert not bring(engagement, ["two.csv"], said_of()).drafts, "nor when the other was imported earlier"


def test_an_earlier_file_that_would_gain_by_the_new_ones_is_named(engagement: Path, tmp_path: Path) -> None:
    deals, leads = exported(tmp_path, deals=DEALS, leads=LEADS)
    list(import_files(engagement, [deals], answers_in(tmp_path, ANSWERS), None))
    said = list(import_files(engagement, [leads], answers_in(tmp_path, ANSWERS), None))
    assert [line for line in said if "deals.csv came before leads.csv" in line and "delete its inputs" in line]
    own = [entry.table for entry in read_engagement(engagement).inputs if entry.file == "deals.csv"]
    assert own == ["opportunities"], "told, for nothing written earlier is changed"


def test_a_file_of_one_other_currency_asks_for_it_and_is_read_in_it(engagement: Path, tmp_path: Path) -> None:
    files = exported(tmp_path, deals=DEALS.replace("1000.00", "$1000.00").replace("500.00", "$500.50"))
    said, error = refused(import_files(engagement, files, answers_in(tmp_path, ANSWERS), None))
    assert error.problems[0].code == "E-ASK"
    assert "  currency:" in said
    answers = "engagement: {as_of: 2025-12-31, currency: USD}"
    said = list(import_files(engagement, files, answers_in(tmp_path, answers), None))
    assert read_engagement(engagement).currency == "USD"
    first, second = (line.split() for line in said if line.startswith("  006"))
    assert "1,000" in first, "money is shown in whole units"
    assert "500.50" in second
    assert "1 question" not in "".join(said)


def test_an_amount_that_is_missing_is_shown_as_nothing(engagement: Path, tmp_path: Path) -> None:
    files = exported(tmp_path, deals=DEALS.replace("1000.00", ""))
    said = list(import_files(engagement, files, answers_in(tmp_path, ANSWERS), None))
    first = next(line.split() for line in said if line.startswith("  0061"))
    assert "won" in first and not {"0", "nan", "<NA>", "None"} & {*first}
    assert read_engagement(engagement).inputs


def test_a_currency_that_the_answer_does_not_mend_is_a_fault_and_not_asked_for_ever(engagement: Path) -> None:
    deals = DEALS.replace("1000.00", "$1000.00").replace("500.00", "CHF 500.00")
    answers = said_of() | {"engagement": AGREED | {"currency": "USD"}}
    found = bring(engagement, _lay(engagement, deals=deals), answers)
    assert not found.questions
    assert [problem.code for problem in found.problems] == ["E-NUM"]


def test_the_decimal_sign_is_asked_and_other_cures_are_told_as_answers(engagement: Path) -> None:
    deals = DEALS.replace("1000.00", '"1,000"').replace("500.00", '"2,500"')
    names = _lay(engagement, deals=deals)
    (question,) = bring(engagement, names, said_of()).questions
    assert (question.place, question.allowed) == (("files", "deals.csv", "decimal"), (".", ","))
    assert not bring(engagement, names, said_of(deals={"decimal": ","})).problems
    (engagement / "data" / "deals.csv").write_text(
        deals + deals.splitlines()[1].replace("2025-03-01", "2025-03-02") + "\n"
    )
    (problem,) = bring(engagement, names, said_of(deals={"decimal": ","})).problems
    assert problem.fix.endswith("as an answer it stands under files, below the name of the file")
    assert not bring(engagement, names, said_of(deals={"decimal": ",", "keep_latest": "CloseDate"})).problems


def test_while_the_settings_are_the_templates_the_client_is_asked_for(tmp_path: Path) -> None:
    folder = tmp_path / "new"
    shutil.copytree(resource("templates", "engagement"), folder)
    found = bring(folder, _lay(folder, leads=LEADS), said_of())
    asked = {question.place[1]: question.likely for question in found.questions}
    assert asked == {"client": "", "currency": "EUR", "timezone": "Europe/Berlin"}
    answers = said_of() | {"engagement": AGREED | {"client": "Acme", "currency": "EUR", "timezone": "UTC"}}
    assert not bring(folder, ["leads.csv"], answers).questions


def test_of_files_that_cannot_all_be_taken_none_is_copied_and_one_named_twice_counts_once(
    engagement: Path, tmp_path: Path
) -> None:
    (leads,) = exported(tmp_path, leads=LEADS)
    refused(import_files(engagement, [leads, tmp_path / "nosuch.csv"], None, None))
    assert not (engagement / "data" / "leads.csv").exists()
    list(import_files(engagement, [leads, leads], answers_in(tmp_path, ANSWERS), None))
    assert [entry.table for entry in read_engagement(engagement).inputs] == ["leads", "stage_events"]
    for name in ("a", "b"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "deals.csv").write_text(DEALS + name, encoding="utf-8")
    _, error = refused(import_files(engagement, [tmp_path / name / "deals.csv" for name in ("a", "b")], None, None))
    assert [(problem.code, problem.where) for problem in error.problems] == [("E-USE", "deals.csv")]
    assert not (engagement / "data" / "deals.csv").exists()


def test_rows_of_a_look_up_are_not_told_as_lost(engagement: Path, tmp_path: Path) -> None:
    files = exported(tmp_path, leads=LEADS, deals=DEALS)
    said = list(import_files(engagement, files, answers_in(tmp_path, ANSWERS), None))
    assert "leads.csv (looked up for opportunities): 3 rows read = 1 used + 0 rejected + 2 excluded" in said


def test_to_see_what_a_file_is_only_its_first_lines_are_read(engagement: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    rows: list[int] = []

    def counted(folder: Path, reading: Reading) -> Raw:
        raw = read_table(folder, reading)
        rows.append(raw.read)
        return raw

    monkeypatch.setattr("alignlib.imports.bring.read_table", counted)
    names = _lay(engagement, menu="Dish,Price\n" + "Soup,4\n" * 5000)
    assert [question.place[-1] for question in bring(engagement, names, said_of()).questions] == ["kind"]
    assert sum(n > FIRST_LINES for n in rows) == 1, rows
