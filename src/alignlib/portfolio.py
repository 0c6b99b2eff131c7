"""What do many clients have in common, and what may be said of each, given all? Figures shrunk toward the portfolio."""

import hashlib
import re
from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from fnmatch import fnmatchcase
from math import isfinite, log, sqrt
from typing import Any, Literal, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import chdtri, expit, logit, stdtrit

from alignlib import __version__
from alignlib.engagement import THRESHOLDS
from alignlib.instrument import read_instrument
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Record, Result, Row, Unit, columns, to_json
from alignlib.words import capital, count, count_spelled, interval, listed, number, spelled, value

Floats = NDArray[np.float64]
Part = Literal["survey", "content", "funnel"]
FEWEST = 5  # clients with a figure: with fewer, what differs between clients cannot be told from chance
SMALLEST_GROUP = 5  # people: of fewer no figure of a survey enters
PARTS: dict[Part, str] = {"survey": "the survey", "content": "content", "funnel": "leads"}
_Z = 1.959963984540054
_AFTER: dict[Unit, str] = {"share": " %", "pp": " percentage points", "points": " points"}
# How a method begins whose ends are no 95 % limits of chance alone; a distance (bootstrap) is moved up by chance.
_NO_SAMPLE = ("bounds", "range", "withheld", "multiplier bootstrap")
# Which findings each setting defines; and what a finding says it was read within, which may be less than was agreed.
_DEFINES: dict[str, tuple[str, ...]] = {
    "path": (passing := ("funnel.*_to_*", "funnel.cohorts")), "horizon_days": (*passing, "funnel.score_order"),
    "first_touch_hours": (promised := ("funnel.first_touch", "funnel.work_order", "funnel.leaked")), "clock": promised,
    "decision_days": ("funnel.decided",), "stalled_days": ("funnel.leaked", "funnel.ownerless"),
    "unused_days": ("content.unused",), "stale_days": ("content.stale",), "instrument_version": ("survey.*",),
    "uptake_days": ("content.taught", "content.teaching_gain", "content.recommended", "content.notes"),
}  # fmt: skip
_WITHIN = re.compile(r"\bwithin [\d,.]{1,9} (?:days?\b|working hours? \([\w ,:]{1,60}\))")
_KNOWN = re.compile(r"any|strict|backfilled|calendar|business|[\d.]{1,9}")  # of a file's words only these are printed
_EDGES = [0, 5, *(step * 10**power for power in range(1, 10) for step in (1, 2, 5))]  # of bands of n
_METHOD = (
    "Figures of one name and one definition, that of most clients, are pooled when five clients or more have them with "
    "a 95 % interval: shares on the log odds, the rest as it is. The standard error is half that interval by 1.96.",
    "Variance between clients: Paule & Mandel 1982; its limits: Q profile, Viechtbauer 2007. Shrunk figures, with "
    "95 % intervals: empirical Bayes, Morris 1983. Mean: Hartung & Knapp 2001. Where clients lie: Higgins et al. 2009.",
)
_GAP, _BLOCKS = "survey.gap.", "survey.blocks"  # sizes of gaps, and the exhibit that holds their signs
_NO_SIGN = ("survey.mirror.",)  # sizes without a sign: small ones of both kinds would add up to a large one
_NAMES = {"funnel.cohorts": "change of what is won from one group of leads to the next"}


class Pool(NamedTuple):
    """What did shrinking find, on the scale given: the portfolio's mean, its spread between clients, each client?

    ``spread`` is the SD between clients; ``weights``: which part of the way to the mean each own figure was moved.
    """

    mean: float
    mean_low: float
    mean_high: float
    spread: float
    spread_low: float
    spread_high: float
    values: Floats
    lows: Floats
    highs: Floats
    weights: Floats


