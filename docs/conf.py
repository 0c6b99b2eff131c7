"""How does the playbook become a small site that loads nothing from elsewhere? Read by Sphinx: `make docs`."""

import re
import sys
from pathlib import Path

import yaml

sys.path.insert(0, str(Path(__file__).parent))
from reference import SAMPLES, made

project = "alignlib"
author = "alignlib"
project_copyright = ""  # the licence stands in the repository
extensions = ["myst_parser"]
# The sources are the repository itself, so that a page links to the same files from the site, a clone and a browser.
include_patterns = ["docs/*.md", "docs/*/*.md", "playbook/*.md", "tests/reference/*.md", "README.md", "DECISIONS.md",
                    "CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md"]  # fmt: skip
exclude_patterns = [".*", "demo", "site", "src", "notebooks", "benchmarks"]  # not walked through
root_doc = "docs/index"
nitpicky = True
suppress_warnings = ["myst.header"]  # a page for people may skip a level of headings
myst_heading_anchors = 3
myst_links_external_new_tab = False
smartquotes = False  # quotation marks stand as they were written

html_theme = "furo"
html_title = "Sales and Marketing alignment: playbook"
html_extra_path = [str(path) for path in sorted(SAMPLES.glob("*.*")) if path.is_file()]  # the sample reports
html_static_path = ["site.css"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_permalinks = False
templates_path = ["."]
html_additional_pages = {"index": "start.html"}  # the front door of the folder leads to the first page
html_theme_options = {"footer_icons": [], "source_repository": None}
pygments_style = "default"
highlight_language = "none"  # a block without a language is a command, and no Python

# What the head of a play tells that its text does not, in this order.
_HEAD = {"minutes": "Minutes", "people": "People", "bring": "Bring", "evidence": "Evidence", "owner": "Owner",
         "days": "Run by, in days after the as-of day of the audit"}  # fmt: skip


def _for_the_page(app: object, page: str, source: list[str]) -> None:
    """Fill in what is made from the code; show a play's head under its title, and its steps as they stand."""
    text = made(source[0])
    parts = text.split("---\n", 2)
    if re.match(r"playbook/P\d", page) and len(parts) == 3:
        head = yaml.safe_load(parts[1])
        rows = "".join(f"| {said} | {head[name]} |\n" for name, said in _HEAD.items() if name in head)
        table = f"*{head['question']}*\n\n| At a glance | This play |\n|---|---|\n{rows}"
        text = re.sub(r"^(# .+)$", lambda title: f"{title[1]}\n\n{table}", parts[2], count=1, flags=re.M)
    if page.startswith("playbook/"):
        text = re.sub(r"(?m)^((?:\d+\. |- | {2,})\S.*)$(?=\n {2,}\S)", r"\1  ", text)  # two spaces: a new line
    source[0] = text


def _made_anew(app: object, env: object, added: set[str], changed: set[str], removed: set[str]) -> list[str]:
    """Read these pages each time: what they are made of is the code."""
    return [page for page in getattr(env, "found_docs", ()) if page.startswith("docs/")]


# What the theme leaves out and a screen reader or a keyboard needs: levels of headings, names of regions, a way to
# scroll what is wider than the page.
_MENDED = {
    ' role="heading">': ' role="heading" aria-level="2">',
    '<aside class="sidebar': '<aside aria-label="Contents" class="sidebar',
    '<aside class="toc-drawer': '<aside aria-label="On this page" class="toc-drawer',
    "<pre>": '<pre tabindex="0">',
    '<div class="table-wrapper': '<div tabindex="0" class="table-wrapper',
}


def _mend(app, error: Exception | None) -> None:  # type: ignore[no-untyped-def]
    """Mend each page that was built; the sample reports beside them stay as they were made."""
    for page in () if error else app.env.found_docs:
        path = Path(app.outdir, f"{page}.html")
        text = path.read_text(encoding="utf-8")
        for theirs, ours in _MENDED.items():
            text = text.replace(theirs, ours)
        path.write_text(text, encoding="utf-8")


def setup(app) -> None:  # type: ignore[no-untyped-def]
    app.connect("source-read", _for_the_page)
    app.connect("env-get-outdated", _made_anew)
    app.connect("build-finished", _mend)
