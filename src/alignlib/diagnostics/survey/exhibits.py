"""The tables that prove what the survey says: who answered, block by block, how firm it is, item by item."""

from math import comb

from alignlib import permutation
from alignlib.diagnostics.survey.answers import GROUPS, ROLES, TEAMS, Answers, careless
from alignlib.diagnostics.survey.gaps import BlockGap, block_gap, chance, if_silent, in_order, published_gap
from alignlib.diagnostics.survey.scores import Scores, turnout
from alignlib.diagnostics.survey.views import filled
from alignlib.disclosure import Group, count_text
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Row, columns
from alignlib.words import TEAM_NAMES, capital, figure, listed, number, of, spelled, value

FLAGS = {
    "is_partial": "fewer than half of the statements answered", "is_straight": "always the same answer",
    "is_repeat": "the same answers as somebody else", "is_hasty": "less than two seconds an item",
}  # fmt: skip


def who_answered(tables: Tables, answers: Answers, settings: Settings) -> list[Row]:
    """How many were invited (as agreed in the settings, else as listed), and how many answered: each team, then all?"""
    k = settings.survey.least
    everybody = turnout(answers, settings)
    sql = "select team, count(*) as n from respondents where team is not null group by team"
    asked = {row["team"]: row["n"] for row in tables.rows(sql)} if tables.has("respondents") else {}
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
        key="survey.response", shape="table", title=_response_title(rows[:2]), source="Responses", rows=rows,
        columns=columns(
            label=("Team", "text"), invited=("Invited", "count"), answered=("Answered", "count"),
            share=("Share", "share"), note=("Note", "text"),
        ),
        read="Answered means at least one answer, or one \u201ccannot say\u201d. Invited is empty where not recorded. "
        + (f"Groups of fewer than {spelled(settings.survey.least)} are withheld, and with them whatever would let them "
           "be worked out." if settings.survey.least > 1 else "Nobody is withheld: answers are named."),
        says_not="What the silent think.", alt="Table of people invited and people who answered, by team.",
    )  # fmt: skip


def _response_title(rows: list[Row]) -> str:
    said = []
    for row in rows:
        n = row["answered"]
        counted = of(n, row["invited"]) if row["share"] is not None else "withheld" if n is None else count_text(n, 1)
        said.append(f"{row['label']} {counted}")
    return f"Who answered: {listed(said)}"


def blocks(gaps: list[BlockGap], settings: Settings) -> Exhibit:
    """How far do the teams stand apart, block by block, the widest gap first?"""
    limit, ordered = settings.thresholds.get("survey_gap"), in_order(gaps)
    shown = "; ".join(f"{gap.block.title}: {', '.join(means(gap))}" for gap in ordered if gap.is_shown)
    following = [f"{in_sentence(gap.block.title)} ({', '.join(means(gap))})" for gap in ordered[1:4] if gap.is_shown]
    rows = [_block_row(gap) for gap in ordered]
    read = "Average answer of each team, 1 disagree to 5 agree; items that ask the bad way round are turned, and only "
    read += "items that enough people of both teams answered count. Each figure is rounded on its own."
    if settings.survey.mode == "anonymous":
        read += " Where at least ten of a team answered, its own 95 % interval is drawn; each team counts with a least "
        read += "spread, so that no interval tells that all answered alike. Where ten of both did, Cliff\u2019s delta "
        read += "says how much more often a person of Sales stands above one of Marketing than below: 0 evenly, 1 or "
        read += "\u22121 always, when its interval is wide by rule."
    return Exhibit(
        key="survey.blocks", shape="dumbbell", limit=limit, source="Responses", title=_blocks_title(ordered),
        lead=f"Next come {listed(following)}." if following else "",
        columns=filled(columns(
            label=("Block", "text"), sales=("Sales", "points"), sales_low=("from", "points"),
            sales_high=("to", "points"), sales_n=("n, Sales", "count"), marketing=("Marketing", "points"),
            marketing_low=("from", "points"), marketing_high=("to", "points"), marketing_n=("n, Marketing", "count"),
            gap=("Gap, Sales less Marketing", "points"), gap_low=("from", "points"), gap_high=("to", "points"),
            delta=("Cliff\u2019s delta", "delta"), delta_low=("from", "delta"), delta_high=("to", "delta"),
            note=("Note", "text"),
        ), rows),
        rows=rows,
        read=read,
        says_not="Who is right. A gap is a difference of views; the files, not the survey, say what happened.",
        alt=f"Dumbbell chart of {number(len(ordered))} survey blocks, means of Sales and of Marketing. {shown}.",
    )  # fmt: skip


def means(gap: BlockGap) -> list[str]:
    """How are the two teams' means said?"""
    return [f"{TEAM_NAMES[team]} {figure(gap.mean[team].value, 'points')}" for team in TEAMS]