def shrink(values: ArrayLike, errors: ArrayLike) -> Pool:
    """What is each client's figure, given all of them? One entry a client: own figure and its standard error.

    Empirical Bayes, normal and normal (Morris 1983): each figure is moved to the mean of all, the more so the less sure
    it is and the less clients differ. The variance between clients solves Q = k - 1 (Paule & Mandel 1982, as Morris);
    its limits are those of the Q profile (Viechtbauer 2007); the mean has t limits with k - 1 degrees of freedom
    (Hartung & Knapp 2001). Shrinkage is taken (k - 3)/(k - 1) times, and the intervals hold Morris's term for not
    knowing the variance between clients, so no client is ever moved wholly, nor taken to be as sure as if all were one.
    In normal worlds they hold 94 to 99 % of the time. Errors count as known; a client that is unlike all others is
    moved too far. Fewer than five clients raise ValueError.

    >>> eight_schools = shrink([28, 8, -3, 7, -1, 1, 18, 12], [15, 10, 16, 11, 9, 11, 10, 18])  # Rubin 1981
    >>> round(eight_schools.mean, 2), eight_schools.spread, round(float(eight_schools.values[0]), 1)
    (7.69, 0.0, 13.5)
    """
    y, variances = (np.asarray(each, dtype=np.float64).ravel() for each in (values, errors))
    variances, k = variances**2, len(y)
    if k < FEWEST or len(variances) != k or not (variances > 0).all():
        raise ValueError(f"shrinking takes {FEWEST} clients or more, each with a standard error above 0")
    among = _solved(y, variances, k - 1)
    w = 1 / (variances + among)
    mean, reach = float(w @ y / w.sum()), float(stdtrit(k - 1, 0.975)) / sqrt(w.sum())
    spread_low, spread_high = (sqrt(_solved(y, variances, float(chdtri(k - 1, p)))) for p in (0.025, 0.975))
    moved = (k - 3) / (k - 1) * variances * w
    leverage, typical = k * w / w.sum(), float(w @ variances / w.sum())
    unsure = 2 / (k - 3) * moved**2 * (typical + among) * w * (y - mean) ** 2
    own = (1 - moved) * y + moved * mean
    errors_left = np.sqrt(variances * (1 - (k - leverage) / k * moved) + unsure)
    return Pool(mean, mean - reach, mean + reach, sqrt(among), spread_low, spread_high,
                own, own - _Z * errors_left, own + _Z * errors_left, moved)  # fmt: skip


def _solved(y: Floats, variances: Floats, target: float) -> float:
    """The variance between clients at which Q, the weighted squares about the mean, comes down to ``target``."""

    def above(among: float) -> float:
        w = 1 / (variances + among)
        return float(w @ (y - w @ y / w.sum()) ** 2) - target

    top = 2 * len(y) * float(y.var()) / target  # Q is at most the squares about the plain mean, by the variance between
    return float(brentq(above, 0.0, top, xtol=top * 1e-15, rtol=1e-13)) if above(0.0) > 0 else 0.0


def on_scale(measure: Measure) -> tuple[float, float] | None:
    """Where does a published figure lie on the scale on which it is shrunk, and with which standard error?

    Shares on the log odds, differences and points as they are. The standard error is half the width of the published
    interval by 1.96: where that was wider for a t quantile, or for rounding, a little too large. None or all of n: half
    a case is added to the effective n that the other limit gives (Haldane 1956). None where there is no interval, or
    one that is no 95 % interval of chance.

    >>> at, error = on_scale(Measure(value=0.5, unit="share", low=0.4, high=0.6, n=100, method="Wilson"))
    >>> at, round(error, 4)
    (0.0, 0.2069)
    """
    m = measure
    if m.value is None or m.low is None or m.high is None or m.unit not in _AFTER or m.method.startswith(_NO_SAMPLE):
        return None
    if not m.low <= m.value <= m.high or m.low == m.high:
        return None
    if m.unit != "share":
        return m.value, (m.high - m.low) / (2 * _Z)
    if m.value in (0.0, 1.0):
        far = m.high if m.value == 0 else 1 - m.low
        cases = _Z**2 * (1 - far) / far  # of which none gives this limit (Wilson 1927)
        at = log(0.5 / (cases + 0.5))
        return (at if m.value == 0 else -at), sqrt(2 + 1 / (cases + 0.5))
    at = float(logit(m.value))
    halves = [half for end in (m.low, m.high) if isfinite(half := abs(float(logit(end)) - at))]
    return (at, float(np.mean(halves)) / _Z) if halves else None


