"""Which spells are there, as whole numbers, a part of the leads at a time? For as many events as a file holds.

Leads become numbers in one join, then events stream by. A lead that never came back after an exit has one spell, whose
first entries are minima in whatever order events come; only leads that came back go through ``spells.numbered_sql``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.spells import BEGIN, FORWARD, KEY, NEVER, START, WON, numbered_sql
from alignlib.engagement import STAGES
from alignlib.intake.tables import Tables

PERIODS = {"month": 1, "quarter": 3}  # in months
YEAR_ZERO = 1970 * 12  # periods are numbered from there, so that none is negative
_NO_KEY, _BEFORE_ALL = np.iinfo(np.int64).max, np.iinfo(np.int64).min
_TOUCH = 15  # a touch's rank: it comes after the stages entered at the same time
_ROWS, _SLICE = 40_000_000, 1 << 18  # events in memory at a time, rows in a batch
_TIMES = ", ".join(f"coalesce({name}_us, {NEVER}) as {name}" for name in (*STAGES, "touch"))
_TOUCHED = """, touched as (
  select s.lead_id, s.spell, min(t.us) as touch_us from spells s join {touches} t on t.lead_id = s.lead_id
    and t.us >= s.mql_us and (s.next_us is null or t.us < s.next_us) group by s.lead_id, s.spell
)"""
_NUMBERED = """with groups as (select unnest($names) as name, unnest(range(len($names)))::int as code),
people as ({people})
select coalesce(who, -1) as who, k, coalesce(code, -1) as code, case when who is null then lead_id end as unknown
from ({rows}) left join people using (lead_id)"""
_NOBODY = "select null::varchar as lead_id, 0 as who, 0 as code where false"


@dataclass(frozen=True)
class Batch:
    """Which spells, as arrays? ``at``: first entry of each recorded stage in microseconds, or NEVER; ``last``: key of
    the last event; ``label``: number of the group, -1 where missing; ``touch``: first touch in the spell, or NEVER.
    """

    at: dict[str, np.ndarray]
    last: np.ndarray
    label: np.ndarray
    touch: np.ndarray


def read_batches(tables: Tables, by: str, names: list[str]) -> Iterator[Batch]:
    """Which spells are there, a batch at a time, and to which of the groups ``names`` does each belong?

    Costs as little as counting allows: lead ids become whole numbers once (one join with the leads), then events stream
    by as numbers. A lead that enters no stage after an exit has one spell, whose first entries are minima in whatever
    order rows come; only leads that came back need their events in order, and go through ``numbered_sql``. Beyond
    tens of millions of events, leads are taken in parts. A win followed by an exit is none: that spell is lost.
    """
    found = tables.connection.execute("select distinct stage from stage_events").fetchall()
    stages = [stage for stage in STAGES[STAGES.index(START) :] if (stage,) in found]
    for batch in _by_owner(tables, stages, names) if by == "owner" else _by_lead(tables, stages, by, names):
        at, label = batch.at, batch.label
        if "won" in at:
            at = at | {"won": np.where(batch.last & 15 >= FORWARD, NEVER, at["won"])}
        if by in PERIODS and START in at:
            month = at[START].astype("M8[us]").astype("M8[M]").astype(np.int64)
            label = np.where(at[START] < NEVER, (month + YEAR_ZERO) // PERIODS[by], -1)
        yield replace(batch, at=at, label=label)


def _by_owner(tables: Tables, stages: list[str], names: list[str]) -> Iterator[Batch]:
    """Which spells are there, each with the number of who held it last? Dearer: owners are read event by event."""
    events = f"(select *, {KEY} as k from stage_events)"
    touches = "(select lead_id, epoch_us(touched_at) as us from sales_touches)" if tables.has("sales_touches") else ""
    held = ", arg_max(owner_id, (k, file, record)) as owner"
    found = _spells(tables, events, touches, held, ", lead_id, owner")
    owner = pd.Series(found["owner"], dtype=object)
    if tables.has("leads"):
        rest = tables.query("select lead_id, owner_id from leads").set_index("lead_id")["owner_id"]
        owner = owner.where(owner.notna(), pd.Series(found["lead_id"], dtype=object).map(rest))
    label = pd.Categorical(owner, categories=names).codes.astype(np.int64)
    yield Batch({stage: found[stage] for stage in stages}, found["last"], label, found["touch"])


def _spells(tables: Tables, events: str, touches: str, details: str, more: str) -> dict[str, np.ndarray]:
    """What are the spells of these events, by the one definition, as arrays?"""
    touched = _TOUCHED.format(touches=touches) if touches else ""
    joined = "left join touched using (lead_id, spell)" if touches else ", (select null::bigint as touch_us)"
    sql = f"{numbered_sql(events, details)}{touched} select {_TIMES}, last{more} from spells {joined}"
    found = tables.connection.execute(sql).fetchnumpy()
    return {name: column if column.dtype == object else np.ma.getdata(column) for name, column in found.items()}


def _by_lead(tables: Tables, stages: list[str], by: str, names: list[str]) -> Iterator[Batch]:
    """Which spells are there, where a lead has one group? Those of leads that came back first, then all others."""
    parts = 1 + _rows(tables, "stage_events") // _ROWS
    for part in range(parts):
        who, key, group = _numbered(tables, by, names, f"where hash(lead_id) % {parts} = {part}" if parts > 1 else "")
        last, back = _ends(who, key, len(group))
        if back.any():
            yield _came_back(tables, stages, who, key, back, group)
        first, touch = _first_entries(stages, who, key, len(group))
        for some in _slices(len(group)):
            here = some.start + np.flatnonzero((last[some] > _BEFORE_ALL) & ~back[some])
            at = {stage: first[i][here] >> 4 for i, stage in enumerate(stages)}
            yield Batch(at, last[here], group[here], touch[here])


def _ends(who: np.ndarray, key: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """What is each lead's last event, if any, and may it have begun again, after an exit or a win?"""
    latest, first_exit = np.full((2, n), _BEFORE_ALL), np.full(n, _NO_KEY)
    for some in _slices(len(who)):
        for is_exit in (False, True):
            rank = key[some] & 15
            here = np.flatnonzero((rank >= FORWARD) & (rank < _TOUCH) if is_exit else rank < FORWARD)
            lead, k = who[some][here], key[some][here]
            np.maximum.at(latest[int(is_exit)], lead, k)
            if is_exit:
                np.minimum.at(first_exit, lead, k)
    return latest.max(axis=0), (first_exit < latest[0]) | _began_after_a_win(who, key, n)


