"""May what is published of a survey stand beside what was published before: in any folder, or on a workshop's wall?"""

import hmac
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from alignlib.engagement import Settings
from alignlib.errors import AlignError, Problem
from alignlib.files import locked, make_folder, write_file
from alignlib.words import count, spelled

if TYPE_CHECKING:
    from alignlib.disclosure import ReleaseLog
    from alignlib.intake.tables import Tables

PATIENCE = 60.0  # seconds until another audit of this engagement has entered what it publishes
FRESH = "ask again as a new wave with fresh answers from everybody"
WALL = "wall"  # beside the waves: a wall shows answers before anybody knows which wave they will be


def safe_to_release(engagement: Path, tables: "Tables", settings: Settings) -> None:
    """May what the survey publishes stand beside what was published of this wave before, in whatever folder?

    Records it if so. Raises AlignError (E-SMALL) when a small group could be told from both together, when the answers
    are those of another wave, and when answers published as anonymous would now be named; E-LOCKED when another audit
    of this engagement does not end. The record is written before
    anything is published: one that knows too much is safe, one that knows too little is not.
    """
    from alignlib.diagnostics import survey
    from alignlib.disclosure import LOG_FILE
    from alignlib.intake.snapshot import PRIVATE

    log, wave = survey.release_log(tables, settings), survey.last_wave(tables)
    if not log.releases or (settings.survey.mode == "named" and not (engagement / PRIVATE / LOG_FILE).exists()):
        return
    make_folder(engagement / PRIVATE, private=True)
    with locked(engagement / PRIVATE / "lock", PATIENCE):  # two audits at once must know of one another
        _enter(engagement, log, wave, settings)


def published(engagement: Path) -> list["ReleaseLog"]:
    """What was published of each wave of this engagement, and what did the walls of its workshops show of people?"""
    from alignlib.disclosure import LOG_FILE
    from alignlib.intake.snapshot import PRIVATE

    waves, wall = _read(engagement / PRIVATE / LOG_FILE)
    return [*waves.values(), wall]


def shown_on_wall(engagement: Path, log: "ReleaseLog") -> None:
    """Which figures does a wall show of which people? These: an audit of the same people is judged beside them.

    ``log``: sealed under the engagement's secret, with people coded as an audit codes them (``as_coded``). Call it
    before anything is shown. Raises AlignError (E-LOCKED, E-CORRUPT).
    """
    from alignlib.disclosure import LOG_FILE
    from alignlib.intake.snapshot import PRIVATE

    make_folder(engagement / PRIVATE, private=True)
    with locked(engagement / PRIVATE / "lock", PATIENCE):
        waves, wall = _read(engagement / PRIVATE / LOG_FILE)
        _write(engagement, waves, wall.merged(log) if wall.seal else log)


def _enter(engagement: Path, log: "ReleaseLog", wave: str, settings: Settings) -> None:
    """Judges this release by those before, and records it."""
    from alignlib.disclosure import LOG_FILE, audit_release
    from alignlib.intake.snapshot import PRIVATE, engagement_secret

    named = settings.survey.mode == "named"
    known, wall = _read(engagement / PRIVATE / LOG_FILE)
    if named and not known and not wall.releases:
        return
    secret = engagement_secret(engagement)
    log = as_coded(log, secret) if named else log.sealed(secret)
    log.promised = settings.survey.smallest_group
    on_wall = wall.of(log.people())
    again = next((name for name, before in known.items() if name != wave and log.repeats(before)), None)
    if named and (wave in known or again is not None or on_wall.releases):
        raise _promised(wave)
    if again is not None:
        raise _renamed(wave, again)
    if named:
        return
    before = [*([known[wave]] if wave in known else []), *([on_wall] if wall.seal else [])]
    for each in before:
        log = each.merged(log)
    if ways := audit_release(log, log.promised):
        raise _too_close(wave, ways, log.promised, any(each.releases for each in before))
    _write(engagement, known | {wave: log}, wall)


def as_coded(log: "ReleaseLog", secret: bytes) -> "ReleaseLog":
    """How does a log look, sealed, with the codes that the intake gives to these people when they are anonymous?"""
    from alignlib.disclosure import ReleaseLog

    coded = ReleaseLog(promised=log.promised)
    for r in log.releases:
        codes = {who: "r-" + hmac.digest(secret, str(who).encode(), "sha256").hex()[:12] for who in r.members}
        coded.add(r.key, r.group, {codes[who]: score for who, score in r.members.items()})
    return coded.sealed(secret)


def _where(wave: str) -> str:
    return f"the survey, wave {wave}" if wave else "the survey"


def _promised(wave: str) -> AlignError:
    what = "these answers were given under the promise of anonymity"
    return AlignError(Problem("E-SMALL", what, _where(wave), fix=f"set survey.mode back to anonymous, or {FRESH}"))


def _renamed(wave: str, before: str) -> AlignError:
    name = f"as wave {before}" if before else "without a name of its own"
    fix = "give the round its own answers: a new wave needs fresh answers from everybody, "
    fix += "or leave the wave's name as it was"
    return AlignError(Problem("E-SMALL", f"most of these answers were published before {name}", _where(wave), fix=fix))


def _too_close(wave: str, ways: list[str], k: int, was_published: bool) -> AlignError:
    """Which refusal says how much tells of how few? Two examples in words, and no keys of our own."""
    keys, said = zip(*(way.split(": ", 1) for way in ways), strict=True)
    n, few = len(set(keys)), f"fewer than {spelled(k)} people"
    what, fix = f"{count(n, 'figure')} would tell what {few} answered", "leave out the survey"
    if was_published:
        what = f"{count(n, 'figure differs', 'figures differ')} from what was published before by {few}"
        fix = "keep the earlier report; a second one of this survey would tell by its difference what they answered; "
        fix += FRESH
    examples = "; ".join([*dict.fromkeys(said)][:2]).replace(".", " ")
    return AlignError(Problem("E-SMALL", f"{what} ({examples})", _where(wave), fix=fix))


def _read(path: Path) -> tuple[dict[str, "ReleaseLog"], "ReleaseLog"]:
    """What was published of each wave so far, and what on walls? Raises AlignError (E-CORRUPT): damaged must not pass
    for nothing.
    """
    from alignlib.disclosure import DAMAGED, ReleaseLog

    if not path.exists():
        return {}, ReleaseLog()
    try:
        kept = json.loads(path.read_text(encoding="utf-8"))
        wall = ReleaseLog.from_data(kept[WALL]) if WALL in kept else ReleaseLog()
        return {wave: ReleaseLog.from_data(said) for wave, said in kept["waves"].items()}, wall
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AlignError(DAMAGED) from error


def _write(engagement: Path, waves: Mapping[str, "ReleaseLog"], wall: "ReleaseLog") -> None:
    from alignlib.disclosure import LOG_FILE
    from alignlib.intake.snapshot import PRIVATE, engagement_secret

    secret = engagement_secret(engagement)
    kept: dict[str, Any] = {"waves": {wave: log.as_data(secret) for wave, log in waves.items()}}
    kept |= {WALL: wall.as_data(secret)} if wall.releases else {}
    write_file(engagement / PRIVATE / LOG_FILE, json.dumps(kept, ensure_ascii=False), private=True)
