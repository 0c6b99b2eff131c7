"""What a client agreed and where their files are: engagement.yml, read strictly and checked whole."""

import hashlib
import json
from datetime import date
from pathlib import Path
from typing import Annotated, Literal, get_args
from zoneinfo import ZoneInfo

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError, field_validator, model_validator

from alignlib.addresses import Database as Database
from alignlib.addresses import file_or_source
from alignlib.errors import AlignError, Problem
from alignlib.files import write_file
from alignlib.plain_fields import Count, Day, Flag, Number
from alignlib.plain_yaml import SETTINGS_FILE as SETTINGS_FILE
from alignlib.plain_yaml import as_problem, nearest, strict_yaml, yaml_text
from alignlib.words import day

LOCK_FILE = "thresholds.lock.json"
_AGREED = {"thresholds", "promises"}  # what must be agreed before data is opened
TableName = Literal["responses", "respondents", "assets", "asset_usage", "training", "searches", "recommendations",
                    "asset_totals", "page_views", "field_notes", "asset_decisions", "stage_events", "leads",
                    "opportunities", "sales_touches", "campaign_touches", "plan", "scorecards", "facts",
                    "stage_readings"]  # fmt: skip
Stage = Literal["inquiry", "mql", "sal", "sql", "opportunity", "won", "recycled", "disqualified", "lost"]
STAGES, EXITS = get_args(Stage)[:6], get_args(Stage)[6:]
Team = Literal["sales", "marketing"]
Conversation = Literal["C1", "C2", "C3", "C4", "C5"]
Weekday = Literal["mon", "tue", "wed", "thu", "fri", "sat", "sun"]

# key: (direction, unit, meaning). No default values: a threshold is agreed with the client or it is absent.
THRESHOLDS: dict[str, tuple[Literal["at_least", "at_most"], Literal["share", "pp", "points"], str]] = {
    "survey_gap": ("at_most", "points", "gap between the two teams’ means of a survey block"),
    "mirror_gap": ("at_most", "points", "error of one team’s guess at the other’s answers"),
    "ownerless_rules": ("at_most", "share", "rules in force that nobody owns or that carry no date"),
    "unused_content": ("at_most", "share", "assets nobody opened or shared within the agreed days"),
    "stale_content": ("at_most", "share", "assets neither made nor reviewed within the agreed days"),
    "untagged_content": ("at_most", "share", "assets that name no conversation"),
    "empty_pipeline": ("at_most", "share", "open pipeline standing where no usable asset exists"),
    "focus_mismatch": ("at_most", "share", "distance between Marketing’s effort and Sales’ plan over segments"),
    "persona_mismatch": ("at_most", "share", "distance between the personas content is for and those in Sales’ deals"),
    "outdated_sent": ("at_most", "share", "assets sent to customers after they expired, or without approval"),
    "specific_content": ("at_least", "share", "usable assets made for an account or a person, or that can be adapted"),
    "use_after_teaching": ("at_least", "share", "assets that sellers use within the agreed days of being shown them"),
    "shown_content": ("at_least", "share", "assets that sellers were shown"),
    "teaching_gain": ("at_least", "pp", "by how much more often sellers use assets they were shown than others"),
    "recommendation_uptake": ("at_least", "share", "recommended assets that sellers use within the agreed days"),
    "notes_answered": ("at_least", "share", "notes from Sales that content answers within the agreed days"),
    "first_touch_in_time": ("at_least", "share", "leads first touched within the promised hours"),
    "leaked_leads": ("at_most", "share", "leads that end untouched, without owner or without next step"),
    "inquiry_to_mql": ("at_least", "share", "inquiries that become MQL within the horizon"),
    "mql_to_sal": ("at_least", "share", "MQLs accepted within the horizon"),
    "sal_to_sql": ("at_least", "share", "accepted leads that qualify within the horizon"),
    "sql_to_opportunity": ("at_least", "share", "qualified leads that become opportunities within the horizon"),
    "opportunity_to_won": ("at_least", "share", "opportunities won within the horizon"),
    "mql_to_won": ("at_least", "share", "MQLs won within the horizon"),
    "mql_to_opportunity": ("at_least", "share", "MQLs that become opportunities within the horizon"),
    "win_rate": ("at_least", "share", "closed opportunities that are won"),
    "decided_in_time": ("at_least", "share", "leads accepted or turned down within the promised days"),
    "ownerless_time": ("at_most", "share", "time between handover and decision in which nobody held the lead"),
    "quality": ("at_least", "share", "leads touched in time that qualify within the horizon"),
    "score_order": ("at_least", "share", "pairs of leads in which the one that qualified had the higher score"),
    "work_order": ("at_most", "pp", "by how much more often the better half by score is touched in time"),
    "marketing_started": ("at_least", "share", "won deals that Marketing started"),
    "credit_claim": ("at_least", "share", "Marketing’s claim: its share of won revenue with touches on record"),
    "readings_alike": ("at_least", "share", "stage labels that both teams read alike"),
    "revenue_linked": ("at_least", "share", "Marketing’s metrics that are tied to revenue"),
    "long_view": ("at_least", "share", "Sales’ metrics that show in revenue only after this quarter"),
}


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


