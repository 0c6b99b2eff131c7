"""How does each theme stand, with the parts that say so and without a composite number?"""

from collections import Counter

from alignlib.result import Exhibit, Finding, Level, NotJudged, Row, columns
from alignlib.words import listed

LEVELS: tuple[Level, ...] = ("act", "watch", "good", "unclear")
THEMES = {
    "shared_goal": "Shared goal", "common_language": "Common language", "handoff": "Handoff", "focus": "Focus",
    "content": "Content", "metrics": "Metrics", "roles": "Roles", "regard": "Regard", "credit": "Credit",
    "structure": "Structure",
}  # fmt: skip


def scorecard(findings: list[Finding], gaps: list[NotJudged]) -> Exhibit:
    """How does each theme stand, with the parts that say so and without a composite number?"""
    rows = [_theme_row(theme, label, findings, gaps) for theme, label in THEMES.items()]
    judged = [row for row in rows if row["act"] + row["watch"] + row["good"]]
    acting = [str(row["label"]) for row in rows if row["act"]]
    return Exhibit(
        key="audit.scorecard", shape="table", rows=rows, source="All findings",
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
