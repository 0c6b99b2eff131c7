"""In which currency is each amount? Where a file says so itself, amounts of several are never added up."""

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING

from alignlib.errors import AlignError, Problem
from alignlib.intake.read import plain_name
from alignlib.intake.tables import TABLES
from alignlib.words import count

if TYPE_CHECKING:
    from alignlib.engagement import Input, Settings
    from alignlib.intake.rows import Part

# Headers, without case, under which systems say the currency of a row: CurrencyIsoCode, deal_currency_code, Currency.
_HEADER = re.compile(
    r"(.*[\W_])?(currency|währung|devise|moneda|valuta|měna)([\W_]*(iso)?[\W_]*code|[\W_]+(of[\W_]+value|hodnoty))?"
    r"|_?transactioncurrencyid(_value)?"
)
_OWN = re.compile(r".*[\W_]in[\W_]+(company|home)[\W_]+currency")  # an amount, already converted


def currency_columns(entry: "Input", names: Mapping[str, list[int]]) -> dict[str, int]:
    """Which columns say in which currency this input's amounts are? {header: its place}; {} when it reads no amount."""
    money = [rule.name for rule in TABLES[entry.table].columns if rule.kind == "money" and rule.name in entry.columns]
    is_asked = not all(_OWN.fullmatch(plain_name(entry.columns[name])) for name in money)
    return {
        name: at[0] for name, at in names.items() if is_asked and _HEADER.fullmatch(name) and not _OWN.fullmatch(name)
    }


def refuse_other_currencies(part: "Part", headers: Mapping[str, int], settings: "Settings") -> None:
    """Are all amounts in the agreed currency, as far as their rows say? Raises AlignError (E-NUM) when they are not.

    A currency called by its name alone (US Dollar) is taken for the agreed one as long as it is the only one; a note
    says so.
    """
    rules = [rule for rule in part.rule.columns if rule.kind == "money" and rule.name in part.entry.columns]
    amounts = [part.entry.columns[rule.name] for rule in rules]
    for header in headers:
        filled = (part.data[["\0" + theirs for theirs in amounts]] != "").any(axis=1)
        said = part.data.loc[filled, "\0" + header].astype("str").value_counts()
        told = {str(name): int(n) for name, n in said.items() if name}
        others = [name for name in told if name.upper() != settings.currency]
        if others and len(told) == 1:
            part.notes.append(
                f"{part.entry.file} calls its currency {others[0]!r}; it is taken for {settings.currency}."
            )
        if others and (len(told) > 1 or re.fullmatch("[A-Za-z]{3}", others[0])):
            shown = ", ".join(f"{name!r} ({count(n, 'row')})" for name, n in [*told.items()][:5])
            what = f"the amounts are not all in {settings.currency}: {header!r} says {shown}"
            fix = f"convert {' and '.join(amounts)} to {settings.currency} in the file, read only some of the rows "
            fix += (
                f"(only: {{{header}: [{settings.currency}]}}), or take {rules[0].name} out of columns, to count alone"
            )
            where = f"{part.entry.file}, column {header}"
            raise AlignError(Problem("E-NUM", what, where=where, allowed=settings.currency, fix=fix))