class Period(_Part):
    """Which leads belong to this audit: created from ``start`` to ``end``, both included."""

    start: Day
    end: Day

    @model_validator(mode="after")
    def _in_order(self) -> "Period":
        if self.end < self.start:
            raise ValueError("the period ends before it starts")
        return self


class TeamSettings(_Part):
    """How many of a team were invited to the survey, and how files name the team."""

    invited: Count | None = Field(default=None, ge=0)
    labels: list[str] = Field(default_factory=list)


class Reading(_Part):
    """How a file is read where its content alone cannot tell, and which of its columns are which of ours.

    In place of a file ``source`` names a table of a database; ``file`` is then the name that messages give it.
    """

    file: str = Field(min_length=1)
    source: Database | None = None
    sheet: str | None = None
    encoding: Literal["utf-8", "utf-16", "cp1252", "latin-1"] | None = None
    encoding_errors: Literal["refuse", "replace"] = "refuse"  # replace: by \ufffd, and counted
    delimiter: str | None = Field(default=None, min_length=1, max_length=1)
    decimal: Literal[".", ","] | None = None
    date_order: Literal["ymd", "dmy", "mdy", "excel"] | None = None  # excel: days counted from 1900, 45000 = 2023-03-15
    header_rows: Count = Field(default=1, ge=1, le=3)
    skip_rows: Count = Field(default=0, ge=0)
    short_rows: Literal["reject", "pad"] = "reject"
    json_columns: list[str] = Field(default_factory=list)  # each key in their cells is a column "header: key"
    columns: dict[str, str] = Field(default_factory=dict)

    _origin = model_validator(mode="before")(file_or_source)


class Lookup(Reading):
    """A second file that adds columns: ``match`` says which of their columns agree, {in this file: in the lookup}."""

    match: dict[str, str] = Field(min_length=1, max_length=1)
    several: Literal["refuse", "first"] = "refuse"  # where several rows there have one key: the first of them counts


class Input(Reading):
    """Which file feeds which table, and how do their columns and labels become ours?"""

    table: TableName
    # wide: a column for each stage; survey: one for each item; merges: rows only say which id became which
    shape: Literal["rows", "wide", "survey", "merges"] = "rows"
    constants: dict[str, str] = Field(default_factory=dict)
    values: dict[str, dict[str, str]] = Field(default_factory=dict)
    separators: dict[str, str] = Field(default_factory=dict)  # of several ids in one cell the first counts
    stages: dict[Stage, str] = Field(default_factory=dict)
    items: dict[str, str] = Field(default_factory=dict)
    labels: dict[str, Literal["1", "2", "3", "4", "5", "cannot_say"]] = Field(default_factory=dict)
    exclude: dict[str, list[str]] = Field(default_factory=dict)
    only: dict[str, list[str]] = Field(default_factory=dict)
    merged_ids: str | None = None  # their column: ids that were merged into this row's: 12;34 or [12, 34]
    merged_into: str | None = None  # their column: the id this row was merged into; such rows are left out
    keep_latest: str | None = None  # their column: of rows with one id that differ, the latest by it counts
    same_address: Flag = False  # assets: addresses that differ by http(s), a / at the end, # or a tag (utm_) are one
    lookups: list[Lookup] = Field(default_factory=list)
    timezone: str | None = None

    @model_validator(mode="after")
    def _shape_fits(self) -> "Input":
        if self.shape == "wide" and (self.table != "stage_events" or not self.stages):
            raise ValueError("shape wide is for stage_events and needs stages: {mql: their column}")
        if self.shape == "survey" and self.table != "responses":
            raise ValueError("shape survey is for responses")
        if self.shape == "merges" and not self.merged_ids:
            raise ValueError("shape merges needs merged_ids: their column of the old ids")
        return self

    @property
    def given(self) -> list[str]:
        """Which of our columns does it fill: from its file, by a constant, or from a second file?"""
        return [*self.columns, *self.constants, *(ours for lookup in self.lookups for ours in lookup.columns)]


