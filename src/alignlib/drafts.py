"""Which paper can the room finish: a handoff pact, stage definitions, a relay card, begun with what the data say?"""

import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple, TypeVar

from alignlib import words
from alignlib.engagement import EXITS, STAGES, Settings, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.instrument import read_instrument
from alignlib.resources import strict_templates
from alignlib.result import Exhibit, Finding, Result, Row

_Keyed = TypeVar("_Keyed", Finding, Exhibit)
Kind = Literal["sla", "definitions", "relay"]
FOLDER = "drafts"  # in the engagement
BLANK = "______"  # the room decides
DATA, AGREED, TODAY, OPEN = "from the data", "agreed before", "as today", "open"  # where what is proposed comes from
CAPPED = f"{DATA}, up to what Sales can work"
SILENT = "not in the data"
CLEARLY = 0.6  # from this part of a step on a team is said to own it, as in the survey's own exhibit
_STAGES = {
    "inquiry": "Inquiry", "mql": "Handed over (MQL)", "sal": "Accepted (SAL)", "sql": "Qualified (SQL)",
    "opportunity": "Opportunity", "won": "Won", "recycled": "Recycled", "disqualified": "Disqualified", "lost": "Lost",
}  # fmt: skip
_TIMED = {  # promises for a share of leads: their lines of funnel.promises, what was agreed, how they are kept today
    "First touches": ("first_touch_in_time", "funnel.first_touch"), "Decisions": ("decided_in_time", "funnel.decided"),
}  # fmt: skip
_GRADE = "of these, "  # so begins a line of funnel.promises on one grade of lead
# ASCII punctuation that can mean something in Markdown: a number that would begin a list, then where a mark stands for
# itself alone, then all others.
_MARKS = re.compile(
    r"(?P<number>^\d{1,9}[.)](?=\s|$))|(?<=\d)\.(?=\d)|(?<=\S)\.(?=\s|$)|(?<=\w)-(?=\w)|(?<=\w):(?=\s)|(?<=\s)=(?=\s)"
    r"|(?P<mark>[!#$&*+\-.:<=>\[\\\]^_`{|}~])"
)


class Line(NamedTuple):
    """One line to settle: what, what is proposed, where that comes from, how it is today. None: the room decides."""

    what: str
    proposed: str | None
    origin: str
    today: str | None = ""


class Kept(NamedTuple):
    """For which share of leads is something promised in time: as proposed, and as agreed before? None: open."""

    share: float | None
    agreed: float | None

    @property
    def is_today(self) -> bool:
        return self.share != self.agreed


class Fact(NamedTuple):
    """What do the data say of one thing: the figure, its interval, on how many, and what was agreed?"""

    what: str
    found: str
    ends: str
    n: str
    agreed: str


@dataclass(frozen=True)
class _Plain:
    """A text that the template may write as it is, for ``escaped`` has been over it."""

    text: str

    def __html__(self) -> str:
        return self.text


def escaped(text: str) -> str:
    """How does a text from outside stand in Markdown, so that it is never anything but text, on one line?

    A backslash before each mark that could mean something (CommonMark, GitHub's tables, links without brackets,
    formulas, emoji); line breaks, also rare ones, become spaces; what XML cannot hold and what turns the direction of
    reading becomes a visible mark; an e-mail address is masked, and any other @ is written (at), for it calls people.

    >>> print(escaped("**Won** | <b>50 %</b>, [see](http://x.example)"))
    \\*\\*Won\\*\\* \\| \\<b\\>50 %\\</b\\>, \\[see\\](http\\://x\\.example)
    """
    whole = words.masked(words.legible(text))
    whole = re.sub(r"[^\S\u00a0]+", " ", whole).strip().replace("@", "(at)")
    return _MARKS.sub(_marked, whole)


def _marked(found: re.Match[str]) -> str:
    return f"{found[0][:-1]}\\{found[0][-1]}" if found["mark"] or found["number"] else found[0]


