"""Are the leads good? Judged among those touched in time, so that no follow-up is not blamed on the leads."""

import numpy as np
import pandas as pd
from scipy.special import chdtri

from alignlib.diagnostics.funnel.cohorts import agreed_since
from alignlib.diagnostics.funnel.rates import going_on, rate_columns, rate_row
from alignlib.diagnostics.funnel.spells import START
from alignlib.diagnostics.funnel.steps import TOO_EARLY, entered, step
from alignlib.diagnostics.funnel.touch import deciders
from alignlib.engagement import Settings
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Measure, NotJudged, Part, Row
from alignlib.stats import Interval, welch
from alignlib.words import agreed, count, interval, listed, number, of, share, value

_WHAT = "Whether the leads are good, apart from how they are followed up"
_BOUNDS = "bounds, not an interval: none, or all, of the others would have qualified"
_ACCEPTED = "shown, never decisive: Sales decides it"
_NOBODY: Row = {**dict.fromkeys(("label", "value", "low", "high", "k", "n")), "note": "not judged: nobody touched them"}


def part(settings: Settings, handed: pd.DataFrame) -> Part:
    """Which share of leads touched in time qualifies within the horizon, and what could be true of all the others?

    Qualifying: reaching sql or a later stage (opportunity or later where sql is not recorded), exits competing. Leads
    touched late or never say little about their quality; ``bounds`` takes in all that could be true of them. Leads
    handed over before qualifying was recorded (``funnel.tracking_since``) are left out.
    Acceptance is shown and decides nothing: Sales decides it. Sources: Manski 1989, 2003 (bounds).
    """
    stages = _stages(handed)
    kept = handed[agreed_since(handed["mql_at"], stages[0], settings)] if stages else handed
    told, in_time = kept["in_time"].notna(), _is_in_time(kept)
    if gap := _why_not(settings, handed, bool(in_time.any()), stages):
        return Part(not_judged=[gap])
    touched, n = kept["first_touch_at"].notna().to_numpy(), int(told.sum())
    found, seen = share_reaching(kept[in_time], stages, settings)
    late = share_reaching(kept[told.to_numpy() & ~in_time & touched], stages, settings)
    low, high = bounds(found.value or 0.0, int(in_time.sum()), n)
    rows = [
        _row("Touched in time", (found, seen), seen), _row("Touched late", late, seen),
        {**_NOBODY, "label": "Never touched", "n": int((told.to_numpy() & ~touched).sum())},
        {**_NOBODY, "label": "All leads, bounds", "n": n, "low": low, "high": high, "note": _BOUNDS},
    ]  # fmt: skip
    if handed["sal_at"].notna().any():
        offered, reached = handed[agreed_since(handed["mql_at"], "sal", settings)], ["sal", *stages]
        rows.append(_row("Accepted by Sales", share_reaching(offered, reached, settings), seen, _ACCEPTED))
    judged = _finding(found, seen, (low, high), n, settings)
    return Part([judged], [_exhibit(rows, found, seen, (len(kept) - n, len(handed) - len(kept)), judged)])


def _finding(found: Measure, seen: int, ends: tuple[float, float], n: int, settings: Settings) -> Finding:
    """Are leads touched in time good enough, and all ``n`` leads, whose share lies between ``ends``?"""
    (low, high), horizon = ends, settings.funnel.horizon_days
    limit, within, said = settings.thresholds.get("quality", 0.0), count(seen, "day"), value(found.value, "share")
    is_held = low < limit <= (found.low or 0.0)  # sellers may touch the better ones first: the lower bound decides
    ends_of_all = {"low": low, "high": high, "method": "bounds for all leads: none or all of the others"}
    judged = found.model_copy(update=ends_of_all) if is_held else found  # what is judged is what is drawn
    return finding(
        "funnel.quality", "quality", judged, settings,
        {
            "beyond": f"Even when touched in time, only {said} of leads qualify within {within}",
            "unclear": f"{said} of leads touched in time qualify; for all leads {number(100 * low)} to "
            f"{value(high, 'share')}, so whether leads are good enough cannot be told" if is_held else
            f"Whether leads touched in time are good enough cannot be told: {said} qualify within {within}",
            "none": f"{said} of leads touched in time qualify within {within}",
        },
        theme="common_language", play="P4" if is_held else "P6",
        counted=f"{of(found.k or 0, found.n or 0)} leads touched in time seen to qualify; for all "
        f"{count(n, 'lead')} between {number(100 * low)} and {value(high, 'share')}",
        settle="first touches in time for more leads" if is_held else "more leads touched in time, from more sellers"
        + ("" if seen == horizon else f", or {count(horizon, 'day')} of follow-up"),
        cannot=TOO_EARLY if seen < horizon else None,
    )  # fmt: skip


