"""The command for many audits: what it does once, what it does again, and what one client's fault means for others."""

import json
import os
import shutil
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))
from conftest import CLIENTS, Batch
from running import Run, adds_up, audits, command, litter, records, report, standing, states, torn

from alignlib.files import sha256
from alignlib.runs.processes import unfit

pytestmark = [pytest.mark.faults, pytest.mark.skipif(bool(unfit()), reason=unfit())]
ALL_DONE = dict.fromkeys(CLIENTS, "done")
ALL_SKIPPED = dict.fromkeys(CLIENTS, "skipped")


def everything(folder: Path) -> dict[str, tuple[str, int]]:
    """Each file below a folder, with its digest and when it was written."""
    files = (path for path in sorted(folder.rglob("*")) if path.is_file())
    return {path.relative_to(folder).as_posix(): (sha256(path), path.stat().st_mtime_ns) for path in files}


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


def audit_of(out: Path, name: str) -> Path:
    return out / str(records(out)[name]["folder"])


def test_every_engagement_gets_a_whole_audit_and_nothing_else_is_left(finished: Path) -> None:
    assert states(finished) == ALL_DONE and adds_up(finished)
    assert report(finished)["counts"] == {"done": 4, "failed": 0, "skipped": 0, "not started": 0}
    assert torn(finished) == [] and litter(finished) == []
    for name, client in CLIENTS.items():
        audit, record = audit_of(finished, name), records(finished)[name]
        assert {path.name for path in audit.iterdir() if path.is_file()} >= {
            "report.html", "report.pdf", "report.pptx", "report.xlsx", "results.json"
        }  # fmt: skip
        assert record["client"] == client == json.loads((audit / "results.json").read_text())["client"]
        assert record["attempt"] == 1 and record["cpu_seconds"] > 0 and record["peak_mb"] > 0
        assert (audit / "private").stat().st_mode & 0o77 == 0
    assert {path.name for path in finished.iterdir()} >= {"index.html", "findings.xlsx", "batch-report.json"}
    assert (finished / "private").stat().st_mode & 0o77 == 0
    assert len(standing(finished)) == 4


def test_nothing_of_one_client_is_in_a_file_of_another(finished: Path) -> None:
    for name in CLIENTS:
        job = str(records(finished)[name]["job"])
        own = [*(finished / "clients" / job).rglob("*"), *(finished / "private").rglob(f"{job}*")]
        texts = [(path, path.read_bytes()) for path in own if path.is_file()]
        others = [
            f"{kind}-{other}-" for other in CLIENTS if other != name for kind in ("lead", "rep", "deal", "contact")
        ]
        others += [client for other, client in CLIENTS.items() if other != name]
        assert [(path, word) for path, text in texts for word in others if word.encode() in text] == []
        assert any(f"lead-{name}-".encode() in text for _, text in texts)  # so that one would be found
        shared = [text for path, text in texts if "private" not in path.parts]
        assert not [text for text in shared if f"contact-{name}".encode() in text]


def test_what_did_not_change_is_skipped_and_no_file_of_it_is_written(
    finished: Path, engagements: Path, batch: Batch
) -> None:
    before = everything(finished / "clients")
    ended = batch(engagements, "--out", finished)
    assert ended.code == 0 and states(finished) == ALL_SKIPPED and adds_up(finished)
    assert everything(finished / "clients") == before
    assert "4 engagements: 0 done, 0 failed, 4 skipped, 0 not started" in ended.told
    assert litter(finished) == []