def draft(kind: Kind, settings: Settings, results: Mapping[str, Result]) -> str:
    """Which Markdown begins this paper? ``results`` are those of the diagnostics by name.

    What the data say stands with its interval and n; what is proposed says where it comes from; where nothing is known
    it says so, and what the room must decide is left blank. It invents nothing and decides nothing. The handoff pact
    (sla) and the definitions rest on funnel and settings alone; the relay card also on the survey, as published.
    """
    drafts = strict_templates("drafts").overlay(finalize=_written, keep_trailing_newline=True)
    told = {"sla": _sla, "definitions": _definitions, "relay": _relay}[kind](settings, results)
    start, end = settings.period.start, settings.period.end
    common = {"client": settings.client, "synthetic": settings.synthetic, "as_of": words.day(settings.as_of),
              "period": f"{words.day(start)} to {words.day(end)}"}  # fmt: skip
    return drafts.get_template(f"{kind}.md.j2").render(**common, **told)


def write_draft(kind: Kind, engagement: Path, out: Path | None = None) -> Path:
    """Where was this draft written? ``drafts/`` in the engagement, when no file is named.

    The files are read as for an audit, in a private folder that is gone when this ends. The relay card shows figures of
    the survey, so it passes what every report passes: the release log of the wave. Raises AlignError: E-USE for a file
    that exists (the room may have written in it), E-SMALL, and all that reading the files may raise.
    """
    from alignlib.files import make_folder, write_file
    from alignlib.intake.snapshot import PRIVATE, prepare
    from alignlib.pipeline import load
    from alignlib.release import safe_to_release

    target = out or engagement / FOLDER / f"{kind}.md"
    if target.exists():
        fix = "move it away, or name another file with --out: somebody may have written in it"
        raise AlignError(Problem("E-USE", "this draft exists already", where=str(target), fix=fix))
    settings = read_engagement(engagement)
    private = make_folder(engagement / PRIVATE, private=True)
    with tempfile.TemporaryDirectory(prefix="draft-", dir=private) as scratch:
        folder = Path(scratch) / "run"
        prepare(engagement, folder)
        text = draft(kind, settings, load(str(folder), settings.sha256()).results)
        if kind == "relay":
            safe_to_release(engagement, load(str(folder)).tables, settings)
    return write_file(target, text)


def _written(value: Any) -> Any:
    """Every value is a text from outside, and None a blank; what a macro made is written already."""
    if value is None:
        return _Plain(BLANK)
    return _Plain(escaped(str(value))) if type(value) in (str, int, float) else value


# --- the handoff pact -------------------------------------------------------------------------------------------------


def _sla(settings: Settings, results: Mapping[str, Result]) -> dict[str, Any]:
    funnel = results["funnel"]
    kept = {name: _kept(name, settings, funnel) for name in _TIMED}
    asked = [(row, _is_promised(row, settings)) for row in _rows(funnel, "funnel.promises")]
    cut = _cap(asked[0][0], settings) if asked else {}
    needs = _find(funnel.exhibits, "funnel.promises")
    marketing = [_need(row, cut) for row, is_promised in asked if row["who"] == "Marketing" and is_promised]
    grades = "" if all(is_promised for _, is_promised in asked) else words.listed(settings.grading.criteria["grade"])
    return {
        "facts": _facts(settings, funnel), "goal": f"{needs.title}. {needs.lead}" if needs else "",
        "has_goal": settings.goal.revenue is not None, "grades": grades, "is_capped": _is_capped(cut),
        "marketing": (marketing or [Line("Leads handed over, a month", None, OPEN, _handed(funnel))]) + [
            Line("Fields filled at the handover", None, OPEN), Line("Answer to a lead sent back, days", None, OPEN),
        ],
        "sales": _timed(settings, funnel, kept) + [
            _counted(row, cut, kept) for row, _ in asked if row["who"] == "Sales"
        ],
    }  # fmt: skip


