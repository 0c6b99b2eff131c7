"""Which numbers do the texts of a column mean? The decimal sign is found from the whole column, or asked for."""

import re
from decimal import ROUND_HALF_EVEN, Decimal
from typing import NamedTuple

from alignlib.errors import AlignError, Problem

MAX_MINOR = 10**17
_SIGNS = {
    "€": ("EUR",), "£": ("GBP",), "R$": ("BRL",), "US$": ("USD",), "¥": ("JPY", "CNY"),
    "$": ("USD", "CAD", "AUD", "NZD", "SGD", "HKD", "TWD", "MXN", "ARS", "CLP", "COP"),
}  # fmt: skip
_CURRENCY = re.compile(r"R\$|US\$|[€£¥$]|(?<![A-Za-z])[A-Z]{3}(?![A-Za-z])")
_SCIENTIFIC = re.compile(r"\d+(?:\.\d+)?[eE][+-]?\d{1,2}$")
_EITHER = re.compile(r"[^0].{0,2}[.,].{3}")  # 1,234 holds thousands or decimals
_NUMBER = {  # by decimal sign; the other sign stands between thousands
    mark: re.compile(rf"(?=.*\d)(?:\d+|\d{{1,3}}(?:[{other}]\d{{3}})+)?(?:[{mark}]\d*)?")
    for mark, other in (".,", ",.")
}
_CLOCK = re.compile(r"(?:(\d+) days?, )?(?:(\d{1,6}):)?(\d{1,6}):(\d{2}(?:[.,]\d{1,9})?)")
_UNITS = re.compile(
    r"(?=\d)(?:(\d{1,6}) ?(?:h|hours?|hrs?)\b ?)?(?:(\d{1,6}) ?(?:m|min|mins|minutes?)\b ?)?"
    r"(?:(\d{1,9}(?:[.,]\d{1,9})?) ?(?:s|secs?|seconds?)\b)?"
)  # fmt: skip
_BARE = re.compile(r"-?[\d.,'\s]*\d[\d.,'\s]*")
_SHORTEST = re.compile(r"< ?(?:(?:0{1,2}:){1,2}01|1 ?(?:s|secs?|seconds?))")
MAX_SPAN = 100  # letters; what is longer is no span of time
_SPACE = re.compile("[\\s\u00a0\u202f\u2009']")