def _is_in_time(handed: pd.DataFrame) -> np.ndarray:
    return handed["in_time"].astype("boolean").fillna(False).to_numpy(bool)


def share_reaching(handed: pd.DataFrame, stages: list[str], settings: Settings) -> tuple[Measure, int]:
    """Which share of these leads reaches one of the stages within the horizon, and within how many days is that read?

    Exits compete, open leads are censored; fewer days than the horizon where none was seen so long. The interval is
    clustered by who held a lead at the handover once enough owners decide; a lead that nobody held stands alone.
    """
    one = step(handed, settings, entered(handed, [START, *stages]), START, stages, "any")
    return going_on(one, settings.funnel.horizon_days, deciders(handed)), one.seen(settings.funnel.horizon_days)


def bounds(seen: float, n: int, n_all: int) -> tuple[float, float]:
    """Between which limits does the share among all ``n_all`` lie, when it is known only of ``n``? Manski 1989.

    >>> bounds(0.25, 40, 100)
    (0.1, 0.7)
    """
    return seen * n / n_all, 1 - (1 - seen) * n / n_all


def _sides(handed: pd.DataFrame, leak: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which leads were touched in time and did not leak, and which leaked?"""
    is_leaked = leak.notna().to_numpy()
    return _is_in_time(handed) & ~is_leaked, is_leaked


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
    lower = f"scored lower by {value(gap.value, 'points')} of the lead score ({share(0.95)} interval "
    lower += f"{interval(gap.low, gap.high, 'points')}; scores in the file, not those at handover)"
    signs = [lower] if is_lower else []
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
        (not handed["n_touches"].notna().any(), "whether leads were touched is not recorded",
         "sales activities with lead id and time"),
        (settings.promises.first_touch_hours is None, "no promised time was agreed",
         "promises.first_touch_hours in engagement.yml, agreed by both teams"),
        (not any_in_time, "no lead was seen to be touched in time", "sales activities with the time of day"),
        (not stages, "neither qualified leads nor opportunities are recorded", "the stage history of leads"),
    )  # fmt: skip
    return next((NotJudged(what=_WHAT, why=why, settle=settle, theme="common_language")
                 for applies, why, settle in cases if applies), None)  # fmt: skip


def _row(label: str, found: tuple[Measure, int], usual: int, note: str = "") -> Row:
    """A group and its share; noted where it was followed for fewer or more days than those touched in time."""
    at, seen = found
    days = "" if seen == usual or not at.n else f"within {count(seen, 'day')}"
    return rate_row(label, at, "; ".join(filter(None, (note, days))))


def _exhibit(rows: list[Row], found: Measure, seen: int, left_out: tuple[int, int], judged: Finding) -> Exhibit:
    (runs, early), within = left_out, count(seen, "day")
    return Exhibit(
        key="funnel.quality", shape="intervals", rows=rows, play="P6",
        title=judged.title, limit=judged.limit,
        lead="Quality is judged where the promise was kept: a lead that nobody called shows nothing about itself. "
        f"{agreed(judged.limit, judged.direction, 'share')[:-1]} for leads touched in time."
        + (f" {count(runs, 'lead')} left out whose promised time still runs." if runs else "")
        + (f" {count(early, 'lead')} left out handed over before qualifying was recorded." if early else ""),
        columns=rate_columns("Leads", "Qualify", "Seen to qualify"),
        read=f"Each line is a group: the tick the share that qualifies within {within} of the handover, open leads "
        "counted while they were seen; the bar its 95 % interval, by owner at the handover where at least two decide. "
        "The line for all shows bounds.",
        says_not="What leads touched late or never would have done. If sellers touch the better leads first, those "
        "touched in time flatter all.",
        alt=f"Intervals of the share that qualifies, for {len(rows)} groups of leads.",
        source="Stage history of leads, sales activities",
    )  # fmt: skip
