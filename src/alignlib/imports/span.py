"""Which period and which as-of date hold for the files that came, where engagement.yml cannot be right?"""

from collections.abc import Mapping
from datetime import date, timedelta
from typing import TYPE_CHECKING, Any

from alignlib.engagement import Period, Settings
from alignlib.imports.questions import Question

if TYPE_CHECKING:
    import pandas as pd

    from alignlib.intake.rows import Part

EVER = {"period": Period(start=date(1990, 1, 1), end=date(2099, 12, 31)), "as_of": date(2100, 12, 31)}
LATE_DAYS = 92  # an as-of date so long after the last moment in the files is asked about
LATE_SHARE = 0.01  # of all moments: more of them after the as-of date, and it is asked about
_PLANNED = ("expires_on", "until_on", "from_on")
SAID = ("client", "currency", "timezone")  # what answers may set beside
NAMELESS = "Name of the client"  # as the template has it: then nobody has said what is the client's own


def ask_span(parts: "list[Part]", settings: Settings, said: Mapping[str, Any]) -> tuple[dict[str, Any], list[Question]]:
    """Which settings change by what was answered, and what must be asked?

    ``parts`` are read without regard to period and as-of date. The period is asked for when most leads of the files
    were created outside it; the as-of date when moments lie after it, or all of them three months before it.
    """
    changes: dict[str, Any] = {key: said[key] for key in (*SAID, "as_of", "period") if key in said}
    questions: list[Question] = []
    if "period" not in said:
        questions += _ask_period(parts, settings, str(said.get("as_of", settings.as_of)))
    if "as_of" not in said:
        questions += _ask_as_of(parts, settings)
    return changes, questions


def ask_whose(settings: Settings, said: Mapping[str, Any]) -> list[Question]:
    """What must be asked about the client while engagement.yml is the template's: nobody looked at what it says?"""
    asks = (
        ("client", "What is the client called, as the report shall call it?", ""),
        ("currency", "In which currency are its amounts?", settings.currency),
        ("timezone", "In which time zone does it work?", settings.timezone),
    )
    is_new = settings.client == NAMELESS
    return [Question(("engagement", key), text, likely=now) for key, text, now in asks if is_new and key not in said]


def _ask_period(parts: "list[Part]", settings: Settings, as_of: str) -> list[Question]:
    created = [part.data["created_at"].dropna() for part in parts if part.entry.table == "leads"]
    days = [each.dt.date for each in created if len(each)]
    inside = sum(int(each.between(settings.period.start, settings.period.end).sum()) for each in days)
    is_outside = bool(days) and inside * 2 < sum(map(len, days))
    days = days or _moments(parts)
    if not days or not (is_outside or as_of < str(settings.period.start)):
        return []
    first, last = min(each.min() for each in days), max(each.max() for each in days)
    what = "leads of the files were created" if is_outside else "days in the files lie"
    text = f"Which period is audited? The {what} from {first} to {last}, and engagement.yml says"
    text += f" {settings.period.start} to {settings.period.end}."
    return [Question(("engagement", "period"), text, likely=f"{first} to {last}")]


def _ask_as_of(parts: "list[Part]", settings: Settings) -> list[Question]:
    known = _moments(parts)
    if not known:
        return []
    latest = max(each.max() for each in known)
    late = sum(int((each > settings.as_of).sum()) for each in known)
    if late <= LATE_SHARE * sum(map(len, known)) and latest + timedelta(days=LATE_DAYS) >= settings.as_of:
        return []
    text = f"On which day were the files exported? Their last moment is on {latest}, engagement.yml says"
    text += f" {settings.as_of}."
    return [Question(("engagement", "as_of"), text, likely=str(latest))]


def _moments(parts: "list[Part]") -> "list[pd.Series[Any]]":
    """The days of all that is recorded to have happened."""
    moments = [
        part.data[rule.name].dropna() for part in parts for rule in part.rule.columns
        if rule.kind in ("timestamp", "date") and rule.name not in _PLANNED
    ]  # fmt: skip
    return [each.dt.date for each in moments if len(each)]
