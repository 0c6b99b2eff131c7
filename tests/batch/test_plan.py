"""Is a portfolio read whole or not at all, and does each audit get a name of its own on every system?"""

import os
from collections.abc import Sequence
from datetime import date, datetime
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from alignlib.batch import plan
from alignlib.batch.plan import Job, read_plan, select, slug
from alignlib.errors import AlignError
from alignlib.files import is_portable, write_file

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps links and names in another way")
SETTINGS = """
version: 1
client: Acme
period: {start: 2025-01-01, end: 2025-12-31}
as_of: 2026-01-31
currency: EUR
timezone: UTC
inputs:
  - {file: leads.csv, table: leads, lookups: [{file: people.csv, match: {owner: id}}]}
"""


def engagement(folder: Path, settings: str = SETTINGS) -> Path:
    write_file(folder / "engagement.yml", settings)
    write_file(folder / "data" / "leads.csv", "id\n1\n")
    write_file(folder / "data" / "people.csv", "id\n1\n")
    return folder


def portfolio(tmp_path: Path, text: str) -> Path:
    return write_file(tmp_path / "portfolio.yml", text)


def faults(path: Path) -> list[str]:
    with pytest.raises(AlignError) as raised:
        read_plan(path)
    assert all(problem.fix for problem in raised.value.problems)
    return [str(problem) for problem in raised.value.problems]


def names(jobs: Sequence[Job]) -> list[str]:
    return [job.engagement.name for job in jobs]


def test_a_portfolio_file_lists_folders_beside_it_and_what_each_is_compared_with(tmp_path: Path) -> None:
    for name in ("acme-2026", "northwind", "far/away"):
        engagement(tmp_path / "here" / name)
    earlier = write_file(tmp_path / "2025" / "acme" / "results.json", "{}")
    text = "engagements:\n- path: acme-2026\n  since: ../2025/acme/results.json\n- northwind\n"
    text += f"- path: {tmp_path / 'here' / 'far' / 'away'}\n  since: ../2025/acme\n"
    jobs = read_plan(portfolio(tmp_path / "here", text))
    assert [job.engagement for job in jobs] == [tmp_path / "here" / n for n in ("acme-2026", "northwind", "far/away")]
    assert [job.since for job in jobs] == [earlier, None, earlier]
    assert all(job.engagement.is_absolute() for job in jobs)


def test_a_folder_gives_its_engagements_by_name_and_an_engagement_itself(tmp_path: Path) -> None:
    for name in ("b", "a"):
        engagement(tmp_path / name)
    (tmp_path / "notes").mkdir()
    jobs = read_plan(tmp_path)
    assert names(jobs) == ["a", "b"]
    assert read_plan(tmp_path / "a") == jobs[:1]
    assert read_plan(portfolio(tmp_path, "engagements: [b, ./a/]")) == jobs[::-1]


def test_a_job_keeps_its_name_wherever_the_portfolio_is_moved_to(tmp_path: Path) -> None:
    for place in ("one", "two"):
        engagement(tmp_path / place / "acme")
    first, second = (read_plan(tmp_path / place)[0].name for place in ("one", "two"))
    assert first == second == f"acme-{sha256(b'acme').hexdigest()[:8]}"


@posix_only
def test_names_that_look_alike_give_different_jobs(tmp_path: Path) -> None:
    folders = ["acme", "ACME", "a c m e", "a-c-m-e", "株式会社", "公司", "CON", "Café", "Cafe\u0301"]
    for name in folders:
        engagement(tmp_path / name)
    jobs = read_plan(tmp_path)
    found = {job.name.casefold() for job in jobs}
    assert len(found) == len(jobs) >= len(folders) - 2 and all(map(is_portable, found))  # macOS holds two as one
    assert all(job.name == job.name.lower() and job.name.isascii() for job in jobs)


@example("a-" * 150)
@given(st.text(st.characters(exclude_categories=[]), max_size=300))
def test_every_name_becomes_one_that_every_system_takes(name: str) -> None:
    assert is_portable(f"{slug(name)}-01234567") and len(slug(name)) <= 40


def test_eight_digits_that_agree_are_never_one_name(monkeypatch: pytest.MonkeyPatch) -> None:
    class Alike:
        def __init__(self, content: bytes) -> None:
            self.content = content

        def hexdigest(self) -> str:
            return "0" * 8 + self.content.hex()

    monkeypatch.setattr(plan, "sha256", Alike)
    assert plan._names([("公司", "公司"), ("acme", "acme"), ("会社", "会社")]) == [
        f"engagement-00000000{'公司'.encode().hex()}",
        "acme-00000000",
        f"engagement-00000000{'会社'.encode().hex()}",
    ]


