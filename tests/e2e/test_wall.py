"""The wall in Chromium, before a room of the sample company: it counts, reveals, keeps a picture and closes."""

import json
import sys
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workshop"))
from walls import Full, answer, does

from alignlib.workshop.wall import WallWidget, minutes

pytestmark = pytest.mark.browser
HARNESS = """<!DOCTYPE html><html lang="en"><head><meta charset="utf-8"><title>Wall</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:;base64,=">
<link rel="stylesheet" href="/wall.css"><style>body { margin: 0 }</style></head><body><main id="wall"></main>
<script type="module">
import wall from "/wall.js";
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
  said.forEach(each => tell("msg:custom", each));
}
const model = { get: name => traits[name], send: message => { last = last.then(() => post(message)); },
  on: (name, act) => (heard[name] ??= new Set()).add(act), off: (name, act) => heard[name].delete(act) };
wall.render({ model, el: document.getElementById("wall") });
</script></body></html>"""
TRAITS = ("view", "shown", "words")


class Kernel:
    """Serves the harness, and is the wall's kernel."""

    def __init__(self, full: Full) -> None:
        self.full, self.is_deaf = full, False
        self.begin()
        lock, kernel = threading.Lock(), self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                files = {"/wall.js": ("text/javascript", WallWidget._esm), "/wall.css": ("text/css", WallWidget._css)}
                if self.path.startswith("/here"):
                    return self.answer("text/plain", "", 204)
                if self.path == "/traits":
                    return self.answer("application/json", json.dumps(kernel.traits()))
                return self.answer(*files.get(self.path, ("text/html", HARNESS)))

            def do_POST(self) -> None:
                body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
                with lock:
                    if kernel.is_deaf:
                        return self.answer("text/plain", "", 503)
                    said = kernel.wall.hear(json.loads(body))
                    self.answer("application/json", json.dumps({"said": said, "traits": kernel.traits()}))

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
        """A new kernel before the same room: what a reload of the page gives."""
        self.wall = self.full.wall(self.full.engagement)

    def traits(self) -> dict[str, Any]:
        return {name: getattr(self.wall, name) for name in TRAITS}

    def end(self) -> None:
        self.server.shutdown()
        self.server.server_close()


@pytest.fixture
def full(tmp_path: Path) -> Full:
    return Full(tmp_path, ("survey-short", "promises", "commitments"))


@pytest.fixture
def kernel(full: Full) -> Iterator[Kernel]:
    served = Kernel(full)
    yield served
    served.end()


@pytest.fixture
def tab(open_tab: Any, kernel: Kernel) -> Iterator[Any]:
    with open_tab(kernel.address, 720) as page:
        yield page


def shows(tab: Any, words: str) -> None:
    tab.get_by_text(words, exact=True).first.wait_for()


def press(tab: Any, *names: str) -> None:
    for name in names:
        tab.get_by_role("button", name=name, exact=True).click()


def counted(tab: Any) -> list[list[str]]:
    rows = tab.locator(".alignlib-people tbody tr").all()
    return [row.locator("th, td").all_text_contents() for row in rows]


def test_the_room_is_counted_without_telling_of_few(tab: Any, full: Full) -> None:
    shows(tab, "The room is answering.")
    assert counted(tab) == [["Sales", "none"], ["Marketing", "none"]]
    full.fill("survey-short", 7, 4)
    tab.get_by_role("cell", name="fewer than five", exact=True).wait_for()
    assert counted(tab) == [["Sales", "7", "all", "none"], ["Marketing", "fewer than five", "", ""]]
    assert tab.locator(".alignlib-view").count() == 0


def test_a_picture_is_revealed_after_asking_once_more_and_stands_after_a_reload(
    tab: Any, full: Full, kernel: Kernel
) -> None:
    full.fill("survey-short", 8, 7)
    press(tab, "Reveal the results", "No, go back")
    assert full.room.state()["phase"] == "answering"
    press(tab, "Reveal the results", "Reveal")
    shows(tab, "Revealed.")
    view = tab.locator(".alignlib-view")
    view.get_by_role("table").first.wait_for()  # in its shadow root
    title = full.room.release("the-key-of-the-facilitator", "survey-short")["result"]["headline"]
    assert view.locator("h3").text_content() == title
    press(tab, "Next", "Next")
    picture = view.locator("img")
    picture.wait_for()
    assert picture.evaluate("each => each.naturalWidth") > 100
    kernel.begin()
    tab.reload()
    tab.locator(".alignlib-view").get_by_text(title).wait_for()
    assert tab.get_by_role("button", name="Reveal the results").count() == 0


