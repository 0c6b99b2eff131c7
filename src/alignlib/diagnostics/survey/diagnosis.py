"""What the survey says: one finding a block, what it rests on, and what it cannot say."""

from math import ceil

import numpy as np

from alignlib import words
from alignlib.diagnostics.survey import claims, exhibits, mirror, remarks, structure, views, within
from alignlib.diagnostics.survey.answers import TEAMS, Answers, opinions, read_answers
from alignlib.diagnostics.survey.exhibits import in_sentence
from alignlib.diagnostics.survey.gaps import ALIKE, BlockGap, block_gap, in_order
from alignlib.diagnostics.survey.scores import Scores, item_scores
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, NotJudged, Result, Row, RowCount, Source, as_read
from alignlib.words import NBSP, TEAM_NAMES, count, figure, listed, number, of, share, spelled, value

QUESTION = "What do the two teams say of each other, and where do they part?"
LOW_RESPONSE, UNEVEN_RESPONSE = 0.5, 0.2
CAVEATS = [
    "The survey says what people think, not what happened, and not who is right.",
    "Each block is judged on its own, and of many intervals at 95 % about one in twenty misses the truth.",
]
NAMED = (
    "Answers were given under names, with everybody's consent: no anonymity was promised, means and differences are "
    "shown as something to talk about, and nothing is inferred from them."
)
NO_TEAM = "the answers do not say who belongs to which team"


def diagnose(tables: Tables, settings: Settings) -> Result:
    """Where do Sales and Marketing part in what they answer to the same words, and how sure is that?

    Reads ``responses`` and, where delivered, ``respondents`` and ``facts``. A block's score is the mean of the items a
    person answered, reverse items turned round; the gap is Sales less Marketing with Welch's 95 % interval, and a
    finding's measure is its size, counted from the team with the lower mean. Groups below ``survey.smallest_group`` are
    withheld, and so is a team whose published mean would tell that all answered alike. It does not say who is right.
    """
    answers = read_answers(tables)
    who = exhibits.who_answered(tables, answers, settings)
    posed = [block for block in read_instrument().blocks if answers.asked(block.items)]
    gaps = [block_gap(answers, block, settings) for block in posed]
    shown, ruled = [gap for gap in gaps if gap.is_shown], structure.structure(tables, settings)
    comments, commented = remarks.remarks(tables, answers.wave, settings)
    own = item_scores(answers, settings, opinions(answers))
    tabled = _tabled(answers, own, who, gaps, settings) if len(answers) else []
    tabled += [comments] if comments else []
    sources, row_counts = _records(tables, hide=bool(len(answers)) and who[2]["answered"] is None)
    return Result(
        diagnostic="survey", question=QUESTION, headline=_headline(shown, settings),
        summary=_summary(shown, len(gaps), tabled[0].title if len(answers) else "No answers were delivered", settings),
        basis=_basis(who, settings) + ruled.basis,
        findings=[_finding(gap, who[2]["invited"], settings) for gap in shown]
        + list(mirror.findings(answers, own, settings)) + ruled.findings,
        exhibits=tabled + ruled.exhibits,
        caveats=_caveats(tables, answers, settings, [*_silent(who), *filter(None, [commented])])
        if len(answers) else [],
        not_judged=_not_judged(gaps, bool(len(answers)), settings.survey.least) + ruled.not_judged,
        settings={
            "mode": settings.survey.mode,
            **({"consent_on": str(settings.survey.consent_on)} if settings.survey.mode == "named"
               else {"smallest_group": settings.survey.smallest_group}),
            "survey_gap": settings.thresholds.get("survey_gap"), "instrument_version": read_instrument().version,
            **as_read(settings.inputs, ("responses", "respondents", "facts")),
        },
        sources=sources, row_counts=row_counts,
    )  # fmt: skip


def _records(tables: Tables, hide: bool) -> tuple[list[Source], list[RowCount]]:
    """Which files were read, and how do they balance? How many people a file holds is withheld with the total."""
    sources, row_counts = tables.records_of("responses", "respondents", "facts")
    if not hide:
        return sources, row_counts
    people = ("responses", "respondents")
    told = [each.model_copy(update={"rows": None}) if each.table in people else each for each in sources]
    return told, [each for each in row_counts if each.table not in people]


