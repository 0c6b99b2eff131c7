"""Does a table of a database go in like a file: read-only, once, exactly, and without a secret left anywhere?"""

import json
import logging
import socket
import sqlite3
import stat
import threading
import traceback
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import sqlalchemy as sa
from postgres_server import PASSWORD, USER, Server, started

from alignlib.engagement import Database, Settings
from alignlib.errors import AlignError, Problem
from alignlib.files import sha256
from alignlib.intake import database, snapshot

LEADS = (
    "  - {table: leads, columns: {lead_id: id, created_at: created, source: source}, source: {url: %r, table: %r}}\n"
)
Engage = Callable[..., Any]


@pytest.fixture(scope="module")
def server() -> Iterator[Server]:
    """A PostgreSQL with one user who may read most of its tables."""
    with started() as running:
        running.admin(
            f"create role \"{USER}\" login password '{PASSWORD}'",
            f'grant pg_read_all_data to "{USER}"',
            "create schema crm",
            "create table crm.leads (id text, created timestamptz, source text)",
            "insert into crm.leads values ('L1', '2024-03-15 09:30+02', 'Web'), ('L2', '2024-04-01 00:00+00', null)",
        )
        yield running


@pytest.fixture
def crm(server: Server, monkeypatch: pytest.MonkeyPatch) -> Server:
    """The server, with that user's credentials in the environment."""
    monkeypatch.setenv("ALIGNLIB_DB_USER", USER)
    monkeypatch.setenv("ALIGNLIB_DB_PASSWORD", PASSWORD)
    return server


def texts(folder: Path, url: str, table: str) -> list[dict[str, str | None]]:
    found, problems = database.extract(folder, [Database(url=url, table=table)], folder)
    assert problems == []
    return list(pq.read_table(next(iter(found.values()))).to_pylist())


def refused(folder: Path, url: str, table: str) -> Problem:
    found, problems = database.extract(folder, [Database(url=url, table=table)], folder)
    assert len(problems) == 1 and found == {}
    return problems[0]


def sqlite_file(path: Path, *statements: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path)
    for statement in statements:
        connection.execute(statement)
    connection.commit()
    connection.close()
    return path


SMALL = ("create table leads (id, created, source)", "insert into leads values ('L1', '2024-03-15', 'Web')")


# --- what goes in -----------------------------------------------------------------------------------------------------


def test_a_table_of_postgresql_becomes_a_checked_table(crm: Server, engage: Engage) -> None:
    tables = engage({}, LEADS % (crm.address, "crm.leads")).open()
    rows = tables.query("select lead_id, created_at, source, file, record from leads order by lead_id")
    assert rows["created_at"].astype(str).tolist() == ["2024-03-15 07:30:00", "2024-04-01 00:00:00"]
    assert rows["file"].unique().tolist() == ["crm.leads (database)"] and rows["record"].tolist() == [1, 2]
    assert rows["source"].isna().tolist() == [False, True]
    (count,) = tables.row_counts
    assert (count.file, count.read, count.used, count.rejected, count.excluded) == ("crm.leads (database)", 2, 2, 0, 0)


def test_every_type_is_written_exactly_as_text(crm: Server, tmp_path: Path) -> None:
    crm.admin(
        "create table types (a timestamptz, b timestamp, c date, d numeric, e boolean, f uuid, g text, h double "
        "precision, i bigint, j bytea, k jsonb, l text[], m interval, n money, o time, p numeric)",
        "insert into types values ('2024-03-31 02:30:00.5+02', '2024-03-15 09:30', '2024-03-15', "
        "12345678901234567890.10, true, '0e37df36-f698-11e6-8dd4-cb9ced3df976', "
        "E'a \"b\", c;\\n''d''\\t%s é', 0.1, 9007199254740993,"
        " '\\x0fff', '{\"a\": 1.10}', '{x,\"y z\"}', '1 day 02:00', 5, '09:30', 1e3),"
        " ('infinity', null, '0044-03-15 BC', 'NaN', false, null, '', 1e16, -1, '', 'null', '{}', '-1 second', null,"
        " null, 1.50)",
    )
    first, second = texts(tmp_path, crm.address, "types")
    assert list(first.values()) == [
        "2024-03-31 00:30:00.5+00", "2024-03-15 09:30:00", "2024-03-15", "12345678901234567890.10", "true",
        "0e37df36-f698-11e6-8dd4-cb9ced3df976", "a \"b\", c;\n'd'\t%s é", "0.1", "9007199254740993", "0fff",
        '{"a": 1.10}', '["x", "y z"]', "1 day, 2:00:00", "$5.00", "09:30:00", "1000",
    ]  # fmt: skip
    assert list(second.values()) == [
        "infinity", None, "0044-03-15 BC", "NaN", "false", None, "", "10000000000000000", "-1", "", "null", "[]",
        "-1 day, 23:59:59", None, None, "1.50",
    ]  # fmt: skip


