"""Does the score, or the grade, put the leads that qualify first, and from which score on do the teams hand over?"""

import re
from dataclasses import dataclass

import numpy as np
import pandas as pd

from alignlib.association import FEWEST_CLUSTERS, concordance
from alignlib.diagnostics.funnel import profile
from alignlib.diagnostics.funnel.cohorts import since_recorded, tracked_since
from alignlib.diagnostics.funnel.rates import how, rate
from alignlib.diagnostics.funnel.spells import START, days_between, end_of, stages_in
from alignlib.diagnostics.funnel.steps import DOES, entered, step
from alignlib.diagnostics.funnel.touch import deciders
from alignlib.engagement import Settings
from alignlib.judging import finding, measured
from alignlib.result import SEED, Column, Exhibit, Finding, Measure, NotJudged, Part, Row, columns
from alignlib.stats import NOTHING, Floats, Interval
from alignlib.words import TEAM_NAMES, capital, count, interval, number, of, value

_THEME, _SOURCE = "common_language", "Stage history of leads, list of leads"
_DID = {"sql": "qualified", "opportunity": "became an opportunity", "won": "was won"}
_AS_FILED = " Scores and grades are those in the file, not those at handover: later ones may follow from what happened."
_HARDLY, _WELL = 0.55, 0.65  # shares of pairs
_HEAT = ("hot", "warm", "cold")
_ORDERS = (("[a-z][+-]?", lambda g: ord(g[0]) + {"+": -0.3, "-": 0.3}.get(g[1:], 0.0)), (r"\d{1,2}", float),
           ("|".join(_HEAT), lambda g: float(_HEAT.index(g))))  # fmt: skip
_MOST_GRADES, _MOST_CUTS, _TENTHS_FROM, _RESAMPLES = 12, 100, 500, 1_000


@dataclass(frozen=True)
class Graded:
    """Which leads had the whole horizon to qualify, and which of them did?

    ``leads``: ``score``, ``grade``, ``owner`` (at the handover, a code), ``hit`` (reached ``stage`` or later within the
    horizon), ``won`` (within the horizon) and ``order``: the score, or the grade turned so that better is higher
    (``by`` says which). ``left`` says how many were left out: handed over too late, or before qualifying was recorded.
    """

    leads: pd.DataFrame
    stage: str
    by: str
    horizon: int
    left: str

    @property
    def does(self) -> str:
        return f"{DOES[self.stage]} within {count(self.horizon, 'day')}"

    def ordered(self, hit: str = "hit") -> Interval:
        """In which share of pairs had the lead with this outcome the better score or grade?"""
        return concordance(self.leads["order"], self.leads[hit], self.leads["owner"])


def part(settings: Settings, handed: pd.DataFrame) -> Part:
    """Does the grading of leads carry anything, do both teams mean the same by it, and who is won in the end?

    Reads the spells handed over with their score and grade. Leads handed over less than the horizon before the end are
    left out, also those that ended already: of them only the quick ones are known, which would flatter a score that
    merely shortens the way out. What was not delivered or stated is listed.
    """
    found, profiled = grade(settings, handed), profile.part(settings, handed)
    at = found.ordered() if found else NOTHING
    part = Part(not_judged=_lacking(settings, handed, found, at) + profiled.not_judged)
    if found and at.value is not None:
        part.findings.append(_finding(found, at, settings))
    if found and found.leads["grade"].notna().any():
        part.exhibits.append(_grades(found))
    if found and found.by == "score" and at.value is not None:
        part.exhibits += [_calibration(found, at), *_cuts(found, at, settings)]
    part.exhibits += profiled.exhibits
    return part


def grade(settings: Settings, handed: pd.DataFrame) -> Graded | None:
    """Which leads can be told to have qualified or not, and by what are they ordered? None when no lead can."""
    stages, horizon, start = stages_in(handed), settings.funnel.horizon_days, handed["mql_at"]
    stage = next((s for s in _DID if s in stages), None)
    if stage is None:
        return None
    later = stages[stages.index(stage) :]
    one = step(handed, settings, entered(handed, stages), START, later, "any")
    early = ~since_recorded(start, tracked_since(one, start, settings))
    young = (start + pd.Timedelta(days=horizon) > end_of(settings)).to_numpy()
    won, places = days_between(start, handed["won_at"]), _places(handed["grade"])
    by = "score" if handed["score"].nunique() > 1 else "grade" if places else ""
    leads = pd.DataFrame({
        "hit": one.hits(horizon), "won": handed["won_at"].notna() & ~(won > horizon),
        "score": handed["score"], "grade": handed["grade"], "owner": deciders(handed),
        "order": -handed["grade"].map(places) if by == "grade" else handed["score"],
    })[~early & ~young]  # fmt: skip
    left = [f"; {number(n)} {what} left out" for n, what in (((young & ~early).sum(), "too young to tell"),
            (early.sum(), "handed over before this was recorded")) if n]  # fmt: skip
    return Graded(leads, stage, by, horizon, "".join(left)) if len(leads) else None


