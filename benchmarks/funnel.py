"""What does the funnel's core cost: spells, steps by segment, p50 and p90 per step, first touch, incidence?

Run: python benchmarks/funnel.py [--events 1e6] [--rivals [--pm4py PYTHON]]. Makes seeded, plainly synthetic files
(events, leads, touches; ids of 18 characters, one lead in twenty with tied times) in a temporary folder; runs each
engine five times, each time in a process of its own; prints medians of CPU seconds of that process with its threads,
imports left out, the ratio to one hash aggregation by lead over the stage events, and peak memory.

It measures what an audit does: each spell with its owners, reasons and rows of origin, for every finding is told by
them. On two busy cores: 0.5, 3.6 and 38 CPU s at 0.1, 1 and 10 million events (4, 12 and 15 x the aggregation), 0.3,
0.6 and 3.2 GB; pandas, which keeps none of these, 0.4 and 2.7 s at the first two. An ordinary client has 50,000.
"""

import argparse
import hashlib
import json
import platform
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from functools import partial
from importlib import import_module
from pathlib import Path
from typing import Any

KIT = ["alignlib.diagnostics.funnel.touch", "alignlib.diagnostics.funnel.steps"]
ABSENT = "null::varchar as owner_id, null::varchar as reason, 'x' as file, 0 as record, null::varchar as source, "
ABSENT += "null::varchar as persona, null::varchar as grade, null::double as score, null::timestamp as created_at"
TABLES, AS_OF = ("stage_events", "leads", "sales_touches"), "2025-12-31"
STAGES = ("inquiry", "mql", "sal", "sql", "opportunity", "won", "recycled", "disqualified", "lost")
# One row a lead: a to e are uniform draws, t0 the inquiry, of one in twenty everything up to SQL in one bulk import.
BASE = """create view base as select *, 'SYNTHETIC-' || lpad(i::varchar, 8, '0') as lead_id,
  t0 + to_days((a * 10)::int + 1) as t1, (i % 20 > 0)::int as own, a < .6 and b < .5 as good from (select i,
  hash(i * 7 + 1) % 1000 / 1000 as a, hash(i * 11 + 2) % 1000 / 1000 as b, hash(i * 13 + 3) % 1000 / 1000 as c,
  hash(i * 17 + 4) % 1000 / 1000 as d, hash(i * 19 + 5) % 1000 / 1000 as e,
  timestamp '2024-01-01' + to_seconds((hash(i * 23) % (700 * 86400))::bigint) as t0 from range($leads) r(i))"""
EVENTS = """select lead_id, stage, moment as entered_at from (
  select lead_id, 'inquiry' as stage, t0 as moment from base
  union all select lead_id, 'mql', t1 from base
  union all select lead_id, 'sal', t1 + to_hours(own * (2 + b * 120)::int) from base where a < .6
  union all select lead_id, 'sql', t1 + to_hours(own * (120 + b * 480)::int) from base where good
  union all select lead_id, 'opportunity', t1 + to_days(30 + (c * 20)::int) from base where good and c < .7
  union all select lead_id, 'won', t1 + to_days(60 + (d * 60)::int) from base where good and c < .7 and d < .3
  union all select lead_id, 'lost', t1 + to_days(60 + (d * 60)::int + 20 * (d < .02)::int) from base
    where good and c < .7 and (d > .5 or d < .02)
  union all select lead_id, 'recycled', t1 + to_days(13 + (b * 20)::int) from base where a > .7
  union all select lead_id, 'mql', t1 + to_days(40 + (e * 60)::int) from base where a > .7 and e < .3
) where moment < timestamp '2026-01-01'"""
LEADS = "select lead_id, 'segment ' || hash(i * 31) % 8 as segment from base where i % 50 > 0"
TOUCHES = """select lead_id, t1 + to_seconds((b * b * 400000)::bigint) as touched_at from base where c < .7
  union all select lead_id, t1 + to_days(45) from base where c < .2
  union all select lead_id, t1 - to_days(1) from base where c > .9"""


def connect(threads: int = 1, memory: str = "2GB") -> Any:
    import duckdb

    return duckdb.connect(config={"threads": threads, "memory_limit": memory, "preserve_insertion_order": False})


