"""Which made-up company shows what the kit finds: one with planted gaps, one with none, as ordinary client files."""

import csv
import io
import json
from collections.abc import Iterable
from datetime import date, datetime, timedelta
from itertools import pairwise
from pathlib import Path
from typing import Any

from alignlib.engagement import SETTINGS_FILE, THRESHOLDS, Input, Settings, parse_settings
from alignlib.files import write_file
from alignlib.resources import read_resource
from alignlib.sample_rows import END, PLANNED, SEGMENTS, START, Company, Row, World, make_rows

TRUTH_FILE = "truth.json"
# block: (items, Sales' mean, Marketing's mean) where the gaps are planted; the null company has both at Sales' mean.
BLOCKS: dict[str, tuple[tuple[str, ...], float, float]] = {
    "shared_goal": (("goal_1", "goal_2"), 3.6, 3.7),
    "time_and_metrics": (("metrics_1",), 3.0, 2.6),
    "common_language": (("language_1", "language_2"), 2.6, 3.4),
    "handoff": (("handoff_1", "handoff_2"), 3.0, 2.5),
    "follow_up": (("follow_1", "follow_2"), 3.9, 2.1),
    "lead_quality": (("quality_1", "quality_2"), 2.2, 3.7),
    "credit": (("credit_1",), 3.1, 2.7),
    "focus": (("focus_1",), 2.7, 3.4),
    "content_relevance": (("content_1", "content_2"), 2.2, 3.8),
    "content_know_how": (("know_1", "know_2"), 2.7, 3.1),
    "roles": (("roles_1", "roles_2"), 2.8, 2.5),
    "regard": (("regard_1",), 3.6, 3.5),
}
REVERSED = frozenset({"handoff_2", "roles_2"})
WORDS = ("Disagree", "Rather disagree", "Neither", "Rather agree", "Agree")

PLANTED = Company(
    "Northwind Sample Co.", True, (0.28, 0.24, 0.12, 0.10, 0.18, 0.08),
    in_time=0.46, untouched=0.16, no_owner=0.045, stalled=0.115, accepted=0.68, qualified=0.46, opened=0.78, won=0.36,
    never_used=0.50, late_used=0.08, untagged=0.13, stale=0.36, empty_pipeline=0.50,
    empty=frozenset({(s, "C4") for s in SEGMENTS if s != "Manufacturing"}
                    | {(s, "C5") for s in ("Logistics", "Public sector", "Energy")} | {("Energy", "C3")}),
)  # fmt: skip
NULL = Company(
    "Evenkeel Sample Co.", False, (0.20, 0.16, 0.17, 0.22, 0.09, 0.16),
    in_time=0.85, untouched=0.015, no_owner=0.01, stalled=0.015, accepted=0.80, qualified=0.52, opened=0.80, won=0.46,
    never_used=0.17, late_used=0.05, untagged=0.06, stale=0.20, empty_pipeline=0.05,
    empty=frozenset({("Energy", "C4"), ("Logistics", "C4")}),
)  # fmt: skip
FIXED = ("scorecards", "facts")  # written out, not drawn: templates/sample/planted and templates/sample/null


def write_sample(folder: Path, planted: bool = True, seed: int = 7) -> Path:
    """Where is an ordinary engagement folder of a made-up company, with the truth about it in ``truth.json``?

    ``planted``: gaps that an audit must find; otherwise every truth lies inside its threshold by a margin.
    The same seed writes the same bytes. Raises AlignError (E-WRITE) when the folder cannot be written.
    """
    company = PLANTED if planted else NULL
    text = read_resource("templates", "sample", "engagement.yml").replace("$client", company.name)
    settings = parse_settings(text)
    world = make_rows(company, seed)
    _plan_and_facts(world)
    _survey(world)
    truth = _truth(world, settings)
    truth["rows"] = _dirty(world)
    for item in settings.inputs:
        write_file(folder / "data" / item.file, _file(item, world.tables[item.table], settings))
    write_file(folder / SETTINGS_FILE, text)
    write_file(folder / TRUTH_FILE, json.dumps(truth, indent=1, ensure_ascii=False) + "\n")
    return folder


def _plan_and_facts(world: World) -> None:
    company = world.company
    for segment, planned, effort in zip(SEGMENTS, PLANNED, company.effort, strict=True):
        world.add(
            "plan", segment=segment, planned_revenue=round(12_000_000 * planned), effort=round(1_600_000 * effort)
        )
    for table in FIXED:
        text = read_resource("templates", "sample", "planted" if company.planted else "null", f"{table}.csv")
        world.tables[table] = list(csv.DictReader(text.splitlines()))


