"""A notebook that did not run whole gives no result, and says where it stopped."""

import ast
import json
import os
import sys
from pathlib import Path
from typing import Any

import nbformat
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from alignlib.errors import AlignError
from alignlib.result import Result
from alignlib.runs import notebook as runner
from alignlib.runs.notebook import check_parameters, parameters_of, run_notebook

RESULT = (
    "from alignlib.result import Result\n"
    "result = Result(diagnostic='audit', question='q', headline=name, summary='s', basis=[str(day)])\nresult"
)
PARAMETERS = 'name: str = "nobody"  # whose\nday: int = 1  # which day'


def notebook(folder: Path, *cells: str, parameters: str = PARAMETERS) -> Path:
    tagged = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    node = nbformat.v4.new_notebook(cells=[tagged, *(nbformat.v4.new_code_cell(cell) for cell in cells)])
    path = folder / "book.ipynb"
    nbformat.write(node, path)
    return path


def run(folder: Path, *cells: str, seconds: float = 120, **given: Any) -> Result:
    return run_notebook(notebook(folder, *cells), folder / "out" / "book.ipynb", given, folder, seconds)


def failure(folder: Path, *cells: str, seconds: float = 120) -> str:
    with pytest.raises(AlignError) as caught:
        run(folder, *cells, seconds=seconds)
    assert not (folder / "out" / "book.ipynb").exists()
    assert (folder / "out" / "book.failed.ipynb").exists()
    return str(caught.value)


def test_a_whole_run_gives_the_result_of_its_last_cell(tmp_path: Path) -> None:
    nasty = 'quote " and \\ and \u2028 and {braces} and 日本'
    result = run(tmp_path, RESULT, name=nasty, day=7)
    assert (result.headline, result.basis) == (nasty, ["7"])
    assert (tmp_path / "out" / "book.ipynb").exists() and not (tmp_path / "out" / "book.failed.ipynb").exists()


def test_the_kernel_is_this_interpreter_in_the_given_folder(tmp_path: Path) -> None:
    result = run(tmp_path, "import os, sys\nname = sys.executable + '|' + os.getcwd()", RESULT)
    assert result.headline == f"{sys.executable}|{tmp_path}"


def test_a_failing_cell_is_named_with_its_last_line(tmp_path: Path) -> None:
    text = failure(tmp_path, "x = 1", "raise ValueError('no such segment')", RESULT)
    assert "book.ipynb" in text and "cell 3" in text and "ValueError: no such segment" in text and "E-NOTEBOOK" in text


def test_a_dead_kernel_is_no_success(tmp_path: Path) -> None:
    assert "E-KERNEL" in failure(tmp_path, "import os\nos._exit(0)", RESULT)


