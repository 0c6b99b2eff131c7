"""Is the content used, current, and at hand where deals stand? What each part says, made one result."""

from collections.abc import Iterator
from typing import Any

from alignlib import words
from alignlib.diagnostics.content import (
    causes,
    coverage,
    focus,
    gap_value,
    influence,
    library,
    pages,
    tailoring,
    teaching,
    use,
    worklist,
)
from alignlib.diagnostics.content.deals import OPEN_NOW, open_now
from alignlib.diagnostics.content.parts import missing, records
from alignlib.diagnostics.content.stock import Stock, read_stock
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.result import Finding, NotJudged, Part, Result, as_read

QUESTION = "Is the content used, current, and at hand where deals stand?"
_TABLES = (
    "assets", "asset_usage", "asset_totals", "training", "searches", "recommendations", "field_notes", "page_views",
    "asset_decisions", "opportunities", "leads", "campaign_touches", "plan",
)  # fmt: skip
_LIBRARY = "an export of the content library: id, date of creation, conversation and segment"
_LEVELS = ("act", "watch", "unclear", "good")


def diagnose(tables: Tables, settings: Settings) -> Result:
    """Is the content used, current, and at hand where deals stand?

    Reads ``assets`` with their uses (``asset_usage`` or ``asset_totals``), ``training``, ``searches``,
    ``recommendations``, ``field_notes``, ``page_views``, ``asset_decisions``, ``plan``, ``leads``, ``campaign_touches``
    and ``opportunities``; each may be absent, and what then cannot be judged is listed. What each part counts, and
    what it does not say, stands in its module.
    """
    parts = list(_parts(tables, settings))
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
            "uptake_days": settings.content.uptake_days, "page_match": settings.content.page_match,
            "time_zone": settings.timezone, **as_read(settings.inputs, _TABLES),
        },
    )  # fmt: skip


def _parts(tables: Tables, settings: Settings) -> Iterator[Part]:
    """What does each part say, in the order in which a content lead asks: used, why not, where missing, what to do?"""
    if tables.has("assets"):
        yield from _of_assets(tables, settings, read_stock(tables, settings))
    else:
        what = "Whether content is used, current and at hand"
        yield missing(what, "no inventory of content was delivered", _LIBRARY)
    yield focus.part(tables, settings)
    yield influence.part(tables, settings)


def _of_assets(tables: Tables, settings: Settings, stock: Stock) -> Iterator[Part]:
    """What can be said of each asset?"""
    found, grid = causes.causes(tables, settings, stock), coverage.cells(tables, settings)
    held = library.inventory(tables, settings.as_of)
    yield use.part(tables, settings, stock)
    yield causes.part(tables, settings, stock, found)
    yield coverage.part(tables, settings, grid)
    yield gap_value.part(tables, settings, grid)
    yield worklist.part(tables, settings, stock, coverage.fill_first(grid), found)
    yield library.shown(tables, settings, held)
    yield teaching.part(tables, settings, stock)
    yield tailoring.part(tables, settings, stock)
    yield library.part(tables, settings, held)
    yield pages.part(tables, settings)


def _headline(findings: list[Finding]) -> str:
    if not findings:
        return "These data do not say whether the content is used, current and at hand"
    worst = min(findings, key=lambda finding: _LEVELS.index(finding.level))
    return worst.title if worst.level != "good" else "The content keeps what was agreed in all that could be judged"


def _summary(findings: list[Finding], not_judged: list[NotJudged]) -> str:
    said = f"{words.tally([finding.level for finding in findings])}."
    left = words.capital(words.count_spelled(len(not_judged), "point"))
    return f"{said} {left} not judged, which is not the same as good." if not_judged else said


def _basis(tables: Tables, settings: Settings) -> list[str]:
    lines = []
    if tables.has("assets"):
        uses = "no log of uses"
        if tables.has("asset_usage"):
            uses = f"{words.count(_rows(tables, 'asset_usage'), 'entry', 'entries')} in the log of uses"
        n = records(tables, "select count(*) as n from assets_now", as_of=settings.as_of)[0]["n"]
        lines.append(f"{words.count(n, 'asset')}, {uses}")
    if tables.has("opportunities"):
        n = _rows(tables, f"opportunities where {OPEN_NOW}", open_now(tables, settings))
        lines.append(words.count(n, "open opportunity", "open opportunities"))
    if tables.has("plan"):
        lines.append(f"{words.count(_rows(tables, 'plan'), 'segment')} in the plan")
    return lines


def _rows(tables: Tables, table: str, values: dict[str, Any] | None = None) -> int:
    return int(tables.query(f"select count(*) as n from {table}", values)["n"][0])
