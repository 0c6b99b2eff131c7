"""A workshop as its people see it: the real command and real browsers, from the code to the end; and JupyterLab."""

import asyncio
import os
import re
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections import Counter
from collections.abc import Callable, Coroutine, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workshop"))
from participants import COMMAND, Participant, Workshop, cookie_of, join, open_form, take_seat

from alignlib.engagement import read_engagement
from alignlib.workshop.pages import pages

pytestmark = pytest.mark.browser
PATIENCE = 120  # seconds: generous, for a slow machine makes nothing wrong
TOKEN = "only-for-this-test"
FORM = "survey-short"
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))
# what a browser complains of while nobody listens, or when its kernel ended with the server
OUTAGE = re.compile(r"ERR_CONNECTION_REFUSED|WebSocket connection to .* failed|status of 403")


def held(store: Path) -> dict[str, set[tuple[str, float | None]]]:
    """Which answers of each person does the file hold? A person: team, then random code."""
    with sqlite3.connect(f"file:{store}?mode=ro", uri=True) as connection:
        rows = connection.execute("select team || respondent_id, item, answer from responses").fetchall()
    found: dict[str, set[tuple[str, float | None]]] = {}
    for person, item, answer in rows:
        found.setdefault(person, set()).add((item, answer))
    return found


def items_of(engagement: Path) -> list[str]:
    """Which statements does the short form ask, in the order of its page?"""
    asked = pages(read_engagement(engagement))[FORM].questions
    return [item for item, question in asked.items() if question.kind == "choice"]


def pick(page: Any, at: int, label: str) -> None:
    page.locator("fieldset").nth(at).get_by_label(label, exact=True).check()


class Crowd:
    """The devices of a room: what they asked for elsewhere, what they complained of, and a picture of each stage."""

    def __init__(self, browser: Any, workshop: Workshop, folder: Path) -> None:
        self.browser, self.workshop, self.folder = browser, workshop, folder
        self.elsewhere: list[str] = []
        self.complaints: list[str] = []

    def device(self, width: int) -> Any:
        """A browser of somebody else's: nothing is shared with the others."""
        is_phone = width < 600
        size = {"width": width, "height": 844 if is_phone else 800}
        context = self.browser.new_context(viewport=size, has_touch=is_phone, is_mobile=is_phone)
        context.set_default_timeout(PATIENCE * 1000)
        context.on("request", lambda asked: self.elsewhere.append(asked.url) if self.is_away(asked.url) else None)
        page = context.new_page()
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.on("console", lambda said: self.complaints.append(said.text) if said.type == "error" else None)
        return page

    def is_away(self, url: str) -> bool:
        return not url.removeprefix("blob:").startswith((f"{self.workshop.address}/", "data:"))

    def join(self, team: str, width: int) -> Any:
        page = self.device(width)
        page.goto(f"{self.workshop.address}/?code={self.workshop.code}")
        if width > 600:
            self.look(page, "join")
        page.get_by_label(team, exact=True).check()
        page.get_by_role("button", name="Take a seat").click()
        page.locator(".alignlib-count:not(:empty)").wait_for()
        return page

    def look(self, page: Any, stage: str) -> None:
        """Nothing that axe would mend, and nothing that scrolls sideways."""
        width = page.viewport_size["width"]
        page.screenshot(path=self.folder / f"{stage}-{width}.png", full_page=True)
        page.evaluate(AXE.read_text(encoding="utf-8"))
        found = page.evaluate("axe.run(document)")
        assert len(found["passes"]) > 10
        faults = [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]]
        assert (stage, faults) == (stage, [])
        assert page.evaluate("document.documentElement.scrollWidth") <= width, stage

    def quiet(self, allowed: str | re.Pattern[str] = "(?!)") -> None:
        """Nobody complained since the last time, but of this; and nothing was ever asked for elsewhere."""
        assert [each for each in self.complaints if not re.search(allowed, each)] == []
        self.complaints.clear()
        assert self.elsewhere == []


