"""A notebook run in a process of its own gives what a stock kernel gives, cell by cell, and fails where it must."""

import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from itertools import groupby
from pathlib import Path
from typing import Any

import nbformat
import pytest

from alignlib.intake.snapshot import prepare
from alignlib.runs.notebook import stopped_at
from alignlib.samples import write_sample

KIT = ("survey", "content", "funnel", "audit")
PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="

# What each cell tries, and the cell. They run in this order in one notebook; later ones use what earlier ones left.
CELLS = {
    "streams": "import sys\nprint('a')\nprint('b', file=sys.stderr)\nprint('c')",
    "unfinished lines": "_ = sys.stdout.write('x')\nsys.stdout.write('y\\r\\nz\\b')",
    "shown in a loop": "for i in range(3):\n    print(i)\n    display(i)",
    "printed around what is shown": "print(1)\ndisplay('x')\nprint(2, file=sys.stderr)\nprint(3)\n'last'",
    "what went in and came out": "_, __, _1, In[1], len(Out)",
    "semicolon": "5;",
    "display id": "h = display('first', display_id=True)\nh2 = display('second', display_id='mine')\nh.update('new')",
    "updated by a later cell": "from IPython.display import update_display\nh.update({'a': 1})\n"
    "update_display('again', display_id='mine')\nupdate_display('unknown', display_id='nobody')",
    "display id taken again": "display('third', display_id='mine')",
    "cleared": "from IPython.display import clear_output\nprint(1)\nclear_output()\nprint(2)",
    "cleared later": "print(1)\nclear_output(wait=True)\nprint(2)\nclear_output(wait=True)\ndisplay(3)\nprint(4)",
    "cleared for nothing": "print(1)\nclear_output(wait=True)",
    "mime bundle": "class B:\n    def _repr_mimebundle_(self, include=None, exclude=None):\n"
    "        return {'text/plain': 'b', 'application/json': {1: (2, 3)}}, {'application/json': {'big': True}}\nB()",
    "its metadata": "display(B(), metadata={'text/plain': {'k': 1}})",
    "raw data": "display({'text/html': '\\u2028', 'application/x+json': [1, None, .5, True]}, raw=True)",
    "images": "from IPython.display import HTML, Image, Javascript, JSON, Latex, Markdown\nimport base64\n"
    f"png = base64.b64decode('{PNG}')\ndisplay(Image(png, width=3), HTML('<i>x</i>'), Markdown('*x*'))\n"
    "display(JSON({'a': [1]}), Javascript('1'), Latex('$x$'))\nImage(png)",
    "shows itself": "class D:\n    def _ipython_display_(self):\n        print('shown')\nD()",
    "no repr": "class R:\n    def __repr__(self):\n        raise ValueError('no repr')\nR()",
    "no html": "class H:\n    def _repr_html_(self): raise KeyError('html')\n    def __repr__(self): return 'h'\nH()",
    "no mime bundle": "class M:\n    def _repr_mimebundle_(self, **k):\n        1/0\nM()",
    "not a number": "display({'text/plain': 'n', 'application/json': {'x': float('nan')}}, raw=True)",
    "not JSON": "display({'text/plain': 'n', 'application/json': {'x': object()}}, raw=True)",
    "dates and bytes": "import datetime\n"
    "display({'text/plain': 'n', 'application/json': {'x': datetime.datetime(2020, 1, 2), 'b': b'\\xff'}}, raw=True)",
    "nothing": "None",
    "awaited": "import asyncio\nasync def f(x):\n    await asyncio.sleep(0)\n    return x\nprint('on')\nawait f(3)",
    "await fails": "await asyncio.sleep(0)\nraise LookupError('in async')",
    "a loop runs": "c = f(1)\nc.close()\nasyncio.run(c)",
    "task": "t = asyncio.create_task(f(7))",
    "task of an earlier cell": "await t",
    "waits": "go = asyncio.Event()\nasync def late():\n    await go.wait()\n    print('late')\n    display('late')\n"
    "t = asyncio.create_task(late())",
    "shown by an earlier cell's task": "go.set()\nawait t\nprint('in time')",
    "async comprehension": "async def g():\n    for i in range(3):\n        yield i\n[i async for i in g()]",
    "captured": "%%capture got\nprint('out')\ndisplay(1)\n2",
    "what was captured": "print(got.stdout, len(got.outputs))\ngot.show()",
    "script": "%%script python3 -\nprint('from a script')",
    "shell": "!echo $((1+1)); echo bad >&2; exit 3",
    "exit code": "x = !echo one; echo two\nx, _exit_code",
    "help": "len?",
    "no such magic": "%nothing",
    "syntax": "1 +",
    "indentation": "  x = 1\n y = 2",
    "NUL": "x = 'a\\0b'\nprint(x)\nx",
    "NUL in the source": "x = 'a\0b'",
    "half a pair": "'\\ud800'",
    "long": "list(range(3000))",
    "deep": "x = []\nfor i in range(3000): x = [x]\nx",
    "chained": "try:\n    1/0\nexcept Exception as e:\n    raise KeyError('b') from e",
    "group": "raise ExceptionGroup('g', [ValueError(1), TypeError(2)])",
    "note": "e = ValueError('x')\ne.add_note('a note')\nraise e",
    "no str": "class E(Exception):\n    def __str__(self): raise RuntimeError('no str')\nraise E()",
    "no message": "raise ValueError",
    "exit": "sys.exit(0)",
    "exit with words": "sys.exit('words')",
    "interrupt": "raise KeyboardInterrupt",
    "no Exception": "raise GeneratorExit('g')",
    "assert": "assert 1 == 2, 'message'",
    "warning": "import warnings\nwarnings.warn('careful')\nwarnings.warn('old', DeprecationWarning)",
    "warned twice": "for i in range(2): warnings.warn('again')",
    "logged": "import logging\nlogging.warning('logged')\nlogging.getLogger('a.b').error('more')",
    "input": "input('name? ')",
    "secret": "import getpass\ngetpass.getpass()",
    "main": "import __main__\n__name__, __main__.__dict__ is globals(), type(get_ipython()).__name__",
    "future": "from __future__ import annotations\ndef f2(x: undefined): pass",
    "future of a later cell": "f2.__annotations__",
    "flushed": "print('f', end='', flush=True)\nprint('g')",
    "streams' own": "o = sys.stdout\no.encoding, o.isatty(), o.name, o.closed, o.writable(), type(o.fileno())",
    "thread": "import threading\nth = threading.Thread(target=lambda: print('th'))\nth.start()\nth.join()",
    "thread fails": "th = threading.Thread(target=lambda: 1/0)\nth.start()\nth.join()",
    "traceback printed": "import traceback\ntry:\n    1/0\nexcept Exception: traceback.print_exc()",
    "history": "%history -n 1-3",
    "after each cell": "get_ipython().events.register('post_run_cell', lambda r: print('after'))",
    "after": "1",
    "hook called": "sys.displayhook('direct')",
    "pandas": "import pandas as pd\ndf = pd.DataFrame({'a': [1, 2], 'b': ['<x>', None]})\ndisplay(df)\ndf.describe()",
    "pandas fails": "df['missing']",
    "rich": "from rich import print as shown\nshown('[b]bold[/b]')",
    "environment": "import os\n[os.environ.get(name) for name in ('TERM', 'PAGER', 'MPLBACKEND', 'FORCE_COLOR')]",
    "folder": "os.getcwd() == os.environ['FOLDER'], sys.path.index('') > 0",
    "another file run": "open('side.py', 'w').write('print(__name__)\\nv = 1')\n%run side.py\nv",
    "another file imported": "import side\nside.v",
    "alias": "%alias hi echo hello %s\nhi you",
    "exec": 'exec("def k():\\n    return 1/0")\nk()',
    "name gone": "del x\nx",
    "name taken": "def display(x): return 'mine'\ndisplay(3)",
    "name given back": "del display\ndisplay(4)",
    "stream replaced": "import io\nold, sys.stdout = sys.stdout, io.StringIO()\nprint('lost')",
    "stream put back": "sys.stdout = old\nprint('found')",
    "widget": "import ipywidgets as w\ns = w.IntSlider(value=3)\ns",
    "widget changed": "s.observe(lambda c: print(c.new), 'value')\ns.value = 6",
    "widget of outputs": "o = w.Output()\nwith o:\n    print('inside')\no",
    "its outputs": "o.outputs",
    "comment": "# nothing but a comment",
    "blank": "\n\n",
}

