"""Is an audit still that of its inputs? Everything it is worked out from, in one fingerprint, and its files checked."""

import hashlib
import json
import platform
import re
from functools import cache
from importlib.metadata import version
from pathlib import Path
from typing import Any

from alignlib import __version__
from alignlib.comments import APPROVED_FILE
from alignlib.editions import DONE, RESULTS, find_brand, recorded
from alignlib.engagement import LOCK_FILE, SETTINGS_FILE, Settings, lock_state, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import inside, open_inside, sha256
from alignlib.pipeline import ENGINES
from alignlib.resources import resource
from alignlib.words import legible

CLIENTS = "clients"  # in a batch's folder
_PARTS = ("notebooks", "templates", "playbook")  # of the kit, beside the package
_DATA = "data"


@cache
def kit_fingerprint() -> str:
    """What is the fingerprint of the kit that runs: its version, each of its files, and what computes for it?

    The same from a clone and an installed wheel, on every system. Worked out once in a process: whoever forks others
    should ask before.
    """
    files = _files(Path(__file__).resolve().parents[1])
    for part in _PARTS:  # which lie there in a wheel
        files |= {f"_kit/{part}/{name}": path for name, path in _files(resource(part)).items()}
    digests = {name: sha256(path) for name, path in files.items()}
    engines = {"python": platform.python_version(), **{name: version(name) for name in ENGINES}}
    return _of_parts({"version": __version__, "files": digests, "engines": engines})


def fingerprint(engagement: Path, since: Path | None = None) -> str | None:
    """What is the fingerprint of all that the audit of this engagement is worked out from?

    The kit, the settings, when thresholds were agreed, the comments approved, the brand with its logo and fonts, each
    input file and the earlier audit compared with. What was published before (``release_log.json``) and the survey's
    key are not in it: they say whether an audit may be published, not what it says, and the audit itself writes them.
    None where it cannot be known before the run: an input is read from a database server.
    Raises AlignError: E-CONFIG, E-BRAND, E-OPEN for an input file that is not there; OSError where one cannot be read.
    """
    settings = read_engagement(engagement)
    brand, lock = find_brand(engagement), lock_state(engagement, settings)
    names, is_whole = _inputs(settings)
    has_comments = (engagement / APPROVED_FILE).exists()
    parts: dict[str, Any] = {
        "kit": kit_fingerprint(), "settings": settings.sha256(), "lock": lock, "brand": _brand(brand, engagement),
        "comments": sha256(open_inside(engagement, APPROVED_FILE)) if has_comments else None,
        "inputs": {name: sha256(open_inside(engagement / _DATA, name)) for name in names},
        "since": sha256(open_inside(since.parent, since.name)) if since else None,
    }  # fmt: skip
    return _of_parts(parts) if is_whole else None


def files_read(engagement: Path) -> tuple[list[Path], bool]:
    """Which files does the audit of this engagement read, and are these all: none of its inputs in a database server?

    The earlier audit it may be compared with is not among them. Raises AlignError (E-CONFIG, E-BRAND).
    """
    names, is_whole = _inputs(read_engagement(engagement))
    paths = [engagement / SETTINGS_FILE, *(inside(engagement / _DATA, name) for name in names)]
    paths += (path for name in (LOCK_FILE, APPROVED_FILE) if (path := engagement / name).exists())
    if brand := find_brand(engagement):
        paths += [brand, *_beside(brand)]
    return paths, is_whole


def unchanged(out: Path, name: str, fp: str) -> Path | None:
    """Which folder of the batch in ``out`` holds a whole audit of this job with this very fingerprint? The newest.

    Whole: its completion record can be read, and each file that it lists is there as it was written.
    """
    numbers: dict[int, Path] = {}
    for folder in (out / CLIENTS / name).glob(f"{fp[:12]}*"):
        if (found := re.fullmatch(r"-(\d+)|", folder.name[12:])) and folder.is_dir() and not folder.is_symlink():
            numbers[int(found[1] or 1)] = folder
    newest = (numbers[number] for number in sorted(numbers, reverse=True))
    return next((folder for folder in newest if recorded(folder).get("fingerprint") == fp and not verify(folder)), None)


def verify(folder: Path) -> list[Problem]:
    """Which files of the finished audit in this folder are not what was recorded (E-CORRUPT)? [] when it is whole."""
    files, fix = recorded(folder).get("files", {}), "run the batch again, then remove this one"
    if RESULTS not in files:
        return [Problem("E-CORRUPT", "its completion record is missing or damaged", f"{folder.name}/{DONE}", fix=fix)]
    problems = []
    for name, digest in sorted(files.items()):
        try:
            what = "" if sha256(open_inside(folder, name)) == digest else "it is not what was written"
        except (AlignError, OSError):
            what = "it is missing or cannot be read"
        if what:
            problems.append(Problem("E-CORRUPT", what, where=f"{folder.name}/{legible(name)}", fix=fix))
    return problems


def _inputs(settings: Settings) -> tuple[list[str], bool]:
    """The files of data/ that inputs name, each once, and whether they are all that is read."""
    readings = [reading for entry in settings.inputs for reading in (entry, *entry.lookups)]
    names = [reading.source.file if reading.source else reading.file for reading in readings]
    return sorted({name for name in names if name}), all(names)  # "": on a server, or named by the environment


def _brand(path: Path | None, engagement: Path) -> dict[str, Any] | None:
    """What a brand.yml and the files it names put on a report; and whose it is, for reports are made again from it."""
    from alignlib.report.brand import read_brand

    if path is None:
        return None
    brand = read_brand(path)
    fonts = [sha256(open_inside(Path(font).parent, Path(font).name)) for font in brand.fonts]
    logo = hashlib.sha256(brand.logo).hexdigest()
    return brand._asdict() | {"logo": logo, "fonts": fonts, "own": path.parent == engagement.resolve()}


def _beside(brand: Path) -> list[Path]:
    """The files that a brand.yml names."""
    from alignlib.plain_yaml import strict_yaml, yaml_text

    data, _ = strict_yaml(yaml_text(brand))
    named = [data.get("logo"), *(data.get("fonts") or [])]
    return [inside(brand.parent, str(name)) for name in named if name]


def _files(folder: Path) -> dict[str, Path]:
    """Each file of a part of the kit, by its name there; not what editors and Python leave behind."""
    found = {path.relative_to(folder): path for path in folder.rglob("*") if path.is_file()}
    left = {name for name in found if any(part.startswith(".") or part == "__pycache__" for part in name.parts)}
    return {name.as_posix(): path for name, path in found.items() if name not in left}


def _of_parts(parts: dict[str, Any]) -> str:
    text = json.dumps(parts, sort_keys=True, ensure_ascii=False)
    return hashlib.sha256(text.encode(errors="surrogatepass")).hexdigest()
