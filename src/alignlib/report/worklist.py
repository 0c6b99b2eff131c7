"""Which workbook does a content owner filter, correct and send back? The work list, and how to correct it."""

import io

from alignlib.report import cells
from alignlib.result import Record

FILE, KEY = "content-work-list.xlsx", "content.worklist"
DECISIONS = ["keep", "fix", "teach", "tailor", "retire"]
_WIDTHS = {"title": 44, "reason": 44, "decision": 12, "disposition": 12}
_OTHERS, _HEAD = 20, {"bold": True, "bg_color": "#EFEDE8", "bottom": 1}
HOW_TO = (
    "These are read: Decision, Decided on, Conversations, Segments, Personas, Reviewed on, Expires on.",
    f"Decision: {', '.join(DECISIONS[:-1])} or {DECISIONS[-1]}. An empty one leaves the asset to the rules.",
    "Conversations (C1 to C5), Segments and Personas: put ; between several. The word none clears them; an empty cell "
    "leaves what stands in the library.",
    "Days: as dates of the spreadsheet, or as 2026-03-31.",
    "Leave the column Asset as it is: it says which asset a line is about. Lines to create name none and are not read.",
    "Send this workbook back. Whoever runs the audit puts it among the files and maps it to asset_decisions in "
    "engagement.yml; it counts at the next audit.",
)


def workbook(record: Record) -> bytes | None:
    """Which XLSX file holds the work list of this audit? None when no content was judged.

    One row an asset, and one for each asset to be made; headers are those that intake reads back as the table
    ``asset_decisions``. Days are dates, counts numbers, all else text: no formula and no link; a list offers the
    decisions. A second sheet tells how to correct it.
    """
    found = next((each for each in record.results["content"].exhibits if each.key == KEY), None)
    if found is None:
        return None
    out = io.BytesIO()
    book = cells.open_book(out, "Content work list", record)
    sheet, how = book.add_worksheet("Work list"), book.add_worksheet("How to")
    looks = (_HEAD, {"text_wrap": True}, {"num_format": cells.DAY}, {"text_wrap": True, **cells.look("=")})
    head, wrap, day, wary = (book.add_format(each) for each in looks)
    for at, column in enumerate(found.columns):
        sheet.set_column(at, at, _WIDTHS.get(column.name, _OTHERS), day if column.unit == "date" else wrap)
        sheet.write_string(0, at, column.label, head)
        for row, values in enumerate(found.rows, 1):
            value = values[column.name]
            if column.unit == "date" and (when := cells.day(value)):
                sheet.write_datetime(row, at, when[0], day)
            elif column.unit == "count" and value is not None:
                sheet.write_number(row, at, float(str(value)))
            elif value is not None:
                said = cells.text(value)
                sheet.write_string(row, at, said, wary if cells.look(said) else wrap)
        if column.name == "decision":
            sheet.data_validation(1, at, len(found.rows), at, {"validate": "list", "source": DECISIONS})
    how.set_column(0, 0, 100, wrap)
    for row, line in enumerate(HOW_TO):
        how.write_string(row, 0, line)
    sheet.freeze_panes(1, 1)
    sheet.autofilter(0, 0, len(found.rows), len(found.columns) - 1)
    book.close()
    return out.getvalue()
