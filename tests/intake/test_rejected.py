"""What `check` says of rejected values: one line a column and reason, and never what stands for people."""

from collections.abc import Callable
from typing import Any

from alignlib.intake import snapshot

Make = Callable[..., Any]
USES = "  - {file: u.csv, table: asset_usage, columns: {asset_id: Asset, event: What, used_at: When}}\n"


def test_values_that_are_not_allowed_stand_in_one_line_with_counts_and_the_line_to_write(engage: Make) -> None:
    labels = ["Opened it"] * 3 + ["Zoomed"] * 2 + ["a", "b", "c", "d\x1b"] + ["view"]
    text = "Asset,What,When\n" + "".join(f"1,{label},2024-03-01\n" for label in labels)
    (told,) = snapshot.check(engage({"u.csv": text}, USES).folder)[3]
    assert told == (
        "u.csv, record 1 and 8 more, column 'What': 'Opened it' (3), 'Zoomed' (2), 'a' (1), 'b' (1), 'c' (1) and "
        "1 other: a value is not among those allowed (not among view, download, share, edit) [E-VALUE]; "
        "to have it read, write values: {event: {Opened it: one of these}}"
    )


def test_control_characters_and_addresses_are_not_printed(engage: Make) -> None:
    text = "Asset,What,When\n1,a\x1b[31m jo@example.org,2024-03-01\n2,view,2024-03-01\n"
    (told,) = snapshot.check(engage({"u.csv": text}, USES).folder)[3]
    assert "'a\ufffd[31m [e-mail address]' (1)" in told


def test_what_stands_for_people_is_never_printed(engage: Make) -> None:
    files = {"l.csv": "id,at\nx1,2024-01-01\nx2,2024-01-02\n", "t.csv": "who,at\nJane Q,2024-02-01\nx1,2024-02-01\n"}
    inputs = "  - {file: l.csv, table: leads, columns: {lead_id: id, created_at: at}}\n"
    inputs += "  - {file: t.csv, table: sales_touches, columns: {lead_id: who, touched_at: at}}\n"
    counts, notes, problems, told = snapshot.check(engage(files, inputs).folder)
    assert len(told) == 1 and "column 'who': a row refers to an id" in told[0]
    assert "Jane Q" not in str((counts, notes, problems, told))


def test_an_answer_is_never_printed(engage: Make) -> None:
    inputs = "  - {file: r.csv, table: responses, columns: {respondent_id: who, item: item, answer: answer}}\n"
    engagement = engage({"r.csv": "who,item,answer\np1,goal_1,77\np1,goal_2,3\n"}, inputs)
    (told,) = snapshot.check(engagement.folder)[3]
    assert "E-SCALE" in told and "77" not in told
