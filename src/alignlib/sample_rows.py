"""What happens in a made-up company: its leads and deals, drawn from what is said to be true of it."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from operator import itemgetter
from typing import Any

import numpy as np

Row = dict[str, Any]
Step = tuple[str, datetime, str]  # a stage, when it is entered, and why

CONVERSATIONS = ("C1", "C2", "C3", "C4", "C5")
SELLERS = tuple(f"Seller {i:02d}" for i in range(1, 15))
MARKETERS = tuple(f"Marketer {i:02d}" for i in range(1, 10))
START, END = datetime(2024, 4, 1), datetime(2026, 4, 29, 18)  # END: the export was drawn the evening before as_of
DAYS, N_LEADS = 730, 2700
SELLER_SD = 0.416  # on the logit scale: intra-class correlation of .05 between the sellers' leads


@dataclass
class World:
    """What is said to be true of a company, and which rows, in our own column names, have been made up of it so far?

    The figures stand, explained, in ``templates/sample/companies.yml``. ``speed`` and ``skill``: how sellers differ.
    """

    rng: np.random.Generator
    planted: bool
    client: str
    words: dict[str, Any]
    plan: dict[str, float]
    effort: dict[str, float]
    shares: dict[str, float]
    empty: dict[str, list[str]]
    content: dict[str, Any]
    survey: dict[str, Any]
    speed: dict[str, float] = field(default_factory=dict)
    skill: dict[str, float] = field(default_factory=dict)
    tables: dict[str, list[Row]] = field(default_factory=dict)

    def add(self, table: str, **row: Any) -> Row:
        self.tables.setdefault(table, []).append(row)
        return row

    def sort(self, **times: str) -> None:
        """Puts tables in the order of their times: {table: column}."""
        for table, at in times.items():
            self.tables[table].sort(key=str)  # so that rows of one moment keep one order
            self.tables[table].sort(key=itemgetter(at))

    def chance(self, share: float, logit: float = 0.0) -> bool:
        odds = share / (1 - share) * float(np.exp(logit))
        return bool(self.rng.random() < odds / (1 + odds))

    def pick(self, options: Sequence[str] | Mapping[str, float]) -> str:
        weights = list(options.values()) if isinstance(options, Mapping) else None
        p = None if weights is None else np.asarray(weights) / sum(weights)
        return list(options)[int(self.rng.choice(len(options), p=p))]

    def draw(self, kind: str) -> str:
        return self.pick(self.words[kind])

    def some(self, options: Sequence[str] | Mapping[str, float]) -> list[str]:
        """None, one or two of these."""
        return sorted({self.pick(options) for _ in range(int(self.rng.integers(0, 3)))})

    def centred(self, n: int, spread: float) -> list[float]:
        """So many draws that differ, but are nothing on average: what is said to be true is in the file."""
        draws = self.rng.normal(0, spread, n)
        return [float(draw) for draw in draws - draws.mean()]

    def sellers(self) -> dict[str, float]:
        """How far does each seller differ from the others in something, on the logit scale?"""
        return dict(zip(SELLERS, self.centred(len(SELLERS), SELLER_SD), strict=True))

    def later(self, start: datetime, median: float, spread: float = 0.6, most: float = 400) -> datetime:
        """A log-normal number of days later, in office hours of a weekday."""
        gap = min(float(median * np.exp(spread * self.rng.standard_normal())), most)
        at = self.office(start + timedelta(days=gap))
        return at if at > start else start + timedelta(minutes=int(self.rng.integers(20, 90)))

    def office(self, day: datetime) -> datetime:
        day += timedelta(days=7 - day.weekday() if day.weekday() > 4 else 0)
        hour, minute = int(self.rng.integers(9, 16)), int(self.rng.integers(60))
        return day.replace(hour=hour, minute=minute, second=0, microsecond=0)


def _leads(world: World) -> None:
    rng = world.rng
    for i, day in enumerate(np.sort(rng.uniform(0, DAYS, N_LEADS)), 1):
        created = (START + timedelta(days=float(day))).replace(microsecond=0, second=0, hour=int(rng.integers(7, 21)))
        grade = world.draw("grades")
        lead = world.add(
            "leads", lead_id=f"L-{i:06d}", created_at=created, source=world.draw("sources"),
            segment=world.pick(world.effort), persona=world.draw("personas"), grade=grade,
            score=int(np.clip(rng.normal(world.words["grade_score"][grade], 8), 1, 100)), owner_id="",
        )  # fmt: skip
        world.add("stage_events", lead_id=lead["lead_id"], stage="inquiry", entered_at=created, owner_id="", reason="")
        for _ in range(int(rng.poisson(1.6)) + 1):
            channel = world.draw("channels")
            at = world.later(created, 12, 1.0)
            if at < END:
                name = f"{at.year} Q{(at.month + 2) // 3} {world.draw('campaigns')} campaign"
                world.add("campaign_touches", lead_id=lead["lead_id"], campaign=name, channel=channel, touched_at=at)
        entry = world.later(created, 6, 0.9) if world.chance(world.words["grade_mql"][grade]) else None
        seller = world.pick(SELLERS)
        while entry and entry < END - timedelta(days=3):
            recycled = _spell(world, lead, entry, seller)
            entry = world.later(recycled, 75, 0.4) if recycled and world.chance(0.3) else None


def _spell(world: World, lead: Row, entry: datetime, seller: str) -> datetime | None:
    """Plays one MQL spell to its end or to the export; returns when it was recycled, if it was."""
    shares = world.shares
    kinds = {kind: shares[kind] for kind in ("untouched", "no_owner", "stalled")} | {"dropped": 0.02}
    kind = world.pick({**kinds, "worked": 1 - sum(kinds.values())})
    if kind in ("no_owner", "stalled") and (END - entry).days < 60:  # too young to be told from a lead in work
        kind = "worked"
    lead["owner_id"] = "" if kind == "no_owner" else seller
    first, path = entry, list[Step]()
    if kind == "dropped":
        dropped = world.later(entry, 12)
        path = [(world.pick(("recycled", "disqualified")), dropped, "No capacity")]
    elif kind != "untouched":
        in_time = shares["in_time"] / (1 - shares["untouched"] - kinds["dropped"])
        is_in_time = world.chance(in_time, world.speed[seller])
        first = _first_touch(world, entry, is_in_time)
        if is_in_time:  # as if sellers had chosen by the score
            lead["score"] = min(lead["score"] + shares["picked"], 100)
    if kind == "worked":
        path = _path(world, first, seller, world.words["grade_skill"][lead["grade"]])
    elif kind == "stalled" and world.chance(0.3):
        path = [("sal", world.later(first, 2, 0.5, most=8), "")]
    for stage, at, reason in [("mql", entry, ""), *path]:
        if at < END:
            row = {"stage": stage, "entered_at": at, "owner_id": lead["owner_id"], "reason": reason}
            world.add("stage_events", lead_id=lead["lead_id"], **row)
    if kind not in ("dropped", "untouched"):
        _touches(world, lead["lead_id"], seller, first, path[-1][1] if kind == "worked" else None)
    for stage, at, _ in path:
        if stage == "opportunity" and at < END:
            _opportunity(world, lead, seller, at, path[-1])
    return path[-1][1] if path and path[-1][0] == "recycled" and path[-1][1] < END else None


def _first_touch(world: World, entry: datetime, in_time: bool) -> datetime:
    """In time means within 22 hours, late means 39 hours or more: no rounding of hours or clock change matters."""
    rng = world.rng
    if not in_time:
        return world.office(entry + timedelta(days=float(2.5 + min(rng.exponential(2.5), 9))))
    if entry.weekday() < 4 and world.chance(0.4):  # the next morning
        return (entry + timedelta(days=1)).replace(hour=8, minute=int(rng.integers(60))) - timedelta(minutes=30)
    return entry + timedelta(minutes=int(rng.integers(8, 210)))


def _path(world: World, first: datetime, seller: str, grade: float) -> list[Step]:
    """Which stages does a lead in work go through after its first touch, until won or out?"""
    path: list[Step] = []
    at, logit = first, world.skill[seller] + grade
    for stage, (share, days, exit_days, exits) in world.words["steps"].items():
        if not world.chance(world.shares[share], logit):
            left = world.pick(exits)
            return [*path, (left, world.later(at, exit_days), world.draw(left))]
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
            kind = world.draw("attempts")
            world.add("sales_touches", lead_id=lead_id, user_id=seller, touched_at=at, kind=kind)
        at = world.office(at + timedelta(days=float(rng.uniform(1.2, 4))))
    if end and end >= END and first < END - timedelta(days=2):
        recent = float(rng.uniform(0.5, min(18, (END - first).days)))
        at = (END - timedelta(days=recent)).replace(second=0, microsecond=0)
        world.add("sales_touches", lead_id=lead_id, user_id=seller, touched_at=at, kind="call")


def _opportunity(world: World, lead: Row, seller: str, opened: datetime, last: Step) -> None:
    closed = last[1] if last[1] < END else None
    amount = float(np.clip(np.exp(world.rng.normal(10.2, 0.6)), 4_000, 150_000) // 500 * 500)
    world.add(
        "opportunities", lead_id=lead["lead_id"], owner_id=seller, segment=lead["segment"], persona=lead["persona"],
        amount=amount, outcome=("won" if last[0] == "won" else "lost") if closed else "open", opened_at=opened.date(),
        closed_at=closed.date() if closed else "", region=world.draw("regions"), product=world.draw("products"),
        conversation="",
    )  # fmt: skip


def _sales_sourced(world: World) -> None:
    """Opportunities that sellers found themselves: they follow Sales' plan and take longer."""
    for day in world.rng.uniform(0, DAYS + 15, 190):
        opened, seller = world.office(START + timedelta(days=float(day))), world.pick(SELLERS)
        won = world.chance(world.shares["won"], world.skill[seller])
        last = ("won" if won else "lost", world.later(opened, 85), "")
        found = {"lead_id": "", "segment": world.pick(world.plan), "persona": world.draw("personas")}
        _opportunity(world, found, seller, opened, last)


