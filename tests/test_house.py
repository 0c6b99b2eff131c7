"""Does the house stand as DECISIONS.md says? Each rule reads a tree of files and lists what breaks it.

Every rule is shown to fail: ``BREAKS`` plants one violation at a time in a small sound house.
"""

import ast
import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SRC = "src/alignlib"

# Who may import whom: each part -> the parts it may import. Every part may import words, errors and itself.
ALLOWED: dict[str, set[str]] = {
    "__init__": set(),
    "words": set(),
    "errors": set(),
    "files": set(),
    "resources": set(),
    "result": set(),
    "instrument": {"resources", "engagement"},
    "grievances": {"resources"},
    "comments": {"files"},
    "forms": {"instrument", "engagement", "files", "resources"},
    "planning": {"disclosure"},
    "stats": {"result"},
    "incidence": {"stats"},
    "association": {"stats"},
    "plain_yaml": set(),
    "addresses": set(),
    "plain_fields": set(),
    "engagement": {"files", "plain_yaml", "addresses", "plain_fields"},
    "disclosure": {"result"},
    "charts": {"result"},
    "show": {"result", "charts", "resources"},
    "intake": {"engagement", "files", "resources", "result", "instrument", "comments", "plain_yaml", "addresses"},
    "imports": {"engagement", "files", "grievances", "intake", "plain_yaml", "resources", "result"},
    "judging": {"stats", "result", "engagement"},
    "agreement": {"stats"},
    "permutation": {"stats"},
    "diagnostics": {
        "stats", "incidence", "association", "agreement", "permutation", "judging", "result", "disclosure",
        "intake.tables", "engagement", "plain_yaml", "resources", "instrument", "grievances",
    },
    "audit": {"result", "stats", "resources", "disclosure", "engagement", "grievances", "instrument"},
    "report": {"result", "charts", "disclosure", "resources", "files", "plain_yaml"},
    "runs": {"result", "engagement", "files", "resources"},
    "sample_rows": {"intake.tables", "instrument", "engagement"},
    "sample_content": {"sample_rows"},
    "samples": {"intake.tables", "files", "engagement", "resources", "instrument", "sample_rows", "sample_content"},
    "workshop": {
        "engagement", "intake", "diagnostics", "show", "charts", "disclosure", "files", "result", "resources",
        "instrument", "forms", "audit", "imports", "runs", "plain_yaml", "release",
    },
    "preload": {
        "runs", "diagnostics", "grievances", "instrument", "intake", "report", "resources", "show",
    },
    "release": {"disclosure", "engagement", "files", "intake", "diagnostics"},
    "pipeline": {
        "engagement", "intake", "runs", "audit", "report", "diagnostics", "samples", "files", "resources", "result",
        "editions", "preload", "release",
    },
    "batch": {
        "pipeline", "comments", "editions", "engagement", "files", "imports", "plain_yaml", "portfolio", "preload",
        "report", "resources", "result", "runs",
    },
    "editions": {"report", "result", "files"},
    "drafts": {"engagement", "instrument", "resources", "result", "files", "intake", "pipeline", "release"},
    "portfolio": {"engagement", "instrument", "result", "report"},
    "doctor": {"resources", "runs"},
    "cli": {
        "drafts", "portfolio", "pipeline", "editions", "runs", "workshop", "intake", "imports", "samples", "resources",
        "engagement", "files", "result", "forms", "planning", "comments", "batch", "doctor",
    },
}  # fmt: skip
FREE = {"words", "errors"}

# Budget, in lines.
LONGEST_MODULE, WHOLE_PACKAGE = 400, 37_600
LONGEST_CELL, MOST_CELLS = 10, 12

# Parts that may look at the clock; everything else must give the same figures tomorrow.
CLOCK = {"cli", "runs", "workshop", "editions", "batch"}

# Calls that write, outside files.py, and why each may: (module, call).
WRITERS: dict[tuple[str, str], str] = {
    ("batch.local", "open"): "hands a job's process the log and the events that it adds to, in the private folder",
    ("cli", "shutil.copytree"): "copies the kit's own template into a folder that did not exist",
    ("intake.parquet", ".write_table"): "makes Parquet slice by slice into the file that alignlib.files opened",
    ("samples", ".write_table"): "makes Parquet in memory; alignlib.files writes it",
    ("workshop.store", "os.open"): "SQLite writes its own file; this makes it empty, for its owner alone",
    ("workshop.store", "os.link"): "gives a finished store its name without ever taking another's place",
}
# Other calls a rule would refuse, and why each is right here: (path, call).
EXCEPTIONS: dict[tuple[str, str], str] = {}


