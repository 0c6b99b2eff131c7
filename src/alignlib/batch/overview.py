"""What does a batch say at its end: a page of all clients, a workbook of all findings, a report for machines?"""

import io
import json
import sys
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

from alignlib import __version__
from alignlib.batch.state import PLAN, REPORTED, STANDS, JobRecord, State, damaged_records, read_records
from alignlib.editions import RESULTS, recorded
from alignlib.errors import AlignError
from alignlib.files import inside, sha256, write_file
from alignlib.report import FORMATS, file_name
from alignlib.result import Finding, Record, Result, read_record, to_json
from alignlib.words import capital, count, count_spelled, day, legible, listed, number, spelled, tally

INDEX, FINDINGS, REPORT = "index.html", "findings.xlsx", "batch-report.json"
PORTFOLIO = ("portfolio.html", "portfolio.json")
FAILED_AS = {  # what stands over a problem of each class
    "data": "Data", "settings": "Settings", "notebook": "Notebook", "memory": "Out of memory", "time": "Out of time",
    "disk": "Disk", "process": "Process ended", "leak": "Would have named a person", "interrupted": "Interrupted",
}  # fmt: skip
_STATES: dict[State, str] = {"done": "Done", "skipped": "Unchanged", "failed": "Failed", "not started": "Not started"}
_DAMAGED = "Record damaged"
_WHY_DAMAGED = (
    "What stands in its folder is not what the audit recorded, so no figure is taken from it. "
    "Remove the folder and run the batch again."
)
_NOT_JUDGED = "Not judged is not “no problem”: each report says what it left out."
_AS_IT_WAS = "A failed audit publishes nothing; an earlier one of that client stands as it was."
_AGAIN = "Run the batch again: what stands is not done twice."
_OPENED = {name: name.rpartition(".")[2].upper() for name in map(file_name, FORMATS)} | {RESULTS: "JSON"}
_UNITS = {"figure": "", "seconds": "seconds", "MB": "MB"}  # of columns that a report's workbook has not
_FINDINGS = (("Client", "text"), ("Engagement", "text"), ("Diagnostic", "text"), ("Key", "text"), ("Level", "text"),
             ("Finding", "text"), ("Value", "figure"), ("From", "figure"), ("To", "figure"), ("Unit", "text"),
             ("n", "count"), ("Method", "text"), ("Play", "text"), ("Report", "text"))  # fmt: skip
_JOBS = (("Client", "text"), ("Engagement", "text"), ("State", "text"), ("What failed", "text"), ("Problem", "text"),
         ("Code", "text"), ("Notebook", "text"), ("Cell", "count"), ("More problems", "count"),
         ("Not delivered", "text"), ("Verdict", "text"), ("Attempts", "count"), ("Time", "seconds"),
         ("CPU", "seconds"), ("Peak", "MB"), ("Folder", "text"), ("Job", "text"), ("Fingerprint", "text"))  # fmt: skip
_NAMED = "It names every client: it is for your own house."


class Row(NamedTuple):
    """What does the page say of one job? ``where`` is the notebook and cell that failed; links: name, address."""

    client: str
    engagement: str
    state: str
    headline: str
    detail: str
    where: str = ""
    note: str = ""
    links: tuple[tuple[str, str], ...] = ()


class Group(NamedTuple):
    """Which jobs stand together, under which title? ``id`` says how their rows look."""

    id: str
    kicker: str
    title: str
    rows: tuple[Row, ...]
    lead: str = ""


class Batch(NamedTuple):
    """Every planned job as it is reported, the audits that stand (None: damaged), and what else must be told."""

    jobs: tuple[JobRecord, ...]
    audits: Mapping[str, Record | None]
    unreadable: tuple[str, ...]
    made_at: datetime

    @property
    def counts(self) -> dict[State, int]:
        return {state: sum(job.state == state for job in self.jobs) for state in REPORTED}

    @property
    def damaged(self) -> list[str]:
        return [name for name, audit in self.audits.items() if audit is None]


