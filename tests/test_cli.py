"""The command line as a person uses it: what it prints, what it writes and how it ends."""

import csv
import io
import json
import subprocess
import sys
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path

import openpyxl
import pytest
from typer.testing import CliRunner

from alignlib import __version__
from alignlib.cli import app, main
from alignlib.errors import AlignError, Problem
from alignlib.files import sha256
from alignlib.result import Record, Result, to_json

Ended = subprocess.CompletedProcess[str]


def started(*words: str, cwd: Path) -> Ended:
    """How does a command end that a person starts? A process of its own: each command has one test that does this."""
    command = [sys.executable, "-m", "alignlib.cli", *words]
    return subprocess.run(command, cwd=cwd, capture_output=True, text=True, timeout=240, check=False)


def alignlib(*words: str, cwd: Path) -> Ended:
    """How does a command end in this process? The same words, exit code and output, without starting Python anew."""
    out, error, code = io.StringIO(newline=""), io.StringIO(newline=""), 0
    with chdir(cwd), redirect_stdout(out), redirect_stderr(error), pytest.MonkeyPatch.context() as patched:
        patched.setattr(sys, "argv", ["alignlib", *words])
        try:
            main()
        except SystemExit as ended:
            assert isinstance(ended.code, int | None)
            code = ended.code or 0
    return Ended(words, code, out.getvalue(), error.getvalue())


def test_it_says_which_kit_it_is() -> None:
    assert CliRunner().invoke(app, ["--version"]).stdout == f"alignlib {__version__}\n"


def test_new_copies_the_template_with_the_letter_and_refuses_to_overwrite(tmp_path: Path) -> None:
    made = started("new", "acme", cwd=tmp_path)
    assert made.returncode == 0 and "request-email.md" in made.stdout
    assert "alignlib survey export acme" in made.stdout
    assert all((tmp_path / "acme" / name).exists() for name in ("engagement.yml", "brand.yml", "request-email.md"))
    again = alignlib("new", "acme", cwd=tmp_path)
    assert again.returncode == 2 and "E-USE" in again.stderr


