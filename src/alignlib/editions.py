"""Which files of a finished audit were made for whom: editions of one record, entered before they are written."""

import json
from collections.abc import Sequence
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from alignlib import report
from alignlib.errors import AlignError, Problem
from alignlib.files import inside, sha256, write_file
from alignlib.report.leaks import refuse
from alignlib.report.phrases import READERS
from alignlib.result import Record, read_record

if TYPE_CHECKING:
    from alignlib.report.brand import Brand

RESULTS, DONE, EDITIONS = "results.json", "private/done.json", "private/editions.json"  # in an audit's folder


class Delivered(NamedTuple):
    """What was made, and which formats could not be: the record, the files in the order to name them, the problems."""

    record: Record
    files: tuple[Path, ...]
    problems: tuple[Problem, ...]


def write_report(
    folder: Path, to: Sequence[str] = report.FORMATS, audience: str = "client", brand: Path | None = None,
    template: Path | None = None,
) -> Delivered:  # fmt: skip
    """Which files tell the finished audit in this folder to this audience, in these formats?

    Takes ``results.json`` only as the audit recorded it, for only that was checked for what it gives away. An edition
    for Sales, Marketing or the board chooses sections of the client's report and never holds a figure that it lacks:
    what disclosure control knows of this audit it knows of every edition. Each is entered in ``private/editions.json``
    before it is written (when, for whom, which files). Without ``brand`` the one of the audit holds.
    Raises AlignError: E-USE for a format or audience there is not, E-RESULT, E-BRAND, E-TEMPLATE.
    """
    kinds = list(dict.fromkeys(to))
    _asked(kinds, audience, template)
    done, path = recorded(folder), folder / RESULTS
    if not path.is_file() or done.get("files", {}).get(RESULTS) != sha256(path):
        what = "it is not the record of a finished audit, so nobody checked what it gives away"
        raise AlignError(Problem("E-RESULT", what, where=str(path), fix="run: alignlib audit ENGAGEMENT --out FOLDER"))
    record, known = read_record(path), str(done.get("brand") or "")
    made, problems = report.make(
        record, kinds, audience, brand_of(brand or (Path(known) if known else None)), _template(template)
    )
    refuse(made, [folder], record.client)
    if made:
        enter(folder, audience, list(made))
    written = tuple(write_file(folder / name, content) for name, content in made.items())
    done["files"] |= {file.name: sha256(file) for file in written}
    write_file(folder / DONE, json.dumps(done, indent=1), private=True)
    return Delivered(record, written, tuple(problems))


def _asked(kinds: list[str], audience: str, template: Path | None) -> None:
    formats, problems = ", ".join(report.FORMATS), []
    for kind in kinds or [""]:
        if kind not in report.FORMATS:
            what = f"{kind!r} is no format of the report" if kind else "no format was named"
            problems.append(Problem("E-USE", what, allowed=formats, fix="name formats as in: --to html,pdf"))
    if audience not in READERS:
        what = f"there is no edition for {audience!r}"
        problems.append(Problem("E-USE", what, allowed=", ".join(READERS), fix="name one of them after --for"))
    if template and "pptx" not in kinds:
        problems.append(Problem("E-USE", "--template is for the deck", fix="add pptx after --to, or leave it out"))
    if problems:
        raise AlignError(problems)


def find_brand(engagement: Path) -> Path | None:
    """Which brand.yml holds for this engagement? Its own, or, where that sets nothing, an agency's in the folder above.

    Raises AlignError (E-BRAND) when the engagement's own cannot be read.
    """
    from alignlib.report.brand import BRAND_FILE, sets_nothing

    own, above = (inside(folder, BRAND_FILE) for folder in (engagement, engagement.resolve().parent))
    return next((path.resolve() for path in (own, above) if path.exists() and not sets_nothing(path)), None)


def brand_of(path: Path | None) -> "Brand":
    """Which brand does this file describe? Without one: none. Raises AlignError (E-BRAND)."""
    from alignlib.report.brand import PLAIN, read_brand

    if path is not None and not path.is_file():
        fix = "put it back, or name another one after --brand"
        raise AlignError(Problem("E-BRAND", "it is not there", where=str(path), fix=fix))
    return read_brand(path) if path else PLAIN


def _template(path: Path | None) -> bytes | None:
    """What does this PPTX file hold? Raises AlignError (E-TEMPLATE) before anything is made, if it cannot be used."""
    if path is None:
        return None
    from alignlib.report import firm

    try:
        if not path.is_file():
            raise AlignError(Problem("E-TEMPLATE", "this is no file", fix="name a .pptx file"))
        with path.open("rb") as handle:
            content = handle.read(firm.MOST_BYTES + 1)
        firm.open_template(content)
    except OSError as error:
        fix = "name a .pptx file"
        raise AlignError(Problem("E-TEMPLATE", f"cannot be opened ({error.strerror})", str(path), fix=fix)) from error
    except AlignError as error:
        raise AlignError(replace(problem, where=str(path)) for problem in error.problems) from error
    return content


def recorded(folder: Path) -> dict[str, Any]:
    """What did the last finished audit of this folder record of itself? Empty when none did, or it cannot be read."""
    try:
        found = json.loads((folder / DONE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}
    return found if isinstance(found, dict) and isinstance(found.get("files"), dict) else {}


def given(folder: Path) -> list[Any]:
    """Which files were given to whom so far? Raises AlignError (E-CORRUPT): damaged must not pass for nothing."""
    path = folder / EDITIONS
    try:
        return list(json.loads(path.read_text(encoding="utf-8"))["editions"]) if path.exists() else []
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "restore it from a copy, or remove it if nothing was given to anybody"
        raise AlignError(Problem("E-CORRUPT", "it is damaged", where=path.name, fix=fix)) from error


def enter(folder: Path, audience: str, files: list[str]) -> None:
    """Which files are given to whom now? Entered before they are written: an entry too many does no harm."""
    made = {"at": datetime.now(UTC).isoformat(timespec="seconds"), "audience": audience, "files": files}
    text = json.dumps({"editions": [*given(folder), made]}, indent=1)
    write_file(folder / EDITIONS, text, private=True)
