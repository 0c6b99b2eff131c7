"""Are wrong programs noticed? Changes one place of a module at a time and counts the changes that no test sees.

    nice -n 10 .venv/bin/python tests/mutants/run.py files stats rows disclosure --most 150

Each mutant is written into a copy of the repository, so that processes which a test starts meet it too. Those of the
module's tests that call the function are run, in a process forked from this one, which has the libraries loaded.
``--most`` draws that many mutants of a module at random (``--seed``); 0 tries all. Needs a system that can fork, and no
package beside the tests'.

Why its own: mutmut 3.8 leaves functions with a decorator alone, and ``files.writing``, ``files.locked`` and what
``disclosure`` caches are such; cosmic-ray 8.7 begins a new interpreter for each of several thousand mutants.
"""

import argparse
import ast
import json
import os
import random
import resource
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Generator, Iterator
from copy import deepcopy
from itertools import islice
from pathlib import Path
from types import FrameType

import pytest

ROOT = Path(__file__).resolve().parents[2]
TESTS = {  # {module: its file, and the tests that answer for it, the quick ones alone: what they kill is a lower bound}
    "files": ("files.py", ["tests/test_files.py"]),
    "stats": ("stats.py", ["tests/test_stats.py"]),
    "rows": ("intake/rows.py", [
        "tests/intake/test_rows.py", "tests/intake/test_rejected.py", "tests/intake/test_bad_rows.py",
        "-k", "test_rows or rejected or b48 or b49 or b55 or b56 or b57 or doctest",
    ]),
    "disclosure": ("disclosure.py", [
        "tests/diagnostics/test_survey_claims.py", "tests/test_disclosure.py",
        "-k", "not fresh_answers and not limits_of_a_gap and not S40 and not the_attackers_work",
    ]),
}  # fmt: skip
LOADED = ("_pytest.assertion.rewrite", "hypothesis", "nbval.plugin", "pandas", "scipy.stats", "scipy.optimize",
          "pydantic", "duckdb", "typer", "jinja2", "yaml")  # fmt: skip
CPU_SECONDS, PATIENCE = 240, 300  # a mutant that never ends: processor time, and time asleep
SWAPS = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In, ast.Add: ast.Sub, ast.Sub: ast.Add,
    ast.Mult: ast.Div, ast.Div: ast.Mult, ast.Pow: ast.Mult, ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd,
    ast.RShift: ast.LShift, ast.MatMult: ast.Mult, ast.And: ast.Or, ast.Or: ast.And,
}  # fmt: skip
NAMES = {"min": "max", "max": "min", "floor": "ceil", "ceil": "floor", "any": "all", "all": "any"}
Change = tuple[str, Callable[[], None]]


def changes(node: ast.AST) -> Iterator[Change]:
    """In which ways can this place be wrong: what is said of it, and what makes it so?"""
    if isinstance(node, ast.BinOp | ast.BoolOp | ast.AugAssign) and type(node.op) in SWAPS:
        yield "operator", lambda: setattr(node, "op", SWAPS[type(node.op)]())
    if isinstance(node, ast.Compare):
        for at, op in enumerate(node.ops):
            if type(op) in SWAPS:
                yield "comparison", lambda at=at, op=op: node.ops.__setitem__(at, SWAPS[type(op)]())
    if isinstance(node, ast.UnaryOp):
        yield "no sign, no not", lambda: _become(node, node.operand)
    if isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
        wrong = not node.value if isinstance(node.value, bool) else node.value + 1
        yield f"{wrong} for it", lambda: setattr(node, "value", wrong)
    if isinstance(node, ast.Name) and node.id in NAMES:
        yield NAMES[node.id], lambda: setattr(node, "id", NAMES[node.id])
    if isinstance(node, ast.If | ast.IfExp):
        for wrong in (True, False):
            yield f"always {wrong}", lambda wrong=wrong: setattr(node, "test", ast.Constant(wrong))
    if isinstance(node, ast.comprehension):
        for at in range(len(node.ifs)):
            yield "every one", lambda at=at: node.ifs.__setitem__(at, ast.Constant(True))
    if isinstance(node, ast.Raise) or (isinstance(node, ast.Expr) and isinstance(node.value, ast.Call)):
        yield "left out", lambda: _become(node, ast.Pass())
    if isinstance(node, ast.Return) and node.value is not None:
        yield "nothing returned", lambda: setattr(node, "value", ast.Constant(None))


def _become(node: ast.AST, other: ast.AST) -> None:
    """Makes the one node the other in its place."""
    node.__class__, node.__dict__ = other.__class__, ast.copy_location(other, node).__dict__


def mutants(source: str) -> Iterator[tuple[int, str, str]]:
    """Which wrong programs are one change away from this one: line, what is done to what, and the whole text?"""
    tree = ast.parse(source)
    unread = {id(inner) for node in ast.walk(tree) for part in _not_run(node) for inner in ast.walk(part)}
    line = 0
    for at, node in enumerate(ast.walk(tree)):
        line = getattr(node, "lineno", line)
        for way, (what, _) in enumerate(changes(node) if id(node) not in unread else ()):
            wrong = deepcopy(tree)
            place = next(islice(ast.walk(wrong), at, None))
            [*changes(place)][way][1]()
            yield line, f"{ast.unparse(node).splitlines()[0][:70]}  ->  {what}", ast.unparse(wrong)


