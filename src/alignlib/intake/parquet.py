"""Into which Parquet files do the rows go, slice by slice, so that no second copy of a table is held in memory?"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING

from alignlib.files import writing
from alignlib.intake.tables import ANSWERS

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

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


def write_rejected(path: Path, parts: "list[Part]", is_anonymous: bool) -> Path:
    """Which private file says what was rejected, and why?

    Of people who answered anonymously nobody is told whose row is used, and what anybody answered is not kept.
    """
    import numpy as np
    import pyarrow as pa

    types = {"record": pa.int64(), "row_is_used": pa.bool_()}
    schema = pa.schema([(name, types.get(name, pa.string())) for name in _REJECTED])
    with _writer(path, schema, private=True) as writer:
        for part in parts:
            is_hidden = is_anonymous and part.entry.table in ANSWERS
            used = np.zeros(part.raw.read + 1, bool)
            if not is_hidden:
                used[part.data["record"].to_numpy(dtype=np.int64)] = True
            for at in range(0, len(part.rejects), SLICE):
                some = part.rejects[at : at + SLICE]
                texts = {} if is_hidden or part.entry.table == "responses" else part.originals(some)
                where = {"file": part.entry.file, "table": part.entry.table}
                rows = [where | asdict(reject) | {"original": texts.get(reject.record, "")} for reject in some]
                for row in rows:
                    row["row_is_used"] = None if is_hidden else bool(used[row["record"]])
                writer.write_table(pa.Table.from_pylist(rows, schema))
    return path


def _arrow(rows: "pd.DataFrame", file: str, schema: "pa.Schema") -> "pa.Table":
    """Which Arrow table holds these rows? Categories become text, ``file`` is the same for all."""
    import pyarrow as pa

    columns = {each.name: pa.array(rows[each.name], from_pandas=True) for each in schema if each.name != "file"}
    return pa.table({"file": pa.repeat(file, len(rows)), **columns}).select(schema.names).cast(schema)


@contextmanager
def _writer(path: Path, schema: "pa.Schema", private: bool = False) -> "Iterator[pq.ParquetWriter]":
    import pyarrow.parquet as pq

    with writing(path, private) as handle, pq.ParquetWriter(handle, schema, compression="zstd") as writer:
        yield writer
