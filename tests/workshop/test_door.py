"""Does the door let in whom it should, and nobody and nothing else?"""

import asyncio
import gzip
import http.client
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
from tornado.httpserver import HTTPServer
from tornado.netutil import bind_sockets
from tornado.web import Application, RequestHandler

from alignlib.errors import AlignError, Problem
from alignlib.workshop import door
from alignlib.workshop.assets import Assets
from alignlib.workshop.door import COOKIE, SEAT_HEADER, Door, Seats

MINE, OTHER = "0" * 36, "1" * 36
ABOUT = {"title": "How we work <together>", "notice": [("Who sees it", "Nobody & no one")], "language": "en"}
PEOPLE = {"anna": {"team": "sales", "role": None, "is_facilitator": False},
          "fac": {"team": None, "role": None, "is_facilitator": True}}  # fmt: skip


class Behind(RequestHandler):
    """Stands where Voila does: tells what reached it."""

    def prepare(self) -> None:
        self.set_header("Server", "told")
        self.finish(f"voila {self.request.path} {self.request.headers.get(SEAT_HEADER, '-')}")

    def check_xsrf_cookie(self) -> None:
        pass


class Desk:
    """Answers as the desk does, and remembers what it was asked."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, dict[str, Any]]] = []
        self.is_away, self.free = False, 2

    def __call__(self, do: str, **given: Any) -> Any:
        self.asked.append((do, given))
        if self.is_away:
            raise AlignError(Problem("E-STORE", "the desk is away"))
        if do == "who":
            return PEOPLE.get(given["token"])
        if do == "join" and given["team"] == "pirates":
            raise AlignError(Problem("E-VALUE", "a seat needs a team", fix="choose Sales or Marketing"))
        if do == "join" and given["code"] != "GOODCODE":
            raise AlignError(Problem("E-SEAT", "this is not the room's code", fix="read it from the wall"))
        if do == "join" and not self.free:
            raise AlignError(Problem("E-FULL", "all seats are taken"))
        self.free -= 1
        return "anna"


class Server:
    """The door on a port of its own, and what a browser without scripts can ask of it."""

    def __init__(self, folder: Path) -> None:
        self.static = str(folder / "static")
        Path(self.static).mkdir()
        Path(self.static, "voila.js").write_text(SCRIPT)
        Path(self.static, "secret.txt").symlink_to(folder / "secret.txt")
        (folder / "secret.txt").write_text("not for the room")
        self.desk = Desk()
        self.seats = Seats(self.desk, kernels={MINE: "anna", OTHER: "someone"})
        self.loop = asyncio.new_event_loop()
        self.sockets = bind_sockets(0, "127.0.0.1")
        self.port = self.sockets[0].getsockname()[1]
        self.thread = threading.Thread(target=self._run)
        self.thread.start()

    def _run(self) -> None:
        asyncio.set_event_loop(self.loop)
        behind = Application(default_handler_class=Behind)
        assets = Assets({"/voila/static/": [self.static], "/voila/labextensions/": [self.static]})
        server = HTTPServer(Door(behind, self.seats, assets, {f"127.0.0.1:{self.port}"}, ABOUT, is_secure=False))
        server.add_sockets(self.sockets)
        self.loop.run_forever()
        server.stop()

    def end(self) -> None:
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join(20)
        self.loop.close()

    def ask(self, path: str, method: str = "GET", seat: str = "", body: str = "", **headers: str) -> Any:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=20)
        cookie = {"Cookie": f"{COOKIE}={seat}"} if seat else {}
        given = {name.replace("_", "-"): value for name, value in headers.items()}
        connection.request(method, path, body or None, cookie | given)
        answer = connection.getresponse()
        answer.bytes = answer.read()  # type: ignore[attr-defined]
        answer.text = answer.bytes.decode(errors="replace")  # type: ignore[attr-defined]
        connection.close()
        return answer

    def join(self, **fields: str) -> Any:
        form = self.ask("/")
        token = form.text.partition('name="_xsrf" value="')[2].partition('"')[0]
        cookie = form.getheader("Set-Cookie").partition(";")[0]
        body = urlencode({"_xsrf": token, **fields})
        return self.ask("/join", "POST", body=body, Cookie=cookie, Content_Type="application/x-www-form-urlencoded")


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    served = Server(tmp_path)
    yield served
    served.end()


PAGES = ("/form", "/wall")
OF_VOILA = (f"/api/kernels/{MINE}", f"/api/kernels/{MINE}/channels", f"/voila/api/shutdown/{MINE}")
FILES = ("/voila/static/voila.js", "/voila/labextensions/voila.js")
SCRIPT = "said('hello');" * 40
FOR_NOBODY = ("/voila/files/form.ipynb", "/voila/render/form.ipynb", "/voila/tree", "/voila/tree/x", "/login",
              "/api", "/voila/api/contents/", "/voila/templates/base/static/x.css", "/voila/static/secret.txt",
              "/api/kernels", "/api/contents", "/api/sessions", "/api/terminals", "/voila/execution/" + MINE,
              "/voila/query/" + MINE, "/static/x", "/metrics", "//form", "/form/",
              "/voila/static/../../etc/passwd", "/voila/static/%2e%2e/%2e%2e/x", "/%2e%2e/etc/passwd")  # fmt: skip


@pytest.mark.parametrize("path", [*PAGES, *OF_VOILA, *FILES, *FOR_NOBODY])
@pytest.mark.parametrize("seat", ["", "forged"])
def test_S27_without_a_seat_nothing_is_reached_and_no_kernel_named(server: Server, path: str, seat: str) -> None:
    for method in ("GET", "POST", "PUT", "DELETE", "HEAD"):
        answer = server.ask(path, method, seat)
        assert answer.status in (303, 403, 404, 405), (method, path, answer.status)
        assert "voila /" not in answer.text and SCRIPT not in answer.text and MINE not in answer.text.replace(path, "")


def test_a_seat_reaches_its_form_with_its_own_token_alone(server: Server) -> None:
    answer = server.ask("/form?key=1", seat="anna", X_Alignlib_Seat="forged", x_alignlib_other="1")
    assert (answer.status, answer.text) == (200, "voila /voila/render/form.ipynb anna")
    assert server.ask("/wall", seat="anna").status == 403
    assert server.ask("/form", seat="fac").status == 403
    assert server.ask("/wall", seat="fac").text == "voila /voila/render/wall.ipynb fac"


@pytest.mark.parametrize("path", OF_VOILA)
def test_a_seat_reaches_its_own_kernel_alone(server: Server, path: str) -> None:
    assert server.ask(path, seat="anna").text.startswith(f"voila {path}")
    assert server.ask(path.replace(MINE, OTHER), seat="anna").status == 403
    assert server.ask(path, seat="fac").status == 403


@pytest.mark.parametrize("path", FILES)
def test_a_file_of_the_page_comes_packed_and_once(server: Server, path: str) -> None:
    plain = server.ask(path, seat="anna")
    assert (plain.status, plain.text) == (200, SCRIPT) and "javascript" in plain.getheader("Content-Type")
    packed = server.ask(path, seat="anna", Accept_Encoding="gzip, deflate")
    assert packed.getheader("Content-Encoding") == "gzip" and gzip.decompress(packed.bytes).decode() == SCRIPT
    again = server.ask(path, seat="anna", If_None_Match=plain.getheader("Etag"))
    assert (again.status, again.text) == (304, "")
    assert server.ask(path, "POST", seat="anna").status == 404


@pytest.mark.parametrize("path", FOR_NOBODY)
def test_what_nobody_needs_nobody_gets(server: Server, path: str) -> None:
    for method in ("GET", "POST"):
        assert server.ask(path, method, seat="anna").status in (403, 404)


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1", "127.0.0.1:1", "localhost.evil:80", ""])
def test_S28_another_host_name_is_refused(server: Server, host: str) -> None:
    assert server.ask("/form", seat="anna", Host=host).status in (400, 403)


@pytest.mark.parametrize("origin", ["http://evil.example", "null", "http://127.0.0.1:1"])
def test_S28_what_another_page_sends_is_refused(server: Server, origin: str) -> None:
    for path, method in (("/join", "POST"), ("/leave", "POST"), (f"/api/kernels/{MINE}/channels", "GET")):
        assert server.ask(path, method, seat="anna", Origin=origin).status == 403
    assert [do for do, _ in server.desk.asked if do in ("join", "leave")] == []


def test_S28_a_seat_is_taken_from_our_own_form_alone(server: Server) -> None:
    fields = urlencode({"code": "GOODCODE", "team": "sales"})
    plain = {"Content_Type": "application/x-www-form-urlencoded"}
    assert server.ask("/join", "POST", body=fields, **plain).status == 403
    assert server.ask("/join", "POST", body=f"_xsrf=made-up&{fields}", **plain).status == 403
    assert "join" not in [do for do, _ in server.desk.asked]


def test_joining_gives_a_cookie_that_scripts_and_other_pages_do_not_see(server: Server) -> None:
    answer = server.join(code="GOODCODE", team="sales", role="leader")
    assert (answer.status, answer.getheader("Location")) == (303, "/form")
    cookies = [value for name, value in answer.getheaders() if name == "Set-Cookie" and COOKIE in value]
    assert cookies and all(word in cookies[0] for word in ("HttpOnly", "SameSite=Strict", "Path=/", "=anna"))
    assert ("join", {"code": "GOODCODE", "team": "sales", "role": "leader"}) in server.desk.asked


def test_a_wrong_code_a_full_room_and_no_team_are_said_in_words(server: Server) -> None:
    said = server.join(code="XX", team="sales").text.replace("&#39;", "’")
    assert "This is not the room’s code. Read it from the wall." in said
    answer = server.join(code="GOODCODE", team="pirates")
    assert answer.status == 400 and "A seat needs a team. Choose Sales or Marketing." in answer.text
    assert [server.join(code="GOODCODE", team="sales").status for _ in range(3)] == [303, 303, 409]


def test_codes_cannot_be_guessed_fast(server: Server, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(door, "WITHIN", 1e9)  # so that a slow machine is fast enough
    statuses = [server.join(code=f"WRONG{i}", team="sales").status for i in range(door.GUESSES + 3)]
    assert statuses == [403] * door.GUESSES + [429] * 3
    assert server.join(code="GOODCODE", team="sales").status == 429


def test_the_facilitator_s_key_leaves_the_address_at_once(server: Server) -> None:
    answer = server.ask("/wall?key=fac")
    assert (answer.status, answer.getheader("Location")) == (303, "/wall") and "=fac" in answer.getheader("Set-Cookie")
    assert server.ask("/wall?key=anna").status == 403 and server.ask("/wall?key=nobody").status == 403


def test_the_first_page_tells_what_happens_to_answers_and_escapes_what_it_is_given(server: Server) -> None:
    page = server.ask('/?code="><script>alert(1)</script>').text
    assert "Nobody &amp; no one" in page and "&lt;together&gt;" in page
    assert "<script" not in page and "http" not in page.replace("http-equiv", "")


def test_who_sits_is_led_on_and_who_leaves_has_no_seat_any_more(server: Server) -> None:
    assert server.ask("/", seat="anna").getheader("Location") == "/form"
    assert server.ask("/", seat="fac").getheader("Location") == "/wall"
    assert server.ask("/?kiosk=1", seat="anna").status == 200
    assert server.ask("/here", seat="anna").status == 204 and server.ask("/here").status == 401
    assert server.ask("/leave", "POST", seat="anna").status == 204
    assert ("leave", {"token": "anna"}) in server.desk.asked


def test_a_page_learns_that_another_of_its_seat_took_its_place_and_nothing_of_other_seats(server: Server) -> None:
    assert server.ask(f"/here?kernel={MINE}", seat="anna").status == 204
    for gone in (OTHER, "2" * 36):  # somebody's, and nobody's: both alike
        assert server.ask(f"/here?kernel={gone}", seat="anna").status == 409
        assert server.ask(f"/here?kernel={gone}").status == 401
    server.seats.kernels.clear()  # the server was started again: the page loads itself anew
    assert server.ask(f"/here?kernel={MINE}", seat="anna").status == 204


def test_while_the_desk_is_away_nobody_is_taken_for_anybody(server: Server) -> None:
    server.desk.is_away = True
    for path in ("/form", "/wall?key=fac", "/here", *FILES, *OF_VOILA):
        assert server.ask(path, seat="anna").status in (500, 503), path
    server.desk.is_away = False
    assert server.ask("/form", seat="anna").status == 200


@pytest.mark.parametrize("path", ["/", "/form", "/nothing", "/voila/static/x.js", "/join"])
def test_every_answer_carries_the_same_headers(server: Server, path: str) -> None:
    answer = server.ask(path, seat="anna")
    for name, value in door.HEADERS.items():
        assert answer.getheader(name) == value, name
    assert answer.getheader("Server") is None
