"""Pipedrive: prefixed headers, their variants, and headers in German and Czech."""

from collections.abc import Callable
from typing import Any

import pytest

Bring = Callable[..., Any]
HEADER = (
    "Deal - ID,Deal - Title,Deal - Owner,Deal - Value,Deal - Currency,Deal - Stage,Deal - Status,Deal - Deal created,"
    "Deal - Won time,Deal - Lost time,Deal - Deal closed on,Deal - Lost reason,Deal - Last stage change"
)
DEALS = f"""{HEADER}
1,Deal 1,Seller 1,1000,EUR,Proposal,Won,2024-02-01 10:00:00,2024-03-01 10:00:00,,2024-03-01 10:00:00,,2024-02-20
2,Deal 2,Seller 2,500.50,EUR,Calls,Lost,2024-02-02 10:00:00,,2024-03-02 10:00:00,2024-03-02 10:00:00,Price,2024-02-03
3,Deal 3,Seller 2,700,EUR,Proposal,Open,2024-02-03 10:00:00,,,,,2024-02-20
4,Deal 4,Seller 2,900,EUR,Proposal,Deleted,2024-02-03 10:00:00,,,,,2024-02-20
"""
EXPECTED = [
    ("1", "won", 100000, "2024-03-01 10:00:00"),
    ("2", "lost", 50050, "2024-03-02 10:00:00"),
    ("3", "open", 70000, None),
]
CLOSED = "select opportunity_id, outcome, amount, cast(closed_at as varchar) from opportunities order by 1"


def _renamed(names: dict[str, str]) -> str:
    header, _, rest = DEALS.partition("\n")
    return ",".join(names.get(each, each) for each in header.split(",")) + "\n" + rest


def test_a_deal_ends_as_its_status_says_and_its_stage_says_nothing_of_it(bring_in: Bring) -> None:
    found = bring_in({"deals.csv": DEALS})
    assert found.rows(CLOSED) == EXPECTED
    assert found.tables == ["opportunities"]  # one last change of stage is no history
    assert not any(each in found.settings for each in ("Owner", "Title", "Last stage change"))
    assert any("stages between" in line for line in found.found.notes)


@pytest.mark.parametrize("header", ["Deal - Add time", "Deal - Creation date", "Deal - Created"])
def test_the_day_of_creation_goes_by_several_names(bring_in: Bring, header: str) -> None:
    deals = _renamed({"Deal - Deal created": header, "Deal - Deal closed on": "Deal - Closed on"})
    assert bring_in({"deals.csv": deals}).rows("select count(opened_at), count(closed_at) from opportunities") == [
        (3, 2)
    ]


def test_german_headers_and_labels_are_known(bring_in: Bring) -> None:
    names = {
        "Deal - Title": "Deal - Titel", "Deal - Value": "Deal - Wert", "Deal - Stage": "Deal - Phase",
        "Deal - Deal created": "Deal - Deal erstellt", "Deal - Won time": "Deal - Datum des gewonnenen Deals",
        "Deal - Lost time": "Deal - Datum des verlorenen Deals", "Deal - Lost reason": "Deal - Verlustgrund",
        "Deal - Deal closed on": "Deal - Deal abgeschlossen am", "Deal - Owner": "Deal - Besitzer",
        "Deal - Currency": "Deal - Währung",
    }  # fmt: skip
    deals = _renamed(names)
    for english, german in (("Won", "Gewonnen"), ("Lost", "Verloren"), ("Open", "Offen"), ("Deleted", "Gelöscht")):
        deals = deals.replace(f",{english},", f",{german},")
    assert bring_in({"deals.csv": deals}).rows(CLOSED) == EXPECTED


