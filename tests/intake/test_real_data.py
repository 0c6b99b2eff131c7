"""Against outside numbers: the public data sets, through prepare and open_run (figures: see tests/reference)."""

import csv
import io
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from alignlib.errors import AlignError
from alignlib.intake.exports import recognise
from alignlib.intake.snapshot import open_run, prepare
from alignlib.intake.tables import Tables

ENGAGEMENTS = Path(__file__).parents[1] / "reference" / "engagements"
pytestmark = pytest.mark.data
Open = Callable[..., Tables]


@pytest.fixture
def open_set(data_folder: Path, tmp_path: Path) -> Open:
    """Opens a data set as an engagement: its files are copied, ``swap`` puts another file under a mapped name."""

    def make(name: str, source: str, files: list[str], swap: dict[str, str] | None = None) -> Tables:
        folder = tmp_path / f"{name}{len(list(tmp_path.iterdir()))}"
        (folder / "data").mkdir(parents=True)
        shutil.copyfile(ENGAGEMENTS / f"{name}.yml", folder / "engagement.yml")
        for file in files:
            shutil.copyfile(data_folder / source / (swap or {}).get(file, file), folder / "data" / file)
        settings = prepare(folder, folder / "run")
        return open_run(folder / "run", settings.sha256())[1]

    return make


OLIST = ["olist_marketing_qualified_leads_dataset.csv", "olist_closed_deals_dataset.csv"]
MAVEN = ["sales_pipeline.csv", "accounts.csv", "products.csv", "sales_teams.csv"]


def rows(tables: Tables, sql: str) -> list[tuple[object, ...]]:
    return tables.connection.execute(sql).fetchall()


def test_olist_has_8000_leads_and_842_won_in_eleven_origins(open_set: Open) -> None:
    tables = open_set("olist", "olist_marketing_funnel", OLIST)
    assert rows(tables, "select stage, count(*), count(distinct lead_id) from stage_events group by 1 order by 1") == [
        ("mql", 8000, 8000),
        ("won", 842, 842),
    ]
    origins = rows(
        tables,
        """select coalesce(source, ''), count(*), count(*) filter (lead_id in
         (select lead_id from stage_events where stage_events.stage = 'won')) from leads group by 1 order by 2 desc""",
    )
    assert origins == [
        ("organic_search", 2296, 271),
        ("paid_search", 1586, 195),
        ("social", 1350, 75),
        ("unknown", 1099, 179),
        ("direct_traffic", 499, 56),
        ("email", 493, 15),
        ("referral", 284, 24),
        ("other", 150, 4),
        ("display", 118, 6),
        ("other_publicities", 65, 3),
        ("", 60, 14),
    ]
    assert all(count.balances and count.used == count.read for count in tables.row_counts)
    assert tables.day_only == {"leads.created_at"}


def test_olist_keeps_the_deal_won_before_first_contact_and_all_dates(open_set: Open) -> None:
    tables = open_set("olist", "olist_marketing_funnel", OLIST)
    days = """select datediff('day', created_at, entered_at) as days from leads join stage_events using (lead_id)
              where stage_events.stage = 'won'"""
    assert rows(tables, f"select count(*), avg(days), median(days), min(days), max(days) from ({days})") == [
        (842, pytest.approx(48.4406, abs=5e-5), 14.0, -2, 427)
    ]
    assert rows(tables, f"select count(*) from ({days}) where days < 0") == [(1,)]
    assert rows(tables, "select min(created_at)::date::text, max(created_at)::date::text from leads") == [
        ("2017-06-14", "2018-05-31")
    ]


def test_olist_saved_again_by_excel_gives_the_same_days(open_set: Open) -> None:
    sql = "select lead_id, stage, entered_at::date, owner_id from stage_events order by all"
    ours = open_set("olist", "olist_marketing_funnel", OLIST)
    swap = {OLIST[1]: "variants/olist_closed_deals_excel_resaved.csv"}
    assert rows(ours, sql) == rows(open_set("olist", "olist_marketing_funnel", OLIST, swap), sql)


