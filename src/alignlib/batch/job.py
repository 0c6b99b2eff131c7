"""One engagement of a batch: left as it is when nothing changed, else audited in a stage that one rename publishes."""

import json
import os
import re
import shutil
import sys
import time
import traceback
import uuid
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from alignlib.batch.fingerprint import CLIENTS, fingerprint, unchanged, verify
from alignlib.batch.progress import Tell
from alignlib.batch.state import Failure, JobRecord, Kind
from alignlib.editions import DONE, RESULTS, recorded
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, move_folder, write_file
from alignlib.pipeline import run_audit
from alignlib.result import read_record
from alignlib.runs.children import Apart, Children, at_once, end_all_with_parent, write_line

NO_ROOM = 4  # exit code of a job that could not say what became of it
STAGE, FAILED, LOGS = "private/stage", "private/failed", "private/logs"  # in a batch's folder
# To which class a failure belongs, by the code of its first problem; what is not here lies in the client's data.
_KINDS: dict[str, Kind] = {
    **dict.fromkeys(("E-CONFIG", "E-BRAND", "E-USE", "E-TEMPLATE", "E-OPEN"), "settings"),
    **dict.fromkeys(("E-NOTEBOOK", "E-RESULT", "E-PARAM"), "notebook"),
    **dict.fromkeys(("E-KERNEL", "E-FAULT"), "process"),
    **dict.fromkeys(("E-LEAK", "E-SMALL"), "leak"),
    "E-MEMORY": "memory", "E-TIME": "time", "E-WRITE": "disk",
}  # fmt: skip
_CELL = re.compile(r"cell (\d+): ")


@dataclass(frozen=True)
class Order:
    """What is to be done for one job: whose audit, where to, compared with what, within which limits?

    ``seconds`` limit each notebook and ``job_seconds`` all steps together; ``memory`` is in bytes, for a step with all
    that it starts. ``kit`` is the fingerprint of the kit that gave the order.
    """

    job: str
    engagement: str
    out: str
    kit: str
    since: str | None = None
    attempt: int = 1
    force: bool = False
    seconds: float = 600
    job_seconds: float = 3600
    memory: int = 4 << 30

    def as_data(self) -> dict[str, Any]:
        """How is it sent to another process?"""
        return asdict(self)

    def failed(self, problem: Failure, seconds: float = 0) -> JobRecord:
        """Which record says that nothing came of it, where the job itself could not?"""
        return JobRecord(job=self.job, engagement=Path(self.engagement).name, state="failed", attempt=self.attempt,
                         problem=problem, seconds=round(seconds, 3))  # fmt: skip


def carry_out(order: Order, tell: Tell, apart: Apart) -> JobRecord:
    """What became of this job? Whatever goes wrong with it is said in the record, and nothing of it is published.

    The client's folder appears whole, by one rename, after its completion record was written and every file read back;
    an audit of the same fingerprint that is whole already is left as it stands. What a failed attempt leaves for the
    person who looks for the fault lies in ``private/failed``.
    """
    begun, out = time.monotonic(), Path(order.out)
    stage = out / STAGE / f"{order.job}-{uuid.uuid4().hex[:8]}"
    told: dict[str, Any] = {"job": order.job, "engagement": Path(order.engagement).name, "attempt": order.attempt}
    try:
        told |= _audited(order, stage, tell, apart)
    except AlignError as error:
        told |= {"state": "failed", "problem": failure(error.problems[0]), "more": len(error.problems) - 1}
        with suppress(AlignError, OSError):  # on a full disk, say: the first problem is the one to tell
            _keep_for_inspection(stage, out / FAILED / order.job)
    except Exception as error:  # noqa: BLE001 - a fault of the kit, and no reason to try the same again
        traceback.print_exc()
        what = f"the kit itself failed with {type(error).__name__}: see {LOGS}/{order.job}-{order.attempt}.log"
        told |= {"state": "failed", "problem": failure(Problem("E-FAULT", what))}
    finally:
        shutil.rmtree(stage, ignore_errors=True)
    told["seconds"], told["cpu_seconds"] = round(time.monotonic() - begun, 3), round(sum(os.times()[:4]), 3)
    return JobRecord(**told, peak_mb=round(apart.peak / 1e6, 1) if isinstance(apart, Children) else 0)