# --- reading the tree -------------------------------------------------------------------------------------------------


def repository_files(root: Path) -> list[Path]:
    """Which files are, or would be, committed?"""
    if (root / ".git").exists():
        command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
        names = subprocess.run(command, cwd=root, capture_output=True, check=True, text=True).stdout.split("\0")
        return sorted(root / name for name in names if name and (root / name).is_file())
    skip = {".venv", "__pycache__", ".mypy_cache", ".ruff_cache", ".pytest_cache", ".hypothesis", "demo", "out", "dist"}
    found = (path for path in root.rglob("*") if path.is_file())
    return sorted(path for path in found if not skip & set(path.relative_to(root).parts))


def modules(root: Path) -> Iterator[tuple[str, str, ast.Module]]:
    """Each module of the package: its path, its dotted name within the package, its syntax tree."""
    for path in sorted((root / SRC).rglob("*.py")):
        parts = path.relative_to(root / SRC).with_suffix("").parts
        name = ".".join(parts[:-1] if parts[-1] == "__init__" and len(parts) > 1 else parts)
        yield path.relative_to(root).as_posix(), name, ast.parse(path.read_text(encoding="utf-8"))


def imported(name: str, is_package: bool, tree: ast.Module) -> Iterator[tuple[int, str]]:
    """Which parts of the package does a module import, also inside functions and by name? Line and dotted name."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = node.module or ""
            if node.level:
                package = ["alignlib", *(name.split(".") if is_package else name.split(".")[:-1])]
                base = ".".join([*package[: len(package) - node.level + 1], *filter(None, [node.module])])
            found = [f"{base}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Call) and called(node).endswith(("import_module", "__import__")) and node.args:
            found = [node.args[0].value] if isinstance(node.args[0], ast.Constant) else []
        else:
            continue
        for full in found:
            if str(full).startswith("alignlib.") and not str(full).endswith("__version__"):
                yield node.lineno, str(full).removeprefix("alignlib.")


def called(node: ast.Call) -> str:
    """Under which name is a function called: ``open``, ``yaml.load``, ``.write_text`` (of anything)?"""
    if isinstance(node.func, ast.Name):
        return node.func.id
    if isinstance(node.func, ast.Attribute):
        owner = node.func.value.id if isinstance(node.func.value, ast.Name) else ""
        return f"{owner}.{node.func.attr}"
    return ""


def notebooks(root: Path) -> Iterator[tuple[str, list[dict[str, object]]]]:
    for path in repository_files(root):
        if path.suffix == ".ipynb":
            yield path.relative_to(root).as_posix(), json.loads(path.read_text(encoding="utf-8"))["cells"]


def code_cells(cells: list[dict[str, object]]) -> list[tuple[dict[str, object], str]]:
    code = [(cell, "".join(cell["source"]).strip()) for cell in cells if cell["cell_type"] == "code"]  # type: ignore[arg-type]
    return [(cell, source) for cell, source in code if source]


# --- the rules --------------------------------------------------------------------------------------------------------


def imports_go_one_way(root: Path) -> list[str]:
    faults = []
    for path, name, tree in modules(root):
        part = name.split(".")[0]
        if part not in ALLOWED:
            faults.append(f"{path}: {part} has no line in the table of imports")
            continue
        for line, target in imported(name, path.endswith("__init__.py"), tree):
            allowed = ALLOWED[part] | FREE | {part}
            if not any(target == known or target.startswith(known + ".") for known in allowed):
                faults.append(f"{path}:{line}: {part} may not import {target}")
    return faults


def diagnostics_never_import_one_another(root: Path) -> list[str]:
    return [
        f"{path}:{line}: a diagnostic imports {target}"
        for path, name, tree in modules(root)
        if name.startswith("diagnostics.")
        for line, target in imported(name, path.endswith("__init__.py"), tree)
        if target.startswith("diagnostics") and target.split(".")[1:2] != name.split(".")[1:2]
    ]


def one_stem_runs_through_every_folder(root: Path) -> list[str]:
    folder = root / SRC / "diagnostics"
    found = {path.stem for path in folder.iterdir() if path.suffix == ".py" or (path / "__init__.py").is_file()}
    stems = {stem for stem in found if not stem.startswith("_")}
    written = {path.stem for path in (root / "notebooks").glob("*.ipynb")}
    tested = {path.stem.removeprefix("test_") for path in (root / "tests/diagnostics").glob("test_*.py")}
    wanted = {"notebooks/{}.ipynb": (stems | {"audit"}, written), "tests/diagnostics/test_{}.py": (stems, tested)}
    faults = []
    for pattern, (due, there) in wanted.items():
        faults += [f"{pattern.format(stem)} is missing" for stem in sorted(due - there)]
        extra = {stem for stem in there - due if not any(stem.startswith(f"{known}_") for known in due)}
        faults += [f"{pattern.format(stem)} belongs to no diagnostic" for stem in sorted(extra)]
    return faults


def notebooks_hold_almost_no_logic(root: Path) -> list[str]:
    """A dozen cells of ten lines, no logic, imports of public names only; the last cell says ``result``."""
    faults, public = [], public_names(root)
    for path, cells in notebooks(root):
        code = code_cells(cells)
        if len(code) > MOST_CELLS:
            faults.append(f"{path}: {len(code)} code cells")
        for number, (_, source) in enumerate(code, 1):
            at = f"{path}, code cell {number}"
            if len(source.splitlines()) > LONGEST_CELL:
                faults.append(f"{at}: {len(source.splitlines())} lines")
            try:
                faults += [f"{at}: {fault}" for fault in logic_in(ast.parse(source), public)]
            except SyntaxError as error:
                faults.append(f"{at}: is not plain Python ({error.msg})")
        if not path.startswith("notebooks/workshop/") and (not code or code[-1][1] != "result"):
            faults.append(f"{path}: the last code cell must say only: result")
    return faults


def public_names(root: Path) -> set[str]:
    tree = ast.parse((root / SRC / "__init__.py").read_text(encoding="utf-8"))
    table = next(n.value for n in tree.body if isinstance(n, ast.Assign) and ast.unparse(n.targets[0]) == "_PUBLIC")
    return set(ast.literal_eval(table))


def logic_in(tree: ast.Module, public: set[str]) -> Iterator[str]:
    logic = (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef, ast.For, ast.AsyncFor, ast.While, ast.Try, ast.Lambda)
    for node in ast.walk(tree):
        if isinstance(node, logic):
            yield f"holds a {type(node).__name__}"
        elif isinstance(node, ast.Import):
            yield from (f"imports {alias.name}" for alias in node.names if alias.name != "alignlib")
        elif isinstance(node, ast.ImportFrom):
            taken = {alias.name for alias in node.names}
            if node.module != "alignlib" or not taken <= public:
                yield f"imports {', '.join(sorted(taken))} from {node.module}: only public names of alignlib"


def parameters_are_typed_and_explained(root: Path) -> list[str]:
    """One cell tagged ``parameters``; each line of it ``name: type = value  # what it means``."""
    faults = []
    for path, cells in notebooks(root):
        if path.startswith("notebooks/workshop/"):
            continue
        tagged = [source for cell, source in code_cells(cells) if "parameters" in cell["metadata"].get("tags", [])]  # type: ignore[attr-defined]
        if len(tagged) != 1:
            faults.append(f"{path}: {len(tagged)} cells are tagged parameters")
        for line in "\n".join(tagged).splitlines():
            if line.strip() and not re.fullmatch(r"[a-z]\w*: [\w\[\]. |]+ = .+  # \S.+", line):
                faults.append(f"{path}: a parameter must read `name: type = value  # meaning`: {line}")
    return faults


