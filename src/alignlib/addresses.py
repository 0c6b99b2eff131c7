"""Where does a table of a database lie? An address without secrets: those come from the environment alone."""

import os
import re
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel, ConfigDict, Field, field_validator

if TYPE_CHECKING:
    from sqlalchemy.engine import URL

USER, PASSWORD = "ALIGNLIB_DB_USER", "ALIGNLIB_DB_PASSWORD"
SERVERS = ("postgresql", "postgres", "mysql", "mariadb", "mssql", "oracle", "snowflake")
# What may stand behind the ? in engagement.yml: nothing that is a secret, names a program or loosens a check.
OPTIONS = ("sslmode", "sslrootcert", "charset", "service_name", "warehouse")
# Settings of a reading that say how a file is read, and what they are when nothing was said.
_OF_FILES = {
    "sheet": None, "encoding": None, "encoding_errors": "refuse", "delimiter": None, "header_rows": 1, "skip_rows": 0,
}  # fmt: skip
_VARIABLE = re.compile(r"env:[A-Za-z_][A-Za-z0-9_]*")
_EXAMPLE = "postgresql://host:5432/database, sqlite:///file.sqlite for a file in the data folder, or env:NAME"


class Database(BaseModel):
    """Which table or view of which database is read? ``table`` is its name, or schema.name.

    ``url`` is an address as SQLAlchemy writes them, without user and password, or ``env:NAME``: then the whole address
    stands in that environment variable.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    url: str
    table: str = Field(min_length=1, max_length=300)

    @field_validator("url")
    @classmethod
    def _without_secrets(cls, url: str) -> str:
        if url.startswith("env:"):
            if not _VARIABLE.fullmatch(url):
                raise ValueError("env: must be followed by the name of an environment variable")
            return url
        parsed = parse_address(url)
        if parsed.username is not None or parsed.password is not None:
            what = "a user or password does not belong into this file"
            raise ValueError(f"{what}: set {USER} and {PASSWORD} in the environment, or write url: env:NAME")
        if set(parsed.query) - set(OPTIONS):
            what = f"behind the ? only {', '.join(OPTIONS)} may stand here"
            raise ValueError(f"{what}; for others put the whole address into the environment and write url: env:NAME")
        return url

    @property
    def file(self) -> str:
        """Which file of the data folder is the database? "" when it is none."""
        return parse_address(self.url).database or "" if self.url.startswith("sqlite:") else ""

    def address(self) -> "URL":
        """Under which address is it reached, with user and password from the environment? Never to be written anywhere.

        Raises ValueError, which does not say what the environment holds.
        """
        if not self.url.startswith("env:"):
            url = parse_address(self.url)
        elif variable := os.environ.get(self.url.removeprefix("env:")):
            url = parse_address(variable)
        else:
            raise ValueError(f"the environment variable {self.url.removeprefix('env:')} is not set")
        if url.drivername == "sqlite":
            return url
        user, password = (os.environ.get(name) or None for name in (USER, PASSWORD))
        return url.set(username=url.username or user, password=url.password or password)


def file_or_source(data: Any) -> Any:
    """Is this reading of a file, or of a table of a database? Gives the latter its name and databases' decimal point.

    Raises ValueError when it is both.
    """
    source = data.get("source") if isinstance(data, dict) else None
    if source is None:
        return data
    name = f"{source.get('table') if isinstance(source, dict) else getattr(source, 'table', '')} (database)"
    if data.get("file") not in (None, name):
        raise ValueError("give a file or a source, not both")
    if any(data.get(key) not in (None, default, str(default)) for key, default in _OF_FILES.items()):
        raise ValueError(f"{', '.join(_OF_FILES)} are for files, not for a source")
    return {**data, "file": name, "decimal": data.get("decimal") or "."}


def parse_address(text: str) -> "URL":
    """Which address of a database does this text spell? Raises ValueError, which does not repeat the text.

    >>> parse_address("postgresql://db.example/crm").drivername, parse_address("sqlite:///crm.sqlite").database
    ('postgresql+psycopg', 'crm.sqlite')
    """
    from sqlalchemy.engine import make_url
    from sqlalchemy.exc import ArgumentError

    try:
        url = make_url(text)
    except (ArgumentError, ValueError):
        url = None
    kind, _, driver = url.drivername.partition("+") if url else ("", "", "")
    if url and kind == "sqlite" and not driver and not url.host and not url.query and url.database:
        return url
    if not url or kind not in SERVERS or (kind.startswith("postgres") and not url.host and not url.query):
        raise ValueError(f"not the address of a database, such as {_EXAMPLE}")
    return url.set(drivername="postgresql+psycopg") if kind.startswith("postgres") and not driver else url
