"""Does a reader find the old file or the new one, never a part, and never a file outside its folder?"""

import errno
import hashlib
import os
import stat
import tempfile
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from alignlib import files
from alignlib.errors import AlignError
from alignlib.files import (
    copy_file,
    inside,
    is_portable,
    locked,
    make_folder,
    move_folder,
    open_inside,
    refuse_another,
    sha256,
    write_file,
    writing,
)

posix_only = pytest.mark.skipif(os.name == "nt", reason="Windows keeps permissions and links in another way")


def test_a_file_is_written_with_its_folders(tmp_path: Path) -> None:
    path = write_file(tmp_path / "a" / "b.txt", "Grüße\n")
    assert path.read_bytes() == "Grüße\n".encode()


def test_a_file_is_replaced_whole_and_nothing_else_is_left(tmp_path: Path) -> None:
    path = write_file(tmp_path / "r.json", "old and longer")
    write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize("step", ["open", "fdopen", "fsync", "replace"])
def test_a_fault_before_the_rename_leaves_the_old_file(
    step: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_file(tmp_path / "r.json", "old")

    def fail(*_: object, **__: object) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files.os, step, fail)
    with pytest.raises(AlignError, match=r"r\.json: cannot be written.*\[E-WRITE\]"):
        write_file(path, "new")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_a_write_that_stops_half_way_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "r.json", "old")
    real = os.fdopen

    class Half:
        """A handle whose disk fills up after four bytes."""

        def __init__(self, descriptor: int, mode: str) -> None:
            self.handle = real(descriptor, mode)

        def __enter__(self) -> "Half":
            return self

        def __exit__(self, *_: object) -> None:
            self.handle.close()

        def write(self, data: bytes) -> None:
            self.handle.write(data[:4])
            self.handle.flush()
            raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(files.os, "fdopen", Half)
    with pytest.raises(AlignError, match="the disk is full"):
        write_file(path, "new content")
    monkeypatch.undo()
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@posix_only
def test_a_fault_after_the_rename_leaves_the_new_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_file(tmp_path / "r.json", "old")

    def fail(_: Path) -> None:
        raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(files, "_sync_folder", fail)
    with pytest.raises(AlignError, match="E-WRITE"):
        write_file(path, "new")
    assert path.read_text() == "new"
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


def test_content_reaches_the_disk_before_the_name_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    order: list[str] = []
    sizes: list[int] = []  # what the system has of it when it is told to put it on the disk
    real_fsync, real_replace = os.fsync, os.replace

    def fsync(descriptor: int) -> None:
        order.append("fsync")
        sizes.append(os.fstat(descriptor).st_size)
        real_fsync(descriptor)

    monkeypatch.setattr(files.os, "fsync", fsync)
    monkeypatch.setattr(files.os, "replace", lambda a, b: (order.append("replace"), real_replace(a, b))[1])
    write_file(tmp_path / "r.json", "new")
    assert order[:2] == ["fsync", "replace"] and sizes[0] == len("new")
    assert order[2:] == ([] if os.name == "nt" else ["fsync"])  # the folder


@contextmanager
def nothing_left_open() -> Iterator[None]:
    """Fails where a descriptor stays open."""
    if not (own := Path("/proc/self/fd")).is_dir():
        yield
        return
    before = {*own.iterdir()}
    yield
    assert {*own.iterdir()} <= before


def test_a_writer_that_gives_up_leaves_the_old_file(tmp_path: Path) -> None:
    path = write_file(tmp_path / "r.json", "old")
    with nothing_left_open(), pytest.raises(KeyboardInterrupt), writing(path) as handle:
        handle.write(b"half")
        raise KeyboardInterrupt
    assert path.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["r.json"]


@pytest.mark.parametrize(
    ("code", "what"),
    [
        (errno.ENOSPC, "the disk is full. Make room and run again"),
        (errno.EDQUOT, "the disk is full. Make room and run again"),
        (errno.EACCES, "cannot be written (Permission denied). Check the folder's permissions, or close the file"),
    ],
)
def test_a_disk_that_is_full_is_told_from_a_folder_that_is_closed(
    code: int, what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(files.os, "replace", fail)
    with pytest.raises(AlignError) as refused:
        write_file(tmp_path / "r.json", "new")
    said = str(refused.value)
    assert all(part.casefold() in said.casefold() for part in what.split(". "))


@posix_only
def test_other_files_and_folders_may_be_read_by_others(tmp_path: Path) -> None:
    before = os.umask(0o022)
    try:
        folder = make_folder(tmp_path / "a" / "b")
        assert make_folder(folder) == folder  # once more
        assert stat.S_IMODE(folder.stat().st_mode) == 0o755
        assert stat.S_IMODE(write_file(folder / "a.txt", "x").stat().st_mode) == 0o644
        with writing(folder / "b.txt") as handle:
            handle.write(b"x")
        assert stat.S_IMODE((folder / "b.txt").stat().st_mode) == 0o644
    finally:
        os.umask(before)


@posix_only
def test_private_files_and_folders_are_their_owners_alone(tmp_path: Path) -> None:
    folder = make_folder(tmp_path / "private", private=True)
    path = write_file(folder / "keys.csv", "x", private=True)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AlignError, match=r"taken.*\[E-WRITE\]"):
        make_folder(tmp_path / "taken" / "below")


