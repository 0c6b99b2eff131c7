"""What a batch says at its end: counted by hand, hostile, damaged, and of each client nothing but its own."""

import json
import re
import shutil
import sys
import zipfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from html import unescape
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from pydantic import ValidationError

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from hostile import ALL, FORMULAS, LONG, MARKUP

from alignlib import portfolio
from alignlib.batch.overview import FINDINGS, INDEX, PORTFOLIO, REPORT, write_overview
from alignlib.batch.state import PLAN, Failure, JobRecord, damaged_records, read_records, what_became, write_record
from alignlib.files import sha256, write_file
from alignlib.report import cells
from alignlib.result import Finding, Level, Measure, Record, Result, read_record, to_json

WHEN = datetime(2026, 4, 30, 18, 5, tzinfo=UTC)
SHARE = Measure(value=0.45, unit="share", k=218, n=480, low=0.41, high=0.5, method="Wilson")
MONEY = Measure(value=-191_512_345, unit="money", low=-200_000_000, high=-150_000_000, method="multiplier bootstrap")
GAP = Measure(value=0.12, unit="pp", n=300, low=-0.01, high=0.25, method="Newcombe")


def finding(key: str, title: str, level: Level, measure: Measure = SHARE, play: str | None = None) -> Finding:
    return Finding(key=key, theme="handoff", title=title, detail="d", measure=measure, level=level, rule="r", play=play)


def record_of(client: str, findings: Sequence[Finding], headline: str = "The verdict") -> Record:
    results = {
        "funnel": Result(diagnostic="funnel", question="q", headline="h", summary="s",
                         findings=sorted(findings, key=lambda each: each.key), settings={"horizon_days": 90}),
        "audit": Result(diagnostic="audit", question="q", headline=headline, summary="s", findings=list(findings)),
    }  # fmt: skip
    return Record(kit_version="0", client=client, period_start="2025-01-01", period_end="2025-12-31", currency="EUR",
                  as_of="2026-04-30", settings_sha256=f"{sum(map(ord, client)) * 7919:064x}"[-64:], thresholds_lock="",
                  results=results)  # fmt: skip


def published(out: Path, job: str, record: Record, **told: Any) -> JobRecord:
    """A job whose audit stands, as the batch leaves it."""
    folder = f"clients/{job}/0123456789ab"
    (out / folder / "private").mkdir(parents=True)
    for name in ("report.html", "report.pdf", "report.xlsx"):
        (out / folder / name).write_text("a report")
    (out / folder / "results.json").write_text(to_json(record), encoding="utf-8")
    files = {"results.json": sha256(out / folder / "results.json")}
    (out / folder / "private" / "done.json").write_text(json.dumps({"files": files}))
    said = {"state": "done", "client": record.client, "headline": "from the job", "seconds": 3.25, "cpu_seconds": 2.5}
    said |= {"engagement": job.rpartition("-")[0]}
    return JobRecord(job=job, folder=folder, **(said | told))


def failed(job: str, sentence: str = "cell 4: KeyError", **told: Any) -> JobRecord:
    failure = Failure(kind="notebook", code="E-NOTEBOOK", notebook="funnel.ipynb", cell=4, sentence=sentence)
    return JobRecord(job=job, engagement=job.rpartition("-")[0], state="failed", problem=failure, **told)


ACT, GOOD = finding("funnel.first_touch", "Only 45 % in time", "act"), finding("funnel.won", "As agreed", "good")


def mixed(out: Path) -> list[JobRecord]:
    """Eight planned: two done, one skipped, two failed, one interrupted, one left running, one not begun."""
    return [
        published(out, "calm-00000001", record_of("Calm Co", [GOOD], "What could be judged is as agreed")),
        failed("aa-00000002", client="Zebra"),
        published(out, "busy-00000003", record_of("Busy Co", [ACT, GOOD])),
        JobRecord(job="cut-00000004", engagement="cut", state="interrupted", client="Cut Co"),
        published(out, "zz-00000005", record_of("again co", [ACT]), state="skipped"),
        failed("ant-00000006", more=2),
        JobRecord(job="dead-00000007", engagement="dead", state="running"),
        JobRecord(job="absent-00000008", engagement="absent", state="not started", attempt=0),
    ]  # fmt: skip


