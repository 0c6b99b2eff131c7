"""What does a report say, in which order? The record as one ordered document of plain strings, without any markup."""

from collections import Counter
from collections.abc import Iterator
from typing import NamedTuple

from alignlib import words
from alignlib.charts.tables import Table, number, table
from alignlib.report import method, phrases
from alignlib.report.cards import VERDICTS, Conversation, Entry, conversation, entry
from alignlib.report.method import as_day
from alignlib.resources import Play, plays
from alignlib.result import Exhibit, Finding, NotJudged, Record, Result

TOP = 5  # findings on the first page
OPEN = 4  # open questions on the first page
_STRANDS = {"survey": "What people said", "content": "What was supplied", "funnel": "What happened"}
_TOPICS = {  # by an exhibit's own key, or else by its diagnostic: what stands over it, and its name in the contents
    "audit.docket": ("The docket: each grievance tested", "Docket"),
    "survey": ("What each team says", "What teams say"),
    "audit.conversations": ("Five conversations, three strands", "Conversations"),
    "content": ("Content against what is sold", "Content"),
    "funnel": ("What became of the leads", "Leads"),
    "audit.guesses": ("Guess and fact", "Guess and fact"),
    "audit.stake": ("Money at stake", "Money"),
    "audit.change": ("Since last time", "Since last time"),
    "audit.plan": ("The next ninety days", "Ninety days"),
    "audit": ("Themes side by side", "Themes"),
}
_PROOF = {  # which exhibit proves a finding, where the two do not share a key
    "content.stale": "content.age", "content.empty_pipeline": "content.coverage",
    "content.recommended": "content.uptake", "content.taught": "content.first_use",
    "content.teaching_gain": "content.first_use", "content.specific": "content.ladder",
    "funnel.first_touch": "funnel.touch", "funnel.leaked": "funnel.leaks", "funnel.decided": "funnel.follow_up",
    "funnel.ownerless": "funnel.relay", "funnel.score_order": "funnel.calibration",
    "funnel.marketing_started": "funnel.credit", "funnel.credit_claim": "funnel.credit",
    "funnel.revenue_linked": "funnel.clocks", "funnel.long_view": "funnel.clocks",
}  # fmt: skip
AUDIENCES = {  # which topics each leaves out; nobody but the client gets the exhibits in detail
    "client": (), "sales": ("content",), "marketing": (), "board": ("survey", "content", "funnel", "audit"),
}  # fmt: skip
_CAUSE = NotJudged(
    what="What caused any of it", settle="", theme="",
    why="one company, one period, no comparison group: these are differences, not effects",
)  # fmt: skip


class Answered(NamedTuple):
    """How many of a team answered? None where the number is withheld or was not recorded."""

    team: str
    name: str
    answered: int | None
    invited: int | None
    text: str


class Strand(NamedTuple):
    """What is one of the three kinds of evidence made of, and could it be judged?"""

    title: str
    is_judged: bool
    answered: tuple[Answered, ...]
    lines: tuple[str, ...]


class Item(NamedTuple):
    """One finding, the play to run, and the section that proves it (empty when there is none)."""

    finding: Finding
    play: Play | None
    section: str

    @property
    def detail(self) -> str:
        """What stands below its title: interval, count and limit, and what would settle it."""
        settle = f" {phrases.SETTLE}: {self.finding.settle}." if self.finding.settle else ""
        return f"{self.finding.detail}{settle}"


class Figure(NamedTuple):
    """One exhibit: its section's id and number, what stands over it, its table and its play.

    ``is_open``: it proves a finding to act on or to watch, or a verdict; others may stand folded.
    ``docket`` and ``conversations`` hold the rows of an exhibit of these shapes, as its section shows them.
    """

    id: str
    number: str
    topic: str
    exhibit: Exhibit
    table: Table
    play: Play | None
    is_open: bool
    docket: tuple[Entry, ...]
    conversations: tuple[Conversation, ...]

    @property
    def tally(self) -> tuple[tuple[int, str], ...]:
        """How many grievances of the docket end in each verdict?"""
        found = Counter(entry.verdict for entry in self.docket)
        return tuple((found[v], v) for v in dict.fromkeys((*VERDICTS, *found)) if found[v])