def beside(work: Callable[[], Coroutine[Any, Any, Any]]) -> Any:
    """What does this find? In a thread of its own: the browser's has a loop already."""
    with ThreadPoolExecutor(1) as pool:
        return pool.submit(lambda: asyncio.run(work())).result()


def press(wall: Any, *names: str) -> None:
    for name in names:
        wall.get_by_role("button", name=name, exact=True).click()


def figures(wall: Any, title: str) -> str:
    """What is drawn under this title, as markup?"""
    wall.locator("#alignlib-view").select_option(label=title)
    return str(wall.locator(".alignlib-view").evaluate("each => each.shadowRoot.innerHTML"))


@pytest.fixture
def crowd(browser: Any, written: Callable[[bool], Path], tmp_path: Path) -> Iterator[Crowd]:
    workshop = Workshop(Path(shutil.copytree(written(True), tmp_path / "acme")), seats=30)
    try:
        yield Crowd(browser, workshop, tmp_path)
    finally:
        for context in browser.contexts:
            context.close()
        workshop.end()


def test_a_whole_session(crowd: Crowd) -> None:
    """Join, answer through a server that dies, reveal when enough have answered, take along, close."""
    _wrong_code(crowd)
    devices = [crowd.join("Sales", 390), crowd.join("Marketing", 390), crowd.join("Marketing", 1280)]
    wall = crowd.device(1280)
    wall.goto(f"{crowd.workshop.address}/wall?key={crowd.workshop.key}")
    wall.locator(".alignlib-people td").first.wait_for()
    assert crowd.workshop.key not in wall.url
    crowd.look(wall, "wall")
    _answer(crowd, wall, devices)
    _outlive_the_server(crowd, wall, devices)
    _too_few_to_show(crowd, wall)
    items = items_of(crowd.workshop.store.parents[1])
    beside(lambda: _others(crowd.workshop, items))
    who = _reveal(crowd, wall, devices, items)
    _hand_on(crowd)
    _take_along(crowd, wall, who)
    _close(crowd, wall, devices)


def _wrong_code(crowd: Crowd) -> None:
    phone = crowd.device(390)
    phone.goto(f"{crowd.workshop.address}/form")  # nobody's: leads to the first page
    crowd.look(phone, "first")
    assert phone.get_by_text("What is stored").is_visible()  # before anything is asked
    phone.get_by_label("Code of the room").fill("wrong")
    phone.get_by_label("Sales", exact=True).check()
    press(phone, "Take a seat")
    fault = phone.get_by_role("alert").bounding_box()
    assert 0 < fault["y"] < 500  # in sight, and not below the whole notice
    crowd.look(phone, "fault")
    crowd.quiet(allowed="status of 403")


def _answer(crowd: Crowd, wall: Any, devices: list[Any]) -> None:
    wall.get_by_label("Form for the room").select_option("sorting")
    press(wall, "Show this form")
    for page in devices:  # all follow, without a touch
        page.get_by_role("heading", name="Sort the content").wait_for()
    wall.get_by_label("Form for the room").select_option(FORM)
    press(wall, "Show this form")
    wall.get_by_role("heading", name="how do the two teams work together?").wait_for()
    wall.get_by_label("Minutes").fill("9")
    press(wall, "Start")
    for page in devices:
        page.get_by_text("0 of 27 answered. Nothing to save yet.").wait_for()
        for at in range(4):
            pick(page, at, "Rather agree")
        page.get_by_text("4 of 27 answered. All saved.").wait_for()
        page.locator(".alignlib-left").get_by_text(re.compile("Time left: [1-8]:")).wait_for()
    for page in (devices[0], devices[2]):
        crowd.look(page, "form")
    assert sorted(map(len, held(crowd.workshop.store).values())) == [4, 4, 4]
    crowd.quiet()


