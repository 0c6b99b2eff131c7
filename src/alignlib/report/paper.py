"""What does the printed report say, in the order in which the template of the PDF takes it?"""

from collections.abc import Iterator
from typing import Any

from alignlib import charts, words
from alignlib.charts.tables import NOTHING, Table
from alignlib.report import phrases
from alignlib.report.brand import Brand
from alignlib.report.cards import Conversation, Entry
from alignlib.report.document import Document, Figure, Item
from alignlib.report.pictures import draw
from alignlib.resources import Play

_ROWS = 12  # of a table; the rest stands in the workbook
_FIGURES_MOST = 330.0  # points: of the width, for all columns of figures
_WHOLE = 2400  # letters of a table that stays on one page
_ELSEWHERE = "In the HTML report and the workbook"  # stands over the list of what is not printed
_HEADS = (("Said", "survey: done well today?"), ("Supplied", "content: a usable asset"),
          ("Happened", "funnel: share that goes on"), ("Reading", "the three together"))  # fmt: skip
_PAPERS = {"a4": "a4", "letter": "us-letter"}


def printed(document: Document, brand: Brand) -> dict[str, Any]:
    """What does the template print? Strings, counts, places and SVG, as JSON can hold them: no markup, no path.

    Of a table the first twelve rows, of an exhibit that is not open its title only: the page and the workbook hold all.
    """
    record, shown = document.record, tuple(figure for figure in document.figures if figure.is_open)
    pictures = draw(document._replace(figures=shown), brand)
    sections = {figure.id for figure in shown}
    as_of = f"as of {document.as_of}"
    mark = phrases.SYNTHETIC if record.synthetic else ""
    edition = f"{document.edition} · " if document.edition else ""
    by = f"Prepared by {brand.name} · " if brand.name else ""
    return {
        "paper": _PAPERS[brand.paper], "colours": {"sales": brand.sales, "marketing": brand.marketing},
        "brand": brand.name or "Logo", "logo": list(brand.logo) or None,
        "title": document.title, "author": f"alignlib {record.kit_version}",
        "mast": (phrases.NAME, "of Sales and Marketing", by + (mark or words.capital(as_of))),
        "kicker": f"{edition}{record.client} · {document.period} · {as_of}",
        "running": f"{phrases.NAME} · {record.client} · {document.period}",
        "aside": mark, "made": f"{phrases.MADE_TITLE} alignlib {record.kit_version}",
        "headline": document.audit.headline, "summary": document.audit.summary, "left_out": document.left_out,
        "strands": [*_strands(document)],
        "contents": [{"id": at, "number": n, "name": name} for at, (n, name) in document.contents.items()],
        "findings": _section(document, "findings", document.top_topic, document.top_title,
                             [_found(item, sections, pictures) for item in document.top]),
        "limits": {"kicker": phrases.CANNOT_SAY, "title": document.limits_title, "more": document.more,
                   "items": [gap.model_dump() for gap in document.limits]},
        "figures": [*_figures(shown, sections, pictures)],
        "others": _section(document, "others", phrases.OTHERS, phrases.OTHERS_TITLE,
                           [*_levels(document, sections, pictures)]),
        "open": _section(document, "open", phrases.NOT_JUDGED, phrases.OPEN_TITLE,
                         [gap.model_dump() for gap in document.more_limits]),
        "method": _method(document),
        "elsewhere": {"title": _ELSEWHERE, "columns": _columns([*_elsewhere(document)], 2)},
    }  # fmt: skip


def _section(document: Document, name: str, topic: str, title: str, items: list[Any]) -> dict[str, Any]:
    number = document.contents[name][0] if name in document.contents else 0
    return {"kicker": f"{number} · {topic}", "title": title, "items": items}


def _strands(document: Document) -> Iterator[dict[str, Any]]:
    n = len(document.strands)
    for i, strand in enumerate(document.strands, start=1):
        of = f"Strand {i} of {n}, {'judged' if strand.is_judged else 'not judged'}"
        answered = [team._asdict() for team in strand.answered]
        yield {"of": of, "name": strand.title, "answered": answered, "lines": strand.lines, "items": ()}
    left = [gap.what for gap in document.limits[:-1]] if document.audit.not_judged else []
    left += [f"and {words.spelled(len(document.more_limits))} more"] if document.more_limits else []
    yield {"of": phrases.NOT_JUDGED, "name": phrases.LEFT_OUT, "answered": (), "items": left,
           "lines": () if left else (phrases.NOTHING_LEFT_OUT,)}  # fmt: skip


