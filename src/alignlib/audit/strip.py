"""The five conversations: what the teams said of each, what was supplied for it, and what happened after it."""

from collections.abc import Mapping
from typing import Literal

from alignlib.audit.exhibits import rows_of
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.grievances import TEAMS
from alignlib.instrument import Conversation, read_instrument
from alignlib.result import Exhibit, Level, Result, Row, columns
from alignlib.stats import judge
from alignlib.words import count_spelled, listed, of, spelled

WELL, POORLY = 3.5, 2.5  # mean answers on 1 to 5: above the one both feel sure, below the other neither does
APART = 1.0  # points between the teams where no limit was agreed
WHEN = {"C1": "before contact", "C2": "first contact", "C3": "discovery", "C4": "consensus", "C5": "decision"}
# What it may mean that both teams feel sure and too few go on.
DIAGNOSIS = {
    "C1": "overconfidence", "C2": "lists or people that do not match", "C3": "generic material",
    "C4": "deals held by a single contact", "C5": "value that is not evidenced",
}  # fmt: skip
Said = Literal["well", "poorly", "apart", "mixed", "one team", "named", "unknown"]


def strip(results: Mapping[str, Result], settings: Settings) -> Exhibit | None:
    """Where do the three kinds of evidence on a conversation agree, and where do they part?

    One row a conversation: means of both teams on "done well today" (survey), segments with at least one usable asset
    (content), and the share of leads that goes on through the stages that stand for it (funnel), judged against the
    limit agreed for that very step where there is one. What is not recorded says so. None without any strand.
    It does not say that material would have changed what happened.
    """
    rows = [_row(talk, results, settings) for talk in read_instrument().conversations]
    if all(row["sales"] is row["marketing"] is row["segments"] is row["value"] is None for row in rows):
        return None
    return Exhibit(
        key="audit.conversations", shape="strip", rows=rows, title=_title(rows),
        play="P12" if any(row["level"] in ("act", "watch") for row in rows) else None,
        source="Responses, content library, stage history of leads",
        lead="For each conversation: what the teams said, what was supplied, what happened.",
        columns=columns(
            label=("Conversation", "text"), name=("Name", "text"), when=("When", "text"),
            sales=("Sales says", "points"), sales_low=("from", "points"), sales_high=("to", "points"),
            sales_n=("Sales answered", "count"), marketing=("Marketing says", "points"),
            marketing_low=("from", "points"), marketing_high=("to", "points"),
            marketing_n=("Marketing answered", "count"), supplied=("Segments supplied", "count"),
            segments=("Segments", "count"), amount=("Open where nothing is", "money"), value=("Go on", "share"),
            low=("from", "share"), high=("to", "share"), limit=("Agreed", "share"), n=("Leads", "count"),
            level=("Level", "text"), reading=("Reading", "text"), note=("Note", "text"),
        ),
        read="Said: how far each team agrees that the conversation is done well today, 1 to 5, with 95 % limits where "
        "at least ten answered. Supplied: segments for which at least one usable asset serves the conversation. "
        "Happened: the share of leads that goes on through the stages that stand for it, with its 95 % interval; the "
        "dashed line is what was agreed for that step.",
        says_not="That material would have changed what happened: the strands are of different people and times. "
        "Conversations cover stretches of different length, so their shares are not ranked.",
        alt="Five conversations by three kinds of evidence, with where they disagree.",
    )  # fmt: skip


def _row(talk: Conversation, results: Mapping[str, Result], settings: Settings) -> Row:
    key = talk.conversation
    row: Row = {"label": key, "name": talk.title, "when": WHEN[key]}
    row |= _said_of(key, results) | _supplied(key, results) | _happened(key, results, settings)
    level, reading = _reading(key, row, settings)
    return {**row, "level": level, "reading": reading}


def _said_of(key: str, results: Mapping[str, Result]) -> Row:
    names = [name for team in TEAMS for name in (team, f"{team}_low", f"{team}_high", f"{team}_n")]
    rows = rows_of(results, "survey.conversations")
    told = next((r for r in rows if str(r["label"]).startswith(f"{key} ") and "done well" in str(r["label"])), {})
    return {name: told.get(name) for name in names}


def _supplied(key: str, results: Mapping[str, Result]) -> Row:
    cells = [row for row in rows_of(results, "content.coverage") if row["column"] == key and row["n"] is not None]
    gaps = [row for row in cells if not row["n"]]
    amounts = [int(row["amount"]) for row in gaps if row["amount"] is not None]
    return {"supplied": len(cells) - len(gaps) if cells else None, "segments": len(cells) or None,
            "amount": sum(amounts) if amounts else None}  # fmt: skip