def write_overview(out: Path, records: Sequence[JobRecord], plan_names: Sequence[str], made_at: datetime) -> list[Path]:
    """Which files tell what became of the planned jobs of the batch in ``out``?

    ``batch-report.json``, ``findings.xlsx``, ``index.html`` (both name the clients) and, where five clients or more
    define a figure alike, the portfolio, in which clients have numbers. ``plan_names`` are the jobs' names; each is
    told as done, failed, skipped or not started: so is one without a record, or that was interrupted. Figures are taken
    only from a ``results.json`` that is the one its audit recorded. Equal records make equal bytes but for ``made_at``,
    which bears its zone. Raises AlignError (E-WRITE).
    """
    jobs = reported(records, plan_names)
    audits = {job.job: audit_of(out, job) for job in jobs if job.state in STANDS}
    known, planned = {record.job for record in records}, set(plan_names)
    unreadable = tuple(name for name in damaged_records(out) if name in planned - known)
    batch = Batch(jobs, audits, unreadable, made_at)
    shared, without = _portfolio([audit for audit in audits.values() if audit])
    made: dict[str, bytes | str] = {REPORT: _report(batch), FINDINGS: _workbook(batch), **shared}
    for name in set(PORTFOLIO) - set(shared):  # of a run in which more clients stood
        inside(out, name).unlink(missing_ok=True)
    made[INDEX] = _index(out, batch, without)
    return [write_file(out / name, content) for name, content in made.items()]


def reported(records: Sequence[JobRecord], plan_names: Sequence[str]) -> tuple[JobRecord, ...]:
    """How is each planned job told, in the order of the plan: done, failed, skipped or not started?

    >>> [job.state for job in reported([], ["acme-1f2e3d4c"])]
    ['not started']
    """
    known = {record.job: record for record in records}
    blank = {name: JobRecord(job=name, engagement=name.rpartition("-")[0] or name, state="not started", attempt=0)
             for name in plan_names}  # fmt: skip
    found = (known.get(name, none) for name, none in blank.items())
    return tuple(job if job.state in REPORTED else job.model_copy(update={"state": "not started"}) for job in found)


def audit_of(out: Path, job: JobRecord) -> Record | None:
    """What does the audit of this job say? None when it is not, byte for byte, what the audit recorded of itself.

    Of exhibits only those remain that the portfolio reads: hundreds of whole records would fill the memory.
    """
    try:
        folder = inside(out, job.folder or "")
        path = inside(folder, RESULTS)
        record, is_as_recorded = read_record(path), recorded(folder).get("files", {}).get(RESULTS) == sha256(path)
    except (AlignError, OSError):
        return None
    is_theirs = job.client is None or legible(record.client) == job.client
    if not (is_as_recorded and is_theirs):
        return None
    return record.model_copy(update={"results": {name: _lighter(result) for name, result in record.results.items()}})


def _lighter(result: Result) -> Result:
    kept = [exhibit for exhibit in result.exhibits if exhibit.key == "survey.blocks"]
    return result.model_copy(update={"exhibits": kept, "row_counts": [], "basis": [], "caveats": []})


def _portfolio(audits: Sequence[Record]) -> tuple[dict[str, str], str]:
    """The files of the portfolio, or why there are none."""
    from alignlib.portfolio import PARTS, page, portfolio

    try:
        record = portfolio(audits) if audits else None
        if record and any(record.results[part].exhibits for part in PARTS):
            return dict(zip(PORTFOLIO, (page(record), to_json(record)), strict=True)), ""
    except (ArithmeticError, RuntimeError, ValueError) as error:  # figures that no audit has: one client, not the batch
        return {}, f"There is no portfolio: it could not be worked out ({type(error).__name__})."
    return {}, "There is no portfolio: it takes five clients that define a figure alike."


def _report(batch: Batch) -> str:
    said = {
        "kit_version": __version__, "made_at": batch.made_at.isoformat(timespec="seconds"), "planned": len(batch.jobs),
        "counts": batch.counts, "damaged_audits": batch.damaged, "unreadable_job_records": list(batch.unreadable),
        "jobs": [job.as_data() for job in batch.jobs],
    }  # fmt: skip
    return json.dumps(said, ensure_ascii=False, indent=1) + "\n"


