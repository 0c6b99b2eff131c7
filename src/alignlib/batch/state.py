"""What became of each job of a batch: one small file a job, replaced whole each time."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, model_validator

from alignlib.files import write_file
from alignlib.words import legible

JOBS, PLAN = "private/jobs", "private/batch.json"  # in a batch's folder
State = Literal["running", "done", "failed", "interrupted", "skipped", "not started"]
Kind = Literal["data", "settings", "notebook", "memory", "time", "disk", "process", "leak", "interrupted"]
STANDS: tuple[State, ...] = ("done", "skipped")  # there is an audit in its folder
REPORTED: tuple[State, ...] = ("done", "failed", "skipped", "not started")  # every job is one of these in the end


# File names that are no UTF-8 reach us as halves of letters, which JSON cannot hold: they become a visible mark.
Text = Annotated[str, BeforeValidator(lambda said: legible(said) if isinstance(said, str) else said)]


class _Entry(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False, populate_by_name=True)


class Failure(_Entry):
    """Of which class is the first problem of a job, in which notebook and cell, and what does it say to people?"""

    kind: Kind = Field(validation_alias="class", serialization_alias="class")
    code: Text = ""
    notebook: Text = ""
    cell: int | None = None
    sentence: Text


class JobRecord(_Entry):
    """What became of one job? ``folder`` is where its audit stands, ``more`` counts problems beyond the first.

    A failed job has a problem, one that is done or skipped a folder; ValidationError where it has not.
    """

    job: str
    engagement: Text
    client: Text | None = None
    state: State
    attempt: int = 1
    fingerprint: Text | None = None
    folder: Text | None = None
    headline: Text | None = None
    problem: Failure | None = None
    more: int = 0
    undelivered: tuple[Text, ...] = ()
    seconds: float = 0
    cpu_seconds: float = 0
    peak_mb: float = 0

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.state == "failed" and self.problem is None:
            raise ValueError("a failed job says why")
        if self.state in STANDS and not self.folder:
            raise ValueError(f"a job that is {self.state} says where its audit is")
        return self

    @property
    def called(self) -> str:
        """By which name is the client known? By its own, once its settings could be read, else by its folder's."""
        return self.client or self.engagement

    def as_data(self) -> dict[str, Any]:
        """How is it written in JSON, key by key?"""
        return self.model_dump(mode="json", by_alias=True)


def write_record(out: Path, record: JobRecord) -> Path:
    """Which file of the batch in ``out`` says now what became of this job? Raises AlignError (E-WRITE)."""
    text = json.dumps(record.as_data(), ensure_ascii=False, indent=1) + "\n"
    return write_file(out / JOBS / f"{record.job}.json", text, private=True)


def read_records(out: Path) -> list[JobRecord]:
    """What became of each job of the batch in ``out``, by name? A record that cannot be read is as none.

    Which those are, ``damaged_records`` says: what stands in a job's folder does not hang on them.
    """
    return [record for path in _files(out) if (record := _read(path)) is not None]


def damaged_records(out: Path) -> list[str]:
    """Of which jobs of the batch in ``out`` cannot the record be read?"""
    return [path.stem for path in _files(out) if _read(path) is None]


def what_became(out: Path) -> list[JobRecord]:
    """What is known of each job that was planned in this batch: its record, or that it was not started? [] if none."""
    path, known = out / PLAN, {record.job: record for record in read_records(out)}
    planned = json.loads(path.read_text(encoding="utf-8"))["jobs"] if path.is_file() else []
    blank = (JobRecord(job=job["job"], engagement=Path(job["engagement"]).name, state="not started", attempt=0)
             for job in planned)  # fmt: skip
    return [known.get(record.job, record) for record in blank]


def reported(record: JobRecord) -> State:
    """How is a job told at the end: done, failed, skipped, or, whatever else became of it, not started?"""
    return record.state if record.state in REPORTED else "not started"


def _files(out: Path) -> Sequence[Path]:
    return sorted((out / JOBS).glob("*.json"))


def _read(path: Path) -> JobRecord | None:
    try:
        record = JobRecord.model_validate(json.loads(path.read_text(encoding="utf-8")))
    except (OSError, ValueError, RecursionError, ValidationError):
        return None
    return record if record.job == path.stem else None  # a copy under another name is no record of that job
