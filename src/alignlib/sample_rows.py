"""What happens in a made-up company: its leads, deals and content, drawn from what is said to be true of it."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial
from typing import Any

import numpy as np

Row = dict[str, Any]
Pairs = frozenset[tuple[str, str]]

SEGMENTS = ("Manufacturing", "Health care", "Logistics", "Public sector", "Retail", "Energy")
PLANNED = (0.18, 0.14, 0.20, 0.24, 0.08, 0.16)  # where Sales plans its revenue
PERSONAS = ("Head of operations", "Plant manager", "IT lead", "Finance lead", "Procurement")
SOURCES = ("Organic search", "Paid search", "Webinar", "Trade show", "Referral", "Outbound list")
CONVERSATIONS = ("C1", "C2", "C3", "C4", "C5")
SELLERS = tuple(f"Seller {i:02d}" for i in range(1, 15))
MARKETERS = tuple(f"Marketer {i:02d}" for i in range(1, 10))
START, END = datetime(2024, 4, 1), datetime(2026, 4, 29, 18)  # END: the export was drawn the evening before as_of
DAYS = 730
N_LEADS = 2700
SELLER_SD = 0.416  # on the logit scale: intra-class correlation of .05 between the sellers' leads
FAR_FROM_LIMITS = (30, 90, 180)  # no use and no age lies within three days of a window, so no reading of it matters


@dataclass(frozen=True)
class Company:
    """What is true of this company? Shares of MQL spells unless said otherwise; nothing usable is in ``empty``."""

    name: str
    planted: bool
    effort: tuple[float, ...]  # Marketing's spend over SEGMENTS
    in_time: float
    untouched: float
    no_owner: float
    stalled: float
    accepted: float  # of those worked on
    qualified: float  # of those accepted
    opened: float  # of those qualified
    won: float  # of opportunities
    never_used: float  # of assets
    late_used: float  # of assets: first use after more than 90 days
    untagged: float  # of assets
    stale: float  # of assets
    empty: Pairs
    empty_pipeline: float  # of open opportunities' amount


@dataclass
class World:
    """What has been made up so far? Tables of rows in our own column names, and what each seller is like."""

    rng: np.random.Generator
    company: Company
    tables: dict[str, list[Row]] = field(default_factory=dict)
    speed: dict[str, float] = field(default_factory=dict)
    skill: dict[str, float] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> None:
        self.tables.setdefault(table, []).append(row)

    def chance(self, share: float, logit: float = 0.0) -> bool:
        odds = share / (1 - share) * float(np.exp(logit))
        return bool(self.rng.random() < odds / (1 + odds))

    def pick(self, options: Sequence[str], weights: Sequence[float] | None = None) -> str:
        p = None if weights is None else np.asarray(weights) / sum(weights)
        return options[int(self.rng.choice(len(options), p=p))]

    def later(self, start: datetime, median: float, spread: float = 0.6, most: float = 400) -> datetime:
        """A log-normal number of days later, in office hours of a weekday."""
        gap = min(float(median * np.exp(spread * self.rng.standard_normal())), most)
        at = self.office(start + timedelta(days=gap))
        return at if at > start else start + timedelta(minutes=int(self.rng.integers(20, 90)))

    def office(self, day: datetime) -> datetime:
        day += timedelta(days=max(0, 7 - day.weekday()) if day.weekday() > 4 else 0)
        return day.replace(
            hour=int(self.rng.integers(9, 16)), minute=int(self.rng.integers(60)), second=0, microsecond=0
        )


def _leads(world: World) -> None:
    rng = world.rng
    grades = {"A": 0.62, "B": 0.50, "C": 0.40, "D": 0.30}
    for i, day in enumerate(np.sort(rng.uniform(0, DAYS, N_LEADS)), 1):
        created = (START + timedelta(days=float(day))).replace(microsecond=0, second=0, hour=int(rng.integers(7, 21)))
        grade = world.pick("ABCD", (0.15, 0.30, 0.35, 0.20))
        lead: Row = {
            "lead_id": f"L-{i:06d}", "created_at": created, "source": world.pick(SOURCES, (28, 18, 20, 12, 8, 14)),
            "segment": world.pick(SEGMENTS, world.company.effort), "persona": world.pick(PERSONAS), "grade": grade,
            "score": int(np.clip(rng.normal({"A": 82, "B": 64, "C": 47, "D": 30}[grade], 8), 1, 100)), "owner_id": "",
        }  # fmt: skip
        world.tables.setdefault("leads", []).append(lead)
        world.add("stage_events", lead_id=lead["lead_id"], stage="inquiry", entered_at=created, owner_id="", reason="")
        for _ in range(int(rng.poisson(1.6)) + 1):
            channel = world.pick(("E-mail", "Web", "Webinar", "Event", "Social"), (4, 4, 2, 1, 1))
            at = world.later(created, 12, 1.0)
            if at < END:
                campaign = f"{at.year} Q{(at.month + 2) // 3} {world.pick(('Product', 'Industry', 'Event'))} campaign"
                world.add(
                    "campaign_touches", lead_id=lead["lead_id"], campaign=campaign, channel=channel, touched_at=at
                )
        entry = world.later(created, 6, 0.9) if world.chance(grades[grade]) else None
        seller = world.pick(SELLERS)
        while entry and entry < END - timedelta(days=3):
            recycled = _spell(world, lead, entry, seller)
            entry = world.later(recycled, 75, 0.4) if recycled and world.chance(0.3) else None


def _spell(world: World, lead: Row, entry: datetime, seller: str) -> datetime | None:
    """Plays one MQL spell to its end or to the export; returns when it was recycled, if it was."""
    company, age = world.company, (END - entry).days
    kinds = {"untouched": company.untouched, "no_owner": company.no_owner, "stalled": company.stalled, "dropped": 0.02}
    kind = world.pick((*kinds, "worked"), (*kinds.values(), 1 - sum(kinds.values())))
    if kind in ("no_owner", "stalled") and age < 60:  # too young to be told from a lead in work
        kind = "worked"
    lead["owner_id"] = "" if kind == "no_owner" else seller

    def enter(stage: str, at: datetime, reason: str = "") -> None:
        row = {"stage": stage, "entered_at": at, "owner_id": lead["owner_id"], "reason": reason}
        world.add("stage_events", lead_id=lead["lead_id"], **row)

    enter("mql", entry)
    if kind == "untouched":
        return None
    if kind == "dropped":
        dropped, stage = world.later(entry, 12), world.pick(("recycled", "disqualified"))
        if dropped < END:
            enter(stage, dropped, "No capacity")
        return dropped if stage == "recycled" and dropped < END else None
    in_time = company.in_time / (1 - company.untouched - kinds["dropped"])
    first = _first_touch(world, entry, world.chance(in_time, world.speed[seller]))
    path: list[tuple[str, datetime, str]] = []
    if kind == "worked":
        path = _path(world, first, seller, {"A": 0.3, "D": -0.3}.get(str(lead["grade"]), 0.0))
    elif kind == "stalled" and world.chance(0.3):
        path = [("sal", world.later(first, 2, 0.5, most=8), "")]
    for stage, at, reason in path:
        if at < END:
            enter(stage, at, reason)
    end = path[-1][1] if kind == "worked" else None
    _touches(world, lead["lead_id"], seller, first, end)
    _deal(world, lead, seller, path)
    return end if end and end < END and path[-1][0] == "recycled" else None


def _first_touch(world: World, entry: datetime, in_time: bool) -> datetime:
    """In time means within 22 hours, late means 39 hours or more: no rounding of hours or clock change matters."""
    rng = world.rng
    if not in_time:
        return world.office(entry + timedelta(days=float(2.5 + min(rng.exponential(2.5), 9))))
    if entry.weekday() < 4 and world.chance(0.4):  # the next morning
        return (entry + timedelta(days=1)).replace(hour=8, minute=int(rng.integers(60))) - timedelta(minutes=30)
    return entry + timedelta(minutes=int(rng.integers(8, 210)))


def _path(world: World, first: datetime, seller: str, grade: float) -> list[tuple[str, datetime, str]]:
    """Which stages does a lead in work go through after its first touch, until won or out?"""
    company, logit = world.company, world.skill[seller] + grade
    steps = (  # stage, share that gets there, days to it, days to the exit instead, exits
        ("sal", company.accepted, 2.0, 8, ("recycled", "disqualified")),
        ("sql", company.qualified, 8.0, 16, ("recycled", "disqualified")),
        ("opportunity", company.opened, 6.0, 14, ("recycled", "disqualified")),
        ("won", company.won, 34.0, 42, ("lost",)),
    )
    reasons = {
        "recycled": ("Not now", "No budget yet", "No answer"),
        "disqualified": ("Wrong fit", "No project", "Student or supplier"),
        "lost": ("Price", "No decision", "Competitor"),
    }
    path: list[tuple[str, datetime, str]] = []
    at = first
    for stage, share, days, exit_days, exits in steps:
        if not world.chance(share, logit):
            out = world.pick(exits)
            return [*path, (out, world.later(at, exit_days), world.pick(reasons[out]))]
        at = world.later(at, days)
        if stage != "sal" or not world.chance(0.04):  # a few records skip the acceptance step
            path.append((stage, at, ""))
    return path


def _touches(world: World, lead_id: str, seller: str, first: datetime, end: datetime | None) -> None:
    """Adds the seller's attempts; ``end`` is None when the lead was dropped after a few."""
    rng = world.rng
    at, stop = first, min(end or END, END)
    for _ in range(int(rng.integers(1, 6))):
        if at < stop:
            kind = world.pick(("call", "e-mail", "meeting"), (5, 4, 1))
            world.add("sales_touches", lead_id=lead_id, user_id=seller, touched_at=at, kind=kind)
        at = world.office(at + timedelta(days=float(rng.uniform(1.2, 4))))
    if end and end >= END and first < END - timedelta(days=2):
        recent = END - timedelta(days=float(rng.uniform(0.5, min(18, (END - first).days))))
        world.add("sales_touches", lead_id=lead_id, user_id=seller, touched_at=recent.replace(second=0, microsecond=0),
                  kind="call")  # fmt: skip


