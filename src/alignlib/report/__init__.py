"""Reports that leave the house: one ordered document from the record, then each format from that document."""

from collections.abc import Iterable
from importlib import import_module
from typing import TYPE_CHECKING

from alignlib.errors import AlignError, Problem

if TYPE_CHECKING:
    from alignlib.report.brand import Brand
    from alignlib.report.document import Document
    from alignlib.result import Record

FORMATS = ("html", "pdf", "pptx", "xlsx")
Content = dict[str, bytes | str]  # name of a file -> what it holds


def file_name(kind: str, audience: str = "client") -> str:
    """What is the report of this format and audience called?

    >>> file_name("pdf"), file_name("pptx", "board")
    ('report.pdf', 'report-board.pptx')
    """
    return f"report{'' if audience == 'client' else f'-{audience}'}.{kind}"


def make(
    record: "Record", to: Iterable[str] = FORMATS, audience: str = "client", brand: "Brand | None" = None,
    template: bytes | None = None,
) -> tuple[Content, list[Problem]]:  # fmt: skip
    """Which files, by name, tell this record to this audience, and which formats could not be made?

    ``template`` is a PPTX file whose layouts the deck takes. A format that fails is told (E-MAKE, or its own code) and
    does not stop the others. Each format's library is loaded only here. Equal records make equal bytes.
    """
    from alignlib.report.brand import PLAIN
    from alignlib.report.document import build

    document, made, problems = build(record, audience), Content(), []
    for kind in to:
        extra = {"template": template} if kind == "pptx" else {}
        content = _rendered(kind, document, brand or PLAIN, extra)
        if isinstance(content, list):
            problems += content
        else:
            made[file_name(kind, audience)] = content
    return made, problems


def _rendered(
    kind: str, document: "Document", brand: "Brand", extra: dict[str, bytes | None]
) -> bytes | str | list[Problem]:
    """What does this format hold, or why could it not be made? A library may fail in ways nobody has seen yet."""
    try:
        content: bytes | str = import_module(f"alignlib.report.{kind}").render(document, brand, **extra)
        return content
    except AlignError as error:
        return error.problems
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  a panic of the typesetter, which is Rust, is no Exception
        # the library's own words may hold a path or a client's text: they stay out of the message
        fix = "what else was made stands; run again, and report this if it stays"
        return [Problem("E-MAKE", f"the {kind.upper()} could not be made ({type(error).__name__})", fix=fix)]