def _not_run(node: ast.AST) -> list[ast.AST]:
    """Which parts of this place does nothing depend on but a reader: annotations and decorators?"""
    parts = [getattr(node, "annotation", None), getattr(node, "returns", None), *getattr(node, "decorator_list", [])]
    return [part for part in parts if isinstance(part, ast.AST)]


class Watch:
    """A plugin of pytest: which tests call which functions of a file? Given ``chosen``, only those tests are run."""

    def __init__(self, path: Path, chosen: set[str]) -> None:
        self.path, self.chosen, self.callers = str(path), chosen, defaultdict[int, set[str]](set)

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if not self.chosen or item.nodeid in self.chosen]

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_protocol(self, item: pytest.Item) -> Generator[None, object, object]:
        def called(frame: FrameType, *_: object) -> None:
            if frame.f_code.co_filename == self.path:
                self.callers[frame.f_code.co_firstlineno].add(item.nodeid)

        tracing = () if self.chosen else (sys.settrace, threading.settrace)
        for trace in tracing:
            trace(called)
        try:
            return (yield)
        finally:
            for trace in tracing:
                trace(None)


def is_noticed(path: Path, tests: list[str], chosen: set[str], seen: Path) -> bool:
    """Does a test fail, or the process not end? Without chosen tests all are run, and ``seen`` tells who calls what."""
    if (child := os.fork()) == 0:
        os.setsid()
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        quiet = os.open(os.devnull, os.O_WRONLY)
        os.dup2(quiet, 1)
        os.dup2(quiet, 2)
        os.chdir(seen.parent)
        watch = Watch(path, chosen)
        failed = pytest.main(["-x", "-q", "-p", "no:cacheprovider", "-p", "no:xdist", *tests], [watch]) != 0
        seen.write_text(json.dumps({line: sorted(who) for line, who in watch.callers.items()}), encoding="utf-8")
        os._exit(failed)
    until = time.monotonic() + PATIENCE
    while (ended := os.waitpid(child, os.WNOHANG)) == (0, 0) and time.monotonic() < until:
        time.sleep(0.02)
    if ended == (0, 0):
        os.killpg(child, signal.SIGKILL)
        ended = os.waitpid(child, 0)
    return ended[1] != 0


def try_module(copy: Path, name: str, most: int, seed: int, again: str) -> Iterator[tuple[str, bool]]:
    """Which mutants of a module were tried, and was each noticed? Raises RuntimeError where the tests fail anyway."""
    file, tests = TESTS[name]
    path, seen, tests = copy / "src/alignlib" / file, copy / "seen.json", [f"src/alignlib/{file}", *tests]
    source = path.read_text(encoding="utf-8")
    tree = ast.parse(source)

    def write(text: str) -> None:
        path.write_text(text, encoding="utf-8")
        for stale in path.parent.glob(f"__pycache__/{path.stem}.*"):  # same second, same size: it would pass for fresh
            stale.unlink()

    write(source)
    if is_noticed(path, tests, set(), seen):
        raise RuntimeError(f"the tests of {name} fail as it is")
    callers = {int(line): set(who) for line, who in json.loads(seen.read_text(encoding="utf-8")).items()}
    every = [*mutants(source)]
    drawn = random.Random(seed).sample(every, most) if 0 < most < len(every) else every
    print(f"{name}: {len(every)} mutants, {len(drawn)} drawn", flush=True)
    for line, what, text in sorted(drawn):
        if again and f"SURVIVED {file}:{line}: {what}\n" not in again:
            continue
        write(text)
        inside = range_of(tree, line)
        chosen = {test for at, who in callers.items() if at in inside for test in who}
        # what is in no function may matter to every test; a function that no test calls is noticed by none
        yield f"{file}:{line}: {what}", not (inside and not chosen) and is_noticed(path, tests, chosen, seen)
    write(source)


def range_of(tree: ast.Module, line: int) -> range:
    """Which lines has the function, the outermost or the method, that this line is in? None: no function."""
    tops = [part for node in tree.body for part in (node.body if isinstance(node, ast.ClassDef) else [node])]
    for node in tops:
        if isinstance(node, ast.FunctionDef):
            first = min([node.lineno, *(decorator.lineno for decorator in node.decorator_list)])
            if first <= line <= (node.end_lineno or line):
                return range(first, (node.end_lineno or line) + 1)
    return range(0)


def main() -> None:
    ask = argparse.ArgumentParser()
    ask.add_argument("modules", nargs="+", choices=TESTS)
    ask.add_argument("--most", type=int, default=0)
    ask.add_argument("--seed", type=int, default=20260331)
    ask.add_argument("--again", type=Path, help="what an earlier run printed: only its survivors")
    asked = ask.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        copy = Path(folder) / "kit"
        shutil.copytree(ROOT, copy, ignore=shutil.ignore_patterns(".*", "__pycache__", "site", "demo"))
        sys.path.insert(0, str(copy / "src"))
        os.environ |= {"PYTHONPATH": str(copy / "src"), "OPENBLAS_NUM_THREADS": "1", "HOME": folder}
        for library in LOADED:
            __import__(library)
        for name in asked.modules:
            tried = []
            again = asked.again.read_text(encoding="utf-8") if asked.again else ""
            for what, noticed in try_module(copy, name, asked.most, asked.seed, again):
                tried.append(noticed)
                print("killed  " if noticed else "SURVIVED", what, flush=True)
            print(f"{name}: {sum(tried)} of {len(tried)} killed", flush=True)


if __name__ == "__main__":
    main()
