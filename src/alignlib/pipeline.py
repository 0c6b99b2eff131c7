"""One audit, from an engagement's folder to what the client gets: the only place that knows runs and report."""

import json
import os
import platform
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property, partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignlib import __version__, report
from alignlib.editions import DONE, RESULTS, Delivered, brand_of, enter, find_brand, given, recorded
from alignlib.engagement import Settings, lock_state, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import inside, make_folder, scratch_folder, sha256, write_file
from alignlib.intake.tables import Tables
from alignlib.preload import PRELOAD
from alignlib.release import safe_to_release
from alignlib.report.leaks import refuse
from alignlib.report.phrases import READERS
from alignlib.resources import resource
from alignlib.result import SEED, Record, Result, read_record, to_json
from alignlib.runs.children import Apart, Children, Step, at_once, write_line
from alignlib.runs.kernels import Warm
from alignlib.runs.notebook import stopped_at
from alignlib.words import masked

DIAGNOSTICS = ("survey", "content", "funnel")
LAST = len(DIAGNOSTICS) + 3  # steps of an audit
ENGINES = ("duckdb", "numpy", "pandas", "pyarrow", "scipy")  # what computes; the rest only draws, reads or writes
PREVIOUS = "previous.json"  # in a run's folder: the earlier audit it is compared with
Say = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """What does a notebook work on: the settings, the checked tables and the results so far?"""

    folder: Path
    settings: Settings
    open_tables: Callable[[], Tables] = field(repr=False)

    @cached_property
    def tables(self) -> Tables:
        """Which checked tables does it hold? Opened when they are first asked for: the audit reads results alone."""
        return self.open_tables()

    @cached_property
    def results(self) -> dict[str, Result]:
        """What did the three diagnostics say? Read from the run, or worked out now when it holds none."""
        from alignlib.diagnostics import content, funnel, survey

        found = {}
        for name, diagnostic in zip(DIAGNOSTICS, (survey, content, funnel), strict=True):
            found[name] = (_result(self.folder, name) if _result_file(self.folder, name).exists()
                           else diagnostic.diagnose(self.tables, self.settings))  # fmt: skip
        return found

    @cached_property
    def previous(self) -> Record | None:
        """Which earlier audit is this one compared with? None when there is none."""
        path = self.folder / PREVIOUS
        return read_record(path) if path.exists() else None


def load(run_dir: str = "", settings_sha256: str = "") -> Run:
    """Which settings and tables does this run hold? Without a folder: those of the sample company.

    Raises AlignError when the settings are not those the run was made for.
    """
    from alignlib.intake.snapshot import checked_run, open_run, prepare

    if run_dir:
        return Run(Path(run_dir), *checked_run(Path(run_dir), settings_sha256))
    from alignlib.samples import write_sample

    with scratch_folder() as scratch:
        folder = scratch / "run"
        prepare(write_sample(scratch / "engagement"), folder)
        settings, tables = open_run(folder)
        return Run(folder, settings, lambda: tables)


def run_audit(
    engagement: Path, out: Path, say: Say, seconds: float = 600, since: Path | None = None, apart: Apart = at_once,
    assure: Step = lambda: None,
) -> Delivered:  # fmt: skip
    """What does the audit of this engagement say, and what changed ``since`` the ``results.json`` of an earlier one?

    Writes the report in each format, under the ``brand.yml`` of the engagement or of the folder above, the work list of
    content, ``results.json`` and ``notebooks/`` to ``out``; ``say(step, number, of)`` is told what begins, ``seconds``
    limits each notebook. Only once every notebook ran and the rows balance is each file replaced whole, and what is
    left of an earlier audit removed, ``private/done.json`` last; on any failure AlignError is raised and an earlier
    audit is left as it was. A format that cannot be made is no such failure: it is told, and the others stand.
    ``apart`` runs the steps: here, in this process, or in children of it (``runs.children``), where notebooks need no
    kernel and no fault of a step reaches the next. ``assure`` is asked last before what is published is recorded.
    """
    settings, brand_file = read_engagement(engagement), find_brand(engagement)
    brand_of(brand_file)
    given(out)
    if since:
        _earlier(since, out, settings)
    run_dir = make_folder(out / "private", private=True) / "run"
    shutil.rmtree(run_dir, ignore_errors=True)
    make_folder(run_dir / "results", private=True)

    def prepared() -> None:
        from alignlib.intake.snapshot import prepare

        say("reading the files", 1, LAST)
        prepare(engagement, run_dir)
        if since:
            write_file(run_dir / PREVIOUS, to_json(_earlier(since, out, settings)), private=True)

    def finished() -> None:
        from alignlib.report import worklist

        say("writing the report", LAST, LAST)
        record = _record(engagement, run_dir, settings, sha256(since) if since else "")
        _balanced(record)
        _names_nobody(record)
        shared, problems = report.make(record, brand=brand_of(brand_file))
        if (listed := worklist.workbook(record)) is not None:
            shared[worklist.FILE] = listed
        shared[RESULTS], tables = to_json(record), load(str(run_dir)).tables
        refuse(shared, (engagement, out), record.client, tables.connection)
        assure()
        safe_to_release(engagement, tables, settings)
        _publish(out, run_dir, record, shared, brand_file, problems)

    def notebook(name: str, number: int) -> None:
        say(f"{name}.ipynb", number, LAST)
        _run(name, run_dir, settings, seconds, in_process=apart is not at_once)

    apart({"reading the files": prepared})
    with _told_by_cell(run_dir / "notebooks"):
        apart({f"{name}.ipynb": partial(notebook, name, number) for number, name in enumerate(DIAGNOSTICS, start=2)})
        apart({"audit.ipynb": partial(notebook, "audit", LAST - 1)})
    apart({"writing the report": finished})
    return delivered(out)