def test_a_fingerprint_is_that_of_the_content(tmp_path: Path) -> None:
    # FIPS 180-2, appendix B.1: the SHA-256 of "abc"
    path = write_file(tmp_path / "abc", b"abc")
    assert sha256(path) == "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"


def test_a_fingerprint_is_that_of_every_piece(tmp_path: Path) -> None:
    content = os.urandom((1 << 20) + 7) * 2  # more than two of the pieces in which a file is read
    assert sha256(write_file(tmp_path / "large", content)) == hashlib.sha256(content).hexdigest()


# --- copies -----------------------------------------------------------------------------------------------------------


def test_a_copy_has_the_same_content_and_one_that_is_there_is_left(tmp_path: Path) -> None:
    path, target = write_file(tmp_path / "export.csv", b"id\n1\n" * 300_000), tmp_path / "data" / "export.csv"
    with nothing_left_open():
        assert copy_file(path, target) == target
    assert target.read_bytes() == path.read_bytes()
    os.utime(target, (1, 1))
    assert copy_file(path, target) == target and target.stat().st_mtime == 1
    assert copy_file(path, path) == path


def test_another_file_of_that_name_is_never_written_over(tmp_path: Path) -> None:
    path, other = write_file(tmp_path / "export.csv", "new"), write_file(tmp_path / "data" / "export.csv", "old")
    with pytest.raises(AlignError, match=r"another file of that name is there.*\[E-USE\]"):
        copy_file(path, other)
    assert other.read_text() == "old"
    refuse_another(path, tmp_path / "data" / "elsewhere.csv")


