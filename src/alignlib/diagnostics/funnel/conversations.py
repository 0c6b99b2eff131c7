"""What becomes of leads in each of the five conversations, as far as stages record it?"""

import numpy as np
import pandas as pd

from alignlib.diagnostics.funnel.rates import going_on, owner_codes
from alignlib.diagnostics.funnel.spells import START
from alignlib.diagnostics.funnel.steps import NAMES, Step, Times, chosen, entered, passed, step
from alignlib.engagement import STAGES, FunnelSettings, Settings
from alignlib.incidence import incidence
from alignlib.intake.tables import Tables
from alignlib.result import Exhibit, Measure, NotJudged, Part, Row, columns
from alignlib.words import NBSP, count, interval, listed

CONVERSATIONS = {
    "C1": "Tailored point of view", "C2": "Right people", "C3": "Relevant meeting", "C4": "Definition of success",
    "C5": "Value tangible",
}  # fmt: skip
NOT_RECORDED = "not recorded"


def part(tables: Tables, settings: Settings, spells: pd.DataFrame) -> Part:
    """Which share of leads comes through each of the five conversations, and which of these does no stage record?

    ``funnel.conversations`` says from which stage to which each leads; the path rule is the agreed one, the horizon
    too. That a conversation has no stage is a statement of its own: it stands in the exhibit and among what is not
    judged. Spells that entered the first stage before the second was recorded are left out (left truncation).
    """
    stages = [stage for stage in STAGES if spells[f"{stage}_at"].notna().any()]
    if len(stages) < 2:
        return Part()
    at = passed(entered(spells, stages), settings.funnel.path)
    owners = owner_codes(tables, spells)
    told = [_row(key, name, spells, owners, at, settings) for key, name in CONVERSATIONS.items()]
    rows, reasons = [row for row, _ in told], dict[str, list[str]]()
    missing = [row for row in rows if row["value"] is None]
    for row, why in told:
        reasons.setdefault(why, []).append(str(row["name"])[:2])
    reasons.pop("", None)
    found = Part(exhibits=[_exhibit(rows, settings)] if len(missing) < len(rows) else [])
    if missing:
        found.not_judged.append(NotJudged(
            what=f"The outcome of {listed([str(row['name']) for row in missing])}", theme="content",
            why="; ".join(f"{listed(keys)}: {why}" for why, keys in reasons.items()),
            settle="a stage, or a field with its date, that says when each of these conversations has succeeded",
        ))  # fmt: skip
    return found


def gone_by(one: Step, owners: np.ndarray | None, day: float) -> tuple[Measure, float | None]:
    """Which share of spells in a stage goes on within so many days, and by when had half of those gone on?

    As ``rates.going_on``; ``owners``: a code a spell, None where no seller decides or owners are known of wins alone.
    """
    measure, known = going_on(one, day, owners), np.isfinite(one.days)
    curve = incidence(one.days[known], one.outcome[known])
    return measure, curve.quantile(measure.value / 2) if measure.value else None


def read_early(one: Step, horizon: int) -> str:
    """Which note does a share need that is read before the horizon, as no lead was seen so long? None else."""
    seen = one.seen(horizon)
    return f"within {count(seen, 'day')}" if seen < horizon else ""


def _row(
    key: str, name: str, spells: pd.DataFrame, owners: np.ndarray | None, at: Times, settings: Settings
) -> tuple[Row, str]:  # fmt: skip
    """The share, if one can be told, or why none can be."""
    row: Row = {"label": f"{key} {name}", "name": f"{key} {name}", "value": None, "low": None, "high": None,
                "k": None, "n": None, "median_days": None, "note": NOT_RECORDED}  # fmt: skip
    pair = settings.funnel.conversations.get(key)  # type: ignore[call-overload]
    if pair is None:
        return row, "no stage stands for the conversation"
    first, second = pair
    if first not in at or second not in at:
        return row, "the stages are not recorded"
    if STAGES.index(first) >= STAGES.index(second):
        return row, "the stages run backwards"
    since = settings.funnel.tracking_since.get(second)
    is_kept = at[first] >= (0 if since is None else pd.Timestamp(since).value // 1000)
    later = [stage for stage in STAGES if stage in at and STAGES.index(stage) >= STAGES.index(second)]
    one = chosen(step(spells, settings, at, first, later, settings.funnel.path), is_kept)
    sold = STAGES.index(second) > STAGES.index(START)  # before the handover it is not sellers who decide
    measure, half = gone_by(one, owners if sold else None, settings.funnel.horizon_days)
    if measure.value is None:
        return row, "no lead has entered the first stage since the second is recorded"
    return {**row, "label": f"{key} {_stages(pair)}", "value": measure.value, "low": measure.low, "high": measure.high,
            "k": measure.k, "n": measure.n, "median_days": half,
            "note": read_early(one, settings.funnel.horizon_days)}, ""  # fmt: skip


def _exhibit(rows: list[Row], settings: Settings) -> Exhibit:
    mapped = [(key, settings.funnel.conversations.get(key)) for key in CONVERSATIONS]  # type: ignore[call-overload]
    mapping = "; ".join(f"{key} {_stages(pair) if pair else NOT_RECORDED}" for key, pair in mapped)
    return Exhibit(
        key="funnel.conversations", shape="intervals", play="P12", source="Stage history of leads", title=_title(rows),
        lead=f"{listed([str(row['name']) for row in rows])}, each by the stages that stand for it.", rows=rows,
        columns=columns(
            label=("Stages", "text"), name=("Conversation", "text"), value=("Go on", "share"), low=("from", "share"),
            high=("to", "share"), k=("Seen to go on", "count"), n=("Leads", "count"),
            median_days=("Half within", "days"), note=("Note", "text"),
        ),
        read=f"Each line: of the leads in the first stage, the share that reaches the second within "
        f"{count(settings.funnel.horizon_days, 'day')}, with its 95 % interval (by owner where sellers decide); within "
        "fewer where the note says so: no lead was seen for longer, and that share can only rise. "
        f"Mapping: {mapping}. "
        + _order(settings),
        says_not="Which conversation is the weakest: a longer stretch loses more leads, and shares of different "
        "conversations are of different leads. Whether one was held or was good: a stage is only its outcome.",
        alt="Intervals of the share that goes on, for the five conversations.",
    )  # fmt: skip


def _order(settings: Settings) -> str:
    """The order in which the conversations were first described puts a confirmed opportunity before a qualified one."""
    if settings.funnel.conversations != FunnelSettings().conversations:
        return "The mapping is the one agreed."
    return ("The order is that of the five conversations as first described: a confirmed opportunity (C2) comes before "
            "a qualified prospect (C3), while most funnels qualify first.")  # fmt: skip


def _stages(pair: tuple[str, str]) -> str:
    first, second = (NAMES.get(stage, stage) for stage in pair)
    return f"{first} to {second.lower()}"


def _title(rows: list[Row]) -> str:
    """Shares of unlike stretches are never ranked: what is concluded is what is recorded at all."""
    shares = [row["value"] for row in rows if row["value"] is not None]
    missing = listed([str(row["name"]) for row in rows if row["value"] is None])
    run = f"{interval(min(shares), max(shares), 'share')}{NBSP}%"
    said = f"No stage records {missing}; through the others come" if missing else "Through the five conversations come"
    return f"{said} {run} of their leads"
