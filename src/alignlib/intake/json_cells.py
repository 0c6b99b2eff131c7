"""Which columns stand inside a column of JSON, as some systems export the attributes of an activity?"""

import json
from typing import TYPE_CHECKING, Any

from alignlib.errors import AlignError, Problem

if TYPE_CHECKING:
    from alignlib.intake.read import Raw

MOST_KEYS = 100


def spread_json(raw: "Raw", names: list[str]) -> None:
    """Which columns does a table have once each key of the JSON in these columns is one, "header: key"?

    Cells that are blank, or hold no object, give blank cells; what is no text inside is written as JSON.
    Raises AlignError (E-MAP) when a name is no header, or the cells hold more than 100 keys.
    """
    import pyarrow as pa

    for name in names:
        if name not in raw.headers[0]:
            what, fix = f"json_columns names {name!r}, and there is no such column", "correct the name"
            raise AlignError(Problem("E-MAP", what, where=raw.file, allowed=", ".join(raw.headers[0][:30]), fix=fix))
        at = raw.headers[0].index(name)
        objects = [_object(cell) for cell in raw.column(at)]
        keys = sorted({key for each in objects for key in each})
        if len(keys) > MOST_KEYS:
            what, fix = f"the JSON in {name!r} holds {len(keys)} keys", "export the ones you need as columns"
            raise AlignError(Problem("E-MAP", what, where=raw.file, allowed=f"up to {MOST_KEYS}", fix=fix))
        if raw.columns is not None:
            width = len(raw.headers[0])
            raw.columns |= {width + n: pa.array([o.get(key, "") for o in objects]) for n, key in enumerate(keys)}
        raw.headers = [[*row, *(f"{name}: {key}" for key in keys)] for row in raw.headers]
        raw.rows = [[*row, *(each.get(key, "") for key in keys)] for row, each in zip(raw.rows, objects, strict=False)]


def _object(cell: str) -> dict[str, str]:
    """Which texts does a cell's object hold?

    >>> _object('{"New Value": "MQL", "Score": 7}'), _object("MQL")
    ({'New Value': 'MQL', 'Score': '7'}, {})
    """
    try:
        found: Any = json.loads(cell) if cell.lstrip().startswith("{") else {}
    except (ValueError, RecursionError):
        return {}
    texts = {
        key: each if isinstance(each, str) else json.dumps(each, ensure_ascii=False) for key, each in found.items()
    }
    whole = {key.encode("utf-8", "replace").decode(): text for key, text in texts.items()}  # half a sign is no text
    return {key: "" if text == "null" else text.encode("utf-8", "replace").decode() for key, text in whole.items()}
