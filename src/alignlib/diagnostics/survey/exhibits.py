"""The tables that prove what the survey says: who answered, block by block, item by item."""

import pandas as pd

from alignlib.diagnostics.survey.answers import GROUPS, TEAMS, BlockGap, Scores, item_scores, items_in
from alignlib.disclosure import Group, count_text
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.result import Column, Exhibit, Level, Row
from alignlib.words import TEAM_NAMES, figure, listed, number, of, spelled, value

SOURCE = "responses"


def invited(asked: dict[str, int], settings: Settings) -> dict[Group, int | None]:
    """How many people of each team were invited: as agreed in the settings, else as listed in ``respondents``?"""
    agreed: dict[str, int | None] = {team: part.invited for team, part in settings.teams.items()}
    return {team: asked.get(team) if agreed.get(team) is None else agreed[team] for team in TEAMS}


def response(everybody: Scores, asked: dict[Group, int | None], settings: Settings) -> Exhibit:
    """How many were invited, and how many answered, in each team?"""
    k = settings.survey.smallest_group
    known = [n for n in asked.values() if n is not None]
    rows: list[Row] = []
    for group in GROUPS:
        n, shown = everybody.n(group), group in everybody.shown
        out_of = asked[group] if group != "total" else (sum(known) if len(known) == len(TEAMS) else None)
        none = n == 0 and group != "total"
        answered = n if shown or none else None
        rate = answered / out_of if answered is not None and out_of and answered <= out_of else None
        note = (
            ""
            if answered is not None
            else f"{count_text(n, k)}: withheld"
            if n < k
            else "withheld with the smaller group"
        )
        label = TEAM_NAMES.get(group, "Everybody who answered")
        rows.append({"label": label, "invited": out_of, "answered": answered, "share": rate, "note": note})
    return Exhibit(
        key="survey.response", shape="table", title=_response_title(rows),
        columns=[
            Column(name="label", label="Team"), Column(name="invited", label="Invited", unit="count"),
            Column(name="answered", label="Answered", unit="count"), Column(name="share", label="Share", unit="share"),
            Column(name="note", label="Note"),
        ],
        rows=rows,
        read="Answered means at least one answer, or one \u201ccannot say\u201d. Invited is empty where not recorded. "
        f"Groups of fewer than {spelled(k)} are withheld, and with them whatever would let them be worked out.",
        says_not="What the silent think.", source=SOURCE,
        alt="Table of people invited and people who answered, by team.",
    )  # fmt: skip


def _response_title(rows: list[Row]) -> str:
    parts = [
        f"{row['label']} {of(row['answered'], row['invited'])}" if row["share"] is not None
        else f"{row['label']} {'none' if row['answered'] == 0 else number(row['answered'])}"
        for row in rows[:2] if row["answered"] is not None
    ]  # fmt: skip
    hidden = [row["label"] for row in rows[:2] if row["answered"] is None]
    total = rows[2]["answered"]
    if total is not None and not any(row["answered"] for row in rows[:2]):
        return f"{number(total)} people answered; no team can be told apart"
    head = f"Who answered: {listed(parts)}" if parts else "Too few answered to show a team"
    return f"{head}; {listed(hidden)} withheld" if hidden and parts else head


def blocks(gaps: list[BlockGap], levels: dict[str, Level], settings: Settings) -> Exhibit:
    """How far do the teams stand apart, block by block, the widest gap first?"""
    limit = settings.thresholds.get("survey_gap")
    ordered = sorted(gaps, key=lambda g: (not g.is_shown, -(g.size.value or 0)))
    return Exhibit(
        key="survey.blocks", shape="dumbbell", limit=limit, source=SOURCE, title=_blocks_title(ordered, levels, limit),
        columns=[
            Column(name="label", label="Block"),
            *(_team_column(team, part) for team in TEAMS for part in ("", "_low", "_high", "_n")),
            Column(name="gap", label="Gap, Sales less Marketing", unit="points"),
            Column(name="gap_low", label="from", unit="points"), Column(name="gap_high", label="to", unit="points"),
            Column(name="delta", label="Cliff\u2019s delta", unit="delta"),
            Column(name="delta_low", label="from", unit="delta"), Column(name="delta_high", label="to", unit="delta"),
            Column(name="note", label="Note"),
        ],
        rows=[_block_row(gap, settings) for gap in ordered],
        read="Average answer of each team, 1 disagree to 5 agree, with its 95 % interval where at least ten answered; "
        "items that ask the bad way round are turned. Cliff\u2019s delta says how much more often a person of Sales "
        "stands above one of Marketing than below: 0 evenly, 1 or \u22121 always. Each figure is rounded on its own.",
        says_not="Who is right. A gap is a difference of views; the files, not the survey, say what happened.",
        alt=_blocks_alt(ordered),
    )  # fmt: skip


def _team_column(team: Group, part: str) -> Column:
    names = {"": TEAM_NAMES[team], "_low": "from", "_high": "to", "_n": f"n, {TEAM_NAMES[team]}"}
    return Column(name=f"{team}{part}", label=names[part], unit="count" if part == "_n" else "points")