class Figure(NamedTuple):
    """Which figure do enough clients define alike: its key and unit, what each found, what shrinking made of it?"""

    key: str
    label: str
    unit: Unit
    own: dict[str, Measure]
    pool: Pool
    definition: tuple[str, ...]  # settings, and within what time it was read
    others: int  # clients that have it by another definition
    is_named: bool

    def back(self, at: Any) -> Any:
        """How is a place on the scale of shrinking said in the figure's own unit?"""
        return expit(at) if self.unit == "share" else at

    def said(self, middle: float | None, low: float | None, high: float | None) -> str:
        """How are a figure and its limits written?"""
        return f"{value(middle, self.unit)} ({interval(low, high, self.unit)})"

    def told(self, at: Any) -> float:
        """How exactly is a place told? Unless clients are named, no more exactly than it is displayed."""
        it = float(self.back(at))
        digits = 1 if self.unit == "points" else 3 if self.unit == "share" and it < 0.0095 else 2
        return it if self.is_named else round(it, digits)


def portfolio(records: Sequence[Record], is_named: bool = False) -> Record:
    """What do these clients have in common, and what may be said of each, given all?

    A figure counts when five clients or more define it alike and have it with a 95 % interval, under one key and unit;
    how many define it otherwise is said. Unless ``is_named``, clients have numbers, drawn anew for each figure, figures
    are rounded as displayed, and n is a band: whoever finds a client in one figure has not found its others. No text of
    a client enters. Records of one name, of equal settings or of the same files are one client; the latest counts.
    Survey figures enter only from anonymous surveys, on five people or more, gaps with their sign; what a report
    withheld is not there. It does not rank clients nor say why they differ. Raises ValueError without records.
    """
    if not records:
        raise ValueError("a portfolio needs the results of at least one client")
    clients = _clients(records)
    made, apart = _figures(clients, is_named)
    by_part = {part: [figure for figure in made if figure.key.startswith(f"{part}.")] for part in PARTS}
    summary, of = _summary(made, apart, len(records) - len(clients), is_named), clients.values()
    return Record(
        kit_version=__version__, client=f"Portfolio of {count(len(of), 'client')}", currency="",
        synthetic=any(r.synthetic for r in of), period_start=min(r.period_start for r in of),
        period_end=max(r.period_end for r in of), as_of=max(r.as_of for r in of),
        settings_sha256=_sha256(*sorted(r.settings_sha256 for r in of)),
        thresholds_lock="Each client agreed its own limits; nobody is judged against them here.",
        results={**{part: _result(part, figures) for part, figures in by_part.items()}, "audit": summary},
    )  # fmt: skip


def page(record: Record) -> str:
    """Which HTML page shows a portfolio? The report's own, with what only a single client's report says left out."""
    from alignlib.report import document, html

    made, gaps = document.build(record), record.results["audit"].not_judged
    title = f"{count_spelled(len(gaps), 'thing').capitalize()} these figures leave open"
    shown = made._replace(top_title="No client is judged or ranked here", limits_title=title, limits=tuple(gaps))
    return html.render(shown._replace(more_limits=(), notes=(("Shrinkage", _METHOD),)))


def _sha256(*texts: str) -> str:
    return hashlib.sha256("\n".join(texts).encode()).hexdigest()


