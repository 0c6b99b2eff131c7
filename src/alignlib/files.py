"""The one place that writes files: a reader finds the old file or the new one, never a part."""

import errno
import hashlib
import os
import re
import shutil
import stat
import tempfile
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from io import BufferedReader
from pathlib import Path, PureWindowsPath
from typing import BinaryIO

from alignlib.errors import AlignError, Problem


def write_file(path: Path, content: bytes | str, private: bool = False) -> Path:
    """Where was this content written, whole or not at all? As ``writing`` does it."""
    with writing(path, private) as handle:
        handle.write(content.encode("utf-8") if isinstance(content, str) else content)
    return path


@contextmanager
def writing(path: Path, private: bool = False) -> Iterator[BinaryIO]:
    """Into which open file does a content go piece by piece, to be there whole or not at all?

    Writes beside the target, flushes to disk, then renames over it and flushes the folder.
    Raises AlignError (E-WRITE) naming the file; the old content is then untouched.
    """
    temporary = path.with_name(f".tmp-{os.getpid()}-{uuid.uuid4().hex}")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600 if private else 0o644)
        with os.fdopen(descriptor, "wb") as handle:
            yield handle
            handle.flush()
            os.fsync(handle.fileno())
        os.replace(temporary, path)
        _sync_folder(path.parent)
    except OSError as error:
        raise AlignError(_write_problem(path, error)) from error
    finally:
        with suppress(OSError):
            temporary.unlink(missing_ok=True)


def copy_file(path: Path, target: Path) -> Path:
    """Where does a copy of this file lie now? The same content at the target is left as it is.

    Raises AlignError: E-OPEN (no readable file), E-USE (another file of that name is there), E-WRITE.
    """
    refuse_another(path, target)
    if not target.exists():
        with path.open("rb") as source, writing(target) as handle:
            shutil.copyfileobj(source, handle)
    return target


def refuse_another(path: Path, target: Path) -> None:
    """Is this a readable file, and nothing else at the target? Raises AlignError: E-OPEN, E-USE."""
    if not path.is_file():
        raise AlignError(Problem("E-OPEN", "there is no such file", where=str(path), fix="correct its path"))
    try:
        if target != path and target.exists() and sha256(target) != sha256(path):
            fix = "if this is a newer export of it, put it there in its place: nothing in engagement.yml changes; "
            fix += "else give it another name"
            raise AlignError(Problem("E-USE", "another file of that name is there", where=target.name, fix=fix))
        path.open("rb").close()
    except PermissionError as error:
        raise AlignError(Problem("E-OPEN", "cannot be opened", where=str(path), fix="check its permissions")) from error


def make_folder(path: Path, private: bool = False) -> Path:
    """Which folder exists now, open to its owner alone when private?"""
    try:
        path.mkdir(parents=True, exist_ok=True)
        if private:
            path.chmod(0o700)
    except OSError as error:
        raise AlignError(_write_problem(path, error)) from error
    return path


@contextmanager
def scratch_folder() -> Iterator[Path]:
    """Which folder, for its owner alone, is gone when this ends, also if Ctrl-C comes while it is tidied up?"""
    folder = tempfile.TemporaryDirectory(prefix="alignlib-")
    try:
        yield Path(folder.name)
    finally:
        try:
            folder.cleanup()
        except KeyboardInterrupt:
            folder.cleanup()
            raise


def is_portable(name: str) -> bool:
    """Can a folder be called so on every system it may be sent to?

    >>> [is_portable(name) for name in ("acme-2026", "CON", "a" * 300, "..", "", "a:b", "end.")]
    [True, False, False, False, False, False, False]
    """
    is_plain = name.strip(". ") == name != "" and not re.search(r'[<>:"/\\|?*\x00-\x1f\x7f]', name)
    return is_plain and len(name.encode(errors="replace")) <= 200 and not PureWindowsPath(name).is_reserved()


def sha256(file: Path | BufferedReader) -> str:
    """What is the fingerprint of a file's content? One that is open already is closed then."""
    with file.open("rb") if isinstance(file, Path) else file as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def inside(root: Path, name: str) -> Path:
    """Which file of a folder is meant, and does it really lie inside? Refuses links and paths that lead out."""
    target = root / name
    try:
        leads_out = target.is_symlink() or not target.resolve().is_relative_to(root.resolve())
    except (OSError, ValueError, RuntimeError) as error:  # too long, a NUL, links in a circle
        raise _refused(root, f"{name[:100]!r} is no name of a file") from error
    if leads_out:
        raise _refused(root, f"{name!r} is a link or leads out of the folder")
    return target


def open_inside(root: Path, name: str) -> BufferedReader:
    """Which ordinary file of a folder is meant? Open for reading: what is read is what was checked.

    Follows no link, and refuses a pipe or a device without waiting for it. Raises AlignError (E-OPEN).
    """
    flags = sum(getattr(os, flag, 0) for flag in ("O_RDONLY", "O_NOFOLLOW", "O_NONBLOCK", "O_BINARY"))
    try:
        descriptor = os.open(inside(root, name), flags)
        try:
            opened = os.fstat(descriptor)
            # Asked again once it is open: a folder on the way may have become a link since.
            if stat.S_ISREG(opened.st_mode) and os.path.samestat(opened, inside(root, name).lstat()):
                return os.fdopen(os.dup(descriptor), "rb")
        finally:
            os.close(descriptor)
    except OSError as error:
        raise _refused(root, f"{name!r} cannot be opened ({error.strerror})", "check its permissions") from error
    raise _refused(root, f"{name!r} is no ordinary file, or was exchanged just now")


def move_folder(folder: Path, target: Path) -> Path:
    """Where does this finished folder stand now? It appears there whole, by one rename, in nobody's place.

    Its files were written by ``writing``, so their content is on the disk. Raises AlignError (E-WRITE).
    """
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        _sync_folder(folder)
        folder.rename(target)
        _sync_folder(target.parent)
        _sync_folder(folder.parent)
    except OSError as error:
        raise AlignError(_write_problem(target, error)) from error
    return target


@contextmanager
def locked(path: Path, seconds: float = 0) -> Iterator[None]:
    """Who may work on this folder now? Whoever holds the lock on this file, until its process ends, however it does.

    Waits so many seconds for another to let go. Raises AlignError: E-LOCKED (another process holds it), E-WRITE.
    """
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise AlignError(_write_problem(path, error)) from error
    try:
        until = time.monotonic() + seconds
        while not _is_ours(descriptor):
            if time.monotonic() >= until:
                fix = "wait until it has ended, or give --out another folder"
                what = "another run is working on this folder"
                raise AlignError(Problem("E-LOCKED", what, str(path.parent), fix=fix))
            time.sleep(0.05)
        yield
    finally:
        os.close(descriptor)  # and so lets go of it


def _is_ours(descriptor: int) -> bool:
    try:
        if os.name == "nt":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return False
    return True


def _refused(root: Path, what: str, fix: str = "copy the file into the data folder") -> AlignError:
    return AlignError(Problem("E-OPEN", what, where=root.name, fix=fix))


def _write_problem(path: Path, error: OSError) -> Problem:
    full = error.errno in (errno.ENOSPC, getattr(errno, "EDQUOT", None))
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
