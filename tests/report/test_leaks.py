"""Does anything leave the house that must not: people, identifiers, addresses, paths, secrets, in any file, anywhere?

Canaries stand in every field of the input that a report has no use for; what a report prints by right (segments,
stages, sources, titles of assets) holds none but where it must mask them.
"""

import csv
import io
import json
import re
import socket
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from scanner import hits
from seeds import png
from typer.testing import CliRunner

from alignlib import __version__, pipeline, report
from alignlib.audit import audit
from alignlib.batch import job
from alignlib.cli import app
from alignlib.diagnostics import content, funnel, survey
from alignlib.engagement import SETTINGS_FILE, lock_state, read_engagement, write_lock
from alignlib.errors import AlignError
from alignlib.intake.snapshot import open_run, prepare
from alignlib.report import FORMATS, file_name, leaks, make, worklist
from alignlib.report.brand import read_brand
from alignlib.result import Record, to_json
from alignlib.runs import children
from alignlib.samples import write_sample

STEM = "qzkanari"  # in every canary, and in nothing else


def canary(place: str) -> str:
    return f"{STEM}{place}"


# which words in the files of the sample company are people's names and identifiers, and the canary in each
_RENAMED = {"L-0": f"L-{canary('lead')}-0", "O-0": f"O-{canary('deal')}-0", "N-0": f"N-{canary('note')}-0",
            "Seller ": f"{canary('user')}@leak.example "}  # fmt: skip
# labels that a report prints, where an e-mail address in them must be masked
_LABELS = ("Referral", "Retail", "Plant manager", "Lack of staff", "Line B", "West", "No budget yet", "Calls made",
           "Sales accepted", "deals closed this quarter", "Head of sales", "2025 Q2 Product campaign", "rollout",
)  # fmt: skip
_SETTINGS = {
    "file: field_notes.csv": "file: field_notes.xlsx\n    sheet: Sheet",
    "survey@example.com": f"{canary('asked')}@leak.example",
    "the made-up consultant of this sample": canary("kept"),
    "two people of the made-up consultant": canary("seen"),
    "both teams and their heads, as a report": canary("results"),
    "[Internal test]": f"[Internal test, {canary('left out')}]",
}
_NAMES = ("E-mail", "First name", "Phone", "API token", "Home folder")


def planted_with_canaries(folder: Path) -> Path:
    """The planted company with a canary in every field that must not leave."""
    import pandas as pd

    engagement = write_sample(folder / canary("folder"))
    data = engagement / "data"
    for path in sorted(data.iterdir()):
        if path.suffix == ".parquet":
            frame = pd.read_parquet(path)
            for column in ("actor", "deal_id"):
                frame[column] = renamed(frame[column])
            frame[canary("column")] = canary("cell")
            frame.to_parquet(path)
        else:
            alter(path)
    settings = engagement / SETTINGS_FILE
    text = f"# password: {canary('secret')}\n{settings.read_text(encoding='utf-8')}"
    for plain, other in _SETTINGS.items():
        assert plain in text
        text = text.replace(plain, other)
    settings.write_text(labelled(text), encoding="utf-8")
    as_workbook(data / "field_notes.csv")
    write_lock(engagement, read_engagement(engagement), by=canary("locker"), at="2026-04-30")
    return engagement


def renamed(column: Any) -> Any:
    for plain, other in _RENAMED.items():
        column = column.str.replace(plain, other, regex=False)
    return column


def labelled(text: str) -> str:
    for i, label in enumerate(_LABELS):
        text = text.replace(label, f"{label} {canary(f'label{i}')}@leak.example")
    return text


def alter(path: Path) -> None:
    """Renames people and identifiers in a text file, and adds columns that nobody mapped."""
    encoded = path.read_bytes().decode("utf-8-sig")
    for plain, other in _RENAMED.items():
        encoded = encoded.replace(plain, other)
    encoded = labelled(encoded)
    delimiter = {".tsv": "\t"}.get(path.suffix, ";" if path.name == "opportunities.csv" else ",")
    rows = list(csv.reader(io.StringIO(encoded), delimiter=delimiter))
    name = path.stem.replace("_", "")
    if path.name not in ("facts.csv", "scorecards.csv", "stage_readings.csv", "plan.csv"):
        values = [f"{canary(name + str(i))}@leak.example" for i in range(len(_NAMES))]
        rows = [rows[0] + list(_NAMES), *(row + values for row in rows[1:])]
    if path.name == "leads.csv":
        bad = ["" for _ in rows[0]]
        bad[0], bad[1] = f"L-{canary('rejected')}", f"not a day: {canary('unread')}@leak.example"
        rows.append(bad)
    if path.name == "survey.csv":
        for row in rows[1:]:
            row[len(row) - len(_NAMES) - 1] = f"Ask {canary('comment')}, she knows"
    if path.name == "content_inventory.csv":
        title, address = rows[0].index("Title"), rows[0].index("Address")
        for row in rows[1:60]:
            row[title] += f", for {canary('title')}@leak.example"
            row[address] = f"https://firm.example/personal/{canary('person')}/Deck.pptx"
    with path.open("w", encoding="utf-8", newline="") as out:
        csv.writer(out, delimiter=delimiter).writerows(rows)


