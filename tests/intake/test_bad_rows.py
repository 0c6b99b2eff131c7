"""What bad rows become: B45-B69 and B80-B90 of the table of bad input, one test an id at least.

Each asks for the code, the place and the cure, for the values that must survive, and that read = used + rejected +
excluded. B70-B79 stand in test_bad_workbooks.py; B01-B44 in test_bad_text.py.
"""

import io
import os
import sys
import unicodedata
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from typer.testing import CliRunner

from alignlib.cli import app
from alignlib.diagnostics import content, funnel, survey
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.engagement import SETTINGS_FILE, Settings, parse_settings
from alignlib.errors import AlignError, Problem
from alignlib.intake import snapshot
from alignlib.intake.tables import Tables
from alignlib.report import document, html, pptx, xlsx
from alignlib.result import Column, Exhibit, Record, Result, Row
from alignlib.runs.notebook import check_parameters

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))  # importlib mode does not: lets tests do so

from sample_record import sample_record

Make = Callable[..., Any]
LEADS = "  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: at, owner_id: owner}}\n"
EVENTS = """  - file: e.csv
    table: stage_events
    columns: {lead_id: id, stage: stage, entered_at: at, owner_id: owner}
"""
DEALS = """  - file: d.csv
    table: opportunities
    columns: {opportunity_id: id, outcome: outcome, opened_at: opened, closed_at: closed, amount: amount,
              owner_id: owner}
"""
DEAL_HEAD = "id,outcome,opened,closed,amount,owner\n"
NAMED = "survey: {mode: named, consent_on: 2024-01-01}"


def opened(engagement: Any) -> tuple[Settings, Tables]:
    """What does an engagement hold once prepared? No row may be lost on the way."""
    settings = snapshot.prepare(engagement.folder, engagement.folder / "run")
    tables = snapshot.open_run(engagement.folder / "run", settings.sha256())[1]
    assert tables.row_counts and all(count.balances for count in tables.row_counts)
    return settings, tables


def told(engagement: Any) -> Problem:
    """Which one problem stops an engagement, as a person reads it: with a place and a cure?"""
    (problem,) = snapshot.check(engagement.folder)[2]
    assert problem.where and problem.fix and problem.code in engagement.message()
    return problem


def rejected(engagement: Any) -> str:
    """What does `alignlib check` say of rejected values: one line a column and reason?"""
    return "\n".join(snapshot.check(engagement.folder)[3])


def values(tables: Tables, table: str, *names: str) -> list[tuple[Any, ...]]:
    rows: list[tuple[Any, ...]] = tables.connection.execute(
        f"select {', '.join(names)} from {table} order by all"
    ).fetchall()
    return rows


def counted(tables: Tables, file: str) -> tuple[int, int, int, int, dict[str, int]]:
    (found,) = [count for count in tables.row_counts if count.file == file]
    return found.read, found.used, found.rejected, found.excluded, found.reasons


# --- a survey (B45-B54) -----------------------------------------------------------------------------------------------


def asked(engage: Make, more: str = "", columns: str = "", **items: tuple[list[Any], list[Any]]) -> Any:
    """An engagement of one survey: {item: (answers of Sales, answers of Marketing)}; one row a person."""
    lines = ["Who,Team," + ",".join(items)]
    for at, team in enumerate(("Sales", "Marketing")):
        answers = zip(*(given[at] for given in items.values()), strict=True)
        lines += [f"{team}-{i},{team}," + ",".join(map(str, row)) for i, row in enumerate(answers)]
    mapped = ", ".join(f"{item}: {item}" for item in items if item not in columns)
    inputs = f"  - {{file: s.csv, table: responses, shape: survey, items: {{{mapped}}},\n"
    inputs += f"     columns: {{respondent_id: Who, team: Team{columns}}}}}\n"
    return engage({"s.csv": "\n".join(lines) + "\n"}, inputs, more)


def surveyed(engagement: Any) -> Result:
    settings, tables = opened(engagement)
    return survey.diagnose(tables, settings)


def test_b45_a_team_that_did_not_answer_is_shown_and_not_compared(engage: Make) -> None:
    result = surveyed(asked(engage, goal_1=([4, 5, 4, 3, 4, 5], [])))
    sales, marketing, _ = result.exhibit("survey.response").rows
    assert (sales["answered"], marketing["answered"], result.findings) == (6, 0, [])
    assert result.exhibit("survey.blocks").rows[0]["note"] == "Marketing: no answers"
    (gap,) = [gap for gap in result.not_judged if "shared goal" in gap.what]
    assert gap.why.startswith("Marketing: fewer than five answered") and gap.settle


def test_b46_answers_that_are_all_alike_have_a_mean_and_break_nothing(engage: Make) -> None:
    alike = {item: ([4] * 12, [4] * 12) for item in ("goal_1", "goal_2", "goal_3")}
    named = surveyed(asked(engage, NAMED, **alike))
    (row,) = named.exhibit("survey.blocks").rows
    assert (row["sales"], row["marketing"], row["gap"]) == (4.0, 4.0, 0.0)
    assert "survey.firm" not in {exhibit.key for exhibit in named.exhibits}  # no p: nothing is inferred from names
    # Anonymous: a spread of 0 would tell everybody's answer, so a least spread is shown in its place, and no alpha.
    result = surveyed(asked(engage, **alike))
    (agreement,) = result.exhibit("survey.agreement").rows
    assert agreement["sales_sd"] == 0.26 and agreement["alpha"] is None
    assert result.finding("survey.gap.shared_goal").measure.value == 0.0


