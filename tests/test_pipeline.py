"""One audit from folder to deliverables: what it records of how it was made, and how it takes up an earlier one."""

import json
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pyarrow import parquet

from alignlib import pipeline
from alignlib.audit import audit
from alignlib.audit.comparison import RULES
from alignlib.diagnostics import content, funnel, survey
from alignlib.engagement import SETTINGS_FILE, Settings, parse_settings, read_engagement
from alignlib.files import sha256
from alignlib.intake.snapshot import open_run, prepare
from alignlib.pipeline import run_audit
from alignlib.report import document, html
from alignlib.result import SEED, Result, as_read, fingerprint, json_schema, read_record
from alignlib.samples import write_sample

MINIMAL = ("{version: 1, client: X, period: {start: 2026-01-01, end: 2026-03-31}, as_of: 2026-04-30, "
           "currency: EUR, timezone: UTC, inputs: [%s]}")  # fmt: skip
DIAGNOSED = {"survey": survey, "content": content, "funnel": funnel}


def computed(name: str, run_dir: Path, settings: Settings, seconds: float) -> Result:
    """What the notebook of this name computes, in this process."""
    run = pipeline.load(str(run_dir), settings.sha256())
    made = run.results if name == "audit" else {}
    result = audit(made, settings, run.previous) if made else DIAGNOSED[name].diagnose(run.tables, run.settings)
    (run_dir / "results" / f"{name}.json").write_text(result.model_dump_json(), encoding="utf-8")
    return result


@pytest.fixture(scope="module")
def engagement(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_sample(tmp_path_factory.mktemp("acme") / "engagement")


@pytest.fixture(scope="module")
def before(engagement: Path) -> Path:
    """The ``results.json`` of a first audit of the sample company."""
    out = engagement.parent / "before"
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(pipeline, "_run", computed)
        patched.setattr(html, "render", lambda document: "")  # drawing has its own tests, and takes half a minute
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
    assert f"seed {SEED}" in said and f"numpy {record.versions['numpy']}" in said and "Path rule: any" in said
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
    assert f"stage labels: {said['stage_labels']}" in shown and not [line for line in shown if "rows" in line]


LEADS = "{table: leads, file: leads.csv, columns: {source: Origin, owner_id: Rep}, exclude: {Origin: [Test]}}"


@pytest.mark.parametrize(
    ("other", "differ"),
    [
        (LEADS, []),
        (LEADS.replace("leads.csv", "q2.csv, delimiter: ';', date_order: dmy"), []),
        (f"{LEADS}, {LEADS.replace('leads.csv', 'q2.csv')}", []),
        (LEADS.replace("Origin: [Test]", "source: [Test]"), []),
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
    monkeypatch.setattr(pipeline, "_run", lambda name, run_dir, settings, _: (
        audit({key: known[key] for key in DIAGNOSED}, settings, pipeline.load(str(run_dir)).previous)
        if name == "audit" else known[name]))  # fmt: skip
    monkeypatch.setattr(html, "render", lambda document: "")
    (engagement / SETTINGS_FILE).write_text(later, encoding="utf-8")
    try:
        record = run_audit(engagement, tmp_path, lambda *_: None, since=before)
    finally:
        (engagement / SETTINGS_FILE).write_text(text, encoding="utf-8")
    made = record.results["audit"].exhibit("audit.change")
    verdicts = {str(row["finding"]): str(row["verdict"]) for row in made.rows if row["finding"]}
    assert verdicts["survey.gap.follow_up"] == "not comparable: the same answers"
    assert verdicts["funnel.first_touch"] == "not comparable: the same files"
    assert made.title.startswith("Nothing can be compared") and "P4 Handoff pact run on 10 May 2026" in made.lead
    assert record.since_sha256 == sha256(before) and read_record(tmp_path / "results.json") == record
    assert record.since_sha256[:12] in " ".join(dict(document.build(record).notes)["Worked out with"])
    assert (tmp_path / "private").stat().st_mode & 0o077 == 0


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
