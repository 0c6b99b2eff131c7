"""The playbook as a site: built from the repository as it stands, loads nothing from elsewhere, has no dead link."""

import ast
import json
import re
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

import pytest
from typer.main import get_command
from typer.testing import CliRunner

sys.path.insert(0, str(Path(__file__).parent))
sys.path.insert(0, str(Path(__file__).parents[1] / "docs"))
import reference
from test_playbook import finding_keys

from alignlib.cli import app
from alignlib.engagement import THRESHOLDS, Settings
from alignlib.errors import CODES
from alignlib.imports.vendors import read_exports
from alignlib.intake.tables import TABLES

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


def built(out: Path) -> Path:
    """Where is the site, built into this folder?"""
    pytest.importorskip("furo", reason="the group docs is not installed: uv sync --inexact --group docs")
    command = [sys.executable, "-m", "sphinx", "-W", "-q", "-b", "html", "-c", str(ROOT / "docs"),
               "-d", str(out / "trees"), str(ROOT), str(out / "site")]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    assert done.returncode == 0, done.stderr
    return out / "site"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return built(tmp_path_factory.mktemp("site"))


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


# --- what is made from the code ---------------------------------------------------------------------------------------


def rows(text: str) -> list[list[str]]:
    """Which rows have the tables of this page?"""
    cells = [re.split(r"(?<!\\) \| ", line[2:-2]) for line in text.splitlines() if line.startswith("| ")]
    return [row for row in cells if set("".join(row)) - set("-")]


def parts(text: str, mark: str = "## ") -> dict[str, str]:
    """What stands below each heading of this page?"""
    found = re.split(rf"(?m)^{mark}(.+)$", text)
    return dict(zip(found[1::2], found[2::2], strict=True))


def test_every_setting_has_its_type_and_its_meaning() -> None:
    schema = Settings.model_json_schema()
    models, said = schema["$defs"] | {"Settings": schema}, parts(reference.settings())
    assert set(models) == set(reference.PARTS)
    for name, title in reference.PARTS.items():
        shown = {row[0].strip("`"): row for row in rows(said[title])}
        own = set(models[name]["properties"]) - (set(models["Input"]["properties"]) if name == "Lookup" else set())
        assert own <= set(shown), title
        assert [key for key in own if not shown[key][1].strip() or not shown[key][3].strip()] == []
        assert set(reference.settings_said(name)) <= set(models[name]["properties"]), title
    assert {row[0].strip("`") for row in rows(said["thresholds"])} >= set(THRESHOLDS)


def test_defaults_and_bounds_are_those_of_the_code() -> None:
    said = parts(reference.settings())
    shown = {f"{title}.{row[0].strip('`')}": row[1:3] for title in said for row in rows(said[title])}
    assert shown["survey.smallest_group"] == ["whole number from 3", "`5`"]
    assert shown["promises.first_touch_hours"] == ["number above 0", ""]
    assert shown["funnel.path"] == ["`strict`, `any`, `backfilled`", "`any`"]
    assert shown["period.start"] == ["day", "needed"]


def test_every_table_column_and_field_of_the_results_is_listed() -> None:
    said = parts(reference.tables())
    assert {name: {column.name for column in rule.columns} for name, rule in TABLES.items()} == {
        name: {row[0].strip("`") for row in rows(text)[1:]} for name, text in said.items()
    }
    schema = json.loads((ROOT / "templates" / "results.schema.json").read_text(encoding="utf-8"))
    said = parts(reference.results())
    assert set(said) == {"Record", *schema["$defs"]}
    for name, part in schema["$defs"].items():
        assert {row[0].strip("`") for row in rows(said[name])[1:]} == set(part["properties"]), name


def test_every_finding_the_kit_can_make_is_listed_with_a_play() -> None:
    shown = {row[0].strip("`"): row for row in rows(reference.findings())[1:]}
    assert set(shown) == finding_keys()
    assert [key for key, row in shown.items() if not row[1] or "](../../playbook/P" not in row[3]] == []


@pytest.mark.parametrize("code", CODES)
def test_an_error_code_has_a_place_that_says_what_to_do(code: str) -> None:
    said = parts(reference.errors())[code]
    assert re.search(r"\*\*What to do:\*\* \S.+\.\n", said)


def test_no_other_findings_or_variables_are_explained() -> None:
    assert set(reference.SAID["findings"]) <= finding_keys()
    assert set(reference.SAID["environment"]) == reference.variables() != set()