def notebooks_are_committed_without_outputs(root: Path) -> list[str]:
    return [
        f"{path}, code cell {number}: holds outputs or an execution count"
        for path, cells in notebooks(root)
        for number, (cell, _) in enumerate(code_cells(cells), 1)
        if cell.get("outputs") or cell.get("execution_count") is not None
    ]


def the_package_stays_small(root: Path) -> list[str]:
    sizes = {path: len(path.read_text(encoding="utf-8").splitlines()) for path in (root / SRC).rglob("*.py")}
    faults = [f"{p.relative_to(root)}: {n} lines" for p, n in sorted(sizes.items()) if n > LONGEST_MODULE]
    return faults + [f"the package has {sum(sizes.values())} lines"] * (sum(sizes.values()) > WHOLE_PACKAGE)


def docstrings_answer_a_question(root: Path) -> list[str]:
    """Every module has a docstring; that of a public function begins with a question (a command's need not)."""
    faults = []
    for path, _, tree in modules(root):
        if not ast.get_docstring(tree) and tree.body:
            faults.append(f"{path}: has no docstring")
        for node in tree.body:
            if not isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) or node.name.startswith("_"):
                continue
            first = (ast.get_docstring(node) or "").split("\n\n")[0]
            if not first or ("?" not in first and not is_command(node)):
                faults.append(f"{path}:{node.lineno}: {node.name} does not say which question it answers")
    return faults


