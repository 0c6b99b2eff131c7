"""Does the fingerprint change with everything an audit is worked out from, and with nothing else?"""

import io
import json
import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from alignlib import samples
from alignlib.batch import fingerprint as module
from alignlib.batch.fingerprint import files_read, fingerprint, kit_fingerprint, unchanged, verify
from alignlib.comments import approve
from alignlib.editions import DONE, RESULTS, recorded
from alignlib.engagement import read_engagement, write_lock
from alignlib.errors import AlignError
from alignlib.files import sha256, write_file
from alignlib.intake.snapshot import open_run, prepare
from alignlib.release import safe_to_release
from alignlib.resources import resource

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps links in another way")
SETTINGS = """
version: 1
client: Acme
period: {start: 2025-01-01, end: 2025-12-31}
as_of: 2026-01-31
currency: EUR
timezone: UTC
thresholds: {leaked_leads: 0.1}
inputs:
  - {file: leads.csv, table: leads, lookups: [{file: people.csv, match: {owner: id}}]}
  - {table: assets, source: {url: 'sqlite:///crm.sqlite', table: assets}}
"""
SERVER = "  - {table: plan, source: {url: 'postgresql://db.example/crm', table: plan}}\n"
VARIABLE = "  - {table: plan, source: {url: 'env:ACME_DATABASE', table: plan}}\n"


def picture(colour: str) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", (40, 20), colour).save(out, "PNG")
    return out.getvalue()


@pytest.fixture
def engagement(tmp_path: Path) -> Path:
    folder = tmp_path / "clients" / "acme"
    write_file(folder / "engagement.yml", SETTINGS)
    for name in ("leads.csv", "people.csv", "crm.sqlite"):
        write_file(folder / "data" / name, f"what {name} holds")
    write_file(folder / "logo.png", picture("#14497F"))
    write_file(folder / "Firm.ttf", b"\x00\x01\x00\x00 a font")
    write_file(folder / "brand.yml", "name: Weber\nlogo: logo.png\nfonts: [Firm.ttf]\n")
    approve(folder, ["Well said."], "a reader", "2026-01-01")
    write_lock(folder, read_engagement(folder), "a client", "2026-01-01T10:00:00+00:00")
    write_file(tmp_path / "earlier.json", "{}")
    return folder


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    write_file(path, text.replace(old, new))


