"""What an audit says: measures, findings, exhibits and the result that carries them, in and out of JSON."""

import hashlib
import json
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, ValidationError

from alignlib.errors import AlignError, Problem
from alignlib.words import masked

SCHEMA_VERSION = 2
READABLE = (1, SCHEMA_VERSION)  # what version 2 added has defaults: the fields of Record after ``results``
SEED = 20260331  # of every simulation of the kit: what is drawn is drawn alike tomorrow
MIME = "application/vnd.alignlib.result+json"
Unit = Literal["share", "pp", "days", "points", "count", "money", "delta", "p", "text", "date"]
Level = Literal["act", "watch", "good", "unclear"]
Direction = Literal["at_least", "at_most", "equals"]
Shape = Literal["dumbbell", "grid", "waterfall", "stack", "intervals", "paired", "curve", "bars", "relay", "table",
                "docket", "strip"]  # fmt: skip
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


def _without_addresses(rows: list[dict[str, Scalar]]) -> list[dict[str, Scalar]]:
    """No e-mail address and no person's folder in any label of the client's, wherever a diagnostic took it from."""
    return [{name: masked(v) if isinstance(v, str) else v for name, v in row.items()} for row in rows]


class Exhibit(_Record):
    """Which table proves a conclusion, how is it drawn, and how is it read?"""

    key: str = Field(pattern=r"^[a-z]+(\.[a-z0-9_]+)+$")
    title: str
    lead: str = ""
    shape: Shape
    columns: list[Column]
    rows: Annotated[list[dict[str, Scalar]], AfterValidator(_without_addresses)]
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


def fingerprint(said: Any) -> str:
    """Was the same agreed as then? Equal data give equal eight digits, in whatever order their keys stand.

    >>> fingerprint({"MQL": "mql", "SAL": "sal"}) == fingerprint({"SAL": "sal", "MQL": "mql"})
    True
    """
    text = json.dumps(said, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode()).hexdigest()[:8]


_COUNTS = ("shape", "constants", "values", "stages", "items", "labels")  # with ``exclude``: which rows count, as what


def as_read(inputs: Iterable[BaseModel], tables: Collection[str]) -> dict[str, dict[str, Scalar]]:
    """How were these tables read from files: ``rows`` (what is left out, what labels mean) and ``columns``?

    ``inputs`` are those of the settings. A fingerprint a table; file names, how a file is decoded and which wave of a
    survey it holds do not count, nor into how many files of one kind a table was split. What is left out by who
    somebody is counts as a number only: a fingerprint of names could be found by trying names.
    """
    rows: dict[str, set[str]] = {}
    columns: dict[str, set[str]] = {}
    for each in (entry.model_dump(mode="json") for entry in inputs):
        if each["table"] in tables:
            counts = {name: each[name] for name in _COUNTS} | {"exclude": _left_out(each)}
            counts["constants"] = {name: said for name, said in each["constants"].items() if name != "wave"}
            joined = [{"match": lookup["match"], "columns": lookup["columns"]} for lookup in each["lookups"]]
            rows.setdefault(each["table"], set()).add(fingerprint(counts))
            columns.setdefault(each["table"], set()).add(fingerprint([each["columns"], joined]))
    kinds = {"rows": rows, "columns": columns}
    return {kind: {table: fingerprint(sorted(said)) for table, said in found.items()} for kind, found in kinds.items()}


def _left_out(entry: dict[str, Any]) -> dict[str, Any]:
    """Which values are left out, by our name of the column where it has one?"""
    ours = {theirs: name for name, theirs in entry["columns"].items()}
    named = [(ours.get(column, column), values) for column, values in entry["exclude"].items()]
    return {column: len(values) if column.endswith("_id") else sorted(values) for column, values in named}


def _day(text: str) -> str:
    if date.fromisoformat(text).isoformat() != text:
        raise ValueError("not a day written as 2026-03-31")
    return text


Day = Annotated[str, AfterValidator(_day)]


class Record(_Record):
    """What does ``results.json`` hold: every result of one audit, and how it was made?

    ``versions`` of Python and of what computes; ``seed`` of every simulation; ``path`` counts as passing a stage;
    ``rules_sha256`` is the fingerprint of the settings that define figures, ``since_sha256`` that of the earlier record
    compared with ("" when there is none). Records of version 1 do not say these.
    """

    schema_version: int = SCHEMA_VERSION
    kit_version: str
    client: str
    synthetic: bool = False
    period_start: Day
    period_end: Day
    as_of: Day
    currency: str
    settings_sha256: str
    thresholds_lock: str
    results: dict[str, Result]
    versions: dict[str, str] = Field(default_factory=dict)
    timezone: str = ""
    path: str = ""
    seed: int | None = None
    rules_sha256: str = ""
    since_sha256: str = ""


def to_json(record: Record | Result) -> str:
    """How is a record written so that equal records are equal text?"""
    return json.dumps(record.model_dump(mode="json"), ensure_ascii=False, indent=1, sort_keys=True) + "\n"


def json_schema() -> str:
    """Which JSON Schema describes ``results.json``?"""
    return json.dumps(Record.model_json_schema(), indent=1, sort_keys=True) + "\n"


def read_record(path: Path) -> Record:
    """What does this ``results.json`` say? Raises AlignError (E-RESULT), also for a schema version unknown here."""
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        version = data["schema_version"]
        record = Record.model_validate(data) if version in READABLE else None
    except (OSError, ValueError, KeyError, TypeError, RecursionError) as error:
        raise _refused(path, "this is not a results.json of the kit") from error
    if record is None:
        what = f"schema version {str(version)[:20]} was written by another kit, this one reads"
        raise _refused(path, f"{what} {' and '.join(map(str, READABLE))}")
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