def test_what_is_no_readable_file_is_not_copied(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("nothing", "."):
        with pytest.raises(AlignError, match=r"there is no such file.*\[E-OPEN\]"):
            refuse_another(tmp_path / name, tmp_path / "target")
    path = write_file(tmp_path / "shut.csv", "x")

    def refuse(*_: object, **__: object) -> None:
        raise PermissionError(errno.EACCES, "Permission denied")

    monkeypatch.setattr(Path, "open", refuse)  # whoever runs the tests may be allowed everything
    with pytest.raises(AlignError, match=r"cannot be opened.*\[E-OPEN\]"):
        refuse_another(path, tmp_path / "target")


# --- names and folders ------------------------------------------------------------------------------------------------


def test_a_name_is_portable_up_to_200_bytes() -> None:
    assert is_portable("é" * 100) and is_portable("a" * 200)
    assert not is_portable("é" * 100 + "a") and not is_portable("a" * 201)
    assert not any(map(is_portable, ("a\x7f", "a\x1f", " a", "a ", ".a", "nul.txt", "a/b", "a?")))


def test_a_file_in_the_folder_is_found(tmp_path: Path) -> None:
    write_file(tmp_path / "sub" / "a.csv", "x")
    assert inside(tmp_path, "sub/a.csv").read_text() == "x"


@pytest.mark.parametrize("name", ["../a.csv", "sub/../../a.csv", "/etc/hosts"])
def test_a_path_that_leads_out_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(AlignError, match="E-OPEN"):
        inside(tmp_path, name)


@posix_only
def test_a_link_is_refused_even_when_it_points_inside(tmp_path: Path) -> None:
    write_file(tmp_path / "real.csv", "x")
    (tmp_path / "link.csv").symlink_to(tmp_path / "real.csv")
    with pytest.raises(AlignError, match="link"):
        inside(tmp_path, "link.csv")


@posix_only
def test_a_folder_that_is_a_link_out_is_refused(tmp_path: Path) -> None:
    write_file(tmp_path / "outside" / "a.csv", "x")
    root = make_folder(tmp_path / "data")
    (root / "sub").symlink_to(tmp_path / "outside")
    with pytest.raises(AlignError, match="leads out"):
        inside(root, "sub/a.csv")


@posix_only
@pytest.mark.parametrize("name", ["a\0b", "a" * 300, "circle/a"])
def test_what_is_no_name_of_a_file_is_refused(name: str, tmp_path: Path) -> None:
    (tmp_path / "circle").symlink_to(tmp_path / "circle")
    with pytest.raises(AlignError, match="E-OPEN") as refused:
        inside(tmp_path, name)
    assert "a" * 101 not in str(refused.value)


@posix_only
def test_an_ordinary_file_is_opened_and_nothing_else(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write_file(tmp_path / "a.csv", b"id\n")
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "folder").mkdir()
    with nothing_left_open():
        with open_inside(tmp_path, "a.csv") as handle:
            assert handle.read() == b"id\n"
        for name in ("pipe", "folder"):  # a pipe nobody writes to would wait for ever
            with pytest.raises(AlignError, match=r"is no ordinary file.*\[E-OPEN\]"):
                open_inside(tmp_path, name)
        with pytest.raises(AlignError, match=r"cannot be opened \(No such file.*[Cc]heck its permissions.*\[E-OPEN\]"):
            open_inside(tmp_path, "none.csv")
        other = write_file(tmp_path / "b.csv", "other")
        places = iter([tmp_path / "a.csv", other])
        monkeypatch.setattr(files, "inside", lambda *_: next(places))  # exchanged after it was opened
        with pytest.raises(AlignError, match="exchanged just now"):
            open_inside(tmp_path, "a.csv")


@posix_only
def test_a_folder_appears_whole_and_its_folders_are_flushed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_file(tmp_path / "work" / "new" / "a.txt", "x").parent
    flushed: list[tuple[Path, bool]] = []
    target, real = tmp_path / "runs" / "2026" / "one", files._sync_folder
    with nothing_left_open():
        monkeypatch.setattr(files, "_sync_folder", lambda at: (flushed.append((at, target.exists())), real(at))[1])
        assert move_folder(folder, target) == target
    assert (target / "a.txt").read_text() == "x" and not folder.exists()
    # its own entries before the rename, and after it both folders whose entries it changed
    assert flushed == [(folder, False), (target.parent, True), (folder.parent, True)]


def test_a_folder_takes_nobodys_place(tmp_path: Path) -> None:
    folder = write_file(tmp_path / "new" / "a.txt", "new").parent
    target = write_file(tmp_path / "there" / "a.txt", "old").parent
    with pytest.raises(AlignError, match=r"there.*\[E-WRITE\]"):
        move_folder(folder, target)
    assert (target / "a.txt").read_text() == "old" and (folder / "a.txt").read_text() == "new"
    again = write_file(tmp_path / "again" / "a.txt", "x").parent
    assert move_folder(again, tmp_path / "beside").parent == tmp_path  # the folder it goes to may be there


# --- locks ------------------------------------------------------------------------------------------------------------


def test_a_lock_is_held_by_one_and_let_go(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "out" / ".lock"
    with nothing_left_open():
        with locked(path), pytest.raises(AlignError, match=r"another run is working.*\[E-LOCKED\]"), locked(path):
            pytest.fail("two hold one lock")
        with locked(path):
            pass
    if os.name != "nt":
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_a_lock_is_not_waited_for_unless_asked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / ".lock"
    monkeypatch.setattr(files.time, "sleep", lambda _: pytest.fail("it waits"))
    with locked(path), pytest.raises(AlignError, match="E-LOCKED"), locked(path):
        pytest.fail("two hold one lock")


def test_a_lock_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path, held, let_go = tmp_path / ".lock", threading.Event(), threading.Event()
    slept: list[float] = []
    real = time.sleep
    monkeypatch.setattr(files.time, "sleep", lambda seconds: (slept.append(seconds), real(seconds))[1])

    def hold() -> None:
        with locked(path):
            held.set()
            let_go.wait(60)

    other = threading.Thread(target=hold)
    other.start()
    assert held.wait(60)
    with pytest.raises(AlignError, match="E-LOCKED"), locked(path, seconds=0.2):
        pytest.fail("two hold one lock")
    threading.Timer(0.3, let_go.set).start()
    with locked(path, seconds=60):
        assert let_go.is_set()
    other.join()
    assert slept and max(slept) <= 0.1  # neither busy all the time nor late


def test_a_lock_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "taken").write_text("a file")
    with pytest.raises(AlignError, match=r"\[E-WRITE\]"), locked(tmp_path / "taken" / ".lock"):
        pytest.fail("there is no such folder")


def test_a_scratch_folder_is_gone_also_when_it_is_interrupted_while_it_is_tidied_up(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TMPDIR", str(tmp_path))
    monkeypatch.setattr(tempfile, "tempdir", None)
    tidy, once = tempfile.TemporaryDirectory.cleanup, [KeyboardInterrupt]

    def interrupted(folder: Any) -> None:
        if once:
            raise once.pop()
        tidy(folder)

    monkeypatch.setattr(tempfile.TemporaryDirectory, "cleanup", interrupted)
    with pytest.raises(KeyboardInterrupt), files.scratch_folder() as scratch:
        (scratch / "half").touch()
        assert scratch.stat().st_mode & 0o077 == 0
    assert list(tmp_path.iterdir()) == []
