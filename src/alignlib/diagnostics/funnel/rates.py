"""How sure is a rate when sellers differ?"""

import numpy as np
import pandas as pd

from alignlib.judging import measured
from alignlib.result import Measure
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
