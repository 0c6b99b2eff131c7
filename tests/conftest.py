"""What every test may ask for: the repository, and the real data sets when they are at hand."""

import gc
import os
import shutil
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest
from hypothesis import settings

from alignlib.engagement import Settings, read_engagement
from alignlib.intake.snapshot import prepare
from alignlib.pipeline import load
from alignlib.result import Result
from alignlib.samples import write_sample

settings.register_profile("same_every_time", derandomize=True, deadline=None, database=None, max_examples=100)
settings.load_profile("same_every_time")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Where is the repository?"""
    return ROOT


def pytest_collection_finish() -> None:
    """Modules and collected tests live to the end: the collector of garbage need not go through them ever again."""
    gc.collect()
    gc.freeze()


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> Callable[[bool], Path]:
    """Where is the sample company, planted or null, as it was written? Once for all: who changes it copies it."""
    return cache(lambda planted: write_sample(tmp_path_factory.mktemp("company") / "engagement", planted))


@pytest.fixture(scope="session")
def prepared(written: Callable[[bool], Path]) -> Callable[[bool], Path]:
    """Where is the run prepared from the sample company, planted or null? Once for all tests, which only read it."""

    @cache
    def run(planted: bool) -> Path:
        folder = written(planted).parent
        prepare(shutil.copytree(written(planted), folder / "copy"), folder / "run")
        return folder / "run"

    return run


@pytest.fixture(scope="session")
def diagnosed(prepared: Callable[[bool], Path]) -> Callable[[bool], tuple[Settings, dict[str, Result]]]:
    """What was agreed in the sample company, planted or null, and what do the diagnostics say? Worked out once."""

    @cache
    def results(planted: bool) -> tuple[Settings, dict[str, Result]]:
        run = load(str(prepared(planted)))
        return run.settings, dict(run.results)

    return results


@pytest.fixture(scope="session")
def planted(diagnosed: Callable[[bool], tuple[Settings, dict[str, Result]]]) -> tuple[Settings, dict[str, Result]]:
    """What was agreed in the planted sample company, and what do the three diagnostics say?"""
    return diagnosed(True)


@pytest.fixture(scope="session")
def data_folder() -> Path:
    """Where are the real data sets? Skips when ALIGNLIB_DATA is not set; fails when it is set and names no folder."""
    named = os.environ.get("ALIGNLIB_DATA", "")
    if not named:
        pytest.skip("ALIGNLIB_DATA is not set: the real data sets are not at hand (see tests/reference/README.md)")
    folder = Path(named).expanduser().resolve()
    assert folder.is_dir(), f"ALIGNLIB_DATA names {named!r}, which is no folder"
    return folder


_REAL = {
    "olist": "olist_marketing_funnel",
    "maven": "maven_crm",
    "starwars": "surveymonkey",
    "digitalgov": "digitalgov_content_inventory",
    "salesforce": "salesforce_devorg_csv",
}


@pytest.fixture
def real_engagement(data_folder: Path, tmp_path: Path) -> Callable[[str], Path]:
    """Which engagement folder holds this real data set? Our mapping, their files copied beside it, for one test."""

    def make(name: str) -> Path:
        folder = tmp_path / name
        (folder / "data").mkdir(parents=True)
        shutil.copyfile(ROOT / "tests" / "reference" / "engagements" / f"{name}.yml", folder / "engagement.yml")
        inputs = read_engagement(folder).inputs
        for file in {source.file for entry in inputs for source in (entry, *entry.lookups)}:
            shutil.copyfile(data_folder / _REAL[name] / file, folder / "data" / file)
        return folder

    return make
