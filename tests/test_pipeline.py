"""One audit from folder to deliverables: what it records of how it was made, and how it takes up an earlier one."""

import json
import math
import os
import re
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pptx import Presentation
from pyarrow import parquet

from alignlib import pipeline, report
from alignlib.audit import audit
from alignlib.audit.comparison import RULES
from alignlib.diagnostics import content, funnel, survey
from alignlib.editions import DONE, EDITIONS, write_report
from alignlib.engagement import SETTINGS_FILE, Settings, parse_settings, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import sha256
from alignlib.intake.snapshot import open_run, prepare
from alignlib.pipeline import run_audit
from alignlib.report import document
from alignlib.report.brand import Brand
from alignlib.result import SEED, Result, as_read, fingerprint, json_schema, read_record
from alignlib.samples import write_sample

MINIMAL = ("{version: 1, client: X, period: {start: 2026-01-01, end: 2026-03-31}, as_of: 2026-04-30, "
           "currency: EUR, timezone: UTC, inputs: [%s]}")  # fmt: skip
DIAGNOSED = {"survey": survey, "content": content, "funnel": funnel}


def computed(name: str, run_dir: Path, settings: Settings, seconds: float, in_process: bool) -> None:
    """Works out in this process what the notebook of this name does, and keeps it."""
    run = pipeline.load(str(run_dir), settings.sha256())
    made = run.results if name == "audit" else {}
    result = audit(made, settings, run.previous) if made else DIAGNOSED[name].diagnose(run.tables, run.settings)
    kept(name, run_dir, result)


def kept(name: str, run_dir: Path, result: Result) -> None:
    (run_dir / "results" / f"{name}.json").write_text(result.model_dump_json(), encoding="utf-8")


def rendered(kind: str, told: document.Document, brand: Brand, extra: dict[str, Any]) -> bytes | str | list[Problem]:
    """In the place of a renderer: these have tests of their own, and the whole is made in ``test_example.py``."""
    return f"{kind} for {told.audience} of {told.record.client} as of {told.as_of}, by {brand.name}, {extra}"


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("acme") / "engagement")


@pytest.fixture(scope="module")
def before(engagement: Path) -> Path:
    """The ``results.json`` of a first audit of the sample company."""
    out = engagement.parent / "before"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "_run", computed)
        patched.setattr(report, "_rendered", rendered)
        run_audit(engagement, out, lambda *_: None)
    return out / "results.json"


def test_a_record_says_with_what_it_was_made(engagement: Path, before: Path) -> None:
    record, settings = read_record(before), read_engagement(engagement)
    assert set(record.versions) == {"python", "duckdb", "numpy", "pandas", "pyarrow", "scipy"}
    assert all(version[0].isdigit() for version in record.versions.values())
    assert (record.seed, record.path, record.timezone) == (SEED, settings.funnel.path, settings.timezone)
    assert (record.settings_sha256, record.rules_sha256) == (settings.sha256(), settings.sha256(RULES))
    assert record.since_sha256 == "" and set(json.loads(json_schema())["properties"]) == set(type(record).model_fields)
    said = " ".join(dict(document.build(record).notes)["Worked out with"])
    assert f"seed {SEED}" in said and f"numpy {record.versions['numpy']}" in said
    assert "Times in Europe/Berlin" in said and "earlier record" not in said


def test_a_record_says_how_labels_were_taken_and_tables_read(engagement: Path, before: Path) -> None:
    record, settings = read_record(before), read_engagement(engagement)
    said = record.results["funnel"].settings
    assert said["stage_labels"] == fingerprint(settings.stages) and said["time_zone"] == "Europe/Berlin"
    assert said["work_hours"] is None and said["clock"] == "calendar"  # the clock never stops
    for name, table in (("survey", "responses"), ("content", "assets"), ("funnel", "leads")):
        kept: dict[str, Any] = {kind: record.results[name].settings[kind] for kind in ("rows", "columns")}
        assert kept == as_read(settings.inputs, kept["rows"]) and table in kept["rows"]
    shown = dict(document.build(record).notes)["Settings of funnel"]
    assert [line for line in shown if line.startswith(f"Path rule: {said['path']}")]
    assert not [line for line in shown if str(said["stage_labels"]) in line or "rows" in line]  # for machines