def _clients(records: Sequence[Record]) -> dict[str, Record]:
    """The latest record of each client, by a fingerprint that only who has the record can tell, in its order.

    Records of one name, of equal settings or with a part made of the same files (facts aside) are of one client.
    """
    groups: list[tuple[set[object], list[Record]]] = []
    for record in records:
        parts = [record.results[part].sources for part in PARTS if part in record.results]
        files = {frozenset(s.sha256 for s in part if s.table != "facts" and s.rows != 0) for part in parts}
        marks = {
            " ".join(record.client.casefold().split()),
            ("settings", record.settings_sha256),
            *files - {frozenset()},
        }
        same = [group for group in groups if group[0] & marks]
        groups = [group for group in groups if not group[0] & marks]
        groups.append((marks.union(*(found for found, _ in same)), [record, *(r for _, some in same for r in some)]))
    latest = [max(some, key=lambda r: (r.as_of, r.settings_sha256, r.client)) for _, some in groups]
    return dict(sorted((_sha256(to_json(record)), record) for record in latest))


def _figures(clients: Mapping[str, Record], is_named: bool) -> tuple[list[Figure], list[str]]:
    """Each figure that enough clients define alike; and the names of those they have, but by other definitions."""
    own: dict[tuple[str, Unit], dict[tuple[str, ...], dict[str, Finding]]] = {}
    for mark, record in clients.items():
        for part, found in ((name, found) for name in PARTS for found in eligible(name, record)):
            defined = own.setdefault((found.key, found.measure.unit), {})
            defined.setdefault(_definition(found, record.results[part]), {})[mark] = found
    figures, apart = list[Figure](), list[str]()
    for (key, unit), defined in sorted(own.items()):
        definition, alike = max(sorted(defined.items()), key=lambda one: len(one[1]))
        n, label = sum(map(len, defined.values())), label_of(next(iter(alike.values())))
        if len(alike) < FEWEST:
            apart += [label] if n >= FEWEST else []
            continue
        # Drawn from fingerprints that are not in what is published: else the draw could be undone from there.
        drawn = enumerate(sorted(alike, key=lambda mark: _sha256(key, mark, *clients)), start=1)
        measures = {clients[at].client if is_named else f"Client {i}": alike[at].measure for i, at in drawn}
        pool = shrink(*zip(*filter(None, map(on_scale, measures.values())), strict=True))
        figures.append(Figure(key, label, unit, measures, pool, definition, n - len(alike), is_named))
    return figures, apart


def _definition(found: Finding, result: Result) -> tuple[str, ...]:
    """What makes a figure another one of the same name: settings it hangs on, and within what time it was read?"""
    hangs_on = [name for name, keys in _DEFINES.items() if any(fnmatchcase(found.key, key) for key in keys)]
    said = [(name.replace("_", " "), result.settings.get(name)) for name in hangs_on]
    given = [f"{name} {at:g}" if isinstance(at, int | float) else f"{name} {at}"
             for name, at in said if isinstance(at, int | float) or _KNOWN.fullmatch(str(at))]  # fmt: skip
    return *given, *sorted(set(_WITHIN.findall(f"{found.title} {found.detail}")))


def eligible(part: Part, record: Record) -> Iterator[Finding]:
    """Which findings may enter? Those with an interval of chance; of surveys the anonymous ones, on enough people."""
    result = record.results.get(part)
    if result is None or (part == "survey" and result.settings.get("mode") != "anonymous"):
        return
    least = SMALLEST_GROUP if part == "survey" else 0
    for each in result.findings:
        found = _signed(each, result) if each.key.startswith(_GAP) else each
        is_ours = each.key.startswith(f"{part}.") and not each.key.startswith(_NO_SIGN)
        if found and is_ours and (found.measure.n or 0) >= least and on_scale(found.measure) is not None:
            yield found


