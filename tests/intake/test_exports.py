"""Exports of survey tools are recognised by their shape and mapped by the words of their questions.

The tables in ``survey_files.py`` are our own survey as each tool would write it; real files are in test_real_data.
"""

import json
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import pyarrow.parquet as pq
import pytest
from survey_files import CANARIES, EMAIL, MADE, NAME, as_csv, as_xlsx, export, people

from alignlib.engagement import Input, parse_settings
from alignlib.instrument import languages, read_instrument
from alignlib.intake import snapshot
from alignlib.intake.answers import is_hasty, labels_of, read_answer
from alignlib.intake.exports import TOOLS, fold, item_of, recognise
from alignlib.intake.mappings import map_input
from alignlib.intake.read import read_table
from alignlib.intake.rows import Part, type_columns

Make = Callable[..., Any]
SURVEY = "  - {file: s.csv, table: responses, shape: survey}\n"
SEGMENTS = "survey: {segments: [Retail, Public sector]}"
NAMED = "survey: {mode: named, consent_on: 2024-06-01, segments: [Retail, Public sector]}"
LANGUAGES = [language for language in ("en", "de") if language in languages()]
WORDS = read_instrument().items
Row = tuple[Any, ...]


def answers(tables: Any) -> Counter[tuple[Row, ...]]:
    """What did people say, each person's answers together, whatever they are called and in whatever order?"""
    sql = """select team, role, list((item, answer, cannot_say) order by item) as said from responses
             group by respondent_id, team, role"""
    return Counter((team, role, tuple(said)) for team, role, said in tables.connection.execute(sql).fetchall())


def expected() -> Counter[tuple[Row, ...]]:
    """The same, counted from what the seven people were made to say."""
    found: Counter[tuple[Row, ...]] = Counter()
    for who in people(read_instrument()):
        said = []
        for code in sorted(set(who) - {"team", "role"}):
            if code.startswith("comment") and not who[code]:
                continue  # a question for comments left blank is no comment
            cannot, given = who[code] == "cannot_say", who[code]
            said.append((code, float(given) if isinstance(given, int) else None, cannot))
        found[who["team"], who["role"], tuple(said)] += 1
    return found


def everything_in(folder: Path) -> str:
    """Every byte below a folder as text, Parquet decoded."""
    files = [path for path in sorted(folder.rglob("*")) if path.is_file()]
    tables = [pq.read_table(path).to_pylist() for path in files if path.suffix == ".parquet"]
    return "".join(path.read_bytes().decode("latin-1") for path in files) + json.dumps(tables, default=str)


def part_of(tmp_path: Path, content: bytes, name: str = "s.csv", **entry: Any) -> Part:
    """One survey file read, mapped and typed, before anything is hidden or written."""
    settings = parse_settings(
        "version: 1\nclient: C\nperiod: {start: 2024-01-01, end: 2024-12-31}\nas_of: 2024-12-31\n"
        f"currency: EUR\ntimezone: UTC\n{SEGMENTS}\n"
    )
    (tmp_path / name).write_bytes(content)
    reading = Input(file=name, table="responses", shape="survey", **entry)
    part, _ = map_input(read_table(tmp_path, reading), reading, settings, [])
    assert type_columns(part, settings) == []
    return part


# --- recognising ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("tool", MADE)
def test_every_tool_gives_the_same_answers(engage: Make, tool: str, language: str) -> None:
    engagement = engage({"s.csv": as_csv(export(tool, language))}, SURVEY, SEGMENTS)
    tables = engagement.open()
    assert answers(tables) == expected()
    (count,) = tables.row_counts
    assert (count.used, count.rejected) == (7, 0)
    assert any(f"was read as an export of {MADE[tool][1]}: 82 items." in note for note in tables.notes["files"])
    assert not any("not mapped" in note for note in tables.notes["files"])


@pytest.mark.parametrize("tool", MADE)
def test_a_workbook_gives_the_same_answers_and_needs_no_header_rows(engage: Make, tool: str) -> None:
    inputs = SURVEY.replace("s.csv", "s.xlsx")
    assert answers(engage({"s.xlsx": as_xlsx(export(tool))}, inputs, SEGMENTS).open()) == expected()


