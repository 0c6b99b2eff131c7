"""How does the document become a workbook: one sheet a table, typed cells, and nothing that could run?"""

import io
import re
from collections.abc import Iterable
from functools import cache
from typing import get_args

from alignlib import words
from alignlib.charts.tables import CODES, headed, interval_of
from alignlib.report import phrases
from alignlib.report.brand import PLAIN, Brand
from alignlib.report.cells import open_book
from alignlib.report.document import Document, Figure, Item
from alignlib.report.sheets import Cell, Page, Sheet, write
from alignlib.resources import resource
from alignlib.result import Column, Exhibit, Unit

UNITS = {unit: str(unit) for unit in get_args(Unit)} | {  # what they are called in a workbook
    "pp": "percentage points", "delta": "coefficient", "p": "probability", "text": "",
}  # fmt: skip
_FINDINGS = (("Level", "text"), ("Finding", "text"), ("Detail", "text"), ("Value", "text"), ("From", "text"),
             ("To", "text"), ("Unit", "text"), ("n", "count"), ("k", "count"), ("Direction", "text"),
             ("Limit", "text"), ("Play", "text"), ("Sheet", "text"), ("Would settle it", "text"),
             ("Method", "text"), ("Rule", "text"))  # fmt: skip
_PRINTED = 13  # columns of the findings: with all of them nobody could read the page


def render(document: Document, brand: Brand = PLAIN) -> bytes:
    """Which workbook holds this document? Every table on a sheet of its own, found through the first.

    Cells are numbers, days and texts; how a number shows is what every other format prints. No formula, no macro, no
    link but to its own sheets, nothing hidden. Columns that only people work on are left to the content work list.
    Equal documents make equal bytes.
    """
    out = io.BytesIO()
    record = document.record
    book = open_book(out, document.title, record)
    units = UNITS | {"money": record.currency}
    page = Page(record.client, f"As of {document.as_of}", brand.name or f"alignlib {record.kit_version}", brand.paper)
    style = cache(lambda **look: book.add_format({"valign": "top", **look}))
    for sheet in _sheets(document, brand):
        write(book.add_worksheet(sheet.name), sheet, units, record.currency, page, style)
    book.close()
    return out.getvalue()


def _sheets(document: Document, brand: Brand) -> list[Sheet]:
    names = {figure.id: _named(figure) for figure in document.figures}
    exhibits = [_exhibit(figure, names[figure.id]) for figure in document.figures]
    made = [_findings(document, names), _gaps(document), _row_counts(document), *exhibits, _method(document), _units()]
    filled = [sheet for sheet in made if sheet.rows]
    return [_contents(document, brand, filled), *filled]


def _named(figure: Figure) -> str:
    """The exhibit's number and key: never the client's words, and no two alike since no two numbers are."""
    about = figure.exhibit.key.partition(".")[2].replace(".", " ").replace("_", " ")
    return f"{figure.number} {words.capital(about)}"[:31].rstrip()


def _contents(document: Document, brand: Brand, sheets: list[Sheet]) -> Sheet:
    record = document.record
    notes = (
        f"{record.client} · {document.period} · as of {document.as_of}", document.audit.headline,
        phrases.SYNTHETIC if record.synthetic else "", document.left_out,
        f"{brand.name and brand.name + ' · '}{phrases.MADE_TITLE} alignlib {record.kit_version}",
    )  # fmt: skip
    rows = ((Cell(s.name, link=s.name), Cell(s.topic), Cell(s.title), Cell(len(s.rows), "count")) for s in sheets)
    head = (("Sheet", "text"), ("About", "text"), ("What it holds", "text"), ("Rows", "count"))
    return Sheet("Contents", "Alignment audit of Sales and Marketing", notes, head, tuple(rows))


def _findings(document: Document, names: dict[str, str]) -> Sheet:
    rows = tuple(_finding(item, names) for item in (*document.top, *document.others))
    return Sheet("Findings", document.top_title, (), _FINDINGS, rows, "Findings", _PRINTED)


