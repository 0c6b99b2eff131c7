"""Dynamics 365: static worksheets with three technical columns, in three languages, and extracts by field name."""

from collections.abc import Callable
from typing import Any

import pytest

Bring = Callable[..., Any]
LABELS = {"New": "inquiry", "Contacted": "mql", "Qualified": "sql", "Neu": "inquiry", "Nouveau": "inquiry"}
ENGLISH = (
    "(Do Not Modify) Lead,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Topic,Full Name,Lead Source,Rating,"
    "Status Reason,Owner,Created On\n"
    "guid-1,aB3/x==,2024-03-01 10:00,Topic 1,Person 1,Web,Hot,New,Seller 1,2024-01-02 09:00\n"
    "guid-2,aB4/x==,2024-03-01 10:00,Topic 2,Person 2,Trade Show,Warm,Qualified,Seller 2,2024-01-03 09:00\n"
)


def test_the_first_technical_column_is_the_lead_and_the_other_two_are_not_read(bring_in: Bring) -> None:
    found = bring_in({"view.csv": ENGLISH}, {"stages": LABELS})
    assert found.rows("select lead_id, grade, stage from leads order by 1") == [
        ("guid-1", "Hot", "inquiry"), ("guid-2", "Warm", "sql"),
    ]  # fmt: skip
    assert "Checksum" not in found.settings and "Modified On" not in found.settings
    assert not any(each in found.settings for each in ("Full Name", "Owner", "Topic"))
    assert any("owner" in line for line in found.found.notes)


@pytest.mark.parametrize(
    "header, row",
    [
        ("(Nicht ändern) Lead,(Nicht ändern) Zeilenprüfsumme,(Nicht ändern) Geändert am,Thema,Leadquelle,Statusgrund,"
         "Erstellt am", "guid-1,x==,2024-03-01 10:00,Thema 1,Web,Neu,2024-01-02 09:00"),
        ("(Ne pas modifier) Prospect,(Ne pas modifier) Somme,(Ne pas modifier) Date de modification,Sujet,"
         "Source du prospect,Raison du statut,Création le",
         "guid-1,x==,2024-03-01 10:00,Sujet 1,Web,Nouveau,2024-01-02 09:00"),
        ("leadid,createdon,leadsourcecode,statuscode,statecode,_ownerid_value",
         "guid-1,2024-01-02 09:00,Web,New,0,guid-9"),
    ],
)  # fmt: skip
def test_leads_are_told_in_other_languages_and_by_the_names_of_the_fields(
    bring_in: Bring, header: str, row: str
) -> None:
    found = bring_in({"view.csv": f"{header}\n{row}\n"}, {"stages": LABELS})
    assert found.rows("select lead_id, source, stage, cast(created_at as varchar) from leads") == [
        ("guid-1", "Web", "inquiry", "2024-01-02 09:00:00")
    ]


def test_labels_of_the_status_reason_are_asked(bring_in: Bring) -> None:
    assert bring_in({"view.csv": ENGLISH}).places == ["New", "Qualified"]


@pytest.mark.parametrize(
    "header, won, lost",
    [
        ("(Do Not Modify) Opportunity,(Do Not Modify) Row Checksum,(Do Not Modify) Modified On,Created On,"
         "Actual Close Date,Est. Revenue,Status", "Won", "Lost"),
        ("(Nicht ändern) Verkaufschance,(Nicht ändern) Zeilenprüfsumme,(Nicht ändern) Geändert am,Erstellt am,"
         "Tatsächliches Abschlussdatum,Geschätzter Umsatz,Status", "Gewonnen", "Verloren"),
        ("(Ne pas modifier) Opportunité,(Ne pas modifier) Somme,(Ne pas modifier) Modifié le,Création le,"
         "Date de fermeture réelle,Revenu estimé,Statut", "Gagnée", "Perdue"),
    ],
)  # fmt: skip
def test_opportunities_end_as_their_status_says_in_each_language(
    bring_in: Bring, header: str, won: str, lost: str
) -> None:
    deals = f"{header}\n1,x,2024-05-01 10:00,2024-01-02 09:00,2024-03-01,1000,{won}\n"
    deals += f"2,x,2024-05-01 10:00,2024-01-02 09:00,2024-03-02,500,{lost}\n"
    deals += "3,x,2024-05-01 10:00,2024-01-02 09:00,,700,Other\n"
    assert bring_in({"deals.csv": deals}).places == ["Other"]
    found = bring_in({"deals.csv": deals}, {"stages": {"Other": "opportunity"}})
    assert found.rows("select opportunity_id, outcome, amount from opportunities order by 1") == [
        ("1", "won", 100000), ("2", "lost", 50000), ("3", "open", 70000),
    ]  # fmt: skip
    assert found.tables == ["opportunities"]


EXTRACT = """opportunityid,name,originatingleadid,createdon,actualclosedate,estimatedvalue,statecode
1,,guid-1,2024-02-02T09:00:00Z,2024-03-01,1000,1
2,,guid-2,2024-02-03T09:00:00Z,2024-03-02,500,2
3,,,2024-02-04T09:00:00Z,,700,0
4,,guid-2,2024-02-05T09:00:00Z,,700,0
"""


def test_with_the_field_of_the_originating_lead_leads_are_followed_to_the_end(bring_in: Bring) -> None:
    found = bring_in({"view.csv": ENGLISH, "deals.csv": EXTRACT}, {"stages": LABELS})
    tables = found.open()
    moves = tables.query("select lead_id, stage, cast(entered_at as varchar) as moment from stage_events order by 1, 3")
    assert moves.values.tolist() == [
        ["guid-1", "opportunity", "2024-02-02 09:00:00"], ["guid-1", "won", "2024-03-01 00:00:00"],
        ["guid-2", "opportunity", "2024-02-03 09:00:00"], ["guid-2", "opportunity", "2024-02-05 09:00:00"],
        ["guid-2", "lost", "2024-03-02 00:00:00"],
    ]  # fmt: skip
    assert all(count.rejected == 0 for count in tables.row_counts)


def test_a_business_process_flow_says_when_leads_entered_the_stage_they_are_in(bring_in: Bring) -> None:
    flow = (
        "businessprocessflowinstanceid,_leadid_value,activestagename,activestagestartedon,createdon,duration\n"
        "f-1,guid-1,Qualify,2024-01-02T09:00:00Z,2024-01-02T09:00:00Z,5\n"
        "f-2,guid-2,Develop,2024-01-09T09:00:00Z,2024-01-03T09:00:00Z,6\n"
    )
    assert bring_in({"flow.csv": flow}).places == ["Develop", "Qualify"]
    found = bring_in({"flow.csv": flow}, {"stages": {"Qualify": "mql", "Develop": "sql"}})
    assert found.rows("select lead_id, stage from stage_events order by 1") == [("guid-1", "mql"), ("guid-2", "sql")]


def test_worksheets_of_accounts_contacts_and_activities_are_known_and_not_read(bring_in: Bring) -> None:
    rest = "(Do Not Modify) Row Checksum,(Do Not Modify) Modified On\n1,x,2024-01-01\n"
    sheets = {f"{name}.csv": f"(Do Not Modify) {name},{rest}" for name in ("Account", "Contact", "Phone Call")}
    found = bring_in(sheets)
    assert not found.asked and found.tables == [] and len(found.found.aside) == 3
