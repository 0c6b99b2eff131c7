"""Does a file that is about to leave hold what must stay: a folder or name of this machine, a secret, an address?

Files are searched with what is packed into them. A false alarm stops an honest audit, so nothing is sought that could
be an ordinary word: a user's name counts in a path alone, a secret when it is neither words nor a figure.
"""

import io
import os
import re
import socket
import zipfile
import zlib
from base64 import b64decode
from collections.abc import Iterable, Iterator, Mapping, Set
from html import unescape
from itertools import pairwise
from pathlib import Path
from typing import Any
from urllib.parse import unquote

from alignlib.errors import AlignError, Problem

Sought = list[tuple[str, str, str]]  # what it is called, letters that are in every hit, and the pattern of a hit
_SECRET = re.compile("TOKEN|PASSWORD|SECRET|KEY", re.I)
_ORDINARY = re.compile(r"[^\W\d_]+([\W_]+[^\W\d_]+)*|[\d\W_]+")  # words, or a figure: a report may say them by chance
_NAME, _DOMAIN = re.compile(r"[^\s<>()\[\]{}\"',;:/|=]+$"), re.compile(r"[\w.-]+\w")  # before and after an @
_PICTURE, _CODED = re.compile(r"data:image/png;base64,((?:[A-Za-z0-9+/]{4})+)"), re.compile(r"%[0-9a-f]{2}", re.I)
_STREAM, _WIDE = re.compile(rb"stream\r?\n(.*?)endstream", re.S), re.compile(rb"<FEFF((?:[0-9A-F]{4})+)>")
_SAID = re.compile(rb"\(((?:[^()]++|\((?:[^()]++|\([^()]*\))*+\))*+)\)|BT")  # a string, with pairs of brackets in it
_GLYPHS = re.compile(rb"<([0-9A-F]{4})> ?<((?:[0-9A-F]{4})+)>")
_FONT = b"\0\1\0\0"  # how a font begins: it draws and says nothing
_COLUMNS = "select table_name, column_name from duckdb_columns() where data_type = 'VARCHAR' and not internal"


def refuse(files: Mapping[str, bytes | str], folders: Iterable[Path], client: str, tables: Any = None) -> None:
    """May these files leave? ``tables`` is the connection to an audit's tables, for the e-mail addresses in them.

    Raises AlignError (E-LEAK), which names the places and never repeats what stands there.
    """
    words = sought([*folders, Path(__file__).parents[1]], client, os.environ, socket.gethostname())
    people = addresses_in(tables) if tables else set()
    fix = "take it out of the label, brand or template it came from; if a variable holds no secret, unset it"
    found = dict.fromkeys(each for name, content in files.items() for each in leaks(name, content, words, people))
    if found:
        raise AlignError(Problem("E-LEAK", f"{what} would be published", where, fix=fix) for what, where in found)


def sought(folders: Iterable[Path], client: str, environment: Mapping[str, str], host: str) -> Sought:
    """What of this machine must not leave? What the client's name holds may.

    A folder counts from two steps below the root on; this computer's name anywhere when it is like no word (eight
    characters or more, with a digit), else within an address. A secret is the value of a variable that is called so.
    """
    home = environment.get("HOME") or environment.get("USERPROFILE") or ""
    paths = {str(path): "a folder of this audit" for each in folders for path in (each.absolute(), each.resolve())}
    bare = [(what, _bare(path).rstrip("/")) for path, what in (paths | {home: "the home folder"}).items()]
    found = [(what, path, rf"(?<![\w.~%-])(?<![\w.~%-]/){re.escape(path)}(?![\w-])")
             for what, path in bare if path.count("/") > 1]  # fmt: skip
    users = {Path(home).name, *(environment.get(name, "") for name in ("USER", "LOGNAME", "USERNAME"))}
    found += [("the user's name", user, rf"/(home|users?|personal)/{re.escape(user)}(?![\w-])")
              for user in map(str.lower, users) if len(user) > 3]  # fmt: skip
    name, said = host.lower().split(".")[0], client.lower()
    if len(name) > 3 and name != "localhost" and name not in said:
        is_odd = len(name) > 7 and not _ORDINARY.fullmatch(name)
        before, after = (r"(?<![\w-])", r"(?![\w-])") if is_odd else ("(//|@)", r"(?=[:/\s]|$)")
        found.append(("this computer's name", name, before + re.escape(name) + after))
    secrets = {variable: _bare(value) for variable, value in environment.items() if _SECRET.search(variable)}
    return found + [(f"the value of {variable}", value, re.escape(value)) for variable, value in secrets.items()
                    if len(value) > 7 and not _ORDINARY.fullmatch(value) and value not in said]  # fmt: skip


