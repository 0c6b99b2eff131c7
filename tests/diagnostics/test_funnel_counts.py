"""Counts of steps: by hand, and against walking every lead through its events one by one, in many worlds."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise, product
from math import ceil
from typing import Any

import numpy as np
import pandas as pd
import pytest

from alignlib.diagnostics.funnel import batches, spells
from alignlib.diagnostics.funnel.counts import step_counts
from alignlib.engagement import EXITS, STAGES, Settings, parse_settings

BY, PATHS = ("", "owner", "source", "segment", "grade", "month", "quarter"), ("any", "strict", "backfilled")
RANK = {stage: place for place, stage in enumerate((*STAGES, *EXITS))}
Rows = list[dict[str, Any]]
YEAR = timedelta(days=364)


def settings(as_of: str = "2025-03-01") -> Settings:
    return parse_settings(
        f"{{version: 1, client: X, period: {{start: 2025-01-01, end: 2025-12-31}}, as_of: {as_of}, currency: EUR, "
        "timezone: UTC}"
    )


def events(*rows: str) -> Rows:
    """'L1 mql 01-05 12:00' -> one stage event in 2025."""
    parts = [(*row.split(), "00:00")[:4] for row in rows]
    return [{"lead_id": lead, "stage": stage, "entered_at": f"2025-{day} {clock}"} for lead, stage, day, clock in parts]


def cells(counts: pd.DataFrame) -> dict[tuple[Any, ...], int]:
    """The counts as {(step, label, hours or None, outcome): n}."""
    rows = counts[["step", "label", "hours", "outcome", "n"]].astype(object)
    return {tuple(None if pd.isna(v) else v for v in row[:4]): row[4] for row in rows.itertuples(index=False)}


def test_going_on_leaving_and_staying_are_counted_in_hours(make_tables: Any) -> None:
    tables = make_tables({
        "stage_events": events("A mql 01-01", "A sal 01-02 10:30", "B mql 01-01", "B disqualified 01-03",
                               "C mql 02-28"),
        "sales_touches": [{"lead_id": "A", "touched_at": "2025-01-01 00:20"},
                          {"lead_id": "C", "touched_at": "2025-02-27"}],
    })  # fmt: skip
    assert cells(step_counts(tables, settings())) == {
        ("mql_to_sal", "", 35, 1): 1, ("mql_to_sal", "", 48, 2): 1, ("mql_to_sal", "", 48, 0): 1,
        ("mql_to_touch", "", 1, 1): 1, ("mql_to_touch", "", 48, 2): 1, ("mql_to_touch", "", 48, 0): 1,
    }  # fmt: skip


def test_hours_are_rounded_up_so_that_a_day_counts_as_reached_on_it(make_tables: Any) -> None:
    tables = make_tables(
        {"stage_events": events("A mql 01-01", "A won 01-31 00:00", "B mql 01-01", "B won 01-31 00:01")}
    )
    assert step_counts(tables, settings())["hours"].tolist() == [30 * 24, 30 * 24 + 1]


def test_a_win_before_the_handover_counts_and_gives_no_duration(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 02-03", "A won 02-01")})
    assert cells(step_counts(tables, settings())) == {("mql_to_won", "", None, 1): 1}


def test_a_deal_won_and_then_lost_is_lost_and_alone_records_no_win(make_tables: Any) -> None:
    lost = events("A mql 01-01", "A opportunity 01-02", "A won 01-03", "A lost 01-04")
    assert set(step_counts(make_tables({"stage_events": lost}), settings())["step"]) == {"mql_to_opportunity"}
    both = make_tables({"stage_events": lost + events("B mql 01-01", "B won 01-03")})
    assert cells(step_counts(both, settings()))["mql_to_won", "", 72, 2] == 1


def test_a_touch_belongs_to_the_spell_in_which_it_falls(make_tables: Any) -> None:
    tables = make_tables({
        "stage_events": events("A mql 01-01", "A recycled 01-03", "A mql 02-01"),
        "sales_touches": [{"lead_id": "A", "touched_at": "2025-02-02"}],
    })  # fmt: skip
    assert cells(step_counts(tables, settings())) == {("mql_to_touch", "", 48, 2): 1, ("mql_to_touch", "", 24, 1): 1}


def test_a_date_that_stands_for_none_is_still_a_date(make_tables: Any) -> None:
    rows = events("A mql 01-01", "A sal 01-02", "B mql 01-01")
    rows[0]["entered_at"] = rows[2]["entered_at"] = "1900-01-01"
    counts = step_counts(make_tables({"stage_events": rows}), settings(), by="quarter")
    assert counts[["label", "outcome", "n"]].to_numpy().tolist() == [["1900Q1", 0, 1], ["1900Q1", 1, 1]]
    assert spells.read_spells(make_tables({"stage_events": rows}))["mql_at"].dt.year.tolist() == [1900, 1900]


def test_leads_handed_over_before_recording_began_are_left_out(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-01", "A won 01-02", "B mql 02-01", "C won 02-01")})
    counts = step_counts(tables, settings(), since=pd.Timestamp("2025-01-15"))
    assert cells(counts) == {("mql_to_won", "", 29 * 24, 0): 1}


def world(rng: np.random.Generator, leads: bool, touches: bool) -> dict[str, Rows]:
    """Leads that skip stages, go back, loop, win and lose, many at the same moment; some stages are not recorded."""
    start, n = datetime(2025, 1, 1), int(rng.integers(1, 40))
    stages = rng.choice(list(RANK), int(rng.integers(4, len(RANK) + 1)), replace=False).tolist()
    step = timedelta(hours=int(rng.choice([1, 13, 24])), minutes=int(rng.choice([0, 7])))
    draw = lambda *values: values[int(rng.integers(len(values)))]  # noqa: E731
    found: dict[str, Rows] = {"stage_events": [
        {"lead_id": f"L{lead}", "stage": draw(*stages), "entered_at": str(start + step * int(rng.integers(40))),
         "owner_id": draw(None, "S1", "S2"), "file": draw("a", "b"), "record": 100 * lead + i}
        for lead in range(n) for i in range(rng.integers(1, 9))
    ]}  # fmt: skip
    if leads:
        found["leads"] = [
            {"lead_id": f"L{lead}", "source": draw(None, "fair", "web"), "segment": draw(None, "p", "q"),
             "grade": draw("A", "B"), "owner_id": draw(None, "S1", "S9")} for lead in range(n) if lead != 1
        ]  # fmt: skip
    if touches:
        found["sales_touches"] = [
            {"lead_id": f"L{rng.integers(n + 1)}", "touched_at": str(start + step * int(rng.integers(40)))}
            for _ in range(rng.integers(1, 5 * n + 2))
        ]
    return found


def walked(rows: dict[str, Rows], by: str) -> list[dict[str, Any]]:
    """The spells, lead by lead and event by event: stages entered, end, first touch, label."""
    found: list[dict[str, Any]] = []
    known = {lead["lead_id"]: lead for lead in rows.get("leads", [])}
    key = lambda e: (e["entered_at"], RANK[e["stage"]], e["file"], e["record"])  # noqa: E731
    for lead in sorted({e["lead_id"] for e in rows["stage_events"]}):
        mine: list[dict[str, Any]] = []
        before, begun = "", False
        for event in sorted((e for e in rows["stage_events"] if e["lead_id"] == lead), key=key):
            at = datetime.fromisoformat(event["entered_at"])
            again = before == "won" and begun and event["stage"] in ("inquiry", "mql")
            if not before or again or (before in EXITS and event["stage"] in STAGES):
                mine.append({"at": {}, "start": at, "owner": known.get(lead, {}).get("owner_id"), "touch": None})
            one, before, begun = mine[-1], event["stage"], begun or event["stage"] == "mql"
            one["at"].setdefault(event["stage"], at)
            one |= {"last": at, "exit": before in EXITS, "owner": event["owner_id"] or one["owner"]}
        for one, after in zip(mine, [*mine[1:], {"start": datetime.max}], strict=True):
            times = [
                datetime.fromisoformat(t["touched_at"]) for t in rows.get("sales_touches", []) if t["lead_id"] == lead
            ]
            mql = one["at"].get("mql")
            one["touch"] = min((t for t in times if mql and mql <= t < after["start"]), default=None)
            quarter = f"{mql.year}Q{(mql.month + 2) // 3}" if mql else None
            periods = {"": "", "owner": one["owner"], "month": f"{mql:%Y-%m}" if mql else None, "quarter": quarter}
            one["label"] = periods[by] if by in periods else known.get(lead, {}).get(by)
            if one["exit"]:
                one["at"].pop("won", None)
        found += mine
    return found


def passed(at: dict[str, datetime], stages: list[str], path: str) -> dict[str, datetime]:
    """When one spell passed each stage under a path rule."""
    found = {stage: at[stage] for stage in stages if stage in at}
    if path == "strict":
        for before, stage in pairwise(stages):
            if stage in found and not (before in found and found[before] <= found[stage]):
                del found[stage]
    if path == "backfilled":
        for stage, after in reversed(list(pairwise(stages))):
            if stage not in found and after in found:
                found[stage] = found[after]
    return found


def counted(
    rows: dict[str, Rows], by: str, path: str, since: datetime | None, end: datetime
) -> Counter[tuple[Any, ...]]:
    """What step_counts should say, spell by spell."""
    every = walked(rows, by)
    stages = [stage for stage in STAGES[1:] if any(stage in one["at"] for one in every)]
    steps = [(here, after, stages[i + 1 :]) for i, (here, after) in enumerate(pairwise(stages))]
    goals = [goal for goal in ("opportunity", "won") if "mql" in stages and goal in stages[2:]]
    steps += [("mql", goal, stages[stages.index(goal) :]) for goal in goals]
    found: Counter[tuple[Any, ...]] = Counter()

    def add(step: str, one: dict[str, Any], start: datetime, went: datetime | None, left: bool) -> None:
        outcome = 1 if went else 2 if left else 0
        took = (went or (one["last"] if left else end)) - start
        hours = ceil(took / timedelta(hours=1)) if took >= timedelta(0) else None
        found[step, one["label"], hours, outcome] += 1

    for one in every:
        mql = one["at"].get("mql")
        if since and mql and mql < since:
            continue
        at = passed(one["at"], stages, path)
        for here, after, later in steps:
            if here in at:
                took = [at[s] for s in (later if path == "any" else [after]) if s in at]
                add(f"{here}_to_{after}", one, at[here], min(took, default=None), one["exit"])
        if mql and rows.get("sales_touches"):
            add("mql_to_touch", one, mql, one["touch"], one["exit"] or "won" in one["at"])
    return found


def test_counts_are_those_of_walking_through_every_event_in_many_worlds(make_tables: Any) -> None:
    rng, end = np.random.default_rng(4), datetime(2025, 3, 2)
    seen: Counter[int] = Counter()
    for trial, (by, path) in enumerate(list(product(BY, PATHS)) * 4):
        rows = world(rng, leads=trial % 4 > 0, touches=trial % 3 > 0)
        since = datetime(2025, 1, 10) if trial % 5 == 0 else None
        tables = make_tables(rows)
        found = step_counts(tables, settings(), by, path, pd.Timestamp(since) if since else None)
        assert cells(found) == counted(rows, by, path, since, end), (trial, by, path)
        seen.update(found["outcome"])
    assert min(seen[0], seen[1], seen[2]) > 400


def test_spells_read_and_spells_counted_are_the_same_spells(make_tables: Any) -> None:
    rng, compared = np.random.default_rng(5), 0
    for _ in range(10):
        tables = make_tables(world(rng, leads=True, touches=False))
        read, counts = spells.read_spells(tables), step_counts(tables, settings(), path="any")
        sizes = counts.groupby("step")["n"].sum()
        assert sizes.to_dict() == {step: read[f"{step.split('_to_')[0]}_at"].notna().sum() for step in sizes.index}
        compared += len(sizes)
    assert compared > 20


def test_the_order_of_rows_does_not_matter(make_tables: Any) -> None:
    rng = np.random.default_rng(6)
    for _ in range(6):
        rows = world(rng, leads=True, touches=True)
        mixed = {name: [table[i] for i in rng.permutation(len(table))] for name, table in rows.items()}
        one, other = (step_counts(make_tables(each), settings(), "segment") for each in (rows, mixed))
        pd.testing.assert_frame_equal(one, other)


def test_dates_a_year_later_give_the_same_hours(make_tables: Any) -> None:
    rng = np.random.default_rng(7)
    for _ in range(6):
        rows = world(rng, leads=True, touches=True)
        moved = {
            name: [row | {c: str(datetime.fromisoformat(row[c]) + YEAR) for c in row if c.endswith("_at")}
                   for row in table] for name, table in rows.items()
        }  # fmt: skip
        one, other = step_counts(make_tables(rows), settings(), "grade"), step_counts(
            make_tables(moved), settings("2026-02-28"), "grade")  # fmt: skip
        pd.testing.assert_frame_equal(one, other)


@pytest.mark.parametrize("by", BY)
def test_leads_taken_in_parts_and_in_small_batches_give_the_same_counts(
    make_tables: Any, by: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = {"stage_events": [], "leads": [], "sales_touches": []}
    for seed in range(12):
        for name, table in world(np.random.default_rng(seed), leads=True, touches=True).items():
            rows[name] += [row | {"lead_id": f"{seed}{row['lead_id']}"} for row in table]
    whole = step_counts(make_tables(rows), settings(), by)
    monkeypatch.setattr(batches, "_ROWS", 50)
    monkeypatch.setattr(batches, "_SLICE", 16)
    monkeypatch.setattr("alignlib.diagnostics.funnel.counts._CELLS", 10)
    pd.testing.assert_frame_equal(step_counts(make_tables(rows), settings(), by), whole)


def test_no_events_give_no_counts(make_tables: Any) -> None:
    tables = make_tables({"stage_events": []})
    assert list(step_counts(tables, settings()).columns) == ["step", "label", "hours", "outcome", "n"]
    assert len(step_counts(tables, settings())) == 0
