"""The kit from a wheel, as pip brings it: built, put into a fresh environment, and tried in an empty folder."""

import json
import os
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.faults  # no kills, but as long: a wheel, an environment and an audit

PARTS = ("notebooks", "playbook", "templates")


@pytest.fixture(scope="module")
def uv() -> str:
    """Where is uv? start.py puts it into the environment."""
    if found := shutil.which("uv", path=os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])):
        return found
    pytest.skip("uv is neither in this environment nor on the PATH: python start.py demo fetches it")


def try_uv(uv: str, *words: str | Path, **more: str) -> None:
    """Does it work with what uv has kept, or else with what it can fetch? Skips where neither is to be had."""
    environment = {name: text for name, text in os.environ.items() if name != "VIRTUAL_ENV"} | more
    for offline in (["--offline"], []):
        done = subprocess.run([uv, *words, *offline], env=environment, capture_output=True, text=True, check=False)
        if not done.returncode:
            return
    if "error sending request" in done.stderr or "dns error" in done.stderr or "Failed to fetch" in done.stderr:
        pytest.skip(f"neither kept by uv nor to be fetched: {done.stderr.strip().splitlines()[-1]}")
    pytest.fail(done.stderr)


@pytest.fixture(scope="module")
def wheel(uv: str, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("dist")
    try_uv(uv, "build", "--quiet", "--wheel", "--out-dir", out, root)
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def fresh(uv: str, wheel: Path, root: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of programs of an environment that has the wheel and the packages of the lock file, and no more."""
    folder = tmp_path_factory.mktemp("fresh") / "env"
    locked = ["sync", "--quiet", "--frozen", "--no-dev", "--no-install-project", "--project", root]
    try_uv(uv, *locked, "--python", sys.executable, UV_PROJECT_ENVIRONMENT=str(folder))
    programs = folder / ("Scripts" if os.name == "nt" else "bin")
    try_uv(uv, "pip", "install", "--quiet", "--no-deps", "--python", programs / "python", wheel)
    subprocess.run([uv, "pip", "check", "--quiet", "--python", programs / "python"], check=True)
    return programs


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("home")


def run(fresh: Path, program: str, *words: str, home: Path) -> subprocess.CompletedProcess[str]:
    """How does it end in an empty folder, for a user who has never used anything?"""
    (home / "work").mkdir(exist_ok=True)
    own = {"HOME": str(home), "USERPROFILE": str(home), "PATH": f"{fresh}{os.pathsep}{os.environ['PATH']}"}
    kept = {name: os.environ[name] for name in ("SYSTEMROOT", "TMPDIR", "TEMP") if name in os.environ}
    command = [fresh / program, *words]
    return subprocess.run(
        command, cwd=home / "work", env=own | kept, capture_output=True, text=True, timeout=300, check=False
    )


def test_notebooks_playbook_and_templates_travel_inside_and_nothing_else_does(wheel: Path, root: Path) -> None:
    names = set(zipfile.ZipFile(wheel).namelist())
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard", "-z", *PARTS, "src/alignlib"]
    files = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.split("\0")
    there = {name for name in files if name and (root / name).is_file()}
    kit = {f"alignlib/_kit/{name}" for name in there if not name.startswith("src/")}
    assert kit | {name.removeprefix("src/") for name in there if name.startswith("src/")} <= names
    tops = {name.split("/")[0] for name in names}
    version = wheel.name.split("-")[1]
    assert tops == {"alignlib", f"alignlib-{version}.dist-info", f"alignlib-{version}.data"}
    assert not [name for name in names if name.endswith((".pyc", "~")) or "checkpoint" in name]


def test_the_demo_passes_from_an_empty_folder(fresh: Path, home: Path) -> None:
    ended = run(fresh, "alignlib", "demo", home=home)
    assert ended.returncode == 0, ended.stderr
    assert "The handover is what fails" in ended.stdout
    results = json.loads((home / "work" / "demo" / "results.json").read_text(encoding="utf-8"))
    assert results["synthetic"] and all(
        (home / "work" / "demo" / f"report.{kind}").is_file() for kind in ("html", "pdf")
    )
    assert [path.name for path in (home / "work").iterdir()] == ["demo"]


def test_the_doctor_finds_nothing_wrong_and_says_where_the_plays_are(fresh: Path, home: Path) -> None:
    ended = run(fresh, "alignlib", "doctor", "--json", home=home)
    signs = json.loads(ended.stdout)
    assert ended.returncode == 0, signs
    assert signs["kit"]["found"].endswith(str(Path("alignlib", "_kit"))) and str(fresh.parent) in signs["kit"]["found"]
    assert "needed by batch --scheduler alone" in signs["dask"]["found"]


LAB = """
import subprocess, sys
called = []
subprocess.run = lambda command, **_: called.append(command) or subprocess.CompletedProcess(command, 0)
sys.argv = ["alignlib", "lab"]
try:
    from alignlib.cli import main
    main()
finally:
    print(called)
"""


def test_lab_opens_a_working_copy_and_never_the_installed_files(fresh: Path, home: Path, root: Path) -> None:
    ended = run(fresh, "python", "-c", LAB, home=home)
    assert ended.returncode == 0 and "'jupyterlab', 'alignlib-lab'" in ended.stdout, ended.stderr
    copy = home / "work" / "alignlib-lab"
    wanted = {path.relative_to(root / "notebooks") for path in (root / "notebooks").rglob("*.ipynb")}
    assert {path.relative_to(copy) for path in copy.rglob("*.ipynb")} >= wanted
    (copy / "funnel.ipynb").write_text("mine", encoding="utf-8")
    assert run(fresh, "python", "-c", LAB, home=home).returncode == 0
    assert (copy / "funnel.ipynb").read_text(encoding="utf-8") == "mine", (
        "a second start must not undo what was written"
    )
    asked = run(fresh, "alignlib", "params", "funnel", home=home)
    assert asked.stdout.startswith("run_dir: str"), "the installed notebook is another file than the copy"


@pytest.mark.skipif(os.name == "nt", reason="bash")
def test_bash_completes_a_command_once_it_has_what_install_completion_writes(fresh: Path, home: Path) -> None:
    script = (
        'eval "$(_ALIGNLIB_COMPLETE=source_bash alignlib)"; COMP_WORDS=(alignlib do); COMP_CWORD=1; '
        '_alignlib_completion alignlib; echo "${COMPREPLY[@]}"'
    )
    (home / "work").mkdir(exist_ok=True)
    own = {"HOME": str(home), "PATH": f"{fresh}{os.pathsep}{os.environ['PATH']}"}
    done = subprocess.run(
        ["bash", "-c", script], env=own, cwd=home / "work", capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["doctor"]
