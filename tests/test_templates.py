"""Does what ``alignlib new`` copies work as it stands, and once everything in it is switched on?"""

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from alignlib.engagement import THRESHOLDS, Input, Settings, SurveySettings, parse_settings
from alignlib.errors import AlignError
from alignlib.instrument import languages, read_instrument
from alignlib.intake.exports import fold
from alignlib.intake.snapshot import check
from alignlib.intake.tables import TABLES
from alignlib.plain_yaml import strict_yaml

ROOT = Path(__file__).resolve().parents[1]
TEMPLATE = ROOT / "templates" / "engagement"


def switched_on(text: str) -> str:
    """The template with every setting taken out of its comment: '#' without a space after it is a setting."""
    return re.sub(r"(?m)^(\s*)#(?=[^\s#])", r"\1", text).replace(": {}\n", ":\n").replace(": []\n", ":\n")


@pytest.fixture(scope="module")
def shipped() -> str:
    return (TEMPLATE / "engagement.yml").read_text(encoding="utf-8")


@pytest.fixture(scope="module")
def filled(shipped: str) -> Settings:
    return parse_settings(switched_on(shipped))


def test_a_new_engagement_is_valid_before_anything_is_filled_in(shipped: str) -> None:
    settings = parse_settings(shipped)
    assert (settings.inputs, settings.thresholds, settings.stages, settings.synthetic) == ([], {}, {}, False)


def test_the_template_is_valid_once_every_setting_is_switched_on(filled: Settings) -> None:
    assert {entry.table for entry in filled.inputs} == TABLES.keys() - {"respondents"}
    assert filled.thresholds.keys() == THRESHOLDS.keys()
    assert set(filled.stages.values()) == {
        "inquiry", "mql", "sal", "sql", "opportunity", "won", "recycled", "disqualified", "lost",
    }  # fmt: skip


def test_a_misspelt_setting_in_the_template_would_be_noticed(shipped: str) -> None:
    with pytest.raises(AlignError, match="did you mean 'unused_content'"):
        parse_settings(switched_on(shipped).replace("unused_content", "unusd_content"))


def test_every_setting_stands_in_the_template(filled: Settings, shipped: str) -> None:
    names = [name for part in (Settings, Input) for name in part.model_fields]
    names += [name for part in (filled.promises, filled.survey, filled.survey.notice, filled.content, filled.funnel)
              for name in type(part).model_fields]  # fmt: skip
    assert [name for name in names if name not in shipped] == []


@pytest.mark.parametrize("name", ["engagement", "sample"])
def test_the_templates_name_only_columns_that_exist(name: str) -> None:
    settings = parse_settings(switched_on((ROOT / "templates" / name / "engagement.yml").read_text(encoding="utf-8")))
    for entry in settings.inputs:
        used = {*entry.columns, *entry.values, *entry.separators, *entry.exclude}
        used |= {column for lookup in entry.lookups for column in lookup.columns}
        assert set(used) <= {column.name for column in TABLES[entry.table].columns}


@pytest.mark.parametrize("name", ["engagement", "sample"])
def test_the_survey_is_read_without_a_mapping(name: str) -> None:
    text = (ROOT / "templates" / name / "engagement.yml").read_text(encoding="utf-8")
    settings = parse_settings(switched_on(text))
    survey = next(entry for entry in settings.inputs if entry.table == "responses")
    assert (survey.shape, survey.columns, survey.items, survey.labels) == ("survey", {}, {}, {})


def test_the_mapping_by_hand_shows_items_that_exist_and_every_answer(filled: Settings) -> None:
    by_hand = [entry for entry in filled.inputs if entry.table == "responses" and entry.items]
    assert len(by_hand) == 1
    assert by_hand[0].items.keys() <= read_instrument().items.keys()
    assert set(by_hand[0].labels.values()) == {"1", "2", "3", "4", "5", "cannot_say"}


def test_the_survey_settings_stand_in_the_template_with_their_defaults(shipped: str, filled: Settings) -> None:
    assert parse_settings(shipped).survey == SurveySettings()
    assert filled.survey.consent_on and filled.survey.segments
    assert all(getattr(filled.survey.notice, name) for name in type(filled.survey.notice).model_fields)
    assert f"language: {' or '.join(languages())};" in shipped


# --- the checklist of facts -------------------------------------------------------------------------------------------


def facts() -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = strict_yaml((TEMPLATE / "data" / "facts.yml").read_text(encoding="utf-8"))[0]["facts"]
    return found


def test_each_fact_has_a_topic_and_a_question_and_no_answer_yet() -> None:
    assert 24 <= len(facts()) <= 30
    assert len({fact["fact"] for fact in facts()}) == len({fact["question"] for fact in facts()}) == len(facts())
    assert {fact["topic"] for fact in facts()} == {"structure", "judged_on", "rules", "rhythm"}
    for fact in facts():
        assert fact.keys() - {"helps"} == {"fact", "topic", "question", "answer", "owner", "dated_on"}, fact["fact"]
        assert (fact["answer"], fact["owner"], fact["dated_on"]) == (None, None, None)
        assert re.fullmatch("[a-z_]+", fact["fact"]) and re.search(r"[?.]$", fact["question"])


def test_the_facts_say_what_helps_as_the_study_found_it() -> None:
    # Le Meunier-FitzHugh and Massey 2019: the only comparison of such devices side by side
    found = {fact["fact"]: fact["helps"] for fact in facts() if "helps" in fact}
    assert found == {
        "one_head_of_both_teams": "yes", "joint_project_teams": "yes", "job_rotation": "yes",
        "regular_joint_meeting": "yes", "joint_training": "no effect found", "sitting_together": "no effect found",
    }  # fmt: skip


