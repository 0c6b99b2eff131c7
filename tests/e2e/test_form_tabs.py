"""One seat opened in several tabs, before the real command: the last works, and the others say so and can take over."""

import re
import shutil
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "workshop"))
from participants import Workshop

pytestmark = pytest.mark.browser
PATIENCE = 120_000  # ms: generous, for a slow machine makes nothing wrong
ELSEWHERE = re.compile("is open in another tab")


def test_the_tab_opened_last_has_the_seat_and_the_others_do_not_wait_for_ever(
    browser: Any, written: Callable[[bool], Path], tmp_path: Path
) -> None:
    workshop = Workshop(Path(shutil.copytree(written(True), tmp_path / "acme")), seats=4)
    context = browser.new_context(viewport={"width": 390, "height": 844})
    context.set_default_timeout(PATIENCE)
    try:
        first = context.new_page()
        first.goto(f"{workshop.address}/?code={workshop.code}")
        first.get_by_label("Sales", exact=True).check()
        first.get_by_role("button", name="Take a seat").click()
        first.locator(".alignlib-count:not(:empty)").wait_for()
        others = [context.new_page() for _ in range(3)]
        for page in others:  # each before the one before it is there
            page.goto(f"{workshop.address}/form", wait_until="commit")
        for page in (first, *others[:2]):
            page.get_by_text(ELSEWHERE).wait_for()
        last = others[2]
        last.locator("fieldset").nth(0).get_by_label("Agree", exact=True).check()
        last.get_by_text("1 of 27 answered. All saved.").wait_for()
        first.wait_for_timeout(16_000)  # longer than a page waits before it loads itself anew
        assert last.get_by_text(ELSEWHERE).count() == 0 and last.locator(".alignlib-banner p").count() == 0

        others[0].get_by_role("button", name="Use it here").click()
        others[0].get_by_text("1 of 27 answered. All saved.").wait_for()
        last.get_by_text(ELSEWHERE).wait_for()
    finally:
        context.close()
        workshop.end()