@contextmanager
def _told_by_cell(folder: Path) -> Iterator[None]:
    """A notebook that was ended from outside names the cell in which that happened."""
    try:
        yield
    except AlignError as error:
        problems = []
        for problem in error.problems:
            cell = stopped_at(folder / problem.where.replace(".ipynb", ".failed.ipynb"))
            is_told = not cell or problem.what.startswith("cell ")
            problems.append(problem if is_told else replace(problem, what=f"cell {cell}: {problem.what}"))
        raise AlignError(problems) from error


def audit_apart(
    engagement: Path, out: Path, say: Say, seconds: float = 600, since: Path | None = None, bytes_: int = 4 << 30
) -> Delivered:
    """What does the audit of this engagement say? As ``run_audit``, with each step in a fork of a warm process.

    The three diagnostics run side by side, everything is imported once, and no step takes more than ``bytes_``. Where
    no process can be forked, notebooks get ordinary kernels.
    """
    try:
        warm = Warm(PRELOAD)
        warm.ready()
    except AlignError as error:
        say(f"ordinary kernels are used, which takes several times longer: {error.problems[0].what}", 0, LAST)
        return run_audit(engagement, out, say, seconds, since)
    given = {"engagement": str(engagement), "out": str(out), "seconds": seconds, "bytes_": bytes_,
             "since": str(since) if since else None}  # fmt: skip
    problems: list[Problem] = []
    reading, writing = os.pipe()
    with os.fdopen(reading, encoding="utf-8") as told, warm:
        child = warm.fork("alignlib.pipeline:audit_in_fork", given, Path.cwd(), more=[writing])
        os.close(writing)
        for line in told:
            event = json.loads(line)
            if "problems" in event:
                problems = [Problem(**each) for each in event["problems"]]
            else:
                say(*event["say"])
        code = child.wait()
    if problems:
        raise AlignError(problems)
    if code:
        raise AlignError(Problem("E-FAULT", f"the process of this audit ended in the middle ({code})"))
    return delivered(out)


def audit_in_fork(given: dict[str, Any], descriptors: list[int]) -> int:
    """How does a fork audit? Each step in a child; it tells over a pipe what begins and what went wrong."""

    def say(*step: str | int) -> None:
        write_line(descriptors[0], {"say": step})

    since = Path(given["since"]) if given["since"] else None
    apart = Children(given["seconds"], bytes_=given["bytes_"], width=len(DIAGNOSTICS))
    try:
        run_audit(Path(given["engagement"]), Path(given["out"]), say, given["seconds"], since, apart)
    except AlignError as error:
        write_line(descriptors[0], {"problems": [vars(problem) for problem in error.problems]})
        return 1
    return 0


def _record(engagement: Path, run_dir: Path, settings: Settings, since_sha256: str) -> Record:
    """What the four notebooks found, with what it was worked out from and by."""
    from alignlib.audit.comparison import RULES

    results = {name: _result(run_dir, name) for name in (*DIAGNOSTICS, "audit")}
    return Record(
        kit_version=__version__, client=settings.client, synthetic=settings.synthetic,
        period_start=settings.period.start.isoformat(), period_end=settings.period.end.isoformat(),
        as_of=settings.as_of.isoformat(), currency=settings.currency, settings_sha256=settings.sha256(),
        thresholds_lock=lock_state(engagement, settings), results=results,
        versions={"python": platform.python_version(), **{name: version(name) for name in ENGINES}},
        timezone=settings.timezone, path=settings.funnel.path, seed=SEED, rules_sha256=settings.sha256(RULES),
        since_sha256=since_sha256,
    )  # fmt: skip


