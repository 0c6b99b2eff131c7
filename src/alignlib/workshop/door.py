"""Who comes in? Each request passes here before Voila sees it; what is not named below is refused.

Nothing is told to whoever has no seat, and no kernel starts for them. Nothing is logged: neither who came nor when.
"""

import re
import time
from collections import deque
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from tornado.httputil import HTTPMessageDelegate, HTTPServerRequest
from tornado.routing import Router
from tornado.web import Application, RequestHandler

from alignlib.errors import AlignError
from alignlib.resources import strict_templates
from alignlib.words import TEAM_NAMES, capital
from alignlib.workshop.assets import AssetHandler, Assets

if TYPE_CHECKING:
    from jinja2 import Template

SEAT_HEADER, COOKIE = "X-Alignlib-Seat", "alignlib_seat"
NOTEBOOKS = {"/form": "/voila/render/form.ipynb", "/wall": "/voila/render/wall.ipynb"}
OF_A_KERNEL = re.compile(r"/(?:api/kernels|voila/api/shutdown)/([0-9a-f-]{36})(?:/channels)?")
DAY_SECONDS = 86_400  # a phone that was switched off in between comes back to its seat
GUESSES, WITHIN = 10, 1.0  # wrong codes of the whole room, within so many seconds
HEADERS = {
    "Content-Security-Policy": "default-src 'self'; script-src 'self' 'unsafe-inline' 'unsafe-eval' blob:; "
    "style-src 'self' 'unsafe-inline'; img-src 'self' data:; font-src 'self' data:; connect-src 'self'; "
    "frame-ancestors 'none'; form-action 'self'; base-uri 'none'",
    "X-Content-Type-Options": "nosniff", "Referrer-Policy": "same-origin", "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin", "Permissions-Policy": "camera=(), microphone=(), geolocation=()",
}  # fmt: skip


@dataclass
class Seats:
    """Who holds which seat, and which kernel is whose? Asked of the desk once a token, and kept in memory alone."""

    ask: Callable[..., Any]
    known: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    kernels: dict[str, str] = field(default_factory=dict)  # kernel's id -> the token of its seat

    def who(self, token: str) -> Mapping[str, Any] | None:
        """Whose token is this? None: nobody's. Raises AlignError while the desk is away."""
        if token and token not in self.known and (found := self.ask("who", token=token)):
            self.known[token] = found
        return self.known.get(token)

    def leave(self, token: str) -> None:
        """Frees this seat: its token is dead from now on. Nothing happens for the facilitator's, or for nobody's."""
        seat = self.who(token)
        if seat and not seat["is_facilitator"]:
            self.ask("leave", token=token)
            del self.known[token]


class Door(Router):
    """Which handler takes a request: one of ours, or Voila's for whoever may have it?"""

    def __init__(
        self, voila: Any, seats: Seats, assets: Assets, hosts: set[str], about: Mapping[str, Any], is_secure: bool
    ) -> None:
        self.voila, self.seats, self.assets, self.hosts, self.is_secure = voila, seats, assets, hosts, is_secure
        self.wrong: deque[float] = deque(maxlen=GUESSES)  # when a code was wrong
        given = {"door": self, "about": about}
        pages = [(r"/", Entrance, given), (r"/join", Entrance, given), (r"/leave", Leave, given),
                 (r"/here", Here, given), (r"/wall", WallKey, given)]  # fmt: skip
        self.ours = Application(pages, default_handler_class=Refused, xsrf_cookies=True, log_function=lambda _: None,
                                xsrf_cookie_kwargs=self.cookie())  # fmt: skip

    def cookie(self) -> dict[str, Any]:
        """How is a cookie set? For this address alone and a day, out of reach of scripts and of other pages."""
        return {"httponly": True, "samesite": "Strict", "secure": self.is_secure, "path": "/", "max_age": DAY_SECONDS}

    def find_handler(self, request: HTTPServerRequest, **_: Any) -> HTTPMessageDelegate:
        """Who answers this request? Refuses what comes from elsewhere, then what is not this seat's."""
        _add_headers(request)
        for name in [name for name in request.headers if name.lower().startswith("x-alignlib")]:
            del request.headers[name]
        if request.host.lower() not in self.hosts:
            return self._refuse(request, 403, "this address is not served here")
        origin = request.headers.get("Origin")
        if origin and urlsplit(origin).netloc.lower() != request.host.lower():
            return self._refuse(request, 403, "this comes from another page")
        try:
            return self._of_seat(request)
        except AlignError:
            return self._refuse(request, 503, "the workshop starts again; try in a moment")

    def _of_seat(self, request: HTTPServerRequest) -> HTTPMessageDelegate:
        token = request.cookies[COOKIE].value if COOKIE in request.cookies else ""
        seat, path = self.seats.who(token), request.path
        if path in ("/", "/join", "/leave", "/here") or (path == "/wall" and request.arguments.get("key")):
            return self.ours.find_handler(request)
        if not seat:
            is_page = path in NOTEBOOKS and request.method == "GET"
            return self._refuse(request, 303 if is_page else 403, "take a seat first")
        if path in NOTEBOOKS and request.method == "GET":
            if seat["is_facilitator"] != (path == "/wall"):
                return self._refuse(request, 403, "this page is for another seat")
            request.path = NOTEBOOKS[path]
            request.arguments = {}
            request.headers[SEAT_HEADER] = token
            return self._voila(request)
        of_kernel = OF_A_KERNEL.fullmatch(path)
        if of_kernel and self.seats.kernels.get(of_kernel[1]) == token:
            return self._voila(request)
        if request.method == "GET" and (asset := self.assets.find(path)):
            return self.ours.get_handler_delegate(request, AssetHandler, {"asset": asset})
        return self._refuse(request, 403 if of_kernel else 404, "there is nothing here for you")

    def _voila(self, request: HTTPServerRequest) -> HTTPMessageDelegate:
        found = self.voila.find_handler(request)
        assert found is not None
        return found  # type: ignore[no-any-return]

    def _refuse(self, request: HTTPServerRequest, status: int, why: str) -> HTTPMessageDelegate:
        return self.ours.get_handler_delegate(request, Refused, {"status": status, "why": why})


