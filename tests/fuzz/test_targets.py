"""The fuzz targets themselves, without a fuzzer: what they begin with, and every input that once broke one."""

import pytest
from run import SHARES
from targets import TARGETS, forget, known_faults, seeds

# A Parquet file is read in a process of its own; the same files go the whole way in ../intake/test_generated.py.
TRIED = {"parquet": 4}


@pytest.mark.parametrize("name", SHARES)
def test_no_seed_and_no_known_fault_breaks_a_target(name: str) -> None:
    inputs = [*seeds(name)][: TRIED.get(name, 12)] + known_faults(name)
    assert inputs
    for data in inputs:
        TARGETS[name](data)
        TARGETS[name](data[: len(data) // 2])
    forget()


def test_the_driver_names_every_target() -> None:
    assert set(SHARES) == set(TARGETS)
