"""The workshop notebook as people use it: JupyterLab in Chromium, a form filled by clicking, the gap on the screen."""

import os
import shutil
import signal
import socket
import sqlite3
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from alignlib.instrument import read_instrument
from alignlib.workshop import gap_view, open_store, responses, save_answers, settings
from alignlib.workshop.store import Answer

pytestmark = pytest.mark.browser
CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
TOKEN = "only-for-this-test"
PATIENCE = 120  # seconds: generous, for a slow machine makes nothing wrong
ITEMS = [item.item for item in read_instrument().form("short", []) if item.kind in ("agree", "conversation")]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def lab(root: Path, tmp_path: Path) -> Iterator[tuple[str, Path]]:
    """JupyterLab on a copy of the notebook whose ``store_path`` names a file of this test: (address, store)."""
    store = tmp_path / "private" / "answers.sqlite"
    work = tmp_path / "work"
    work.mkdir()
    text = (root / "notebooks" / "workshop" / "survey.ipynb").read_text(encoding="utf-8")
    assert 'store_path: str = \\"\\"' in text
    text = text.replace('store_path: str = \\"\\"', f'store_path: str = \\"{store.as_posix()}\\"')
    (work / "survey.ipynb").write_text(text, encoding="utf-8")
    port = free_port()
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
            command, cwd=work, env={**os.environ, **own}, stdout=log, stderr=subprocess.STDOUT, start_new_session=True
        )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_for(f"{address}/api?token={TOKEN}", server, tmp_path / "lab.log")
        yield f"{address}/lab/tree/survey.ipynb?token={TOKEN}", store
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


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Any]:
    from playwright import sync_api

    assert CHROMIUM, "no Chromium was found: install the package chromium"  # asked for with -m browser: never a skip
    options = ["--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
               "--disable-component-update", "--disable-sync"]  # fmt: skip
    with sync_api.sync_playwright() as play:
        context = play.chromium.launch_persistent_context(
            tmp_path / "profile", executable_path=CHROMIUM, args=options, viewport={"width": 1280, "height": 2400}
        )
        context.set_default_timeout(PATIENCE * 1000)
        opened = context.new_page()
        yield opened
        opened.screenshot(path=tmp_path / "end.png")  # what to look at when this fails
        print(*opened.locator(".jp-OutputArea-output").all_inner_texts()[-2:], sep="\n")
        context.close()


def run_all(page: Any) -> None:
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run All Cells", exact=True).click()


def others(store: Path, people: dict[str, int]) -> None:
    """The rest of the room: Sales agree with nearly everything, Marketing with nearly nothing."""
    level = {"sales": 4, "marketing": 2}
    save_answers(
        open_store(store),
        [
            Answer(f"{team}-{i}", team, item, level[team] + (i + at) % 2)
            for team, n in people.items()
            for i in range(n)
            for at, item in enumerate(ITEMS)
        ],
    )


def test_a_person_fills_the_form_in_jupyterlab_and_the_room_sees_the_gap(
    lab: tuple[str, Path], page: Any, tmp_path: Path
) -> None:
    address, store = lab
    page.goto(address)
    page.get_by_text("| Idle").wait_for()  # a cell run before the kernel is there asks which kernel to take
    run_all(page)

    form = page.locator(".alignlib-form")
    form.locator(".alignlib-choice").nth(len(ITEMS)).wait_for()
    last = page.locator(".jp-CodeCell").last  # not the page: the table of contents repeats headings, hidden
    last.get_by_text("Waiting: fewer than five people have answered in Sales and in Marketing.").first.wait_for()
    assert form.locator("input:checked").count() == 0

    form.get_by_role("button", name="Save answers").click()
    form.get_by_text("Not saved yet: choose your team at the top first.").wait_for()
    choices = form.locator(".alignlib-choice")
    choices.nth(0).get_by_label("Sales", exact=True).check()
    for at in range(len(ITEMS) - 1):
        choices.nth(at + 1).get_by_label("Rather agree", exact=True).check()
    choices.nth(len(ITEMS)).get_by_label("Cannot say", exact=True).check()
    choices.nth(1).get_by_label("Agree", exact=True).check()  # changes their mind
    assert not store.exists() or responses(open_store(store)) == []  # nothing is kept before it is saved
    form.get_by_role("button", name="Save answers").click()
    form.get_by_text(f"Saved: {len(ITEMS)} answers.").wait_for()
    form.screenshot(path=tmp_path / "form.png")

    with sqlite3.connect(store) as connection:
        kept = dict(connection.execute("select item, answer from responses where team = 'sales'").fetchall())
        people = connection.execute("select count(distinct respondent_id) from responses").fetchone()
    assert kept == {**dict.fromkeys(ITEMS, 4), ITEMS[0]: 5, ITEMS[-1]: None}
    assert people == (1,)

    others(store, {"sales": 4, "marketing": 5})
    expected = gap_view(open_store(store), settings())
    gap = page.locator(".jp-CodeCell").filter(has_text="gap_view(store")
    gap.locator(".cm-content").click()
    page.get_by_role("menuitem", name="Run", exact=True).click()
    page.get_by_role("menuitem", name="Run Selected Cell and All Below").click()
    gap.get_by_text(expected.exhibit("survey.blocks").title).first.wait_for()
    gap.locator("svg, canvas, img").first.wait_for()
    last.get_by_text(expected.headline).first.wait_for()
    page.screenshot(path=tmp_path / "gap.png")
