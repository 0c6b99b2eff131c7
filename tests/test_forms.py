"""The form in every format: all questions there in order, all words text and never code, and an honest notice."""

import csv
import io
import json
import re
import shutil
import subprocess
from datetime import date
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import docx
import openpyxl
import pytest
import yaml
from openpyxl import load_workbook

from alignlib import forms
from alignlib.engagement import Notice, Period, Settings, SurveySettings
from alignlib.errors import AlignError
from alignlib.instrument import languages, read_instrument
from alignlib.intake.exports import item_of
from alignlib.resources import read_resource

TARGETS = ("google", "microsoft", "csv", "xlsx", "print")
HOSTILE = ["</script><script>alert(1)</script>", '=HYPERLINK("http://x","y")', '"; prompt(2)//', "line\u2028separator",
           "-2+3", "@SUM(A1)", "{client} {{ 7*7 }} %s", "nul\x00 and \x1b[31m"]  # fmt: skip
FULL = Notice(
    kept_by="A. Consultant", answers_seen_by="two of us", results_seen_by="both teams", kept_until=date(2026, 12, 31),
    contact="s@example.org",
)  # fmt: skip


def settings(client: str = "Acme", **survey: Any) -> Settings:
    return Settings(
        version=1, client=client, period=Period(start=date(2025, 1, 1), end=date(2026, 3, 31)), currency="EUR",
        timezone="UTC", as_of=date(2026, 4, 30), survey=SurveySettings(**survey),
    )  # fmt: skip


def form(client: str = "Acme", **survey: Any) -> forms.Form:
    return forms.read_form(settings(client, **{"segments": ["Retail", "Public sector"], **survey}))


def file(made: forms.Form, to: str, name: str) -> Any:
    return forms.export(made, to)[name]


FORMS = {
    "full": form(), "short": form(form="short"), "German": form(language="de"),
    "named": form(mode="named", consent_on=date(2026, 5, 4)), "hostile": form(HOSTILE[0], segments=HOSTILE),
}  # fmt: skip
every_form = pytest.mark.parametrize("made", FORMS.values(), ids=FORMS)


# --- what is asked ----------------------------------------------------------------------------------------------------


def test_a_form_asks_the_items_of_the_instrument_in_its_order_after_team_and_role() -> None:
    asked = [q.code for q in FORMS["full"].questions]
    wanted = read_instrument().form("full", ["Retail", "Public sector"])
    assert asked == ["team", "role", *(item.item for item in wanted)]
    assert [q.code for q in FORMS["short"].questions][2:] == [i.item for i in read_instrument().form("short", [])]


def test_only_a_named_survey_asks_for_a_name() -> None:
    assert [q.code for q in FORMS["named"].questions][:3] == ["respondent_id", "team", "role"]
    assert all("respondent_id" not in [q.code for q in made.questions] for n, made in FORMS.items() if n != "named")


def test_every_translation_has_words_for_headings_and_notice() -> None:
    words = yaml.safe_load(read_resource("templates", "survey", "forms.yml"))
    blocks = {block.block for block in read_instrument().blocks}
    assert set(languages()) <= set(words)
    for language, said in words.items():
        assert said.keys() | {"blocks"} == words["de"].keys()
        assert [len(said["notice"][part]) for part in ("every", "anonymous", "named")] == [1, 8, 7]
        assert language == "en" or set(said["blocks"]) == blocks


