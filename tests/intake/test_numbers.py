"""How much was it? By hand: amounts as people write them."""

from decimal import Decimal

import pytest

from alignlib.errors import AlignError
from alignlib.intake.numbers import read_numbers


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
    assert "'1.50' uses a decimal point and '1,50' a decimal comma" in refused(["1.50", "1,50"])


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
