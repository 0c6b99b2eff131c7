"""Which slides does a document make, in which order? Strings, tables and small rules: nothing of a file.

A cover, what matters most with what stays open, the docket, the five conversations, a slide a finding worth showing,
guess and fact, the money, the plan, and an appendix: the other findings and how the audit was made. That is 12 to 18
slides of a whole record. A poor one, or an edition that leaves topics out, has fewer: nothing is made up to fill a
slide.
"""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from alignlib import words
from alignlib.charts import interval_strip
from alignlib.report import phrases
from alignlib.report.document import Document, Figure, Item
from alignlib.report.listings import AIR, BESIDE, GAP, SCALE, Listing, Room, Strip, pages
from alignlib.report.native import is_charted
from alignlib.report.pictures import strip_alt
from alignlib.resources import Play
from alignlib.result import Finding, NotJudged

MOST = 18  # slides
_SHOWN = 6  # findings with a slide of their own, at most: the five that matter most, then others to act on or to watch
_WHOLE = ("audit.change", "audit.guesses", "audit.stake", "audit.plan")  # exhibits with a slide of their own
_WIDEST = 6  # columns of a table that leaves room for words beside it


class Slide(NamedTuple):
    """One slide: what stands over it, its title, and what it shows; ``notes`` are what the speaker reads.

    ``about`` is a line below the title. A ``figure`` is drawn, or ``listings`` are set as tables; ``beside`` are the
    words at the right of it, each with its head; ``level`` and ``strip`` are those of the finding shown.
    """

    kind: str
    kicker: str
    title: str
    about: str = ""
    figure: Figure | None = None
    listings: tuple[Listing, ...] = ()
    beside: tuple[tuple[str, str], ...] = ()
    level: str = ""
    strip: Strip | None = None
    alt: str = ""
    notes: tuple[str, ...] = ()

    @property
    def chart(self) -> Figure | None:
        """Which of its exhibits is drawn as a native chart?"""
        return self.figure if self.figure and is_charted(self.figure.exhibit) else None


def slides(document: Document, room: Room) -> tuple[Slide, ...]:
    """Which slides make the deck? ``room`` is what a slide has below its title, in points."""
    gaps = (*document.limits, *document.more_limits)
    tried = ((n, _verdict(document, n, size, room)) for n in (len(gaps), len(document.limits)) for size in (11.0, 10.0))
    n, verdict = next(((n, slide) for n, slide in tried if slide), (0, _verdict(document, 0, 12.0, room)))
    before = [_cover(document), *filter(None, [verdict]), *_docket(document, room), *_strip(document, room)]
    after = [slide for key in _WHOLE for slide in _whole(document, key, room)]
    after += _limits(gaps[n:], phrases.OPEN_TITLE if n else document.limits_title, room)
    free = MOST - len(before) - len(after) - 1  # the last slide says how the audit was made
    chosen = _chosen(document, min(free - 1, _SHOWN))
    rest = [item for item in document.others if item not in chosen]
    found = [_finding(document, item, room) for item in chosen]
    others = list(_others(rest, min(free - len(found), 2), room))
    return tuple(_numbered([*before, *found, *after, *others, _method(document, room)]))


def _numbered(deck: list[Slide]) -> Iterator[Slide]:
    """Slides that go on under one title say which of how many they are."""
    found, seen = Counter((slide.kind, slide.title) for slide in deck), Counter[tuple[str, str]]()
    for slide in deck:
        at = slide.kind, slide.title
        seen[at] += 1
        which = f" ({seen[at]}{words.NBSP}of{words.NBSP}{found[at]})" if found[at] > 1 else ""
        yield slide._replace(title=f"{slide.title}{which}")


def minutes(play: Play) -> str:
    """How is a play named where it is to be run?"""
    return f"{play.id} {play.title}, {words.minutes(play.minutes)}"


