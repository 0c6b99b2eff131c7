"""How far does Marketing's effort lie from where Sales stands, by segment and by the buyers' roles?"""

from collections import defaultdict
from dataclasses import dataclass
from typing import Any

import numpy as np

from alignlib import words
from alignlib.diagnostics.content.deals import OPEN_NOW, open_now
from alignlib.diagnostics.content.parts import at_most, missing, records
from alignlib.diagnostics.content.stock import zone_of
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Level, Part, Row, columns
from alignlib.stats import Composition, Interval, composition, distance

FEWEST = 30  # assets, leads or deals, counted as so many of one size: with fewer, limits may miss the truth too often
MOST = 40  # segments or personas told apart; the rest are one
_NAMED = 3  # cells named in the lead of each kind
_FOCUS = "Whether Marketing’s effort goes where Sales plans to sell"
_COUNTED = "planned revenue and Marketing’s spend by segment"
_ONE = f"Beyond the {MOST} widest, the others are taken as one. "
_SAYS_NOT = {
    "segment": "That the plan is right, or that effort should follow it everywhere.",
    "persona": "That content for other roles is wasted: those around the main contact read it too.",
}
_PERSONAS = "Whether content is made for the roles that Sales deals with"
_PERSONAS_MORE = "more open deals and assets that name their persona"
_PERSONAS_WANTED = "the persona of each asset, and of the main contact of each open deal"


@dataclass(frozen=True)
class Side:
    """Where does one team stand: how much of what lies in each label, and is it a sample or all there is?

    ``groups`` holds a row for all cases that carry the same labels: ``labels``, ``weight`` (their sum), ``squares``
    (the sum of their squares) and ``cases``. Of a case with k labels 1/k counts in each. ``unknown``: labels of which
    the figure is missing.
    """

    short: str  # in the head of a column and the name of a pair
    what: str  # in a sentence: "40 % of the content" for Marketing, "match the open deals" for Sales
    cases: str  # what is counted: "asset"; empty for a total that is known
    groups: list[dict[str, Any]]
    unknown: frozenset[str] = frozenset()

    @property
    def n(self) -> int:
        return sum(group["cases"] for group in self.groups)

    def by_label(self) -> dict[str, float]:
        """Which share of the whole lies in each label?"""
        found, total = defaultdict[str, float](float), sum(group["weight"] for group in self.groups)
        for group in self.groups if total > 0 else []:
            for label in group["labels"]:
                found[label] += group["weight"] / len(group["labels"]) / total
        return found

    def over(self, place: dict[str, int]) -> tuple[Composition, float] | None:
        """Which share lies in each place, found in how many cases of one size (Kish 1965)? None when nothing does."""
        parts = np.zeros((len(self.groups), max(place.values()) + 1))
        for row, group in zip(parts, self.groups, strict=True):
            for label in group["labels"]:
                if label in place:
                    row[place[label]] += 1 / len(group["labels"])
        held = parts.sum(axis=1)
        weight, squares = (np.array([float(g[name]) for g in self.groups]) for name in ("weight", "squares"))
        inside = held * weight > 0
        if not inside.any():
            return None
        cases = sum(g["cases"] for g, is_in in zip(self.groups, inside, strict=True) if is_in)
        kept, weight, squares = held[inside], weight[inside] * held[inside], squares[inside] * held[inside] ** 2
        alike = weight.sum() ** 2 / squares.sum() if cases else 0.0
        return composition(parts[inside] / kept[:, None], weight, squares, cases), alike