def test_a_failing_client_stops_no_other_and_the_next_run_does_only_what_is_left(
    portfolio: Path, tmp_path: Path, batch: Batch, undisturbed: Path
) -> None:
    out, leads = tmp_path / "out", portfolio / "bolt" / "data" / "leads.csv"
    good = leads.read_bytes()
    leads.write_bytes(good.replace(b"2026-01-05", b"2026-13-05"))
    (portfolio / "cobra" / "data" / "deals.csv").unlink()
    ended = batch(portfolio, "--out", out)
    assert ended.code == 1 and adds_up(out)
    assert states(out) == ALL_DONE | {"cobra": "failed"}  # a row with an impossible date is rejected, and told
    problem = records(out)["cobra"]["problem"]
    assert (problem["class"], problem["code"]) == ("settings", "E-OPEN") and "deals.csv" in problem["sentence"]
    assert ended.said.count("failed: cobra: deals.csv") == 1 and "Traceback" not in ended.said
    assert not list((out / "clients").glob("cobra-*"))

    leads.write_bytes(good)
    shutil.copy(portfolio / "acme" / "data" / "deals.csv", portfolio / "cobra" / "data")
    ended = batch(portfolio, "--out", out)
    assert ended.code == 0 and adds_up(out)
    assert states(out) == ALL_SKIPPED | {"bolt": "done", "cobra": "done"}
    assert len(list((out / "clients").glob("bolt-*/*"))) == 2  # the one that was stands beside the one that is
    told = audits(out)
    assert {folder: files for folder, files in told.items() if "/cobra-" not in folder}.items() >= {
        folder: files for folder, files in audits(undisturbed).items() if "/cobra-" not in folder
    }.items()  # fmt: skip
    assert torn(out) == []


def test_force_writes_beside_what_stands_and_only_takes_those_that_are_named(
    finished: Path, engagements: Path, batch: Batch
) -> None:
    before, told = everything(finished / "clients"), audits(finished)
    ended = batch(engagements, "--out", finished, "--force", "--only", "ac*", "--only", "bolt")
    assert ended.code == 0 and states(finished) == ALL_DONE and adds_up(finished)
    assert "4 engagements: 4 done" in ended.told
    after = everything(finished / "clients")
    assert {name: after[name] for name in before} == before
    new = {folder: files for folder, files in audits(finished).items() if folder not in told}
    assert sorted(new) == sorted(f"{folder}-2" for folder in told if "/acme-" in folder or "/bolt-" in folder)
    assert all(files == told[folder.removesuffix("-2")] for folder, files in new.items())
    assert audit_of(finished, "acme").name.endswith("-2") and torn(finished) == []


def test_those_not_meant_are_not_started_and_the_sum_is_the_plan(portfolio: Path, tmp_path: Path, batch: Batch) -> None:
    out = tmp_path / "out"
    assert batch(portfolio, "--out", out, "--since", "2100-01-01").code == 0
    assert report(out)["counts"] == {"done": 0, "failed": 0, "skipped": 0, "not started": 4} and adds_up(out)
    os.utime(portfolio / "delta" / "data" / "leads.csv", (4102444800 + 86400 * 40,) * 2)
    ended = batch(portfolio, "--out", out, "--since", "2100-01-01", "--json")
    assert ended.code == 0 and states(out) == {"delta": "done"} and adds_up(out)
    assert report(out)["counts"] == {"done": 1, "failed": 0, "skipped": 0, "not started": 3}
    events = [json.loads(line) for line in ended.told.splitlines()]
    kinds = list(dict.fromkeys(event["event"] for event in events))
    assert kinds == ["plan", "begin", "step", "end"] and events[-1]["record"] == records(out)["delta"]
    assert batch(portfolio, "--out", out, "--only", "nobody").code == 2


@pytest.mark.parametrize("name", ["report.pdf", "results.json", "notebooks/audit.ipynb"])
@pytest.mark.parametrize("how", ["a bit is flipped", "it is cut short", "it is gone"])
def test_F12_verify_names_each_file_that_is_not_what_was_written(
    name: str, how: str, finished: Path, batch: Batch
) -> None:
    ended = batch(finished, "--out", finished, "--verify")
    assert (ended.code, ended.said) == (0, "") and "Every file" in ended.told
    path = audit_of(finished, "bolt") / name
    match how:
        case "a bit is flipped":
            flip(path)
        case "it is cut short":
            os.truncate(path, path.stat().st_size - 1)
        case "it is gone":
            path.unlink()
    before = everything(finished)
    ended = batch(finished, "--out", finished, "--verify")
    assert ended.code == 1 and ended.said.count("[E-CORRUPT]") == 1 and name in ended.said
    assert everything(finished) == before


