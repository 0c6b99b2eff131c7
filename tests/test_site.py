"""The playbook as a site: built from the repository as it stands, loads nothing from elsewhere, has no dead link."""

import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

import pytest

ROOT = Path(__file__).resolve().parents[1]
LOADS = dict.fromkeys(("script", "img", "iframe", "source", "embed", "video", "audio"), "src")
LOADS |= {"link": "href", "object": "data", "use": "href"}
ELSEWHERE = re.compile(r"(?:https?:)?//", re.I)


class Page(HTMLParser):
    """What does a page load, where does it lead, and which places does it hold?"""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loads: list[str] = []
        self.leads: list[str] = []
        self.ids: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        has = {name: value or "" for name, value in attrs}
        self.ids |= {has[name] for name in ("id", "name") if has.get(name)}
        if tag in LOADS and has.get(LOADS[tag]):
            self.loads.append(has[LOADS[tag]])
        self.loads += [part.split()[0] for part in has.get("srcset", "").split(",") if part.strip()]
        self.loads += re.findall(r"url\(['\"]?([^)'\"]+)", has.get("style", ""))
        if tag == "a" and has.get("href"):
            self.leads.append(has["href"])
        if tag == "meta" and has.get("http-equiv", "").lower() == "refresh":
            self.leads.append(has["content"].split("url=")[1])


def faults(site: Path) -> Iterator[str]:
    """What does the site load from elsewhere, and which of its links lead to nothing?"""
    pages = {path: Page(path.read_text(encoding="utf-8")) for path in sorted(site.rglob("*.html"))}
    for path, page in pages.items():
        at = path.relative_to(site)
        yield from (f"{at} loads {address}" for address in page.loads if ELSEWHERE.match(address))
        for address in [*page.leads, *(load for load in page.loads if not ELSEWHERE.match(load))]:
            parts = urlsplit(address)
            if parts.scheme or parts.netloc:
                continue
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                yield f"{at} leads to {address}, which is not there"
            elif parts.fragment and target in pages and unquote(parts.fragment) not in pages[target].ids:
                yield f"{at} leads to {address}, a place that is not there"
    for path in sorted(site.rglob("*.css")):
        found = re.findall(r"(?:url\(|@import)\s*['\"]?((?:https?:)?//[^)'\";\s]+)", path.read_text(encoding="utf-8"))
        yield from (f"{path.relative_to(site)} loads {address}" for address in found)
    for path in sorted(site.rglob("*.js")):  # what a script may fetch or import by a whole address
        found = re.findall(
            r"(?:fetch|import|importScripts|src\s*=)\s*\(?\s*['\"`]((?:https?:)?//[^'\"`]+)", path.read_text("utf-8")
        )
        yield from (f"{path.relative_to(site)} loads {address}" for address in found)


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    pytest.importorskip("furo", reason="the group docs is not installed: uv sync --inexact --group docs")
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-c", str(ROOT / "docs"),
               "-d", str(out / "trees"), str(ROOT), str(out / "site")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return out / "site"


def test_the_site_loads_nothing_from_elsewhere_and_every_link_in_it_resolves(site: Path) -> None:
    assert list(faults(site)) == []


def test_every_page_of_the_playbook_is_in_the_site_with_its_head_and_its_table(site: Path) -> None:
    for source in (ROOT / "playbook").glob("*.md"):
        text = (site / "playbook" / source.with_suffix(".html").name).read_text(encoding="utf-8")
        if re.match(r"P\d+-", source.name):
            assert "<td><p>Minutes</p></td>" in text and f"{source.stem}.csv" in text and "<br" in text, source.name
    front = Page((site / "index.html").read_text(encoding="utf-8"))
    assert (site / front.leads[0]).is_file()


@pytest.mark.parametrize(
    ("name", "planted", "said"),
    [
        ("a.html", '<script src="https://cdn.example/x.js"></script>', "a.html loads https://cdn.example/x.js"),
        ("a.html", '<link rel="stylesheet" href="//fonts.example/x.css">', "a.html loads //fonts.example/x.css"),
        ("a.html", '<img src="x.png" srcset="http://img.example/x.png 2x">', "a.html loads http://img.example/x.png"),
        ("a.html", '<p style="background: url(https://img.example/x.png)">', "a.html loads https://img.example/x.png"),
        ("a.css", "@import 'https://fonts.example/y.css';", "a.css loads https://fonts.example/y.css"),
        ("a.js", 'fetch("https://stats.example/count")', "a.js loads https://stats.example/count"),
        ("a.html", '<a href="nowhere.html">x</a>', "nowhere.html, which is not there"),
        ("a.html", '<h1 id="here">x</h1><a href="#there">x</a>', "#there, a place that is not there"),
    ],
)
def test_a_page_that_loads_from_elsewhere_or_leads_nowhere_is_noticed(
    name: str, planted: str, said: str, tmp_path: Path
) -> None:
    (tmp_path / name).write_text(planted, encoding="utf-8")
    assert any(said in fault for fault in faults(tmp_path))


def test_the_lock_holds_the_tools_that_build_the_site() -> None:
    wanted = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["dependency-groups"]["docs"]
    lock = tomllib.loads((ROOT / "uv.lock").read_text(encoding="utf-8"))["package"]
    own = next(package for package in lock if package["name"] == "alignlib")["metadata"]["requires-dev"]["docs"]
    assert {entry["name"] + entry["specifier"] for entry in own} == set(wanted), "run: uv lock"
