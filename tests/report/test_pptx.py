"""The deck as a file: re-opened with an independent reader; its charts native, its words the document's."""

import io
import re
import zipfile
from typing import Any

import openpyxl
import pytest
from pptx import Presentation
from pptx.oxml import parse_xml
from sample_record import AGE, DUMBBELL, GUESSES, LEAKS, TOUCH, UNUSED, WATERFALL, every_exhibit, sample_record

from alignlib import charts
from alignlib.charts.canvas import MARKETING, SALES
from alignlib.charts.tables import headed, interval_of, number, table
from alignlib.errors import AlignError
from alignlib.report import native, pptx
from alignlib.report.brand import Brand
from alignlib.report.document import Document, build
from alignlib.report.firm import plain
from alignlib.report.lanes import Look
from alignlib.report.plots import Plot, chart_xml
from alignlib.resources import resource
from alignlib.result import Exhibit, Result

LOOK = Look("#14497F", "#9C5A00", "EUR", 580, 330, "2026-04-30")
_C = "{http://schemas.openxmlformats.org/drawingml/2006/chart}"
FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "=cmd|' /C calc'!A0", "\t=1", '=HYPERLINK("http://x")']


@pytest.fixture(scope="module")
def document() -> Document:
    return build(sample_record())


@pytest.fixture(scope="module")
def made(document: Document) -> bytes:
    return pptx.render(document)


@pytest.fixture(scope="module")
def deck(made: bytes) -> Any:
    return Presentation(io.BytesIO(made))


def template(names: tuple[str, ...] = ("Title Slide", "Title Only"), mark: str = "") -> bytes:
    """A firm's template: the library's own, its layouts renamed, with a slide that bears a mark."""
    firm = Presentation()
    for layout, name in zip(list(firm.slide_layouts), (names[0], *"BCDE", names[1], *"GHIJK"), strict=True):
        layout._element.cSld.set("name", name)
    if mark:
        firm.slides.add_slide(firm.slide_layouts[0]).shapes.title.text = mark
        firm.core_properties.author = firm.core_properties.last_modified_by = mark
    file = io.BytesIO()
    firm.save(file)
    return file.getvalue()


def changed(data: bytes, **members: bytes) -> bytes:
    """The same zip with members added or replaced."""
    file = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(data)) as old, zipfile.ZipFile(file, "w") as new:
        for name in old.namelist():
            new.writestr(name, members.pop(name, old.read(name)))
        for name, content in members.items():
            new.writestr(name, content)
    return file.getvalue()


def plotted(exhibit: Exhibit) -> Plot:
    return native.plot(exhibit, table(exhibit, "EUR"), LOOK)


def said(plot: Plot) -> list[str]:
    return [label.text for series in plot.series for _, label in series.labels]


def texts(deck: Any) -> str:
    found = []
    for slide in deck.slides:
        for shape in slide.shapes:
            found += [cell.text for row in shape.table.rows for cell in row.cells] if shape.has_table else []
            found += [shape.text_frame.text] if shape.has_text_frame else []
    return "\n".join(found)


def drawn(deck: Any) -> dict[str, Any]:
    return {shape.name: shape.chart for slide in deck.slides for shape in slide.shapes if shape.has_chart}


def workbooks(data: bytes) -> list[Any]:
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        named = [name for name in file.namelist() if name.endswith(".xlsx")]
        return [openpyxl.load_workbook(io.BytesIO(file.read(name))) for name in named]


def test_the_deck_opens_with_a_title_first_on_every_slide(deck: Any) -> None:
    assert 12 <= len(deck.slides) <= 18
    for slide in deck.slides:
        assert slide.shapes.title is not None and slide.shapes.title.text_frame.text.strip()
        assert slide.shapes[0].shape_id == slide.shapes.title.shape_id


def test_every_slide_has_notes_and_all_but_the_cover_a_number_and_a_footer(deck: Any) -> None:
    for n, slide in enumerate(deck.slides):
        assert slide.has_notes_slide and slide.notes_slide.notes_text_frame.text.strip()
        kinds = slide._element.xpath(".//p:ph/@type")
        assert n == 0 or ("sldNum" in kinds and "ftr" in kinds and slide._element.xpath(".//a:fld[@type='slidenum']"))


