"""One audit's input, frozen: prepare reads and checks every file into a run folder, open_run reads it back locked."""

import hashlib
import hmac
import io
import json
import secrets
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib.engagement import Input, Reading, Settings, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, sha256, write_file
from alignlib.intake.tables import ROW_COUNTS_FILE, SQL_TYPES, TABLES, Tables, write_report
from alignlib.result import RowCount, Source
from alignlib.words import count

if TYPE_CHECKING:
    import duckdb
    import pandas as pd
    import pyarrow as pa

    from alignlib.intake.read import Raw
    from alignlib.intake.rows import Part

SETTINGS_JSON, TABLES_FOLDER, REJECTED_FILE = "settings.json", "tables", "rejected.parquet"
MEMORY_LIMIT, THREADS = "2GB", 2
FILE_NOTES = "files"  # notes about reading: shown by `alignlib check`, not in a report


@dataclass
class Intake:
    """What came of an engagement's files: checked parts, how they balance, notes, and every problem found."""

    parts: "list[Part]" = field(default_factory=list)
    row_counts: list[RowCount] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    problems: list[Problem] = field(default_factory=list)

    def note(self, table: str, texts: list[str]) -> None:
        known = self.notes.setdefault(table, [])
        known += [text for text in dict.fromkeys(texts) if text not in known]


def prepare(engagement_folder: Path, run_dir: Path) -> Settings:
    """Which settings govern this run, now that all its files are read, checked and frozen in ``run_dir``?

    Writes settings.json, tables/<name>.parquet, intake.json (row counts, sources, notes, fingerprints) and
    rejected.parquet (private). Raises AlignError with every problem of every file; then nothing is written.
    """
    settings = read_engagement(engagement_folder)
    intake = take_in(engagement_folder, settings)
    if intake.problems:
        raise AlignError(intake.problems)
    make_folder(run_dir, private=True)
    make_folder(run_dir / TABLES_FOLDER)
    _hide_people(intake.parts, settings)
    prints: dict[str, str] = {}
    for name in TABLES:
        if frame := _arrow_of_parts(name, [part for part in intake.parts if part.entry.table == name]):
            path = write_file(run_dir / TABLES_FOLDER / f"{name}.parquet", _parquet(frame))
            prints[name] = sha256(path)
    write_file(run_dir / REJECTED_FILE, _parquet(_rejected(intake.parts, settings)), private=True)
    report = write_report(intake.row_counts, intake.sources, intake.notes, _day_only(intake.parts), prints)
    write_file(run_dir / ROW_COUNTS_FILE, report)
    write_file(run_dir / SETTINGS_JSON, settings.canonical())
    return settings


def check(engagement_folder: Path) -> tuple[list[RowCount], dict[str, list[str]], list[Problem]]:
    """What is wrong with an engagement's files, by file, row and column? (row counts, notes, problems); writes nothing.

    Raises AlignError only when engagement.yml itself cannot be read.
    """
    intake = take_in(engagement_folder, read_engagement(engagement_folder))
    return intake.row_counts, intake.notes, intake.problems


def take_in(engagement_folder: Path, settings: Settings) -> Intake:
    """What do all the files say once read, mapped, typed and checked against each other? Collects every problem."""
    from alignlib.intake.rows import join_parts, type_columns

    intake = Intake()
    read: dict[str, Raw] = {}
    data = engagement_folder / "data"
    for entry in settings.inputs:
        try:
            part = _part(data, entry, settings, read, intake)
            found = type_columns(part, settings)
        except AlignError as error:
            intake.problems += [problem for problem in error.problems if problem not in intake.problems]
            continue
        intake.problems += found
        if not found:
            intake.parts.append(part)
    intake.problems += join_parts(intake.parts, settings)
    for part in intake.parts:
        total = part.count()
        intake.row_counts.append(total)
        intake.note(part.entry.table, [*part.notes, *_values_rejected(part, total)])
        intake.note(FILE_NOTES, [*part.raw.notes, *part.file_notes])
    return intake


def _part(data: Path, entry: Input, settings: Settings, read: "dict[str, Raw]", intake: Intake) -> "Part":
    from alignlib.intake.mappings import map_input

    raws = [_read_once(data, reading, read) for reading in (entry, *entry.lookups)]
    part, counts = map_input(raws[0], entry, settings, raws[1:])
    intake.row_counts += counts
    intake.sources += [Source(file=r.file, table=entry.table, rows=r.read, sha256=r.sha256) for r in raws]
    return part


