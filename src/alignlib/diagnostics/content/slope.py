"""By how much does a yes or no change with one thing, when only a few groups of cases differ in it?"""

from dataclasses import dataclass
from math import sqrt

import numpy as np

from alignlib.stats import Floats

FEWEST_SELLERS = 8  # fewer say too little of how sellers differ
MOST_IN_ONE = 0.95  # leverage: above it one group alone sets the slope, and nothing shows how sure that is


@dataclass(frozen=True)
class Slope:
    """How steep is it, with which standard error, on how many degrees of freedom (of Student's t)?"""

    value: float
    error: float
    freedom: float


def slope(outcome: Floats, along: Floats, groups: np.ndarray, sellers: np.ndarray) -> Slope | None:
    """By how much does the outcome (0, 1) change from 0 to 1 of ``along``, where whole groups differ in it?

    One entry a case; ``groups`` and ``sellers`` are codes (below 0: nobody knows the seller, who is then nobody
    else). Least squares, a linear probability. The variance is that between groups, and between sellers where at least
    eight are known, less what the two share, and never less than either alone; each bias-reduced (CR2), with
    Satterthwaite's degrees of freedom, because a handful of groups otherwise looks far surer than it is. None where the
    thing does not vary, or one group alone sets the slope. It does not say what is the cause.
    Sources: Bell & McCaffrey 2002 (CR2, degrees of freedom); Cameron, Gelbach & Miller 2011 (two ways).

    >>> found = slope(np.array([0, 1, 0, 0, 1, 0, 1, 1.0]), np.repeat([0, 0.2, 0.6, 1], 2), np.repeat(range(4), 2),
    ...               np.full(8, -1))
    >>> round(found.value, 3), round(found.error, 3), round(found.freedom, 2)
    (0.678, 0.473, 1.7)
    """
    x = np.column_stack([np.ones(len(along)), along - along.mean()])
    if len(x) < 3 or np.ptp(along) < 1e-9:
        return None
    whole = np.linalg.inv(x.T @ x)
    found = whole @ (x.T @ outcome)
    residuals = outcome - x @ found
    by_group = _variance(x, residuals, np.unique(groups, return_inverse=True)[1], whole)
    if by_group is None:
        return None
    known, (variance, freedom) = sellers >= 0, by_group
    if len(np.unique(sellers[known])) >= FEWEST_SELLERS:
        code = np.where(known, sellers, sellers.max() + 1 + np.arange(len(sellers)))
        both = np.unique(np.column_stack([groups, code]), axis=0, return_inverse=True)[1].ravel()
        by_seller = _variance(x, residuals, np.unique(code, return_inverse=True)[1], whole)
        shared = _variance(x, residuals, both, whole)
        if by_seller is None or shared is None:
            return None
        freedom = by_seller[1] if by_seller[0] > variance else freedom
        variance = max(variance, by_seller[0], variance + by_seller[0] - shared[0])
    if variance <= 1e-12:  # all groups lie on the line: that is no certainty
        alone = _variance(x, residuals, np.arange(len(x)), whole)
        variance = alone[0] if alone else 0.0
    return Slope(float(found[1]), sqrt(variance), freedom) if variance > 1e-12 else None


def _variance(x: Floats, residuals: Floats, code: np.ndarray, whole: Floats) -> tuple[float, float] | None:
    """CR2 of the second coefficient and its degrees of freedom; None where one cluster alone sets it.

    Each cluster's residuals are divided by the square root of I - H, its own part of the hat matrix; that part has the
    rank of ``x``, two, so all is done in two dimensions, for all clusters at once.
    """
    size, vectors = np.linalg.eigh(whole)
    root = vectors * np.sqrt(size) @ vectors.T
    squares = _sums(code, x[:, :, None] * x[:, None, :])
    leverage, axes = np.linalg.eigh(root @ squares @ root)
    if leverage.max() > MOST_IN_ONE:
        return None
    more = (1 / np.sqrt(1 - leverage) - 1) / np.maximum(leverage, 1e-12)
    inflated = root @ (axes * more[:, None, :]) @ axes.transpose(0, 2, 1) @ root
    towards = whole[:, 1] + np.einsum("gij,gjk,k->gi", inflated, squares, whole[:, 1])
    scores = np.einsum("gi,gi->g", towards, _sums(code, x * residuals[:, None]))
    across = np.einsum("gij,gj->gi", squares, towards)
    own, off = np.einsum("gi,gi->g", towards, across), np.einsum("gi,ij,gj->g", across, whole, across)
    inner = whole @ (across.T @ across)
    total, squared = float((own - off).sum()), float((own**2 - 2 * own * off).sum() + np.trace(inner @ inner))
    return float(scores @ scores), total**2 / squared


def _sums(code: np.ndarray, rows: Floats) -> Floats:
    """Sums over each cluster."""
    found = np.zeros((int(code.max()) + 1, *rows.shape[1:]))
    np.add.at(found, code, rows)
    return found
