"""A workshop's own ways in: a form, the store that keeps its answers, and the two teams' gap on them at once."""

from importlib import import_module
from typing import Any

_PUBLIC = {
    "open_store": "alignlib.workshop.store",
    "save_answers": "alignlib.workshop.store",
    "responses": "alignlib.workshop.store",
    "survey_form": "alignlib.workshop.form",
    "gap_view": "alignlib.workshop.form",
    "settings": "alignlib.workshop.form",
}
__all__ = sorted(_PUBLIC)


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"alignlib.workshop has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_PUBLIC[name]), name)


def __dir__() -> list[str]:
    return list(__all__)
