"""What the fuzzing asks of each reader, whatever the bytes: an error with a code, a place and a cure, or the truth.

Each target is a function of bytes that raises when its reader did anything else. ``run.py`` drives them.
"""

import io
import json
import re
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from random import Random
from typing import Any
from unittest.mock import patch

sys.path.insert(0, str(Path(__file__).parents[1] / "intake"))

import generated
import survey_files

from alignlib.engagement import Reading, Settings, parse_settings
from alignlib.errors import AlignError
from alignlib.intake import snapshot, workbook
from alignlib.intake.answers import is_hasty, labels_of, read_answer
from alignlib.intake.dates import read_moments
from alignlib.intake.exports import recognise
from alignlib.intake.labels import parted
from alignlib.intake.numbers import read_durations, read_numbers
from alignlib.intake.read import plain_name, read_table
from alignlib.intake.synonyms import LONGEST, worded
from alignlib.plain_yaml import strict_yaml

ENCODINGS = ("", "", "utf-8", "utf-16", "cp1252", "latin-1")
PARTS = ("xl/worksheets/sheet1.xml", "xl/workbook.xml", "xl/_rels/workbook.xml.rels")
SEEDS = 60  # files of each generator


@cache
def folder() -> Path:
    """Where the files under test are written: in memory where the system has such a place."""
    path = Path(tempfile.mkdtemp(prefix="fuzz-", dir="/dev/shm" if Path("/dev/shm").is_dir() else None))
    (path / "data").mkdir()
    return path


def told(call: Callable[[], Any], name: str) -> Any:
    """What does this give? None when it is refused as it should be; anything else that it raises is a fault."""
    try:
        return call()
    except AlignError as error:
        assert error.problems
        for problem in error.problems:
            assert problem.what and problem.where.startswith(name), f"no place: {problem!r}"
            assert problem.fix or problem.allowed, f"no cure: {problem!r}"
            str(problem).encode()  # it can be printed
    return None


def read(name: str, content: bytes, **reading: Any) -> Any:
    (folder() / "data" / name).write_bytes(content)
    return told(lambda: read_table(folder() / "data", Reading(file=name, **reading)), name)


def take(name: str, content: bytes, **entry: Any) -> None:
    """Reads, maps and types a file; its rows must balance, and each rejected record must be listed."""
    (folder() / "data" / name).write_bytes(content)
    chosen = generated.BASE | {"inputs": [{"file": name} | entry]}
    taken = told(lambda: snapshot.take_in(folder(), Settings.model_validate(chosen)), name)
    if not taken:
        return
    parts, counts, _, _, problems = taken
    if problems:
        told(lambda: (_ for _ in ()).throw(AlignError(problems)), name)
        return
    (part,), count = parts, counts[-1]
    assert count.read == count.used + count.rejected + count.excluded
    listed = {reject.record for reject in part.rejects} - {*part.data["record"].tolist()}
    assert count.rejected == len(listed) and listed <= part.originals().keys()


# --- targets ----------------------------------------------------------------------------------------------------------


