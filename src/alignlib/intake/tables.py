"""Which tables does an audit read, what does each column mean, and how does a diagnostic ask them?"""

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal

from alignlib.result import RowCount, Source

if TYPE_CHECKING:
    import duckdb
    import pandas as pd

Kind = Literal["text", "number", "integer", "money", "date", "timestamp", "flag", "labels"]
# What each kind is called by DuckDB, pandas and Arrow (labels are a list of text there).
TYPES: dict[str, tuple[str, str, str]] = {
    "text": ("VARCHAR", "str", "string"), "number": ("DOUBLE", "float64", "float64"),
    "integer": ("BIGINT", "Int64", "int64"), "money": ("BIGINT", "Int64", "int64"),
    "date": ("DATE", "datetime64[us]", "date32"), "timestamp": ("TIMESTAMP", "datetime64[us]", "timestamp[us]"),
    "flag": ("BOOLEAN", "boolean", "bool"), "labels": ("VARCHAR[]", "object", ""),
}  # fmt: skip
SQL_TYPES = {kind: sql for kind, (sql, _, _) in TYPES.items()}


@dataclass(frozen=True)
class ColumnRule:
    """What does one column mean? ``labels`` hold several values; ``money`` is stored in minor units; times are UTC."""

    name: str
    kind: Kind
    meaning: str
    required: bool = False
    unit: str = ""
    allowed: tuple[str, ...] = ()
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class TableRule:
    """What is one row of a table, and which columns make it the same row twice?"""

    row: str
    key: tuple[str, ...]
    columns: tuple[ColumnRule, ...]

    def column(self, name: str) -> ColumnRule | None:
        return next((column for column in self.columns if column.name == name), None)


_C = ColumnRule
_TEAM = ("sales", "marketing")
_STAGES = ("inquiry", "mql", "sal", "sql", "opportunity", "won", "recycled", "disqualified", "lost")
_CONVERSATIONS = ("C1", "C2", "C3", "C4", "C5")

