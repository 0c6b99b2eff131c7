"""In which order do findings matter?"""

from collections.abc import Mapping, Sequence
from math import log10

from alignlib.audit.scorecard import LEVELS
from alignlib.resources import Play
from alignlib.result import Finding

_SIZE = {"points": 4.0, "share": 1.0, "pp": 1.0}  # the whole scale of a unit, to compare distances from a limit
_SURE = (1.5, 3.0)  # distances from the limit, in half intervals, from which a verdict counts as firmer


def ranked(findings: Sequence[Finding], worth: Mapping[str, float], plays: Mapping[str, Play]) -> list[Finding]:
    """In which order do findings matter: level, stake, evidence before opinion, certainty, minutes of the play?

    ``worth``: expected value a year (minor units) by key, where it could be priced; amounts within half an order of
    magnitude count alike, so that guesses at money decide no more than they can. Certainty: how many half intervals
    the estimate lies beyond its limit, in three steps; what is counted is certain. Ties go by distance from the limit.
    """

    def order(f: Finding) -> tuple[int, int, bool, int, int, float, str]:
        play = plays.get(f.play or "")
        return (LEVELS.index(f.level), -_stake(worth.get(f.key, 0.0)), f.key.startswith("survey."), -_certainty(f),
                play.minutes if play else 0, -_distance(f), f.key)  # fmt: skip

    return sorted(findings, key=order)


def _stake(minor: float) -> int:
    return max(0, round(2 * log10(minor))) if minor >= 1 else 0


def _certainty(f: Finding) -> int:
    m = f.measure
    if m.value is None or f.limit is None:
        return 0
    if m.low is None or m.high is None:
        return len(_SURE)
    half = max((m.high - m.low) / 2, 1e-9)
    return sum(abs(m.value - f.limit) / half >= step for step in _SURE)


def _distance(finding: Finding) -> float:
    if finding.measure.value is None or finding.limit is None:
        return 0.0
    return abs(finding.measure.value - finding.limit) / _SIZE.get(finding.measure.unit, 1.0)
