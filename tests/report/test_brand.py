"""Is a firm's brand taken only as it can be shown, with every fault of the file named at once?"""

import io
import re
from pathlib import Path

import pytest
from PIL import Image

from alignlib.errors import AlignError
from alignlib.files import write_file
from alignlib.report.brand import _KEYS, PLAIN, Brand, read_brand
from alignlib.report.colours import VISION, contrast, difference
from alignlib.resources import resource

FONTS = resource("templates", "report", "fonts")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with a logo and a font, as a consultant would fill it."""
    out = io.BytesIO()
    Image.new("RGB", (40, 20), "#14497F").save(out, "PNG")
    write_file(tmp_path / "logo.png", out.getvalue())
    write_file(tmp_path / "Firm.ttf", next(FONTS.glob("*.ttf")).read_bytes())
    return tmp_path


def read(folder: Path, text: str) -> Brand:
    return read_brand(write_file(folder / "brand.yml", text))


def faults(folder: Path, text: str) -> list[str]:
    with pytest.raises(AlignError) as raised:
        read(folder, text)
    assert {problem.code for problem in raised.value.problems} == {"E-BRAND"}
    assert all(problem.where.startswith("brand.yml") and problem.fix for problem in raised.value.problems)
    return [str(problem) for problem in raised.value.problems]


def test_every_setting_is_taken_over(folder: Path) -> None:
    text = ('name: "  Weber &  Söhne "\nlogo: logo.png\nsales: "#0b5d3b"\nmarketing: "#7B2D8B"\npaper: letter\n'
            "fonts: [Firm.ttf]\n")  # fmt: skip
    brand = read(folder, text)
    assert (brand.name, brand.paper) == ("Weber & Söhne", "letter")
    assert (brand.sales, brand.marketing) == ("#0B5D3B", "#7B2D8B")
    assert Image.open(io.BytesIO(brand.logo)).size == (40, 20)
    assert [Path(font).name for font in brand.fonts] == ["Firm.ttf"] and Path(brand.fonts[0]).is_absolute()


@pytest.mark.parametrize("text", ["", "# nothing but words\n", "name:\nlogo: null\nfonts: ~\n"])
def test_without_settings_the_kit_looks_as_it_does(folder: Path, text: str) -> None:
    assert read(folder, text) == PLAIN


def test_the_page_that_new_copies_is_valid_as_it_stands_and_switched_on(folder: Path) -> None:
    text = resource("templates", "engagement", "brand.yml").read_text(encoding="utf-8")
    assert read(folder, text) == PLAIN
    on = re.sub(r"(?m)^#(?=\S)", "", text)
    write_file(folder / "NotoSansCJK-Regular.ttc", (folder / "Firm.ttf").read_bytes())
    brand = read(folder, on)
    assert brand._replace(name="", logo=b"", fonts=()) == PLAIN and brand.name and brand.logo and brand.fonts
    assert all(f"\n#{key}:" in text for key in _KEYS) and set(_KEYS) == set(Brand._fields)


def test_all_faults_are_told_at_once_with_their_lines(folder: Path) -> None:
    told = faults(
        folder, 'nmae: Firm\nsales: blue\npaper: a5\nlogo: ../logo.png\nfonts: Firm.ttf\nmarketing: "#FFCC00"\n'
    )
    assert len(told) == 6
    for line, words in [(1, "did you mean 'name'"), (2, "quotation marks"), (3, "a4 or letter"),
                        (4, "leads out of the folder"), (5, "no list of font files")]:  # fmt: skip
        assert any(f"brand.yml, line {line}: " in each and words in each for each in told), (line, told)
    assert any("marketing #FFCC00: contrast 1.30" in each and "at least 4.5" in each for each in told)


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("name: " + "x" * 81, "longer than 80 characters"),
        ("name: [a, b]", "this is no name"),
        ("sales: 14497F", "this is no colour"),
        ('sales: "#14497F; background: url(x)"', "this is no colour"),
        ('sales: "#14497"', "this is no colour"),
        ("paper: {a4: 1}", "no page size"),
        ("logo: nowhere.png", "'nowhere.png' is not there"),
        ("logo: brand.yml", "it is not a PNG file"),
        ("logo: [logo.png]", "no name of a file"),
        ("logo: /etc/hostname", "leads out of the folder"),
        ("logo: .", "is not there"),
        ("fonts: [logo.png]", "logo.png is no font file"),
        ("fonts: [../Firm.ttf]", "leads out of the folder"),
        ("fonts: [" + "Firm.ttf, " * 21 + "]", "more than 20"),
        ("- a\n- b", "no list of settings"),
        ("name: a\nname: b", "line 2: 'name' is given twice"),
        ("name: &x a", "anchors, aliases and tags"),
        ("name: !!python/object:os.system a", "anchors, aliases and tags"),
        ("name: 'a", "not valid YAML"),
    ],
)  # fmt: skip
def test_what_cannot_be_used_is_refused(folder: Path, text: str, why: str) -> None:
    assert any(why in each for each in faults(folder, text))


def test_a_link_and_a_file_that_is_too_large_are_refused(folder: Path) -> None:
    (folder / "link.png").symlink_to(folder / "logo.png")
    assert "is a link" in faults(folder, "logo: link.png")[0]
    with (folder / "big.ttf").open("wb") as handle:
        handle.truncate(30_000_001)
    assert "larger than 30 MB" in faults(folder, "fonts: [big.ttf]")[0]
    with pytest.raises(AlignError, match="cannot be read"):
        read_brand(folder / "missing.yml")


@pytest.mark.parametrize(
    ("sales", "marketing", "why"),
    [
        ("#2E7D32", "#C62828", "cannot be told apart well enough with protanopia"),
        ("#006400", "#8C3A00", "cannot be told apart well enough with"),
        ("#1F4E9E", "#6A3FA0", "sales #1F4E9E and marketing #6A3FA0: cannot be told apart"),
        ("#14497F", "#14497F", "with full colour vision (distance 0.0, at least 20)"),
        ("#14497F", "#B0123B", "marketing #B0123B: too close to the accent"),
        ("#C8102E", "#00566B", "sales #C8102E: too close to the accent"),
        ("#1B1F24", "#9C5A00", "sales #1B1F24: too close to the ink"),
        ("#14497F", "#A96300", "marketing #A96300: contrast 4."),
    ],
)  # fmt: skip
def test_colours_that_some_readers_would_confuse_are_refused(
    folder: Path, sales: str, marketing: str, why: str
) -> None:
    told = faults(folder, f'sales: "{sales}"\nmarketing: "{marketing}"\n')
    assert any(why in each for each in told), told


@pytest.mark.parametrize(
    ("sales", "marketing"), [(PLAIN.sales, PLAIN.marketing), ("#0B2545", "#8A4B08"), ("#0B5D3B", "#7B2D8B")]
)
def test_colours_that_everybody_tells_apart_pass(folder: Path, sales: str, marketing: str) -> None:
    assert read(folder, f'sales: "{sales}"\nmarketing: "{marketing}"\n').sales == sales


def test_one_colour_alone_is_held_against_the_other_of_the_kit(folder: Path) -> None:
    assert "#9C5A00: cannot be told apart" in faults(folder, 'sales: "#8A5A10"')[-1]


def test_the_kits_own_pair_is_as_far_apart_as_is_said() -> None:
    apart = [difference(PLAIN.sales, PLAIN.marketing, vision) for vision in VISION]
    assert min(apart) == pytest.approx(46.2, abs=0.1)
    assert contrast(PLAIN.marketing, "#F1EEE7") == pytest.approx(4.7, abs=0.05)
    assert contrast(PLAIN.sales, "#FFFFFF") == pytest.approx(9.2, abs=0.05)