def _read_once(data: Path, reading: Reading, read: "dict[str, Raw]") -> "Raw":
    from alignlib.intake.read import read_table

    key = json.dumps({name: getattr(reading, name) for name in Reading.model_fields})
    if key not in read:
        read[key] = read_table(data, reading)
    return read[key]


def _values_rejected(part: "Part", total: RowCount) -> list[str]:
    """How many values were left out of rows that are otherwise used?"""
    used = set(part.data["record"].tolist())
    codes: dict[str, int] = {}
    for reject in part.rejects:
        if reject.record in used:
            codes[reject.code] = codes.get(reject.code, 0) + 1
    return [
        f"{count(n, 'value')} of {total.file} had to be left out ({code}); the rest of each row is used."
        for code, n in codes.items()
    ]


def _hide_people(parts: "list[Part]", settings: Settings) -> None:
    """Replaces respondents' ids by codes under a key that is thrown away; their order in the file goes too."""
    if settings.survey.mode != "anonymous":
        return
    key = secrets.token_bytes(32)
    for part in parts:
        if part.entry.table in ("responses", "respondents"):
            codes = part.data["respondent_id"].map(
                lambda name: "r-" + hmac.new(key, str(name).encode(), hashlib.sha256).hexdigest()[:12]
            )
            part.data = part.data.assign(respondent_id=codes, record=None)
            part.data = part.data.sort_values(["respondent_id"], kind="stable", ignore_index=True)


def arrow_schema(name: str) -> "pa.Schema":
    """Which columns and types does this table have on disk? Those of its rule, then ``file`` and ``record``."""
    import pyarrow as pa

    types = {
        "text": pa.string(), "number": pa.float64(), "integer": pa.int64(), "money": pa.int64(), "date": pa.date32(),
        "timestamp": pa.timestamp("us"), "flag": pa.bool_(), "labels": pa.list_(pa.string()),
    }  # fmt: skip
    columns = [(column.name, types[column.kind]) for column in TABLES[name].columns]
    return pa.schema([*columns, ("file", pa.string()), ("record", pa.int64())])


def _arrow_of_parts(name: str, parts: "list[Part]") -> "pa.Table | None":
    import pyarrow as pa

    schema = arrow_schema(name)
    tables = []
    for part in parts:
        frame: pd.DataFrame = part.data.assign(file=part.entry.file)
        tables.append(pa.Table.from_pandas(frame[schema.names], schema=schema, preserve_index=False))
    return pa.concat_tables(tables) if tables else None


def arrow_rows(name: str, rows: list[dict[str, Any]]) -> "pa.Table":
    """How do rows written by hand become this table? Absent columns are NULL; unknown ones raise KeyError."""
    import pyarrow as pa

    schema = arrow_schema(name)
    if unknown := {key for row in rows for key in row} - set(schema.names):
        raise KeyError(f"{name} has no column {', '.join(sorted(unknown))}")
    numbered = [{"file": "by hand", "record": at, **row} for at, row in enumerate(rows, start=1)]
    return pa.Table.from_pylist(numbered, schema=schema)


def _rejected(parts: "list[Part]", settings: Settings) -> "pa.Table":
    import pyarrow as pa

    rows: list[dict[str, Any]] = []
    for part in parts:
        hidden = settings.survey.mode == "anonymous" and part.entry.table in ("responses", "respondents")
        texts = {} if hidden else part.originals()
        used = set() if hidden else set(part.data["record"].tolist())
        for reject in part.rejects:
            rows.append({
                "file": part.entry.file, "table": part.entry.table, "record": reject.record, "column": reject.column,
                "code": reject.code, "reason": reject.reason, "row_is_used": None if hidden else reject.record in used,
                "original": texts.get(reject.record, ""),
            })  # fmt: skip
    schema = pa.schema([
        ("file", pa.string()), ("table", pa.string()), ("record", pa.int64()), ("column", pa.string()),
        ("code", pa.string()), ("reason", pa.string()), ("row_is_used", pa.bool_()), ("original", pa.string()),
    ])  # fmt: skip
    return pa.Table.from_pylist(rows, schema=schema)