def test_what_the_files_say_unfolds_complaint_by_complaint(tab: Any, full: Full) -> None:
    full.fill("survey-short", 8, 7)
    shows(tab, "The room is answering.")
    assert tab.get_by_role("button", name="Show what the files say").count() == 0
    press(tab, "Reveal the results", "Reveal")
    shows(tab, "Revealed.")
    press(tab, "Show what the files say")
    tab.get_by_role("heading", name="What the files say to each complaint").wait_for(timeout=60_000)
    cases = tab.locator("details")
    assert cases.count() == 13 and cases.locator("p:visible").count() == 0
    cases.first.locator("summary").click()
    assert cases.first.locator(".alignlib-verdict").is_visible()
    press(tab, "Next")  # the report's own exhibits follow
    tab.locator(".alignlib-view h3").wait_for()
    assert cases.count() == 0
    tab.get_by_label("View").first.select_option("What another funnel would bring")
    slider = tab.get_by_label("Handed over, then accepted: share in %")
    slider.press("ArrowRight")
    shows(tab, "50")
    tab.locator(".alignlib-brings").get_by_text("With the change: ").wait_for()


def test_who_comes_late_reads_address_and_code_from_the_wall(
    browser: Any, kernel: Kernel, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("ALIGNLIB_CODE", "ABCD-2345")
    kernel.begin()
    tab = browser.new_page()
    tab.goto(kernel.address)
    shows(tab, "ABCD-2345")
    shows(tab, kernel.address.rstrip("/"))
    tab.close()


def test_a_team_of_few_keeps_the_form_open_and_the_reason_is_told(tab: Any, full: Full) -> None:
    full.fill("survey-short", 8, 4)
    press(tab, "Reveal the results", "Reveal")
    shows(tab, "Fewer than five people have answered in Marketing. Wait for more answers.")
    assert full.room.state()["phase"] == "answering" and tab.locator(".alignlib-view").count() == 0


def test_a_form_is_shown_timed_cleared_and_brought_back_by_keyboard(tab: Any, full: Full) -> None:
    full.fill("survey-short", 2, 0)
    given = tab.get_by_label("Minutes")
    given.fill("2")
    given.press("Tab")
    tab.keyboard.press("Enter")
    shows(tab, "The clock is running.")
    tab.get_by_text("1:5", exact=False).first.wait_for()
    shows(tab, "Minutes left: 2")
    press(tab, "Clear this form", "Clear")
    shows(tab, "The form is cleared.")
    assert full.room.counts("the-key-of-the-facilitator", "survey-short")["answered"]["sales"] == 0
    tab.get_by_role("button", name="Undo the last clearing").press("Enter")
    shows(tab, "The answers that were cleared last stand again.")
    assert full.room.counts("the-key-of-the-facilitator", "survey-short")["answered"]["sales"] == 2
    tab.get_by_label("Form for the room").select_option("promises")
    press(tab, "Show this form")
    shows(tab, "The room sees this form now.")
    assert tab.get_by_role("heading", level=1).text_content() == "What we promise each other"
    assert full.room.state()["form"] == "promises" and given.input_value() == "90"


def test_minutes_typed_while_the_form_is_on_its_way_stand(tab: Any, full: Full) -> None:
    shows(tab, "The room is answering.")
    tab.get_by_label("Form for the room").select_option("promises")
    typed = tab.get_by_label("Minutes")
    show = tab.get_by_role("button", name="Show this form")
    show.evaluate(
        "(button, field) => { button.click(); field.value = '7'; field.dispatchEvent(new Event('input')) }",
        typed.element_handle(),
    )
    tab.get_by_role("heading", name="What we promise each other").wait_for()
    assert typed.input_value() == "7"
    press(tab, "Start")
    shows(tab, "Minutes left: 7")
    tab.get_by_label("Form for the room").select_option("commitments")
    press(tab, "Show this form")
    tab.get_by_role("heading", name="What we do next").wait_for()
    assert typed.input_value() == str(minutes("commitments"))


@pytest.mark.parametrize(("width", "height"), [(1280, 800), (390, 844)])
def test_what_was_done_is_said_in_sight_and_no_word_of_a_command_is_broken(tab: Any, width: int, height: int) -> None:
    tab.set_viewport_size({"width": width, "height": height})
    press(tab, "Snapshot into the audit")
    code = tab.locator("code")
    code.wait_for()
    assert code.text_content() == "alignlib audit client --out FOLDER"
    parts = code.locator("span")
    assert parts.all_text_contents() == ["alignlib", "audit", "client", "--out", "FOLDER"]
    lines = parts.evaluate_all("all => all.map(each => each.getBoundingClientRect().height)")
    assert max(lines) < 1.5 * min(lines)  # each stands in one line
    seen = code.bounding_box()
    assert seen["y"] > 0 and seen["y"] + seen["height"] < height and seen["x"] + seen["width"] <= width


def test_a_wall_opened_anew_after_closing_says_what_stands_and_offers_nothing_else(
    tab: Any, kernel: Kernel, full: Full
) -> None:
    full.fill("survey-short", 5, 5)
    does(kernel.wall, "close")
    kernel.begin()
    tab.reload()
    tab.get_by_role("heading", name="That was the workshop", level=1).wait_for()
    shows(tab, "alignlib audit client --out FOLDER")
    shows(tab, "alignlib workshop export client --out FOLDER")
    assert tab.locator(":is(button, select, input, a):visible").count() == 0


def test_closing_takes_two_answers_and_shows_what_was_proved(tab: Any, full: Full) -> None:
    full.fill("survey-short", 5, 5)
    press(tab, "Close the workshop", "Yes, close", "No, go back")
    assert full.room.state()["phase"] == "answering"
    press(tab, "Close the workshop", "Yes, close", "Close for good")
    tab.get_by_text("The workshop is closed. Thank you.").wait_for()
    assert "None of" in tab.locator(".alignlib-word").text_content()
    assert tab.locator(".alignlib-panel button:enabled").count() == 0
    assert tab.get_by_role("heading", level=1).text_content() == "That was the workshop"


def test_what_the_room_wrote_stays_text(tab: Any, full: Full) -> None:
    hostile = "<img src=x onerror='window.hit=1'><script>window.hit=1</script>"
    (token,) = full.join("sales", 1)
    saved = full.room.save(token, [answer("commitments", "commitment_1_what", hostile)])
    assert saved["refused"] == []
    tab.get_by_label("Form for the room").select_option("commitments")
    press(tab, "Show this form")
    shows(tab, "The room sees this form now.")
    press(tab, "Reveal the results", "Reveal")
    shows(tab, "Revealed.")
    tab.locator(".alignlib-view").get_by_text(hostile).wait_for()
    assert tab.evaluate("window.hit") is None


def test_a_silent_kernel_is_told(tab: Any, kernel: Kernel) -> None:
    shows(tab, "The room is answering.")
    kernel.is_deaf = True
    tab.locator(".alignlib-banner p").wait_for()
    kernel.is_deaf = False
    tab.locator(".alignlib-banner p").wait_for(state="detached")


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("stage", ["counted", "revealed", "sliders", "asked", "closed"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(
    tab: Any, kernel: Kernel, full: Full, stage: str, width: int
) -> None:
    import axe_playwright_python

    full.fill("survey-short", 8, 7)
    does(kernel.wall, "timer", seconds=300)
    if stage in ("revealed", "sliders"):
        does(kernel.wall, "reveal", form="survey-short")
        does(kernel.wall, "docket")
    if stage == "closed":
        does(kernel.wall, "close")
    kernel.begin()
    tab.reload()
    tab.set_viewport_size({"width": width, "height": 720})
    ready = "That was the workshop" if stage == "closed" else "Clear this form"
    tab.get_by_text(ready, exact=True).wait_for()
    if stage == "sliders":
        tab.get_by_label("View").first.select_option("What another funnel would bring")
    if stage == "asked":
        press(tab, "Close the workshop")
    assert tab.evaluate("document.documentElement.scrollWidth") <= width
    axe = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
    tab.evaluate(axe.read_text(encoding="utf-8"))
    found = tab.evaluate("axe.run(document)")
    assert [(each["id"], [node["target"] for node in each["nodes"]]) for each in found["violations"]] == []
