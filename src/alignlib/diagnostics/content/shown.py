"""Was the content ever shown to sellers?"""

from alignlib.diagnostics.content.parts import at_least, records
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
    n = len(stock.assets)
    if not n or not tables.has("training"):
        return Part()
    k = int(records(tables, _SHOWN, as_of=settings.as_of)[0]["n"])
    return Part([finding(
        "content.shown", "shown_content", Measure(value=k / n, unit="share", k=k, n=n), settings,
        at_least(value(k / n, "share"), "of assets were ever shown to a seller"), theme="content", play="P14",
        counted=f"{of(k, n)} assets in the record of training",
        settle="the record of training: the asset and the day it was shown",
    )])  # fmt: skip