def _places(grades: pd.Series) -> dict[str, float]:
    """Which place does each grade take, the best first: letters, numbers, or hot, warm, cold? Empty: nobody can say."""
    names = {name: str(name).lower() for name in sorted(grades.dropna().unique())}
    for fits, place in _ORDERS:
        if names and all(re.fullmatch(fits, plain) for plain in names.values()):
            return {name: place(plain) for name, plain in names.items()}
    return {}


def _finding(found: Graded, at: Interval, settings: Settings) -> Finding:
    leads = found.leads[found.leads["order"].notna()]
    sellers = leads.loc[leads["owner"] >= 0, "owner"].nunique()
    said, wins, verdict = _pairs(at), found.ordered("won"), _verdict(found, at)
    hits, blank = int(leads["hit"].sum()), len(found.leads) - len(leads)
    method = f"concordance, {'clustered by owner' if sellers >= FEWEST_CLUSTERS else 'DeLong'}, 95 %"
    somers, low, high = (None if end is None else 2 * end - 1 for end in (at.value, at.low, at.high))
    blank_ones = f"; {number(blank)} without a {found.by} left out" if blank else ""
    also = f"; the same for wins: {value(wins.value, 'share')} of pairs ({interval(wins.low, wins.high, 'share')})"
    return finding(
        "funnel.score_order", "score_order", measured(at, "share", method, hits, len(leads)), settings,
        {
            "beyond": f"The {found.by} puts the lead that {_DID[found.stage]} first in only {said}",
            "good": f"The {found.by} is no worse than was asked for: {verdict}",
            "unclear": f"Whether the {found.by} orders leads well enough cannot be told: right in {said}",
            "none": f"The {found.by} {_sorts(at)}: {verdict}",
        },
        theme=_THEME, play="P6", settle=f"more leads with a {found.by}, each seen for {count(found.horizon, 'day')}",
        counted=f"{of(hits, len(leads))} leads {found.does}{found.left}{blank_ones}; Somers’ D "
        f"{value(somers, 'delta')} ({interval(low, high, 'delta')}; 0 is chance, 1 perfect order)"
        + (also if found.stage != "won" and wins.value is not None else ""),
    )  # fmt: skip


def _pairs(at: Interval) -> str:
    """In which share of pairs is the order right, against chance?"""
    return f"{value(at.value, 'share')} of pairs ({interval(at.low, at.high, 'share')}; chance gives 50)"


def _verdict(found: Graded, at: Interval) -> str:
    return f"the lead that {_DID[found.stage]} stands higher in {_pairs(at)}"


def _sorts(at: Interval) -> str:
    """What does the interval bear out of what the score or grade does?"""
    if at.low is None or at.high is None or at.low <= 0.5 <= at.high:
        return "orders nothing that can be told"
    if at.high < 0.5:
        return "runs the wrong way"
    return "hardly sorts leads" if at.low < _HARDLY and at.high <= _WELL else "sorts leads"


def _rate(leads: pd.DataFrame) -> Measure:
    return rate(leads["hit"].to_numpy(), leads["owner"])


def _row(label: str, leads: pd.DataFrame, at: Measure) -> Row:
    return {"label": label, "value": at.value, "low": at.low, "high": at.high, "k": at.k, "n": at.n,
            "won": float(leads["won"].mean())}  # fmt: skip


def _columns(found: Graded, label: str) -> list[Column]:
    return columns(
        label=(label, "text"), value=(capital(found.does), "share"), low=("from", "share"), high=("to", "share"),
        k=("How many", "count"), n=("Leads", "count"), won=("Won by then", "share"),
    )  # fmt: skip