def _deal(world: World, lead: Row, seller: str, path: list[tuple[str, datetime, str]]) -> None:
    opened = next((at for stage, at, _ in path if stage == "opportunity" and at < END), None)
    if opened:
        _opportunity(world, lead["lead_id"], seller, lead["segment"], lead["persona"], opened, path[-1])


def _opportunity(world: World, lead_id: str, seller: str, segment: str, persona: str, opened: datetime,
                 last: tuple[str, datetime, str]) -> None:  # fmt: skip
    closed = last[1] if last[1] < END else None
    amount = float(np.clip(np.exp(world.rng.normal(10.2, 0.6)), 4_000, 150_000) // 500 * 500)
    world.add(
        "opportunities", lead_id=lead_id, owner_id=seller, segment=segment, persona=persona, amount=amount,
        outcome=("won" if last[0] == "won" else "lost") if closed else "open", opened_at=opened.date(),
        closed_at=closed.date() if closed else "", region=world.pick(("North", "South", "West", "East")),
        product=world.pick(("Line A", "Line B", "Service")), conversation="",
    )  # fmt: skip


def _sales_sourced(world: World) -> None:
    """Opportunities that sellers found themselves: they follow Sales' plan and take longer."""
    for day in world.rng.uniform(0, DAYS + 15, 190):
        opened, seller = world.office(START + timedelta(days=float(day))), world.pick(SELLERS)
        last = ("won" if world.chance(world.company.won, world.skill[seller]) else "lost", world.later(opened, 85), "")
        _opportunity(world, "", seller, world.pick(SEGMENTS, PLANNED), world.pick(PERSONAS), opened, last)


def _place_pipeline(world: World) -> None:
    """Numbers the deals by date and says in which conversation each stands: open ones as the company is said to be."""
    deals, empty = world.tables["opportunities"], world.company.empty
    deals.sort(key=lambda deal: (deal["opened_at"], str(deal)))
    room = world.company.empty_pipeline * sum(deal["amount"] for deal in deals if deal["outcome"] == "open")
    for i, deal in enumerate(deals, 1):
        deal["opportunity_id"] = f"O-{i:05d}"
        cells = [c for c in CONVERSATIONS[1:] if (deal["segment"], c) in empty]
        served = [c for c in CONVERSATIONS[1:] if c not in cells]
        if deal["outcome"] != "open":
            deal["conversation"] = world.pick(("C3", "C4", "C5"), (1, 2, 5))
        elif cells and deal["amount"] <= room:
            deal["conversation"], room = world.pick(cells), room - deal["amount"]
        else:
            deal["conversation"] = world.pick(served)


def _assets(world: World) -> None:
    rng, company = world.rng, world.company
    required = [(s, c) for s in SEGMENTS for c in CONVERSATIONS if (s, c) not in company.empty]
    safe = [c for c in CONVERSATIONS if not any((s, c) in company.empty for s in SEGMENTS)]
    loose = rng.permutation(np.arange(len(required), 180))
    untagged = set(loose[: round(180 * company.untagged)].tolist())
    stale = set(rng.permutation(loose)[: round(180 * company.stale)].tolist())
    kinds = ("Deck", "Case", "Brief", "Page", "Video", "Calculator", "Guide", "Webinar recording")
    for i in range(180):
        if i < len(required):
            segments, conversations = [required[i][0]], [required[i][1]]
        else:
            conversations = [] if i in untagged else [world.pick(CONVERSATIONS if i in stale else safe)]
            segments = sorted({world.pick(SEGMENTS, company.effort) for _ in range(int(rng.integers(0, 3)))})
        created, reviewed = _ages(rng, i in stale)
        expires = END - timedelta(days=int(rng.integers(20, 300))) if i in stale and rng.random() < 0.2 else None
        kind = world.pick(kinds)
        world.add(
            "assets", asset_id=f"A-{i + 1:04d}", title=f"{kind} {i + 1:03d}, {' and '.join(segments) or 'general'}",
            type=kind, owner_team="marketing" if rng.random() < 0.8 else "sales", created_on=created.date(),
            reviewed_on=reviewed.date() if reviewed else "", expires_on=expires.date() if expires else "",
            conversations=conversations,
            personas=sorted({world.pick(PERSONAS) for _ in range(int(rng.integers(0, 3)))}),
            segments=segments, topics=sorted({world.pick(("price", "safety", "rollout", "savings", "support", "law"))}),
            specificity=world.pick(("segment", "account")) if segments else "market",
            is_customisable="yes" if rng.random() < 0.4 else "no", cost=int(rng.integers(3, 90)) * 100,
        )  # fmt: skip


def _ages(rng: np.random.Generator, stale: bool) -> tuple[datetime, datetime | None]:
    """When was an asset published and last reviewed: more than a year ago if stale, well within a year if not?"""
    if stale:
        age = int(rng.integers(380, 1300))
        reviewed = int(rng.integers(375, age)) if rng.random() < 0.3 and age > 380 else None
    elif rng.random() < 0.45:
        age, reviewed = int(rng.integers(12, 350)), None
    else:
        age = int(rng.integers(380, 1300))
        reviewed = int(rng.integers(10, 350))
    age += 8 if any(abs(age - window) < 4 for window in FAR_FROM_LIMITS) else 0
    return END - timedelta(days=age), END - timedelta(days=reviewed) if reviewed else None


def _usage(world: World) -> None:
    """Who used which asset: some never, some late; what is used is used unevenly."""
    rng, company = world.rng, world.company
    deals = [deal["opportunity_id"] for deal in world.tables["opportunities"]]
    begins = {
        a["asset_id"]: max(datetime.combine(a["created_on"], START.time()), START) for a in world.tables["assets"]
    }
    old = [a for a, begin in begins.items() if (END - begin).days > 90]
    order = [str(a) for a in rng.permutation(old)]
    never = set(order[: round(len(old) * company.never_used)])
    late_enough = [a for a in order if a not in never and (END - begins[a]).days > 190]
    late = set(late_enough[: round(len(old) * company.late_used)])
    for asset, begin in begins.items():
        day = float(rng.uniform(100, 172) if asset in late else rng.uniform(0, 26) if rng.random() < 0.8
                    else rng.uniform(35, 85))  # fmt: skip
        if asset in never:
            world.add("asset_usage", asset_id=asset, user_id=world.pick(MARKETERS), event="edit", opportunity_id="",
                      used_at=world.office(begin))  # fmt: skip
            continue
        at = world.office(begin + timedelta(days=day))
        for _ in range(1 + int(min(rng.lognormal(2.6, 0.9), 90))):
            if at >= END:
                break
            event = world.pick(("view", "download", "share"), (6, 2, 2))
            deal = world.pick(deals) if event == "share" and rng.random() < 0.5 else ""
            seller = world.pick(SELLERS, range(1, 15))
            world.add("asset_usage", asset_id=asset, user_id=seller, event=event, used_at=at, opportunity_id=deal)
            at = world.later(at, 9, 1.0)


def _library(world: World) -> None:
    rng, assets = world.rng, [asset["asset_id"] for asset in world.tables["assets"]]
    used = sorted({row["asset_id"] for row in world.tables["asset_usage"] if row["event"] != "edit"})
    pairs = sorted({(world.pick(assets), world.pick(SELLERS)) for _ in range(150)})
    for asset, seller in pairs:
        world.add("training", asset_id=asset, user_id=seller, trained_on=_moment(world).date())
    for _ in range(600):
        query = f"{world.pick(SEGMENTS).lower()} {world.pick(('price', 'case', 'savings', 'references', 'rollout'))}"
        found = int(rng.poisson(2.2))
        opened = world.pick(used) if found and rng.random() < 0.6 else ""
        world.add("searches", query=query, user_id=world.pick(SELLERS), searched_at=_moment(world), n_results=found,
                  opened_asset_id=opened)  # fmt: skip
    for _ in range(260):
        world.add("recommendations", asset_id=world.pick(assets), user_id=world.pick(SELLERS),
                  recommended_at=_moment(world))  # fmt: skip


def _moment(world: World) -> datetime:
    return world.office(START + timedelta(days=float(world.rng.uniform(0, DAYS + 20))))


def _order(at: str, row: Row) -> tuple[datetime, str]:
    return row[at], str(row)


def make_rows(company: Company, seed: int) -> World:
    """Which leads, deals and content does this company have? The same seed gives the same rows."""
    world = World(np.random.default_rng([seed, int(company.planted)]), company)
    for made in (world.speed, world.skill):
        offsets = world.rng.normal(0, SELLER_SD, len(SELLERS))
        made.update(zip(SELLERS, (float(offset) for offset in offsets - offsets.mean()), strict=True))
    for make in (_leads, _sales_sourced, _place_pipeline, _assets, _usage, _library):
        make(world)
    for table, at in (("stage_events", "entered_at"), ("sales_touches", "touched_at"),
                      ("campaign_touches", "touched_at"), ("asset_usage", "used_at")):  # fmt: skip
        world.tables[table] = sorted(world.tables[table], key=partial(_order, at))
    return world
