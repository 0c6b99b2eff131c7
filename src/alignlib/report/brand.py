"""Whose report is it? A firm's name, logo, two team colours and page size, checked before anything is made."""

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal, NamedTuple, get_args

from alignlib.charts.canvas import ACT, BAND, INK, MARKETING, SALES, WHITE
from alignlib.errors import AlignError, Problem
from alignlib.files import inside
from alignlib.report.colours import VISION, contrast, difference
from alignlib.report.logo import bare_png
from alignlib.words import legible

Paper = Literal["a4", "letter"]
BRAND_FILE = "brand.yml"
LONGEST_NAME, MOST_FONT = 80, 30_000_000
CONTRAST = 4.5  # WCAG 2.2, 1.4.3: text of any size
APART = 20  # CIEDE2000: the floor between the two teams; the kit's own pair is 46 apart, a red and a green 4 to 14
# The floor between a team's colour and one that means something else, to full colour vision and to other eyes. There
# it is lower: what calls for action always bears its square and its word, and the kit's own Marketing reaches 9.6.
_TAKEN = ((ACT, "the accent of what calls for action", 20, 5), (INK, "the ink of text", 10, 5))
_FONTS = (b"\x00\x01\x00\x00", b"true", b"OTTO", b"ttcf")  # how TrueType, OpenType and collections begin


class Brand(NamedTuple):
    """What does a firm put on its reports? Without a ``brand.yml``: nothing but the kit's own colours, on A4.

    ``logo`` is a PNG file; ``fonts`` are font files beside the kit's own, for scripts which those lack (PDF).
    """

    name: str = ""
    sales: str = SALES
    marketing: str = MARKETING
    logo: bytes = b""
    paper: Paper = "a4"
    fonts: tuple[str, ...] = ()


PLAIN = Brand()


def read_brand(path: Path) -> Brand:
    """Which brand does this ``brand.yml`` describe?

    Keys, each optional: name, sales and marketing (``#RRGGBB``), logo (a PNG), paper (a4 or letter), fonts (a list of
    files). Files lie beside it or below. The logo comes back without anything but its picture. Each team's colour must
    reach 4.5 on white and on the band that marks a gap, and be told apart from the other team's, from the accent and
    from the ink by people who see all colours and by those who lack red, green or blue cones (protanopia, deuteranopia,
    tritanopia). In grey they need not differ: there the shapes carry it, circle and diamond.
    Raises AlignError (E-BRAND) with every problem.
    """
    data, lines = _read(path)
    problems, given = [], {}
    for key, value in data.items():
        where = f"{path.name}, line {lines.get((key,), 0) + 1}"
        if key not in _KEYS:
            problems.append(_unknown(key, where))
            continue
        try:
            given[key] = _KEYS[key](value, path.parent)
        except AlignError as refused:
            problems += [replace(problem, what=f"{key}: {problem.what}", where=where) for problem in refused.problems]
    brand = PLAIN._replace(**given)
    problems += [Problem("E-BRAND", what, where=path.name, fix=fix) for what, fix in _clashes(brand)]
    if problems:
        raise AlignError(problems)
    return brand


def sets_nothing(path: Path) -> bool:
    """Is every setting of this brand.yml switched off? Raises AlignError (E-BRAND) when it cannot be read."""
    return not _read(path)[0]


def _refused(what: str, fix: str) -> AlignError:
    return AlignError(Problem("E-BRAND", what, fix=fix))


def _read(path: Path) -> tuple[dict[str, Any], dict[tuple[str, ...], int]]:
    from alignlib.plain_yaml import strict_yaml, yaml_text

    try:
        data, lines = strict_yaml(yaml_text(path), path.name, "E-BRAND")
    except (OSError, UnicodeDecodeError) as error:
        fix = f"name a {BRAND_FILE}; `alignlib new` makes one with explanations"
        raise AlignError(Problem("E-BRAND", "cannot be read as UTF-8 text", where=path.name, fix=fix)) from error
    if not isinstance(data, dict):
        what = "this is no list of settings"
        raise AlignError(Problem("E-BRAND", what, where=path.name, allowed=", ".join(_KEYS), fix="write name: Firm"))
    return {key: value for key, value in data.items() if value is not None}, lines