def test_maven_has_its_published_counts_and_value(open_set: Open) -> None:
    tables = open_set("maven", "maven_crm", MAVEN)
    assert rows(tables, "select outcome, count(*), sum(amount) from opportunities group by 1 order by 1") == [
        ("lost", 2473, 0),
        ("open", 2089, None),
        ("won", 4238, 1_000_553_400),
    ]
    regions = """select region, count(*), count(*) filter (outcome = 'won'), sum(amount) // 100 from opportunities
                 where outcome <> 'open' group by 1 order by 1"""
    assert rows(tables, regions) == [
        ("Central", 2604, 1629, 3_346_293),
        ("East", 1858, 1171, 3_090_594),
        ("West", 2249, 1438, 3_568_647),
    ]
    assert rows(tables, "select count(*) from opportunities where opened_at is null") == [(500,)]


def test_maven_names_the_product_that_is_in_no_product_list_and_keeps_its_rows(open_set: Open) -> None:
    tables = open_set("maven", "maven_crm", MAVEN)
    notes = " ".join(tables.notes_on("opportunities"))
    assert "1,480 rows of sales_pipeline.csv had the product 'GTXPro'" in notes
    assert "nearest there is 'GTX Pro'" in notes
    assert "1,425 rows of sales_pipeline.csv had no account" in notes
    assert rows(tables, "select count(*) from opportunities where product = 'GTXPro'") == [(1480,)]
    lookups = {count.file: count.reasons for count in tables.row_counts if count.file != "sales_pipeline.csv"}
    assert lookups["sales_teams.csv"] == {"no row refers to it": 5}
    assert sum(count.read for count in tables.row_counts) == 8800 + 35 + 85 + 7


def test_maven_with_months_first_gives_the_same_table(open_set: Open) -> None:
    sql = "select * exclude (file) from opportunities order by record"
    ours = open_set("maven", "maven_crm", MAVEN)
    swap = {"sales_pipeline.csv": "variants/sales_pipeline_excel_resaved.csv"}
    theirs = open_set("maven", "maven_crm", MAVEN, swap)
    assert rows(ours, sql) == rows(theirs, sql)
    assert any("month first" in note for note in theirs.notes["files"])


def test_star_wars_means_without_unfamiliar_are_the_published_ones(open_set: Open) -> None:
    tables = open_set("starwars", "surveymonkey", ["StarWars.csv"])
    means = rows(tables, "select item, round(avg(answer), 4), count(answer) from responses group by 1")
    found = {item: (mean, n) for item, mean, n in means}
    assert len(found) == 14
    assert found["han"] == (4.6720, 814)
    assert found["luke"] == (4.5806, 825)
    assert found["vader"] == (3.4792, 816)
    assert found["jar_jar"] == (2.7809, 712)


def test_star_wars_counts_people_once_and_hides_their_ids(open_set: Open) -> None:
    tables = open_set("starwars", "surveymonkey", ["StarWars.csv"])
    (count,) = tables.row_counts
    assert (count.read, count.used, count.excluded) == (1186, 834, 352)
    assert count.reasons == {"no item answered": 352}
    teams = rows(tables, "select team, count(distinct respondent_id) from responses group by 1 order by 1 nulls last")
    assert teams == [("marketing", 396), ("sales", 422), (None, 16)]
    assert rows(tables, "select count(*) from responses where respondent_id not like 'r-%' or record is not null") == [
        (0,)
    ]


def test_digitalgov_has_its_inventory_with_topics_counted_once(open_set: Open) -> None:
    tables = open_set("digitalgov", "digitalgov_content_inventory", ["digitalgov_content_inventory.csv"])
    counted = """select count(*), count(*) filter (topics is null), count(*) filter (created_on is null),
                 min(created_on)::text, max(created_on)::text from assets"""
    assert rows(tables, counted) == [(2908, 241, 99, "2010-10-22", "2025-02-20")]
    topics = dict(rows(tables, "select topic, count(*) from (select unnest(topics) as topic from assets) group by 1"))  # type: ignore[arg-type]
    assert len(topics) == 60
    assert (topics["content-strategy"], topics["mobile"], topics["open-data"]) == (709, 598, 250)
    assert any(note.startswith("67 rows") and "repeated a label" in note for note in tables.notes_on("assets"))


