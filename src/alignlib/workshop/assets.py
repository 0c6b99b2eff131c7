"""The files of Voila's front end, read once and packed once: sixty phones ask for eighty of them each, all at once."""

import gzip
import mimetypes
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import NamedTuple
from urllib.parse import unquote

from tornado.web import RequestHandler

KEPT_SECONDS = 3600  # by a browser, before it asks again whether the file is another now


class Asset(NamedTuple):
    """What is sent for one file?"""

    type: str
    tag: str
    plain: bytes
    packed: bytes


@dataclass(frozen=True)
class Assets:
    """Which file lies under which address? ``roots``: the folders looked into, in turn, for what begins so."""

    roots: Mapping[str, Sequence[str]]
    _kept: dict[str, Asset] = field(default_factory=dict)

    def find(self, path: str) -> Asset | None:
        """What is sent for this address? None where no folder has such a file; never one that lies outside of them."""
        if path not in self._kept and (found := self._file(unquote(path))):
            plain = found.read_bytes()
            kind = mimetypes.guess_type(found.name)[0] or "application/octet-stream"
            tag = f'"{sha256(plain).hexdigest()[:24]}"'
            self._kept[path] = Asset(kind, tag, plain, gzip.compress(plain, 6, mtime=0))
        return self._kept.get(path)

    def _file(self, path: str) -> Path | None:
        for begin, folders in self.roots.items():
            if path.startswith(begin):
                for root in (Path(folder).resolve() for folder in folders):
                    found = (root / path.removeprefix(begin)).resolve()
                    if found.is_relative_to(root) and found.is_file():
                        return found
        return None


class AssetHandler(RequestHandler):
    """Sends one file, packed where the browser can unpack it."""

    def initialize(self, asset: Asset) -> None:
        self.asset = asset

    def compute_etag(self) -> str:
        """Known without reading what is sent; tornado asks it, and sends 304 to a browser that has the file."""
        return self.asset.tag

    def get(self) -> None:
        """The file."""
        self.set_header("Content-Type", self.asset.type)
        self.set_header("Cache-Control", f"private, max-age={KEPT_SECONDS}")
        self.set_header("Vary", "Accept-Encoding")
        sent = self.asset.plain
        if "gzip" in self.request.headers.get("Accept-Encoding", "") and len(self.asset.packed) < len(sent):
            self.set_header("Content-Encoding", "gzip")
            sent = self.asset.packed
        self.finish(sent)