def _outlive_the_server(crowd: Crowd, wall: Any, devices: list[Any]) -> None:
    """Killed, it comes back; what was answered meanwhile is saved by whoever does nothing but wait."""
    phone = devices[0]
    os.kill(crowd.workshop.one("serve"), signal.SIGKILL)
    for at in range(4, 8):
        pick(phone, at, "Agree")
    phone.locator(".alignlib-banner[role=alert] p").wait_for()
    phone.get_by_text("8 of 27 answered. Not saved yet: 4.").wait_for()
    phone.screenshot(path=crowd.folder / "banner.png")  # no more: it loads itself anew any moment now
    phone.get_by_text("8 of 27 answered. All saved.").wait_for()
    for page in (*devices, wall):
        page.locator(".alignlib-banner p").wait_for(state="detached")
    assert sorted(map(len, held(crowd.workshop.store).values())) == [4, 4, 8]
    crowd.quiet(allowed=OUTAGE)


def _too_few_to_show(crowd: Crowd, wall: Any) -> None:
    wall.locator(".alignlib-people td").first.wait_for()
    press(wall, "Reveal the results")
    crowd.look(wall, "asked")
    press(wall, "Reveal")
    wall.get_by_text("Fewer than five people have answered in Sales and Marketing.").wait_for()
    assert wall.locator(".alignlib-view").count() == 0
    assert not re.search(r"\d", wall.locator(".alignlib-people").inner_text())
    wall.get_by_text("The room is answering.").wait_for()


async def _others(workshop: Workshop, items: list[str]) -> None:
    """Seven more a team: Sales agree with nearly everything, Marketing with nearly nothing."""
    room = []
    for team, levels in (("sales", "4555443"), ("marketing", "2212332")):
        for level in levels:
            room.append(Participant(workshop.address, await take_seat(workshop.address, workshop.code, team), FORM))
            for item in items:
                room[-1].answer(item, level)
    await asyncio.gather(*(person.deliver() for person in room))
    await asyncio.gather(*(person.close() for person in room))


def _reveal(crowd: Crowd, wall: Any, devices: list[Any], items: list[str]) -> str:
    """Shown, and from then on as it was; which sentence says who answered?"""
    wall.locator(".alignlib-people").get_by_text("9", exact=True).wait_for()
    press(wall, "Reveal the results", "Reveal")
    wall.locator(".alignlib-turn").wait_for()
    titles = wall.locator("#alignlib-view option").all_inner_texts()
    who = next(title for title in titles if title.startswith("Who answered"))
    assert "Sales 8 of" in who and "Marketing 9 of" in who
    gaps = next(title for title in titles if title.startswith("The teams stand furthest apart on"))
    before = figures(wall, gaps)
    assert "<img" in before or "<svg" in before
    crowd.look(wall, "revealed")
    wall.set_viewport_size({"width": 390, "height": 844})
    crowd.look(wall, "revealed")
    wall.set_viewport_size({"width": 1280, "height": 800})

    for page in devices:
        page.locator(".alignlib-notice").get_by_text("The room is looking at the results").wait_for()
        assert page.locator("input:enabled").count() == 0
    refused = beside(lambda: _late(crowd.workshop, items[0]))
    assert "takes no more" in refused
    wall.reload()
    wall.locator(".alignlib-turn").wait_for()
    assert figures(wall, gaps) == before
    crowd.quiet(allowed="status of 403")  # the kernel of the page before has ended
    return who


async def _late(workshop: Workshop, item: str) -> str:
    """Somebody joins after all, and their device sends an answer: what is said to it?"""
    line = await open_form(workshop.address, cookie_of(await join(workshop.address, workshop.code)))
    await line.say({"save": [{"id": "late-answer-1", "form": FORM, "item": item, "value": "1"}]})
    said = await line.hear("refused")
    line.socket.close()
    return str(said["refused"][0]["why"])


