"""Faults of the records: each planted in rows one can count, found there, and not found where there is none."""

import re
from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignlib.diagnostics.funnel import faults, steps
from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.diagnostics.funnel.steps import Times
from alignlib.engagement import Settings, parse_settings
from alignlib.intake.snapshot import open_run
from alignlib.intake.tables import Tables
from alignlib.result import Part, Result, RowCount

Rows = dict[str, list[dict[str, Any]]]
MOST_RAISED = binom.ppf(0.999, 1000, 0.001)  # the rule's own chance of a false alarm, in 1,000 worlds
NOT_OVER = {"Spell not over yet", "Opportunity not over yet"}


def settings(**changes: Any) -> Settings:
    base = parse_settings(
        "{version: 1, client: X, period: {start: 2025-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
        "timezone: UTC}"
    )
    return Settings.model_validate(base.model_dump() | changes)


def event(lead: str, stage: str, at: str, owner: str | None = "S1") -> dict[str, Any]:
    return {"lead_id": lead, "stage": stage, "entered_at": f"2025-{at}", "owner_id": owner}


def clean() -> Rows:
    """Three leads (one won, one sent back, one open) and their opportunities, without any fault."""
    deal = {"amount": 100, "owner_id": "S1", "opened_at": "2025-01-20 13:00"}
    lead = {"created_at": "2025-01-01 08:00", "owner_id": "S1", "is_converted": False}
    return {
        "stage_events": [
            event("A", "inquiry", "01-02 09:00"), event("A", "mql", "01-05 10:00"), event("A", "sal", "01-06 11:00"),
            event("A", "sql", "01-10 12:00"), event("A", "opportunity", "01-20 13:00"),
            event("A", "won", "02-20 14:00"), event("B", "inquiry", "01-03 09:30"), event("B", "mql", "01-07 10:30"),
            event("B", "recycled", "01-09 11:30"), event("C", "inquiry", "01-04 09:15"),
            event("C", "mql", "01-08 10:15"),
        ],
        "leads": [{**lead, "lead_id": "A", "stage": "won", "is_converted": True},
                  {**lead, "lead_id": "B", "stage": "recycled"}, {**lead, "lead_id": "C", "stage": "mql"}],
        "opportunities": [
            {**deal, "opportunity_id": "O1", "lead_id": "A", "outcome": "won", "closed_at": "2025-02-20 14:00"},
            {**deal, "opportunity_id": "O2", "lead_id": "C", "outcome": "open"},
            {**deal, "opportunity_id": "O3", "lead_id": "B", "outcome": "lost", "closed_at": "2025-02-01 14:00"},
        ],
        "sales_touches": [{"lead_id": "A", "touched_at": "2025-01-05 12:00"}],
    }  # fmt: skip


def put(table: str, at: int, **changes: Any) -> Callable[[Rows], Any]:
    """Which change writes these values into a row, counted from 1 as records are?"""
    return lambda rows: rows[table][at - 1].update(changes)


def add(table: str, *new: dict[str, Any]) -> Callable[[Rows], Any]:
    return lambda rows: rows[table].extend(new)


def found(tables: Tables, agreed: Settings | None = None) -> Part:
    return faults.part(tables, agreed or settings(), read_spells(tables))


def by_fault(part: Part) -> dict[str, dict[str, Any]]:
    return {str(row["fault"]): row for row in part.exhibits[0].rows if row["kind"]}


def lists(part: Part) -> dict[str, str]:
    """The closing rows: their list follows the colon, and no other column is filled."""
    closing = [row for row in part.exhibits[0].rows if not row["kind"]]
    assert all(row[column.name] is None for row in closing for column in part.exhibits[0].columns[1:])
    return dict(str(row["fault"]).split(": ") for row in closing)