def _add_headers(request: HTTPServerRequest) -> None:
    """Every answer, Voila's too, carries the same headers: set where it is written."""
    connection: Any = request.connection
    write = connection.write_headers

    def write_headers(start_line: Any, headers: Any, chunk: bytes | None = None) -> Any:
        headers.pop("Server", None)
        for name, value in HEADERS.items():
            headers[name] = value
        return write(start_line, headers, chunk)

    connection.write_headers = write_headers


@cache
def _first_page() -> "Template":
    return strict_templates("workshop").get_template("join.html.j2")


class _Ours(RequestHandler):
    def initialize(self, door: Door, about: Mapping[str, Any]) -> None:
        self.door, self.about = door, about

    def write_error(self, status_code: int, **_: Any) -> None:
        self.finish(f"{status_code}: this cannot be done here")

    def sit(self, token: str) -> None:
        self.set_cookie(COOKIE, token, **self.door.cookie())


class Entrance(_Ours):
    """The first page: what happens to answers, then code, team and role."""

    def get(self) -> None:
        """Shows the page, or leads on whoever sits already."""
        if self.request.path != "/":
            return self.redirect("/", status=303)
        seat = self.door.seats.who(self.get_cookie(COOKIE, "") or "")
        if seat and not self.is_kiosk():
            return self.redirect("/wall" if seat["is_facilitator"] else "/form", status=303)
        return self.show(200)

    def show(self, status: int, fault: str = "") -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        given = {name: self.get_argument(name, "")[:40] for name in ("code", "team", "role")}
        given["kiosk"] = "1" if self.is_kiosk() else ""
        xsrf = self.xsrf_token.decode()
        self.finish(_first_page().render(**self.about, teams=TEAM_NAMES, given=given, fault=fault, xsrf=xsrf))

    def is_kiosk(self) -> bool:
        """Is this a device that is handed on? With ``kiosk`` in the address, or so in the form it came with."""
        on_form = self.get_body_argument("kiosk", "") if self.request.method == "POST" else ""
        return bool(on_form) or "kiosk" in self.request.query_arguments

    def post(self) -> None:
        """Takes a seat: the code of the room, a team, and whether this person leads people."""
        now, wrong = time.monotonic(), self.door.wrong
        if len(wrong) == GUESSES and now - wrong[0] < WITHIN:
            return self.show(429, "Many wrong codes were tried just now. Wait a moment and try again.")
        code, team, role = (self.get_body_argument(name, "") for name in ("code", "team", "role"))
        try:
            token = self.door.seats.ask("join", code=code, team=team, role=role or None)
        except AlignError as error:
            problem = error.problems[0]
            if problem.code == "E-SEAT":
                wrong.append(now)
            status = {"E-SEAT": 403, "E-FULL": 409, "E-CLOSED": 410, "E-VALUE": 400}.get(problem.code, 503)
            return self.show(status, " ".join(f"{capital(each)}." for each in (problem.what, problem.fix) if each))
        self.sit(token)
        return self.redirect("/form" + ("?kiosk=1" if self.is_kiosk() else ""), status=303)


class WallKey(_Ours):
    """The facilitator's address holds a key: it becomes a cookie and leaves the address at once."""

    def get(self) -> None:
        """Sits the facilitator, or says that this is not the key."""
        key = self.get_query_argument("key")
        found = self.door.seats.who(key)
        if not found or not found["is_facilitator"]:
            self.door.wrong.append(time.monotonic())
            self.set_status(403)
            self.finish(
                "This is not the facilitator's key. Copy the whole address from where the workshop was started."
            )
            return
        self.sit(key)
        self.redirect("/wall", status=303)


class Here(_Ours):
    """Is the server there, does it know this seat, and is the page that asks still the one that was opened last?"""

    def get(self) -> None:
        """204, or 401; 409 when another page has the kernel of this seat now."""
        seats, token, asked = self.door.seats, self.get_cookie(COOKIE, "") or "", self.get_query_argument("kernel", "")
        own = [kernel for kernel, owner in seats.kernels.items() if owner == token]
        is_elsewhere = bool(asked and own) and asked not in own
        self.set_header("Cache-Control", "no-store")
        self.set_status(409 if seats.who(token) and is_elsewhere else 204 if seats.who(token) else 401)


class Leave(_Ours):
    """A shared tablet is handed on: the seat is free for the next person, its answers stay."""

    def check_xsrf_cookie(self) -> None:
        """None is needed: the cookie is SameSite=Strict, and who leaves loses nothing but the seat."""

    def post(self) -> None:
        """Gives the seat up, and clears the cookie."""
        self.door.seats.leave(self.get_cookie(COOKIE, "") or "")
        self.clear_cookie(COOKIE, path="/")
        self.set_status(204)


class Refused(RequestHandler):
    """A sentence and a status, or the way to the first page."""

    def initialize(self, status: int = 404, why: str = "there is nothing here") -> None:
        self.status, self.why = status, why

    def prepare(self) -> None:
        """Answers every method alike."""
        if self.status == 303:
            self.redirect("/", status=303)
        else:
            self.set_status(self.status)
            self.finish(f"{self.status}: {self.why}")

    def check_xsrf_cookie(self) -> None:
        """Nothing is done here that would need it."""
