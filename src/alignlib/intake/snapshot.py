"""One audit's input, frozen: prepare reads and checks every file into a run folder, open_run reads it back locked."""

import hmac
import json
import re
import secrets
import shutil
from collections import Counter
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib.comments import Comment, approved, fingerprint, flags_of
from alignlib.engagement import Reading, Settings, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, scratch_folder, sha256, write_file, writing
from alignlib.instrument import read_instrument
from alignlib.intake.parquet import write_rejected, write_rows
from alignlib.intake.tables import ANSWERS, SQL_TYPES, TABLES, TYPES, Tables
from alignlib.result import RowCount, Source
from alignlib.words import count, legible

if TYPE_CHECKING:
    import pyarrow as pa

    from alignlib.intake.read import Raw
    from alignlib.intake.rows import Part

PRIVATE, SECRET_FILE = "private", "survey.key"  # in the engagement's folder; never sent on
SETTINGS_JSON, REPORT_JSON, REJECTED_FILE = "settings.json", "intake.json", "rejected.parquet"
EXTRACTS = "sources"  # the folder of a run that holds what its databases held
# No files, no extensions, no Python variables, bounded memory; one thread, because two take a fifth more CPU time.
LOCKED: dict[str, str | bool | int | float | list[str]] = {
    "autoload_known_extensions": "false", "autoinstall_known_extensions": "false",
    "python_enable_replacements": "false", "memory_limit": "2GB", "threads": "1", "temp_directory": "",
}  # fmt: skip
LARGE = 5_000_000  # rows: a table of more stays in its file, for in memory it would take more than half of the limit
FILE_NOTES = "files"  # notes about reading: shown by `alignlib check`, not in a report
LEFT_ASIDE, MOST_FILES = ("facts.yml", "README.md"), 10  # files of the template; how many others a note names
Notes = dict[str, list[str]]


def prepare(engagement_folder: Path, run_dir: Path) -> Settings:
    """Which settings govern this run, now that all its files are read, checked and frozen in ``run_dir``?

    Writes settings.json, tables/<name>.parquet, intake.json (row counts, sources, notes, fingerprints) and, private,
    rejected.parquet and what databases held (sources/); no comment that nobody approved is in any of them.
    Raises AlignError with every problem of every file; then nothing is written.
    """
    settings = read_engagement(engagement_folder)
    with scratch_folder() as scratch:
        parts, row_counts, sources, notes, problems = take_in(engagement_folder, settings, scratch)
        if problems:
            raise AlignError(problems)
        _blank_comments(parts, engagement_folder)
        _hide_people(parts, settings, engagement_folder)
        make_folder(run_dir, private=True)
        for name in kept_extracts(settings):
            with writing(run_dir / EXTRACTS / name, private=True) as copy, (scratch / name).open("rb") as extract:
                shutil.copyfileobj(extract, copy)
    prints: dict[str, str] = {}
    for name in TABLES:
        if group := [part for part in parts if part.entry.table == name]:
            prints[name] = sha256(write_rows(run_dir / "tables" / f"{name}.parquet", arrow_schema(name), group))
    write_rejected(run_dir / REJECTED_FILE, parts, settings.survey.mode == "anonymous")
    report = {
        "row_counts": [each.model_dump() for each in row_counts], "sources": [each.model_dump() for each in sources],
        "notes": notes, "day_only": sorted(_day_only(parts)), "fingerprints": prints,
    }  # fmt: skip
    write_file(run_dir / REPORT_JSON, json.dumps(report, ensure_ascii=False, indent=1))
    write_file(run_dir / SETTINGS_JSON, settings.canonical())
    return settings


def check(engagement_folder: Path) -> tuple[list[RowCount], Notes, list[Problem], list[str]]:
    """What is wrong with an engagement's files? Row counts, notes, problems, and what was rejected (rejected_lines).

    Notes name the files of data/ that no input names. Writes nothing. Raises AlignError only when engagement.yml itself
    cannot be read.
    """
    from alignlib.intake.rejected import rejected_lines

    settings = read_engagement(engagement_folder)
    parts, row_counts, _, notes, problems = take_in(engagement_folder, settings)
    if unread := _unread_files(engagement_folder / "data", settings):
        notes[FILE_NOTES].append(unread)
    return row_counts, notes, problems, [line for part in parts for line in rejected_lines(part)]


