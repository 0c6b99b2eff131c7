"""Does a notebook show results so that people can read them and nothing in them can run?"""

import base64
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from xml.etree import ElementTree

import pytest

from alignlib.result import MIME, NotJudged
from alignlib.show import result_html, show

sys.path.insert(0, str(Path(__file__).parent / "report"))
from sample_record import CONVERSATIONS, DOCKET, FINDINGS, ITEMS, LEAKS, sample_record

PAYLOAD = "</script><script>alert(1)</script><img src=x onerror=alert(2)>"


class Seen(HTMLParser):
    """Every tag, every attribute and all text of a piece of HTML."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data


def test_an_exhibit_is_shown_as_a_picture_with_how_to_read_it() -> None:
    view = show(LEAKS)
    seen = Seen(view.html)
    picture = next(value for name, value in seen.attributes if name == "src")
    svg = base64.b64decode(picture.removeprefix("data:image/svg+xml;base64,"))
    assert ElementTree.fromstring(svg).tag == "{http://www.w3.org/2000/svg}svg"
    assert LEAKS.title in seen.text and LEAKS.read in seen.text and ("alt", LEAKS.alt) in seen.attributes
    assert repr(view) == LEAKS.title


def test_a_table_is_shown_as_a_table_and_findings_as_one() -> None:
    assert "Leads handed over are followed up in the time we promised." in Seen(show(ITEMS).html).text
    shown = Seen(show(FINDINGS * 4).html)
    assert shown.tags.count("tr") == 1 + 4 * len(FINDINGS) and FINDINGS[0].title in shown.text


def test_a_docket_and_the_five_conversations_are_shown_as_whole_tables_of_what_is_meant_for_pages() -> None:
    docket, strip = Seen(show(DOCKET).html), Seen(show(CONVERSATIONS, currency="EUR").html)
    assert docket.tags.count("tr") == 1 + len(DOCKET.rows) and strip.tags.count("tr") == 1 + len(CONVERSATIONS.rows)
    assert "They do not value us" in docket.text and "18 to 64\u00a0% of won revenue" in docket.text
    assert "funnel.credit_claim" not in docket.text and "svg" not in docket.tags
    assert "2.4 (1.9 to 2.9)" in strip.text and "€870k" in strip.text and "86\u00a0% (78 to 91)" in strip.text


def test_a_result_shows_one_of_its_exhibits_by_key() -> None:
    result = sample_record().results["funnel"]
    assert show(result, "funnel.leaks").text == LEAKS.title
    assert show(result).text == result.headline


def test_an_exhibit_that_could_not_be_made_is_named_with_what_would_settle_it() -> None:
    gap = NotJudged(what="First touch", why="no touches supplied", settle="the activity log", theme="handoff")
    result = sample_record().results["survey"].model_copy(update={"not_judged": [gap]})
    seen = Seen(show(result, "funnel.touch").html)
    assert "funnel.touch could not be made" in seen.text and "the activity log" in seen.text
    assert "Not judged: funnel.touch" in seen.text and "First touch" in seen.text and "table" not in seen.tags


def test_an_absence_that_leaves_no_question_open_is_not_called_unjudged() -> None:
    audit = sample_record().results["audit"].model_copy(update={"exhibits": []})
    shown = {key: show(audit, key) for key in ("audit.change", "audit.plan")}
    assert [view.text for view in shown.values()] == ["No earlier audit was given", "Nothing calls for a play"]
    assert all("Not judged" not in view.html and view.text in view.html for view in shown.values())


def test_without_findings_no_empty_table_is_shown() -> None:
    empty = sample_record().results["funnel"].model_copy(update={"findings": []})
    assert "table" not in Seen(result_html(empty)).tags and "table" not in Seen(show([]).html).tags
    assert show([]).text == "No findings" and "No findings" in show([]).html


@pytest.mark.parametrize("hostile", [PAYLOAD, "\"'><svg onload=alert(1)>", "javascript:alert(1)", "{{ 7 * 7 }}"])
def test_S01_nothing_in_a_result_can_run(hostile: str) -> None:
    exhibit = ITEMS.model_copy(update={"title": hostile, "alt": hostile, "read": hostile, "rows": [{"label": hostile}]})
    finding = FINDINGS[0].model_copy(update={"title": hostile, "detail": hostile, "play": hostile})
    drawn = LEAKS.model_copy(update={"alt": hostile, "rows": [{**LEAKS.rows[0], "label": hostile}]})
    result = sample_record().results["audit"].model_copy(update={"headline": hostile, "caveats": [hostile]})
    for html in (show(exhibit).html, show([finding]).html, show(drawn).html, result_html(result)):
        seen = Seen(html)
        assert not set(seen.tags) & {"script", "svg", "iframe", "object", "a"}
        assert not [name for name, _ in seen.attributes if name.startswith("on")]
        assert all(value.startswith("data:image/svg+xml;base64,") for name, value in seen.attributes if name == "src")
        assert hostile in seen.text or hostile in [value for name, value in seen.attributes if name == "alt"]


def test_a_cell_that_ends_in_a_result_holds_html_for_people_and_the_record_for_machines() -> None:
    # in a process of its own: IPython's shell is one for a whole process
    code = f"""
import sys
sys.path.insert(0, {str(Path(__file__).parent / "report")!r})
from IPython.core.interactiveshell import InteractiveShell
from sample_record import sample_record
import alignlib
shell = InteractiveShell.instance()
shell.display_formatter.active_types = shell.display_formatter.format_types
result = sample_record().results["content"]
alignlib.show(result.findings)
alignlib.show(result, "content.nothing")
data, _ = shell.display_formatter.format(result)
print(sorted(data), "A summary." in data["text/html"], data["{MIME}"]["diagnostic"])
"""
    ran = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, timeout=120, check=False)
    assert ran.stdout.strip() == f"['{MIME}', 'text/html', 'text/plain'] True content", ran.stderr
