"""Is a client's private data gone when it was promised, and nothing else?"""

import json
import os
import shutil
from collections.abc import Iterator
from datetime import UTC, date, datetime
from pathlib import Path

import pytest

from alignlib.batch import purge as module
from alignlib.batch.fingerprint import unchanged, verify
from alignlib.batch.purge import purge
from alignlib.editions import DONE, RESULTS, write_report
from alignlib.errors import AlignError
from alignlib.files import locked, sha256, write_file
from alignlib.result import Record, Result, to_json

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps links and permissions in another way")
TODAY = date(2026, 6, 30)
FP = "a" * 64
RECORD = Record(
    kit_version="0", client="Acme", synthetic=True, period_start="2025-01-01", period_end="2025-12-31",
    as_of="2026-01-31", currency="EUR", settings_sha256="0" * 64, thresholds_lock="Not locked.",
    results={name: Result(diagnostic=name, question="q", headline="h", summary="s")
             for name in ("survey", "content", "funnel", "audit")},
)  # fmt: skip


def aged(path: Path, day: str) -> Path:
    """This file, or this folder with all in it, as of noon of a day."""
    noon = datetime.fromisoformat(f"{day}T12:00+00:00").timestamp()
    for at, folders, files in os.walk(path):
        for name in (*folders, *files):
            os.utime(Path(at, name), (noon, noon), follow_symlinks=False)
    os.utime(path, (noon, noon))
    return path


def audit(folder: Path, at: str | None, day: str = "2026-01-01") -> Path:
    """A finished audit as of this time by its record, whose files are as of that day."""
    for name, content in ((RESULTS, to_json(RECORD)), ("report.html", "r"), ("notebooks/audit.ipynb", "{}")):
        write_file(folder / name, content)
    for name in ("tables/leads.parquet", "rejected.parquet", "sources/crm.parquet", "notebooks/audit.ipynb"):
        write_file(folder / "private" / "run" / name, "rows of a client", private=True)
    files = {name: sha256(folder / name) for name in (RESULTS, "report.html", "notebooks/audit.ipynb")}
    done = {"files": files, "fingerprint": FP, "brand": None} | ({"at": at} if at else {})
    write_file(folder / DONE, json.dumps(done), private=True)
    write_file(folder / "private" / "editions.json", '{"editions": []}', private=True)
    return aged(folder, day)


def batch(out: Path) -> Path:
    """A batch with two audits of one client, of January and of June, and what runs leave behind in both months."""
    audit(out / "clients" / "acme-1" / FP[:12], "2026-01-10T08:00:00+00:00", "2026-06-29")
    audit(out / "clients" / "acme-1" / ("b" * 12), "2026-06-20T08:00:00+00:00", "2026-01-01")
    for name in ("index.html", "portfolio.json", "private/lock"):
        aged(write_file(out / name, ""), "2026-01-01")
    plan = {"jobs": [{"job": "acme-1", "engagement": "/acme"}]}
    aged(write_file(out / "private" / "batch.json", json.dumps(plan)), "2026-01-01")
    for month, name in (("01", "old"), ("06", "new")):
        for path in (f"stage/{name}/x", f"failed/{name}/x", f"logs/{name}.log", f"jobs/{name}.json"):
            write_file(out / "private" / path, "said of a client")
        for path in (f"stage/{name}", f"failed/{name}", f"logs/{name}.log", f"jobs/{name}.json"):
            aged(out / "private" / path, f"2026-{month}-20")
    aged(write_file(out / "private" / "jobs" / "acme-1.json", "{}"), "2026-01-01")
    return out


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}


def told(paths: list[Path], folder: Path) -> list[str]:
    return [path.relative_to(folder).as_posix() for path in paths]


OLD = [
    f"clients/acme-1/{FP[:12]}/private/run", "private/failed/old", "private/jobs/old.json", "private/logs/old.log",
    "private/stage/old",
]  # fmt: skip


def test_of_a_batch_goes_what_is_private_and_old_and_nothing_else(tmp_path: Path) -> None:
    out = batch(tmp_path / "out")
    before = tree(out)
    assert told(purge(out, 30, TODAY), out) == OLD
    assert before - tree(out) == {name for name in before if name.startswith(tuple(OLD))}
    assert tree(out) <= before
    assert purge(out, 30, TODAY) == []


def test_a_dry_run_says_the_same_and_removes_nothing(tmp_path: Path) -> None:
    out = batch(tmp_path / "out")
    before = tree(out)
    assert told(purge(out, 30, TODAY, dry=True), out) == OLD
    assert tree(out) == before


def test_a_dry_run_may_look_on_while_a_batch_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = batch(tmp_path / "out")
    real = os.walk

    def with_one_that_is_gone(top: Path) -> Iterator[tuple[str, list[str], list[str]]]:
        for at, folders, files in real(top):
            yield at, folders, [*files, "gone.txt"]

    monkeypatch.setattr(module.os, "walk", with_one_that_is_gone)
    with locked(out / "private" / "lock"):
        assert told(purge(out, 30, TODAY, dry=True), out) == OLD
    assert module._changed(out / "private" / "stage" / "gone-meanwhile") == date.max


def test_after_a_purge_the_audit_is_whole_and_its_report_can_be_made_again(tmp_path: Path) -> None:
    out = batch(tmp_path / "out")
    folder = out / "clients" / "acme-1" / FP[:12]
    purge(out, 30, TODAY)
    assert not (folder / "private" / "run").exists()
    assert verify(folder) == [] and unchanged(out, "acme-1", FP) == folder
    made = write_report(folder, ["html"])
    assert made.files == (folder / "report.html",) and "Acme" in made.files[0].read_text(encoding="utf-8")
    assert verify(folder) == []


