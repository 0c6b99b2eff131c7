"""What becomes of those who ask a running workshop for more than their seat is given?"""

import asyncio
import hashlib
import json
import re
import secrets
import shutil
import signal
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from jupyter_server.services.kernels.connection.base import serialize_msg_to_ws_v1
from tornado.httpclient import AsyncHTTPClient, HTTPClientError, HTTPRequest
from tornado.websocket import websocket_connect

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "runs"))
from participants import (
    ALL_AT_ONCE,
    PATIENT,
    Line,
    Participant,
    Workshop,
    ask,
    connect,
    cookie_of,
    join,
    kept,
    open_form,
    take_seat,
    told,
)
from watching import holds

pytestmark = pytest.mark.faults
SEATS = 6


@pytest.fixture(scope="module")
def place(written: Callable[[bool], Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Workshop]:
    """One running workshop for all tests here, each of which gives its seats up again."""
    AsyncHTTPClient.configure(ALL_AT_ONCE[0], **ALL_AT_ONCE[1])
    opened = Workshop(shutil.copytree(written(True), tmp_path_factory.mktemp("room") / "engagement"), seats=SEATS)
    yield opened
    opened.end(signal.SIGTERM)


async def leave(place: Workshop, *cookies: str) -> None:
    for cookie in cookies:
        assert (await ask(f"{place.address}/leave", cookie, method="POST", body="")).code == 204


def test_S29_whoever_has_no_seat_starts_nothing(place: Workshop) -> None:
    async def visit() -> None:
        before = place.processes()
        for cookie in ("", f"alignlib_seat={secrets.token_urlsafe(24)}"):
            answers = [await asyncio.gather(*(ask(place.address + path, cookie) for path in ["/form", "/wall"] * 25))
                       for _ in range(5)]  # fmt: skip
            assert {(each.code, each.headers["Location"]) for some in answers for each in some} == {(303, "/")}
        assert place.processes() == before and not place.kernels()
        assert (await ask(f"{place.address}/?code=x")).code == 200

    asyncio.run(visit())


def test_S29_one_more_than_the_seats_is_told_so_and_a_seat_that_is_left_is_free(place: Workshop) -> None:
    async def visit() -> None:
        cookies = [cookie_of(await join(place.address, place.code)) for _ in range(SEATS)]
        refused = await join(place.address, place.code)
        assert refused.code == 409 and "All seats are taken" in refused.body.decode()
        lines = await asyncio.gather(*(open_form(place.address, cookie) for cookie in cookies))
        assert len(place.kernels()) == SEATS
        await leave(place, *cookies)
        assert (await ask(f"{place.address}/form", cookies[0])).code == 303
        with pytest.raises(HTTPClientError):
            await connect(place.address, cookies[0], lines[0].kernel)
        cookie = await take_seat(place.address, place.code)  # and a seat that was left keeps no kernel from others
        await open_form(place.address, cookie)
        assert await asyncio.to_thread(holds, lambda: len(place.kernels()) == 1)
        await leave(place, cookie)

    asyncio.run(visit())


def test_S29_a_page_that_is_opened_twenty_times_at_once_has_one_kernel(place: Workshop) -> None:
    async def visit() -> None:
        cookie = await take_seat(place.address, place.code)
        first = await open_form(place.address, cookie)
        most, pages = 0, [asyncio.create_task(ask(f"{place.address}/form", cookie)) for _ in range(20)]
        while not any(page.done() and page.result().code == 200 for page in pages):
            most = max(most, len(place.kernels()))
            await asyncio.sleep(0.02)
        assert most <= 2 and len(place.kernels()) == 1  # one that ends while the next one starts
        for page in pages:
            page.cancel()
        person = Participant(place.address, cookie)
        person.answer("goal_3", "3")
        await person.deliver()
        assert person.line and person.line.kernel != first.kernel and len(place.kernels()) == 1
        await leave(place, cookie)

    asyncio.run(visit())


NOT_ANSWERS: list[Any] = [
    None, 7, "save", [], [[]], {"save": None}, {"save": "goal_1"}, {"save": {"id": 1}}, {"save": [None, 3, "x", []]},
    {"save": [{"id": "a" * 16}]}, {"save": [{"id": {"a": 1}, "form": [], "item": {}, "value": None}]},
    {"save": [{"id": "a" * 16, "form": "survey", "item": "goal_1", "value": {"$gt": ""}}]},
    {"save": [{"id": "a" * 16, "form": "survey", "item": "goal_1", "value": "9"}]},
    {"save": [{"id": "a" * 16, "form": "../survey", "item": "goal_1'; drop table responses; --", "value": "1"}]},
    {"save": [{"id": "b" * 16, "form": "survey", "item": "x" * (1 << 21), "value": "1"}]},
    {"save": [{"id": f"{n:016}", "form": "survey", "item": "goal_1", "value": "7"} for n in range(3000)]},
    {"save": json.loads("[" * 400 + "]" * 400)},
    {"ask": "answers"}, {"do": "answers"}, {"do": "who"}, {"ping": {"a": 1}}, {"ping": "x" * 100_000},
    {"next": True}, {"local": {"team": "sales", "role": "leader"}}, {"local": "x"},
]  # fmt: skip
TRAITS: dict[str, Any] = {
    "page": {"form": "sorting"}, "mine": {"goal_1": "5"}, "seat": "0" * 12, "words": {}, "_esm": "alert(1)",
    "room": {"form": "focus", "phase": "answering", "round": 99}, "_held": "x", "tooltip": "x",
    "local": {"teams": {"sales": "Sales"}, "team": "sales", "role": "", "form": "relay-board"},
}  # fmt: skip


async def attack(line: Line, victim: Line, marker: Path) -> list[str]:
    """Does what a page never does; the ids of the messages that must not be answered are returned."""
    code = f"open({str(marker)!r}, 'w').write('ran'); import os; print(dict(os.environ))"
    asks = {
        "execute_request": {"code": code, "silent": False, "user_expressions": {"a": code}, "allow_stdin": True},
        "inspect_request": {"code": "os.environ", "cursor_pos": 5, "detail_level": 1},
        "complete_request": {"code": "alignlib.", "cursor_pos": 9}, "is_complete_request": {"code": code},
        "history_request": {"hist_access_type": "range", "session": 0, "start": 0, "stop": 9, "output": True},
        "input_reply": {"value": code}, "create_subshell_request": {}, "connect_request": {}, "usage_request": {},
        "debug_request": {"type": "request", "seq": 1, "command": "evaluate", "arguments": {"expression": code}},
        "apply_request": {}, "abort_request": {}, "clear_request": {}, "interrupt_request": {},
    }  # fmt: skip
    sent = [await line.send(kind, content, channel) for kind, content in asks.items()
            for channel in ("shell", "control", "stdin")]  # fmt: skip
    for target in ("jupyter.widget", "jupyter.widget.control", "alignlib", "matplotlib", "os.system", "__main__"):
        state = {"_model_name": "FormWidget", "_model_module": "anywidget", "state": {"_model_name": "AnyModel"}}
        data = {"comm_id": secrets.token_hex(16), "target_name": target, "target_module": "os", "data": state}
        await line.send("comm_open", data, metadata={"version": "2.1.0"})
    for model in ("0" * 32, victim.model, line.model):
        for data in ({"method": "update", "state": TRAITS, "buffer_paths": []}, {"method": "request_state"},
                     {"method": "custom", "content": {"save": "x"}}, {"method": "no such"}, {}):  # fmt: skip
            await line.send("comm_msg", {"comm_id": model, "data": data})
    for given in NOT_ANSWERS:
        await line.say(given)
    return sent


async def garble(place: Workshop, cookie: str, kernel: str) -> None:
    """Says what is no message at all, each on a line of its own: the server cuts it."""
    for raw in ("", "{}", "[]", "null", "\0", "{" * 1000, json.dumps({"channel": "shell", "header": None}), b"\0" * 64):
        socket = await connect(place.address, cookie, kernel)
        await socket.write_message(raw, binary=isinstance(raw, bytes))
        socket.close()


async def attack_in_bytes(place: Workshop, cookie: str, kernel: str, marker: Path) -> None:
    """The same request in the protocol of newer front ends, whose bytes are handed on as they are."""
    request = HTTPRequest(
        f"ws{place.address.removeprefix('http')}/api/kernels/{kernel}/channels?session_id=x",
        headers={"Cookie": cookie, "Origin": place.address}, **PATIENT,
    )  # fmt: skip
    socket = await websocket_connect(request, subprotocols=["v1.kernel.websocket.jupyter.org"])
    for channel in ("shell", "control"):
        header = {"msg_id": "1", "session": "x", "msg_type": "execute_request", "username": "", "version": "5.3"}
        message = {"header": header, "parent_header": {}, "metadata": {},
                   "content": {"code": f"open({str(marker)!r}, 'w')", "silent": False}}  # fmt: skip
        packed = serialize_msg_to_ws_v1(message, channel, pack=lambda part: json.dumps(part).encode())
        await socket.write_message(packed, binary=True)
    socket.close()


def test_S30_a_participant_gets_nothing_but_their_own_form(place: Workshop, tmp_path: Path) -> None:
    async def visit() -> None:
        honest = Participant(place.address, await take_seat(place.address, place.code, "marketing"))
        secret_answer = honest.answer("goal_1", "2")
        unknown_answer = honest.answer("goal_2", "5")
        await honest.deliver()
        assert honest.line
        cookie, marker = await take_seat(place.address, place.code), tmp_path / "marker"
        line = await open_form(place.address, cookie)
        for path in ("", "/channels"):
            assert (await ask(f"{place.address}/api/kernels/{honest.line.kernel}{path}", cookie)).code == 403
        shut = f"{place.address}/voila/api/shutdown/{honest.line.kernel}"
        assert (await ask(shut, cookie, method="POST", body="")).code == 403
        with pytest.raises(HTTPClientError) as refused:
            await connect(place.address, cookie, honest.line.kernel)
        assert refused.value.code == 403

        never_answered = await attack(line, honest.line, marker)
        await garble(place, cookie, line.kernel)
        await attack_in_bytes(place, cookie, line.kernel, marker)
        stolen = {"id": secret_answer, "form": "survey", "item": "goal_1", "value": "5"}
        await line.say({"save": [{**stolen, "respondent_id": "x", "token": place.key, "team": "marketing"}]})
        await asyncio.wait_for(line.pong(), 60)  # it still listens: all of that was read
        with_states = [json.dumps(await asyncio.wait_for(line.states(), 60))]
        again = await open_form(place.address, cookie)
        states = await again.states()
        (form,) = [each["state"] for each in states.values() if "mine" in each["state"]]
        assert form["mine"] == {} and form["page"]["form"] == form["room"]["form"]

        assert not marker.exists()
        everything = "".join([*line.heard, *with_states, *again.heard, line.page, again.page, json.dumps(states)])
        own, others = cookie.partition("=")[2], honest.cookie.partition("=")[2]
        never = [own, others, place.key, str(place.store.parent.parent), unknown_answer, honest.line.kernel,
                 hashlib.sha256(others.encode()).hexdigest()[:12], "/bin:", "environ({"]  # fmt: skip
        assert "pong" in everything and not [each for each in never if each in everything]
        assert not re.findall(r"al-\w+/desk", everything)
        replied = {json.loads(each)["parent_header"].get("msg_id") for each in line.heard if each.startswith('{"')}
        assert not replied & set(never_answered)

        assert kept(place.store) == kept(place.store) | told([honest]) and (await honest.line.pong()).keys() == {
            "pong",
            "now",
        }
        assert [each for each in kept(place.store).values() if each == ("goal_1", "5")] == []
        assert place.errors.read_text() == ""  # neither noise, nor who made it
        person = Participant(place.address, cookie)  # who plays no tricks any more is served as ever
        answer = person.answer("goal_1", "4")
        await person.deliver()
        assert kept(place.store)[answer] == ("goal_1", "4")
        assert person.line
        await person.line.send("shutdown_request", {"restart": False}, "control")  # of its own kernel: that may end
        honest.answer("goal_2", "1")
        await honest.deliver()
        person.answer("goal_2", "3")
        await person.deliver()
        assert told([honest, person]).items() <= kept(place.store).items() and honest.opened == 1
        await leave(place, honest.cookie, cookie)

    asyncio.run(visit())
