"""Which moments do the texts of a column mean? Decided from the whole column, or asked for; never guessed."""

import re
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from alignlib.errors import AlignError, Problem
from alignlib.words import count, masked

FIRST_YEAR, LAST_YEAR = 1990, 2100
_SERIAL = re.compile(r"\d{5}(?:[.,]\d{1,12})?")  # a day as Excel counts them, which is any number of five digits
_TIME = (
    r"(?:(?:[T,]|,? )\s*(?P<hour>\d{1,2}):(?P<minute>\d{2})(?::(?P<second>\d{2})(?:[.,](?P<fraction>\d+))?)?"
    r"(?:\s*(?P<half>[AaPp])\.?[Mm]\.?)?)?(?:\s*(?P<zone>Z|z|UTC|GMT|[+-]\d{2}(?::?\d{2})?))?$"
)
_WAYS = {
    "iso": r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
    "numeric": r"(?P<day>\d{1,2})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<year>\d{4}|\d{2})",
    "day month": r"(?P<day>\d{1,2})(?P<mark>[ -])(?P<month>[A-Za-z]{3,9})\.?(?P=mark)(?P<year>\d{4}|\d{2})",
    "month day": r"(?P<month>[A-Za-z]{3,9})(?P<mark>\.?) (?P<day>\d{1,2}),? (?P<year>\d{4})",
}
_PATTERNS = {way: re.compile(pattern + _TIME) for way, pattern in _WAYS.items()}
_MONTHS = ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec")
_SKIPPED, _TWICE = "skipped and moved forward", "had twice; the first was taken"
Parts = dict[str, str]  # a text, the way it is written and its parts by name; "" is an absent part


@dataclass
class Moments:
    """What do a column's texts mean: ``values`` (None where blank or wrong), ``wrong`` (why), and what to tell?

    Times are UTC without a zone. A value without a time of day keeps its calendar day (midnight as written, no zone
    conversion), so that differences of days stay exact: ``days`` says which, ``day_only`` that the whole column is so.
    """

    day_only: bool
    values: list[datetime | None] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)
    days: list[bool] = field(default_factory=list)
    table_notes: list[str] = field(default_factory=list)
    file_notes: list[str] = field(default_factory=list)