def test_findings_and_details_on_the_slides_are_those_of_the_document(document: Document, deck: Any) -> None:
    told = texts(deck)
    for item in document.top:
        assert item.finding.title in told and item.finding.detail in told
    assert document.audit.headline in told and document.record.client in told


def test_charts_are_native_and_hold_the_exhibits_own_values(document: Document, deck: Any) -> None:
    found = drawn(deck)
    assert {"funnel.touch", "funnel.leaks", "content.unused", "content.focus", "audit.guesses"} <= set(found)
    leaks = next(figure.exhibit for figure in document.figures if figure.exhibit.key == "funnel.leaks")
    assert list(found["funnel.leaks"].plots[0].series[0].values) == [row["n"] for row in leaks.rows]
    sales = next(series for series in found["audit.guesses"].plots[0].series if series.name == "Sales")
    xs = [float(v.text) for v in sales._element.iterfind(f"{_C}xVal//{_C}v")]
    assert xs == [row["sales"] for row in GUESSES.rows if row["sales"] is not None]


def test_every_chart_shape_becomes_xml_that_opens_and_bars_start_at_zero(document: Document) -> None:
    seen = set()
    for figure in (figure for figure in document.figures if native.is_charted(figure.exhibit)):
        plot = native.plot(figure.exhibit, figure.table, LOOK)
        root = parse_xml(plot.xml_bytes(None))
        seen.add(figure.exhibit.shape)
        if plot.names:
            assert [float(each.get("val")) for each in root.iter(f"{_C}min")] == [0]
    assert {"dumbbell", "paired", "intervals", "bars", "stack", "waterfall", "curve"} == seen


def test_every_sheet_holds_the_rows_of_its_exhibit_column_by_column(planted: tuple[Any, dict[str, Result]]) -> None:
    exhibits = [*every_exhibit(sample_record()), *(e for result in planted[1].values() for e in result.exhibits)]
    charted = [exhibit for exhibit in exhibits if native.is_charted(exhibit)]
    assert len(charted) > 40
    for exhibit in charted:
        plot = plotted(exhibit)
        for name, values in expected(exhibit, plot).items():
            held = list(plot.sheet[name])
            assert held[: len(values)] == pytest.approx(values), (exhibit.key, name)
            assert not [value for value in held[len(values) :] if value is not None], (exhibit.key, name)


def expected(e: Exhibit, plot: Plot) -> dict[str, list[Any]]:
    """Which figures must each column of a sheet hold: the exhibit's own, money in its currency, points of 100?"""
    columns = {column.name: column for column in e.columns}
    rows = e.rows if e.shape == "curve" else e.rows[:18]
    scales = {"money": 0.01, "pp": 100}

    def of(name: str) -> list[float | None]:
        scale = scales.get(columns[name].unit, 1)
        return [None if (v := number(row, name)) is None else v * scale for row in rows]

    if e.shape == "bars":
        return {headed(columns["value"]): of("value")}
    if e.shape == "stack":
        return {headed(columns["n"]): of("n")}
    if e.shape == "waterfall":
        parts = {"Leaked": of("leaked"), "Decided": of("decided"), "Still open": of("open")}
        gone = [sum(v or 0 for v in each) for each in zip(*parts.values(), strict=True)]
        return parts | {"Went on, or there now": [(n or 0) - g for n, g in zip(of("n"), gone, strict=True)]}
    found: dict[str, list[Any]] = {}
    if e.shape == "curve":
        for name in {str(row["label"]) for row in rows}:
            known = [row for row in rows if row["label"] == name and row["share"] is not None]
            found |= {name: [row["share"] for row in known], f"{name}, days": [row["day"] for row in known]}
            ends = [[row["low"], row["high"], None] for row in known if None not in (row["low"], row["high"])]
            found |= {f"{name}, interval, place": [end for row in ends for end in row]} if ends else {}
        return found
    left, right = float(plot.sheet["Left"][0] or 0), float(plot.sheet["Right"][0] or 0)
    heads = {"sales": "Sales", "marketing": "Marketing", "sales_guess": "Sales, as expected by the other team",
             "marketing_guess": "Marketing, as expected by the other team"}  # fmt: skip
    heads = {} if e.shape == "intervals" else heads
    heads |= {"value": headed(columns["value"])} if "value" in columns else {}
    for name, head in heads.items():
        if name in columns:
            found[head] = of(name)
            both = [of(end) if end in columns else [None] * len(rows) for end in interval_of(name, e)]
            ends = [[min(max(end, left), right) for end in (value if low is None else low, high)]
                    for value, low, high in zip(of(name), *both, strict=True)
                    if value is not None and high is not None] if both else []  # fmt: skip
            found |= {f"{head}, interval": [at for low, high in ends for at in (low, high, high)]} if ends else {}
    return found


