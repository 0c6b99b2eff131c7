"""Does a file hold one of these words, in whatever is packed into it: the scanner of the tests on leaks.

Looks into archives within archives, PDF text, metadata and streams, chunks of PNG, encoded data, and text as it is
read: without tags, line ends, runs and kerning between its letters.
"""

import base64
import io
import re
import zipfile
import zlib
from collections.abc import Iterable, Iterator
from html import unescape
from typing import Any
from urllib.parse import unquote

_BASE64 = re.compile(rb"[A-Za-z0-9+/_-]{16,}={0,2}")
_DEEPEST = 6


def hits(name: str, content: bytes, words: Iterable[str]) -> set[tuple[str, str]]:
    """Which of these words stand in this file, and in which place of it?"""
    sought = {word: re.sub(r"[\W_]+", "", word).lower() for word in words}
    found = set()
    for place, text in views(name, content):
        squeezed = re.sub(r"[\W_]+", "", text).lower()
        found |= {(word, place) for word, bare in sought.items() if bare in squeezed}
    return found


def views(name: str, content: bytes, depth: int = 0) -> Iterator[tuple[str, str]]:
    """Every text that can be read out of these bytes, with its place."""
    yield name, name
    if depth > _DEEPEST:
        return
    yield from _as_text(name, content)
    for inner_name, inner in _inside(name, content):
        yield from views(f"{name} > {inner_name}", inner, depth + 1)


def _as_text(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    raw = content.decode("latin-1")
    yield name, raw
    yield f"{name} as UTF-8", content.decode("utf-8", "replace")
    if content.count(b"\0") * 5 > len(content):
        yield from ((f"{name} as {kind}", content[at:].decode(kind, "replace"))
                    for kind in ("utf-16-le", "utf-16-be") for at in (0, 1))  # fmt: skip
    if raw.lstrip("\ufeffï»¿ \r\n\t")[:1] in ("<", "{", "["):
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda m: chr(int(m[1], 16)), content.decode("utf-8", "replace"))
        yield f"{name} decoded", unquote(unescape(text))
        yield f"{name} without tags", unescape(re.sub(r"<[^>]*>", "", text))


def _inside(name: str, content: bytes) -> Iterator[tuple[str, bytes]]:
    if content[:4] == b"PK\x03\x04":
        yield from _archive(content)
    elif content[:5] == b"%PDF-":
        yield from _pdf(content)
    elif content[:8] == b"\x89PNG\r\n\x1a\n":
        yield from _chunks(content)
    elif content[:2] in (b"\x1f\x8b", b"\x78\x9c", b"\x78\xda", b"\x78\x01"):
        yield from _inflated(content)
    else:
        yield from _encoded(content)


def _archive(content: bytes) -> Iterator[tuple[str, bytes]]:
    with zipfile.ZipFile(io.BytesIO(content)) as archive:
        yield "comment", archive.comment
        for member in archive.infolist():
            yield member.filename, archive.read(member)
            yield f"{member.filename} entry", member.extra + member.comment


def _pdf(content: bytes) -> Iterator[tuple[str, bytes]]:
    from pypdf import PdfReader
    from pypdf.generic import StreamObject

    reader = PdfReader(io.BytesIO(content))
    yield "text", "".join(page.extract_text() for page in reader.pages).encode()
    for number in {n for found in reader.xref.values() for n in found} | set(reader.xref_objStm):
        found = reader.get_object(number)
        yield f"object {number}", "\n".join(_strings(found)).encode("utf-8", "replace")
        if isinstance(found, StreamObject):
            yield f"stream {number}", found.get_data()
    yield "trailer", "\n".join(_strings(reader.trailer)).encode("utf-8", "replace")


def _strings(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        for key, inner in value.items():
            yield str(key)
            yield from _strings(inner) if not hasattr(inner, "idnum") else ()
    elif isinstance(value, list):
        for inner in value:
            yield from _strings(inner) if not hasattr(inner, "idnum") else ()
    else:
        yield value.decode("latin-1") if isinstance(value, bytes) else str(value)


def _chunks(content: bytes) -> Iterator[tuple[str, bytes]]:
    at = 8
    while at + 8 <= len(content):
        size, kind = int.from_bytes(content[at : at + 4], "big"), content[at + 4 : at + 8]
        body = content[at + 8 : at + 8 + size]
        yield kind.decode("latin-1"), body
        if kind in (b"zTXt", b"iTXt", b"iCCP"):
            yield from ((f"{kind.decode()} inflated", text) for _, text in _inflated(body[body.find(b"\x78") :]))
        at += 12 + size
    yield "after the end", content[at:]


def _inflated(content: bytes) -> Iterator[tuple[str, bytes]]:
    try:
        yield "inflated", zlib.decompressobj(47).decompress(content)
    except zlib.error:
        return


def _encoded(content: bytes) -> Iterator[tuple[str, bytes]]:
    """What is written in base64 or in hexadecimal digits."""
    for found in _BASE64.findall(content):
        for shift in range(4):
            bare = found[shift:].rstrip(b"=").translate(bytes.maketrans(b"-_", b"+/"))
            whole = bare[: len(bare) // 4 * 4] if len(bare) % 4 == 1 else bare + b"=" * (-len(bare) % 4)
            yield "base64", base64.b64decode(whole)
            if not shift and len(found) > 400:
                break  # a file rather than a word: it begins where it begins
        if re.fullmatch(rb"(?:[0-9a-fA-F]{2})+", found):
            yield "hexadecimal", bytes.fromhex(found.decode())