def _happened(key: str, results: Mapping[str, Result], settings: Settings) -> Row:
    found = next((r for r in rows_of(results, "funnel.conversations") if str(r["name"]).startswith(f"{key} ")), {})
    pair = settings.funnel.conversations.get(key)  # type: ignore[call-overload]
    step = "_to_".join(pair) if pair else ""
    limit = settings.thresholds.get(step) if step in THRESHOLDS else None
    row = {name: found.get(name) for name in ("value", "low", "high", "n")}
    return {**row, "limit": limit, "note": str(found.get("note") or "") if found else "not recorded"}


def _reading(key: str, row: Row, settings: Settings) -> tuple[Level, str]:
    """Where do the strands disagree, and at which level? Supply alone is never more than to watch: no limit was agreed.

    A share read before its time (noted as such) can only rise, so it is never poor.
    """
    happened = judge(row["value"], row["low"], row["high"], row["limit"], "at_least")
    if happened == "act" and "within" in row["note"]:
        happened = "unclear"
    said, lacks = _side(row, settings), row["segments"] is not None and 2 * row["supplied"] < row["segments"]
    level: Level = "watch" if lacks and happened in ("good", "unclear") else happened
    told = [_said_against(key, said, happened, row)]
    if lacks:
        gap = row["segments"] - row["supplied"]
        told.append(f"The material is missing in {spelled(gap)} of {count_spelled(row['segments'], 'segment')}.")
    elif row["segments"] and happened == "act":
        told.append("Material is at hand: look at how the talk is held.")
    return level, " ".join(told)


def _side(row: Row, settings: Settings) -> Said:
    means = [row[team] for team in TEAMS if row[team] is not None]
    if means and settings.survey.mode == "named":
        return "named"
    if len(means) < len(TEAMS):
        return "one team" if means else "unknown"
    if round(abs(means[0] - means[1]), 9) > settings.thresholds.get("survey_gap", APART):
        return "apart"
    return "well" if min(means) >= WELL else "poorly" if max(means) <= POORLY else "mixed"


_UNSAID = {
    "well": "Both teams rate it well", "poorly": "Both teams rate it low", "apart": "The teams’ means lie far apart",
    "mixed": "Both teams see it as middling", "one team": "Only one team’s view is known",
    "named": "Named answers, from which nothing is inferred", "unknown": "What the teams think of it is not known",
}  # fmt: skip
_AGAINST: dict[tuple[Level, Said], str] = {
    ("act", "well"): "Rated well, yet fewer go on than agreed: it may be {}.",
    ("act", "poorly"): "Said and happened agree: this does not work.",
    ("good", "well"): "Said and happened agree: this works.",
    ("good", "poorly"): "It goes better than either team believes.",
    ("good", "apart"): "It goes as agreed; the teams’ means lie far apart.",
}


def _said_against(key: str, said: Said, happened: Level, row: Row) -> str:
    """What was said beside what happened, in a sentence."""
    if row["value"] is None:
        return f"{_UNSAID[said]}, and no field says what happened. Add the field."
    if happened == "unclear":
        why = "no limit was agreed for this step" if row["limit"] is None else "the interval crosses what was agreed"
        why = "too little time has passed to tell" if "within" in row["note"] else why
        return f"{_UNSAID[said]}; {why}."
    otherwise = "It goes as agreed." if happened == "good" else "Fewer go on than agreed."
    return _AGAINST.get((happened, said), otherwise).format(DIAGNOSIS[key])


def _title(rows: list[Row]) -> str:
    """What stands out: a conversation that fails, else the one least supplied, else what is not recorded."""
    name = {row["label"]: f"{row['label']} {row['name']}" for row in rows}
    failing = [name[row["label"]] for row in rows if row["level"] == "act"]
    if failing:
        return f"Fewer go on than agreed in {listed(failing)}"
    known = [row for row in rows if row["segments"]]
    least = min(known, key=lambda row: row["supplied"] / row["segments"], default=None)
    if least is not None and 2 * least["supplied"] < least["segments"]:
        lacks = of(least["segments"] - least["supplied"], least["segments"])
        return f"{name[least['label']]} lacks usable material in {lacks} segments"
    blank = [name[row["label"]] for row in rows if row["value"] is None]
    if blank:
        return f"What became of {listed(blank)} is not recorded"
    return "No conversation goes worse than agreed, as far as it can be told"
