"""Was the content ever shown to sellers?"""

from alignlib.diagnostics.content.parts import records
from alignlib.diagnostics.content.stock import Stock
from alignlib.engagement import Settings
from alignlib.intake.tables import Tables
from alignlib.judging import finding
from alignlib.result import Measure, Part
from alignlib.words import of, value

_SHOWN = """select count(*) as n from assets_now
where asset_id in (select asset_id from training where trained_on <= $as_of)"""


def part(tables: Tables, settings: Settings, stock: Stock) -> Part:
    """Which share of the assets that stand was any seller ever shown? Counted, from the record of training."""
    if not tables.has("training"):
        return Part()
    k, n = int(records(tables, _SHOWN, as_of=settings.as_of)[0]["n"]), len(stock.assets)
    if not n:
        return Part()
    said = value(k / n, "share")
    return Part([finding(
        "content.shown", "shown_content", Measure(value=k / n, unit="share", k=k, n=n), settings,
        {
            "beyond": f"Only {said} of assets were ever shown to a seller", "unclear": "",
            "good": f"{said} of assets were shown to sellers, as agreed",
            "none": f"{said} of assets were shown to sellers",
        },
        theme="content", play="P14", counted=f"{of(k, n)} assets in the record of training",
        settle="the record of training: the asset and the day it was shown",
    )])  # fmt: skip
