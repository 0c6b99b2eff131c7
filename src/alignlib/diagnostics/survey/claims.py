"""Who makes which complaint: how many of each team take the bad side of the statement that asks it."""

from collections.abc import Iterator

import numpy as np

from alignlib.diagnostics.survey.answers import TEAMS
from alignlib.diagnostics.survey.scores import Scores
from alignlib.disclosure import SPREAD_FROM, Group, published_count
from alignlib.grievances import Grievance, read_docket
from alignlib.instrument import Item, read_instrument
from alignlib.result import Exhibit, Row, columns
from alignlib.words import TEAM_NAMES, spelled

_LEADERS: dict[Group, Group] = {"sales": "sales.leader", "marketing": "marketing.leader"}


def claims(own: dict[str, Scores], least: int) -> Exhibit | None:
    """How many of each team make each complaint of the docket? None where no statement of it was asked.

    One row a complaint. Who disagrees or rather disagrees makes it; where agreeing is the bad answer, who agrees or
    rather agrees. Of those who answered, "cannot say" aside. Counts at either end are ranges, and so are those that
    with the mean would tell of single answers, or somebody in the team how all others answered. A team is withheld
    where its mean of the statement is, where leaders and staff are told apart on this statement alone, and where beside
    this mean no two counts may be told apart. ``sales_why`` and ``marketing_why`` say why a count is missing: withheld,
    or nobody of the team answered anything.
    """
    rows = [_row(grievance, item, own) for grievance, item in asked(own)]
    if not rows:
        return None
    shown = sum(row["sales_n"] is not None or row["marketing_n"] is not None for row in rows)
    return Exhibit(
        key="survey.claims", shape="table", rows=rows, is_detail=True, source="Responses", play="P18",
        title=f"Who makes which complaint, for {spelled(shown)} of {spelled(len(rows))} complaints",
        columns=columns(
            label=("Complaint", "text"), text=("Statement", "text"), side=("Makes it who", "text"),
            sales_low=("Sales, at least", "count"), sales_high=("Sales, at most", "count"),
            sales_n=("of Sales", "count"), marketing_low=("Marketing, at least", "count"),
            marketing_high=("Marketing, at most", "count"), marketing_n=("of Marketing", "count"),
            note=("Note", "text"),
        ) + [column.model_copy(update={"is_extra": True}) for column in columns(
            sales_why=("Sales missing, why", "text"), marketing_why=("Marketing missing, why", "text"),
        )],
        read="For each complaint, how many of those who answered take the bad side of the statement that comes nearest "
        "to it. “At least” and “at most” differ where hardly anybody or nearly everybody did, or where the exact "
        "count, beside the mean, would tell of single answers or let one of the team work out those of all others. Of "
        f"fewer than {spelled(SPREAD_FROM)} who answered it is at most told whether more than one did.",
        says_not=f"Whether the complaint is right: that is for the docket. A team of fewer than {spelled(least)} who "
        "answered is withheld, and a count where beside its mean nothing may be told.",
        alt="Table of complaints with how many of each team make them.",
    )  # fmt: skip


def asked(own: dict[str, Scores]) -> list[tuple[Grievance, Item]]:
    """Which complaints have a statement that was asked?"""
    items = read_instrument().items
    return [(grievance, items[grievance.item]) for grievance in read_docket() if grievance.item in own]


def sides(own: dict[str, Scores]) -> Iterator[tuple[str, Group, dict[str, float]]]:
    """Which counts are published, of which team, and does each person take the bad side? For the release log alone."""
    for grievance, item in asked(own):
        of = own[item.item]
        for team in TEAMS:
            if _published(own, item, team) is not None:
                people = of.members(team)
                yield f"claim.{grievance.id}", team, {who: float(_bad(item, score)) for who, score in people.items()}


def _row(grievance: Grievance, item: Item, own: dict[str, Scores]) -> Row:
    side = "agrees or rather agrees" if item.reverse else "disagrees or rather disagrees"
    row: Row = {"label": f"{grievance.id} {grievance.complaint}", "text": item.text, "side": side}
    hidden = []
    for team in TEAMS:
        found = _published(own, item, team)
        low, high = found or (None, None)
        n = None if found is None else own[item.item].n(team)
        why = "" if found else "nobody answered" if own[item.item].count(team) == 0 else "withheld"
        row |= {f"{team}_low": low, f"{team}_high": high, f"{team}_n": n, f"{team}_why": why}
        hidden += [f"{TEAM_NAMES[team]}: {why}"] if why else []
    return {**row, "note": "; ".join(hidden)}


def _published(own: dict[str, Scores], item: Item, team: Group) -> tuple[int, int] | None:
    of = own[item.item]
    mean = of.mean(team)
    if mean is None:
        return None
    k = int(np.sum([_bad(item, score) for score in of.members(team).values()]))
    if of.least == 1:  # named answers hide nothing
        return k, k
    if of.mean(_LEADERS[team]) is not None and _is_alone(own, item):
        return None  # beside the mean of each role a count says how many of which role
    return published_count(k, of.n(team), item.low + item.high - mean if item.reverse else mean)


def _is_alone(own: dict[str, Scores], item: Item) -> bool:
    """Is this the one statement of its block on which teams are compared, so that the mean of both is the same?"""
    block = next(block for block in read_instrument().blocks if item in block.items)
    teams = [{team for team in TEAMS if own[i.item].mean(team) is not None} for i in block.items if i.item in own]
    return sum(each == set().union(*teams) for each in teams) < 2


def _bad(item: Item, score: float) -> bool:
    return score >= 4 if item.reverse else score <= 2
