"""What do times written in the one plain way (2024-03-15, 2024-03-15 09:30:00) mean, all at once and exactly so?

``dates.read_moments`` decides what a column means and reads it text by text; here the plain texts are read in bulk,
to the same moments. One text of each way stands witness for them there. Times in an hour in which clocks are changed
are left to it.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alignlib.intake.columns import SLICE, arrow_text, distinct, ends_of
from alignlib.intake.dates import Moments, read_moments, to_utc

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_SECOND, _HOUR, _DAY = 10**6, 3600 * 10**6, 86_400 * 10**6  # microseconds
_FIRST, _LAST = (int(datetime(y, m, d, tzinfo=UTC).timestamp()) * _SECOND for y, m, d in ((1990, 1, 2), (2100, 12, 30)))
_MINUS, _COLON, _PLUS, _Z = b"-:+Z"


def read_times(
    column: "pd.Series[str]", where: str, order: str | None, zone: str, zone_declared: bool, as_days: bool
) -> tuple[pd.DataFrame, Moments]:
    """What does this column mean, row by row: ``value``, ``wrong`` (why it means nothing) and ``as_day``?

    And what is told of it as a whole? Asked, and with the same errors, as ``read_moments``.
    """
    plain = read_plain(column, zone, as_days)
    codes, texts, _ = distinct(column[plain.rest])
    # a witness of the plain ones counts for none: they are counted where they are read
    counts = np.bincount(codes, weights=~plain.is_plain[plain.rest], minlength=len(texts)).astype(int).tolist()
    n_days = int((plain.is_plain & ~plain.has_time).sum())
    found = read_moments(texts, counts, where, order, zone, zone_declared, as_days, n_days)
    as_days = as_days or found.day_only
    value = (plain.written if as_days else plain.utc).view("datetime64[us]")
    as_day = ~plain.has_time | as_days
    value[plain.rest] = np.array(found.values, "datetime64[us]").take(codes)
    as_day[plain.rest] = np.array(found.days, bool).take(codes)
    reasons = ["", *sorted({*found.wrong} - {""})]
    why = np.zeros(len(value), np.int32)
    why[plain.rest] = np.array([reasons.index(each) for each in found.wrong], np.int32).take(codes)
    wrong = pd.Categorical.from_codes(why, categories=pd.Index(reasons, dtype="str"))
    frame = pd.DataFrame({"value": value, "wrong": wrong, "as_day": as_day}, column.index, copy=False)
    return frame, found


@dataclass
class Plain:
    """Which texts of a column are plain, what does each say (µs since 1970), when is that in UTC, and has it a time?

    ``rest`` marks what must be read text by text: all others, and the first text of each way.
    """

    written: "NDArray[np.int64]"
    utc: "NDArray[np.int64]"
    is_plain: "NDArray[np.bool_]"
    has_time: "NDArray[np.bool_]"
    rest: "NDArray[np.bool_]"


def read_plain(column: "pd.Series[str]", zone: str, as_days: bool) -> Plain:
    """Which texts of a column are written in the plain way, and what do they say, in this zone if they name none?

    ``as_days``: only the day as written counts, so that one with an offset is none of them.
    """
    texts = arrow_text(column)
    slices = [_slice(texts.slice(at, SLICE), "UTC" if as_days else zone) for at in range(0, len(texts) or 1, SLICE)]
    written, utc, is_plain, has_time, has_zone = (np.concatenate(each) for each in zip(*slices, strict=True))
    is_plain &= ~(as_days & has_zone)
    rest, bare = ~is_plain, is_plain & has_time & ~has_zone
    midnight = written % _DAY < _SECOND
    for way in (is_plain & ~has_time, bare & midnight, bare & ~midnight, is_plain & has_zone):
        rest[np.flatnonzero(way)[:1]] = True
    return Plain(written, utc, is_plain, has_time, rest)


def _slice(texts: "pa.LargeStringArray", zone: str) -> "tuple[NDArray[np.int64], NDArray[np.int64], Any, Any, Any]":
    """What is noted of each text: its moment as written and in UTC, is it plain, has it a time, has it an offset?"""
    data, start, end = ends_of(texts)
    length, last = end - start, len(data) - 1

    def at(place: "NDArray[np.int64]", *signs: int) -> "NDArray[np.bool_]":
        found: NDArray[np.bool_] = np.isin(data[np.clip(place, 0, last)], signs)
        return found

    is_plain = (length == 10) | ((length >= 16) & (length <= 32) & at(start + 13, _COLON))
    is_plain &= at(start + 4, _MINUS) & at(start + 7, _MINUS)
    has_time = is_plain & (length > 10)
    has_zone = at(end - 1, _Z)
    for back in (3, 5, 6):
        has_zone |= at(end - back, _MINUS, _PLUS)
    has_zone &= has_time & (length > 16)
    moments = np.zeros(len(texts), np.int64)
    for chosen, stated in ((is_plain & ~has_zone, None), (has_zone, "UTC")):
        if chosen.any():
            found, is_read = _cast(texts, chosen, stated)
            moments[chosen] = found[chosen]
            is_plain &= ~chosen | is_read
    is_plain &= (moments >= _FIRST) & (moments < _LAST)  # at the edges the year as written decides
    utc, bare = moments, is_plain & has_time & ~has_zone
    if zone != "UTC" and bare.any():
        codes, hours = pd.factorize(moments[bare] // _HOUR)
        shifts = [_shift(hour, zone) for hour in hours.tolist()]
        utc = moments.copy()
        utc[bare] -= np.array([shift or 0 for shift in shifts], np.int64)[codes]
        is_plain[bare] = np.array([shift is not None for shift in shifts])[codes]
    return moments, utc, is_plain, has_time & is_plain, has_zone & is_plain


def _cast(
    texts: "pa.LargeStringArray", chosen: "NDArray[np.bool_]", zone: str | None
) -> "tuple[NDArray[np.int64], NDArray[np.bool_]]":
    """What do the chosen texts say, and which of them say anything? What cannot be read is found by halving."""
    import pyarrow as pa
    import pyarrow.compute as pc

    try:
        found = pc.if_else(pa.array(chosen), texts, None).cast(pa.timestamp("us", zone))
    except pa.ArrowInvalid:
        if len(texts) == 1:
            return np.zeros(1, np.int64), np.zeros(1, bool)
        half = len(texts) // 2
        parts = [_cast(texts[:half], chosen[:half], zone), _cast(texts[half:], chosen[half:], zone)]
        return np.concatenate([parts[0][0], parts[1][0]]), np.concatenate([parts[0][1], parts[1][1]])
    return found.cast(pa.int64()).fill_null(0).to_numpy(zero_copy_only=False), chosen


def _shift(hour: int, zone: str) -> int | None:
    """By how much are the times of this hour ahead of UTC there? None when clocks are changed in it."""
    of_day = _lasting(hour // 24 * _DAY, _DAY, zone)
    return _lasting(hour * _HOUR, _HOUR, zone) if of_day is None else of_day


@cache
def _lasting(start: int, length: int, zone: str) -> int | None:
    """Which shift do all times of a day or an hour share? None when the first and the last do not, or one is moved."""
    ends = [datetime(1970, 1, 1) + timedelta(microseconds=moment) for moment in (start, start + length - 1)]
    meant = [to_utc(written, ZoneInfo(zone)) for written in ends]
    shifts = {written - utc for written, (utc, _) in zip(ends, meant, strict=True)}
    return None if len(shifts) > 1 or any(way for _, way in meant) else round(shifts.pop() / timedelta(microseconds=1))