def _audited(order: Order, stage: Path, tell: Tell, apart: Apart) -> dict[str, Any]:
    out, engagement = Path(order.out), Path(order.engagement)
    since = Path(order.since) if order.since else None
    try:
        before = fingerprint(engagement, since)
    except (AlignError, OSError):
        before = None  # the audit says all that is wrong, where this would say the first of it
    folder = unchanged(out, order.job, before) if before and not order.force else None
    if folder and not recorded(folder).get("undelivered"):  # a format that could not be made may be made now
        return {"state": "skipped", "fingerprint": before, **_standing(out, folder)}

    def say(step: str, number: int, of: int) -> None:
        tell({"event": "step", "step": step, "number": number, "of": of})

    def unaltered() -> None:
        if fingerprint(engagement, since) != before:
            fix = "run the batch again once nothing is written to it any more"
            raise AlignError(Problem("E-CHANGED", "a file was changed while it was audited", engagement.name, fix=fix))

    made = run_audit(engagement, stage, say, order.seconds, since, apart, unaltered)
    client = made.record.client
    _refuse_another(out / CLIENTS / order.job, client)
    done = recorded(stage) | {"fingerprint": before, "engagement": engagement.name, "client": client, "kit": order.kit,
                              "at": datetime.now(UTC).isoformat(timespec="seconds")}  # fmt: skip
    write_file(stage / DONE, json.dumps(done, indent=1), private=True)
    if problems := verify(stage):
        raise AlignError(problems)
    folder = move_folder(stage, _free(out / CLIENTS / order.job, before or uuid.uuid4().hex))
    undelivered = [str(problem) for problem in made.problems]
    return {"state": "done", "fingerprint": before, "undelivered": undelivered, **_standing(out, folder)}


def _refuse_another(folder: Path, client: str) -> None:
    """Are the audits in this folder of this client? Raises AlignError (E-USE): nobody may be handed another's."""
    known = {str(recorded(audit)["client"]) for audit in folder.glob("*") if "client" in recorded(audit)} - {client}
    if known:
        fix = "give --out another folder; or, if the client is called otherwise now, move the old audits away"
        raise AlignError(Problem("E-USE", "audits of another client lie in its folder", folder.name, fix=fix))


def _standing(out: Path, folder: Path) -> dict[str, Any]:
    """Where does the audit stand, whose is it, and what does it say?"""
    record = read_record(folder / RESULTS)
    headline = record.results["audit"].headline
    return {"folder": folder.relative_to(out).as_posix(), "client": record.client, "headline": headline}


def _free(client: Path, fp: str) -> Path:
    """A name that no audit of this client has yet: nothing that stands is replaced."""
    names = (fp[:12], *(f"{fp[:12]}-{number}" for number in range(2, 10_000)))
    return next(client / name for name in names if not (client / name).exists())


def failure(problem: Problem) -> Failure:
    """Of which class is this problem, and where did it happen?"""
    found = _CELL.match(problem.what)
    notebook = problem.where if problem.where.endswith(".ipynb") else ""
    return Failure(kind=_KINDS.get(problem.code, "data"), code=problem.code, notebook=notebook,
                   cell=int(found[1]) if found else None, sentence=str(problem))  # fmt: skip


def _keep_for_inspection(stage: Path, target: Path) -> None:
    """Keeps the notebooks as far as they came, for whoever looks for the fault; no half file of a killed step."""
    came = stage / "private" / "run" / "notebooks"
    shutil.rmtree(target, ignore_errors=True)
    for half in came.glob(".tmp-*"):
        half.unlink()
    if came.is_dir() and any(came.iterdir()):
        make_folder(target.parent, private=True)
        move_folder(came, target)


def in_fork(given: dict[str, Any], descriptors: list[int]) -> int:
    """How does a fork of the warm process carry out an order? Each step in a child of its own; it tells over a pipe."""
    end_all_with_parent()
    order = Order(**given)
    pipe = descriptors[0]

    def tell(event: Mapping[str, Any]) -> None:
        with suppress(OSError):  # it is told for people who watch
            write_line(pipe, {"job": order.job, **event})

    limits = Children(order.seconds, time.monotonic() + order.job_seconds, order.memory)
    record = carry_out(order, tell, limits)
    try:
        write_line(pipe, {"job": order.job, "event": "end", "record": record.as_data()})
    except OSError:
        return NO_ROOM
    return 0


def main() -> None:
    """Which order stands on standard input? Carries it out here, with ordinary kernels, telling on stdout."""
    order, told = Order(**json.loads(sys.stdin.read())), sys.stdout
    sys.stdout = sys.stderr  # what a library prints is no event

    def tell(event: Mapping[str, Any]) -> None:
        told.write(json.dumps({"job": order.job, **event}, default=str) + "\n")
        told.flush()

    tell({"event": "end", "record": carry_out(order, tell, at_once).as_data()})


if __name__ == "__main__":
    main()
