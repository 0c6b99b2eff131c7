"""Sales and Marketing alignment audits: from a client's files to a report with evidence.

Everything public is reached from here and loaded when first used, so that ``import alignlib`` costs nothing:
``load`` (a run's settings and tables), ``survey``, ``content``, ``funnel``, ``audit`` (each answers one question),
``show`` (how an exhibit looks in a notebook), ``open_form`` (one person's page in a workshop) and ``open_wall`` (the
room's).
"""

from importlib import import_module
from typing import Any

__version__ = "0.1.0"

_PUBLIC = {
    "load": "alignlib.pipeline:load",
    "survey": "alignlib.diagnostics.survey",
    "content": "alignlib.diagnostics.content",
    "funnel": "alignlib.diagnostics.funnel",
    "audit": "alignlib.audit",
    "show": "alignlib.show:show",
    "open_form": "alignlib.workshop.form:open_form",
    "open_wall": "alignlib.workshop.wall:open_wall",
}
__all__ = ["__version__", *sorted(_PUBLIC)]


def __getattr__(name: str) -> Any:
    if name not in _PUBLIC:
        raise AttributeError(f"alignlib has no {name!r}; it has {', '.join(sorted(_PUBLIC))}")
    module, _, attribute = _PUBLIC[name].partition(":")
    found = import_module(module)
    # kept under its name: else the import of the module alignlib.show would hide the function show from its second use
    globals()[name] = getattr(found, attribute) if attribute else found
    return globals()[name]
