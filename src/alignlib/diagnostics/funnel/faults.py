"""Which faults do the records hold, how many of each, where, and what was done about them?

Three gaps in time are three words. *Missing*: not recorded, and never a zero. *Censored*: not over yet, counted for as
long as it was watched. *Truncated*: it began before recording did, so it is left out of rates and kept in counts.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date
from itertools import pairwise

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.cohorts import SURELY_SOME, tracked_since
from alignlib.diagnostics.funnel.spells import NEVER, end_of
from alignlib.diagnostics.funnel.steps import DAY, PATHS, Times, entered, step, times_of
from alignlib.engagement import EXITS, STAGES, Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, Row, columns
from alignlib.words import count, day, number, of

INPUTS = ("stage_events", "leads", "opportunities", "sales_touches", "campaign_touches")
BATCH = 10  # so many rows of one moment were loaded or changed together
CUT_AT = (2_000, 10_000, 50_000, 65_535, 65_536, 1_048_575)  # where systems and spreadsheets end an export
SILENT_DAYS = 30  # a stage nobody entered for less may only have been on holiday
MOST_CAVEATS, MOST_NAMED = 6, 10  # sentences; records that a sentence names (the table names three)


@dataclass(frozen=True)
class Check:
    """Which fault is looked for, among what, and what is done about it?

    ``holds`` and ``among`` are SQL over one of the ``_BASES``; without the columns it ``needs`` nothing can be looked
    for. It counts as found from the share ``least`` on. ``caveat``: what a reader must know, its figures in braces.
    """

    fault: str
    kind: str
    of: str
    done: str
    base: str = ""
    holds: str = ""
    among: str = "true"
    needs: str = ""
    caveat: str = ""
    least: float = 0


@dataclass(frozen=True)
class Seen:
    """How often was a fault seen, among how many (0: it could not be looked for), and where first?"""

    check: Check
    k: int
    n: int
    at: tuple[tuple[str, int], ...] = ()
    where: str = ""

    @property
    def occurs(self) -> bool:
        return self.k > 0 and self.k >= self.check.least * self.n

    def places(self, most: int = 3) -> str:
        """Where do the first of these records stand?"""
        files = dict.fromkeys(file for file, _ in self.at[:most])
        found = {file: ", ".join(str(record) for f, record in self.at[:most] if f == file) for file in files}
        more = f" and {number(self.k - most)} more" if most < self.k else ""
        return self.where or "; ".join(f"{file} record {records}" for file, records in found.items()) + more


def _is_day(at: str) -> str:
    return f"({at} = date_trunc('day', {at}))"


def _before(one: str, other: str) -> str:
    """Surely before: a stamp that knows only the day is a moment up to 36 hours away, whatever the zone."""
    return f"{one} + to_hours(case when {_is_day(one)} <> {_is_day(other)} then 36 else 0 end) < {other}"


_FIRST, _HALF = "kept; a stage counts when first entered", "kept in counts and rates, left out of durations"
_FLAGS = "Converted leads: {by_stage} by their stage, {by_flag} by the flag ({where}); no rate uses either."
_BOTH, _HISTORY = "leads.stage leads.is_converted", "stage_events.lead_id"
_MOVES, _AMONG_STAGES = "moves from stage to stage", "place < $forward and before < $forward"
_CLOSED, _ENDED, _ENDED_ON = "closed opportunities", "outcome <> 'open'", "outcome <> 'open' and closed_at is not null"
CHECKS = (
    Check("Back after an exit", "order", "stage events", "counted again, as a spell of its own", "moves",
          "place < $forward and before >= $forward",
          caveat="{leads} came back after an exit and count again as a spell of their own."),
    Check("Stage skipped", "order", _MOVES, "{path}", "moves", "place > before + 1", _AMONG_STAGES),
    Check("Back to an earlier stage without an exit", "order", _MOVES, _FIRST, "moves", "place < before",
          _AMONG_STAGES),
    Check("The same stage twice running", "duplicate", "stage events", _FIRST, "moves", "place = before"),
    Check("Two stages of a lead at one moment", "time", "stage events", "put in the order of the stages", "moves",
          "entered_at = before_at"),
    Check("Nobody held the lead then", "missing", "stage events from the handover on", "kept; the lead’s last known "
          "owner stands in", "moves", "owner_id is null", "stage <> 'inquiry'", "stage_events.owner_id"),
    Check("First recorded beyond the first stage", "truncated", "leads in the history", "left out of the steps before, "
          "kept in counts", "journeys", "first_place > 0", "first_place < $forward"),
    Check("Made an opportunity more than once", "duplicate", "leads made an opportunity", "counted once in each spell",
          "journeys", "n_made > 1", "n_made > 0"),
    Check("Entered a stage before it was created", "time", "leads in the history", "kept; nothing is counted from a "
          "lead’s creation", "known", _before("first_at", "created_at"), "first_at is not null", _HISTORY),
    Check("Listed, and in no stage at all", "missing", "leads", "in no figure by stage: what became of them is not "
          "known", "known", "last_stage is null", needs=_HISTORY),
    Check("Stage in the list is not the last one of the history", "conflict", "leads with both", "the history counts",
          "known", "stage <> last_stage", "stage is not null and last_stage is not null", f"leads.stage {_HISTORY}"),
    Check("Converted by the stage, not by the flag", "conflict", "leads converted by their stage", "no rate uses "
          "either", "known", "not is_converted", "stage in ('opportunity', 'won') and is_converted is not null", _BOTH,
          _FLAGS),
    Check("Converted by the flag, not by the stage", "conflict", "leads converted by the flag", "no rate uses either",
          "known", "stage in ('inquiry', 'mql', 'sal', 'sql')", "is_converted and stage is not null", _BOTH, _FLAGS),
    Check("Nobody holds the lead", "missing", "leads beyond an inquiry", "without an owner, unless the history names "
          "one", "known", "owner_id is null", "coalesce(last_stage, '') <> 'inquiry'", "leads.owner_id"),
    Check("Closed before it was opened", "time", f"{_CLOSED} with both dates", _HALF, "deals",
          _before("closed_at", "opened_at"), f"{_ENDED_ON} and opened_at is not null",
          "opportunities.closed_at opportunities.opened_at", "{of} closed opportunities were closed before they were "
          "opened ({where}): kept in counts and rates, left out of durations."),
    Check("Closed after the as-of day", "time", _CLOSED, "kept as closed", "deals", "closed_at >= $end", _ENDED_ON,
          "opportunities.closed_at"),
    Check("Closed, and no day of it", "missing", _CLOSED, "kept in counts and rates; how long it took is not known",
          "deals", "closed_at is null", _ENDED, "opportunities.closed_at"),
    Check("No day of opening", "missing", "opportunities", _HALF, "deals", "opened_at is null",
          needs="opportunities.opened_at"),
    Check("Won, without an amount", "missing", "won opportunities", "left out of sums, and no zero", "deals",
          "amount is null", "outcome = 'won'", "opportunities.amount"),
    Check("Won for nothing", "money", "won opportunities", "kept as zero", "deals", "amount = 0", "outcome = 'won'",
          "opportunities.amount"),
    Check("Amount below zero", "money", "opportunities", "kept as recorded", "deals", "amount < 0",
          needs="opportunities.amount"),
    Check("Nobody holds the opportunity", "missing", "opportunities", "counted together, as if one seller’s", "deals",
          "owner_id is null", needs="opportunities.owner_id"),
    Check("Of a lead that is not listed", "missing", "opportunities of a lead", "kept in the win rate; in no figure by "
          "lead", "deals", "not is_known", "lead_id is not null", "opportunities.lead_id leads.lead_id"),
    Check("Opportunity not over yet", "censored", "opportunities", "counted for as long as it was watched", "deals",
          "outcome = 'open'"),
    Check("Several opportunities of one lead", "duplicate", "leads with an opportunity", "each opportunity counts in "
          "the win rate, the lead once in the stages", "per_lead", "n > 1", needs="opportunities.lead_id"),
    Check("One opportunity of several leads", "duplicate", "opportunities of a lead", "each row counts", "per_deal",
          "n > 1", needs="opportunities.lead_id"),
)  # fmt: skip
STAMPED = tuple(
    (table, at, Check(f"{BATCH} {noun} or more at one moment", "time", noun, "kept; it is when rows were written",
     least=0.01, caveat=f"{{of}} {noun} share their moment with at least {BATCH - 1} others ({{where}}): such times "
     "say when rows were written, not when things happened."))
    for table, at, noun in (("stage_events", "entered_at", "stage events"),
                            ("sales_touches", "touched_at", "sales touches"))
)  # fmt: skip
EARLY = Check("Won before the handover", "time", "wins", "kept in counts, left out of durations",
              caveat="{wins} dated before the handover ({where}): kept in counts, left out of durations.")  # fmt: skip
UNDONE = Check("Won and later lost", "order", "spells ever won", "counted as lost",
               caveat="{leads} won and later lost ({where}): counted as lost.")  # fmt: skip
RUNNING = Check("Spell not over yet", "censored", "spells", "counted for as long as it was watched")
BEGAN = Check("Begun before the next stage was recorded", "truncated", "spells in a stage before another", "kept in "
              "counts; of rates left out where wins are concerned",
              caveat="Recorded only from some day on: {where}; what began before is kept in counts.")  # fmt: skip
RETIRED = Check("A stage that nobody enters any more", "missing", "stages", "kept; what came later is not known",
                caveat="{where}: it may no longer be recorded.")  # fmt: skip
COARSE = Check("Recorded by the day only", "time", "columns of times", "no promise below 48 hours is judged by them")
CUT = Check("Export perhaps cut off", "missing", "files", "kept; whether rows are missing is not known",
            caveat="{where}, where exports are often cut off: rows may be missing.")  # fmt: skip
AT_INTAKE = {
    code: Check(fault, kind, "rows read", "counted once" if kind == "duplicate" else "left out, counted as rejected")
    for code, fault, kind in (
        ("E-FUTURE", "Dated after the as-of day", "time"), ("E-DATE", "A date that is none", "time"),
        ("E-VALUE", "A needed value empty or not among those allowed", "missing"),
        ("E-NUM", "A number that is none", "money"), ("E-STAGE", "A stage label nobody explained", "conflict"),
        ("E-ORPHAN", "Row of a lead that is not listed", "missing"), ("E-TOTAL", "A total or a footer", "money"),
        ("identical duplicate", "The same row twice", "duplicate"),
    )
}  # fmt: skip
_TIMES = ("stage_events.entered_at", "leads.created_at", "opportunities.opened_at", "opportunities.closed_at",
          "sales_touches.touched_at", "campaign_touches.touched_at")  # fmt: skip
_FROM = "min(struct_pack(file := file, record := record)) as one from opportunities where lead_id is not null group by"
_BASES = {
    "moves": """
        select *, lag(place) over journey as before, lag(entered_at) over journey as before_at,
          lead(place) over journey is null as is_last
        from (select *, {place} as place from stage_events)
        window journey as (partition by lead_id order by entered_at, place, file, record)""",
    "journeys": """
        select lead_id, any_value(stage) filter (is_last) as last_stage, min(entered_at) as first_at,
          any_value(place) filter (before is null) as first_place,
          count(*) filter (stage = 'opportunity' and place is distinct from before) as n_made,
          any_value(file) filter (before is null) as file, any_value(record) filter (before is null) as record
        from moves group by lead_id""",
    "known": "select l.*, j.last_stage, j.first_at from leads l left join journeys j using (lead_id)",
    "deals": "select o.*, l.lead_id is not null as is_known from opportunities o left join leads l using (lead_id)",
    "per_lead": f"select n, one.file, one.record from (select count(*) as n, {_FROM} lead_id)",
    "per_deal": f"select n, one.file, one.record from (select count(distinct lead_id) as n, {_FROM} opportunity_id)",
}


def part(tables: Tables, settings: Settings, spells: pd.DataFrame) -> Part:
    """Which faults and gaps do the records hold, and what became of each?

    Reads every table of the funnel that was delivered, and what intake counted. One row a kind of fault, in counts of
    records. Says nothing of what no column shows.
    """
    if not any(tables.has(name) for name in INPUTS):
        return Part()
    filled = _filled(tables)
    seen = [*_of_spells(spells, settings), *_checked(tables, settings, filled), *_stamped(tables),
            *_of_files(tables, filled)]  # fmt: skip
    found = [one for one in seen if one.occurs]
    absent = [one.check.fault for one in seen if one.n and not one.occurs]
    unseen = [one.check.fault for one in seen if not one.n]
    rows: list[Row] = [_row(one, settings) for one in found]
    for label, faults in (("Not found", absent), ("Not recorded, so not looked for", unseen)):
        if faults:
            said = f"{label}: {'; '.join(fault[:1].lower() + fault[1:] for fault in faults)}."
            rows.append({**dict.fromkeys(("k", "n", "of", "share", "done", "where", "kind")), "fault": said})
    exhibit = Exhibit(
        key="funnel.faults", shape="table", rows=rows, is_detail=True, source="All files of the funnel",
        title=f"{of(len(found), len(found) + len(absent))} kinds of faults and gaps looked for occur in the records",
        columns=columns(
            fault=("Fault or gap", "text"), k=("How many", "count"), n=("Of", "count"), of=("Of what", "text"),
            share=("Share", "share"), done=("What was done", "text"), where=("Where first", "text"),
            kind=("Kind", "text"),
        ),
        read="Missing: not recorded, and never taken for a zero. Censored: not over yet, counted for as long as it was "
        "watched. Truncated: begun before it was recorded, left out of rates and kept in counts.",
        says_not="Whether a record is right. People entered twice, time zones mixed within a file and owners who have "
        "left cannot be told from these columns.",
        alt=f"Table of {count(len(found), 'kind')} of faults and gaps.",
    )  # fmt: skip
    return Part(exhibits=[exhibit], caveats=_caveats(seen)[:MOST_CAVEATS])


def _row(one: Seen, settings: Settings) -> Row:
    check, done = one.check, one.check.done.format(path=PATHS[settings.funnel.path])
    where = "" if check.kind == "censored" else one.places()  # not over yet is no fault of a record
    return {"fault": check.fault, "k": one.k, "n": one.n, "of": check.of, "share": one.k / one.n, "done": done,
            "where": where, "kind": check.kind}  # fmt: skip


def _caveats(seen: list[Seen]) -> list[str]:
    by_stage, by_flag = (sum(one.n for one in seen if one.check.fault.startswith(f"Converted by the {by}"))
                         for by in ("stage", "flag"))  # fmt: skip
    return [
        one.check.caveat.format(
            k=one.k, n=one.n, of=of(one.k, one.n), leads=count(one.k, "lead"), wins=count(one.k, "win"),
            where=one.places(MOST_NAMED), by_stage=by_stage, by_flag=by_flag,
        )
        for one in seen
        if one.occurs and one.check.caveat and not one.where.startswith("won since")  # said beside the rates of wins
    ]  # fmt: skip


def _filled(tables: Tables) -> set[str]:
    """Which of the columns that a check needs are filled in at least one row, as ``table.column``?"""
    wanted = sorted({*_TIMES, *(name for check in CHECKS for name in check.needs.split())})
    found: set[str] = set()
    for table in INPUTS:
        names = [name.split(".")[1] for name in wanted if name.startswith(f"{table}.")]
        counts = tables.rows(f"select {', '.join(f'count({name}) as {name}' for name in names)} from {table}")[0]
        found |= {f"{table}.{name}" for name, n in counts.items() if n}
    return found


def _checked(tables: Tables, settings: Settings, filled: set[str]) -> Iterator[Seen]:
    """What do the checks written in SQL see? One query: each check has two bits of a number.

    Rows are counted by that number, so each base is gone through once and no check costs an aggregate of its own.
    """
    there = {row["stage"] for row in tables.rows("select distinct stage from stage_events")}
    place = " ".join(f"when '{s}' then {i}" for i, s in enumerate(s for s in (*STAGES, *EXITS) if s in there))
    place = f"case stage {place} end" if there else "null::bigint"
    bits: dict[str, list[str]] = {check.base: ["0"] for check in CHECKS}
    for i, check in enumerate(CHECKS):
        bits[check.base] += [f"case when {check.among} then case when {check.holds} then {3 << 2 * i} "
                             f"else {1 << 2 * i} end else 0 end"]  # fmt: skip
    made = ", ".join(f"{name} as materialized ({sql.format(place=place)})" for name, sql in _BASES.items())
    asked = " union all ".join(
        f"select marks, count(*) as n, min(row(file, record), {MOST_NAMED}) as at from "
        f"(select ({' + '.join(each)})::bigint as marks, file, record from {base}) group by marks"
        for base, each in bits.items()
    )
    bound = {"forward": len(there & set(STAGES)), "end": end_of(settings).to_pydatetime()}
    found = tables.rows(f"with {made} {asked}", bound)
    for i, check in enumerate(CHECKS):
        known = found if filled >= set(check.needs.split()) else []
        among, holds = ([row for row in known if row["marks"] >> bit & 1] for bit in (2 * i, 2 * i + 1))
        k, n = (sum(row["n"] for row in rows) for rows in (holds, among))
        yield Seen(check, k, n, tuple(sorted(place for row in holds for place in row["at"])[:MOST_NAMED]))


def _stamped(tables: Tables) -> Iterator[Seen]:
    """How many rows carry the moment of many others, as after an import? Days without a time are left aside."""
    for table, moment, check in STAMPED:
        found = tables.rows(
            f"with each as (select {moment}, count(*) as n from {table} where not {_is_day(moment)} group by all), "
            f"batches as (from each where n >= {BATCH}) select (select coalesce(sum(n), 0) from each) as n, "
            "coalesce(sum(n), 0) as k, count(*) as batches, coalesce(max(n), 0) as largest, "
            f"coalesce(strftime(arg_max({moment}, (n, {moment})), '%Y-%m-%d'), '') as day from batches"
        )[0]
        where = f"{count(int(found['batches']), 'batch', 'batches')}, the largest of {number(found['largest'])} "
        where += f"rows on {day(date.fromisoformat(found['day']))}" if found["day"] else "rows"
        yield Seen(check, int(found["k"]), int(found["n"]), where=where)


def _of_files(tables: Tables, filled: set[str]) -> Iterator[Seen]:
    """Which files end where exports are cut off, which columns know only days, and what did intake leave out?"""
    counts = tables.records_of(*INPUTS)[1]
    reads = {each.file: each.read for each in counts}
    cut = [f"{file} holds exactly {count(n, 'row')}" for file, n in sorted(reads.items()) if n in CUT_AT]
    yield Seen(CUT, len(cut), len(reads), where="; ".join(cut))
    times = [name for name in _TIMES if name in filled]
    coarse = [name for name in times if name in tables.day_only]
    yield Seen(COARSE, len(coarse), len(times), where=", ".join(coarse))
    for reason, check in AT_INTAKE.items():
        k = {each.file: 0 for each in counts}
        for each in counts:
            k[each.file] += each.reasons.get(reason, 0)
        hit = sorted(file for file, n in k.items() if n)
        yield Seen(check, sum(k.values()), sum(each.read for each in counts), where=", ".join(hit))


def _of_spells(spells: pd.DataFrame, settings: Settings) -> Iterator[Seen]:
    """What do whole spells show: wins before the handover, wins undone, stages recorded for a part of the time?"""
    won = spells.loc[spells["won_file"].notna(), ["won_file", "won_record", "mql_at", "won_at", "was_won"]]
    for check, hit in ((EARLY, won["won_at"] < won["mql_at"]), (UNDONE, won["was_won"])):
        first = sorted(zip(won["won_file"][hit], won["won_record"][hit], strict=True))[:MOST_NAMED]
        yield Seen(check, int(hit.sum()), len(won), tuple(first))
    running = spells["won_at"].isna() & spells["exit"].isna()
    yield Seen(RUNNING, int(running.sum()), len(spells))
    at = {stage: times for stage, times in entered(spells, list(STAGES)).items() if (times < NEVER).any()}
    yield began(spells, at, settings)
    yield retired(spells, at)


def began(spells: pd.DataFrame, at: Times, settings: Settings) -> Seen:
    """Which stages were recorded only from some day on (left truncation)? As ``cohorts.tracked_since`` tells it."""
    k, n, said = 0, 0, []
    for here, later in pairwise(at):
        begun = at[here] < NEVER
        n += int(begun.sum())
        first = at[later][begun].min(initial=NEVER)
        is_suspect = first < NEVER and (at[here] < first).sum() > SURELY_SOME
        if not is_suspect and later not in settings.funnel.tracking_since:
            continue  # too few came before the first one to tell, which spares the work below
        start = spells.loc[begun, f"{here}_at"]
        since = tracked_since(step(spells, settings, at, here, [later], "strict"), start, settings)
        early = 0 if since is None else int((start < since).sum())
        k += early
        said += [f"{later} since {day(since)}"] if since is not None and early else []
    return Seen(BEGAN, k, n, where="; ".join(said))


def retired(spells: pd.DataFrame, at: Times) -> Seen:
    """Which stages ended while leads still came to the stage before?

    Nobody entered for ``SILENT_DAYS`` or more, while so many entered the stage before that, at the pace until then,
    none at all would have a chance below one in a thousand (Poisson). Entries still on their way make the pace look
    slower, so this rather keeps silent.
    """
    before = {later: here for here, later in pairwise(at)} | dict.fromkeys(EXITS, next(iter(at), ""))
    gone, exits = times_of(spells["last_event_at"]), spells["exit"].to_numpy(dtype=object)
    entered = at | {e: np.where(exits == e, gone, NEVER) for e in EXITS}
    judged = [stage for stage, here in before.items() if here and (entered[stage] < NEVER).any()]
    said = []
    for stage in judged:
        came, fed = entered[stage][entered[stage] < NEVER], at[before[stage]]
        last = came.max()
        expected = len(came) / max(int((fed <= last).sum()), 1) * int(((fed > last) & (fed < NEVER)).sum())
        if gone.max() - last >= SILENT_DAYS * DAY and expected > SURELY_SOME:
            since = day(pd.Timestamp(last, unit="us"))
            said.append(f"Nobody entered {stage} after {since}, while leads still came to {before[stage]}")
    return Seen(RETIRED, len(said), len(judged), where="; ".join(said))
