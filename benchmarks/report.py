"""What do the four renderings of one audit cost: HTML, PDF, PPTX and XLSX of the sample company, once imported?

Run: python benchmarks/report.py [RECORD] [--runs 5]. Without a results.json it audits the sample company first, outside
the clock. Prints medians of CPU seconds of this process with its threads and of every process it started and waited
for, imports and one warm-up left out, and the size of each file. Target: all four under 2 s. Nothing is written but to
a temporary folder.
"""

import argparse
import itertools
import platform
import resource
import statistics
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path

from alignlib.report import document, html, pdf, pptx, xlsx
from alignlib.result import Record, read_record

TARGET = 2.0


def sample() -> Record:
    """The record of the sample company, audited now."""
    from alignlib.pipeline import run_audit
    from alignlib.samples import write_sample

    with tempfile.TemporaryDirectory() as made:
        run_audit(write_sample(Path(made) / "sample"), Path(made) / "run", lambda *said: None)
        return read_record(Path(made) / "run" / "results.json")


def cpu_seconds() -> float:
    """How much CPU time has this process taken, with its threads and its ended children?"""
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(each.ru_utime + each.ru_stime for each in used)


def measured(work: Callable[[document.Document], int], clients: Iterable[document.Document]) -> tuple[float, int]:
    """The median CPU seconds of one run a client after one to warm up, and the bytes that came of the last.

    Each is of another name: the typesetter remembers what it set before, and a batch never sets one report twice.
    """
    first, *others = clients
    size, taken = work(first), []
    for each in others:
        start = cpu_seconds()
        size = work(each)
        taken.append(cpu_seconds() - start)
    return statistics.median(taken), size


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("record", type=Path, nargs="?")
    parser.add_argument("--runs", type=int, default=5)
    given = parser.parse_args()
    record = read_record(given.record) if given.record else sample()
    counter = itertools.count(1)

    def clients() -> list[document.Document]:
        named = (record.model_copy(update={"client": f"Company {next(counter)}"}) for _ in range(given.runs + 1))
        return [document.build(each) for each in named]

    work: dict[str, Callable[[document.Document], int]] = {
        "document": lambda told: 0 * len(document.build(told.record).figures),  # no file
        "html": lambda told: len(html.render(told).encode()),
        "pdf": lambda told: len(pdf.render(told)),
        "pptx": lambda told: len(pptx.render(told)),
        "xlsx": lambda told: len(xlsx.render(told)),
    }
    work["all four, with the document"] = lambda told: sum(each(told) for each in list(work.values())[:5])
    built = document.build(record)
    print(f"{platform.machine()}, {platform.system()}, Python {platform.python_version()}, {given.runs} runs, medians")
    print(f"{len(built.figures)} exhibits, {sum(len(f.exhibit.rows) for f in built.figures):,} rows; target {TARGET} s")
    for name, make in work.items():
        seconds, size = measured(make, clients())
        print(f"{name:30}{seconds:8.3f} s CPU{size / 1e6:10.2f} MB", flush=True)


if __name__ == "__main__":
    main()
