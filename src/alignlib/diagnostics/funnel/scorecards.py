"""On which clock is each team judged: how often are its metrics looked at, and how long until they show in revenue?"""

from typing import Any

import pandas as pd

from alignlib.diagnostics.funnel.readings import folded
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row, columns
from alignlib.words import TEAM_NAMES, count, count_spelled, of, value

PLAY = "P11"
LONG_DAYS = 90  # a quarter: what takes longer is not in this quarter's figures
_SQL = """
select team, metric, review_days, lag_days, is_outcome, is_revenue_linked, lag_days > $long as is_late
from scorecards order by lag_days nulls last, team, metric, file, record
"""
_NO_CARDS = "no scorecards were delivered"
_SAYS = {  # of metrics, by column
    "is_outcome": "counting results rather than activity", "is_revenue_linked": "tied to revenue",
    "is_late": f"looking beyond {LONG_DAYS} days",
}  # fmt: skip
_FINDINGS = {"revenue_linked": ("marketing", "is_revenue_linked"), "long_view": ("sales", "is_late")}


def part(tables: Tables, settings: Settings) -> Part:
    """How far apart are the two teams' clocks, and which metrics are tied to revenue or look beyond a quarter?

    Reads ``scorecards``, one row a metric of a team. Counted, not estimated: these are all the metrics there are. What
    a card leaves blank is not recorded and counts neither way. Nothing here says whether a metric is a good one.
    """
    if not tables.has("scorecards"):
        return Part(not_judged=[_gap("How far apart the two teams’ clocks are", _NO_CARDS)])
    cards = tables.query(_SQL, {"long": LONG_DAYS})
    made = Part(exhibits=[_exhibit(cards)], basis=[count(len(cards), "metric") + " on the scorecards"])
    for key, (team, column) in _FINDINGS.items():
        card = cards[cards["team"] == team]
        if card[column].notna().any():
            made.findings.append(_finding(key, card[column], settings))
        else:
            why = "its scorecard does not say" if len(card) else "its scorecard was not delivered"
            made.not_judged.append(_gap(f"How many metrics {_SAYS[column]} {TEAM_NAMES[team]} has", why))
    return made


def shared(cards: pd.DataFrame) -> list[str]:
    """Which metrics stand on both teams' cards under one name, whatever its capitals and spaces?

    >>> shared(pd.DataFrame({"team": ["sales", "marketing"], "metric": ["Win rate", "WIN  Rate "]}))
    ['win rate']
    """
    names = cards["metric"].map(folded)
    return sorted({*names[cards["team"] == "sales"]} & {*names[cards["team"] == "marketing"]})


def _finding(key: str, hits: pd.Series, settings: Settings) -> Finding:
    """k of n metrics of one team, counted: no interval."""
    team, column = _FINDINGS[key]
    known = hits.dropna().astype(bool)
    k, n = int(known.sum()), len(known)
    said = f"{of(k, n)} metrics {_SAYS[column]}"
    blank = f", {count(len(hits) - n, 'further metric')} without an entry" if len(hits) > n else ""
    return finding(
        f"funnel.{key}", key, Measure(value=k / n, unit="share", k=k, n=n), settings,
        {"beyond": f"{TEAM_NAMES[team]} has only {said}", "none": f"{TEAM_NAMES[team]} has {said}"},
        theme="metrics", play=PLAY, counted=f"{of(k, n)} metrics on the team’s own card{blank}", settle="",
    )  # fmt: skip


def _exhibit(cards: pd.DataFrame) -> Exhibit:
    """One row a metric, by the days until it shows in revenue."""
    kinds, links = {True: "outcome", False: "activity"}, {True: "yes", False: "no"}
    rows: list[Row] = [
        {"label": f"{TEAM_NAMES[card['team']]}: {card['metric']}", "value": _days(card["lag_days"]),
         "review": _days(card["review_days"]), "kind": kinds.get(card["is_outcome"], "not recorded"),
         "linked": links.get(card["is_revenue_linked"], "not recorded"),
         "note": "not recorded: days until it shows in revenue" if pd.isna(card["lag_days"]) else ""}
        for card in cards.to_dict("records")
    ]  # fmt: skip
    teams = {team: cards[cards["team"] == team] for team in TEAM_NAMES}
    said = [f"{name}: {_described(teams[team])}" for team, name in TEAM_NAMES.items() if len(teams[team])]
    return Exhibit(
        key="funnel.clocks", shape="bars", title=_title(cards, teams), lead=" ".join(said), rows=rows, play=PLAY,
        columns=columns(
            label=("Metric", "text"), value=("Days until revenue", "days"), review=("Between reviews", "days"),
            kind=("Counts", "text"), linked=("Tied to revenue", "text"), note=("Note", "text"),
        ),
        read="One bar a metric, on one axis for both teams: days until what it counts shows in revenue, as the teams "
        "say. Counted, not estimated. Bringing the clocks together must not leave short metrics alone: agree how many "
        "long ones each card keeps at least.",
        says_not="Whether a metric is a good one, or what it does to those who are judged by it.",
        source="Scorecards of both teams", alt=f"Bars of days until revenue for {count(len(rows), 'metric')}.",
    )  # fmt: skip


def _title(cards: pd.DataFrame, teams: dict[str, pd.DataFrame]) -> str:
    medians = {team: card["lag_days"].median() for team, card in teams.items() if card["lag_days"].notna().any()}
    if len(medians) < 2:
        return f"{count(len(cards), 'metric')} on the scorecards; the two teams’ clocks cannot be compared"
    gap, both = abs(medians["marketing"] - medians["sales"]), len(shared(cards))
    sales, marketing = (value(medians[team], "days") for team in TEAM_NAMES)
    return (
        f"Marketing’s metrics show in revenue after {marketing} (median), Sales’ after {sales}: {value(gap, 'days')} "
        f"apart; {count_spelled(both, 'metric')} on both cards"
    )


def _described(card: pd.DataFrame) -> str:
    """What one team's card holds: reviews, activity against outcome, links to revenue."""
    counts = [f"{of(int(known.sum()), len(known))} {said}" for column, said in _SAYS.items()
              if len(known := card[column].dropna().astype(bool))]  # fmt: skip
    review = card["review_days"].median()
    every = "" if pd.isna(review) else f", reviewed every {value(float(review), 'days')} (median)"
    return f"{count(len(card), 'metric')}{every}{'; ' if counts else ''}{', '.join(counts)}."


def _days(found: Any) -> int | None:
    return None if pd.isna(found) else int(found)


def _gap(what: str, why: str) -> NotJudged:
    settle = "each team’s list of the metrics it is judged on, with days between reviews and days until revenue"
    return NotJudged(what=what, why=why, settle=settle, theme="metrics")