def test_a_kernel_that_still_tidies_up_is_not_interrupted_at_the_end(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    slow = (
        "import inspect, time\nkernel = get_ipython().kernel\nanswer = kernel.shell_handlers['kernel_info_request']\n"
    )
    slow += "async def slowly(*given):\n    said = answer(*given)\n"
    slow += "    if inspect.isawaitable(said):\n        await said\n    time.sleep(1)\n"
    slow += "kernel.shell_handlers['kernel_info_request'] = slowly"
    assert run(tmp_path, slow, RESULT, name="whole").headline == "whole"
    assert "KeyboardInterrupt" not in capfd.readouterr().err


def test_what_goes_wrong_in_a_kernel_beside_its_cells_is_still_printed(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    run(tmp_path, "get_ipython().kernel.log.error('the disk is full')", RESULT)
    assert "the disk is full" in capfd.readouterr().err


@pytest.mark.parametrize(("dying", "works"), [(1, True), (2, False)])
def test_a_kernel_that_never_started_is_started_once_more(
    dying: int, works: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended, starts = runner._end_uninterrupted, []

    def started(manager: Any) -> None:
        starts.append(manager)
        if len(starts) <= dying:  # as when one of its ports was taken
            manager.kernel_spec.argv = [sys.executable, "-c", "raise SystemExit(1)"]
        ended(manager)

    monkeypatch.setattr(runner, "_end_uninterrupted", started)
    if works:
        assert run(tmp_path, RESULT).headline == "nobody"
    else:
        with pytest.raises(AlignError, match=r"the kernel died.*E-KERNEL"):
            run(tmp_path, RESULT)
    assert len(starts) == 2


def test_leaving_with_exit_0_in_the_middle_is_no_success(tmp_path: Path) -> None:
    assert "cell 2" in failure(tmp_path, "import sys\nsys.exit(0)", RESULT)


def test_running_out_of_memory_has_a_code_of_its_own(tmp_path: Path) -> None:
    text = failure(tmp_path, "raise MemoryError", RESULT)
    assert "cell 2: the notebook ran out of memory" in text and "E-MEMORY" in text


def test_an_output_that_no_notebook_can_hold_is_said(tmp_path: Path) -> None:
    text = failure(tmp_path, "display({'a/x': [None, 1]}, raw=True)", RESULT)
    assert "cell 2: no notebook can hold what it put out" in text and "E-NOTEBOOK" in text


def test_the_time_limit_counts_all_cells_together_and_ends_what_they_started(tmp_path: Path) -> None:
    child = "import subprocess, pathlib\nchild = subprocess.Popen(['sleep', '600'])\n"
    child += "pathlib.Path('child.txt').write_text(str(child.pid))"
    text = failure(tmp_path, child, *["import time\ntime.sleep(4)"] * 10, RESULT, seconds=8)
    assert "E-TIME" in text and "took longer than 8 seconds" in text
    pid = int((tmp_path / "child.txt").read_text())
    state = Path(f"/proc/{pid}/stat")
    assert not state.exists() or state.read_text().split()[2] == "Z"


def test_a_notebook_whose_last_cell_is_no_result_gives_none(tmp_path: Path) -> None:
    assert "E-RESULT" in failure(tmp_path, "1 + 1")


def test_an_earlier_good_notebook_survives_a_failing_run(tmp_path: Path) -> None:
    run(tmp_path, RESULT)
    good = (tmp_path / "out" / "book.ipynb").read_bytes()
    with pytest.raises(AlignError):
        run(tmp_path, "1 / 0", RESULT)
    assert (tmp_path / "out" / "book.ipynb").read_bytes() == good


@pytest.mark.parametrize(
    ("given", "what"),
    [
        ({"nam": "x"}, "not a parameter"),
        ({"x=1\nimport os\ny": "1"}, "not a parameter"),
        ({"name": 3}, "must be str, not int"),
        ({"day": "3"}, "must be int, not str"),
        ({"day": True}, "must be int, not bool"),
        ({"name": None}, "must be str, not NoneType"),
        ({"name": Path("x")}, "must be str, not"),
    ],
)
def test_S11_undeclared_names_and_wrong_types_are_refused_before_a_kernel_starts(
    tmp_path: Path, given: dict[str, Any], what: str
) -> None:
    with pytest.raises(AlignError, match="E-PARAM") as caught:
        run(tmp_path, RESULT, **given)
    assert what in str(caught.value)
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("cases", [100, pytest.param(10_000, marks=pytest.mark.trust)])
def test_S12_any_text_and_number_comes_into_a_notebook_as_it_was_given(cases: int, tmp_path: Path) -> None:
    from papermill.iorw import load_notebook_node
    from papermill.parameterize import parameterize_notebook

    node = load_notebook_node(str(notebook(tmp_path)))
    odd = ['"', "'", '"""', "\\", "\u2028", "\0", "\n", "{}", "#", "%", "\ud800"]

    @settings(max_examples=cases)
    @given(st.text() | st.lists(st.sampled_from(odd)).map("".join), st.integers())
    def comes_back(name: str, day: int) -> None:
        made = parameterize_notebook(node, {"name": name, "day": day}, kernel_name="python3", language="python")
        (source,) = (c["source"] for c in made["cells"] if "injected-parameters" in c["metadata"].get("tags", []))
        found = {ast.unparse(each.targets[0]): ast.literal_eval(each.value) for each in ast.parse(source).body}  # type: ignore[attr-defined]
        assert found == {"name": name, "day": day}  # two assignments of literals, and nothing else

    comes_back()


def test_S13_secrets_are_refused_as_parameters(tmp_path: Path) -> None:
    path = notebook(tmp_path, RESULT, parameters='db_password: str = ""  # of the store')
    with pytest.raises(AlignError, match="looks like a secret"):
        check_parameters(path, {"db_password": "x"})


def test_parameters_are_listed_with_type_default_and_meaning(tmp_path: Path) -> None:
    found = parameters_of(notebook(tmp_path, RESULT))
    assert [(p.name, p.type, p.default, p.meaning) for p in found] == [
        ("name", "str", "nobody", "whose"),
        ("day", "int", 1, "which day"),
    ]
    with pytest.raises(AlignError, match="E-PARAM"):
        parameters_of(notebook(tmp_path, parameters="day = 1  # untyped"))


def test_a_failing_run_leaves_its_notebook_readable_by_the_owner_alone(tmp_path: Path) -> None:
    failure(tmp_path, "1 / 0", RESULT)
    path = tmp_path / "out" / "book.failed.ipynb"
    assert json.loads(path.read_text())["cells"]
    assert os.name == "nt" or path.stat().st_mode & 0o077 == 0