@pytest.mark.parametrize("tool", MADE)
def test_who_answered_is_stored_nowhere_and_said_nowhere(engage: Make, tool: str) -> None:
    table = export(tool)
    table[-1][-2] = "9999"  # a value to reject, and below it a row to reject
    content = as_csv([*table, [*table[-1], "one", "too many"]])
    engagement = engage({"s.csv": content}, SURVEY, SEGMENTS)
    assert sum(content.count(canary.encode()) for canary in CANARIES) > 0
    told = str(snapshot.check(engagement.folder))
    engagement.open()
    kept = everything_in(engagement.folder / "run")
    assert [canary for canary in CANARIES if canary in told or canary in kept] == []
    assert "were not read and are stored nowhere" in told
    assert "09:00" not in kept


def test_the_note_names_the_kinds_of_columns_left_out(engage: Make) -> None:
    notes = engage({"s.csv": as_csv(export("surveymonkey"))}, SURVEY, SEGMENTS).open().notes["files"]
    kinds = "e-mail addresses, names, IP addresses and references"
    assert f"Columns of s.csv with {kinds} were not read and are stored nowhere." in notes


def test_previews_are_left_out_by_rule_and_counted(engage: Make) -> None:
    (count,) = engage({"s.csv": as_csv(export("qualtrics"))}, SURVEY, SEGMENTS).open().row_counts
    assert (count.read, count.used, count.reasons) == (8, 7, {"excluded by rule on Status": 1})


@pytest.mark.parametrize(
    ("header", "rows"),
    [
        (["StartDate", "Status", "ResponseId", "Q1"], 1),
        (["Respondent ID", "Collector ID", "Which team?"], 1),
        (["respondent_id", "team", "goal_1"], 1),
        (["a", "b"], 1),
        ([], 1),
    ],
)
def test_a_single_header_row_is_enough_where_a_tool_usually_writes_more(header: list[str], rows: int) -> None:
    assert recognise([header, ["2026-01-01", "1", "R_1", "x"]][: 1 + bool(header)]).header_rows == rows


def test_header_rows_given_by_hand_win(engage: Make) -> None:
    head, *rest = as_csv(export("template")).decode().splitlines()
    text = "\n".join([head, head.replace("goal", "x"), *rest])
    inputs = SURVEY.replace("survey}", "survey, header_rows: 2, items: {goal_1: goal_1 | x_1}}")
    assert engage({"s.csv": text}, inputs, SEGMENTS).open().row_counts[0].read == 7


def test_every_tool_is_told_by_signs_that_no_other_tool_shows() -> None:
    found = {name: recognise(export(name)).tool.name for name in MADE}
    assert found == {name: tool for name, (_, tool) in MADE.items()}
    assert {tool.name for tool in TOOLS} <= set(found.values())


# --- items ------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages())
def test_no_two_items_share_a_wording(language: str) -> None:
    instrument = read_instrument(language)
    for code, item in instrument.items.items():
        assert item_of((item.prompt,), []) == code
        if item.kind != "mirror":
            assert item_of((item.text,), []) == code
    for item in instrument.points(["Retail"]):
        assert item_of((item.prompt,), []) == item_of((item.prompt,), ["retail"]).replace("retail", "Retail")


def test_the_labels_of_all_languages_agree_with_one_another() -> None:
    for part in ("scale", "team", "role"):
        pairs = set[tuple[str, str]]()
        for language in map(read_instrument, languages()):
            if part == "scale":
                pairs |= {(fold(label), str(nr)) for nr, label in enumerate(language.scale, 1)}
            else:
                pairs |= {(fold(label), ours) for ours, label in getattr(language, part).items() if ours != "text"}
        assert len(pairs) == len(dict(pairs))
        assert pairs <= set(labels_of(part).items())


GOAL = WORDS["goal_1"].text


