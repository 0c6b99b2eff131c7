"""Participants of a workshop without a browser: what the page of each fetches, says and hears; for tests and measuring.

``Workshop`` is the real command. A ``Participant`` behaves as the form's own script does: what is not acknowledged is
sent again under the same id, and the page is opened anew when its kernel is silent.
"""

import asyncio
import contextlib
import json
import re
import secrets
import signal
import sqlite3
import subprocess
import sys
import threading
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from tornado.httpclient import AsyncHTTPClient, HTTPRequest, HTTPResponse
from tornado.simple_httpclient import HTTPStreamClosedError, HTTPTimeoutError
from tornado.websocket import WebSocketClosedError, websocket_connect

from alignlib.runs.processes import children, tree

COMMAND = str(Path(sys.executable).parent / "alignlib")
TO_START = 240  # seconds: everything is imported for the first time, on a machine that may be busy
PATIENT: dict[str, Any] = {
    "request_timeout": 240,
    "connect_timeout": 240,
    "validate_cert": False,
}  # tests sign their own
SILENCE = 12  # seconds without a word until the page is opened anew
ALL_AT_ONCE = ("tornado.simple_httpclient.SimpleAsyncHTTPClient", {"max_clients": 2000})


def words_of(pid: int) -> str:
    """With which command was this process started? Empty when it is gone."""
    with contextlib.suppress(OSError):
        return Path(f"/proc/{pid}/cmdline").read_bytes().decode(errors="replace").replace("\0", " ")
    return ""


class Workshop:
    """The command, started, and its addresses. ``address`` stays the same whatever dies behind it."""

    def __init__(
        self, engagement: Path, *more: str, seats: int = 60, environment: Mapping[str, str] | None = None
    ) -> None:
        command = [COMMAND, "workshop", engagement.name, "--port", "0", "--seats", str(seats), *more]
        self.seats, self.store = seats, engagement / "private" / "workshop.sqlite"
        # a group of its own: Ctrl-C is sent to all of it, as a terminal does
        self.errors = engagement.parent / "stderr.txt"
        with self.errors.open("a") as errors:
            self.process = subprocess.Popen(
                command,
                cwd=engagement.parent,
                stdout=subprocess.PIPE,
                stderr=errors,
                text=True,
                env=environment,
                start_new_session=True,
            )
        assert self.process.stdout
        self.said = ""
        timer = threading.Timer(TO_START, self.process.kill)
        timer.start()
        while "/wall?key=" not in self.said:
            line = self.process.stdout.readline()
            if not line:
                raise RuntimeError(f"the workshop did not start:\n{self.said}{self.errors.read_text()}")
            self.said += line
        timer.cancel()
        self.address, self.code = re.findall(r"(https?://\S+)/\?code=([\w-]+)", self.said)[0]
        self.key = re.findall(r"/wall\?key=(\S+)", self.said)[0]

    @property
    def port(self) -> str:
        return self.address.rpartition(":")[2]

    def processes(self) -> list[int]:
        return tree(self.process.pid)

    def one(self, name: str) -> int:
        """Which process is the desk, or the server (``serve``)? 0 while there is none."""
        return next((pid for pid in self.processes() if f"alignlib.workshop.{name}" in words_of(pid)), 0)

    def kernels(self) -> list[int]:
        """Which processes are kernels: forks of the warm one, or started for themselves?"""
        below = self.processes()
        forks = {child for pid in below if "alignlib.runs.warm" in words_of(pid) for child in children(pid)}
        return [pid for pid in below if pid in forks or "ipykernel_launcher" in words_of(pid)]

    def end(self, number: int = signal.SIGINT) -> int:
        """How did it end, told to by this signal?"""
        self.process.send_signal(number)
        try:
            return self.process.wait(60)
        finally:
            self.process.kill()
            assert self.process.stdout
            self.process.stdout.close()


async def ask(address: str, cookie: str = "", **given: Any) -> HTTPResponse:
    headers = {"Cookie": cookie, "Connection": "keep-alive"} | given.pop("headers", {})
    request = HTTPRequest(address, headers=headers, follow_redirects=False, **{**PATIENT, **given})
    return await AsyncHTTPClient().fetch(request, raise_error=False)