@pytest.mark.parametrize(("days", "goes"), [(171, False), (170, True)])
def test_data_stay_for_as_many_days_as_were_promised(days: int, goes: bool, tmp_path: Path) -> None:
    out = audit(tmp_path / "out", "2026-01-10T23:59:59+00:00")
    assert (TODAY - date(2026, 1, 10)).days == 171
    assert (purge(out, days, TODAY) == [out / "private" / "run"]) is goes
    assert (out / "private" / "run").exists() is not goes


@pytest.mark.parametrize("at", [None, "yesterday", 7])
def test_an_audit_that_does_not_say_when_it_was_made_is_as_old_as_its_latest_change(
    at: str | None, tmp_path: Path
) -> None:
    out = audit(tmp_path / "out", at, "2026-01-10")
    table = out / "private" / "run" / "tables" / "leads.parquet"
    noon = datetime(2026, 6, 29, tzinfo=UTC).timestamp()
    os.utime(table, (noon, noon))
    assert purge(out, 30, TODAY) == []
    aged(table, "2026-01-10")
    assert purge(out, 30, TODAY) == [out / "private" / "run"]


def test_a_damaged_audit_keeps_no_private_data_longer(tmp_path: Path) -> None:
    out = batch(tmp_path / "out")
    folder = out / "clients" / "acme-1" / FP[:12]
    write_file(folder / DONE, "half a rec")
    aged(folder, "2026-01-10")
    assert told(purge(out, 30, TODAY), out) == OLD


def test_nothing_of_the_future_is_removed(tmp_path: Path) -> None:
    out = audit(tmp_path / "out", "2027-01-01T00:00:00+00:00")
    assert purge(out, 0, TODAY) == []


def test_no_record_of_a_job_is_removed_when_the_plan_cannot_be_read(tmp_path: Path) -> None:
    out = batch(tmp_path / "out")
    write_file(out / "private" / "batch.json", "half a pl")
    assert told(purge(out, 30, TODAY), out) == [name for name in OLD if "jobs" not in name]


@posix_only
def test_no_link_is_followed_and_nothing_outside_is_touched(tmp_path: Path) -> None:
    out, other = batch(tmp_path / "out"), batch(tmp_path / "other")
    before = tree(other)
    stage = out / "private" / "stage" / "old"
    (stage / "into").symlink_to(other)
    (out / "private" / "logs" / "link.log").symlink_to(other / "index.html")
    (out / "clients" / "link").symlink_to(other / "clients" / "acme-1")
    (out / "clients" / "acme-1" / "link").symlink_to(other / "clients" / "acme-1" / FP[:12])
    audit(out / "clients" / "acme-1" / ("c" * 12), "2026-01-10T08:00:00+00:00")
    shutil.rmtree(out / "clients" / "acme-1" / ("c" * 12) / "private" / "run")
    (out / "clients" / "acme-1" / ("c" * 12) / "private" / "run").symlink_to(other / "clients")
    aged(stage, "2026-01-20")
    for path in (out / "private" / "logs" / "link.log", out / "clients" / "link"):
        os.utime(path, (0, 0), follow_symlinks=False)
    assert told(purge(out, 30, TODAY), out) == OLD
    assert tree(other) == before


@posix_only
@pytest.mark.parametrize("name", ["clients", "private"])
def test_a_place_that_is_a_link_is_left_alone(name: str, tmp_path: Path) -> None:
    out, other = batch(tmp_path / "out"), batch(tmp_path / "other")
    before = tree(other)
    shutil.rmtree(out / name)
    (out / name).symlink_to(other / name)
    assert told(purge(out, 30, TODAY), out) == [path for path in OLD if not path.startswith(name)]
    assert tree(other) == before


def test_a_batch_that_runs_is_left_alone(tmp_path: Path) -> None:
    out = batch(tmp_path / "out")
    before = tree(out)
    with locked(out / "private" / "lock"), pytest.raises(AlignError, match="E-LOCKED"):
        purge(out, 30, TODAY)
    assert tree(out) == before


def test_an_engagement_is_refused_with_what_must_stay(tmp_path: Path) -> None:
    folder = tmp_path / "acme"
    for name in ("engagement.yml", "data/leads.csv", "private/release_log.json", "private/survey.key"):
        write_file(folder / name, "x")
    aged(folder, "2020-01-01")
    before = tree(folder)
    with pytest.raises(AlignError, match=r"this is an engagement.*keep private/.*\[E-USE\]"):
        purge(folder, 30, TODAY)
    assert tree(folder) == before
    audit(folder, "2026-01-10T08:00:00+00:00")  # an audit made into the engagement's own folder
    assert purge(folder, 30, TODAY) == [folder / "private" / "run"]
    assert before <= tree(folder)


@pytest.mark.parametrize(("days", "said"), [(30, "no batch and no audit"), (-1, "cannot be negative")])
def test_wrong_use_is_told(days: int, said: str, tmp_path: Path) -> None:
    write_file(tmp_path / "holiday" / "photo.txt", "x")
    with pytest.raises(AlignError, match=f"{said}.*E-USE"):
        purge(tmp_path / "holiday", days, TODAY)


def test_what_cannot_be_removed_is_told_and_goes_the_next_time(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    out = audit(tmp_path / "out", "2026-01-10T08:00:00+00:00")

    def fail(path: Path) -> None:
        (path / "rejected.parquet").unlink()
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(module.shutil, "rmtree", fail)
    with pytest.raises(AlignError, match=r"run: cannot be removed \(Permission denied\).*E-WRITE"):
        purge(out, 30, TODAY)
    monkeypatch.undo()
    assert purge(out, 30, TODAY) == [out / "private" / "run"]
