"""What would a change of the funnel bring in revenue? One pure function on ``funnel.model`` alone."""

from collections.abc import Mapping
from dataclasses import dataclass
from math import sqrt

import numpy as np
from scipy.special import expit, gammainc, logit, ndtri

from alignlib.errors import AlignError, Problem
from alignlib.result import SEED, Exhibit, Measure, Row, columns
from alignlib.words import NBSP, count, figure, interval, money, share, spelled, value

MONTH = 365.25 / 12
POINTS, MORE = 0.10, 0.10  # the changes shown: of a share, and a part of the leads
_DRAWS, _ENDS, _Z = 4000, (0.025, 0.975), float(ndtri(0.975))
_RATE = ("rate", "rate_low", "rate_high")
_AMOUNT = ("amount", "amount_low", "amount_high")


@dataclass(frozen=True)
class WhatIf:
    """Which revenue do leads bring as things are, which after the change, and how far apart are they? Minor units."""

    base: Measure
    changed: Measure
    difference: Measure


def what_if(
    model: Exhibit, *, rates: Mapping[str, float] | None = None, volume: float = 1.0, deal_value: float = 1.0,
    delay_days: Mapping[str, float] | None = None, months: int = 12,
) -> WhatIf:  # fmt: skip
    """What would a change bring: revenue, by the end of so many months, of the leads handed over in them?

    Reads ``funnel.model`` alone, so that a report, a notebook and a workshop share it without leads. ``rates`` gives
    steps their *new share* (0-1); ``volume`` and ``deal_value`` are factors; ``delay_days`` makes a step later (or
    earlier, below 0) and never changes a rate: what comes after the window does not count in it.
    Each step's lag is exponential with the median measured; their sum is taken as a gamma with its mean and variance,
    and a delay is added whole. Intervals (95 %) come from rates drawn logit-normal (see ``draw``) and a deal value
    drawn log-normal within their intervals. Base and change share each draw, and a new rate moves the odds of each draw
    as it moves the odds measured, so the interval of the difference is that of pairs. Not in the interval: the number
    of leads, the lags, whether things stay as they were. An input without an interval gives none.
    Raises AlignError (E-VALUE) for unknown steps and impossible figures.

    >>> from alignlib.diagnostics.funnel.revenue import exhibit
    >>> row = {"stage": "mql_to_won", "a_month": 50, "rate": 0.1, "rate_low": 0.1, "rate_high": 0.1, "median_days": 0}
    >>> worth = {"stage": "deal_value", "amount": 2_000, "amount_low": 2_000, "amount_high": 2_000}
    >>> told = what_if(exhibit([row, worth]), rates={"mql_to_won": 0.2}, months=10)
    >>> round(told.base.value), round(told.changed.value), round(told.difference.low)
    (100000, 200000, 100000)
    """
    before, after, is_known = _simulated(model, rates or {}, volume, deal_value, delay_days or {}, months)
    method = f"simulation from the steps’ intervals, {share(0.95)}" if is_known else "no interval: one input has none"

    def measure(point: float, drawn: np.ndarray) -> Measure:
        low, high = (float(v) for v in np.quantile(drawn, _ENDS)) if is_known else (None, None)
        return Measure(value=point, unit="money", low=low, high=high, method=method)

    return WhatIf(measure(*before), measure(*after), measure(after[0] - before[0], after[1] - before[1]))


def three_changes(model: Exhibit, currency: str = "EUR", months: int = 12) -> Exhibit | None:
    """Which of three changes would move revenue most: the weakest step, the slowest step, or more leads?

    Weakest is the step with the lowest share (ten percentage points more of it are the most that ten can bring),
    slowest the one with the longest half. All three share their draws, so they are compared draw by draw: a change is
    called the largest only when the 95 % interval of its lead over each other one lies above 0. ``model`` needs a deal
    value and wins. None when fewer than two changes are possible. Says nothing of effort, cost or likelihood.
    """
    rows, gains = list[Row](), list[np.ndarray]()
    for name, label, change in _changes(model):
        (was, base), (is_now, changed), is_known = _simulated(model, *change, months)
        gains.append(changed - base)
        low, high = (float(v) for v in np.quantile(gains[-1], _ENDS)) if is_known else (None, None)
        rows.append({"label": label, "name": name, "base": was, "changed": is_now, "value": is_now - was, "low": low,
                     "high": high})  # fmt: skip
    if len(rows) < 2:
        return None
    order = sorted(range(len(rows)), key=lambda i: -rows[i]["value"])
    first, second = rows[order[0]], rows[order[1]]
    ahead = [np.quantile(gains[order[0]] - gains[i], 0.025) > 0 for i in order[1:]]
    said, span = money(first["value"], currency), interval(first["low"], first["high"], "money", currency)
    within = f"in {count(months, 'month')}"
    is_clear = first["low"] is not None and all(ahead)
    return Exhibit(
        key="funnel.what_if", shape="table", play="P12", source=model.source,
        rows=[{name: cell for name, cell in row.items() if name != "name"} for row in rows],
        title=f"Of {spelled(len(rows))} changes, {first['name']} would move revenue most: by {said} {within} ({span})"
        if is_clear else f"The two largest changes cannot be told apart: {first['name']}, "
        f"{said}, and {second['name']}, {money(second['value'], currency)} {within}",
        lead=f"Revenue from the leads of {count(months, 'month')} that comes within them, at today’s rates and deal "
        "value. Planning arithmetic, not a forecast.",
        columns=columns(
            label=("Change", "text"), base=("Revenue as things are", "money"), changed=("With the change", "money"),
            value=("Difference", "money"), low=("from", "money"), high=("to", "money"),
        ),
        read="Each line changes one thing and leaves the rest. Beside the difference its 95 % interval. The weakest "
        "step is the one with the lowest share, the slowest the one with the most days. All lines share the same "
        "draws and are compared draw by draw, so one may be ahead though the intervals overlap.",
        says_not="What will happen, which change is easier or costs less, and what comes after these months. The "
        "interval leaves out how unsure the number of leads and the days are.",
        alt=f"Table of {len(rows)} changes: revenue as things are, with the change, and the difference.",
    )  # fmt: skip


