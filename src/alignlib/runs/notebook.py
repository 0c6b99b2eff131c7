"""Running one notebook strictly: declared parameters only, our interpreter, a time limit, all cells or nothing."""

import ast
import json
import math
import os
import re
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from alignlib.errors import AlignError, Problem
from alignlib.files import write_file
from alignlib.result import Result, harvest

Value = str | int | float | bool
KERNEL = "python3"
# What a process that shall run notebooks itself should have imported before; none of it starts a thread.
PRELOAD = (
    "alignlib.runs.inprocess", "ipykernel.debugger", "IPython.core.completerlib", "IPython.core.logger",
    "IPython.core.oinspect", "bdb", "sqlite3",
)  # fmt: skip
_NEVER_STARTED = "Kernel died before replying to kernel_info"  # in jupyter_client's own words
_MEMORY_ERRORS = ("MemoryError", "OutOfMemoryException")  # Python's and NumPy's, DuckDB's
_NO_MEMORY = "the notebook ran out of memory"
_TYPES: dict[str, type] = {"str": str, "int": int, "float": float, "bool": bool}
_SECRET = re.compile(r"token|password|secret|api_?key|dsn", re.IGNORECASE)


@dataclass(frozen=True)
class Parameter:
    """What can be set in a notebook from outside: its name, type, default and what it means?"""

    name: str
    type: str
    default: Value
    meaning: str


def parameters_of(notebook: Path) -> list[Parameter]:
    """Which parameters does a notebook declare in its cell tagged ``parameters``?

    Each line must read ``name: type = default  # meaning`` with str, int, float or bool.
    Raises AlignError (E-PARAM) naming every line that does not.
    """
    try:
        cells = json.loads(notebook.read_text(encoding="utf-8"))["cells"]
    except (OSError, ValueError) as error:
        raise AlignError(Problem("E-OPEN", "this is no notebook that can be read", where=str(notebook))) from error
    source = next(("".join(c["source"]) for c in cells if "parameters" in c["metadata"].get("tags", [])), "")
    found, problems = [], []
    for statement in ast.parse(source).body:
        line = source.splitlines()[statement.lineno - 1]
        if parameter := _parameter(statement, line):
            found.append(parameter)
        else:
            problems.append(Problem("E-PARAM", f"{line.strip()!r} is no parameter", where=notebook.name,
                                    allowed="name: str = 'default'  # meaning (str, int, float or bool)"))  # fmt: skip
    if problems:
        raise AlignError(problems)
    return found


def check_parameters(notebook: Path, given: Mapping[str, Any]) -> None:
    """Does the notebook declare each given parameter, with this very type? Raises AlignError (E-PARAM) with all faults.

    Papermill pastes names into code, turns unknown types into text and only warns of unknown names; so nothing but
    plain values under declared names may pass.
    """
    declared = {parameter.name: parameter for parameter in parameters_of(notebook)}
    problems = []
    for name, value in given.items():
        if name not in declared:
            what, fix = f"{name!r} is not a parameter of this notebook", "correct the name"
        elif _SECRET.search(name):
            what, fix = f"{name!r} looks like a secret", "give secrets through the environment only"
        elif type(value) is not _TYPES[declared[name].type]:
            what = f"{name} must be {declared[name].type}, not {type(value).__name__}"
            fix = "give a value of that type"
        else:
            continue
        problems.append(Problem("E-PARAM", what, where=notebook.name, allowed=", ".join(declared), fix=fix))
    if problems:
        raise AlignError(problems)