@pytest.mark.parametrize(
    ("header", "item"),
    [
        (GOAL, "goal_1"),
        (GOAL.upper().replace(" ", "  ").rstrip(".") + " ?", "goal_1"),
        (f"<p><strong>{GOAL}</strong></p>", "goal_1"),
        (f"How far do you agree? [{GOAL}]", "goal_1"),
        (f"Please tick | {GOAL}", "goal_1"),
        (f"Please tick - {GOAL}", "goal_1"),
        (f"G1. {GOAL}", "goal_1"),
        (f"7. {GOAL}", "goal_1"),
        ("goal_1", "goal_1"),
        ("GOAL_1", "goal_1"),
        ("goal1. In our own words", "goal_1"),
        ("agree[goal1]", "goal_1"),
        ("The other team’s job", ""),
        ("Marketing’s material helps us reach the people who decide", "c2_helped"),
        (WORDS["mirror_shared_goal"].prompt, "mirror_shared_goal"),
        (f"What will most people in the other team answer to: [{GOAL}]", "mirror_shared_goal"),
        (f"M1[SQ001]. What will most people in the other team answer to: [{GOAL}]", "mirror_shared_goal"),
        (f"What would they answer to: “{GOAL}”", ""),
        ("Rank of this goal for the company, 1 the highest [win new customers]", "goal_new"),
        ("Of 100 points, the part of next year's revenue that should come from: Public Sector", "points_Public sector"),
        ("Of 100 points, the part of next year's revenue that should come from [Chemicals]", "points_Chemicals"),
        ("points_Retail", "points_Retail"),
        ("Which team are you in?", "team"),
        ("In welchem Team arbeiten Sie?", "team"),
        ("role", "role"),
        ("Role", ""),
        ("", ""),
    ],
)
def test_a_header_is_matched_by_whole_wordings_only(header: str, item: str) -> None:
    assert item_of((header,), ["Retail", "Public sector"]) == item


def test_a_hostile_header_or_answer_costs_no_time() -> None:
    before = perf_counter()
    for text in (
        "a. " * 100_000,
        "[" * 100_000,
        "<a" * 100_000,
        " - " * 100_000,
        "x" + " " * 100_000 + "(",
        "&" * 100_000,
    ):
        assert item_of((text,), []) == ""
        assert recognise([[text, text]] * 3).tool.name == ""
        assert read_answer(text, None, SCALE) == "?"
        assert is_hasty(text, text, text, 1) == ""
    assert perf_counter() - before < 10


def test_two_columns_for_one_item_that_differ_are_refused(engage: Make) -> None:
    text = f"Timestamp,{GOAL},goal_1\n2024-01-01,1,2\n"
    engagement = engage({"s.csv": text}, SURVEY)
    assert engagement.codes() == ["E-DUPCOL"]
    assert f"{GOAL} / goal_1" in engagement.message()
    same = engage({"s.csv": text.replace(",2\n", ",1\n")}, SURVEY).open()
    assert any("2 times with the same content" in note for note in same.notes["files"])


def test_columns_that_ask_nothing_of_ours_are_listed_with_their_headers(engage: Make) -> None:
    text = f"Timestamp,Email Address,{GOAL},Do you like tea?,{'x' * 200},,\n2024-01-01,{EMAIL},4,Yes,No,secret,\n"
    notes = engage({"s.csv": text}, SURVEY).open().notes["files"]
    assert f"3 columns of s.csv not mapped, and so not read: 'Do you like tea?'; '{'x' * 79}…'; 'column_6'." in notes
    assert "s.csv does not say who is in which team: set team in columns, or in constants." in notes


@pytest.mark.parametrize(
    ("header", "said"),
    [
        ("Timestamp,Do you like tea?", "an export of Google Forms it seems, and none of its 2 columns asks an item"),
        ("When,Do you like tea?", "no known survey tool wrote this, and none of its 2 columns asks an item"),
    ],
)
def test_a_file_that_asks_no_item_is_refused_with_what_to_do(engage: Make, header: str, said: str) -> None:
    message = engage({"s.csv": f"{header}\n2024-01-01,Yes\n"}, SURVEY).message()
    assert said in message
    assert "map the items by hand, as in items: {goal_1: their header}" in message
    assert "E-MAP" in message


