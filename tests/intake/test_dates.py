"""When did it happen? By hand: columns of dates as people write them."""

from datetime import datetime

import pytest

from alignlib.errors import AlignError
from alignlib.intake.dates import Moments, read_moments


def read(
    texts: list[str], order: str | None = None, zone: str = "UTC", declared: bool = False, days: bool = False
) -> Moments:
    return read_moments(texts, [1] * len(texts), "leads.csv, column created", order, zone, declared, days)


def refused(texts: list[str], order: str | None = None) -> str:
    with pytest.raises(AlignError) as caught:
        read(texts, order)
    return str(caught.value)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("2024-03-15", datetime(2024, 3, 15)),
        ("2024/3/5", datetime(2024, 3, 5)),
        ("2024-03-15T09:30:00Z", datetime(2024, 3, 15, 9, 30)),
        ("2024-03-15T09:30:00.250+0200", datetime(2024, 3, 15, 7, 30, 0, 250_000)),
        ("2024-03-15 09:30:00-05:00", datetime(2024, 3, 15, 14, 30)),
        ("2024-03-15 09:30", datetime(2024, 3, 15, 9, 30)),
        ("15/03/2024", datetime(2024, 3, 15)),
        ("3/15/2024 1:05 PM", datetime(2024, 3, 15, 13, 5)),
        ("3/15/2024 12:05 AM", datetime(2024, 3, 15, 0, 5)),
        ("15.03.2024 09:30", datetime(2024, 3, 15, 9, 30)),
        ("5.6.2024", datetime(2024, 6, 5)),
        ("15 Mar 2024", datetime(2024, 3, 15)),
        ("March 5, 2024", datetime(2024, 3, 5)),
        ("15-Mar-2024 09:30", datetime(2024, 3, 15, 9, 30)),
    ],
)
def test_a_date_is_read_as_it_is_meant(text: str, value: datetime) -> None:
    found = read([text, ""])
    assert (found.values, found.wrong) == ([value, None], ["", ""])


def test_B35_a_column_that_can_be_read_both_ways_is_asked_for() -> None:
    message = refused(["02/03/2024", "04/05/2024"])
    assert "'02/03/2024' can be read day first or month first" in message
    assert "E-DATEFMT" in message
    assert read(["02/03/2024"], "dmy").values == [datetime(2024, 3, 2)]
    assert read(["02/03/2024"], "mdy").values == [datetime(2024, 2, 3)]


def test_a_column_in_which_both_readings_agree_is_not_asked_for() -> None:
    assert read(["01/01/2024", "02/02/2024"]).values == [datetime(2024, 1, 1), datetime(2024, 2, 2)]


def test_B36_one_value_settles_the_order_of_the_whole_column() -> None:
    found = read(["02/03/2024", "13/03/2024"])
    assert found.values[0] == datetime(2024, 3, 2)
    assert "day first" in found.file_notes[0]
    assert read(["02/03/2024", "03/13/2024"]).values[0] == datetime(2024, 2, 3)


def test_B37_day_first_and_month_first_in_one_column_are_refused_with_both_examples() -> None:
    message = refused(["13/03/2024", "03/14/2024", "01/02/2024"])
    assert "'13/03/2024' and '03/14/2024'" in message
    assert "E-DATEMIX" in message


@pytest.mark.parametrize(
    "texts",
    [
        ["2024-03-15", "16/03/2024"],
        ["15/03/2024", "16.03.2024"],
        ["15/03/2024", "16/03/24"],
        ["3/15/2024 1:05 PM", "3/15/2024 13:05"],
        ["15 Mar 2024", "March 16, 2024"],
    ],
)
def test_B38_two_ways_of_writing_in_one_column_are_refused(texts: list[str]) -> None:
    assert "E-DATEMIX" in refused(texts)


def test_iso_dates_with_and_without_time_and_zone_may_stand_together() -> None:
    found = read(["2023-09-21 08:06:00-05:00", "2024-05-01"], days=True)
    assert found.values == [datetime(2023, 9, 21, 8, 6), datetime(2024, 5, 1)]


@pytest.mark.parametrize(
    "text",
    [
        "30/02/2024",
        "0001-01-01",
        "1900-01-00",
        "9999-12-31",
        "2024-13-01",
        "2024-01-01 25:00",
        "2024-01-01 10:00+99:00",
    ],
)
def test_B41_an_impossible_date_is_wrong_by_itself(text: str) -> None:
    found = read(["13/03/2024" if "/" in text else "2024-03-13", text])
    assert found.values[1] is None
    assert found.wrong[1]
    assert found.wrong[0] == ""


def test_B42_two_digit_years_are_asked_for() -> None:
    assert "E-DATEFMT" in refused(["13/03/24", "14/03/24"])
    found = read(["03/13/24", "12/31/99", "02/29/00"], order="mdy")  # declared: nothing is left to guess
    assert found.values == [datetime(2024, 3, 13), datetime(1999, 12, 31), datetime(2000, 2, 29)]


def test_B43_times_without_a_zone_among_times_with_one_need_it_declared() -> None:
    texts = ["2024-07-01 10:00", "2024-07-01 10:00+00:00"]
    assert "E-ZONE" in refused(texts)
    found = read(texts, zone="Europe/Berlin", declared=True)
    assert found.values == [datetime(2024, 7, 1, 8), datetime(2024, 7, 1, 10)]


def test_B44_the_skipped_hour_moves_forward_and_the_doubled_hour_is_the_first() -> None:
    found = read(["2024-03-31 02:30", "2024-10-27 02:30"], zone="Europe/Berlin")
    assert found.values == [datetime(2024, 3, 31, 1, 30), datetime(2024, 10, 27, 0, 30)]
    assert "1 time of leads.csv, column created fell into an hour that Europe/Berlin skipped" in found.table_notes[0]
    assert "had twice" in found.table_notes[1]


def test_a_day_without_time_keeps_its_calendar_day_in_every_zone() -> None:
    for zone in ("America/New_York", "Asia/Tokyo"):
        found = read(["2024-03-15", "2024-03-16"], zone=zone)
        assert found.values == [datetime(2024, 3, 15), datetime(2024, 3, 16)]
        assert found.day_only


def test_a_column_of_midnights_is_a_column_of_days() -> None:
    found = read(["3/15/2024 0:00", "3/16/2024 0:00"], zone="Asia/Tokyo")
    assert found.day_only
    assert found.values == [datetime(2024, 3, 15), datetime(2024, 3, 16)]
    mixed = read(["2024-03-15 00:00:00", "2024-03-16 10:00:00"], zone="Asia/Tokyo")
    assert not mixed.day_only
    assert mixed.values == [datetime(2024, 3, 14, 15), datetime(2024, 3, 16, 1)]


def test_a_column_without_any_date_is_refused_whole_and_a_blank_one_is_not() -> None:
    assert "no value is a date; the first is 'week 12'" in refused(["", "week 12", "later"])
    assert "soon" not in refused(["", "soon", "later"]), "without a digit it may be a name"
    assert read(["", ""]).values == [None, None]
