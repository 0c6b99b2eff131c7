"""Where is content missing while money stands there: by conversation and segment, by the buyer's role and pain?"""

from collections import defaultdict

from alignlib import words
from alignlib.diagnostics.content.deals import CONVERSATIONS, in_segment, open_deals, pipeline, placed, stands_open
from alignlib.diagnostics.content.parts import TAG_WANTED, at_most, missing, records
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Finding, Measure, Part, Row, Unit, columns

GAPS_SHOWN, FILLED = 40, 10
MOST = 40  # segments, personas or pains shown one by one
LIBRARY, LIBRARY_AND_DEALS = "Content library", "Content library and open opportunities"
KINDS = {  # which kinds of asset serve a conversation
    "C1": "account briefs, industry points of view", "C2": "role messages, call guides",
    "C3": "discovery guides, problem stories", "C4": "success plans, business-case outlines",
    "C5": "ROI models, case numbers, references",
}  # fmt: skip
_NOT_USABLE = "Stale, expired or not approved"
EMPTY, STALE = "empty", "none usable"
CELL, SEGMENT, PLAN, DEALS = (  # what a cell is worth, the first that is known
    "Open pipeline", "Open pipeline of the segment", "Planned revenue of the segment", "Open deals",
)  # fmt: skip
_WHAT = "How much open pipeline stands where no usable asset exists"
_DEALS = "for each open opportunity its segment, its amount and the conversation (C1 to C5) it stands in"
_BOUNDS = "bounds: as if none, or all, of the pipeline that could not be placed stood in a gap"
_THIN = "most assets name no conversation, and one of them may serve where none seems to"
_SUMMED = {  # of a segment: never added up over its conversations
    SEGMENT: "Money: the segment’s open pipeline, because no deal names its conversation; it is not the cell’s, "
    "and is not added up.",
    PLAN: "Money: the segment’s planned revenue, because no open deal carries an amount and a segment; "
    "it is not the cell’s, and is not added up.",
}

# $stale: days after which an unreviewed asset is stale. An asset without any date is not known to be stale.
# An asset that names no segment (or persona) serves every one; persona NULL asks for any persona.
_TAGGED = """, tagged as (
  select unnest(conversations) as talk, list_sort(personas) as personas, list_sort(segments) as segments, pains,
    (expires_on is null or expires_on >= $as_of) and (dated_on is null or $as_of - dated_on <= $stale)
      and is_approved is distinct from false as is_usable
  from assets_now
)"""
_CELLS = """, alike as (
  select talk, personas, segments, count(*) filter (is_usable) as n, count(*) filter (not is_usable) as n_stale
  from tagged group by talk, personas, segments
)
select segment, conversation, persona, coalesce(sum(n), 0)::integer as n, coalesce(sum(n_stale), 0)::integer as n_stale
from (select unnest($segments::varchar[]) as segment) cross join (select unnest($talks::varchar[]) as conversation)
cross join (select unnest($personas::varchar[]) as persona)
left join alike on talk = conversation and (len(segments) = 0 or list_contains(segments, segment))
  and (persona is null or len(personas) = 0 or list_contains(personas, persona))
group by segment, conversation, persona"""
_BY_PAIN = """, spoken as (select talk, is_usable, unnest(pains) as named from tagged)
select pain, conversation, (count(*) filter (is_usable))::integer as n,
  (count(*) filter (not is_usable))::integer as n_stale
from (select unnest($pains::varchar[]) as pain) cross join (select unnest($talks::varchar[]) as conversation)
left join spoken on talk = conversation and named = pain group by pain, conversation"""
_STOCK = """select (count(*) filter (is_tagged))::integer as tagged,
  (count(*) filter (not is_tagged))::integer as untagged,
  (count(*) filter (is_tagged and dated_on is null))::integer as undated
from (select dated_on, list_has_any(conversations, $talks::varchar[]) as is_tagged from assets_now)"""