def is_command(node: ast.FunctionDef | ast.AsyncFunctionDef) -> bool:
    """Its docstring is what ``--help`` prints."""
    decorators = [each.func for each in node.decorator_list if isinstance(each, ast.Call)]
    return any(isinstance(each, ast.Attribute) and each.attr == "command" for each in decorators)


def only_files_py_writes(root: Path) -> list[str]:
    return [
        f"{path}:{line}: {call} writes; use alignlib.files"
        for path, name, tree in modules(root)
        if name != "files"
        for line, call in writing_calls(tree)
        if (name, call) not in WRITERS
    ]


WRITING_METHODS = {
    "write_text", "write_bytes", "touch", "mkdir", "to_parquet", "to_csv", "to_excel", "to_pickle", "savefig",
    "write_table", "write_parquet", "write_csv", "symlink_to", "hardlink_to",
}  # fmt: skip
WRITING_CALLS = {
    "os.open", "os.replace", "os.rename", "os.link", "os.symlink", "os.makedirs", "shutil.copy", "shutil.copy2",
    "shutil.copyfile", "shutil.copytree", "shutil.move", "shutil.unpack_archive", "tempfile.mkstemp",
    "tempfile.NamedTemporaryFile",
}  # fmt: skip
COPY_TO = re.compile(r"(?is)\bcopy\b.{1,400}\bto\s+('|\$|\{|\?)")
ASKS_CLOCK_OR_CHANCE = re.compile(r"(?i)\b(?:now|today|random)\(\)|\bcurrent_(?:date|time|timestamp)\b")


def writing_calls(tree: ast.Module) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant) and isinstance(node.value, str) and COPY_TO.search(node.value):
            yield node.lineno, "copy to"
        if not isinstance(node, ast.Call):
            continue
        owner, _, method = called(node).rpartition(".")
        if method == "open" and owner != "os":
            given = [*node.args[0 if isinstance(node.func, ast.Attribute) else 1 :], *(k.value for k in node.keywords)]
            modes = [a.value for a in given if isinstance(a, ast.Constant) and isinstance(a.value, str)]
            if any(re.fullmatch(r"[rwaxbt+]{1,3}", mode) and set(mode) & set("wax+") for mode in modes):
                yield node.lineno, "open"
        elif f"{owner}.{method}" in WRITING_CALLS:
            yield node.lineno, f"{owner}.{method}"
        elif method in WRITING_METHODS and isinstance(node.func, ast.Attribute):
            yield node.lineno, f".{method}"


# S22: what makes code of data, and S08: what makes markup of text. By the name under which it is called or imported.
MAKES_CODE = {
    "eval", "exec", "builtins.eval", "builtins.exec", "yaml.load", "yaml.load_all", "yaml.unsafe_load",
    "yaml.unsafe_load_all", "yaml.full_load", "yaml.full_load_all", "os.system", "os.popen", "os.execv",
    "subprocess.getoutput", "subprocess.getstatusoutput", "pty.spawn",
}  # fmt: skip
UNPACKS_OBJECTS = {"pickle", "_pickle", "marshal", "shelve", "dill", "joblib", "cloudpickle", "jsonpickle"}
MAKES_MARKUP = {"Markup", "SafeString", "mark_safe", "Styler", "HTML", "Markdown", "Javascript", "Template"}
LOOSE_WORDS = {"shell": True, "escape": False, "autoescape": False, "allow_pickle": True}
LOOSE_IN_TEMPLATES = {"|safe": r"\|\s*safe\b", "autoescape off": r"autoescape\s+(false|off)"}
LOOSE_IN_PAGES = re.compile(
    r"\b(?:innerHTML|outerHTML|insertAdjacentHTML|srcdoc|document\.write|createContextualFragment|setHTMLUnsafe)\b"
    r"|\beval\(|\bFunction\(|\bset(?:Timeout|Interval)\(\s*['\"`]"
)