def _cover(document: Document) -> Slide:
    record = document.record
    lines = [f"{document.period}, as of {document.as_of}"]
    lines += [phrases.SYNTHETIC] if record.synthetic else []
    lines += [document.left_out] if document.left_out else []
    kicker = " · ".join(filter(None, ["Alignment audit of Sales and Marketing", document.edition]))
    return Slide("cover", kicker, document.audit.headline, record.client,
                 beside=(("", "\n".join(lines)), *_strands(document)),
                 notes=(document.audit.summary, record.thresholds_lock))  # fmt: skip


def _strands(document: Document) -> Iterator[tuple[str, str]]:
    for strand in document.strands:
        yield strand.title, "\n".join([*(f"{team.name}: {team.text}" for team in strand.answered), *strand.lines])


def _rule(finding: Finding, document: Document, width: float) -> Strip | None:
    """The small rule that sets a finding's estimate against what was agreed, and the same in words."""
    currency = document.record.currency
    drawn = interval_strip(finding, int(width / SCALE), currency)
    return (drawn, strip_alt(finding, currency)) if drawn else None


def _verdict(document: Document, n: int, size: float, room: Room) -> Slide | None:
    """The findings that matter most, with the first ``n`` questions that stay open below them if there is room."""
    rows = tuple(
        (words.capital(item.finding.level), item.finding.title, "", item.detail,
         minutes(item.play) if item.play else phrases.NO_PLAY) for item in document.top)  # fmt: skip
    widths = (0.065, 0.27, 0.225, 0.29, 0.15)
    strips = tuple(_rule(item.finding, document, room.width * widths[2] - 12) for item in document.top)
    listing = Listing(("Level", "Finding", "Measured, against agreed", "Interval, count and what was agreed", "Run"),
                      rows, widths, ("level", "serif", "rule", "", ""), size=size, strips=strips)  # fmt: skip
    about = document.audit.summary if not n else ""
    listings = pages(listing, room.below(about), 1) if rows else ()
    if n:
        left = Room(room.width, room.height - sum(sum(each.heights) for each in listings) - AIR)
        gaps = _open((*document.limits, *document.more_limits)[:n])
        listings += pages(gaps._replace(size=size), left, 1) if left.height > 0 else ()
        if left.height <= 0 or listings[-1].rows != gaps.rows or listings[-1].size < 10:
            return None
    notes = tuple(line for item in document.top for line in (item.finding.title, item.detail, *_method_of(item)))
    return Slide("verdict", document.top_topic, document.top_title, about, listings=listings, alt=document.top_title,
                 notes=(document.audit.headline, document.audit.summary, *notes))  # fmt: skip


def _docket(document: Document, room: Room) -> Iterator[Slide]:
    figure = next((figure for figure in document.figures if figure.docket), None)
    if figure is None:
        return
    rows = tuple(
        (entry.label, f"{entry.says}: “{entry.complaint}”", *(lane.text for lane in entry.lanes),
         " ".join(filter(None, [entry.evidence, entry.ends])),
         "\n".join(filter(None, [entry.verdict, entry.note])), minutes(entry.play) if entry.play else "")
        for entry in figure.docket)  # fmt: skip
    names = tuple(lane.name for lane in figure.docket[0].lanes)
    head = ("Case", "Complaint", *(f"{name}, who agree" for name in names), "Evidence", "Verdict", "Run")
    listing = Listing(head, rows, (0.045, 0.185, 0.075, 0.095, 0.265, 0.23, 0.105),
                      ("", "serif", "sales", "marketing", "", "bold", ""))  # fmt: skip
    said = [f"{entry.label}: {entry.also}" for entry in figure.docket if entry.also]
    for page in pages(listing, room, 2):
        yield Slide("docket", figure.topic, figure.exhibit.title, listings=(page,), alt=figure.exhibit.alt,
                    notes=(*_notes_of(figure), *said))  # fmt: skip


