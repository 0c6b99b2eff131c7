"""Which moments do the texts of a column mean? Decided from the whole column, or asked for; never guessed."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from alignlib.errors import AlignError, Problem
from alignlib.words import count

FIRST_YEAR, LAST_YEAR = 1990, 2100
_TIME = (
    r"(?:(?:[T,]|,? )\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?(?:\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?$"
)
_SHAPES: tuple[tuple[str, re.Pattern[str]], ...] = (
    ("iso", re.compile(r"(?P<a>\d{4})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{1,2})" + _TIME)),
    ("numeric", re.compile(r"(?P<a>\d{1,2})(?P<mark>[-/.])(?P<b>\d{1,2})(?P=mark)(?P<c>\d{4}|\d{2})" + _TIME)),
    (
        "day month",
        re.compile(r"(?P<a>\d{1,2})(?P<mark>[ -])(?P<b>[A-Za-z]{3,9})\.?(?P=mark)(?P<c>\d{4}|\d{2})" + _TIME),
    ),
    ("month day", re.compile(r"(?P<b>[A-Za-z]{3,9})(?P<mark>\.?) (?P<a>\d{1,2}),? (?P<c>\d{4})" + _TIME)),
)
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_MIDNIGHT = ("0", "00")


@dataclass
class Moments:
    """What do a column's texts mean: ``values`` (None where blank or wrong), ``wrong`` (why), and what to tell?

    Times are UTC without a zone. A value without a time of day keeps its calendar day (midnight as written, no zone
    conversion), so that differences of days stay exact: ``days`` says which, ``day_only`` that the whole column is so.
    """

    values: list[datetime | None]
    wrong: list[str]
    days: list[bool] = field(default_factory=list)
    day_only: bool = False
    table_notes: list[str] = field(default_factory=list)
    file_notes: list[str] = field(default_factory=list)


def read_moments(
    texts: list[str], counts: list[int], where: str, order: str | None, zone: str, zone_declared: bool, as_days: bool
) -> Moments:
    """When do these texts (the distinct values of one column, with how often each occurs) say something happened?

    ISO with or without time and offset, d/m/y, m/d/y, d.m.y, with 24 h or 12 h clock, and English month names. Exactly
    one way must read every value; ``order`` (dmy, mdy) settles what the column leaves open. ``as_days``: only the
    calendar day as written counts. Raises AlignError: E-DATEMIX, E-DATEFMT, E-ZONE, E-DATE (no value is a date).
    Impossible days and years outside 1990-2100 are ``wrong``, one by one.
    """
    found = [_shape(text) if text else None for text in texts]
    read = [(text, hit) for text, hit in zip(texts, found, strict=True) if hit]
    if not read:
        if any(texts):
            example = next(text for text in texts if text)
            fix = "map the right column, or write dates as 2024-03-15"
            raise AlignError(Problem("E-DATE", f"no value is a date; the first is {example!r}", where=where, fix=fix))
        return Moments([None] * len(texts), [""] * len(texts), [False] * len(texts))
    _one_shape(read, where)
    day_first, note = _order_of(read, where, order)
    result = Moments([], [], file_notes=[note] if note else [])
    parts = [_calendar(hit, day_first) if hit else None for hit in found]
    times = [hit for _, hit in read if hit[1]["hour"] is not None]
    midnight = all(_is_midnight(hit[1]) for hit in times)
    result.day_only = midnight
    naive = [text for text, hit in read if hit[1]["hour"] is not None and not hit[1]["zone"]]
    zoned = [text for text, hit in read if hit[1]["hour"] is not None and hit[1]["zone"]]
    if naive and zoned and not zone_declared and not as_days:
        raise AlignError(
            Problem(
                "E-ZONE",
                f"{naive[0]!r} has no time zone and {zoned[0]!r} has one",
                where=where,
                fix="say in which zone the bare times are: timezone: Europe/Berlin at this input",
            )
        )
    local, gaps, overlaps = ZoneInfo(zone), 0, 0
    for text, hit, day, n in zip(texts, found, parts, counts, strict=True):
        value, why = _moment(text, hit, day)
        timed = bool(value and hit and hit[1]["hour"] is not None and not midnight and not as_days)
        if value and hit and timed:
            if hit[1]["zone"]:
                value = (value - _offset(hit[1]["zone"])).replace(tzinfo=None)
            else:
                value, gap, overlap = _to_utc(value, local)
                gaps, overlaps = gaps + n * gap, overlaps + n * overlap
        result.values.append(value)
        result.wrong.append(why)
        result.days.append(not timed)
    _clock_notes(result, where, zone, gaps, overlaps)
    bare = sum(n for hit, n in zip(found, counts, strict=True) if hit and hit[1]["hour"] is None)
    if bare and not midnight and not as_days:
        result.table_notes.append(f"{count(bare, 'value')} of {where} gave the day without a time of day.")
    return result


Hit = tuple[str, dict[str, str | None]]


def _shape(text: str) -> Hit | None:
    for name, pattern in _SHAPES:
        if match := pattern.match(text):
            return name, match.groupdict()
    return None


def _one_shape(read: list[tuple[str, Hit]], where: str) -> None:
    """Refuses a column that is written in two ways: two shapes, two separators, 12 and 24 hours, 2 and 4 digits."""
    first: dict[str, tuple[str, str]] = {}
    for text, (name, part) in read:
        year = part["a"] if name == "iso" else part["c"]
        keys = {"shape": f"{name}{part['mark'] if name == 'numeric' else ''}", "year": str(len(year or ""))}
        if part["hour"] is not None and not _is_midnight(part):
            keys["clock"] = "12" if part["half"] else "24"
        for aspect, key in keys.items():
            known, example = first.setdefault(aspect, (key, text))
            if known != key:
                raise _mixed(example, text, where)
    text, (name, part) = read[0]
    if name != "iso" and len(part["c"] or "") == 2:
        fix = "export the dates with four-digit years"
        raise AlignError(Problem("E-DATEFMT", f"{text!r} has a two-digit year", where=where, fix=fix))


def _mixed(one: str, other: str, where: str) -> AlignError:
    fix = "write all dates of the column in one way, or split the file and set date_order for each part"
    return AlignError(Problem("E-DATEMIX", f"{one!r} and {other!r} are written in two ways", where=where, fix=fix))


def _order_of(read: list[tuple[str, Hit]], where: str, order: str | None) -> tuple[bool, str]:
    """Does the day come first? And which sentence says how that was found?"""
    if read[0][1][0] != "numeric":
        return True, ""
    if order in ("dmy", "mdy"):
        return order == "dmy", ""
    pairs = [(text, int(part["a"] or 0), int(part["b"] or 0)) for text, (_, part) in read]
    day_first = next((text for text, a, b in pairs if a > 12 >= b), None)
    month_first = next((text for text, a, b in pairs if b > 12 >= a), None)
    if day_first and month_first:
        raise _mixed(day_first, month_first, where)
    if day_first or month_first:
        words = "day first" if day_first else "month first"
        return bool(day_first), f"{where} is read {words}: {day_first or month_first} allows no other reading."
    if read[0][1][1]["mark"] == "." or all(a == b for _, a, b in pairs):
        return True, ""  # dotted dates are day first wherever they are used
    example = next(text for text, a, b in pairs if a != b)
    raise AlignError(
        Problem(
            "E-DATEFMT",
            f"{example!r} can be read day first or month first, and no value of the column settles it",
            where=where,
            allowed="dmy, mdy",
            fix="ask whoever exported the file and set date_order at this input",
        )
    )


def _calendar(hit: Hit, day_first: bool) -> tuple[int, int, int]:
    name, part = hit
    a, b, c = part["a"] or "", part["b"] or "", part["c"] or ""
    if name == "iso":
        return int(a), int(b), int(c)
    if name == "numeric":
        return (int(c), int(b), int(a)) if day_first else (int(c), int(a), int(b))
    month = b[:3].lower()
    return int(c), _MONTHS.index(month) + 1 if month in _MONTHS else 0, int(a)


def _moment(text: str, hit: Hit | None, day: tuple[int, int, int] | None) -> tuple[datetime | None, str]:
    if not text:
        return None, ""
    if hit is None or day is None:
        return None, "not a date"
    try:
        on = date(*day)
    except ValueError:
        return None, "no such day"
    if not FIRST_YEAR <= on.year <= LAST_YEAR:
        return None, f"the year lies outside {FIRST_YEAR} to {LAST_YEAR}"
    part = hit[1]
    if part["hour"] is None:
        return datetime(on.year, on.month, on.day), ""
    hour, half = int(part["hour"]), (part["half"] or "").lower()
    if half:
        if not 1 <= hour <= 12:
            return None, "no such time"
        hour = hour % 12 + (12 if half == "p" else 0)
    micro = int((part["fraction"] or "0")[:6].ljust(6, "0"))
    try:
        return datetime(*day, hour, int(part["minute"] or 0), int(part["second"] or 0), micro), ""
    except ValueError:
        return None, "no such time"


def _is_midnight(part: dict[str, str | None]) -> bool:
    """Is this how a spreadsheet writes a day: midnight, and no zone?"""
    hour = "0" if part["half"] in ("a", "A") and part["hour"] == "12" else part["hour"]
    return hour in _MIDNIGHT and part["minute"] == "00" and part["second"] in (None, "00") and not part["zone"]


def _offset(zone: str) -> timedelta:
    if zone in ("Z", "z", "UTC", "GMT"):
        return timedelta(0)
    digits = zone[1:].replace(":", "").ljust(4, "0")
    size = timedelta(hours=int(digits[:2]), minutes=int(digits[2:]))
    return -size if zone[0] == "-" else size


def _to_utc(value: datetime, zone: ZoneInfo) -> tuple[datetime, bool, bool]:
    """When was this local time in UTC? In the hour that is skipped it is moved forward; of a doubled hour the first."""
    if zone.key == "UTC":
        return value, False, False
    early, late = value.replace(tzinfo=zone), value.replace(tzinfo=zone, fold=1)
    before, after = early.utcoffset() or timedelta(0), late.utcoffset() or timedelta(0)
    return value - before, after > before, after < before


def _clock_notes(result: Moments, where: str, zone: str, gaps: int, overlaps: int) -> None:
    if gaps:
        text = f"{count(gaps, 'time')} of {where} fell into an hour that {zone} skipped and moved forward."
        result.table_notes.append(text)
    if overlaps:
        text = f"{count(overlaps, 'time')} of {where} fell into an hour that {zone} had twice; the first was taken."
        result.table_notes.append(text)


def day_end(day: date, zone: str) -> datetime:
    """At which moment (UTC, no zone) does this day end there?

    >>> day_end(date(2024, 3, 30), "Europe/Berlin")
    datetime.datetime(2024, 3, 30, 23, 0)
    """
    after = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=1)
    return after.astimezone(UTC).replace(tzinfo=None)
