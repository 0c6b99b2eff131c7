"""What does a report say, in which order? The record as one ordered document of plain strings, without any markup."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date

from alignlib import words
from alignlib.charts.tables import Table, table
from alignlib.errors import CODES
from alignlib.resources import Play, plays
from alignlib.result import Exhibit, Finding, NotJudged, Record, Result, Scalar

TOP = 5  # findings on the first page
OPEN = 4  # open questions on the first page
_STRANDS = {
    "survey": ("What people said", "What each team says", "What teams say"),
    "content": ("What was supplied", "Content against what is sold", "Content"),
    "funnel": ("What happened", "What became of the leads", "Leads"),
}
_LEVELS = {"act": "call for action", "watch": "are to watch", "good": "are as agreed", "unclear": "stay unclear"}
_PROOF = {  # which exhibit proves a finding, where the two do not share a key
    "content.stale": "content.age",
    "content.untagged": "content.inventory",
    "content.empty_pipeline": "content.coverage",
    "funnel.first_touch": "funnel.touch",
    "funnel.leaked": "funnel.leaks",
}
_CAUSE = NotJudged(
    what="What caused any of it",
    why="one company, one period, no comparison group: these are differences, not effects",
    settle="",
    theme="",
)


@dataclass(frozen=True)
class Answered:
    """How many of a team answered? None where the number is withheld or was not recorded."""

    team: str
    name: str
    answered: int | None
    invited: int | None
    text: str


@dataclass(frozen=True)
class Strand:
    """What is one of the three kinds of evidence made of, and could it be judged?"""

    title: str
    is_judged: bool
    answered: tuple[Answered, ...]
    lines: tuple[str, ...]


@dataclass(frozen=True)
class Item:
    """One finding, the play to run, and the section that proves it (empty when there is none)."""

    finding: Finding
    play: Play | None
    section: str


@dataclass(frozen=True)
class Limit:
    """What could not be judged, why, and what would settle it, as sentences."""

    what: str
    why: str
    settle: str


@dataclass(frozen=True)
class Figure:
    """One exhibit: its section's id and number, what stands over it, its table and its play."""

    id: str
    number: str
    topic: str
    exhibit: Exhibit
    table: Table
    play: Play | None


@dataclass(frozen=True)
class Method:
    """How was the report made, so that anyone with the same files gets the same figures?"""

    lock: str
    notes: tuple[tuple[str, tuple[str, ...]], ...]
    counts: Table
    caveats: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """The whole report in order: front, findings, what stays open, exhibits, scorecard, the rest, method."""

    client: str
    is_synthetic: bool
    period: str
    as_of: str
    currency: str
    version: str
    headline: str
    summary: str
    strands: tuple[Strand, ...]
    left_out: tuple[str, ...]
    contents: tuple[tuple[str, str], ...]
    top_title: str
    top: tuple[Item, ...]
    limits_title: str
    limits: tuple[Limit, ...]
    more_limits: tuple[Limit, ...]
    figures: tuple[Figure, ...]
    others: tuple[Item, ...]
    method: Method
    numbers: dict[str, int]


def build(record: Record) -> Document:
    """Which document does this record make? Pure: equal records make equal documents."""
    known = plays()
    audit = record.results.get("audit")
    findings = audit.findings if audit else [f for r in record.results.values() for f in r.findings]
    gaps = audit.not_judged if audit else [gap for r in record.results.values() for gap in r.not_judged]
    figures = tuple(_figures(record, known))
    sections = {figure.exhibit.key: figure.id for figure in figures}
    items = tuple(Item(f, known.get(f.play or ""), sections.get(_proof(f.key), "")) for f in findings)
    numbers, contents = _contents(figures, len(items) > TOP, len(gaps) > OPEN)
    return Document(
        client=record.client,
        is_synthetic=record.synthetic,
        period=f"{_day(record.period_start)} to {_day(record.period_end)}",
        as_of=_day(record.as_of),
        currency=record.currency,
        version=record.kit_version,
        headline=audit.headline if audit else "The audit of this record is missing",
        summary=audit.summary if audit else "",
        strands=tuple(_strand(record.results.get(name), name) for name in _STRANDS),
        left_out=tuple(gap.what for gap in gaps[:OPEN]) + _rest(len(gaps) - OPEN),
        contents=contents,
        top_title=_tally(findings),
        top=items[:TOP],
        limits_title=f"{words.spelled(len(gaps) + 1).capitalize()} things these data leave open"
        if gaps
        else "One thing these data leave open",
        limits=tuple(_limit(gap) for gap in [*gaps[:OPEN], _CAUSE]),
        more_limits=tuple(_limit(gap) for gap in gaps[OPEN:]),
        figures=figures,
        others=items[TOP:],
        method=_method(record),
        numbers=numbers,
    )


