"""Does the README say what is so? Each command is run, as a newcomer would, and what it shows is compared.

And so for the lines of CONTRIBUTING.
"""

import os
import re
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path

import pytest
from pptx import Presentation
from typer.testing import CliRunner

from alignlib.cli import app

LEFT_OUT = "…"
NOT_RUN = {"python start.py test": "it runs every test, this one too; tests/test_bootstrap.py holds what it calls"}
FOR_EVER = "python start.py workshop acme"  # until it is stopped
FIRST_THRESHOLD = "thresholds: {survey_gap: 0.8}"


def blocks(page: str) -> list[tuple[str, list[str]]]:
    """Which blocks stand on this page, each with its language? None: lines to type; text: what they show."""
    found = re.findall(r"^```(\w*)\n(.*?)^```$", page, re.M | re.S)
    return [(language, text.splitlines()) for language, text in found]


def missing(shown: list[str], said: str) -> str:
    """Which line that the page shows was not said, after those before it? The sign … stands for anything."""
    lines = iter(said.replace("\u00a0", " ").splitlines())
    for line in shown:
        pattern = re.compile(".*".join(map(re.escape, line.rstrip().split(LEFT_OUT))))
        if line != LEFT_OUT and not any(pattern.fullmatch(each.rstrip()) for each in lines):
            return line
    return ""


@pytest.fixture(scope="module")
def readme(root: Path) -> str:
    return (root / "README.md").read_text(encoding="utf-8")


# --- without running them ---------------------------------------------------------------------------------------------


def is_known(words: str) -> bool:
    """Are this command and its options those of the kit? Placeholders and brackets stand for what a person gives."""
    return CliRunner().invoke(app, [*re.sub(r"[][]|\.\.\.", "", words).split(), "--help"]).exit_code == 0


def test_each_command_named_anywhere_is_one_of_the_kit_with_these_options(readme: str) -> None:
    named = re.findall(r"(?:python start\.py|(?:uv run )?alignlib) ([a-z][^`\n]*)", readme)
    words = {each for each in named if not each.startswith(("test", "lab` |"))}
    assert len(words) > 30
    assert sorted(each for each in words if not is_known(each)) == []


def test_a_command_or_an_option_that_is_not_there_would_be_noticed() -> None:
    assert is_known("audit ENGAGEMENT --out DIR [--since PREVIOUS/results.json]") and is_known("workshop acme")
    assert not is_known("audits ENGAGEMENT") and not is_known("audit ENGAGEMENT --into DIR")


def test_each_shortcut_is_in_the_makefile(readme: str, root: Path) -> None:
    makefile = (root / "Makefile").read_text(encoding="utf-8")
    shortcuts = set(re.findall(r"`make ([a-z]+)`", readme))
    assert len(shortcuts) >= 3 and all(re.search(rf"^[a-z ]*\b{name}\b[a-z ]*:", makefile, re.M) for name in shortcuts)


def test_every_block_is_commands_or_what_they_show_and_none_shows_without_a_command(readme: str) -> None:
    languages = [language for language, _ in blocks(readme)]
    assert set(languages) == {"", "text"} and ("text", "text") not in pairwise(languages)
    lines = [line for language, commands in blocks(readme) if not language for line in commands]
    assert len(lines) > 15 and all(re.match(r"(python start\.py|mkdir|cp) \S", line) for line in lines)
    assert set(NOT_RUN) < set(lines) and FOR_EVER in lines
    assert "`client: Acme`" in readme and f"`{FIRST_THRESHOLD}`" in readme, (
        "what the test fills in is what the page says"
    )


@pytest.mark.parametrize(
    ("shown", "is_so"),
    [
        (["one", "three"], True),
        (["one", "…", "three"], True),
        (["t…o", "three"], True),
        (["two", "one"], False),
        (["one", "four"], False),
        (["thre"], False),
    ],
)
def test_what_is_shown_is_compared_line_by_line_in_order(shown: list[str], is_so: bool) -> None:
    assert (missing(shown, "one\ntwo \nthree\n") == "") is is_so