def test_a_workbook_and_a_charts_own_copy_hold_the_sheet() -> None:
    for exhibit in (GUESSES, WATERFALL, UNUSED, TOUCH):
        plot = plotted(exhibit)
        sheet = openpyxl.load_workbook(io.BytesIO(plot.xlsx_blob)).active
        held = {column[0].value: [cell.value for cell in column[1:]] for column in sheet.columns}
        assert held == {name: pytest.approx(list(values)) for name, values in plot.sheet.items()}
        root = parse_xml(chart_xml(plot).encode())
        for series, xml in zip(plot.series, root.iter(f"{_C}ser"), strict=True):
            values = [float(v.text) for v in xml.iterfind(f"{_C}{'val' if plot.names else 'yVal'}//{_C}v")]
            assert values == pytest.approx([v for v in plot.sheet[series.y] if v is not None])


def test_a_range_has_arrow_heads_and_says_what_it_is() -> None:
    notes = ("bounds, not an interval: none", "46 to 69\u00a0%, by the rule alone", None, "range over five rules")
    rows = [UNUSED.rows[0] | {"value": None, "low": 0.2, "high": 0.6, "note": note} for note in notes]
    rows[1]["label"] = "Range over the five rules"
    plot = plotted(UNUSED.model_copy(update={"rows": rows}))
    ranges = [series for series in plot.series if series.line and series.line.has_heads]
    assert [series.labels[0][1].text for series in ranges] == [
        "bounds", "range over rules", "bounds", "range over five rules"]  # fmt: skip
    assert all(plot.sheet[series.x][:2] == [0.2, 0.6] for series in ranges)
    assert chart_xml(plot).count('<a:headEnd type="arrow"/><a:tailEnd type="arrow"/>') == 4


def test_what_is_still_open_is_hatched_and_what_leaked_says_so() -> None:
    for exhibit in (WATERFALL, LEAKS):
        assert chart_xml(plotted(exhibit)).count("<a:pattFill") == 1
        assert any("leaked" in text for text in said(plotted(exhibit)))


@pytest.mark.parametrize("exhibit", [AGE, UNUSED])
@pytest.mark.parametrize("note", [None, "not recorded"])
def test_a_missing_figure_is_said_and_never_a_zero(exhibit: Exhibit, note: str | None) -> None:
    gone = {column.name: None for column in exhibit.columns if column.name != "label"}
    rows = [exhibit.rows[0] | gone | {"note": note}, *exhibit.rows[1:]]
    plot = plotted(exhibit.model_copy(update={"rows": rows}))
    told = [str(value) for values in plot.sheet.values() for value in values if isinstance(value, str)] + said(plot)
    words = note or ("not judged" if exhibit is UNUSED else "withheld")
    assert [text for text in told if words in text] and not [text for text in told if re.search(r"(^|: )0\b", text)]
    y = next(values for head, values in plot.sheet.items() if head in ("Assets", "Unused"))
    assert y[0] is None


def test_both_teams_are_said_to_be_withheld_where_only_the_data_speak() -> None:
    rows = [row | {"sales": None, "marketing": None} for row in GUESSES.rows[:1]]
    told = said(plotted(GUESSES.model_copy(update={"rows": rows})))
    assert {"Sales: withheld", "Marketing: withheld"} <= set(told)


def test_nothing_but_zeros_still_makes_a_chart() -> None:
    numbers = {column.name for column in WATERFALL.columns if column.unit != "text"} | {"value"}
    for exhibit in (WATERFALL, AGE):
        rows = [row | dict.fromkeys(numbers & set(row), 0) for row in exhibit.rows]
        assert parse_xml(chart_xml(plotted(exhibit.model_copy(update={"rows": rows}))).encode()) is not None


