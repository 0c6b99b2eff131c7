"""The docket: which of the thirteen grievances are borne out by the data, which are not, and which cannot be told?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Literal

from alignlib.audit.exhibits import rows_of
from alignlib.grievances import TEAMS, Grievance, Team, Trial, read_docket
from alignlib.result import Exhibit, Finding, Measure, Result, Row, columns
from alignlib.words import NBSP, TEAM_NAMES, capital, interval, number, of, spelled, tally, value

Verdict = Literal["borne out", "not borne out", "both have a point", "cannot tell", "no rule settles it",
                  "no outside evidence possible", "not raised"]  # fmt: skip
LEAST_COUNT = 3  # of fewer counted things no share is a verdict
_FIRST: tuple[Verdict, ...] = ("borne out", "no rule settles it", "cannot tell", "not borne out")
MYTHS = "P18"  # what to run where a complaint is made and not borne out
_NOTES: dict[Verdict, str] = {
    "no rule settles it": "The room chooses a rule; no data can.",
    "no outside evidence possible": "Talk about it; do not score it.",
}
_MUST = {"any": "One of the two is enough for the complaint.", "all": "The complaint needs both."}
_HOLDS, _OPEN = ("holds", "hold"), ("stays open", "stay open")
_STANDS: dict[str, tuple[str, str]] = {  # what the title says of one complaint with this verdict, and of several
    "borne out": _HOLDS, "both have a point": _HOLDS, "not borne out": ("does not hold", "do not hold"),
    "cannot tell": _OPEN, "no rule settles it": _OPEN, "no outside evidence possible": _OPEN,
    "not raised": ("was hardly raised", "were hardly raised"),
}  # fmt: skip


@dataclass(frozen=True)
class Count:
    """Between which counts do how many of a team make a complaint? ``n`` None: not known (``why``)."""

    low: int
    high: int
    n: int | None
    why: str = ""

    @property
    def is_raised(self) -> bool | None:
        """Does anybody make it? "0–1" is published so that nobody is told, and counts as no. None: not known."""
        return True if self.low > 0 else False if self.n is not None and self.high <= 1 else None

    def __str__(self) -> str:
        if self.n is None:
            return self.why
        return of(self.low, self.n) if self.low == self.high else f"{self.low}–{of(self.high, self.n)}"


@dataclass(frozen=True)
class Case:
    """How does one grievance stand: its verdict, for whose complaint, the finding that is drawn, and who makes it?

    ``whose`` are the claimants to whom the verdict belongs; ``found`` holds each test of theirs with its finding, None
    where it could not be made. ``drawn`` is None where the verdict hangs on a test that could not be made.
    """

    grievance: Grievance
    verdict: Verdict
    whose: tuple[Team, ...]
    drawn: Finding | None
    found: tuple[tuple[Trial, Finding | None], ...]
    makers: Mapping[Team, Count]
    note: str = ""


def docket(results: Mapping[str, Result]) -> Exhibit:
    """Which grievances between Sales and Marketing are borne out, by whose word, on which evidence?

    One row a grievance of ``templates/docket.yml``. Who agrees is counted in the survey; the evidence is the finding
    that decides, its interval against the limit agreed beforehand. It says who is right on a point, never who is to
    blame for it.
    """
    cases = judged(results)
    return Exhibit(
        key="audit.docket", shape="docket", rows=[_row(case) for case in cases], source="Responses and all findings",
        title=tally([case.verdict for case in cases], "complaint", _STANDS),
        columns=columns(
            label=("Case", "text"), says=("Who", "text"), complaint=("Complaint", "text"), sales=("Sales", "text"),
            marketing=("Marketing", "text"), evidence=("Evidence against what was agreed", "text"),
            ends=("Interval and count", "text"), verdict=("Verdict", "text"), note=("Note", "text"),
            play=("Play", "text"),
        ) + [column.model_copy(update={"is_extra": True}) for column in columns(
            claimant=("Claimant", "text"), sales_low=("Sales from", "count"), sales_high=("Sales to", "count"),
            sales_n=("Sales answered", "count"), marketing_low=("Marketing from", "count"),
            marketing_high=("Marketing to", "count"), marketing_n=("Marketing answered", "count"),
            finding=("Finding", "text"), holds_where=("Complaint holds", "text"), level=("Level", "text"),
        )],
        read="The bar is the 95 % interval, the tick in it the estimate, the dashed line what was agreed. On the "
        "shaded side the complaint holds: a bar wholly inside it is borne out, wholly outside it not borne out, across "
        "the line cannot tell. Counted figures have no bar. Who agrees: of those who answered, how many take the bad "
        "side of the statement that asks it; a range hides who. A complaint that at most one of those who "
        "would make it does make is not raised, and not tested.",
        says_not="Who is to blame, or what caused it. Of many verdicts a few are wrong by chance: each side of an "
        "interval misses the truth in about one case of forty.",
        alt="Table of grievances with who agrees, the evidence, the verdict and the play.",
    )  # fmt: skip


def judged(results: Mapping[str, Result]) -> list[Case]:
    """How does each grievance stand? "Both have a point" needs a complaint and its counter-complaint borne out."""
    findings = {finding.key: finding for result in results.values() for finding in result.findings}
    counts = _makers(results)
    alone = [_case(grievance, findings, counts.get(grievance.id, {})) for grievance in read_docket()]
    borne = {case.grievance.id for case in alone
             if case.verdict == "borne out" and any(case.makers[team].is_raised for team in case.whose)}  # fmt: skip
    return [replace(case, verdict="both have a point") if {case.grievance.id, case.grievance.pair} <= borne else case
            for case in alone]  # fmt: skip


def verdict_of(outcomes: Sequence[bool | None], holds: Literal["any", "all"]) -> Verdict:
    """Which verdict do a grievance's tests give, when any or all of them must hold? None: open.

    >>> verdict_of([True, None], "any"), verdict_of([False, None], "any"), verdict_of([False, True], "all")
    ('borne out', 'cannot tell', 'not borne out')
    """
    enough, refuted = (any, all) if holds == "any" else (all, any)
    if outcomes and enough(outcome is True for outcome in outcomes):
        return "borne out"
    return "not borne out" if outcomes and refuted(outcome is False for outcome in outcomes) else "cannot tell"


def _outcome(trial: Trial, finding: Finding | None) -> bool | None:
    """Does the complaint hold in this test? By the finding's level, which is its interval against the agreed limit.

    Beyond the limit is ``act`` or ``watch``, short of it ``good``. Some complaints hold on the good side of a finding:
    that sellers use what they were shown is good, and speaks for "never learned".
    """
    if finding is None or finding.level == "unclear" or _is_slight(finding.measure):
        return None
    bad = {"at_least": "below", "at_most": "above"}.get(finding.direction or "", "")
    return (finding.level != "good") == (trial.holds_where == bad)


def _is_slight(m: Measure) -> bool:
    """Are too few things counted for a share of them to mean anything?"""
    return m.method == "counted" and m.n is not None and m.n < LEAST_COUNT


def _case(grievance: Grievance, findings: Mapping[str, Finding], counts: Mapping[Team, Count]) -> Case:
    makers = {team: counts.get(team, Count(0, 0, None, "not asked")) for team in TEAMS}
    raised = {team: makers[team].is_raised for team in grievance.claimants}
    heard = tuple(team for team in raised if raised[team]) or tuple(team for team in raised if raised[team] is None)
    found = {team: tuple((trial, findings.get(trial.finding)) for trial in grievance.tests
                         if trial.claimant in (None, team)) for team in heard}  # fmt: skip
    if not heard:
        return Case(grievance, "not raised", grievance.claimants, None, (), makers)
    if grievance.kind == "perception":
        return Case(grievance, "no outside evidence possible", heard, None, (), makers)
    verdicts = {team: _verdict(grievance, found[team]) for team in heard}
    verdict: Verdict = next((v for v in _FIRST if v in verdicts.values()), "cannot tell")
    whose = tuple(team for team in heard if verdicts[team] == verdict)
    tests = tuple(dict.fromkeys(test for team in whose for test in found[team]))
    note = " ".join(f"{TEAM_NAMES[team]} says it too: {v}." for team, v in verdicts.items()
                    if v != verdict and raised[team])  # fmt: skip
    return Case(grievance, verdict, whose, _drawn(tests, verdict), tests, makers, note)


def _verdict(grievance: Grievance, found: Sequence[tuple[Trial, Finding | None]]) -> Verdict:
    verdict = verdict_of([_outcome(trial, finding) for trial, finding in found], grievance.holds)
    is_torn = grievance.kind == "credit" and any(_is_across(finding) for _, finding in found)
    return "no rule settles it" if verdict == "cannot tell" and is_torn else verdict


def _drawn(found: Sequence[tuple[Trial, Finding | None]], verdict: Verdict) -> Finding | None:
    """The finding that decides: the first that holds, fails or is open, as the verdict says."""
    wanted = {"borne out": True, "not borne out": False}.get(verdict)
    return next((f for trial, f in found if f is not None and _outcome(trial, f) is wanted), None)


def _is_across(finding: Finding | None) -> bool:
    """Does the claim lie within the range over rules?"""
    if finding is None or finding.limit is None:
        return False
    m = finding.measure
    return m.low is not None and m.high is not None and m.low <= finding.limit <= m.high


def _makers(results: Mapping[str, Result]) -> dict[str, dict[Team, Count]]:
    """Who makes each complaint, as the survey published it, by the id of the grievance?"""
    rows = rows_of(results, "survey.claims")
    return {str(row["label"]).split(" ", 1)[0]: {team: _count(row, team) for team in TEAMS} for row in rows}


def _count(row: Row, team: Team) -> Count:
    n = row.get(f"{team}_n")
    if n is None:
        return Count(0, 0, None, str(row.get(f"{team}_why") or "withheld"))
    return Count(int(row[f"{team}_low"]), int(row[f"{team}_high"]), int(n))


def _row(case: Case) -> Row:
    g, drawn = case.grievance, case.drawn
    play = {"not raised": "", "not borne out": MYTHS}.get(case.verdict, g.play)
    if case.verdict == "cannot tell":  # only what brings the record that would settle it
        play = (drawn.play if drawn else None) or g.play * g.brings
    row: Row = {
        "label": g.id, "says": _says(case), "complaint": g.complaint, "evidence": _evidence(case), "ends": _ends(case),
        "verdict": capital(case.verdict), "note": _note(case), "play": play,
        "claimant": case.whose[0] if len(case.whose) == 1 else "both", "finding": drawn.key if drawn else "",
        "holds_where": next((trial.holds_where for trial, found in case.found if found and found == drawn), ""),
        "level": drawn.level if drawn else "",
    }  # fmt: skip
    for team, count in case.makers.items():
        known = count.n is not None
        row |= {team: str(count), f"{team}_n": count.n, f"{team}_low": count.low if known else None,
                f"{team}_high": count.high if known else None}  # fmt: skip
    return row


def _says(case: Case) -> str:
    """Who says so? Only a team of whom it is known; a complaint nobody was heard to make is usually somebody's."""
    heard = [team for team in case.whose if case.makers[team].is_raised]
    if len(heard) == 1:
        other = next(team for team in TEAMS if team != heard[0])
        too = other not in case.grievance.claimants and 2 * case.makers[other].low > (case.makers[other].n or 0)
        return f"{TEAM_NAMES[heard[0]]} says" + f", {TEAM_NAMES[other]} too" * too
    if heard:
        return "Each says" if case.grievance.says == "each" else "Both say"
    return f"Usually {TEAM_NAMES[case.whose[0]] if len(case.whose) == 1 else 'both'}"


