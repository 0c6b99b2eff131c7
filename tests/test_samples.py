"""Is the truth beside a sample company really in its files? Every figure is counted again from the raw files."""

import json
import re
from itertools import pairwise
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

from alignlib.engagement import read_engagement
from alignlib.intake.snapshot import check, open_run, prepare
from alignlib.samples import BLOCKS, REVERSED, TRUTH_FILE, write_sample

KINDS = ("planted", "null")
AS_OF = pd.Timestamp("2026-04-30")
OUT = ["won", "lost", "recycled", "disqualified"]


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    root = tmp_path_factory.mktemp("samples")
    return {kind: write_sample(root / kind, planted=kind == "planted") for kind in KINDS}


@pytest.fixture(scope="module", params=KINDS)
def sample(folders: dict[str, Path], request: pytest.FixtureRequest) -> "Sample":
    return Sample(folders[request.param])


class Sample:
    """One folder's files as plain frames under their own headers, and its truth."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.truth: dict[str, Any] = json.loads((folder / TRUTH_FILE).read_text(encoding="utf-8"))

    def read(self, name: str, **options: Any) -> pd.DataFrame:
        frame: pd.DataFrame = pd.read_csv(self.folder / "data" / name, dtype=str, keep_default_na=False, **options)
        return frame

    def finding(self, key: str) -> dict[str, Any]:
        found: dict[str, Any] = self.truth["findings"][key]
        return found

    def spells(self) -> pd.DataFrame:
        """Each MQL spell with its touches and later stages: [entry, next entry of the same lead)."""
        labels = {"Marketing qualified": "mql", "Sales accepted": "sal", "Sales qualified": "sql",
                  "Opportunity": "opportunity", "Closed won": "won", "Closed lost": "lost",
                  "Recycled to nurture": "recycled", "Disqualified": "disqualified"}  # fmt: skip
        events = self.read("stage_history.tsv", sep="\t")
        events["at"], events["stage"] = pd.to_datetime(events["Changed At"]), events["New Stage"].map(labels)
        spells = events[events["stage"] == "mql"].sort_values(["Lead ID", "at"])[["Lead ID", "at"]]
        spells = spells.rename(columns={"at": "start"}).reset_index(drop=True)
        spells["stop"] = spells.groupby("Lead ID")["start"].shift(-1).fillna(AS_OF)
        inside = spells.reset_index().merge(events[["Lead ID", "stage", "at"]], on="Lead ID")
        inside = inside[(inside["at"] > inside["start"]) & (inside["at"] < inside["stop"])]
        spells = spells.join(inside.pivot_table(index="index", columns="stage", values="at", aggfunc="min"))
        touches = self.read("sales_activities.csv")
        touches["at"] = pd.to_datetime(touches["Activity Date"])
        near = spells.reset_index()[["index", "Lead ID", "start", "stop"]].merge(touches, on="Lead ID")
        near = near[(near["at"] >= near["start"]) & (near["at"] < near["stop"])]
        spells = spells.join(near.groupby("index")["at"].agg(first="min", last="max"))
        owners = self.read("leads.csv").set_index("Record ID")["Contact owner"]
        return spells.assign(owner=spells["Lead ID"].map(owners))


def test_both_companies_are_ordinary_engagements(sample: Sample) -> None:
    settings = read_engagement(sample.folder)
    assert settings.synthetic and "Sample" in settings.client
    assert {entry.file for entry in settings.inputs} == {path.name for path in (sample.folder / "data").iterdir()}


def test_every_call_writes_the_same_bytes(folders: dict[str, Path], tmp_path: Path) -> None:
    def content(folder: Path) -> dict[str, bytes]:
        return {p.relative_to(folder).as_posix(): p.read_bytes() for p in sorted(folder.rglob("*")) if p.is_file()}

    assert content(write_sample(tmp_path / "again")) == content(folders["planted"])


def test_the_export_shapes_differ_as_those_of_clients_do(folders: dict[str, Path]) -> None:
    data = folders["planted"] / "data"
    assert (data / "leads.csv").read_bytes().startswith(b"\xef\xbb\xbfRecord ID,")
    assert re.search(r";\d{2}\.\d{2}\.\d{4};.*;\d+,\d{2};", (data / "opportunities.csv").read_text(encoding="utf-8"))
    assert "\t" in (data / "stage_history.tsv").read_text(encoding="utf-8")
    assert (data / "content_usage.parquet").read_bytes().startswith(b"PAR1")


def test_nobody_is_named_and_no_address_is_given(sample: Sample) -> None:
    people = re.compile(r"(Seller|Marketer) \d\d|R\d\d|Head of (marketing|sales)|Managing director|")
    usage = pd.read_parquet(sample.folder / "data" / "content_usage.parquet")
    assert all(people.fullmatch(name) for name in usage["actor"])
    held = {"Contact owner", "Lead Owner", "Assigned To", "Deal Owner", "Participant", "User", "Recommended To",
            "Answer No.", "Owner"}  # fmt: skip
    for path in sorted((sample.folder / "data").glob("*.[ct]sv")):
        text = path.read_text(encoding="utf-8-sig")
        assert "@" not in text, path.name
        frame = sample.read(path.name, sep={".tsv": "\t"}.get(path.suffix, ";" if "Deal ID;" in text else ","))
        for column in held & set(frame):
            assert all(people.fullmatch(name) for name in frame[column]), (path.name, column)


def test_intake_balances_with_the_rows_the_truth_expects(sample: Sample, tmp_path: Path) -> None:
    counts, _, problems, _ = check(sample.folder)
    assert problems == []
    found = {c.table: {"read": c.read, "used": c.used, "rejected": c.rejected, "excluded": c.excluded} for c in counts}
    assert found == sample.truth["rows"]
    assert sum(row["rejected"] for row in found.values()) == 5 and sum(row["excluded"] for row in found.values()) == 25
    prepare(sample.folder, tmp_path / "run")
    _, tables = open_run(tmp_path / "run")
    assert all(tables.has(table) for table in found)
    sources = tables.query("select distinct source from leads")["source"]
    assert "Internal test" not in set(sources)


def test_first_touches_and_leaks_are_as_the_truth_says(sample: Sample) -> None:
    spells = sample.spells()
    in_time = spells["first"] - spells["start"] <= pd.Timedelta(hours=24)
    assert (in_time.sum(), len(spells)) == tuple(sample.finding("funnel.first_touch")[part] for part in "kn")
    decided = spells[OUT].notna().any(axis=1)
    untouched = ~decided & spells["first"].isna()
    nobody = ~decided & ~untouched & (spells["owner"] == "")
    last = spells[["start", "last", "sal", "sql", "opportunity"]].max(axis=1)
    still = ~decided & ~untouched & ~nobody & (AS_OF - last > pd.Timedelta(days=30))
    counted = {"decided": decided, "untouched": untouched, "no_owner": nobody, "no_next_step": still}
    found = {name: int(rows.sum()) for name, rows in counted.items()}
    assert found | {"open": len(spells) - sum(found.values())} == sample.truth["leaks"]
    assert sample.finding("funnel.leaked")["k"] == len(spells) - found["decided"] - sample.truth["leaks"]["open"]


def test_conversions_are_as_the_truth_says(sample: Sample) -> None:
    spells = sample.spells().rename(columns={"start": "mql"})
    order = ["mql", "sal", "sql", "opportunity", "won"]
    for one, two in [*pairwise(order), ("mql", "won")]:
        ripe = spells[AS_OF - pd.Timedelta(hours=6) - spells[one] >= pd.Timedelta(days=90)]
        reached = ripe[order[order.index(two) :]].min(axis=1) - ripe[one] < pd.Timedelta(days=90)
        assert tuple(sample.finding(f"funnel.{one}_to_{two}")[part] for part in "kn") == (reached.sum(), len(ripe))
    deals = sample.read("opportunities.csv", sep=";").drop_duplicates()["Status"].value_counts()
    assert sample.finding("funnel.win_rate")["value"] == deals["Won"] / (deals["Won"] + deals["Lost"])


def test_content_is_as_the_truth_says(sample: Sample) -> None:
    assets = sample.read("content_inventory.csv").set_index("Asset ID")
    published = pd.to_datetime(assets["Published"])
    begin = published.map(lambda day: max(day, pd.Timestamp("2024-04-01")))
    usage = pd.read_parquet(sample.folder / "data" / "content_usage.parquet")
    usage = usage[usage["activity"] != "edit"]
    used = usage[usage["occurred_at"] - usage["content_id"].map(begin) < pd.Timedelta(days=90)]["content_id"]
    old = begin.index[AS_OF - begin > pd.Timedelta(days=90)]
    assert sample.finding("content.unused")["k"] == len(set(old) - set(used))
    assert sample.finding("content.unused")["n"] == len(old)
    age = AS_OF - published.where(assets["Last Review"] == "", pd.to_datetime(assets["Last Review"]))
    assert sample.finding("content.stale")["value"] == (age > pd.Timedelta(days=365)).mean()
    assert sample.finding("content.untagged")["value"] == (assets["Conversations"] == "").mean()
    deals = sample.read("opportunities.csv", sep=";").drop_duplicates()
    deals = deals[deals["Status"] == "Open"]
    amount = deals["Amount (EUR)"].str.replace(",", ".").astype(float)
    fresh = assets[age <= pd.Timedelta(days=365)]

    def served(segment: str, conversation: str) -> bool:
        named = fresh["Industries"].str.split(";").map(lambda names: names == [""] or segment in names)
        return bool((named & fresh["Conversations"].str.split(";").map(lambda tags: conversation in tags)).any())

    empty = [not served(*cell) for cell in zip(deals["Industry"], deals["Conversation"], strict=True)]
    assert sample.finding("content.empty_pipeline")["value"] == pytest.approx(amount[empty].sum() / amount.sum())
    plan = sample.read("plan.csv").set_index("Industry").astype(float)
    apart = (plan / plan.sum()).diff(axis=1).iloc[:, 1].abs().sum() / 2
    assert sample.finding("content.focus")["value"] == pytest.approx(apart)


def test_survey_gaps_are_as_the_truth_says(sample: Sample) -> None:
    survey = sample.read("survey.csv")
    assert survey["Which team are you in?"].value_counts().to_dict() == {"Sales": 12, "Marketing": 8}
    items = read_engagement(sample.folder).inputs[-1].items
    words = {"disagree": 1, "rather disagree": 2, "neither": 3, "rather agree": 4, "agree": 5}
    for block, (names, *_) in BLOCKS.items():
        scores = pd.DataFrame({name: survey[items[name]].str.strip().str.lower().map(words) for name in names})
        for name in REVERSED & set(names):
            scores[name] = 6 - scores[name]
        means = scores.mean(axis=1).groupby(survey["Which team are you in?"]).mean()
        gap = sample.finding(f"survey.gap.{block}")
        assert gap["value"] == pytest.approx(means["Marketing"] - means["Sales"])
        assert gap["value"] == pytest.approx(gap["planted"], abs=0.4)


def test_what_is_planted_lies_beyond_its_limit_and_what_is_not_lies_inside(folders: dict[str, Path]) -> None:
    planted, null = (Sample(folders[kind]).truth["findings"] for kind in KINDS)
    assert {key for key, truth in planted.items() if truth["expect"] == "beyond"} == {
        "funnel.first_touch", "funnel.leaked", "funnel.mql_to_sal", "content.unused", "content.empty_pipeline",
        "content.focus", "survey.gap.follow_up", "survey.gap.content_relevance",
    }  # fmt: skip
    assert {truth["expect"] for truth in null.values()} == {"within"}
    agreed = read_engagement(folders["planted"]).thresholds
    assert {truth["limit"] for truth in planted.values()} <= set(agreed.values())
    for key, truth in null.items():
        assert abs(abs(truth["value"]) - truth["limit"]) > 0.05, key


def test_sellers_differ_from_one_another(folders: dict[str, Path]) -> None:
    spells = Sample(folders["planted"]).spells()
    in_time = (spells["first"] - spells["start"] <= pd.Timedelta(hours=24)).groupby(spells["owner"]).mean()
    assert in_time.drop("").max() - in_time.drop("").min() > 0.15


def test_some_leads_come_back_after_they_were_recycled(folders: dict[str, Path]) -> None:
    assert Sample(folders["planted"]).spells()["Lead ID"].duplicated().sum() > 20
