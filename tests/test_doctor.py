"""What `alignlib doctor` says of a machine, with each thing broken on purpose."""

import io
import json
import sys
import tempfile
from collections import namedtuple
from collections.abc import Callable
from importlib import metadata
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from typer.testing import CliRunner

from alignlib import doctor
from alignlib.cli import app
from alignlib.doctor import CHECKS, Sign, examine

Patch = pytest.MonkeyPatch
Usage = namedtuple("Usage", "total used free")


def old_python(patch: Patch, _: Path) -> None:
    patch.setattr(sys, "version_info", (3, 10, 4))


def old_package(patch: Patch, _: Path) -> None:
    true = doctor._version
    patch.setattr(doctor, "_version", lambda name: "2.2.0" if name == "pandas" else true(name))


def no_package(patch: Patch, _: Path) -> None:
    true = metadata.distributions
    patch.setattr(metadata, "distributions", lambda name: [] if name == "rich" else true(name=name))


def not_installed(patch: Patch, _: Path) -> None:
    patch.setattr(metadata, "requires", lambda name: (_ for _ in ()).throw(metadata.PackageNotFoundError(name)))


def no_notebooks(patch: Patch, folder: Path) -> None:
    patch.setattr("alignlib.resources._ROOTS", (folder,))


def no_fonts(patch: Patch, folder: Path) -> None:
    for name in ("notebooks", "playbook", "templates/report/fonts"):
        (folder / name).mkdir(parents=True)
    patch.setattr("alignlib.resources._ROOTS", (folder,))


def no_home(patch: Patch, folder: Path) -> None:
    patch.delenv("IPYTHONDIR", raising=False)
    patch.setenv("HOME", str(folder / "nowhere"))
    patch.setenv("USERPROFILE", str(folder / "nowhere"))


def no_temporary(patch: Patch, folder: Path) -> None:
    patch.setattr(tempfile, "tempdir", str(folder / "nowhere"))


def no_folder_at_all(patch: Patch, _: Path) -> None:
    patch.setattr(tempfile, "tempdir", None)
    patch.setattr(tempfile, "_candidate_tempdir_list", lambda: [])


def no_room(patch: Patch, _: Path) -> None:
    patch.setattr("shutil.disk_usage", lambda _: Usage(10**12, 10**12 - 10**8, 10**8))


def latin_terminal(patch: Patch, _: Path) -> None:
    patch.setattr(sys, "stdout", io.TextIOWrapper(io.BytesIO(), encoding="latin-1"))


def foreign_kernel(patch: Patch, folder: Path) -> None:
    _kernelspec(patch, folder, [str(folder / "elsewhere" / "python"), "-m", "ipykernel_launcher", "-f", "{file}"])


def silent_kernel(patch: Patch, folder: Path) -> None:
    patch.setattr(doctor, "SECONDS", 1.0)
    _kernelspec(patch, folder, [sys.executable, "-c", "import time; time.sleep(60)"])


def dying_kernel(patch: Patch, folder: Path) -> None:
    _kernelspec(patch, folder, [sys.executable, "-c", "raise SystemExit(1)"])


def _kernelspec(patch: Patch, folder: Path, argv: list[str]) -> None:
    """A kernelspec that goes before that of the environment, as one in the user's own folder does."""
    spec = folder / "kernels" / "python3" / "kernel.json"
    spec.parent.mkdir(parents=True)
    spec.write_text(json.dumps({"argv": argv, "display_name": "Python 3", "language": "python"}), encoding="utf-8")
    patch.setenv("JUPYTER_PATH", str(folder))


def no_forks(patch: Patch, _: Path) -> None:
    patch.setattr(sys, "platform", "darwin")


def no_driver(patch: Patch, _: Path) -> None:
    patch.setitem(sys.modules, "psycopg", None)