def test_b47_a_question_that_nobody_answered_is_not_judged_and_shown_nowhere(engage: Make) -> None:
    result = surveyed(asked(engage, goal_1=([4] * 5 + [3], [3] * 6), follow_1=([""] * 6, [""] * 6)))
    assert [row["item"] for row in result.exhibit("survey.items").rows] == ["goal_1"]
    (gap,) = [gap for gap in result.not_judged if "follow-up" in gap.what]
    assert gap.why == "no answer to any of it was delivered" and gap.settle


def test_b48_an_answer_outside_the_scale_is_left_out_alone(engage: Make) -> None:
    engagement = asked(engage, goal_1=([0, 6, 55], [1, 5, 3]), goal_2=([1, 2, 3], [4, 5, -1]))
    _, tables = opened(engagement)
    assert counted(tables, "s.csv") == (6, 6, 0, 0, {})  # everybody's other answers are used
    assert values(tables, "responses", "item", "answer") == [
        ("goal_1", 1), ("goal_1", 3), ("goal_1", 5), ("goal_2", 1), ("goal_2", 2), ("goal_2", 3), ("goal_2", 4),
        ("goal_2", 5),
    ]  # fmt: skip
    assert tables.notes_on("responses") == [
        "4 values of s.csv had to be left out (E-SCALE); the rest of each row is used."
    ]
    said = rejected(engagement)
    assert "s.csv, record 2 and 1 more, column 'goal_1': an answer lies outside the scale (above 5) [E-SCALE]" in said
    assert "s.csv, record 1, column 'goal_1'" in said and "s.csv, record 6, column 'goal_2'" in said
    assert "55" not in said  # what a person answered is printed nowhere


def test_b49_labels_are_read_in_every_language_and_others_are_listed(engage: Make) -> None:
    given = ["Agree", "stimme zu", "5 - Agree", "4 (Rather agree)", "5 - fully", "Disagree", "voll und ganz"]
    engagement = asked(engage, goal_1=(given, []))
    _, tables = opened(engagement)
    assert values(tables, "responses", "answer") == [(1,), (4,), (5,), (5,), (5,), (5,)]
    assert "s.csv, record 7, column 'goal_1': an answer lies outside the scale" in rejected(engagement)


def test_b50_an_item_that_runs_against_the_others_is_named(engage: Make) -> None:
    rng = np.random.default_rng(5)
    person = rng.normal(3, 1, 40)
    given = [np.clip(np.round(person + rng.normal(0, 0.5, 40)), 1, 5).astype(int) for _ in range(3)]
    for turned in (False, True):
        answers = [given[0], given[1], 6 - given[2] if turned else given[2]]
        items = {f"goal_{i}": (a[:24].tolist(), a[24:].tolist()) for i, a in enumerate(answers, start=1)}
        (row,) = surveyed(asked(engage, **items)).exhibit("survey.agreement").rows
        assert ("runs against the other items" in str(row["note"])) == turned


TWICE = "Who,Team,goal_1,goal_2\nz,Sales,5,\nz,Sales,4,3\nz,Sales,2,\ny,Sales,1,1\n"


def test_b51_of_a_person_who_answered_twice_the_last_complete_answer_counts(engage: Make) -> None:
    inputs = "  - {file: s.csv, table: responses, shape: survey, columns: {respondent_id: Who, team: Team},\n"
    inputs += "     items: {goal_1: goal_1, goal_2: goal_2}}\n"
    for more in ("", NAMED):
        _, tables = opened(engage({"s.csv": TWICE}, inputs, more))
        assert values(tables, "responses", "item", "answer") == [
            ("goal_1", 1), ("goal_1", 4), ("goal_2", 1), ("goal_2", 3)
        ]  # fmt: skip
        assert counted(tables, "s.csv") == (4, 2, 0, 2, {"answered again": 2})
        note = "2 rows of s.csv had been answered again by the same person; the last with most answers counts."
        assert note in tables.notes_on("responses")
    waves = engage({"s.csv": TWICE.replace("Team", "Wave")}, inputs.replace("team: Team", "wave: Wave"))
    assert counted(opened(waves)[1], "s.csv")[1] == 2
    rounds = TWICE.replace("Team", "Wave").replace("Sales,5", "First,5")
    _, tables = opened(engage({"s.csv": rounds}, inputs.replace("team: Team", "wave: Wave")))
    assert counted(tables, "s.csv")[1] == 3  # an answer of another round is another answer


def test_b52_a_partial_answer_counts_where_it_was_given_and_n_is_shown_by_question(engage: Make) -> None:
    engagement = asked(engage, goal_1=([4] * 7 + [5], [3] * 7 + [2]), goal_2=([4] * 5 + [""] * 3, [3] * 8))
    _, tables = opened(engagement)
    assert counted(tables, "s.csv") == (16, 16, 0, 0, {})
    rows = {row["item"]: row for row in surveyed(engagement).exhibit("survey.items").rows}
    assert (rows["goal_1"]["sales_n"], rows["goal_2"]["sales_n"], rows["goal_2"]["marketing_n"]) == (8, 5, 8)


