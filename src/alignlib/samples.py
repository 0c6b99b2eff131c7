"""Which made-up company shows what the kit finds: one with planted gaps, one with none, as ordinary client files."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from itertools import groupby
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow
import yaml
from pyarrow import parquet

from alignlib.engagement import SETTINGS_FILE, Input, Settings, parse_settings, write_lock
from alignlib.files import write_file
from alignlib.instrument import Instrument, Item, read_instrument
from alignlib.resources import read_resource
from alignlib.sample_content import add_content
from alignlib.sample_rows import END, Row, World, make_rows

TRUTH_FILE = "truth.json"
SEED = 7
_SAID: dict[str, Any] = yaml.safe_load(read_resource("templates", "sample", "companies.yml"))
PEOPLE = {"sales": 12, "marketing": 8}  # who answers the survey, of 14 and 9 invited
# How far does a person lean to one side in all that belongs together, and how far are people of one team apart beyond
# that, by kind of item: in points of the scale, shares of a guess, ranks, and points of a hundred?
LEAN = 0.4
SPREAD = {"agree": 0.3, "conversation": 0.3, "mirror": 0.3, "estimate": 0.15, "rank": 0.8, "owner": 9, "points": 4}
# Written out, not drawn: templates/sample/planted and templates/sample/null.
FIXED = ("scorecards", "stage_readings", "facts")


def write_sample(folder: Path, planted: bool = True) -> Path:
    """Where is an ordinary engagement folder of a made-up company, with the truth about it in ``truth.json``?

    ``planted``: gaps that an audit must find; otherwise every truth lies inside its threshold by a margin. The truth is
    written out, not worked out here: the tests count it again from the files. Every call writes the same bytes.
    Raises AlignError (E-WRITE) when the folder cannot be written.
    """
    kind = "planted" if planted else "null"
    world = add_content(make_rows(planted, SEED, words=_SAID["words"], plan=_SAID["plan"], **_SAID[kind]), SEED)
    text = read_resource("templates", "sample", "engagement.yml").replace("$client", world.client)
    settings = parse_settings(text)
    for segment, share in world.plan.items():
        effort = round(1_600_000 * world.effort[segment])
        world.add("plan", segment=segment, planned_revenue=round(12_000_000 * share), effort=effort)
    for table in FIXED:
        rows = read_resource("templates", "sample", kind, f"{table}.csv").splitlines()
        world.tables[table] = list(csv.DictReader(rows))
    _survey(world, settings)
    _dirty(world.tables)
    for item in settings.inputs:
        write_file(folder / "data" / item.file, _file(item, world.tables[item.table], settings))
    write_file(folder / SETTINGS_FILE, text)
    write_lock(folder, settings, by="the sample", at=settings.as_of.isoformat())
    write_file(folder / TRUTH_FILE, read_resource("templates", "sample", kind, TRUTH_FILE))
    return folder


def _survey(world: World, settings: Settings) -> None:
    """Adds the answers to the form as Google Forms exports them, labels in uneven capitals as forms have them."""
    # a stream of its own: what people answer must not change when a table is added
    world.rng = np.random.default_rng([SEED, int(world.planted), 1])
    instrument = read_instrument(settings.survey.language)
    asked = instrument.form(settings.survey.form, settings.survey.segments)
    heads = {item.item: item.prompt for item in asked}
    heads |= {i.item: f"{instrument.stems[i.kind]} [{i.text}]" for i in asked if i.kind in ("agree", "conversation")}
    answers: list[Row] = []
    for team, n in PEOPLE.items():
        given: dict[str, list[Any]] = {}
        for kind, items in groupby(asked, lambda item: item.kind):
            given |= _GIVEN[kind](world, instrument, list(items), team)
        rows = [
            {instrument.team["text"]: instrument.team[team],
             instrument.role["text"]: instrument.role["leader" if person < 2 else "staff"],
             **{head: given[code][person] for code, head in heads.items()}}
            for person in range(n)
        ]  # fmt: skip
        if world.survey["careless"] and team == "sales":
            words = [item for item in asked if item.kind in ("agree", "conversation", "mirror")]
            rows[-1] |= {heads[item.item]: instrument.scale[2] for item in words}
            rows.append(rows[3])
        answers += rows
    for i, at in enumerate(world.rng.permutation(len(answers)), 1):
        stamp = datetime(2026, 4, 13) + timedelta(days=i // 3, hours=9 + i % 7, minutes=7 * i % 60)
        row = {"Timestamp": stamp, **answers[int(at)]}
        world.add("responses", **{f"+{head}": answer for head, answer in row.items()})


def _mean(world: World, instrument: Instrument, item: Item, team: str) -> float:
    """What does this team answer to this item on average? A mirror: what the other does, and how wrong this one is."""
    said, at = world.survey, list(PEOPLE).index(team)
    if item.kind == "rank":
        return float(said["goals"][at].index(item.item))
    if item.kind == "points":
        return 100 * float(getattr(world, said["points"][at])[item.text])
    asked = item.about if item.kind == "mirror" else item.item
    block = next((block.block for block in instrument.blocks if asked in [i.item for i in block.items]), "")
    means = said.get(asked) or said[block]
    return float(means[1 - at] + said["mirror"][at] if item.kind == "mirror" else means[at])


def _words(world: World, instrument: Instrument, items: list[Item], team: str) -> dict[str, list[Any]]:
    """Answers on the scale: a person leans to one side in all that belongs together."""
    n, given = PEOPLE[team], dict[str, list[Any]]()
    blocks = {item.item: block.block for block in instrument.blocks for item in block.items}
    people: dict[str, list[float]] = {}
    for item in items:
        about = blocks.get(item.item, item.kind if item.kind == "mirror" else item.about)
        lean = people.setdefault(about, world.centred(n, LEAN))
        for person, noise in enumerate(world.centred(n, SPREAD[item.kind])):
            score = min(max(round(_mean(world, instrument, item, team) + lean[person] + noise), 1), 5)
            word = instrument.scale[5 - score if item.reverse else score - 1]
            word = world.pick({word: 88, word.upper(): 3, word.lower(): 5, word + " ": 4})
            said = instrument.cannot_say if world.rng.random() < 0.03 else word
            given.setdefault(item.item, []).append(said)
    return given


def _numbers(world: World, instrument: Instrument, items: list[Item], team: str) -> dict[str, list[Any]]:
    """Numbers, to the nearest five where they go to a hundred; ranks are whole rankings, and points add up to 100."""
    kind, n = items[0].kind, PEOPLE[team]
    means = np.array([_mean(world, instrument, item, team) for item in items])
    spread = np.maximum(SPREAD[kind] * means, 0.6) if kind == "estimate" else np.full(len(means), SPREAD[kind])
    raw = np.array([mean + np.array(world.centred(n, each)) for mean, each in zip(means, spread, strict=True)])
    if kind == "rank":
        raw = raw.argsort(axis=0).argsort(axis=0) + 1.0
    else:
        step = np.array([[5 if item.high == 100 else 1] for item in items])
        low, high = (np.array([[getattr(item, end)] for item in items]) for end in ("low", "high"))
        raw = np.clip(np.round(raw / step) * step, low, high)
    if kind == "points":
        raw[int(means.argmax())] += 100 - raw.sum(axis=0)
    blank = world.rng.random(raw.shape) < (0.03 if kind in ("estimate", "owner") else 0)
    given = [["" if b else int(v) for v, b in zip(*row, strict=True)] for row in zip(raw, blank, strict=True)]
    return {item.item: row for item, row in zip(items, given, strict=True)}


def _comments(world: World, instrument: Instrument, items: list[Item], team: str) -> dict[str, list[Any]]:
    texts = {item.item: world.survey["comments"][item.item][team] for item in items}
    return {code: [*said, *[""] * (PEOPLE[team] - len(said))] for code, said in texts.items()}


_GIVEN = {"agree": _words, "conversation": _words, "mirror": _words, "estimate": _numbers, "rank": _numbers,
          "owner": _numbers, "points": _numbers, "comment": _comments}  # fmt: skip


def _dirty(t: dict[str, list[Row]]) -> None:
    """Adds the faulty and the foreign rows every export has."""
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


def _file(item: Input, rows: list[Row], settings: Settings) -> bytes:
    """How does the client's system write this table: in its own headers, labels, dates and decimals?"""
    headers = {**{key: key[1:] for key in rows[0] if key.startswith("+")}, **item.columns, **item.items}
    if item.file.endswith(".parquet"):
        return _parquet(headers, rows, settings)
    said = {column: {ours: theirs for theirs, ours in names.items()} for column, names in item.values.items()}
    if item.table == "stage_events":  # on the sheet of readings stages stand in our words
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
