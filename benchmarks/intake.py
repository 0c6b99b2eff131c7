"""What does taking in a large file cost: 10 million stage events in 1.2 GB of CSV, from bytes to checked tables?

Run: python benchmarks/intake.py [--events 1e7] [--runs 3] [--folder DIR]. Makes seeded, plainly synthetic files (events
of eight columns with ids of 18 characters, a fifth as many leads) in a temporary folder; lets each way run in a process
of its own; prints medians of CPU seconds of that process with its threads and children, the ratio to DuckDB's bare
``read_csv`` of the same file into a table with all columns as text, and peak memory. Imports are left out.
"""

import argparse
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

STAGES = {"Inquiry": "inquiry", "Marketing Qualified Lead": "mql", "Sales Accepted Lead": "sal",
          "Sales Qualified Lead": "sql", "Opportunity": "opportunity", "Closed Won": "won",
          "Recycled to nurturing": "recycled", "Disqualified": "disqualified"}  # fmt: skip
SETTINGS = """version: 1
client: Benchmark
period: {{start: 2024-01-01, end: 2025-12-31}}
as_of: 2026-01-31
currency: EUR
timezone: Europe/Berlin
stages: {stages}
inputs:
  - {{file: events.csv, table: stage_events, columns: {{lead_id: Lead ID, stage: New Stage, entered_at: Changed At,
     owner_id: Changed By, reason: Reason}}}}
"""
LEADS = "  - {file: leads.csv, table: leads, columns: {lead_id: Id, created_at: Created, source: Source}}\n"
MADE = {"events.csv": """select printf('SYN5g%010dAAA', i) as "Event ID",
    printf('SYN5g%010dABC', lead) as "Lead ID",
    list_extract($stages, (hash(i * 7) % 8)::int + 1) as "New Stage",
    strftime(timestamp '2024-01-01' + to_seconds((hash(i * 11) % 63072000)::bigint), '%Y-%m-%d %H:%M:%S')
      as "Changed At",
    printf('SYN5g%07dQAZ', owner) as "Lead Owner",
    case when i % 4 = 0 then 'no budget this year' else '' end as "Reason",
    printf('SYN5g%07dQAZ', owner) as "Changed By", 'stage set by automation rule ' || owner as "Comment"
    from (select i, (hash(i) % ($events // 5)::ubigint)::bigint as lead, (hash(i * 3) % 60)::bigint as owner
          from range($events) r(i))""",
        "leads.csv": """select printf('SYN5g%010dABC', i) as "Id", strftime(timestamp '2024-01-01'
    + to_seconds((hash(i * 11) % 63072000)::bigint), '%Y-%m-%d %H:%M:%S') as "Created", 'web' as "Source"
    from range($events // 5) r(i)"""}  # fmt: skip


def make(folder: Path, events: int) -> None:
    """Which engagements are taken in: of events alone, with their leads, and of 50,000 events?"""
    import duckdb

    connection = duckdb.connect(config={"threads": 2, "memory_limit": "2GB"})
    connection.execute("set preserve_insertion_order = false")
    stages = "{" + ", ".join(f"{theirs}: {ours}" for theirs, ours in STAGES.items()) + "}"
    for name, n, also in (("small", 50_000, ""), ("events", events, ""), ("leads", events, LEADS)):
        data = folder / name / "data"
        data.mkdir(parents=True)
        (data.parent / "engagement.yml").write_text(SETTINGS.format(stages=stages) + also, encoding="utf-8")
        for file, sql in MADE.items():
            if name == "leads" and file == "events.csv":
                (data / file).hardlink_to(folder / "events" / "data" / file)
            elif also or file == "events.csv":
                said = sql.replace("$events", str(n)).replace("$stages", str([*STAGES]))
                connection.execute(f"copy ({said}) to '{data / file}' (header)")


def bare(folder: Path, threads: int) -> None:
    import duckdb

    connection = duckdb.connect(config={"threads": threads, "memory_limit": "8GB"})
    file = folder / "events" / "data" / "events.csv"
    connection.execute(f"create table t as select * from read_csv('{file}', all_varchar = true)")


def kit(folder: Path, name: str) -> None:
    from alignlib.intake.snapshot import prepare

    with tempfile.TemporaryDirectory(dir=folder) as run:
        prepare(folder / name, Path(run) / "run")


WAYS: dict[str, Any] = {
    "DuckDB read_csv, one thread": lambda folder: bare(folder, 1),
    "DuckDB read_csv, two threads": lambda folder: bare(folder, 2),
    "kit, events to checked tables": lambda folder: kit(folder, "events"),
    "kit, events and their leads": lambda folder: kit(folder, "leads"),
    "kit, 50,000 events": lambda folder: kit(folder, "small"),
}


def child(way: str, folder: Path) -> None:
    """What does one run cost? Imports are done before the clock starts."""
    list(map(import_module, ["duckdb", "pyarrow.csv", "pyarrow.parquet", "pandas",
                             "alignlib.intake.snapshot",
                             "alignlib.intake.mappings", "alignlib.intake.large",
                             "alignlib.intake.database"]))  # fmt: skip
    start, wall = time.process_time(), time.perf_counter()
    WAYS[way](folder)
    used = time.process_time() - start + resource.getrusage(resource.RUSAGE_CHILDREN).ru_utime
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6
    print(json.dumps({"cpu": used, "wall": time.perf_counter() - wall, "peak": peak}))


def main() -> None:
    parser = argparse.ArgumentParser()
    options = {"events": (float, 1e7), "runs": (int, 3), "folder": (Path, None), "child": (str, "")}
    for name, (kind, default) in options.items():
        parser.add_argument(f"--{name}", type=kind, default=default)
    events = int((given := parser.parse_args()).events)
    if given.child:
        return make(given.folder, events) if given.child == "make" else child(given.child, given.folder)
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {given.runs} runs, medians")
    with tempfile.TemporaryDirectory(dir=given.folder) as made:
        command = [sys.executable, __file__, "--folder", made, "--events", str(events), "--child"]
        subprocess.run([*command, "make"], check=True)  # in a child too, or its memory would be counted as theirs
        size = (Path(made) / "events" / "data" / "events.csv").stat().st_size / 1e9
        print(f"{events:,} events, {size:.2f} GB\n{'':32}{'CPU s':>8}{'wall s':>8}{'x DuckDB':>10}{'peak GB':>9}")
        runs: dict[str, list[dict[str, float]]] = {way: [] for way in WAYS}
        for _ in range(given.runs):  # side by side: what else the machine does falls on all alike
            for way, told in runs.items():
                told.append(json.loads(subprocess.run([*command, way], check=True, capture_output=True).stdout))
        yardstick = 0.0
        for way, told in runs.items():
            cpu, wall, peak = (statistics.median(each[what] for each in told) for what in ("cpu", "wall", "peak"))
            yardstick = yardstick or cpu
            print(f"{way:32}{cpu:8.2f}{wall:8.2f}{cpu / yardstick:10.2f}{peak:9.2f}")
    return None


if __name__ == "__main__":
    main()
