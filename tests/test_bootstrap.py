"""Does start.py set a machine up once, say what to do when it cannot, and pass words and exit codes on?"""

import ast
import importlib.util
import subprocess
import sys
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture
def start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> ModuleType:
    """start.py, as if it lay in an empty folder with two small files beside it."""
    spec = importlib.util.spec_from_file_location("start_under_test", ROOT / "start.py")
    assert spec and spec.loader
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    for name in ("pyproject.toml", "uv.lock"):
        (tmp_path / name).write_text(name)
    monkeypatch.setattr(module, "ROOT", tmp_path)
    monkeypatch.setattr(module, "VENV", tmp_path / ".venv")
    monkeypatch.setattr(module, "STAMP", tmp_path / ".venv" / "installed.txt")
    return module


class Machine:
    """Stands for subprocess.run: notes every command, makes the files it would make, fails where told."""

    def __init__(self, start: ModuleType, fail_at: str = "", prefix_fits: bool = True) -> None:
        self.start, self.fail_at, self.prefix_fits, self.commands = start, fail_at, prefix_fits, []

    def __call__(self, command: list[Any], **_: Any) -> subprocess.CompletedProcess[bytes]:
        words = [Path(command[0]).stem, *map(str, command[1:])]
        line = " ".join(words)
        if "-c" in words:  # the question whether the environment's Python works
            works = self.start.program("python").exists() and self.prefix_fits
            return subprocess.CompletedProcess(command, 0 if works else 1)
        self.commands.append(line)
        if self.fail_at and self.fail_at in line:
            return subprocess.CompletedProcess(command, 1)
        makes = {"-m venv": "python", "pip install": "uv", "sync": "alignlib"}
        for part, name in makes.items():
            if part in line:
                self.start.program(name).parent.mkdir(parents=True, exist_ok=True)
                self.start.program(name).touch()
        return subprocess.CompletedProcess(command, 0)


