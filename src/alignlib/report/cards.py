"""How do the docket and the five conversations stand in a report: strings, counts and places, row by row?"""

from collections.abc import Mapping
from typing import NamedTuple

from alignlib import words
from alignlib.charts.tables import between, number
from alignlib.resources import Play
from alignlib.result import Row

HOLDS = ("Borne out", "Both have a point")
VERDICTS = (*HOLDS, "Not borne out", "Cannot tell", "No rule settles it", "No outside evidence possible", "Not raised")


class Lane(NamedTuple):
    """How many of a team agree, in words, and where does its mark lie on a lane from none (0) to all (1), if at all?

    ``span``: the ends of a range of counts, on the same lane.
    """

    team: str
    name: str
    text: str
    at: float | None
    span: tuple[float, float] | None = None


class Entry(NamedTuple):
    """One grievance: who makes it, who agrees, which finding tests it, and what comes of that.

    ``ends`` is the interval and the count behind the evidence, ``also`` what else was tested.
    ``finding`` is the key of the finding that is drawn, ``section`` the id of what proves it (both may be empty).
    """

    label: str
    says: str
    claimants: tuple[str, ...]
    complaint: str
    lanes: tuple[Lane, ...]
    evidence: str
    ends: str
    also: str
    finding: str
    holds_where: str
    section: str
    verdict: str
    note: str
    play: Play | None
    is_act: bool


class Conversation(NamedTuple):
    """One conversation with buyers: what was said of it, what is supplied for it, what happened, and how that reads.

    ``said`` holds the lanes with their means in words; ``supplied`` and ``happened`` are empty when not recorded.
    """

    label: str
    name: str
    when: str
    said: tuple[Lane, ...]
    said_alt: str
    supplied: str
    n_supplied: int
    segments: int
    standing: str
    happened: str
    happened_alt: str
    ends: str
    basis: str
    level: str
    reading: str


def entry(row: Row, known: Mapping[str, Play], sections: Mapping[str, str]) -> Entry:
    """Which grievance does a row of the docket hold? ``sections``: where each finding, by its key, is proved."""
    claimant, verdict, finding = (_text(row, name) for name in ("claimant", "verdict", "finding"))
    ends, also = _bracketed(_text(row, "ends"))
    return Entry(
        label=_text(row, "label"), says=_text(row, "says"), complaint=_text(row, "complaint"),
        claimants=(claimant,) if claimant in words.TEAM_NAMES else tuple(words.TEAM_NAMES),
        lanes=tuple(_agreeing(row, team) for team in words.TEAM_NAMES), evidence=_text(row, "evidence"),
        ends=ends, also=also, finding=finding, holds_where=_text(row, "holds_where"),
        section=sections.get(finding, ""), verdict=verdict,
        note=_text(row, "note"), play=known.get(_text(row, "play")),
        is_act=verdict in HOLDS and row.get("level") == "act",
    )  # fmt: skip


def _bracketed(text: str) -> tuple[str, str]:
    """What stands in the brackets that a text begins with, and what follows them."""
    end = text.find(")") + 1 if text.startswith("(") else 0
    return text[:end], text[end:].strip()


def _agreeing(row: Row, team: str) -> Lane:
    """At either end a range of counts stands for the count, and its middle for its place."""
    low, high, n = (number(row, f"{team}_{name}") for name in ("low", "high", "n"))
    if low is None or high is None or not n:
        return Lane(team, words.TEAM_NAMES[team], _text(row, team), None)
    span = (low / n, high / n) if high > low else None
    return Lane(team, words.TEAM_NAMES[team], _text(row, team), (low + high) / 2 / n, span)


def conversation(row: Row, currency: str) -> Conversation:
    """What does a row of the strip say of one conversation?"""
    value, low, high, n = (number(row, name) for name in ("value", "low", "high", "n"))
    supplied, segments, amount = (number(row, name) for name in ("supplied", "segments", "amount"))
    ends = between(low, high, "share") if low is not None and high is not None else ""
    happened = words.figure(value, "share") if value is not None else f"{ends}{words.NBSP}%" if ends else ""
    counted = "" if n is None or not happened else f"n{words.NBSP}={words.NBSP}{words.number(n)}"
    limit = number(row, "limit")
    alt = [happened, f"interval {ends}" if ends else "", f"agreed at least {words.share(limit)}" if limit else ""]
    said = tuple(_mean(row, team) for team in words.TEAM_NAMES)
    is_known = supplied is not None and segments is not None
    return Conversation(
        label=_text(row, "label"), name=_text(row, "name"), when=_text(row, "when"), said=said,
        said_alt="; ".join(_with_interval(row, lane) for lane in said) + "; from 1 to 5",
        supplied=words.of(int(supplied or 0), int(segments or 0)) if is_known else "",
        n_supplied=int(supplied or 0), segments=int(segments or 0),
        standing=f"{words.figure(amount, 'money', currency)} open without one" if amount else "",
        happened=happened, happened_alt=", ".join(filter(None, alt)), ends=ends if value is not None else "",
        basis=", ".join(filter(None, (counted, _text(row, "note")))), level=_text(row, "level"),
        reading=_text(row, "reading"),
    )  # fmt: skip


def _mean(row: Row, team: str) -> Lane:
    mean = number(row, team)
    return Lane(team, words.TEAM_NAMES[team], "withheld" if mean is None else words.number(mean, 1), mean)


def _with_interval(row: Row, lane: Lane) -> str:
    low, high = (number(row, f"{lane.team}_{end}") for end in ("low", "high"))
    ends = f", interval {words.interval(low, high, 'points')}" if low is not None and high is not None else ""
    return f"{lane.name} {lane.text}{ends}"


def _text(row: Row, name: str) -> str:
    value = row.get(name)
    return value if isinstance(value, str) else ""
