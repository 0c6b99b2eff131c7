"""What the survey says: one finding a block, what it rests on, and what it cannot say."""

from math import ceil
from typing import Literal

import pandas as pd

from alignlib.diagnostics.survey import exhibits
from alignlib.diagnostics.survey.answers import (
    TEAMS,
    BlockGap,
    Scores,
    block_gap,
    items_in,
    read_answers,
)
from alignlib.diagnostics.survey.exhibits import in_sentence
from alignlib.disclosure import Group
from alignlib.engagement import Settings
from alignlib.instrument import Block, read_instrument
from alignlib.intake.tables import Tables
from alignlib.result import Finding, Level, Measure, NotJudged, Result
from alignlib.stats import judge
from alignlib.words import NBSP, TEAM_NAMES, agreed, count, figure, interval, listed, number, of, share, spelled, value

QUESTION = "What do the two teams say of each other, and where do they part?"
# A gap on these blocks breaks the handover itself and calls for action; on the others it calls for attention.
ACT_BLOCKS = {"common_language", "handoff", "follow_up"}
LOW_RESPONSE, UNEVEN_RESPONSE = 0.5, 0.2
CAVEATS = [
    "The survey says what people think, not what happened, and not who is right.",
    "Each block is judged on its own, and of many intervals at 95 % about one in twenty misses the truth.",
]
NAMED = "Answers were given under names, so means are shown and nothing is inferred from them."


def diagnose(tables: Tables, settings: Settings) -> Result:
    """Where do Sales and Marketing part in what they answer to the same words, and how sure is that?

    Reads ``responses`` and, where delivered, ``respondents``. A block's score is the mean of the items a person
    answered, reverse items turned round; the gap is Sales less Marketing with Welch's 95 % interval, and a finding's
    measure is its size, counted from the team with the lower mean. Groups below ``survey.smallest_group`` are withheld.
    It does not say who is right.
    """
    answers = read_answers(tables)
    everybody = Scores(answers.drop_duplicates("respondent_id"), settings.survey.smallest_group)
    asked = exhibits.invited(_listed(tables), settings)
    given = set(answers.loc[answers["answer"].notna(), "item"])
    posed = [b for b in read_instrument().blocks if given & {item.item for item in b.items}]
    gaps = [block_gap(answers, block, settings) for block in posed]
    findings = [_finding(gap, asked, settings) for gap in gaps if gap.is_shown]
    levels = {finding.key.rsplit(".", 1)[1]: finding.level for finding in findings}
    shown = [
        exhibits.response(everybody, asked, settings),
        exhibits.blocks(gaps, levels, settings),
        exhibits.items(answers, settings),
    ]
    sources, row_counts = tables.records_of("responses", "respondents")
    return Result(
        diagnostic="survey", question=QUESTION, headline=_headline(findings, gaps, settings),
        summary=_summary(findings, gaps, shown[0].title if len(answers) else "No answers were delivered", settings),
        basis=_basis(everybody, asked), findings=findings,
        exhibits=shown if len(answers) else [],
        caveats=_caveats(tables, answers, everybody, asked, gaps, settings) if len(answers) else [],
        not_judged=_not_judged(posed, gaps, bool(len(answers)), settings.survey.smallest_group),
        settings={
            "mode": settings.survey.mode, "smallest_group": settings.survey.smallest_group,
            "survey_gap": settings.thresholds.get("survey_gap"), "instrument_version": read_instrument().version,
        },
        sources=sources, row_counts=row_counts,
    )  # fmt: skip


def _listed(tables: Tables) -> dict[str, int]:
    if not tables.has("respondents"):
        return {}
    listed = tables.query("select team, count(*) as n from respondents where team is not null group by team")
    return {str(team): int(n) for team, n in zip(listed["team"], listed["n"], strict=True)}


# --- findings ---------------------------------------------------------------------------------------------------------


def _finding(gap: BlockGap, asked: dict[Group, int | None], settings: Settings) -> Finding:
    limit, size = settings.thresholds.get("survey_gap"), gap.size
    beyond: Literal["act", "watch"] = "act" if gap.block.block in ACT_BLOCKS else "watch"
    level: Level = "unclear"  # also when there is no interval: a mean of answers is never a count
    if size.low is not None:
        level = judge(size.value, size.low, size.high, limit, "at_most", beyond)
    people = sum(gap.n.values())
    return Finding(
        key=f"survey.gap.{gap.block.block}", theme=gap.block.theme, title=_title(gap, level, limit),
        detail=_detail(gap, limit),
        measure=Measure(
            value=size.value, unit="points", n=people, low=size.low, high=size.high,
            method="difference of two means" if size.low is None else "difference of two means, Welch 1947",
        ),
        level=level, rule=_rule(beyond, limit, settings), limit=limit, direction=None if limit is None else "at_most",
        play=None if level == "good" else gap.block.play,
        settle=_settle(gap, limit, asked, settings) if level == "unclear" else "",
    )  # fmt: skip