CHANGES: dict[str, Callable[[Path], object]] = {
    "a setting": lambda e: replace(e / "engagement.yml", "currency: EUR", "currency: CHF"),
    "an input": lambda e: write_file(e / "data" / "leads.csv", "what leads.csv holdt"),
    "a lookup": lambda e: write_file(e / "data" / "people.csv", "more people"),
    "a database in a file": lambda e: write_file(e / "data" / "crm.sqlite", "more"),
    "the approval of comments": lambda e: approve(e, ["Well said.", "And this."], "a reader", "2026-01-01"),
    "no approval": lambda e: (e / "comments_approved.json").unlink(),
    "no lock": lambda e: (e / "thresholds.lock.json").unlink(),
    "a later lock": lambda e: write_lock(e, read_engagement(e), "a client", "2026-01-02T10:00:00+00:00"),
    "a threshold and its lock": lambda e: (replace(e / "engagement.yml", "leaked_leads: 0.1", "leaked_leads: 0.2"),
                                           write_lock(e, read_engagement(e), "a client", "2026-01-01T10:00:00+00:00")),
    "the brand's name": lambda e: replace(e / "brand.yml", "Weber", "Söhne"),
    "the logo": lambda e: write_file(e / "logo.png", picture("#7F4914")),
    "a font": lambda e: write_file(e / "Firm.ttf", b"\x00\x01\x00\x00 b font"),
    "no brand": lambda e: (e / "brand.yml").unlink(),
    "whose brand it is": lambda e: [(e / n).rename(e.parent / n) for n in ("brand.yml", "logo.png", "Firm.ttf")],
}  # fmt: skip
UNTOUCHED: dict[str, Callable[[Path], object]] = {
    "a remark in the settings": lambda e: write_file(e / "engagement.yml", f"# a remark\n{SETTINGS}"),
    "a time of change": lambda e: os.utime(e / "data" / "leads.csv", (1, 1)),
    "a file that nothing reads": lambda e: write_file(e / "data" / "notes.txt", "unread"),
    "what was published before": lambda e: write_file(e / "private" / "release_log.json", "{}"),
    "the survey's key": lambda e: write_file(e / "private" / "survey.key", b"k" * 32),
    "an agency's brand above its own": lambda e: write_file(e.parent / "brand.yml", "name: Agency\n"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_the_fingerprint_changes_with_what_an_audit_is_worked_out_from(
    change: Callable[[Path], object], engagement: Path
) -> None:
    before = fingerprint(engagement)
    change(engagement)
    assert fingerprint(engagement) != before


@pytest.mark.parametrize("change", UNTOUCHED.values(), ids=UNTOUCHED.keys())
def test_the_fingerprint_stays_with_everything_else(change: Callable[[Path], object], engagement: Path) -> None:
    before = fingerprint(engagement)
    change(engagement)
    assert fingerprint(engagement) == before and before and len(before) == 64


def test_the_fingerprint_says_what_an_audit_is_compared_with(engagement: Path, tmp_path: Path) -> None:
    earlier = tmp_path / "earlier.json"
    alone, compared = fingerprint(engagement), fingerprint(engagement, earlier)
    write_file(earlier, "{ }")
    assert len({alone, compared, fingerprint(engagement, earlier)}) == 3
    shutil.copyfile(earlier, tmp_path / "copy.json")
    assert fingerprint(engagement, tmp_path / "copy.json") == fingerprint(engagement, earlier)


def test_the_fingerprint_is_the_same_wherever_the_engagement_lies(engagement: Path, tmp_path: Path) -> None:
    shutil.copytree(engagement, tmp_path / "elsewhere" / "renamed")
    assert fingerprint(tmp_path / "elsewhere" / "renamed") == fingerprint(engagement)


@pytest.mark.parametrize("source", [SERVER, VARIABLE])
def test_nothing_is_known_beforehand_of_a_database_on_a_server(source: str, engagement: Path) -> None:
    write_file(engagement / "engagement.yml", SETTINGS + source)
    assert fingerprint(engagement) is None and files_read(engagement)[1] is False


@pytest.mark.parametrize("name", ["leads.csv", "people.csv", "crm.sqlite"])
def test_without_an_input_there_is_no_fingerprint(name: str, engagement: Path) -> None:
    (engagement / "data" / name).unlink()
    with pytest.raises(AlignError, match=rf"'{name}' cannot be opened.*E-OPEN"):
        fingerprint(engagement)
    (engagement / "data" / name).mkdir()
    with pytest.raises(AlignError, match=rf"'{name}' is no ordinary file.*E-OPEN"):
        fingerprint(engagement)


@posix_only
def test_no_link_and_no_pipe_is_read(engagement: Path, tmp_path: Path) -> None:
    leads = engagement / "data" / "leads.csv"
    for make in (
        lambda: leads.symlink_to(tmp_path / "earlier.json"),
        lambda: os.mkfifo(leads),
        lambda: leads.symlink_to("/dev/zero"),
        lambda: leads.symlink_to(leads),
    ):
        leads.unlink()
        make()
        with pytest.raises(AlignError, match="E-OPEN"):
            fingerprint(engagement)


def test_a_brand_that_cannot_be_used_is_told(engagement: Path) -> None:
    replace(engagement / "brand.yml", "logo.png", "gone.png")
    with pytest.raises(AlignError, match="E-BRAND"):
        fingerprint(engagement)


def test_the_files_read_are_those_that_the_fingerprint_hangs_on(engagement: Path) -> None:
    paths, is_whole = files_read(engagement)
    names = sorted(path.relative_to(engagement).as_posix() for path in paths)
    assert is_whole and names == [
        "Firm.ttf", "brand.yml", "comments_approved.json", "data/crm.sqlite", "data/leads.csv", "data/people.csv",
        "engagement.yml", "logo.png", "thresholds.lock.json",
    ]  # fmt: skip


@pytest.fixture
def kit(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A small kit: a package, and its other parts beside it."""
    root = tmp_path / "kit"
    for name in ("src/alignlib/batch/fingerprint.py", "src/alignlib/errors.txt", "notebooks/audit.ipynb",
                 "templates/report/page.html", "playbook/P1.md"):  # fmt: skip
        write_file(root / name, name)
    use(root / "src" / "alignlib", root, monkeypatch)
    return root


def use(package: Path, parts: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "__file__", str(package / "batch" / "fingerprint.py"))
    monkeypatch.setattr(module, "resource", lambda part: parts / part)


def print_of_kit() -> str:
    return kit_fingerprint.__wrapped__()


@pytest.mark.parametrize(
    "name", ["src/alignlib/batch/fingerprint.py", "src/alignlib/errors.txt", "notebooks/audit.ipynb",
             "templates/report/page.html", "playbook/P1.md", "src/alignlib/new.py", "notebooks/new.ipynb"],
)  # fmt: skip
def test_the_kit_is_another_when_one_of_its_files_is(name: str, kit: Path) -> None:
    before = print_of_kit()
    write_file(kit / name, "changed")
    assert print_of_kit() != before


@pytest.mark.parametrize("name", ["__version__", "ENGINES"])
def test_the_kit_is_another_with_its_version_and_with_what_computes(
    name: str, kit: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = print_of_kit()
    monkeypatch.setattr(module, name, {"__version__": "9.9", "ENGINES": ("duckdb",)}[name])
    assert print_of_kit() != before


def test_a_file_that_moved_makes_another_kit(kit: Path) -> None:
    before = print_of_kit()
    (kit / "playbook" / "P1.md").rename(kit / "playbook" / "P2.md")
    assert print_of_kit() != before


def test_what_python_and_editors_leave_behind_is_no_part_of_the_kit(kit: Path) -> None:
    before = print_of_kit()
    for name in ("src/alignlib/__pycache__/a.pyc", "notebooks/.ipynb_checkpoints/audit.ipynb", "templates/.DS_Store",
                 "playbook/.P1.md.swp"):  # fmt: skip
        write_file(kit / name, "left behind")
    assert print_of_kit() == before


def test_a_clone_and_an_installed_wheel_are_one_kit(kit: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = print_of_kit()
    wheel = tmp_path / "site-packages" / "alignlib"
    shutil.copytree(kit / "src" / "alignlib", wheel)
    for part in ("notebooks", "templates", "playbook"):
        shutil.copytree(kit / part, wheel / "_kit" / part)
    use(wheel, wheel / "_kit", monkeypatch)
    assert print_of_kit() == before


def test_the_kit_that_runs_is_read_once(monkeypatch: pytest.MonkeyPatch) -> None:
    before = kit_fingerprint()
    monkeypatch.setattr(module, "__version__", "9.9")
    assert kit_fingerprint() == before and print_of_kit() != before
    files = {*module._files(Path(module.__file__).resolve().parents[1]), *module._files(resource("templates"))}
    assert {"pipeline.py", "batch/fingerprint.py", "errors.txt", "survey/instrument.yml"} <= files


def finished(folder: Path, fp: str, **more: Any) -> Path:
    """A folder as a finished audit leaves it, with this fingerprint."""
    for name in (RESULTS, "report.html", "notebooks/audit.ipynb"):
        write_file(folder / name, f"what {name} holds")
    files = {name: sha256(folder / name) for name in (RESULTS, "report.html", "notebooks/audit.ipynb")}
    write_file(folder / DONE, json.dumps({"files": files, "fingerprint": fp} | more))
    return folder


ONE, ALIKE, OTHER = "a" * 64, "a" * 63 + "b", "c" * 64  # two of them begin alike


def test_an_audit_of_the_same_inputs_is_found_the_newest_first(tmp_path: Path) -> None:
    job = tmp_path / "clients" / "acme-01234567"
    assert unchanged(tmp_path, job.name, ONE) is None
    names = ["a" * 12, "a" * 12 + "-2", "a" * 12 + "-10"]
    folders = [finished(job / name, ONE) for name in names]
    for name in ("a" * 12 + "-x", "a" * 13, "a" * 12 + "-3.old"):
        finished(job / name, ONE)
    finished(job / ("c" * 12), OTHER)
    assert unchanged(tmp_path, job.name, ONE) == folders[2]
    shutil.rmtree(folders[2])
    assert unchanged(tmp_path, job.name, ONE) == folders[1]
    (folders[1] / "report.html").unlink()
    assert unchanged(tmp_path, job.name, ONE) == folders[0]
    assert unchanged(tmp_path, job.name, ALIKE) is None
    assert unchanged(tmp_path, "northwind-01234567", ONE) is None


def _flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], object]] = {
    "a flipped bit": lambda f: _flip(f / "report.html"),
    "a flipped bit of the results": lambda f: _flip(f / RESULTS),
    "a shorter file": lambda f: (f / "report.html").write_bytes((f / "report.html").read_bytes()[:-1]),
    "a missing file": lambda f: (f / "notebooks" / "audit.ipynb").unlink(),
    "a folder for a file": lambda f: ((f / "report.html").unlink(), (f / "report.html").mkdir()),
    "no record": lambda f: (f / DONE).unlink(),
    "half a record": lambda f: (f / DONE).write_text((f / DONE).read_text()[:-5]),
    "an empty record": lambda f: (f / DONE).write_text("{}"),
    "a record of no files": lambda f: (f / DONE).write_text(json.dumps({"files": {}, "fingerprint": ONE})),
    "a record that leads out": lambda f: (f / DONE).write_text(
        json.dumps({"files": recorded(f)["files"] | {"../../x": "0"}, "fingerprint": ONE})
    ),
}


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_a_damaged_audit_is_not_unchanged(damage: Callable[[Path], object], tmp_path: Path) -> None:
    folder = finished(tmp_path / "clients" / "acme" / ONE[:12], ONE)
    assert verify(folder) == [] and unchanged(tmp_path, "acme", ONE) == folder
    damage(folder)
    found = verify(folder)
    assert len(found) == 1 and found[0].code == "E-CORRUPT" and found[0].where.startswith(f"{ONE[:12]}/")
    assert unchanged(tmp_path, "acme", ONE) is None


@posix_only
def test_a_link_is_no_audit_and_no_file_of_one(tmp_path: Path) -> None:
    folder = finished(tmp_path / "elsewhere", ONE)
    (tmp_path / "clients" / "acme").mkdir(parents=True)
    (tmp_path / "clients" / "acme" / ONE[:12]).symlink_to(folder)
    assert unchanged(tmp_path, "acme", ONE) is None
    (folder / "report.html").rename(folder / "real.html")
    (folder / "report.html").symlink_to(folder / "real.html")
    assert [problem.where for problem in verify(folder)] == ["elsewhere/report.html"]


def test_every_file_that_is_not_as_recorded_is_named(tmp_path: Path) -> None:
    folder = finished(tmp_path / "a", ONE)
    _flip(folder / "report.html")
    (folder / RESULTS).unlink()
    cure = "What to do: run the batch again, then remove this one. [E-CORRUPT]"
    assert [str(problem) for problem in verify(folder)] == [
        f"a/report.html: it is not what was written. {cure}",
        f"a/results.json: it is missing or cannot be read. {cure}",
    ]


def test_what_an_audit_writes_into_the_engagement_leaves_its_fingerprint_as_it_was(tmp_path: Path) -> None:
    engagement = samples.write_sample(tmp_path / "engagement")
    before = fingerprint(engagement)
    prepare(engagement, tmp_path / "run")
    settings, tables = open_run(tmp_path / "run")
    safe_to_release(engagement, tables, settings)
    written = sorted(path.name for path in (engagement / "private").iterdir())
    assert fingerprint(engagement) == before and written == ["lock", "release_log.json", "survey.key"]