def cells(tables: Tables, settings: Settings) -> list[Row]:
    """How many usable assets serve each segment and conversation, and how much open pipeline stands there?

    Usable: not past its expiry, not stale, not marked as unapproved, tagged with the conversation; one that names no
    segment serves every one. ``n_stale`` counts those that exist and are not usable; ``gap`` is "empty" (no asset at
    all), "none usable" or "".
    Segments are those of the plan and of open opportunities, else those of the assets. ``amount`` (minor units) and
    ``deals`` are None when no open opportunity names a conversation. ``worth`` is the first known of what ``weight``
    names: the cell's pipeline, its segment's pipeline, its segment's plan, the cell's deals. Widest segment first.
    """
    standing_open = open_deals(tables, settings)
    found = _counted(tables, settings, standing_open, _segments(tables, settings, standing_open), [])
    within = {r["segment"]: r["amount"] for r in pipeline(standing_open, ["segment"], in_segment)}
    asked = "select segment, planned_revenue from plan where planned_revenue > 0"
    planned = {r["segment"]: r["planned_revenue"] for r in records(tables, asked)} if tables.has("plan") else {}
    talked = pipeline(standing_open, ["segment", "conversation"])
    deals = {(r["segment"], r["conversation"]): r["deals"] for r in talked}
    weight = CELL if found[0]["amount"] is not None else SEGMENT if within else PLAN if planned else DEALS
    weight = "" if weight == DEALS and not deals else weight
    standing = defaultdict[str, int](int)
    for row in found:
        cell = row["segment"], row["conversation"]
        row["worth"] = {CELL: row["amount"], SEGMENT: within.get(cell[0], 0), PLAN: planned.get(cell[0], 0),
                        DEALS: deals.get(cell, 0), "": None}[weight]  # fmt: skip
        row |= {"weight": weight, "planned": planned.get(cell[0]), "gap": _gap(row)}
        standing[cell[0]] += row["worth"] or 0
    return sorted(found, key=lambda r: (-standing[r["segment"]], r["segment"], r["conversation"]))


def fill_first(grid: list[Row]) -> list[Row]:
    """Which ten of these cells of conversation and segment are worth filling first?

    Cells without a usable asset, ranked by what stands there (``worth``), then by the segment's planned revenue, then
    by name; cells where neither is known are left out. It does not say that an asset would win the money.
    """
    gaps = [row for row in grid if row["gap"] and (row["worth"] or row["planned"])]
    gaps.sort(key=lambda r: (-(r["worth"] or 0), -(r["planned"] or 0), r["segment"], r["conversation"]))
    return gaps[:FILLED]


def part(tables: Tables, settings: Settings, grid: list[Row]) -> Part:
    """Which share of open pipeline stands in a segment and conversation for which no usable asset exists?

    Counted over open opportunities that name segment, conversation and amount. What the others hold may stand in a gap
    or not: then the figure has bounds, as if none or all of it did; a deal without an amount is taken at the average of
    the others, a negative amount is left out and named. A cell is a gap when it holds no asset at all, or only stale,
    expired or unapproved ones. Not judged when no asset names a conversation or no such opportunity exists; not to be
    acted on when most assets name none: one of them may serve. Standing money is not lost money. ``grid``: what
    ``cells`` said. Source: Manski 2003.
    """
    stock_now = records(tables, _STOCK, as_of=settings.as_of, talks=CONVERSATIONS)[0]
    if not stock_now["tagged"]:
        return missing(_WHAT, "no asset names a conversation", TAG_WANTED)
    deals = open_deals(tables, settings)
    stands = stands_open(deals)
    segments = _segments(tables, settings, deals)
    made = Part(caveats=_asset_caveats(stock_now, segments, tables, settings))
    gaps = [row for row in grid if row["gap"]]
    says = f"{words.of(len(gaps), len(grid))} cells of segment and conversation hold no usable asset"
    if grid[0]["amount"] is None:
        made.not_judged += missing(_WHAT, "no open opportunity names its segment and conversation", _DEALS).not_judged
    else:
        says = _says(gaps, stands, settings)
        made.findings.append(_finding(says, grid, stands, stock_now, settings))
    pains = _pains(tables, settings, deals)
    made.exhibits += [
        _grid_exhibit(grid, says, made.findings, _left_out(stands, settings), settings),
        *_fill_exhibit(grid, settings),
        *_personas(tables, settings, deals, segments),
        *pains.exhibits,
    ]
    made.not_judged += pains.not_judged
    return made


def _says(gaps: list[Row], stands: Row, settings: Settings) -> str:
    """Which money of the open pipeline stands in gaps, and how much of all could be placed?"""
    standing, total = (words.money(n, settings.currency) for n in (sum(r["amount"] for r in gaps), stands["placed"]))
    placed = f" that could be placed ({stands['portion']} of all)" if stands["all"] > stands["placed"] else ""
    if not any(row["amount"] for row in gaps):
        return f"All {total} of open pipeline{placed} stands where a usable asset exists"
    return f"{standing} of {total} open pipeline{placed} stands where no usable asset exists"