@pytest.mark.parametrize("name", ["results.json", "private/done.json"])
def test_F12_a_damaged_audit_is_made_anew_beside_it(name: str, finished: Path, engagements: Path, batch: Batch) -> None:
    before, told = audit_of(finished, "cobra"), audits(finished)
    flip(before / name)
    kept = everything(before)
    assert batch(engagements, "--out", finished).code == 0
    assert states(finished) == ALL_SKIPPED | {"cobra": "done"} and everything(before) == kept
    now = audit_of(finished, "cobra")
    assert (
        now != before
        and audits(finished)[now.relative_to(finished).as_posix()] == (told[before.relative_to(finished).as_posix()])
    )
    ended = batch(engagements, "--out", finished, "--verify")
    assert ended.code == 1 and before.name in ended.said  # until somebody has taken it away: it may have been given out
    shutil.rmtree(before)
    assert batch(engagements, "--out", finished, "--verify").code == 0


def test_F12_what_was_recorded_of_jobs_can_be_lost_or_damaged_and_is_made_anew(
    finished: Path, engagements: Path, batch: Batch
) -> None:
    before = everything(finished / "clients")
    jobs = {name: finished / "private" / "jobs" / f"{record['job']}.json" for name, record in records(finished).items()}
    jobs["acme"].unlink()
    jobs["bolt"].write_text('{"job": ')
    flip(next((finished / "clients").glob("acme-*/*/report.html")))
    ended = batch(engagements, "--out", finished, "--verify")
    assert ended.code == 1 and "report.html" in ended.said and jobs["bolt"].stem in ended.said
    flip(next((finished / "clients").glob("acme-*/*/report.html")))
    assert batch(engagements, "--out", finished).code == 0
    assert states(finished) == ALL_SKIPPED and everything(finished / "clients").keys() == before.keys()


def test_verify_of_a_folder_that_holds_no_batch_is_refused(engagements: Path, tmp_path: Path, batch: Batch) -> None:
    ended = batch(engagements, "--out", tmp_path / "nothing", "--verify")
    assert ended.code == 1 and "[E-OPEN]" in ended.said and not (tmp_path / "nothing").exists()


def test_a_log_gets_one_line_a_job_and_a_quiet_one_only_what_failed(
    portfolio: Path, tmp_path: Path, batch: Batch
) -> None:
    (portfolio / "bolt" / "data" / "deals.csv").unlink()
    out = tmp_path / "out"
    said = batch(portfolio, "--out", out, "--only", "acme", "--only", "bolt").said.splitlines()
    assert said[0].startswith("2 engagements, ") and len(said) == 3
    assert sorted(line[:5] for line in said[1:]) == ["[1/2]", "[2/2]"]
    said = batch(portfolio, "--out", out, "--only", "acme", "--only", "bolt", "--quiet").said.splitlines()
    assert len(said) == 1 and "failed: bolt: deals.csv" in said[0]


def test_F13_another_runner_on_the_same_folder_is_turned_away_and_harms_nothing(
    finished: Path, engagements: Path, batch: Batch
) -> None:
    from alignlib.files import locked

    before = everything(finished)
    with locked(finished / "private" / "lock"):
        ended = batch(engagements, "--out", finished)
    assert ended.code == 3 and "[E-LOCKED]" in ended.said and everything(finished) == before


def test_the_helpers_of_these_tests_see_what_they_look_for(tmp_path: Path, finished: Path) -> None:
    """A search that finds nothing proves nothing, unless it is known to find."""
    code = "import subprocess, time; subprocess.Popen(['sleep', '1000']); time.sleep(1000)"
    run = Run([sys.executable, "-c", code], tmp_path / "run", os.environ)
    while len(run.processes()) < 2:
        pass
    assert run.process.pid in run.processes()
    run.end()
    assert run.left() == []
    assert command("a", "--out", "b")[-3:] == ["a", "--out", "b"]
    flip(standing(finished)[0] / "report.html")
    (finished / "clients" / ".tmp-1").touch()
    assert len(torn(finished)) == 2