@dataclass(frozen=True)
class Pair:
    """How far do two sides lie apart, over which labels? ``apart`` has no limits where there are too few cases.

    ``hidden`` is how much further they could lie apart: by what is left out, and within the labels taken as one.
    """

    marketing: Side
    sales: Side
    labels: list[str]
    shares: tuple[list[float], list[float]]  # of Marketing, of Sales
    apart: Interval
    too_few: str  # "12 open deals" where that is why there are no limits
    left_out: dict[str, float]  # and the share of the plan, or of the effort where that is all that is known
    hidden: float

    @property
    def is_counted(self) -> bool:
        return not self.marketing.cases and not self.sales.cases

    @property
    def is_judged(self) -> bool:
        return self.is_counted or self.apart.low is not None

    @property
    def why_not(self) -> str:
        """Why has it no limits?"""
        return f"only {self.too_few}, {FEWEST} are needed" if self.too_few else ""

    @property
    def counts(self) -> str:
        """How many cases stand on each side that is a sample?"""
        sides = (self.marketing, self.sales)
        return words.listed([words.count(side.n, side.cases) for side in sides if side.cases])


def part(tables: Tables, settings: Settings) -> Part:
    """Which share of Marketing's effort lies away from where Sales stands, by segment and by persona?

    Half the sum of absolute differences between the two sets of shares (total variation): the share that would have to
    move for both to match. Judged is the first pair known of Marketing's spend, assets, campaign touches against Sales'
    plan, open pipeline, open deals; every pair is shown. Spend and plan are known totals: counted. Assets, touches (by
    lead) and deals are samples: interval by ``stats.distance``, from 30 cases on. A segment that lacks a figure of the
    plan is left out of pairs that need it and named. Personas: those of assets against those of open deals.
    It does not say that the plan is right, nor that effort should follow it everywhere.
    """
    effort, sales = _segment_sides(tables, settings)
    pairs = [pair for m in effort for s in sales if (pair := compare(m, s))]
    made, best = Part(), next((pair for pair in pairs if pair.is_judged), None)
    if best:
        made = _judged("content.focus", "focus_mismatch", best, settings, "segment", _COUNTED)
        if best.left_out:
            named = [words.masked(label) for label in list(best.left_out)[:MOST]]
            named += [f"{len(best.left_out) - MOST} more"] * (len(best.left_out) > MOST)
            made.caveats.append(
                f"Spend and plan leave out {words.listed(named)}, where one of the two figures is missing or negative: "
                f"{_left(best)}, or of the spend where that alone is known."
            )
    else:
        why = "the plan does not give planned revenue and effort for at least two segments"
        why = why if tables.has("plan") else "no plan was delivered"
        why += f"; {pairs[0].why_not}" if pairs else ""
        made.not_judged += missing(_FOCUS, why, _COUNTED, "focus").not_judged
    by_role = _personas(tables, settings, made)
    if len(pairs) + len(by_role) > 1:
        made.exhibits.append(_sides(pairs, by_role))
    return made


def compare(marketing: Side, sales: Side) -> Pair | None:
    """How far do two sides lie apart? None without at least two labels, or where a side holds nothing."""
    held, sold = marketing.by_label(), sales.by_label()
    left_out = {label: sold[label] or held[label] for label in sorted(marketing.unknown | sales.unknown)}
    ranked = sorted({*held, *sold} - {*left_out}, key=lambda label: (-held[label] - sold[label], label))
    kept, others = sorted(ranked[:MOST]), ranked[MOST:]
    place = {label: i for i, label in enumerate(kept)} | dict.fromkeys(others, MOST)
    a, b = (side.over(place) if place else None for side in (marketing, sales))
    if a is None or b is None or len(place) < 2:
        return None
    sampled = [(round(a[1], 6), a[0].cases, marketing), (round(b[1], 6), b[0].cases, sales)]
    few = [_few(alike, n, side.cases) for alike, n, side in sampled if side.cases and alike < FEWEST]
    apart, hidden = distance(a[0], b[0]), min(sum(side[label] for label in others) for side in (held, sold))
    return Pair(marketing, sales, [*kept, *([f"{len(others)} others"] if others else [])],
                (a[0].shares.tolist(), b[0].shares.tolist()), Interval(apart.value, None, None) if few else apart,
                words.listed(few), left_out, hidden + sum(left_out.values()))  # fmt: skip