RUN = """
import os, sys
from pathlib import Path
os.environ |= {"PYDEVD_DISABLE_FILE_VALIDATION": "1", "FOLDER": os.getcwd()}
from papermill.iorw import load_notebook_node, nbformat
if sys.argv[1] == "here":
    from alignlib.runs.inprocess import InProcessEngine as Engine
else:
    from papermill.engines import NBClientEngine as Engine
for path in map(Path, sys.argv[2:]):
    node = load_notebook_node(str(path))
    try:
        Engine.execute_notebook(node, "python3", progress_bar=False)
    finally:
        nbformat.write(node, path.name)
"""

FAIL = """
import json, os, sys
from pathlib import Path
from alignlib.errors import AlignError
from alignlib.runs import inprocess
from alignlib.runs.notebook import run_notebook
inprocess.MOST_BYTES_CELL, inprocess.MOST_BYTES_NOTEBOOK = 1_000_000, 3_000_000  # as it is said, but a tenth
folder, found = Path.cwd(), {}
for path in sorted(Path("books").glob("*.ipynb")):
    out = Path("out") / path.name
    before = set(os.environ), sys.argv, sys.path[:], sys.stdout, sys.displayhook, os.getcwd(), sys.modules["__main__"]
    try:
        run_notebook(path, out, {}, folder, 0, in_process=True)
        found[path.stem] = "done"
    except AlignError as error:
        found[path.stem] = str(error)
    after = set(os.environ), sys.argv, sys.path[:], sys.stdout, sys.displayhook, os.getcwd(), sys.modules["__main__"]
    found[path.stem] += "" if before == after else f" DIFFERS {before} {after}"
Path("found.json").write_text(json.dumps(found))
with open("ends.txt", "a") as ends:
    print("once", file=ends)
"""

