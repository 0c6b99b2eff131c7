"""Which figures about people does the survey publish, and on whom does each rest?"""

from collections.abc import Iterator

import numpy as np

from alignlib.diagnostics.survey import gaps, mirror
from alignlib.diagnostics.survey.answers import (
    GROUPS,
    ROLES,
    TEAMS,
    Answers,
    Scores,
    careless,
    item_scores,
    opinions,
    read_answers,
    scores_on,
)
from alignlib.disclosure import Group, ReleaseLog
from alignlib.engagement import Settings
from alignlib.instrument import POINTS, read_instrument
from alignlib.intake.tables import Tables


def release_log(tables: Tables, settings: Settings) -> ReleaseLog:
    """Which figures about people does this diagnostic publish, and on whom does each rest? For the private folder."""
    return log_of(read_answers(tables), settings)


def log_of(answers: Answers, settings: Settings) -> ReleaseLog:
    """Which figures do these answers give, and on whom does each rest?

    Means of items and blocks, the counts of who answered, and the pooled guesses; a gap, an interval, a p value and a
    spread are worked out from the same people as the means beside them.
    """
    log = ReleaseLog()
    for key, scores, groups in _figures(answers, settings):
        for group in groups:
            if scores.mean(group) is not None:
                log.add(f"survey.{key}", group, scores.members(group))
    for block, scores in _without_careless(answers, settings):
        for team in TEAMS:
            log.add(f"survey.block.{block}", team, scores.members(team))
    return log


def _figures(answers: Answers, settings: Settings) -> Iterator[tuple[str, Scores, tuple[Group, ...]]]:
    instrument = read_instrument()
    yield "answered", Scores(answers.people, np.zeros((len(answers), 1)), settings.survey.least, low=-1.0), GROUPS
    yield from ((f"item.{i}", of, GROUPS) for i, of in item_scores(answers, settings, opinions(answers)).items())
    numbers = [item for kind in ("mirror", "estimate", "rank", "owner") for item in instrument.of(kind)]
    numbers += [item for code in answers.items if code.startswith(POINTS) and (item := instrument.find(code))]
    yield from ((f"item.{i}", of, TEAMS) for i, of in item_scores(answers, settings, numbers).items())
    for block in instrument.blocks:
        if answers.asked(block.items):
            yield f"block.{block.block}", scores_on(answers, block.items, settings), (*TEAMS, *ROLES)
    if mirror.pairs(answers):
        guesses, own = mirror.pooled(answers, settings)
        yield from (("mirror.guess", guesses, TEAMS), ("mirror.own", own, TEAMS))


def _without_careless(answers: Answers, settings: Settings) -> Iterator[tuple[str, Scores]]:
    """The block means behind the gaps that are shown once more without careless answers."""
    flagged = careless(answers).any(axis=1).to_numpy(dtype=bool)
    if not flagged.any():
        return
    kept = answers.keep(~flagged)
    for block in read_instrument().blocks:
        if answers.asked(block.items):
            gap, again = (gaps.block_gap(each, block, settings) for each in (answers, kept))
            if gap.is_shown and gaps.is_safe_without(gap, again, settings.survey.least):
                yield block.block, again.scores
