"""Does R, asked today on this machine, say the same as the kit of the same data?

By hand, once in a while: R is no dependency. Debian: ``apt-get install --no-install-recommends r-base-core r-cran-psych
r-cran-survival r-cran-cmprsk``. The script is reference/r/values.R; what was last seen stands in reference/stats.md.
"""

import json
import os
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from alignlib import agreement, association, incidence, permutation, stats

RSCRIPT = shutil.which("Rscript")
pytestmark = [pytest.mark.trust, pytest.mark.skipif(RSCRIPT is None, reason="R is not installed")]
SCRIPT = Path(__file__).parent / "reference" / "r" / "values.R"
Given = dict[str, Any]


@pytest.fixture(scope="module")
def said() -> dict[str, Any]:
    """What does R say? One case a name: the data it was asked about, and what it found."""
    data = os.environ.get("ALIGNLIB_DATA", "")
    told = subprocess.run(
        [str(RSCRIPT), "--vanilla", str(SCRIPT), *([data] if data else [])],
        capture_output=True, text=True, timeout=300,
    )  # fmt: skip
    assert told.returncode == 0, told.stderr
    cases: dict[str, Any] = json.loads(told.stdout)
    print(cases.pop("versions"))
    return cases


def each(found: list[stats.Interval]) -> Given:
    """The parts of these intervals, each as a list."""
    return {part: [getattr(one, part) for one in found] for part in ("value", "low", "high")}


def curve(g: Given) -> Given:
    found = incidence.incidence(g["days"], g["ended"], g.get("entry"))
    at = [found.place(day) for day in g["at"]]
    return {"none": found.none[at], "se": found.se[1][at], "median": [found.quantile(0.5)]}


def curve_limits(g: Given) -> Given:
    found = incidence.kaplan_meier(g["days"], g["ended"])
    return each([found.at(day) for day in g["at"]])


def competing(g: Given) -> Given:
    found = incidence.incidence(g["days"], g["outcome"])
    at = [found.place(day) for day in g["at"]]
    one, two = found.se[1][at], found.se[2][at]
    return {"first": found.share[1][at], "second": found.share[2][at],
            "error1": one, "error2": two, "gray1": one, "gray2": two}  # fmt: skip


def sellers(g: Given) -> Given:
    codes = np.asarray(g["clusters"], dtype=int)
    return each([incidence.clustered_incidence(g["days"], g["outcome"], codes, at=day) for day in g["at"]])


def strata(g: Given) -> Given:
    tables = [[[a, b], [c, d]] for a, b, c, d in zip(g["a"], g["b"], g["c"], g["d"], strict=True)]
    found = association.mantel_haenszel(tables)
    return each([found.odds_ratio]) | {"difference": [found.difference.value]}


def slopes(g: Given) -> Given:
    x, plants = np.column_stack([g["x1"], g["x2"]]), np.asarray(g["plant"], dtype=int)
    plain, clustered = association.slopes(g["y"], x), association.slopes(g["y"], x, plants)
    return each(plain) | {"clustered": [one.low for one in clustered]}


def block(g: Given) -> Given:
    items = np.column_stack([*g.values()])
    found = each([agreement.alpha(items)])
    return {"alpha": found["value"], "low": found["low"], "high": found["high"],
            "rest": [one.value for one in agreement.item_rest(items)], "omega": [agreement.omega(items)]}  # fmt: skip


def team(g: Given) -> Given:
    found = agreement.within(g["scores"])
    return {"r_wg": [found.r_wg], "ad": [found.ad], "sd": [found.sd]}


# {the first word of a case: what the kit says of the same data}
OURS: dict[str, Callable[[Given], Given]] = {
    "wilson": lambda g: each([stats.wilson(k, n) for k, n in zip(g["k"], g["n"], strict=True)]),
    "alike": lambda g: {"p": [stats.alike(g["k"], g["n"])]},
    "newcombe": lambda g: each([stats.newcombe(*sides) for sides in zip(*g.values(), strict=True)]),
    "mean_interval": lambda g: each([stats.mean_interval(g["a"])]),
    "welch": lambda g: each([stats.welch(g["a"], g["b"])]),
    "cliff": lambda g: each([stats.cliff(g["a"], g["b"])]),
    "clustered_share": lambda g: each([stats.clustered_share(g["k"], g["n"])]),
    "two_groups": lambda g: {"p": [permutation.two_groups(g["a"], g["b"], step=1).p]},
    "holm": lambda g: {"adjusted": permutation.holm(g["ps"])},
    "kaplan_meier": lambda g: curve(g),
    "limits": curve_limits,
    "incidence": competing,
    "cuminc": competing,
    "clustered_incidence": sellers,
    "mantel_haenszel": strata,
    "concordance": lambda g: each([association.concordance(g["score"], g["hit"])]),
    "slopes": slopes,
    "block": block,
    "cohen_kappa": lambda g: each([agreement.cohen_kappa(g["a"], g["b"])]),
    "kendall_w": lambda g: {"value": [agreement.kendall_w(np.reshape(g["rows"], (-1, int(g["things"][0]))))]},
    "within": team,
}
# All agree to nine digits but a search that stops sooner, and Gray's variance, which is another estimate.
NEAR = {"omega": 1e-6, "gray1": 3e-3, "gray2": 3e-3}


@pytest.mark.parametrize("name", OURS)
def test_r_says_the_same(name: str, said: dict[str, Any]) -> None:
    cases = {case: both for case, both in said.items() if case.split()[0] == name}
    assert cases, "the script has no such case"
    for case, both in cases.items():
        ours = OURS[name](both["given"])
        for part, value in both["found"].items():
            near = pytest.approx(value, rel=NEAR.get(part, 1e-9), abs=1e-12)
            assert [float(x) for x in ours[part]] == near, (case, part)


def test_every_case_of_the_script_is_compared(said: dict[str, Any]) -> None:
    assert {case.split()[0] for case in said} == {*OURS}