def _earlier(path: Path, out: Path, settings: Settings) -> Record:
    """Which earlier audit does this file hold? Only its words and figures are taken, checked against the schema.

    Raises AlignError: E-RESULT when it is no record, E-USE when it is of another client or not earlier than this audit,
    or when it would be written over.
    """
    record, where = read_record(path), path.name
    if path.resolve() == (out / "results.json").resolve():
        fix = "give --out another folder"
        raise AlignError(Problem("E-USE", "the earlier audit would be written over", where=where, fix=fix))
    if " ".join(record.client.split()) != " ".join(settings.client.split()):
        fix = "name the earlier audit of this client, or write the client's name in engagement.yml as it was then"
        raise AlignError(Problem("E-USE", "this is the audit of another client", where=where, fix=fix))
    if record.as_of >= settings.as_of.isoformat():
        what = f"it is as of {record.as_of}, and this audit as of {settings.as_of.isoformat()}"
        raise AlignError(
            Problem("E-USE", what, where=where, fix="name an earlier audit, or set as_of in engagement.yml")
        )
    return record


def _run(name: str, run_dir: Path, settings: Settings, seconds: float, in_process: bool) -> None:
    from alignlib.runs.notebook import run_notebook

    executed = run_dir / "notebooks" / f"{name}.ipynb"
    parameters = {"run_dir": str(run_dir.resolve()), "settings_sha256": settings.sha256()}
    result = run_notebook(
        resource("notebooks", f"{name}.ipynb"), executed, parameters, run_dir, seconds, in_process=in_process
    )
    if result.diagnostic != name:
        raise AlignError(Problem("E-RESULT", f"the result is of {result.diagnostic}, not of {name}", executed.name))
    write_file(_result_file(run_dir, name), to_json(result), private=True)


def _result_file(run_dir: Path, name: str) -> Path:
    return run_dir / "results" / f"{name}.json"


def _result(run_dir: Path, name: str) -> Result:
    return Result.model_validate_json(_result_file(run_dir, name).read_text(encoding="utf-8"))


def _names_nobody(record: Record) -> None:
    """May these words leave the house? Raises AlignError (E-LEAK) where one holds an e-mail address or a user's folder.

    What people type is masked where it becomes a label; this is the net below. The words themselves are not repeated.
    """
    what, fix = "an e-mail address or a person's folder would be printed", "rename it in the file, or leave the row out"
    found = [where for where, text in _texts(record.model_dump(mode="json"), "") if masked(text) != text]
    if problems := [Problem("E-LEAK", what, where=where, fix=fix) for where in dict.fromkeys(found)]:
        raise AlignError(problems[:20])


def _texts(said: Any, where: str) -> Iterator[tuple[str, str]]:
    """Every text in a record, names of fields included, and the path to it without any word of a client."""
    if isinstance(said, str):
        yield where, said
    elif isinstance(said, list):
        for i, each in enumerate(said):
            yield from _texts(each, f"{where}/{i}")
    elif isinstance(said, dict):
        for i, (name, each) in enumerate(said.items()):
            yield where, name
            yield from _texts(each, f"{where}/{name if name.isidentifier() else i}")


def _balanced(record: Record) -> None:
    what = "rows read are not rows used, rejected and excluded"
    counts = [count for result in record.results.values() for count in result.row_counts]
    if problems := [Problem("E-ROWS", what, where=count.file) for count in counts if not count.balances]:
        raise AlignError(problems)


def _publish(
    out: Path, run_dir: Path, record: Record, shared: report.Content, brand_file: Path | None,
    problems: Sequence[Problem],
) -> None:  # fmt: skip
    """Writes the files that tell this audit. What an earlier one wrote and this one did not is removed."""
    reports = {report.file_name(kind, audience) for kind in report.FORMATS for audience in READERS}
    before = set(recorded(out).get("files", {})) | reports
    enter(out, "client", list(shared))
    executed = sorted((run_dir / "notebooks").glob("*.ipynb"))
    written = [*(write_file(out / name, content) for name, content in shared.items()),
               *(write_file(out / "notebooks" / path.name, path.read_bytes()) for path in executed)]  # fmt: skip
    files = {path.relative_to(out).as_posix(): sha256(path) for path in written}
    for name in sorted(before - set(files)):
        inside(out, name).unlink(missing_ok=True)
    done = {"settings_sha256": record.settings_sha256, "kit_version": record.kit_version,
            "brand": str(brand_file) if brand_file else None, "files": files,
            "undelivered": [vars(problem) for problem in problems]}  # fmt: skip
    write_file(out / DONE, json.dumps(done, indent=1), private=True)


def delivered(out: Path) -> Delivered:
    """What did the audit that was finished in this folder make?"""
    done = recorded(out)
    files = tuple(out / name for name in done["files"])
    return Delivered(read_record(out / RESULTS), files, tuple(Problem(**each) for each in done["undelivered"]))
