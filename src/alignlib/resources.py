"""The one door to notebooks, templates and playbook: the same from a clone and from an installed wheel."""

from pathlib import Path

from alignlib.errors import AlignError, Problem

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE / "_kit", _PACKAGE.parents[1])


def resource(*parts: str) -> Path:
    """Where is this notebook, template or play?

    >>> resource("templates", "survey", "instrument.yml").name
    'instrument.yml'
    """
    for root in _ROOTS:
        path = root.joinpath(*parts)
        if path.exists():
            return path
    raise AlignError(
        Problem("E-OPEN", f"{'/'.join(parts)} is missing from this installation", fix="install the kit again")
    )


def read_resource(*parts: str) -> str:
    """What does this template say?"""
    return resource(*parts).read_text(encoding="utf-8")