def _tabled(
    answers: Answers, own: dict[str, Scores], who: list[Row], gaps: list[BlockGap], settings: Settings
) -> list[Exhibit]:
    """Every table the answers make, in the order they are read; what was not asked makes none."""
    invited = {team: row["invited"] for team, row in zip(TEAMS, who[:2], strict=True)}
    found = [
        exhibits.response(who, settings), exhibits.blocks(gaps, settings),
        exhibits.firm(answers, gaps, invited, settings),
        views.conversations(answers, settings), mirror.mirror(answers, own, settings),
        views.estimates(answers, settings), views.relay(answers, settings), views.segments(answers, settings),
        views.goals(answers, settings), within.within(answers, gaps, settings), exhibits.roles(gaps),
        exhibits.items(own, settings), claims.claims(own, settings.survey.least),
    ]  # fmt: skip
    return [exhibit for exhibit in found if exhibit is not None]


def _basis(who: list[Row], settings: Settings) -> list[str]:
    said = [
        f"{r['label']}: {of(r['answered'], r['invited']) if r['share'] else count(r['answered'], 'answer')}"
        for r in who[:2]
        if r["answered"]
    ]
    how = f"Anonymous answers; groups below {spelled(settings.survey.least)} are withheld"
    if settings.survey.mode == "named":
        how = "Named answers, with consent; nothing is inferred"
    return [*said, how] if said else []


def _finding(gap: BlockGap, invited: int | None, settings: Settings) -> Finding:
    """What does a gap say? Its title claims a direction only when the interval leaves out zero."""
    limit, size = settings.thresholds.get("survey_gap"), gap.size
    name, points, agreed = in_sentence(gap.block.title), value(size.value, "points"), value(limit, "points")
    higher, lower = (TEAM_NAMES[team] for team in (TEAMS if (gap.gap.value or 0) >= 0 else TEAMS[::-1]))
    rates = f"{higher} rates {name} {points} higher than {lower}"
    is_sure = size.low is not None and size.low > 0
    may = rates if is_sure else f"The teams may differ on {name}: {points} apart"
    sales, marketing = (f"{said} (n{NBSP}={NBSP}{number(gap.n[team])})"
                        for said, team in zip(exhibits.means(gap), TEAMS, strict=True))  # fmt: skip
    method = "difference of two means" + ("" if size.low is None else ", Welch 1947")
    return finding(
        f"survey.gap.{gap.block.block}", "survey_gap", measured(size, "points", method, None, sum(gap.n.values())),
        settings,
        {
            "beyond": rates, "none": f"{may}; no limit was agreed",
            "good": f"The teams agree on {name} within the agreed {agreed}: {figure(size.value, 'points')} apart",
            "unclear": f"{may}, perhaps within the agreed {agreed}" if is_sure else may,
        },
        theme=gap.block.theme, play=gap.block.play, beyond=gap.beyond, counted=f"{sales}, {marketing}, of 5",
        settle=_settle(gap, limit or 0.0, invited),
        cannot={"unclear": "nothing is inferred from named answers"} if settings.survey.mode == "named" else None,
    )  # fmt: skip


def _settle(gap: BlockGap, limit: float, invited: int | None) -> str:
    """What would settle it? Half the width of the interval shrinks with the root of the number of answers."""
    size, people = gap.size, sum(gap.n.values())
    if size.value is None or size.low is None or size.high is None:
        return "a talk about it: named answers are there to be talked about"
    half, distance = (size.high - size.low) / 2, abs(size.value - limit)
    if distance < half / 4:
        return "a talk about the items: the gap stands so near the agreed limit that more answers would hardly tell"
    needed = max(ceil(people * (half / distance) ** 2), people + 2)  # a limit just touched still needs somebody more
    if invited is not None and needed > invited:
        return f"a talk about the items: it would take {number(needed)} answers, more than {number(invited)} invited"
    return f"about {number(needed)} answers in all instead of {number(people)}, if gap and spread stay as they are"


