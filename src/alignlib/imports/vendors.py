"""Which vendor's export is a file? Told by its headers, never by its name, from templates/mappings (one YAML each)."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import lru_cache
from pathlib import Path
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from alignlib.engagement import Stage, TableName
from alignlib.errors import AlignError, Problem
from alignlib.intake.synonyms import worded
from alignlib.intake.tables import TABLES
from alignlib.plain_yaml import strict_yaml
from alignlib.resources import resource
from alignlib.words import listed

PROPERTY = "property_"  # stands before the name of each property in what Fivetran copies of HubSpot
FOLDER = "mappings"  # in the kit's templates, in an agency's folder above its engagements, and in an engagement


@dataclass(frozen=True)
class Partner:
    """Which other export adds columns: ``match`` {word here: word there}, ``columns`` {our column: word there}?

    ``called``: the headers it needs of which export, as one says it; no mapping writes it.
    """

    export: str
    match: dict[str, str]
    columns: dict[str, str]
    called: str = ""


@dataclass(frozen=True)
class Outcomes:
    """Where is it written which label of a deal means won or lost? In ``export`` and here, by ``label``.

    ``reason``: the word of the header that says why a deal was lost, for exports without a flag for closed.
    """

    won: str
    closed: str
    export: str = ""
    label: str = ""  # the word of the header that holds the label, here and there
    words: str = ""  # the header there that says it in words
    reason: str = ""


@dataclass(frozen=True)
class InputRule:
    """Which input does an export give? As in engagement.yml, with the export's own words in place of headers.

    ``needs``: without these headers the input is not made. ``whose`` stage labels are: of a lead they are asked, of a
    deal they are open unless ``outcomes`` or their words say won or lost. ``unless``: words or exports beside which the
    input is not made, for they say the same better. ``known``: labels that mean the same everywhere.
    ``only_ends``: open labels of a deal are left out. ``stage_headers``: of a wide file, a pattern whose group is the
    label in a header, for stages that ``stages`` does not name. ``why``: {our column: what a reader of engagement.yml
    should know}.
    """

    table: TableName
    columns: dict[str, str] = field(default_factory=dict)
    shape: Literal["rows", "wide", "merges"] = "rows"
    needs: tuple[str, ...] = ()
    unless: tuple[str, ...] = ()
    stages: dict[Stage, str] = field(default_factory=dict)
    stage_headers: str = ""
    constants: dict[str, str] = field(default_factory=dict)
    values: dict[str, dict[str, str]] = field(default_factory=dict)
    separators: dict[str, str] = field(default_factory=dict)
    exclude: dict[str, list[str]] = field(default_factory=dict)
    only: dict[str, list[str]] = field(default_factory=dict)
    merged_ids: str = ""
    merged_into: str = ""
    keep_latest: str = ""
    lookups: tuple[Partner, ...] = ()
    whose: Literal["", "lead", "deal"] = ""
    known: dict[str, Stage] = field(default_factory=dict)
    outcomes: Outcomes | None = None
    only_ends: bool = False
    why: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Export:
    """What is one kind of file that a system writes, and what does an audit read in it?

    ``headers``: {word used in this mapping: the names the column goes by}. ``needs``: the words that must be there, by
    which the export is told; ``never``: those that may not. ``is_general``: no vendor's own shape, tried last.
    ``unread``: why nothing is read, for exports without ``inputs``. ``json``: headers whose cells hold JSON; each of
    its keys is a column "header: key". ``row_id``: the word by which rows are told that stand in two files.
    """

    name: str
    row: str
    headers: dict[str, list[str]]
    needs: tuple[str, ...]
    inputs: tuple[InputRule, ...] = ()
    never: tuple[str, ...] = ()
    is_general: bool = False
    unread: str = ""
    json: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    row_id: str = ""
    key: str = ""


@dataclass(frozen=True)
class Match:
    """Under which header of a file does each word of its export stand?"""

    export: Export
    headers: dict[str, str]


def read_exports(folders: Sequence[Path] = ()) -> dict[str, Export]:
    """Which exports are known, by key? Those of ``folders`` (an agency's, an engagement's) come before the kit's.

    Raises AlignError (E-CONFIG) with every mapping that is not as InputRule and Export describe it.
    """
    found: dict[str, Export] = {}
    problems: list[Problem] = []
    for folder in (resource("templates", FOLDER), *folders):
        for path in sorted(folder.glob("*.yml")) if folder.is_dir() else []:
            try:
                for key, export in _exports_of(path.stem, path.read_text(encoding="utf-8")).items():
                    _check(export)
                    found[key] = export
            except (AlignError, ValueError) as error:
                problems += _as_problems(error, path.name)
    if problems:
        raise AlignError(problems)
    return {key: _with_partners(export, found) for key, export in found.items()}


def _with_partners(export: Export, exports: dict[str, Export]) -> Export:
    """The export, with what one calls the partners of its look-ups."""

    def named(each: Partner) -> Partner:
        other, words = exports.get(each.export), dict.fromkeys([*each.match.values(), *each.columns.values()])
        headers = [other.headers[word][0] for word in words if word in other.headers] if other else []
        return replace(each, called=f"{listed(headers)} of {other.name if other else each.export}")

    rules = [replace(rule, lookups=tuple(map(named, rule.lookups))) for rule in export.inputs]
    return replace(export, inputs=tuple(rules))


@lru_cache(maxsize=100)  # a batch reads the same ones for each of its engagements
def _exports_of(stem: str, text: str) -> dict[str, Export]:
    """The export of a file, under its stem; or several, each under its own key, below ``exports:``."""
    data: Any = strict_yaml(text)[0]
    several = data["exports"] if isinstance(data, dict) and data.keys() == {"exports"} else {stem: data}
    if not isinstance(several, dict) or not all(isinstance(each, dict) for each in several.values()):
        raise ValueError("an export is described by lines of a word and what it is")
    kinds: TypeAdapter[dict[str, Export]] = TypeAdapter(dict[str, Export], config={"extra": "forbid"})
    return kinds.validate_python({key: {**each, "key": key} for key, each in several.items()})


def _check(export: Export) -> None:
    """Does every word that this mapping uses stand among its headers, and is each of our columns one?"""
    used = [*export.needs, *export.never, export.row_id]
    for rule in export.inputs:
        own = {*rule.columns, *(ours for partner in rule.lookups for ours in partner.columns)}
        ours = {column.name for column in TABLES[rule.table].columns}
        if wrong := sorted({*own, *rule.constants, *rule.values, *rule.separators} - ours):
            raise ValueError(f"{rule.table} has no column {', '.join(wrong)}; it has {', '.join(sorted(ours))}")
        used += [*rule.columns.values(), *rule.needs, *rule.stages.values()]
        used += [rule.merged_ids, rule.merged_into, rule.keep_latest]
        used += [word for word in (*rule.exclude, *rule.only) if word not in own]
        used += [word for partner in rule.lookups for word in partner.match]
        used += [rule.outcomes.won, rule.outcomes.closed] if rule.outcomes and not rule.outcomes.export else []
    if strange := sorted({*used} - {*export.headers, ""}):
        raise ValueError(f"{', '.join(strange)} stands under no headers")
    if not export.inputs and not export.unread:
        raise ValueError("an export without inputs must say in unread why nothing of it is read")


def _as_problems(error: Exception, name: str) -> list[Problem]:
    fix = "compare it with a mapping of the kit; the guide to imports says what each line means"
    whats = [str(error)]
    if isinstance(error, AlignError):
        whats = [problem.what for problem in error.problems]
    elif isinstance(error, ValidationError):
        whats = [f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()]
    return [Problem("E-CONFIG", what, where=f"{FOLDER}/{name}", fix=fix) for what in whats]


def _joined(name: str) -> str:
    """How are headers compared here: Data Loader writes CREATEDDATE for CreatedDate, so without spaces too?"""
    return worded(name).replace(" ", "")


def match(export: Export, titles: Iterable[str]) -> Match | None:
    """Is a file with these headers such an export, and under which header does each of its words stand?

    >>> deals = Export("Deals", "one deal", {"id": ["Deal - ID", "ID"], "won": ["Won time"]}, ("id",), unread="-")
    >>> match(deals, ["ID", "Won Time", "Note"]).headers
    {'id': 'ID', 'won': 'Won Time'}
    """
    titles = list(titles)[::-1]
    bare = {_joined(title[len(PROPERTY) :]): title for title in titles if title.startswith(PROPERTY)}
    there = bare | {_joined(title): title for title in titles}
    found: dict[str, str] = {}
    for word, names in export.headers.items():
        if name := next((name for name in map(_joined, names) if name in there), ""):
            found[word] = there[name]
    return Match(export, found) if found.keys() >= {*export.needs} and not found.keys() & {*export.never} else None


def recognise(exports: dict[str, Export], titles: Sequence[str]) -> list[Match]:
    """Which export is this? The likeliest; several when nothing tells them apart, [] when no one fits.

    A vendor's own shape goes before a general one, unless that one gives inputs as well and knows more of the headers;
    then the one that needs more, then the one that knows more.
    """
    fits = [each for export in exports.values() if (each := match(export, titles))]
    general, own = ([each for each in fits if each.export.is_general is way] for way in (True, False))
    knows_more = max(map(_known, general), default=0) > max(map(_known, own), default=0) + 1
    gives_inputs = all(each.export.inputs for each in own)
    among = general if not own or (knows_more and gives_inputs) else own
    rank = [(len(each.export.needs), _known(each)) for each in among]
    return [each for each, mine in zip(among, rank, strict=True) if mine == max(rank)]


def _known(found: Match) -> int:
    """How many columns of the file does its export know?"""
    return len({*found.headers.values()})
