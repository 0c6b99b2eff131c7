"""How numbers are said in sentences: one place, so that every format prints the same string."""

import re
from collections.abc import Mapping, Sequence
from datetime import date
from math import isfinite

NBSP = "\u00a0"
MINUS = "\u2212"
TEAM_NAMES = {"sales": "Sales", "marketing": "Marketing"}
_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "BRL": "R$", "JPY": "¥"}
_CONTROL = re.compile(  # what XML cannot hold, and what turns the reading direction of all that follows
    "[^\\t\\n\\r -~\u00a0-\u2029\u202f-\u2065\u206a-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]"
)
_UNIT = re.compile(r"(?<=\d) (?=%|million\b)")  # the space between a figure and its unit
# Begun at the first letter of a word alone: else a long word without "@" is read again from each of its letters.
EMAIL = re.compile(r"(?<![^\s@<>,;:])[^\s@<>,;:]+@[^\s@<>,;:]+\.\w{2,}")
# What bears a person's name: a folder under "users", or OneDrive's "personal", also escaped in a link; and one under
# "home" that holds something, for what a website has there is a page.
_SLASH, _FOLDER_NAME = r"(?:[/\\]|%2f|%5c)", r"(?:(?!%2f|%5c)[^/\\?&#])+"
_HOME = rf"home(?={_SLASH}{_FOLDER_NAME}{_SLASH}[^?&#\s])"
_FOLDER = re.compile(rf"({_SLASH}(?:personal|users?|{_HOME}){_SLASH}){_FOLDER_NAME}", re.I)
_SMALL = ("no", "one", "two", "three", "four", "five", "six", "seven", "eight", "nine", "ten", "eleven", "twelve")


def number(value: float, digits: int = 0) -> str:
    """How is a plain number written?

    >>> number(10925), number(-0.31, 1)
    ('10,925', '\u22120.3')
    """
    text = f"{abs(value):,.{digits}f}"
    return MINUS + text if value < 0 and float(text.replace(",", "")) != 0 else text


def share(value: float, digits: int = 0) -> str:
    """How is a share (0-1) written, in per cent?

    >>> share(0.4512)
    '45\\xa0%'
    """
    return f"{number(value * 100, digits)}{NBSP}%"


def money(minor: float, currency: str) -> str:
    """How is an amount in minor units (cents) written, rounded to what a reader can use?

    >>> money(191_500_000, "EUR"), money(16_000_000, "EUR"), money(95_000, "CHF")
    ('€1.9 million', '€160k', 'CHF 950')
    """
    major = minor / 100
    symbol = _SYMBOLS.get(currency, currency + " ")
    sign, size = (MINUS if major < 0 else ""), abs(major)
    if size >= 999_500:
        return f"{sign}{symbol}{number(size / 1e6, 1)} million"
    if size >= 9_950:
        return f"{sign}{symbol}{number(size / 1e3)}k"
    return f"{sign}{symbol}{number(size)}"


def value(amount: float | None, unit: str, currency: str = "") -> str:
    """How is a measure's figure written in its own unit?

    >>> value(0.45, "share"), value(1.24, "points"), value(57, "days"), value(1, "days"), value(None, "share")
    ('45\\xa0%', '1.2 points', '57 days', '1 day', 'not judged')

    A difference of two shares is no share, and its points are not those of the scale from 1 to 5:

    >>> value(0.12, "pp"), value(-0.01, "pp")
    ('12 percentage points', '\u22121 percentage point')
    """
    if amount is None or not isfinite(amount):
        return "not judged"
    if unit == "share":
        return share(amount)
    if unit == "pp":
        text = figure(amount, unit)
        return f"{text} percentage point{'' if text.strip(MINUS) == '1' else 's'}"
    if unit == "points":
        return f"{number(amount, 1)} points"
    if unit == "days":
        text = number(amount, 0 if float(amount).is_integer() or abs(amount) >= 10 else 1)
        return f"{text} day" if text == "1" else f"{text} days"
    if unit == "money":
        return money(amount, currency)
    if unit == "delta":
        return number(amount, 2)
    return number(amount)


def interval(low: float | None, high: float | None, unit: str, currency: str = "") -> str:
    """How is an interval written: both ends, the unit once?

    >>> interval(0.41, 0.5, "share"), interval(-0.03, 0.12, "pp"), interval(-0.3, 1.2, "points")
    ('41 to 50', '\u22123 to 12', '\u22120.3 to 1.2')
    """
    if low is None or high is None:
        return "no interval"
    if unit in ("share", "pp"):
        return f"{number(low * 100)} to {number(high * 100)}"
    if unit == "money":
        return f"{money(low, currency)} to {money(high, currency)}"
    digits = {"points": 1, "delta": 2}.get(unit, 0)
    return f"{number(low, digits)} to {number(high, digits)}"


def of(k: int, n: int) -> str:
    """How is a count out of a total written?

    >>> of(218, 480)
    '218 of 480'
    """
    return f"{number(k)} of {number(n)}"


def count(n: int, one: str, many: str = "") -> str:
    """How is a number of things written, with the right form of the noun?

    >>> count(1, "lead"), count(480, "lead"), count(2, "inquiry", "inquiries")
    ('1 lead', '480 leads', '2 inquiries')
    """
    return f"{number(n)} {one if n == 1 else many or one + 's'}"