def read_moments(
    texts: list[str], counts: list[int], where: str, order: str | None, zone: str, zone_declared: bool, as_days: bool,
    n_days: int = 0,
) -> Moments:  # fmt: skip
    """When do these texts (the distinct values of one column, with how often each occurs) say something happened?

    ISO with or without time and offset, d/m/y, m/d/y, d.m.y, with 24 h or 12 h clock, and English month names. Exactly
    one way must read every value; ``order`` (dmy, mdy) settles what the column leaves open, and excel reads numbers as
    days since 1900. ``as_days``: only the calendar day as written counts. Raises AlignError: E-DATEMIX, E-DATEFMT,
    E-ZONE, E-DATE (no value is a date).
    Impossible days and years outside 1990-2100 are ``wrong``, one by one. ``n_days``: so many values without a time of
    day the notes must count beside these texts (see plain_dates).
    """
    found = [_parts(_from_serial(text) if order == "excel" else text) for text in texts]
    read = [parts for parts in found if parts]
    serial = next(filter(_SERIAL.fullmatch, texts), "")
    if serial and not read:
        what = f"no value is a date; {serial!r} may be {_from_serial(serial)[:10]}, as Excel counts days"
        fix = "show the column as dates in the workbook and save it, or set date_order: excel at this input"
        raise AlignError(Problem("E-DATEFMT", what, where=where, allowed="excel", fix=fix))
    if any(texts) and not read:
        first = next(filter(None, texts))  # without a digit it is somebody's name as likely as not
        what = f"no value is a date{f'; the first is {masked(first)!r}' if re.search('[0-9]', first) else ''}"
        fix = "map the right column, or write dates as 2024-03-15"
        raise AlignError(Problem("E-DATE", what, where=where, fix=fix))
    _one_way(read, where, order)
    day_first, note = _order_of(read, where, order)
    timed = [parts for parts in read if parts["hour"]]
    result = Moments(day_only=all(_is_midnight(parts) for parts in timed), file_notes=[note] if note else [])
    if serial and order == "excel":
        result.file_notes.append(f"{where} holds days as Excel counts them: {serial} is {_from_serial(serial)[:10]}.")
    if any(len(parts["year"]) == 2 for parts in read):
        result.file_notes.append(f"{where} has years of two digits: 90 to 99 are 1990 to 1999, all others 2000 on.")
    bare, zoned = (next((p["text"] for p in timed if bool(p["zone"]) == has), None) for has in (False, True))
    if bare and zoned and not zone_declared and not as_days:
        what, fix = f"{bare!r} has no time zone and {zoned!r} has one", "say in which zone the bare times are"
        raise AlignError(Problem("E-ZONE", what, where=where, fix=f"{fix}: timezone: Europe/Berlin at this input"))
    as_days = as_days or result.day_only
    local, moved = ZoneInfo(zone), {_SKIPPED: 0, _TWICE: 0}
    for text, parts, n in zip(texts, found, counts, strict=True):
        value, why = _moment(parts, day_first) if parts else (None, _why_none(text) if text else "")
        n_days += n * bool(parts and not parts["hour"])
        is_time = bool(value and parts["hour"] and not as_days)
        if value and is_time:
            value, shift = to_utc(value, local)
            if shift:
                moved[shift] += n
        result.values.append(value and value.replace(tzinfo=None))
        result.wrong.append(why)
        result.days.append(not is_time)
    fell = f"of {where} fell into an hour that {zone}"
    result.table_notes += [f"{count(n, 'time')} {fell} {shift}." for shift, n in moved.items() if n]
    if n_days and not as_days:
        result.table_notes.append(f"{count(n_days, 'value')} of {where} gave the day without a time of day.")
    return result


def _from_serial(text: str) -> str:
    """Which moment is this number of days since 1900, as Excel counts them (with a 29 February that never was)?

    >>> _from_serial("45000"), _from_serial("45000,75"), _from_serial("2024-03-15")
    ('2023-03-15 00:00:00', '2023-03-15 18:00:00', '2024-03-15')
    """
    if not _SERIAL.fullmatch(text):
        return text
    seconds = round(float(text.replace(",", ".")) * 86_400)  # a workbook's fractions of a day are never exact
    return str(datetime(1899, 12, 30) + timedelta(seconds=seconds))


def _why_none(text: str) -> str:
    return "not a date, or a day as Excel counts them: date_order: excel" if _SERIAL.fullmatch(text) else "not a date"


def _parts(text: str) -> Parts:
    for way, pattern in _PATTERNS.items():
        if match := pattern.match(text):
            return match.groupdict("") | {"way": way, "text": text}
    return {}


def _one_way(read: list[Parts], where: str, order: str | None) -> None:
    """Refuses a column that is written in two ways: two shapes, two separators, 12 and 24 hours, 2 and 4 digits.

    Two-digit years are read once the order is declared: 24-03-15 alone could begin with the year or the day.
    """
    shapes, years, clocks = dict[str, str](), dict[int, str](), dict[bool, str]()  # each way, and its first text
    for parts in read:
        shapes.setdefault(parts["mark"] if parts["way"] == "numeric" else parts["way"], parts["text"])
        years.setdefault(len(parts["year"]), parts["text"])
        if parts["hour"] and not _is_midnight(parts):
            clocks.setdefault(bool(parts["half"]), parts["text"])
    for one, other, *_ in (seen.values() for seen in (shapes, years, clocks) if len(seen) > 1):
        raise _mixed(one, other, where)
    if 2 in years and order not in ("dmy", "mdy"):
        fix = "export the dates with four-digit years, or set date_order at this input"
        what = f"{years[2]!r} has a two-digit year"
        raise AlignError(Problem("E-DATEFMT", what, where=where, fix=fix))