RESULT = "from alignlib.result import Result\nResult(diagnostic='audit', question='q', headline='h', summary='s')"


def book(path: Path, *cells: str, tags: tuple[str, ...] = ()) -> Path:
    made = [nbformat.v4.new_code_cell(cell, metadata={"tags": list(tags)}) for cell in cells]
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nbformat.v4.new_notebook(cells=made), path)
    return path


def start(script: str, folder: Path, *given: Any) -> "subprocess.Popen[str]":
    folder.mkdir(parents=True, exist_ok=True)
    environment = {name: value for name, value in os.environ.items() if name != "PYTEST_CURRENT_TEST"}
    with (folder / "log.txt").open("w") as log:
        command = [sys.executable, "-c", script, *map(str, given)]
        return subprocess.Popen(command, cwd=folder, env=environment, stdout=log, stderr=log, text=True)


def shown(outputs: list[Any]) -> Iterator[Any]:
    """What a cell put out, each stream joined up to what is shown next: when a kernel sends it is chance."""
    for is_stream, some in groupby(outputs, lambda output: output["output_type"] == "stream"):
        if not is_stream:
            yield from some
            continue
        for name, texts in groupby(sorted(some, key=lambda o: o["name"], reverse=True), lambda o: o["name"]):
            yield name, "".join("".join(output["text"]) for output in texts)