def _strip(document: Document, room: Room) -> Iterator[Slide]:
    figure = next((figure for figure in document.figures if figure.conversations), None)
    if figure is None:
        return
    rows = tuple(
        (f"{told.label} {told.name}, {told.when}".strip(", "), *(lane.text for lane in told.said),
         "\n".join(filter(None, [told.supplied or "not recorded", told.standing])),
         "\n".join(filter(None, [told.happened, told.ends, told.basis])) or "not recorded",
         words.capital(told.level), told.reading)
        for told in figure.conversations)  # fmt: skip
    names = tuple(lane.name for lane in figure.conversations[0].said)
    head = ("Conversation", *(f"{name} says, of 5" for name in names), "Segments supplied", "Go on", "Level", "Reading")
    listing = Listing(head, rows, (0.23, 0.08, 0.1, 0.14, 0.14, 0.08, 0.23),
                      ("serif", "sales", "marketing", "", "", "level", ""))  # fmt: skip
    alts = [f"{told.label}: {told.said_alt}. {told.happened_alt}" for told in figure.conversations]
    yield Slide("strip", figure.topic, figure.exhibit.title, figure.exhibit.lead,
                listings=pages(listing, room.below(figure.exhibit.lead), 1), alt=figure.exhibit.alt,
                notes=(*_notes_of(figure), *alts))  # fmt: skip


def _chosen(document: Document, most: int) -> list[Item]:
    """Which findings are worth a slide? Of those that matter most each that an exhibit proves, then those to act on or
    to watch: strands not yet shown first, and no exhibit again.
    """
    figures = {figure.id: figure for figure in document.figures}
    chosen = [item for item in document.top if item.section in figures]
    more = [item for item in document.others if item.section in figures and not figures[item.section].exhibit.is_detail]
    more = [item for item in more if item.finding.level in ("act", "watch")]
    while len(chosen) < most:
        sections, strands = {each.section for each in chosen}, {_strand(each) for each in chosen}
        more = [item for item in more if item.section not in sections]
        if not more:
            break
        chosen.append(next((item for item in more if _strand(item) not in strands), more[0]))
    order = [*document.top, *document.others]
    return sorted(chosen[: max(most, 0)], key=order.index)


def _strand(item: Item) -> str:
    return item.finding.key.split(".")[0]


def _finding(document: Document, item: Item, room: Room) -> Slide:
    figure = next(figure for figure in document.figures if figure.id == item.section)
    finding = item.finding
    beside = [("Finding", finding.detail)]
    beside += [(phrases.SETTLE, f"{words.capital(finding.settle)}.")] if finding.settle else []
    beside += _run(item.play)
    notes = tuple(_method_of(item))
    return _shown(figure, finding.title, tuple(beside), notes, room)._replace(
        level=finding.level, kicker=f"{words.capital(finding.level)} · {figure.topic}",
        strip=_rule(finding, document, room.width * BESIDE),
    )  # fmt: skip


def _whole(document: Document, key: str, room: Room) -> Iterator[Slide]:
    figure = next((figure for figure in document.figures if figure.exhibit.key == key), None)
    if figure:
        yield _shown(figure, figure.exhibit.title, tuple(_run(figure.play)), (), room)


def _run(play: Play | None) -> list[tuple[str, str]]:
    return [(phrases.RUN, f"{minutes(play)}\n{play.question}")] if play else []


def _shown(
    figure: Figure, title: str, beside: tuple[tuple[str, str], ...], notes: tuple[str, ...], room: Room
) -> Slide:
    """One exhibit: a chart or a table, words at its right unless the table takes the whole width."""
    exhibit = figure.exhibit
    listings: tuple[Listing, ...] = ()
    about = exhibit.title if exhibit.title != title else exhibit.lead
    words_beside = (*beside, (phrases.READ, exhibit.read), (phrases.SAYS_NOT, exhibit.says_not),
                    (phrases.SOURCE, exhibit.source))  # fmt: skip
    if not is_charted(exhibit):
        is_wide = len(figure.table.head) > _WIDEST
        if is_wide and beside:  # the finding's words stand above the table, at the left of its small rule
            about = " ".join(f"{head}: {text.split(chr(10))[0]}." if head == phrases.RUN else text
                             for head, text in beside)  # fmt: skip
        left = room.below(about) if is_wide else room.below(about).left()
        if is_wide and beside:
            left = Room(room.width, min(room.left().below(about).height, room.height - 48))
        listings = pages(Listing.of(figure, left.width), left, 1)
        words_beside = () if is_wide else words_beside
    rest = tuple(line for line in (exhibit.lead, *_notes_of(figure)) if line)
    return Slide("figure", figure.topic, title, about, figure, listings, tuple(w for w in words_beside if w[1]),
                 alt=exhibit.alt, notes=(*notes, *(f"{head}: {text}" for head, text in beside), *rest))  # fmt: skip


