"""Where content is missing and money stands, and how far Marketing's effort lies from where Sales plans to sell."""

from collections import defaultdict

from alignlib import words
from alignlib.diagnostics.content.parts import TAG_WANTED, judged, missing, records
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Measure, Part, Row, columns
from alignlib.stats import total_variation

GAPS_SHOWN = 40
LIBRARY, LIBRARY_AND_DEALS = "Content library", "Content library and open opportunities"
CONVERSATIONS = ["C1", "C2", "C3", "C4", "C5"]
_FOCUS = "Whether Marketing’s effort goes where Sales plans to sell"
_DEALS = "for each open opportunity its segment, its amount and the conversation (C1 to C5) it stands in"

# $stale: days after which an unreviewed asset is stale. An asset without any date is not known to be stale.
# An asset that names no segment (or persona) serves every one; persona NULL asks for any persona.
_CELLS = """, usable as (
  select asset_id, unnest(conversations) as talk, personas, segments from assets_now
  where (expires_on is null or expires_on >= $as_of) and (dated_on is null or $as_of - dated_on <= $stale)
)
select segment, conversation, persona, count(distinct asset_id)::integer as n
from (select unnest($segments::varchar[]) as segment) cross join (select unnest($talks::varchar[]) as conversation)
cross join (select unnest($personas::varchar[]) as persona)
left join usable on talk = conversation and (len(segments) = 0 or list_contains(segments, segment))
  and (persona is null or len(personas) = 0 or list_contains(personas, persona))
group by segment, conversation, persona"""
_STOCK = """select (count(*) filter (len(conversations) > 0))::integer as tagged,
  (count(*) filter (len(conversations) = 0))::integer as untagged,
  (count(*) filter (len(conversations) > 0 and dated_on is null))::integer as undated from assets_now"""
_IN_SEGMENT = "outcome = 'open' and amount > 0 and segment is not null"
_PLACED = f"{_IN_SEGMENT} and conversation is not null"


def cells(tables: Tables, settings: Settings) -> list[Row]:
    """How many usable assets serve each segment and conversation, and how much open pipeline stands there?

    Usable: not past its expiry, not stale, tagged with the conversation; one that names no segment serves every one.
    Segments are those of the plan and of open opportunities, else those of the assets. ``amount`` (minor units) and
    ``deals`` are None when no open opportunity names a conversation. Widest pipeline first.
    """
    found, standing = _counted(tables, settings, []), defaultdict[str, int](int)
    for row in found:
        standing[row["segment"]] += row["amount"] or 0
    return sorted(found, key=lambda r: (-standing[r["segment"]], r["segment"], r["conversation"]))


def coverage(tables: Tables, settings: Settings) -> Part:
    """Which share of open pipeline stands in a segment and conversation for which no usable asset exists?

    Counted over open opportunities that name segment, conversation and amount; the rest are said and left out.
    Not judged when no asset names a conversation or no such opportunity exists. Standing money is not lost money.
    """
    what = "How much open pipeline stands where no usable asset exists"
    stock = records(tables, _STOCK, as_of=settings.as_of)[0]
    if not stock["tagged"]:
        return missing(what, "no asset names a conversation", TAG_WANTED)
    grid, part = cells(tables, settings), Part(caveats=_asset_caveats(stock, tables, settings))
    empty = [row for row in grid if not row["n"]]
    says = f"{words.of(len(empty), len(grid))} cells of segment and conversation hold no usable asset"
    if grid[0]["amount"] is None:
        part.not_judged += missing(what, "no open opportunity names its segment and conversation", _DEALS).not_judged
    else:
        standing, total = (sum(r["amount"] for r in rows) for rows in (empty, grid))
        k, n = (sum(r["deals"] for r in rows) for rows in (empty, grid))
        stands, of_total = (words.money(amount, settings.currency) for amount in (standing, total))
        says = f"All {of_total} of open pipeline stands where a usable asset exists"
        if standing:
            says = f"{stands} of {of_total} open pipeline stands where no usable asset exists"
        measure, over = Measure(value=standing / total, unit="share", n=n), f"{words.of(k, n)} open deals"
        part.findings.append(judged("content.empty_pipeline", "empty_pipeline", settings, says, measure, over,
                                    good="" if standing else says))  # fmt: skip
    part.exhibits += [_grid_exhibit(grid, says, tables, settings), *_personas(tables, settings)]
    return part


