"""The command line: thin, and quick to say what it can do."""

import getpass
import json
import os
import shutil
import subprocess
import sys
import textwrap
from collections import Counter
from datetime import UTC, datetime
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from alignlib import __version__
from alignlib.errors import AlignError, Problem
from alignlib.workshop.console import app as workshop

_typer = partial(typer.Typer, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None)
app = _typer()
survey = _typer(help="The survey: plan it before anybody is asked, and write its form.")
comments = _typer(help="What people wrote in their own words: read it, then say what may be shown.")
app.add_typer(survey, name="survey")
app.add_typer(comments, name="comments")
app.add_typer(workshop, name="workshop")
Engagement = Annotated[Path, typer.Argument(help="Folder with engagement.yml and data/.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for the report, results.json and notebooks/.")]
Size = Annotated[int, typer.Option(min=1, max=10_000, help="How many people of the team will be asked.")]
Since = Annotated[Path | None, typer.Option("--since", help="results.json of an earlier audit to compare with.")]
Memory = Annotated[float, typer.Option("--memory", min=0.5, help="Most memory for one step, in GB.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, help="Longest time for one step (a notebook), in seconds.")]
Paper = StrEnum("Paper", "sla definitions relay")
Target = StrEnum("Target", "google microsoft csv xlsx print")
_ENDS = {2: {"E-USE", "E-CONFIG", "E-PARAM", "E-BRAND", "E-TEMPLATE"}, 3: {"E-LOCKED"}, 4: {"E-WRITE"}}


def _version(is_asked: bool) -> None:
    if is_asked:
        typer.echo(f"alignlib {__version__}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Say which kit this is.")
    ] = False,
) -> None:
    """Sales and Marketing alignment audits: from a client's files to a report with evidence."""


@app.command()
def demo(out: Out = Path("demo"), seconds: Seconds = 600) -> None:
    """Audit the sample company and say where everything is."""
    from alignlib.samples import write_sample

    audit(write_sample(out / "engagement"), out, seconds)


@app.command()
def new(name: Annotated[str, typer.Argument(help="Name of the new engagement's folder.")]) -> None:
    """Start an engagement: copy the template, with the e-mail that asks a client for the files."""
    from alignlib.files import is_portable
    from alignlib.resources import resource

    folder = Path(name)
    parts = [folder.name] if folder.is_absolute() or not folder.parts else folder.parts
    if len(name) > 1_000 or not all(map(is_portable, parts)):
        what, fix = "no folder can be called so on every system", "use letters, digits and hyphens, or a whole path"
        raise AlignError(Problem("E-USE", what, where=name[:100], fix=fix))
    if folder.exists():
        raise AlignError(Problem("E-USE", "this folder exists already", where=name, fix="choose another name"))
    shutil.copytree(resource("templates", "engagement"), folder)
    typer.echo(f"Made {folder}. Next: send {folder / 'request-email.md'}, put the files into {folder / 'data'},")
    typer.echo(f"fill in {folder / 'engagement.yml'}, agree the thresholds and run: alignlib lock {folder}")
    typer.echo(f"Your firm's name, logo and colours go into {folder / 'brand.yml'}.")
    typer.echo(f"The survey's form is written by: alignlib survey export {folder} --to google")


