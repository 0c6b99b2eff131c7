"""What stops a report that must not be (G2), and whether any process of a whole audit unpacks an object (S22)."""

import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib import pipeline
from alignlib.audit import audit
from alignlib.engagement import Settings
from alignlib.errors import AlignError, Problem
from alignlib.pipeline import run_audit
from alignlib.result import Result

NEVER = "a title by jane.doe@example.com"


def lost_a_row(result: Result) -> Result:
    first, *rest = result.row_counts
    return result.model_copy(update={"row_counts": [first.model_copy(update={"read": first.read + 1}), *rest]})


def named_somebody(result: Result) -> Result:
    first, *rest = result.findings
    return result.model_copy(update={"findings": [first.model_copy(update={"title": NEVER}), *rest]})


def refused(*_: Any) -> None:
    raise AlignError(Problem("E-SMALL", "two figures differ by fewer than five people", where="the survey"))


@pytest.mark.parametrize(
    ("code", "spoil", "release"),
    [
        ("E-ROWS", lost_a_row, pipeline.safe_to_release), ("E-LEAK", named_somebody, pipeline.safe_to_release),
        ("E-SMALL", lambda result: result, refused), ("", lambda result: result, pipeline.safe_to_release),
    ],
)  # fmt: skip
def test_G2_without_its_rows_its_secrecy_or_its_release_no_report_is_given_and_the_earlier_stays(
    code: str, spoil: Callable[[Result], Result], release: Callable[..., None], tmp_path: Path,
    written: Callable[[bool], Path], planted: tuple[Settings, dict[str, Result]], monkeypatch: pytest.MonkeyPatch,
) -> None:  # fmt: skip
    settings, results = planted
    spoilt = results | {"funnel": spoil(results["funnel"]), "audit": audit(results, settings)}

    def kept(name: str, run_dir: Path, *_: Any, **__: Any) -> None:
        (run_dir / "results" / f"{name}.json").write_text(spoilt[name].model_dump_json(), encoding="utf-8")

    monkeypatch.setattr(pipeline, "_run", kept)
    monkeypatch.setattr(pipeline, "safe_to_release", release)
    monkeypatch.setattr(pipeline.report, "_rendered", lambda kind, *_: f"a new {kind}")
    earlier = {"report.html": b"the earlier page", "results.json": b"the earlier record"}
    for name, content in earlier.items():
        (tmp_path / name).write_bytes(content)
    engagement = shutil.copytree(written(True), tmp_path / "engagement")
    if not code:  # and with all of them there is one
        run_audit(engagement, tmp_path, lambda *_: None)
        assert (tmp_path / "report.html").read_text() == "a new html"
        return
    with pytest.raises(AlignError, match=code):
        run_audit(engagement, tmp_path, lambda *_: None)
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir() if path.is_file()} == earlier


# Python imports this when it starts, wherever it lies on the path; forks keep the hook of the process they come from.
HOOK = """
import os, sys

def say(*words):
    with open(os.environ["TOLD"], "a") as told:
        print(os.getpid(), *words, file=told)

def heard(name, given):
    if name in ("pickle.find_class", "os.fork"):
        say(name, *map(str, given))

sys.addaudithook(heard)
say("start")
"""


def told(folder: Path, *command: str) -> list[list[str]]:
    """Which processes did a command start in Python, which of them forked, and what was unpacked?"""
    (folder / "sitecustomize.py").write_text(HOOK)
    out = folder / "told"
    env = os.environ | {"PYTHONPATH": str(folder), "TOLD": str(out)}
    subprocess.run([sys.executable, *command], cwd=folder, env=env, check=True, capture_output=True, timeout=300)
    return [line.split()[1:] for line in out.read_text().splitlines()]


@pytest.mark.faults
@pytest.mark.skipif(not hasattr(os, "fork"), reason="without forks the processes of a run are others")
def test_S22_no_process_of_a_whole_audit_unpacks_an_object(tmp_path: Path) -> None:
    seen = told(tmp_path, "-m", "alignlib.cli", "demo", "--out", "demo")
    assert (tmp_path / "demo" / "report.pdf").exists()
    assert seen.count(["os.fork"]) >= 4  # a process for each notebook
    assert [what for what in seen if what[0] == "pickle.find_class"] == []


def test_what_a_process_unpacks_is_noticed_and_what_its_fork_does_too(tmp_path: Path) -> None:
    unpack = "import os, pickle\npacked = pickle.dumps(os.getcwd)\n"
    here = told(tmp_path, "-c", unpack + "pickle.loads(packed)")
    assert here == [["start"], ["pickle.find_class", "posix" if os.name == "posix" else "nt", "getcwd"]]
    if hasattr(os, "fork"):
        there = told(tmp_path, "-c", unpack + "if os.fork() == 0:\n    pickle.loads(packed)\nelse:\n    os.wait()")
        assert ["pickle.find_class", "posix", "getcwd"] in there[len(here) :]