def test_digitalgov_gives_the_same_figures_when_read_by_its_headers(data_folder: Path, tmp_path: Path) -> None:
    settings = (ENGAGEMENTS / "digitalgov.yml").read_text(encoding="utf-8").partition("    columns:")[0]
    (tmp_path / "data").mkdir()
    (tmp_path / "engagement.yml").write_text(settings, encoding="utf-8")
    name = "digitalgov_content_inventory.csv"
    shutil.copyfile(data_folder / "digitalgov_content_inventory" / name, tmp_path / "data" / name)
    prepare(tmp_path, tmp_path / "run")
    tables = open_run(tmp_path / "run")[1]
    counted = """select count(*), count(*) filter (topics is null), count(*) filter (created_on is null),
                 min(created_on)::text, max(created_on)::text from assets"""
    assert rows(tables, counted) == [(2908, 241, 99, "2010-10-22", "2025-02-20")]
    topics = dict(rows(tables, "select topic, count(*) from (select unnest(topics) as topic from assets) group by 1"))  # type: ignore[arg-type]
    assert (topics["content-strategy"], topics["mobile"], topics["open-data"]) == (709, 598, 250)
    assert any(note.startswith("67 rows") and "repeated a label" in note for note in tables.notes_on("assets"))
    assert (
        rows(tables, "select count(*) from assets where asset_id like 'content/%.md' and type is not null")[0][0]
        > 2_800
    )


# --- exports of survey tools: recognised by shape ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("file", "tool", "header_rows", "columns"),
    [
        ("surveymonkey/StarWars.csv", "SurveyMonkey", 2, 38),
        ("surveymonkey/flying-etiquette.csv", "SurveyMonkey", 1, 27),
        ("limesurvey_rse2017/public_data_2017_uk.csv", "LimeSurvey", 1, 245),
        ("tester_survey_googleforms/survey_results_raw.csv", "Google Forms", 1, 53),
        ("qualtrics_excluder/qualtrics_raw.csv", "Qualtrics", 3, 16),
        ("header_shapes/qualtrics_three_header_rows.csv", "Qualtrics", 3, 218),
        ("header_shapes/typeform_header_row.csv", "Typeform", 1, 123),
    ],
)
def test_each_real_export_is_recognised_with_its_header(
    data_folder: Path, file: str, tool: str, header_rows: int, columns: int
) -> None:
    text = (data_folder / file).read_bytes().decode("latin-1")
    rows = [row for row in csv.reader(io.StringIO(text, newline="")) if row]
    export = recognise(rows[:3])
    assert (export.tool.name, export.header_rows, len(export.columns)) == (tool, header_rows, columns)
    assert export.items([]) == {}


def test_no_column_of_people_is_missed_in_the_real_exports(data_folder: Path) -> None:
    def kinds(file: str) -> list[str]:
        with (data_folder / file).open(newline="", encoding="utf-8") as lines:
            export = recognise([row for _, row in zip(range(3), csv.reader(lines), strict=False)])
        return sorted(export.people().values())

    assert kinds("qualtrics_excluder/qualtrics_raw.csv") == ["IP addresses", "places", "places"]
    assert kinds("header_shapes/typeform_header_row.csv") == ["network ids"]


def test_nothing_but_metadata_is_in_the_qualtrics_sample(data_folder: Path) -> None:
    with (data_folder / "qualtrics_excluder/qualtrics_raw.csv").open(newline="", encoding="utf-8") as lines:
        export = recognise(list(csv.reader(lines))[:3])
    assert export.own() | export.people().keys() == set(range(16))


