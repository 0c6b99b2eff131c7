"""One workshop from its first address to its end: the desk and the server, started again whenever they die."""

import io
import json
import secrets
import signal
import socket
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, NamedTuple, NoReturn

import yaml

from alignlib.engagement import Settings, read_engagement
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder, scratch_folder, write_file
from alignlib.forms import read_form
from alignlib.resources import read_resource
from alignlib.words import legible, spelled
from alignlib.workshop.pages import Page, missing, pages
from alignlib.workshop.seat import Desk
from alignlib.workshop.store import Store, open_store

STORE = "private/workshop.sqlite"  # in the engagement's folder
LETTERS = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"  # of a code: none that is taken for another
READY_SECONDS = 300.0  # everything is imported, on a machine that may be busy
LOOK_SECONDS, END_SECONDS = 0.2, 10.0
ENDING = (signal.SIGINT, signal.SIGTERM)
DEATHS, WITHIN_SECONDS = 5, 30.0  # so many times within so long, and it is given up
SEAT_BYTES = 45_000_000  # of memory a seat takes with warm kernels, and with ordinary ones
ORDINARY_BYTES = 170_000_000


class Place(NamedTuple):
    """Where is the workshop reached? Loopback, unless TLS or a proxy stands before what others can reach."""

    host: str = "127.0.0.1"
    port: int = 8877
    cert: str = ""
    key: str = ""
    behind_proxy: str = ""  # the address that people type, as the proxy serves it: https://workshop.example

    @property
    def is_local(self) -> bool:
        """Does only this machine reach it?"""
        return self.host in ("127.0.0.1", "localhost", "::1") and not self.behind_proxy

    @property
    def address(self) -> str:
        """What do people type?"""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.behind_proxy.rstrip("/") or f"{'https' if self.cert else 'http'}://{host}:{self.port}"


@dataclass
class Session:
    """What stands open now: the two addresses, and the processes behind them?"""

    place: Place
    code: str
    key: str
    seats: int
    notes: list[str]
    running: dict[str, subprocess.Popen[str]] = field(default_factory=dict)

    @property
    def for_participants(self) -> str:
        """Which address do participants open? It holds the room's code."""
        return f"{self.place.address}/?code={self.code}"

    @property
    def for_facilitator(self) -> str:
        """Which address does the facilitator open? It holds their key: it is for nobody else."""
        return f"{self.place.address}/wall?key={self.key}"


def check(place: Place) -> None:
    """May it be reached there? Raises AlignError (E-USE) for an address that others can reach without TLS."""
    problems = []
    if bool(place.cert) != bool(place.key):
        problems.append(Problem("E-USE", "a certificate needs its key", allowed="--cert FILE --key FILE"))
    if place.host in ("", "0.0.0.0", "::") and not place.behind_proxy:
        fix = "give --host the name or address that people type: it has to be in the certificate as well"
        problems.append(Problem("E-USE", "nobody can type this address", where=place.host, fix=fix))
    elif not (place.is_local or place.cert or place.behind_proxy):
        what = "others can reach this address, and what is sent to it could be read on the way"
        fix = "give --cert and --key, or --behind-proxy ADDRESS where a proxy has them; or leave out --host"
        problems.append(Problem("E-USE", what, where=place.host, fix=fix))
    problems += [Problem("E-USE", "there is no such file", where=each)
                 for each in (place.cert, place.key) if each and not Path(each).is_file()]  # fmt: skip
    if problems:
        raise AlignError(problems)


def run(engagement: Path, place: Place, seats: int, database: str, say: Callable[[Session], None]) -> int:
    """How did the workshop end? Serves it until a signal comes; ``say`` is told the addresses once they answer.

    What a participant was told is saved outlives every process here: the desk and the server are started again when
    they die, on the same port, with the same codes. Raises AlignError: E-USE, E-STORE, and what the settings say.
    """
    check(place)
    engagement = engagement.resolve()  # kernels run in another folder
    settings = read_engagement(engagement)
    for number in ENDING:
        signal.signal(number, _stop)
    try:
        asked, notes = _prepared(engagement, settings)
    except BaseException:  # what reads files makes an error of its own of a signal, or none
        if not _is_stopped():
            raise
    if _is_stopped():
        print("Stopped while the client's files were read: nothing was opened.", file=sys.stderr)
        return 130
    code = "-".join("".join(secrets.choice(LETTERS) for _ in range(4)) for _ in range(2))
    session = Session(place, code, secrets.token_urlsafe(24), seats, notes)
    store = database or str(engagement / STORE)
    with suppress(KeyboardInterrupt), ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="al-")))
        stack.callback(_end_all, session.running)
        _serve(session, settings, asked, store, engagement, folder, say)
    return 0