def test_a_language_nobody_translated_is_refused_and_one_without_headings_is_said(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with pytest.raises(AlignError, match="no translation into 'xx'"):
        form(language="xx")
    english = yaml.safe_load(read_resource("templates", "survey", "forms.yml"))["en"]
    monkeypatch.setattr(forms.yaml, "safe_load", lambda _: {"en": english})
    read_instrument("de")  # cached: only the headings are missing now
    assert any("headings and notice in 'de'" in gap for gap in form(language="de").missing)


# --- Google -----------------------------------------------------------------------------------------------------------


def google(made: forms.Form) -> dict[str, Any]:
    script = file(made, "google", "form.gs")
    literals = re.findall(r"^const FORM = (.*);$", script, re.MULTILINE)
    assert len(literals) == 1
    return json.loads(literals[0])  # type: ignore[no-any-return]


def google_headers(items: list[dict[str, Any]]) -> list[str]:
    """The columns of the form's export, as Google writes them."""
    headers = []
    for item in items:
        rows = [f"{item['title']} [{row}]" for row in item["rows"]] if item["type"] == "grid" else [item["title"]]
        headers += [] if item["type"] == "page" else rows
    return headers


@every_form
def test_the_words_of_the_google_form_are_one_json_literal_that_holds_exactly_the_questions(made: forms.Form) -> None:
    items = google(made)["items"]
    segments = [legible.removeprefix("points_") for q in made.questions if (legible := q.code).startswith("points_")]
    asked = [q.code for q in made.questions if q.kind != "name"]
    headers = [header for header in google_headers(items) if header != made.words["name"]]
    assert [item_of((header,), segments) for header in headers] == asked
    given = {q.code: q for q in made.questions}
    for item in items:
        if item["type"] == "number":
            known = next(q for q in given.values() if q.prompt == item["title"])
            assert (item["low"], item["high"]) == (known.low, known.high)
        elif item["type"] == "grid":
            assert len(item["columns"]) == 6 and item["once"] == (item["columns"] == list("123456"))


def test_client_text_never_becomes_code_in_the_script() -> None:
    script, kit = file(FORMS["hostile"], "google", "form.gs"), read_resource("templates", "survey", "form.gs")
    literal = re.findall(r"^const FORM = (.*);$", script, re.MULTILINE)[0]
    assert script.replace(literal, "__FORM__") == kit and literal.isascii() and "<" not in literal
    assert '\\"; prompt(2)//' in literal and not re.search(r'(?<!\\)"; prompt', literal)  # its quotation mark escaped
    assert HOSTILE[0] in google(FORMS["hostile"])["title"]


def test_the_google_form_collects_no_addresses_and_shows_nobody_the_results() -> None:
    script = file(FORMS["full"], "google", "form.gs")
    for call in ("setCollectEmail(false)", "setLimitOneResponsePerUser(false)", "setAllowResponseEdits(false)",
                 "setPublishingSummary(false)"):  # fmt: skip
        assert call in script
    assert "script.google.com" in script.split("*/")[0]


GOOGLE = """
const calls = [];
function double(name) {
  return new Proxy(function () {}, { get: (_, key) => (...given) => {
    calls.push([name, key, given.map((one) => typeof one === 'function' ? 'built' : one)]);
    return String(key).endsWith('Url') ? 'https://' : double(String(key).startsWith('add') ? key : name);
  } });
}
global.FormApp = double('FormApp');
global.Logger = { log: () => {} };
(0, eval)(require('fs').readFileSync(process.argv[2], 'utf8') + ';build();');
console.log(JSON.stringify(calls));
"""


@pytest.mark.skipif(not shutil.which("node"), reason="node is not on this machine; the literal is tested above")
@every_form
def test_the_script_runs_and_adds_every_question(made: forms.Form, tmp_path: Path) -> None:
    (tmp_path / "double.js").write_text(GOOGLE)
    (tmp_path / "form.gs").write_text(file(made, "google", "form.gs"))
    command = ["node", "double.js", "form.gs"]
    run = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True)
    calls = json.loads(run.stdout)
    titles = [given[0] for name, key, given in calls if key == "setTitle" and name.startswith("add")]
    assert titles == [item["title"] for item in google(made)["items"]]
    assert sum(len(given[0]) for _, key, given in calls if key == "setRows") == sum(
        q.kind in (*forms.CHOSEN, "rank") for q in made.questions
    )


