"""A workshop in the room: ``open_form`` (one person's page) and ``open_wall`` (the room's), loaded when first used.

Nothing is imported here: the process that keeps the answers must start without what draws them.
"""

from importlib import import_module
from typing import Any

_PUBLIC = {"open_form": "alignlib.workshop.form", "open_wall": "alignlib.workshop.wall"}
__all__ = ["open_form", "open_wall"]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"alignlib.workshop has no {name!r}; it has {', '.join(__all__)}")
    return getattr(import_module(_PUBLIC[name]), name)