def make(folder: Path, events: int) -> None:
    """Which files does each engine read?"""
    connection, parts = connect(2, "6GB"), 1 + events // 20_000_000
    connection.execute(f"set temp_directory = '{folder}'")
    connection.execute(BASE.replace("$leads", str(round(events / 3.57))))
    for name, sql in zip(TABLES, (EVENTS, LEADS, TOUCHES), strict=True):
        (folder / name).mkdir()
        for part in range(parts):  # rows at random over the parts, and within each
            some = f"select r.* from ({sql}) r where hash(r) % {parts} = {part} order by hash(r)"
            connection.execute(f"copy ({some}) to '{folder / name}/{part}.parquet' (format parquet)")


def aggregation(folder: Path) -> Any:
    each = "select lead_id, count(*) as n, min(entered_at) as a, max(entered_at) as b from '{}' group by lead_id"
    sql = f"select sum(n), min(a), max(b) from ({each.format(folder / TABLES[0] / '*.parquet')})"
    return str(connect(memory="16GB").execute(sql).fetchall())


def core(folder: Path, threads: int = 1) -> Any:
    import numpy as np
    import pandas as pd

    from alignlib.diagnostics.funnel.spells import read_spells
    from alignlib.diagnostics.funnel.steps import ways
    from alignlib.diagnostics.funnel.touch import handed_over
    from alignlib.engagement import Settings
    from alignlib.intake.tables import Tables

    connection = connect(threads)
    for name in TABLES:
        connection.execute(f"create view {name} as select *, {ABSENT} from '{folder / name}/*.parquet'")
    settings = {"version": 1, "client": "Benchmark", "period": {"start": "2024-01-01", "end": AS_OF}, "as_of": AS_OF}
    agreed = Settings.model_validate(settings | {"currency": "EUR", "timezone": "UTC"})
    tables, counted = Tables(connection, frozenset(TABLES)), []
    spells = read_spells(tables)
    handed_over(tables, spells, agreed)
    for step, one in ways(spells, agreed, "any").items():
        found = pd.DataFrame({"step": step, "label": spells["segment"].to_numpy()[one.members],
                              "hours": np.ceil(np.round(one.days * 86400) / 3600), "outcome": one.outcome})  # fmt: skip
        counted.append(found.groupby(["step", "label", "hours", "outcome"], dropna=False).size().reset_index(name="n"))
    return figures(pd.concat(counted))


def vectorised(folder: Path) -> Any:
    """The same figures in pandas, without a loop over rows or groups."""
    import numpy as np
    import pandas as pd

    events, leads, touches = (pd.read_parquet(folder / name) for name in TABLES)
    ids = pd.factorize(pd.concat([events["lead_id"], leads["lead_id"], touches["lead_id"]]))[0]
    events["lead"], leads["lead"], touches["lead"] = np.split(ids, np.cumsum([len(events), len(leads)]))
    events["rank"] = events["stage"].map({s: i for i, s in enumerate(STAGES)}).to_numpy(np.int8)
    events = events.drop(columns=["lead_id", "stage"]).sort_values(["lead", "entered_at", "rank"])
    exits, lead = events["rank"] > 5, events["lead"]
    events["spell"] = ((exits.shift(fill_value=False) & ~exits) | lead.ne(lead.shift())).cumsum()
    first = events.drop_duplicates(["spell", "rank"]).pivot(index="spell", columns="rank", values="entered_at")
    last = events.drop_duplicates("spell", keep="last").set_index("spell")
    left, end = last["rank"] > 5, pd.Timestamp(AS_OF) + pd.Timedelta(days=1)
    first[5] = first[5].mask(left)
    start = events.drop_duplicates("spell").sort_values("entered_at").assign(touched_at=lambda e: e["entered_at"])
    both = pd.merge_asof(touches.sort_values("touched_at"), start, on="touched_at", by="lead").dropna(subset="spell")
    after = both["touched_at"].to_numpy() >= first[1].reindex(both["spell"]).to_numpy()
    both[after].groupby("spell")["touched_at"].min()
    segment = last["lead"].map(leads.set_index("lead")["segment"])
    pairs = [(1, 2), (2, 3), (3, 4), (4, 5), (1, 4), (1, 5)]
    steps = [(f"{STAGES[i]}_to_{STAGES[j]}", first[i], first[list(range(j, 6))].min(axis=1), left) for i, j in pairs]
    found = []
    for name, begin, went, gone in steps:
        stop = went.fillna(last["entered_at"].where(gone, end))
        took = ((stop - begin) / pd.Timedelta(hours=1)).where(lambda hours: hours >= 0)
        rows = pd.DataFrame({"step": name, "label": segment, "hours": np.ceil(took),
                             "outcome": np.where(went.notna(), 1, np.where(gone, 2, 0))})[begin.notna()]  # fmt: skip
        found.append(rows.groupby(["step", "label", "hours", "outcome"], dropna=False).size().reset_index(name="n"))
    return figures(pd.concat(found))


