"""Are the leads good? Judged among those touched in time, so that no follow-up is not blamed on the leads."""

import numpy as np
import pandas as pd
from scipy.special import chdtri

from alignlib.diagnostics.funnel.rates import FEWEST_OWNERS
from alignlib.diagnostics.funnel.spells import days_between, end_of
from alignlib.engagement import Settings
from alignlib.incidence import clustered_incidence, incidence
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row, columns
from alignlib.stats import Interval, welch
from alignlib.words import agreed, count, interval, listed, number, of, share, value

_WHAT = "Whether the leads are good, apart from how they are followed up"
_BOUNDS = "bounds, not an interval: none, or all, of the others would have qualified"


def part(settings: Settings, handed: pd.DataFrame) -> Part:
    """Which share of leads touched in time qualifies within the horizon, and what could be true of all the others?

    Qualifying: reaching sql or a later stage (opportunity or later where sql is not recorded), exits competing. Leads
    touched late or never say little about their quality; ``bounds`` takes in all that could be true of them.
    Acceptance is shown and decides nothing: Sales decides it. Sources: Manski 1989, 2003 (bounds).
    """
    told, stages = handed["in_time"].notna(), _stages(handed)
    in_time = handed["in_time"].astype("boolean").fillna(False).to_numpy(bool)
    if gap := _why_not(settings, handed, bool(in_time.any()), stages):
        return Part(not_judged=[gap])
    touched = handed["first_touch_at"].notna().to_numpy()
    found = share_reaching(handed[in_time], stages, settings)
    late = share_reaching(handed[told.to_numpy() & ~in_time & touched], stages, settings)
    accepted = share_reaching(handed, ["sal", *stages], settings) if handed["sal_at"].notna().any() else None
    low, high = bounds(found.value or 0.0, int(in_time.sum()), int(told.sum()))
    horizon, said = count(settings.funnel.horizon_days, "day"), value(found.value, "share")
    judged = finding(
        "funnel.quality", "quality", found, settings,
        {
            "beyond": f"Even when touched in time, only {said} of leads qualify within {horizon}",
            "good": f"{said} of leads touched in time qualify within {horizon}, as agreed",
            "unclear": f"Whether leads touched in time are good enough cannot be told: {said} qualify within {horizon}",
            "none": f"{said} of leads touched in time qualify within {horizon}",
        },
        theme="common_language", play="P3",
        counted=f"{of(found.k or 0, found.n or 0)} leads touched in time seen to qualify; for all "
        f"{count(int(told.sum()), 'lead')} between {number(100 * low)} and {value(high, 'share')}",
        settle="more leads touched in time, from more sellers",
    )  # fmt: skip
    judged = _held_back(judged, low, f"{said} of leads touched in time qualify; for all leads {number(100 * low)} to "
                        f"{value(high, 'share')}, so whether leads are good enough cannot be told")  # fmt: skip
    rows = [
        _row("Touched in time", found), _row("Touched late", late),
        _row("Never touched", None, int((told.to_numpy() & ~touched).sum()), "not judged: nobody touched them"),
        {**_row("All leads, bounds", found, int(told.sum()), _BOUNDS), "value": None, "k": None,
         "low": low, "high": high},
    ]  # fmt: skip
    if accepted:
        rows.append(_row("Accepted by Sales", accepted, note="shown, never decisive: Sales decides it"))
    return Part([judged], [_exhibit(rows, said, horizon, int((~told).sum()), judged)])


def _held_back(judged: Finding, low: float, title: str) -> Finding:
    """Is good still good when all leads count? Sellers may touch the better ones first: the lower bound decides."""
    if judged.level != "good" or judged.limit is None or low >= judged.limit:
        return judged
    rule = f"{judged.rule}; good only where the lower bound for all leads holds the limit too"
    return judged.model_copy(update={"level": "unclear", "title": title, "play": "P3", "rule": rule,
                                     "settle": "first touches in time for more leads"})  # fmt: skip


def share_reaching(handed: pd.DataFrame, stages: list[str], settings: Settings) -> Measure:
    """Which share of these leads reaches one of the stages within the horizon, exits competing, open ones censored?

    The interval is clustered by owner once enough owners decide; a lead that nobody held stands alone.
    """
    at = handed[[f"{stage}_at" for stage in stages]].min(axis=1)
    gone = at.fillna(handed["last_event_at"].where(handed["exit"].notna(), end_of(settings)))
    days = days_between(handed["mql_at"], gone)
    outcome = np.where(at.notna(), 1, np.where(handed["exit"].notna(), 2, 0))
    known, owners = days >= 0, pd.factorize(handed["owner"])[0]
    curve, horizon = incidence(days[known], outcome[known]), settings.funnel.horizon_days
    day = min(horizon, curve.last)
    is_clustered = handed["owner"].nunique() >= FEWEST_OWNERS
    found = clustered_incidence(days[known], outcome[known], owners[known], day) if is_clustered else curve.at(day)
    method = f"cumulative incidence, {'clustered by owner, ' if is_clustered else ''}95 %"
    return measured(found, "share", method, int(((outcome == 1) & (days <= horizon)).sum()), len(handed))


