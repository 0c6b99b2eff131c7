"""How much was it? By hand: amounts as people write them."""

from decimal import Decimal

import pytest

from alignlib.errors import AlignError
from alignlib.intake.numbers import read_durations, read_numbers


def read(
    texts: list[str], decimal: str | None = None, kind: str = "number", currency: str = "EUR"
) -> list[Decimal | None]:
    return read_numbers(texts, "deals.csv, column amount", decimal, currency, kind)[0]


def refused(texts: list[str], currency: str = "EUR") -> str:
    with pytest.raises(AlignError) as caught:
        read(texts, currency=currency)
    return str(caught.value)


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["1.234,50", "12"], ["1234.50", "12"]),
        (["1,234.50", "1,000"], ["1234.50", "1000"]),
        (["1 234,5", "7"], ["1234.5", "7"]),
        (["1'234.50", "0.125"], ["1234.50", "0.125"]),
        (["1,234,567"], ["1234567"]),
        (["-3.5", "(300)", "300-", "+2", "\u22124"], ["-3.5", "-300", "-300", "2", "-4"]),
        (["€ 12,50", "EUR 7"], ["12.50", "7"]),
        (["12 %", "50%"], ["0.12", "0.5"]),
        (["1.2E+05", "3.5"], ["120000", "3.5"]),
    ],
)
def test_B10_B55_numbers_are_read_by_the_whole_column(texts: list[str], values: list[str]) -> None:
    assert read(texts) == [Decimal(value) for value in values]


def test_money_is_counted_in_hundredths() -> None:
    assert read(["$1,200.50", "", "0"], kind="money", currency="USD") == [Decimal(120_050), None, Decimal(0)]


def test_a_sign_that_may_be_thousands_or_decimals_is_asked_for() -> None:
    assert "may hold thousands or decimals" in refused(["1,234", "12"])
    assert read(["1,234", "12"], decimal=",") == [Decimal("1.234"), Decimal(12)]
    assert read(["1,234", "12"], decimal=".") == [Decimal(1234), Decimal(12)]


def test_points_and_commas_as_decimals_in_one_column_are_refused() -> None:
    assert "'1.50' and '1,50' use points and commas in different ways" in refused(["1.50", "1,50"])


def test_B56_another_currency_is_refused() -> None:
    assert "'$ 12.00' is not in EUR" in refused(["€ 10.00", "$ 12.00"])
    assert "E-NUM" in refused(["GBP 10.00"])


@pytest.mark.parametrize("text", ["inf", "nan", "1e308", "12x", "1.2.3", "--3", "TBD", "1,23.5", "12 %"])
def test_B57_what_is_no_number_is_wrong_by_itself(text: str) -> None:
    values, wrong = read_numbers(["3.5", text], "x", ".", "EUR", "money")
    assert values == [Decimal(350), None]
    assert wrong[0] == ""
    assert wrong[1]


@pytest.mark.parametrize("text", ["USD 7", "US$ 7", "$ 7"])
def test_the_engagements_own_currency_is_read_by_sign_and_by_code(text: str) -> None:
    assert read([text], currency="USD") == [Decimal(7)]


def test_a_fraction_is_no_whole_number() -> None:
    assert read_numbers(["3", "3.0", "3.5"], "x", None, "EUR", "integer")[1] == ["", "", "not a whole number"]


@pytest.mark.parametrize(
    ("texts", "values"),
    [
        (["12,345", "7", "1,234,567"], [12_345, 7, 1_234_567]),
        (["12.345", "7"], [12_345, 7]),
        (["1 204", "3"], [1204, 3]),
    ],
)
def test_in_a_column_of_whole_numbers_three_digits_behind_a_sign_are_thousands(
    texts: list[str], values: list[int]
) -> None:
    assert read(texts, kind="integer") == values


@pytest.mark.parametrize("texts", [["12,345", "3,5"], ["12,345", "12.345"], ["12.345", "3.5"]])
def test_whole_numbers_whose_signs_contradict_are_asked_about(texts: list[str]) -> None:
    with pytest.raises(AlignError, match="use points and commas in different ways"):
        read(texts, kind="integer")


def test_a_declared_decimal_sign_holds_for_whole_numbers_too() -> None:
    assert read_numbers(["12,345"], "x", ",", "EUR", "integer")[1] == ["not a whole number"]


# --- spans of time ----------------------------------------------------------------------------------------------------


def spans(texts: list[str], decimal: str | None = None) -> list[float | None]:
    return read_durations(texts, "pages.csv, column time", decimal)[0]


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("00:01:05", 65),
        ("1:05", 65),
        ("1:01:05", 3665),
        ("100:00:00", 360_000),
        ("00:01:05.400000", 65.4),
        ("1 day, 2:00:00", 93_600),
        ("<00:00:01", 0),
        ("< 1s", 0),
        ("65", 65),
        ("65.5", 65.5),
        ("65 s", 65),
        ("1m 5s", 65),
        ("1 min 5 sec", 65),
        ("2 hours", 7200),
        (" 1H ", 3600),
        ("", None),
    ],
)
def test_a_span_of_time_is_read_in_seconds(text: str, seconds: float | None) -> None:
    assert read_durations([text], "x", None) == ([seconds], [""])


@pytest.mark.parametrize("text", ["1:75", "01:60:00", "1:2", "soon", "12%", "5 m m", "s", "::", "<5", "9" * 200, "1d"])
def test_what_is_no_span_of_time_is_wrong_by_itself(text: str) -> None:
    values, wrong = read_durations(["00:01:05", text], "x", None)
    assert values == [65.0, None]
    assert wrong[0] == ""
    assert wrong[1]


def test_parts_of_a_day_are_known_beside_times_and_asked_about_alone() -> None:
    assert spans(["00:01:05", "0.0007523148148148148", "0"]) == [65.0, pytest.approx(65), 0.0]
    assert spans(["0.5", "12"]) == [0.5, 12.0]
    with pytest.raises(AlignError, match="seconds, or parts of a day"):
        spans(["0.0007523148148148148", "0"])


def test_the_decimal_sign_of_seconds_is_found_from_the_column_or_asked_for() -> None:
    assert spans(["65,5", "3"]) == [65.5, 3.0]
    assert spans(["1,234"], decimal=".") == [1234.0]
    with pytest.raises(AlignError, match="may hold thousands or decimals"):
        spans(["1,234"])
