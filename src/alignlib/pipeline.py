"""One audit, from an engagement's folder to what the client gets: the only place that knows runs and report."""

import hmac
import json
import platform
import shutil
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib import __version__, report
from alignlib.editions import DONE, RESULTS, Delivered, brand_of, enter, find_brand, given, recorded
from alignlib.engagement import Settings, lock_state, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import inside, make_folder, sha256, write_file
from alignlib.intake.tables import Tables
from alignlib.report.phrases import READERS
from alignlib.resources import resource
from alignlib.result import SEED, Record, Result, read_record, to_json
from alignlib.words import count, masked, spelled

if TYPE_CHECKING:
    from alignlib.disclosure import ReleaseLog

DIAGNOSTICS = ("survey", "content", "funnel")
ENGINES = ("duckdb", "numpy", "pandas", "pyarrow", "scipy")  # what computes; the rest only draws, reads or writes
PREVIOUS = "previous.json"  # in a run's folder: the earlier audit it is compared with
FRESH = "ask again as a new wave with fresh answers from everybody"
Say = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Run:
    """What does a notebook work on: the settings, the checked tables and the results so far?"""

    folder: Path
    settings: Settings
    tables: Tables

    @cached_property
    def results(self) -> dict[str, Result]:
        """What did the three diagnostics say? Read from the run, or worked out now when it holds none."""
        from alignlib.diagnostics import content, funnel, survey

        found = {}
        for name, diagnostic in zip(DIAGNOSTICS, (survey, content, funnel), strict=True):
            path = self.folder / "results" / f"{name}.json"
            found[name] = (Result.model_validate_json(path.read_text(encoding="utf-8")) if path.exists()
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
    from alignlib.intake.snapshot import open_run, prepare
    from alignlib.samples import write_sample

    if run_dir:
        return Run(Path(run_dir), *open_run(Path(run_dir), settings_sha256))
    with tempfile.TemporaryDirectory(prefix="alignlib-") as scratch:
        folder = Path(scratch) / "run"
        prepare(write_sample(Path(scratch) / "engagement"), folder)
        return Run(folder, *open_run(folder))


def run_audit(engagement: Path, out: Path, say: Say, seconds: float = 600, since: Path | None = None) -> Delivered:
    """What does the audit of this engagement say, and what changed ``since`` the ``results.json`` of an earlier one?

    Writes the report in each format, under the ``brand.yml`` of the engagement or of the folder above, the work list of
    content, ``results.json`` and ``notebooks/`` to ``out``; ``say(step, number, of)`` is told what begins, ``seconds``
    limits each notebook. Only once every notebook ran and the rows balance is each file replaced whole, and what is
    left of an earlier audit removed, ``private/done.json`` last; on any failure AlignError is raised and an earlier
    audit is left as it was. A format that cannot be made is no such failure: it is told, and the others stand.
    """
    from alignlib.audit.comparison import RULES
    from alignlib.intake.snapshot import prepare
    from alignlib.report import worklist

    settings, brand_file = read_engagement(engagement), find_brand(engagement)
    brand = brand_of(brand_file)
    given(out)
    previous, previous_sha256 = (_earlier(since, out, settings), sha256(since)) if since else (None, "")
    notebooks = (*DIAGNOSTICS, "audit")
    private = make_folder(out / "private", private=True)
    run_dir, last = private / "run", len(notebooks) + 2
    shutil.rmtree(run_dir, ignore_errors=True)
    make_folder(run_dir / "results", private=True)
    say("reading the files", 1, last)
    prepare(engagement, run_dir)
    if previous:
        write_file(run_dir / PREVIOUS, to_json(previous), private=True)
    results = {}
    for number, name in enumerate(notebooks, start=2):
        say(f"{name}.ipynb", number, last)
        results[name] = _run(name, run_dir, settings, seconds)
    say("writing the report", last, last)
    record = Record(
        kit_version=__version__, client=settings.client, synthetic=settings.synthetic,
        period_start=settings.period.start.isoformat(), period_end=settings.period.end.isoformat(),
        as_of=settings.as_of.isoformat(), currency=settings.currency, settings_sha256=settings.sha256(),
        thresholds_lock=lock_state(engagement, settings), results=results,
        versions={"python": platform.python_version(), **{name: version(name) for name in ENGINES}},
        timezone=settings.timezone, path=settings.funnel.path, seed=SEED, rules_sha256=settings.sha256(RULES),
        since_sha256=previous_sha256,
    )  # fmt: skip
    _balanced(record)
    _names_nobody(record)
    shared, problems = report.make(record, brand=brand)
    if (listed := worklist.workbook(record)) is not None:
        shared[worklist.FILE] = listed
    shared[RESULTS] = to_json(record)
    safe_to_release(engagement, run_dir, settings)
    return Delivered(record, _publish(out, run_dir, record, shared, brand_file), tuple(problems))


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


def _run(name: str, run_dir: Path, settings: Settings, seconds: float) -> Result:
    from alignlib.runs.notebook import run_notebook

    executed = run_dir / "notebooks" / f"{name}.ipynb"
    parameters = {"run_dir": str(run_dir.resolve()), "settings_sha256": settings.sha256()}
    result = run_notebook(resource("notebooks", f"{name}.ipynb"), executed, parameters, run_dir, seconds)
    if result.diagnostic != name:
        raise AlignError(Problem("E-RESULT", f"the result is of {result.diagnostic}, not of {name}", executed.name))
    write_file(run_dir / "results" / f"{name}.json", to_json(result), private=True)
    return result


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


def safe_to_release(engagement: Path, run_dir: Path, settings: Settings) -> None:
    """May what the survey publishes stand beside what was published of this wave before, in whatever folder?

    Records it if so. Raises AlignError (E-SMALL) when a small group could be told from both together, when the answers
    are those of another wave, and when answers published as anonymous would now be named. The record is written before
    anything is published: one that knows too much is safe, one that knows too little is not.
    """
    from alignlib.diagnostics import survey
    from alignlib.disclosure import LOG_FILE, ReleaseLog, audit_release
    from alignlib.intake.snapshot import PRIVATE, engagement_secret

    tables, path, named = load(str(run_dir)).tables, engagement / PRIVATE / LOG_FILE, settings.survey.mode == "named"
    log, waves, wave = survey.release_log(tables, settings), _waves(path), survey.last_wave(tables)
    if not log.releases or (named and not waves):
        return
    secret = engagement_secret(engagement)
    known = {name: ReleaseLog.from_json(json.dumps(found)) for name, found in waves.items()}
    log = (_as_coded(log, secret) if named else log).sealed(secret)
    log.promised = settings.survey.smallest_group
    again = next((name for name, before in known.items() if name != wave and log.repeats(before)), None)
    if named and (wave in known or again is not None):
        raise _promised(wave)
    if again is not None:
        raise _renamed(wave, again)
    if named:
        return
    log = known[wave].merged(log) if wave in known else log
    if ways := audit_release(log, log.promised):
        raise _too_close(wave, ways, log.promised, wave in known)
    waves[wave] = json.loads(log.to_json(secret))
    write_file(path, json.dumps({"waves": waves}, ensure_ascii=False), private=True)


def _as_coded(log: "ReleaseLog", secret: bytes) -> "ReleaseLog":
    """How does a log of named answers look with the codes that the intake gives to anonymous ones?"""
    from alignlib.disclosure import ReleaseLog

    coded = ReleaseLog()
    for r in log.releases:
        codes = {who: "r-" + hmac.digest(secret, str(who).encode(), "sha256").hex()[:12] for who in r.members}
        coded.add(r.key, r.group, {codes[who]: score for who, score in r.members.items()})
    return coded


def _where(wave: str) -> str:
    return f"the survey, wave {wave}" if wave else "the survey"


def _promised(wave: str) -> AlignError:
    what = "these answers were given under the promise of anonymity"
    return AlignError(Problem("E-SMALL", what, _where(wave), fix=f"set survey.mode back to anonymous, or {FRESH}"))


def _renamed(wave: str, before: str) -> AlignError:
    name = f"as wave {before}" if before else "without a name of its own"
    fix = "give the round its own answers: a new wave needs fresh answers from everybody, "
    fix += "or leave the wave's name as it was"
    return AlignError(Problem("E-SMALL", f"most of these answers were published before {name}", _where(wave), fix=fix))


def _too_close(wave: str, ways: list[str], k: int, was_published: bool) -> AlignError:
    """Which refusal says how much tells of how few? Two examples in words, and no keys of our own."""
    keys, said = zip(*(way.split(": ", 1) for way in ways), strict=True)
    n, few = len(set(keys)), f"fewer than {spelled(k)} people"
    what, fix = f"{count(n, 'figure')} would tell what {few} answered", "leave out the survey"
    if was_published:
        what = f"{count(n, 'figure differs', 'figures differ')} from what was published before by {few}"
        fix = "keep the earlier report; a second one of this survey would tell by its difference what they answered; "
        fix += FRESH
    examples = "; ".join([*dict.fromkeys(said)][:2]).replace(".", " ")
    return AlignError(Problem("E-SMALL", f"{what} ({examples})", _where(wave), fix=fix))


def _waves(path: Path) -> dict[str, Any]:
    """What was published of each wave so far? Raises AlignError (E-CORRUPT): damaged must not pass for nothing."""
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))["waves"]) if path.exists() else {}
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "restore it from a copy: it holds what was published before"
        raise AlignError(Problem("E-CORRUPT", "it is damaged", where=path.name, fix=fix)) from error


def _publish(
    out: Path, run_dir: Path, record: Record, shared: report.Content, brand_file: Path | None
) -> tuple[Path, ...]:
    """Which files tell this audit? What an earlier one wrote and this one did not is removed: it tells another."""
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
            "brand": str(brand_file) if brand_file else None, "files": files}  # fmt: skip
    write_file(out / DONE, json.dumps(done, indent=1), private=True)
    return tuple(written)
