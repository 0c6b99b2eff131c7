"""What does the content diagnostic cost: unused share by window, days to the first use, concentration of use?

Run: python benchmarks/content.py [--assets 2e5] [--events 2e7] [--rivals]. Makes seeded, plainly synthetic files (ids
of 18 characters, uses uneven over assets, a fifth of the assets never used) in a temporary folder; runs each engine
five times, each time in a process of its own; prints medians of CPU seconds of that process with its threads, imports
left out, the ratio to one hash aggregation by asset over the log of uses, and peak memory.

At 200,000 assets and 20 million uses: the core 4.3 CPU s and 0.5 GB, 2.3 x the aggregation; the same figures in pandas
19.6 s (4.5 x) and 5.5 GB; the whole diagnostic 13.4 s and 0.8 GB.
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
from importlib import import_module
from pathlib import Path
from typing import Any

KIT = "alignlib.diagnostics.content"
START, AS_OF, ZONE = "2024-01-01", "2025-12-31", "Europe/Berlin"
ASSETS = """select 'ASSET-SYN-' || lpad(i::varchar, 8, '0') as asset_id, 'Made-up asset ' || i as title,
  ['C' || (1 + hash(i * 3) % 5)] as conversations, ['segment ' || hash(i * 5) % 8] as segments,
  date '2022-01-01' + (hash(i * 7) % 1460)::int as created_on from range($assets) r(i)"""
# The square of a uniform draw: a few assets are used often; four fifths of the ids can be drawn at all. An asset is
# used once it stands there; one use in 50,000 bears an earlier day, as copies of older files do.
USES = """select 'ASSET-SYN-' || lpad(k::varchar, 8, '0') as asset_id, 'U' || hash(i * 13) % 400 as user_id,
  case hash(i * 17) % 10 when 0 then 'edit' when 1 then 'share' when 2 then 'download' else 'view' end as event,
  case when hash(i * 19) % 20 = 0 then 'marketing' else 'sales' end as team,
  timestamp '2025-12-31' - to_seconds((hash(i * 23) % 1000000 / 1e6
    * case when i % 50000 = 0 then 1400 else greatest(least(1460 - hash(k * 7) % 1460, 730), 1) end * 86400)::bigint)
    as used_at