def _few(alike: float, n: int, cases: str) -> str:
    said = words.count(n, cases)
    return said if n < FEWEST else f"{said} of such unequal size that they weigh as {int(alike)}"


_PLAN = "select [segment] as labels, {0}::double as weight, 0 as squares, 0 as cases from plan order by segment"
_ASSETS = """select list_sort({0}) as labels, count(*) as weight, count(*) as squares, count(*)::integer as cases
from assets_now where len({0}) > 0 group by list_sort({0}) order by list_sort({0})"""
_DEALS = """select [{0}] as labels, sum({1})::double as weight, sum(({1})::double ** 2) as squares,
  count(*)::integer as cases
from opportunities where {2} and {0} is not null and {1} > 0 group by {0} order by {0}"""
_TOUCHES = """select [segment] as labels, sum(n)::double as weight, sum(n::double ** 2) as squares,
  count(*)::integer as cases
from (select segment, count(*) as n from campaign_touches join leads using (lead_id)
  where segment is not null and touched_at >= timezone('UTC', timezone($zone, $start::timestamp))
    and touched_at < timezone('UTC', timezone($zone, $until::timestamp + interval 1 day))
  group by segment, lead_id) group by segment order by segment"""
_LEADS = """select [persona] as labels, count(*) as weight, count(*) as squares, count(*)::integer as cases from leads
where persona is not null and created_at >= timezone('UTC', timezone($zone, $start::timestamp))
  and created_at < timezone('UTC', timezone($zone, $until::timestamp + interval 1 day))
group by persona order by persona"""


def _segment_sides(tables: Tables, settings: Settings) -> tuple[list[Side], list[Side]]:
    """Where do Marketing and Sales stand by segment, the sides to compare first first?"""
    effort, sales = [], []
    if tables.has("plan"):
        effort.append(_planned(tables, "effort", "Spend", "Marketing’s spend"))
        sales.append(_planned(tables, "planned_revenue", "Plan", "match Sales’ plan"))
    if tables.has("assets"):
        effort.append(_assets(tables, settings, "segment"))
    if tables.has("campaign_touches") and tables.has("leads"):
        groups = records(tables, _TOUCHES, **_period(tables, settings, "campaign_touches.touched_at"))
        effort.append(Side("Touches", "the campaigns’ reach", "lead", groups))
    if tables.has("opportunities"):
        money, deals = (_deals(tables, settings, "segment", weight) for weight in ("amount", "1"))
        sales.append(Side("Open pipeline", "match open pipeline", "open deal", money))
        sales.append(Side("Open deals", "match the open deals", "open deal", deals))
    return effort, sales


def _assets(tables: Tables, settings: Settings, label: str) -> Side:
    """How do assets divide that name a label?"""
    groups = records(tables, _ASSETS.format(f"{label}s"), as_of=settings.as_of)
    return Side("Assets", f"the content that names a {label}", "asset", groups)


def _deals(tables: Tables, settings: Settings, label: str, weight: str) -> list[dict[str, Any]]:
    return records(tables, _DEALS.format(label, weight, OPEN_NOW), **open_now(tables, settings))


def _planned(tables: Tables, figure: str, short: str, what: str) -> Side:
    rows = records(tables, _PLAN.format(figure))
    known = [row for row in rows if row["weight"] is not None and row["weight"] >= 0]
    unknown = frozenset(row["labels"][0] for row in rows if row not in known)
    return Side(short, what, "", known, unknown)


def _period(tables: Tables, settings: Settings, column: str) -> dict[str, Any]:
    return {"zone": zone_of(tables, settings, column), "start": settings.period.start, "until": settings.as_of}


