"""How does a workbook hold what it is given: text that stays text, days, and figures that show as they are printed?"""

import re
from collections.abc import Callable
from datetime import date, datetime, time
from decimal import ROUND_HALF_UP, Decimal
from functools import cache
from math import copysign
from typing import Any, BinaryIO

from alignlib import words
from alignlib.result import Record

DAY = "yyyy-mm-dd"
_DAYS: tuple[tuple[Callable[[str], date], Callable[[date], str], str], ...] = (
    (date.fromisoformat, date.isoformat, DAY),
    (lambda said: datetime.strptime(said, "%d %B %Y").date(), words.day, "[$-809]d mmmm yyyy"),  # months in English
)
AS_TEXT = {f"strings_to_{what}": False for what in ("formulas", "urls", "numbers")}
LONGEST = 32_767  # what a cell holds, in UTF-16 units
_UNDER = {"share": 0.0005, "p": 0.001}  # below it words.figure says "under"
_SCALES: dict[str, tuple[int | Decimal, str]] = {
    "k": (1_000, ',"k"'),
    "m": (1_000_000, ',,"m"'),
    f"{words.NBSP}%": (Decimal("0.01"), f'"{words.NBSP}"%'),
}
_LIKE_A_FORMULA = ("=", "+", "-", "@", "\t", "\n")
_EXACT = 10**12  # above it a spreadsheet shows no more digits than it keeps


def open_book(out: BinaryIO, title: str, record: Record) -> Any:
    """Which empty workbook takes every text as text, and says of itself only title, kit and the day of the record?"""
    from xlsxwriter import Workbook

    font = {"default_format_properties": {"font_name": "Arial", "font_size": 10}}
    book = Workbook(out, {"in_memory": True, **AS_TEXT, **font})
    made = datetime.combine(date.fromisoformat(record.as_of), time())
    book.set_properties({"title": text(title)[:255], "author": f"alignlib {text(record.kit_version)}", "created": made})
    return book


def text(said: object) -> str:
    """Which text does a cell hold? One kind of line end, other control characters as a visible mark, and not too long.

    Where no cell holds it whole it is cut, which is seen.

    >>> text("a\\x00b"), len(text("x" * 40_000)), text("x" * 40_000)[-1]
    ('a\ufffdb', 32767, '…')
    """
    found = re.sub("\r\n?", "\n", words.legible(str(said)))
    units = found.encode("utf-16-le")
    return found if len(units) <= 2 * LONGEST else units[: 2 * LONGEST - 2].decode("utf-16-le", "ignore") + "…"


def look(said: str) -> dict[str, Any]:
    """How must a text be marked so that it stays text when somebody edits its cell and leaves it as it is?"""
    return {"num_format": "@", "quote_prefix": True} if said.startswith(_LIKE_A_FORMULA) else {}


def day(said: object) -> tuple[datetime, str] | None:
    """Which day is this, if it is one that a spreadsheet can hold, and which format shows it as it is written here?

    >>> day("2026-03-31"), day("1 April 2026")
    ((datetime.datetime(2026, 3, 31, 0, 0), 'yyyy-mm-dd'), (datetime.datetime(2026, 4, 1, 0, 0), '[$-809]d mmmm yyyy'))
    >>> day("1899-01-01"), day("last spring")
    (None, None)
    """
    for read, written, shown in _DAYS:
        try:
            found = read(str(said))
        except ValueError:
            continue
        if found.year > 1900 and written(found) == said:
            return datetime.combine(found, time()), shown
    return None


def figure(amount: float, unit: str, currency: str = "") -> tuple[float, str]:
    """Which number goes into a cell, and which number format shows there exactly what ``words.figure`` prints?

    Shares stay 0-1, money becomes major units, a difference of shares becomes percentage points.

    >>> figure(191_500_000, "money", "EUR")
    (1915000.0, '"€"#,##0.0,,"m";"\u2212€"#,##0.0,,"m"')

    Python rounds halves to the even digit and spreadsheets round them up. So that both print the same, such a number
    is stored one part in a billion nearer to zero:

    >>> 2.2499999 < figure(2.25, "points")[0] < 2.25, words.figure(2.25, "points")
    (True, '2.2')
    """
    shown = words.figure(amount, unit, currency)
    value = {"money": amount / 100, "pp": round(amount * 100, 12)}.get(unit, float(amount))
    before = words.figure(0, "money", currency)[:-1] if unit == "money" else ""
    if shown.startswith("under "):
        return value, f"[<{_UNDER[unit]}]{_quoted(shown)};{_plain(words.figure(0.5, unit))[0]}"
    number = shown.removeprefix(words.MINUS).removeprefix(before)
    body, scale, digits = _plain(number)
    if abs(value) < _EXACT and not number.startswith(_rounded_up(value, scale, digits)):
        value -= copysign(min(abs(value) * 1e-9, float(scale) * 10**-digits / 1000), value)
    if value < 0 and not shown.startswith(words.MINUS):  # rounds to nothing: printed without its sign
        return value, f"{_quoted(before)}{body};{_quoted(shown)}"
    return value, f"{_quoted(before)}{body};{_quoted(words.MINUS + before)}{body}"


def _plain(number: str) -> tuple[str, Decimal, int]:
    """The format of a number as printed without sign and currency, what its digits count in, how many are decimals."""
    found = re.fullmatch(r"[\d,]+(?:\.(\d+))?(.*)", number, re.S)
    digits, last = (len(found[1] or ""), found[2]) if found else (0, "")
    scale, after = _SCALES.get(last, (1, ""))
    return f"#,##0{'.' + '0' * digits if digits else ''}{after}", Decimal(scale), digits


def _rounded_up(value: float, scale: Decimal, digits: int) -> str:
    """The digits a spreadsheet shows: it reads fifteen of a number and rounds halves away from zero."""
    exact = Decimal(f"{abs(value):.15g}") / scale
    return f"{exact.quantize(Decimal(1).scaleb(-digits), ROUND_HALF_UP):,}"


@cache
def _quoted(said: str) -> str:
    """A text within a number format. Spreadsheets read a quotation mark in it only after a backslash outside quotes."""
    return "".join(f'"{part}"' if part != '"' else '\\"' for part in re.split('(")', words.legible(said)) if part)