def _hand_on(crowd: Crowd) -> None:
    """A shared tablet: each person leaves it as they found it, and goes through the first page."""
    tablet = crowd.device(820)
    tablet.goto(f"{crowd.workshop.address}/?kiosk=1&code={crowd.workshop.code}")
    for _ in range(2):
        tablet.get_by_label("Code of the room").fill(crowd.workshop.code)
        tablet.get_by_label("Sales", exact=True).check()
        press(tablet, "Take a seat")
        tablet.get_by_text("0 of 27 answered.").wait_for()
        press(tablet, "Next person")
        tablet.get_by_label("Code of the room").wait_for()
    tablet.goto(f"{crowd.workshop.address}/form")
    tablet.get_by_label("Code of the room").wait_for()  # the seat is nobody's any more
    crowd.quiet(allowed="status of 403")


def _take_along(crowd: Crowd, wall: Any, who: str) -> None:
    engagement = crowd.workshop.store.parents[1]
    press(wall, "Snapshot into the audit")
    wall.get_by_text(f"alignlib audit {engagement.name}").wait_for()
    out = engagement.parent / "audited"
    done = subprocess.run([COMMAND, "audit", str(engagement), "--out", str(out)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert who in (out / "results.json").read_text(encoding="utf-8")
    people = held(crowd.workshop.store)
    assert Counter(person[:5] for person in people) == {"sales": 8, "marke": 9}
    crowd.quiet()


def _close(crowd: Crowd, wall: Any, devices: list[Any]) -> None:
    before = held(crowd.workshop.store)
    command = [COMMAND, "workshop", "close", str(crowd.workshop.store.parents[1])]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "Destroyed: 3 secrets, 20 seats" in done.stdout and "None of" in done.stdout
    for page in (devices[0], devices[2]):
        page.get_by_role("heading", name="That was the workshop").wait_for()
        assert page.get_by_text("The workshop is closed. Thank you: you can close this page.").first.is_visible()
        crowd.look(page, "closed")
    wall.get_by_text("The workshop is closed. Thank you.").wait_for()
    crowd.look(wall, "closed-wall")
    crowd.quiet()
    late = crowd.device(390)
    late.goto(f"{crowd.workshop.address}/?code={crowd.workshop.code}")
    late.get_by_label("Sales", exact=True).check()
    press(late, "Take a seat")
    late.get_by_role("alert").get_by_text("closed for good").wait_for()
    assert held(crowd.workshop.store) == before


# --- without a room: JupyterLab -------------------------------------------------------------------------------------


@pytest.fixture
def lab(root: Path, written: Callable[[bool], Path], tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """JupyterLab on a copy of the notebook with its two parameters given: (address, store)."""
    store, engagement = tmp_path / "private" / "answers.sqlite", written(True)
    store.parent.mkdir()
    (tmp_path / "work").mkdir()
    text = (root / "notebooks" / "workshop" / "form.ipynb").read_text(encoding="utf-8")
    for name, value in (("engagement", engagement), ("store", store)):
        assert f'{name}: str = \\"\\"' in text
        text = text.replace(f'{name}: str = \\"\\"', f'{name}: str = \\"{value.as_posix()}\\"')
    (tmp_path / "work" / "form.ipynb").write_text(text, encoding="utf-8")
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = int(probe.getsockname()[1])
    # --allow-root only here, where CI runs as root in a box of its own
    command = [
        sys.executable, "-m", "jupyterlab", "--no-browser", "--ip=127.0.0.1", f"--port={port}", "--allow-root",
        f"--IdentityProvider.token={TOKEN}", "--ServerApp.port_retries=0",
    ]  # fmt: skip
    own = {
        "JUPYTER_CONFIG_DIR": str(tmp_path / "config"), "JUPYTER_RUNTIME_DIR": str(tmp_path / "runtime"),
        "JUPYTERLAB_SETTINGS_DIR": str(tmp_path / "settings"), "JUPYTERLAB_WORKSPACES_DIR": str(tmp_path / "spaces"),
        "IPYTHONDIR": str(tmp_path / "ipython"),
    }  # fmt: skip
    quiet = tmp_path / "settings" / "@jupyterlab" / "apputils-extension" / "notification.jupyterlab-settings"
    quiet.parent.mkdir(parents=True)
    quiet.write_text('{"fetchNews": "false", "checkForUpdates": false}', encoding="utf-8")
    with (tmp_path / "lab.log").open("wb") as log:
        server = subprocess.Popen(
            command, cwd=tmp_path / "work", env={**os.environ, **own}, stdout=log, stderr=subprocess.STDOUT,
            start_new_session=True,
        )  # fmt: skip
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api?token={TOKEN}", server, tmp_path / "lab.log")
        yield f"{address}/lab/tree/form.ipynb?token={TOKEN}", store
    finally:
        stop(server)


def wait_for(address: str, server: "subprocess.Popen[bytes]", log: Path) -> None:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until and server.poll() is None:
        try:
            urllib.request.urlopen(address, timeout=5).close()
            return
        except OSError:
            time.sleep(0.2)
    pytest.fail(f"JupyterLab did not start:\n{log.read_text(errors='replace')[-2000:]}")


def stop(server: "subprocess.Popen[bytes]") -> None:
    """SIGTERM lets the server end its kernels, which live in sessions of their own; SIGKILL only if that hangs."""
    if server.poll() is not None:
        return
    os.killpg(server.pid, signal.SIGTERM)
    try:
        server.wait(30)
    except subprocess.TimeoutExpired:
        os.killpg(server.pid, signal.SIGKILL)
        server.wait(30)


def test_one_person_after_another_in_jupyterlab(
    browser: Any, lab: tuple[str, Path], written: Callable[[bool], Path], tmp_path: Path
) -> None:
    address, store = lab
    page = browser.new_page(viewport={"width": 1280, "height": 1600})
    page.set_default_timeout(PATIENCE * 1000)
    page.goto(address)
    page.get_by_text("| Idle").wait_for()  # a cell run before the kernel is there asks which kernel to take
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()
    form = page.locator(".alignlib-form")
    form.get_by_text("Choose a team to begin.").wait_for()
    form.get_by_label("Form", exact=True).select_option(FORM)
    form.get_by_label("Team", exact=True).select_option("Sales")
    for at, label in ((0, "Agree"), (1, "Neither"), (2, "Cannot say"), (1, "Rather agree")):  # changes their mind
        pick(form, at, label)
    form.get_by_text("3 of 27 answered. All saved.").wait_for()
    page.screenshot(path=tmp_path / "lab.png")

    page.get_by_role("menuitem", name="File", exact=True).click()
    page.get_by_role("menuitem", name="Save Notebook").first.click()  # with the place where the form stands
    until = time.monotonic() + PATIENCE
    while "widget-view" not in (tmp_path / "work" / "form.ipynb").read_text(encoding="utf-8"):
        assert time.monotonic() < until
        page.wait_for_timeout(100)
    page.reload()
    form.get_by_text("3 of 27 answered. All saved.").wait_for()
    for at, value in enumerate(("5", "4", "cannot_say")):
        form.locator("fieldset").nth(at).locator(f"input[value={value!r}]:checked").wait_for()

    form.get_by_role("button", name="Next person").click()
    form.get_by_text("Choose a team to begin.").wait_for()
    form.get_by_label("Team", exact=True).select_option("Marketing")
    form.get_by_text("0 of 27 answered. Nothing to save yet.").wait_for()
    assert form.locator("input:checked").count() == 0
    pick(form, 0, "Disagree")
    form.get_by_text("1 of 27 answered. All saved.").wait_for()
    page.close()

    first, second, third, *_ = items_of(written(True))
    assert sorted((person[:5], said) for person, said in held(store).items()) == [
        ("marke", {(first, 1.0)}), ("sales", {(first, 5.0), (second, 4.0), (third, None)}),
    ]  # fmt: skip