from (select i, floor(pow((hash(i * 11) % 1000000) / 1e6, 2) * $assets * .8)::bigint as k from range($events) r(i))"""


def connect(threads: int = 1, memory: str = "2GB") -> Any:
    import duckdb

    return duckdb.connect(config={"threads": threads, "memory_limit": memory, "preserve_insertion_order": False})


def make(folder: Path, assets: int, events: int) -> None:
    """Which files does each engine read?"""
    connection = connect(2, "6GB")
    for name, sql in (("assets", ASSETS), ("asset_usage", USES)):
        filled = sql.replace("$assets", str(assets)).replace("$events", str(events))
        connection.execute(
            f"copy (select * from ({filled}) made order by hash(made)) to '{folder / name}.parquet' (format parquet)"
        )


def aggregation(folder: Path) -> str:
    each = f"select asset_id, count(*) as n, min(used_at) as a from '{folder}/asset_usage.parquet' group by asset_id"
    return str(connect(memory="16GB").execute(f"select count(*), sum(n), min(a) from ({each})").fetchall())


def _tables(folder: Path) -> Any:
    from alignlib.engagement import Settings
    from alignlib.intake.tables import SQL_TYPES, TABLES, Tables

    connection = connect()
    for name in ("assets", "asset_usage"):  # every column of the rule, as intake gives them
        file = f"'{folder / name}.parquet'"
        given = {row[0] for row in connection.execute(f"describe select * from {file}").fetchall()}
        columns = {c.name: SQL_TYPES[c.kind] for c in TABLES[name].columns}
        absent = ", ".join(f'null::{kind} as "{column}"' for column, kind in columns.items() if column not in given)
        connection.execute(f"create view {name} as select *, {absent}, '' as file, 0 as record from {file}")
    said = {"version": 1, "client": "Benchmark", "period": {"start": START, "end": AS_OF}, "as_of": AS_OF}
    return Tables(connection, frozenset(["assets", "asset_usage"])), Settings.model_validate(
        said | {"currency": "EUR", "timezone": ZONE}
    )


def core(folder: Path) -> str:
    from alignlib.diagnostics.content.stock import read_stock

    stock = read_stock(*_tables(folder))
    frame = stock.assets[["asset_id", "days_seen", "first_use_days", "n_uses"]]
    return figures(frame["days_seen"].to_numpy(), frame["first_use_days"].to_numpy(), frame["n_uses"].to_numpy())


def whole(folder: Path) -> str:
    from alignlib.diagnostics.content import diagnose

    return diagnose(*_tables(folder)).headline


def vectorised(folder: Path) -> str:
    """The same figures in pandas, without a loop over rows or groups."""
    import pandas as pd

    assets, uses = (pd.read_parquet(folder / f"{name}.parquet") for name in ("assets", "asset_usage"))
    end = pd.Timestamp(AS_OF, tz=ZONE) + pd.Timedelta(days=1)
    assets["starts_on"] = pd.to_datetime(assets["created_on"]).clip(lower=pd.Timestamp(START))
    assets = assets[assets["starts_on"] <= pd.Timestamp(AS_OF)]
    assets["starts_at"] = assets["starts_on"].dt.tz_localize(ZONE).dt.tz_convert("UTC").dt.tz_localize(None)
    uses = uses[uses["event"].isin(["view", "download", "share"]) & (uses["team"] != "marketing")]
    uses = uses[uses["used_at"] < end.tz_convert("UTC").tz_localize(None)]
    uses = uses.merge(assets[["asset_id", "starts_at"]], on="asset_id")
    found = uses[uses["used_at"] >= uses["starts_at"]].groupby("asset_id")["used_at"].agg(["min", "count"])
    assets = assets.merge(found, left_on="asset_id", right_index=True, how="left")
    first_on = assets["min"].dt.tz_localize("UTC").dt.tz_convert(ZONE).dt.tz_localize(None).dt.normalize()
    day = pd.Timedelta(days=1)
    seen, first = (pd.Timestamp(AS_OF) - assets["starts_on"]) / day, (first_on - assets["starts_on"]) / day
    return figures(seen.to_numpy(), first.to_numpy(), assets["count"].fillna(0).to_numpy())


def figures(seen: Any, first: Any, n_uses: Any) -> str:
    """What is reported: unused of judged at three windows, first uses by day, uses of the most used tenth."""
    import numpy as np

    counts = [(int((seen >= w).sum()), int(((seen >= w) & ~(first <= w)).sum())) for w in (30, 90, 180)]
    days = np.bincount(first[np.isfinite(first)].astype(int))
    ranked = np.sort(n_uses)[::-1]
    return str((counts, days.tolist(), int(ranked[: round(len(ranked) / 10)].sum()), int(ranked.sum())))


ENGINES = {"hash aggregation": aggregation, "kit's core": core, "whole diagnostic": whole,
           "pandas, vectorised": vectorised}  # fmt: skip


def child(engine: str, folder: Path) -> None:
    """What does one run cost? Imports are done before the clock starts."""
    for name in ("pyarrow.parquet", "pandas", KIT):
        import_module(name)
    start = time.process_time()
    said = ENGINES[engine](folder)
    cpu, peak = time.process_time() - start, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu": cpu, "peak": peak, "said": hashlib.sha256(said.encode()).hexdigest()}))


def main() -> None:
    parser = argparse.ArgumentParser()
    options = {"assets": (float, 2e5), "events": (float, 2e7), "runs": (int, 5), "folder": (Path, None),
               "child": (str, "")}  # fmt: skip
    for name, (kind, default) in options.items():
        parser.add_argument(f"--{name}", type=kind, default=default)
    parser.add_argument("--rivals", action="store_true")
    given = parser.parse_args()
    if given.child:
        make_or_run = given.child == "make"
        return (
            make(given.folder, int(given.assets), int(given.events))
            if make_or_run
            else child(given.child, given.folder)
        )
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {given.runs} runs, medians")
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        command = [sys.executable, __file__, "--folder", made, "--assets", str(given.assets), "--events",
                   str(given.events), "--child"]  # fmt: skip
        subprocess.run([*command, "make"], check=True)  # in a child too, or its memory would be counted as theirs
        yardstick, said = 0.0, {}
        print(f"{given.assets:,.0f} assets, {given.events:,.0f} uses\n{'':26}{'CPU s':>8}{'x aggregation':>16}"
              f"{'peak GB':>10}  same over the runs")  # fmt: skip
        for engine in list(ENGINES)[: 3 + given.rivals]:
            told = (subprocess.run([*command, engine], check=True, capture_output=True) for _ in range(given.runs))
            runs = [json.loads(each.stdout) for each in told]
            cpu, peak = (statistics.median(each[what] for each in runs) for what in ("cpu", "peak"))
            yardstick, said[engine] = yardstick or cpu, {each["said"] for each in runs}
            same = ("no", "yes")[len(said[engine]) == 1]
            print(f"{engine:26}{cpu:8.2f}{cpu / yardstick:16.1f}{peak:10.2f}  {same}", flush=True)
    if given.rivals:
        print("pandas says the same:", said["pandas, vectorised"] == said["kit's core"])


if __name__ == "__main__":
    main()
