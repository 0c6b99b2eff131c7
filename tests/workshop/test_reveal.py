"""What is shown of a form: of people the survey's own pictures and no others, of boards both sides."""

import sys
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from rooms import KEY
from walls import Full, answer, does

from alignlib.diagnostics import survey
from alignlib.errors import AlignError
from alignlib.intake.snapshot import open_run, prepare
from alignlib.release import safe_to_release
from alignlib.result import Result
from alignlib.workshop import reveal as reveals
from alignlib.workshop.store import tables_of

SECRET = b"s" * 32
SHORT = "survey-short"


def shown(full: Full, form: str, others: tuple[str, ...] = (), earlier: Any = ()) -> Result:
    frozen = reveals.reveal(full.pages[form], full.room.answers(KEY), full.settings, SECRET,
                            [full.pages[each] for each in others], earlier)  # fmt: skip
    return Result.model_validate(frozen["result"])


def numbered(full: Full, form: str) -> None:
    """Everybody in the room answers each number of this form, points of 100 included."""
    for at, token in enumerate(full.seats["sales"] + full.seats["marketing"]):
        asked = [each for each in full.pages[form].questions.values() if each.kind in ("points", "number")]
        first = next((each.item for each in asked if each.kind == "points"), "")
        values = {each.item: "0" if each.kind == "points" else str(int(each.low) + at % 4) for each in asked}
        values |= {first: "100"} if first else {}
        said = full.room.save(token, [answer(form, item, value) for item, value in values.items()])
        assert said["refused"] == []


def test_of_people_the_pictures_are_those_of_the_survey_s_own_diagnose(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT, "relay"))
    full.fill(SHORT, 8, 7)
    for token in full.seats["sales"]:
        item = next(iter(full.pages["relay"].questions))
        full.room.save(token, [answer("relay", item, "50")])  # another form, not revealed: nothing of it is shown
    found = shown(full, SHORT)
    rows = [row for row in full.room.answers(KEY)["responses"] if row["item"] in full.pages[SHORT].questions]
    own = survey.diagnose(tables_of(rows), reveals.anonymous(full.settings))
    assert found.findings == own.findings and found.exhibits == own.exhibits and found.headline == own.headline
    assert "survey.relay" not in [each.key for each in found.exhibits]


def test_named_answers_agreed_with_the_client_do_not_name_anybody_in_the_room(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT,))
    named = full.settings.survey.model_copy(update={"mode": "named"})
    full.settings = full.settings.model_copy(update={"survey": named})
    full.fill(SHORT, 3, 3)
    with pytest.raises(AlignError, match="fewer than five people have answered in Sales and Marketing"):
        shown(full, SHORT)


def test_a_form_of_one_part_shows_that_part_alone(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT, "survey", "relay", "focus", "mirror"))
    full.fill("survey", 6, 6)
    numbered(full, "focus")
    numbered(full, "relay")
    for form, key in (("relay", "survey.relay"), ("focus", "survey.segments")):
        assert [each.key for each in shown(full, form).exhibits] == [key]


def test_guesses_wait_for_the_answers_they_are_about(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT, "survey", "mirror"))
    full.fill("survey", 6, 6)
    numbered(full, "mirror")
    with pytest.raises(AlignError, match="this form alone gives no picture"):
        shown(full, "mirror")
    assert [each.key for each in shown(full, "mirror", ("survey",)).exhibits] == ["survey.mirror"]


def test_labels_and_cards_are_read_as_an_audit_reads_them(tmp_path: Path) -> None:
    full = Full(tmp_path, ("stages", "metrics"))
    (sales,), (marketing,) = full.join("sales", 1), full.join("marketing", 1)
    labels = list(full.pages["stages"].questions)
    for token, other in ((sales, "sql"), (marketing, "none")):
        given = [answer("stages", labels[0], "mql"), answer("stages", labels[1], other)]
        card = {"metric": "=Win rate", "review_days": "7", "lag_days": "120", "is_outcome": "yes"}
        given += [answer("metrics", f"metric_1_{name}", value) for name, value in card.items()]
        assert full.room.save(token, given)["refused"] == []
    stages = shown(full, "stages")
    assert stages.finding("funnel.readings").measure.k == 1 and stages.finding("funnel.readings").measure.n == 2
    rows = {row["label"]: row for row in stages.exhibit("funnel.readings").rows}
    assert rows[labels[1].partition(":")[2]]["marketing"] == "no stage"
    cards = shown(full, "metrics")
    assert cards.finding("funnel.long_view").measure.value == 1
    assert [row["label"] for row in cards.exhibits[0].rows] == ["Marketing: =Win rate", "Sales: =Win rate"]


