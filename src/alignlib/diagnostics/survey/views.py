"""What else the two teams were asked: the five conversations, guesses, who owns what, and which goal comes first."""

from collections.abc import Callable
from math import ceil, floor

import numpy as np

from alignlib import agreement
from alignlib.diagnostics.survey.answers import TEAMS, Answers
from alignlib.diagnostics.survey.scores import Scores, item_scores, scores_on
from alignlib.disclosure import SPREAD_FROM
from alignlib.engagement import Settings
from alignlib.instrument import Item, read_instrument
from alignlib.result import Column, Exhibit, Row, Unit, columns
from alignlib.stats import total_variation
from alignlib.words import TEAM_NAMES, capital, figure, listed, share

UNANIMOUS = 0.99  # an order so alike is not told: it would be everybody's
CLEARLY = 0.6  # the part of a step from which a team sees itself as its owner
ROUNDED = "Groups below the smallest size are withheld; intervals are shown where at least ten answered."


def team_cells(scores: Scores, part: float = 1.0) -> Row:
    """What does each team say, as published, and how far apart is that? ``part`` turns a point into the unit shown."""
    row: Row = {}
    scale = 10_000 if part == 1 else 100  # hundredths: of a hundred points nobody reads a tenth
    for team in TEAMS:
        found = scores.interval(team)
        ends: dict[str, tuple[float | None, Callable[[float], int]]] = {
            "": (found.value, round),
            "_low": (found.low, floor),
            "_high": (found.high, ceil),
        }
        for end, (at, cut) in ends.items():
            row[f"{team}{end}"] = None if at is None else cut(round(at * part * scale, 6)) / scale
        row[f"{team}_n"] = scores.count(team)
    both = row["sales"] is not None and row["marketing"] is not None
    row["gap"] = round(row["sales"] - row["marketing"], 4) + 0.0 if both else None
    hidden = [TEAM_NAMES[team] for team in TEAMS if row[team] is None and team not in scores.absent]
    row["note"] = f"withheld: {listed(hidden)}" if hidden else ""
    return row


def team_columns(first: str, unit: Unit, gap: str = "Sales less Marketing") -> list[Column]:
    """Which columns does a table of the two teams have?"""
    apart: Unit = "pp" if unit == "share" else unit
    return columns(
        label=(first, "text"), sales=("Sales", unit), sales_low=("from", unit), sales_high=("to", unit),
        sales_n=("n, Sales", "count"), marketing=("Marketing", unit), marketing_low=("from", unit),
        marketing_high=("to", unit), marketing_n=("n, Marketing", "count"), gap=(gap, apart), note=("Note", "text"),
    )  # fmt: skip


def filled(described: list[Column], rows: list[Row]) -> list[Column]:
    """Which of these columns hold anything in any row?"""
    return [column for column in described if any(row.get(column.name) not in (None, "") for row in rows)]


def conversations(answers: Answers, settings: Settings) -> Exhibit | None:
    """How well are the five conversations held, and helped by Marketing's material, as each team sees it?"""
    talks = read_instrument().conversations
    asked = [(f"{talk.conversation} {talk.title}: done well", talk.done) for talk in talks]
    asked += [(f"{talk.conversation} {talk.title}: helped by Marketing", talk.helped) for talk in talks]
    rows: list[Row] = [{"label": label} | team_cells(scores_on(answers, [item], settings))
                       for label, item in asked if answers.asked([item])]  # fmt: skip
    if not rows:
        return None
    title = "The five conversations cannot be compared between the teams"
    if widest := _widest(rows):
        title = f"{widest['label']}: {_both(widest, 'points')} of 5, the widest gap of the five conversations"
    return Exhibit(
        key="survey.conversations", shape="dumbbell", title=title, rows=rows, source="Responses",
        columns=team_columns("Conversation", "points"),
        read="Average answer of each team, 1 disagree to 5 agree: is the conversation held well today, and does "
        f"Marketing's material help in it? {ROUNDED}",
        says_not="Which deals were lost in which conversation; single items, so no claim of certainty.",
        alt=f"Dumbbell chart of {len(rows)} statements on the five conversations, by team.",
    )  # fmt: skip


def estimates(answers: Answers, settings: Settings) -> Exhibit | None:
    """What does each team guess of figures that the files can tell?"""
    asked = answers.asked(read_instrument().of("estimate"))
    shares = [item for item in asked if item.unit != "days"]
    if not shares:
        return None
    rows: list[Row] = [{"label": i.title} | team_cells(scores_on(answers, [i], settings), 0.01) for i in shares]
    days = [team_cells(scores_on(answers, [item], settings)) for item in asked if item.unit == "days"]
    lead = [f"Days from the handover to the first touch, by each team's guess: {_both(row, 'days')}." for row in days]
    title = "The teams' guesses cannot be compared"
    if widest := _widest(rows):
        title = f"{widest['label']}, as each team guesses: {_both(widest, 'share')}"
    return Exhibit(
        key="survey.estimates", shape="paired", title=title, lead=" ".join(lead), rows=rows, source="Responses",
        columns=team_columns("Question", "share"),
        read=f"Average guess of each team, out of 100. {ROUNDED} These are guesses: the files say what happened, and "
        "where they were delivered their figure stands in the other parts of the audit.",
        says_not="Who guesses well: that takes the figure from the files, counted in the same way.",
        alt=f"Paired chart of {len(rows)} guesses, by team.",
    )  # fmt: skip