EVENTS, LEADS, DEALS = "stage_events.csv record", "leads.csv record", "opportunities.csv record"
PLANTED: dict[str, tuple[Callable[[Rows], Any], int, int, str]] = {
    "Back after an exit": (add("stage_events", event("B", "mql", "03-01 10:00")), 1, 12, f"{EVENTS} 12"),
    "Stage skipped": (add("stage_events", event("C", "opportunity", "03-01 10:00")), 1, 8, f"{EVENTS} 12"),
    "Back to an earlier stage without an exit": (
        add("stage_events", event("C", "inquiry", "03-01 10:00")), 1, 8, f"{EVENTS} 12"),
    "The same stage twice running": (add("stage_events", event("C", "mql", "03-01 10:00")), 1, 12, f"{EVENTS} 12"),
    "Two stages of a lead at one moment": (
        put("stage_events", 11, entered_at="2025-01-04 09:15"), 1, 11, f"{EVENTS} 11"),
    "Nobody held the lead then": (put("stage_events", 11, owner_id=None), 1, 8, f"{EVENTS} 11"),
    "First recorded beyond the first stage": (lambda rows: rows["stage_events"].pop(9), 1, 3, f"{EVENTS} 10"),
    "Made an opportunity more than once": (
        add("stage_events", event("A", "opportunity", "03-01 10:00")), 1, 1, f"{EVENTS} 1"),
    "Entered a stage before it was created": (put("leads", 3, created_at="2025-01-06 08:00"), 1, 3, f"{LEADS} 3"),
    "Listed, and in no stage at all": (
        add("leads", {"lead_id": "D", "created_at": "2025-01-01 08:00", "owner_id": "S1"}), 1, 4, f"{LEADS} 4"),
    "Stage in the list is not the last one of the history": (put("leads", 3, stage="inquiry"), 1, 3, f"{LEADS} 3"),
    "Converted by the stage, not by the flag": (put("leads", 1, is_converted=False), 1, 1, f"{LEADS} 1"),
    "Converted by the flag, not by the stage": (put("leads", 3, is_converted=True), 1, 2, f"{LEADS} 3"),
    "Nobody holds the lead": (put("leads", 3, owner_id=None), 1, 3, f"{LEADS} 3"),
    "Closed before it was opened": (put("opportunities", 1, closed_at="2025-01-20 12:00"), 1, 2, f"{DEALS} 1"),
    "Closed after the as-of day": (put("opportunities", 1, closed_at="2026-01-01 00:00"), 1, 2, f"{DEALS} 1"),
    "Closed, and no day of it": (put("opportunities", 3, closed_at=None), 1, 2, f"{DEALS} 3"),
    "No day of opening": (put("opportunities", 2, opened_at=None), 1, 3, f"{DEALS} 2"),
    "Won, without an amount": (put("opportunities", 1, amount=None), 1, 1, f"{DEALS} 1"),
    "Won for nothing": (put("opportunities", 1, amount=0), 1, 1, f"{DEALS} 1"),
    "Amount below zero": (put("opportunities", 3, amount=-1), 1, 3, f"{DEALS} 3"),
    "Nobody holds the opportunity": (put("opportunities", 2, owner_id=None), 1, 3, f"{DEALS} 2"),
    "Of a lead that is not listed": (put("opportunities", 3, lead_id="Z"), 1, 3, f"{DEALS} 3"),
    "Several opportunities of one lead": (put("opportunities", 3, lead_id="A"), 1, 2, f"{DEALS} 1"),
    "One opportunity of several leads": (put("opportunities", 3, opportunity_id="O1"), 1, 2, f"{DEALS} 1"),
    "10 stage events or more at one moment": (
        add("stage_events", *(event(f"L{i}", "inquiry", "03-01 10:00") for i in range(10))), 10, 21,
        "1 batch, the largest of 10 rows on 1 March 2025"),
    "10 sales touches or more at one moment": (
        add("sales_touches", *({"lead_id": "B", "touched_at": "2025-03-01 10:00"} for _ in range(12))), 12, 13,
        "1 batch, the largest of 12 rows on 1 March 2025"),
    "Won before the handover": (put("stage_events", 6, entered_at="2025-01-04 14:00"), 1, 1, f"{EVENTS} 6"),
    "Won and later lost": (add("stage_events", event("A", "lost", "03-01 10:00")), 1, 1, f"{EVENTS} 6"),
}  # fmt: skip


def test_records_without_a_fault_show_none_and_every_kind_was_looked_for(make_tables: Any) -> None:
    part = found(make_tables(clean()))
    assert by_fault(part).keys() == NOT_OVER and part.caveats == []
    assert lists(part).keys() == {"Not found"}  # nothing that could not be looked for
    absent = lists(part)["Not found"]
    others = [faults.BEGAN, faults.RETIRED, faults.COARSE, faults.CUT, *faults.AT_INTAKE.values()]
    kinds = [*PLANTED, *(check.fault for check in others)]
    assert sorted(absent.rstrip(".").split("; ")) == sorted(name[:1].lower() + name[1:] for name in kinds)
    assert part.exhibits[0].title == f"2 of {len(kinds) + 2} kinds of faults and gaps looked for occur in the records"


@pytest.mark.parametrize("fault", PLANTED)
def test_each_fault_is_counted_among_the_right_rows_and_named_by_its_record(make_tables: Any, fault: str) -> None:
    change, k, n, where = PLANTED[fault]
    rows = deepcopy(clean())
    change(rows)
    part = found(make_tables(rows))
    row = by_fault(part)[fault]
    assert (row["k"], row["n"], row["where"]) == (k, n, where)
    assert row["share"] == k / n and row["done"] and row["of"]
    assert fault[:1].lower() + fault[1:] not in lists(part)["Not found"].rstrip(".").split("; ")