def test_the_checklist_as_shipped_is_taken_in(tmp_path: Path, shipped: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "facts.yml").write_text((TEMPLATE / "data" / "facts.yml").read_text(encoding="utf-8"), "utf-8")
    text = shipped.replace("\ninputs: []\n", "\ninputs:\n  - {table: facts, file: facts.yml}\n")
    (tmp_path / "engagement.yml").write_text(text, encoding="utf-8")
    counts, _, problems, _ = check(tmp_path)
    assert problems == []
    assert [(count.read, count.used) for count in counts] == [(len(facts()), len(facts()))]


# --- the survey's words -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("language", languages())
def test_every_language_words_every_item_once_on_a_scale_of_five(language: str) -> None:
    said, english = read_instrument(language), read_instrument()
    assert said.items.keys() == english.items.keys()
    assert len(set(said.scale)) == 5 and said.cannot_say not in said.scale
    segments = ["Retail", "Energy"]
    prompts = [item.prompt for item in said.form("full", segments)]
    # a statement and its mirror share their words, so what is asked must differ by the words around them
    assert len({fold(prompt) for prompt in prompts}) == len(prompts)
    assert not [prompt for prompt in prompts if "{" in prompt or prompt != prompt.strip()]
    for labels in (said.team, said.role):
        assert labels["text"] not in prompts and len(set(labels.values())) == 3


def test_a_translation_gives_every_code_its_own_words_and_every_stem_its_places() -> None:
    english = yaml.safe_load((ROOT / "templates" / "survey" / "instrument.yml").read_text(encoding="utf-8"))
    codes = [code for code, item in read_instrument().items.items() if item.kind != "mirror"]
    for language in languages()[1:]:
        data = yaml.safe_load((ROOT / "templates" / "survey" / f"{language}.yml").read_text(encoding="utf-8"))
        assert data["language"] == language
        assert data.keys() == {"language", "scale", "cannot_say", "team", "role", "stems", "items"}
        assert list(data["items"]) == codes  # in the order asked
        assert all(data["items"][code] != read_instrument().items[code].text for code in codes)
        assert data["stems"].keys() == english["stems"].keys()
        for kind, stem in english["stems"].items():
            assert re.findall(r"\{\w+\}", data["stems"][kind]) == re.findall(r"\{\w+\}", stem), kind
        assert data["team"].keys() == english["team"].keys() and data["role"].keys() == english["role"].keys()


def test_no_words_mean_one_item_in_one_language_and_another_in_another() -> None:
    meant: dict[str, str] = {}
    for language in languages():
        for code, item in read_instrument(language).items.items():
            assert meant.setdefault(fold(item.prompt), code) == code, item.prompt
        for score, label in enumerate(read_instrument(language).scale, 1):
            assert meant.setdefault(fold(label), str(score)) == str(score), label


@pytest.mark.parametrize("language", languages())
def test_the_full_form_takes_under_ten_minutes_and_the_short_one_under_four(language: str) -> None:
    instrument = read_instrument(language)
    full, short = (instrument.form(form, [f"Segment {i}" for i in range(6)]) for form in ("full", "short"))
    assert instrument.minutes(short) < 4 < instrument.minutes(full) < 10
    assert {item.item for item in short} < {item.item for item in full}


def test_two_items_are_turned_round_and_every_block_is_mirrored() -> None:
    instrument = read_instrument()
    assert [item.item for item in instrument.items.values() if item.reverse] == ["handoff_2", "roles_2"]
    assert len(instrument.blocks) == 13
    assert [item.about for item in instrument.of("mirror")] == [block.items[0].item for block in instrument.blocks]
    assert not any(instrument.items[item.about].reverse for item in instrument.of("mirror"))


@pytest.mark.parametrize(
    ("said", "blocks"),
    [
        ("they have one common goal, to contribute to revenue", {"shared_goal"}),
        ("long-term versus short-term, managed and measured differently", {"time_and_metrics"}),
        ("create a common language: MQL and SQL", {"common_language"}),
        ("key handoff points, the threshold of a sales qualified lead", {"handoff"}),
        ("Sales not following up on the leads", {"follow_up"}),
        ("leads are not up to scratch; how to grade leads and who does so", {"lead_quality"}),
        ("who gets credit, who nurtures", {"credit"}),
        ("focused on a different industry; market versus customer", {"focus"}),
        ("resources versus junk; has to be customizable", {"content_relevance"}),
        ("did not learn how to use it; effortlessly available", {"content_know_how"}),
        ("skewed ideas about what the other's role is", {"roles"}),
        ("acknowledge the value the other one brings; morale; happier employees", {"regard"}),
        ("wasted time; customer experience", {"harm"}),
    ],
)
def test_what_the_sources_complain_of_is_asked_in_a_block(said: str, blocks: set[str]) -> None:
    assert blocks <= {block.block for block in read_instrument().blocks if len(block.items) >= 2}, said


# --- the pages for people ---------------------------------------------------------------------------------------------


def test_the_page_of_files_names_every_table_and_the_email_asks_for_no_names() -> None:
    page = (TEMPLATE / "data" / "README.md").read_text(encoding="utf-8")
    assert [table for table in TABLES if f"`{table}`" not in page] == ["respondents"]
    email = (TEMPLATE / "request-email.md").read_text(encoding="utf-8")
    assert "names, e-mail addresses" in email.split("Please do not send")[1]