def _facts(settings: Settings, funnel: Result) -> list[Fact]:
    """The findings a pact rests on, and the value of a won deal."""
    wanted = {
        "funnel.first_touch": "First touch in the promised time", "funnel.decided": "Decided in the promised time",
        "funnel.mql_to_sal": "Handed over, then accepted", "funnel.sal_to_sql": "Accepted, then qualified",
        "funnel.mql_to_won": "Handed over, then won", "funnel.leaked": "Ended without touch, owner or next step",
    }  # fmt: skip
    facts = [_fact(what, found) for key, what in wanted.items() if (found := _find(funnel.findings, key))]
    for row in _rows(funnel, "funnel.model"):
        if row.get("stage") == "deal_value":
            ends = words.interval(row.get("amount_low"), row.get("amount_high"), "money", settings.currency)
            worth, n = words.money(row["amount"], settings.currency), words.number(row["n"])
            facts.append(Fact("Value of a won deal", worth, ends, n, ""))
    return facts


def _fact(what: str, finding: Finding) -> Fact:
    m = finding.measure
    ends = words.interval(m.low, m.high, m.unit) if m.low is not None else "counted"
    agreed = words.agreed(finding.limit, finding.direction, m.unit).removeprefix("Agreed: ").rstrip(".")
    return Fact(what, words.value(m.value, m.unit), ends, "" if m.n is None else words.number(m.n), agreed)


def _kept(name: str, settings: Settings, funnel: Result) -> Kept:
    """The better of what was agreed and what is kept today, where the whole interval of today lies above the agreed.

    So nobody promises less than they do, nor more than can be told that they do.
    """
    threshold, key = _TIMED[name]
    agreed, today = settings.thresholds.get(threshold), _find(funnel.findings, key)
    if agreed is not None and today and today.measure.low is not None and today.measure.low > agreed:
        return Kept(today.measure.value, agreed)
    return Kept(agreed, agreed)


def _is_promised(row: Row, settings: Settings) -> bool:
    """Is a line of a grade one of a good lead, where it is written which grades these are? Any other line is."""
    label, grades = str(row["label"]), settings.grading.criteria.get("grade")
    return not grades or not label.startswith(_GRADE) or label.removeprefix(f"{_GRADE}grade ") in grades


def _cap(leads: Row, settings: Settings) -> dict[str, float]:
    """By which factor does what Sales can work cut each end of the leads that the goal takes?"""
    if settings.goal.capacity is None or leads["now"] is None:
        return {}
    room = leads["now"] + settings.goal.capacity
    return {end: min(1.0, room / leads[end]) if leads[end] else 1.0 for end in ("low", "high")}


def _is_capped(cut: Mapping[str, float]) -> bool:
    return min(cut.values(), default=1.0) < 1


def _timed(settings: Settings, funnel: Result, kept: Mapping[str, Kept]) -> list[Line]:
    """Sales' promises in time, order and tries: what was agreed before, and how it is kept today."""
    said, order = settings.promises, _find(funnel.findings, "funnel.work_order")
    touched, decided = (_find(funnel.findings, key) for _, key in _TIMED.values())
    clock = "working hours" if said.clock == "business" else "hours"
    touch = said.first_touch_hours and f"within {words.number(said.first_touch_hours)} {clock}"
    decide = said.decision_days and f"within {words.value(said.decision_days, 'days')}"
    tries = [
        row for row in _rows(funnel, "funnel.follow_up") if str(row["label"]).startswith("Turned down after fewer")
    ]
    short = [f"{words.number(row['n'])} {row['note']} turned down after fewer" for row in tries]
    return [
        _timed_line("First touch after the handover", touch, kept["First touches"], touched),
        Line("Order in which leads are worked", None, OPEN, order.title if order else SILENT),
        Line("Tries before giving up, at least", words.number(said.attempts) if said.attempts else None,
             AGREED if said.attempts else OPEN, short[0] if short else SILENT),
        _timed_line("Accept, or turn down with a reason", decide, kept["Decisions"], decided),
    ]  # fmt: skip


