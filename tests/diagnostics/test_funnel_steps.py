"""Spells and their steps: by hand, and against walking every lead through its events one by one, in many worlds."""

from collections import Counter
from datetime import datetime, timedelta
from itertools import pairwise, product
from math import ceil
from typing import Any

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.spells import read_spells
from alignlib.diagnostics.funnel.steps import chosen, ways
from alignlib.engagement import EXITS, STAGES, Settings, parse_settings

BY, PATHS = ("", "owner", "source", "segment", "grade"), ("any", "strict", "backfilled")
Cells = Counter[tuple[Any, ...]]
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


def cells(tables: Any, settings: Settings, by: str = "", path: str = "any", since: datetime | None = None) -> Cells:
    """How many spells ended each step how, after how many hours: {(step, label, hours or None, outcome): n}."""
    spells = read_spells(tables)
    keep = ~(spells["mql_at"] < (since or datetime.min.replace(year=1800))).to_numpy()
    found: Cells = Counter()
    for key, whole in ways(spells, settings, path).items():
        one = chosen(whole, keep)
        hours = np.ceil(np.round(one.days * 1440) / 60)  # a day counts as reached on it: whole minutes, rounded up
        labels = spells[by][one.members].tolist() if by else [""] * len(hours)
        rows = zip(labels, hours.tolist(), one.outcome.tolist(), strict=True)
        found.update((key, None if pd.isna(name) else name, None if pd.isna(h) else h, end) for name, h, end in rows)
    return found


def test_going_on_leaving_and_staying_are_counted_in_hours(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events(
        "A mql 01-01", "A sal 01-02 10:30", "B mql 01-01", "B disqualified 01-03", "C mql 02-28")})  # fmt: skip
    assert cells(tables, settings()) == {
        ("mql_to_sal", "", 35, 1): 1, ("mql_to_sal", "", 48, 2): 1, ("mql_to_sal", "", 48, 0): 1}  # fmt: skip


def test_a_win_before_the_handover_counts_and_gives_no_duration(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 02-03", "A won 02-01")})
    assert cells(tables, settings()) == {("mql_to_won", "", None, 1): 1}


def test_a_deal_won_and_then_lost_is_lost_and_alone_records_no_win(make_tables: Any) -> None:
    lost = events("A mql 01-01", "A opportunity 01-02", "A won 01-03", "A lost 01-04")
    assert {step for step, *_ in cells(make_tables({"stage_events": lost}), settings())} == {"mql_to_opportunity"}
    both = make_tables({"stage_events": lost + events("B mql 01-01", "B won 01-03")})
    assert cells(both, settings())["mql_to_won", "", 72, 2] == 1


def test_a_date_that_stands_for_none_is_still_a_date(make_tables: Any) -> None:
    rows = events("A mql 01-01", "A sal 01-02", "B mql 01-01")
    rows[0]["entered_at"] = rows[2]["entered_at"] = "1900-01-01"
    tables = make_tables({"stage_events": rows})
    assert read_spells(tables)["mql_at"].dt.year.tolist() == [1900, 1900]
    assert sorted(end for _, _, _, end in cells(tables, settings()).elements()) == [0, 1]


def test_leads_handed_over_before_recording_began_are_left_out(make_tables: Any) -> None:
    tables = make_tables({"stage_events": events("A mql 01-01", "A won 01-02", "B mql 02-01", "C won 02-01")})
    assert cells(tables, settings(), since=datetime(2025, 1, 15)) == {("mql_to_won", "", 29 * 24, 0): 1}


def world(rng: np.random.Generator, leads: bool) -> dict[str, Rows]:
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
    return found


def walked(rows: dict[str, Rows], by: str) -> list[dict[str, Any]]:
    """The spells, lead by lead and event by event: stages entered, end, label."""
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
                mine.append({"at": {}, "start": at, "owner": known.get(lead, {}).get("owner_id")})
            one, before, begun = mine[-1], event["stage"], begun or event["stage"] == "mql"
            one["at"].setdefault(event["stage"], at)
            one |= {"last": at, "exit": before in EXITS, "owner": event["owner_id"] or one["owner"]}
        for one in mine:
            one["label"] = {"": "", "owner": one["owner"]}.get(by, known.get(lead, {}).get(by))
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


def counted(rows: dict[str, Rows], by: str, path: str, since: datetime | None, end: datetime) -> Cells:
    """What the steps should be, spell by spell."""
    every = walked(rows, by)
    stages = [stage for stage in STAGES[1:] if any(stage in one["at"] for one in every)]
    steps = [(here, after, stages[i + 1 :]) for i, (here, after) in enumerate(pairwise(stages))]
    goals = [goal for goal in ("opportunity", "won") if "mql" in stages and goal in stages[2:]]
    steps += [("mql", goal, stages[stages.index(goal) :]) for goal in goals]
    found: Cells = Counter()

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
    return found


def test_steps_are_those_of_walking_through_every_event_in_many_worlds(make_tables: Any) -> None:
    rng, end = np.random.default_rng(4), datetime(2025, 3, 2)
    seen: Counter[int] = Counter()
    for trial, (by, path) in enumerate(list(product(BY, PATHS)) * 6):
        rows = world(rng, leads=trial % 4 > 0)
        since = datetime(2025, 1, 10) if trial % 5 == 0 else None
        found = cells(make_tables(rows), settings(), by, path, since)
        assert found == counted(rows, by, path, since, end), (trial, by, path)
        for *_, outcome in found:
            seen[outcome] += 1
    assert min(seen[0], seen[1], seen[2]) > 400


def test_the_order_of_rows_does_not_matter(make_tables: Any) -> None:
    rng = np.random.default_rng(6)
    for _ in range(6):
        rows = world(rng, leads=True)
        mixed = {name: [table[i] for i in rng.permutation(len(table))] for name, table in rows.items()}
        one, other = (cells(make_tables(each), settings(), "segment") for each in (rows, mixed))
        assert one == other and one


def test_dates_a_year_later_give_the_same_hours(make_tables: Any) -> None:
    rng = np.random.default_rng(7)
    for _ in range(6):
        rows = world(rng, leads=True)
        moved = {
            name: [row | {c: str(datetime.fromisoformat(row[c]) + YEAR) for c in row if c.endswith("_at")}
                   for row in table] for name, table in rows.items()
        }  # fmt: skip
        one = cells(make_tables(rows), settings(), "grade")
        assert one == cells(make_tables(moved), settings("2026-02-28"), "grade") and one


def test_no_events_give_no_steps(make_tables: Any) -> None:
    assert cells(make_tables({"stage_events": []}), settings()) == {}
