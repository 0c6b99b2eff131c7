"""How do many engagements stand before anything runs: which are ready, and what does each of the others need?"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from alignlib.errors import AlignError, Problem
from alignlib.intake.snapshot import check
from alignlib.plain_yaml import SETTINGS_FILE
from alignlib.words import count, legible

MOST_NAMED = 10
# What mends each code, as one counts it over many clients; a code that is not here needs "a look at its files".
_NEEDS = {
    **dict.fromkeys(("E-MAP", "E-NOCOL", "E-DUPCOL"), "a mapping"),
    **dict.fromkeys(("E-DATEFMT", "E-DATEMIX"), "a date order"),
    "E-ZONE": "a time zone", "E-SHEET": "the name of a sheet", "E-NUM": "a decimal sign or a currency",
    "E-ENC": "an encoding", "E-DUPID": "a rule for repeated ids", "E-ORPHAN": "files from one export",
    "E-CONFIG": "corrected settings", "E-OPEN": "a file that is missing",
    **dict.fromkeys(("E-EMPTY", "E-TYPE", "E-CORRUPT", "E-QUOTE", "E-WIDTH", "E-XLSXSIZE"), "a new export"),
    "E-FORMULA": "a workbook saved in Excel", "E-DATABASE": "a database that answers",
}  # fmt: skip


@dataclass(frozen=True)
class Standing:
    """What does one engagement need? ``needs`` is empty when nothing stands in the way of its audit."""

    name: str
    needs: tuple[str, ...]
    problems: tuple[Problem, ...] = ()


def engagements(folder: Path) -> list[Path]:
    """Which engagements lie in this folder? Folders with an engagement.yml, by name; [] for an engagement itself."""
    if (folder / SETTINGS_FILE).exists() or not folder.is_dir():
        return []
    return sorted(path.parent for path in folder.glob(f"*/{SETTINGS_FILE}"))


def triage(folders: list[Path]) -> list[Standing]:
    """How does each of these engagements stand? Reads every file and writes nothing."""
    return [_standing(folder) for folder in folders]


def _standing(folder: Path) -> Standing:
    try:
        counts, _, problems, _ = check(folder)
    except AlignError as error:
        counts, problems = [], error.problems
    needs = tuple(dict.fromkeys(_NEEDS.get(problem.code, "a look at its files") for problem in problems))
    return Standing(folder.name, needs or (() if counts else ("files",)), tuple(problems))


def told(standings: list[Standing]) -> Iterator[str]:
    """How is that said: first how many need what, then each that is not ready, with its faults?"""
    tally = Counter(need for each in standings for need in each.needs)
    ready = sum(not each.needs for each in standings)
    parts = [f"{n} need{'s' if n == 1 else ''} {need}" for need, n in tally.most_common()]
    yield f"{count(len(standings), 'engagement')}: {ready} ready{''.join(f', {part}' for part in parts)}."
    for each in standings:
        if each.needs:
            yield f"{legible(each.name)}: needs {' and '.join(each.needs)}"
            yield from (f"    {problem}" for problem in each.problems[:MOST_NAMED])
            if len(each.problems) > MOST_NAMED:
                yield f"    and {count(len(each.problems) - MOST_NAMED, 'other fault')}"