def _timed_line(what: str, within: Any, kept: Kept, finding: Finding | None) -> Line:
    if not within:
        return Line(what, None, OPEN, _said(finding))
    part = BLANK if kept.share is None else f"{words.share(kept.share)} of leads"
    origin = AGREED if not kept.is_today or kept.agreed is None else f"{TODAY}; {words.share(kept.agreed)} {AGREED}"
    return Line(what, f"{within}, for {part}", origin, _said(finding))


def _said(finding: Finding | None) -> str:
    """A figure with its interval and n: ``44 % (38 to 51), n = 1,240``."""
    if finding is None or finding.measure.value is None:
        return SILENT
    fact = _fact("", finding)
    return f"{fact.found} ({fact.ends}){f', n = {fact.n}' if fact.n else ''}"


def _counted(row: Row, cut: Mapping[str, float], kept: Mapping[str, Kept]) -> Line:
    """A promise of Sales in numbers: what is done with each lead is capped like leads, and for the proposed share."""
    timed = next((each for name, each in kept.items() if str(row["label"]).startswith(name)), None)
    if timed is None:
        return _need(row, {})
    if timed.is_today and timed.agreed and timed.share is not None:
        by, said = timed.share / timed.agreed, f"for {words.share(timed.share)} of leads, {TODAY}"
        note = str(row["note"]).replace(f"for {words.share(timed.agreed)} of leads, as agreed", said)
        row = row | {"low": row["low"] * by, "high": row["high"] * by, "note": note}
    return _need(row, cut)


def _need(row: Row, cut: Mapping[str, float]) -> Line:
    """What the goal takes, from the data: both ends of the interval, for nobody can promise its middle."""
    a = "" if str(row["label"]).endswith((", a week", ", a month")) else ", a month"
    today = SILENT if row["now"] is None else words.figure(row["now"], "count")
    note = f"; {row['note']}" if row["note"] else ""
    low, high = (words.number(row[end] * cut.get(end, 1.0)) for end in ("low", "high"))
    origin = CAPPED if _is_capped(cut) else DATA
    return Line(f"{row['label']}{a}", low if low == high else f"{low} to {high}", origin, today + note)


def _handed(funnel: Result) -> str:
    rows = [row for row in _rows(funnel, "funnel.model") if row.get("stage") == "mql_to_sal"]
    return words.figure(rows[0]["a_month"], "count") if rows and rows[0].get("a_month") is not None else SILENT


# --- the definitions --------------------------------------------------------------------------------------------------


def _definitions(settings: Settings, results: Mapping[str, Result]) -> dict[str, Any]:
    funnel = results["funnel"]
    read = _rows(funnel, "funnel.readings")
    labels = read or [
        {"label": label, "sales": None, "marketing": None, "settings": _STAGES[stage], "alike": "not judged"}
        for label, stage in settings.stages.items()
    ]
    is_open = {str(row["label"]): _is_open(row) for row in labels}
    grading = settings.grading
    return {
        "read": _find(funnel.findings, "funnel.readings"),
        "disputed": [row for row in labels if is_open[str(row["label"])]] if read else [],
        "stages": [_stage_line(code, labels, is_open, bool(read)) for code in (*STAGES, *EXITS)],
        "cuts": [_cut(row) for row in _rows(funnel, "funnel.cut")]
        or [(words.TEAM_NAMES[team], words.number(cut), SILENT, SILENT) for team, cut in grading.stated.items()],
        "cut": _find(funnel.exhibits, "funnel.cut"),
        "order": _find(funnel.findings, "funnel.score_order"),
        "criteria": [(name, words.listed(values)) for name, values in grading.criteria.items()],
    }  # fmt: skip


