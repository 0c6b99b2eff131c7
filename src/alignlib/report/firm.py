"""On which file is a deck built? A firm's own template, checked and emptied, or a plain one with the kit's type."""

import io
import zipfile
from typing import TYPE_CHECKING, Any

from alignlib.charts.canvas import INK, TEXT
from alignlib.errors import AlignError, Problem
from alignlib.report.brand import Brand
from alignlib.report.frames import child

if TYPE_CHECKING:
    from pptx.presentation import Presentation

LAYOUTS = ("Title Slide", "Title Only")
MOST_BYTES, _MOST_INFLATED, _MOST_MEMBERS = 20_000_000, 200_000_000, 5_000
_FIX = "save it in PowerPoint as a presentation (.pptx) without macros, and give that file"
_KEPT = ("slideMaster", "notesMaster", "theme", "tableStyles", "presProps", "font")  # of what a presentation refers to
_DROPPED = ("custShowLst", "photoAlbum", "custDataLst", "kinsoku", "modifyVerifier", "extLst", "handoutMasterIdLst",
            "smartTags")  # fmt: skip
_INCH = 914_400
WIDTH, HEIGHT, MARGIN = int(13.333 * _INCH), int(7.5 * _INCH), int(0.6 * _INCH)
_A = "{http://schemas.openxmlformats.org/drawingml/2006/main}"
_TYPEFACES = {"majorFont": "Georgia", "minorFont": "Arial"}
LOGO = (10.65, 0.55, 2.083, 0.83)  # left, top, width, height of the logo on the cover, in inches
_PLACES = {  # of the plain template's placeholders on the master: left, top, width, height, in inches
    "title": (0.6, 0.62, 12.133, 0.86), "ftr": (0.6, 6.98, 8.4, 0.3), "dt": (9.1, 6.98, 2.5, 0.3),
    "sldNum": (11.733, 6.98, 1.0, 0.3),
}  # fmt: skip


def open_template(template: bytes | None, brand: Brand) -> "Presentation":
    """Which empty presentation is the deck built on? Slides of a template are dropped, and whom it says wrote it.

    Raises AlignError (E-TEMPLATE): no presentation, too large, with macros or linked files, a layout missing.
    """
    if template is None:
        return _plain(brand)
    _check(template)
    from pptx import Presentation

    try:
        deck = Presentation(io.BytesIO(template))
        _empty(deck)
        names = [layout.name for layout in deck.slide_layouts]
    except Exception as error:  # whatever a damaged file makes the library raise
        raise _refused("this file is no presentation that can be read") from error
    if missing := [wanted for wanted in LAYOUTS if wanted.lower() not in [name.strip().lower() for name in names]]:
        there = ", ".join(f"“{name}”" for name in names[:30]) or "none"
        what = f"the template lacks the layout {' and '.join(f'“{name}”' for name in missing)}; it has {there}"
        fix = "in PowerPoint, View, Slide Master: rename the layouts to be used to “Title Slide” and “Title Only”"
        raise AlignError(Problem("E-TEMPLATE", what, fix=fix))
    return deck


def layout(deck: "Presentation", name: str) -> Any:
    """Which layout carries this name? Capitals do not count."""
    return next(each for each in deck.slide_layouts if each.name.strip().lower() == name.lower())


def _refused(what: str) -> AlignError:
    return AlignError(Problem("E-TEMPLATE", what, fix=_FIX))


def _check(template: bytes) -> None:
    """Is this a presentation of a size that can be read safely, without macros and without links to files?"""
    if len(template) > MOST_BYTES:
        raise _refused("the template is larger than 20 MB")
    try:
        with zipfile.ZipFile(io.BytesIO(template)) as file:
            members = file.infolist()
            names = [member.filename for member in members]
            if len(members) > _MOST_MEMBERS or sum(member.file_size for member in members) > _MOST_INFLATED:
                raise _refused("the template holds more than 200 MB, or more than 5,000 parts")
            types = file.read("[Content_Types].xml").lower()
            linked = [name for name in names if name.endswith(".rels") and _links(file.read(name))]
    except (zipfile.BadZipFile, KeyError, RuntimeError, NotImplementedError, OSError, EOFError, ValueError) as error:
        raise _refused("this file is no presentation") from error
    if b"presentationml" not in types:
        raise _refused("this file is no presentation")
    active = ("vbaproject", "activex", "/oleobject", "vbadata")
    if b"macroenabled" in types or any(each in name.lower() for name in names for each in active):
        raise _refused("the template holds macros or active content")
    if linked:
        raise _refused("the template links to files outside of itself, which would be fetched when the deck is opened")


def _links(relations: bytes) -> bool:
    from pptx.oxml import parse_xml

    try:
        root = parse_xml(relations)
    except SyntaxError as error:  # what the library's parser raises is one
        raise ValueError("damaged relationships") from error
    return any(
        each.get("TargetMode") == "External" and not str(each.get("Type")).endswith("/hyperlink") for each in root
    )


def _empty(deck: "Presentation") -> None:
    """Drop the template's slides, and every part that says who worked on it or refers to what is gone."""
    listed = deck.slides._sldIdLst
    for each in list(listed):
        listed.remove(each)
    element = deck.part._element
    for each in list(element):
        if str(each.tag).rsplit("}", 1)[-1] in _DROPPED:
            element.remove(each)
    for key, relation in list(deck.part.rels.items()):
        if relation.reltype.rsplit("/", 1)[-1] not in _KEPT:
            deck.part.rels.pop(key)
    package = deck.part.package
    for key, relation in list(package._rels.items()):
        if relation.reltype.rsplit("/", 1)[-1] not in ("officeDocument", "core-properties"):
            package._rels.pop(key)


