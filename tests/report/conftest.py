"""Fixtures of the report's tests."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))  # importlib mode does not: lets tests import sample_record


@pytest.fixture(scope="session")
def page() -> str:
    """The sample record as HTML, drawn once for all tests."""
    from sample_record import sample_record

    from alignlib.report import document, html

    return html.render(document.build(sample_record()))