def overview(out: Path, records: Sequence[JobRecord]) -> str:
    write_overview(out, records, WHEN)
    return (out / INDEX).read_text(encoding="utf-8")


def said(markup: str) -> str:
    """What a person reads: no tags, one space."""
    return " ".join(unescape(re.sub(r"<[^>]*>", " ", markup)).replace("\u00a0", " ").split())


def sections(page: str) -> dict[str, list[str]]:
    """The rows of each section by its id, as a person reads them."""
    found = re.findall(r'<section id="(\w+)".*?</section>', page, re.S)
    bodies = re.findall(r'<section id="\w+".*?<tbody>(.*?)</tbody>', page, re.S)
    return {
        name: [said(row) for row in re.findall(r"<tr>.*?</tr>", body, re.S)]
        for name, body in zip(found, bodies, strict=True)
    }


def sheet(out: Path, name: str) -> list[dict[str, Any]]:
    table = openpyxl.load_workbook(out / FINDINGS)[name]
    head = int(table.freeze_panes.removeprefix("A")) - 1
    names = [cell.value for cell in table[head]]
    return [dict(zip(names, row, strict=False)) for row in table.iter_rows(min_row=head + 1, values_only=True)]


# --- records of jobs --------------------------------------------------------------------------------------------------


def test_a_record_comes_back_as_it_was_written_with_its_class_by_name(tmp_path: Path) -> None:
    records = [failed("b-00000002", more=1), JobRecord(job="a-00000001", engagement="a", state="running", peak_mb=1.5)]
    for record in records:
        path = write_record(tmp_path, record)
    assert read_records(tmp_path) == sorted(records, key=lambda record: record.job)
    assert json.loads((path.parent / "b-00000002.json").read_text())["problem"]["class"] == "notebook"
    assert path.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("text", [
    "", "{", "[]", '{"job": "b-00000002"}', '{"job": "a-00000001", "engagement": "a", "state": "failed"}',
    '{"job": "a-00000001", "engagement": "a", "state": "running", "more": "\\ud800"}', "[" * 100_000, "\x00\xff",
    '{"job": "a-00000001", "engagement": "a", "state": "lost"}',
    '{"job": "other-00000001", "engagement": "a", "state": "running"}',
])  # fmt: skip
def test_a_record_that_cannot_be_read_is_as_none_and_is_named(text: str, tmp_path: Path) -> None:
    whole = JobRecord(job="b-00000002", engagement="b", state="running")
    path = write_record(tmp_path, whole).with_name("a-00000001.json")
    path.write_bytes(text.encode("latin-1"))
    assert read_records(tmp_path) == [whole]
    assert damaged_records(tmp_path) == ["a-00000001"]


