"""Many made-up companies whose leaks and gaps have a known value: the money at stake holds it as often as it says.

A few run with every test; the thousand by hand (``pytest -m trust``).
"""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy.stats import binom

from alignlib.audit import stake as money
from alignlib.diagnostics.content import gap_value
from alignlib.diagnostics.content.slope import slope
from alignlib.diagnostics.funnel import worth
from alignlib.engagement import parse_settings
from alignlib.result import Exhibit, Result, columns

WORLDS, FEW = 1000, 60
SELLERS, SEGMENTS, LEADS, DEALS = 12, 6, 500, 400
MEAN, LAG = 2e6 * np.exp((0.2**2 + 0.5**2) / 2), 60.0  # of an amount (minor units); days from handover to win
AGREED = parse_settings(
    "{version: 1, client: X, period: {start: 2024-01-01, end: 2025-12-31}, as_of: 2025-12-31, currency: EUR, "
    "timezone: UTC}"
)
YEARS = 731 / 365.25


@dataclass
class Company:
    """What the kit reads of a made-up company, and the expected value a year of working its leaks and filling its gaps.

    The truth takes leaked leads as worked, and a usable asset in every gap for the deals of all other leads.
    """

    leads: worth.Leads
    sold: tuple[np.ndarray, np.ndarray]  # amounts of won leads, and their sellers
    deals: pd.DataFrame
    gaps: list[dict[str, str]]
    leaked: dict[str, float]
    truth: float


def company(rng: np.random.Generator, acts: bool = True, confounded: bool = False) -> Company:
    """Sellers differ (intra-class correlation .05), segments too (3 points); a touch and an asset decide, or nothing.

    ``confounded``: segments win more deals, and larger ones, because Marketing gives more to the better ones.
    """
    leads, sold, missed = handed_over(rng, acts)
    deals, lacking = opened(rng, 0.25 if acts else 0.0, confounded)
    is_leaked = rng.random(DEALS) < 0.1
    leaked = deals["amount"][is_leaked].groupby(deals["segment"][is_leaked]).sum() / YEARS
    others = np.bincount(deals["segment"][~is_leaked].astype(int), minlength=SEGMENTS) / YEARS
    filled = (0.25 if acts else 0.0) * float(others @ lacking) / 5 * MEAN
    gaps = [{"segment": str(i)} for i, n in enumerate(lacking.astype(int)) for _ in range(n)]
    return Company(leads, sold, deals, gaps, leaked.to_dict(), missed / YEARS + filled)


def handed_over(rng: np.random.Generator, acts: bool) -> tuple[worth.Leads, tuple[np.ndarray, np.ndarray], float]:
    """Leads of two sources, all handed over a year ago or more; those neither touched nor won nor lost leaked."""
    n, odds = LEADS, np.array([0.10, 0.25])
    seller, source, seen = rng.integers(0, SELLERS, n), rng.integers(0, 2, n), rng.uniform(370, 740, n)
    each = np.stack([rng.beta(p * 19, (1 - p) * 19, SELLERS) for p in odds])
    worked = rng.random(n) < np.array([0.6, 0.4])[source]
    late = ~worked & (rng.random(n) < 0.3)
    power = np.where(worked, 1, np.where(late, 0.5, 0)) if acts else 1
    touched = np.where(worked, rng.uniform(0, 1, n), np.where(late, rng.uniform(2, 30, n), np.nan))
    when = rng.exponential(LAG, n)
    when = np.fmax(when, touched) if acts else when
    won = np.where((rng.random(n) < each[source, seller] * power) & (when <= seen), when, np.nan)
    gone = np.where((rng.random(n) < 0.4) & ~(acts & ~worked & ~late), rng.exponential(40, n), np.inf)
    outcome = np.where(np.isfinite(won), 1, np.where(gone <= seen, 2, 0))
    stop = np.select([outcome == 1, outcome == 2], [won, gone], seen)
    touched = np.where(touched <= stop, touched, np.nan)
    leaked = (outcome == 0) & np.isnan(touched)
    leads = worth.Leads(
        kinds=["Untouched past promise"], kind=np.where(leaked, 0, -1), worked=worked, missed=~worked, seen=seen,
        won=won, touched=touched, stop=stop, outcome=outcome, left=np.zeros(n), source=source,
        finer=np.zeros(n, int), cluster=seller, owners=SELLERS,
    )  # fmt: skip
    whose = rng.integers(0, SELLERS, 60)
    extra = odds[source[leaked]].sum() * (1 - np.exp(-365 / LAG)) if acts else 0.0
    return leads, (amounts(rng, whose), whose), float(extra * MEAN)


