"""What should the two teams do first? Findings ranked, themes side by side, gaps named."""

from collections import Counter
from collections.abc import Mapping

from alignlib.engagement import THRESHOLDS, Settings
from alignlib.result import Exhibit, Finding, Level, NotJudged, Result, Row, columns
from alignlib.words import capital, count_spelled, listed

QUESTION = "What should the two teams do first?"
LEVELS: tuple[Level, ...] = ("act", "watch", "good", "unclear")
THEMES = {
    "handoff": "Handoff", "content": "Content", "focus": "Focus", "common_language": "Common language",
    "shared_goal": "Shared goal", "metrics": "Metrics", "roles": "Roles", "regard": "Regard", "credit": "Credit",
    "structure": "Structure",
}  # fmt: skip
_FAILS = {
    "handoff": "the handover is what fails", "content": "the content is not where it is needed",
    "focus": "effort and plan point to different customers", "common_language": "the words they share mean two things",
    "metrics": "the figures do not add up to one aim", "shared_goal": "the goal is not shared",
    "roles": "each misreads the other's job", "regard": "regard is missing", "credit": "credit divides them",
    "structure": "the structure divides them",
}  # fmt: skip
_SIZE = {"points": 4.0, "share": 1.0, "pp": 1.0}  # the whole scale of a unit, to compare distances from a limit


def audit(results: Mapping[str, Result], settings: Settings, previous: Mapping[str, Result] | None = None) -> Result:
    """What should the two teams do first, what is well, and what could not be judged?

    ``results`` are those of the diagnostics by name. Findings are ranked by level, then evidence before opinion, then
    distance from the agreed limit. Nothing is scored from missing data and no composite number is made.
    ``previous`` are an earlier audit's results; comparing is left to a later version and refused here.
    """
    if previous is not None:
        raise ValueError("comparing with an earlier audit is not possible in this version")
    findings = ranked([finding for result in results.values() for finding in result.findings])
    gaps = [gap for result in results.values() for gap in result.not_judged]
    limits = settings.thresholds
    return Result(
        diagnostic="audit", question=QUESTION, headline=headline(findings), summary=summary(findings, gaps),
        basis=[line for result in results.values() for line in result.basis], findings=findings,
        exhibits=[scorecard(findings, gaps)], not_judged=gaps,
        settings={"limits": dict(limits), "units": {key: THRESHOLDS[key][1] for key in limits}},
    )  # fmt: skip


def ranked(findings: list[Finding]) -> list[Finding]:
    """In which order do findings matter? Act, watch, good, unclear; data before survey; far from the limit first."""
    return sorted(findings, key=lambda f: (LEVELS.index(f.level), f.key.startswith("survey."), -_distance(f), f.key))


def headline(findings: list[Finding]) -> str:
    """What is the verdict in one plain sentence, claiming no more than the findings?"""
    acts = [finding for finding in findings if finding.level == "act"]
    if acts:
        theme = Counter(finding.theme for finding in acts).most_common(1)[0][0]
        same = any(f.theme == "shared_goal" and f.level == "good" for f in findings)
        fails = _FAILS[theme]
        return f"The two teams see the same goal; {fails}" if same and theme != "shared_goal" else capital(fails)
    watched = [finding for finding in findings if finding.level == "watch"]
    if watched:
        return watched[0].title
    if any(finding.level == "good" for finding in findings):
        return "What could be judged is as agreed"
    return "The data at hand cannot judge the alignment of the two teams"


def summary(findings: list[Finding], gaps: list[NotJudged]) -> str:
    """What do the findings say together, in a few sentences?"""
    leading, verdict = _leading(findings), headline(findings)
    said = [f"{f.title}." for f in (leading if len(leading) > 1 else findings[:2]) if f.title != verdict]
    agree = [f for f in findings if f.key.startswith("survey.gap.") and f.level == "good"]
    said += [f"{finding.title}." for finding in agree[:1]]
    if gaps:
        said.append(f"{capital(count_spelled(len(gaps), 'question'))} could not be judged, which is not “no problem”.")
    return " ".join(said)


def scorecard(findings: list[Finding], gaps: list[NotJudged]) -> Exhibit:
    """How does each theme stand, with the parts that say so and without a composite number?"""
    rows = [_theme_row(theme, label, findings, gaps) for theme, label in THEMES.items()]
    judged = [row for row in rows if row["act"] + row["watch"] + row["good"]]
    acting = [str(row["label"]) for row in rows if row["act"]]
    return Exhibit(
        key="audit.scorecard", shape="table", rows=rows, source="all findings",
        alt="Table of themes and their findings.",
        title=f"{len(acting)} of {len(rows)} themes call for action: {listed(acting)}" if acting
        else f"No theme calls for action; {len(judged)} of {len(rows)} could be judged",
        columns=columns(
            label=("Theme", "text"), act=("Act", "count"), watch=("Watch", "count"), good=("Good", "count"),
            unclear=("Unclear", "count"), not_judged=("Not judged", "count"), parts=("What says so", "text"),
        ),
        read="Findings of each theme, counted by level. There is no total: a theme is as good as its parts.",
        says_not="How much one theme weighs against another: that is for the room.",
    )  # fmt: skip


def _theme_row(theme: str, label: str, findings: list[Finding], gaps: list[NotJudged]) -> Row:
    parts = [finding for finding in findings if finding.theme == theme]
    tally = Counter(finding.level for finding in parts)
    missing = [gap for gap in gaps if gap.theme == theme]
    shown = [finding.title for finding in parts[:3]] or [f"not judged: {gap.why}" for gap in missing[:1]]
    shown = shown or ["not judged: nothing was delivered that speaks of it"]
    return {"label": label, **{level: tally[level] for level in LEVELS}, "not_judged": len(missing),
            "parts": "; ".join(shown)}  # fmt: skip


def _leading(findings: list[Finding]) -> list[Finding]:
    """The first of up to three themes that call for action or are to watch, the theme of the headline leading."""
    loud = [finding for finding in findings if finding.level in ("act", "watch")]
    acts = Counter(finding.theme for finding in loud if finding.level == "act")
    first = {finding.theme: finding for finding in reversed(loud)}
    return sorted(first.values(), key=lambda finding: (-acts[finding.theme], loud.index(finding)))[:3]


def _distance(finding: Finding) -> float:
    if finding.measure.value is None or finding.limit is None:
        return 0.0
    return abs(finding.measure.value - finding.limit) / _SIZE.get(finding.measure.unit, 1.0)
