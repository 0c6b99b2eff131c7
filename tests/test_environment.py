"""Do the ways to install (uv.lock, environment.yml, pip) and the ways to check (make, CI, README) say the same?"""

import os
import re
import subprocess
import tomllib
from pathlib import Path
from typing import Any

import pytest
import yaml


@pytest.fixture(scope="module")
def project(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text(encoding="utf-8"))


@pytest.fixture(scope="module")
def locked(root: Path) -> dict[str, Any]:
    lock = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))
    return next(package for package in lock["package"] if package["name"] == "alignlib")


def plain(requirement: str) -> tuple[str, frozenset[str]]:
    """A requirement as its name and its bounds, whatever the order and the spaces."""
    name, bounds = re.fullmatch(r"([\w.-]+(?:\[.+\])?)(.*)", requirement.replace(" ", "")).groups()  # type: ignore[union-attr]
    return name.lower().replace("_", "-"), frozenset(filter(None, bounds.split(",")))


def recorded(entries: list[dict[str, Any]]) -> set[tuple[str, frozenset[str]]]:
    extras = (f"[{','.join(entry['extras'])}]" if "extras" in entry else "" for entry in entries)
    return {
        plain(entry["name"] + more + entry.get("specifier", "")) for entry, more in zip(entries, extras, strict=True)
    }


def test_the_lock_holds_every_dependency_with_its_bounds(project: dict[str, Any], locked: dict[str, Any]) -> None:
    declared = [project["project"]["dependencies"], *project["project"]["optional-dependencies"].values()]
    wanted = {plain(requirement) for each in declared for requirement in each}
    assert recorded(locked["metadata"]["requires-dist"]) == wanted, "run: uv lock"


def test_the_lock_holds_every_development_tool(project: dict[str, Any], locked: dict[str, Any]) -> None:
    wanted = {plain(requirement) for requirement in project["dependency-groups"]["dev"]}
    assert recorded(locked["metadata"]["requires-dev"]["dev"]) == wanted, "run: uv lock"


def test_the_lock_names_no_private_source(root: Path) -> None:
    text = (root / "uv.lock").read_text(encoding="utf-8")
    assert set(re.findall(r'registry = "([^"]+)"', text)) == {"https://pypi.org/simple"}
    assert "file://" not in text


def test_S45_every_locked_package_is_pinned_by_hash(root: Path) -> None:
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    others = [package for package in packages if package["name"] != "alignlib"]
    files = [
        (each["name"], file) for each in others for file in [*each.get("wheels", []), each.get("sdist", {})] if file
    ]
    assert len(files) > len(others) > 100
    assert {each["name"] for each in others} == {name for name, _ in files}
    unpinned = [name for name, file in files if not re.fullmatch("sha256:[0-9a-f]{64}", file.get("hash", ""))]
    assert unpinned == [] and {file["url"].split("/")[2] for _, file in files} == {"files.pythonhosted.org"}


# The first version without a known hole (hardening notes, T23), of each package among ours that had one.
_SOUND = {"jupyter-server": (2, 20), "nbconvert": (7, 17), "jinja2": (3, 1, 6)}


def numbers(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split("."))


@pytest.mark.parametrize("name", _SOUND)
def test_S45_packages_that_had_holes_are_bounded_below_and_locked_above(
    name: str, root: Path, project: dict[str, Any]
) -> None:
    (least,) = (bound[2:] for wanted, bounds in map(plain, project["project"]["dependencies"]) if wanted == name
                for bound in bounds if bound.startswith(">="))  # fmt: skip
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    (locked,) = (package["version"] for package in packages if package["name"] == name)
    assert numbers(locked) >= numbers(least) >= _SOUND[name]


def test_S45_what_reads_addresses_or_runs_specifications_is_not_among_the_packages(root: Path) -> None:
    packages = tomllib.loads((root / "uv.lock").read_text(encoding="utf-8"))["package"]
    assert {"weasyprint", "vl-convert-python", "altair"}.isdisjoint(package["name"] for package in packages)