_Change = tuple[Mapping[str, float], float, float, Mapping[str, float]]  # new rates, volume, deal value, delays


def _changes(model: Exhibit) -> list[tuple[str, str, _Change]]:
    """Which changes are possible: what each is called in a title and in its row, and what it changes?"""
    steps, found = steps_of(model.rows), list[tuple[str, str, _Change]]()
    weak, slow = min(steps, key=lambda row: row["rate"]), max(steps, key=_lag)
    names = [str(row["label"]).replace(", then", " to").lower() for row in (weak, slow)]
    rate, days, leads = float(weak["rate"]), float(slow.get("median_days") or 0.0), float(steps[0]["a_month"])
    if (to := min(rate + POINTS, 1.0)) > rate:
        more = f"+{value(to - rate, 'pp')}"
        found.append((
            f"{more} at {names[0]}", f"If the weakest step ({names[0]}) went from {interval(rate, to, 'share')}{NBSP}% "
            f"({more})", ({str(weak["stage"]): to}, 1.0, 1.0, {}),
        ))  # fmt: skip
    if days > 0:
        found.append((
            f"half the delay at {names[1]}", f"If half of the delay of the slowest step ({names[1]}) went: half of "
            f"those that go on within {value(days / 2, 'days')}, not {figure(days, 'days')}",
            ({}, 1.0, 1.0, {str(slow["stage"]): -_lag(slow) / 2}),
        ))  # fmt: skip
    more = f"{share(MORE)} more leads"
    label = f"If {more} came: {figure(leads * (1 + MORE), 'count')} a month, not {figure(leads, 'count')}"
    return [*found, (more, label, ({}, 1 + MORE, 1.0, {}))]


def _simulated(
    model: Exhibit, new: Mapping[str, float], volume: float, deal_value: float, late: Mapping[str, float], months: int,
) -> tuple[tuple[float, np.ndarray], tuple[float, np.ndarray], bool]:  # fmt: skip
    """Which revenue as things are, and after the change: figure and draws; and has every input an interval?"""
    steps = {str(row["stage"]): row for row in steps_of(model.rows)}
    _check(model, steps, new, late, {"volume": volume, "deal_value": deal_value}, months)
    deal, leads = row_of(model, "deal_value"), months * float(steps[next(iter(steps))]["a_month"])
    pairs = draw(model.rows)
    worth = leads * amounts_of(*pairs.pop())
    was, then = (_in_time(steps, {}, months), _in_time(steps, late, months) * volume * deal_value)
    base = was * worth * np.prod([rates_of(row, z) for row, z in pairs], axis=0)
    changed = then * worth * np.prod([rates_of(row, z, new.get(str(row["stage"]))) for row, z in pairs], axis=0)
    at = was * leads * deal["amount"] * float(np.prod([row["rate"] for row in steps.values()]))
    to = then * leads * deal["amount"] * float(np.prod([new.get(key, row["rate"]) for key, row in steps.items()]))
    is_known = all(row.get(name) is not None for row in steps.values() for name in _RATE)
    is_known &= all(deal.get(name) is not None for name in _AMOUNT)
    return (at, base), (to, changed), is_known