# --- the page ---------------------------------------------------------------------------------------------------------


def _index(out: Path, batch: Batch, without: str) -> str:
    """The page of all clients, with the stylesheet and the policy of the reports."""
    from alignlib.report import html
    from alignlib.report.brand import PLAIN

    templates = html.templates()
    style = "".join(templates.get_template(name).render(brand=PLAIN) for name in ("report.css", "batch.css"))
    made_at = f"{day(batch.made_at.date())}, {batch.made_at:%H:%M %Z}".rstrip()
    files = {
        FINDINGS: "every finding of every client, to filter",
        **({} if without else {PORTFOLIO[0]: "what the clients have in common, without their names"}),
        REPORT: "what became of each job, for machines",
    }
    page = templates.get_template("batch.html.j2").render(
        brand=PLAIN, style=html.Inlined(style), style_hash=html.policy_hash(style), title=_title(batch),
        tally=_tally(batch),
        groups=_groups(out, batch), unreadable=batch.unreadable, made_at=made_at, version=__version__, files=files,
        without=without,
    )  # fmt: skip
    return page.strip() + "\n"


def _title(batch: Batch) -> str:
    """How did it go, in one sentence?"""
    n, counts = len(batch.jobs), batch.counts
    bad = [(counts["failed"], "failed", "failed"), (len(batch.damaged), "is damaged", "are damaged"),
           (counts["not started"], "was not started", "were not started")]  # fmt: skip
    said = [f"{spelled(k)} {many if k > 1 else one}" for k, one, many in bad if k]
    if not n:
        return "No audit was planned"
    if said:
        first, _, rest = said[0].partition(" ")
        said[0] = f"{capital(first)} of {count_spelled(n, 'audit')} {rest}" if n > 1 else f"The one audit {rest}"
    else:
        said = [f"All {count_spelled(n, 'audit')} stand" if n > 1 else "The one audit stands"]
    act = sum(_calls(audit) for audit in batch.audits.values() if audit)
    return listed(said) + (f"; {spelled(act)} {'call' if act > 1 else 'calls'} for action" if act else "")


def _tally(batch: Batch) -> str:
    counts = {state: number(n) for state, n in batch.counts.items()}
    return (f"{counts['done']} done, {counts['skipped']} unchanged and skipped, {counts['failed']} failed, "
            f"{counts['not started']} not started: {number(len(batch.jobs))} planned.")  # fmt: skip


def _calls(audit: Record) -> bool:
    """Has it something to act on?"""
    return any(finding.level == "act" for finding in findings_of(audit))


def findings_of(audit: Record) -> list[Finding]:
    """Which findings has an audit, each once, in the order in which the audit ranks them?"""
    found: dict[str, Finding] = {}
    for result in sorted(audit.results.values(), key=lambda result: result.diagnostic != "audit"):
        for finding in result.findings:
            found.setdefault(finding.key, finding)
    return list(found.values())


def _groups(out: Path, batch: Batch) -> list[Group]:
    """What failed, then what calls for action, then the rest, each by the name of the client; none is empty."""
    rows: dict[str, list[Row]] = {"failed": [], "act": [], "rest": [], "waiting": []}
    for job in sorted(batch.jobs, key=lambda job: (_client(job, batch).casefold(), job.job)):
        name, row = _row(out, job, batch)
        rows[name].append(row)
    n, failed, damaged = {name: len(found) for name, found in rows.items()}, batch.counts["failed"], len(batch.damaged)
    bad = [f"{count_spelled(failed, 'audit')} failed"] * (failed > 0)
    bad += [f"{count_spelled(damaged, 'record')} {'is' if damaged == 1 else 'are'} damaged"] * (damaged > 0)
    titles = {
        "failed": ("To mend first", listed(bad), _AS_IT_WAS),
        "act": ("To act on", f"{_audits(n['act'], 'calls', 'call')} for action", ""),
        "rest": ("The rest", f"{_audits(n['rest'], 'calls', 'call')} for no action", _NOT_JUDGED),
        "waiting": ("To run", f"{_audits(n['waiting'], 'was', 'were')} not started", _AGAIN),
    }  # fmt: skip
    told = ((name, *titles[name], tuple(found)) for name, found in rows.items() if found)
    return [Group(name, kicker, capital(title), shown, lead) for name, kicker, title, lead, shown in told]