def run_notebook(
    notebook: Path, executed: Path, parameters: Mapping[str, Value], cwd: Path, seconds: float, in_process: bool = False
) -> Result:
    """Which result does this notebook give with these parameters?

    Runs every cell in a fresh kernel of this very interpreter, working in ``cwd``, ended with all it started after
    ``seconds`` in total; or, ``in_process``, in this very process, which then should have been made for it and is ended
    by whoever made it. The executed notebook is written to ``executed`` only when every cell ran and the last holds a
    result; otherwise it goes beside it as ``NAME.failed.ipynb`` and AlignError (E-NOTEBOOK, E-KERNEL, E-TIME, E-MEMORY
    or E-RESULT) says which cell failed and how. Papermill's own metadata is never asked: it calls a killed kernel
    "completed".
    """
    from papermill.iorw import load_notebook_node, nbformat
    from papermill.parameterize import parameterize_notebook

    check_parameters(notebook, parameters)
    failed = executed.with_name(f"{executed.stem}.failed.ipynb")
    failed.unlink(missing_ok=True)
    node = load_notebook_node(str(notebook))
    if parameters:
        node = parameterize_notebook(node, dict(parameters), kernel_name=KERNEL, language="python")
    run = partial(_execute_here, node, cwd, failed.absolute()) if in_process else partial(_execute, node, cwd, seconds)
    try:
        problem = _stopped(node, run)
        if problem and _NEVER_STARTED in problem[1]:  # another program took a port that was free a moment before
            problem = _stopped(node, run)
        problem = problem or _unfinished(node)
    finally:  # written in every case: a person who looks for the fault needs the notebook as far as it came
        text = str(nbformat.writes(node))
        write_file(failed, text, private=True)
    if problem:
        raise AlignError(Problem(*problem, notebook.name, fix=f"open {failed.name}, mend the cause and run again"))
    result = harvest(failed)
    write_file(executed, text)
    failed.unlink()
    return result


def _stopped(node: Any, run: Callable[[], None]) -> tuple[str, str] | None:
    """Runs the cells in place; returns (code, what happened) when they did not all run."""
    from nbclient.exceptions import CellControlSignal
    from nbformat import ValidationError

    try:
        run()
    except MemoryError:
        code, what = "E-MEMORY", _NO_MEMORY
    except ValidationError as error:
        code, what = "E-NOTEBOOK", f"no notebook can hold what it put out ({str(error).splitlines()[0]})"
    except TimeoutError as error:
        code, what = "E-TIME", str(error)
    except (CellControlSignal, RuntimeError) as error:
        code, what = "E-KERNEL", f"the kernel died ({str(error).splitlines()[0]})"
    else:
        return None
    return code, f"cell {_last_cell(node)}: {what}"


def _execute(node: Any, cwd: Path, seconds: float) -> None:
    """Runs the cells in an ordinary kernel. Raises TimeoutError when the time was up, RuntimeError when it died."""
    from papermill.clientwrap import PapermillNotebookClient
    from papermill.engines import NotebookExecutionManager

    manager = NotebookExecutionManager(node, output_path=None, log_output=False, progress_bar=False)
    client = PapermillNotebookClient(manager, kernel_name=KERNEL, resources={"metadata": {"path": str(cwd)}},
        timeout=None, startup_timeout=120, extra_arguments=["--log-level=ERROR"])  # fmt: skip
    client.create_kernel_manager()
    client.km.kernel_spec.argv[0] = sys.executable  # whatever a kernelspec of that name elsewhere may point to
    _end_uninterrupted(client.km)
    manager.notebook_start()
    expired = threading.Event()
    timer = threading.Timer(seconds, _end, (client, expired))
    timer.daemon = True
    timer.start()
    try:
        client.execute()
    except Exception as error:
        if expired.is_set():
            raise TimeoutError(f"the notebook took longer than {seconds:g} seconds and was ended") from error
        raise
    finally:
        timer.cancel()


def _execute_here(node: Any, cwd: Path, failed: Path) -> None:
    """Runs the cells in this process.

    Nobody can ask a process that was killed how far its notebook came. So it is written before the first cell, then
    before and after a cell where the last writing is over a second ago (each costs a cell's worth of time: two flushes
    to disk), and at once when this process is asked to end (SIGTERM), as whoever means to kill it should.
    """
    from contextlib import chdir

    from alignlib.runs.inprocess import run_cells

    def keep() -> None:
        write_file(failed, json.dumps(node), private=True)

    with chdir(cwd), _kept_when_asked_to_end(keep):
        run_cells(node, KERNEL, _at_times(keep))