def _plain(brand: Brand) -> "Presentation":
    """A deck without a firm's template: 16:9, Georgia and Arial, everything on one grid with the same margins."""
    from pptx import Presentation
    from pptx.util import Emu

    deck = Presentation()
    _empty(deck)
    wider = WIDTH / (deck.slide_width or WIDTH)
    deck.slide_width, deck.slide_height = Emu(WIDTH), Emu(HEIGHT)
    master: Any = deck.slide_master
    for shape in (*master.shapes, *(each for layout in master.slide_layouts for each in layout.placeholders)):
        if shape._element.xpath("./p:spPr/a:xfrm"):
            shape.left, shape.width = int(shape.left * wider), int(shape.width * wider)
    for shape in master.placeholders:
        if place := _PLACES.get(_kind(shape)):
            shape.left, shape.top, shape.width, shape.height = (int(each * _INCH) for each in place)
        if _kind(shape) in ("ftr", "sldNum"):
            _align(shape, "l" if _kind(shape) == "ftr" else "r")
            _flush(shape, "ctr")
    _style(master, brand)
    cover = layout(deck, LAYOUTS[0])
    places = {"ctrTitle": (0.6, 1.55, 11.0, 1.75), "subTitle": (0.6, 3.45, 11.0, 0.45)}
    for shape in cover.placeholders:
        if place := places.get(_kind(shape)):
            shape.left, shape.top, shape.width, shape.height = (int(each * _INCH) for each in place)
            _align(shape, "l")
            _flush(shape, "b" if _kind(shape) == "ctrTitle" else "t")
        for tint in shape._element.xpath(".//a:lvl1pPr//a:tint"):  # the client's name is ink, not grey
            tint.getparent().remove(tint)
    cover._element.cSld.spTree.append(_slot())
    return deck


def _slot() -> Any:
    """An empty place for a picture, at the top right of the cover's layout."""
    from pptx.oxml import parse_xml
    from pptx.oxml.ns import nsdecls

    left, top, width, height = (int(each * _INCH) for each in LOGO)
    return parse_xml(
        f'<p:sp {nsdecls("p", "a")}><p:nvSpPr><p:cNvPr id="90" name="Logo" descr="Place for a logo"/><p:cNvSpPr>'
        '<a:spLocks noGrp="1"/></p:cNvSpPr><p:nvPr><p:ph type="pic" sz="quarter" idx="13"/></p:nvPr></p:nvSpPr><p:spPr>'
        f'<a:xfrm><a:off x="{left}" y="{top}"/><a:ext cx="{width}" cy="{height}"/></a:xfrm><a:prstGeom prst="rect">'
        '<a:avLst/></a:prstGeom></p:spPr><p:txBody><a:bodyPr lIns="0" rIns="0"/><a:lstStyle><a:lvl1pPr marL="0" '
        'indent="0" algn="r"><a:buNone/><a:defRPr sz="1100"/></a:lvl1pPr></a:lstStyle><a:p><a:r><a:rPr lang="en-GB"/>'
        '<a:t>Logo</a:t></a:r></a:p></p:txBody></p:sp>'
    )  # fmt: skip


def _kind(shape: Any) -> str:
    found = shape._element.xpath("./p:nvSpPr/p:nvPr/p:ph/@type")
    return found[0] if found else ""


def _align(shape: Any, side: str) -> None:
    style = shape._element.xpath("./p:txBody/a:lstStyle")[0]
    for level in style:
        level.set("algn", side)
    if not len(style):
        child(style, "a:lvl1pPr", algn=side)
    for level in style.iter(f"{_A}lvl1pPr"):
        level.set("marL", "0")
        level.set("indent", "0")


def _style(master: Any, brand: Brand) -> None:
    """The theme's typefaces and colours, so that what a consultant adds looks like the rest; titles to the left."""
    from pptx.opc.oxml import serialize_part_xml
    from pptx.oxml import parse_xml

    theme = next(rel.target_part for rel in master.part.rels.values() if rel.reltype.endswith("/theme"))
    root: Any = parse_xml(theme.blob)
    for kind, face in _TYPEFACES.items():
        next(root.iter(f"{_A}{kind}")).find(f"{_A}latin").set("typeface", face)
    colours = {"dk1": INK, "dk2": TEXT, "accent1": brand.sales, "accent2": brand.marketing}
    for name, colour in colours.items():
        slot = next(root.iter(f"{_A}{name}"))
        for each in list(slot):
            slot.remove(each)
        child(slot, "a:srgbClr", val=colour.lstrip("#"))
    theme._blob = serialize_part_xml(root)
    for level in master._element.xpath("./p:txStyles/p:titleStyle/a:lvl1pPr"):
        level.set("algn", "l")
    for shape in master.placeholders:
        if _kind(shape) == "title":
            _flush(shape, "t")


def _flush(shape: Any, anchor: str) -> None:
    """Words begin at the edge of their place, so that all of a slide stands on one margin."""
    body = shape._element.xpath("./p:txBody/a:bodyPr")[0]
    for each in list(body):
        body.remove(each)
    for name in ("lIns", "rIns", "tIns", "bIns"):
        body.set(name, "0")
    body.set("anchor", anchor)
