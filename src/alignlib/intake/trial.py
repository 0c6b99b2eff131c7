"""Can a client's Parquet file be read within bounds? Tried in a process of its own, which a crafted file may end."""

import os
import subprocess
import sys

from alignlib.errors import AlignError, Problem

MAX_MEMORY, SECONDS = 6 * 1024**3, 120


def try_parquet(content: bytes, name: str) -> None:
    """Does reading these bytes stay within 6 GB of addresses and two minutes? Raises AlignError (E-CORRUPT) if not.

    Two kilobytes can ask for all of a machine's memory; that a file is damaged otherwise is for the reader to say.
    """
    try:
        call, own = [sys.executable, "-m", "alignlib.intake.trial"], os.environ | {"OPENBLAS_NUM_THREADS": "1"}
        ended = subprocess.run(
            call, input=content, capture_output=True, timeout=SECONDS, check=False, env=own
        ).returncode
    except subprocess.TimeoutExpired:
        ended = 1
    if ended:
        what, fix = "the file cannot be read within the limits of memory and time", "export it again, or as CSV"
        raise AlignError(Problem("E-CORRUPT", what, where=name, fix=fix))


def main() -> None:
    """Does the Parquet file on standard input end this process? The child of ``try_parquet``."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        import resource
    except ImportError:  # Windows has no such limit
        pass
    else:
        resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY, MAX_MEMORY))
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    ended = 0
    try:
        pq.ParquetFile(pa.BufferReader(sys.stdin.buffer.read())).read(use_threads=False)
    except MemoryError:  # Arrow's own, and Python's
        ended = 1
    except (pa.ArrowException, OSError, UnicodeDecodeError):
        pass
    os._exit(ended)  # at once: taking down Arrow's idle threads ends one process in thirty by a signal


if __name__ == "__main__":
    main()
