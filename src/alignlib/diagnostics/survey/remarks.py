"""What did people write in their own words, and may it be shown?"""

from collections import Counter
from hashlib import sha256

from alignlib.diagnostics.survey.answers import TEAMS, given_sql
from alignlib.disclosure import COMMENTS_FROM
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Row, columns
from alignlib.words import TEAM_NAMES, count, number, spelled

_SQL = """
select respondent_id, case when min(team) over person = max(team) over person then min(team) over person end as team,
       item, comment
from given where list_contains($items, item) and answer is null and not cannot_say and wave = $wave
window person as (partition by respondent_id)
"""


def remarks(tables: Tables, wave: str, settings: Settings) -> tuple[Exhibit | None, str]:
    """Which approved comments on this round may be shown, and what is said about the others?

    A comment is shown once somebody approved it, and only in a group of which at least eight people left one: each team
    by itself when both have, else everybody together without a team. In an order that says nothing, with no item's
    answers beside it. Named answers are shown once approved, whatever their number.
    """
    asked = {item.item: item.text for item in read_instrument().of("comment")}
    asking = given_sql(tables) + _SQL
    left = tables.rows(asking, {"items": list(asked), "wave": wave}) if tables.has("responses") else []
    if not left:
        return None, ""
    team_of = {row["respondent_id"]: row["team"] for row in left}
    people = Counter(team_of.values())
    by_team = all(people[team] >= COMMENTS_FROM for team in TEAMS)
    enough = len(team_of) >= COMMENTS_FROM or settings.survey.mode == "named"
    approved = [row for row in left if row["comment"] is not None and (row["team"] in TEAMS or not by_team)]
    n, shown = len(left), len(approved) if enough else 0
    said = f"Comments left: {number(n)}, shown: {number(shown)}. A comment is shown once approved, and one without a "
    said += f"name from {spelled(COMMENTS_FROM)} people of a group on."
    if not enough or not approved:
        return None, said
    rows: list[Row] = [
        {"label": asked[row["item"]], "team": TEAM_NAMES[row["team"]] if by_team else "Both teams",
         "comment": row["comment"]}
        for row in approved
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["label"], row["team"], sha256(str(row["comment"]).encode()).hexdigest()))
    return Exhibit(
        key="survey.comments", shape="table", rows=rows, source="Responses",
        title=f"In their own words: {count(len(rows), 'comment')}",
        columns=columns(label=("Question", "text"), team=("Team", "text"), comment=("Comment", "text")),
        read="Comments as written, each approved for showing, in an order that says nothing about who wrote when.",
        says_not="How many think so: a comment is one voice.", alt="Table of approved comments.",
    ), said  # fmt: skip