def _finding(says: str, grid: list[Row], stands: Row, stock_now: Row, settings: Settings) -> Finding:
    """Is more of the open pipeline in gaps than was agreed, whatever the deals that could not be placed would say?"""
    gaps = [row for row in grid if row["gap"]]
    standing, total, left = sum(r["amount"] for r in gaps), stands["placed"], stands["all"] - stands["placed"]
    measure = Measure(value=standing / total, unit="share", n=stands["n_placed"])
    deals = sum(r["deals"] for r in gaps)
    over = f"the money of {words.of(deals, stands['n_placed'])} deals"
    if left:
        low, high = standing / stands["all"], (standing + left) / stands["all"]
        measure = measure.model_copy(update={"low": low, "high": high, "method": _BOUNDS})
        about = "about " if stands["n_unpriced"] else ""
        over += f"; {stands['portion']} of {about}{words.money(stands['all'], settings.currency)} could be placed"
    limit, is_thin = settings.thresholds.get("empty_pipeline"), stock_now["untagged"] > stock_now["tagged"]
    titles = at_most(says, "open pipeline stands where no usable asset exists", measure, limit)
    titles |= {} if standing else {"good": says}
    titles |= {"unclear": f"{says}; most assets name no conversation"} if is_thin else {}
    return finding(
        "content.empty_pipeline", "empty_pipeline", measure, settings, titles, theme="content", play="P12",
        counted=over, settle=TAG_WANTED if is_thin else _DEALS, cannot={"act": _THIN} if is_thin else None,
    )  # fmt: skip


def _gap(row: Row) -> str:
    return "" if row["n"] else STALE if row["n_stale"] else EMPTY


def _segments(tables: Tables, settings: Settings, deals: list[Row]) -> list[str]:
    named = {deal["segment"] for deal in deals if deal["segment"] is not None}
    if tables.has("plan"):
        named |= {r["segment"] for r in records(tables, "select segment from plan where segment is not null")}
    return sorted(named) or _named(tables, settings, "segments")


def _named(tables: Tables, settings: Settings, labels: str) -> list[str]:
    sql = f"select distinct unnest({labels}) as label from assets_now order by label"
    return [row["label"] for row in records(tables, sql, as_of=settings.as_of)]


def _counted(
    tables: Tables, settings: Settings, deals: list[Row], segments: list[str], personas: list[str]
) -> list[Row]:
    """Each segment and conversation, and each persona if any are asked for: its assets and its open pipeline."""
    found = records(tables, _TAGGED + _CELLS, segments=segments or ["all segments"], talks=CONVERSATIONS,
                    personas=personas or [None], as_of=settings.as_of,
                    stale=settings.content.stale_days)  # fmt: skip
    by = ["segment", "conversation", *(["persona"] if personas else [])]
    return _priced(found, by, pipeline(deals, by, placed))


def _priced(found: list[Row], by: list[str], standing: list[Row]) -> list[Row]:
    """The same cells with their open pipeline and its deals; None in each where no deal is placed at all."""
    money = {tuple(r[name] for name in by): r for r in standing}
    for row in found:
        here = money.get(tuple(row[name] for name in by), {"amount": 0, "deals": 0})
        row |= {name: here[name] if money else None for name in ("amount", "deals")}
    return found


def _foremost(first: list[str], others: list[str]) -> list[str]:
    """Which labels does a finer cut show? Those that deals name, most pipeline first, then the others by name."""
    return sorted([*first, *sorted(set(others) - set(first))][:MOST])


def _personas(tables: Tables, settings: Settings, deals: list[Row], segments: list[str]) -> list[Exhibit]:
    """Which cells of conversation, persona and segment hold no usable asset, those with most pipeline first?"""
    wanted = [row["persona"] for row in pipeline(deals, ["persona"], placed)]
    names = _foremost(wanted, _named(tables, settings, "personas"))
    if not names:
        return []
    standing = [row["segment"] for row in pipeline(deals, ["segment"])]
    found = _counted(tables, settings, deals, _foremost(standing, segments), names)
    return [_table("content.personas", found, ["conversation", "persona", "segment"], bool(wanted),
                   "An asset that names no persona or no segment serves every one.")]  # fmt: skip


def _pains(tables: Tables, settings: Settings, deals: list[Row]) -> Part:
    """Which cells of conversation and pain hold no usable asset? Silent where nobody records pains."""
    wanted = [row["pain"] for row in pipeline(deals, ["pain"])]
    named = _named(tables, settings, "pains")
    if not named:
        what, settle = "Which of the buyers’ problems content speaks to", "the pains that each asset speaks to"
        return missing(what, "no asset names a pain, while open deals do", settle) if wanted else Part()
    found = records(tables, _TAGGED + _BY_PAIN, pains=_foremost(wanted, named), talks=CONVERSATIONS,
                    as_of=settings.as_of, stale=settings.content.stale_days)  # fmt: skip
    by = ["pain", "conversation"]
    priced = _priced(found, by, pipeline(deals, by, lambda deal: deal["sign"] > 0))
    return Part(exhibits=[_table("content.pains", priced, ["conversation", "pain"], bool(wanted),
                                 "An asset that names no pain is not known to speak to any.")])  # fmt: skip