def _title(gap: BlockGap, level: Level, limit: float | None) -> str:
    """Which sentence carries the gap? It claims a direction only when the interval leaves out zero."""
    name, size = in_sentence(gap.block.title), gap.size
    points = value(size.value, "points")
    higher, lower = (TEAM_NAMES[team] for team in gap.ahead)
    if level in ("act", "watch"):
        return f"{higher} rates {name} {points} higher than {lower}"
    if level == "good":
        within, apart = value(limit, "points"), figure(size.value, "points")
        return f"The teams agree on {name} within the agreed {within}: {apart} apart"
    if size.low is None:
        return f"{higher} and {lower} stand {points} apart on {name}; nothing is inferred"
    if size.low <= 0:
        return f"The teams may differ on {name}: {points} apart, interval {interval(size.low, size.high, 'points')}"
    open_question = "no limit was agreed" if limit is None else f"perhaps within the agreed {figure(limit, 'points')}"
    return f"{higher} rates {name} {points} higher than {lower}, {open_question}"


def _detail(gap: BlockGap, limit: float | None) -> str:
    means = [
        f"{TEAM_NAMES[team]} {figure(gap.mean[team].value, 'points')} (n{NBSP}={NBSP}{number(gap.n[team])})"
        for team in TEAMS
    ]
    size, delta = gap.size, gap.delta
    said = f"{means[0]}, {means[1]}, of 5."
    if size.low is not None:
        said += f" Gap {figure(size.value, 'points')}, interval {interval(size.low, size.high, 'points')}."
    if delta.value is not None:
        within = f" ({interval(delta.low, delta.high, 'delta')})" if delta.low is not None else ""
        said += f" Cliff\u2019s delta, Sales against Marketing: {figure(delta.value, 'delta')}{within}."
    return f"{said} {agreed(limit, 'at_most', 'points')}"


def _rule(beyond: Level, limit: float | None, settings: Settings) -> str:
    if settings.survey.mode == "named":
        return "Named answers are shown and not judged."
    if limit is None:
        return "No limit was agreed, so the gap is shown and not judged."
    line = value(limit, "points")
    return f"{beyond} when the whole 95 % interval of the gap, either way, is beyond {line}; good within; else unclear."


def _settle(gap: BlockGap, limit: float | None, asked: dict[Group, int | None], settings: Settings) -> str:
    """What would settle it? Half the width of the interval shrinks with the root of the number of answers."""
    size, people = gap.size, sum(gap.n.values())
    if settings.survey.mode == "named":
        return "an anonymous round with the same items"
    if limit is None:
        return "a limit for the gap, agreed before the next round (thresholds: survey_gap)"
    if size.value is None or size.low is None or size.high is None:
        return "answers from more people of both teams"
    half, distance = (size.high - size.low) / 2, abs(size.value - limit)
    needed = ceil(people * (half / distance) ** 2) if distance >= half / 4 else None
    if needed is None:
        return "a talk about the items: the gap stands so near the agreed limit that more answers would hardly tell"
    invited = [n for n in asked.values() if n is not None]
    if len(invited) == len(TEAMS) and needed > sum(invited):
        return (
            f"about {number(needed)} answers, more than the {number(sum(invited))} people invited: "
            "talk the items through with both teams instead"
        )
    return f"about {number(needed)} answers in all instead of {number(people)}, if gap and spread stay as they are"


# --- what stands at the top -------------------------------------------------------------------------------------------


def _headline(findings: list[Finding], gaps: list[BlockGap], settings: Settings) -> str:
    limit = settings.thresholds.get("survey_gap")
    if not findings:
        return "What the two teams think of each other could not be compared"
    if settings.survey.mode == "named":
        return f"Named answers on {count(len(findings), 'block')} are shown, and nothing is inferred from them"
    if limit is None:
        return (
            f"The teams\u2019 gaps on {count(len(findings), 'block')} are shown; no limit was agreed to judge them by"
        )
    titles = {gap.block.block: in_sentence(gap.block.title) for gap in gaps}
    beyond = sorted((f for f in findings if f.level in ("act", "watch")), key=lambda f: -(f.measure.value or 0))
    good = [f for f in findings if f.level == "good"]
    if beyond:
        names = [titles[f.key.rsplit(".", 1)[1]] for f in beyond[:3]]
        more = f" and on {count(len(beyond) - 3, 'more block')}" if len(beyond) > 3 else ""
        return f"The teams part on {listed(names) if not more else ', '.join(names)}{more}"
    line = value(limit, "points")
    if len(good) == len(findings):
        return f"The teams agree within {line} on {_all(len(good))}"
    if good:
        some = of(len(good), len(findings))
        return f"The teams agree within {line} on {some} blocks; the rest is unclear"
    return f"No gap can be told from the agreed {line}: {_all(len(findings))} unclear"


def _all(n: int) -> str:
    return "the one block" if n == 1 else f"all {spelled(n)} blocks"