class Document(NamedTuple):
    """The whole report in order: front, findings, what stays open, exhibits, the rest, method.

    ``contents`` holds the number and name of each section by its id. What is not judged is put as sentences.
    ``left_out`` says what this audience's edition leaves out; its figures are those of every other edition.
    """

    record: Record
    audience: str
    left_out: str
    audit: Result
    period: str
    as_of: str
    strands: tuple[Strand, ...]
    contents: dict[str, tuple[int, str]]
    top_title: str
    top: tuple[Item, ...]
    others: tuple[Item, ...]
    limits_title: str
    limits: tuple[NotJudged, ...]
    more_limits: tuple[NotJudged, ...]
    figures: tuple[Figure, ...]
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    counts: Table
    caveats: tuple[str, ...]

    @property
    def title(self) -> str:
        """What is the file called, where it says so of itself?"""
        return f"{phrases.NAME}: {self.record.client}"

    @property
    def top_topic(self) -> str:
        """What stands over the findings of the first page: that these are all, or the ones that matter most?"""
        return phrases.ALL if len(self.top) == len(self.audit.findings) else phrases.MOST

    @property
    def edition(self) -> str:
        """For whom is this edition, where it is not the client's?"""
        return "" if self.audience == "client" else f"Edition for {phrases.READERS[self.audience]}"

    @property
    def more(self) -> str:
        """Where do the things stand that the first page leaves open and has no room for? Empty when there are none."""
        if not self.more_limits:
            return ""
        return f"Section {self.contents['open'][0]} lists the other {words.spelled(len(self.more_limits))}."

    @property
    def made(self) -> tuple[str, ...]:
        """With what, and on which day, was the audit made?"""
        r = self.record
        settings = f"Settings SHA-256 {r.settings_sha256[:12]}…"
        return f"alignlib {r.kit_version}, record version {r.schema_version}", settings, f"As of {self.as_of}"

    @property
    def by_level(self) -> tuple[tuple[str, str, tuple[Item, ...]], ...]:
        """Which of the other findings stand at each level, under which heading?"""
        filed = ((name, tuple(item for item in self.others if item.finding.level == name)) for name in phrases.LEVELS)
        return tuple((name, words.tally([name] * len(items)), items) for name, items in filed if items)

    @property
    def findings(self) -> dict[str, Finding]:
        """Every finding of the record by its key, also those that this edition leaves out."""
        return {f.key: f for result in self.record.results.values() for f in result.findings}


def build(record: Record, audience: str = "client") -> Document:
    """Which document does this record make for this audience (one of ``AUDIENCES``)?

    An audience chooses sections, never other figures. Pure: equal records make equal documents.
    """
    results, known, audit = list(record.results.values()), plays(), record.results["audit"]
    figures, gaps, without = tuple(_figures(record, known, audience)), audit.not_judged, AUDIENCES[audience]
    sections = {figure.exhibit.key: figure.id for figure in figures}
    items = tuple(Item(f, known.get(f.play or ""), sections.get(_proof(f.key), "")) for f in audit.findings)
    others = tuple(item for item in items[TOP:] if item.finding.key.split(".")[0] not in without)
    return Document(
        record=record, audience=audience, left_out=_left_out(record, audience, len(items[TOP:]) - len(others)),
        audit=audit, as_of=as_day(record.as_of),
        period=f"{as_day(record.period_start)} to {as_day(record.period_end)}",
        strands=tuple(_strand(record.results[name], title) for name, title in _STRANDS.items()),
        contents=_contents(figures, bool(others), len(gaps) > OPEN),
        top_title=words.tally([finding.level for finding in audit.findings]), top=items[:TOP], others=others,
        limits_title=f"{words.count_spelled(len(gaps) + 1, 'thing').capitalize()} these data leave open",
        limits=tuple(_told(gap) for gap in [*gaps[:OPEN], _CAUSE]), more_limits=tuple(_told(g) for g in gaps[OPEN:]),
        figures=figures, notes=tuple((title, lines) for title, lines in method.notes(record) if lines),
        counts=method.counts(results), caveats=tuple(dict.fromkeys(caveat for r in results for caveat in r.caveats)),
    )  # fmt: skip


def _contents(figures: tuple[Figure, ...], has_others: bool, has_more: bool) -> dict[str, tuple[int, str]]:
    topics = {figure.topic: figure.id for figure in reversed(figures)}  # the first figure of each
    order = [("findings", "Findings")]
    order += [(topics[topic], name) for topic, name in _TOPICS.values() if topic in topics]
    order += [("others", "Others")] if has_others else []
    order += [("open", "Not judged")] if has_more else []
    order += [("method", "Method")]
    return {section: (n, name) for n, (section, name) in enumerate(order, start=1)}


