"""A batch is followed by a person, a log or a program: each hears all it needs and no more."""

import json
from pathlib import Path
from typing import Any

import pytest

from alignlib.batch import console, progress
from alignlib.batch.job import Order, failure
from alignlib.batch.state import Failure, JobRecord
from alignlib.errors import AlignError, Problem

BROKEN = Failure(
    kind="notebook", code="E-NOTEBOOK", notebook="funnel.ipynb", cell=3, sentence="cell 3: no such segment"
)


def record(name: str, **told: Any) -> JobRecord:
    return JobRecord(**{"job": f"{name}-1", "engagement": name, "state": "done", "folder": "clients/x/y"} | told)


def events(*records: JobRecord) -> list[dict[str, Any]]:
    began = [{"event": "begin", "job": each.job, "attempt": 1} for each in records]
    steps = [{"event": "step", "job": each.job, "step": "survey.ipynb", "number": 2, "of": 6} for each in records]
    ended = [{"event": "end", "job": each.job, "record": each.as_data()} for each in records]
    return [{"event": "plan", "jobs": len(records), "workers": 2}, *began, *steps, *ended]


TWO = events(record("acme", headline="The handover fails"), record("bolt", state="failed", problem=BROKEN, more=2))


def test_a_log_gets_one_plain_line_for_each_job_that_ended() -> None:
    said: list[str] = []
    tell = progress.lines(said.append)
    for event in TWO:
        tell(event)
    assert said == ["2 engagements, 2 at a time", "[1/2] done: acme: The handover fails",
                    "[2/2] failed: bolt: cell 3: no such segment (and 2 other problems)"]  # fmt: skip


def test_the_quiet_mode_tells_failures_and_notes_alone() -> None:
    said: list[str] = []
    tell = progress.lines(said.append, is_quiet=True)
    for event in [*TWO, {"event": "note", "note": "ordinary kernels are used"}]:
        tell(event)
    assert said == ["[2/2] failed: bolt: cell 3: no such segment (and 2 other problems)",
                    "Note: ordinary kernels are used"]  # fmt: skip


def test_a_program_gets_every_event_as_one_line_of_json() -> None:
    said: list[str] = []
    tell = progress.events(said.append)
    for event in TWO:
        tell(event)
    assert [json.loads(line) for line in said] == TWO and not any("\n" in line for line in said)


def test_a_terminal_gets_a_bar_that_counts_jobs_and_a_line_for_each_failure(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.bar() as tell:
        for event in TWO:
            tell(event)
    shown = capsys.readouterr().err
    assert "failed: bolt: cell 3: no such segment" in shown and "done: acme" not in shown


def test_names_of_clients_cannot_steer_a_terminal() -> None:
    said: list[str] = []
    tell = progress.lines(said.append)
    for event in events(record("a\x1b[31m\nb", job="x-1", headline="\u202eevil")):
        tell(event)
    assert "\x1b" not in said[-1] and "\n" not in said[-1] and "\u202e" not in said[-1]


def test_the_summary_adds_up_to_the_plan_and_an_interrupted_job_is_not_started() -> None:
    records = [record("a"), record("b", state="failed", problem=BROKEN), record("c", state="interrupted"),
               record("d", state="skipped"), record("e", state="not started")]  # fmt: skip
    said = console.summary(records, Path("out"))
    assert said == f"5 engagements: 1 done, 1 failed, 1 skipped, 2 not started. Overview: {Path('out') / 'index.html'}"


def test_a_day_is_written_year_first_and_anything_else_is_refused() -> None:
    assert str(console.day("2026-11-30")) == "2026-11-30" and console.day("") is None
    with pytest.raises(AlignError, match="E-USE"):
        console.day("30.11.2026")


@pytest.mark.parametrize(
    ("problem", "kind", "cell"),
    [
        (Problem("E-NOTEBOOK", "cell 3: ValueError: x", where="funnel.ipynb"), "notebook", 3),
        (Problem("E-TIME", "took longer than 5 seconds", where="audit.ipynb"), "time", None),
        (Problem("E-MEMORY", "ran out of memory", where="funnel.ipynb"), "memory", None),
        (Problem("E-WRITE", "the disk is full", where="x"), "disk", None),
        (Problem("E-CONFIG", "unknown key", where="engagement.yml"), "settings", None),
        (Problem("E-SMALL", "would tell", where="the survey"), "leak", None),
        (Problem("E-NOCOL", "no column", where="leads.csv"), "data", None),
    ],
)
def test_a_failure_has_a_class_and_says_in_which_notebook_and_cell(
    problem: Problem, kind: str, cell: int | None
) -> None:
    found = failure(problem)
    assert (found.kind, found.cell, found.code) == (kind, cell, problem.code) and problem.what in found.sentence
    assert found.notebook == (problem.where if problem.where.endswith(".ipynb") else "")


def test_an_order_comes_out_of_its_data_as_it_went_in() -> None:
    order = Order("acme-1", "/e/acme", "/out", "kit", since=None, attempt=2, force=True, memory=5)
    assert Order(**json.loads(json.dumps(order.as_data()))) == order