def _stop(*_: object) -> NoReturn:
    """Whatever is waited for: it ends now, once, and in order."""
    for number in ENDING:
        signal.signal(number, signal.SIG_IGN)
    raise KeyboardInterrupt


def _is_stopped() -> bool:
    return signal.getsignal(signal.SIGINT) is signal.SIG_IGN


def _serve(
    session: Session, settings: Settings, asked: Mapping[str, Page], store: str, engagement: Path, folder: Path,
    say: Callable[[Session], None],
) -> NoReturn:  # fmt: skip
    secret = secrets.token_urlsafe(24)
    where = str(folder / "desk") if hasattr(socket, "AF_UNIX") else "127.0.0.1:0"
    for_desk = {"store": store, "socket": where, "secret": secret, "folder": str(folder)}
    address = for_desk["socket"] = _start(session, "desk", for_desk)["address"]  # kernels must find it there again
    _open(session, Desk(address), secret, asked, engagement)
    hosts = [session.place.host, *filter(None, [session.place.behind_proxy.partition("://")[2].strip("/")])]
    for_server = {**session.place._asdict(), "desk": address, "secret": secret, "seats": session.seats,
                  "hosts": hosts, "about": about(settings), "engagement": str(engagement),
                  "folder": str(folder), "code": session.code}  # fmt: skip
    port = _start(session, "serve", for_server)["port"]
    session.place = session.place._replace(port=port)
    for_server["port"] = port
    say(session)
    deaths: list[float] = []
    while True:
        time.sleep(LOOK_SECONDS)
        for name, config in (("desk", for_desk), ("serve", for_server)):
            if session.running[name].poll() is None:
                continue
            deaths = [when for when in (*deaths, time.monotonic()) if when > time.monotonic() - WITHIN_SECONDS]
            if len(deaths) > DEATHS:
                what, fix = f"the {name} ended again and again", "start the workshop anew; what was saved is kept"
                raise AlignError(Problem("E-STORE", what, fix=fix))
            with suppress(AlignError):  # tried again at the next look
                _start(session, name, config)


def _open(session: Session, desk: Desk, secret: str, asked: Mapping[str, Page], engagement: Path) -> None:
    """Goes on with the workshop that the store holds; where it holds none, or a closed one, another begins."""
    from alignlib.workshop.tables import keep_earlier

    try:
        is_new = desk.ask("state")["phase"] == "closed"
    except AlignError as error:  # it was never opened, or the next request tells the same
        is_new = error.problems[0].code == "E-CLOSED"
    told = [keep_earlier(engagement)] if is_new else []
    if aside := desk.ask("open", secret=secret, pages={name: asdict(page) for name, page in asked.items()},
                         seats=session.seats, code=session.code, facilitator=session.key):  # fmt: skip
        told.insert(0, f"The workshop before was closed, so another begins. Its answers are kept in {aside}.")
    session.notes[:0] = filter(None, told)


def store_of(engagement: Path, database: str) -> Store:
    """Which store holds this engagement's workshop? Raises AlignError (E-STORE) when none was held."""
    file = engagement / STORE
    if not database and not file.is_file():
        fix = f"open one: alignlib workshop {engagement}"
        raise AlignError(Problem("E-STORE", "no workshop was held for this engagement", where=str(engagement), fix=fix))
    return open_store(database or file)


def export(engagement: Path, out: Path, database: str) -> list[Path]:
    """Which files hold what was answered, as the tables that an audit reads?"""
    from alignlib.intake.snapshot import engagement_secret
    from alignlib.workshop.room import kept_pages
    from alignlib.workshop.store import answers
    from alignlib.workshop.tables import as_files, as_workbook, table_rows

    settings, store = read_engagement(engagement), store_of(engagement, database)
    key = engagement_secret(engagement)  # an audit of these files is judged beside what the wall showed
    made = table_rows(answers(store), kept_pages(store), settings, key)
    files: dict[str, str | bytes] = {**as_files(made), "answers.xlsx": as_workbook(made, settings.as_of)}
    make_folder(out)
    for name, content in files.items():
        write_file(out / name, content)
    return [out / name for name in files]


