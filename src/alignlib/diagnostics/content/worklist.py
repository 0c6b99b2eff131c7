"""What is to be done with each asset, and what is to be made: a list that a content owner corrects and sends back."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterable
from itertools import groupby
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from alignlib import words
from alignlib.diagnostics.content.coverage import STALE
from alignlib.diagnostics.content.parts import assets_now
from alignlib.diagnostics.content.stock import NOT_JOINED, Stock, is_not
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Part, Row, columns

MOST_ROWS = 5_000
UNKNOWN = "not judged"
# In the order in which they are listed: what is to be done, and how a title says it.
DISPOSITIONS = {"create": "to create", "retire": "to retire", "fix": "to fix", "teach": "to teach",
                "tailor": "to tailor", "keep": "to keep", UNKNOWN: UNKNOWN}  # fmt: skip

Facts = dict[str, np.ndarray]  # one entry an asset, in the order of the stock


class Rule(NamedTuple):
    """One rule: what is to be done, why in a few words, and with which assets."""

    disposition: str
    reason: str
    holds: Callable[[Facts], np.ndarray]


# In the order in which they are asked: the first that holds decides. See _facts for the columns.
RULES = (
    Rule("retire", "past its expiry date and unused", lambda f: f["is_expired"] & f["unused"]),
    Rule("retire", "stale, unused, and no deal asks for it",
         lambda f: f["is_stale"] & f["unused"] & (f["demand"] | f["wrong_stage"])),
    Rule("retire", "a newer asset of the same title is used more",
         lambda f: f["is_outdone"] & (f["unused"] | f["is_stale"])),
    Rule("fix", "past its expiry date, and used", lambda f: f["is_expired"] & f["used"]),
    Rule("fix", "stale, and used", lambda f: f["is_stale"] & f["used"]),
    Rule("fix", "used without approval", lambda f: f["used"] & f["not_approved"]),
    Rule("fix", "stale and unused, where deals may ask for it", lambda f: f["is_stale"] & f["unused"]),
    Rule("fix", "out of date; its use cannot be told", lambda f: f["is_expired"] | f["is_stale"]),
    Rule("fix", "names no conversation", lambda f: f["untagged"]),
    Rule("fix", "sellers looked for it and did not find it: title and tags", lambda f: f["cause"] == "found"),
    Rule("fix", "another asset carries the same title", lambda f: f["is_double"]),
    Rule("teach", "nobody was shown it", lambda f: f["cause"] == "never_taught"),
    Rule("teach", "shown to somebody, and not used since", lambda f: f["cause"] == "taught"),
    Rule("tailor", "little used or not at all, general, and cannot be adapted",
         lambda f: f["little_used"] & f["is_fixed"] & f["is_general"]),
    Rule("keep", "used and current", lambda f: f["used"]),
    Rule(UNKNOWN, "its use is not known", lambda f: ~f["known"]),
    Rule("keep", "too young to judge", lambda f: ~f["judged"]),
    Rule("keep", "current; no deal asks for it so far", lambda f: np.isin(f["cause"], ["demand", "conversation"])),
    Rule("keep", "no reason found", lambda f: f["judged"]),
)  # fmt: skip
DECIDED = "as its owner decided"
FOR_ONE = "(made for one person)"  # a title would name the person
_EVERY, _GENERAL = "", " "  # in place of a segment, for none is blank
_SERVED = """select asset_id, cell from assets_now join (
  select unnest($cells::integer[]) as cell, unnest($talks::varchar[]) as talk, unnest($places::varchar[]) as place
) on list_contains(conversations, talk) and (len(segments) = 0 or list_contains(segments, place))"""
# What its owner wants to know of an asset, then what they correct and send back: in the workbook, not on the page.
_EXTRA = [column.model_copy(update={"is_extra": True}) for column in columns(
    type=("Type", "text"), n_uses=("Uses", "count"), last_used_on=("Last used", "date"), created_on=("Created", "date"),
    decision=("Decision", "text"), decided_on=("Decided on", "date"), conversations=("Conversations", "text"),
    segments=("Segments", "text"), personas=("Personas", "text"), reviewed_on=("Reviewed on", "date"),
    expires_on=("Expires on", "date"),
)]  # fmt: skip
_READ = ["title", "asset_id", "disposition", "reason", *(column.name for column in _EXTRA), "specificity", "known",
         "cell", "is_first"]  # fmt: skip


def part(tables: Tables, settings: Settings, stock: Stock, cells: list[Row], found: pd.DataFrame) -> Part:
    """What is to be done with each asset: keep, fix, teach, tailor or retire it, and where is one to be made?

    ``cells``: those to fill first (``coverage.fill_first``), ranked; ``found``: what ``causes.causes`` said. One
    disposition an asset, by the first rule of ``RULES``; what the owner decided wins. Unused
    here means no use by a seller at all in the asset's window; little used: less than once in ``unused_days``. The rows
    of ``content.worklist``, saved as CSV, can be read back as table ``asset_decisions``.
    """
    done = disposed(settings, stock, found)
    if done.empty:
        return Part()
    served = _served(tables, settings, done, cells)
    made = {place: cell for place, cell in enumerate(cells) if place not in set(served["cell"])}
    done = done.assign(cell=done["asset_id"].map(served.groupby("asset_id")["cell"].min()).astype(float))
    done = done.sort_values(["rank", "cell"])  # in each rank those that serve no such cell last
    done["is_first"] = done["cell"].notna() & ~done["cell"].duplicated()
    done = done.sort_values("is_first", ascending=False, kind="stable")
    says = _counted(done["disposition"], len(made))
    caveats = [] if stock.log else ["Without a record of uses the work list holds only what age and tags show."]
    if not stock.is_joined:
        caveats.append(f"The work list takes no asset for unused: {NOT_JOINED[0]}.")
    masked = sum(words.masked(name) != name for name in done["asset_id"])
    if masked:
        caveats.append(f"{words.count(masked, 'asset')} with an e-mail address or a person's folder in the id: masked "
                       "in the work list, so a decision about such an asset cannot be read back.")  # fmt: skip
    return Part([], [_bars(done, len(made), says, settings), _list(done, cells, made, says, settings)], caveats)


def disposed(settings: Settings, stock: Stock, found: pd.DataFrame) -> pd.DataFrame:
    """What is to be done with each asset, and why? Most urgent first.

    One row an asset: the stock with disposition, reason, rank (of the disposition), known (is its use?) and
    is_unusable. Within a disposition the most used come first, then the dearest.
    """
    facts, assets, ranks = _facts(settings, stock, found), stock.assets, list(DISPOSITIONS)
    first = np.argmax([rule.holds(facts) for rule in RULES], axis=0)
    said = [_said(RULES[i], decision) for i, decision in zip(first.tolist(), assets["decision"], strict=True)]
    rank = np.array([ranks.index(disposition) for disposition, _ in said], dtype=int)
    order = np.lexsort((-assets["cost"].to_numpy(float), -assets["n_uses"].to_numpy(), rank))
    return assets.assign(
        disposition=[disposition for disposition, _ in said], reason=[reason for _, reason in said], rank=rank,
        known=facts["known"], is_unusable=facts["is_unusable"],
    ).iloc[order]  # fmt: skip


def _said(rule: Rule, decision: str | None) -> tuple[str, str]:
    """What is to be done, and why? What the owner decided wins."""
    if not isinstance(decision, str):
        return rule.disposition, rule.reason
    differs = f"; by the rules: {rule.disposition}, {rule.reason}" if decision != rule.disposition else ""
    return decision, DECIDED + differs


def _facts(settings: Settings, stock: Stock, found: pd.DataFrame) -> Facts:
    """What do the rules look at? The stock with the causes that were found."""
    days, assets, is_known = settings.content.unused_days, stock.assets, bool(stock.log) and stock.is_joined
    n_uses, tags = assets["n_uses"].to_numpy(), assets["n_conversations"].to_numpy() > 0
    judged, used = stock.judged(days) & bool(stock.log), n_uses > 0  # no use without a record of uses
    at, cause = pd.Index(assets["asset_id"]).get_indexer(found["asset_id"]), np.full(len(assets), "", object)
    demand, wrong_stage = np.zeros((2, len(assets)), bool)
    cause[at], demand[at], wrong_stage[at] = found["cause"], found["demand"], found["conversation"]
    cause[used] = ""  # one used later than within the days needs none
    facts: Facts = {
        "known": np.full(len(assets), is_known), "judged": judged, "used": used, "unused": judged & ~used,
        "little_used": judged & (n_uses * days < assets["days_seen"].to_numpy()), "cause": cause, "demand": demand,
        "wrong_stage": wrong_stage & tags, "untagged": ~tags & tags.any(),
        "is_expired": assets["is_expired"].to_numpy(bool), "is_stale": assets["is_stale"].to_numpy(bool),
        "not_approved": is_not(assets["is_approved"]), "is_fixed": is_not(assets["is_customisable"]),
        "is_general": (assets["specificity"] == "market").to_numpy(bool) | bool(assets["specificity"].isna().all()),
        "is_outdone": _outdone(assets),
    }  # fmt: skip
    goes = np.logical_or.reduce([rule.holds(facts) for rule in RULES if rule.disposition == "retire"])
    stays = assets.loc[~goes & (assets["title"].fillna("") != "").to_numpy(bool), ["title", "created_on"]]
    by_day = stays.sort_values("created_on", kind="stable")
    is_double = np.zeros(len(assets), bool)
    is_double[by_day.index[by_day.duplicated("title")]] = True
    return facts | {
        "is_double": is_double, "is_unusable": facts["is_expired"] | facts["is_stale"] | facts["not_approved"],
    }  # fmt: skip


def _outdone(assets: pd.DataFrame) -> np.ndarray:
    """Which assets bear title, type and conversations of a later one that was used more often, in the same segments?

    Segments are the same where any is shared; an asset that names none serves all.
    """
    found, alike = np.zeros(len(assets), bool), defaultdict[Any, list[tuple[Any, int, int, list[str]]]](list)
    named = assets[(assets["title"].fillna("") != "") & assets["created_on"].notna()]
    named = named.assign(type=named["type"].fillna(""))
    named = named[named.duplicated(keys := ["title", "type", "conversations"], keep=False)]
    rows = zip(named["created_on"], named.index, named["n_uses"], named["places"], strict=True)
    for key, row in zip(named[keys].itertuples(index=False), rows, strict=True):
        alike[key].append(row)
    for group in alike.values():
        most = defaultdict[str, int](int)  # uses of the most used later one, in each segment
        for _, same_day in groupby(sorted(group, key=lambda row: row[0], reverse=True), key=lambda row: row[0]):
            those = list(same_day)
            for _, i, n_uses, places in those:
                found[i] = any(most[place] > n_uses for place in ([*places, _GENERAL] if len(places) else [_EVERY]))
            for _, _, n_uses, places in those:
                for place in [*(places if len(places) else [_GENERAL]), _EVERY]:
                    most[place] = max(most[place], n_uses)
    return found


def _served(tables: Tables, settings: Settings, done: pd.DataFrame, cells: list[Row]) -> pd.DataFrame:
    """Which cells without a usable asset would an asset to fix serve? Rows of asset_id and cell, its place in the list.

    An asset that names no segment serves every one.
    """
    stale = {place: cell for place, cell in enumerate(cells) if cell["gap"] == STALE}
    asked = {"cells": list(stale), "talks": [cell["conversation"] for cell in stale.values()],
             "places": [cell["segment"] for cell in stale.values()], "as_of": settings.as_of}  # fmt: skip
    fixed = done["asset_id"][(done["disposition"] == "fix") & done["is_unusable"]]
    served = tables.query(assets_now(tables, settings.as_of) + _SERVED, asked)
    return served[served["asset_id"].isin(fixed)]


def _counted(dispositions: Iterable[str], n_cells: int) -> str:
    """'84 assets: 37 to retire, 12 to fix and 35 to keep; 3 to create'."""
    counts = Counter(dispositions)
    each = [f"{words.number(counts[name])} {said}" for name, said in DISPOSITIONS.items() if name in counts]
    made = f"; {words.number(n_cells)} {DISPOSITIONS['create']}" if n_cells else ""
    return f"{words.count(counts.total(), 'asset')}: {words.listed(each)}{made}"


def _defined(settings: Settings) -> str:
    """What do the rules mean by unused and little used?"""
    days = words.value(settings.content.unused_days, "days")
    return (f"Unused here: seen for {days} or longer and never used by a seller in all the time it was seen; little "
            f"used: less than once in {days}.")  # fmt: skip


def _bars(done: pd.DataFrame, n_made: int, says: str, settings: Settings) -> Exhibit:
    reasons = defaultdict[str, Counter[str]](Counter)
    for name, reason in zip(done["disposition"], done["reason"], strict=True):
        reasons[name][DECIDED if reason.startswith(DECIDED) else reason] += 1
    rows = list[Row]()
    for name in DISPOSITIONS:
        found = sorted(reasons[name].items(), key=lambda each: (-each[1], each[0]))
        told = [f"{reason} {words.number(n)}" for reason, n in found]
        if name == "create" and n_made:
            told = [f"{words.count(n_made, 'cell')} to fill first, without an asset to use or to fix"]
        n = n_made if name == "create" else reasons[name].total()
        if n or name != UNKNOWN:
            rows.append({"label": name.capitalize(), "value": n, "note": "; ".join(told)})
    spoken = (f"{row['label']} {words.number(row['value'])}" for row in rows)
    return Exhibit(
        key="content.dispositions", shape="bars", rows=rows, play="P13", title=says,
        columns=columns(label=("What to do", "text"), value=("Assets", "count"), note=("Reasons", "text")),
        read="Each asset once, under the first rule that holds, in the order retire, fix, teach, tailor, keep; what "
        "its owner decided wins. To create: one asset for each cell to fill first that no asset to fix would serve. "
        f"{_defined(settings)} Counted.",
        says_not="A rule sees dates, tags and uses, not what an asset says: its owner decides.",
        alt=f"Bars of assets by what to do with them: {', '.join(spoken)}.", source="Content library and its uses",
    )  # fmt: skip


def _list(done: pd.DataFrame, cells: list[Row], made: dict[int, Row], says: str, settings: Settings) -> Exhibit:
    total, kept = len(made) + len(done), done.head(max(MOST_ROWS - len(made), 0))
    lines = [(place, _to_create(cell, settings.currency)) for place, cell in made.items()]
    for row in kept[_READ].to_dict("records"):
        line = _line({str(name): None if pd.isna(value) else value for name, value in row.items()})
        if not pd.isna(row["cell"]):  # it serves one
            line["reason"] += f"; {_stands(cells[int(row['cell'])], settings.currency)}"
        lines.append((int(row["cell"]) if row["is_first"] else len(cells), line))
    rows = [line for _, line in sorted(lines, key=lambda each: each[0])][:MOST_ROWS]
    unknown = int((done["disposition"] == UNKNOWN).sum())
    open_ = int((~done["disposition"].isin(["keep", UNKNOWN])).sum())
    apart = f", {words.number(unknown)} not judged" if unknown else ""
    cut = f" (cut: {words.of(len(rows), total)} lines)" if len(rows) < total else ""
    return Exhibit(
        key="content.worklist", shape="table", rows=rows, play="P13",
        title=f"Something is to be done with {words.of(open_, len(done))} assets{apart}: the list, most urgent first"
        f"{cut}",
        columns=[*columns(title=("Title", "text"), asset_id=("Asset", "text"), disposition=("Disposition", "text"),
                          reason=("Reason", "text")), *_EXTRA],
        read="First, for each cell to fill first, the most used asset to fix there or one to create. Then what to "
        "retire, fix (where most money stands), teach, tailor and keep, the most used and then the dearest first; last "
        "what could not be judged. "
        f"{_defined(settings)} The list is a workbook beside this report: write a decision (keep, fix, teach, tailor "
        "or retire), correct labels and days, and send it back; it counts at the next audit.",
        says_not="A disposition is what the rules propose; a decision, once sent back, takes its place.",
        alt=f"Table of {words.count(len(rows), 'row')}: {says}.", source="Content library and its uses",
    )  # fmt: skip


def _stands(cell: Row, currency: str) -> str:
    """'€200k stands in Health care, C4', or which cell lacks a usable asset."""
    stands = f"{words.money(cell['amount'], currency)} stands" if cell["amount"] else "none usable"
    return f"{stands} in {words.masked(cell['segment'])}, {cell['conversation']}"


def _to_create(cell: Row, currency: str) -> Row:
    stands = f"{words.money(cell['amount'], currency)} of open pipeline and " if cell["amount"] else ""
    lacks = "no asset that is usable or to fix" if cell["gap"] == STALE else "no asset"
    segment = words.masked(cell["segment"])
    return {**dict.fromkeys(["asset_id", *(column.name for column in _EXTRA)]),
            "title": f"New: {cell['conversation']}, {segment}", "disposition": "create",
            "reason": stands + lacks, "conversations": cell["conversation"], "segments": segment}  # fmt: skip


def _whole(label: str) -> str | None:
    """A masked label would come back as a correction; an empty one leaves what stands."""
    return label if words.masked(label) == label else None


def _line(row: Row) -> Row:
    days = ("decided_on", "last_used_on", "created_on", "reviewed_on", "expires_on")
    return {
        "asset_id": words.masked(row["asset_id"]), "disposition": row["disposition"], "reason": row["reason"],
        "title": FOR_ONE if row["specificity"] == "person" else words.masked(row["title"] or ""),
        "type": words.masked(row["type"] or ""), "decision": row["decision"],
        "n_uses": int(row["n_uses"]) if row["known"] or row["n_uses"] else None,
        **{name: _whole(row[name]) for name in ("conversations", "segments", "personas")},
        **{name: row[name] and str(row[name])[:10] for name in days},
    }  # fmt: skip
