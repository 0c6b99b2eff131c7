"""How do segments pass through the funnel, side by side: how many, how far, how fast?"""

import pandas as pd

from alignlib.diagnostics.funnel.counts import step_counts
from alignlib.diagnostics.funnel.spells import NEVER, START
from alignlib.diagnostics.funnel.steps import NAMES, Times
from alignlib.engagement import Settings
from alignlib.incidence import incidence, kaplan_meier
from alignlib.intake.tables import Tables
from alignlib.result import Column, Exhibit, Part, Row, columns
from alignlib.words import count, of

_MOST = 40  # segments; more is a free text, not a segment


def part(tables: Tables, settings: Settings, segment: pd.Series, at: Times, since: pd.Timestamp | None = None) -> Part:
    """How many leads of each segment got how far, which share went on to the next stage, and how long did they stay?

    ``segment`` of each spell, and ``at``: when each passed each stage under the agreed path rule. From the grouped
    counts of ``step_counts``: shares are cumulative incidences within the horizon with exits competing, days of those
    that left the handover stage count open leads. ``since`` leaves earlier leads out of shares and days. Says nothing
    of whether segments differ by more than chance: ``groups`` does.
    """
    sizes = pd.DataFrame({stage: times < NEVER for stage, times in at.items()}).groupby(segment.to_numpy()).sum()
    sizes = sizes.loc[sizes.any(axis=1), sizes.any()]
    stages = [stage for stage in NAMES if stage in sizes]
    if START not in stages or len(stages) < 2 or not 2 <= len(sizes) <= _MOST:
        return Part()
    sizes = sizes.sort_values(START, ascending=False, kind="stable")
    counts = step_counts(tables, settings, by="segment", since=since)
    step = f"{START}_to_{stages[stages.index(START) + 1]}"
    taken = {str(label): group for label, group in counts[counts["step"] == step].groupby("label")}
    rows = [_row(str(label), n, stages, taken.get(str(label)), settings) for label, n in sizes.iterrows()]
    return Part(exhibits=[_exhibit(rows, stages, settings)])


def _row(label: str, n: pd.Series, stages: list[str], taken: pd.DataFrame | None, settings: Settings) -> Row:
    row: Row = {"label": label, **{stage: int(n[stage]) for stage in stages},
                **dict.fromkeys(("go_on", "go_on_low", "go_on_high", "median", "p90"))}  # fmt: skip
    if taken is None or (known := taken.dropna(subset=["hours"])).empty:
        return row
    days, outcome, weight = known["hours"] / 24, known["outcome"], known["n"]
    on = incidence(days, outcome, weights=weight)
    at = on.at(min(settings.funnel.horizon_days, on.last))
    stay = kaplan_meier(days, outcome > 0, weights=weight)
    return {**row, "go_on": at.value, "go_on_low": at.low, "go_on_high": at.high, "median": stay.quantile(0.5),
            "p90": stay.quantile(0.9)}  # fmt: skip


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
