"""Can a client's Parquet file be read within bounds? Tried in a process of its own, which a crafted file may end."""

import os
import subprocess
import sys
from pathlib import Path

from alignlib.errors import AlignError, Problem

MAX_MEMORY, SECONDS = 6 * 1024**3, 120
_THREADS = Path("/proc/self/task")


def try_parquet(content: bytes, name: str) -> None:
    """Does reading these bytes stay within 6 GB of addresses and two minutes? Raises AlignError (E-CORRUPT) if not.

    Two kilobytes can ask for all of a machine's memory; that a file is damaged otherwise is for the reader to say.
    """
    # one thread alone can be forked without harm, and a fork has imported all that takes a new process its time
    is_alone = _THREADS.is_dir() and len(list(_THREADS.iterdir())) == 1
    if (_forked if is_alone else _called)(content):
        what, fix = "the file cannot be read within the limits of memory and time", "export it again, or as CSV"
        raise AlignError(Problem("E-CORRUPT", what, where=name, fix=fix))


def _forked(content: bytes) -> int | None:
    import multiprocessing

    child = multiprocessing.get_context("fork").Process(target=_try, args=(content,))
    child.start()
    child.join(SECONDS)
    if child.is_alive():
        child.kill()
        child.join()
    return child.exitcode


def _called(content: bytes) -> int:
    call, own = [sys.executable, "-m", "alignlib.intake.trial"], os.environ | {"OPENBLAS_NUM_THREADS": "1"}
    try:
        return subprocess.run(
            call, input=content, capture_output=True, timeout=SECONDS, check=False, env=own
        ).returncode
    except subprocess.TimeoutExpired:
        return 1


def _try(content: bytes) -> None:
    """Does this Parquet file end this process? It ends in any case: with 1 where the memory did not suffice."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    bound(MAX_MEMORY)
    ended = 0
    try:
        pq.ParquetFile(pa.BufferReader(content)).read(use_threads=False)
    except MemoryError:  # Arrow's own, and Python's
        ended = 1
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        pass
    os._exit(ended)  # at once: taking down Arrow's idle threads ends one process in thirty by a signal


def bound(memory: int, opens_files: bool = True) -> None:
    """What may this process do from now on? Take no more memory than that, leave no core file, open no file if said."""
    try:
        import resource
    except ImportError:  # Windows has no such limits; the checks of sizes still stand
        return
    limits = {resource.RLIMIT_AS: memory, resource.RLIMIT_CORE: 0}
    limits |= {} if opens_files else {resource.RLIMIT_NOFILE: 0}
    for limit, most in limits.items():
        hard = resource.getrlimit(limit)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)  # only root may raise what is bound already
        resource.setrlimit(limit, (most, most))


if __name__ == "__main__":
    _try(sys.stdin.buffer.read())
