"""What went wrong, where, what was allowed and what to do: one shape for every error a person sees."""

from collections.abc import Iterable
from dataclasses import dataclass

CODES: dict[str, str] = {
    "E-CHANGED": "a file changed while it was read",
    "E-CONFIG": "engagement.yml says something that is not allowed",
    "E-CORRUPT": "a file is damaged",
    "E-DATE": "a value is no date, or an impossible one",
    "E-DATEFMT": "a column of dates can be read day first or month first",
    "E-DATEMIX": "a column mixes ways of writing dates",
    "E-DUPCOL": "two columns carry one name",
    "E-DUPID": "one id stands on rows that differ",
    "E-EMPTY": "a file is empty",
    "E-ENC": "a file mixes encodings, or uses one that cannot be told",
    "E-FORMULA": "a workbook holds formulas without stored values",
    "E-FUTURE": "a date lies after the as-of date",
    "E-KERNEL": "a notebook's kernel died or took too long",
    "E-MAP": "the mapping names a column that is not in the file",
    "E-NEGDUR": "something ended before it began",
    "E-NOCOL": "a required column is missing",
    "E-NOROWS": "a file has a header and no rows",
    "E-NOTEBOOK": "a cell of a notebook failed",
    "E-NUL": "a row holds NUL bytes",
    "E-NUM": "a value is no number under the declared way of writing them",
    "E-OPEN": "a file cannot be opened",
    "E-ORPHAN": "a row refers to an id that is in no other file",
    "E-PARAM": "a notebook does not declare this parameter, or not with this type",
    "E-QUOTE": "a quotation mark is opened and never closed",
    "E-RESULT": "a notebook or file does not hold the record it should",
    "E-ROWS": "rows read do not equal rows used, rejected and excluded",
    "E-SMALL": "published figures would give away the answers of a small group",
    "E-SCALE": "an answer lies outside the scale",
    "E-SHEET": "a workbook has several sheets and none is named",
    "E-STAGE": "a stage label is in no mapping",
    "E-STORE": "the answer store cannot be used",
    "E-TEAM": "a team label is in no mapping",
    "E-TOTAL": "a row is a total or a footer, not a record",
    "E-TYPE": "a file is not what its name says",
    "E-USE": "the command cannot be carried out as given",
    "E-VALUE": "a value is not among those allowed",
    "E-WIDTH": "a row has more or fewer fields than the header",
    "E-WRITE": "a file cannot be written",
    "E-XLERR": "a workbook cell holds an error value",
    "E-XLSXSIZE": "a workbook is larger than can be read safely",
    "E-ZONE": "times without a zone meet times with one",
}


@dataclass(frozen=True)
class Problem:
    """What is wrong, where, what was allowed and what to do about it?

    >>> print(Problem("E-EMPTY", "the file is empty", where="leads.csv", fix="export it again"))
    leads.csv: the file is empty. What to do: export it again. [E-EMPTY]
    """

    code: str
    what: str
    where: str = ""
    allowed: str = ""
    fix: str = ""

    def __post_init__(self) -> None:
        if self.code not in CODES:
            raise KeyError(f"unknown error code {self.code}")

    def __str__(self) -> str:
        parts = [f"{self.where}: {self.what}" if self.where else self.what]
        if self.allowed:
            parts.append(f"Allowed: {self.allowed}")
        if self.fix:
            parts.append(f"What to do: {self.fix}")
        return f"{'. '.join(parts)}. [{self.code}]"


class AlignError(Exception):
    """What must a person mend before this can go on? Carries every problem found, not only the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: list[Problem] = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
