"""Runs the fuzz targets one after another, two at once if asked, and prints what was seen as a table in Markdown.

The fuzzer is no part of the kit. Fetch it by hand, and leave it out of the environment:

    uv pip install --python .venv/bin/python --target FUZZER atheris==3.0.0
    PYTHONPATH=FUZZER .venv/bin/python tests/fuzz/run.py --seconds 3600 --out FUZZED

``--seconds`` is for all targets together. What it found stays in ``--out``: corpora, which the next run begins with,
and for each fault the input and the traceback. A fault does not stop a target; the end of its process is a fault too.
"""

import argparse
import hashlib
import os
import re
import subprocess
import sys
import time
import traceback
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parent))
# {target: its share of the time}: those that go all the way to typed rows are slow.
SHARES = {"text": 2, "leads": 3, "dates": 1, "numbers": 1, "labels": 1, "yaml": 1, "facts": 2, "headers": 1,
          "mapped": 3, "parquet": 1, "sheets": 2}  # fmt: skip
LONGEST, ONE_RUN, MEMORY_MB = 4_000, 20, 3_000  # bytes of an input; seconds of one execution; of the process
_DONE = re.compile(r"#(\d+)\s+DONE\s+cov: (\d+) ft: (\d+)")
_PULSE = re.compile(r"#(\d+)\s+\w+\s+cov: (\d+) ft: (\d+)")


def fuzz(name: str, out: Path, seconds: int) -> None:
    """One target, in this process, until the time is over."""
    import atheris

    with atheris.instrument_imports(include=["alignlib"]):
        import targets
    from alignlib.intake import read

    read.try_parquet = lambda *_: None  # a process for each input; the limit on memory stands in for it
    target = targets.TARGETS[name]

    def once(data: bytes) -> None:
        try:
            target(data)
        except Exception as error:  # noqa: BLE001  any of them is what is looked for
            last = traceback.extract_tb(error.__traceback__)[-1]
            place = f"{type(error).__name__}-{Path(last.filename).stem}-{last.lineno}"
            if not (fault := out / "faults" / f"{name}-{place}").exists():
                fault.write_bytes(data)
                fault.with_suffix(".txt").write_text(traceback.format_exc(), encoding="utf-8", errors="replace")

    corpus = out / "corpus" / name
    corpus.mkdir(parents=True, exist_ok=True)
    for seed in (*targets.seeds(name), *targets.known_faults(name)):
        (corpus / hashlib.sha256(seed).hexdigest()[:16]).write_bytes(seed)
    flags = [f"-max_total_time={seconds}", f"-max_len={LONGEST}", f"-timeout={ONE_RUN}", f"-rss_limit_mb={MEMORY_MB}",
             f"-artifact_prefix={out / 'faults' / f'{name}-'}"]  # fmt: skip
    atheris.Setup([name, str(corpus), *flags], once)
    try:
        atheris.Fuzz()
    finally:
        targets.forget()


def drive(name: str, out: Path, seconds: float) -> str:
    """Fuzzes one target in processes of its own, begun again when one dies, and gives its line of the table."""
    begun, runs, edges, features, deaths = time.monotonic(), 0, 0, 0, 0
    while (left := int(seconds - (time.monotonic() - begun))) > 1 and deaths < 20:
        call = [sys.executable, __file__, "--target", name, "--out", str(out), "--seconds", str(left)]
        log = out / f"{name}.log"
        with log.open("ab") as handle:
            start = handle.tell()
            code = subprocess.run(call, stdout=handle, stderr=handle, timeout=left + 120, check=False).returncode
        said = log.read_bytes()[start:].decode("utf-8", "replace")
        last = [match for pattern in (_DONE, _PULSE) for match in pattern.finditer(said)][-1:]
        for match in last:
            runs, edges, features = runs + int(match[1]), max(edges, int(match[2])), max(features, int(match[3]))
        deaths += code != 0
    took = time.monotonic() - begun
    faults = len([path for path in (out / "faults").glob(f"{name}-*") if path.suffix != ".txt"])
    kept = len(list((out / "corpus" / name).iterdir()))
    return f"| {name} | {took:.0f} | {runs:,} | {runs / took:,.0f} | {edges:,} | {kept:,} | {faults} | {deaths} |"


def main() -> None:
    given = argparse.ArgumentParser(description="Fuzzes the readers; see the head of this file.")
    given.add_argument("--seconds", type=float, default=540)
    given.add_argument("--out", type=Path, required=True)
    given.add_argument("--only", nargs="*", choices=SHARES, default=[*SHARES])
    given.add_argument("--at-once", type=int, default=1)
    given.add_argument("--target", choices=SHARES, help=argparse.SUPPRESS)
    options = given.parse_args()
    (options.out / "faults").mkdir(parents=True, exist_ok=True)
    if options.target:
        fuzz(options.target, options.out.resolve(), int(options.seconds))
        return
    share = options.seconds * options.at_once / sum(SHARES[name] for name in options.only)
    os.environ["PYTHONWARNINGS"] = "error"
    print("| target | seconds | executions | a second | edges | inputs kept | faults | deaths |")
    print("|---|---|---|---|---|---|---|---|", flush=True)
    with ThreadPoolExecutor(options.at_once) as pool:
        for line in pool.map(lambda name: drive(name, options.out.resolve(), share * SHARES[name]), options.only):
            print(line, flush=True)


if __name__ == "__main__":
    main()