def _audits(n: int, one: str, many: str) -> str:
    return f"{count_spelled(n, 'audit')} {one if n == 1 else many}"


def _row(out: Path, job: JobRecord, batch: Batch) -> tuple[str, Row]:
    """In which group does a job stand, and what is said of it there?"""
    if job.state == "failed":
        return "failed", _failed(out, job)
    if job.state == "not started":
        return "waiting", _waiting(job)
    audit = batch.audits[job.job]
    if audit is None:
        return "failed", Row(_client(job, batch), job.engagement, _DAMAGED, "", _WHY_DAMAGED)
    return "act" if _calls(audit) else "rest", _standing(out, job, audit)


def _client(job: JobRecord, batch: Batch) -> str:
    """By which name is a client known? By that of its audit; where there is none, of its settings or its folder."""
    audit = batch.audits.get(job.job)
    return audit.client if audit else job.client or job.engagement


def _failed(out: Path, job: JobRecord) -> Row:
    problem, log = job.problem, f"private/logs/{job.job}-{job.attempt}.log"
    if problem is None:
        raise ValueError("a failed job says why")
    cell = "" if problem.cell is None else f"cell {number(problem.cell)}"
    code = "" if problem.code in problem.sentence else problem.code
    more = f"and {count_spelled(job.more, 'more problem')}" if job.more else ""
    return Row(
        job.client or job.engagement, job.engagement, FAILED_AS[problem.kind], "", problem.sentence,
        where=", ".join(filter(None, (problem.notebook, cell))), links=_links(out, "", {log: "Log"}),
        note=", ".join(filter(None, (code, more))),
    )  # fmt: skip


def _waiting(job: JobRecord) -> Row:
    said = (
        job.problem.sentence if job.problem else "It was begun and interrupted." if job.attempt else "It was not begun."
    )
    return Row(job.client or job.engagement, job.engagement, _STATES[job.state], "", said)


def _standing(out: Path, job: JobRecord, audit: Record) -> Row:
    headline = audit.results["audit"].headline if "audit" in audit.results else job.headline or ""
    found = findings_of(audit)
    said = [f"{first.title}." for first in found[:1] if first.level == "act" and first.title != headline]
    said += [f"{tally([finding.level for finding in found])}."]
    said += [f"Not delivered: {each}" for each in job.undelivered]
    return Row(audit.client, job.engagement, _STATES[job.state], headline, "\n".join(said),
               links=_links(out, f"{job.folder}/", _OPENED))  # fmt: skip


def _links(out: Path, folder: str, names: Mapping[str, str]) -> tuple[tuple[str, str], ...]:
    """Which of these files are there: what each is called, and its address from the page."""
    return tuple((name, quote(folder + file)) for file, name in names.items() if (out / folder / file).is_file())


# --- the workbook -----------------------------------------------------------------------------------------------------


def _workbook(batch: Batch) -> bytes:
    """Every finding of every audit that stands, and every job: figures as figures, all else as text."""
    from alignlib.report import sheets, xlsx
    from alignlib.report.cells import open_book

    when, as_of = day(batch.made_at.date()), batch.made_at.date().isoformat()
    stands_for = Record(  # of it a workbook takes the day and the version
        kit_version=__version__, client="", period_start=as_of, period_end=as_of, as_of=as_of, currency="",
        settings_sha256="", thresholds_lock="", results={},
    )  # fmt: skip
    out, title = io.BytesIO(), f"{count(len(batch.jobs), 'audit')}: {_tally(batch)}"
    book = open_book(out, "Findings of a batch of alignment audits", stands_for)
    findings = sheets.Sheet("Findings", "Every finding of every client", (_NAMED,), _FINDINGS, tuple(_findings(batch)))
    jobs = sheets.Sheet("Jobs", title, (_NAMED,), _JOBS, tuple(_job(job, batch) for job in batch.jobs))
    listing = [(findings, "One row a finding, as the audits rank them"), (jobs, "One row a job: what became of it")]
    contents = sheets.Sheet(
        sheets.CONTENTS, title, (f"Made {when} with alignlib {__version__}. {_NAMED}", *_reading()),
        (("Sheet", "text"), ("What it holds", "text"), ("Rows", "count")),
        tuple((sheets.Cell(s.name, link=s.name if s.rows else ""), sheets.Cell(what), sheets.Cell(len(s.rows), "count"))
              for s, what in listing),
    )  # fmt: skip
    units = {unit: name for unit, (name, _) in xlsx.UNITS.items()} | _UNITS
    page = sheets.Page("Batch of alignment audits", f"Made {when}", f"alignlib {__version__}", "a4")
    style = cache(lambda **look: book.add_format({"valign": "top", **look}))
    for sheet in (contents, *(sheet for sheet, _ in listing if sheet.rows)):
        sheets.write(book.add_worksheet(sheet.name), sheet, units, "", page, style)
    book.close()
    return out.getvalue()


