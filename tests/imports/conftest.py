"""How the tests of imports bring files in: a fresh engagement, the files in its data folder, and some answers."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from alignlib.imports.bring import Brought, bring, write
from alignlib.intake import snapshot
from alignlib.intake.tables import Tables

HEAD = """version: 1
client: Test Client
period: {start: 2024-01-01, end: 2024-12-31}
as_of: 2025-01-31
currency: EUR
"""
SPAN = {"period": "2024-01-01 to 2024-12-31", "as_of": "2025-01-31"}  # so that no test need answer for these


class Imported:
    """Files brought into an engagement: ``found`` says what came of it, ``settings`` what then stands written."""

    def __init__(self, folder: Path, files: dict[str, str | bytes | Path], answers: dict[str, Any], zone: str) -> None:
        self.folder, data = folder, folder / "data"
        data.mkdir(parents=True)
        for name, content in files.items():
            text = content.read_bytes() if isinstance(content, Path) else content
            (data / name).write_bytes(text.encode() if isinstance(text, str) else text)
        (folder / "engagement.yml").write_text(f"{HEAD}timezone: {zone}\ninputs: []\n", encoding="utf-8")
        self.found: Brought = bring(folder, [*files], {"files": {}, "stages": {}, "engagement": SPAN} | answers)
        self.asked = [str(question) for question in self.found.questions]
        if self.found.drafts and not self.found.questions and not self.found.problems:
            write(folder, self.found)

    @property
    def places(self) -> list[str]:
        """What is asked, by the places of the answers."""
        return sorted(": ".join(question.place[1:]) for question in self.found.questions)

    @property
    def tables(self) -> list[str]:
        """Which table does each input fill?"""
        return [draft.entry["table"] for draft in self.found.drafts]

    @property
    def settings(self) -> str:
        return (self.folder / "engagement.yml").read_text(encoding="utf-8")

    def open(self) -> Tables:
        """The tables of a run prepared from what was written."""
        assert not self.asked, self.asked
        assert not self.found.problems, self.found.problems
        settings = snapshot.prepare(self.folder, self.folder / "run")
        return snapshot.open_run(self.folder / "run", settings.sha256())[1]

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        return self.open().connection.execute(sql).fetchall()


@pytest.fixture
def bring_in(tmp_path: Path) -> Callable[..., Imported]:
    made = iter(range(100))

    def make(
        files: dict[str, str | bytes | Path], answers: dict[str, Any] | None = None, zone: str = "UTC"
    ) -> Imported:
        return Imported(tmp_path / f"engagement{next(made)}", files, answers or {}, zone)

    return make
