"""The one door to notebooks, templates, playbook and figures."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from alignlib.errors import AlignError
from alignlib.resources import front_matter, plays, read_resource, resource

FIELDS = {
    "id", "claim", "figure", "origin", "year", "sample", "method", "grade", "may_print", "caution", "note",
}  # fmt: skip


def test_a_missing_resource_is_named() -> None:
    with pytest.raises(AlignError, match=r"templates/nowhere\.yml is missing"):
        resource("templates", "nowhere.yml")


def test_plays_come_in_the_order_of_their_numbers() -> None:
    assert list(plays()) == sorted(plays(), key=lambda play: int(play[1:]))
    assert {"P3", "P4", "P9", "P12", "P13"} <= set(plays())


def test_a_play_names_its_page_and_its_minutes() -> None:
    play = plays()["P12"]
    assert (play.title, play.minutes) == ("One asset, one conversation", 75)
    assert play.question.endswith("?") and resource("playbook", play.file).is_file()


@pytest.mark.parametrize(
    "text", ["# No head", "---\nid: [\n---\nbody", "---\njust words\n---\nbody", "text\n---\nid: P3\n---\n"]
)
def test_a_page_without_a_head_is_refused_with_its_name(text: str) -> None:
    with pytest.raises(AlignError, match=r"P99\.md.*head"):
        front_matter(text, "P99.md")


def test_a_head_without_minutes_is_refused_with_its_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "playbook").mkdir()
    (tmp_path / "playbook" / "P1-a.md").write_text("---\nid: P1\ntitle: A\nquestion: B?\n---\n", encoding="utf-8")
    monkeypatch.setattr("alignlib.resources._ROOTS", (tmp_path,))
    with pytest.raises(AlignError, match=r"P1-a\.md.*whole minutes"):
        plays.__wrapped__()  # not what an earlier test has read


def test_every_outside_figure_carries_origin_year_sample_method_and_grade() -> None:
    figures = yaml.safe_load(read_resource("templates", "figures.yml"))["figures"]
    assert len({figure["id"] for figure in figures}) == len(figures) >= 5
    for figure in figures:
        assert set(figure) == FIELDS, figure["id"]
        assert figure["grade"] in ("A", "B", "C", "D"), figure["id"]
        assert all(isinstance(figure[name], str) and figure[name] for name in FIELDS - {"may_print"}), figure["id"]


def test_a_figure_of_grade_d_may_not_be_printed() -> None:
    figures = yaml.safe_load(read_resource("templates", "figures.yml"))["figures"]
    assert {figure["id"] for figure in figures if figure["grade"] == "D"} >= {"content_unused", "mql_to_sql"}
    assert all(isinstance(figure["may_print"], bool) for figure in figures)
    assert not [figure["id"] for figure in figures if figure["grade"] == "D" and figure["may_print"]]


def test_the_door_to_resources_stays_light() -> None:
    heavy = "('yaml', 'pandas', 'duckdb', 'typst')"
    code = f"import sys, alignlib.resources; print(*(name for name in {heavy} if name in sys.modules))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert done.stdout.strip() == ""
