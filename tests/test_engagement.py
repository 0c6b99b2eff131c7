"""Is engagement.yml read strictly, checked whole, and are thresholds agreed before data is opened?"""

from pathlib import Path

import pytest
import yaml

from alignlib.engagement import (
    LOCK_FILE,
    SETTINGS_FILE,
    THRESHOLDS,
    Settings,
    lock_state,
    parse_settings,
    read_engagement,
    write_lock,
)
from alignlib.errors import AlignError
from alignlib.plain_yaml import strict_yaml

SOUND = """\
version: 1
client: Sample
period: {start: 2025-01-01, end: 2025-12-31}
as_of: 2026-01-31
currency: EUR
timezone: Europe/Berlin
"""


def faults(text: str) -> list[str]:
    """Which problems does this text raise?"""
    with pytest.raises(AlignError) as caught:
        parse_settings(text)
    assert {problem.code for problem in caught.value.problems} == {"E-CONFIG"}
    return [str(problem) for problem in caught.value.problems]


def test_a_sound_file_gives_settings_with_cautious_defaults() -> None:
    settings = parse_settings(SOUND)
    assert settings.client == "Sample" and settings.period.end.isoformat() == "2025-12-31"
    assert settings.survey.smallest_group == 5 and settings.survey.mode == "anonymous"
    assert settings.thresholds == {} and settings.promises.first_touch_hours is None


# --- strict YAML


@pytest.mark.parametrize(
    "text", ["NO", "yes", "on", "12:30", "012", "1e3", "0x10", "2026-03-31", "1_000", "12E5", ".5"]
)
def test_a_scalar_stays_the_text_it_is(text: str) -> None:
    assert strict_yaml(f"a: {text}\nb: [{text}]")[0] == {"a": text, "b": [text]}


@pytest.mark.parametrize(
    ("text", "value"), [("a:", None), ("a: ~", None), ("a: null", None), ('a: ""', ""), ("a: '~'", "~")]
)
def test_only_an_unquoted_nothing_is_nothing(text: str, value: str | None) -> None:
    assert strict_yaml(text)[0] == {"a": value}


def test_every_part_knows_its_line() -> None:
    _, lines = strict_yaml("a: 1\nb:\n  c:\n    - x\n    - y\n")
    assert lines[("a",)] == 0 and lines[("b", "c")] == 2 and lines[("b", "c", "1")] == 4


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("a: 1\nb: 2\na: 3\n", "line 3: 'a' is given twice"),
        ("a: &x 1\nb: 2\n", "line 1: anchors, aliases and tags"),
        ("a: &x [1]\nb: *x\n", "line 2: anchors, aliases and tags"),
        ("a: !!python/object/apply:os.system ['x']\n", "line 1: anchors, aliases and tags"),
        ("a: !!int '3'\n", "line 1: anchors, aliases and tags"),
        ("a: {b: 1, <<: {c: 2}}\n", "line 1: a key must be plain text"),
        ("? [a, b]\n: 1\n", "line 1: a key must be plain text"),
        ("a: [1\nb: 2\n", "not valid YAML"),
        ("a: b: c\n", "not valid YAML"),
        ("a: 1\n--- \nb: 2\n", "not valid YAML"),
        ("a: " + "[" * 25 + "]" * 25, "nested more than 20 levels deep"),
        ("a: " + "[" * 5000 + "]" * 5000, "[E-CONFIG]"),
        ("a: " + "x" * 1_000_001, "larger than 1 MB"),
    ],
    ids=lambda value: str(value)[:30],
)
def test_surprising_yaml_is_refused_with_its_line(text: str, said: str) -> None:
    with pytest.raises(AlignError) as caught:
        strict_yaml(text)
    assert said in str(caught.value)


def test_duplicate_keys_are_reported_together() -> None:
    with pytest.raises(AlignError) as caught:
        strict_yaml("a: 1\na: 2\nb: {c: 1, c: 2}\n")
    assert [p.where for p in caught.value.problems] == [f"{SETTINGS_FILE}, line 2", f"{SETTINGS_FILE}, line 3"]