def _block_row(gap: BlockGap) -> Row:
    row: Row = {"label": gap.block.title}
    for name, found in (*gap.mean.items(), ("gap", gap.gap), ("delta", gap.delta)):
        digits = 2 if name == "delta" else 4  # the others are rounded as published
        for end, at in (("", found.value), ("_low", found.low), ("_high", found.high)):
            row[f"{name}{end}"] = None if at is None else round(at, digits) + 0.0
    row |= {f"{team}_n": gap.scores.count(team) for team in TEAMS}
    row["note"] = "; ".join(
        f"{TEAM_NAMES[team]}: no answers" if team in gap.scores.absent else f"{TEAM_NAMES[team]} withheld: {why}"
        for team, why in gap.withheld.items()
    )
    return row


def _blocks_title(ordered: list[BlockGap]) -> str:
    """The widest gap, of all blocks or of those that can be shown."""
    if not ordered or not ordered[0].is_shown:
        return "No gap between the teams can be shown"
    some = "" if all(gap.is_shown for gap in ordered) else "Of the blocks that can be shown: "
    said = f"the teams stand furthest apart on {in_sentence(ordered[0].block.title)}"
    return capital(f"{some}{said}: {' and '.join(means(ordered[0]))}, of 5")


def firm(
    answers: Answers, gaps: list[BlockGap], invited: dict[Group, int | None], settings: Settings
) -> Exhibit | None:
    """How firm is each gap: against chance (permutation, Holm), against silence, and against careless answers?

    ``invited``: how many of each team. Without careless answers only the verdict is told: the gap would give them away.
    None where no gap is shown, and of named answers: nothing is inferred from them.
    """
    limit, k = settings.thresholds.get("survey_gap"), settings.survey.least
    shown = [gap for gap in in_order(gaps) if gap.is_shown]
    if not shown or settings.survey.mode == "named":
        return None
    flags = careless(answers)
    flagged = flags.any(axis=1).to_numpy(dtype=bool)
    kept, chances = answers.keep(~flagged), [chance(gap) for gap in shown]
    rows: list[Row] = []
    for gap, p, p_holm in zip(shown, chances, permutation.holm(chances), strict=True):
        careful = ""
        if flagged.any():
            again = block_gap(kept, gap.block, settings)
            careful = again.level(limit) if again.is_shown else "cannot be shown"
        rows.append({
            "label": gap.block.title, "gap": gap.gap.value, "level": gap.level(limit),
            "p": p if gap.is_large else None, "p_holm": p_holm if gap.is_large else None,
            "sure": "yes" if p_holm <= 0.05 else "no", "silent": if_silent(gap, invited),
            "careful": careful,
        })  # fmt: skip
    sure = sum(row["sure"] == "yes" for row in rows)
    moved = sum(row["careful"] not in ("", "cannot be shown", row["level"]) for row in rows)
    title = f"{of(sure, len(rows))} gaps are wider than chance would make them, with all blocks in mind"
    if all(_least_p(gap) * len(shown) > 0.05 for gap in shown):
        title = f"So few people cannot show {number(len(shown))} gaps to be more than chance, however wide they are"
    whole = "total" in turnout(answers, settings).shown
    told = [f"{said}: {count_text(int(flags[name].sum()), k) if whole else 'some'}"
            for name, said in FLAGS.items() if flags[name].any()]  # fmt: skip
    lead = "No answer shows signs of carelessness."
    if told:
        lead = f"Signs of carelessness, in people: {'; '.join(told)}. Nobody was left out. Without them "
        lead += f"{of(moved, len(rows))} verdicts would change; fewer people alone can change one."
    return Exhibit(
        key="survey.firm", shape="table", title=title, lead=lead, rows=rows, source="Responses",
        columns=filled(columns(
            label=("Block", "text"), gap=("Gap, Sales less Marketing", "points"), level=("Verdict", "text"),
            sure=("More than chance", "text"), p=("p", "p"), p_holm=("p, all blocks (Holm)", "p"),
            silent=("Gap if the silent answered like the other team", "points"),
            careful=("Verdict without careless answers", "text"),
        ), rows),
        read="p is how often a gap as wide comes up when people are dealt to the two teams by chance: counted in full "
        "up to ten people a side, else 9,999 seeded deals. More than chance: Holm's p, which holds all blocks together "
        "to one false alarm in twenty surveys, is at most .05. The values themselves are shown where each team has "
        "ten people; for fewer they tell too much. Verdicts do not use p: they use the interval and the agreed limit.",
        says_not="How large a gap matters: that is what the agreed limit says.",
        alt=f"Table of {number(len(rows))} gaps with p values and what would change them.",
    )  # fmt: skip


