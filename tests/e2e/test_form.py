"""The form in Chromium, before a widget and a room that a test can make deaf: is "saved" true, is nothing lost?"""

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from alignlib.errors import AlignError, Problem
from alignlib.resources import read_resource
from alignlib.workshop.form import FormWidget

pytestmark = pytest.mark.browser
SCALE = [["1", "Disagree"], ["2", "Rather disagree"], ["3", "Neither"], ["4", "Rather agree"], ["5", "Agree"],
         ["cannot_say", "Cannot say"]]  # fmt: skip
HOSTILE = "<img src=x onerror='window.hit=1'> \"quoted\" 'single' & \u202eturned\u202c \u0634\u0631\u0643\u0629"


def question(item: str, kind: str, text: str, **given: Any) -> dict[str, Any]:
    return {
        "item": item,
        "text": text,
        "kind": kind,
        "options": [],
        "low": 0,
        "high": 0,
        "unit": "",
        "hint": "",
        **given,
    }


def a_page(form: str, scope: str, *sections: tuple[str, str, list[dict[str, Any]]]) -> dict[str, Any]:
    parts = [{"title": title, "how": how, "questions": questions} for title, how, questions in sections]
    return {"form": form, "title": f"Where do we part? ({form})", "intro": "What you answer is never shown by person.",
            "scope": scope, "sections": parts}  # fmt: skip


AGREE = [question(f"goal_{n}", "choice", f"Both teams work towards the same goal, number {n}.", options=SCALE)
         for n in range(1, 7)]  # fmt: skip
POINTS = [question(f"points_{name}", "points", name) for name in ("Health care", "Public sector", "Manufacturing")]
PAGES = {
    "survey": a_page("survey", "person", ("Shared goal and revenue", "How far do you agree?", AGREE)),
    "focus": a_page("focus", "person", ("Focus", "Spread 100 points over the segments.", POINTS)),
    "board": a_page(
        "board", "team",
        ("Promises", "What does your team promise?", [
            question("hours", "number", "Hours to the first touch", low=0, high=168, unit="hours"),
            question("clock", "words", "Which clock counts?", hint="Office hours, or every hour."),
            question("by_when", "words", "By when?", unit="day"),
        ]),
    ),
    "hostile": {**a_page("hostile", "person", (HOSTILE, HOSTILE, [
        question(f'"]{HOSTILE}', "choice", HOSTILE, options=[[HOSTILE, HOSTILE], ["2", "plain"]], hint=HOSTILE),
        question("free", "number", HOSTILE, unit=HOSTILE, low=0, high=9),
    ])), "title": HOSTILE, "intro": HOSTILE},
}  # fmt: skip


class Room:
    """A room of one seat: keeps what is saved, by the rules that the form relies on."""

    public, is_local = "0123456789ab", False

    def __init__(self) -> None:
        self.form, self.phase, self.round, self.until = "survey", "answering", 0, None
        self.kept: dict[str, dict[str, str]] = {form: {} for form in PAGES}
        self.saves: list[dict[str, str]] = []  # every answer that arrived, also a second time
        self.is_away = False

    def ask(self, do: str, **given: Any) -> Any:
        if self.is_away:
            raise AlignError(Problem("E-STORE", "the room cannot be reached"))
        return getattr(self, do)(**given)

    def state(self) -> dict[str, Any]:
        titles = {form: page["title"] for form, page in PAGES.items()}
        return {"form": self.form, "phase": self.phase, "until": self.until, "round": self.round, "titles": titles}

    def page(self, form: str) -> dict[str, Any]:
        return PAGES[form]

    def mine(self, form: str) -> dict[str, str]:
        return dict(self.kept[form])

    def save(self, answers: list[dict[str, str]]) -> dict[str, Any]:
        self.saves += answers
        refused = [{"id": each["id"], "why": "9000 is more than 168"} for each in answers if each["value"] == "9000"]
        taken = [each for each in answers if each["id"] not in {fault["id"] for fault in refused}]
        for each in taken:
            self.kept[each["form"]][each["item"]] = each["value"]
        return {"saved": [each["id"] for each in taken], "refused": refused}


class Local(Room):
    """As in JupyterLab: one person after another at this screen."""

    is_local, public = True, ""
    people: list[tuple[str, str | None]]

    def next_person(self, team: str, role: str | None = None) -> "Local":
        anew = Local()
        anew.people = [*getattr(self, "people", []), (team, role)]
        anew.public = f"person-{len(anew.people)}"
        return anew