def test_b53_haste_and_straight_lines_are_flagged_with_the_verdict_without_them(engage: Make) -> None:
    rng = np.random.default_rng(3)
    names = ["goal_1", "goal_2", "goal_3", "metrics_1", "metrics_2", "metrics_3", "language_1", "language_2",
             "handoff_1", "handoff_2", "handoff_3"]  # fmt: skip
    drawn = rng.integers(1, 6, (26, len(names)))
    drawn[:5] = 3  # five people always answer alike, and six in haste
    items = {name: (drawn[:14, at].tolist(), drawn[14:, at].tolist()) for at, name in enumerate(names)}
    items["Hasty"] = (["yes"] * 6 + ["no"] * 8, ["no"] * 12)
    exhibit = surveyed(asked(engage, columns=", is_hasty: Hasty", **items)).exhibit("survey.firm")
    assert "always the same answer: 5" in exhibit.lead and "Nobody was left out" in exhibit.lead
    assert "haste" in exhibit.lead or "seconds" in exhibit.lead
    assert all(row["careful"] for row in exhibit.rows) and exhibit.rows[0]["level"]  # with them, and without


def test_b54_a_mark_inside_a_known_label_parts_nothing(engage: Make) -> None:
    inputs = "  - {file: a.csv, table: assets, columns: {asset_id: id, topics: t}, separators: {topics: ;},\n"
    inputs += '     values: {topics: {"Food; drink": Food}}}\n'
    text = "id,t\n1,Bank; Food; drink\n2,food; drink\n3,Food; Bank\n"
    _, tables = opened(engage({"a.csv": text}, inputs))
    assert values(tables, "assets", "asset_id", "topics") == [
        ("1", ["Bank", "Food"]), ("2", ["Food"]), ("3", ["Food", "Bank"])
    ]  # fmt: skip
    undeclared = engage({"a.csv": text}, "  - {file: a.csv, table: assets, columns: {asset_id: id, topics: t}}\n")
    _, tables = opened(undeclared)
    assert values(tables, "assets", "topics")[0] == (["Bank; Food; drink"],)  # nothing is guessed, and it is asked
    assert 'if it parts labels, write separators: {topics: ";"}' in tables.notes_on("assets")[0]


# --- amounts (B55-B57) ------------------------------------------------------------------------------------------------


def sold(engage: Make, *amounts: str, header: str = "amount", more: str = "") -> Any:
    rows = "".join(f"{i},won,2024-01-01,2024-02-01,{amount}\n" for i, amount in enumerate(amounts, start=1))
    inputs = "  - {file: d.csv, table: opportunities, columns: {opportunity_id: id, outcome: outcome,\n"
    inputs += f"     opened_at: opened, closed_at: closed, amount: amount}}{more}}}\n"
    return engage({"d.csv": f"id,outcome,opened,closed,{header}\n{rows}"}, inputs)


def test_b55_amounts_are_read_as_written_and_what_is_none_is_rejected(engage: Make) -> None:
    engagement = sold(engage, '"1,200.50"', "(300)", "1 200", "€5", "12%", "about 7")
    _, tables = opened(engagement)
    assert values(tables, "opportunities", "opportunity_id", "amount") == [
        ("1", 120_050), ("2", -30_000), ("3", 120_000), ("4", 500)
    ]  # fmt: skip
    assert counted(tables, "d.csv") == (6, 4, 2, 0, {"E-NUM": 2})
    said = rejected(engagement)
    assert "d.csv, record 5, column 'amount': '12%' (1)" in said and "(a percentage) [E-NUM]" in said
    assert "d.csv, record 6, column 'amount': 'about 7' (1)" in said and "(not a number) [E-NUM]" in said
    declared = sold(engage, '"1.234,50"', "2.000", more=', decimal: ","')
    assert values(opened(declared)[1], "opportunities", "amount") == [(123_450,), (200_000,)]
    asks = told(sold(engage, '"1,234"', '"5,678"'))
    assert (asks.code, asks.where, asks.allowed) == ("E-NUM", "d.csv, column amount", "decimal: '.' or decimal: ','")


@pytest.mark.parametrize("header", ["CurrencyIsoCode", "Currency", "deal_currency_code", "Deal - Currency of value"])
def test_b56_amounts_in_several_currencies_are_never_added_up(engage: Make, header: str) -> None:
    rows, named = ("5,EUR", "7,USD", "9,EUR"), f"amount,{header}"
    problem = told(sold(engage, *rows, header=named))
    assert (problem.code, problem.where.casefold()) == ("E-NUM", f"d.csv, column {header}".casefold())
    assert "'EUR' (2 rows), 'USD' (1 row)" in problem.what and "convert amount to EUR" in problem.fix
    only = sold(engage, *rows, header=named, more=f", only: {{{header}: [EUR]}}")
    _, tables = opened(only)
    assert values(tables, "opportunities", "amount") == [(500,), (900,)]
    assert counted(tables, "d.csv") == (3, 2, 0, 1, {f"not EUR in {header}": 1})
    by_count = sold(engage, *rows, header=named)
    settings = by_count.folder / SETTINGS_FILE
    settings.write_text(settings.read_text().replace(", amount: amount", ""))
    assert counted(opened(by_count)[1], "d.csv") == (3, 3, 0, 0, {})  # without amounts all of them count


def test_b56_one_other_currency_and_a_sign_are_refused_and_the_agreed_one_is_read(engage: Make) -> None:
    assert "'USD' (2 rows)" in told(sold(engage, "5,USD", "7,USD", header="amount,Currency")).what
    assert "'$7' is not in EUR" in told(sold(engage, "€5", "$7")).what
    for said in ("EUR", "eur", "Euro"):
        read = sold(engage, f"5,{said}", f"7,{said}", ",USD", header="amount,Currency")  # no amount, nothing to add
        assert values(opened(read)[1], "opportunities", "amount") == [(500,), (700,), (None,)]