# --- Microsoft --------------------------------------------------------------------------------------------------------


@every_form
def test_the_document_for_microsoft_holds_every_question_and_answer_in_order(made: forms.Form) -> None:
    paragraphs = [p.text for p in docx.Document(io.BytesIO(file(made, "microsoft", "form.docx"))).paragraphs]
    found: list[tuple[str, list[str]]] = []
    for number_or_letter, text in (re.fullmatch(r"(\d+|[A-Z])\. (.*)", line).groups() for line in paragraphs[1:]):  # type: ignore[union-attr]
        if number_or_letter.isdigit():
            assert int(number_or_letter) == len(found) + 1
            found.append((text, []))
        else:
            assert number_or_letter == "ABCDEF"[len(found[-1][1])]
            found[-1][1].append(text)
    assert found == [(" ".join(q.prompt.split()), list(q.answers)) for q in made.questions]
    assert paragraphs[0] == " ".join(made.title.split())


# --- tables -----------------------------------------------------------------------------------------------------------


def table(text: str) -> list[list[str]]:
    assert text.startswith("\ufeff")
    return list(csv.reader(io.StringIO(text[1:])))


@every_form
def test_the_tables_hold_the_codes_and_say_what_each_asks(made: forms.Form) -> None:
    codes, asked = table(file(made, "csv", "form.csv")), table(file(made, "csv", "questions.csv"))
    assert codes == [[q.code for q in made.questions]]
    assert asked == [["code", "question", "answers"], *([q.code, q.prompt, q.allowed] for q in made.questions)]


@pytest.mark.parametrize("cell", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "\uff1d1", "\uff0b1"])
def test_S10_a_cell_that_could_pass_for_a_formula_is_stopped(cell: str) -> None:
    assert table(forms.as_csv([[cell, "plain"]])) == [["\u2060" + cell, "plain"]]


def test_the_answers_that_can_be_given_are_said() -> None:
    said = {q.code: q.allowed for q in FORMS["full"].questions}
    assert said["team"] == "Sales | Marketing" and said["role"] == "Yes | No"
    assert said["goal_1"] == "Disagree | Rather disagree | Neither | Rather agree | Agree | Cannot say"
    assert said["goal_new"] == "1 | 2 | 3 | 4 | 5 | 6" and said["est_days"] == "a number from 0 to 365"
    assert said["comment_well"] == "your own words"


@every_form
def test_the_workbook_holds_text_only_and_its_header_is_read_back(made: forms.Form) -> None:
    content = file(made, "xlsx", "form.xlsx")
    book = openpyxl.load_workbook(io.BytesIO(content))
    assert book.sheetnames == ["Answers", "Questions", "Notice", "Lists"] and book["Lists"].sheet_state == "hidden"
    cells = [cell for sheet in book for row in sheet.iter_rows() for cell in row if cell.value is not None]
    assert {cell.data_type for cell in cells} == {"s"} and not any(cell.hyperlink for cell in cells)
    header = [cell.value for cell in book["Answers"][1]]
    assert header == [q.prompt for q in made.questions] and book["Answers"].max_row == 1
    segments = [q.text for q in made.questions if q.kind == "points"]
    asked = [q.code for q in made.questions if q.kind != "name"]
    assert [item_of((text,), segments) for text in header if text != made.words["name"]] == asked
    assert [[cell.value for cell in row] for row in book["Questions"].iter_rows(min_row=2)] == [
        [q.code, q.prompt, q.allowed] for q in made.questions
    ]
    assert book["Answers"].freeze_panes == ("D2" if made is FORMS["named"] else "C2")


