"""How sure is a rate when sellers differ, and how is it a row of an exhibit?"""

import numpy as np
import pandas as pd

from alignlib.judging import measured
from alignlib.result import Column, Measure, Row, columns
from alignlib.stats import clustered_share, wilson

FEWEST_OWNERS = 8  # below this the clustered variance itself is too unsure (few degrees of freedom)


def rate(hits: np.ndarray, owners: pd.Series) -> Measure:
    """Which share of cases is a hit, with an interval that allows for sellers who differ?

    ``hits`` holds one flag a case, ``owners`` who decided it. With at least eight owners the interval is clustered by
    owner (linearised ratio, t); cases without an owner form one cluster. Otherwise Wilson's, as if cases were
    independent.
    """
    k, n = int(hits.sum()), len(hits)
    groups = pd.DataFrame({"owner": owners.fillna("").to_numpy(), "hit": hits}).groupby("owner")["hit"]
    if groups.ngroups < FEWEST_OWNERS:
        return measured(wilson(k, n), "share", "Wilson 95 %", k, n)
    return measured(clustered_share(groups.sum(), groups.size()), "share", "clustered by owner, 95 %", k, n)


def rate_row(label: str, k: int, n: int, note: str = "", hidden: bool = False) -> Row:
    """Which row of an interval chart says that ``k`` of ``n`` are hits (Wilson)? ``hidden`` keeps the share back."""
    at = wilson(k, n)
    shown = {} if hidden else {"value": at.value, "low": at.low, "high": at.high}
    return {"label": label, "value": None, "low": None, "high": None, **shown, "k": k, "n": n, "note": note}


def rate_columns(label: str, n: str) -> list[Column]:
    """Which columns do such rows have? ``n`` names what the share is of."""
    return columns(
        label=(label, "text"), value=("Share won", "share"), low=("from", "share"), high=("to", "share"),
        k=("Won", "count"), n=(n, "count"), note=("Note", "text"),
    )  # fmt: skip