def test_a_board_of_the_room_is_a_list_of_what_is_filled_in(tmp_path: Path) -> None:
    full = Full(tmp_path, ("commitments", "relay-board"))
    (token,) = full.join("sales", 1)
    said = "Ring <b>anna@example.org</b> back"
    full.room.save(token, [answer("commitments", "commitment_2_what", said),
                           answer("commitments", "commitment_2_due_on", "2026-12-31")])  # fmt: skip
    found = shown(full, "commitments")
    assert found.headline == "One line on the board" and len(found.exhibits[0].rows) == 1
    (view,) = reveals.views(found)
    assert "&lt;b&gt;" in view["html"] and "<b>anna" not in view["html"] and "anna@" not in view["html"]
    with pytest.raises(AlignError, match="nothing stands on this board yet"):
        shown(full, "relay-board")


def test_the_docket_writes_nothing_into_the_engagement(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT,))
    full.fill(SHORT, 8, 7)
    before = {path: path.stat().st_mtime_ns for path in full.engagement.rglob("*") if path.is_file()}
    found = reveals.docket(full.engagement, full.room.answers(KEY), [full.pages[SHORT]], SECRET, [])
    after = {path: path.stat().st_mtime_ns for path in full.engagement.rglob("*") if path.is_file()}
    assert {path.name for path in after.keys() - before.keys()} <= {"survey.key"} and before.items() <= after.items()
    cases = reveals.complaints(found)
    assert len(cases) == 13 and all(case["verdict"] for case in cases)


# --- what the wall showed and what an audit publishes are judged together ---------------------------------------------


def publish(engagement: Path, folder: Path) -> None:
    """As an audit does before it publishes anything, after the room's answers were taken in."""
    prepare(engagement, folder)
    settings, tables = open_run(folder)
    safe_to_release(engagement, tables, settings)


def late(full: Full) -> None:
    full.answer(SHORT, full.join("sales", 1)[0], "5")


def test_an_audit_of_what_the_wall_showed_passes_and_one_more_answer_is_refused(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT,))
    full.fill(SHORT, 8, 7)
    wall = full.wall(full.engagement)
    assert does(wall, "reveal", form=SHORT) == "Revealed."
    does(wall, "snapshot")
    publish(full.engagement, tmp_path / "as-shown")
    publish(full.engagement, tmp_path / "again")
    does(wall, "reopen", form=SHORT)
    late(full)
    does(wall, "snapshot")
    with pytest.raises(AlignError, match="differ from what was published before by fewer than five people") as refused:
        publish(full.engagement, tmp_path / "one-more")
    assert refused.value.problems[0].code == "E-SMALL"


def test_what_the_wall_showed_counts_without_an_audit_between(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT,))
    full.fill(SHORT, 8, 7)
    wall = full.wall(full.engagement)
    does(wall, "reveal", form=SHORT)
    does(wall, "reopen", form=SHORT)
    late(full)
    does(wall, "snapshot")
    with pytest.raises(AlignError, match="by fewer than five people"):
        publish(full.engagement, tmp_path / "one-more")


def test_the_wall_shows_nothing_that_differs_from_an_audit_by_one_answer(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT,))
    full.fill(SHORT, 8, 7)
    wall = full.wall(full.engagement)
    does(wall, "snapshot")
    publish(full.engagement, tmp_path / "before")
    late(full)
    assert "would tell what fewer than five people answered" in does(wall, "reveal", form=SHORT)
    assert wall.shown == {}


def test_answers_the_room_saw_are_never_published_by_name(tmp_path: Path) -> None:
    full = Full(tmp_path, (SHORT,))
    full.fill(SHORT, 8, 7)
    wall = full.wall(full.engagement)
    does(wall, "reveal", form=SHORT)
    does(wall, "snapshot")
    path = full.engagement / "engagement.yml"
    path.write_text(path.read_text().replace("mode: anonymous", "mode: named\n  consent_on: 2025-01-01"))
    assert "mode: named" in path.read_text()
    with pytest.raises(AlignError, match="under the promise of anonymity"):
        publish(full.engagement, tmp_path / "named")
