"""Where content is missing and money stands, and how far Marketing's effort lies from where Sales plans to sell."""

from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from alignlib import words
from alignlib.diagnostics.content.parts import (
    ASSETS,
    CONVERSATIONS,
    TAG_WANTED,
    USABLE,
    Part,
    missing,
    records,
    share_finding,
)
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, columns
from alignlib.stats import total_variation

GAPS_SHOWN = 40
Row = dict[str, Any]

# An asset that names no segment (or persona) serves every one; persona NULL asks for any persona.
_CELLS = f"""{ASSETS}{USABLE}
select segment, conversation, persona, count(distinct asset_id)::integer as n
from (select unnest($segments::varchar[]) as segment) cross join (select unnest($talks::varchar[]) as conversation)
cross join (select unnest($personas::varchar[]) as persona)
left join (select asset_id, conversation as talk, personas, segments from usable) as u
  on talk = conversation and (len(segments) = 0 or list_contains(segments, segment))
  and (persona is null or len(personas) = 0 or list_contains(personas, persona))
group by segment, conversation, persona"""
_IN_SEGMENT = "outcome = 'open' and amount > 0 and segment is not null"
_PLACED = f"{_IN_SEGMENT} and conversation is not null"


def cells(tables: Tables, settings: Settings) -> list[Row]:
    """How many usable assets serve each segment and conversation, and how much open pipeline stands there?

    Usable: not past its expiry, not stale, tagged with the conversation; one that names no segment serves every one.
    Segments are those of the plan and of open opportunities, else those of the assets. ``amount`` (minor units) and
    ``deals`` are None when no open opportunity names a conversation. Widest pipeline first.
    """
    money = {(r["segment"], r["conversation"]): r for r in _pipeline(tables, "segment, conversation")}
    found = _counted(tables, settings, [None])
    standing: dict[str, int] = defaultdict(int)
    for row in found:
        here = money.get((row["segment"], row["conversation"]), {"amount": 0, "deals": 0})
        row |= {name: here[name] if money else None for name in ("amount", "deals")}
        standing[row["segment"]] += row["amount"] or 0
    return sorted(found, key=lambda r: (-standing[r["segment"]], r["segment"], r["conversation"]))


def coverage(tables: Tables, settings: Settings) -> Part:
    """Which share of open pipeline stands in a segment and conversation for which no usable asset exists?

    Counted over open opportunities that name segment, conversation and amount; the rest are said and left out.
    Not judged when no asset names a conversation or no such opportunity exists. Standing money is not lost money.
    """
    tagged = records(tables, f"{ASSETS} select count(*)::integer as n from assets_now where len(conversations) > 0",
                     {"as_of": settings.as_of})[0]["n"]  # fmt: skip
    what = "How much open pipeline stands where no usable asset exists"
    if not tagged:
        return missing(what, "no asset names a conversation", TAG_WANTED)
    grid, part = cells(tables, settings), Part(caveats=_asset_caveats(tables, settings))
    empty = [row for row in grid if not row["n"]]
    says = f"{words.of(len(empty), len(grid))} cells of segment and conversation hold no usable asset"
    if grid[0]["amount"] is None:
        part.not_judged += missing(what, "no open opportunity names its segment and conversation", _DEALS).not_judged
    else:
        total, standing = sum(r["amount"] for r in grid), sum(r["amount"] for r in empty)
        n, k = sum(r["deals"] for r in grid), sum(r["deals"] for r in empty)
        says = f"{words.money(standing, settings.currency)} of {words.money(total, settings.currency)} open pipeline "
        says += "stands where no usable asset exists"
        if not standing:
            says = f"All {words.money(total, settings.currency)} of open pipeline stands where a usable asset exists"
        part.findings.append(
            share_finding(
                "content.empty_pipeline", "empty_pipeline", settings, says, n=n, value=standing / total, play="P12",
                counted=f"{words.of(k, n)} open deals", good="" if standing else says,
            )
        )  # fmt: skip
    part.exhibits += [_grid_exhibit(grid, says, tables, settings), *_personas(tables, settings)]
    return part


