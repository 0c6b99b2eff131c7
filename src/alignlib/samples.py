"""Which made-up company shows what the kit finds: one with planted gaps, one with none, as ordinary client files."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import numpy as np
import pyarrow
import yaml
from pyarrow import parquet

from alignlib.engagement import SETTINGS_FILE, Input, Settings, parse_settings, write_lock
from alignlib.files import write_file
from alignlib.instrument import read_instrument
from alignlib.resources import read_resource
from alignlib.sample_rows import END, Row, World, make_rows

TRUTH_FILE = "truth.json"
SEED = 7
_SAID: dict[str, Any] = yaml.safe_load(read_resource("templates", "sample", "companies.yml"))
# block: (items, Sales' mean, Marketing's mean) where the gaps are planted; the null company has both at Sales' mean.
BLOCKS: dict[str, tuple[tuple[str, ...], float, float]] = {
    block.block: (tuple(item.item for item in block.items), *_SAID["survey"][block.block])
    for block in read_instrument().blocks
}
REVERSED = frozenset(code for code, item in read_instrument().items.items() if item.reverse)
FIXED = ("scorecards", "facts")  # written out, not drawn: templates/sample/planted and templates/sample/null


def write_sample(folder: Path, planted: bool = True) -> Path:
    """Where is an ordinary engagement folder of a made-up company, with the truth about it in ``truth.json``?

    ``planted``: gaps that an audit must find; otherwise every truth lies inside its threshold by a margin. The truth is
    written out, not worked out here: the tests count it again from the files. Every call writes the same bytes.
    Raises AlignError (E-WRITE) when the folder cannot be written.
    """
    kind = "planted" if planted else "null"
    world = make_rows(planted, SEED, words=_SAID["words"], plan=_SAID["plan"], **_SAID[kind])
    text = read_resource("templates", "sample", "engagement.yml").replace("$client", world.client)
    settings = parse_settings(text)
    for segment, share in world.plan.items():
        effort = round(1_600_000 * world.effort[segment])
        world.add("plan", segment=segment, planned_revenue=round(12_000_000 * share), effort=effort)
    for table in FIXED:
        rows = read_resource("templates", "sample", kind, f"{table}.csv").splitlines()
        world.tables[table] = list(csv.DictReader(rows))
    _survey(world)
    _dirty(world.tables)
    for item in settings.inputs:
        write_file(folder / "data" / item.file, _file(item, world.tables[item.table], settings))
    write_file(folder / SETTINGS_FILE, text)
    write_lock(folder, settings, by="the sample", at=settings.as_of.isoformat())
    write_file(folder / TRUTH_FILE, read_resource("templates", "sample", kind, TRUTH_FILE))
    return folder


def _survey(world: World) -> None:
    """Adds the answers of twelve of fourteen sellers and eight of nine marketers, in uneven capitals as forms have."""
    # a stream of its own: what people answer must not change when a table is added
    world.rng = rng = np.random.default_rng([SEED, int(world.planted), 1])
    scale, answers = read_instrument().scale, list[Row]()
    for team, n in (("sales", 12), ("marketing", 8)):
        rows: list[Row] = [{"team": team, "role": "leader" if person < 2 else "staff"} for person in range(n)]
        for items, sales, marketing in BLOCKS.values():
            mean = marketing if team == "marketing" and world.planted else sales
            people = world.centred(n, 0.28)
            for item in items:
                for person, noise in enumerate(world.centred(n, 0.42)):
                    score = min(max(round(mean + people[person] + noise), 1), 5)
                    word = "Cannot say"
                    if rng.random() >= 0.03:
                        word = scale[5 - score if item in REVERSED else score - 1]
                        word = world.pick({word: 88, word.upper(): 3, word.lower(): 5, word + " ": 4})
                    rows[person][item] = word
        answers += rows
    for i, at in enumerate(rng.permutation(len(answers)), 1):
        stamp = datetime(2026, 4, 13) + timedelta(days=i // 3, hours=9 + i % 7, minutes=7 * i % 60)
        world.add("responses", **{"+Timestamp": stamp, "respondent_id": f"R{i:02d}", **answers[int(at)]})


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