def _finding(item: Item, names: dict[str, str]) -> tuple[Cell, ...]:
    f, m, name = item.finding, item.finding.measure, names.get(item.section, "")
    level = Cell(words.capital(f.level), "level")
    play = f"{item.play.id} {item.play.title}" if item.play else f.play
    return (
        level, Cell(f.title), Cell(f.detail), *(Cell(v, m.unit) for v in (m.value, m.low, m.high)),
        Cell(UNITS[m.unit]), Cell(m.n, "count"), Cell(m.k, "count"), Cell((f.direction or "").replace("_", " ")),
        Cell(f.limit, m.unit), Cell(play), Cell(name, link=name), *map(Cell, (f.settle, m.method, f.rule)),
    )  # fmt: skip


def _gaps(document: Document) -> Sheet:
    gaps = (*document.limits, *document.more_limits)
    told = ((gap.what, gap.why, gap.settle) for gap in gaps)
    head = (("What", "text"), ("Why", "text"), ("What would settle it", "text"))
    return Sheet("Not judged", document.limits_title, (), head, _texts(told), phrases.NOT_JUDGED)


def _row_counts(document: Document) -> Sheet:
    counts = document.counts
    units = ["count" if i in counts.figures else "text" for i in range(len(counts.head))]
    rows = (
        tuple(Cell(int(said.replace(",", "")) if unit == "count" else said, unit)
              for said, unit in zip(row, units, strict=True)) for row in counts.rows)  # fmt: skip
    return Sheet("Row counts", counts.caption, (), tuple(zip(counts.head, units, strict=True)), tuple(rows), "Data")


def _exhibit(figure: Figure, name: str) -> Sheet:
    exhibit = figure.exhibit
    says_not = exhibit.says_not and f"{phrases.SAYS_NOT}: {exhibit.says_not}"
    run = figure.play and f"{phrases.RUN}: {figure.play.id} {figure.play.title}"
    notes = exhibit.lead, f"{phrases.READ}: {exhibit.read}", says_not, f"{phrases.SOURCE}: {exhibit.source}", run or ""
    shown = _shown(exhibit)
    ends = {end: c for c in reversed(exhibit.columns) for end in interval_of(c.name, exhibit)}
    rows = tuple(tuple(Cell(row.get(c.name), c.unit) for c in shown) for row in exhibit.rows)
    return Sheet(name, exhibit.title, notes, tuple((_head(c, ends), c.unit) for c in shown), rows, figure.topic)


def _shown(exhibit: Exhibit) -> list[Column]:
    """As in the printed table, but both ends of an interval in columns of their own."""
    is_noted = any(row.get("note") for row in exhibit.rows)
    return [c for c in exhibit.columns if not c.is_extra and c.name not in CODES and (c.name != "note" or is_noted)]


def _head(column: Column, ends: dict[str, Column]) -> str:
    """The head of a column; an end of an interval also says of which estimate."""
    estimate = ends.get(column.name)
    return f"{estimate.label}, {column.label[:1].lower()}{column.label[1:]}" if estimate else headed(column)


def _method(document: Document) -> Sheet:
    told = [("Thresholds", document.record.thresholds_lock)]
    told += [(title, line) for title, lines in document.notes for line in lines]
    told += [(phrases.CAVEATS_TITLE, caveat) for caveat in document.caveats]
    head, rows = (("About", "text"), ("What", "text")), _texts((about, line) for about, line in told if line)
    return Sheet("Method", "How the figures were made", (), head, rows, "Method")


def _units() -> Sheet:
    pages = {"Unit": "Units", "Reading": "Cells", "Level": "Levels", "Verdict": "The docket"}
    said = [(kind, *map(words.capital, told)) for kind, page in pages.items() for told in _guide(page)]
    head = (("Kind", "text"), ("Word", "text"), ("It means", "text"))
    return Sheet("Units", "What units, levels and verdicts mean", (), head, _texts(said), "Method")


def _texts(told: Iterable[tuple[str, ...]]) -> tuple[tuple[Cell, ...], ...]:
    return tuple(tuple(map(Cell, each)) for each in told)


@cache
def _guide(heading: str) -> tuple[tuple[str, str], ...]:
    """What do the words of this page of the playbook's guide mean?"""
    guide = resource("playbook", "guide-reading-the-report.md").read_text(encoding="utf-8")
    page = re.split(r"^## ", guide, flags=re.M)
    lines = next((each for each in page if each.startswith(heading)), "").splitlines()
    table = [line.strip("| ").split(" | ") for line in lines if line.startswith("| ")]
    return tuple((word, meaning) for word, meaning in table[1:])