def test_S45_a_release_names_each_step_and_the_version_in_one_place(root: Path) -> None:
    page = (root / "docs" / "releasing.md").read_text(encoding="utf-8")
    for command in ("make check", "make trust", "uv build", "uv lock --check", "cyclonedx1.5", "pip-audit"):
        assert command in page
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    assert {f"{target}:" for target in re.findall(r"`make (\w+)`", page)} <= set(re.findall(r"[a-z-]+:", makefile)) | {
        "check:"}  # fmt: skip


def test_conda_users_get_the_same_python_and_this_package(root: Path, project: dict[str, Any]) -> None:
    listed = yaml.safe_load((root / "environment.yml").read_text(encoding="utf-8"))["dependencies"]
    assert listed[0] == f"python{project['project']['requires-python']}"
    assert listed[1:] == ["pip", {"pip": ["-e ."]}], "everything else is pyproject.toml's to say"


def test_the_bootstrap_the_linter_and_the_package_agree_on_the_oldest_python(
    root: Path, project: dict[str, Any]
) -> None:
    oldest = project["project"]["requires-python"].removeprefix(">=")
    major, minor = oldest.split(".")
    assert f"OLDEST = ({major}, {minor})" in (root / "start.py").read_text(encoding="utf-8")
    assert project["tool"]["ruff"]["target-version"] == f"py{major}{minor}"
    assert f"Python {oldest}" in (root / "README.md").read_text(encoding="utf-8")


def test_the_version_is_said_once_and_the_change_log_knows_it(root: Path, project: dict[str, Any]) -> None:
    import alignlib

    assert alignlib.__version__ == project["project"]["version"]
    assert f"## {alignlib.__version__}" in (root / "CHANGELOG.md").read_text(encoding="utf-8")


def test_make_and_ci_run_the_one_list_of_checks(root: Path) -> None:
    makefile, ci = (root / "Makefile").read_text(encoding="utf-8"), (root / ".ci" / "run").read_text(encoding="utf-8")
    assert re.search(r"^check test:\n\t\$\(PYTHON\) start\.py test$", makefile, re.M)
    assert re.search(r"^python3 start\.py test$", ci, re.M) and "set -euo pipefail" in ci
    assert "python start.py test" in (root / "README.md").read_text(encoding="utf-8")


@pytest.mark.skipif(os.name == "nt", reason="CI runs on Linux")
def test_the_ci_script_is_executable_and_well_formed(root: Path) -> None:
    script = root / ".ci" / "run"
    assert os.access(script, os.X_OK)
    assert subprocess.run(["bash", "-n", script]).returncode == 0


def test_every_file_the_readme_points_at_is_there(root: Path) -> None:
    for page in root.glob("*.md"):
        for target in re.findall(r"\]\((?!https?:|#|mailto:)([^)#]+)", page.read_text(encoding="utf-8")):
            assert (root / target).exists(), f"{page.name} points at {target}, which is not there"


def test_every_real_data_set_at_hand_is_described(root: Path, data_folder: Path) -> None:
    page = (root / "tests" / "reference" / "README.md").read_text(encoding="utf-8")
    for folder in sorted(path for path in data_folder.iterdir() if path.is_dir()):
        assert f"## {folder.name}" in page, f"{folder.name} has no section with its source and licence"


def test_every_command_is_in_the_readme_and_no_other(root: Path) -> None:
    from alignlib.cli import app

    commands = {info.name or info.callback.__name__ for info in app.registered_commands if info.callback}
    for group in app.registered_groups:
        assert group.typer_instance is not None
        inner = (
            info.name or getattr(info.callback, "__name__", "") for info in group.typer_instance.registered_commands
        )
        commands |= {f"{group.name or group.typer_instance.info.name} {name}" for name in inner}
    written = (root / "README.md").read_text(encoding="utf-8")
    table = re.findall(r"^\| `alignlib ([a-z]+(?: [a-z]+)?)", written, re.M)
    assert set(table) == commands
