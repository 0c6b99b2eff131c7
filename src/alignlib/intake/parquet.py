"""Into which Parquet files do the rows go, slice by slice, so that no second copy of a table is held in memory?"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from alignlib.files import writing

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

    from alignlib.intake.read import Reject
    from alignlib.intake.rows import Part

SLICE = 1 << 19  # rows
_REJECTED = ("file", "table", "record", "column", "code", "reason", "row_is_used", "original")


def write_rows(path: Path, schema: "pa.Schema", parts: "list[Part]") -> Path:
    """Which file holds the rows of all these parts of one table, in the columns of this schema?"""

    with _writer(path, schema) as writer:
        for part in parts:
            for at in range(0, len(part.data), SLICE):
                writer.write_table(_arrow(part.data.iloc[at : at + SLICE], part.entry.file, schema))
    return path


def write_rejected(path: Path, parts: "list[Part]", hidden: "list[bool]", unsaid: "list[bool]") -> Path:
    """Which private file says what was rejected, and why?

    ``hidden``: parts whose people are hidden, so that nobody is told whose row is used; ``unsaid``: parts whose rows
    hold what a person wrote, which is not kept.
    """
    import numpy as np
    import pyarrow as pa

    types = {"record": pa.int64(), "row_is_used": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in _REJECTED])
    with _writer(path, schema, private=True) as writer:
        for part, is_hidden, is_unsaid in zip(parts, hidden, unsaid, strict=True):
            used = np.zeros(part.raw.read + 1, bool)
            if not is_hidden:
                used[part.data["record"].to_numpy(dtype=np.int64)] = True
            for at in range(0, len(part.rejects), SLICE):
                some = part.rejects[at : at + SLICE]
                texts = {} if is_hidden or is_unsaid else part.originals(some)
                rows = [_row(part, reject, texts, None if is_hidden else bool(used[reject.record])) for reject in some]
                writer.write_table(pa.Table.from_pylist(rows, schema))
    return path


def _row(part: "Part", reject: "Reject", texts: dict[int, str], is_used: bool | None) -> dict[str, object]:
    return {
        "file": part.entry.file, "table": part.entry.table, "record": reject.record, "column": reject.column,
        "code": reject.code, "reason": reject.reason, "row_is_used": is_used,
        "original": texts.get(reject.record, ""),
    }  # fmt: skip


def _arrow(rows: "pd.DataFrame", file: str, schema: "pa.Schema") -> "pa.Table":
    """Which Arrow table holds these rows? Categories become text, ``file`` is the same for all."""
    import pyarrow as pa

    arrays = []
    for each in schema:
        found = pa.repeat(file, len(rows)) if each.name == "file" else pa.array(rows[each.name], from_pandas=True)
        is_done = found.type == each.type
        arrays.append(found if is_done else found.cast(each.type))
    return pa.table(arrays, schema=schema)


@contextmanager
def _writer(path: Path, schema: "pa.Schema", private: bool = False) -> "Iterator[pq.ParquetWriter]":
    import pyarrow.parquet as pq

    with writing(path, private) as handle, pq.ParquetWriter(handle, schema, compression="zstd") as writer:
        yield writer
