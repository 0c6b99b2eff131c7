"""What does a report say, in which order? The record as one ordered document of plain strings, without any markup."""

from collections.abc import Iterator
from datetime import date
from typing import NamedTuple

from alignlib import words
from alignlib.charts.tables import Table, number, table
from alignlib.errors import CODES
from alignlib.report.cards import Conversation, Docket, conversations, docket
from alignlib.resources import Play, plays
from alignlib.result import Exhibit, Finding, NotJudged, Record, Result, Scalar

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
    "content.stale": "content.age", "content.untagged": "content.inventory",
    "content.empty_pipeline": "content.coverage", "funnel.first_touch": "funnel.touch", "funnel.leaked": "funnel.leaks",
    "funnel.decided": "funnel.follow_up", "funnel.ownerless": "funnel.relay",
    "funnel.score_order": "funnel.grades", "funnel.marketing_started": "funnel.credit",
    "funnel.revenue_linked": "funnel.clocks", "funnel.long_view": "funnel.clocks",
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


class Figure(NamedTuple):
    """One exhibit: its section's id and number, what stands over it, its table and its play.

    ``docket`` and ``conversations`` hold the rows of an exhibit of these shapes, as its section shows them.
    """

    id: str
    number: str
    topic: str
    exhibit: Exhibit
    table: Table
    play: Play | None
    docket: Docket | None = None
    conversations: tuple[Conversation, ...] = ()


class Document(NamedTuple):
    """The whole report in order: front, findings, what stays open, exhibits, the rest, method.

    ``contents`` holds the number and name of each section by its id. What is not judged is put as sentences.
    """

    record: Record
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


def build(record: Record) -> Document:
    """Which document does this record make? Pure: equal records make equal documents."""
    results, known = list(record.results.values()), plays()
    audit = record.results.get("audit") or Result(
        diagnostic="audit", question="", headline="The audit of this record is missing", summary="",
        findings=[f for r in results for f in r.findings], not_judged=[gap for r in results for gap in r.not_judged],
    )  # fmt: skip
    figures, gaps = tuple(_figures(record, known)), audit.not_judged
    sections = {figure.exhibit.key: figure.id for figure in figures}
    items = tuple(Item(f, known.get(f.play or ""), sections.get(_proof(f.key), "")) for f in audit.findings)
    return Document(
        record=record, audit=audit, as_of=_day(record.as_of),
        period=f"{_day(record.period_start)} to {_day(record.period_end)}",
        strands=tuple(_strand(record.results.get(name), title) for name, title in _STRANDS.items()),
        contents=_contents(figures, len(items) > TOP, len(gaps) > OPEN),
        top_title=words.tally([finding.level for finding in audit.findings]), top=items[:TOP], others=items[TOP:],
        limits_title=f"{words.count_spelled(len(gaps) + 1, 'thing').capitalize()} these data leave open",
        limits=tuple(_told(gap) for gap in [*gaps[:OPEN], _CAUSE]), more_limits=tuple(_told(g) for g in gaps[OPEN:]),
        figures=figures, notes=tuple((title, lines) for title, lines in _notes(record) if lines),
        counts=_counts(results), caveats=tuple(dict.fromkeys(caveat for r in results for caveat in r.caveats)),
    )  # fmt: skip


def _contents(figures: tuple[Figure, ...], has_others: bool, has_more: bool) -> dict[str, tuple[int, str]]:
    topics = {figure.topic: figure.id for figure in reversed(figures)}  # the first figure of each
    order = [("findings", "Findings")]
    order += [(topics[topic], name) for topic, name in _TOPICS.values() if topic in topics]
    order += [("others", "Others")] if has_others else []
    order += [("open", "Not judged")] if has_more else []
    order += [("method", "Method")]
    return {section: (n, name) for n, (section, name) in enumerate(order, start=1)}


