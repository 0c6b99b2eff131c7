"""S14, S15, S20, S21, S24, S25: settings, names, files and questions that try to reach further than they may."""

import ast
import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import duckdb
import pyarrow.parquet as pq
import pytest
from typer.testing import CliRunner

from alignlib import files
from alignlib.cli import app
from alignlib.engagement import SETTINGS_FILE, Reading, parse_settings, read_engagement
from alignlib.errors import AlignError
from alignlib.files import inside, open_inside
from alignlib.intake import snapshot, trial
from alignlib.intake.read import read_table
from alignlib.plain_yaml import strict_yaml
from alignlib.result import read_record

Make = Callable[..., Any]
posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps links and devices in another way")
LEADS = "  - {file: %s, table: leads, columns: {lead_id: id, created_at: created, source: source}}\n"
HEAD, ROW = "id,created,source\n", "1,2024-01-01,a\n"


def codes(error: pytest.ExceptionInfo[AlignError]) -> set[str]:
    """Which codes a refusal has; every problem of it says what to do."""
    assert all(problem.fix for problem in error.value.problems)
    return {problem.code for problem in error.value.problems}


# --- S14, S15: YAML and JSON ------------------------------------------------------------------------------------------

TRICKS = {
    "a tag that makes an object": "client: !!python/object/apply:os.system ['touch ran']",
    "a tag that makes a name": "client: !!python/name:os.system",
    "a tag that makes a module": "client: !!python/module:os",
    "a tag of its own": "client: !env HOME",
    "a tag that only asserts": "client: !!str x",
    "a tag declared above": "%TAG ! tag:yaml.org,2002:python/\n---\nclient: !name:os.system x",
    "a tag on a list": "inputs: !!set {a, b}",
    "binary": "client: !!binary aGVsbG8=",
    "a key twice": "client: a\nclient: b",
    "a key twice, below": "period: {start: 2024-01-01, start: 2024-02-01}",
    "a key twice, quoted once": "client: a\n'client': b",
    "an anchor": "client: &a x",
    "an alias": "client: &a x\ncurrency: *a",
    "a merge": "period: {<<: {start: 2024-01-01}}",
    "a list as a key": "? [a, b]\n: c",
    "two documents": "client: a\n---\nclient: b",
    "a bomb of aliases": "a0: &a0 [x, x, x, x, x, x, x, x, x]\n"
    + "\n".join(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 11)),
    "an alias of itself": "a: &a [*a]",
    "tabs": "client:\n\t- a",
    "a NUL": 'client: "a"\0',
    "a control sign": "client: a\x1b[31m",
    "never closed": "client: 'a",
    "deep lists": "[" * 10_000,
    "deep maps": "\n".join(" " * at + "a:" for at in range(1_000)),
    "deep maps in one line": "{a: " * 10_000,
    "many questions": "? " * 100_000,
    "half a million values": "[" + "a," * 490_000 + "]",
    "over a megabyte": "# " + "x" * 1_000_000,
}