def _judged(key: str, threshold: str, pair: Pair, settings: Settings, label: str, settle: str) -> Part:
    """Which finding and which exhibit does a pair make? Where chance alone may part it, the limit is said instead."""
    moves = "be for other roles" if label == "persona" else "move"
    lies = f"{pair.marketing.what} would have to {moves} to {pair.sales.what}"
    says = f"{words.share(pair.apart.value or 0)} of {lies}"
    if pair.apart.low == 0:
        says = f"At most {words.share(pair.apart.high or 0)} of {lies}"
    method = "counted" if pair.is_counted else "multiplier bootstrap"
    measure, limit = measured(pair.apart, "share", method, None, len(pair.labels)), settings.thresholds.get(threshold)
    titles = at_most(says, lies, measure, limit)
    over = f"over {words.spelled(len(pair.labels))} {label}s"
    over += f", {_left(pair)} left out" if pair.left_out else ""
    over = over if pair.is_counted else f"{pair.counts}, {over}"
    high, cannot = (pair.apart.value if pair.is_counted else pair.apart.high) or 0.0, dict[Level, str]()
    if limit is not None and high <= limit < high + pair.hidden:
        left = f"up to {words.share(pair.hidden)} more may have to, in what is left out or taken as one"
        cannot, titles["unclear"] = {"good": left}, f"{says}; {left}"
    found = finding(
        key, threshold, measure, settings, titles, theme="focus", play="P2", counted=over,
        settle=settle, beyond="watch", cannot=cannot,
    )  # fmt: skip
    return Part([found], [_exhibit(key, pair, says, label)])


def _left(pair: Pair) -> str:
    return f"{words.share(sum(pair.left_out.values()))} of the plan"


def _personas(tables: Tables, settings: Settings, made: Part) -> list[Pair]:
    """Adds to ``made`` what is said of personas; returns the pairs, that of assets first."""
    sides = []
    if tables.has("assets"):
        sides.append(_assets(tables, settings, "persona"))
    if tables.has("leads"):
        groups = records(tables, _LEADS, **_period(tables, settings, "leads.created_at"))
        sides.append(Side("Leads", "leads", "lead", groups))
    if not tables.has("opportunities"):
        return []
    wanted = Side("Open deals", "match the open deals", "open deal", _deals(tables, settings, "persona", "1"))
    pairs = [pair for side in sides if (pair := compare(side, wanted))]
    content = next((pair for pair in pairs if pair.marketing.cases == "asset"), None)
    if content and content.is_judged:
        found = _judged("content.persona_focus", "persona_mismatch", content, settings, "persona", _PERSONAS_MORE)
        made.findings += found.findings
        made.exhibits += found.exhibits
    elif tables.has("assets"):
        named = [name for name, side in (("asset", sides[0]), ("open opportunity", wanted)) if not side.groups]
        why = f"no {' and no '.join(named)} names a persona" if named else "only one persona is named"
        why = content.why_not if content else why
        made.not_judged += missing(_PERSONAS, why, _PERSONAS_WANTED, "focus").not_judged
    return pairs


def _exhibit(key: str, pair: Pair, says: str, label: str) -> Exhibit:
    rows = cells(pair)
    kind = {"asset": "content library", "lead": "leads", "open deal": "open opportunities"}
    sources = sorted({kind.get(side.cases, "plan") for side in (pair.marketing, pair.sales)})
    spoken = (f"{r['label']} {words.share(r['sales'])} and {words.share(r['marketing'])}" for r in rows)
    counted = f"Found on {pair.counts}; chance moves the figure up, and its interval allows for that."
    return Exhibit(
        key=key, title=says, lead=_lead(rows, pair.apart), shape="paired", rows=rows, play="P2",
        source=words.capital(words.listed(sources)),
        columns=columns(label=(label.capitalize(), "text"), sales=(f"Sales: {pair.sales.short.lower()}", "share"),
                        marketing=(f"Marketing: {pair.marketing.short.lower()}", "share"),
                        gap=("Marketing less Sales", "pp"), note=("Note", "text")),
        read=f"Each {label}’s share on both sides. The headline figure is the share of Marketing’s side that "
        f"would have to move for the two to match. {_ONE * (len(rows) > MOST)}"
        f"{'Counted.' if pair.is_counted else counted}",
        says_not=_SAYS_NOT[label],
        alt=f"Paired shares of Sales and Marketing by {label}: {'; '.join(spoken)}.",
    )  # fmt: skip