def _grades(found: Graded) -> Exhibit:
    """Which share of each grade goes on, all looked at for equally long?"""
    graded = found.leads[found.leads["grade"].notna()]
    places, usual = _places(graded["grade"]), list(graded["grade"].value_counts().index[:_MOST_GRADES])
    groups, names = dict(iter(graded.groupby("grade"))), sorted(usual, key=lambda g: (places.get(g, 0.0), g))
    told = [_rate(groups[name]) for name in names]
    rows = [_row(f"Grade {name}", groups[name], at) for name, at in zip(names, told, strict=True)]
    best, last = rows[0], rows[-1]
    said = f"{value(best['value'], 'share')} of {best['label']}, {value(last['value'], 'share')} of {last['label']}"
    differ = best["low"] > last["high"] or best["high"] < last["low"]
    title = f"{'Grades differ' if differ else 'Whether grades differ cannot be told'}: {said} {found.does}"
    blank = len(found.leads) - len(graded)
    return Exhibit(
        key="funnel.grades", shape="intervals", rows=rows, title=title, play="P6", source=_SOURCE,
        columns=_columns(found, "Grade"), alt=f"Intervals of the share that goes on, for {count(len(rows), 'grade')}.",
        lead=f"{count(len(graded), 'lead')} seen for {count(found.horizon, 'day')}{found.left}"
        + (f"; {number(blank)} without a grade left out." if blank else "."),
        read=f"Each line is a grade: the tick the share that goes on, the bar its 95 % interval ({how(told)}).",
        says_not="Whether a grade is right, or only earns more attention." + _AS_FILED,
    )  # fmt: skip


def _calibration(found: Graded, at: Interval) -> Exhibit:
    """Does the share that goes on climb with the score, in groups of equal size?"""
    scored = found.leads[found.leads["score"].notna()]
    parts = 10 if len(scored) >= _TENTHS_FROM else 5
    groups = [g for _, g in scored.groupby(pd.qcut(scored["score"], parts, labels=False, duplicates="drop"))]
    told = [_rate(group) for group in groups]
    rows = [
        _row(f"Score {_span(g['score'].min(), g['score'].max())}", g, at) for g, at in zip(groups, told, strict=True)
    ]
    return Exhibit(
        key="funnel.calibration", shape="intervals", rows=rows, play="P6", source=_SOURCE, is_detail=True,
        title=f"The score {_sorts(at)}: {_verdict(found, at)}", columns=_columns(found, "Score"),
        lead=f"{count(len(scored), 'lead')} in {count(len(rows), 'group')} of equal size where ties allow.",
        read="Lines should climb from the lowest score to the highest; a flat picture says the score carries nothing. "
        "Single groups vary by chance; the title rests on all pairs of a lead that goes on and one that does not. "
        f"Bars are 95 % intervals ({how(told)}).",
        says_not="Whether leads with a high score are better or are only worked more." + _AS_FILED,
        alt=f"Intervals of the share that goes on, for {len(rows)} groups of scores.",
    )  # fmt: skip


def best_cut(score: Floats, hit: np.ndarray, owners: np.ndarray) -> Interval:
    """From which score on would the data call a lead qualified, and how far does that cut move by chance?

    The cut with the largest share of hits at or above it less that of misses (J), among at most 100 scores. Low and
    high are a range, not a confidence interval (the best cut is a jumpy figure): where 95 % of 1,000 resamples fall, of
    sellers when there are at least eight (``owners``: their codes, below 0 nobody), else of leads. A lead missed weighs
    as much as one worked in vain. Nothing without hits, misses or a choice.
    Sources: Youden 1950; Davison & Hinkley 1997, section 3.8 (resampling clusters whole).

    >>> best_cut(np.array([1.0, 2, 3, 4, 5, 6]), np.array([0, 0, 0, 1, 1, 1], dtype=bool), np.zeros(6, dtype=int)).value
    4.0
    """
    cuts = np.unique(np.quantile(score, np.linspace(0, 1, _MOST_CUTS), method="inverted_cdf"))
    if len(cuts) < 2 or hit.all() or not hit.any():
        return NOTHING
    cells = np.searchsorted(cuts, score, "right") - 1 + len(cuts) * hit
    names, codes = np.unique(owners[owners >= 0], return_inverse=True)
    sellers, size, rng = len(names), 2 * len(cuts), np.random.default_rng(SEED)
    held = np.bincount(codes * size + cells[owners >= 0], minlength=sellers * size).reshape(sellers, size)
    alone, total = np.bincount(cells[owners < 0], minlength=size), np.bincount(cells, minlength=size)
    if sellers < FEWEST_CLUSTERS:
        held, alone = np.empty((0, size), dtype=np.int64), total
    held = held[np.lexsort(held.T)]  # an order that no name decides: renamed sellers give the same range
    drawn = rng.multinomial(len(held), np.ones(len(held)) / len(held), _RESAMPLES) @ held if len(held) else 0
    drawn = drawn + (rng.multinomial(alone.sum(), alone / alone.sum(), _RESAMPLES) if alone.any() else 0)
    chosen = cuts[1 + _youden(np.vstack([total, drawn]), len(cuts))]
    low, high = np.quantile(chosen[1:], (0.025, 0.975), method="inverted_cdf")
    return Interval(float(chosen[0]), float(low), float(high))


