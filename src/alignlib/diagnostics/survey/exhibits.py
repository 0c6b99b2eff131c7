"""The tables that prove what the survey says: who answered, block by block, item by item."""

import pandas as pd

from alignlib.diagnostics.survey.answers import GROUPS, TEAMS, BlockGap, Scores, item_scores
from alignlib.disclosure import count_text
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Row, columns
from alignlib.words import TEAM_NAMES, figure, listed, number, of, spelled, value


def who_answered(tables: Tables, answers: pd.DataFrame, settings: Settings) -> list[Row]:
    """How many were invited (as agreed in the settings, else as listed), and how many answered: each team, then all?"""
    k = settings.survey.smallest_group
    everybody = Scores(answers.drop_duplicates("respondent_id"), k)
    sql = "select team, count(*) as n from respondents where team is not null group by team"
    asked = tables.query(sql).set_index("team")["n"].to_dict() if tables.has("respondents") else {}
    asked |= {team: part.invited for team, part in settings.teams.items() if part.invited is not None}
    if set(TEAMS) <= set(asked):
        asked["total"] = sum(asked[team] for team in TEAMS)
    rows: list[Row] = []
    for group in GROUPS:
        n, answered, out_of = everybody.n(group), everybody.count(group), asked.get(group)
        hidden = f"{count_text(n, k)}: withheld" if n < k else "withheld with the smaller group"
        rows.append({
            "label": TEAM_NAMES.get(group, "Everybody who answered"), "invited": out_of, "answered": answered,
            "share": answered / out_of if answered is not None and out_of and answered <= out_of else None,
            "note": hidden if answered is None else "",
        })  # fmt: skip
    return rows


def response(rows: list[Row], settings: Settings) -> Exhibit:
    """How is it shown who answered?"""
    return Exhibit(
        key="survey.response", shape="table", title=_response_title(rows), source="responses", rows=rows,
        columns=columns(
            label=("Team", "text"), invited=("Invited", "count"), answered=("Answered", "count"),
            share=("Share", "share"), note=("Note", "text"),
        ),
        read="Answered means at least one answer, or one \u201ccannot say\u201d. Invited is empty where not recorded. "
        f"Groups of fewer than {spelled(settings.survey.smallest_group)} are withheld, and with them whatever would "
        "let them be worked out.",
        says_not="What the silent think.", alt="Table of people invited and people who answered, by team.",
    )  # fmt: skip


def _response_title(rows: list[Row]) -> str:
    known, total = [row for row in rows[:2] if row["answered"] is not None], rows[2]["answered"]
    if total is not None and not any(row["answered"] for row in known):
        return f"{number(total)} people answered; no team can be told apart"
    if not known:
        return "Too few answered to show a team"
    hidden = "".join(f"; {row['label']} withheld" for row in rows[:2] if row["answered"] is None)
    counts = [
        of(r["answered"], r["invited"]) if r["share"] is not None else count_text(r["answered"], 1) for r in known
    ]
    said = listed([f"{row['label']} {counted}" for row, counted in zip(known, counts, strict=True)])
    return f"Who answered: {said}{hidden}"


def blocks(gaps: list[BlockGap], settings: Settings) -> Exhibit:
    """How far do the teams stand apart, block by block, the widest gap first?"""
    limit, k = settings.thresholds.get("survey_gap"), settings.survey.smallest_group
    ordered = sorted(gaps, key=lambda gap: (not gap.is_shown, -(gap.size.value or 0)))
    shown = "; ".join(f"{gap.block.title}: {', '.join(means(gap))}" for gap in ordered if gap.is_shown)
    return Exhibit(
        key="survey.blocks", shape="dumbbell", limit=limit, source="responses", title=_blocks_title(ordered, limit),
        columns=columns(
            label=("Block", "text"), sales=("Sales", "points"), sales_low=("from", "points"),
            sales_high=("to", "points"), sales_n=("n, Sales", "count"), marketing=("Marketing", "points"),
            marketing_low=("from", "points"), marketing_high=("to", "points"), marketing_n=("n, Marketing", "count"),
            gap=("Gap, Sales less Marketing", "points"), gap_low=("from", "points"), gap_high=("to", "points"),
            delta=("Cliff\u2019s delta", "delta"), delta_low=("from", "delta"), delta_high=("to", "delta"),
            note=("Note", "text"),
        ),
        rows=[_block_row(gap, k) for gap in ordered],
        read="Average answer of each team, 1 disagree to 5 agree, with its 95 % interval where at least ten answered; "
        "items that ask the bad way round are turned. Cliff\u2019s delta says how much more often a person of Sales "
        "stands above one of Marketing than below: 0 evenly, 1 or \u22121 always. Each figure is rounded on its own.",
        says_not="Who is right. A gap is a difference of views; the files, not the survey, say what happened.",
        alt=f"Dumbbell chart of {number(len(ordered))} survey blocks, means of Sales and of Marketing. {shown}.",
    )  # fmt: skip