def as_workbook(path: Path) -> None:
    """The same table as a workbook that tells who made it."""
    from openpyxl import Workbook
    from openpyxl.comments import Comment

    book = Workbook()
    with path.open(encoding="utf-8", newline="") as lines:
        for row in csv.reader(lines):
            book.active.append(row)
    book.active["A1"].comment = Comment(canary("remark"), canary("author"))
    book.properties.creator = book.properties.lastModifiedBy = canary("creator")
    book.create_sheet(canary("sheet")).sheet_state = "hidden"
    book.save(path.with_suffix(".xlsx"))
    path.unlink()


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Record, dict[str, bytes]]]:
    """The record of the company full of canaries, and every file that leaves the house, for two audiences."""
    home = tmp_path_factory.mktemp(canary("home"))
    with pytest.MonkeyPatch.context() as patch:
        for name in ("USER", "LOGNAME", "USERNAME", "HOSTNAME", "COMPUTERNAME", "API_TOKEN", "AUTHOR", "EMAIL"):
            patch.setenv(name, canary(name.lower().replace("_", "")))
        patch.setenv("HOME", str(home))
        patch.chdir(home)
        engagement, run = planted_with_canaries(home), home / "run"
        settings, tables = (prepare(engagement, run), open_run(run))[1]
        diagnostics = {"survey": survey, "content": content, "funnel": funnel}
        results = {name: each.diagnose(tables, settings) for name, each in diagnostics.items()}
        results["audit"] = audit(results, settings)
        record = Record(
            kit_version=__version__, client=settings.client, synthetic=True, period_start="2024-04-01",
            period_end="2026-03-31", as_of="2026-04-30", currency="EUR", settings_sha256=settings.sha256(),
            thresholds_lock=lock_state(engagement, settings), results=results, timezone=settings.timezone,
        )  # fmt: skip
        (home / "logo.png").write_bytes(png((b"tEXt", f"Author\0{canary('logo')}".encode())))
        (home / "brand.yml").write_text(f"# {canary('brand')}\nname: A firm\nlogo: logo.png\n", encoding="utf-8")
        brand = read_brand(home / "brand.yml")
        shared: dict[str, bytes | str] = {"results.json": to_json(record)}
        shared["list.xlsx"] = worklist.workbook(record) or b""
        for audience in ("client", "board"):
            reports, problems = make(record, audience=audience, brand=brand)
            assert problems == []
            shared |= reports
        leaks.refuse(shared, [engagement, home], record.client, tables.connection)
        yield record, {name: text.encode() if isinstance(text, str) else text for name, text in shared.items()}


def test_the_audit_used_the_rows_that_hold_canaries(made: tuple[Record, dict[str, bytes]]) -> None:
    record, files = made
    counts = {c.table: c for result in record.results.values() for c in result.row_counts}
    for table in ("leads", "stage_events", "opportunities", "sales_touches", "asset_usage", "responses", "field_notes"):
        assert counts[table].used > 15, table
    assert counts["leads"].rejected > 0 and len(files) == 10
    assert "[e-mail address]" in files["report.html"].decode()  # masked, so it was there


@pytest.mark.parametrize("name", ["results.json", "list.xlsx", *(file_name(kind, who) for who in ("client", "board")
                                  for kind in FORMATS)])  # fmt: skip
def test_S32_S43_no_canary_leaves_the_house_nor_the_name_of_a_machine_or_folder(
    made: tuple[Record, dict[str, bytes]], name: str, root: Path
) -> None:
    machine = [word for word in (socket.gethostname(),) if len(word) > 7 and word != "localhost"]
    assert hits(name, made[1][name], [STEM, *machine, str(root), "pytest-of", "site-packages"]) == set()


def test_S33_no_line_of_a_notebook_and_no_trace_of_its_run_leaves_the_house(
    made: tuple[Record, dict[str, bytes]], root: Path
) -> None:
    cells = [cell for path in (root / "notebooks").glob("*.ipynb") for cell in json.loads(path.read_text())["cells"]]
    code = {line.strip() for cell in cells if cell["cell_type"] == "code" for line in cell["source"]}
    lines = {line for line in code if len(line) > 11}
    assert len(lines) > 30
    lines |= {"Traceback (most", "ipykernel", "papermill", "run_dir", "stderr", "In [", ".ipynb_checkpoints"}
    for name, file in made[1].items():
        said = "\n".join(text for _, text in leaks.texts(name, file))
        assert [line for line in lines if line in said] == [], name


