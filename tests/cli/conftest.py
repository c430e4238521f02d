"""Commands in this process, and data and models to run them on."""

from pathlib import Path
from typing import NamedTuple

import pytest

from detect.cli.main import run


class Outcome(NamedTuple):
    """How a command ended."""

    code: int
    out: str
    err: str


@pytest.fixture
def command(capfd):
    """A function that runs `detect` with the given words and returns how it ended."""

    def run_words(*words) -> Outcome:
        capfd.readouterr()
        code = run([str(word) for word in words])
        return Outcome(code, *capfd.readouterr())

    return run_words


@pytest.fixture(scope="session")
def shapes(tmp_path_factory) -> Path:
    """The description of a dataset of a few small images."""
    from detect.data.shapes import write_shapes

    return write_shapes(tmp_path_factory.mktemp("shapes"), train=8, val=4, image_size=64)


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory) -> Path:
    """A saved model with random weights for the classes of `shapes`."""
    from detect import models
    from detect.data.shapes import CLASSES
    from detect.models.card import ModelCard
    from detect.models.saving import save

    folder = tmp_path_factory.mktemp("models") / "untrained"
    detector = models.create("yolox-micro", len(CLASSES), width=0.0625, depth=0.0)
    card = ModelCard(
        model="yolox-micro",
        config=detector.config.model_dump(),
        classes=CLASSES,
        category_ids=tuple(range(1, len(CLASSES) + 1)),
        image_size=64,
    )
    save(detector, card, folder)
    return folder


@pytest.fixture(scope="session")
def loaded_model(model_folder):
    from detect.inference.loading import load

    return load(model_folder)


@pytest.fixture
def model(monkeypatch, model_folder, loaded_model) -> Path:
    """The folder of a model that commands find already loaded, because loading and compiling it takes seconds."""
    monkeypatch.setattr("detect.inference.loading.load", lambda *_, **options: loaded_model)
    monkeypatch.setattr("detect.evaluation.evaluation_run.load", lambda *_, **options: loaded_model)
    return model_folder