def _signed(found: Finding, result: Result) -> Finding | None:
    """A gap with its sign, Sales less Marketing: the finding has its size alone, and sizes do not cancel out."""
    title = next((block.title for block in read_instrument().blocks if _GAP + block.block == found.key), None)
    blocks = next((exhibit.rows for exhibit in result.exhibits if exhibit.key == _BLOCKS), [])
    row = next((row for row in blocks if row.get("label") == title), None)
    if title is None or row is None:
        return None
    ends = {end: row.get(name) for end, name in (("value", "gap"), ("low", "gap_low"), ("high", "gap_high"))}
    return found.model_copy(update={"measure": found.measure.model_copy(update=ends)})


def label_of(found: Finding) -> str:
    """Under which name does a figure stand? In the kit's own words, never in a client's."""
    if found.key.startswith(_GAP):
        titles = {_GAP + block.block: block.title.lower() for block in read_instrument().blocks}
        return f"Sales less Marketing on {titles[found.key]}"
    meant = (meaning for *_, meaning in THRESHOLDS.values() if f"agreed for: {meaning}" in found.rule)
    return _NAMES.get(found.key) or next(meant, found.key.split(".", 1)[1].replace("_", " ").replace(".", " "))


def _result(part: Part, figures: list[Figure]) -> Result:
    """What do the clients have in common in one strand: a table of all figures, then each figure by client?"""
    question = f"What do the clients have in common in {PARTS[part]}?"
    if not figures:
        gap = NotJudged(what=capital(PARTS[part]), theme="", settle="results of more clients",
                        why=f"fewer than {spelled(FEWEST)} clients have a figure, defined alike")  # fmt: skip
        return Result(diagnostic=part, question=question, headline="Nothing to compare", summary="", not_judged=[gap])
    return Result(
        diagnostic=part, question=question, headline=question, summary="",
        basis=[f"{count(len(figures), 'figure')}, each of {spelled(FEWEST)} clients or more"],
        exhibits=[_overview(part, figures), *(_by_client(part, figure) for figure in figures)],
    )  # fmt: skip


def _overview(part: Part, figures: list[Figure]) -> Exhibit:
    apart = [figure for figure in figures if figure.pool.spread_low > 0]
    rows: list[Row] = [
        {"label": capital(figure.label), "n": len(figure.own), "others": figure.others, "mean": _mean(figure),
         "ordinary": _ordinary(figure), "moved": round(float(figure.pool.weights.mean()), 2)}
        for figure in figures
    ]  # fmt: skip
    return Exhibit(
        key=f"{part}.portfolio", shape="table", rows=rows, source="results of each client",
        title=f"Clients differ by more than chance in {len(apart)} of {count(len(figures), 'figure')} on {PARTS[part]}",
        columns=columns(
            label=("Figure", "text"), n=("Clients", "count"), others=("Define it otherwise", "count"),
            mean=("Portfolio mean (95 %)", "text"), ordinary=("Where 95 % of clients lie", "text"),
            moved=("Own figures moved to the mean by", "share"),
        ),
        read="The mean of the clients, each weighing as much as it is sure; and where a client like these would lie.",
        says_not="That every client means the same: settings are alike, not what each counts as a lead or as a stage.",
        alt=f"Table of {count(len(figures), 'figure')}: mean of the portfolio, where clients lie.",
    )  # fmt: skip


def _mean(figure: Figure) -> str:
    return figure.said(*map(figure.back, (figure.pool.mean, figure.pool.mean_low, figure.pool.mean_high)))


def _ordinary(figure: Figure) -> str:
    """Between which limits would a further client lie? Prediction interval, t with k - 2 (Higgins et al. 2009)."""
    pool, k = figure.pool, len(figure.own)
    error = (pool.mean_high - pool.mean) / float(stdtrit(k - 1, 0.975))
    reach = float(stdtrit(k - 2, 0.975)) * sqrt(pool.spread**2 + error**2)
    return interval(figure.back(pool.mean - reach), figure.back(pool.mean + reach), figure.unit) + _AFTER[figure.unit]


