"""Does every error say what, where, what was allowed and what to do, under a code that stays?"""

import re
from pathlib import Path

import pytest

from alignlib import cli
from alignlib.errors import CODES, CURES, AlignError, Problem

# Codes that no module raises yet, and why they stand in the list all the same.
AWAITED: dict[str, str] = {}


def codes_used(root: Path) -> set[str]:
    sources = [path for path in (root / "src").rglob("*.py") if path.name != "errors.py"]
    return {code for path in sources for code in re.findall(r"""["'](E-[A-Z]+)["']""", path.read_text("utf-8"))}


def test_every_code_in_the_source_is_listed(root: Path) -> None:
    assert codes_used(root) <= set(CODES)


def test_every_listed_code_is_used_or_awaited(root: Path) -> None:
    unused = set(CODES) - codes_used(root)
    assert unused == set(AWAITED), (
        f"list these in AWAITED with a reason, or remove them: {sorted(unused ^ set(AWAITED))}"
    )


def test_a_code_that_is_not_listed_is_refused() -> None:
    with pytest.raises(KeyError, match="E-NEW"):
        Problem("E-NEW", "something")


def test_a_problem_says_where_what_allowed_and_what_to_do() -> None:
    problem = Problem("E-SCALE", "answer 7", where="survey.csv, record 12", allowed="1 to 5", fix="correct the answer")
    assert str(problem) == (
        "survey.csv, record 12: answer 7. Allowed: 1 to 5. What to do: correct the answer. [E-SCALE]"
    )


def test_an_error_carries_every_problem_not_only_the_first() -> None:
    error = AlignError(Problem("E-EMPTY", "the file is empty", where=name) for name in ("a.csv", "b.csv"))
    assert [problem.where for problem in error.problems] == ["a.csv", "b.csv"]
    assert str(error).splitlines() == [
        "a.csv: the file is empty. [E-EMPTY]",
        "b.csv: the file is empty. [E-EMPTY]",
    ]


@pytest.mark.parametrize("code", CODES)
def test_a_code_is_explained_as_a_clause_that_can_follow_it(code: str) -> None:
    assert re.fullmatch(r"E-[A-Z]{3,9}", code)
    assert CODES[code][0].islower() and not CODES[code].endswith(".")
    assert (CURES[code][0].islower() or CURES[code][0] == "`") and not CURES[code].endswith(".")


def test_a_problem_that_does_not_say_what_to_do_says_what_helps_against_its_kind() -> None:
    bare = Problem("E-TIME", "took longer than 1 seconds", where="funnel")
    assert str(bare) == "funnel: took longer than 1 seconds. [E-TIME]"
    assert str(bare.with_cure()).startswith("funnel: took longer than 1 seconds. What to do: give a step more with")
    for said in (Problem("E-USE", "no", fix="yes"), Problem("E-USE", "no", allowed="yes")):
        assert said.with_cure() == said


def test_the_command_line_says_what_to_do_in_any_case(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fail() -> None:
        raise AlignError(Problem("E-KERNEL", "the process is gone"))

    monkeypatch.setattr(cli, "app", fail)
    with pytest.raises(SystemExit):
        cli.main()
    assert f"What to do: {CURES['E-KERNEL']}. [E-KERNEL]" in capsys.readouterr().err