def test_what_is_mapped_by_hand_wins_and_constants_fill_what_the_file_lacks(engage: Make) -> None:
    text = f"Timestamp,Department,{GOAL},Which team are you in?\n2024-01-01,Sales,4,Marketing\n"
    by_hand = SURVEY.replace("survey}", "survey, columns: {team: Department}, constants: {wave: w2}}")
    tables = engage({"s.csv": text}, by_hand).open()
    assert tables.connection.execute("select team, wave, answer from responses").fetchall() == [("sales", "w2", 4)]


# --- answers ----------------------------------------------------------------------------------------------------------

SCALE = labels_of("scale")


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("Agree", "5"), ("RATHER agree", "4"), ("3", "3"), ("1 - Disagree", "1"), ("5 (Agree)", "5"),
        ("Agree (5)", "5"), ("2: Rather disagree", "2"), ("1 - Strongly disagree", "1"), ("1 - Agree", "?"),
        ("5 - 10", "?"), ("3 years", "?"), ("Cannot say.", "cannot_say"), ("cannot_say", "cannot_say"), ("", ""),
        ("#N/A", "#N/A"), ("4,5", "4.5"), ("50 %", "?"), ("Kind of", "?"),
    ],
)  # fmt: skip
def test_an_answer_on_the_scale(text: str, meant: str) -> None:
    labels = {"cannot_say": "cannot_say"} | SCALE
    assert read_answer(text, WORDS["goal_1"], labels) == read_answer(text, None, labels) == meant


@pytest.mark.parametrize(
    ("text", "item", "meant"),
    [
        ("70", "est_accepted", "70"), ("70 %", "est_accepted", "70"), ("70%", "own_find", "70"),
        ("7,5", "est_days", "7.5"), ("3 %", "est_days", "?"), ("about 70", "est_accepted", "?"),
        ("70-80", "est_accepted", "?"), ("1,234", "est_days", "?"), ("Agree", "goal_new", "?"),
        ("2", "goal_new", "2"), ("€5", "est_days", "?"), ("Cannot say", "est_days", "cannot_say"),
    ],
)  # fmt: skip
def test_an_answer_that_is_a_number(text: str, item: str, meant: str) -> None:
    assert read_answer(text, WORDS[item], SCALE) == meant


def test_each_item_has_its_own_ends_and_the_rest_of_a_row_is_used(engage: Make) -> None:
    text = "team,goal_1,est_accepted,est_days,goal_new,points_Retail\nsales,6,100,365,6,100\nsales,5,101,366,7,-1\n"
    engagement = engage({"s.csv": text}, SURVEY)
    tables = engagement.open()
    kept = tables.connection.execute("select item, answer from responses order by item").fetchall()
    assert kept == [("est_accepted", 100), ("est_days", 365), ("goal_1", 5), ("goal_new", 6), ("points_Retail", 100)]
    places = snapshot.check(engagement.folder)[3]
    beyond = ["est_accepted", "est_days", "goal_1", "goal_new", "points_Retail"]
    assert sorted(place.split("'")[1] for place in places) == beyond
    assert tables.row_counts[0].used == 2


def test_an_item_the_instrument_does_not_know_runs_from_1_to_5(engage: Make) -> None:
    by_hand = SURVEY.replace("survey}", "survey, items: {ours_own: Q}}")
    tables = engage({"s.csv": "Q\n5\n6\n0\n0.5\n"}, by_hand).open()
    assert tables.connection.execute("select answer from responses").fetchall() == [(5,)]
    assert tables.row_counts[0].reasons == {"E-SCALE": 3}


def test_numbers_written_in_several_ways_stop_nothing(engage: Make) -> None:
    text = 'team,est_days,est_accepted\nsales,"7,5",70 %\nsales,7.5,70\nsales,about 7,"1,234"\n'
    tables = engage({"s.csv": text}, SURVEY).open()
    sql = "select item, answer, count(*) from responses group by all order by all"
    assert tables.connection.execute(sql).fetchall() == [("est_accepted", 70, 2), ("est_days", 7.5, 2)]


