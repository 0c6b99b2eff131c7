"""Bytes to text, by hand: each test is a file that somebody really sends. B-numbers name the kinds of bad input."""

import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from alignlib.engagement import Reading
from alignlib.errors import AlignError
from alignlib.intake.read import Raw, read_table

HEAD = "id,created,source\n"
Make = Callable[..., Any]


def read(tmp_path: Path, content: str | bytes, name: str = "leads.csv", **reading: Any) -> Raw:
    (tmp_path / name).write_bytes(content.encode() if isinstance(content, str) else content)
    return read_table(tmp_path, Reading(file=name, **reading))


def refused(tmp_path: Path, content: str | bytes, name: str = "leads.csv", **reading: Any) -> str:
    with pytest.raises(AlignError) as caught:
        read(tmp_path, content, name, **reading)
    return str(caught.value)


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xef\xbb\xbf", b"  \r\n"])
def test_B01_an_empty_file_is_refused_with_its_name(tmp_path: Path, content: bytes) -> None:
    assert refused(tmp_path, content) == "leads.csv: the file is empty. What to do: export it again. [E-EMPTY]"


def test_B02_a_header_without_rows_is_read_and_noted(leads: Make) -> None:
    tables = leads(HEAD).open()
    assert not tables.has("leads")
    assert (tables.row_counts[0].read, tables.row_counts[0].used) == (0, 0)
    assert "leads.csv has a header and no rows." in tables.notes["files"]


def test_B03_a_missing_file_is_refused_with_the_nearest_names(tmp_path: Path) -> None:
    (tmp_path / "leads_2024.csv").write_text("x")
    with pytest.raises(AlignError, match=r"lead_2024.csv: there is no such file.*leads_2024.csv.*E-OPEN"):
        read_table(tmp_path, Reading(file="lead_2024.csv"))


def test_B04_a_byte_order_mark_is_no_part_of_the_first_name(tmp_path: Path) -> None:
    assert read(tmp_path, b"\xef\xbb\xbfid,b\n1,2\n").headers == [["id", "b"]]


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be"])
def test_B05_B06_utf_16_is_read_with_and_without_its_mark(tmp_path: Path, encoding: str) -> None:
    assert read(tmp_path, "id,name\n1,Zoë\n2,Anna\n".encode(encoding)).rows == [["1", "Zoë"], ["2", "Anna"]]


def test_B07_windows_1252_is_read_exactly_and_noted(tmp_path: Path) -> None:
    raw = read(tmp_path, "id,note\n1,“5 €” – naïve\n".encode("cp1252"))
    assert raw.rows == [["1", "“5 €” – naïve"]]
    assert "Windows-1252" in raw.notes[0]


def test_B08_two_encodings_in_one_file_are_refused_with_byte_and_line(tmp_path: Path) -> None:
    content = "id,name\n1,Zoë\n".encode() + "2,Zoë\n".encode("cp1252")
    message = refused(tmp_path, content)
    assert "line 3: byte 19 (0xEB)" in message
    assert "E-ENC" in message


def test_latin_1_is_never_guessed_but_obeyed(tmp_path: Path) -> None:
    content = b"id,name\n1,a\x81\xe9\n"
    assert "E-ENC" in refused(tmp_path, content)
    assert read(tmp_path, content, encoding="latin-1").rows == [["1", "a\x81é"]]
    assert "E-ENC" in refused(tmp_path, content, encoding="utf-8")


def test_B09_a_row_with_nul_bytes_is_rejected_and_the_rest_used(leads: Make) -> None:
    tables = leads(HEAD + "1,2024-01-01,a\n2,2024-01-02,x\0y\n3,2024-01-03,c\n").open()
    assert tables.row_counts[0].reasons == {"E-NUL": 1}
    assert tables.query("select lead_id from leads order by record").lead_id.tolist() == ["1", "3"]


@pytest.mark.parametrize("mark", [",", ";", "\t", "|"])
def test_B11_the_delimiter_is_found(tmp_path: Path, mark: str) -> None:
    text = "id,note,amount\n1,plain,5\n2,other,6\n".replace(",", mark)
    assert read(tmp_path, text).rows == [["1", "plain", "5"], ["2", "other", "6"]]


