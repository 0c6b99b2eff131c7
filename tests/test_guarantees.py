"""Is each guarantee and each row of the security table held by tests that are there? Read from the pages, by name."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
TABLE, PAGE = "tests/reference/security.md", "docs/guarantees.md"
ROWS = [*(f"S{n:02}" for n in range(1, 47)), *(f"F{n:02}" for n in range(1, 29))]
GUARANTEES = [f"G{n}" for n in range(1, 10)]
UNTRIED = "does not apply: "


@cache
def written(file: str) -> frozenset[str]:
    """Which tests does this file of the repository hold? None where there is no such file."""
    path = ROOT / "tests" / file
    tree = ast.parse(path.read_text(encoding="utf-8")) if path.is_file() else ast.Module([], [])
    return frozenset(node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef))


def named(text: str) -> Iterator[tuple[str, str]]:
    """Which tests does a text name: `file.py` and, after it, `test_...` of that file?"""
    file = ""
    for span in re.findall(r"`([\w/.]+)`", text):
        if span.endswith(".py"):
            file = span
        elif span.startswith("test_"):
            yield file, span


def missing(text: str) -> list[str]:
    return [f"{file}: {test}" for file, test in named(text) if test not in written(file)]


def rows(text: str) -> dict[str, list[str]]:
    """The cells of each row that begins with an id: what is tried, what is then so, which tests try it."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        cells = [cell.strip() for cell in line.strip("| ").split(" | ")]
        if re.fullmatch(r"[SF]\d\d", cells[0]):
            assert cells[0] not in found, f"{cells[0]} stands twice"
            found[cells[0]] = cells[1:]
    return found


def untold(text: str) -> list[str]:
    """Which ids have no row, or one that names no test with this id and gives no reason?"""
    told = rows(text)
    return [
        row for row in ROWS
        if row not in told or len(told[row]) != 3 or not all(told[row])
        or not (told[row][1].startswith(UNTRIED) or any(row in test.upper() for _, test in named(told[row][2])))
    ]  # fmt: skip


def sections(text: str) -> dict[str, str]:
    """What stands under the heading of each guarantee?"""
    parts = re.split(r"(?m)^## (G\d)\b", text)
    return dict(zip(parts[1::2], parts[2::2], strict=True))


def unheld(text: str) -> list[str]:
    """Which guarantees are not there, say nothing or name no test?"""
    told = sections(text)
    return [g for g in GUARANTEES if not re.search(r"\*\*.+\*\*", told.get(g, "")) or not [*named(told[g])]]


def read(name: str) -> str:
    return (ROOT / name).read_text(encoding="utf-8")


@pytest.mark.parametrize("page", [TABLE, PAGE])
def test_every_test_that_is_named_is_there(page: str) -> None:
    assert missing(read(page)) == []


def test_every_row_is_a_test_with_its_id_or_says_why_not() -> None:
    assert untold(read(TABLE)) == []
    assert list(rows(read(TABLE))) == ROWS


def test_every_guarantee_is_held_by_tests() -> None:
    assert unheld(read(PAGE)) == []
    assert list(sections(read(PAGE))) == GUARANTEES


@pytest.mark.parametrize("page", ["SECURITY.md", "docs/index.md"])
def test_the_guarantees_are_found_from_where_one_looks(page: str) -> None:
    assert re.search(r"\]\((docs/)?guarantees\.md\)|<guarantees>", read(page))


def test_what_is_not_there_is_noticed() -> None:
    here = "`test_guarantees.py` `test_what_is_not_there_is_noticed`"
    assert missing(f"{here}, `test_nothing_of_the_kind`, `gone.py` `test_any`") == [
        "test_guarantees.py: test_nothing_of_the_kind", "gone.py: test_any",
    ]  # fmt: skip
    row = "| S01 | what | so | `test_house.py` `test_S01_x` |"
    assert "S01" not in untold(row) and "S02" in untold(row)
    assert "S01" in untold(row.replace("test_S01_x", "test_x")) and "S01" in untold(row.replace(" what ", " "))
    assert "S01" not in untold("| S01 | what | does not apply: nobody can | none |")
    assert "S01" in untold("| S01 | what | so | none |")
    section = f"## G1\n\n**A promise.**\n\n- {here}\n"
    assert unheld(section) == GUARANTEES[1:]
    assert "G1" in unheld(section.replace("**", "")) and "G1" in unheld(section.replace("test_", "tested_"))
