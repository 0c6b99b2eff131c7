"""On which file is a deck built? A firm's own template, checked and emptied, or the kit's plain one."""

import io
import re
import zipfile
from typing import TYPE_CHECKING, Any

from alignlib.charts.canvas import MARKETING, SALES
from alignlib.errors import AlignError, Problem
from alignlib.report.brand import Brand
from alignlib.resources import resource

if TYPE_CHECKING:
    from pptx.presentation import Presentation

LAYOUTS = ("Title Slide", "Title Only")
MOST_BYTES, _MOST_INFLATED, _MOST_MEMBERS = 20_000_000, 200_000_000, 5_000
_FIX = "save it in PowerPoint as a presentation (.pptx) without macros, and give that file"
_KEPT = ("slideMaster", "notesMaster", "theme", "tableStyles", "presProps", "font")  # of what a presentation refers to
_DROPPED = ("custShowLst", "photoAlbum", "custDataLst", "kinsoku", "modifyVerifier", "extLst", "handoutMasterIdLst",
            "smartTags")  # fmt: skip


def open_template(template: bytes) -> "Presentation":
    """Which empty presentation does a firm's file hold? Its slides are dropped, and whom it says wrote it.

    Raises AlignError (E-TEMPLATE): no presentation, too large, with macros or linked files, without a layout that it
    needs or that layout's title.
    """
    _check(template)
    from pptx import Presentation

    try:
        deck = Presentation(io.BytesIO(template))
        _empty(deck)
        names = [each.name for each in deck.slide_layouts if title_of(each) is not None]
    except Exception as error:  # whatever a damaged file makes the library raise
        raise _refused("this file is no presentation that can be read") from error
    if missing := [wanted for wanted in LAYOUTS if wanted.lower() not in [name.strip().lower() for name in names]]:
        there = ", ".join(f"“{name}”" for name in names[:30]) or "none"
        lacking = " and ".join(f"“{name}”" for name in missing)
        what = f"the template lacks the layout {lacking} with a title; it has {there}"
        fix = "in PowerPoint, View, Slide Master: name two layouts “Title Slide” and “Title Only”, each with a title"
        raise AlignError(Problem("E-TEMPLATE", what, fix=fix))
    return deck


def plain(brand: Brand) -> "Presentation":
    """Which empty presentation is the kit's own, in a brand's colours: 16:9, Georgia and Arial, all on one grid?"""
    from pptx import Presentation

    deck = Presentation(str(resource("templates", "report", "plain.pptx")))
    theme: Any = next(each.target_part for each in deck.slide_master.part.rels.values() if "/theme" in each.reltype)
    colours = {SALES[1:].encode(): brand.sales[1:].encode(), MARKETING[1:].encode(): brand.marketing[1:].encode()}
    theme._blob = re.sub(b"|".join(colours), lambda found: colours[found[0]], theme.blob)
    return deck


def layout(deck: "Presentation", name: str) -> Any:
    """Which layout carries this name? Capitals do not count."""
    return next(each for each in deck.slide_layouts if each.name.strip().lower() == name.lower())


def title_of(layout: Any) -> Any:
    """Which place of a layout, of whatever size, holds the title, if any does?"""
    from pptx.enum.shapes import PP_PLACEHOLDER

    titles = (PP_PLACEHOLDER.TITLE, PP_PLACEHOLDER.CENTER_TITLE)
    return next((each for each in layout.placeholders if each.placeholder_format.type in titles and each.width), None)


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
