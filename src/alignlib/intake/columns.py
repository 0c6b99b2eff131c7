"""How is a column of text worked on once for each distinct text, whether it is held as text or as a few categories?"""

import re
import unicodedata
from collections.abc import Callable
from typing import TYPE_CHECKING, Any, cast

import numpy as np
import pandas as pd

if TYPE_CHECKING:
    import pyarrow as pa
    from numpy.typing import NDArray

_EDGE = "[\\s\u00a0\u200b\u200c\u200d\u2060\ufeff]"
_TRIM = re.compile(f"^{_EDGE}+|{_EDGE}+$")
_TOTAL = re.compile(r"(grand |sub-?)?(totals?|sum|summe|gesamt|insgesamt|report total)\W*$", re.IGNORECASE)
SLICE = 1 << 18  # rows that are looked at together: what is noted of each byte stays small


def tidy(text: str) -> str:
    """How is a cell kept: without spaces at its ends, accented letters composed, all else as it was?"""
    if text.isascii() and text == text.strip():
        return text
    return _TRIM.sub("", unicodedata.normalize("NFC", text))


def tidy_column(column: "pd.Series[str]") -> "tuple[pd.Series[str], int]":
    """How are all cells of a column kept (``tidy``), and how many of them does that change?"""
    if _is_categorical(column):
        return by_value(column, tidy)
    texts = arrow_text(column)
    odd = np.concatenate([_may_be_untidy(texts.slice(at, SLICE)) for at in range(0, len(texts) or 1, SLICE)])
    if not odd.any():
        return column, 0
    cells = column[odd]
    tidied, touched = by_value(cells, tidy)
    if touched:
        column = column.copy()
        column[odd] = tidied
    return column, touched


def distinct(column: "pd.Series[str]") -> tuple[Any, list[str], list[int]]:
    """Which distinct texts does a column hold, in order of appearance, how often each, and which stands in each row?"""
    if _is_categorical(column):
        codes, used = pd.factorize(column.cat.codes)
        texts = column.cat.categories.take(np.asarray(used)).tolist()
    else:
        codes, uniques = pd.factorize(column)
        texts = pd.Series(uniques).tolist()
    return codes, texts, np.bincount(codes, minlength=len(texts)).tolist()


def by_value(column: "pd.Series[str]", change: Callable[[str], str]) -> "tuple[pd.Series[str], int]":
    """What becomes of a column when each distinct text is changed, and how many of its values does that touch?"""
    codes, texts, counts = distinct(column)
    changed = [change(text) for text in texts]
    touched = sum(n for old, new, n in zip(texts, changed, counts, strict=True) if old != new)
    return (spread(changed, codes, column) if touched else column), touched


def spread(values: list[Any], codes: Any, like: "pd.Series[Any]", kind: str = "str") -> "pd.Series[Any]":
    """Which column holds ``values[code]`` in each row, of this kind, and as categories where ``like`` is held so?"""
    if kind != "str" or not _is_categorical(like):
        column: pd.Series[Any] = pd.Series(values, dtype=cast(Any, kind)).take(codes).set_axis(like.index)
        return column
    places, categories = pd.factorize(pd.Series(values, dtype="str"))
    made = pd.Categorical.from_codes(places.take(codes), categories=pd.Index(categories, dtype="str"))
    return pd.Series(made, index=like.index)


def join(columns: "list[pd.Series[str]]") -> "pd.Series[str]":
    """Which column holds the values of all these, one below the other, each as text?"""
    return pd.concat([column.dropna().astype("str") for column in columns], ignore_index=True)


def is_among(column: "pd.Series[str]", values: "pd.Series[str]") -> "pd.Series[bool]":
    """In which rows does a column hold one of these values? As ``isin``, which takes long where values are many."""
    import pyarrow.compute as pc

    found = pc.is_in(arrow_text(column), value_set=arrow_text(values), skip_nulls=True)
    return pd.Series(found.to_numpy(zero_copy_only=False), index=column.index)


def is_total(cell: str) -> bool:
    """Does a cell say that its row is a total, in the words of those who write reports?"""
    return bool(_TOTAL.match(cell.strip()))


def may_be_total(column: "pd.Series[str]") -> "pd.Series[bool]":
    """In which rows is a tidy column blank, or may it say total?"""
    return column.str.match(f"$|{_TOTAL.pattern}", case=False)


def arrow_text(column: "pd.Series[str]") -> "pa.LargeStringArray":
    """Which Arrow array holds the texts of this column, in one piece?"""
    import pyarrow as pa

    found = pa.array(column, pa.large_string(), from_pandas=True)
    return found.combine_chunks() if isinstance(found, pa.ChunkedArray) else found


def as_series(texts: "pa.ChunkedArray | pa.Array") -> "pd.Series[str]":
    """Which column holds these texts of Arrow: as categories where they are held so there?"""
    import pyarrow as pa

    texts = texts.combine_chunks() if isinstance(texts, pa.ChunkedArray) else texts
    if not isinstance(texts, pa.DictionaryArray):
        return pd.Series(pd.array(texts, dtype="str"))
    categories = pd.Index(texts.dictionary.to_pandas(), dtype="str")
    return pd.Series(pd.Categorical.from_codes(texts.indices.to_numpy(), categories=categories))


def ends_of(texts: "pa.LargeStringArray") -> "tuple[NDArray[np.uint8], NDArray[np.int64], NDArray[np.int64]]":
    """Which bytes do these texts have, and where in them does each text begin and end? None may be missing."""
    _, offsets, data = texts.buffers()
    bounds = np.frombuffer(offsets, np.int64, len(texts) + 1, texts.offset * 8)
    return np.frombuffer(data if data and data.size else b"\0", np.uint8), bounds[:-1], bounds[1:]


def _is_categorical(column: "pd.Series[Any]") -> bool:
    return isinstance(column.dtype, pd.CategoricalDtype)


def _may_be_untidy(texts: "pa.LargeStringArray") -> "NDArray[np.bool_]":
    """Which texts begin or end with what may be a space, or hold letters beyond ASCII? The others are tidy."""
    import pyarrow.compute as pc

    data, start, end = ends_of(texts)
    odd, filled = np.zeros(len(texts), bool), end > start
    odd[filled] = (data[start[filled]] <= 32) | (data[end[filled] - 1] <= 32)
    if len(texts) and data[start[0] : end[-1] + 1].max() > 127:
        odd |= ~pc.string_is_ascii(texts).to_numpy(zero_copy_only=False)
    return odd
