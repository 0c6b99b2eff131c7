"""Figures from outside: each with origin, year, sample and grade; quoted only by key; grade D never as a benchmark."""

import re
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from alignlib.resources import read_resource

ROOT = Path(__file__).resolve().parents[1]
TEXTS = {"id", "claim", "figure", "origin", "year", "sample", "method", "grade", "caution", "note"}
NUMBER = r"(?<![\d.,])(?:\d[\d.,]*|(?:two|three|four|five|six|seven|ten|twenty|a hundred))"
QUANTITY = re.compile(rf"{NUMBER}[\s\u00a0]?(?:%|per cent\b|percent\b|percentage points\b|times\b|x\b)", flags=re.I)
SOMEBODY_ELSE = re.compile(
    r"\b(?:studies|study|survey of|benchmark report|according to|research by|report by|most firms|on average in)\b",
    re.I,
)
PAGES = sorted([*(ROOT / "playbook").glob("*.md"), ROOT / "README.md"])
TEMPLATES = sorted(
    path
    for path in (ROOT / "templates").rglob("*")
    if path.suffix in (".md", ".yml", ".j2", ".csv") and path.name != "figures.yml"
)


@cache
def file() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load(read_resource("templates", "figures.yml"))
    return found


def listed() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = file()["figures"]
    return found


def figures() -> dict[str, dict[str, Any]]:
    """Each figure by its key, with the marks by which a quotation of it is found."""
    marks = file()["marks"]
    return {figure["id"]: figure | marks[figure["id"]] for figure in listed()}


def quoted(text: str) -> set[str]:
    """Which figures does a page refer to, by its lines ``Figure: `key` ``?"""
    return set(re.findall(r"^(?:- )?Figure: `([a-z_]+)`", text, flags=re.M))


def is_named(name: str, line: str) -> bool:
    return re.search(rf"(?<!\w){re.escape(name)}(?!\w)", line) is not None


def page_faults(text: str, known: dict[str, dict[str, Any]]) -> list[str]:
    """Which lines of a page quote a figure from outside without its key, and which keys may not stand there?"""
    keys, faults = quoted(text), []
    faults += [f"no figure {key}" for key in sorted(keys - known.keys())]
    faults += [f"{key} may never be printed" for key in sorted(keys & known.keys()) if not known[key]["may_print"]]
    told = {name for key in keys & known.keys() for name in known[key]["names"]}
    for line in filter(QUANTITY.search, text.splitlines()):
        origins = {name for figure in known.values() for name in figure["names"] if is_named(name, line)}
        if (origins and not origins & told) or (not origins and SOMEBODY_ELSE.search(line) and not keys):
            faults.append(f"no Figure: line for: {line[:80]}")
    return faults


def benchmark_faults(text: str, known: dict[str, dict[str, Any]]) -> list[str]:
    """Which lines tell a figure of grade D: one of its numbers, as a share or a sum, beside what it is about?"""
    faults = []
    for figure in (figure for figure in known.values() if figure["grade"] == "D"):
        about = "|".join(map(re.escape, figure["about"]))
        numbers = "|".join(
            re.escape(n) if n[-1].isalpha() else rf"{re.escape(n)}[\s\u00a0]?(?:%|per cent\b|percent\b)"
            for n in figure["numbers"]
        )
        for line in text.splitlines():
            if re.search(rf"(?<![\d.,])(?:{numbers})", line, re.I) and re.search(rf"\b(?:{about})", line, re.I):
                faults.append(f"{figure['id']}: {line[:80]}")
    return faults


@pytest.mark.parametrize("key", figures())
def test_each_figure_has_origin_year_sample_grade_and_what_it_can_carry(key: str) -> None:
    figure = figures()[key]
    assert figure.keys() == TEXTS | {"may_print", "names", "numbers", "about"}
    assert all(isinstance(figure[name], str) and figure[name].strip() for name in TEXTS)
    assert figure["grade"] in ("A", "B", "C", "D") and figure["names"] and figure["about"]
    assert type(figure["may_print"]) is bool and not (figure["grade"] == "D" and figure["may_print"])
    assert re.search(r"\d{4}|not stated", figure["year"])
    assert all(number in figure["figure"] for number in figure["numbers"]) or figure["grade"] == "D"
    if figure["grade"] == "D":
        assert figure["numbers"], "nothing would give away a page that quotes it"


def test_the_figures_people_quote_are_all_there_once() -> None:
    assert len(figures()) == len(listed()) >= 20
    grades = [figure["grade"] for figure in listed()]
    assert grades.count("D") >= 7 and {"A", "B", "C"} <= set(grades)


@pytest.mark.parametrize("path", PAGES, ids=lambda path: path.name)
def test_a_page_that_quotes_a_figure_from_outside_names_its_key(path: Path) -> None:
    assert page_faults(path.read_text(encoding="utf-8"), figures()) == []


@pytest.mark.parametrize("path", [*PAGES, *TEMPLATES], ids=lambda path: path.name)
def test_no_page_or_template_tells_a_figure_that_nobody_can_trace(path: Path) -> None:
    assert benchmark_faults(path.read_text(encoding="utf-8"), figures()) == []


@pytest.mark.parametrize(
    ("planted", "said"),
    [
        ("Aligned firms win 38 % more proposals (MarketingProfs, 2005).", "no Figure: line"),
        ("Oldroyd and others found leads called early seven times as likely to qualify.", "no Figure: line"),
        ("According to studies, 12 per cent of leads are called twice.", "no Figure: line"),
        ("Aligned firms win 38 % more (MarketingProfs).\nFigure: `speed_to_lead`", "no Figure: line"),
        ("Something else.\nFigure: `nobody_knows`", "no figure nobody_knows"),
        ("Much lies unused.\n- Figure: `content_unused`", "may never be printed"),
    ],
)
def test_a_planted_quotation_is_noticed(planted: str, said: str) -> None:
    assert any(said in fault for fault in page_faults(planted, figures()))


@pytest.mark.parametrize(
    ("planted", "key"),
    [
        ("As a rule 65 % of content is never used.", "content_unused"),
        ("Typical: 79 percent of leads never convert.", "never_convert"),
        ("A lack of alignment costs 1 trillion dollars a year.", "cost_of_misalignment"),
        ("The usual MQL becomes SQL in 13 to 45\u00a0% of cases.", "mql_to_sql"),
    ],
)
def test_a_planted_benchmark_of_grade_d_is_noticed(planted: str, key: str) -> None:
    assert any(fault.startswith(f"{key}:") for fault in benchmark_faults(planted, figures()))


def test_a_quotation_with_its_key_and_a_figure_of_the_client_pass() -> None:
    quotation = (
        "Firms that call themselves aligned win 38 % more proposals (MarketingProfs, 2005).\nFigure: `proposals_won`"
    )
    assert page_faults(quotation, figures()) == [] == benchmark_faults(quotation, figures())
    own = "The interval holds 95 % and 12 % of your leads were touched in time."
    assert page_faults(own, figures()) == [] == benchmark_faults(own, figures())
