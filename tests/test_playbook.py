"""The playbook: a play can be run by somebody who was not there, and every finding's play exists."""

import csv
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from alignlib.engagement import ContentSettings, FunnelSettings, Goal, Promises, SurveySettings
from alignlib.instrument import read_instrument
from alignlib.resources import front_matter, plays, read_resource, resource

HEAD = {"id", "title", "question", "minutes", "people", "bring", "findings", "evidence", "table"}
SECTIONS = ["Why", "Before", "Run", "Say it like this", "Write down", "After", "Watch out", "Source"]
STRENGTHS = ("supported", "mixed", "practice")
STEPS = ("inquiry_to_mql", "mql_to_sal", "sal_to_sql", "sql_to_opportunity", "opportunity_to_won")
PAGES = [play.file for play in plays().values()]


def finding_keys() -> set[str]:
    """Which findings can this kit make?"""
    names = ("unused", "stale", "untagged", "empty_pipeline", "focus", "persona_focus", "outdated", "specific",
             "taught", "recommended", "notes")  # fmt: skip
    content = {f"content.{name}" for name in names}
    other = (
        "first_touch", "decided", "ownerless", "leaked", "quality", "score_order", "work_order",
        "mql_to_opportunity", "mql_to_won", "win_rate", "cohorts", "marketing_started", "revenue_linked", "long_view",
        "readings", *STEPS,
    )  # fmt: skip
    return (
        content
        | {f"survey.gap.{block.block}" for block in read_instrument().blocks}
        | {"survey.mirror.sales", "survey.mirror.marketing", "survey.structure"}
        | {f"funnel.{name}" for name in other}
    )


def page(file: str) -> tuple[dict[str, Any], str, dict[str, str]]:
    text = read_resource("playbook", file)
    parts = re.split(r"^## (.+)$", text.split("---\n", 2)[2], flags=re.M)
    return front_matter(text, file), text, dict(zip(parts[1::2], parts[2::2], strict=True))


@pytest.mark.parametrize("file", PAGES)
def test_a_page_has_every_part_in_order(file: str) -> None:
    head, text, sections = page(file)
    assert set(head) == HEAD
    assert list(sections) == SECTIONS
    assert f"# {head['id']} {head['title']}" in text and file.startswith(f"{head['id']}-")
    assert head["evidence"] in STRENGTHS and f"Evidence is {head['evidence']}" in sections["Source"]


@pytest.mark.parametrize("file", PAGES)
def test_the_minutes_of_the_steps_add_up_to_the_minutes_in_the_head(file: str) -> None:
    head, _, sections = page(file)
    steps = re.findall(r"^(\d+)\. .+ \((\d+) min\)$", sections["Run"], flags=re.M)
    numbered = re.findall(r"^\d+\.", sections["Run"], flags=re.M)
    assert [int(number) for number, _ in steps] == list(range(1, len(numbered) + 1))
    assert sum(int(minutes) for _, minutes in steps) == head["minutes"]


@pytest.mark.parametrize("file", PAGES)
def test_a_play_says_why_in_about_sixty_words(file: str) -> None:
    assert 45 <= len(page(file)[2]["Why"].split()) <= 75


@pytest.mark.parametrize("file", PAGES)
def test_what_comes_after_names_an_owner_a_date_and_when_to_measure_again(file: str) -> None:
    for word in ("Owner:", "Date:", "Measure again:"):
        assert f"- {word}" in page(file)[2]["After"], word


@pytest.mark.parametrize("file", PAGES)
def test_the_table_to_fill_exists_is_linked_and_is_even(file: str) -> None:
    head, _, sections = page(file)
    assert head["table"] == Path(file).with_suffix(".csv").name
    assert f"](../templates/plays/{head['table']})" in sections["Write down"]
    rows = list(csv.reader(read_resource("templates", "plays", head["table"]).splitlines()))
    assert len(rows) > 1 and {len(row) for row in rows} == {len(rows[0])}
    assert len(set(rows[0])) == len(rows[0]) and "owner" in rows[0]


@pytest.mark.parametrize("file", [*PAGES, "README.md", "assumptions.md"])
def test_a_line_holds_one_sentence(file: str) -> None:
    body = read_resource("playbook", file).split("---\n", 2)[-1]
    prose = [line for line in body.splitlines() if not line.startswith(("|", "#"))]
    doubled = [line for line in prose if re.search(r"[a-z)][.?!] [A-Z]", re.sub(r"^\d+\. |\(\d+ min\)", "", line))]
    assert not doubled


@pytest.mark.parametrize("file", PAGES)
def test_every_finding_that_leads_to_a_play_is_one_the_kit_can_make(file: str) -> None:
    asked = page(file)[0]["findings"]
    assert asked and len(asked) == len(set(asked))
    assert not [key for key in asked if not any(fnmatchcase(known, key) for known in finding_keys())]


def test_every_finding_the_kit_can_make_leads_to_a_play() -> None:
    asked = [key for file in PAGES for key in page(file)[0]["findings"]]
    assert not [known for known in finding_keys() if not any(fnmatchcase(known, key) for key in asked)]


def test_the_play_a_survey_block_names_lists_that_block() -> None:
    for block in read_instrument().blocks:
        assert f"survey.gap.{block.block}" in page(plays()[block.play].file)[0]["findings"], block.block


def test_the_readme_lists_every_play_with_its_minutes_and_no_other() -> None:
    readme = read_resource("playbook", "README.md")
    listed = re.findall(r"\[(P\d+) ([^\]]+)\]\(([^)]+)\) \| (\d+) \|", readme)
    assert listed == [(play.id, play.title, play.file, str(play.minutes)) for play in plays().values()]
    assert set(re.findall(r"`((?:survey|content|funnel)\.[a-z_.]+)`", readme)) <= finding_keys()


def test_a_page_links_only_to_files_that_exist() -> None:
    for file in [*PAGES, "README.md", "assumptions.md"]:
        for target in re.findall(r"\]\(([^)]+)\)", read_resource("playbook", file)):
            assert (resource("playbook", file).parent / target).resolve().is_file(), f"{file}: {target}"


def test_every_default_stands_in_the_assumptions_with_its_value() -> None:
    written = dict(re.findall(r"^\| `([a-z_.]+)` \| (\S+) \|", read_resource("playbook", "assumptions.md"), flags=re.M))
    parts = {
        "promises": Promises(),
        "survey": SurveySettings(),
        "content": ContentSettings(),
        "funnel": FunnelSettings(),
        "goal": Goal(),
    }
    coded = {
        f"{part}.{name}": str(value)
        for part, model in parts.items()
        for name, value in model.model_dump().items()
        if value not in (None, {}, []) and not isinstance(value, dict)
    }
    assert written == coded
