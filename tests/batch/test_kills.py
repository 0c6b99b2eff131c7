"""A batch of which any process is killed at any moment: nothing torn, nothing lost, nobody left, and it goes on."""

import os
import random
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest
from _pytest.mark.structures import ParameterSet

sys.path.insert(0, str(Path(__file__).parent))
from conftest import CLIENTS
from running import (
    Run,
    adds_up,
    audits,
    come_true,
    command,
    litter,
    records,
    sleeping,
    states,
    torn,
    unlike,
    write_kit,
)  # fmt: skip

from alignlib.runs.processes import unfit

pytestmark = pytest.mark.skipif(bool(unfit()), reason=unfit())
VICTIMS = ("runner", "warm process", "job", "step", "runner and warm process")
EVENTS = 30  # told by an undisturbed run of four jobs: the plan, and seven a job besides its end
ASLEEP = unlike(1001)  # by which the processes that notebooks leave behind are known
LEAVES = f"""\
import subprocess
subprocess.Popen(["sleep", "{ASLEEP}"])
subprocess.Popen(["sleep", "{ASLEEP}"], start_new_session=True)
subprocess.Popen(["sh", "-c", "setsid sleep {ASLEEP} & exit"])
"""


class Kill(NamedTuple):
    """Who was killed after how many events, and what became of the run: its exit code, and the states of its jobs?"""

    number: int
    victim: str
    event: int
    code: int
    states: dict[str, str]


def victims(run: Run, who: str, chance: random.Random) -> list[int]:
    """Which processes are meant? None yet, or none any more."""
    found = {"runner": [[run.process.pid]], "warm process": [run.warm()], "job": [[pid] for pid in run.jobs()],
             "step": [[pid] for pid in run.steps()],
             "runner and warm process": [[run.process.pid, *run.warm()]] if run.warm() else []}  # fmt: skip
    return chance.choice(found[who]) if found[who] else []


def killed(number: int, engagements: Path, folder: Path, environment: dict[str, str]) -> Kill:
    """One run of which one process is killed, and what was found after it."""
    chance, out = random.Random(number), folder / "out"
    who, event = VICTIMS[number % len(VICTIMS)], chance.randrange(EVENTS)
    run = Run(command(engagements, "--out", out, "--workers", "2", "--json"), folder / "run", environment)
    try:
        assert come_true(lambda: len(run.events()) >= event or run.process.poll() is not None)
        pause = chance.uniform(0, 0.3)
        come_true(lambda: run.process.poll() is not None, pause)
        pids: list[int] = []
        come_true(lambda: run.process.poll() is not None or pids.extend(victims(run, who, chance)) or pids)
        apart = chance.choice([0, chance.uniform(0, 0.02)])  # the warm process may notice that the runner is gone
        for pid in pids if run.process.poll() is None else []:
            with suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
            time.sleep(apart)
        ended = run.wait()
        assert run.left() == [] and come_true(lambda: not sleeping(ASLEEP), 30), "orphans"
    finally:
        run.end()
    assert ended.code in ((-9, 0) if "runner" in who else (0, 1)), (ended.code, ended.said)  # 0: it was done before
    assert torn(out) == [] if out.exists() else True
    if ended.code != -9:
        assert adds_up(out) and litter(out) == []
    return Kill(number, who, event, ended.code, states(out))


def resumed(engagements: Path, folder: Path, undisturbed: Path, environment: dict[str, str]) -> None:
    """The same command again: every job ends done, with what an undisturbed run gives, and nothing else is left."""
    out = folder / "out"
    run = Run(command(engagements, "--out", out, "--workers", "2"), folder / "again", environment)
    ended = run.wait()
    assert run.left() == [] and sleeping(ASLEEP) == [], "orphans"
    assert ended.code == 0, ended.said
    assert set(states(out)) == set(CLIENTS) and set(states(out).values()) <= {"done", "skipped"}
    assert torn(out) == [] and litter(out) == [] and adds_up(out)
    told = {str(record["job"]): audits(out)[str(record["folder"])] for record in records(out).values()}
    whole = audits(undisturbed)
    assert told == {str(r["job"]): whole[str(r["folder"])] for r in records(undisturbed).values()}


def some(first: int, kills: int, mark: pytest.MarkDecorator) -> ParameterSet:
    return pytest.param(range(first, first + kills), marks=mark, id=f"{first}-{first + kills - 1}")


@pytest.mark.parametrize(
    "numbers",
    [*(some(first, 5, pytest.mark.faults) for first in range(0, 20, 5)),
     *(some(first, 25, pytest.mark.trust) for first in range(1000, 1500, 25))],
)  # fmt: skip
def test_F01_F02_F03_F08_whatever_is_killed_at_any_moment_nothing_is_torn_or_lost_and_nobody_is_left(
    numbers: range, engagements: Path, undisturbed: Path, tmp_path: Path
) -> None:
    """Each kill has a number, from which chance takes the moment: it can be had again."""
    environment = {**os.environ, **write_kit(tmp_path / "own", {"funnel": LEAVES})}
    for number in numbers:
        folder = tmp_path / str(number)
        print(killed(number, engagements, folder, environment), flush=True)
        resumed(engagements, folder, undisturbed, environment)
        shutil.rmtree(folder)