LEADS = "{table: leads, file: leads.csv, columns: {source: Origin, owner_id: Rep}, exclude: {Origin: [Test]}}"


@pytest.mark.parametrize(
    ("other", "differ"),
    [
        (LEADS, []),
        (LEADS.replace("leads.csv", "q2.csv, delimiter: ';', date_order: dmy"), []),
        (f"{LEADS}, {LEADS.replace('leads.csv', 'q2.csv')}", []),
        (LEADS.replace("Origin: [Test]", "source: [Test]"), []),
        (LEADS.replace("exclude", "constants: {wave: 2}, exclude"), []),
        (LEADS.replace("[Test]", "[Test, Webinar]"), ["rows"]),
        (LEADS.replace("exclude: {Origin: [Test]}", "values: {source: {Web: Website}}"), ["rows"]),
        (LEADS.replace("owner_id: Rep", "owner_id: Holder"), ["columns"]),
    ],
)
def test_a_table_was_read_otherwise_when_other_rows_labels_or_columns_count(other: str, differ: list[str]) -> None:
    one, two = (as_read(parse_settings(MINIMAL % given).inputs, ["leads"]) for given in (LEADS, other))
    assert [kind for kind in one if one[kind] != two[kind]] == differ and set(one["rows"]) == {"leads"}


def test_who_is_left_out_cannot_be_found_by_trying_names() -> None:
    prints = [as_read(parse_settings(MINIMAL % LEADS.replace("Origin: [Test]", f"Rep: [{names}]")).inputs, ["leads"])
              for names in ("Jo", "Kim", "Jo, Kim")]  # fmt: skip
    assert prints[0] == prints[1] != prints[2]


