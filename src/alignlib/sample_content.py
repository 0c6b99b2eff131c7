"""Which content does a made-up company have, and who was shown, sent, asked for and used which of it?"""

from datetime import date, datetime, time, timedelta
from itertools import pairwise

import numpy as np

from alignlib.sample_rows import CONVERSATIONS, END, MARKETERS, SELLERS, START, Row, World

N_ASSETS, N_YOUNG = 180, 8  # young: too young for the window of 90 days
FAR_FROM_LIMITS = (30, 90, 180)  # no use and no age lies within three days of a window, so no reading of it matters
LAST_DAYS = 40  # nothing is taught, noted or recommended so late that its 30 days would reach beyond the export
AILING = ("conversation", "demand", "stale")  # causes that an asset wears; those that fill a cell must not
LATE = ("tailor", "unknown", "never_taught", "stale")  # causes that an asset first used late may have, in this order
QUARTERS = [date(year, month, 1) for year in (2024, 2025, 2026) for month in (1, 4, 7, 10)][1:10]


def _pains(world: World) -> None:
    for deal in world.tables["opportunities"]:
        deal["pain"] = world.draw("pains")


def _fates(world: World, required: int) -> list[str]:
    """For each asset: is it "used", "young", or why is it made to go unused? The first ``required`` ail in nothing."""
    causes, shares = world.content["causes"], world.shares
    old = N_ASSETS - N_YOUNG
    unused = round(old * shares["never_used"]) + round(old * shares["late_used"])
    ends = np.rint(np.cumsum([0, *causes.values()]) / sum(causes.values()) * unused).astype(int)
    counted = dict(zip(causes, np.diff(ends).tolist(), strict=True))
    sound = [cause for cause, n in counted.items() if cause not in AILING for _ in range(n)]
    sound = world.rng.permutation([*sound, *["used"] * (old - unused), *["young"] * N_YOUNG]).tolist()
    loose = [*sound[required:], *(cause for cause in AILING for _ in range(counted.get(cause, 0)))]
    return [*sound[:required], *world.rng.permutation(loose).tolist()]


def _misplaced(world: World) -> list[tuple[str, str]]:
    """Which segments have deals, and to which conversations has none of them come?"""
    reached: dict[str, str] = {}
    for deal in world.tables["opportunities"]:
        reached[deal["segment"]] = max(reached.get(deal["segment"], ""), deal["conversation"])
    return [(segment, c) for segment, last in sorted(reached.items()) for c in CONVERSATIONS if c > last]