def test_labels_by_hand_win_over_the_kits_and_stand_alone_beside_items_by_hand(engage: Make) -> None:
    text = f"Timestamp,{GOAL}\n2024-01-01,Agree\n2024-01-01,Strongly agree\n"
    labels = "labels: {Agree: 4, Strongly agree: 5}"
    tables = engage({"s.csv": text}, SURVEY.replace("survey}", f"survey, {labels}}}")).open()
    assert tables.connection.execute("select answer from responses order by 1").fetchall() == [(4,), (5,)]
    alone = SURVEY.replace("survey}", f"survey, labels: {{Yes: 5}}, items: {{goal_1: '{GOAL}'}}}}")
    assert engage({"s.csv": text}, alone).open().row_counts[0].reasons == {"E-SCALE": 2}


def test_what_people_wrote_stands_in_a_column_of_its_own(tmp_path: Path) -> None:
    data = part_of(tmp_path, as_csv(export("google"))).data
    wrote = data[data["item"] == "comment_well"]
    assert wrote["comment"].dropna().tolist() == ["They listen, 1", "They listen, 3", "They listen, 5"]
    assert wrote["answer"].isna().all()
    assert data.loc[~data["item"].str.startswith("comment"), "comment"].isna().all()


def test_teams_and_roles_are_read_in_every_language_and_by_the_clients_labels(engage: Make) -> None:
    text = "team,role,goal_1\nVertrieb,Ja,1\nsales ,leader,2\nField,No,3\n"
    teams = "teams: {sales: {labels: [Field]}, marketing: {}}"
    tables = engage({"s.csv": text}, SURVEY, teams).open()
    rows = tables.connection.execute("select answer, team, role from responses order by 1").fetchall()
    known = "de" in languages()
    assert rows == [*[(1, "sales", "leader")][:known], (2, "sales", "leader"), (3, "sales", "staff")]


# --- people -----------------------------------------------------------------------------------------------------------


def codes(part: Part) -> list[str]:
    return part.data.drop_duplicates("respondent_id")["respondent_id"].tolist()


def test_a_row_more_above_renames_nobody(tmp_path: Path) -> None:
    head, *rows = export("google")
    before = codes(part_of(tmp_path, as_csv([head, *rows])))
    other = [cell.replace("Sales", "Marketing") for cell in rows[0]]
    after = codes(part_of(tmp_path, as_csv([head, other, *rows])))
    assert after[1:] == before
    assert len(set(after)) == 8
    assert all(code.startswith("a-") and code.endswith("-1") for code in after)


def test_people_who_said_the_same_are_two_people_and_no_file_shares_its_codes(tmp_path: Path) -> None:
    head, first, *_ = export("google")
    twins = codes(part_of(tmp_path, as_csv([head, first, first])))
    assert [code[-2:] for code in twins] == ["-1", "-2"]
    assert set(twins).isdisjoint(codes(part_of(tmp_path, as_csv([head, first]), "other.csv")))


def test_the_tools_own_response_id_is_the_code_and_a_running_number_belongs_to_its_file(tmp_path: Path) -> None:
    assert codes(part_of(tmp_path, as_csv(export("qualtrics"))))[:2] == ["R_1", "R_2"]
    assert codes(part_of(tmp_path, as_csv(export("microsoft"))))[:2] == ["1 of s.csv", "2 of s.csv"]
    assert codes(part_of(tmp_path, as_csv(export("template"))))[:2] == ["p0", "p1"]


def test_two_forms_of_one_tool_are_two_sets_of_people(engage: Make) -> None:
    files = {name: as_csv(export("microsoft")) for name in ("sales.csv", "marketing.csv")}
    inputs = "".join(SURVEY.replace("s.csv", name) for name in files)
    tables = engage(files, inputs, SEGMENTS).open()
    assert tables.connection.execute("select count(distinct respondent_id) from responses").fetchall() == [(14,)]


def test_a_name_mapped_by_hand_becomes_a_code_and_stays_out_of_what_is_kept(engage: Make) -> None:
    text = f"Name,Email,{GOAL}\n{NAME},{EMAIL},9\nKim Canary,kim@example.org,4\n"
    by_hand = SURVEY.replace("survey}", f"survey, columns: {{respondent_id: Name}}, items: {{goal_1: '{GOAL}'}}}}")
    engagement = engage({"s.csv": text}, by_hand)
    told = str(snapshot.check(engagement.folder))
    engagement.open()
    kept = everything_in(engagement.folder / "run")
    assert all(word not in told + kept for word in ("Canary", "example.org"))
    assert "Columns of s.csv with e-mail addresses were not read and are stored nowhere." in kept


