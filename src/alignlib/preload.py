"""What does a warm process do before it is forked? It imports what every audit needs, and reads what never changes.

Nothing here may start a thread, open DuckDB or an Arrow pool: forks would inherit what they cannot use.
"""

import alignlib
from alignlib.runs.notebook import PRELOAD as NOTEBOOKS

# Beside our own modules those that libraries import only once they are used.
PRELOAD = (
    "alignlib.pipeline", "alignlib.intake.snapshot", "alignlib.intake.database", "alignlib.intake.mappings",
    "alignlib.intake.read", "alignlib.intake.rows", "alignlib.intake.rejected", "alignlib.samples",
    "alignlib.diagnostics.survey", "alignlib.diagnostics.content", "alignlib.diagnostics.funnel",
    "alignlib.audit.comparison", "alignlib.report.html", "alignlib.report.pdf", "alignlib.report.pptx",
    "alignlib.report.xlsx", "alignlib.report.worklist", "duckdb", "pandas.core.methods.to_dict",
    "pandas.core.reshape.reshape", "pyarrow.dataset", "pyarrow.pandas_compat", "pyarrow.csv", "scipy.stats",
    "jinja2.async_utils", "jinja2.bccache", "typst", "lxml.etree", "PIL.ImageFont", "pptx", "xlsxwriter",
    "fontTools.ttLib.ttFont", "fontTools.ttLib.ttGlyphSet", "fontTools.ttLib.tables._c_m_a_p",
    "fontTools.ttLib.tables._p_o_s_t", "fontTools.ttLib.tables._m_a_x_p", "fontTools.ttLib.tables.D_S_I_G_",
    "python_calamine", *NOTEBOOKS, "alignlib.preload:read_ahead",
)  # fmt: skip


def public_names() -> None:
    """Which names does a notebook find in ``alignlib``? Importing the module ``show`` has hidden the function."""
    alignlib.__getattr__("show")


def read_ahead() -> None:
    """What is read and compiled once for all forks: the kit's own words, templates and fonts, kept by their caches?"""
    from nbformat.validator import get_validator

    from alignlib.diagnostics.survey.structure import checklist
    from alignlib.grievances import read_docket
    from alignlib.instrument import languages, read_instrument
    from alignlib.intake.exports import name_asked
    from alignlib.intake.synonyms import synonyms
    from alignlib.report import html
    from alignlib.report.plots import chart_template
    from alignlib.report.printable import characters
    from alignlib.resources import plays, resource
    from alignlib.show import view_template

    get_validator()  # type: ignore[no-untyped-call]  # of notebooks
    for ask in (checklist, name_asked, plays, public_names, read_docket, read_instrument, synonyms, view_template):
        ask()
    for language in languages():
        read_instrument(language)
    chart_template()
    templates = html.templates()
    for name in templates.list_templates(extensions=["j2", "css"]):
        templates.get_template(name)
    for font in resource("templates", "report", "fonts").glob("*.ttf"):
        characters(str(font))