def focus(tables: Tables, settings: Settings) -> Part:
    """Which share of Marketing's effort lies away from where Sales plans to sell, over segments?

    Half the sum of absolute differences between the two sets of shares (total variation), counted, no interval.
    A segment that lacks either figure is left out and named. Not judged without both figures in at least two segments.
    """
    rows = records(tables, "select segment, planned_revenue, effort from plan") if tables.has("plan") else []
    known = [r for r in rows if r["planned_revenue"] is not None and r["effort"] is not None]
    planned, effort = (sum(r[name] for r in known) for name in ("planned_revenue", "effort"))
    if len(known) < 2 or not planned or not effort:
        why = "the plan does not give planned revenue and effort for at least two segments"
        return missing(_FOCUS, why, "planned revenue and Marketing’s spend by segment", theme="focus")
    shown: list[Row] = []
    for r in known:
        sales, marketing = r["planned_revenue"] / planned, r["effort"] / effort
        shown.append({"label": r["segment"], "sales": sales, "marketing": marketing, "gap": marketing - sales,
                      "note": ""})  # fmt: skip
    shown.sort(key=lambda r: (r["gap"], r["label"]))
    if shown[0]["gap"] < 0:
        less = "spends less" if shown[0]["marketing"] else "is not"
        shown[0]["note"] = f"widest: Sales plans here, Marketing {less}"
        shown[-1]["note"] = "widest: Marketing is here, Sales plans " + ("less" if shown[-1]["sales"] else "nothing")
    apart = total_variation([r["planned_revenue"] for r in known], [r["effort"] for r in known])
    says = f"{words.share(apart)} of Marketing’s effort lies away from where Sales plans to sell"
    finding = judged(
        "content.focus", "focus_mismatch", settings, says, Measure(value=apart, unit="share", n=len(known)),
        f"over {words.spelled(len(known))} segments", theme="focus", beyond="watch",
        good=f"Marketing’s effort follows Sales’ plan to within {words.share(apart)}",
    )  # fmt: skip
    left_out = [r["segment"] for r in rows if r not in known]
    caveat = f"Effort and plan leave out {words.listed(left_out)}, where one of the two figures is missing."
    return Part([finding], [_focus_exhibit(shown, says)], [caveat] if left_out else [])


def _segments(tables: Tables, settings: Settings) -> list[str]:
    asked = [f"select segment from {table} where {rule}" for table, rule in
             (("plan", "true"), ("opportunities", "outcome = 'open' and segment is not null"))
             if tables.has(table)]  # fmt: skip
    named = [r["segment"] for r in records(tables, " union ".join(asked) + " order by segment")] if asked else []
    return named or _named(tables, settings, "segments")


def _named(tables: Tables, settings: Settings, labels: str) -> list[str]:
    sql = f"select distinct unnest({labels}) as label from assets_now order by label"
    return [row["label"] for row in records(tables, sql, as_of=settings.as_of)]


def _counted(tables: Tables, settings: Settings, personas: list[str]) -> list[Row]:
    """Each segment and conversation, and each persona if any are asked for: its usable assets and its open pipeline."""
    found = records(tables, _CELLS, segments=_segments(tables, settings) or ["all segments"], talks=CONVERSATIONS,
                    personas=personas or [None], as_of=settings.as_of, stale=settings.content.stale_days)  # fmt: skip
    by = ["segment", "conversation", *(["persona"] if personas else [])]
    named = f"{_PLACED} and persona is not null" if personas else _PLACED
    money = {tuple(r[name] for name in by): r for r in _pipeline(tables, ", ".join(by), named)}
    for row in found:
        here = money.get(tuple(row[name] for name in by), {"amount": 0, "deals": 0})
        row |= {name: here[name] if money else None for name in ("amount", "deals")}
    return found


def _pipeline(tables: Tables, by: str, rule: str) -> list[Row]:
    """How much open pipeline stands in each group? ``by`` and ``rule`` are our own SQL, never a client's text."""
    if not tables.has("opportunities"):
        return []
    asked = f"select {by}, count(*)::integer as deals, sum(amount)::bigint as amount from opportunities where {rule}"
    return records(tables, f"{asked} group by {by}")


def _personas(tables: Tables, settings: Settings) -> list[Exhibit]:
    """Which cells of conversation, persona and segment hold no usable asset, those with most pipeline first?"""
    wanted = {row["persona"] for row in _pipeline(tables, "persona", _PLACED) if row["persona"]}
    names = sorted(wanted | set(_named(tables, settings, "personas")))
    if not names:
        return []
    rows: list[Row] = [{"label": f"{r['conversation']} · {r['persona']} · {r['segment']}", "n": r["n"],
                        "amount": r["amount"], "note": "" if r["n"] else "no usable asset"}
                       for r in _counted(tables, settings, names)]  # fmt: skip
    rows.sort(key=lambda r: (r["n"] > 0, -(r["amount"] or 0), r["n"], r["label"]))
    empty, shown = sum(not row["n"] for row in rows), rows[:GAPS_SHOWN]
    return [Exhibit(
        key="content.personas", shape="table", rows=shown, source=LIBRARY_AND_DEALS if wanted else LIBRARY, play="P12",
        title=f"{words.of(empty, len(rows))} cells of conversation, persona and segment hold no usable asset",
        columns=columns(label=("Cell", "text"), n=("Usable assets", "count"), amount=("Open pipeline", "money"),
                        note=("Note", "text")),
        read=f"{len(shown)} of {words.count(len(rows), 'cell')}: empty ones first, most open pipeline first. "
        "An asset that names no persona or no segment serves every one. Counted.",
        alt=f"Table of {len(shown)} cells by conversation, persona and segment.",
    )]  # fmt: skip