def test_a_list_of_teams_joined_by_e_mail_tells_no_address(engage: Make) -> None:
    lookup = "lookups: [{file: hr.csv, match: {Email: mail}, columns: {team: dept}}]"
    files = {"s.csv": f"Timestamp,Email,{GOAL}\n2024-01-01,{EMAIL},9\n2024-01-01,kim@example.org,4\n",
             "hr.csv": "mail,dept\nkim@example.org,Sales\n"}  # fmt: skip
    engagement = engage(files, SURVEY.replace("survey}", f"survey, {lookup}}}"))
    tables = engagement.open()
    assert tables.connection.execute("select team, answer from responses").fetchall() == [("sales", 4)]
    assert "example.org" not in everything_in(engagement.folder / "run") + str(snapshot.check(engagement.folder))
    assert "1 row of s.csv had 1 Email value that hr.csv does not hold." in tables.notes_on("responses")


def test_named_answers_keep_the_tools_code_and_no_column_nobody_mapped(engage: Make) -> None:
    engagement = engage({"s.csv": as_csv(export("qualtrics"))}, SURVEY, NAMED)
    tables = engagement.open()
    found = tables.connection.execute("select distinct respondent_id from responses order by 1").fetchall()
    assert [code for (code,) in found] == [f"R_{nr}" for nr in range(1, 8)]
    assert [canary for canary in CANARIES if canary in everything_in(engagement.folder / "run")] == []


def test_a_survey_with_names_takes_the_name_its_own_form_asks_for(engage: Make) -> None:
    text = f"Timestamp,Your name,Name,{GOAL}\n2024-01-01,Ann,x,4\n2024-01-02,Bob,x,5\n"
    sql = "select respondent_id, answer from responses order by 1"
    assert engage({"s.csv": text}, SURVEY, NAMED).open().connection.execute(sql).fetchall() == [("Ann", 4), ("Bob", 5)]
    engagement = engage({"s.csv": text.replace("Your", "Ihr")}, SURVEY)
    engagement.open()
    assert all(name not in everything_in(engagement.folder / "run") for name in ("Ann", "Bob"))


@pytest.mark.parametrize(
    ("seconds", "started", "ended", "hasty"),
    [
        ("59", "", "", "true"), ("60", "", "", "false"), ("59.9", "", "", "true"), ("0", "", "", ""), ("", "", "", ""),
        ("", "2026-04-13 09:00:00", "2026-04-13 09:00:59", "true"),
        ("", "2026-04-13T09:00:00Z", "2026-04-13T09:01:00Z", "false"),
        ("", "4/13/26 11:59:30 AM", "4/13/26 12:00:10 PM", "true"),
        ("", "13.04.2026 09:00:00", "14.04.2026 09:05:00", "false"),
        ("", "13.04.2026 23:59:50", "14.04.2026 00:00:10", ""),
        ("", "1980-01-01 00:00:00", "1980-01-01 00:00:00", ""),
        ("", "2026-04-13 09:00:30", "2026-04-13 09:00:00", ""),
        ("", "2026-04-13 09:00", "2026-04-13 09:00", ""),
        ("n/a", "", "2026-04-13 09:00:00", ""),
    ],
)  # fmt: skip
def test_two_seconds_an_item_is_haste(seconds: str, started: str, ended: str, hasty: str) -> None:
    assert is_hasty(seconds, started, ended, 30) == hasty


@pytest.mark.parametrize("tool", ["microsoft", "typeform", "qualtrics", "surveymonkey", "limesurvey"])
def test_haste_is_told_by_the_tools_times_and_they_are_not_kept(tmp_path: Path, tool: str) -> None:
    data = part_of(tmp_path, as_csv(export(tool))).data
    assert data.groupby("respondent_id", sort=False)["is_hasty"].first().tolist() == [False, True] * 3 + [False]
    assert set(data.columns) >= {"is_hasty", "comment"}
    assert not [column for column in data if "date" in str(column).lower() or "time" in str(column).lower()]