def test_a_second_mark_in_the_header_does_not_mislead(tmp_path: Path) -> None:
    raw = read(tmp_path, "id;name, first;age\n1;Doe, J;3\n2;Roe;4\n")
    assert raw.headers == [["id", "name, first", "age"]]
    assert raw.rows == [["1", "Doe, J", "3"], ["2", "Roe", "4"]]


def test_B12_excels_sep_line_is_obeyed_and_skipped(tmp_path: Path) -> None:
    raw = read(tmp_path, 'sep=;\r\nid;b,c\r\n1;"2\n3"\r\n')
    assert (raw.headers, raw.rows) == ([["id", "b,c"]], [["1", "2\n3"]])


def test_B13_declared_preamble_lines_are_skipped_and_noted(tmp_path: Path) -> None:
    raw = read(tmp_path, 'Report "Leads\nexported today\nid,b\n1,2\n', skip_rows=2)
    assert (raw.headers, raw.rows, raw.records) == ([["id", "b"]], [["1", "2"]], [1])
    assert raw.notes == ["The first 2 lines of leads.csv were skipped, as declared."]


def test_B13_an_undeclared_preamble_is_refused_with_the_line_to_skip_to(leads: Make) -> None:
    message = leads("Report of leads,,\n,,\n" + HEAD + "1,2024-01-01,a\n").message()
    assert "E-MAP" in message
    assert "skip_rows: 2" in message


def test_B15_B17_ragged_rows_are_rejected_and_the_others_used(leads: Make) -> None:
    body = "1,2024-01-01,a\n2,2024-01-02,b,c\n3,2024-01-03\n4,2024-01-04,d\n5,2024-01-05,e\n"
    tables = leads(HEAD + body).open()
    count = tables.row_counts[0]
    assert (count.read, count.used, count.rejected, count.reasons) == (5, 3, 2, {"E-WIDTH": 2})
    assert tables.query("select record, source from leads order by 1").values.tolist() == [[1, "a"], [4, "d"], [5, "e"]]


def test_B16_a_last_field_that_is_always_empty_is_accepted(tmp_path: Path) -> None:
    assert read(tmp_path, "id,b\n1,2,\n3,4,\n").rows == [["1", "2"], ["3", "4"]]


def test_B16_a_field_too_many_in_every_row_is_refused(tmp_path: Path) -> None:
    assert "2 of 2 records do not have the header's 2 fields" in refused(tmp_path, "id,b\n1,2,x\n3,4,y\n")


def test_B18_an_unterminated_quote_is_refused_with_its_opening_line(tmp_path: Path) -> None:
    message = refused(tmp_path, 'id,note\n1,"two\nlines"\n2,"never closed\n3,x\n4,y\n')
    assert message.startswith("leads.csv, line 4: a quotation mark is opened here")
    assert "E-QUOTE" in message


def test_B18_a_quote_that_swallows_rows_up_to_the_next_one_is_refused_too(tmp_path: Path) -> None:
    message = refused(tmp_path, 'id,note\n1,ok\n2,"open\n3,x\n4,"closed"\n5,y\n')
    assert "line 3" in message
    assert "E-QUOTE" in message


def test_B19_line_breaks_delimiters_and_quotes_inside_a_field_stay(tmp_path: Path) -> None:
    raw = read(tmp_path, 'id,note\n1,"a, b\nsaid ""yes"""\n2,c\n')
    assert raw.rows == [["1", 'a, b\nsaid "yes"'], ["2", "c"]]


@pytest.mark.parametrize("ends", ["\r", "\r\n", "\n"])
def test_B20_any_line_ending_gives_the_same_records(tmp_path: Path, ends: str) -> None:
    assert read(tmp_path, ends.join(["id,b", "1,2", "3,4", ""])).rows == [["1", "2"], ["3", "4"]]


def test_B20_line_endings_may_be_mixed(tmp_path: Path) -> None:
    assert read(tmp_path, "id,b\r\n1,2\n3,4\r5,6").rows == [["1", "2"], ["3", "4"], ["5", "6"]]


def test_rows_without_any_content_are_excluded_and_counted(leads: Make) -> None:
    count = leads(HEAD + "1,2024-01-01,a\n,,\n  ,,\n\n2,2024-01-02,b\n").open().row_counts[0]
    assert (count.read, count.used, count.reasons) == (4, 2, {"empty row": 2})


