"""What can an audit judge with the files that are there, and what would it need for the rest?"""

from collections.abc import Iterable
from typing import TYPE_CHECKING

from alignlib.engagement import Settings
from alignlib.grievances import Grievance, read_docket
from alignlib.words import listed

if TYPE_CHECKING:
    from alignlib.intake.rows import Part

# What an audit shows beside the docket: (what, which columns it reads).
_BESIDE = (
    ("How leads pass from stage to stage", ("stage_events.entered_at",)),
    ("How many closed opportunities are won", ("opportunities.outcome",)),
)
_ANSWER = "responses.answer"
_GUESSES = "survey.mirror"  # begins the findings that hold one team's guesses against the other's answers


def judgeable(parts: "Iterable[Part]", settings: Settings) -> tuple[list[str], list[str]]:
    """Which questions can be judged, and which cannot for want of which columns? Sentences for a person.

    A column counts when it is filled in at least one row that is used, an outcome when it is won or lost, and the
    survey when it asks what the complaint rests on. Whether rows suffice for a verdict is for the audit to say; where
    only an agreed limit is missing, the sentence says so.
    """
    parts = [*parts]
    filled = {
        f"{part.entry.table}.{rule.name}" for part in parts for rule in part.rule.columns
        if rule.name in part.data and part.data[rule.name].notna().any()
    }  # fmt: skip
    if not _values(parts, "opportunities", "outcome") & {"won", "lost"}:
        filled -= {"opportunities.outcome"}
    items = _values(parts, "responses", "item")
    asked: list[tuple[str, tuple[str, ...], tuple[str, ...], str, bool]]
    asked = [(what, reads, (), "", True) for what, reads in _BESIDE]
    asked += [
        (g.complaint, g.reads, tuple(dict.fromkeys(t.threshold for t in g.tests)), g.needs, _is_asked(g, items))
        for g in read_docket()
    ]
    now: list[str] = []
    missing: list[str] = []
    for what, reads, limits, needs, is_asked in asked:
        lacking = [c for c in reads if not filled & {*c.split(" | ")} or (c == _ANSWER and not is_asked)]
        unset = [limit for limit in limits if limit not in settings.thresholds]
        if lacking:
            needs = "answers to its statement in the survey" if lacking == [_ANSWER] and not limits else needs
            tables = dict.fromkeys(
                " or ".join(dict.fromkeys(c.split(".")[0] for c in each.split(" | "))) for each in lacking
            )
            why = f"{needs} ({listed([*tables])})" if needs else listed([*tables])
            missing.append(f"{what}: {why}")
        else:
            limit = f" (no limit agreed yet: {', '.join(unset)} under thresholds)" if unset else ""
            now.append(f"{what}{limit}")
    return now, missing


def _values(parts: "Iterable[Part]", table: str, name: str) -> set[str]:
    """Which values stand in this column of this table?"""
    there = [part.data[name] for part in parts if part.entry.table == table and name in part.data]
    return {str(value) for column in there for value in column.dropna().unique()}


def _is_asked(grievance: Grievance, items: set[str]) -> bool:
    """Does the survey ask what this complaint rests on: one team's guess and what it guesses at, or its statement?"""
    if any(test.finding.startswith(_GUESSES) for test in grievance.tests):
        return any({each.item, each.mirror} <= items for each in read_docket() if each.mirror)
    return grievance.item in items