def nothing_forbidden_is_called(root: Path) -> list[str]:
    """No pickle, eval, loose YAML, shell or HTML that escapes the template; and no drawer for odds and ends."""
    faults = []
    for path, name, tree in modules(root):
        faults += [f"{path}:{line}: {what}" for line, what in forbidden_calls(tree) if (path, what) not in EXCEPTIONS]
        if name.split(".")[-1] in {"utils", "util", "helpers", "common", "misc", "base"}:
            faults.append(f"{path}: a module is named after what it does")
    for path, cells in notebooks(root):
        plain = "\n".join(source for _, source in code_cells(cells) if not source.startswith(("%", "!")))
        faults += [f"{path}: {what}" for _, what in forbidden_calls(ast.parse(plain))]
    for path in sorted([*(root / "templates").rglob("*"), *(root / SRC).rglob("*.js")]):
        text = path.read_text(encoding="utf-8") if path.suffix in {".html", ".j2", ".jinja", ".typ", ".js"} else ""
        found = [what for what, pattern in LOOSE_IN_TEMPLATES.items() if re.search(pattern, text)]
        found += [] if path.suffix == ".typ" else LOOSE_IN_PAGES.findall(text)
        faults += [f"{path.relative_to(root).as_posix()}: {what}" for what in found]
    return faults


def forbidden_calls(tree: ast.AST) -> Iterator[tuple[int, str]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Import | ast.ImportFrom):
            module, names = getattr(node, "module", "") or "", {alias.name for alias in node.names}
            renamed = {alias.name for alias in node.names if alias.asname} & (
                MAKES_MARKUP | {"os", "yaml", "subprocess"}
            )
            found = {name.split(".")[0] for name in {*names, module}} & UNPACKS_OBJECTS | renamed
            yield from ((node.lineno, name) for name in sorted(found | {f"{module}.{n}" for n in names} & MAKES_CODE))
        if isinstance(node, ast.Attribute) and getattr(node.value, "attr", "") == "style":
            yield node.lineno, "Styler"  # frame.style.format(...)
        if not isinstance(node, ast.Call):
            continue
        name, given = called(node), {k.arg: getattr(k.value, "value", None) for k in node.keywords}
        last = name.split(".")[-1]
        if name in MAKES_CODE or last in {"read_pickle", "to_pickle"}:
            yield node.lineno, name
        if last in MAKES_MARKUP:
            yield node.lineno, last
        if last == "Environment" and given.get("autoescape") is not True:
            yield node.lineno, "Environment without autoescape=True"
        for word, value in LOOSE_WORDS.items():
            if given.get(word, not value) is value:
                yield node.lineno, f"{word}={value}"


def figures_do_not_depend_on_the_day(root: Path) -> list[str]:
    """No clock and no unseeded chance where figures are made: as-of dates come from the settings."""
    faults = []
    for path, name, tree in modules(root):
        if name.split(".")[0] in CLOCK:
            continue
        for node in ast.walk(tree):
            if isinstance(node, ast.Call):
                call = called(node)
                unseeded = call.endswith(("default_rng", "RandomState", "Random")) and not (node.args or node.keywords)
                clock = call.split(".")[-1] in {"now", "today", "utcnow"} or call in {"time.time", "time.localtime"}
                if unseeded or clock:
                    faults.append(f"{path}:{node.lineno}: {call}")
            elif isinstance(node, ast.Constant) and isinstance(node.value, str):
                faults += [f"{path}:{node.lineno}: {sql}" for sql in ASKS_CLOCK_OR_CHANCE.findall(node.value)]
    return faults


def no_paths_of_a_machine(root: Path) -> list[str]:
    pattern = re.compile(r"(?:file://|(?<![\w.:/}>*-]))/(?:work|root|tmp|home/\w+|Users/\w+)/|[A-Z]:\\+Users\\+\w")
    faults = []
    for path in repository_files(root):
        if path.suffix in {
            ".py",
            ".md",
            ".yml",
            ".yaml",
            ".toml",
            ".ipynb",
            ".html",
            ".css",
            ".json",
            ".csv",
            ".txt",
            "",
        }:
            for number, line in enumerate(path.read_text(encoding="utf-8", errors="replace").splitlines(), 1):
                if pattern.search(line) and path != Path(__file__).resolve():
                    faults.append(f"{path.relative_to(root)}:{number}: {line.strip()[:80]}")
    return faults