@pytest.mark.parametrize("text", ["", "- a\n- b\n", "just words", "# nothing but a comment\n"])
def test_a_file_that_is_no_set_of_settings_is_refused(text: str) -> None:
    assert faults(text)


# --- what the settings may say


def test_an_unknown_key_is_named_with_its_line_and_the_nearest_known_one() -> None:
    (said,) = faults(SOUND + "survey:\n  smalest_group: 5\n")
    assert "line 8" in said and "survey.smalest_group" in said and "did you mean 'smallest_group'?" in said
    assert "Allowed: consent_on, form, language, mode, notice, segments, smallest_group" in said


def test_an_unknown_threshold_is_named_with_the_nearest_known_one() -> None:
    (said,) = faults(SOUND + "thresholds:\n  win_rat: 0.3\n")
    assert "unknown threshold 'win_rat'; did you mean 'win_rate'?" in said


def test_a_known_word_is_suggested_for_a_misspelt_value() -> None:
    (said,) = faults(SOUND + "funnel:\n  path: strickt\n")
    assert "line 8" in said and "did you mean 'strict'?" in said


def test_every_fault_is_reported_at_once_with_its_line() -> None:
    broken = (
        SOUND.replace("EUR", "euro").replace("Europe/Berlin", "Mars/Base").replace("as_of: 2026-01-31", "as_of: soon")
    )
    said = faults(broken + "survey: {smallest_group: 2}\ncolour: red\n")
    assert len(said) == 5
    for line, word in {4: "as_of", 5: "currency", 6: "timezone", 7: "survey.smallest_group", 8: "colour"}.items():
        assert any(f"line {line}:" in fault and word in fault for fault in said), (line, said)


def test_a_missing_setting_is_named() -> None:
    assert any("currency is missing" in fault for fault in faults(SOUND.replace("currency: EUR\n", "")))


def test_a_period_that_ends_before_it_starts_is_refused() -> None:
    (said,) = faults(SOUND.replace("end: 2025-12-31", "end: 2024-12-31"))
    assert "line 3" in said and "ends before it starts" in said


def test_an_as_of_date_before_the_period_is_refused() -> None:
    assert "as_of lies before the period starts" in faults(SOUND.replace("2026-01-31", "2024-01-31"))[0]


@pytest.mark.parametrize("value", ["1_000", "1e3", "0x10", "NaN", "inf", "five", "1,5", "yes"])
def test_a_number_is_written_the_plain_way(value: str) -> None:
    assert "thresholds.win_rate" in faults(SOUND + f"thresholds: {{win_rate: '{value}'}}\n")[0]


@pytest.mark.parametrize("value", ["20260131", "31.01.2026", "2026-1-31", "2026-02-30", "1767139200"])
def test_a_date_is_written_the_iso_way(value: str) -> None:
    assert any("as_of" in fault for fault in faults(SOUND.replace("as_of: 2026-01-31", f"as_of: {value}")))


@pytest.mark.parametrize("value", ["NO", "on", "1", "True"])
def test_a_flag_is_true_or_false_and_nothing_else(value: str) -> None:
    assert "synthetic" in faults(SOUND + f"synthetic: {value}\n")[0]


@pytest.mark.parametrize(
    ("threshold", "limit", "fits"),
    [("win_rate", "1", True), ("win_rate", "1.01", False), ("win_rate", "-0.1", False), ("survey_gap", "4", True),
     ("survey_gap", "4.5", False)],
)  # fmt: skip
def test_a_threshold_lies_within_its_unit(threshold: str, limit: str, fits: bool) -> None:
    text = SOUND + f"thresholds: {{{threshold}: {limit}}}\n"
    if fits:
        assert parse_settings(text).thresholds == {threshold: float(limit)}
    else:
        assert "must lie between" in faults(text)[0]


def test_every_threshold_can_be_agreed() -> None:
    lines = "".join(f"  {key}: 0.5\n" for key in THRESHOLDS)
    assert set(parse_settings(SOUND + "thresholds:\n" + lines).thresholds) == set(THRESHOLDS)


