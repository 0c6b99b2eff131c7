"""How wrong is each team about what the other answers?"""

from collections.abc import Iterator

from alignlib.diagnostics.survey.answers import TEAMS, Answers
from alignlib.diagnostics.survey.gaps import published_gap, size
from alignlib.diagnostics.survey.scores import Scores, as_asked, item_scores, scores_on
from alignlib.disclosure import Group
from alignlib.engagement import Settings
from alignlib.instrument import Item, read_instrument
from alignlib.judging import finding, measured
from alignlib.result import Exhibit, Finding, Row, columns
from alignlib.words import TEAM_NAMES, count, figure, number, value

OTHER: dict[Group, Group] = {"sales": "marketing", "marketing": "sales"}


def pairs(answers: Answers) -> list[tuple[Item, Item]]:
    """Which statements were put both as one's own view and as a guess at the other team's: (guess, statement)?"""
    instrument = read_instrument()
    both = [(mirror, instrument.items[mirror.about]) for mirror in instrument.of("mirror")]
    return [(mirror, item) for mirror, item in both if answers.asked([mirror, item]) == [mirror, item]]


def shown_pairs(answers: Answers, own: dict[str, Scores], settings: Settings) -> list[tuple[Item, Item]]:
    """Which of these are shown for both teams, guess and answer? What is pooled over them says nothing new.

    ``own`` holds the answers to each statement, as shown elsewhere.
    """
    both = pairs(answers)
    guesses = item_scores(answers, settings, [guess for guess, _ in both])
    return [
        (guess, item)
        for guess, item in both
        if all(of.mean(team) is not None for of in (own[item.item], guesses[guess.item]) for team in TEAMS)
    ]


def pooled(answers: Answers, found: list[tuple[Item, Item]], settings: Settings) -> tuple[Scores, Scores]:
    """What does each person guess on average, and what does each answer, over these statements?"""
    guesses = scores_on(answers, [mirror for mirror, _ in found], settings)
    own = scores_on(answers, [as_asked(item) for _, item in found], settings)
    return guesses, own


def mirror(answers: Answers, own: dict[str, Scores], settings: Settings) -> Exhibit | None:
    """What does each team expect the other to answer, and what does it answer?"""
    rows = [_row(scores_on(answers, [guess], settings), own[item.item], item) for guess, item in pairs(answers)]
    if not rows:
        return None
    known = sorted((row for row in rows if row["gap"] is not None), key=lambda row: -abs(row["gap"]))
    title = "What each team expects of the other cannot be compared with what it answers"
    if known:
        widest = known[0]
        team = next(team for team in TEAMS if widest[f"{team}_miss"] == widest["gap"])
        said, answered = (figure(widest[key], "points") for key in (f"{team}_guess", team))
        us, them = TEAM_NAMES[OTHER[team]], TEAM_NAMES[team]
        statement = str(widest["text"]).rstrip(".")
        title = f"On \u201c{statement}\u201d, {us} expects {them} to answer {said}; {them} answers {answered}"
    return Exhibit(
        key="survey.mirror", shape="dumbbell", title=title, source="Responses", play="P18",
        rows=known + [row for row in rows if row["gap"] is None],
        columns=columns(
            label=("Block", "text"), text=("Statement", "text"), sales=("Sales answers", "points"),
            sales_guess=("Marketing expects of Sales", "points"), sales_miss=("Miss on Sales", "points"),
            marketing=("Marketing answers", "points"), marketing_guess=("Sales expects of Marketing", "points"),
            marketing_miss=("Miss on Marketing", "points"), gap=("Widest miss", "points"), note=("Note", "text"),
        ),
        read="Filled: what a team answers on average, 1 disagree to 5 agree. Hollow: what the other team expects it to "
        "answer. A miss is expected less answered, so a minus means: expected worse than it is.",
        says_not="Who is right about the company: only how well each knows the other's view.",
        alt=f"Dumbbell chart of {number(len(rows))} statements: each team's answer, and what the other expected.",
    )  # fmt: skip


def _row(guesses: Scores, own: Scores, item: Item) -> Row:
    block = next(block for block in read_instrument().blocks if item in block.items)
    row: Row = {"label": block.title, "text": item.text}
    for team in TEAMS:
        row |= {team: own.mean(team), f"{team}_guess": guesses.mean(OTHER[team])}
        both = row[team] is not None and row[f"{team}_guess"] is not None
        row[f"{team}_miss"] = round(row[f"{team}_guess"] - row[team], 4) + 0.0 if both else None
    misses = [row[f"{team}_miss"] for team in TEAMS if row[f"{team}_miss"] is not None]
    row["gap"] = max(misses, key=abs, default=None)
    row["note"] = "" if len(misses) == len(TEAMS) else "withheld to protect those who answered"
    return row


def findings(answers: Answers, own: dict[str, Scores], settings: Settings) -> Iterator[Finding]:
    """How far is each team's guess from the other's answers, over all mirrored statements together?

    Estimand: the mean over a team's people of their guesses, less the mean over the other team's people of their
    answers to the same statements; Welch's 95 % interval. Errors in opposite directions cancel; the exhibit shows them
    one by one. Nothing is inferred from named answers.
    """
    shown = shown_pairs(answers, own, settings)
    guesses, given = pooled(answers, shown, settings)
    for team in TEAMS if shown and settings.survey.mode == "anonymous" else ():
        other = OTHER[team]
        guessed, answered = guesses.mean(team), given.mean(other)
        if guessed is None or answered is None:
            continue
        us, them, people = TEAM_NAMES[team], TEAM_NAMES[other], guesses.n(team) + given.n(other)
        signed = published_gap(guesses, team, other, given)
        found, limit = size(signed), settings.thresholds.get("mirror_gap")
        off = f"{value(found.value, 'points')} {'lower' if (signed.value or 0) < 0 else 'higher'}"
        expects = f"{us} expects {them} to answer {off} than it does"
        yield finding(
            f"survey.mirror.{team}", "mirror_gap",
            measured(found, "points", "difference of two means, Welch 1947", None, people), settings,
            {
                "beyond": expects, "none": f"{expects}; no limit was agreed",
                "good": f"{us} knows what {them} answers to within the agreed {value(limit, 'points')}",
                "unclear": f"{us} may misjudge {them}: it expects answers {off}",
            },
            theme="roles", play="P18", beyond="watch",
            counted=f"{us} guesses {figure(guessed, 'points')}, {them} answers {figure(answered, 'points')} of 5, over "
            f"{count(len(shown), 'statement')}",
            settle="more answers of both teams to the statements they guess at",
        )  # fmt: skip