def spelled(n: int) -> str:
    """How is a small count written at the head of a sentence?

    >>> spelled(3), spelled(14)
    ('three', '14')
    """
    return _SMALL[n] if 0 <= n < len(_SMALL) else number(n)


def spelled_alike(counts: Sequence[int]) -> list[str]:
    """How are several counts written in one sentence? All in figures as soon as one is above twelve.

    >>> spelled_alike([3, 7]), spelled_alike([3, 14])
    (['three', 'seven'], ['3', '14'])
    """
    return [spelled(n) if max(counts) < len(_SMALL) else number(n) for n in counts]


def count_spelled(n: int, one: str) -> str:
    """How is a number of things written in a sentence, small numbers in words?

    >>> count_spelled(1, "finding"), count_spelled(14, "question")
    ('one finding', '14 questions')
    """
    return f"{spelled(n)} {one}{'' if n == 1 else 's'}"


_LEVELS = {  # of one finding, of several
    "act": ("calls for action", "call for action"), "watch": ("is to watch", "are to watch"),
    "good": ("is as agreed", "are as agreed"), "unclear": ("stays unclear", "stay unclear"),
}  # fmt: skip


def tally(levels: Sequence[str], one: str = "finding", forms: Mapping[str, tuple[str, str]] = _LEVELS) -> str:
    """How is it said how many findings stand at each level? ``forms``: what is said of one, and of several.

    >>> tally(["act", "good", "act"]), tally([])
    ('Two findings call for action and one is as agreed', 'Nothing could be judged')
    """
    said = [forms[level] for level in levels]
    counted = [(said.count(form), form) for form in dict.fromkeys(forms.values()) if form in said]
    if not counted:
        return "Nothing could be judged"
    numbers = spelled_alike([n for n, _ in counted])
    numbers[0] += f" {one}" if counted[0][0] == 1 else f" {one}s"
    return capital(listed([f"{amount} {form[n > 1]}" for amount, (n, form) in zip(numbers, counted, strict=True)]))


def capital(text: str) -> str:
    """How does a sentence begin?"""
    return text[:1].upper() + text[1:]


def day(when: date) -> str:
    """How is a date written?

    >>> day(date(2026, 3, 31))
    '31 March 2026'
    """
    return f"{when.day} {when:%B %Y}"


def listed(items: list[str]) -> str:
    """How is a list written in a sentence?

    >>> listed(["leads", "assets", "plan"])
    'leads, assets and plan'
    """
    return items[0] if len(items) == 1 else f"{', '.join(items[:-1])} and {items[-1]}" if items else ""


def agreed(limit: float | None, direction: str | None, unit: str) -> str:
    """How is an agreed limit said?

    >>> agreed(0.7, "at_least", "share"), agreed(0.15, "at_most", "pp"), agreed(None, None, "share")
    ('Agreed: at least 70\\xa0%.', 'Agreed: at most 15 percentage points.', 'No limit was agreed.')
    """
    if limit is None or direction is None:
        return "No limit was agreed."
    return f"Agreed: {direction.replace('_', ' ')} {value(limit, unit)}."


def figure(amount: float | None, unit: str, currency: str = "") -> str:
    """How is a figure written where the head of its column or axis already names the unit?

    >>> figure(1.84, "points"), figure(0.45, "share"), figure(0.12, "pp"), figure(191_500_000, "money", "EUR")
    ('1.8', '45\\xa0%', '12', '€1.9m')
    """
    if amount is None or not isfinite(amount):
        return ""
    if unit == "money":
        return money(amount, currency).replace(" million", "m").strip()
    if unit == "share" and 0 < amount < 0.0005:
        return f"under {share(0.001, 1)}"
    if unit == "share":
        return share(amount, 1 if 0 < abs(amount) < 0.0095 else 0)
    if unit == "pp":
        return number(amount * 100)
    if unit == "p" and amount < 0.001:
        return "under 0.001"
    digits = {"points": 1, "delta": 2, "p": 3}.get(unit, 0 if float(amount).is_integer() or abs(amount) >= 10 else 1)
    return number(amount, digits)


def minutes(n: int) -> str:
    """How is the length of a play written?

    >>> minutes(75)
    '75\\xa0min'
    """
    return f"{number(n)}{NBSP}min"


def tied(text: str) -> str:
    """How does a text stand where lines may break: per cent signs and millions never parted from their figures?

    >>> tied("45 % of 3 million")
    '45\\xa0% of 3\\xa0million'
    """
    return _UNIT.sub(NBSP, text)


def masked(text: str) -> str:
    """How does a client's label stand in something shared: without an e-mail address or a person's folder in it?

    >>> masked("Referral by jane.doe@example.com"), masked("https://example.com/personal/jane_doe/Deck.pptx")
    ('Referral by [e-mail address]', 'https://example.com/personal/[person]/Deck.pptx')
    """
    text = EMAIL.sub("[e-mail address]", text) if "@" in text else text
    return _FOLDER.sub(r"\1[person]", text) if any(sign in text for sign in "/\\%") else text


def legible(text: str) -> str:
    """How is a text from outside written so that every format can hold it? Control characters become a visible mark.

    So do those that turn the direction in which all that follows is read; a script's own direction stays.

    >>> legible("a\\x00b\\x1b[31m"), legible("invoice\\u202efdp.exe")
    ('a\ufffdb\ufffd[31m', 'invoice\ufffdfdp.exe')
    """
    return _CONTROL.sub("\ufffd", text)
