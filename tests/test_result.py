"""Does what an audit says survive its way through notebooks and JSON, and is anything else refused?"""

import json
import re
from pathlib import Path

import pytest
from pydantic import ValidationError

from alignlib.errors import AlignError
from alignlib.result import (
    MIME,
    READABLE,
    SCHEMA_VERSION,
    SEED,
    Column,
    Exhibit,
    Finding,
    Measure,
    Record,
    Result,
    RowCount,
    Source,
    harvest,
    json_schema,
    read_record,
    to_json,
)

RESULT = Result(
    diagnostic="funnel",
    question="Where do leads stop?",
    headline="3 of 10 leads were never touched",
    summary="Thirty per cent.",
    findings=[
        Finding(
            key="funnel.first_touch", theme="handoff", title="Touched late", detail="3 of 10", level="watch",
            measure=Measure(value=0.3, unit="share", k=3, n=10, low=0.1078, high=0.6032, method="Wilson"),
            rule="at least 80 % within 24 hours", limit=0.8, direction="at_least", play="P9",
        )
    ],
    exhibits=[
        Exhibit(
            key="funnel.leaks", title="Three leak", shape="bars", alt="One bar", source="leads.csv", read="Length",
            columns=[Column(name="label", label="Bucket"), Column(name="n", label="Leads", unit="count")],
            rows=[{"label": "Müller & Söhne <b>", "n": 3}, {"label": "withheld", "n": None}],
        )
    ],
    sources=[Source(file="leads.csv", table="leads", rows=10, sha256="0" * 64)],
    row_counts=[RowCount(file="leads.csv", table="leads", read=10, used=8, rejected=1, excluded=1)],
)  # fmt: skip
RECORD = Record(
    kit_version="0.1.0", client="Sample", period_start="2025-01-01", period_end="2025-12-31", as_of="2026-01-31",
    currency="EUR", settings_sha256="0" * 64, thresholds_lock="not locked", results={"funnel": RESULT},
)  # fmt: skip

ONE_LINER = (
    "from pathlib import Path; from alignlib.result import json_schema; "
    "Path('templates/results.schema.json').write_text(json_schema(), encoding='utf-8', newline='\\n')"
)


def notebook(tmp_path: Path, *outputs: dict[str, object], last: str = "result") -> Path:
    cells = [
        {"cell_type": "code", "source": "1", "outputs": [{"data": {MIME: RESULT.model_dump(mode="json")}}]},
        {"cell_type": "code", "source": last, "outputs": list(outputs)},
        {"cell_type": "code", "source": " \n", "outputs": []},
        {"cell_type": "markdown", "source": "The end."},
    ]
    path = tmp_path / "funnel.ipynb"
    path.write_text(json.dumps({"cells": cells}), encoding="utf-8")
    return path


