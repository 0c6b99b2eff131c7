"""Do both teams mean the same by each stage label? What each wrote alone, laid side by side (a dictionary test)."""

from collections import Counter
from dataclasses import dataclass

from alignlib.agreement import cohen_kappa
from alignlib.diagnostics.funnel.steps import NAMES
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Measure, NotJudged, Part, Row, columns
from alignlib.words import count, interval, listed, of, value

PLAY = "P3"
NO_STAGE = "no stage"  # an answer: the label means none of the stages
MOST_NAMED = 6  # labels in one sentence; the table has them all
UNREAD, UNMAPPED = "not answered", "not in the settings"
_SQL = "select team, label, coalesce(stage, '') as stage from stage_readings order by label, team, file, record"
_NAMES = NAMES | {"recycled": "Recycled", "disqualified": "Disqualified", "lost": "Lost", "": NO_STAGE}
_CODES = {stage: f" ({stage.upper()})" for stage in ("mql", "sal", "sql")}  # once a row, beside our own word


def part(tables: Tables, settings: Settings) -> Part:
    """Which share of stage labels do both teams read alike, which do they dispute, and what did the settings take?

    Reads ``stage_readings``, one row what one team says one label means; no stage is an answer too. Labels compare
    without capitals and spaces. Counts labels both teams read; a label that one left out is listed and counts nowhere.
    Counted, not estimated: these are all the labels there are. Kappa takes off what two teams with these habits would
    agree on by chance. It does not say who is right.
    """
    if not tables.has("stage_readings"):
        return _gap("no sheet of readings was delivered")
    sheet = _side_by_side(tables, settings)
    read = [row for row in sheet if row.is_read]
    if not read:
        return _gap("the sheet holds no label that both teams read")
    alike = sum(row.is_alike for row in read)
    measure = Measure(value=alike / len(read), unit="share", k=alike, n=len(read))
    kappa = cohen_kappa([str(row.sales) for row in read], [str(row.marketing) for row in read])
    claim = f"Both teams read {of(alike, len(read))} stage labels alike"
    chance = "" if kappa.value is None else f"Cohen’s kappa {value(kappa.value, 'delta')}"
    chance += f" ({interval(kappa.low, kappa.high, 'delta')})." if chance else ""
    found = finding(
        "funnel.readings", "readings_alike", measure, settings,
        {"none": claim, "beyond": f"Only {of(alike, len(read))} stage labels are read alike"},
        theme="common_language", play=PLAY, settle="",
        counted=f"{of(alike, len(read))} labels read alike",
    )  # fmt: skip
    return Part([found], [_exhibit(sheet, claim, chance)], _caveats(sheet),
                basis=[f"{count(len(read), 'stage label')} read by both teams"])  # fmt: skip


def folded(label: str) -> str:
    """How is a label compared: without capitals and spaces around or doubled?

    >>> folded(" Sales  Accepted")
    'sales accepted'
    """
    return " ".join(label.split()).casefold()


@dataclass(frozen=True)
class Label:
    """What does each team say that a label means, and what do the settings? None: no answer, or not in the settings."""

    label: str
    sales: str | None
    marketing: str | None
    settings: str | None
    is_twice: bool

    @property
    def is_read(self) -> bool:
        return self.sales is not None and self.marketing is not None

    @property
    def is_alike(self) -> bool:
        return self.is_read and self.sales == self.marketing

    @property
    def is_taken(self) -> bool:
        return self.is_alike and (self.settings or "") == self.sales


def _side_by_side(tables: Tables, settings: Settings) -> list[Label]:
    """One a label of the sheet or of the settings: both readings, what the settings say, disputed ones first."""
    rows = tables.rows(_SQL)
    agreed = {folded(label): stage for label, stage in settings.stages.items()}
    names = {folded(label): label for label in [*settings.stages, *(row["label"] for row in rows[::-1])]}
    keys = [(folded(row["label"]), row["team"]) for row in rows]
    said = {key: row["stage"] for key, row in zip(keys[::-1], rows[::-1], strict=True)}  # the first of each counts
    twice = {key for (key, _), n in Counter(keys).items() if n > 1}
    sheet = [Label(names[key], said.get((key, "sales")), said.get((key, "marketing")), agreed.get(key), key in twice)
             for key in sorted(names)]  # fmt: skip
    return sorted(sheet, key=lambda row: row.is_alike + row.is_taken if row.is_read else 3)


def _exhibit(sheet: list[Label], claim: str, chance: str) -> Exhibit:
    rows: list[Row] = [
        {"label": row.label, "sales": _NAMES.get(str(row.sales), UNREAD),
         "marketing": _NAMES.get(str(row.marketing), UNREAD),
         "settings": _NAMES.get(str(row.settings), UNMAPPED) + _CODES.get(str(row.settings), ""),
         "alike": "not judged" if not row.is_read else "yes" if row.is_alike else "no"}
        for row in sheet
    ]  # fmt: skip
    return Exhibit(
        key="funnel.readings", shape="table", rows=rows, play=PLAY, source="Stage readings, stages in the settings",
        title=claim, lead=chance,
        columns=columns(
            label=("Label", "text"), sales=("Sales says", "text"), marketing=("Marketing says", "text"),
            settings=("This audit took it as", "text"), alike=("Alike", "text"),
        ),
        read="What each team wrote alone, disputed labels first. Kappa takes off what the two would agree on by "
        "chance: 1 is full agreement, 0 no more than chance. Where both agree and the audit took a label otherwise, "
        "the audit should change.",
        says_not="Who is right, and whether people use a label as they say.",
        alt=f"Table of {count(len(rows), 'stage label')} with each team’s reading.",
    )  # fmt: skip


def _caveats(sheet: list[Label]) -> list[str]:
    """Which labels did this audit take otherwise than both teams, and which answers of the sheet count nowhere?"""
    cases = (
        ([row for row in sheet if row.is_alike and not row.is_taken and row.settings is not None],
         "read alike by both teams and taken otherwise by this audit"),
        ([row for row in sheet if (row.sales is None) != (row.marketing is None)],
         "read by one team alone, which counts nowhere"),
        ([row for row in sheet if row.is_twice], "written twice by one team, of which the first counts"),
    )  # fmt: skip
    return [f"{count(len(hit), 'stage label')} {what}: {listed([row.label for row in hit[:MOST_NAMED]])}"
            + (" and others." if len(hit) > MOST_NAMED else ".") for hit, what in cases if hit]  # fmt: skip


def _gap(why: str) -> Part:
    return Part(not_judged=[NotJudged(
        what="Whether both teams mean the same by each stage label", why=why, theme="common_language",
        settle="a sheet on which each team wrote alone what each stage label means",
    )])  # fmt: skip
