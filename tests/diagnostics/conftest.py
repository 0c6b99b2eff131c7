"""Fixtures of the diagnostics' tests."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from alignlib.intake.tables import Tables

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not: lets tests import tables_by_hand


@pytest.fixture
def make_tables() -> Callable[..., Tables]:
    """The helper that writes tables by hand: ``make_tables({"leads": [{"lead_id": "1", ...}]})``."""
    from tables_by_hand import make_tables as make

    return make
