"""The one process that writes a workshop's answers: a line of JSON comes in, one thing is done, a line goes back.

Run as ``python -P -m alignlib.workshop.desk``; its standard input says in one line of JSON where the store and the
socket are and which secret the server knows. It says in one line when it can be asked, and ends when its input is
closed: with whoever started it, however that ended.
"""

import hmac
import json
import os
import re
import shutil
import signal
import socket
import stat
import sys
import threading
import time
from collections.abc import Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict
from pathlib import Path
from select import select
from typing import Any, NoReturn

from alignlib.errors import AlignError, Problem
from alignlib.workshop.pages import page_of
from alignlib.workshop.room import Room
from alignlib.workshop.store import open_store
from alignlib.workshop.turn import SECONDS, begin_anew, held

LINE = 1 << 20  # bytes of one request: a result that is revealed must go in
MOST = 512  # connections at once
_TOKEN: dict[str, Any] = {"token": str}
_FORM = {**_TOKEN, "form": str}
_NEEDED: dict[str, dict[str, Any]] = {
    "save": {**_TOKEN, "answers": list}, "mine": _FORM, "page": _FORM, "state": {}, "leave": _TOKEN,
    "show_form": _FORM, "timer": {**_TOKEN, "seconds": (int, float)}, "reveal": {**_FORM, "result_json": object},
    "release": _FORM, "reopen": _FORM, "reset": _FORM, "undo": _TOKEN, "counts": _FORM, "answers": _TOKEN,
    "close": _TOKEN, "join": {"code": str, "team": str, "role": (str, type(None))}, "who": _TOKEN,
    "open": {"pages": dict, "seats": int, "code": str, "facilitator": str},
}  # fmt: skip
_SERVER_ONLY = ("open", "join", "who")  # a kernel cannot ask for a seat, nor whose a token is


def perform(room: Room, request: Any, secret: str) -> Any:
    """What does the room answer to this request, as values of JSON? Raises AlignError: E-VALUE, E-SEAT, the room's."""
    do = request.get("do") if isinstance(request, dict) else None
    if not isinstance(do, str) or do not in _NEEDED:
        raise AlignError(Problem("E-VALUE", "the desk does not know this request", fix="use the kit's own pages"))
    if do == "state":  # whoever asks
        return room.state()
    given = {name: value for name, value in request.items() if name not in ("do", "secret")}
    needed = _NEEDED[do]
    if given.keys() != needed.keys() or not all(isinstance(value, needed[name]) for name, value in given.items()):
        raise AlignError(Problem("E-VALUE", f"this is no request to {do}", allowed=", ".join(needed)))
    said = str(request.get("secret", ""))
    if do in _SERVER_ONLY and not hmac.compare_digest(said.encode("utf-8", "replace"), secret.encode()):
        raise AlignError(Problem("E-SEAT", "only the server may ask this", fix="join on the workshop's own page"))
    if do == "open":
        given["pages"] = {form: page_of(page) for form, page in given["pages"].items()}
        aside = begin_anew(room.store)
        room.open(**given)
        return aside
    answer = getattr(room, do)(**given)
    return asdict(answer) if do == "who" and answer else answer


def answer(room: Room, line: bytes, secret: str) -> bytes:
    """Which line goes back for this one? Always one: what cannot be done is said in it, and changes nothing."""
    try:
        reply: Mapping[str, Any] = {"ok": perform(room, json.loads(line), secret)}
    except AlignError as error:
        reply = {"error": asdict(error.problems[0])}
    except ValueError as error:  # no JSON, no text, or a number that is none
        reply = {"error": asdict(Problem("E-VALUE", f"this line cannot be read ({type(error).__name__})"))}
    except Exception as error:  # noqa: BLE001  all seats are served here: no request of one may end it
        what, fix = f"the desk made a mistake ({type(error).__name__})", "report it; what was saved before is kept"
        reply = {"error": asdict(Problem("E-FAULT", what, fix=fix))}
    return _line(reply)


def _line(said: Mapping[str, Any]) -> bytes:
    return json.dumps(said).encode() + b"\n"


def listen(where: str) -> tuple[socket.socket, str]:
    """On which socket is the desk asked, and what is its address? A path of a UNIX socket, or 127.0.0.1:PORT.

    A socket that a killed desk left there is replaced. Raises AlignError (E-STORE).
    """
    try:
        if found := re.fullmatch(r"127\.0\.0\.1:([0-9]+)", where):
            listening = socket.create_server(("127.0.0.1", int(found[1])), backlog=MOST)
            address = f"127.0.0.1:{listening.getsockname()[1]}"
        else:
            path, address = Path(where), where
            if path.exists() and stat.S_ISSOCK(path.lstat().st_mode):
                path.unlink()
            listening = socket.socket(socket.AF_UNIX)
            before = os.umask(0o177)  # its owner's alone from the first moment
            try:
                listening.bind(where)
            finally:
                os.umask(before)
            listening.listen(MOST)
    except OSError as error:
        what, fix = f"the desk cannot listen there ({error.strerror or error})", "end the program that does"
        raise AlignError(Problem("E-STORE", what, fix=fix)) from error
    return listening, address


def serve(room: Room, listening: socket.socket, secret: str, turn: threading.Lock) -> NoReturn:
    """Who is answered? Everybody, until the process ends, one at a time: whoever holds ``turn``.

    Each connection has a thread, which waits for its turn at the room: who does not read its answers holds nobody up.
    """
    while True:
        with suppress(Exception):  # gone again, or no descriptor, thread or memory left: whoever waits asks again
            connection, _ = listening.accept()
            if threading.active_count() > MOST:
                connection.close()
            else:
                threading.Thread(target=_converse, args=(room, connection, secret, turn), daemon=True).start()


def _converse(room: Room, connection: socket.socket, secret: str, turn: threading.Lock) -> None:
    """Answers what comes in over one connection.

    What was asked over one that is closed by now was given up, and may have been corrected over a newer one.
    """
    with suppress(OSError), connection, connection.makefile("rb") as lines:
        while line := lines.readline(LINE + 1):
            if len(line) > LINE:
                connection.sendall(_line({"error": asdict(Problem("E-VALUE", "this line is too long"))}))
                return
            with turn:
                if select([connection], [], [], 0)[0] and not connection.recv(1, socket.MSG_PEEK):
                    return
                reply = answer(room, line, secret)
            connection.sendall(reply)


def main() -> int:
    """Which exit code does the desk end with, once its standard input is closed?"""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C goes to all: whoever started the desk ends it last
    given = json.loads(sys.stdin.readline())
    with ExitStack() as stack:
        try:
            store = open_store(given["store"])
            stack.enter_context(held(store))
            listening, address = listen(given["socket"])
        except AlignError as error:
            print(json.dumps({"error": asdict(error.problems[0])}), flush=True)
            return 1
        turn = threading.Lock()
        threading.Thread(target=serve, args=(Room(store), listening, given["secret"], turn), daemon=True).start()
        print(json.dumps({"address": address}), flush=True)
        sys.stdin.read()
        turn.acquire()  # and never let go: nothing is begun any more
    if "folder" in given:
        _remove(Path(given["folder"]))
    return 0


def _remove(folder: Path) -> None:
    """What a command that was killed cannot take away any more; those who lie in it are just ending themselves."""
    until = time.monotonic() + SECONDS
    while folder.exists() and time.monotonic() < until:
        shutil.rmtree(folder, ignore_errors=True)
        time.sleep(0.05)


if __name__ == "__main__":
    sys.exit(main())