def test_b57_what_is_no_finite_amount_is_rejected_and_one_below_zero_is_told(engage: Make) -> None:
    engagement = sold(engage, "-5", "0", "1e308", "inf", "nan", "-inf", "7")
    settings, tables = opened(engagement)
    assert values(tables, "opportunities", "amount") == [(-500,), (0,), (700,)]
    assert counted(tables, "d.csv") == (7, 3, 4, 0, {"E-NUM": 4})
    assert "d.csv, record 3 and 3 more, column 'amount'" in rejected(engagement)
    faults = found(funnel.diagnose(tables, settings))
    assert faults["Amount below zero"] == (1, 3, "d.csv record 1", "kept as recorded")
    assert faults["Won for nothing"] == (1, 3, "d.csv record 2", "kept as zero")


# --- times and stages (B58-B68) ---------------------------------------------------------------------------------------


def found(result: Result) -> dict[str, tuple[Any, Any, Any, Any]]:
    """Which faults of the records are told, how many of how many, where first, and what was done?"""
    rows: list[Row] = result.exhibit("funnel.faults").rows
    return {str(row["fault"]): (row["k"], row["n"], row["where"], row["done"]) for row in rows}


def closed(engage: Make, n_backwards: int, n: int = 20) -> Result:
    rows = [f"{i},won,2024-03-10,2024-0{'2-10' if i < n_backwards else '4-19'},10,s1\n" for i in range(n)]
    settings, tables = opened(engage({"d.csv": DEAL_HEAD + "".join(rows)}, DEALS))
    assert counted(tables, "d.csv")[:2] == (n, n)  # all of them count
    return funnel.diagnose(tables, settings)


def test_b58_a_close_before_the_creation_is_counted_and_has_no_duration(engage: Make) -> None:
    result = closed(engage, 2)
    assert found(result)["Closed before it was opened"] == (
        2, 20, "d.csv record 1, 2", "kept in counts and rates, left out of durations"
    )  # fmt: skip
    assert any(caveat.startswith("2 of 20 closed opportunities were closed before") for caveat in result.caveats)
    whole = result.exhibit("funnel.deals").rows[-1]
    assert (whole["n"], whole["median_days"]) == (18, 40.0) and "2 closed before opened" in str(whole["note"])
    assert result.finding("funnel.win_rate").measure.n == 20


def test_b58_where_many_close_before_they_open_no_length_is_told_at_all(engage: Make) -> None:
    for n, median in ((4, 40.0), (5, None)):  # a fifth is the most
        rows = closed(engage, n).exhibit("funnel.deals").rows
        assert {row["median_days"] for row in rows if row["n"] or str(row["label"]).startswith("All")} == {median}
    assert all("so many that no length is told" in str(rows[at]["note"]) for at in (0, -1))


def test_b59_an_event_shortly_before_the_leads_creation_stays_and_is_counted(engage: Make) -> None:
    # The table asks for it to be moved to the creation. Nothing is counted from a creation, so it keeps its own time.
    files = {"l.csv": "id,at,owner\n1,2024-02-01 10:00,s\n2,2024-02-01 10:00,s\n",
             "e.csv": "id,stage,at,owner\n1,mql,2024-02-01 09:57:30,s\n2,mql,2024-02-01 10:00,s\n"}  # fmt: skip
    settings, tables = opened(engage(files, LEADS + EVENTS))
    assert str(values(tables, "stage_events", "entered_at")[0][0]) == "2024-02-01 09:57:30"
    assert found(funnel.diagnose(tables, settings))["Entered a stage before it was created"] == (
        1, 2, "l.csv record 1", "kept; nothing is counted from a lead’s creation"
    )  # fmt: skip


def test_b60_a_date_after_the_as_of_day_is_rejected_whatever_today_is(engage: Make) -> None:
    text = "id,at,owner\n1,2024-12-31,s\n2,2025-01-31,s\n3,2025-02-01,s\n4,2025-06-01,s\n"
    engagement = engage({"l.csv": text}, LEADS)
    _, tables = opened(engagement)
    assert counted(tables, "l.csv") == (4, 1, 2, 1, {"E-FUTURE": 2, "created outside the period": 1})
    said = rejected(engagement)
    assert "l.csv, record 3 and 1 more, column 'at'" in said and "(after the as-of date 2025-01-31) [E-FUTURE]" in said


def test_b61_a_lead_without_events_stays_among_the_leads(engage: Make) -> None:
    files = {"l.csv": "id,at,owner\n" + "".join(f"{i},2024-02-01,s\n" for i in range(4)),
             "e.csv": "id,stage,at,owner\n0,mql,2024-02-02,s\n"}  # fmt: skip
    settings, tables = opened(engage(files, LEADS + EVENTS))
    assert counted(tables, "l.csv")[:2] == (4, 4)
    assert found(funnel.diagnose(tables, settings))["Listed, and in no stage at all"][:3] == (
        3, 4, "l.csv record 2, 3, 4"
    )  # fmt: skip


def orphans(engage: Make, n: int, of: int = 10) -> Any:
    events = "".join(f"{'x' if i < n else '1'},mql,2024-02-{i + 1:02},s\n" for i in range(of))
    return engage({"l.csv": "id,at,owner\n1,2024-02-01,s\n", "e.csv": "id,stage,at,owner\n" + events}, LEADS + EVENTS)


