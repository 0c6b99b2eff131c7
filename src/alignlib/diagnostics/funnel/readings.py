"""Do both teams mean the same by each stage label? What each wrote alone, laid side by side (a dictionary test)."""

import numpy as np
import pandas as pd

from alignlib.agreement import cohen_kappa
from alignlib.diagnostics.funnel.steps import NAMES
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Exhibit, Measure, NotJudged, Part, Row, columns
from alignlib.words import TEAM_NAMES, count, interval, listed, of, value

PLAY = "P3"
NO_STAGE = "no stage"  # an answer: the label means none of the stages
MOST_NAMED = 6  # labels in one sentence; the table has them all
UNREAD, UNMAPPED = "not answered", "not in the settings"
_SQL = "select team, label, coalesce(stage, '') as stage from stage_readings order by label, team, file, record"
_NAMES = {**NAMES, "recycled": "Recycled", "disqualified": "Disqualified", "lost": "Lost", "": NO_STAGE}
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
    read = sheet[sheet["is_read"]]
    if read.empty:
        return _gap("the sheet holds no label that both teams read")
    alike = int(read["is_alike"].sum())
    measure = Measure(value=alike / len(read), unit="share", k=alike, n=len(read))
    kappa = cohen_kappa(read["sales"], read["marketing"])
    said, mean = of(alike, len(read)), "means" if alike < 2 else "mean"
    claim = f"{said if alike else f'None of {len(read)}'} stage labels {mean} the same to both teams"
    beyond_chance = "" if kappa.value is None else f"; Cohen’s kappa {value(kappa.value, 'delta')}"
    if kappa.low is not None:
        beyond_chance += f" ({interval(kappa.low, kappa.high, 'delta')})"
    found = finding(
        "funnel.readings", "readings_alike", measure, settings,
        {
            "beyond": f"Only {claim}" if alike else claim,
            "good": f"{claim}, as agreed", "unclear": claim, "none": claim,
        },
        theme="common_language", play=PLAY, counted=f"{said} labels read alike", settle="",
    )  # fmt: skip
    return Part([found], [_exhibit(sheet, len(read), alike, beyond_chance)], _caveats(sheet),
                basis=[f"{count(len(read), 'stage label')} read by both teams"])  # fmt: skip


def folded(label: str) -> str:
    """How is a label compared: without capitals and spaces around or doubled?

    >>> folded(" Sales  Accepted")
    'sales accepted'
    """
    return " ".join(label.split()).casefold()


def _side_by_side(tables: Tables, settings: Settings) -> pd.DataFrame:
    """One row a label of the sheet or of the settings: both readings, what the settings say, disputed ones first."""
    rows = tables.query(_SQL)
    rows["key"] = rows["label"].map(folded)
    agreed = {folded(label): stage for label, stage in settings.stages.items()}
    names = {folded(label): label for label in [*settings.stages, *rows["label"][::-1]]}
    sheet = rows.drop_duplicates(["key", "team"]).pivot(index="key", columns="team", values="stage")
    sheet = sheet.reindex(columns=list(TEAM_NAMES)).reindex(pd.Index(sorted(names), name="key"))
    sheet["settings"], sheet["label"] = sheet.index.map(agreed.get), sheet.index.map(names)
    sheet["is_read"] = sheet["sales"].notna() & sheet["marketing"].notna()
    sheet["is_alike"] = sheet["is_read"] & (sheet["sales"] == sheet["marketing"])
    sheet["is_taken"] = sheet["is_alike"] & (sheet["settings"].fillna("") == sheet["sales"])
    sheet["is_twice"] = sheet.index.isin(rows.loc[rows.duplicated(["key", "team"]), "key"])
    cases = [sheet["is_read"] & ~sheet["is_alike"], sheet["is_alike"] & ~sheet["is_taken"], sheet["is_taken"]]
    return sheet.assign(order=np.select(cases, [0, 1, 2], 3)).sort_values(["order", "key"])


def _exhibit(sheet: pd.DataFrame, n: int, alike: int, beyond_chance: str) -> Exhibit:
    def shown(stage: object, blank: str) -> str:
        return _NAMES[stage] if isinstance(stage, str) else blank

    rows: list[Row] = [
        {"label": row.label, "sales": shown(row.sales, UNREAD), "marketing": shown(row.marketing, UNREAD),
         "settings": shown(row.settings, UNMAPPED) + _CODES.get(str(row.settings), ""),
         "alike": "not judged" if not row.is_read else "yes" if row.is_alike else "no"}
        for row in sheet.itertuples()
    ]  # fmt: skip
    title = f"The two teams read {of(n - alike, n)} stage labels differently"
    return Exhibit(
        key="funnel.readings", shape="table", rows=rows, play=PLAY, source="Stage readings, stages in the settings",
        title=title if alike < n else f"Both teams read all {count(n, 'stage label')} alike",
        lead=f"{of(alike, n)} labels read alike{beyond_chance}.",
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


def _caveats(sheet: pd.DataFrame) -> list[str]:
    """Where sheet and settings do not meet: labels one does not know, and labels the audit took otherwise."""
    said, known = sheet["sales"].fillna("") + sheet["marketing"].fillna("") != "", sheet["settings"].notna()
    n_read = sheet["sales"].notna().astype(int) + sheet["marketing"].notna()
    cases = (
        (sheet["is_alike"] & ~sheet["is_taken"] & known, "read alike by both teams and taken otherwise by this audit"),
        (said & ~known, "read as a stage and not in the settings"),
        (n_read == 0, "in the settings and not on the sheet"),
        (n_read == 1, "read by one team alone, which counts nowhere"),
        (sheet["is_twice"], "written twice by one team, of which the first counts"),
    )
    return [f"{count(int(hit.sum()), 'stage label')} {what}: {listed(list(sheet.loc[hit, 'label'])[:MOST_NAMED])}"
            + (" and others." if hit.sum() > MOST_NAMED else ".") for hit, what in cases if hit.any()]  # fmt: skip


def _gap(why: str) -> Part:
    return Part(not_judged=[NotJudged(
        what="Whether both teams mean the same by each stage label", why=why, theme="common_language",
        settle="a sheet on which each team wrote alone what each stage label means",
    )])  # fmt: skip