def amounts(rng: np.random.Generator, whose: np.ndarray) -> np.ndarray:
    found: np.ndarray = 2e6 * np.exp(0.2 * rng.standard_normal(SELLERS)[whose] + 0.5 * rng.standard_normal(len(whose)))
    return found


def opened(rng: np.random.Generator, adds: float, confounded: bool) -> tuple[pd.DataFrame, np.ndarray]:
    """Closed deals of two years; in half of the segments assets come after the first. What is missing at the end?"""
    before = rng.permutation(np.linspace(0, 1, SEGMENTS).round(1))
    after = np.minimum(before + 0.4 * (rng.random(SEGMENTS) < 0.5), 1)
    segment, seller = (
        rng.choice(SEGMENTS, DEALS, p=rng.dirichlet(np.full(SEGMENTS, 8))),
        rng.integers(0, SELLERS, DEALS),
    )
    is_late, skill = rng.random(DEALS) < 0.5, rng.beta(0.3 * 19, 0.7 * 19, SELLERS) - 0.3
    supplied = np.where(is_late, after[segment], before[segment])
    better = 0.3 * (before[segment] - 0.5) * confounded
    chance = 0.2 + adds * supplied + better + rng.normal(0, 0.03, SEGMENTS)[segment] + skill[seller]
    won = (rng.random(DEALS) < np.clip(chance, 0, 1)).astype(float)
    sources = np.where(rng.random(DEALS) < 0.5 + better, "Referral", "Web")
    deals = pd.DataFrame({
        "segment": segment.astype(str), "owner_id": seller, "won": won, "outcome": np.where(won > 0, "won", "lost"),
        "amount": amounts(rng, seller) * np.exp(2 * better), "day": rng.uniform(0, 731, DEALS), "in_period": True,
        "supplied": supplied, "source": sources, "grade": rng.choice(list("ABC"), DEALS),
    })  # fmt: skip
    return deals, np.round(5 * (1 - after))


def at_stake(made: Company) -> dict[str, Any] | None:
    """What does the audit say of all together? None where the gaps could not be priced."""
    found = worth.price(made.leads, *made.sold, worth.longest(made.leads))
    of_leaks = worth._exhibit(found, "", "", [], "EUR", {"is_upper": False, "years": YEARS})
    held = [{"label": name, "n": 1, "amount": round(amount)} for name, amount in made.leaked.items()]
    steep = slope(made.deals["won"].to_numpy(), made.deals["supplied"].to_numpy(), made.deals["segment"].astype(int),
                  made.deals["owner_id"].to_numpy())  # fmt: skip
    if steep is None:
        return None
    rows = gap_value.priced(gap_value.a_year(made.deals, made.gaps, AGREED), steep)
    shown = money.stake({
        "funnel": result("funnel", [of_leaks, table("funnel.leaked_deals", held)]),
        "content": result("content", [table("content.gap_value", rows)]),
    }, AGREED)  # fmt: skip
    assert shown is not None
    return shown.rows[-1] | {end: shown.rows[-1][end] or 0 for end in ("low", "high")}  # nothing to gain is 0


def table(key: str, rows: list[dict[str, Any]]) -> Exhibit:
    return Exhibit(key=key, title="T", shape="intervals", rows=rows, columns=columns(label=("L", "text")), read="R",
                   alt="A", source="S")  # fmt: skip


def result(kind: Any, exhibits: list[Exhibit]) -> Result:
    return Result(diagnostic=kind, question="?", headline="H", summary="S", exhibits=exhibits)