def test_S33_a_file_has_no_hidden_part_and_its_properties_name_the_kit_and_the_client_alone(
    made: tuple[Record, dict[str, bytes]],
) -> None:
    from pypdf import PdfReader

    record, files = made
    for name, file in files.items():
        if file.startswith(b"PK"):
            with zipfile.ZipFile(io.BytesIO(file)) as packed:
                parts = {each: packed.read(each).decode("utf-8", "replace") for each in packed.namelist()}
            assert not [each for each in parts if re.search("omment|custom|vba|external|revision|tags", each)], name
            assert not [each for each, text in parts.items() if re.search(r'(state="\w*idden"|show="0")', text)], name
            said = re.findall(r">([^<>\s][^<>]*)<", parts["docProps/core.xml"])
            assert {each for each in said if not re.fullmatch(r"\d{4}-\d\d-\d\dT[\d:]+Z", each)} <= {
                "alignlib", f"alignlib {__version__}", "1", "en-GB", f"Alignment audit: {record.client}",
                "Content work list"}, (name, said)  # fmt: skip
        elif name.endswith(".pdf"):
            reader = PdfReader(io.BytesIO(file))
            known = reader.metadata or {}
            assert known["/Author"] == f"alignlib {__version__}" and record.client in known["/Title"]
            assert not reader.attachments and not [p for p in reader.pages for a in p.get("/Annots", ())
                                                   if a.get_object()["/Subtype"] != "/Link"]  # fmt: skip
        elif name.endswith(".html"):
            assert re.findall(rb"<!--.{20}|<script|<\w[^>]* hidden[ >=]", file) == [], name


def test_S43_a_check_of_the_files_says_rows_columns_and_labels_and_names_nobody(tmp_path: Path) -> None:
    told = CliRunner().invoke(app, ["check", str(planted_with_canaries(tmp_path))]).output
    own = f"Note: 1 column of content_usage.parquet not mapped, and so not read: '{canary('column')}'."
    assert "2: E-DATE" in told and own in told
    assert STEM not in told.replace(own, "").replace(str(tmp_path), "") and "leak.example" not in told


def test_S46_a_crash_is_told_by_its_kind_and_place_and_no_value_leaves_the_private_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]
) -> None:
    def fails(*_: object) -> None:
        raise ValueError(f"could not convert {canary('value')} to a number")

    assert children._carry_out(fails) == {"problems": [{"code": "E-FAULT", "what": "ended with ValueError"}]}
    monkeypatch.setattr(job, "_audited", fails)
    told: list[object] = []
    record = job.carry_out(job.Order("a-1", str(tmp_path / "a"), str(tmp_path), "kit"), told.append, children.at_once)
    assert record.problem is not None and "ValueError: see private/logs/a-1-1.log" in record.problem.sentence
    assert STEM not in json.dumps(record.as_data()) + str(told) and list(tmp_path.rglob("*")) == []
    out, log = capfd.readouterr()
    assert out == "" and "Traceback" in log and "in fails" in log


def test_S32_an_audit_that_would_publish_a_leak_publishes_nothing_and_the_earlier_report_stays(
    made: tuple[Record, dict[str, bytes]], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    engagement, out = write_sample(tmp_path / "engagement"), tmp_path / "out"
    monkeypatch.setattr(pipeline, "_run", lambda name, run_dir, *_, **__: (run_dir / "results" / f"{name}.json")
                        .write_text(made[0].results[name].model_dump_json(), encoding="utf-8"))  # fmt: skip
    monkeypatch.setattr(pipeline, "_names_nobody", lambda _: None)  # here the record holds masked canaries
    held = {"pptx": "as agreed"}
    monkeypatch.setattr(report, "_rendered", lambda kind, *_: held.get(kind, "plain"))
    pipeline.run_audit(engagement, out, lambda *_: None)
    before = {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and "run" not in path.parts}
    assert out / "report.pptx" in before
    held["pptx"] = f"made in {out.resolve()}/private/run"
    with pytest.raises(AlignError) as refused:
        pipeline.run_audit(engagement, out, lambda *_: None)
    (problem,) = refused.value.problems
    assert (problem.code, problem.where) == ("E-LEAK", "report.pptx") and str(out) not in str(problem)
    assert before == {path: path.read_bytes() for path in out.rglob("*") if path.is_file() and "run" not in path.parts}