def test_czech_headers_and_labels_are_known(bring_in: Bring) -> None:
    names = {
        "Deal - ID": "Obchod - ID", "Deal - Title": "Obchod - Název", "Deal - Value": "Obchod - Hodnota",
        "Deal - Stage": "Obchod - Fáze", "Deal - Status": "Obchod - Stav",
        "Deal - Deal created": "Obchod - Obchod vytvořen",
        "Deal - Won time": "Obchod - Datum výhry", "Deal - Lost time": "Obchod - Datum prohry",
        "Deal - Deal closed on": "Obchod - Uzavřeno dne", "Deal - Lost reason": "Obchod - Důvod prohry",
        "Deal - Owner": "Obchod - Vlastník", "Deal - Currency": "Obchod - Měna hodnoty",
    }  # fmt: skip
    deals = _renamed(names)
    for english, czech in (("Won", "Vyhráno"), ("Lost", "Prohráno"), ("Open", "Otevřeno"), ("Deleted", "Smazáno")):
        deals = deals.replace(f",{english},", f",{czech},")
    assert bring_in({"deals.csv": deals}).rows(CLOSED) == EXPECTED


def test_a_list_without_the_column_of_ids_asks_which_column_tells_deals_apart(bring_in: Bring) -> None:
    deals = "\n".join(line.partition(",")[2] for line in DEALS.splitlines()) + "\n"
    assert bring_in({"deals.csv": deals}).places == ["deals.csv: opportunity_id"]
    answers = {"files": {"deals.csv": {"opportunity_id": "Deal - Title"}}}
    assert bring_in({"deals.csv": deals}, answers).rows("select count(distinct opportunity_id) from opportunities") == [
        (3,)
    ]


def test_deals_that_name_their_lead_end_its_journey(bring_in: Bring) -> None:
    leads = (
        "Lead - ID,Lead - Title,Lead - Owner,Lead - Labels,Lead - Source channel,Lead - Lead created on\n"
        "uuid-1,Lead 1,Seller 1,Hot,Web,2024-01-02 08:00:00\nuuid-2,Lead 2,Seller 1,Cold,Event,2024-01-03 08:00:00\n"
    )
    ids = {"Deal - ID": "Deal - Lead ID", "1": "uuid-1", "2": "uuid-2"}
    lines = [line.split(",") for line in DEALS.splitlines()]
    deals = "\n".join(",".join([*line, ids.get(line[0], "")]) for line in lines) + "\n"
    found = bring_in({"leads.csv": leads, "deals.csv": deals})
    tables = found.open()
    assert tables.query("select lead_id, source, grade from leads order by 1").values.tolist() == [
        ["uuid-1", "Web", "Hot"], ["uuid-2", "Event", "Cold"],
    ]  # fmt: skip
    assert tables.query("select lead_id, stage from stage_events order by 1, entered_at").values.tolist() == [
        ["uuid-1", "opportunity"], ["uuid-1", "won"], ["uuid-2", "opportunity"], ["uuid-2", "lost"],
    ]  # fmt: skip


def test_activities_count_once_they_are_done_and_only_of_leads(bring_in: Bring) -> None:
    activities = (
        "Activity - Subject,Activity - Type,Activity - Done,Activity - Due date,Activity - Marked as done time,"
        "Activity - Lead ID\n"
        "Subject 1,call,Done,2024-01-05,2024-01-04 10:00:00,uuid-1\n"
        "Subject 2,meeting,To do,2024-06-05,,uuid-1\nSubject 3,call,Done,2024-01-05,2024-01-04 11:00:00,\n"
    )
    tables = bring_in({"activities.csv": activities}).open()
    assert tables.query("select lead_id, kind from sales_touches").values.tolist() == [["uuid-1", "call"]]
    assert (tables.row_counts[0].excluded, tables.row_counts[0].rejected) == (2, 0)


def test_people_and_organisations_are_known_and_not_read(bring_in: Bring) -> None:
    people = "Person - Name,Person - Email (Work),Person - Phone\nPerson 1,,\n"
    firms = "Organization - Name,Organization - Address,Organization - Owner\nFirm 1,,\n"
    found = bring_in({"people.csv": people, "firms.csv": firms})
    assert not found.asked and found.tables == [] and len(found.found.aside) == 2