def _headline(shown: list[BlockGap], settings: Settings) -> str:
    if not shown:
        return "What the two teams think of each other could not be compared"
    limit = settings.thresholds.get("survey_gap")
    beyond = [gap for gap in in_order(shown) if gap.level(limit) in ("act", "watch")]
    names = [f"\u201c{in_sentence(gap.block.title)}\u201d" for gap in beyond]
    more = [f"{spelled(len(names) - 3)} more"] if len(names) > 3 else []
    return f"The teams part on {listed(names[:3] + more) or 'no block beyond doubt'}"


def _summary(shown: list[BlockGap], posed: int, answered: str, settings: Settings) -> str:
    limit, hidden = settings.thresholds.get("survey_gap"), posed - len(shown)
    said = f"{answered}. {words.tally([gap.level(limit) for gap in shown])}."
    return said + (
        f" {words.capital(words.count_spelled(hidden, 'block'))} cannot be shown for both teams." if hidden else ""
    )


def _caveats(tables: Tables, answers: Answers, settings: Settings, more: list[str]) -> list[str]:
    said = CAVEATS + [NAMED] * (settings.survey.mode == "named") + more
    if sum(np.count_nonzero(answers.people.groups[team]) for team in TEAMS) < len(answers):
        said.append("People whose team is not named, or named twice, count for everybody and for neither team.")
    if answers.is_torn:
        said.append("Answers that no form offers, off the scale or between two steps, were left out.")
    foreign = [item.item for item in opinions(answers) if read_instrument().find(item.item) is None]
    if foreign:
        names = listed(foreign[:8]) + (f" and {number(len(foreign) - 8)} more" if len(foreign) > 8 else "")
        said.append(f"Not items of this survey, so listed and not judged: {names}.")
    if answers.rounds > 1:
        said.append("Of several rounds, only the last is read.")
    return said + tables.notes_on("responses", "respondents", "facts")


def _silent(who: list[Row]) -> list[str]:
    """Whom do the answers not speak for? What the silent could change stands beside each gap (``exhibits.firm``)."""
    rates, said = [], []
    for row in who[:2]:
        name, n, asked = row["label"], row["answered"], row["invited"]
        if not n or not asked:
            continue
        rates.append(n / asked)
        if n > asked:
            said.append(f"{name}: more people answered than were invited; check the invited count.")
        elif n / asked < LOW_RESPONSE:
            said.append(f"{name}: only {of(n, asked)} answered ({share(n / asked)}), so the team may think otherwise.")
    if len(rates) == len(TEAMS) and abs(rates[0] - rates[1]) > UNEVEN_RESPONSE:
        said.append("The two teams answered at rates more than 20 percentage points apart: the keener team is heard "
                    "more fully.")  # fmt: skip
    return said


def _not_judged(gaps: list[BlockGap], any_answers: bool, k: int) -> list[NotJudged]:
    """Which views could not be compared, why, and what would settle it? One entry a theme that was not asked about."""
    if not any_answers:
        return [NotJudged(what="What the two teams say of each other", why="no survey answers were delivered",
                          settle="the survey, answered by both teams", theme="shared_goal")]  # fmt: skip
    said = []
    for gap in (gap for gap in gaps if not gap.is_shown):
        why = "; ".join(f"{TEAM_NAMES[team]}: {reason}" for team, reason in gap.withheld.items())
        enough = "more" if ALIKE in gap.withheld.values() else f"at least {spelled(k)}"
        said.append(NotJudged(
            what=f"The teams\u2019 views on {in_sentence(gap.block.title)}", theme=gap.block.theme,
            why=f"{why}, so the figures are withheld" if any(gap.n.values()) else NO_TEAM,
            settle=f"answers from {enough} people of each team, with the team named",
        ))  # fmt: skip
    posed = [gap.block for gap in gaps]
    missing = [block for block in read_instrument().blocks if block not in posed]
    for theme in dict.fromkeys(block.theme for block in missing):
        absent = [block for block in missing if block.theme == theme]
        said.append(NotJudged(
            what=f"The teams\u2019 views on {listed([in_sentence(block.title) for block in absent])}", theme=theme,
            why="no answer to any of it was delivered",
            settle="answers of both teams to: " + " ".join(i.text for block in absent for i in block.items),
        ))  # fmt: skip
    return said
