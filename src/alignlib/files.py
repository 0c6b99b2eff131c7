"""The one place that writes files: a reader finds the old file or the new one, never a part."""

import errno
import hashlib
import os
import uuid
from pathlib import Path

from alignlib.errors import AlignError, Problem

PRIVATE_MODE = 0o700
_CHUNK = 1 << 20


def write_file(path: Path, content: bytes | str, private: bool = False) -> Path:
    """Where was this content written, whole or not at all?

    Writes beside the target, flushes to disk, then renames over it and flushes the folder.
    Raises AlignError (E-WRITE) naming the file; the old content is then untouched.
    """
    data = content.encode("utf-8") if isinstance(content, str) else content
    temporary = path.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "wb") as handle:
            handle.write(data)
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        temporary.unlink(missing_ok=True)
        raise AlignError(_write_problem(path, error)) from error
    return path


def make_folder(path: Path, private: bool = False) -> Path:
    """Which folder exists now, open to its owner alone when private?"""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if private:
            path.chmod(PRIVATE_MODE)
    except OSError as error:
        raise AlignError(_write_problem(path, error)) from error
    return path


def sha256(path: Path) -> str:
    """What is the fingerprint of a file's content?"""
    digest = hashlib.sha256()
    with path.open("rb") as handle:
        while chunk := handle.read(_CHUNK):
            digest.update(chunk)
    return digest.hexdigest()


def inside(root: Path, name: str) -> Path:
    """Which file of a folder is meant, and does it really lie inside? Refuses links and paths that lead out."""
    target = root / name
    if target.is_symlink() or not target.resolve().is_relative_to(root.resolve()):
        raise AlignError(
            Problem(
                "E-OPEN",
                f"{name!r} is a link or leads out of the folder",
                where=root.name,
                fix="copy the file into the data folder",
            )
        )
    return target


def _write_problem(path: Path, error: OSError) -> Problem:
    full = error.errno == errno.ENOSPC
    return Problem(
        "E-WRITE",
        "the disk is full" if full else f"cannot be written ({error.strerror})",
        where=str(path),
        fix="make room and run again" if full else "check the folder's permissions, or close the file",
    )


def _sync_folder(folder: Path) -> None:
    if os.name == "nt":  # Windows cannot open a folder to flush it
        return
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