def test_an_audit_since_an_earlier_one_says_what_changed_and_names_that_record(
    engagement: Path, before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    text = (engagement / SETTINGS_FILE).read_text(encoding="utf-8")
    later = text.replace("as_of: 2026-04-30", "as_of: 2026-05-15") + "\ndone: [{play: P4, on: 2026-05-10}]\n"
    assert later.count("2026-05-15") == 1
    known = read_record(before).results  # the same files: only what the audit makes of them is made anew
    monkeypatch.setattr(pipeline, "_run", lambda name, run_dir, settings, *_, **__: kept(name, run_dir, (
        audit({key: known[key] for key in DIAGNOSED}, settings, pipeline.load(str(run_dir)).previous)
        if name == "audit" else known[name])))  # fmt: skip
    monkeypatch.setattr(report, "_rendered", rendered)
    (engagement / SETTINGS_FILE).write_text(later, encoding="utf-8")
    try:
        record = run_audit(engagement, tmp_path, lambda *_: None, since=before).record
    finally:
        (engagement / SETTINGS_FILE).write_text(text, encoding="utf-8")
    made = record.results["audit"].exhibit("audit.change")
    verdicts = {str(row["finding"]): str(row["verdict"]) for row in made.rows if row["finding"]}
    assert {verdicts[key] for key in ("survey.gap.follow_up", "funnel.first_touch")} == {"not comparable"}
    notes = {str(row["finding"]): str(row["note"]) for row in made.rows if row["finding"]}
    ran = "P4 Handoff pact run on 10 May 2026"
    assert notes["survey.gap.follow_up"] == f"The same answers; {ran}"
    assert notes["funnel.first_touch"] == f"The same files; {ran}"
    assert made.title.startswith("No figure with an interval can be compared")
    assert record.since_sha256 == sha256(before) and read_record(tmp_path / "results.json") == record
    assert record.since_sha256[:12] in " ".join(dict(document.build(record).notes)["Worked out with"])
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", ["by jane.doe@example.com", "/".join(["", "home", "jane", "leads.csv"])])
@pytest.mark.parametrize("place", ["client", "file", "title", "lead", "a name of a field"])
def test_what_names_a_person_stops_the_audit_before_anything_is_written(place: str, text: str, before: Path) -> None:
    record = read_record(before)
    pipeline._names_nobody(record)  # as it is, nothing in it does
    said = record.model_dump(mode="json")
    funnel = said["results"]["funnel"]
    if place == "client":
        said["client"] = text
    elif place == "file":
        funnel["row_counts"][0]["file"] = text
    elif place == "title":
        funnel["findings"][0]["title"] = text
    elif place == "lead":
        funnel["exhibits"][0]["lead"] = text
    else:
        funnel["settings"][text] = 1
    with pytest.raises(AlignError) as refused:
        pipeline._names_nobody(type(record).model_validate(said))
    (problem,) = refused.value.problems
    assert problem.code == "E-LEAK" and "jane" not in str(problem)


def test_the_notebook_hands_the_earlier_audit_on(root: Path) -> None:
    assert "run.previous" in (root / "notebooks" / "audit.ipynb").read_text(encoding="utf-8")


def figures(results: dict[str, Result]) -> dict[str, Any]:
    """Every finding and exhibit by key; the numbers of records in a file are no figures."""
    found: dict[str, Any] = {f.key: f.model_dump() for result in results.values() for f in result.findings}
    exhibits = [exhibit.model_dump() for result in results.values() for exhibit in result.exhibits]
    rows = {e["key"]: [{k: v for k, v in row.items() if k != "where"} for row in e["rows"]] for e in exhibits}
    return found | {f"exhibit {e['key']}": e | {"rows": rows[e["key"]]} for e in exhibits}


def same(one: Any, other: Any) -> bool:
    """Equal, floats at twelve digits."""
    if isinstance(one, dict):
        return set(one) == set(other) and all(same(value, other[key]) for key, value in one.items())
    if isinstance(one, list):
        return len(one) == len(other) and all(same(*pair) for pair in zip(one, other, strict=True))
    if isinstance(one, float) and isinstance(other, float):
        return math.isclose(one, other, rel_tol=1e-12, abs_tol=1e-12)
    return bool(one == other)


def test_rows_in_another_order_give_the_same_figures(before: Path, tmp_path: Path) -> None:
    other, rng = write_sample(tmp_path / "other"), np.random.default_rng(5)
    for path in (other / "data").iterdir():
        if path.suffix == ".parquet":
            table = parquet.read_table(path)
            parquet.write_table(table.take(rng.permutation(table.num_rows)), path)
        else:
            head, *rows = path.read_bytes().splitlines(keepends=True)
            path.write_bytes(head + b"".join(rows[at] for at in rng.permutation(len(rows))))
    prepare(other, tmp_path / "run")
    settings, tables = open_run(tmp_path / "run")
    results = {name: module.diagnose(tables, settings) for name, module in DIAGNOSED.items()}
    one, two = figures(read_record(before).results), figures(results | {"audit": audit(results, settings)})
    assert set(one) == set(two) and len(one) > 80
    assert [key for key in one if not same(one[key], two[key])] == []


# --- what is written --------------------------------------------------------------------------------------------------


@pytest.fixture
def again(engagement: Path, before: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The engagement, of which each notebook gives at once what it gave the first time; renderers are stood in for."""
    known = read_record(before).results
    monkeypatch.setattr(pipeline, "_run", lambda name, run_dir, *_, **__: kept(name, run_dir, known[name]))
    monkeypatch.setattr(report, "_rendered", rendered)
    return engagement


@pytest.fixture
def audited(before: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the first audit's folder; renderers are stood in for."""
    monkeypatch.setattr(report, "_rendered", rendered)
    return Path(shutil.copytree(before.parent, tmp_path / "audited"))


def done(folder: Path) -> dict[str, Any]:
    return dict(json.loads((folder / DONE).read_text(encoding="utf-8")))


def entered(folder: Path) -> list[tuple[str, list[str]]]:
    found = json.loads((folder / EDITIONS).read_text(encoding="utf-8"))["editions"]
    assert all(re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]{8}\+00:00", each["at"]) for each in found)
    return [(each["audience"], each["files"]) for each in found]


REPORTS = [report.file_name(kind) for kind in report.FORMATS]


def test_an_audit_makes_every_format_and_records_what_it_wrote(before: Path) -> None:
    out = before.parent
    files = done(out)["files"]
    assert set(files) == {path.relative_to(out).as_posix() for path in out.rglob("*")
                          if path.is_file() and "private" not in path.parts}  # fmt: skip
    assert {*REPORTS, "results.json", "content-work-list.xlsx"} <= set(files)
    assert all(sha256(out / name) == digest for name, digest in files.items())
    assert entered(out) == [("client", [*REPORTS, "content-work-list.xlsx", "results.json"])]


def test_a_format_that_fails_is_told_its_old_file_goes_and_the_others_stand(
    again: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run_audit(again, tmp_path, lambda *_: None)
    write_report(tmp_path, ["pdf"], "board")
    assert (tmp_path / "report.pdf").exists() and (tmp_path / "report-board.pdf").exists()
    told = Problem("E-MAKE", "the PDF could not be made")
    monkeypatch.setattr(report, "_rendered", lambda kind, *rest: [told] if kind == "pdf" else rendered(kind, *rest))
    made = run_audit(again, tmp_path, lambda *_: None)
    assert made.problems == (told,) and tmp_path / "report.pptx" in made.files
    assert not (tmp_path / "report.pdf").exists() and not (tmp_path / "report-board.pdf").exists()
    assert set(done(tmp_path)["files"]) >= {"report.html", "report.pptx", "report.xlsx", "results.json"}
    assert [audience for audience, _ in entered(tmp_path)] == ["client", "board", "client"]


def test_a_brand_of_the_engagement_is_used_and_one_that_is_wrong_stops_before_anything_runs(
    again: Path, tmp_path: Path
) -> None:
    branded = again / "brand.yml"
    branded.write_text("name: Weber\n", encoding="utf-8")
    try:
        run_audit(again, tmp_path / "out", lambda *_: None)
        assert "by Weber" in (tmp_path / "out" / "report.pdf").read_text()
        write_report(tmp_path / "out", ["pdf"])  # the brand of the audit holds
        assert "by Weber" in (tmp_path / "out" / "report.pdf").read_text()
        (tmp_path / "other.yml").write_text("name: Söhne\n", encoding="utf-8")
        write_report(tmp_path / "out", ["pdf"], brand=tmp_path / "other.yml")
        assert "by Söhne" in (tmp_path / "out" / "report.pdf").read_text()
        branded.write_text("nmae: Weber\npaper: a5\n", encoding="utf-8")
        with pytest.raises(AlignError) as raised:
            run_audit(again, tmp_path / "new", lambda *_: None)
        assert [problem.code for problem in raised.value.problems] == ["E-BRAND", "E-BRAND"]
        assert not (tmp_path / "new").exists()
    finally:
        branded.unlink()
    with pytest.raises(AlignError, match=r"brand\.yml: it is not there.*after --brand"):
        write_report(tmp_path / "out", ["pdf"])
    branded.symlink_to(tmp_path / "other.yml")  # another firm's
    try:
        with pytest.raises(AlignError, match="is a link"):
            run_audit(again, tmp_path / "new", lambda *_: None)
    finally:
        branded.unlink()


def test_an_edition_is_written_beside_the_report_entered_and_recorded(audited: Path) -> None:
    given = done(audited)["files"]
    Presentation().save(str(audited / "firm.pptx"))
    made = write_report(audited, ["html", "pptx", "html"], "sales", template=audited / "firm.pptx")
    assert made.files == (audited / "report-sales.html", audited / "report-sales.pptx") and made.problems == ()
    assert "b'PK" in made.files[1].read_text() and made.files[0].read_text().startswith("html for sales of Northwind")
    assert done(audited)["files"] == given | {path.name: sha256(path) for path in made.files}
    assert entered(audited)[1:] == [("sales", ["report-sales.html", "report-sales.pptx"])]
    assert (audited / EDITIONS).stat().st_mode & 0o077 == 0


def test_only_the_record_of_a_finished_audit_is_told(audited: Path) -> None:
    def refused() -> bool:
        with pytest.raises(AlignError) as raised:
            write_report(audited, ["html"], "board")
        (problem,) = raised.value.problems
        return problem.code == "E-RESULT" and "nobody checked" in problem.what

    whole, record = (audited / "results.json").read_bytes(), (audited / DONE).read_bytes()
    (audited / "results.json").write_bytes(whole.replace(b"Northwind", b"Northwynd", 1))
    assert b"Northwind" in whole and refused()
    (audited / "results.json").unlink()
    assert refused()
    (audited / "results.json").write_bytes(whole)
    for damaged in (b"", b"[]", b'{"files": []}', b'{"files": {}}', record[:-20]):
        (audited / DONE).write_bytes(damaged)
        assert refused()
    (audited / DONE).unlink()
    assert refused() and not (audited / "report-board.html").exists()
    assert [audience for audience, _ in entered(audited)] == ["client"]


def test_an_edition_that_cannot_be_entered_is_not_given(audited: Path) -> None:
    (audited / EDITIONS).write_text("{", encoding="utf-8")
    with pytest.raises(AlignError, match=r"editions\.json: it is damaged"):
        write_report(audited, ["html"], "board")
    assert not (audited / "report-board.html").exists()


def test_everything_that_was_asked_for_wrongly_is_told_at_once(audited: Path) -> None:
    with pytest.raises(AlignError) as raised:
        write_report(audited, ["doc", "pdf", "PPT"], "press", template=audited / "none.pptx")
    told = [str(problem) for problem in raised.value.problems]
    assert {problem.code for problem in raised.value.problems} == {"E-USE"} and len(told) == 4
    assert "'doc' is no format of the report. Allowed: html, pdf, pptx, xlsx" in told[0]
    assert "there is no edition for 'press'. Allowed: client, sales, marketing, board" in told[2]
    with pytest.raises(AlignError, match="no format was named"):
        write_report(audited, [])


def test_a_template_that_cannot_be_used_is_refused_by_name_before_anything_is_made(audited: Path) -> None:
    with (audited / "huge.pptx").open("wb") as handle:
        handle.truncate(20_000_001)
    os.mkfifo(audited / "pipe.pptx")  # reading it would never end
    (audited / "text.pptx").write_text("layouts", encoding="utf-8")
    told = {
        "none": "this is no file",
        "pipe": "this is no file",
        "huge": "larger than 20 MB",
        "text": "no presentation",
    }
    for name, why in told.items():
        with pytest.raises(AlignError, match=rf"{name}\.pptx: .*{why}.*E-TEMPLATE"):
            write_report(audited, ["html", "pptx"], "board", template=audited / f"{name}.pptx")
    assert not (audited / "report-board.html").exists() and len(entered(audited)) == 1


def test_an_edition_of_an_earlier_audit_never_stays_beside_a_new_one(again: Path, tmp_path: Path) -> None:
    run_audit(again, tmp_path, lambda *_: None)
    (tmp_path / "report-board.html").write_text("of an audit whose record was lost", encoding="utf-8")
    run_audit(again, tmp_path, lambda *_: None)
    assert not (tmp_path / "report-board.html").exists()


def test_an_audit_that_could_not_be_entered_stops_before_it_runs(again: Path, tmp_path: Path) -> None:
    (tmp_path / "private").mkdir()
    (tmp_path / EDITIONS).write_text("{", encoding="utf-8")
    steps: list[str] = []
    with pytest.raises(AlignError, match=r"editions\.json: it is damaged"):
        run_audit(again, tmp_path, lambda step, *_: steps.append(step))
    assert steps == []