@pytest.mark.parametrize("told", [
    {"state": "failed"}, {"state": "done"}, {"state": "skipped"},
    {"seconds": float("nan")}, {"surprise": 1},
])  # fmt: skip
def test_a_record_that_says_less_or_more_than_it_must_is_refused(told: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        JobRecord(**({"job": "a-00000001", "engagement": "a", "state": "running"} | told))


def test_a_file_name_that_is_no_text_still_makes_a_record(tmp_path: Path) -> None:
    write_record(tmp_path, failed("a-00000001", sentence="leads\udcff.csv: cannot be read"))
    problem = read_records(tmp_path)[0].problem
    assert problem is not None and problem.sentence == "leads\ufffd.csv: cannot be read"


# --- counts and order -------------------------------------------------------------------------------------------------


def test_every_planned_job_is_told_once_and_the_sums_agree(tmp_path: Path) -> None:
    records = mixed(tmp_path)
    page = overview(tmp_path, records)
    report = json.loads((tmp_path / REPORT).read_text(encoding="utf-8"))
    assert report["counts"] == {"done": 2, "failed": 2, "skipped": 1, "not started": 3}
    assert report["planned"] == 8 == sum(report["counts"].values())
    assert [job["job"] for job in report["jobs"]] == [record.job for record in records]
    assert {state: sum(job["state"] == state for job in report["jobs"]) for state in report["counts"]} == report[
        "counts"
    ]
    assert "2 done, 1 unchanged and skipped, 2 failed, 3 not started: 8 planned." in said(page)
    assert sum(map(len, sections(page).values())) == 8


def test_failures_come_first_then_what_calls_for_action_then_the_rest_each_by_name(tmp_path: Path) -> None:
    found = sections(overview(tmp_path, mixed(tmp_path)))
    assert list(found) == ["failed", "act", "rest", "waiting"]
    begins = {name: [" ".join(row.split()[:2]) for row in rows] for name, rows in found.items()}
    assert begins == {
        "failed": ["ant Notebook", "Zebra aa"], "act": ["again co", "Busy Co"], "rest": ["Calm Co"],
        "waiting": ["absent Not", "Cut Co", "dead Not"],
    }  # fmt: skip


def test_a_row_says_what_became_of_its_job(tmp_path: Path) -> None:
    found = sections(overview(tmp_path, mixed(tmp_path)))
    assert found["failed"][0] == ("ant Notebook funnel.ipynb, cell 4 cell 4: KeyError Other problems: 2 No file")
    assert found["act"][1] == (
        "Busy Co busy Done The verdict Only 45 % in time. One finding calls for action and one is as agreed. "
        "HTML , Busy Co PDF , Busy Co XLSX , Busy Co JSON , Busy Co"
    )
    assert "Unchanged" in found["act"][0]
    assert found["rest"][0].startswith("Calm Co calm Done What could be judged is as agreed One finding is as agreed.")
    assert [row.split("started ")[1] for row in found["waiting"]] == [
        "It was not begun.", "It was begun and interrupted.", "It was begun and interrupted.",
    ]  # fmt: skip


def test_the_log_of_a_failed_job_and_what_was_not_delivered_are_found(tmp_path: Path) -> None:
    (tmp_path / "private/logs").mkdir(parents=True)
    (tmp_path / "private/logs/a-00000001-2.log").write_text("x")
    undelivered = ("the PDF could not be made (PanicException). [E-MAKE]",)
    whole = published(tmp_path, "b-00000002", record_of("B", [GOOD]), undelivered=undelivered)
    page = overview(tmp_path, [failed("a-00000001", attempt=2), whole])
    assert 'href="private/logs/a-00000001-2.log"' in page
    assert "Not delivered: the PDF could not be made (PanicException). [E-MAKE]" in sections(page)["rest"][0]


@pytest.mark.parametrize(("states", "title"), [
    ("", "0 of 0 audits stand, 0 with something to act on"), ("ggg", "3 of 3 audits stand, 0 with something to act on"),
    ("faagn", "3 of 5 audits stand, 2 with something to act on"),
    ("dfn", "0 of 3 audits stand, 0 with something to act on"),
])  # fmt: skip
def test_the_title_says_how_it_went(states: str, title: str, tmp_path: Path) -> None:
    records = []
    for i, state in enumerate(states):
        name = f"{state}-{i:08d}"
        if state == "f":
            records.append(failed(name))
        elif state == "n":
            records.append(JobRecord(job=name, engagement=name, state="not started", attempt=0))
        else:
            records.append(published(tmp_path, name, record_of(name, [ACT if state == "a" else GOOD])))
        if state == "d":
            (tmp_path / str(records[-1].folder) / "results.json").write_text("{")
    page = overview(tmp_path, records)
    assert said(page.partition("<h1>")[2].partition("</h1>")[0]) == title
    counts = [states.count("f") + states.count("d"), *map(states.count, "agn")]
    assert re.findall(r'<h2 id="\w+-h">.*: (\d+)</h2>', page) == [str(count) for count in counts if count]


def test_what_is_known_of_each_planned_job_is_its_record_or_that_it_was_not_started(tmp_path: Path) -> None:
    assert what_became(tmp_path) == []
    plan = {"jobs": [{"job": name, "engagement": f"/e/{name[0]}"} for name in ("b-00000002", "a-00000001")]}
    write_file(tmp_path / PLAN, json.dumps(plan))
    write_record(tmp_path, whole := JobRecord(job="a-00000001", engagement="a", state="running"))
    write_record(tmp_path, JobRecord(job="c-00000003", engagement="of another plan", state="running"))
    assert what_became(tmp_path) == [
        JobRecord(job="b-00000002", engagement="b", state="not started", attempt=0), whole,
    ]  # fmt: skip


# --- what is damaged --------------------------------------------------------------------------------------------------


def spoil(out: Path, how: str) -> None:
    folder = out / "clients/a-00000001/0123456789ab"
    path = folder / "results.json"
    text = path.read_text(encoding="utf-8")
    if how == "cut":
        path.write_text(text[:200], encoding="utf-8")
    elif how == "changed":
        path.write_text(text.replace("0.45", "0.95"), encoding="utf-8")
        assert read_record(path).results["audit"].findings[0].measure.value == 0.95
    elif how == "missing":
        path.unlink()
    elif how == "no proof":
        (folder / "private/done.json").unlink()
    elif how == "of another client":
        shutil.rmtree(folder)
        shutil.copytree(out / "clients/b-00000002/0123456789ab", folder)
    elif how == "a link":
        target = out.parent / "elsewhere"
        shutil.move(folder, target)
        folder.symlink_to(target)


@pytest.mark.parametrize("how", ["cut", "changed", "missing", "no proof", "of another client", "a link"])
def test_no_figure_is_taken_from_a_record_that_is_not_what_its_audit_wrote(how: str, tmp_path: Path) -> None:
    out = tmp_path / "out"
    jobs = [published(out, f"{name.lower()}-0000000{i}", record_of(name, [ACT])) for i, name in ((1, "A"), (2, "B"))]
    spoil(out, how)
    page = overview(out, jobs)
    assert sections(page)["failed"][0].startswith("A a Record damaged What stands in its folder is not what")
    assert len(sections(page)["act"]) == 1
    assert [row["Client"] for row in sheet(out, "Findings")] == ["B"]
    assert json.loads((out / REPORT).read_text())["damaged_audits"] == ["a-00000001"]


@pytest.mark.parametrize("folder", ["..", "../other", "/etc", "clients/../../x", "\x00"])
def test_a_folder_that_leads_out_of_the_batch_is_not_opened(folder: str, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    published(tmp_path, "other-00000001", record_of("A", [ACT]))
    shutil.move(tmp_path / "clients/other-00000001/0123456789ab", tmp_path / "other")
    job = JobRecord(job="a-00000001", engagement="a", state="done", folder=folder)
    page = overview(tmp_path / "out", [job])
    assert "Record damaged" in page and "Only 45" not in page and 'href="/' not in page


# --- hostile text -----------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]


def hostile(out: Path, payloads: Sequence[str]) -> list[JobRecord]:
    """Each payload as the name of a client, its verdict and its finding; and as the sentence of a failure."""
    jobs = []
    for i, text in enumerate(payloads):
        name = f"h-{i:08d}"
        record = record_of(text or "-", [finding("funnel.first_touch", text, "act", play=text)], text)
        jobs.append(published(out, name, record, engagement=text, undelivered=(text,)))
        failure = Failure(kind="data", code=text, notebook=text, cell=1, sentence=text)
        jobs.append(JobRecord(job=f"f-{i:08d}", engagement=text, client=text, state="failed", problem=failure))
    return jobs


def test_nothing_that_a_client_wrote_comes_to_life_on_the_page(tmp_path: Path) -> None:
    text = overview(tmp_path, hostile(tmp_path, MARKUP))
    page = Page(text)
    allowed = {"html", "head", "meta", "title", "style", "body", "a", "div", "header", "span", "b", "p", "h1", "h2",
               "ul", "li", "main", "section", "svg", "rect", "path", "table", "caption", "thead", "tbody", "tr", "th",
               "td", "bdi", "footer"}  # fmt: skip
    assert set(page.tags) <= allowed and page.tags.count("meta") == 4 and page.tags.count("style") == 1
    assert not [name for name, _ in page.attributes if name.startswith("on") or name in ("src", "style", "action")]
    links = {value for name, value in page.attributes if name == "href"}
    assert len(links) == 4 * len(MARKUP) + 4
    assert all(link == "#main" or (tmp_path / link).is_file() or link in (INDEX, FINDINGS) for link in links)
    assert re.search(r"default-src 'none'; style-src 'sha256-[\w+/=]{44}'; base-uri 'none'; form-action 'none'", text)
    assert said(text).count("<script>pwned(1)</script>") > 50


def test_a_name_can_turn_neither_the_direction_nor_the_lines_of_what_follows(tmp_path: Path) -> None:
    text = overview(tmp_path, hostile(tmp_path, ["invoice\u202efdp.exe", "first\nsecond", "a\x00b", "\u2066x"]))
    assert not re.search("[\u202a-\u202e\u2066-\u2069\x00]", text)
    assert "invoice\ufffdfdp.exe" in text
    assert {row["Client"] for row in sheet(tmp_path, "Findings")} == {
        "invoice\ufffdfdp.exe", "first\nsecond", "a\ufffdb", "\ufffdx",
    }  # fmt: skip


def test_a_folder_with_odd_letters_is_linked_as_it_is(tmp_path: Path) -> None:
    (tmp_path / "clients/a-00000001").mkdir(parents=True)
    job = published(tmp_path, "b-00000002", record_of("B", [ACT]))
    odd = 'clients/a-00000001/50% "off" #1?<b>&é'
    shutil.move(tmp_path / str(job.folder), tmp_path / odd)
    page = overview(tmp_path, [job.model_copy(update={"folder": odd})])
    assert 'href="clients/a-00000001/50%25%20%22off%22%20%231%3F%3Cb%3E%26%C3%A9/report.pdf"' in page


def test_every_text_in_the_workbook_stays_text(tmp_path: Path) -> None:
    payloads = list(dict.fromkeys((*FORMULAS, *ALL)))
    write_overview(tmp_path, hostile(tmp_path, payloads), WHEN)
    with zipfile.ZipFile(tmp_path / FINDINGS) as archive:
        parts = {name: archive.read(name).decode() for name in archive.namelist()}
    found = "".join(text for name, text in parts.items() if name.startswith("xl/worksheets/sheet"))
    assert not re.search(r"<f[ >]", found) and "externalLink" not in "".join(parts)
    assert set(re.findall(r'<hyperlink [^>]*location="([^"]*)"', found)) == {
        "'Contents'!A1", "'Findings'!A1",
    }  # fmt: skip
    assert len(re.findall("<hyperlink ", found)) == 2 and "r:id" not in "".join(re.findall("<hyperlink [^>]*", found))
    rows = sheet(tmp_path, "Findings")
    assert len(rows) == len(payloads)
    for text, row in zip(payloads, rows, strict=True):
        assert (row["Finding"] or "") == cells.text(text), text
        assert row["Value"] == pytest.approx(0.45) and row["n"] == 480


# --- the workbook -----------------------------------------------------------------------------------------------------


def test_the_workbook_holds_one_row_a_finding_with_figures_as_figures(tmp_path: Path) -> None:
    known = [finding("funnel.worth", "Money", "unclear", MONEY), finding("funnel.gap", "Gap", "watch", GAP),
             finding("funnel.first_touch", "Touch", "act", play="P4")]  # fmt: skip
    job = published(tmp_path, "b-00000002", record_of("B", known))
    overview(tmp_path, [failed("a-00000001", client="A"), job])
    rows = sheet(tmp_path, "Findings")
    assert [(row["Client"], row["Engagement"], row["Diagnostic"], row["Key"], row["Level"]) for row in rows] == [
        ("B", "b", "funnel", "funnel.worth", "Unclear"), ("B", "b", "funnel", "funnel.gap", "Watch"),
        ("B", "b", "funnel", "funnel.first_touch", "Act"),
    ]  # fmt: skip
    assert [row["Unit"] for row in rows] == ["EUR", "percentage points", "share"]
    got = [[row[name] for name in ("Value", "From", "To", "n")] for row in rows]
    assert got[0] == pytest.approx([-1_915_123.45, -2_000_000, -1_500_000, None], nan_ok=True)
    assert got[1] == pytest.approx([12, -1, 25, 300]) and got[2] == pytest.approx([0.45, 0.41, 0.5, 480])
    assert rows[2]["Play"] == "P4 Handoff pact" and rows[2]["Method"] == "Wilson" and rows[0]["Play"] is None
    assert rows[2]["Report"] == "clients/b-00000002/0123456789ab/report.html"


def test_heads_stay_in_sight_are_filtered_and_no_column_is_squeezed(tmp_path: Path) -> None:
    overview(tmp_path, mixed(tmp_path))
    last = {"Contents": "C", "Findings": "N"}
    book = openpyxl.load_workbook(tmp_path / FINDINGS)
    assert book.sheetnames == list(last)
    for table in book:
        head = int(table.freeze_panes.removeprefix("A")) - 1
        assert table.auto_filter.ref == f"A{head}:{last[table.title]}{table.max_row}"
        assert all(7 <= column.width <= 91 for column in table.column_dimensions.values())
    assert [row["Rows"] for row in sheet(tmp_path, "Contents")] == [4]


def test_with_no_audit_at_all_there_is_still_a_page_and_a_workbook(tmp_path: Path) -> None:
    for jobs in ([failed("a-00000001")], []):
        overview(tmp_path, jobs)
        assert openpyxl.load_workbook(tmp_path / FINDINGS).sheetnames == ["Contents"]
        assert [row["Rows"] for row in sheet(tmp_path, "Contents")] == [0]


# --- one client and another -------------------------------------------------------------------------------------------


def canary(i: int) -> str:
    return f"Canary{chr(65 + i) * 6}"


def test_a_row_of_one_client_holds_nothing_of_another(tmp_path: Path) -> None:
    jobs = [published(tmp_path, f"{canary(i).lower()}-{i:08d}",
                      record_of(canary(i), [finding("funnel.first_touch", f"{canary(i)} in time", "act")], canary(i)))
            for i in range(6)]  # fmt: skip
    jobs += [failed(f"{canary(i).lower()}-{i:08d}", sentence=f"{canary(i)}.csv", client=canary(i)) for i in range(6, 9)]
    page = overview(tmp_path, jobs)
    rows = [row for found in sections(page).values() for row in found]
    rows += [json.dumps(row) for row in sheet(tmp_path, "Findings")]
    assert len(rows) == 9 + 6
    for row in rows:
        assert len({each.lower() for each in re.findall(r"(?i)canary([a-z])\1+", row)}) == 1, row
    for name in PORTFOLIO:
        assert "canary" not in (tmp_path / name).read_text(encoding="utf-8").lower()


def test_the_page_and_the_workbook_say_that_they_are_not_for_clients(tmp_path: Path) -> None:
    page = overview(tmp_path, mixed(tmp_path))
    assert "name every client. Share a client’s own report with that client, never these." in said(page)
    for table in openpyxl.load_workbook(tmp_path / FINDINGS):
        assert "It names every client: it is for your own house." in str(table["A2"].value)


# --- the portfolio ----------------------------------------------------------------------------------------------------


def standing(out: Path, n: int) -> list[JobRecord]:
    return [published(out, f"firm-{i:08d}", record_of(f"Firm {chr(65 + i)}", [ACT])) for i in range(n)]


def test_five_clients_make_a_portfolio_equal_to_that_of_their_records(tmp_path: Path) -> None:
    jobs = standing(tmp_path, 5)
    page = overview(tmp_path, jobs)
    made = read_record(tmp_path / "portfolio.json")
    whole = portfolio.portfolio([read_record(tmp_path / str(job.folder) / "results.json") for job in jobs])
    assert made.results["funnel"].exhibits[0] == whole.results["funnel"].exhibits[0]
    assert made.client == "Portfolio of 5 clients" and "There is no portfolio" not in page
    assert 'href="portfolio.html"' in page and "Firm A" not in (tmp_path / "portfolio.html").read_text(encoding="utf-8")


def test_with_fewer_clients_there_is_none_and_an_older_one_is_removed(tmp_path: Path) -> None:
    jobs = standing(tmp_path, 5)
    overview(tmp_path, jobs)
    page = overview(tmp_path, jobs[:4])
    assert not [name for name in PORTFOLIO if (tmp_path / name).exists()]
    assert "There is no portfolio: it takes five clients that define a figure alike." in said(page)
    assert 'href="portfolio.html"' not in page


def test_figures_that_no_portfolio_can_hold_cost_the_portfolio_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cannot(*_: object) -> Record:
        raise OverflowError("Firm A")

    monkeypatch.setattr(portfolio, "portfolio", cannot)
    page = overview(tmp_path, standing(tmp_path, 5))
    assert "There is no portfolio: it could not be worked out (OverflowError)." in said(page)
    assert len(sections(page)["act"]) == 5 == len(sheet(tmp_path, "Findings"))


# --- the same again ---------------------------------------------------------------------------------------------------


def contents(out: Path) -> dict[str, bytes]:
    return {path.name: path.read_bytes() for path in out.iterdir() if path.is_file()}


def test_equal_records_make_equal_bytes_but_for_the_time(tmp_path: Path) -> None:
    records = mixed(tmp_path) + standing(tmp_path, 5)
    written = write_overview(tmp_path, records, WHEN)
    once = contents(tmp_path)
    assert {path.name for path in written} == set(once) == {INDEX, FINDINGS, REPORT, *PORTFOLIO}
    write_overview(tmp_path, records, WHEN)
    assert contents(tmp_path) == once
    write_overview(tmp_path, records, WHEN.replace(hour=19))
    later = contents(tmp_path)
    for name in (INDEX, REPORT):
        assert later[name] != once[name]
        assert later[name].replace(b"19:05", b"18:05") == once[name]
    assert {name: later[name] for name in (FINDINGS, *PORTFOLIO)} == {
        name: once[name] for name in (FINDINGS, *PORTFOLIO)
    }


# --- in a browser -----------------------------------------------------------------------------------------------------


@pytest.fixture
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next((path for name in ("chromium", "google-chrome") if (path := shutil.which(name))), None)
    assert found, "Chromium is not installed"
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"], timeout=60_000)
        yield opened
        opened.close()


@pytest.mark.browser
def test_the_page_loads_nothing_runs_nothing_and_never_scrolls_sideways(browser: Any, tmp_path: Path) -> None:
    jobs = hostile(tmp_path, (LONG, *MARKUP))
    overview(tmp_path, jobs)
    page, seen = browser.new_page(), []
    page.on("request", lambda request: seen.append(request.url))
    page.on("dialog", lambda dialog: (seen.append(dialog.message), dialog.dismiss()))
    page.on("console", lambda message: seen.append(message.text))
    page.add_init_script("window.pwned = () => { window.__pwned = true }")
    for width in (1280, 390, 320):
        page.set_viewport_size({"width": width, "height": 900})
        page.goto((tmp_path / INDEX).as_uri(), timeout=60_000)
        assert page.evaluate("document.documentElement.scrollWidth") == width
        assert page.evaluate("getComputedStyle(document.querySelector('h1')).fontWeight") == "600"
        assert not page.evaluate("window.__pwned")
    assert seen == [(tmp_path / INDEX).as_uri()] * 3
