"""Which spells did each lead live through, and which stages did it pass in each?

A spell is one journey of one lead: it starts with the first stage recorded and ends with an exit (recycled,
disqualified, lost); a stage entered after an exit starts the next spell, and so does an inquiry or MQL right after a
win that came after an MQL (a win dated before the first MQL is a fault of its date). Events are put in one
total order (time, stage; where columns are read off, file and record too), because time alone leaves ties that answer
differently from run to run.
"""

from typing import Any

import numpy as np
import pandas as pd

from alignlib.engagement import EXITS, STAGES, Settings
from alignlib.intake.tables import Tables

START = "mql"
BEGIN, WON = STAGES.index(START), STAGES.index("won")  # ranks: a journey begins up to here; it is won here
FORWARD = len(STAGES)  # ranks below are stages on the way, ranks from here on are exits
_RANK = "case stage " + " ".join(f"when '{stage}' then {i}" for i, stage in enumerate((*STAGES, *EXITS))) + " end"
_FIRST = ", ".join(f"min(k) filter (k & 15 = {i}) >> 4 as {stage}_us" for i, stage in enumerate(STAGES))
_AT = ", ".join(f"make_timestamp({stage}_us) as {stage}_at" for stage in STAGES)
_NAMES = " ".join(f"when {i} then '{stage}'" for i, stage in enumerate((*STAGES, *EXITS)))
# Which spells events make, one row each: this is the definition. One whole number ``k`` orders all events: microseconds
# since 1970 times 16, plus the rank of the stage entered.
SPELLS = f"""
with marked as (
  select *, lag(k) over journey as before, min(k) filter (k & 15 = {BEGIN}) over journey as begun
  from (select *, epoch_us(entered_at) * 16 + {_RANK} as k from stage_events)
  window journey as (partition by lead_id order by k)
), numbered as (
  select *, count(*) filter (before & 15 >= {FORWARD} and k & 15 < {FORWARD}
      or before & 15 = {WON} and k & 15 <= {BEGIN} and begun < before)
    over (partition by lead_id order by k rows unbounded preceding) as spell
  from marked
), grouped as (
  select lead_id, spell, {_FIRST}, min(k) >> 4 as started_us, max(k) as last,
    arg_max(owner_id, (k, file, record)) as event_owner, max(owner_id) filter (stage = 'mql') as mql_owner,
    arg_max(reason, (k, file, record)) as reason,
    any_value(file) filter (stage = 'won') as won_file, min(record) filter (stage = 'won') as won_record
  from numbered group by lead_id, spell
), spells as (
  select *, lead(started_us) over (partition by lead_id order by spell) as next_us from grouped
)
select s.lead_id, s.spell, {_AT}, make_timestamp(last >> 4) as last_event_at,
  case last & 15 {_NAMES} end as last_stage, s.mql_owner, s.reason, s.won_file, s.won_record,
  l.source, l.segment, l.persona, l.grade, l.score, coalesce(s.event_owner, l.owner_id) as owner,
  make_timestamp(next_us) as next_spell_at, l.created_at
from spells s left join leads l using (lead_id)
order by s.lead_id, s.spell
"""
NEVER = np.iinfo(np.int64).max >> 4  # microseconds since 1970: later than any date
NOT_YET = np.datetime64("NaT", "us")


def read_spells(tables: Tables) -> pd.DataFrame:
    """What is each spell: when did it enter each stage, how did it end, who held it last?"""
    spells = tables.query(SPELLS)
    spells["exit"] = spells["last_stage"].where(spells["last_stage"].isin(EXITS))
    spells["was_won"] = spells["won_at"].notna() & spells["exit"].notna()
    spells["won_at"] = spells["won_at"].mask(spells["was_won"])  # a deal won and then lost is lost
    return spells


def end_of(settings: Settings) -> pd.Timestamp:
    """Until when does the audit see: the end of the as-of day?"""
    return pd.Timestamp(settings.as_of) + pd.Timedelta(days=1)


def days_between(start: Any, stop: Any) -> np.ndarray:
    """How many days lie between two columns of times (or a moment), as fractions; NaN where one is missing?"""
    ends: list[Any] = [at.to_datetime64() if isinstance(at, pd.Timestamp) else np.asarray(at) for at in (start, stop)]
    return np.asarray((ends[1] - ends[0]) / np.timedelta64(1, "D"))


def stages_in(spells: pd.DataFrame) -> list[str]:
    """Which forward stages from MQL on are recorded at all, in order?"""
    return [s for s in STAGES[STAGES.index(START) :] if spells[f"{s}_at"].notna().any()]


def first_of(*times: np.ndarray) -> np.ndarray:
    """Which of these moments came first in each row, missing ones aside?"""
    return np.asarray(np.fmin.reduce(times))


def same_lead(leads: pd.Series, others: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """Which rows of two columns of lead ids name one lead? Every pair, as places in each, in the order of the first."""
    mine, theirs = np.split(pd.factorize(pd.concat([leads, others]))[0], [len(leads)])
    order = np.argsort(theirs, kind="stable")
    begin, end = (np.searchsorted(theirs[order], mine, side) for side in ("left", "right"))
    n = end - begin
    row = np.repeat(np.arange(len(leads)), n)
    return row, order[np.arange(len(row)) + np.repeat(begin - (np.cumsum(n) - n), n)]