HARNESS = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Form</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:;base64,=">
<link rel="stylesheet" href="/form.css"><style>body { margin: 0 }</style></head><body><main id="form"></main>
<script type="module">
import form from "/form.js";
const heard = {}, traits = await (await fetch("/traits")).json();
let last = Promise.resolve();
const tell = (name, what) => [...(heard[name] ?? [])].forEach(act => act(what));
async function post(message) {
  const answer = await fetch("/kernel", { method: "POST", body: JSON.stringify(message) }).catch(() => null);
  if (!answer?.ok) return;
  const { said, traits: anew } = await answer.json();
  const changed = Object.keys(anew).filter(name => JSON.stringify(anew[name]) !== JSON.stringify(traits[name]));
  Object.assign(traits, anew);
  changed.forEach(name => tell(`change:${name}`));
  if (said) tell("msg:custom", said);
}
const model = { get: name => traits[name], send: message => { last = last.then(() => post(message)); },
  on: (name, act) => (heard[name] ??= new Set()).add(act), off: (name, act) => heard[name].delete(act) };
form.render({ model, el: document.getElementById("form") });
</script></body></html>"""
TRAITS = ("page", "mine", "room", "words", "seat", "local")


class Desk:
    """Serves the harness; ``is_deaf`` is a kernel that died, ``here`` what the server says about the seat."""

    def __init__(self, room: Any) -> None:
        self.room, self.is_deaf, self.here, self.left = room, False, 204, 0
        self.begin()
        lock, desk = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                desk_files = {
                    "/form.js": ("text/javascript", FormWidget._esm),
                    "/form.css": ("text/css", FormWidget._css),
                }
                path = self.path.partition("?")[0]
                if path == "/here":
                    return self.answer("text/plain", "", desk.here)
                if path == "/traits":
                    return self.answer("application/json", json.dumps(desk.traits()))
                return self.answer(*desk_files.get(path, ("text/html", HARNESS)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                if self.path == "/leave":
                    desk.left += 1
                    return self.answer("text/plain", "", 204)
                with lock:
                    if desk.is_deaf:
                        return self.answer("text/plain", "", 503)
                    said = desk.widget.hear(json.loads(body))
                    self.answer("application/json", json.dumps({"said": said, "traits": desk.traits()}))

            def answer(self, kind: str, text: str, status: int = 200) -> None:
                self.send_response(status)
                self.send_header("Content-Type", f"{kind}; charset=utf-8")
                self.send_header("Content-Length", str(len(text.encode())))
                self.end_headers()
                self.wfile.write(text.encode())

            def log_message(self, *_: Any) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.address = f"http://127.0.0.1:{self.server.server_port}/"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def begin(self) -> None:
        """A kernel of the seat's own: what a reload of the page gives."""
        self.widget = FormWidget(self.room, yaml.safe_load(read_resource("templates", "workshop", "words.yml"))["form"])

    def traits(self) -> dict[str, Any]:
        return {name: getattr(self.widget, name) for name in TRAITS}

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def room() -> Room:
    return Room()


@pytest.fixture
def desk(room: Room) -> Iterator[Desk]:
    served = Desk(room)
    yield served
    served.end()


@pytest.fixture
def tab(open_tab: Any, desk: Desk) -> Iterator[Any]:
    with open_tab(desk.address, 900) as page:
        yield page


def shows(tab: Any, words: str) -> None:
    tab.get_by_text(words, exact=True).first.wait_for()


def pick(tab: Any, at: int, label: str) -> None:
    tab.locator("fieldset").nth(at).get_by_text(label, exact=True).click()


def mark(tab: Any, at: int) -> str:
    return str(tab.locator(".alignlib-mark").nth(at).text_content())


def kept_here(tab: Any) -> dict[str, str]:
    return dict(tab.evaluate("Object.fromEntries(Object.entries(localStorage))"))


def test_an_answer_is_called_saved_only_after_the_room_said_so(tab: Any, desk: Desk, room: Room) -> None:
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    assert tab.locator("input:checked").count() == 0
    desk.is_deaf = True
    pick(tab, 0, "Rather agree")
    assert mark(tab, 0) == "saving…"
    shows(tab, "1 of 6 answered. Not saved yet: 1.")
    time.sleep(1)
    assert mark(tab, 0) != "saved" and room.saves == []
    desk.is_deaf = False
    shows(tab, "1 of 6 answered. All saved.")
    assert mark(tab, 0) == "saved" and room.kept["survey"] == {"goal_1": "4"} and kept_here(tab) == {}


