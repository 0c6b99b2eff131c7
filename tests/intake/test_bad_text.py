"""Files as they should not be, kinds B01 to B44: each is read without loss, or refused with place and cure.

Every test goes the public way: a folder with engagement.yml and data, checked and prepared.
"""

import datetime as dt
import io
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from alignlib.errors import Problem
from alignlib.intake import snapshot

Make = Callable[..., Any]
HEAD = "id,created,source\n"
COLUMNS = "columns: {lead_id: id, created_at: created, source: source}"
DEALS = "  - {file: o.csv, table: opportunities, columns: {opportunity_id: id, outcome: state, amount: sum%s}%s}\n"
EVENTS = "  - {file: e.csv, table: stage_events, columns: {lead_id: id, stage: stage, entered_at: at}}\n"


def accepted(engagement: Any) -> Any:
    """The checked tables, once every file balances and nothing stands in the way."""
    counts, _, problems, _ = snapshot.check(engagement.folder)
    assert not problems
    tables = engagement.open()
    assert [count.model_dump() for count in tables.row_counts] == [count.model_dump() for count in counts]
    assert all(count.read == count.used + count.rejected + count.excluded for count in counts)
    return tables


def rejected(engagement: Any) -> list[str]:
    """What `alignlib check` says of rejected rows, where each line has a code."""
    lines = snapshot.check(engagement.folder)[3]
    assert all("[E-" in line for line in lines)
    return lines


def refused(engagement: Any, code: str, where: str = "leads.csv") -> Problem:
    """The one problem that stops it, with its place and what to do; nothing is written, no path is told."""
    (problem,) = snapshot.check(engagement.folder)[2]
    assert (problem.code, problem.where) == (code, where)
    assert problem.what and problem.fix
    message = engagement.message()  # prepare refuses it as well, and writes nothing
    assert str(problem) in message and str(engagement.folder) not in message
    return problem


def column(tables: Any, name: str, table: str = "leads") -> list[Any]:
    return [row[0] for row in tables.connection.execute(f'select "{name}" from "{table}" order by record').fetchall()]


def fates(tables: Any) -> tuple[int, int, dict[str, int]]:
    """Of the one file: how many rows were read, how many used, and why the others were not."""
    (count,) = tables.row_counts
    return count.read, count.used, count.reasons


def notes(tables: Any) -> str:
    return "\n".join(note for group in tables.notes.values() for note in group)