def _reading() -> tuple[str, ...]:
    return (
        "From and To hold an interval, of 95 % unless Method says otherwise. A share is held as 0 to 1, a difference "
        "of shares in percentage points, money in whole units of the currency that Unit names.",
        "An empty cell is no figure: withheld, not recorded or not judged. It is not zero. Figures show as the reports "
        "print them; the cell holds more digits.",
    )


def _findings(batch: Batch) -> Iterator[tuple[Any, ...]]:
    from alignlib.report.sheets import Cell
    from alignlib.report.xlsx import UNITS
    from alignlib.resources import plays

    known = {play.id: f"{play.id} {play.title}" for play in plays().values()}
    for job in batch.jobs:
        audit = batch.audits.get(job.job)
        if audit is None:
            continue
        for f in findings_of(audit):
            m, is_money = f.measure, f.measure.unit == "money"
            ends = (end / 100 if end is not None and is_money else end for end in (m.value, m.low, m.high))
            texts = (audit.client, job.engagement, f.key.partition(".")[0], f.key)
            unit = audit.currency if is_money else UNITS[m.unit][0]
            yield (
                *map(Cell, texts), Cell(capital(f.level), "level"), Cell(f.title),
                *(Cell(end, "count" if is_money else m.unit) for end in ends), Cell(unit), Cell(m.n, "count"),
                Cell(m.method), Cell(known.get(f.play or "", f.play)), Cell(f"{job.folder}/{file_name('html')}"),
            )  # fmt: skip


def _job(job: JobRecord, batch: Batch) -> tuple[Any, ...]:
    from alignlib.report.sheets import Cell

    problem, is_damaged = job.problem, job.job in batch.damaged
    audit = batch.audits.get(job.job)
    verdict = audit.results["audit"].headline if audit and "audit" in audit.results else None
    texts = (_client(job, batch), job.engagement, _DAMAGED if is_damaged else _STATES[job.state])
    used = ((job.seconds, "seconds"), (job.cpu_seconds, "seconds"), (round(job.peak_mb), "MB"))
    failed = (FAILED_AS[problem.kind], problem.sentence, problem.code, problem.notebook) if problem else ("",) * 4
    return (
        *map(Cell, (*texts, *failed)),
        Cell(problem.cell if problem else None, "count"), Cell(job.more or None, "count"),
        Cell("; ".join(job.undelivered)), Cell(verdict), Cell(job.attempt, "count"),
        *(Cell(spent if job.attempt else None, unit) for spent, unit in used),
        *map(Cell, (job.folder, job.job, (job.fingerprint or "")[:12])),
    )  # fmt: skip


def main() -> None:
    """Which batch is looked over? That in the folder named first, at the time named second; problems go to stdout."""
    out, made_at = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    try:
        planned = [job["job"] for job in json.loads((out / PLAN).read_text(encoding="utf-8"))["jobs"]]
        write_overview(out, read_records(out), planned, made_at)
    except AlignError as error:
        sys.exit(print(json.dumps([vars(problem) for problem in error.problems])) or 1)


if __name__ == "__main__":
    main()
