"""What went wrong, where, what was allowed and what to do: one shape for every error a person sees."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path

# Every code, what it stands for and what helps, one a line: stable, because people search for them.
_LINES = Path(__file__).with_name("errors.txt").read_text(encoding="utf-8").splitlines()
CODES: dict[str, str] = {line[:12].strip(): line[12:].partition(" | ")[0] for line in _LINES}
CURES: dict[str, str] = {line[:12].strip(): line[12:].partition(" | ")[2] for line in _LINES}


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
        parts += [f"{head}: {said}" for head, said in (("Allowed", self.allowed), ("What to do", self.fix)) if said]
        return f"{'. '.join(parts)}. [{self.code}]"

    def with_cure(self) -> "Problem":
        """Which problem says what to do in any case: where this one does not, what helps against its kind?"""
        return self if self.fix or self.allowed else replace(self, fix=CURES[self.code])


class AlignError(Exception):
    """What must a person mend before this can go on? Carries every problem found, not only the first."""

    def __init__(self, problems: Problem | Iterable[Problem]) -> None:
        self.problems: list[Problem] = [problems] if isinstance(problems, Problem) else list(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))
