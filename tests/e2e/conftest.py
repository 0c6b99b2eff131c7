"""One Chromium for the tests that open a page."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import pytest


@pytest.fixture(scope="module")  # ended with its file: two cannot run at once
def browser() -> Iterator[Any]:
    from playwright.sync_api import sync_playwright

    found = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    assert found, "Chromium is not installed"
    with sync_playwright() as started:
        opened = started.chromium.launch(executable_path=found, args=["--no-sandbox", "--disable-gpu"], timeout=60_000)
        yield opened
        opened.close()


@pytest.fixture
def open_tab(browser: Any) -> Callable[[str, int], AbstractContextManager[Any]]:
    """A page of its own at an address, so many pixels high, whose scripts raise nothing until it is closed."""

    @contextmanager
    def opened(address: str, height: int) -> Iterator[Any]:
        context = browser.new_context(viewport={"width": 1280, "height": height}, bypass_csp=True)
        context.set_default_timeout(15_000)
        page = context.new_page()
        faults: list[str] = []
        page.on("pageerror", lambda error: faults.append(str(error)))
        page.goto(address)
        yield page
        context.close()
        assert faults == []

    return opened
