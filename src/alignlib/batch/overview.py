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
from alignlib.batch.state import REPORTED, STANDS, JobRecord, State, reported, what_became
from alignlib.editions import RESULTS, recorded
from alignlib.errors import AlignError
from alignlib.files import inside, sha256, write_file
from alignlib.report import FORMATS, file_name
from alignlib.result import Finding, Record, Result, read_record, to_json
from alignlib.words import capital, count, day, legible, number, of, tally

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
_GROUPS = {  # what stands above the title of each (of one, the mark of its level), the title, what is said below
    "failed": ("To mend first", "Failed or damaged",
               "A failed audit publishes nothing; an earlier one of that client stands as it was."),
    "act": ("", "With something to act on", ""),
    "rest": ("The rest", "With nothing to act on",
             "Not judged is not “no problem”: each report says what it left out."),
    "waiting": ("To run", "Not started", "Run the batch again: what stands is not done twice."),
}  # fmt: skip
_OPENED = {name: name.rpartition(".")[2].upper() for name in map(file_name, FORMATS)} | {RESULTS: "JSON"}
_FINDINGS = (("Client", "text"), ("Engagement", "text"), ("Diagnostic", "text"), ("Key", "text"), ("Level", "text"),
             ("Finding", "text"), ("Value", "figure"), ("From", "figure"), ("To", "figure"), ("Unit", "text"),
             ("n", "count"), ("Method", "text"), ("Play", "text"), ("Report", "text"))  # fmt: skip
_READING = (
    "From and To hold an interval, of 95 % unless Method says otherwise. A share is held as 0 to 1, a difference of "
    "shares in percentage points, money in whole units of the currency that Unit names.",
    "An empty cell is no figure: withheld, not recorded or not judged. It is not zero. Figures show as the reports "
    "print them; the cell holds more digits.",
)
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
    """Every planned job as it is reported, and the audits that stand (None: damaged)."""

    jobs: tuple[JobRecord, ...]
    audits: Mapping[str, Record | None]
    made_at: datetime

    @property
    def counts(self) -> dict[State, int]:
        return {state: sum(job.state == state for job in self.jobs) for state in REPORTED}

    @property
    def damaged(self) -> list[str]:
        return [name for name, audit in self.audits.items() if audit is None]


def write_overview(out: Path, records: Sequence[JobRecord], made_at: datetime) -> list[Path]:
    """Which files tell what became of the planned jobs of the batch in ``out``, of each of which this is the record?

    ``batch-report.json``, ``findings.xlsx``, ``index.html`` (both name the clients) and, where five clients or more
    define a figure alike, the portfolio, in which clients have numbers. Each job is told as done, failed, skipped or
    not started: so is one that was interrupted. Figures are taken only from a ``results.json`` that is the one its
    audit recorded. Equal records make equal bytes but for ``made_at``, which bears its zone. Raises AlignError
    (E-WRITE).
    """
    jobs = tuple(record.model_copy(update={"state": reported(record)}) for record in records)
    audits = {job.job: audit_of(out, job) for job in jobs if job.state in STANDS}
    batch = Batch(jobs, audits, made_at)
    shared, without = _portfolio([audit for audit in audits.values() if audit])
    made: dict[str, bytes | str] = {REPORT: _report(batch), FINDINGS: _workbook(batch), **shared}
    for name in set(PORTFOLIO) - set(shared):  # of a run in which more clients stood
        inside(out, name).unlink(missing_ok=True)
    made[INDEX] = _index(out, batch, without)
    return [write_file(out / name, content) for name, content in made.items()]


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
    if not is_as_recorded or legible(record.client) != job.client:
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
        "counts": batch.counts, "damaged_audits": batch.damaged, "jobs": [job.as_data() for job in batch.jobs],
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
        tally=_tally(batch), groups=_groups(out, batch), made_at=made_at, version=__version__, files=files,
        without=without,
    )  # fmt: skip
    return page.strip() + "\n"


