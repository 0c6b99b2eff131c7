"""Cells that hold several labels, none, or everyone: every label counted by hand."""

from collections.abc import Callable
from typing import Any

import pytest

from alignlib.intake.labels import parted
from alignlib.intake.synonyms import synonyms

Make = Callable[..., Any]
ASSETS = "  - {file: a.csv, table: assets, columns: {asset_id: id, segments: who, personas: role}%s}\n"
FIVE = {f"c{n}": f"C{n}" for n in range(1, 6)}


def read(tables: Any, table: str, columns: str) -> list[tuple[Any, ...]]:
    return tables.connection.execute(f"select {columns} from {table} order by record").fetchall()


def notes(tables: Any, table: str = "assets") -> str:
    return "\n".join(tables.notes[table])


def test_labels_that_mean_everyone_name_none_and_are_counted(engage: Make) -> None:
    text = "id,who,role\n1,All,CFO\n2,  ALL  Segments,*\n3,Cross-industry,n/a\n4,Retail,none\n5,,-\n6,Generali,\n"
    tables = engage({"a.csv": text}, ASSETS % "").open()
    assert read(tables, "assets", "segments, personas") == [
        ([], ["CFO"]), ([], []), ([], []), (["Retail"], []), (None, []), (["Generali"], None),
    ]  # fmt: skip
    assert "3 rows of a.csv, column who named none or all ('All' (1), " in notes(tables)
    assert "4 rows of a.csv, column role named none or all" in notes(tables)


def test_every_word_for_everyone_is_read_so_and_only_for_segments_and_personas(engage: Make) -> None:
    words = [*synonyms().everyone, *synonyms().nobody]
    text = "id,who,role,topics\n" + "".join(f'{n},"{word}","{word.upper()}",general\n' for n, word in enumerate(words))
    extra = ASSETS.replace("personas: role", "personas: role, topics: topics") % ""
    assert set(map(str, read(engage({"a.csv": text}, extra).open(), "assets", "segments, personas, topics"))) == {
        "([], [], ['general'])"
    }


def test_everyone_among_others_wins_and_nobody_among_others_is_dropped(engage: Make) -> None:
    text = "id,who,role\n1,All; Retail,-; CFO\n2,Retail; Bank,CFO\n"
    tables = engage({"a.csv": text}, ASSETS % ', separators: {segments: ";", personas: ";"}').open()
    assert read(tables, "assets", "segments, personas") == [([], ["CFO"]), (["Retail", "Bank"], ["CFO"])]


def test_a_client_who_means_such_a_word_keeps_it(engage: Make) -> None:
    text = "id,who,role\n1,general,CFO\n2,All,CFO\n"
    tables = engage({"a.csv": text}, ASSETS % ", values: {segments: {General: General}}").open()
    assert read(tables, "assets", "segments") == [(["General"],), ([],)]


@pytest.mark.parametrize("cell", ["C3, C4", "c3;C4", "C3 / C4", "C3|C4", "C3 and C4", "C3 AND c4", "C3 & C4", "C3,,C4"])
def test_conversations_are_told_apart_whatever_stands_between_them(engage: Make, cell: str) -> None:
    files = {"a.csv": f'id,conversations\n1,"{cell}"\n', "d.csv": f'asset_id,conversations\n1,"{cell}"\n'}
    by_hand = "  - {file: a.csv, table: assets, columns: {asset_id: id, conversations: conversations}}\n"
    tables = engage(files, by_hand + "  - {file: d.csv, table: asset_decisions}\n").open()
    for table in ("assets", "asset_decisions"):
        assert read(tables, table, "conversations") == [(["C3", "C4"],)]
    tables = engage(files, "  - {file: a.csv, table: assets}\n").open()
    assert read(tables, "assets", "conversations") == [(["C3", "C4"],)]


def test_a_label_of_the_client_that_holds_a_mark_stays_whole_and_strange_ones_count_once() -> None:
    closed = {**FIVE, "early, or before": "C1"}
    assert parted("Early, or before", None, closed, True) == ["Early, or before"]
    assert parted("research and development", None, closed, True) == ["research and development"]
    assert parted("C3, Food", None, {}, False) == ["C3, Food"]


def test_cells_that_may_hold_several_labels_are_pointed_at(engage: Make) -> None:
    text = 'id,who,role\n1,"Retail, Bank",CFO\n2,"Retail, Food",CFO\n3,Bank,"CFO, CIO"\n'
    tables = engage({"a.csv": text}, ASSETS % "").open()
    assert 'column who hold a \',\', and each cell was read as one label; if it parts labels, write separators: ' \
        '{segments: ","}' in notes(tables)  # fmt: skip
    assert "column role hold" not in notes(tables)
    told = engage({"a.csv": text}, ASSETS % ', separators: {segments: ",", personas: ","}').open()
    assert "each cell was read as one label" not in notes(told)


def test_a_word_in_a_work_list_takes_back_what_an_empty_cell_leaves(engage: Make) -> None:
    files = {
        "a.csv": "id,conversations,segments,personas\n" + "".join(f"{n},C1,Retail,CFO\n" for n in (1, 2, 3)),
        "d.csv": "asset_id,conversations,segments,personas\n1,none,-,None\n2,,,\n3,C2,All,CIO\n",
    }
    inputs = "  - {file: a.csv, table: assets}\n  - {file: d.csv, table: asset_decisions}\n"
    tables = engage(files, inputs).open()
    assert read(tables, "asset_decisions", "conversations, segments, personas") == [
        ([], [], []),
        (None, None, None),
        (["C2"], [], ["CIO"]),
    ]
    assert "which takes back what the inventory says" in notes(tables, "asset_decisions")
    sql = "select coalesce(d.segments, a.segments) from assets a join asset_decisions d using (asset_id) order by 1"
    assert sorted(tables.connection.execute(sql).fetchall()) == [([],), ([],), (["Retail"],)]
