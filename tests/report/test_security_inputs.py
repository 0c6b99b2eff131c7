"""From the files to the four formats: does what a client's system, settings and file names hold stay text all the way?

``test_hostile.py`` puts every payload into every text of a record. Here some go the whole way, through the real intake.
"""

import csv
import io
import json
import logging
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from test_hostile import Page, assert_harmless, assert_no_way_out, formulas, live_in, parts, squeezed
from test_leaks import STEM, planted_with_canaries
from test_same_figures import of_planted

from alignlib.diagnostics import content, funnel, survey
from alignlib.engagement import SETTINGS_FILE, Settings
from alignlib.intake.snapshot import open_run, prepare
from alignlib.report import document, file_name, html, make
from alignlib.result import Record, Result, to_json
from alignlib.samples import write_sample

CLIENT = "</title><script>pwned(1)</script> \"'"
FILE = "leads <img src=x onerror=pwned(1)>.csv"
HEADER = "Original Source <script>pwned(1)"
# words of the sample company that its reports print, and what stands there instead
SAID = {
    "Referral": "<script>pwned(1)</script> Referral",
    "Webinar": "=1+1 Webinar",
    "Retail": '"><img src=x onerror=pwned(1)> Retail',
    "Plant manager": "</text><script>pwned(1)</script> Plant manager",
    "Lack of staff": "' onfocus='pwned(1)",
    "Line B": "<svg onload=pwned(1)> Line B",
    "West": "{{7*7}}{% raw %} West",
    "No budget yet": "javascript:pwned(1)",
    "Calls made": "<!--<script> Calls made",
    "Sales accepted": "</style><style>*{display:none}",
    "Head of sales": "<iframe src=javascript:pwned(1)></iframe>",
    "Health care": "![x](https://evil.example/x.png) Health care",
    "rollout": ']]><script>pwned(1)</script> #eval("1")',
}


def changed(text: str) -> str:
    return HEADER if text == "Original Source" else FILE if text == "leads.csv" else _changed(text)


def _changed(text: str) -> str:
    for plain, hostile in SAID.items():
        text = text.replace(plain, hostile)
    return text


def poisoned(folder: Path) -> Path:
    """The sample company whose words are payloads, in its files as in its settings."""
    engagement = write_sample(folder / "engagement")
    for path in sorted((engagement / "data").glob("*.?sv")):
        delimiter = {".tsv": "\t"}.get(path.suffix, ";" if path.name == "opportunities.csv" else ",")
        rows = csv.reader(io.StringIO(path.read_text(encoding="utf-8-sig"), newline=""), delimiter=delimiter)
        text = io.StringIO()
        csv.writer(text, delimiter=delimiter).writerows([changed(cell) for cell in row] for row in rows)
        path.unlink()
        (path.parent / changed(path.name)).write_text(text.getvalue(), encoding="utf-8", newline="")
    settings = engagement / SETTINGS_FILE
    tree: Any = yaml.compose(settings.read_text(encoding="utf-8").replace("Northwind Sample Co.", "CLIENT"))
    change(tree)
    settings.write_text(yaml.serialize(tree, allow_unicode=True), encoding="utf-8")
    return engagement


def change(node: Any) -> None:
    if isinstance(node, yaml.ScalarNode):
        value = CLIENT if node.value == "CLIENT" else changed(node.value)
        node.value, node.style = value, '"' if value != node.value else node.style
        return
    for each in node.value:
        for inner in each if isinstance(each, tuple) else (each,):
            change(inner)


@pytest.fixture(scope="module")
def record(tmp_path_factory: pytest.TempPathFactory) -> Record:
    folder = tmp_path_factory.mktemp("hostile")
    prepare(poisoned(folder), folder / "run")
    settings, tables = open_run(folder / "run")
    each = {"survey": survey, "content": content, "funnel": funnel}
    return of_planted(settings, {name: of.diagnose(tables, settings) for name, of in each.items()})


def test_S01_S02_what_came_in_with_the_files_stands_in_the_record_as_it_was_written(record: Record) -> None:
    text = json.loads(to_json(record))
    assert record.client == CLIENT
    assert [said for said in (FILE, *SAID.values()) if said not in "\n".join(words(text))] == []


def words(value: Any) -> Iterator[str]:
    """Every text of a record, and every name in it."""
    if isinstance(value, dict):
        yield from value
    if isinstance(value, dict | list):
        for inner in value.values() if isinstance(value, dict) else value:
            yield from words(inner)
    elif isinstance(value, str):
        yield value


def test_S01_S02_S09_S23_what_came_in_with_the_files_is_text_in_all_four_formats(
    record: Record, planted: tuple[Settings, dict[str, Result]]
) -> None:
    reports, problems = make(record)
    assert problems == []
    page, book, deck, pdf = (reports[file_name(kind)] for kind in ("html", "xlsx", "pptx", "pdf"))
    found = assert_harmless(str(page), Page(html.render(document.build(of_planted(*planted)))))
    shown = squeezed("".join(found.text))
    assert sum(squeezed(said) in shown for said in SAID.values()) > 8 and squeezed(CLIENT) in shown
    for packed in (bytes(book), bytes(deck)):
        assert_no_way_out(parts(packed))
    assert formulas(bytes(book)) == [] and live_in(bytes(pdf)) == set()


def test_S46_what_is_logged_and_printed_while_files_are_read_and_judged_holds_no_cell(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
) -> None:
    with caplog.at_level(logging.DEBUG):
        prepare(planted_with_canaries(tmp_path), tmp_path / "run")
        settings, tables = open_run(tmp_path / "run")
        for each in (survey, content, funnel):
            each.diagnose(tables, settings)
        assert STEM not in caplog.text + "".join(capfd.readouterr())
        logging.getLogger("alignlib").debug(STEM)  # it would be seen
    assert STEM in caplog.text
