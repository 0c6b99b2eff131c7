"""Which slides a document makes: their order, their number, and that every word comes from the document."""

import pytest
from sample_record import FINDINGS, NOT_JUDGED, SCORECARD, sample_record

from alignlib import words
from alignlib.report.document import Document, build
from alignlib.report.listings import Listing, Room, cut, lines, pages
from alignlib.report.slides import Slide, slides
from alignlib.result import NotJudged

ROOM = Room(873.6, 350.0)


@pytest.fixture(scope="module")
def document() -> Document:
    return build(sample_record())


@pytest.fixture(scope="module")
def deck(document: Document) -> tuple[Slide, ...]:
    return slides(document, ROOM)


def crowded(n: int = 60) -> Document:
    """A record with far more findings and open questions than a deck can show."""
    record = sample_record()
    audit = record.results["audit"]
    more = [
        FINDINGS[i % 9].model_copy(update={"key": f"funnel.made_{i}", "title": f"Made finding {i}"}) for i in range(n)
    ]
    gaps = [NotJudged(what=f"Gap {i}", why="nothing was delivered", settle="a file", theme="") for i in range(n)]
    whole = [SCORECARD.model_copy(update={"key": f"audit.{name}"}) for name in ("stake", "plan", "change")]
    told = {"findings": [*audit.findings, *more], "not_judged": gaps, "exhibits": [*audit.exhibits, *whole]}
    changed = audit.model_copy(update=told)
    return build(record.model_copy(update={"results": record.results | {"audit": changed}}))


def cells(deck: tuple[Slide, ...], kind: str) -> list[tuple[str, ...]]:
    return [row for slide in deck if slide.kind == kind for listing in slide.listings for row in listing.rows]


def test_a_whole_record_makes_twelve_to_eighteen_slides_and_a_crowded_one_no_more(deck: tuple[Slide, ...]) -> None:
    assert 12 <= len(deck) <= 18
    assert len(slides(crowded(), ROOM)) == 18


def test_the_deck_goes_from_the_verdict_to_the_appendix(deck: tuple[Slide, ...]) -> None:
    kinds = list(dict.fromkeys(slide.kind for slide in deck))
    assert kinds == ["cover", "verdict", "docket", "strip", "figure", "limits", "others", "method"]


def test_every_slide_has_a_title_and_notes(deck: tuple[Slide, ...]) -> None:
    assert all(slide.title.strip() and any(slide.notes) for slide in deck)


def test_a_finding_stands_over_its_own_slide_with_its_detail_and_its_play(deck: tuple[Slide, ...]) -> None:
    shown = {slide.title: slide for slide in deck if slide.level}
    first = next(finding for finding in FINDINGS if finding.key == "funnel.first_touch")
    slide = shown[first.title]
    assert slide.figure is not None and slide.figure.exhibit.key == "funnel.touch"
    assert ("Finding", first.detail) in slide.beside
    assert any(head == "Run" and text.startswith("P4 Handoff pact, 90\u00a0min") for head, text in slide.beside)


def test_notes_carry_method_interval_limit_and_source(deck: tuple[Slide, ...]) -> None:
    notes = "\n".join(next(slide for slide in deck if slide.title.startswith("Only 45")).notes)
    for said in (
        "Interval 41 to 50; 218 of 480 within 24 working hours. Agreed: at least 70\u00a0%.",
        "Method: Wilson",
        "Level act: at_least 0.7",
        "Source: sales_touches",
    ):
        assert said in notes


def test_notes_say_of_every_finding_what_its_own_slide_and_the_report_say(
    document: Document, deck: tuple[Slide, ...]
) -> None:
    for item in document.top:
        assert item.finding.title in deck[1].notes and item.detail in deck[1].notes
    assert not [note for slide in deck for note in slide.notes if "not judged, interval" in note]


def test_every_finding_stands_somewhere_in_the_deck(document: Document, deck: tuple[Slide, ...]) -> None:
    told = "\n".join([slide.title for slide in deck] + [" ".join(row) for row in cells(deck, "others")]
                     + [note for slide in deck for note in slide.notes])  # fmt: skip
    for item in (*document.top, *document.others):
        assert item.finding.title in told


def test_findings_to_act_on_come_first_and_good_ones_only_fill_up_to_five(deck: tuple[Slide, ...]) -> None:
    levels = [slide.level for slide in deck if slide.level]
    assert levels == sorted(levels, key=["act", "watch", "good", "unclear"].index)
    assert levels[:3] == ["act"] * 3 and len(levels) == 5


def test_the_docket_shows_every_complaint_once(document: Document, deck: tuple[Slide, ...]) -> None:
    told = next(figure.docket for figure in document.figures if figure.docket)
    assert [row[0] for row in cells(deck, "docket")] == [entry.label for entry in told]


def test_what_stays_open_is_told_with_what_would_settle_it(deck: tuple[Slide, ...]) -> None:
    told = "\n".join(" ".join(row) for row in cells(deck, "limits"))
    assert all(gap.what in told and gap.settle in told for gap in NOT_JUDGED)