def test_a_record_comes_back_from_json_the_same(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(to_json(RECORD), encoding="utf-8")
    assert read_record(path) == RECORD
    assert to_json(read_record(path)) == to_json(RECORD)


def test_the_schema_in_the_repository_is_the_one_in_the_code(root: Path) -> None:
    stored = (root / "templates" / "results.schema.json").read_text(encoding="utf-8")
    assert stored == json_schema(), f"write it again: python -c {ONE_LINER!r}"


def test_a_record_fits_the_schema_and_a_stray_field_does_not() -> None:
    jsonschema = pytest.importorskip("jsonschema")
    schema, record = json.loads(json_schema()), json.loads(to_json(RECORD))
    jsonschema.validate(record, schema)
    record["results"]["funnel"]["findings"][0]["opinion"] = "bad"
    with pytest.raises(jsonschema.ValidationError, match="opinion"):
        jsonschema.validate(record, schema)


def test_a_record_of_another_schema_version_is_refused_with_a_sentence(tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(to_json(RECORD).replace(f'"schema_version": {SCHEMA_VERSION}', '"schema_version": 99'))
    with pytest.raises(AlignError, match=r"schema version 99 was written by another kit.*\[E-RESULT\]"):
        read_record(path)


def test_a_record_of_version_1_is_read_as_it_was_and_says_nothing_of_what_came_later(tmp_path: Path) -> None:
    assert READABLE == (1, 2) and SCHEMA_VERSION == 2
    later = {"versions", "timezone", "path", "seed", "rules_sha256", "since_sha256"}
    old = {key: value for key, value in json.loads(to_json(RECORD)).items() if key not in later}
    path = tmp_path / "results.json"
    path.write_text(json.dumps(old | {"schema_version": 1}), encoding="utf-8")
    assert read_record(path) == RECORD.model_copy(update={"schema_version": 1})
    assert later == set(Record.model_fields) - set(old)


def test_every_field_that_a_later_version_added_has_a_default() -> None:
    first = {"kit_version", "client", "period_start", "period_end", "as_of", "currency", "settings_sha256",
             "thresholds_lock", "results"}  # fmt: skip
    assert {name for name, field in Record.model_fields.items() if field.is_required()} == first


@pytest.mark.parametrize("day", ["2026-02-30", "30.04.2026", "20260430", "2026-04-30T00:00", ""])
def test_a_record_whose_day_is_none_is_refused_by_name(day: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(json.dumps(json.loads(to_json(RECORD)) | {"as_of": day}), encoding="utf-8")
    with pytest.raises(AlignError, match=r"results\.json: this is not a results\.json of the kit.*\[E-RESULT\]"):
        read_record(path)


def test_every_simulation_draws_from_the_seed_that_the_record_states(root: Path) -> None:
    """A number of eight digits or more that a module of statistics or diagnostics holds is a seed."""
    paths = [path for path in (root / "src" / "alignlib").rglob("*.py") if "sample" not in path.name]
    code = {path.name: re.sub(r"(?m)^ *>>>.*", "", path.read_text(encoding="utf-8")) for path in paths}  # no doctests
    draws = {name: set(re.findall(r"\b20\d{6}\b", text)) for name, text in code.items() if "default_rng(" in text}
    assert len(draws) >= 5 and all(seeds <= {str(SEED)} for seeds in draws.values()), draws
    assert not [name for name, text in code.items() if re.search(r"default_rng\((\)|\d)", text)]


@pytest.mark.parametrize(
    "text", ["", "[]", "null", "{", "{}", '{"schema_version": 1}', '{"schema_version": 1, "x": NaN}']
)
def test_a_file_that_is_no_record_is_refused_by_name(text: str, tmp_path: Path) -> None:
    path = tmp_path / "results.json"
    path.write_text(text)
    with pytest.raises(AlignError, match=r"results\.json.*\[E-RESULT\]"):
        read_record(path)


def test_a_missing_record_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(AlignError, match=r"results\.json.*\[E-RESULT\]"):
        read_record(tmp_path / "results.json")


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_figure_that_is_no_number_never_enters_a_result(value: float) -> None:
    with pytest.raises(ValidationError):
        Measure(value=value, unit="share")


@pytest.mark.parametrize("key", ["first_touch", "Funnel.first", "funnel.", "funnel first", "funnel.first-touch"])
def test_a_finding_needs_a_stable_key(key: str) -> None:
    with pytest.raises(ValidationError, match="key"):
        Finding(**{**RESULT.findings[0].model_dump(), "key": key})


def test_findings_and_exhibits_are_found_by_key_and_misses_are_key_errors() -> None:
    assert RESULT.finding("funnel.first_touch").play == "P9"
    assert RESULT.exhibit("funnel.leaks").rows[1]["n"] is None
    with pytest.raises(KeyError, match=r"funnel\.second_touch"):
        RESULT.finding("funnel.second_touch")
    with pytest.raises(KeyError, match=r"funnel\.curve"):
        RESULT.exhibit("funnel.curve")


def test_rows_balance_only_when_none_is_lost() -> None:
    count = RESULT.row_counts[0]
    assert count.balances
    assert not count.model_copy(update={"read": 11}).balances


def test_a_result_cannot_be_changed_afterwards() -> None:
    with pytest.raises(ValidationError, match="frozen"):
        RESULT.headline = "better news"  # type: ignore[misc]


def test_a_notebook_holds_the_result_its_last_cell_shows(tmp_path: Path) -> None:
    bundle = RESULT._repr_mimebundle_()
    assert bundle["text/plain"] == RESULT.headline
    path = notebook(tmp_path, {"output_type": "stream", "text": "a warning"}, {"data": bundle})
    assert harvest(path) == RESULT


@pytest.mark.parametrize("output", [None, {"data": {"text/plain": "1"}}, {"output_type": "error"}])
def test_a_notebook_whose_last_cell_shows_no_result_proves_nothing(
    output: dict[str, object] | None, tmp_path: Path
) -> None:
    path = notebook(tmp_path, *([output] if output else []))
    with pytest.raises(AlignError, match=r"funnel\.ipynb: the last cell holds no result.*\[E-RESULT\]"):
        harvest(path)


@pytest.mark.parametrize("text", ['{"cells": []}', "{}", "[]", "", '{"cells": ['])
def test_a_notebook_that_is_empty_or_torn_proves_nothing(text: str, tmp_path: Path) -> None:
    path = tmp_path / "funnel.ipynb"
    path.write_text(text)
    with pytest.raises(AlignError, match="E-RESULT"):
        harvest(path)


def test_a_result_with_faults_is_refused_with_their_number(tmp_path: Path) -> None:
    broken = {**RESULT.model_dump(mode="json"), "headline": None, "opinion": "bad"}
    with pytest.raises(AlignError, match=r"the result is not valid \(2 faults\)"):
        harvest(notebook(tmp_path, {"data": {MIME: broken}}))