Rule = Callable[[Path], list[str]]
RULES: list[Rule] = [
    imports_go_one_way, diagnostics_never_import_one_another, one_stem_runs_through_every_folder,
    notebooks_hold_almost_no_logic, parameters_are_typed_and_explained, notebooks_are_committed_without_outputs,
    the_package_stays_small, docstrings_answer_a_question, only_files_py_writes, nothing_forbidden_is_called,
    figures_do_not_depend_on_the_day, no_paths_of_a_machine,
]  # fmt: skip


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_the_house_keeps_its_rules(rule: Rule) -> None:
    faults = rule(ROOT)
    assert not faults, "\n".join(["", *faults])


# --- each rule is shown to fail ---------------------------------------------------------------------------------------


def notebook(*cells: str, parameters: str = 'run: str = "demo"  # folder of the run', last: str = "result") -> str:
    made = [{"cell_type": "code", "metadata": {"tags": ["parameters"]}, "source": parameters, "outputs": []}]
    made += [{"cell_type": "code", "metadata": {}, "source": c, "outputs": []} for c in [*cells, last] if c]
    return json.dumps({"cells": made, "metadata": {}, "nbformat": 4, "nbformat_minor": 5})


SOUND = {
    f"{SRC}/__init__.py": '"""The package."""\n_PUBLIC = {"load": "x", "show": "y"}\n',
    f"{SRC}/words.py": '"""Words."""\n',
    f"{SRC}/stats.py": '"""Numbers."""\n',
    f"{SRC}/charts.py": '"""Charts."""\n',
    f"{SRC}/diagnostics/__init__.py": "",
    f"{SRC}/diagnostics/funnel.py": '"""Leads."""\nfrom alignlib import stats\nfrom alignlib.words import share\n',
    f"{SRC}/diagnostics/survey.py": '"""Answers."""\n',
    "notebooks/funnel.ipynb": notebook("from alignlib import load, show"),
    "notebooks/survey.ipynb": notebook(),
    "notebooks/audit.ipynb": notebook(),
    "notebooks/workshop/survey.ipynb": notebook(last="show(1)"),
    "tests/diagnostics/test_funnel.py": "",
    "tests/diagnostics/test_survey.py": "",
    "templates/report/report.html": "<p>{{ words }}</p>",
    "README.md": "See https://example.org/workshop/page and src/home/x/.",
}
FUNNEL, TEXT = f"{SRC}/diagnostics/funnel.py", '"""Leads."""\n'
BREAKS: list[tuple[Rule, str, str]] = [
    (imports_go_one_way, FUNNEL, TEXT + "from alignlib import charts\n"),
    (imports_go_one_way, FUNNEL, TEXT + "def f():\n    import alignlib.files\n"),
    (imports_go_one_way, FUNNEL, TEXT + "from ..charts import chart\n"),
    (imports_go_one_way, FUNNEL, TEXT + "from alignlib.intake.read import read\n"),
    (imports_go_one_way, FUNNEL, TEXT + 'import_module("alignlib.report.html")\n'),
    (imports_go_one_way, f"{SRC}/words.py", '"""Words."""\nfrom alignlib.result import Measure\n'),
    (imports_go_one_way, f"{SRC}/charts.py", '"""Charts."""\nfrom alignlib.diagnostics.funnel import diagnose\n'),
    (imports_go_one_way, f"{SRC}/newcomer.py", '"""A part nobody placed."""\n'),
    (diagnostics_never_import_one_another, FUNNEL, TEXT + "from alignlib.diagnostics.survey import diagnose\n"),
    (diagnostics_never_import_one_another, FUNNEL, TEXT + "from alignlib.diagnostics import survey\n"),
    (diagnostics_never_import_one_another, FUNNEL, TEXT + "from .survey import diagnose\n"),
    (one_stem_runs_through_every_folder, f"{SRC}/diagnostics/content.py", '"""Content."""\n'),
    (one_stem_runs_through_every_folder, "notebooks/extra.ipynb", notebook()),
    (one_stem_runs_through_every_folder, "tests/diagnostics/test_extra.py", ""),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook(*["1"] * 11)),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("\n".join(["1"] * 11))),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("def f():\n    return 1")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("for i in range(3):\n    print(i)")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("try:\n    1\nexcept E:\n    2")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("import pandas")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("from alignlib.stats import wilson")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("from alignlib import secret")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook("%matplotlib inline")),
    (notebooks_hold_almost_no_logic, "notebooks/funnel.ipynb", notebook(last="result.findings")),
    (notebooks_hold_almost_no_logic, "notebooks/workshop/survey.ipynb", notebook("import os", last="")),
    (parameters_are_typed_and_explained, "notebooks/funnel.ipynb", notebook(parameters='run = "demo"  # the run')),
    (parameters_are_typed_and_explained, "notebooks/funnel.ipynb", notebook(parameters='run: str = "demo"')),
    (parameters_are_typed_and_explained, "notebooks/funnel.ipynb", notebook().replace('"parameters"', '"other"')),
    (notebooks_are_committed_without_outputs, "notebooks/funnel.ipynb",
     notebook().replace('"outputs": []', '"outputs": [{"output_type": "stream"}]', 1)),
    (notebooks_are_committed_without_outputs, "notebooks/workshop/survey.ipynb",
     notebook().replace('"outputs": []', '"outputs": [], "execution_count": 3', 1)),
    (the_package_stays_small, FUNNEL, TEXT + "x = 1\n" * 400),
    (docstrings_answer_a_question, FUNNEL, "x = 1\n"),
    (docstrings_answer_a_question, FUNNEL, TEXT + "def diagnose():\n    return 1\n"),
    (docstrings_answer_a_question, FUNNEL, TEXT + 'def diagnose():\n    """Diagnoses.\n\n    Or not?"""\n'),
    (only_files_py_writes, FUNNEL, TEXT + "open('x', 'w')\n"),
    (only_files_py_writes, FUNNEL, TEXT + "path.open('ab')\n"),
    (only_files_py_writes, FUNNEL, TEXT + "path.open(mode='r+')\n"),
    (only_files_py_writes, FUNNEL, TEXT + "path.write_text('x')\n"),
    (only_files_py_writes, FUNNEL, TEXT + "frame.to_parquet(path)\n"),
    (only_files_py_writes, FUNNEL, TEXT + "shutil.copytree(a, b)\n"),
    (only_files_py_writes, FUNNEL, TEXT + "db.execute(\"copy (select 1) to 'x.parquet'\")\n"),
    (nothing_forbidden_is_called, FUNNEL, TEXT + "import pickle\n"),
    (nothing_forbidden_is_called, "notebooks/funnel.ipynb", notebook("eval('1')")),
    (nothing_forbidden_is_called, f"{SRC}/workshop/wall.js", "place.innerHTML = words"),
    (nothing_forbidden_is_called, "templates/report/report.html", "{{ words | safe }}"),
    (nothing_forbidden_is_called, "templates/report/report.html", "{% autoescape false %}"),
    (nothing_forbidden_is_called, f"{SRC}/utils.py", '"""Odds and ends."""\n'),
    (figures_do_not_depend_on_the_day, FUNNEL, TEXT + "datetime.now()\n"),
    (figures_do_not_depend_on_the_day, FUNNEL, TEXT + "date.today()\n"),
    (figures_do_not_depend_on_the_day, FUNNEL, TEXT + "np.random.default_rng()\n"),
    (figures_do_not_depend_on_the_day, FUNNEL, TEXT + "db.execute('select current_date')\n"),
    (no_paths_of_a_machine, "README.md", "Open /home/someone/report.html"),
    (no_paths_of_a_machine, "notes.md", "at C:\\Users\\someone\\x"),
]  # fmt: skip