async def join(address: str, code: str, team: str = "sales") -> HTTPResponse:
    """What is answered to whoever opens the first page, chooses a team and asks for a seat?"""
    first = await ask(f"{address}/?code={code}")
    token = re.findall(r'name="_xsrf" value="([^"]+)"', first.body.decode())[0]
    cookie = first.headers["Set-Cookie"].partition(";")[0]
    body = urlencode({"_xsrf": token, "code": code, "team": team, "role": ""})
    return await ask(f"{address}/join", cookie, method="POST", body=body)


def cookie_of(answer: HTTPResponse) -> str:
    """Which cookie holds the seat that was given here?"""
    if answer.code != 303 or not answer.headers["Location"].startswith(("/form", "/wall")):
        raise RuntimeError(f"no seat: {answer.code}")
    cookies = answer.headers.get_list("Set-Cookie")
    return next(each for each in cookies if each.startswith("alignlib_seat=")).partition(";")[0]


async def take_seat(address: str, code: str, team: str = "sales") -> str:
    """The cookie of a new seat."""
    return cookie_of(await join(address, code, team))


class Line:
    """The websocket to one kernel's widget: what the page says and hears. ``heard`` is all that came, as it came."""

    def __init__(self, socket: Any, model: str, kernel: str, page: str) -> None:
        self.socket, self.model, self.kernel, self.page = socket, model, kernel, page
        self.session, self.heard = secrets.token_hex(8), list[str]()

    async def send(self, kind: str, content: Any, channel: str = "shell", **more: Any) -> str:
        """Says anything whatever over the line; which id has the message?"""
        header = {"msg_id": secrets.token_hex(8), "session": self.session, "msg_type": kind, "username": "",
                  "version": "5.3", "date": "2026-01-01T00:00:00Z"}  # fmt: skip
        await self.socket.write_message(json.dumps(
            {"header": header, "parent_header": {}, "metadata": {}, "content": content, "channel": channel,
             "buffers": [], **more}
        ))  # fmt: skip
        return header["msg_id"]

    async def say(self, content: Any) -> None:
        """Says this to the widget, as its own script does."""
        await self.send("comm_msg", {"comm_id": self.model, "data": {"method": "custom", "content": content}})

    async def hear(self, word: str) -> dict[str, Any]:
        """The next custom message that holds this word."""
        while True:
            message = await self.socket.read_message()
            if message is None:
                raise WebSocketClosedError("the line was cut")
            if isinstance(message, bytes):
                self.heard.append(message.decode(errors="replace"))
                continue
            self.heard.append(message)
            content = json.loads(message)["content"]
            said = content.get("data", {}).get("content", {}) if isinstance(content.get("data"), dict) else {}
            if isinstance(said, dict) and word in said:
                return said

    async def states(self) -> dict[str, Any]:
        """What does the kernel hold, widget by widget, as JupyterLab asks for it?"""
        control = secrets.token_hex(16)
        await self.send("comm_open", {"comm_id": control, "target_name": "jupyter.widget.control", "data": {},
                                      "target_module": None}, metadata={"version": "1.0.0"})  # fmt: skip
        await self.send("comm_msg", {"comm_id": control, "data": {"method": "request_states"}})
        while True:
            message = await self.socket.read_message()
            if message is None:
                raise WebSocketClosedError("the line was cut")
            self.heard.append(message if isinstance(message, str) else message.decode(errors="replace"))
            if isinstance(message, str) and '"update_states"' in message:
                found: dict[str, Any] = json.loads(message)["content"]["data"]["states"]
                return found

    async def pong(self) -> dict[str, Any]:
        """What does the kernel say to a ping made now?"""
        number = secrets.randbelow(1 << 40)
        await self.say({"ping": number})
        while (said := await self.hear("pong"))["pong"] != number:
            pass
        return said


