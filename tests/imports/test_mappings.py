"""What holds for every mapping of an export, whoever adds it."""

from pathlib import Path

import pytest

from alignlib.errors import AlignError
from alignlib.imports.vendors import Export, read_exports, recognise
from alignlib.intake.tables import TABLES

EXPORTS = read_exports()


def _titles(export: Export) -> list[str]:
    """A file of this export with each column under its first name."""
    return [names[0] for word, names in export.headers.items() if word not in export.never]


@pytest.mark.parametrize("key", sorted(EXPORTS))
def test_a_file_with_these_headers_is_this_export_and_no_other(key: str) -> None:
    assert [each.export.key for each in recognise(EXPORTS, _titles(EXPORTS[key]))] == [key]


@pytest.mark.parametrize("key", sorted(EXPORTS))
def test_what_a_mapping_names_is_there(key: str) -> None:
    export = EXPORTS[key]
    for rule in export.inputs:
        ours = {column.name for column in TABLES[rule.table].columns}
        partners = {partner.export: partner for partner in rule.lookups}
        assert {*rule.columns, *rule.values, *rule.separators, *rule.constants} <= ours
        assert {ours for partner in rule.lookups for ours in partner.columns} <= ours
        assert {*partners} <= {*EXPORTS}
        for name, partner in partners.items():
            assert {*partner.match} <= {*export.headers}
            assert {*partner.match.values(), *partner.columns.values()} <= {*EXPORTS[name].headers}
        assert {*rule.unless} <= {*EXPORTS, *export.headers}
        if rule.outcomes:
            there = EXPORTS[rule.outcomes.export] if rule.outcomes.export else export
            assert {rule.outcomes.label, rule.outcomes.won} - {""} <= {*there.headers}
        if "stage" in {*rule.columns, *rule.values} and rule.table == "stage_events":
            assert rule.whose or rule.values, "nobody says what its labels mean"


@pytest.mark.parametrize("key", sorted(EXPORTS))
def test_no_mapping_reads_a_column_of_people(key: str) -> None:
    export = EXPORTS[key]
    read = {word for rule in export.inputs for word in (*rule.columns.values(), *rule.stages.values())}
    names = {name.casefold() for word in read for name in export.headers[word]}
    assert not {
        name for name in names if any(each in name for each in ("email", "e-mail", "phone", "first name", "last name"))
    }


def test_a_word_that_stands_under_no_headers_is_refused_with_its_mapping(tmp_path: Path) -> None:
    text = "name: A\nrow: one\nheaders: {id: [Id]}\nneeds: [id]\ninputs:\n  - {table: leads, columns: {lead_id: key}}\n"
    (tmp_path / "mine.yml").write_text(text, encoding="utf-8")
    with pytest.raises(AlignError, match="key stands under no headers"):
        read_exports([tmp_path])


def test_a_column_that_no_table_of_ours_has_is_refused_with_its_mapping(tmp_path: Path) -> None:
    text = "name: A\nrow: one\nheaders: {id: [Id]}\nneeds: [id]\ninputs:\n  - {table: leads, columns: {lead_di: id}}\n"
    (tmp_path / "mine.yml").write_text(text, encoding="utf-8")
    with pytest.raises(AlignError, match=r"mappings/mine.yml: leads has no column lead_di; it has .*lead_id"):
        read_exports([tmp_path])


@pytest.mark.parametrize("key", sorted(EXPORTS))
def test_a_note_of_a_mapping_ends_without_a_full_stop(key: str) -> None:
    assert not [note for note in (*EXPORTS[key].notes, EXPORTS[key].unread) if note.endswith(".")]


def test_an_agency_adds_an_export_by_one_file_and_may_replace_one_of_the_kit(tmp_path: Path) -> None:
    text = "name: Ours\nrow: one lead\nheaders: {id: [Kennung]}\nneeds: [id]\nunread: not yet\n"
    (tmp_path / "ours.yml").write_text(text, encoding="utf-8")
    (tmp_path / "salesforce-lead.yml").write_text(text, encoding="utf-8")
    exports = read_exports([tmp_path])
    assert exports["ours"].name == exports["salesforce-lead"].name == "Ours"


@pytest.mark.parametrize("text", ["- name: A list\n", "exports: [a, b]\n", "exports: {own: a word}\n"])
def test_a_mapping_that_describes_no_export_is_refused_with_its_name(tmp_path: Path, text: str) -> None:
    (tmp_path / "own.yml").write_text(text, encoding="utf-8")
    with pytest.raises(AlignError) as error:
        read_exports([tmp_path])
    assert [(p.code, p.where) for p in error.value.problems] == [("E-CONFIG", "mappings/own.yml")]
