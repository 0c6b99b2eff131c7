"""The playbook: a play can be run by somebody who was not there, and every finding's play exists."""

import csv
import re
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from alignlib.audit.comparison import BETTER, DIFFERS, NOT, SAME, WORSE
from alignlib.audit.docket import MYTHS
from alignlib.cli import app
from alignlib.engagement import ContentSettings, FunnelSettings, Goal, Promises, SurveySettings
from alignlib.grievances import read_docket
from alignlib.instrument import read_instrument
from alignlib.resources import front_matter, plays, read_resource, resource

HEAD = {
    "id", "title", "question", "minutes", "people", "bring", "findings", "evidence", "table", "owner", "days",
}  # fmt: skip
SECTIONS = ["Why", "Before", "Run", "Say it like this", "Write down", "After", "Watch out", "Source"]
ROOT = Path(__file__).resolve().parents[1]
STRENGTHS = ("supported", "mixed", "practice")
STEPS = ("inquiry_to_mql", "mql_to_sal", "sal_to_sql", "sql_to_opportunity", "opportunity_to_won")
PAGES = [play.file for play in plays().values()]
OTHERS = sorted(path.name for path in resource("playbook").glob("*.md") if path.name not in PAGES)
# The five articles the map answers, and how many ideas of each stand in it.
ARTICLES = {
    "Sales at scale": 12, "Ways to work together": 9, "The longest civil war in business": 13,
    "War of the worlds": 15, "The odd couple": 13, "The docket": 13,
}  # fmt: skip