def _unread_files(folder: Path, settings: Settings) -> str:
    """Which sentence says that files were delivered which nothing reads? "" when there are none."""
    from alignlib.intake.database import databases

    named = {folder / each.file for entry in settings.inputs for each in (entry, *entry.lookups)}
    named |= {folder / source.file for source in databases(settings)}
    files = (path for path in sorted(folder.rglob("*")) if path.is_file() and path not in named)
    rest = [path.relative_to(folder).as_posix() for path in files if not path.name.startswith((".", "~$"))]
    rest = [legible(name) for name in rest if name not in LEFT_ASIDE]
    if not rest:
        return ""
    more = f" and {count(len(rest) - MOST_FILES, 'other')}" if len(rest) > MOST_FILES else ""
    shown = ", ".join(rest[:MOST_FILES])
    return f"{count(len(rest), 'file')} in data/ named by no input, and so not read: {shown}{more}."


def take_in(
    engagement_folder: Path, settings: Settings, scratch: Path | None = None
) -> "tuple[list[Part], list[RowCount], list[Source], Notes, list[Problem]]":
    """What do all the files say once read, mapped, typed and checked against each other? Collects every problem.

    Tables of a database are extracted into ``scratch``, which is left behind only when it is given.
    """
    if scratch is None:
        with scratch_folder() as own:
            return take_in(engagement_folder, settings, own)
    from alignlib.intake.database import databases, extract
    from alignlib.intake.mappings import map_input
    from alignlib.intake.read import read_table
    from alignlib.intake.rejected import unread_columns
    from alignlib.intake.rows import join_parts, type_columns

    parts: list[Part] = []
    row_counts: list[RowCount] = []
    sources: list[Source] = []
    notes: Notes = {}
    read: dict[str, Raw] = {}
    extracts, problems = extract(engagement_folder / "data", databases(settings), scratch)
    for entry in settings.inputs:
        if any(each.source and each.source not in extracts for each in (entry, *entry.lookups)):
            continue  # the problem is told already
        try:
            raws = []
            for reading in (entry, *entry.lookups):
                key, held = reading.model_dump_json(include={*Reading.model_fields}), reading.source
                whole = reading.model_dump_json()  # of a large file only the columns are kept that this input names
                raw = read.get(key) or read.get(whole) or read_table(
                    engagement_folder / "data", reading, extracts[held] if held else None
                )  # fmt: skip
                read[key if raw.columns is None else whole] = raw
                raws.append(raw)
            part, counts = map_input(raws[0], entry, settings, raws[1:])
            row_counts += counts
            sources += [Source(file=r.file, table=entry.table, rows=r.read, sha256=r.sha256) for r in raws]
            found = type_columns(part, settings)
        except AlignError as error:
            found = error.problems
        problems += [problem for problem in found if problem not in problems]
        if not found:
            parts.append(part)
    problems += join_parts(parts, settings)
    for part in parts:
        row_counts.append(part.count())
        texts = {part.entry.table: [*part.notes, *_values_rejected(part)], FILE_NOTES: part.raw.notes + part.file_notes}
        for where, more in texts.items():
            notes[where] = list(dict.fromkeys([*notes.get(where, []), *more]))
    notes.setdefault(FILE_NOTES, []).extend(unread_columns(parts))
    return parts, row_counts, sources, notes, problems


def kept_extracts(settings: Settings) -> list[str]:
    """Which extracts of a database does a run keep? Not those in which people answer: they hold who wrote what."""
    from alignlib.intake.database import databases, snapshot_name

    people = set(databases(settings, ANSWERS))
    return [snapshot_name(source) for source in databases(settings) if source not in people]


def _values_rejected(part: "Part") -> list[str]:
    """How many values were left out of rows that are otherwise used?"""
    import numpy as np

    used = np.zeros(part.raw.read + 1, bool)
    used[part.data["record"].to_numpy(dtype=np.int64)] = True
    codes = Counter(reject.code for reject in part.rejects if used[reject.record])
    rest = "the rest of each row is used"
    return [f"{count(n, 'value')} of {part.entry.file} had to be left out ({c}); {rest}." for c, n in codes.items()]


def _blank_comments(parts: "list[Part]", engagement_folder: Path) -> None:
    """Takes out what people wrote unless its text was approved; the row stays, so that one knows a comment was left."""
    asked = [item.item for item in read_instrument().of("comment")]
    for part in (part for part in parts if part.entry.table == "responses"):
        data = part.data[~part.data["item"].isin(asked) | part.data["comment"].notna()]
        texts = data["comment"].dropna()
        known = approved(engagement_folder, texts.tolist())
        part.data = data.assign(comment=texts[texts.map(fingerprint).isin(known)].reindex(data.index))


