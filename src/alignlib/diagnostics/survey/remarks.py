"""What did people write in their own words, and may it be shown?"""

from hashlib import sha256

from alignlib.diagnostics.survey.answers import TEAMS
from alignlib.disclosure import COMMENTS_FROM
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Row, columns
from alignlib.words import TEAM_NAMES, count, spelled

_SQL = """
with last as (
    select *, coalesce(wave, '') as round from responses
    qualify rank() over (order by try_cast(coalesce(wave, '') as double) desc nulls last, coalesce(wave, '') desc) = 1
)
select respondent_id, min(team) over (partition by respondent_id) as team, item, comment
from last where list_contains($items, item) and answer is null and not coalesce(cannot_say, false)
"""


def remarks(tables: Tables, settings: Settings) -> tuple[Exhibit | None, str]:
    """Which approved comments may be shown, and what is said about the others?

    A comment is shown once somebody approved it, and only in a group of which at least eight people left one: each team
    by itself when both have, else everybody together without a team. In an order that says nothing, with no item's
    answers beside it. Named answers are shown once approved, whatever their number.
    """
    asked = {item.item: item.text for item in read_instrument().of("comment")}
    left = tables.query(_SQL, {"items": list(asked)}) if tables.has("responses") else None
    if left is None or left.empty:
        return None, ""
    people = left.drop_duplicates("respondent_id")["team"].value_counts()
    by_team = all(people.get(team, 0) >= COMMENTS_FROM for team in TEAMS)
    enough = left["respondent_id"].nunique() >= COMMENTS_FROM or settings.survey.mode == "named"
    approved = left[left["comment"].notna() & (left["team"].isin(TEAMS) | (not by_team))]
    said = f"{count(len(left), 'comment')} left, {count(len(approved) if enough else 0, 'comment')} shown: "
    said += f"a comment is shown once approved, and from {spelled(COMMENTS_FROM)} people of a group on."
    if not enough or approved.empty:
        return None, said
    rows: list[Row] = [
        {"label": asked[str(row.item)], "team": TEAM_NAMES.get(str(row.team), "") if by_team else "Both teams",
         "comment": row.comment}
        for row in approved.itertuples()
    ]  # fmt: skip
    rows.sort(key=lambda row: (row["label"], row["team"], sha256(str(row["comment"]).encode()).hexdigest()))
    return Exhibit(
        key="survey.comments", shape="table", rows=rows, source="responses",
        title=f"In their own words: {count(len(rows), 'comment')}",
        columns=columns(label=("Question", "text"), team=("Team", "text"), comment=("Comment", "text")),
        read="Comments as written, each approved for showing, in an order that says nothing about who wrote when.",
        says_not="How many think so: a comment is one voice.", alt="Table of approved comments.",
    ), said  # fmt: skip