def test_every_file_that_contributing_names_is_there(root: Path) -> None:
    listed = ["git", "ls-files", "--cached", "--others", "--exclude-standard"]
    files = subprocess.run(listed, cwd=root, capture_output=True, text=True, check=True).stdout.splitlines()
    page = (root / "CONTRIBUTING.md").read_text(encoding="utf-8")
    named = {name for name in re.findall(r"`([\w./]+\.(?:py|yml|md|json))`", page) if "NAME" not in name}
    assert len(named) > 10
    assert {name for name in named if not any(f"/{file}".endswith(f"/{name}") for file in files)} == set()


# --- running them, in the order of the page ---------------------------------------------------------------------------


def fill_in(folder: Path) -> None:
    """What the page asks a person to write into engagement.yml."""
    path = folder / "acme" / "engagement.yml"
    text = path.read_text(encoding="utf-8")
    for old, new in (("client: Name of the client", "client: Acme"), ("thresholds: {}", FIRST_THRESHOLD)):
        assert f"\n{old}\n" in text
        text = text.replace(f"\n{old}\n", f"\n{new}\n")
    path.write_text(text, encoding="utf-8")


def make_slides(folder: Path) -> None:
    Presentation().save(str(folder / "firm.pptx"))


BY_HAND: dict[str, Callable[[Path], None]] = {"python start.py lock": fill_in, "python start.py report": make_slides}


def matching(pattern: str, folder: Path) -> list[str]:
    """Which files does a shell put in the place of this?"""
    return sorted(path.relative_to(folder).as_posix() for path in folder.glob(pattern))


def run(line: str, folder: Path) -> str:
    """What does this line say, typed in this folder? start.py has installed everything, and passes its words on."""
    words = [each for word in shlex.split(line) for each in (matching(word, folder) if "*" in word else [word])]
    if words[:2] == ["python", "start.py"]:
        words = [sys.executable, "-m", "alignlib.cli", *words[2:]]
    started = subprocess.Popen(words, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    ends = threading.Timer(300, started.kill)
    ends.start()
    said = ""
    assert started.stdout and started.stderr
    for each in started.stdout:
        said += each
        if line == FOR_EVER and each.startswith("Stop with Ctrl-C"):
            started.send_signal(signal.SIGINT)
    wrong = started.stderr.read()
    ends.cancel()
    assert started.wait(60) in ((0, 130) if line == FOR_EVER else (0,)), f"{line}\n{said}\n{wrong}"
    return said


def test_the_lines_that_contributing_shows_a_new_part_with_run(root: Path) -> None:
    ((_, lines),) = blocks((root / "CONTRIBUTING.md").read_text(encoding="utf-8"))
    done = subprocess.run([sys.executable, "-c", "\n".join(lines)], capture_output=True, text=True, timeout=300)
    assert done.returncode == 0 and "'value'" in done.stdout, done.stderr


@pytest.mark.faults  # no kills, but as long: three audits and a workshop
@pytest.mark.skipif(os.name == "nt", reason="mkdir and cp are PowerShell's there")
def test_every_command_works_in_the_order_of_the_page_and_shows_what_is_shown(readme: str, tmp_path: Path) -> None:
    said, wrong = "", []
    for language, lines in blocks(readme):
        if language:
            wrong += [f"not said: {line}" for line in [missing(lines, said)] if line]
            continue
        said = ""
        for line in lines:
            for start, by_hand in BY_HAND.items():
                if line.startswith(start):
                    by_hand(tmp_path)
            said += "" if line in NOT_RUN else run(line, tmp_path)
    assert wrong == []
    written = re.findall(r"^\| `(demo/\S+?)` \|", readme, re.M)
    assert len(written) > 8 and all((tmp_path / name).exists() for name in written)
