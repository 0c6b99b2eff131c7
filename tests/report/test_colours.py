"""Do the formulas for colours give the figures that others published?"""

import pytest

from alignlib.report.colours import VISION, ciede2000, contrast, difference, lab, linear

# Sharma, Wu and Dalal (2005), Color Research and Application 30(1), table 1: L, a, b of both colours, and the distance
SHARMA = """
50 2.6772 -79.7751 50 0 -82.7485 2.0425
50 3.1571 -77.2803 50 0 -82.7485 2.8615
50 2.8361 -74.0200 50 0 -82.7485 3.4412
50 -1.3802 -84.2814 50 0 -82.7485 1.0000
50 -1.1848 -84.8006 50 0 -82.7485 1.0000
50 -0.9009 -85.5211 50 0 -82.7485 1.0000
50 0 0 50 -1 2 2.3669
50 -1 2 50 0 0 2.3669
50 2.4900 -0.0010 50 -2.4900 0.0009 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0010 7.1792
50 2.4900 -0.0010 50 -2.4900 0.0011 7.2195
50 2.4900 -0.0010 50 -2.4900 0.0012 7.2195
50 -0.0010 2.4900 50 0.0009 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0010 -2.4900 4.8045
50 -0.0010 2.4900 50 0.0011 -2.4900 4.7461
50 2.5 0 50 0 -2.5 4.3065
50 2.5 0 73 25 -18 27.1492
50 2.5 0 61 -5 29 22.8977
50 2.5 0 56 -27 -3 31.9030
50 2.5 0 58 24 15 19.4535
50 2.5 0 50 3.1736 0.5854 1.0000
50 2.5 0 50 3.2972 0 1.0000
50 2.5 0 50 1.8634 0.5757 1.0000
50 2.5 0 50 3.2592 0.3350 1.0000
60.2574 -34.0099 36.2677 60.4626 -34.1751 39.4387 1.2644
63.0109 -31.0961 -5.8663 62.8187 -29.7946 -4.0864 1.2630
61.2901 3.7196 -5.3901 61.4292 2.2480 -4.9620 1.8731
35.0831 -44.1164 3.7933 35.0232 -40.0716 1.5901 1.8645
22.7233 20.0904 -46.6940 23.0331 14.9730 -42.5619 2.0373
36.4612 47.8580 18.3852 36.2715 50.5065 21.2231 1.4146
90.8027 -2.0831 1.4410 91.1528 -1.6435 0.0447 1.4441
90.9257 -0.5406 -0.9208 88.6381 -0.8985 -0.7239 1.5381
6.7747 -0.2908 -2.4247 5.8714 -0.0985 -2.2286 0.6377
2.0776 0.0795 -1.1350 0.9033 -0.0636 -0.5514 0.9082
"""
PAIRS = [tuple(map(float, line.split())) for line in SHARMA.split("\n") if line]


@pytest.mark.parametrize("pair", PAIRS, ids=range(1, len(PAIRS) + 1))
def test_the_distance_of_each_published_pair_is_met_both_ways_round(pair: tuple[float, ...]) -> None:
    one, other = (pair[0], pair[1], pair[2]), (pair[3], pair[4], pair[5])
    assert round(ciede2000(one, other), 4) == round(ciede2000(other, one), 4) == pair[6]


def test_all_of_the_published_pairs_are_there() -> None:
    assert len(PAIRS) == 34


@pytest.mark.parametrize(
    ("one", "other", "ratio"),  # WCAG 2.2: 21 and 1 at the ends; WebAIM's checker prints the others
    [("#000000", "#FFFFFF", 21.0), ("#FFFFFF", "#FFFFFF", 1.0), ("#777777", "#FFFFFF", 4.48),
     ("#767676", "#FFFFFF", 4.54), ("#FF0000", "#FFFFFF", 4.0), ("#0000FF", "#FFFFFF", 8.59)],
)  # fmt: skip
def test_contrast_is_that_of_the_guidelines(one: str, other: str, ratio: float) -> None:
    assert round(contrast(one, other), 2) == round(contrast(other, one), 2) == ratio


def test_red_of_the_screen_lies_where_cielab_is_known_to_have_it() -> None:
    assert [round(part, 1) for part in lab(linear("#FF0000"))] == [53.2, 80.1, 67.2]  # sRGB red at D65, Lindbloom


@pytest.mark.parametrize("vision", VISION)
def test_a_grey_stays_the_same_grey_to_all_eyes(vision: str) -> None:
    assert all(abs(sum(row) - 1) < 1e-5 for row in VISION[vision])
    assert difference("#777777", "#777777", vision) == 0 and difference("#777777", "#7A7A7A", vision) < 1.5


def test_red_and_green_close_up_to_those_who_lack_one_kind_of_cone_and_blue_and_orange_do_not() -> None:
    full, *lacking = (difference("#C62828", "#2E7D32", vision) for vision in VISION)
    assert full > 60 and lacking[0] < 14 and lacking[1] < 7 and lacking[2] > 50
    assert all(difference("#14497F", "#9C5A00", vision) > 45 for vision in VISION)
