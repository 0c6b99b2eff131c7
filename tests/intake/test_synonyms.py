"""Files without a mapping, in the header shapes of the systems people have: rows counted by hand, all synthetic."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.engagement import parse_settings
from alignlib.intake.snapshot import check
from alignlib.intake.synonyms import synonyms, worded
from alignlib.intake.tables import TABLES

Make = Callable[..., Any]
SPAN = "constants: {from_on: 2024-01-01, until_on: 2024-12-31}"


def asked_of(table: str, extra: str = "", file: str = "a.csv") -> str:
    return f"  - {{file: {file}, table: {table}{', ' + extra if extra else ''}}}\n"


def rows(tables: Any, table: str, columns: str) -> list[tuple[Any, ...]]:
    return tables.connection.execute(f"select {columns} from {table} order by file, record").fetchall()


def notes(tables: Any) -> str:
    return "\n".join(tables.notes["files"])


def balance(tables: Any, file: str = "a.csv") -> tuple[int, int, int, int]:
    (each,) = (one for one in tables.row_counts if one.file == file)
    return each.read, each.used, each.rejected, each.excluded


# --- the shapes -------------------------------------------------------------------------------------------------------

INVENTORY = """Asset ID,Page Title,Content Type,Team,Published,Last Reviewed,Expires,Conversation,Persona,Industry,\
Tags,Editable,Owner,Notes
D-1,Why now,Deck,Marketing,2024-01-05,2024-06-01,2025-12-31,C1,CFO; CIO,Retail,roi;cost,partly,Person A,old
D-2,Case,Case,Sales,2024-02-05,,,Relevant Meeting;c4,CFO,Retail;Bank,roi,none,Person B,
D-3,Sheet,Brief,Marketing,,,,,CIO,,,full,,
"""


def test_a_content_audits_spreadsheet_is_read_by_its_headers_and_names_no_owner(engage: Make) -> None:
    tables = engage({"a.csv": INVENTORY}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, title, type, owner_team, conversations, personas, segments, topics") == [
        ("D-1", "Why now", "Deck", "marketing", ["C1"], ["CFO", "CIO"], ["Retail"], ["roi", "cost"]),
        ("D-2", "Case", "Case", "sales", ["C3", "C4"], ["CFO"], ["Retail", "Bank"], ["roi"]),
        ("D-3", "Sheet", "Brief", "marketing", None, ["CIO"], None, None),
    ]
    dates = "created_on::text, reviewed_on::text, expires_on::text, is_customisable"
    assert rows(tables, "assets", dates) == [
        ("2024-01-05", "2024-06-01", "2025-12-31", True),
        ("2024-02-05", None, None, False),
        (None, None, None, True),
    ]
    assert "'Asset ID' as asset_id, 'Page Title' as title, 'Content Type' as type, 'Team'" in notes(tables)
    assert "2 columns of a.csv not mapped, and so not read: 'Owner' (people are not read); 'Notes'." in notes(tables)
    assert balance(tables) == (3, 3, 0, 0)


SHOWPAD_ASSETS = """assetId,name,type,createdAt,deletedAt,divisionId
a1,Deck one,document,2024-01-02 08:00:00,,d1
a2,Film,video,2024-01-03 08:00:00,,d1
a3,Gone,document,2024-01-04 08:00:00,2024-05-01 00:00:00,d1
"""
SHOWPAD_EVENTS = """eventId,startTime,endTime,loggedAt,userId,channelId,shareId,deviceId,assetId,contactId,type,page
e1,2024-03-01 09:00:00,2024-03-01 09:01:00,2024-03-01 10:00:00,u1,c1,,d1,,,app-opened,NULL
e2,2024-03-01 09:01:00,2024-03-01 09:03:00,2024-03-01 10:00:00,u1,c1,,d1,a1,,asset-in-app-viewed,NULL
e3,2024-03-01 09:01:00,2024-03-01 09:02:00,2024-03-01 10:00:00,u1,c1,,d1,a1,,asset-in-app-viewed,1
e4,2024-03-01 09:02:00,2024-03-01 09:03:00,2024-03-01 10:00:00,u1,c1,,d1,a1,,asset-in-app-viewed,2
e5,2024-03-02 09:00:00,2024-03-02 09:00:00,2024-03-02 10:00:00,u2,c1,s1,d2,a2,k1,asset-shared,NULL
e6,2024-03-03 09:00:00,2024-03-03 09:05:00,2024-03-03 10:00:00,u2,c1,s1,d3,a2,k1,shared-asset-viewed,NULL
e7,2024-03-04 09:00:00,2024-03-04 09:05:00,2024-03-04 10:00:00,u3,c1,,d3,a2,,asset-annotated,NULL
"""
SHOWPAD_USERS = """userId,firstname,lastname,emailaddress,usergroup
u1,anonymized,anonymized,anonymized,Sales
u2,anonymized,anonymized,anonymized,Marketing
u3,anonymized,anonymized,anonymized,Sales
"""


def test_showpads_events_count_what_sellers_did_once_and_take_the_team_from_the_look_up(engage: Make) -> None:
    look_up = "{file: users.csv, match: {userId: userId}, columns: {team: usergroup}}"
    inputs = asked_of("assets") + asked_of("asset_usage", f"lookups: [{look_up}], timezone: UTC", "events.csv")
    files = {"a.csv": SHOWPAD_ASSETS, "events.csv": SHOWPAD_EVENTS, "users.csv": SHOWPAD_USERS}
    engagement = engage(files, inputs)
    tables = engagement.open()
    assert rows(tables, "asset_usage", "asset_id, user_id, team, event, used_at::text") == [
        ("a1", "u1", "sales", "view", "2024-03-01 09:01:00"),
        ("a2", "u2", "marketing", "share", "2024-03-02 09:00:00"),
    ]
    assert [row[0] for row in rows(tables, "assets", "asset_id")] == ["a1", "a2"]
    (events,) = (each for each in tables.row_counts if each.file == "events.csv")
    # e3, e4 are pages of e2; e1 and e6 are no use by a seller; e7 is nothing the kit knows
    assert events.reasons == {"excluded by rule on page": 2, "excluded by rule on type": 2, "E-VALUE": 1}
    stored = b"".join(path.read_bytes() for path in (engagement.folder / "run").rglob("*") if path.is_file())
    assert b"anonymized" not in stored


def test_the_users_of_an_event_table_are_not_read_by_name_or_address(engage: Make) -> None:
    header = "assetId,User Name,User Email,Seller,type,startedAt\n"
    events = header + "a1,Person A,a@example.org,Person A,viewed,2024-03-01\n"
    engagement = engage({"e.csv": events}, asked_of("asset_usage", file="e.csv"))
    tables = engagement.open()
    assert rows(tables, "asset_usage", "asset_id, user_id, event") == [("a1", None, "view")]
    assert "'Seller' (map it as user_id if it holds codes; people's names are not read)" in notes(tables)
    stored = b"".join(path.read_bytes() for path in (engagement.folder / "run").rglob("*") if path.is_file())
    assert b"Person A" not in stored
    assert b"example.org" not in stored


def test_seismics_content_usage_gives_totals_over_a_stated_span(engage: Make) -> None:
    usage = (
        "contentId,contentName,views,uniqueViews,downloads,shares,engagementScore,averageViewDuration\n"
        'c-1,Deck,"1,204",300,12,4,71,00:01:05\nc-2,Case,7,3,0,0,12,00:00:20\nTotal,,"1,211",303,12,4,,\n'
    )
    tables = engage({"a.csv": usage}, asked_of("asset_totals", SPAN)).open()
    assert rows(tables, "asset_totals", "asset_id, n_views, n_downloads, n_shares, from_on::text, until_on::text") == [
        ("c-1", 1204, 12, 4, "2024-01-01", "2024-12-31"),
        ("c-2", 7, 0, 0, "2024-01-01", "2024-12-31"),
    ]
    assert balance(tables) == (3, 2, 1, 0)
    assert "'uniqueViews' (they cannot be added to views)" in notes(tables)


def test_highspots_item_report_feeds_both_the_list_and_the_totals(engage: Make) -> None:
    report = (
        "Item ID,Item Name,Spot,Content Type,Date Added,Item URL,Views,Downloads,Pitches,Last Viewed\n"
        "i1,Deck,Sales spot,Presentation,2024-01-10,https://example.com/i1,30,2,5,2024-12-01\n"
        "i2,Case,Sales spot,PDF,2024-01-11,https://example.com/i2,0,0,0,\n"
    )
    tables = engage({"a.csv": report}, asked_of("assets") + asked_of("asset_totals", SPAN)).open()
    assert rows(tables, "assets", "asset_id, title, type, created_on::text, url") == [
        ("i1", "Deck", "Presentation", "2024-01-10", "https://example.com/i1"),
        ("i2", "Case", "PDF", "2024-01-11", "https://example.com/i2"),
    ]
    assert rows(tables, "asset_totals", "asset_id, n_views, n_downloads, n_shares, last_used_on::text") == [
        ("i1", 30, 2, 5, "2024-12-01"),
        ("i2", 0, 0, 0, None),
    ]
    # what one table reads is not told to be unread by the other
    assert notes(tables).endswith("1 column of a.csv not mapped, and so not read: 'Spot'.")


SHAREPOINT = """Name,Modified,Modified By,Created,File Type,Item Type,Path
one.pptx,2024-06-01 10:00,Person A,2024-01-01 10:00,pptx,Item,sites/x/Shared Documents
two.docx,2024-06-02 10:00,Person B,2024-01-02 10:00,docx,Item,sites/x/Shared Documents
Old,2024-06-03 10:00,Person B,2024-01-03 10:00,,Folder,sites/x/Shared Documents
"""


def test_a_sharepoint_listing_goes_by_names_where_paths_are_folders_and_reads_no_change_as_review(
    engage: Make,
) -> None:
    tables = engage({"a.csv": SHAREPOINT}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, title, type, created_on::text, reviewed_on") == [
        ("one.pptx", "one.pptx", "pptx", "2024-01-01", None),
        ("two.docx", "two.docx", "docx", "2024-01-02", None),
    ]
    assert tables.row_counts[0].reasons == {"excluded by rule on Item Type": 1}
    assert "'Modified' (a changed file is no review; map it as reviewed_on if it is one)" in notes(tables)
    assert "'Modified By' (people are not read)" in notes(tables)


def test_a_sharepoint_listing_with_whole_paths_is_known_by_them(engage: Make) -> None:
    header = "Name,Path,Modified,Created,File Type\n"
    listing = header + "a.pdf,/x/a.pdf,2024-06-01,2024-01-01,pdf\na.pdf,/y/a.pdf,,2024-01-02,pdf\n"
    tables = engage({"a.csv": listing}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, title") == [("/x/a.pdf", "a.pdf"), ("/y/a.pdf", "a.pdf")]


def test_a_listing_in_which_nothing_names_each_file_is_asked_about(engage: Make) -> None:
    listing = "Name,Path\na.pdf,folder\na.pdf,folder\nb.pdf,folder\n"
    message = engage({"a.csv": listing}, asked_of("assets")).message()
    assert "'Path' and 'Name' may, but some of their values stand twice" in message
    assert "E-NOCOL" in message


DRIVE = """id,name,mimeType,createdTime,modifiedTime,webViewLink,owners
f1,Deck,application/vnd.google-apps.presentation,2024-01-01T10:00:00.000Z,2024-06-01T10:00:00.000Z,https://example.com/1,a@example.org
f2,Old,application/vnd.google-apps.folder,2024-01-01T10:00:00.000Z,2024-06-01T10:00:00.000Z,https://example.com/2,a@example.org
f3,Case.pdf,application/pdf,2024-01-05T10:00:00.000Z,2024-06-01T10:00:00.000Z,https://example.com/3,a@example.org
f4,Link,application/vnd.google-apps.shortcut,2024-01-05T10:00:00.000Z,2024-06-01T10:00:00.000Z,https://example.com/4,a@example.org
"""


def test_a_drive_listing_leaves_out_folders_and_shortcuts_by_rule(engage: Make) -> None:
    tables = engage({"a.csv": DRIVE}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, title, type, created_on::text, url") == [
        ("f1", "Deck", "application/vnd.google-apps.presentation", "2024-01-01", "https://example.com/1"),
        ("f3", "Case.pdf", "application/pdf", "2024-01-05", "https://example.com/3"),
    ]
    assert tables.row_counts[0].reasons == {"excluded by rule on mimeType": 2}


OLD_ANALYTICS = """# ----------------------------------------
# All Web Site Data
# Pages
# 20240101-20241231
# ----------------------------------------