def _began_after_a_win(who: np.ndarray, key: np.ndarray, n: int) -> np.ndarray:
    """Which leads have an inquiry or MQL later than their first win? Few are won: the others are passed over."""
    first_won, begun = np.full(n, _NO_KEY), np.full(n, _BEFORE_ALL)
    for some in _slices(len(who)):
        here = some.start + np.flatnonzero(key[some] & 15 == WON)
        np.minimum.at(first_won, who[here], key[here])
    for some in _slices(len(who)) if (first_won < _NO_KEY).any() else ():
        here = some.start + np.flatnonzero((key[some] & 15 <= BEGIN) & (first_won[who[some]] < _NO_KEY))
        np.maximum.at(begun, who[here], key[here])
    return first_won < begun


def _first_entries(stages: list[str], who: np.ndarray, key: np.ndarray, n: int) -> tuple[np.ndarray, np.ndarray]:
    """When did each lead that never came back first enter each stage, and when was it first touched from MQL on?

    First entries are keys, a row for each stage; minima, in whatever order events come.
    """
    first, touch = np.full((len(stages), n), _NO_KEY), np.full(n, NEVER)
    row = np.array([stages.index(s) if s in stages else -1 for s in STAGES] + [-1] * (16 - len(STAGES)))
    for some in _slices(len(who)):
        place = row[key[some] & 15]
        here = np.flatnonzero(place >= 0)
        np.minimum.at(first.reshape(-1), place[here] * n + who[some][here], key[some][here])
    for some in _slices(len(who)) if START in stages else ():
        here = some.start + np.flatnonzero(key[some] & 15 == _TOUCH)
        here = here[key[here] >= first[stages.index(START)][who[here]]]
        np.minimum.at(touch, who[here], key[here] >> 4)
    return first, touch


def _came_back(
    tables: Tables, stages: list[str], who: np.ndarray, key: np.ndarray, back: np.ndarray, group: np.ndarray
) -> Batch:
    """Which spells have leads that entered a stage after an exit? Their events are put in order and split."""
    import pyarrow as pa

    theirs = np.concatenate([some.start + np.flatnonzero(back[who[some]]) for some in _slices(len(who))])
    tables.connection.register("came_back", pa.table({"lead_id": who[theirs], "k": key[theirs]}))
    events = f"(select * from came_back where k & 15 < {_TOUCH})"
    touches = f"(select lead_id, k >> 4 as us from came_back where k & 15 = {_TOUCH})"
    found = _spells(tables, events, touches, "", ", lead_id")
    tables.connection.unregister("came_back")
    return Batch({stage: found[stage] for stage in stages}, found["last"], group[found["lead_id"]], found["touch"])


def _numbered(tables: Tables, by: str, names: list[str], where: str) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Which lead, as a number, did what when (its key), touches included? And which number has each lead's group?

    ``where`` takes one part of the leads. Leads that are in no file of leads are numbered after the others.
    """
    import pyarrow as pa

    delivered, grouped = tables.has("leads"), tables.has("leads") and by not in ("", *PERIODS)
    people = "select lead_id, (row_number() over () - 1)::int as who, code from leads left join groups on "
    people += f"{by if grouped else 'null'} = name {where}"
    asked = f"select lead_id, {KEY} as k from stage_events {where}"
    if tables.has("sales_touches"):
        asked += f" union all select lead_id, epoch_us(touched_at) * 16 + {_TOUCH} from sales_touches {where}"
    sql = _NUMBERED.format(people=people if delivered else _NOBODY, rows=asked)
    most = sum(_rows(tables, name) for name in ("stage_events", "sales_touches"))
    who, key = np.empty(most, np.int32), np.empty(most, np.int64)  # memory is taken only as far as rows come
    group = np.full(_rows(tables, "leads", where), -1 if by else 0)
    filled, unknown = 0, []
    for batch in tables.connection.sql(sql, params={"names": names}).to_arrow_reader(_SLICE):
        some = slice(filled, filled := filled + len(batch))
        who[some], key[some], code = (column.to_numpy() for column in batch.columns[:3])
        unknown.append(batch.column("unknown").drop_null())
        if grouped:
            known = np.flatnonzero(who[some] >= 0)
            group[who[some][known]] = code[known]
    who, key, strangers = who[:filled], key[:filled], pa.chunked_array(unknown, pa.string()).dictionary_encode()
    if len(strangers):
        numbers = np.concatenate([chunk.indices.to_numpy() for chunk in strangers.chunks])
        who[who < 0] = len(group) + numbers
        group = np.concatenate([group, np.full(int(numbers.max()) + 1, -1 if by else 0)])
    return who, key, group


def _slices(n: int) -> list[slice]:
    return [slice(begin, min(begin + _SLICE, n)) for begin in range(0, n, _SLICE)]


def _rows(tables: Tables, name: str, where: str = "") -> int:
    return tables.connection.execute(f"select count(*) from {name} {where}").fetchall()[0][0] if tables.has(name) else 0
