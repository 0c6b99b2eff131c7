"""Which figures about people does the survey publish, and on whom does each rest?"""

from collections.abc import Iterator

from alignlib.diagnostics.survey import claims, gaps, mirror
from alignlib.diagnostics.survey.answers import GROUPS, ROLES, TEAMS, Answers, opinions, read_answers
from alignlib.diagnostics.survey.scores import Scores, item_scores, turnout
from alignlib.disclosure import Group, ReleaseLog
from alignlib.engagement import Settings
from alignlib.instrument import read_instrument
from alignlib.intake.tables import Tables


def release_log(tables: Tables, settings: Settings) -> ReleaseLog:
    """Which figures about people does this diagnostic publish, and on whom does each rest? For the private folder.

    Means of items and blocks, the counts of who answered and of who makes a complaint, and the pooled guesses; a gap,
    an interval, a p value and a spread are worked out from the same people as the means beside them.
    """
    log, answers = ReleaseLog(), read_answers(tables)
    for key, scores, groups in figures(answers, settings):
        for group in groups:
            if scores.mean(group) is not None:
                log.add(f"survey.{key}", group, scores.members(group))
    own = item_scores(answers, settings, opinions(answers))
    for key, team, members in claims.sides(own):
        log.add(f"survey.{key}", team, members)
    return log


def figures(answers: Answers, settings: Settings) -> Iterator[tuple[str, Scores, tuple[Group, ...]]]:
    """Which figures are there: what each measures, the scores behind it, and the groups it is shown for?"""
    instrument = read_instrument()
    yield "answered", turnout(answers, settings), GROUPS
    own = item_scores(answers, settings, opinions(answers))
    yield from ((f"item.{i}", of, GROUPS) for i, of in own.items())
    numbers = [item for kind in ("mirror", "estimate", "rank", "owner") for item in instrument.of(kind)]
    found = item_scores(answers, settings, [*numbers, *answers.points])
    yield from ((f"item.{i}", of, TEAMS) for i, of in found.items())
    for block in instrument.blocks:
        if answers.asked(block.items):
            yield f"block.{block.block}", gaps.block_gap(answers, block, settings).scores, (*TEAMS, *ROLES)
    if shown := mirror.shown_pairs(answers, own, settings):
        guesses, given = mirror.pooled(answers, shown, settings)
        yield from (("mirror.guess", guesses, TEAMS), ("mirror.own", given, TEAMS))
