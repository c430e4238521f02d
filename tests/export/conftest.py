"""A small model to export, and the same in TensorFlow."""

import pytest


@pytest.fixture(scope="module")
def run(tmp_path_factory):
    """A run folder with a small model in it."""
    from light_models import saved_small

    folder = tmp_path_factory.mktemp("runs") / "small"
    saved_small(folder / "best", image_size=72)
    return folder


@pytest.fixture(scope="module")
def original(run):
    """The model of the run in TensorFlow."""
    from detect.inference.loading import load

    return load(run, backend="tensorflow")