def test_what_stays_open_stands_below_the_findings_where_there_is_room(document: Document) -> None:
    told = slides(document._replace(top=document.top[:3], limits=document.limits[:2]), ROOM)
    assert {gap.what for gap in document.limits[:2]} <= {row[0] for row in cells(told, "verdict")}
    assert not cells(told, "limits")


def test_what_finds_no_room_below_the_findings_has_slides_of_its_own() -> None:
    deck = slides(crowded(20), ROOM)
    told = "\n".join(" ".join(row) for row in (*cells(deck, "verdict"), *cells(deck, "limits")))
    assert cells(deck, "limits") and all(f"Gap {i} " in told for i in range(20))


def test_a_finding_has_its_own_small_rule_on_its_slide_and_in_the_verdict(document: Document) -> None:
    deck = slides(document, ROOM)
    first = next(slide for slide in deck if slide.title.startswith("Only 45"))
    assert first.strip is not None
    assert first.strip[1] == "45\u00a0%, interval 41 to 50, agreed at least 70\u00a0%"
    drawn = deck[1].listings[0].strips
    assert len(drawn) == len(document.top) and first.strip[1] in [strip[1] for strip in drawn if strip]


def test_each_finding_that_matters_most_has_a_slide_if_any_exhibit_proves_it(document: Document) -> None:
    figures = tuple(
        figure._replace(exhibit=figure.exhibit.model_copy(update={"is_detail": True})) for figure in document.figures
    )
    deck = slides(document._replace(figures=figures), ROOM)
    proved = [item.finding.title for item in document.top if item.section]
    assert proved and set(proved) <= {slide.title for slide in deck if slide.level}


def test_no_finding_of_the_verdict_is_listed_again_among_the_others(deck: tuple[Slide, ...]) -> None:
    assert not {row[1] for row in cells(deck[1:2], "verdict")} & {row[1] for row in cells(deck, "others")}
    assert not [slide for slide in slides(build(sample_record(), "board"), ROOM) if slide.kind == "others"]


def test_slides_that_go_on_are_numbered_and_no_two_have_one_title() -> None:
    titles = [slide.title for slide in slides(crowded(), ROOM)[1:]]
    assert len(set(titles)) == len(titles) and any(title.endswith("(1\u00a0of\u00a02)") for title in titles)


def test_the_other_findings_stand_under_how_many_there_are_of_each_level(deck: tuple[Slide, ...]) -> None:
    others = next(slide for slide in deck if slide.kind == "others")
    assert others.title == words.tally([row[0].lower() for row in cells((others,), "others")])


def test_means_of_conversations_stand_below_their_scale(deck: tuple[Slide, ...]) -> None:
    strip = next(slide for slide in deck if slide.kind == "strip")
    assert {"Sales says, of 5", "Marketing says, of 5"} <= set(strip.listings[0].head)


def test_an_edition_leaves_out_slides_and_the_cover_says_so() -> None:
    board = build(sample_record(), "board")
    deck = slides(board, ROOM)
    assert not [slide for slide in deck if slide.level]
    assert deck[0].kicker.endswith("Edition for the board")
    assert board.left_out and board.left_out in deck[0].beside[0][1]


def test_rows_that_do_not_fit_are_counted_on_the_last_page() -> None:
    listing = Listing(("No.", "What"), tuple((str(i), f"Row {i}") for i in range(200)), (0.2, 0.8), ("", ""))
    made = pages(listing, Room(400, 300), 2)
    shown = sum(len(page.rows) for page in made)
    assert len(made) == 2 and made[-1].more == f"{200 - shown} more rows in the report."
    assert all(sum(page.heights) <= 300 for page in made)


def test_a_table_takes_the_largest_size_with_which_it_fits() -> None:
    few = Listing(("No.", "What"), (("1", "Row"),), (0.2, 0.8), ("", ""))
    many = few._replace(rows=tuple((str(i), f"Row {i}") for i in range(18)))
    assert pages(few, Room(400, 300), 1)[0].size > pages(many, Room(400, 300), 1)[0].size


def test_rows_are_tall_enough_for_a_typeface_with_tall_lines() -> None:
    """Noto Sans, which stands in for Arial where that is missing, needs 1.36 of its size a line."""
    told = Listing(("No.", "What"), (("1", "word " * 30),), (0.2, 0.8), ("", ""))
    made = pages(told, Room(300, 400), 1)[0]
    assert made.heights[1] >= lines(told.rows[0][1], 300 * 0.8 - 10, made.size) * made.size * 1.36


def test_a_long_text_is_cut_visibly_within_its_lines() -> None:
    text = "word " * 200
    assert lines(cut(text, 200, 12, 3), 200, 12) <= 3 and cut(text, 200, 12, 3).endswith("…")
    assert cut("short", 200, 12, 3) == "short"