@pytest.mark.parametrize("trick", list(TRICKS))
def test_s14_s15_settings_that_do_more_than_say_are_refused_with_their_line(
    trick: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(AlignError) as caught:
        strict_yaml(TRICKS[trick])
    assert codes(caught) == {"E-CONFIG"}
    places = [problem.where for problem in caught.value.problems]
    assert all(place.startswith(f"{SETTINGS_FILE}, line ") for place in places) or trick == "over a megabyte"
    assert not [*tmp_path.iterdir()]


def test_s14_a_thousand_faults_are_not_told_one_by_one() -> None:
    with pytest.raises(AlignError) as caught:
        strict_yaml("[" + "&a b, " * 100_000 + "]")
    assert len(caught.value.problems) == 20


def test_s14_what_looks_like_something_else_stays_the_text_it_is() -> None:
    text = "a: NO\nb: 12:30\nc: 012\nd: 1_000\ne: 2024-01-01\nf: 0x10\ng: =\nh: .inf\ni: '!!python/name:os.system'\n"
    said = ["NO", "12:30", "012", "1_000", "2024-01-01", "0x10", "=", ".inf", "!!python/name:os.system"]
    assert list(strict_yaml(text)[0].values()) == said


WITHIN_LIMITS = """
import sys
from pathlib import Path
from alignlib.errors import AlignError
from alignlib.engagement import Input, read_engagement
from alignlib.intake.read import read_table
from alignlib.result import read_record
folder = Path(sys.argv[1])
ways = {
    "engagement.yml": lambda: read_engagement(folder),
    "facts.yml": lambda: read_table(folder, Input(file="facts.yml", table="facts")),
    "deep.json": lambda: read_record(folder / "deep.json"),
}
for name, way in ways.items():
    try:
        way()
        print(name, "was read")
    except AlignError as error:
        print(name, *{problem.code for problem in error.problems})
status = Path("/proc/self/status").read_text().split()
print(int(status[status.index("VmHWM:") + 1]) // 1024)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells what a process used")
def test_s15_a_hundred_megabytes_are_refused_within_200_megabytes_of_memory(tmp_path: Path) -> None:
    for name in ("engagement.yml", "facts.yml"):
        with (tmp_path / name).open("wb") as handle:
            handle.writelines(b"- {fact: joint_head, answer: No}\n" * 31_000 for _ in range(100))
    (tmp_path / "deep.json").write_text("[" * 10_000)
    done = subprocess.run([sys.executable, "-c", WITHIN_LIMITS, tmp_path], capture_output=True, check=True, timeout=120)
    *told, megabytes = done.stdout.decode().splitlines()
    assert told == ["engagement.yml E-CONFIG", "facts.yml E-TYPE", "deep.json E-RESULT"]
    assert int(megabytes) < 200


@pytest.mark.parametrize("text", ["[" * 10_000, '{"a":' * 10_000, "null", "[]", '{"schema_version": []}'])
def test_s15_a_record_that_is_none_is_refused(text: str, tmp_path: Path) -> None:
    (tmp_path / "results.json").write_text(text)
    with pytest.raises(AlignError, match="E-RESULT"):
        read_record(tmp_path / "results.json")


# --- S20: names -------------------------------------------------------------------------------------------------------

_UP = ["..", "../", "../x", "../../x", "a/../../x", "./../x", "a/b/../../../x", "..//x", ".././../x", "../" * 40 + "x",
       "../x/../x", "x/../..", "....//x", "..;/x", "../x\n", "..\\x", "..\\..\\x", "a\\..\\..\\x", "\\x",
       "\\\\host\\share\\x", "C:x", "C:\\x", "c:/x", "\\\\?\\C:\\x", "%2e%2e/x", "%2e%2e%2fx", "..%2fx", "..%5cx",
       "%252e%252e%252fx", "..%c0%afx", "..%00/x", "\u2025/x", "\uff0e\uff0e/x", "..\u2215x", "..\u2044x",
       "..\uff0fx"]  # fmt: skip
_ROOTS = ["/etc/passwd", "/x", "//x", "/../x", "~", "~/x", "~root/x", "$HOME/x", "${HOME}", "%APPDATA%\\x", "file:///x",
          "file://../x", "http://127.0.0.1/x", "s3://x/y", "-", "--", "--help", "-rf", "/dev/null", "/dev/stdin",
          "/proc/self/environ", "/proc/self/cwd/x"]  # fmt: skip
_DEVICES = [
    f"{name}{end}" for name in ("CON", "con", "PRN", "AUX", "nul", "COM1", "lpt9") for end in ("", ".csv", ".x.y")
]
_ENDS = [f"x{end}" for end in (".", "..", " ", " .", ":", "::$DATA", ":stream", "/", "//", "/.", "/..", "\t", "\r\n",
         "\0",
                               "\0.csv", "\x7f", "\x1b[31m", "\u202egnp", "\u200b", "\u2028", "\ufeff")]  # fmt: skip
_LONG = ["x" * n for n in (100, 200, 201, 255, 256, 300, 5_000)] + ["ä" * 150, "😀" * 100, "/".join("x" * 300),
                                                                   "x/" * 2_000 + "x"]  # fmt: skip
_CODE = ["{client}", "{client.__class__}", "{{7*7}}", "${x}", "$(touch ran)", "`touch ran`", "; touch ran",
         "| touch ran",
         "&& touch ran", "> ran", "%s", "%n", "<script>", "'; COPY x TO 'ran'; --", '"; DROP TABLE leads; --', "a'b",
         'a"b',
         "*", "?", "[a]", "a*b", "!!", "#x", "@x", "=1+1", "=cmd|' /C calc'!A0", "__proto__", ".", "", " ", "\n",
         ".git",
         ".git/config", ".ssh/authorized_keys", ".tmp-1", "engagement.yml", "data", "private", "run", "desktop.ini",
         "thumbs.db", "__pycache__", "conftest.py", "sitecustomize.py"]  # fmt: skip
_WORDS = ["acme", "ACME", "Acme", "caf\u00e9", "cafe\u0301", "Stra\u00dfe", "STRASSE", "北京", "עברית", "Ωmega",
          "a b", "a.b", "a-b", "a_b", "A & B", "A, B", "Müller GmbH & Co. KG", "0", "1e5", "null", "NaN", "True", "No",
          "12:30", "012"]  # fmt: skip
NAMES = [*_UP, *_ROOTS, *_DEVICES, *_ENDS, *_LONG, *_CODE, *_WORDS]


@contextmanager
def only_below(root: Path, beside: Path) -> Iterator[None]:
    """Whatever happens here makes nothing beside ``root``, and nothing above the test's own folder."""

    def seen() -> set[Path]:
        return {path for path in beside.rglob("*") if not path.is_relative_to(root)}

    above = [{*folder.iterdir()} for folder in (beside.parent, Path("/etc")) if folder.is_dir()]
    before = seen()
    yield
    assert seen() == before
    after = [{*folder.iterdir()} for folder in (beside.parent, Path("/etc")) if folder.is_dir()]
    assert [late - early for early, late in zip(above, after, strict=True)] == [set()] * len(above)


NAMES += [
    f"{way}{end}" for way in ("../", "a/../../", "..\\", "/") for end in ("etc/cron.d/x", "x.csv", ".x", "x.", "CON")
]
NAMES += [f"x{sign}y" for sign in ':<>|*?"\\']


def test_s20_there_are_200_names_to_try() -> None:
    assert len(set(NAMES)) >= 200


def test_s20_no_name_of_a_file_reaches_out_of_the_data_folder(tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "data"
    root.mkdir(parents=True)
    for outside in (tmp_path / "x", tmp_path / "a" / "x", tmp_path / "a" / "b" / "x"):
        outside.write_text(HEAD + ROW)
    with only_below(root, tmp_path):
        for name in NAMES:
            with pytest.raises(AlignError) as caught:
                read_table(root, Reading.model_construct(**{**Reading(file="x").model_dump(), "file": name}))
            assert codes(caught) <= {"E-OPEN", "E-TYPE"}, name


def test_s20_no_name_of_an_engagement_makes_anything_outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = tmp_path / "a" / "clients"
    root.mkdir(parents=True)
    monkeypatch.chdir(root)
    made = []
    with only_below(root, tmp_path):
        for name in (name for name in NAMES if not Path(name).is_absolute() and "\0" not in name):
            result = CliRunner().invoke(app, ["new", "--", name])
            if result.exit_code == 0:
                made.append(name)
                assert (root / name / SETTINGS_FILE).resolve().is_relative_to(root)
            else:
                error = result.exception
                assert isinstance(error, AlignError) and error.problems[0].code == "E-USE" and error.problems[0].fix
    assert {"acme", "ACME", "a b", "北京"} <= set(made)  # whole, and apart from each other
    assert not {"..", "../x", "CON", "con.csv", "x.", "x" * 300, "", ".", "~/x/..", "a\\..\\..\\x"} & set(made)
    assert len({path.resolve() for path in root.iterdir()}) >= len({Path(name).parts[0] for name in made})


def test_s20_no_name_of_a_client_is_a_path(engage: Make, tmp_path: Path) -> None:
    engagement = engage({"l.csv": HEAD + ROW}, LEADS % "l.csv")
    text = (engagement.folder / SETTINGS_FILE).read_text(encoding="utf-8")
    expected: set[str] = set()
    with only_below(engagement.folder, tmp_path):
        for name in (name for name in NAMES if name and len(name) <= 300):
            changed = text.replace("client: Test Client", f"client: {json.dumps(name)}")
            try:
                assert parse_settings(changed).client == name
            except AlignError as error:
                assert {problem.code for problem in error.problems} == {"E-CONFIG"}
                continue
            if len(expected) == 0 or name in _UP[:6]:  # the files of a run do not depend on it
                (engagement.folder / SETTINGS_FILE).write_text(changed, encoding="utf-8")
                engagement.open()
                found = {path.relative_to(engagement.folder).as_posix() for path in engagement.folder.rglob("*")}
                expected = expected or found
                assert found == expected


# --- S21: what lies in the data folder --------------------------------------------------------------------------------


def refused(folder: Path, name: str) -> str:
    with pytest.raises(AlignError) as caught:
        read_table(folder, Reading(file=name))
    assert codes(caught) == {"E-OPEN"}
    return str(caught.value)


@posix_only
def test_s21_links_pipes_devices_and_folders_are_no_files(tmp_path: Path) -> None:
    data = tmp_path / "data"
    (data / "folder.csv").mkdir(parents=True)
    (tmp_path / "secret.csv").write_text(HEAD + ROW)
    (data / "own.csv").write_text(HEAD + ROW)
    links = {"etc.csv": "/etc/passwd", "out.csv": "../secret.csv", "own2.csv": "own.csv", "broken.csv": "nowhere",
             "circle.csv": "circle.csv", "null.csv": "/dev/null", "way": "..", "self": "."}  # fmt: skip
    for name, target in links.items():
        (data / name).symlink_to(target)
    os.mkfifo(data / "pipe.csv")
    for name in links:
        assert "is a link" in refused(data, f"{name}/secret.csv" if name == "way" else name)
    assert "is no ordinary file" in refused(data, "pipe.csv")
    assert "is no ordinary file" in refused(data, "folder.csv")
    try:
        os.mknod(data / "zero.csv", 0o020666, os.makedev(1, 5))
    except PermissionError:
        return  # only the system's owner can make a device
    assert "E-OPEN" in refused(data, "zero.csv")


@posix_only
def test_s21_a_file_that_becomes_a_link_after_the_check_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (data := tmp_path / "data").mkdir()
    (tmp_path / "secret.csv").write_text(HEAD + "2,2024-01-01,secret\n")

    def swapped() -> None:
        (data / "l.csv").unlink()
        (data / "l.csv").symlink_to(tmp_path / "secret.csv")

    _swap_before_opening(monkeypatch, swapped)
    (data / "l.csv").write_text(HEAD + ROW)
    assert "cannot be opened" in refused(data, "l.csv")


@posix_only
def test_s21_a_folder_that_becomes_a_link_after_the_check_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "outside").mkdir()
    (tmp_path / "outside" / "l.csv").write_text(HEAD + "2,2024-01-01,secret\n")
    (data := tmp_path / "data").mkdir()
    (data / "sub").mkdir()
    (data / "sub" / "l.csv").write_text(HEAD + ROW)

    def swapped() -> None:
        (data / "sub").rename(data / "was")
        (data / "sub").symlink_to(tmp_path / "outside")

    _swap_before_opening(monkeypatch, swapped)
    assert "leads out" in refused(data, "sub/l.csv")


@posix_only
def test_s21_a_file_that_is_exchanged_for_another_after_the_check_is_refused_or_is_that_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "l.csv").write_text(HEAD + ROW)
    (other := tmp_path / "other.csv").write_text(HEAD + "2,2024-01-01,b\n3,2024-01-01,c\n")
    _swap_before_opening(monkeypatch, lambda: other.replace(tmp_path / "l.csv"))
    raw = read_table(tmp_path, Reading(file="l.csv"))
    monkeypatch.undo()
    assert (raw.read, raw.sha256) == (2, files.sha256(tmp_path / "l.csv"))  # what was used is what was hashed