def _table(key: str, found: list[Row], by: list[str], with_deals: bool, who: str) -> Exhibit:
    """The cells of a finer cut, gaps first, those with most pipeline before the rest."""
    rows: list[Row] = [{"label": words.masked(" · ".join(r[name] for name in by)), "n": r["n"], "n_stale": r["n_stale"],
                        "amount": r["amount"], "note": _gap(r)} for r in found]  # fmt: skip
    rows.sort(key=lambda r: (r["n"] > 0, -(r["amount"] or 0), r["n"], r["label"]))
    gaps, shown = sum(not row["n"] for row in rows), rows[:GAPS_SHOWN]
    first = f"; here are the first {len(shown)} of {words.number(gaps)}" if gaps > len(shown) else ""
    return Exhibit(
        key=key, shape="table", rows=shown, source=LIBRARY_AND_DEALS if with_deals else LIBRARY, play="P12",
        title=f"{words.of(gaps, len(rows))} cells of {words.listed(by)} hold no usable asset{first}", is_detail=True,
        columns=columns(label=("Cell", "text"), n=("Usable assets", "count"), n_stale=(_NOT_USABLE, "count"),
                        amount=("Open pipeline", "money"), note=("Note", "text")),
        read=f"{len(shown)} of {words.count(len(rows), 'cell')}: those without a usable asset first, most open "
        f"pipeline first. {who} Of more than {MOST} labels of a kind, those with most open pipeline. Counted.",
        alt=f"Table of {words.count(len(shown), 'cell')} by {words.listed(by)}.",
    )  # fmt: skip


def _usable(settings: Settings) -> str:
    days = words.value(settings.content.stale_days, "days")
    return (f"Usable: not expired, made or reviewed within {days}, not marked as unapproved, tagged with "
            "the conversation. An asset that names no segment serves every one. Counted.")  # fmt: skip


def _grid_exhibit(grid: list[Row], says: str, found: list[Finding], left_out: str, settings: Settings) -> Exhibit:
    weight, is_sure = grid[0]["weight"], all(each.level != "unclear" for each in found)
    shown = grid[: MOST * len(CONVERSATIONS)]
    first = f" Of {words.number(len(grid) // len(CONVERSATIONS))} segments the first {MOST}." if grid != shown else ""
    rows: list[Row] = [{"label": words.masked(r["segment"]), "column": r["conversation"], "n": r["n"],
                        "n_stale": r["n_stale"], "amount": r["amount"], "note": r["gap"]} for r in shown]  # fmt: skip
    described = columns(label=("Segment", "text"), column=("Conversation", "text"), n=("Usable assets", "count"),
                        n_stale=(_NOT_USABLE, "count"), amount=("Open pipeline", "money"))  # fmt: skip
    if weight in _SUMMED:
        described += columns(standing=(weight, "money"))
        rows = [row | {"standing": r["worth"]} for row, r in zip(rows, shown, strict=True)]
    return Exhibit(
        key="content.coverage", title=says, lead=_lead(grid, settings), shape="grid", rows=rows, play="P12",
        limit=settings.thresholds.get("empty_pipeline") if is_sure else None,
        source=LIBRARY_AND_DEALS if weight in (CELL, SEGMENT) else LIBRARY,
        columns=[*described, *columns(note=("Note", "text"))],
        read="Usable assets by segment and conversation, with the open pipeline that stands there. A gap holds no "
        f"asset at all (empty) or only stale, expired or unapproved ones (none usable). {_usable(settings)}{first}",
        says_not=f"Money standing in a cell is not money lost. {_SUMMED.get(weight, '')} "
        f"{left_out}".replace("  ", " ").strip(),
        alt=f"Grid of segments by conversations C1 to C5: {says}.",
    )  # fmt: skip


