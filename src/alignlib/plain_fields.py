"""How are numbers, days and flags written in settings? Only as people write them: nothing is guessed."""

import re
from datetime import date
from functools import partial
from typing import Annotated, Any

from pydantic import BeforeValidator


def _written(pattern: str, fault: str, value: Any) -> Any:
    """Only text as people write it: pydantic alone takes '0x10', '1_000', and '20260331' as seconds since 1970."""
    if isinstance(value, str) and not re.fullmatch(pattern, value.strip()):
        raise ValueError(fault)
    return value


_PLAIN = BeforeValidator(partial(_written, r"-?\d+(\.\d+)?", "not a plain number"))
Number = Annotated[float, _PLAIN]
Count = Annotated[int, _PLAIN]
Day = Annotated[date, BeforeValidator(partial(_written, r"\d{4}-\d{2}-\d{2}", "not a date written as 2026-03-31"))]
Flag = Annotated[bool, BeforeValidator(partial(_written, "true|false", "neither true nor false"))]