BROKEN: list[tuple[Callable[[Patch, Path], None], str, str, str, str]] = [
    (old_python, "python", "fault", "3.10.4 in", "install Python >=3.11"),
    (old_package, "packages", "fault", "pandas<4,>=3.1 is asked for, 2.2.0 is there", 'pip install "pandas<4,>=3.1"'),
    (no_package, "packages", "fault", "rich>=14 is asked for, none is there", "delete .venv and run start.py"),
    (not_installed, "packages", "fault", "PackageNotFoundError", "install the kit again"),
    (no_notebooks, "kit", "fault", "is missing from this installation", "install the kit again"),
    (no_fonts, "kit", "fault", "its font Inter is missing, its font Source Serif 4 is missing", "install the kit"),
    (no_home, "home", "warning", "nowhere: No such file", "set HOME to a folder of your own"),
    (no_temporary, "temporary", "fault", "nowhere: No such file", "set TMPDIR to a folder of your own"),
    (no_folder_at_all, "temporary", "fault", "nothing can be written in any folder", "set TMPDIR"),
    (no_room, "room", "warning", "0.1 GB free in", "make room"),
    (latin_terminal, "text", "warning", "the terminal: latin-1", "PYTHONUTF8=1"),
    (foreign_kernel, "kernel", "warning", "elsewhere", "remove "),
    (silent_kernel, "kernel", "fault", "no kernel answers: Kernel didn't respond in 1", "127.0.0.1"),
    (dying_kernel, "kernel", "fault", "no kernel answers: Kernel died", "127.0.0.1"),
    (no_forks, "forks", "warning", "cannot be forked safely on darwin: notebooks get", "nothing needs"),
    (no_driver, "postgres", "fault", "psycopg", "install the kit again"),
]  # fmt: skip


@pytest.mark.parametrize(
    ("broken", "name", "level", "found", "cure"), BROKEN, ids=[broken.__name__ for broken, *_ in BROKEN]
)
def test_what_is_broken_is_named_with_its_cure(
    broken: Callable[[Patch, Path], None], name: str, level: str, found: str, cure: str, tmp_path: Path
) -> None:
    with Patch.context() as patch:
        broken(patch, tmp_path)
        sign = CHECKS[name]() if level == "warning" else examine({name: CHECKS[name]})[name]
    assert sign.level == level and found in sign.found and cure in sign.cure
    assert "\n" not in sign.found + sign.cure


def test_this_machine_is_sound_and_each_check_says_what_it_found() -> None:
    signs = examine()
    assert {name: sign for name, sign in signs.items() if sign.level == "fault"} == {}
    assert all(sign.found and bool(sign.cure) == (sign.level != "ok") for sign in signs.values())
    asked = [Requirement(line) for line in metadata.requires("alignlib") or []]
    assert signs["packages"].found.startswith(f"{sum(not each.marker for each in asked)}, ")


def test_an_extra_that_is_absent_is_no_fault_and_says_what_it_is_for(monkeypatch: Patch) -> None:
    monkeypatch.setattr(doctor, "_version", lambda _: "")
    assert CHECKS["dask"]() == Sign("ok", "not there, and needed by batch --scheduler alone")


def test_a_check_that_breaks_stops_no_other() -> None:
    signs = examine(
        {"first": lambda: Sign("ok", "well"), "second": lambda: Sign(**{}), "third": lambda: Sign("ok", "")}
    )
    assert list(signs) == ["first", "second", "third"]
    assert signs["second"].level == "fault" and signs["second"].found.startswith("TypeError")


@pytest.mark.parametrize(("level", "code"), [("ok", 0), ("warning", 0), ("fault", 1)])
def test_the_command_says_one_line_each_and_ends_with_1_for_a_fault(level: str, code: int, monkeypatch: Patch) -> None:
    sign = Sign(level, "it is so", "" if level == "ok" else "do this")
    monkeypatch.setattr(doctor, "examine", lambda: {"kit": Sign("ok", "there"), "room": sign})
    said = CliRunner().invoke(app, ["doctor"])
    ends = "" if level == "ok" else ". Cure: do this"
    assert said.exit_code == code
    assert said.stdout == f"ok       kit         there\n{level:9}room        it is so{ends}\n"
    told = CliRunner().invoke(app, ["doctor", "--json"])
    assert told.exit_code == code and json.loads(told.stdout)["room"] == vars(sign)