def _day_only(parts: "list[Part]") -> frozenset[str]:
    """Which timestamp columns are recorded by day in every file that feeds their table?"""
    filled: dict[str, list[bool]] = {}
    for part in parts:
        for column in part.rule.columns:
            if column.kind == "timestamp" and part.data[column.name].notna().any():
                name = f"{part.entry.table}.{column.name}"
                filled.setdefault(name, []).append(name in part.day_only)
    return frozenset(name for name, all_days in filled.items() if all(all_days))


def _parquet(table: "pa.Table") -> bytes:
    import pyarrow.parquet as pq

    buffer = io.BytesIO()
    pq.write_table(table, buffer, compression="zstd")
    return buffer.getvalue()


def open_run(run_dir: Path, settings_sha256: str = "") -> tuple[Settings, Tables]:
    """Which settings and tables does this run hold? Refuses a run whose settings or tables were changed since.

    ``settings_sha256`` is the fingerprint the notebook was given; empty when none was.
    Raises AlignError: E-OPEN (no prepared run), E-CHANGED.
    """
    import pyarrow.parquet as pq

    try:
        text = (run_dir / SETTINGS_JSON).read_text(encoding="utf-8")
        report = json.loads((run_dir / ROW_COUNTS_FILE).read_text(encoding="utf-8"))
        settings = Settings.model_validate(json.loads(text))
        paths = {name: run_dir / TABLES_FOLDER / f"{name}.parquet" for name in report["fingerprints"]}
        changed = [name for name, path in paths.items() if sha256(path) != report["fingerprints"][name]]
    except (OSError, ValueError, KeyError) as error:
        raise AlignError(
            Problem("E-OPEN", "this folder holds no prepared run", where=run_dir.name, fix="run: alignlib audit")
        ) from error
    if (settings_sha256 and settings.sha256() != settings_sha256) or changed:
        what = f"the table {changed[0]}" if changed else "settings.json"
        raise AlignError(
            Problem("E-CHANGED", f"{what} is not what was prepared", where=run_dir.name, fix="prepare the run again")
        )
    return settings, open_tables(
        {name: pq.read_table(path) for name, path in paths.items()},
        [RowCount.model_validate(each) for each in report["row_counts"]],
        [Source.model_validate(each) for each in report["sources"]],
        report["notes"],
        frozenset(report["day_only"]),
    )


def open_tables(
    frames: "dict[str, pa.Table]",
    row_counts: list[RowCount] | None = None,
    sources: list[Source] | None = None,
    notes: dict[str, list[str]] | None = None,
    day_only: frozenset[str] = frozenset(),
) -> Tables:
    """How are these tables asked? Over the kit's one DuckDB connection, which can read nothing else and is locked.

    Every table of TABLES exists; those not in ``frames`` are empty and not ``present``.
    """
    connection = _connect()
    for name, rule in TABLES.items():
        columns = ", ".join(f"{ident(column.name)} {SQL_TYPES[column.kind]}" for column in rule.columns)
        connection.execute(f"CREATE TABLE {ident(name)} ({columns}, file VARCHAR, record BIGINT)")
        if name in frames:
            connection.register("incoming", frames[name])
            connection.execute(f"INSERT INTO {ident(name)} SELECT * FROM incoming")
            connection.unregister("incoming")
    connection.execute("SET lock_configuration = true")
    present = frozenset(name for name, frame in frames.items() if frame.num_rows)
    return Tables(connection, present, row_counts or [], sources or [], notes or {}, day_only)


def ident(name: str) -> str:
    """How is a name written in SQL so that it can only be a name?

    >>> ident('amt" FROM x; --')
    '"amt"" FROM x; --"'
    """
    return '"' + name.replace('"', '""') + '"'


def _connect() -> "duckdb.DuckDBPyConnection":
    """The only place that connects: no files, no extensions, no Python variables, bounded memory and threads."""
    import duckdb

    return duckdb.connect(
        ":memory:",
        config={
            "enable_external_access": "false", "autoload_known_extensions": "false",
            "autoinstall_known_extensions": "false", "python_enable_replacements": "false",
            "memory_limit": MEMORY_LIMIT, "threads": str(THREADS), "temp_directory": "",
        },
    )  # fmt: skip