def test_b62_events_of_an_unknown_lead_are_rejected_and_a_file_mostly_of_them_is_refused(engage: Make) -> None:
    settings, tables = opened(orphans(engage, 5))
    assert counted(tables, "e.csv") == (10, 5, 5, 0, {"E-ORPHAN": 5})
    note = "5 rows of e.csv named a lead_id that is not in leads and had to be rejected."
    assert note in tables.notes_on("stage_events")
    assert found(funnel.diagnose(tables, settings))["Row of a lead that is not listed"][:3] == (5, 11, "e.csv")
    problem = told(orphans(engage, 6))
    assert (problem.code, problem.where) == ("E-ORPHAN", "e.csv, column id")
    assert problem.what.startswith("6 of 10 rows") and "one export" in problem.fix


def moved(engage: Make, *events: str, path: str = "any") -> tuple[Result, Tables]:
    """Which result do these events give, written "lead stage day-time owner"?"""
    rows = "".join(",".join(event.split(" ")) + "\n" for event in events)
    leads = "id,at,owner\n" + "".join(f"{lead},2024-01-01,\n" for lead in sorted({event[0] for event in events}))
    inputs = LEADS.replace(", owner_id: owner", "") + EVENTS
    settings, tables = opened(
        engage({"l.csv": leads, "e.csv": "id,stage,at,owner\n" + rows}, inputs, f"funnel: {{path: {path}}}")
    )
    assert counted(tables, "e.csv")[:2] == (len(events), len(events))
    return funnel.diagnose(tables, settings), tables


def test_b63_a_stage_entered_again_counts_when_first_entered(engage: Make) -> None:
    events = ("1 mql 2024-02-01 s", "1 sal 2024-02-03 s", "1 mql 2024-02-05 s", "1 sal 2024-02-09 s")
    result, tables = moved(engage, *events)
    (spell,) = read_spells(tables).itertuples()
    assert (str(spell.mql_at)[:10], str(spell.sal_at)[:10]) == ("2024-02-01", "2024-02-03")
    assert found(result)["Back to an earlier stage without an exit"] == (
        1, 3, "e.csv record 3", "kept; a stage counts when first entered"
    )  # fmt: skip


def test_b64_a_skipped_stage_counts_by_the_declared_rule_and_all_totals_are_shown(engage: Make) -> None:
    said = {}
    for path in ("any", "strict", "backfilled"):
        events = ("1 mql 2024-02-01 s", "1 sql 2024-02-03 s", "2 mql 2024-02-01 s", "2 sal 2024-02-02 s")
        result, _ = moved(engage, *events, path=path)
        row = next(row for row in result.exhibit("funnel.waterfall").rows if row["stage"] == "sql")
        assert (row["n_strict"], row["n_any"], row["n_backfilled"]) == (0, 1, 1)
        skipped = found(result)["Stage skipped"]
        assert skipped[:3] == (1, 2, "e.csv record 2")
        said[path] = skipped[3]
    assert len(set(said.values())) == 3


def test_b65_stages_of_one_moment_stand_in_the_order_of_stages_whatever_the_order_of_rows(engage: Make) -> None:
    events = ["1 mql 2024-02-01 s", "1 sal 2024-02-01 t", "1 sql 2024-02-01 u", "2 mql 2024-02-01 s"]
    one, other = (moved(engage, *order) for order in (events, events[::-1]))
    frames = [read_spells(tables).drop(columns=["won_record"]) for _, tables in (one, other)]
    assert frames[0].equals(frames[1]) and list(frames[0]["last_stage"]) == ["sql", "mql"]
    faults = [found(result)["Two stages of a lead at one moment"] for result, _ in (one, other)]
    assert [fault[:2] for fault in faults] == [(2, 4)] * 2 and faults[0][3] == "put in the order of the stages"


def test_b66_a_stage_that_is_repeated_counts_once_and_is_told(engage: Make) -> None:
    result, tables = moved(engage, "1 mql 2024-02-01 s", "1 mql 2024-02-02 s", "1 mql 2024-02-03 s")
    assert len(read_spells(tables)) == 1 and values(tables, "stage_events", "count(*)") == [(3,)]
    assert found(result)["The same stage twice running"] == (
        2, 3, "e.csv record 2, 3", "kept; a stage counts when first entered"
    )  # fmt: skip


def test_b67_leads_and_deals_without_an_owner_stay_and_are_counted(engage: Make) -> None:
    files = {"d.csv": DEAL_HEAD + "1,won,2024-01-01,2024-02-01,5,\n2,won,2024-01-01,2024-02-01,5,s\n",
             "l.csv": "id,at,owner\n1,2024-01-01,\n2,2024-01-01,s\n",
             "e.csv": "id,stage,at,owner\n1,mql,2024-02-01,\n2,mql,2024-02-01,s\n"}  # fmt: skip
    settings, tables = opened(engage(files, LEADS + EVENTS + DEALS))
    faults = found(funnel.diagnose(tables, settings))
    assert faults["Nobody holds the opportunity"][:3] == (1, 2, "d.csv record 1")
    assert faults["Nobody holds the lead"][:3] == (1, 2, "l.csv record 1")
    assert faults["Nobody held the lead then"][:3] == (1, 2, "e.csv record 1")
    leaks = {row["label"]: row["n"] for row in funnel.diagnose(tables, settings).exhibit("funnel.leaks").rows}
    assert leaks["No owner"] == 1


