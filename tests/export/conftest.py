"""A small model to export, and the same in TensorFlow."""

import pytest
from light_models import saved_small

from detect.inference.loading import load


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a small model in it."""
    folder = tmp_path_factory.mktemp("runs") / "small"
    saved_small(folder / "best", image_size=304)
    return folder


@pytest.fixture(scope="module")
def original(run):
    """The model of the run in TensorFlow."""
    return load(run, backend="tensorflow")