def _place_pipeline(world: World) -> None:
    """Numbers the deals by date and says in which conversation each stands: open ones as the company is said to be."""
    deals = world.tables["opportunities"]
    deals.sort(key=lambda deal: (deal["opened_at"], str(deal)))
    room = world.shares["empty_pipeline"] * sum(deal["amount"] for deal in deals if deal["outcome"] == "open")
    for i, deal in enumerate(deals, 1):
        deal["opportunity_id"] = f"O-{i:05d}"
        cells = [c for c in CONVERSATIONS[1:] if deal["segment"] in world.empty.get(c, [])]
        if deal["outcome"] != "open":
            deal["conversation"] = world.pick({"C3": 1, "C4": 2, "C5": 5})
        elif cells and deal["amount"] <= room:
            deal["conversation"], room = world.pick(cells), room - deal["amount"]
        else:
            deal["conversation"] = world.pick([c for c in CONVERSATIONS[1:] if c not in cells])


def make_rows(planted: bool, seed: int, **said: Any) -> World:
    """Which leads and deals does a company have of which this is said? The same seed gives the same rows."""
    world = World(np.random.default_rng([seed, int(planted)]), planted, **said)
    world.speed, world.skill = world.sellers(), world.sellers()
    for make in (_leads, _sales_sourced, _place_pipeline):
        make(world)
    world.sort(stage_events="entered_at", sales_touches="touched_at", campaign_touches="touched_at")
    return world