def commands(command: Any = None, words: str = "alignlib") -> Iterator[tuple[str, Any]]:
    command = command or get_command(app)
    for name, inner in getattr(command, "commands", {}).items():
        yield from commands(inner, f"{words} {name}")
    if not hasattr(command, "commands"):
        yield words, command


def test_every_command_is_listed_with_every_option() -> None:
    said = parts(reference.commands())
    assert set(said) == {words for words, _ in commands()}
    for words, command in commands():
        named = {option for param in command.params for option in param.opts if option.startswith("--")}
        assert {option for option in named if f"`{option}`" not in said[words]} == set(), words


def test_every_public_function_of_the_statistics_is_explained() -> None:
    said = parts(reference.methods(), "### ")
    for name in reference.METHODS:
        text = (ROOT / "src" / "alignlib" / f"{name}.py").read_text(encoding="utf-8")
        public = {each.name for each in ast.parse(text).body if isinstance(each, ast.FunctionDef)}
        for key in (key for key in public if not key.startswith("_")):
            assert "?" in said[f"{name}.{key}"].strip().split("\n\n")[0], key
    assert "Wilson 1927" in said["stats.wilson"] and "0.2775" in said["stats.wilson"]


def test_every_export_the_kit_knows_stands_on_the_page_of_its_system() -> None:
    page = (ROOT / "docs" / "exports.md").read_text(encoding="utf-8")
    systems = re.findall(r"<!-- made: exports (\w+) -->", page)
    asked = {key for key in read_exports() if key.split("-")[0] not in systems}
    assert asked == {"count-of-stages"}  # no system's: it is there to be refused
    made = reference.made(page)
    assert [each.name for key, each in read_exports().items() if key not in asked and each.name not in made] == []


def test_a_command_that_a_page_names_is_one() -> None:
    known = dict(commands())
    for path in (ROOT / "docs").rglob("*.md"):
        text = reference.made(path.read_text(encoding="utf-8"))
        for said in re.findall(r"`(alignlib [a-z][^`\n]*)`|^(alignlib [a-z].*)$", text, flags=re.M):
            call = "".join(said)
            words = next((w for w in sorted(known, key=len, reverse=True) if f"{call} ".startswith(f"{w} ")), None)
            if words is None and call.split()[1] in {"workshop"}:
                words = "alignlib workshop open"  # `open` may be left out
            assert words, f"{path.name}: {call}"
            options = {option for param in known[words].params for option in param.opts} | {"--help"}
            assert {word for word in call.split() if word.startswith("--")} <= options, f"{path.name}: {call}"


def test_sample_reports_are_linked_where_they_were_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reference, "SAMPLES", tmp_path)
    assert "make docs" in reference.samples()
    (tmp_path / "report.pdf").touch()
    assert 'href="../report.pdf"' in reference.samples() and "report.html" not in reference.samples()


# --- the tutorial -----------------------------------------------------------------------------------------------------


def plain(text: str) -> str:
    return " ".join(text.replace("\u00a0", " ").split())


def test_the_tutorial_shows_what_its_commands_say(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    text = (ROOT / "docs" / "tutorial.md").read_text(encoding="utf-8")
    blocks = re.findall(r"^```(\w*)\n(.*?)^```", text, flags=re.M | re.S)
    assert [kind for kind, _ in blocks[:2]] == ["", "text"] and blocks[0][1] == "python start.py demo\n"
    monkeypatch.chdir(tmp_path)
    said = ""
    for kind, block in blocks:
        if kind == "text":
            assert [line for line in block.splitlines() if plain(line) not in said] == []
            continue
        words = block.strip().replace("python start.py ", "alignlib ").split()[1:]
        done = CliRunner().invoke(app, words)
        assert done.exit_code == 0, (words, done.output, done.exception)
        said = plain(done.output)
    record = json.loads((tmp_path / "demo" / "results.json").read_text(encoding="utf-8"))
    exhibits = {each["key"]: each["rows"] for each in record["results"]["audit"]["exhibits"]}
    docket, plan = exhibits["audit.docket"], exhibits["audit.plan"]
    held = {(plain(row["complaint"]), plain(row["evidence"]), row["verdict"]) for row in docket}
    shown = {tuple(plain(cell) for cell in row) for row in rows(text)[1:]}
    assert len(shown) == 3 and shown <= held
    first = next(row for row in docket if row["label"] == "G2")
    assert "38 to 51" in first["ends"] and "38 to 51 %, lies below the 70 %" in text
    assert [row["label"].split()[0] for row in plan] == ["P9", "P4", "P3", "P22"]