def directly_follows(folder: Path) -> Any:
    """pm4py: which stage follows which, with times between, for the same events; no spells, segments or touches."""
    import pandas as pd
    import pm4py

    events = pd.read_parquet(folder / "stage_events")
    names = {"case_id_key": "lead_id", "activity_key": "stage", "timestamp_key": "entered_at"}
    return str(sorted(pm4py.discover_performance_dfg(events, **names)[0].items()))


def figures(counts: Any) -> str:
    """What is reported: per step and segment how many went on, left, are open, with p50 and p90; per step the curve."""
    import numpy as np
    import pandas as pd

    steps, labels = (pd.Categorical(counts[name]) for name in ("step", "label"))
    group, hours, outcome, n = (
        steps.codes.astype(int) * 100 + labels.codes,
        *(counts[c].to_numpy() for c in counts.columns[2:]),
    )
    order, said = np.lexsort((hours, outcome, group)), []
    for place in np.split(order, np.flatnonzero(np.diff(group[order])) + 1):
        went = place[(outcome[place] == 1) & np.isfinite(hours[place])]
        found = [hours[went][np.searchsorted(n[went].cumsum(), q * n[went].sum())] for q in (0.5, 0.9)]
        said.append((steps[place[0]], labels[place[0]], np.bincount(outcome[place], n[place]), *found))
    for code, step in enumerate(steps.categories):
        here = np.flatnonzero((steps.codes == code) & np.isfinite(hours))
        still, went, left = (np.bincount(hours[here].astype(int), n[here] * (outcome[here] == o)) for o in (0, 1, 2))
        at_risk = (still + went + left)[::-1].cumsum()[::-1]
        curve = (np.cumprod(np.append(1, 1 - (went + left) / at_risk))[:-1] * went / at_risk).cumsum()
        said.append((step, [round(float(curve[: days * 24 + 1][-1]), 12) for days in (1, 7, 30, 90, 365)]))
    return str(said)


ENGINES = {"hash aggregation": aggregation, "kit's core": core, "kit's core, two threads": partial(core, threads=2),
           "pandas, vectorised": vectorised, "pm4py, follows only": directly_follows}  # fmt: skip


def child(engine: str, folder: Path) -> None:
    """What does one run cost? Imports are done before the clock starts."""
    list(map(import_module, ["pm4py"] if "pm4py" in engine else ["pyarrow.parquet", *KIT]))
    start = time.process_time()
    said = ENGINES[engine](folder)
    cpu, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu": cpu, "peak": peak, "said": hashlib.sha256(said.encode()).hexdigest()}))


def main() -> None:
    parser = argparse.ArgumentParser()
    options = {"events": (float, 1e6), "runs": (int, 5), "folder": (Path, None), "pm4py": (str, ""), "child": (str, "")}
    for name, (kind, default) in options.items():
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--rivals", action="store_true")
    events = int((given := parser.parse_args()).events)
    if given.child:
        return make(given.folder, events) if given.child == "make" else child(given.child, given.folder)
    rivals = given.rivals * (1 + (bool(given.pm4py) and events <= 1e6))  # more take too long
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {given.runs} runs, medians")
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        command = [sys.executable, __file__, "--folder", made, "--events", str(events), "--child"]
        subprocess.run([*command, "make"], check=True)  # in a child too, or its memory would be counted as theirs
        yardstick, said = 0.0, {}
        print(f"{events:,} events\n{'':26}{'CPU s':>8}{'x aggregation':>16}{'peak GB':>10}  same over five runs")
        for engine in list(ENGINES)[: 3 + rivals]:
            command[0] = given.pm4py if "pm4py" in engine else sys.executable
            told = (subprocess.run([*command, engine], check=True, capture_output=True) for _ in range(given.runs))
            runs = [json.loads(each.stdout) for each in told]
            cpu, peak = (statistics.median(each[what] for each in runs) for what in ("cpu", "peak"))
            yardstick, said[engine] = yardstick or cpu, {each["said"] for each in runs}
            print(
                f"{engine:26}{cpu:8.2f}{cpu / yardstick:16.1f}{peak:10.2f}  {('no', 'yes')[len(said[engine]) == 1]}",
                flush=True,
            )
    if given.rivals:
        print("pandas says the same:", said["pandas, vectorised"] == said["kit's core"])


if __name__ == "__main__":
    main()