def test_what_intake_left_out_is_told_with_what_became_of_it(make_tables: Any) -> None:
    counts = [
        RowCount(file="h.csv", table="stage_events", read=20, used=11, rejected=8, excluded=1,
                 reasons={"E-FUTURE": 3, "E-ORPHAN": 5, "identical duplicate": 1}),
        RowCount(file="x.csv", table="assets", read=9, used=0, rejected=9, excluded=0, reasons={"E-DATE": 9}),
    ]  # fmt: skip
    rows = by_fault(found(replace(make_tables(clean()), row_counts=counts)))
    told = {name: (row["k"], row["n"], row["where"]) for name, row in rows.items() if row["of"] == "rows read"}
    assert told == {
        "Dated after the as-of day": (3, 20, "h.csv"), "Row of a lead that is not listed": (5, 20, "h.csv"),
        "The same row twice": (1, 20, "h.csv"),
    }  # fmt: skip
    assert rows["The same row twice"]["done"] == "counted once"
    assert rows["Dated after the as-of day"]["done"] == "left out, counted as rejected"


@pytest.mark.parametrize("read", [*faults.CUT_AT, 1_999, 2_001, 48])
def test_an_export_of_a_round_number_of_rows_may_be_cut_off(make_tables: Any, read: int) -> None:
    counts = [RowCount(file="h.csv", table=t, read=read, used=read, rejected=0, excluded=0)
              for t in ("stage_events", "leads")]  # fmt: skip
    part = found(replace(make_tables(clean()), row_counts=counts))
    is_cut = read in faults.CUT_AT
    assert (faults.CUT.fault in by_fault(part)) == is_cut and bool(part.caveats) == is_cut
    if is_cut:
        row = by_fault(part)[faults.CUT.fault]  # one file that feeds two tables is one file
        assert (row["k"], row["n"], row["where"]) == (1, 1, f"h.csv holds exactly {read:,} rows")


def test_days_beside_times_are_told_by_column_and_raise_no_alarm_of_order(make_tables: Any) -> None:
    rows = clean()
    for lead in rows["leads"]:
        lead["created_at"] = "2025-01-03"  # a day: A entered on the 2nd, B on the 3rd at 9:30, C on the 4th
    for deal, closed in zip(rows["opportunities"], ("2025-01-20", None, "2025-01-18"), strict=True):
        deal["closed_at"] = closed  # O1: on the day of its opening; O3: two days before
    tables = make_tables(rows, day_only=frozenset({"leads.created_at", "opportunities.closed_at"}))
    told = by_fault(found(tables))
    assert faults.COARSE.fault in told and told[faults.COARSE.fault]["where"] == (
        "leads.created_at, opportunities.closed_at"
    )
    assert (told[faults.COARSE.fault]["k"], told[faults.COARSE.fault]["n"]) == (2, 5)
    assert "Entered a stage before it was created" not in told  # 15 hours: it may be another zone's day
    assert told["Closed before it was opened"]["where"] == f"{DEALS} 3"


def test_stamps_of_the_day_are_no_batch(make_tables: Any) -> None:
    rows = {"stage_events": [event(f"L{i}", "mql", "03-01") for i in range(40)]}
    part = found(make_tables(rows))
    assert faults.STAMPED[0][2].fault not in by_fault(part)
    assert "10 stage events or more" in lists(part)["Not recorded, so not looked for"]


def test_a_column_that_was_not_delivered_is_said_and_never_counted_as_missing_or_zero(make_tables: Any) -> None:
    rows = clean()
    for deal in rows["opportunities"]:
        del deal["amount"], deal["owner_id"]
    part = found(make_tables(rows))
    assert by_fault(part).keys() == NOT_OVER
    assert lists(part)["Not recorded, so not looked for"] == (
        "won, without an amount; won for nothing; amount below zero; nobody holds the opportunity."
    )


def test_a_row_is_named_in_its_own_file(make_tables: Any) -> None:
    rows = clean()
    rows["opportunities"][0] |= {"file": "a.csv", "record": 9}
    rows["opportunities"][2] |= {"file": "b.csv", "record": 2, "lead_id": "A"}
    assert by_fault(found(make_tables(rows)))["Several opportunities of one lead"]["where"] == "a.csv record 9"