def _assets(world: World) -> None:
    """Adds the assets; ``fate``, ``is_late`` and ``subject`` say what is true of one, and are written to no file."""
    rng, shares, said = world.rng, world.shares, world.content
    required = [(s, c) for s in world.plan for c in CONVERSATIONS if s not in world.empty.get(c, [])]
    safe = [c for c in CONVERSATIONS if c not in world.empty]
    fates, beyond = _fates(world, len(required)), _misplaced(world)
    of = {cause: [i for i, fate in enumerate(fates) if fate == cause] for cause in (*said["causes"], "used")}
    spare = [i for i in of["used"] if i >= len(required)]
    n_stale = round(N_ASSETS * shares["stale"]) - len(of["stale"])
    wrong = set(of["conversation"][: len(of["conversation"]) // 4] if beyond else [])
    untagged = {*of["conversation"], *spare[n_stale : n_stale + round(N_ASSETS * shares["untagged"])]} - wrong
    untagged = set(sorted(untagged, key=lambda i: fates[i] == "used")[: round(N_ASSETS * shares["untagged"])])
    stale, heavy = {*of["stale"], *spare[:n_stale]}, spare[: said["over_tagged"]]
    late = [i for cause in LATE for i in of[cause]][: round((N_ASSETS - N_YOUNG) * shares["late_used"])]
    for i, fate in enumerate(fates):
        segments, conversations = world.some(world.effort), [world.pick(CONVERSATIONS if i in stale else safe)]
        if i < len(required) or i in wrong:
            segment, conversation = required[i] if i < len(required) else beyond[int(rng.integers(len(beyond)))]
            segments, conversations = [segment], [conversation]
        elif fate == "demand":
            segments, conversations = [said["no_demand"]], ["C2"]
        elif i in untagged or i in heavy:
            conversations = [] if i in untagged else list(CONVERSATIONS[:4])
        made = {"fate": fate, "is_late": i in late, "segments": segments, "conversations": conversations}
        _asset(world, i + 1, made, i in stale)
    twice = rng.permutation(spare)[: 2 * said["same_title"]].tolist()
    for one, other in zip(twice[::2], twice[1::2], strict=True):
        world.tables["assets"][other]["title"] = world.tables["assets"][one]["title"]


def _asset(world: World, number: int, made: Row, stale: bool) -> None:
    rng, said = world.rng, world.content
    created, reviewed = _ages(rng, stale, made["fate"], made["is_late"])
    expires = END - timedelta(days=int(rng.integers(20, 300))) if stale and rng.random() < said["expired"] else None
    kinds, subjects, topic = world.words["assets"], world.words["subjects"], world.draw("topics")
    turn, at = divmod(number * 5, len(subjects))  # no two assets are of one kind and one subject
    kind, subject = kinds[(turn + at) % len(kinds)], subjects[at]
    customisable = {"tailor": False, "unknown": True}.get(made["fate"], world.chance(said["customisable"]))
    address = f"https://www.example.com/en/{topic}/{subject.replace(' ', '-')}-{number:03d}"
    world.add(
        "assets", asset_id=f"A-{number:04d}", type=kind, owner_team="marketing" if rng.random() < 0.8 else "sales",
        title=f"{kind} {number:03d}: {subject}, {' and '.join(made['segments']) or 'general'}",
        created_on=created.date(), reviewed_on=reviewed.date() if reviewed else "", topics=[topic],
        expires_on=expires.date() if expires else "", personas=world.some(said["personas"]),
        pains=world.some(world.words["pains"]), url=address if kind == "Page" else "",
        specificity=world.pick(said["specificity"]) if made["segments"] else "market",
        is_customisable="yes" if customisable else "no", is_approved="yes" if world.chance(said["approved"]) else "no",
        cost=int(rng.integers(3, 90)) * 100, subject=subject, **made,
    )  # fmt: skip


def _ages(rng: np.random.Generator, stale: bool, fate: str, late: bool) -> tuple[datetime, datetime | None]:
    """When was an asset published and last reviewed: more than a year ago if stale, well within a year if not?"""
    recent, reviewed = not stale and rng.random() < 0.45, 0
    age = int(rng.integers(205 if late else 100, 350) if recent else rng.integers(400, 1300))
    age = int(rng.integers(12, 80)) if fate == "young" else age
    if stale and rng.random() < 0.3:
        reviewed = int(rng.integers(375, age))
    elif not stale and age > 365:
        reviewed = int(rng.integers(10, 350))
    age += 8 if any(abs(age - window) < 4 for window in FAR_FROM_LIMITS) else 0
    return END - timedelta(days=age), END - timedelta(days=reviewed) if reviewed else None


def _begin(asset: Row) -> datetime:
    """From when on could an asset be used within the period: its creation, or the period's start if that is later?"""
    return max(datetime.combine(asset["created_on"], time()), START)


def _stop(asset: Row) -> datetime:
    """Until when may it be sent?"""
    return datetime.combine(asset["expires_on"], time()) if asset["expires_on"] else END


def _use(world: World, asset: Row, user: str, at: datetime, event: str) -> None:
    deals = [
        deal["opportunity_id"] for deal in world.tables["opportunities"] if deal["opened_at"] <= at.date()
        and (not deal["closed_at"] or at.date() <= deal["closed_at"])
    ] if event == "share" and world.rng.random() < 0.5 else []  # fmt: skip
    world.add(
        "asset_usage", asset_id=asset["asset_id"], user_id=user, used_at=at, event=event,
        team="marketing" if user in MARKETERS else "sales", opportunity_id=world.pick(deals) if deals else "",
    )  # fmt: skip


def _usage(world: World) -> None:
    """Who used which asset: some never, some late; what is used is used unevenly, by Marketing as well."""
    rng = world.rng
    for asset in world.tables["assets"]:
        begin = _begin(asset)
        for event in ("edit", "view")[: int(rng.integers(1, 3))]:
            _use(world, asset, world.pick(MARKETERS), world.office(begin + timedelta(days=float(rng.uniform(0, 9)))),
                 event)  # fmt: skip
        if asset["fate"] not in ("used", "young") and not asset["is_late"]:
            continue
        low, high = (100, 172) if asset["is_late"] else (0, 26) if rng.random() < 0.8 else (35, 85)
        high = min(high, (END - begin).days - 2)
        at = world.office(begin + timedelta(days=float(rng.uniform(min(low, 2 * high / 3), high))))
        for _ in range(1 + int(min(rng.lognormal(2.6, 0.9), 90))):
            if at >= _stop(asset):
                break
            event = world.draw("uses") if asset["is_approved"] == "yes" or world.planted else "view"
            seller = world.pick({name: i for i, name in enumerate(SELLERS, 1)})
            if event == "share" and asset["is_customisable"] == "yes" and world.chance(world.content["tailored"]):
                _use(world, asset, seller, at - timedelta(minutes=int(rng.integers(10, 90))), "edit")
            _use(world, asset, seller, at, event)
            at = world.later(at, 9, 1.0)
        if asset["expires_on"] and world.chance(world.content["outdated"]):
            for days in rng.uniform(4, (END - _stop(asset)).days - 3, int(rng.integers(1, 4))):
                seller = world.pick(SELLERS)
                _use(world, asset, seller, world.office(_stop(asset) + timedelta(days=float(days))), "share")


def _soon(world: World, asset: Row, seller: str, start: datetime) -> None:
    """A seller uses an asset within 26 days of something."""
    at = world.office(start + timedelta(days=float(world.rng.uniform(1, 24))))
    if at < _stop(asset):
        _use(world, asset, seller, at, world.pick({"view": 2, "download": 1}))


def _training(world: World) -> None:
    """Who was shown which asset, and used it soon after: sellers differ."""
    rng, said = world.rng, world.content
    lean = world.sellers()
    for asset in world.tables["assets"]:
        fate, begin = asset["fate"], _begin(asset)
        taught = fate in ("taught", "tailor", "unknown") or world.chance(said["taught"])
        last = (END - begin).days - LAST_DAYS
        if not taught or fate in ("never_taught", "young") or last < 5:
            continue
        day = begin + timedelta(days=float(rng.uniform(2, min(last, 85 if asset["is_late"] else 150))))
        for seller in rng.permutation(SELLERS)[: int(rng.integers(*said["sellers"]))].tolist():
            world.add("training", asset_id=asset["asset_id"], user_id=seller, trained_on=day.date())
            if fate == "used" and world.chance(said["used_after"], lean[seller]):
                _soon(world, asset, seller, datetime.combine(day.date(), time()))


def _recommendations(world: World) -> None:
    """What Marketing recommended to whom, and whether they used it soon after."""
    rng, said = world.rng, world.content
    lean = world.sellers()
    old = [asset for asset in world.tables["assets"] if asset["fate"] != "young"]
    used = [asset for asset in old if asset["fate"] == "used" and not asset["expires_on"]]
    for _ in range(said["recommended"]):
        options = used if rng.random() < 0.85 else old
        asset, seller = options[int(rng.integers(len(options)))], world.pick(SELLERS)
        last = (END - _begin(asset)).days - LAST_DAYS
        at = world.office(_begin(asset) + timedelta(days=float(rng.uniform(30, last))))
        world.add("recommendations", asset_id=asset["asset_id"], user_id=seller, recommended_at=at)
        if asset["fate"] == "used" and world.chance(said["followed"], lean[seller]):
            _soon(world, asset, seller, at)


def _searches(world: World) -> None:
    """What was searched for: with the words of a title, opened or not, or with a word that half the library fits."""
    rng = world.rng
    assets = {asset["asset_id"]: asset for asset in world.tables["assets"]}
    views = [use for use in world.tables["asset_usage"] if use["event"] == "view" and use["team"] == "sales"]
    for i in rng.choice(len(views), world.content["searches"], replace=False).tolist():
        asset, at = assets[views[i]["asset_id"]], views[i]["used_at"] - timedelta(minutes=int(rng.integers(1, 9)))
        _search(world, _words(asset), views[i]["user_id"], at, int(rng.integers(1, 10)), asset["asset_id"])
    for asset in assets.values():
        for _ in range(int(rng.integers(1, 5)) if asset["fate"] == "found" else 0):
            _search(world, _words(asset), world.pick(SELLERS), _some_day(world, asset), int(rng.integers(0, 7)))
    for _ in range(world.content["searches"] // 4):
        asset = world.tables["assets"][int(rng.integers(N_ASSETS))]
        word = (asset["type"] if rng.random() < 0.5 else asset["topics"][0]).lower()
        _search(world, word, world.pick(SELLERS), _some_day(world, asset), int(rng.integers(15, 40)))


def _search(world: World, query: str, user: str, at: datetime, n: int, opened: str = "") -> None:
    world.add("searches", query=query, user_id=user, searched_at=at, n_results=n, opened_asset_id=opened)


def _words(asset: Row) -> str:
    return f"{asset['type']} {asset['subject']}".lower()


def _some_day(world: World, asset: Row) -> datetime:
    begin = _begin(asset)
    return world.office(begin + timedelta(days=float(world.rng.uniform(1, (END - begin).days - 4))))


def _notes(world: World) -> None:
    """What sellers asked Marketing for, and when an asset answered it: on the day it was published or reviewed."""
    rng, said = world.rng, world.content
    first, last = START + timedelta(days=130), END - timedelta(days=LAST_DAYS)
    ready = [(asset, day) for asset in world.tables["assets"] for day in (asset["reviewed_on"], asset["created_on"])
             if day and first.date() < day < last.date()]  # fmt: skip
    for i, at in enumerate(rng.permutation(len(ready))[: said["notes"]].tolist(), 1):
        asset, day = ready[at]
        answered, is_soon = world.office(datetime.combine(day, time())), world.chance(said["answered"])
        noted = answered - timedelta(days=float(rng.uniform(2, 26) if is_soon else rng.uniform(36, 120)))
        is_open = not is_soon and rng.random() < 0.6
        if is_open:
            noted = START + timedelta(days=float(rng.uniform(1, (last - START).days)))
        world.add(
            "field_notes", note_id=f"N-{i:04d}", noted_at=world.office(noted),
            asset_id="" if is_open else asset["asset_id"], answered_at="" if is_open else answered,
            segment=(asset["segments"] or [world.pick(list(world.plan))])[0],
            conversation=(asset["conversations"] or [world.pick(CONVERSATIONS)])[0],
        )  # fmt: skip


def _pages(world: World) -> None:
    """What page analytics count by quarter, written as they write it; some pages have a second language."""
    rng = world.rng
    pages: list[tuple[str, date, float]] = [(f"/{name}", START.date(), 7.6) for name in ("en/", "de/", "en/contact")]
    for i, asset in enumerate(asset for asset in world.tables["assets"] if asset["url"]):
        path = asset["url"].removeprefix("https://www.example.com")
        pages += [(path, asset["created_on"], 5.2)]
        pages += [(path.replace("/en/", "/de/"), asset["created_on"], 4.4)] if i % 3 == 0 else []
    for start, after in pairwise(QUARTERS):
        for page, since, level in pages:
            if since < after:
                views = int(rng.lognormal(level, 0.7)) + 1
                seconds = int(rng.gamma(1.2, 40)) if rng.random() < 0.9 else 0
                world.add(
                    "page_views", page=page, from_on=start, until_on=after - timedelta(days=1), n_views=f"{views:,}",
                    n_visitors=f"{max(1, int(views * rng.uniform(0.5, 0.9))):,}",
                    view_seconds=str(timedelta(seconds=seconds)).rjust(8, "0") if seconds else "<00:00:01",
                    exit_share=f"{100 * rng.uniform(0.2, 0.8):.2f}%",
                )  # fmt: skip


def _decisions(world: World) -> None:
    """What the owner of the content decided on a few lines of the work list, and what they corrected there."""
    day = (END - timedelta(days=12)).date()
    decided: tuple[tuple[str, int, Row, Row], ...] = (  # what, of how many, of which assets, and with which correction
        ("retire", 2, {"fate": "stale", "is_late": False}, {}),
        ("fix", 2, {"fate": "conversation", "conversations": []}, {"conversations": ["C1"]}),
        ("teach", 2, {"fate": "never_taught"}, {}),
        ("keep", 1, {"fate": "used", "expires_on": ""}, {"reviewed_on": day}),
    )
    for decision, n, wanted, corrected in decided:
        for asset in [each for each in world.tables["assets"] if wanted.items() <= each.items()][:n]:
            row: Row = {"conversations": [], "reviewed_on": ""} | corrected
            world.add("asset_decisions", asset_id=asset["asset_id"], decision=decision, decided_on=day, **row)
    world.sort(asset_decisions="asset_id")


# The order is part of every company: each of these draws from a stream of its own, by its place.
_MADE = (_pains, _assets, _usage, _training, _recommendations, _searches, _notes, _pages, _decisions)


def add_content(world: World, seed: int) -> World:
    """Which content does this company have, and who used it? The same seed adds the same rows to its tables.

    Reads the deals of ``world``, adds to each the buyer's pain, and changes nothing else of them.
    """
    for k, make in enumerate(_MADE, 2):  # 0 is the stream of leads and deals, 1 the survey's
        world.rng = np.random.default_rng([seed, int(world.planted), k])
        make(world)
    world.sort(asset_usage="used_at", training="trained_on", recommendations="recommended_at",
               searches="searched_at", field_notes="noted_at")  # fmt: skip
    return world