def _at_times(keep: Callable[[], None]) -> Callable[..., None]:
    """Papermill's saving, which it asks for at each step of each cell: the first time, then once a second at most."""
    last = -math.inf

    def save(**_: Any) -> None:
        nonlocal last
        if time.monotonic() - last > 1:
            keep()
            last = time.monotonic()

    return save


@contextmanager
def _kept_when_asked_to_end(keep: Callable[[], None]) -> Iterator[None]:
    here = os.getpid()

    def leave(number: int, _: Any) -> None:
        try:
            if os.getpid() == here:  # and not in a process that a cell forked
                sys.stdout.flush()
                sys.stderr.flush()
                keep()
        finally:
            signal.signal(number, signal.SIG_DFL)
            os.kill(os.getpid(), number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)


def stopped_at(failed: Path) -> int | None:
    """Which code cell was running when ``NAME.failed.ipynb`` was written? None when none was, or it cannot be read."""
    try:
        cells = _code_cells(json.loads(failed.read_text(encoding="utf-8")))
        running = [cell["metadata"].get("papermill", {}).get("status") == "running" for cell in cells]
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return None
    return running.index(True) + 1 if True in running else None


def _last_cell(node: Any) -> int:
    """The number of the last cell that was begun."""
    return sum(1 for cell in _code_cells(node) if cell.get("execution_count") or cell.get("outputs")) or 1


def _end_uninterrupted(manager: Any) -> None:
    """Ends kernels by asking alone, and by force when that takes too long, as their manager does after an interrupt.

    The interrupt would be for a busy kernel. One that tidies up after its last cell prints it as an error, in a run
    in which every cell succeeded.
    """

    async def shutdown_kernel(now: bool = False, restart: bool = False) -> None:
        await manager.request_shutdown(restart=restart)
        await manager.finish_shutdown(restart=restart)

    manager.shutdown_kernel = shutdown_kernel


def _end(client: Any, expired: threading.Event) -> None:
    """Ends the kernel, and what it started, when the time is up: nbclient limits single cells only."""
    expired.set()
    pid = getattr(getattr(client.km, "provisioner", None), "pid", None)
    if pid and hasattr(os, "killpg"):
        os.killpg(os.getpgid(pid), signal.SIGKILL)
    elif pid:
        os.kill(pid, signal.SIGTERM)


def _code_cells(node: Any) -> list[Any]:
    return [cell for cell in node["cells"] if cell["cell_type"] == "code" and "".join(cell["source"]).strip()]


def _unfinished(node: Any) -> tuple[str, str] | None:
    """Which cell failed or never ran? Asked of the cells themselves."""
    for number, cell in enumerate(_code_cells(node), start=1):
        for output in cell.get("outputs", []):
            if output["output_type"] == "error":
                if output["ename"].endswith(_MEMORY_ERRORS):
                    return "E-MEMORY", f"cell {number}: {_NO_MEMORY}"
                last = (str(output.get("evalue", "")).strip().splitlines() or [""])[0]
                return "E-NOTEBOOK", f"cell {number}: {output['ename']}: {last}"
        if cell.get("execution_count") is None:
            return "E-NOTEBOOK", f"cell {number} did not run"
    return None


def _parameter(statement: ast.stmt, line: str) -> Parameter | None:
    if not (isinstance(statement, ast.AnnAssign) and isinstance(statement.target, ast.Name) and statement.value):
        return None
    kind = ast.unparse(statement.annotation)
    try:
        default: Any = ast.literal_eval(statement.value)
    except ValueError:
        return None
    if kind not in _TYPES or type(default).__name__ != kind or "#" not in line:
        return None
    return Parameter(statement.target.id, kind, default, line.rsplit("#", 1)[1].strip())