def test_every_fault_of_a_portfolio_is_told_at_once_with_its_entry(tmp_path: Path) -> None:
    engagement(tmp_path / "acme")
    (tmp_path / "empty").mkdir()
    text = "engagements:\n- acme\n- acmee\n- path: ./acme\n- empty\n- {path: acme/../acme, since: gone.json}\n"
    text += '- "a\\0b"\n- ' + "x" * 300 + "\n"
    found = faults(portfolio(tmp_path, text))
    assert found[0].startswith("portfolio.yml, entry 2 (line 3): there is no folder 'acmee'; did you mean 'acme'?")
    assert found[0].endswith("[E-OPEN]")
    assert found[1].startswith("portfolio.yml, entry 3 (line 4): this is the engagement of portfolio.yml, entry 1")
    assert found[1].endswith("[E-CONFIG]")
    assert found[2].startswith("portfolio.yml, entry 4 (line 5): the folder 'empty' holds no engagement.yml")
    assert [line.split(" (")[0] for line in found[3:]] == [f"portfolio.yml, entry {number}" for number in (5, 6, 7)]
    assert all("[E-OPEN]" in line for line in found[4:])


def test_an_earlier_audit_that_is_not_there_is_told(tmp_path: Path) -> None:
    engagement(tmp_path / "acme")
    found = faults(portfolio(tmp_path, "engagements: [{path: acme, since: ../gone/results.json}]"))
    assert len(found) == 1 and "since: there is no file '../gone/results.json'" in found[0] and "entry 1" in found[0]


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        ("engagement: [acme]", "line 1: engagement is not a known setting; did you mean 'engagements'?", "E-CONFIG"),
        ("engagements:\n- {pth: acme}", "(line 2): pth is not a known setting; did you mean 'path'?", "E-CONFIG"),
        ("engagements:\n- {since: a.json}", "entry 1 (line 2): no folder is named", "E-CONFIG"),
        ("engagements:\n- {path: acme, since: [a]}", "since names no file", "E-CONFIG"),
        ("engagements:\n- [acme]", "no folder is named", "E-CONFIG"),
        ("engagements: acme", "engagements is no list", "E-CONFIG"),
        ("- acme", "this is no portfolio", "E-CONFIG"),
        ("acme", "this is no portfolio", "E-CONFIG"),
        ("", "it lists no engagement", "E-USE"),
        ("engagements:", "it lists no engagement", "E-USE"),
        ("engagements: []\nengagements: []", "line 2: 'engagements' is given twice", "E-CONFIG"),
        ("engagements: [&a acme, *a]", "line 1: anchors, aliases and tags are not allowed", "E-CONFIG"),
        ("engagements: !!python/object/apply:os.getcwd []", "anchors, aliases and tags are not allowed", "E-CONFIG"),
        ("engagements: [" * 30, "nested more than 20 levels deep", "E-CONFIG"),
        ("engagements: [acme", "this is not valid YAML", "E-CONFIG"),
        ("#" * 1_000_001, "larger than 1 MB", "E-CONFIG"),
    ],
)  # fmt: skip
def test_a_portfolio_that_is_not_as_it_should_be_is_refused(text: str, said: str, code: str, tmp_path: Path) -> None:
    engagement(tmp_path / "acme")
    found = faults(portfolio(tmp_path, text))
    assert said in found[0] and found[0].endswith(f"[{code}]"), found
    assert all(line.startswith("portfolio.yml") for line in found)


def test_what_is_neither_portfolio_nor_engagement_is_refused(tmp_path: Path) -> None:
    assert "no such file or folder" in faults(tmp_path / "gone")[0]
    assert "no engagement lies in this folder" in faults(tmp_path)[0]
    assert "[E-OPEN]" in faults(write_file(tmp_path / "p.yml", b"\xff\xfe\xfa"))[0]
    settings = engagement(tmp_path / "acme") / "engagement.yml"
    assert "the settings of one engagement, and no portfolio" in faults(settings)[0]