def _survey(world: World) -> None:
    """Twelve of fourteen sellers and eight of nine marketers answer; labels come in uneven capitals, as forms do."""
    answers: list[Row] = []
    for team, n in (("sales", 12), ("marketing", 8)):
        rows: list[Row] = [{"team": team, "role": "leader" if person < 2 else "staff"} for person in range(n)]
        for items, sales, marketing in BLOCKS.values():
            mean = marketing if team == "marketing" and world.company.planted else sales
            people = _centred(world, n, 0.28)
            for item in items:
                for row, person, noise in zip(rows, people, _centred(world, n, 0.42), strict=True):
                    row[item] = _answer(world, min(max(round(mean + person + noise), 1), 5), item in REVERSED)
        answers += rows
    for i, at in enumerate(world.rng.permutation(len(answers)), 1):
        stamp = datetime(2026, 4, 13) + timedelta(days=i // 3, hours=9 + i % 7, minutes=7 * i % 60)
        world.add("responses", **{"+Timestamp": stamp, "respondent_id": f"R{i:02d}", **answers[int(at)]})


def _centred(world: World, n: int, spread: float) -> list[float]:
    """People differ, but on average a team says what is said to be true of it: the planted gap is in the file."""
    draws = world.rng.normal(0, spread, n)
    return [float(draw) for draw in draws - draws.mean()]


def _answer(world: World, score: int, reverse: bool) -> str:
    if world.rng.random() < 0.03:
        return "Cannot say"
    word = WORDS[5 - score if reverse else score - 1]
    return world.pick((word, word.upper(), word.lower(), word + " "), (88, 3, 5, 4))


def _dirty(world: World) -> dict[str, dict[str, int]]:
    """Adds the faulty and the foreign rows every export has; returns how each file must balance."""
    t = world.tables
    used = {table: len(rows) for table, rows in t.items()}
    days = range(1, 10)
    blank = dict.fromkeys(t["leads"][0], "")
    early = [{**blank, "lead_id": f"L-9000{i:02d}", "created_at": START - timedelta(days=i, hours=-9),
              "source": "Referral", "segment": "Retail", "grade": "C"} for i in reversed(days)]  # fmt: skip
    tests = [{**blank, "lead_id": f"L-9500{i:02d}", "created_at": START + timedelta(days=i, hours=10),
              "source": "Internal test"} for i in days[:6]]  # fmt: skip
    impossible = {**t["leads"][0], "lead_id": "L-960001", "created_at": "2025-02-30 10:15"}
    entered = [{**t["stage_events"][0], "lead_id": lead["lead_id"], "entered_at": lead["created_at"]} for lead in early]
    stranger = {"lead_id": "L-999999"}
    total = sum(deal["amount"] for deal in t["opportunities"])
    footer = {**dict.fromkeys(t["opportunities"][0], ""), "opportunity_id": "Total", "amount": total}
    t["leads"] = [*early, *tests, *t["leads"], impossible]
    t["stage_events"] = [*entered, *t["stage_events"], {**t["stage_events"][0], **stranger}]
    t["sales_touches"].append({**t["sales_touches"][0], **stranger})
    t["campaign_touches"].append({**t["campaign_touches"][-1], "touched_at": END + timedelta(days=365)})
    t["opportunities"] += [t["opportunities"][40], footer]
    rejected = dict.fromkeys(("leads", "stage_events", "sales_touches", "campaign_touches", "opportunities"), 1)
    excluded = {"leads": len(early) + len(tests), "stage_events": len(early), "opportunities": 1}
    return {
        table: {"read": len(rows), "used": used[table], "rejected": rejected.get(table, 0),
                "excluded": excluded.get(table, 0)}
        for table, rows in sorted(t.items())
    }  # fmt: skip


def _file(item: Input, rows: list[Row], settings: Settings) -> bytes:
    """How does the client's system write this table: in its own headers, labels, dates and decimals?"""
    headers = {**{key: key[1:] for key in rows[0] if key.startswith("+")}, **item.columns, **item.items}
    said = {column: {ours: theirs for theirs, ours in names.items()} for column, names in item.values.items()}
    said["stage"] = {ours: theirs for theirs, ours in settings.stages.items()}
    said["team"] = {team: part.labels[0] for team, part in settings.teams.items()}
    if item.file.endswith(".parquet"):
        return _parquet(headers, rows, settings)
    lines = [
        [_cell(row[ours if ours in row else theirs], item, said.get(ours, {})) for ours, theirs in headers.items()]
        for row in rows
    ]
    out = io.StringIO()
    writer = csv.writer(
        out, delimiter=item.delimiter or ("\t" if item.file.endswith(".tsv") else ","), lineterminator="\r\n"
    )
    writer.writerows([list(headers.values()), *lines])
    return out.getvalue().encode("utf-8-sig" if item.table == "leads" else "utf-8")


def _cell(value: Any, item: Input, said: dict[str, str]) -> str:
    day = "%d.%m.%Y" if item.date_order == "dmy" else "%Y-%m-%d"
    if isinstance(value, datetime):
        return value.strftime(f"{day} %H:%M")
    if isinstance(value, date):
        return value.strftime(day)
    if isinstance(value, float):
        return f"{value:.2f}".replace(".", item.decimal or ".")
    return ";".join(value) if isinstance(value, list) else said.get(str(value), str(value))


def _parquet(headers: dict[str, str], rows: list[Row], settings: Settings) -> bytes:
    """A Parquet file as a content system writes it: times in UTC, text as text, empty as null."""
    from zoneinfo import ZoneInfo

    import pyarrow as pa
    import pyarrow.parquet as pq

    zone, utc = ZoneInfo(settings.timezone), ZoneInfo("UTC")
    columns: dict[str, Any] = {}
    for ours, theirs in headers.items():
        values = [row[ours] for row in rows]
        if isinstance(values[0], datetime):
            naive = [value.replace(tzinfo=zone).astimezone(utc).replace(tzinfo=None) for value in values]
            columns[theirs] = pa.array(naive, pa.timestamp("us"))
        else:
            columns[theirs] = pa.array([value or None for value in values], pa.string())
    sink = io.BytesIO()
    pq.write_table(pa.table(columns), sink)
    return sink.getvalue()


def _truth(world: World, settings: Settings) -> dict[str, Any]:
    """What is true of these rows, by the agreed definitions, and what must an audit find?

    ``expect``: ``beyond`` (a finding to act on or to watch), ``within`` (none), ``any`` (too near the limit to say).
    """
    t, limits = world.tables, settings.thresholds
    counted: dict[str, tuple[float, float]] = {**_funnel_truth(t), **_content_truth(t)}
    counted["content.focus"] = (sum(abs(p - e) for p, e in zip(PLANNED, world.company.effort, strict=True)) / 2, 1)
    found: dict[str, Row] = {}
    for key, (k, n) in counted.items():
        name = _THRESHOLD_OF.get(key, key.split(".")[1])
        expect = _expect(k / n, limits[name], THRESHOLDS[name][0], 0.07)
        found[key] = {"value": k / n, "k": k, "n": n, "limit": limits[name], "expect": expect}
    for block, (items, sales, marketing) in BLOCKS.items():
        means = {team: _block_mean(t["responses"], items, team) for team in settings.teams}
        planted = marketing - sales if world.company.planted else 0.0
        found[f"survey.gap.{block}"] = {
            "value": means["marketing"] - means["sales"], "planted": round(planted, 2), "limit": limits["survey_gap"],
            "expect": _expect(abs(planted), limits["survey_gap"], "at_most", 0.75),
        }  # fmt: skip
    return {"client": settings.client, "as_of": settings.as_of.isoformat(), "findings": found, "leaks": _buckets(t)}


_THRESHOLD_OF = {
    "funnel.first_touch": "first_touch_in_time", "funnel.leaked": "leaked_leads", "content.unused": "unused_content",
    "content.stale": "stale_content", "content.untagged": "untagged_content", "content.focus": "focus_mismatch",
}  # fmt: skip


def _expect(value: float, limit: float, direction: str, margin: float) -> str:
    """On which side of its limit must an audit see it: ``beyond``, ``within``, or ``any`` where it is too near?"""
    beyond = value - limit if direction == "at_most" else limit - value
    return "beyond" if beyond >= margin else "within" if beyond <= 0 else "any"


def _spells(t: dict[str, list[Row]]) -> Iterable[tuple[Row, dict[str, datetime], list[datetime]]]:
    """Each MQL spell: its entry, the later stages within it with their times, and the sales touches within it."""
    owners = {lead["lead_id"]: lead["owner_id"] for lead in t["leads"]}
    events: dict[str, list[Row]] = {}
    touches: dict[str, list[datetime]] = {}
    for event in t["stage_events"]:
        events.setdefault(event["lead_id"], []).append(event)
    for touch in t["sales_touches"]:
        touches.setdefault(touch["lead_id"], []).append(touch["touched_at"])
    for lead, rows in events.items():
        entries = [row["entered_at"] for row in rows if row["stage"] == "mql"]
        for start, stop in pairwise([*entries, END]):
            stages = {row["stage"]: row["entered_at"] for row in rows if start < row["entered_at"] < stop}
            reached = [at for at in touches.get(lead, []) if start <= at < stop]
            yield {"owner_id": owners[lead], "entered_at": start}, stages, reached


def _buckets(t: dict[str, list[Row]]) -> dict[str, int]:
    """How many MQL spells end decided, in work, or in each kind of leak?"""
    out = dict.fromkeys(("decided", "open", "untouched", "no_owner", "no_next_step"), 0)
    for spell, stages, touches in _spells(t):
        last = max([*stages.values(), *touches, spell["entered_at"]])
        if stages.keys() & {"won", "lost", "recycled", "disqualified"}:
            out["decided"] += 1
        elif not touches:
            out["untouched"] += 1
        elif not spell["owner_id"]:
            out["no_owner"] += 1
        else:
            out["no_next_step" if (END - last).days >= 30 else "open"] += 1
    return out


def _funnel_truth(t: dict[str, list[Row]]) -> dict[str, tuple[float, float]]:
    spells = list(_spells(t))
    buckets = _buckets(t)
    in_time = [
        bool(touches) and min(touches) - spell["entered_at"] <= timedelta(hours=24) for spell, _, touches in spells
    ]
    leaked = sum(buckets[name] for name in ("untouched", "no_owner", "no_next_step"))
    out: dict[str, tuple[float, float]] = {
        "funnel.first_touch": (sum(in_time), len(spells)),
        "funnel.leaked": (leaked, len(spells)),
    }
    order = ("mql", "sal", "sql", "opportunity", "won")
    for one, two in [*pairwise(order), ("mql", "won")]:
        beyond = order[order.index(two) :]
        starts = [(stages | {"mql": spell["entered_at"]}, stages) for spell, stages, _ in spells]
        mature = [s for s, _ in starts if one in s and (END - s[one]).days >= 90]
        passed = [s for s in mature if any(b in s and (s[b] - s[one]).days < 90 for b in beyond)]
        out[f"funnel.{one}_to_{two}"] = (len(passed), len(mature))
    outcomes = [deal["outcome"] for deal in t["opportunities"]]
    out["funnel.win_rate"] = (outcomes.count("won"), len(outcomes) - outcomes.count("open"))
    return out


def _content_truth(t: dict[str, list[Row]]) -> dict[str, tuple[float, float]]:
    assets = t["assets"]
    begin = {a["asset_id"]: max(datetime.combine(a["created_on"], START.time()), START) for a in assets}
    used = {row["asset_id"] for row in t["asset_usage"]
            if row["event"] != "edit" and (row["used_at"] - begin[row["asset_id"]]).days < 90}  # fmt: skip
    old = [a for a, at in begin.items() if (END - at).days >= 90]
    fresh = [a for a in assets if (END.date() - (a["reviewed_on"] or a["created_on"])).days < 365]
    served = {(segment, c) for a in fresh for c in a["conversations"] for segment in a["segments"] or SEGMENTS}
    pipeline = [deal for deal in t["opportunities"] if deal["outcome"] == "open"]
    empty = [deal["amount"] for deal in pipeline if (deal["segment"], deal["conversation"]) not in served]
    return {
        "content.unused": (len([a for a in old if a not in used]), len(old)),
        "content.stale": (len(assets) - len(fresh), len(assets)),
        "content.untagged": (len([a for a in assets if not a["conversations"]]), len(assets)),
        "content.empty_pipeline": (sum(empty), sum(deal["amount"] for deal in pipeline)),
    }


def _block_mean(responses: list[Row], items: tuple[str, ...], team: str) -> float:
    """The mean over a team's people of each one's mean over the block's answered items."""
    scores = {word.lower(): i for i, word in enumerate(WORDS, 1)}
    people = []
    for row in responses:
        said = {item: scores.get(row[item].strip().lower()) for item in items}
        own = [6 - s if item in REVERSED else s for item, s in said.items() if s]
        if row["team"] == team and own:
            people.append(sum(own) / len(own))
    return sum(people) / len(people)