def cells_of(deck: Any, head: str) -> list[tuple[str, ...]]:
    """The cells of every table whose first column bears this head, without the head."""
    tables = [shape.table for slide in deck.slides for shape in slide.shapes if shape.has_table]
    return [tuple(cell.text for cell in row.cells) for table in tables if table.cell(0, 0).text == head
            for row in list(table.rows)[1:]]  # fmt: skip


def test_the_cells_of_the_docket_are_the_documents_entries_column_by_column(document: Document, deck: Any) -> None:
    entries = next(figure.docket for figure in document.figures if figure.docket)
    rows = cells_of(deck, "Case")
    assert len(rows) == len(entries) > 10
    for entry, cells in zip(entries, rows, strict=True):
        sales, marketing = entry.lanes
        assert (sales.team, marketing.team) == ("sales", "marketing")
        assert cells[:4] == (entry.label, f"{entry.says}: “{entry.complaint}”", sales.text, marketing.text)
        assert cells[4] == f"{entry.evidence} {entry.ends}".strip()
        assert cells[5] == f"{entry.verdict}\n{entry.note}".strip()
        assert cells[6].startswith(f"{entry.play.id} " if entry.play else "") and bool(cells[6]) == bool(entry.play)


def test_the_cells_of_the_conversations_are_the_documents_column_by_column(document: Document, deck: Any) -> None:
    told = next(figure.conversations for figure in document.figures if figure.conversations)
    for each, cells in zip(told, cells_of(deck, "Conversation"), strict=True):
        assert cells[0].startswith(f"{each.label} {each.name}")
        assert cells[1:3] == tuple(lane.text for lane in each.said) and [lane.team for lane in each.said] == [
            "sales", "marketing"]  # fmt: skip
        assert cells[3].split("\n")[0] == (each.supplied or "not recorded")
        assert cells[4].split("\n")[0] == (each.happened or "not recorded")
        assert cells[5:] == (each.level.capitalize(), each.reading)


def test_an_interval_is_drawn_for_every_row_that_has_one() -> None:
    plot = native.plot(GUESSES, table(GUESSES, "EUR"), LOOK)
    ends = [x for x in plot.sheet["Sales, interval"] if x is not None]
    assert ends[:3] == [0.74, 0.9, 0.9] and len(ends) == 3 * sum(row["sales_low"] is not None for row in GUESSES.rows)
    marks = {series.name: series.mark for series in plot.series}
    assert marks["Sales"] == "circle" and marks["Marketing"] == "diamond"


def test_what_the_other_team_expects_is_pale_with_an_edge_in_the_teams_colour() -> None:
    rows = [row | {"sales_guess": 0.5} for row in GUESSES.rows]
    column = next(c for c in GUESSES.columns if c.name == "sales").model_copy(update={"name": "sales_guess"})
    exhibit = GUESSES.model_copy(update={"rows": rows, "columns": [*GUESSES.columns, column]})
    marker = chart_xml(plotted(exhibit)).split("<c:marker>")
    assert [each for each in marker if '"B8C8D8"' in each and '"14497F"' in each]
    assert native.told_below(exhibit).endswith("Hollow or pale: what the other team expects it to answer.")


def test_an_expectation_that_is_withheld_is_said_beside_the_teams_own_answer() -> None:
    rows = [row | {"sales_guess": None if i else 2.0} for i, row in enumerate(DUMBBELL.rows[:3])]
    column = DUMBBELL.columns[1].model_copy(update={"name": "sales_guess"})
    plot = plotted(DUMBBELL.model_copy(update={"rows": rows, "columns": [*DUMBBELL.columns, column]}))
    assert [text.strip() for text in said(plot)].count("expected: withheld") == 2
    assert plot.sheet["Nothing to draw"][:2] == [row["sales"] for row in rows[1:]]


def test_figures_at_the_right_are_the_strings_of_the_table() -> None:
    plot = native.plot(GUESSES, table(GUESSES, "EUR"), LOOK)
    labels = next(series.labels for series in plot.series if series.name == "Figures")
    assert labels[0][1].text.replace("\n", " ") == "45\u00a0% (41 to 50)"
    assert labels[-1][1].text == "not recorded"


def test_a_withheld_answer_is_said_and_not_left_blank() -> None:
    plot = native.plot(GUESSES, table(GUESSES, "EUR"), LOOK)
    said = [label.text for series in plot.series for _, label in series.labels]
    assert "Marketing: withheld" in said