def test_b68_two_hundred_thousand_events_are_counted_exactly(engage: Make) -> None:
    # Ten million rows, their memory and CPU time: benchmarks/intake.py. Here the counts, with 1 in 1,000 rows wrong.
    n, leads = 200_000, 2_000
    lines = [f"{i % leads},{'mql' if i % 2 else 'sal'},2024-{i % 12 + 1:02}-{i % 28 + 1:02} {i % 24:02}:{i % 60:02},s"
             for i in range(n)]  # fmt: skip
    lines[::1_000] = ["1,mql,2024-02-30 10:00,s"] * (n // 1_000)
    files = {"l.csv": "id,at,owner\n" + "".join(f"{i},2024-01-01,s\n" for i in range(leads)),
             "e.csv": "id,stage,at,owner\n" + "\n".join(lines) + "\n"}  # fmt: skip
    _, tables = opened(engage(files, LEADS + EVENTS))
    assert counted(tables, "e.csv") == (n, n - 200, 200, 0, {"E-DATE": 200})
    assert values(tables, "stage_events", "count(*)", "count(distinct record)", "min(record)", "max(record)") == [
        (n - 200, n - 200, 2, n)
    ]  # fmt: skip


# --- sizes and odd text (B69, B80-B83) --------------------------------------------------------------------------------

TEXT = "  - {file: a.csv, table: assets, columns: {asset_id: id, title: title}}\n"


def reported(texts: list[str]) -> Record:
    """The sample record with one table that says each of these texts, and the first of them as its title."""
    rows: list[Row] = [{"label": text, "n": 3} for text in texts]
    exhibit = Exhibit(
        key="funnel.hostile", title=texts[0], shape="table", rows=rows, read="r", alt="a", source="s",
        columns=[Column(name="label", label="Label"), Column(name="n", label="N", unit="count")],
    )  # fmt: skip
    result = Result(diagnostic="funnel", question="q", headline="h", summary="s", exhibits=[exhibit])
    record = sample_record()
    return record.model_copy(update={"results": record.results | {"funnel": result}})


def in_workbook(texts: list[str]) -> list[str]:
    """How does the report's workbook say these texts? It holds no formula and no link to elsewhere."""
    import openpyxl

    book = openpyxl.load_workbook(io.BytesIO(xlsx.render(document.build(reported(texts)))))
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row]
    assert not [c for c in cells if c.data_type == "f" or (c.hyperlink and c.hyperlink.target)]
    (sheet,) = [sheet for sheet in book if sheet.title.endswith("Hostile")]
    labels = [row[0].value for row in sheet.iter_rows()]
    return [str(label) for label in labels[labels.index("Label") + 1 :][: len(texts)]]


def test_b69_a_cell_of_a_megabyte_is_kept_whole_and_cut_visibly_in_a_workbook_alone(engage: Make) -> None:
    long, cell = "x" * 1_000_000, "y" * 32_768
    _, tables = opened(engage({"a.csv": f"id,title\n1,{long}\n2,{cell}\n"}, TEXT))
    assert values(tables, "assets", "title") == [(long,), (cell,)]
    (shown,) = in_workbook([cell])
    assert len(shown) == 32_767 and shown == cell[:32_766] + "…"


def test_b69_two_thousand_columns_are_read_and_more_are_refused(engage: Make) -> None:
    for n in (2_000, 2_001):
        wide = ",".join(["id", "title", *(f"c{i}" for i in range(n - 2))]) + "\n" + "1,a" + "," * (n - 2) + "\n"
        engagement = engage({"a.csv": wide}, TEXT)
        if n == 2_000:
            assert counted(opened(engagement)[1], "a.csv") == (1, 1, 0, 0, {})
        else:
            (problem,) = snapshot.check(engagement.folder)[2]
            assert (problem.code, problem.where, problem.allowed) == ("E-WIDTH", "a.csv", "up to 2000")
            assert "2001 columns" in problem.what


HOSTILE = ["<script>pwned(1)</script>", "=cmd|'/C calc'!A0", "{{7*7}}", "${x}", "%s%n", "../../etc/passwd",
           "@SUM(A1)", "+1+1", "-2", "#[eval]", "'; drop table assets; --", "$(id)"]  # fmt: skip


def test_b81_text_that_looks_like_code_is_that_text_everywhere(engage: Make) -> None:
    rows = "".join(f'{i},"{text}"\n' for i, text in enumerate(HOSTILE))
    _, tables = opened(engage({"a.csv": "id,title\n" + rows}, TEXT))
    assert {title for (title,) in values(tables, "assets", "title")} == set(HOSTILE)
    assert in_workbook(HOSTILE) == HOSTILE
    page = html.render(document.build(reported(HOSTILE)))
    assert "<script" not in page and "&lt;script&gt;pwned(1)&lt;/script&gt;" in page


ODD = {"invoice\u202efdp.exe": "invoice\ufffdfdp.exe", "a\u200bb": "a\u200bb", "👩‍🚀 Ω": "👩‍🚀 Ω",
       "bell\x07": "bell\ufffd", "esc\x1b[31m": "esc\ufffd[31m"}  # fmt: skip


