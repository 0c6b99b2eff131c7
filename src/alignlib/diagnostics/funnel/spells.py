"""Which spells did each lead live through, and which stages did it pass in each?

A spell is one journey of one lead: it starts with the first stage recorded and ends with an exit (recycled,
disqualified, lost); a stage entered after an exit starts the next spell. Events are put in one total order (time,
stage, file, record), because time alone leaves ties that answer differently from run to run.
"""

from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import pandas as pd

from alignlib.engagement import EXITS, STAGES, Settings
from alignlib.intake.tables import Tables

START = "mql"
_RANK = "case e.stage " + " ".join(f"when '{s}' then {i}" for i, s in enumerate((*STAGES, *EXITS))) + " end"
_FIRST = ", ".join(f"min(entered_at) filter (stage = '{stage}') as {stage}_at" for stage in STAGES)
_EXITS = "(" + ", ".join(f"'{exit}'" for exit in EXITS) + ")"

_SPELLS = f"""
with ordered as (
  select e.*, {_RANK} as rank, lag(e.stage) over journey as before
  from stage_events e
  window journey as (partition by e.lead_id order by e.entered_at, {_RANK}, e.file, e.record)
), numbered as (
  select *, sum(case when before in {_EXITS} and stage not in {_EXITS} then 1 else 0 end)
    over (partition by lead_id order by entered_at, rank, file, record rows unbounded preceding) as spell
  from ordered
), spells as (
  select lead_id, spell, {_FIRST}, min(entered_at) as started_at, max(entered_at) as last_event_at,
    arg_max(stage, (entered_at, rank, file, record)) as last_stage,
    arg_max(owner_id, (entered_at, rank, file, record)) as event_owner,
    max(owner_id) filter (stage = 'mql') as mql_owner,
    any_value(file) filter (stage = 'won') as won_file, min(record) filter (stage = 'won') as won_record
  from numbered group by lead_id, spell
)
select s.*, l.source, l.segment, l.grade, coalesce(s.event_owner, l.owner_id) as owner,
  lead(s.started_at) over (partition by s.lead_id order by s.spell) as next_spell_at
from spells s left join leads l using (lead_id)
order by s.lead_id, s.spell
"""
_NO_LEADS = "(select null::varchar lead_id, null::varchar source, null::varchar segment, null::varchar grade, "
_NO_LEADS += "null::varchar owner_id where false) l"


@dataclass(frozen=True)
class Step:
    """How did spells that reached one stage go on to the next? Days run from entering the stage; open ones to as-of.

    ``outcome`` is 0 still open, 1 went on, 2 left by an exit. ``members`` selects the spells that reached the stage.
    """

    stage: str
    next: str
    members: np.ndarray
    days: np.ndarray
    outcome: np.ndarray


def spells_sql(tables: Tables) -> str:
    """Which query gives one row a spell, whether or not leads were delivered?"""
    return _SPELLS if tables.has("leads") else _SPELLS.replace("leads l", _NO_LEADS)


def read_spells(tables: Tables) -> pd.DataFrame:
    """What is each spell: when did it enter each stage, how did it end, who held it last?"""
    spells = tables.query(spells_sql(tables))
    spells["exit"] = spells["last_stage"].where(spells["last_stage"].isin(EXITS))
    spells["was_won"] = spells["won_at"].notna() & spells["exit"].notna()
    spells["won_at"] = spells["won_at"].mask(spells["was_won"])  # a deal won and then lost is lost
    return spells


def end_of(settings: Settings) -> pd.Timestamp:
    """Until when does the audit see: the end of the as-of day?"""
    return pd.Timestamp(settings.as_of) + pd.Timedelta(days=1)


def days_between(start: Any, stop: Any) -> np.ndarray:
    """How many days lie between two columns of times, as fractions; NaN where one is missing?"""
    return np.asarray((stop - start) / pd.Timedelta(days=1), dtype=float)


def stages_in(spells: pd.DataFrame) -> list[str]:
    """Which forward stages from MQL on are recorded at all, in order?"""
    return [s for s in STAGES[STAGES.index(START) :] if spells[f"{s}_at"].notna().any()]


def reached(spells: pd.DataFrame, stages: list[str], path: str) -> pd.DataFrame:
    """When did each spell pass each stage under this path rule (NaT: it did not)?

    ``any``: the stage itself is recorded. ``strict``: so is every stage before it, in order of time.
    ``backfilled``: the stage or a later one is recorded; a skipped stage counts as passed when the later was entered.
    """
    at = spells[[f"{stage}_at" for stage in stages]].set_axis(stages, axis=1).copy()
    if path == "strict":
        for before, stage in pairwise(stages):
            at[stage] = at[stage].where(at[before].notna() & (at[stage] >= at[before]))
    if path == "backfilled":
        for stage, after in reversed(list(pairwise(stages))):
            at[stage] = at[stage].fillna(at[after])
    return at


def steps(spells: pd.DataFrame, settings: Settings, path: str) -> list[Step]:
    """How did spells go on from each recorded stage to the next? Under ``any`` a later stage counts as going on."""
    stages = stages_in(spells)
    at = reached(spells, stages, path)
    return [step(spells, at, here, stages[i + 1 :], settings, path) for i, here in enumerate(stages[:-1])]


def step(spells: pd.DataFrame, at: pd.DataFrame, here: str, later: list[str], settings: Settings, path: str) -> Step:
    """How did spells that reached ``here`` go on to the first of ``later``?

    A next stage dated before this one gives a negative duration: it stays counted as gone on, and its days are NaN, so
    that durations leave it out.
    """
    members = at[here].notna().to_numpy()
    went = at.loc[members, later].min(axis=1) if path == "any" else at.loc[members, later[0]]
    start, exits = at.loc[members, here], spells.loc[members, "exit"].notna() & went.isna()
    stop = went.where(went.notna(), spells.loc[members, "last_event_at"].where(exits, end_of(settings)))
    days = days_between(start, stop)
    outcome = np.where(went.notna(), 1, np.where(exits, 2, 0))
    return Step(here, later[0], members, np.where(days < 0, np.nan, days), outcome)
