"""Does anything that a client's files hold come to life in a real browser, with and without the page's own policy?"""

import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parents[1] / "report"))
from hostile import ALL, DRAWN, MARKUP, poisoned_record

from alignlib.report import document, html
from alignlib.report.brand import PLAIN

pytestmark = pytest.mark.browser
CHUNK = 50  # payloads in one field: a few pages hold all of them in every field
TRAP = "window.pwned = () => { window.__pwned = true }; window.alert = window.confirm = window.prompt = window.pwned"
# what runs or loads, looked for in the tree that the browser made of the page
LIVE = """() => [...document.querySelectorAll('*')].flatMap(each => [
  ...(/^(script|iframe|frame|object|embed|base|form|input|video|audio|link|foreignobject|animate|set|use|image|portal)$/i
      .test(each.localName) ? [each.localName] : []),
  ...[...each.attributes].filter(a => /^on/i.test(a.name) || /^(src|srcdoc|action|formaction|style|ping)$/i.test(a.name)
      || (/href$/i.test(a.name) && !a.value.startsWith('#'))).map(a => `${each.localName} ${a.name}=${a.value}`)])"""
ROUSE = """() => { for (const each of document.querySelectorAll('*')) {
  if (each.localName === 'details') each.open = true;
  for (const kind of ['click', 'focus', 'mouseover', 'pointerenter', 'toggle', 'animationend', 'wheel', 'error'])
    each.dispatchEvent(new Event(kind)) } }"""


def seen(browser: Any, file: Path, bypass: bool) -> tuple[list[str], list[str], bool, list[str]]:
    """Which requests, dialogs and calls does a page make once everything in it was touched, and what in it is live?"""
    context = browser.new_context(bypass_csp=bypass)
    context.add_init_script(TRAP)
    page, requests, dialogs = context.new_page(), [], []
    page.on("request", lambda request: requests.append(request.url))
    page.on("dialog", lambda dialog: (dialogs.append(dialog.message), dialog.dismiss()))
    page.goto(file.as_uri(), timeout=60_000)
    live = page.evaluate(LIVE)
    page.evaluate(ROUSE)
    page.wait_for_timeout(200)
    is_pwned = bool(page.evaluate("window.__pwned"))
    context.close()
    return [url for url in requests if url != file.as_uri()], dialogs, is_pwned, live


def pages() -> Iterator[tuple[str, str]]:
    """Every payload in every field, several to a field, and each alone in some."""
    for at in range(0, len(MARKUP), CHUNK):
        record = poisoned_record([" ".join(MARKUP[at : at + CHUNK])], keep=DRAWN if at else frozenset())
        yield f"from {at}", html.render(document.build(record), PLAIN._replace(name=MARKUP[at]))
    for shift in range(0, len(ALL), 240):
        yield (
            f"shifted {shift}",
            html.render(document.build(poisoned_record(ALL, shift)), PLAIN._replace(name=ALL[shift])),
        )


@pytest.mark.parametrize("bypass", [False, True], ids=["under its policy", "without its policy"])
def test_S01_S03_S07_no_payload_runs_loads_or_asks_anything(browser: Any, tmp_path: Path, bypass: bool) -> None:
    file, n = tmp_path / "report.html", 0
    for name, text in pages():
        file.write_text(text, encoding="utf-8")
        assert seen(browser, file, bypass) == ([], [], False, []), name
        n += 1
    assert n >= 7


def test_the_trap_catches_what_does_run(browser: Any, tmp_path: Path) -> None:
    file = tmp_path / "open.html"
    for payload in (
        "<script>pwned(1)</script>",
        "<svg onload=pwned(1)>",
        "<p onclick=pwned(1)>x",
        "<img src=x onerror=pwned(1)>",
    ):
        file.write_text(f"<!doctype html><body>{payload}", encoding="utf-8")
        requests, _, is_pwned, live = seen(browser, file, bypass=False)
        assert is_pwned and live, payload
    assert requests