def _is_open(row: Row) -> bool:
    """Is this label to settle: read differently, by one team alone, or alike and otherwise than the audit took it?"""
    return bool(row["alike"] != "yes") or str(row["settings"]).split(" (")[0] != row["sales"]


def _stage_line(code: str, labels: Sequence[Row], is_open: Mapping[str, bool], is_read: bool) -> Row:
    """One stage: the labels that the audit, or either team, takes for it, and whether its meaning is settled."""
    name = _STAGES[code].split(" (")[0]
    own = [str(row["label"]) for row in labels if str(row["settings"]).split(" (")[0] == name]
    near = [str(row["label"]) for row in labels if name in (row["sales"], row["marketing"])]
    every = list(dict.fromkeys([*own, *near]))
    doubt = [label for label in every if is_open[label]]
    settled = f"{OPEN}: {words.listed(doubt)}" if doubt else "both teams read it alike" if own else "no label"
    return {"stage": _STAGES[code], "labels": words.listed(own) or None, "doubt": settled if is_read else OPEN}


def _cut(row: Row) -> tuple[str, str, str, str]:
    at = words.number(row["cut"]) if row.get("cut") is not None else SILENT
    at += f" ({row['range']})" if row.get("range") else ""
    ends = words.interval(row.get("low"), row.get("high"), "share")
    kept = SILENT if row.get("value") is None else f"{words.share(row['value'])} ({ends})"
    missed = SILENT if row.get("missed") is None else words.share(row["missed"])
    return str(row["label"]), at, kept, missed


# --- the relay card ---------------------------------------------------------------------------------------------------


def _relay(_: Settings, results: Mapping[str, Result]) -> dict[str, Any]:
    asked, legs = _rows(results["survey"], "survey.relay"), _rows(results["funnel"], "funnel.relay")
    blank = [Row(label=item.text) for item in read_instrument().of("owner")]
    return {
        "is_asked": bool(asked), "steps": [_step(row) for row in asked or blank],
        "legs": [
            (row["label"], row["holder"], words.number(row["n"]),
             "not reached" if row["median_days"] is None else words.value(row["median_days"], "days"),
             "" if row["leaked"] is None else words.number(row["leaked"]), row["note"] or "")
            for row in legs
        ],
    }  # fmt: skip


def _step(row: Row) -> Row:
    """One step: whose it is as each team sees it, what follows from both, and the owner to propose, if any."""
    sales, marketing = row.get("sales"), row.get("marketing")
    owner, told = None, "cannot be told"
    if sales is not None and marketing is not None:
        low, high, less = min(sales, marketing), max(sales, marketing), 1 - CLEARLY
        owner = "Sales" if low >= CLEARLY else "Marketing" if high <= less else None
        told = f"both teams say {owner}" if owner else "not clear to both"
        if low <= less and high >= CLEARLY:
            told = "both claim it" if sales > marketing else "each leaves it to the other"
    said = {team: _part_of_sales(row, team) for team in words.TEAM_NAMES}
    return {"step": row["label"], **said, "told": told, "owner": owner, "origin": DATA if owner else OPEN}


def _part_of_sales(row: Row, team: str) -> str:
    part = row.get(team)
    if part is None:
        return str(row.get("note") or "not asked, or withheld")
    low, high = row.get(f"{team}_low"), row.get(f"{team}_high")
    ends = f" ({words.interval(low, high, 'share')})" if low is not None and high is not None else ""
    return f"{words.share(part)}{ends}, n = {words.number(row[f'{team}_n'])}"


def _find(parts: list[_Keyed], key: str) -> _Keyed | None:
    return next((part for part in parts if part.key == key), None)


def _rows(result: Result, key: str) -> list[Row]:
    exhibit = _find(result.exhibits, key)
    return exhibit.rows if exhibit else []
