"""Services that get the numbers of a run: what their packages write offline, and what happens where one fails."""

import sys
import zipfile
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from detect.errors import BadInput
from detect.training.reporting import loggers
from detect.training.reporting.loggers import Described
from detect.training.reporting.services import Services, start_services
from detect.training.run_folder import RunFolder
from detect.training.settings import TrainingSettings

NAMES = ["comet", "mlflow", "wandb"]


@pytest.fixture
def offline(monkeypatch, tmp_path):
    """All services write into files, and know no user."""
    for name in ("COMET_API_KEY", "COMET_PROJECT_NAME", "WANDB_API_KEY", "WANDB_PROJECT", "MLFLOW_EXPERIMENT_NAME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("COMET_START_ONLINE", "false")
    monkeypatch.setenv("WANDB_MODE", "offline")
    monkeypatch.setenv("MLFLOW_TRACKING_URI", f"sqlite:///{tmp_path}/mlflow.db")
    monkeypatch.chdir(tmp_path)
    yield
    if wandb := sys.modules.get("wandb"):
        wandb.teardown()  # it would keep these settings


def test_each_file_of_the_package_is_a_service():
    assert loggers.names() == NAMES


def written_by_comet(folder: Path) -> list[bytes]:
    return [
        archive.read(name)
        for path in folder.glob("*.zip")
        for archive in [zipfile.ZipFile(path)]
        for name in archive.namelist()
    ]


def written_by_wandb(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in folder.rglob("*.wandb")]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "written"), [("comet", written_by_comet), ("wandb", written_by_wandb)])
def test_offline_files_have_numbers_settings_and_images(offline, tmp_path, name, written):
    path = tmp_path / "batches_train.jpg"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    logger = loggers.start(name, Described("first", tmp_path, {"optimizer.learning_rate": 0.0125}, None))
    logger.log({"train/loss": 1.5}, step=3, epoch=0.25)
    logger.log({"val/AP": 0.625}, step=4, epoch=0.5)
    logger.log_image(path)
    logger.close(completed=True)
    text = b"".join(written(tmp_path))
    for part in (b"train/loss", b"val/AP", b"optimizer.learning_rate", b"0.0125", b"0.625", b"batches_train", b"first"):
        assert part in text


@pytest.mark.slow
def test_a_run_of_mlflow_goes_on_after_an_interruption(offline, tmp_path):
    from mlflow import MlflowClient

    path = tmp_path / "predictions_val.jpg"
    Image.fromarray(np.zeros((8, 8, 3), np.uint8)).save(path)
    settings = {f"setting.{place}": place for place in range(150)} | {"long": "x" * 9000}
    first = loggers.start("mlflow", Described("first", tmp_path, settings, None))
    first.log({"train/loss": 1.5}, step=3, epoch=0.25)
    first.close(completed=False)
    assert MlflowClient().get_run(first.id).info.status == "KILLED"
    again = loggers.start("mlflow", Described("first", tmp_path, settings, first.id))
    again.log({"train/loss": 1.25}, step=8, epoch=0.75)
    again.log_image(path)
    again.close(completed=True)
    run = MlflowClient().get_run(first.id)
    assert (again.id, run.info.run_name, run.info.status) == (first.id, "first", "FINISHED")
    history = MlflowClient().get_metric_history(first.id, "train/loss")
    assert [(each.step, each.value) for each in history] == [(3, 1.5), (8, 1.25)]
    assert len(run.data.params) == 151
    assert [each.path for each in MlflowClient().list_artifacts(first.id)] == ["predictions_val.jpg"]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["comet", "wandb"])
def test_a_run_that_goes_on_has_the_same_name_on_the_service(offline, tmp_path, name):
    ids = []
    for _ in range(2):
        services = start_services(RunFolder(tmp_path), TrainingSettings(data="data", loggers=(name,)), pytest.fail)
        ids.append((tmp_path / "loggers.json").read_text())
        services.close((), completed=True)
    assert ids[0] == ids[1]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("name", "mode", "hint"), [("comet", "COMET_START_ONLINE", "COMET_API_KEY"), ("wandb", "WANDB_MODE", "wandb login")]
)
def test_a_service_that_does_not_know_the_user_is_named_at_the_start(offline, monkeypatch, tmp_path, name, mode, hint):
    monkeypatch.delenv(mode)
    with pytest.raises(BadInput, match=f"loggers: {name} cannot begin the run: .*{hint}"):
        loggers.start(name, Described("first", tmp_path, {}, None))


def test_unknown_services_and_missing_packages(monkeypatch):
    with pytest.raises(BadInput, match=r"unknown service 'wandbd'. Did you mean 'wandb'"):
        loggers.require_usable(("wandbd",))
    monkeypatch.setattr("importlib.util.find_spec", lambda name: None)
    with pytest.raises(BadInput, match=r"comet needs a package. Run: pip install comet-ml"):
        loggers.require_usable(("comet",))


class Counting:
    """A logger that counts its calls, and fails in some."""

    def __init__(self, *failing):
        self.id, self.calls, self.failing = "counting", Counter(), failing

    def _call(self, name):
        self.calls[name] += 1
        if name in self.failing:
            raise ConnectionError("the service is gone")

    def log(self, values, step, epoch):
        self._call("log")

    def log_image(self, path):
        self._call("log_image")

    def close(self, completed):
        self._call(f"close {completed}")


def test_training_goes_on_without_a_service_that_fails(tmp_path):
    said, sound, failing, failing_late = [], Counting(), Counting("log"), Counting("close True")
    services = Services({"sound": sound, "failing": failing, "late": failing_late}, said.append)
    for step in range(3):
        services.log({"train/loss": 1.0}, step, epoch=0.0)
    (tmp_path / "there.jpg").touch()
    services.close((tmp_path / "there.jpg", tmp_path / "missing.jpg"), completed=True)
    assert sound.calls == {"log": 3, "log_image": 1, "close True": 1}
    assert failing.calls == {"log": 1}
    assert [text.split(" failed")[0] for text in said] == ["Warning: failing", "Warning: late"]
