"""How do segments pass through the funnel, side by side: how many, how far, how fast?"""

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import going_on
from alignlib.diagnostics.funnel.spells import NEVER, START
from alignlib.diagnostics.funnel.steps import NAMES, Step, Times, chosen
from alignlib.engagement import Settings
from alignlib.result import Column, Exhibit, Row, columns
from alignlib.words import count, of

_MOST = 40  # segments; more is a free text, not a segment


def exhibits(settings: Settings, segment: pd.Series, at: Times, kept: dict[str, Step]) -> list[Exhibit]:
    """How many leads of each segment got how far, which share went on to the next stage, and how long did they stay?

    ``segment`` of each spell; ``at``: when each passed each stage under the agreed path rule; ``kept``: the steps by it
    of the leads from which rates are taken. Shares are cumulative incidences within the horizon with exits competing,
    days until leads left the handover count open ones. Says nothing of whether segments differ by more than chance:
    ``groups`` does.
    """
    code, names = pd.factorize(segment, sort=True)
    sizes = {stage: np.bincount(code[(times < NEVER) & (code >= 0)], minlength=len(names))
             for stage, times in at.items()}  # fmt: skip
    stages = [stage for stage in NAMES if stage in sizes and sizes[stage].any()]
    shown = np.flatnonzero(np.any(list(sizes.values()), axis=0)) if sizes else np.zeros(0, int)
    if START not in stages or len(stages) < 2 or not 2 <= len(shown) <= _MOST:
        return []
    one = kept[f"{START}_to_{list(at)[1]}"]
    rows: list[Row] = []
    for i in shown[np.argsort(-sizes[START][shown], kind="stable")].tolist():
        mine = chosen(one, code == i)
        on, stay = going_on(mine, settings.funnel.horizon_days), mine.stay()
        rows.append({"label": str(names[i]), **{stage: int(sizes[stage][i]) for stage in stages}, "go_on": on.value,
                     "go_on_low": on.low, "go_on_high": on.high, "median": stay.quantile(0.5),
                     "p90": stay.quantile(0.9)})  # fmt: skip
    return [_exhibit(rows, stages, settings)]


def _exhibit(rows: list[Row], stages: list[str], settings: Settings) -> Exhibit:
    last, most = stages[-1], max(rows, key=lambda row: row[stages[-1]])
    whole = {stage: sum(row[stage] for row in rows) for stage in (START, last)}
    entered: list[Column] = columns(**{stage: (NAMES[stage], "count") for stage in stages})
    return Exhibit(
        key="funnel.segments", shape="table", rows=rows, is_detail=True, play="P3", source="Stage history of leads",
        title=f"{most['label']} brings {of(most[last], whole[last])} leads {NAMES[last].lower()}, "
        f"and {of(most[START], whole[START])} handed over",
        columns=[
            *columns(label=("Segment", "text")), *entered,
            *columns(go_on=("Go on in time", "share"), go_on_low=("from", "share"), go_on_high=("to", "share"),
                     median=("Half have left the handover after", "days"), p90=("Nine in ten after", "days")),
        ],
        read="One line a segment: how many leads got how far; the share that goes on from the handover within "
        f"{count(settings.funnel.horizon_days, 'day')}, with its 95 % interval; and the days until half, and nine in "
        "ten, have left the handover, open leads counted (–: not reached).",
        says_not="Whether segments differ by more than chance, nor why.",
        alt=f"Table of {count(len(rows), 'segment')} and how far their leads got.",
    )  # fmt: skip