def focus(tables: Tables, settings: Settings) -> Part:
    """Which share of Marketing's effort lies away from where Sales plans to sell, over segments?

    Half the sum of absolute differences between the two sets of shares (total variation), counted, no interval.
    A segment that lacks either figure is left out and named. Not judged without both figures in at least two segments.
    """
    rows = records(tables, "select segment, planned_revenue, effort from plan", {}) if tables.has("plan") else []
    known = [r for r in rows if r["planned_revenue"] is not None and r["effort"] is not None]
    planned, effort = (sum(r[name] for r in known) for name in ("planned_revenue", "effort"))
    if len(known) < 2 or not planned or not effort:
        why = "the plan does not give planned revenue and effort for at least two segments"
        return missing(_FOCUS, why, "planned revenue and Marketing’s spend by segment", theme="focus")
    shown: list[Row] = [
        {"label": r["segment"], "sales": r["planned_revenue"] / planned, "marketing": r["effort"] / effort, "note": ""}
        for r in known
    ]
    for row in shown:
        row["gap"] = row["marketing"] - row["sales"]
    shown.sort(key=lambda r: (r["gap"], r["label"]))
    if shown[0]["gap"] < 0:
        shown[0]["note"] = "widest: Sales plans here, Marketing " + (
            "spends less" if shown[0]["marketing"] else "is not"
        )
        shown[-1]["note"] = "widest: Marketing is here, Sales plans " + ("less" if shown[-1]["sales"] else "nothing")
    apart = total_variation([r["planned_revenue"] for r in known], [r["effort"] for r in known])
    says = f"{words.share(apart)} of Marketing’s effort lies away from where Sales plans to sell"
    finding = share_finding(
        "content.focus", "focus_mismatch", settings, says, n=len(known), value=apart, play="P12",
        counted=f"over {words.spelled(len(known))} segments", theme="focus", beyond="watch",
        good=f"Marketing’s effort follows Sales’ plan to within {words.share(apart)}",
    )  # fmt: skip
    left_out = [r["segment"] for r in rows if r not in known]
    caveat = f"Effort and plan leave out {words.listed(left_out)}, where one of the two figures is missing."
    return Part([finding], [_focus_exhibit(shown, says)], [caveat] if left_out else [])


def _segments(tables: Tables, settings: Settings) -> list[str]:
    asked = [f"select segment from {table} where {rule}" for table, rule in
             (("plan", "true"), ("opportunities", "outcome = 'open' and segment is not null"))
             if tables.has(table)]  # fmt: skip
    named = [r["segment"] for r in records(tables, " union ".join(asked) + " order by segment", {})] if asked else []
    return named or _named(tables, settings, "segments")


def _named(tables: Tables, settings: Settings, labels: str) -> list[str]:
    sql = f"{ASSETS} select distinct unnest({labels}) as label from assets_now order by label"
    return [row["label"] for row in records(tables, sql, {"as_of": settings.as_of})]


def _counted(tables: Tables, settings: Settings, personas: Sequence[str | None]) -> list[Row]:
    segments = _segments(tables, settings) or ["all segments"]
    asked = {"segments": segments, "talks": list(CONVERSATIONS), "personas": list(personas)}
    return records(tables, _CELLS, asked | {"as_of": settings.as_of, "stale": settings.content.stale_days})


def _pipeline(tables: Tables, by: str, rule: str = _PLACED) -> list[Row]:
    """How much open pipeline stands in each group? ``by`` and ``rule`` are our own SQL, never a client's text."""
    if not tables.has("opportunities"):
        return []
    asked = f"select {by}, count(*)::integer as deals, sum(amount)::bigint as amount from opportunities where {rule}"
    return records(tables, f"{asked} group by {by}", {})


def _personas(tables: Tables, settings: Settings) -> list[Exhibit]:
    """Which cells of conversation, persona and segment hold no usable asset, those with most pipeline first?"""
    wanted = {row["persona"] for row in _pipeline(tables, "persona") if row["persona"]}
    names = sorted(wanted | set(_named(tables, settings, "personas")))
    if not names:
        return []
    found = _counted(tables, settings, names)
    money = {(r["segment"], r["conversation"], r["persona"]): r["amount"]
             for r in _pipeline(tables, "segment, conversation, persona") if wanted}  # fmt: skip
    for row in found:
        row["amount"] = money.get((row["segment"], row["conversation"], row["persona"]), 0) if wanted else None
        row["note"] = "" if row["n"] else "no usable asset"
        row["label"] = f"{row['conversation']} · {row['persona']} · {row['segment']}"
    found.sort(key=lambda r: (r["n"] > 0, -(r["amount"] or 0), r["n"], r["label"]))
    empty = sum(1 for row in found if not row["n"])
    names_shown = ("label", "conversation", "persona", "segment", "n", "amount", "note")
    return [
        Exhibit(
            key="content.personas",
            title=f"{words.of(empty, len(found))} cells of conversation, persona and segment hold no usable asset",
            shape="table",
            columns=columns(label=("Cell", "text"), conversation=("Conversation", "text"),
                            persona=("Persona", "text"), segment=("Segment", "text"),
                            n=("Usable assets", "count"), amount=("Open pipeline", "money"),
                            note=("Note", "text")),
            rows=[{name: row[name] for name in names_shown} for row in found[:GAPS_SHOWN]],
            read=f"{min(GAPS_SHOWN, len(found))} of {words.count(len(found), 'cell')}: empty ones first, most open "
            "pipeline first. An asset that names no persona or no segment serves every one. Counted.",
            alt=f"Table of {min(GAPS_SHOWN, len(found))} cells by conversation, persona and segment.",
            source="Content library" + (" and open opportunities" if wanted else ""),
            play="P12",
        )
    ]  # fmt: skip