@app.command()
def lock(engagement: Engagement, by: Annotated[str, typer.Option(help="Who agreed the thresholds.")] = "") -> None:
    """Record that thresholds and promises were agreed, by whom and when, before data is opened."""
    from alignlib.engagement import lock_state, read_engagement, write_lock

    settings = read_engagement(engagement)
    if not settings.thresholds:
        fix = "agree with the client from where on each figure calls for action, write it under thresholds, lock again"
        where, what = str(engagement / "engagement.yml"), "no threshold is agreed yet, so there is nothing to lock"
        raise AlignError(Problem("E-USE", what, where=where, fix=fix))
    path = write_lock(engagement, settings, by or getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds"))
    typer.echo(f"{lock_state(engagement, settings)} Recorded in {path}.")


@app.command("import")
def import_files(
    engagement: Engagement,
    files: Annotated[list[Path], typer.Argument(help="Files as a system exported them; copied into data/.")],
    answers: Annotated[Path | None, typer.Option("--answers", help="YAML file with the answers.")] = None,
) -> None:  # fmt: skip
    """Take in a client's files: say what each is, ask what only a person knows, write the mapping, show the rows."""
    from alignlib.imports import console

    ask = typer.prompt if sys.stdin.isatty() and answers is None else None
    for line in console.import_files(engagement, files, answers, ask):
        typer.echo(line)


@app.command()
def check(engagement: Annotated[Path, typer.Argument(help="An engagement, or a folder of many.")]) -> None:
    """Read a client's files and say what is wrong, by file, row and column; of many clients, what each needs."""
    from alignlib.imports.console import balance
    from alignlib.imports.triage import engagements, told, triage
    from alignlib.intake.snapshot import check as check_files

    if many := engagements(engagement):
        standings = triage(many)
        for line in told(standings):
            typer.echo(line)
        raise typer.Exit(int(any(each.needs for each in standings)))
    counts, notes, problems, rejected = check_files(engagement)
    told_of = [line for each in counts for line in balance(each)] + [f"Rejected: {line}" for line in rejected]
    told_of += [f"Note: {note}" for note in dict.fromkeys(note for group in notes.values() for note in group)]
    for line in told_of:
        typer.echo(line)
    if problems:
        raise AlignError(problems)
    nothing = "engagement.yml names no file under inputs, so there is nothing to audit yet."
    typer.echo("Nothing stands in the way of the audit." if counts else nothing)


@app.command()
def audit(
    engagement: Engagement, out: Out, seconds: Seconds = 600, since: Since = None, memory: Memory = 4
) -> None:  # fmt: skip
    """Audit one client: run the notebooks, write the report in four formats; --since an earlier one: what changed."""
    from alignlib.batch.progress import steps
    from alignlib.pipeline import audit_apart

    with steps(partial(typer.echo, err=True)) as say:
        made = audit_apart(engagement, out, say, seconds, since, int(memory * 1e9))
    verdict = made.record.results["audit"]
    typer.echo(f"\n{verdict.headline}")
    for finding in verdict.findings[:5]:
        typer.echo(f"  {finding.level:8}{finding.title}" + (f"  -> {finding.play}" if finding.play else ""))
    heads = {"report.html": "Report", "content-work-list.xlsx": "Work list", "results.json": "Results"}
    lines = [f"{heads.get(path.name, ''):11}{path}" for path in made.files if path.parent == out]
    typer.echo("\n".join(["", *lines, f"{'Notebooks':11}{out / 'notebooks'}"]))
    if made.problems:
        raise AlignError(made.problems)


@app.command()
def batch(
    portfolio: Annotated[Path, typer.Argument(help="Folder of engagements, or a YAML file that lists them.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for clients/, index.html and findings.xlsx.")],
    workers: Annotated[int | None, typer.Option(min=1, max=256, help="Audits at a time; one for each core.")] = None,
    only: Annotated[list[str] | None, typer.Option("--only", help="These engagements: names or patterns.")] = None,
    since: Annotated[str, typer.Option(help="Only engagements whose files changed since this day.")] = "",
    force: Annotated[bool, typer.Option("--force", help="Audit again what did not change.")] = False,
    verify: Annotated[bool, typer.Option("--verify", help="Run nothing: read every audit back and compare.")] = False,
    seconds: Seconds = 600,
    job_seconds: Annotated[float, typer.Option(min=1, help="Longest time for one audit, in seconds.")] = 3600,
    memory: Memory = 4,
    scheduler: Annotated[str, typer.Option(help="Address of a Dask scheduler, as in tcp://host:8786.")] = "",
    as_json: Annotated[bool, typer.Option("--json", help="Tell events as JSON lines on standard output.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Tell failures and notes alone.")] = False,
) -> None:
    """Audit many clients: unchanged ones are skipped, a failing one stops no other, and it can be ended at any time."""
    from alignlib.batch import console
    from alignlib.batch.runner import Choice, Limits, verify_batch

    if verify:
        if problems := verify_batch(out):
            raise AlignError(problems)
        typer.echo("Every file of every audit is what was recorded.")
        return
    limits = Limits(workers or os.cpu_count() or 1, seconds, job_seconds, int(memory * 1e9))
    choice = Choice(only or (), console.day(since), force)
    write = typer.echo if as_json else partial(typer.echo, err=True)
    with console.listener(as_json, quiet, write) as tell:
        records, code = console.run(portfolio, out, tell, limits=limits, choice=choice, scheduler=scheduler)
    if not as_json and (code or not quiet):
        typer.echo(console.summary(records, out))
    raise typer.Exit(code)


@app.command()
def purge(
    folder: Annotated[Path, typer.Argument(help="Folder of a batch, or of one audit.")],
    older_than: Annotated[int, typer.Option("--older-than", min=0, help="Days since the audit was made.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Say what would be removed, and remove nothing.")] = False,
) -> None:
    """Remove clients' private data from audits of a certain age: checked tables, rejected rows, logs."""
    from alignlib.batch.purge import purge as purged

    removed = purged(folder, older_than, datetime.now(UTC).date(), dry_run)
    for path in removed:
        typer.echo(f"{'Would remove' if dry_run else 'Removed'} {path}")
    typer.echo(f"{len(removed)} in all.")


@app.command("report")
def write_report(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished audit: what --out named.")],
    to: Annotated[str, typer.Option("--to", help="Formats, with commas between them.")] = "html,pdf,pptx,xlsx",
    audience: Annotated[str, typer.Option("--for", help="Whose edition: client, sales, marketing, board.")] = "client",
    brand: Annotated[Path | None, typer.Option("--brand", help="Another brand.yml than the audit's.")] = None,
    template: Annotated[Path | None, typer.Option("--template", help="PPTX whose layouts the deck takes.")] = None,
) -> None:
    """Make the report of a finished audit again: some formats, one reader's edition, your brand, your slides."""
    from alignlib import editions

    kinds = [kind.strip().lower() for kind in to.split(",") if kind.strip()]
    made = editions.write_report(folder, kinds, audience, brand, template)
    for path in made.files:
        typer.echo(f"Wrote {path}")
    if made.problems:
        raise AlignError(made.problems)


@app.command()
def params(notebook: Annotated[Path, typer.Argument(help="A notebook, or the name of one of the kit's.")]) -> None:
    """Say which parameters a notebook takes."""
    from alignlib.resources import resource
    from alignlib.runs.notebook import parameters_of

    path = notebook if notebook.exists() else resource("notebooks", notebook.with_suffix(".ipynb").name)
    for parameter in parameters_of(path):
        typer.echo(f"{parameter.name}: {parameter.type} = {parameter.default!r}  {parameter.meaning}")


@app.command()
def lab(folder: Annotated[Path, typer.Argument(help="Folder for your working copy.")] = Path("alignlib-lab")) -> None:
    """Open the notebooks in JupyterLab, in a working copy of your own."""
    from alignlib.resources import resource

    if not folder.exists():
        shutil.copytree(resource("notebooks"), folder, ignore=shutil.ignore_patterns(".ipynb_checkpoints"))
    typer.echo(f"Opening {folder}. Stop with Ctrl-C.")
    raise typer.Exit(subprocess.run([sys.executable, "-m", "jupyterlab", str(folder)], check=False).returncode)


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Tell it as JSON.")] = False) -> None:
    """Say what is wrong with this machine, and how to cure it. Ends with 1 where something has to be cured."""
    from alignlib.doctor import examine

    signs = examine()
    lines = [f"{s.level:9}{name:12}{s.found}" + (f". Cure: {s.cure}" if s.cure else "") for name, s in signs.items()]
    typer.echo(json.dumps(signs, default=vars, indent=1) if as_json else "\n".join(lines))
    raise typer.Exit(int(any(sign.level == "fault" for sign in signs.values())))


@app.command()
def draft(
    what: Annotated[Paper, typer.Argument(help="Handoff pact, stage definitions, or relay card.")],
    engagement: Engagement,
    out: Annotated[Path | None, typer.Option("--out", help="File to write; drafts/ in the engagement.")] = None,
) -> None:
    """Begin a paper that the room finishes: what the data say, what is proposed, and blanks for what to decide."""
    from alignlib.drafts import write_draft

    path = write_draft(what.value, engagement, out)  # type: ignore[arg-type]
    _say(f"Wrote {path}. What stands as ______ is for the room to decide; nothing is agreed until it is signed.")


@app.command()
def portfolio(
    results: Annotated[list[Path], typer.Argument(help="results.json of each client, or the folder it is in.")],
    out: Annotated[Path, typer.Option("--out", help="Folder for portfolio.html and portfolio.json.")],
    named: Annotated[bool, typer.Option("--named", help="Show the clients' names, not numbers.")] = False,
) -> None:  # fmt: skip
    """Lay many clients side by side, each figure shrunk toward the portfolio; clients are anonymous by default."""
    from alignlib import portfolio as many
    from alignlib.files import write_file
    from alignlib.result import read_record, to_json

    record = many.portfolio([read_record(path / "results.json" if path.is_dir() else path) for path in results], named)
    pages = {"portfolio.html": many.page(record), "portfolio.json": to_json(record)}
    typer.echo(f"{record.client}. {record.results['audit'].headline}.")
    for name, text in pages.items():
        typer.echo(f"Wrote {write_file(out / name, text)}")


@survey.command()
def export(
    engagement: Engagement,
    to: Annotated[Target, typer.Option("--to", help="For which tool.")],
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; survey/ in the engagement.")] = None,
) -> None:
    """Write the form of this engagement, and the notice that tells people what becomes of their answers."""
    from alignlib import forms
    from alignlib.engagement import read_engagement

    form = forms.read_form(read_engagement(engagement))
    for path in forms.write_form(out or engagement / "survey", forms.export(form, to)):
        typer.echo(f"Wrote {path}")
    _say(f"{len(form.questions)} questions. {forms.NEXT[to]}")
    for gap in form.missing:
        typer.echo(f"Missing: {gap}")
    if form.missing:
        _say("Fill that in in engagement.yml, and write the form again before anybody is asked.")


@survey.command("plan")
def plan_survey(
    sales: Size, marketing: Size,
    smallest_group: Annotated[int, typer.Option(min=3, help="survey.smallest_group of the engagement.")] = 5,
    sd: Annotated[float | None, typer.Option(help="Spread of one team's scores on a block, in points.")] = None,
) -> None:  # fmt: skip
    """Say what a survey of so many people could tell, before anybody is asked."""
    from alignlib.planning import FEWER, SD, plan, rows, sentences
    from alignlib.words import share

    asked = partial(plan, sales, marketing, smallest_group, SD if sd is None else sd)
    whole, fewer = asked(), asked(answering=FEWER)
    table = [["", f"all {whole.people} answer", f"{share(FEWER)} answer"], *rows([whole, fewer])]
    widths = [max(len(row[column]) for row in table) for column in range(3)]
    for row in table:
        typer.echo("  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip())
    for sentence in sentences(whole, fewer):
        typer.echo()
        _say(sentence)


@comments.command("list")
def list_comments(engagement: Engagement) -> None:
    """Show every comment with its number and question, in an order that means nothing, and what may name somebody."""
    from alignlib.comments import approved, fingerprint
    from alignlib.engagement import read_engagement
    from alignlib.forms import read_form
    from alignlib.intake.snapshot import comments_of
    from alignlib.planning import commented
    from alignlib.words import TEAM_NAMES, legible

    found = comments_of(engagement)
    may_be_shown = approved(engagement, [comment.text for comment in found])
    form = read_form(read_engagement(engagement))
    asked = {question.code: question.text for question in form.questions}
    for number, comment in enumerate(found, 1):
        flags = [f"({', '.join(comment.flags)})"] if comment.flags else []
        is_approved = fingerprint(comment.text) in may_be_shown
        head = " ".join([TEAM_NAMES.get(comment.team or "", "no team"), *["approved"] * is_approved, *flags])
        typer.echo(f"{number:>3}  {head}")
        _say(f"To: {asked.get(comment.item, comment.item)}", "     ")
        _say(legible(" ".join(comment.text.split())), "     ")
    if form.settings.survey.mode == "anonymous":
        _say(commented(Counter(team for team, _ in {(comment.team or "", comment.person) for comment in found})))
    typer.echo(f"{len(found)} in all. To show some of them: alignlib comments approve {engagement} NUMBERS")


@comments.command("approve")
def approve_comments(
    engagement: Engagement,
    numbers: Annotated[list[int] | None, typer.Argument(help="Numbers, as the list shows them.")] = None,
    every: Annotated[bool, typer.Option("--all", help="All that are not flagged, beside the numbers.")] = False,
    none: Annotated[bool, typer.Option("--none", help="None at all: withdraw every approval.")] = False,
    by: Annotated[str, typer.Option("--by", help="Who has read them.")] = "",
) -> None:
    """Record which comments may be shown. It takes the place of an earlier approval: name all that may be shown."""
    from alignlib.comments import approve
    from alignlib.intake.snapshot import comments_of

    found, named = comments_of(engagement), set(numbers or [])
    if none == bool(named or every):
        what = "--none goes with nothing else" if none else "no comment was named"
        raise AlignError(Problem("E-USE", what, fix="give their numbers, or --all, or --none"))
    if strange := sorted(named - set(range(1, len(found) + 1))):
        what, fix = f"there is no comment {strange[0]}", "take numbers from: alignlib comments list"
        raise AlignError(Problem("E-USE", what, fix=fix))
    taken = [c.text for i, c in enumerate(found, 1) if i in named or (every and not c.flags)]
    path = approve(engagement, taken, by or getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds"))
    flagged = sum(bool(c.flags) for i, c in enumerate(found, 1) if i not in named) if every else 0
    left = f" {flagged} flagged and not approved: name those by number." if flagged else ""
    typer.echo(f"Approved {len(taken)} of {len(found)} comments; no others may be shown.{left} Recorded in {path}.")


def _say(text: str, indent: str = "") -> None:
    """Lines no longer than a terminal's, or than the eye follows."""
    width = min(shutil.get_terminal_size().columns, 100)
    typer.echo(textwrap.fill(text, width, initial_indent=indent, subsequent_indent=indent, break_long_words=False))


def main() -> None:
    """Which exit code does this command line end with: 0 done, 1 failed, 2 wrong use, 3 another run, 4 no room?"""
    try:
        app()
    except AlignError as error:
        typer.echo("\n".join(str(problem.with_cure()) for problem in error.problems), err=True)
        codes = {problem.code for problem in error.problems}
        sys.exit(next((code for code, known in _ENDS.items() if codes <= known), 1))


if __name__ == "__main__":
    main()