def _mixed(one: str, other: str, where: str) -> AlignError:
    fix = "write all dates of the column in one way, or split the file and set date_order for each part"
    return AlignError(Problem("E-DATEMIX", f"{one!r} and {other!r} are written in two ways", where=where, fix=fix))


def _order_of(read: list[Parts], where: str, order: str | None) -> tuple[bool, str]:
    """Does the day come first? And which sentence says how that was found?"""
    if not read or read[0]["way"] != "numeric":
        return True, ""
    if order in ("dmy", "mdy"):
        return order == "dmy", ""
    first: dict[str, str] = {}
    for parts in read:
        a, b = int(parts["day"]), int(parts["month"])
        comes_first = "day" if a > 12 >= b else "month" if b > 12 >= a else "" if a == b else "either"
        first.setdefault(comes_first, parts["text"])
    if "day" in first and "month" in first:
        raise _mixed(first["day"], first["month"], where)
    if part := next((part for part in ("day", "month") if part in first), ""):
        return part == "day", f"{where} is read {part} first: {first[part]} allows no other reading."
    if read[0]["mark"] == "." or "either" not in first:
        return True, ""  # dotted dates are day first wherever they are used
    what = f"{first['either']!r} can be read day first or month first, and no value of the column settles it"
    fix = "ask whoever exported the file and set date_order at this input"
    raise AlignError(Problem("E-DATEFMT", what, where=where, allowed="dmy, mdy", fix=fix))


def _moment(parts: Parts, day_first: bool) -> tuple[datetime | None, str]:
    """Which moment is this, with its offset if it has one? Or why is it none?"""
    day, month = (parts["day"], parts["month"]) if day_first else (parts["month"], parts["day"])
    name, half, year = month[:3].lower(), parts["half"].lower(), int(parts["year"])
    if len(parts["year"]) == 2:
        year += 1900 if year >= FIRST_YEAR - 1900 else 2000
    try:
        on = datetime(year, _MONTHS.index(name) + 1 if name.isalpha() else int(month), int(day))
    except ValueError:
        return None, "no such day"
    if not FIRST_YEAR <= on.year <= LAST_YEAR:
        return None, f"the year lies outside {FIRST_YEAR} to {LAST_YEAR}"
    if not parts["hour"]:
        return on, ""
    try:
        hour, offset = int(parts["hour"]), None
        if half:
            hour = hour % 12 + 12 * (half == "p") if 1 <= hour <= 12 else 24  # which no day has
        if parts["zone"]:
            offset = time.fromisoformat("00:00" + re.sub("z|UTC|GMT", "Z", parts["zone"])).tzinfo
        at = time(hour, int(parts["minute"]), int(parts["second"] or 0), int(parts["fraction"][:6].ljust(6, "0")))
        return datetime.combine(on, at, offset), ""
    except ValueError:
        return None, "no such time"


def _is_midnight(parts: Parts) -> bool:
    """Is this how a spreadsheet writes a day: midnight, and no zone?"""
    hour = "0" if parts["half"] in ("a", "A") and parts["hour"] == "12" else parts["hour"]
    return hour in ("0", "00") and parts["minute"] == "00" and parts["second"] in ("", "00") and not parts["zone"]


def to_utc(value: datetime, zone: ZoneInfo) -> tuple[datetime, str]:
    """When was this in UTC? In the hour that is skipped it is moved forward; of a doubled hour the first."""
    if value.tzinfo or zone.key == "UTC":
        return value.astimezone(UTC) if value.tzinfo else value, ""
    before, after = (value.replace(tzinfo=zone, fold=fold).utcoffset() or timedelta(0) for fold in (0, 1))
    return value - before, _SKIPPED if after > before else _TWICE if after < before else ""


def day_end(day: date, zone: str) -> datetime:
    """At which moment (UTC, no zone) does this day end there?

    >>> day_end(date(2024, 3, 30), "Europe/Berlin")
    datetime.datetime(2024, 3, 30, 23, 0)
    """
    after = datetime(day.year, day.month, day.day, tzinfo=ZoneInfo(zone)) + timedelta(days=1)
    return after.astimezone(UTC).replace(tzinfo=None)
