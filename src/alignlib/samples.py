"""Which made-up company shows what the kit finds: one with planted gaps, one with none, as ordinary client files."""

import csv
import io
import json
from collections import defaultdict
from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from statistics import fmean
from typing import Any
from zoneinfo import ZoneInfo

import pyarrow
import yaml
from pyarrow import parquet

from alignlib.engagement import SETTINGS_FILE, THRESHOLDS, Input, Settings, parse_settings, write_lock
from alignlib.files import write_file
from alignlib.instrument import read_instrument
from alignlib.resources import read_resource
from alignlib.sample_rows import END, Row, World, in_period, make_rows

TRUTH_FILE = "truth.json"
Spell = tuple[str, dict[str, datetime], list[datetime]]  # who holds the lead, when it entered each stage, the touches
Counted = tuple[str, float, float]  # what a truth is: its threshold, and how many of how many
_SAID: dict[str, Any] = yaml.safe_load(read_resource("templates", "sample", "companies.yml"))
# block: (items, Sales' mean, Marketing's mean) where the gaps are planted; the null company has both at Sales' mean.
BLOCKS: dict[str, tuple[tuple[str, ...], float, float]] = {
    block.block: (tuple(item.item for item in block.items), *_SAID["survey"][block.block])
    for block in read_instrument().blocks
}
REVERSED = frozenset(code for code, item in read_instrument().items.items() if item.reverse)
FIXED = ("scorecards", "facts")  # written out, not drawn: templates/sample/planted and templates/sample/null