def test_dates_that_python_cannot_hold_are_rejected_one_by_one(crm: Server, engage: Engage) -> None:
    crm.admin(
        "create table odd (id text, created date, source text)",
        "insert into odd values ('L1', '2024-03-15', 'x'), ('L2', 'infinity', 'x'), ('L3', '0044-03-15 BC', 'x')",
    )
    made = engage({}, LEADS % (crm.address, "odd"))
    (count,) = made.open().row_counts
    assert (count.read, count.used, count.rejected) == (3, 1, 2)
    assert pq.read_table(made.folder / "run" / "rejected.parquet")["record"].to_pylist() == [2, 3]


def test_a_decimal_of_three_digits_is_no_thousand(crm: Server, engage: Engage) -> None:
    crm.admin(
        "create table deals (id text, opened date, amount numeric(12, 3))",
        "insert into deals values ('O1', '2024-03-15', 1.250)",
    )
    columns = "{opportunity_id: id, opened_at: opened, amount: amount}, constants: {outcome: open}"
    made = engage(
        {}, f"  - {{table: opportunities, columns: {columns}, source: {{url: '{crm.address}', table: deals}}}}\n"
    )
    assert made.open().query("select amount from opportunities")["amount"].tolist() == [125]


def test_fifty_thousand_rows_are_streamed_and_counted(
    crm: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.admin(
        "create table many as select i as id, timestamptz '2024-01-01 00:00+00' + i * interval '1 minute' as created, "
        "'Quelle ' || i % 7 as source from generate_series(1, 50000) i"
    )
    sizes: list[int] = []
    monkeypatch.setattr(database, "_text", lambda value: str(value))
    partitions = sa.CursorResult.partitions

    def counted(self: Any, size: int | None = None) -> Iterator[Any]:
        assert type(self.cursor).__name__ == "ServerCursor"  # the rows stay with the server until they are asked for
        for part in partitions(self, size):
            sizes.append(len(part))
            yield part

    monkeypatch.setattr(sa.CursorResult, "partitions", counted)
    rows = texts(tmp_path, crm.address, "many")
    assert len(rows) == 50_000 == len({row["id"] for row in rows}) and max(sizes) == database.BATCH


def test_fewer_rows_on_disk_than_the_cursor_gave_are_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    sqlite_file(tmp_path / "crm.sqlite", *SMALL)
    write = pq.ParquetWriter.write_batch
    monkeypatch.setattr(pq.ParquetWriter, "write_batch", lambda self, batch: write(self, batch.slice(1)))
    assert refused(tmp_path, "sqlite:///crm.sqlite", "leads").code == "E-ROWS"


HOSTILE = ['x"; drop table crm.leads; --', "50% of :leads", "a.b", "Robert'); --", "Größe 名", "select"]


@pytest.mark.parametrize("name", HOSTILE)
def test_S24_a_hostile_name_of_a_table_and_column_is_only_a_name(crm: Server, tmp_path: Path, name: str) -> None:
    quoted = '"' + name.replace('"', '""') + '"'
    crm.admin(f"create table crm.{quoted} ({quoted} text)", f"insert into crm.{quoted} values ('one')")
    assert texts(tmp_path, crm.address, f"crm.{name}") == [{name: "one"}]
    assert len(texts(tmp_path, crm.address, "crm.leads")) == 2
    assert [path.parent for path in tmp_path.rglob("*")] == [tmp_path] * 2


def test_views_and_materialized_views_are_read_like_tables(crm: Server, tmp_path: Path) -> None:
    crm.admin(
        "create view crm.web as select id from crm.leads where source = 'Web'",
        "create materialized view crm.kept as select id from crm.leads",
    )
    assert texts(tmp_path, crm.address, "crm.web") == [{"id": "L1"}]
    assert len(texts(tmp_path, crm.address, "crm.kept")) == 2


def test_tables_of_one_address_are_read_in_one_moment(
    crm: Server, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.admin("create table one (id text)", "create table two (id text)")
    extract = database._extract

    def slowly(connection: Any, source: Database, *rest: Any) -> Path:
        path = extract(connection, source, *rest)
        crm.admin("insert into two values ('late')")  # another writes while we read
        return path

    monkeypatch.setattr(database, "_extract", slowly)
    sources = [Database(url=crm.address, table=name) for name in ("one", "two")]
    found, problems = database.extract(tmp_path, sources, tmp_path)
    assert problems == [] and pq.read_table(found[sources[1]]).num_rows == 0


def test_a_second_table_adds_columns_and_each_table_is_extracted_once(
    crm: Server, engage: Engage, monkeypatch: pytest.MonkeyPatch
) -> None:
    crm.admin("create table crm.owners (lead text, team text)", "insert into crm.owners values ('L1', 'East')")
    source = f"source: {{url: '{crm.address}', table: crm.%s}}"
    lookup = f"{{{source % 'owners'}, match: {{id: lead}}, columns: {{segment: team}}}}"
    columns = "columns: {lead_id: id, created_at: created}"
    seen: list[str] = []
    extract = database._extract
    monkeypatch.setattr(database, "_extract", lambda c, s, *rest: seen.append(s.table) or extract(c, s, *rest))  # type: ignore[func-returns-value]
    inputs = f"  - {{table: leads, {columns}, {source % 'leads'}, lookups: [{lookup}]}}\n"
    events = "columns: {lead_id: id, entered_at: created}, constants: {stage: inquiry}"
    tables = engage({}, f"{inputs}  - {{table: stage_events, {events}, {source % 'leads'}}}\n").open()
    assert tables.query("select segment from leads order by lead_id")["segment"].fillna("").tolist() == ["East", ""]
    assert tables.query("select * from stage_events").shape[0] == 2
    assert sorted(seen) == ["crm.leads", "crm.owners"]


# --- what is kept -----------------------------------------------------------------------------------------------------


def test_rows_changed_afterwards_change_nothing_in_a_run(crm: Server, engage: Engage) -> None:
    crm.admin(
        "create table moving (id text, created date, source text)",
        "insert into moving values ('L1', '2024-03-15', 'x')",
    )
    made = engage({}, LEADS % (crm.address, "moving"))
    before = made.open()
    crm.admin("update moving set source = 'changed'", "insert into moving values ('L2', '2024-03-16', 'y')")
    _, again = snapshot.open_run(made.folder / "run")
    sql = "select lead_id, source from leads"
    assert again.query(sql).to_dict() == before.query(sql).to_dict() == {"lead_id": {0: "L1"}, "source": {0: "x"}}
    assert pq.read_table(next((made.folder / "run" / "sources").iterdir())).num_rows == 1


def test_the_extract_is_private_and_its_hash_is_the_source_s(crm: Server, engage: Engage) -> None:
    made = engage({}, LEADS % (crm.address, "crm.leads"))
    (source,) = made.open().sources
    (kept,) = (made.folder / "run" / "sources").iterdir()
    assert (source.sha256, source.rows) == (sha256(kept), 2)
    assert stat.S_IMODE(kept.stat().st_mode) == 0o600


def test_check_leaves_nothing_behind(crm: Server, engage: Engage, monkeypatch: pytest.MonkeyPatch) -> None:
    made = engage({}, LEADS % (crm.address, "crm.leads"))
    scratch = made.folder.parent / "scratch"
    scratch.mkdir()
    monkeypatch.setattr("tempfile.tempdir", str(scratch))
    before = sorted(made.folder.rglob("*"))
    counts, _, problems, _ = snapshot.check(made.folder)
    assert [count.read for count in counts] == [2] and problems == []
    assert sorted(made.folder.rglob("*")) == before and list(scratch.iterdir()) == []


def test_answers_of_people_are_never_kept_as_they_came(tmp_path: Path, engage: Engage) -> None:
    made = engage({}, "  - {table: responses, columns: {respondent_id: who, item: item, answer: answer}, "
                      "constants: {team: sales}, source: {url: 'sqlite:///s.sqlite', table: answers}}\n")  # fmt: skip
    sqlite_file(
        made.folder / "data" / "s.sqlite", "create table answers (who, item, answer)",
        "insert into answers values ('somebody@canary.example', 'goal_1', '4')",
    )  # fmt: skip
    assert made.open().query("select * from responses").shape[0] == 1
    assert not (made.folder / "run" / "sources").exists()
    kept = [path for path in (made.folder / "run").rglob("*") if path.is_file()]
    assert not [path for path in kept if b"canary" in path.read_bytes()]


# --- secrets ----------------------------------------------------------------------------------------------------------


def every_text_of(error: BaseException | None) -> str:
    """All that a traceback could ever show: the error, what it came from, and what was at hand when it was raised."""
    texts = []
    while error is not None:
        texts += [repr(error), str(error), "".join(traceback.format_exception(error))]
        error = error.__cause__ or error.__context__
    return "\n".join(texts)


def test_S13_no_credential_is_in_any_file_of_a_run_nor_in_its_log(
    crm: Server, engage: Engage, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    caplog.set_level(logging.DEBUG)
    made = engage({}, LEADS % (crm.address, "crm.leads"))
    made.open()
    files = [path for path in made.folder.rglob("*") if path.is_file()]
    assert len(files) > 5
    said = "".join(pq.read_table(path).to_pandas().to_csv() for path in files if path.suffix == ".parquet")
    said += (
        "".join(path.read_bytes().decode("utf-8", "replace") for path in files)
        + caplog.text
        + "".join(capfd.readouterr())
    )
    for secret in (USER, PASSWORD, "canary", crm.url(USER).render_as_string(hide_password=False)):
        assert secret not in said


def test_the_whole_address_may_stand_in_the_environment(
    server: Server, engage: Engage, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CLIENT_CRM", server.url(USER).render_as_string(hide_password=False).replace("+psycopg", ""))
    made = engage({}, LEADS % ("env:CLIENT_CRM", "crm.leads"))
    assert made.open().has("leads")
    settings = json.loads((made.folder / "run" / "settings.json").read_text(encoding="utf-8"))
    assert settings["inputs"][0]["source"] == {"url": "env:CLIENT_CRM", "table": "crm.leads"}
    assert Settings.model_validate(settings).canonical() == (made.folder / "run" / "settings.json").read_text("utf-8")


@pytest.mark.parametrize("value", [None, "postgresql://u:canary@h:port/x", "canary", "sqlite:////etc/canary?mode=rwc"])
def test_a_variable_that_holds_no_address_is_told_without_its_content(
    value: str | None, engage: Engage, monkeypatch: pytest.MonkeyPatch
) -> None:
    if value:
        monkeypatch.setenv("CLIENT_CRM", value)
    made = engage({}, LEADS % ("env:CLIENT_CRM", "leads"))
    with pytest.raises(AlignError) as caught:
        snapshot.prepare(made.folder, made.folder / "run")
    assert [problem.code for problem in caught.value.problems] == ["E-CONFIG"]
    assert "canary" not in every_text_of(caught.value) and not (made.folder / "run").exists()


@pytest.mark.parametrize(
    "url",
    ["postgresql://someone:canary@h/db", "postgresql://canary@h/db", "postgresql://:canary@h/db",
     "postgresql://h/db?password=canary", "postgresql://h/db?user=canary", "postgresql://h:canary/db", "canary",
     "mssql+pyodbc://h/db?driver=canary", "duckdb:///canary", "sqlite:///crm.sqlite?canary=1", "env:CANARY canary",
     "sqlite+pysqlcipher://:canary@/x", "postgresql:///canary"],
)  # fmt: skip
def test_S13_an_address_with_a_secret_or_a_way_out_is_refused_without_repeating_it(url: str, engage: Engage) -> None:
    with pytest.raises(AlignError) as caught:
        engage({}, LEADS % (url, "leads")).open()
    (problem,) = caught.value.problems
    assert problem.code == "E-CONFIG" and problem.where.startswith("engagement.yml, line ")
    assert "canary" not in every_text_of(caught.value)


@pytest.mark.parametrize("more", ["file: leads.csv", "sheet: One", "encoding: utf-8", "skip_rows: 2", "header_rows: 2"])
def test_what_belongs_to_files_is_refused_beside_a_source(more: str, engage: Engage) -> None:
    made = engage({}, (LEADS % ("env:CRM", "leads")).replace("{table", f"{{{more}, table", 1))
    with pytest.raises(AlignError, match="E-CONFIG"):
        made.open()


def test_an_input_needs_a_file_or_a_source(engage: Engage) -> None:
    with pytest.raises(AlignError, match="E-CONFIG"):
        engage({}, "  - {table: leads, columns: {lead_id: id}}\n").open()


# --- what goes wrong --------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["crm.leds", "nowhere.leads", "pg_catalog.pg_authid", "information_schema.tables"])
def test_a_table_that_is_not_there_is_answered_with_the_nearest_names(crm: Server, tmp_path: Path, name: str) -> None:
    problem = refused(tmp_path, crm.address, name)
    assert (problem.code, problem.where) == ("E-DATABASE", f"{name} (database)")
    assert "crm.leads" in problem.allowed or not name.endswith(("leds", "leads"))


def test_a_wrong_password_is_told_without_it(server: Server, engage: Engage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNLIB_DB_USER", USER)
    monkeypatch.setenv("ALIGNLIB_DB_PASSWORD", "wrong-canary")
    made = engage({}, LEADS % (server.address, "crm.leads"))
    with pytest.raises(AlignError, match="refuses this user or password") as caught:
        snapshot.prepare(made.folder, made.folder / "run")
    assert "canary" not in every_text_of(caught.value) and str(server.port) not in every_text_of(caught.value)
    assert snapshot.check(made.folder)[2] == caught.value.problems and not (made.folder / "run").exists()


def test_a_server_that_is_gone_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ALIGNLIB_DB_PASSWORD", "canary")
    with socket.socket() as nobody:
        nobody.bind(("127.0.0.1", 0))  # taken, and nobody listens
        problem = refused(tmp_path, f"postgresql://127.0.0.1:{nobody.getsockname()[1]}/crm", "leads")
    assert problem.what == "the database cannot be reached, or the connection was lost"


def test_a_server_that_dies_while_it_answers_leaves_nothing(crm: Server, tmp_path: Path) -> None:
    crm.admin(
        "create view dying as select i as id, pg_terminate_backend(pg_backend_pid()) from generate_series(1, 9) i"
    )
    problem = refused(tmp_path, crm.address, "dying")
    assert problem.code == "E-DATABASE" and list(tmp_path.iterdir()) == []


def test_no_such_database_and_no_permission_are_told_apart(crm: Server, tmp_path: Path) -> None:
    assert refused(tmp_path, crm.address + "_of_nobody", "leads").what == "there is no such database"
    crm.admin("create role poor login password 'x'", "create table closed (id text)")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ALIGNLIB_DB_USER", "poor")
        patch.setenv("ALIGNLIB_DB_PASSWORD", "x")
        crm.admin("create table open_to_all (id text)", "grant select on open_to_all to poor")
        sources = [Database(url=crm.address, table=name) for name in ("closed", "open_to_all", "absent")]
        found, problems = database.extract(tmp_path, sources, tmp_path)
    assert [problem.what for problem in problems] == ["this user may not read it", "there is no such table or view"]
    assert [source.table for source in found] == ["open_to_all"]  # what one table refuses does not stop the others


def test_nothing_can_be_written_over_our_connection(crm: Server, tmp_path: Path) -> None:
    crm.admin(f'grant all on all tables in schema crm to "{USER}"', f'grant all on schema crm to "{USER}"')
    crm.admin(
        "create function crm.write() returns int language sql volatile as "
        "$$ insert into crm.leads values ('planted') returning 1 $$",
        "create view crm.trap as select crm.write() as id",
    )
    assert refused(tmp_path, crm.address, "crm.trap").code == "E-DATABASE"
    with database._connected(tmp_path, [Database(url=crm.address, table="crm.leads")]) as connection:
        assert connection.exec_driver_sql("show transaction_isolation").scalar() == "repeatable read"
        with pytest.raises(sa.exc.InternalError, match="read-only"), connection.begin_nested():
            connection.exec_driver_sql("delete from crm.leads")
    assert len(texts(tmp_path, crm.address, "crm.leads")) == 2


def test_a_password_is_not_told_to_a_server_that_asks_for_it_in_clear(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    heard = bytearray()

    def listen(listener: socket.socket) -> None:
        """Plays a server: refuses encryption, then asks for the password itself."""
        peer, _ = listener.accept()
        with peer:
            peer.settimeout(5)
            while not heard.endswith(b"\0\0"):
                message = peer.recv(1000)
                heard.extend(message)
                if message[4:8] in (b"\x04\xd2\x16\x2f", b"\x04\xd2\x16\x30"):
                    peer.send(b"N")
                if not message:
                    return
            peer.send(b"R\0\0\0\x08\0\0\0\x03")
            heard.extend(peer.recv(1000))

    monkeypatch.setenv("ALIGNLIB_DB_USER", "reader")
    monkeypatch.setenv("ALIGNLIB_DB_PASSWORD", "canary")
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(20)
        thread = threading.Thread(target=listen, args=(listener,))
        thread.start()
        refused(tmp_path, f"postgresql://127.0.0.1:{listener.getsockname()[1]}/crm", "leads")
        thread.join(20)
    assert b"reader" in heard and b"canary" not in heard


def test_a_driver_that_is_not_installed_is_named_as_the_cause(tmp_path: Path) -> None:
    for url in ("oracle+cx_oracle://h/db", "mysql+nonsense://h/db"):
        assert "driver" in str(refused(tmp_path, url, "leads"))


# --- SQLite: a file of the client's -----------------------------------------------------------------------------------


def test_an_sqlite_file_of_the_data_folder_is_read_and_left_as_it_was(engage: Engage) -> None:
    made = engage({}, LEADS % ("sqlite:///a b#.sqlite", "leads"))
    path = sqlite_file(made.folder / "data" / "a b#.sqlite", "pragma journal_mode = wal", *SMALL)
    before = path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())
    assert made.open().query("select source from leads")["source"].tolist() == ["Web"]
    assert (path.read_bytes(), path.stat().st_mtime_ns, sorted(path.parent.iterdir())) == before
    notes = snapshot.check(made.folder)[1]
    assert "named by no input" not in str(notes)


@pytest.mark.parametrize("name", ["/etc/passwd", "../secret.sqlite", "link.sqlite", "absent.sqlite", "text.sqlite"])
def test_an_sqlite_file_elsewhere_or_of_another_kind_is_refused(tmp_path: Path, name: str) -> None:
    sqlite_file(tmp_path / "secret.sqlite", *SMALL)
    data = tmp_path / "data"
    data.mkdir()
    (data / "link.sqlite").symlink_to(tmp_path / "secret.sqlite")
    (data / "text.sqlite").write_text("id,source\n1,Web\n")
    _, problems = database.extract(data, [Database(url=f"sqlite:///{name}", table="leads")], tmp_path)
    assert [problem.code for problem in problems] == ["E-TYPE" if name == "text.sqlite" else "E-OPEN"]


def test_an_sqlite_file_in_use_is_refused_for_part_of_it_lies_elsewhere(tmp_path: Path) -> None:
    path = sqlite_file(tmp_path / "crm.sqlite", "pragma journal_mode = wal", *SMALL)
    writer = sqlite3.connect(path)
    writer.execute("insert into leads values ('L2', '2024-03-16', 'Fair')")
    writer.commit()
    assert refused(tmp_path, "sqlite:///crm.sqlite", "leads").code == "E-CHANGED"
    writer.close()
    assert len(texts(tmp_path, "sqlite:///crm.sqlite", "leads")) == 2


def test_an_sqlite_file_that_changes_while_it_is_read_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = sqlite_file(tmp_path / "crm.sqlite", *SMALL)
    extract = database._extract

    def meanwhile(*given: Any) -> Path:
        sqlite_file(path, "create table more (a)")
        return extract(*given)

    monkeypatch.setattr(database, "_extract", meanwhile)
    _, problems = database.extract(tmp_path, [Database(url="sqlite:///crm.sqlite", table="leads")], tmp_path / "out")
    assert problems[-1].code == "E-CHANGED"


def test_a_view_without_end_is_given_up(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    endless = "with recursive n(i) as (select 1 union all select i + 1 from n) select %s from n"
    sqlite_file(
        tmp_path / "crm.sqlite", f"create view rows as {endless % 'i'}", f"create view silent as {endless % 'count(*)'}"
    )
    monkeypatch.setattr(database, "MAX_BYTES", 1_000_000)
    monkeypatch.setattr(database, "SQLITE_STEPS", 20)
    assert refused(tmp_path, "sqlite:///crm.sqlite", "rows").code == "E-TYPE"
    assert refused(tmp_path, "sqlite:///crm.sqlite", "silent").what == "the database took too long to answer"
    assert [path.name for path in tmp_path.iterdir()] == ["crm.sqlite"]


def test_a_damaged_sqlite_file_and_text_that_is_no_utf_8_are_told(tmp_path: Path) -> None:
    path = sqlite_file(
        tmp_path / "bytes.sqlite", "create table leads (id)", "insert into leads values (cast(x'ff' as text))"
    )
    assert refused(tmp_path, "sqlite:///bytes.sqlite", "leads").what == "a text in it is no UTF-8"
    (tmp_path / "cut.sqlite").write_bytes(path.read_bytes()[:100] + b"\xff" * 5000)
    assert refused(tmp_path, "sqlite:///cut.sqlite", "leads").code == "E-DATABASE"
