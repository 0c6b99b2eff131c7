"""Does each team agree with itself, do the items of a block belong together, and was anything asked the wrong way?"""

from math import sqrt

import numpy as np

from alignlib import agreement
from alignlib.diagnostics.survey.answers import TEAMS, Answers
from alignlib.diagnostics.survey.exhibits import in_sentence
from alignlib.diagnostics.survey.gaps import BlockGap
from alignlib.diagnostics.survey.scores import FLOOR, Scores, scores_on
from alignlib.diagnostics.survey.views import filled
from alignlib.disclosure import SPREAD_FROM, Group
from alignlib.engagement import Settings
from alignlib.instrument import Block
from alignlib.result import Exhibit, Row, Unit, columns
from alignlib.stats import Floats, Interval
from alignlib.words import TEAM_NAMES, listed, of, spelled

POOLED_FROM = 20  # people below which a reliability says next to nothing: at 12 its interval runs from .40 to .92
FEW = "too few to judge"
CLOSE = 0.36  # the mean distance of one item's answers below which it is not told how close
_SPREADS: dict[str, tuple[str, Unit]] = {
    "sd": ("spread", "points"), "rwg": ("r_wg", "delta"), "chance": ("by chance", "delta"), "ad": ("AD", "delta"),
}  # fmt: skip
_OF_A_TEAM: dict[str, tuple[str, Unit]] = {
    f"{team}_{key}": (f"{TEAM_NAMES[team]}, {said}", unit) for team in TEAMS for key, (said, unit) in _SPREADS.items()
}


def within(answers: Answers, gaps: list[BlockGap], settings: Settings) -> Exhibit | None:
    """How far does each team agree with itself, block by block, and how well do a block's items hang together?

    A team's spread is shown from ten people on, reliability from twenty people of the teams that are shown, each team
    centred on its own mean. Named answers are not analysed.
    """
    if settings.survey.mode == "named" or not gaps:
        return None
    rows = [_row(answers, gap, settings) for gap in gaps]
    split = [f"{TEAM_NAMES[team]} on {in_sentence(row['label'])}"
             for row in rows for team in TEAMS if row[f"{team}_split"]]  # fmt: skip
    beyond = sum(row[f"{team}_rwg"] is not None and row[f"{team}_rwg"] > row[f"{team}_chance"]
                 for row in rows for team in TEAMS)  # fmt: skip
    who = [TEAM_NAMES[team] for team in TEAMS if any(row[f"{team}_rwg"] is not None for row in rows)]
    seen = sum(row[f"{team}_rwg"] is not None for row in rows for team in TEAMS)
    title = f"Too few people to say how far a team agrees with itself: it takes {spelled(SPREAD_FROM)} in a team"
    if seen:
        title = f"Within {listed(who)}, {of(beyond, seen)} views show more agreement than chance would bring"
        title += f"; split in two camps: {listed(split)}" if split else ""
    return Exhibit(
        key="survey.agreement", shape="table", title=title, rows=rows, source="Responses",
        columns=filled(columns(
            label=("Block", "text"),
            **_OF_A_TEAM,
            alpha=("Alpha", "delta"), alpha_low=("from", "delta"), alpha_high=("to", "delta"),
            omega=("Omega", "delta"), note=("Note", "text"),
        ), rows),
        read="Spread is the standard deviation in points. r_wg is 1 when all answer alike and 0 when they differ as "
        "much as random answers would, and is shown up to .90; it speaks of agreement only above the line that chance "
        "reaches at this size in one team of twenty. AD is the mean distance from its mean. Both from "
        f"{spelled(SPREAD_FROM)} people on. Alpha (with Feldt's interval) and omega say how well the items of a block "
        f"hang together, 1 perfectly, from {spelled(POOLED_FROM)} people of both teams, each centred on its mean.",
        says_not="Whether agreement is good: a team can agree on what is wrong.",
        alt="Table of agreement within each team and of the reliability of each block.",
    )  # fmt: skip


def _row(answers: Answers, gap: BlockGap, settings: Settings) -> Row:
    row: Row = {"label": gap.block.title}
    notes = []
    for team in TEAMS:
        found = _agreement(gap.scores, team)
        row |= {f"{team}_{key}": at for key, at in found.items()}
        if found["split"]:
            notes.append(f"{TEAM_NAMES[team]} stands in two camps, so its mean stands for nobody")
    alpha, omega, reversed_looking = reliability(answers, gap.block, settings)
    row |= {"alpha": alpha.value, "alpha_low": alpha.low, "alpha_high": alpha.high, "omega": omega}
    if alpha.value is None:
        notes.append("one item" if len(answers.asked(gap.block.items)) == 1 else f"alpha: {FEW}")
    notes += [f"\u201c{text}\u201d runs against the other items: was it keyed or read the wrong way?"
              for text in reversed_looking]  # fmt: skip
    row["note"] = "; ".join(notes)
    return {key: round(at, 2) if isinstance(at, float) else at for key, at in row.items()}


def _agreement(scores: Scores, team: Group) -> Row:
    """What may be said of a team's own spread: nothing below ten people, and no closer agreement than of most teams."""
    if scores.n(team) < SPREAD_FROM or scores.mean(team) is None:
        return {"sd": None, "rwg": None, "chance": None, "ad": None, "split": False}
    found = agreement.within(np.clip(scores.of(team), scores.low, scores.high), items=scores.items)
    most = 1 - FLOOR / 2  # of the variance of random answers, 2 points squared an item
    return {
        "sd": max(found.sd or 0.0, sqrt(FLOOR / scores.items)), "rwg": min(found.r_wg or 0.0, most),
        "chance": found.chance_r_wg, "ad": max(found.ad or 0.0, CLOSE / sqrt(scores.items)), "split": found.is_split,
    }  # fmt: skip


def reliability(answers: Answers, block: Block, settings: Settings) -> tuple[Interval, float | None, list[str]]:
    """How well do a block's items hang together, and which of them runs against the others beyond doubt?

    Alpha with Feldt's interval, omega, and the texts of items whose item-rest correlation lies wholly below 0. On the
    people of the teams whose mean is shown, each team centred; nothing below twenty people or two items.
    """
    asked, nothing = answers.asked(block.items), (Interval(None, None, None), None, list[str]())
    scores = scores_on(answers, block.items, settings)
    teams = [team for team in TEAMS if scores.mean(team) is not None]
    if len(asked) < 2 or sum(scores.n(team) for team in teams) < POOLED_FROM:
        return nothing
    given = answers.columns(asked)
    pooled = np.vstack([_centred(given[answers.people.groups[team]]) for team in teams])
    against = [item.text for item, rest in zip(asked, agreement.item_rest(pooled), strict=True)
               if rest.high is not None and rest.high < 0]  # fmt: skip
    return agreement.alpha(pooled), agreement.omega(pooled), against


def _centred(given: Floats) -> Floats:
    there = ~np.isnan(given)
    means = np.where(there, given, 0.0).sum(axis=0) / np.maximum(there.sum(axis=0), 1)
    found: Floats = given - means
    return found
