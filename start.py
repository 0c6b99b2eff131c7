"""The one door on a fresh machine: installs everything into .venv beside this file, then does what you ask.

    python start.py demo      install, then audit the sample company into the folder demo
    python start.py test      install, then run every check (what `make check` runs)
    python start.py lab       install, then open the notebooks in JupyterLab
    python start.py ...       install, then `alignlib ...`

Needs Python 3.11 or later and nothing else. Installing takes a minute or so once; after that it is skipped until
pyproject.toml or uv.lock change.
"""

import hashlib
import importlib.util
import os
import subprocess
import sys
from pathlib import Path

OLDEST = (3, 11)
if sys.version_info < OLDEST:  # before anything an older Python would stumble over
    sys.exit(
        "This needs Python 3.11 or later; you started it with Python {}.{}. Install a newer one from python.org or "
        "from your system and start it by its full name, for example: python3.12 start.py demo".format(
            *sys.version_info
        )
    )

ROOT = Path(__file__).resolve().parent
VENV = ROOT / ".venv"
STAMP = VENV / "installed.txt"
UV = "uv>=0.9,<1"

# The one list of checks: `python start.py test`, `make check` and .ci/run all run it. Quick ones first.
CHECKS: tuple[tuple[str, tuple[str, ...]], ...] = (
    ("format", ("ruff", "format", "--check", ".")),
    ("lint", ("ruff", "check", ".")),
    ("types", ("mypy",)),
    ("tests, doctests and notebooks", ("pytest", "-n", "2", "--dist", "loadfile")),
)


class Stop(Exception):
    """What must the person do before this can go on?"""


def program(name: str, windows: bool = os.name == "nt") -> Path:
    """Where does the environment keep this program?"""
    return VENV / "Scripts" / f"{name}.exe" if windows else VENV / "bin" / name


def wanted_stamp() -> str:
    """What must the stamp say for the environment to be up to date? It changes with the lock file and the folder."""
    digest = hashlib.sha256()
    for name in ("pyproject.toml", "uv.lock"):
        digest.update((ROOT / name).read_bytes().replace(b"\r\n", b"\n"))
    return f"{VENV}\n{digest.hexdigest()}\n"


def found_stamp() -> str:
    """What does the stamp of the last installation say, if there was one?"""
    return STAMP.read_text(encoding="utf-8") if STAMP.is_file() else ""


def missing_parts(version: tuple[int, int] = sys.version_info[:2]) -> str:
    """Which one command cures a Python that came without ``venv`` or ``ensurepip``? Empty when both are there."""
    if all(importlib.util.find_spec(name) for name in ("venv", "ensurepip")):
        return ""
    cures = {
        "apt-get": f"sudo apt-get install -y python{version[0]}.{version[1]}-venv",
        "dnf": "sudo dnf install -y python3-libs python3-pip",
    }
    command = next((cure for tool, cure in cures.items() if _on_path(tool)), cures["apt-get"])
    return f"This Python cannot make a virtual environment yet. Run this once, then start again:\n\n    {command}\n"


def _on_path(tool: str) -> bool:
    return any((Path(folder) / tool).exists() for folder in os.environ.get("PATH", "").split(os.pathsep) if folder)


def _works(python: Path) -> bool:
    """Does the environment's Python start, from this folder, and is it new enough?"""
    test = f"import sys; sys.exit(sys.version_info < {OLDEST} or sys.prefix != {str(VENV)!r})"
    try:
        return subprocess.run([python, "-c", test], capture_output=True).returncode == 0
    except OSError:
        return False


def _step(say: str, command: list[str | Path], when_it_fails: str) -> None:
    print(f"start: {say}", flush=True)
    environment = {name: text for name, text in os.environ.items() if name not in ("VIRTUAL_ENV", "PYTHONHOME")}
    done = subprocess.run(command, cwd=ROOT, env=environment)
    if done.returncode:
        raise Stop(when_it_fails)


def install() -> None:
    """Is everything installed? Makes .venv, puts uv into it and installs exactly what uv.lock lists."""
    wanted, found = wanted_stamp(), found_stamp()
    if found == wanted and program("alignlib").exists():
        return
    problem = missing_parts()
    if problem:
        raise Stop(problem)
    offline = (
        "A package could not be downloaded or installed; the lines above say which. Is this machine online?\n"
        "Behind a proxy set HTTPS_PROXY; with a mirror of your own set PIP_INDEX_URL and UV_DEFAULT_INDEX. "
        "Then start again: what is already here is kept."
    )
    moved = bool(found) and found.splitlines()[0] != str(VENV)  # scripts in an environment hold its full path
    fresh = moved or not _works(program("python"))
    if fresh or not program("uv").exists():
        clear = ["--clear"] if fresh and VENV.exists() else []
        _step(
            f"making .venv with Python {sys.version.split()[0]}",
            [sys.executable, "-m", "venv", *clear, VENV],
            f"The environment could not be made in {VENV}. Is there room on the disk, and may you write there?",
        )
        pip = ["-m", "pip", "install", "--quiet", "--retries", "2", "--disable-pip-version-check"]
        _step("getting uv, which installs the rest", [program("python"), *pip, UV], offline)
    # --inexact: uv lives in this environment and must not remove itself
    sync = ["sync", "--frozen", "--inexact", "--compile-bytecode", "--no-progress", "--quiet", "--python"]
    _step("installing what uv.lock lists (about a minute, once)", [program("uv"), *sync, program("python")], offline)
    STAMP.write_text(wanted, encoding="utf-8")


def check() -> int:
    """Do all checks pass? Runs each, says at the end which failed; 0 when none did."""
    failed = []
    for name, (tool, *words) in CHECKS:
        print(f"\n== {name}: {tool} {' '.join(words)}".rstrip(), flush=True)
        if subprocess.run([program(tool), *words], cwd=ROOT).returncode:
            failed.append(name)
    if failed:
        print(f"\nstart: failed: {'; '.join(failed)}", flush=True)
    return 1 if failed else 0


def main(words: list[str]) -> int:
    """How did it go? Installs if need be, then runs the checks or ``alignlib`` with these words."""
    if not words or words[0] in ("-h", "--help"):
        print(__doc__)
        return subprocess.run([program("alignlib"), "--help"]).returncode if program("alignlib").exists() else 0
    try:
        install()
    except Stop as stop:
        print(f"\n{stop}", file=sys.stderr)
        return 1
    if words == ["test"]:
        return check()
    if words == ["demo"]:
        words = ["demo", "--out", "demo"]
    return subprocess.run([program("alignlib"), *words]).returncode


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except KeyboardInterrupt:
        sys.exit(130)
