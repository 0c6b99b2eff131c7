"""How the tests of intake make an engagement: a folder with engagement.yml and data, from a few lines of text."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alignlib.errors import AlignError
from alignlib.intake import snapshot
from alignlib.intake.tables import Tables

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not: lets tests import survey_files

Files = dict[str, str | bytes]
HEAD = """
version: 1
client: Test Client
period: {start: 2024-01-01, end: 2024-12-31}
as_of: 2025-01-31
currency: EUR
"""


class Engagement:
    """An engagement in a temporary folder; ``inputs`` is the YAML below ``inputs:``, ``more`` other settings."""

    def __init__(self, folder: Path, files: Files, inputs: str, more: str, zone: str) -> None:
        self.folder = folder
        (folder / "data").mkdir(parents=True)
        for name, content in files.items():
            (folder / "data" / name).write_bytes(content.encode() if isinstance(content, str) else content)
        text = f"{HEAD}timezone: {zone}\n{more}\ninputs:\n{inputs}"
        (folder / "engagement.yml").write_text(text, encoding="utf-8")

    def open(self) -> Tables:
        settings = snapshot.prepare(self.folder, self.folder / "run")
        return snapshot.open_run(self.folder / "run", settings.sha256())[1]

    def codes(self) -> list[str]:
        """Which problems stop this engagement?"""
        return [problem.code for problem in snapshot.check(self.folder)[2]]

    def message(self) -> str:
        with pytest.raises(AlignError) as caught:
            snapshot.prepare(self.folder, self.folder / "run")
        assert not (self.folder / "run").exists()
        return str(caught.value)


@pytest.fixture
def engage(tmp_path: Path) -> Callable[..., Engagement]:
    made = iter(range(100))

    def make(files: Files, inputs: str, more: str = "", zone: str = "UTC") -> Engagement:
        return Engagement(tmp_path / f"engagement{next(made)}", files, inputs, more, zone)

    return make


LEADS = "  - {file: leads.csv, table: leads, columns: {lead_id: id, created_at: created, source: source}}\n"


@pytest.fixture
def leads(engage: Callable[..., Engagement]) -> Callable[..., Engagement]:
    """An engagement of one file of leads with the columns id, created and source; ``extra`` goes to its input."""

    def make(content: str | bytes, extra: str = "", zone: str = "UTC", more: str = "") -> Engagement:
        inputs = LEADS.replace("}}\n", "}" + (f", {extra}" if extra else "") + "}\n")
        return engage({"leads.csv": content}, inputs, more, zone)

    return make