def test_columns_of_a_sheet_are_of_one_length_and_points_without_a_value_have_no_place() -> None:
    plot = native.plot(GUESSES, table(GUESSES, "EUR"), LOOK)
    assert len({len(values) for values in plot.sheet.values()}) == 1
    for series in plot.series:
        xs, ys = plot.sheet[series.x], plot.sheet[series.y]
        assert not [1 for x, y in zip(xs, ys, strict=True) if x is None and y is not None]


def test_a_team_keeps_the_brands_colour(document: Document) -> None:
    data = pptx.render(document, Brand(name="Acme Advisors", sales="#004D40", marketing="#7A3E00"))
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        drawn = "".join(file.read(name).decode() for name in file.namelist() if "charts/chart" in name)
    assert "004D40" in drawn and "14497F" not in drawn and "9C5A00" not in drawn
    assert "Acme Advisors" in texts(Presentation(io.BytesIO(data)))


def test_the_logo_takes_its_slot_and_no_slot_is_left_empty_on_the_cover(document: Document, deck: Any) -> None:
    from PIL import Image

    file = io.BytesIO()
    Image.new("RGB", (400, 100)).save(file, "PNG")
    cover = Presentation(io.BytesIO(pptx.render(document, Brand(logo=file.getvalue())))).slides[0]
    assert [shape.name for shape in cover.shapes if shape.shape_type == 13] == ["Logo"]
    assert [1 for shape in cover.slide_layout.placeholders if shape.placeholder_format.type == 18]
    for each in (cover, deck.slides[0]):
        assert not [1 for shape in each.placeholders if shape.placeholder_format.type == 18]


def test_equal_records_make_equal_bytes_and_nothing_dates_from_today(made: bytes) -> None:
    assert pptx.render(build(sample_record())) == made
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        assert {member.date_time[:3] for member in file.infolist()} == {(1980, 1, 1)}


def test_properties_carry_the_kit_and_the_client_only(made: bytes, deck: Any) -> None:
    said = deck.core_properties
    assert (said.title, said.author) == ("Alignment audit: Northwind Sample Co.", "alignlib 0.1.0")
    assert said.last_modified_by == "alignlib 0.1.0" and said.created.isoformat().startswith("2026-04-30")
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        assert [name for name in file.namelist() if name.startswith("docProps")] == ["docProps/core.xml"]
        assert not [name for name in file.namelist() if "printer" in name or "thumbnail" in name]


def test_charts_tables_and_pictures_are_described_in_words(deck: Any) -> None:
    for slide in deck.slides:
        for shape in slide.shapes:
            if shape.has_chart or shape.has_table or shape.shape_type == 13:
                assert shape._element.xpath(".//p:cNvPr/@descr")[0].strip()


def test_small_rules_are_native_lines_and_words_in_one_group_with_a_description(document: Document, deck: Any) -> None:
    groups = [shape for shape in deck.slides[1].shapes if shape.shape_type == 6]
    assert len(groups) == len([item for item in document.top if charts.interval_strip(item.finding)])
    for group in groups:
        assert {shape.shape_type for shape in group.shapes} == {9, 17}  # lines and boxes of words
        assert "agreed" in group._element.xpath("./*/p:cNvPr/@descr")[0]


def test_a_curve_holds_what_was_agreed_against_the_promised_day_alone() -> None:
    rows = [row | {"promised": "two days" if row["day"] == 2 else None} for row in TOUCH.rows]
    plot = plotted(TOUCH.model_copy(update={"rows": rows}))
    days = [x for x in plot.sheet["Agreed"] if isinstance(x, float)]
    assert 0 < days[0] < 2 < days[1] < 5
    assert plot.sheet["Judged, place"][:2] == [rows[2]["share"]] * 2
    assert any(text.startswith("within two days\n51\u00a0%") and "agreed 70\u00a0%" in text for text in said(plot))


def test_a_share_of_another_day_is_not_held_against_what_was_agreed() -> None:
    assert "Agreed" not in plotted(TOUCH).sheet and not any("agreed" in text for text in said(plotted(TOUCH)))