class WorkHours(_Part):
    """When do people work: which days, from which hour to which (local time), and which days are holidays?"""

    days: list[Weekday] = ["mon", "tue", "wed", "thu", "fri"]
    start: Number = Field(default=9, ge=0, le=24)
    end: Number = Field(default=17, ge=0, le=24)
    holidays: list[Day] = Field(default_factory=list)

    @model_validator(mode="after")
    def _in_order(self) -> "WorkHours":
        if self.end <= self.start or not self.days:
            raise ValueError("work hours need at least one day, and an end after the start")
        return self


class Promises(_Part):
    """What the two teams promised each other.

    ``clock`` says whether the hours to the first touch run on or only within ``work``; days are calendar days.
    """

    first_touch_hours: Number | None = Field(default=None, gt=0)
    clock: Literal["calendar", "business"] = "calendar"
    work: WorkHours = WorkHours()
    attempts: Count | None = Field(default=None, ge=1)
    decision_days: Number | None = Field(default=None, gt=0)
    stalled_days: Count = Field(default=30, ge=1)


class Grading(_Part):
    """From which score on does each team call a lead qualified, and what do they write that a good lead is?"""

    stated: dict[Team, Number] = Field(default_factory=dict)
    criteria: dict[Literal["source", "segment", "persona", "grade"], list[str]] = Field(default_factory=dict)


class Goal(_Part):
    """Which revenue shall come from leads handed over in so many months, and how many more could Sales work a month?"""

    revenue: Count | None = Field(default=None, ge=1)
    months: Count = Field(default=12, ge=1, le=60)
    capacity: Count | None = Field(default=None, ge=0)


class Done(_Part):
    """Which play was run, and on which day? A re-audit lays it beside what moved."""

    play: str = Field(pattern=r"^P\d{1,2}$")
    on: Day


class Notice(_Part):
    """What participants are told: who keeps the answers, who sees them and the results, until when, and whom to ask?"""

    kept_by: str = ""
    answers_seen_by: str = ""
    results_seen_by: str = ""
    kept_until: Day | None = None
    contact: str = ""


class SurveySettings(_Part):
    """Whether answers are anonymous, below which size a group is withheld, and which form is asked in which language.

    ``named`` is for firms too small for anonymity: everybody has agreed, and ``consent_on`` says when.
    """

    mode: Literal["anonymous", "named"] = "anonymous"
    smallest_group: Count = Field(default=5, ge=3)
    consent_on: Day | None = None
    form: Literal["full", "short"] = "full"
    language: str = Field(default="en", pattern="^[a-z]{2}$")
    segments: list[str] = Field(default_factory=list)
    notice: Notice = Notice()

    @model_validator(mode="after")
    def _consented(self) -> "SurveySettings":
        if self.mode == "named" and self.consent_on is None:
            raise ValueError("named answers need consent_on: the day on which everybody asked had agreed to it")
        return self

    @property
    def least(self) -> int:
        """Of how many people at least is a figure shown? Named answers hide nobody."""
        return 1 if self.mode == "named" else self.smallest_group


class ContentSettings(_Part):
    """After how many days an asset counts as unused, or as stale; the window starts with the period.

    ``uptake_days``: within so many days sellers should use what they were shown or recommended, and content should
    answer their notes. ``page_match``: a page of the website is an asset by its whole path, or by its last part alone
    (slug), so that languages of one page count together.
    """

    unused_days: Count = Field(default=90, ge=1)
    stale_days: Count = Field(default=365, ge=1)
    uptake_days: Count = Field(default=30, ge=1)
    page_match: Literal["path", "slug"] = "path"


class FunnelSettings(_Part):
    """Which path counts as passing a stage, within how many days, and since when a stage is recorded?

    ``nurture_gap_days``: so many days without a recorded response of the lead are a gap. ``credit_days``: a touch
    earlier than that before the win earns no credit.
    """

    path: Literal["strict", "any", "backfilled"] = "any"
    horizon_days: Count = Field(default=90, ge=1)
    tracking_since: dict[Stage, Day] = Field(default_factory=dict)
    nurture_gap_days: Count = Field(default=45, ge=1)
    credit_days: Count = Field(default=180, ge=1)
    # From which stage to which each conversation leads, in the order of the five conversations; null: not recorded.
    conversations: dict[Conversation, tuple[Stage, Stage] | None] = {
        "C1": ("inquiry", "mql"), "C2": ("mql", "opportunity"), "C3": ("sal", "sql"), "C4": None,
        "C5": ("opportunity", "won"),
    }  # fmt: skip