def _by_client(part: Part, figure: Figure) -> Exhibit:
    pool, n = figure.pool, count(len(figure.own), "client")
    rows: list[Row] = [
        {"label": name, "value": figure.told(at), "low": figure.told(low), "high": figure.told(high),
         "own": figure.said(own.value, own.low, own.high), "moved": round(float(moved), 2),
         "n": number(own.n or 0) if figure.is_named else _band(own.n or 0)}
        for (name, own), at, low, high, moved
        in zip(figure.own.items(), pool.values, pool.lows, pool.highs, pool.weights, strict=True)
    ]  # fmt: skip
    name, differ = capital(figure.label), "clients differ" if pool.spread_low > 0 else "no difference can be told"
    return Exhibit(
        key=f"{part}.portfolio_{figure.key.split('.', 1)[1]}", shape="intervals", rows=rows, is_detail=True,
        title=f"{name}: {_mean(figure)} on average of {n}; {differ}", source="results of each client",
        lead=_lead(figure), columns=columns(
            label=("Client", "text"), value=("Shrunk", figure.unit), low=("from", figure.unit),
            high=("to", figure.unit), own=("Own (95 %)", "text"), moved=("Moved to mean", "share"), n=("n", "text"),
        ),
        read="Drawn is the shrunk figure with its 95 % interval: the client’s own figure, moved towards the mean of "
        "the portfolio the more, the less sure it is by itself. The table has the own figure beside it.",
        says_not="A rank: intervals that overlap are no order. A client unlike all others is moved too far.",
        alt=f"Interval chart of {n}, shrunk toward the mean of the portfolio.",
    )  # fmt: skip


def _band(n: int) -> str:
    at = bisect_right(_EDGES, n)
    return interval(_EDGES[at - 1], _EDGES[at], "count")


def _lead(figure: Figure) -> str:
    said = [f"{capital(count_spelled(figure.others, 'client'))} left out: defined otherwise."] if figure.others else []
    if plain := [each for each in figure.definition if "(" not in each]:
        said.insert(0, f"Defined alike: {listed(plain)}.")
    return " ".join(said if figure.is_named else [*said, "Numbers of clients are drawn anew for each figure."])


def _summary(figures: list[Figure], apart: list[str], left_out: int, is_named: bool) -> Result:
    gaps = [NotJudged(what="Why clients differ", theme="", settle="",
                      why="Nobody was assigned to anything: these are differences, not effects.")]  # fmt: skip
    if apart:
        why = f"No {spelled(FEWEST)} clients define alike: {listed(apart)}."
        gaps.insert(0, NotJudged(what="Figures of one name only", why=why, settle="", theme=""))
    known = "Whoever knows much of a client may still tell which one it is in a figure, rounded as figures are."
    left = f"{capital(count_spelled(left_out, 'audit'))} left out: of one name, settings or files with a later one."
    caveats = [known] * (not is_named) + [left] * (left_out > 0)
    if not figures:
        why = f"With fewer than {spelled(FEWEST)} clients that define a figure alike, what differs between clients "
        why += "cannot be told from chance."
        gaps.insert(0, NotJudged(what="Shrunk figures", why=why, settle="", theme=""))
    differ = number(sum(figure.pool.spread_low > 0 for figure in figures))
    said = f"Clients differ by more than chance in {differ} of {count(len(figures), 'figure')}"
    return Result(
        diagnostic="audit", question="What do these clients have in common?", not_judged=gaps, caveats=caveats,
        headline=said if figures else "Too few clients to say what they have in common",
        summary="Each client’s figures are shrunk toward the mean of all: a client with few cases borrows from the "
        f"others, one with many hardly moves.{'' if is_named else ' Clients are numbered anew for each figure.'}"
        if figures else "",
    )  # fmt: skip
