"""Many engagements in a row: the runner and the warm process hold in the end no more than near the beginning."""

import os
import statistics
import sys
import time
from collections import defaultdict
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from running import Run, adds_up, command, litter, states, torn, write_engagement

from alignlib.runs.processes import children, unfit

pytestmark = [pytest.mark.trust, pytest.mark.skipif(bool(unfit()), reason=unfit())]
MOST_OWN = 250.0  # MB that a process of a worker may hold for itself
LOOK = 0.05  # seconds between two looks at the processes of workers


class Look(NamedTuple):
    """What did a process hold at one moment? MB of its own, shared with its forks or not; and how many of each."""

    memory: float
    descriptors: int
    children: int
    threads: int


MOST_MORE = Look(memory=2.0, descriptors=2, children=0, threads=0)  # two descriptors: a job more or less in hand


def held(pid: int, *names: str) -> float:
    """How many MB does a process hold of these kinds? 0 once it has ended."""
    with suppress(OSError):
        lines = (line.split() for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines()[1:])
        return sum(int(line[1]) for line in lines if line[0].startswith(names)) * 1024 / 1e6
    return 0.0


def look(pid: int) -> Look:
    counted = [len(list(Path(f"/proc/{pid}/{what}").iterdir())) for what in ("fd", "task")]
    # Not Private_*: what the warm process took before it forked who now runs would count as shared.
    return Look(held(pid, "Anonymous:"), counted[0], len(children(pid)), counted[1])


def followed(run: Run, told: Path) -> tuple[dict[str, list[Look]], dict[str, float]]:
    """A look at the runner and the warm process after each job that ended; the most that jobs and steps held alone."""
    looks, most, said = defaultdict[str, list[Look]](list), defaultdict[str, float](float), ""
    with told.open(encoding="utf-8") as lines:
        while run.process.poll() is None:
            said, before = said + lines.read(), said.count('"event": "end"')
            if said.count('"event": "end"') > before:
                with suppress(OSError):  # the batch is at its end
                    looks["runner"].append(look(run.process.pid))
                    looks["warm process"] += map(look, run.warm())
            jobs = run.jobs()
            for kind, pids in (("job", jobs), ("step", [step for job in jobs for step in children(job)])):
                most[kind] = max([most[kind], *(held(pid, "Private_") for pid in pids)])
            time.sleep(LOOK)
    return looks, most


def medians(looks: list[Look]) -> Look:
    return Look(*map(statistics.median, zip(*looks, strict=True)))


@pytest.mark.parametrize(("engagements", "window"), [(60, 10), (500, 50)])
def test_many_in_a_row_leak_nothing_and_no_worker_takes_much(engagements: int, window: int, tmp_path: Path) -> None:
    for number in range(engagements):
        write_engagement(tmp_path / "portfolio" / f"client-{number}", f"Client {number}")
    out, folder = tmp_path / "out", tmp_path / "run"
    run = Run(command(tmp_path / "portfolio", "--out", out, "--workers", "2", "--json"), folder, os.environ)
    try:
        looks, most = followed(run, folder / "told")
        ended = run.wait()
        left = run.left()
    finally:
        run.end()
    compared = {who: (medians(seen[window : 2 * window]), medians(seen[-window:])) for who, seen in looks.items()}
    for who, (early, late) in compared.items():
        print(f"{who}, {len(looks[who])} looks\n  {window} to {2 * window}: {early}\n  last {window}: {late}")
    print(*(f"most that one {kind} held alone: {mb:.0f} MB" for kind, mb in most.items()), sep="\n")
    assert ended.code == 0 and left == [] and torn(out) == [] and litter(out) == [] and adds_up(out), ended.said
    assert set(states(out).values()) == {"done"} and len(states(out)) == engagements
    assert set(compared) == {"runner", "warm process"} and min(map(len, looks.values())) > engagements * 0.9
    for early, late in compared.values():
        assert all(now <= before + more for now, before, more in zip(late, early, MOST_MORE, strict=True))
    assert 0 < max(most.values()) < MOST_OWN