def test_every_word_has_its_language_and_nothing_links_out_of_the_file(made: bytes, deck: Any) -> None:
    for slide in deck.slides:
        assert all(run.get("lang") == "en-GB" for run in slide._element.xpath(".//a:r/a:rPr"))
    with zipfile.ZipFile(io.BytesIO(made)) as file:
        assert not [name for name in file.namelist() if name.endswith(".rels") and b"External" in file.read(name)]


def hostile(text: str) -> Document:
    """The sample with a text as the client's name, as a row's name in a chart, and as a complaint."""
    record = sample_record(client=text)
    results = {}
    for name, result in record.results.items():
        exhibits = [
            e if e.shape in ("docket", "strip", "grid", "curve") else e.model_copy(
                update={"rows": [row | {"label": f"{text}{i}"} for i, row in enumerate(e.rows)]})
            for e in result.exhibits
        ]  # fmt: skip
        findings = [f.model_copy(update={"title": f"{text}{f.title}"}) for f in result.findings]
        results[name] = result.model_copy(update={"exhibits": exhibits, "findings": findings})
    return build(record.model_copy(update={"results": results}))


@pytest.mark.parametrize("text", ["x" * 300, "عميل ", "🎈🎈", "a\x00\x1b\x0bb", "<a:t>&amp;</a:t>", "漢字", *FORMULAS])
def test_S09_no_text_breaks_the_file_or_becomes_a_formula(text: str) -> None:
    data = pptx.render(hostile(text))
    deck = Presentation(io.BytesIO(data))
    assert 12 <= len(deck.slides) <= 18
    cells = [cell for book in workbooks(data) for row in book.active.iter_rows() for cell in row]
    assert cells and not [cell for cell in cells if cell.data_type == "f" or cell.hyperlink]


def test_a_workbook_holds_its_own_exhibit_alone(made: bytes, document: Document) -> None:
    labels = {figure.exhibit.key: {str(row.get("label")) for row in figure.exhibit.rows} for figure in document.figures}
    for book in workbooks(made):
        assert book.sheetnames == ["Data"]
        names = [str(cell.value) for cell in book.active["A"][1:] if isinstance(cell.value, str)]
        bare = {re.split(r"[\n:]", name)[0] for name in names}
        assert not bare or any(bare <= {label.split(":")[0] for label in of} for of in labels.values())


def test_columns_for_machines_never_reach_a_slide(deck: Any) -> None:
    assert "claimant" not in texts(deck) and "sales_low" not in texts(deck)


def test_a_firms_template_gives_its_layouts_and_loses_its_slides_and_its_authors(document: Document) -> None:
    data = pptx.render(document, template=template(("TITLE slide", "title only"), mark="CANARY"))
    deck = Presentation(io.BytesIO(data))
    assert {slide.slide_layout.name for slide in deck.slides} == {"TITLE slide", "title only"}
    with zipfile.ZipFile(io.BytesIO(data)) as file:
        assert not [name for name in file.namelist() if b"CANARY" in file.read(name)]
        assert sum(re.fullmatch(r"ppt/slides/slide\d+\.xml", name) is not None for name in file.namelist()) == len(
            deck.slides
        )


def test_a_missing_layout_is_named_with_those_there_are(document: Document) -> None:
    with pytest.raises(AlignError) as refused:
        pptx.render(document, template=template(("Cover page", "Title Only")))
    problem = refused.value.problems[0]
    assert problem.code == "E-TEMPLATE"
    assert "lacks the layout “Title Slide”" in problem.what and "“Cover page”" in problem.what
    assert "Slide Master" in problem.fix


def test_a_layout_without_a_title_is_refused_for_the_conclusions_would_have_no_place(document: Document) -> None:
    firm: Any = Presentation(io.BytesIO(template()))
    title = next(each for each in firm.slide_layouts if each.name == "Title Only").placeholders[0]._element
    title.getparent().remove(title)
    file = io.BytesIO()
    firm.save(file)
    with pytest.raises(AlignError, match="lacks the layout “Title Only” with a title") as refused:
        pptx.render(document, template=file.getvalue())
    assert refused.value.problems[0].code == "E-TEMPLATE"