def masked(cell: Any) -> str:
    """A cell as text, without what differs from run to run."""
    metadata = dict(cell["metadata"]) | {"execution": sorted(cell["metadata"].get("execution", {}))}
    timed = metadata.pop("papermill")
    rest = timed["status"], timed["exception"], metadata, cell.get("execution_count"), list(shown(cell["outputs"]))
    text = re.sub(r"ipykernel_\d+|Thread-\d+|0x[0-9a-f]{6,}|[0-9a-f]{32}", "*", json.dumps(rest, indent=1))
    return text.replace("/there", "/here")


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory, root: Path) -> dict[str, dict[str, Any]]:
    """The notebook of CELLS and the kit's four, as a stock kernel ran them there and one process ran them here."""
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    scratch = tmp_path_factory.mktemp("both")
    run = scratch / "run"
    prepare(write_sample(scratch / "engagement"), run)
    books = [book(scratch / "cells.ipynb", *CELLS.values(), tags=("raises-exception",))]
    for name in KIT:
        node = parameterize_notebook(
            load_notebook_node(str(root / "notebooks" / f"{name}.ipynb")),
            {"run_dir": str(run)}, kernel_name="python3", language="python",
        )  # fmt: skip
        books.append(scratch / f"{name}.ipynb")
        nbformat.write(node, books[-1])
    running = [start(RUN, scratch / where, where, *books) for where in ("here", "there")]
    for process, where in zip(running, ("here", "there"), strict=True):
        assert process.wait(400) == 0, (scratch / where / "log.txt").read_text()
    return {
        where: {path.stem: json.loads((scratch / where / path.name).read_text()) for path in books}
        for where in ("here", "there")
    }


@pytest.mark.parametrize("name", CELLS)
def test_a_cell_puts_out_what_it_puts_out_in_a_kernel(name: str, both: dict[str, dict[str, Any]]) -> None:
    number = list(CELLS).index(name)
    here, there = (masked(both[where]["cells"]["cells"][number]) for where in ("here", "there"))
    assert here == there


@pytest.mark.parametrize("name", KIT)
def test_the_kits_notebooks_put_out_what_they_put_out_in_a_kernel(name: str, both: dict[str, dict[str, Any]]) -> None:
    here, there = (
        [masked(cell) for cell in both[where][name]["cells"] if cell["cell_type"] == "code"]
        for where in ("here", "there")
    )
    assert here == there and any("application/vnd" in cell for cell in here)


@pytest.mark.parametrize("name", ["cells", *KIT])
def test_a_notebook_says_of_itself_what_it_says_after_a_kernel(name: str, both: dict[str, dict[str, Any]]) -> None:
    here, there = (both[where][name]["metadata"] for where in ("here", "there"))
    assert here["language_info"] == there["language_info"] and set(here) == set(there)
    states = [
        sorted(json.dumps(state["state"], sort_keys=True) for state in metadata["widgets"][kind]["state"].values())
        for metadata in (here, there)
        for kind in metadata.get("widgets", {})
    ]
    assert len(states) == (2 if name == "cells" else 0)
    assert len({re.sub("[0-9a-f]{32}", "*", str(state)) for state in states}) <= 1


