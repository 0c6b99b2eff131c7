"""The command line of a batch as a person runs it, with all that it starts in sight; and what it left."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from alignlib.batch.fingerprint import verify
from alignlib.files import sha256
from alignlib.resources import resource
from alignlib.runs.processes import children, tree

PATIENCE = 400  # seconds until a wait is given up; nothing is asserted of them
TOKEN = "ALIGNLIB_TEST_TOKEN"  # in the environment of all that one run starts
SETTINGS = """\
version: 1
client: {client}
period: {{start: 2026-01-01, end: 2026-03-31}}
as_of: 2026-04-30
currency: EUR
timezone: UTC
inputs:
  - {{table: leads, file: leads.csv, columns: {{lead_id: Id, created_at: Created, source: Source, owner_id: Rep}}}}
  - table: opportunities
    file: deals.csv
    columns: {{opportunity_id: Id, lead_id: Lead, outcome: Status, opened_at: Opened, closed_at: Closed, owner_id: Rep}}
"""
CUSTOM = """\
import os, sys
from pathlib import Path
import alignlib.resources
alignlib.resources._ROOTS = (Path({kit!r}), *alignlib.resources._ROOTS)
"""


class Ended(NamedTuple):
    """With which code did a command end, what did it say to people and what on standard output?"""

    code: int
    said: str
    told: str


class Run:
    """One run of the command: its processes, and how it ends."""

    def __init__(self, call: Sequence[str], folder: Path, environment: Mapping[str, str]) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.token, self._paths = uuid.uuid4().hex, (folder / "said", folder / "told")
        with self._paths[0].open("wb") as said, self._paths[1].open("wb") as told:
            self.process = subprocess.Popen(call, cwd=folder, stdin=subprocess.DEVNULL, stdout=told, stderr=said,
                                            env={**environment, TOKEN: self.token}, start_new_session=True)  # fmt: skip

    def said(self) -> str:
        return self._paths[0].read_text(encoding="utf-8", errors="replace")

    def events(self) -> list[dict[str, Any]]:
        """What it told so far with --json."""
        whole = self._paths[1].read_text(encoding="utf-8").rpartition("\n")[0]
        return [json.loads(line) for line in whole.splitlines()]

    def wait(self) -> Ended:
        try:
            code = self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.end()
            pytest.fail(f"it did not end:\n{self.said()}")
        return Ended(code, self.said(), self._paths[1].read_text(encoding="utf-8", errors="replace"))

    def processes(self) -> list[int]:
        """Everything alive that it started, or that those started."""
        return alive(f"{TOKEN}={self.token}".encode())

    def warm(self) -> list[int]:
        """Its warm process, if there is one now."""
        return [pid for pid in children(self.process.pid) if b"alignlib.runs.warm" in _read(pid, "cmdline")]

    def jobs(self) -> list[int]:
        """The processes of its jobs."""
        return [job for warm in self.warm() for job in children(warm)]

    def steps(self) -> list[int]:
        """The processes of the steps of its jobs, and what those started."""
        return [step for job in self.jobs() for step in tree(job)[1:]]

    def left(self) -> list[int]:
        """Which of its processes are still there when patience ends? They are ended here: no test leaves any."""
        come_true(lambda: not self.processes(), 30)
        found = self.processes()
        self.end()
        return found

    def end(self) -> None:
        for pid in self.processes():
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        with suppress(subprocess.TimeoutExpired):
            self.process.wait(30)


def come_true(condition: Callable[[], Any], seconds: float = PATIENCE) -> bool:
    """Does it come true before patience ends?"""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if condition():
            return True
        time.sleep(0.02)
    return bool(condition())


def unlike(seconds: int) -> str:
    """A time for ``sleep`` that no other run of these tests asks for, by which its processes are known."""
    return f"{seconds}.{os.getpid():07d}"


def sleeping(seconds: str) -> list[int]:
    """Which processes of ``sleep`` were started for just this time? So are those found that shed their marks."""
    wanted = ["sleep", seconds]
    found = (int(path.parent.name) for path in Path("/proc").glob("[0-9]*/cmdline"))
    return [pid for pid in found if _read(pid, "cmdline").decode(errors="replace").split("\0")[:2] == wanted]


def command_of(pid: int) -> str:
    """With which words was a process started? None once it has ended."""
    return _read(pid, "cmdline").decode(errors="replace").replace("\0", " ").strip()


def alive(mark: bytes) -> list[int]:
    """Which processes were started with this in their environment?"""
    found = (int(path.parent.name) for path in Path("/proc").glob("[0-9]*/environ"))
    return [pid for pid in found if mark in _read(pid, "environ").split(b"\0")]


def _read(pid: int, name: str) -> bytes:
    try:
        return Path(f"/proc/{pid}/{name}").read_bytes()
    except OSError:
        return b""


def write_engagement(folder: Path, client: str, rows: int = 24) -> Path:
    """The smallest engagement that yields an audit; each name, address and id in it holds the folder's name."""
    own = folder.name
    leads = ["Id,Created,Source,Rep,Contact"]
    deals = ["Id,Lead,Status,Opened,Closed,Rep"]
    for i in range(rows):
        day = f"{i % 28 + 1:02d}"
        outcome, closed = (("open", ""), ("won", "2026-03-15"), ("lost", "2026-03-20"))[i % 3]
        lead, rep = f"lead-{own}-{i}", f"rep-{own}-{i % 3}"
        leads.append(f"{lead},2026-01-{day},{('Web', 'Fair')[i % 2]},{rep},contact-{own}-{i}@example.com")
        deals.append(f"deal-{own}-{i},{lead},{outcome},2026-02-{day},{closed},{rep}")
    (folder / "data").mkdir(parents=True)
    (folder / "engagement.yml").write_text(SETTINGS.format(client=client), encoding="utf-8")
    (folder / "data" / "leads.csv").write_text("\n".join(leads) + "\n", encoding="utf-8")
    (folder / "data" / "deals.csv").write_text("\n".join(deals) + "\n", encoding="utf-8")
    return folder