@pytest.fixture
def machine(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> Machine:
    made = Machine(start)
    monkeypatch.setattr(start.subprocess, "run", made)
    return made


def test_a_fresh_machine_gets_an_environment_uv_and_what_the_lock_lists(start: ModuleType, machine: Machine) -> None:
    start.install()
    venv, pip, sync = machine.commands
    assert "-m venv" in venv and "--clear" not in venv
    assert "-m pip install" in pip and start.UV in pip
    assert "sync --frozen" in sync and "--compile-bytecode" in sync


def test_a_second_run_installs_nothing(start: ModuleType, machine: Machine) -> None:
    start.install()
    machine.commands.clear()
    start.install()
    assert machine.commands == []


@pytest.mark.parametrize("name", ["pyproject.toml", "uv.lock"])
def test_a_changed_list_of_packages_is_installed_without_starting_over(
    name: str, start: ModuleType, machine: Machine
) -> None:
    start.install()
    machine.commands.clear()
    (start.ROOT / name).write_text("changed")
    start.install()
    (sync,) = machine.commands
    assert "sync --frozen" in sync


def test_line_ends_of_a_windows_checkout_change_nothing(start: ModuleType) -> None:
    (start.ROOT / "uv.lock").write_bytes(b"a\nb\n")
    before = start.wanted_stamp()
    (start.ROOT / "uv.lock").write_bytes(b"a\r\nb\r\n")
    assert start.wanted_stamp() == before


def test_an_environment_that_was_moved_or_is_broken_is_made_anew(start: ModuleType, machine: Machine) -> None:
    start.install()
    start.STAMP.write_text("elsewhere/.venv\n0\n")
    machine.commands.clear()
    start.install()
    assert "-m venv --clear" in machine.commands[0] and len(machine.commands) == 3
    start.STAMP.unlink()
    machine.prefix_fits = False
    machine.commands.clear()
    start.install()
    assert "-m venv --clear" in machine.commands[0]


def test_an_environment_made_by_uv_itself_is_kept(start: ModuleType, machine: Machine) -> None:
    start.program("python").parent.mkdir(parents=True)
    start.program("python").touch()
    start.install()
    assert "-m venv" in machine.commands[0] and "--clear" not in machine.commands[0]


@pytest.mark.parametrize(("fail_at", "said"), [("-m venv", "room on the disk"), ("pip", "online"), ("sync", "online")])
def test_a_failed_step_says_what_to_do_and_is_tried_again(
    fail_at: str, said: str, start: ModuleType, machine: Machine, capsys: pytest.CaptureFixture[str]
) -> None:
    machine.fail_at = fail_at
    assert start.main(["demo"]) == 1
    assert said in capsys.readouterr().err
    assert not start.STAMP.exists() and not any("demo" in command for command in machine.commands)
    machine.fail_at = ""
    assert start.main(["demo"]) == 0


@pytest.mark.parametrize(
    ("tools", "cure"),
    [(["apt-get"], "sudo apt-get install -y python3.12-venv"), (["dnf"], "sudo dnf install"), ([], "apt")],
)
def test_a_python_without_venv_is_cured_by_one_command(
    tools: list[str], cure: str, start: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for tool in tools:
        (tmp_path / tool).touch()
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.setattr(start.importlib.util, "find_spec", lambda name: None if name == "ensurepip" else object())
    assert cure in start.missing_parts((3, 12))


def test_nothing_is_missing_here(start: ModuleType) -> None:
    assert start.missing_parts() == ""


def test_programs_are_found_on_windows_too(start: ModuleType) -> None:
    assert start.program("uv", windows=True).relative_to(start.VENV).as_posix() == "Scripts/uv.exe"
    assert start.program("uv", windows=False).relative_to(start.VENV).as_posix() == "bin/uv"


def test_words_and_exit_codes_are_passed_on(start: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[list[str]] = []

    def run(command: list[Any], **_: Any) -> subprocess.CompletedProcess[bytes]:
        seen.append([Path(command[0]).stem, *command[1:]])
        return subprocess.CompletedProcess(command, 2)

    monkeypatch.setattr(start, "install", lambda: None)
    monkeypatch.setattr(start.subprocess, "run", run)
    assert start.main(["check", "my client"]) == 2
    assert start.main(["demo"]) == 2
    assert seen == [["alignlib", "check", "my client"], ["alignlib", "demo", "--out", "demo"]]


@pytest.mark.parametrize(("failing", "code"), [(None, 0), ("ruff", 1), ("mypy", 1), ("pytest", 1)])
def test_every_check_runs_and_any_failure_counts(
    failing: str | None, code: int, start: ModuleType, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen: list[str] = []

    def run(command: list[Any], **_: Any) -> subprocess.CompletedProcess[bytes]:
        seen.append(Path(command[0]).stem)
        return subprocess.CompletedProcess(command, int(seen[-1] == failing))

    monkeypatch.setattr(start.subprocess, "run", run)
    assert start.check() == code
    assert seen == ["ruff", "ruff", "mypy", "pytest"]


def test_help_needs_no_installation(start: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert start.main([]) == 0
    assert "python start.py demo" in capsys.readouterr().out


def test_the_script_needs_nothing_but_python() -> None:
    tree = ast.parse((ROOT / "start.py").read_text(encoding="utf-8"))
    names = {alias.name for node in ast.walk(tree) if isinstance(node, ast.Import) for alias in node.names}
    names |= {node.module or "" for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}
    assert {name.split(".")[0] for name in names} <= set(sys.stdlib_module_names)


def test_an_older_python_can_read_it_far_enough_to_refuse() -> None:
    text = (ROOT / "start.py").read_text(encoding="utf-8")
    ast.parse(text, feature_version=(3, 7))  # no syntax newer than that anywhere
    check, first_def = text.index("sys.version_info < OLDEST"), text.index("\ndef ")
    assert check < first_def < text.index("subprocess.run")
