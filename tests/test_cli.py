"""The command line as a person uses it: what it prints, what it writes and how it ends."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from alignlib.cli import app


def alignlib(*words: str, cwd: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "alignlib.cli", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


def test_new_copies_the_template_with_the_letter_and_refuses_to_overwrite(tmp_path: Path) -> None:
    made = alignlib("new", "acme", cwd=tmp_path)
    assert made.returncode == 0 and "request-email.md" in made.stdout
    assert (tmp_path / "acme" / "engagement.yml").exists() and (tmp_path / "acme" / "request-email.md").exists()
    again = alignlib("new", "acme", cwd=tmp_path)
    assert again.returncode == 2 and "E-USE" in again.stderr


def test_a_fresh_engagement_can_be_locked_and_checked(tmp_path: Path) -> None:
    alignlib("new", "acme", cwd=tmp_path)
    assert "not locked" in _lock_state(tmp_path / "acme")
    locked = alignlib("lock", "acme", "--by", "the sponsor", cwd=tmp_path)
    assert locked.returncode == 0 and "unchanged since" in locked.stdout
    settings = tmp_path / "acme" / "engagement.yml"
    settings.write_text(settings.read_text() + "\n")
    assert "unchanged since" in _lock_state(tmp_path / "acme")
    checked = alignlib("check", "acme", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_check_says_where_each_rejected_value_stands(tmp_path: Path) -> None:
    from alignlib.samples import write_sample

    write_sample(tmp_path / "sample")
    checked = alignlib("check", "sample", cwd=tmp_path)
    assert checked.returncode == 0
    assert "leads.csv (leads): 2,716 rows read = 2,700 used + 1 rejected + 15 excluded" in checked.stdout
    assert checked.stdout.count("Rejected: ") == 5 and "leads.csv, record" in checked.stdout
    assert "Note: leads" not in checked.stdout


def test_wrong_settings_end_with_2_and_every_line_named(tmp_path: Path) -> None:
    (tmp_path / "engagement.yml").write_text("version: 1\nclient: X\ncurency: EUR\n")
    ended = alignlib("audit", ".", "--out", "out", cwd=tmp_path)
    assert ended.returncode == 2
    assert (
        "line 3" in ended.stderr and "did you mean 'currency'" in ended.stderr and "period is missing" in ended.stderr
    )
    assert not (tmp_path / "out" / "report.html").exists()


def test_bad_data_ends_with_1_names_the_file_and_writes_no_report(tmp_path: Path) -> None:
    alignlib("new", "acme", cwd=tmp_path)
    settings = tmp_path / "acme" / "engagement.yml"
    text = settings.read_text()
    assert "inputs: []" in text or "inputs:" in text
    settings.write_text(text.replace("inputs: []", "") + "\ninputs:\n  - {table: plan, file: plan.csv, "
                        "columns: {segment: Segment, planned_revenue: Plan}}\n")  # fmt: skip
    (tmp_path / "acme" / "data" / "plan.csv").write_bytes(b"")
    ended = alignlib("audit", "acme", "--out", "out", cwd=tmp_path)
    assert ended.returncode == 1 and "plan.csv" in ended.stderr and "E-EMPTY" in ended.stderr
    assert not (tmp_path / "out" / "report.html").exists()


def test_progress_is_a_bar_on_a_terminal_and_plain_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alignlib.cli import _progress

    with _progress() as say:
        say("reading the files", 1, 6)
    assert capsys.readouterr().err == "[1/6] reading the files\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich, too, must take this for a terminal
    monkeypatch.setenv("TERM", "xterm")
    with _progress() as say:  # rich draws the bar: a step without a total used to end it with a TypeError
        say("reading the files", 1, 6)
        say("survey.ipynb", 2, 6)
    shown = capsys.readouterr()
    assert "[1/6]" not in shown.err and "survey.ipynb" in shown.out and "1/6" in shown.out


def test_unknown_commands_and_options_end_with_2(tmp_path: Path) -> None:
    assert alignlib("audti", cwd=tmp_path).returncode == 2
    assert alignlib("audit", "--fast", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("name", ["survey", "content", "funnel", "audit"])
def test_params_says_what_a_notebook_takes(name: str) -> None:
    shown = CliRunner().invoke(app, ["params", name])
    assert shown.exit_code == 0
    assert "run_dir: str = ''" in shown.stdout and "settings_sha256: str = ''" in shown.stdout


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert all(name in shown for name in ("demo", "new", "lock", "check", "audit", "params", "lab"))


def _lock_state(folder: Path) -> str:
    from alignlib.engagement import lock_state, read_engagement

    return lock_state(folder, read_engagement(folder))