def addresses_in(connection: Any) -> set[str]:
    """Which e-mail addresses stand in an audit's tables, of whomever?"""
    asked = "select distinct lower({1}) from {0} where contains({1}, '@')"
    columns = connection.execute(_COLUMNS).fetchall()
    said = (text for column in columns for (text,) in connection.execute(asked.format(*column)).fetchall())
    return {address for text in said for address in _addresses(text)}


def leaks(name: str, content: bytes | str, words: Sought, people: Set[str] = frozenset()) -> Iterator[tuple[str, str]]:
    """What that must not leave stands in this file, and in which part of it?"""
    for place, text in texts(name, content.encode() if isinstance(content, str) else content):
        bare = _bare(text)
        for read in (bare, re.sub("<[^>]*>", "", bare)) if "<" in bare else (bare,):
            yield from ((what, place) for what, part, hit in words if part in read and re.search(hit, read))
            if people and any(each[i:] in people for each in _addresses(read) for i in range(64)):
                yield "an e-mail address of the client's files", place


def _addresses(text: str) -> Iterator[str]:
    for before, after in pairwise(text.split("@")):
        if (name := _NAME.search(before[-64:])) and (domain := _DOMAIN.match(after[:255])):
            yield f"{name[0]}@{domain[0]}"


def _bare(text: str) -> str:
    """A text however it is written down: in small letters, without escapes or what nobody sees, with one slash."""
    text = re.sub("&[LCR]", " ", unescape(text)) if "&" in text else text  # as a workbook's header begins
    text = unquote(text) if _CODED.search(text) else text
    if "\\" in text:
        text = re.sub(r"\\u([0-9a-fA-F]{4})", lambda found: chr(int(found[1], 16)), text)
        text = text.replace("\\\\", "/").replace("\\", "/")
    return text.replace("\u00ad", "").replace("\u200b", "").lower()


def texts(name: str, content: bytes) -> Iterator[tuple[str, str]]:
    """Which texts can be read out of a file, and in which part of it does each stand?"""
    if content.startswith(b"PK\3\4"):
        with zipfile.ZipFile(io.BytesIO(content)) as packed:
            notes = [packed.comment, *(each.filename.encode() + b"\n" + each.comment for each in packed.infolist())]
            yield name, b"\n".join(notes).decode("utf-8", "replace")
            for member in packed.namelist():
                yield from texts(f"{name}, {member}", packed.read(member))
    elif content.startswith(b"%PDF-"):
        yield from ((name, text) for text in _pdf(content))
    else:
        yield name, (text := content.decode("utf-8", "replace"))
        pictures = [content] if content.startswith(b"\x89PNG") else map(b64decode, _PICTURE.findall(text))
        yield from ((name, note.decode("utf-8", "replace")) for each in pictures for note in _notes(each))


def _notes(content: bytes, at: int = 8) -> Iterator[bytes]:
    """The parts of a PNG, and what is packed into each."""
    while at < len(content):
        end = at + 8 + int.from_bytes(content[at : at + 4], "big")
        yield (note := content[at + 8 : end])
        yield _unpacked(note[note.find(b"\x78") :])
        at = end + 4


def _pdf(content: bytes) -> Iterator[str]:
    """A PDF as it is, each of its streams, and their words: glyphs read by the fonts' own tables, whichever fits."""
    objects, packed = _octal(_STREAM.sub(b"", content)), map(_unpacked, _STREAM.findall(content))
    streams = [each for each in packed if not each.startswith(_FONT)]
    fonts = [{int(glyph, 16): bytes.fromhex(said.decode()).decode("utf-16-be", "replace")
              for glyph, said in _GLYPHS.findall(stream)} for stream in streams if b"beginbf" in stream]  # fmt: skip
    yield objects.decode("unicode_escape", "replace").replace("\0", "")
    yield bytes.fromhex("0020".join(each.decode() for each in _WIDE.findall(objects))).decode("utf-16-be", "replace")
    for each in streams:
        yield each.replace(b"\0", b"").decode("latin-1")
        if b"BT" in each and b"ET" in each:
            said = [each.decode("unicode_escape", "replace") or "\xff\xff" for each in _SAID.findall(_octal(each))]
            yield "".join(said).replace("\xff\xff", " ")
            codes = "".join(each + "\0" * (len(each) % 2) for each in said).encode("latin-1", "replace")
            glyphs = codes.decode("utf-16-be", "replace")  # in charts each letter is set on its own
            yield from (glyphs.translate(font | {0xFFFF: gap}) for font in fonts for gap in (" ", ""))


def _octal(content: bytes) -> bytes:
    return content.replace(b"\\\\", b"\\134").replace(b"\\(", b"\\050").replace(b"\\)", b"\\051")


def _unpacked(content: bytes) -> bytes:
    try:
        return zlib.decompressobj().decompress(content)
    except zlib.error:
        return content
