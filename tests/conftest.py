"""What every test may ask for: the repository, and the real data sets when they are at hand."""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import settings

from alignlib.engagement import Settings, read_engagement
from alignlib.pipeline import load
from alignlib.result import Result

settings.register_profile("same_every_time", derandomize=True, deadline=None, database=None, max_examples=100)
settings.load_profile("same_every_time")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def root() -> Path:
    """Where is the repository?"""
    return ROOT


@pytest.fixture(scope="session")
def planted() -> tuple[Settings, dict[str, Result]]:
    """What was agreed in the planted sample company, and what do the three diagnostics say? Worked out once."""
    run = load()
    return run.settings, dict(run.results)


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
