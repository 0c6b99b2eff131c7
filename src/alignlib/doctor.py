"""What is wrong with this machine, and how is it cured? Each check looks at one thing."""

import codecs
import locale
import os
import shutil
import sys
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from importlib import import_module, metadata
from pathlib import Path
from subprocess import DEVNULL
from typing import Any

from packaging.requirements import Requirement
from packaging.specifiers import SpecifierSet

from alignlib import __version__
from alignlib.resources import resource
from alignlib.runs.processes import unfit

SECONDS = 60.0  # in which a kernel must have answered
AGAIN = "install the kit again: in a clone delete .venv and run start.py, else pip install --force-reinstall alignlib"


@dataclass(frozen=True)
class Sign:
    """How does one thing stand (ok, warning, fault), what was found, and what cures it?"""

    level: str
    found: str
    cure: str = ""


def _judged(wrong: str, fine: str, cure: str, level: str = "fault") -> Sign:
    return Sign(level, wrong, cure) if wrong else Sign("ok", fine)


def _python() -> Sign:
    asked, here = metadata.metadata("alignlib")["Requires-Python"], ".".join(map(str, sys.version_info[:3]))
    told = f"{here} in {sys.executable}"
    return _judged("" if _fits(here, asked) else told, told, f"install Python {asked} and start the kit with it")


def _packages() -> Sign:
    every = map(Requirement, metadata.requires("alignlib") or [])
    asked = [each for each in every if not each.marker or each.marker.evaluate({"extra": ""})]
    wrong = {each: there for each in asked if not _fits(there := _version(each.name), str(each.specifier))}
    told = "; ".join(f"{each} is asked for, {there or 'none'} is there" for each, there in wrong.items())
    cure = "pip install " + " ".join(f'"{each}"' for each in wrong) + "; in a clone delete .venv and run start.py"
    return _judged(told, f"{len(asked)}, each of a version that fits", cure)


def _version(name: str) -> str:
    return next((each.version for each in metadata.distributions(name=name)), "")


def _fits(version: str, asked: str) -> bool:
    return bool(version) and SpecifierSet(asked).contains(version, prereleases=True)


def _kit() -> Sign:
    from typst import Fonts

    folder = resource("templates", "report", "fonts")
    known = Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=[str(folder)]).families()
    lacking = sorted({"Inter", "Source Serif 4"} - set(known))
    home = {resource(name).parent for name in ("notebooks", "playbook", "templates")}
    told = f"alignlib {__version__}; notebooks, playbook, templates and fonts are in {home.pop()}"
    return _judged(", ".join(f"its font {name} is missing" for name in lacking), told, AGAIN)


def _kernel() -> Sign:
    from jupyter_client.manager import KernelManager, run_kernel

    manager: Any = KernelManager(kernel_name="python3")
    command, ours = Path(manager.format_kernel_cmd()[0]), Path(sys.executable)
    if (command.resolve(), command.parent.resolve()) != (ours.resolve(), ours.parent.resolve()):
        told = f"notebooks opened in JupyterLab run in {command}, where alignlib may be missing"
        return Sign("warning", told, f"remove {manager.kernel_spec.resource_dir}")
    cure = "let programs on this machine talk to one another over 127.0.0.1; what may end them is a virus scanner"
    try:
        with run_kernel(kernel_name="python3", startup_timeout=SECONDS, stdout=DEVNULL, stderr=DEVNULL) as client:
            client.execute_interactive("import alignlib", silent=True, timeout=SECONDS)  # type: ignore[attr-defined]
    except (RuntimeError, OSError) as error:  # of which a TimeoutError is one
        return Sign("fault", f"no kernel answers: {error}", cure)
    return Sign("ok", "it starts in this Python and answers")


def _forks() -> Sign:
    why = unfit()
    told = f"{why}: notebooks get ordinary kernels, which takes several times longer"
    return _judged(why and told, "processes are forked", "nothing needs to be done; Linux is faster", "warning")


def _text() -> Sign:
    read = {"files": locale.getpreferredencoding(False), "the terminal": sys.stdout.encoding or "utf-8"}
    wrong = [f"{what}: {name}" for what, name in read.items() if codecs.lookup(name).name != "utf-8"]
    return _judged(", ".join(wrong), "UTF-8", "set PYTHONUTF8=1", "warning")


def _room() -> Sign:
    free = shutil.disk_usage(Path.cwd()).free
    told = f"{free / 1e9:,.1f} GB free in {Path.cwd()}"
    return _judged(told if free < 500_000_000 else "", told, "make room, or work on another disk", "warning")


def _folder(named: Callable[[], str], setting: str, level: str = "fault") -> Sign:
    folder = "any folder"  # which is what it is when none can be named
    try:
        with tempfile.TemporaryFile(dir=(folder := named())) as file:
            file.write(b"?")
    except OSError as error:
        what = f"nothing can be written in {folder}: {error.strerror}"
        return Sign(level, what, f"set {setting} to a folder of your own")
    return Sign("ok", folder)


CHECKS: dict[str, Callable[[], Sign]] = {
    "python": _python, "packages": _packages, "kit": _kit,
    "home": partial(_folder, lambda: os.environ.get("IPYTHONDIR") or str(Path.home()), "HOME", "warning"),
    "temporary": partial(_folder, tempfile.gettempdir, "TMPDIR"),
    "room": _room, "text": _text, "kernel": _kernel, "forks": _forks,
    "postgres": lambda: Sign("ok", f"its driver {import_module('psycopg').__version__} is there"),
    "dask": lambda: Sign("ok", _version("distributed") or "not there, and needed by batch --scheduler alone"),
    "browser": lambda: Sign("ok", "none is needed: pictures and PDF are drawn without one"),
}  # fmt: skip


def examine(checks: Mapping[str, Callable[[], Sign]] = CHECKS) -> dict[str, Sign]:
    """How does each thing stand? A check that breaks is a fault of its own and stops no other."""
    signs = {}
    for name, check in checks.items():
        try:
            signs[name] = check()
        except Exception as error:  # noqa: BLE001 - whatever it is, it is what is wrong with this machine
            signs[name] = Sign("fault", f"{type(error).__name__}: {error}", AGAIN)
    return signs
