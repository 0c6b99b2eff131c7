"""Are all formats made of one document, does one that fails leave the rest alone, do editions tell nothing new?"""

import re
import sys
from html.parser import HTMLParser
from types import ModuleType, SimpleNamespace
from typing import Any

import pytest
from sample_record import sample_record

from alignlib import report
from alignlib.errors import AlignError, Problem
from alignlib.report.brand import PLAIN, Brand
from alignlib.report.document import AUDIENCES, Document, build


class PanicException(BaseException):
    """As a fault in Rust reaches Python: no Exception."""


def fakes(monkeypatch: pytest.MonkeyPatch, **renderers: Any) -> list[tuple[str, Document, Brand, dict[str, Any]]]:
    """Puts renderers in the place of the real ones, and notes how each is called."""
    calls: list[tuple[str, Document, Brand, dict[str, Any]]] = []

    def render(kind: str, document: Document, brand: Brand, **extra: Any) -> str:
        calls.append((kind, document, brand, extra))
        if isinstance(renderers.get(kind), BaseException):
            raise renderers[kind]
        return f"<{kind}>"

    for kind in report.FORMATS:
        module: Any = ModuleType(kind)
        module.render = lambda document, brand, kind=kind, **extra: render(kind, document, brand, **extra)
        monkeypatch.setitem(sys.modules, f"alignlib.report.{kind}", module)
    return calls


def test_all_formats_are_made_of_one_document(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fakes(monkeypatch)
    made, problems = report.make(sample_record(), brand=Brand(name="Firm"), template=b"pptx")
    assert made == {f"report.{kind}": f"<{kind}>" for kind in report.FORMATS} and problems == []
    assert len({id(document) for _, document, *_ in calls}) == 1 and {call[2].name for call in calls} == {"Firm"}
    assert {call[0]: call[3] for call in calls if call[3]} == {"pptx": {"template": b"pptx"}}


def test_only_what_is_asked_for_is_made_and_named_after_its_reader(monkeypatch: pytest.MonkeyPatch) -> None:
    calls = fakes(monkeypatch)
    made, _ = report.make(sample_record(), ["pdf", "xlsx"], "board")
    assert list(made) == ["report-board.pdf", "report-board.xlsx"]
    assert calls[0][1].audience == "board" and calls[0][2] == PLAIN


@pytest.mark.parametrize(
    ("fault", "code", "told"),
    [
        (ValueError("/home of jane@example.com"), "E-MAKE", "the PDF could not be made (ValueError)"),
        (MemoryError(), "E-MAKE", "the PDF could not be made (MemoryError)"),
        (PanicException("index out of bounds"), "E-MAKE", "(PanicException)"),
        (AlignError(Problem("E-TEMPLATE", "it has no layout", fix="choose another")), "E-TEMPLATE", "has no layout"),
    ],
)  # fmt: skip
def test_a_format_that_fails_is_told_and_leaves_the_others_alone(
    fault: BaseException, code: str, told: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    fakes(monkeypatch, pdf=fault)
    made, (problem,) = report.make(sample_record())
    assert list(made) == ["report.html", "report.pptx", "report.xlsx"]
    assert problem.code == code and told in problem.what and problem.fix and "jane" not in str(problem)


def test_a_library_that_is_missing_is_told_as_well(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes(monkeypatch)
    monkeypatch.setitem(sys.modules, "alignlib.report.pptx", None)  # an import of it fails
    made, (problem,) = report.make(sample_record())
    assert "report.pptx" not in made and len(made) == 3 and "the PPTX could not be made" in problem.what


def test_stopping_by_hand_stops_everything(monkeypatch: pytest.MonkeyPatch) -> None:
    fakes(monkeypatch, html=KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        report.make(sample_record())


def test_the_real_renderers_take_a_brand_and_every_audience() -> None:
    starts = {"html": b"<!doctype html>", "pdf": b"%PDF-", "pptx": b"PK", "xlsx": b"PK"}
    brand = Brand(name="Weber & Söhne", sales="#0B5D3B", marketing="#7B2D8B", paper="letter")
    for audience in ("client", "board"):
        made, problems = report.make(sample_record(), audience=audience, brand=brand)
        assert problems == [] and list(made) == [report.file_name(kind, audience) for kind in report.FORMATS]
        for kind, content in zip(report.FORMATS, made.values(), strict=True):
            start = content.encode() if isinstance(content, str) else content
            assert start.lower().startswith(starts[kind].lower()), kind


# --- editions ---------------------------------------------------------------------------------------------------------


class Told(HTMLParser):
    """Each run of text on a page that holds a figure, outside styles."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(re.sub(r"(?s)<style.*?</style>", "", page))

    def handle_data(self, data: str) -> None:
        if re.search(r"\d", data):
            self.found.add(" ".join(data.split()))


def figures(document: Document) -> set[str]:
    """Every text of a document that holds a figure: of findings, tables, gaps, notes."""
    found: set[str] = set()

    def walk(value: Any) -> None:
        if isinstance(value, str):
            found.add(value) if re.search(r"\d", value) else None
        elif isinstance(value, dict):
            walk([*value, *value.values()])
        elif isinstance(value, list | tuple | set | frozenset):
            for each in value:
                walk(each)
        elif hasattr(value, "model_dump"):
            walk(value.model_dump())
        elif value is not None and not isinstance(value, bool):
            found.add(repr(value))

    kept = document._replace(record=None, audience="", left_out="", contents={})  # type: ignore[arg-type]
    walk(kept._replace(figures=tuple(figure._replace(number="") for figure in document.figures)))
    return found


@pytest.mark.parametrize("audience", [name for name in AUDIENCES if name != "client"])
def test_every_figure_of_an_edition_is_in_the_clients_report(audience: str) -> None:
    whole, edition = (build(sample_record(), name) for name in ("client", audience))
    assert len(figures(edition)) > 100 and figures(edition) - figures(whole) == set()
    assert len(figures(edition)) < len(figures(whole)) and edition.left_out
    shown, known = (Told(str(report.make(sample_record(), ["html"], name)[0].popitem()[1])).found
                    for name in (audience, "client"))  # fmt: skip
    head = re.compile(r"^\d+(\.\d+)?( · | (?=[A-Z])|$)")  # an edition counts its own sections
    new = {text for text in shown - known if re.search(r"\d", head.sub("", text)) and text != edition.left_out}
    assert len(shown) > 50 and new == set()


def test_a_figure_that_only_an_edition_held_would_be_noticed() -> None:
    whole, edition = build(sample_record()), build(sample_record(), "board")
    changed = edition._replace(top=(SimpleNamespace(model_dump=lambda: {"value": 0.123456}),))  # type: ignore[arg-type]
    assert figures(changed) - figures(whole) == {"0.123456"}