def _hide_people(parts: "list[Part]", settings: Settings, engagement_folder: Path) -> None:
    """Replaces respondents' ids by codes under the engagement's secret; their order in the file goes too.

    One secret for all runs, so that two runs can be compared: who is in both, and whose answer was corrected.
    """
    for part in parts:
        if settings.survey.mode == "anonymous" and part.entry.table in ANSWERS:
            key, names = engagement_secret(engagement_folder), part.data["respondent_id"].astype("str")
            codes = ["r-" + hmac.digest(key, name.encode(), "sha256").hex()[:12] for name in names]
            hidden = part.data.assign(respondent_id=codes, record=None)
            part.data = hidden.sort_values(["respondent_id"], kind="stable", ignore_index=True)


def engagement_secret(engagement_folder: Path) -> bytes:
    """Under which secret are this engagement's people hidden? Made once, at random, and kept in its private folder.

    Raises AlignError (E-CORRUPT) when the file is not what was made.
    """
    path = make_folder(engagement_folder / PRIVATE, private=True) / SECRET_FILE
    if not path.exists():
        write_file(path, secrets.token_bytes(32), private=True)
    secret = path.read_bytes()  # read back also when just made: of two runs at once, the later one's holds for both
    if len(secret) != 32:
        fix = f"restore it from a copy; without it what was published before cannot be compared ({PRIVATE}/)"
        raise AlignError(Problem("E-CORRUPT", "the engagement's secret is damaged", where=SECRET_FILE, fix=fix))
    return secret


def comments_of(engagement_folder: Path) -> list[Comment]:
    """What did people write, approved or not? Sorted by fingerprint, an order that says nothing about who or when.

    A comment that a person left twice stands once; its team is missing when not named. Writes nothing.
    Raises AlignError with every problem of the files.
    """
    parts, _, _, _, problems = take_in(engagement_folder, read_engagement(engagement_folder))
    if problems:
        raise AlignError(problems)
    known: dict[str, str] = {}
    for part in parts:
        if part.entry.table == "respondents":
            listed = part.data.dropna(subset=["team"])
            known |= dict(zip(listed["respondent_id"].astype(str), listed["team"].astype(str), strict=True))
    names = {str(name) for part in parts for column in ("owner_id", "user_id") if column in part.data
             for name in part.data[column].dropna().unique()}  # fmt: skip
    found: dict[tuple[str, str], tuple[str | None, str]] = {}
    for part in (part for part in parts if part.entry.table == "responses"):
        left = part.data[part.data["comment"].notna()]
        rows = left[["respondent_id", "comment", "team", "item"]].astype(object).itertuples(index=False)
        for who, text, team, item in rows:
            found[str(who), str(text)] = (team if isinstance(team, str) else known.get(str(who)), str(item))
    written = [Comment(text, team, flags_of(text, names), item, who) for (who, text), (team, item) in found.items()]
    return sorted(written, key=lambda comment: (fingerprint(comment.text), comment.team or "", comment.item))


def arrow_schema(name: str) -> "pa.Schema":
    """Which columns and types does this table have on disk? Those of its rule, then ``file`` and ``record``."""
    import pyarrow as pa

    text = pa.string()
    types = {kind: pa.type_for_alias(alias) if alias else pa.list_(text) for kind, (_, _, alias) in TYPES.items()}
    columns = [(column.name, types[column.kind]) for column in TABLES[name].columns]
    return pa.schema([*columns, ("file", text), ("record", pa.int64())])


def arrow_rows(name: str, rows: list[dict[str, Any]]) -> "pa.Table":
    """How do rows written by hand become this table? Absent columns are NULL; unknown ones raise KeyError."""
    import pyarrow as pa

    schema = arrow_schema(name)
    if unknown := {key for row in rows for key in row} - set(schema.names):
        raise KeyError(f"{name} has no column {', '.join(sorted(unknown))}")
    numbered = [{"file": "by hand", "record": at, **row} for at, row in enumerate(rows, start=1)]
    return pa.Table.from_pylist(numbered, schema=schema)


def _day_only(parts: "list[Part]") -> frozenset[str]:
    """Which timestamp columns are recorded by day in every file that feeds their table?"""
    filled = [
        (f"{part.entry.table}.{column.name}", part) for part in parts for column in part.rule.columns
        if column.kind == "timestamp" and part.data[column.name].notna().any()
    ]  # fmt: skip
    return frozenset(name for name, _ in filled) - {name for name, part in filled if name not in part.day_only}


