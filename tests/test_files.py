"""Does a reader find the old file or the new one, never a part, and never a file outside its folder?"""

import errno
import os
import stat
from pathlib import Path

import pytest

from alignlib import files
from alignlib.errors import AlignError
from alignlib.files import inside, make_folder, sha256, write_file

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
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(files.os, "fsync", lambda fd: (order.append("fsync"), real_fsync(fd))[1])
    monkeypatch.setattr(files.os, "replace", lambda a, b: (order.append("replace"), real_replace(a, b))[1])
    write_file(tmp_path / "r.json", "new")
    assert order[:2] == ["fsync", "replace"]
    assert order[2:] == ([] if os.name == "nt" else ["fsync"])  # the folder


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