def relay(answers: Answers, settings: Settings) -> Exhibit | None:
    """Who owns each step from first contact to close, as each team sees it?"""
    asked = answers.asked(read_instrument().of("owner"))
    rows: list[Row] = [{"label": i.text} | team_cells(scores_on(answers, [i], settings), 0.01) for i in asked]
    if not rows:
        return None
    claimed = [r for r in rows if r["gap"] is not None and r["sales"] >= CLEARLY and r["marketing"] <= 1 - CLEARLY]
    left = [r for r in rows if r["gap"] is not None and r["sales"] <= 1 - CLEARLY and r["marketing"] >= CLEARLY]
    said = [f"both teams see themselves as owner of: {_names(claimed)}"] if claimed else []
    said += [f"each leaves to the other: {_names(left)}"] if left else []
    title = "; ".join(said) if said else "No step of the relay is claimed by both teams or left by both"
    return Exhibit(
        key="survey.relay", shape="paired", title=capital(title), rows=rows, source="Responses",
        columns=team_columns("Step", "share"), play="P5",
        read="Which part of each step belongs to Sales today, the rest to Marketing, as the people of each team see it "
        f"on average: 0 Marketing alone, 100 Sales alone. {ROUNDED}",
        says_not="Who should own a step. A step both claim is done twice; a step both leave is not done.",
        alt=f"Paired chart of {len(rows)} steps and the part of Sales in each, by team.",
    )  # fmt: skip


def segments(answers: Answers, settings: Settings) -> Exhibit | None:
    """Where should next year's revenue come from, as each team sees it, and how far apart is that?"""
    found = item_scores(answers, settings, answers.points)
    rows: list[Row] = [{"label": i.text} | team_cells(found[i.item], 0.01) for i in answers.points]
    if not rows:
        return None
    title = "Where revenue should come from cannot be compared between the teams"
    if all(row["gap"] is not None for row in rows) and all(sum(row[team] for row in rows) > 0 for team in TEAMS):
        apart = total_variation([row["sales"] for row in rows], [row["marketing"] for row in rows])
        widest = max(rows, key=lambda row: abs(row["gap"]))
        title = f"The teams would place {share(apart)} of next year's revenue in different segments"
        title += f", most of all {widest['label']}: {_both(widest, 'share')}"
    return Exhibit(
        key="survey.segments", shape="paired", title=title, rows=rows, source="Responses", play="P1",
        columns=team_columns("Segment", "share"),
        read="How each team shares out 100 points of next year's revenue over the segments, on average. The distance "
        f"is the part of the points that would have to move to make both alike. {ROUNDED}",
        says_not="Which team is right; even two teams of one mind differ a little, for people do.",
        alt=f"Paired chart of {len(rows)} segments and the points each team gives.",
    )  # fmt: skip


def goals(answers: Answers, settings: Settings) -> Exhibit | None:
    """In which order does each team put the goals, and does it agree with itself and with the other?"""
    asked = answers.asked(read_instrument().of("rank"))
    found = item_scores(answers, settings, asked)
    rows: list[Row] = [{"label": i.text} | team_cells(found[i.item]) for i in asked]
    if not rows:
        return None
    rows.sort(key=lambda row: (row["sales"] is None, row["sales"]))
    title = "Which goal comes first cannot be compared between the teams"
    known = [row for row in rows if row["gap"] is not None]
    if known:
        ours, theirs = (min(known, key=lambda row: row[team])["label"] for team in TEAMS)
        title = f"Sales puts \u201c{ours}\u201d first, Marketing \u201c{theirs}\u201d"
    return Exhibit(
        key="survey.goals", shape="table", title=title, lead=_concord(answers, asked, rows, settings), rows=rows,
        columns=team_columns("Goal", "points", "Sales less Marketing, ranks"), source="Responses", play="P20",
        read=f"Average rank, 1 the goal that comes first. {ROUNDED} Kendall's W says how far the people of one team "
        "put the goals in one order: 0 not at all, 1 all alike.",
        says_not="Which goal should come first.", alt="Table of the average rank of each goal, by team.",
    )  # fmt: skip


def _concord(answers: Answers, asked: list[Item], rows: list[Row], settings: Settings) -> str:
    """How far do the two orders agree, and each team with itself? The latter from ten people on."""
    from scipy.stats import kendalltau

    said = []
    if len(rows) > 2 and all(row["gap"] is not None for row in rows):
        tau = float(kendalltau([row["sales"] for row in rows], [row["marketing"] for row in rows]).statistic)
        if not np.isnan(tau):
            said.append(f"The two orders agree at Kendall's tau {figure(tau, 'delta')} (1 the same, \u22121 reversed).")
    ranks = answers.columns(asked)
    for team in TEAMS:
        whole = ranks[answers.people.groups[team] & ~np.isnan(ranks).any(axis=1)]
        shown = len(whole) >= SPREAD_FROM and all(row[team] is not None for row in rows)
        w = agreement.kendall_w(whole) if shown else None
        if w is not None and w < UNANIMOUS and settings.survey.mode == "anonymous":
            said.append(f"Within {TEAM_NAMES[team]}: Kendall's W {figure(w, 'delta')}.")
    return " ".join(said)


def _widest(rows: list[Row]) -> Row | None:
    known = [row for row in rows if row["gap"] is not None]
    return max(known, key=lambda row: abs(row["gap"]), default=None)


def _both(row: Row, unit: str) -> str:
    said = {team: figure(row[team], unit) if row[team] is not None else "withheld" for team in TEAMS}
    return f"Sales {said['sales']}, Marketing {said['marketing']}"


def _names(rows: list[Row]) -> str:
    return listed([f"\u201c{row['label']}\u201d" for row in rows])
