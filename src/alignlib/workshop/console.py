"""The workshop's own commands: open it, close it for good, take its answers out, keep a copy."""

from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

Engagement = Annotated[Path, typer.Argument(help="Folder with engagement.yml and data/.")]
Database = Annotated[str, typer.Option("--db", help="Where answers are kept: another file, or postgresql://…")]


class _OpensByDefault(TyperGroup):
    """``alignlib workshop ENGAGEMENT`` opens it: what is no command's name is the folder to open."""

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        if args and args[0] not in self.commands:
            args = ["open", *args]
        return super().resolve_command(ctx, args)


app = typer.Typer(
    cls=_OpensByDefault, no_args_is_help=True, pretty_exceptions_enable=False, rich_markup_mode=None,
    help="The workshop: open its forms to the room, then close it for good. ENGAGEMENT alone opens it.",
    context_settings={"ignore_unknown_options": True},
)  # fmt: skip


@app.command("open")
def open_workshop(
    engagement: Engagement,
    seats: Annotated[int, typer.Option(min=2, max=500, help="How many people may take part.")] = 60,
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port of the address; 0: any that is free.")] = 8877,
    host: Annotated[
        str, typer.Option(help="Address to listen on; another than this machine's own needs TLS.")
    ] = "127.0.0.1",
    cert: Annotated[str, typer.Option(help="File with the TLS certificate, in PEM.")] = "",
    key: Annotated[str, typer.Option(help="File with its key, in PEM.")] = "",
    behind_proxy: Annotated[str, typer.Option(help="Address a proxy with TLS serves it under: https://…")] = "",
    database: Database = "",
) -> None:
    """Open the forms to the room, until Ctrl-C: prints one address for participants and one for you."""
    from alignlib.workshop import session

    def say(opened: session.Session) -> None:
        for note in opened.notes:
            typer.echo(note)
        able, is_warm = session.seats_here()
        if not is_warm:
            typer.echo(
                "Each seat starts a process of its own here, which takes memory and half a minute when all join."
            )
            typer.echo("For more than ten people use a server with Linux.")
        if able < seats:
            typer.echo(f"This machine bears about {able} seats with the memory that is free now.")
        typer.echo(f"\nParticipants ({seats} seats), code {opened.code}:\n")
        typer.echo(f"  {opened.for_participants}\n\n{session.picture(opened.for_participants)}")
        if place.is_local:
            typer.echo(
                "Only this machine reaches that address. For phones give --host and --cert, or --behind-proxy.\n"
            )
        typer.echo(f"You, and nobody else:\n\n  {opened.for_facilitator}\n")
        typer.echo(
            "Stop with Ctrl-C: answers are kept, and the same command goes on. For good: alignlib workshop close."
        )

    place = session.Place(host, port, cert, key, behind_proxy)
    typer.echo("Reading the client's files and getting ready: about half a minute.")
    raise typer.Exit(session.run(engagement, place, seats, database, say))


@app.command()
def close(engagement: Engagement, database: Database = "") -> None:
    """Destroy what could tie a person to their answers, and prove it. Nobody can take a seat afterwards."""
    from alignlib.workshop import session, store

    found = store.close_store(session.store_of(engagement, database))
    typer.echo(f"Destroyed: {', '.join(found['destroyed'])}.")
    for line in (*found["proved"], *found["left"]):
        typer.echo(line)
    typer.echo(f"To hold another one: alignlib workshop {engagement}. These answers are then kept under their day.")


@app.command()
def export(
    engagement: Engagement,
    out: Annotated[Path, typer.Option("--out", help="Folder for the CSV files and answers.xlsx.")],
    database: Database = "",
) -> None:
    """Write what was answered as the tables an audit reads: CSV, and one workbook of all."""
    from alignlib.workshop import session

    for path in session.export(engagement, out, database):
        typer.echo(f"Wrote {path}")


@app.command()
def backup(
    engagement: Engagement, file: Annotated[Path, typer.Argument(help="File for the copy.")], database: Database = ""
) -> None:
    """Keep a whole copy of the answers, without what ties people to them."""
    from alignlib.workshop import session, store

    store.backup(session.store_of(engagement, database), file)
    typer.echo(f"Wrote {file}")