def _found(item: Item, sections: set[str], pictures: dict[str, str]) -> dict[str, Any]:
    finding = item.finding
    return {
        "level": finding.level, "title": finding.title, "detail": item.detail,
        "picture": _picture(pictures.get(finding.key)), "play": _play(item.play, finding.level == "act"),
        "section": item.section if item.section in sections else "",
    }  # fmt: skip


def _levels(document: Document, sections: set[str], pictures: dict[str, str]) -> Iterator[dict[str, Any]]:
    for name, heading, items in document.by_level:
        found = [_found(item, sections, pictures) for item in items]
        yield {"level": name, "heading": heading, "items": found}


def _play(play: Play | None, is_act: bool = False) -> dict[str, Any] | None:
    if play is None:
        return None
    return {"id": play.id, "title": play.title, "minutes": words.minutes(play.minutes), "is_act": is_act}


def _picture(svg: str | None) -> dict[str, Any] | None:
    """An SVG as the template takes it. Its words are read aloud from ``alt``: the label that the page has too."""
    if not svg:
        return None
    from xml.etree import ElementTree

    head = ElementTree.fromstring(svg[: svg.index(">")].rstrip("/") + "/>").attrib
    ratio = float(head["height"]) / float(head["width"])
    return {"svg": charts.standalone(svg), "alt": head["aria-label"], "ratio": ratio}


def _figures(shown: tuple[Figure, ...], sections: set[str], pictures: dict[str, str]) -> Iterator[dict[str, Any]]:
    for i, figure in enumerate(shown):
        yield {
            "id": figure.id, "kicker": f"{figure.number} · {figure.topic}", "title": figure.exhibit.title,
            "lead": figure.exhibit.lead, "starts_topic": i == 0 or shown[i - 1].topic != figure.topic,
        } | _shown(figure, sections, pictures)  # fmt: skip


def _elsewhere(document: Document) -> Iterator[tuple[str | None, str]]:
    """What this edition holds and does not print: each topic, then the numbers and titles of its exhibits."""
    left = [figure for figure in document.figures if not figure.is_open]
    for topic in dict.fromkeys(figure.topic for figure in left):
        yield None, topic
        yield from ((it.number, it.exhibit.title) for it in left if it.topic == topic)


def _shown(figure: Figure, sections: set[str], pictures: dict[str, str]) -> dict[str, Any]:
    key, exhibit = figure.exhibit.key, figure.exhibit
    notes = _notes(figure)
    if figure.docket:
        entries = [_entry(entry, sections, pictures.get(f"{key} {entry.finding}")) for entry in figure.docket]
        tally = [(words.number(n), verdict, verdict.lower()) for n, verdict in figure.tally]
        head = ("Complaint", "Who agrees", "Evidence against what was agreed", "Verdict", "Play to run")
        rows = {"entries": entries, "tally": tally, "head": head, "key": [*words.TEAM_NAMES.items()]}
        return {"kind": "docket", "docket": rows, "notes": notes}
    if figure.conversations:
        told = [
            _conversation(each, pictures.get(f"{key} {i} said"), pictures.get(f"{key} {i} happened"))
            for i, each in enumerate(figure.conversations)
        ]
        return {"kind": "conversations", "conversations": {"heads": _HEADS, "rows": told}, "notes": notes}
    left, picture = charts.left_out(exhibit), _picture(pictures.get(f"{key} wide"))
    if picture is None:
        left = len(figure.table.rows) - _ROWS if len(figure.table.rows) > _ROWS + 2 else 0
    more = f"{words.count(left, 'more row')} in the workbook." if left else ""
    if picture is None:
        return {"kind": "table", "table": _table(figure.table, left), "more": more, "notes": notes}
    return {"kind": "below", "picture": picture, "more": more, "notes": notes}


def _notes(figure: Figure) -> list[dict[str, Any]]:
    exhibit = figure.exhibit
    told = [("read", phrases.READ, exhibit.read), ("gap", phrases.SAYS_NOT, exhibit.says_not),
            ("source", phrases.SOURCE, exhibit.source)]  # fmt: skip
    notes = [{"kind": kind, "title": title, "text": text, "play": None} for kind, title, text in told if text]
    run = {"kind": "run", "title": phrases.RUN, "text": "", "play": _play(figure.play)}
    return [*notes, run] if figure.play else notes


