"""What does it cost to run many audits: the papermill command, the same relieved, this kit, and the least possible?

Run: python benchmarks/batch.py [--engagements 20] [--slow 2] [--runs 5] [--folder DIR]. Every engagement is the sample
company, prepared beforehand where notebooks alone are measured. In each round every way runs once, one after the other;
printed are medians over the rounds of CPU seconds of the whole process tree (user and system, everything that was
waited for) and of wall seconds, per engagement. The ways that start a program for each notebook take so long that they
run ``--slow`` of the same engagements in each round.

The least possible: a fork of the warm process for each notebook that runs its cells as a plain script and makes what
each would show, without Papermill, shell or record. ``relieved``: as if ``jsonschema`` did not import
``rfc3987_syntax``, which compiles grammars at import.
"""

import argparse
import json
import os
import platform
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

from alignlib.resources import resource as kit_file
from alignlib.runs.kernels import Warm

NOTEBOOKS = ("survey", "content", "funnel", "audit")
BIN = Path(sys.executable).parent
MASKED = ("id", "execution", "papermill")


def made(folder: Path, engagements: int) -> list[Path]:
    """Which engagements are audited? Copies of the sample company, each with a prepared run beside it."""
    from alignlib.intake.snapshot import prepare
    from alignlib.samples import write_sample

    first = write_sample(folder / "portfolio" / "client-01")
    prepare(first, folder / "runs" / "client-01")
    for number in range(2, engagements + 1):
        for kind in ("portfolio", "runs"):
            shutil.copytree(folder / kind / "client-01", folder / kind / f"client-{number:02}")
    return sorted((folder / "runs").iterdir())


def parameters(run: Path) -> dict[str, str]:
    from alignlib.intake.snapshot import open_run

    return {"run_dir": str(run), "settings_sha256": open_run(run)[0].sha256()}


def papermill(
    runs: Sequence[Path], out: Path, given: dict[str, str], environment: dict[str, str], to_html: bool
) -> None:
    """The papermill command for each notebook, then, if asked, the nbconvert command for each."""
    for run in runs:
        shutil.rmtree(run / "results", ignore_errors=True)
        (run / "results").mkdir()
        for name in NOTEBOOKS:
            executed = out / f"{run.name}-{name}.ipynb"
            words = ["-p", "run_dir", str(run), "-p", "settings_sha256", given["settings_sha256"]]
            call = [
                str(BIN / "papermill"),
                "--no-progress-bar",
                str(kit_file("notebooks", f"{name}.ipynb")),
                str(executed),
            ]
            subprocess.run([*call, *words], check=True, env=environment, capture_output=True)
            _keep(run, name, executed)
            if to_html:
                call = [str(BIN / "jupyter"), "nbconvert", "--to", "html", str(executed)]
                subprocess.run(call, check=True, env=environment, capture_output=True)


def _keep(run: Path, name: str, executed: Path) -> None:
    """The audit's notebook reads what the others found, as in an audit, whichever way they ran."""
    from alignlib.result import harvest, to_json

    (run / "results" / f"{name}.json").write_text(to_json(harvest(executed)), encoding="utf-8")