def test_an_export_without_our_items_is_refused_with_its_tool(data_folder: Path, tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    text = (ENGAGEMENTS / "testers.yml").read_text(encoding="utf-8")
    (tmp_path / "engagement.yml").write_text(text[: text.index("    items:")], encoding="utf-8")
    shutil.copy(data_folder / "tester_survey_googleforms" / "survey_results_raw.csv", tmp_path / "data")
    with pytest.raises(AlignError, match=r"an export of Google Forms it seems, and none of its 53 columns .*E-MAP"):
        prepare(tmp_path, tmp_path / "run")


def test_41_22_per_cent_of_fliers_say_that_reclining_is_rude(open_set: Open) -> None:
    tables = open_set("flying", "surveymonkey", ["flying-etiquette.csv"])
    sql = "select answer, count(*) from responses where answer is not null group by 1 order by 1"
    assert rows(tables, sql) == [(1, 502), (4, 281), (5, 71)]
    rude = "select round(100 * avg(case when answer > 1 then 1 else 0 end), 2), count(*) from responses"
    assert rows(tables, f"{rude} where answer is not null") == [(41.22, 854)]
    (count,) = tables.row_counts
    assert (count.read, count.used, count.reasons) == (1040, 854, {"no item answered": 186})


RSE = "public_data_2017_uk.csv"
BY_LABEL = "select item, answer, count(*) from responses where answer is not null group by all order by all"
RSE_COUNTS = {
    "check_1": {1: 5, 2: 74, 3: 62, 4: 51, 5: 21},
    "check_2": {1: 17, 2: 90, 3: 68, 4: 30, 5: 8},
    "leave_3": {1: 54, 2: 135, 3: 30},
}


def test_the_research_engineers_are_253_and_their_answers_are_counted_label_by_label(open_set: Open) -> None:
    tables = open_set("rse2017", "limesurvey_rse2017", [RSE])
    (count,) = tables.row_counts
    assert (count.read, count.used + count.excluded, list(count.reasons)) == (253, 253, ["no item answered"])
    found: dict[str, dict[float, int]] = {}
    for item, answer, n in rows(tables, BY_LABEL):
        found.setdefault(str(item), {})[answer] = n  # type: ignore[index,assignment]
    assert found == RSE_COUNTS


def test_a_label_with_a_space_behind_it_is_the_same_label_and_noted(data_folder: Path, tmp_path: Path) -> None:
    """The file's own README speaks of "Never " beside "Never"; this copy of it has no such cell, so one is made."""
    (tmp_path / "data").mkdir()
    shutil.copy(ENGAGEMENTS / "rse2017.yml", tmp_path / "engagement.yml")
    text = (data_folder / "limesurvey_rse2017" / RSE).read_text(encoding="utf-8")
    assert "Never " not in text
    (tmp_path / "data" / RSE).write_text(text.replace(",Never,", ",Never ,"), encoding="utf-8")
    settings = prepare(tmp_path, tmp_path / "run")
    tables = open_run(tmp_path / "run", settings.sha256())[1]
    assert [n for item, answer, n in rows(tables, BY_LABEL) if answer == 1] == [5, 17, 54]
    noted = [note for note in tables.notes["files"] if "perfCheck2" in note and "had spaces at an end" in note]
    assert len(noted) == 1


def test_the_testers_are_187_and_would_recommend_their_work(open_set: Open) -> None:
    tables = open_set("testers", "tester_survey_googleforms", ["survey_results_raw.csv"])
    (count,) = tables.row_counts
    assert (count.read, count.used) == (187, 187)
    sql = f"select * from ({BY_LABEL}) where item in ('recommend', 'in_testing')"
    assert rows(tables, sql) == [
        ("in_testing", 1, 6),
        ("in_testing", 5, 181),
        ("recommend", 1, 2),
        ("recommend", 2, 9),
        ("recommend", 3, 30),
        ("recommend", 4, 97),
        ("recommend", 5, 48),
    ]
    assert rows(tables, "select count(*) from responses where is_hasty is not null") == [(0,)]


def test_the_qualtrics_sample_has_98_responses_without_its_previews_and_tells_no_place(open_set: Open) -> None:
    tables = open_set("excluder", "qualtrics_excluder", ["qualtrics_raw.csv"])
    (count,) = tables.row_counts
    assert (count.read, count.used, count.reasons) == (100, 98, {"excluded by rule on Status": 2})
    assert rows(tables, BY_LABEL) == [("finished", 1, 6), ("finished", 5, 92)]
    assert rows(tables, "select is_hasty, count(distinct respondent_id) from responses group by 1") == [(False, 98)]
    noted = "Columns of qualtrics_raw.csv with IP addresses and places were not read and are stored nowhere."
    assert noted in tables.notes["files"]