def _grid_exhibit(grid: list[Row], says: str, tables: Tables, settings: Settings) -> Exhibit:
    priced = grid[0]["amount"] is not None
    notes = {} if priced else {
        r["segment"]: f"{words.money(r['amount'], settings.currency)} open in the segment, no conversation named"
        for r in _pipeline(tables, "segment", _IN_SEGMENT)
    }  # fmt: skip
    rows = [{"label": r["segment"], "column": r["conversation"], "n": r["n"], "amount": r["amount"],
             "note": notes.get(r["segment"], "")} for r in grid]  # fmt: skip
    worst = max((r for r in grid if not r["n"]), key=lambda r: r["amount"] or 0, default=None)
    lead = ""
    if worst and worst["amount"]:
        lead = f"Most stands in {worst['segment']}, {worst['conversation']}: "
        lead += f"{words.money(worst['amount'], settings.currency)} and no usable asset."
    return Exhibit(
        key="content.coverage", title=says, lead=lead, shape="grid", rows=rows, play="P12",
        limit=settings.thresholds.get("empty_pipeline"),
        source=LIBRARY_AND_DEALS if priced else LIBRARY,
        columns=columns(label=("Segment", "text"), column=("Conversation", "text"), n=("Usable assets", "count"),
                        amount=("Open pipeline", "money"), note=("Note", "text")),
        read="Usable assets by segment and conversation; where there is none, the open pipeline in it. Usable: "
        f"not expired, made or reviewed within {words.value(settings.content.stale_days, 'days')}, tagged with the "
        "conversation. An asset that names no segment serves every one. Counted.",
        says_not=f"Money standing in a cell is not money lost. {_unplaced(tables, settings)}".strip(),
        alt=f"Grid of segments by conversations C1 to C5: {says}.",
    )  # fmt: skip


def _focus_exhibit(rows: list[Row], says: str) -> Exhibit:
    widest = [rows[0], rows[-1]] if rows[0]["gap"] < 0 else []
    lead = " ".join(
        f"{r['label']}: {words.share(r['sales'])} of the plan, {words.share(r['marketing'])} of the effort."
        for r in widest
    )
    spoken = (f"{r['label']} plan {words.share(r['sales'])}, effort {words.share(r['marketing'])}" for r in rows)
    return Exhibit(
        key="content.focus", title=says, lead=lead, shape="paired", rows=rows, source="Plan", play="P12",
        columns=columns(label=("Segment", "text"), sales=("Sales’ plan", "share"),
                        marketing=("Marketing’s effort", "share"), gap=("Effort less plan", "share"),
                        note=("Note", "text")),
        read="Each segment’s share of planned revenue and of Marketing’s effort. The headline figure is the share of "
        "effort that would have to move for the two to match. Counted.",
        says_not="That the plan is right, or that effort should follow it everywhere.",
        alt=f"Paired shares by segment: {'; '.join(spoken)}.",
    )  # fmt: skip


def _unplaced(tables: Tables, settings: Settings) -> str:
    left = _pipeline(tables, "outcome", f"outcome = 'open' and not coalesce({_PLACED}, false)")
    if not left:
        return ""
    sum_of = f" ({words.money(left[0]['amount'], settings.currency)})" if left[0]["amount"] else ""
    deals = words.count(left[0]["deals"], "open deal")
    return f"{deals}{sum_of} without a segment, a conversation or an amount: placed in no cell."


def _asset_caveats(stock: Row, tables: Tables, settings: Settings) -> list[str]:
    """Which assets does the grid not place, or place without knowing their age?"""
    strange = sorted(set(_named(tables, settings, "segments")) - set(_segments(tables, settings)))
    said = []
    if stock["untagged"]:
        said.append(
            f"{words.count(stock['untagged'], 'asset')} without a conversation: in no cell of the coverage grid."
        )
    if stock["undated"]:
        said.append(f"{words.count(stock['undated'], 'asset')} without a date: taken as usable in the coverage grid.")
    if strange:
        named = f"{words.listed(strange[:5])}{' and more' if len(strange) > 5 else ''}"
        said.append(f"Assets name segments that are neither in the plan nor in open pipeline: {named}.")
    return said
