"""Is the content used, current, and at hand where deals stand?"""

from alignlib import words
from alignlib.diagnostics.content import coverage, library
from alignlib.diagnostics.content.library import inventory
from alignlib.diagnostics.content.parts import missing
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Finding, NotJudged, Result

__all__ = ["diagnose", "inventory"]

QUESTION = "Is the content used, current, and at hand where deals stand?"
_TABLES = ("assets", "asset_usage", "opportunities", "plan")
_THRESHOLDS = ("unused_content", "stale_content", "untagged_content", "empty_pipeline", "focus_mismatch")
_LIBRARY = "an export of the content library: id, date of creation, conversation and segment"
_LEVELS = ("act", "watch", "unclear", "good")
_SAID = {"act": "to act on", "watch": "to watch", "unclear": "unclear", "good": "good"}


def diagnose(tables: Tables, settings: Settings) -> Result:
    """Is the content used, current, and at hand where deals stand?

    Reads ``assets``, ``asset_usage``, ``plan`` and open ``opportunities``; each may be absent, and what then cannot be
    judged is listed. Findings: content.unused, .stale, .untagged (shares of assets, Wilson), .empty_pipeline (share of
    open pipeline, counted) and .focus (share of effort, counted).
    """
    parts = [missing("Whether content is used, current and at hand", "no inventory of content was delivered", _LIBRARY)]
    if tables.has("assets"):
        parts = [library.unused(tables, settings), coverage.coverage(tables, settings)]
        parts += [library.age(tables, settings), library.tags(tables, settings)]
    parts.append(coverage.focus(tables, settings))
    findings = [finding for part in parts for finding in part.findings]
    not_judged = [left for part in parts for left in part.not_judged]
    sources, row_counts = tables.records_of(*_TABLES)
    return Result(
        diagnostic="content", question=QUESTION, headline=_headline(findings), summary=_summary(findings, not_judged),
        basis=_basis(tables, settings), findings=findings, not_judged=not_judged,
        exhibits=[exhibit for part in parts for exhibit in part.exhibits], sources=sources, row_counts=row_counts,
        caveats=[*tables.notes_on(*_TABLES), *(caveat for part in parts for caveat in part.caveats)],
        settings={
            "period_start": settings.period.start.isoformat(), "as_of": settings.as_of.isoformat(),
            "unused_days": settings.content.unused_days, "stale_days": settings.content.stale_days,
            "thresholds": {key: settings.thresholds.get(key) for key in _THRESHOLDS},
        },
    )  # fmt: skip


def _headline(findings: list[Finding]) -> str:
    if not findings:
        return "These data do not say whether the content is used, current and at hand"
    worst = min(findings, key=lambda finding: _LEVELS.index(finding.level))
    if worst.level == "good":
        kept = "the one point" if len(findings) == 1 else f"all {words.spelled(len(findings))} points"
        return f"The content keeps what was agreed on {kept} judged"
    return worst.title


def _summary(findings: list[Finding], not_judged: list[NotJudged]) -> str:
    found = [(level, sum(1 for finding in findings if finding.level == level)) for level in _LEVELS]
    counts = words.listed([f"{words.spelled(n)} {_SAID[level]}" for level, n in found if n])
    said = f"{_points(len(findings))} judged: {counts}." if findings else "No point could be judged."
    return said + (f" {_points(len(not_judged))} not judged, which is not the same as good." if not_judged else "")


def _points(n: int) -> str:
    return f"{words.spelled(n).capitalize()} point{'' if n == 1 else 's'}"


def _basis(tables: Tables, settings: Settings) -> list[str]:
    lines = []
    if tables.has("assets"):
        uses = words.count(_rows(tables, "asset_usage"), "use") if tables.has("asset_usage") else "no log of uses"
        lines.append(f"{words.count(inventory(tables, settings.as_of)['assets'], 'asset')}, {uses}")
    if tables.has("opportunities"):
        n = _rows(tables, "opportunities where outcome = 'open'")
        lines.append(words.count(n, "open opportunity", "open opportunities"))
    if tables.has("plan"):
        lines.append(f"{words.count(_rows(tables, 'plan'), 'segment')} in the plan")
    return lines


def _rows(tables: Tables, table: str) -> int:
    return int(tables.query(f"select count(*) as n from {table}")["n"][0])
