"""Can a figure of today be laid beside the same figure of an earlier audit, or was it defined or read otherwise?"""

import re
from fnmatch import fnmatchcase

from alignlib.engagement import THRESHOLDS
from alignlib.result import Finding, Result, Scalar
from alignlib.words import number

_LEADS = ("funnel.*_to_*", "funnel.first_touch", "funnel.decided", "funnel.leaked", "funnel.cohorts",
          "funnel.ownerless", "funnel.quality", "funnel.score_order", "funnel.work_order", "funnel.credit*",
          "funnel.marketing_started")  # fmt: skip
_TOUCHED = ("funnel.first_touch", "funnel.work_order", "funnel.quality", "funnel.leaked")
_FOCUS = ("content.focus", "content.persona_focus")
_SHOWN = ("content.taught", "content.teaching_gain", "content.shown", "content.recommended")
_ASKED = ("survey.gap.*", "survey.mirror.*")
# Which findings a setting, or the rows of a table, define; one that is not listed defines all of its diagnostic.
_DEFINES: dict[str, tuple[str, ...]] = {
    "horizon_days": ("funnel.*_to_*", "funnel.quality", "funnel.score_order"),
    "first_touch_hours": _TOUCHED, "clock": _TOUCHED, "work_hours": _TOUCHED, "decision_days": ("funnel.decided",),
    "stalled_days": ("funnel.leaked", "funnel.ownerless"), "stage_labels": _LEADS, "grading": (),
    "credit_days": ("funnel.marketing_started", "funnel.credit*"), "unused_days": ("content.unused",),
    "uptake_days": ("content.taught", "content.teaching_gain", "content.recommended", "content.notes"),
    "path": _LEADS, "page_match": (), "instrument_version": _ASKED, "responses": _ASKED, "respondents": _ASKED,
    "facts": ("survey.structure",), "leads": (*_LEADS, *_FOCUS), "stage_events": _LEADS, "sales_touches": _LEADS,
    "campaign_touches": (*_LEADS, *_FOCUS), "stage_readings": ("funnel.readings",),
    "opportunities": (*_LEADS, *_FOCUS, "funnel.win_rate", "content.empty_pipeline"),
    "scorecards": ("funnel.revenue_linked", "funnel.long_view"), "plan": (*_FOCUS, "content.empty_pipeline"),
    "training": _SHOWN, "recommendations": _SHOWN, "field_notes": ("content.notes",), "searches": (), "page_views": (),
}  # fmt: skip
_NO_RULE = {"period_start", "as_of", "mode", "consent_on", "smallest_group", *THRESHOLDS}  # differ without harm


def incomparable(now: Finding, before: Finding, result: Result, earlier: Result, currencies: tuple[str, str]) -> str:
    """Why can these two figures not be compared? "" when they can.

    ``result`` and ``earlier`` are the results they stand in, ``currencies`` that of now and that of then. Compared is
    what results record of their settings and of how tables were read; what only one of them records is left out.
    """
    a, b = now.measure, before.measure
    if same := _same_files(now.key, result, earlier):
        return same
    if a.value is None or b.value is None:
        return "not judged now" if a.value is None else "not judged then"
    if now.key == "funnel.cohorts":
        return "it compares leads of two times itself, other ones in each audit"
    if a.unit != b.unit or (a.unit == "money" and currencies[0] != currencies[1]):
        return "another unit"
    if any(each.method.startswith(("bounds", "range")) for each in (a, b)):
        return "bounds, not an estimate"
    if a.method != b.method:
        return f"worked out otherwise ({b.method}; now {a.method})"
    if differing := [name for name in _rules_differing(result, earlier) if _bears(name, now.key)]:
        if "stage_labels" in differing:  # a fingerprint, which says nothing to a reader
            return "other stage labels were agreed"
        was, is_now = earlier.settings[differing[0]], result.settings[differing[0]]
        return f"{in_words(differing[0])} was {_plain(was)}, now {_plain(is_now)}"
    if tables := [name for name in read_otherwise("rows", result, earlier) if _bears(name, now.key)]:
        return f"other rows or labels count in {in_words(tables[0])}"
    then, today = _days_read(before), _days_read(now)
    return f"read within {then} days then, {today} now" if then and today and then != today else ""


def _rules_differing(result: Result, earlier: Result) -> list[str]:
    """Settings that define figures and differ between two results, by name."""
    both = (set(result.settings) & set(earlier.settings)) - _NO_RULE
    return sorted(name for name in both if result.settings[name] != earlier.settings[name]
                  and not isinstance(result.settings[name], dict))  # fmt: skip


def read_otherwise(kind: str, result: Result, earlier: Result) -> list[str]:
    """Of which tables do other ``rows`` count, or which were read from other ``columns``, in files of both audits?"""
    now, then = (each.settings.get(kind) for each in (result, earlier))
    if not isinstance(now, dict) or not isinstance(then, dict):
        return []
    return sorted(table for table in now.keys() & then.keys() if now[table] != then[table])


def unrecorded(result: Result, earlier: Result) -> set[str]:
    """Which settings that define figures does the earlier result not record?"""
    return set(result.settings) - set(earlier.settings) - _NO_RULE


def in_words(key: str) -> str:
    """How is a setting or a table called in a sentence?"""
    return key.replace("_", " ")


def _same_files(key: str, result: Result, earlier: Result) -> str:
    """Equal files hold no news, whatever their names: the same answers, or the same exports."""
    is_asked = key.startswith(("survey.gap.", "survey.mirror."))
    prints = [{s.sha256 for s in each.sources if not is_asked or s.table == "responses"} for each in (result, earlier)]
    return ("the same answers" if is_asked else "the same files") if prints[0] and prints[0] == prints[1] else ""


def _bears(name: str, key: str) -> bool:
    return any(fnmatchcase(key, pattern) for pattern in _DEFINES.get(name, ("*",)))


def _days_read(finding: Finding) -> str:
    """Within how many days was the figure read? Where few leads are old enough it is read earlier than agreed."""
    return ", ".join(sorted(set(re.findall(r"within ([\d,]+) days?\b", f"{finding.title} {finding.detail}"))))


def _plain(setting: Scalar | list[Scalar] | dict[str, Scalar]) -> str:
    if isinstance(setting, bool) or not isinstance(setting, int | float):
        return "not set" if setting is None else str(setting)
    return number(setting, 0 if float(setting).is_integer() else 1)