class _Part(NamedTuple):
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
    In a column of whole numbers 12,345 can only hold thousands.
    Raises AlignError (E-NUM) when the decimal sign or the currency of the column contradict or cannot be told.
    """
    parts = [_part(text) for text in texts]
    filled = [part for part in parts if part.text]
    for part in filled:
        if part.currency and currency not in (part.currency, *_SIGNS.get(part.currency, ())):
            what, fix = f"{part.text!r} is not in {currency}", "convert the amounts to one currency"
            raise AlignError(Problem("E-NUM", what, where=where, fix=fix))
    mark = decimal or _decimal_of(filled, where, kind)
    percent = all(part.percent for part in filled)
    read = [_value(part, mark, percent, kind) if part.text else (None, "") for part in parts]
    return [value for value, _ in read], [wrong for _, wrong in read]


def _part(text: str) -> _Part:
    rest, sign = text, ""
    if not text.isdigit() and (match := _CURRENCY.search(rest)) and any(letter.isdigit() for letter in rest):
        sign, rest = match[0], rest[: match.start()] + rest[match.end() :]
    rest = _SPACE.sub("", rest).replace("\u2212", "-")
    percent = rest.endswith("%")
    rest = rest.removesuffix("%")
    bracketed = rest.startswith("(") and rest.endswith(")")
    negative = bracketed or rest.startswith("-") or rest.endswith("-")
    if negative:
        rest = rest[1:-1] if rest.startswith("(") else rest.strip("-") if rest.count("-") == 1 else rest
    return _Part(text, rest.removeprefix("+"), negative, percent, sign)


def _decimal_of(parts: list[_Part], where: str, kind: str) -> str:
    """Which sign separates the decimals? 1,234 fits both: it settles nothing, unless whole numbers are expected."""
    seen: dict[str, str] = {}
    for part in parts:
        if not _SCIENTIFIC.match(part.digits):
            sign = _decimal_in(part.digits)
            if sign == "?" and kind == "integer":
                sign = "." if "," in part.digits else ","
            seen.setdefault(sign, part.text)
    if "." in seen and "," in seen:
        what = f"{seen['.']!r} and {seen[',']!r} use points and commas in different ways"
        raise AlignError(Problem("E-NUM", what, where=where, fix="write the column in one way"))
    if "?" in seen and not {".", ","} & set(seen):
        what = f"{seen['?']!r} may hold thousands or decimals, and no value of the column settles it"
        allowed, fix = "decimal: '.' or decimal: ','", "set decimal at this input"
        raise AlignError(Problem("E-NUM", what, where=where, allowed=allowed, fix=fix))
    return "," if "," in seen else "."


def _decimal_in(digits: str) -> str:
    points, commas = digits.count("."), digits.count(",")
    if points and commas:
        return max(".,", key=digits.rfind)
    sign, other = (".", ",") if points else (",", ".")
    if points + commas == 1:
        return "?" if _EITHER.fullmatch(digits) else sign
    return other if points + commas else ""


def _value(part: _Part, mark: str, percent: bool, kind: str) -> tuple[Decimal | None, str]:
    if mark == "." and _SCIENTIFIC.match(part.digits):
        number = Decimal(part.digits)
    elif _NUMBER[mark].fullmatch(part.digits):
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


def read_durations(texts: list[str], where: str, decimal: str | None) -> tuple[list[float | None], list[str]]:
    """How many seconds does each of these texts mean (the distinct values of one column), and which mean none, and why?

    Reads 00:01:05 and 1:05 (minutes and seconds), 65, 65 s, 1m 5s, and "1 day, 2:00:00" as a workbook shows it.
    "<00:00:01" is 0: the tools that write it count whole seconds, and it was less than one. Beside times of a clock a
    number below 1 is a part of a day, as a workbook keeps times. Raises AlignError (E-NUM) when all are below 1 and
    nothing tells parts of a day from seconds, or when the decimal sign cannot be told.

    >>> read_durations(["00:01:05", "1:05", "<00:00:01", "65 s", "1m 5s", "soon"], "pages.csv", None)[0]
    [65.0, 65.0, 0.0, 65.0, 65.0, None]
    """
    told = [_told(" ".join(text.casefold().split())) for text in texts]
    bare = {at: text for at, text in enumerate(texts) if told[at] is None and _BARE.fullmatch(text[:MAX_SPAN])}
    numbers, wrong = read_numbers(list(bare.values()), where, decimal, "", "number")
    plain = {at: float(number) for at, number in zip(bare, numbers, strict=True) if number is not None}
    parts_of_a_day = any(plain.values()) and all(number < 1 for number in plain.values())
    if parts_of_a_day and not any(":" in text for text in texts):
        what = "every number lies below 1: seconds, or parts of a day, as a workbook keeps times?"
        raise AlignError(Problem("E-NUM", what, where=where, fix="show the column as h:mm:ss in the file and save it"))
    plain = {at: number * (86_400 if parts_of_a_day else 1) for at, number in plain.items()}
    found = [plain.get(at, told[at]) for at in range(len(texts))]
    reasons = dict(zip(bare, wrong, strict=True))
    odd = "no span of time such as 00:01:05 or 65 s"
    return found, [reasons.get(at, "") or (odd if text and found[at] is None else "") for at, text in enumerate(texts)]


def _told(text: str) -> float | None:
    """How many seconds does a text with colons or units mean? None when it has neither."""
    if len(text) > MAX_SPAN or not text:
        return None
    if _SHORTEST.fullmatch(text):
        return 0.0
    days = hours = minutes = seconds = ""
    if clock := _CLOCK.fullmatch(text):
        days, hours, minutes, seconds = (group or "0" for group in clock.groups())
        if float(seconds.replace(",", ".")) >= 60 or (clock[2] and int(minutes) >= 60):
            return None
    elif units := _UNITS.fullmatch(text):
        hours, minutes, seconds = (group or "0" for group in units.groups())
    else:
        return None
    whole = int(days or 0) * 86_400 + int(hours) * 3600 + int(minutes) * 60
    return whole + float(seconds.replace(",", "."))