def test_the_kits_own_deck_names_nobody_and_takes_a_brands_colours() -> None:
    own = Presentation(str(resource("templates", "report", "plain.pptx")))
    said = own.core_properties
    assert (said.author, said.last_modified_by, said.comments) == ("alignlib", "alignlib", "")
    brand = Brand(sales=MARKETING, marketing=SALES)  # each the other's: one must not be taken for the other
    deck: Any = plain(brand)
    theme = next(each.target_part for each in deck.slide_master.part.rels.values() if "/theme" in each.reltype).blob
    accents = re.findall(rb'<a:accent[12]><a:srgbClr val="(.{6})"/>', theme)
    assert [f"#{accent.decode()}" for accent in accents] == [MARKETING, SALES]


def odd(width: float, height: float, *title: float) -> bytes:
    """A template of this size in inches, the title of “Title Only” and the cover's subtitle at other places."""
    firm: Any = Presentation(io.BytesIO(template()))
    firm.slide_width, firm.slide_height = int(width * 914_400), int(height * 914_400)
    shape = next(each for each in firm.slide_layouts if each.name == "Title Only").placeholders[0]
    shape.left, shape.top, shape.width, shape.height = (int(each * 914_400) for each in title)
    shape = firm.slide_layouts[0].placeholders[1]  # the cover's subtitle, at the foot on the right
    places = (width * 0.7, height * 0.85, width * 0.25, height * 0.12)
    shape.left, shape.top, shape.width, shape.height = (int(each * 914_400) for each in places)
    file = io.BytesIO()
    firm.save(file)
    return file.getvalue()


@pytest.mark.parametrize("place", [
    (10, 7.5, 6, 0.5, 3.5, 1), (10, 7.5, 0.5, 6, 9, 1), (1, 1, 0.05, 0.05, 0.9, 0.1), (10, 7.5, -1, 0.5, 9, 1),
])  # fmt: skip
def test_a_template_without_room_below_its_title_is_refused_and_says_what_to_move(
    document: Document, place: tuple[float, ...]
) -> None:
    with pytest.raises(AlignError) as refused:
        pptx.render(document, template=odd(*place))
    assert refused.value.problems[0].code == "E-TEMPLATE" and "move the title" in refused.value.problems[0].fix


@pytest.mark.parametrize("size", [(10, 7.5), (10, 5.625), (13.333, 7.5)])
def test_nothing_stands_outside_a_slide_or_without_width(document: Document, size: tuple[float, float]) -> None:
    data = pptx.render(document, template=odd(*size, 0.5, 0.3, size[0] - 1, 0.9))
    for n, slide in enumerate(Presentation(io.BytesIO(data)).slides):
        for shape in (each for each in slide.shapes if not each.is_placeholder):
            assert min(shape.left, shape.top) >= 0 and min(shape.width, shape.height) >= 0, (n, shape.name)
            assert shape.left + shape.width <= size[0] * 914_500, (n, shape.name)
            assert shape.top + shape.height <= size[1] * 914_500, (n, shape.name)


_REL = b"""<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships">
<Relationship Id="r1" Type="http://x/image" Target="http://example.com/a"
TargetMode="External"/></Relationships>"""


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"", "no presentation"),
        (b"PK not a zip", "no presentation"),
        (b"0" * 20_000_001, "larger than 20 MB"),
        (changed(template(), **{"ppt/vbaProject.bin": b"x"}), "macros"),
        (changed(template(), **{"ppt/slides/_rels/x.xml.rels": _REL}), "links to files outside"),
        (changed(template(), **{"ppt/_rels/presentation.xml.rels": b"<broken"}), "no presentation"),
        (changed(template(), **{"ppt/presentation.xml": b"<broken"}), "no presentation that can be read"),
        (changed(template(), **{f"x{i}": b"" for i in range(5_000)}), "5,000 parts"),
    ],
)
def test_a_file_that_cannot_be_a_template_is_refused(document: Document, data: bytes, said: str) -> None:
    with pytest.raises(AlignError) as refused:
        pptx.render(document, template=data)
    assert refused.value.problems[0].code == "E-TEMPLATE" and said in refused.value.problems[0].what


def test_a_template_that_inflates_beyond_200_megabytes_is_refused_unread(document: Document) -> None:
    file = io.BytesIO(template())
    with zipfile.ZipFile(file, "a", zipfile.ZIP_DEFLATED) as bomb, bomb.open("ppt/media/a.bin", "w") as member:
        for _ in range(21):
            member.write(b"0" * 10_000_000)
    with pytest.raises(AlignError, match="200 MB"):
        pptx.render(document, template=file.getvalue())
