"""Which finding does a figure make against the limit agreed for it? Level, detail and rule, the same everywhere."""

from collections.abc import Mapping
from typing import Literal

from alignlib.engagement import THRESHOLDS, Settings
from alignlib.result import Finding, Level, Measure
from alignlib.stats import Interval, judge
from alignlib.words import agreed, interval, value

SMALL = 100  # of fewer counted things the count says more than a share in per cent


def measured(found: Interval, unit: Literal["share", "pp", "points"], method: str, k: int | None, n: int) -> Measure:
    """How does an interval become a measure?"""
    return Measure(value=found.value, unit=unit, n=n, k=k, low=found.low, high=found.high, method=method)


def finding(
    key: str, threshold: str, measure: Measure, settings: Settings, titles: Mapping[str, str], *,
    theme: str, play: str, counted: str, settle: str, beyond: Literal["act", "watch"] = "act",
    cannot: Mapping[Level, str] | None = None,
) -> Finding:  # fmt: skip
    """What does a figure say against its agreed limit?

    ``titles``: ``none`` (no limit was agreed) says what was found; ``beyond``, ``good`` and ``unclear`` say it
    otherwise where the interval asks for it. Good without a title of its own is "as agreed". ``counted`` says over
    what, ``settle`` which data would settle an unclear case.
    ``cannot``: levels that these data cannot carry whatever the interval says, each with why; it is then unclear.
    Without an agreed limit there is no play. Of fewer than ``SMALL`` counted things the share is left to the count.
    """
    direction, unit, meaning = THRESHOLDS[threshold]
    limit = settings.thresholds.get(threshold)
    estimated, is_counted = measure.low is not None, measure.method == "counted"
    kind = "bounds" if measure.method.startswith("bounds") else "95 % interval"
    level = judge(measure.value, measure.low, measure.high, limit, direction, beyond)
    if not estimated and not is_counted:
        level = "unclear"  # an estimate without limits is no count of all there is
    why = (cannot or {}).get(level, "")
    level = "unclear" if why else level
    variant = "none" if limit is None else "beyond" if level == beyond else level
    is_small = is_counted and measure.k is not None and (measure.n or 0) < SMALL
    said = "" if is_small else f"{value(measure.value, unit)}; "
    figure = (
        f"{'Bounds' if kind == 'bounds' else 'Interval'} {interval(measure.low, measure.high, unit)}; "
        if estimated
        else f"{'Counted' if is_counted else 'Without an interval'}: {said}"
    )
    basis = "counted figure" if is_counted else kind
    rule = f"{basis} against the limit agreed for: {meaning}; beyond it: {beyond}{why and f'; {why}'}"
    return Finding(
        key=key, theme=theme, measure=measure, level=level, limit=limit,
        title=titles.get(variant, titles["none"] + ", as agreed" * (variant == "good")),
        play=None if level == "good" or limit is None else play,
        detail=f"{figure}{counted}. {agreed(limit, direction, unit)}", rule=rule, direction=direction,
        settle="" if level != "unclear" else f"an agreed limit ({meaning})" if limit is None else settle,
    )  # fmt: skip
