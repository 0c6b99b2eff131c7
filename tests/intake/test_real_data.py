"""Against outside numbers: the four public data sets, through prepare and open_run (figures: see tests/reference)."""

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

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
           (select lead_id from stage_events where stage = 'won')) from leads group by 1 order by 2 desc""",
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
              where stage = 'won'"""
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