def test_opportunities_alone_are_checked_without_a_history(make_tables: Any) -> None:
    rows = {"opportunities": clean()["opportunities"]}
    rows["opportunities"][0]["amount"] = 0
    part = found(make_tables(rows))
    assert by_fault(part).keys() == {"Opportunity not over yet", "Won for nothing"}
    assert found(make_tables({})) == Part()


def test_leads_alone_are_checked_against_their_own_flag(make_tables: Any) -> None:
    rows = {"leads": clean()["leads"]}
    rows["leads"][0]["is_converted"] = False
    part = found(make_tables(rows))
    assert by_fault(part).keys() == {"Converted by the stage, not by the flag"}
    assert part.caveats == [
        "Converted leads: 1 by their stage, 0 by the flag (leads.csv record 1); no rate uses either."
    ]


def test_ten_won_and_later_lost_are_named_in_a_sentence_and_the_rest_counted(make_tables: Any) -> None:
    rows = [row for i in range(12) for row in (event(f"L{i}", "won", "03-01"), event(f"L{i}", "lost", "03-02"))]
    part = found(make_tables({"stage_events": rows}))
    assert "12 leads won and later lost (stage_events.csv record 1, 3, 5, 7, 9, 11, 13, 15, 17, 19 and 2 more): " \
        "counted as lost." in part.caveats  # fmt: skip
    assert by_fault(part)["Won and later lost"]["where"] == f"{EVENTS} 1, 3, 5 and 9 more"


def test_at_most_six_sentences_are_for_every_reader(make_tables: Any) -> None:
    rows = deepcopy(clean())
    for change, *_ in PLANTED.values():
        change(rows)
    part = found(make_tables(rows))
    assert len(by_fault(part)) > 20 and len(part.caveats) == faults.MOST_CAVEATS
    assert all(len(caveat) < 300 and caveat.endswith(".") for caveat in part.caveats)


@pytest.mark.parametrize("path", ["any", "strict", "backfilled"])
def test_what_a_skipped_stage_means_follows_the_path_rule(make_tables: Any, path: str) -> None:
    rows = clean()
    rows["stage_events"].append(event("C", "opportunity", "03-01 10:00"))
    told = by_fault(found(make_tables(rows), settings(funnel={"path": path})))
    assert told["Stage skipped"]["done"] == steps.PATHS[path]


def test_shuffled_rows_give_the_same_faults(make_tables: Any) -> None:
    rows = deepcopy(clean())
    for change, *_ in PLANTED.values():
        change(rows)
    rows = {name: [{**row, "record": i} for i, row in enumerate(each, start=1)] for name, each in rows.items()}
    one = found(make_tables(rows))
    for seed in range(5):
        rng = np.random.default_rng(seed)
        mixed = {name: [each[i] for i in rng.permutation(len(each))] for name, each in rows.items()}
        assert found(make_tables(mixed)) == one


def test_renamed_leads_and_owners_and_shifted_dates_change_no_figure(make_tables: Any) -> None:
    rows = deepcopy(clean())
    for change, *_ in PLANTED.values():
        change(rows)
    other = deepcopy(rows)
    for row in (row for each in other.values() for row in each):
        row |= {key: f"x-{row[key]}" for key in ("lead_id", "owner_id") if row.get(key)}
        row |= {key: str(pd.Timestamp(row[key]) - pd.Timedelta(days=364))
                for key in row if key.endswith("_at") and row[key]}  # fmt: skip
    base = settings().model_dump()
    shifted = Settings.model_validate(base | {"period": {"start": "2024-01-03", "end": "2025-01-01"},
                                              "as_of": "2025-01-01"})  # fmt: skip
    figures = [[(r["fault"], r["k"], r["n"], r["kind"]) for r in found(make_tables(each), agreed).exhibits[0].rows]
               for each, agreed in ((rows, settings()), (other, shifted))]  # fmt: skip
    assert figures[0] == figures[1]


# --- stages recorded for a part of the time ---------------------------------------------------------------------------


def world(rng: np.random.Generator, n: int = 600, until: float = 365, since: float = 0) -> pd.DataFrame:
    """Spells over a year of which half are accepted about ten days later, if that falls into what was recorded."""
    start = np.sort(rng.uniform(0, 365, n))
    lag = rng.exponential(10, n)
    went = (rng.random(n) < 0.5) & (start + lag < min(until, 365)) & (start + lag >= since)
    base = pd.Timestamp("2025-01-01")
    mql = pd.Series(base + pd.to_timedelta(start, unit="D"))
    sal = pd.Series(base + pd.to_timedelta(start + lag, unit="D")).where(went)
    blank = pd.Series(pd.NaT, index=mql.index, dtype="datetime64[us]")
    return pd.DataFrame({
        "inquiry_at": blank, "mql_at": mql, "sal_at": sal, "sql_at": blank, "opportunity_at": blank, "won_at": blank,
        "exit": None, "was_won": False, "last_event_at": sal.fillna(mql), "won_file": None, "won_record": None,
    })  # fmt: skip