def open_run(run_dir: Path, settings_sha256: str = "") -> tuple[Settings, Tables]:
    """Which settings and tables does this run hold? As ``checked_run``, with the tables at hand."""
    settings, opened = checked_run(run_dir, settings_sha256)
    return settings, opened()


def checked_run(run_dir: Path, settings_sha256: str = "") -> tuple[Settings, Callable[[], Tables]]:
    """Which settings does this run hold, and how are its tables opened, by whoever asks them?

    Refuses a run whose settings or tables were changed since. ``settings_sha256`` is the fingerprint the notebook was
    given; empty when none was. Raises AlignError: E-OPEN (no prepared run), E-CHANGED.
    """
    try:
        settings = Settings.model_validate(json.loads((run_dir / SETTINGS_JSON).read_text(encoding="utf-8")))
        report = json.loads((run_dir / REPORT_JSON).read_text(encoding="utf-8"))
        paths = {name: run_dir / "tables" / f"{name}.parquet" for name in report["fingerprints"]}
        changed = [f"the table {name}" for name in paths if sha256(paths[name]) != report["fingerprints"][name]]
    except (OSError, ValueError, KeyError) as error:
        what, fix = "this folder holds no prepared run", "run: alignlib audit"
        raise AlignError(Problem("E-OPEN", what, where=run_dir.name, fix=fix)) from error
    if settings_sha256 and settings.sha256() != settings_sha256:
        changed.append("settings.json")
    if changed:
        what, fix = f"{changed[0]} is not what was prepared", "prepare the run again"
        raise AlignError(Problem("E-CHANGED", what, where=run_dir.name, fix=fix))
    counts = [RowCount.model_validate(each) for each in report["row_counts"]]
    sources = [Source.model_validate(each) for each in report["sources"]]
    return settings, lambda: open_tables(paths, counts, sources, report["notes"], frozenset(report["day_only"]))


def open_tables(
    frames: "Mapping[str, pa.Table | Path]",
    row_counts: list[RowCount] | None = None,
    sources: list[Source] | None = None,
    notes: Notes | None = None,
    day_only: frozenset[str] = frozenset(),
) -> Tables:
    """How are these tables asked? Over the kit's one DuckDB connection, which can read nothing else and is locked.

    Every table of TABLES exists; those not in ``frames`` are empty and not ``present``. One given as a path to Parquet
    that holds more than LARGE rows is read anew at each question: it may be larger than memory.
    """
    import duckdb
    import pyarrow.parquet as pq

    rows = {n: pq.read_metadata(f).num_rows if isinstance(f, Path) else f.num_rows for n, f in frames.items()}
    kept = {n: text(str(f.resolve())) for n, f in frames.items() if isinstance(f, Path) and rows[n] > LARGE}
    connection = duckdb.connect(":memory:", config=LOCKED)
    for name, rule in TABLES.items():
        if name in kept:
            connection.execute(f"CREATE VIEW {ident(name)} AS SELECT * FROM read_parquet({kept[name]})")
            continue
        columns = ", ".join(f"{ident(column.name)} {SQL_TYPES[column.kind]}" for column in rule.columns)
        connection.execute(f"CREATE TABLE {ident(name)} ({columns}, file VARCHAR, record BIGINT)")
        if isinstance(frame := frames.get(name), Path):
            connection.execute(f"INSERT INTO {ident(name)} SELECT * FROM read_parquet({text(_literal(frame))})")
        elif frame is not None:
            connection.register("incoming", frame)
            connection.execute(f"INSERT INTO {ident(name)} SELECT * FROM incoming")
            connection.unregister("incoming")
    connection.execute(f"SET allowed_paths = [{', '.join(kept.values())}]")
    connection.execute("SET enable_external_access = false")
    connection.execute("SET lock_configuration = true")
    present = frozenset(name for name, n in rows.items() if n)
    return Tables(connection, present, row_counts or [], sources or [], notes or {}, day_only)


def _literal(path: Path) -> str:
    """A path as DuckDB reads it and no other: its signs of a pattern stand for themselves."""
    return re.sub(r"[*?\[]", r"[\g<0>]", str(path.resolve()))


def ident(name: str) -> str:
    """How is a name written in SQL so that it can only be a name?

    >>> ident('amt" FROM x; --')
    '"amt"" FROM x; --"'
    """
    return '"' + name.replace('"', '""') + '"'


def text(value: str) -> str:
    """How is a text of our own (a path; never a client's) written in SQL where no value can be bound?

    >>> text("it's")
    "'it''s'"
    """
    return "'" + value.replace("'", "''") + "'"