def bounds(seen: float, n: int, n_all: int) -> tuple[float, float]:
    """Between which limits does the share among all ``n_all`` lie, when it is known only of ``n``? Manski 1989.

    >>> bounds(0.25, 40, 100)
    (0.1, 0.7)
    """
    return seen * n / n_all, 1 - (1 - seen) * n / n_all


def _sides(handed: pd.DataFrame, leak: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which leads were touched in time and did not leak, and which leaked?"""
    is_leaked = leak.notna().to_numpy()
    return handed["in_time"].astype("boolean").fillna(False).to_numpy(bool) & ~is_leaked, is_leaked


def score_gap(handed: pd.DataFrame, leak: pd.Series) -> Interval:
    """By how many points did leaked leads score lower than those touched in time that did not leak? Welch, 95 %."""
    scores = handed["score"].to_numpy(float)
    return welch(*(scores[who & np.isfinite(scores)] for who in _sides(handed, leak)))


def caution(handed: pd.DataFrame, leak: pd.Series) -> list[str]:
    """Were leaked leads worse than, or unlike, those touched in time that did not leak? One sentence on signs of it.

    Score: the 95 % interval of the gap (Welch) lies above 0. Mix of grades and of sources: the standardised difference
    is above .2 (Austin 2009) and beyond chance (chi-squared, 99 %).
    """
    (is_touched, is_leaked), gap = _sides(handed, leak), score_gap(handed, leak)
    is_lower = (gap.low or 0) > 0
    signs = [f"scored {value(gap.value, 'points')} lower ({share(0.95)} interval "
             f"{interval(gap.low, gap.high, 'points')})"] if is_lower else []  # fmt: skip
    for column in ("grade", "source"):
        code, names = pd.factorize(handed[column], sort=True)
        a, b = (np.bincount(code[who & (code >= 0)], minlength=len(names)) for who in (is_touched, is_leaked))
        if len(names) > 1 and a.sum() and b.sum():
            p, q, both = a / a.sum(), b / b.sum(), (a + b) / (a + b).sum()
            apart = float(((p - q) ** 2 / np.where(both > 0, both, 1)).sum())
            if apart > 0.04 and apart * a.sum() * b.sum() / (a + b).sum() > chdtri(len(names) - 1, 0.01):
                most = int(np.argmax(np.abs(p - q)))
                more = "more" if q[most] > p[most] else "less"
                signs.append(f"were {more} often of {column} {names[most]} ({share(q[most])} against {share(p[most])})")
    said = f"Leaked leads {listed(signs)} than those touched in time that did not leak"
    return [f"{said}: the price may be {'too high' if is_lower else 'off'}."] if signs else []


def _stages(handed: pd.DataFrame) -> list[str]:
    """From which stage on does a lead count as qualified? Empty: no stage says it."""
    later = ["sql", "opportunity", "won"]
    first = next((i for i, stage in enumerate(later[:2]) if handed[f"{stage}_at"].notna().any()), len(later))
    return later[first:]


def _why_not(settings: Settings, handed: pd.DataFrame, any_in_time: bool, stages: list[str]) -> NotJudged | None:
    cases = (
        (not handed["n_touches"].notna().any(), "no file of calls, e-mails and meetings was delivered",
         "sales activities with lead id and time"),
        (settings.promises.first_touch_hours is None, "no promised time was agreed",
         "promises.first_touch_hours in engagement.yml, agreed by both teams"),
        (not any_in_time, "no lead was seen to be touched in time", "sales activities with the time of day"),
        (not stages, "neither qualified leads nor opportunities are recorded", "the stage history of leads"),
    )  # fmt: skip
    return next((NotJudged(what=_WHAT, why=why, settle=settle, theme="common_language")
                 for applies, why, settle in cases if applies), None)  # fmt: skip


def _row(label: str, found: Measure | None, n: int | None = None, note: str = "") -> Row:
    shown = {name: getattr(found, name) if found else None for name in ("value", "low", "high", "k", "n")}
    return {"label": label, **shown, **({} if n is None else {"n": n}), "note": note}


def _exhibit(rows: list[Row], said: str, horizon: str, left_out: int, judged: Finding) -> Exhibit:
    return Exhibit(
        key="funnel.quality", shape="intervals", rows=rows, play="P3",
        title=f"{said} of leads touched in time qualify within {horizon}",
        lead="Quality is judged where the promise was kept: a lead that nobody called shows nothing about itself. "
        f"{agreed(judged.limit, judged.direction, 'share')[:-1]} for leads touched in time."
        + (f" {count(left_out, 'lead')} left out whose promised time still runs." if left_out else ""),
        columns=columns(
            label=("Leads", "text"), value=("Qualify", "share"), low=("from", "share"), high=("to", "share"),
            k=("Seen to qualify", "count"), n=("Leads", "count"), note=("Note", "text"),
        ),
        read=f"Each line is a group: the tick the share that qualifies within {horizon} of the handover, open leads "
        "counted while they were seen; the bar its 95 % interval. The line for all shows bounds.",
        says_not="What leads touched late or never would have done. If sellers touch the better leads first, those "
        "touched in time flatter all.",
        alt=f"Intervals of the share that qualifies, for {len(rows)} groups of leads.",
        source="Stage history of leads, sales activities",
    )  # fmt: skip