def about(settings: Settings) -> dict[str, Any]:
    """What does the first page say: the client, and what happens to answers in a room, where nobody is named?"""
    said = yaml.safe_load(read_resource("templates", "workshop", "words.yml"))["notice"]
    told = dict(settings.survey.notice)
    fields = {name: legible(str(value)) if value else said["missing"] for name, value in told.items()}
    fields["smallest_group"] = spelled(settings.survey.smallest_group)
    notice = [(section["title"], section["text"].format(**fields)) for section in said["sections"]]
    return {"title": read_form(settings).title, "notice": notice, "language": settings.survey.language}


def _prepared(engagement: Path, settings: Settings) -> tuple[dict[str, Page], list[str]]:
    """What is asked, some of it about the client's labels and content; notes where it cannot be."""
    from alignlib.intake.snapshot import open_run, prepare

    tables, notes = None, list[str]()
    with scratch_folder() as scratch:
        try:
            prepare(engagement, scratch / "run")
            tables = open_run(scratch / "run")[1]
        except AlignError as error:
            notes = [f"The client's files are not read yet, so some forms are left out: {error.problems[0]}"]
        return pages(settings, tables), [*notes, *missing(settings, tables)]


def _start(session: Session, name: str, config: Mapping[str, Any]) -> dict[str, Any]:
    """What does this process say once it is ready? Raises AlignError (E-STORE) when it does not become so."""
    if before := session.running.pop(name, None):
        _end(before)
    command = [sys.executable, "-P", "-m", f"alignlib.workshop.{name}"]
    process = subprocess.Popen(  # out of reach of Ctrl-C: this one ends them, in order
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    session.running[name] = process
    assert process.stdin and process.stdout
    with suppress(BrokenPipeError):
        process.stdin.write(json.dumps(config) + "\n")
        process.stdin.flush()
    timer = threading.Timer(READY_SECONDS, process.kill)
    timer.daemon = True  # whoever stops us here does not wait for it
    timer.start()
    line = process.stdout.readline()
    is_late = not timer.is_alive()
    timer.cancel()
    if not line.startswith("{"):
        what, fix = f"the {name} did not start", "see what is printed above"
        if is_late:
            what = f"this machine was too busy to start the workshop within {READY_SECONDS / 60:g} minutes"
            fix = "end other programs, then give the same command again: what was saved is kept"
        raise AlignError(Problem("E-STORE", what, fix=fix))
    found: dict[str, Any] = json.loads(line)
    if "error" in found:
        raise AlignError(Problem(**found["error"]))
    return found


def _end_all(running: Mapping[str, subprocess.Popen[str]]) -> None:
    for process in reversed(list(running.values())):  # the server first: it may still have something to save
        _end(process)


def _end(process: subprocess.Popen[str]) -> None:
    """Lets it end by itself, which it does once nobody stands at its input; kills it when it takes too long."""
    with suppress(OSError):
        process.stdin and process.stdin.close()
    try:
        process.wait(END_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()
    process.stdout and process.stdout.close()


def picture(address: str) -> str:
    """How is this address shown in a terminal, so that a phone can read it?"""
    import segno

    drawn = io.StringIO()
    segno.make(address, error="m").terminal(drawn, compact=True)
    return drawn.getvalue()


def seats_here() -> tuple[int, bool]:
    """How many seats can this machine bear with what memory is free now, and are its kernels warm?"""
    from alignlib.runs.processes import unfit

    is_warm = not unfit()
    try:
        text = Path("/proc/meminfo").read_text(encoding="ascii")
        free = next(int(line.split()[1]) * 1024 for line in text.splitlines() if line.startswith("MemAvailable"))
    except (OSError, StopIteration):
        free = 4 << 30  # not known: half of what most laptops have
    return max(int(free * 0.8 / (SEAT_BYTES if is_warm else ORDINARY_BYTES)), 1), is_warm