def test_a_fresh_engagement_can_be_locked_and_checked(tmp_path: Path) -> None:
    alignlib("new", "acme", cwd=tmp_path)
    settings = tmp_path / "acme" / "engagement.yml"
    text = settings.read_text()
    assert "\nthresholds: {}\n" in text
    settings.write_text(text.replace("\nthresholds: {}\n", "\nthresholds: {leaked_leads: 0.10}\n"))
    assert "not locked" in _lock_state(tmp_path / "acme")
    locked = started("lock", "acme", "--by", "the sponsor", cwd=tmp_path)
    assert locked.returncode == 0 and "unchanged since" in locked.stdout
    settings.write_text(settings.read_text() + "\n")
    assert "unchanged since" in _lock_state(tmp_path / "acme")
    checked = alignlib("check", "acme", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr


def test_nothing_is_locked_before_a_threshold_is_agreed(tmp_path: Path) -> None:
    assert CliRunner().invoke(app, ["new", str(tmp_path / "acme")]).exit_code == 0
    refused = CliRunner().invoke(app, ["lock", str(tmp_path / "acme"), "--by", "the sponsor"])
    assert isinstance(refused.exception, AlignError) and refused.exception.problems[0].code == "E-USE"
    assert "no threshold is agreed yet" in str(refused.exception) and "under thresholds" in str(refused.exception)
    assert "not locked" in _lock_state(tmp_path / "acme")


def test_check_of_an_engagement_without_files_never_says_that_all_is_well(tmp_path: Path) -> None:
    assert alignlib("new", "acme", cwd=tmp_path).returncode == 0
    settings = tmp_path / "acme" / "engagement.yml"
    text = settings.read_text()
    settings.write_text(text[: text.index("\ninputs:")] + "\ninputs: []\n")
    (tmp_path / "acme" / "data" / "tracker.csv").write_text("id\n1\n")
    checked = alignlib("check", "acme", cwd=tmp_path)
    assert "1 file in data/ named by no input, and so not read: tracker.csv." in checked.stdout
    assert "names no file under inputs" in checked.stdout and "Nothing stands in the way" not in checked.stdout


def test_check_says_where_each_rejected_value_stands(tmp_path: Path) -> None:
    from alignlib.samples import write_sample

    write_sample(tmp_path / "sample")
    checked = started("check", "sample", cwd=tmp_path)
    assert checked.returncode == 0
    assert "leads.csv (leads): 2,716 rows read = 2,700 used + 1 rejected + 15 excluded" in checked.stdout
    assert checked.stdout.count("Rejected: ") == 5 and "leads.csv, record" in checked.stdout
    assert "Note: leads" not in checked.stdout


def test_wrong_settings_end_with_2_and_every_line_named(tmp_path: Path) -> None:
    (tmp_path / "engagement.yml").write_text("version: 1\nclient: X\ncurency: EUR\n")
    ended = started("audit", ".", "--out", "out", cwd=tmp_path)
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


SINCE = """
version: 1
client: Acme
period: {start: 2026-01-01, end: 2026-03-31}
as_of: 2026-04-30
currency: EUR
timezone: UTC
"""


@pytest.mark.parametrize(
    ("said", "why", "code"),
    [
        ({"client": "Another"}, "this is the audit of another client", 2),
        ({"as_of": "2026-04-30"}, "it is as of 2026-04-30, and this audit as of 2026-04-30", 2),
        ({"as_of": "soon"}, "this is not a results.json of the kit", 1),
        ({"schema_version": 99}, "schema version 99 was written by another kit", 1),
        ({"surprise": "<script>"}, "this is not a results.json of the kit", 1),
    ],
)
def test_since_takes_only_an_earlier_audit_of_this_client(
    said: dict[str, object], why: str, code: int, tmp_path: Path
) -> None:
    (tmp_path / "engagement.yml").write_text(SINCE)
    (tmp_path / "before").mkdir()
    (tmp_path / "before" / "results.json").write_text(json.dumps(json.loads(to_json(_record())) | said))
    ended = alignlib("audit", ".", "--out", "out", "--since", "before/results.json", cwd=tmp_path)
    assert ended.returncode == code and f"results.json: {why}" in ended.stderr
    assert not (tmp_path / "out").exists()


def test_since_never_writes_over_the_audit_it_compares_with(tmp_path: Path) -> None:
    (tmp_path / "engagement.yml").write_text(SINCE)
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "results.json").write_text(to_json(_record()))
    ended = alignlib("audit", ".", "--out", "out", "--since", "out/results.json", cwd=tmp_path)
    assert ended.returncode == 2 and "would be written over" in ended.stderr
    assert (tmp_path / "out" / "results.json").read_text() == to_json(_record())
    assert alignlib("audit", ".", "--out", "new", "--since", "nowhere.json", cwd=tmp_path).returncode == 1


def _record() -> Record:
    """An earlier audit of Acme."""
    return Record(
        kit_version="0", client="Acme", period_start="2025-01-01", period_end="2025-12-31", as_of="2026-01-31",
        currency="EUR", settings_sha256="", thresholds_lock="",
        results={name: Result(diagnostic=name, question="", headline="", summary="")  # type: ignore[arg-type]
                 for name in ("survey", "content", "funnel", "audit")},
    )  # fmt: skip


# --- the report -------------------------------------------------------------------------------------------------------


def _finished(folder: Path) -> Path:
    """The folder of a finished audit, as far as the report needs it."""
    (folder / "out" / "private").mkdir(parents=True)
    (folder / "out" / "results.json").write_text(to_json(_record()))
    done = {"files": {"results.json": sha256(folder / "out" / "results.json")}}
    (folder / "out" / "private" / "done.json").write_text(json.dumps(done))
    return folder / "out"


