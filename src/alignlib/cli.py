"""The command line: thin, and quick to say what it can do."""

import getpass
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated

import typer

from alignlib.errors import AlignError, Problem

app = typer.Typer(
    help="Sales and Marketing alignment audits: from a client's files to a report with evidence.",
    no_args_is_help=True, add_completion=True, pretty_exceptions_enable=False, rich_markup_mode=None,
)  # fmt: skip
MOST_PLACES = 50  # rejected values listed one by one; the rest is counted
Engagement = Annotated[Path, typer.Argument(help="Folder with engagement.yml and data/.")]
Out = Annotated[Path, typer.Option("--out", help="Folder for results.json, report.html and notebooks/.")]
By = Annotated[str, typer.Option("--by", help="Who agreed the thresholds.")]
Seconds = Annotated[float, typer.Option("--seconds", min=1, help="Longest time for one notebook, in seconds.")]


@app.command()
def demo(out: Out = Path("demo"), seconds: Seconds = 600) -> None:
    """Audit the sample company and say where everything is."""
    from alignlib.samples import write_sample

    audit(write_sample(out / "engagement"), out, seconds)


@app.command()
def new(name: Annotated[str, typer.Argument(help="Name of the new engagement's folder.")]) -> None:
    """Start an engagement: copy the template, with the e-mail that asks a client for the files."""
    from alignlib.resources import resource

    folder = Path(name)
    if folder.exists():
        raise AlignError(Problem("E-USE", "this folder exists already", where=name, fix="choose another name"))
    shutil.copytree(resource("templates", "engagement"), folder)
    typer.echo(f"Made {folder}. Next: send {folder / 'request-email.md'}, put the files into {folder / 'data'},")
    typer.echo(f"fill in {folder / 'engagement.yml'}, agree the thresholds and run: alignlib lock {folder}")


@app.command()
def lock(engagement: Engagement, by: By = "") -> None:
    """Record that thresholds and promises were agreed, by whom and when, before data is opened."""
    from alignlib.engagement import lock_state, read_engagement, write_lock

    settings = read_engagement(engagement)
    path = write_lock(engagement, settings, by or getpass.getuser(), datetime.now(UTC).isoformat(timespec="seconds"))
    typer.echo(f"{lock_state(engagement, settings)} Recorded in {path}.")


@app.command()
def check(engagement: Engagement) -> None:
    """Read a client's files and say what is wrong, by file, row and column. Writes nothing."""
    from alignlib.intake.snapshot import check as check_files
    from alignlib.words import number

    counts, notes, problems, rejected = check_files(engagement)
    for count in counts:
        typer.echo(f"{count.file} ({count.table}): {number(count.read)} rows read = {number(count.used)} used"
                   f" + {number(count.rejected)} rejected + {number(count.excluded)} excluded")  # fmt: skip
        for reason, rows in count.reasons.items():
            typer.echo(f"    {number(rows)}: {reason}")
    for place in rejected[:MOST_PLACES]:
        typer.echo(f"Rejected: {place}")
    if len(rejected) > MOST_PLACES:
        typer.echo(f"Rejected: {number(len(rejected) - MOST_PLACES)} more")
    for note in dict.fromkeys(note for group in notes.values() for note in group):
        typer.echo(f"Note: {note}")
    if problems:
        raise AlignError(problems)
    typer.echo("Nothing stands in the way of the audit.")


@app.command()
def audit(engagement: Engagement, out: Out, seconds: Seconds = 600) -> None:
    """Audit one client: run the four notebooks and write the report."""
    from alignlib.pipeline import run_audit

    with _progress() as say:
        record = run_audit(engagement, out, say, seconds)
    verdict = record.results["audit"]
    typer.echo(f"\n{verdict.headline}")
    for finding in verdict.findings[:5]:
        typer.echo(f"  {finding.level:8}{finding.title}" + (f"  -> {finding.play}" if finding.play else ""))
    typer.echo(f"\nReport     {out / 'report.html'}\nResults    {out / 'results.json'}\nNotebooks  {out / 'notebooks'}")


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


@contextmanager
def _progress() -> Iterator[Callable[[str, int, int], None]]:
    """A bar on a terminal, one plain line a step elsewhere."""
    if not sys.stderr.isatty():
        yield lambda step, number, of: typer.echo(f"[{number}/{of}] {step}", err=True)
        return
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (BarColumn(), MofNCompleteColumn(), TimeElapsedColumn(), TextColumn("{task.description}"))
    with Progress(*columns, transient=True) as bar:
        task = bar.add_task("starting", total=None)
        yield lambda step, number, of: bar.update(task, description=step, completed=number - 1, total=of)


def main() -> None:
    """Which exit code does this command line end with: 0 done, 1 the audit failed, 2 wrong use?"""
    try:
        app()
    except AlignError as error:
        for problem in error.problems:
            typer.echo(str(problem), err=True)
        wrong_use = {"E-USE", "E-CONFIG", "E-PARAM"}
        sys.exit(2 if {problem.code for problem in error.problems} <= wrong_use else 1)


if __name__ == "__main__":
    main()