def _contents(
    figures: tuple[Figure, ...], has_others: bool, has_more: bool
) -> tuple[dict[str, int], tuple[tuple[str, str], ...]]:
    """The number of each topic, and the list of contents: the id to go to and its text."""
    topics = {figure.topic: figure.id for figure in reversed(figures)}
    short = {topic: name for _, topic, name in _STRANDS.values()} | {"Themes side by side": "Themes"}
    order = [("findings", "Findings")]
    order += [(topics[topic], name) for topic, name in short.items() if topic in topics]
    order += [("others", "All other findings")] if has_others else []
    order += [("open", "Not judged")] if has_more else []
    order += [("method", "Method")]
    numbers = {section: n for n, (section, _) in enumerate(order, start=1)}
    return numbers, tuple((section, f"{numbers[section]} {name}") for section, name in order)


def _figures(record: Record, known: dict[str, Play]) -> Iterator[Figure]:
    """Every exhibit with rows, by topic: what is drawn before what is only a table."""
    topics = [(name, _STRANDS[name][1]) for name in _STRANDS] + [("audit", "Themes side by side")]
    number = 1
    for name, topic in topics:
        result = record.results.get(name)
        shown = [e for e in result.exhibits if e.rows] if result else []
        shown.sort(key=lambda exhibit: exhibit.shape == "table")
        number += bool(shown)
        for i, exhibit in enumerate(shown, start=1):
            at = str(number) if len(shown) == 1 else f"{number}.{i}"
            made = table(exhibit, record.currency)
            yield Figure(exhibit.key.replace(".", "-"), at, topic, exhibit, made, known.get(exhibit.play or ""))


def _strand(result: Result | None, name: str) -> Strand:
    if result is None or not (result.findings or result.exhibits):
        why = result.not_judged[0].why if result and result.not_judged else "nothing was supplied"
        return Strand(_STRANDS[name][0], False, (), (f"Not judged: {why}",))
    answered = tuple(_answered(result))
    drawn = tuple(f"{team.name}: " for team in answered)
    lines = [line for line in result.basis if not (drawn and line.startswith(drawn))]
    read, used = sum(c.read for c in result.row_counts), sum(c.used for c in result.row_counts)
    if read:
        rejected, excluded = sum(c.rejected for c in result.row_counts), sum(c.excluded for c in result.row_counts)
        left = [f"{words.number(n)} {what}" for n, what in ((rejected, "rejected"), (excluded, "excluded")) if n]
        lines.append(f"{words.count(read, 'row')} read: " + ", ".join([f"{words.number(used)} used", *left]))
    return Strand(_STRANDS[name][0], True, answered, tuple(lines))


def _answered(result: Result) -> Iterator[Answered]:
    for exhibit in result.exhibits:
        for row in exhibit.rows if exhibit.key == "survey.response" else []:
            team = next((t for t, name in words.TEAM_NAMES.items() if name == row.get("label")), "")
            answered, invited = _whole(row.get("answered")), _whole(row.get("invited"))
            if team and answered is not None:
                text = words.of(answered, invited) if invited is not None else words.number(answered)
                yield Answered(team, words.TEAM_NAMES[team], answered, invited, text)
            elif team:
                yield Answered(team, words.TEAM_NAMES[team], None, None, str(row.get("note") or "withheld"))


def _whole(value: Scalar) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _proof(key: str) -> str:
    if key.startswith("survey.gap."):
        return "survey.blocks"
    return _PROOF.get(key, "funnel.waterfall" if "_to_" in key else key)