def test_report_writes_what_is_asked_for_and_says_where(tmp_path: Path) -> None:
    out = _finished(tmp_path)
    (tmp_path / "brand.yml").write_text('name: Weber\nsales: "#0B5D3B"\nmarketing: "#7B2D8B"\n')
    made = started("report", "out", "--to", "HTML, html", "--for", "board", "--brand", "brand.yml", cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert made.stdout == f"Wrote {Path('out') / 'report-board.html'}\n"
    assert "Acme" in (out / "report-board.html").read_text(encoding="utf-8")


@pytest.mark.parametrize(
    ("words", "told", "code"),
    [
        (["out", "--to", "doc,pdf"], "'doc' is no format of the report. Allowed: html, pdf, pptx, xlsx", 2),
        (["out", "--to", ","], "no format was named", 2),
        (["out", "--for", "press"], "Allowed: client, sales, marketing, board", 2),
        (["out", "--to", "html", "--template", "firm.pptx"], "--template is for the deck", 2),
        (["out", "--brand", "none.yml"], "none.yml: it is not there", 2),
        (["out", "--to", "pptx", "--template", "none.pptx"], "none.pptx: this is no file", 2),
        (["nowhere"], "not the record of a finished audit", 1),
    ],
)
def test_report_refuses_what_it_cannot_do_and_says_what_is_allowed(
    words: list[str], told: str, code: int, tmp_path: Path
) -> None:
    out = _finished(tmp_path)
    ended = alignlib("report", *words, cwd=tmp_path)
    assert ended.returncode == code and told in ended.stderr and "What to do" in ended.stderr
    assert {path.name for path in out.iterdir()} == {"results.json", "private"}


def test_audit_says_where_every_file_is_and_ends_with_1_when_a_format_failed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignlib import editions, pipeline

    audit = Result(diagnostic="audit", question="", headline="Two teams, one story", summary="")
    names = ["report.html", "report.pdf", "report.xlsx", "content-work-list.xlsx", "results.json"]
    made = (*(tmp_path / name for name in names), tmp_path / "notebooks" / "audit.ipynb")
    failed = (Problem("E-MAKE", "the PPTX could not be made"),)
    record = _record().model_copy(update={"results": {"audit": audit}})
    for problems in ((), failed):
        delivered = editions.Delivered(record, made, problems)
        monkeypatch.setattr(pipeline, "audit_apart", lambda *_, delivered=delivered: delivered)
        ended = CliRunner().invoke(app, ["audit", "acme", "--out", str(tmp_path)])
        told = [line for line in ended.stdout.splitlines() if str(tmp_path) in line]
        assert [line.split()[-1] for line in told] == [*(str(path) for path in made[:-1]), str(tmp_path / "notebooks")]
        assert [line[:11].strip() for line in told] == ["Report", "", "", "Work list", "Results", "Notebooks"]
        assert (ended.exit_code == 0) == (not problems)
        assert not problems or (isinstance(ended.exception, AlignError) and "PPTX" in str(ended.exception))


def test_progress_is_a_bar_on_a_terminal_and_plain_lines_elsewhere(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from alignlib.batch.progress import steps

    with steps(lambda line: print(line, file=sys.stderr)) as say:
        say("reading the files", 1, 6)
    assert capsys.readouterr().err == "[1/6] reading the files\n"
    monkeypatch.setattr(sys.stderr, "isatty", lambda: True)
    monkeypatch.setenv("FORCE_COLOR", "1")  # rich, too, must take this for a terminal
    monkeypatch.setenv("TERM", "xterm")
    with steps(print) as say:  # rich draws the bar: a step without a total used to end it with a TypeError
        say("reading the files", 1, 6)
        say("survey.ipynb", 2, 6)
    shown = capsys.readouterr()
    assert "[1/6]" not in shown.err and "survey.ipynb" in shown.out and "1/6" in shown.out


def test_unknown_commands_and_options_end_with_2(tmp_path: Path) -> None:
    assert started("audti", cwd=tmp_path).returncode == 2
    assert alignlib("audit", "--fast", cwd=tmp_path).returncode == 2


@pytest.mark.parametrize("name", ["survey", "content", "funnel", "audit"])
def test_params_says_what_a_notebook_takes(name: str) -> None:
    shown = CliRunner().invoke(app, ["params", name])
    assert shown.exit_code == 0
    assert "run_dir: str = ''" in shown.stdout and "settings_sha256: str = ''" in shown.stdout


def test_help_names_every_command() -> None:
    shown = CliRunner().invoke(app, ["--help"]).stdout
    assert all(
        name in shown
        for name in ("demo", "new", "lock", "check", "audit", "report", "params", "lab", "survey", "comments")
    )
    assert all(name in CliRunner().invoke(app, ["survey", "--help"]).stdout for name in ("export", "plan"))
    assert all(name in CliRunner().invoke(app, ["comments", "--help"]).stdout for name in ("list", "approve"))


# --- the survey -------------------------------------------------------------------------------------------------------

SURVEYED = """
version: 1
client: Acme
period: {start: 2025-01-01, end: 2026-03-31}
as_of: 2026-04-30
currency: EUR
timezone: UTC
survey: {segments: [Retail, "=HYPERLINK(1)"]}
inputs:
  - {table: responses, shape: survey, file: form.csv}
"""
FILE = {"csv": "form.csv", "xlsx": "form.xlsx, sheet: Answers"}


def _surveyed(folder: Path, to: str = "csv") -> Path:
    """An engagement whose form has been written into its data folder, for somebody to fill in."""
    (folder / "acme" / "data").mkdir(parents=True)
    (folder / "acme" / "engagement.yml").write_text(SURVEYED.replace("form.csv", FILE[to]), encoding="utf-8")
    made = alignlib("survey", "export", "acme", "--to", to, "--out", "acme/data", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "acme"


def _commented(folder: Path, *comments: str) -> Path:
    """The same, with one answer a comment."""
    engagement = _surveyed(folder)
    table = engagement / "data" / "form.csv"
    codes = next(csv.reader(io.StringIO(table.read_text(encoding="utf-8-sig"))))
    given = [{"team": "Sales", "goal_1": "Agree", "comment_change": comment} for comment in comments]
    with table.open("a", encoding="utf-8", newline="") as handle:
        csv.DictWriter(handle, codes).writerows(given)
    return engagement


@pytest.mark.parametrize(
    ("to", "name"),
    [
        ("google", "form.gs"),
        ("microsoft", "form.docx"),
        ("csv", "form.csv"),
        ("xlsx", "form.xlsx"),
        ("print", "form.html"),
    ],
)
def test_export_writes_the_form_with_its_notice_and_says_what_is_missing(to: str, name: str, tmp_path: Path) -> None:
    alignlib("new", "acme", cwd=tmp_path)
    made = alignlib("survey", "export", "acme", "--to", to, cwd=tmp_path)
    assert made.returncode == 0, made.stderr
    assert {name, "notice.html", "notice.txt"} <= {path.name for path in (tmp_path / "acme" / "survey").iterdir()}
    assert "Missing: survey.notice.contact: whom to ask" in made.stdout and "82 questions." in made.stdout


def test_export_knows_five_kinds_and_ends_with_2_otherwise(tmp_path: Path) -> None:
    alignlib("new", "acme", cwd=tmp_path)
    assert alignlib("survey", "export", "acme", "--to", "word", cwd=tmp_path).returncode == 2
    assert alignlib("survey", "export", "acme", cwd=tmp_path).returncode == 2
    assert alignlib("survey", "export", "nobody", "--to", "csv", cwd=tmp_path).returncode == 1
    assert not (tmp_path / "acme" / "survey").exists()


def test_a_filled_in_table_is_read_whole_and_never_written_over(tmp_path: Path) -> None:
    engagement = _commented(tmp_path, "Talk more.")
    checked = alignlib("check", "acme", cwd=tmp_path)
    assert checked.returncode == 0 and "1 row read = 1 used" in checked.stdout and "82 items" in checked.stdout
    again = alignlib("survey", "export", "acme", "--to", "csv", "--out", "acme/data", cwd=tmp_path)
    assert again.returncode == 2 and "may hold answers" in again.stderr
    assert "Talk more." in (engagement / "data" / "form.csv").read_text(encoding="utf-8-sig")


def test_a_german_form_is_read_whole(tmp_path: Path) -> None:
    folder = _surveyed(tmp_path)
    settings = folder / "engagement.yml"
    settings.write_text(settings.read_text(encoding="utf-8").replace("survey: {", "survey: {language: de, "))
    german = started("survey", "export", "acme", "--to", "csv", cwd=tmp_path)
    asked = (folder / "survey" / "questions.csv").read_text(encoding="utf-8-sig")
    assert german.returncode == 0 and "Vertrieb | Marketing" in asked and "Stimme eher zu" in asked
    codes = (folder / "survey" / "form.csv").read_text(encoding="utf-8-sig").strip()
    given = ["Vertrieb", "Ja", "Stimme eher zu", "Kann ich nicht sagen", *[""] * (codes.count(",") - 3)]
    (folder / "data" / "form.csv").write_text(f"{codes}\n{','.join(given)}\n")
    checked = alignlib("check", "acme", cwd=tmp_path)
    assert checked.returncode == 0 and "1 row read = 1 used" in checked.stdout and "Rejected" not in checked.stdout


def test_a_filled_in_workbook_is_read_whole(tmp_path: Path) -> None:
    table = _surveyed(tmp_path, "xlsx") / "data" / "form.xlsx"
    book = openpyxl.load_workbook(table)
    book["Answers"].append(["Sales", "No", *["Agree"] * 35])
    book.save(table)
    checked = alignlib("check", "acme", cwd=tmp_path)
    assert checked.returncode == 0, checked.stderr
    assert "1 row read = 1 used" in checked.stdout and "Rejected" not in checked.stdout


def test_plan_says_what_a_survey_could_tell_and_refuses_impossible_numbers(tmp_path: Path) -> None:
    said = CliRunner().invoke(app, ["survey", "plan", "--sales", "12", "--marketing", "5"])
    assert said.exit_code == 0
    assert "all 17 answer" in said.stdout and "70\u00a0% answer" in said.stdout and "Mode that fits" in said.stdout
    assert max(map(len, said.stdout.splitlines())) <= 100
    for wrong in (
        ["--marketing", "5", "--sd", "nan"],
        ["--marketing", "0"],
    ):
        assert alignlib("survey", "plan", "--sales", "12", *wrong, cwd=tmp_path).returncode == 2
    assert started("survey", "plan", "--sales", "12", *wrong, cwd=tmp_path).returncode == 2


def test_comments_are_listed_with_flags_and_with_control_characters_made_visible(tmp_path: Path) -> None:
    _commented(tmp_path, "Talk more.", "Ask Kim Weber\x1b[31m\nabout it")
    listed = started("comments", "list", "acme", cwd=tmp_path)
    assert listed.returncode == 0 and "\x1b" not in listed.stdout
    assert "Ask Kim Weber\ufffd[31m about it" in listed.stdout and "Sales (a name?)" in listed.stdout
    assert "2 in all." in listed.stdout and "approved" not in listed.stdout
    assert listed.stdout.count("     To: What one thing should change?\n") == 2
    assert "left by 2 of Sales, 0 of Marketing." in listed.stdout and "eight people of each team" in listed.stdout


def test_all_approves_what_is_not_flagged_and_a_number_approves_that_one_alone(tmp_path: Path) -> None:
    from alignlib.comments import approved

    texts = ["Talk more.", "Meet weekly.", "Ask Kim Weber about it."]
    engagement = _commented(tmp_path, *texts)
    every = alignlib("comments", "approve", "acme", "--all", "--by", "Ann", cwd=tmp_path)
    assert every.returncode == 0 and "Approved 2 of 3 comments" in every.stdout and "1 flagged" in every.stdout
    assert len(approved(engagement, texts)) == 2 and not approved(engagement, texts[2:])
    listed = alignlib("comments", "list", "acme", cwd=tmp_path).stdout.splitlines()
    flagged = next(line.split()[0] for line in listed if "a name?" in line)
    assert sum("approved" in line for line in listed if line.lstrip()[0].isdigit()) == 2
    both = alignlib("comments", "approve", "acme", flagged, "--all", "--by", "Ann", cwd=tmp_path)
    assert "Approved 3 of 3 comments" in both.stdout and "flagged" not in both.stdout
    alone = alignlib("comments", "approve", "acme", flagged, "--by", "Ann", cwd=tmp_path)
    assert "Approved 1 of 3 comments" in alone.stdout and len(approved(engagement, texts)) == 1


def test_none_withdraws_every_approval_and_goes_with_nothing_else(tmp_path: Path) -> None:
    from alignlib.comments import approved

    engagement = _commented(tmp_path, "Talk more.")
    alignlib("comments", "approve", "acme", "--all", cwd=tmp_path)
    assert approved(engagement, ["Talk more."])
    for words in (["--none", "--all"], ["1", "--none"]):
        assert alignlib("comments", "approve", "acme", *words, cwd=tmp_path).returncode == 2
    withdrawn = started("comments", "approve", "acme", "--none", cwd=tmp_path)
    assert withdrawn.returncode == 0 and "Approved 0 of 1 comments" in withdrawn.stdout
    assert not approved(engagement, ["Talk more."])


def test_approving_nothing_or_a_number_that_is_not_there_ends_with_2(tmp_path: Path) -> None:
    engagement = _commented(tmp_path, "Talk more.")
    for words in ([], ["2"], ["0"], ["1", "7"]):
        assert alignlib("comments", "approve", "acme", *words, cwd=tmp_path).returncode == 2
    assert not (engagement / "comments_approved.json").exists()


def _lock_state(folder: Path) -> str:
    from alignlib.engagement import lock_state, read_engagement

    return lock_state(folder, read_engagement(folder))