def test_the_workbook_offers_what_can_be_chosen_and_refuses_impossible_numbers() -> None:
    book = openpyxl.load_workbook(io.BytesIO(file(FORMS["full"], "xlsx", "form.xlsx")))
    rules = {}
    for rule in book["Answers"].data_validations.dataValidation:
        for area in rule.sqref.ranges:
            rules.update(dict.fromkeys(range(area.min_col - 1, area.max_col), rule))
    for column, q in enumerate(FORMS["full"].questions):
        if q.kind in forms.OPEN:
            assert column not in rules
        elif q.kind in (*forms.CHOSEN, "choice"):
            place = rules[column].formula1.removeprefix("Lists!").replace("$", "")
            assert tuple(cell.value for (cell,) in book["Lists"][place]) == q.answers
        else:
            assert rules[column].type == ("whole" if q.kind == "rank" else "decimal")
            assert (float(rules[column].formula1), float(rules[column].formula2)) == (q.low, q.high)


def test_the_same_settings_give_the_same_workbook() -> None:
    assert file(form(), "xlsx", "form.xlsx") == file(form(), "xlsx", "form.xlsx")


# --- paper ------------------------------------------------------------------------------------------------------------


class Page(HTMLParser):
    """What stands on a page: its tags, its words, and every address it names."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.words: list[str] = []
        self.named: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.named += [name for name, _ in attrs if name in {"src", "href", "action", "data"} or name.startswith("on")]

    def handle_data(self, data: str) -> None:
        self.words.append(" ".join(data.split()))


@every_form
def test_the_printed_form_shows_every_question_and_loads_nothing(made: forms.Form) -> None:
    text = file(made, "print", "form.html")
    page = Page(text)
    assert not {"script", "link", "img", "iframe", "form", "input"} & set(page.tags) and page.named == []
    assert "default-src 'none'" in text and "url(" not in text and "@import" not in text
    shown = iter(page.words)
    for number, q in enumerate(made.questions, 1):
        wording = made.words["quoted"].format(text=q.text) if q.kind == "mirror" else q.text
        assert str(number) in shown and " ".join(wording.split()) in shown, q.code  # each after the one before
    boxes = sum(len(q.answers) for q in made.questions if q.kind != "rank")
    assert text.count('class="box"') == boxes
    assert text.count('class="field"') == sum(not q.answers or q.kind == "rank" for q in made.questions) - sum(
        q.kind in forms.OPEN for q in made.questions
    )


def test_a_mirror_quotes_the_sentence_so_that_nobody_takes_it_for_their_own_view() -> None:
    page = Page(file(FORMS["full"], "print", "form.html"))
    assert "“Sales and Marketing work towards the same goal for revenue.”" in page.words
    assert any(text.startswith("Not what you think") for text in page.words)


# --- the notice -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("to", TARGETS)
def test_the_notice_goes_with_every_form_and_both_kinds_say_the_same(to: str) -> None:
    files = forms.export(FORMS["full"], to)
    page, text = Page(str(files["notice.html"])), str(files["notice.txt"])
    assert page.named == [] and "script" not in page.tags
    for title, said in FORMS["full"].paper_notice if to == "print" else FORMS["full"].notice:
        assert title in page.words and said in page.words and f"{title}\n{said}" in text


def test_an_anonymous_notice_promises_what_the_kit_keeps_and_says_what_it_cannot() -> None:
    text = forms.notice_text(form(notice=FULL, smallest_group=6))
    for said in ("fewer than 6 people is ever shown", "nobody can find them again", "The tool in which you answer may",
                 "deletes what the tool holds", "about 9 minutes", "kept by: A. Consultant",
                 "They are seen by: two of us", "groups only, are seen by: both teams",
                 "until: 31 December 2026", "Ask: s@example.org."):  # fmt: skip
        assert said in text
    assert "with your name" not in text and "[" not in text


def test_a_named_notice_promises_no_anonymity() -> None:
    text = forms.notice_text(FORMS["named"])
    assert "This survey is not anonymous" in text and "agreed to this on 4 May 2026" in text
    assert "No anonymity is promised" in text and "can find them again" not in text and "fewer than" not in text


@pytest.mark.parametrize("made", [form(mode=m, consent_on=date(2026, 5, 4), language=x) for m in ("anonymous", "named")
                                  for x in languages()])  # fmt: skip
def test_a_notice_on_paper_speaks_of_sheets_and_never_of_a_tool(made: forms.Form) -> None:
    tool, paper = (str(forms.export(made, to)["notice.txt"]).lower() for to in ("google", "print"))
    for word in ("tool", "werkzeug", "export", "ausgegeben"):
        assert word not in paper
    assert ("sheets" in paper or "blätter" in paper) and "sheets" not in tool and "blätter" not in tool


def test_a_german_form_has_a_german_notice() -> None:
    made = form(language="de", notice=FULL)
    assert "31. Dezember 2026" in forms.notice_text(made)
    assert '<html lang="de">' in file(made, "print", "form.html")


def test_what_the_engagement_does_not_say_stands_there_as_a_gap() -> None:
    made = form(segments=[])
    assert forms.notice_text(made).count("[to be filled in: ") == 5
    assert "[to be filled in: whom to ask]" in file(made, "print", "notice.html")
    assert [gap.split(":")[0] for gap in made.missing] == [
        "survey.segments", "survey.notice.kept_by", "survey.notice.answers_seen_by",
        "survey.notice.results_seen_by", "survey.notice.kept_until", "survey.notice.contact",
    ]  # fmt: skip
    assert form(notice=FULL).missing == [] and form(form="short", segments=[], notice=FULL).missing == []


# --- client text ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", HOSTILE)
def test_S02_a_hostile_client_and_contact_end_up_as_text_in_every_format(name: str) -> None:
    made = form(name, notice=Notice(kept_by=name, answers_seen_by=name, results_seen_by=name, contact=name))
    shown = name.replace("\x00", "\ufffd").replace("\x1b", "\ufffd")
    assert shown in made.title and shown in forms.notice_text(made)
    assert shown in google(made)["title"]
    words = docx.Document(io.BytesIO(file(made, "microsoft", "form.docx"))).paragraphs[0].text
    assert " ".join(shown.split()) in words
    book = openpyxl.load_workbook(io.BytesIO(file(made, "xlsx", "form.xlsx")))
    assert any(shown in str(cell.value) for row in book["Notice"].iter_rows() for cell in row)
    for page in (Page(file(made, "print", "form.html")), Page(file(made, "print", "notice.html"))):
        assert "script" not in page.tags and page.named == []
        assert " ".join(shown.split()) in " ".join(page.words)


# --- writing ----------------------------------------------------------------------------------------------------------


def test_an_earlier_form_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    forms.write_form(tmp_path, forms.export(form(), "print"))
    written = forms.write_form(tmp_path, forms.export(form("Other"), "print"))
    assert sorted(path.name for path in tmp_path.iterdir()) == ["form.html", "notice.html", "notice.txt"]
    assert all("Acme" not in path.read_text(encoding="utf-8") for path in written)


@pytest.mark.parametrize(("to", "name"), [("csv", "form.csv"), ("xlsx", "form.xlsx")])
def test_a_table_with_answers_in_it_is_never_replaced(to: str, name: str, tmp_path: Path) -> None:
    forms.write_form(tmp_path, forms.export(form(), to))
    forms.write_form(tmp_path, forms.export(form("Before"), to))  # nobody typed anything, so nothing can be lost
    if to == "csv":
        with (tmp_path / name).open("ab") as handle:
            handle.write(b"Sales,Yes,5\r\n")
    else:
        book = load_workbook(tmp_path / name)
        book["Answers"]["A2"] = "Sales"
        book.save(tmp_path / name)
    before = {path.name: path.read_bytes() for path in tmp_path.iterdir()}
    with pytest.raises(AlignError, match="may hold answers"):
        forms.write_form(tmp_path, forms.export(form("Other"), to))
    assert {path.name: path.read_bytes() for path in tmp_path.iterdir()} == before