def build(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    return root


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.__name__)
def test_a_sound_house_passes_every_rule(rule: Rule, tmp_path: Path) -> None:
    assert rule(build(tmp_path, SOUND)) == []


@pytest.mark.parametrize(("rule", "path", "text"), BREAKS, ids=[f"{b[0].__name__}-{i}" for i, b in enumerate(BREAKS)])
def test_a_broken_rule_is_noticed(rule: Rule, path: str, text: str, tmp_path: Path) -> None:
    faults = rule(build(tmp_path, {**SOUND, path: text}))
    assert len(faults) >= 1


FORBIDDEN = [
    *(f"import {name}" for name in sorted(UNPACKS_OBJECTS)), "from pickle import loads",
    "import joblib.memory as memory",
    *(f"{name}(text)" for name in sorted(MAKES_CODE)), "from os import system", "from yaml import unsafe_load as load",
    "import os as system", "yaml.load(text, Loader=yaml.SafeLoader)", "pd.read_pickle(path)", "frame.to_pickle(path)",
    "np.load(path, allow_pickle=True)", "subprocess.run('ls', shell=True)",
    *(f"{name}(f'<b>{{text}}</b>')" for name in sorted(MAKES_MARKUP)), "display.HTML(text)",
    "from IPython.display import HTML as shown", "frame.to_html(escape=False)", "frame.style.format('{:.1f}')",
    "jinja2.Environment(loader=x)", "Environment(autoescape=False)", "Environment(autoescape=chosen)",
]  # fmt: skip


