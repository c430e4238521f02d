"""Fixtures that several test files use."""

from pathlib import Path

import pytest

import detect  # noqa: F401  (sets the environment before TensorFlow is imported)


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The folder of real data beside the checkout; tests that need it are skipped where there is none."""
    folder = Path(__file__).parents[2] / "shared" / "data"
    if not folder.is_dir():
        pytest.skip(f"needs the real data sets in {folder}")
    return folder