def write_sample(folder: Path, planted: bool = True, seed: int = 7) -> Path:
    """Where is an ordinary engagement folder of a made-up company, with the truth about it in ``truth.json``?

    ``planted``: gaps that an audit must find; otherwise every truth lies inside its threshold by a margin.
    The same seed writes the same bytes. Raises AlignError (E-WRITE) when the folder cannot be written.
    """
    kind = "planted" if planted else "null"
    world = make_rows(planted, seed, words=_SAID["words"], plan=_SAID["plan"], **_SAID[kind])
    text = read_resource("templates", "sample", "engagement.yml").replace("$client", world.client)
    settings = parse_settings(text)
    for segment, share in world.plan.items():
        effort = round(1_600_000 * world.effort[segment])
        world.add("plan", segment=segment, planned_revenue=round(12_000_000 * share), effort=effort)
    for table in FIXED:
        rows = read_resource("templates", "sample", kind, f"{table}.csv").splitlines()
        world.tables[table] = list(csv.DictReader(rows))
    truth = _truth(world, settings, _survey(world))
    truth["rows"] = _dirty(world.tables)
    for item in settings.inputs:
        write_file(folder / "data" / item.file, _file(item, world.tables[item.table], settings))
    write_file(folder / SETTINGS_FILE, text)
    write_lock(folder, settings, by="the sample", at=settings.as_of.isoformat())
    write_file(folder / TRUTH_FILE, json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    return folder


def _survey(world: World) -> dict[tuple[str, str], float]:
    """Twelve of fourteen sellers and eight of nine marketers answer; returns each team's mean in each block.

    Labels come in uneven capitals, as forms do. A person's mean is that of the block's answered items.
    """
    rng, scale, answers, means = world.rng, read_instrument().scale, list[Row](), dict[tuple[str, str], float]()
    for team, n in (("sales", 12), ("marketing", 8)):
        rows: list[Row] = [{"team": team, "role": "leader" if person < 2 else "staff"} for person in range(n)]
        for block, (items, sales, marketing) in BLOCKS.items():
            mean = marketing if team == "marketing" and world.planted else sales
            people, said = world.centred(n, 0.28), defaultdict[int, list[int]](list)
            for item in items:
                for person, noise in enumerate(world.centred(n, 0.42)):
                    score = min(max(round(mean + people[person] + noise), 1), 5)
                    word = "Cannot say"
                    if rng.random() >= 0.03:
                        word = scale[5 - score if item in REVERSED else score - 1]
                        word = world.pick({word: 88, word.upper(): 3, word.lower(): 5, word + " ": 4})
                        said[person].append(score)
                    rows[person][item] = word
            means[team, block] = fmean(fmean(scores) for scores in said.values())
        answers += rows
    for i, at in enumerate(rng.permutation(len(answers)), 1):
        stamp = datetime(2026, 4, 13) + timedelta(days=i // 3, hours=9 + i % 7, minutes=7 * i % 60)
        world.add("responses", **{"+Timestamp": stamp, "respondent_id": f"R{i:02d}", **answers[int(at)]})
    return means


def _dirty(t: dict[str, list[Row]]) -> dict[str, dict[str, int]]:
    """Adds the faulty and the foreign rows every export has; returns how each file must balance."""
    # leads from before the period and tests of the system, written out under the client's own headers
    foreign = list(csv.DictReader(read_resource("templates", "sample", "foreign_leads.csv").splitlines()))
    early = [lead for lead in foreign if lead["Original Source"] == "Referral"]
    impossible = {**t["leads"][0], "lead_id": "L-960001", "created_at": "2025-02-30 10:15"}
    entered = [
        {**t["stage_events"][0], "lead_id": lead["Record ID"], "entered_at": lead["Create Date"]} for lead in early
    ]
    stranger = {"lead_id": "L-999999"}
    total = sum(deal["amount"] for deal in t["opportunities"])
    footer = {**dict.fromkeys(t["opportunities"][0], ""), "opportunity_id": "Total", "amount": total}
    t["leads"] = [*foreign, *t["leads"], impossible]
    t["stage_events"] = [*entered, *t["stage_events"], {**t["stage_events"][0], **stranger}]
    t["sales_touches"].append({**t["sales_touches"][0], **stranger})
    t["campaign_touches"].append({**t["campaign_touches"][-1], "touched_at": END + timedelta(days=365)})
    t["opportunities"] += [t["opportunities"][40], footer]
    odd = {"leads": (1, len(foreign)), "stage_events": (1, len(early)), "sales_touches": (1, 0),
           "campaign_touches": (1, 0), "opportunities": (1, 1)}  # rejected, excluded  # fmt: skip
    balance = {}
    for table, rows in sorted(t.items()):
        rejected, excluded = odd.get(table, (0, 0))
        used = len(rows) - rejected - excluded
        balance[table] = {"read": len(rows), "used": used, "rejected": rejected, "excluded": excluded}
    return balance


def _file(item: Input, rows: list[Row], settings: Settings) -> bytes:
    """How does the client's system write this table: in its own headers, labels, dates and decimals?"""
    headers = {**{key: key[1:] for key in rows[0] if key.startswith("+")}, **item.columns, **item.items}
    if item.file.endswith(".parquet"):
        return _parquet(headers, rows, settings)
    said = {column: {ours: theirs for theirs, ours in names.items()} for column, names in item.values.items()}
    said["stage"] = {ours: theirs for theirs, ours in settings.stages.items()}
    said["team"] = {team: part.labels[0] for team, part in settings.teams.items()}
    out = io.StringIO()
    separator = item.delimiter or ("\t" if item.file.endswith(".tsv") else ",")
    writer = csv.writer(out, delimiter=separator, lineterminator="\r\n")
    writer.writerow(headers.values())
    for row in rows:  # the fixed tables carry the client's headers already
        values = {ours: row.get(ours, row.get(theirs, "")) for ours, theirs in headers.items()}
        writer.writerow(_cell(value, item, said.get(ours, {})) for ours, value in values.items())
    return out.getvalue().encode("utf-8-sig" if item.table == "leads" else "utf-8")


def _cell(value: Any, item: Input, said: dict[str, str]) -> str:
    if isinstance(value, date):
        day = value.strftime("%d.%m.%Y" if item.date_order == "dmy" else "%Y-%m-%d")
        return f"{day} {value:%H:%M}" if isinstance(value, datetime) else day
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", item.decimal or ".")
    return ";".join(value) if isinstance(value, list) else said.get(str(value), str(value))


def _parquet(headers: dict[str, str], rows: list[Row], settings: Settings) -> bytes:
    """A Parquet file as a content system writes it: times in UTC, text as text, empty as null."""
    zone, columns = ZoneInfo(settings.timezone), dict[str, list[Any]]()
    for ours, theirs in headers.items():
        values: list[Any] = [row[ours] or None for row in rows]
        if isinstance(values[0], datetime):
            values = [at.replace(tzinfo=zone).astimezone(UTC).replace(tzinfo=None) for at in values]
        columns[theirs] = values
    sink = io.BytesIO()
    parquet.write_table(pyarrow.table(columns), sink)
    return sink.getvalue()


def _truth(world: World, settings: Settings, means: dict[tuple[str, str], float]) -> dict[str, Any]:
    """What is true of these rows, by the agreed definitions, and what must an audit find?

    ``expect``: ``beyond`` (a finding to act on or to watch), ``within`` (none), ``any`` (too near the limit to say).
    """
    limits, found, spells = settings.thresholds, dict[str, Row](), list(_spells(world.tables))
    ends = [_end(*spell) for spell in spells]
    for key, (name, k, n) in {**_funnel_truth(world, spells, ends), **_content_truth(world)}.items():
        expect = _expect(k / n, limits[name], THRESHOLDS[name][0], 0.07)
        found[key] = {"value": k / n, "k": k, "n": n, "limit": limits[name], "expect": expect}
    for block, (_, sales, marketing) in BLOCKS.items():
        planted, limit = round(marketing - sales, 2) if world.planted else 0.0, limits["survey_gap"]
        gap, expect = means["marketing", block] - means["sales", block], _expect(abs(planted), limit, "at_most", 0.75)
        found[f"survey.gap.{block}"] = {"value": gap, "planted": planted, "limit": limit, "expect": expect}
    leaks = {end: ends.count(end) for end in ("decided", "open", "untouched", "no_owner", "no_next_step")}
    return {"client": settings.client, "as_of": settings.as_of.isoformat(), "findings": found, "leaks": leaks}


def _expect(value: float, limit: float, direction: str, margin: float) -> str:
    """On which side of its limit must an audit see it: ``beyond``, ``within``, or ``any`` where it is too near?"""
    beyond = value - limit if direction == "at_most" else limit - value
    return "beyond" if beyond >= margin else "within" if beyond <= 0 else "any"


def _spells(t: dict[str, list[Row]]) -> Iterator[Spell]:
    """Each MQL spell of each lead, from its entry to the next one of the same lead or to the export."""
    events, touches = defaultdict[str, list[Row]](list), defaultdict[str, list[datetime]](list)
    for event in t["stage_events"]:
        events[event["lead_id"]].append(event)
    for touch in t["sales_touches"]:
        touches[touch["lead_id"]].append(touch["touched_at"])
    for lead in t["leads"]:
        rows = events[lead["lead_id"]]
        for start, stop in pairwise([*(row["entered_at"] for row in rows if row["stage"] == "mql"), END]):
            stages = {row["stage"]: row["entered_at"] for row in rows if start <= row["entered_at"] < stop}
            yield lead["owner_id"], stages, [at for at in touches[lead["lead_id"]] if start <= at < stop]


def _end(owner: str, stages: dict[str, datetime], touches: list[datetime]) -> str:
    """Has a spell been decided, is it in work, or in which kind of leak is it?"""
    if stages.keys() & {"won", "lost", "recycled", "disqualified"}:
        return "decided"
    if not touches or not owner:
        return "no_owner" if touches else "untouched"
    return "no_next_step" if (END - max(*stages.values(), *touches)).days >= 30 else "open"


def _funnel_truth(world: World, spells: list[Spell], ends: list[str]) -> dict[str, Counted]:
    in_time = [bool(touches) and min(touches) - s["mql"] <= timedelta(hours=24) for _, s, touches in spells]
    out: dict[str, Counted] = {"funnel.first_touch": ("first_touch_in_time", sum(in_time), len(spells))}
    out["funnel.leaked"] = ("leaked_leads", sum(end not in ("decided", "open") for end in ends), len(ends))
    order = ("mql", "sal", "sql", "opportunity", "won")
    for one, two in [*pairwise(order), ("mql", "won")]:
        mature = [stages for _, stages, _ in spells if one in stages and (END - stages[one]).days >= 90]
        passed = [s for s in mature if any(b in s and (s[b] - s[one]).days < 90 for b in order[order.index(two) :])]
        out[f"funnel.{one}_to_{two}"] = (f"{one}_to_{two}", len(passed), len(mature))
    outcomes = [deal["outcome"] for deal in world.tables["opportunities"]]
    out["funnel.win_rate"] = ("win_rate", outcomes.count("won"), len(outcomes) - outcomes.count("open"))
    return out


def _content_truth(world: World) -> dict[str, Counted]:
    assets, plan, effort = world.tables["assets"], world.plan, world.effort
    begin = in_period(assets)
    used = {row["asset_id"] for row in world.tables["asset_usage"]
            if row["event"] != "edit" and (row["used_at"] - begin[row["asset_id"]]).days < 90}  # fmt: skip
    old = {asset for asset, at in begin.items() if (END - at).days >= 90}
    fresh = [a for a in assets if (END.date() - (a["reviewed_on"] or a["created_on"])).days < 365]
    served = {(segment, c) for a in fresh for c in a["conversations"] for segment in a["segments"] or plan}
    pipeline = [deal for deal in world.tables["opportunities"] if deal["outcome"] == "open"]
    empty = [deal["amount"] for deal in pipeline if (deal["segment"], deal["conversation"]) not in served]
    untagged = sum(not asset["conversations"] for asset in assets)
    return {
        "content.unused": ("unused_content", len(old - used), len(old)),
        "content.stale": ("stale_content", len(assets) - len(fresh), len(assets)),
        "content.untagged": ("untagged_content", untagged, len(assets)),
        "content.empty_pipeline": ("empty_pipeline", sum(empty), sum(deal["amount"] for deal in pipeline)),
        "content.focus": ("focus_mismatch", sum(abs(plan[s] - effort[s]) for s in plan) / 2, 1),
    }