# What fails, the cells, and what is said of it; a result always follows, so that only the failure can be to blame.
FAILURES: dict[str, tuple[list[str], str]] = {
    "a-cell": (["x = 1", "raise ValueError('no such segment')"], r"cell 2: ValueError: no such segment.*E-NOTEBOOK"),
    "exit-0": (["import sys\nsys.exit(0)"], r"cell 1: SystemExit: 0.*E-NOTEBOOK"),
    "quit": (["quit()"], r"cell 1: the kernel died.*E-KERNEL"),
    "interrupt": (["raise KeyboardInterrupt"], r"cell 1: KeyboardInterrupt.*E-NOTEBOOK"),
    "memory": (["raise MemoryError"], r"cell 1: the notebook ran out of memory.*E-MEMORY"),
    "numpys-memory": (["import numpy\nnumpy.zeros(10**16)"], r"cell 1: the notebook ran out of memory.*E-MEMORY"),
    "no-result": (["1"] , r"E-RESULT"),
    "prints-on": (["x = 1", "while True: print('x' * 999)"], r"cell 2: OutputTooLarge: output too large.*E-NOTEBOOK"),
    "prints-much": (["print('x' * 2_000_000)"], r"cell 1: OutputTooLarge"),
    "prints-though-refused": (
        ["for i in range(30):\n    try:\n        print('x' * 100_000)\n    except BaseException: pass"],
        r"cell 1: OutputTooLarge",
    ),
    "shows-much": (["from IPython.display import HTML\nHTML('x' * 1_100_000)"], r"cell 1: OutputTooLarge"),
    "shows-on": (["while True: display('x' * 9_999)"], r"cell 1: OutputTooLarge"),
    "raises-much": (["raise ValueError('x' * 1_100_000)"], r"cell 1: OutputTooLarge"),
    "each-cell-nearly-too-much": (["print('x' * 990_000)"] * 4, r"cell 4: OutputTooLarge"),
    "no-mime-type": (["display({'a/x': [None, 1]}, raw=True)"], r"cell 1: no notebook can hold.*E-NOTEBOOK"),
    "streams-gone": (["import sys\nsys.stdout = None", "1"], r"cell 2: the kernel died.*E-KERNEL"),
    "loop-stopped": (["import asyncio\nasyncio.get_event_loop().stop()", "await asyncio.sleep(9)"], r"E-KERNEL"),
    "half-a-pair": (["print('\\ud800')"], "done"),
    "cleared-in-time": (
        ["from IPython.display import clear_output\nfor i in range(30):\n    print('x' * 99_999)\n    clear_output()"],
        "done",
    ),
    "updated-in-place": (["h = display(1, display_id=True)\nfor i in range(30): h.update('x' * 99_999)"], "done"),
    "a-task-that-never-ends": (
        ["import asyncio\nasync def on():\n    while True:\n        try:\n            await asyncio.sleep(9)\n"
         "        except asyncio.CancelledError: pass\nt = asyncio.create_task(on())", "await asyncio.sleep(0)"],
        "done",
    ),
    "a-fork-left": (
        ["import os\npid = os.fork()", "print('seen', file=open('seen.txt', 'a'))", "os.waitpid(pid, 0)[1] != 0"],
        "done",
    ),
    "a-fork-prints": (
        ["import os, sys\nprint('mine')\nif not os.fork():\n    print('of the child')\n    os._exit(0)\nos.wait()"],
        "done",
    ),
    "a-subprocess-prints": (["import subprocess\nsubprocess.run(['echo', 'from below'])"], "done"),
    "the-kernels-log": (["get_ipython().kernel.log.error('the disk is full')"], "done"),
}  # fmt: skip


