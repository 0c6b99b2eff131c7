"""A kernel's side of the desk: it holds the token of one seat, and asks for nothing but what that seat may have."""

import json
import os
import socket
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cache
from hashlib import sha256
from typing import Any

from alignlib.errors import AlignError, Problem

ADDRESS, TOKEN = "ALIGNLIB_DESK", "HTTP_X_ALIGNLIB_SEAT"  # where a kernel of the server finds the desk, and its seat
# In the environment of the facilitator's kernel alone: the client's folder, and the code that the room reads.
ENGAGEMENT, CODE = "ALIGNLIB_ENGAGEMENT", "ALIGNLIB_CODE"
SECONDS = 5.0
_MANY = 1_000_000  # seats, where people answer one after another


class Desk:
    """Who keeps the answers? Asked over one connection, made anew when the desk was started again."""

    def __init__(self, address: str, seconds: float = SECONDS) -> None:
        self.address, self.seconds = address, seconds
        self._connection: socket.socket | None = None
        self._lock = threading.Lock()

    def ask(self, do: str, **given: Any) -> Any:
        """What does the desk answer? Waits for it; what it was told to save is on disk then.

        Raises AlignError: what the desk refuses, or E-STORE when it is away or does not answer in time. No error holds
        what was asked.
        """
        line = json.dumps({"do": do, **given}).encode() + b"\n"
        try:
            with self._lock:
                try:
                    reply = self._exchange(line)
                except TimeoutError:
                    raise
                except OSError:  # the desk of before has ended: perhaps another is there
                    reply = self._exchange(line)
        except OSError:
            fix = "nothing is lost: it is tried again"
            raise AlignError(Problem("E-STORE", "the place where answers are kept does not answer", fix=fix)) from None
        said = json.loads(reply)
        if "error" in said:
            raise AlignError(Problem(**said["error"]))
        return said["ok"]

    def _exchange(self, line: bytes) -> bytes:
        """One line there and one back. A connection on which that failed is closed: no late answer is taken for the
        next one's, and the desk drops what it has not begun."""
        connection = self._connection or self._connect()
        self._connection = None
        try:
            connection.sendall(line)
            with connection.makefile("rb") as lines:
                reply = lines.readline()
            if not reply.endswith(b"\n"):
                raise ConnectionResetError
        except OSError:
            connection.close()
            raise
        self._connection = connection
        return reply

    def _connect(self) -> socket.socket:
        host, colon, port = self.address.rpartition(":")
        if colon and port.isdecimal():
            return socket.create_connection((host, int(port)), self.seconds)
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(self.seconds)
        try:
            connection.connect(self.address)
        except OSError:
            connection.close()
            raise
        return connection


@dataclass(frozen=True)
class Held:
    """Which seat does this kernel hold, and whom does it ask?

    ``join`` and ``facilitator`` are there in a notebook alone, where one person after another answers.
    """

    token: str = field(repr=False)
    asks: Callable[..., Any] = field(repr=False)
    join: Callable[[str, str | None], str] | None = field(default=None, repr=False)
    facilitator: str = field(default="", repr=False)

    @property
    def public(self) -> str:
        """Under which name may a browser keep what belongs to this seat? It opens nothing."""
        return sha256(self.token.encode()).hexdigest()[:12]

    @property
    def is_local(self) -> bool:
        """Is this a notebook of its own, without a server?"""
        return self.join is not None

    def ask(self, do: str, **given: Any) -> Any:
        """What is answered to this seat? See ``Desk.ask``; ``token`` may name the facilitator's instead."""
        return self.asks(do, **{"token": self.token, **given})

    def next_person(self, team: str = "sales", role: str | None = None) -> "Held":
        """Which seat does the next person in front of this notebook get? A new one. Raises AlignError (E-SEAT)."""
        if self.join is None:
            raise AlignError(Problem("E-SEAT", "a seat in the room is taken at its door", fix="open its first page"))
        return Held(self.join(team, role), self.asks, self.join, self.facilitator)


def seat(engagement: str = "", store: str = "") -> Held:
    """Which seat does this kernel hold? The one that the server gave it; without a server one in a store of its own.

    In a notebook: ``engagement`` is the client's folder (without one the survey of the kit is asked), ``store`` a file
    that no server uses (without one a fresh file that only its owner can read). Raises AlignError (E-SEAT, E-STORE).
    """
    return _given(os.environ[ADDRESS]) if os.environ.get(ADDRESS) else _local(engagement, store)


@cache
def _given(address: str) -> Held:
    """The token is taken out of the environment: nothing that is started from here inherits it."""
    token = os.environ.pop(TOKEN, "")
    if not token:
        raise AlignError(Problem("E-SEAT", "this page has no seat", fix="open the workshop's first page"))
    return Held(token, Desk(address).ask)


def _local(engagement: str, store: str) -> Held:
    from secrets import token_urlsafe

    from alignlib.workshop.desk import perform
    from alignlib.workshop.pages import pages, settings_of
    from alignlib.workshop.room import Room
    from alignlib.workshop.store import open_store

    room = Room(open_store(store))
    code, key = token_urlsafe(24), token_urlsafe(24)
    room.open(pages(settings_of(engagement)), _MANY, code, key)

    def ask(do: str, **given: Any) -> Any:
        return json.loads(json.dumps(perform(room, {"do": do, **given}, key)))  # as over the desk's connection

    def join(team: str, role: str | None) -> str:
        return room.join(code, team, role)

    return Held(join("sales", None), ask, join, key)