Page,Pageviews,Unique Pageviews,Avg. Time on Page,Entrances,Bounce Rate,% Exit,Page Value
/,"3,047",476,00:00:45,346,12.14%,4.79%,$0.00
/case/one,12,9,<00:00:01,0,0.00%,45%,$0.00
/case/two,5,5,soon,0,0.00%,0.00%,$0.00
,"3,064",490,00:00:44,346,12.00%,5.00%,$0.00

Day Index,Pageviews
2024-01-01,100
"""


def test_an_old_analytics_report_is_read_below_its_comments_and_above_its_second_table(engage: Make) -> None:
    refused = engage({"a.csv": OLD_ANALYTICS}, asked_of("page_views", SPAN)).message()
    assert "skip_rows: 6" in refused
    tables = engage({"a.csv": OLD_ANALYTICS}, asked_of("page_views", f"skip_rows: 6, {SPAN}")).open()
    assert rows(tables, "page_views", "page, n_views, n_visitors, view_seconds, exit_share, from_on::text") == [
        ("/", 3047, None, 45.0, pytest.approx(0.0479), "2024-01-01"),
        ("/case/one", 12, None, 0.0, 0.45, "2024-01-01"),
    ]
    # rejected: a time that is none, the total without a page, and the two lines of the table below
    assert tables.row_counts[0].reasons == {"E-NUM": 1, "E-VALUE": 1, "E-WIDTH": 2}
    assert "'Unique Pageviews' (these are visits, not people)" in notes(tables)


def test_a_new_analytics_report_gives_views_and_people_and_its_time_for_each_person_is_not_read(engage: Make) -> None:
    report = (
        "# Pages and screens\n# Start date: 20240101\n# End date: 20241231\n"
        "Page path and screen class,Views,Active users,Views per active user,Average engagement time per active user\n"
        "/a,1204,300,4.01,65.5\n/b,7,3,2.33,0\nGrand total,1211,301,4.02,60\n"
    )
    tables = engage({"a.csv": report}, asked_of("page_views", f"skip_rows: 3, {SPAN}")).open()
    read = rows(tables, "page_views", "page, n_views, n_visitors, view_seconds")
    assert read == [("/a", 1204, 300, None), ("/b", 7, 3, None)]
    assert "'Average engagement time per active user' (a time for each person, not for each view)" in notes(tables)
    assert tables.row_counts[0].reasons == {"E-TOTAL": 1}


def test_front_matter_is_read_by_path_with_dates_of_several_kinds(engage: Make) -> None:
    pages = (
        "path,section,title,date,slug,topics,authors\n"
        "content/a.md,news,One,2023-09-21 08:06:00-05:00,one,mobile|research,person-a\n"
        "content/b.md,news,Two,2024-05-01,two,mobile,person-b\n"
        "content/c.md,guides,Three,,three,research|research,\n"
    )
    tables = engage({"a.csv": pages}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, title, type, created_on::text, topics") == [
        ("content/a.md", "One", "news", "2023-09-21", ["mobile", "research"]),
        ("content/b.md", "Two", "news", "2024-05-01", ["mobile"]),
        ("content/c.md", "Three", "guides", None, ["research"]),
    ]
    assert "'authors' (people are not read)" in notes(tables)


# --- the corrected work list ------------------------------------------------------------------------------------------

WORK_LIST = """Asset,Title,Disposition,Reason,Decision,Decided on,Conversations,Segments,Personas,Reviewed on,Expires on
D-1,Why now,fix,stale,Retire,2025-01-10,C1,Retail,CFO,2024-06-01,2026-12-31
D-2,Case,teach,never taught,,,C3; C4,"Food, drink; Bank",CFO; CIO,2024-12-24,
D-3,Sheet,keep,used,update,,,,,,
,"New: C2, Bank",create,empty cell,,,C2,Bank,,,
,"New: C4, Bank",create,empty cell,,,C4,Bank,,,
D-4,Old,retire,nobody,burn,,,,,,
"""


def test_a_corrected_work_list_comes_back_with_decisions_corrections_and_gaps_set_apart(engage: Make) -> None:
    listed = "asset_id\nD-1\nD-2\nD-3\nD-4\n"
    inputs = asked_of("assets", file="i.csv") + asked_of("asset_decisions")
    tables = engage({"i.csv": listed, "a.csv": WORK_LIST}, inputs).open()
    columns = "asset_id, decision, conversations, segments, personas, reviewed_on::text, expires_on::text"
    assert rows(tables, "asset_decisions", columns) == [
        ("D-1", "retire", ["C1"], ["Retail"], ["CFO"], "2024-06-01", "2026-12-31"),
        ("D-2", None, ["C3", "C4"], ["Food, drink", "Bank"], ["CFO", "CIO"], "2024-12-24", None),
        ("D-3", "fix", None, None, None, None, None),
    ]
    (counted,) = (each for each in tables.row_counts if each.table == "asset_decisions")
    assert (counted.read, counted.used) == (6, 3)
    assert counted.reasons == {"excluded by rule on Disposition": 2, "E-VALUE": 1}


def test_a_work_list_saved_as_a_workbook_says_the_same(engage: Make) -> None:
    import csv
    import io

    from openpyxl import Workbook

    book = Workbook()
    for row in csv.reader(io.StringIO(WORK_LIST)):
        book.active.append(row)  # type: ignore[union-attr]
    content = io.BytesIO()
    book.save(content)
    files = {"a.csv": WORK_LIST, "b.xlsx": content.getvalue()}
    columns = "asset_id, decision, conversations, segments, personas, reviewed_on, expires_on"
    saved = [engage(files, asked_of("asset_decisions", file=file)).open() for file in files]
    assert rows(saved[0], "asset_decisions", columns) == rows(saved[1], "asset_decisions", columns)


# --- asked when unsure ------------------------------------------------------------------------------------------------


def test_two_headers_that_fit_one_column_are_asked_about_with_the_line_that_settles_it(engage: Make) -> None:
    files = {"a.csv": "Content ID,Item ID,Name\n1,7,a\n2,8,b\n"}
    message = engage(files, asked_of("assets")).message()
    assert "'Content ID' and 'Item ID' may both be asset_id" in message
    line = "columns: {asset_id: Content ID, title: Name}"
    assert line in message
    assert "or asset_id: Item ID" in message
    assert rows(engage(files, asked_of("assets", line)).open(), "assets", "asset_id") == [("1",), ("2",)]


def test_of_several_names_ours_wins_and_then_the_surer_one(engage: Make) -> None:
    files = {"a.csv": "URL,Asset ID,Content ID,Created,Published\nu,1,7,2024-01-01,2024-02-01\n"}
    tables = engage(files, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, url, created_on::text") == [("1", "u", "2024-02-01")]


def test_a_needed_column_with_only_a_near_name_is_asked_about(engage: Make) -> None:
    files = {"a.csv": "Asset Idd,Views\n1,7\n"}
    message = engage(files, asked_of("asset_totals", SPAN)).message()
    assert "asset_totals needs asset_id (the asset), and no header is known to mean it; nearest: 'Asset Idd'" in message
    line = "columns: {n_views: Views, asset_id: Asset Idd}"
    assert line in message
    assert rows(engage(files, asked_of("asset_totals", f"{line}, {SPAN}")).open(), "asset_totals", "n_views") == [(7,)]


def test_the_line_to_write_can_be_read_whatever_the_headers_hold(engage: Make) -> None:
    files = {"a.csv": '"Asset, ids}",On,Views: all\n1,2,7\n'}
    message = engage(files, asked_of("asset_totals", SPAN)).message()
    line = message[message.index("columns: {") :].split("}  or")[0] + "}"
    start = "version: 1\nclient: A\nperiod: {start: 2024-01-01, end: 2024-12-31}\nas_of: 2025-01-01\ncurrency: EUR\n"
    settings = parse_settings(f"{start}timezone: UTC\ninputs:\n{asked_of('asset_totals', line)}")
    assert settings.inputs[0].columns == {"asset_id": "Asset, ids}"}


def test_what_the_input_says_itself_is_not_asked(engage: Make) -> None:
    pages = "Page,Views,Topics\n/a,7,x\n"
    message = engage({"a.csv": "Title only\nx\n"}, asked_of("asset_totals")).message()
    assert message.count("E-NOCOL") == 3
    tables = engage({"a.csv": pages}, asked_of("page_views", "constants: {from_on: 2024-01-01}")).open()
    assert rows(tables, "page_views", "page, from_on::text, until_on") == [("/a", "2024-01-01", None)]


@pytest.mark.parametrize(
    ("cells", "labels"),
    [
        (["a;b", "c"], [["a", "b"], ["c"]]),
        (["a | b", "c"], [["a", "b"], ["c"]]),
        (["a, b", "b", "a"], [["a", "b"], ["b"], ["a"]]),
        (["a", "b"], [["a"], ["b"]]),
    ],
)
def test_a_mark_used_alone_parts_labels(engage: Make, cells: list[str], labels: list[list[str]]) -> None:
    text = "id,topics\n" + "".join(f'{n},"{cell}"\n' for n, cell in enumerate(cells))
    assert rows(engage({"a.csv": text}, asked_of("assets")).open(), "assets", "topics") == [(each,) for each in labels]


@pytest.mark.parametrize(
    ("cells", "says"),
    [
        (["a;b", "c,d"], "hold ; and ,, one of them may part its labels"),
        (["Food, drink", "Travel, leisure"], "which may part labels or stand within one"),
    ],
)
def test_a_mark_that_cannot_be_told_is_asked_for(engage: Make, cells: list[str], says: str) -> None:
    text = "id,topics\n" + "".join(f'{n},"{cell}"\n' for n, cell in enumerate(cells))
    engagement = engage({"a.csv": text}, asked_of("assets"))
    assert says in engagement.message()
    assert engagement.codes() == ["E-MAP"]
    told = engage({"a.csv": text}, asked_of("assets", 'separators: {topics: ";"}')).open()
    assert rows(told, "assets", "topics") == [(cell.split(";"),) for cell in cells]


def test_an_optional_column_with_other_values_is_left_out_and_its_rows_stay(engage: Make) -> None:
    text = "id,team,approved,specificity\n1,Product,In legal,market\n2,sales,yes,industry\n"
    tables = engage({"a.csv": text}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, owner_team, is_approved, specificity") == [
        ("1", None, None, "market"),
        ("2", None, None, "segment"),
    ]
    assert "'team' of a.csv was not read as owner_team: it holds 'Product' (1)" in notes(tables)


def test_a_mapping_by_hand_switches_the_headers_off(engage: Make) -> None:
    tables = engage({"a.csv": INVENTORY}, asked_of("assets", "columns: {asset_id: Asset ID}")).open()
    assert rows(tables, "assets", "asset_id, title") == [("D-1", None), ("D-2", None), ("D-3", None)]


def test_declared_columns_add_to_those_found_while_a_needed_one_is_not_declared(engage: Make) -> None:
    tables = engage({"a.csv": INVENTORY}, asked_of("assets", "columns: {topics: Content Type}")).open()
    read = rows(tables, "assets", "asset_id, title, type, topics, personas")
    assert read[:2] == [("D-1", "Why now", None, ["Deck"], ["CFO", "CIO"]), ("D-2", "Case", None, ["Case"], ["CFO"])]
    assert "'Asset ID' as asset_id, 'Page Title' as title, 'Team' as owner_team" in notes(tables)
    assert "beside the 1 column that it declares" in notes(tables)
    assert "'Content Type'" not in notes(tables)


def test_a_declared_column_with_other_labels_is_not_dropped_and_one_that_is_not_there_is_told(engage: Make) -> None:
    files = {"a.csv": "id,Kept by\n1,Product\n2,sales\n"}
    engagement = engage(files, asked_of("assets", "columns: {owner_team: kept by}"))
    assert rows(engagement.open(), "assets", "asset_id, owner_team") == [("2", "sales")]
    assert "there is no column 'Held'" in engage(files, asked_of("assets", "columns: {owner_team: Held}")).message()


def test_a_table_without_synonyms_is_not_completed_by_its_headers(engage: Make) -> None:
    files = {"a.csv": "lead_id,created_at,source\n1,2024-01-01,web\n"}
    message = engage(files, asked_of("leads", "columns: {source: source}")).message()
    assert message.count("E-NOCOL") == 2


def test_the_words_of_trackers_and_pipelines_are_known(engage: Make) -> None:
    files = {
        "a.csv": "Page URL,Personalizable?,Budget,Asset Level,Status\n/a,Yes,1200,ABM,Draft\n"
        "/b,No,10,Vertical-specific,Live\n",
        "d.csv": "Deal ID,Outcome,Vertical,Deal Stage\n1,won,Retail,x\n2,lost,Bank,y\n",
        "s.csv": "Date,Search Term,# Results,Clicked Asset\n2024-03-01,roi,3,/a\n",
    }
    inputs = asked_of("assets") + asked_of("opportunities", file="d.csv") + asked_of("searches", file="s.csv")
    tables = engage(files, inputs).open()
    assert rows(tables, "assets", "asset_id, is_customisable, cost, specificity") == [
        ("/a", True, 120_000, "account"),
        ("/b", False, 1_000, "segment"),
    ]
    assert rows(tables, "opportunities", "opportunity_id, outcome, segment") == [
        ("1", "won", "Retail"),
        ("2", "lost", "Bank"),
    ]
    assert rows(tables, "searches", "n_results, opened_asset_id") == [(3, "/a")]
    assert "to leave them out write exclude: {Status: [Draft, Archived]}" in notes(tables)
    assert "'Deal Stage' (map it as outcome" in notes(tables)


def test_a_deal_with_another_outcome_is_rejected_and_the_column_still_read(engage: Make) -> None:
    files = {"a.csv": "Deal ID,outcome\n1,won\n2,Stalled\n"}
    assert balance(engage(files, asked_of("opportunities")).open()) == (2, 1, 1, 0)


def test_answers_of_people_are_never_mapped_by_their_headers(engage: Make) -> None:
    text = "respondent_id,item,answer\n1,goal_1,4\n"
    assert "E-NOCOL" in engage({"a.csv": text}, asked_of("responses")).message()


# --- hostile files ----------------------------------------------------------------------------------------------------


def test_hostile_headers_are_named_safely_and_never_run(engage: Make) -> None:
    odd = ["=HYPERLINK(1)", "<script>x</script>", "x" * 20_000, "\u202etitle", "id'; drop table assets; --", ""]
    text = ",".join(["Asset ID", *odd]) + "\n" + ",".join(["1", *"abcdef"]) + "\n"
    tables = engage({"a.csv": text}, asked_of("assets")).open()
    assert rows(tables, "assets", "asset_id, title") == [("1", "d")]  # the sign that turns letters round is none
    assert "'=HYPERLINK(1)'" in notes(tables)
    assert "\u202e" not in notes(tables)
    assert max(map(len, tables.notes["files"])) < 1_000


def test_two_columns_of_one_name_are_refused_only_when_they_differ(engage: Make) -> None:
    assert engage({"a.csv": "id,title,Title\n1,a,b\n"}, asked_of("assets")).codes() == ["E-DUPCOL"]
    assert rows(engage({"a.csv": "id,title,Title\n1,a,a\n"}, asked_of("assets")).open(), "assets", "title") == [("a",)]


@pytest.mark.parametrize(("text", "code"), [("", "E-EMPTY"), ("\n\n", "E-EMPTY"), ("x\n1\n", "E-NOCOL")])
def test_a_file_without_our_columns_is_refused_with_a_code(engage: Make, text: str, code: str) -> None:
    assert engage({"a.csv": text}, asked_of("assets")).codes() == [code]


def test_a_header_without_rows_is_an_empty_table(engage: Make) -> None:
    tables = engage({"a.csv": "Asset ID,Title\n"}, asked_of("assets")).open()
    assert not tables.has("assets")


def test_a_header_that_stands_lower_is_pointed_at(engage: Make) -> None:
    text = "Report of content,,\nmade for a test,,\nAsset ID,Title,Type\n1,a,b\n"
    assert "the header seems to stand lower: skip_rows: 2" in engage({"a.csv": text}, asked_of("assets")).message()


def test_no_header_whatever_breaks_the_reading(engage: Make) -> None:
    """Headers made up of known words, signs and rubbish: a table or a problem with a code, never a crash."""
    import random

    random.seed(5)
    known = synonyms().names
    pieces = [name for columns in known.values() for lists in columns.values() for each in lists for name in each]
    pieces += ["Ä", "'", "{}", "%s", "=1+1", "\ud7ff", "\u202e", "<b>", "#", "1", "id", "null", ""]
    outcomes = set()
    for table in ("assets", "asset_usage", "page_views"):
        for width in range(1, 31):
            names = [
                "".join(random.choices([*pieces, " ", "_", "-"], k=random.choice((1, 1, 1, 3)))) for _ in range(width)
            ]
            text = ",".join(f'"{name}"' for name in names) + "\n" + ",".join(["1"] * width) + "\n"
            counts, _, problems, _ = check(engage({"a.csv": text}, asked_of(table)).folder)
            outcomes |= {problem.code for problem in problems} or {"read"}
            assert problems or all(each.balances for each in counts)
    assert {"read", "E-NOCOL", "E-MAP"} <= outcomes


# --- the list of names ------------------------------------------------------------------------------------------------


def test_every_name_of_the_list_is_written_as_it_is_compared_and_means_a_column_of_ours() -> None:
    known = synonyms()
    for table, columns in known.names.items():
        assert set(columns) <= {column.name for column in TABLES[table].columns}
        for ours, lists in columns.items():
            names = [name for each in lists for name in each]
            assert [worded(name) for name in names] == names, (table, ours)
            assert len(set(names)) == len(names), (table, ours)
    for columns in known.exclude.values():
        assert [worded(name) for name in columns] == list(columns)
    for table, labels in known.values.items():
        for ours in labels:
            (rule,) = (column for column in TABLES[table].columns if column.name == ours)
            assert set(labels[ours].values()) <= {*rule.allowed, *(("yes", "no") if rule.kind == "flag" else ())}
    assert [worded(name) for name in known.unread] == list(known.unread)


def test_no_name_of_a_person_is_among_the_names() -> None:
    people = {"owner", "author", "created by", "modified by", "email", "user name", "user", "seller", "participant"}
    names = {n for columns in synonyms().names.values() for ours, each in columns.items() for one in each for n in one}
    assert not names & people


def test_with_two_header_rows_a_column_is_known_by_both(engage: Make) -> None:
    text = "Asset,Asset\nID,Title\n1,a\n"
    tables = engage({"a.csv": text}, asked_of("assets", "header_rows: 2")).open()
    assert rows(tables, "assets", "asset_id, title") == [("1", "a")]
    assert "'Asset | ID' as asset_id, 'Asset | Title' as title" in notes(tables)


def test_rows_in_another_order_and_columns_in_another_order_give_the_same_table(engage: Make) -> None:
    import csv
    import io

    table = list(csv.reader(io.StringIO(INVENTORY)))
    turned = [row[::-1] for row in [table[0], *table[:0:-1]]]
    text = io.StringIO()
    csv.writer(text).writerows(turned)
    read = [
        engage({"a.csv": each}, asked_of("assets")).open().connection.execute(
            "select * exclude (file, record) from assets order by asset_id"
        ).fetchall()
        for each in (INVENTORY, text.getvalue())
    ]  # fmt: skip
    assert read[0] == read[1]
