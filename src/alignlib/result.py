"""What an audit says: measures, findings, exhibits and the result that carries them, in and out of JSON."""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from alignlib.errors import AlignError, Problem

SCHEMA_VERSION = 1
MIME = "application/vnd.alignlib.result+json"
Unit = Literal["share", "pp", "days", "points", "count", "money", "delta", "p", "text", "date"]
Level = Literal["act", "watch", "good", "unclear"]
Direction = Literal["at_least", "at_most", "equals"]
Shape = Literal["dumbbell", "grid", "waterfall", "stack", "intervals", "paired", "curve", "bars", "relay", "table"]
Scalar = str | int | float | bool | None
Row = dict[str, Any]  # one row of an exhibit: column name -> Scalar, checked when the exhibit is made


class _Record(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Measure(_Record):
    """What was found, in which unit, on how many, and between which limits (95 %)?

    ``share`` is 0-1; ``pp`` is a difference of two shares (percentage points, stored as -1 to 1: 0.12 is 12 of them);
    ``money`` is in minor units (cents); ``points`` are points of a 1-5 scale.
    ``value`` is None when nothing could be judged or the group is withheld. No interval means "counted".
    """

    value: float | None
    unit: Unit
    n: int | None = None
    k: int | None = None
    low: float | None = None
    high: float | None = None
    method: str = "counted"


class Finding(_Record):
    """Which single statement does the audit make here, how sure is it, and what should be done?"""

    key: str = Field(pattern=r"^[a-z]+(\.[a-z0-9_]+)+$")
    theme: str
    title: str
    detail: str
    measure: Measure
    level: Level
    rule: str
    limit: float | None = None
    direction: Direction | None = None
    play: str | None = None
    settle: str = ""


class Column(_Record):
    """What does a column of an exhibit's table hold, and in which unit?"""

    name: str
    label: str
    unit: Unit = "text"
    is_extra: bool = False  # stands in files that people work on, not on a page


def columns(**described: tuple[str, Unit]) -> list[Column]:
    """Which columns does an exhibit have: the label and the unit of each, by name?"""
    return [Column(name=name, label=label, unit=unit) for name, (label, unit) in described.items()]


class Exhibit(_Record):
    """Which table proves a conclusion, how is it drawn, and how is it read?"""

    key: str = Field(pattern=r"^[a-z]+(\.[a-z0-9_]+)+$")
    title: str
    lead: str = ""
    shape: Shape
    columns: list[Column]
    rows: list[dict[str, Scalar]]
    read: str
    says_not: str = ""
    alt: str
    source: str
    play: str | None = None
    limit: float | None = None
    is_detail: bool = False  # for those who ask: folded in the report, whole in the table


class NotJudged(_Record):
    """What could not be judged, why, and which data would settle it?"""

    what: str
    why: str
    settle: str
    theme: str


@dataclass
class Part:
    """What does one part of a diagnostic add to its result?"""

    findings: list[Finding] = field(default_factory=list)
    exhibits: list[Exhibit] = field(default_factory=list)
    caveats: list[str] = field(default_factory=list)
    not_judged: list[NotJudged] = field(default_factory=list)
    basis: list[str] = field(default_factory=list)


class Source(_Record):
    """Which file was read (its name, never its path), and what is its fingerprint? ``rows`` is None when withheld."""

    file: str
    table: str
    rows: int | None
    sha256: str


class RowCount(_Record):
    """Does a file balance: rows read = used + rejected + excluded, and for which reasons?"""

    file: str
    table: str
    read: int
    used: int
    rejected: int
    excluded: int
    reasons: dict[str, int] = Field(default_factory=dict)

    @property
    def balances(self) -> bool:
        return self.read == self.used + self.rejected + self.excluded


class Result(_Record):
    """What does one diagnostic say about one question?"""

    diagnostic: Literal["survey", "content", "funnel", "audit"]
    question: str
    headline: str
    summary: str
    basis: list[str] = Field(default_factory=list)
    findings: list[Finding] = Field(default_factory=list)
    exhibits: list[Exhibit] = Field(default_factory=list)
    caveats: list[str] = Field(default_factory=list)
    not_judged: list[NotJudged] = Field(default_factory=list)
    settings: dict[str, Scalar | list[Scalar] | dict[str, Scalar]] = Field(default_factory=dict)
    sources: list[Source] = Field(default_factory=list)
    row_counts: list[RowCount] = Field(default_factory=list)

    def finding(self, key: str) -> Finding:
        """Which finding carries this key? Raises KeyError when there is none."""
        return {finding.key: finding for finding in self.findings}[key]

    def exhibit(self, key: str) -> Exhibit:
        """Which exhibit carries this key? Raises KeyError when there is none."""
        return {exhibit.key: exhibit for exhibit in self.exhibits}[key]

    def _repr_mimebundle_(self, include: Any = None, exclude: Any = None) -> dict[str, Any]:
        """What does a notebook store of this result? ``show`` adds the view for people."""
        return {"text/plain": self.headline, MIME: self.model_dump(mode="json")}


class Record(_Record):
    """What does ``results.json`` hold: every result of one audit, and how it was made?"""

    schema_version: int = SCHEMA_VERSION
    kit_version: str
    client: str
    synthetic: bool = False
    period_start: str
    period_end: str
    as_of: str
    currency: str
    settings_sha256: str
    thresholds_lock: str
    results: dict[str, Result]


def to_json(record: Record | Result) -> str:
    """How is a record written so that equal records are equal text?"""
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def json_schema() -> str:
    """Which JSON Schema describes ``results.json``?"""
    return json.dumps(Record.model_json_schema(), indent=1, sort_keys=True) + "\n"


def read_record(path: Path) -> Record:
    """What does this ``results.json`` say? Refuses another schema version with a sentence."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = data["schema_version"]
        record = Record.model_validate(data) if version == SCHEMA_VERSION else None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refused(path, "this is not a results.json of the kit") from error
    if record is None:
        raise _refused(path, f"schema version {version} was written by another kit, this one reads {SCHEMA_VERSION}")
    return record


def harvest(notebook: Path) -> Result:
    """Which result does an executed notebook hold in its last code cell?

    Raises AlignError (E-RESULT) when the last cell did not run or ended in no result: an executed notebook without a
    result proves nothing.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
        code = [cell for cell in cells if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise _refused(notebook, "this is not a whole notebook") from error
    outputs = code[-1].get("outputs", []) if code else []
    bundle = next((o["data"][MIME] for o in outputs if MIME in o.get("data", {})), None)
    if bundle is None:
        raise _refused(notebook, "the last cell holds no result; it must say only: result")
    try:
        return Result.model_validate(bundle)
    except ValidationError as error:
        raise _refused(notebook, f"the result is not valid ({error.error_count()} faults)") from error


def _refused(path: Path, what: str) -> AlignError:
    return AlignError(Problem("E-RESULT", what, where=path.name, fix="run the audit again with this kit"))