def in_forks(runs: Sequence[Path], target: str, workers: int) -> None:
    """Each run in a job process of one warm process, as a batch does it; ``target`` says what a job is."""
    from alignlib.preload import PRELOAD

    here = [str(Path(__file__).parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    os.environ["PYTHONPATH"] = os.pathsep.join(dict.fromkeys(here))  # so that a fork finds the jobs of this file
    with Warm((*PRELOAD, "alignlib.batch.job", "batch")) as warm:
        waiting, running = list(runs), []
        while waiting or running:
            while waiting and len(running) < workers:
                running.append(warm.fork(f"batch:{target}", {"run": str(waiting.pop(0))}, Path.cwd()))
            if any(child.returncode for child in running):
                raise SystemExit("a job failed; its trace stands above")
            running = [child for child in running if child.poll() is None]
            time.sleep(0.002)


def notebooks_of(given: dict[str, str], descriptors: list[int]) -> int:
    """A job of four notebooks, each in a child: what ``in_forks`` runs."""
    from alignlib.engagement import Settings
    from alignlib.pipeline import _run
    from alignlib.runs.children import Children

    run = Path(given["run"])
    shutil.rmtree(run / "results", ignore_errors=True)
    (run / "results").mkdir()
    settings = Settings.model_validate(json.loads((run / "settings.json").read_text(encoding="utf-8")))
    for name in NOTEBOOKS:
        Children()({name: lambda name=name: _run(name, run, settings, 600, in_process=True)})
    return 0


def scripts_of(given: dict[str, str], descriptors: list[int]) -> int:
    """The least possible: the cells of each notebook as a plain script, each in a forked child."""
    from alignlib.runs.children import Children

    run = Path(given["run"])
    shutil.rmtree(run / "results", ignore_errors=True)
    (run / "results").mkdir()
    for name in NOTEBOOKS:
        Children()({name: lambda name=name: _script(name, run)})
    return 0


def _script(name: str, run: Path) -> None:
    import ast

    from alignlib.result import to_json

    cells = json.loads(kit_file("notebooks", f"{name}.ipynb").read_text(encoding="utf-8"))["cells"]
    sources = ["".join(cell["source"]) for cell in cells if cell["cell_type"] == "code"]
    space: dict[str, Any] = {"__name__": "__main__"}
    for source in sources:
        body = ast.parse(source).body
        last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
        exec(compile(ast.Module(body, []), name, "exec"), space)  # noqa: S102 - the kit's own notebooks
        if source.startswith("run_dir: str"):
            space["run_dir"] = str(run)
        if isinstance(last, ast.Expr):
            shown = eval(compile(ast.Expression(last.value), name, "eval"), space)  # noqa: S307
            json.dumps(shown._repr_mimebundle_()) if hasattr(shown, "_repr_mimebundle_") else repr(shown)
    (run / "results" / f"{name}.json").write_text(to_json(space["result"]), encoding="utf-8")


def batch(folder: Path, workers: int) -> None:
    """The command: files in, four deliverables of each client out."""
    out = folder / "batch"
    shutil.rmtree(out, ignore_errors=True)
    call = [str(BIN / "alignlib"), "batch", str(folder / "portfolio"), "--out", str(out), "--workers", str(workers)]
    subprocess.run([*call, "--quiet"], check=True, capture_output=True)


def timed(work: Callable[[], None]) -> tuple[float, float]:
    """CPU seconds of all that was started and waited for, and wall seconds."""

    def used() -> float:
        both = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
        return sum(each.ru_utime + each.ru_stime for each in both)

    before, wall = used(), time.perf_counter()
    work()
    return used() - before, time.perf_counter() - wall


def relieved(folder: Path) -> dict[str, str]:
    """An environment in which ``rfc3987_syntax`` cannot be imported, as if it were not installed."""
    stub = folder / "relieved" / "rfc3987_syntax"
    stub.mkdir(parents=True, exist_ok=True)
    (stub / "__init__.py").write_text("raise ImportError('left out by the benchmark')\n", encoding="utf-8")
    paths = [str(stub.parent), *filter(None, [os.environ.get("PYTHONPATH")])]
    return os.environ | {"PYTHONPATH": os.pathsep.join(paths)}


def differing(one: Path, other: Path) -> list[str]:
    """Which cells of two executed notebooks differ in source or outputs, once ids and addresses are masked?"""
    import re

    def cells(path: Path) -> list[str]:
        text = re.sub(r"0x[0-9a-f]{6,}", "0x", path.read_text(encoding="utf-8"))
        text = re.sub(r'[^"\\]*/runs/client-\d+', "RUN", text)
        return [json.dumps({k: v for k, v in cell.items() if k not in ("id", "metadata")}, sort_keys=True)
                for cell in json.loads(text)["cells"]]  # fmt: skip

    ours, theirs = cells(one), cells(other)
    return [
        f"{one.name}: cell {number}"
        for number, pair in enumerate(zip(ours, theirs, strict=True), 1)
        if len({*pair}) > 1
    ]


def main() -> None:
    parser = argparse.ArgumentParser()
    for name, default in (("engagements", 20), ("slow", 2), ("runs", 5), ("workers", 2)):
        parser.add_argument(f"--{name}", type=int, default=default)
    parser.add_argument("--folder", type=Path)
    asked = parser.parse_args()
    print(f"{platform.machine()}, {platform.system()}, {os.cpu_count()} cores, Python {platform.python_version()}; "
          f"{asked.runs} rounds, {asked.engagements} engagements ({asked.slow} for the commands), medians")  # fmt: skip
    with tempfile.TemporaryDirectory(dir=asked.folder) as scratch:
        folder = Path(scratch)
        runs, out = made(folder, asked.engagements), folder / "executed"
        out.mkdir()
        given, few = parameters(runs[0]), runs[: asked.slow]
        plain, light = dict(os.environ), relieved(folder)
        ways: dict[str, tuple[int, Callable[[], None]]] = {
            "papermill command": (len(few), lambda: papermill(few, out, given, plain, to_html=False)),
            "papermill command, relieved": (len(few), lambda: papermill(few, out, given, light, to_html=False)),
            "papermill and nbconvert commands, HTML": (
                len(few),
                lambda: papermill(few, out, given, plain, to_html=True),
            ),
            "kit, notebooks alone": (len(runs), lambda: in_forks(runs, "notebooks_of", asked.workers)),
            "least possible, notebooks alone": (len(runs), lambda: in_forks(runs, "scripts_of", asked.workers)),
            "kit, alignlib batch, four deliverables": (len(runs), lambda: batch(folder, asked.workers)),
        }
        seen: dict[str, list[tuple[float, float]]] = {name: [] for name in ways}
        for _ in range(asked.runs):
            for name, (n, work) in ways.items():
                cpu, wall = timed(work)
                seen[name].append((cpu / n, wall / n))
        cost = {name: [statistics.median(each[i] for each in found) for i in (0, 1)] for name, found in seen.items()}
        print("\n| per engagement of four notebooks | CPU s | wall s | from | to |\n|---|---|---|---|---|")
        for name, (cpu, wall) in cost.items():
            ends = [each[0] for each in seen[name]]
            print(f"| {name} | {cpu:.2f} | {wall:.2f} | {min(ends):.2f} | {max(ends):.2f} |")
        kit, whole = cost["kit, notebooks alone"][0], cost["kit, alignlib batch, four deliverables"][0]
        print(f"\nnotebooks alone: {cost['papermill command'][0] / kit:.1f} x less CPU than the papermill command, "
              f"{cost['papermill command, relieved'][0] / kit:.1f} x less than the relieved one, "
              f"{kit / cost['least possible, notebooks alone'][0]:.2f} x the least possible")  # fmt: skip
        both = cost["papermill and nbconvert commands, HTML"][0]
        print(f"with four deliverables: {both / whole:.1f} x less CPU than papermill and nbconvert making HTML alone")
        pairs = [
            (run / "notebooks" / f"{name}.ipynb", out / f"{run.name}-{name}.ipynb") for run in few for name in NOTEBOOKS
        ]
        found = [line for ours, theirs in pairs for line in differing(ours, theirs)]
        print(f"cells that differ from the command's: {', '.join(found) or 'none'}")


if __name__ == "__main__":
    main()
