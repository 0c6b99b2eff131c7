"""What may be answered, how wrong answers are told, and what is asked of files that are no vendor's export."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib.engagement import read_engagement
from alignlib.errors import AlignError
from alignlib.imports.console import import_files
from alignlib.imports.questions import Question, answers_text, explained, keep, placed, read_answers, sheet_of
from alignlib.imports.vendors import read_exports
from alignlib.intake.tables import TABLES
from alignlib.resources import resource

Bring = Callable[..., Any]
LEADS = "lead_id,created_at,status\n1,2024-01-02,mql\n2,2024-01-03,mql\n"
GERMAN_LEADS = """Lead-ID;Erstellt am;Quelle;Status;Punkte
L1;02.02.2024;Messe;Qualifiziert;1
L2;13.03.2024;Web;Neu;2
"""
GERMAN_DEALS = """Angebots-Nr.;Lead-ID;Phase;Betrag;Abschlussdatum
D1;L1;Gewonnen;1200;01.06.2024
D2;L2;Zusage offen;1300;13.06.2024
"""


def wrong(bring_in: Bring, **answers: Any) -> dict[str, str]:
    """What is wrong with these answers, by place?"""
    with pytest.raises(AlignError) as error:
        bring_in({"leads.csv": LEADS}, answers)
    assert {problem.code for problem in error.value.problems} == {"E-CONFIG"}
    return {problem.where: problem.what for problem in error.value.problems}


def test_all_wrong_answers_are_told_at_once_with_file_and_key(bring_in: Bring) -> None:
    said = {"kind": "banana", "currency": "EUR", "encoding": "klingon", "skip_rows": "many", "date_order": ["x"],
            "timezone": "Berlin", "decimal": "comma", "created_at": ["a"], "source": "Web"}  # fmt: skip
    files = {"leads.csv": said, "leeds.csv": {"kind": "none"}, "old.csv": "leads"}
    agreed = {"period": "2024-12-31 to 2024-01-01", "as_of": "31.12.2019", "currency": "Euro", "colour": "red"}
    found = wrong(bring_in, files=files, stages={"New": "banana"}, engagement=agreed)
    assert [*found] == [
        *(f"files: leads.csv: {key}" for key in said if key != "source"), "files: leeds.csv", "files: old.csv",
        "stages: New", *(f"engagement: {key}" for key in agreed),
    ]  # fmt: skip
    assert "did you mean 'leads.csv'?" in found["files: leeds.csv"]
    assert "did you mean 'Europe/Berlin'?" in found["files: leads.csv: timezone"]
    assert "the period ends before it starts" in found["engagement: period"]


def test_a_file_answered_with_a_word_is_told_what_to_write(bring_in: Bring) -> None:
    assert wrong(bring_in, files={"leads.csv": "leads"}) == {"files: leads.csv": "'leads' stands alone"}


def test_a_period_that_is_no_span_of_days_is_told_as_such(bring_in: Bring) -> None:
    assert wrong(bring_in, engagement={"period": "2024"}) == {"engagement: period": "'2024' is no period"}


def test_case_does_not_matter_and_a_blank_is_no_answer(bring_in: Bring) -> None:
    leads = LEADS.replace("mql", "Hot")
    said = {"leads.csv": {"kind": "Leads", "date_order": "YMD", "sheet": None}}
    agreed = {"currency": "eur", "period": "2024-01-01 to 2024-12-31", "as_of": "2025-01-31"}
    answers = {"stages": {"Hot": " MQL "}, "files": said, "engagement": agreed}
    found = bring_in({"leads.csv": leads}, answers)
    assert not found.asked
    settings = read_engagement(found.folder)
    assert (settings.stages, settings.currency) == ({"Hot": "mql"}, "EUR")
    assert settings.inputs[0].date_order == "ymd"


def test_a_kind_answered_for_a_known_export_is_obeyed(bring_in: Bring) -> None:
    lead_file = "Id,CreatedDate,Status,IsConverted,ConvertedDate\n1,2024-01-10T09:00:00.000Z,Working,true,2024-02-01\n"
    stages = {"Working": "sal"}
    assert set(bring_in({"l.csv": lead_file}, {"stages": stages}).tables) == {"leads", "stage_events"}
    assert bring_in({"l.csv": lead_file}, {"files": {"l.csv": {"kind": "leads"}}, "stages": stages}).tables == ["leads"]
    assert bring_in({"l.csv": lead_file}, {"files": {"l.csv": {"kind": "survey"}}}).places == ["l.csv: items"]
    with_plan = bring_in({"l.csv": lead_file}, {"files": {"l.csv": {"kind": "plan"}}})
    assert with_plan.places and all(place.startswith("l.csv: ") for place in with_plan.places)
    assert not with_plan.tables


def test_answers_under_a_known_export_are_obeyed(bring_in: Bring) -> None:
    deals = (
        "Id,Name,StageName,Amount,CloseDate,CreatedDate,IsClosed,IsWon,Land,Money\n"
        "1,A,Done,1,2024-03-01,2024-02-01T10:00:00.000Z,true,true,AT,EUR\n"
        "2,B,Out,2,2024-03-01,2024-02-01T10:00:00.000Z,true,false,DE,EUR\n"
        "3,C,Out,3,2024-03-01,2024-02-01T10:00:00.000Z,true,false,DE,USD\n"
    )
    said = {"region": "land", "columns": {"segment": "Money"}, "only": {"Money": ["EUR"]},
            "values": {"outcome": {"Done": "lost"}, "region": {"AT": "Austria"}}}  # fmt: skip
    found = bring_in({"d.csv": deals}, {"files": {"d.csv": said}})
    rows = "select opportunity_id, outcome, region, segment from opportunities order by 1"
    assert found.rows(rows) == [("1", "lost", "Austria", "EUR"), ("2", "lost", "DE", "EUR")]
    with pytest.raises(AlignError, match="did you mean 'Land'"):
        bring_in({"d.csv": deals}, {"files": {"d.csv": {"region": "Lands"}}})


def test_no_key_of_an_export_is_a_table_or_another_kind() -> None:
    assert not read_exports().keys() & {*TABLES, "survey", "none"}


def test_labels_of_a_plain_list_are_asked_and_what_is_not_read_is_listed(bring_in: Bring) -> None:
    files = {"leads.csv": GERMAN_LEADS, "deals.csv": GERMAN_DEALS}
    said = {"leads.csv": {"kind": "leads", "lead_id": "Lead-ID", "created_at": "Erstellt am", "stage": "Status",
                          "source": "quelle", "date_order": "dmy"},
            "deals.csv": {"kind": "opportunities", "opportunity_id": "Angebots-Nr.", "outcome": "Phase",
                          "closed_at": "Abschlussdatum", "date_order": "dmy"}}  # fmt: skip
    asked = bring_in(files, {"files": said})
    assert asked.places == ["Neu", "Qualifiziert", "Zusage offen"]
    found = bring_in(
        files, {"files": said, "stages": {"Neu": "none", "Qualifiziert": "sql", "Zusage offen": "opportunity"}}
    )
    leads = "select lead_id, source, stage from leads order by 1"
    assert found.rows(leads) == [("L1", "Messe", "sql"), ("L2", "Web", None)]
    assert found.rows("select opportunity_id, outcome from opportunities order by 1") == [("D1", "won"), ("D2", "open")]
    assert any(note.startswith("leads.csv: 1 column not read: Punkte.") for note in found.found.notes)
    assert any(note.startswith("deals.csv: 1 column not read: Betrag.") for note in found.found.notes)


@pytest.mark.parametrize(
    "ours, said, near",
    [("created_at", "Erstelt am", "Erstellt am"), ("lead_id", "Nummer", ""), ("created_at", "Datum", "")],
)
def test_a_misspelt_header_becomes_no_constant(bring_in: Bring, ours: str, said: str, near: str) -> None:
    columns = {"kind": "leads", "lead_id": "Lead-ID", "created_at": "Erstellt am"} | {ours: said}
    with pytest.raises(AlignError) as error:
        bring_in({"leads.csv": GERMAN_LEADS}, {"files": {"leads.csv": columns}})
    (problem,) = error.value.problems
    assert (problem.code, problem.where) == ("E-CONFIG", f"files: leads.csv: {ours}")
    assert near in problem.what and "Erstellt am" in problem.allowed


def test_one_value_for_all_rows_is_still_an_answer() -> None:
    assert placed("created_at", "2024-01-01", ["Id"], "l.csv") == ("constants", "2024-01-01")
    assert placed("team", "sales", ["Id", "Answer"], "l.csv") == ("constants", "sales")


def test_a_column_that_the_table_does_not_have_is_refused(bring_in: Bring) -> None:
    said = {"kind": "leads", "lead_id": "Lead-ID", "created_at": "Erstellt am", "outcome": "Status"}
    with pytest.raises(AlignError, match="leads has no such column"):
        bring_in({"leads.csv": GERMAN_LEADS}, {"files": {"leads.csv": said}})


@pytest.mark.parametrize(
    "text",
    [
        "ID,Name,Status,Created At,Department\n1,Jane Roe,Active,2024-01-01,HR\n",
        "Timestamp,Temperature,Humidity\n2024-01-01,1,2\n",
        "userId,team\n1,sales\n2,marketing\n",
    ],
)
def test_lists_of_other_things_are_asked_about_and_no_kind_is_suggested(bring_in: Bring, text: str) -> None:
    found = bring_in({"x.csv": text})
    assert (found.places, found.tables, found.found.questions[0].likely) == (["x.csv: kind"], [], "")


@pytest.mark.parametrize(
    "header, row, table",
    [
        ("Asset ID,Title,Type,Published,Last Review", "1,Guide,PDF,2024-01-01,2024-02-01", "assets"),
        ("Content ID,Name,Content Type,Expiry Date", "1,Guide,PDF,2024-01-01", "assets"),
        ("asset_id,user_id,event,used_at", "1,u1,view,2024-01-01", "asset_usage"),
        ("Page path,Views,Active users", "/a,5,3", "page_views"),
    ],
)
def test_lists_of_content_and_its_use_are_known_by_their_headers(
    bring_in: Bring, header: str, row: str, table: str
) -> None:
    assert bring_in({"x.csv": f"{header}\n{row}\n"}).tables == [table]


@pytest.fixture
def engagement(tmp_path: Path) -> Path:
    return Path(shutil.copytree(resource("templates", "engagement"), tmp_path / "acme"))


def test_no_title_is_shown_as_it_may_be_a_persons_name(engagement: Path, tmp_path: Path) -> None:
    path = engagement / "data" / "x.csv"
    path.write_text("ID,Name,Status,Created At,Department\n1,Jane Roe,Active,2024-05-01,HR\n", encoding="utf-8")
    said = tmp_path / "a.yml"
    said.write_text(
        "files: {x.csv: {kind: assets}}\nengagement: {as_of: 2026-01-01, client: C, currency: EUR, timezone: UTC}\n",
        encoding="utf-8",
    )
    lines = [*import_files(engagement, [path], said, None)]
    assert any("x.csv as assets" in line for line in lines)
    assert not any("Jane" in line for line in lines)


def test_items_are_answered_in_a_terminal_as_pairs_and_their_codes_are_shown(bring_in: Bring) -> None:
    survey = "Who,Common goal\n1,Agree\n2,Disagree\n"
    (question,) = bring_in({"s.csv": survey}, {"files": {"s.csv": {"kind": "survey"}}}).found.questions
    assert "goal_1, goal_2" in question.text
    for text in ("goal_1: Common goal", "{goal_1: Common goal}"):
        answers: dict[str, Any] = {"files": {"s.csv": None}}
        keep(answers, question, text)
        assert answers == {"files": {"s.csv": {"items": {"goal_1": "Common goal"}}}}
    for text in ("Common goal", "goal_1: [x", "goal_1: [x]"):
        with pytest.raises(AlignError) as error:
            keep({}, question, text)
        assert error.value.problems[0].where == "files: s.csv: items"


def test_in_a_terminal_a_wrong_answer_is_told_at_once() -> None:
    for key, text in (("as_of", "31.12.2019"), ("timezone", "Berlin"), ("period", "2024"), ("currency", "Euro")):
        with pytest.raises(AlignError) as error:
            keep({}, Question(("engagement", key), "?"), text)
        assert error.value.problems[0].where == f"engagement: {key}"


@pytest.mark.parametrize("stop", [KeyboardInterrupt, EOFError, RuntimeError])
def test_answers_are_not_lost_when_a_person_stops(engagement: Path, tmp_path: Path, stop: type[BaseException]) -> None:
    path = engagement / "data" / "leads.csv"
    path.write_text("lead_id,created_at,status\n1,2024-05-02,Hot: one\n2,2024-05-03,Cold\n", encoding="utf-8")

    def ask(text: str, default: str = "") -> str:
        if text.startswith("Cold"):
            raise stop
        return "MQL"

    lines: list[str] = []
    with pytest.raises(stop):
        for line in import_files(engagement, [path], None, ask):
            lines.append(line)
    assert lines[0].startswith("Our stages, in order: inquiry (a first sign of interest), mql")
    (tmp_path / "a.yml").write_text(lines[-1], encoding="utf-8")
    assert read_answers(tmp_path / "a.yml")["stages"] == {"Hot: one": "mql"}


def test_an_answer_that_a_file_refuses_does_not_lose_the_others(engagement: Path) -> None:
    path = engagement / "data" / "leads.csv"
    path.write_text(GERMAN_LEADS, encoding="utf-8")

    def ask(text: str, default: str = "") -> str:
        place = text.split(": ")[1]
        return {"kind": "leads", "lead_id": "Lead-ID", "created_at": "Erstelt am"}.get(place, default or "UTC")

    lines: list[str] = []
    with pytest.raises(AlignError, match="did you mean 'Erstellt am'"):
        for line in import_files(engagement, [path], None, ask):
            lines.append(line)
    assert "kind: leads" in lines[-1]


def test_stages_and_kinds_are_explained_once_above_the_questions() -> None:
    stages = [Question(("stages", label), "?", ("mql", "sal")) for label in ("A", "B")]
    kind = Question(("files", "x.csv", "kind"), "What is it?", (*TABLES, "survey", "none"))
    sheet = sheet_of([*stages, kind])
    assert sheet.count("Marketing hands over") == 1 and sheet.count("one lead entering one stage") == 1
    assert explained([Question(("engagement", "as_of"), "When?")]) == []
    assert answers_text({"files": {}, "stages": {}, "engagement": {}}) == ""
