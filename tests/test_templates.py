"""Does what ``alignlib new`` copies work as it stands, and once everything in it is switched on?"""

import re
from pathlib import Path

import pytest
import yaml

from alignlib.engagement import THRESHOLDS, Input, Settings, parse_settings
from alignlib.errors import AlignError
from alignlib.intake.tables import TABLES

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
    names += [name for part in (filled.promises, filled.survey, filled.content, filled.funnel)
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
def test_the_templates_map_every_item_of_the_survey(name: str) -> None:
    instrument = yaml.safe_load((ROOT / "templates" / "survey" / "instrument.yml").read_text(encoding="utf-8"))
    items = {item["item"]: item["text"] for block in instrument["blocks"] for item in block["items"]}
    settings = parse_settings(switched_on((ROOT / "templates" / name / "engagement.yml").read_text(encoding="utf-8")))
    survey = next(entry for entry in settings.inputs if entry.table == "responses")
    assert survey.items.keys() == items.keys()
    assert all(items[item] in header for item, header in survey.items.items())


def test_the_page_of_files_names_every_table_and_the_email_asks_for_no_names() -> None:
    page = (TEMPLATE / "data" / "README.md").read_text(encoding="utf-8")
    assert [table for table in TABLES if f"`{table}`" not in page] == ["respondents"]
    email = (TEMPLATE / "request-email.md").read_text(encoding="utf-8")
    assert "names, e-mail addresses" in email.split("Please do not send")[1]
