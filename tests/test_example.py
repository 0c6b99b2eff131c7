"""The sample companies through everything, as the demo does it: what was planted is found, and nothing else."""

import json
import re
import shutil
from collections.abc import Callable
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import jsonschema
import pytest

from alignlib.engagement import Settings, read_engagement
from alignlib.errors import AlignError
from alignlib.pipeline import run_audit
from alignlib.resources import front_matter, plays, read_resource
from alignlib.result import Finding, Result, read_record
from alignlib.samples import TRUTH_FILE

Diagnosed = Callable[[bool], tuple[Settings, dict[str, Result]]]


@pytest.fixture(scope="module")
def demo(tmp_path_factory: pytest.TempPathFactory, written: Callable[[bool], Path]) -> Path:
    """The sample company, audited once for all tests here."""
    out = tmp_path_factory.mktemp("demo") / "with a space"
    said: list[tuple[str, int, int]] = []
    run_audit(shutil.copytree(written(True), out / "engagement"), out, lambda *step: said.append(step))
    assert [number for _, number, _ in said] == [1, 2, 3, 4, 5, 6] and {of for *_, of in said} == {6}
    return out


def results(demo: Path) -> dict[str, Any]:
    return dict(json.loads((demo / "results.json").read_text(encoding="utf-8")))


def found(diagnosed: tuple[Settings, dict[str, Result]]) -> dict[str, Finding]:
    return {finding.key: finding for result in diagnosed[1].values() for finding in result.findings}


@pytest.mark.parametrize("planted", [True, False])
def test_each_planted_truth_is_found_on_its_side_of_the_limit(
    planted: bool, written: Callable[[bool], Path], diagnosed: Diagnosed
) -> None:
    findings = found(diagnosed(planted))
    truth = json.loads((written(planted) / TRUTH_FILE).read_text(encoding="utf-8"))["findings"]
    sides = {"beyond": {"act", "watch"}, "within": {"good", "unclear"}, "any": {"act", "watch", "good", "unclear"}}
    assert len(truth) >= 15 and set(truth) <= set(findings)
    wrong = {
        key: findings[key].level for key, told in truth.items() if findings[key].level not in sides[told["expect"]]
    }
    assert wrong == {}
    for key in ("funnel.first_touch", "funnel.leaked", "content.unused", "content.empty_pipeline", "content.focus"):
        assert findings[key].measure.value == pytest.approx(truth[key]["value"], abs=1e-4), key


def test_the_play_a_finding_names_lists_that_finding(diagnosed: Diagnosed) -> None:
    findings = found(diagnosed(True))
    named = [finding for finding in findings.values() if finding.play]
    assert len(named) >= 10 and all(finding.play is None for finding in findings.values() if finding.level == "good")
    for finding in named:
        page = plays()[finding.play or ""].file
        listed = front_matter(read_resource("playbook", page), page)["findings"]
        assert any(fnmatchcase(finding.key, key) for key in listed), (finding.key, page)


def test_the_null_company_raises_nothing_to_act_on(diagnosed: Diagnosed) -> None:
    findings = found(diagnosed(False))
    assert [key for key, finding in findings.items() if finding.level == "act"] == []


def test_the_demo_writes_report_results_and_notebooks(demo: Path) -> None:
    assert {path.name for path in (demo / "notebooks").iterdir()} == {
        "survey.ipynb", "content.ipynb", "funnel.ipynb", "audit.ipynb"
    }  # fmt: skip
    done = json.loads((demo / "private" / "done.json").read_text())
    reports = {f"report.{kind}" for kind in ("html", "pdf", "pptx", "xlsx")}
    assert set(done["files"]) >= {"results.json", "notebooks/funnel.ipynb", *reports}
    assert not list(demo.rglob(".tmp-*"))


def test_results_follow_the_schema_in_the_repository(demo: Path, root: Path) -> None:
    schema = json.loads((root / "templates" / "results.schema.json").read_text(encoding="utf-8"))
    jsonschema.validate(results(demo), schema)
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate(results(demo) | {"client": None}, schema)


def test_every_file_balances_and_names_no_folder(demo: Path) -> None:
    counts = [count for r in results(demo)["results"].values() for count in r["row_counts"]]
    assert len(counts) >= 8 and sum(count["rejected"] for count in counts) >= 3
    assert all(count["read"] == count["used"] + count["rejected"] + count["excluded"] for count in counts)
    assert all("/" not in count["file"] and "\\" not in count["file"] for count in counts)


def test_each_finding_to_act_on_has_a_play_and_a_rule(demo: Path) -> None:
    findings = results(demo)["results"]["audit"]["findings"]
    levels = [finding["level"] for finding in findings]
    assert levels == sorted(levels, key=["act", "watch", "good", "unclear"].index)
    assert levels.count("act") >= 5
    assert all(f["play"] and f["rule"] and f["limit"] is not None for f in findings if f["level"] == "act")
    keys = [finding["key"] for finding in findings]
    assert len(keys) == len(set(keys))


def test_the_report_holds_no_script_path_or_parameter(demo: Path) -> None:
    page = (demo / "report.html").read_text(encoding="utf-8")
    assert "Content-Security-Policy" in page and "default-src 'none'" in page
    assert not re.search(r"<script|javascript:|\son\w+=|https?://(?!www\.w3\.org)|run_dir|settings_sha256", page)
    assert str(demo.parent) not in page and len(page.encode()) < 3_000_000
    for finding in results(demo)["results"]["audit"]["findings"][:5]:
        assert finding["title"].split(" ")[0] in page


def test_private_things_stay_with_their_owner(demo: Path) -> None:
    assert (demo / "private").stat().st_mode & 0o077 == 0
    shared = (demo / "report.html").read_text(encoding="utf-8") + (demo / "results.json").read_text(encoding="utf-8")
    leads = (demo / "engagement" / "data" / "leads.csv").read_text(encoding="utf-8-sig")
    ids = set(re.findall(r"L-\d{5,}", leads))
    assert len(ids) > 1000 and not any(lead in shared for lead in list(ids)[:300])
    assert "Seller " not in shared
    private = demo / "engagement" / "private"
    assert private.stat().st_mode & 0o077 == 0 and not (demo / "private" / "release_log.json").exists()
    (published,) = json.loads((private / "release_log.json").read_text())["waves"].values()
    assert len(published["figures"]) > 100 and all(len(each["members"]) >= 5 for each in published["figures"])


def test_the_same_inputs_give_the_same_results(demo: Path, tmp_path: Path) -> None:
    run_audit(demo / "engagement", tmp_path, lambda *_: None)
    assert (tmp_path / "results.json").read_bytes() == (demo / "results.json").read_bytes()
    assert (tmp_path / "report.html").read_bytes() == (demo / "report.html").read_bytes()
    record = read_record(tmp_path / "results.json")
    assert record.settings_sha256 == read_engagement(demo / "engagement").sha256()


def test_a_notebook_that_takes_too_long_gives_no_report(demo: Path, tmp_path: Path) -> None:
    with pytest.raises(AlignError, match=r"survey\.ipynb.*took longer than"):
        run_audit(demo / "engagement", tmp_path, lambda *_: None, seconds=0.2)
    assert not (tmp_path / "report.html").exists() and not (tmp_path / "results.json").exists()