async def open_form(address: str, cookie: str, path: str = "/form", assets: tuple[str, ...] = ()) -> Line:
    """The form of this seat, once its kernel answers. ``assets``: what a browser fetches beside it."""
    page = await ask(address + path, cookie)
    text = page.body.decode()
    kernel, model = re.findall(r'"kernelId": "([^"]+)"', text), re.findall(r'"model_id": "([^"]+)"', text)
    if not (kernel and model):
        raise RuntimeError(f"no form: {page.code} {text[:80]}")
    for start in range(0, len(assets), 6):  # as many at a time as a browser opens
        await asyncio.gather(*(ask(address + each, cookie) for each in assets[start : start + 6]))
    line = Line(await connect(address, cookie, kernel[0]), model[0], kernel[0], text)
    await line.pong()
    return line


async def connect(address: str, cookie: str, kernel: str) -> Any:
    """A websocket to this kernel. Raises HTTPClientError where the door refuses it."""
    request = HTTPRequest(
        f"ws{address.removeprefix('http')}/api/kernels/{kernel}/channels?session_id={secrets.token_hex(8)}",
        headers={"Cookie": cookie, "Origin": address}, **PATIENT,
    )  # fmt: skip
    return await websocket_connect(request)


CUT_OFF = (HTTPStreamClosedError, HTTPTimeoutError)  # the server was killed while it made the page


class Participant:
    """One person at one device: answers wait in it until they are acknowledged, whatever happens to the line.

    ``told``: for each item the id and the value that were acknowledged last.
    """

    def __init__(self, address: str, cookie: str, form: str = "survey") -> None:
        self.address, self.cookie, self.form = address, cookie, form
        self.waiting: dict[str, dict[str, str]] = {}  # item -> answer; a correction takes the place of what still waits
        self.told: dict[str, tuple[str, str]] = {}
        self.line: Line | None = None
        self.opened = self.acknowledged = 0

    async def close(self) -> None:
        if self.line:
            self.line.socket.close()
        self.line = None

    def answer(self, item: str, value: str) -> str:
        """Chooses this value; which id has the answer? It waits to be delivered."""
        self.waiting.pop(item, None)
        answer = secrets.token_hex(16)
        self.waiting[item] = {"id": answer, "form": self.form, "item": item, "value": value}
        return answer

    async def deliver(self, seconds: float = 240) -> None:
        """Sends what waits until all of it is acknowledged. Raises TimeoutError."""
        until = time.monotonic() + seconds
        while self.waiting:
            if time.monotonic() > until:
                raise TimeoutError(f"{len(self.waiting)} answers were not acknowledged")
            try:
                if self.line is None:
                    self.opened += 1
                    self.line = await asyncio.wait_for(open_form(self.address, self.cookie), until - time.monotonic())
                await asyncio.wait_for(self._exchange(self.line), SILENCE)
            except (OSError, RuntimeError, WebSocketClosedError, TimeoutError, *CUT_OFF):
                await self.close()
                await asyncio.sleep(0.3)

    async def _exchange(self, line: Line) -> None:
        await line.say({"save": list(self.waiting.values())})
        try:
            said = await asyncio.wait_for(line.hear("saved"), 2)
        except TimeoutError:
            await line.pong()  # alive, but the desk is away: sent again. Not even that: the page is opened anew
            return
        assert not said["refused"], said
        for item, answer in list(self.waiting.items()):
            if answer["id"] in said["saved"]:
                self.told[item] = answer["id"], self.waiting.pop(item)["value"]
                self.acknowledged += 1


def kept(store: Path) -> dict[str, tuple[str, str]]:
    """Which answers of persons are in the store: id -> item and value?"""
    with contextlib.closing(sqlite3.connect(f"file:{store}?mode=ro", uri=True)) as connection:
        rows = connection.execute("select answer_id, item, answer, cannot_say from responses").fetchall()
    return {answer: (item, "cannot_say" if unsure else f"{value:g}") for answer, item, value, unsure in rows}


def told(people: list[Participant]) -> dict[str, tuple[str, str]]:
    """Which answers stand by what these were told: id -> item and value?"""
    return {answer: (item, value) for person in people for item, (answer, value) in person.told.items()}