def draw(rows: list[Row]) -> list[tuple[Row, np.ndarray]]:
    """Which standard normal draws belong to each step, and last to the deal value? The same for the same rows, always.

    A seller who is good at one step is often good at the next: then the rates err together, and the way measured at
    once is less sure than its steps multiplied. Steps are drawn with the one correlation (0 to 1) that makes them so.
    """
    steps, deal = steps_of(rows), [row for row in rows if row["stage"] == "deal_value"]
    normal = np.random.default_rng(SEED).standard_normal((2 + len(steps), _DRAWS))
    each = np.array([_unsure(row) for row in steps])
    whole = max((_unsure(row) for row in rows if row["stage"] == "direct"), default=0.0)
    apart, shared = float(each @ each), float(each.sum() ** 2 - each @ each)
    rho = min(max((whole**2 - apart) / shared, 0.0), 1.0) if shared > 0 else 0.0
    mixed = [sqrt(rho) * normal[0] + sqrt(1 - rho) * own for own in normal[2:]]
    return list(zip([*steps, *deal], [*mixed, normal[1]], strict=False))


def _unsure(row: Row) -> float:
    """The standard error of the logarithm of a share, read off its interval; 0 where there is none."""
    low, high = row.get("rate_low"), row.get("rate_high")
    return float(np.log(high / low)) / (2 * _Z) if low and high else 0.0


def rates_of(row: Row, z: np.ndarray, new: float | None = None) -> np.ndarray:
    """Which shares does the interval leave open? Normal on the logit, each side as wide as its limit says."""
    rate = float(row["rate"])
    ends = [rate if row.get(name) is None else float(row[name]) for name in _RATE]
    edge = 0.5 / (float(row.get("n") or 1) + 1) if rate in (0.0, 1.0) else 1e-12  # all or none: half a case off the end
    at, low, high = logit(np.clip(ends, edge, 1 - edge))
    drawn = at + np.where(z < 0, at - low, high - at) * z / _Z
    if new is None or new == rate:
        return np.asarray(expit(drawn))
    return np.full_like(z, new) if new in (0.0, 1.0) else np.asarray(expit(drawn + logit(new) - at))


def amounts_of(row: Row, z: np.ndarray) -> np.ndarray:
    """Which deal values does the interval leave open? Normal on the log, each side as wide as its limit says."""
    at, low, high = (np.log(row["amount"] if row.get(name) is None else row[name]) for name in _AMOUNT)
    return np.asarray(np.exp(at + np.where(z < 0, at - low, high - at) * z / _Z))


def steps_of(rows: list[Row]) -> list[Row]:
    """Which rows are steps from stage to stage, in order?"""
    return [row for row in rows if "_to_" in str(row["stage"])]


def row_of(model: Exhibit, stage: str) -> Row:
    """Which row of the model carries this key? Empty when there is none."""
    return next((row for row in model.rows if row["stage"] == stage), {})


def _in_time(steps: Mapping[str, Row], late: Mapping[str, float], months: int) -> float:
    """Which part of the revenue of leads spread evenly over the window comes within it?

    E[(window - delay - lag)+] / window for a gamma lag: exact for one exponential step, and for steps equally long.
    """
    means = [_lag(row) + min(late.get(key, 0.0), 0.0) for key, row in steps.items()]
    window, mean, spread = months * MONTH, sum(means), sum(m * m for m in means)
    left = max(window - sum(max(days, 0.0) for days in late.values()), 0.0)
    if mean <= 0:
        return left / window
    shape, scale = mean**2 / spread, spread / mean
    return float(left * gammainc(shape, left / scale) - mean * gammainc(shape + 1, left / scale)) / window


def _lag(row: Row) -> float:
    return float(row.get("median_days") or 0.0) / float(np.log(2))


def _check(
    model: Exhibit, steps: Mapping[str, Row], new: Mapping[str, float], late: Mapping[str, float],
    factors: Mapping[str, float], months: int,
) -> None:  # fmt: skip
    """Which of the changes asked for are impossible? All of them at once."""
    known, found = ", ".join(steps), list[tuple[str, str]]()
    found += [(f"there is no step {key!r} in the funnel", known) for key in {**new, **late} if key not in steps]
    found += [(f"{key} is to be {rate}", "a share from 0 to 1") for key, rate in new.items() if not 0 <= rate <= 1]
    found += [(f"{key} is to be earlier by {-days} days than it takes", f"down to {-_lag(steps[key]):.1f} days")
              for key, days in late.items() if key in steps and not -_lag(steps[key]) <= days < np.inf]  # fmt: skip
    found += [(f"{name} is {by}", "a factor from 0 on") for name, by in factors.items() if not 0 <= by < np.inf]
    found += [(f"the window is {months} months", "1 or more")] if months < 1 else []
    if not steps or not row_of(model, "deal_value"):
        found.append(("the exhibit holds no steps, or no value of a deal", "funnel.model with its deal_value"))
    if found:
        raise AlignError([Problem("E-VALUE", what, "what_if", allowed, "correct it") for what, allowed in found])