def write_kit(folder: Path, cells: Mapping[str, str], code: str = "") -> dict[str, str]:
    """Which environment makes a run use the kit's notebooks with these cells added, and run ``code`` as it starts?

    A cell is added after the one that loads the run, and so knows ``run``.
    """
    kit, names = folder / "kit", [path.name for path in resource("notebooks").glob("*.ipynb")]
    (kit / "notebooks").mkdir(parents=True)
    for name in names:
        notebook = json.loads(resource("notebooks", name).read_text(encoding="utf-8"))
        if added := cells.get(name.removesuffix(".ipynb")):
            at = next(i for i, cell in enumerate(notebook["cells"]) if "alignlib.load(" in "".join(cell["source"]))
            cell = {"cell_type": "code", "id": "added", "metadata": {}, "execution_count": None, "outputs": []}
            notebook["cells"].insert(at + 1, cell | {"source": added.splitlines(keepends=True)})
        (kit / "notebooks" / name).write_text(json.dumps(notebook), encoding="utf-8")
    (folder / "sitecustomize.py").write_text(CUSTOM.format(kit=str(kit)) + code, encoding="utf-8")
    path = [str(folder), *filter(None, [os.environ.get("PYTHONPATH")])]
    return {"PYTHONPATH": os.pathsep.join(path)}


def records(out: Path) -> dict[str, dict[str, Any]]:
    """What do the records of the jobs say, by the engagement's name?"""
    found = (json.loads(path.read_text(encoding="utf-8")) for path in (out / "private" / "jobs").glob("*.json"))
    return {record["engagement"]: record for record in found}


def states(out: Path) -> dict[str, str]:
    return {name: record["state"] for name, record in sorted(records(out).items())}


def report(out: Path) -> dict[str, Any]:
    return dict(json.loads((out / "batch-report.json").read_text(encoding="utf-8")))


def audits(out: Path) -> dict[str, dict[str, str]]:
    """What does each client get: the digest of each file, by the audit's folder? Executed notebooks hold times."""
    return {
        folder.relative_to(out).as_posix(): {path.name: sha256(path) for path in folder.iterdir() if path.is_file()}
        for folder in standing(out)
    }


def standing(out: Path) -> list[Path]:
    """The folders of all audits that stand."""
    return sorted((out / "clients").glob("*/*"))


def torn(out: Path) -> list[str]:
    """What is not whole: an audit that is not what was recorded, or a half file where only whole ones belong."""
    damaged = [str(problem) for folder in standing(out) for problem in verify(folder)]
    return damaged + [str(path) for path in (*out.glob(".tmp-*"), *(out / "clients").rglob(".tmp-*"))]


def litter(out: Path) -> list[str]:
    """What a run should have cleared away in the end."""
    private = out / "private"
    found = [*(private / "stage").glob("*"), *private.rglob(".tmp-*"), *(private / "logs").glob("*.events")]
    return sorted(str(path.relative_to(out)) for path in found)


def adds_up(out: Path) -> bool:
    """Do the states in the report, and those of the jobs in it, add up to the plan?"""
    said = report(out)
    plan = json.loads((out / "private" / "batch.json").read_text(encoding="utf-8"))["jobs"]
    told = [job["state"] for job in said["jobs"]]
    return bool(sum(said["counts"].values()) == said["planned"] == len(plan) == len(told))


def command(*options: str | Path) -> list[str]:
    return [sys.executable, "-m", "alignlib.cli", "batch", *map(str, options)]