TABLES: dict[str, TableRule] = {
    "responses": TableRule("one person's answer to one item", ("respondent_id", "item", "wave"), (
        _C("respondent_id", "text", "a code for the person, without meaning", required=True),
        _C("team", "text", "the person's team; empty when the file does not say", allowed=_TEAM),
        _C("role", "text", "leader or staff", allowed=("leader", "staff")),
        _C("wave", "text", "which round of the survey; empty for a single one"),
        _C("item", "text", "the item's code in the instrument", required=True),
        _C("answer", "number", "1 (disagree) to 5 (agree); empty when not answered", low=1, high=5),
        _C("cannot_say", "flag", "the person chose 'cannot say'"),
    )),
    "respondents": TableRule("one person who was asked", ("respondent_id",), (
        _C("respondent_id", "text", "the same code as in responses", required=True),
        _C("team", "text", "the person's team", allowed=_TEAM),
        _C("role", "text", "leader or staff", allowed=("leader", "staff")),
    )),
    "assets": TableRule("one piece of content", ("asset_id",), (
        _C("asset_id", "text", "the asset's id, path or address", required=True),
        _C("title", "text", "its title"),
        _C("type", "text", "deck, case, brief, page and so on"),
        _C("owner_team", "text", "the team that keeps it", allowed=_TEAM),
        _C("created_on", "date", "the day it was first published"),
        _C("reviewed_on", "date", "the day somebody last checked it"),
        _C("expires_on", "date", "the day after which it must not be sent"),
        _C("conversations", "labels", "which of the five conversations it serves", allowed=_CONVERSATIONS),
        _C("personas", "labels", "for whom it is written"),
        _C("segments", "labels", "for which segments it is written; empty means none named"),
        _C("topics", "labels", "free tags"),
        _C("specificity", "text", "how close to one customer", allowed=("market", "segment", "account", "person")),
        _C("is_customisable", "flag", "a seller can adapt it"),
        _C("cost", "money", "what it cost to make", unit="minor units", low=0),
    )),
    "asset_usage": TableRule("one use of one asset by one person", (), (
        _C("asset_id", "text", "the asset", required=True),
        _C("user_id", "text", "a code for the person who used it"),
        _C("event", "text", "what they did", allowed=("view", "download", "share", "edit")),
        _C("used_at", "timestamp", "when", required=True),
        _C("opportunity_id", "text", "the deal it was used in"),
    )),
    "training": TableRule("one person shown one asset", ("asset_id", "user_id"), (
        _C("asset_id", "text", "the asset", required=True),
        _C("user_id", "text", "a code for the person"),
        _C("trained_on", "date", "when", required=True),
    )),
    "searches": TableRule("one search in the content library", (), (
        _C("query", "text", "what was searched for"),
        _C("user_id", "text", "a code for the person"),
        _C("searched_at", "timestamp", "when", required=True),
        _C("n_results", "integer", "how many assets were offered", low=0),
        _C("opened_asset_id", "text", "the asset opened from the list; empty when none"),
    )),
    "recommendations": TableRule("one asset recommended to one seller", (), (
        _C("asset_id", "text", "the asset", required=True),
        _C("user_id", "text", "a code for the seller"),
        _C("recommended_at", "timestamp", "when", required=True),
    )),
    "stage_events": TableRule("one lead entering one stage", (), (
        _C("lead_id", "text", "the lead", required=True),
        _C("stage", "text", "the stage entered, in our words", required=True, allowed=_STAGES),
        _C("entered_at", "timestamp", "when", required=True),
        _C("owner_id", "text", "a code for who held the lead then"),
        _C("reason", "text", "why it was recycled, disqualified or lost"),
    )),
    "leads": TableRule("one lead", ("lead_id",), (
        _C("lead_id", "text", "the lead's id, exactly as exported", required=True),
        _C("created_at", "timestamp", "when it was created", required=True),
        _C("source", "text", "where it came from"),
        _C("segment", "text", "industry or other segment, in the words of the plan"),
        _C("persona", "text", "the contact's role"),
        _C("grade", "text", "the grade it was given"),
        _C("score", "number", "the score at handover"),
        _C("owner_id", "text", "a code for the seller who holds it; empty when nobody does"),
    )),
    "opportunities": TableRule("one opportunity", ("opportunity_id",), (
        _C("opportunity_id", "text", "the opportunity's id, exactly as exported", required=True),
        _C("lead_id", "text", "the lead it came from"),
        _C("outcome", "text", "how it stands at the as-of date", required=True, allowed=("open", "won", "lost")),
        _C("opened_at", "timestamp", "when work on it began; empty when not recorded"),
        _C("closed_at", "timestamp", "when it was won or lost; empty while open"),
        _C("amount", "money", "its value", unit="minor units"),
        _C("owner_id", "text", "a code for the seller who holds it"),
        _C("segment", "text", "industry or other segment, in the words of the plan"),
        _C("region", "text", "region or office"),
        _C("product", "text", "what was offered"),
        _C("conversation", "text", "which of the five conversations it stands in", allowed=_CONVERSATIONS),
        _C("persona", "text", "the main contact's role"),
    )),
    "sales_touches": TableRule("one attempt by a seller to reach one lead", (), (
        _C("lead_id", "text", "the lead", required=True),
        _C("user_id", "text", "a code for the seller"),
        _C("touched_at", "timestamp", "when", required=True),
        _C("kind", "text", "call, e-mail, meeting and so on"),
    )),
    "campaign_touches": TableRule("one response of one lead to Marketing", (), (
        _C("lead_id", "text", "the lead", required=True),
        _C("campaign", "text", "which campaign"),
        _C("channel", "text", "which channel"),
        _C("touched_at", "timestamp", "when", required=True),
    )),
    "plan": TableRule("one segment's target and effort", ("segment",), (
        _C("segment", "text", "the segment", required=True),
        _C("planned_revenue", "money", "what Sales plans to sell there", unit="minor units", low=0),
        _C("effort", "money", "what Marketing spends there", unit="minor units", low=0),
    )),
    "scorecards": TableRule("one metric a team is judged on", ("team", "metric"), (
        _C("team", "text", "whose metric", required=True, allowed=_TEAM),
        _C("metric", "text", "its name", required=True),
        _C("review_days", "integer", "days between two reviews of it", unit="days", low=0),
        _C("lag_days", "integer", "days until it shows in revenue", unit="days", low=0),
        _C("is_outcome", "flag", "it counts results, not activity"),
        _C("is_revenue_linked", "flag", "it is tied to revenue"),
    )),
    "facts": TableRule("one fact about structure, pay, rules, rhythm or owners", ("fact",), (
        _C("fact", "text", "which fact", required=True),
        _C("answer", "text", "what holds here"),
        _C("owner", "text", "the role that owns it"),
        _C("dated_on", "date", "since when"),
    )),
}  # fmt: skip


@dataclass
class Tables:
    """Which checked tables are at hand, and what does SQL say about them?

    Built by intake (``open_tables``) over one locked in-memory DuckDB connection: it can read nothing but these tables.
    Each table has every column of its rule (absent ones are NULL) and ``file`` and ``record`` (where a row came from).
    ``notes`` are sentences a reader of the report must know; ``day_only`` lists timestamp columns recorded without a
    time of day, as ``table.column``.
    """

    connection: "duckdb.DuckDBPyConnection"
    present: frozenset[str]
    row_counts: list[RowCount] = field(default_factory=list)
    sources: list[Source] = field(default_factory=list)
    notes: dict[str, list[str]] = field(default_factory=dict)
    day_only: frozenset[str] = frozenset()

    def has(self, *names: str) -> bool:
        """Were all these tables delivered, with at least one row?"""
        return all(name in self.present for name in names)

    def filled(self, table: str, column: str) -> bool:
        """Was this column delivered: is it filled in at least one row?"""
        sql = f'select count("{column}") from "{table}"'
        return self.has(table) and bool(self.connection.execute(sql).fetchall()[0][0])

    def query(self, sql: str, values: dict[str, Any] | None = None) -> "pd.DataFrame":
        """What does this query say, as a small pandas frame? Values are bound by name (``$name``), never pasted."""
        return self.connection.execute(sql, values or {}).df()

    def records_of(self, *names: str) -> tuple[list[Source], list[RowCount]]:
        """From which files do these tables come, and how do they balance?"""
        sources = [source for source in self.sources if source.table in names]
        return sources, [count for count in self.row_counts if count.table in names]

    def notes_on(self, *names: str) -> list[str]:
        """What must a reader know about these tables?"""
        return [note for name in names for note in self.notes.get(name, [])]