def _grid_exhibit(grid: list[Row], says: str, tables: Tables, settings: Settings) -> Exhibit:
    priced = grid[0]["amount"] is not None
    notes = {} if priced else {
        r["segment"]: f"{words.money(r['amount'], settings.currency)} open in the segment, no conversation named"
        for r in _pipeline(tables, "segment", _IN_SEGMENT)
    }  # fmt: skip
    rows = [
        {"label": r["segment"], "column": r["conversation"], "n": r["n"], "amount": r["amount"],
         "note": notes.get(r["segment"], "")}
        for r in grid
    ]  # fmt: skip
    worst = max((r for r in grid if not r["n"]), key=lambda r: r["amount"] or 0, default=None)
    lead = ""
    if worst and worst["amount"]:
        lead = f"Most stands in {worst['segment']}, {worst['conversation']}: "
        lead += f"{words.money(worst['amount'], settings.currency)} and no usable asset."
    return Exhibit(
        key="content.coverage",
        title=says,
        lead=lead,
        shape="grid",
        columns=columns(label=("Segment", "text"), column=("Conversation", "text"), n=("Usable assets", "count"),
                        amount=("Open pipeline", "money"), note=("Note", "text")),
        rows=rows,
        read="Usable assets by segment and conversation; where there is none, the open pipeline in it. Usable: "
        f"not expired, made or reviewed within {words.value(settings.content.stale_days, 'days')}, tagged with the "
        "conversation. An asset that names no segment serves every one. Counted.",
        says_not=f"Money standing in a cell is not money lost. {_unplaced(tables, settings)}".strip(),
        alt=f"Grid of segments by conversations C1 to C5: {says}.",
        source="Content library" + (" and open opportunities" if priced else ""),
        play="P12",
    )  # fmt: skip


def _focus_exhibit(rows: list[Row], says: str) -> Exhibit:
    widest = [rows[0], rows[-1]] if rows[0]["gap"] < 0 else []
    lead = " ".join(
        f"{r['label']}: {words.share(r['sales'])} of the plan, {words.share(r['marketing'])} of the effort."
        for r in widest
    )
    return Exhibit(
        key="content.focus",
        title=says,
        lead=lead,
        shape="paired",
        columns=columns(label=("Segment", "text"), sales=("Sales’ plan", "share"),
                        marketing=("Marketing’s effort", "share"), gap=("Effort less plan", "share"),
                        note=("Note", "text")),
        rows=rows,
        read="Each segment’s share of planned revenue and of Marketing’s effort. The headline figure is the share of "
        "effort that would have to move for the two to match. Counted.",
        says_not="That the plan is right, or that effort should follow it everywhere.",
        alt="Paired shares by segment: " + "; ".join(
            f"{r['label']} plan {words.share(r['sales'])}, effort {words.share(r['marketing'])}" for r in rows) + ".",
        source="Plan",
        play="P12",
    )  # fmt: skip


def _unplaced(tables: Tables, settings: Settings) -> str:
    left = _pipeline(tables, "outcome", f"outcome = 'open' and not coalesce({_PLACED}, false)")
    if not left:
        return ""
    sum_of = f" ({words.money(left[0]['amount'], settings.currency)})" if left[0]["amount"] else ""
    deals = words.count(left[0]["deals"], "open deal")
    return f"{deals}{sum_of} without a segment, a conversation or an amount: placed in no cell."


def _asset_caveats(tables: Tables, settings: Settings) -> list[str]:
    """Which assets does the grid not place, or place without knowing their age?"""
    sql = f"""{ASSETS} select (count(*) filter (len(conversations) = 0))::integer as untagged,
      (count(*) filter (len(conversations) > 0 and dated_on is null))::integer as undated from assets_now"""
    row = records(tables, sql, {"as_of": settings.as_of})[0]
    strange = sorted(set(_named(tables, settings, "segments")) - set(_segments(tables, settings)))
    said = []
    if row["untagged"]:
        said.append(f"{words.count(row['untagged'], 'asset')} without a conversation: in no cell of the coverage grid.")
    if row["undated"]:
        said.append(f"{words.count(row['undated'], 'asset')} without a date: taken as usable in the coverage grid.")
    if strange:
        said.append(
            "Assets name segments that are neither in the plan nor in open pipeline: "
            f"{words.listed(strange[:5])}{' and more' if len(strange) > 5 else ''}."
        )
    return said


_FOCUS = "Whether Marketing’s effort goes where Sales plans to sell"
_DEALS = "for each open opportunity its segment, its amount and the conversation (C1 to C5) it stands in"