@pytest.mark.parametrize("line", FORBIDDEN)
def test_S08_S22_what_makes_code_or_markup_of_data_is_noticed(line: str) -> None:
    assert list(forbidden_calls(ast.parse(line))), line


@pytest.mark.parametrize("line", ["node.style", "subprocess.run(['ls'])", "yaml.safe_load(text)", "re.compile(text)",
                                  "Environment(autoescape=True)", "from jinja2 import Template"])  # fmt: skip
def test_what_makes_neither_is_let_be(line: str) -> None:
    assert list(forbidden_calls(ast.parse(line))) == []


@pytest.mark.parametrize(
    ("name", "text"),
    [("r.html.j2", "{{ x |safe }}"), ("r.md.j2", "{%- autoescape off %}"), ("p.js", "a.outerHTML = b"),
     ("p.js", "eval(b)"), ("p.js", "a.insertAdjacentHTML('afterend', b)"), ("p.js", "new Function(b)"),
     ("p.js", "setTimeout('b', 1)"), ("r.html", "<iframe srcdoc='{{ x }}'>"), ("p.js", "document.write(b)")],
)  # fmt: skip
def test_S08_what_lets_markup_through_a_page_or_a_template_is_noticed(name: str, text: str, tmp_path: Path) -> None:
    place = f"{SRC}/workshop/{name}" if name.endswith(".js") else f"templates/report/{name}"
    assert len(nothing_forbidden_is_called(build(tmp_path, {**SOUND, place: text}))) == 1


def test_every_rule_is_shown_to_fail() -> None:
    assert {rule for rule, _, _ in BREAKS} == set(RULES)


def test_a_package_that_outgrows_its_budget_is_noticed(tmp_path: Path) -> None:
    many = {f"{SRC}/intake/part{i}.py": '"""Part."""\n' + "x = 1\n" * 390 for i in range(WHOLE_PACKAGE // 390 + 1)}
    assert any("the package has" in fault for fault in the_package_stays_small(build(tmp_path, {**SOUND, **many})))


def test_no_exemption_outlives_its_reason() -> None:
    used = {(name, call) for _, name, tree in modules(ROOT) for _, call in writing_calls(tree)}
    assert set(WRITERS) <= used, f"no longer needed: {set(WRITERS) - used}"


# --- a light start ----------------------------------------------------------------------------------------------------

HEAVY = {"pandas", "numpy", "scipy", "duckdb", "typst", "papermill", "nbformat", "nbclient", "ipywidgets", "IPython",
         "pyarrow", "sqlalchemy", "jinja2", "pptx", "fontTools", "pydantic", "dask", "distributed",
         "anywidget"}  # fmt: skip


def loaded_by(code: str) -> set[str]:
    """Which modules does a fresh Python hold after running this?"""
    script = f"import sys\ntry:\n    {code}\nexcept SystemExit:\n    pass\nprint('LOADED', *sys.modules)"
    run = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, timeout=60)
    assert run.returncode == 0, run.stderr
    return {name.split(".")[0] for name in run.stdout.split("LOADED ")[1].split()}


@pytest.mark.parametrize(
    "code",
    ["import alignlib", "sys.argv = ['alignlib', '--help']; from alignlib.cli import main; main()"],
    ids=["import alignlib", "alignlib --help"],
)
def test_a_light_start_loads_nothing_heavy(code: str) -> None:
    assert loaded_by(code) & HEAVY == set()


def test_a_heavy_import_would_be_noticed() -> None:
    assert "numpy" in loaded_by("import numpy") & HEAVY