def means(gap: BlockGap) -> list[str]:
    """How are the two teams' means said?"""
    return [f"{TEAM_NAMES[team]} {figure(gap.mean[team].value, 'points')}" for team in TEAMS]


def _block_row(gap: BlockGap, k: int) -> Row:
    row: Row = {"label": gap.block.title}
    for name, found in (*gap.mean.items(), ("gap", gap.gap), ("delta", gap.delta)):
        digits = 2 if name == "delta" else 4  # the others are rounded as published
        for end, at in (("", found.value), ("_low", found.low), ("_high", found.high)):
            row[f"{name}{end}"] = None if at is None else round(at, digits) + 0.0
    row |= {f"{team}_n": None if gap.n[team] and gap.mean[team].value is None else gap.n[team] for team in TEAMS}
    row["note"] = "; ".join(
        f"{TEAM_NAMES[team]} withheld: {why}" if gap.n[team] else f"{TEAM_NAMES[team]}: no answers"
        for why, teams in gap.withheld(k).items()
        for team in teams
    )
    return row


def _blocks_title(ordered: list[BlockGap], limit: float | None) -> str:
    if not ordered or not ordered[0].is_shown:
        return "No gap between the teams can be shown"
    widest = ordered[0]
    name, size, level = in_sentence(widest.block.title), value(widest.size.value, "points"), widest.level(limit)
    if limit is None:
        return f"The widest gap is {size}, on {name}; no limit was agreed"
    if level in ("act", "watch"):
        return f"The teams stand furthest apart on {name}: {' and '.join(means(widest))}, of 5"
    if level == "good":
        return f"Even the widest gap, {size} on {name}, lies within the agreed {value(limit, 'points')}"
    return f"The widest gap, {size} on {name}, cannot be told from the agreed {value(limit, 'points')}"


def items(answers: pd.DataFrame, settings: Settings) -> Exhibit:
    """What does each team answer to each item, the widest gap first, without a claim of certainty?"""
    rows = [_item_row(item, scores) for item, scores in item_scores(answers, settings).items()]
    rows.sort(key=lambda row: (row["gap"] is None, -abs(row["gap"] or 0)))
    return Exhibit(
        key="survey.items", shape="table", title=_items_title(rows), source="responses", rows=rows,
        columns=columns(
            label=("Item", "text"), item=("Code", "text"), sales=("Sales", "points"), sales_n=("n, Sales", "count"),
            marketing=("Marketing", "points"), marketing_n=("n, Marketing", "count"),
            gap=("Gap, Sales less Marketing", "points"), total=("Everybody", "points"),
            total_n=("n, everybody", "count"), note=("Note", "text"),
        ),
        read="Average answer to each item as it was asked, 1 disagree to 5 agree; \u201ccannot say\u201d is left out. "
        "Single items jump about more than blocks do: read them for where to start talking, not as findings.",
        says_not="Whether a single gap is more than chance.",
        alt="Table of the average answer to each item, by team.",
    )  # fmt: skip


def _item_row(item: str, scores: Scores) -> Row:
    known = read_instrument().items.get(item)
    row: Row = {"label": known.text if known else item, "item": item}
    for group in GROUPS:
        row |= {group: scores.mean(group), f"{group}_n": scores.count(group)}
    both = row["sales"] is not None and row["marketing"] is not None
    row["gap"] = round(row["sales"] - row["marketing"], 4) if both else None
    hidden = listed([TEAM_NAMES.get(g, "everybody") for g in GROUPS if row[g] is None and scores.n(g)])
    turned = "agreeing is the bad answer" if known and known.reverse else ""
    row["note"] = "; ".join(filter(None, [turned, hidden and f"withheld: {hidden}"]))
    return row


def _items_title(rows: list[Row]) -> str:
    if rows and rows[0]["gap"] is not None:
        return f"Item by item, the widest gap is {value(abs(rows[0]['gap']), 'points')}: \u201c{rows[0]['label']}\u201d"
    whole = sorted((row for row in rows if row["total"] is not None), key=lambda row: -row["total"])
    if len(whole) > 1:
        ends = (f"{row['label']} ({figure(row['total'], 'points')} of 5)" for row in (whole[0], whole[-1]))
        return "Highest average answer: {}; lowest: {}".format(*ends)
    return "No item can be compared between the teams"


def in_sentence(title: str) -> str:
    """How does a block's title stand inside a sentence? "Handoff rules" as "handoff rules"."""
    return title[:1].lower() + title[1:]
