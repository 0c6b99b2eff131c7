"""Which two ids are one: Salesforce writes 15 letters in its reports and 18 in its exports."""

import string
from collections.abc import Iterable

_DIGITS = string.ascii_uppercase + "012345"
SHORT, FULL = 15, 18


def full_id(short: str) -> str:
    """How does the 18-letter form of a 15-letter id read? Its last three letters say which others are capitals.

    Source: Salesforce's own rule: each letter stands for five of the fifteen, the first of them counting least.

    >>> full_id("00Q5g00000AbCdE"), full_id("0061")
    ('00Q5g00000AbCdEEAV', '0061')
    """
    if len(short) != SHORT or not (short.isascii() and short.isalnum()):
        return short
    fives = (short[at : at + 5] for at in range(0, SHORT, 5))
    return short + "".join(_DIGITS[sum(sign.isupper() << at for at, sign in enumerate(five))] for five in fives)


def other_forms(named: Iterable[str], known: Iterable[str]) -> dict[str, str]:
    """Which of the ids that are named stand among the known ones in their other form? {as named: as known}.

    >>> other_forms(["00Q5g00000AbCdE", "x"], ["00Q5g00000AbCdEEAV"])
    {'00Q5g00000AbCdE': '00Q5g00000AbCdEEAV'}
    """
    there = {*known}
    lone = [each for each in dict.fromkeys(named) if each not in there and len(each) in (SHORT, FULL)]
    found = {each: full_id(each) if len(each) == SHORT else each[:SHORT] for each in lone}
    return {each: form for each, form in found.items() if form in there and full_id(form[:SHORT]) in (each, form)}
