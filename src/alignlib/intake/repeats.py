"""Which row counts where one id stands on several: none twice, and the latest only where that was declared."""

from typing import TYPE_CHECKING

import pandas as pd

from alignlib.engagement import Settings
from alignlib.errors import AlignError, Problem
from alignlib.intake.plain_dates import read_times
from alignlib.words import count, legible, masked

if TYPE_CHECKING:
    from alignlib.intake.rows import Part

LATEST = " latest"  # beside our columns: when the row was last changed, as the file writes it


def drop_repeats(group: "list[Part]", settings: Settings) -> list[Problem]:
    """Which ids of one table stand on rows that differ? Rows given twice go, and older ones where that was declared.

    ``group`` are all parts of the table. A row whose date is blank or wrong is neither older nor later than another.
    """
    rule = group[0].rule
    key, columns = list(rule.key), [column.name for column in rule.columns]
    if not key:
        return []
    whole = pd.concat([part.data[columns] for part in group], keys=range(len(group)))
    try:
        older = _older(group, whole[key], settings)
    except AlignError as error:
        return error.problems
    whole = whole[~older]
    again = whole.duplicated(key)
    lists = {c.name: whole[c.name].map(tuple, na_action="ignore") for c in rule.columns if c.kind == "labels"}
    differing = whole[again & ~whole.assign(**lists).duplicated(columns)]
    if len(differing):
        return [_differ(group, key, whole, differing)]
    for reason, out in (("an older row of its id", older), ("identical duplicate", again)):
        for number, part in enumerate(group):
            part.exclude(out[out.index.get_level_values(0) == number], reason)
    return []


def _older(group: "list[Part]", keys: pd.DataFrame, settings: Settings) -> "pd.Series[bool]":
    """Which rows have a later one of the same id?"""
    if not any(LATEST in part.data for part in group):
        return pd.Series(False, index=keys.index)
    moments = pd.concat([_changed(part, settings) for part in group], keys=range(len(group)))
    newest = moments.groupby([keys[name] for name in keys], dropna=False, observed=True).transform("max")
    return moments < newest


def _changed(part: "Part", settings: Settings) -> "pd.Series[pd.Timestamp]":
    """When was each row last changed, where the input says by which column that is told?"""
    entry = part.entry
    column = part.data[LATEST] if LATEST in part.data else pd.Series("", index=part.data.index)
    zone, where = entry.timezone or settings.timezone, f"{entry.file}, column {entry.keep_latest}"
    frame, _ = read_times(column, where, entry.date_order, zone, bool(entry.timezone), False)
    return frame["value"]


def _differ(group: "list[Part]", key: list[str], whole: pd.DataFrame, differing: pd.DataFrame) -> Problem:
    """Which problem says that an id stands on rows that differ, and on which two records first?"""
    first, ids = differing.iloc[0], whole.groupby(key, dropna=False, sort=False, observed=True).ngroup()
    places = [ids.index[ids == ids.loc[differing.index[0]]][0], differing.index[0]]
    records = [(group[number].entry.file, group[number].data.loc[row, "record"]) for number, row in places]
    shown = ", ".join(key) if "respondent_id" in key else f"{key[0]} {masked(legible(str(first[key[0]])))!r}"
    on = " and ".join(f"{file}, record {record}" for file, record in records)
    what = f"{count(len(differing), 'row')} repeated a key with different values, the first {shown} ({on})"
    where = ", ".join(dict.fromkeys(part.entry.file for part in group))
    fix = "export each only once, or name the column that says when a row was last changed, as in keep_latest: Modified"
    return Problem("E-DUPID", what, where=where, fix=fix)