def test_b82_odd_characters_stay_in_the_data_and_are_marked_where_they_mislead(engage: Make) -> None:
    from pptx import Presentation

    rows = "".join(f'{i},"{text}"\n' for i, text in enumerate(ODD))
    _, tables = opened(engage({"a.csv": "id,title\n" + rows}, TEXT))
    assert {title for (title,) in values(tables, "assets", "title")} == set(ODD)
    assert in_workbook([*ODD]) == [*ODD.values()]
    assert len(Presentation(io.BytesIO(pptx.render(document.build(reported([*ODD]))))).slides) > 2
    lone = engage({"a.csv": b"id,title\n1,\xc3\xa9\n2,a\xed\xa0\x80b\n"}, TEXT)  # half a character is no text
    problem = told(lone)
    assert (problem.code, problem.where) == ("E-ENC", "a.csv, line 3")


def test_b83_names_equal_after_composing_are_one_name(engage: Make) -> None:
    composed, apart = (unicodedata.normalize(form, "Zoë") for form in ("NFC", "NFD"))
    _, tables = opened(engage({"a.csv": f"id,title\n1,{composed}\n2,{apart}\n"}, TEXT))
    assert composed != apart and values(tables, "assets", "distinct title") == [(composed,)]
    assert (
        "1 value of a.csv, column title, had spaces at an end or accents written in another form."
        in (tables.notes["files"])
    )