def _table(table: Table, left: int = 0) -> dict[str, Any]:
    """A table with its columns' widths; ``is_whole``: so small that it need not break over pages."""
    rows = table.rows[: len(table.rows) - left]
    lone = [len(row) > 5 and all(cell in ("", NOTHING) for cell in row[1:]) for row in rows]
    cells = [{"alone": row[0] if is_alone else "", "cells": row} for row, is_alone in zip(rows, lone, strict=True)]
    told = [row for row, is_alone in zip(rows, lone, strict=True) if not is_alone]
    columns = [[row[i] for row in told] for i in range(len(table.head))]
    fixed = {i: _figures_width(columns[i], table.head[i]) for i in table.figures}
    shrunk = min(1.0, _FIGURES_MOST / (sum(fixed.values()) or 1.0))
    widths = [0.0 if i in fixed else _words_weight(column, table.head[i]) for i, column in enumerate(columns)]
    is_whole = len(rows) <= _ROWS + 2 and sum(len(cell) for row in rows for cell in row) < _WHOLE
    return {"head": table.head, "rows": cells, "figures": sorted(fixed), "weights": widths, "is_whole": is_whole,
            "points": [fixed.get(i, 0.0) * shrunk for i in range(len(columns))]}  # fmt: skip


def _figures_width(cells: list[str], head: str) -> float:
    """How many points wide is a column of figures? No figure breaks, and its head no word."""
    words_of_head = max(max(map(len, head.split()), default=0), len(head) / 3)
    return 10.0 + max(4.7 * max(map(len, cells), default=1), 4.1 * words_of_head)


def _words_weight(cells: list[str], head: str) -> float:
    """How much of what is left has a column of words? As its longest word at least, as its cells on a few lines."""
    longest = max((len(word) for text in (*cells, head) for word in text.split()), default=1)
    whole: float = min(max(map(len, cells), default=1), 110) ** 0.85
    return 2.0 + max(min(longest, 24) * 1.1, 6, whole)


def _entry(entry: Entry, sections: set[str], picture: str | None) -> dict[str, Any]:
    return entry._asdict() | {
        "complaint": f"“{entry.complaint}”", "lanes": [lane._asdict() for lane in entry.lanes],
        "section": entry.section if entry.section in sections else "",
        "is_open": entry.verdict in ("Cannot tell", "No outside evidence possible", "Not raised"),
        "why": [said for said in (entry.note, entry.also) if said], "picture": _picture(picture),
        "play": _play(entry.play, entry.is_act),
    }  # fmt: skip


def _conversation(told: Conversation, said: str | None, happened: str | None) -> dict[str, Any]:
    return told._asdict() | {
        "said": [lane._asdict() for lane in told.said], "said_unit": "of 5", "said_nothing": "Withheld or not asked",
        "said_picture": _picture(said), "supplied_unit": "segments", "supplied_nothing": "Not recorded",
        "ends": f"({told.ends})" if told.ends else "", "happened_picture": _picture(happened),
        "happened_nothing": words.capital(told.basis or "not recorded"),
    }  # fmt: skip


def _method(document: Document) -> dict[str, Any]:
    record = document.record
    notes = [(phrases.RULE_TITLE, (phrases.RULE,)), *document.notes, (phrases.MADE_TITLE, document.made)]
    lines = [line for head, said in notes for line in ((None, head), *(("", each) for each in said))]
    return _section(document, "method", phrases.METHOD, phrases.METHOD_TITLE, []) | {
        "lock": record.thresholds_lock, "counts": _table(document.counts) if document.counts.rows else None,
        "notes": _columns(lines, 3), "counts_title": phrases.COUNTS_TITLE,
        "caveats_title": phrases.CAVEATS_TITLE, "caveats": [*document.caveats],
    }  # fmt: skip


def _columns(lines: list[tuple[str | None, str]], n: int) -> list[list[tuple[str | None, str]]]:
    """These lines in order in ``n`` columns about as long; a head (None, text) goes with the line below it."""
    sizes = [2.2 if number is None else 1.2 + len(said) * n // 130 for number, said in lines]
    found: list[list[tuple[str | None, str]]] = [[] for _ in range(n if lines else 0)]
    for i, line in enumerate(lines):
        before = sum(sizes[: i + 1 if line[0] is None and i else i])
        found[min(n - 1, int(n * before / sum(sizes)))].append(line)
    return found