def _title(batch: Batch) -> str:
    """How did it go, in one sentence?"""
    standing = [audit for audit in batch.audits.values() if audit]
    stand, act = of(len(standing), len(batch.jobs)), number(sum(map(_calls, standing)))
    return f"{stand} audits stand, {act} with something to act on"


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
    rows: dict[str, list[Row]] = {name: [] for name in _GROUPS}
    for job in sorted(batch.jobs, key=lambda job: (job.called.casefold(), job.job)):
        name, row = _row(out, job, batch)
        rows[name].append(row)
    return [Group(name, kicker, f"{title}: {number(len(rows[name]))}", tuple(rows[name]), lead)
            for name, (kicker, title, lead) in _GROUPS.items() if rows[name]]  # fmt: skip


def _row(out: Path, job: JobRecord, batch: Batch) -> tuple[str, Row]:
    """In which group does a job stand, and what is said of it there?"""
    client, audit = job.called, batch.audits.get(job.job)
    if audit:
        return "act" if _calls(audit) else "rest", _standing(out, job, audit)
    if problem := job.problem:
        place = [problem.notebook] * bool(problem.notebook) + [f"cell {problem.cell}"] * (problem.cell is not None)
        links = _links(out, "", {f"private/logs/{job.job}-{job.attempt}.log": "Log"})
        more = f"Other problems: {number(job.more)}" if job.more else ""
        return "failed", Row(client, job.engagement, FAILED_AS[problem.kind], "", problem.sentence, ", ".join(place),
                             more, links)  # fmt: skip
    if job.state == "not started":
        said = "It was begun and interrupted." if job.attempt else "It was not begun."
        return "waiting", Row(client, job.engagement, _STATES[job.state], "", said)
    return "failed", Row(client, job.engagement, _DAMAGED, "", _WHY_DAMAGED)


def _standing(out: Path, job: JobRecord, audit: Record) -> Row:
    headline, found = audit.results["audit"].headline, findings_of(audit)
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
    """Every finding of every audit that stands: figures as figures, all else as text."""
    from alignlib.report import sheets, xlsx
    from alignlib.report.cells import open_book

    when, as_of = day(batch.made_at.date()), batch.made_at.date().isoformat()
    stands_for = Record(  # of it a workbook takes the day and the version
        kit_version=__version__, client="", period_start=as_of, period_end=as_of, as_of=as_of, currency="",
        settings_sha256="", thresholds_lock="", results={},
    )  # fmt: skip
    out = io.BytesIO()
    book = open_book(out, "Findings of a batch of alignment audits", stands_for)
    findings = sheets.Sheet("Findings", "Every finding of every client", (_NAMED,), _FINDINGS, tuple(_findings(batch)))
    link = findings.name if findings.rows else ""
    row = (sheets.Cell(findings.name, link=link), sheets.Cell("One row a finding, as the audits rank them"),
           sheets.Cell(len(findings.rows), "count"))  # fmt: skip
    contents = sheets.Sheet(
        sheets.CONTENTS, f"{count(len(batch.jobs), 'audit')}: {_tally(batch)}",
        (f"Made {when} with alignlib {__version__}. {_NAMED}", *_READING),
        (("Sheet", "text"), ("What it holds", "text"), ("Rows", "count")), (row,),
    )  # fmt: skip
    units = xlsx.UNITS | {"figure": ""}
    page = sheets.Page("Batch of alignment audits", f"Made {when}", f"alignlib {__version__}", "a4")
    style = cache(lambda **look: book.add_format({"valign": "top", **look}))
    for sheet in [contents, findings] if findings.rows else [contents]:
        sheets.write(book.add_worksheet(sheet.name), sheet, units, "", page, style)
    book.close()
    return out.getvalue()


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
            unit = audit.currency if is_money else UNITS[m.unit]
            yield (
                *map(Cell, texts), Cell(capital(f.level), "level"), Cell(f.title),
                *(Cell(end, "count" if is_money else m.unit) for end in ends), Cell(unit), Cell(m.n, "count"),
                Cell(m.method), Cell(known.get(f.play or "", f.play)), Cell(f"{job.folder}/{file_name('html')}"),
            )  # fmt: skip


def main() -> None:
    """Which batch is looked over? That in the folder named first, at the time named second; problems go to stdout."""
    out, made_at = Path(sys.argv[1]), datetime.fromisoformat(sys.argv[2])
    try:
        write_overview(out, what_became(out), made_at)
    except AlignError as error:
        sys.exit(print(json.dumps([vars(problem) for problem in error.problems])) or 1)


if __name__ == "__main__":
    main()