def cells(pair: Pair) -> list[Row]:
    """Which share has each label on both sides, and where is one team without the other? Sales' side first."""
    rows: list[Row] = [
        {"label": words.masked(label), "sales": s, "marketing": m, "gap": m - s, "note": _note(s, m)}
        for label, m, s in zip(pair.labels, *pair.shares, strict=True)
    ]
    return sorted(rows, key=lambda row: (round(row["gap"], 12), row["label"]))


def _note(sales: float, marketing: float) -> str:
    if min(sales, marketing) * 2 >= max(sales, marketing):
        return ""
    here, away = ("Sales", "Marketing") if sales > marketing else ("Marketing", "Sales")
    return f"{here} is here, {away} {'hardly' if min(sales, marketing) > 0 else 'is not'}"


def _lead(rows: list[Row], apart: Interval) -> str:
    """How sure is a headline that is not counted; which cells lie on one side alone, the widest first?"""
    ends = f"{words.interval(apart.low, apart.high, 'share')}{words.NBSP}%"
    said = [f"95{words.NBSP}% interval: {ends}."] if apart.low is not None else []
    for note in sorted({row["note"] for row in rows} - {""}, key=lambda n: (n.startswith("M"), n.endswith("hardly"))):
        here = sorted((row for row in rows if row["note"] == note), key=lambda row: -abs(row["gap"]))
        named = [f"{r['label']} ({words.share(r['sales'])} of Sales, {words.share(r['marketing'])} of Marketing)"
                 if r is here[0] else str(r["label"]) for r in here[:_NAMED]]  # fmt: skip
        more = [f"{len(here) - _NAMED} more"] if len(here) > _NAMED else []
        said.append(f"{note}: {words.listed([*named, *more])}.")
    return " ".join(said)


def _sides(pairs: list[Pair], by_role: list[Pair]) -> Exhibit:
    rows: list[Row] = []
    for pair in [*pairs, *by_role]:
        between = f"{pair.marketing.short} against {pair.sales.short.lower()}{', by persona' * (pair in by_role)}"
        found = pair.apart
        rows.append({"label": between,
                     "value": found.value if pair.is_judged else None, "low": found.low, "high": found.high,
                     "note": pair.why_not or pair.counts})  # fmt: skip
    measured_pairs = [row for row in rows if row["low"] is not None]
    sure = [row for row in measured_pairs if row["low"] > 0]
    title = f"Measured pairs that lie apart: {words.of(len(sure), len(measured_pairs))}"
    if sure:
        widest = max(sure, key=lambda row: float(row["value"]))
        ends = words.interval(widest["low"], widest["high"], "share")
        title += f"; widest: {str(widest['label']).lower()}, {words.share(widest['value'])} ({ends})"
    return Exhibit(
        key="content.focus_sides", title=title, shape="intervals", rows=rows, is_detail=True, play="P2",
        columns=columns(label=("Marketing against Sales", "text"), value=("Distance", "share"), low=("Low", "share"),
                        high=("High", "share"), note=("Note", "text")),
        read="Share of Marketing’s side that would have to move to match Sales’ side. Judged is the first pair known "
        "of spend, assets, touches against plan, open pipeline, open deals. An asset that names several "
        "counts in parts, one that names none nowhere; touches are those of campaigns, by lead. Bars: 95 %; multiplier "
        f"bootstrap, from {FEWEST} cases of one size on. Amounts below 0 are left out. Spend against plan is counted.",
        says_not="Which side is right. Small samples lie apart by chance alone: an interval that reaches 0 shows "
        "no distance.",
        alt=f"Distance of {words.count(len(rows), 'pair')} of sides.",
        source="Plan, content library, campaign touches, leads and open opportunities",
    )  # fmt: skip