def test_the_room_s_word_on_an_answer_is_not_its_word_on_the_correction(tab: Any, desk: Desk, room: Room) -> None:
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    take = room.save

    def take_one(answers: list[dict[str, str]]) -> dict[str, Any]:
        desk.is_deaf = True  # from now on: the correction does not arrive
        return take(answers)

    room.save = take_one  # type: ignore[method-assign]
    tab.evaluate("(all => { all[4].click(); all[2].click() })(document.querySelectorAll('input[type=radio]'))")
    tab.wait_for_timeout(1500)
    assert [each["value"] for each in room.saves] == ["5"]
    assert mark(tab, 0) != "saved" and len(kept_here(tab)) == 1
    desk.is_deaf, room.save = False, take  # type: ignore[method-assign]
    shows(tab, "1 of 6 answered. All saved.")
    assert room.kept["survey"] == {"goal_1": "3"}


def test_silence_is_told_within_five_seconds_and_what_waited_is_sent_once_after_a_reload(
    tab: Any, desk: Desk, room: Room
) -> None:
    pick(tab, 0, "Agree")
    shows(tab, "1 of 6 answered. All saved.")
    desk.is_deaf = True
    tab.wait_for_timeout(200)
    began = time.monotonic()
    pick(tab, 1, "Disagree")
    pick(tab, 1, "Neither")  # a correction: the first is never sent again
    pick(tab, 2, "Cannot say")
    tab.locator(".alignlib-banner p").wait_for()
    assert time.monotonic() - began < 5
    assert tab.locator(".alignlib-banner[role=alert]").is_visible()
    shows(tab, "The room is there, but this page has lost it. Reload the page: your answers wait on this device.")
    assert mark(tab, 1) == mark(tab, 2) == "not saved yet: it waits on this device and is sent again"
    (waiting,) = kept_here(tab).values()
    ids = [answer["id"] for entry in json.loads(waiting) for answer in entry]
    room.saves.clear()
    desk.begin()
    tab.get_by_role("button", name="Reload").click()
    shows(tab, "3 of 6 answered. Not saved yet: 2.")
    assert tab.locator("fieldset").nth(1).get_by_label("Neither").is_checked()
    desk.is_deaf = False
    shows(tab, "3 of 6 answered. All saved.")
    assert room.kept["survey"] == {"goal_1": "5", "goal_2": "3", "goal_3": "cannot_say"}
    tab.wait_for_timeout(2500)  # one round of sending again
    assert [each["id"] for each in room.saves] == ids and kept_here(tab) == {}
    assert not tab.locator(".alignlib-banner p").count()


def test_a_page_whose_kernel_died_loads_itself_once_and_not_over_and_over(tab: Any, desk: Desk) -> None:
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    tab.wait_for_timeout(2500)  # the kernel was there once
    desk.is_deaf = True
    with tab.expect_event("load", timeout=60_000):
        pick(tab, 0, "Agree")
    loads: list[str] = []
    tab.on("load", lambda _: loads.append("load"))
    tab.wait_for_timeout(20_000)
    assert loads == []
    assert mark(tab, 0) == "not saved yet: it waits on this device and is sent again"


def test_each_kind_of_silence_has_its_own_sentence(tab: Any, desk: Desk, room: Room) -> None:
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    room.is_away = True
    shows(tab, "The room cannot save just now. Go on answering: your answers wait on this device and are sent again.")
    room.is_away = False
    tab.locator(".alignlib-banner p").wait_for(state="detached")
    desk.is_deaf, desk.here = True, 401
    shows(tab, "This device is not in the room any more.")
    tab.route("**/here*", lambda route: route.abort())
    shows(tab, "No connection to the room. Go on answering: your answers wait on this device and are sent again.")


def test_a_page_whose_seat_was_opened_in_another_tab_says_so_and_gives_way(tab: Any, desk: Desk, room: Room) -> None:
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    tab.wait_for_timeout(2500)  # the kernel was there once
    desk.is_deaf, desk.here = True, 409
    pick(tab, 0, "Agree")
    shows(tab, "This form is open in another tab. Go on there, or use it here: what you answered is kept.")
    loads: list[str] = []
    tab.on("load", lambda _: loads.append("load"))
    tab.wait_for_timeout(16_000)  # longer than a page waits for a kernel that is only silent
    assert loads == [] and tab.locator("main").evaluate("each => each.inert || each.firstElementChild.inert")
    desk.is_deaf, desk.here = False, 204
    tab.get_by_role("button", name="Use it here").click()
    shows(tab, "1 of 6 answered. All saved.")
    assert room.kept["survey"] == {"goal_1": "5"}


