"""How long does the survey take: the whole diagnostic on teams of 60 and of 5,000, and the disclosure auditor?

Run: python benchmarks/survey.py. Prints medians of CPU time of this process over five runs, and on which machine. The
last column is the ratio to the first line of the same run, which travels between machines better than seconds do.
"""

import platform
import statistics
import time
from collections.abc import Callable

import numpy as np
import pyarrow as pa

from alignlib.diagnostics import survey
from alignlib.disclosure import ReleaseLog, audit_release
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.snapshot import arrow_schema, open_tables
from alignlib.intake.tables import Tables

RUNS, ITEMS = 5, 60
SETTINGS = Settings.model_validate({
    "version": 1, "client": "Benchmark", "period": {"start": "2025-01-01", "end": "2025-12-31"}, "as_of": "2026-01-31",
    "currency": "EUR", "timezone": "UTC", "thresholds": {"survey_gap": 0.8},
})  # fmt: skip


def answers(a_team: int) -> Tables:
    """Two teams of this size, sixty items of the full form, three in a hundred "cannot say"."""
    rng, people, schema = np.random.default_rng(1), 2 * a_team, arrow_schema("responses")
    items = [item for item in read_instrument().items.values() if item.kind != "comment"][:ITEMS]
    drawn = [rng.integers(int(item.low), int(item.high) + 1, people).astype(float) for item in items]
    missing = rng.random((len(items), people)) < 0.03
    columns = {
        "respondent_id": [f"p{i}" for i in range(people)] * len(items),
        "team": (["sales"] * a_team + ["marketing"] * a_team) * len(items),
        "item": [item.item for item in items for _ in range(people)],
        "answer": np.where(missing, None, np.array(drawn, dtype=object)).ravel().tolist(),
        "cannot_say": missing.ravel().tolist(),
    }  # fmt: skip
    data = {field.name: columns.get(field.name, [None] * people * len(items)) for field in schema}
    return open_tables({"responses": pa.table(data, schema=schema)})


def releases(people: int, figures: int) -> ReleaseLog:
    """So many figures, each on a random half of the people: the hardest case, no two rest on the same group."""
    rng, log = np.random.default_rng(2), ReleaseLog()
    scores = rng.integers(1, 6, people).astype(float)
    for _ in range(figures):
        chosen = np.flatnonzero(rng.random(people) < 0.5)
        log.add("figure", "total", {f"p{i}": float(scores[i]) for i in chosen})
    return log


def cpu_seconds(work: Callable[[], object]) -> float:
    """How much CPU time does this take, as the median of several runs after one to warm up?"""
    work()
    taken = []
    for _ in range(RUNS):
        start = time.process_time()
        work()
        taken.append(time.process_time() - start)
    return statistics.median(taken)


def main() -> None:
    small, large, log = answers(60), answers(5_000), releases(60, 400)
    lines = {
        "diagnostic, 60 and 60 people": lambda: survey.diagnose(small, SETTINGS),
        "diagnostic, 5,000 and 5,000 people": lambda: survey.diagnose(large, SETTINGS),
        "auditor, 400 random figures on 60 people": lambda: audit_release(log, 5),
    }
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {ITEMS} items, {RUNS} runs")
    first = 0.0
    for name, work in lines.items():
        seconds = cpu_seconds(work)
        first = first or seconds
        print(f"{name:44}{seconds:8.3f} s CPU{seconds / first:8.1f} x")


if __name__ == "__main__":
    main()
