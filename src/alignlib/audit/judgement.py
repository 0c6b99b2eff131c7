"""What should the two teams do first? Findings ranked, themes side by side, gaps named."""

from collections.abc import Mapping, Sequence

from alignlib.audit.comparison import change
from alignlib.audit.docket import docket
from alignlib.audit.guesses import guesses
from alignlib.audit.plan import plan
from alignlib.audit.ranking import ranked
from alignlib.audit.scorecard import scorecard
from alignlib.audit.stake import stake, worth_of
from alignlib.audit.strip import strip
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.resources import plays
from alignlib.result import Finding, NotJudged, Record, Result
from alignlib.words import capital, count_spelled

QUESTION = "What should the two teams do first?"
_FAILS = {
    "handoff": "the handover is what fails", "content": "the content is not where it is needed",
    "focus": "effort and plan point to different customers", "common_language": "the words they share mean two things",
    "metrics": "the figures do not add up to one aim", "shared_goal": "the goal is not shared",
    "roles": "each misreads the other's job", "regard": "regard is missing", "credit": "credit divides them",
    "structure": "the structure divides them",
}  # fmt: skip


def audit(results: Mapping[str, Result], settings: Settings, previous: Record | None = None) -> Result:
    """What should the two teams do first, which grievances hold, what is at stake, and what could not be judged?

    ``results`` are those of the diagnostics by name. Findings are ranked by level, stake, certainty and minutes of the
    play (``ranking``). Nothing is scored from missing data and no composite number is made. ``previous`` is the record
    of an earlier audit: its figures are laid beside those of today, with the interval of each change.
    """
    findings = ranked([f for result in results.values() for f in result.findings], worth_of(results), plays())
    gaps = [gap for result in results.values() for gap in result.not_judged]
    limits = settings.thresholds
    cases = docket(results)
    shown = [
        cases, strip(results, settings), guesses(results), stake(results, settings),
        None if previous is None else change(results, previous, settings, cases), plan(findings, settings),
        scorecard(findings, gaps),
    ]  # fmt: skip
    return Result(
        diagnostic="audit", question=QUESTION, headline=headline(findings, gaps), summary=summary(findings, gaps),
        basis=[line for result in results.values() for line in result.basis], findings=findings, not_judged=gaps,
        exhibits=[exhibit for exhibit in shown if exhibit is not None],
        settings={"limits": dict(limits), "units": {key: THRESHOLDS[key][1] for key in limits},
                  "meanings": {key: THRESHOLDS[key][2] for key in limits}},
    )  # fmt: skip


def headline(findings: list[Finding], gaps: Sequence[NotJudged] = ()) -> str:
    """What is the verdict in one plain sentence, claiming no more than the findings?

    What is only to watch is no verdict on two teams of whom more could not be judged than was.
    """
    acts = [finding for finding in findings if finding.level == "act"]
    if acts:
        return capital(_FAILS[acts[0].theme])
    judged = [finding for finding in findings if finding.level != "unclear"]
    watched = [finding for finding in judged if finding.level == "watch"]
    if watched and len(judged) >= len(gaps):
        return watched[0].title
    if judged and not watched:
        return "What could be judged is as agreed"
    return "The data at hand cannot judge the alignment of the two teams"


def summary(findings: list[Finding], gaps: list[NotJudged]) -> str:
    """What do the findings say together, in a few sentences?"""
    leading, verdict = _leading(findings), headline(findings, gaps)
    said = [f"{f.title}." for f in (leading if len(leading) > 1 else findings[:2]) if f.title != verdict]
    agree = [f for f in findings if f.key.startswith("survey.gap.") and f.level == "good"]
    said += [f"{finding.title}." for finding in agree[:1]]
    if gaps:
        said.append(f"{capital(count_spelled(len(gaps), 'question'))} could not be judged, which is not “no problem”.")
    return " ".join(said)


def _leading(findings: list[Finding]) -> list[Finding]:
    """The first of up to three themes that call for action or are to watch, in the order of the findings."""
    loud = [finding for finding in findings if finding.level in ("act", "watch")]
    first = {finding.theme: finding for finding in reversed(loud)}
    return sorted(first.values(), key=loud.index)[:3]
