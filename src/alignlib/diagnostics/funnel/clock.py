"""When is a promised time over, and how much time lies between two moments, when only working hours may count?"""

from datetime import timedelta

import numpy as np
import pandas as pd
from numpy.typing import NDArray

from alignlib.engagement import Promises, WorkHours
from alignlib.words import count, listed, number

_WEEK = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
_HOUR = 3_600_000_000  # microseconds: whole ones, so that a time and its way back are the same
_NEVER = np.iinfo(np.int64).min  # how pandas stores a missing time
Times = NDArray[np.int64]  # microseconds, UTC


def due(start: "pd.Series[pd.Timestamp]", hours: float, promises: Promises, timezone: str) -> "pd.Series[pd.Timestamp]":
    """When are the promised hours over that begin at each start (UTC in, UTC out; a missing start stays missing)?

    On the calendar clock hours simply pass. On the business clock they pass only within ``promises.work``, as the
    clocks on the wall of ``timezone`` show it, also on the days on which these clocks are changed.

    >>> office = Promises(clock="business")
    >>> due(pd.Series(pd.to_datetime(["2026-03-06 16:00"])), 4, office, "UTC")[0]  # a Friday, 9 to 17
    Timestamp('2026-03-09 12:00:00')
    """
    if promises.clock == "calendar" or not start.notna().any():
        return start + pd.Timedelta(hours=hours)
    work, at = promises.work, _microseconds(start)
    ahead = timedelta(days=7 * (np.ceil(hours / (work.end - work.start) / len(set(work.days))) + 1))
    opens, through = _windows(start.min(), start.max() + ahead, work, timezone)
    target = _worked(at, opens, through) + round(hours * _HOUR)
    window = np.searchsorted(through[1:], target, "left")  # the first window at whose end so much has been worked
    ends = np.where(at == _NEVER, _NEVER, opens[window % len(opens)] + target - through[window])
    return pd.Series(ends.astype("datetime64[us]"), index=start.index)


def hours_between(
    start: "pd.Series[pd.Timestamp]", stop: "pd.Series[pd.Timestamp]", promises: Promises, timezone: str
) -> NDArray[np.float64]:
    """How many hours of the agreed clock lie between two columns of times (UTC); NaN where one is missing?

    Negative where the stop lies before the start. ``due`` leads back: the hours up to it are the hours promised.
    """
    if promises.clock == "calendar" or not (start.notna() & stop.notna()).any():
        return np.asarray((stop - start) / pd.Timedelta(hours=1), dtype=float)
    opens, through = _windows(min(start.min(), stop.min()), max(start.max(), stop.max()), promises.work, timezone)
    first, last = _microseconds(start), _microseconds(stop)
    hours = (_worked(last, opens, through) - _worked(first, opens, through)) / _HOUR
    return np.where((first == _NEVER) | (last == _NEVER), np.nan, hours)


def day_hours(promises: Promises) -> float:
    """How many hours are one day of the agreed clock: 24, or a working day's?"""
    return 24.0 if promises.clock == "calendar" else promises.work.end - promises.work.start


def said(hours: float, promises: Promises) -> str:
    """How are hours of the agreed clock written?

    >>> said(8, Promises(clock="business")), said(1.5, Promises())
    ('8 working hours', '1.5 hours')
    """
    text = count(int(hours), "hour") if float(hours).is_integer() else f"{number(hours, 1)} hours"
    return text if promises.clock == "calendar" else text.replace(" ", " working ", 1)


def explained(hours: float, promises: Promises) -> str:
    """How are hours of the agreed clock written when it is to be told, too, which hours count?

    >>> explained(24, Promises()), explained(8, Promises(clock="business"))
    ('24 hours, nights and weekends counted', '8 working hours (Mon to Fri, 9 to 17)')
    """
    if promises.clock == "calendar":
        return f"{said(hours, promises)}, nights and weekends counted"
    work, days = promises.work, [day.capitalize() for day in _WEEK if day in promises.work.days]
    is_run = len(days) > 2 and ",".join(days).lower() in ",".join(_WEEK)
    start, end = (f"{int(at)}:{round(at % 1 * 60):02d}".removesuffix(":00") for at in (work.start, work.end))
    off = ", no holidays" if work.holidays else ""
    return f"{said(hours, promises)} ({f'{days[0]} to {days[-1]}' if is_run else listed(days)}, {start} to {end}{off})"


def _microseconds(times: "pd.Series[pd.Timestamp]") -> Times:
    return times.to_numpy(dtype="datetime64[us]").astype(np.int64)


def _windows(first: pd.Timestamp, last: pd.Timestamp, work: WorkHours, timezone: str) -> tuple[Times, Times]:
    """When does each working day open (UTC), and how much has been worked before the first, the second, ... of them?

    A clock that is set back shows an hour twice: work then opens at the first and closes at the second. An hour that is
    left out is not worked.
    """
    holidays = np.array(work.holidays, dtype="datetime64[D]")
    beyond = 9 + 7 * len(holidays)  # so that there is always a next working day, whatever the zone and the holidays
    begin, end = np.datetime64(first.date(), "D"), np.datetime64(last.date(), "D")
    days = np.arange(begin - np.timedelta64(2, "D"), end + np.timedelta64(beyond, "D"))
    days = days[np.is_busday(days, [day in work.days for day in _WEEK], holidays)]
    edges = []
    for hour, is_first in ((work.start, True), (work.end, False)):
        local = pd.DatetimeIndex(days.astype("datetime64[us]") + np.timedelta64(round(hour * _HOUR), "us"))
        zoned = local.tz_localize(timezone, ambiguous=np.full(len(days), is_first), nonexistent="shift_forward")
        edges.append(zoned.as_unit("us").asi8)
    opens, closes = edges
    return opens, np.concatenate([[0], np.cumsum(closes - opens)])


def _worked(at: Times, opens: Times, through: Times) -> Times:
    """How much has been worked by each moment, since before the first?"""
    window = np.searchsorted(opens, at, "right") - 1
    within = np.clip(at - opens[window], 0, np.diff(through)[window])
    return np.where(window < 0, 0, through[window] + within)