def finding_keys() -> set[str]:
    """Which findings can this kit make?"""
    names = ("unused", "stale", "untagged", "empty_pipeline", "focus", "persona_focus", "outdated", "specific",
             "taught", "teaching_gain", "shown", "recommended", "notes")  # fmt: skip
    content = {f"content.{name}" for name in names}
    other = (
        "first_touch", "decided", "ownerless", "leaked", "quality", "score_order", "work_order",
        "mql_to_opportunity", "mql_to_won", "win_rate", "cohorts", "marketing_started", "credit_claim",
        "revenue_linked", "long_view",
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
def test_a_play_has_a_sentence_to_open_with_and_one_for_when_it_gets_stuck(file: str) -> None:
    said = page(file)[2]["Say it like this"]
    for mark in ("To open", "When it gets stuck"):
        assert len(re.findall(rf'^- {mark}: ".+"$', said, flags=re.M)) == 1, mark


@pytest.mark.parametrize("file", PAGES)
def test_a_play_has_an_owner_and_the_days_by_which_it_has_been_run(file: str) -> None:
    head = page(file)[0]
    assert isinstance(head["owner"], str) and 0 < len(head["owner"].strip()) <= 30  # it stands in a table cell
    assert type(head["days"]) is int and head["days"] >= 1


@pytest.mark.parametrize("file", PAGES)
def test_a_play_says_how_it_shrinks(file: str) -> None:
    assert re.search(r"\bsmall firm", page(file)[1], flags=re.I)


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


@pytest.mark.parametrize("file", [*PAGES, *OTHERS])
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


def test_the_readme_names_the_play_for_each_grievance_and_every_guide() -> None:
    readme = read_resource("playbook", "README.md")
    listed = set(re.findall(r"\bG\d+\b", readme))
    assert listed == {f"G{number}" for number in range(1, 14)}
    assert not [file for file in OTHERS if file != "README.md" and f"]({file})" not in readme]


# --- the map: from each idea of the five articles to where the audit shows it, and to a play --------------------------


def map_rows(text: str) -> dict[str, list[list[str]]]:
    """The rows of each table of the map, by the heading above it."""
    parts = re.split(r"^## (.+)$", text, flags=re.M)
    tables = zip(parts[1::2], parts[2::2], strict=True)
    return {
        title: [[cell.strip() for cell in line.strip("|").split("|")] for line in body.splitlines() if line[:2] == "| "]
        for title, body in tables
    }


def map_faults(text: str, keys: set[str], known: set[str]) -> list[str]:
    """What is wrong with the map: rows missing or empty, keys the kit cannot make, plays that do not exist?"""
    rows, faults = map_rows(text), []
    for title, many in ARTICLES.items():
        found = rows.get(title, [])[1:]  # the first is the head
        faults += [] if len(found) == many else [f"{title}: {len(found)} rows of {many}"]
        for idea, *_, shown, play in found:
            named = set(re.findall(r"`([a-z_.]+)`", shown))
            faults += [f"{title}, {idea}: no exhibit {key}" for key in sorted(named - keys)]
            faults += [f"{title}, {idea}: no play {id}" for id in re.findall(r"P\d+", play) if id not in known]
            if not named and not re.search(r"deferred: \w+", shown):
                faults.append(f"{title}, {idea}: shown nowhere, and not deferred with a reason")
            if not re.search(r"P\d+|none: \w+", play):
                faults.append(f"{title}, {idea}: leads to no play, and does not say why")
    return faults


def shown_keys() -> set[str]:
    """Which exhibits and findings can this kit make: what src names, and what finding_keys() lists?"""
    source = "".join(path.read_text(encoding="utf-8") for path in (ROOT / "src" / "alignlib").rglob("*.py"))
    return finding_keys() | set(re.findall(r'"((?:survey|content|funnel|audit)\.[a-z_]+)"', source))


def test_the_map_leads_from_each_idea_to_something_the_kit_shows_and_to_a_play() -> None:
    assert map_faults(read_resource("playbook", "map.md"), shown_keys(), set(plays())) == []


def test_a_map_with_a_hole_would_be_noticed() -> None:
    text, keys, known = read_resource("playbook", "map.md"), shown_keys(), set(plays())
    for planted, said in (
        (text.replace("`survey.mirror`", "`survey.nothing`", 1), "no exhibit survey.nothing"),
        (re.sub(r"\| P18[^|]*\|", "| P99 |", text, count=1), "no play P99"),
        (re.sub(r"\| [^|]* \| P18[^|]*\|", "| soon | P18 |", text, count=1), "shown nowhere"),
        (re.sub(r"\| P18[^|]*\|", "| later |", text, count=1), "leads to no play"),
        (re.sub(r"\n\|[^|\n]*\|[^|\n]*\| P18[^|]*\|", "", text, count=1), "11 rows of 12"),
    ):
        assert any(said in fault for fault in map_faults(planted, keys, known)), said


def test_every_play_is_reached_by_a_finding_or_by_the_map() -> None:
    text = read_resource("playbook", "map.md")
    reached = {play.id for play in plays().values() if page(play.file)[0]["findings"]}
    reached |= {id for rows in map_rows(text).values() for row in rows[1:] for id in re.findall(r"P\d+", row[-1])}
    assert reached == {f"P{number}" for number in range(1, 23)} == set(plays())


def test_the_play_the_docket_names_is_the_one_the_readme_and_the_map_name() -> None:
    rows = [line for line in read_resource("playbook", "README.md").splitlines() if line.startswith("| ")]
    mapped = {row[0].split()[0]: row[-1] for row in map_rows(read_resource("playbook", "map.md"))["The docket"][1:]}
    for grievance in read_docket():
        assert mapped[grievance.id].startswith(grievance.play), grievance.id
        named = [row for row in rows if re.search(rf"\b{grievance.id}\b", row)]
        assert any(f"[{grievance.play} " in row for row in named), grievance.id


def test_the_words_of_a_re_audit_are_the_same_in_report_guide_and_glossary() -> None:
    spoken = {name: read_resource("playbook", name).casefold() for name in (
        "guide-reading-the-report.md", "glossary.md", plays()["P22"].file)}  # fmt: skip
    for word in (BETTER, WORSE, DIFFERS, SAME, NOT):
        parted = "differ" if word == DIFFERS else word
        assert not [file for file, text in spoken.items() if parted not in text], word
    for file, text in spoken.items():
        assert "better, worse or" not in text, file


def test_what_is_not_borne_out_has_a_place_in_the_play_the_docket_names_for_it() -> None:
    _, text, sections = page(plays()[MYTHS].file)
    assert "docket" in sections["Before"] and "not borne out" in sections["Run"]
    rows = list(csv.DictReader(read_resource("templates", "plays", front_matter(text, MYTHS)["table"]).splitlines()))
    assert any(row["row_kind"] == "complaint not borne out" for row in rows)
    assert {"what_made_us_think_so", "what_would_change_our_mind"} <= set(rows[0])


def test_the_minutes_of_a_guide_add_up() -> None:
    workshop = read_resource("playbook", "guide-workshop.md").split("## Run")[1].split("\n## ")[0]
    assert sum(map(int, re.findall(r"^\d+\. .*\((\d+) min\)$", workshop, flags=re.M))) == 90
    newcomer = read_resource("playbook", "guide-reading-the-report.md").split("\n## ")[1]
    assert sum(map(int, re.findall(r"\((\d+) min\)$", newcomer, flags=re.M))) == 10
    talks = read_resource("playbook", "guide-audit-in-two-weeks.md").split("\n### Each")[1:]
    told = [sum(map(int, re.findall(r"^\|[^|]+\| (\d+) \|", talk.split("\n## ")[0], flags=re.M))) for talk in talks]
    assert told == [int(talk.split(" minutes")[0].split()[-1]) for talk in talks] == [60, 40]


def test_the_words_of_the_glossary_are_in_order_and_once() -> None:
    words = re.findall(r"^\| ([^|]+) \|", read_resource("playbook", "glossary.md"), flags=re.M)[1:]
    assert len(words) >= 60 and words == sorted(set(words), key=str.casefold)


@pytest.mark.parametrize("file", [*PAGES, *OTHERS])
def test_a_page_names_only_commands_that_exist(file: str) -> None:
    known: Any = get_command(app)
    for said in re.findall(r"`alignlib ([^`]+)`", read_resource("playbook", file)):
        asked, command = said.split(), known
        while hasattr(command, "commands") and asked:
            assert asked[0] in command.commands, f"alignlib {said}"
            command = command.commands[asked.pop(0)]
        options = {option for param in command.params for option in (*param.opts, *param.secondary_opts)}
        assert {word for word in asked if word.startswith("--")} <= options, f"alignlib {said}"


def test_a_page_links_only_to_files_that_exist() -> None:
    for file in [*PAGES, *OTHERS]:
        for target in re.findall(r"\]\(([^)#]+)[^)]*\)", read_resource("playbook", file)):
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