def test_an_audit_that_lacks_a_format_is_told_each_time_and_made_again(
    finished: Path, engagements: Path, batch: Batch
) -> None:
    done = audit_of(finished, "acme") / "private" / "done.json"
    said = json.loads(done.read_text())
    problem = {"code": "E-MAKE", "what": "the PDF could not be made", "where": "report.pdf", "allowed": "", "fix": ""}
    done.write_text(json.dumps(said | {"undelivered": [problem]}))
    assert batch(engagements, "--out", finished).code == 0
    assert states(finished) == ALL_SKIPPED | {"acme": "done"}
    assert len(list((finished / "clients").glob("acme-*/*"))) == 2


def test_a_quiet_batch_in_which_nothing_went_wrong_says_nothing(
    finished: Path, engagements: Path, batch: Batch
) -> None:
    ended = batch(engagements, "--out", finished, "--quiet")
    assert (ended.code, ended.said, ended.told) == (0, "", "")


def test_the_exit_code_is_of_what_this_run_did(portfolio: Path, finished: Path, batch: Batch) -> None:
    (portfolio / "bolt" / "data" / "deals.csv").unlink()
    assert batch(portfolio, "--out", finished).code == 1
    assert batch(portfolio, "--out", finished, "--only", "acme").code == 0


def test_verify_reads_earlier_audits_too(finished: Path, engagements: Path, batch: Batch) -> None:
    earlier = audit_of(finished, "acme")
    assert batch(engagements, "--out", finished, "--only", "acme", "--force").code == 0
    assert audit_of(finished, "acme") != earlier
    flip(earlier / "report.html")
    ended = batch(engagements, "--out", finished, "--verify")
    assert ended.code == 1 and earlier.name in ended.said


def test_audits_of_two_clients_never_share_a_folder(portfolio: Path, finished: Path, batch: Batch) -> None:
    settings = portfolio / "acme" / "engagement.yml"
    settings.write_text(settings.read_text().replace("client: Acme Works", "client: Somebody Else"))
    ended = batch(portfolio, "--out", finished, "--only", "acme")
    assert ended.code == 1 and "another client" in ended.said and "[E-USE]" in ended.said
    assert len(list((finished / "clients").glob("acme-*/*"))) == 1


def test_no_file_of_the_folder_one_works_in_is_taken_for_code(
    finished: Path, engagements: Path, tmp_path: Path
) -> None:
    here = tmp_path / "run"
    here.mkdir()
    for name in ("xlsxwriter", "jinja2", "pydantic"):
        (here / f"{name}.py").write_text("raise SystemExit('a file of a client was run')")
    program = str(Path(sys.executable).parent / "alignlib")
    ended = Run([program, "batch", str(engagements), "--out", str(finished)], here, os.environ).wait()
    assert ended.code == 0 and "a file of a client" not in ended.said


def test_a_machine_that_has_no_process_to_spare_costs_no_other_job_its_process(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from alignlib.batch import local
    from alignlib.batch.job import LOGS, Order
    from alignlib.errors import AlignError, Problem

    class Busy:
        asked = closed = 0

        def fork(self, *given: object) -> object:
            Busy.asked += 1
            raise AlignError(Problem("E-KERNEL", "the warm process does not answer"))

        def is_alive(self) -> bool:
            return True

        def close(self) -> None:
            Busy.closed += 1

    (tmp_path / LOGS).mkdir(parents=True)
    monkeypatch.setattr(local.time, "sleep", lambda _: None)
    place = local.Place((), lambda event: None, adopts=False)
    place.close()
    place._warm = Busy()  # type: ignore[assignment]
    orders = [Order(name, str(tmp_path / name), str(tmp_path), "kit") for name in ("a", "b")]
    records_of_both = list(local.carry_out(orders, 2, lambda event: None, place))
    assert [(record.job, record.state) for record in records_of_both] == [("a", "failed"), ("b", "failed")]
    assert Busy.asked == 2 * local.TRIES and Busy.closed == 0
