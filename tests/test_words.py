"""Is each figure said in its own unit, and never in one that it could be taken for?"""

import pytest

from alignlib.words import MINUS, NBSP, agreed, figure, interval, masked, tally, value


@pytest.mark.parametrize(
    ("amount", "said"),
    [
        (0.12, "12 percentage points"),
        (-0.12, f"{MINUS}12 percentage points"),
        (0.01, "1 percentage point"),
        (-0.01, f"{MINUS}1 percentage point"),
        (-0.004, "0 percentage points"),
        (None, "not judged"),
    ],
)
def test_a_difference_of_shares_is_said_in_percentage_points(amount: float | None, said: str) -> None:
    assert value(amount, "pp") == said


def test_percentage_points_per_cent_and_points_of_a_scale_cannot_be_taken_for_one_another() -> None:
    said = {value(0.12, "share"), value(0.12, "pp"), value(12, "points")}
    assert said == {f"12{NBSP}%", "12 percentage points", "12.0 points"}


def test_a_limit_on_a_difference_of_shares_is_said_in_the_same_words() -> None:
    assert agreed(0.15, "at_most", "pp") == "Agreed: at most 15 percentage points."


def test_figures_and_ends_of_a_difference_stand_bare_and_whole_under_a_head_that_names_the_unit() -> None:
    assert (figure(-0.007, "pp"), interval(-0.041, 0.034, "pp")) == (f"{MINUS}1", f"{MINUS}4 to 3")


def test_a_share_that_is_almost_nothing_is_not_said_to_be_nothing() -> None:
    assert [figure(v, "share") for v in (0, 0.0004, 0.004)] == [f"0{NBSP}%", f"under 0.1{NBSP}%", f"0.4{NBSP}%"]


@pytest.mark.parametrize(
    ("folder", "shown"),
    [
        ("/{}/jd/deck.pptx", "/{}/[person]/deck.pptx"),
        ("x\\{}\\j d\\deck.pptx", "x\\{}\\[person]\\deck.pptx"),
        ("?id=%2F{}%2Fjd%5Fexample%2FDeck&v=1", "?id=%2F{}%2F[person]%2FDeck&v=1"),
        ("{}/garden", "{}/garden"),  # a segment, no address
        ("/new{}/jd", "/new{}/jd"),
    ],
)
@pytest.mark.parametrize("name", ["home", "Users", "user", "personal"])
def test_the_folder_of_a_person_is_masked_and_nothing_else(folder: str, shown: str, name: str) -> None:
    assert masked(folder.format(name)) == shown.format(name) == masked(shown.format(name))


@pytest.mark.parametrize("rest", ["", "/", "?v=1/2", "#prices", "%2F"])
def test_a_page_of_a_website_under_home_is_no_folder_of_a_person(rest: str) -> None:
    assert masked(f"https://example.com/home/pricing{rest}") == f"https://example.com/home/pricing{rest}"
    assert masked(f"https://example.com/users/pricing{rest}") == f"https://example.com/users/[person]{rest}"


def test_the_counts_of_one_sentence_are_all_figures_as_soon_as_one_is_above_twelve() -> None:
    levels = ["act"] * 12 + ["watch"] * 7 + ["good"]
    assert tally(levels) == "Twelve findings call for action, seven are to watch and one is as agreed"
    assert tally([*levels, "act"]) == "13 findings call for action, 7 are to watch and 1 is as agreed"
