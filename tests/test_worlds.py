"""Many made-up companies, each drawn anew: what is planted is found, and what is not raises nothing. Run by hand."""

from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from datetime import date, datetime
from multiprocessing import get_context
from typing import Any

import pytest
import yaml
from scipy.stats import binom

from alignlib.diagnostics import funnel
from alignlib.engagement import parse_settings
from alignlib.intake.snapshot import arrow_rows, open_tables
from alignlib.resources import read_resource
from alignlib.sample_rows import make_rows

pytestmark = pytest.mark.trust
WORLDS = 1000
TABLES = ("leads", "stage_events", "opportunities", "sales_touches", "campaign_touches")
SAID: dict[str, Any] = yaml.safe_load(read_resource("templates", "sample", "companies.yml"))
SETTINGS = parse_settings(read_resource("templates", "sample", "engagement.yml").replace("$client", "Worlds"))


def typed(value: Any) -> Any:
    """How would intake type what the made-up company writes: empty text is missing, a day is its midnight?"""
    if isinstance(value, date) and not isinstance(value, datetime):
        return datetime(value.year, value.month, value.day)
    return None if value == "" else value


def levels(planted: bool, seed: int) -> dict[str, str]:
    """At which level does each finding of the funnel stand in the company drawn from this seed?"""
    world = make_rows(planted, seed, words=SAID["words"], plan=SAID["plan"], **SAID["planted" if planted else "null"])
    rows = {name: [{key: typed(value) for key, value in row.items()} for row in world.tables[name]] for name in TABLES}
    for deal in rows["opportunities"]:
        deal["amount"] = round(deal["amount"] * 100)
    tables = open_tables({name: arrow_rows(name, found) for name, found in rows.items()})
    return {finding.key: finding.level for finding in funnel.diagnose(tables, SETTINGS).findings}


def null_levels(seed: int) -> dict[str, str]:
    return levels(False, seed)


def planted_levels(seed: int) -> dict[str, str]:
    return levels(True, seed)


def drawn(draw: Any, worlds: int) -> list[dict[str, str]]:
    with ProcessPoolExecutor(2, mp_context=get_context("spawn")) as pool:
        return list(pool.map(draw, range(1, worlds + 1), chunksize=10))


def test_a_company_without_gaps_raises_nothing_to_act_on() -> None:
    found = drawn(null_levels, WORLDS)
    acts = Counter(key for each in found for key, level in each.items() if level == "act")
    loud = sum("act" in each.values() for each in found)
    print(f"worlds with anything to act on: {loud} of {WORLDS}; by finding: {dict(acts)}")
    assert loud <= binom.ppf(0.999, WORLDS, 0.05)


def test_what_is_planted_is_found() -> None:
    found = drawn(planted_levels, WORLDS // 5)
    for key in ("funnel.first_touch", "funnel.leaked"):
        hits = sum(each[key] == "act" for each in found)
        print(f"{key}: {hits} of {len(found)}")
        assert hits >= binom.ppf(0.001, len(found), 0.95)
