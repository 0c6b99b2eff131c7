"""Which numbers do the texts of a column mean? The decimal sign is found from the whole column, or asked for."""

import re
from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal

from alignlib.errors import AlignError, Problem

MAX_MINOR = 10**17
_SIGNS = {
    "€": ("EUR",), "£": ("GBP",), "R$": ("BRL",), "¥": ("JPY", "CNY"),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"),
}  # fmt: skip
_CURRENCY = re.compile(r"R\$|US\$|[€£¥$]|(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}$")
_SPACE = re.compile("[\\s\u00a0\u202f\u2009']")


@dataclass(frozen=True)
class _Part:
    text: str
    digits: str
    negative: bool
    percent: bool
    currency: str


def read_numbers(
    texts: list[str], where: str, decimal: str | None, currency: str, kind: str
) -> tuple[list[Decimal | None], list[str]]:
    """Which numbers are these texts (the distinct values of one column), and which are none, and why?

    Reads 1,200.50 and 1.200,50, 1 200, (300) and 300- as negative, $ and EUR when they agree with ``currency``, and
    12 % when every value carries it. ``kind``: number, integer or money (returned in hundredths, half to even).
    Raises AlignError (E-NUM) when the decimal sign or the currency of the column contradict or cannot be told.
    """
    parts = [_part(text) if text else None for text in texts]
    filled = [part for part in parts if part]
    _one_currency(filled, where, currency)
    mark = decimal or _decimal_of([part for part in filled if not _SCIENTIFIC.match(part.digits)], where)
    percent = bool(filled) and all(part.percent for part in filled)
    pattern = _pattern(mark)
    values: list[Decimal | None] = []
    wrong: list[str] = []
    for part in parts:
        value, why = _value(part, pattern, mark, percent, kind) if part else (None, "")
        values.append(value)
        wrong.append(why)
    return values, wrong


def _part(text: str) -> _Part:
    rest, sign = text, ""
    match = _CURRENCY.search(rest) if any(letter.isdigit() for letter in rest) else None
    if match:
        sign, rest = match[0], rest[: match.start()] + rest[match.end() :]
    rest = _SPACE.sub("", rest).replace("\u2212", "-")
    percent = rest.endswith("%")
    rest = rest.removesuffix("%")
    negative = (rest.startswith("(") and rest.endswith(")")) or rest.startswith("-") or rest.endswith("-")
    if negative:
        rest = rest[1:-1] if rest.startswith("(") else rest.strip("-") if rest.count("-") == 1 else rest
    return _Part(text, rest.removeprefix("+"), negative, percent, sign)


def _one_currency(parts: list[_Part], where: str, currency: str) -> None:
    first: dict[str, str] = {}
    for part in parts:
        if part.currency:
            first.setdefault(part.currency, part.text)
    foreign = [
        text for sign, text in first.items() if sign.removeprefix("US") != currency and not _fits(sign, currency)
    ]
    if foreign:
        what = f"{foreign[0]!r} is not in {currency}"
        raise AlignError(Problem("E-NUM", what, where=where, fix="convert the amounts to one currency"))


def _fits(sign: str, currency: str) -> bool:
    return currency in _SIGNS.get(sign, ()) or (sign == "US$" and currency == "USD")


def _decimal_of(parts: list[_Part], where: str) -> str:
    """Which sign separates the decimals? Values such as 1,234 fit both and settle nothing."""
    proof: dict[str, str] = {}
    open_question = ""
    for part in parts:
        sign = _decimal_in(part.digits)
        if sign in (".", ","):
            proof.setdefault(sign, part.text)
        elif sign == "?":
            open_question = open_question or part.text
    if len(proof) == 2:
        what = f"{proof['.']!r} uses a decimal point and {proof[',']!r} a decimal comma"
        raise AlignError(Problem("E-NUM", what, where=where, fix="write the column in one way"))
    if open_question and not proof:
        raise AlignError(
            Problem(
                "E-NUM",
                f"{open_question!r} may hold thousands or decimals, and no value of the column settles it",
                where=where,
                allowed="decimal: '.' or decimal: ','",
                fix="set decimal at this input",
            )
        )
    return next(iter(proof), ".")


def _decimal_in(digits: str) -> str:
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return "." if digits.rfind(".") > digits.rfind(",") else ","
    if points + commas == 0:
        return ""
    sign = "." if points else ","
    if points + commas > 1:
        return "," if sign == "." else "."
    before, after = digits.split(sign)
    return "?" if len(after) == 3 and 1 <= len(before) <= 3 and before.lstrip("0") == before else sign


def _pattern(mark: str) -> re.Pattern[str]:
    other = re.escape("," if mark == "." else ".")
    return re.compile(rf"(?:\d+|\d{{1,3}}(?:{other}\d{{3}})+)?(?:{re.escape(mark)}\d*)?$")


def _value(part: _Part, pattern: re.Pattern[str], mark: str, percent: bool, kind: str) -> tuple[Decimal | None, str]:
    if mark == "." and _SCIENTIFIC.match(part.digits):
        number = Decimal(part.digits)
    elif any(letter.isdigit() for letter in part.digits) and pattern.match(part.digits):
        number = Decimal(part.digits.replace("," if mark == "." else ".", "").replace(",", "."))
    else:
        return None, "not a number"
    if part.percent and (not percent or kind != "number"):
        return None, "a percentage among plain numbers" if kind == "number" else "a percentage"
    number = -number if part.negative else number
    number = number / 100 if part.percent else number
    if kind == "money":
        number = (number * 100).quantize(Decimal(1), rounding=ROUND_HALF_EVEN) if abs(number) < MAX_MINOR else number
    if abs(number) > MAX_MINOR:
        return None, "too large to be true"
    if kind == "integer" and number != number.to_integral_value():
        return None, "not a whole number"
    return number, ""
