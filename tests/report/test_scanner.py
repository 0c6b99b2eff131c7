"""Does the scanner find what is hidden in a file, wherever it hides, and nothing else?"""

from sample_record import sample_record
from scanner import hits
from seeds import SEED, SEEDS

from alignlib.report import file_name, make


def test_the_scanner_finds_every_seed() -> None:
    assert len(SEEDS) >= 30
    assert [place for place, seeded in SEEDS.items() if not hits("file", seeded(), [SEED])] == []


def test_the_scanner_finds_nothing_where_nothing_is() -> None:
    clean = [make(sample_record(), [kind])[0][file_name(kind)] for kind in ("html", "pptx", "xlsx")]
    assert [hits("file", each.encode() if isinstance(each, str) else each, [SEED]) for each in clean] == [set()] * 3
