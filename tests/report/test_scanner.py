"""Do both scanners, that of the product and that of the tests, find what is hidden in a file, and nothing else?"""

import re
from pathlib import Path

import pytest
import seeds
from sample_record import sample_record
from scanner import hits
from seeds import SEED, SEEDS

from alignlib.errors import AlignError
from alignlib.report import file_name, leaks, make
from alignlib.result import to_json

# written in another encoding, or cut where no renderer cuts a word: the scanner of the tests looks there too
_BEYOND = {"page, over several lines", "page, as data", "page, in hexadecimal", "page, in UTF-16", "compressed"}
_UNNAMED = {"workbook, in a hidden sheet", "archive, as a name"}  # names that hold no slash, and end like a file's
_PLANTED = {
    "the value of API_TOKEN": "tok-9f8e7d6c5b",
    "an e-mail address of the client's files": "jo.doe@leak.example",
    "this computer's name": "desktop-8h2k3l",
    "the home folder": "/home/kimlee",
    "a folder of this audit": "/srv/clients/northwind",
    "the user's name": "/mnt/c/users/kimlee",
}
_MACHINE = {"HOME": "/home/kimlee", "USER": "kimlee", "API_TOKEN": "tok-9f8e7d6c5b", "PAGER": "less"}
_SOUGHT = leaks.sought([Path("/srv/clients/northwind")], "Northwind", _MACHINE, "desktop-8h2k3l")


def found(name: str, content: bytes | str) -> set[str]:
    return {what for what, _ in leaks.leaks(name, content, _SOUGHT, {"jo.doe@leak.example"})}


@pytest.fixture(scope="module")
def clean() -> dict[str, bytes | str]:
    """Every format of a record, made for nobody in particular."""
    record = sample_record()
    return make(record)[0] | {"results.json": to_json(record)}


def test_the_scanner_finds_every_seed() -> None:
    assert len(SEEDS) >= 30
    assert [place for place, seeded in SEEDS.items() if not hits("file", seeded(), [SEED])] == []


def test_the_scanner_finds_nothing_where_nothing_is() -> None:
    clean = [make(sample_record(), [kind])[0][file_name(kind)] for kind in ("html", "pptx", "xlsx")]
    assert [hits("file", each.encode() if isinstance(each, str) else each, [SEED]) for each in clean] == [set()] * 3


@pytest.mark.parametrize("what", _PLANTED)
def test_S32_a_leak_is_found_wherever_a_file_may_hold_it(what: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(seeds, "SEED", _PLANTED[what])
    left_out = _BEYOND | (_UNNAMED if re.search("[/@]", _PLANTED[what]) else set())
    places = {place: seeded for place, seeded in SEEDS.items() if place not in left_out}
    assert len(places) >= 34
    assert [place for place, seeded in places.items() if what not in found("file", seeded())] == []


@pytest.mark.parametrize("what", _PLANTED)
def test_S32_a_leak_in_what_a_report_prints_is_found_in_every_format(what: str) -> None:
    record = sample_record().model_copy(update={"client": f"Nørthwind Ж, by {_PLANTED[what]} of Leeds"})
    made, problems = make(record)
    assert problems == []
    files = made | {"results.json": to_json(record)}
    assert [name for name, content in files.items() if what not in found(name, content)] == []


def test_S32_words_of_a_pdf_are_read_by_the_tables_of_its_fonts(clean: dict[str, bytes | str]) -> None:
    from io import BytesIO

    from pypdf import PdfReader

    content = clean["report.pdf"]
    assert isinstance(content, bytes)
    by_pypdf = " ".join(page.extract_text() for page in PdfReader(BytesIO(content)).pages)
    words = set(re.findall(r"(?<![\w%])[A-Z]?[a-z]{4,}(?![\w])", by_pypdf))
    said = " ".join(text for _, text in leaks.texts("report.pdf", content))
    assert len(words) > 300 and {word for word in words if word not in said} <= {"judgednot", "withheldwithheld"}


_SAID = """Root, root/cause, /root, /app/pricing, /a/b, and/or, Sales/Marketing; the marketing@ box, users root;
https://sales.example/x, https://firm.example/srv/clients/northwind/x; 20260331, 2026-03-31, 1,234,567, key-account,
Northwind 2026 Q1, Handed over, accepted, report, @media print"""


@pytest.mark.parametrize(
    ("environment", "host", "folder"),
    [
        ({"HOME": "/root", "USER": "root", "LOGNAME": "Northwind"}, "northwind", "/work"),
        ({"HOME": "/", "USER": "sales"}, "marketing", "/"),
        ({"HOME": "", "USER": "", "API_KEY": "", "A_TOKEN": "short-1"}, "", "/"),
        (
            {"KEYBOARD": "marketing", "TOKEN_TYPE": "key-account", "SECRET": "20260331", "A_KEY": "2026-03-31"},
            "s",
            "/a",
        ),
        ({"DB_PASSWORD": "alignlib", "KEYMAP": "Handed over", "KEY": "1,234,567"}, "localhost", "/app"),
        ({"USER": "accepted", "HOME": "/home/accepted", "CLIENT_KEY": "Northwind 2026 Q1"}, "report", "/home"),
    ],
)
def test_S32_ordinary_words_stop_no_audit(
    clean: dict[str, bytes | str], environment: dict[str, str], host: str, folder: str
) -> None:
    words = leaks.sought([Path(folder)], "Northwind 2026 Q1", environment, host)
    for name, content in (clean | {"said.html": f"<p>{_SAID}</p>"}).items():
        assert list(leaks.leaks(name, content, words)) == [], name


@pytest.mark.parametrize(
    "said",
    ["data:image/png;base64,abc=d", "data:image/png;base64,UEsDBAAA", "&#xfffffff; \\\\ud800 %ff", "\\N \\x (("],
)
def test_S32_no_text_ends_the_search(said: str) -> None:
    made, _ = make(sample_record().model_copy(update={"client": f"{said} {_PLANTED['the home folder']}"}))
    assert [name for name, content in made.items() if "the home folder" not in found(name, content)] == []


@pytest.mark.parametrize(
    "said",
    ["desktop-8h2k3l-b", "my-desktop-8h2k3l", "/home/kimleeson", "/shop/srv/clients/northwind", "tok-9f8e7d6c",
     "/srv/clients/northwind2", "kim.lee@leak.example", "jo.doe@leak.example.com", "Kimlee", "/users/kimlee-2"],
)  # fmt: skip
def test_S32_what_only_begins_or_ends_alike_is_no_leak(said: str) -> None:
    assert found("a.json", f'{{"label": "by {said} of Leeds"}}') == set()


def test_S32_a_refusal_names_places_and_never_what_stands_there(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("API_TOKEN", _PLANTED["the value of API_TOKEN"])
    monkeypatch.setattr(seeds, "SEED", _PLANTED["the value of API_TOKEN"])
    deck = SEEDS["deck, as who changed it last"]()
    with pytest.raises(AlignError) as refused:
        leaks.refuse({"report.pptx": deck, "results.json": "{}"}, [Path("/srv/clients/northwind")], "Northwind")
    (problem,) = refused.value.problems
    assert (problem.code, problem.where) == ("E-LEAK", "report.pptx, docProps/core.xml")
    assert "API_TOKEN" in problem.what and "9f8e" not in str(problem)