def test_what_the_room_refuses_is_told_beside_the_answer_and_is_not_counted(tab: Any, room: Room) -> None:
    room.form = "board"
    hours = tab.get_by_label("Hours to the first touch")
    hours.fill("9000")
    hours.blur()
    shows(tab, "not saved: 9000 is more than 168")
    shows(tab, "Not saved yet: 1.")
    hours.fill("4")
    shows(tab, "All saved.")  # after a pause, with no other key
    words = tab.get_by_label("Which clock counts?")
    words.type("office ")
    tab.wait_for_timeout(3500)  # saved, and read again from the board: the blank must still stand
    words.type("hours")
    tab.get_by_label("By when?").fill("2026-12-31")
    words.focus()
    tab.wait_for_timeout(1500)
    assert room.kept["board"] == {"hours": "4", "clock": "office hours", "by_when": "2026-12-31"}
    room.kept["board"]["hours"] = "8"
    shows(tab, "changed by somebody else")
    assert hours.input_value() == "8"


def test_points_are_saved_as_a_whole_set_or_not_at_all(tab: Any, room: Room) -> None:
    room.form = "focus"
    fields = tab.locator(".alignlib-row input")
    fields.nth(0).fill("60")
    fields.nth(1).fill("5")
    shows(tab, "65 of 100 points given")
    shows(tab, "not saved yet: it is saved when the points add up to 100")
    tab.wait_for_timeout(1000)
    assert room.saves == []
    fields.nth(1).fill("40")
    shows(tab, "1 of 1 answered. All saved.")
    assert room.kept["focus"] == {"points_Health care": "60", "points_Public sector": "40", "points_Manufacturing": "0"}
    fields.nth(0).fill("6.5")
    shows(tab, "not saved yet: it is saved when the points add up to 100")
    shows(tab, "1 of 1 answered. Not saved yet: 1.")


def test_an_answer_can_be_taken_back(tab: Any, room: Room) -> None:
    pick(tab, 0, "Agree")
    shows(tab, "1 of 6 answered. All saved.")
    tab.get_by_text("Remove my answer").first.click()
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    assert room.kept["survey"] == {"goal_1": ""} and not tab.locator("input:checked").count()
    assert tab.evaluate("document.activeElement.type") == "radio"  # and not lost with the button


def test_the_page_follows_the_room(tab: Any, desk: Desk, room: Room) -> None:
    pick(tab, 0, "Agree")
    shows(tab, "1 of 6 answered. All saved.")
    room.until = time.time() + 90
    tab.locator(".alignlib-left").get_by_text("Time left: 1:2").wait_for()
    room.phase = "revealed"
    shows(tab, "The room is looking at the results: answers to this form cannot be changed now.")
    assert tab.locator("input:enabled").count() == 0
    room.phase, room.round, room.kept["survey"] = "answering", 1, {}  # reset by the facilitator
    tab.locator("input:enabled").first.wait_for()
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    assert not tab.locator("input:checked").count()
    room.form = "board"
    shows(tab, "One board for your team: everybody in it sees it and can change it.")
    assert tab.evaluate("document.activeElement.tagName") == "H1"
    tab.evaluate("clearInterval = clearTimeout = () => {}; setTimeout = () => 0")  # a pause that never ends
    tab.get_by_label("Hours to the first touch").fill("3")
    room.form = "focus"  # the room goes on while somebody types
    tab.locator(".alignlib-row").first.wait_for()
    shows(tab, "0 of 1 answered. Nothing to save yet.")
    assert room.kept["board"] == {"hours": "3"} and room.kept["focus"] == {}
    desk.is_deaf = True
    for at, points in enumerate(("50", "50", "0")):
        tab.locator(".alignlib-row input").nth(at).fill(points)
    room.phase, desk.is_deaf = "closed", False
    shows(tab, "The workshop is closed. Thank you: you can close this page.")


def test_words_of_others_are_text(tab: Any, room: Room) -> None:
    room.form = "hostile"
    tab.get_by_role("heading", name="quoted").first.wait_for()
    assert tab.locator("#form img").count() == 0 and tab.evaluate("window.hit") is None
    tab.locator("input[type=radio]").first.check()
    shows(tab, "1 of 2 answered. All saved.")
    assert room.kept["hostile"] == {f'"]{HOSTILE}': HOSTILE}
    assert tab.locator("h1").text_content() == tab.locator("legend").text_content() == HOSTILE