def text(data: bytes) -> None:
    """Delimited text in any encoding: the same records as a second parser finds, letter by letter."""
    if len(data) < 2:
        return
    encoding, mark = ENCODINGS[data[0] % len(ENCODINGS)], ("", "", ",", ";", "\t", "|")[data[1] % 6]
    skip, content = (0, 0, 0, 2)[data[1] // 6 % 4], data[2:]
    given = {"encoding": encoding, "delimiter": mark}
    raw = read("t.csv", content, skip_rows=str(skip), **{name: value for name, value in given.items() if value})
    if raw is None:
        return
    found = []
    for codec in [encoding] if encoding not in ("", "utf-8", "utf-16") else CODECS[encoding]:
        try:
            whole = content.decode(codec)
        except UnicodeDecodeError:
            continue
        said = re.match(r'"?sep=(.)"?\r?\n', whole, re.IGNORECASE)
        rest = whole[said.end() :] if said else whole
        marks = [mark] if mark else [said[1]] if said else [*",;\t|"]
        found += [generated.lost_records(raw, rest, each, skip) for each in marks]
    assert "" in found, found[:1]


CODECS = {"": ("utf-8-sig", "utf-16", "utf-16-le", "utf-16-be", "cp1252"), "utf-8": ("utf-8-sig",),
          "utf-16": ("utf-16", "utf-16-le", "utf-16-be")}  # fmt: skip


def leads(data: bytes) -> None:
    """Rows below a header that is known, all the way to typed columns."""
    content = b"id,created,source,score,converted\n" + data
    take("l.csv", content, table="leads", columns=generated.OURS, encoding="utf-8")


def dates(data: bytes) -> None:
    texts, options = _lines(data)
    order, zone = (None, "dmy", "mdy", "ymd")[options % 4], ("UTC", "Europe/Berlin")[options // 4 % 2]
    ask = [1] * len(texts), "f.csv, column d", order, zone, bool(options & 8), bool(options & 16)
    found = told(lambda: read_moments(texts, *ask), "f.csv")
    _all_told(texts, found and found.values, found and found.wrong)


def numbers(data: bytes) -> None:
    texts, options = _lines(data)
    decimal, kind = (None, ".", ",")[options % 3], ("number", "integer", "money", "duration")[options // 3 % 4]
    where = "f.csv, column n"
    if kind == "duration":
        found = told(lambda: read_durations(texts, where, decimal), "f.csv")
    else:
        found = told(lambda: read_numbers(texts, where, decimal, "EUR", kind), "f.csv")
    _all_told(texts, *(found or (None, None)))


def labels(data: bytes) -> None:
    """Cells of labels, answers to items, and the times that tell haste."""
    texts, options = _lines(data)
    known = dict.fromkeys(("c1", "c2", "c1 and c2", "a; b"))
    for cell in texts:
        mark = (None, ";", ",", "|")[options % 4]
        for label in parted(cell, mark, known, True) + parted(cell, mark, known, False):
            assert label and label in cell
        assert read_answer(cell, None, labels_of("scale")) or not cell
    seconds, started, ended = [*texts, "", "", ""][:3]
    assert is_hasty(seconds, started, ended, 20) in ("true", "false", "")


def yaml(data: bytes) -> None:
    """engagement.yml: strictly read, and as settings."""
    decoded = data.decode("utf-8", "replace")
    told(lambda: strict_yaml(decoded), "engagement.yml")
    told(lambda: parse_settings(decoded), "engagement.yml")


def facts(data: bytes) -> None:
    """The checklist, from its bytes to checked rows."""
    take("facts.yml", data, table="facts")


def headers(data: bytes) -> None:
    """Which tool wrote a survey, and what do its columns ask? Cells are parted by tabs, rows by line ends."""
    rows = [line.split("\t") for line in data.decode("utf-8", "replace").split("\n")[:4]]
    export = recognise(rows)
    assert 1 <= export.header_rows <= 3
    width = max(len(row) for row in rows[: export.header_rows])
    assert {at for places in export.items(["Retail"]).values() for at in places} <= {*range(width)}
    assert export.people().keys() | export.own() <= {*range(width)}
    for name in rows[0]:
        assert len(worded(name)) > LONGEST or worded(worded(name)) == worded(name)
        assert plain_name(plain_name(name)) == plain_name(name)


def mapped(data: bytes) -> None:
    """Tables whose columns must be found by their headers, and surveys of an unknown tool, all the way."""
    if not data:
        return
    tables = ("assets", "asset_usage", "page_views", "leads", "opportunities", "plan")
    if data[0] % 2:
        take("s.csv", data[1:], table="responses", shape="survey")
    else:
        take("h.csv", data[1:], table=tables[data[0] // 2 % len(tables)])


def parquet(data: bytes) -> None:
    read("p.parquet", data)


def sheets(data: bytes) -> None:
    """The checks of a workbook before its reader, which is not called: parts of the archive are the bytes given."""
    way, *pieces = data.split(b"\0\0\0\0", 3)
    parts = dict(_workbook())
    for name, piece in zip(PARTS, pieces, strict=False):
        parts[name] = piece or parts[name]
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, part in parts.items():
            archive.writestr(name, part)
    content = out.getvalue()
    if way[:1] == b"z":  # the archive itself is damaged
        for at in range(1, len(way) - 2, 3):
            place = int.from_bytes(way[at : at + 2]) % len(content)
            content = content[:place] + way[at + 2 : at + 3] + content[place + 1 :]
    with patch("python_calamine.CalamineWorkbook", _Reader):
        told(lambda: workbook.read_sheet(content, "w.xlsx", "", "."), "w.xlsx")


class _Reader:
    """Stands for calamine, which may end its process (that is why it has one of its own): a sheet of 50 by 50 cells."""

    @classmethod
    def from_filelike(cls, _: Any) -> "_Reader":
        return cls()

    def get_sheet_by_name(self, _: str) -> "_Reader":
        return self

    def to_python(self, **_: Any) -> list[list[str]]:
        return [[""] * 50 for _ in range(50)]


@cache
def _workbook() -> tuple[tuple[str, bytes], ...]:
    with zipfile.ZipFile(io.BytesIO(generated.workbook_file(Random(3)).content)) as archive:
        return tuple((name, archive.read(name)) for name in archive.namelist())


def _lines(data: bytes) -> tuple[list[str], int]:
    """Distinct texts from bytes, and a number that chooses options."""
    return list(dict.fromkeys(data[1:].decode("utf-8", "replace").split("\n"))), data[0] if data else 0


def _all_told(texts: list[str], values: Any, wrong: Any) -> None:
    """Has each text a value, or a reason why it has none?"""
    for cell, value, why in zip(texts, values, wrong, strict=True) if values is not None else ():
        assert (value is None) == bool(why) or not generated.tidied(cell), (cell, value, why)


TARGETS: dict[str, Callable[[bytes], None]] = {
    each.__name__: each
    for each in (
        text,
        leads,
        dates,
        numbers,
        labels,
        yaml,
        facts,
        headers,
        mapped,
        parquet,
        sheets,
    )
}


# --- what to begin with -----------------------------------------------------------------------------------------------


def seeds(name: str) -> Iterable[bytes]:
    """Files that a target begins with: generated ones, and the texts that were trouble before."""
    draws = [Random(seed) for seed in range(SEEDS)]
    if name == "text":
        yield from (b"\0\0" + generated.delimited_file(draw).content for draw in draws)
    elif name == "leads":
        for draw in draws:
            records = generated.some_leads(draw, generated.Way(generated.DATES[0], "."), 5)
            yield generated.as_text(draw, [record.cells for record in records], ",", "\n").encode()
    elif name in ("dates", "numbers", "labels"):
        for draw in draws:
            way, decimal = draw.choice(generated.DATES), draw.choice((".", ","))
            cells = {"dates": [generated.written(way[0], generated.a_moment(draw)) for _ in "1234"],
                     "numbers": [generated.a_number(draw, decimal)[0] for _ in "1234"] + ["00:01:05", "1m 5s", "12 %"],
                     "labels": ["C1, C2 and C1", "5 (agree)", "cannot say", "2024-01-01 09:00:01"]}[name]  # fmt: skip
            yield bytes([draw.randint(0, 31)]) + "\n".join([*cells, draw.choice(generated.HOSTILE)]).encode()
    elif name == "facts":
        yield from (generated.facts_file(draw).content for draw in draws)
    elif name == "yaml":
        yield from (json.dumps(generated.delimited_file(draw).settings()).encode() for draw in draws[:10])
        yield (Path(__file__).parents[2] / "templates" / "engagement" / "engagement.yml").read_bytes()
    elif name == "headers":
        for tool in survey_files.MADE:
            yield "\n".join("\t".join(row) for row in survey_files.export(tool)[:4]).encode()
    elif name == "mapped":
        for at, tool in enumerate(survey_files.MADE):
            yield b"\1" + survey_files.as_csv(survey_files.export(tool))
            yield bytes([2 * at]) + b"Asset ID,Name,Created,Views,Type\na1,Deck,2024-01-01,5,pdf\n"
    elif name == "parquet":
        yield from (generated.parquet_file(draw).content for draw in draws)
    else:
        parts = dict(_workbook())
        chosen = [parts[name] for name in PARTS]
        yield b"\0\0\0\0".join((b"x", *chosen))
        yield b"z\x01\x02\x03\x04\x05\x06\0\0\0\0" + chosen[0]


def known_faults(name: str) -> list[bytes]:
    """Inputs that broke this target once, kept so that they never do again: tests/fuzz/faults/TARGET-*."""
    return [path.read_bytes() for path in sorted(Path(__file__).parent.glob(f"faults/{name}-*"))]


def forget() -> None:
    """Deletes what the targets wrote."""
    for path in (folder() / "data").iterdir():
        path.unlink()