@pytest.fixture(scope="module")
def ended(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder in which all of FAILURES were run one after the other by one process."""
    folder = tmp_path_factory.mktemp("ended")
    for name, (cells, _) in FAILURES.items():
        book(folder / "books" / f"{name}.ipynb", *cells, *([] if name == "no-result" else [RESULT]))
    process = start(FAIL, folder)
    assert process.wait(400) == 0, (folder / "log.txt").read_text()
    return folder


@pytest.mark.parametrize("name", FAILURES)
def test_what_fails_is_said_and_no_success(name: str, ended: Path) -> None:
    expected, said = FAILURES[name][1], json.loads((ended / "found.json").read_text())[name]
    assert re.search(expected, said) and "DIFFERS" not in said
    assert (ended / "out" / f"{name}.ipynb").exists() == (expected == "done")
    failed = ended / "out" / f"{name}.failed.ipynb"
    assert failed.exists() == (expected != "done")
    assert expected == "done" or os.name == "nt" or failed.stat().st_mode & 0o077 == 0


@pytest.mark.parametrize("name", ["prints-on", "prints-much", "prints-though-refused", "shows-on", "raises-much"])
def test_what_is_too_large_is_cut_with_a_mark(name: str, ended: Path) -> None:
    path = ended / "out" / f"{name}.failed.ipynb"
    assert "output too large, cut here" in path.read_text() and path.stat().st_size < 2_100_000


def test_a_cell_may_put_out_10_mb_and_a_notebook_100() -> None:
    from alignlib.runs import inprocess

    assert (inprocess.MOST_BYTES_CELL, inprocess.MOST_BYTES_NOTEBOOK) == (10_000_000, 100_000_000)


def test_what_processes_of_a_cell_print_goes_to_the_log(ended: Path) -> None:
    log = (ended / "log.txt").read_text()
    for name, text in [("a-subprocess-prints", "from below"), ("a-fork-prints", "of the child"),
                       ("the-kernels-log", "the disk is full")]:  # fmt: skip
        kept = (ended / "out" / f"{name}.ipynb").read_text()
        assert text in log.splitlines() and f"{text}\\n" not in kept
    assert "mine\\n" in (ended / "out" / "a-fork-prints.ipynb").read_text()


def test_a_process_that_a_cell_forked_does_not_run_the_next_cells(ended: Path) -> None:
    assert (ended / "seen.txt").read_text() == "seen\n" and (ended / "ends.txt").read_text() == "once\n"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_how_far_it_came_is_known_when_its_process_is_ended(number: signal.Signals, tmp_path: Path) -> None:
    hangs = "import pathlib, time\npathlib.Path('there').touch()\nwhile True:\n    try:\n        time.sleep(9)\n"
    hangs += "    except BaseException: pass"
    book(tmp_path / "books" / "hangs.ipynb", "print('one')", hangs, RESULT)
    process = start(FAIL, tmp_path)
    while not (tmp_path / "there").exists():
        assert process.poll() is None, (tmp_path / "log.txt").read_text()
        time.sleep(0.05)
    process.send_signal(number)
    assert process.wait(60) == -number
    kept = tmp_path / "out" / "hangs.failed.ipynb"
    node = nbformat.read(kept, as_version=4)  # whole, as every file is
    assert not (tmp_path / "out" / "hangs.ipynb").exists()
    if number == signal.SIGTERM:
        assert stopped_at(kept) == 2 and node.cells[0].outputs[0].text == "one\n"


def test_it_runs_without_a_home_as_a_service_has_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path / "nowhere"))  # of which IPython warns before the first cell
    monkeypatch.delenv("IPYTHONDIR", raising=False)
    book(tmp_path / "books" / "one.ipynb", "print('one')", RESULT)
    assert start(FAIL, tmp_path).wait(60) == 0, (tmp_path / "log.txt").read_text()
    assert json.loads((tmp_path / "found.json").read_text()) == {"one": "done"}


def test_where_a_notebook_stopped_is_unknown_when_there_is_none(tmp_path: Path) -> None:
    assert stopped_at(tmp_path / "none.ipynb") is None
    assert stopped_at(book(tmp_path / "new.ipynb", "1")) is None


def test_what_it_needs_is_imported_without_starting_a_thread() -> None:
    script = "import importlib, threading\nfrom alignlib.runs.notebook import PRELOAD\n"
    script += "[importlib.import_module(name) for name in PRELOAD]\nassert threading.active_count() == 1\n"
    script += "import os, sys\nassert not sys.platform.startswith('linux') or len(os.listdir('/proc/self/task')) == 1"
    from alignlib.runs.kernels import ALONE

    environment = os.environ | ALONE | {"PYDEVD_DISABLE_FILE_VALIDATION": "1"}
    done = subprocess.run([sys.executable, "-c", script], env=environment, capture_output=True, text=True, timeout=120)
    assert done.returncode == 0, done.stderr