def workbook(rows: list[list[Any]], epoch: Any = None) -> bytes:
    book, buffer = openpyxl.Workbook(), io.BytesIO()
    book.epoch = epoch or book.epoch
    for row in rows:
        book.active.append(row)  # type: ignore[union-attr]
    book.save(buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("content", [b"", b"\n\n\n", b"\xef\xbb\xbf", b" \t\r\n"])
def test_b01_an_empty_file_is_refused(leads: Make, content: bytes) -> None:
    assert refused(leads(content), "E-EMPTY").what == "the file is empty"


def test_b02_a_header_without_rows_is_accepted_as_no_data(leads: Make) -> None:
    tables = accepted(leads(HEAD))
    assert fates(tables) == (0, 0, {})
    assert not tables.has("leads")
    assert "leads.csv has a header and no rows." in notes(tables)


def test_b03_a_file_that_is_missing_is_refused_with_the_names_that_are_there(engage: Make) -> None:
    engagement = engage({"lead_2024.csv": HEAD}, f"  - {{file: leads_2024.csv, table: leads, {COLUMNS}}}\n")
    assert refused(engagement, "E-OPEN", "leads_2024.csv").allowed == "lead_2024.csv"


def test_b03_a_missing_data_folder_is_a_missing_file(leads: Make) -> None:
    engagement = leads(HEAD)
    (engagement.folder / "data" / "leads.csv").unlink()
    (engagement.folder / "data").rmdir()
    assert refused(engagement, "E-OPEN").allowed == "the data folder is empty"


def test_b03_a_file_that_may_not_be_read_is_refused(leads: Make, monkeypatch: pytest.MonkeyPatch) -> None:
    real = os.open

    def forbidden(path: Any, *rest: Any, **more: Any) -> int:
        if str(path).endswith("leads.csv"):
            raise PermissionError(13, "Permission denied", str(path))
        return real(path, *rest, **more)

    monkeypatch.setattr(os, "open", forbidden)  # not by chmod: whoever may read everything would pass
    problem = refused(leads(HEAD), "E-OPEN", "data")
    assert problem.what == "'leads.csv' cannot be opened (Permission denied)"
    assert "permissions" in problem.fix


def test_b04_a_byte_order_mark_is_no_part_of_the_first_name(leads: Make) -> None:
    tables = accepted(leads(b"\xef\xbb\xbf" + '"id",created,source\n1,2024-01-01,Zoë\n'.encode()))
    assert (column(tables, "lead_id"), column(tables, "source")) == (["1"], ["Zoë"])


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_b05_utf_16_with_its_mark_is_read(leads: Make, codec: str) -> None:
    tables = accepted(leads(("\ufeff" + HEAD + "1,2024-01-01,Zoë\n2,2024-01-02,Ωmega €\n").encode(codec)))
    assert fates(tables)[:2] == (2, 2)
    assert column(tables, "source") == ["Zoë", "Ωmega €"]


@pytest.mark.parametrize("codec", ["utf-16-le", "utf-16-be"])
def test_b06_utf_16_without_its_mark_is_known_by_its_nul_bytes_or_refused(leads: Make, codec: str) -> None:
    content = (HEAD + "1,2024-01-01,Zoë\n2,2024-01-02,web\n").encode(codec)
    assert column(accepted(leads(content)), "source") == ["Zoë", "web"]
    assert "is no utf-16" in refused(leads(content[:-1]), "E-ENC", "leads.csv, line 3").what


def test_b07_windows_1252_is_read_exactly_and_named(leads: Make) -> None:
    tables = accepted(leads((HEAD + "1,2024-01-01,“5 €” – naïve\n").encode("cp1252")))
    assert column(tables, "source") == ["“5 €” – naïve"]
    assert "leads.csv is not UTF-8; it was read as Windows-1252 (cp1252)." in notes(tables)


MIXED = (HEAD + "1,2024-01-01,Zoë\n").encode() + "2,2024-01-02,Zoë\n3,2024-01-03,web\n".encode("cp1252")


def test_b08_two_encodings_in_one_file_are_refused_with_byte_and_line(leads: Make) -> None:
    problem = refused(leads(MIXED), "E-ENC", "leads.csv, line 3")
    at = MIXED.index(b"\xeb\n")
    assert problem.what.startswith(f"byte {at} (0xEB)")
    assert "encoding_errors: replace" in problem.fix


def test_b08_where_declared_what_is_no_letter_is_replaced_and_counted(leads: Make) -> None:
    tables = accepted(leads(MIXED, "encoding_errors: replace"))
    assert column(tables, "source") == ["Zoë", "Zo\ufffd", "web"]
    assert "1 sign of leads.csv could not be read" in notes(tables)


def test_b09_a_row_with_nul_bytes_is_rejected_and_never_cut(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n2,2024-01-02,x\0y\n3,2024-01-03,c\n")
    tables = accepted(engagement)
    assert fates(tables) == (3, 2, {"E-NUL": 1})
    assert column(tables, "source") == ["a", "c"]
    (line,) = rejected(engagement)
    assert line.startswith("leads.csv, record 2:") and "(line 3)" in line and "export it again" in line


def test_b10_semicolons_and_decimal_commas_are_found_from_all_rows(engage: Make) -> None:
    sums = ["1.234,50", "99,90", "12.000.000,00", "-5", "0,05"]
    text = "id;state;sum\n" + "".join(f"{n};open;{each}\n" for n, each in enumerate(sums))
    tables = accepted(engage({"o.csv": text}, DEALS % ("", "")))
    assert column(tables, "amount", "opportunities") == [123450, 9990, 1200000000, -500, 5]
    assert fates(tables) == (5, 5, {})


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_b11_the_delimiter_is_found(leads: Make, mark: str) -> None:
    tables = accepted(leads((HEAD + "1,2024-01-01,plain\n2,2024-01-02,other\n").replace(",", mark)))
    assert fates(tables)[:2] == (2, 2)
    assert column(tables, "source") == ["plain", "other"]


def test_b12_excels_sep_line_is_obeyed_and_is_no_row(leads: Make) -> None:
    tables = accepted(leads("sep=;\r\nid;created;source\r\n1;2024-01-01;a,b,c\r\n2;2024-01-02;d,e,f\r\n"))
    assert fates(tables)[:2] == (2, 2)
    assert column(tables, "source") == ["a,b,c", "d,e,f"]


@pytest.mark.parametrize("above", ["Report of leads,,\n,,\n", "Report exported 2024-05-01,by the CRM,\n"])
def test_b13_lines_above_the_header_are_asked_about_and_skipped_as_told(leads: Make, above: str) -> None:
    content = above + HEAD + "1,2024-01-01,a\n"
    told = next(each for each in snapshot.check(leads(content).folder)[2] if "skip_rows" in each.fix)
    assert (told.code, told.where) == ("E-MAP", "leads.csv")
    cure = told.fix[told.fix.index("skip_rows") :]
    assert cure == f"skip_rows: {above.count(chr(10))}"
    tables = accepted(leads(content, cure))
    assert fates(tables) == (1, 1, {})
    assert f"The first {above.count(chr(10))} line" in notes(tables)


@pytest.mark.parametrize("footer", ["Total,,2", ",,Total", "Grand total:,,", "Summe,,"])
def test_b14_a_total_below_the_table_is_rejected_and_is_no_lead(leads: Make, footer: str) -> None:
    engagement = leads(HEAD + f"1,2024-01-01,a\n2,2024-01-02,Total\n{footer}\n")
    tables = accepted(engagement)
    assert fates(tables) == (3, 2, {"E-TOTAL": 1})
    assert column(tables, "lead_id") == ["1", "2"]
    assert "leads.csv, record 3, column 'id'" in rejected(engagement)[0]


def test_b15_a_row_with_a_field_too_many_is_rejected_and_shifts_nothing(leads: Make) -> None:
    body = "".join(f"{n},2024-01-0{n},s{n}{',more' if n == 2 else ''}\n" for n in range(1, 6))
    tables = accepted(leads(HEAD + body))
    assert fates(tables) == (5, 4, {"E-WIDTH": 1})
    assert column(tables, "source") == ["s1", "s3", "s4", "s5"]
    (line,) = rejected(leads(HEAD + body))
    assert line.startswith("leads.csv, record 2:") and "(4 fields, the header has 3 (line 3))" in line


def test_b16_an_empty_field_at_every_end_is_accepted_and_a_filled_one_refused(leads: Make) -> None:
    tables = accepted(leads(HEAD + "1,2024-01-01,a,\n2,2024-01-02,b,\n3,2024-01-03,c,\n"))
    assert fates(tables) == (3, 3, {})
    assert (column(tables, "lead_id"), column(tables, "source")) == (["1", "2", "3"], ["a", "b", "c"])
    problem = refused(leads(HEAD + "1,2024-01-01,a,x\n2,2024-01-02,b,y\n3,2024-01-03,c,\n"), "E-WIDTH")
    assert "2 of 3 records do not have the header's 3 fields" in problem.what


SHORT = HEAD + "1,2024-01-01,a\n2,2024-01-02\n3,2024-01-03,c\n"


def test_b17_a_row_with_a_field_too_few_is_rejected(leads: Make) -> None:
    engagement = leads(SHORT)
    assert fates(accepted(engagement)) == (3, 2, {"E-WIDTH": 1})
    (line,) = rejected(engagement)
    assert "record 2" in line and "2 fields, the header has 3" in line and "short_rows: pad" in line


def test_b17_where_declared_short_rows_are_filled_up_and_counted_and_long_ones_are_not_cut(leads: Make) -> None:
    tables = accepted(leads(SHORT + "4,2024-01-04,d,x\n", "short_rows: pad"))
    assert fates(tables) == (4, 3, {"E-WIDTH": 1})
    assert column(tables, "source") == ["a", None, "c"]
    assert "1 row of leads.csv filled up to the header's 3 fields, as declared." in notes(tables)


@pytest.mark.parametrize(
    ("body", "line"),
    [
        ('1,2024-01-01,"two\nlines"\n2,2024-01-02,"never closed\n3,2024-01-03,x\n', 4),
        ('1,2024-01-01,ok\n2,2024-01-02,"open\n3,2024-01-03,x\n4,2024-01-04,"closed"\n', 3),
    ],
)
def test_b18_a_quotation_mark_without_its_end_is_refused_with_the_line_it_opens_on(
    leads: Make, body: str, line: int
) -> None:
    assert "a quotation mark is opened here" in refused(leads(HEAD + body), "E-QUOTE", f"leads.csv, line {line}").what


def test_b19_line_breaks_commas_and_quotes_inside_a_field_are_one_record(leads: Make) -> None:
    tables = accepted(leads(HEAD + '1,2024-01-01,"a, b\nsaid ""yes"", then\r\nleft"\n2,2024-01-02,c\n'))
    assert fates(tables)[:2] == (2, 2)
    assert column(tables, "source") == ['a, b\nsaid "yes", then\r\nleft', "c"]


@pytest.mark.parametrize("ends", ["\r" * 4, "\n\r\n\r", ["\r\n", "\n", "\r", ""], ["\n", "\r\n", "\r\n", ""]])
def test_b20_any_and_mixed_line_endings_give_the_same_records(leads: Make, ends: Any) -> None:
    rows = [HEAD.strip(), "1,2024-01-01,a", "2,2024-01-02,b", "3,2024-01-03,c"]
    tables = accepted(leads("".join(row + end for row, end in zip(rows, ends, strict=True))))
    assert fates(tables)[:2] == (3, 3)
    assert column(tables, "source") == ["a", "b", "c"]


TWICE = "id,created,source,source\n1,2024-01-01,a,b\n2,2024-01-02,c,d\n"


def test_b21_one_name_over_two_columns_is_refused_unless_one_is_picked_by_its_number(leads: Make, engage: Make) -> None:
    assert "column_3" in refused(leads(TWICE), "E-DUPCOL").fix
    for number, values in ((3, ["a", "c"]), (4, ["b", "d"])):
        mapping = f"columns: {{lead_id: id, created_at: created, source: column_{number}}}"
        tables = accepted(engage({"leads.csv": TWICE}, f"  - {{file: leads.csv, table: leads, {mapping}}}\n"))
        assert column(tables, "source") == values


def test_b21_identical_copies_of_a_column_are_read_once_and_noted(leads: Make) -> None:
    tables = accepted(leads("id,created,source,source\n1,2024-01-01,a,a\n"))
    assert column(tables, "source") == ["a"]
    assert "leads.csv has the column source 2 times with the same content; one is read." in notes(tables)


def test_b22_names_are_matched_without_case_spaces_and_invisible_signs(leads: Make) -> None:
    head = "\ufeff ID\u00a0,Cre\u200bated , SOURCE\u2060\n"
    assert column(accepted(leads(head + "1,2024-01-01,web\n")), "source") == ["web"]
    problem = refused(leads("id,Created,source,created \n1,2024-01-01,a,2024-02-01\n"), "E-DUPCOL")
    assert "stands over 2 columns (number 2, 4) that differ" in problem.what


def test_b22_names_are_shown_as_the_file_has_them(leads: Make) -> None:
    problem = refused(leads("ID,CREATED On,Source\n1,2024-01-01,web\n"), "E-MAP")
    assert problem.what == "there is no column 'created'; nearest: CREATED On"
    assert problem.allowed == "ID, CREATED On, Source"


def test_b23_a_column_without_a_name_is_called_by_its_number_and_keeps_its_data(engage: Make) -> None:
    mapping = "columns: {lead_id: id, created_at: created, source: column_3}"
    files = {"leads.csv": "id,created,\n1,2024-01-01,web\n"}
    tables = accepted(engage(files, f"  - {{file: leads.csv, table: leads, {mapping}}}\n"))
    assert column(tables, "source") == ["web"]


def test_b24_a_required_column_that_nothing_fills_is_refused_by_name_and_meaning(engage: Make) -> None:
    engagement = engage({"leads.csv": "id\n1\n"}, "  - {file: leads.csv, table: leads, columns: {lead_id: id}}\n")
    problem = refused(engagement, "E-NOCOL")
    assert "leads needs created_at (when it was created)" in problem.what
    assert "created_at" in problem.fix


def test_b24_a_column_that_is_not_in_the_file_is_refused_with_the_nearest_names(leads: Make) -> None:
    problem = refused(leads("id,created_date,source\n1,2024-01-01,a\n"), "E-MAP")
    assert "there is no column 'created'; nearest: created_date" in problem.what


def test_b25_columns_that_nobody_maps_are_listed_and_their_values_stored_nowhere(leads: Make) -> None:
    engagement = leads("id,created,source,E-mail\n1,2024-01-01,a,zoe@example.org\n2,30 Feb,b,kim@example.org\n")
    accepted(engagement)
    assert snapshot.check(engagement.folder)[1]["files"] == [
        "1 column of leads.csv not mapped, and so not read: 'E-mail' (people are not read)."
    ]
    stored = b"".join(path.read_bytes() for path in (engagement.folder / "run").rglob("*") if path.is_file())
    assert b"example.org" not in stored
    assert "example.org" not in str(snapshot.check(engagement.folder))


def test_b26_headers_in_another_language_are_asked_about_and_read_once_mapped(engage: Make) -> None:
    files = {"leads.csv": "Lead-Nummer;Angelegt am;Größe\n1;15.03.2024;Süd\n"}
    said = snapshot.check(engage(files, "  - {file: leads.csv, table: leads}\n").folder)[2]
    assert {problem.code for problem in said} <= {"E-NOCOL", "E-MAP"} and said
    assert all(problem.where.startswith("leads.csv") and problem.fix for problem in said)
    mapping = "columns: {lead_id: Lead-Nummer, created_at: Angelegt am, segment: gröSSe}"
    tables = accepted(engage(files, f"  - {{file: leads.csv, table: leads, {mapping}}}\n"))
    assert (column(tables, "segment"), column(tables, "created_at")) == (["Süd"], [dt.datetime(2024, 3, 15)])


def test_b27_words_that_look_like_nothing_stay_words_unless_declared(leads: Make) -> None:
    words = ["NA", "None", "null", "NaN", "Null", "nan", "", "N/A", "#N/A"]
    text = HEAD + "".join(f"{n},2024-01-01,{word}\n" for n, word in enumerate(words))
    assert column(accepted(leads(text)), "source") == [word or None for word in words]
    declared = accepted(leads(text, 'values: {source: {"N/A": ""}}'))
    assert column(declared, "source").count(None) == 2


IDS = ["00123", "12E5", "+49301234", "123456789012345678", "1.0", "TRUE", "0x10", "1e-3", "-7", "2024-01-01"]


def test_b28_ids_that_look_like_numbers_stay_text_and_meet_again(leads: Make, engage: Make) -> None:
    ids = "".join(f"{each},2024-01-01,s\n" for each in IDS)
    touches = "who,at\n" + "".join(f"{each},2024-01-02\n" for each in IDS)
    inputs = f"  - {{file: leads.csv, table: leads, {COLUMNS}}}\n"
    inputs += "  - {file: t.csv, table: sales_touches, columns: {lead_id: who, touched_at: at}}\n"
    tables = accepted(engage({"leads.csv": HEAD + ids, "t.csv": touches}, inputs))
    assert column(tables, "lead_id") == IDS
    assert tables.query("select count(*) as n from leads join sales_touches using (lead_id)").n[0] == len(IDS)


def test_b29_ids_of_eighteen_digits_stay_exact_beside_blanks(leads: Make) -> None:
    ids = ["123456789012345678", "123456789012345679", "", "999999999999999999"]
    tables = accepted(leads(HEAD + "".join(f"{each},2024-01-01,s\n" for each in ids)))
    assert column(tables, "lead_id") == [each for each in ids if each]
    assert fates(tables) == (4, 3, {"E-VALUE": 1})


def test_b30_ids_that_differ_only_by_case_are_two_leads(leads: Make) -> None:
    tables = accepted(leads(HEAD + "00Q5e00000AbCdE,2024-01-01,a\n00Q5e00000abcde,2024-01-02,b\n"))
    assert fates(tables)[:2] == (2, 2)
    assert tables.query("select count(distinct lead_id) as n from leads").n[0] == 2


def test_b31_a_row_given_twice_counts_once(leads: Make) -> None:
    tables = accepted(leads(HEAD + "1,2024-01-01,a\n1,2024-01-01,a\n2,2024-01-02,b\n"))
    assert fates(tables) == (3, 2, {"identical duplicate": 1})


CHANGED = "id,created,source,Modified\n1,2024-01-01,old,%s\n2,2024-01-02,x,%s\n1,2024-01-01,new,%s\n"
MODIFIED = ("2024-02-01 10:00", "2024-02-02 10:00", "2024-02-01 10:01")


def test_b32_one_id_on_rows_that_differ_is_refused_with_both_rows_and_the_setting(leads: Make) -> None:
    problem = refused(leads(CHANGED % MODIFIED), "E-DUPID")
    assert "the first lead_id '1' (leads.csv, record 1 and leads.csv, record 3)" in problem.what
    assert "keep_latest" in problem.fix


@pytest.mark.parametrize(
    "dates", [MODIFIED, ("1 Feb 2024", "2 Feb 2024", "3 Mar 2024"), ("1/31/24 9:00", "1/1/24 8:00", "2/1/24 8:00")]
)
def test_b32_where_declared_the_latest_row_of_an_id_counts(leads: Make, dates: tuple[str, ...]) -> None:
    extra = "keep_latest: Modified" + (", date_order: mdy" if "/" in dates[0] else "")
    tables = accepted(leads(CHANGED % dates, extra))
    assert (column(tables, "lead_id"), column(tables, "source")) == (["2", "1"], ["x", "new"])
    assert fates(tables) == (3, 2, {"an older row of its id": 1})


def test_b32_an_id_of_several_columns_may_have_a_blank_one(engage: Make) -> None:
    inputs = "  - {file: p.csv, table: page_views, columns: {page: p, n_views: n, from_on: f}}\n"
    text = "p,n,f\n/a,1,2024-02-01\n/a,1,\n/b,3,\n/a,2,\n"
    assert (
        "'/a' (p.csv, record 2 and p.csv, record 4)"
        in refused(engage({"p.csv": text}, inputs), "E-DUPID", "p.csv").what
    )


@pytest.mark.parametrize("last", ["", "2024-02-01 10:00"])
def test_b32_rows_that_differ_and_are_equally_late_or_undated_stay_refused(leads: Make, last: str) -> None:
    refused(leads(CHANGED % (*MODIFIED[:2], last), "keep_latest: Modified"), "E-DUPID")


def test_b32_the_latest_row_counts_over_files_too(engage: Make) -> None:
    one = "  - {file: %s, table: leads, keep_latest: Modified, " + COLUMNS + "}\n"
    head = "id,created,source,Modified\n"
    files = {"a.csv": head + "1,2024-01-01,new,2024-03-01\n", "b.csv": head + "1,2024-01-01,old,2024-02-01\n"}
    tables = accepted(engage(files, one % "a.csv" + one % "b.csv"))
    assert column(tables, "source") == ["new"]
    assert [count.reasons for count in tables.row_counts] == [{}, {"an older row of its id": 1}]


def test_b33_spaces_at_the_ends_of_stage_names_are_trimmed_and_counted(engage: Make) -> None:
    labels = ["MQL ", " MQL", "\u00a0MQL", "MQL", "mql\u200b"]
    text = "id,stage,at\n" + "".join(f"{n},{label},2024-01-05\n" for n, label in enumerate(labels))
    tables = accepted(engage({"e.csv": text}, EVENTS, "stages: {MQL: mql}"))
    assert column(tables, "stage", "stage_events") == ["mql"] * 5
    assert "4 values of e.csv, column stage, had spaces at an end" in notes(tables)


def test_b34_an_unknown_stage_is_rejected_listed_and_counted(engage: Make) -> None:
    said = ["mql", "Nurture", "Nurture", "Parked", "won"]
    text = "id,stage,at\n" + "".join(f"{n},{label},2024-01-05\n" for n, label in enumerate(said))
    engagement = engage({"e.csv": text}, EVENTS)
    tables = accepted(engagement)
    assert fates(tables) == (5, 2, {"E-STAGE": 3})
    assert "holds labels that no mapping names: 'Nurture' (2), 'Parked' (1)." in notes(tables)
    (line,) = rejected(engagement)
    assert line.startswith("e.csv, record 2 and 2 more, column 'stage': 'Nurture' (2), 'Parked' (1)")
    assert "write values: {stage: {Nurture: one of these}}" in line


def dated(leads: Make, *dates: str, extra: str = "", **more: str) -> Any:
    """Leads 1, 2, ... created when these texts say."""
    return leads("id;created;source\n" + "".join(f"{n};{each};s\n" for n, each in enumerate(dates, 1)), extra, **more)


def test_b35_dates_that_can_be_read_both_ways_are_asked_about(leads: Make) -> None:
    texts = ("02/03/2024", "04/05/2024", "01/12/2024")
    problem = refused(dated(leads, *texts), "E-DATEFMT", "leads.csv, column created")
    assert "'02/03/2024' can be read day first or month first" in problem.what
    assert problem.allowed == "dmy, mdy"
    for order, month in (("dmy", 3), ("mdy", 2)):
        tables = accepted(dated(leads, *texts, extra=f"date_order: {order}"))
        assert column(tables, "created_at")[0].month == month


def test_b36_one_date_settles_the_order_of_the_whole_column_and_is_named(leads: Make) -> None:
    tables = accepted(dated(leads, "02/03/2024", "13/03/2024", "04/03/2024"))
    assert [each.day for each in column(tables, "created_at")] == [2, 13, 4]
    assert "column created is read day first: 13/03/2024 allows no other reading." in notes(tables)


def test_b37_both_orders_in_one_column_are_refused_with_two_examples(leads: Make) -> None:
    problem = refused(dated(leads, "01/02/2024", "13/03/2024", "03/14/2024"), "E-DATEMIX", "leads.csv, column created")
    assert "'13/03/2024' and '03/14/2024'" in problem.what


@pytest.mark.parametrize("extra", ["", "date_order: dmy"])
def test_b38_iso_dates_among_others_are_refused_whatever_is_declared(leads: Make, extra: str) -> None:
    """A spreadsheet that takes 02/03 for February writes just that one as ISO: such a mix must not be believed."""
    texts = ("2024-02-03", "13/03/2024", "14/03/2024")
    problem = refused(dated(leads, *texts, extra=extra), "E-DATEMIX", "leads.csv, column created")
    assert "'2024-02-03'" in problem.what and "/03/2024" in problem.what
    assert "split the file" in problem.fix


def test_b39_days_as_excel_counts_them_are_asked_about_and_read_once_declared(leads: Make) -> None:
    texts = ("45292", "45293,5", "45294.75")
    problem = refused(dated(leads, *texts), "E-DATEFMT", "leads.csv, column created")
    assert "'45292' may be 2024-01-01" in problem.what
    assert "date_order: excel" in problem.fix
    tables = accepted(dated(leads, *texts, extra="date_order: excel"))
    noon, evening = dt.datetime(2024, 1, 2, 12), dt.datetime(2024, 1, 3, 18)
    assert column(tables, "created_at") == [dt.datetime(2024, 1, 1), noon, evening]
    assert "holds days as Excel counts them: 45292 is 2024-01-01." in notes(tables)


def test_b39_a_number_is_a_day_only_in_a_column_of_dates(leads: Make) -> None:
    tables = accepted(leads(HEAD + "45000,45292,45000\n45001,45293,45001\n", "date_order: excel"))
    assert column(tables, "lead_id") == column(tables, "source") == ["45000", "45001"]


def test_b39_a_number_among_dates_is_rejected_with_what_it_may_be(leads: Make) -> None:
    engagement = dated(leads, "2024-01-01", "45292")
    assert fates(accepted(engagement)) == (2, 1, {"E-DATE": 1})
    assert "date_order: excel" in rejected(engagement)[0]
    assert column(accepted(dated(leads, "2024-01-01", "45292", extra="date_order: excel")), "lead_id") == ["1", "2"]


def test_b40_a_workbook_that_counts_from_1904_says_so_itself(engage: Make) -> None:
    day = dt.date(2024, 3, 16)
    rows = [["id", "created", "source"], ["1", day, "s"], ["2", dt.datetime(2024, 3, 16, 9, 30), "s"]]
    inputs = f"  - {{file: l.xlsx, table: leads, {COLUMNS}}}\n"
    for epoch in (None, CALENDAR_MAC_1904):
        tables = accepted(engage({"l.xlsx": workbook(rows, epoch)}, inputs))
        assert column(tables, "created_at") == [dt.datetime(2024, 3, 16), dt.datetime(2024, 3, 16, 9, 30)]


IMPOSSIBLE = ["0001-01-01", "1900-01-00", "9999-12-31", "2024-02-30", "2023-02-29", "0000-00-00", "soon"]


@pytest.mark.parametrize("text", IMPOSSIBLE)
def test_b41_an_impossible_date_rejects_its_row_alone(leads: Make, text: str) -> None:
    engagement = dated(leads, "2024-01-01", text, "2024-01-03")
    tables = accepted(engagement)
    assert fates(tables) == (3, 2, {"E-DATE": 1})
    assert column(tables, "lead_id") == ["1", "3"]
    (line,) = rejected(engagement)
    assert line.startswith(f"leads.csv, record 2, column 'created': '{text}' (1)")


@pytest.mark.parametrize("text", ["9999-12-31", "0000-00-00", "n/a"])
def test_b41_a_date_that_means_none_may_be_declared_as_the_line_says(engage: Make, text: str) -> None:
    files = {"o.csv": f"id,state,sum,closed\n1,won,5,2024-01-05\n2,open,6,{text}\n"}
    engagement = engage(files, DEALS % (", closed_at: closed", ""))
    assert fates(accepted(engagement)) == (2, 1, {"E-DATE": 1})
    (line,) = rejected(engagement)
    cure = line[line.index("values:") :]
    tables = accepted(engage(files, DEALS % (", closed_at: closed", f", {cure}")))
    assert column(tables, "closed_at", "opportunities") == [dt.datetime(2024, 1, 5), None]


def test_b42_years_of_two_digits_are_asked_about_and_their_century_is_told(leads: Make) -> None:
    texts = ("13/03/24", "14/03/24")
    problem = refused(dated(leads, *texts), "E-DATEFMT", "leads.csv, column created")
    assert "has a two-digit year" in problem.what
    tables = accepted(dated(leads, *texts, extra="date_order: dmy"))
    assert column(tables, "created_at") == [dt.datetime(2024, 3, 13), dt.datetime(2024, 3, 14)]
    assert "90 to 99 are 1990 to 1999" in notes(tables)


def test_b43_times_without_a_zone_among_times_with_one_need_it_declared(leads: Make) -> None:
    texts = ("2024-07-01 10:00", "2024-07-01T10:00:00+00:00", "2024-07-01 10:00-05:00")
    problem = refused(dated(leads, *texts), "E-ZONE", "leads.csv, column created")
    assert "timezone: Europe/Berlin" in problem.fix
    tables = accepted(dated(leads, *texts, extra="timezone: Europe/Berlin", zone="America/New_York"))
    assert [each.hour for each in column(tables, "created_at")] == [8, 10, 15]


def test_b44_the_hour_that_is_skipped_moves_forward_and_the_doubled_one_is_the_first(leads: Make) -> None:
    spring = ("2024-03-31 01:30", "2024-03-31 02:30", "2024-03-31 04:30")
    autumn = ("2024-10-27 01:30", "2024-10-27 02:30", "2024-10-27 03:30")
    tables = accepted(dated(leads, *spring, *autumn, zone="Europe/Berlin"))
    assert [(each.hour, each.minute) for each in column(tables, "created_at")] == [
        (0, 30), (1, 30), (2, 30), (23, 30), (0, 30), (2, 30),
    ]  # fmt: skip
    assert column(tables, "created_at") == sorted(column(tables, "created_at"))  # no time runs backwards by it
    assert "1 time of leads.csv, column created fell into an hour that Europe/Berlin skipped" in notes(tables)
    assert "1 time of leads.csv, column created fell into an hour that Europe/Berlin had twice" in notes(tables)


def test_every_kind_of_bad_text_has_its_test() -> None:
    names = Path(__file__).read_text(encoding="utf-8")
    assert not [number for number in range(1, 45) if f"def test_b{number:02}_" not in names]
