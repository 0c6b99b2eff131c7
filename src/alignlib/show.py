"""How does a result look in a notebook? Text and tables through an escaping template, charts as pictures."""

from base64 import b64encode
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

from alignlib import charts, words
from alignlib.charts.tables import Table, table
from alignlib.resources import strict_templates
from alignlib.result import Exhibit, Finding, Result

if TYPE_CHECKING:
    from jinja2 import Template

_MOST_ROWS = 12
_ABSENT = {  # exhibits whose absence leaves no question open
    "audit.change": "No earlier audit was given",
    "audit.plan": "Nothing calls for a play",
}


@dataclass(frozen=True)
class View:
    """Something a notebook shows: HTML for people, one line of text where there is no browser."""

    html: str
    text: str

    def _repr_html_(self) -> str:
        return self.html

    def __repr__(self) -> str:
        return self.text


def show(what: Result | Exhibit | list[Finding] | list[Exhibit], key: str = "", currency: str = "") -> View:
    """How does this look: an exhibit, a result's exhibit by its ``key``, findings or exhibits, or a whole result?

    ``currency`` is the code that amounts are written with. An exhibit that this result could not make is named as
    such, with what would settle it: a missing file is no error here.
    """
    register()
    if isinstance(what, list):
        exhibits = [each for each in what if isinstance(each, Exhibit)]
        if exhibits:
            views = [_exhibit(each, currency) for each in exhibits]
            return View("".join(view.html for view in views), words.count(len(views), "exhibit"))
        what = [each for each in what if isinstance(each, Finding)]
        said = words.count(len(what), "finding") if what else "No findings"
        return View(_page(title="" if what else said, table=_findings(what), most=len(what)), said)
    if isinstance(what, Result) and key:
        found = next((exhibit for exhibit in what.exhibits if exhibit.key == key), None)
        return _exhibit(found, currency) if found else _missing(what, key)
    return _exhibit(what, currency) if isinstance(what, Exhibit) else View(result_html(what), what.headline)


def result_html(result: Result) -> str:
    """Which HTML stands for a whole result: headline, summary, findings, what was not judged?"""
    gaps = "; ".join(f"{gap.what} ({gap.why})" for gap in result.not_judged)
    notes = [("Not judged", gaps), ("Bear in mind", " ".join(result.caveats)), ("Based on", "; ".join(result.basis))]
    found = result.findings
    return _page(title=result.headline, lead=result.summary, table=_findings(found), most=len(found), notes=notes)


def register() -> None:
    """Is a result shown as HTML when a cell ends in it? From now on, where IPython runs; its record stays beside it."""
    try:
        from IPython.core.getipython import get_ipython
    except ImportError:
        return
    shell: Any = get_ipython()
    if shell is not None:
        shell.display_formatter.formatters["text/html"].for_type(Result, result_html)


def _exhibit(exhibit: Exhibit, currency: str) -> View:
    notes = [("How to read", exhibit.read), ("What it does not say", exhibit.says_not), ("Source", exhibit.source)]
    said: dict[str, Any] = {"title": exhibit.title, "lead": exhibit.lead, "alt": exhibit.alt, "notes": notes}
    if charts.drawable(exhibit):
        picture = charts.svg(charts.chart(exhibit, currency=currency), exhibit.alt)
        said |= {"picture": b64encode(charts.standalone(picture).encode()).decode(), "width": charts.WIDE}
    else:
        said["table"] = table(exhibit, currency)
        if exhibit.shape in ("docket", "strip"):  # read as a whole
            said["most"] = len(exhibit.rows)
    return View(_page(**said), exhibit.title)


def _missing(result: Result, key: str) -> View:
    """What stands for an exhibit that was not made: why nothing was to show, else the questions that stay open."""
    if key in _ABSENT:
        return View(_page(title=_ABSENT[key]), _ABSENT[key])
    title = f"Not judged: {key} could not be made from these data"
    notes = [(gap.what, f"{gap.why}. Would settle it: {gap.settle}.") for gap in result.not_judged]
    return View(_page(title=title, notes=notes), title)


def _findings(findings: list[Finding]) -> Table:
    rows = tuple((f.level, f.title, f.detail, f.play or "") for f in findings)
    return Table("Findings", ("Level", "Finding", "On what", "Play"), rows)


def _page(**said: Any) -> str:
    blank = {"title": "", "lead": "", "picture": "", "alt": "", "width": 0, "table": None, "notes": []}
    return view_template().render(blank | {"most": _MOST_ROWS} | said).strip()


@cache
def view_template() -> "Template":
    """Which template shows a view? Compiled once, not for each."""
    return strict_templates("notebook").get_template("view.html.j2")