def test_B69_a_cell_of_one_megabyte_is_kept_whole(tmp_path: Path) -> None:
    assert len(read(tmp_path, "id,b\n1," + "x" * 1_000_000 + "\n").rows[0][1]) == 1_000_000


def test_B69_more_than_2000_columns_are_refused(tmp_path: Path) -> None:
    assert "E-WIDTH" in refused(tmp_path, ",".join(f"c{i}" for i in range(2001)) + "\n")


@pytest.mark.parametrize(
    ("content", "what"),
    [
        (b"PK\x03\x04rest", "ZIP archive or an Excel workbook"),
        (b"%PDF-1.7 rest", "PDF"),
        (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "old .xls workbook"),
        (b"\x1f\x8b\x08", "gzip"),
        (b"\n<!DOCTYPE html><html><body>Log in</body></html>", "web page"),
        (b"\xef\xbb\xbf<html lang=en>", "web page"),
        (b'{"id": 1}\n{"id": 2}\n', "JSON"),
        (b'[\n {"id": 1}\n]', "JSON"),
    ],
)
def test_B77_a_csv_that_is_something_else_is_refused_by_name(tmp_path: Path, content: bytes, what: str) -> None:
    message = refused(tmp_path, content)
    assert what in message
    assert "E-TYPE" in message


@pytest.mark.parametrize("name", ["leads.xls", "leads.xlsb", "leads.zip", "leads.csv.gz", "leads.json", "leads"])
def test_B79_other_kinds_of_file_are_refused_with_those_allowed(tmp_path: Path, name: str) -> None:
    message = refused(tmp_path, b"PK\x03\x04", name)
    assert "Allowed: .csv, .tsv" in message
    assert "E-TYPE" in message


def test_B80_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "leads.csv").write_text("id\n1\n")
    real = os.fstat
    sizes: list[int] = []

    def growing(descriptor: int) -> os.stat_result:
        found = real(descriptor)
        sizes.append(found.st_size)
        if len(sizes) == 2:  # the file is open, its size and time are known
            (tmp_path / "leads.csv").write_text("id\n1\n2\n")
        return found

    monkeypatch.setattr(os, "fstat", growing)
    with pytest.raises(AlignError, match="E-CHANGED"):
        read_table(tmp_path, Reading(file="leads.csv"))


