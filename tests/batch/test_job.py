"""What becomes of a job whose step was ended in the middle of writing?"""

from collections.abc import Mapping
from pathlib import Path

from alignlib.batch.job import Order, carry_out
from alignlib.errors import AlignError, Problem
from alignlib.files import make_folder
from alignlib.runs.children import Step
from alignlib.samples import write_sample


def test_what_is_kept_of_a_failed_job_holds_no_half_file(tmp_path: Path) -> None:
    out, engagement = tmp_path / "out", write_sample(tmp_path / "engagement")

    def killed(steps: Mapping[str, Step]) -> None:
        [stage] = (out / "private" / "stage").iterdir()
        folder = make_folder(stage / "private" / "run" / "notebooks")
        (folder / "funnel.failed.ipynb").write_text("{}")
        (folder / ".tmp-1-half").write_text("{")
        raise AlignError(Problem("E-KERNEL", "was ended"))

    record = carry_out(Order("acme", str(engagement), str(out), kit="1"), lambda _: None, killed)
    assert record.state == "failed"
    assert [path.name for path in (out / "private" / "failed" / "acme").iterdir()] == ["funnel.failed.ipynb"]
