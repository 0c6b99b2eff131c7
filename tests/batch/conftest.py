"""Portfolios of the smallest engagements that yield an audit, and the real command line to run them."""

import os
import shutil
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from running import Ended, Run, command, write_engagement

Start = Callable[..., Run]
Batch = Callable[..., Ended]
CLIENTS = {"acme": "Acme Works", "bolt": "Bolt & Sons", "cobra": "Cobra Ltd", "delta": "Delta <b>AG</b>"}


@pytest.fixture(scope="session")
def engagements(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder of four engagements that no test may change."""
    folder = tmp_path_factory.mktemp("engagements")
    for name, client in CLIENTS.items():
        write_engagement(folder / name, client)
    return folder


@pytest.fixture
def portfolio(engagements: Path, tmp_path: Path) -> Path:
    """A copy of it for one test."""
    return Path(shutil.copytree(engagements, tmp_path / "portfolio"))


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Starts ``alignlib batch`` with these arguments; at the end of the test nothing of it is left."""
    runs: list[Run] = []

    def start(*options: str | Path, environment: Mapping[str, str] | None = None) -> Run:
        run = Run(command(*options), tmp_path / f"run-{len(runs)}", {**os.environ, **(environment or {})})
        runs.append(run)
        return run

    yield start
    for run in runs:
        run.end()


@pytest.fixture
def batch(start: Start) -> Batch:
    """Runs ``alignlib batch`` to its end, which leaves no process of it."""

    def batch(*options: str | Path, environment: Mapping[str, str] | None = None) -> Ended:
        run = start(*options, environment=environment)
        ended = run.wait()
        assert run.left() == []
        return ended

    return batch


@pytest.fixture(scope="session")
def undisturbed(engagements: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The batch of the four engagements, finished: to compare with, or to copy."""
    out = tmp_path_factory.mktemp("undisturbed") / "out"
    run = Run(command(engagements, "--out", out), out.parent / "run", os.environ)
    ended = run.wait()
    assert ended.code == 0 and "ordinary kernels" not in ended.said, ended.said
    assert run.left() == []
    return out


@pytest.fixture
def finished(undisturbed: Path, tmp_path: Path) -> Path:
    """A copy of the finished batch, for one test."""
    return Path(shutil.copytree(undisturbed, tmp_path / "out"))