def test_an_input_must_fit_its_shape() -> None:
    said = faults(
        SOUND
        + "inputs:\n  - {file: a.csv, table: leads, shape: wide}\n  - {file: b.csv, table: assets, shape: survey}\n"
    )
    assert len(said) == 2 and "line 8" in said[0] and "line 9" in said[1]


# --- from the folder


def test_a_folder_without_settings_is_named(tmp_path: Path) -> None:
    with pytest.raises(AlignError, match=r"alignlib new NAME.*\[E-OPEN\]"):
        read_engagement(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    (tmp_path / SETTINGS_FILE).write_bytes(SOUND.replace("Sample", "Müller").encode("cp1252"))
    with pytest.raises(AlignError, match="UTF-8"):
        read_engagement(tmp_path)


def test_settings_travel_as_json_and_come_back_the_same() -> None:
    settings = parse_settings(
        SOUND + "thresholds: {win_rate: 0.3}\nteams: {sales: {invited: 14, labels: [Vertrieb]}}\n"
    )
    again = Settings.model_validate_json(settings.canonical())
    assert again == settings and again.sha256() == settings.sha256()


def test_the_fingerprint_ignores_order_and_layout_but_no_value() -> None:
    reordered = "\n".join(reversed(SOUND.strip().splitlines()))
    assert parse_settings(reordered).sha256() == parse_settings(SOUND).sha256()
    assert parse_settings(SOUND.replace("EUR", "USD")).sha256() != parse_settings(SOUND).sha256()


# --- the lock

AGREED = SOUND + "thresholds: {win_rate: 0.3}\npromises: {first_touch_hours: 24}\n"


def test_thresholds_that_were_never_locked_are_said_to_be_so(tmp_path: Path) -> None:
    assert lock_state(tmp_path, parse_settings(AGREED)) == "Thresholds were not locked before data was opened."


def test_a_lock_holds_who_and_when_and_is_silent_about_who(tmp_path: Path) -> None:
    path = write_lock(tmp_path, parse_settings(AGREED), by="the consultant", at="2026-01-05T09:00:00+00:00")
    assert "the consultant" in path.read_text(encoding="utf-8")
    assert lock_state(tmp_path, parse_settings(AGREED)) == "Thresholds locked on 5 January 2026; unchanged since."


@pytest.mark.parametrize(
    "change", [("win_rate: 0.3", "win_rate: 0.2"), ("hours: 24", "hours: 48"), ("{win_rate: 0.3}", "{}")]
)
def test_a_threshold_or_promise_changed_after_the_lock_is_said(change: tuple[str, str], tmp_path: Path) -> None:
    write_lock(tmp_path, parse_settings(AGREED), by="x", at="2026-01-05")
    changed = parse_settings(AGREED.replace(*change))
    assert lock_state(tmp_path, changed) == "Thresholds locked on 5 January 2026 and changed after opening."


def test_naming_another_file_does_not_break_the_lock(tmp_path: Path) -> None:
    write_lock(tmp_path, parse_settings(AGREED), by="x", at="2026-01-05")
    more = parse_settings(AGREED + "inputs: [{file: leads.csv, table: leads}]\n")
    assert "unchanged since" in lock_state(tmp_path, more)


@pytest.mark.parametrize("content", ["", "[]", "{}", "{broken", '{"agreed_sha256": 1}'])
def test_a_damaged_lock_is_an_error_not_a_verdict(content: str, tmp_path: Path) -> None:
    (tmp_path / LOCK_FILE).write_text(content)
    with pytest.raises(AlignError, match="the lock is damaged"):
        lock_state(tmp_path, parse_settings(AGREED))


def test_the_template_a_new_engagement_starts_from_can_be_read(root: Path) -> None:
    settings = read_engagement(root / "templates" / "engagement")
    assert settings.period.start < settings.as_of


def test_yaml_alone_would_have_read_something_else() -> None:
    """The outside check: what the usual loader makes of the same words, which is why ours is strict."""
    assert yaml.safe_load("[NO, 12:30, 012]") == [False, 750, 10]