def entered(spells: pd.DataFrame, *stages: str) -> Times:
    return steps.entered(spells, list(stages or ("mql", "sal")))


def test_a_stage_that_nobody_enters_any_more_is_found_and_almost_never_where_leads_go_on() -> None:
    worlds = [world(np.random.default_rng(seed)) for seed in range(1000)]
    raised = sum(faults.retired(each, entered(each)).k for each in worlds)
    assert raised <= MOST_RAISED
    seen = faults.retired(ended := world(np.random.default_rng(1), until=240), entered(ended))
    assert (seen.k, seen.n) == (1, 1)
    assert seen.where.startswith("Nobody entered sal after ") and seen.where.endswith("leads still came to mql")


def test_fewer_than_thirty_silent_days_may_be_a_holiday() -> None:
    worlds = [world(np.random.default_rng(2), n=3000, until=until) for until in (340, 330)]
    assert [faults.retired(each, entered(each)).k for each in worlds] == [0, 1]


def test_a_period_that_ends_is_no_stage_that_ended(make_tables: Any) -> None:
    # leads of a period that was closed in June; their wins go on until December
    spells = world(np.random.default_rng(3))
    closed = spells[spells["mql_at"] < "2025-07-01"].assign(won_at=lambda s: s["sal_at"] + pd.Timedelta(days=150))
    closed = closed.assign(last_event_at=closed["won_at"].fillna(closed["mql_at"]))
    assert faults.retired(closed, entered(closed, "mql", "sal", "won")).k == 0


def test_a_stage_recorded_only_from_some_day_on_is_found_and_not_otherwise() -> None:
    late = world(np.random.default_rng(4), since=150)
    seen = faults.began(late, entered(late), settings())
    assert seen.where.startswith("sal since 2 June 2025") and seen.k == (late["mql_at"] < late["sal_at"].min()).sum()
    assert seen.n == len(late)
    always = [world(np.random.default_rng(seed)) for seed in range(20)]
    assert not [seen for each in always if (seen := faults.began(each, entered(each), settings())).k]


def test_the_day_is_told_to_every_reader_and_the_one_agreed_wins(make_tables: Any) -> None:
    late = world(np.random.default_rng(4), since=150)
    tables = make_tables({"stage_events": [
        {"lead_id": f"L{i}", "stage": stage, "entered_at": str(at)}
        for i, row in enumerate(late.itertuples()) for stage, at in (("mql", row.mql_at), ("sal", row.sal_at))
        if not pd.isna(at)
    ]})  # fmt: skip
    assert found(tables).caveats == [
        "Recorded only from some day on: sal since 2 June 2025; what began before is kept in counts."
    ]
    spells = world(np.random.default_rng(5))
    agreed = settings(funnel={"tracking_since": {"sal": "2025-03-01"}})
    seen = faults.began(spells, entered(spells), agreed)
    assert seen.where == "sal since 1 March 2025" and seen.k == (spells["mql_at"] < "2025-03-01").sum()


# --- the sample company -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("planted", [True, False])
def test_the_sample_companys_dirt_is_told(prepared: Callable[[bool], Path], planted: bool) -> None:
    agreed, tables = open_run(prepared(planted))
    told = by_fault(found(tables, agreed))
    dirt = {
        "A date that is none": "leads.csv", "A total or a footer": "opportunities.csv",
        "Dated after the as-of day": "campaign_responses.csv", "The same row twice": "opportunities.csv",
    }  # fmt: skip
    assert {fault: (told[fault]["k"], told[fault]["where"]) for fault in dirt} == {f: (1, w) for f, w in dirt.items()}
    assert told["Row of a lead that is not listed"]["k"] == 2
    spells = read_spells(tables)
    assert told["Back after an exit"]["k"] == (spells["spell"] > 0).sum()
    assert not {"10 stage events or more at one moment", faults.RETIRED.fault, faults.BEGAN.fault} & told.keys()


def test_what_the_sample_company_is_told_uses_typographic_apostrophes(planted: tuple[Any, dict[str, Result]]) -> None:
    told = planted[1]["funnel"]
    said = [each.model_dump_json(exclude={"rule"}) for each in (*told.findings, *told.exhibits, *told.not_judged)]
    assert any("Marketing’s" in text for text in said)
    assert [text for text in said if re.search(r"[A-Za-z]'s?\b", text)] == []