def _figures(record: Record, known: dict[str, Play]) -> Iterator[Figure]:
    """Every exhibit with rows, by topic: what is drawn before what is only a table, details for those who ask last."""
    filed = [
        (e.key if e.key in _TOPICS else name, e) for name, r in record.results.items() for e in r.exhibits if e.rows
    ]
    sections = {e.key: _id(e) for _, e in filed}
    proofs = {f.key: sections.get(_proof(f.key), "") for r in record.results.values() for f in r.findings}
    n = 1
    for name, (topic, _) in _TOPICS.items():
        shown = [e for at, e in filed if at == name]
        n += bool(shown)
        for i, e in enumerate(sorted(shown, key=lambda e: (e.is_detail, e.shape == "table")), start=1):
            at, play = str(n) if len(shown) == 1 else f"{n}.{i}", known.get(e.play or "")
            yield Figure(
                _id(e), at, topic, e, table(e, record.currency), play,
                docket(e, known, proofs) if e.shape == "docket" else None,
                conversations(e, record.currency) if e.shape == "strip" else (),
            )  # fmt: skip


def _id(exhibit: Exhibit) -> str:
    return exhibit.key.replace(".", "-")


def _strand(result: Result | None, title: str) -> Strand:
    if result is None or not (result.findings or result.exhibits):
        why = result.not_judged[0].why if result and result.not_judged else "nothing was supplied"
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
    said = {"what": gap.what.rstrip("."), "why": why, "settle": f"Would settle it: {settle}." if gap.settle else ""}
    return gap.model_copy(update=said)


def _counts(results: list[Result]) -> Table:
    rows = {
        (c.file, c.table): (
            c.file, c.table, *(words.number(n) for n in (c.read, c.used, c.rejected, c.excluded)),
            "; ".join(f"{CODES.get(reason, reason)}: {words.number(n)}" for reason, n in c.reasons.items()))
        for result in results for c in result.row_counts
    }  # fmt: skip
    head = ("File", "Table", "Read", "Used", "Rejected", "Excluded", "Reasons")
    return Table("Rows read, used, rejected and excluded", head, tuple(rows.values()), frozenset({2, 3, 4, 5}))


def _notes(record: Record) -> Iterator[tuple[str, tuple[str, ...]]]:
    """How was the report made, so that anyone with the same files gets the same figures?

    What was agreed stands there once, then each diagnostic's own settings, with their names as words.
    """
    results = record.results
    methods = {f.measure.method for r in results.values() for f in r.findings} - {"counted", "withheld", ""}
    methods -= {method.removesuffix(" 95 %").removesuffix(",") for method in methods if method.endswith(" 95 %")}
    yield "Intervals", tuple(sorted(methods)) or ("Nothing estimated: every figure is counted.",)
    agreed, units, meanings = (_settings(results.get("audit"), name) for name in ("limits", "units", "meanings"))
    limits = ((meanings.get(key) or _plain(key), float(n or 0), str(units.get(key, ""))) for key, n in agreed.items())
    yield "Agreed limits", tuple(f"{words.capital(str(what))}: {words.value(n, unit)}" for what, n, unit in limits)
    for name, result in results.items():
        given = {
            key: v
            for key, v in result.settings.items()
            if not isinstance(v, dict) and v is not None and key not in agreed
        }
        told = {key: ", ".join(map(str, v)) if isinstance(v, list) else _said(v) for key, v in given.items()}
        yield f"Settings of {name}", tuple(f"{_plain(key)}: {text}" for key, text in told.items())
    sources = {s.file: s for r in results.values() for s in r.sources}.values()
    yield (
        "Inputs",
        tuple(
            f"{s.file}, {'rows withheld' if s.rows is None else words.count(s.rows, 'row')}, SHA-256 {s.sha256[:12]}…"
            for s in sources
        ),
    )
    made = {
        ", ".join(f"{name} {version}" for name, version in sorted(record.versions.items())): record.versions,
        f"Path rule: {record.path}": record.path, f"Times in {record.timezone}": record.timezone,
        f"Simulations drawn from seed {record.seed}": record.seed,
        f"Compared with an earlier record, SHA-256 {record.since_sha256[:12]}…": record.since_sha256,
    }  # fmt: skip
    yield "Worked out with", tuple(line for line, is_known in made.items() if is_known)


def _settings(result: Result | None, name: str) -> dict[str, Scalar]:
    """What did a result record under this name, if it recorded names and values there?"""
    found = result.settings.get(name) if result else None
    return found if isinstance(found, dict) else {}


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _said(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return words.number(value, 0 if float(value).is_integer() else 2)


def _day(iso: str) -> str:
    return words.day(date.fromisoformat(iso))
