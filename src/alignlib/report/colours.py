"""Can two colours be told apart, on paper and by people who see colours otherwise? Formulas with their sources."""

import math

Triple = tuple[float, float, float]
VISION: dict[str, tuple[Triple, Triple, Triple]] = {  # how each kind of eyes mixes linear red, green and blue
    "with full colour vision": ((1, 0, 0), (0, 1, 0), (0, 0, 1)),
    "with protanopia": ((0.152286, 1.052583, -0.204868), (0.114503, 0.786281, 0.099216),
                        (-0.003882, -0.048116, 1.051998)),
    "with deuteranopia": ((0.367322, 0.860646, -0.227968), (0.280085, 0.672501, 0.047413),
                          (-0.011820, 0.042940, 0.968881)),
    "with tritanopia": ((1.255528, -0.076749, -0.178779), (-0.078411, 0.930809, 0.147602),
                        (0.004733, 0.691367, 0.303900)),
}  # fmt: skip
_XYZ = ((0.4124564, 0.3575761, 0.1804375), (0.2126729, 0.7151522, 0.0721750), (0.0193339, 0.1191920, 0.9503041))
_WHITE = (0.95047, 1.0, 1.08883)  # D65


def contrast(one: str, other: str) -> float:
    """How much lighter is one colour than the other, from 1 (alike) to 21 (black on white)?

    Colours as ``#RRGGBB``. Contrast ratio of WCAG 2.2, from relative luminance; 4.5 is asked for text. The grey
    ``#767676`` is the lightest that reaches it on white, as WebAIM and the WCAG's own techniques say.

    >>> round(contrast("#000000", "#FFFFFF"), 2), round(contrast("#767676", "#FFFFFF"), 2)
    (21.0, 4.54)
    >>> round(contrast("#777777", "#FFFFFF"), 2)
    4.48
    """
    dark, light = sorted(_dot((0.2126, 0.7152, 0.0722), linear(colour)) for colour in (one, other))
    return (light + 0.05) / (dark + 0.05)


def difference(one: str, other: str, vision: str = "with full colour vision") -> float:
    """How far apart are two colours to these eyes (a key of ``VISION``)? 0 is alike, 1 about what is just seen.

    Colours are simulated in linear RGB by the matrices of Machado, Oliveira and Fernandes (2009, IEEE TVCG 15(6),
    severity 1.0), then compared by CIEDE2000. Their model is of missing red and green cones first; for tritanopia it is
    an approximation. CIEDE2000 is fitted to small differences: of large ones it says that they are large.

    >>> round(difference("#B00000", "#00700F")), round(difference("#B00000", "#00700F", "with deuteranopia"))
    (65, 4)
    """
    return ciede2000(*(lab(_seen(linear(colour), vision)) for colour in (one, other)))


def linear(colour: str) -> Triple:
    """How much red, green and blue light (0-1) does a colour of the screen (sRGB, IEC 61966-2-1) stand for?

    >>> linear("#FF0080")
    (1.0, 0.0, 0.21586050011389926)
    """
    red, green, blue = (int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return _light(red), _light(green), _light(blue)


def lab(light: Triple) -> Triple:
    """Where does linear light (sRGB, D65) lie in CIELAB: lightness (0-100), green to red, blue to yellow?

    >>> [round(abs(part), 1) for part in lab((1.0, 1.0, 1.0))]
    [100.0, 0.0, 0.0]
    """
    x, y, z = (_root(_dot(row, light) / white) for row, white in zip(_XYZ, _WHITE, strict=True))
    return 116 * y - 16, 500 * (x - y), 200 * (y - z)


def ciede2000(one: Triple, other: Triple) -> float:
    """How far apart are two colours in CIELAB? The formula of CIE 142-2001, as Sharma, Wu and Dalal (2005) write it.

    Colour Research and Application 30(1); all 34 pairs of their test data are met to four digits in the tests.

    >>> round(ciede2000((50.0, 2.5, 0.0), (73.0, 25.0, -18.0)), 4)
    27.1492
    """
    chroma = (math.hypot(*one[1:]) + math.hypot(*other[1:])) / 2
    stretch = 1 + 0.5 * (1 - _seventh(chroma))
    (c1, h1), (c2, h2) = (_polar(a * stretch, b) for _, a, b in (one, other))
    turn = h2 - h1 - 360 * ((h2 - h1 > 180) - (h2 - h1 < -180)) if c1 * c2 else 0.0
    lightness, chroma = (one[0] + other[0]) / 2, (c1 + c2) / 2
    hue = h1 + turn / 2 if c1 * c2 else h1 + h2
    t = 1 - 0.17 * _cos(hue - 30) + 0.24 * _cos(2 * hue) + 0.32 * _cos(3 * hue + 6) - 0.20 * _cos(4 * hue - 63)
    off = (lightness - 50) ** 2
    by_lightness = (other[0] - one[0]) / (1 + 0.015 * off / math.sqrt(20 + off))
    by_chroma = (c2 - c1) / (1 + 0.045 * chroma)
    by_hue = 2 * math.sqrt(c1 * c2) * math.sin(math.radians(turn / 2)) / (1 + 0.015 * chroma * t)
    around_blue = 60 * math.exp(-(((hue % 360 - 275) / 25) ** 2))
    rotation = -math.sin(math.radians(around_blue)) * 2 * _seventh(chroma)
    return math.sqrt(by_lightness**2 + by_chroma**2 + by_hue**2 + rotation * by_chroma * by_hue)


def _seen(light: Triple, vision: str) -> Triple:
    red, green, blue = (min(max(_dot(row, light), 0.0), 1.0) for row in VISION[vision])
    return red, green, blue


def _light(level: float) -> float:
    return level / 12.92 if level <= 0.04045 else ((level + 0.055) / 1.055) ** 2.4


def _root(t: float) -> float:
    return math.cbrt(t) if t > 216 / 24389 else (24389 / 27 * t + 16) / 116


def _polar(a: float, b: float) -> tuple[float, float]:
    return math.hypot(a, b), math.degrees(math.atan2(b, a)) % 360


def _seventh(chroma: float) -> float:
    return math.sqrt(chroma**7 / (chroma**7 + 25**7))


def _cos(degrees: float) -> float:
    return math.cos(math.radians(degrees))


def _dot(row: Triple, other: Triple) -> float:
    return sum(a * b for a, b in zip(row, other, strict=True))