def _swap_before_opening(monkeypatch: pytest.MonkeyPatch, swap: Callable[[], object]) -> None:
    """Does this once, between the check of a path and its opening."""
    real, left = os.open, [swap]

    def slow(path: Any, flags: int, *rest: Any, **more: Any) -> int:
        if str(path).endswith("l.csv") and left:
            left.pop()()
        return real(path, flags, *rest, **more)

    monkeypatch.setattr(os, "open", slow)


@posix_only
def test_s21_a_file_that_is_exchanged_while_it_is_read_is_still_the_one_that_was_opened(tmp_path: Path) -> None:
    (tmp_path / "l.csv").write_text("first")
    (tmp_path / "other.csv").write_text("second")
    with open_inside(tmp_path, "l.csv") as handle:
        (tmp_path / "other.csv").replace(tmp_path / "l.csv")
        assert handle.read() == b"first"
    assert inside(tmp_path, "l.csv").read_text() == "second"


def test_s21_settings_that_are_a_folder_or_a_pipe_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a" / SETTINGS_FILE).mkdir(parents=True)
    with pytest.raises(AlignError, match="E-OPEN"):
        read_engagement(tmp_path / "a")
    if hasattr(os, "mkfifo"):
        (tmp_path / "b").mkdir()
        os.mkfifo(tmp_path / "b" / SETTINGS_FILE)
        with pytest.raises(AlignError, match="E-OPEN"):
            read_engagement(tmp_path / "b")


