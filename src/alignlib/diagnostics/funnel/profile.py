"""What sets won leads apart from lost ones, and is that what the written description of a good lead says?"""

import numpy as np
import pandas as pd
from scipy.special import ndtri, stdtrit

from alignlib.diagnostics.funnel.rates import FEWEST_OWNERS, gap
from alignlib.diagnostics.funnel.touch import deciders
from alignlib.engagement import Settings
from alignlib.result import Exhibit, NotJudged, Part, Row, columns
from alignlib.words import count, number, of

ATTRIBUTES = ("source", "segment", "persona", "grade")
_MOST = 8  # values of an attribute shown, the commonest; what is written down is always shown
_Side = tuple[np.ndarray, np.ndarray]  # won, or other, leads: which carry a value, and who decided on them
_APART, _AGAINST = "sets won leads apart", "the other way"


def part(settings: Settings, handed: pd.DataFrame) -> Part:
    """How do won leads differ from those lost or sent away, beside the written criteria?

    One row a value of source, segment, persona or grade: its share among won spells less its share among those that
    left (lost, disqualified, recycled), with an interval clustered by who held them at the handover where at least two
    did on each side, else Newcombe's (1998): a seller who wins more may simply hold other leads. Open ones are left
    out. Spells without the attribute count in neither share. It does not say that the attribute is the cause.
    """
    unwritten = [] if settings.grading.criteria else [NotJudged(
        what="The written description of a good lead", theme="common_language",
        why="no written criteria were delivered", settle="grading.criteria in engagement.yml, as both teams agreed",
    )]  # fmt: skip
    is_won = handed["won_at"].notna().to_numpy()
    is_left, who = handed["exit"].notna().to_numpy() & ~is_won, deciders(handed)
    rows = _rows(handed, (is_won, is_left), who, settings)
    if not rows:
        return Part(not_judged=unwritten)
    sellers = min(len(np.unique(who[side & (who >= 0)])) for side in (is_won, is_left))
    return Part(exhibits=[_exhibit(rows, int(is_won.sum()), int(is_left.sum()), sellers)], not_judged=unwritten)


def _rows(
    handed: pd.DataFrame, outcomes: tuple[np.ndarray, np.ndarray], who: np.ndarray, settings: Settings
) -> list[Row]:
    rows: list[Row] = []
    for attribute in ATTRIBUTES:
        code, values = pd.factorize(handed[attribute])
        places = {str(name): i for i, name in enumerate(values)}
        chosen = [side & (code >= 0) for side in outcomes]
        sides = [(code[side], who[side]) for side in chosen]
        if not all(side.any() for side in chosen):
            continue
        n = np.sum([np.bincount(codes, minlength=len(places)) for codes, _ in sides], axis=0)
        usual = sorted((name for name, i in places.items() if n[i]), key=lambda name: (-n[places[name]], name))
        seen = {name.casefold(): name for name in usual}
        wanted = [word.strip() for word in settings.grading.criteria.get(attribute, [])]  # type: ignore[call-overload]
        written = {seen.get(word.casefold(), word) for word in wanted}
        for name in dict.fromkeys([*usual[:_MOST], *sorted(written)]):
            pairs = [(codes == places.get(name, -1), held) for codes, held in sides]
            rows.append(_row(f"{attribute.capitalize()}: {name}", name in written, *pairs))
    return sorted(rows, key=lambda row: (row["written"] != "yes", -(row["value"] or 0.0), row["label"]))


def _row(label: str, is_written: bool, won: _Side, left: _Side) -> Row:
    at, carries = gap(won[0], left[0], won[1], left[1]), (int(won[0].sum()), int(left[0].sum()))
    note = _APART if (at.low or 0.0) > 0 else _AGAINST if (at.high or 0.0) < 0 else "cannot tell"
    note = note if any(carries) else "no lead carries it"
    return {"label": label, "value": at.value, "low": at.low, "high": at.high, "k": carries[0], "n": len(won[0]),
            "won": carries[0] / len(won[0]), "others": len(left[0]), "left": carries[1] / len(left[0]),
            "written": "yes" if is_written else "no", "note": note}  # fmt: skip


def _stands_out(rows: list[Row], sellers: int = 0) -> Row | None:
    """Which value that is not written down sets won leads apart most, once all values looked at are allowed for?

    ``sellers``: how many decided on the side with fewer of them.
    """
    alone, df = sellers < FEWEST_OWNERS, max(sellers - 1, 1)
    tail, usual = (ndtri(1 - p) if alone else stdtrit(df, 1 - p) for p in (0.025 / len(rows), 0.025))
    wider = float(tail / usual)  # Bonferroni, on the length of the lower arm
    sure = [r for r in rows if r["written"] == "no" and r["value"] - wider * (r["value"] - r["low"]) > 0]
    return max(sure, key=lambda row: float(row["value"]), default=None)


def _exhibit(rows: list[Row], won: int, left: int, sellers: int) -> Exhibit:
    written = [row for row in rows if row["written"] == "yes"]
    apart, other = ([row for row in written if row["note"] == note] for note in (_APART, _AGAINST))
    most = _stands_out(rows, sellers)
    found = f"{most['label']} does and is not written down" if most else "nothing that is not written down stands out"
    turned = f", {number(len(other))} the other way" if other else ""
    title = f"{of(len(apart), len(written))} written criteria can be told to set won leads apart{turned}; {found}"
    return Exhibit(
        key="funnel.profile", shape="intervals", rows=rows, title=title, play="P6", source="Leads, stage history",
        is_detail=True, lead=f"{count(won, 'won lead')} against {number(left)} lost, sent back or turned away.",
        columns=columns(
            label=("Attribute", "text"), value=("Among won less among the others", "pp"),
            low=("from", "pp"), high=("to", "pp"), k=("Won leads with it", "count"), n=("Won leads", "count"),
            won=("Among won", "share"), others=("Other leads", "count"), left=("Among the others", "share"),
            written=("Written down", "text"), note=("What it says", "text"),
        ),
        read="Right of zero: commoner among won leads, in percentage points; below a name, how many have it. The "
        "bar is the 95 % interval, by owner at the handover where at least two decide, else Newcombe’s. Of "
        f"{count(len(rows), 'value')}, some bars may miss zero by chance; "
        "the title names what is not written down only if it stands out after allowing for all of them.",
        says_not="That the attribute is the cause. Leads of all ages are mixed: young ones are in only if they ended. "
        "Grades are those in the file, not those at handover.",
        alt=f"Intervals of differences between won and other leads, for {len(rows)} attributes.",
    )  # fmt: skip