def _lead(grid: list[Row], settings: Settings) -> str:
    """Where does most stand in a gap, in how many deals, how much where assets are only stale; what hangs on one?"""
    gaps, covered = ([row for row in grid if bool(row["gap"]) is is_gap and row["amount"]] for is_gap in (True, False))
    thin, said = sum(row["n"] == 1 for row in covered), []
    if gaps:
        worst, deals = max(gaps, key=lambda row: row["amount"]), sum(row["deals"] for row in gaps)
        old = words.money(sum(row["amount"] for row in gaps if row["gap"] == STALE), settings.currency)
        said.append(f"Most stands in {words.masked(worst['segment'])}, {worst['conversation']}: "
                    f"{words.money(worst['amount'], settings.currency)} in {words.count(worst['deals'], 'deal')} "
                    f"({worst['gap']}).")  # fmt: skip
        said.append(f"The gaps together hold {words.count(deals, 'deal')}; {old} of it stands where assets exist and "
                    "none is usable.")  # fmt: skip
    if thin:
        said.append(f"Covered by one usable asset alone: {words.of(thin, len(covered))} cells with open pipeline.")
    return " ".join(said)


def _fill_exhibit(grid: list[Row], settings: Settings) -> list[Exhibit]:
    """Which bars show the cells to fill first? None where no cell is a gap, or nothing is known to stand in one."""
    found = fill_first(grid)
    if not found or not found[0]["weight"]:
        return []
    weight, first = found[0]["weight"], found[0]
    unit: Unit = "count" if weight == DEALS else "money"
    rows: list[Row] = [{"label": words.masked(f"{r['conversation']}, {r['segment']}"), "value": r["worth"],
                        "deals": r["deals"], "planned": r["planned"], "kinds": KINDS[r["conversation"]],
                        "note": r["gap"] + (f", {r['n_stale']} to review or retire" if r["n_stale"] else "")}
                       for r in found]  # fmt: skip
    says = f"{rows[0]['label']} is the cell to fill first: {_worth(first, settings)} and "
    says += "no asset made for it is usable" if first["gap"] == STALE else "no asset serves it"
    return [Exhibit(
        key="content.fill", title=says, shape="bars", rows=rows, play="P12",
        source=LIBRARY if weight == PLAN else LIBRARY_AND_DEALS,
        columns=columns(label=("Cell", "text"), value=(weight, unit), deals=("Open deals", "count"),
                        planned=("Planned in the segment", "money"), kinds=("What would serve", "text"),
                        note=("Now", "text")),
        read=f"The {words.count_spelled(len(rows), 'cell')} without a usable asset where most stands, then where most "
        f"is planned. {_SUMMED.get(weight, '')} {_usable(settings)}".replace("  ", " "),
        says_not="That an asset would win the money; an asset that exists may need a review or an approval alone.",
        alt=f"Bars of {weight.lower()} by cell: {words.listed([str(row['label']) for row in rows])}.",
    )]  # fmt: skip


def _worth(row: Row, settings: Settings) -> str:
    """What stands in a cell, in words: the first known of its pipeline, its segment's, the plan, its deals."""
    if not row["worth"]:
        return f"{words.money(row['planned'], settings.currency)} is planned in the segment"
    if row["weight"] == DEALS:
        return words.count(row["worth"], "open deal")
    where = {CELL: "stands there", SEGMENT: "is open in the segment", PLAN: "is planned in the segment"}
    return f"{words.money(row['worth'], settings.currency)} {where[row['weight']]}"


def _left_out(found: Row, settings: Settings) -> str:
    """Which open deals stand in no cell?"""
    said = list[str]()
    kinds = (("unplaced", "without a segment or a conversation"), ("unpriced", "without an amount"),
             ("negative", "with a negative amount"))  # fmt: skip
    for kind, what in kinds:
        if found[f"n_{kind}"]:
            sum_of = f" ({words.money(found[kind], settings.currency)})" if found.get(kind) else ""
            said.append(f"{words.count(found[f'n_{kind}'], 'open deal')} {what}{sum_of}")
    return f"{words.capital('; '.join(said))}: placed in no cell." if said else ""


def _asset_caveats(stock: Row, segments: list[str], tables: Tables, settings: Settings) -> list[str]:
    """Which assets does the grid not place, or place without knowing their age?"""
    strange = sorted(set(_named(tables, settings, "segments")) - set(segments))
    said = []
    if stock["untagged"]:
        untagged = words.of(stock["untagged"], stock["untagged"] + stock["tagged"])
        said.append(f"{untagged} assets without a conversation: in no cell of the grid, where one of them may serve.")
    if stock["undated"]:
        said.append(f"{words.count(stock['undated'], 'asset')} without a date: taken as usable in the coverage grid.")
    if strange:
        named = f"{words.masked(words.listed(strange[:5]))}{' and more' if len(strange) > 5 else ''}"
        said.append(f"Assets name segments that are neither in the plan nor in open pipeline: {named}.")
    return said