def test_the_keyboard_alone_answers_and_each_question_is_one_stop(tab: Any, room: Room) -> None:
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    where = "[document.activeElement.tagName, document.activeElement.name, document.activeElement.value].join()"
    stops = []
    for _ in range(len(AGREE)):
        tab.keyboard.press("Tab")
        tab.keyboard.press("Space")
        tab.keyboard.press("ArrowRight")
        stops.append(tab.evaluate(where))
    assert len(set(stops)) == len(AGREE) and all(stop.endswith(",2") for stop in stops)
    shows(tab, "6 of 6 answered. All saved.")
    tab.keyboard.press("Delete")
    shows(tab, "5 of 6 answered. All saved.")
    tab.keyboard.press("Tab")
    assert tab.evaluate(where) == "BODY,,"  # there is no other stop
    assert room.kept["survey"] == {**{f"goal_{n}": "2" for n in range(1, 6)}, "goal_6": ""}


def test_a_shared_tablet_forgets_a_person_before_the_next(tab: Any, desk: Desk, room: Room) -> None:
    tab.goto(f"{desk.address}form?kiosk")
    tab.evaluate("localStorage.setItem('other', 'stays')")
    tab.reload()  # and is still a shared tablet
    pick(tab, 0, "Agree")
    shows(tab, "1 of 6 answered. All saved.")
    desk.is_deaf = True
    pick(tab, 1, "Agree")
    asked: list[str] = []
    tab.once("dialog", lambda dialog: (asked.append(dialog.message), dialog.dismiss()))
    tab.get_by_role("button", name="Next person").click()
    assert asked and desk.left == 0 and len(kept_here(tab)) == 2
    tab.once("dialog", lambda dialog: dialog.accept())
    tab.get_by_role("button", name="Next person").click()
    tab.wait_for_url("**/?kiosk")
    assert desk.left == 1 and kept_here(tab) == {"other": "stays"}
    assert [each["item"] for each in room.saves] == ["goal_1"]


def test_a_browser_that_keeps_nothing_says_so_and_saves_all_the_same(browser: Any, desk: Desk, room: Room) -> None:
    context = browser.new_context()
    context.add_init_script("Object.defineProperty(window, 'localStorage', { get() { throw new Error('blocked') } })")
    tab = context.new_page()
    tab.goto(desk.address)
    tab.get_by_text("This browser keeps nothing").wait_for()
    pick(tab, 0, "Agree")
    shows(tab, "1 of 6 answered. All saved.")
    assert room.kept["survey"] == {"goal_1": "5"}
    context.close()


def test_one_person_after_another_in_a_notebook(browser: Any) -> None:
    desk = Desk(Local())
    tab = browser.new_page()
    tab.goto(desk.address)
    shows(tab, "Choose a team to begin.")
    tab.get_by_label("Leads people?").select_option("Yes")
    tab.get_by_label("Team").select_option("Sales")
    pick(tab, 0, "Agree")
    shows(tab, "1 of 6 answered. All saved.")
    first = desk.widget._held
    assert first.people == [("sales", "leader")] and first.kept["survey"] == {"goal_1": "5"}
    tab.get_by_label("Form").select_option("Where do we part? (focus)")
    tab.locator(".alignlib-row").first.wait_for()
    tab.get_by_role("button", name="Next person").click()
    shows(tab, "Choose a team to begin.")
    tab.get_by_label("Team").select_option("Marketing")
    tab.get_by_label("Form").select_option("Where do we part? (survey)")
    shows(tab, "0 of 6 answered. Nothing to save yet.")
    assert desk.widget._held.people == [("sales", "leader"), ("marketing", None)]
    tab.close()
    desk.end()


@pytest.mark.parametrize("form", PAGES)
@pytest.mark.parametrize("width", [1280, 390])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    browser: Any, desk: Desk, room: Room, tmp_path: Path, form: str, width: int
) -> None:
    import axe_playwright_python

    axe = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js")).read_text(encoding="utf-8")
    room.form = form
    desk.begin()
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
    tab = context.new_page()
    tab.goto(desk.address)
    tab.locator(".alignlib-count:not(:empty)").wait_for()
    if form == "survey":
        pick(tab, 0, "Rather agree")
        shows(tab, "1 of 6 answered. All saved.")
        desk.is_deaf = True
        pick(tab, 1, "Cannot say")
        tab.locator(".alignlib-banner button").wait_for()
    tab.evaluate(axe)
    found = tab.evaluate("axe.run(document)")
    assert len(found["passes"]) > 15
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    small = "[...document.querySelectorAll('.alignlib-options label, input[type=text], button')].filter(e => !e.hidden)"
    assert all(height >= 44 for height in tab.evaluate(f"{small}.map(e => e.getBoundingClientRect().height)"))
    tab.screenshot(path=tmp_path / f"{form}-{width}.png", full_page=True)
    context.close()