def test_b80_a_file_that_changes_while_it_is_read_is_refused(engage: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    engagement = engage({"a.csv": "id,title\n1,a\n"}, TEXT)
    path, real = engagement.folder / "data" / "a.csv", os.fstat

    def looked_at(descriptor: int) -> os.stat_result:
        seen = real(descriptor)
        if os.path.samestat(seen, path.stat()):  # another program writes a row between two looks at the file
            path.write_bytes(path.read_bytes() + b"2,b\n")
        return seen

    monkeypatch.setattr(os, "fstat", looked_at)
    problem = told(engagement)
    assert (problem.code, problem.where) == ("E-CHANGED", "a.csv") and "close" in problem.fix


# --- names of clients and content (B84-B86) ---------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["..", ".", "", "CON", "nul.txt", "x" * 300, "a:b", "end.", "a\x07b"])
def test_b84_a_folder_that_some_system_could_not_hold_is_refused(name: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["new", f"{tmp_path}/{name}"])
    assert isinstance(result.exception, AlignError) and result.exception.problems[0].code == "E-USE"
    assert not [*tmp_path.iterdir()]


@pytest.mark.parametrize("client", ["..", "CON", "x" * 300, "acme", "ACME", "../../etc", "a/b", "<b>"])
def test_b84_a_clients_name_is_never_part_of_a_path(client: str, engage: Make) -> None:
    engagement = engage({"a.csv": "id,title\n1,a\n"}, TEXT)
    path = engagement.folder / SETTINGS_FILE
    path.write_text(path.read_text().replace("client: Test Client", f"client: '{client}'"))
    settings, _ = opened(engagement)
    assert settings.client == client
    written = {each.relative_to(engagement.folder).as_posix() for each in engagement.folder.rglob("*")}
    assert written == {"data", "data/a.csv", "engagement.yml", "run", "run/intake.json", "run/rejected.parquet",
                       "run/settings.json", "run/tables", "run/tables/assets.parquet"}  # fmt: skip
    for refused in ("''", "'" + "x" * 301 + "'"):
        with pytest.raises(AlignError, match=r"line 3: client.*E-CONFIG"):
            parse_settings(path.read_text().replace(f"client: '{client}'", f"client: {refused}"))


CONTENT = """  - {file: a.csv, table: assets, columns: {asset_id: id, title: title, url: link}%s}
  - {file: u.csv, table: asset_usage, columns: {asset_id: id, event: event, used_at: at}}
"""


def test_b85_an_address_is_text_and_no_link(engage: Make) -> None:
    links = [
        "javascript:pwned(1)",
        "https://example.com/" + "x" * 5_000,
        "",
        "data:text/html,<script>pwned(1)</script>",
    ]
    files = {"a.csv": "id,title,link\n" + "".join(f'{i},t{i},"{link}"\n' for i, link in enumerate(links)),
             "u.csv": "id,event,at\n0,view,2024-03-01\n"}  # fmt: skip
    settings, tables = opened(engage(files, CONTENT % ""))
    assert counted(tables, "a.csv") == (4, 4, 0, 0, {})
    assert [link or "" for _, link in values(tables, "assets", "asset_id", "url")] == links
    result = content.diagnose(tables, settings)
    assert result.row_counts
    page = html.render(document.build(reported(links)))
    assert 'href="javascript:' not in page.casefold() and links[0] in page


SAME = "https://example.com/guide"
FILES = {
    "a.csv": f"id,title,link\n{SAME},Guide,\n{SAME}/,Guide again,\nhttp://EXAMPLE.com/guide?utm_source=x#top,,\n"
    f"{SAME}?v=2,Second,\nA-17,Paper,\n",
    "u.csv": f"id,event,at\n{SAME}/,view,2024-03-01\n{SAME}?utm_medium=mail,view,2024-03-02\nA-17,view,2024-03-03\n"
    f"{SAME}?v=2,view,2024-03-04\n",
}


def test_b86_addresses_that_differ_by_a_slash_or_a_tag_are_one_asset_where_it_is_declared(engage: Make) -> None:
    _, tables = opened(engage(FILES, CONTENT % ", same_address: true"))
    assert values(tables, "assets", "asset_id", "title") == [
        ("A-17", "Paper"), (SAME, "Guide"), (f"{SAME}?v=2", "Second")
    ]  # fmt: skip
    assert counted(tables, "a.csv") == (5, 3, 0, 2, {"merged into another record": 2})
    uses = tables.query("select asset_id, count(*) as n from asset_usage group by 1 order by 1").values.tolist()
    assert uses == [["A-17", 1], [SAME, 2], [f"{SAME}?v=2", 1]]
    assert "2 rows of u.csv named a merged asset_id; the id that is left was read." in tables.notes_on("asset_usage")


def test_b86_without_the_rule_each_address_is_an_asset_of_its_own(engage: Make) -> None:
    _, tables = opened(engage(FILES, CONTENT % ""))
    assert counted(tables, "a.csv") == (5, 5, 0, 0, {})
    assert counted(tables, "u.csv") == (4, 3, 1, 0, {"E-ORPHAN": 1})


# --- settings (B87-B90) -----------------------------------------------------------------------------------------------

SOUND = """\
version: 1
client: Test Client
period: {start: 2024-01-01, end: 2024-12-31}
as_of: 2025-01-31
currency: EUR
timezone: UTC
"""
WRONG_SETTINGS = {  # what is wrong, and what is said of it
    "a key twice": (SOUND + "currency: USD\n", "line 7: 'currency' is given twice"),
    "no for false": (SOUND + "synthetic: NO\n", "line 7: synthetic: neither true nor false"),
    "a time for a number": (SOUND + "goal: {months: 12:30}\n", "line 7: goal.months: not a plain number"),
    "a tab": (SOUND + "survey:\n\tmode: named\n", "line 8: this is not valid YAML"),
    "an anchor": (SOUND + "done: &a []\n", "line 7: anchors, aliases and tags are not allowed"),
    "a bomb": (SOUND + "a: &a [x]\nb: &b [*a, *a]\nc: &c [*b, *b]\nd: &d [*c, *c]\n", "line 7: anchors, aliases and"),
    "an unknown key": (SOUND + "treshholds: {win_rate: 0.2}\n", "did you mean 'thresholds'?"),
    "k below 3": (SOUND + "survey: {smallest_group: 2}\n", "line 7: survey.smallest_group"),
    "a threshold below 0": (SOUND + "thresholds: {win_rate: -0.1}\n", "win_rate must lie between 0 and 1"),
    "a period backwards": (SOUND.replace("end: 2024-12-31", "end: 2023-12-31"), "line 3: period: the period ends"),
    "no as-of day": (SOUND.replace("as_of: 2025-01-31\n", ""), "as_of is missing"),
}  # fmt: skip


def refused(text: str) -> list[Problem]:
    with pytest.raises(AlignError) as caught:
        parse_settings(text)
    problems = caught.value.problems
    assert {problem.code for problem in problems} == {"E-CONFIG"}
    assert all(problem.where.startswith(f"{SETTINGS_FILE}, line ") for problem in problems)
    return problems


@pytest.mark.parametrize("case", [*WRONG_SETTINGS][:7])
def test_b87_settings_that_say_something_else_than_they_seem_to_are_refused_with_their_line(case: str) -> None:
    text, said = WRONG_SETTINGS[case]
    problems = refused(text)
    assert any(said in str(problem) for problem in problems) and all(problem.fix for problem in problems)


def test_b87_a_number_with_a_zero_before_it_is_the_number_a_person_reads() -> None:
    assert parse_settings(SOUND + "goal: {months: 012}\n").goal.months == 12  # and not the 10 that YAML takes it for


def test_b88_a_parameter_that_the_notebook_does_not_declare_is_refused(root: Path) -> None:
    path = root / "notebooks" / "funnel.ipynb"
    with pytest.raises(AlignError) as caught:
        check_parameters(path, {"run_dri": "x"})
    (problem,) = caught.value.problems
    assert (problem.code, "run_dri" in problem.what, bool(problem.allowed)) == ("E-PARAM", True, True)


def test_b89_a_mapping_to_nothing_or_from_two_places_is_refused(engage: Make) -> None:
    files = {"l.csv": "id,created\n1,2024-01-01\n"}
    absent = told(engage(files, "  - {file: l.csv, table: leads, columns: {lead_id: idd, created_at: created}}\n"))
    assert (absent.code, absent.where, absent.allowed) == ("E-MAP", "l.csv", "id, created")
    assert "there is no column 'idd'; nearest: id" in absent.what
    twice = "  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: created}, constants: {lead_id: 7}}\n"
    (problem,) = snapshot.check(engage(files, twice).folder)[2]
    assert (problem.code, problem.what, problem.fix) == (
        "E-MAP",
        "lead_id is filled from two places",
        "keep one of them",
    )
    # One column of theirs may feed two of ours: a date is both the creation and the first stage.
    both = "  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: created, source: created}}\n"
    assert values(opened(engage(files, both))[1], "leads", "source") == [("2024-01-01",)]


@pytest.mark.parametrize("case", [*WRONG_SETTINGS][7:])
def test_b90_impossible_settings_are_refused_before_any_file_is_opened(case: str, engage: Make) -> None:
    text, said = WRONG_SETTINGS[case]
    (problem,) = refused(text)
    assert said in str(problem) and problem.fix
    engagement = engage({}, "  []\n")
    (engagement.folder / SETTINGS_FILE).write_text(text + "inputs: [{file: none.csv, table: leads}]\n")
    assert "E-CONFIG" in engagement.message() and "none.csv" not in engagement.message()