def _youden(cells: np.ndarray, cuts: int) -> np.ndarray:
    """Misses then hits by score: at which cut (never the lowest) is the share of hits above most ahead of misses'?"""
    above = [side[:, ::-1].cumsum(axis=1)[:, ::-1] for side in (cells[:, :cuts], cells[:, cuts:])]
    misses, hits = (side[:, 1:] / np.maximum(side[:, :1], 1) for side in above)
    return np.asarray((hits - misses).round(12).argmax(axis=1))


def _cuts(found: Graded, at: Interval, settings: Settings) -> list[Exhibit]:
    """What lies above each stated cut, and above the one the data would choose? Nothing without any."""
    scored, stated = found.leads[found.leads["score"].notna()], settings.grading.stated
    teams = {name: stated[team] for team, name in TEAM_NAMES.items() if team in stated}
    rows = [_cut_row(name, cut, scored) for name, cut in teams.items()]
    said = [f"{name} says {_plain(cut)}" for name, cut in teams.items()]
    low, high = min(teams.values(), default=0), max(teams.values(), default=0)
    if low < high:
        between = (scored["score"] >= low) & (scored["score"] < high)
        said.append(f"{value(float(between.mean()), 'share')} of leads lie between")
    if at.low is not None and at.low > 0.5:
        cut = best_cut(*(scored[name].to_numpy() for name in ("score", "hit", "owner")))
        span = _span(cut.low or 0, cut.high or 0)
        rows.append(_cut_row("The data", cut.value or 0, scored, span))
        holds_both = (cut.low or 0) <= low < high <= (cut.high or 0)
        said.append(f"the data {'do not decide' if holds_both else f'would choose {_plain(cut.value or 0)}'} ({span})")
    else:
        said.append("no cut is better than another, for the score orders nothing that can be told")
    return [Exhibit(
        key="funnel.cut", shape="table", rows=rows, title=capital("; ".join(said)), play="P6", source=_SOURCE,
        lead=f"From which score on a lead is called qualified; {count(len(scored), 'lead')} scored.", is_detail=True,
        columns=columns(
            label=("Who says so", "text"), cut=("From score", "count"), range=("Range", "text"),
            above=("Leads above", "share"), value=(f"Above: {found.does}", "share"), low=("from", "share"),
            high=("to", "share"), below=(f"Below: {found.does}", "share"),
            missed=("Qualifying leads this cut would miss", "share"),
        ),
        read="The data’s cut puts most of the leads that go on above it and most of the others below (Youden 1950). "
        "Its range is where it falls in 95 % of 1,000 resamples; its shares are a little flattered, for it was chosen "
        "on the same leads.",
        says_not="What a lead missed costs against a lead worked in vain: here they weigh the same." + _AS_FILED,
        alt="Table of stated cuts and the one the data would choose.",
    )] if rows else []  # fmt: skip


def _cut_row(label: str, cut: float, scored: pd.DataFrame, span: str = "") -> Row:
    above, hits = scored["score"] >= cut, scored["hit"]
    at = _rate(scored[above])
    below, missed = None if above.all() else float(hits[~above].mean()), float((hits & ~above).sum() / hits.sum())
    return {
        "label": label,
        "value": at.value,
        "low": at.low,
        "high": at.high,
        "cut": float(cut),
        "range": span,
        "above": float(above.mean()),
        "below": below,
        "missed": missed,
    }


def _plain(cut: float) -> str:
    return f"{cut:,.6g}"


def _span(low: float, high: float) -> str:
    return f"{_plain(low)} to {_plain(high)}" if low < high else _plain(low)


def _lacking(settings: Settings, handed: pd.DataFrame, found: Graded | None, at: Interval) -> list[NotJudged]:
    what, horizon = "Whether the score or the grade puts better leads first", count(settings.funnel.horizon_days, "day")
    gap, is_scored = [], handed["score"].nunique() > 1
    if not is_scored and not _places(handed["grade"]):
        gap = [(what, "no scores that differ and no grades in a known order were delivered", "scores at handover")]
    elif found is None:
        gap = [(what, f"no lead could be seen to qualify or not within {horizon}", f"stages over more than {horizon}")]
    elif at.value is None:
        gap = [(what, "all of the leads with one qualified, or none did", "leads of both kinds")]
    gap += [(f"From which score {name} calls a lead qualified", f"{name} states none",
             f"grading.stated.{team} in engagement.yml, as {name} says it")
            for team, name in TEAM_NAMES.items() if is_scored and team not in settings.grading.stated]  # fmt: skip
    return [NotJudged(what=what, why=why, settle=settle, theme=_THEME) for what, why, settle in gap]
