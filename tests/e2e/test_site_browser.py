"""Can everybody read the site: axe finds nothing to mend, and nothing scrolls sideways?"""

import sys
from pathlib import Path
from typing import Any

import axe_playwright_python
import pytest

sys.path.insert(0, str(Path(__file__).parents[1]))
from test_site import built

pytestmark = pytest.mark.browser
AXE = next(Path(axe_playwright_python.__file__).parent.rglob("axe.min.js"))


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"))


@pytest.mark.parametrize("width", [1280, 390])
@pytest.mark.parametrize("name", ["docs/index", "docs/tutorial", "docs/reference/errors", "docs/methods"])
def test_axe_finds_nothing_and_nothing_scrolls_sideways(browser: Any, site: Path, name: str, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900}, bypass_csp=True)
    page = context.new_page()
    page.goto((site / f"{name}.html").as_uri(), timeout=60_000)
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found = page.evaluate("axe.run(document)")
    assert len(found["passes"]) > 20
    assert [(each["id"], [node["html"] for node in each["nodes"]]) for each in found["violations"]] == []
    context.close()