@posix_only
def test_no_path_leads_through_a_link(tmp_path: Path) -> None:
    engagement(tmp_path / "other" / "secret")
    write_file(tmp_path / "other" / "secret" / "results.json", "{}")
    engagement(tmp_path / "here" / "acme")
    (tmp_path / "here" / "link").symlink_to(tmp_path / "other")
    (tmp_path / "here" / "acme" / "earlier.json").symlink_to(tmp_path / "other" / "secret" / "results.json")
    text = f"engagements:\n- link/secret\n- {tmp_path}/here/link/secret\n- link/../../other/secret\n"
    text += "- {path: acme, since: acme/earlier.json}\n- {path: acme, since: link/secret}\n"
    found = faults(portfolio(tmp_path / "here", text))
    assert len(found) == 5 and all("leads through a link" in line and "[E-OPEN]" in line for line in found[:4])
    (tmp_path / "here" / "to-acme").symlink_to(tmp_path / "here" / "acme")
    assert "'to-acme' leads through a link" in faults(tmp_path / "here")[0]


@posix_only
def test_the_portfolio_itself_may_be_reached_through_a_link(tmp_path: Path) -> None:
    engagement(tmp_path / "disk" / "acme")
    portfolio(tmp_path / "disk", "engagements: [acme]")
    (tmp_path / "link").symlink_to(tmp_path / "disk")
    whole = read_plan(tmp_path / "disk")
    assert read_plan(tmp_path / "link") == read_plan(tmp_path / "link" / "portfolio.yml") == whole


def test_only_takes_names_and_patterns_and_keeps_the_order_of_the_plan(tmp_path: Path) -> None:
    for name in ("acme-1", "acme-2", "northwind", "x/northwind"):
        engagement(tmp_path / name)
    jobs = read_plan(portfolio(tmp_path, "engagements: [northwind, acme-2, acme-1, x/northwind]"))
    assert select(jobs) == jobs
    assert names(select(jobs, ["acme-*"])) == ["acme-2", "acme-1"]
    assert select(jobs, ["acme-1", "northwind"]) == [jobs[0], *jobs[2:]]
    assert select(jobs, [jobs[3].name]) == [jobs[3]]


def test_an_only_that_names_nothing_is_told_with_the_nearest(tmp_path: Path) -> None:
    engagement(tmp_path / "northwind")
    with pytest.raises(AlignError) as raised:
        select(read_plan(tmp_path), ["nortwind", "north*", "z*"])
    assert [str(problem) for problem in raised.value.problems] == [
        "no engagement is called 'nortwind'; did you mean 'northwind'?. What to do: correct its name. [E-USE]",
        "no engagement is called 'z*'. What to do: correct its name. [E-USE]",
    ]


@pytest.mark.parametrize(
    "changed", ["engagement.yml", "data/people.csv", "data/leads.csv", "brand.yml", "../brand.yml"]
)
def test_since_takes_engagements_of_which_a_file_was_changed_on_that_day_or_later(changed: str, tmp_path: Path) -> None:
    for name in ("one/acme", "two/quiet"):
        engagement(tmp_path / name)
        write_file(tmp_path / name / "data" / "unread.txt", "new, and nobody reads it")
    write_file(tmp_path / "one" / "acme" / changed, 'name: "Weber"\n') if changed.endswith("brand.yml") else None
    for path in tmp_path.rglob("*.[cy]*"):
        os.utime(path, (days := datetime(2026, 3, 1, 12).timestamp(), days))
    jobs = read_plan(portfolio(tmp_path, "engagements: [one/acme, two/quiet]"))
    assert select(jobs, since=date(2026, 3, 1)) == jobs and select(jobs, since=date(2026, 3, 2)) == []
    os.utime(tmp_path / "one" / "acme" / changed, (later := datetime(2026, 3, 2, 0, 1).timestamp(), later))
    assert names(select(jobs, since=date(2026, 3, 2))) == ["acme"]
    assert select(jobs, since=date(2026, 3, 3)) == []
    assert names(select(jobs, ["acme"], date(2026, 3, 1))) == ["acme"]


def test_since_takes_what_may_have_changed_unseen(tmp_path: Path) -> None:
    server = SETTINGS + "  - {table: assets, source: {url: 'postgresql://db.example/crm', table: assets}}\n"
    engagement(tmp_path / "database", server)
    engagement(tmp_path / "broken", "version: 7")
    (engagement(tmp_path / "gone") / "data" / "leads.csv").unlink()
    engagement(tmp_path / "quiet")
    assert names(select(read_plan(tmp_path), since=date(2100, 1, 1))) == ["broken", "database", "gone"]