def _limits(gaps: tuple[NotJudged, ...], title: str, room: Room) -> Iterator[Slide]:
    listing = _open(gaps)
    told = tuple(" ".join(filter(None, [f"{row[0]}.", *row[1:]])) for row in listing.rows)
    for page in pages(listing, room, 2) if gaps else ():
        yield Slide("limits", phrases.CANNOT_SAY, title, listings=(page,), alt=title, notes=told)


def _open(gaps: tuple[NotJudged, ...]) -> Listing:
    rows = tuple((gap.what, gap.why, gap.settle.removeprefix(f"{phrases.SETTLE}: ")) for gap in gaps)
    head = ("What these data leave open", "Why", phrases.SETTLE)
    return Listing(head, rows, (0.3, 0.32, 0.38), ("serif", "", ""))


def _others(items: list[Item], most: int, room: Room) -> Iterator[Slide]:
    """The findings without a slide of their own, by level, in two columns."""
    ranked = sorted(items, key=lambda item: phrases.LEVELS.index(item.finding.level))
    rows = tuple((words.capital(item.finding.level), item.finding.title) for item in ranked)
    if not rows:
        return
    listing = Listing(("Level", "Finding"), rows, (0.15, 0.85), ("level", "serif"))
    title = words.tally([item.finding.level for item in items])
    columns = pages(listing, Room((room.width - GAP) / 2, room.height), 2 * most)
    told = [f"{row[0]}: {row[1]}. {item.finding.detail}" for row, item in zip(rows, ranked, strict=True)]
    for i in range(0, len(columns), 2):
        pair, start = columns[i : i + 2], sum(len(column.rows) for column in columns[:i])
        shown = sum(len(column.rows) for column in pair)
        yield Slide("others", f"Appendix: {phrases.OTHERS[:1].lower()}{phrases.OTHERS[1:]}", title, listings=pair,
                    alt=title, notes=tuple(told[start : start + shown]))  # fmt: skip


def _method(document: Document, room: Room) -> Slide:
    """How the audit was made: what each strand rests on, and the row counts; everything else in the notes."""
    record = document.record
    told = [*_strands(document), ("", record.thresholds_lock)]
    told += [(phrases.MADE_TITLE, f"alignlib {record.kit_version}, settings SHA-256 {record.settings_sha256[:12]}…")]
    counts = document.counts
    rows = tuple((row[0], *row[2:6]) for row in counts.rows)
    kinds = ("", *["figure"] * 4)
    listing = Listing((counts.head[0], *counts.head[2:6]), rows, (0.4, 0.15, 0.15, 0.15, 0.15), kinds)
    notes = [f"{title}: {'; '.join(lines)}" for title, lines in document.notes]
    notes += [*(f"{row[0]}: {row[6]}" for row in counts.rows if row[6]), *document.caveats]
    return Slide("method", "Appendix: method and data", phrases.METHOD_TITLE,
                 listings=pages(listing, room.left(), 1) if rows else (), beside=tuple(w for w in told if w[1]),
                 alt=counts.caption, notes=tuple(notes))  # fmt: skip


def _method_of(item: Item) -> Iterable[str]:
    yield f"Method: {item.finding.measure.method}"
    yield f"Level {item.finding.level}: {item.finding.rule}"


def _notes_of(figure: Figure) -> Iterable[str]:
    e = figure.exhibit
    yield f"{phrases.READ}: {e.read}"
    if e.says_not:
        yield f"{phrases.SAYS_NOT}: {e.says_not}"
    yield f"{phrases.SOURCE}: {e.source}"