class Settings(_Part):
    """What was agreed with the client and where the files are: all of engagement.yml, checked."""

    version: Annotated[Literal[1], BeforeValidator(lambda v: int(v) if v in ("1", 1) else v)]
    client: str = Field(min_length=1, max_length=300)
    synthetic: Flag = False
    period: Period
    as_of: Day
    currency: str = Field(pattern=r"^[A-Z]{3}$")
    timezone: str
    teams: dict[Team, TeamSettings] = Field(default_factory=dict)
    stages: dict[str, Stage] = Field(default_factory=dict)
    promises: Promises = Promises()
    grading: Grading = Grading()
    goal: Goal = Goal()
    thresholds: dict[str, Number] = Field(default_factory=dict)
    survey: SurveySettings = SurveySettings()
    content: ContentSettings = ContentSettings()
    funnel: FunnelSettings = FunnelSettings()
    done: list[Done] = Field(default_factory=list)
    inputs: list[Input] = Field(default_factory=list)

    @field_validator("timezone")
    @classmethod
    def _known_zone(cls, name: str) -> str:
        try:
            ZoneInfo(name)
        except (ValueError, KeyError, OSError) as error:  # OSError: a folder of the zone files
            raise ValueError("not a time zone such as Europe/Berlin or UTC") from error
        return name

    @field_validator("thresholds")
    @classmethod
    def _known_thresholds(cls, thresholds: dict[str, float]) -> dict[str, float]:
        for key, limit in thresholds.items():
            if key not in THRESHOLDS:
                raise ValueError(f"unknown threshold {key!r}{nearest(key, list(THRESHOLDS))}")
            top = 4 if THRESHOLDS[key][1] == "points" else 1
            if not 0 <= limit <= top:
                raise ValueError(f"{key} must lie between 0 and {top}")
        return thresholds

    @model_validator(mode="after")
    def _as_of_after_start(self) -> "Settings":
        if self.as_of < self.period.start:
            raise ValueError("as_of lies before the period starts")
        return self

    def sha256(self, only: set[str] | None = None) -> str:
        """What is the fingerprint of these settings, or of some of them?"""
        return hashlib.sha256(self.canonical(only).encode()).hexdigest()

    def canonical(self, only: set[str] | None = None) -> str:
        """How are these settings, or some of them, written so that equal settings are equal text?"""
        return json.dumps(self.model_dump(mode="json", include=only), sort_keys=True, ensure_ascii=False)


def read_engagement(folder: Path) -> Settings:
    """What does this engagement's engagement.yml say? Raises AlignError (E-CONFIG) with every fault and its line."""
    path = folder / SETTINGS_FILE
    try:
        return parse_settings(yaml_text(path))
    except (OSError, UnicodeDecodeError) as error:
        fix = "name a folder made by: alignlib new NAME"
        raise AlignError(Problem("E-OPEN", "cannot be read as UTF-8 text", where=str(path), fix=fix)) from error


def parse_settings(text: str) -> Settings:
    """Which settings does this text of an engagement.yml hold? Raises AlignError (E-CONFIG)."""
    data, lines = strict_yaml(text)
    try:
        return Settings.model_validate(data)
    except ValidationError as error:
        raise AlignError([as_problem(fault, lines, Settings) for fault in error.errors()]) from error


def write_lock(folder: Path, settings: Settings, by: str, at: str) -> Path:
    """Which file records that thresholds and promises were agreed before data was opened, by whom and when?"""
    lock = {"agreed_sha256": settings.sha256(_AGREED), "by": by, "at": at}
    return write_file(folder / LOCK_FILE, json.dumps(lock, indent=1, ensure_ascii=False) + "\n")


def lock_state(folder: Path, settings: Settings) -> str:
    """Were the thresholds agreed before data was opened? One sentence for the report, without names."""
    path = folder / LOCK_FILE
    if not path.exists():
        return "Thresholds were not locked before data was opened."
    try:
        lock = json.loads(path.read_text(encoding="utf-8"))
        unchanged, at = lock["agreed_sha256"] == settings.sha256(_AGREED), day(date.fromisoformat(str(lock["at"])[:10]))
    except (OSError, ValueError, KeyError, TypeError) as error:
        fix = "agree the thresholds again and run: alignlib lock"
        raise AlignError(Problem("E-CONFIG", "the lock is damaged", where=LOCK_FILE, fix=fix)) from error
    return f"Thresholds locked on {at}{'; unchanged since' if unchanged else ' and changed after opening'}."