def _block_row(gap: BlockGap, settings: Settings) -> Row:
    k = settings.survey.smallest_group
    row: Row = {"label": gap.block.title}
    for team in TEAMS:
        mean = gap.mean[team]
        row |= {team: mean.value, f"{team}_low": mean.low, f"{team}_high": mean.high}
        row[f"{team}_n"] = gap.n[team] if mean.value is not None or gap.n[team] == 0 else None
    row |= {"gap": gap.gap.value, "gap_low": gap.gap.low, "gap_high": gap.gap.high}
    delta = [gap.delta.value, gap.delta.low, gap.delta.high]
    row |= {
        f"delta{end}": None if d is None else round(d, 2) + 0.0
        for end, d in zip(("", "_low", "_high"), delta, strict=True)
    }
    row["note"] = "; ".join(
        f"{TEAM_NAMES[team]} withheld: {count_text(gap.n[team], k)} answered"
        if gap.n[team]
        else f"{TEAM_NAMES[team]}: no answers"
        for team in TEAMS
        if gap.mean[team].value is None
    )
    return row


def _blocks_title(ordered: list[BlockGap], levels: dict[str, Level], limit: float | None) -> str:
    if not ordered or not ordered[0].is_shown:
        return "No gap between the teams can be shown"
    widest = ordered[0]
    name, size = in_sentence(widest.block.title), value(widest.size.value, "points")
    level = levels[widest.block.block]
    if level in ("act", "watch"):
        sides = " and ".join(f"{TEAM_NAMES[t]} {figure(widest.mean[t].value, 'points')}" for t in TEAMS)
        return f"The teams stand furthest apart on {name}: {sides}, of 5"
    if level == "good":
        return f"Even the widest gap, {size} on {name}, lies within the agreed {value(limit, 'points')}"
    if limit is None:
        return f"The widest gap is {size}, on {name}; no limit was agreed"
    return f"The widest gap, {size} on {name}, cannot be told from the agreed {value(limit, 'points')}"


def _blocks_alt(ordered: list[BlockGap]) -> str:
    said = [
        f"{gap.block.title}: " + ", ".join(f"{TEAM_NAMES[t]} {figure(gap.mean[t].value, 'points')}" for t in TEAMS)
        for gap in ordered
        if gap.is_shown
    ]
    return (
        f"Dumbbell chart of {number(len(ordered))} survey blocks, means of Sales and of Marketing. {'; '.join(said)}."
    )


def items(answers: pd.DataFrame, settings: Settings) -> Exhibit:
    """What does each team answer to each item, the widest gap first, without a claim of certainty?"""
    texts = read_instrument().items
    rows = [_item_row(item_scores(answers, item, settings), item, settings) for item in items_in(answers)]
    rows.sort(key=lambda row: (row["gap"] is None, -abs(row["gap"] or 0)))
    for row in rows:
        known = texts.get(row["item"])
        row["label"] = known.text if known else row["item"]
        if known and known.reverse:
            row["note"] = "; ".join(filter(None, ["agreeing is the bad answer", row["note"]]))
    return Exhibit(
        key="survey.items", shape="table", title=_items_title(rows), source=SOURCE,
        columns=[
            Column(name="label", label="Item"), Column(name="item", label="Code"),
            Column(name="sales", label="Sales", unit="points"), Column(name="sales_n", label="n, Sales", unit="count"),
            Column(name="marketing", label="Marketing", unit="points"),
            Column(name="marketing_n", label="n, Marketing", unit="count"),
            Column(name="gap", label="Gap, Sales less Marketing", unit="points"),
            Column(name="total", label="Everybody", unit="points"),
            Column(name="total_n", label="n, everybody", unit="count"),
            Column(name="note", label="Note"),
        ],
        rows=rows,
        read="Average answer to each item as it was asked, 1 disagree to 5 agree; \u201ccannot say\u201d is left out. "
        "Single items jump about more than blocks do: read them for where to start talking, not as findings.",
        says_not="Whether a single gap is more than chance.",
        alt="Table of the average answer to each item, by team.",
    )  # fmt: skip


def _item_row(scores: Scores, item: str, settings: Settings) -> Row:
    row: Row = {"label": item, "item": item}
    for group in GROUPS:
        n = scores.n(group)
        row[group] = scores.mean(group)
        row[f"{group}_n"] = n if group in scores.shown or (n == 0 and group != "total") else None
    both = row["sales"] is not None and row["marketing"] is not None
    row["gap"] = round(row["sales"] - row["marketing"], 4) if both else None
    hidden = [TEAM_NAMES.get(g, "everybody") for g in GROUPS if g not in scores.shown and scores.n(g)]
    row["note"] = f"withheld: {listed(hidden)}" if hidden else ""
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
    """How does a block's title stand inside a sentence?

    >>> in_sentence("Handoff rules")
    'handoff rules'
    """
    return title[:1].lower() + title[1:]