def _summary(findings: list[Finding], gaps: list[BlockGap], answered: str, settings: Settings) -> str:
    if not gaps:
        return f"{answered}. No block of the survey can be compared."
    limit = settings.thresholds.get("survey_gap")
    hidden = len(gaps) - len(findings)
    said = [f"{answered}."]
    if findings and limit is not None and settings.survey.mode == "anonymous":
        n = {level: sum(f.level == level for f in findings) for level in ("act", "watch", "good", "unclear")}
        beyond, within, open_ = (spelled(k) if k else "none" for k in (n["act"] + n["watch"], n["good"], n["unclear"]))
        said.append(
            f"Of {count(len(findings), 'block')}: {beyond} beyond the agreed {value(limit, 'points')}, "
            f"{within} within, {open_} unclear."
        )
    if hidden:
        block = "block" if hidden == 1 else "blocks"
        said.append(f"{spelled(hidden).capitalize()} {block} cannot be shown for both teams.")
    return " ".join(said)


def _basis(everybody: Scores, asked: dict[Group, int | None]) -> list[str]:
    """Which counts stand beside the verdict: answered of invited, by team?"""
    said = []
    for team in TEAMS:
        n, out_of = everybody.n(team), asked[team]
        if team in everybody.shown:
            known = out_of is not None and out_of >= n
            said.append(f"{TEAM_NAMES[team]}: {of(n, out_of or n) if known else count(n, 'answer')}")
    return said


# --- what it cannot say -----------------------------------------------------------------------------------------------


def _caveats(
    tables: Tables, answers: pd.DataFrame, everybody: Scores, asked: dict[Group, int | None],
    gaps: list[BlockGap], settings: Settings,
) -> list[str]:  # fmt: skip
    said = list(CAVEATS) + ([NAMED] if settings.survey.mode == "named" else [])
    said += _silent(everybody, asked, gaps)
    if everybody.n("total") > sum(everybody.n(team) for team in TEAMS):
        said.append("People whose team is not named, or named twice, count for everybody and for neither team.")
    foreign = [item for item in items_in(answers) if item not in read_instrument().items]
    if foreign:
        names = listed(foreign[:8]) + (f" and {number(len(foreign) - 8)} more" if len(foreign) > 8 else "")
        said.append(f"Not items of this survey, so listed and not judged: {names}.")
    waves = tables.query("select count(distinct coalesce(wave, '')) as n from responses")
    if int(waves["n"].iloc[0]) > 1:
        said.append("Of several rounds, only the last is read.")
    return said + tables.notes_on("responses", "respondents")


def _silent(everybody: Scores, asked: dict[Group, int | None], gaps: list[BlockGap]) -> list[str]:
    """What if the silent had answered as the other team did on average? Said where a team's response is low."""
    rates: dict[Group, float] = {}
    said = []
    for team in TEAMS:
        out_of, n = asked[team], everybody.n(team)
        if team not in everybody.shown or not out_of:
            continue
        rates[team] = n / out_of
        name, widest = TEAM_NAMES[team], max(gaps, key=lambda g: g.size.value or 0, default=None)
        if n > out_of:
            said.append(f"{name}: more people answered than were invited; check the invited count.")
        elif rates[team] < LOW_RESPONSE:
            text = f"{name}: only {of(n, out_of)} answered ({share(rates[team])}), so the team may think otherwise."
            if widest is not None and widest.size.value is not None:
                left = widest.size.value * widest.n[team] / out_of
                text += (
                    f" Had the silent answered as the other team does on average, the widest gap, on "
                    f"{in_sentence(widest.block.title)}, would be {value(left, 'points')} instead of "
                    f"{value(widest.size.value, 'points')}."
                )
            said.append(text)
    if len(rates) == len(TEAMS) and abs(rates["sales"] - rates["marketing"]) > UNEVEN_RESPONSE:
        said.append("The two teams answered at rates more than 20 points apart: the keener team is heard more fully.")
    return said


def _why_hidden(gap: BlockGap, k: int) -> str:
    if not any(gap.n.values()):
        return "The answers do not say who belongs to which team."
    small = [TEAM_NAMES[team] for team in TEAMS if gap.n[team] < k]
    return f"{listed(small)}: fewer than {spelled(k)} answered, so the figures are withheld."


def _not_judged(posed: list[Block], gaps: list[BlockGap], any_answers: bool, k: int) -> list[NotJudged]:
    """Which views could not be compared, why, and what would settle it? One entry a theme that was not asked about."""
    hidden = [
        NotJudged(
            what=f"The teams\u2019 views on {in_sentence(gap.block.title)}",
            why=_why_hidden(gap, k),
            settle=f"answers from at least {spelled(k)} people of each team, with the team named",
            theme=gap.block.theme,
        )
        for gap in gaps
        if not gap.is_shown
    ]
    missing: dict[str, list[Block]] = {}
    for block in read_instrument().blocks:
        if block not in posed:
            missing.setdefault(block.theme, []).append(block)
    why = "The survey that was delivered did not ask." if any_answers else "No survey answers were delivered."
    return hidden + [
        NotJudged(
            what=f"The teams\u2019 views on {listed([in_sentence(block.title) for block in absent])}",
            why=why,
            settle=f"answers of both teams to {listed([i.item for block in absent for i in block.items])}",
            theme=theme,
        )
        for theme, absent in missing.items()
    ]
