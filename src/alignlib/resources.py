"""The one door to notebooks, templates and playbook: the same from a clone and from an installed wheel."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib.errors import AlignError, Problem
from alignlib.words import legible

if TYPE_CHECKING:
    from jinja2 import Environment

_PACKAGE = Path(__file__).resolve().parent
_ROOTS = (_PACKAGE / "_kit", _PACKAGE.parents[1])


@dataclass(frozen=True)
class Play:
    """Which question does one play answer, in how many minutes, on which page, and which findings lead to it?

    ``owner`` is the role that runs it, ``days`` within how many days of the report; ``findings`` are keys or patterns.
    """

    id: str
    title: str
    question: str
    minutes: int
    file: str
    owner: str
    days: int
    findings: tuple[str, ...]


def resource(*parts: str) -> Path:
    """Where is this notebook, template or play?

    >>> resource("templates", "survey", "instrument.yml").name
    'instrument.yml'
    """
    for root in _ROOTS:
        path = root.joinpath(*parts)
        if path.exists():
            return path
    what = f"{'/'.join(parts)} is missing from this installation"
    raise AlignError(Problem("E-OPEN", what, fix="install the kit again"))


def read_resource(*parts: str) -> str:
    """What does this template say?"""
    return resource(*parts).read_text(encoding="utf-8")


def strict_templates(folder: str, written: Callable[[str], str] = legible, **known: Any) -> "Environment":
    """Which templates lie in this folder of ``templates``? Every word is escaped, and an unknown name is a fault.

    ``written``: how a text is written before it is escaped; ``known``: what every template may name. Whoever asks keeps
    them, for compiling takes longer than writing.
    """
    from jinja2 import Environment, FileSystemLoader, StrictUndefined

    environment = Environment(
        autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True,
        finalize=lambda value: written(value) if type(value) is str else value,
        loader=FileSystemLoader(resource("templates", folder)),
    )  # fmt: skip
    environment.globals.update(known)
    return environment


@cache
def plays() -> dict[str, Play]:
    """Which plays does this kit hold, by id, in the order of their numbers?

    >>> plays()["P4"].title, plays()["P4"].minutes
    ('Handoff pact', 90)
    """
    found = []
    for path in resource("playbook").glob("P*.md"):
        front = front_matter(path.read_text(encoding="utf-8"), path.name)
        try:
            texts = {name: str(front[name]) for name in ("id", "title", "question", "owner")}
            leading = tuple(str(key) for key in front["findings"] or ())
            found.append(Play(**texts, minutes=int(front["minutes"]), days=int(front["days"]), findings=leading,
                              file=path.name))  # fmt: skip
        except (KeyError, TypeError, ValueError) as error:
            what = "the head of this play lacks an id, title, question, owner or findings, whole minutes or whole days"
            raise AlignError(Problem("E-VALUE", what, where=path.name, fix="compare it with another play")) from error
    return {play.id: play for play in sorted(found, key=lambda play: int(play.id.removeprefix("P")))}


def front_matter(text: str, name: str) -> dict[str, Any]:
    """What does the head of a page say, between its two lines of dashes? ``name`` is for the error's sake.

    >>> front_matter("---\\nid: P3\\n---\\n# Common language\\n", "P3.md")
    {'id': 'P3'}
    """
    import yaml

    parts = text.split("---\n", 2)
    try:
        front = yaml.safe_load(parts[1]) if len(parts) == 3 and not parts[0] else None
    except yaml.YAMLError:
        front = None
    if not isinstance(front, dict):
        fix = "put a head between lines of ---"
        raise AlignError(Problem("E-VALUE", "this page does not begin with a head", where=name, fix=fix))
    return front
