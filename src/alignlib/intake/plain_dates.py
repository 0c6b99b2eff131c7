"""What do times written in the one plain way (2024-03-15, 2024-03-15 09:30:00) mean, all at once and exactly so?

``dates.read_moments`` decides what a column means and reads it text by text; here the plain texts are read in bulk,
to the same moments. One text of each way stands witness for them there.
"""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import cache
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import numpy as np
import pandas as pd

from alignlib.intake.columns import SLICE, arrow_text, distinct, ends_of
from alignlib.intake.dates import DAYS, WAYS, Moments, to_utc

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_SECOND, _HOUR, _DAY = 10**6, 3600 * 10**6, 86_400 * 10**6  # microseconds
_FIRST, _LAST = (int(datetime(y, m, d, tzinfo=UTC).timestamp()) * _SECOND for y, m, d in ((1990, 1, 2), (2100, 12, 30)))
_CHANGING = -2  # of an hour: the zone's offset changes within it
_MINUS, _COLON, _PLUS, _Z = b"-:+Z"


@dataclass
class Plain:
    """Which texts of a column are plain, what does each say (µs since 1970), and has it a time of day, and an offset?

    Those with an offset are in UTC, the others as written. ``rest`` marks what must be read text by text: all others,
    and the first text of each way.
    """

    moments: "NDArray[np.int64]"
    is_plain: "NDArray[np.bool_]"
    has_time: "NDArray[np.bool_]"
    has_zone: "NDArray[np.bool_]"
    rest: "NDArray[np.bool_]"


def read_plain(column: "pd.Series[str]", as_days: bool) -> Plain:
    """Which texts of a column are written in the plain way, and what do they say?

    ``as_days``: only the day as written counts, so that one with an offset is none of them.
    """
    texts = arrow_text(column)
    slices = [_slice(texts.slice(at, SLICE)) for at in range(0, len(texts) or 1, SLICE)]
    moments, is_plain, has_time, has_zone = (np.concatenate(each) for each in zip(*slices, strict=True))
    is_plain &= ~(as_days & has_zone)
    rest, bare = ~is_plain, is_plain & has_time & ~has_zone
    midnight = moments % _DAY < _SECOND
    for way in (is_plain & ~has_time, bare & midnight, bare & ~midnight, is_plain & has_zone):
        rest[np.flatnonzero(way)[:1]] = True
    return Plain(moments, is_plain, has_time, has_zone, rest)


def beside(plain: Plain, column: "pd.Series[str]") -> tuple[Any, list[str], list[int]]:
    """Which distinct texts must be read one by one, how often does each stand there, and which stands in each row?

    A witness of the plain ones counts for none: they are counted where they are read.
    """
    codes, texts, _ = distinct(column[plain.rest])
    counts = np.bincount(codes, weights=~plain.is_plain[plain.rest], minlength=len(texts))
    return codes, texts, counts.astype(int).tolist()


def _slice(texts: "pa.LargeStringArray") -> "tuple[NDArray[np.int64], Any, Any, Any]":
    """What is noted of each text: its moment, is it plain, has it a time, has it an offset?"""
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
    for chosen, zone in ((is_plain & ~has_zone, None), (has_zone, "UTC")):
        if chosen.any():
            found, is_read = _cast(texts, chosen, zone)
            moments[chosen] = found[chosen]
            is_plain &= ~chosen | is_read
    is_plain &= (moments >= _FIRST) & (moments < _LAST)  # at the edges the year as written decides
    return moments, is_plain, has_time & is_plain, has_zone & is_plain


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


def in_utc(plain: Plain, zone: str, as_days: bool) -> "tuple[NDArray[np.int64], dict[str, int]]":
    """When was each plain time in UTC, read in this zone where it has no offset, and how many were moved how?

    Within a day, and else within an hour, a zone has one offset, unless a change falls into it: then each of its times
    is looked at.
    """
    bare, told = plain.has_time & ~plain.has_zone, dict.fromkeys(WAYS, 0)
    told[DAYS] = int((plain.is_plain & ~plain.has_time).sum())
    if zone == "UTC" or as_days or not bare.any():
        return plain.moments, told
    moments, local, known = plain.moments.copy(), ZoneInfo(zone), dict[int, tuple[int, int]]()
    for at in range(0, len(moments), SLICE):
        chosen = at + np.flatnonzero(bare[at : at + SLICE])
        written = moments[chosen]
        codes, hours = pd.factorize(written // _HOUR)
        for hour in set(hours.tolist()) - known.keys():
            of_day = _lasting(hour // 24 * _DAY, _DAY, zone)
            known[hour] = of_day if of_day[1] != _CHANGING else _lasting(hour * _HOUR, _HOUR, zone)
        offsets, ways = (np.array([known[hour][i] for hour in hours.tolist()], np.int64)[codes] for i in (0, 1))
        for place in np.flatnonzero(ways == _CHANGING):
            offsets[place], ways[place] = _shift(int(written[place]), local)
        moments[chosen] = written - offsets
        for way, name in enumerate(WAYS):
            told[name] += int((ways == way).sum())
    return moments, told


@cache
def _lasting(start: int, length: int, zone: str) -> tuple[int, int]:
    """Which shift do all times of a day or an hour share? Changing when the first and the last do not."""
    first, last = (_shift(moment, ZoneInfo(zone)) for moment in (start, start + length - 1))
    return first if first == last else (0, _CHANGING)


def _shift(moment: int, zone: ZoneInfo) -> tuple[int, int]:
    """By how much is this time ahead of UTC there, and in which of WAYS was it moved? -1 in none."""
    written = datetime(1970, 1, 1) + timedelta(microseconds=moment)
    meant, way = to_utc(written, zone)
    return round((written - meant) / timedelta(microseconds=1)), WAYS.index(way) if way else -1


def joined(plain: Plain, utc: "NDArray[np.int64]", found: Moments, codes: Any, as_days: bool) -> pd.DataFrame:
    """What does the column mean, row by row: ``value``, ``wrong`` (why it means nothing) and ``as_day``?"""
    value = (plain.moments if as_days else utc).view("datetime64[us]")
    as_day = ~plain.has_time | as_days
    value[plain.rest] = np.array(found.values, "datetime64[us]").take(codes)
    as_day[plain.rest] = np.array(found.days, bool).take(codes)
    reasons = ["", *sorted({*found.wrong} - {""})]
    why = np.zeros(len(value), np.int32)
    why[plain.rest] = np.array([reasons.index(each) for each in found.wrong], np.int32).take(codes)
    wrong = pd.Categorical.from_codes(why, categories=pd.Index(reasons, dtype="str"))
    return pd.DataFrame({"value": value, "wrong": wrong, "as_day": as_day}, copy=False)