def _tally(findings: list[Finding]) -> str:
    """How many findings stand at each level, as a title."""
    counts = Counter[str](finding.level for finding in findings)
    if len(counts) == 1:
        said = _LEVELS[next(iter(counts))]
        return (
            f"All {words.count(len(findings), 'finding')} {said}"
            if len(findings) > 1
            else f"The one finding {_one(said)}"
        )
    parts = [(counts[level], said) for level, said in _LEVELS.items() if counts[level]]
    if not parts:
        return "Nothing could be judged"
    told = words.listed([f"{words.spelled(n)} {said if n > 1 else _one(said)}" for n, said in parts])
    return f"Of {words.count(len(findings), 'finding')}, {told}"


def _one(said: str) -> str:
    """The words for one finding: calls, is, stays."""
    verb, rest = said.split(" ", 1)
    return f"{'is' if verb == 'are' else verb + 's'} {rest}"


def _limit(gap: NotJudged) -> Limit:
    return Limit(
        gap.what.rstrip("."), _sentence(gap.why), f"Would settle it: {gap.settle.rstrip('.')}." if gap.settle else ""
    )


def _rest(n: int) -> tuple[str, ...]:
    return (f"and {words.spelled(n)} more",) if n > 0 else ()


def _method(record: Record) -> Method:
    results = list(record.results.values())
    sources = {s.file: s for result in results for s in result.sources}
    counts = {(c.file, c.table): c for result in results for c in result.row_counts}
    methods = sorted({f.measure.method for result in results for f in result.findings} - {"counted", "withheld", ""})
    rows = [
        (c.file, c.table, *(words.number(n) for n in (c.read, c.used, c.rejected, c.excluded)),
         "; ".join(f"{CODES.get(reason, reason)}: {words.number(n)}" for reason, n in c.reasons.items()))
        for c in counts.values()
    ]  # fmt: skip
    notes = [
        ("Verdict rule", ("The two-sided 95 % interval against the agreed limit: wholly beyond it is act or watch, "
                          "wholly within it is good, across it is unclear. What is judged is what is drawn.",)),
        ("Intervals", tuple(methods) or ("Nothing estimated: every figure is counted.",)),
        *_settings(record),
        ("Inputs", tuple(f"{s.file}, {words.count(s.rows, 'row')}, SHA-256 {s.sha256[:12]}…"
                         for s in sources.values())),
        ("Made with", (f"alignlib {record.kit_version}, record version {record.schema_version}",
                       f"Settings SHA-256 {record.settings_sha256[:12]}…", f"As of {_day(record.as_of)}")),
    ]  # fmt: skip
    head = ("File", "Table", "Read", "Used", "Rejected", "Excluded", "Reasons")
    return Method(
        lock=record.thresholds_lock,
        notes=tuple((title, lines) for title, lines in notes if lines),
        counts=Table("Rows read, used, rejected and excluded", head, tuple(rows), frozenset({2, 3, 4, 5})),
        caveats=tuple(dict.fromkeys(caveat for result in results for caveat in result.caveats)),
    )


def _settings(record: Record) -> Iterator[tuple[str, tuple[str, ...]]]:
    """What was agreed, once, and each diagnostic's own settings, with their names as words."""
    audit = record.results.get("audit")
    agreed = audit.settings.get("limits") if audit else None
    if isinstance(agreed, dict):
        limits = [(key, limit) for key, limit in agreed.items() if isinstance(limit, int | float)]
        units = {key: "points" if key.endswith("_gap") else "share" for key, _ in limits}
        yield "Agreed limits", tuple(f"{_plain(key)}: {words.value(limit, units[key])}" for key, limit in limits)
    for name, result in record.results.items():
        plain = [
            (key, value) for key, value in result.settings.items() if not isinstance(value, dict) and value is not None
        ]
        told = [(key, ", ".join(map(str, value)) if isinstance(value, list) else _said(value)) for key, value in plain]
        yield f"Settings of {name}", tuple(f"{_plain(key)}: {text}" for key, text in told)


def _plain(key: str) -> str:
    return key.replace("_", " ")


def _said(value: Scalar) -> str:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return str(value)
    return words.number(value, 0 if float(value).is_integer() else 2)


def _sentence(text: str) -> str:
    text = text.strip()
    return text[:1].upper() + text[1:] + ("" if text.endswith((".", "!", "?")) else ".") if text else ""


def _day(iso: str) -> str:
    return words.day(date.fromisoformat(iso))