def _unknown(key: str, where: str) -> Problem:
    from alignlib.plain_yaml import nearest

    what = f"{key} is not a known setting{nearest(key, [*_KEYS])}"
    return Problem("E-BRAND", what, where=where, allowed=", ".join(_KEYS), fix="correct or remove it")


def _name(value: Any, folder: Path) -> str:
    name = legible(" ".join(value.split())) if isinstance(value, str) else ""
    if not name or len(name) > LONGEST_NAME:
        raise _refused("this is no name, or longer than 80 characters", "write the name as it stands on your letters")
    return name


def _colour(value: Any, folder: Path) -> str:
    if not (isinstance(value, str) and re.fullmatch(r"#[0-9A-Fa-f]{6}", value)):
        raise _refused("this is no colour", 'write it as "#14497F", in quotation marks, for # begins a comment')
    return value.upper()


def _paper(value: Any, folder: Path) -> str:
    if value not in get_args(Paper):
        raise _refused("this is no page size of the kit", "write a4 or letter")
    return str(value)


def _logo(value: Any, folder: Path) -> bytes:
    content = _beside(value, folder, 10_000_000).read_bytes()
    try:
        return bare_png(content)
    except ValueError as error:
        raise _refused(f"{value}: {error}", "save it as a PNG of at most 200 KB and 2,000 pixels a side") from error


def _fonts(value: Any, folder: Path) -> tuple[str, ...]:
    """Links are followed nowhere; how many there are is limited by what a person would list."""
    if not isinstance(value, list) or len(value) > 20:
        raise _refused("this is no list of font files, or of more than 20", "write fonts: [NotoSansCJK-Regular.ttc]")
    return tuple(str(_font(name, folder)) for name in value)


def _font(value: Any, folder: Path) -> Path:
    path, fix = _beside(value, folder, MOST_FONT), "give a .ttf, .otf or .ttc file"
    with path.open("rb") as handle:
        known = handle.read(4) in _FONTS
    if not known or path.suffix.lower() not in (".ttf", ".otf", ".ttc"):
        raise _refused(f"{value} is no font file", fix)
    return path


def _beside(value: Any, folder: Path, most: int) -> Path:
    """Which file beside brand.yml is meant?"""
    fix = f"put the file beside {BRAND_FILE} and write its name"
    if not isinstance(value, str):
        raise _refused("this is no name of a file", fix)
    try:
        path = inside(folder, value).resolve()
    except AlignError as error:
        raise _refused(f"{value!r} is a link or leads out of the folder", fix) from error
    if not path.is_file():
        raise _refused(f"{value!r} is not there", fix)
    if path.stat().st_size > most:
        raise _refused(f"{value!r} is larger than {most // 1_000_000} MB", "choose a smaller file")
    return path


_KEYS: dict[str, Callable[[Any, Path], Any]] = {
    "name": _name, "sales": _colour, "marketing": _colour, "logo": _logo, "paper": _paper, "fonts": _fonts,
}  # fmt: skip


def _clashes(brand: Brand) -> list[tuple[str, str]]:
    """What is wrong with the two colours, and what cures it? Nothing with the kit's own."""
    found = []
    for team, colour in (("sales", brand.sales), ("marketing", brand.marketing)):
        if (ratio := min(contrast(colour, ground) for ground in (WHITE, BAND))) < CONTRAST:
            told = f"contrast {ratio:.2f} on the band that marks a gap, {BAND}; at least {CONTRAST} is needed there"
            found.append((f"{team} {colour}: {told}", "take a darker one"))
        for taken, name, full, other in _TAKEN:
            if seen := _alike(colour, taken, full, other):
                found.append((f"{team} {colour}: too close to {name}, {taken}, {seen}", "take another hue"))
    if seen := _alike(brand.sales, brand.marketing, APART, APART):
        pair = f"sales {brand.sales} and marketing {brand.marketing}"
        cure = "take a blue and an orange, or leave both out"
        found.append((f"{pair}: cannot be told apart well enough {seen}", cure))
    return found


def _alike(one: str, other: str, full: float, lacking: float) -> str:
    """To which eyes are two colours closer than the floor, the first that is found? Empty when to none."""
    for vision in VISION:
        floor = full if vision == next(iter(VISION)) else lacking
        if (distance := difference(one, other, vision)) < floor:
            return f"{vision} (distance {distance:.1f}, at least {floor:.0f})"
    return ""