@pytest.mark.skipif(os.name == "nt", reason="Windows needs a privilege to make links")
def test_a_link_and_a_path_that_leads_out_are_refused(tmp_path: Path) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "secret.csv").write_text("id\n1\n")
    (tmp_path / "data" / "link.csv").symlink_to(tmp_path / "secret.csv")
    for name in ("link.csv", "../secret.csv"):
        with pytest.raises(AlignError, match="E-OPEN"):
            read_table(tmp_path / "data", Reading(file=name))


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="there are no pipes here")
def test_a_pipe_is_no_file(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe.csv")
    with pytest.raises(AlignError, match="E-OPEN"):
        read_table(tmp_path, Reading(file="pipe.csv"))


def test_parquet_is_read_as_text_without_loss(tmp_path: Path) -> None:
    import datetime as dt
    from decimal import Decimal

    table = pa.table(
        {
            "id": ["00123", "12E5", None],
            "whole": pa.array([9007199254740993, None, -1], pa.int64()),
            "share": [0.1, 1.5, None],
            "price": [Decimal("12.50"), Decimal("0.01"), None],
            "on": [dt.date(2024, 3, 15), None, None],
            "at": pa.array([dt.datetime(2024, 3, 15, 9, 30), None, None], pa.timestamp("us", tz="UTC")),
            "flag": [True, False, None],
        }
    )
    pq.write_table(table, tmp_path / "t.parquet")
    raw = read_table(tmp_path, Reading(file="t.parquet"))
    assert raw.headers == [table.column_names]
    assert raw.rows[0] == [
        "00123",
        "9007199254740993",
        "0.1",
        "12.50",
        "2024-03-15",
        "2024-03-15 09:30:00.000000Z",
        "true",
    ]
    assert raw.rows[1] == ["12E5", "", "1.5", "0.01", "", "", "false"]
    assert raw.rows[2] == ["", "-1", "", "", "", "", ""]


def test_a_damaged_parquet_file_is_refused(tmp_path: Path) -> None:
    assert "E-CORRUPT" in refused(tmp_path, b"PAR1 and then nonsense PAR1", "t.parquet")


def test_rejected_rows_are_kept_with_record_code_and_text(leads: Make) -> None:
    engagement = leads(HEAD + "1,2024-01-01,a\n2,30 Feb,b,c\n3,2024-02-30,d\n")
    engagement.open()
    rejected = pq.read_table(engagement.folder / "run" / "rejected.parquet").to_pylist()
    assert [(row["record"], row["column"], row["code"]) for row in rejected] == [
        (2, "", "E-WIDTH"),
        (3, "created", "E-DATE"),
    ]
    assert json.loads(rejected[0]["original"]) == ["2", "30 Feb", "b", "c"]
    assert json.loads(rejected[1]["original"]) == {"id": "3", "created": "2024-02-30", "source": "d"}
    assert "(line 3)" in rejected[0]["reason"]


FACTS = "  - {file: facts.yml, table: facts}\n"
CHECKLIST = """
# filled in by the sponsor
facts:
  - fact: joint_head
    answer: No
  - {fact: lead_rules, answer: "012", owner: Head of Sales, dated_on: 2024-03-01}
  - {fact: pay_rules, answer: , owner: }
"""


def test_a_checklist_of_facts_is_read_as_written_under_our_own_names(engage: Make) -> None:
    tables = engage({"facts.yml": CHECKLIST}, FACTS).open()
    rows = tables.connection.execute("select fact, answer, owner, dated_on::text, record from facts").fetchall()
    assert rows == [
        ("joint_head", "No", None, None, 1),
        ("lead_rules", "012", "Head of Sales", "2024-03-01", 2),
        ("pay_rules", None, None, None, 3),
    ]
    (count,) = tables.row_counts
    assert (count.read, count.used) == (3, 3)


def test_a_checklist_under_other_names_is_mapped_like_a_table(engage: Make) -> None:
    inputs = FACTS.replace("facts}", "facts, columns: {fact: Question, answer: Reply}}")
    tables = engage({"facts.yml": "facts: [{question: joint_head, reply: Yes}]"}, inputs).open()
    assert tables.connection.execute("select fact, answer from facts").fetchall() == [("joint_head", "Yes")]


@pytest.mark.parametrize(
    ("text", "said", "code"),
    [
        ("facts: {a: b}", "facts.yml: a checklist is a list under the one key facts", "E-MAP"),
        ("- fact: a", "facts.yml: a checklist is a list under the one key facts", "E-MAP"),
        ("facts:", "facts.yml: a checklist is a list under the one key facts", "E-MAP"),
        ("other: 1\nfacts: []", "facts.yml: a checklist is a list under the one key facts", "E-MAP"),
        (
            "facts:\n- {fact: a}\n- fact: [a, b]",
            "facts.yml, line 3: an entry of the checklist is no plain list",
            "E-MAP",
        ),
        ("facts:\n- just words", "facts.yml, line 2: an entry of the checklist is no plain list", "E-MAP"),
        ("facts:\n- {fact: a, onwer: b}", "facts has no column 'onwer'; did you mean 'owner'?", "E-MAP"),
        ("facts:\n- {answer: a}", "facts needs fact (which fact), and nothing is mapped to it", "E-NOCOL"),
        ("facts:\n- {fact: a, fact: b}", "facts.yml, line 2: 'fact' is given twice", "E-OPEN"),
        ("facts:\n- {fact: &a b}", "facts.yml, line 2: anchors, aliases and tags are not allowed", "E-OPEN"),
        ("facts: [", "facts.yml, line 1: this is not valid YAML", "E-OPEN"),
    ],
)
def test_a_checklist_that_is_none_is_refused_with_its_line(engage: Make, text: str, said: str, code: str) -> None:
    message = engage({"facts.yml": text}, FACTS).message()
    assert said in message
    assert code in message


def test_a_checklist_without_entries_is_an_empty_table(engage: Make) -> None:
    tables = engage({"facts.yml": "facts: []"}, FACTS).open()
    assert "facts.yml has a header and no rows." in tables.notes["files"]


def test_yaml_is_read_for_the_facts_alone(tmp_path: Path) -> None:
    assert "files ending in .yml are not read for this table, only for facts" in refused(tmp_path, "a: 1", "plan.yml")