def _figures(record: Record, known: dict[str, Play], audience: str) -> Iterator[Figure]:
    """Every exhibit with rows, by topic: what proves first, then what is drawn, then tables, details last of all."""
    filed = [(topic, e) for topic, e in _filed(record) if _is_for(audience, topic, e)]
    sections = {e.key: _id(e) for _, e in filed}
    proofs = {f.key: sections.get(_proof(f.key), "") for r in record.results.values() for f in r.findings}
    proving, n = _proving(record), 1
    for name, (topic, _) in _TOPICS.items():
        shown = [e for at, e in filed if at == name]
        n += bool(shown)
        order = sorted(shown, key=lambda e: (e.is_detail, e.key not in proving, e.shape == "table"))
        for i, e in enumerate(order, start=1):
            at, play = str(n) if len(shown) == 1 else f"{n}.{i}", known.get(e.play or "")
            yield Figure(
                _id(e), at, topic, e, table(e, record.currency), play,
                not e.is_detail and (i == 1 or e.key in proving),
                tuple(entry(row, known, proofs) for row in e.rows if e.shape == "docket"),
                tuple(conversation(row, record.currency) for row in e.rows if e.shape == "strip"),
            )  # fmt: skip


def _filed(record: Record) -> Iterator[tuple[str, Exhibit]]:
    """Every exhibit with rows, with the name of its topic."""
    for name, result in record.results.items():
        yield from ((e.key if e.key in _TOPICS else name, e) for e in result.exhibits if e.rows)


def _is_for(audience: str, topic: str, exhibit: Exhibit) -> bool:
    return topic not in AUDIENCES[audience] and not (exhibit.is_detail and audience != "client")


def _proving(record: Record) -> set[str]:
    """Which exhibits prove a verdict, or a finding to act on or to watch?"""
    found = [f for result in record.results.values() for f in result.findings]
    verdicts = [str(row.get("finding")) for _, e in _filed(record) if e.shape == "docket" for row in e.rows]
    return {_proof(key) for key in [*verdicts, *(f.key for f in found if f.level in ("act", "watch"))]}


def _left_out(record: Record, audience: str, findings: int) -> str:
    """Which sentence says what this edition leaves out? Empty when it leaves out nothing."""
    gone = [(topic, e) for topic, e in _filed(record) if not _is_for(audience, topic, e)]
    topics = [title for name, (title, _) in _TOPICS.items() if name in AUDIENCES[audience] and name in dict(gone)]
    details = sum(topic not in AUDIENCES[audience] for topic, _ in gone)
    said = [f"“{title}”" for title in topics]
    said += [words.count_spelled(findings, "other finding")] if findings else []
    said += [f"{words.count_spelled(details, 'exhibit')} in detail"] if details else []
    told = f"This edition for {phrases.READERS[audience]} leaves out {words.listed(said)}; "
    return f"{told}its figures are those of the whole report." if said else ""


def _id(exhibit: Exhibit) -> str:
    return exhibit.key.replace(".", "-")


def _strand(result: Result, title: str) -> Strand:
    if not (result.findings or result.exhibits):
        why = result.not_judged[0].why if result.not_judged else "nothing was supplied"
        return Strand(title, False, (), (f"Not judged: {why}",))
    answered = tuple(_answered(result))
    lines = [line for line in result.basis if not line.startswith(tuple(f"{team.name}: " for team in answered))]
    sums = {what: sum(getattr(c, what) for c in result.row_counts) for what in ("used", "rejected", "excluded")}
    if read := sum(c.read for c in result.row_counts):
        told = [f"{words.number(n)} {what}" for what, n in sums.items() if n or what == "used"]
        lines.append(f"{words.count(read, 'row')} read: {', '.join(told)}")
    return Strand(title, True, answered, tuple(lines))


def _answered(result: Result) -> Iterator[Answered]:
    teams = {name: team for team, name in words.TEAM_NAMES.items()}
    for row in next((e.rows for e in result.exhibits if e.key == "survey.response"), []):
        answered, invited = (int(n) if (n := number(row, at)) is not None else None for at in ("answered", "invited"))
        if (name := str(row.get("label"))) in teams:
            text = str(row.get("note") or "withheld") if answered is None else words.number(answered)
            text = words.of(answered, invited) if answered is not None and invited is not None else text
            yield Answered(teams[name], name, answered, invited, text)


def _proof(key: str) -> str:
    for start, exhibit in (("survey.gap.", "survey.blocks"), ("survey.mirror.", "survey.mirror")):
        if key.startswith(start):
            return exhibit
    return _PROOF.get(key, "funnel.waterfall" if "_to_" in key else key)


def _told(gap: NotJudged) -> NotJudged:
    why, settle = words.capital(gap.why.strip()), gap.settle.rstrip(".")
    why += "" if not why or why.endswith((".", "!", "?")) else "."
    said = {"what": gap.what.rstrip("."), "why": why, "settle": f"{phrases.SETTLE}: {settle}." if gap.settle else ""}
    return gap.model_copy(update=said)
