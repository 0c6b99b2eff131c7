"""How many spells took how many hours from stage to stage, and how did each step end? Counted once, for all figures.

These counts are all that a waterfall by segment, percentiles of time in stage, the first-touch curve and cumulative
incidence need, so that those hardly cost more for a hundred million events than for ten thousand.
"""

from dataclasses import replace

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.batches import PERIODS, YEAR_ZERO, Batch, read_batches
from alignlib.diagnostics.funnel.spells import FORWARD, NEVER, START, end_of
from alignlib.diagnostics.funnel.steps import ended, pairs, passed
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables

_HOUR = 3_600_000_000
_SPAN = 1 << 24  # hours: more than 1,900 years have
_CELLS = 1 << 22  # counts kept side by side; where there would be more, only those that are not zero
Count = tuple[str, np.ndarray, np.ndarray]  # of one step: how each spell ended, packed in a number, and how many did


def step_counts(
    tables: Tables, settings: Settings, by: str = "", path: str | None = None, since: pd.Timestamp | None = None
) -> pd.DataFrame:
    """How many spells went on, left or are still there, after how many hours, at each step and in each group?

    One row per ``step`` (each recorded stage from MQL on to the next, "mql_to_sal"; also "mql_to_opportunity",
    "mql_to_won" and, where touches were delivered, "mql_to_touch"), ``label`` (of ``by``: "", owner, source, segment,
    grade, or month or quarter of MQL entry; None where missing), ``hours`` and ``outcome`` (0 still open, 1 went on,
    2 left by an exit), with ``n`` spells. Hours are whole, rounded up: within 90 days means ``hours <= 90 * 24``. They
    end with going on, with the exit, or with the as-of day; NaN where that is dated before the stage: such spells count
    and give no duration. Under ``any`` a later stage counts as going on. A touch belongs to the spell in which it
    falls; a win ends the wait for it as an exit does. ``path``: the path rule, by default as agreed. ``since`` leaves
    out spells handed over before; which stages are recorded is asked of all.
    """
    rule, end = path or settings.funnel.path, end_of(settings).value // 1000
    names, won = _names(tables, by), False
    counted: list[Count] = []
    for whole in read_batches(tables, by, names):
        won |= bool((whole.at.get("won", np.array([NEVER])) < NEVER).any())
        some = _since(whole, since)
        at, last, left = passed(some.at, rule), some.last >> 4, some.last & 15 >= FORWARD
        for here, after, later in pairs(list(some.at)):
            went = np.minimum.reduce([at[stage] for stage in later]) if rule == "any" else at[after]
            counted.append(_count(f"{here}_to_{after}", at[here], went, left, last, end, some.label))
        if START in some.at and tables.has("sales_touches"):
            over = (left | (some.at["won"] < NEVER) if "won" in some.at else left) & (last < end)
            counted.append(_count(f"{START}_to_touch", some.at[START], some.touch, over, last, end, some.label))
        counted = _merged(counted) if len(counted) > 100 else counted
    found = _frame(_merged(counted), names, by)
    return found if won else found[~found["step"].str.endswith("_to_won")].reset_index(drop=True)


def _count(
    step: str, start: np.ndarray, went: np.ndarray, left: np.ndarray, last: np.ndarray, end: int, label: np.ndarray
) -> Count:
    """How many spells of each group ended this step how, after how many hours? All three are packed in one number."""
    here = np.flatnonzero(start < NEVER)
    start, went, left, last, label = start[here], went[here], left[here], last[here], label[here]
    outcome, took = ended(start, went, left, last, end)
    hours = np.where(took < 0, 0, 1 - (-took // _HOUR))  # one more, so that 0 stands for no duration
    group, span = (label + 1) * 3 + outcome, int(hours.max(initial=0)) + 1
    if (int(group.max(initial=0)) + 1) * span > _CELLS:
        return step, *np.unique(group * _SPAN + hours, return_counts=True)
    n = np.bincount(group * span + hours)
    found = np.flatnonzero(n)
    return step, found // span * _SPAN + found % span, n[found]


def _merged(counted: list[Count]) -> list[Count]:
    """What do the counts of several batches add up to, step by step?"""
    merged = []
    for step in dict.fromkeys(step for step, _, _ in counted):
        code, n = (np.concatenate([each[i] for each in counted if each[0] == step]) for i in (1, 2))
        total = pd.Series(n).groupby(code).sum()
        merged.append((step, total.index.to_numpy(dtype=np.int64), total.to_numpy(dtype=np.int64)))
    return merged


def _frame(counted: list[Count], names: list[str], by: str) -> pd.DataFrame:
    """What do packed numbers mean, as a table?"""
    code, n = (np.concatenate([np.empty(0, np.int64), *(each[i] for each in counted)]) for i in (1, 2))
    step, number, hours = [step for step, _, _ in counted], code // _SPAN // 3 - 1, code % _SPAN - 1.0
    if by in PERIODS:
        numbers, number = np.unique(number, return_inverse=True)
        since = numbers - YEAR_ZERO // PERIODS[by]
        names = [str(pd.Period(ordinal=each, freq=by[0].upper())) for each in since.tolist()]
        number = np.where(numbers[number] < 0, -1, number)
    return pd.DataFrame({
        "step": pd.Series(np.repeat(np.array(step, dtype=object), [len(c) for _, c, _ in counted]), dtype="str"),
        "label": pd.Series(np.array([*names, None], dtype=object)[number], dtype=object),
        "hours": np.where(hours < 0, np.nan, hours), "outcome": code // _SPAN % 3, "n": n,
    })  # fmt: skip


def _names(tables: Tables, by: str) -> list[str]:
    """Which groups does this column name, in order? None for periods, which number themselves."""
    if by == "" or by in PERIODS:
        return [] if by else [""]
    sources = [name for name in ("stage_events", "leads") if tables.has(name) and (by == "owner" or name == "leads")]
    column = "owner_id" if by == "owner" else by
    rows = " union ".join(f"select {column} as name from {source} where {column} is not null" for source in sources)
    found = tables.connection.execute(f"select distinct name from ({rows}) order by name").fetchall() if rows else []
    return [name for (name,) in found]


def _since(batch: Batch, since: pd.Timestamp | None) -> Batch:
    """Which spells are left when those handed over before ``since`` are left out?"""
    if since is None or START not in batch.at:
        return batch
    keep = batch.at[START] >= since.value // 1000
    at = {stage: times[keep] for stage, times in batch.at.items()}
    return replace(batch, at=at, last=batch.last[keep], label=batch.label[keep], touch=batch.touch[keep])