def _least_p(gap: BlockGap) -> float:
    """The smallest p these sizes allow: one team wholly above the other, either way round when both are as many."""
    sales, marketing = (gap.n[team] for team in TEAMS)
    return (1 + (sales == marketing)) / comb(sales + marketing, sales)


def roles(gaps: list[BlockGap]) -> Exhibit | None:
    """Where do leaders and staff of one team part? Only where each has enough people, and nobody is left over."""
    rows: list[Row] = []
    for gap in gaps:
        for team in TEAMS:
            leaders, staff = (role for role in ROLES if role.startswith(team))
            means = gap.scores.mean(leaders), gap.scores.mean(staff)
            if None in means or gap.scores.least == 1:
                continue
            apart = published_gap(gap.scores, leaders, staff)
            rows.append({
                "label": gap.block.title, "team": TEAM_NAMES[team], "leader": means[0], "staff": means[1],
                "gap": apart.value, "gap_low": apart.low, "gap_high": apart.high, "n": gap.n[team],
            })  # fmt: skip
    if not rows:
        return None
    rows.sort(key=lambda row: -abs(row["gap"]))
    first = rows[0]
    return Exhibit(
        key="survey.roles", shape="table", rows=rows, source="Responses",
        title=f"Leaders and staff of {first['team']} part most on {in_sentence(str(first['label']))}: "
        f"{figure(first['leader'], 'points')} against {figure(first['staff'], 'points')} of 5",
        columns=columns(
            label=("Block", "text"), team=("Team", "text"), leader=("Leaders", "points"), staff=("Staff", "points"),
            gap=("Leaders less staff", "points"), gap_low=("from", "points"), gap_high=("to", "points"),
            n=("n", "count"),
        ),
        read="Average answer of those who lead people and those who do not, within one team, with Welch's 95 % "
        "interval of the difference. Shown only where both have enough people.",
        says_not="Which of the two sees the company as it is.", alt="Table of leaders and staff by block and team.",
    )  # fmt: skip


def items(found: dict[str, Scores], settings: Settings) -> Exhibit:
    """What does each team answer to each statement, the widest gap first, without a claim of certainty?"""
    rows = [_item_row(item, scores, settings) for item, scores in found.items()]
    rows.sort(key=lambda row: (row["gap"] is None, -abs(row["gap"] or 0)))
    title = "No item can be compared between the teams"
    if rows and rows[0]["gap"] is not None:
        gap = value(abs(rows[0]["gap"]), "points")
        title = f"Item by item, the widest gap is {gap}: \u201c{rows[0]['label']}\u201d"
    ranges = {f"{team}_range": (f"{TEAM_NAMES[team]}, from to", "text") for team in TEAMS}
    return Exhibit(
        key="survey.items", shape="table", title=title, source="Responses", rows=rows,
        columns=columns(
            label=("Item", "text"), item=("Code", "text"), sales=("Sales", "points"), sales_n=("n, Sales", "count"),
            marketing=("Marketing", "points"), marketing_n=("n, Marketing", "count"),
            gap=("Gap, Sales less Marketing", "points"), total=("Everybody", "points"),
            total_n=("n, everybody", "count"),
            **(ranges if settings.survey.mode == "named" else {}),  # type: ignore[arg-type]
            note=("Note", "text"),
        ),
        read="Average answer to each statement as it was asked, 1 disagree to 5 agree; \u201ccannot say\u201d is left "
        "out. Single items jump about more than blocks do: read them for where to start talking, not as findings.",
        says_not="Whether a single gap is more than chance.",
        alt="Table of the average answer to each item, by team.",
    )  # fmt: skip


def _item_row(item: str, scores: Scores, settings: Settings) -> Row:
    known = read_instrument().find(item)
    row: Row = {"label": known.text if known else item, "item": item}
    for group in GROUPS:
        row |= {group: scores.mean(group), f"{group}_n": scores.count(group)}
    if settings.survey.mode == "named":
        row |= {f"{team}_range": _range(scores, team) for team in TEAMS}
    both = row["sales"] is not None and row["marketing"] is not None
    row["gap"] = round(row["sales"] - row["marketing"], 4) if both else None
    hidden = listed([TEAM_NAMES.get(g, "everybody") for g in GROUPS if row[g] is None and g not in scores.absent])
    turned = "agreeing is the bad answer" if known and known.reverse else ""
    row["note"] = "; ".join(filter(None, [turned, hidden and f"withheld: {hidden}"]))
    return row


def _range(scores: Scores, team: Group) -> str:
    """The lowest and the highest answer of a team, of people who agreed to be named: something to talk about."""
    given = scores.of(team)
    ends = [number(float(end)) for end in (given.min(), given.max())] if len(given) else []
    return " to ".join(dict.fromkeys(ends))


def in_sentence(title: str) -> str:
    """How does a block's title stand inside a sentence? "Handoff rules" as "handoff rules"."""
    return title[:1].lower() + title[1:]
