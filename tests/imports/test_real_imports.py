"""Each real data set goes in by import, with the answers a person would give (tests/imports/answers) and no mapping."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib.engagement import read_engagement
from alignlib.imports.console import import_files
from alignlib.intake.snapshot import open_run, prepare
from alignlib.intake.tables import Tables
from alignlib.resources import resource

ANSWERS = Path(__file__).parent / "answers"
Bring = Callable[[str, str], tuple[Tables, list[str]]]


@pytest.fixture
def bring(tmp_path: Path, data_folder: Path) -> Bring:
    """Imports the files of a data set into a new engagement, prepares a run and opens it."""

    def run(answers: str, pattern: str) -> tuple[Tables, list[str]]:
        folder = tmp_path / "engagement"
        shutil.copytree(resource("templates", "engagement"), folder)
        files = sorted(path for path in data_folder.glob(pattern) if path.is_file())
        assert files
        said = list(import_files(folder, files, ANSWERS / f"{answers}.yml", None))
        prepare(folder, tmp_path / "run")
        return open_run(tmp_path / "run")[1], said

    return run


def one(tables: Tables, sql: str) -> Any:
    return tables.connection.execute(sql).fetchone()


def test_olist_goes_in_with_its_known_counts(bring: Bring) -> None:
    tables, said = bring("olist", "olist_marketing_funnel/*.csv")
    assert one(tables, "select count(*), count(source) from leads") == (8000, 7940)
    won = "select count(distinct lead_id), min(entered_at)::date::text from stage_events where stage = 'won'"
    assert one(tables, won) == (842, "2017-12-05")
    assert one(tables, "select count(*) from stage_events where stage = 'mql'") == (8000,)
    assert "Not read: olist_sellers_dataset.csv is left aside, as answered." in said


def test_maven_goes_in_with_its_known_wins_value_and_regions_from_two_look_ups(bring: Bring) -> None:
    tables, _ = bring("maven", "maven_crm/*.csv")
    outcomes = "select outcome, count(*), sum(amount) from opportunities group by 1 order by 1"
    assert tables.connection.execute(outcomes).fetchall() == [
        ("lost", 2473, 0), ("open", 2089, None), ("won", 4238, 1_000_553_400),
    ]  # fmt: skip
    central = "select count(*) filter (outcome = 'won'), count(closed_at) from opportunities where region = 'Central'"
    assert one(tables, central) == (1629, 2604)
    assert one(tables, "select count(*) from opportunities where segment is null") == (1425,)


def test_salesforce_demonstration_records_go_in_with_sixty_per_cent_won_and_history_by_lead(bring: Bring) -> None:
    tables, said = bring("salesforce", "salesforce_devorg_csv/*.csv")
    outcomes = "select outcome, count(*), sum(amount) from opportunities group by 1 order by 1"
    found = tables.connection.execute(outcomes).fetchall()
    assert [(outcome, n) for outcome, n, _ in found] == [("lost", 8), ("open", 16), ("won", 12)]
    assert found[-1][2] == 281_500_000
    assert one(tables, "select count(*), count(*) filter (is_converted) from leads") == (22, 5)
    assert one(tables, "select count(*) from opportunities where lead_id is not null")[0] == 5
    assert any("37: excluded by rule on lead_id" in line for line in said)


def test_digitalgov_goes_in_as_a_list_of_content(bring: Bring) -> None:
    tables, _ = bring("digitalgov", "digitalgov_content_inventory/*.csv")
    assert one(tables, "select count(*), count(created_on) from assets") == (2908, 2809)
    topics = "select count(*) from assets where list_contains(topics, 'content-strategy')"
    assert one(tables, topics) == (709,)


SURVEYS = [
    ("rse2017", "limesurvey_rse2017/public*.csv", 223, 253),
    ("flying", "surveymonkey/flying*.csv", 854, 1040),
    ("testers", "tester_survey_googleforms/*.csv", 186, 187),
    ("qualtrics", "qualtrics_excluder/*.csv", 98, 100),
    ("likert", "likert_*/*.csv", 2792, 2800),
]


@pytest.mark.parametrize(("answers", "pattern", "used", "read"), SURVEYS, ids=[each[0] for each in SURVEYS])
def test_each_survey_goes_in_once_its_items_are_named(
    bring: Bring, answers: str, pattern: str, used: int, read: int
) -> None:
    tables, _ = bring(answers, pattern)
    (rows,) = [rows for rows in tables.row_counts if rows.table == "responses"]
    assert (rows.used, rows.read) == (used, read)


def test_star_wars_goes_in_with_its_published_means(bring: Bring) -> None:
    tables, _ = bring("starwars", "surveymonkey/StarWars.csv")
    mean = "select round(avg(answer), 4), count(answer) from responses where item = $item"
    for item, known in {"luke": (4.5806, 825), "vader": (3.4792, 816), "jar_jar": (2.7809, 712)}.items():
        assert tables.connection.execute(mean, {"item": item}).fetchone() == known


def test_the_settings_of_an_import_are_those_that_were_answered(bring: Bring, tmp_path: Path) -> None:
    bring("olist", "olist_marketing_funnel/*.csv")
    settings = read_engagement(tmp_path / "engagement")
    assert (str(settings.period.start), str(settings.as_of), settings.currency) == ("2017-06-14", "2018-11-15", "BRL")


SEEDS = [("hubspot", 63), ("marketo", 14), ("salesforce", 14)]


@pytest.mark.parametrize(("vendor", "files"), SEEDS, ids=[each[0] for each in SEEDS])
def test_every_table_of_a_sync_tool_is_known_for_what_it_is_and_balances(bring: Bring, vendor: str, files: int) -> None:
    tables, said = bring(f"fivetran_{vendor}", f"fivetran_seeds/dbt_{vendor}/*.csv")
    aside = [line for line in said if line.endswith("is left aside, as answered.")]
    known = [line for line in said if ", each row " in line and not line.startswith(("Not read", "Note"))]
    assert len(known) + len(aside) == files
    assert all(vendor in line.casefold() for line in known)
    assert all(rows.balances for rows in tables.row_counts)


def test_merged_contacts_of_a_sync_tool_are_one_lead(bring: Bring) -> None:
    tables, _ = bring("fivetran_hubspot", "fivetran_seeds/dbt_hubspot/*.csv")
    assert one(tables, "select count(*), count(distinct lead_id) from leads") == (19, 19)
    (merged,) = [
        rows.reasons for rows in tables.row_counts if rows.file == "contact_data.csv" and rows.table == "leads"
    ]
    assert merged == {"merged into another record": 3}