# --- S24: names that are SQL ------------------------------------------------------------------------------------------

SQL = [
    "id\"; COPY leads TO 'ran'; --", "id'; COPY leads TO 'ran'; --", "id); ATTACH 'ran'; --", 'id" FROM x; --', "id'--",
    "id;", "id/*", "*/id", "id`", "[id]", "\u2018id\u2019", "\u201cid\u201d", "\uff07id", "id\\", "$1", "$name", "?",
    ":id",
    "*", "1", "select", "leads", "1=1", "' OR '1'='1", "lead_id", "rowid", "columns(*)", "read_csv('/etc/passwd')",
    "a, (select 1)", "id::int", "id\"\"", "''", '"', "'", "id\tx", "getvariable('x')", "id || 'x'", "${id}", "{id}",
    "%(id)s",
]  # fmt: skip


@pytest.mark.parametrize("name", SQL)
def test_s24_a_column_a_source_and_a_file_named_in_sql_are_names(
    name: str, engage: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    quoted = '"' + name.replace('"', '""') + '"'
    file = name.replace("/", "_").replace("*", "_") + ".csv"
    columns = {"lead_id": name, "created_at": "created", "source": "where from"}
    entry = {"file": file, "table": "leads", "columns": columns, "exclude": {"where from": [f"not {name}"]}}
    content = (
        f'{quoted},created,where from\n{quoted},2024-01-01,{quoted}\n2,2024-01-02,b\n3,2024-01-02,"not {quoted[1:]}\n'
    )
    tables = engage({file: content}, f"  - {json.dumps(entry)}\n").open()
    found = tables.query("select lead_id, source, file from leads order by record").values.tolist()
    assert found == [[name, name, file], ["2", "b", file]]
    assert tables.query("select count(*) as n from leads where source = $name", {"name": name}).n[0] == 1
    (counts,) = tables.row_counts
    assert (counts.file, counts.read, counts.used, counts.rejected, counts.excluded) == (file, 3, 2, 0, 1)
    assert not (tmp_path / "ran").exists()


def test_s24_stages_labels_and_sheets_named_in_sql_are_names(engage: Make, tmp_path: Path) -> None:
    import openpyxl
    from test_workbook import saved

    labels = [name for name in SQL if len(name) <= 31]
    book = openpyxl.Workbook()
    table: Any = book.active
    table.title = sheet = "id'; COPY leads TO ran; --"
    for row in (["id", "stage", "at"], *([str(at), label, "2024-01-02"] for at, label in enumerate(labels))):
        table.append(row)
    for cell in table["B"]:
        cell.data_type = "s"
    entry = {"file": "e.xlsx", "sheet": sheet, "table": "stage_events",
             "columns": {"lead_id": "id", "stage": "stage", "entered_at": "at"}}  # fmt: skip
    stages = json.dumps(dict.fromkeys(labels, "mql"))
    engagement = engage({"e.xlsx": saved(book)}, f"  - {json.dumps(entry)}\n", f"stages: {stages}")
    tables = engagement.open()
    assert tables.query("select distinct stage from stage_events")["stage"].tolist() == ["mql"]
    assert tables.row_counts[0].used == len(labels)


def test_s24_a_run_in_a_folder_named_in_sql_is_opened_as_a_folder(
    leads: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LARGE", 0)
    engagement = leads(HEAD + ROW)
    run = tmp_path / "x'], enable_external_access = true; COPY leads TO 'ran"
    settings = snapshot.prepare(engagement.folder, run)
    tables = snapshot.open_run(run, settings.sha256())[1]
    assert tables.query("select lead_id from leads")["lead_id"].tolist() == ["1"]
    with pytest.raises(duckdb.Error):
        tables.connection.execute("select * from glob('/*')")


# --- S25: the locked connection ---------------------------------------------------------------------------------------

ESCAPES = """
select * from read_csv('{csv}')
select * from read_csv_auto('{csv}')
select * from '{csv}'
from '{folder}/*.csv'
select * from read_text('{csv}')
select * from read_blob('{csv}')
select * from read_json('{csv}')
select * from read_ndjson_objects('{csv}')
select * from read_parquet('{folder}/other.parquet')
select * from parquet_metadata('{folder}/other.parquet')
select * from parquet_schema('{folder}/other.parquet')
select * from sniff_csv('{csv}')
select * from glob('{folder}/*')
select * from glob('/*')
select * from read_csv('/dev/stdin')
select * from read_text('/proc/self/environ')
select * from query('from read_csv(''{csv}'')')
select * from query_table('{csv}')
copy leads to '{out}'
copy leads to '{out}' (format parquet, use_tmp_file false)
copy (select 1) to '/dev/stdout'
copy assets from '{csv}'
copy from database memory to nowhere
prepare q as copy leads to '{out}'
create table t as from read_csv('{csv}')
create view v as from '{csv}'
create macro m() as table from read_csv('{csv}')
create type t as enum (select id from '{csv}')
attach '{out}'
attach '{out}' as x (type sqlite)
attach '{folder}/other.db' (read_only)
attach 'http://127.0.0.1:9/x.db'
install httpfs
force install httpfs
load httpfs
load '{out}'
update extensions
from 'http://127.0.0.1:9/x.csv'
from 's3://bucket/x.parquet'
from 'hf://datasets/x/y.csv'
export database '{out}'
import database '{folder}'
create secret s (type s3, key_id 'a', secret 'b')
create persistent secret s (type http)
call start_ui()
call enable_logging('QueryLog', storage='file', storage_config={{'path': '{out}'}})
pragma enable_profiling
pragma profiling_output='{out}'
set log_query_path='{out}'
set allowed_paths=['{csv}']
set allowed_directories=['/']
set disabled_filesystems=''
set file_search_path='{folder}'
set home_directory='{folder}'
set secret_directory='{folder}'
set extension_directory='{folder}'
set allow_unsigned_extensions=true
set allow_community_extensions=true
set enable_external_access=true
set global enable_external_access=true
pragma enable_external_access=true
pragma temp_directory='{folder}'
from secret_frame
select * from secret_frame
select * from globals()
""".strip().splitlines()
SETTINGS = [*snapshot.LOCKED, "enable_external_access", "lock_configuration", "allowed_paths"]


def _locked(engagement: Any) -> dict[str, Any]:
    tables = engagement.open()
    folder = engagement.folder / "beside"
    folder.mkdir()
    (folder / "other.csv").write_text("id\nsecret\n")
    pq.write_table(snapshot.arrow_rows("leads", [{"lead_id": "secret"}]), folder / "other.parquet")
    (folder / "schema.sql").write_text("create table imported (a int);")
    return {"tables": tables, "csv": folder / "other.csv", "folder": folder, "out": folder / "out"}


@pytest.mark.parametrize("is_large", [False, True], ids=["in memory", "in its file"])
def test_s25_every_way_out_of_the_connection_is_refused_and_no_file_is_made(
    is_large: bool, leads: Make, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import pandas as pd

    monkeypatch.setattr(snapshot, "LARGE", 0 if is_large else 10)
    names = _locked(leads(HEAD + ROW))
    tables = names.pop("tables")
    secret_frame = pd.DataFrame({"a": ["secret"]})
    before = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")}
    monkeypatch.chdir(names["folder"])
    assert len(ESCAPES) >= 30 and len(secret_frame) == 1
    for sql in ESCAPES:
        with pytest.raises(duckdb.Error):
            print(tables.connection.execute(sql.format(**names)).fetchall(), "by", sql)
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*")} == before
    assert tables.query("select lead_id from leads")["lead_id"].tolist() == ["1"]


@pytest.mark.parametrize("how", ["set {} = '1'", "set global {} = '1'", "reset {}", "reset global {}", "pragma {}='1'"])
def test_s25_no_setting_of_the_lock_can_be_turned(how: str, leads: Make) -> None:
    connection = leads(HEAD + ROW).open().connection
    sql = "select name, value from duckdb_settings() where name in (select unnest($names)) order by name"
    before = connection.execute(sql, {"names": SETTINGS}).fetchall()
    assert len(before) == len(SETTINGS)
    for name in SETTINGS:
        with pytest.raises(duckdb.Error):
            connection.execute(how.format(name))
    assert connection.execute(sql, {"names": SETTINGS}).fetchall() == before
    locked = dict(before)
    assert locked["enable_external_access"] == locked["autoload_known_extensions"] == "false"
    assert locked["lock_configuration"] == "true" and locked["temp_directory"] == ""


def test_s25_python_s_own_doors_are_shut_as_well(leads: Make) -> None:
    names = _locked(leads(HEAD + ROW))
    tables, connection = names["tables"], names["tables"].connection
    doors: list[Callable[[], Any]] = [
        lambda: connection.read_csv(str(names["csv"])),
        lambda: connection.read_parquet(str(names["folder"] / "other.parquet")),
        lambda: connection.read_json(str(names["csv"])),
        lambda: connection.table("leads").write_csv(str(names["out"])),
        lambda: connection.table("leads").write_parquet(str(names["out"])),
        lambda: connection.install_extension("httpfs"),
        lambda: connection.load_extension("httpfs"),
        lambda: connection.cursor().execute(f"from '{names['csv']}'"),
        lambda: connection.cursor().execute("set enable_external_access = true"),
    ]
    for door in doors:
        with pytest.raises(duckdb.Error):
            door()
    assert not names["out"].exists() and tables.has("leads")


def test_s25_of_a_large_run_only_its_very_tables_can_be_read_and_never_what_lies_beside(
    leads: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(snapshot, "LARGE", 0)
    engagement = leads(HEAD + ROW)
    tables = engagement.open()
    folder = (engagement.folder / "run" / "tables").resolve()
    pq.write_table(snapshot.arrow_rows("assets", [{"asset_id": "secret"}]), folder / "assets.parquet")
    (folder / "leads.parquet.csv").write_text("a\n")
    for name in ("assets.parquet", "*.parquet", "../tables/assets.parquet", "leads.parquet.csv", "leads.parque?",
                 "../rejected.parquet", "../settings.json"):  # fmt: skip
        with pytest.raises(duckdb.Error):
            tables.connection.execute(f"select * from read_parquet('{folder}/{name}')").fetchall()
        with pytest.raises(duckdb.Error):
            tables.connection.execute(f"select * from read_text('{folder}/{name}')").fetchall()
    assert tables.query("select count(*) as n from leads").n[0] == 1


def test_s25_a_table_that_was_written_over_is_not_opened_again(leads: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    # DuckDB allows a path for reading and writing alike. Only the kit writes SQL; should it ever do this, it is told.
    monkeypatch.setattr(snapshot, "LARGE", 0)
    engagement = leads(HEAD + ROW)
    tables = engagement.open()
    path = (engagement.folder / "run" / "tables" / "leads.parquet").resolve()
    tables.connection.execute(f"copy (select 1 as a) to '{path}' (format parquet, use_tmp_file false)")
    with pytest.raises(AlignError, match="the table leads is not what was prepared"):
        snapshot.open_run(engagement.folder / "run")


def test_s25_what_a_diagnostic_needs_still_works(leads: Make) -> None:
    tables = leads(HEAD + ROW + "2,2024-02-01,b\n").open()
    found = tables.query(
        "with months as (select date_trunc('month', created_at) as m, count(*) as n from leads group by 1) "
        "select m, n, sum(n) over (order by m) as running from months where n >= $least order by m", {"least": 1},
    )  # fmt: skip
    assert found["running"].tolist() == [1, 2]
    assert tables.query("select quantile_cont(record, .5) as q from leads").q[0] == 1.5


CONNECTS = {"snapshot.py"}  # the locked one
UNLOCKED = {"read.py", "large.py"}  # the kit's own text about the kit's own files, before anything is checked


def test_s25_duckdb_is_opened_in_intake_alone(root: Path) -> None:
    opened: dict[str, list[str]] = {}
    for path in (root / "src").rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            is_from = isinstance(node, ast.ImportFrom) and (node.module or "").split(".")[0] == "duckdb"
            used = ast.unparse(node) if isinstance(node, ast.Attribute) else ""
            is_type = used in ("duckdb.DuckDBPyConnection", "duckdb.Error")
            if is_from or (used.startswith("duckdb.") and used.count(".") == 1 and not is_type):
                opened.setdefault(path.relative_to(root / "src" / "alignlib").as_posix(), []).append(ast.unparse(node))
    assert "intake/snapshot.py" in opened
    assert {Path(name).parent.as_posix() for name in opened} == {"intake"}
    assert {Path(name).name for name in opened} <= CONNECTS | UNLOCKED
    assert opened["intake/snapshot.py"] == ["duckdb.connect"]


@pytest.mark.parametrize("threads", [pytest.param(1, marks=posix_only), 2])  # of this process: one alone is forked
def test_a_parquet_file_of_two_kilobytes_that_asks_for_all_memory_is_refused_and_the_process_lives(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, threads: int
) -> None:
    monkeypatch.setattr(trial, "_THREADS", tmp_path / "threads")
    for name in range(threads):
        (tmp_path / "threads" / str(name)).mkdir(parents=True)
    found_by_fuzzing = (Path(__file__).parent / "greedy.parquet").read_bytes()
    (tmp_path / "g.parquet").write_bytes(found_by_fuzzing)
    with pytest.raises(AlignError) as error:
        read_table(tmp_path, Reading(file="g.parquet"))
    assert [(p.code, p.where) for p in error.value.problems] == [("E-CORRUPT", "g.parquet")]
    assert error.value.problems[0].fix