def _evidence(case: Case) -> str:
    if case.verdict == "not raised":
        of_whom = "each team" if len(case.whose) > 1 else TEAM_NAMES[case.whose[0]]
        return f"Not tested: at most one of {of_whom} makes this claim"
    if case.verdict == "no outside evidence possible":
        return "Perception only: nothing outside the survey can test it"
    if case.drawn:
        return case.drawn.title
    lacking = [trial.estimand for trial, finding in case.found if finding is None]
    return f"{'Only partly tested' if len(lacking) < len(case.found) else 'Not tested'}; not known: {lacking[0]}"


def _ends(case: Case) -> str:
    """The interval and the count behind the evidence, and what the other tests of the same grievance say."""
    said = [_behind(case.drawn.measure)] if case.drawn and _behind(case.drawn.measure) else []
    others = [(trial, found) for trial, found in case.found if case.drawn is None or found != case.drawn]
    told = "Also tested" if case.drawn else "Tested"
    said += [f"{told}: {found.title}." if found else f"Not known: {trial.estimand}."
             for trial, found in others if found or case.drawn]  # fmt: skip
    if said and len(case.found) > 1 and not any(trial.claimant for trial, _ in case.found):
        said.append(_MUST[case.grievance.holds])
    return " ".join(said)


def _behind(m: Measure) -> str:
    if m.value is not None and m.low is None:
        counted = "counted, not estimated" if m.method == "counted" else "no interval"
        return f"({of(m.k, m.n)}, {counted})" if m.k is not None and m.n is not None else f"({counted})"
    kind = "bounds " * m.method.startswith("bounds")
    of_value = f"{value(m.value, m.unit)}, " * (m.unit == "pp")  # a title often names both shares, and not their gap
    parts = [of_value + kind + interval(m.low, m.high, m.unit)] if m.low is not None and m.value is not None else []
    parts += [m.method.partition("; ")[2] or m.method] if m.method.startswith("range") else []
    if m.n is not None:
        parts.append(of(m.k, m.n) if m.k is not None else f"n{NBSP}={NBSP}{number(m.n)}")
    return f"({'; '.join(parts)})" if parts else ""


def _note(case: Case) -> str:
    if case.verdict == "both have a point":
        return f"Paired with {case.grievance.pair}: read together."
    if case.verdict != "cannot tell":
        return " ".join(filter(None, [_NOTES.get(case.verdict, ""), case.note]))
    open_ones = [f for trial, f in case.found if f is not None and _outcome(trial, f) is None]
    settle = next((f.settle for f in open_ones if f.settle), "")
    if not settle and any(_is_slight(f.measure) for f in open_ones):
        settle = f"at least {spelled(LEAST_COUNT)} of them to count"
    return " ".join(filter(None, [f"Would settle it: {(settle or case.grievance.needs).rstrip('.')}.", case.note]))
