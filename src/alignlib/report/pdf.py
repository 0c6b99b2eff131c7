"""How does the document become a tagged PDF? A Typst template gets it as data, never as markup."""

import json
import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from alignlib import words
from alignlib.files import write_file
from alignlib.report.brand import PLAIN, Brand
from alignlib.report.document import Document
from alignlib.report.paper import printed
from alignlib.report.printable import Printing
from alignlib.resources import resource

# The compiler signs with its own name; in as many bytes, for the places of what follows stand in the file.
_MADE_WITH = re.compile(rb"(/Creator ?\(|<xmp:CreatorTool>|<stEvt:softwareAgent>)(Typst [\d.]+)")
_STANDARDS = ["ua-1", "a-2a"]  # read aloud by machines, and legible in decades


def render(document: Document, brand: Brand = PLAIN) -> bytes:
    """Which PDF shows this document? Tagged (PDF/UA-1, PDF/A-2a), with its fonts, on ``brand.paper``.

    Exhibits that are not open are named only: the page and the workbook hold them. What no font at hand can show is
    printed as a square, and the report says so: the kit's fonts hold Latin, Greek and Cyrillic; ``brand.fonts`` add
    other scripts. A text that the compiler cannot set to these standards makes a file that does not claim them.
    """
    folder = resource("templates", "report", "fonts")
    printing = Printing((*sorted(str(path) for path in folder.glob("*.ttf")), *brand.fonts))
    data = printing.printed(printed(document, brand))
    if missing := len(printing.missing):
        said = f"Characters that no font at hand has, each printed as a square: {words.number(missing)}."
        data["method"]["caveats"].append(f"{said} The HTML report holds them.")
    with _loaded(folder, brand.fonts) as fonts:
        return _compiled(data, fonts, document.record.as_of)


def _compiled(data: dict[str, Any], fonts: Any, as_of: str) -> bytes:
    import typst

    compiled: Any = partial(
        typst.compile, str(resource("templates", "report", "report.typ")), root=str(resource("templates", "report")),
        font_paths=fonts, sys_inputs={"document": json.dumps(data, ensure_ascii=False)},
        timestamp=datetime.fromisoformat(as_of).replace(tzinfo=UTC),
    )  # fmt: skip
    try:
        made: bytes = compiled(pdf_standards=_STANDARDS)
    except typst.TypstError:  # a script that no rule here foresaw: a file without the promise rather than none
        made = compiled()
    return _MADE_WITH.sub(lambda found: found[1] + b"alignlib".ljust(len(found[2])), made)


@contextmanager
def _loaded(folder: Path, more: tuple[str, ...]) -> Iterator[Any]:
    """The kit's fonts and these, and no others of the machine.

    Typst takes folders and reads from them only when it meets a character: these get one that lasts as long as that.
    """
    import typst

    with TemporaryDirectory(prefix="alignlib-fonts-") as own:
        for i, font in enumerate(more):
            write_file(Path(own, f"{i:02}{Path(font).suffix}"), Path(font).read_bytes())
        folders = [str(folder), *([own] if more else [])]
        yield typst.Fonts(include_system_fonts=False, include_embedded_fonts=False, font_paths=folders)