def fewer_draws() -> None:
    """Enough for limits at 80 %, in a fraction of the time."""
    worth.DRAWS, gap_value.DRAWS, money.DRAWS = 400, 1000, 2000


def told(seed: int, acts: bool = True) -> tuple[bool, bool, bool] | None:
    """Is the truth below, and above, the 80 % interval, and does that lie above 0?"""
    fewer_draws()
    made = company(np.random.default_rng([seed, int(acts)]), acts)
    found = at_stake(made)
    return None if found is None else (made.truth < found["low"], made.truth > found["high"], found["low"] > 0)


def nothing_acts(seed: int) -> tuple[bool, bool, bool] | None:
    return told(seed, acts=False)


def cautions(seed: int) -> tuple[bool, bool]:
    """Does the caution fire where better segments get more content, and where they do not?"""
    fired = [bool(gap_value._unlike(company(np.random.default_rng([seed, 7]), confounded=is_so).deals)[0])
             for is_so in (True, False)]  # fmt: skip
    return fired[0], fired[1]


@pytest.fixture
def kept_draws(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a world sets to fewer is put back."""
    for module in (worth, gap_value, money):
        monkeypatch.setattr(module, "DRAWS", module.DRAWS)


def judge_coverage(found: list[Any], claims: bool) -> None:
    """Both sides miss no more often than 10 %, by the binomial 99.9 % limit: one-sided, the method is conservative."""
    known = [each for each in found if each is not None]
    below, above, claimed = np.array(known).sum(axis=0)
    n = len(known)
    print(f"covered: {n - below - above} of {n} ({len(found) - n} not priced); truth below {below}, above {above}; "
          f"above nothing {claimed}")  # fmt: skip
    most = binom.ppf(0.9995, n, 0.1)
    assert n >= 0.95 * len(found) and below <= most and above <= most
    assert n - below - above >= binom.ppf(0.0005, n, 0.8)
    assert claims or claimed <= most


def judge_cautions(found: list[tuple[bool, bool]]) -> None:
    there, not_there = np.array(found).sum(axis=0)
    print(f"caution fires: {there} of {len(found)} confounded, {not_there} of {len(found)} others")
    assert there >= 0.95 * len(found) and not_there <= binom.ppf(0.9995, len(found), 0.04)  # four signs at 99 %


def drawn(draw: Callable[[int], Any], monkeypatch: pytest.MonkeyPatch) -> list[Any]:
    monkeypatch.syspath_prepend(Path(__file__).parents[1])  # the worker processes import this file by its name
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(draw, range(1, WORLDS + 1), chunksize=10))


def test_the_true_value_lies_in_the_interval_of_a_few_companies(kept_draws: None) -> None:
    judge_coverage([told(seed) for seed in range(1, FEW + 1)], claims=True)


def test_little_is_claimed_in_a_few_companies_in_which_nothing_acts(kept_draws: None) -> None:
    judge_coverage([nothing_acts(seed) for seed in range(1, FEW + 1)], claims=False)


def test_where_better_segments_get_more_content_the_caution_fires() -> None:
    judge_cautions([cautions(seed) for seed in range(1, FEW + 1)])


def test_an_interval_a_third_as_wide_would_fall_short(kept_draws: None) -> None:
    """The yardstick itself."""
    misses = 0
    for seed in range(1, FEW + 1):
        made = company(np.random.default_rng([seed, 1]))
        fewer_draws()
        if (found := at_stake(made)) is not None:
            third = (found["high"] - found["low"]) / 6
            misses += not found["value"] - third <= made.truth <= found["value"] + third
    assert FEW - misses < binom.ppf(0.0005, FEW, 0.8)


@pytest.mark.trust
def test_the_true_value_lies_in_the_interval_as_often_as_it_says(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_coverage(drawn(told, monkeypatch), claims=True)


@pytest.mark.trust
def test_little_is_claimed_where_nothing_acts(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_coverage(drawn(nothing_acts, monkeypatch), claims=False)


@pytest.mark.trust
def test_the_caution_fires_where_it_should_and_rarely_elsewhere(monkeypatch: pytest.MonkeyPatch) -> None:
    judge_cautions(drawn(cautions, monkeypatch))
